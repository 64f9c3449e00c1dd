//! The built-in scalar functions: text, numbers, dates, and what a session knows of itself.
//!
//! Functions about principals and permissions are in [`super::security_functions`]. A function gets values as SQLite
//! holds them; where it needs a type it is told it as text ([`encode`]).

use uuid::Uuid;

use super::ambient::Ambient;
use super::errors;
use super::moments;
use super::object_functions;
use super::security_functions;
use super::types;
use emulator_ground::engine::Message;
use emulator_ground::value::{SqlType, Value};

mod dates;
mod text;
pub mod values;

pub use dates::date_part;
pub use text::is_like;
pub use values::{encode, int, text, typed};

pub struct Function {
    /// Lower case; SQLite calls it `f_…`.
    pub name: &'static str,
    pub least: usize,
    pub most: usize,
    /// Arguments that are converted to text first.
    pub text_arguments: &'static [usize],
    pub nullable: bool,
    pub returns: fn(&[SqlType]) -> SqlType,
    pub call: fn(&mut Ambient, &[Value]) -> Result<Value, Message>,
}

/// Those that texts may call.
pub fn callable() -> impl Iterator<Item = &'static Function> {
    ALL.iter().filter(|f| !f.name.starts_with('_') && f.most < HIDDEN)
}

pub fn find(name: &str) -> Option<&'static Function> {
    callable().find(|f| f.name.eq_ignore_ascii_case(name))
}

/// `most` of functions that only our own SQL text calls.
pub const HIDDEN: usize = 100;

/// Functions the server has and the emulator does not: refused as outside the subset, not as unknown.
pub fn exists_on_server(name: &str) -> bool {
    const OTHERS: &str = "ACOS ASIN ATAN ATN2 APP_LOCK_MODE APPLOCK_TEST BINARY_CHECKSUM CERTENCODED CEILING CHECKSUM CHECKSUM_AGG \
        CHOOSE COMPRESS CONNECTIONPROPERTY CONTEXT_INFO COS COT CURRENT_TIMEZONE CURSOR_STATUS \
        DATEFROMPARTS DATETIME2FROMPARTS DATETIMEFROMPARTS DATE_BUCKET DATETRUNC DECOMPRESS DEGREES DIFFERENCE EOMONTH EXP \
        FILEGROUP_NAME FILE_ID FILE_NAME FLOOR FORMAT FORMATMESSAGE FULLTEXTSERVICEPROPERTY GETANSINULL GREATEST GROUPING HASHBYTES \
        INDEXKEY_PROPERTY ISDATE ISJSON ISNUMERIC JSON_MODIFY \
        LAST_VALUE LAG LEAD LEAST LOG LOG10 MIN_ACTIVE_ROWVERSION NEWSEQUENTIALID NEXT \
        ORIGINAL_DB_NAME PI POWER PWDENCRYPT RADIANS RAND REGEXP_LIKE ROWCOUNT_BIG \
        SIGN SIN SMALLDATETIMEFROMPARTS SOUNDEX SQL_VARIANT_PROPERTY SQRT SQUARE STATS_DATE STDEV \
        STDEVP STR STRING_ESCAPE SWITCHOFFSET SYSDATETIMEOFFSET TAN TERTIARY_WEIGHTS TEXTPTR TODATETIMEOFFSET \
        TRIGGER_NESTLEVEL TYPEPROPERTY VAR VARP APPROX_COUNT_DISTINCT APPROX_PERCENTILE_CONT \
        APPROX_PERCENTILE_DISC ASSEMBLYPROPERTY ASYMKEYPROPERTY ASYMKEY_ID BASE64_DECODE BASE64_ENCODE BIT_COUNT CERTPRIVATEKEY CERT_ID \
        CUME_DIST CURRENT_TRANSACTION_ID DATETIMEOFFSETFROMPARTS DECRYPTBYASYMKEY DECRYPTBYCERT DECRYPTBYKEY DECRYPTBYKEYAUTOASYMKEY \
        DECRYPTBYKEYAUTOCERT DECRYPTBYPASSPHRASE ENCRYPTBYASYMKEY ENCRYPTBYCERT ENCRYPTBYKEY ENCRYPTBYPASSPHRASE EDGE_ID_FROM_PARTS \
        FILEGROUPPROPERTY FILEGROUP_ID FILEPROPERTY FILEPROPERTYEX FILE_IDEX FIRST_VALUE FULLTEXTCATALOGPROPERTY GET_BIT \
        GET_FILESTREAM_TRANSACTION_CONTEXT GRAPH_ID_FROM_EDGE_ID GRAPH_ID_FROM_NODE_ID GROUPING_ID HOST_ID INDEXPROPERTY \
        IS_OBJECTSIGNED JSON_ARRAY JSON_ARRAYAGG JSON_OBJECT JSON_OBJECTAGG JSON_PATH_EXISTS KEY_GUID KEY_ID KEY_NAME LEFT_SHIFT \
        NODE_ID_FROM_PARTS NTILE OBJECT_ID_FROM_EDGE_ID OBJECT_ID_FROM_NODE_ID PARSE PERCENTILE_CONT PERCENTILE_DISC PERCENT_RANK \
        PERMISSIONS PUBLISHINGSERVERNAME REGEXP_COUNT REGEXP_INSTR REGEXP_REPLACE REGEXP_SUBSTR RIGHT_SHIFT SESSIONPROPERTY SET_BIT \
        SIGNBYASYMKEY SIGNBYCERT SYMKEYPROPERTY TIMEFROMPARTS TRY_PARSE VERIFYSIGNEDBYASYMKEY VERIFYSIGNEDBYCERT \
        EDIT_DISTANCE EDIT_DISTANCE_SIMILARITY JARO_WINKLER_DISTANCE JARO_WINKLER_SIMILARITY UNISTR";
    OTHERS.split_whitespace().any(|other| other.eq_ignore_ascii_case(name))
}

macro_rules! function {
    ($name:literal, $least:expr, $most:expr, $text:expr, $nullable:expr, $returns:expr, $call:expr) => {
        Function {
            name: $name,
            least: $least,
            most: $most,
            text_arguments: $text,
            nullable: $nullable,
            returns: $returns,
            call: $call,
        }
    };
}

const INT: fn(&[SqlType]) -> SqlType = |_| SqlType::Int;
const NAME: fn(&[SqlType]) -> SqlType = |_| SqlType::NVarChar(Some(128));
const FIRST: fn(&[SqlType]) -> SqlType = |types| types.first().copied().unwrap_or(SqlType::NVarChar(None));
const FIRST_TEXT: fn(&[SqlType]) -> SqlType = |given| match given.first() {
    Some(first) if types::is_text(*first) => match first {
        SqlType::Char(n) => SqlType::VarChar(Some(*n)),
        SqlType::NChar(n) => SqlType::NVarChar(Some(*n)),
        other => *other,
    },
    _ => SqlType::NVarChar(Some(4000)),
};
const LONG_TEXT: fn(&[SqlType]) -> SqlType = |given| match given.first() {
    Some(SqlType::VarChar(_) | SqlType::Char(_)) => SqlType::VarChar(Some(8000)),
    _ => SqlType::NVarChar(Some(4000)),
};
/// What identity values are shown as.
const WHOLE: fn(&[SqlType]) -> SqlType = |_| SqlType::Decimal { precision: 38, scale: 0 };
const VARIANT: fn(&[SqlType]) -> SqlType = |_| SqlType::SqlVariant;
const SID: fn(&[SqlType]) -> SqlType = |_| SqlType::VarBinary(Some(85));
const MOMENT: fn(&[SqlType]) -> SqlType = |_| SqlType::DateTime2 { scale: 7 };
const OLD_MOMENT: fn(&[SqlType]) -> SqlType = |_| SqlType::DateTime;

pub const ALL: &[Function] = &[
    // only from our own SQL
    function!("convert", 5, HIDDEN, &[], true, FIRST, convert),
    function!("row_count", 2, HIDDEN, &[], true, INT, row_count),
    function!("recursion", 2, HIDDEN, &[], true, FIRST, recursion),
    function!("exact", 5, HIDDEN, &[], true, FIRST, exact),
    function!("exact_alone", 4, HIDDEN, &[], true, FIRST, exact_alone),
    function!("divide", 3, HIDDEN, &[], true, FIRST, divide),
    function!("modulo", 2, HIDDEN, &[], true, FIRST, modulo),
    function!("single", 2, HIDDEN, &[], true, FIRST, single),
    function!("like", 4, HIDDEN, &[], true, INT, text::like),
    function!("len", 2, HIDDEN, &[], true, INT, text::len),
    function!("datalength", 2, HIDDEN, &[], true, INT, text::datalength),
    function!("join", 2, HIDDEN, &[], true, SID, join_bytes),
    function!("dateadd", 3, HIDDEN, &[], true, FIRST, dates::dateadd),
    function!("datediff", 3, HIDDEN, &[], true, INT, dates::datediff),
    function!("datepart", 2, HIDDEN, &[], true, INT, dates::datepart),
    function!("datename", 2, HIDDEN, &[], true, NAME, dates::datename),
    function!("upper", 1, 1, &[0], false, FIRST_TEXT, |_, v| text::map_text(v, |t| t.to_uppercase())),
    function!("lower", 1, 1, &[0], false, FIRST_TEXT, |_, v| text::map_text(v, |t| t.to_lowercase())),
    function!("replicate", 3, HIDDEN, &[], true, FIRST, text::replicate),
    function!("concat_ws", 3, HIDDEN, &[], false, LONG_TEXT, text::concat_ws),
    function!("ltrim", 1, 2, &[0, 1], false, FIRST_TEXT, |_, v| text::trim(v, true, false)),
    function!("rtrim", 1, 2, &[0, 1], false, FIRST_TEXT, |_, v| text::trim(v, false, true)),
    function!("trim", 1, 2, &[0, 1], false, FIRST_TEXT, |_, v| text::trim(v, true, true)),
    function!("ascii", 1, 1, &[0], true, INT, |_, v| Ok(text::ascii(v))),
    function!("char", 1, 1, &[], true, |_| SqlType::Char(1), |_, v| Ok(text::char(v))),
    function!("nchar", 1, 1, &[], true, |_| SqlType::NChar(1), |_, v| Ok(text::nchar(v))),
    function!("unicode", 1, 1, &[0], true, INT, |_, v| Ok(text::unicode(v))),
    function!("reverse", 1, 1, &[0], false, FIRST_TEXT, |_, v| text::map_text(v, |t| t.chars().rev().collect())),
    function!("space", 1, 1, &[], true, |_| SqlType::VarChar(Some(8000)), |_, v| Ok(text::space(v))),
    function!("stuff", 4, 4, &[0, 3], true, LONG_TEXT, |_, v| Ok(text::stuff(v))),
    function!("translate", 3, 3, &[0, 1, 2], true, FIRST_TEXT, text::translate),
    function!("parsename", 2, 2, &[0], true, NAME, |_, v| Ok(text::parsename(v))),
    function!("replace", 3, 3, &[0, 1, 2], false, LONG_TEXT, text::replace),
    function!("substring", 3, 3, &[0], false, FIRST_TEXT, text::substring),
    function!("left", 2, 2, &[0], false, FIRST_TEXT, text::left),
    function!("right", 2, 2, &[0], false, FIRST_TEXT, text::right),
    function!("charindex", 2, 3, &[0, 1], false, INT, text::charindex),
    function!("patindex", 2, 2, &[0, 1], false, INT, |_, v| Ok(text::patindex(v))),
    function!("quotename", 1, 2, &[0, 1], true, |_| SqlType::NVarChar(Some(258)), text::quotename),
    // numbers
    function!("abs", 1, 1, &[], false, FIRST, absolute),
    function!("round", 2, 3, &[], false, FIRST, round),
    // moments and identifiers
    function!("newid", 0, 0, &[], false, |_| SqlType::UniqueIdentifier, |_, _| Ok(Value::Guid(Uuid::new_v4()))),
    function!("getdate", 0, 0, &[], false, OLD_MOMENT, |a, _| Ok(moments::datetime(a.now))),
    function!("getutcdate", 0, 0, &[], false, OLD_MOMENT, |a, _| Ok(moments::datetime(a.now))),
    function!("current_timestamp", 0, 0, &[], false, OLD_MOMENT, |a, _| Ok(moments::datetime(a.now))),
    function!("sysdatetime", 0, 0, &[], false, MOMENT, |a, _| Ok(moments::utc(a.now))),
    function!("sysutcdatetime", 0, 0, &[], false, MOMENT, |a, _| Ok(moments::utc(a.now))),
    // the session
    function!("host_name", 0, 0, &[], true, NAME, |a, _| Ok(Value::Text(a.host.to_string()))),
    function!("app_name", 0, 0, &[], true, NAME, |a, _| Ok(Value::Text(a.program.to_string()))),
    function!("session_context", 1, 1, &[], true, VARIANT, session_context),
    function!("xact_state", 0, 0, &[], false, |_| SqlType::SmallInt, |a, _| {
        Ok(Value::Int(if a.doomed { -1 } else { i64::from(a.transactions > 0) }))
    }),
    function!("error_number", 0, 0, &[], true, INT, |a, _| Ok(caught(a, |m| Value::Int(m.number.into())))),
    function!("error_severity", 0, 0, &[], true, INT, |a, _| Ok(caught(a, |m| Value::Int(m.class.into())))),
    function!("error_state", 0, 0, &[], true, INT, |a, _| Ok(caught(a, |m| Value::Int(m.state.into())))),
    function!("error_line", 0, 0, &[], true, INT, |a, _| Ok(caught(a, |m| Value::Int(m.line.into())))),
    function!("error_message", 0, 0, &[], true, |_| SqlType::NVarChar(Some(4000)), |a, _| Ok(caught(a, |m| {
        Value::Text(m.text.clone())
    }))),
    function!("error_procedure", 0, 0, &[], true, NAME, |a, _| Ok(caught(a, |m| {
        if m.procedure.is_empty() { Value::Null } else { Value::Text(m.procedure.clone()) }
    }))),
    function!("scope_identity", 0, 0, &[], true, |_| SqlType::Decimal { precision: 38, scale: 0 }, |a, _| {
        Ok(a.last_identity.map_or(Value::Null, |n| Value::Decimal { unscaled: n.into(), scale: 0 }))
    }),
    // the server, databases, objects
    function!("serverproperty", 1, 1, &[0], true, VARIANT, security_functions::serverproperty),
    function!("databasepropertyex", 2, 2, &[0, 1], true, VARIANT, security_functions::databasepropertyex),
    function!("db_name", 0, 1, &[], true, NAME, security_functions::db_name),
    function!("db_id", 0, 1, &[0], true, INT, security_functions::db_id),
    function!("schema_name", 0, 1, &[], true, NAME, security_functions::schema_name),
    function!("schema_id", 0, 1, &[0], true, INT, security_functions::schema_id),
    function!("object_id", 1, 2, &[0, 1], true, INT, security_functions::object_id),
    function!("object_name", 1, 2, &[], true, NAME, security_functions::object_name),
    function!("object_schema_name", 1, 2, &[], true, NAME, security_functions::object_schema_name),
    function!("col_name", 2, 2, &[], true, NAME, security_functions::col_name),
    function!("type_name", 1, 1, &[], true, NAME, security_functions::type_name),
    function!("objectproperty", 2, 2, &[1], true, INT, object_functions::objectproperty),
    function!("objectpropertyex", 2, 2, &[1], true, VARIANT, object_functions::objectproperty),
    function!("columnproperty", 3, 3, &[1, 2], true, INT, object_functions::columnproperty),
    function!("object_definition", 1, 1, &[], true, |_| SqlType::NVarChar(None), object_functions::object_definition),
    function!("type_id", 1, 1, &[0], true, INT, object_functions::type_id),
    function!("index_col", 3, 3, &[0], true, NAME, object_functions::index_col),
    function!("ident_seed", 1, 1, &[0], true, WHOLE, object_functions::ident_seed),
    function!("ident_incr", 1, 1, &[0], true, WHOLE, object_functions::ident_incr),
    function!("ident_current", 1, 1, &[0], true, WHOLE, object_functions::ident_current),
    // principals and permissions
    function!("suser_sid", 0, 2, &[0], true, SID, security_functions::suser_sid),
    function!("suser_id", 0, 1, &[0], true, INT, security_functions::suser_id),
    function!("suser_name", 0, 1, &[], true, NAME, security_functions::suser_name),
    function!("suser_sname", 0, 1, &[], true, NAME, security_functions::suser_sname),
    function!("original_login", 0, 0, &[], false, NAME, security_functions::original_login),
    function!("system_user", 0, 0, &[], true, NAME, security_functions::suser_name),
    function!("session_user", 0, 0, &[], true, NAME, security_functions::user_name),
    function!("current_user", 0, 0, &[], true, NAME, security_functions::user_name),
    function!("user", 0, 0, &[], true, NAME, security_functions::user_name),
    function!("user_name", 0, 1, &[], true, NAME, security_functions::user_name),
    function!("user_id", 0, 1, &[0], true, INT, security_functions::database_principal_id),
    function!("database_principal_id", 0, 1, &[0], true, INT, security_functions::database_principal_id),
    function!("has_perms_by_name", 3, 5, &[0, 1, 2, 3, 4], true, INT, security_functions::has_perms_by_name),
    function!("has_dbaccess", 1, 1, &[0], true, INT, security_functions::has_dbaccess),
    function!("is_srvrolemember", 1, 2, &[0, 1], true, INT, security_functions::is_srvrolemember),
    function!("is_rolemember", 1, 2, &[0, 1], true, INT, security_functions::is_rolemember),
    function!("is_member", 1, 1, &[0], true, INT, security_functions::is_rolemember),
    function!("loginproperty", 2, 2, &[0, 1], true, VARIANT, security_functions::loginproperty),
    function!("pwdcompare", 2, 3, &[0], true, INT, security_functions::pwdcompare),
    function!("fn_has_change_feed_permissions", 1, 1, &[], false, |_| SqlType::Bit, |a, v| {
        Ok(security_functions::has_change_feed_permissions(a, v))
    }),
];

fn session_context(ambient: &mut Ambient, values: &[Value]) -> Result<Value, Message> {
    Ok(text(values.first()).map_or(Value::Null, |key| ambient.context.get(&key)))
}

fn caught(ambient: &Ambient, show: impl FnOnce(&Message) -> Value) -> Value {
    ambient.caught.as_ref().map_or(Value::Null, show)
}

fn convert(_: &mut Ambient, values: &[Value]) -> Result<Value, Message> {
    let [value, Value::Text(from), Value::Text(to), style, attempt] = values else {
        return Err(errors::internal("f_convert"));
    };
    let (Some(from), Some(to)) = (values::decode(from), values::decode(to)) else {
        return Err(errors::internal("f_convert"));
    };
    if *value == Value::Null {
        return Ok(Value::Null);
    }
    // SQLite's value back to what its type says, then on to the other.
    let typed = if types::is_text(from) || types::is_binary(from) || from == SqlType::SqlVariant {
        Ok(value.clone())
    } else {
        typed(value, from)
    };
    let style = int(Some(style)).unwrap_or(0);
    types::check_style(from, to, style)?;
    if types::is_moment(from)
        && types::is_text(to)
        && let Some(text) = types::written(typed.as_ref().unwrap_or(value), from, style)?
    {
        return types::convert(&Value::Text(text), to, 0);
    }
    // Money shows two digits after the point, unless a style asks for four.
    let short = matches!(from, SqlType::Money | SqlType::SmallMoney) && types::is_text(to) && style == 0;
    let typed = typed
        .and_then(|v| if short { types::convert(&v, SqlType::Decimal { precision: 19, scale: 2 }, 0) } else { Ok(v) });
    let converted = typed.and_then(|typed| types::convert_from(&typed, from, to, style));
    match converted {
        Err(_) if int(Some(attempt)) == Some(1) => Ok(Value::Null),
        other => other,
    }
}

fn exact_of(value: &Value) -> Result<(i128, u8), Message> {
    let found = if let Value::Text(text) = value { types::from_sortable(text) } else { None };
    found.ok_or_else(|| errors::internal("not a decimal"))
}

/// The number of rows that TOP, OFFSET or FETCH is given. Probes of a server that somebody published tell a NULL that is
/// written out (1060) from one that a variable has (1014).
fn row_count(_: &mut Ambient, values: &[Value]) -> Result<Value, Message> {
    let [Value::Text(clause), count] = values else { return Err(errors::internal("f_row_count")) };
    let (number, text) = match (clause.as_str(), int(Some(count))) {
        (_, None) => (1014, "A TOP or FETCH clause contains an invalid value."),
        ("OFFSET", Some(..=-1)) => (10742, "The offset specified in a OFFSET clause may not be negative."),
        ("FETCH", Some(..=0)) => (10744, "The number of rows provided for a FETCH clause must be greater then zero."),
        (_, Some(..=-1)) => (127, "A TOP N or FETCH rowcount value may not be negative."),
        (_, Some(count)) => return Ok(Value::Int(count)),
    };
    Err(Message::new(number, 15, 1, text))
}

/// Operator, operands, and precision and scale of the result.
fn exact(_: &mut Ambient, values: &[Value]) -> Result<Value, Message> {
    let [Value::Text(operator), a, b, Value::Int(precision), Value::Int(scale)] = values else {
        return Err(errors::internal("f_exact"));
    };
    if *a == Value::Null || *b == Value::Null {
        return Ok(Value::Null);
    }
    let (a, b) = (exact_of(a)?, exact_of(b)?);
    let operation = match operator.as_str() {
        "+" => types::Operation::Add,
        "-" => types::Operation::Subtract,
        "*" => types::Operation::Multiply,
        "/" => types::Operation::Divide,
        _ => types::Operation::Modulo,
    };
    if b.0 == 0 && matches!(operation, types::Operation::Divide | types::Operation::Modulo) {
        return Err(Message::new(8134, 16, 1, "Divide by zero error encountered."));
    }
    let (precision, scale) = (u32::try_from(*precision).unwrap_or(38), u8::try_from(*scale).unwrap_or(0));
    let found = types::calculate(operation, a, b, scale).filter(|n| n.unsigned_abs() < 10u128.pow(precision.min(38)));
    let unscaled = found.ok_or_else(|| errors::overflow("numeric"))?;
    Ok(Value::Decimal { unscaled, scale })
}

/// ABS, ROUND, FLOOR, CEILING, SIGN and the minus of a decimal.
fn exact_alone(_: &mut Ambient, values: &[Value]) -> Result<Value, Message> {
    let [Value::Text(function), value, digits, cut] = values else { return Err(errors::internal("f_exact_alone")) };
    if *value == Value::Null || *digits == Value::Null {
        return Ok(Value::Null);
    }
    let (unscaled, scale) = exact_of(value)?;
    let found = match function.as_str() {
        "minus" => Some(-unscaled),
        "ABS" => Some(unscaled.abs()),
        _ => types::round_to((unscaled, scale), int(Some(digits)).unwrap_or(0), int(Some(cut)).unwrap_or(0) != 0),
    };
    Ok(Value::Decimal { unscaled: found.ok_or_else(|| errors::overflow("numeric"))?, scale })
}

fn divide(_: &mut Ambient, values: &[Value]) -> Result<Value, Message> {
    let zero = || Message::new(8134, 16, 1, "Divide by zero error encountered.");
    match values {
        [Value::Null, ..] | [_, Value::Null, ..] => Ok(Value::Null),
        [Value::Int(a), Value::Int(b), Value::Int(1)] => a.checked_div(*b).map(Value::Int).ok_or_else(zero),
        [a, b, ..] => {
            let (a, b) = (float(a), float(b));
            if b == 0.0 { Err(zero()) } else { Ok(Value::Float(a / b)) }
        }
        _ => Ok(Value::Null),
    }
}

fn modulo(_: &mut Ambient, values: &[Value]) -> Result<Value, Message> {
    let zero = || Message::new(8134, 16, 1, "Divide by zero error encountered.");
    match values {
        [Value::Int(a), Value::Int(b)] => a.checked_rem(*b).map(Value::Int).ok_or_else(zero),
        [Value::Null, _] | [_, Value::Null] => Ok(Value::Null),
        [a, b] if float(b) != 0.0 => Ok(Value::Float(float(a) % float(b))),
        _ => Err(zero()),
    }
}

#[allow(clippy::cast_precision_loss, reason = "float arithmetic is what is asked for")]
fn float(value: &Value) -> f64 {
    match value {
        Value::Int(n) => *n as f64,
        Value::Float(f) => *f,
        _ => 0.0,
    }
}

/// The next level of a recursive common table, or 530.
fn recursion(_: &mut Ambient, values: &[Value]) -> Result<Value, Message> {
    let [Value::Int(level), Value::Int(most)] = values else { return Err(errors::internal("a level")) };
    if level >= most {
        let text = format!(
            "The statement terminated. The maximum recursion {most} has been exhausted before statement completion."
        );
        return Err(Message::new(530, 16, 1, text));
    }
    Ok(Value::Int(level + 1))
}

fn single(_: &mut Ambient, values: &[Value]) -> Result<Value, Message> {
    match values {
        [Value::Int(0 | 1), value] => Ok(value.clone()),
        _ => {
            let text = "Subquery returned more than 1 value. This is not permitted when the subquery follows =, !=, <, <= , >, >= or when the subquery is used as an expression.";
            Err(Message::new(512, 16, 1, text))
        }
    }
}

fn join_bytes(_: &mut Ambient, values: &[Value]) -> Result<Value, Message> {
    match values {
        [Value::Bytes(a), Value::Bytes(b)] => Ok(Value::Bytes([a.as_slice(), b].concat())),
        _ => Ok(Value::Null),
    }
}

fn absolute(_: &mut Ambient, values: &[Value]) -> Result<Value, Message> {
    Ok(match values.first() {
        Some(Value::Int(n)) => n.checked_abs().map(Value::Int).ok_or_else(|| errors::overflow("bigint"))?,
        Some(Value::Float(f)) => Value::Float(f.abs()),
        _ => Value::Null,
    })
}

fn round(_: &mut Ambient, values: &[Value]) -> Result<Value, Message> {
    let Some(digits) = int(values.get(1)) else { return Ok(Value::Null) };
    let factor = 10f64.powi(i32::try_from(digits.clamp(-30, 30)).unwrap_or(0));
    let truncate = int(values.get(2)).unwrap_or(0) != 0;
    let rounded = |f: f64| if truncate { (f * factor).trunc() / factor } else { (f * factor).round() / factor };
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "rounding an integer to tens")]
    Ok(match values.first() {
        Some(Value::Int(n)) if digits >= 0 => Value::Int(*n),
        Some(Value::Int(n)) => Value::Int(rounded(*n as f64) as i64),
        Some(Value::Float(f)) => Value::Float(rounded(*f)),
        _ => Value::Null,
    })
}

// --- dates ---
