//! Values as JSON: a state as its file holds it.

use serde_json::Value;

use crate::dynamic::Dynamic;

pub(crate) fn read(bytes: &[u8]) -> Result<Dynamic, serde_json::Error> {
    serde_json::from_slice(bytes).map(from_json)
}

fn from_json(value: Value) -> Dynamic {
    match value {
        Value::Null => Dynamic::Null,
        Value::Bool(value) => Dynamic::Bool(value),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Dynamic::Int(whole),
            (None, Some(float)) => Dynamic::from(float),
            (None, None) => Dynamic::BigNumber(number.to_string()),
        },
        Value::String(text) => Dynamic::String(text),
        Value::Array(elements) => Dynamic::List(elements.into_iter().map(from_json).collect()),
        Value::Object(entries) => {
            Dynamic::Map(entries.into_iter().map(|(key, entry)| (key, from_json(entry))).collect())
        }
    }
}
