//! Arguments of functions, as SQLite holds them.

use super::super::errors;
use super::super::types;
use emulator_ground::engine::Message;
use emulator_ground::value::{SqlType, Value};

pub fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Text(text) => Some(text.clone()),
        Value::Int(n) => Some(n.to_string()),
        _ => None,
    }
}

pub fn int(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::Int(n) => Some(*n),
        Value::Bit(b) => Some(i64::from(*b)),
        #[allow(clippy::cast_possible_truncation, reason = "as the server: the fraction is dropped")]
        Value::Float(f) => Some(*f as i64),
        Value::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A type as text for our own SQL: its `Debug` form is stable within the program.
pub fn encode(sql_type: SqlType) -> String {
    let (name, a, b) = match sql_type {
        SqlType::Decimal { precision, scale } => ("decimal", i32::from(precision), i32::from(scale)),
        SqlType::Time { scale } => ("time", scale.into(), 0),
        SqlType::DateTime2 { scale } => ("datetime2", scale.into(), 0),
        SqlType::DateTimeOffset { scale } => ("datetimeoffset", scale.into(), 0),
        SqlType::NChar(n) => ("nchar", n.into(), 0),
        SqlType::Char(n) => ("char", n.into(), 0),
        SqlType::Binary(n) => ("binary", n.into(), 0),
        SqlType::NVarChar(n) => ("nvarchar", n.map_or(-1, i32::from), 0),
        SqlType::VarChar(n) => ("varchar", n.map_or(-1, i32::from), 0),
        SqlType::VarBinary(n) => ("varbinary", n.map_or(-1, i32::from), 0),
        other => (types::name_of(other), 0, 0),
    };
    format!("{name} {a} {b}")
}

pub fn decode(text: &str) -> Option<SqlType> {
    let mut parts = text.split(' ');
    let name = parts.next()?;
    let a: i32 = parts.next()?.parse().ok()?;
    let b: i32 = parts.next()?.parse().ok()?;
    let small = |n: i32| u8::try_from(n).unwrap_or(0);
    let length = u16::try_from(a).ok();
    Some(match name {
        "decimal" => SqlType::Decimal { precision: small(a), scale: small(b) },
        "time" => SqlType::Time { scale: small(a) },
        "datetime2" => SqlType::DateTime2 { scale: small(a) },
        "datetimeoffset" => SqlType::DateTimeOffset { scale: small(a) },
        "nchar" => SqlType::NChar(length?),
        "char" => SqlType::Char(length?),
        "binary" => SqlType::Binary(length?),
        "nvarchar" => SqlType::NVarChar(length),
        "varchar" => SqlType::VarChar(length),
        "varbinary" => SqlType::VarBinary(length),
        "bit" => SqlType::Bit,
        "tinyint" => SqlType::TinyInt,
        "smallint" => SqlType::SmallInt,
        "int" => SqlType::Int,
        "bigint" => SqlType::BigInt,
        "real" => SqlType::Real,
        "float" => SqlType::Float,
        "money" => SqlType::Money,
        "smallmoney" => SqlType::SmallMoney,
        "date" => SqlType::Date,
        "datetime" => SqlType::DateTime,
        "smalldatetime" => SqlType::SmallDateTime,
        "uniqueidentifier" => SqlType::UniqueIdentifier,
        "timestamp" => SqlType::RowVersion,
        "xml" => SqlType::Xml,
        "sql_variant" => SqlType::SqlVariant,
        _ => return None,
    })
}

/// SQLite's value as one of its type.
pub fn typed(value: &Value, of: SqlType) -> Result<Value, Message> {
    match value {
        Value::Text(text) if types::is_exact(of) => {
            let (unscaled, scale) = types::from_sortable(text).ok_or_else(|| errors::internal("a number"))?;
            types::convert(&Value::Decimal { unscaled, scale }, of, 0)
        }
        other => types::convert(other, of, 0),
    }
}
