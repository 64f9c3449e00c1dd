//! `fabricmirror_connection`: how Fabric reaches the source, and as whom.

use fabric_api::ConnectionId;
use fabric_api::connections::{
    self, ConnectionChange, ConnectionEncryption, Credentials, NewConnection, PrivacyLevel, SQL_MANAGED_INSTANCE,
};
use mssql_admin::ServerName;
use tfplugin::{Change, Context, Diagnostic, Diagnostics, Model, Resource, Secret, Text, Value, path};

use crate::error::{Error, Result, incomplete};
use crate::import_id;
use crate::provider::FabricMirror;

/// A Fabric connection of the type "SQL Managed Instance": the only one that mirroring takes for such an instance.
///
/// Fabric logs in to the source with these credentials before it accepts the connection. Let `username` refer to
/// `fabricmirror_database_user.….login_name`, so that login and user are there first.
///
/// Server and database of a connection cannot be changed: another one is a new connection.
#[derive(Clone, Debug, Model)]
pub struct Connection {
    /// Id of the connection.
    #[attr(computed)]
    id: Value<Text<ConnectionId>>,

    /// Name, unique in the tenant, at most 200 characters.
    #[attr(required)]
    display_name: Value<String>,

    /// Server as Fabric reaches it. Without a gateway the public endpoint:
    /// `mi.public.ZONE.database.windows.net,3342`.
    #[attr(required, replace)]
    server: Value<Text<ServerName>>,

    /// Database.
    #[attr(required, replace)]
    database: Value<String>,

    /// User name and password of a SQL login. Needed to create; after an import it may be left out, then the
    /// credentials are not managed.
    #[attr(optional)]
    basic: Value<Basic>,

    /// With whose data the source's may be combined: `None`, `Private`, `Organizational` or `Public`.
    #[attr(optional, computed, default = "Organizational")]
    privacy_level: Value<String>,

    /// Whether the link to the source is encrypted: `Encrypted` or `NotEncrypted`. A change sends the credentials
    /// again.
    #[attr(optional, computed, default = "Encrypted")]
    connection_encryption: Value<String>,
}

/// A SQL login.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct Basic {
    /// Name of the login.
    #[attr(required)]
    username: Value<String>,

    /// Its password. Sent to Fabric and kept nowhere. Change it by raising `password_wo_version`.
    #[attr(required, write_only)]
    password_wo: Value<Secret>,

    /// Any number; a different one sends `password_wo` again.
    #[attr(required)]
    password_wo_version: Value<i64>,
}

const PRIVACY_LEVELS: [&str; 4] = ["None", "Private", "Organizational", "Public"];
const ENCRYPTIONS: [&str; 2] = ["Encrypted", "NotEncrypted"];

impl Resource for Connection {
    const NAME: &'static str = "connection";
    type Provider = FabricMirror;

    fn validate(config: &Self) -> Diagnostics {
        let mut found = Diagnostics::default();
        let mut one_of = |value: &Value<String>, allowed: &[&str], path| {
            if let Some(value) = value.known().filter(|value| !allowed.contains(&value.as_str())) {
                let detail = format!("`{value}` is none of {}.", allowed.join(", "));
                found.push(Diagnostic::error("Unknown word", detail).at(path));
            }
        };
        one_of(&config.privacy_level, &PRIVACY_LEVELS, path!(privacy_level));
        one_of(&config.connection_encryption, &ENCRYPTIONS, path!(connection_encryption));
        if config.display_name.known().is_some_and(|name| name.is_empty() || name.chars().count() > 200) {
            let detail = "A connection's name has 1 to 200 characters.";
            found.push(Diagnostic::error("The name is too long, or empty", detail).at(path!(display_name)));
        }
        found
    }

    async fn plan(cx: &Context<FabricMirror>, change: &mut Change<Self>) -> Result<()> {
        match &change.prior {
            None if change.planned.basic.is_null() => {
                return Err(Diagnostic::error(
                    "A new connection needs credentials",
                    "Give it `basic = { username, password_wo, password_wo_version }`. Only an imported connection can do \
                     without.",
                )
                .at(path!(basic))
                .into());
            }
            Some(prior) if prior.basic.is_null() && !change.planned.basic.is_null() => cx.warn(
                Diagnostic::warning(
                    "The connection's credentials will be replaced",
                    "They were not managed so far. Apply sends those of the configuration to Fabric.",
                )
                .at(path!(basic)),
            ),
            _ => {}
        }
        Ok(())
    }

    async fn create(cx: &Context<FabricMirror>, plan: Self) -> Result<Self> {
        let fabric = cx.provider.fabric()?;
        let (Some(name), Some(server), Some(database), Some((credentials, encryption))) =
            (plan.display_name.known(), plan.server.known(), plan.database.known(), plan.credentials())
        else {
            return Err(incomplete(Self::NAME));
        };
        let new = NewConnection {
            display_name: name.clone(),
            server: server.to_string(),
            database: database.clone(),
            privacy_level: plan
                .privacy_level
                .known()
                .map_or(PrivacyLevel::Organizational, |level| level.as_str().into()),
            encryption,
            credentials,
        };
        match fabric.create_connection(&new).await {
            Ok(connection) => Ok(plan.matching(&connection)),
            Err(error) => {
                // It may have been created by a request whose answer was lost, or by somebody else. Either way it is
                // shown, and not taken over.
                let existing = fabric.connections().await.unwrap_or_default();
                let existing = existing.iter().find(|it| it.display_name.as_deref() == Some(name));
                let error = Error::from(error);
                Err(match existing {
                    Some(existing) => {
                        let import = import_id::block(Self::NAME, &existing.id.to_string());
                        error.hint(format!("A connection of this name exists. To manage it, import it:\n\n{import}"))
                    }
                    None => error,
                })
            }
        }
    }

    async fn read(cx: &Context<FabricMirror>, state: Self) -> Result<Option<Self>> {
        let fabric = cx.provider.fabric()?;
        let Some(id) = state.id.known() else { return Ok(None) };
        match fabric.connection(**id).await {
            Ok(connection) if connection.connection_details.kind != SQL_MANAGED_INSTANCE => Err(Diagnostic::error(
                "The connection is of another type",
                format!(
                    "Connection {} is of type `{}`. This resource manages connections of the type \
                     `{SQL_MANAGED_INSTANCE}` (\"SQL Managed Instance\").",
                    id.0, connection.connection_details.kind
                ),
            )
            .into()),
            Ok(connection) => Ok(Some(state.matching(&connection))),
            Err(error) if error.is_gone() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn update(cx: &Context<FabricMirror>, prior: Self, plan: Self) -> Result<Self> {
        let fabric = cx.provider.fabric()?;
        let Some(id) = plan.id.known() else { return Err(incomplete(Self::NAME)) };
        let encryption_changed = prior.connection_encryption != plan.connection_encryption;
        if encryption_changed && plan.basic.is_null() {
            return Err(Diagnostic::error(
                "The encryption cannot be changed without the credentials",
                "Fabric takes both together. Give the connection `basic`, or leave `connection_encryption` as it is.",
            )
            .at(path!(connection_encryption))
            .into());
        }
        let login =
            |it: &Self| it.basic.known().map(|basic| (basic.username.clone(), basic.password_wo_version.clone()));
        let change = ConnectionChange {
            display_name: changed(&prior.display_name, &plan.display_name),
            privacy_level: changed(&prior.privacy_level, &plan.privacy_level).map(|level| level.as_str().into()),
            credentials: if encryption_changed || login(&prior) != login(&plan) { plan.credentials() } else { None },
        };
        Ok(plan.clone().matching(&fabric.change_connection(**id, &change).await?))
    }

    async fn delete(cx: &Context<FabricMirror>, state: Self) -> Result<()> {
        let fabric = cx.provider.fabric()?;
        let Some(id) = state.id.known() else { return Ok(()) };
        match fabric.delete_connection(**id).await {
            Err(error) if error.is_gone() => Ok(()),
            result => Ok(result?),
        }
    }

    async fn import(_cx: &Context<FabricMirror>, id: &str) -> Result<Self> {
        let [id] = import_id::split(id, ["id"])?;
        Ok(Self {
            id: Text(import_id::parse::<ConnectionId>(&id)?).into(),
            display_name: Value::Null,
            server: Value::Null,
            database: Value::Null,
            basic: Value::Null,
            privacy_level: Value::Null,
            connection_encryption: Value::Null,
        })
    }
}

fn changed(prior: &Value<String>, planned: &Value<String>) -> Option<String> {
    if prior == planned { None } else { planned.known().cloned() }
}

impl Connection {
    fn credentials(&self) -> Option<(Credentials, ConnectionEncryption)> {
        let basic = self.basic.known()?;
        let credentials = Credentials::Basic {
            username: basic.username.known()?.clone(),
            password: basic.password_wo.known()?.inner().clone(),
        };
        Some((credentials, self.connection_encryption.known()?.as_str().into()))
    }

    /// This object with what the service holds. It shows neither user name nor password: those stay as they are.
    fn matching(mut self, connection: &connections::Connection) -> Self {
        self.id = Text(connection.id).into();
        self.display_name = connection.display_name.clone().into();
        if let Some((server, database)) = connection.connection_details.server_and_database() {
            if let Ok(server) = server.parse::<ServerName>()
                && self.server.known().is_none_or(|prior| prior.0 != server)
            {
                self.server = Text(server).into();
            }
            self.database = database.into();
        }
        if let Some(level) = &connection.privacy_level {
            self.privacy_level = level.as_str().into();
        }
        if let Some(encryption) =
            connection.credential_details.as_ref().and_then(|it| it.connection_encryption.as_ref())
        {
            self.connection_encryption = encryption.as_str().into();
        }
        self
    }
}
