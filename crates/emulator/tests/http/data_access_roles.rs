//! OneLake data access roles of a mirrored database.

use reqwest::Method;
use serde_json::{Value, json};

use crate::site::{Answer, Site};

fn role(name: &str, paths: &[&str]) -> Value {
    json!({
        "name": name,
        "decisionRules": [{ "effect": "Permit", "permission": [
            { "attributeName": "Path", "attributeValueIncludedIn": paths },
            { "attributeName": "Action", "attributeValueIncludedIn": ["Read"] },
        ] }],
    })
}

async fn roles_of(site: &Site) -> String {
    let mirror = site.create_mirror(&site.create_connection().await).await;
    format!("{}/dataAccessRoles", mirror.replace("mirroredDatabases", "items"))
}

fn names(answer: &Answer) -> Vec<&str> {
    answer.body["value"].as_array().unwrap().iter().map(|role| role["name"].as_str().unwrap()).collect()
}

fn etag(answer: &Answer) -> String {
    answer.headers["etag"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn roles_are_replaced_as_a_whole() {
    let site = Site::new().await;
    let path = roles_of(&site).await;
    let first = site.get(&path).await;
    assert_eq!(names(&first), ["DefaultReader"]);
    let members = &first.body["value"][0]["members"]["fabricItemMembers"][0];
    assert_eq!(members["itemAccess"], json!(["ReadAll"]));
    let mut orders = role("Orders", &["/Tables/dbo/Orders"]);
    let user = "b0b00000-2c3d-4e5f-8a6b-7c8d9e0f1a06";
    orders["members"] = json!({ "microsoftEntraMembers": [{ "tenantId": site.ready.entra.tenant_id, "objectId": user, "objectType": "User" }] });
    let body = json!({ "value": [orders.clone(), role("All", &["*"])] });

    let dry = site.call(Method::PUT, &format!("{path}?dryRun=true"), Some(body.clone())).await;
    assert_eq!((dry.status, etag(&dry)), (200, etag(&first)));
    let replaced = site.call(Method::PUT, &path, Some(body.clone())).await;
    assert_eq!((replaced.status, replaced.text.as_str()), (200, ""));
    let second = site.get(&path).await;
    assert_eq!((names(&second), etag(&second)), (vec!["Orders", "All"], etag(&replaced)));
    assert_ne!(etag(&first), etag(&second));
    // Ids stay as long as names do.
    site.call(Method::PUT, &path, Some(json!({ "value": [orders] }))).await;
    let third = site.get(&path).await;
    assert_eq!(third.body["value"][0]["id"], second.body["value"][0]["id"]);

    for (value, code) in [
        (json!([role("x", &["Tables/x"])]), "InvalidParameter"),
        (json!([role(" ", &["*"])]), "InvalidParameter"),
        (json!([role("x", &["*"]), role("X", &["*"])]), "InvalidParameter"),
        (json!([{ "name": "x" }]), "InvalidInput"),
        (json!([{ "name": "x", "decisionRules": [{ "permission": [] }] }]), "InvalidParameter"),
        (json!([{ "name": "x", "decisionRules": [{ "effect": "Deny", "permission": [] }] }]), "InvalidInput"),
    ] {
        let answer = site.call(Method::PUT, &path, Some(json!({ "value": value }))).await;
        answer.is(400, code);
    }
    let mut strange = role("x", &["*"]);
    strange["members"] = json!({ "microsoftEntraMembers": [{ "tenantId": site.ready.entra.tenant_id, "objectId": uuid::Uuid::new_v4() }] });
    site.call(Method::PUT, &path, Some(json!({ "value": [strange] }))).await.is(400, "InvalidParameter");
    let mut constrained = role("x", &["/Tables/dbo/Orders"]);
    constrained["decisionRules"][0]["constraints"] =
        json!({ "rows": [{ "tablePath": "/Tables/dbo/Other", "value": "select" }] });
    site.call(Method::PUT, &path, Some(json!({ "value": [constrained] }))).await.is(400, "InvalidParameter");
    assert_eq!(site.get(&path).await.body, third.body);
}

#[tokio::test]
async fn a_role_is_set_read_and_deleted() {
    let site = Site::new().await;
    let path = roles_of(&site).await;
    site.post(&path, role("Orders", &["*"])).await.is(400, "InvalidParameter");
    let preview = format!("{path}?preview=true");
    let created = site.post(&preview, role("My Orders", &["/Tables/dbo/Orders"])).await;
    assert_eq!(created.status, 201, "{}", created.text);
    assert!(created.headers["location"].to_str().unwrap().ends_with("/dataAccessRoles/My Orders"));
    site.post(&preview, role("my orders", &["*"])).await.is(409, "Conflict");
    let overwrite = format!("{preview}&dataAccessRoleConflictPolicy=Overwrite");
    let changed = site.post(&overwrite, role("My Orders", &["*"])).await;
    assert_eq!(changed.status, 200);
    assert_ne!(etag(&created), etag(&changed));
    let one = format!("{path}/My%20Orders?preview=true");
    let read = site.get(&one).await;
    assert_eq!((&read.body["name"], read.body.get("id"), etag(&read)), (&json!("My Orders"), None, etag(&changed)));

    let put = |tag: String, header: &'static str| {
        let url = format!("{}/v1{path}", site.ready.fabric.endpoint);
        site.http
            .put(url)
            .bearer_auth(&site.token)
            .header(header, format!("\"{tag}\""))
            .json(&json!({ "value": [] }))
            .send()
    };
    let current = etag(&site.get(&path).await);
    Answer::read(put(etag(&created), "if-match").await.unwrap()).await.is(412, "PreconditionFailed");
    Answer::read(put(current.clone(), "if-none-match").await.unwrap()).await.is(412, "PreconditionFailed");
    assert_eq!(site.delete(&one).await.status, 200);
    site.get(&one).await.is(404, "RoleNotFound");
    site.delete(&one).await.is(404, "RoleNotFound");
    let current = etag(&site.get(&path).await);
    assert_eq!(put(current, "if-match").await.unwrap().status(), 200);
    assert_eq!(names(&site.get(&path).await), [""; 0]);
    let viewer = site.token_of(site.identity());
    site.call_as(&viewer, Method::GET, &path, None).await.is(403, "InsufficientPrivileges");
}
