//! A mirror that died is a difference, and says of what; one whose capacity is paused is not, and says that.

use fabricmirror_tests::emulator::Options;
use fabricmirror_tests::run::{Diagnostic, Run};
use fabricmirror_tests::{Result, fail};
use serde_json::{Value, json};

use crate::hcl::{CONNECTION, EVERYTHING, LOGIN, MIRROR, REPLICATION, edited, listing, tutorial_with, without_block};
use crate::world::{calls, is_call, mirror, now, path_of_the_mirror, portal, replicates, until};
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case!(a_mirror_whose_login_changed_is_a_difference),
        case!(a_mirror_out_of_reach_is_a_difference),
        case!(a_table_renamed_at_the_source_is_a_difference),
        case!(a_paused_capacity_is_a_warning),
        case!(a_capacity_paused_during_the_wait_ends_it, Options { time_scale: 5, ..Options::default() }),
        case!(a_capacity_paused_and_resumed_ends_the_wait, Options { time_scale: 5, ..Options::default() }),
    ]
}

/// The plan answers 2, because the mirror is not healthy, and says why.
async fn is_dead(run: &mut Run, why: &[&str]) -> Result<Diagnostic> {
    run.emulator.advance(60).await?;
    let plan = run.plan().await?;
    plan.answers(2)?.changes(REPLICATION, "healthy", &json!(false), &json!(true))?;
    plan.changes(REPLICATION, "state", &json!("running"), &json!("running"))?;
    let warning = plan.said.warns("The mirror is not healthy")?;
    for text in why {
        if !warning.detail.contains(text) {
            fail!("the warning does not say {text:?}: {}", warning.detail);
        }
    }
    if warning.address != REPLICATION {
        fail!("the warning is at {}", warning.address);
    }
    Ok(warning)
}

/// The plan answers 0 again, without a word.
async fn is_alive(run: &mut Run) -> Result<()> {
    run.emulator.advance(60).await?;
    let plan = run.plan().await?;
    plan.answers(0)?;
    plan.said.does_not_say("not healthy")?;
    replicates(run, mirror(run).await?.len() - 1).await
}

async fn a_mirror_whose_login_changed_is_a_difference(run: &mut Run) -> Result<()> {
    run.use_tutorial()?;
    run.apply().await?.success()?;
    is_alive(run).await?;
    run.emulator.sql("master", "ALTER LOGIN fabric_login WITH PASSWORD = 'Changed-By-Hand-1'").await?;
    is_dead(run, &["18456"]).await?;
    // Apply waits for it again, and fails as a start would: nothing heals by itself.
    let since = now(run).await?;
    let error = run.apply_planned().await?.fails_with("The mirror does not run")?;
    if error.address != REPLICATION || !error.detail.contains("18456") {
        fail!("the error is another one: {error:?}");
    }
    if calls(run, since, "POST", "/startMirroring").await? + calls(run, since, "POST", "/stopMirroring").await? != 0 {
        fail!("the mirror was started or stopped");
    }
    // The way out that docs/guides/drift.md names: another version of the password.
    run.write("main.tf", &tutorial_with(&[("password_version = 1", "password_version = 2")])?)?;
    let plan = run.plan().await?;
    for address in EVERYTHING {
        let changed = [LOGIN, CONNECTION, REPLICATION].contains(&address);
        plan.does(address, &[if changed { "update" } else { "no-op" }])?;
    }
    run.apply_planned().await?.success()?;
    replicates(run, 5).await?;
    is_alive(run).await
}

async fn a_mirror_out_of_reach_is_a_difference(run: &mut Run) -> Result<()> {
    run.use_tutorial()?;
    run.apply().await?.success()?;
    run.emulator.world(json!({ "network": "Unreachable" })).await?;
    is_dead(run, &["could not be reached"]).await?;
    run.emulator.world(json!({ "network": "Reachable" })).await?;
    is_alive(run).await?;

    run.emulator.world(json!({ "primary_identity": "UserAssigned" })).await?;
    is_dead(run, &["22739", "The instance's system-assigned identity is not the primary one"]).await?;
    // Waited for in apply, it can be mended meanwhile.
    let arguments = ["apply", "-json", "-input=false", "plan.bin"];
    run.emulator.world(json!({ "primary_identity": "SystemAssigned" })).await?;
    run.run(&arguments).await?.success()?;
    is_alive(run).await?;

    // So is the right to write into the workspace, which the database itself does not feel.
    let workspace = run.emulator.ready.scenario.workspace_id.clone();
    let identity = run.emulator.ready.scenario.instance_identity_object_id.clone();
    let role = format!("/workspaces/{workspace}/roleAssignments/{identity}");
    portal(run, "PATCH", &role, Some(json!({ "role": "Viewer" }))).await?;
    is_dead(run, &["dbo.Orders", "is only a Viewer"]).await?;
    run.apply_planned().await?.success()?;
    is_alive(run).await
}

async fn a_table_renamed_at_the_source_is_a_difference(run: &mut Run) -> Result<()> {
    let listed = listing(&[("dbo", "Orders"), ("dbo", "Customers")])?;
    run.write("main.tf", &listed)?;
    run.apply().await?.success()?;
    run.emulator.sql("Sales", "EXEC sp_rename 'dbo.Orders', 'OrdersOfOld'").await?;
    let warning = is_dead(run, &["dbo.Orders"]).await?;
    if warning.detail.contains("dbo.Customers") {
        fail!("a table is blamed that replicates: {}", warning.detail);
    }
    let error = run.apply_planned().await?.fails_with("dbo.Orders")?;
    if error.address != REPLICATION {
        fail!("the error is at {}", error.address);
    }
    // Who asks for the mirror alone has no difference: the table is his to look after.
    for words in ["on_table_error = \"warn\"", "wait_for = \"running\"", "wait_for = \"none\""] {
        run.write("main.tf", &edited(&listed, &[("= \"running\"", &format!("= \"running\"\n  {words}"))])?)?;
        run.apply().await?.success().map_err(|error| format!("{words}: {error}"))?;
        run.plan().await?.answers(0).map_err(|error| format!("{words}: {error}"))?;
    }
    run.write("main.tf", &listed)?;
    is_dead(run, &["dbo.Orders"]).await?;
    run.emulator.sql("Sales", "EXEC sp_rename 'dbo.OrdersOfOld', 'Orders'").await?;
    run.apply().await?.success()?;
    is_alive(run).await
}

async fn a_paused_capacity_is_a_warning(run: &mut Run) -> Result<()> {
    // An output of the status would differ, since nobody can know it now.
    let text = without_block(&tutorial_with(&[])?, "output \"state\"")?;
    run.write("main.tf", &text)?;
    run.apply().await?.success()?;
    run.emulator.world(json!({ "capacity_state": "Inactive" })).await?;
    let plan = run.plan().await?;
    plan.answers(0)?;
    plan.said.warns("The workspace's capacity is paused")?;
    plan.said.warns("The mirror's status cannot be known now")?;
    // The plan of a destroy does not fail for a data source; its apply names what it cannot stop.
    run.run(&["plan", "-destroy", "-json", "-input=false", "-out=plan.bin"]).await?.success()?;
    let before = run.emulator.state().await?;
    let error = run.apply_planned().await?.fails_with("capacity is paused")?;
    if !error.detail.contains("Resume the capacity") {
        fail!("the error leads nowhere: {error:?}");
    }
    if run.emulator.state().await?["fabric"] != before["fabric"] {
        fail!("something was deleted in a workspace that cannot be seen");
    }
    // Resumed, the mirror is paused, does not go on, and is not gone: said, and no difference.
    run.emulator.world(json!({ "capacity_state": "Active" })).await?;
    run.emulator.advance(60).await?;
    run.apply().await?.success()?;
    let plan = run.plan().await?;
    plan.answers(0)?.does(MIRROR, &["no-op"])?;
    let warning = plan.said.warns("The mirror is Paused, neither running nor stopped")?;
    if !warning.detail.contains("Resume replication") {
        fail!("the warning leads nowhere: {warning:?}");
    }
    run.destroy().await?.success().map(drop)
}

/// Between two looks, so that only the mirror's own status tells.
async fn a_capacity_paused_and_resumed_ends_the_wait(run: &mut Run) -> Result<()> {
    run.write("main.tf", &tutorial_with(&[("= \"running\"", "= \"running\"\n  timeouts = { create = \"30s\" }")])?)?;
    let apply = ["apply", "-json", "-input=false", "-auto-approve"];
    let child = run.spawn(&apply)?;
    until(run, 0, "the item", |it| is_call(it, "POST", "/mirroredDatabases") && it["status"] == 201).await?;
    run.emulator.advance(60).await?;
    let waits = |it: &Value| {
        is_call(it, "POST", "/getMirroringStatus") && it["answer"].as_str().is_some_and(|it| it.contains("Starting"))
    };
    until(run, 0, "the wait", waits).await?;
    run.emulator.world(json!({ "capacity_state": "Inactive" })).await?;
    run.emulator.world(json!({ "capacity_state": "Active" })).await?;
    let said = run.finish(&apply, child).await?;
    said.does_not_say("goes on by itself")?;
    let error = said.fails_with("The mirror is paused")?;
    if !error.detail.contains("Resume replication") {
        fail!("the error leads nowhere: {error:?}");
    }
    Ok(())
}

async fn a_capacity_paused_during_the_wait_ends_it(run: &mut Run) -> Result<()> {
    run.use_tutorial()?;
    let apply = ["apply", "-json", "-input=false", "-auto-approve"];
    let child = run.spawn(&apply)?;
    until(run, 0, "the item", |it| is_call(it, "POST", "/mirroredDatabases") && it["status"] == 201).await?;
    run.emulator.advance(60).await?;
    let waits = |it: &Value| {
        is_call(it, "POST", "/getMirroringStatus") && it["answer"].as_str().is_some_and(|it| it.contains("Starting"))
    };
    until(run, 0, "the wait", waits).await?;
    run.emulator.world(json!({ "capacity_state": "Inactive" })).await?;
    let said = run.finish(&apply, child).await?;
    let error = said.fails_with("The workspace's capacity was paused during the wait")?;
    if error.address != REPLICATION || !error.detail.contains("does not go on by itself") {
        fail!("the error is another one: {error:?}");
    }
    // Resumed, it would be paused for good: nobody waits for what never comes.
    run.emulator.world(json!({ "capacity_state": "Active" })).await?;
    let error = run.apply().await?.fails_with("The mirror is paused")?;
    for text in ["Resume replication", "state = \"stopped\""] {
        if !error.detail.contains(text) {
            fail!("the error leads nowhere: {error:?}");
        }
    }
    // The way out without the portal: stop, and start again.
    let path = path_of_the_mirror(run).await?;
    for (state, turns) in [("stopped", vec![("/stopMirroring", 60)]), ("running", vec![("/startMirroring", 40)])] {
        run.write("main.tf", &tutorial_with(&[("= \"running\"", &format!("= {state:?}"))])?)?;
        let since = now(run).await?;
        let child = run.spawn(&apply)?;
        for (end, seconds) in turns {
            until(run, since, end, |it| is_call(it, "POST", end) && it["status"] == 200).await?;
            run.emulator.advance(seconds).await?;
        }
        run.emulator.advance(60).await?;
        run.finish(&apply, child).await?.success()?;
    }
    if path_of_the_mirror(run).await? != path {
        fail!("the mirror is another one");
    }
    run.plan().await?.answers(0)?;
    replicates(run, 5).await
}
