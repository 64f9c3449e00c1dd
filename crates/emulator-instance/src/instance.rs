//! The instance as all sessions share it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, Thread};

use super::ambient::{InstanceIds, SessionInfo};
use super::feed::FeedLog;
use super::state::State;
use super::store::Store;
use super::waiting::Waiting;
use emulator_ground::clock::Clock;
use emulator_ground::source::{Directory, InstanceConfig};
use emulator_ground::world::World;

/// An instance; sessions are opened by [`emulator_ground::engine::Engine`], mirroring looks at it through [`emulator_ground::source::Source`].
pub struct Instance {
    pub(crate) config: InstanceConfig,
    pub(crate) ids: Arc<InstanceIds>,
    pub(crate) world: World,
    pub(crate) clock: Arc<Clock>,
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) shared: Mutex<Shared>,
    /// What was last written down of it.
    pub(crate) written: Mutex<Option<Written>>,
    /// For the sessions the instance hands out.
    pub(crate) this: std::sync::Weak<Self>,
}

pub struct Shared {
    pub committed: Arc<State>,
    /// The session whose transaction has changed something, and the state as it sees it.
    pub owner: Option<(u16, Arc<State>)>,
    pub store: Store,
    pub sessions: BTreeMap<u16, OpenSession>,
    pub next_transaction: u64,
    pub waiting: Waiting,
    /// By database id.
    pub feeds: Arc<BTreeMap<i32, FeedLog>>,
}

pub struct OpenSession {
    pub info: SessionInfo,
    pub killed: Arc<AtomicBool>,
}

/// The text of a moment, and what tells that it is still true. It holds the state, so that no change can be made in
/// place: another state is at another address.
pub struct Written {
    pub state: Arc<State>,
    pub feeds: Arc<BTreeMap<i32, FeedLog>>,
    pub next_transaction: u64,
    pub text: Arc<str>,
}

impl Written {
    pub fn is_of(&self, shared: &Shared) -> bool {
        Arc::ptr_eq(&self.state, &shared.committed)
            && Arc::ptr_eq(&self.feeds, &shared.feeds)
            && self.next_transaction == shared.next_transaction
    }
}

impl Instance {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Shared> {
        // A panic in another session must not take the instance with it: state is only replaced whole.
        self.shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
    pub(crate) fn written(&self) -> MutexGuard<'_, Option<Written>> {
        self.written.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
    pub(crate) fn directory(&self) -> &dyn Directory {
        &*self.directory
    }
}

impl Shared {
    /// A transaction that had changed something has ended.
    pub fn wake(&self) {
        self.waiting.readers.values().for_each(Thread::unpark);
        self.wake_writer();
    }

    /// Sessions were killed: each looks whether it is one of them.
    pub fn wake_all(&self) {
        self.waiting.readers.values().chain(&self.waiting.writers).for_each(Thread::unpark);
    }

    /// Whoever had its turn has nothing open now: the next one.
    pub fn wake_writer(&self) {
        if let Some(next) = self.waiting.writers.front().filter(|_| self.owner.is_none()) {
            next.unpark();
        }
    }

    pub fn kill_sessions(&self) {
        for session in self.sessions.values() {
            session.killed.store(true, Ordering::Release);
        }
        self.wake_all();
    }

    /// The calling thread waits no longer.
    pub fn leave(&mut self) {
        self.waiting.leave(thread::current().id());
    }
}
