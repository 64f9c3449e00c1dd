use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use crate::site::Site;
use fabricmirror_emulator::scenario::Scenario;

#[tokio::test]
async fn workspaces_and_capacities_are_listed_to_those_with_a_role() {
    let site = Site::new().await;
    let list = site.get("/workspaces").await;
    assert_eq!(list.body["value"][0]["displayName"], "Mirrors");
    assert!(list.body.get("continuationToken").is_none());
    assert_eq!(site.get("/workspaces?roles=Viewer").await.body["value"], json!([]));
    let one = site.get(&site.workspace()).await;
    assert_eq!(one.body["capacityAssignmentProgress"], "Completed");
    assert_eq!(one.headers["content-type"], "application/json; charset=utf-8");
    assert_eq!(site.get("/capacities").await.body["value"][0]["state"], "Active");
    site.get(&format!("/workspaces/{}", Uuid::new_v4())).await.is(404, "WorkspaceNotFound");
    site.get("/workspaces/not-a-guid").await.is(400, "InvalidParameter");
    site.get("/nonsense").await.is(404, "EndpointNotFound");
    let stranger = site.token_of(site.identity());
    site.call_as(&stranger, Method::GET, &site.workspace(), None).await.is(403, "InsufficientPrivileges");
    assert_eq!(site.call_as(&stranger, Method::GET, "/workspaces", None).await.body["value"], json!([]));
    let capacity = format!("/capacities/{}", site.ready.scenario.capacity_id);
    site.call_as(&stranger, Method::GET, &capacity, None).await.is(403, "InsufficientPermissionsOverCapacity");
}

#[tokio::test]
async fn paths_are_matched_without_case() {
    let site = Site::new().await;
    let path = site.workspace().replace("workspaces", "WorkSpaces") + "/ROLEASSIGNMENTS";
    assert_eq!(site.get(&path).await.status, 200);
}

#[tokio::test]
async fn a_role_assignment_from_post_to_delete() {
    let site = Site::new().await;
    let roles = format!("{}/roleAssignments", site.workspace());
    // The wrong type is corrected, the role's case too, and the id is the principal's.
    let body = json!({ "principal": { "id": site.identity(), "type": "User" }, "role": "contributor" });
    let added = site.post(&roles, body.clone()).await;
    assert_eq!(added.status, 201);
    assert_eq!(
        added.body,
        json!({ "id": site.identity(), "role": "Contributor", "principal": { "id": site.identity(), "type": "ServicePrincipal" } })
    );
    let own = format!("{roles}/{}", site.identity());
    assert_eq!(added.headers["location"].to_str().unwrap(), format!("{}/v1{own}", site.ready.fabric.endpoint));
    site.post(&roles, body).await.is(409, "PrincipalAlreadyHasWorkspaceRolePermissions");
    let changed = site.patch(&own, json!({ "role": "Member" })).await;
    assert_eq!(changed.body["role"], "Member");
    assert!(changed.body["principal"]["servicePrincipalDetails"]["aadAppId"].is_string());
    assert_eq!(site.get(&roles).await.body["value"].as_array().unwrap().len(), 2);
    assert_eq!(site.delete(&own).await.status, 200);
    assert_eq!(site.get(&own).await.status, 404);
    assert_eq!(site.delete(&own).await.status, 404);
}

#[tokio::test]
async fn roles_are_guarded() {
    let site = Site::new().await;
    let roles = format!("{}/roleAssignments", site.workspace());
    let unknown = json!({ "principal": { "id": Uuid::new_v4(), "type": "ServicePrincipal" }, "role": "Viewer" });
    let answer = site.post(&roles, unknown).await;
    answer.is(400, "PrincipalNotFound");
    assert!(answer.body["moreDetails"][0].get("errorCode").is_none());
    assert_eq!(answer.body["moreDetails"][0]["relatedResource"]["resourceType"], "Principal");
    // A client id is no object id.
    let client =
        json!({ "principal": { "id": site.ready.entra.client_id, "type": "ServicePrincipal" }, "role": "Viewer" });
    site.post(&roles, client).await.is(400, "PrincipalNotFound");
    site.post(&roles, json!({ "role": "Owner" })).await.is(400, "InvalidInput");

    let application = Scenario::default().application().unwrap().id;
    let own = format!("{roles}/{application}");
    assert_eq!(site.delete(&own).await.status, 400);
    assert_eq!(site.patch(&own, json!({ "role": "Viewer" })).await.status, 400);

    let add = |id: Uuid, role: &str| json!({ "principal": { "id": id, "type": "ServicePrincipal" }, "role": role });
    assert_eq!(site.post(&roles, add(site.identity(), "Member")).await.status, 201);
    let member = site.token_of(site.identity());
    let team = Scenario::default().directory.principals[3].id;
    let body = json!({ "principal": { "id": team, "type": "Group" }, "role": "Admin" });
    site.call_as(&member, Method::POST, &roles, Some(body)).await.is(403, "InsufficientWorkspaceRole");
    let body = json!({ "principal": { "id": team, "type": "Group" }, "role": "Viewer" });
    assert_eq!(site.call_as(&member, Method::POST, &roles, Some(body)).await.status, 201);
    site.call_as(&member, Method::DELETE, &own, None).await.is(403, "InsufficientWorkspaceRole");
    // Bob is in the group.
    let bob = site.token_of(Scenario::default().directory.principals[2].id);
    assert_eq!(site.call_as(&bob, Method::GET, &site.workspace(), None).await.status, 200);
    site.call_as(&bob, Method::GET, &roles, None).await.is(403, "InsufficientWorkspaceRole");
}

#[tokio::test]
async fn lists_come_in_pages_that_lead_on() {
    let mut scenario = Scenario::default();
    scenario.rest.page_size = 1;
    let site = Site::with(scenario).await;
    site.let_identity_write().await;
    let roles = format!("{}/roleAssignments", site.workspace());
    let first = site.get(&roles).await;
    assert_eq!(first.body["value"].as_array().unwrap().len(), 1);
    let next = first.body["continuationUri"].as_str().unwrap();
    let token = first.body["continuationToken"].as_str().unwrap();
    assert_eq!(next, format!("{}/v1{roles}?continuationToken={token}", site.ready.fabric.endpoint));
    let second = site.get(&format!("{roles}?continuationToken={token}")).await;
    assert_eq!(second.body["value"][0]["id"], site.identity().to_string());
    assert!(second.body.get("continuationUri").is_none());
    site.get(&format!("{roles}?continuationToken=x")).await.is(400, "InvalidContinuationToken");
}
