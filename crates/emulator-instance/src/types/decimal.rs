//! Decimals: read, shown, brought to a scale.

use super::super::errors;
use super::kinds::name_of;
use super::numbers::number;
use emulator_ground::engine::Message;
use emulator_ground::value::{SqlType, Value};

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

/// Decimals and money: what is kept exactly.
pub fn is_exact(sql_type: SqlType) -> bool {
    exact(sql_type).is_some()
}

/// Precision and scale.
pub fn exact(sql_type: SqlType) -> Option<(u8, u8)> {
    match sql_type {
        SqlType::Decimal { precision, scale } => Some((precision, scale)),
        SqlType::Money => Some((19, 4)),
        SqlType::SmallMoney => Some((10, 4)),
        _ => None,
    }
}

/// A text that sorts as the number does, and is the same for the same number whatever its scale: SQLite has no exact
/// numbers of this size. A letter for the sign, 38 digits, and what follows the point; of a negative number each digit
/// is what is missing to nine.
pub fn sortable(unscaled: i128, scale: u8) -> String {
    let shown = format!("{:0>width$}", unscaled.unsigned_abs(), width = usize::from(scale) + 1);
    let (whole, fraction) = shown.split_at(shown.len() - usize::from(scale));
    let digits = format!("{whole:0>38}{}", fraction.trim_end_matches('0'));
    if unscaled >= 0 {
        return format!("P{digits}");
    }
    let missing: String = digits.bytes().map(|digit| char::from(b'0' + b'9' - digit)).collect();
    format!("N{missing}~")
}

/// What [`sortable`] made.
pub fn from_sortable(text: &str) -> Option<(i128, u8)> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("P", digits) => (1, digits.to_owned()),
        ("N", digits) => {
            let digits = digits.strip_suffix('~')?;
            (-1, digits.bytes().map(|digit| char::from(b'0' + b'9'.saturating_sub(digit))).collect())
        }
        _ => return None,
    };
    let scale = u8::try_from(digits.len().checked_sub(38)?).ok()?;
    let unscaled: i128 = digits.parse().ok()?;
    Some((sign * unscaled, scale))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

/// Exact arithmetic: the result at its type's scale, rounded (cut off in a division, as the server does), and `None`
/// where it does not fit 38 digits. Nothing here is divided by zero.
pub fn calculate(operation: Operation, a: (i128, u8), b: (i128, u8), scale: u8) -> Option<i128> {
    match operation {
        Operation::Add | Operation::Subtract | Operation::Modulo => {
            let most = a.1.max(b.1);
            let (x, y) = (rescale(a.0, a.1, most)?, rescale(b.0, b.1, most)?);
            let found = match operation {
                Operation::Add => x.checked_add(y)?,
                Operation::Subtract => x.checked_sub(y)?,
                _ => x.checked_rem(y)?,
            };
            rescale(found, most, scale)
        }
        Operation::Multiply => {
            let product = digits_product(a.0.unsigned_abs(), b.0.unsigned_abs());
            let unscaled = rounded(&product, usize::from(a.1) + usize::from(b.1), usize::from(scale))?;
            Some(if (a.0 < 0) == (b.0 < 0) { unscaled } else { -unscaled })
        }
        Operation::Divide => {
            let (mut rest, divisor) = (a.0.unsigned_abs(), b.0.unsigned_abs());
            let mut quotient = i128::try_from(rest.checked_div(divisor)?).ok()?;
            rest %= divisor;
            let more = i32::from(scale) - i32::from(a.1) + i32::from(b.1);
            for _ in 0..more {
                // Ten times the rest, without leaving 128 bits: the divisor is below 2^127.
                let (mut digit, mut sum) = (0, 0u128);
                for _ in 0..10 {
                    sum += rest;
                    if sum >= divisor {
                        sum -= divisor;
                        digit += 1;
                    }
                }
                (rest, quotient) = (sum, quotient.checked_mul(10)?.checked_add(digit)?);
            }
            if more < 0 {
                quotient /= 10i128.checked_pow(more.unsigned_abs())?;
            }
            Some(if (a.0 < 0) == (b.0 < 0) { quotient } else { -quotient })
        }
    }
}

/// The digits of a product, last first.
fn digits_product(a: u128, b: u128) -> Vec<u8> {
    let digits = |n: u128| n.to_string().bytes().rev().map(|digit| u32::from(digit - b'0')).collect::<Vec<u32>>();
    let (a, b) = (digits(a), digits(b));
    let mut sums = vec![0u32; a.len() + b.len()];
    for (i, x) in a.iter().enumerate() {
        for (j, y) in b.iter().enumerate() {
            sums[i + j] += x * y;
        }
    }
    let mut carry = 0;
    let mut product: Vec<u8> = Vec::new();
    for sum in sums {
        let sum = sum + carry;
        product.push(u8::try_from(sum % 10).unwrap_or(0));
        carry = sum / 10;
    }
    product
}

/// Digits (last first) of that scale at another.
fn rounded(digits: &[u8], from: usize, to: usize) -> Option<i128> {
    let dropped = from.saturating_sub(to);
    let up = dropped > 0 && digits.get(dropped - 1).is_some_and(|digit| *digit >= 5);
    let kept: String = digits.iter().skip(dropped).rev().map(|digit| char::from(b'0' + digit)).collect();
    let kept = kept.trim_start_matches('0');
    let value: i128 = if kept.is_empty() { 0 } else { kept.parse().ok()? };
    let value = value.checked_add(i128::from(up))?;
    value.checked_mul(10i128.checked_pow(u32::try_from(to.saturating_sub(from)).ok()?)?)
}

/// ROUND: to that many digits after the point, or before it; cut off instead where `cut` says so.
pub fn round_to(value: (i128, u8), digits: i64, cut: bool) -> Option<i128> {
    let dropped = i64::from(value.1) - digits;
    let Some(dropped) = u32::try_from(dropped).ok().filter(|n| *n > 0) else { return Some(value.0) };
    let Some(unit) = 10i128.checked_pow(dropped) else { return Some(0) };
    let half = if cut { 0 } else { unit / 2 * value.0.signum() };
    ((value.0.checked_add(half)?) / unit).checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sortable_texts_sort_and_come_back() {
        let values: [(i128, u8); 9] = [
            (-(10i128.pow(38) - 1), 0),
            (-151, 2),
            (-15, 1),
            (-1, 38),
            (0, 0),
            (1, 38),
            (15, 1),
            (151, 2),
            (10i128.pow(38) - 1, 0),
        ];
        let texts: Vec<String> = values.iter().map(|(n, scale)| sortable(*n, *scale)).collect();
        assert!(texts.is_sorted(), "{texts:#?}");
        for (value, text) in values.iter().zip(&texts) {
            assert_eq!(from_sortable(text), Some(*value));
        }
        assert_eq!(sortable(1500, 3), sortable(15, 1));
        assert_eq!(from_sortable("x"), None);
    }

    #[test]
    fn arithmetic_is_exact() {
        let big = 12_345_678_901_234_567_890_123_456_789_012_345_678i128;
        for (operation, a, b, scale, expected) in [
            (Operation::Add, (big, 10), (1, 10), 10, Some(big + 1)),
            (Operation::Multiply, (big, 20), (3, 0), 20, Some(big * 3)),
            (Operation::Multiply, (big, 30), (big, 30), 6, Some(152_415_787_532_388_367_505)),
            (Operation::Multiply, (-15, 1), (5, 1), 1, Some(-8)),
            (Operation::Divide, (2, 0), (3, 0), 6, Some(666_666)),
            (Operation::Divide, (-1, 0), (3, 0), 37, Some(-3_333_333_333_333_333_333_333_333_333_333_333_333)),
            (Operation::Divide, (12345, 3), (1, 0), 1, Some(123)),
            (Operation::Modulo, (-75, 1), (2, 0), 1, Some(-15)),
            (Operation::Multiply, (big, 0), (100, 0), 0, None),
        ] {
            assert_eq!(calculate(operation, a, b, scale), expected, "{operation:?} {a:?} {b:?}");
        }
        assert_eq!(round_to((12345, 2), 1, false), Some(12350));
        assert_eq!(round_to((-12345, 2), 1, true), Some(-12340));
        assert_eq!(round_to((12345, 2), -2, false), Some(10000));
        assert_eq!(round_to((12345, 2), 9, false), Some(12345));
    }
}
