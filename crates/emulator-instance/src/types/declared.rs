//! Types as they are declared.

use super::super::errors;
use super::kinds::{ColumnType, TYPES, column_type};
use emulator_ground::engine::Message;
use emulator_ground::value::SqlType;
use emulator_tsql::ast::TypeName;

/// The type a declaration names.
///
/// # Errors
/// 2715 for a type that does not exist, 2716/131/1001/2750 for sizes that do not; `number` is the place among the columns
/// or variables that are declared with it.
pub fn declared(name: &TypeName, number: usize) -> Result<ColumnType, Message> {
    let wanted = name.name.name.to_ascii_lowercase();
    let canonical = match wanted.as_str() {
        "integer" => "int",
        "dec" => "decimal",
        "rowversion" => "timestamp",
        "character" => "char",
        "double precision" => "float",
        other => other,
    };
    let schema_ok =
        name.name.schema.as_deref().is_none_or(|s| s.eq_ignore_ascii_case("sys") || s.eq_ignore_ascii_case("dbo"));
    let known = TYPES.iter().find(|t| t.0 == canonical).filter(|_| schema_ok);
    let Some(&(type_name, _, _, max_length, precision, scale, _)) = known else {
        let text = format!("Column, parameter, or variable #{number}: Cannot find data type {}.", name.name.written());
        return Err(Message::new(2715, 16, 6, text));
    };
    let sized =
        |sql_type, max_length, precision, scale| ColumnType { name: type_name, sql_type, max_length, precision, scale };
    let fixed = |sql_type| ColumnType { name: type_name, sql_type, max_length, precision, scale };
    let most = match type_name {
        "decimal" | "numeric" => 2,
        "float" | "char" | "varchar" | "nchar" | "nvarchar" | "binary" | "varbinary" | "time" | "datetime2"
        | "datetimeoffset" => 1,
        _ => 0,
    };
    if name.arguments.len() > most && type_name != "xml" {
        let text =
            format!("Column, parameter, or variable #{number}: Cannot specify a column width on data type {wanted}.");
        return Err(Message::new(2716, 16, 1, text));
    }
    if name.arguments.contains(&None) && !matches!(type_name, "varchar" | "nvarchar" | "varbinary") {
        return Err(errors::outside(&format!("a schema collection or MAX of the type {wanted}")));
    }
    let argument = name.arguments.first().copied();
    let too_big = |most: u32, given: u32| {
        Message::new(
            131,
            15,
            2,
            format!(
                "The size ({given}) given to the type '{type_name}' exceeds the maximum allowed for any data type ({most})."
            ),
        )
    };
    let length = |most: u16| match argument {
        None => Ok(Some(1)),
        Some(None) => Ok(None),
        Some(Some(0)) => Err(zero_length()),
        Some(Some(n)) => {
            u16::try_from(n).ok().filter(|n| *n <= most).map(Some).ok_or_else(|| too_big(u32::from(most), n))
        }
    };
    let fraction = || match argument {
        None => Ok(7u8),
        Some(Some(n @ 0..=7)) => Ok(u8::try_from(n).unwrap_or(7)),
        Some(given) => {
            let given = given.unwrap_or_default();
            Err(Message::new(1002, 15, 1, format!("Line 1: Specified scale {given} is invalid.")))
        }
    };
    let bytes = |n: Option<u16>, unit: i32| n.map_or(-1, |n| i16::try_from(i32::from(n) * unit).unwrap_or(-1));
    Ok(match type_name {
        "bit" => fixed(SqlType::Bit),
        "tinyint" => fixed(SqlType::TinyInt),
        "smallint" => fixed(SqlType::SmallInt),
        "int" => fixed(SqlType::Int),
        "bigint" => fixed(SqlType::BigInt),
        "real" => fixed(SqlType::Real),
        "float" => match argument {
            Some(Some(0)) => return Err(zero_length()),
            Some(Some(n @ 54..)) => return Err(too_precise(number, n, 53)),
            Some(Some(n)) if n <= 24 => {
                ColumnType { name: "real", sql_type: SqlType::Real, max_length: 4, precision: 24, scale: 0 }
            }
            _ => fixed(SqlType::Float),
        },
        "decimal" | "numeric" => {
            let precision = argument.flatten().unwrap_or(18);
            let scale = name.arguments.get(1).copied().flatten().unwrap_or(0);
            if precision == 0 {
                return Err(zero_length());
            }
            if precision > 38 {
                return Err(too_precise(number, precision, 38));
            }
            if scale > precision {
                let text = format!(
                    "Column or parameter #{number}: Specified column scale {scale} is greater than the specified precision of {precision}."
                );
                return Err(Message::new(2751, 16, 1, text));
            }
            let (precision, scale) = (u8::try_from(precision).unwrap_or(38), u8::try_from(scale).unwrap_or(0));
            column_type(SqlType::Decimal { precision, scale }).named(type_name)
        }
        "money" => fixed(SqlType::Money),
        "smallmoney" => fixed(SqlType::SmallMoney),
        "date" => fixed(SqlType::Date),
        "time" => fraction().map(|scale| column_type(SqlType::Time { scale }))?,
        "datetime2" => fraction().map(|scale| column_type(SqlType::DateTime2 { scale }))?,
        "datetimeoffset" => fraction().map(|scale| column_type(SqlType::DateTimeOffset { scale }))?,
        "datetime" => fixed(SqlType::DateTime),
        "smalldatetime" => fixed(SqlType::SmallDateTime),
        "uniqueidentifier" => fixed(SqlType::UniqueIdentifier),
        "nchar" => length(4000).map(|n| sized(SqlType::NChar(n.unwrap_or(1)), bytes(n, 2), 0, 0))?,
        "nvarchar" => length(4000).map(|n| sized(SqlType::NVarChar(n), bytes(n, 2), 0, 0))?,
        "char" => length(8000).map(|n| sized(SqlType::Char(n.unwrap_or(1)), bytes(n, 1), 0, 0))?,
        "varchar" => length(8000).map(|n| sized(SqlType::VarChar(n), bytes(n, 1), 0, 0))?,
        "binary" => length(8000).map(|n| sized(SqlType::Binary(n.unwrap_or(1)), bytes(n, 1), 0, 0))?,
        "varbinary" => length(8000).map(|n| sized(SqlType::VarBinary(n), bytes(n, 1), 0, 0))?,
        "sysname" => sized(SqlType::NVarChar(Some(128)), 256, 0, 0),
        "timestamp" => fixed(SqlType::RowVersion),
        "xml" => fixed(SqlType::Xml),
        "sql_variant" => fixed(SqlType::SqlVariant),
        "text" => fixed(SqlType::VarChar(None)),
        "ntext" | "json" => fixed(SqlType::NVarChar(None)),
        _ => fixed(SqlType::VarBinary(None)),
    })
}

fn zero_length() -> Message {
    Message::new(1001, 15, 1, "Line 1: Length or precision specification 0 is invalid.")
}

fn too_precise(number: usize, given: u32, most: u32) -> Message {
    let text = format!(
        "Column or parameter #{number}: Specified column precision {given} is greater than the maximum precision of {most}."
    );
    Message::new(2750, 16, 1, text)
}

/// In CAST and CONVERT, a character or binary type without a length has 30.
pub fn cast_target(name: &TypeName) -> Result<SqlType, Message> {
    let declared = declared(name, 1).map_err(|error| {
        let shown = name.name.written();
        match error.number {
            2715 => Message::new(243, 16, 1, format!("Type {shown} is not a defined system type.")),
            2716 => {
                Message::new(291, 16, 1, format!("CAST or CONVERT: invalid attributes specified for type '{shown}'"))
            }
            _ => error,
        }
    })?;
    if !name.arguments.is_empty() {
        return Ok(declared.sql_type);
    }
    Ok(match declared.sql_type {
        SqlType::NChar(_) => SqlType::NChar(30),
        SqlType::Char(_) => SqlType::Char(30),
        SqlType::Binary(_) => SqlType::Binary(30),
        SqlType::NVarChar(Some(1)) => SqlType::NVarChar(Some(30)),
        SqlType::VarChar(Some(1)) => SqlType::VarChar(Some(30)),
        SqlType::VarBinary(Some(1)) => SqlType::VarBinary(Some(30)),
        other => other,
    })
}
