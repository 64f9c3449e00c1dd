//! Answers that are refused, late or lost, and a CLI that is killed: nothing is done twice, and the next apply ends well.

use std::time::Duration;

use fabricmirror_tests::emulator::Options;
use fabricmirror_tests::run::Run;
use fabricmirror_tests::{Result, fail};
use serde_json::{Value, json};

use crate::hcl::{CONNECTION, MIRROR, PRINCIPALS, tutorial_with};
use crate::tutorial::values;
use crate::world::import_id;
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case!(passing_faults_of_fabric_are_not_noticed),
        case!(lost_answers_of_the_server_are_made_up_for),
        case!(lost_answers_of_fabric_lead_to_an_import),
        case!(a_lost_answer_to_the_start_is_made_up_for),
        case!(a_killed_cli_leaves_nothing_behind, Options { time_scale: 10, ..Options::default() }),
        case!(destroy_after_a_partial_failure_leaves_nothing),
    ]
}

async fn count(run: &Run, method: &str, end: &str, status: u64) -> Result<usize> {
    let journal = run.emulator.requests().await?;
    let path = |it: &Value| it["path"].as_str().unwrap_or_default().to_owned();
    Ok(journal.iter().filter(|it| it["method"] == method && path(it).ends_with(end) && it["status"] == status).count())
}

async fn passing_faults_of_fabric_are_not_noticed(run: &mut Run) -> Result<()> {
    run.use_tutorial()?;
    let refused = |status: u16| json!({ "status": status, "headers": { "Retry-After": "1" }, "body": { "errorCode": "RequestBlocked", "message": "later" } });
    let post = |end: &str, effect: Value| json!({ "match": { "channel": "rest", "method": "POST", "path": format!("{end}$") }, "effect": effect });
    for fault in [
        post("/connections", refused(429)),
        post("/mirroredDatabases", refused(429)),
        post("/startMirroring", refused(429)),
        post("/roleAssignments", refused(429)),
        post("/getMirroringStatus", refused(503)),
        post("/getMirroringStatus", json!({ "reset": "before" })),
        post("/getTablesMirroringStatus", json!({ "reset": "after" })),
        json!({ "match": { "channel": "rest", "method": "GET" }, "count": 2, "effect": refused(503) }),
        json!({ "match": { "channel": "rest", "method": "GET" }, "effect": { "reset": "after" } }),
    ] {
        run.emulator.plant(fault).await?;
    }
    run.apply().await?.success()?;
    for (end, status) in
        [("/connections", 201), ("/mirroredDatabases", 201), ("/roleAssignments", 201), ("/startMirroring", 200)]
    {
        let times = count(run, "POST", end, status).await?;
        if times != 1 {
            fail!("POST {end} was done {times} times");
        }
    }
    run.emulator.clear_faults().await?;
    run.plan().await?.is_empty()
}

async fn lost_answers_of_the_server_are_made_up_for(run: &mut Run) -> Result<()> {
    run.write("main.tf", PRINCIPALS)?;
    for statement in ["CREATE LOGIN", "CREATE USER", "GRANT SELECT"] {
        let before = run.emulator.state().await?;
        run.emulator
            .plant(json!({ "match": { "channel": "sql", "sql": format!("{statement} ") }, "effect": { "reset": "after" } }))
            .await?;
        let said = run.apply().await?;
        if said.code != 0 {
            said.fails_with("answer was lost")?;
            run.apply().await?.success().map_err(|error| format!("after {statement}: {error}"))?;
        }
        run.plan().await?.is_empty().map_err(|error| format!("after {statement}: {error}"))?;
        run.emulator.sql_as("fabric_login", "Correct-Horse-7", "Sales", "SELECT 1").await?;
        run.destroy().await?.success()?;
        if run.emulator.state().await? != before {
            fail!("after {statement}: something is left");
        }
    }
    Ok(())
}

async fn lost_answers_of_fabric_lead_to_an_import(run: &mut Run) -> Result<()> {
    run.use_tutorial()?;
    let before = run.emulator.state().await?;
    for (end, address, list) in
        [("/connections", CONNECTION, "connections"), ("/mirroredDatabases", MIRROR, "mirrored_databases")]
    {
        run.emulator
            .plant(json!({ "match": { "channel": "rest", "method": "POST", "path": format!("{end}$") }, "effect": { "reset": "after" } }))
            .await?;
        let error = run.apply().await?.fails_with("import {")?;
        if error.address != address {
            fail!("the error is at {}", error.address);
        }
        let there = run.emulator.state().await?["fabric"][list].as_array().map_or(0, Vec::len);
        if there != 1 {
            fail!("{there} of {list}");
        }
        let id = import_id(&error.detail)?;
        run.run(&["import", "-no-color", "-input=false", address, &id]).await?.success()?;
    }
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    run.destroy().await?.success()?;
    if run.emulator.state().await? != before {
        fail!("something is left");
    }
    Ok(())
}

async fn a_lost_answer_to_the_start_is_made_up_for(run: &mut Run) -> Result<()> {
    run.use_tutorial()?;
    run.emulator
        .plant(json!({ "match": { "channel": "rest", "method": "POST", "path": "/startMirroring$" }, "effect": { "reset": "after" } }))
        .await?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    let journal = run.emulator.requests().await?;
    let starts =
        journal.iter().filter(|it| it["path"].as_str().is_some_and(|it| it.ends_with("/startMirroring"))).count();
    if starts != 1 {
        fail!("started {starts} times");
    }
    Ok(())
}

async fn a_killed_cli_leaves_nothing_behind(run: &mut Run) -> Result<()> {
    run.use_tutorial()?;
    let before = run.emulator.state().await?;
    let moments = ["CREATE LOGIN", "/mirroredDatabases"];
    for moment in moments {
        let mut child = run.spawn(&["apply", "-json", "-input=false", "-auto-approve"])?;
        let pid = child.id().ok_or("the CLI has ended already")?;
        let since = run.emulator.requests().await?.len();
        let mut seen = false;
        for _ in 0..600 {
            seen = run.emulator.requests().await?.iter().skip(since).any(|it| {
                it["text"].as_str().is_some_and(|text| text.contains(moment))
                    || it["method"] == "POST" && it["path"].as_str().is_some_and(|path| path.ends_with(moment))
            });
            if seen {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if !seen {
            fail!("{moment} was not seen");
        }
        std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status()?;
        child.wait().await?;
        let mut left = run.providers();
        for _ in 0..150 {
            if left.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            left = run.providers();
        }
        if !left.is_empty() {
            fail!("killed at {moment}: the provider still runs: {left:?}");
        }
        let _ = std::fs::remove_file(run.folder.join(".terraform.tfstate.lock.info"));
        // What the state does not know is imported, as the error says: at most every object that was made so far.
        for _ in 0..8 {
            run.emulator.advance(300).await?;
            let said = run.apply().await?;
            if said.code == 0 {
                break;
            }
            let error = said.fails_with("import {")?;
            let id = import_id(&error.detail)?;
            run.run(&["import", "-no-color", "-input=false", &error.address, &id]).await?.success()?;
        }
        let state = run.state().await?;
        if values(&state, "data.fabricmirror_replication_status.source")["state"] != "Running" {
            fail!("killed at {moment}: the mirror does not run");
        }
        run.plan().await?.is_empty().map_err(|error| format!("killed at {moment}: {error}"))?;
        run.destroy().await?.success()?;
        if run.emulator.state().await? != before {
            fail!("killed at {moment}: something is left");
        }
        run.emulator.advance(600).await?;
    }
    Ok(())
}

async fn destroy_after_a_partial_failure_leaves_nothing(run: &mut Run) -> Result<()> {
    let before = run.emulator.state().await?;
    // Roles that do not exist, a table that cannot be mirrored, a start that is refused.
    let role = tutorial_with(&[("[\"##MS_ServerStateReader##\"]", "[\"NoSuchRole\"]")])?;
    let user = tutorial_with(&[("  roles      = []", "  roles      = [\"no_such_role\"]")])?;
    let permission = tutorial_with(&[("provider::fabricmirror::mirroring_permissions(\"2025-05\")", "[\"SELECT\"]")])?;
    for (text, says) in [(role, "NoSuchRole"), (user, "no_such_role"), (permission, "lacks")] {
        run.emulator.world(json!({ "documentation": "2025-05" })).await?;
        run.write("main.tf", &text)?;
        run.apply().await?.fails_with(says)?;
        // A second time it says the same, and not that something exists.
        run.apply().await?.fails_with(says)?;
        run.destroy().await?.success()?;
        if run.emulator.state().await? != before {
            fail!("{says}: something is left");
        }
        run.emulator.advance(600).await?;
    }
    Ok(())
}
