//! The token endpoint (client credentials: a secret, or an assertion signed with a registered key), the OpenID
//! metadata and the key set. Error bodies as `azure_identity` expects them: tds.md §4.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::directory::{Directory, Principal};
use super::tokens::{Proof, Tokens};
use super::{FABRIC, SQL};
use emulator_ground::clock::Clock;

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What the endpoint needs. No `Debug`: it signs.
#[derive(Clone)]
pub struct Entra {
    pub directory: Arc<Directory>,
    pub tokens: Arc<Tokens>,
    pub clock: Arc<Clock>,
    /// `https://localhost:PORT`.
    pub authority: String,
}

pub fn router(entra: Entra) -> Router {
    Router::new()
        .route("/{tenant}/oauth2/v2.0/token", post(token))
        .route("/{tenant}/v2.0/.well-known/openid-configuration", get(metadata))
        .route("/{tenant}/discovery/v2.0/keys", get(keys))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .with_state(entra)
}

#[derive(Serialize)]
struct TokenAnswer {
    token_type: &'static str,
    expires_in: u64,
    ext_expires_in: u64,
    access_token: String,
}

async fn token(State(entra): State<Entra>, Path(tenant): Path<String>, headers: HeaderMap, body: String) -> Response {
    let form = match Form::read(&headers, &body) {
        Ok(form) => form,
        Err(refusal) => return refusal.answer(&entra),
    };
    match entra.grant(&tenant, &form) {
        Ok(answer) => ([(header::CACHE_CONTROL, "no-store, no-cache"), (header::PRAGMA, "no-cache")], Json(answer))
            .into_response(),
        Err(refusal) => refusal.answer(&entra),
    }
}

impl Entra {
    fn grant(&self, tenant: &str, form: &Form) -> Result<TokenAnswer, Refusal> {
        self.check_tenant(tenant)?;
        let grant_type = form.required("grant_type")?;
        if grant_type != "client_credentials" {
            return Err(Refusal::unsupported_grant(grant_type));
        }
        let client_id = form.required("client_id")?;
        let application = Uuid::try_parse(client_id)
            .ok()
            .and_then(|id| self.directory.application(id))
            .ok_or_else(|| Refusal::unknown_application(client_id, tenant))?;
        let audience = audience(form.required("scope")?)?;
        let proof = self.authenticate(application, form)?;
        let app_id = application.app_id.unwrap_or_default();
        let (access_token, expires_in) =
            self.tokens.issue(audience, application.id, app_id, proof).map_err(|error| {
                Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", 90033, error.to_string())
            })?;
        Ok(TokenAnswer { token_type: "Bearer", expires_in, ext_expires_in: expires_in, access_token })
    }

    fn check_tenant(&self, tenant: &str) -> Result<(), Refusal> {
        let known = Uuid::try_parse(tenant).is_ok_and(|tenant| tenant == self.tokens.tenant());
        if known { Ok(()) } else { Err(Refusal::unknown_tenant(tenant)) }
    }

    fn authenticate(&self, application: &Principal, form: &Form) -> Result<Proof, Refusal> {
        if let Some(secret) = form.get("client_secret") {
            if application.secrets.iter().any(|known| known == secret) {
                return Ok(Proof::Secret);
            }
            return Err(Refusal::wrong_secret(application));
        }
        if let Some(assertion) = form.get("client_assertion") {
            if form.required("client_assertion_type")? != JWT_BEARER {
                return Err(Refusal::bad_assertion("client_assertion_type must be jwt-bearer"));
            }
            return self.check_assertion(application, assertion).map(|()| Proof::Assertion);
        }
        Err(Refusal::missing_credential())
    }

    /// RS256, by one of the application's keys, issued by it for this endpoint, and not expired.
    fn check_assertion(&self, application: &Principal, assertion: &str) -> Result<(), Refusal> {
        #[derive(Deserialize)]
        struct Claims {
            aud: String,
            iss: String,
            sub: String,
            exp: i64,
        }
        let mut validation = Validation::new(Algorithm::RS256);
        validation.algorithms = vec![Algorithm::RS256, Algorithm::PS256];
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let claims = application
            .public_keys
            .iter()
            .filter_map(|pem| DecodingKey::from_rsa_pem(pem.as_bytes()).ok())
            .find_map(|key| jsonwebtoken::decode::<Claims>(assertion, &key, &validation).ok())
            .ok_or_else(|| Refusal::bad_assertion("the key was not found or the signature is invalid"))?
            .claims;
        let app_id = application.app_id.unwrap_or_default().to_string();
        if !claims.iss.eq_ignore_ascii_case(&app_id) || !claims.sub.eq_ignore_ascii_case(&app_id) {
            return Err(Refusal::bad_assertion("issuer and subject must be the application"));
        }
        let endpoint = format!("{}/{}/", self.authority, self.tokens.tenant());
        if !claims.aud.starts_with(&endpoint) {
            return Err(Refusal::bad_assertion("the audience must be the token endpoint"));
        }
        // The client signs by the machine's clock, not by the virtual one.
        if claims.exp <= jiff::Timestamp::now().as_second() {
            return Err(Refusal::bad_assertion("the assertion has expired"));
        }
        Ok(())
    }
}

/// `RESOURCE/.default` of one of the two resources. SQL's scope is met with one slash and with two.
fn audience(scope: &str) -> Result<&'static str, Refusal> {
    let resources: Vec<&str> = scope.split_ascii_whitespace().collect();
    let [resource] = resources[..] else {
        return Err(if resources.is_empty() { Refusal::missing("scope") } else { Refusal::bad_scope(scope) });
    };
    let Some(resource) = resource.strip_suffix("/.default") else { return Err(Refusal::not_default(scope)) };
    let resource = resource.trim_end_matches('/');
    match resource {
        FABRIC => Ok(FABRIC),
        _ if resource == SQL.trim_end_matches('/') => Ok(SQL),
        _ => Err(Refusal::unknown_resource(resource)),
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
        Ok(Self(pairs.collect()))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, value)| given == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    fn required(&self, name: &'static str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| Refusal::missing(name))
    }
}

fn decode(text: &str) -> String {
    let text = text.replace('+', " ");
    percent_encoding::percent_decode_str(&text).decode_utf8_lossy().into_owned()
}

/// An `AADSTS` error.
struct Refusal {
    status: StatusCode,
    error: &'static str,
    number: u32,
    description: String,
}

#[derive(Serialize)]
struct RefusalBody {
    error: &'static str,
    error_description: String,
    error_codes: [u32; 1],
    timestamp: String,
    trace_id: Uuid,
    correlation_id: Uuid,
    error_uri: String,
}

impl Refusal {
    fn new(status: StatusCode, error: &'static str, number: u32, description: impl Into<String>) -> Self {
        Self { status, error, number, description: description.into() }
    }
    fn missing(field: &str) -> Self {
        let text = format!("The request body must contain the following parameter: '{field}'.");
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", 900_144, text)
    }
    fn missing_credential() -> Self {
        let text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
        Self::new(StatusCode::UNAUTHORIZED, "invalid_client", 7_000_218, text)
    }
    fn unsupported_grant(grant: &str) -> Self {
        let text = format!("The app requested an unsupported grant type '{grant}'.");
        Self::new(StatusCode::BAD_REQUEST, "unsupported_grant_type", 70_003, text)
    }
    fn unknown_tenant(tenant: &str) -> Self {
        let text = format!("Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID.");
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", 90_002, text)
    }
    fn unknown_application(client_id: &str, tenant: &str) -> Self {
        let text = format!("Application with identifier '{client_id}' was not found in the directory '{tenant}'.");
        Self::new(StatusCode::BAD_REQUEST, "unauthorized_client", 700_016, text)
    }
    fn wrong_secret(application: &Principal) -> Self {
        let text = format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, \
             not the client secret ID, for a secret added to app '{}'.",
            application.app_id.unwrap_or_default()
        );
        Self::new(StatusCode::UNAUTHORIZED, "invalid_client", 7_000_215, text)
    }
    fn bad_assertion(reason: &str) -> Self {
        let text = format!("Client assertion failed signature validation or is not acceptable: {reason}.");
        Self::new(StatusCode::UNAUTHORIZED, "invalid_client", 700_027, text)
    }
    fn bad_scope(scope: &str) -> Self {
        let text = format!("The provided request must include a single valid scope; '{scope}' is not valid.");
        Self::new(StatusCode::BAD_REQUEST, "invalid_scope", 70_011, text)
    }
    fn not_default(scope: &str) -> Self {
        let text = format!(
            "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with \
             /.default suffixed to the resource identifier (application ID URI)."
        );
        Self::new(StatusCode::BAD_REQUEST, "invalid_scope", 1_002_012, text)
    }
    fn unknown_resource(resource: &str) -> Self {
        let text = format!("The resource principal named {resource} was not found in the tenant.");
        Self::new(StatusCode::BAD_REQUEST, "invalid_resource", 500_011, text)
    }

    fn answer(self, entra: &Entra) -> Response {
        let (trace_id, correlation_id) = (Uuid::new_v4(), Uuid::new_v4());
        let timestamp = entra.clock.now().strftime("%Y-%m-%d %H:%M:%SZ").to_string();
        let error_description = format!(
            "AADSTS{}: {} Trace ID: {trace_id} Correlation ID: {correlation_id} Timestamp: {timestamp}",
            self.number, self.description
        );
        let body = RefusalBody {
            error: self.error,
            error_description,
            error_codes: [self.number],
            timestamp,
            trace_id,
            correlation_id,
            error_uri: format!("{}/error?code={}", entra.authority, self.number),
        };
        (self.status, Json(body)).into_response()
    }
}

async fn metadata(State(entra): State<Entra>, Path(tenant): Path<String>) -> Response {
    if let Err(refusal) = entra.check_tenant(&tenant) {
        return refusal.answer(&entra);
    }
    let base = format!("{}/{}", entra.authority, entra.tokens.tenant());
    Json(serde_json::json!({
        // Required in such a document; users cannot sign in here.
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
        "issuer": format!("{base}/v2.0"),
        "response_types_supported": ["token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }))
    .into_response()
}

async fn keys(State(entra): State<Entra>, Path(tenant): Path<String>) -> Response {
    match entra.check_tenant(&tenant) {
        Ok(()) => Json(entra.tokens.key_set()).into_response(),
        Err(refusal) => refusal.answer(&entra),
    }
}
