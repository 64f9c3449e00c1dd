//! ODBC's view of the types: `sp_datatype_info`, and what the columns' procedures say of a column's type.

use super::super::super::functions;
use super::super::answer::Answer;
use super::shared::{INT, NAME, SMALL, answer, int, is_odbc_3, or_null, sorted, text};
use emulator_ground::value::{SqlType, Value};

/// A type of the server as ODBC knows it.
///
/// The page of `sp_datatype_info` names the columns; the values are those that babelfish_extensions keeps of a server's
/// answer, and ODBC's "Data types" for the codes. UNCONFIRMED: `json` and `vector` have no row.
struct OdbcType {
    name: &'static str,
    /// Code from ODBC 3 on, of the procedures ending in `_100`.
    code: i64,
    precision: i64,
    /// Before and after a literal.
    literal: (Option<&'static str>, Option<&'static str>),
    parameters: Option<&'static str>,
    searchable: i64,
    unsigned: Option<i64>,
    /// `None` where the type has no identity.
    identity: Option<bool>,
    scale: (Option<i64>, Option<i64>),
    radix: Option<i64>,
    user_type: i64,
}

const QUOTED: (Option<&str>, Option<&str>) = (Some("'"), Some("'"));
const NATIONAL: (Option<&str>, Option<&str>) = (Some("N'"), Some("'"));
const HEXADECIMAL: (Option<&str>, Option<&str>) = (Some("0x"), None);
const BARE: (Option<&str>, Option<&str>) = (None, None);
const DOLLAR: (Option<&str>, Option<&str>) = (Some("$"), None);

macro_rules! odbc {
    ($name:literal, $code:literal, $precision:literal, $literal:expr, $parameters:expr, $searchable:literal,
     $unsigned:expr, $identity:expr, $scale:expr, $radix:expr, $user_type:literal) => {
        OdbcType {
            name: $name,
            code: $code,
            precision: $precision,
            literal: $literal,
            parameters: $parameters,
            searchable: $searchable,
            unsigned: $unsigned,
            identity: $identity,
            scale: $scale,
            radix: $radix,
            user_type: $user_type,
        }
    };
}

const NONE: (Option<i64>, Option<i64>) = (None, None);
const ZERO: (Option<i64>, Option<i64>) = (Some(0), Some(0));
const SEVEN: (Option<i64>, Option<i64>) = (Some(0), Some(7));
const DECIMAL: (Option<i64>, Option<i64>) = (Some(0), Some(38));
const MONEY: (Option<i64>, Option<i64>) = (Some(4), Some(4));

/// In the order of codes, and within a code by how near they are to it.
const ODBC_TYPES: &[OdbcType] = &[
    odbc!("datetimeoffset", -155, 34, QUOTED, Some("scale"), 3, None, None, SEVEN, None, 0),
    odbc!("time", -154, 16, QUOTED, Some("scale"), 3, None, None, SEVEN, None, 0),
    odbc!("xml", -152, 0, NATIONAL, None, 0, None, None, NONE, None, 0),
    odbc!("sql_variant", -150, 8000, BARE, None, 2, None, None, ZERO, Some(10), 0),
    odbc!("uniqueidentifier", -11, 36, QUOTED, None, 2, None, None, NONE, None, 0),
    odbc!("ntext", -10, 1_073_741_823, NATIONAL, None, 1, None, None, NONE, None, 0),
    odbc!("nvarchar", -9, 4000, NATIONAL, Some("max length"), 3, None, None, NONE, None, 0),
    odbc!("sysname", -9, 128, NATIONAL, None, 3, None, None, NONE, None, 18),
    odbc!("nchar", -8, 4000, NATIONAL, Some("length"), 3, None, None, NONE, None, 0),
    odbc!("bit", -7, 1, BARE, None, 2, None, None, ZERO, None, 16),
    odbc!("tinyint", -6, 3, BARE, None, 2, Some(1), Some(false), ZERO, Some(10), 5),
    odbc!("tinyint identity", -6, 3, BARE, None, 2, Some(1), Some(true), ZERO, Some(10), 5),
    odbc!("bigint", -5, 19, BARE, None, 2, Some(0), Some(false), ZERO, Some(10), 0),
    odbc!("bigint identity", -5, 19, BARE, None, 2, Some(0), Some(true), ZERO, Some(10), 0),
    odbc!("image", -4, 2_147_483_647, HEXADECIMAL, None, 0, None, None, NONE, None, 20),
    odbc!("varbinary", -3, 8000, HEXADECIMAL, Some("max length"), 2, None, None, NONE, None, 4),
    odbc!("binary", -2, 8000, HEXADECIMAL, Some("length"), 2, None, None, NONE, None, 3),
    odbc!("timestamp", -2, 8, HEXADECIMAL, None, 2, None, None, NONE, None, 80),
    odbc!("text", -1, 2_147_483_647, QUOTED, None, 1, None, None, NONE, None, 19),
    odbc!("char", 1, 8000, QUOTED, Some("length"), 3, None, None, NONE, None, 1),
    odbc!("numeric", 2, 38, BARE, Some("precision,scale"), 2, Some(0), Some(false), DECIMAL, Some(10), 10),
    odbc!("numeric() identity", 2, 38, BARE, Some("precision"), 2, Some(0), Some(true), ZERO, Some(10), 10),
    odbc!("decimal", 3, 38, BARE, Some("precision,scale"), 2, Some(0), Some(false), DECIMAL, Some(10), 24),
    odbc!("money", 3, 19, DOLLAR, None, 2, Some(0), Some(false), MONEY, Some(10), 11),
    odbc!("smallmoney", 3, 10, DOLLAR, None, 2, Some(0), Some(false), MONEY, Some(10), 21),
    odbc!("decimal() identity", 3, 38, BARE, Some("precision"), 2, Some(0), Some(true), ZERO, Some(10), 24),
    odbc!("int", 4, 10, BARE, None, 2, Some(0), Some(false), ZERO, Some(10), 7),
    odbc!("int identity", 4, 10, BARE, None, 2, Some(0), Some(true), ZERO, Some(10), 7),
    odbc!("smallint", 5, 5, BARE, None, 2, Some(0), Some(false), ZERO, Some(10), 6),
    odbc!("smallint identity", 5, 5, BARE, None, 2, Some(0), Some(true), ZERO, Some(10), 6),
    odbc!("float", 6, 53, BARE, None, 2, Some(0), Some(false), NONE, Some(2), 8),
    odbc!("real", 7, 24, BARE, None, 2, Some(0), Some(false), NONE, Some(2), 23),
    odbc!("varchar", 12, 8000, QUOTED, Some("max length"), 3, None, None, NONE, None, 2),
    odbc!("date", 91, 10, QUOTED, None, 3, None, None, (None, Some(0)), None, 0),
    odbc!("datetime2", 93, 27, QUOTED, Some("scale"), 3, None, None, SEVEN, None, 0),
    odbc!("datetime", 93, 23, QUOTED, None, 3, None, None, (Some(3), Some(3)), None, 12),
    odbc!("smalldatetime", 93, 16, QUOTED, None, 3, None, None, ZERO, None, 22),
];

/// Which ODBC a client has, and whether its procedure knows the types of SQL Server 2008.
#[derive(Clone, Copy)]
pub(super) struct Version {
    pub odbc_3: bool,
    pub later: bool,
}

impl Version {
    /// `DATA_TYPE`: older procedures show later types as the texts older clients get, ODBC 2 had other codes of dates.
    fn code(self, of: &OdbcType) -> i64 {
        match (of.name, self.later, self.odbc_3) {
            ("date" | "time" | "datetime2" | "datetimeoffset", false, _) => -9,
            ("xml", false, _) => -10,
            ("date", true, false) => 9,
            ("datetime2" | "datetime" | "smalldatetime", _, false) => 11,
            _ => of.code,
        }
    }

    /// `SQL_DATA_TYPE` and `SQL_DATETIME_SUB`: 9 is SQL_DATETIME, 1 a date, 3 a timestamp.
    fn verbose(self, of: &OdbcType) -> (i64, Option<i64>) {
        match (of.name, self.later) {
            ("datetime" | "smalldatetime", _) | ("datetime2", true) => (9, Some(3)),
            ("date", true) => (9, Some(1)),
            ("time" | "datetimeoffset", true) => (of.code, Some(0)),
            _ => (self.code(of), None),
        }
    }

    /// Precision and radix: ODBC 2 counts the digits of floating numbers.
    fn precision(self, of: &OdbcType) -> (i64, Option<i64>) {
        match (of.name, self.odbc_3) {
            ("float", false) => (15, Some(10)),
            ("real", false) => (7, Some(10)),
            _ => (of.precision, of.radix),
        }
    }
}

const COLUMNS: &[(&str, SqlType)] = &[
    ("TYPE_NAME", NAME),
    ("DATA_TYPE", SMALL),
    ("PRECISION", INT),
    ("LITERAL_PREFIX", SqlType::VarChar(Some(32))),
    ("LITERAL_SUFFIX", SqlType::VarChar(Some(32))),
    ("CREATE_PARAMS", SqlType::VarChar(Some(32))),
    ("NULLABLE", SMALL),
    ("CASE_SENSITIVE", SMALL),
    ("SEARCHABLE", SMALL),
    ("UNSIGNED_ATTRIBUTE", SMALL),
    ("MONEY", SMALL),
    ("AUTO_INCREMENT", SMALL),
    ("LOCAL_TYPE_NAME", NAME),
    ("MINIMUM_SCALE", SMALL),
    ("MAXIMUM_SCALE", SMALL),
    ("SQL_DATA_TYPE", SMALL),
    ("SQL_DATETIME_SUB", SMALL),
    ("NUM_PREC_RADIX", INT),
    ("INTERVAL_PRECISION", SMALL),
    ("USERTYPE", SMALL),
];

pub(super) fn data_types(values: &[Value], later: bool) -> Answer {
    let wanted = functions::int(values.first()).unwrap_or(0);
    let version = Version { odbc_3: is_odbc_3(values.get(1)), later };
    let rows = ODBC_TYPES.iter().filter(|of| wanted == 0 || wanted == version.code(of)).map(|of| {
        let (precision, radix) = version.precision(of);
        let (verbose, sub) = version.verbose(of);
        let words = |word: Option<&str>| word.map_or(Value::Null, text);
        let nullable = !matches!(of.name, "sysname" | "timestamp") && of.identity != Some(true);
        vec![
            text(of.name),
            int(version.code(of)),
            int(precision),
            words(of.literal.0),
            words(of.literal.1),
            words(of.parameters),
            int(nullable),
            // The instance's collation does not heed case.
            int(0),
            int(of.searchable),
            or_null(of.unsigned),
            int(of.name.ends_with("money")),
            or_null(of.identity.map(i64::from)),
            text(of.name),
            or_null(of.scale.0),
            or_null(of.scale.1),
            int(verbose),
            or_null(sub),
            or_null(radix),
            Value::Null,
            int(of.user_type),
        ]
    });
    // Within a code they keep their order.
    answer(COLUMNS, sorted(rows.collect(), &[1]))
}

/// A column's type as the procedures show it.
#[derive(Default)]
pub(super) struct Shown {
    pub code: Option<i64>,
    pub name: String,
    pub precision: i64,
    pub length: i64,
    pub scale: Option<i64>,
    pub radix: Option<i64>,
    pub verbose: Option<i64>,
    pub sub: Option<i64>,
    pub octets: Option<i64>,
    pub ss_type: i64,
}

/// A declared type: its name, and its length, precision and scale as in `sys.columns`.
pub(super) struct Declared<'a> {
    pub name: &'a str,
    pub max_length: i64,
    pub precision: i64,
    pub scale: i64,
    pub nullable: bool,
    pub identity: bool,
}

/// Sizes as ODBC's "Column size, decimal digits, transfer octet length, and display size" has them; 0 is a length without
/// limit (SQL_SS_LENGTH_UNLIMITED).
pub(super) fn shown(of: &Declared<'_>, version: Version) -> Shown {
    let ss_type = ss_type(of.name, of.nullable);
    let Some(known) = ODBC_TYPES.iter().find(|known| known.name == of.name) else {
        // -151 is SQL_SS_UDT; what ODBC does not know has no code.
        let udt = matches!(of.name, "hierarchyid" | "geometry" | "geography");
        let length = of.max_length.max(0);
        let code = udt.then_some(-151);
        return Shown { code, name: of.name.to_owned(), precision: length, length, verbose: code, ..Shown::default() };
    };
    let name = match (of.identity, of.name) {
        (true, "decimal" | "numeric") => format!("{}() identity", of.name),
        (true, name) => format!("{name} identity"),
        (false, name) => name.to_owned(),
    };
    let (precision, radix) = version.precision(known);
    let size = of.max_length.max(0);
    let (precision, length, scale, octets) = match of.name {
        "char" | "varchar" | "binary" | "varbinary" => (size, size, None, Some(size)),
        "nchar" | "nvarchar" | "sysname" => (size / 2, size, None, Some(size)),
        "text" | "image" => (precision, 2_147_483_647, None, Some(2_147_483_647)),
        "ntext" => (precision, 2_147_483_646, None, Some(2_147_483_646)),
        "xml" => (0, 0, None, Some(0)),
        "sql_variant" => (8000, 8000, Some(0), Some(8000)),
        "timestamp" => (8, 8, None, Some(8)),
        "decimal" | "numeric" => (of.precision, of.precision + 2, Some(of.scale), None),
        "money" => (19, 21, Some(4), None),
        "smallmoney" => (10, 12, Some(4), None),
        "tinyint" | "smallint" | "int" | "bigint" => (precision, of.max_length, Some(0), None),
        "date" => (10, if version.later { 6 } else { 20 }, version.later.then_some(0), None),
        // As texts they have two bytes for each character.
        "time" | "datetime2" | "datetimeoffset" if !version.later => (of.precision, of.precision * 2, None, None),
        "time" => (of.precision, 12, Some(of.scale), None),
        "datetime2" => (of.precision, 16, Some(of.scale), None),
        "datetimeoffset" => (of.precision, 20, Some(of.scale), None),
        "datetime" => (23, 16, Some(3), None),
        "smalldatetime" => (16, 16, Some(0), None),
        "uniqueidentifier" => (36, 16, None, None),
        _ => (precision, of.max_length, None, None),
    };
    let (verbose, sub) = version.verbose(known);
    Shown {
        code: Some(version.code(known)),
        name,
        precision,
        length,
        scale,
        radix,
        verbose: Some(verbose),
        sub,
        octets,
        ss_type,
    }
}

/// `SS_DATA_TYPE`: the type's number in DB-Library, another one where it takes NULL.
fn ss_type(name: &str, nullable: bool) -> i64 {
    let (plain, null) = match name {
        "tinyint" => (48, 38),
        "smallint" => (52, 38),
        "int" => (56, 38),
        "bigint" => (63, 108),
        "real" => (59, 109),
        "float" => (62, 109),
        "money" => (60, 110),
        "smallmoney" => (122, 110),
        "datetime" => (61, 111),
        "smalldatetime" => (58, 111),
        "decimal" => (55, 106),
        "numeric" => (63, 108),
        "bit" => (50, 50),
        "char" => (47, 39),
        "varchar" | "nchar" | "nvarchar" | "sysname" | "sql_variant" => (39, 39),
        "binary" | "timestamp" => (45, 37),
        "varbinary" | "uniqueidentifier" => (37, 37),
        "text" | "ntext" => (35, 35),
        "image" => (34, 34),
        _ => (0, 0),
    };
    if nullable { null } else { plain }
}
