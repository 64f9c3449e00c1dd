//! Tokens of managed identities, as they are asked for on a virtual machine (IMDS) and in App Service. Plain HTTP.
//!
//! | | IMDS | App Service |
//! |---|---|---|
//! | address | `/metadata/identity/oauth2/token`; clients know no other host than 169.254.169.254, so they come through a proxy | `IDENTITY_ENDPOINT`, here `/msi/token` |
//! | `api-version` | 2018-02-01 (documentation), 2019-08-01 (azure_identity) | 2019-08-01 |
//! | proof | header `Metadata: true`, and no `X-Forwarded-For` | header `X-IDENTITY-HEADER` with the value of `IDENTITY_HEADER` |
//! | which identity | `client_id`, `object_id` or `msi_res_id` | `client_id`, `principal_id`, `object_id` or `mi_res_id` |
//! | numbers in answers | texts | `expires_on` as text |
//!
//! Sources: tds.md §4 (what clients send and need back) and Microsoft's pages "How to use managed identities … to acquire
//! an access token" and "Use managed identities for App Service". UNCONFIRMED, where those are silent: the bodies of
//! App Service's errors, and its statuses other than 400; of IMDS, the status of `invalid_request`, and the texts for an
//! identity that is not there, for several, for the version and for what was forwarded.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use uuid::Uuid;

use super::directory::{Directory, ManagedIdentity, ManagedIdentityKind, Principal};
use super::resources;
use super::tokens::{Proof, Tokens};

pub const IMDS_PATH: &str = "/metadata/identity/oauth2/token";
pub const APP_SERVICE_PATH: &str = "/msi/token";
/// `IDENTITY_HEADER`: keeps out requests that were only forwarded. For tests only.
pub const IDENTITY_HEADER: &str = "identity-header-only-for-tests";
const IMDS_VERSIONS: [&str; 2] = ["2019-08-01", "2018-02-01"];
const APP_SERVICE_VERSION: &str = "2019-08-01";

/// No `Debug`: it signs.
#[derive(Clone)]
pub struct Host {
    pub directory: Arc<Directory>,
    pub tokens: Arc<Tokens>,
}

pub fn router(host: Host) -> Router {
    Router::new()
        .route(IMDS_PATH, get(imds))
        .route(APP_SERVICE_PATH, get(app_service))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .with_state(host)
}

/// A token and for whom.
struct Granted {
    access_token: String,
    client_id: Uuid,
    resource: String,
    lifetime: u64,
    /// Seconds since 1970, by the machine's clock as the client reads it.
    now: i64,
}

/// Why there is none.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    NoResource,
    UnknownResource(String),
    NoSystemAssigned,
    NotAssigned,
    /// No system-assigned identity, several user-assigned ones, and none named.
    Several,
    TwoNames,
    Signature(String),
}

/// Query parameters by name, the first of each.
struct Asked(Vec<(String, String)>);

impl Asked {
    fn read(query: Option<&str>) -> Self {
        let decode =
            |text: &str| percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        Self(pairs.map(|(name, value)| (decode(name), decode(value))).collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, value)| given == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }
}

impl Host {
    fn grant(&self, asked: &Asked, names: &[(&str, Name)]) -> Result<Granted, Refusal> {
        let resource = asked.get("resource").ok_or(Refusal::NoResource)?;
        let audience = resources::audience(resource)
            .ok_or_else(|| Refusal::UnknownResource(resource.trim_end_matches('/').to_owned()))?;
        let identity = self.identity(asked, names)?;
        let client_id = identity.app_id.unwrap_or_default();
        let (access_token, lifetime) = self
            .tokens
            .issue(&audience, identity.id, client_id, Proof::Assertion)
            .map_err(|error| Refusal::Signature(error.to_string()))?;
        let now = jiff::Timestamp::now().as_second();
        Ok(Granted { access_token, client_id, resource: resource.to_owned(), lifetime, now })
    }

    /// The identity that is named, else the system-assigned one, else the only one.
    fn identity(&self, asked: &Asked, names: &[(&str, Name)]) -> Result<&Principal, Refusal> {
        let given: Vec<(Name, &str)> =
            names.iter().filter_map(|(name, kind)| Some((*kind, asked.get(name)?))).collect();
        let assigned = || {
            let principals = self.directory.principals.iter();
            principals.filter_map(|principal| Some((principal, principal.managed_identity.as_ref()?)))
        };
        match given[..] {
            [] => {
                let system = assigned().find(|(_, identity)| identity.kind == ManagedIdentityKind::SystemAssigned);
                match (system, assigned().count()) {
                    (Some((principal, _)), _) => Ok(principal),
                    (None, 0) => Err(Refusal::NoSystemAssigned),
                    (None, 1) => assigned().next().map(|(principal, _)| principal).ok_or(Refusal::NotAssigned),
                    (None, _) => Err(Refusal::Several),
                }
            }
            [(name, value)] => {
                let found = assigned().find(|(principal, identity)| name.fits(principal, identity, value));
                found.map(|(principal, _)| principal).ok_or(Refusal::NotAssigned)
            }
            _ => Err(Refusal::TwoNames),
        }
    }
}

/// What an identity can be named by.
#[derive(Debug, Clone, Copy)]
enum Name {
    Client,
    Object,
    Resource,
}

impl Name {
    fn fits(self, principal: &Principal, identity: &ManagedIdentity, value: &str) -> bool {
        match self {
            Self::Client => Uuid::try_parse(value).is_ok_and(|id| principal.app_id == Some(id)),
            Self::Object => Uuid::try_parse(value).is_ok_and(|id| principal.id == id),
            Self::Resource => identity.resource_id.eq_ignore_ascii_case(value),
        }
    }
}

async fn imds(State(host): State<Host>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let refuse = |error: &str, text: &str| {
        (StatusCode::BAD_REQUEST, Json(json!({ "error": error, "error_description": text }))).into_response()
    };
    let metadata = headers.get("metadata").and_then(|value| value.to_str().ok());
    if !metadata.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return refuse("bad_request_102", "Required metadata header not specified");
    }
    if headers.contains_key("x-forwarded-for") {
        return refuse("bad_request", "Requests that were forwarded are not served");
    }
    let asked = Asked::read(query.as_deref());
    if !asked.get("api-version").is_some_and(|version| IMDS_VERSIONS.contains(&version)) {
        let text = "Bad request. api-version is invalid or was not specified in the request.";
        let body = json!({ "error": text, "newest-versions": IMDS_VERSIONS });
        return (StatusCode::BAD_REQUEST, Json(body)).into_response();
    }
    host.tokens.key().ready().await;
    let names = [("client_id", Name::Client), ("object_id", Name::Object), ("msi_res_id", Name::Resource)];
    match host.grant(&asked, &names) {
        Ok(granted) => Json(granted.of_imds()).into_response(),
        Err(Refusal::NoResource) => refuse("invalid_request", "Required query variable 'resource' is missing"),
        Err(Refusal::UnknownResource(resource)) => {
            let tenant = host.tokens.tenant();
            let text =
                format!("AADSTS50001: The application named {resource} was not found in the tenant named {tenant}.");
            refuse("invalid_resource", &text)
        }
        Err(Refusal::NoSystemAssigned | Refusal::NotAssigned) => refuse("invalid_request", "Identity not found"),
        Err(Refusal::Several) => {
            let text = "Multiple user assigned identities exist, please specify the clientId / resourceId of the \
                        identity in the token request";
            refuse("invalid_request", text)
        }
        Err(Refusal::TwoNames) => {
            refuse("invalid_request", "Only one of client_id, object_id and msi_res_id may be given")
        }
        Err(Refusal::Signature(text)) => {
            let body = json!({ "error": "unknown", "error_description": text });
            (StatusCode::INTERNAL_SERVER_ERROR, Json(body)).into_response()
        }
    }
}

async fn app_service(State(host): State<Host>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let refuse = |status: StatusCode, text: &str| {
        (status, Json(json!({ "statusCode": status.as_u16(), "message": text }))).into_response()
    };
    let header = headers.get("x-identity-header").and_then(|value| value.to_str().ok());
    if header != Some(IDENTITY_HEADER) {
        return refuse(StatusCode::UNAUTHORIZED, "The X-IDENTITY-HEADER header is missing or wrong.");
    }
    let asked = Asked::read(query.as_deref());
    if asked.get("api-version") != Some(APP_SERVICE_VERSION) {
        return refuse(StatusCode::BAD_REQUEST, "The api-version is missing or not supported.");
    }
    host.tokens.key().ready().await;
    let names = [
        ("client_id", Name::Client),
        ("principal_id", Name::Object),
        ("object_id", Name::Object),
        ("mi_res_id", Name::Resource),
    ];
    match host.grant(&asked, &names) {
        Ok(granted) => Json(granted.of_app_service()).into_response(),
        Err(Refusal::NoResource) => refuse(StatusCode::BAD_REQUEST, "The resource is missing."),
        Err(Refusal::UnknownResource(resource)) => {
            let text = format!("AADSTS500011: The resource principal named {resource} was not found in the tenant.");
            refuse(StatusCode::BAD_REQUEST, &text)
        }
        Err(Refusal::TwoNames) => {
            refuse(StatusCode::BAD_REQUEST, "Only one of client_id, principal_id and mi_res_id may be given.")
        }
        Err(Refusal::NoSystemAssigned | Refusal::NotAssigned | Refusal::Several) => {
            let text =
                "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.";
            refuse(StatusCode::BAD_REQUEST, text)
        }
        Err(Refusal::Signature(text)) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &text),
    }
}

impl Granted {
    fn expires_on(&self) -> String {
        self.now.saturating_add_unsigned(self.lifetime).to_string()
    }

    fn of_imds(self) -> Value {
        json!({
            "client_id": self.client_id,
            "expires_in": self.lifetime.to_string(),
            "expires_on": self.expires_on(),
            "ext_expires_in": self.lifetime.to_string(),
            "not_before": self.now.to_string(),
            "resource": self.resource,
            "token_type": "Bearer",
            "access_token": self.access_token,
        })
    }

    fn of_app_service(self) -> Value {
        json!({
            "client_id": self.client_id,
            "expires_on": self.expires_on(),
            "resource": self.resource,
            "token_type": "Bearer",
            "access_token": self.access_token,
        })
    }
}
