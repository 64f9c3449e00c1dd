//! Everything that can go wrong on the way to the server and there, with the server's own numbers (sql-mi facts §1.4).

use std::fmt;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something was not done. No variant holds a statement or a secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server said no.
    #[error("{refusal}")]
    Refused { refusal: Refusal, fault: Fault },

    /// The name is taken by a principal that is not ours.
    #[error("{what} `{name}` exists{}", .details.as_ref().map(|details| format!(" ({details})")).unwrap_or_default())]
    AlreadyExists { what: &'static str, name: String, details: Option<String> },

    /// Nothing of this name is there.
    #[error("there is no {what} `{name}`")]
    NotFound { what: &'static str, name: String, fault: Fault },

    /// The reader may not see what it looked for, so nothing can be said about it.
    #[error("{what} cannot be seen: the operator lacks {right}, so a missing row does not mean that it is gone")]
    Invisible { what: String, right: &'static str },

    /// A permission that the server does not know.
    #[error("there is no database permission `{name}`{}", .nearest.as_ref().map(|nearest| format!("; did you mean `{nearest}`?")).unwrap_or_default())]
    UnknownPermission { name: String, nearest: Option<String> },

    /// The connection broke after a statement with effect was sent: it may have happened.
    #[error("the connection to {server} broke before the answer came; the change may have taken effect: {cause}")]
    AnswerLost { server: String, cause: String },

    #[error("{server} did not answer within {seconds} s")]
    Timeout { server: String, seconds: u64 },

    #[error("no connection to {server}: {cause}")]
    Connect { server: String, cause: String },

    #[error("{server} has no certificate that is trusted here: {cause}")]
    Tls { server: String, cause: String },

    /// The identity that should log in gives no token.
    #[error("{0}")]
    Token(String),

    /// An answer that is not what the catalog documents.
    #[error("the answer of {server} cannot be read: {cause}")]
    Decode { server: String, cause: String },
}

/// An error message of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub number: u32,
    /// Severity.
    pub class: u8,
    pub state: u8,
    pub text: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, class, state, text } = self;
        write!(f, "{text} (error {number}, severity {class}, state {state})")
    }
}

/// What an error is about: the caller knows where that stands in its own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Name,
    Password,
    Sid,
    Login,
    Database,
    Permission,
    Role,
    Schema,
    Server,
    Other,
}

impl Error {
    pub fn number(&self) -> Option<u32> {
        match self {
            Self::Refused { refusal, .. } => Some(refusal.number),
            _ => None,
        }
    }

    /// What is at fault: what the number says, else what the caller was at.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Refused { refusal, fault } => match refusal.number {
                15025 | 15023 | 15434 | 15138 | 15136 | 15154 | 15183 | 15184 | 15284 | 15405 | 15421 => Fault::Name,
                15113..=15119 | 15156 => Fault::Password,
                15433 | 15419 => Fault::Sid,
                15007 | 15063 => Fault::Login,
                4060 | 911 | 916 => Fault::Database,
                18456 => Fault::Server,
                _ => *fault,
            },
            Self::AlreadyExists { .. } => Fault::Name,
            Self::NotFound { fault, .. } => *fault,
            Self::UnknownPermission { .. } => Fault::Permission,
            Self::Timeout { .. } | Self::Connect { .. } | Self::Tls { .. } => Fault::Server,
            _ => Fault::Other,
        }
    }

    /// One line for a reader who sees nothing else.
    pub fn summary(&self) -> String {
        match self {
            Self::Refused { refusal, .. } => match refusal.number {
                15025 => "A login of this name exists",
                15023 => "A principal of this name exists in the database",
                15063 => "The login has another user in the database",
                15113..=15119 | 15156 => "The server refuses the password",
                15433 => "The SID is in use",
                15434 => "The login is in use",
                15138 => "The user owns a schema",
                15284 => "The principal has granted permissions to others",
                15151 | 15007 => "Not found, or not permitted",
                229 | 262 | 297 | 300 | 4613 | 15247 => "The operator lacks a permission",
                4060 => "The database cannot be opened",
                18456 => "The server refuses the operator's login",
                _ => "The server refuses the change",
            }
            .to_owned(),
            Self::AlreadyExists { what, name, .. } => format!("The {what} {name} exists"),
            Self::NotFound { what, name, .. } => format!("There is no {what} {name}"),
            Self::Invisible { .. } => "The operator may not see this".to_owned(),
            Self::UnknownPermission { name, .. } => format!("Unknown permission {name}"),
            Self::AnswerLost { .. } => "The server's answer was lost".to_owned(),
            Self::Timeout { .. } => "The server did not answer".to_owned(),
            Self::Connect { .. } | Self::Tls { .. } => "The server cannot be reached".to_owned(),
            Self::Token(_) => "There is no token for the server".to_owned(),
            Self::Decode { .. } => "The server's answer cannot be read".to_owned(),
        }
    }

    /// What to do, where that can be said: T-SQL for a database administrator where it needs one.
    pub fn fix(&self) -> Option<String> {
        Some(match self {
            Self::Refused { refusal, .. } => match refusal.number {
                15113..=15119 | 15156 => {
                    "A password has 10 to 128 characters of three of the classes upper case, lower case, digits, others, \
                     and does not hold the login's name."
                }
                15151 => {
                    "The server gives the same answer for what is not there and for what the operator may not touch. \
                     Logins need ALTER ANY LOGIN, users ALTER ANY USER; members of a fixed server role can be changed \
                     only by its members and by sysadmin."
                }
                15434 => "Somebody is logged in as this login. End those sessions, or set `force_drop = true`.",
                15138 => "Give its schemas to somebody else: ALTER AUTHORIZATION ON SCHEMA::[SCHEMA] TO [dbo];",
                15063 => "One login has one user in a database. Manage that user instead.",
                4060 => "Check the name. If it is right, the operator's login needs a user in the database.",
                18456 => {
                    "The server does not say why. Usual reasons: a wrong password, a disabled login, or SQL logins are \
                     off because the instance takes Entra logins only."
                }
                229 | 262 | 297 | 300 | 4613 | 15247 => "Log in as somebody who has it, or let a DBA grant it.",
                _ => return None,
            }
            .to_owned(),
            Self::Invisible { right, .. } => format!(
                "Let a DBA grant it to the operator's login, in the database where the message above names one: GRANT \
                 {right} TO [OPERATOR];"
            ),
            Self::AnswerLost { .. } => "Run again: what was done is found and not done twice.".to_owned(),
            Self::Connect { .. } | Self::Timeout { .. } => {
                "Check the name, the port (1433 inside the network, 3342 for the public endpoint) and the network \
                 security group."
                    .to_owned()
            }
            Self::Tls { .. } => {
                "Use the host name that the certificate carries. A certificate authority of your own goes into the file \
                 that FABRICMIRROR_CA_CERTIFICATE_FILE names."
                    .to_owned()
            }
            _ => return None,
        })
    }

    /// The same refusal, said of something else where the number alone does not tell.
    #[must_use]
    pub(crate) fn about(self, about: Fault) -> Self {
        match self {
            Self::Refused { refusal, fault: Fault::Other } => Self::Refused { refusal, fault: about },
            other => other,
        }
    }
}
