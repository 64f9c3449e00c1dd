//! `fabricmirror_connection`: how Fabric reaches the source, and as whom.

mod login;
mod offered;
mod route;

use fabric_api::connections::{
    self, ConnectionChange, CredentialType, NewConnection, PrivacyLevel, SQL_MANAGED_INSTANCE,
};
use fabric_api::{Client, ConnectionId, GatewayId};
use mssql_admin::{Identifier, ServerName};
use tfplugin::{Change, Context, Diagnostic, Diagnostics, Draft, Model, Resource, Text, Value, Word, path};

use self::login::{BLOCKS, Basic, Blocks, ServicePrincipal, WorkspaceIdentity};
use self::offered::Wish;
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
/// Server, database and gateway of a connection cannot be changed: another one is a new connection. Credentials of every
/// kind are replaced in place, by those of another kind too. What the service knows of a connection besides these attributes
/// is not managed, and stays.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct Connection {
    /// Id of the connection.
    #[attr(computed)]
    id: Value<Text<ConnectionId>>,

    /// Name, unique in the tenant.
    #[attr(required, length = 1..=200)]
    display_name: String,

    /// Server as Fabric reaches it. Without a gateway the public endpoint:
    /// `mi.public.ZONE.database.windows.net,3342`; through one usually the private host, `mi.ZONE.database.windows.net`.
    #[attr(required, replace)]
    server: Text<ServerName>,

    /// Database.
    #[attr(required, replace)]
    database: Text<Identifier>,

    /// The gateway that Fabric reaches the server through: a virtual network gateway, or an on-premises gateway in standard
    /// mode. For the latter the credentials are encrypted for each of its members before they are sent. Left out: none.
    #[attr(optional, replace)]
    gateway_id: Value<Text<GatewayId>>,

    /// User name and password of a SQL login. This, `service_principal` or `workspace_identity` is needed to create; after
    /// an import all may be left out, then the credentials are not managed.
    #[attr(optional)]
    basic: Value<Basic>,

    /// An application that logs in with its secret.
    #[attr(optional)]
    service_principal: Value<ServicePrincipal>,

    /// The identity of the workspace that uses the connection logs in: `{}`. Where the service does not offer that for this
    /// type of connection, which it did not when this was written, the plan says so.
    #[attr(optional)]
    workspace_identity: Value<WorkspaceIdentity>,

    /// With whose data the source's may be combined.
    #[attr(optional, computed, initial = "Organizational", one_of = ["None", "Private", "Organizational", "Public"])]
    privacy_level: Value<Word>,

    /// Whether the link to the source is encrypted. A change sends the credentials again.
    #[attr(optional, computed, initial = "Encrypted", one_of = ["Encrypted", "NotEncrypted"])]
    connection_encryption: Value<Word>,

    /// Whether Fabric tries the login when the connection is made and when its credentials change. `false` only through a
    /// gateway.
    #[attr(optional, computed, default = true)]
    test: Value<bool>,
}

impl Resource for Connection {
    const NAME: &'static str = "connection";
    type Provider = FabricMirror;

    fn validate(config: &ConnectionDraft) -> Diagnostics {
        login::validate(config)
    }

    fn in_state(provider: &FabricMirror, state: &Self) {
        provider.ledger().note(state.key());
    }

    async fn plan(cx: &Context<FabricMirror>, change: &mut Change<Self>) -> Result<()> {
        if let Some(name) = change.planned.display_name.known()
            && !cx.provider.ledger().claim(key(name), change)
        {
            return Err(second_owner(name));
        }
        let blocks = change.planned.blocks();
        let Some(prior) = &change.prior else {
            if change.config.blocks().is_none() {
                return Err(needs_credentials().into());
            }
            change.planned.wish().check(&cx.provider).await?;
            return match change.planned.whole() {
                Some(plan) => plan.refuse_existing(cx).await,
                None => Ok(()),
            };
        };
        let new_encryption = change.planned.connection_encryption != prior.connection_encryption;
        if blocks.is_none() && new_encryption {
            return Err(Diagnostic::error(
                "The encryption cannot be changed without the credentials",
                format!(
                    "Fabric takes both together. Give the connection {BLOCKS}, or leave `connection_encryption` as it is."
                ),
            )
            .at(path!(Connection: connection_encryption))
            .into());
        }
        if prior.blocks().is_none()
            && let Some((_, at)) = blocks.kind()
        {
            cx.warn(
                Diagnostic::warning(
                    "The connection's credentials will be replaced",
                    "They are not those of this configuration so far. Apply sends those of the configuration to Fabric.",
                )
                .at(at),
            );
        } else if let (Some((before, _)), Some((after, at))) = (prior.blocks().kind(), blocks.kind())
            && before != after
        {
            cx.warn(
                Diagnostic::warning(
                    "The connection gets another kind of credentials",
                    format!(
                        "Whether Fabric turns `{before}` into `{after}` in place is not documented. Apply tries; where it is refused, \
                         nothing is changed, and a new connection is made with `-replace=ADDRESS` of this resource: a mirror that \
                         uses it takes the new one, and copies every table again."
                    ),
                )
                .at(at),
            );
        } else if new_encryption {
            cx.warn(
                Diagnostic::warning(
                    "The connection's credentials will be sent again",
                    "Fabric takes a change of the encryption only together with the credentials: apply sends those of the \
                     configuration.",
                )
                .at(path!(Connection: connection_encryption)),
            );
        }
        if new_encryption || blocks.without_secrets() != prior.blocks().without_secrets() {
            change.planned.wish().check(&cx.provider).await?;
        }
        Ok(())
    }

    async fn create(cx: &Context<FabricMirror>, plan: Self) -> Result<Self> {
        let fabric = cx.provider.fabric()?;
        if cx.provider.ledger().has(&plan.key()) {
            return Err(second_owner(&plan.display_name));
        }
        let Some(login) = plan.login() else { return Err(needs_credentials().into()) };
        plan.wish().check(&cx.provider).await?;
        let new = NewConnection {
            display_name: plan.display_name.clone(),
            server: plan.server.plain().into_owned(),
            database: plan.database.spelling().to_owned(),
            route: route::route(&fabric, plan.gateway()).await?,
            privacy_level: plan
                .privacy_level
                .known()
                .map_or(PrivacyLevel::Organizational, |level| level.as_str().into()),
            login,
        };
        match fabric.create_connection(&new).await {
            Ok(connection) => {
                cx.provider.ledger().note(plan.key());
                let made = plan.matching(&connection);
                made.try_out(cx, &fabric, &new.route).await;
                Ok(made)
            }
            Err(error) => {
                // It may have been created by a request whose answer was lost, or by somebody else. Either way it is
                // shown, and not taken over.
                let existing = fabric.connections().await.unwrap_or_default();
                let error = plan.explain(error, &new.route);
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
        let new_encryption = prior.connection_encryption != plan.connection_encryption;
        let new_blocks = prior.blocks().without_secrets() != plan.blocks().without_secrets();
        let privacy = plan.privacy_level.known().filter(|_| prior.privacy_level != plan.privacy_level);
        let mut change = ConnectionChange {
            display_name: Some(plan.display_name.clone()).filter(|name| *name != prior.display_name),
            privacy_level: privacy.map(|level| level.as_str().into()),
            login: if new_encryption || new_blocks { plan.login() } else { None },
        };
        if change.is_empty() {
            // What is left is that credentials are not managed any more, or are to be tried in future.
            return Ok(plan);
        }
        let gone = || not_there_any_more("connection", &prior.display_name);
        let id = *plan.id.held().value();
        let now = fabric.find_connection(id).await?.ok_or_else(gone)?;
        if let (Some(login), false, Some(held)) = (&mut change.login, new_encryption, now.encryption()) {
            // It goes along with the credentials, and what somebody made of it since is the next plan's to show.
            login.encryption = held.clone();
        }
        let route = route::route_of(&fabric, &now).await?;
        let changed = match fabric.change_connection(id, &route, &change).await {
            Err(error) if error.may_mean_gone() => match fabric.find_connection(id).await? {
                None => return Err(gone()),
                Some(_) => return Err(plan.explain(error, &route)),
            },
            changed => changed.map_err(|error| plan.explain(error, &route))?,
        };
        cx.provider.ledger().forget(&prior.key());
        cx.provider.ledger().note(plan.key());
        let made = plan.matching(&changed);
        if change.login.is_some() {
            made.try_out(cx, &fabric, &route).await;
        }
        Ok(made)
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
            gateway_id: Value::Null,
            basic: Value::Null,
            service_principal: Value::Null,
            workspace_identity: Value::Null,
            privacy_level: Value::Null,
            connection_encryption: Value::Null,
            test: Value::Null,
        };
        Ok(found.matching(&connection))
    }
}

fn needs_credentials() -> Diagnostic {
    Diagnostic::error(
        "A new connection needs credentials",
        format!("Give it {BLOCKS}. Only an imported connection can do without."),
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
        if route::is_managed(&connection.connectivity_type) {
            return Ok(());
        }
        return Err(Diagnostic::error(
            "The connection is a personal one",
            format!(
                "Connection {} is of the connectivity `{}`. This resource manages connections that can be shared: of the cloud, \
                 through a virtual network gateway, or through an on-premises gateway in standard mode.",
                connection.id, connection.connectivity_type
            ),
        )
        .at(path!(Connection: id))
        .into());
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

    fn gateway(&self) -> Option<GatewayId> {
        self.gateway_id.known().map(|id| *id.value())
    }

    fn blocks(&self) -> Blocks {
        Blocks {
            basic: self.basic.clone(),
            service_principal: self.service_principal.clone(),
            workspace_identity: self.workspace_identity.clone(),
        }
    }

    fn wish(&self) -> Wish {
        Wish {
            gateway: self.gateway_id.clone(),
            blocks: self.blocks(),
            encryption: self.connection_encryption.clone(),
            test: self.test.clone(),
        }
    }

    fn login(&self) -> Option<connections::Login> {
        Some(connections::Login {
            credentials: self.blocks().credentials()?,
            encryption: self.connection_encryption.known()?.as_str().into(),
            skip_test: self.test == false.into(),
        })
    }

    /// Asks the service to log in to the source with what it has now. That it cannot is no failure of the connection, which
    /// is there: an error would have the next apply make it anew.
    async fn try_out(&self, cx: &Context<FabricMirror>, fabric: &Client, route: &connections::Route) {
        if self.test == false.into() {
            return;
        }
        let warn = |detail: String| {
            let warning = Diagnostic::warning("Fabric cannot log in through the connection", detail);
            cx.warn(warning.at(path!(Connection: server)));
        };
        match fabric.test_connection(*self.id.held().value()).await {
            Ok(result) if result.is_online() => {}
            Ok(result) => warn(format!(
                "The connection was made as planned, and its test says: {}. {}",
                result.describe(),
                route::advice(self.server.value(), route)
            )),
            Err(error) => {
                tracing::info!(%error, "the connection could not be tested");
            }
        }
    }

    /// An error about a connection that goes this way.
    fn explain(&self, error: fabric_api::Error, route: &connections::Route) -> Error {
        let unreachable = error.code().is_some_and(|code| {
            code.starts_with("CreateGatewayConnectionFailed") || code.starts_with("UpdateGatewayConnectionFailed")
        });
        let cannot_change = error.code() == Some("CannotUpdateCredentialType");
        let credentials = error.code().is_some_and(|code| {
            code.starts_with("IncorrectCredentials") || code.starts_with("InvalidCredentialDetails")
        });
        let error = Error::from(error);
        if unreachable {
            return error.hint(route::advice(self.server.value(), route));
        }
        match self.blocks().kind() {
            Some((kind, at)) if cannot_change => error.at(at).hint(format!(
                "Fabric does not turn this connection's credentials into `{kind}`. A new connection is made with \
                 `-replace=ADDRESS` of this resource; a mirror that uses it takes the new one, and copies every table again."
            )),
            Some((kind, at)) if credentials && kind != CredentialType::Basic => error.at(at),
            _ => error,
        }
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
        self.gateway_id = connection.gateway().map(Text::from).into();
        if let Some(level) = &connection.privacy_level {
            self.privacy_level = level.as_str().into();
        }
        if let Some(encryption) = connection.encryption() {
            self.connection_encryption = encryption.as_str().into();
        }
        if let (Some(held), Some((kind, _))) = (connection.credential_type(), self.blocks().kind())
            && *held != kind
        {
            // Somebody gave it another kind of credentials: those of the configuration are not there any more.
            self.basic = Value::Null;
            self.service_principal = Value::Null;
            self.workspace_identity = Value::Null;
        }
        self
    }
}

impl ConnectionDraft {
    fn blocks(&self) -> Blocks {
        Blocks {
            basic: self.basic.clone(),
            service_principal: self.service_principal.clone(),
            workspace_identity: self.workspace_identity.clone(),
        }
    }

    fn wish(&self) -> Wish {
        Wish {
            gateway: self.gateway_id.clone(),
            blocks: self.blocks(),
            encryption: self.connection_encryption.clone(),
            test: self.test.clone(),
        }
    }
}
