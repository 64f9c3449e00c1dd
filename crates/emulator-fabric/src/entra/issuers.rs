//! Two issuers whose tokens an application can trust: GitHub Actions and Azure Pipelines, as a job asks them. They sign
//! with the key that Entra's own tokens are signed with; that they are others shows in the issuer.
//!
//! | | GitHub Actions | Azure Pipelines |
//! |---|---|---|
//! | a job has it in | `ACTIONS_ID_TOKEN_REQUEST_URL`, `…_TOKEN` | `SYSTEM_OIDCREQUESTURI`, `SYSTEM_ACCESSTOKEN` |
//! | request | GET, `audience` in the query | POST without body, `api-version` and `serviceConnectionId` in the query |
//! | answer | `{"count", "value"}` | `{"oidcToken"}` |
//!
//! Sources: GitHub Docs, "OpenID Connect reference"; Azure DevOps Services REST API, "Oidctoken – Create"; release notes of
//! sprint 240. UNCONFIRMED: the bodies of refusals.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jsonwebtoken::{Algorithm, Header};
use serde_json::{Value, json};
use uuid::Uuid;

use super::directory::FederatedCredential;
use super::tokens::Tokens;

pub const GITHUB: &str = "https://token.actions.githubusercontent.com";
pub const AZURE_DEVOPS: &str = "https://vstoken.dev.azure.com/0ca3c0de-0000-4000-8000-00000000de70";
pub const ALL: [&str; 2] = [GITHUB, AZURE_DEVOPS];
/// What Entra wants as the audience.
pub const AUDIENCE: &str = "api://AzureADTokenExchange";

pub const GITHUB_PATH: &str = "/_issuers/github/idtoken?api-version=2.0";
pub const AZURE_DEVOPS_PATH: &str = "/_issuers/azure-devops/oidctoken";
/// What proves that it is the job; the same for both. For tests only.
pub const REQUEST_TOKEN: &str = "oidc-request-token-only-for-tests";
/// The one service connection there is.
pub const SERVICE_CONNECTION: &str = "5c000000-0000-4000-8000-00000000c0de";

const GITHUB_SUBJECT: &str = "repo:contoso/mirrors:ref:refs/heads/main";
const AZURE_DEVOPS_SUBJECT: &str = "sc://contoso/mirrors/fabric";
/// Seconds.
const LIFETIME: i64 = 300;

/// What an application that trusts both has.
pub fn trusted() -> Vec<FederatedCredential> {
    [(GITHUB, GITHUB_SUBJECT), (AZURE_DEVOPS, AZURE_DEVOPS_SUBJECT)]
        .map(|(issuer, subject)| FederatedCredential {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            audiences: vec![AUDIENCE.to_owned()],
        })
        .to_vec()
}

pub fn router(tokens: Arc<Tokens>) -> Router {
    Router::new()
        .route("/_issuers/github/idtoken", get(github))
        .route(AZURE_DEVOPS_PATH, post(azure_devops))
        .with_state(tokens)
}

fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    let decode =
        |text: &str| percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(given, _)| *given == name).map(|(_, value)| decode(value)).next()
}

fn is_job(headers: &HeaderMap) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.split_once(' ').is_some_and(|(scheme, token)| scheme.eq_ignore_ascii_case("bearer") && token == REQUEST_TOKEN)
}

async fn github(State(tokens): State<Arc<Tokens>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    if !is_job(&headers) {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "message": "The request token is not valid." })))
            .into_response();
    }
    let audience = parameter(query.as_deref(), "audience").unwrap_or_else(|| "https://github.com/contoso".to_owned());
    match sign(&tokens, GITHUB, GITHUB_SUBJECT, &audience).await {
        Ok(token) => Json(json!({ "count": token.len(), "value": token })).into_response(),
        Err(why) => (StatusCode::INTERNAL_SERVER_ERROR, why).into_response(),
    }
}

async fn azure_devops(State(tokens): State<Arc<Tokens>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    if !is_job(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let refused = |status, message: &str| (status, Json(json!({ "message": message }))).into_response();
    let query = query.as_deref();
    if !parameter(query, "api-version").is_some_and(|version| version.starts_with("7.1")) {
        return refused(StatusCode::BAD_REQUEST, "No api-version was supplied, or one that is not known here.");
    }
    if parameter(query, "serviceConnectionId").is_none_or(|id| !id.eq_ignore_ascii_case(SERVICE_CONNECTION)) {
        return refused(
            StatusCode::NOT_FOUND,
            "The service connection does not exist, or the pipeline may not use it.",
        );
    }
    match sign(&tokens, AZURE_DEVOPS, AZURE_DEVOPS_SUBJECT, AUDIENCE).await {
        Ok(token) => Json(json!({ "oidcToken": token })).into_response(),
        Err(why) => refused(StatusCode::INTERNAL_SERVER_ERROR, &why),
    }
}

async fn sign(tokens: &Tokens, issuer: &str, subject: &str, audience: &str) -> Result<String, String> {
    tokens.key().ready().await;
    let key = tokens.key().get().map_err(|error| error.to_string())?;
    let now = jiff::Timestamp::now().as_second();
    let claims: Value = json!({
        "jti": Uuid::new_v4(), "iss": issuer, "sub": subject, "aud": audience,
        "iat": now, "nbf": now, "exp": now + LIFETIME,
    });
    jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &key.signs).map_err(|error| error.to_string())
}
