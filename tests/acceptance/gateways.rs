//! The whole job where the instance has no public endpoint: through a virtual network gateway, and through an on-premises
//! gateway of two members, on the scenarios that the emulator ships.

use fabricmirror_tests::build::root;
use fabricmirror_tests::emulator::Options;
use fabricmirror_tests::run::Run;
use fabricmirror_tests::{Result, fail};
use serde_json::Value;

use crate::hcl::{CONNECTION, EVERYTHING, LOGIN, REPLICATION, tutorial_with};
use crate::tutorial::values;
use crate::world::{calls, is_as, now, replicates};
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case!(through_a_virtual_network_gateway, shipped("private-endpoint")),
        case!(through_an_on_premises_gateway, shipped("on-premises-gateway")),
        case!(a_way_that_does_not_lead_there_is_told, shipped("private-endpoint")).once(),
        case!(a_gateway_that_is_none_of_ours, shipped("on-premises-gateway")).once(),
    ]
}

/// The gateway of both scenarios.
const GATEWAY: &str = "9a7e3a71-0b1c-4d2e-8f3a-4b5c6d7e8f0c";
const NO_GATEWAY: &str = "9a7e3a79-0b1c-4d2e-8f3a-4b5c6d7e8f0c";

fn shipped(name: &str) -> Options {
    let file = root().expect("a workspace").join(format!("crates/emulator/scenarios/{name}.json"));
    let text = std::fs::read_to_string(&file).expect("a scenario that is shipped");
    Options { scenario: Some(text), ..Options::default() }
}

/// The tutorial with a gateway.
fn through(gateway: &str) -> Result<String> {
    let server = "  server       = var.server\n  database     = fabricmirror_database_grants";
    let routed = format!("  gateway_id   = \"{gateway}\"\n{server}");
    tutorial_with(&[(server, &routed)])
}

async fn the_whole_job(run: &mut Run) -> Result<()> {
    let before = run.emulator.state().await?;
    let text = through(GATEWAY)?;
    run.write("main.tf", &text)?;
    run.apply().await?.success()?;
    replicates(run, 5).await?;
    run.plan().await?.is_empty()?;
    let id = values(&run.state().await?, CONNECTION)["id"].clone();

    // Rotated in place: the connection stays the same, and what it logs in with is the new password.
    let rotated = text.replace("password_version = 1", "password_version = 2");
    run.write("main.tf", &rotated)?;
    run.plan().await?.does(CONNECTION, &["update"])?.does(LOGIN, &["update"])?.does(REPLICATION, &["no-op"])?;
    run.apply_planned().await?.success()?;
    if values(&run.state().await?, CONNECTION)["id"] != id {
        fail!("the rotation made another connection");
    }
    run.emulator.advance(300).await?;
    replicates(run, 5).await?;
    run.plan().await?.is_empty()?;

    // Imported, everything is as it was; only what is kept nowhere has to be sent.
    let connection = id.as_str().unwrap_or_default().to_owned();
    run.run(&["state", "rm", CONNECTION]).await?.success()?;
    run.write("import.tf", &crate::world::import(CONNECTION, &connection))?;
    let plan = run.plan().await?;
    plan.does(CONNECTION, &["update"])?;
    for address in EVERYTHING.into_iter().filter(|address| *address != CONNECTION) {
        plan.does(address, &["no-op"])?;
    }
    run.apply_planned().await?.success()?;
    std::fs::remove_file(run.folder.join("import.tf"))?;
    run.plan().await?.is_empty()?;
    run.destroy().await?.success()?;
    is_as(run, &before).await
}

async fn through_a_virtual_network_gateway(run: &mut Run) -> Result<()> {
    the_whole_job(run).await
}

async fn through_an_on_premises_gateway(run: &mut Run) -> Result<()> {
    the_whole_job(run).await?;
    // Each member got credentials of its own, and nobody could read them on the way.
    let entries = run.emulator.requests().await?;
    let sent: Vec<&Value> =
        entries.iter().filter(|it| it["method"] == "POST" && it["path"] == "/v1/connections").collect();
    let [sent] = sent[..] else { fail!("{} connections were made", sent.len()) };
    let body: Value = match &sent["body"] {
        Value::String(text) => serde_json::from_str(text)?,
        body => body.clone(),
    };
    let credentials = &body["credentialDetails"]["credentials"];
    if credentials["values"].as_array().map(Vec::len) != Some(2) || !credentials["username"].is_null() {
        fail!("not two members got credentials: {body}");
    }
    Ok(())
}

/// Fabric is said to come another way than the one that leads there.
async fn a_way_that_does_not_lead_there_is_told(run: &mut Run) -> Result<()> {
    run.use_tutorial()?;
    let refused = run.apply().await?.fails_with("Fabric cannot reach the source")?;
    if refused.address != CONNECTION || !refused.detail.contains("`gateway_id`") {
        fail!("no way is shown: {refused:?}");
    }
    // What was made before stays, and the next apply goes on from there.
    run.write("main.tf", &through(GATEWAY)?)?;
    run.plan().await?.does(CONNECTION, &["create"])?.does(LOGIN, &["no-op"])?;
    run.apply_planned().await?.success()?;

    // The gateway is out of reach when the password is rotated.
    run.emulator.world(serde_json::json!({ "gateway": "Unreachable" })).await?;
    run.write("main.tf", &through(GATEWAY)?.replace("password_version = 1", "password_version = 2"))?;
    let refused = run.apply().await?.fails_with("Fabric cannot reach the source")?;
    if !refused.detail.contains("virtual network gateway") {
        fail!("no way is shown: {refused:?}");
    }
    run.emulator.world(serde_json::json!({ "gateway": "Reachable" })).await?;
    run.apply().await?.success()?;
    run.destroy().await?.success().map(drop)
}

async fn a_gateway_that_is_none_of_ours(run: &mut Run) -> Result<()> {
    run.write("main.tf", &through(NO_GATEWAY)?)?;
    let since = now(run).await?;
    let refused = run.plan().await?.said.fails_with("The gateway is not there, or not visible")?;
    if !refused.detail.contains(GATEWAY) {
        fail!("the gateway that is visible is not named: {refused:?}");
    }
    // A reference cannot be encrypted for its members.
    let reference =
        "password_reference = { connection_id = \"c0ffee00-6a7b-4c8d-9e0f-1a2b3c4d5e10\", secret_name = \"sales\" }";
    let text = through(GATEWAY)?;
    let (head, rest) = text.split_once("resource \"fabricmirror_connection\"").ok_or("no connection")?;
    let rest = crate::hcl::edited(
        rest,
        &[
            ("    password_wo         = ephemeral.fabricmirror_password.fabric.result\n", ""),
            ("    password_wo_version = local.password_version\n", &format!("    {reference}\n")),
        ],
    )?;
    run.write("main.tf", &format!("{head}resource \"fabricmirror_connection\"{rest}"))?;
    run.plan().await?.said.fails_with("An on-premises gateway takes no reference")?;
    if calls(run, since, "POST", "/connections").await? > 0 {
        fail!("a plan made a connection");
    }
    Ok(())
}
