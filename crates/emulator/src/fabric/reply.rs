//! Requests and answers in the shapes the service was seen to use. fabric-api facts §11.

use std::fmt::Write as _;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use super::error::ApiError;

pub const REQUEST_ID: &str = "requestid";

/// Success without content: length 0 and this odd type (§11).
#[derive(Debug)]
pub struct Empty(pub StatusCode);

impl IntoResponse for Empty {
    fn into_response(self) -> Response {
        (self.0, [(header::CONTENT_TYPE, "application/octet-stream")]).into_response()
    }
}

/// 201 with a Location.
pub fn created<T: Serialize>(location: String, body: &T) -> Response {
    (StatusCode::CREATED, [(header::LOCATION, location)], Json(body)).into_response()
}

/// Gives every answer its RequestId, its JSON the charset, and lists the headers a browser may read.
pub async fn finish(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if !headers.contains_key(REQUEST_ID)
        && let Ok(value) = HeaderValue::from_str(&Uuid::new_v4().to_string())
    {
        headers.insert(REQUEST_ID, value);
    }
    if headers.get(header::CONTENT_TYPE).is_some_and(|value| value == "application/json")
        && headers.remove(PLAIN_JSON).is_none()
    {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    }
    let mut exposed = "RequestId".to_owned();
    for name in ["Location", "Retry-After", "ETag", "x-ms-operation-id", "x-ms-public-api-error-code"] {
        if headers.contains_key(name) {
            let _ = write!(exposed, ",{name}");
        }
    }
    if let Ok(value) = HeaderValue::from_str(&exposed) {
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, value);
    }
    response
}

/// Marks an answer whose JSON carries no charset: results of operations (§11). Removed before it is sent.
pub const PLAIN_JSON: &str = "x-plain-json";

/// The ids in a path, in order.
#[derive(Debug)]
pub struct Ids<const N: usize>(pub [Uuid; N]);

impl<S: Send + Sync, const N: usize> FromRequestParts<S> for Ids<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let parameters = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::bad_request("InvalidRequestUri", "The path cannot be read"))?;
        let mut ids = [Uuid::nil(); N];
        for (id, (name, text)) in ids.iter_mut().zip(&parameters) {
            *id = Uuid::try_parse(text)
                .map_err(|_| ApiError::invalid_parameter(format!("The value '{text}' is not valid for {name}.")))?;
        }
        Ok(Self(ids))
    }
}

/// The path as the client wrote it.
#[derive(Debug, Clone)]
pub struct OriginalPath(pub String);

/// Query parameters; names are compared without case.
#[derive(Debug)]
pub struct Query {
    path: String,
    pairs: Vec<(String, String)>,
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let pairs = parts.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = value.replace('+', " ");
            (name.to_owned(), percent_encoding::percent_decode_str(&value).decode_utf8_lossy().into_owned())
        });
        let path = match parts.extensions.get::<OriginalPath>() {
            Some(OriginalPath(path)) => path.clone(),
            None => parts.uri.path().to_owned(),
        };
        Ok(Self { path, pairs: pairs.collect() })
    }
}

impl Query {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// # Errors
    /// 400 when it is given and is neither `true` nor `false`.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(value) if value.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(value) if value.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(value) => Err(ApiError::invalid_parameter(format!("The value '{value}' is not valid for {name}."))),
        }
    }

    /// An empty one is none, as in bodies ([`optional_id`]).
    ///
    /// # Errors
    /// 400 when it is given and is no GUID.
    pub fn id(&self, name: &str) -> Result<Option<Uuid>, ApiError> {
        let parse = |value| {
            Uuid::try_parse(value)
                .map_err(|_| ApiError::invalid_parameter(format!("The value '{value}' is not valid for {name}.")))
        };
        self.get(name).filter(|value| !value.is_empty()).map(parse).transpose()
    }

    /// The page that the continuation token asks for, and the token and address of the next one.
    ///
    /// # Errors
    /// 400 `InvalidContinuationToken`.
    pub fn page<T>(&self, endpoint: &str, page_size: usize, all: Vec<T>) -> Result<Page<T>, ApiError> {
        let from = match self.get("continuationToken").filter(|token| !token.is_empty()) {
            None => 0,
            Some(token) => URL_SAFE_NO_PAD
                .decode(token)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .and_then(|text| text.strip_prefix("after:")?.parse::<usize>().ok())
                .filter(|from| *from <= all.len())
                .ok_or_else(|| {
                    ApiError::bad_request("InvalidContinuationToken", "The continuation token is not valid")
                })?,
        };
        let until = from.saturating_add(page_size);
        let token = (until < all.len()).then(|| URL_SAFE_NO_PAD.encode(format!("after:{until}")));
        let continuation_uri = token.as_ref().map(|token| {
            let mut uri = format!("{endpoint}{}?", self.path);
            for (name, value) in &self.pairs {
                if !name.eq_ignore_ascii_case("continuationToken") {
                    let _ = write!(uri, "{name}={}&", utf8_percent_encode(value, NON_ALPHANUMERIC));
                }
            }
            uri + "continuationToken=" + token
        });
        let value = all.into_iter().skip(from).take(page_size).collect();
        Ok(Page { value, continuation_token: token, continuation_uri })
    }
}

/// A list's page; the continuation keys are absent on the last one (§11).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    pub value: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continuation_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continuation_uri: Option<String>,
}

/// For `#[serde(default, deserialize_with)]` of an optional id in a body: `""` is none, as `null` and no key are.
/// Recorded of `folderId` for every type of item (facts §11); that it holds for the other ids is UNCONFIRMED.
///
/// # Errors
/// What is neither empty nor a GUID.
pub fn optional_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Uuid>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty());
    text.map(|text| Uuid::try_parse(&text).map_err(serde::de::Error::custom)).transpose()
}

/// A JSON body.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let content_type = request.headers().get(header::CONTENT_TYPE).cloned();
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|_| ApiError::bad_request("CorruptedPayload", "The request body cannot be read"))?;
        if bytes.is_empty() {
            return Err(ApiError::invalid_input("A non-empty request body is required."));
        }
        let is_json = content_type
            .as_ref()
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
        if !is_json {
            let text = "The content type of the request must be application/json";
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", text));
        }
        serde_json::from_slice(&bytes).map(Self).map_err(|error| ApiError::invalid_input(error.to_string()))
    }
}
