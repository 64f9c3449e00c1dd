//! `parse_server`: what a server's name says, whatever it was copied from.

use mssql_admin::ServerName;
use tfplugin::{Function, FunctionError, Model, Text, Value};

/// Takes a server's name apart.
///
/// Besides `host`, `host,port` and `host:port` it is taken out of what people paste: `tcp:…`, a URL, a connection string
/// of ADO.NET, ODBC or JDBC. One with a user name or a password is refused, and so is a named instance (`host\NAME`),
/// which a SQL Managed Instance does not have.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct ParseServer {
    /// Whatever names a server.
    #[attr(required)]
    text: Text<ServerName>,
}

/// What a server's name says.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct ParsedServer {
    /// Host to connect to, in lower case and ASCII.
    #[attr(computed)]
    host: Value<String>,

    /// Port to connect to, 1 to 65535: the one given, else 3342 of a public endpoint and 1433 of anything else.
    #[attr(computed)]
    port: Value<i64>,

    /// Name of the managed instance; null where the host is that of something else.
    #[attr(computed)]
    name: Value<String>,

    /// Its DNS zone; null where the host is that of something else.
    #[attr(computed)]
    zone: Value<String>,

    /// Whether the host is the public endpoint of a managed instance.
    #[attr(computed)]
    public: Value<bool>,

    /// The one spelling of all that mean the same server: of a managed instance the host inside its network.
    #[attr(computed)]
    canonical: Value<String>,
}

impl Function for ParseServer {
    const NAME: &'static str = "parse_server";
    const SUMMARY: &'static str = "Host, port, instance and zone of a server's name";
    type Output = ParsedServer;

    fn call(arguments: Self) -> Result<Self::Output, FunctionError> {
        let server = arguments.text.value();
        let (name, zone) = server.instance().unzip();
        Ok(ParsedServer {
            host: server.host().into(),
            port: i64::from(server.port()).into(),
            name: name.map(str::to_owned).into(),
            zone: zone.map(str::to_owned).into(),
            public: server.is_public().into(),
            canonical: server.canonical().into(),
        })
    }
}
