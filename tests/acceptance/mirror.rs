//! What can be said of a mirror in HCL, and changed.

use fabricmirror_tests::run::Run;
use fabricmirror_tests::{Result, fail};
use serde_json::{Value, json};

use crate::hcl::{EVERYTHING, MIRROR, REPLICATION, edited, listing, tutorial_with};
use crate::tutorial::values;
use crate::world::calls;
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case!(listed_tables_are_mirrored_and_one_more_in_place),
        case!(a_listed_table_that_cannot_be_mirrored_is_named),
        case!(a_mirror_of_no_table_is_refused),
        case!(stopped_and_running_again),
        case!(names_change_in_place_and_the_schema_replaces),
        case!(a_paused_capacity_deletes_nothing),
    ]
}

/// The mirrored tables, as the data source shows them.
async fn mirrored(run: &mut Run) -> Result<Vec<String>> {
    let status = values(&run.state().await?, "data.fabricmirror_replication_status.source");
    let tables = status["tables"].as_array().cloned().unwrap_or_default();
    Ok(tables
        .iter()
        .map(|it| format!("{}.{} {}", text(&it["schema"]), text(&it["name"]), text(&it["status"])))
        .collect())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Applies what only has to be looked at: data sources and outputs.
async fn settled(run: &mut Run) -> Result<()> {
    run.emulator.advance(300).await?;
    run.run(&["apply", "-refresh-only", "-json", "-input=false", "-auto-approve"]).await?.success()?;
    run.plan().await?.is_empty()
}

async fn listed_tables_are_mirrored_and_one_more_in_place(run: &mut Run) -> Result<()> {
    run.write("main.tf", &listing(&[("dbo", "Orders")])?)?;
    run.apply().await?.success()?;
    if mirrored(run).await? != ["dbo.Orders Replicating"] {
        fail!("mirrored: {:?}", mirrored(run).await?);
    }
    run.plan().await?.is_empty()?;
    run.write("main.tf", &listing(&[("sales", "Regions"), ("dbo", "Orders")])?)?;
    let plan = run.plan().await?;
    for address in EVERYTHING {
        plan.does(address, &[if address == MIRROR { "update" } else { "no-op" }])?;
    }
    run.apply().await?.success()?;
    settled(run).await?;
    if mirrored(run).await? != ["dbo.Orders Replicating", "sales.Regions Replicating"] {
        fail!("mirrored: {:?}", mirrored(run).await?);
    }
    if calls(run, 0, "POST", "/stopMirroring").await? != 0 {
        fail!("the mirror was stopped");
    }
    // Back to all of them.
    run.use_tutorial()?;
    run.plan().await?.does(MIRROR, &["update"])?;
    run.apply().await?.success()?;
    settled(run).await?;
    if mirrored(run).await?.len() != 5 {
        fail!("mirrored: {:?}", mirrored(run).await?);
    }
    Ok(())
}

async fn a_listed_table_that_cannot_be_mirrored_is_named(run: &mut Run) -> Result<()> {
    let listed = listing(&[("dbo", "Orders"), ("dbo", "Measurements")])?;
    run.write("main.tf", &listed)?;
    // The connection has to be there before its source can be looked at.
    let error = run.apply().await?.fails_with("dbo.Measurements cannot be mirrored")?;
    if error.address != MIRROR || calls(run, 0, "POST", "/mirroredDatabases").await? != 0 {
        fail!("the error is at {}, or the mirror was made", error.address);
    }
    run.write("main.tf", &listing(&[("dbo", "Orders")])?)?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    run.destroy().await?.success().map(drop)
}

async fn a_mirror_of_no_table_is_refused(run: &mut Run) -> Result<()> {
    run.write("main.tf", &listing(&[])?)?;
    run.run(&["validate", "-json"]).await?;
    run.plan().await?.said.fails_with("Leave `tables` out")?;
    Ok(())
}

async fn stopped_and_running_again(run: &mut Run) -> Result<()> {
    let stopped = tutorial_with(&[("\"running\"", "\"stopped\"")])?;
    run.write("main.tf", &stopped)?;
    run.apply().await?.success()?;
    if calls(run, 0, "POST", "/startMirroring").await? != 0 {
        fail!("the mirror was started");
    }
    settled(run).await?;
    // The first start copies nothing again: no warning.
    run.use_tutorial()?;
    let plan = run.plan().await?;
    plan.changes(REPLICATION, "state", &json!("stopped"), &json!("running"))?;
    if plan.said.warns("copied again").is_ok() {
        fail!("the plan warns of a second copy before the first");
    }
    run.apply().await?.success()?;
    settled(run).await?;
    run.write("main.tf", &stopped)?;
    run.plan().await?.changes(REPLICATION, "state", &json!("running"), &json!("stopped"))?;
    run.apply().await?.success()?;
    settled(run).await?;
    run.use_tutorial()?;
    run.plan().await?.said.warns("All tables will be copied again")?;
    run.apply().await?.success()?;
    settled(run).await?;
    // The new object of a replacement is no second one.
    run.apply_with(&format!("-replace={REPLICATION}")).await?.success()?;
    settled(run).await?;
    run.destroy().await?.success().map(drop)
}

async fn names_change_in_place_and_the_schema_replaces(run: &mut Run) -> Result<()> {
    run.use_tutorial()?;
    run.apply().await?.success()?;
    let id = values(&run.state().await?, MIRROR)["id"].clone();
    let renamed = tutorial_with(&[
        ("  display_name   = var.database", "  display_name   = \"Renamed\"\n  description = \"All of it\""),
        ("display_name = \"tutorial-${var.database}\"", "display_name = \"another\"\n  privacy_level = \"Private\""),
    ])?;
    run.write("main.tf", &renamed)?;
    let plan = run.plan().await?;
    plan.does(MIRROR, &["update"])?
        .does("fabricmirror_connection.source", &["update"])?
        .does(REPLICATION, &["no-op"])?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    // Left out, the description stays; an empty one takes it away.
    run.write("main.tf", &edited(&renamed, &[("\n  description = \"All of it\"", "")])?)?;
    run.plan().await?.is_empty()?;
    run.write("main.tf", &edited(&renamed, &[("\"All of it\"", "\"\"")])?)?;
    run.plan().await?.changes(MIRROR, "description", &json!("All of it"), &json!(""))?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    if values(&run.state().await?, MIRROR)["id"] != id || calls(run, 0, "POST", "/stopMirroring").await? != 0 {
        fail!("the mirror was stopped or replaced");
    }

    run.write("main.tf", &edited(&renamed, &[("  default_schema = \"dbo\"\n", "")])?)?;
    run.plan().await?.does(MIRROR, &["delete", "create"])?.does(REPLICATION, &["delete", "create"])?;
    run.apply().await?.success()?;
    settled(run).await?;
    if values(&run.state().await?, MIRROR)["id"] == id {
        fail!("the mirror is the same");
    }
    run.destroy().await?.success().map(drop)
}

async fn a_paused_capacity_deletes_nothing(run: &mut Run) -> Result<()> {
    run.use_tutorial()?;
    run.apply().await?.success()?;
    run.emulator.world(json!({ "capacity_state": "Inactive" })).await?;
    let plan = run.run(&["plan", "-json", "-input=false", "-refresh-only", "-out=plan.bin"]).await?;
    plan.warns("capacity is paused")?;
    let plan = run.plan().await?;
    plan.said.warns("capacity is paused")?;
    // Not even the data source fails, which has no state to fall back to: the output of it alone differs.
    plan.said.warns("The mirror's status cannot be known now")?;
    for address in EVERYTHING {
        plan.does(address, &["no-op"])?;
    }
    let error = run.destroy().await?.fails_with("capacity is paused")?;
    if !error.detail.contains("Resume") {
        fail!("the error leads nowhere: {error:?}");
    }
    run.emulator.world(json!({ "capacity_state": "Active" })).await?;
    run.destroy().await?.success().map(drop)
}
