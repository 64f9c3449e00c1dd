use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use crate::site::{Answer, Site};
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
    // Recorded of profiles too: the detail is about the principal, the error about the workspace.
    let about = |id: Uuid| json!([{ "relatedResource": { "resourceId": id, "resourceType": "Principal" } }]);
    let is_about = |answer: &Answer, id: Uuid| {
        assert_eq!(answer.body["moreDetails"], about(id), "{}", answer.text);
        assert_eq!(answer.body["relatedResource"]["resourceType"], "Workspace");
    };
    let profile =
        json!({ "principal": { "id": site.identity(), "type": "ServicePrincipalProfile" }, "role": "Viewer" });
    let answer = site.post(&roles, profile).await;
    answer.is(400, "WorkspaceRoleNotAllowedForServicePrincipalProfile");
    is_about(&answer, site.identity());
    let there = Scenario::default().application().unwrap().id;
    let again = json!({ "principal": { "id": there, "type": "ServicePrincipal" }, "role": "Viewer" });
    let answer = site.post(&roles, again).await;
    answer.is(409, "PrincipalAlreadyHasWorkspaceRolePermissions");
    is_about(&answer, there);
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

#[tokio::test]
async fn a_workspace_from_post_to_delete() {
    let site = Site::new().await;
    let capacity = site.ready.scenario.capacity_id;
    let body = json!({ "displayName": "New", "description": "of tests", "capacityId": capacity });
    let created = site.post("/workspaces", body.clone()).await;
    assert_eq!((created.status, &created.body["capacityId"]), (201, &json!(capacity)), "{}", created.text);
    let path = format!("/workspaces/{}", created.id());
    assert_eq!(created.headers["location"].to_str().unwrap(), format!("{}/v1{path}", site.ready.fabric.endpoint));
    // The creator is its Admin.
    let roles = site.get(&format!("{path}/roleAssignments")).await;
    assert_eq!(roles.body["value"][0]["role"], "Admin");
    assert_eq!(site.get("/workspaces").await.body["value"].as_array().unwrap().len(), 2);
    let taken = json!({ "displayName": "NEW" });
    site.post("/workspaces", taken.clone()).await.is(409, "WorkspaceNameAlreadyExists");
    site.patch(&site.workspace(), taken).await.is(409, "WorkspaceNameAlreadyExists");
    let changed = site.patch(&path, json!({ "displayName": "Newer", "description": "" })).await;
    assert_eq!((&changed.body["displayName"], &changed.body["description"]), (&json!("Newer"), &json!("")));

    let stranger = site.token_of(site.identity());
    site.call_as(&stranger, Method::DELETE, &path, None).await.is(403, "InsufficientPrivileges");
    let member = json!({ "principal": { "id": site.identity(), "type": "ServicePrincipal" }, "role": "Member" });
    site.post(&format!("{path}/roleAssignments"), member).await;
    for (method, path, body) in [
        (Method::DELETE, path.clone(), None),
        (Method::PATCH, path.clone(), Some(json!({ "displayName": "x" }))),
        (Method::POST, format!("{path}/assignToCapacity"), Some(json!({ "capacityId": capacity }))),
        (Method::POST, format!("{path}/unassignFromCapacity"), None),
        (Method::POST, format!("{path}/provisionIdentity"), None),
        (Method::POST, format!("{path}/deprovisionIdentity"), None),
    ] {
        site.call_as(&stranger, method, &path, body).await.is(403, "InsufficientWorkspaceRole");
    }
    assert_eq!(site.delete(&path).await.status, 200);
    site.get(&path).await.is(404, "WorkspaceNotFound");
}

#[tokio::test]
async fn what_a_workspace_cannot_be() {
    let site = Site::new().await;
    let capacity = site.ready.scenario.capacity_id;
    let cases = [
        (json!({}), 400, "InvalidParameter"),
        (json!({ "displayName": " " }), 400, "InvalidParameter"),
        (json!({ "displayName": "x".repeat(257) }), 400, "InvalidParameter"),
        (json!({ "displayName": "x", "description": "x".repeat(4001) }), 400, "InvalidParameter"),
        (json!({ "displayName": "x", "domainId": Uuid::new_v4() }), 404, "DomainNotFound"),
        (json!({ "displayName": "x", "capacityId": Uuid::new_v4() }), 404, "CapacityNotFound"),
        (json!({ "displayName": "x", "type": "Workspace" }), 400, "InvalidInput"),
    ];
    for (body, status, code) in cases {
        site.post("/workspaces", body).await.is(status, code);
    }
    let stranger = site.token_of(site.identity());
    let body = json!({ "displayName": "x", "capacityId": capacity });
    let refused = site.call_as(&stranger, Method::POST, "/workspaces", Some(body.clone())).await;
    refused.is(403, "InsufficientPermissionsOverCapacity");
    site.control(Method::POST, "/world", Some(json!({ "capacity_state": "Inactive" }))).await;
    site.post("/workspaces", body).await.is(400, "CapacityNotInActiveState");
}

#[tokio::test]
async fn a_capacity_is_assigned_and_taken_away() {
    let mut scenario = Scenario::default();
    let mut abroad = scenario.capacities[0].clone();
    abroad.id = Uuid::from_u128(0xca);
    abroad.region = "West Europe".to_owned();
    scenario.capacities.push(abroad);
    let site = Site::with(scenario).await;
    let path = format!("/workspaces/{}", site.post("/workspaces", json!({ "displayName": "New" })).await.id());
    let bare = site.get(&path).await;
    assert!(bare.body.get("capacityId").is_none() && bare.body.get("oneLakeEndpoints").is_none());
    site.get(&format!("{path}/mirroredDatabases")).await.is(400, "WorkspaceHasNoCapacityAssigned");
    site.order(&format!("{path}/unassignFromCapacity")).await.is(400, "WorkspaceHasNoCapacityAssigned");
    let assign = format!("{path}/assignToCapacity");
    site.post(&assign, json!({ "capacityId": Uuid::new_v4() })).await.is(404, "CapacityNotFound");
    let accepted = site.post(&assign, json!({ "capacityId": site.ready.scenario.capacity_id })).await;
    assert_eq!((accepted.status, accepted.headers.contains_key("x-ms-operation-id")), (202, false));
    assert_eq!(site.get(&path).await.body["capacityAssignmentProgress"], "InProgress");
    site.pass(10);
    let assigned = site.get(&path).await;
    assert_eq!(assigned.body["capacityAssignmentProgress"], "Completed");
    assert_eq!(assigned.body["capacityRegion"], "North Europe");
    assert_eq!(site.order(&format!("{path}/unassignFromCapacity")).await.status, 202);
    assert!(site.get(&path).await.body.get("capacityId").is_none());
    // With items in it, neither away nor to another region.
    site.create_mirror(&site.create_connection().await).await;
    site.order(&format!("{}/unassignFromCapacity", site.workspace())).await.is(400, "BadRequest");
    let abroad = json!({ "capacityId": Uuid::from_u128(0xca) });
    let assign = format!("{}/assignToCapacity", site.workspace());
    site.post(&assign, abroad).await.is(400, "UnsupportedItemForTargetCapacityRegion");
    site.control(Method::POST, "/world", Some(json!({ "capacity_state": "Inactive" }))).await;
    let same = json!({ "capacityId": site.ready.scenario.capacity_id });
    site.post(&assign, same).await.is(400, "CapacityNotInActiveState");
}

#[tokio::test]
async fn a_workspace_identity_comes_and_goes() {
    let site = Site::new().await;
    let (provision, deprovision) =
        (format!("{}/provisionIdentity", site.workspace()), format!("{}/deprovisionIdentity", site.workspace()));
    site.order(&deprovision).await.is(404, "EntityNotFound");
    let accepted = site.order(&provision).await;
    assert_eq!((accepted.status, &accepted.headers["retry-after"]), (202, &"5".parse().unwrap()));
    let operation = format!("/operations/{}", accepted.headers["x-ms-operation-id"].to_str().unwrap());
    site.order(&provision).await.is(409, "ProvisionInProgress");
    assert!(site.get(&site.workspace()).await.body.get("workspaceIdentity").is_none());
    site.get(&format!("{operation}/result")).await.is(400, "OperationNotSucceeded");
    site.pass(20);
    let result = site.get(&format!("{operation}/result")).await;
    assert_eq!(site.get(&site.workspace()).await.body["workspaceIdentity"], result.body);
    site.order(&provision).await.is(409, "WorkspaceIdentityAlreadyExists");

    let accepted = site.order(&deprovision).await;
    let operation = format!("/operations/{}", accepted.headers["x-ms-operation-id"].to_str().unwrap());
    site.order(&provision).await.is(409, "DeprovisionInProgress");
    site.pass(20);
    let state = site.get(&operation).await;
    assert_eq!(state.body["status"], "Succeeded");
    for header in ["location", "retry-after", "x-ms-operation-id"] {
        assert!(!state.headers.contains_key(header), "{header}");
    }
    site.get(&format!("{operation}/result")).await.is(400, "OperationHasNoResult");
    assert!(site.get(&site.workspace()).await.body.get("workspaceIdentity").is_none());
    assert_eq!(site.order(&provision).await.status, 202);
}
