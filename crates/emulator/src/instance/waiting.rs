//! Sessions that wait for another one's transaction. They sleep until they are woken: by the end of that transaction,
//! by their client ([`Cancel`]) or by KILL.
//!
//! Whoever reads is woken with every end, of those that write the one that has waited longest: there can be but one, and
//! it wakes the next when it leaves nothing open or gives up. Others may come before it, and wake it in turn.

use std::collections::{HashMap, VecDeque};
use std::sync::MutexGuard;
use std::thread::{self, Thread, ThreadId};
use std::time::{Duration, Instant};

use super::session::{InstanceSession, cancelled};
use super::{Instance, Shared};
use crate::engine::{Cancel, Message};

/// The longest sleep: should a session not be woken, it looks for itself.
const LOOK: Duration = Duration::from_secs(1);

/// Who waits.
#[derive(Default)]
pub struct Waiting {
    readers: HashMap<ThreadId, Thread>,
    writers: VecDeque<Thread>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    Read,
    Write,
}

impl Waiting {
    fn enter(&mut self, thread: &Thread, wish: Wish) {
        match wish {
            Wish::Read => {
                self.readers.insert(thread.id(), thread.clone());
            }
            Wish::Write if self.writers.iter().all(|known| known.id() != thread.id()) => {
                self.writers.push_back(thread.clone());
            }
            Wish::Write => {}
        }
    }

    fn leave(&mut self, thread: ThreadId) {
        self.readers.remove(&thread);
        self.writers.retain(|known| known.id() != thread);
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

    /// The calling thread waits no longer.
    pub fn leave(&mut self) {
        self.waiting.leave(thread::current().id());
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
