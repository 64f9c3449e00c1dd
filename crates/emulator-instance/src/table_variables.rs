//! Table variables: `DECLARE @t TABLE`, INSERT into it – of values, of a query, of what EXECUTE returns – and reading it.
//!
//! They are of the batch, like other variables, and no transaction touches them. Constraints, defaults and changes of
//! their rows are outside the subset.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::errors;
use super::types;
use emulator_ground::engine::Message;
use emulator_ground::value::{Column, SqlType, Value};

/// By name, in lower case.
pub type TableVariables = Arc<BTreeMap<String, Arc<TableVariable>>>;

#[derive(Debug, Clone)]
pub struct TableVariable {
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Value>>,
}

impl TableVariable {
    /// Appends rows, given for the named columns or for all of them; NULL stands in the others.
    ///
    /// # Errors
    /// 207 for a column that is not there, 213 for another number of values, 515 for NULL where it may not be, 2628 for
    /// what is too long.
    pub fn insert(&mut self, name: &str, columns: &[String], rows: Vec<Vec<(SqlType, Value)>>) -> Result<(), Message> {
        let mut places = Vec::new();
        for wanted in columns {
            let place = self.columns.iter().position(|column| super::state::same_name(&column.name, wanted));
            places.push(place.ok_or_else(|| errors::invalid_column(wanted))?);
        }
        if columns.is_empty() {
            places.extend(0..self.columns.len());
        }
        let mut stored = Vec::new();
        for given in rows {
            if given.len() != places.len() {
                let text = "Column name or number of supplied values does not match table definition.";
                return Err(Message::new(213, 16, 7, text));
            }
            let mut row = vec![Value::Null; self.columns.len()];
            for (place, (from, value)) in places.iter().zip(given) {
                row[*place] = self.kept(name, *place, from, &value)?;
            }
            if let Some((column, _)) = self.columns.iter().zip(&row).find(|(c, v)| !c.nullable && **v == Value::Null) {
                let text = format!(
                    "Cannot insert the value NULL into column '{}', table '{name}'; column does not allow nulls. INSERT fails.",
                    column.name
                );
                return Err(Message::new(515, 16, 2, text));
            }
            stored.push(row);
        }
        self.rows.extend(stored);
        Ok(())
    }

    fn kept(&self, name: &str, place: usize, from: SqlType, value: &Value) -> Result<Value, Message> {
        let column = &self.columns[place];
        let to = column.sql_type;
        let limit = match to {
            SqlType::NVarChar(limit) | SqlType::VarChar(limit) => limit,
            SqlType::NChar(limit) | SqlType::Char(limit) => Some(limit),
            _ => None,
        };
        if let (Some(limit), Value::Text(text)) = (limit, value)
            && text.trim_end_matches(' ').encode_utf16().count() > usize::from(limit)
        {
            let cut: String = text.chars().take(limit.into()).collect();
            let text = format!(
                "String or binary data would be truncated in table '{name}', column '{}'. Truncated value: '{cut}'.",
                column.name
            );
            return Err(Message::new(2628, 16, 1, text));
        }
        types::assigned(value, from, to)
    }
}

/// 1087: no such table variable.
pub fn undeclared(name: &str) -> Message {
    Message::new(1087, 15, 2, format!("Must declare the table variable \"{name}\"."))
}
