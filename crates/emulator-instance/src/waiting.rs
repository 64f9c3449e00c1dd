//! Sessions that wait for another one's transaction. They sleep until they are woken: by the end of that transaction,
//! by their client or by KILL.
//!
//! Whoever reads is woken with every end, of those that write the one that has waited longest: there can be but one, and
//! it wakes the next when it leaves nothing open or gives up. Others may come before it, and wake it in turn.

use std::collections::{HashMap, VecDeque};
use std::thread::{Thread, ThreadId};
use std::time::Duration;

/// The longest sleep: should a session not be woken, it looks for itself.
pub const LOOK: Duration = Duration::from_secs(1);

/// Who waits.
#[derive(Default)]
pub struct Waiting {
    pub readers: HashMap<ThreadId, Thread>,
    pub writers: VecDeque<Thread>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    Read,
    Write,
}

impl Waiting {
    pub fn enter(&mut self, thread: &Thread, wish: Wish) {
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

    pub fn leave(&mut self, thread: ThreadId) {
        self.readers.remove(&thread);
        self.writers.retain(|known| known.id() != thread);
    }
}
