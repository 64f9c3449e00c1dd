//! Functions on texts.

use super::super::ambient::Ambient;
use super::super::types;
use super::values::{decode, int, text};
use emulator_ground::engine::Message;
use emulator_ground::value::{SqlType, Value};

pub fn map_text(values: &[Value], map: impl FnOnce(&str) -> String) -> Result<Value, Message> {
    Ok(text(values.first()).map_or(Value::Null, |t| Value::Text(map(&t))))
}

/// LIKE with `%`, `_`, `[a-z]`, `[^a]` and ESCAPE.
pub fn like(_: &mut Ambient, values: &[Value]) -> Result<Value, Message> {
    let [Value::Text(value), Value::Text(pattern), escape, ignore] = values else { return Ok(Value::Null) };
    let ignore = int(Some(ignore)) == Some(1);
    let fold = |text: &str| {
        if ignore { text.chars().flat_map(char::to_lowercase).collect::<Vec<char>>() } else { text.chars().collect() }
    };
    let escape = text(Some(escape));
    if let Some(escape) = escape.as_ref().filter(|escape| escape.chars().count() != 1) {
        let text = format!("The invalid escape character \"{escape}\" was specified in a LIKE predicate.");
        return Err(Message::new(506, 16, 1, text));
    }
    let escape = escape.and_then(|e| fold(&e).first().copied());
    Ok(Value::Int(i64::from(matches_like(&fold(value), &fold(pattern), escape))))
}

/// Iterative, with one place to come back to: a pattern of many `%` costs no more than length times length.
fn matches_like(value: &[char], pattern: &[char], escape: Option<char>) -> bool {
    let (mut v, mut p) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        if pattern.get(p) == Some(&'%') && escape != Some('%') {
            retry = Some((p + 1, v));
            p += 1;
            continue;
        }
        let step = one_matches(value.get(v).copied(), pattern, p, escape);
        match (v < value.len(), p < pattern.len(), step) {
            (false, false, _) => return true,
            (true, true, Some(next)) => {
                v += 1;
                p = next;
            }
            _ => match retry {
                // Trailing blanks of the value do not count.
                _ if p >= pattern.len() && value[v..].iter().all(|c| *c == ' ') => return true,
                Some((after, from)) if from < value.len() => {
                    retry = Some((after, from + 1));
                    v = from + 1;
                    p = after;
                }
                _ => return false,
            },
        }
    }
}

/// Whether the pattern's element at `p` takes the character; where the next element begins.
fn one_matches(c: Option<char>, pattern: &[char], p: usize, escape: Option<char>) -> Option<usize> {
    let (c, element) = (c?, *pattern.get(p)?);
    if Some(element) == escape {
        return (pattern.get(p + 1) == Some(&c)).then_some(p + 2);
    }
    match element {
        '_' => Some(p + 1),
        '[' => {
            let negated = pattern.get(p + 1) == Some(&'^');
            let start = p + 1 + usize::from(negated);
            let end = start + pattern.get(start..)?.iter().position(|c| *c == ']')?;
            let set = &pattern[start..end];
            let mut found = false;
            let mut at = 0;
            while at < set.len() {
                if at + 2 < set.len() && set[at + 1] == '-' {
                    found |= (set[at]..=set[at + 2]).contains(&c);
                    at += 3;
                } else {
                    found |= set[at] == c;
                    at += 1;
                }
            }
            (found != negated).then_some(end + 1)
        }
        other => (other == c).then_some(p + 1),
    }
}

pub fn len(_: &mut Ambient, values: &[Value]) -> Result<Value, Message> {
    let sql_type = text(values.get(1)).and_then(|t| decode(&t));
    if let (Some(value @ Value::Text(_)), Some(of)) = (values.first(), sql_type.filter(|of| types::is_exact(*of))) {
        let shown = types::convert(&super::typed(value, of)?, of, 0)?;
        let Value::Text(shown) = types::convert(&shown, SqlType::VarChar(None), 0)? else { return Ok(Value::Null) };
        return Ok(Value::Int(i64::try_from(shown.len()).unwrap_or(0)));
    }
    Ok(match values.first() {
        Some(Value::Text(text)) => {
            Value::Int(i64::try_from(text.trim_end_matches(' ').encode_utf16().count()).unwrap_or(0))
        }
        Some(Value::Bytes(bytes)) => Value::Int(i64::try_from(bytes.len()).unwrap_or(0)),
        Some(Value::Int(n)) => Value::Int(i64::try_from(n.to_string().len()).unwrap_or(0)),
        _ => Value::Null,
    })
}

pub fn datalength(_: &mut Ambient, values: &[Value]) -> Result<Value, Message> {
    let sql_type = text(values.get(1)).and_then(|t| decode(&t));
    let size = match (values.first(), sql_type) {
        (Some(Value::Null) | None, _) => return Ok(Value::Null),
        (Some(Value::Text(text)), Some(SqlType::VarChar(_) | SqlType::Char(_))) => text.chars().count(),
        (Some(Value::Text(_)), Some(SqlType::UniqueIdentifier)) => 16,
        (_, Some(SqlType::Money)) => 8,
        (_, Some(SqlType::SmallMoney)) => 4,
        (_, Some(of @ SqlType::Decimal { .. })) => usize::try_from(types::column_type(of).max_length).unwrap_or(0),
        (Some(Value::Text(text)), _) => text.encode_utf16().count() * 2,
        (Some(Value::Bytes(bytes)), _) => bytes.len(),
        (_, Some(SqlType::Bit | SqlType::TinyInt)) => 1,
        (_, Some(SqlType::SmallInt)) => 2,
        (_, Some(SqlType::BigInt | SqlType::Float)) => 8,
        _ => 4,
    };
    Ok(Value::Int(i64::try_from(size).unwrap_or(0)))
}

pub fn replace(_: &mut Ambient, values: &[Value]) -> Result<Value, Message> {
    let (Some(value), Some(from), Some(to)) = (text(values.first()), text(values.get(1)), text(values.get(2))) else {
        return Ok(Value::Null);
    };
    if from.is_empty() {
        return Ok(Value::Text(value));
    }
    // Case-insensitively where lower-casing changes no lengths, which is nearly always.
    let (lower, wanted) = (value.to_lowercase(), from.to_lowercase());
    if lower.len() != value.len() || wanted.len() != from.len() {
        return Ok(Value::Text(value.replace(&from, &to)));
    }
    let mut result = String::new();
    let mut at = 0;
    while let Some(found) = lower.get(at..).and_then(|rest| rest.find(&wanted)) {
        result.push_str(value.get(at..at + found).unwrap_or(""));
        result.push_str(&to);
        at += found + wanted.len();
    }
    result.push_str(value.get(at..).unwrap_or(""));
    Ok(Value::Text(result))
}

fn units(text: &str, from: i64, count: i64) -> String {
    let all: Vec<u16> = text.encode_utf16().collect();
    let clamp = |n: i64| usize::try_from(n).unwrap_or(0).min(all.len());
    let (start, end) = (clamp(from), clamp(from.saturating_add(count)));
    String::from_utf16_lossy(&all[start.min(end)..end])
}

/// LEFT and SUBSTRING have a number of their own.
fn negative_length(function: &str) -> Message {
    let number = if function == "right" { 536 } else { 537 };
    let function = if number == 536 { function } else { "LEFT or SUBSTRING" };
    Message::new(number, 16, 3, format!("Invalid length parameter passed to the {function} function."))
}

pub fn substring(_: &mut Ambient, values: &[Value]) -> Result<Value, Message> {
    let (Some(start), Some(count)) = (int(values.get(1)), int(values.get(2))) else { return Ok(Value::Null) };
    if count < 0 {
        return Err(negative_length("substring"));
    }
    match values.first() {
        Some(Value::Bytes(bytes)) => {
            let clamp = |n: i64| usize::try_from(n).unwrap_or(0).min(bytes.len());
            Ok(Value::Bytes(bytes[clamp(start - 1)..clamp(start - 1 + count)].to_vec()))
        }
        other => Ok(text(other).map_or(Value::Null, |t| Value::Text(units(&t, start - 1, count)))),
    }
}

pub fn left(_: &mut Ambient, values: &[Value]) -> Result<Value, Message> {
    let (Some(value), Some(count)) = (text(values.first()), int(values.get(1))) else { return Ok(Value::Null) };
    if count < 0 { Err(negative_length("left")) } else { Ok(Value::Text(units(&value, 0, count))) }
}

pub fn right(_: &mut Ambient, values: &[Value]) -> Result<Value, Message> {
    let (Some(value), Some(count)) = (text(values.first()), int(values.get(1))) else { return Ok(Value::Null) };
    if count < 0 {
        return Err(negative_length("right"));
    }
    let length = i64::try_from(value.encode_utf16().count()).unwrap_or(0);
    Ok(Value::Text(units(&value, (length - count).max(0), count)))
}

pub fn charindex(_: &mut Ambient, values: &[Value]) -> Result<Value, Message> {
    let (Some(wanted), Some(value)) = (text(values.first()), text(values.get(1))) else { return Ok(Value::Null) };
    let start = usize::try_from(int(values.get(2)).unwrap_or(1).max(1) - 1).unwrap_or(0);
    let fold_units = |text: &str| -> Vec<u16> { text.to_lowercase().encode_utf16().collect() };
    let (wanted, value) = (fold_units(&wanted), fold_units(&value));
    if wanted.is_empty() || start >= value.len() {
        return Ok(Value::Int(0));
    }
    let found = value[start..].windows(wanted.len()).position(|w| w == wanted);
    Ok(Value::Int(found.map_or(0, |i| i64::try_from(start + i + 1).unwrap_or(0))))
}

/// NULL for a name of more than 128 units or an unknown quote: a documented trap.
pub fn quotename(_: &mut Ambient, values: &[Value]) -> Result<Value, Message> {
    let Some(name) = text(values.first()).filter(|n| n.encode_utf16().count() <= 128) else { return Ok(Value::Null) };
    let quote = if values.len() > 1 { text(values.get(1)).unwrap_or_default() } else { "[".to_owned() };
    Ok(match quote.chars().next() {
        Some('[' | ']') => Value::Text(format!("[{}]", name.replace(']', "]]"))),
        Some('\'') => Value::Text(format!("'{}'", name.replace('\'', "''"))),
        Some('"') => Value::Text(format!("\"{}\"", name.replace('"', "\"\""))),
        _ => Value::Null,
    })
}
