//! Keys and values of a session, of which row-level security makes use.
//!
//! They are no part of a transaction, and gone when a connection is reset. UNCONFIRMED: keys are compared as other names
//! are; probes of a server that somebody published show more cases apart.

use std::sync::{Mutex, PoisonError};

use super::state::same_name;
use emulator_ground::engine::Message;
use emulator_ground::value::Value;

/// Bytes of keys and values together: 15665.
const MOST: usize = 1 << 20;

#[derive(Debug, Default)]
pub struct SessionContext(Mutex<Vec<Entry>>);

#[derive(Debug)]
struct Entry {
    /// As it was first written.
    key: String,
    value: Value,
    read_only: bool,
}

impl SessionContext {
    pub fn get(&self, key: &str) -> Value {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.iter().find(|entry| same_name(&entry.key, key)).map_or(Value::Null, |entry| entry.value.clone())
    }

    pub fn set(&self, key: &str, value: Value, read_only: bool) -> Result<(), Message> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = entries.iter().position(|entry| same_name(&entry.key, key));
        if let Some(locked) = at.map(|at| &entries[at]).filter(|entry| entry.read_only) {
            let text = format!(
                "Cannot set key '{}' in the session context. The key has been set as read_only for this session.",
                locked.key
            );
            return Err(Message::new(15664, 16, 1, text));
        }
        let others = entries.iter().enumerate().filter(|(i, _)| Some(*i) != at).map(|(_, e)| size(&e.key, &e.value));
        if others.sum::<usize>() + size(key, &value) > MOST {
            let text = format!(
                "The value was not set for key '{key}' because the total size of keys and values in the session context would exceed the 1 MB limit."
            );
            return Err(Message::new(15665, 16, 1, text));
        }
        match at {
            Some(at) => (entries[at].value, entries[at].read_only) = (value, read_only),
            None => entries.push(Entry { key: key.to_owned(), value, read_only }),
        }
        Ok(())
    }
}

/// Bytes that count.
pub fn size(key: &str, value: &Value) -> usize {
    let value = match value {
        Value::Text(text) => 2 * text.encode_utf16().count(),
        Value::Bytes(bytes) => bytes.len(),
        _ => 8,
    };
    2 * key.encode_utf16().count() + value
}
