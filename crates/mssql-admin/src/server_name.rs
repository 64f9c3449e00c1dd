//! Names of instances: many spellings, one server (sql-mi facts §6.3).

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

const SUFFIX: &str = ".database.windows.net";
const DEFAULT_PORT: u16 = 1433;
const PUBLIC_PORT: u16 = 3342;

/// A server: host and port. Two names are equal when they mean the same instance: upper and lower case, with and
/// without the port that is usual, through its private and its public endpoint.
#[derive(Clone, Debug)]
pub struct ServerName {
    spelling: String,
    host: String,
    port: Option<u16>,
}

/// A text that names no server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no server: expected `host` or `host,port`, such as `mi.public.abc123.database.windows.net,3342`")]
pub struct NoServerName(String);

impl FromStr for ServerName {
    type Err = NoServerName;

    /// `host`, `host,port`, `host:port`, each also after `tcp:`.
    fn from_str(text: &str) -> Result<Self, NoServerName> {
        let wrong = || NoServerName(text.to_owned());
        let rest = text.trim();
        let rest = match rest.get(..4) {
            Some(prefix) if prefix.eq_ignore_ascii_case("tcp:") => &rest[4..],
            _ => rest,
        };
        let (host, port) = match rest.rsplit_once([',', ':']) {
            Some((host, port)) => {
                let port = port.trim().parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?;
                (host.trim_end(), Some(port))
            }
            None => (rest, None),
        };
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let legal = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '_');
        if host.is_empty() || !host.chars().all(legal) || host.split('.').any(str::is_empty) {
            return Err(wrong());
        }
        Ok(Self { spelling: text.to_owned(), host, port })
    }
}

impl ServerName {
    /// The host to connect to.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port to connect to: the one given, or the usual one of the endpoint.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.is_public() { PUBLIC_PORT } else { DEFAULT_PORT })
    }

    /// Whether this is the public endpoint of a managed instance, `NAME.public.ZONE.database.windows.net`.
    pub fn is_public(&self) -> bool {
        self.host
            .strip_suffix(SUFFIX)
            .is_some_and(|name| name.split('.').nth(1) == Some("public") && name.split('.').count() == 3)
    }

    /// The one name of the instance. Of a managed instance its private host; of anything else host and, where it is not
    /// 1433, port.
    pub fn canonical(&self) -> String {
        let (host, usual) = if self.is_public() {
            (self.host.replacen(".public.", ".", 1), PUBLIC_PORT)
        } else {
            (self.host.clone(), DEFAULT_PORT)
        };
        let port = self.port();
        if port == usual || (host.ends_with(SUFFIX) && port == DEFAULT_PORT) { host } else { format!("{host},{port}") }
    }
}

/// As it was written.
impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.spelling)
    }
}

impl PartialEq for ServerName {
    fn eq(&self, other: &Self) -> bool {
        self.canonical() == other.canonical()
    }
}

impl Eq for ServerName {}

impl Hash for ServerName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_instance_has_many_names() {
        let name: ServerName = "mi.abc123.database.windows.net".parse().unwrap();
        for same in [
            "MI.abc123.Database.Windows.net",
            "mi.abc123.database.windows.net,1433",
            "tcp:mi.abc123.database.windows.net,1433",
            "mi.abc123.database.windows.net:1433",
            "mi.public.abc123.database.windows.net,3342",
            "mi.public.abc123.database.windows.net",
            " mi.public.abc123.database.windows.net , 3342 ",
            "mi.abc123.database.windows.net.",
        ] {
            let same: ServerName = same.parse().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(same, name, "{same}");
            assert_eq!(same.canonical(), "mi.abc123.database.windows.net");
        }
        for other in ["mi2.abc123.database.windows.net", "mi.abc123.database.windows.net,1444", "localhost,50123"] {
            assert_ne!(other.parse::<ServerName>().unwrap(), name);
        }
    }

    #[test]
    fn the_port_follows_from_the_endpoint() {
        for (text, host, port, canonical) in [
            ("localhost,50123", "localhost", 50123, "localhost,50123"),
            ("localhost", "localhost", 1433, "localhost"),
            ("127.0.0.1:1433", "127.0.0.1", 1433, "127.0.0.1"),
            ("mi.public.z.database.windows.net", "mi.public.z.database.windows.net", 3342, "mi.z.database.windows.net"),
            ("public.z.database.windows.net", "public.z.database.windows.net", 1433, "public.z.database.windows.net"),
        ] {
            let name: ServerName = text.parse().unwrap();
            assert_eq!((name.host(), name.port(), name.canonical()), (host, port, canonical.to_owned()), "{text}");
        }
    }

    #[test]
    fn the_spelling_is_kept() {
        let text = "MI.Public.abc.database.windows.net,3342";
        assert_eq!(text.parse::<ServerName>().unwrap().to_string(), text);
    }

    #[test]
    fn what_names_no_server_is_refused() {
        for text in ["", " ", "host,", "host,0", "host,70000", "host,x", "ho st", "a..b", "https://host", ",1433"] {
            assert!(text.parse::<ServerName>().is_err(), "{text}");
        }
    }
}
