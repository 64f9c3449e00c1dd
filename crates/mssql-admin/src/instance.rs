//! One server.

use std::sync::Arc;
use std::time::Duration;

use crate::connection::{ConnectOptions, Connections, Credentials, Results};
use crate::database::Database;
use crate::error::{Error, Result};
use crate::retry::Effect;
use crate::row::ResultSets;
use crate::server_name::ServerName;
use crate::statement::{Identifier, Literal, Statement};

/// A row of `sys.databases`, or that there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseState {
    Online,
    /// Nobody opens it: `state_desc`.
    Closed(String),
    /// The operator sees every database, and there is none of the name.
    Gone,
    /// None can be seen, and the operator does not see all (sql-mi facts §4.1).
    Unseen,
}

/// A managed instance. Cheap to clone; connects when first asked.
#[derive(Clone, Debug)]
pub struct Instance {
    connections: Arc<Connections>,
    master: Identifier,
}

impl Instance {
    pub fn new(server: ServerName, options: ConnectOptions) -> Self {
        Self {
            connections: Arc::new(Connections::new(server, options)),
            master: "master".parse().expect("a legal name"),
        }
    }

    /// An instance that answers by a script, until `stop` is cancelled.
    #[cfg(test)]
    pub(crate) fn scripted(script: crate::script::Script, stop: tokio_util::sync::CancellationToken) -> Self {
        let credentials = Credentials::SqlLogin { username: "sa".into(), password: "x".to_owned().into() };
        let options = ConnectOptions {
            credentials,
            ca_certificates: None,
            certificate_name: None,
            encryption: crate::Encryption::default(),
            application: "tests".into(),
            stop,
        };
        let mut connections = Connections::new("mi.abc.database.windows.net".parse().expect("a name"), options);
        connections.script = Some(script);
        Self { connections: Arc::new(connections), master: "master".parse().expect("a legal name") }
    }

    pub fn server(&self) -> &ServerName {
        self.connections.server()
    }

    /// A database of the instance. Whether it is there shows when it is asked.
    pub fn database(&self, name: &Identifier) -> Database {
        Database::new(self.connections.clone(), name.clone())
    }

    /// What the instance shows of a database of this name, as the server itself compares names, whether or not it can be
    /// opened.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn database_state(&self, name: &Identifier) -> Result<DatabaseState> {
        let statement = Statement::new(
            "SELECT HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW ANY DATABASE') AS sees_all,
       (SELECT state_desc FROM sys.databases WHERE name = {}) AS state;",
            &[&Literal(name.as_str())],
        );
        let results = self.read(&statement).await?;
        let read = || -> Result<DatabaseState, String> {
            let row = ResultSets::new(&results).row()?;
            Ok(match row.text("state")? {
                Some(state) if state == "ONLINE" => DatabaseState::Online,
                Some(state) => DatabaseState::Closed(state),
                None if row.flag("sees_all")? => DatabaseState::Gone,
                None => DatabaseState::Unseen,
            })
        };
        read().map_err(|cause| self.unreadable(cause))
    }

    pub(crate) async fn read(&self, statement: &Statement) -> Result<Results> {
        self.send(statement, Effect::Reads).await
    }

    pub(crate) async fn send(&self, statement: &Statement, effect: Effect) -> Result<Results> {
        self.connections.run(&self.master, statement, effect).await
    }

    pub(crate) async fn log_in(&self, credentials: &Credentials) -> Result<()> {
        self.connections.log_in(&self.master, credentials).await
    }

    pub(crate) async fn sleep(&self, pause: Duration) -> Result<()> {
        self.connections.sleep(pause).await
    }

    pub(crate) fn unreadable(&self, cause: impl Into<String>) -> Error {
        Error::Decode { server: self.server().to_string(), cause: cause.into() }
    }
}
