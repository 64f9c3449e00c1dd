//! The Managed Instance: principals, permissions, databases, rows. Knows neither TDS nor HTTP.
//!
//! Read [`state`] for what it is, [`access`] for who may do what, [`session`] for how a batch runs, [`query`] for how a
//! SELECT becomes SQLite's. Facts come from Microsoft's documentation as gathered in the project's notes; where a number or
//! rule is not documented, the comment beside it says so.

mod access;
mod catalog;
mod classifications;
mod database_options;
mod databases;
mod entering;
mod errors;
mod execute;
mod feed;
mod functions;
mod grants;
mod kept;
mod logins;
mod modules;
mod moments;
mod object_functions;
mod permissions;
mod procedures;
mod query;
mod rows;
mod security_functions;
mod session;
mod session_context;
mod source;
mod state;
mod store;
mod table_variables;
mod tables;
#[cfg(test)]
mod tests;
mod types;
mod users;
mod waiting;
mod work;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::Timestamp;
use uuid::Uuid;

use crate::clock::Clock;
use crate::engine::{Cancel, Message, Outcome, Request, Session, Transport};
use crate::source::{Directory, InstanceConfig};
use crate::world::World;
use access::Identity;
use entering::Entry;
use state::{MASTER, PrincipalType, State};
use store::Store;

/// An instance; sessions are opened by [`crate::engine::Engine`], mirroring looks at it through [`crate::source::Source`].
pub struct Instance {
    config: InstanceConfig,
    ids: Arc<InstanceIds>,
    world: World,
    clock: Arc<Clock>,
    directory: Arc<dyn Directory>,
    shared: Mutex<Shared>,
    /// What was last written down of it.
    written: Mutex<Option<kept::Written>>,
    /// For the sessions the instance hands out.
    this: std::sync::Weak<Self>,
}

/// A database's script that the instance refuses.
#[derive(Debug, thiserror::Error)]
#[error("line {line}, `{statement}`: error {}: {}", message.number, message.text)]
pub struct ScriptError {
    pub database: String,
    /// Of the script, from 1.
    pub line: u32,
    /// What that line says.
    pub statement: String,
    pub message: Message,
}

impl ScriptError {
    fn of_the_instance(message: Message) -> Self {
        Self { database: String::new(), line: 0, statement: String::new(), message }
    }
}

pub struct InstanceIds {
    pub identity_client: Uuid,
    pub identity_object: Uuid,
    pub tenant: Uuid,
}

struct Shared {
    committed: Arc<State>,
    /// The session whose transaction has changed something, and the state as it sees it.
    owner: Option<(u16, Arc<State>)>,
    store: Store,
    sessions: BTreeMap<u16, OpenSession>,
    next_transaction: u64,
    waiting: waiting::Waiting,
    /// By database id.
    feeds: Arc<BTreeMap<i32, feed::FeedLog>>,
}

struct OpenSession {
    info: SessionInfo,
    killed: Arc<AtomicBool>,
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
    pub settings: session::Settings,
    pub row_count: i64,
    pub error_number: i32,
}

impl SessionInfo {
    /// SID and name of who opened the session; nothing when that one is gone.
    fn opener<'s>(&'s self, state: &'s State) -> Option<(&'s [u8], &'s str)> {
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

impl Instance {
    /// Makes the instance and runs the databases' scripts.
    ///
    /// # Errors
    /// The script that failed, and where.
    pub fn new(
        config: InstanceConfig,
        world: World,
        clock: Arc<Clock>,
        directory: Arc<dyn Directory>,
    ) -> Result<Arc<Self>, ScriptError> {
        let ids = Arc::new(InstanceIds {
            identity_client: config.identity_client_id,
            identity_object: config.identity_object_id,
            tenant: config.tenant_id,
        });
        let shared = Mutex::new(Self::beginning(&config, &clock).map_err(ScriptError::of_the_instance)?);
        let instance = Arc::new_cyclic(|this| Self {
            config,
            ids,
            world,
            clock,
            directory,
            shared,
            written: Mutex::default(),
            this: this.clone(),
        });
        instance.run_scripts()?;
        Ok(instance)
    }

    fn beginning(config: &InstanceConfig, clock: &Clock) -> Result<Shared, Message> {
        let mut state = databases::initial_state(config, clock.now());
        let owner = state.login(&config.administrator).map(|l| l.sid.clone()).unwrap_or_default();
        for (id, database) in (5..).zip(&config.databases) {
            state
                .databases
                .insert(id, Arc::new(databases::new_database(id, &database.name, owner.clone(), clock.now())));
        }
        Ok(Shared {
            committed: Arc::new(state),
            owner: None,
            store: Store::new()?,
            sessions: BTreeMap::new(),
            next_transaction: 1,
            waiting: waiting::Waiting::default(),
            feeds: Arc::default(),
        })
    }

    fn run_scripts(&self) -> Result<(), ScriptError> {
        for database in &self.config.databases {
            let state = self.lock().committed.clone();
            let entry = Entry {
                identity: Identity::Login(state.login(&self.config.administrator).map_or(0, |l| l.id)),
                name: self.config.administrator.clone(),
                database: state.database_named(&database.name).map_or(MASTER, |d| d.id),
            };
            let session = self.open(entry, "", "setup", "", Transport::default());
            let mut session = session.map_err(ScriptError::of_the_instance)?;
            for (first_line, batch) in batches(&database.script) {
                let mut failed = None;
                let request = Request::Text { text: batch.clone(), parameters: Vec::new() };
                session.execute(request, &Cancel::default(), &mut |outcome| {
                    if let Outcome::Message(message) = outcome
                        && message.class > 10
                    {
                        failed.get_or_insert(message);
                    }
                });
                if let Some(message) = failed {
                    let line = message.line.max(1);
                    let statement = batch.lines().nth(line as usize - 1).unwrap_or_default().trim().to_owned();
                    return Err(ScriptError {
                        database: database.name.clone(),
                        line: first_line + line - 1,
                        statement,
                        message,
                    });
                }
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // A panic in another session must not take the instance with it: state is only replaced whole.
        self.shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
    fn written(&self) -> MutexGuard<'_, Option<kept::Written>> {
        self.written.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
    fn directory(&self) -> &dyn Directory {
        &*self.directory
    }
    fn ids(&self) -> &InstanceIds {
        &self.ids
    }
}

/// The batches of a script: `GO` alone on a line parts them. It is a word of client tools, and unknown to the server.
/// Each with the number of its first line.
fn batches(script: &str) -> Vec<(u32, String)> {
    let mut batches = vec![(1, String::new())];
    for (number, line) in (1..).zip(script.lines()) {
        if line.trim().eq_ignore_ascii_case("GO") {
            batches.push((number + 1, String::new()));
        } else if let Some((_, batch)) = batches.last_mut() {
            batch.push_str(line);
            batch.push('\n');
        }
    }
    batches.retain(|(_, batch)| !batch.trim().is_empty());
    batches
}

/// What texts may name of the server's own: views, functions, procedures.
#[cfg(test)]
pub(crate) fn offered() -> Vec<String> {
    let functions = functions::callable().map(|function| function.name.to_uppercase());
    catalog::names().chain(procedures::names()).map(str::to_owned).chain(functions).collect()
}
