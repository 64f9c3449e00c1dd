//! Keys and values of a session: `sp_set_session_context` and SESSION_CONTEXT, of which row-level security makes use.
//!
//! They are no part of a transaction, and gone when a connection is reset. UNCONFIRMED: keys are compared as other names
//! are; probes of a server that somebody published show more cases apart.

use std::sync::{Mutex, PoisonError};

use super::functions::{Ambient, text};
use super::procedures::Answer;
use super::state::same_name;
use super::types;
use super::work::Work;
use crate::engine::Message;
use crate::value::{SqlType, Value};

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
    fn get(&self, key: &str) -> Value {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.iter().find(|entry| same_name(&entry.key, key)).map_or(Value::Null, |entry| entry.value.clone())
    }

    fn set(&self, key: &str, value: Value, read_only: bool) -> Result<(), Message> {
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

fn size(key: &str, value: &Value) -> usize {
    let value = match value {
        Value::Text(text) => 2 * text.encode_utf16().count(),
        Value::Bytes(bytes) => bytes.len(),
        _ => 8,
    };
    2 * key.encode_utf16().count() + value
}

pub fn session_context(ambient: &mut Ambient, values: &[Value]) -> Result<Value, Message> {
    Ok(text(values.first()).map_or(Value::Null, |key| ambient.context.get(&key)))
}

impl Work<'_> {
    /// `@key, @value, @read_only`; anybody may.
    ///
    /// # Errors
    /// 225 for no key, 15666 for one that is empty or longer than 128 characters, 15600 for a value of more than 8,000
    /// bytes, 15664 for a key that is read-only, 15665 beyond 1 MB.
    pub(super) fn set_session_context(&self, arguments: &[Value]) -> Result<Answer, Message> {
        let Some(key) = text(arguments.first()) else {
            let text = "The parameters supplied for the procedure \"sp_set_session_context\" are not valid.";
            return Err(Message::new(225, 16, 1, text));
        };
        if !(1..=128).contains(&key.encode_utf16().count()) {
            let text =
                format!("Cannot set key '{key}' in the session context. The size of the key cannot exceed 256 bytes.");
            return Err(Message::new(15666, 16, 1, text));
        }
        let value = arguments.get(1).cloned().unwrap_or(Value::Null);
        if size("", &value) > 8000 {
            let text = "An invalid parameter or option was specified for procedure 'sp_set_connection_context'.";
            return Err(Message::new(15600, 15, 1, text));
        }
        let read_only = match arguments.get(2) {
            Some(Value::Int(n)) => *n != 0,
            Some(value @ Value::Text(_)) => {
                types::convert(value, SqlType::Bit, 0)
                    .map_err(|_| Message::new(8114, 16, 5, "Error converting data type nvarchar to bit."))?
                    == Value::Bit(true)
            }
            Some(Value::Bit(b)) => *b,
            _ => false,
        };
        self.ambient.context.set(&key, value, read_only)?;
        Ok(Answer::default())
    }
}
