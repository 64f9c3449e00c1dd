//! Values as other types: CAST, assignment, parameters.

use uuid::Uuid;

use super::super::errors;
use super::super::moments;
use super::decimal::{decimal, round_to, show_decimal};
use super::kinds::{is_binary, is_integer, is_moment, is_national, is_number, is_text, name_of, text_length};
use super::numbers::{not_allowed, number};
use emulator_ground::codepage;
use emulator_ground::engine::Message;
use emulator_ground::value::{SqlType, Value};

/// The value as another type: CAST, assignment, parameters.
///
/// # Errors
/// 245, 244, 248, 8114, 241, 8169, 8115, 529 as the server has them.
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
        SqlType::Char(n) => Ok(Value::Text(pad(fit(&narrow(&show(value, to, style)?), Some(n), false), n))),
        SqlType::VarChar(n) => Ok(Value::Text(fit(&narrow(&show(value, to, style)?), n, false))),
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
        // Approximately: rows do not keep the type of what is in a sql_variant.
        SqlType::SqlVariant => match value {
            Value::Decimal { .. } => number(value, to).map(Value::Float),
            other => Ok(other.clone()),
        },
    }
}

/// The same where the value's own type is known: text that is not Unicode has other bytes, and messages name the type.
///
/// # Errors
/// As [`convert`].
pub fn convert_from(value: &Value, from: SqlType, to: SqlType, style: i64) -> Result<Value, Message> {
    if let Value::Text(text) = value
        && is_text(from)
        && !is_national(from)
        && is_binary(to)
        && style == 0
    {
        return convert(&Value::Bytes(codepage::encode(text)), to, 0);
    }
    if let Some(refused) = too_short(value, from, to, style)? {
        return refused;
    }
    let whole = is_integer(to) && to != SqlType::Bit;
    let value = &match (value, from) {
        (Value::DateTime { .. }, SqlType::DateTime2 { .. }) if is_number(to) => return Err(not_allowed(value, to)),
        // "money to int: round", "datetime to int: round"; a decimal is cut.
        (Value::Decimal { unscaled, scale }, SqlType::Money | SqlType::SmallMoney) if whole => {
            let rounded = round_to((*unscaled, *scale), 0, false).ok_or_else(|| errors::overflow(name_of(to)))?;
            Value::Decimal { unscaled: rounded, scale: *scale }
        }
        (Value::DateTime { .. }, _) if whole => Value::Float(number(value, to)?.round()),
        _ => value.clone(),
    };
    convert(value, to, style).map_err(|mut message| {
        if is_text(from) {
            // It comes first, before the value.
            message.text = message.text.replacen("nvarchar", name_of(from), 1);
        }
        message
    })
}

/// What is not text and does not fit into a text is not cut: "Truncating and rounding results" of the page of CAST.
fn too_short(value: &Value, from: SqlType, to: SqlType, style: i64) -> Result<Option<Result<Value, Message>>, Message> {
    let Some(length) = text_length(to) else { return Ok(None) };
    if *value == Value::Null || !(is_number(from) || from == SqlType::UniqueIdentifier) || from == SqlType::Bit {
        return Ok(None);
    }
    let shown = show(value, to, style)?;
    if shown.len() <= usize::from(length) {
        return Ok(None);
    }
    let name = name_of(to);
    Ok(Some(match from {
        SqlType::Int | SqlType::SmallInt | SqlType::TinyInt if !is_national(to) => {
            convert(&Value::Text("*".into()), to, 0)
        }
        SqlType::UniqueIdentifier => {
            Err(Message::new(8170, 16, 2, "Insufficient result space to convert uniqueidentifier value to char."))
        }
        SqlType::Decimal { .. } => {
            let text = format!("Arithmetic overflow error converting numeric to data type {name}.");
            Err(Message::new(8115, 16, 5, text))
        }
        SqlType::Money | SqlType::SmallMoney => {
            let text = format!("There is insufficient result space to convert a money value to {name}.");
            Err(Message::new(234, 16, 2, text))
        }
        SqlType::Float | SqlType::Real => {
            let text = format!("Arithmetic overflow error for type {name}, value = {:.6}.", number(value, to)?);
            Err(Message::new(232, 16, 2, text))
        }
        _ => Err(errors::overflow(name)),
    }))
}

/// A value that goes into a variable.
///
/// # Errors
/// As [`check_implicit`] and [`convert`].
pub fn assigned(value: &Value, from: SqlType, to: SqlType) -> Result<Value, Message> {
    check_implicit(from, to, *value == Value::Null)?;
    convert_from(value, from, to, 0)
}

/// Whether a value goes into that type without CAST: "There is no implicit conversion on assignment from the sql_variant
/// data type", dates are no numbers.
///
/// # Errors
/// 257 where CAST could, 206 where nothing could.
pub fn check_implicit(from: SqlType, to: SqlType, is_null: bool) -> Result<(), Message> {
    let old = |t| matches!(t, SqlType::DateTime | SqlType::SmallDateTime);
    let new = |t| is_moment(t) && !old(t);
    let guid = |t| t == SqlType::UniqueIdentifier;
    let (from_name, to_name) = (name_of(from), name_of(to));
    if is_null || from == to {
        return Ok(());
    }
    let clash = new(from) && (is_number(to) || guid(to) || is_binary(to))
        || (is_number(from) || guid(from)) && new(to)
        || guid(from) && (is_number(to) || old(to))
        || (is_number(from) || old(from)) && guid(to);
    if clash {
        let text = format!("Operand type clash: {from_name} is incompatible with {to_name}");
        return Err(Message::new(206, 16, 2, text));
    }
    if from == SqlType::SqlVariant || old(from) && is_number(to) || is_text(from) && is_binary(to) {
        let text = format!(
            "Implicit conversion from data type {from_name} to {to_name} is not allowed. Use the CONVERT function to run this query."
        );
        return Err(Message::new(257, 16, 3, text));
    }
    Ok(())
}

/// A text whose number does not fit; with bigint as any other number that does not.
fn text_overflow(text: &str, to: SqlType) -> Message {
    let (number, state, column) = match to {
        SqlType::TinyInt => (244, 1, "INT1 column. Use a larger integer column"),
        SqlType::SmallInt => (244, 2, "INT2 column. Use a larger integer column"),
        SqlType::Int => (248, 1, "int column"),
        _ => return errors::overflow(name_of(to)),
    };
    let text = format!("The conversion of the nvarchar value '{text}' overflowed an {column}.");
    Message::new(number, 16, state, text)
}

fn integer(value: &Value, to: SqlType, least: i64, most: i64) -> Result<Value, Message> {
    let found = match value {
        Value::Int(n) => *n,
        Value::Bit(b) => i64::from(*b),
        Value::Text(text) => {
            let trimmed = text.trim();
            let failed = || {
                let text = format!(
                    "Conversion failed when converting the nvarchar value '{text}' to data type {}.",
                    name_of(to)
                );
                Message::new(245, 16, 1, text)
            };
            let found = if trimmed.is_empty() { 0 } else { trimmed.parse::<i128>().map_err(|_| failed())? };
            let found = i64::try_from(found).ok().filter(|n| (least..=most).contains(n));
            found.ok_or_else(|| text_overflow(text, to))?
        }
        Value::Decimal { unscaled, scale } => {
            let whole = 10i128.checked_pow((*scale).into()).map_or(0, |unit| unscaled / unit);
            i64::try_from(whole).map_err(|_| errors::overflow(name_of(to)))?
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
        Value::Float(f) => show_float(*f, style),
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

/// "A maximum of 6 digits. Use in scientific notation, when appropriate"; the styles 1 to 3 have 8, 16 and 17 digits,
/// always in scientific notation.
fn show_float(value: f64, style: i64) -> String {
    let digits: usize = match style {
        1 => 8,
        2 => 16,
        3 => 17,
        _ => 6,
    };
    let scientific = format!("{value:.*e}", digits - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let plain = |text: &str| {
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text.to_owned() }
    };
    if digits == 6 && (-4..6).contains(&exponent) {
        return plain(&format!("{value:.*}", usize::try_from(5 - exponent).unwrap_or(0)));
    }
    let mantissa = if digits == 6 { plain(mantissa) } else { mantissa.to_owned() };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:03}", exponent.unsigned_abs())
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

/// What code page 1252 keeps of it.
pub fn narrow(text: &str) -> String {
    if text.is_ascii() { text.to_owned() } else { codepage::decode(&codepage::encode(text)) }
}

fn pad(mut text: String, n: u16) -> String {
    let units = text.encode_utf16().count();
    text.extend(std::iter::repeat_n(' ', usize::from(n).saturating_sub(units)));
    text
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
