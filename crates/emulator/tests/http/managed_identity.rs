//! Tokens of managed identities: by bytes, and with Microsoft's own client.

use std::sync::Arc;

use azure_core::credentials::TokenCredential as _;
use azure_core::http::{ClientOptions, Transport};
use azure_identity::{ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId};
use fabricmirror_emulator::entra::directory::{ManagedIdentity, ManagedIdentityKind, Principal};
use fabricmirror_emulator::entra::{FABRIC, PrincipalKind, SQL};
use fabricmirror_emulator::scenario::Scenario;
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use crate::site::{Answer, Site};

const SYSTEM: Uuid = Uuid::from_u128(0x51);
const FIRST: Uuid = Uuid::from_u128(0xa1);
const SECOND: Uuid = Uuid::from_u128(0xa2);

/// A directory in which the machine has these identities; a client id is the object id's plus 0x1000.
async fn site(identities: &[(Uuid, ManagedIdentityKind)]) -> Site {
    let mut scenario = Scenario::default();
    scenario.directory.principals.retain(|principal| principal.managed_identity.is_none());
    scenario.directory.principals.extend(identities.iter().map(|(id, kind)| Principal {
        id: *id,
        kind: PrincipalKind::ServicePrincipal,
        display_name: format!("identity {id}"),
        user_principal_name: None,
        app_id: Some(client(*id)),
        secrets: Vec::new(),
        certificates: Vec::new(),
        federated_credentials: Vec::new(),
        managed_identity: Some(ManagedIdentity { kind: *kind, resource_id: resource_id(*id) }),
        members: Vec::new(),
    }));
    Site::with(scenario).await
}

async fn all_three() -> Site {
    use ManagedIdentityKind::{SystemAssigned, UserAssigned};
    site(&[(FIRST, UserAssigned), (SYSTEM, SystemAssigned), (SECOND, UserAssigned)]).await
}

fn client(id: Uuid) -> Uuid {
    Uuid::from_u128(id.as_u128() + 0x1000)
}

fn resource_id(id: Uuid) -> String {
    format!("/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{id}")
}

async fn ask(site: &Site, url: &str, query: &str, headers: &[(&str, &str)]) -> Answer {
    let request = headers
        .iter()
        .fold(site.http.get(format!("{url}?{query}")), |request, (name, value)| request.header(*name, *value));
    Answer::read(request.send().await.unwrap()).await
}

async fn imds(site: &Site, query: &str) -> Answer {
    ask(site, &site.ready.entra.imds_endpoint, query, &[("Metadata", "true")]).await
}

async fn app_service(site: &Site, query: &str) -> Answer {
    ask(site, &site.ready.entra.identity_endpoint, query, &[("X-IDENTITY-HEADER", &site.ready.entra.identity_header)])
        .await
}

fn holder(site: &Site, answer: &Answer, audience: &str) -> Uuid {
    let token = answer.body["access_token"].as_str().unwrap_or_else(|| panic!("{}", answer.text));
    site.emulator.parts.tokens.verifier().verify(token, audience).unwrap().object_id
}

#[tokio::test]
async fn a_machine_gets_the_token_of_the_identity_it_names() {
    let site = all_three().await;
    let fabric = "api-version=2018-02-01&resource=https://api.fabric.microsoft.com";
    let answer = imds(&site, fabric).await;
    assert_eq!(holder(&site, &answer, FABRIC), SYSTEM);
    assert_eq!(answer.body["client_id"], client(SYSTEM).to_string());
    assert_eq!(answer.body["token_type"], "Bearer");
    for number in ["expires_in", "expires_on", "ext_expires_in", "not_before"] {
        assert!(answer.body[number].as_str().unwrap().parse::<i64>().unwrap() > 0, "{number} is a text");
    }
    let sql = "api-version=2019-08-01&resource=https%3A%2F%2Fdatabase.windows.net%2F";
    assert_eq!(holder(&site, &imds(&site, sql).await, SQL), SYSTEM);
    for named in [
        format!("client_id={}", client(SECOND)),
        format!("object_id={SECOND}"),
        format!("msi_res_id={}", resource_id(SECOND)),
    ] {
        assert_eq!(holder(&site, &imds(&site, &format!("{fabric}&{named}")).await, FABRIC), SECOND, "{named}");
    }
    // The journal has it, and no token.
    let journal = site.control(Method::GET, "/requests", None).await;
    let entry = journal.body.as_array().unwrap().last().unwrap();
    assert_eq!((&entry["channel"], &entry["status"]), (&json!("token"), &json!(200)));
    assert!(!journal.text.contains("eyJ"));
}

#[tokio::test]
async fn a_machine_is_refused_as_documented() {
    let site = all_three().await;
    let good = "api-version=2018-02-01&resource=https://api.fabric.microsoft.com";
    let url = &site.ready.entra.imds_endpoint;
    let missing = ask(&site, url, good, &[]).await;
    assert_eq!((missing.status, &missing.body["error"]), (400, &json!("bad_request_102")));
    assert_eq!(ask(&site, url, good, &[("Metadata", "yes")]).await.status, 400);
    let forwarded = ask(&site, url, good, &[("Metadata", "true"), ("X-Forwarded-For", "10.0.0.1")]).await;
    assert_eq!(forwarded.status, 400);
    assert_eq!(ask(&site, &site.ready.control.url, "", &[]).await.status, 200);
    let cases = [
        (
            "resource=https://api.fabric.microsoft.com".to_owned(),
            "error",
            "Bad request. api-version is invalid or was not specified in the request.",
        ),
        (
            good.replace("2018-02-01", "2031-01-01"),
            "error",
            "Bad request. api-version is invalid or was not specified in the request.",
        ),
        ("api-version=2018-02-01".to_owned(), "error", "invalid_request"),
        (good.replace("api.fabric", "vault"), "error", "invalid_resource"),
        (format!("{good}&client_id={}", Uuid::from_u128(7)), "error_description", "Identity not found"),
        // An object id is no client id.
        (format!("{good}&client_id={FIRST}"), "error_description", "Identity not found"),
        // The application of the ready-file is no managed identity.
        (format!("{good}&client_id={}", site.ready.entra.client_id), "error_description", "Identity not found"),
        (format!("{good}&client_id={}&object_id={FIRST}", client(FIRST)), "error", "invalid_request"),
    ];
    for (query, key, text) in cases {
        let answer = imds(&site, &query).await;
        assert_eq!((answer.status, &answer.body[key]), (400, &json!(text)), "{query} {}", answer.text);
    }
    let none = self::site(&[]).await;
    assert_eq!(imds(&none, good).await.body["error_description"], "Identity not found");
    use ManagedIdentityKind::UserAssigned;
    let one = self::site(&[(FIRST, UserAssigned)]).await;
    assert_eq!(holder(&one, &imds(&one, good).await, FABRIC), FIRST);
    let two = self::site(&[(FIRST, UserAssigned), (SECOND, UserAssigned)]).await;
    let answer = imds(&two, good).await;
    assert!(answer.body["error_description"].as_str().unwrap().starts_with("Multiple user assigned identities exist"));
}

#[tokio::test]
async fn an_app_needs_its_header() {
    let site = all_three().await;
    let good = "api-version=2019-08-01&resource=https://database.windows.net";
    let answer = app_service(&site, good).await;
    assert_eq!(holder(&site, &answer, SQL), SYSTEM);
    assert!(answer.body["expires_on"].is_string() && answer.body["resource"] == "https://database.windows.net");
    for named in [
        format!("client_id={}", client(FIRST)),
        format!("principal_id={FIRST}"),
        format!("mi_res_id={}", resource_id(FIRST)),
    ] {
        assert_eq!(holder(&site, &app_service(&site, &format!("{good}&{named}")).await, SQL), FIRST, "{named}");
    }
    let url = &site.ready.entra.identity_endpoint;
    for headers in [&[][..], &[("X-IDENTITY-HEADER", "wrong")], &[("Metadata", "true")]] {
        assert_eq!(ask(&site, url, good, headers).await.status, 401, "{headers:?}");
    }
    for query in [
        "resource=https://database.windows.net".to_owned(),
        good.replace("2019-08-01", "2017-09-01"),
        "api-version=2019-08-01".to_owned(),
        good.replace("database.windows.net", "vault.contoso.example"),
        format!("{good}&client_id={}", Uuid::from_u128(7)),
    ] {
        let answer = app_service(&site, &query).await;
        assert_eq!((answer.status, &answer.body["statusCode"]), (400, &json!(400)), "{query}");
    }
}

#[tokio::test]
async fn the_token_acts_with_the_identitys_roles_until_it_expires() {
    let site = all_three().await;
    let answer = app_service(&site, "api-version=2019-08-01&resource=https://api.fabric.microsoft.com").await;
    let token = answer.body["access_token"].as_str().unwrap();
    site.call_as(token, Method::GET, &site.workspace(), None).await.is(403, "InsufficientPrivileges");
    let body = json!({ "principal": { "id": SYSTEM, "type": "ServicePrincipal" }, "role": "Viewer" });
    assert_eq!(site.post(&format!("{}/roleAssignments", site.workspace()), body).await.status, 201);
    assert_eq!(site.call_as(token, Method::GET, &site.workspace(), None).await.status, 200);
    site.pass(3_600);
    site.call_as(token, Method::GET, &site.workspace(), None).await.is(401, "TokenExpired");
}

/// Microsoft's client, on a machine: what it sends to 169.254.169.254 goes through the proxy.
#[tokio::test]
async fn microsofts_client_gets_a_token_of_a_machine() {
    let site = all_three().await;
    let proxy = site.ready.entra.imds_endpoint.split("/metadata").next().unwrap().to_owned();
    let http = reqwest::Client::builder().proxy(reqwest::Proxy::http(proxy).unwrap()).build().unwrap();
    let options = |id| ManagedIdentityCredentialOptions {
        user_assigned_id: id,
        client_options: ClientOptions {
            transport: Some(Transport::new(Arc::new(http.clone()))),
            ..ClientOptions::default()
        },
    };
    let id = Some(UserAssignedId::ClientId(client(FIRST).to_string()));
    for (id, holder) in [(None, SYSTEM), (id, FIRST)] {
        let credential = ManagedIdentityCredential::new(Some(options(id))).unwrap();
        let token = credential.get_token(&["https://api.fabric.microsoft.com/.default"], None).await.unwrap();
        let caller = site.emulator.parts.tokens.verifier().verify(token.token.secret(), FABRIC).unwrap();
        assert_eq!(caller.object_id, holder);
    }
    let id = Some(UserAssignedId::ClientId(Uuid::nil().to_string()));
    let credential = ManagedIdentityCredential::new(Some(options(id))).unwrap();
    let error = credential.get_token(&["https://api.fabric.microsoft.com/.default"], None).await.unwrap_err();
    assert!(error.to_string().contains("not been assigned to this resource"), "{error}");
}

/// The same in App Service, which it tells by its environment: in a process of its own.
#[tokio::test]
async fn microsofts_client_gets_a_token_of_an_app() {
    let site = all_three().await;
    let output = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "managed_identity::in_app_service", "--ignored", "--nocapture"])
        .env("IDENTITY_ENDPOINT", &site.ready.entra.identity_endpoint)
        .env("IDENTITY_HEADER", &site.ready.entra.identity_header)
        .env("NO_PROXY", "*")
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said} {}", String::from_utf8_lossy(&output.stderr));
    let journal = site.control(Method::GET, "/requests", None).await;
    let last = journal.body.as_array().unwrap().last().unwrap();
    assert_eq!(last["path"], "/msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fdatabase.windows.net");
    assert_eq!(last["status"], 200);
}

#[tokio::test]
#[ignore = "run by microsofts_client_gets_a_token_of_an_app, with the environment of an app"]
async fn in_app_service() {
    let credential = ManagedIdentityCredential::new(None).unwrap();
    let token = credential.get_token(&["https://database.windows.net/.default"], None).await.unwrap();
    assert!(token.token.secret().starts_with("eyJ"));
}
