//! Dynamic data masking: what those without UNMASK are shown in the place of a masked column.
//!
//! Conditions, joins and orders see the values; masks are put over the rows of the result. A column alone has its own
//! mask, an expression with a masked column in it the default one ("Dynamic Data Masking", Limitations). Where the page
//! leaves open what becomes of a mask – aggregates, UNION, variables, a value too short for its mask – it is refused.

use super::super::errors;
use super::super::state::{Database, Table, TableColumn};
use super::super::types;
use emulator_ground::engine::Message;
use emulator_ground::value::{SqlType, Value};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mask {
    Default,
    Email,
    Partial {
        prefix: usize,
        padding: String,
        suffix: usize,
    },
    /// What it is that is not emulated.
    Outside(&'static str),
}

impl Mask {
    /// The mask of a column, if it has one.
    pub fn of(column: &TableColumn, table: &Table, database: &Database) -> Option<Self> {
        let function = column.masked.as_deref()?;
        let to_column = |row: &super::super::state::PermissionRow| {
            row.permission.name == "UNMASK" && (row.major, row.minor) == (table.id, column.id)
        };
        if database.permissions.iter().any(to_column) {
            return Some(Self::Outside("reading a column on which UNMASK is granted or denied"));
        }
        let (name, arguments) = function.split_once('(').unwrap_or((function, ""));
        let mask = match name.trim().to_ascii_lowercase().as_str() {
            "default" if hidden(column.column_type.sql_type).is_some() => Self::Default,
            "email" => Self::Email,
            "partial" => partial(arguments).unwrap_or(Self::Outside("reading a column with such a mask")),
            _ => Self::Outside("reading a column with such a mask"),
        };
        Some(mask)
    }

    /// Of an expression with a masked column in it.
    pub fn of_expression(sql_type: SqlType) -> Self {
        if hidden(sql_type).is_some() { Self::Default } else { Self::Outside("expressions over masked columns") }
    }

    /// UNCONFIRMED: NULL stays NULL, and a mask longer than the column is cut to its length.
    pub fn put_over(&self, value: Value, sql_type: SqlType) -> Result<Value, Message> {
        let text = match (&value, self) {
            (Value::Null, _) => return Ok(Value::Null),
            (_, Self::Default) => return hidden(sql_type).ok_or_else(|| errors::internal("a mask")),
            (_, Self::Outside(what)) => return Err(errors::outside(what)),
            (Value::Text(text), _) => text,
            _ => return Err(errors::internal("a mask over no text")),
        };
        let shown = match self {
            Self::Partial { prefix, padding, suffix } => {
                let letters: Vec<char> = text.chars().collect();
                if letters.len() <= prefix + suffix {
                    return Err(errors::outside("a value shorter than its mask"));
                }
                let first: String = letters[..*prefix].iter().collect();
                let last: String = letters[letters.len() - suffix..].iter().collect();
                format!("{first}{padding}{last}")
            }
            _ => format!("{}XXX@XXXX.com", text.chars().next().map(String::from).unwrap_or_default()),
        };
        fitted(&shown, sql_type)
    }
}

/// `1, "xxxx", 0)`
fn partial(arguments: &str) -> Option<Mask> {
    let (prefix, rest) = arguments.trim().strip_suffix(')')?.split_once(',')?;
    let (padding, suffix) = rest.rsplit_once(',')?;
    let padding = padding.trim().strip_prefix('"')?.strip_suffix('"')?.to_owned();
    Some(Mask::Partial { prefix: prefix.trim().parse().ok()?, padding, suffix: suffix.trim().parse().ok()? })
}

/// What default() shows; `None` for types its description does not name.
fn hidden(sql_type: SqlType) -> Option<Value> {
    let value = match sql_type {
        SqlType::Xml => return None,
        SqlType::Bit => Value::Bit(false),
        SqlType::VarBinary(_) | SqlType::Binary(_) => Value::Bytes(vec![0]),
        of if types::is_text(of) => return fitted("xxxx", of).ok(),
        of if types::is_number(of) => types::convert(&Value::Int(0), of, 0).ok()?,
        SqlType::Time { .. } => types::convert(&Value::Text("00:00:00".into()), sql_type, 0).ok()?,
        of if types::is_moment(of) => types::convert(&Value::Text("1900-01-01".into()), of, 0).ok()?,
        _ => return None,
    };
    Some(value)
}

fn fitted(text: &str, sql_type: SqlType) -> Result<Value, Message> {
    let length = match sql_type {
        SqlType::NVarChar(length) | SqlType::VarChar(length) => length.map_or(usize::MAX, usize::from),
        SqlType::NChar(length) | SqlType::Char(length) => usize::from(length),
        _ => usize::MAX,
    };
    types::convert(&Value::Text(text.chars().take(length).collect()), sql_type, 0)
}
