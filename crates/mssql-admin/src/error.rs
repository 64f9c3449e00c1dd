//! Everything that can go wrong on the way to the server and there, with the server's own numbers (sql-mi facts §1.4).

use std::borrow::Cow;
use std::fmt;

use crate::statement::Identifier;
use crate::{advice, needs, words};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something was not done. No variant holds a statement or a secret.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The server said no.
    #[error("{refusal}")]
    Refused { refusal: Refusal, fault: Fault },

    /// The name is taken by a principal that is not ours.
    #[error("{what} `{name}` exists{}", .details.as_ref().map(|details| format!(" ({details})")).unwrap_or_default())]
    AlreadyExists { what: &'static str, name: String, details: Option<String> },

    /// The directory has somebody else of this name than was meant.
    #[error("`{name}` is not {meant}: the directory knows somebody else by it")]
    OtherKind { name: String, meant: &'static str },

    /// Nothing of this name is there.
    #[error("there is no {what} `{name}`")]
    NotFound { what: &'static str, name: String, fault: Fault },

    /// The reader may not see what it looked for, so nothing can be said about it.
    #[error("{what} cannot be seen: the operator lacks {right}, so a missing row does not mean that it is gone")]
    Invisible { what: String, right: &'static str },

    /// A permission that the server does not know.
    #[error("{}", words::unknown_permission(.name, .nearest.as_deref()))]
    UnknownPermission { name: String, nearest: Option<String> },

    /// The connection broke after a statement with effect was sent: it may have happened.
    #[error("the connection to {server} broke before the answer came; the change may have taken effect: {cause}")]
    AnswerLost { server: String, cause: String },

    /// The run was interrupted before this statement was sent, or while it read.
    #[error("interrupted while waiting for {server}")]
    Interrupted { server: String },

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
    /// Where the statement ran, if in a database of the instance's users.
    pub database: Option<String>,
    /// What was being done takes this of the operator, which the refusal may come of.
    pub needs: Option<Cow<'static, str>>,
}

impl Refusal {
    /// The words with the names that the server gives, where they leave a place for one.
    fn filled(&self, words: &str) -> String {
        let named = || {
            let (_, rest) = self.text.split_once(" role '")?;
            rest.rsplit_once("', because")?.0.parse::<Identifier>().ok()
        };
        match named() {
            Some(name) => words.replace("[ROLE]", &advice::quoted(&name)),
            None => words.to_owned(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, class, state, text, database, .. } = self;
        let place = database.as_ref().map(|name| format!(", in database {name}")).unwrap_or_default();
        write!(f, "{text} (error {number}, severity {class}, state {state}{place})")
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
    Owner,
    Schema,
    Server,
    Other,
}

impl Error {
    /// The same, with the database in which it happened.
    pub(crate) fn in_database(mut self, name: &str) -> Self {
        if let Self::Refused { refusal, .. } = &mut self
            && !crate::statement::same_name(name, "master")
        {
            refusal.database = Some(name.to_owned());
        }
        self
    }

    pub fn number(&self) -> Option<u32> {
        match self {
            Self::Refused { refusal, .. } => Some(refusal.number),
            _ => None,
        }
    }

    /// An Entra principal that the directory does not know, or not yet: a new one takes minutes to be known everywhere
    /// (sql-mi facts §1.4), so asking again for a while makes sense.
    pub fn is_unknown_identity(&self) -> bool {
        self.number() == Some(33130)
    }

    /// The change was sent, and whether it happened is not known.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::AnswerLost { .. })
    }

    pub fn is_interrupted(&self) -> bool {
        matches!(self, Self::Interrupted { .. })
    }

    /// The server could not be reached: it says nothing of what is asked for.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Connect { .. } | Self::Timeout { .. } | Self::Tls { .. })
    }

    /// What is at fault: what the number says, else what the caller was at.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Refused { refusal, fault } => words::of(refusal.number).and_then(|it| it.fault).unwrap_or(*fault),
            Self::AlreadyExists { .. } | Self::OtherKind { .. } => Fault::Name,
            Self::NotFound { fault, .. } => *fault,
            Self::UnknownPermission { .. } => Fault::Permission,
            Self::Timeout { .. } | Self::Connect { .. } | Self::Tls { .. } => Fault::Server,
            _ => Fault::Other,
        }
    }

    /// One line for a reader who sees nothing else.
    pub fn summary(&self) -> String {
        match self {
            Self::Refused { refusal, .. } => {
                words::of(refusal.number).map_or("The server refuses the change", |it| it.summary).to_owned()
            }
            Self::AlreadyExists { what, name, .. } => format!("The {what} {name} exists"),
            Self::OtherKind { name, meant } => format!("{name} is not {meant}"),
            Self::NotFound { what, name, .. } => format!("There is no {what} {name}"),
            Self::Invisible { .. } => "The operator may not see this".to_owned(),
            Self::UnknownPermission { name, .. } => format!("Unknown permission {name}"),
            Self::AnswerLost { .. } => "The server's answer was lost".to_owned(),
            Self::Interrupted { .. } => "Interrupted".to_owned(),
            Self::Timeout { .. } => "The server did not answer".to_owned(),
            Self::Connect { .. } | Self::Tls { .. } => "The server cannot be reached".to_owned(),
            Self::Token(_) => "There is no token for the server".to_owned(),
            Self::Decode { .. } => "The server's answer cannot be read".to_owned(),
        }
    }

    /// What to do, where that can be said: T-SQL for a database administrator where it needs one.
    pub fn fix(&self) -> Option<String> {
        Some(match self {
            Self::Refused { refusal, .. } => match &refusal.needs {
                Some(needs) if refusal.number == 15151 => format!("{} {}", words::AMBIGUOUS, refusal.filled(needs)),
                Some(needs) => needs.clone().into_owned(),
                None => words::of(refusal.number)?.fix?.to_owned(),
            },
            Self::Invisible { right, .. } => words::grant_to_operator(right),
            Self::UnknownPermission { name, .. } => words::newer(name)?.fix.to_owned(),
            Self::OtherKind { .. } => {
                "Nothing was made. Check name, id and `type` in `entra`: the object id of a user or group, the client id of \
                 an application."
                    .to_owned()
            }
            Self::AnswerLost { .. } => "Run again: what was done is found and not done twice.".to_owned(),
            Self::Interrupted { .. } => "Run again.".to_owned(),
            Self::Connect { .. } | Self::Timeout { .. } => {
                "Check the name, the port (1433 inside the network, 3342 for the public endpoint) and the network \
                 security group."
                    .to_owned()
            }
            Self::Tls { .. } => {
                "Use the host name that the certificate carries; where the server is reached under another one, such as that \
                 of a private endpoint in a zone of your own, `sql.host_name_in_certificate` of the provider's block says \
                 which one the certificate has. A certificate authority of your own goes into the file that \
                 FABRICMIRROR_CA_CERTIFICATE_FILE names."
                    .to_owned()
            }
            _ => return None,
        })
    }

    /// The same, of a batch that changes a login: 15151 names what it could not change.
    pub(crate) fn about_login(self) -> Self {
        let (fault, needs) = match &self {
            // Of a group's login, CONNECT SQL.
            error if error.number() == Some(4613) => (Fault::Name, needs::CONNECT_SQL),
            error if error.is_about("role") => (Fault::Role, needs::SERVER_ROLES),
            _ => (Fault::Name, needs::LOGINS),
        };
        self.about(fault).needing(needs)
    }

    /// The same, with what the operation takes of the operator, where the refusal may come of its lack.
    #[must_use]
    pub(crate) fn needing(mut self, needs: impl Into<Cow<'static, str>>) -> Self {
        if let Self::Refused { refusal, .. } = &mut self
            && words::may_lack_a_right(refusal.number)
        {
            refusal.needs.get_or_insert_with(|| needs.into());
        }
        self
    }

    /// What the server could not find or change, in its own words for it.
    pub(crate) fn is_about(&self, what: &str) -> bool {
        matches!(self, Self::Refused { refusal, .. } if refusal.text.contains(&format!(" {what} ")))
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
