//! Throttling, which concerns the whole identity, and tokens that expire.

use std::time::{Duration, Instant};

use fabric_api::Client;

use crate::service::{Reply, Service, refusal};
use crate::{a_mirror, a_workspace, new_mirror, workspace};

/// However often in a row: nobody calls before the time is over, and no call fails.
#[tokio::test]
async fn one_throttled_call_makes_all_of_them_wait() {
    let throttled = |n: usize| refusal(429, "RequestBlocked").with("Retry-After", if n == 0 { "2" } else { "1" });
    let service = Service::start((0..12).map(throttled).chain(vec![a_workspace(); 40])).await;
    let client = Client::new(&service.options()).unwrap().hurried(10);
    let first = {
        let client = client.clone();
        tokio::spawn(async move { client.workspace(workspace()).await })
    };
    while service.asked().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let began = Instant::now();
    let others: Vec<_> = (0..8)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.workspace(workspace()).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(service.asked().len(), 1, "within two seconds, here 200 ms, somebody called");
    first.await.unwrap().unwrap();
    for other in others {
        other.await.unwrap().unwrap();
    }
    assert!(began.elapsed().as_millis() >= 300, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_throttled_call_waits_until_the_date_it_is_told() {
    let throttled = refusal(429, "RequestBlocked")
        .with("Date", "Sun, 06 Nov 1994 08:49:37 GMT")
        .with("Retry-After", "Sun, 06 Nov 1994 08:50:17 GMT");
    let service = Service::start([throttled, a_workspace()]).await;
    let client = Client::new(&service.options()).unwrap().hurried(100);
    let started = Instant::now();
    client.workspace(workspace()).await.unwrap();
    assert!((400..2000).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_service_that_asks_for_an_hour_is_left_alone_by_everybody() {
    let service = Service::start([refusal(429, "RequestBlocked").with("Retry-After", "3600"), a_workspace()]).await;
    let client = Client::new(&service.options()).unwrap().hurried(100);
    for _ in 0..3 {
        let error = client.clone().workspace(workspace()).await.unwrap_err();
        assert_eq!((error.status(), error.code()), (Some(429), Some("RequestBlocked")));
    }
    assert_eq!(service.asked().len(), 1);
}

#[tokio::test]
async fn an_expired_token_is_renewed_once_by_whoever_sees_it_first() {
    let expired = || refusal(401, "TokenExpired");
    let late = |reply| Reply::Late(Duration::from_millis(100), Box::new(reply));
    let script = (0..5).map(|_| late(expired())).chain(vec![a_workspace(); 5]);
    let service = Service::start([a_workspace()].into_iter().chain(script)).await;
    let client = service.client();
    client.workspace(workspace()).await.unwrap();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let client = client.clone();
        calls.spawn(async move { client.workspace(workspace()).await });
    }
    for called in calls.join_all().await {
        called.unwrap();
    }
    assert_eq!((service.tokens(), service.asked().len()), (2, 11));
    assert!(service.asked()[6..].iter().all(|asked| asked.authorization == "Bearer token-2"));
    // One that is never good is not asked for for ever.
    let service = Service::start(vec![expired(); 9]).await;
    let error = service.client().workspace(workspace()).await.unwrap_err();
    assert_eq!((error.code(), service.asked().len(), service.tokens()), (Some("TokenExpired"), 2, 2));
}

/// What a token was before a long wait, it may not be after it.
#[tokio::test]
async fn a_token_that_expired_during_a_wait_is_renewed() {
    let throttled = refusal(429, "RequestBlocked").with("Retry-After", "60");
    let service = Service::start([throttled, refusal(401, "TokenExpired"), a_mirror()]).await;
    service.client().create_mirrored_database(workspace(), &new_mirror()).await.unwrap();
    let sent: Vec<_> = service.asked().into_iter().map(|asked| asked.authorization).collect();
    assert_eq!(sent, ["Bearer token-1", "Bearer token-1", "Bearer token-2"]);
}
