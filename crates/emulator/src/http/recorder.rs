//! A layer around the Fabric and Entra services: each request becomes a journal entry, secrets masked, and planted
//! faults strike here, before or after the service does its work.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::listen::Connection;
use super::mask;
use crate::clock::Clock;
use crate::faults::{Effect, Faults, When};
use crate::journal::{Channel, Entry, Journal, Place};
use crate::world::World;

/// For the bytes of half an answer to leave the process.
const LEAVING: Duration = Duration::from_millis(50);
/// The header that repeats an error's code.
const ERROR_CODE: &str = "x-ms-public-api-error-code";
/// Larger bodies than any client of these services sends.
const BODY_LIMIT: usize = 16 << 20;

#[derive(Debug, Clone)]
pub struct Recorder {
    pub channel: Channel,
    pub journal: Arc<Journal>,
    pub faults: Arc<Faults>,
    pub clock: Arc<Clock>,
    pub world: World,
}

/// The middleware; to be used with `axum::middleware::from_fn_with_state`.
pub async fn record(State(recorder): State<Recorder>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let connection = parts.extensions.get::<Connection>().cloned();
    let mut entry = Entry {
        channel: recorder.channel,
        connection: connection.as_ref().map_or(0, |connection| connection.number),
        method: Some(parts.method.to_string()),
        path: Some(parts.uri.path_and_query().map_or_else(|| parts.uri.path().to_owned(), ToString::to_string)),
        body: mask::body(content_type(&parts.headers), &body),
        ..Entry::default()
    };
    let place = recorder.journal.begin(entry.clone());
    entry.index = place.index;

    let fault = recorder.faults.strike(&entry, None);
    if let Some(fault) = &fault {
        recorder.journal.struck(place, fault);
    }
    let (mut cut_after, mut sent) = (false, None);
    match fault {
        Some(Effect::Answer { status, headers, body }) => {
            let response = recorder.planted(status, &headers, &body);
            return recorder.finish(place, response, None).await;
        }
        Some(Effect::Reset { reset: When::Before }) => {
            recorder
                .journal
                .end(place, |entry| entry.error = Some("connection cut before the request was served".into()));
            return cut(connection).await;
        }
        Some(Effect::Reset { reset: When::After }) => cut_after = true,
        Some(Effect::Delay { delay_ms }) => tokio::time::sleep(Duration::from_millis(delay_ms)).await,
        Some(Effect::Throttle { throttle_s }) => {
            let response = recorder.throttled(throttle_s);
            return recorder.finish(place, response, None).await;
        }
        Some(Effect::Partial { partial }) => sent = Some(partial),
        Some(Effect::SqlError { .. } | Effect::Route { .. }) | None => {}
    }
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    let response = recorder.answered(response).await;
    let error = if cut_after {
        Some("connection cut before the answer".to_owned())
    } else {
        sent.map(|bytes| format!("connection cut after {bytes} bytes of the body"))
    };
    let response = recorder.finish(place, response, error).await;
    if cut_after {
        return cut(connection).await;
    }
    match sent {
        Some(bytes) => half_written(response, bytes, connection).await,
        None => response,
    }
}

/// The answer's head, which promises the whole body, and its first bytes; then the connection is cut.
async fn half_written(response: Response, bytes: usize, connection: Option<Connection>) -> Response {
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    let begun =
        futures_util::stream::once(std::future::ready(Ok::<_, std::io::Error>(body.slice(..bytes.min(body.len())))));
    // Asked for more, the stream has sent what it had; a moment later that has left the process.
    let never = futures_util::stream::once(async move {
        tokio::time::sleep(LEAVING).await;
        if let Some(connection) = connection {
            connection.cut.cancel();
        }
        std::future::pending().await
    });
    Response::from_parts(parts, Body::from_stream(futures_util::StreamExt::chain(begun, never)))
}

impl Recorder {
    /// The answer of a fault: a string is sent as it is, anything else as JSON, null as no body. Those of the Fabric
    /// API carry the headers that every error of it has (fabric-api facts §11).
    fn planted(&self, status: u16, headers: &BTreeMap<String, String>, body: &Value) -> Response {
        let mut response = match body {
            Value::Null => ().into_response(),
            Value::String(text) => text.clone().into_response(),
            other => axum::Json(other).into_response(),
        };
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut insert = |name: &str, value: &str| {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                response.headers_mut().insert(name, value);
            }
        };
        if self.channel == Channel::Rest {
            match body["requestId"].as_str() {
                Some(id) => insert("requestid", id),
                None => insert("requestid", &uuid::Uuid::new_v4().to_string()),
            }
            if let Some(code) = body["errorCode"].as_str() {
                insert(ERROR_CODE, code);
            }
        }
        for (name, value) in headers {
            insert(name, value);
        }
        response
    }

    /// As recorded of real tenants: fabric-api facts §8.3, §11.
    fn throttled(&self, seconds: u64) -> Response {
        let until = self.clock.at(self.clock.elapsed() + Duration::from_secs(seconds));
        let until = until.strftime("%-m/%-d/%Y %-I:%M:%S %p");
        let headers = BTreeMap::from([("Retry-After".to_owned(), seconds.to_string())]);
        let body = serde_json::json!({
            "requestId": uuid::Uuid::new_v4(),
            "errorCode": "RequestBlocked",
            "message": format!("Request is blocked by the upstream service until: {until} (UTC)"),
            "isRetriable": true,
        });
        self.planted(StatusCode::TOO_MANY_REQUESTS.as_u16(), &headers, &body)
    }

    /// An error of the Fabric API as `answers` has it.
    async fn answered(&self, response: Response) -> Response {
        let code = response.headers().get(ERROR_CODE).and_then(|code| code.to_str().ok());
        let answers = self.world.standing().answers;
        let Some(answer) = code.and_then(|code| answers.rest.get(code)) else { return response };
        let (mut parts, body) = response.into_parts();
        parts.status = answer.status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(parts.status);
        let mut body = to_bytes(body, usize::MAX).await.unwrap_or_default();
        if let Some(code) = &answer.code {
            if let Ok(value) = HeaderValue::from_str(code) {
                parts.headers.insert(ERROR_CODE, value);
            }
            if let Ok(mut error) = serde_json::from_slice::<Value>(&body) {
                error["errorCode"] = code.as_str().into();
                body = error.to_string().into();
                parts.headers.remove(header::CONTENT_LENGTH);
            }
        }
        Response::from_parts(parts, Body::from(body))
    }

    async fn finish(&self, place: Place, response: Response, error: Option<String>) -> Response {
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap_or_else(|_| Bytes::new());
        self.journal.end(place, |entry| {
            entry.status = Some(parts.status.as_u16());
            entry.error = error;
            entry.headers = headers(&parts.headers);
            entry.answer = mask::body(content_type(&parts.headers), &body);
        });
        Response::from_parts(parts, Body::from(body))
    }
}

/// Closes the connection and never answers.
async fn cut(connection: Option<Connection>) -> Response {
    if let Some(connection) = connection {
        connection.cut.cancel();
    }
    std::future::pending().await
}

fn headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect()
}

fn content_type(headers: &HeaderMap) -> &str {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
