//! The connection that a mirror reads through: of the right type, and leading to the database that is mirrored.

use fabric_api::connections::{self, SQL_MANAGED_INSTANCE};
use fabric_api::{Client, ConnectionId};
use mssql_admin::{Identifier, ServerName};
use tfplugin::{Context, Diagnostic, path};

use super::MirroredDatabase;
use crate::error::{Error, Result};
use crate::provider::FabricMirror;

/// Says at plan time, when it can be seen, that the connection is of another type.
pub async fn refuse_visible_types(cx: &Context<FabricMirror>, id: ConnectionId) -> Result<()> {
    let Ok(connections) = cx.provider.connections().await else { return Ok(()) };
    connections.iter().find(|it| it.id == id).map_or(Ok(()), refuse_other_types)
}

fn refuse_other_types(connection: &connections::Connection) -> Result<()> {
    let kind = &connection.connection_details.kind;
    if kind == SQL_MANAGED_INSTANCE {
        return Ok(());
    }
    Err(Diagnostic::error(
        "The connection is not of the type \"SQL Managed Instance\"",
        format!(
            "Connection {} is of the type `{kind}`. Mirroring a SQL Managed Instance takes only connections of the type \
             `{SQL_MANAGED_INSTANCE}`, also where another one leads to the same server. Use the id of a \
             `fabricmirror_connection`.",
            connection.id
        ),
    )
    .at(path!(MirroredDatabase: connection_id))
    .into())
}

/// A connection of another type, or one that leads elsewhere than the one before, is refused before Fabric is asked.
pub async fn check(fabric: &Client, id: ConnectionId, before: Option<ConnectionId>) -> Result<()> {
    let at = || path!(MirroredDatabase: connection_id);
    let connection = fabric.connection(id).await.map_err(|error| Error::from(error).at(at()))?;
    refuse_other_types(&connection)?;
    let Some(before) = before else { return Ok(()) };
    // The old one is gone, or no longer visible: there is nothing to compare with.
    let Some(old) = fabric.find_connection(before).await? else { return Ok(()) };
    if leads_to(&old) == leads_to(&connection) {
        return Ok(());
    }
    let place = |connection: &connections::Connection| connection.connection_details.path.clone().unwrap_or_default();
    Err(Diagnostic::error(
        "The connection leads to another database",
        format!(
            "The mirror holds the tables of `{}`; the new connection leads to `{}`. Fabric documents no change of the \
             source in place. Make a new mirror: run again with `-replace=ADDRESS` of this resource.",
            place(&old),
            place(&connection)
        ),
    )
    .at(at())
    .into())
}

/// Where a connection leads, whatever the spelling of server and database.
fn leads_to(connection: &connections::Connection) -> Option<(ServerName, Identifier)> {
    let (server, database) = connection.connection_details.server_and_database()?;
    Some((server.parse().ok()?, database.parse().ok()?))
}
