//! Decimals: read, shown, brought to a scale.

use super::super::errors;
use super::convert::number;
use super::name_of;
use crate::engine::Message;
use crate::value::{SqlType, Value};

pub(super) fn decimal(value: &Value, to: SqlType, precision: u8, scale: u8) -> Result<Value, Message> {
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

pub(super) fn show_decimal(unscaled: i128, scale: u8) -> String {
    let digits = unscaled.unsigned_abs().to_string();
    let scale = usize::from(scale);
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}
