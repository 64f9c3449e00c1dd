//! Data sources that find what others made: by id, by name, and with what is said when there is none, or more than one.

use fabricmirror_tests::run::{Run, Said};
use fabricmirror_tests::{Result, fail};
use serde_json::{Value, json};

use crate::hcl::{HEAD, edited};
use crate::tutorial::values;
use crate::world::{generic_connection, portal};
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case!(everything_is_found_by_id_and_by_name),
        case!(a_name_that_nothing_or_several_have).once(),
        case!(a_paused_capacity_hides_mirrors_and_nothing_fails).once(),
        case!(a_connection_of_the_portal_is_referred_to).once(),
    ]
}

const LOOK_UPS: &str = r#"
data "fabricmirror_workspace" "by_id" {
  id = "@workspace"
}

data "fabricmirror_workspace" "by_name" {
  display_name = data.fabricmirror_workspace.by_id.display_name
}

data "fabricmirror_connection" "by_name" {
  display_name = "GENERIC"
}

data "fabricmirror_connection" "by_id" {
  id = data.fabricmirror_connection.by_name.id
}

data "fabricmirror_connections" "all" {}

data "fabricmirror_connections" "none" {
  type = "Lakehouse"
}

data "fabricmirror_mirrored_database" "by_name" {
  workspace_id = "@workspace"
  display_name = "Sales"
}

data "fabricmirror_mirrored_database" "by_id" {
  workspace_id = "@workspace"
  id           = data.fabricmirror_mirrored_database.by_name.id
}

data "fabricmirror_mirrored_databases" "all" {
  workspace_id = "@workspace"
}

data "fabricmirror_gateway" "by_name" {
  display_name = "vnet"
}

data "fabricmirror_gateway" "by_id" {
  id = data.fabricmirror_gateway.by_name.id
}
"#;

fn look_ups(run: &Run) -> String {
    HEAD.to_owned() + &LOOK_UPS.replace("@workspace", &run.emulator.ready.scenario.workspace_id)
}

async fn gateway(run: &Run, name: &str) -> Result<String> {
    let gateway = json!({
        "type": "VirtualNetwork",
        "displayName": name,
        "capacityId": run.emulator.ready.scenario.capacity_id,
        "virtualNetworkAzureResource": {
            "subscriptionId": "5ab5c41b-0000-4000-8000-000000000001",
            "resourceGroupName": "network",
            "virtualNetworkName": "hub",
            "subnetName": "fabric",
        },
        "inactivityMinutesBeforeSleep": 30,
        "numberOfMemberGateways": 1,
    });
    let made = portal(run, "POST", "/gateways", Some(gateway)).await?;
    Ok(made["id"].as_str().ok_or("the gateway has no id")?.to_owned())
}

/// A mirror as the tutorial makes one, left out of every state afterwards.
async fn mirror(run: &mut Run) -> Result<()> {
    run.use_tutorial()?;
    run.apply().await?.success()?;
    run.forget_state()
}

async fn everything_is_found_by_id_and_by_name(run: &mut Run) -> Result<()> {
    mirror(run).await?;
    let generic = generic_connection(run).await?;
    let network = gateway(run, "vnet").await?;
    run.write("main.tf", &look_ups(run))?;
    run.apply().await?.success()?;
    let state = run.state().await?;
    let found = |address: &str| values(&state, &format!("data.fabricmirror_{address}"));
    let ready = &run.emulator.ready;
    let is = |address: &str, attribute: &str, expected: Value| -> Result<()> {
        let seen = found(address)[attribute].clone();
        if seen == expected { Ok(()) } else { fail!("{address}.{attribute} is {seen}, not {expected}") }
    };
    for of in ["by_id", "by_name"] {
        is(&format!("workspace.{of}"), "id", json!(ready.scenario.workspace_id))?;
        is(&format!("workspace.{of}"), "capacity_id", json!(ready.scenario.capacity_id))?;
        is(&format!("workspace.{of}"), "capacity_state", json!("Active"))?;
        is(&format!("connection.{of}"), "id", json!(generic))?;
        is(&format!("connection.{of}"), "type", json!("SQL"))?;
        is(&format!("connection.{of}"), "credential_type", json!("Basic"))?;
        is(&format!("connection.{of}"), "gateway_id", Value::Null)?;
        is(&format!("connection.{of}"), "database", json!(ready.scenario.database))?;
        is(&format!("mirrored_database.{of}"), "source_type", json!("AzureSqlMI"))?;
        is(&format!("mirrored_database.{of}"), "default_schema", json!("dbo"))?;
        is(&format!("mirrored_database.{of}"), "retention_in_days", json!(7))?;
        is(&format!("mirrored_database.{of}"), "tables", Value::Null)?;
        is(&format!("gateway.{of}"), "id", json!(network))?;
        is(&format!("gateway.{of}"), "type", json!("VirtualNetwork"))?;
        is(&format!("gateway.{of}"), "members", Value::Null)?;
        if found(&format!("gateway.{of}"))["virtual_network"]["subnet_name"] != "fabric" {
            fail!("the subnet is not seen: {}", found(&format!("gateway.{of}")));
        }
    }
    // What was asked for stays as it was written.
    is("connection.by_name", "display_name", json!("GENERIC"))?;
    is("connection.by_id", "display_name", json!("generic"))?;
    is("connections.none", "connections", json!([]))?;
    let names = |address: &str, list: &str| -> Vec<String> {
        let listed = found(address)[list].as_array().cloned().unwrap_or_default();
        listed.iter().filter_map(|it| it["display_name"].as_str().map(str::to_owned)).collect()
    };
    if names("connections.all", "connections") != ["generic", "tutorial-Sales"]
        || names("mirrored_databases.all", "mirrored_databases") != ["Sales"]
    {
        fail!("not everything is listed: {state}");
    }
    run.plan().await?.is_empty()
}

async fn a_name_that_nothing_or_several_have(run: &mut Run) -> Result<()> {
    let generic = generic_connection(run).await?;
    let says = async |run: &mut Run, block: &str, text: &str| -> Result<Said> {
        run.write("main.tf", &format!("{HEAD}{block}"))?;
        let planned = run.plan().await?.said;
        planned.fails_with(text)?;
        Ok(planned)
    };
    let workspace = run.emulator.ready.scenario.workspace_id.clone();
    let missing = says(
        run,
        "data \"fabricmirror_connection\" \"it\" {\n  display_name = \"ledger\"\n}\n",
        "There is no such connection, or it is not visible",
    );
    let missing = missing.await?.fails_with("called `ledger`")?;
    if !missing.detail.contains(&generic) {
        fail!("what is there is not shown: {missing:?}");
    }
    for (block, text) in [
        ("data \"fabricmirror_gateway\" \"it\" {\n  display_name = \"none\"\n}\n".to_owned(), "It sees none at all"),
        (
            "data \"fabricmirror_workspace\" \"it\" {\n  id = \"00000000-1111-2222-3333-444444444444\"\n}\n".to_owned(),
            "There is no such workspace",
        ),
        (
            format!(
                "data \"fabricmirror_mirrored_database\" \"it\" {{\n  workspace_id = \"{workspace}\"\n  display_name = \
                 \"Sales\"\n}}\n"
            ),
            "There is no such mirrored database",
        ),
        ("data \"fabricmirror_connection\" \"it\" {\n  id = \"sales\"\n}\n".to_owned(), "is no id"),
        ("data \"fabricmirror_connection\" \"it\" {}\n".to_owned(), "display_name"),
        (
            format!("data \"fabricmirror_connection\" \"it\" {{\n  id = \"{generic}\"\n  display_name = \"x\"\n}}\n"),
            "display_name",
        ),
    ] {
        says(run, &block, text).await?;
    }
    // Two whose names differ in their case alone: neither is exact.
    let row = |id: &str, name: &str| {
        json!({ "id": id, "displayName": name, "connectivityType": "ShareableCloud",
                "connectionDetails": { "type": "AzureSqlMI", "path": "mi;Sales" } })
    };
    let (one, other) = ("c0ffee00-0000-4000-8000-000000000001", "c0ffee00-0000-4000-8000-000000000002");
    let list = json!({
        "match": { "channel": "rest", "method": "GET", "path": "/connections" },
        "effect": { "status": 200, "body": { "value": [row(one, "sales"), row(other, "Sales")] } },
    });
    run.emulator.plant(list).await?;
    let several = says(
        run,
        "data \"fabricmirror_connection\" \"it\" {\n  display_name = \"SALES\"\n}\n",
        "Several connections have this name",
    );
    let several = several.await?.fails_with("Several connections")?;
    if !several.detail.contains(one) || !several.detail.contains(other) {
        fail!("not both are named: {several:?}");
    }
    Ok(())
}

async fn a_paused_capacity_hides_mirrors_and_nothing_fails(run: &mut Run) -> Result<()> {
    mirror(run).await?;
    generic_connection(run).await?;
    gateway(run, "vnet").await?;
    let (by_name, by_id) = ("  display_name = \"Sales\"\n", "  id = \"1de47171-90ab-4cde-8f12-3456789abc04\"\n");
    let text = edited(&look_ups(run), &[("  id           = data.fabricmirror_mirrored_database.by_name.id\n", by_id)])?;
    if !text.contains(by_name) {
        fail!("no mirror is looked up by its name");
    }
    run.write("main.tf", &text)?;
    run.emulator.world(json!({ "capacity_state": "Inactive" })).await?;
    let plan = run.plan().await?;
    plan.said.warns("The mirrored databases cannot be known now")?;
    run.apply().await?.success()?;
    if values(&run.state().await?, "data.fabricmirror_workspace.by_id")["capacity_state"] != "Inactive" {
        fail!("the workspace does not say that its capacity is paused");
    }
    run.plan().await?.is_empty()
}

/// With an organizational account, which only the portal can ask for: it can be looked up, and a mirror made over it.
async fn a_connection_of_the_portal_is_referred_to(run: &mut Run) -> Result<()> {
    mirror(run).await?;
    let connections = portal(run, "GET", "/connections", None).await?;
    let id = connections["value"][0]["id"].as_str().ok_or("no connection")?.to_owned();
    let theirs = |list: bool| {
        let row = json!({
            "id": id,
            "displayName": "made in the portal",
            "connectivityType": "ShareableCloud",
            "gatewayId": "00000000-0000-4000-8000-000000000000",
            "connectionDetails": { "type": "AzureSqlMI", "path": "mi.public.abc123.database.windows.net,3342;Sales" },
            "privacyLevel": "Organizational",
            "credentialDetails": { "credentialType": "OAuth2", "singleSignOnType": "None", "connectionEncryption": "Encrypted" },
        });
        let (path, body) = if list {
            ("/connections$".to_owned(), json!({ "value": [row] }))
        } else {
            (format!("/connections/{id}$"), row)
        };
        json!({
            "match": { "channel": "rest", "method": "GET", "path": path },
            "count": 0,
            "effect": { "status": 200, "body": body },
        })
    };
    run.emulator.plant(theirs(true)).await?;
    run.emulator.plant(theirs(false)).await?;
    let workspace = run.emulator.ready.scenario.workspace_id.clone();
    run.write(
        "main.tf",
        &format!(
            "{HEAD}data \"fabricmirror_connection\" \"portal\" {{\n  display_name = \"made in the portal\"\n}}\n\nresource \
             \"fabricmirror_mirrored_database\" \"second\" {{\n  workspace_id = \"{workspace}\"\n  display_name = \
             \"second\"\n  connection_id = data.fabricmirror_connection.portal.id\n}}\n"
        ),
    )?;
    run.apply().await?.success()?;
    let found = values(&run.state().await?, "data.fabricmirror_connection.portal");
    if found["credential_type"] != "OAuth2" || found["gateway_id"] != Value::Null {
        fail!("it is seen as something else: {found}");
    }
    run.plan().await?.is_empty()
}
