//! Names of instances: many spellings, one server (sql-mi facts §6.3).

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

mod pasted;

pub use pasted::NoServerName;

/// Of hosts in the public cloud, in that of the US government and in China; the last two UNCONFIRMED (sql-mi facts §8).
const SUFFIXES: [&str; 3] = [".database.windows.net", ".database.usgovcloudapi.net", ".database.chinacloudapi.cn"];
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

impl FromStr for ServerName {
    type Err = NoServerName;

    /// `host`, `host,port` or `host:port`, each also after `tcp:`; and whatever else people paste: a URL, the connection
    /// strings of ADO.NET, ODBC and JDBC. A name in letters beyond ASCII becomes its `xn--` form.
    fn from_str(text: &str) -> Result<Self, NoServerName> {
        let (host, port) = pasted::parse(text)?;
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
        self.labels().is_some_and(|labels| labels.is_public)
    }

    /// Name and DNS zone of a managed instance, which its host consists of. `None`: it is the host of something else.
    pub fn instance(&self) -> Option<(&str, &str)> {
        self.labels().map(|labels| (labels.name, labels.zone))
    }

    fn labels(&self) -> Option<Labels<'_>> {
        let (suffix, rest) = SUFFIXES.iter().find_map(|suffix| Some((*suffix, self.host.strip_suffix(suffix)?)))?;
        let labels: Vec<&str> = rest.split('.').collect();
        let (name, zone, is_public) = match labels[..] {
            // A private endpoint of Azure SQL Database.
            [_, "privatelink"] => return None,
            [name, zone] => (name, zone, false),
            [name, "public", zone] => (name, zone, true),
            _ => return None,
        };
        Some(Labels { name, zone, suffix, is_public })
    }

    /// The public endpoint of a managed instance, as Fabric takes it: `NAME.public.ZONE.database.windows.net,3342`. `None`:
    /// it is no managed instance's host, or a port that none has.
    pub fn public_endpoint(&self) -> Option<String> {
        let Labels { name, zone, suffix, .. } = self.labels()?;
        let is_usual = self.port.is_none_or(|port| [DEFAULT_PORT, PUBLIC_PORT].contains(&port));
        is_usual.then(|| format!("{name}.public.{zone}{suffix},{PUBLIC_PORT}"))
    }

    /// What a service takes that knows no other form: the spelling where it is `host` or `host,port`, else made of both.
    pub fn plain(&self) -> Cow<'_, str> {
        let plain = |text: &str| text.trim_end_matches('.').eq_ignore_ascii_case(&self.host);
        match (self.spelling.split_once(','), self.port) {
            (None, None) if plain(&self.spelling) => Cow::Borrowed(&self.spelling),
            (Some((host, port)), Some(given)) if plain(host) && port.parse() == Ok(given) => {
                Cow::Borrowed(&self.spelling)
            }
            (_, None) => Cow::Borrowed(&self.host),
            (_, Some(port)) => Cow::Owned(format!("{},{port}", self.host)),
        }
    }

    /// The one name of the instance. Of a managed instance its private host; of anything else host and, where it is not
    /// 1433, port.
    pub fn canonical(&self) -> String {
        let (host, usual) = match self.labels() {
            Some(Labels { name, zone, suffix, is_public: true }) => (format!("{name}.{zone}{suffix}"), PUBLIC_PORT),
            _ => (self.host.clone(), DEFAULT_PORT),
        };
        let port = self.port();
        if port == usual || (SUFFIXES.iter().any(|suffix| host.ends_with(suffix)) && port == DEFAULT_PORT) {
            host
        } else {
            format!("{host},{port}")
        }
    }
}

/// What the host of a managed instance consists of.
struct Labels<'a> {
    name: &'a str,
    zone: &'a str,
    /// With its dot.
    suffix: &'static str,
    is_public: bool,
}

/// What a certificate is issued to: a host, or `*` and the zone of many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateName(String);

impl CertificateName {
    /// The name to check the certificate of `host` by: a `*` is the host's own first label, as it would be in the zone.
    pub(crate) fn for_host(&self, host: &str) -> String {
        match self.0.strip_prefix("*.") {
            Some(zone) => {
                format!("{}.{zone}", host.split('.').next().filter(|label| !label.is_empty()).unwrap_or("host"))
            }
            None => self.0.clone(),
        }
    }
}

/// A text that no certificate is issued to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no name of a certificate: expected a host, such as `mi.abc123.database.windows.net`, or `*.abc123.database.windows.net`"
)]
pub struct NoCertificateName(String);

impl FromStr for CertificateName {
    type Err = NoCertificateName;

    fn from_str(text: &str) -> Result<Self, NoCertificateName> {
        let no = || NoCertificateName(text.to_owned());
        let name = text.trim().trim_end_matches('.').to_ascii_lowercase();
        let labels = name.strip_prefix("*.").unwrap_or(&name);
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        let long_enough = !name.starts_with("*.") || labels.contains('.');
        (name.len() <= 253 && long_enough && labels.split('.').all(is_label)).then_some(Self(name)).ok_or_else(no)
    }
}

impl fmt::Display for CertificateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
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
#[path = "server_name_tests.rs"]
mod tests;
