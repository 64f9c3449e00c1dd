//! Types and values as clients send them, as parameters of an RPC.

use crate::reader::{Malformed, Reader, utf16};
use emulator_ground::value::{SqlType, Value};

use super::{DAYS_TO_1900, TICKS_PER_DAY, TICKS_PER_MINUTE, id, time_size};
use emulator_ground::codepage;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The type is not taken as a parameter (CLR types, table types, json, vector): what follows cannot be read.
    #[error("a parameter of the unknown type 0x{0:02X}")]
    Unsupported(u8),
}

/// Collation and length limit of the declared type matter to no value and are not kept.
const MAX: u16 = 0xFFFF;

/// TYPE_INFO and the value behind it.
pub fn typed_value(reader: &mut Reader<'_>) -> Result<(SqlType, Value), DecodeError> {
    let kind = reader.u8()?;
    Ok(match kind {
        id::NULL => (SqlType::NVarChar(Some(1)), Value::Null),
        id::INT1 | id::INT2 | id::INT4 | id::INT8 | id::BIT | id::FLOAT4 | id::FLOAT8 => {
            fixed(kind, reader.bytes(fixed_size(kind))?)?
        }
        id::MONEY | id::MONEY4 | id::DATETIME | id::DATETIME4 => fixed(kind, reader.bytes(fixed_size(kind))?)?,
        id::INT_N | id::BIT_N | id::FLOAT_N | id::MONEY_N | id::DATETIME_N => {
            let size = reader.u8()?;
            let length = reader.u8()?;
            let kind = fixed_kind(kind, if length == 0 { size } else { length })?;
            let (sql_type, value) = if length == 0 {
                (fixed(kind, &[0; 8])?.0, Value::Null)
            } else {
                fixed(kind, reader.bytes(usize::from(length))?)?
            };
            (sql_type, value)
        }
        id::GUID => {
            reader.u8()?;
            (SqlType::UniqueIdentifier, prefixed(reader, guid)?)
        }
        id::DECIMAL | id::NUMERIC => {
            reader.u8()?;
            let (precision, scale) = (reader.u8()?, reader.u8()?);
            if precision > 38 || scale > precision {
                return Err(Malformed("a decimal beyond 38 digits").into());
            }
            (SqlType::Decimal { precision, scale }, prefixed(reader, |bytes| decimal(bytes, scale))?)
        }
        id::DATE => (SqlType::Date, prefixed(reader, |bytes| Ok(Value::Date(date(&mut Reader::new(bytes))?)))?),
        id::TIME => {
            let scale = scale(reader)?;
            (SqlType::Time { scale }, prefixed(reader, |bytes| Ok(Value::Time(time(&mut Reader::new(bytes), scale)?)))?)
        }
        id::DATETIME2 => {
            let scale = scale(reader)?;
            (SqlType::DateTime2 { scale }, prefixed(reader, |bytes| datetime2(bytes, scale))?)
        }
        id::DATETIMEOFFSET => {
            let scale = scale(reader)?;
            (SqlType::DateTimeOffset { scale }, prefixed(reader, |bytes| datetimeoffset(bytes, scale))?)
        }
        id::NVARCHAR | id::NCHAR | id::VARCHAR | id::CHAR | id::VARBINARY | id::BINARY => variable(kind, reader)?,
        id::XML => {
            if reader.u8()? != 0 {
                // database, owner, collection
                reader.b_varchar()?;
                reader.b_varchar()?;
                let units = usize::from(reader.u16()?);
                reader.utf16(units)?;
            }
            let value = partial(reader)?
                .map_or(Value::Null, |bytes| Value::Text(utf16(bytes.strip_prefix(&[0xFF, 0xFE]).unwrap_or(&bytes))));
            (SqlType::Xml, value)
        }
        id::TEXT | id::NTEXT | id::IMAGE => {
            reader.u32()?;
            if kind != id::IMAGE {
                reader.bytes(5)?;
            }
            let length = reader.u32()?;
            let bytes = if length == u32::MAX { None } else { Some(reader.bytes(length as usize)?) };
            match kind {
                id::TEXT => (SqlType::VarChar(None), bytes.map_or(Value::Null, |b| Value::Text(codepage::decode(b)))),
                id::NTEXT => (SqlType::NVarChar(None), bytes.map_or(Value::Null, |b| Value::Text(utf16(b)))),
                _ => (SqlType::VarBinary(None), bytes.map_or(Value::Null, |b| Value::Bytes(b.to_vec()))),
            }
        }
        id::VARIANT => {
            reader.u32()?;
            let length = reader.u32()? as usize;
            let value = if length == 0 { Value::Null } else { variant(reader.bytes(length)?)? };
            (SqlType::SqlVariant, value)
        }
        other => return Err(DecodeError::Unsupported(other)),
    })
}

fn fixed_size(kind: u8) -> usize {
    match kind {
        id::INT1 | id::BIT => 1,
        id::INT2 => 2,
        id::INT4 | id::FLOAT4 | id::MONEY4 | id::DATETIME4 => 4,
        _ => 8,
    }
}

/// The type of a fixed length that a nullable type of this length stands for.
fn fixed_kind(kind: u8, length: u8) -> Result<u8, Malformed> {
    Ok(match (kind, length) {
        (id::INT_N, 1) => id::INT1,
        (id::INT_N, 2) => id::INT2,
        (id::INT_N, 4) => id::INT4,
        (id::INT_N, 8) => id::INT8,
        (id::BIT_N, 1) => id::BIT,
        (id::FLOAT_N, 4) => id::FLOAT4,
        (id::FLOAT_N, 8) => id::FLOAT8,
        (id::MONEY_N, 4) => id::MONEY4,
        (id::MONEY_N, 8) => id::MONEY,
        (id::DATETIME_N, 4) => id::DATETIME4,
        (id::DATETIME_N, 8) => id::DATETIME,
        _ => return Err(Malformed("a length that its type does not have")),
    })
}

fn fixed(kind: u8, bytes: &[u8]) -> Result<(SqlType, Value), Malformed> {
    let mut reader = Reader::new(bytes);
    let money = |unscaled: i64| Value::Decimal { unscaled: i128::from(unscaled), scale: 4 };
    Ok(match kind {
        id::INT1 => (SqlType::TinyInt, Value::Int(i64::from(reader.u8()?))),
        id::INT2 => (SqlType::SmallInt, Value::Int(i64::from(reader.u16()? as i16))),
        id::INT4 => (SqlType::Int, Value::Int(i64::from(reader.i32()?))),
        id::INT8 => (SqlType::BigInt, Value::Int(reader.u64()? as i64)),
        id::BIT => (SqlType::Bit, Value::Bit(reader.u8()? != 0)),
        id::FLOAT4 => (SqlType::Real, Value::Float(f64::from(f32::from_bits(reader.u32()?)))),
        id::FLOAT8 => (SqlType::Float, Value::Float(f64::from_bits(reader.u64()?))),
        id::MONEY4 => (SqlType::SmallMoney, money(i64::from(reader.i32()?))),
        id::MONEY => {
            let (high, low) = (reader.i32()?, reader.u32()?);
            (SqlType::Money, money((i64::from(high) << 32) | i64::from(low)))
        }
        id::DATETIME4 => {
            let (days, minutes) = (i32::from(reader.u16()?), u64::from(reader.u16()?));
            let ticks = minutes * TICKS_PER_MINUTE as u64;
            (SqlType::SmallDateTime, datetime(days.checked_add(DAYS_TO_1900), ticks)?)
        }
        _ => {
            let (days, thirds) = (reader.i32()?, u64::from(reader.u32()?));
            // 300ths of a second count as .000, .003 and .007.
            let ticks = (thirds * 10 + 1) / 3 * 10_000;
            (SqlType::DateTime, datetime(days.checked_add(DAYS_TO_1900), ticks)?)
        }
    })
}

fn datetime(days: Option<i32>, ticks: u64) -> Result<Value, Malformed> {
    match days {
        Some(days) if days >= 0 && ticks < TICKS_PER_DAY => Ok(Value::DateTime { days, ticks }),
        _ => Err(Malformed("a date or time out of range")),
    }
}

/// A value with its length before it as one byte; 0 is null.
fn prefixed(
    reader: &mut Reader<'_>,
    decode: impl FnOnce(&[u8]) -> Result<Value, Malformed>,
) -> Result<Value, Malformed> {
    match reader.u8()? {
        0 => Ok(Value::Null),
        length => decode(reader.bytes(usize::from(length))?),
    }
}

fn guid(bytes: &[u8]) -> Result<Value, Malformed> {
    let bytes = <[u8; 16]>::try_from(bytes).map_err(|_| Malformed("a GUID of 16 bytes"))?;
    Ok(Value::Guid(uuid::Uuid::from_bytes_le(bytes)))
}

fn decimal(bytes: &[u8], scale: u8) -> Result<Value, Malformed> {
    let (sign, magnitude) = bytes.split_first().ok_or(Malformed("an empty decimal"))?;
    if magnitude.len() > 16 {
        return Err(Malformed("a decimal beyond 16 bytes"));
    }
    let magnitude = magnitude.iter().rev().fold(0_u128, |sum, byte| (sum << 8) | u128::from(*byte));
    let magnitude = i128::try_from(magnitude).map_err(|_| Malformed("a decimal beyond 38 digits"))?;
    Ok(Value::Decimal { unscaled: if *sign == 0 { -magnitude } else { magnitude }, scale })
}

fn scale(reader: &mut Reader<'_>) -> Result<u8, Malformed> {
    Some(reader.u8()?).filter(|scale| *scale <= 7).ok_or(Malformed("a time of more than seven digits"))
}

fn date(reader: &mut Reader<'_>) -> Result<i32, Malformed> {
    let days = reader.bytes(3)?.iter().rev().fold(0_i32, |sum, byte| (sum << 8) | i32::from(*byte));
    // 9999-12-31
    Some(days).filter(|days| *days <= 3_652_058).ok_or(Malformed("a date beyond the year 9999"))
}

fn time(reader: &mut Reader<'_>, scale: u8) -> Result<u64, Malformed> {
    let units = reader.bytes(time_size(scale))?.iter().rev().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    units
        .checked_mul(10_u64.pow(u32::from(7_u8.saturating_sub(scale))))
        .filter(|ticks| *ticks < TICKS_PER_DAY)
        .ok_or(Malformed("a time beyond the day"))
}

fn datetime2(bytes: &[u8], scale: u8) -> Result<Value, Malformed> {
    let mut reader = Reader::new(bytes);
    let ticks = time(&mut reader, scale)?;
    Ok(Value::DateTime { days: date(&mut reader)?, ticks })
}

fn datetimeoffset(bytes: &[u8], scale: u8) -> Result<Value, Malformed> {
    let mut reader = Reader::new(bytes);
    let (ticks, days) = (time(&mut reader, scale)?, date(&mut reader)?);
    let offset_minutes = reader.u16()? as i16;
    if !(-840..=840).contains(&offset_minutes) {
        return Err(Malformed("an offset beyond fourteen hours"));
    }
    let local = ticks as i64 + i64::from(offset_minutes) * TICKS_PER_MINUTE;
    let day = TICKS_PER_DAY as i64;
    let days = days + local.div_euclid(day) as i32;
    Ok(Value::DateTimeOffset { days, ticks: local.rem_euclid(day) as u64, offset_minutes })
}

fn variable(kind: u8, reader: &mut Reader<'_>) -> Result<(SqlType, Value), DecodeError> {
    let size = reader.u16()?;
    if !matches!(kind, id::VARBINARY | id::BINARY) {
        reader.bytes(5)?;
    }
    let bytes = if size == MAX {
        partial(reader)?
    } else {
        match reader.u16()? {
            MAX => None,
            length => Some(reader.bytes(usize::from(length))?.to_vec()),
        }
    };
    let length = (size != MAX).then_some(size);
    let units = length.map(|length| length / 2);
    let sql_type = match kind {
        id::NVARCHAR => SqlType::NVarChar(units),
        id::NCHAR => SqlType::NChar(units.unwrap_or(4000)),
        id::VARCHAR => SqlType::VarChar(length),
        id::CHAR => SqlType::Char(length.unwrap_or(8000)),
        id::VARBINARY => SqlType::VarBinary(length),
        _ => SqlType::Binary(length.unwrap_or(8000)),
    };
    let value = match (kind, bytes) {
        (_, None) => Value::Null,
        (id::NVARCHAR | id::NCHAR, Some(bytes)) => Value::Text(utf16(&bytes)),
        (id::VARCHAR | id::CHAR, Some(bytes)) => Value::Text(codepage::decode(&bytes)),
        (_, Some(bytes)) => Value::Bytes(bytes),
    };
    Ok((sql_type, value))
}

/// A partially length-prefixed value; the total it announces is only a hint, the chunks count.
fn partial(reader: &mut Reader<'_>) -> Result<Option<Vec<u8>>, Malformed> {
    if reader.u64()? == u64::MAX {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    loop {
        match reader.u32()? as usize {
            0 => return Ok(Some(bytes)),
            length => bytes.extend(reader.bytes(length)?),
        }
    }
}

fn variant(bytes: &[u8]) -> Result<Value, DecodeError> {
    let mut reader = Reader::new(bytes);
    let (kind, property_size) = (reader.u8()?, usize::from(reader.u8()?));
    let mut properties = Reader::new(reader.bytes(property_size)?);
    let bytes = reader.rest();
    Ok(match kind {
        id::INT1 | id::INT2 | id::INT4 | id::INT8 | id::BIT | id::FLOAT4 | id::FLOAT8 => fixed(kind, bytes)?.1,
        id::MONEY | id::MONEY4 | id::DATETIME | id::DATETIME4 => fixed(kind, bytes)?.1,
        id::GUID => guid(bytes)?,
        id::DECIMAL | id::NUMERIC => {
            properties.u8()?;
            let scale = properties.u8()?;
            if scale > 38 {
                return Err(Malformed("a decimal beyond 38 digits").into());
            }
            decimal(bytes, scale)?
        }
        id::DATE => Value::Date(date(&mut Reader::new(bytes))?),
        id::TIME => Value::Time(time(&mut Reader::new(bytes), scale(&mut properties)?)?),
        id::DATETIME2 => datetime2(bytes, scale(&mut properties)?)?,
        id::DATETIMEOFFSET => datetimeoffset(bytes, scale(&mut properties)?)?,
        id::NVARCHAR | id::NCHAR => Value::Text(utf16(bytes)),
        id::VARCHAR | id::CHAR => Value::Text(codepage::decode(bytes)),
        id::VARBINARY | id::BINARY => Value::Bytes(bytes.to_vec()),
        other => return Err(DecodeError::Unsupported(other)),
    })
}
