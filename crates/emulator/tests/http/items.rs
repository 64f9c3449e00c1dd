use base64::Engine as _;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::site::{Answer, Site, connection, definition, listed, parts};
use fabricmirror_emulator::scenario::Scenario;

fn decode(answer: &Value, path: &str) -> Value {
    let parts = answer["definition"]["parts"].as_array().unwrap();
    let part = parts.iter().find(|part| part["path"] == path).unwrap();
    let bytes = base64::engine::general_purpose::STANDARD.decode(part["payload"].as_str().unwrap()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test]
async fn a_mirrored_database_comes_up_and_goes() {
    let site = Site::new().await;
    let connection = site.create_connection().await;
    let list = format!("{}/mirroredDatabases", site.workspace());
    let body = json!({ "displayName": "Sales", "description": "d", "definition": definition(&connection, &json!({})) });
    let created = site.post(&list, body).await;
    assert_eq!(created.status, 201);
    assert!(created.body.get("properties").is_none() && !created.headers.contains_key("location"));
    let mirror = format!("{list}/{}", created.id());
    let early = site.get(&mirror).await;
    assert_eq!(early.body["properties"]["oneLakeTablesPath"], Value::Null);
    assert_eq!(early.body["properties"]["sqlEndpointProperties"]["provisioningStatus"], "InProgress");
    assert_eq!(early.headers["etag"], "");
    assert_eq!(site.status(&mirror).await.0, "Initializing");
    assert_eq!(
        site.order(&format!("{mirror}/getTablesMirroringStatus")).await.body,
        json!({ "data": [], "continuationToken": null, "continuationUri": null })
    );
    site.pass(15);
    let items = site.get(&format!("{}/items", site.workspace())).await;
    let kinds: Vec<&str> =
        items.body["value"].as_array().unwrap().iter().map(|item| item["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["MirroredDatabase", "SQLEndpoint"]);
    assert_eq!(site.status(&mirror).await.0, "Initializing");
    site.pass(35);
    assert_eq!(site.status(&mirror).await.0, "Initialized");
    let ready = site.get(&mirror).await;
    assert_eq!(ready.body["properties"]["sqlEndpointProperties"]["provisioningStatus"], "Success");
    assert_eq!(ready.body["properties"]["sqlEndpointProperties"]["id"], items.body["value"][1]["id"]);
    assert_eq!(ready.body["properties"]["defaultSchema"], "dbo");
    assert!(ready.body["properties"]["oneLakeTablesPath"].as_str().unwrap().ends_with("/Tables"));
    let renamed = site.patch(&mirror, json!({ "displayName": "Sales 2", "description": "" })).await;
    assert_eq!((&renamed.body["displayName"], &renamed.body["description"]), (&json!("Sales 2"), &json!("")));
    assert_eq!(site.delete(&format!("{mirror}?hardDelete=true")).await.status, 200);
    site.get(&mirror).await.is(404, "ItemNotFound");
    assert_eq!(site.get(&format!("{}/items", site.workspace())).await.body["value"], json!([]));
}

#[tokio::test]
async fn a_name_is_taken_and_stays_so_for_a_while() {
    let site = Site::new().await;
    let list = format!("{}/mirroredDatabases", site.workspace());
    let named = |name: &str| json!({ "displayName": name });
    let first = site.post(&list, named("Sales")).await;
    site.post(&list, named("SALES")).await.is(409, "ItemDisplayNameAlreadyInUse");
    let second = site.post(&list, named("Other")).await;
    site.patch(&format!("{list}/{}", second.id()), named("Sales")).await.is(409, "ItemDisplayNameAlreadyInUse");
    site.delete(&format!("{list}/{}", first.id())).await;
    let refused = site.post(&list, named("Sales")).await;
    refused.is(409, "ItemDisplayNameNotAvailableYet");
    assert_eq!(refused.body["isRetriable"], true);
    site.pass(21);
    assert_eq!(site.post(&list, named("Sales")).await.status, 201);
}

#[tokio::test]
async fn what_a_mirrored_database_cannot_be() {
    let site = Site::new().await;
    let list = format!("{}/mirroredDatabases", site.workspace());
    let good = site.create_connection().await;
    let mut generic = connection("generic");
    generic["connectionDetails"]["type"] = json!("SQL");
    generic["connectionDetails"]["creationMethod"] = json!("Sql");
    let generic = site.post("/connections", generic).await.id();
    let with = |definition: Value| json!({ "displayName": "Sales", "definition": definition });
    let elsewhere = json!({ "properties": {
        "source": { "type": "AzureSqlMI", "typeProperties": { "connection": good, "database": "Inventory" } },
        "target": { "type": "MountedRelationalDatabase", "typeProperties": { "format": "Delta" } } } });
    let cases = [
        (json!({}), "InvalidParameter"),
        (json!({ "displayName": " " }), "InvalidParameter"),
        (json!({ "displayName": "x".repeat(124) }), "InvalidParameter"),
        (json!({ "displayName": "x", "description": "y".repeat(257) }), "InvalidParameter"),
        (json!({ "displayName": "x", "unknown": 1 }), "InvalidInput"),
        (with(json!({ "parts": [] })), "MissingDefinitionParts"),
        (
            with(
                json!({ "parts": [{ "path": "mirroredDatabase.json", "payload": "e30=", "payloadType": "InlineBase64" }] }),
            ),
            "InvalidDefinitionParts",
        ),
        (
            with(json!({ "parts": [{ "path": "mirroring.json", "payload": "*", "payloadType": "InlineBase64" }] })),
            "CorruptedPayload",
        ),
        (
            with(json!({ "parts": [{ "path": "mirroring.json", "payload": "e30=", "payloadType": "Zip" }] })),
            "UnsupportedPayloadType",
        ),
        (with(json!({ "format": "ipynb", "parts": [] })), "InvalidDefinitionFormat"),
        (with(definition(&Uuid::new_v4().to_string(), &json!({}))), "InvalidConnectionInformation"),
        (with(definition(&generic, &json!({}))), "InvalidConnectionInformation"),
        (with(parts(&elsewhere)), "InvalidConnectionInformation"),
        (with(definition(&good, &json!({ "mountedTables": [] }))), "InvalidDefinitionParts"),
    ];
    for (body, code) in cases {
        let answer = site.post(&list, body.clone()).await;
        assert_eq!((answer.status, answer.body["errorCode"].as_str()), (400, Some(code)), "{body:#} {}", answer.text);
    }
    let url = format!("{}/v1{list}", site.ready.fabric.endpoint);
    let plain = site.http.post(&url).bearer_auth(&site.token).body("{}").header("content-type", "text/plain");
    Answer::read(plain.send().await.unwrap()).await.is(415, "UnsupportedMediaType");
    let broken = site.http.post(&url).bearer_auth(&site.token).body("{").header("content-type", "application/json");
    Answer::read(broken.send().await.unwrap()).await.is(400, "InvalidInput");
    site.post(&list, json!({ "displayName": "x", "folderId": Uuid::new_v4() })).await.is(404, "FolderNotFound");
    let many: Vec<(String, String)> = (0..501).map(|index| ("dbo".to_owned(), format!("T{index}"))).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(schema, name)| (schema.as_str(), name.as_str())).collect();
    site.post(&list, with(definition(&good, &listed(&many)))).await.is(400, "InvalidDefinitionParts");
    // Somebody else's connection cannot be used.
    site.let_identity_write().await;
    let other = site.token_of(site.identity());
    let answer = site.call_as(&other, Method::POST, &list, Some(with(definition(&good, &json!({}))))).await;
    answer.is(400, "InvalidConnectionInformation");
}

#[tokio::test]
async fn a_definition_is_read_back_and_replaced() {
    let site = Site::new().await;
    let connection = site.create_connection().await;
    let mirror = site.create_mirror(&connection).await;
    let update = format!("{mirror}/updateDefinition");
    let listed = json!({ "definition": definition(&connection, &listed(&[("dbo", "Orders")])) });
    let early = site.post(&update, listed.clone()).await;
    early.is(400, "MirroredDatabaseNotReady");
    assert_eq!(early.body["isRetriable"], true);
    site.pass(60);
    let read = site.order(&format!("{mirror}/getDefinition")).await;
    assert_eq!(decode(&read.body, "mirroring.json")["properties"]["target"]["typeProperties"]["retentionInDays"], 7);
    let platform = decode(&read.body, ".platform");
    assert_eq!(platform["metadata"], json!({ "type": "MirroredDatabase", "displayName": "Sales" }));
    assert_eq!(platform["config"]["logicalId"], Uuid::nil().to_string());
    assert_eq!(site.post(&update, listed).await.status, 200);
    let read = site.order(&format!("{mirror}/getDefinition")).await;
    assert_eq!(decode(&read.body, "mirroring.json")["properties"]["mountedTables"].as_array().unwrap().len(), 1);
    let viewer = json!({ "principal": { "id": site.identity(), "type": "ServicePrincipal" }, "role": "Viewer" });
    site.post(&format!("{}/roleAssignments", site.workspace()), viewer).await;
    let viewer = site.token_of(site.identity());
    site.call_as(&viewer, Method::POST, &format!("{mirror}/getDefinition"), None)
        .await
        .is(403, "InsufficientWorkspaceRole");
    assert_eq!(site.call_as(&viewer, Method::POST, &format!("{mirror}/getMirroringStatus"), None).await.status, 200);
    site.call_as(&viewer, Method::POST, &format!("{mirror}/startMirroring"), None)
        .await
        .is(403, "InsufficientWorkspaceRole");
    site.get(&format!("{mirror}/getMirroringStatus")).await.is(404, "EndpointNotFound");
}

#[tokio::test]
async fn the_place_can_change_only_at_rest() {
    let site = Site::new().await;
    let mirror = site.start_mirror().await;
    site.pass(60);
    assert_eq!(site.status(&mirror).await.0, "Running");
    let second = site.post("/connections", connection("second")).await.id();
    let update = format!("{mirror}/updateDefinition");
    let moved = json!({ "definition": definition(&second, &json!({})) });
    site.post(&update, moved.clone()).await.is(400, "OperationNotAllowedInCurrentStatus");
    site.order(&format!("{mirror}/stopMirroring")).await;
    site.pass(40);
    assert_eq!(site.post(&update, moved).await.status, 200);
}

#[tokio::test]
async fn a_bare_create_starts_only_with_a_definition() {
    let site = Site::new().await;
    let list = format!("{}/mirroredDatabases", site.workspace());
    let mirror = format!("{list}/{}", site.post(&list, json!({ "displayName": "bare" })).await.id());
    site.order(&format!("{mirror}/startMirroring")).await.is(400, "OperationNotAllowedInCurrentStatus");
    site.pass(60);
    site.order(&format!("{mirror}/startMirroring")).await.is(400, "MirroringDefinitionMissing");
    site.order(&format!("{mirror}/getDefinition")).await.is(400, "MissingDefinition");
    let connection = site.create_connection().await;
    let update = json!({ "definition": definition(&connection, &json!({})) });
    assert_eq!(site.post(&format!("{mirror}/updateDefinition"), update).await.status, 200);
    assert_eq!(site.order(&format!("{mirror}/startMirroring")).await.status, 200);
}

#[tokio::test]
async fn the_generic_routes_do_the_same() {
    let site = Site::new().await;
    let items = format!("{}/items", site.workspace());
    site.post(&items, json!({ "displayName": "x", "type": "Lakehouse" })).await.is(400, "InvalidItemType");
    let connection = site.create_connection().await;
    let body = json!({ "displayName": "Sales", "type": "MirroredDatabase", "definition": definition(&connection, &json!({})) });
    let created = site.post(&items, body).await;
    assert_eq!(created.status, 201);
    let item = format!("{items}/{}", created.id());
    site.pass(60);
    assert!(site.get(&item).await.body.get("properties").is_none());
    let list = site.get(&format!("{items}?type=SQLEndpoint")).await;
    let endpoint = format!("{items}/{}", list.body["value"][0]["id"].as_str().unwrap());
    assert_eq!(site.get(&endpoint).await.body["displayName"], "Sales");
    site.delete(&endpoint).await.is(400, "OperationNotSupportedForItem");
    assert_eq!(site.order(&format!("{item}/getDefinition")).await.status, 200);
    let used = site.get(&format!("{item}/connections")).await;
    assert_eq!(used.body["value"][0]["id"], connection);
    let mut update = json!({ "definition": definition(&connection, &json!({})) });
    site.post(&format!("{item}/updateDefinition?updateMetadata=true"), update.clone())
        .await
        .is(400, "InvalidPlatformFile");
    let platform =
        json!({ "metadata": { "type": "MirroredDatabase", "displayName": "Renamed", "description": "by file" } });
    let payload = base64::engine::general_purpose::STANDARD.encode(platform.to_string());
    update["definition"]["parts"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "path": ".platform", "payload": payload, "payloadType": "InlineBase64" }));
    assert_eq!(site.post(&format!("{item}/updateDefinition?updateMetadata=true"), update).await.status, 200);
    assert_eq!(site.get(&item).await.body["displayName"], "Renamed");
    assert_eq!(site.patch(&item, json!({ "displayName": "Again" })).await.status, 200);
    assert_eq!(site.delete(&item).await.status, 200);
    site.get(&item).await.is(404, "ItemNotFound");
}

/// What Microsoft's command line sends besides what is described, as recorded.
#[tokio::test]
async fn what_clients_send_besides_is_taken() {
    let site = Site::new().await;
    let connection = site.create_connection().await;
    let list = format!("{}/mirroredDatabases", site.workspace());
    // Its own template, with the type beside it.
    let file = json!({ "properties": {
        "source": { "type": "AzureSqlMI", "typeProperties": { "connection": connection, "landingZone": { "type": "MountedRelationalDatabase" } } },
        "target": { "type": "MountedRelationalDatabase", "typeProperties": { "defaultSchema": "dbo", "format": "Delta" } },
    }});
    let body =
        json!({ "displayName": "Sales", "type": "MirroredDatabase", "folderId": null, "definition": parts(&file) });
    let created = site.post(&list, body.clone()).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let other = json!({ "displayName": "x", "type": "Lakehouse" });
    site.post(&list, other).await.is(400, "InvalidItemType");
    site.pass(60);
    let mirror = format!("{list}/{}", created.id());
    let read = site.order(&format!("{mirror}/getDefinition")).await;
    assert_eq!(decode(&read.body, "mirroring.json"), file);
    // The body of a create as that of an update changes the definition alone.
    let mut again = body;
    again["displayName"] = json!("Other");
    for path in [mirror.clone(), mirror.replace("mirroredDatabases", "items")] {
        let updated = site.post(&format!("{path}/updateDefinition"), again.clone()).await;
        assert_eq!(updated.status, 200, "{}", updated.text);
    }
    assert_eq!(site.get(&mirror).await.body["displayName"], "Sales");
    let principal = json!({ "id": site.identity(), "type": "ServicePrincipal", "displayName": "contoso-mi", "servicePrincipalDetails": { "aadAppId": Uuid::new_v4() } });
    let role = json!({ "principal": principal, "role": "Viewer" });
    assert_eq!(site.post(&format!("{}/roleAssignments", site.workspace()), role).await.status, 201);
}

#[tokio::test]
async fn definitions_can_be_long_running() {
    let mut scenario = Scenario::default();
    scenario.rest.long_running_definitions = true;
    let site = Site::with(scenario).await;
    let mirror = site.create_mirror(&site.create_connection().await).await;
    let accepted = site.order(&format!("{mirror}/getDefinition")).await;
    assert_eq!((accepted.status, accepted.text.as_str()), (202, "null"));
    let id = accepted.headers["x-ms-operation-id"].to_str().unwrap();
    let operation = format!("/operations/{id}");
    assert_eq!(accepted.headers["location"].to_str().unwrap(), format!("{}/v1{operation}", site.ready.fabric.endpoint));
    let running = site.get(&operation).await;
    assert_eq!((&running.body["status"], &running.body["percentComplete"]), (&json!("Running"), &Value::Null));
    assert!(
        running.headers.contains_key("retry-after") && !running.body["createdTimeUtc"].as_str().unwrap().ends_with('Z')
    );
    assert_eq!(running.body.get("error"), Some(&Value::Null));
    site.get(&format!("{operation}/result")).await.is(400, "OperationNotSucceeded");
    site.pass(20);
    let done = site.get(&operation).await;
    assert_eq!((&done.body["status"], &done.body["percentComplete"]), (&json!("Succeeded"), &json!(100)));
    assert_eq!(done.body.get("error"), Some(&Value::Null));
    assert!(!done.headers.contains_key("retry-after"));
    assert!(done.headers["location"].to_str().unwrap().ends_with("/result"));
    let result = site.get(&format!("{operation}/result")).await;
    assert_eq!(result.headers["content-type"], "application/json");
    assert!(decode(&result.body, "mirroring.json")["properties"].is_object());
    site.get(&format!("/operations/{}", Uuid::new_v4())).await.is(404, "OperationNotFound");
}
