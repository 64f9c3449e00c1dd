//! What functions, catalog views and statements know besides the rows: for whom, where and when.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::access::{Identity, Token};
use super::errors;
use super::feed::FeedLog;
use super::session_context::SessionContext;
use super::settings::Settings;
use super::state::{Database, PrincipalType, ServerPrincipal, State};
use super::table_variables::TableVariables;
use emulator_ground::engine::{Message, Transport};
use emulator_ground::value::{SqlType, Value};
use emulator_ground::world;

#[derive(Clone)]
pub struct Ambient {
    pub state: Arc<State>,
    pub identity: Identity,
    /// Whom the session was opened by, and what that one is called.
    pub entered: Identity,
    pub entered_name: Arc<str>,
    pub session: u16,
    pub context: Arc<SessionContext>,
    pub database: i32,
    pub server_name: Arc<str>,
    pub now: Timestamp,
    pub facts: world::Facts,
    pub instance: Arc<InstanceIds>,
    pub host: Arc<str>,
    pub program: Arc<str>,
    pub row_count: i64,
    pub error_number: i32,
    pub last_identity: Option<i64>,
    pub transactions: i32,
    pub caught: Option<Message>,
    /// The transaction can only be rolled back.
    pub doomed: bool,
    pub settings: Settings,
    pub sessions: Arc<Vec<SessionInfo>>,
    pub feeds: Arc<BTreeMap<i32, FeedLog>>,
    pub tables: TableVariables,
    /// What a function raised; SQLite only passes on that one did.
    pub error: Option<Message>,
}

pub struct InstanceIds {
    pub identity_client: Uuid,
    pub identity_object: Uuid,
    pub tenant: Uuid,
}

/// A row of `sys.dm_exec_sessions`.
#[derive(Debug, Clone)]
pub struct SessionInfo {
    pub id: u16,
    /// Whom the session was opened by: a login, or a contained user.
    pub entered: Identity,
    /// That one's name as it was then.
    pub name: Arc<str>,
    pub since: Timestamp,
    pub host: String,
    pub program: String,
    pub library: String,
    pub transport: Transport,
    pub connection: Uuid,
    pub database: i32,
    pub transactions: i32,
    /// When it last ran something.
    pub active: Timestamp,
    pub settings: Settings,
    pub row_count: i64,
    pub error_number: i32,
}

impl SessionInfo {
    /// SID and name of who opened the session; nothing when that one is gone.
    pub fn opener<'s>(&'s self, state: &'s State) -> Option<(&'s [u8], &'s str)> {
        match self.entered {
            Identity::Login(id) => state.server_principals.get(&id).map(|login| {
                let through_group = login.kind == PrincipalType::ExternalGroup;
                (login.sid.as_slice(), if through_group { &*self.name } else { &login.name })
            }),
            Identity::User { database, user } | Identity::Contained { database, user } => {
                let user = state.database(database)?.principals.get(&user)?;
                Some((user.sid.as_deref()?, &self.name))
            }
        }
    }
}

impl Ambient {
    /// The login, or for EXECUTE AS USER the login behind the user, if any.
    pub fn login(&self) -> Option<&ServerPrincipal> {
        match self.identity {
            Identity::Login(id) => self.state.server_principals.get(&id),
            Identity::User { database, user } => {
                let sid = self.state.database(database)?.principals.get(&user)?.sid.clone()?;
                self.state.login_by_sid(&sid)
            }
            Identity::Contained { .. } => None,
        }
    }
    /// What SUSER_SNAME() answers. A contained user is no server principal, and has the name Entra knows it by.
    pub fn login_name(&self) -> Option<&str> {
        self.name_of(self.identity)
    }
    pub fn original_login(&self) -> Option<&str> {
        self.name_of(self.entered)
    }
    fn name_of(&self, identity: Identity) -> Option<&str> {
        match identity {
            Identity::Contained { .. } => Some(&self.entered_name),
            Identity::Login(id) => {
                let login = self.state.server_principals.get(&id)?;
                let through_group = login.kind == PrincipalType::ExternalGroup && identity == self.entered;
                Some(if through_group { &self.entered_name } else { &login.name })
            }
            Identity::User { .. } => self.login().map(|login| login.name.as_str()),
        }
    }
    /// For whom catalog rows are visible: a key that differs where visibility may.
    pub fn viewer(&self) -> String {
        format!("{:?}/{}/{:?}", self.identity, self.database, self.facts)
    }

    /// The current database.
    pub fn here(&self) -> Option<&Arc<Database>> {
        self.state.database(self.database)
    }
    pub fn token(&self) -> Token {
        self.state.token(self.identity, self.database)
    }

    /// A `@@` variable.
    pub fn global(&self, name: &str) -> Result<(SqlType, Value), Message> {
        let int = |n: i64| (SqlType::Int, Value::Int(n));
        let text = |text: &str| (SqlType::NVarChar(Some(128)), Value::Text(text.to_owned()));
        Ok(match name.to_ascii_uppercase().as_str() {
            "@@SPID" => (SqlType::SmallInt, Value::Int(i64::from(self.session))),
            "@@VERSION" => (SqlType::NVarChar(Some(300)), Value::Text(VERSION.to_owned())),
            "@@SERVERNAME" => text(&self.server_name),
            "@@SERVICENAME" => text("MSSQLSERVER"),
            "@@LANGUAGE" => text("us_english"),
            "@@LANGID" => (SqlType::SmallInt, Value::Int(0)),
            "@@TRANCOUNT" => int(i64::from(self.transactions)),
            "@@ROWCOUNT" => int(self.row_count),
            "@@ERROR" => int(i64::from(self.error_number)),
            "@@NESTLEVEL" => int(0),
            "@@OPTIONS" => int(self.settings.options()),
            "@@DATEFIRST" => (SqlType::TinyInt, Value::Int(7)),
            "@@LOCK_TIMEOUT" => int(self.settings.lock_timeout),
            "@@TEXTSIZE" => int(self.settings.text_size),
            "@@MAX_PRECISION" => (SqlType::TinyInt, Value::Int(38)),
            "@@IDENTITY" => {
                let value = self.last_identity.map_or(Value::Null, |n| Value::Decimal { unscaled: n.into(), scale: 0 });
                (SqlType::Decimal { precision: 38, scale: 0 }, value)
            }
            _ => return Err(errors::undeclared(name)),
        })
    }
}

/// `@@VERSION` is the same on Azure SQL Database; only EngineEdition tells a Managed Instance.
const VERSION: &str =
    "Microsoft SQL Azure (RTM) - 12.0.2000.8 \n\tNov  1 2026 12:00:00 \n\tCopyright (C) 2025 Microsoft Corporation\n";
