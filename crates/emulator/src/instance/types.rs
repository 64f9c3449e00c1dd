//! T-SQL types: their names and sizes, which of two wins, how values become other values and SQLite's.

use uuid::Uuid;

use super::errors;
use super::moments;
use super::state::ColumnType;
use crate::engine::Message;
use crate::tsql::ast::TypeName;
use crate::value::{SqlType, Value};

/// `sys.types` of a database: name, system_type_id, user_type_id, max_length, precision, scale, is_assembly_type.
pub const TYPES: &[(&str, u8, i32, i16, u8, u8, bool)] = &[
    ("image", 34, 34, 16, 0, 0, false),
    ("text", 35, 35, 16, 0, 0, false),
    ("uniqueidentifier", 36, 36, 16, 0, 0, false),
    ("date", 40, 40, 3, 10, 0, false),
    ("time", 41, 41, 5, 16, 7, false),
    ("datetime2", 42, 42, 8, 27, 7, false),
    ("datetimeoffset", 43, 43, 10, 34, 7, false),
    ("tinyint", 48, 48, 1, 3, 0, false),
    ("smallint", 52, 52, 2, 5, 0, false),
    ("int", 56, 56, 4, 10, 0, false),
    ("smalldatetime", 58, 58, 4, 16, 0, false),
    ("real", 59, 59, 4, 24, 0, false),
    ("money", 60, 60, 8, 19, 4, false),
    ("datetime", 61, 61, 8, 23, 3, false),
    ("float", 62, 62, 8, 53, 0, false),
    ("sql_variant", 98, 98, 8016, 0, 0, false),
    ("ntext", 99, 99, 16, 0, 0, false),
    ("bit", 104, 104, 1, 1, 0, false),
    ("decimal", 106, 106, 17, 38, 38, false),
    ("numeric", 108, 108, 17, 38, 38, false),
    ("smallmoney", 122, 122, 4, 10, 4, false),
    ("bigint", 127, 127, 8, 19, 0, false),
    ("hierarchyid", 240, 128, 892, 0, 0, true),
    ("geometry", 240, 129, -1, 0, 0, true),
    ("geography", 240, 130, -1, 0, 0, true),
    ("varbinary", 165, 165, 8000, 0, 0, false),
    ("varchar", 167, 167, 8000, 0, 0, false),
    ("binary", 173, 173, 8000, 0, 0, false),
    ("char", 175, 175, 8000, 0, 0, false),
    ("timestamp", 189, 189, 8, 0, 0, false),
    ("nvarchar", 231, 231, 8000, 0, 0, false),
    ("nchar", 239, 239, 8000, 0, 0, false),
    ("xml", 241, 241, -1, 0, 0, false),
    ("json", 244, 244, -1, 0, 0, false),
    ("sysname", 231, 256, 256, 0, 0, false),
];

/// The type a declaration names.
///
/// # Errors
/// 2715 for a type that does not exist, 2716/131/1001/2717 for sizes that do not.
pub fn declared(name: &TypeName) -> Result<ColumnType, Message> {
    let wanted = name.name.name.to_ascii_lowercase();
    let canonical = match wanted.as_str() {
        "integer" => "int",
        "dec" => "decimal",
        "rowversion" => "timestamp",
        "character" => "char",
        "double precision" => "float",
        other => other,
    };
    let schema_ok =
        name.name.schema.as_deref().is_none_or(|s| s.eq_ignore_ascii_case("sys") || s.eq_ignore_ascii_case("dbo"));
    let known = TYPES.iter().find(|t| t.0 == canonical).filter(|_| schema_ok);
    let Some(&(type_name, _, _, max_length, precision, scale, _)) = known else {
        let text = format!("Column, parameter, or variable: Cannot find data type {}.", name.name.written());
        return Err(Message::new(2715, 16, 6, text));
    };
    let sized =
        |sql_type, max_length, precision, scale| ColumnType { name: type_name, sql_type, max_length, precision, scale };
    let fixed = |sql_type| ColumnType { name: type_name, sql_type, max_length, precision, scale };
    let most = match type_name {
        "decimal" | "numeric" => 2,
        "float" | "char" | "varchar" | "nchar" | "nvarchar" | "binary" | "varbinary" | "time" | "datetime2"
        | "datetimeoffset" => 1,
        _ => 0,
    };
    if name.arguments.len() > most {
        let text = format!("Column, parameter, or variable #1: Cannot specify a column width on data type {wanted}.");
        return Err(Message::new(2716, 16, 1, text));
    }
    let argument = name.arguments.first().copied();
    let too_big = |most: u32, given: u32| {
        Message::new(
            131,
            15,
            2,
            format!(
                "The size ({given}) given to the type '{type_name}' exceeds the maximum allowed for any data type ({most})."
            ),
        )
    };
    let length = |most: u16| match argument {
        None => Ok(Some(1)),
        Some(None) => Ok(None),
        Some(Some(0)) => Err(Message::new(1001, 15, 1, "Line 1: Length or precision specification 0 is invalid.")),
        Some(Some(n)) => {
            u16::try_from(n).ok().filter(|n| *n <= most).map(Some).ok_or_else(|| too_big(u32::from(most), n))
        }
    };
    let fraction = || match argument {
        None => Ok(7u8),
        Some(Some(n @ 0..=7)) => Ok(u8::try_from(n).unwrap_or(7)),
        Some(_) => Err(Message::new(1002, 15, 1, "Specified scale is invalid.")),
    };
    let bytes = |n: Option<u16>, unit: i32| n.map_or(-1, |n| i16::try_from(i32::from(n) * unit).unwrap_or(-1));
    Ok(match type_name {
        "bit" => fixed(SqlType::Bit),
        "tinyint" => fixed(SqlType::TinyInt),
        "smallint" => fixed(SqlType::SmallInt),
        "int" => fixed(SqlType::Int),
        "bigint" => fixed(SqlType::BigInt),
        "real" => fixed(SqlType::Real),
        "float" => match argument {
            Some(Some(n @ (0 | 54..))) => {
                let text = format!(
                    "Column or parameter #1: Specified column precision {n} is greater than the maximum precision of 53."
                );
                return Err(Message::new(2750, 16, 1, text));
            }
            Some(Some(n)) if n <= 24 => {
                ColumnType { name: "real", sql_type: SqlType::Real, max_length: 4, precision: 24, scale: 0 }
            }
            _ => fixed(SqlType::Float),
        },
        "decimal" | "numeric" => {
            let precision = argument.flatten().unwrap_or(18);
            let scale = name.arguments.get(1).copied().flatten().unwrap_or(0);
            if precision == 0 || precision > 38 || scale > precision {
                return Err(Message::new(
                    2750,
                    16,
                    1,
                    "Column or parameter: specified column precision or scale is not valid.",
                ));
            }
            let (precision, scale) = (u8::try_from(precision).unwrap_or(38), u8::try_from(scale).unwrap_or(0));
            let max_length = match precision {
                0..=9 => 5,
                10..=19 => 9,
                20..=28 => 13,
                _ => 17,
            };
            sized(SqlType::Decimal { precision, scale }, max_length, precision, scale)
        }
        "money" => fixed(SqlType::Money),
        "smallmoney" => fixed(SqlType::SmallMoney),
        "date" => fixed(SqlType::Date),
        "time" => fraction().map(|scale| {
            sized(
                SqlType::Time { scale },
                3 + i16::from(scale > 2) + i16::from(scale > 4),
                8 + scale + u8::from(scale > 0),
                scale,
            )
        })?,
        "datetime2" => fraction().map(|scale| {
            sized(
                SqlType::DateTime2 { scale },
                6 + i16::from(scale > 2) + i16::from(scale > 4),
                19 + scale + u8::from(scale > 0),
                scale,
            )
        })?,
        "datetimeoffset" => fraction().map(|scale| {
            sized(
                SqlType::DateTimeOffset { scale },
                8 + i16::from(scale > 2) + i16::from(scale > 4),
                26 + scale + u8::from(scale > 0),
                scale,
            )
        })?,
        "datetime" => fixed(SqlType::DateTime),
        "smalldatetime" => fixed(SqlType::SmallDateTime),
        "uniqueidentifier" => fixed(SqlType::UniqueIdentifier),
        "nchar" => length(4000).map(|n| sized(SqlType::NChar(n.unwrap_or(1)), bytes(n, 2), 0, 0))?,
        "nvarchar" => length(4000).map(|n| sized(SqlType::NVarChar(n), bytes(n, 2), 0, 0))?,
        "char" => length(8000).map(|n| sized(SqlType::Char(n.unwrap_or(1)), bytes(n, 1), 0, 0))?,
        "varchar" => length(8000).map(|n| sized(SqlType::VarChar(n), bytes(n, 1), 0, 0))?,
        "binary" => length(8000).map(|n| sized(SqlType::Binary(n.unwrap_or(1)), bytes(n, 1), 0, 0))?,
        "varbinary" => length(8000).map(|n| sized(SqlType::VarBinary(n), bytes(n, 1), 0, 0))?,
        "sysname" => sized(SqlType::NVarChar(Some(128)), 256, 0, 0),
        "timestamp" => fixed(SqlType::RowVersion),
        "xml" => fixed(SqlType::Xml),
        "sql_variant" => fixed(SqlType::SqlVariant),
        "text" => fixed(SqlType::VarChar(None)),
        "ntext" | "json" => fixed(SqlType::NVarChar(None)),
        _ => fixed(SqlType::VarBinary(None)),
    })
}

/// The type of columns the server adds by itself.
pub fn bigint() -> ColumnType {
    ColumnType { name: "bigint", sql_type: SqlType::BigInt, max_length: 8, precision: 19, scale: 0 }
}

/// In CAST and CONVERT, a character or binary type without a length has 30.
pub fn cast_target(name: &TypeName) -> Result<SqlType, Message> {
    let declared = declared(name)?;
    if !name.arguments.is_empty() {
        return Ok(declared.sql_type);
    }
    Ok(match declared.sql_type {
        SqlType::NChar(_) => SqlType::NChar(30),
        SqlType::Char(_) => SqlType::Char(30),
        SqlType::Binary(_) => SqlType::Binary(30),
        SqlType::NVarChar(Some(1)) => SqlType::NVarChar(Some(30)),
        SqlType::VarChar(Some(1)) => SqlType::VarChar(Some(30)),
        SqlType::VarBinary(Some(1)) => SqlType::VarBinary(Some(30)),
        other => other,
    })
}

pub fn is_text(sql_type: SqlType) -> bool {
    matches!(sql_type, SqlType::NChar(_) | SqlType::NVarChar(_) | SqlType::Char(_) | SqlType::VarChar(_) | SqlType::Xml)
}
pub fn is_integer(sql_type: SqlType) -> bool {
    matches!(sql_type, SqlType::Bit | SqlType::TinyInt | SqlType::SmallInt | SqlType::Int | SqlType::BigInt)
}
pub fn is_number(sql_type: SqlType) -> bool {
    is_integer(sql_type)
        || matches!(
            sql_type,
            SqlType::Real | SqlType::Float | SqlType::Decimal { .. } | SqlType::Money | SqlType::SmallMoney
        )
}
pub fn is_binary(sql_type: SqlType) -> bool {
    matches!(sql_type, SqlType::Binary(_) | SqlType::VarBinary(_) | SqlType::RowVersion)
}
pub fn is_moment(sql_type: SqlType) -> bool {
    matches!(
        sql_type,
        SqlType::Date
            | SqlType::Time { .. }
            | SqlType::DateTime
            | SqlType::DateTime2 { .. }
            | SqlType::DateTimeOffset { .. }
            | SqlType::SmallDateTime
    )
}

/// Data type precedence: the greater of two operands' types is that of the result.
fn precedence(sql_type: SqlType) -> u8 {
    match sql_type {
        SqlType::SqlVariant => 30,
        SqlType::Xml => 29,
        SqlType::DateTimeOffset { .. } => 28,
        SqlType::DateTime2 { .. } => 27,
        SqlType::DateTime => 26,
        SqlType::SmallDateTime => 25,
        SqlType::Date => 24,
        SqlType::Time { .. } => 23,
        SqlType::Float => 22,
        SqlType::Real => 21,
        SqlType::Decimal { .. } => 20,
        SqlType::Money => 19,
        SqlType::SmallMoney => 18,
        SqlType::BigInt => 17,
        SqlType::Int => 16,
        SqlType::SmallInt => 15,
        SqlType::TinyInt => 14,
        SqlType::Bit => 13,
        SqlType::UniqueIdentifier => 9,
        SqlType::NVarChar(_) => 8,
        SqlType::NChar(_) => 7,
        SqlType::VarChar(_) => 6,
        SqlType::Char(_) => 5,
        SqlType::RowVersion => 10,
        SqlType::VarBinary(_) => 4,
        SqlType::Binary(_) => 3,
    }
}

/// The type two operands meet in (CASE, UNION, COALESCE, comparison).
pub fn common(a: SqlType, b: SqlType) -> SqlType {
    let (high, low) = if precedence(a) >= precedence(b) { (a, b) } else { (b, a) };
    match (high, low) {
        (SqlType::Decimal { precision: p1, scale: s1 }, SqlType::Decimal { precision: p2, scale: s2 }) => {
            let scale = s1.max(s2);
            let whole = (p1 - s1).max(p2 - s2);
            SqlType::Decimal { precision: (whole + scale).min(38), scale }
        }
        (high, low) if is_text(high) && is_text(low) => {
            let longest = match (text_length(high), text_length(low)) {
                (Some(a), Some(b)) => Some(a.max(b)),
                _ => None,
            };
            match high {
                SqlType::NVarChar(_) => SqlType::NVarChar(longest.map(|n| n.min(4000))),
                SqlType::NChar(_) if matches!(low, SqlType::NChar(_)) => SqlType::NChar(longest.unwrap_or(4000)),
                SqlType::NChar(_) => SqlType::NVarChar(longest.map(|n| n.min(4000))),
                SqlType::Char(_) => SqlType::Char(longest.unwrap_or(8000)),
                SqlType::Xml => SqlType::Xml,
                _ => SqlType::VarChar(longest),
            }
        }
        (SqlType::VarBinary(a), SqlType::VarBinary(b)) => SqlType::VarBinary(a.zip(b).map(|(a, b)| a.max(b))),
        _ => high,
    }
}

/// Length in characters; `None` is max.
pub fn text_length(sql_type: SqlType) -> Option<u16> {
    match sql_type {
        SqlType::NChar(n) | SqlType::Char(n) => Some(n),
        SqlType::NVarChar(n) | SqlType::VarChar(n) => n,
        _ => None,
    }
}

pub fn is_national(sql_type: SqlType) -> bool {
    matches!(sql_type, SqlType::NChar(_) | SqlType::NVarChar(_) | SqlType::Xml)
}

/// The type's name, as messages say it.
pub fn name_of(sql_type: SqlType) -> &'static str {
    match sql_type {
        SqlType::Bit => "bit",
        SqlType::TinyInt => "tinyint",
        SqlType::SmallInt => "smallint",
        SqlType::Int => "int",
        SqlType::BigInt => "bigint",
        SqlType::Real => "real",
        SqlType::Float => "float",
        SqlType::Decimal { .. } => "numeric",
        SqlType::Money => "money",
        SqlType::SmallMoney => "smallmoney",
        SqlType::Date => "date",
        SqlType::Time { .. } => "time",
        SqlType::DateTime2 { .. } => "datetime2",
        SqlType::DateTimeOffset { .. } => "datetimeoffset",
        SqlType::DateTime => "datetime",
        SqlType::SmallDateTime => "smalldatetime",
        SqlType::UniqueIdentifier => "uniqueidentifier",
        SqlType::NChar(_) => "nchar",
        SqlType::NVarChar(_) => "nvarchar",
        SqlType::Char(_) => "char",
        SqlType::VarChar(_) => "varchar",
        SqlType::Binary(_) => "binary",
        SqlType::VarBinary(_) => "varbinary",
        SqlType::RowVersion => "timestamp",
        SqlType::Xml => "xml",
        SqlType::SqlVariant => "sql_variant",
    }
}

/// The value as another type: CAST, assignment, parameters.
///
/// # Errors
/// 245, 8114, 241, 8169, 8115, 529 as the server has them.
pub fn convert(value: &Value, to: SqlType, style: i64) -> Result<Value, Message> {
    if *value == Value::Null {
        return Ok(Value::Null);
    }
    match to {
        SqlType::Bit => Ok(Value::Bit(match value {
            Value::Text(text) if text.trim().eq_ignore_ascii_case("true") => true,
            Value::Text(text) if text.trim().eq_ignore_ascii_case("false") => false,
            other => number(other, to)? != 0.0,
        })),
        SqlType::TinyInt => integer(value, to, 0, 255),
        SqlType::SmallInt => integer(value, to, i16::MIN.into(), i16::MAX.into()),
        SqlType::Int => integer(value, to, i32::MIN.into(), i32::MAX.into()),
        SqlType::BigInt => integer(value, to, i64::MIN, i64::MAX),
        SqlType::Real | SqlType::Float => number(value, to).map(Value::Float),
        SqlType::Decimal { precision, scale } => decimal(value, to, precision, scale),
        SqlType::Money => decimal(value, to, 19, 4),
        SqlType::SmallMoney => decimal(value, to, 10, 4),
        SqlType::UniqueIdentifier => guid(value, to),
        SqlType::NChar(n) => Ok(Value::Text(pad(fit(&show(value, to, style)?, Some(n), true), n))),
        SqlType::NVarChar(n) => Ok(Value::Text(fit(&show(value, to, style)?, n, true))),
        SqlType::Char(n) => Ok(Value::Text(pad(fit(&cp1252(&show(value, to, style)?), Some(n), false), n))),
        SqlType::VarChar(n) => Ok(Value::Text(fit(&cp1252(&show(value, to, style)?), n, false))),
        SqlType::Xml => show(value, to, style).map(Value::Text),
        SqlType::Binary(n) => {
            let mut bytes = binary(value, to, style)?;
            bytes.resize(usize::from(n), 0);
            Ok(Value::Bytes(bytes))
        }
        SqlType::VarBinary(n) => {
            let mut bytes = binary(value, to, style)?;
            bytes.truncate(n.map_or(usize::MAX, usize::from));
            Ok(Value::Bytes(bytes))
        }
        SqlType::RowVersion => {
            let mut bytes = binary(value, to, style)?;
            bytes.resize(8, 0);
            Ok(Value::Bytes(bytes))
        }
        SqlType::Date
        | SqlType::Time { .. }
        | SqlType::DateTime
        | SqlType::DateTime2 { .. }
        | SqlType::SmallDateTime
        | SqlType::DateTimeOffset { .. } => moment(value, to),
        SqlType::SqlVariant => Ok(value.clone()),
    }
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

fn not_allowed(value: &Value, to: SqlType) -> Message {
    let text = format!("Explicit conversion from data type {} to {} is not allowed.", kind_of(value), name_of(to));
    Message::new(529, 16, 2, text)
}

fn integer(value: &Value, to: SqlType, least: i64, most: i64) -> Result<Value, Message> {
    let found = match value {
        Value::Int(n) => *n,
        Value::Bit(b) => i64::from(*b),
        Value::Text(text) => {
            let trimmed = text.trim();
            if trimmed.is_empty() {
                0
            } else {
                trimmed.parse::<i64>().map_err(|_| {
                    let text = format!(
                        "Conversion failed when converting the nvarchar value '{text}' to data type {}.",
                        name_of(to)
                    );
                    Message::new(245, 16, 1, text)
                })?
            }
        }
        Value::Bytes(bytes) => {
            let tail = &bytes[bytes.len().saturating_sub(8)..];
            let mut wide = [0u8; 8];
            wide[8 - tail.len()..].copy_from_slice(tail);
            match to {
                SqlType::Int => {
                    i64::from(u32::try_from(u64::from_be_bytes(wide) & 0xFFFF_FFFF).unwrap_or(0).cast_signed())
                }
                _ => i64::from_be_bytes(wide),
            }
        }
        #[allow(clippy::cast_possible_truncation, reason = "checked against the range below")]
        other => number(other, to)?.trunc() as i64,
    };
    if (least..=most).contains(&found) { Ok(Value::Int(found)) } else { Err(errors::overflow(name_of(to))) }
}

#[allow(clippy::cast_precision_loss, reason = "float is what is asked for")]
fn number(value: &Value, to: SqlType) -> Result<f64, Message> {
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

fn decimal(value: &Value, to: SqlType, precision: u8, scale: u8) -> Result<Value, Message> {
    let unscaled = match value {
        Value::Decimal { unscaled, scale: from } => rescale(*unscaled, *from, scale),
        Value::Int(n) => i128::from(*n).checked_mul(10i128.pow(scale.into())),
        Value::Bit(b) => Some(i128::from(*b) * 10i128.pow(scale.into())),
        Value::Text(text) => {
            let read = parse_decimal(text.trim().trim_start_matches(['$', '£', '€']).replace(',', "").as_str())
                .ok_or_else(|| {
                    Message::new(8114, 16, 5, format!("Error converting data type nvarchar to {}.", name_of(to)))
                })?;
            rescale(read.0, read.1, scale)
        }
        other => {
            let exact = number(other, to)? * 10f64.powi(i32::from(scale));
            #[allow(clippy::cast_possible_truncation, reason = "compared with the largest decimal first")]
            (exact.abs() < 1e38).then(|| exact.round() as i128)
        }
    };
    match unscaled {
        Some(unscaled) if unscaled.unsigned_abs() < 10u128.pow(precision.min(38).into()) => {
            Ok(Value::Decimal { unscaled, scale })
        }
        _ => Err(errors::overflow(name_of(to))),
    }
}

/// Digits with at most one point.
pub fn parse_decimal(text: &str) -> Option<(i128, u8)> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.len() + fraction.len() == 0 || whole.len() + fraction.len() > 38 {
        return None;
    }
    if !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let unscaled: i128 = format!("0{whole}{fraction}").parse().ok()?;
    Some((sign * unscaled, u8::try_from(fraction.len()).ok()?))
}

fn rescale(unscaled: i128, from: u8, to: u8) -> Option<i128> {
    if to >= from {
        return unscaled.checked_mul(10i128.checked_pow(u32::from(to - from))?);
    }
    let divisor = 10i128.checked_pow(u32::from(from - to))?;
    let half = if unscaled < 0 { -(divisor / 2) } else { divisor / 2 };
    Some((unscaled + half) / divisor)
}

fn guid(value: &Value, to: SqlType) -> Result<Value, Message> {
    match value {
        Value::Guid(guid) => Ok(Value::Guid(*guid)),
        Value::Text(text) => {
            let trimmed: String = text.trim().trim_matches(['{', '}']).chars().take(36).collect();
            Uuid::try_parse(&trimmed).ok().filter(|_| trimmed.len() == 36).map(Value::Guid).ok_or_else(|| {
                Message::new(
                    8169,
                    16,
                    2,
                    "Conversion failed when converting from a character string to uniqueidentifier.",
                )
            })
        }
        Value::Bytes(bytes) => {
            let mut raw = [0u8; 16];
            for (to, from) in raw.iter_mut().zip(bytes) {
                *to = *from;
            }
            // The first three fields are stored little-endian.
            Ok(Value::Guid(Uuid::from_bytes_le(raw)))
        }
        other => Err(not_allowed(other, to)),
    }
}

fn binary(value: &Value, to: SqlType, style: i64) -> Result<Vec<u8>, Message> {
    Ok(match value {
        Value::Bytes(bytes) => bytes.clone(),
        Value::Guid(guid) => guid.to_bytes_le().to_vec(),
        Value::Int(n) => match i32::try_from(*n) {
            Ok(n) => n.to_be_bytes().to_vec(),
            Err(_) => n.to_be_bytes().to_vec(),
        },
        Value::Bit(b) => vec![u8::from(*b)],
        Value::Text(text) if style == 1 || style == 2 => {
            let digits = if style == 1 {
                text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))
            } else {
                Some(text.as_str())
            };
            let bad = || Message::new(8114, 16, 5, "Error converting data type nvarchar to varbinary.");
            let digits = digits.filter(|d| d.len() % 2 == 0 && d.is_ascii()).ok_or_else(bad)?;
            (0..digits.len())
                .step_by(2)
                .map(|i| u8::from_str_radix(&digits[i..i + 2], 16).map_err(|_| bad()))
                .collect::<Result<_, _>>()?
        }
        Value::Text(text) => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        other => return Err(not_allowed(other, to)),
    })
}

/// As text: what CAST to a character type and PRINT show.
fn show(value: &Value, to: SqlType, style: i64) -> Result<String, Message> {
    Ok(match value {
        Value::Null => String::new(),
        Value::Text(text) => text.clone(),
        Value::Bit(b) => u8::from(*b).to_string(),
        Value::Int(n) => n.to_string(),
        Value::Float(f) => format!("{f}"),
        Value::Decimal { unscaled, scale } => show_decimal(*unscaled, *scale),
        Value::Guid(guid) => guid.to_string().to_ascii_uppercase(),
        Value::Bytes(bytes) if style == 1 || style == 2 => {
            let hex: String = bytes.iter().map(|b| format!("{b:02X}")).collect();
            if style == 1 { format!("0x{hex}") } else { hex }
        }
        Value::Bytes(bytes) if is_national(to) => {
            let units: Vec<u16> =
                bytes.chunks(2).map(|p| u16::from(p[0]) | u16::from(p.get(1).copied().unwrap_or(0)) << 8).collect();
            String::from_utf16_lossy(&units)
        }
        Value::Bytes(bytes) => bytes.iter().map(|b| char::from(*b)).collect(),
        Value::Date(days) => moments::show_date(*days),
        Value::Time(ticks) => moments::show_time(*ticks, 7),
        Value::DateTime { days, ticks } => show_datetime(*days, *ticks, style),
        Value::DateTimeOffset { days, ticks, offset_minutes } => {
            let sign = if *offset_minutes < 0 { '-' } else { '+' };
            let offset = offset_minutes.unsigned_abs();
            format!(
                "{} {} {sign}{:02}:{:02}",
                moments::show_date(*days),
                moments::show_time(*ticks, 7),
                offset / 60,
                offset % 60
            )
        }
    })
}

fn show_datetime(days: i32, ticks: u64, style: i64) -> String {
    let date = moments::show_date(days);
    match style {
        23 => date,
        112 => date.replace('-', ""),
        108 => moments::show_time(ticks, 0),
        120 | 20 => format!("{date} {}", moments::show_time(ticks, 0)),
        126 | 127 => format!("{date}T{}", moments::show_time(ticks, 3)),
        _ => format!("{date} {}", moments::show_time(ticks, if ticks.is_multiple_of(10_000) { 3 } else { 7 })),
    }
}

pub fn show_decimal(unscaled: i128, scale: u8) -> String {
    let digits = unscaled.unsigned_abs().to_string();
    let scale = usize::from(scale);
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// Cut to `n` UTF-16 units (or characters of code page 1252), never through a character.
fn fit(text: &str, n: Option<u16>, _national: bool) -> String {
    let Some(n) = n else { return text.to_owned() };
    let mut units = 0;
    text.chars()
        .take_while(|c| {
            units += c.len_utf16();
            units <= usize::from(n)
        })
        .collect()
}

fn pad(mut text: String, n: u16) -> String {
    let units = text.encode_utf16().count();
    text.extend(std::iter::repeat_n(' ', usize::from(n).saturating_sub(units)));
    text
}

/// Code page 1252 has no sign for other characters: they become `?`, as on the server.
fn cp1252(text: &str) -> String {
    const HIGH: &str = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ";
    if text.is_ascii() {
        return text.to_owned();
    }
    text.chars().map(|c| if u32::from(c) < 256 || HIGH.contains(c) { c } else { '?' }).collect()
}

fn moment(value: &Value, to: SqlType) -> Result<Value, Message> {
    let (days, ticks, offset) = match value {
        Value::Date(days) => (*days, 0, 0),
        Value::Time(ticks) => (moments::days(1900, 1, 1).unwrap_or(0), *ticks, 0),
        Value::DateTime { days, ticks } => (*days, *ticks, 0),
        Value::DateTimeOffset { days, ticks, offset_minutes } => (*days, *ticks, *offset_minutes),
        Value::Text(text) => moments::parse(text).ok_or_else(|| {
            Message::new(241, 16, 1, "Conversion failed when converting date and/or time from character string.")
        })?,
        Value::Int(n) if matches!(to, SqlType::DateTime | SqlType::SmallDateTime) => {
            let days = i32::try_from(*n).ok().and_then(|n| moments::days(1900, 1, 1)?.checked_add(n));
            (days.ok_or_else(|| errors::overflow("datetime"))?, 0, 0)
        }
        other => return Err(not_allowed(other, to)),
    };
    let round = |scale: u8| {
        let unit = 10u64.pow(u32::from(7 - scale.min(7)));
        let rounded = (ticks + unit / 2) / unit * unit;
        if rounded >= moments::TICKS_PER_DAY { (days + 1, 0) } else { (days, rounded) }
    };
    Ok(match to {
        SqlType::Date => Value::Date(days),
        SqlType::Time { scale } => Value::Time(round(scale).1),
        SqlType::DateTime => moments::round_datetime(days, ticks),
        SqlType::DateTime2 { scale } => {
            let (days, ticks) = round(scale);
            Value::DateTime { days, ticks }
        }
        SqlType::SmallDateTime => {
            let minutes = (ticks + 30 * moments::TICKS_PER_SECOND) / (60 * moments::TICKS_PER_SECOND);
            Value::DateTime { days, ticks: (minutes * 60 * moments::TICKS_PER_SECOND) % moments::TICKS_PER_DAY }
        }
        SqlType::DateTimeOffset { scale } => {
            let (days, ticks) = round(scale);
            Value::DateTimeOffset { days, ticks, offset_minutes: offset }
        }
        _ => return Err(not_allowed(value, to)),
    })
}
