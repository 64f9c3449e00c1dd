//! Where real tenants differ, or nobody could look, the emulator can answer in more than one way: the provider must do
//! with each.

use fabricmirror_tests::run::Run;
use fabricmirror_tests::{Result, fail};
use serde_json::json;

use crate::hcl::{EVERYTHING, MIRROR, tutorial_with};
use crate::tutorial::values;
use crate::world::path_of_the_mirror;
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case!(the_whole_job_where_answers_differ),
        case!(codes_with_other_statuses_and_numbers),
        case!(a_paused_capacity_without_a_word),
        case!(a_paused_capacity_that_is_unavailable),
        case!(tables_that_do_not_recover_by_themselves),
    ]
}

async fn the_whole_job_where_answers_differ(run: &mut Run) -> Result<()> {
    run.emulator
        .choose(json!({
            "page_size": 1,
            "long_running_definitions": true,
            "name_reserved_status": 400,
            "start_status": 202,
            "repeated_orders": "Conflict",
            "unsupported_tables": "Failed",
            "connection_checked": "AtStart",
            "definition_while_initializing": true,
        }))
        .await?;
    run.use_tutorial()?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    run.destroy().await?.success()?;
    // The name of the mirror is still taken; it becomes free.
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    run.destroy().await?.success().map(drop)
}

/// What was deleted by others is gone whatever the status that says so, and SQL errors are known by their numbers alone.
async fn codes_with_other_statuses_and_numbers(run: &mut Run) -> Result<()> {
    run.emulator
        .answers(json!({
            "rest": {
                "ItemNotFound": { "status": 400 },
                "EntityNotFound": { "status": 400 },
                "OperationNotAllowedInCurrentStatus": { "status": 409 },
                "MirroredDatabaseNotReady": { "status": 409 },
                "CapacityNotActive": { "status": 400 },
            },
            "sql": { "15151": { "severity": 14, "state": 3 }, "15023": { "state": 2 }, "18456": { "state": 8 } },
        }))
        .await?;
    run.use_tutorial()?;
    run.apply().await?.success()?;
    let mirror = path_of_the_mirror(run).await?;
    let role = values(&run.state().await?, "fabricmirror_workspace_role_assignment.instance")["id"].clone();
    let workspace = run.emulator.ready.scenario.workspace_id.clone();
    let role = format!("/workspaces/{workspace}/roleAssignments/{}", role.as_str().unwrap_or_default());
    for path in [&format!("{mirror}/stopMirroring"), &mirror, &role] {
        let method = if path.ends_with("Mirroring") { "POST" } else { "DELETE" };
        let (status, answer) = run.emulator.rest(method, path, None).await?;
        if status != 200 {
            fail!("{method} {path}: {status} {answer}");
        }
        run.emulator.advance(120).await?;
    }
    run.plan()
        .await?
        .does("fabricmirror_mirrored_database.source", &["create"])?
        .does("fabricmirror_workspace_role_assignment.instance", &["create"])?;
    run.emulator.advance(600).await?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    run.emulator.world(json!({ "capacity_state": "Inactive" })).await?;
    if !run.plan().await?.said.diagnostics().iter().any(|it| it.summary.contains("capacity")) {
        fail!("nobody says that the capacity is paused");
    }
    run.emulator.world(json!({ "capacity_state": "Active" })).await?;
    let stop = format!("{}/stopMirroring", path_of_the_mirror(run).await?);
    run.emulator.rest("POST", &stop, None).await?;
    run.destroy().await?.success().map(drop)
}

async fn paused(run: &mut Run, face: &str) -> Result<()> {
    run.use_tutorial()?;
    run.apply().await?.success()?;
    run.emulator.choose(json!({ "paused_capacity": face })).await?;
    run.emulator.world(json!({ "capacity_state": "Inactive" })).await?;
    let plan = run.plan().await?;
    plan.said.warns("The mirror's status cannot be known now")?;
    for address in EVERYTHING {
        plan.does(address, &["no-op"])?;
    }
    run.emulator.world(json!({ "capacity_state": "Active" })).await?;
    run.destroy().await?.success().map(drop)
}

async fn a_paused_capacity_without_a_word(run: &mut Run) -> Result<()> {
    paused(run, "NotFoundWithoutBody").await
}

async fn a_paused_capacity_that_is_unavailable(run: &mut Run) -> Result<()> {
    paused(run, "Unavailable").await
}

/// The cause is mended, and still nothing happens: the error leads to the way out, and that works.
async fn tables_that_do_not_recover_by_themselves(run: &mut Run) -> Result<()> {
    run.emulator.choose(json!({ "source_not_ready": "Failed", "failed_tables_recover": false })).await?;
    run.use_tutorial()?;
    // Everything but the start; then the instance is out of reach.
    let target = format!("-target={MIRROR}");
    run.run(&["apply", "-json", "-input=false", "-auto-approve", &target]).await?.success()?;
    run.emulator.world(json!({ "network": "Unreachable" })).await?;
    run.apply().await?.fails_with("The mirror does not run")?;
    run.emulator.world(json!({ "network": "Reachable" })).await?;
    run.emulator.advance(60).await?;
    let error = run.apply().await?.fails_with("Tables of the mirror fail")?;
    if !error.detail.contains("set `state = \"stopped\"`, apply, and set it back") {
        fail!("the error leads nowhere: {error:?}");
    }
    for state in ["stopped", "running"] {
        run.write("main.tf", &tutorial_with(&[("= \"running\"", &format!("= {state:?}"))])?)?;
        run.apply().await?.success()?;
    }
    run.plan().await?.is_empty()?;
    run.destroy().await?.success().map(drop)
}
