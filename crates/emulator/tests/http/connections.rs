use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fake::PASSWORD;
use crate::site::{Site, connection};
use fabricmirror_emulator::scenario::{Gateway, GatewayKind, Scenario};

/// `connection` with the value at a JSON pointer replaced, or removed when `value` is null.
fn with(pointer: &str, value: Value) -> Value {
    let mut body = connection("sales-mi");
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).unwrap();
    match name.parse::<usize>() {
        Ok(index) => parent[index] = value,
        Err(_) if value.is_null() => {
            parent.as_object_mut().unwrap().remove(name);
        }
        Err(_) => parent[name] = value,
    }
    body
}

fn server(text: &str) -> Value {
    with("/connectionDetails/parameters/0/value", json!(text))
}

#[tokio::test]
async fn a_connection_from_post_to_delete() {
    let site = Site::new().await;
    let created = site.post("/connections", connection("sales-mi")).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let path = format!("/connections/{}", created.id());
    assert_eq!(created.headers["location"].to_str().unwrap(), format!("{}/v1{path}", site.ready.fabric.endpoint));
    assert_eq!(created.body["connectionDetails"], json!({ "type": "AzureSqlMI", "path": "localhost,50123;Sales" }));
    assert_eq!(created.body["credentialDetails"]["connectionEncryption"], "NotEncrypted");
    assert_eq!(created.body["privacyLevel"], "Organizational");
    assert!(!created.text.contains(PASSWORD));
    assert_eq!(site.get(&path).await.body, created.body);
    assert_eq!(site.get("/connections").await.body["value"][0]["id"], created.body["id"]);

    let renamed = site.patch(&path, json!({ "connectivityType": "ShareableCloud", "displayName": "other" })).await;
    assert_eq!((renamed.status, &renamed.body["displayName"]), (200, &json!("other")));
    site.patch(&path, json!({ "displayName": "x" })).await.is(400, "InvalidParameter");
    site.patch(&path, json!({ "connectivityType": "VirtualNetworkGateway" }))
        .await
        .is(400, "UnsupportedConnectivityTypeInput");
    let moved = json!({ "connectivityType": "ShareableCloud", "connectionDetails": {} });
    site.patch(&path, moved).await.is(400, "InvalidInput");
    assert_eq!(site.delete(&path).await.status, 200);
    site.get(&path).await.is(404, "EntityNotFound");
}

/// In lists, as recorded in June 2026: five times to the second, null if never.
#[tokio::test]
async fn a_listed_connection_says_when_it_was_used() {
    let site = Site::new().await;
    let connection = site.create_connection().await;
    let recency = async |token: &str| {
        let list = site.call_as(token, Method::GET, "/connections", None).await;
        list.body["value"][0]["connectionRecency"].clone()
    };
    let at_first = recency(&site.token).await;
    let created = at_first["createdDateTime"].as_str().unwrap().to_owned();
    assert!(created.ends_with('Z') && !created.contains('.'), "{created}");
    assert_eq!((&at_first["lastBoundDateTime"], &at_first["myLastBoundDateTime"]), (&Value::Null, &Value::Null));
    assert_eq!(
        (&at_first["lastCredentialUsedDateTime"], &at_first["myLastCredentialUsedDateTime"]),
        (&json!(created), &json!(created))
    );
    site.pass(100);
    site.let_identity_write().await;
    let mirror = site.create_mirror(&connection).await;
    let bound = recency(&site.token).await;
    assert!(
        bound["lastBoundDateTime"].as_str() > Some(&created)
            && bound["lastBoundDateTime"] == bound["myLastBoundDateTime"]
    );
    site.pass(60);
    assert_eq!(site.order(&format!("{mirror}/startMirroring")).await.status, 200);
    site.pass(60);
    // The mirror reads with the credentials, and others of the connection did nothing yet.
    let role = json!({ "principal": { "id": site.identity(), "type": "ServicePrincipal" }, "role": "User" });
    assert_eq!(site.post(&format!("/connections/{connection}/roleAssignments"), role).await.status, 201);
    let others = recency(&site.token_of(site.identity())).await;
    assert!(others["lastCredentialUsedDateTime"].as_str() > bound["lastBoundDateTime"].as_str());
    assert_eq!((&others["myLastBoundDateTime"], &others["myLastCredentialUsedDateTime"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn create_tests_the_login() {
    let site = Site::new().await;
    let wrong = with("/credentialDetails/credentials/password", json!("wrong"));
    let answer = site.post("/connections", wrong).await;
    answer.is(400, "IncorrectCredentials");
    assert!(answer.text.contains("18456"));
    let missing = with("/connectionDetails/parameters/1/value", json!("Nowhere"));
    let answer = site.post("/connections", missing).await;
    answer.is(400, "IncorrectCredentials");
    assert!(answer.text.contains("4060"));
    for elsewhere in [
        "localhost",
        "localhost,1433",
        "localhost:50123",
        "other.database.windows.net",
        "contoso-mi.public.abc123.database.windows.net",
    ] {
        let answer = site.post("/connections", server(elsewhere)).await;
        answer.is(400, "CreateGatewayConnectionFailed");
        assert_eq!(answer.body["moreDetails"][0]["errorCode"], "DM_GWPipeline_Gateway_DataSourceAccessError");
    }
    // From the cloud only the public endpoint is reached.
    site.post("/connections", server("contoso-mi.abc123.database.windows.net"))
        .await
        .is(400, "CreateGatewayConnectionFailed");
    for (index, same) in
        ["localhost,50123", "tcp:127.0.0.1,50123", "CONTOSO-MI.public.abc123.database.windows.net,3342"]
            .into_iter()
            .enumerate()
    {
        let mut body = server(same);
        body["displayName"] = json!(format!("c{index}"));
        assert_eq!(site.post("/connections", body).await.status, 201, "{same}");
    }
    site.control(Method::POST, "/world", Some(json!({ "network": "Unreachable" }))).await;
    site.post("/connections", connection("late")).await.is(400, "CreateGatewayConnectionFailed");
}

#[tokio::test]
async fn a_private_endpoint_is_reached_through_a_gateway() {
    let gateway = Uuid::from_u128(7);
    let mut scenario = Scenario::default();
    let administrators = vec![scenario.application().unwrap().id];
    scenario.gateways.push(gateway_of_network(gateway, administrators));
    let site = Site::with(scenario).await;
    assert_eq!(site.get("/gateways").await.body["value"][0]["type"], "VirtualNetwork");
    assert_eq!(site.get(&format!("/gateways/{gateway}")).await.status, 200);
    assert_eq!(site.order(&format!("/gateways/{gateway}/checkStatus")).await.body["status"], "Online");
    let mut body = server("contoso-mi.abc123.database.windows.net");
    body["connectivityType"] = json!("VirtualNetworkGateway");
    site.post("/connections", body.clone()).await.is(400, "InvalidParameter");
    body["gatewayId"] = json!(gateway);
    let created = site.post("/connections", body.clone()).await;
    assert_eq!((created.status, &created.body["gatewayId"]), (201, &json!(gateway)), "{}", created.text);
    // Behind a gateway the test can be skipped.
    body["displayName"] = json!("untested");
    body["credentialDetails"]["credentials"]["password"] = json!("wrong");
    body["credentialDetails"]["skipTestConnection"] = json!(true);
    assert_eq!(site.post("/connections", body.clone()).await.status, 201);
    site.control(Method::POST, "/world", Some(json!({ "gateway": "Unreachable" }))).await;
    assert_eq!(site.order(&format!("/gateways/{gateway}/checkStatus")).await.body["status"], "Offline");
    let test = site.order(&format!("/connections/{}/testConnection", created.id())).await;
    assert_eq!(test.body["status"], "Offline");
}

#[tokio::test]
async fn a_gateway_that_is_shut_down_leads_nowhere_until_it_is_restarted() {
    let gateway = Uuid::from_u128(7);
    let mut scenario = Scenario::default();
    let administrators = vec![scenario.application().unwrap().id];
    scenario.gateways.push(gateway_of_network(gateway, administrators));
    let site = Site::with(scenario).await;
    let mut body = server("contoso-mi.abc123.database.windows.net");
    body["connectivityType"] = json!("VirtualNetworkGateway");
    body["gatewayId"] = json!(gateway);
    let test = format!("/connections/{}/testConnection", site.post("/connections", body).await.id());
    for (order, status) in [("shutdown", "Offline"), ("restart", "Online")] {
        let accepted = site.order(&format!("/gateways/{gateway}/{order}")).await;
        assert_eq!((accepted.status, accepted.headers["retry-after"].to_str().unwrap()), (202, "30"), "{order}");
        assert_eq!(site.order(&format!("/gateways/{gateway}/checkStatus")).await.body["status"], status);
        assert_eq!(site.order(&test).await.body["status"], status);
        site.pass(30);
        let operation = accepted.headers["x-ms-operation-id"].to_str().unwrap();
        assert_eq!(site.get(&format!("/operations/{operation}")).await.body["status"], "Succeeded");
    }
    let stranger = site.token_of(site.identity());
    let path = format!("/gateways/{gateway}/shutdown");
    site.call_as(&stranger, Method::POST, &path, None).await.is(404, "EntityNotFound");
}

#[tokio::test]
async fn what_a_connection_cannot_be() {
    let site = Site::new().await;
    let credentials = |value: Value| with("/credentialDetails/credentials", value);
    let cases = [
        (with("/connectivityType", Value::Null), "InvalidParameter"),
        (with("/connectivityType", json!("OnPremisesGateway")), "InvalidParameter"),
        (with("/connectivityType", json!("PersonalCloud")), "UnsupportedConnectivityTypeInput"),
        (with("/displayName", Value::Null), "InvalidParameter"),
        (with("/displayName", json!("x".repeat(201))), "InvalidParameter"),
        (with("/connectionDetails/creationMethod", Value::Null), "InvalidParameter"),
        (with("/connectionDetails/creationMethod", json!("AzureSqlMI")), "InvalidConnectionDetails"),
        (with("/connectionDetails/type", json!("AzureSqlMi")), "InvalidConnectionDetails"),
        (with("/connectionDetails/parameters/0/dataType", json!("Number")), "InvalidConnectionDetails"),
        (with("/connectionDetails/parameters/0/name", json!("Server")), "InvalidConnectionDetails"),
        (with("/connectionDetails/parameters/1/value", json!("")), "InvalidConnectionDetails"),
        (with("/connectionDetails/parameters/1/value", json!(1)), "InvalidConnectionDetails"),
        (with("/connectionDetails/parameters", json!([])), "InvalidConnectionDetails"),
        (with("/connectionDetails/path", json!("a;b")), "InvalidInput"),
        (with("/privacyLevel", json!("Secret")), "UnsupportedPrivacyLevelInput"),
        (with("/credentialDetails/connectionEncryption", json!("Any")), "UnsupportedConnectionEncryptionInput"),
        (with("/credentialDetails/singleSignOnType", json!("Kerberos")), "UnsupportedSingleSignOnTypeInput"),
        (with("/credentialDetails/skipTestConnection", json!(true)), "SkipTestConnectionNotSupported"),
        (with("/credentialDetails/credentials/password", Value::Null), "InvalidParameter"),
        (with("/credentialDetails/credentials/servicePrincipalSecret", json!("s")), "InvalidCredentialDetails"),
        (credentials(json!({ "credentialType": "WorkspaceIdentity" })), "UnsupportedCredentialType"),
        (credentials(json!({ "credentialType": "OAuth2" })), "UnsupportedCredentialType"),
        (
            credentials(
                json!({ "credentialType": "Basic", "username": "u", "passwordReference": { "connectionId": Uuid::new_v4(), "secretName": "s" } }),
            ),
            "InvalidCredentialDetails",
        ),
        (
            credentials(
                json!({ "credentialType": "ServicePrincipal", "tenantId": Uuid::new_v4(), "servicePrincipalClientId": Uuid::new_v4(), "servicePrincipalSecret": "s" }),
            ),
            "IncorrectCredentials",
        ),
    ];
    for (body, code) in cases {
        let answer = site.post("/connections", body.clone()).await;
        assert_eq!((answer.status, answer.body["errorCode"].as_str()), (400, Some(code)), "{body:#} {}", answer.text);
    }
    assert_eq!(site.get("/connections").await.body["value"], json!([]));
    site.order("/connections").await.is(400, "InvalidInput");
}

#[tokio::test]
async fn names_are_unique_in_the_tenant() {
    let site = Site::new().await;
    site.create_connection().await;
    site.post("/connections", connection("SALES-MI")).await.is(409, "DuplicateConnectionName");
    // Also for somebody who cannot see the other one.
    let stranger = site.token_of(site.identity());
    let body = Some(connection("sales-mi"));
    site.call_as(&stranger, Method::POST, "/connections", body).await.is(409, "DuplicateConnectionName");
}

#[tokio::test]
async fn a_password_is_rotated_only_to_one_that_works() {
    let site = Site::new().await;
    let path = format!("/connections/{}", site.create_connection().await);
    let rotate = |password: &str| json!({ "connectivityType": "ShareableCloud", "credentialDetails": { "credentials": { "credentialType": "Basic", "username": "fabric_login", "password": password } } });
    site.source.change(|state| state.password = "new".to_owned());
    let test = format!("{path}/testConnection");
    let offline = site.order(&test).await;
    assert_eq!(
        (&offline.body["status"], &offline.body["errors"][0]["errorCode"]),
        (&json!("Offline"), &json!("IncorrectCredentials"))
    );
    site.patch(&path, rotate("other")).await.is(400, "IncorrectCredentials");
    assert_eq!(site.patch(&path, rotate("new")).await.status, 200);
    assert_eq!(site.order(&test).await.body, json!({ "status": "Online", "errors": [] }));
    let kind = json!({ "connectivityType": "ShareableCloud", "credentialDetails": { "credentials": { "credentialType": "ServicePrincipal", "tenantId": Uuid::nil(), "servicePrincipalClientId": Uuid::nil(), "servicePrincipalSecret": "s" } } });
    site.patch(&path, kind).await.is(400, "CannotUpdateCredentialType");
}

#[tokio::test]
async fn connection_roles() {
    let site = Site::new().await;
    let path = format!("/connections/{}", site.create_connection().await);
    let roles = format!("{path}/roleAssignments");
    let body = json!({ "principal": { "id": site.identity(), "type": "ServicePrincipal" }, "role": "User" });
    let stranger = site.token_of(site.identity());
    site.call_as(&stranger, Method::GET, &path, None).await.is(404, "EntityNotFound");
    let added = site.post(&roles, body.clone()).await;
    assert_eq!((added.status, &added.body["id"]), (201, &json!(site.identity())));
    assert!(added.headers.contains_key("location"));
    site.post(&roles, body).await.is(409, "ConnectionRoleAssignmentAlreadyExists");
    assert_eq!(site.call_as(&stranger, Method::GET, &path, None).await.status, 200);
    site.call_as(&stranger, Method::DELETE, &path, None).await.is(403, "InsufficientPermissionsToManageConnection");
    let unknown = json!({ "principal": { "id": Uuid::new_v4(), "type": "User" }, "role": "User" });
    let answer = site.post(&roles, unknown).await;
    answer.is(400, "UnknownError");
    assert_eq!(answer.body["moreDetails"], json!([]));
    let own = format!("{roles}/{}", site.identity());
    assert_eq!(site.patch(&own, json!({ "role": "UserWithReshare" })).await.body["role"], "UserWithReshare");
    assert_eq!(site.get(&own).await.body["role"], "UserWithReshare");
    let owner = format!("{roles}/{}", Scenario::default().application().unwrap().id);
    site.delete(&owner).await.is(400, "BadRequest");
    assert_eq!(site.delete(&own).await.status, 200);
    assert_eq!(site.get(&roles).await.body["value"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn supported_types_are_the_live_rows() {
    let site = Site::new().await;
    let answer = site.get("/connections/supportedConnectionTypes?showAllCreationMethods=true").await;
    let row = &answer.body["value"][0];
    assert_eq!(row["creationMethods"][0]["name"], "AzureSqlMI.Database");
    assert_eq!(row["supportedCredentialTypes"], json!(["Basic", "OAuth2", "ServicePrincipal"]));
    assert_eq!(row["supportsSkipTestConnection"], false);
    let user_code = "supportedCredentialTypesForUsageInUserControlledCode";
    assert_eq!(row[user_code], json!([]));
    assert_eq!(answer.body["value"][1][user_code], json!(["Basic", "ServicePrincipal", "WorkspaceIdentity"]));
    site.get(&format!("/connections/supportedConnectionTypes?gatewayId={}", Uuid::new_v4()))
        .await
        .is(404, "EntityNotFound");
    assert_eq!(site.get("/gateways").await.body, json!({ "value": [] }));
}

fn gateway_of_network(id: Uuid, administrators: Vec<Uuid>) -> Gateway {
    let kind = GatewayKind::VirtualNetwork;
    Gateway { id, kind, display_name: "vnet".to_owned(), administrators, capacity_id: None, members: Vec::new() }
}
