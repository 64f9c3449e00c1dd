//! An instance as text: what `--data` keeps of it. Sessions and their open transactions are not part of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::feed::FeedLog;
use super::instance::{Instance, Shared, Written};
use super::state::State;
use super::store::Store;
use super::waiting::Waiting;
use emulator_ground::source::Writing;

/// Stack for the deepest conditions a table or view can hold, also in a build without optimisation.
const STACK: usize = 256 << 20;

#[derive(Serialize, Deserialize)]
struct Kept {
    state: Arc<State>,
    feeds: Arc<BTreeMap<i32, FeedLog>>,
    next_transaction: u64,
    /// SQLite's image of the rows, in base64.
    rows: String,
}

impl Instance {
    pub(super) fn write_down(&self) -> Result<Writing, String> {
        let mut shared = self.lock();
        if let Some((session, _)) = &shared.owner {
            return Err(format!("session {session} has a transaction open that has changed something"));
        }
        if let Some(written) = self.written().as_ref().filter(|written| written.is_of(&shared)) {
            let text = written.text.clone();
            return Ok(Box::new(move || Ok(text)));
        }
        let rows = shared.store.image().map_err(|message| message.text)?;
        let (state, feeds, next_transaction) =
            (shared.committed.clone(), shared.feeds.clone(), shared.next_transaction);
        drop(shared);
        let this = self.this.clone();
        Ok(Box::new(move || {
            let kept = Kept { state, feeds, next_transaction, rows: STANDARD.encode(rows) };
            let text = stacker::maybe_grow(STACK, STACK, || serde_json::to_string(&kept));
            let text: Arc<str> = text.map_err(|error| error.to_string())?.into();
            if let Some(instance) = this.upgrade() {
                let Kept { state, feeds, .. } = kept;
                *instance.written() = Some(Written { state, feeds, next_transaction, text: text.clone() });
            }
            Ok(text)
        }))
    }

    pub(super) fn read_back(&self, text: &str) -> Result<(), String> {
        let kept = stacker::maybe_grow(STACK, STACK, || {
            let mut reader = serde_json::Deserializer::from_str(text);
            // Conditions are deeper than its limit, and the stack is deep enough for them.
            reader.disable_recursion_limit();
            Kept::deserialize(&mut reader)
        });
        let kept = kept.map_err(|error| error.to_string())?;
        let rows = STANDARD.decode(kept.rows).map_err(|error| error.to_string())?;
        let store = Store::of_image(&rows).map_err(|message| message.text)?;
        let mut shared = self.lock();
        shared.kill_sessions();
        *shared = Shared {
            committed: kept.state,
            owner: None,
            store,
            sessions: BTreeMap::new(),
            next_transaction: kept.next_transaction,
            waiting: Waiting::default(),
            feeds: kept.feeds,
        };
        Ok(())
    }

    /// Takes back what no session has committed, and leaves the sessions without an instance.
    pub(super) fn end_all_sessions(&self) {
        let mut shared = self.lock();
        shared.kill_sessions();
        shared.sessions.clear();
        if shared.owner.take().is_some() {
            if let Err(message) = shared.store.run("ROLLBACK") {
                tracing::error!(number = message.number, "the end of a transaction: {}", message.text);
            }
            shared.store.forget_catalog();
        }
    }
}
