//! A mirror that others move, change and start, and changes that are waited for.

use fabricmirror_tests::emulator::Options;
use fabricmirror_tests::run::{Run, Said, tutorial};
use fabricmirror_tests::{Result, fail};
use serde_json::{Value, json};

use crate::hcl::{CONNECTION, EVERYTHING, MIRROR, REPLICATION, listing, tutorial_with, without_block};
use crate::principals::pointed_at;
use crate::tutorial::values;
use crate::world::{
    calls, import, is_as, is_call, mirror, now, path_of_the_mirror, portal, refusal, replicates, until,
};
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case!(what_is_left_out_stays_as_the_portal_has_it),
        case!(a_folder_that_is_given_is_moved_to),
        case!(listed_tables_are_checked_and_waited_for),
        case!(another_connection_under_a_running_mirror_is_waited_for),
        case!(a_mirror_that_starts_is_stopped_before_it_goes, slow()),
        case!(a_wait_that_is_given_up_says_that_the_mirror_goes_on, slow()),
        case!(nothing_after_the_post_taints),
    ]
}

/// A start takes six seconds, unless the clock is turned.
fn slow() -> Options {
    Options { time_scale: 5, ..Options::default() }
}

async fn folder(run: &Run, name: &str) -> Result<String> {
    let workspace = &run.emulator.ready.scenario.workspace_id;
    let path = format!("/workspaces/{workspace}/folders");
    let made = portal(run, "POST", &path, Some(json!({ "displayName": name }))).await?;
    Ok(made["id"].as_str().ok_or("the folder has no id")?.to_owned())
}

async fn what_is_left_out_stays_as_the_portal_has_it(run: &mut Run) -> Result<()> {
    run.use_tutorial()?;
    run.apply().await?.success()?;
    let path = path_of_the_mirror(run).await?;
    let place = folder(run, "Tidy").await?;
    let as_item = path.replace("/mirroredDatabases/", "/items/");
    portal(run, "POST", &format!("{as_item}/move"), Some(json!({ "targetFolderId": place }))).await?;
    portal(run, "PATCH", &path, Some(json!({ "description": "By hand" }))).await?;
    let connection = values(&run.state().await?, CONNECTION)["id"].as_str().unwrap_or_default().to_owned();
    let private = json!({ "connectivityType": "ShareableCloud", "privacyLevel": "Private" });
    portal(run, "PATCH", &format!("/connections/{connection}"), Some(private)).await?;
    retain(run, &path, 3).await?;
    run.plan().await?.is_empty()?;

    // The same where somebody else made the mirror: what an import does not mention is none of its business.
    for address in [MIRROR, CONNECTION] {
        run.run(&["state", "rm", address]).await?.success()?;
    }
    let id = path.trim_start_matches("/workspaces/").replace("/mirroredDatabases/", "/");
    let without_password = without_block(&tutorial()?, "output")?;
    let basic = without_password.find("  basic = {").ok_or("no credentials")?;
    let end = basic + without_password[basic..].find("  }\n").ok_or("the credentials do not end")? + 4;
    let text = format!("{}{}", &without_password[..basic], &without_password[end..]);
    let blocks = [import(CONNECTION, &connection), import(MIRROR, &id)].concat();
    run.write("main.tf", &format!("{text}{blocks}"))?;
    let since = now(run).await?;
    let plan = run.plan().await?;
    for address in EVERYTHING {
        plan.does(address, &["no-op"])?;
    }
    run.apply_planned().await?.success()?;
    run.plan().await?.is_empty()?;
    for (method, end) in [("PATCH", ""), ("POST", "/updateDefinition"), ("POST", "/move"), ("DELETE", "")] {
        if calls(run, since, method, end).await? != 0 {
            fail!("{method} {end} was called");
        }
    }
    let item = portal(run, "GET", &path, None).await?;
    if (&item["folderId"], &item["description"]) != (&json!(place), &json!("By hand"))
        || retained(run, &path).await? != 3
    {
        fail!("something was changed: {item}");
    }
    replicates(run, 5).await
}

/// The mirror's definition, and where it is in the answer.
async fn definition(run: &Run, path: &str) -> Result<(Value, Value)> {
    use base64::Engine as _;
    let answer = portal(run, "POST", &format!("{path}/getDefinition"), None).await?;
    let parts = answer["definition"]["parts"].as_array().cloned().unwrap_or_default();
    let part = parts.into_iter().find(|it| it["path"] == "mirroring.json").ok_or("no mirroring.json")?;
    let text = base64::engine::general_purpose::STANDARD.decode(part["payload"].as_str().unwrap_or_default())?;
    Ok((serde_json::from_slice(&text)?, part))
}

async fn retained(run: &Run, path: &str) -> Result<i64> {
    let (definition, _) = definition(run, path).await?;
    let days = definition["properties"]["target"]["typeProperties"]["retentionInDays"].as_i64();
    Ok(days.ok_or("the definition has no retention")?)
}

async fn retain(run: &Run, path: &str, days: i64) -> Result<()> {
    redefine(run, path, |properties| properties["target"]["typeProperties"]["retentionInDays"] = days.into()).await
}

/// Lists these tables, as somebody in the portal would.
pub async fn list(run: &Run, path: &str, tables: &[(&str, &str)]) -> Result<()> {
    let table = |(schema, name): &(&str, &str)| json!({ "source": { "typeProperties": { "schemaName": schema, "tableName": name } } });
    let tables: Vec<Value> = tables.iter().map(table).collect();
    redefine(run, path, |properties| properties["mountedTables"] = tables.into()).await
}

async fn redefine(run: &Run, path: &str, change: impl FnOnce(&mut Value)) -> Result<()> {
    use base64::Engine as _;
    let (mut definition, mut part) = definition(run, path).await?;
    change(&mut definition["properties"]);
    part["payload"] = base64::engine::general_purpose::STANDARD.encode(definition.to_string()).into();
    let body = json!({ "definition": { "parts": [part] } });
    portal(run, "POST", &format!("{path}/updateDefinition"), Some(body)).await.map(drop)
}

async fn a_folder_that_is_given_is_moved_to(run: &mut Run) -> Result<()> {
    run.use_tutorial()?;
    run.apply().await?.success()?;
    let path = path_of_the_mirror(run).await?;
    let (ours, theirs) = (folder(run, "Ours").await?, folder(run, "Theirs").await?);
    let since = now(run).await?;
    let given =
        tutorial_with(&[("default_schema = \"dbo\"", &format!("default_schema = \"dbo\"\n  folder_id = \"{ours}\""))])?;
    run.write("main.tf", &given)?;
    run.plan().await?.changes(MIRROR, "folder_id", &Value::Null, &json!(ours))?.does(REPLICATION, &["no-op"])?;
    run.apply_planned().await?.success()?;
    run.plan().await?.is_empty()?;
    // Dragged elsewhere, it is moved back; nothing is copied again.
    let as_item = path.replace("/mirroredDatabases/", "/items/");
    portal(run, "POST", &format!("{as_item}/move"), Some(json!({ "targetFolderId": theirs }))).await?;
    run.plan().await?.changes(MIRROR, "folder_id", &json!(theirs), &json!(ours))?.does(REPLICATION, &["no-op"])?;
    run.apply_planned().await?.success()?;
    run.plan().await?.is_empty()?;
    let moved = portal(run, "GET", &path, None).await?["folderId"].clone();
    if moved != ours.as_str() {
        fail!("the mirror lies in {moved}");
    }
    // Not mentioned any more, it stays where it is.
    run.use_tutorial()?;
    run.plan().await?.is_empty()?;
    for (method, end) in [("POST", "/stopMirroring"), ("POST", "/startMirroring"), ("DELETE", "")] {
        if calls(run, since, method, end).await? != 0 {
            fail!("{method} {end} was called");
        }
    }
    replicates(run, 5).await
}

async fn listed_tables_are_checked_and_waited_for(run: &mut Run) -> Result<()> {
    run.write("main.tf", &listing(&[("dbo", "Orders")])?)?;
    run.apply().await?.success()?;
    let id = values(&run.state().await?, MIRROR)["id"].clone();
    // A name that is not there, and one that cannot be mirrored, are known before anything is done.
    run.write("main.tf", &listing(&[("dbo", "Orders"), ("dbo", "Custommers"), ("dbo", "Measurements")])?)?;
    let plan = run.plan().await?;
    let error = plan.said.fails_with("Listed tables cannot be mirrored")?;
    for text in ["- dbo.Custommers is not there", "- dbo.Measurements cannot be mirrored"] {
        if !error.detail.contains(text) {
            fail!("{text:?} is not said: {}", error.detail);
        }
    }
    if error.address != MIRROR || !pointed_at(&plan.said).iter().any(|code| code.contains("tables = [")) {
        fail!("the error points elsewhere: {:?}", pointed_at(&plan.said));
    }
    // The right name is waited for: when apply is over, both replicate.
    run.write("main.tf", &listing(&[("dbo", "Orders"), ("dbo", "Customers")])?)?;
    run.apply().await?.success()?;
    replicates(run, 2).await?;
    run.plan().await?.is_empty()?;

    // A table that goes between plan and apply is noticed in time; a change that the service refuses taints nothing.
    let three = listing(&[("dbo", "Orders"), ("dbo", "Customers"), ("dbo", "Documents")])?;
    run.write("main.tf", &three)?;
    run.plan().await?.does(MIRROR, &["update"])?;
    run.emulator.sql("Sales", "EXEC sp_rename 'dbo.Documents', 'Papers'").await?;
    let since = now(run).await?;
    run.apply_planned().await?.fails_with("dbo.Documents is not there")?;
    run.emulator.sql("Sales", "EXEC sp_rename 'dbo.Papers', 'Documents'").await?;
    run.emulator.plant(refusal("POST", "/updateDefinition$", 400, "UnknownError")).await?;
    let error = run.apply().await?.fails_with("UnknownError")?;
    if error.address != MIRROR || calls(run, since, "POST", "/updateDefinition").await? != 1 {
        fail!("the error is at {}, or the first apply changed something", error.address);
    }
    // The list is sent with the rest of the definition as it is now, not as it was.
    run.plan().await?.does(MIRROR, &["update"])?;
    let path = path_of_the_mirror(run).await?;
    retain(run, &path, 3).await?;
    run.apply_planned().await?.success()?;
    if retained(run, &path).await? != 3 {
        fail!("what came since the plan was undone");
    }
    run.plan().await?.is_empty()?;
    replicates(run, 3).await?;
    if values(&run.state().await?, MIRROR)["id"] != id || calls(run, 0, "POST", "/stopMirroring").await? != 0 {
        fail!("the mirror was stopped or replaced");
    }
    Ok(())
}

async fn another_connection_under_a_running_mirror_is_waited_for(run: &mut Run) -> Result<()> {
    run.use_tutorial()?;
    run.apply().await?.success()?;
    let before = run.state().await?;
    let replace = format!("-replace={CONNECTION}");
    let plan = run.run(&["plan", "-json", "-input=false", &replace, "-out=plan.bin"]).await?.success()?;
    plan.warns("All tables will be copied again")?;
    run.apply_planned().await?.success()?;
    // At this moment, and not some time later.
    replicates(run, 5).await?;
    let after = run.state().await?;
    if values(&after, MIRROR)["id"] != values(&before, MIRROR)["id"]
        || values(&after, CONNECTION)["id"] == values(&before, CONNECTION)["id"]
    {
        fail!("not the connection alone is another one");
    }
    if values(&after, "data.fabricmirror_replication_status.source")["state"] != "Running" {
        fail!("the data source does not say Running");
    }
    run.plan().await?.is_empty()
}

/// Runs a command while the clock is turned, once the journal holds such a call.
async fn while_turning(run: &mut Run, arguments: &[&str], turns: &[(&str, &str, u64)]) -> Result<Said> {
    let since = now(run).await?;
    let child = run.spawn(arguments)?;
    for (method, end, seconds) in turns {
        until(run, since, end, |it| is_call(it, method, end) && it["status"].as_u64().is_some_and(|it| it < 300))
            .await?;
        run.emulator.advance(*seconds).await?;
    }
    run.finish(arguments, child).await
}

const APPLY: [&str; 4] = ["apply", "-json", "-input=false", "-auto-approve"];

async fn a_mirror_that_starts_is_stopped_before_it_goes(run: &mut Run) -> Result<()> {
    let before = run.emulator.state().await?;
    run.write("main.tf", &tutorial_with(&[("\"running\"", "\"stopped\"")])?)?;
    while_turning(run, &APPLY, &[("POST", "/mirroredDatabases", 60)]).await?.success()?;
    // Somebody presses "Start" in the portal, and we destroy it all.
    let path = path_of_the_mirror(run).await?;
    portal(run, "POST", &format!("{path}/startMirroring"), None).await?;
    let since = now(run).await?;
    let destroy = ["destroy", "-json", "-input=false", "-auto-approve"];
    let child = run.spawn(&destroy)?;
    let is_stop = |it: &Value| is_call(it, "POST", "/stopMirroring");
    until(run, since, "a stop", is_stop).await?;
    if mirror(run).await?[0] != "Starting" {
        fail!("the stop was not asked for while the mirror starts");
    }
    // It starts to the end, and is asked once more.
    run.emulator.advance(40).await?;
    until(run, since, "an accepted stop", |it| is_stop(it) && it["status"] == 200).await?;
    if calls(run, since, "DELETE", &path).await? != 0 {
        fail!("it was deleted before it was stopped");
    }
    run.emulator.advance(60).await?;
    run.finish(&destroy, child).await?.success()?;
    is_as(run, &before).await
}

async fn a_wait_that_is_given_up_says_that_the_mirror_goes_on(run: &mut Run) -> Result<()> {
    let before = run.emulator.state().await?;
    let hasty = tutorial_with(&[("= \"running\"", "= \"running\"\n  timeouts = { create = \"1s\" }")])?;
    run.write("main.tf", &hasty)?;
    while_turning(run, &APPLY, &[("POST", "/mirroredDatabases", 60)]).await?.fails_with("was not there in time")?;
    // The block is taken out: the mirror is none of Terraform's business any more, and goes on. Plan and apply say so.
    let parts =
        ["resource \"fabricmirror_replication\"", "data \"fabricmirror_replication_status\"", "output \"state\""];
    let mut rest = tutorial()?;
    for part in parts {
        rest = without_block(&rest, part)?;
    }
    run.write("main.tf", &rest)?;
    let plan = run.plan().await?;
    plan.does(REPLICATION, &["delete"])?;
    let warning = plan.said.warns("The mirror is not stopped")?;
    if !warning.detail.contains("Stop replication") {
        fail!("the warning leads nowhere: {warning:?}");
    }
    run.apply_planned().await?.success()?.warns("The mirror is not stopped")?;
    run.emulator.advance(120).await?;
    replicates(run, 5).await?;
    if calls(run, 0, "POST", "/stopMirroring").await? != 0 {
        fail!("the mirror was stopped");
    }
    // Destroyed, the mirror itself is stopped first.
    let destroy = ["destroy", "-json", "-input=false", "-auto-approve"];
    while_turning(run, &destroy, &[("POST", "/stopMirroring", 60)]).await?.success()?;
    is_as(run, &before).await
}

async fn nothing_after_the_post_taints(run: &mut Run) -> Result<()> {
    run.use_tutorial()?;
    // One look at the item is refused after it was made, as while a new role is still spreading.
    run.emulator.plant(refusal("GET", "/mirroredDatabases/[^/]+$", 403, "InsufficientPrivileges")).await?;
    let said = run.apply().await?;
    let id = values(&run.state().await?, MIRROR)["id"].clone();
    if !id.is_string() {
        fail!("the mirror is not in the state: {}", said.explain());
    }
    said.success()?.warns("The mirrored database has no SQL endpoint yet")?;
    let plan = run.plan().await?;
    plan.is_empty()?;
    for address in EVERYTHING {
        plan.does(address, &["no-op"])?;
    }
    replicates(run, 5).await?;
    if values(&run.state().await?, MIRROR)["id"] != id || calls(run, 0, "DELETE", "").await? != 0 {
        fail!("the mirror is another one");
    }
    Ok(())
}
