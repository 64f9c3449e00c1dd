//! Everything a call can fail with. Codes decide, never the status alone: a paused capacity answers 404 too.

use std::fmt;

use serde::Deserialize;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed. No variant holds a secret or a body that was sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The service answered with an error.
    #[error("{operation}: {} ({status})", .body.describe())]
    Api { operation: &'static str, status: u16, body: Box<ErrorBody> },

    /// A long-running operation ended without success.
    #[error("{operation}: {}", .body.describe())]
    Operation { operation: &'static str, body: Box<ErrorBody> },

    /// No token: the credential is wrong, or Entra could not be reached.
    #[error("no token for Microsoft Fabric: {0}")]
    Auth(String),

    /// The service could not be reached. Nothing was changed, or the call is one that does no harm when it is repeated.
    #[error("{operation}: the service could not be reached: {cause}")]
    Unreachable { operation: &'static str, cause: String },

    /// The connection broke after a request with effect was sent: it may have happened.
    #[error("{operation}: the connection broke before the answer came; the request may have taken effect: {cause}")]
    AnswerLost { operation: &'static str, cause: String },

    /// An answer that is not what the API describes.
    #[error("{operation}: the answer cannot be read: {cause}")]
    Decode { operation: &'static str, cause: String },

    /// An operation of the service that did not end in time.
    #[error("{operation}: the operation did not end within {seconds} s")]
    Timeout { operation: &'static str, seconds: u64 },

    /// The client cannot be set up.
    #[error("{0}")]
    Setup(String),
}

/// The body of an error, complete or not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ErrorBody {
    #[serde(deserialize_with = "null_is_empty")]
    pub error_code: String,
    #[serde(deserialize_with = "null_is_empty")]
    pub message: String,
    pub request_id: Option<String>,
    pub more_details: Option<Vec<ErrorDetail>>,
    pub is_retriable: Option<bool>,
}

/// A further cause. Every field may be missing: an entry of PrincipalNotFound has neither code nor message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ErrorDetail {
    pub error_code: Option<String>,
    pub message: Option<String>,
}

fn null_is_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl ErrorBody {
    /// Code, message and further causes in one text.
    pub fn describe(&self) -> String {
        let mut text = match (self.error_code.as_str(), self.message.as_str()) {
            ("", "") => "an error without code or message".to_owned(),
            (code, "") => code.to_owned(),
            ("", message) => message.to_owned(),
            (code, message) => format!("{code}: {message}"),
        };
        for detail in self.more_details.iter().flatten() {
            for part in [&detail.error_code, &detail.message].into_iter().flatten().filter(|part| !part.is_empty()) {
                text = format!("{}; {part}", text.trim_end_matches('.'));
            }
        }
        text
    }
}

impl fmt::Display for ErrorBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}

/// An error with its causes, each once.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = String::new();
    for cause in std::iter::successors(Some(error), |cause| cause.source()) {
        let part = without_advice(&cause.to_string());
        if text.is_empty() {
            text = part;
        } else if !text.contains(&part) {
            text = format!("{text}: {part}");
        }
    }
    text
}

/// Without the advice to read a page about the library that follows a cause.
fn without_advice(text: &str) -> String {
    text.split("\n\n").next().unwrap_or(text).split("\nTo troubleshoot").next().unwrap_or(text).trim().to_owned()
}

/// Whatever the status: 404, 400 and 503 were seen with these codes (fabric-api facts §11).
pub(crate) fn says_capacity_is_inactive(code: &str) -> bool {
    matches!(code, "CapacityNotActive" | "CapacityNotInActiveState")
}

impl Error {
    /// The service's code for the error.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Api { body, .. } | Self::Operation { body, .. } => Some(body.error_code.as_str()),
            _ => None,
        }
        .filter(|code| !code.is_empty())
    }

    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Api { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The id under which Microsoft's support finds the request.
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Api { body, .. } | Self::Operation { body, .. } => body.request_id.as_deref(),
            _ => None,
        }
    }

    /// The service says that the thing is not there. 404 alone does not say so, and an operation that failed because of
    /// something else that is missing does not either. `WorkspaceNotFound` is also what a caller without a role in the
    /// workspace gets (UNCONFIRMED): invisible is not deleted.
    pub fn is_gone(&self) -> bool {
        const GONE: [&str; 3] = ["ItemNotFound", "EntityNotFound", "NotFound"];
        matches!(self, Self::Api { body, .. } if GONE.contains(&body.error_code.as_str()))
    }

    /// The workspace's capacity is paused: nothing can be said about its items (fabric-api facts §11).
    pub fn is_inactive_capacity(&self) -> bool {
        self.code().is_some_and(says_capacity_is_inactive)
    }
}
