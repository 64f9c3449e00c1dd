//! What people paste where a server is asked for. It ends in a state file: a text with a user name or a password is
//! refused, and so is any part that nobody here knows, without repeating it.

use std::net::{Ipv4Addr, Ipv6Addr};

/// A text that names no server. What may hold a secret is in none of these.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoServerName {
    #[error(
        "{} names no server: expected `host` or `host,port`, such as `mi.public.abc123.database.windows.net,3342`",
        .0.as_ref().map_or_else(|| "the text, which is not repeated here,".to_owned(), |text| format!("`{text}`"))
    )]
    Form(Option<String>),
    #[error(
        "the text holds a user name or a password, and is not repeated here: expected the server alone, such as \
         `mi.public.abc123.database.windows.net,3342`"
    )]
    Credentials,
    #[error(
        "the connection string has a part that is not known here, and may be a secret: expected the server alone, such as \
         `mi.public.abc123.database.windows.net,3342`"
    )]
    UnknownPart,
    #[error("the connection string names no server, or more than one")]
    NotOne,
    #[error(
        "a SQL Managed Instance has no named instances beside it, and nothing there tells their ports: leave out the \
         backslash and what follows, and give the port after a comma where it is not the usual one"
    )]
    NamedInstance,
}

type Parsed<T> = Result<T, NoServerName>;
type Address = (String, Option<u16>);

/// Whose URLs name a server. Other addresses are those of pages.
const SCHEMES: [&str; 6] = ["https", "http", "tcp", "tds", "mssql", "sqlserver"];
const JDBC: &str = "jdbc:sqlserver://";

/// Keys of connection strings (ADO.NET, ODBC, JDBC, go-mssqldb) in lower case, without blanks and underscores.
const SERVER_KEYS: [&str; 6] = ["server", "datasource", "addr", "address", "networkaddress", "servername"];
const PORT_KEYS: [&str; 2] = ["port", "portnumber"];
const INSTANCE_KEYS: [&str; 2] = ["instance", "instancename"];
const USER_KEYS: [&str; 5] = ["user", "userid", "uid", "username", "usr"];
const SECRET_WORDS: [&str; 6] = ["password", "pwd", "secret", "token", "credential", "passphrase"];
const HARMLESS_KEYS: [&str; 38] = [
    "app",
    "appname",
    "applicationintent",
    "applicationname",
    "asynchronousprocessing",
    "authentication",
    "columnencryptionsetting",
    "commandtimeout",
    "connectiontimeout",
    "connectretrycount",
    "connectretryinterval",
    "connecttimeout",
    "database",
    "databasename",
    "dialtimeout",
    "driver",
    "encrypt",
    "fedauth",
    "hostnameincertificate",
    "initialcatalog",
    "integratedsecurity",
    "language",
    "logintimeout",
    "maxpoolsize",
    "minpoolsize",
    "multipleactiveresultsets",
    "multisubnetfailover",
    "packetsize",
    "persistsecurityinfo",
    "pooling",
    "provider",
    "querytimeout",
    "sockettimeout",
    "timeout",
    "trustedconnection",
    "trustservercertificate",
    "workstationid",
    "wsid",
];

/// Host, in lower case, and port of a text.
pub(super) fn parse(text: &str) -> Parsed<Address> {
    let rest = text.trim();
    if let Some(rest) = after(rest, JDBC) {
        let (address, properties) = rest.split_once(';').unwrap_or((rest, ""));
        return connection(Some(address).filter(|address| !address.trim().is_empty()), pairs(properties, ';')?);
    }
    if let Some((scheme, rest)) = rest.split_once("://").filter(|(scheme, _)| !scheme.contains(['=', ';'])) {
        return url(scheme, rest);
    }
    if rest.contains('=') {
        return connection(None, pairs(rest, ';')?);
    }
    address(rest)
}

/// What follows a word, upper or lower case.
fn after<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    text.get(..word.len()).filter(|start| start.eq_ignore_ascii_case(word)).map(|_| &text[word.len()..])
}

fn url(scheme: &str, rest: &str) -> Parsed<Address> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    if authority.contains('@') {
        return Err(NoServerName::Credentials);
    }
    if !SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Err(NoServerName::Form(None));
    }
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let query = pairs(query, '&')?;
    match path {
        "" | "/" => connection(Some(authority), query),
        // sqlserver://host/instance
        _ if scheme.eq_ignore_ascii_case("sqlserver") => Err(NoServerName::NamedInstance),
        _ => Err(NoServerName::Form(None)),
    }
}

/// One server of a connection string, whose other parts are known and harmless.
fn connection(given: Option<&str>, pairs: Vec<(String, String)>) -> Parsed<Address> {
    let is_secret = |key: &str| USER_KEYS.contains(&key) || SECRET_WORDS.iter().any(|word| key.contains(word));
    if pairs.iter().any(|(key, _)| is_secret(key)) {
        return Err(NoServerName::Credentials);
    }
    let mut servers: Vec<&str> = given.into_iter().collect();
    let mut port = None;
    for (key, value) in &pairs {
        match key.as_str() {
            key if SERVER_KEYS.contains(&key) => servers.push(value),
            key if PORT_KEYS.contains(&key) => port = Some(number(value).ok_or(NoServerName::Form(None))?),
            key if INSTANCE_KEYS.contains(&key) => return Err(NoServerName::NamedInstance),
            key if HARMLESS_KEYS.contains(&key) => {}
            _ => return Err(NoServerName::UnknownPart),
        }
    }
    let [server] = servers[..] else { return Err(NoServerName::NotOne) };
    match (address(server)?, port) {
        ((_, Some(one)), Some(other)) if one != other => Err(NoServerName::NotOne),
        ((host, one), other) => Ok((host, one.or(other))),
    }
}

/// `key=value` with separators between; a value may stand in quotes or braces, and hold separators there.
fn pairs(text: &str, separator: char) -> Parsed<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if let Some(next) = rest.strip_prefix(separator) {
            rest = next.trim_start();
            continue;
        }
        let (key, value) = rest.split_once('=').ok_or(NoServerName::UnknownPart)?;
        let key: String = key.chars().filter(|letter| !letter.is_whitespace() && *letter != '_').collect();
        let value = value.trim_start();
        let close = match value.chars().next() {
            Some('{') => Some('}'),
            Some(quote @ ('"' | '\'')) => Some(quote),
            _ => None,
        };
        let (value, next) = match close {
            Some(close) => value[1..].split_once(close).ok_or(NoServerName::UnknownPart)?,
            None => value.split_at(value.find(separator).unwrap_or(value.len())),
        };
        pairs.push((key.to_lowercase(), value.trim().to_owned()));
        rest = next.trim_start();
    }
    Ok(pairs)
}

/// `host`, `host,port` or `host:port`, each also after `tcp:`.
fn address(text: &str) -> Parsed<Address> {
    if text.contains('@') {
        return Err(NoServerName::Credentials);
    }
    let harmless =
        |letter: char| letter.is_alphanumeric() || letter.is_ascii_whitespace() || "-_.,:[]".contains(letter);
    let wrong = || NoServerName::Form(Some(text.to_owned()).filter(|text| text.chars().all(harmless)));
    let rest = after(text, "tcp:").unwrap_or(text).trim();
    if rest.contains('\\') {
        return Err(NoServerName::NamedInstance);
    }
    // A colon separates the port only where it is no part of an address of version 6.
    let (host, port) = if let Some(rest) = rest.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or_else(wrong)?;
        let rest = rest.trim();
        let port = rest.strip_prefix([',', ':']);
        if port.is_none() && !rest.is_empty() || !host.contains(':') {
            return Err(wrong());
        }
        (host, port)
    } else if rest.matches(':').count() > 1 {
        rest.split_once(',').map_or((rest, None), |(host, port)| (host, Some(port)))
    } else {
        rest.rsplit_once([',', ':']).map_or((rest, None), |(host, port)| (host, Some(port)))
    };
    let port = port.map(|port| number(port).ok_or_else(wrong)).transpose()?;
    Ok((host_name(host.trim()).ok_or_else(wrong)?, port))
}

/// 1 to 65535.
fn number(text: &str) -> Option<u16> {
    let text = text.trim();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| is_number && *port != 0)
}

/// A host as it is asked for: in lower case, without the dot of the root, in ASCII.
fn host_name(text: &str) -> Option<String> {
    if text.contains(':') {
        return text.parse::<Ipv6Addr>().ok().map(|address| address.to_string());
    }
    let text = text.strip_suffix('.').unwrap_or(text);
    let host = if text.is_ascii() { text.to_ascii_lowercase() } else { idna::domain_to_ascii(text).ok()? };
    let legal = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '_');
    let is_label = |label: &str| (1..=63).contains(&label.len());
    let is_number = host.rsplit('.').next()?.bytes().all(|byte| byte.is_ascii_digit());
    let is_host = host.len() <= 253
        && host.chars().all(legal)
        && host.split('.').all(is_label)
        && (!is_number || host.parse::<Ipv4Addr>().is_ok());
    is_host.then_some(host)
}
