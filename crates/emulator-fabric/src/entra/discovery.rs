//! What clients read before they ask for a token: OpenID metadata and key sets of both versions, and the discovery of
//! instances. Sources: Learn, "OpenID Connect on the Microsoft identity platform"; what MSAL for Python, Go and .NET
//! read of these documents.
//!
//! Documents name the host that they were asked at, as the service's do: a client that came here under a name of
//! Microsoft's, through a proxy, goes on under that name, and MSAL compares the issuer with it.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Path, RawQuery, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::endpoint::Entra;
use super::refusal::Refusal;

/// Names of the one public authority: MSAL takes them for the same.
const PUBLIC_AUTHORITY: [&str; 4] =
    ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"];
/// In the place of a tenant: any of them. Metadata has a pattern for the issuer then.
const ANY_TENANT: [&str; 2] = ["common", "organizations"];

pub fn routes() -> Router<Entra> {
    Router::new()
        .route("/common/discovery/instance", get(instance))
        .route("/{tenant}/v2.0/.well-known/openid-configuration", get(metadata))
        .route("/{tenant}/.well-known/openid-configuration", get(metadata_v1))
        .route("/{tenant}/discovery/v2.0/keys", get(keys))
        .route("/{tenant}/discovery/keys", get(keys_v1))
}

/// The authority as the client calls it.
#[derive(Debug)]
pub struct Called {
    /// `https://HOST`, with its port where one was given.
    pub base: String,
}

impl FromRequestParts<Entra> for Called {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, entra: &Entra) -> Result<Self, Infallible> {
        // HTTP/2 has it in the address.
        let host = parts.uri.authority().map(|authority| authority.as_str());
        let host = host.or_else(|| parts.headers.get(header::HOST)?.to_str().ok());
        let is_name = |host: &&str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
        let base = host.filter(is_name).map_or_else(|| entra.authority.clone(), |host| format!("https://{host}"));
        Ok(Self { base })
    }
}

/// The tenant as documents name it.
fn named<'t>(entra: &Entra, tenant: &'t str) -> Result<&'t str, Refusal> {
    if ANY_TENANT.contains(&tenant) { Ok("{tenantid}") } else { entra.check_tenant(tenant).map(|()| tenant) }
}

async fn metadata(State(entra): State<Entra>, Path(tenant): Path<String>, Called { base }: Called) -> Response {
    match named(&entra, &tenant) {
        Ok(named) => Json(document(&base, &tenant, "/v2.0", &format!("{base}/{named}/v2.0"))).into_response(),
        Err(refusal) => refusal.answer(&base),
    }
}

async fn metadata_v1(State(entra): State<Entra>, Path(tenant): Path<String>, Called { base }: Called) -> Response {
    match named(&entra, &tenant) {
        Ok(named) => Json(document(&base, &tenant, "", &format!("https://sts.windows.net/{named}/"))).into_response(),
        Err(refusal) => refusal.answer(&base),
    }
}

/// `version` as it is in paths.
fn document(base: &str, tenant: &str, version: &str, issuer: &str) -> Value {
    json!({
        // Required in such a document; users cannot sign in here.
        "authorization_endpoint": format!("{base}/{tenant}/oauth2{version}/authorize"),
        "token_endpoint": format!("{base}/{tenant}/oauth2{version}/token"),
        "device_authorization_endpoint": format!("{base}/{tenant}/oauth2/v2.0/devicecode"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": format!("{base}/{tenant}/discovery{version}/keys"),
        "issuer": issuer,
        "response_types_supported": ["token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
    })
}

async fn keys(State(entra): State<Entra>, Path(tenant): Path<String>, Called { base }: Called) -> Response {
    let issuer = |named: &str| Some(format!("{base}/{named}/v2.0"));
    key_set(&entra, &base, named(&entra, &tenant).map(issuer)).await
}

/// The keys are those of version 2, and none is for one issuer alone.
async fn keys_v1(State(entra): State<Entra>, Path(tenant): Path<String>, Called { base }: Called) -> Response {
    key_set(&entra, &base, named(&entra, &tenant).map(|_| None)).await
}

async fn key_set(entra: &Entra, base: &str, issuer: Result<Option<String>, Refusal>) -> Response {
    let key = entra.tokens.key();
    key.ready().await;
    let keys = issuer.and_then(|issuer| key.key_set(issuer.as_deref()).map_err(|error| Refusal::nothing_signs(&error)));
    match keys {
        Ok(keys) => Json(keys).into_response(),
        Err(refusal) => refusal.answer(base),
    }
}

/// Whether an authority is one of Entra's, and its other names. `?authorization_endpoint=https://HOST/TENANT/…`.
async fn instance(State(entra): State<Entra>, RawQuery(query): RawQuery, Called { base }: Called) -> Response {
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let asked = query.as_deref().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    let asked = asked.filter(|(name, _)| *name == "authorization_endpoint").map(|(_, value)| decode(value)).next();
    let Some(asked) = asked else { return Refusal::missing("authorization_endpoint").answer(&base) };
    let place = asked.strip_prefix("https://").and_then(|rest| rest.split_once('/'));
    let Some((host, path)) = place else { return Refusal::unknown_instance().answer(&base) };
    let own = |base: &str| base.strip_prefix("https://").is_some_and(|own| own.eq_ignore_ascii_case(host));
    let is_public = PUBLIC_AUTHORITY.iter().any(|known| known.eq_ignore_ascii_case(host));
    if !is_public && !own(&base) && !own(&entra.authority) {
        return Refusal::unknown_instance().answer(&base);
    }
    let tenant = path.split('/').next().unwrap_or_default();
    let aliases =
        |names: &[&str]| json!({ "preferred_network": names[0], "preferred_cache": names[0], "aliases": names });
    let mut metadata = vec![aliases(&PUBLIC_AUTHORITY)];
    if !is_public {
        metadata.push(aliases(&[host]));
    }
    Json(json!({
        "tenant_discovery_endpoint": format!("https://{host}/{tenant}/v2.0/.well-known/openid-configuration"),
        "api-version": "1.1",
        "metadata": metadata,
    }))
    .into_response()
}
