//! What the scenario's `rest` chooses where nobody could look, or tenants differ.

use reqwest::Method;
use serde_json::{Value, json};

use crate::site::{Site, connection, definition, listed};

async fn choose(site: &Site, choice: Value) {
    let answer = site.control(Method::POST, "/rest", Some(choice)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn a_choice_that_makes_no_sense_is_refused() {
    let site = Site::new().await;
    for (choice, reason) in [
        (json!({ "page_size": 0 }), "page_size must be at least 1"),
        (json!({ "start_status": 204 }), "start_status must be 200 or 202"),
        (json!({ "name_reserved_status": 404 }), "name_reserved_status must be 400 or 409"),
        (json!({ "repeated_orders": "Ignored" }), "unknown variant `Ignored`"),
    ] {
        let answer = site.control(Method::POST, "/rest", Some(choice)).await;
        assert_eq!(answer.status, 400);
        assert!(answer.text.contains(reason), "{}", answer.text);
    }
}

#[tokio::test]
async fn orders_may_be_repeated() {
    let site = Site::new().await;
    choose(&site, json!({ "start_status": 202 })).await;
    site.let_identity_write().await;
    let mirror = site.create_mirror(&site.create_connection().await).await;
    // Too early is too early, whatever was chosen.
    for choice in ["Refused", "Conflict", "Accepted"] {
        choose(&site, json!({ "repeated_orders": choice })).await;
        site.order(&format!("{mirror}/startMirroring")).await.is(400, "OperationNotAllowedInCurrentStatus");
    }
    site.pass(60);
    assert_eq!(site.order(&format!("{mirror}/startMirroring")).await.status, 202);
    site.pass(60);
    let rows = site.tables(&mirror).await;
    assert_eq!(site.order(&format!("{mirror}/startMirroring")).await.status, 202);
    assert_eq!(site.tables(&mirror).await, rows, "nothing was copied again");
    choose(&site, json!({ "repeated_orders": "Conflict" })).await;
    site.order(&format!("{mirror}/startMirroring")).await.is(409, "OperationNotAllowedInCurrentStatus");
    assert_eq!(site.order(&format!("{mirror}/stopMirroring")).await.status, 200);
    site.order(&format!("{mirror}/stopMirroring")).await.is(409, "OperationNotAllowedInCurrentStatus");
    choose(&site, json!({ "repeated_orders": "Accepted" })).await;
    assert_eq!(site.order(&format!("{mirror}/stopMirroring")).await.status, 200);
    site.pass(60);
    assert_eq!(site.status(&mirror).await.0, "Stopped");
}

#[tokio::test]
async fn a_source_that_is_not_ready_may_show_as_failed_tables() {
    let site = Site::new().await;
    choose(&site, json!({ "source_not_ready": "Failed", "unsupported_tables": "Failed" })).await;
    let rights = std::mem::take(&mut site.source.0.lock().unwrap().rights.effective);
    let mirror = site.start_mirror().await;
    site.pass(40);
    let (status, error) = site.status(&mirror).await;
    assert_eq!((status.as_str(), &error["errorCode"]), ("Running", &json!("SourcePermissionDenied")));
    assert_eq!(
        site.tables(&mirror).await,
        ["dbo.Customers: Failed -", "dbo.Measurements: Failed -", "dbo.Orders: Failed -", "sales.Documents: Failed -"]
    );
    assert!(site.source.0.lock().unwrap().feeds.is_empty(), "there is no change feed yet");
    // The cause is gone, and tables need a start to notice.
    choose(&site, json!({ "failed_tables_recover": false })).await;
    site.source.0.lock().unwrap().rights.effective = rights;
    site.pass(120);
    assert_eq!(site.status(&mirror).await, ("Running".to_owned(), Value::Null));
    assert_eq!(site.tables(&mirror).await[2], "dbo.Orders: Failed -");
    choose(&site, json!({ "failed_tables_recover": true })).await;
    site.pass(120);
    assert_eq!(site.tables(&mirror).await[1..3], ["dbo.Measurements: Failed -", "dbo.Orders: Replicating 5"]);
    assert!(site.source.0.lock().unwrap().feeds.contains("Sales"));
}

#[tokio::test]
async fn a_paused_capacity_has_three_faces() {
    let site = Site::new().await;
    let mirror = site.create_mirror(&site.create_connection().await).await;
    let paused = json!({ "capacity_state": "Inactive" });
    assert_eq!(site.control(Method::POST, "/world", Some(paused)).await.status, 200);
    site.get(&mirror).await.is(404, "CapacityNotActive");
    choose(&site, json!({ "paused_capacity": "Unavailable" })).await;
    site.get(&mirror).await.is(503, "CapacityNotActive");
    choose(&site, json!({ "paused_capacity": "NotFoundWithoutBody" })).await;
    let answer = site.get(&mirror).await;
    assert_eq!((answer.status, answer.text.as_str()), (404, ""));
    assert_eq!(answer.headers["x-ms-public-api-error-code"], "CapacityNotActive");
}

#[tokio::test]
async fn a_reserved_name_has_two_statuses() {
    let site = Site::new().await;
    let connection = site.create_connection().await;
    let mirror = site.create_mirror(&connection).await;
    assert_eq!(site.delete(&mirror).await.status, 200);
    let body = json!({ "displayName": "Sales", "definition": definition(&connection, &json!({})) });
    for status in [409, 400] {
        choose(&site, json!({ "name_reserved_status": status })).await;
        let answer = site.post(&format!("{}/mirroredDatabases", site.workspace()), body.clone()).await;
        answer.is(status, "ItemDisplayNameNotAvailableYet");
    }
}

#[tokio::test]
async fn a_connection_may_be_checked_at_the_start() {
    let site = Site::new().await;
    site.let_identity_write().await;
    let mut generic = connection("generic");
    generic["connectionDetails"]["type"] = json!("SQL");
    generic["connectionDetails"]["creationMethod"] = json!("SQL");
    let generic = site.post("/connections", generic).await.id();
    let list = format!("{}/mirroredDatabases", site.workspace());
    let body = json!({ "displayName": "Sales", "definition": definition(&generic, &json!({})) });
    site.post(&list, body.clone()).await.is(400, "InvalidConnectionInformation");
    choose(&site, json!({ "connection_checked": "AtStart" })).await;
    let mirror = format!("{list}/{}", site.post(&list, body).await.id());
    site.pass(60);
    assert_eq!(site.order(&format!("{mirror}/startMirroring")).await.status, 200);
    site.pass(60);
    let (status, error) = site.status(&mirror).await;
    assert_eq!((status.as_str(), &error["errorCode"]), ("Stopped", &json!("InvalidConnectionInformation")));
    // Another connection, and it runs.
    let good = definition(&site.create_connection().await, &json!({}));
    assert_eq!(site.post(&format!("{mirror}/updateDefinition"), json!({ "definition": good })).await.status, 200);
    assert_eq!(site.order(&format!("{mirror}/startMirroring")).await.status, 200);
    site.pass(60);
    assert_eq!(site.status(&mirror).await.0, "Running");
}

#[tokio::test]
async fn a_definition_may_change_while_the_mirror_initializes() {
    let site = Site::new().await;
    let connection = site.create_connection().await;
    let mirror = site.create_mirror(&connection).await;
    let change = json!({ "definition": definition(&connection, &listed(&[("dbo", "Orders")])) });
    let update = format!("{mirror}/updateDefinition");
    site.post(&update, change.clone()).await.is(400, "MirroredDatabaseNotReady");
    choose(&site, json!({ "definition_while_initializing": true })).await;
    assert_eq!(site.post(&update, change).await.status, 200);
    assert_eq!(site.status(&mirror).await.0, "Initializing");
}
