//! The one pipeline: every call gets its token, its retries and its error here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::header::{CONTENT_LENGTH, HeaderMap, LOCATION};
use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::auth::{Credential, Tokens};
use crate::certificates::check_certificates;
use crate::cloud::{Cloud, Service};
use crate::error::{Error, ErrorBody, Result, chain};
use crate::limiter::Limiter;
use crate::outage::Outage;
use crate::proxy;
use crate::retry::{Again, Patience, RETRY_AFTER_LIMIT, Refused, again, retry_after};
use crate::stop::{Stop, Stopped};

/// One request, answer included, takes no longer.
const REQUEST_LIMIT: Duration = Duration::from_secs(100);
/// A connection is made within this time, or not at all.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// The service's own operations (a definition read or written) end within seconds.
const OPERATION_LIMIT: Duration = Duration::from_secs(600);

/// Where and as whom to call.
#[derive(Clone, Debug)]
pub struct Options {
    /// Scheme and host; `/v1` is added.
    pub endpoint: String,
    /// Who calls.
    pub credential: Credential,
    /// Whose tokens are asked for.
    pub cloud: Cloud,
    /// Entra's login endpoint; `None` is `AZURE_AUTHORITY_HOST`, else the cloud's.
    pub authority_host: Option<String>,
    /// Certificates in PEM form that are trusted besides the system's; see [`crate::check_certificates`].
    pub ca_certificates: Option<Arc<[u8]>>,
    /// What the client calls itself.
    pub user_agent: String,
    /// Cancelled, it ends every pause at once, and every call within a second.
    pub stop: CancellationToken,
}

/// A caller of the Fabric API. Cheap to clone; clones share tokens, connections and the limiter.
///
/// Proxies are those of the environment: `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`, in upper or lower case.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    tokens: Tokens,
    stop: Stop,
    outage: Outage,
    limiter: Limiter,
    /// A change was sent.
    has_changed: Arc<AtomicBool>,
    /// On the way to the service.
    proxy: Option<String>,
    /// Every pause is divided by this.
    haste: u32,
}

/// What a call asks for. Its body may hold a password: it is shown to nobody.
#[derive(Clone)]
pub(crate) struct Call {
    /// For messages: what the caller was doing.
    operation: &'static str,
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    body: Option<Value>,
    /// Sending it twice does the same as sending it once.
    idempotent: bool,
    /// It does more than read.
    changes: bool,
    /// It names a principal that may have been made a moment ago, which is refused with this code.
    fresh_principal: Option<&'static str>,
}

impl Call {
    pub(crate) fn get(operation: &'static str, path: String) -> Self {
        Self {
            operation,
            method: Method::GET,
            path,
            query: Vec::new(),
            body: None,
            idempotent: true,
            changes: false,
            fresh_principal: None,
        }
    }

    /// A POST with effect: never sent again once it may have arrived.
    pub(crate) fn post(operation: &'static str, path: String) -> Self {
        Self { method: Method::POST, idempotent: false, changes: true, ..Self::get(operation, path) }
    }

    /// A POST that only reads.
    pub(crate) fn ask(operation: &'static str, path: String) -> Self {
        Self { method: Method::POST, ..Self::get(operation, path) }
    }

    pub(crate) fn patch(operation: &'static str, path: String) -> Self {
        Self { method: Method::PATCH, changes: true, ..Self::get(operation, path) }
    }

    pub(crate) fn delete(operation: &'static str, path: String) -> Self {
        Self { method: Method::DELETE, changes: true, ..Self::get(operation, path) }
    }

    /// A POST that brings about a state rather than a thing.
    pub(crate) fn repeatable(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// A principal that the directory does not know yet, which has this code, is waited for.
    pub(crate) fn awaits_principal(mut self, code: &'static str) -> Self {
        self.fresh_principal = Some(code);
        self
    }

    pub(crate) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    pub(crate) fn body(mut self, body: &impl Serialize) -> Self {
        self.body = Some(serde_json::to_value(body).expect("the requests of this crate are plain JSON"));
        self
    }
}

/// What came back, of a call that succeeded.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    bytes: Vec<u8>,
}

/// A call that failed once, and whether and when it may be made again.
struct Failed {
    error: Error,
    again: Again,
}

impl Client {
    /// # Errors
    /// [`Error::Setup`]: an endpoint that is no URL, certificates that cannot be used, an unusable credential.
    pub fn new(options: &Options) -> Result<Self> {
        let mut base = Url::parse(&options.endpoint)
            .ok()
            .filter(|url| url.scheme() == "https" && url.has_host())
            .ok_or_else(|| Error::Setup(format!("the Fabric endpoint `{}` is no https URL", options.endpoint)))?;
        base.set_path("/v1/");
        let mut http = reqwest::Client::builder()
            .user_agent(&options.user_agent)
            .connect_timeout(CONNECT_LIMIT)
            .timeout(REQUEST_LIMIT)
            // A redirect would carry the token to wherever it points.
            .redirect(reqwest::redirect::Policy::none());
        if let Some(pem) = &options.ca_certificates {
            let unusable = |why: String| Error::Setup(format!("the CA certificates cannot be used: {why}"));
            check_certificates(pem).map_err(unusable)?;
            let certificates = reqwest::Certificate::from_pem_bundle(pem).map_err(|error| unusable(chain(&error)))?;
            http = http.tls_certs_merge(certificates);
        }
        let http = http.build().map_err(|error| Error::Setup(format!("no HTTP client: {}", chain(&error))))?;
        let (authority_host, stop) = (options.authority_host.as_deref(), options.stop.clone());
        let tokens = Tokens::new(&options.credential, options.cloud, authority_host, &http, stop.clone())?;
        Ok(Self {
            proxy: proxy::on_the_way(base.as_str()),
            http,
            base,
            tokens,
            stop: Stop::new(stop),
            outage: Outage::default(),
            limiter: Limiter::new(1),
            has_changed: Arc::default(),
            haste: 1,
        })
    }

    /// The same client with shorter pauses: for tests of what it waits for.
    #[doc(hidden)]
    #[must_use]
    pub fn hurried(self, haste: u32) -> Self {
        Self { haste, limiter: Limiter::new(haste), ..self }
    }

    /// Whether a change was sent, by this client or a clone of it. What was read before may not be so any more.
    pub fn has_changed(&self) -> bool {
        self.has_changed.load(Ordering::SeqCst)
    }

    /// The identity behind this client, for tokens of other services.
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// Calls and reads the answer, which a long-running operation may give later.
    pub(crate) async fn call<T: DeserializeOwned>(&self, call: Call) -> Result<T> {
        let (operation, idempotent) = (call.operation, call.idempotent);
        let read = match self.complete(call).await? {
            Some(answer) => decode(operation, &answer),
            None => Err(Error::Decode { operation, cause: "there is none, and one was expected".to_owned() }),
        };
        read.map_err(|error| outcome_unknown(operation, idempotent, error))
    }

    /// Calls where no answer is of interest.
    pub(crate) async fn call_for_effect(&self, call: Call) -> Result<()> {
        self.complete(call).await.map(drop)
    }

    /// Every element of a list, page by page, in the array called `array`.
    pub(crate) async fn list<T: DeserializeOwned>(&self, call: Call, array: &str) -> Result<Vec<T>> {
        let operation = call.operation;
        let mut elements = Vec::new();
        let (mut page, mut before) = (call.clone(), None);
        loop {
            let answer: Value = self.call(page).await?;
            let part = answer.get(array).cloned().unwrap_or_default();
            let part: Vec<T> = serde_json::from_value(part)
                .map_err(|error| Error::Decode { operation, cause: format!("`{array}`: {error}") })?;
            elements.extend(part);
            let Some(token) = continuation(&answer) else { return Ok(elements) };
            if before.as_ref() == Some(&token) {
                return Err(Error::Decode { operation, cause: "two pages name the same next page".to_owned() });
            }
            page = call.clone().query(CONTINUATION, &token);
            before = Some(token);
        }
    }

    /// Calls, and where the service goes on by itself waits until it is done. `None` when there is no result.
    async fn complete(&self, call: Call) -> Result<Option<Vec<u8>>> {
        let (operation, idempotent) = (call.operation, call.idempotent);
        let answer = self.send(call).await?;
        if answer.status != StatusCode::ACCEPTED {
            return Ok(Some(answer.bytes).filter(|bytes| !bytes.is_empty()));
        }
        let Some(id) = operation_id(&answer.headers) else { return Ok(None) };
        let pause = retry_after(&answer.headers).unwrap_or(Duration::from_secs(2));
        // The service has accepted the call and works on: what happens to the looks at it is not what happens to it.
        self.result(operation, &id, pause).await.map_err(|error| outcome_unknown(operation, idempotent, error))
    }

    /// Waits until an operation of the service is done; the first look comes after `pause`.
    async fn result(&self, operation: &'static str, id: &str, mut pause: Duration) -> Result<Option<Vec<u8>>> {
        let started = Instant::now();
        let mut paused = Duration::ZERO;
        loop {
            if started.elapsed().max(paused) > OPERATION_LIMIT {
                return Err(Error::Timeout { operation, seconds: OPERATION_LIMIT.as_secs() });
            }
            pause = pause.min(RETRY_AFTER_LIMIT);
            self.stop.pause(pause / self.haste).await;
            paused += pause;
            let answer = self.send(Call::get(operation, format!("operations/{id}"))).await?;
            let state: OperationState = decode(operation, &answer.bytes)?;
            match state.status.to_ascii_lowercase().as_str() {
                // The list is that of Microsoft's own clients; only the first one is documented.
                "succeeded" | "completed" | "deduped" => {
                    // Only an operation with a result names one (fabric-api facts §11).
                    if !answer.headers.contains_key(LOCATION) {
                        return Ok(None);
                    }
                    let result = self.send(Call::get(operation, format!("operations/{id}/result"))).await?;
                    return Ok(Some(result.bytes).filter(|bytes| !bytes.is_empty()));
                }
                "failed" | "canceled" | "cancelled" | "undefined" => {
                    let body = Box::new(state.error.unwrap_or_default());
                    return Err(Error::Operation { operation, body });
                }
                _ => pause = retry_after(&answer.headers).unwrap_or((pause * 2).min(Duration::from_secs(20))),
            }
        }
    }

    async fn send(&self, call: Call) -> Result<Answer> {
        let operation = call.operation;
        let mut patience = Patience::new();
        let sent = loop {
            let pass = match self.stop.or_drop(self.limiter.pass(call.changes)).await {
                Ok(Ok(pass)) => pass,
                Ok(Err(words)) => {
                    let (status, body) = (StatusCode::TOO_MANY_REQUESTS.as_u16(), Box::new(words));
                    break Err(Failed { error: Error::Api { operation, status, body }, again: Again::No });
                }
                Err(_) => break Err(Failed { error: Error::Interrupted { operation }, again: Again::No }),
            };
            let began = Instant::now();
            let failed = match self.send_once(&call).await {
                Ok(answer) => break Ok(answer),
                Err(failed) => failed,
            };
            drop(pass);
            match (failed.again, &failed.error) {
                (Again::Throttled(Some(pause)), Error::Api { body, .. }) => self.limiter.block(pause, body),
                (Again::NewToken(number), _) => self.tokens.expired(number)?,
                _ => {}
            }
            let Some(pause) = patience.pause(failed.again, began.elapsed()) else { break Err(failed) };
            tracing::info!(operation, error = %failed.error, ?pause, "trying again");
            self.stop.pause(pause / self.haste).await;
        };
        match &sent {
            Ok(_) => self.outage.is_over(),
            Err(Failed { error: Error::Unreachable { cause, .. }, again: Again::Unconnected }) => {
                self.outage.remember(cause);
            }
            Err(_) => {}
        }
        sent.map_err(|failed| failed.error)
    }

    async fn send_once(&self, call: &Call) -> Result<Answer, Failed> {
        let operation = call.operation;
        let at_once = |error| Failed { error, again: Again::No };
        if let Some(cause) = self.outage.lately(self.haste) {
            return Err(at_once(Error::Unreachable { operation, cause }));
        }
        // After every wait: what was good before it may have expired.
        let (token, number) = self.tokens.numbered(Service::Fabric).await.map_err(|error| match error {
            Error::Interrupted { .. } => at_once(Error::Interrupted { operation }),
            error => at_once(error),
        })?;
        let mut url =
            self.base.join(&call.path).map_err(|error| at_once(Error::Setup(format!("{operation}: {error}"))))?;
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        let mut request = self.http.request(call.method.clone(), url).bearer_auth(token.expose_secret());
        request = match &call.body {
            Some(body) => request.json(body),
            // The service wants a length even where there is nothing.
            None if call.method == Method::POST => request.header(CONTENT_LENGTH, 0),
            None => request,
        };
        let unanswered = |error: reqwest::Error| {
            let cause = chain(&error.without_url());
            let (error, again) = if call.idempotent {
                (Error::Unreachable { operation, cause }, Again::Yes)
            } else {
                (Error::AnswerLost { operation, cause }, Again::No)
            };
            Failed { error, again }
        };
        if call.changes {
            self.has_changed.store(true, Ordering::SeqCst);
        }
        let answer = async {
            let response = request.send().await?;
            let (status, headers) = (response.status(), response.headers().clone());
            Ok::<_, reqwest::Error>((status, headers, response.bytes().await?.to_vec()))
        };
        let (status, headers, bytes) = match self.stop.or_outcome(answer).await {
            Ok(Ok(answer)) => answer,
            // A connection that was never made has carried nothing.
            Ok(Err(error)) if error.is_connect() => {
                let cause = proxy::named(chain(&error.without_url()), self.proxy.as_deref());
                // A certificate that is not trusted now will not be in a minute.
                let again = if cause.contains("certificate") { Again::No } else { Again::Unconnected };
                return Err(Failed { error: Error::Unreachable { operation, cause }, again });
            }
            Ok(Err(error)) => return Err(unanswered(error)),
            Err(Stopped::Meanwhile) if !call.idempotent => {
                let cause = "interrupted before the answer came".to_owned();
                return Err(at_once(Error::AnswerLost { operation, cause }));
            }
            Err(Stopped::Before | Stopped::Meanwhile) => return Err(at_once(Error::Interrupted { operation })),
        };
        tracing::debug!(operation, method = %call.method, path = %call.path, status = status.as_u16(), "called");
        if status.is_success() {
            return Ok(Answer { status, headers, bytes });
        }
        let body = error_body(&headers, &bytes);
        // A gateway in between that got no answer; the service itself gives a code.
        if !call.idempotent && body.error_code.is_empty() && matches!(status.as_u16(), 502 | 504) {
            let cause = format!("a gateway in between got none ({})", status.as_u16());
            return Err(at_once(Error::AnswerLost { operation, cause }));
        }
        let (idempotent, fresh_principal) = (call.idempotent, call.fresh_principal);
        let again = again(status, &headers, &body, Refused { idempotent, fresh_principal, token: number });
        Err(Failed { error: Error::Api { operation, status: status.as_u16(), body: Box::new(body) }, again })
    }
}

/// What is left of an error that came after the service had accepted the call: a call with effect has had it, or will,
/// unless the service itself says that it failed.
fn outcome_unknown(operation: &'static str, idempotent: bool, error: Error) -> Error {
    match error {
        Error::Operation { .. } | Error::AnswerLost { .. } => error,
        error if idempotent => error,
        error => Error::AnswerLost { operation, cause: error.without_operation() },
    }
}

#[derive(serde::Deserialize)]
struct OperationState {
    status: String,
    error: Option<ErrorBody>,
}

const CONTINUATION: &str = "continuationToken";

/// The token of a list's next page, for a URL of our own: `continuationUri` may name another host. The token in it comes
/// first, since the one beside it is percent-encoded already in the service's samples.
fn continuation(page: &Value) -> Option<String> {
    let text = |name: &str| page.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let uri = text("continuationUri").and_then(|uri| Url::parse(uri).ok());
    let in_uri =
        uri.and_then(|uri| uri.query_pairs().find(|(name, _)| name == CONTINUATION).map(|(_, it)| it.into_owned()));
    in_uri.or_else(|| text(CONTINUATION).map(str::to_owned))
}

/// The operation's id; its URL is not followed, since it may name another host (fabric-api facts §11).
fn operation_id(headers: &HeaderMap) -> Option<String> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    header("x-ms-operation-id")
        .map(str::to_owned)
        .or_else(|| {
            let location = Url::parse(header("location")?).ok()?;
            let mut segments = location.path_segments()?;
            segments.find(|segment| *segment == "operations")?;
            segments.next().map(str::to_owned)
        })
        .filter(|id| !id.is_empty() && id.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-'))
}

/// What an error says of itself. The code stands in a header too, which is all there is when the body is empty.
fn error_body(headers: &HeaderMap, bytes: &[u8]) -> ErrorBody {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut body: ErrorBody = serde_json::from_slice(bytes).unwrap_or_else(|_| ErrorBody {
        // A gateway in between answers in HTML; its first line is better than nothing.
        message: String::from_utf8_lossy(bytes).lines().next().unwrap_or_default().chars().take(200).collect(),
        ..Default::default()
    });
    if body.error_code.is_empty() {
        body.error_code = header("x-ms-public-api-error-code").unwrap_or_default();
    }
    body.request_id = body.request_id.or_else(|| header("requestid"));
    body
}

fn decode<T: DeserializeOwned>(operation: &'static str, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| Error::Decode { operation, cause: error.to_string() })
}
