//! An interrupt ends every wait, and lets a request under way have its answer.

use std::time::{Duration, Instant};

use fabric_api::roles::{Principal, PrincipalType, WorkspaceRole};
use fabric_api::{Client, Error, Result};
use serde_json::json;

use crate::service::{Reply, Service, answer, refusal};
use crate::{ID, a_mirror, a_workspace, accepted, item, new_mirror, operation, workspace};

/// Stops what is under way once the service was asked so often, and says what came of it.
async fn interrupted<T>(service: &Service, asked: usize, work: impl Future<Output = Result<T>>) -> Result<T> {
    let stop = async {
        while service.asked().len() < asked {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // The answer, if one comes, is there too.
        tokio::time::sleep(Duration::from_millis(200)).await;
        service.stop.cancel();
        Instant::now()
    };
    let (done, stopped) = tokio::join!(async { (work.await, Instant::now()) }, stop);
    let late = done.1.saturating_duration_since(stopped);
    assert!(late < Duration::from_millis(1500), "it went on for {late:?}");
    assert_eq!(service.asked().len(), asked, "something was sent after the stop");
    done.0
}

/// With real pauses.
fn client(service: &Service) -> Client {
    Client::new(&service.options()).unwrap()
}

#[tokio::test]
async fn pauses_end_at_once() {
    let throttled = || refusal(429, "RequestBlocked").with("Retry-After", "60");
    let busy = || refusal(503, "UnknownError").with("Retry-After", "60");
    for reply in [throttled(), busy()] {
        let service = Service::start([reply, a_workspace()]).await;
        let error = interrupted(&service, 1, client(&service).workspace(workspace())).await.unwrap_err();
        assert!(matches!(error, Error::Interrupted { operation: "reading the workspace" }), "{error:?}");
        assert_eq!(error.to_string(), "reading the workspace: interrupted");
    }
    // What was refused untouched was not done.
    for reply in [throttled(), refusal(409, "ItemDisplayNameNotAvailableYet")] {
        let service = Service::start([reply, a_mirror()]).await;
        let client = client(&service);
        let error =
            interrupted(&service, 1, client.create_mirrored_database(workspace(), &new_mirror())).await.unwrap_err();
        assert!(matches!(error, Error::Interrupted { .. }), "{error:?}");
    }
    let principal =
        Principal { id: ID.parse().unwrap(), kind: PrincipalType::ServicePrincipal, service_principal_details: None };
    let service = Service::start([refusal(400, "PrincipalNotFound")]).await;
    let client = client(&service);
    let adding = client.add_role(workspace(), &principal, &WorkspaceRole::Contributor);
    let error = interrupted(&service, 1, adding).await.unwrap_err();
    assert!(matches!(error, Error::Interrupted { .. }), "{error:?}");
}

#[tokio::test]
async fn an_answer_that_never_comes_is_not_waited_for() {
    let service = Service::start([Reply::Silence]).await;
    let error = interrupted(&service, 1, client(&service).workspace(workspace())).await.unwrap_err();
    assert!(matches!(error, Error::Interrupted { .. }), "{error:?}");

    let service = Service::start([Reply::Silence]).await;
    let error = interrupted(&service, 1, client(&service).stop_mirroring(workspace(), item())).await.unwrap_err();
    assert!(matches!(error, Error::Interrupted { .. }), "a repeatable POST: {error:?}");

    let service = Service::start([Reply::Silence]).await;
    let error = interrupted(&service, 1, client(&service).start_mirroring(workspace(), item())).await.unwrap_err();
    assert!(matches!(error, Error::AnswerLost { .. }), "{error:?}");
    assert!(error.to_string().contains("interrupted before the answer came"), "{error}");
}

#[tokio::test]
async fn an_answer_under_way_still_counts() {
    let late = Reply::Late(Duration::from_millis(700), Box::new(a_mirror()));
    let service = Service::start([late]).await;
    let client = client(&service);
    interrupted(&service, 1, client.create_mirrored_database(workspace(), &new_mirror())).await.unwrap();
}

#[tokio::test]
async fn an_operation_of_the_service_is_not_waited_for() {
    let service = Service::start([accepted("/"), operation("Running").with("Retry-After", "20")]).await;
    let error = interrupted(&service, 1, client(&service).definition(workspace(), item())).await.unwrap_err();
    assert!(matches!(error, Error::Interrupted { .. }), "{error:?}");

    // It was accepted, and goes on without us.
    let service = Service::start([accepted("/").with("Retry-After", "20")]).await;
    let client = client(&service);
    let error =
        interrupted(&service, 1, client.create_mirrored_database(workspace(), &new_mirror())).await.unwrap_err();
    assert!(matches!(error, Error::AnswerLost { .. }), "{error:?}");
}

#[tokio::test]
async fn tokens_are_not_waited_for() {
    let service = Service::start([]).await;
    service.withhold_tokens();
    let client = client(&service);
    let error =
        interrupted(&service, 0, client.create_mirrored_database(workspace(), &new_mirror())).await.unwrap_err();
    assert!(matches!(error, Error::Interrupted { operation: "creating the mirrored database" }), "{error:?}");
    let error = client.tokens().token(fabric_api::Service::Sql).await.unwrap_err();
    assert!(matches!(error, Error::Interrupted { .. }), "{error:?}");
}

#[tokio::test]
async fn nothing_is_begun_after_the_stop() {
    let page = answer(200, json!({ "value": [], "continuationToken": "a" }));
    let service = Service::start([page, a_workspace(), a_workspace()]).await;
    let client = client(&service);
    let late = async {
        client.workspace(workspace()).await.unwrap_err();
        client.workspace(workspace()).await
    };
    service.stop.cancel();
    let error = interrupted(&service, 0, late).await.unwrap_err();
    assert!(matches!(error, Error::Interrupted { .. }), "{error:?}");
    assert_eq!(service.tokens(), 0);
}

#[tokio::test]
async fn a_service_that_cannot_be_reached_is_not_waited_for() {
    let service = Service::start([]).await;
    let mut options = service.options();
    options.endpoint = format!("https://localhost:{}", crate::closed_port().await);
    let client = Client::new(&options).unwrap();
    let error = interrupted(&service, 0, client.workspace(workspace())).await.unwrap_err();
    assert!(matches!(error, Error::Interrupted { .. }), "{error:?}");
}
