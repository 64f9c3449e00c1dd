//! A session: its settings, its transaction, and how one statement gets at the state.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::access::Identity;
use super::ambient::{Ambient, SessionInfo};
use super::entering::Entry;
use super::errors::{self, cancelled};
use super::instance::{Instance, OpenSession, Shared};
use super::prepared::Prepared;
use super::settings::Settings;
use super::state::State;
use super::table_variables::TableVariables;
use super::waiting::{LOOK, Wish};
use super::work::Work;
use emulator_ground::engine::{Cancel, Message, Transport};

pub struct InstanceSession {
    pub instance: Arc<Instance>,
    pub id: u16,
    /// Whom it was opened by, and what that one is called.
    entered: Identity,
    name: Arc<str>,
    /// Where the login entered, for reset.
    home: i32,
    pub database: i32,
    context: Arc<super::session_context::SessionContext>,
    pub identities: Vec<Identity>,
    /// EXECUTE AS … WITH NO REVERT began the first of them.
    pub no_revert: bool,
    pub settings: Settings,
    pub transaction: Option<Transaction>,
    pub transactions: i32,
    pub row_count: i64,
    pub error_number: i32,
    pub last_identity: Option<i64>,
    pub caught: Option<Message>,
    pub prepared: Prepared,
    /// Of the batch that runs.
    pub tables: TableVariables,
    killed: Arc<AtomicBool>,
    host: Arc<str>,
    program: Arc<str>,
}

pub struct Transaction {
    pub id: u64,
    /// Of the outermost BEGIN TRANSACTION.
    pub name: String,
    /// XACT_ABORT met an error inside TRY: it can only be rolled back.
    pub doomed: bool,
    /// Has changed something: others' changes wait for it.
    pub owner: bool,
    pub saves: Vec<(String, Option<Arc<State>>)>,
}

impl Instance {
    pub(super) fn open(
        &self,
        entry: Entry,
        host: &str,
        program: &str,
        library: &str,
        transport: Transport,
    ) -> Result<InstanceSession, Message> {
        let Entry { identity: entered, name, database } = entry;
        let name: Arc<str> = name.into();
        let instance = self.this.upgrade().ok_or_else(|| errors::internal("the instance is going away"))?;
        let mut shared = self.lock();
        let id = (51..u16::MAX)
            .find(|id| !shared.sessions.contains_key(id))
            .ok_or_else(|| errors::internal("no session id is free"))?;
        let killed = Arc::new(AtomicBool::new(false));
        let info = SessionInfo {
            id,
            entered,
            name: Arc::clone(&name),
            since: self.clock.now(),
            active: self.clock.now(),
            settings: Settings::default(),
            row_count: 0,
            error_number: 0,
            host: host.to_owned(),
            program: program.to_owned(),
            library: library.to_owned(),
            transport,
            connection: Uuid::new_v4(),
            database,
            transactions: 0,
        };
        shared.sessions.insert(id, OpenSession { info, killed: Arc::clone(&killed) });
        drop(shared);
        Ok(InstanceSession {
            instance,
            id,
            entered,
            name,
            home: database,
            database,
            context: Arc::default(),
            identities: vec![entered],
            no_revert: false,
            settings: Settings::default(),
            transaction: None,
            transactions: 0,
            row_count: 0,
            error_number: 0,
            last_identity: None,
            caught: None,
            prepared: Prepared::default(),
            tables: TableVariables::default(),
            killed,
            host: host.into(),
            program: program.into(),
        })
    }
}

impl InstanceSession {
    /// Of whom it was opened by.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn identity(&self) -> Identity {
        self.identities.last().copied().unwrap_or(self.entered)
    }

    /// The state as this session sees it.
    pub fn state(&self) -> Arc<State> {
        let shared = self.instance.lock();
        self.visible(&shared)
    }

    fn visible(&self, shared: &Shared) -> Arc<State> {
        match &shared.owner {
            Some((owner, state)) if *owner == self.id => Arc::clone(state),
            _ => Arc::clone(&shared.committed),
        }
    }

    fn ambient(&self, shared: &Shared) -> Ambient {
        Ambient {
            state: self.visible(shared),
            identity: self.identity(),
            entered: self.entered,
            entered_name: Arc::clone(&self.name),
            session: self.id,
            context: Arc::clone(&self.context),
            database: self.database,
            server_name: self.instance.config.server_name.as_str().into(),
            now: self.instance.clock.now(),
            facts: self.instance.world.facts(),
            instance: Arc::clone(&self.instance.ids),
            host: Arc::clone(&self.host),
            program: Arc::clone(&self.program),
            row_count: self.row_count,
            error_number: self.error_number,
            last_identity: self.last_identity,
            transactions: self.transactions,
            caught: self.caught.clone(),
            doomed: self.is_doomed(),
            settings: self.settings.clone(),
            sessions: Arc::new(shared.sessions.values().map(|s| s.info.clone()).collect()),
            feeds: Arc::clone(&shared.feeds),
            tables: Arc::clone(&self.tables),
            error: None,
        }
    }

    /// Runs what only reads; waits when it meets rows another transaction has changed.
    pub fn read<T>(
        &mut self,
        cancel: &Cancel,
        mut inside: impl FnMut(&mut Work<'_>) -> Result<T, Message>,
    ) -> Result<T, Message> {
        let instance = Arc::clone(&self.instance);
        let started = Instant::now();
        let stop = || cancel.is_set();
        let mut shared = instance.lock();
        loop {
            let ambient = self.ambient(&shared);
            let busy = shared.owner.as_ref().is_some_and(|(owner, _)| *owner != self.id);
            let mut state = self.visible(&shared);
            shared.store.set_ambient(ambient.clone());
            let mut work = Work {
                state: &mut state,
                store: &mut shared.store,
                ambient: &ambient,
                directory: instance.directory(),
                busy,
                must_wait: false,
                cancelled: &stop,
            };
            let found = inside(&mut work);
            if !work.must_wait {
                return found;
            }
            shared = self.wait(shared, Wish::Read, cancel, started, &instance)?;
            shared.leave();
        }
    }

    /// Runs what changes something, whole or not at all.
    pub fn write<T>(
        &mut self,
        cancel: &Cancel,
        inside: impl FnOnce(&mut Work<'_>) -> Result<T, Message>,
    ) -> Result<T, Message> {
        self.refuse_doomed()?;
        let instance = Arc::clone(&self.instance);
        let started = Instant::now();
        let mut shared = instance.lock();
        while shared.owner.as_ref().is_some_and(|(owner, _)| *owner != self.id) {
            shared = self.wait(shared, Wish::Write, cancel, started, &instance)?;
        }
        shared.leave();
        let result = self.write_now(&mut shared, &instance, cancel, inside);
        shared.wake_writer();
        result
    }

    fn write_now<T>(
        &mut self,
        shared: &mut Shared,
        instance: &Instance,
        cancel: &Cancel,
        inside: impl FnOnce(&mut Work<'_>) -> Result<T, Message>,
    ) -> Result<T, Message> {
        let stop = || cancel.is_set();
        let explicit = self.transaction.is_some();
        if let Some(transaction) = self.transaction.as_mut().filter(|t| !t.owner) {
            shared.store.run("BEGIN")?;
            let state = Arc::clone(&shared.committed);
            shared.owner = Some((self.id, state));
            transaction.owner = true;
        }
        shared.store.run(if explicit { "SAVEPOINT statement" } else { "BEGIN" })?;
        let ambient = self.ambient(shared);
        shared.store.set_ambient(ambient.clone());
        let mut state = self.visible(shared);
        let mut work = Work {
            state: &mut state,
            store: &mut shared.store,
            ambient: &ambient,
            directory: instance.directory(),
            busy: false,
            must_wait: false,
            cancelled: &stop,
        };
        let result = inside(&mut work);
        match (&result, explicit) {
            (Ok(_), true) => {
                shared.owner = Some((self.id, state));
                shared.store.run("RELEASE statement")?;
            }
            (Ok(_), false) => {
                shared.store.run("COMMIT")?;
                shared.committed = state;
            }
            (Err(_), explicit) => {
                shared.store.run(if explicit { "ROLLBACK TO statement; RELEASE statement" } else { "ROLLBACK" })?;
                shared.store.forget_catalog();
            }
        }
        result
    }

    pub fn is_killed(&self) -> bool {
        self.killed.load(Ordering::Acquire)
    }

    /// As freshly logged in.
    pub fn start_over(&mut self, keep_transaction: bool) {
        if !keep_transaction && self.transactions > 0 {
            _ = self.rollback();
        }
        self.settings = Settings::default();
        (self.identities, self.no_revert) = (vec![self.entered], false);
        self.database = self.home;
        self.context = Arc::default();
        self.prepared = Prepared::default();
        (self.row_count, self.error_number, self.caught) = (0, 0, None);
        self.note();
    }

    // --- transactions ---

    pub fn begin(&mut self, name: &str) -> Option<u64> {
        self.transactions += 1;
        let mut began = None;
        if self.transaction.is_none() {
            let mut shared = self.instance.lock();
            let id = shared.next_transaction;
            shared.next_transaction += 1;
            drop(shared);
            self.transaction =
                Some(Transaction { id, name: name.to_owned(), doomed: false, owner: false, saves: Vec::new() });
            began = Some(id);
        }
        self.note();
        began
    }

    /// 3902 outside a transaction; the id when the outermost one ended.
    pub fn commit(&mut self) -> Result<Option<u64>, Message> {
        if self.transactions == 0 {
            return Err(Message::new(
                3902,
                16,
                1,
                "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION.",
            ));
        }
        self.refuse_doomed()?;
        self.transactions -= 1;
        let ended = if self.transactions == 0 { self.end(true)? } else { None };
        self.note();
        Ok(ended)
    }

    pub fn rollback(&mut self) -> Result<Option<u64>, Message> {
        if self.transactions == 0 {
            return Err(Message::new(
                3903,
                16,
                1,
                "The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION.",
            ));
        }
        self.transactions = 0;
        let ended = self.end(false)?;
        self.note();
        Ok(ended)
    }

    fn end(&mut self, keep: bool) -> Result<Option<u64>, Message> {
        let Some(transaction) = self.transaction.take() else { return Ok(None) };
        if transaction.owner {
            let mut shared = self.instance.lock();
            // After a reset the instance has forgotten the transaction already.
            if shared.owner.as_ref().is_some_and(|(owner, _)| *owner == self.id)
                && !self.is_killed_by_reset(&shared)
                && let Some((_, state)) = shared.owner.take()
            {
                shared.store.run(if keep { "COMMIT" } else { "ROLLBACK" })?;
                if keep {
                    shared.committed = state;
                } else {
                    shared.store.forget_catalog();
                }
            }
            shared.wake();
        }
        Ok(Some(transaction.id))
    }

    fn is_killed_by_reset(&self, shared: &Shared) -> bool {
        !shared.sessions.contains_key(&self.id)
    }

    pub fn save(&mut self, name: &str) -> Result<(), Message> {
        let Some(transaction) = &mut self.transaction else {
            return Err(Message::new(628, 16, 0, "Cannot issue SAVE TRANSACTION when there is no active transaction."));
        };
        let shared = self.instance.lock();
        let state = shared.owner.as_ref().filter(|(owner, _)| *owner == self.id).map(|(_, state)| Arc::clone(state));
        if state.is_some() {
            shared.store.run(&format!("SAVEPOINT save{}", transaction.saves.len()))?;
        }
        transaction.saves.push((name.to_owned(), state));
        Ok(())
    }

    pub fn is_doomed(&self) -> bool {
        self.transaction.as_ref().is_some_and(|t| t.doomed)
    }

    fn refuse_doomed(&self) -> Result<(), Message> {
        if self.is_doomed() {
            let text = "The current transaction cannot be committed and cannot support operations that write to the log file. Roll back the transaction.";
            return Err(Message::new(3930, 16, 1, text));
        }
        Ok(())
    }

    /// Whether ROLLBACK of this name takes everything back: it is that of the outermost BEGIN TRANSACTION.
    pub fn is_outermost(&self, name: &str) -> bool {
        self.transaction.as_ref().is_some_and(|t| !t.name.is_empty() && t.name == name)
    }

    /// False when there is no savepoint of that name.
    pub fn rollback_to(&mut self, name: &str) -> Result<bool, Message> {
        let id = self.id;
        let Some(transaction) = &mut self.transaction else { return Ok(false) };
        let Some(at) = transaction.saves.iter().rposition(|(save, _)| save == name) else {
            return Ok(false);
        };
        let mut shared = self.instance.lock();
        match transaction.saves[at].1.clone() {
            Some(state) => {
                shared.store.run(&format!("ROLLBACK TO save{at}"))?;
                shared.owner = Some((id, state));
            }
            // Nothing had been changed then: everything goes, the transaction stays open.
            None if transaction.owner => {
                shared.store.run("ROLLBACK; BEGIN")?;
                let state = Arc::clone(&shared.committed);
                shared.owner = Some((id, state));
            }
            None => {}
        }
        shared.store.forget_catalog();
        transaction.saves.truncate(at + 1);
        Ok(true)
    }

    /// Writes down where the session is, for `sys.dm_exec_sessions`.
    pub fn note(&self) {
        let active = self.instance.clock.now();
        if let Some(session) = self.instance.lock().sessions.get_mut(&self.id) {
            let info = &mut session.info;
            (info.database, info.transactions, info.active) = (self.database, self.transactions, active);
            (info.row_count, info.error_number) = (self.row_count, self.error_number);
            info.settings.clone_from(&self.settings);
        }
    }

    pub fn kill(&self, id: u16) -> bool {
        let shared = self.instance.lock();
        let found = shared.sessions.get(&id);
        if let Some(session) = found {
            session.killed.store(true, Ordering::Release);
            shared.wake_all();
        }
        found.is_some()
    }
}

impl Drop for InstanceSession {
    fn drop(&mut self) {
        if self.transactions > 0 {
            _ = self.rollback();
        }
        let mut shared = self.instance.lock();
        // A session of before a reset must not take a new one's place with it.
        if shared.sessions.get(&self.id).is_some_and(|s| Arc::ptr_eq(&s.killed, &self.killed)) {
            shared.sessions.remove(&self.id);
        }
    }
}

impl InstanceSession {
    /// Sleeps until there may be something new.
    ///
    /// # Errors
    /// The client or KILL ended the request, or SET LOCK_TIMEOUT did.
    pub(super) fn wait<'g>(
        &self,
        mut shared: MutexGuard<'g, Shared>,
        wish: Wish,
        cancel: &Cancel,
        started: Instant,
        instance: &'g Instance,
    ) -> Result<MutexGuard<'g, Shared>, Message> {
        let thread = thread::current();
        // Before the look at it: what comes between that and the sleep ends the sleep at once.
        cancel.wake(&thread);
        let result = match self.goes_on(cancel).and_then(|()| self.longest_sleep(started)) {
            Ok(longest) => {
                shared.waiting.enter(&thread, wish);
                drop(shared);
                thread::park_timeout(longest);
                shared = instance.lock();
                self.goes_on(cancel)
            }
            Err(message) => Err(message),
        };
        if let Err(message) = result {
            shared.leave();
            // It may have been woken to take its turn.
            shared.wake_writer();
            return Err(message);
        }
        Ok(shared)
    }

    fn goes_on(&self, cancel: &Cancel) -> Result<(), Message> {
        if cancel.is_set() || self.is_killed() { Err(cancelled()) } else { Ok(()) }
    }

    fn longest_sleep(&self, started: Instant) -> Result<Duration, Message> {
        let Ok(limit) = u64::try_from(self.settings.lock_timeout) else { return Ok(LOOK) };
        match Duration::from_millis(limit).checked_sub(started.elapsed()).filter(|left| !left.is_zero()) {
            Some(left) => Ok(left.min(LOOK)),
            None => Err(Message::new(1222, 16, 51, "Lock request time out period exceeded.")),
        }
    }
}
