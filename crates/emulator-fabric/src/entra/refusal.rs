//! Why Entra gives no token: error bodies as `azure_identity` expects them (tds.md §4), numbers as in Learn, "Microsoft
//! Entra authentication & authorization error codes".

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::directory::Principal;

/// An `AADSTS` error. Its times are of the machine's clock: they are for people and their logs.
pub struct Refusal {
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
    pub fn new(status: StatusCode, error: &'static str, number: u32, description: impl Into<String>) -> Self {
        Self { status, error, number, description: description.into() }
    }
    pub fn missing(field: &str) -> Self {
        let text = format!("The request body must contain the following parameter: '{field}'.");
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", 900_144, text)
    }
    pub fn missing_credential() -> Self {
        let text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
        Self::new(StatusCode::UNAUTHORIZED, "invalid_client", 7_000_218, text)
    }
    pub fn unsupported_grant(grant: &str) -> Self {
        let text = format!("The app requested an unsupported grant type '{grant}'.");
        Self::new(StatusCode::BAD_REQUEST, "unsupported_grant_type", 70_003, text)
    }
    pub fn unknown_tenant(tenant: &str) -> Self {
        let text = format!("Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID.");
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", 90_002, text)
    }
    pub fn unknown_application(client_id: &str, tenant: &str) -> Self {
        let text = format!("Application with identifier '{client_id}' was not found in the directory '{tenant}'.");
        Self::new(StatusCode::BAD_REQUEST, "unauthorized_client", 700_016, text)
    }
    pub fn wrong_secret(application: &Principal) -> Self {
        let text = format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, \
             not the client secret ID, for a secret added to app '{}'.",
            application.app_id.unwrap_or_default()
        );
        Self::new(StatusCode::UNAUTHORIZED, "invalid_client", 7_000_215, text)
    }
    pub fn bad_assertion(reason: &str) -> Self {
        let text = format!("Client assertion failed signature validation or is not acceptable: {reason}.");
        Self::new(StatusCode::UNAUTHORIZED, "invalid_client", 700_027, text)
    }
    pub fn malformed_assertion(why: &impl ToString) -> Self {
        let text = format!("The assertion is malformed: {}", why.to_string());
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", 50_027, text)
    }
    pub fn unregistered_certificate(application: &Principal, thumbprint: &str) -> Self {
        let text = format!(
            "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - \
             The key was not found., Thumbprint of key used by client: '{thumbprint}', application: '{}'].",
            application.app_id.unwrap_or_default()
        );
        Self::new(StatusCode::UNAUTHORIZED, "invalid_client", 700_027, text)
    }
    pub fn foreign_audience(audience: &str) -> Self {
        let text = format!("Client assertion audience claim does not match Realm issuer: '{audience}'.");
        Self::new(StatusCode::UNAUTHORIZED, "invalid_client", 700_023, text)
    }
    pub fn not_valid_now() -> Self {
        let text = "Client assertion is not within its valid time range.";
        Self::new(StatusCode::UNAUTHORIZED, "invalid_client", 700_024, text)
    }
    pub fn untrusted(number: u32, claim: &str, value: &str) -> Self {
        let text = format!(
            "No matching federated identity record found for presented assertion {claim} '{value}'. Check your federated \
             identity credential Subject, Audience and Issuer against the presented assertion."
        );
        Self::new(StatusCode::UNAUTHORIZED, "invalid_client", number, text)
    }
    pub fn forged() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_client", 50_013, "Assertion failed signature validation.")
    }
    pub fn bad_scope(scope: &str) -> Self {
        let text = format!("The provided request must include a single valid scope; '{scope}' is not valid.");
        Self::new(StatusCode::BAD_REQUEST, "invalid_scope", 70_011, text)
    }
    pub fn not_default(scope: &str) -> Self {
        let text = format!(
            "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with \
             /.default suffixed to the resource identifier (application ID URI)."
        );
        Self::new(StatusCode::BAD_REQUEST, "invalid_scope", 1_002_012, text)
    }
    pub fn unknown_resource(resource: &str, tenant: Uuid) -> Self {
        let text = format!("The resource principal named {resource} was not found in the tenant named {tenant}.");
        Self::new(StatusCode::BAD_REQUEST, "invalid_resource", 500_011, text)
    }

    pub fn unknown_instance() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_instance", 50_049, "Unknown or invalid instance.")
    }
    pub fn nothing_signs(reason: &impl ToString) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", 90_033, reason.to_string())
    }
    pub fn nobody_has_signed_in() -> Self {
        let text = "OAuth 2.0 device flow error. Authorization is pending. Continue polling.";
        Self::new(StatusCode::BAD_REQUEST, "authorization_pending", 70_016, text)
    }
    pub fn expired_device_code() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "expired_token", 70_019, "The verification code has expired.")
    }
    /// UNCONFIRMED: the number; the error is in Learn, "device authorization grant flow".
    pub fn unknown_device_code() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_verification_code", 70_018, "The device code is not known.")
    }

    /// `base` is the authority as the client calls it.
    pub fn answer(self, base: &str) -> Response {
        let (trace_id, correlation_id) = (Uuid::new_v4(), Uuid::new_v4());
        let timestamp = Timestamp::now().strftime("%Y-%m-%d %H:%M:%SZ").to_string();
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
            error_uri: format!("{base}/error?code={}", self.number),
        };
        (self.status, Json(body)).into_response()
    }
}
