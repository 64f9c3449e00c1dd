//! The token endpoint in both versions: client credentials (a secret, in the form or as Basic authorization, or an
//! assertion: [`assertion`]). Sources: Learn, "OAuth 2.0 client credentials flow" and, of version 1,
//! "Service to service calls using client credentials".
//!
//! A device code can be had, and nobody ever signs in with it: an application with a secret polls until it expires, one
//! without is refused as a confidential client. Source: Learn, "OAuth 2.0 device authorization grant flow".

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use uuid::Uuid;

use super::assertion;
use super::directory::{Directory, Principal};
use super::discovery::{self, Called};
use super::issuers;
use super::refusal::Refusal;
use super::resources::{self, ScopeError};
use super::tokens::{Proof, Tokens};

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// Seconds for which a device code is valid, by the machine's clock. Learn says 15 minutes by default.
const DEVICE_CODE_LIFETIME: i64 = 900;

/// What the endpoint needs. No `Debug`: it signs.
#[derive(Clone)]
pub struct Entra {
    pub directory: Arc<Directory>,
    pub tokens: Arc<Tokens>,
    /// `https://localhost:PORT`.
    pub authority: String,
}

/// Of the endpoint: they differ in how a resource is named and in the form of the answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    V1,
    V2,
}

pub fn router(entra: Entra) -> Router {
    let token = |version| {
        post(
            async move |State(entra): State<Entra>,
                        Path(tenant): Path<String>,
                        called: Called,
                        headers,
                        body: String| { entra.token(version, &tenant, &called, &headers, &body).await },
        )
    };
    Router::new()
        .route("/{tenant}/oauth2/v2.0/token", token(Version::V2))
        .route("/{tenant}/oauth2/token", token(Version::V1))
        .route("/{tenant}/oauth2/v2.0/devicecode", post(device_code))
        .merge(discovery::routes())
        .fallback(|| async { StatusCode::NOT_FOUND })
        .with_state(entra.clone())
        .merge(issuers::router(entra.tokens))
}

async fn device_code(
    State(entra): State<Entra>,
    Path(tenant): Path<String>,
    called: Called,
    headers: HeaderMap,
    body: String,
) -> Response {
    let begun = Form::read(&headers, &body).and_then(|form| entra.begin_device_flow(&tenant, &form));
    match begun {
        Ok(answer) => Json(answer).into_response(),
        Err(refusal) => refusal.answer(&called.base),
    }
}

impl Entra {
    async fn token(
        &self,
        version: Version,
        tenant: &str,
        called: &Called,
        headers: &HeaderMap,
        body: &str,
    ) -> Response {
        let granted = async {
            let form = Form::read(headers, body)?;
            self.tokens.key().ready().await;
            self.grant(version, tenant, &form, called)
        };
        match granted.await {
            Ok(answer) => ([(header::CACHE_CONTROL, "no-store, no-cache"), (header::PRAGMA, "no-cache")], Json(answer))
                .into_response(),
            Err(refusal) => refusal.answer(&called.base),
        }
    }

    fn grant(&self, version: Version, tenant: &str, form: &Form, called: &Called) -> Result<Value, Refusal> {
        self.check_tenant(tenant)?;
        let grant_type = form.required("grant_type")?;
        if !["client_credentials", DEVICE_CODE].contains(&grant_type) {
            return Err(Refusal::unsupported_grant(grant_type));
        }
        let application = self.application(form, tenant)?;
        if grant_type == DEVICE_CODE {
            self.authenticate(application, form, called)?;
            return Err(nobody_signs_in(form.required("device_code")?));
        }
        let audience = match version {
            Version::V1 => {
                let resource = form.required("resource")?;
                resources::audience(resource)
                    .ok_or_else(|| Refusal::unknown_resource(resource, self.tokens.tenant()))?
            }
            Version::V2 => self.audience(form.required("scope")?)?,
        };
        let proof = self.authenticate(application, form, called)?;
        let app_id = application.app_id.unwrap_or_default();
        let (access_token, lifetime) = self
            .tokens
            .issue(&audience, application.id, app_id, proof)
            .map_err(|error| Refusal::nothing_signs(&error))?;
        Ok(match version {
            Version::V1 => {
                let now = jiff::Timestamp::now().as_second();
                json!({
                    "token_type": "Bearer",
                    "expires_in": lifetime.to_string(),
                    "ext_expires_in": lifetime.to_string(),
                    "expires_on": now.saturating_add_unsigned(lifetime).to_string(),
                    "not_before": now.to_string(),
                    "resource": audience,
                    "access_token": access_token,
                })
            }
            Version::V2 => json!({
                "token_type": "Bearer",
                "expires_in": lifetime,
                "ext_expires_in": lifetime,
                "access_token": access_token,
            }),
        })
    }

    fn audience(&self, scope: &str) -> Result<String, Refusal> {
        resources::audience_of(scope).map_err(|error| match error {
            ScopeError::Several => Refusal::bad_scope(scope),
            ScopeError::NotDefault => Refusal::not_default(scope),
            ScopeError::Unknown(resource) => Refusal::unknown_resource(resource, self.tokens.tenant()),
        })
    }

    fn application(&self, form: &Form, tenant: &str) -> Result<&Principal, Refusal> {
        let client_id = form.required("client_id")?;
        Uuid::try_parse(client_id)
            .ok()
            .and_then(|id| self.directory.application(id))
            .ok_or_else(|| Refusal::unknown_application(client_id, tenant))
    }

    /// The code holds the moment it was given out: nothing else is asked of it, since nobody signs in.
    fn begin_device_flow(&self, tenant: &str, form: &Form) -> Result<Value, Refusal> {
        self.check_tenant(tenant)?;
        self.application(form, tenant)?;
        form.required("scope")?;
        let now = jiff::Timestamp::now().as_second().to_be_bytes();
        let chance = Uuid::new_v4();
        let user_code = chance.simple().to_string()[..9].to_uppercase();
        let verification_uri = "https://microsoft.com/devicelogin";
        Ok(json!({
            "user_code": user_code,
            "device_code": URL_SAFE_NO_PAD.encode([&now[..], chance.as_bytes()].concat()),
            "verification_uri": verification_uri,
            "expires_in": DEVICE_CODE_LIFETIME,
            "interval": 5,
            "message": format!(
                "To sign in, use a web browser to open the page {verification_uri} and enter the code {user_code} to \
                 authenticate."
            ),
        }))
    }

    pub fn check_tenant(&self, tenant: &str) -> Result<(), Refusal> {
        let known = Uuid::try_parse(tenant).is_ok_and(|tenant| tenant == self.tokens.tenant());
        if known { Ok(()) } else { Err(Refusal::unknown_tenant(tenant)) }
    }

    fn authenticate(&self, application: &Principal, form: &Form, called: &Called) -> Result<Proof, Refusal> {
        if let Some(secret) = form.get("client_secret") {
            if application.secrets.iter().any(|known| known == secret) {
                return Ok(Proof::Secret);
            }
            return Err(Refusal::wrong_secret(application));
        }
        if let Some(given) = form.get("client_assertion") {
            if form.required("client_assertion_type")? != JWT_BEARER {
                return Err(Refusal::bad_assertion("client_assertion_type must be jwt-bearer"));
            }
            let tenant = self.tokens.tenant();
            let here = [&self.authority, &called.base].map(|base| format!("{base}/{tenant}/"));
            return assertion::check(application, given, &here, &self.tokens).map(|()| Proof::Assertion);
        }
        Err(Refusal::missing_credential())
    }
}

/// What a poll for a device code is answered.
fn nobody_signs_in(device_code: &str) -> Refusal {
    let bytes = URL_SAFE_NO_PAD.decode(device_code).ok().filter(|bytes| bytes.len() == 24);
    match bytes.as_deref().and_then(|bytes| bytes.first_chunk()) {
        None => Refusal::unknown_device_code(),
        Some(begun) => {
            let age = jiff::Timestamp::now().as_second().saturating_sub(i64::from_be_bytes(*begun));
            if (0..DEVICE_CODE_LIFETIME).contains(&age) {
                Refusal::nobody_has_signed_in()
            } else {
                Refusal::expired_device_code()
            }
        }
    }
}

struct Form(Vec<(String, String)>);

impl Form {
    fn read(headers: &HeaderMap, body: &str) -> Result<Self, Refusal> {
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !content_type.starts_with("application/x-www-form-urlencoded") {
            return Err(Refusal::missing("grant_type"));
        }
        let pairs = body.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        });
        Ok(Self(pairs.chain(basic(headers)).collect()))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, value)| given == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    fn required(&self, name: &'static str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| Refusal::missing(name))
    }
}

/// Application and secret out of a Basic authorization: another place for the form's two fields. RFC 6749 §2.3.1.
fn basic(headers: &HeaderMap) -> Vec<(String, String)> {
    let credentials = || {
        let (scheme, encoded) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
        let text = scheme.eq_ignore_ascii_case("Basic").then(|| STANDARD.decode(encoded.trim()).ok())??;
        let text = String::from_utf8(text).ok()?;
        let (client_id, secret) = text.split_once(':')?;
        Some(vec![("client_id".to_owned(), decode(client_id)), ("client_secret".to_owned(), decode(secret))])
    };
    credentials().unwrap_or_default()
}

fn decode(text: &str) -> String {
    let text = text.replace('+', " ");
    percent_encoding::percent_decode_str(&text).decode_utf8_lossy().into_owned()
}
