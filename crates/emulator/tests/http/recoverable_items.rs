//! The recycle bin of a workspace, and deletes that go past it.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::site::{Site, definition};

const DAY: u64 = 24 * 60 * 60;

async fn set(site: &Site, what: &str, keys: Value) {
    let answer = site.control(Method::POST, what, Some(keys)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

async fn with_a_bin() -> (Site, String) {
    let site = Site::new().await;
    set(&site, "/world", json!({ "item_recovery": "On" })).await;
    let bin = format!("{}/recoverableItems", site.workspace());
    (site, bin)
}

async fn names(site: &Site, list: &str) -> Vec<String> {
    let answer = site.get(list).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let items = answer.body["value"].as_array().unwrap().clone();
    items.iter().map(|item| item["displayName"].as_str().unwrap().to_owned()).collect()
}

/// Longer than a token lasts.
async fn sleep(site: &mut Site, seconds: u64) {
    site.pass(seconds);
    let token = site.ask_token("https://api.fabric.microsoft.com/.default").await;
    site.token = token.body["access_token"].as_str().unwrap().to_owned();
}

/// Gives the instance's identity a role; answers a token of it.
async fn identity_as(site: &Site, role: &str) -> String {
    let body = json!({ "principal": { "id": site.identity(), "type": "ServicePrincipal" }, "role": role });
    assert_eq!(site.post(&format!("{}/roleAssignments", site.workspace()), body).await.status, 201);
    site.token_of(site.identity())
}

#[tokio::test]
async fn a_hard_delete_needs_an_admin() {
    let site = Site::new().await;
    let connection = site.create_connection().await;
    let mirror = site.create_mirror(&connection).await;
    let contributor = identity_as(&site, "Contributor").await;
    for path in [mirror.clone(), mirror.replace("mirroredDatabases", "items")] {
        let path = format!("{path}?hardDelete=true");
        site.call_as(&contributor, Method::DELETE, &path, None).await.is(403, "InsufficientWorkspaceRole");
    }
    site.delete(&format!("{mirror}?hardDelete=perhaps")).await.is(400, "InvalidParameter");
    let soft = site.call_as(&contributor, Method::DELETE, &format!("{mirror}?hardDelete=false"), None).await;
    assert_eq!(soft.status, 200);
    site.pass(60);
    let mirror = site.create_mirror(&connection).await;
    assert_eq!(site.delete(&format!("{mirror}?hardDelete=true")).await.status, 200);
}

#[tokio::test]
async fn without_the_tenants_switch_there_is_no_bin() {
    let site = Site::new().await;
    let bin = format!("{}/recoverableItems", site.workspace());
    let mirror = site.create_mirror(&site.create_connection().await).await;
    let id = mirror.rsplit('/').next().unwrap().to_owned();
    assert_eq!(site.delete(&mirror).await.status, 200);
    site.get(&bin).await.is(403, "TenantSwitchDisabled");
    site.order(&format!("{bin}/{id}/recover")).await.is(403, "TenantSwitchDisabled");
    site.delete(&format!("{bin}/{id}")).await.is(403, "TenantSwitchDisabled");
    // What was deleted before it was switched on is gone.
    set(&site, "/world", json!({ "item_recovery": "On" })).await;
    assert!(names(&site, &bin).await.is_empty());
    site.order(&format!("{bin}/{id}/recover")).await.is(404, "ItemNotFound");
}

#[tokio::test]
async fn a_deleted_item_comes_back_with_all_that_it_was() {
    let (site, bin) = with_a_bin().await;
    let (workspace, connection) = (site.workspace(), site.create_connection().await);
    let folder = site.post(&format!("{workspace}/folders"), json!({ "displayName": "F" })).await.id();
    let body = json!({ "displayName": "Sales", "description": "d", "folderId": folder, "definition": definition(&connection, &json!({})) });
    let id = site.post(&format!("{workspace}/mirroredDatabases"), body.clone()).await.id();
    let mirror = format!("{workspace}/mirroredDatabases/{id}");
    site.pass(60);
    let before = site.get(&mirror).await.body;
    assert_eq!(site.delete(&mirror).await.status, 200);
    for path in [mirror.clone(), format!("{workspace}/items/{id}")] {
        site.get(&path).await.is(404, "ItemNotFound");
    }
    assert!(names(&site, &format!("{workspace}/items")).await.is_empty());
    let listed = site.get(&bin).await.body["value"][0].clone();
    let until = listed["retentionExpirationDateTime"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert_eq!(listed["id"], json!(id));
    assert_eq!((&listed["type"], &listed["workspaceId"]), (&json!("MirroredDatabase"), &before["workspaceId"]));
    let left = until - site.emulator.parts.clock.now();
    assert!((left.total(jiff::Unit::Second).unwrap() - 7.0 * DAY as f64).abs() < 60.0, "{left}");
    site.delete(&format!("{workspace}/folders/{folder}")).await.is(400, "FolderNotEmpty");

    let accepted = site.order(&format!("{bin}/{id}/recover")).await;
    assert_eq!(accepted.status, 202, "{}", accepted.text);
    site.order(&format!("{bin}/{id}/recover")).await.is(400, "InvalidItemState");
    site.get(&mirror).await.is(404, "ItemNotFound");
    // Its name is its own again already.
    site.pass(5);
    site.post(&format!("{workspace}/mirroredDatabases"), body).await.is(409, "ItemDisplayNameAlreadyInUse");
    site.pass(15);
    let operation = format!("/operations/{}", accepted.headers["x-ms-operation-id"].to_str().unwrap());
    assert_eq!(site.get(&operation).await.body["status"], "Succeeded");
    assert_eq!(site.get(&mirror).await.body, before);
    assert_eq!(site.status(&mirror).await.0, "Initialized");
    assert!(names(&site, &bin).await.is_empty());
}

#[tokio::test]
async fn the_bin_keeps_no_name_and_forgets_in_time() {
    let (mut site, bin) = with_a_bin().await;
    set(&site, "/rest", json!({ "item_recovery_days": 8 })).await;
    let connection = site.create_connection().await;
    let first = site.create_mirror(&connection).await;
    let id = first.rsplit('/').next().unwrap().to_owned();
    assert_eq!(site.delete(&first).await.status, 200);
    site.pass(30);
    let second = site.create_mirror(&connection).await;
    site.order(&format!("{bin}/{id}/recover")).await.is(409, "ItemDisplayNameAlreadyInUse");
    assert_eq!(site.patch(&second, json!({ "displayName": "Other" })).await.status, 200);
    sleep(&mut site, 7 * DAY).await;
    assert_eq!(names(&site, &bin).await, ["Sales"]);
    sleep(&mut site, DAY).await;
    assert!(names(&site, &bin).await.is_empty());
    site.order(&format!("{bin}/{id}/recover")).await.is(404, "ItemNotFound");
    // A hard delete goes past the bin.
    assert_eq!(site.delete(&format!("{second}?hardDelete=true")).await.status, 200);
    assert!(names(&site, &bin).await.is_empty());
}

#[tokio::test]
async fn roles_decide_who_looks_recovers_and_purges() {
    let (site, bin) = with_a_bin().await;
    let mirror = site.create_mirror(&site.create_connection().await).await;
    let id = mirror.rsplit('/').next().unwrap().to_owned();
    assert_eq!(site.delete(&mirror).await.status, 200);
    let (purge, recover) = (format!("{bin}/{id}"), format!("{bin}/{id}/recover"));
    let stranger = site.token_of(site.identity());
    site.call_as(&stranger, Method::GET, &bin, None).await.is(403, "InsufficientPrivileges");
    let viewer = identity_as(&site, "Viewer").await;
    let count = async |token: &str, query: &str| {
        let list = site.call_as(token, Method::GET, &format!("{bin}{query}"), None).await;
        list.body["value"].as_array().unwrap().len()
    };
    assert_eq!(count(&viewer, "").await, 1);
    assert_eq!(count(&viewer, "?recoverableByMe=true").await, 0);
    assert_eq!(count(&site.token, "?recoverableByMe=true").await, 1);
    assert_eq!(count(&site.token, "?type=mirroreddatabase").await, 1);
    assert_eq!(count(&site.token, "?type=Lakehouse").await, 0);
    site.call_as(&viewer, Method::POST, &recover, None).await.is(403, "InsufficientWorkspaceRole");
    let own = format!("{}/roleAssignments/{}", site.workspace(), site.identity());
    assert_eq!(site.patch(&own, json!({ "role": "Member" })).await.status, 200);
    site.call_as(&viewer, Method::DELETE, &purge, None).await.is(403, "InsufficientWorkspaceRole");
    site.delete(&format!("{bin}/{}", Uuid::new_v4())).await.is(404, "ItemNotFound");
    assert_eq!(site.delete(&purge).await.status, 200);
    site.call_as(&viewer, Method::POST, &recover, None).await.is(404, "ItemNotFound");
}

#[tokio::test]
async fn a_running_mirror_comes_back_paused_and_its_feed_stays_on() {
    let (site, bin) = with_a_bin().await;
    let mirror = site.start_mirror().await;
    site.pass(60);
    assert_eq!(site.status(&mirror).await.0, "Running");
    assert_eq!(site.delete(&mirror).await.status, 200);
    site.pass(60);
    assert!(site.source.0.lock().unwrap().feeds.contains("Sales"));
    let id = mirror.rsplit('/').next().unwrap();
    assert_eq!(site.order(&format!("{bin}/{id}/recover")).await.status, 202);
    site.pass(20);
    assert_eq!(site.status(&mirror).await.0, "Paused");
    assert_eq!(site.order(&format!("{mirror}/stopMirroring")).await.status, 200);
    site.pass(60);
    assert!(site.source.0.lock().unwrap().feeds.is_empty());
    assert_eq!(site.order(&format!("{mirror}/startMirroring")).await.status, 200);
    site.pass(60);
    assert_eq!(site.status(&mirror).await.0, "Running");
}
