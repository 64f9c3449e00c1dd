//! SQL types and values, as the engine makes them and the wire carries them.

use uuid::Uuid;

use serde::{Deserialize, Serialize};

/// A SQL Server type with what its declaration fixes. `None` as a length is `max`.
/// Lengths of `nchar`/`nvarchar` are UTF-16 units, of the others bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SqlType {
    Bit,
    TinyInt,
    SmallInt,
    Int,
    BigInt,
    Real,
    Float,
    Decimal { precision: u8, scale: u8 },
    Money,
    SmallMoney,
    Date,
    Time { scale: u8 },
    DateTime2 { scale: u8 },
    DateTimeOffset { scale: u8 },
    DateTime,
    SmallDateTime,
    UniqueIdentifier,
    NChar(u16),
    NVarChar(Option<u16>),
    Char(u16),
    VarChar(Option<u16>),
    Binary(u16),
    VarBinary(Option<u16>),
    RowVersion,
    Xml,
    SqlVariant,
}

/// A value; which of its shapes a [`SqlType`] takes is fixed: see each variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    Null,
    Bit(bool),
    /// tinyint, smallint, int, bigint
    Int(i64),
    /// real, float
    Float(f64),
    /// decimal (value = unscaled / 10^scale); money and smallmoney have scale 4
    Decimal {
        unscaled: i128,
        scale: u8,
    },
    /// Every character type, and xml.
    Text(String),
    /// binary, varbinary, rowversion
    Bytes(Vec<u8>),
    Guid(Uuid),
    /// Days since 0001-01-01.
    Date(i32),
    /// 100 ns ticks since midnight.
    Time(u64),
    /// datetime, smalldatetime, datetime2: days since 0001-01-01, 100 ns ticks since midnight.
    DateTime {
        days: i32,
        ticks: u64,
    },
    /// Local date and time, and minutes east of UTC.
    DateTimeOffset {
        days: i32,
        ticks: u64,
        offset_minutes: i16,
    },
}

/// A column of a result set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub sql_type: SqlType,
    pub nullable: bool,
    pub identity: bool,
}
