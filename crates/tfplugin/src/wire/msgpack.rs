//! Values as msgpack. An unknown value is an extension (`d4 00 00`, or type 12 with refinements); a number is the
//! smallest integer, a float, or, where neither holds it, a string of digits.

use std::collections::BTreeMap;

use rmp::Marker;
use rmp::decode::{self, RmpRead};
use rmp::encode;

use crate::dynamic::Dynamic;

/// A value nested deeper than this is refused: it would not fit the stack.
const DEPTH: usize = 64;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub &'static str);

pub(crate) fn read(mut bytes: &[u8]) -> Result<Dynamic, Malformed> {
    let value = read_value(&mut bytes, DEPTH)?;
    if bytes.is_empty() { Ok(value) } else { Err(Malformed("bytes after the value")) }
}

fn read_value(bytes: &mut &[u8], depth: usize) -> Result<Dynamic, Malformed> {
    const SHORT: Malformed = Malformed("the value ends too early");
    let depth = depth.checked_sub(1).ok_or(Malformed("nested too deep"))?;
    let marker = decode::read_marker(bytes).map_err(|_| SHORT)?;
    let length = |bytes: &mut &[u8], width: u8| -> Result<usize, Malformed> {
        Ok(match width {
            1 => bytes.read_data_u8().map_err(|_| SHORT)?.into(),
            2 => bytes.read_data_u16().map_err(|_| SHORT)?.into(),
            _ => bytes.read_data_u32().map_err(|_| SHORT)? as usize,
        })
    };
    Ok(match marker {
        Marker::Null => Dynamic::Null,
        Marker::True => Dynamic::Bool(true),
        Marker::False => Dynamic::Bool(false),
        Marker::FixPos(value) => Dynamic::Int(value.into()),
        Marker::FixNeg(value) => Dynamic::Int(value.into()),
        Marker::U8 => Dynamic::Int(bytes.read_data_u8().map_err(|_| SHORT)?.into()),
        Marker::U16 => Dynamic::Int(bytes.read_data_u16().map_err(|_| SHORT)?.into()),
        Marker::U32 => Dynamic::Int(bytes.read_data_u32().map_err(|_| SHORT)?.into()),
        Marker::U64 => {
            let value = bytes.read_data_u64().map_err(|_| SHORT)?;
            i64::try_from(value).map_or_else(|_| Dynamic::BigNumber(value.to_string()), Dynamic::Int)
        }
        Marker::I8 => Dynamic::Int(bytes.read_data_i8().map_err(|_| SHORT)?.into()),
        Marker::I16 => Dynamic::Int(bytes.read_data_i16().map_err(|_| SHORT)?.into()),
        Marker::I32 => Dynamic::Int(bytes.read_data_i32().map_err(|_| SHORT)?.into()),
        Marker::I64 => Dynamic::Int(bytes.read_data_i64().map_err(|_| SHORT)?),
        Marker::F32 => Dynamic::from(f64::from(bytes.read_data_f32().map_err(|_| SHORT)?)),
        Marker::F64 => Dynamic::from(bytes.read_data_f64().map_err(|_| SHORT)?),
        Marker::FixStr(length) => text(bytes, length.into())?,
        Marker::Str8 | Marker::Bin8 => length(bytes, 1).and_then(|length| text(bytes, length))?,
        Marker::Str16 | Marker::Bin16 => length(bytes, 2).and_then(|length| text(bytes, length))?,
        Marker::Str32 | Marker::Bin32 => length(bytes, 4).and_then(|length| text(bytes, length))?,
        Marker::FixArray(length) => list(bytes, length.into(), depth)?,
        Marker::Array16 => length(bytes, 2).and_then(|length| list(bytes, length, depth))?,
        Marker::Array32 => length(bytes, 4).and_then(|length| list(bytes, length, depth))?,
        Marker::FixMap(length) => map(bytes, length.into(), depth)?,
        Marker::Map16 => length(bytes, 2).and_then(|length| map(bytes, length, depth))?,
        Marker::Map32 => length(bytes, 4).and_then(|length| map(bytes, length, depth))?,
        Marker::FixExt1 => unknown(bytes, 1)?,
        Marker::FixExt2 => unknown(bytes, 2)?,
        Marker::FixExt4 => unknown(bytes, 4)?,
        Marker::FixExt8 => unknown(bytes, 8)?,
        Marker::FixExt16 => unknown(bytes, 16)?,
        Marker::Ext8 => length(bytes, 1).and_then(|length| unknown(bytes, length))?,
        Marker::Ext16 => length(bytes, 2).and_then(|length| unknown(bytes, length))?,
        Marker::Ext32 => length(bytes, 4).and_then(|length| unknown(bytes, length))?,
        Marker::Reserved => return Err(Malformed("a reserved marker")),
    })
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], Malformed> {
    let (taken, rest) = bytes.split_at_checked(length).ok_or(Malformed("the value ends too early"))?;
    *bytes = rest;
    Ok(taken)
}

fn text(bytes: &mut &[u8], length: usize) -> Result<Dynamic, Malformed> {
    let text = std::str::from_utf8(take(bytes, length)?).map_err(|_| Malformed("a string that is not UTF-8"))?;
    Ok(Dynamic::String(text.to_owned()))
}

fn unknown(bytes: &mut &[u8], length: usize) -> Result<Dynamic, Malformed> {
    // One byte of type comes before the data.
    take(bytes, length + 1)?;
    Ok(Dynamic::Unknown)
}

fn list(bytes: &mut &[u8], length: usize, depth: usize) -> Result<Dynamic, Malformed> {
    // Each element takes a byte at least: a length beyond what is there is a lie, and no reason to allocate.
    let mut elements = Vec::with_capacity(length.min(bytes.len()));
    for _ in 0..length {
        elements.push(read_value(bytes, depth)?);
    }
    Ok(Dynamic::List(elements))
}

fn map(bytes: &mut &[u8], length: usize, depth: usize) -> Result<Dynamic, Malformed> {
    let mut entries = BTreeMap::new();
    for _ in 0..length {
        let Dynamic::String(key) = read_value(bytes, depth)? else { return Err(Malformed("a key that is no string")) };
        entries.insert(key, read_value(bytes, depth)?);
    }
    Ok(Dynamic::Map(entries))
}

pub(crate) fn write(value: &Dynamic) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_value(&mut bytes, value);
    bytes
}

fn write_value(bytes: &mut Vec<u8>, value: &Dynamic) {
    const NEVER: &str = "writing to memory does not fail";
    let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    match value {
        Dynamic::Null => encode::write_nil(bytes).expect(NEVER),
        Dynamic::Unknown => bytes.extend([0xd4, 0, 0]),
        Dynamic::Bool(value) => encode::write_bool(bytes, *value).expect(NEVER),
        Dynamic::Int(value) => {
            encode::write_sint(bytes, *value).expect(NEVER);
        }
        Dynamic::Float(value) => encode::write_f64(bytes, *value).expect(NEVER),
        Dynamic::BigNumber(text) | Dynamic::String(text) => encode::write_str(bytes, text).expect(NEVER),
        Dynamic::List(elements) => {
            encode::write_array_len(bytes, count(elements.len())).expect(NEVER);
            elements.iter().for_each(|element| write_value(bytes, element));
        }
        Dynamic::Map(entries) => {
            encode::write_map_len(bytes, count(entries.len())).expect(NEVER);
            for (key, entry) in entries {
                encode::write_str(bytes, key).expect(NEVER);
                write_value(bytes, entry);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let value = Dynamic::Map(BTreeMap::from([
            ("list".into(), Dynamic::List(vec![Dynamic::Null, Dynamic::Unknown, Dynamic::Bool(true)])),
            (
                "numbers".into(),
                Dynamic::List([0, -1, 127, 128, -129, 65_536, i64::MIN, i64::MAX].map(Dynamic::Int).into()),
            ),
            ("text".into(), "ü".repeat(300).as_str().into()),
            ("float".into(), Dynamic::Float(0.5)),
        ]));
        assert_eq!(read(&write(&value)), Ok(value));
    }

    #[test]
    fn an_unknown_value_is_d4_00_00_and_one_with_refinements_is_unknown_too() {
        assert_eq!(write(&Dynamic::Unknown), [0xd4, 0, 0]);
        assert_eq!(read(&[0xc7, 3, 12, 0x81, 1, 0xc2]), Ok(Dynamic::Unknown));
    }

    #[test]
    fn a_whole_float_is_an_integer() {
        assert_eq!(read(&[0xcb, 0x40, 0x08, 0, 0, 0, 0, 0, 0]), Ok(Dynamic::Int(3)));
    }

    #[test]
    fn nonsense_is_refused_without_panic_or_allocation() {
        for (bytes, why) in [
            (&[][..], "ends too early"),
            (&[0xdd, 0xff, 0xff, 0xff, 0xff], "ends too early"),
            (&[0xa2, b'a'], "ends too early"),
            (&[0xa1, 0xff], "not UTF-8"),
            (&[0x81, 0x01, 0x01], "no string"),
            (&[0xc0, 0xc0], "after the value"),
            (&[0xc1], "reserved"),
            (&[0x91; 200], "too deep"),
        ] {
            let refused = read(bytes).unwrap_err();
            assert!(refused.0.contains(why), "{bytes:?}: {refused:?}");
        }
    }
}
