//! One server.

use std::sync::Arc;

use crate::connection::{ConnectOptions, Connections, Effect, Results};
use crate::database::Database;
use crate::error::{Error, Result};
use crate::server_name::ServerName;
use crate::statement::{Identifier, Statement};

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

    /// An instance that answers by a script.
    #[cfg(test)]
    pub(crate) fn scripted(script: crate::script::Script) -> Self {
        let credentials = crate::Credentials::SqlLogin { username: "sa".into(), password: "x".to_owned().into() };
        let options = ConnectOptions { credentials, ca_certificate_file: None, application: "tests".into() };
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

    pub(crate) async fn read(&self, statement: &Statement) -> Result<Results> {
        self.connections.run(&self.master, statement, Effect::Reads).await
    }

    pub(crate) async fn change(&self, statement: &Statement) -> Result<()> {
        self.connections.run(&self.master, statement, Effect::Changes).await.map(drop)
    }

    pub(crate) fn unreadable(&self, cause: impl Into<String>) -> Error {
        Error::Decode { server: self.server().to_string(), cause: cause.into() }
    }
}
