//! `sp_set_session_context`.

use super::super::functions::text;
use super::super::session_context::size;
use super::super::types;
use super::super::work::Work;
use super::answer::Answer;
use emulator_ground::engine::Message;
use emulator_ground::value::{SqlType, Value};

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
