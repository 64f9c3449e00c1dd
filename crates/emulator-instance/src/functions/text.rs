//! Functions on texts.

use super::super::ambient::Ambient;
use super::super::errors;
use super::super::types;
use super::values::{decode, int, text};
use emulator_ground::codepage;
use emulator_ground::engine::Message;
use emulator_ground::value::{SqlType, Value};
use emulator_tsql::lexer::tokens;

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

/// LIKE without ESCAPE and without regard to case.
pub fn is_like(value: &str, pattern: &str) -> bool {
    let fold = |text: &str| text.chars().flat_map(char::to_lowercase).collect::<Vec<char>>();
    matches_like(&fold(value), &fold(pattern), None)
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
        let shown = types::convert(&super::values::typed(value, of)?, of, 0)?;
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

/// Blanks, or the characters of the second argument; NULL for NULL.
pub fn trim(values: &[Value], start: bool, end: bool) -> Result<Value, Message> {
    let characters = match values.get(1) {
        None => " ".to_owned(),
        given => match text(given) {
            Some(characters) => characters,
            None => return Ok(Value::Null),
        },
    };
    let goes = |c: char| characters.chars().any(|of| same(of, c));
    map_text(values, |value| {
        let value = if start { value.trim_start_matches(goes) } else { value };
        (if end { value.trim_end_matches(goes) } else { value }).to_owned()
    })
}

/// By the collation, which does not heed case.
fn same(a: char, b: char) -> bool {
    a == b || a.to_lowercase().eq(b.to_lowercase())
}

/// The separator between those that are not NULL; a separator that is NULL is none.
pub fn concat_ws(_: &mut Ambient, values: &[Value]) -> Result<Value, Message> {
    let (separator, rest) = values.split_first().map_or((None, values), |(first, rest)| (text(Some(first)), rest));
    let parts: Vec<String> = rest.iter().filter_map(|value| text(Some(value))).collect();
    Ok(Value::Text(parts.join(&separator.unwrap_or_default())))
}

/// Code of the first character in the code page.
pub fn ascii(values: &[Value]) -> Value {
    let first = text(values.first()).and_then(|value| value.chars().next());
    first.map_or(Value::Null, |c| {
        codepage::encode(&c.to_string()).first().map_or(Value::Null, |byte| Value::Int((*byte).into()))
    })
}

/// NULL outside 0 to 255.
pub fn char(values: &[Value]) -> Value {
    let code = int(values.first()).and_then(|code| u8::try_from(code).ok());
    code.map_or(Value::Null, |code| Value::Text(codepage::decode(&[code])))
}

/// NULL outside 0 to 65535, where the collation knows no supplementary characters, and for half a character.
pub fn nchar(values: &[Value]) -> Value {
    let code = int(values.first()).and_then(|code| u16::try_from(code).ok());
    let c = code.and_then(|code| char::from_u32(code.into()));
    c.map_or(Value::Null, |c| Value::Text(c.to_string()))
}

pub fn unicode(values: &[Value]) -> Value {
    let first = text(values.first()).and_then(|value| value.encode_utf16().next());
    first.map_or(Value::Null, |unit| Value::Int(unit.into()))
}

/// Most bytes of a text that has a limit.
const LONGEST: usize = 8000;
/// Most characters that are made of a text without one.
const UNLIMITED: usize = 1 << 24;

/// Text, count, and the characters that the text's type has, after which the answer is cut; NULL where it has no limit.
/// NULL for a negative count.
pub fn replicate(_: &mut Ambient, values: &[Value]) -> Result<Value, Message> {
    let (Some(value), Some(count)) = (text(values.first()), int(values.get(1))) else { return Ok(Value::Null) };
    let Ok(count) = usize::try_from(count) else { return Ok(Value::Null) };
    let length = value.encode_utf16().count();
    let Some(limit) = int(values.get(2)) else {
        if length.saturating_mul(count) > UNLIMITED {
            return Err(errors::outside("a text of so many characters"));
        }
        return Ok(Value::Text(value.repeat(count)));
    };
    let most = usize::try_from(limit).unwrap_or(0) / length.max(1) + 1;
    Ok(Value::Text(units(&value.repeat(count.min(most)), 0, limit)))
}

pub fn space(values: &[Value]) -> Value {
    let count = int(values.first()).and_then(|count| usize::try_from(count).ok());
    count.map_or(Value::Null, |count| Value::Text(" ".repeat(count.min(LONGEST))))
}

/// NULL where the start is not within the text or the length is negative; a NULL to put in is an empty text.
pub fn stuff(values: &[Value]) -> Value {
    let (Some(value), Some(start), Some(length)) = (text(values.first()), int(values.get(1)), int(values.get(2)))
    else {
        return Value::Null;
    };
    let whole = i64::try_from(value.encode_utf16().count()).unwrap_or(i64::MAX);
    if start < 1 || start > whole || length < 0 {
        return Value::Null;
    }
    let after = (start - 1).saturating_add(length);
    let inside = text(values.get(3)).unwrap_or_default();
    Value::Text(format!("{}{inside}{}", units(&value, 0, start - 1), units(&value, after, i64::MAX)))
}

/// 9828 where the characters are not as many as their translations.
pub fn translate(_: &mut Ambient, values: &[Value]) -> Result<Value, Message> {
    let (Some(value), Some(from), Some(to)) = (text(values.first()), text(values.get(1)), text(values.get(2))) else {
        return Ok(Value::Null);
    };
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    if from.len() != to.len() {
        let text = "The second and third arguments of the TRANSLATE built-in function must contain an equal number of characters.";
        return Err(Message::new(9828, 16, 1, text));
    }
    let translated = |c: char| from.iter().position(|of| same(*of, c)).map_or(c, |at| to[at]);
    Ok(Value::Text(value.chars().map(translated).collect()))
}

/// Where the pattern begins in the text, from 1; 0 where it does not. With `%` in front it may begin anywhere.
pub fn patindex(values: &[Value]) -> Value {
    let (Some(pattern), Some(value)) = (text(values.first()), text(values.get(1))) else { return Value::Null };
    let fold = |text: &str| text.chars().flat_map(char::to_lowercase).collect::<Vec<char>>();
    let (pattern, value) = (fold(&pattern), fold(&value));
    let anywhere = pattern.iter().take_while(|c| **c == '%').count();
    let places = if anywhere == 0 { 0..1 } else { 0..value.len() };
    let found = places.into_iter().find(|at| matches_like(&value[*at..], &pattern[anywhere..], None));
    let found = if anywhere == pattern.len() && anywhere > 0 && !value.is_empty() { Some(0) } else { found };
    let units = |at: usize| value[..at].iter().map(|c| c.len_utf16()).sum::<usize>();
    Value::Int(found.map_or(0, |at| i64::try_from(units(at) + 1).unwrap_or(0)))
}

/// The parts of a name from its end: 1 object, 2 schema, 3 database, 4 server. NULL for what is no name.
pub fn parsename(values: &[Value]) -> Value {
    let (Some(name), Some(part)) = (text(values.first()), int(values.get(1))) else { return Value::Null };
    let mut parts = vec![None];
    for token in tokens(&name).iter().filter(|token| !token.is_trivia()) {
        match (token.text(&name), parts.last_mut()) {
            (".", _) => parts.push(None),
            (_, Some(last @ None)) => *last = Some(token.name(&name)),
            _ => return Value::Null,
        }
    }
    let wanted = usize::try_from(part).ok().filter(|part| (1..=4).contains(part) && parts.len() <= 4);
    let found = wanted.and_then(|part| parts.len().checked_sub(part)).and_then(|at| parts.swap_remove(at));
    found.map_or(Value::Null, Value::Text)
}
