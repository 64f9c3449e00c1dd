//! From configuration to clients: each is made when it is first needed, and each server is read once for a refresh.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use fabric_api::auth::{SQL_SCOPE, Tokens};
use fabric_api::{Client, Credential};
use mssql_admin::{
    ConnectOptions, Credentials, DatabasePrincipals, Identifier, Instance, Logins, ServerName, TokenSource,
};
use secrecy::SecretString;
use tfplugin::{Diagnostic, Diagnostics, Text, Value, path};
use tokio::sync::OnceCell;

use crate::error::{Error, Result};

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
}

#[derive(Clone, Debug)]
pub struct Sql {
    pub server: Option<ServerName>,
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
    ca_certificate_file: Option<PathBuf>,
    client: OnceLock<Client>,
    servers: Mutex<HashMap<String, Arc<Server>>>,
    /// Set by the first write of this process: from then on every read asks the server.
    written: Arc<AtomicBool>,
}

const AGENT: &str = concat!("terraform-provider-fabricmirror/", env!("CARGO_PKG_VERSION"));

impl Clients {
    pub fn new(fabric: Settings<Fabric>, sql: Settings<Sql>, ca_certificate_file: Option<PathBuf>) -> Self {
        Self {
            fabric,
            sql,
            ca_certificate_file,
            client: OnceLock::new(),
            servers: Mutex::default(),
            written: Arc::default(),
        }
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
            authority_host: None,
            ca_certificate_file: self.ca_certificate_file.clone(),
            user_agent: AGENT.to_owned(),
        })?;
        Ok(self.client.get_or_init(|| client).clone())
    }

    /// The instance that an object names, or the default.
    ///
    /// # Errors
    /// There is neither, or the provider's block is unknown.
    pub fn sql(&self, server: &Value<Text<ServerName>>) -> Result<Arc<Server>> {
        let sql = self.sql_settings()?;
        match server.known().map(|name| &name.0).or(sql.server.as_ref()) {
            Some(name) => self.server(name.clone(), sql),
            None => Err(no_server()),
        }
    }

    /// The default instance, if it is this one: for what can do without SQL.
    pub fn sql_if_configured(&self, server: &ServerName) -> Result<Option<Arc<Server>>> {
        match &self.sql {
            Settings::Known(sql) if sql.server.as_ref() == Some(server) => self.server(server.clone(), sql).map(Some),
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
                Settings::Known(Sql { server: Some(server), .. }) => {
                    Value::from(server.canonical().parse::<ServerName>().unwrap_or_else(|_| server.clone()))
                }
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
            return Err(Diagnostic::error(
                "The object lies on another server",
                format!(
                    "It was made on `{}`; the configuration names `{}` now. An object does not move: destroy it with the \
                     old server configured, or take it out of the state with a `removed` block, then create it on the \
                     new one.",
                    prior.0.canonical(),
                    wanted.0.canonical()
                ),
            )
            .at(path!(server))
            .into());
        }
        // An equal name keeps the spelling that the state has, unless the configuration spells it.
        if configured.is_null() && prior.is_some_and(Value::is_known) {
            return Ok(());
        }
        *planned = wanted;
        Ok(())
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
            ca_certificate_file: self.ca_certificate_file.clone(),
            application: AGENT.to_owned(),
        };
        let server = Arc::new(Server {
            instance: Instance::new(name.clone(), options),
            written: self.written.clone(),
            logins: OnceCell::new(),
            databases: Mutex::default(),
            in_state: Mutex::default(),
        });
        servers.insert(name.canonical(), server.clone());
        Ok(server)
    }
}

fn no_server() -> Error {
    Diagnostic::error(
        "No server is named",
        "Set `server` here, `sql = { server = … }` in the provider's block, or FABRICMIRROR_SQL_SERVER in the environment.",
    )
    .at(path!(server))
    .into()
}

#[derive(Debug)]
struct EntraTokens(Tokens);

impl TokenSource for EntraTokens {
    fn token(&self) -> Pin<Box<dyn Future<Output = Result<SecretString, String>> + Send + '_>> {
        Box::pin(async { self.0.token(SQL_SCOPE).await.map_err(|error| error.to_string()) })
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
    in_state: Mutex<HashSet<String>>,
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

    /// Notes a principal that the state holds. The CLIs plan the new object of a replacement as if there were no old
    /// one: this alone tells it from a principal that somebody else has made.
    pub fn note_in_state(&self, principal: &[&str]) {
        self.in_state.lock().unwrap_or_else(PoisonError::into_inner).insert(principal.join("/").to_lowercase());
    }

    pub fn is_in_state(&self, principal: &[&str]) -> bool {
        self.in_state.lock().unwrap_or_else(PoisonError::into_inner).contains(&principal.join("/").to_lowercase())
    }

    pub async fn logins(&self) -> Result<Arc<Logins>> {
        if self.written.load(Ordering::SeqCst) {
            return Ok(Arc::new(self.instance.logins().await?));
        }
        let read = || async { self.instance.logins().await.map(Arc::new) };
        Ok(self.logins.get_or_try_init(read).await?.clone())
    }

    pub async fn principals(&self, database: &Identifier) -> Result<Arc<DatabasePrincipals>> {
        let read = || async { self.instance.database(database).principals().await.map(Arc::new) };
        if self.written.load(Ordering::SeqCst) {
            return Ok(read().await?);
        }
        let snapshot = {
            let mut databases = self.databases.lock().unwrap_or_else(PoisonError::into_inner);
            databases.entry(database.as_str().to_lowercase()).or_default().clone()
        };
        Ok(snapshot.get_or_try_init(read).await?.clone())
    }
}
