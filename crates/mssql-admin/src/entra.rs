//! How an Entra principal is named to the server (sql-mi facts §1.1, §2).

use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use uuid::Uuid;

use crate::login::LoginKind;
use crate::sid::Sid;
use crate::statement::Part;

/// Which Entra principal is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entra {
    pub known_by: KnownBy,
    /// A group; else a user or an application, which the catalog does not tell apart.
    pub is_group: bool,
}

/// What it is known by, besides its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownBy {
    /// Nothing: the server looks the name up, the user principal name of a user, else the display name.
    Name,
    /// The object id, of an application that of its enterprise application: the server looks it up.
    ObjectId(EntraId),
    /// The client id of an application, which is its SID: of a login the server asks nobody, and believes it.
    ClientId(EntraId),
}

/// An id of the directory: a UUID, however it is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntraId(Uuid);

/// A text that is no id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no id of Entra: expected a UUID, such as 00112233-4455-6677-8899-aabbccddeeff")]
pub struct NoEntraId(String);

impl FromStr for EntraId {
    type Err = NoEntraId;
    fn from_str(text: &str) -> Result<Self, NoEntraId> {
        Uuid::try_parse(text).map(Self).map_err(|_| NoEntraId(text.to_owned()))
    }
}

impl fmt::Display for EntraId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Of a user or group its object id, of an application its client id.
impl From<Sid> for EntraId {
    fn from(sid: Sid) -> Self {
        Self(Uuid::from_bytes_le(*sid.as_bytes()))
    }
}

/// As `CAST(… AS binary(16))` writes it.
impl From<EntraId> for Sid {
    fn from(id: EntraId) -> Self {
        Self::new(id.0.to_bytes_le())
    }
}

impl Entra {
    /// The SID that it has on a server, where that can be told beforehand: object id of users and groups, client id of
    /// applications. `is_application` tells the two apart.
    pub fn sid(&self, is_application: bool) -> Option<Sid> {
        match self.known_by {
            KnownBy::ClientId(id) => Some(id.into()),
            KnownBy::ObjectId(id) if !is_application => Some(id.into()),
            KnownBy::ObjectId(_) | KnownBy::Name => None,
        }
    }

    /// What its login is.
    pub fn kind(&self) -> LoginKind {
        if self.is_group { LoginKind::ExternalGroup } else { LoginKind::External }
    }

    /// `E` or `X`, as the catalog and CREATE LOGIN have it.
    pub(crate) fn letter(&self) -> Letter {
        Letter(if self.is_group { "X" } else { "E" })
    }
}

/// A type of principals.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Letter(&'static str);

impl Part for Letter {
    fn write(&self, statement: &mut String) {
        statement.push_str(self.0);
    }
}

/// Between quotes.
impl Part for EntraId {
    fn write(&self, statement: &mut String) {
        let _ = write!(statement, "{}", self.0);
    }
}

/// The pauses in which a directory that does not know a new principal yet is asked again: two minutes in all (33130).
pub(crate) fn patience() -> impl Iterator<Item = Duration> {
    const LIMIT: Duration = Duration::from_secs(120);
    let pauses = ExponentialBuilder::default()
        .with_min_delay(Duration::from_secs(2))
        .with_max_delay(Duration::from_secs(15))
        .without_max_times()
        .build();
    pauses.scan(Duration::ZERO, |waited, pause| {
        *waited += pause;
        (*waited <= LIMIT).then_some(pause)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_asked_for_two_minutes() {
        let pauses: Vec<_> = patience().collect();
        let total: Duration = pauses.iter().sum();
        assert!(total > Duration::from_secs(100) && total <= Duration::from_secs(120), "{pauses:?}");
    }

    #[test]
    fn a_sid_is_the_id_as_the_server_casts_it() {
        let id: EntraId = "00112233-4455-6677-8899-aabbccddeeff".parse().unwrap();
        let of = |known_by, is_application| {
            Entra { known_by, is_group: false }.sid(is_application).map(|sid| sid.to_string())
        };
        let sid = Some("0x33221100554477668899AABBCCDDEEFF".to_owned());
        assert_eq!(of(KnownBy::ClientId(id), true), sid);
        assert_eq!(of(KnownBy::ObjectId(id), false), sid);
        assert_eq!((of(KnownBy::ObjectId(id), true), of(KnownBy::Name, false)), (None, None));
    }
}
