//! How many calls a principal has in a minute. fabric-api facts §8.3: 500 of all, and of each operation that makes, changes
//! or deletes workspaces or items 200. The scenario sets both, and by default neither.
//!
//! UNCONFIRMED: a minute begins with a principal's first call and the next one with the first after it; what is refused
//! does not count; the pages of mirrored databases, which name no quota, have that of items.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use super::error::ApiError;
use super::lock;
use crate::rest::Rest;
use emulator_ground::clock::Clock;

const MINUTE: Duration = Duration::from_secs(60);

/// What principals have used of their minutes.
#[derive(Debug, Default)]
pub struct Quotas(Mutex<HashMap<(Uuid, Api), Minute>>);

/// What is counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Api {
    All,
    Change(Method, List),
}

/// What is made in a list, and changed and deleted below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum List {
    Workspaces,
    Items,
    MirroredDatabases,
}

#[derive(Debug, Clone, Copy)]
struct Minute {
    /// As [`Clock::elapsed`].
    began: Duration,
    calls: u32,
}

impl Api {
    /// The operation that a request asks for, where it has a quota of its own. Its path is in lower case.
    fn of(method: &Method, path: &str) -> Option<Self> {
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let (list, is_one) = match segments[..] {
            ["v1", "workspaces"] => (List::Workspaces, false),
            ["v1", "workspaces", _] => (List::Workspaces, true),
            ["v1", "workspaces", _, "items"] => (List::Items, false),
            ["v1", "workspaces", _, "items", _] => (List::Items, true),
            ["v1", "workspaces", _, "mirroreddatabases"] => (List::MirroredDatabases, false),
            ["v1", "workspaces", _, "mirroreddatabases", _] => (List::MirroredDatabases, true),
            _ => return None,
        };
        let changes = if is_one { matches!(*method, Method::PATCH | Method::DELETE) } else { *method == Method::POST };
        changes.then(|| Self::Change(method.clone(), list))
    }
}

impl Quotas {
    /// Counts a call of this principal.
    ///
    /// # Errors
    /// 429 `RequestBlocked` with a `Retry-After` (seconds of the machine's time), as recorded (facts §11).
    pub fn count(&self, rest: &Rest, clock: &Clock, principal: Uuid, request: &Request) -> Result<(), Box<Response>> {
        let (all, changes) = (rest.calls_per_minute, rest.changes_per_minute);
        let limits = [
            all.map(|most| (Api::All, most)),
            changes.and_then(|most| Some((Api::of(request.method(), request.uri().path())?, most))),
        ];
        let limits: Vec<((Uuid, Api), u32)> =
            limits.into_iter().flatten().map(|(api, most)| ((principal, api), most)).collect();
        if limits.is_empty() {
            return Ok(());
        }
        let now = clock.elapsed();
        let mut used = lock(&self.0);
        used.retain(|_, minute| now < minute.began + MINUTE);
        let full = limits.iter().filter_map(|(key, most)| used.get(key).filter(|minute| minute.calls >= *most));
        if let Some(minute) = full.max_by_key(|minute| minute.began) {
            return Err(Box::new(blocked(clock, now, minute.began + MINUTE)));
        }
        for (key, _) in limits {
            used.entry(key).or_insert(Minute { began: now, calls: 0 }).calls += 1;
        }
        Ok(())
    }

    /// Everybody has all of their minute again.
    pub fn clear(&self) {
        lock(&self.0).clear();
    }
}

fn blocked(clock: &Clock, now: Duration, until: Duration) -> Response {
    let moment = clock.at(until).strftime("%-m/%-d/%Y %-I:%M:%S %p");
    let text = format!("Request is blocked by the upstream service until: {moment} (UTC)");
    let error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "RequestBlocked", text).retriable(true);
    let mut response = error.into_response();
    let seconds = clock.retry_after((until - now).as_secs_f64());
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}
