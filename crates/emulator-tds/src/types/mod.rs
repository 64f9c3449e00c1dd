//! SQL types on the wire: TYPE_INFO and values, in both directions.

pub mod decode;
pub mod encode;

/// SQL_Latin1_General_CP1_CI_AS, the only collation values are sent in: LCID 0x0409, sort id 52, code page 1252.
pub const COLLATION: [u8; 5] = [0x09, 0x04, 0xD0, 0x00, 0x34];

/// Type bytes.
mod id {
    pub const NULL: u8 = 0x1F;
    pub const IMAGE: u8 = 0x22;
    pub const TEXT: u8 = 0x23;
    pub const GUID: u8 = 0x24;
    pub const INT_N: u8 = 0x26;
    pub const DATE: u8 = 0x28;
    pub const TIME: u8 = 0x29;
    pub const DATETIME2: u8 = 0x2A;
    pub const DATETIMEOFFSET: u8 = 0x2B;
    pub const INT1: u8 = 0x30;
    pub const BIT: u8 = 0x32;
    pub const INT2: u8 = 0x34;
    pub const INT4: u8 = 0x38;
    pub const DATETIME4: u8 = 0x3A;
    pub const FLOAT4: u8 = 0x3B;
    pub const MONEY: u8 = 0x3C;
    pub const DATETIME: u8 = 0x3D;
    pub const FLOAT8: u8 = 0x3E;
    pub const VARIANT: u8 = 0x62;
    pub const NTEXT: u8 = 0x63;
    pub const BIT_N: u8 = 0x68;
    pub const DECIMAL: u8 = 0x6A;
    pub const NUMERIC: u8 = 0x6C;
    pub const FLOAT_N: u8 = 0x6D;
    pub const MONEY_N: u8 = 0x6E;
    pub const DATETIME_N: u8 = 0x6F;
    pub const MONEY4: u8 = 0x7A;
    pub const INT8: u8 = 0x7F;
    pub const VARBINARY: u8 = 0xA5;
    pub const VARCHAR: u8 = 0xA7;
    pub const BINARY: u8 = 0xAD;
    pub const CHAR: u8 = 0xAF;
    pub const NVARCHAR: u8 = 0xE7;
    pub const NCHAR: u8 = 0xEF;
    pub const XML: u8 = 0xF1;
}

/// 1900-01-01 in days since 0001-01-01.
const DAYS_TO_1900: i32 = 693_595;
const TICKS_PER_DAY: u64 = 864_000_000_000;
const TICKS_PER_MINUTE: i64 = 600_000_000;

/// Bytes of a time of this scale.
fn time_size(scale: u8) -> usize {
    match scale {
        0..=2 => 3,
        3..=4 => 4,
        _ => 5,
    }
}
