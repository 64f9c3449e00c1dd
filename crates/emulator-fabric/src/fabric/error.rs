//! Error answers. fabric-api facts §8: `requestId` equals the header `RequestId`, and the code is repeated in the
//! header `x-ms-public-api-error-code` (§11).

use axum::Json;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::reply::{Empty, REQUEST_ID};
use emulator_ground::words::{self, Word};

/// An answer other than success.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiError {
    pub status: StatusCode,
    pub body: Box<ErrorBody>,
    /// The code is in the header alone.
    bodiless: bool,
}

/// `ErrorResponse`: the body of an error, and the `error` of a status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Uuid>,
    #[serde(deserialize_with = "words::word")]
    pub error_code: Word,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more_details: Option<Vec<Detail>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub related_resource: Option<RelatedResource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_retriable: Option<bool>,
}

/// Either a cause of its own or only what it is about: PrincipalNotFound has no code in its detail (§11).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Detail {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub related_resource: Option<RelatedResource>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RelatedResource {
    pub resource_id: String,
    #[serde(deserialize_with = "words::word")]
    pub resource_type: Word,
}

impl ErrorBody {
    pub fn new(error_code: &'static str, message: impl Into<String>) -> Self {
        Self {
            request_id: None,
            error_code,
            message: message.into(),
            more_details: None,
            related_resource: None,
            is_retriable: None,
        }
    }
}

impl ApiError {
    pub fn new(status: StatusCode, error_code: &'static str, message: impl Into<String>) -> Self {
        Self { status, body: Box::new(ErrorBody::new(error_code, message)), bodiless: false }
    }
    pub fn bad_request(error_code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error_code, message)
    }
    pub fn not_found(error_code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, error_code, message)
    }
    pub fn conflict(error_code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, error_code, message)
    }
    pub fn forbidden(error_code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, error_code, message)
    }
    pub fn invalid_parameter(message: impl Into<String>) -> Self {
        Self::bad_request("InvalidParameter", message)
    }
    /// "The CreationMethod field is required." (§11)
    pub fn required(field: &str) -> Self {
        Self::invalid_parameter(format!("The {field} field is required."))
    }
    pub fn invalid_input(message: impl Into<String>) -> Self {
        Self::bad_request("InvalidInput", "The request has an invalid input").because("InvalidInput", message)
    }
    /// The caller has no role at all.
    pub fn no_access() -> Self {
        let text = "The caller does not have sufficient permissions to access the requested resource";
        Self::forbidden("InsufficientPrivileges", text)
    }

    /// Adds a cause.
    pub fn because(mut self, error_code: impl Into<String>, message: impl Into<String>) -> Self {
        self.body.more_details.get_or_insert_default().push(Detail {
            error_code: Some(error_code.into()),
            message: Some(message.into()),
            related_resource: None,
        });
        self
    }

    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub fn without_body(mut self) -> Self {
        self.bodiless = true;
        self
    }

    pub fn retriable(mut self, is_retriable: bool) -> Self {
        self.body.is_retriable = Some(is_retriable);
        self
    }

    pub fn about(mut self, resource_id: Uuid, resource_type: &'static str) -> Self {
        self.body.related_resource = Some(RelatedResource { resource_id: resource_id.to_string(), resource_type });
        self
    }
}

impl IntoResponse for ApiError {
    fn into_response(mut self) -> Response {
        let request_id = Uuid::new_v4();
        self.body.request_id = Some(request_id);
        let code = HeaderValue::from_static(self.body.error_code);
        let mut response = if self.bodiless {
            Empty(self.status).into_response()
        } else {
            (self.status, Json(self.body)).into_response()
        };
        let headers = response.headers_mut();
        headers.insert("x-ms-public-api-error-code", code);
        if let Ok(value) = HeaderValue::from_str(&request_id.to_string()) {
            headers.insert(REQUEST_ID, value);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert("www-authenticate", HeaderValue::from_static("Bearer"));
        }
        response
    }
}
