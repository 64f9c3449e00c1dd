//! `fabricmirror_connection` and `fabricmirror_connections`: what is there, also of connections that this provider does not
//! manage.

use fabric_api::ConnectionId;
use fabric_api::connections;
use tfplugin::{Context, DataSource, Model, Text, Value};

use super::lookup::{self, Wanted};
use crate::error::Result;
use crate::provider::FabricMirror;

/// A connection, by its id or by its name: of any type, with any credentials, such as one that somebody made in the portal
/// with an organizational account. Its `id` is what a `fabricmirror_mirrored_database` takes, if its `type` is `AzureSqlMI`.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct Connection {
    /// Id of the connection. This or `display_name`.
    #[attr(optional, computed, exactly_one_of = "display_name")]
    id: Value<Text<ConnectionId>>,

    /// Its name.
    #[attr(optional, computed)]
    display_name: Value<String>,

    /// Connector, as the service calls it: `AzureSqlMI` is "SQL Managed Instance".
    #[attr(computed)]
    r#type: Value<String>,

    /// `ShareableCloud`, `VirtualNetworkGateway`, `OnPremisesGateway`, or a personal kind.
    #[attr(computed)]
    connectivity_type: Value<String>,

    /// The gateway that it goes through; null without one.
    #[attr(computed)]
    gateway_id: Value<String>,

    /// Server, where the connector has one; else null.
    #[attr(computed)]
    server: Value<String>,

    /// Database, where the connector has one; else null.
    #[attr(computed)]
    database: Value<String>,

    /// Where it leads, as the service writes it.
    #[attr(computed)]
    path: Value<String>,

    /// Kind of its credentials: `Basic`, `ServicePrincipal`, `OAuth2`, …
    #[attr(computed)]
    credential_type: Value<String>,

    /// `Encrypted`, `NotEncrypted` or `Any`.
    #[attr(computed)]
    connection_encryption: Value<String>,

    /// With whose data the source's may be combined.
    #[attr(computed)]
    privacy_level: Value<String>,
}

impl DataSource for Connection {
    const NAME: &'static str = "connection";
    type Provider = FabricMirror;

    async fn read(cx: &Context<FabricMirror>, config: Self) -> Result<Self> {
        let fabric = cx.provider.fabric()?;
        let wanted = match (config.id.known(), config.display_name.known()) {
            (Some(id), _) => Wanted::Id(*id.value()),
            (None, name) => Wanted::Name(name.cloned().unwrap_or_default()),
        };
        if let Wanted::Id(id) = wanted
            && let Some(connection) = fabric.find_connection(id).await?
        {
            return Ok(Self::of(&connection, config));
        }
        let all = fabric.connections().await?;
        let found = lookup::one("connection", all, &wanted, |it| it.id, |it| it.display_name.as_deref())?;
        Ok(Self::of(&found, config))
    }
}

impl Connection {
    /// What the configuration gives stays as it is written.
    fn of(connection: &connections::Connection, mut config: Self) -> Self {
        let found = Entry::of(connection);
        config.id.default_with(|| connection.id.into());
        config.display_name.default_with(|| found.display_name);
        Self {
            id: config.id,
            display_name: config.display_name,
            r#type: found.r#type,
            connectivity_type: found.connectivity_type,
            gateway_id: found.gateway_id,
            server: found.server,
            database: found.database,
            path: found.path,
            credential_type: found.credential_type,
            connection_encryption: found.connection_encryption,
            privacy_level: found.privacy_level,
        }
    }
}

/// The connections that the provider's identity has a role on, by name.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct Connections {
    /// Only those of this connector, such as `AzureSqlMI`. Left out: all.
    #[attr(optional)]
    r#type: Value<String>,

    /// The connections, by name and id.
    #[attr(computed)]
    connections: Value<Vec<Entry>>,
}

/// A connection.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct Entry {
    /// Id of the connection.
    #[attr(computed)]
    id: Value<String>,

    /// Its name; null for a personal one.
    #[attr(computed)]
    display_name: Value<String>,

    /// Connector, as the service calls it.
    #[attr(computed)]
    r#type: Value<String>,

    /// `ShareableCloud`, `VirtualNetworkGateway`, `OnPremisesGateway`, or a personal kind.
    #[attr(computed)]
    connectivity_type: Value<String>,

    /// The gateway that it goes through; null without one.
    #[attr(computed)]
    gateway_id: Value<String>,

    /// Server, where the connector has one; else null.
    #[attr(computed)]
    server: Value<String>,

    /// Database, where the connector has one; else null.
    #[attr(computed)]
    database: Value<String>,

    /// Where it leads, as the service writes it.
    #[attr(computed)]
    path: Value<String>,

    /// Kind of its credentials; null where the list leaves it out.
    #[attr(computed)]
    credential_type: Value<String>,

    /// `Encrypted`, `NotEncrypted` or `Any`; null where the list leaves it out.
    #[attr(computed)]
    connection_encryption: Value<String>,

    /// With whose data the source's may be combined.
    #[attr(computed)]
    privacy_level: Value<String>,
}

impl Entry {
    fn of(connection: &connections::Connection) -> Self {
        let details = &connection.connection_details;
        let place = details.server_and_database();
        Self {
            id: connection.id.to_string().into(),
            display_name: connection.display_name.clone().into(),
            r#type: details.kind.clone().into(),
            connectivity_type: connection.connectivity_type.to_string().into(),
            gateway_id: connection.gateway().map(|id| id.to_string()).into(),
            server: place.map(|(server, _)| server.to_owned()).into(),
            database: place.map(|(_, database)| database.to_owned()).into(),
            path: details.path.clone().into(),
            credential_type: connection.credential_type().map(ToString::to_string).into(),
            connection_encryption: connection.encryption().map(ToString::to_string).into(),
            privacy_level: connection.privacy_level.as_ref().map(ToString::to_string).into(),
        }
    }
}

impl DataSource for Connections {
    const NAME: &'static str = "connections";
    type Provider = FabricMirror;

    async fn read(cx: &Context<FabricMirror>, config: Self) -> Result<Self> {
        let mut all = cx.provider.fabric()?.connections().await?;
        if let Some(kind) = config.r#type.known() {
            all.retain(|it| it.connection_details.kind.eq_ignore_ascii_case(kind));
        }
        all.sort_by(|one, other| (&one.display_name, one.id).cmp(&(&other.display_name, other.id)));
        Ok(Self { connections: all.iter().map(Entry::of).collect::<Vec<_>>().into(), ..config })
    }
}
