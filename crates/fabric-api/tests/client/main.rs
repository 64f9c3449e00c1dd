//! The pipeline of the client against a service that answers by a script.

mod interrupts;
mod presence;
mod service;
mod shapes;
mod throttling;

use fabric_api::connections::{
    ConnectionEncryption, Credentials, Login, NewConnection, PrivacyLevel, Route, SecretSource,
};
use fabric_api::definition::Definition;
use fabric_api::mirrored_databases::{MirroringStatus, NewMirroredDatabase};
use fabric_api::roles::{Principal, PrincipalType, WorkspaceRole};
use fabric_api::{Client, Credential, Error, ItemId, WorkspaceId};
use serde_json::json;
use service::{Reply, SECRET, Service, answer, empty, refusal};

const ID: &str = "11111111-2222-3333-4444-555555555555";
const OPERATION: &str = "99999999-2222-3333-4444-555555555555";
const PASSWORD: &str = "password-hunter2";

fn workspace() -> WorkspaceId {
    ID.parse().unwrap()
}

fn item() -> ItemId {
    ID.parse().unwrap()
}

fn a_workspace() -> Reply {
    answer(200, json!({ "id": ID, "displayName": "W" }))
}

fn a_mirror() -> Reply {
    answer(201, json!({ "id": ID, "displayName": "M", "type": "MirroredDatabase" }))
}

fn new_mirror() -> NewMirroredDatabase {
    let definition = Definition::new(ID.parse().unwrap(), None, 7);
    NewMirroredDatabase {
        display_name: "M".into(),
        description: None,
        folder_id: None,
        sensitivity_label: None,
        definition,
    }
}

fn new_connection() -> NewConnection {
    NewConnection {
        display_name: "C".into(),
        server: "mi.public.abc.database.windows.net,3342".into(),
        database: "Sales".into(),
        privacy_level: PrivacyLevel::Organizational,
        route: Route::Cloud,
        login: Login {
            credentials: Credentials::Basic {
                username: "u".into(),
                password: SecretSource::Value(PASSWORD.to_owned().into()),
            },
            encryption: ConnectionEncryption::Encrypted,
            skip_test: false,
        },
    }
}

/// The answer to a call that goes on as a long-running operation of the service.
fn accepted(location: &str) -> Reply {
    answer(202, json!(null)).with("Location", location).with("x-ms-operation-id", OPERATION).with("Retry-After", "20")
}

fn operation(status: &str) -> Reply {
    answer(200, json!({ "status": status, "createdTimeUtc": "2025-09-03T06:42:09.1859199" }))
}

#[tokio::test]
async fn one_token_serves_many_calls() {
    let service = Service::start([a_workspace(), a_workspace(), a_workspace()]).await;
    let client = service.client();
    for _ in 0..3 {
        client.workspace(workspace()).await.unwrap();
    }
    assert_eq!(service.tokens(), 1);
    assert!(service.asked().iter().all(|asked| asked.authorization == "Bearer token-1"));
    assert_eq!(service.lines(), vec![format!("GET /v1/workspaces/{ID}"); 3]);
}

/// What is asked again, and what is not. `true`: the second request was sent and answered well.
#[tokio::test]
async fn only_what_cannot_have_happened_twice_is_asked_again() {
    let retriable = || answer(400, json!({ "errorCode": "Any", "message": "Later.", "isRetriable": true }));
    for (reply, read, create) in [
        (refusal(429, "RequestBlocked").with("Retry-After", "35"), true, true),
        (refusal(429, "RequestBlocked"), true, true),
        // Nobody waits for an hour.
        (refusal(429, "RequestBlocked").with("Retry-After", "3600"), false, false),
        (refusal(503, "UnknownError"), true, false),
        (refusal(503, "CapacityNotActive"), false, false),
        (empty(502), true, false),
        (empty(500), true, false),
        (retriable(), true, false),
        (answer(503, json!({ "errorCode": "Any", "message": "Never.", "isRetriable": false })), false, false),
        (refusal(400, "UnknownError"), false, false),
        // Another token is asked for, once.
        (refusal(401, "TokenExpired"), true, true),
        (empty(401), true, true),
        (refusal(401, "InvalidToken"), false, false),
        (refusal(409, "ItemDisplayNameAlreadyInUse"), false, false),
        // The deleted item's name comes free by itself: nothing was made.
        (refusal(409, "ItemDisplayNameNotAvailableYet"), true, true),
        (Reply::Cut, true, false),
        (Reply::Refused, true, true),
    ] {
        let service = Service::start([reply.clone(), a_workspace()]).await;
        let was_read = service.client().workspace(workspace()).await;
        assert_eq!(was_read.is_ok(), read, "reading after {reply:?}: {was_read:?}");
        let service = Service::start([reply.clone(), a_mirror()]).await;
        let created = service.client().create_mirrored_database(workspace(), &new_mirror()).await;
        assert_eq!(created.is_ok(), create, "creating after {reply:?}: {created:?}");
        assert!(service.asked().len() == 1 || create, "creating was asked twice after {reply:?}");
    }
}

#[tokio::test]
async fn the_pause_is_the_one_the_service_asks_for() {
    let throttled = refusal(429, "RequestBlocked").with("Retry-After", "40");
    let service = Service::start([throttled, a_workspace()]).await;
    let client = Client::new(&service.options()).unwrap().hurried(100);
    let started = std::time::Instant::now();
    client.workspace(workspace()).await.unwrap();
    assert!(started.elapsed().as_millis() >= 400, "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_client_knows_whether_it_has_changed_something() {
    let service = Service::start(vec![a_workspace(); 9]).await;
    let client = service.client();
    let clone = client.clone();
    client.workspace(workspace()).await.unwrap();
    let _ = client.roles(workspace()).await;
    let _ = client.mirroring(workspace(), item()).await;
    let _ = client.mirrored_tables(workspace(), item()).await;
    let _ = client.definition(workspace(), item()).await;
    assert!(!clone.has_changed(), "reads change nothing");
    service.script([empty(200)]);
    client.stop_mirroring(workspace(), item()).await.unwrap();
    assert!(client.has_changed() && clone.has_changed());
}

#[tokio::test]
async fn a_service_that_stays_away_is_given_up() {
    let service = Service::start(vec![refusal(503, "UnknownError"); 20]).await;
    let error = service.client().workspace(workspace()).await.unwrap_err();
    assert_eq!((error.status(), service.asked().len()), (Some(503), 9));
}

#[tokio::test]
async fn a_deleted_name_is_waited_for_longer_than_anything_else() {
    // Both statuses were seen: the code decides.
    let reserved = |n: usize| refusal(if n.is_multiple_of(2) { 409 } else { 400 }, "ItemDisplayNameNotAvailableYet");
    let service = Service::start((0..20).map(reserved).chain([a_mirror()])).await;
    service.client().create_mirrored_database(workspace(), &new_mirror()).await.unwrap();
    assert_eq!(service.asked().len(), 21);
}

#[tokio::test]
async fn an_answer_that_was_lost_after_a_creation_is_said_to_be_lost() {
    let service = Service::start([Reply::Cut]).await;
    let error = service.client().create_connection(&new_connection()).await.unwrap_err();
    assert!(matches!(error, Error::AnswerLost { .. }), "{error:?}");
    assert!(error.to_string().contains("may have taken effect"), "{error}");
    let service = Service::start(vec![Reply::Cut; 20]).await;
    let error = service.client().workspace(workspace()).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
}

/// A creation that the service accepted, or may have, is not said to have failed.
#[tokio::test]
async fn a_creation_whose_outcome_is_unknown_is_said_to_be_lost() {
    let failed = answer(200, json!({ "status": "Failed", "error": { "errorCode": "A", "message": "No." } }));
    for (script, lost) in [
        (vec![answer(201, json!({ "id": "no id" }))], true),
        (vec![empty(201)], true),
        // A gateway that got no answer gives no code; the service does.
        (vec![empty(502)], true),
        (vec![empty(504)], true),
        (vec![refusal(502, "UnknownError")], false),
        (vec![empty(503)], false),
        (vec![accepted("/"), refusal(404, "OperationNotFound")], true),
        (vec![accepted("/"), operation("Succeeded")], true),
        (vec![accepted("/"), failed], false),
    ] {
        let service = Service::start(script.clone()).await;
        let error = service.client().create_mirrored_database(workspace(), &new_mirror()).await.unwrap_err();
        assert_eq!(matches!(error, Error::AnswerLost { .. }), lost, "{error:?} after {script:?}");
        assert_eq!(error.to_string().matches("creating the mirrored database").count(), 1, "{error}");
    }
}

/// A loopback port on which nobody listens.
async fn closed_port() -> u16 {
    tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn a_service_that_cannot_be_reached_is_tried_for_five_seconds_and_then_left_alone_for_a_minute() {
    let service = Service::start([]).await;
    let port = closed_port().await;
    let mut options = service.options();
    options.endpoint = format!("https://localhost:{port}");
    let client = Client::new(&options).unwrap().hurried(10);
    client.tokens().token(fabric_api::Service::Fabric).await.unwrap();
    let started = std::time::Instant::now();
    let error = client.create_connection(&new_connection()).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    let took = started.elapsed().as_millis();
    // A tenth of 1.5 s, the least of two pauses, and of 5 s with some leave for the machine.
    assert!((150..1000).contains(&took), "{took} ms");

    let started = std::time::Instant::now();
    for _ in 0..20 {
        let error = client.clone().workspace(workspace()).await.unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    }
    assert!(started.elapsed().as_millis() < 100, "{:?}", started.elapsed());

    // The service comes back; nobody looks before the minute, here six seconds, is over.
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let _back = Service::start_on(listener, [a_workspace()]);
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let error = client.workspace(workspace()).await.unwrap_err();
    assert!(!error.to_string().contains("certificate"), "it was tried: {error}");
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    // It has another certificate, which is to be seen: it was tried.
    let error = client.workspace(workspace()).await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
}

#[tokio::test]
async fn an_answer_to_an_older_call_ends_an_outage() {
    let late = Reply::Late(std::time::Duration::from_secs(2), Box::new(a_workspace()));
    let service = Service::start([a_workspace(), late]).await;
    let client = Client::new(&service.options()).unwrap().hurried(10);
    client.workspace(workspace()).await.unwrap();
    let newer = async {
        while service.asked().len() < 2 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        service.script(vec![Reply::Refused; 20]);
        for _ in 0..2 {
            let error = client.workspace(workspace()).await.unwrap_err();
            assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
        }
        service.script([a_workspace()]);
        assert!(client.workspace(workspace()).await.is_err(), "an outage is remembered");
    };
    let (older, ()) = tokio::join!(client.workspace(workspace()), newer);
    older.unwrap();
    client.workspace(workspace()).await.unwrap();
}

#[tokio::test]
async fn an_authority_that_cannot_be_reached_is_tried_for_the_first_token_only() {
    let service = Service::start([]).await;
    let mut options = service.options();
    options.authority_host = Some(format!("https://localhost:{}", closed_port().await));
    let client = Client::new(&options).unwrap();
    let started = std::time::Instant::now();
    let first = client.workspace(workspace()).await.unwrap_err();
    assert!(matches!(first, Error::Auth(_)), "{first:?}");
    assert!(started.elapsed().as_secs() < 8, "{:?}", started.elapsed());
    let started = std::time::Instant::now();
    for _ in 0..20 {
        let error = client.workspace(workspace()).await.unwrap_err();
        assert!(matches!(error, Error::Auth(_)), "{error:?}");
        assert!(error.to_string().to_lowercase().contains("connect"), "{error}");
    }
    assert!(started.elapsed().as_millis() < 200, "{:?}", started.elapsed());
}

/// Pauses count in full where they are shortened: the bounds are those of minutes.
#[tokio::test]
async fn no_call_is_repeated_without_end() {
    let reserved = refusal(409, "ItemDisplayNameNotAvailableYet");
    let slow = refusal(429, "RequestBlocked").with("Retry-After", "110");
    for (reply, least, most) in [(reserved, 30, 50), (slow, 9, 9)] {
        let service = Service::start(vec![reply; 100]).await;
        let error = service.client().create_mirrored_database(workspace(), &new_mirror()).await.unwrap_err();
        assert!(matches!(error, Error::Api { .. }), "{error:?}");
        assert!((least..=most).contains(&service.asked().len()), "{error}: {}", service.asked().len());
    }
    let service = Service::start([accepted("/")].into_iter().chain(vec![operation("Running"); 200])).await;
    let error = service.client().definition(workspace(), item()).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
}

#[tokio::test]
async fn a_principal_that_was_just_made_is_waited_for() {
    let unknown = || refusal(400, "PrincipalNotFound");
    let body = json!({ "id": ID, "role": "Contributor", "principal": { "id": ID, "type": "ServicePrincipal" } });
    let assigned = || answer(201, body.clone());
    let principal =
        Principal { id: ID.parse().unwrap(), kind: PrincipalType::ServicePrincipal, service_principal_details: None };
    let service = Service::start((0..10).map(|_| unknown()).chain([assigned()])).await;
    service.client().add_role(workspace(), &principal, &WorkspaceRole::Contributor).await.unwrap();
    assert_eq!(service.asked().len(), 11);

    // Two minutes, ten seconds at most between two attempts.
    let service = Service::start(vec![unknown(); 100]).await;
    let added = service.client().add_role(workspace(), &principal, &WorkspaceRole::Contributor).await;
    assert_eq!(added.unwrap_err().code(), Some("PrincipalNotFound"));
    assert!((12..=30).contains(&service.asked().len()), "{}", service.asked().len());

    let taken = refusal(409, "PrincipalAlreadyHasWorkspaceRolePermissions");
    let service = Service::start([taken]).await;
    let added = service.client().add_role(workspace(), &principal, &WorkspaceRole::Contributor).await;
    assert!(added.is_err());
    // Other replicas of the directory may know it later than the one that was asked for the assignment.
    let service = Service::start([unknown(), assigned()]).await;
    service.client().change_role(workspace(), ID.parse().unwrap(), &WorkspaceRole::Viewer).await.unwrap();
    assert_eq!(service.asked().len(), 2);
}

fn definition_of_seven_days() -> serde_json::Value {
    use base64::Engine;
    let mirroring = json!({ "properties": {
        "source": { "type": "AzureSqlMI", "typeProperties": { "connection": ID } },
        "target": { "type": "MountedRelationalDatabase", "typeProperties": { "format": "Delta", "retentionInDays": 7 } },
    } });
    let payload = base64::engine::general_purpose::STANDARD.encode(mirroring.to_string());
    json!({ "definition": { "parts": [{ "path": "mirroring.json", "payload": payload, "payloadType": "InlineBase64" }] } })
}

#[tokio::test]
async fn a_definition_is_read_at_once_or_as_an_operation_whose_host_gets_no_token() {
    let at_once = Service::start([answer(200, definition_of_seven_days())]).await;
    let read = at_once.client().definition(workspace(), item()).await.unwrap();
    assert_eq!(read.target.type_properties.retention_in_days, Some(7));

    let elsewhere = Service::start([]).await;
    let location = format!("{}/v1/operations/{OPERATION}", elsewhere.endpoint);
    let service = Service::start([
        accepted(&location),
        operation("Running").with("Location", &location).with("Retry-After", "5"),
        operation("Succeeded").with("Location", format!("{location}/result")),
        answer(200, definition_of_seven_days()),
    ])
    .await;
    let read = service.client().definition(workspace(), item()).await.unwrap();
    assert_eq!(read.target.type_properties.retention_in_days, Some(7));
    let state = format!("GET /v1/operations/{OPERATION}");
    assert_eq!(service.lines()[1..], [state.clone(), state.clone(), format!("{state}/result")]);
    assert!(elsewhere.asked().is_empty(), "the other host was asked");
}

#[tokio::test]
async fn an_operation_without_result_is_not_asked_for_one() {
    for succeeded in ["Succeeded", "succeeded", "Completed"] {
        let definition = Definition::new(ID.parse().unwrap(), None, 7);
        let location = format!("https://api.fabric.microsoft.com/v1/operations/{OPERATION}");
        let service = Service::start([accepted(&location), operation("NotStarted"), operation(succeeded)]).await;
        service.client().change_definition(workspace(), item(), &definition).await.unwrap();
        assert_eq!(service.asked().len(), 3, "{succeeded}");
    }
}

#[tokio::test]
async fn an_operation_that_fails_tells_why() {
    let failed = answer(
        200,
        json!({ "status": "Failed", "error": { "errorCode": "InvalidConnectionInformation", "message": "No such one." } }),
    );
    let service = Service::start([accepted("/v1/operations/x"), failed]).await;
    let error = service.client().definition(workspace(), item()).await.unwrap_err();
    assert_eq!(error.code(), Some("InvalidConnectionInformation"));
    assert!(error.to_string().contains("No such one."), "{error}");
    let service = Service::start([accepted("/v1/operations/x"), operation("Undefined")]).await;
    let error = service.client().definition(workspace(), item()).await.unwrap_err();
    assert!(matches!(error, Error::Operation { .. }), "{error:?}");
}

#[tokio::test]
async fn work_that_is_accepted_without_an_operation_is_done_with() {
    let service = Service::start([empty(202)]).await;
    service.client().start_mirroring(workspace(), item()).await.unwrap();
    assert_eq!(service.asked().len(), 1);
}

#[tokio::test]
async fn a_list_is_read_page_by_page_from_our_own_host() {
    let page = |more: serde_json::Value| {
        let mut page = json!({ "value": [{ "id": ID, "displayName": "M" }] });
        page.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        answer(200, page)
    };
    let service = Service::start([
        // As the service's samples have it: the token beside the address is percent-encoded already.
        page(json!({ "continuationToken": "LDEsMA%3D", "continuationUri": "https://elsewhere.invalid/?continuationToken=LDEsMA%3D" })),
        page(json!({ "continuationToken": "b=", "continuationUri": null })),
        page(json!({ "continuationToken": null, "continuationUri": null })),
    ])
    .await;
    assert_eq!(service.client().mirrored_databases(workspace()).await.unwrap().len(), 3);
    let first = format!("GET /v1/workspaces/{ID}/mirroredDatabases");
    assert_eq!(
        service.lines(),
        [first.clone(), format!("{first}?continuationToken=LDEsMA%3D"), format!("{first}?continuationToken=b%3D")]
    );
}

#[tokio::test]
async fn a_list_that_goes_in_circles_ends() {
    let page = answer(200, json!({ "data": [], "continuationToken": "a" }));
    let service = Service::start(vec![page; 5]).await;
    let error = service.client().mirrored_tables(workspace(), item()).await.unwrap_err();
    assert!(matches!(error, Error::Decode { .. }), "{error:?}");
    assert_eq!(service.asked().len(), 2);
}

#[tokio::test]
async fn an_error_is_read_whatever_its_body_is() {
    let html = Reply::Answer { status: 403, headers: Vec::new(), body: "<html><b>Blocked</b></html>\nmore".into() };
    let principal = json!({
        "errorCode": "PrincipalNotFound", "message": "No principal.", "requestId": "r-2",
        "moreDetails": [{ "relatedResource": { "resourceId": ID, "resourceType": "Principal" } }],
        "relatedResource": { "resourceId": ID, "resourceType": "Workspace" },
    });
    let detailed =
        json!({ "errorCode": "A", "message": "Outer.", "moreDetails": [{ "errorCode": "B", "message": "Inner." }] });
    for (reply, code, text, maybe_gone, paused) in [
        (refusal(404, "ItemNotFound"), Some("ItemNotFound"), "ItemNotFound: No. (404)", true, false),
        (refusal(404, "EntityNotFound"), Some("EntityNotFound"), "EntityNotFound: No. (404)", true, false),
        (refusal(404, "WorkspaceNotFound"), Some("WorkspaceNotFound"), "WorkspaceNotFound: No. (404)", false, false),
        (refusal(404, "CapacityNotActive"), Some("CapacityNotActive"), "CapacityNotActive: No. (404)", false, true),
        (refusal(400, "CapacityNotInActiveState"), Some("CapacityNotInActiveState"), "(400)", false, true),
        (
            empty(404).with("x-ms-public-api-error-code", "CapacityNotActive"),
            Some("CapacityNotActive"),
            "(404)",
            false,
            true,
        ),
        (empty(404).with("x-ms-public-api-error-code", "ItemNotFound"), Some("ItemNotFound"), "(404)", true, false),
        (empty(404), None, "an error without code or message (404)", true, false),
        (html, None, "<html><b>Blocked</b></html> (403)", false, false),
        (answer(400, principal), Some("PrincipalNotFound"), "PrincipalNotFound: No principal. (400)", true, false),
        (answer(400, detailed), Some("A"), "A: Outer; B; Inner.", true, false),
        (answer(404, json!({ "errorCode": null, "message": null, "moreDetails": null })), None, "(404)", true, false),
        (refusal(404, "RoleAssignmentNotFound"), Some("RoleAssignmentNotFound"), "(404)", true, false),
        (refusal(500, "EntityNotFound"), Some("EntityNotFound"), "(500)", true, false),
        (refusal(403, "Whatever"), Some("Whatever"), "(403)", true, false),
        (refusal(403, "InsufficientPrivileges"), Some("InsufficientPrivileges"), "(403)", false, false),
        (refusal(401, "TokenExpired"), Some("TokenExpired"), "(401)", false, false),
        (refusal(401, "Whatever"), Some("Whatever"), "(401)", false, false),
        (refusal(409, "DatabaseAlreadyMirrored"), Some("DatabaseAlreadyMirrored"), "(409)", false, false),
        (refusal(404, "CapacityNotFound"), Some("CapacityNotFound"), "(404)", false, false),
        (refusal(501, "Whatever"), Some("Whatever"), "(501)", false, false),
    ] {
        let service = Service::start(vec![reply.clone(); 9]).await;
        let error = service.client().workspace(workspace()).await.unwrap_err();
        assert_eq!(error.code(), code, "{reply:?}");
        assert!(error.to_string().contains(text), "{error}");
        assert_eq!((error.may_mean_gone(), error.is_inactive_capacity()), (maybe_gone, paused), "{reply:?}");
    }
}

#[tokio::test]
async fn the_request_id_is_in_the_body_or_in_a_header() {
    let service = Service::start([refusal(400, "A"), empty(400).with("RequestId", "r-9")]).await;
    let client = service.client();
    for id in ["r-1", "r-9"] {
        let error = client.workspace(workspace()).await.unwrap_err();
        assert_eq!(error.request_id(), Some(id));
    }
}

#[tokio::test]
async fn a_status_with_an_incomplete_error_is_still_a_status() {
    let service = Service::start([answer(
        200,
        json!({ "status": "SomethingNew", "error": { "errorCode": "X", "message": null } }),
    )])
    .await;
    let mirroring = service.client().mirroring(workspace(), item()).await.unwrap();
    assert_eq!(mirroring.status, MirroringStatus::Other("SomethingNew".into()));
    assert_eq!(mirroring.error.unwrap().describe(), "X");
    assert_eq!(service.lines(), [format!("POST /v1/workspaces/{ID}/mirroredDatabases/{ID}/getMirroringStatus")]);
}

#[tokio::test]
async fn no_secret_is_in_an_error_or_a_debug() {
    let echo = || answer(400, json!({ "errorCode": "InvalidInput", "message": "No." }));
    let service = Service::start([echo(), Reply::Cut]).await;
    let (client, new) = (service.client(), new_connection());
    let mut shown = format!("{client:?} {:?} {new:?}", service.options());
    for _ in 0..2 {
        let error = client.create_connection(&new).await.unwrap_err();
        shown += &format!("{error} {error:?}");
    }
    assert!(service.asked().iter().all(|asked| asked.body.contains(PASSWORD)), "the password went out");
    for secret in [SECRET, PASSWORD, "token-1"] {
        assert!(!shown.contains(secret), "{secret} is shown: {shown}");
    }
}

#[tokio::test]
async fn what_is_sent_is_what_the_documents_describe() {
    let service = Service::start([
        answer(
            201,
            json!({ "id": ID, "connectivityType": "ShareableCloud", "connectionDetails": { "type": "AzureSqlMI" } }),
        ),
        answer(201, json!({ "id": ID, "role": "Contributor", "principal": { "id": ID, "type": "ServicePrincipal" } })),
        empty(200),
    ])
    .await;
    let client = service.client();
    client.create_connection(&new_connection()).await.unwrap();
    let principal =
        Principal { id: ID.parse().unwrap(), kind: PrincipalType::ServicePrincipal, service_principal_details: None };
    client.add_role(workspace(), &principal, &WorkspaceRole::Contributor).await.unwrap();
    client.delete_mirrored_database(workspace(), item(), true).await.unwrap();
    let bodies: Vec<serde_json::Value> =
        service.asked().iter().map(|asked| serde_json::from_str(&asked.body).unwrap_or_default()).collect();
    assert_eq!(
        bodies[0],
        json!({
            "connectivityType": "ShareableCloud",
            "displayName": "C",
            "connectionDetails": {
                "type": "AzureSqlMI",
                "creationMethod": "AzureSqlMI.Database",
                "parameters": [
                    { "dataType": "Text", "name": "server", "value": "mi.public.abc.database.windows.net,3342" },
                    { "dataType": "Text", "name": "database", "value": "Sales" },
                ],
            },
            "privacyLevel": "Organizational",
            "credentialDetails": {
                "singleSignOnType": "None",
                "connectionEncryption": "Encrypted",
                "skipTestConnection": false,
                "credentials": { "credentialType": "Basic", "username": "u", "password": PASSWORD },
            },
        })
    );
    assert_eq!(bodies[1], json!({ "principal": { "id": ID, "type": "ServicePrincipal" }, "role": "Contributor" }));
    assert_eq!(service.lines()[2], format!("DELETE /v1/workspaces/{ID}/mirroredDatabases/{ID}?hardDelete=true"));
}

#[tokio::test]
async fn nothing_is_sent_in_clear_or_to_a_stranger() {
    let service = Service::start([]).await;
    let mut options = service.options();
    options.endpoint = "http://localhost:1".into();
    assert!(matches!(Client::new(&options), Err(Error::Setup(_))), "the endpoint is not https");
    let mut options = service.options();
    options.authority_host = Some("http://localhost:1".into());
    assert!(matches!(Client::new(&options), Err(Error::Setup(_))), "the login endpoint is not https");
    let mut options = service.options();
    options.ca_certificates = None;
    let error = Client::new(&options).unwrap().hurried(1000).workspace(workspace()).await.unwrap_err();
    assert!(matches!(error, Error::Auth(_)), "{error:?}");
    assert_eq!((service.tokens(), service.asked().len()), (0, 0), "a server nobody trusts was given something");
    options.ca_certificates = Some(b"no certificate".as_slice().into());
    assert!(matches!(Client::new(&options), Err(Error::Setup(_))), "no certificate");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Service::start([]).await;
    let service = Service::start([empty(302).with("Location", &elsewhere.endpoint)]).await;
    let error = service.client().workspace(workspace()).await.unwrap_err();
    assert_eq!(error.status(), Some(302));
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn an_identity_that_is_refused_is_said_without_its_secret() {
    // The login endpoint is a service that knows no tokens: its script has none.
    let service = Service::start([]).await;
    let mut options = service.options();
    options.credential = Credential::ClientSecret {
        tenant_id: "not a tenant".into(),
        client_id: "x".into(),
        client_secret: SECRET.to_owned().into(),
    };
    let error = Client::new(&options).map(|_| ()).unwrap_err();
    assert!(matches!(error, Error::Setup(_)), "{error:?}");
    assert!(!format!("{error:?} {error}").contains(SECRET));
}
