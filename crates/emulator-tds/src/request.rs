//! The requests of a session: batch, RPC, transaction manager.

use emulator_ground::engine::Isolation;
use emulator_ground::value::{SqlType, Value};

use super::reader::{Malformed, Reader, utf16};
use super::types::decode::{self, DecodeError};

/// A call by name, or by one of the well-known numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Procedure {
    Name(String),
    Id(u16),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub procedure: Procedure,
    pub arguments: Vec<Argument>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Argument {
    /// As sent: with or without `@`, or empty.
    pub name: String,
    pub output: bool,
    pub sql_type: SqlType,
    pub value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transaction {
    Begin {
        isolation: Option<Isolation>,
        name: String,
    },
    Commit {
        then_begin: bool,
    },
    Rollback {
        name: String,
        then_begin: bool,
    },
    Save {
        name: String,
    },
    /// Distributed transactions.
    Unsupported,
}

/// Text of a batch.
pub fn batch(payload: &[u8]) -> Result<String, Malformed> {
    let mut reader = Reader::new(payload);
    headers(&mut reader)?;
    Ok(utf16(reader.rest()))
}

/// The calls of one RPC message.
pub fn rpc(payload: &[u8]) -> Result<Vec<Call>, DecodeError> {
    /// Between two calls: since 7.2, before, and "do not execute".
    const SEPARATORS: [u8; 3] = [0xFF, 0x80, 0xFE];
    let mut reader = Reader::new(payload);
    headers(&mut reader)?;
    let mut calls = Vec::new();
    while !reader.is_empty() {
        let procedure = match reader.u16()? {
            0xFFFF => Procedure::Id(reader.u16()?),
            units => Procedure::Name(reader.utf16(usize::from(units))?),
        };
        // recompile, no metadata, reuse: nothing that changes an answer
        reader.u16()?;
        let mut arguments = Vec::new();
        while let Some(next) = reader.peek() {
            if SEPARATORS.contains(&next) {
                reader.u8()?;
                break;
            }
            arguments.push(argument(&mut reader)?);
        }
        calls.push(Call { procedure, arguments });
    }
    if calls.is_empty() {
        return Err(Malformed("an RPC without a call").into());
    }
    Ok(calls)
}

fn argument(reader: &mut Reader<'_>) -> Result<Argument, DecodeError> {
    const BY_REFERENCE: u8 = 0x01;
    let name = reader.b_varchar()?;
    let status = reader.u8()?;
    let (sql_type, value) = decode::typed_value(reader)?;
    Ok(Argument { name, output: status & BY_REFERENCE != 0, sql_type, value })
}

/// A request of the transaction manager.
pub fn transaction(payload: &[u8]) -> Result<Transaction, Malformed> {
    let mut reader = Reader::new(payload);
    headers(&mut reader)?;
    Ok(match reader.u16()? {
        5 => {
            let isolation = isolation(reader.u8()?)?;
            Transaction::Begin { isolation, name: name(&mut reader)? }
        }
        7 => {
            name(&mut reader)?;
            Transaction::Commit { then_begin: then_begin(&mut reader)? }
        }
        8 => {
            let name = name(&mut reader)?;
            Transaction::Rollback { name, then_begin: then_begin(&mut reader)? }
        }
        9 => Transaction::Save { name: name(&mut reader)? },
        _ => Transaction::Unsupported,
    })
}

fn name(reader: &mut Reader<'_>) -> Result<String, Malformed> {
    if reader.is_empty() { Ok(String::new()) } else { reader.b_varchar() }
}

fn then_begin(reader: &mut Reader<'_>) -> Result<bool, Malformed> {
    Ok(!reader.is_empty() && reader.u8()? & 1 == 1)
}

fn isolation(level: u8) -> Result<Option<Isolation>, Malformed> {
    Ok(match level {
        0 => None,
        1 => Some(Isolation::ReadUncommitted),
        2 => Some(Isolation::ReadCommitted),
        3 => Some(Isolation::RepeatableRead),
        4 => Some(Isolation::Serializable),
        5 => Some(Isolation::Snapshot),
        _ => return Err(Malformed("an unknown isolation level")),
    })
}

/// ALL_HEADERS: every request since 7.2 begins with them. The transaction descriptor in them is what the server gave;
/// a stale one is no error.
fn headers(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    let total = (reader.u32()? as usize).checked_sub(4).ok_or(Malformed("headers shorter than their length"))?;
    let mut headers = Reader::new(reader.bytes(total)?);
    while !headers.is_empty() {
        let length = (headers.u32()? as usize).checked_sub(4).ok_or(Malformed("a header shorter than its length"))?;
        headers.bytes(length)?;
    }
    Ok(())
}
