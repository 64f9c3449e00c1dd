//! How an instance is made: its state at the beginning, and the databases' scripts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::access::Identity;
use super::ambient::InstanceIds;
use super::databases;
use super::entering::Entry;
use super::instance::{Instance, Shared};
use super::state::{Database, MASTER};
use super::store::Store;
use super::waiting::Waiting;
use emulator_ground::clock::Clock;
use emulator_ground::engine::{Cancel, Message, Outcome, Request, Session, Transport};
use emulator_ground::source::{Directory, InstanceConfig};
use emulator_ground::world::World;

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

    pub(crate) fn beginning(config: &InstanceConfig, clock: &Clock) -> Result<Shared, Message> {
        let mut state = databases::initial_state(config, clock.now());
        let owner = state.login(&config.administrator).map(|l| l.sid.clone()).unwrap_or_default();
        for (id, database) in (5..).zip(&config.databases) {
            let made = databases::new_database(id, &database.name, owner.clone(), clock.now());
            state.databases.insert(id, Arc::new(Database { state: database.state, ..made }));
        }
        Ok(Shared {
            committed: Arc::new(state),
            owner: None,
            store: Store::new()?,
            sessions: BTreeMap::new(),
            next_transaction: 1,
            waiting: Waiting::default(),
            feeds: Arc::default(),
        })
    }

    pub(crate) fn run_scripts(&self) -> Result<(), ScriptError> {
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
