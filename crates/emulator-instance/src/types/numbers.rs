//! Any value as a number, and what is said of one that is none.

use super::super::moments;
use super::kinds::name_of;
use emulator_ground::engine::Message;
use emulator_ground::value::{SqlType, Value};

#[allow(clippy::cast_precision_loss, reason = "float is what is asked for")]
pub(super) fn number(value: &Value, to: SqlType) -> Result<f64, Message> {
    match value {
        Value::Int(n) => Ok(*n as f64),
        Value::Bit(b) => Ok(f64::from(u8::from(*b))),
        Value::Float(f) => Ok(*f),
        Value::Decimal { unscaled, scale } => Ok(*unscaled as f64 / 10f64.powi(i32::from(*scale))),
        Value::Text(text) => text
            .trim()
            .parse::<f64>()
            .map_err(|_| Message::new(8114, 16, 5, format!("Error converting data type nvarchar to {}.", name_of(to)))),
        Value::DateTime { days, ticks } => {
            let since = moments::days(1900, 1, 1).unwrap_or(0);
            Ok(f64::from(days - since) + *ticks as f64 / moments::TICKS_PER_DAY as f64)
        }
        other => Err(not_allowed(other, to)),
    }
}

pub(super) fn not_allowed(value: &Value, to: SqlType) -> Message {
    let text = format!("Explicit conversion from data type {} to {} is not allowed.", kind_of(value), name_of(to));
    Message::new(529, 16, 2, text)
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "NULL",
        Value::Bit(_) => "bit",
        Value::Int(_) => "int",
        Value::Float(_) => "float",
        Value::Decimal { .. } => "numeric",
        Value::Text(_) => "nvarchar",
        Value::Bytes(_) => "varbinary",
        Value::Guid(_) => "uniqueidentifier",
        Value::Date(_) => "date",
        Value::Time(_) => "time",
        Value::DateTime { .. } => "datetime2",
        Value::DateTimeOffset { .. } => "datetimeoffset",
    }
}
