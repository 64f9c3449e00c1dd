//! Mirrored databases as items: label, change data feed, what the definition holds besides, and deletion for good.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fabricmirror_tests::run::Run;
use fabricmirror_tests::{Result, fail};
use serde_json::{Value, json};

use crate::hcl::{MIRROR, REPLICATION, tutorial_with};
use crate::tutorial::values;
use crate::world::{generic_connection, path_of_the_mirror, portal, replicates};
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case!(a_sensitivity_label_is_given_once),
        case!(the_change_data_feed_is_turned_on_in_place),
        case!(what_else_a_definition_holds_is_kept).once(),
        case!(a_generic_connection_is_refused_at_plan).once(),
        case!(a_deletion_for_good_takes_an_administrator).once(),
        case!(a_reserved_name_is_waited_for).once(),
    ]
}

const LABEL: &str = "1abe1000-0000-4000-8000-000000000001";
const OTHER: &str = "1abe1000-0000-4000-8000-000000000002";
const SCHEMA: &str = "  default_schema = \"dbo\"\n";

fn with(line: &str) -> Result<String> {
    tutorial_with(&[(SCHEMA, &format!("{SCHEMA}  {line}\n"))])
}

async fn definition(run: &mut Run) -> Result<Value> {
    let path = path_of_the_mirror(run).await?;
    let answer = portal(run, "POST", &format!("{path}/getDefinition"), None).await?;
    let parts = answer["definition"]["parts"].as_array().cloned().unwrap_or_default();
    let part = parts.iter().find(|it| it["path"] == "mirroring.json").ok_or("no mirroring.json")?;
    let bytes = STANDARD.decode(part["payload"].as_str().unwrap_or_default())?;
    Ok(serde_json::from_slice(&bytes)?)
}

async fn a_sensitivity_label_is_given_once(run: &mut Run) -> Result<()> {
    run.emulator.choose(json!({ "sensitivity_labels": [LABEL, OTHER] })).await?;
    run.write("main.tf", &with(&format!("sensitivity_label_id = \"{}\"", LABEL.to_uppercase()))?)?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    run.write("main.tf", &with(&format!("sensitivity_label_id = \"{OTHER}\""))?)?;
    run.plan().await?.said.fails_with("The sensitivity label cannot be changed here")?;
    run.use_tutorial()?;
    run.plan().await?.is_empty()?;
    run.destroy().await?.success()?;
    // A tenant that labels by itself: the answer to the create does not say it, the next look does.
    run.emulator.choose(json!({ "sensitivity_labels": [LABEL, OTHER], "default_sensitivity_label": OTHER })).await?;
    run.emulator.advance(600).await?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    if values(&run.state().await?, MIRROR)["sensitivity_label_id"] != OTHER {
        fail!("the tenant's own label is not seen");
    }
    run.write("main.tf", &with("sensitivity_label_id = \"1abe1000-0000-4000-8000-000000000003\"")?)?;
    run.plan().await?.said.fails_with("The sensitivity label cannot be changed here").map(drop)
}

async fn the_change_data_feed_is_turned_on_in_place(run: &mut Run) -> Result<()> {
    run.use_tutorial()?;
    run.apply().await?.success()?;
    for on in [true, false] {
        run.write("main.tf", &with(&format!("delta_change_data_feed = {on}"))?)?;
        let plan = run.plan().await?;
        plan.changes(MIRROR, "delta_change_data_feed", &json!(!on), &json!(on))?.does(REPLICATION, &["no-op"])?;
        run.apply_planned().await?.success()?;
        replicates(run, 5).await?;
        run.plan().await?.is_empty()?;
        if definition(run).await?["properties"]["target"]["typeProperties"]["enableDeltaChangeDataFeed"] != on {
            fail!("the definition does not say {on}");
        }
    }
    Ok(())
}

/// A landing zone, as Microsoft's command line sends it, and whatever else: a change of ours leaves it there.
async fn what_else_a_definition_holds_is_kept(run: &mut Run) -> Result<()> {
    run.use_tutorial()?;
    run.apply().await?.success()?;
    let mut theirs = definition(run).await?;
    theirs["properties"]["source"]["typeProperties"]["landingZone"] = json!({ "type": "MountedRelationalDatabase" });
    let payload = STANDARD.encode(theirs.to_string());
    let body = json!({ "definition": { "parts": [{ "path": "mirroring.json", "payload": payload, "payloadType": "InlineBase64" }] } });
    let path = path_of_the_mirror(run).await?;
    portal(run, "POST", &format!("{path}/updateDefinition"), Some(body)).await?;
    run.plan().await?.is_empty()?;
    run.write("main.tf", &with("retention_in_days = 14")?)?;
    run.apply().await?.success()?;
    let now = definition(run).await?;
    if now["properties"]["source"]["typeProperties"]["landingZone"]["type"] != "MountedRelationalDatabase"
        || now["properties"]["target"]["typeProperties"]["retentionInDays"] != 14
    {
        fail!("more was changed than the retention: {now}");
    }
    run.plan().await?.is_empty()
}

async fn a_generic_connection_is_refused_at_plan(run: &mut Run) -> Result<()> {
    let generic = generic_connection(run).await?;
    let text = tutorial_with(&[("fabricmirror_connection.source.id", &format!("\"{generic}\""))])?;
    run.write("main.tf", &text)?;
    let refused = run.plan().await?.said.fails_with("The connection is not of the type \"SQL Managed Instance\"")?;
    if refused.address != MIRROR || !refused.detail.contains(&generic) {
        fail!("it is not said of the mirror: {refused:?}");
    }
    Ok(())
}

async fn a_deletion_for_good_takes_an_administrator(run: &mut Run) -> Result<()> {
    run.write("main.tf", &with("hard_delete = true")?)?;
    run.apply().await?.success()?;
    let refusal = json!({
        "match": { "channel": "rest", "method": "DELETE", "path": "hardDelete|mirroredDatabases" },
        "effect": { "status": 403, "body": { "errorCode": "InsufficientWorkspaceRole", "message": "Admin is needed." } },
    });
    run.emulator.plant(refusal).await?;
    let refused = run.destroy().await?.fails_with("The provider's identity may not do this")?;
    if !refused.detail.contains("`hard_delete = false`") {
        fail!("no way out: {refused:?}");
    }
    // Nothing is lost: the next run destroys it.
    run.destroy().await?.success().map(drop)
}

/// The name of a deleted item is not free for a while.
async fn a_reserved_name_is_waited_for(run: &mut Run) -> Result<()> {
    run.emulator.choose(json!({ "name_reserved_s": 120 })).await?;
    run.use_tutorial()?;
    run.apply().await?.success()?;
    let applied = run.apply_with(&format!("-replace={MIRROR}")).await?.success()?;
    applied.does_not_say("reserved")?;
    run.plan().await?.is_empty()
}
