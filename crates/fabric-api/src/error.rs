//! Everything a call can fail with. Codes decide, never the status alone: a paused capacity answers 404 too.

use std::fmt;

use serde::Deserialize;

use crate::decode::null_is_default;

/// What every call comes to.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed. No variant holds a secret or a body that was sent.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The service answered with an error.
    #[error("{operation}: {} ({status})", .body.describe())]
    Api { operation: &'static str, status: u16, body: Box<ErrorBody> },

    /// A long-running operation ended without success.
    #[error("{operation}: {}", .body.describe())]
    Operation { operation: &'static str, body: Box<ErrorBody> },

    /// No token: the credential is wrong, or Entra could not be reached.
    #[error("no token from Entra: {0}")]
    Auth(String),

    /// The service could not be reached. Nothing was changed, or the call is one that does no harm when it is repeated.
    #[error("{operation}: the service could not be reached: {cause}")]
    Unreachable { operation: &'static str, cause: String },

    /// A request with effect was sent, and what became of it is not known: it may have happened.
    #[error("{operation}: the answer was lost, the request may have taken effect: {cause}")]
    AnswerLost { operation: &'static str, cause: String },

    /// The caller wanted to end. Nothing was changed, or the call is one that does no harm when it is repeated.
    #[error("{operation}: interrupted")]
    Interrupted { operation: &'static str },

    /// An answer that is not what the API describes.
    #[error("{operation}: the answer cannot be read: {cause}")]
    Decode { operation: &'static str, cause: String },

    /// An operation of the service that did not end in time.
    #[error("{operation}: the operation did not end within {seconds} s")]
    Timeout { operation: &'static str, seconds: u64 },

    /// Credentials cannot be encrypted for a gateway: nothing was sent.
    #[error("{0}")]
    Sealing(String),

    /// The client cannot be set up.
    #[error("{0}")]
    Setup(String),
}

/// The body of an error, complete or not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ErrorBody {
    /// Stable: what decides (facts §8.2). Empty where there was none.
    #[serde(deserialize_with = "null_is_default")]
    pub error_code: String,
    /// For people; it may change.
    #[serde(deserialize_with = "null_is_default")]
    pub message: String,
    /// Under which Microsoft's support finds the request.
    pub request_id: Option<String>,
    /// Further causes.
    pub more_details: Option<Vec<ErrorDetail>>,
    /// Whether the service thinks that the same call may succeed later.
    pub is_retriable: Option<bool>,
}

/// A further cause. Every field may be missing: an entry of PrincipalNotFound has neither code nor message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ErrorDetail {
    /// As [`ErrorBody::error_code`].
    pub error_code: Option<String>,
    /// For people.
    pub message: Option<String>,
}

impl ErrorDetail {
    /// Code and message in one text; empty when there is neither.
    pub fn describe(&self) -> String {
        let parts = [&self.error_code, &self.message].into_iter().flatten().filter(|part| !part.is_empty());
        parts.map(String::as_str).collect::<Vec<_>>().join(": ")
    }
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

fn says_not_found(code: &str) -> bool {
    code.ends_with("NotFound") || code == "PrincipalWithoutWorkspaceRolePermissions"
}

/// Codes of refusals that say nothing about whether the thing is there (fabric-api facts §8.2, §11).
fn says_something_else(code: &str) -> bool {
    const CALLER: [&str; 11] = [
        "Unauthorized",
        "Forbidden",
        "InvalidToken",
        "TokenIsMissing",
        "TokenExpired",
        "TenantNotAllowed",
        "TenantSwitchDisabled",
        "UserNotLicensed",
        "FeatureNotAvailable",
        "MissingMinimalPermissions",
        "PrincipalNotWorkspaceAdmin",
    ];
    const THROTTLING: [&str; 2] = ["RequestBlocked", "TooManyRequests"];
    const STATE: [&str; 4] = [
        "OperationNotAllowedInCurrentStatus",
        "MirroredDatabaseNotReady",
        "MirroringDefinitionMissing",
        "DatabaseAlreadyMirrored",
    ];
    CALLER.contains(&code)
        || THROTTLING.contains(&code)
        || STATE.contains(&code)
        || code.starts_with("Insufficient")
        || code.starts_with("Capacity")
        || matches!(code, "WorkspaceNotFound" | "WorkspaceHasNoCapacityAssigned")
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

    /// The HTTP status of the answer, where that is what failed.
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

    /// The thing may not be there any more: only a list can tell. Whatever is refused may be refused for that, unless
    /// the code speaks of the caller, of the capacity, of too many calls or of the thing's own state.
    /// `WorkspaceNotFound` is also what a caller without a role in the workspace gets (UNCONFIRMED): invisible is not
    /// deleted.
    pub fn may_mean_gone(&self) -> bool {
        match self {
            Self::Api { status, body, .. } => match body.error_code.as_str() {
                "" => matches!(status, 400 | 404 | 410),
                code if says_something_else(code) => false,
                code => says_not_found(code) || matches!(status, 400 | 402..=407 | 409..=428 | 430..=499),
            },
            Self::Operation { body, .. } => says_not_found(&body.error_code) && !says_something_else(&body.error_code),
            _ => false,
        }
    }

    /// The text without what was being done.
    pub(crate) fn without_operation(&self) -> String {
        let text = self.to_string();
        match self {
            Self::Api { operation, .. }
            | Self::Operation { operation, .. }
            | Self::Unreachable { operation, .. }
            | Self::AnswerLost { operation, .. }
            | Self::Interrupted { operation }
            | Self::Decode { operation, .. }
            | Self::Timeout { operation, .. } => {
                text.strip_prefix(operation).and_then(|text| text.strip_prefix(": ")).unwrap_or(&text).to_owned()
            }
            Self::Auth(_) | Self::Sealing(_) | Self::Setup(_) => text,
        }
    }

    /// The workspace's capacity is paused: nothing can be said about its items (fabric-api facts §11).
    pub fn is_inactive_capacity(&self) -> bool {
        self.code().is_some_and(says_capacity_is_inactive)
    }
}
