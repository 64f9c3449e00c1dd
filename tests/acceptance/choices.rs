//! Where real tenants differ, or nobody could look, the emulator can answer in more than one way: the provider must do
//! with each.

use fabricmirror_tests::run::Run;
use fabricmirror_tests::{Result, fail};
use serde_json::json;

use crate::hcl::{EVERYTHING, MIRROR, tutorial_with};
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case!(the_whole_job_where_answers_differ),
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

async fn paused(run: &mut Run, face: &str) -> Result<()> {
    run.use_tutorial()?;
    run.apply().await?.success()?;
    run.emulator.choose(json!({ "paused_capacity": face })).await?;
    run.emulator.world(json!({ "capacity_state": "Inactive" })).await?;
    let plan = run.plan().await?;
    if plan.said.code == 1 {
        // Only the data source, which has no state to fall back to, may fail.
        let errors: Vec<_> = plan.said.diagnostics().into_iter().filter(|it| it.severity == "error").collect();
        if errors.iter().any(|it| !it.address.starts_with("data.")) {
            fail!("the plan fails otherwise: {errors:?}");
        }
    } else {
        for address in EVERYTHING {
            plan.does(address, &["no-op"])?;
        }
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
