//! Acts of a person in the portal.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::world::act;
use super::{Act, EARLY, EVER, How, LATER, Outcome};
use crate::Result;
use crate::accounts::known;
use crate::configs::Type;
use crate::rng::Rng;
use crate::run::Run;
use Type::{Assignment as A, Connection as C, Mirror as M, Replication as R};

pub fn acts() -> Vec<Act> {
    let mut acts = vec![
        act!("the connection is renamed", &[C], LATER, 6, rename_connection),
        act!("the connection is deleted", &[C, M, R], LATER, 4, delete_connection),
        act!("the connection gets other credentials", &[C, R], LATER, 6, other_credentials),
        act!("the connection gets another privacy level", &[C], LATER, 6, other_privacy),
        act!("the connection loses its encryption", &[C], LATER, 6, other_encryption),
        act!("the connection is shared", &[C], LATER, 4, share_connection),
        act!("somebody has a connection of our name", &[C], EARLY, 6, connection_first),
        act!("somebody makes another connection", &[C], EVER, 4, another_connection),
        act!("the workspace role is changed", &[A, R], LATER, 6, change_role),
        act!("the workspace role is removed", &[A, R], LATER, 6, remove_role),
        act!("the workspace role is removed and given again", &[A], LATER, 6, give_role_again),
        act!("somebody gave the workspace role", &[A], EARLY, 6, role_first),
        act!("somebody else gets a workspace role", &[A], EVER, 6, other_role),
    ];
    acts.extend(of_mirrors());
    acts
}

fn of_mirrors() -> Vec<Act> {
    vec![
        act!("the mirror is put into a folder", &[M], LATER, 6, into_folder),
        act!("the mirror is taken out of its folder", &[M], LATER, 3, out_of_folder),
        act!("the mirror is renamed", &[M], LATER, 6, rename_mirror),
        act!("the mirror is described", &[M], LATER, 6, describe_mirror),
        act!("the mirror is deleted", &[M, R], LATER, 4, delete_mirror),
        act!("the mirror is deleted and made again", &[M, R], LATER, 3, remake_mirror),
        act!("tables are added to the mirror", &[M], LATER, 6, list_tables),
        act!("the mirror takes all tables", &[M], LATER, 6, all_tables),
        act!("the mirror's retention is changed", &[M], LATER, 6, other_retention),
        act!("somebody has a mirror of our name", &[M], EARLY, 4, mirror_first),
        act!("the mirror is stopped", &[M, R], LATER, 6, stop_mirror),
        act!("the mirror is started", &[M, R], LATER, 6, start_mirror),
        act!("the mirror is stopped and started", &[M, R], LATER, 4, restart_mirror),
        act!("the mirror is stopped in mid-start", &[M, R], LATER, 3, start_and_stop),
    ]
}

/// What a call came to. Only a service that is broken is an error.
pub async fn call(run: &Run, method: &str, path: &str, body: Option<Value>) -> Result<Outcome> {
    let (status, answer) = run.world.rest(method, path, body.as_ref()).await?;
    match status {
        200..300 => Ok(Outcome::Done),
        // A capacity that is paused may answer so.
        503 if answer["errorCode"] == "CapacityNotActive" => {
            Ok(Outcome::Impossible("the capacity is paused".to_owned()))
        }
        500.. => Err(format!("{method} {path}: {status} {answer}").into()),
        _ => Ok(Outcome::Impossible(format!("{method} {path}: {status} {}", answer["errorCode"]))),
    }
}

fn nothing() -> Result<Outcome> {
    Ok(Outcome::Impossible("it is not there".to_owned()))
}

/// An attribute of our object of this type, in the state.
fn ours(run: &Run, of: Type, attribute: &str) -> Option<String> {
    let object = run.us.state.objects.values().find(|object| object.type_name == of.name())?;
    known(&object.value, attribute).map(str::to_owned)
}

async fn on_connection(run: &mut Run, method: &str, body: Option<Value>) -> Result<Outcome> {
    let Some(id) = ours(run, C, "id") else { return nothing() };
    call(run, method, &format!("/connections/{id}"), body).await
}

fn patch(fields: Value) -> Option<Value> {
    let mut body = json!({ "connectivityType": "ShareableCloud" });
    if let (Some(body), Some(fields)) = (body.as_object_mut(), fields.as_object()) {
        body.extend(fields.clone());
    }
    Some(body)
}

async fn rename_connection(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    on_connection(run, "PATCH", patch(json!({ "displayName": "renamed in the portal" }))).await
}

async fn delete_connection(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    on_connection(run, "DELETE", None).await
}

fn credentials(run: &Run, encryption: &str) -> Value {
    json!({
        "singleSignOnType": "None",
        "connectionEncryption": encryption,
        "skipTestConnection": false,
        "credentials": {
            "credentialType": "Basic",
            "username": run.world.ready.sql.username,
            "password": run.world.ready.sql.password,
        },
    })
}

async fn other_credentials(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    let body = patch(json!({ "credentialDetails": credentials(run, "Encrypted") }));
    on_connection(run, "PATCH", body).await
}

async fn other_encryption(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    let body = patch(json!({ "credentialDetails": credentials(run, "NotEncrypted") }));
    on_connection(run, "PATCH", body).await
}

async fn other_privacy(run: &mut Run, rng: &mut Rng) -> Result<Outcome> {
    let level = rng.one(&["None", "Private", "Public"]);
    on_connection(run, "PATCH", patch(json!({ "privacyLevel": level }))).await
}

async fn share_connection(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    let Some(id) = ours(run, C, "id") else { return nothing() };
    let body = json!({ "principal": { "id": run.places.text("@bob"), "type": "User" }, "role": "User" });
    call(run, "POST", &format!("/connections/{id}/roleAssignments"), Some(body)).await
}

/// A connection like ours, as the administrator of the instance.
async fn make_connection(run: &Run, name: &str) -> Result<Outcome> {
    make_connection_of(run, name, "AzureSqlMI", "AzureSqlMI.Database").await
}

/// One of the kind that mirroring does not take.
pub async fn make_generic_connection(run: &Run, name: &str) -> Result<Outcome> {
    make_connection_of(run, name, "SQL", "SQL").await
}

/// The id of a connection by its name.
pub async fn connection_named(run: &Run, name: &str) -> Result<String> {
    let mut path = "/connections".to_owned();
    loop {
        let (_, answer) = run.world.rest("GET", &path, None).await?;
        let all = answer["value"].as_array().cloned().unwrap_or_default();
        if let Some(id) = all.iter().find(|it| it["displayName"] == name).and_then(|it| it["id"].as_str()) {
            return Ok(id.to_owned());
        }
        match answer["continuationToken"].as_str() {
            Some(token) => path = format!("/connections?continuationToken={token}"),
            None => return Err(format!("the connection {name} is not listed: {answer}").into()),
        }
    }
}

async fn make_connection_of(run: &Run, name: &str, kind: &str, method: &str) -> Result<Outcome> {
    let parameter = |name: &str, value: &str| json!({ "dataType": "Text", "name": name, "value": value });
    let body = json!({
        "connectivityType": "ShareableCloud",
        "displayName": name,
        "privacyLevel": "Organizational",
        "connectionDetails": {
            "type": kind,
            "creationMethod": method,
            "parameters": [parameter("server", &run.world.ready.sql.server), parameter("database", "Sales")],
        },
        "credentialDetails": credentials(run, "Encrypted"),
    });
    call(run, "POST", "/connections", Some(body)).await
}

fn configured_name(run: &Run, of: Type) -> Option<String> {
    let block = run.us.configuration.blocks.iter().find(|block| block.type_name == of.name())?;
    match block.attributes.get("display_name")? {
        tfplugin::testing::Expression::Value(tfplugin::Dynamic::String(text)) => Some(text.clone()),
        _ => None,
    }
}

async fn connection_first(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    let Some(name) = configured_name(run, C) else { return nothing() };
    make_connection(run, &name).await
}

async fn another_connection(run: &mut Run, rng: &mut Rng) -> Result<Outcome> {
    make_connection(run, &format!("of others {}", rng.below(1_000_000))).await
}

/// The path of our role assignment.
fn assignment(run: &Run) -> Option<String> {
    Some(format!("{}/{}", run.places.text("/workspaces/@workspace/roleAssignments"), ours(run, A, "id")?))
}

async fn change_role(run: &mut Run, rng: &mut Rng) -> Result<Outcome> {
    let Some(path) = assignment(run) else { return nothing() };
    let role = rng.one(&["Member", "Viewer", "Admin"]);
    call(run, "PATCH", &path, Some(json!({ "role": role }))).await
}

async fn remove_role(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    let Some(path) = assignment(run) else { return nothing() };
    call(run, "DELETE", &path, None).await
}

async fn give_role(run: &Run, principal: &str, kind: &str, role: &str) -> Result<Outcome> {
    let body = json!({ "principal": { "id": principal, "type": kind }, "role": role });
    call(run, "POST", &run.places.text("/workspaces/@workspace/roleAssignments"), Some(body)).await
}

/// Who our block is about.
fn principal(run: &Run) -> Option<(String, String)> {
    let block = run.us.configuration.blocks.iter().find(|block| block.type_name == A.name())?;
    let tfplugin::testing::Expression::Object(principal) = block.attributes.get("principal")? else { return None };
    let text = |name: &str| match principal.get(name)? {
        tfplugin::testing::Expression::Value(tfplugin::Dynamic::String(text)) => {
            Some(run.places.text(text).to_lowercase())
        }
        _ => None,
    };
    let id = text("id")?;
    let kind = if id == run.places.text("@bob") {
        "User"
    } else if id == run.places.text("@team") {
        "Group"
    } else {
        "ServicePrincipal"
    };
    Some((id, kind.to_owned()))
}

async fn give_role_again(run: &mut Run, rng: &mut Rng) -> Result<Outcome> {
    let Some(path) = assignment(run) else { return nothing() };
    let Some((id, kind)) = principal(run) else { return nothing() };
    match call(run, "DELETE", &path, None).await? {
        Outcome::Done => give_role(run, &id, &kind, rng.one(&["Contributor", "Member"])).await,
        other => Ok(other),
    }
}

async fn role_first(run: &mut Run, rng: &mut Rng) -> Result<Outcome> {
    let Some((id, kind)) = principal(run) else { return nothing() };
    give_role(run, &id, &kind, rng.one(&["Contributor", "Viewer"])).await
}

async fn other_role(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    let bob = run.places.text("@bob");
    let ours = principal(run).map(|(id, _)| id);
    if ours.as_deref() == Some(bob.as_str()) {
        return give_role(run, &run.places.text("@team"), "Group", "Viewer").await;
    }
    give_role(run, &bob, "User", "Viewer").await
}

/// The path of our mirror.
fn mirror(run: &Run) -> Option<String> {
    Some(format!("{}/{}", run.places.text("/workspaces/@workspace/mirroredDatabases"), ours(run, M, "id")?))
}

async fn on_mirror(run: &mut Run, method: &str, verb: &str, body: Option<Value>) -> Result<Outcome> {
    let Some(path) = mirror(run) else { return nothing() };
    call(run, method, &format!("{path}{verb}"), body).await
}

async fn move_mirror(run: &mut Run, body: Value) -> Result<Outcome> {
    let Some(id) = ours(run, M, "id") else { return nothing() };
    let path = format!("{}/{id}/move", run.places.text("/workspaces/@workspace/items"));
    call(run, "POST", &path, Some(body)).await
}

async fn into_folder(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    let body = json!({ "targetFolderId": run.places.text("@folder") });
    move_mirror(run, body).await
}

async fn out_of_folder(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    move_mirror(run, json!({})).await
}

async fn rename_mirror(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    on_mirror(run, "PATCH", "", Some(json!({ "displayName": "Renamed in the portal" }))).await
}

async fn describe_mirror(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    on_mirror(run, "PATCH", "", Some(json!({ "description": "described in the portal" }))).await
}

async fn delete_mirror(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    on_mirror(run, "DELETE", "", None).await
}

/// The definition of our mirror, changed.
async fn redefine(run: &mut Run, change: impl FnOnce(&mut Value)) -> Result<Outcome> {
    let Some(path) = mirror(run) else { return nothing() };
    let (status, mut answer) = run.world.rest("POST", &format!("{path}/getDefinition"), None).await?;
    if status != 200 {
        return Ok(Outcome::Impossible(format!("getDefinition: {status} {}", answer["errorCode"])));
    }
    let Some(part) =
        answer["definition"]["parts"].as_array_mut().into_iter().flatten().find(|it| it["path"] == "mirroring.json")
    else {
        return Err(format!("no mirroring.json in {answer}").into());
    };
    let payload = STANDARD.decode(part["payload"].as_str().unwrap_or_default())?;
    let mut mirroring: Value = serde_json::from_slice(&payload)?;
    change(&mut mirroring["properties"]);
    let payload = STANDARD.encode(serde_json::to_vec(&mirroring)?);
    let part = json!({ "path": "mirroring.json", "payload": payload, "payloadType": "InlineBase64" });
    let body = json!({ "definition": { "parts": [part] } });
    call(run, "POST", &format!("{path}/updateDefinition"), Some(body)).await
}

fn mounted(schema: &str, name: &str) -> Value {
    json!({ "source": { "typeProperties": { "schemaName": schema, "tableName": name } } })
}

async fn list_tables(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    redefine(run, |properties| {
        properties["mountedTables"] = json!([mounted("dbo", "Orders"), mounted("dbo", "Documents")]);
    })
    .await
}

async fn all_tables(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    redefine(run, |properties| {
        properties.as_object_mut().and_then(|it| it.remove("mountedTables"));
    })
    .await
}

async fn other_retention(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    redefine(run, |properties| properties["target"]["typeProperties"]["retentionInDays"] = json!(21)).await
}

/// A mirror made in the portal, with a connection and a name.
async fn make_mirror(run: &Run, name: &str, connection: &str) -> Result<Outcome> {
    let mirroring = json!({ "properties": {
        "source": { "type": "AzureSqlMI", "typeProperties": { "connection": connection } },
        "target": { "type": "MountedRelationalDatabase", "typeProperties": { "defaultSchema": "dbo", "format": "Delta" } },
    } });
    let payload = STANDARD.encode(serde_json::to_vec(&mirroring)?);
    let part = json!({ "path": "mirroring.json", "payload": payload, "payloadType": "InlineBase64" });
    let body = json!({ "displayName": name, "definition": { "parts": [part] } });
    call(run, "POST", &run.places.text("/workspaces/@workspace/mirroredDatabases"), Some(body)).await
}

async fn remake_mirror(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    let (Some(connection), Some(name)) = (ours(run, C, "id"), ours(run, M, "display_name")) else { return nothing() };
    match on_mirror(run, "DELETE", "", None).await? {
        Outcome::Done => {
            run.world.advance(60).await?;
            make_mirror(run, &name, &connection).await
        }
        other => Ok(other),
    }
}

/// With a connection of their own.
async fn mirror_first(run: &mut Run, rng: &mut Rng) -> Result<Outcome> {
    let Some(name) = configured_name(run, M) else { return nothing() };
    let own = format!("of others {}", rng.below(1_000_000));
    match make_connection(run, &own).await? {
        Outcome::Done => {}
        other => return Ok(other),
    }
    let id = connection_named(run, &own).await?;
    make_mirror(run, &name, &id).await
}

async fn stop_mirror(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    let outcome = on_mirror(run, "POST", "/stopMirroring", None).await?;
    run.world.advance(60).await?;
    Ok(outcome)
}

async fn start_mirror(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    on_mirror(run, "POST", "/startMirroring", None).await
}

async fn restart_mirror(run: &mut Run, rng: &mut Rng) -> Result<Outcome> {
    match stop_mirror(run, rng).await? {
        Outcome::Done => start_mirror(run, rng).await,
        other => Ok(other),
    }
}

async fn start_and_stop(run: &mut Run, rng: &mut Rng) -> Result<Outcome> {
    match stop_mirror(run, rng).await? {
        Outcome::Done => {}
        other => return Ok(other),
    }
    match start_mirror(run, rng).await? {
        Outcome::Done => {
            run.world.advance(40).await?;
            stop_mirror(run, rng).await
        }
        other => Ok(other),
    }
}
