//! Which types there are, and which of two wins.

use emulator_ground::value::SqlType;
use emulator_ground::words::{self, Word};
use serde::{Deserialize, Serialize};

/// A declared type: what the catalog shows of it, and how its values travel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnType {
    /// Name in `sys.types`.
    #[serde(deserialize_with = "words::word")]
    pub name: Word,
    pub sql_type: SqlType,
    pub max_length: i16,
    pub precision: u8,
    pub scale: u8,
}

impl ColumnType {
    /// Under another of its type's names.
    pub fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }
    /// Whether its values may lie outside the row, in `sys.tables.lob_data_space_id`.
    pub fn is_large(&self) -> bool {
        self.max_length == -1 || matches!(self.name, "text" | "ntext" | "image")
    }
}

/// `sys.types` of a database: name, system_type_id, user_type_id, max_length, precision, scale, is_assembly_type.
pub const TYPES: &[(&str, u8, i32, i16, u8, u8, bool)] = &[
    ("image", 34, 34, 16, 0, 0, false),
    ("text", 35, 35, 16, 0, 0, false),
    ("uniqueidentifier", 36, 36, 16, 0, 0, false),
    ("date", 40, 40, 3, 10, 0, false),
    ("time", 41, 41, 5, 16, 7, false),
    ("datetime2", 42, 42, 8, 27, 7, false),
    ("datetimeoffset", 43, 43, 10, 34, 7, false),
    ("tinyint", 48, 48, 1, 3, 0, false),
    ("smallint", 52, 52, 2, 5, 0, false),
    ("int", 56, 56, 4, 10, 0, false),
    ("smalldatetime", 58, 58, 4, 16, 0, false),
    ("real", 59, 59, 4, 24, 0, false),
    ("money", 60, 60, 8, 19, 4, false),
    ("datetime", 61, 61, 8, 23, 3, false),
    ("float", 62, 62, 8, 53, 0, false),
    ("sql_variant", 98, 98, 8016, 0, 0, false),
    ("ntext", 99, 99, 16, 0, 0, false),
    ("bit", 104, 104, 1, 1, 0, false),
    ("decimal", 106, 106, 17, 38, 38, false),
    ("numeric", 108, 108, 17, 38, 38, false),
    ("smallmoney", 122, 122, 4, 10, 4, false),
    ("bigint", 127, 127, 8, 19, 0, false),
    ("hierarchyid", 240, 128, 892, 0, 0, true),
    ("geometry", 240, 129, -1, 0, 0, true),
    ("geography", 240, 130, -1, 0, 0, true),
    ("varbinary", 165, 165, 8000, 0, 0, false),
    ("varchar", 167, 167, 8000, 0, 0, false),
    ("binary", 173, 173, 8000, 0, 0, false),
    ("char", 175, 175, 8000, 0, 0, false),
    ("timestamp", 189, 189, 8, 0, 0, false),
    ("nvarchar", 231, 231, 8000, 0, 0, false),
    ("nchar", 239, 239, 8000, 0, 0, false),
    ("xml", 241, 241, -1, 0, 0, false),
    ("json", 244, 244, -1, 0, 0, false),
    ("sysname", 231, 256, 256, 0, 0, false),
];

/// What the catalog shows of a type that an expression gave.
pub fn column_type(sql_type: SqlType) -> ColumnType {
    let name = name_of(sql_type);
    let known = TYPES.iter().find(|t| t.0 == name);
    let (max_length, precision, scale) = match sql_type {
        SqlType::NVarChar(n) => (n.map_or(-1, |n| (n * 2).cast_signed()), 0, 0),
        SqlType::NChar(n) => ((n * 2).cast_signed(), 0, 0),
        SqlType::VarChar(n) | SqlType::VarBinary(n) => (n.map_or(-1, u16::cast_signed), 0, 0),
        SqlType::Char(n) | SqlType::Binary(n) => (n.cast_signed(), 0, 0),
        SqlType::Decimal { precision, scale } => (decimal_bytes(precision), precision, scale),
        SqlType::Time { scale } => (3 + wider(scale), 8 + scale + u8::from(scale > 0), scale),
        SqlType::DateTime2 { scale } => (6 + wider(scale), 19 + scale + u8::from(scale > 0), scale),
        SqlType::DateTimeOffset { scale } => (8 + wider(scale), 26 + scale + u8::from(scale > 0), scale),
        _ => known.map_or((0, 0, 0), |t| (t.3, t.4, t.5)),
    };
    ColumnType { name, sql_type, max_length, precision, scale }
}

/// Bytes that digits after the second take.
fn wider(scale: u8) -> i16 {
    i16::from(scale > 2) + i16::from(scale > 4)
}

fn decimal_bytes(precision: u8) -> i16 {
    match precision {
        0..=9 => 5,
        10..=19 => 9,
        20..=28 => 13,
        _ => 17,
    }
}

/// The type of columns the server adds by itself.
pub fn bigint() -> ColumnType {
    ColumnType { name: "bigint", sql_type: SqlType::BigInt, max_length: 8, precision: 19, scale: 0 }
}

pub fn is_text(sql_type: SqlType) -> bool {
    matches!(sql_type, SqlType::NChar(_) | SqlType::NVarChar(_) | SqlType::Char(_) | SqlType::VarChar(_) | SqlType::Xml)
}
pub fn is_integer(sql_type: SqlType) -> bool {
    matches!(sql_type, SqlType::Bit | SqlType::TinyInt | SqlType::SmallInt | SqlType::Int | SqlType::BigInt)
}
pub fn is_number(sql_type: SqlType) -> bool {
    is_integer(sql_type)
        || matches!(
            sql_type,
            SqlType::Real | SqlType::Float | SqlType::Decimal { .. } | SqlType::Money | SqlType::SmallMoney
        )
}
pub fn is_binary(sql_type: SqlType) -> bool {
    matches!(sql_type, SqlType::Binary(_) | SqlType::VarBinary(_) | SqlType::RowVersion)
}
pub fn is_moment(sql_type: SqlType) -> bool {
    matches!(
        sql_type,
        SqlType::Date
            | SqlType::Time { .. }
            | SqlType::DateTime
            | SqlType::DateTime2 { .. }
            | SqlType::DateTimeOffset { .. }
            | SqlType::SmallDateTime
    )
}

/// Data type precedence: the greater of two operands' types is that of the result.
fn precedence(sql_type: SqlType) -> u8 {
    match sql_type {
        SqlType::SqlVariant => 30,
        SqlType::Xml => 29,
        SqlType::DateTimeOffset { .. } => 28,
        SqlType::DateTime2 { .. } => 27,
        SqlType::DateTime => 26,
        SqlType::SmallDateTime => 25,
        SqlType::Date => 24,
        SqlType::Time { .. } => 23,
        SqlType::Float => 22,
        SqlType::Real => 21,
        SqlType::Decimal { .. } => 20,
        SqlType::Money => 19,
        SqlType::SmallMoney => 18,
        SqlType::BigInt => 17,
        SqlType::Int => 16,
        SqlType::SmallInt => 15,
        SqlType::TinyInt => 14,
        SqlType::Bit => 13,
        SqlType::UniqueIdentifier => 9,
        SqlType::NVarChar(_) => 8,
        SqlType::NChar(_) => 7,
        SqlType::VarChar(_) => 6,
        SqlType::Char(_) => 5,
        SqlType::RowVersion => 10,
        SqlType::VarBinary(_) => 4,
        SqlType::Binary(_) => 3,
    }
}

/// The type two operands meet in (CASE, UNION, COALESCE, comparison).
pub fn common(a: SqlType, b: SqlType) -> SqlType {
    let (high, low) = if precedence(a) >= precedence(b) { (a, b) } else { (b, a) };
    // Beside a decimal an integer or an amount of money is the decimal that holds all of its kind.
    let low = match (high, whole_digits(low)) {
        (SqlType::Decimal { .. }, Some((precision, scale))) => SqlType::Decimal { precision, scale },
        _ => low,
    };
    match (high, low) {
        (SqlType::Decimal { precision: p1, scale: s1 }, SqlType::Decimal { precision: p2, scale: s2 }) => {
            let whole = (p1 - s1).max(p2 - s2);
            let scale = s1.max(s2).min(38 - whole);
            SqlType::Decimal { precision: whole + scale, scale }
        }
        (high, low) if is_text(high) && is_text(low) => {
            let longest = match (text_length(high), text_length(low)) {
                (Some(a), Some(b)) => Some(a.max(b)),
                _ => None,
            };
            match high {
                SqlType::NVarChar(_) => SqlType::NVarChar(longest.map(|n| n.min(4000))),
                SqlType::NChar(_) if matches!(low, SqlType::NChar(_)) => SqlType::NChar(longest.unwrap_or(4000)),
                SqlType::NChar(_) => SqlType::NVarChar(longest.map(|n| n.min(4000))),
                SqlType::Char(_) => SqlType::Char(longest.unwrap_or(8000)),
                SqlType::Xml => SqlType::Xml,
                _ => SqlType::VarChar(longest),
            }
        }
        (SqlType::VarBinary(a), SqlType::VarBinary(b)) => SqlType::VarBinary(a.zip(b).map(|(a, b)| a.max(b))),
        _ => high,
    }
}

/// Precision and scale of the decimal that an integer or money becomes.
pub fn whole_digits(sql_type: SqlType) -> Option<(u8, u8)> {
    Some(match sql_type {
        SqlType::BigInt => (19, 0),
        SqlType::Int => (10, 0),
        SqlType::SmallInt => (5, 0),
        SqlType::TinyInt => (3, 0),
        SqlType::Bit => (1, 0),
        SqlType::Money => (19, 4),
        SqlType::SmallMoney => (10, 4),
        _ => return None,
    })
}

/// Length in characters; `None` is max.
pub fn text_length(sql_type: SqlType) -> Option<u16> {
    match sql_type {
        SqlType::NChar(n) | SqlType::Char(n) => Some(n),
        SqlType::NVarChar(n) | SqlType::VarChar(n) => n,
        _ => None,
    }
}

pub fn is_national(sql_type: SqlType) -> bool {
    matches!(sql_type, SqlType::NChar(_) | SqlType::NVarChar(_) | SqlType::Xml)
}

/// The type's name, as messages say it.
pub fn name_of(sql_type: SqlType) -> &'static str {
    match sql_type {
        SqlType::Bit => "bit",
        SqlType::TinyInt => "tinyint",
        SqlType::SmallInt => "smallint",
        SqlType::Int => "int",
        SqlType::BigInt => "bigint",
        SqlType::Real => "real",
        SqlType::Float => "float",
        SqlType::Decimal { .. } => "numeric",
        SqlType::Money => "money",
        SqlType::SmallMoney => "smallmoney",
        SqlType::Date => "date",
        SqlType::Time { .. } => "time",
        SqlType::DateTime2 { .. } => "datetime2",
        SqlType::DateTimeOffset { .. } => "datetimeoffset",
        SqlType::DateTime => "datetime",
        SqlType::SmallDateTime => "smalldatetime",
        SqlType::UniqueIdentifier => "uniqueidentifier",
        SqlType::NChar(_) => "nchar",
        SqlType::NVarChar(_) => "nvarchar",
        SqlType::Char(_) => "char",
        SqlType::VarChar(_) => "varchar",
        SqlType::Binary(_) => "binary",
        SqlType::VarBinary(_) => "varbinary",
        SqlType::RowVersion => "timestamp",
        SqlType::Xml => "xml",
        SqlType::SqlVariant => "sql_variant",
    }
}
