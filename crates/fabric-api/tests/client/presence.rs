//! That a thing is gone is proven by a list without it.

use fabric_api::{Error, Result};
use serde_json::{Value, json};

use crate::service::{Reply, Service, answer, empty, refusal};
use crate::{ID, item, workspace};

const OTHER: &str = "22222222-2222-3333-4444-555555555555";

#[derive(Clone, Copy, Debug)]
enum Kind {
    Mirror,
    Connection,
    Role,
}

const KINDS: [Kind; 3] = [Kind::Mirror, Kind::Connection, Kind::Role];

fn row(kind: Kind, id: &str) -> Value {
    match kind {
        Kind::Mirror => json!({ "id": id, "displayName": "M" }),
        Kind::Connection => json!({ "id": id, "connectionDetails": { "type": "AzureSqlMI" } }),
        Kind::Role => json!({ "id": id, "role": "Viewer", "principal": { "id": id, "type": "User" } }),
    }
}

fn list(kind: Kind, ids: &[&str]) -> Reply {
    let rows: Vec<Value> = ids.iter().map(|id| row(kind, id)).collect();
    answer(200, json!({ "value": rows }))
}

async fn find(service: &Service, kind: Kind) -> Result<bool> {
    let client = service.client();
    Ok(match kind {
        Kind::Mirror => client.find_mirrored_database(workspace(), item()).await?.is_some(),
        Kind::Connection => client.find_connection(ID.parse().unwrap()).await?.is_some(),
        Kind::Role => client.find_role(workspace(), ID.parse().unwrap()).await?.is_some(),
    })
}

async fn delete(service: &Service, kind: Kind) -> Result<()> {
    let client = service.client();
    match kind {
        Kind::Mirror => client.delete_mirrored_database(workspace(), item(), false).await,
        Kind::Connection => client.delete_connection(ID.parse().unwrap()).await,
        Kind::Role => client.remove_role(workspace(), ID.parse().unwrap()).await,
    }
}

fn vague() -> Vec<Reply> {
    let code = |code: &str, status| refusal(status, code);
    vec![
        code("EntityNotFound", 404),
        code("ItemNotFound", 404),
        code("NotFound", 404),
        code("RoleAssignmentNotFound", 404),
        code("PrincipalWithoutWorkspaceRolePermissions", 400),
        code("NobodyKnowsThisOne", 400),
        code("NobodyKnowsThisOne", 403),
        empty(404),
        empty(404).with("x-ms-public-api-error-code", "ItemNotFound"),
    ]
}

#[tokio::test]
async fn the_list_decides_what_is_gone() {
    for kind in KINDS {
        for refused in vague() {
            let seen = Service::start([refused.clone(), list(kind, &[OTHER, ID])]).await;
            assert!(find(&seen, kind).await.unwrap(), "{kind:?} after {refused:?}");
            let gone = Service::start([refused.clone(), list(kind, &[OTHER])]).await;
            assert!(!find(&gone, kind).await.unwrap(), "{kind:?} after {refused:?}");
            assert_eq!(gone.asked().len(), 2);

            let gone = Service::start([refused.clone(), list(kind, &[OTHER])]).await;
            delete(&gone, kind).await.unwrap();
            let there = Service::start([refused.clone(), list(kind, &[OTHER, ID])]).await;
            let error = delete(&there, kind).await.unwrap_err();
            let first = there.lines()[0].starts_with("DELETE");
            assert!(first && error.to_string().contains("ing the "), "{error}");
            assert!(!error.to_string().contains("listing"), "the deletion's own error: {error}");
        }
        let read = Service::start([answer(200, row(kind, ID))]).await;
        assert!(find(&read, kind).await.unwrap());
        let deleted = Service::start([empty(200)]).await;
        delete(&deleted, kind).await.unwrap();
        assert_eq!((read.asked().len(), deleted.asked().len()), (1, 1), "the list was not needed");
    }
}

#[tokio::test]
async fn what_is_not_about_the_thing_is_an_error_at_once() {
    for kind in KINDS {
        for refused in [
            refusal(404, "CapacityNotActive"),
            empty(404).with("x-ms-public-api-error-code", "CapacityNotActive"),
            refusal(400, "CapacityNotInActiveState"),
            refusal(404, "WorkspaceNotFound"),
            refusal(403, "InsufficientWorkspaceRole"),
            refusal(401, "Unauthorized"),
            empty(403),
            refusal(429, "RequestBlocked").with("Retry-After", "3600"),
        ] {
            let service = Service::start([refused.clone(), list(kind, &[])]).await;
            assert!(find(&service, kind).await.is_err(), "{kind:?} after {refused:?}");
            assert_eq!(service.asked().len(), 1, "{kind:?} after {refused:?}");
            let service = Service::start([refused.clone(), list(kind, &[])]).await;
            assert!(delete(&service, kind).await.is_err(), "{kind:?} after {refused:?}");
        }
    }
}

#[tokio::test]
async fn a_list_that_fails_proves_nothing() {
    for kind in KINDS {
        for (first, second, code) in [
            (refusal(404, "ItemNotFound"), refusal(404, "CapacityNotActive"), Some("CapacityNotActive")),
            (empty(404), refusal(404, "WorkspaceNotFound"), Some("WorkspaceNotFound")),
            (
                refusal(404, "ItemNotFound"),
                refusal(403, "InsufficientWorkspaceRole"),
                Some("InsufficientWorkspaceRole"),
            ),
            (refusal(404, "ItemNotFound"), empty(404), Some("ItemNotFound")),
            (empty(404), refusal(400, "NobodyKnowsThisOne"), Some("NobodyKnowsThisOne")),
            (empty(404), empty(404), None),
        ] {
            let service = Service::start([first.clone(), second.clone()]).await;
            let error = find(&service, kind).await.unwrap_err();
            assert_eq!(error.code(), code, "{kind:?}: {first:?}, then {second:?}");
            let service = Service::start([first.clone(), second.clone()]).await;
            let error = delete(&service, kind).await.unwrap_err();
            assert_eq!(error.code(), code, "{kind:?}: {first:?}, then {second:?}");
        }
        // A list of which a page is missing is no list.
        let page = answer(200, json!({ "value": [row(kind, OTHER)], "continuationToken": "a" }));
        let service = Service::start([
            refusal(404, "ItemNotFound"),
            page,
            Reply::Answer { status: 200, headers: Vec::new(), body: "{".into() },
        ])
        .await;
        let error = find(&service, kind).await.unwrap_err();
        assert!(matches!(error, Error::Decode { .. }), "{error:?}");
    }
}
