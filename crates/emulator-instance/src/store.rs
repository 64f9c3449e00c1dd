//! Rows: an in-memory SQLite that runs what [`super::query`] writes, with the server's functions and collations.
//!
//! User tables are called `u<database>_<object>` and their columns `c<column>`, so that no name a user chooses ever
//! reaches SQLite, and a rename touches no row. Catalog views become temporary tables filled for the session that asks.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{Value as Lite, ValueRef};

use super::ambient::Ambient;
use super::catalog::View;
use super::errors;
use super::functions;
use super::moments;
use super::state::{State, fold};
use super::types;
use emulator_ground::engine::Message;
use emulator_ground::value::{Column, SqlType, Value};

/// How SQLite's refusals of what is too large for it begin.
const LIMITS: [&str; 7] = [
    "too many FROM clause terms",
    "at most 64 tables in a join",
    "Recursion limit",
    "parser stack overflow",
    "Expression tree is too large",
    "too many columns",
    "too many terms in compound SELECT",
];

pub struct Store {
    connection: Connection,
    ambient: Arc<Mutex<Option<Ambient>>>,
    /// Catalog views now in temporary tables, and for which state and session they were filled.
    filled: HashMap<String, (Arc<State>, String)>,
}

impl Store {
    pub fn new() -> Result<Self, Message> {
        let connection = Connection::open_in_memory().map_err(errors::internal)?;
        let ambient = Arc::new(Mutex::new(None));
        connection.set_prepared_statement_cache_capacity(64);
        for (name, ignore_case, ignore_accent) in
            [("CI_AS", true, false), ("CI_AI", true, true), ("CS_AS", false, false), ("CS_AI", false, true)]
        {
            connection
                .create_collation(name, move |a: &str, b: &str| compare(a, b, ignore_case, ignore_accent))
                .map_err(errors::internal)?;
        }
        connection
            .create_aggregate_function(
                "f_sum",
                1,
                FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC,
                Sum(Arc::clone(&ambient)),
            )
            .map_err(errors::internal)?;
        let bin = |a: &str, b: &str| a.trim_end_matches(' ').cmp(b.trim_end_matches(' '));
        connection.create_collation("BIN2", bin).map_err(errors::internal)?;
        for function in functions::ALL {
            let ambient = Arc::clone(&ambient);
            let call = move |context: &mut rusqlite::functions::Context<'_>| -> rusqlite::Result<Lite> {
                let arguments: Vec<Value> = (0..context.len()).map(|i| from_any(context.get_raw(i))).collect();
                let mut ambient = ambient.lock().map_err(|_| failure())?;
                let Some(ambient) = ambient.as_mut() else { return Err(failure()) };
                match (function.call)(ambient, &arguments) {
                    Ok(value) => Ok(to_lite(&value)),
                    Err(message) => {
                        ambient.error.get_or_insert(message);
                        Err(failure())
                    }
                }
            };
            connection
                .create_scalar_function(format!("f_{}", function.name).as_str(), -1, FunctionFlags::SQLITE_UTF8, call)
                .map_err(errors::internal)?;
        }
        Ok(Self { connection, ambient, filled: HashMap::new() })
    }

    /// Another store with the same rows.
    pub fn copy(&self) -> Result<Self, Message> {
        let mut copy = Self::new()?;
        let backup = rusqlite::backup::Backup::new(&self.connection, &mut copy.connection).map_err(errors::internal)?;
        // All pages in one step.
        backup.step(-1).map_err(errors::internal)?;
        drop(backup);
        Ok(copy)
    }

    /// The rows as SQLite keeps them in a file; nothing where there is no table.
    pub fn image(&mut self) -> Result<Vec<u8>, Message> {
        let pages: i64 =
            self.connection.query_row("PRAGMA page_count", [], |row| row.get(0)).map_err(errors::internal)?;
        if pages == 0 {
            return Ok(Vec::new());
        }
        Ok(self.connection.serialize("main").map_err(errors::internal)?.to_vec())
    }

    /// A store with the rows of an image.
    pub fn of_image(image: &[u8]) -> Result<Self, Message> {
        let mut read = Self::new()?;
        if image.is_empty() {
            return Ok(read);
        }
        read.connection.deserialize_read_exact("main", image, image.len(), true).map_err(errors::internal)?;
        // An image cannot grow: its rows move into a database of their own.
        read.copy()
    }

    /// For whom functions answer from now on.
    pub fn set_ambient(&self, ambient: Ambient) {
        if let Ok(mut current) = self.ambient.lock() {
            *current = Some(ambient);
        }
    }

    /// Runs statements without results: DDL and transaction control of the emulator's own making.
    pub fn run(&self, sql: &str) -> Result<(), Message> {
        self.connection.execute_batch(sql).map_err(|error| self.message(&error))
    }

    /// Rows of a query, `cancelled` being asked between rows.
    pub fn query(
        &self,
        sql: &str,
        binds: &[(String, Value)],
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Vec<Vec<Lite>>, Message> {
        let fail = |error: rusqlite::Error| self.message(&error);
        let mut statement = self.connection.prepare_cached(sql).map_err(fail)?;
        let columns = statement.column_count();
        for (name, value) in binds {
            if let Some(index) = statement.parameter_index(name).map_err(fail)? {
                statement.raw_bind_parameter(index, to_lite(value)).map_err(fail)?;
            }
        }
        let mut rows = statement.raw_query();
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(fail)? {
            let values: rusqlite::Result<Vec<Lite>> = (0..columns).map(|i| row.get::<_, Lite>(i)).collect();
            found.push(values.map_err(fail)?);
            if found.len() % 256 == 0 && cancelled() {
                return Err(errors::cancelled());
            }
        }
        Ok(found)
    }

    /// One modification with positional values. `Err(None)` is a unique index that refused; its columns' text is kept.
    pub fn modify(&self, sql: &str, values: &[Value]) -> Result<usize, Refusal> {
        let lite: Vec<Lite> = values.iter().map(to_lite).collect();
        let result = self
            .connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(rusqlite::params_from_iter(lite.iter())));
        result.map_err(|error| match &error {
            rusqlite::Error::SqliteFailure(code, Some(text))
                if code.code == rusqlite::ErrorCode::ConstraintViolation && text.starts_with("UNIQUE") =>
            {
                Refusal::Duplicate(text.clone())
            }
            _ => Refusal::Message(self.message(&error)),
        })
    }

    fn message(&self, error: &rusqlite::Error) -> Message {
        let raised = self.ambient.lock().ok().and_then(|mut a| a.as_mut().and_then(|a| a.error.take()));
        raised.unwrap_or_else(|| {
            let text = error.to_string();
            if LIMITS.iter().any(|limit| text.contains(limit)) {
                return errors::outside("a query of this size");
            }
            errors::internal(error)
        })
    }

    /// After a rollback temporary tables are as they were, whatever we remember.
    pub fn forget_catalog(&mut self) {
        self.filled.clear();
    }

    /// The next fill of that key fills anew: a function's rows depend on its arguments.
    pub fn forget(&mut self, key: &str) {
        self.filled.remove(key);
    }

    /// Puts rows of a table variable where a query can read them and returns the table's name.
    pub fn hold(&mut self, key: &str, columns: &[Column], rows: &[Vec<Value>]) -> Result<String, Message> {
        let table = format!("temp.\"v_{key}\"");
        let collated = |column: &Column| if types::is_text(column.sql_type) { " COLLATE CI_AS" } else { "" };
        let places = 1..=columns.len();
        let declared: Vec<String> =
            places.clone().zip(columns).map(|(i, column)| format!("c{i}{}", collated(column))).collect();
        // Another statement's variable of that key may have had other columns.
        self.run(&format!("DROP TABLE IF EXISTS {table}; CREATE TABLE {table} ({});", declared.join(", ")))?;
        let places: Vec<String> = places.map(|i| format!("?{i}")).collect();
        let sql = format!("INSERT INTO {table} VALUES ({})", places.join(", "));
        for row in rows {
            self.modify(&sql, row).map_err(Refusal::into_message)?;
        }
        Ok(table)
    }

    /// Puts a catalog view's rows where a query can read them and returns the table's name.
    pub fn fill(
        &mut self,
        key: &str,
        view: &View,
        state: &Arc<State>,
        viewer: &str,
        rows: impl FnOnce() -> Vec<Vec<Value>>,
    ) -> Result<String, Message> {
        let table = format!("temp.\"k_{key}\"");
        if self.filled.get(key).is_some_and(|(filled, who)| Arc::ptr_eq(filled, state) && who == viewer)
            && !view.volatile
        {
            return Ok(table);
        }
        let columns: Vec<String> = view
            .columns
            .iter()
            .enumerate()
            .map(|(i, column)| {
                format!("c{}{}", i + 1, if types::is_text(column.sql_type) { " COLLATE CI_AS" } else { "" })
            })
            .collect();
        self.run(&format!("CREATE TABLE IF NOT EXISTS {table} ({}); DELETE FROM {table};", columns.join(", ")))?;
        let places: Vec<String> = (1..=view.columns.len()).map(|i| format!("?{i}")).collect();
        let sql = format!("INSERT INTO {table} VALUES ({})", places.join(", "));
        for row in rows() {
            self.modify(&sql, &row).map_err(Refusal::into_message)?;
        }
        self.filled.insert(key.to_owned(), (Arc::clone(state), viewer.to_owned()));
        Ok(table)
    }
}

/// SUM of decimals: exact, or 8115.
struct Sum(Arc<Mutex<Option<Ambient>>>);

impl rusqlite::functions::Aggregate<Option<(i128, u8)>, Option<String>> for Sum {
    fn init(&self, _: &mut rusqlite::functions::Context<'_>) -> rusqlite::Result<Option<(i128, u8)>> {
        Ok(None)
    }
    fn step(
        &self,
        context: &mut rusqlite::functions::Context<'_>,
        sum: &mut Option<(i128, u8)>,
    ) -> rusqlite::Result<()> {
        let Some(text) = context.get::<Option<String>>(0)? else { return Ok(()) };
        let value = types::from_sortable(&text).ok_or_else(failure)?;
        let (before, scale) = sum.unwrap_or((0, 0));
        let most = scale.max(value.1);
        let total = types::calculate(types::Operation::Add, (before, scale), value, most);
        let fits = total.filter(|n| n.unsigned_abs() < 10u128.pow(38));
        let raise = || {
            if let Ok(mut ambient) = self.0.lock()
                && let Some(ambient) = ambient.as_mut()
            {
                ambient.error.get_or_insert(errors::overflow("numeric"));
            }
            failure()
        };
        *sum = Some((fits.ok_or_else(raise)?, most));
        Ok(())
    }
    fn finalize(
        &self,
        _: &mut rusqlite::functions::Context<'_>,
        sum: Option<Option<(i128, u8)>>,
    ) -> rusqlite::Result<Option<String>> {
        Ok(sum.flatten().map(|(unscaled, scale)| types::sortable(unscaled, scale)))
    }
}

pub enum Refusal {
    /// SQLite's text, which names the table's columns.
    Duplicate(String),
    Message(Message),
}

impl Refusal {
    pub fn into_message(self) -> Message {
        match self {
            Self::Duplicate(text) => errors::internal(text),
            Self::Message(message) => message,
        }
    }
}

fn failure() -> rusqlite::Error {
    rusqlite::Error::UserFunctionError("raised".into())
}

fn compare(a: &str, b: &str, ignore_case: bool, ignore_accent: bool) -> Ordering {
    use unicode_normalization::UnicodeNormalization;
    use unicode_normalization::char::is_combining_mark;
    if ignore_case && a.is_ascii() && b.is_ascii() {
        let lower =
            |text: &str| text.trim_end_matches(' ').bytes().map(|b| b.to_ascii_lowercase()).collect::<Vec<u8>>();
        return lower(a).cmp(&lower(b));
    }
    let key = |text: &str| -> String {
        let cased = if ignore_case { fold(text) } else { text.trim_end_matches(' ').nfc().collect() };
        if ignore_accent { cased.nfd().filter(|c| !is_combining_mark(*c)).collect() } else { cased }
    };
    key(a).cmp(&key(b))
}

/// As SQLite holds it. Dates, times and decimals are texts that sort as they should.
pub fn to_lite(value: &Value) -> Lite {
    match value {
        Value::Null => Lite::Null,
        Value::Bit(b) => Lite::Integer(i64::from(*b)),
        Value::Int(n) => Lite::Integer(*n),
        Value::Float(f) => Lite::Real(*f),
        Value::Decimal { unscaled, scale } => Lite::Text(types::sortable(*unscaled, *scale)),
        Value::Text(text) => Lite::Text(text.clone()),
        Value::Bytes(bytes) => Lite::Blob(bytes.clone()),
        Value::Guid(guid) => Lite::Text(guid.to_string().to_ascii_uppercase()),
        Value::Date(days) => Lite::Text(moments::show_date(*days)),
        Value::Time(ticks) => Lite::Text(moments::show_time(*ticks, 7)),
        Value::DateTime { days, ticks } => {
            Lite::Text(format!("{} {}", moments::show_date(*days), moments::show_time(*ticks, 7)))
        }
        Value::DateTimeOffset { days, ticks, offset_minutes } => {
            let sign = if *offset_minutes < 0 { '-' } else { '+' };
            let offset = offset_minutes.unsigned_abs();
            Lite::Text(format!(
                "{} {} {sign}{:02}:{:02}",
                moments::show_date(*days),
                moments::show_time(*ticks, 7),
                offset / 60,
                offset % 60
            ))
        }
    }
}

fn from_any(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(n) => Value::Int(n),
        ValueRef::Real(f) => Value::Float(f),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
    }
}

/// The value of a column of that type.
pub fn from_lite(value: Lite, sql_type: SqlType) -> Result<Value, Message> {
    let value = match value {
        Lite::Null => return Ok(Value::Null),
        Lite::Integer(n) => Value::Int(n),
        // The server has no infinity.
        Lite::Real(f) if f.is_infinite() => return Err(errors::overflow("float")),
        Lite::Real(f) => Value::Float(f),
        Lite::Text(text) => Value::Text(text),
        Lite::Blob(bytes) => Value::Bytes(bytes),
    };
    match (sql_type, value) {
        // What is already in shape is not cut to length: lengths were seen to where the value was made.
        (
            SqlType::NVarChar(_) | SqlType::VarChar(_) | SqlType::NChar(_) | SqlType::Char(_) | SqlType::Xml,
            value @ Value::Text(_),
        ) => Ok(value),
        (of, Value::Text(text)) if types::is_exact(of) => {
            let (unscaled, scale) = types::from_sortable(&text).ok_or_else(|| errors::internal("a number"))?;
            types::convert(&Value::Decimal { unscaled, scale }, of, 0)
        }
        (SqlType::VarBinary(_) | SqlType::Binary(_) | SqlType::RowVersion, value @ Value::Bytes(_)) => Ok(value),
        (sql_type, value) => types::convert(&value, sql_type, 0),
    }
}
