//! From configuration to clients: each is made when it is first needed, and each server is read once for a refresh.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use fabric_api::auth::Tokens;
use fabric_api::connections::Connection;
use fabric_api::{Client, Cloud, Credential, Service, WorkspaceId};
use mssql_admin::{
    CertificateName, ConnectOptions, Credentials, DatabasePrincipals, DatabaseState, Encryption, Identifier, Instance,
    Logins, ServerName, Sought, TokenSource,
};
use secrecy::SecretString;
use tfplugin::{CancellationToken, Context, Diagnostic, Diagnostics, Text, Value, path};
use tokio::sync::{OnceCell, OwnedMutexGuard};

use crate::error::{Error, Result};
use crate::ledger::Ledger;
use crate::resources::{DatabaseUser, Login};
use crate::view::View;

/// A part of the provider's block.
#[derive(Clone, Debug)]
pub enum Settings<T> {
    Known(T),
    /// Comes from an object of the same run.
    Unknown,
    /// Said to whoever needs it.
    Missing(Diagnostics),
}

#[derive(Clone, Debug)]
pub struct Fabric {
    pub endpoint: String,
    pub credential: Credential,
    pub cloud: Cloud,
}

#[derive(Clone, Debug)]
pub struct Sql {
    pub server: Option<ServerName>,
    /// Servers that get the credentials besides.
    pub other_servers: Vec<ServerName>,
    /// Of `server`, or of any where none is named.
    pub certificate_name: Option<CertificateName>,
    pub encryption: Encryption,
    pub credentials: SqlCredentials,
}

#[derive(Clone, Debug)]
pub enum SqlCredentials {
    Login {
        username: String,
        password: SecretString,
    },
    /// The identity that calls Fabric.
    Entra,
}

/// The configured provider: clients of Fabric and of instances.
#[derive(Debug)]
pub struct Clients {
    fabric: Settings<Fabric>,
    sql: Settings<Sql>,
    certificates: Option<Arc<[u8]>>,
    stop: CancellationToken,
    client: OnceLock<Client>,
    view: OnceLock<Arc<View>>,
    servers: Mutex<HashMap<String, Arc<Server>>>,
    /// Set by the first write of this process: from then on every read asks the server.
    written: Arc<AtomicBool>,
    ledger: Ledger,
    /// The servers of which it was said that objects of the state lie there, and should not.
    strays: Mutex<HashMap<String, Arc<AtomicBool>>>,
    /// Role assignments and item creates of a workspace never overlap: an item made while an assignment is under way
    /// can stay invisible to some principals for good (fabric-api facts §8.6).
    turns: Mutex<HashMap<WorkspaceId, Arc<tokio::sync::Mutex<()>>>>,
}

const AGENT: &str = concat!("terraform-provider-fabricmirror/", env!("CARGO_PKG_VERSION"));

impl Clients {
    /// `certificates` are trusted besides the system's, for Fabric, Entra and instances alike: PEM that was read and
    /// checked. `stop` ends every wait.
    pub fn new(
        fabric: Settings<Fabric>,
        sql: Settings<Sql>,
        certificates: Option<Arc<[u8]>>,
        stop: CancellationToken,
    ) -> Self {
        Self {
            fabric,
            sql,
            certificates,
            stop,
            client: OnceLock::new(),
            view: OnceLock::new(),
            servers: Mutex::default(),
            written: Arc::default(),
            ledger: Ledger::default(),
            strays: Mutex::default(),
            turns: Mutex::default(),
        }
    }

    /// What the state holds, as far as it was seen.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The client of Fabric.
    ///
    /// # Errors
    /// What is missing in the provider's block, or unknown.
    pub fn fabric(&self) -> Result<Client> {
        let fabric = match &self.fabric {
            Settings::Known(fabric) => fabric,
            Settings::Unknown => return Err(Error::UnknownBlock("client_id")),
            Settings::Missing(why) => return Err(why.clone().into()),
        };
        if let Some(client) = self.client.get() {
            return Ok(client.clone());
        }
        let client = Client::new(&fabric_api::Options {
            endpoint: fabric.endpoint.clone(),
            credential: fabric.credential.clone(),
            cloud: fabric.cloud,
            authority_host: None,
            ca_certificates: self.certificates.clone(),
            user_agent: AGENT.to_owned(),
            stop: self.stop.clone(),
        })?;
        Ok(self.client.get_or_init(|| client).clone())
    }

    /// Fabric as the refresh and the plan of this process see it.
    ///
    /// # Errors
    /// As [`Self::fabric`].
    pub fn view(&self) -> Result<Arc<View>> {
        let fabric = self.fabric()?;
        Ok(self.view.get_or_init(|| Arc::new(View::shared(fabric))).clone())
    }

    /// The same, for what a plan says beforehand. Once this process has changed something it applies a plan, and the
    /// service itself refuses what it has already.
    pub fn view_at_plan(&self) -> Option<Arc<View>> {
        self.view().ok().filter(|view| view.is_shared())
    }

    /// The tenant's connections, for what a plan says beforehand.
    pub async fn connections(&self) -> Result<Arc<Vec<Connection>>> {
        match self.view_at_plan() {
            Some(view) => Ok(view.connections().await?),
            None => Ok(Arc::default()),
        }
    }

    /// Waits for the turn of a role assignment or an item's creation in this workspace.
    pub async fn turn(&self, workspace: WorkspaceId) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.entry(workspace).or_default().clone()
        };
        turn.lock_owned().await
    }

    /// The instance that an object names, or the default.
    ///
    /// # Errors
    /// There is neither, or the provider's block is unknown; or the block's credentials are not meant for this server.
    pub fn sql(&self, server: &Value<Text<ServerName>>) -> Result<Arc<Server>> {
        let sql = self.sql_settings()?;
        match server.known().map(|name| name.value()).or(sql.server.as_ref()) {
            Some(name) if sql.trusts(name) => self.server(name.clone(), sql),
            Some(name) => Err(self.of_server(name, sql.refusal(name))),
            None => Err(no_server()),
        }
    }

    /// An instance, if the provider may log in to it: for what can do without SQL.
    pub fn sql_if_configured(&self, server: &ServerName) -> Result<Option<Arc<Server>>> {
        match &self.sql {
            Settings::Known(sql) if sql.names(server) => self.server(server.clone(), sql).map(Some),
            _ => Ok(None),
        }
    }

    /// Completes an object's `server` in a plan.
    ///
    /// # Errors
    /// There is none; or the object lies on another server than the configuration names now.
    pub fn plan_server(
        &self,
        prior: Option<&Value<Text<ServerName>>>,
        configured: &Value<Text<ServerName>>,
        planned: &mut Value<Text<ServerName>>,
    ) -> Result<()> {
        let wanted = match configured {
            Value::Null => match &self.sql {
                Settings::Known(Sql { server: Some(server), .. }) => canonical(server),
                Settings::Known(Sql { server: None, .. }) | Settings::Missing(_) if prior.is_none() => {
                    return Err(no_server());
                }
                _ => planned.clone(),
            },
            given => given.clone(),
        };
        if let (Some(Value::Known(prior)), Value::Known(wanted)) = (prior, &wanted)
            && prior != wanted
        {
            let why = Diagnostic::error(
                "The object lies on another server",
                format!(
                    "It was made on `{}`; the configuration names `{}` now. An object does not move: destroy it with the \
                     old server configured, or take it out of the state with a `removed` block, then create it on the \
                     new one. This is said of one object of that server; it holds for all of them.",
                    prior.canonical(),
                    wanted.canonical()
                ),
            );
            return Err(self.of_server(prior, why.at(path!(Login: server))));
        }
        // An equal name keeps the spelling that the state has.
        if prior.is_some_and(Value::is_known) {
            return Ok(());
        }
        *planned = wanted;
        Ok(())
    }

    /// What holds for every object of a server.
    fn of_server(&self, server: &ServerName, why: Diagnostic) -> Error {
        let mut strays = self.strays.lock().unwrap_or_else(PoisonError::into_inner);
        let said = strays.entry(server.canonical()).or_default().clone();
        Error::Once { why: Box::new(why), said }
    }

    fn sql_settings(&self) -> Result<&Sql> {
        match &self.sql {
            Settings::Known(sql) => Ok(sql),
            Settings::Unknown => Err(Error::UnknownBlock("sql")),
            Settings::Missing(why) => Err(why.clone().into()),
        }
    }

    fn server(&self, name: ServerName, sql: &Sql) -> Result<Arc<Server>> {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = servers.get(&name.canonical()) {
            return Ok(server.clone());
        }
        let credentials = match &sql.credentials {
            SqlCredentials::Login { username, password } => {
                Credentials::SqlLogin { username: username.clone(), password: password.clone() }
            }
            SqlCredentials::Entra => Credentials::Token(Arc::new(EntraTokens(self.fabric()?.tokens().clone()))),
        };
        let options = ConnectOptions {
            credentials,
            ca_certificates: self.certificates.clone(),
            certificate_name: sql.certificate_name.clone().filter(|_| sql.server.as_ref().is_none_or(|it| *it == name)),
            encryption: sql.encryption,
            application: AGENT.to_owned(),
            stop: self.stop.clone(),
        };
        let server = Arc::new(Server {
            instance: Instance::new(name.clone(), options),
            written: self.written.clone(),
            logins: OnceCell::new(),
            databases: Mutex::default(),
            closed: Mutex::default(),
            unreachable_said: AtomicBool::new(false),
        });
        servers.insert(name.canonical(), server.clone());
        Ok(server)
    }
}

impl Sql {
    /// The block names the server, or the environment does.
    fn names(&self, server: &ServerName) -> bool {
        self.server.iter().chain(&self.other_servers).any(|it| it == server)
    }

    /// The credentials may be sent there. With no server named at all, they are for whatever server an object names.
    fn trusts(&self, server: &ServerName) -> bool {
        self.names(server) || (self.server.is_none() && self.other_servers.is_empty())
    }

    fn refusal(&self, server: &ServerName) -> Diagnostic {
        let named: Vec<_> =
            self.server.iter().chain(&self.other_servers).map(|name| format!("`{}`", name.canonical())).collect();
        Diagnostic::error(
            "The provider's credentials are not meant for this server",
            format!(
                "The object names `{}`; the provider's block is for {}. Nothing was sent to the other server. If it may \
                 have the same credentials, add it to `sql.other_servers` in the provider's block; if the object was made \
                 there by mistake, take it out of the state with a `removed` block. This is said of one object of that \
                 server; it holds for all of them.",
                server.canonical(),
                named.join(", ")
            ),
        )
        .at(path!(Login: server))
    }
}

/// The one spelling of a server.
fn canonical(server: &ServerName) -> Value<Text<ServerName>> {
    server.canonical().parse::<ServerName>().unwrap_or_else(|_| server.clone()).into()
}

fn no_server() -> Error {
    Diagnostic::error(
        "No server is named",
        "Set `server` here, `sql = { server = … }` in the provider's block, or FABRICMIRROR_SQL_SERVER in the environment.",
    )
    .at(path!(Login: server))
    .into()
}

#[derive(Debug)]
struct EntraTokens(Tokens);

impl TokenSource for EntraTokens {
    fn token(&self) -> Pin<Box<dyn Future<Output = Result<SecretString, String>> + Send + '_>> {
        Box::pin(async { self.0.token(Service::Sql).await.map_err(|error| error.to_string()) })
    }
}

/// An instance, and what a refresh has read of it.
///
/// Until the first write of this process, principals and permissions are read once and serve every object of the
/// refresh. Afterwards, and in data sources, the server is asked each time (design: snapshots).
#[derive(Debug)]
pub struct Server {
    instance: Instance,
    written: Arc<AtomicBool>,
    logins: OnceCell<Arc<Logins>>,
    databases: Mutex<HashMap<String, Arc<OnceCell<Arc<DatabasePrincipals>>>>>,
    unreachable_said: AtomicBool,
    /// Databases that nobody opens, and whether that was said.
    closed: Mutex<HashMap<String, Arc<AtomicBool>>>,
}

impl Server {
    /// The instance, to read what no snapshot holds.
    pub fn instance(&self) -> &Instance {
        &self.instance
    }

    /// The instance, to change it. Ends the snapshots.
    pub fn change(&self) -> &Instance {
        self.written.store(true, Ordering::SeqCst);
        &self.instance
    }

    /// The name by which objects are known, whatever spelling they have.
    pub fn name(&self) -> String {
        self.instance.server().canonical()
    }

    /// The same as an attribute's value.
    pub fn canonical(&self) -> Value<Text<ServerName>> {
        canonical(self.instance.server())
    }

    pub async fn logins(&self) -> Result<Arc<Logins>> {
        if self.has_changed() {
            return Ok(Arc::new(self.instance.logins().await?));
        }
        let read = || async { self.instance.logins().await.map(Arc::new) };
        Ok(self.logins.get_or_try_init(read).await?.clone())
    }

    pub async fn principals(&self, database: &Identifier) -> Result<Arc<DatabasePrincipals>> {
        match self.snapshot(database).await {
            Err(error) => Err(self.proven_gone(database, error).await.unwrap_or_else(|other| other)),
            principals => principals,
        }
    }

    async fn snapshot(&self, database: &Identifier) -> Result<Arc<DatabasePrincipals>> {
        let read = || async { self.instance.database(database).principals().await.map(Arc::new) };
        if self.has_changed() {
            return Ok(read().await?);
        }
        let snapshot = {
            let mut databases = self.databases.lock().unwrap_or_else(PoisonError::into_inner);
            databases.entry(database.as_str().to_owned()).or_default().clone()
        };
        Ok(snapshot.get_or_try_init(read).await?.clone())
    }

    /// The same; `None` when the database is gone for certain. That it cannot be opened proves nothing.
    pub async fn principals_if_there(&self, database: &Identifier) -> Result<Option<Arc<DatabasePrincipals>>> {
        match self.snapshot(database).await {
            Err(error) => self.proven_gone(database, error).await.map(|_| None),
            principals => principals.map(Some),
        }
    }

    /// What was said of a database that is not there at all; `Err` where nothing proves that, which names the state of one
    /// that nobody opens.
    pub async fn proven_gone(&self, database: &Identifier, error: Error) -> Result<Error> {
        // 4060, 911, 916, 927, 942: it cannot be opened, for whatever reason.
        let number = error.sql().and_then(mssql_admin::Error::number);
        if !number.is_some_and(|number| [4060, 911, 916, 927, 942].contains(&number)) {
            return Err(error);
        }
        match self.instance.database_state(database).await {
            Ok(DatabaseState::Gone) => Ok(error),
            Ok(DatabaseState::Closed(state)) => Err(self.closed(database, &state, &error)),
            _ => Err(error),
        }
    }

    /// Said once of a database: it holds for all that is in it.
    fn closed(&self, database: &Identifier, state: &str, error: &Error) -> Error {
        let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        let said = closed.entry(database.as_str().to_owned()).or_default().clone();
        let next = match state {
            "RESTORING" => "A restore into it is under way: run again once that has ended.",
            "OFFLINE" => "The service took it offline: see what the portal says of it, and run again once it is back.",
            _ => "See what the portal says of it, and run again once it is ONLINE.",
        };
        let why = Diagnostic::error(
            format!("Database {database} is {state}"),
            format!(
                "{error}. Nobody can open it until it is ONLINE; what is in it is not taken for gone. {next} SELECT [name], \
                 [state_desc] FROM [sys].[databases]; shows the state. This is said of one object of the database; it holds \
                 for all of them."
            ),
        );
        Error::Once { why: Box::new(why.at(path!(DatabaseUser: database))), said }
    }

    /// This process has changed something: it applies a plan.
    pub fn has_changed(&self) -> bool {
        self.written.load(Ordering::SeqCst)
    }

    /// The logins, for what a plan says beforehand. Once this process has changed something it applies a plan, and every
    /// change looks for itself.
    pub async fn logins_at_plan(&self, cx: &Context<Clients>) -> Option<Arc<Logins>> {
        if self.has_changed() { None } else { self.at_plan(cx, self.logins().await) }
    }

    /// A database's principals, for what a plan says beforehand.
    pub async fn principals_at_plan(
        &self,
        cx: &Context<Clients>,
        database: &Identifier,
    ) -> Option<Arc<DatabasePrincipals>> {
        if self.has_changed() {
            return None;
        }
        match self.principals(database).await {
            Err(Error::Once { why, said }) => {
                if !said.swap(true, Ordering::SeqCst) {
                    cx.fail(*why);
                }
                None
            }
            principals => self.at_plan(cx, principals),
        }
    }

    /// Some principals of a database, or all, asked for now; `None` when the database is gone for certain.
    pub async fn look(&self, database: &Identifier, sought: Option<&Sought>) -> Result<Option<DatabasePrincipals>> {
        let asked = self.instance.database(database);
        let looked = match sought {
            Some(sought) => asked.principals_like(sought).await,
            None => asked.principals().await,
        };
        match looked.map_err(Error::from) {
            Err(error) => self.proven_gone(database, error).await.map(|_| None),
            principals => principals.map(Some),
        }
    }

    /// What a plan could look at, if the server answers. That it does not is said once.
    fn at_plan<T>(&self, cx: &Context<Clients>, looked: Result<T>) -> Option<T> {
        let error = match looked {
            Ok(seen) => return Some(seen),
            Err(error) => error,
        };
        if error.sql().is_some_and(mssql_admin::Error::is_unreachable)
            && !self.unreachable_said.swap(true, Ordering::SeqCst)
        {
            cx.warn(Diagnostic::warning(
                format!("Server {} cannot be reached", self.name()),
                format!(
                    "{error}. Nothing of this plan was checked against it, and apply will fail unless it can be reached then. \
                     Check name, port and network."
                ),
            ));
        }
        None
    }
}
