//! `public_endpoint`: the server's name that a Fabric connection without a gateway needs.

use mssql_admin::ServerName;
use tfplugin::{Function, FunctionError, Model, Text, path};

/// The public endpoint of a SQL Managed Instance, such as `mi.public.abc123.database.windows.net,3342`, from any of its
/// names: what a connection without a gateway leads to. Whether the endpoint is on, and open for Fabric, is the
/// instance's matter.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct PublicEndpoint {
    /// Host of the instance inside its network, or its public one; in any form that `parse_server` takes.
    #[attr(required)]
    host: Text<ServerName>,
}

impl Function for PublicEndpoint {
    const NAME: &'static str = "public_endpoint";
    const SUMMARY: &'static str = "Public endpoint of a managed instance";
    type Output = String;

    fn call(arguments: Self) -> Result<Self::Output, FunctionError> {
        let server = arguments.host.value();
        server.public_endpoint().ok_or_else(|| {
            let (host, port) = (server.host(), server.port());
            let found = format!("`{host}` with port {port} is no endpoint of a SQL Managed Instance");
            FunctionError::at(
                path!(PublicEndpoint: host),
                format!("{found}: expected NAME.ZONE.database.windows.net, with port 1433, 3342 or none."),
            )
        })
    }
}
