//! Types and values as the server sends them. Only the nullable forms are used: every client reads them.

use emulator_ground::value::{Column, SqlType, Value};

use super::{COLLATION, DAYS_TO_1900, TICKS_PER_DAY, TICKS_PER_MINUTE, id, time_size};
use emulator_ground::codepage;

/// A value that does not fit the type it was declared with: a mistake of the engine, not of the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a value that does not fit {0}")]
pub struct Misfit(String);

/// Longest text or binary that is declared with a length.
const LONGEST: usize = 8000;
const MAX: u16 = 0xFFFF;

/// The type a column is declared with, so that no value is longer than declared: go-mssqldb loses its place otherwise.
pub fn declared(column: &Column, index: usize, rows: &[Vec<Value>]) -> SqlType {
    let longest = |measure: fn(&str) -> usize| {
        let lengths = rows.iter().filter_map(|row| match row.get(index) {
            Some(Value::Text(text)) => Some(measure(text)),
            Some(Value::Bytes(bytes)) => Some(bytes.len()),
            _ => None,
        });
        lengths.max().unwrap_or(0)
    };
    let units = |text: &str| text.encode_utf16().count();
    let bytes = |text: &str| text.chars().count();
    let wider = |declared: u16, longest: usize, limit: usize| match u16::try_from(longest) {
        Ok(longest) if usize::from(longest.max(declared)) <= limit => Some(longest.max(declared)),
        _ => None,
    };
    match column.sql_type {
        SqlType::NVarChar(Some(length)) => SqlType::NVarChar(wider(length, longest(units), LONGEST / 2)),
        SqlType::VarChar(Some(length)) => SqlType::VarChar(wider(length, longest(bytes), LONGEST)),
        SqlType::VarBinary(Some(length)) => SqlType::VarBinary(wider(length, longest(bytes), LONGEST)),
        SqlType::NChar(length) if longest(units) > usize::from(length) => {
            SqlType::NVarChar(wider(length, longest(units), LONGEST / 2))
        }
        SqlType::Char(length) if longest(bytes) > usize::from(length) => {
            SqlType::VarChar(wider(length, longest(bytes), LONGEST))
        }
        SqlType::Binary(length) if longest(bytes) > usize::from(length) => {
            SqlType::VarBinary(wider(length, longest(bytes), LONGEST))
        }
        other => other,
    }
}

pub fn type_info(out: &mut Vec<u8>, sql_type: SqlType) {
    let mut text = |kind: u8, size: u16, collated: bool| {
        out.push(kind);
        out.extend(size.to_le_bytes());
        if collated {
            out.extend(COLLATION);
        }
    };
    match sql_type {
        SqlType::NChar(length) => text(id::NCHAR, length.saturating_mul(2), true),
        SqlType::NVarChar(length) => {
            text(id::NVARCHAR, length.map_or(MAX, |length| length.max(1).saturating_mul(2)), true);
        }
        SqlType::Char(length) => text(id::CHAR, length, true),
        SqlType::VarChar(length) => text(id::VARCHAR, length.map_or(MAX, |length| length.max(1)), true),
        SqlType::Binary(length) => text(id::BINARY, length, false),
        SqlType::VarBinary(length) => text(id::VARBINARY, length.map_or(MAX, |length| length.max(1)), false),
        SqlType::RowVersion => text(id::BINARY, 8, false),
        SqlType::Bit => out.extend([id::BIT_N, 1]),
        SqlType::TinyInt => out.extend([id::INT_N, 1]),
        SqlType::SmallInt => out.extend([id::INT_N, 2]),
        SqlType::Int => out.extend([id::INT_N, 4]),
        SqlType::BigInt => out.extend([id::INT_N, 8]),
        SqlType::Real => out.extend([id::FLOAT_N, 4]),
        SqlType::Float => out.extend([id::FLOAT_N, 8]),
        SqlType::Decimal { precision, scale } => {
            out.extend([id::NUMERIC, decimal_size(precision) + 1, precision, scale]);
        }
        SqlType::Money => out.extend([id::MONEY_N, 8]),
        SqlType::SmallMoney => out.extend([id::MONEY_N, 4]),
        SqlType::Date => out.push(id::DATE),
        SqlType::Time { scale } => out.extend([id::TIME, scale]),
        SqlType::DateTime2 { scale } => out.extend([id::DATETIME2, scale]),
        SqlType::DateTimeOffset { scale } => out.extend([id::DATETIMEOFFSET, scale]),
        SqlType::DateTime => out.extend([id::DATETIME_N, 8]),
        SqlType::SmallDateTime => out.extend([id::DATETIME_N, 4]),
        SqlType::UniqueIdentifier => out.extend([id::GUID, 16]),
        // No schema. The real server's byte order mark is left out: four drivers would show it.
        SqlType::Xml => out.extend([id::XML, 0]),
        SqlType::SqlVariant => {
            out.push(id::VARIANT);
            out.extend(8009_u32.to_le_bytes());
        }
    }
}

/// Appends `value`, or leaves `out` as it was.
pub fn value(out: &mut Vec<u8>, sql_type: SqlType, value: &Value) -> Result<(), Misfit> {
    if *value == Value::Null {
        null(out, sql_type);
        return Ok(());
    }
    let misfit = || Misfit(format!("{sql_type:?}"));
    match sql_type {
        SqlType::SqlVariant => return variant(out, value).ok_or_else(misfit),
        SqlType::NVarChar(None) | SqlType::VarChar(None) | SqlType::VarBinary(None) | SqlType::Xml => {
            partial(out, &long(sql_type, value).ok_or_else(misfit)?);
        }
        SqlType::NChar(_)
        | SqlType::NVarChar(_)
        | SqlType::Char(_)
        | SqlType::VarChar(_)
        | SqlType::Binary(_)
        | SqlType::VarBinary(_)
        | SqlType::RowVersion => {
            let bytes = padded(sql_type, value).ok_or_else(misfit)?;
            let length = u16::try_from(bytes.len()).ok().filter(|length| *length != MAX).ok_or_else(misfit)?;
            out.extend(length.to_le_bytes());
            out.extend(bytes);
        }
        _ => {
            let bytes = short(sql_type, value).ok_or_else(misfit)?;
            out.push(bytes.len() as u8);
            out.extend(bytes);
        }
    }
    Ok(())
}

fn null(out: &mut Vec<u8>, sql_type: SqlType) {
    match sql_type {
        SqlType::NVarChar(None) | SqlType::VarChar(None) | SqlType::VarBinary(None) | SqlType::Xml => {
            out.extend(u64::MAX.to_le_bytes());
        }
        SqlType::NChar(_)
        | SqlType::NVarChar(_)
        | SqlType::Char(_)
        | SqlType::VarChar(_)
        | SqlType::Binary(_)
        | SqlType::VarBinary(_)
        | SqlType::RowVersion => out.extend(MAX.to_le_bytes()),
        SqlType::SqlVariant => out.extend(0_u32.to_le_bytes()),
        _ => out.push(0),
    }
}

/// A partially length-prefixed value: its whole length, one chunk, the end.
fn partial(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend((bytes.len() as u64).to_le_bytes());
    for chunk in bytes.chunks(u32::MAX as usize) {
        out.extend((chunk.len() as u32).to_le_bytes());
        out.extend(chunk);
    }
    out.extend(0_u32.to_le_bytes());
}

fn long(sql_type: SqlType, value: &Value) -> Option<Vec<u8>> {
    match (sql_type, value) {
        (SqlType::NVarChar(_) | SqlType::NChar(_) | SqlType::Xml, Value::Text(text)) => Some(utf16(text)),
        (SqlType::VarChar(_) | SqlType::Char(_), Value::Text(text)) => Some(codepage::encode(text)),
        (SqlType::VarBinary(_) | SqlType::Binary(_) | SqlType::RowVersion, Value::Bytes(bytes)) => Some(bytes.clone()),
        _ => None,
    }
}

/// Types of a fixed length are filled up: text with blanks, binary with zeros.
fn padded(sql_type: SqlType, value: &Value) -> Option<Vec<u8>> {
    let mut bytes = long(sql_type, value)?;
    match sql_type {
        SqlType::NChar(length) => {
            while bytes.len() < usize::from(length) * 2 {
                bytes.extend([b' ', 0]);
            }
        }
        SqlType::Char(length) => bytes.resize(bytes.len().max(usize::from(length)), b' '),
        SqlType::Binary(length) => bytes.resize(bytes.len().max(usize::from(length)), 0),
        SqlType::RowVersion => bytes.resize(8, 0),
        _ => {}
    }
    Some(bytes)
}

/// Bytes of a type whose length fits one byte.
fn short(sql_type: SqlType, value: &Value) -> Option<Vec<u8>> {
    Some(match (sql_type, value) {
        (SqlType::Bit, Value::Bit(bit)) => vec![u8::from(*bit)],
        (SqlType::Bit, Value::Int(bit)) => vec![u8::from(*bit != 0)],
        (SqlType::TinyInt, Value::Int(int)) => vec![u8::try_from(*int).ok()?],
        (SqlType::SmallInt, Value::Int(int)) => i16::try_from(*int).ok()?.to_le_bytes().to_vec(),
        (SqlType::Int, Value::Int(int)) => i32::try_from(*int).ok()?.to_le_bytes().to_vec(),
        (SqlType::BigInt, Value::Int(int)) => int.to_le_bytes().to_vec(),
        (SqlType::TinyInt | SqlType::SmallInt | SqlType::Int | SqlType::BigInt, Value::Bit(bit)) => {
            return short(sql_type, &Value::Int(i64::from(*bit)));
        }
        (SqlType::Real, Value::Float(float)) => (*float as f32).to_le_bytes().to_vec(),
        (SqlType::Float, Value::Float(float)) => float.to_le_bytes().to_vec(),
        (SqlType::Real | SqlType::Float, Value::Int(int)) => return short(sql_type, &Value::Float(*int as f64)),
        (SqlType::Decimal { precision, scale }, number) => decimal(precision, rescaled(number, scale)?)?,
        (SqlType::Money, number) => {
            let bytes = i64::try_from(rescaled(number, 4)?).ok()?.to_le_bytes();
            let (low, high) = bytes.split_at(4);
            [high, low].concat()
        }
        (SqlType::SmallMoney, number) => i32::try_from(rescaled(number, 4)?).ok()?.to_le_bytes().to_vec(),
        (SqlType::Date, Value::Date(days) | Value::DateTime { days, .. }) => date(*days)?,
        (SqlType::Time { scale }, Value::Time(ticks)) => time(scale, *ticks)?,
        (SqlType::DateTime2 { scale }, Value::DateTime { days, ticks }) => {
            [time(scale, *ticks)?, date(*days)?].concat()
        }
        (SqlType::DateTimeOffset { scale }, Value::DateTimeOffset { days, ticks, offset_minutes }) => {
            let (days, ticks) = to_utc(*days, *ticks, *offset_minutes)?;
            [time(scale, ticks)?, date(days)?, offset_minutes.to_le_bytes().to_vec()].concat()
        }
        (SqlType::DateTime, Value::DateTime { days, ticks }) => {
            // A tick of datetime is a 300th of a second; the last half of one belongs to the next day.
            let thirds = (*ticks * 3 + 50_000) / 100_000;
            let (carry, thirds) = (thirds / 25_920_000, thirds % 25_920_000);
            let days = days.checked_sub(DAYS_TO_1900)?.checked_add(carry as i32)?;
            [days.to_le_bytes(), (thirds as u32).to_le_bytes()].concat()
        }
        (SqlType::SmallDateTime, Value::DateTime { days, ticks }) => {
            let minutes = (*ticks + 300_000_000) / TICKS_PER_MINUTE as u64;
            let (carry, minutes) = (minutes / 1440, minutes % 1440);
            let days = days.checked_sub(DAYS_TO_1900)?.checked_add(carry as i32)?;
            [u16::try_from(days).ok()?.to_le_bytes(), (minutes as u16).to_le_bytes()].concat()
        }
        (SqlType::UniqueIdentifier, Value::Guid(guid)) => guid.to_bytes_le().to_vec(),
        _ => return None,
    })
}

fn decimal_size(precision: u8) -> u8 {
    match precision {
        0..=9 => 4,
        10..=19 => 8,
        20..=28 => 12,
        _ => 16,
    }
}

fn decimal(precision: u8, unscaled: i128) -> Option<Vec<u8>> {
    let size = usize::from(decimal_size(precision));
    let magnitude = unscaled.unsigned_abs().to_le_bytes();
    let (kept, cut) = magnitude.split_at(size);
    if cut.iter().any(|byte| *byte != 0) {
        return None;
    }
    let mut bytes = vec![u8::from(unscaled >= 0)];
    bytes.extend(kept);
    Some(bytes)
}

/// The number as a count of 10^-scale; digits beyond are rounded half away from zero.
fn rescaled(value: &Value, scale: u8) -> Option<i128> {
    let (unscaled, from) = match value {
        Value::Decimal { unscaled, scale } => (*unscaled, *scale),
        Value::Int(int) => (i128::from(*int), 0),
        _ => return None,
    };
    if from <= scale {
        return unscaled.checked_mul(10_i128.checked_pow(u32::from(scale - from))?);
    }
    let divisor = 10_i128.checked_pow(u32::from(from - scale))?;
    let half = if unscaled < 0 { -(divisor / 2) } else { divisor / 2 };
    Some(unscaled.checked_add(half)? / divisor)
}

fn date(days: i32) -> Option<Vec<u8>> {
    let [low, middle, high, top] = u32::try_from(days).ok()?.to_le_bytes();
    (top == 0).then(|| vec![low, middle, high])
}

fn time(scale: u8, ticks: u64) -> Option<Vec<u8>> {
    if ticks >= TICKS_PER_DAY || scale > 7 {
        return None;
    }
    let units = ticks / 10_u64.pow(u32::from(7 - scale));
    units.to_le_bytes().get(..time_size(scale)).map(<[u8]>::to_vec)
}

fn to_utc(days: i32, ticks: u64, offset_minutes: i16) -> Option<(i32, u64)> {
    let ticks = i64::try_from(ticks).ok()? - i64::from(offset_minutes) * TICKS_PER_MINUTE;
    let day = TICKS_PER_DAY as i64;
    Some((days.checked_add(i32::try_from(ticks.div_euclid(day)).ok()?)?, ticks.rem_euclid(day) as u64))
}

/// A `sql_variant`: its whole length, the base type, that type's properties, the bare value.
fn variant(out: &mut Vec<u8>, value: &Value) -> Option<()> {
    let (head, bytes): (Vec<u8>, Vec<u8>) = match value {
        Value::Null => return None,
        Value::Bit(bit) => (vec![id::BIT, 0], vec![u8::from(*bit)]),
        Value::Int(int) => match i32::try_from(*int) {
            Ok(int) => (vec![id::INT4, 0], int.to_le_bytes().to_vec()),
            Err(_) => (vec![id::INT8, 0], int.to_le_bytes().to_vec()),
        },
        Value::Float(float) => (vec![id::FLOAT8, 0], float.to_le_bytes().to_vec()),
        Value::Decimal { unscaled, scale } => (vec![id::NUMERIC, 2, 38, *scale], decimal(38, *unscaled)?),
        Value::Text(text) => {
            let bytes: Vec<u8> = utf16(text).into_iter().take(LONGEST).collect();
            let mut head = vec![id::NVARCHAR, 7];
            head.extend(COLLATION);
            head.extend((LONGEST as u16).to_le_bytes());
            (head, bytes)
        }
        Value::Bytes(bytes) => {
            let mut head = vec![id::VARBINARY, 2];
            head.extend((LONGEST as u16).to_le_bytes());
            (head, bytes.iter().copied().take(LONGEST).collect())
        }
        Value::Guid(guid) => (vec![id::GUID, 0], guid.to_bytes_le().to_vec()),
        Value::Date(days) => (vec![id::DATE, 0], date(*days)?),
        Value::Time(ticks) => (vec![id::TIME, 1, 7], time(7, *ticks)?),
        Value::DateTime { .. } => (vec![id::DATETIME2, 1, 7], short(SqlType::DateTime2 { scale: 7 }, value)?),
        Value::DateTimeOffset { .. } => {
            (vec![id::DATETIMEOFFSET, 1, 7], short(SqlType::DateTimeOffset { scale: 7 }, value)?)
        }
    };
    out.extend(((head.len() + bytes.len()) as u32).to_le_bytes());
    out.extend(head);
    out.extend(bytes);
    Some(())
}

pub fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}
