//! The one pipeline: every call gets its token, its retries and its error here.

use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use reqwest::header::{CONTENT_LENGTH, HeaderMap, LOCATION, RETRY_AFTER};
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
use crate::error::{Error, ErrorBody, Result, chain, says_capacity_is_inactive};
use crate::outage::Outage;
use crate::stop::{Stop, Stopped};

/// One request, answer included, takes no longer.
const REQUEST_LIMIT: Duration = Duration::from_secs(100);
/// A connection is made within this time, or not at all.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// A connection that cannot be made is tried for no longer.
const UNCONNECTED_LIMIT: Duration = Duration::from_secs(5);
/// A server that asks for more patience than this is not waited for.
const RETRY_AFTER_LIMIT: Duration = Duration::from_secs(120);
/// A call that fails is repeated for no longer.
const RETRY_LIMIT: Duration = Duration::from_secs(300);
/// A deleted item's name is free again after 20 s to 5 min (fabric-api facts §8.6, §11).
const NAME_WAIT: Duration = Duration::from_secs(600);
/// The directory knows a new identity after this time, or not at all.
const PRINCIPAL_WAIT: Duration = Duration::from_secs(120);
/// The service's own operations (a definition read or written) end within seconds.
const OPERATION_LIMIT: Duration = Duration::from_secs(600);

/// Where and as whom to call.
#[derive(Clone, Debug)]
pub struct Options {
    /// Scheme and host; `/v1` is added.
    pub endpoint: String,
    pub credential: Credential,
    /// Whose tokens are asked for.
    pub cloud: Cloud,
    /// Entra's login endpoint; `None` is `AZURE_AUTHORITY_HOST`, else the cloud's.
    pub authority_host: Option<String>,
    /// Certificates in PEM form that are trusted besides the system's; see [`crate::check_certificates`].
    pub ca_certificates: Option<Arc<[u8]>>,
    pub user_agent: String,
    /// Cancelled, it ends every pause at once, and every call within a second.
    pub stop: CancellationToken,
}

/// A caller of the Fabric API. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    tokens: Tokens,
    stop: Stop,
    outage: Outage,
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
            fresh_principal: None,
        }
    }

    /// A POST with effect: never sent again once it may have arrived.
    pub(crate) fn post(operation: &'static str, path: String) -> Self {
        Self { method: Method::POST, idempotent: false, ..Self::get(operation, path) }
    }

    pub(crate) fn patch(operation: &'static str, path: String) -> Self {
        Self { method: Method::PATCH, ..Self::get(operation, path) }
    }

    pub(crate) fn delete(operation: &'static str, path: String) -> Self {
        Self { method: Method::DELETE, ..Self::get(operation, path) }
    }

    /// A POST that only reads, or that brings about a state rather than a thing.
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    No,
    /// After a growing pause.
    Yes,
    After(Duration),
    /// No connection was made, after this time.
    Unconnected(Duration),
    /// The name of a deleted item is not free yet.
    NameReserved,
    /// The directory does not know a principal yet.
    PrincipalUnknown,
}

/// The one policy of repeating: how long which failure is put up with. Pauses count in full, also where they are
/// shortened.
struct Patience {
    began: Instant,
    paused: Duration,
    /// When the failures to connect began that nothing else came between.
    unconnected: Option<Duration>,
}

impl Patience {
    fn new() -> Self {
        Self { began: Instant::now(), paused: Duration::ZERO, unconnected: None }
    }

    /// The pause before the next attempt, of which `planned` is what the growing pauses have; `None`: give up.
    fn pause(&mut self, again: Again, planned: Option<Duration>) -> Option<Duration> {
        let spent = self.began.elapsed().max(self.paused);
        // What comes by itself is not counted: the pauses may be short, the wait long.
        let asking = |longest| {
            let longest = Duration::from_secs(longest);
            planned.unwrap_or(longest).clamp(Duration::from_secs(2), longest)
        };
        let (pause, limit) = match again {
            Again::No => return None,
            Again::Yes => (planned?, RETRY_LIMIT),
            Again::After(pause) => (planned.map(|_| pause)?, RETRY_LIMIT),
            Again::Unconnected(took) => {
                let since = *self.unconnected.get_or_insert(spent.saturating_sub(took));
                (planned?, since + UNCONNECTED_LIMIT)
            }
            Again::NameReserved => (asking(20), NAME_WAIT),
            Again::PrincipalUnknown => (asking(10), PRINCIPAL_WAIT),
        };
        if !matches!(again, Again::Unconnected(_)) {
            self.unconnected = None;
        }
        (spent + pause <= limit).then(|| {
            self.paused += pause;
            pause
        })
    }
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
        Ok(Self { http, base, tokens, stop: Stop::new(stop), outage: Outage::default(), haste: 1 })
    }

    /// The same client with shorter pauses: for tests of what it waits for.
    #[doc(hidden)]
    #[must_use]
    pub fn hurried(self, haste: u32) -> Self {
        Self { haste, ..self }
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
        let mut patience = Patience::new();
        let (stop, haste) = (self.stop.clone(), self.haste);
        let policy = ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(Duration::from_millis(500))
            .with_max_delay(Duration::from_secs(30))
            .with_max_times(8);
        let sent = (|| self.send_once(&call))
            .retry(policy)
            .sleep(move |pause| {
                let stop = stop.clone();
                async move { stop.pause(pause / haste).await }
            })
            .adjust(|failed, planned| patience.pause(failed.again, planned))
            .notify(|failed, pause| {
                tracing::info!(operation = call.operation, error = %failed.error, ?pause, "trying again");
            })
            .await;
        match &sent {
            Ok(_) => self.outage.is_over(),
            Err(Failed { error: Error::Unreachable { cause, .. }, again: Again::Unconnected(_) }) => {
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
        let token = self.tokens.token(Service::Fabric).await.map_err(|error| match error {
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
        let began = Instant::now();
        let answer = async {
            let response = request.send().await?;
            let (status, headers) = (response.status(), response.headers().clone());
            Ok::<_, reqwest::Error>((status, headers, response.bytes().await?.to_vec()))
        };
        let (status, headers, bytes) = match self.stop.or_outcome(answer).await {
            Ok(Ok(answer)) => answer,
            // A connection that was never made has carried nothing.
            Ok(Err(error)) if error.is_connect() => {
                let cause = chain(&error.without_url());
                // A certificate that is not trusted now will not be in a minute.
                let again = if cause.contains("certificate") { Again::No } else { Again::Unconnected(began.elapsed()) };
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
        let again = again(status, &headers, &body, call);
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

/// Whether a refused call may be made again. What may have had an effect is not repeated.
fn again(status: StatusCode, headers: &HeaderMap, body: &ErrorBody, call: &Call) -> Again {
    if body.error_code == "ItemDisplayNameNotAvailableYet" {
        return Again::NameReserved;
    }
    if call.fresh_principal == Some(body.error_code.as_str()) && status.is_client_error() {
        return Again::PrincipalUnknown;
    }
    // Whoever resumes a capacity takes longer than any retry, even where the status says "unavailable".
    if says_capacity_is_inactive(&body.error_code) {
        return Again::No;
    }
    let refused_untouched = status == StatusCode::TOO_MANY_REQUESTS;
    // Seconds after its creation a mirror may not be ready for a definition (fabric-api facts §11).
    let passing = matches!(status.as_u16(), 408 | 500 | 502 | 503 | 504)
        || body.is_retriable == Some(true)
        || body.error_code == "MirroredDatabaseNotReady";
    if refused_untouched || (passing && call.idempotent) {
        match retry_after(headers) {
            None => Again::Yes,
            Some(pause) if pause > RETRY_AFTER_LIMIT => Again::No,
            Some(pause) => Again::After(pause),
        }
    } else {
        Again::No
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

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
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
