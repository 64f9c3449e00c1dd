//! What the emulator holds and has seen, as the stories ask for it.

use fabricmirror_tests::run::Run;
use fabricmirror_tests::{Result, fail};
use serde_json::{Value, json};

use crate::hcl::MIRROR;
use crate::tutorial::values;

/// How far the journal has come.
pub async fn now(run: &Run) -> Result<usize> {
    Ok(run.emulator.requests().await?.len())
}

/// The statements since then that changed something; those that were refused did not.
pub async fn changes(run: &Run, since: usize) -> Result<Vec<String>> {
    const CHANGING: [&str; 6] = ["ALTER ", "CREATE ", "DENY ", "DROP ", "GRANT ", "REVOKE "];
    let entries = run.emulator.requests().await?.split_off(since);
    let texts = entries.iter().filter(|it| it["error"].is_null()).filter_map(|it| it["text"].as_str());
    let changes =
        |text: &&str| text.lines().any(|line| CHANGING.iter().any(|word| line.trim_start().starts_with(word)));
    Ok(texts.filter(changes).map(str::to_owned).collect())
}

/// Nothing was changed on the instance since then.
pub async fn is_untouched(run: &Run, since: usize) -> Result<()> {
    match changes(run, since).await?.first() {
        Some(text) => fail!("the instance was changed: {text}"),
        None => Ok(()),
    }
}

/// How often Fabric was called since then: this method, a path that ends so.
pub async fn calls(run: &Run, since: usize, method: &str, end: &str) -> Result<usize> {
    let entries = run.emulator.requests().await?.split_off(since);
    let path = |it: &Value| it["path"].as_str().unwrap_or_default().trim_end_matches('/').to_owned();
    Ok(entries.iter().filter(|it| it["method"] == method && path(it).ends_with(end)).count())
}

/// Waits until the journal holds such an entry, from `since` on.
pub async fn until(run: &Run, since: usize, what: &str, is_it: impl Fn(&Value) -> bool) -> Result<()> {
    for _ in 0..3000 {
        if run.emulator.requests().await?.iter().skip(since).any(&is_it) {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    fail!("{what} was not seen within half a minute")
}

/// An entry of the journal that calls Fabric so.
pub fn is_call(entry: &Value, method: &str, end: &str) -> bool {
    entry["method"] == method && entry["path"].as_str().is_some_and(|path| path.ends_with(end))
}

fn database<'a>(state: &'a Value, name: &str) -> Option<&'a Value> {
    state["sql"]["databases"].as_array()?.iter().find(|it| it["name"] == name)
}

/// What a principal holds on a database: `GRANT SELECT by dbo`, sorted.
pub async fn permissions(run: &Run, database_name: &str, grantee: &str) -> Result<Vec<String>> {
    let state = run.emulator.state().await?;
    let rows = database(&state, database_name).and_then(|it| it["permissions"].as_array()).ok_or("no permissions")?;
    let word = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let mut held: Vec<String> = rows
        .iter()
        .filter(|row| row["grantee"] == grantee)
        .map(|row| format!("{} {} by {}", word(row, "state"), word(row, "permission"), word(row, "grantor")))
        .collect();
    held.sort();
    Ok(held)
}

/// A principal holds exactly this on a database.
pub async fn holds(run: &Run, database_name: &str, grantee: &str, expected: &[&str]) -> Result<()> {
    let held = permissions(run, database_name, grantee).await?;
    if held == expected { Ok(()) } else { fail!("{grantee} holds {held:?}, not {expected:?}") }
}

/// A login as the instance has it; null when there is none.
pub async fn login(run: &Run, name: &str) -> Result<Value> {
    let state = run.emulator.state().await?;
    let logins = state["sql"]["logins"].as_array().ok_or("no logins")?;
    Ok(logins.iter().find(|it| it["name"] == name).cloned().unwrap_or_default())
}

/// A user of a database; null when there is none.
pub async fn user(run: &Run, database_name: &str, name: &str) -> Result<Value> {
    let state = run.emulator.state().await?;
    let users = database(&state, database_name).and_then(|it| it["users"].as_array()).ok_or("no users")?;
    Ok(users.iter().find(|it| it["name"] == name).cloned().unwrap_or_default())
}

/// The path of the tutorial's mirror in the API.
pub async fn path_of_the_mirror(run: &mut Run) -> Result<String> {
    let item = values(&run.state().await?, MIRROR)["id"].as_str().ok_or("there is no mirror in the state")?.to_owned();
    Ok(format!("/workspaces/{}/mirroredDatabases/{item}", run.emulator.ready.scenario.workspace_id))
}

/// Calls Fabric as somebody in the portal would; it has to be accepted.
pub async fn portal(run: &Run, method: &str, path: &str, body: Option<Value>) -> Result<Value> {
    let (status, answer) = run.emulator.rest(method, path, body).await?;
    if (200..300).contains(&status) { Ok(answer) } else { fail!("{method} {path}: {status} {answer}") }
}

/// The mirror and its tables at this moment: `Running`, then `dbo.Orders Replicating`, ….
pub async fn mirror(run: &Run) -> Result<Vec<String>> {
    let state = run.emulator.state().await?;
    let mirror = &state["fabric"]["mirrored_databases"][0];
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let tables = mirror["tables"].as_array().cloned().unwrap_or_default();
    let tables =
        tables.iter().map(|it| format!("{}.{} {}", word(&it["schema"]), word(&it["name"]), word(&it["status"])));
    Ok(std::iter::once(word(&mirror["status"])).chain(tables).collect())
}

/// At this very moment the mirror runs, and so many tables replicate – without anybody waiting.
pub async fn replicates(run: &Run, tables: usize) -> Result<()> {
    let found = mirror(run).await?;
    let replicating = found.iter().filter(|it| it.ends_with(" Replicating")).count();
    if found[0] == "Running" && (replicating, found.len()) == (tables, tables + 1) {
        Ok(())
    } else {
        fail!("not {tables} tables are replicating: {found:?}")
    }
}

/// The world is as it was.
pub async fn is_as(run: &Run, before: &Value) -> Result<()> {
    let after = run.emulator.state().await?;
    if after == *before { Ok(()) } else { fail!("something is left, or gone:\nbefore: {before}\nafter:  {after}") }
}

/// An answer of Fabric, planted in the place of the real one.
pub fn refusal(method: &str, path: &str, status: u16, code: &str) -> Value {
    json!({
        "match": { "channel": "rest", "method": method, "path": path },
        "effect": { "status": status, "body": { "errorCode": code, "message": "Planted." } },
    })
}

/// A connection of the type "SQL Server", made in the portal; answers its id.
pub async fn generic_connection(run: &Run) -> Result<String> {
    let ready = &run.emulator.ready;
    let text = |name: &str, value: &str| json!({ "dataType": "Text", "name": name, "value": value });
    let connection = json!({
        "connectivityType": "ShareableCloud",
        "displayName": "generic",
        "connectionDetails": {
            "type": "SQL",
            "creationMethod": "Sql",
            "parameters": [text("server", &ready.sql.server), text("database", &ready.scenario.database)],
        },
        "privacyLevel": "Organizational",
        "credentialDetails": {
            "connectionEncryption": "Encrypted",
            "credentials": {
                "credentialType": "Basic",
                "username": ready.sql.username,
                "password": ready.sql.password,
            },
        },
    });
    let connection = portal(run, "POST", "/connections", Some(connection)).await?;
    Ok(connection["id"].as_str().ok_or("the connection has no id")?.to_owned())
}

/// The id of the import block in a diagnostic.
pub fn import_id(detail: &str) -> Result<String> {
    let block = detail.split_once("import {").ok_or_else(|| format!("there is no import block: {detail}"))?.1;
    let id = block.split_once("id = \"").and_then(|(_, rest)| rest.split_once('"'));
    Ok(id.ok_or_else(|| format!("the import block has no id: {detail}"))?.0.to_owned())
}

/// An import block.
pub fn import(to: &str, id: &str) -> String {
    format!("import {{\n  to = {to}\n  id = \"{id}\"\n}}\n")
}
