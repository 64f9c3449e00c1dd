//! `fabricmirror_connection`: how Fabric reaches the source, and as whom.

use fabric_api::ConnectionId;
use fabric_api::connections::{
    self, ConnectionChange, ConnectionEncryption, Credentials, NewConnection, PrivacyLevel, SQL_MANAGED_INSTANCE,
};
use mssql_admin::{Identifier, ServerName};
use tfplugin::{Change, Context, Diagnostic, Draft, Model, Resource, Secret, Text, Value, Word, path};

use super::not_there_any_more;
use crate::error::{Error, Result};
use crate::import_id;
use crate::ledger::Key;
use crate::provider::FabricMirror;

/// A Fabric connection of the type "SQL Managed Instance": the only one that mirroring takes for such an instance.
///
/// Fabric logs in to the source with these credentials before it accepts the connection. Let `username` refer to
/// `fabricmirror_database_user.….login_name`, so that login and user are there first.
///
/// Server and database of a connection cannot be changed: another one is a new connection.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct Connection {
    /// Id of the connection.
    #[attr(computed)]
    id: Value<Text<ConnectionId>>,

    /// Name, unique in the tenant.
    #[attr(required, length = 1..=200)]
    display_name: String,

    /// Server as Fabric reaches it. Without a gateway the public endpoint:
    /// `mi.public.ZONE.database.windows.net,3342`.
    #[attr(required, replace)]
    server: Text<ServerName>,

    /// Database.
    #[attr(required, replace)]
    database: Text<Identifier>,

    /// User name and password of a SQL login. Needed to create; after an import it may be left out, then the
    /// credentials are not managed.
    #[attr(optional)]
    basic: Value<Basic>,

    /// With whose data the source's may be combined.
    #[attr(optional, computed, initial = "Organizational", one_of = ["None", "Private", "Organizational", "Public"])]
    privacy_level: Value<Word>,

    /// Whether the link to the source is encrypted. A change sends the credentials again.
    #[attr(optional, computed, initial = "Encrypted", one_of = ["Encrypted", "NotEncrypted"])]
    connection_encryption: Value<Word>,
}

/// A SQL login.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct Basic {
    /// Name of the login.
    #[attr(required)]
    username: Text<Identifier>,

    /// Its password. Sent to Fabric and kept nowhere. Change it by raising `password_wo_version`.
    #[attr(required, write_only)]
    password_wo: Value<Secret>,

    /// Any number; a different one sends `password_wo` again.
    #[attr(required)]
    password_wo_version: i64,
}

impl Resource for Connection {
    const NAME: &'static str = "connection";
    type Provider = FabricMirror;

    fn in_state(provider: &FabricMirror, state: &Self) {
        provider.ledger().note(state.key());
    }

    async fn plan(cx: &Context<FabricMirror>, change: &mut Change<Self>) -> Result<()> {
        if let Some(name) = change.planned.display_name.known()
            && !cx.provider.ledger().claim(key(name), change)
        {
            return Err(second_owner(name));
        }
        match &change.prior {
            None if change.config.basic.is_null() => Err(needs_credentials().into()),
            None => match change.planned.whole() {
                Some(plan) => plan.refuse_existing(cx).await,
                None => Ok(()),
            },
            Some(prior) if prior.basic.is_null() && !change.planned.basic.is_null() => {
                cx.warn(
                    Diagnostic::warning(
                        "The connection's credentials will be replaced",
                        "They were not managed so far. Apply sends those of the configuration to Fabric.",
                    )
                    .at(path!(Connection: basic)),
                );
                Ok(())
            }
            Some(prior)
                if change.planned.basic.is_null()
                    && change.planned.connection_encryption != prior.connection_encryption =>
            {
                Err(Diagnostic::error(
                    "The encryption cannot be changed without the credentials",
                    "Fabric takes both together. Give the connection `basic`, or leave `connection_encryption` as it is.",
                )
                .at(path!(Connection: connection_encryption))
                .into())
            }
            Some(prior) => {
                if change.planned.connection_encryption != prior.connection_encryption {
                    cx.warn(
                        Diagnostic::warning(
                            "The connection's credentials will be sent again",
                            "Fabric takes a change of the encryption only together with the credentials: apply sends those of \
                             the configuration.",
                        )
                        .at(path!(Connection: connection_encryption)),
                    );
                }
                Ok(())
            }
        }
    }

    async fn create(cx: &Context<FabricMirror>, plan: Self) -> Result<Self> {
        let fabric = cx.provider.fabric()?;
        if cx.provider.ledger().has(&plan.key()) {
            return Err(second_owner(&plan.display_name));
        }
        let Some((credentials, encryption)) = plan.credentials() else { return Err(needs_credentials().into()) };
        let new = NewConnection {
            display_name: plan.display_name.clone(),
            server: plan.server.plain().into_owned(),
            database: plan.database.spelling().to_owned(),
            privacy_level: plan
                .privacy_level
                .known()
                .map_or(PrivacyLevel::Organizational, |level| level.as_str().into()),
            encryption,
            credentials,
        };
        match fabric.create_connection(&new).await {
            Ok(connection) => {
                cx.provider.ledger().note(plan.key());
                Ok(plan.matching(&connection))
            }
            Err(error) => {
                // It may have been created by a request whose answer was lost, or by somebody else. Either way it is
                // shown, and not taken over.
                let existing = fabric.connections().await.unwrap_or_default();
                let error = Error::from(error);
                Err(match existing.iter().find(|it| it.display_name.as_ref() == Some(&plan.display_name)) {
                    Some(existing) => error.hint(already_there(existing)),
                    None => error,
                })
            }
        }
    }

    async fn read(cx: &Context<FabricMirror>, state: Self) -> Result<Option<Self>> {
        let Some(connection) = cx.provider.view()?.connection(*state.id.held().value()).await? else {
            cx.provider.ledger().forget(&state.key());
            return Ok(None);
        };
        refuse_other_types(&connection)?;
        Ok(Some(state.matching(&connection)))
    }

    async fn update(cx: &Context<FabricMirror>, prior: Self, plan: Self) -> Result<Self> {
        let fabric = cx.provider.fabric()?;
        let encryption_changed = prior.connection_encryption != plan.connection_encryption;
        let login = |it: &Self| it.basic.known().map(|basic| (basic.username.clone(), basic.password_wo_version));
        let privacy = plan.privacy_level.known().filter(|_| prior.privacy_level != plan.privacy_level);
        let mut change = ConnectionChange {
            display_name: Some(plan.display_name.clone()).filter(|name| *name != prior.display_name),
            privacy_level: privacy.map(|level| level.as_str().into()),
            credentials: if encryption_changed || login(&prior) != login(&plan) { plan.credentials() } else { None },
        };
        if let (Some((_, encryption)), false) = (&mut change.credentials, encryption_changed)
            && let Some(now) = fabric.find_connection(*plan.id.held().value()).await?
            && let Some(held) = now.credential_details.and_then(|details| details.connection_encryption)
        {
            // It goes along with the credentials, and what somebody made of it since is the next plan's to show.
            *encryption = held;
        }
        if change.is_empty() {
            // What is left is that credentials are not managed any more.
            return Ok(plan);
        }
        let changed = match fabric.change_connection(*plan.id.held().value(), &change).await {
            Err(error) if error.may_mean_gone() => match fabric.find_connection(*plan.id.held().value()).await? {
                None => return Err(not_there_any_more("connection", &prior.display_name)),
                Some(_) => return Err(error.into()),
            },
            changed => changed?,
        };
        cx.provider.ledger().forget(&prior.key());
        cx.provider.ledger().note(plan.key());
        Ok(plan.matching(&changed))
    }

    async fn delete(cx: &Context<FabricMirror>, state: Self) -> Result<()> {
        cx.provider.fabric()?.delete_connection(*state.id.held().value()).await?;
        cx.provider.ledger().forget(&state.key());
        Ok(())
    }

    async fn import(cx: &Context<FabricMirror>, id: &str) -> Result<Self> {
        let [id] = import_id::split(id, import_id::CONNECTION)?;
        let id = import_id::parse::<ConnectionId>(&id)?;
        let connection =
            cx.provider.view()?.connection(id).await?.ok_or_else(|| super::nothing_to_import("connection", id))?;
        refuse_other_types(&connection)?;
        let Some((server, database)) = place(&connection) else {
            return Err(Diagnostic::error(
                "The connection cannot be imported",
                format!("Fabric does not say which server and database connection {id} leads to."),
            )
            .into());
        };
        let found = Self {
            id: id.into(),
            display_name: String::new(),
            server,
            database,
            basic: Value::Null,
            privacy_level: Value::Null,
            connection_encryption: Value::Null,
        };
        Ok(found.matching(&connection))
    }
}

fn needs_credentials() -> Diagnostic {
    Diagnostic::error(
        "A new connection needs credentials",
        "Give it `basic = { username, password_wo, password_wo_version }`. Only an imported connection can do without.",
    )
    .at(path!(Connection: basic))
}

fn already_there(existing: &connections::Connection) -> String {
    format!("A connection of this name exists. {}", super::import_text(Connection::NAME, &existing.id.to_string()))
}

/// Server and database of a connection.
fn place(connection: &connections::Connection) -> Option<(Text<ServerName>, Text<Identifier>)> {
    let (server, database) = connection.connection_details.server_and_database()?;
    Some((server.parse::<ServerName>().ok()?.into(), database.parse::<Identifier>().ok()?.into()))
}

fn refuse_other_types(connection: &connections::Connection) -> Result<()> {
    let kind = &connection.connection_details.kind;
    if kind == SQL_MANAGED_INSTANCE {
        return Ok(());
    }
    Err(Diagnostic::error(
        "The connection is of another type",
        format!(
            "Connection {} is of type `{kind}`. This resource manages connections of the type `{SQL_MANAGED_INSTANCE}` \
             (\"SQL Managed Instance\"), and does not turn one type into another.",
            connection.id
        ),
    )
    .at(path!(Connection: id))
    .into())
}

fn key(display_name: &str) -> Key {
    Key::new(Connection::NAME, &[display_name])
}

fn second_owner(display_name: &str) -> Error {
    super::second_owner("connection", display_name).at(path!(Connection: display_name))
}

impl Connection {
    fn key(&self) -> Key {
        key(&self.display_name)
    }

    /// Says at plan time, when it can be seen, that the name is taken.
    async fn refuse_existing(&self, cx: &Context<FabricMirror>) -> Result<()> {
        if cx.provider.ledger().has(&self.key()) {
            return Ok(());
        }
        let Ok(connections) = cx.provider.connections().await else { return Ok(()) };
        match connections.iter().find(|it| it.display_name.as_ref() == Some(&self.display_name)) {
            Some(existing) => Err(Diagnostic::error("A connection of this name exists", already_there(existing))
                .at(path!(Connection: display_name))
                .into()),
            None => Ok(()),
        }
    }

    fn credentials(&self) -> Option<(Credentials, ConnectionEncryption)> {
        let basic = self.basic.known()?;
        let credentials = Credentials::Basic {
            username: basic.username.spelling().to_owned(),
            password: basic.password_wo.known()?.inner().clone(),
        };
        Some((credentials, self.connection_encryption.known()?.as_str().into()))
    }

    /// This object with what the service holds. It shows neither user name nor password: those stay as they are.
    fn matching(mut self, connection: &connections::Connection) -> Self {
        self.id = connection.id.into();
        if let Some(name) = &connection.display_name {
            self.display_name.clone_from(name);
        }
        if let Some((server, database)) = place(connection) {
            (self.server, self.database) = (server, database);
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
