//! The emulator against Microsoft's published description, as a whole: which routes are served, and where answers
//! deviate from it.

use std::collections::BTreeSet;

use fabricmirror_emulator::scenario::Scenario;
use fabricmirror_tests::openapi::{self, deviations};
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use crate::site::{self, Answer, Site, definition};

/// Walks through what a client may meet, and ends with exactly the deviations that are listed with their reasons.
/// (That nothing unlisted comes back is checked at every call of every test.)
#[tokio::test]
async fn every_listed_deviation_from_the_description_still_occurs() {
    if openapi::spec().is_none() {
        return;
    }
    let mut scenario = Scenario::default();
    scenario.rest.long_running_definitions = true;
    let site = Site::with(scenario).await;
    let workspace = site.workspace();
    site.get("/connections/supportedConnectionTypes").await;
    let connection = site.create_connection().await;
    let mut untried = site::connection("untried");
    untried["connectionDetails"]["type"] = json!("SQL");
    untried["connectionDetails"]["creationMethod"] = json!("Sql");
    untried["credentialDetails"]["skipTestConnection"] = json!(true);
    assert_eq!(site.post("/connections", untried).await.status, 201);
    site.get("/connections").await;
    site.post(&format!("{workspace}/folders"), json!({ "displayName": "F" })).await;
    let network = json!({ "subscriptionId": Uuid::nil(), "resourceGroupName": "g", "virtualNetworkName": "n", "subnetName": "s" });
    let gateway = json!({ "type": "VirtualNetwork", "displayName": "vnet", "capacityId": site.ready.scenario.capacity_id, "virtualNetworkAzureResource": network, "inactivityMinutesBeforeSleep": 30 });
    assert_eq!(site.post("/gateways", gateway).await.status, 201);
    let again = json!({ "principal": { "id": Scenario::default().application().unwrap().id, "type": "ServicePrincipal" }, "role": "Viewer" });
    assert_eq!(site.post(&format!("{workspace}/roleAssignments"), again).await.status, 409);
    let bin = format!("{workspace}/recoverableItems");
    site.get(&bin).await.is(403, "TenantSwitchDisabled");
    site.order(&format!("{bin}/{}/recover", Uuid::nil())).await.is(403, "TenantSwitchDisabled");
    site.delete(&format!("{bin}/{}", Uuid::nil())).await.is(403, "TenantSwitchDisabled");
    let unknown = json!({ "principal": { "id": Uuid::new_v4(), "type": "ServicePrincipal" }, "role": "Viewer" });
    site.post(&format!("{workspace}/roleAssignments"), unknown).await.is(400, "PrincipalNotFound");
    let mirror = site.create_mirror(&connection).await;
    let item = mirror.replace("mirroredDatabases", "items");
    site.get(&format!("{workspace}/mirroredDatabases")).await;
    for path in [&mirror, &item] {
        site.get(path).await;
        site.patch(path, json!({ "description": "new" })).await;
    }
    site.order(&format!("{mirror}/getTablesMirroringStatus")).await;
    let accepted = site.order(&format!("{mirror}/getDefinition")).await;
    let operation = format!("/operations/{}", accepted.headers["x-ms-operation-id"].to_str().unwrap());
    site.get(&operation).await;
    site.pass(60);
    site.get(&operation).await;
    assert_eq!(site.order(&format!("{workspace}/provisionIdentity")).await.status, 202);
    site.pass(60);
    let accepted = site.order(&format!("{workspace}/deprovisionIdentity")).await;
    let operation = format!("/operations/{}", accepted.headers["x-ms-operation-id"].to_str().unwrap());
    site.pass(60);
    site.get(&operation).await;
    let body = json!({ "type": "MirroredDatabase", "displayName": "Other", "definition": definition(&connection, &json!({})) });
    assert_eq!(site.post(&format!("{workspace}/items"), body).await.status, 201);

    // What the scenario may choose.
    let choice = json!({ "start_status": 202, "paused_capacity": "NotFoundWithoutBody" });
    site.control(Method::POST, "/rest", Some(choice)).await;
    assert_eq!(site.order(&format!("{mirror}/startMirroring")).await.status, 202);
    site.control(Method::POST, "/world", Some(json!({ "capacity_state": "Inactive" }))).await;
    assert_eq!(site.get(&mirror).await.status, 404);

    let gone = deviations::gone(&site.deviations.lock().unwrap());
    assert!(gone.is_empty(), "these are listed and do not occur: {gone:#?}");
}

/// The routes in the conformance table of the document.
fn listed() -> Vec<String> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap();
    let document = std::path::Path::new(&package).join("../../docs/design/emulator.md");
    let document = std::fs::read_to_string(document).unwrap();
    let table = document.split("| route | source | test |\n|---|---|---|\n").nth(1).unwrap();
    let routes = table.lines().map_while(|row| row.strip_prefix("| `")?.split('`').next());
    routes.map(str::to_owned).collect()
}

/// Ids are nil: what is served answers that there is no such thing.
fn concrete(template: &str) -> String {
    let parts =
        template.split('/').map(|part| if part.starts_with('{') { Uuid::nil().to_string() } else { part.into() });
    parts.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn what_is_served_is_described_and_listed() {
    let Some(spec) = openapi::spec() else { return };
    let site = Site::new().await;
    let described = spec.routes().into_iter().map(|(_, template)| template);
    let undescribed = deviations::undescribed().map(|(_, template)| template.to_owned());
    let paths: BTreeSet<String> = described.chain(undescribed).map(|template| concrete(&template)).collect();
    let mut served = BTreeSet::new();
    for path in paths {
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let url = format!("{}/v1{path}", site.ready.fabric.endpoint);
            let answer = site.http.request(method.clone(), url).bearer_auth(&site.token).send().await.unwrap();
            if Answer::read(answer).await.body["errorCode"] != "EndpointNotFound" {
                let template = spec.describes(method.as_str(), &path);
                let template = template.or_else(|| deviations::undescribed_path(method.as_str(), &path));
                served
                    .insert(format!("{method} {}", template.unwrap_or_else(|| panic!("{method} {path}: undescribed"))));
            }
        }
    }
    let served: Vec<String> = served.into_iter().collect();
    assert_eq!(served, listed(), "served, and listed in the document");
}
