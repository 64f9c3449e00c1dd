//! Security identifiers: what a database user finds its login by.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use uuid::Uuid;

use crate::server_name::ServerName;
use crate::statement::Part;

/// A SID of a login: 16 bytes, written `0x` and 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sid([u8; 16]);

/// A text that is no SID.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no SID: expected `0x` and 32 hexadecimal digits")]
pub struct NoSid(String);

/// The namespace of derived SIDs. **Frozen**: another one would orphan the users of every login in use.
const NAMESPACE: Uuid = Uuid::from_u128(0x5c3b_6a0e_8f6d_4c0e_9d5e_6b1c_2f7a_4d10);

impl Sid {
    /// The SID of a login whose configuration names none: UUIDv5 of the server's canonical name, a line feed, and the
    /// login's name as it is written. **Frozen**, so that a login dropped and created again keeps its users.
    pub fn derived(server: &ServerName, login: &str) -> Self {
        Self(*Uuid::new_v5(&NAMESPACE, format!("{}\n{login}", server.canonical()).as_bytes()).as_bytes())
    }

    /// Of 16 bytes; other principals, such as the built-in ones, have SIDs of other lengths.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(crate) const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// The hexadecimal text of bytes of any number, as the catalog's viewers show a SID; empty for none.
pub(crate) fn hex(bytes: Option<&[u8]>) -> String {
    let Some(bytes) = bytes else { return String::new() };
    bytes.iter().fold("0x".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02X}");
        text
    })
}

/// A SID of any length in a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AnySid(String);

impl AnySid {
    /// `0x` and an even number of hexadecimal digits, at least two; at most 85 bytes, the catalog's limit.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?;
        let legal = !digits.is_empty() && digits.len() % 2 == 0 && digits.len() <= 170;
        let hexadecimal = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        (legal && hexadecimal).then(|| Self(format!("0x{}", digits.to_ascii_uppercase())))
    }
}

impl From<Sid> for AnySid {
    fn from(sid: Sid) -> Self {
        Self(sid.to_string())
    }
}

impl Part for AnySid {
    fn write(&self, statement: &mut String) {
        statement.push_str(&self.0);
    }
}

impl FromStr for Sid {
    type Err = NoSid;
    fn from_str(text: &str) -> Result<Self, NoSid> {
        let wrong = || NoSid(text.to_owned());
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).ok_or_else(wrong)?;
        if digits.len() != 32 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        u128::from_str_radix(digits, 16).map(|value| Self(value.to_be_bytes())).map_err(|_| wrong())
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:032X}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Part for Sid {
    fn write(&self, statement: &mut String) {
        statement.push_str(&self.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_derivation_is_frozen() {
        for (server, login, sid) in [
            ("mi.abc123.database.windows.net", "fabric_login", "0x7E3A719177D95B8F9C358A72232D91C9"),
            ("mi.public.abc123.database.windows.net,3342", "fabric_login", "0x7E3A719177D95B8F9C358A72232D91C9"),
            ("mi.abc123.database.windows.net", "Fabric_Login", "0x475E7483C49E5CB48F1021C010A8087D"),
            ("localhost,50123", "имя", "0x7236E91F7F4C57988BFB052B03EF3B68"),
        ] {
            assert_eq!(Sid::derived(&server.parse().unwrap(), login).to_string(), sid, "{server} {login}");
        }
    }

    #[test]
    fn a_sid_of_any_length_is_hexadecimal() {
        assert_eq!(
            (hex(None), hex(Some(&[1])), hex(Some(&[0xAB, 0x0C]))),
            (String::new(), "0x01".into(), "0xAB0C".into())
        );
        assert_eq!(AnySid::new("0X01ab").unwrap().0, "0x01AB");
        for wrong in ["", "0x", "01", "0x1", "0x0G", "0x01; DROP"] {
            assert_eq!(AnySid::new(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_sid_has_32_digits() {
        let text = "0x0123456789ABCDEF0123456789abcdef";
        assert_eq!(text.parse::<Sid>().unwrap().to_string(), text.to_uppercase().replacen("0X", "0x", 1));
        for wrong in [
            "",
            "0x",
            "0x01",
            "0123456789ABCDEF0123456789ABCDEF",
            "0x0123456789ABCDEF0123456789ABCDEG",
            "0x+123456789ABCDEF0123456789ABCDEF",
        ] {
            assert!(wrong.parse::<Sid>().is_err(), "{wrong}");
        }
    }
}
