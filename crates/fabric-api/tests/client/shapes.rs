//! What is sent and what is read, call by call.

use fabric_api::connections::{ConnectivityType, PrivacyLevel};
use fabric_api::mirrored_databases::{MirroringStatus, SourceObjectType, TableStatus};
use fabric_api::roles::WorkspaceRole;
use serde_json::{Value, json};

use crate::service::{Service, answer, refusal};
use crate::{ID, a_mirror, item, new_mirror, workspace};

fn body(service: &Service, index: usize) -> Value {
    serde_json::from_str(&service.asked()[index].body).unwrap_or_default()
}

#[tokio::test]
async fn an_item_is_moved_into_a_folder_or_to_the_root() {
    let moved = || answer(200, json!({ "value": [{ "id": ID, "type": "MirroredDatabase" }] }));
    // Moving to one place twice is moving there once.
    let service = Service::start([moved(), refusal(503, "UnknownError"), moved()]).await;
    let client = service.client();
    client.move_item(workspace(), item(), Some(ID.parse().unwrap())).await.unwrap();
    client.move_item(workspace(), item(), None).await.unwrap();
    assert_eq!(body(&service, 0), json!({ "targetFolderId": ID }));
    assert_eq!(body(&service, 1), json!({}));
    assert_eq!(service.lines(), vec![format!("POST /v1/workspaces/{ID}/items/{ID}/move"); 3]);
}

#[tokio::test]
async fn a_folder_is_read_where_there_is_one_and_sent_where_one_is_wanted() {
    for (folder, read) in [
        (json!({ "folderId": ID }), Some(ID.parse().unwrap())),
        (json!({ "folderId": "" }), None),
        (json!({ "folderId": null }), None),
        (json!({}), None),
    ] {
        let mut item_of = json!({ "id": ID, "displayName": "M" });
        item_of.as_object_mut().unwrap().extend(folder.as_object().unwrap().clone());
        let service = Service::start([answer(200, item_of)]).await;
        assert_eq!(service.client().mirrored_database(workspace(), item()).await.unwrap().folder_id, read, "{folder}");
    }
    let service = Service::start([a_mirror(), a_mirror()]).await;
    for folder_id in [None, Some(ID.parse().unwrap())] {
        let mut new = new_mirror();
        new.folder_id = folder_id;
        service.client().create_mirrored_database(workspace(), &new).await.unwrap();
    }
    assert_eq!((body(&service, 0).get("folderId"), &body(&service, 1)["folderId"]), (None, &json!(ID)));
}

#[tokio::test]
async fn only_texts_that_change_are_sent() {
    for (name, description, sent) in [
        (Some("N"), None, json!({ "displayName": "N" })),
        (None, Some(""), json!({ "description": "" })),
        (Some("N"), Some("D"), json!({ "displayName": "N", "description": "D" })),
    ] {
        let service = Service::start([a_mirror()]).await;
        service.client().rename_mirrored_database(workspace(), item(), name, description).await.unwrap();
        assert_eq!(body(&service, 0), sent);
        assert!(service.lines()[0].starts_with("PATCH "));
    }
    let service = Service::start([a_mirror()]).await;
    service.client().rename_mirrored_database(workspace(), item(), None, None).await.unwrap();
    assert!(service.lines()[0].starts_with("GET "), "{:?}", service.lines());
}

#[tokio::test]
async fn items_are_read_with_what_the_service_adds_and_leaves_out() {
    for label in [json!({ "sensitivityLabelId": ID }), json!({ "id": ID }), json!(null)] {
        for properties in [
            json!(null),
            json!({ "oneLakeTablesPath": null, "sqlEndpointProperties": null }),
            json!({ "oneLakeTablesPath": null,
                "sqlEndpointProperties": { "connectionString": null, "id": null, "provisioningStatus": "InProgress" } }),
        ] {
            let row = json!({ "id": ID.to_uppercase(), "type": "MirroredDatabase", "displayName": "M",
                "description": null, "sensitivityLabel": label, "properties": properties, "tags": [], "later": 1 });
            let service = Service::start([answer(200, json!({ "value": [row] }))]).await;
            assert_eq!(service.client().mirrored_databases(workspace()).await.unwrap()[0].id, item());
        }
    }
}

#[tokio::test]
async fn connections_are_read_with_what_the_service_adds_and_leaves_out() {
    let rows = json!([
        { "id": ID, "displayName": null, "gatewayId": ID, "connectivityType": "ShareableCloud", "privacyLevel": null,
          "connectionDetails": { "type": "AzureSqlMI", "path": "server;Sales" },
          "credentialDetails": { "credentialType": "Basic", "connectionEncryption": "Encrypted",
              "singleSignOnType": "None", "skipTestConnection": false },
          "connectionRecency": { "createdDateTime": "2026-06-25T00:00:00Z", "lastBoundDateTime": null } },
        { "id": ID, "connectionDetails": { "type": "Web" }, "privacyLevel": "organizational" },
        { "id": ID, "connectivityType": null, "connectionDetails": null, "credentialDetails": null },
    ]);
    let service = Service::start([answer(200, json!({ "value": rows }))]).await;
    let all = service.client().connections().await.unwrap();
    assert_eq!(all[0].connectivity_type, ConnectivityType::ShareableCloud);
    assert_eq!(all[0].connection_details.server_and_database(), Some(("server", "Sales")));
    assert_eq!(all[1].connectivity_type, ConnectivityType::default());
    assert_ne!(all[1].connectivity_type, ConnectivityType::ShareableCloud, "unsaid is not cloud");
    assert_eq!(all[1].privacy_level, Some(PrivacyLevel::Organizational));
    assert_eq!(all[2].connection_details.kind, "");
}

#[tokio::test]
async fn tables_are_read_with_what_the_service_leaves_out() {
    let rows = json!([
        { "sourceObjectType": "View", "sourceSchemaName": "dbo", "sourceTableName": "V", "status": "replicating",
          "metrics": { "processedBytes": 2, "processedRows": 1, "lastSyncDateTime": "2025-01-01T00:00:00.0000000Z",
              "lastSyncLatencyInSeconds": 3 } },
        { "status": "Failed", "error": { "errorCode": "X", "message": "Y", "moreDetails": [{ "relatedResource": {} }] } },
        { "sourceSchemaName": null, "sourceTableName": null, "status": "SomethingNew", "metrics": { "processedRows": null } },
    ]);
    let service =
        Service::start([answer(200, json!({ "data": rows, "continuationToken": null, "continuationUri": null }))])
            .await;
    let tables = service.client().mirrored_tables(workspace(), item()).await.unwrap();
    assert_eq!(
        (&tables[0].status, &tables[0].source_object_type),
        (&TableStatus::Replicating, &Some(SourceObjectType::View))
    );
    assert_eq!(tables[0].metrics.as_ref().unwrap().last_sync_latency_in_seconds, Some(3));
    assert_eq!(tables[1].error.as_ref().unwrap().describe(), "X: Y");
    assert_eq!((&tables[1].source_table_name, &tables[1].metrics), (&None, &None));
    assert_eq!(tables[2].status, TableStatus::Other("SomethingNew".into()));
}

#[tokio::test]
async fn roles_and_statuses_are_read_in_any_case() {
    let role = json!({ "id": ID, "role": "contributor", "principal": { "id": ID, "type": "serviceprincipal" } });
    let service = Service::start([answer(200, role), answer(200, json!({ "status": "RUNNING" }))]).await;
    let client = service.client();
    let read = client.role(workspace(), ID.parse().unwrap()).await.unwrap();
    assert_eq!(read.role, WorkspaceRole::Contributor);
    assert_eq!(client.mirroring(workspace(), item()).await.unwrap().status, MirroringStatus::Running);
}

#[tokio::test]
async fn codes_of_refusals_are_there_for_the_caller() {
    for code in ["DatabaseAlreadyMirrored", "OperationNotAllowedInCurrentStatus", "MirroringDefinitionMissing"] {
        let service = Service::start([refusal(400, code)]).await;
        let error = service.client().start_mirroring(workspace(), item()).await.unwrap_err();
        assert_eq!((error.code(), error.may_mean_gone()), (Some(code), false));
    }
    let status = json!({ "status": "Stopped", "error": { "errorCode": "DatabaseAlreadyMirrored", "message": "M." } });
    let service = Service::start([answer(200, status)]).await;
    let mirroring = service.client().mirroring(workspace(), item()).await.unwrap();
    assert_eq!(mirroring.error.unwrap().error_code, "DatabaseAlreadyMirrored");
}
