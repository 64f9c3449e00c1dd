//! Rows: reading them here, what changes them in the modules.
//!
//! Values are made into the columns' types here; SQLite is then told rows, so that its looser rules never decide. Every
//! row changed counts once in its table's counters, which are part of the state and so roll back with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::errors;
use super::query::{Binder, Compiled};
use super::state::{Database, Table, same_name};
use super::store::from_lite;
use super::work::Work;
use emulator_ground::engine::Message;
use emulator_ground::value::Column;
use emulator_ground::value::{SqlType, Value};
use emulator_tsql::ast::{CommonTable, Expr, ObjectName, Predicate, Query};

mod blocks;
mod change;
mod insert;
mod output;
mod references;
mod select_into;
mod values;

pub use values::{duplicate_key, shown_key, stored};

/// Variables by lower-case name.
pub type Variables = BTreeMap<String, (SqlType, Value)>;

/// SQLite's row id, and the values of the stored columns.
type Row = (i64, Vec<Value>);

/// What a statement makes of a row; without a new one it goes.
struct Change {
    rowid: i64,
    old: Vec<Value>,
    new: Option<Vec<Value>>,
}

/// What a modification did, and what its OUTPUT clause shows.
pub struct Done {
    pub count: u64,
    /// The last identity value given out.
    pub identity: Option<i64>,
    pub output: Option<Found>,
}

/// A modification through a common table, which the server allows.
fn refuse_common_target(with: &[CommonTable], name: &ObjectName) -> Result<(), Message> {
    let alone = name.schema.is_none() && name.database.is_none();
    if alone && with.iter().any(|table| same_name(&table.name, &name.name)) {
        return Err(errors::outside("changing rows through a common table"));
    }
    Ok(())
}

pub struct Found {
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Value>>,
    pub assigns: Vec<Option<(String, SqlType)>>,
}

/// SET TEXTSIZE: values of columns without limit are cut to so many bytes.
pub fn cut(found: &mut Found, bytes: i64) {
    let Ok(bytes) = usize::try_from(bytes) else { return };
    let places = found.columns.iter().enumerate().filter_map(|(place, column)| match column.sql_type {
        SqlType::NVarChar(None) => Some((place, bytes / 2)),
        SqlType::VarChar(None) | SqlType::VarBinary(None) => Some((place, bytes)),
        _ => None,
    });
    for (place, units) in places.collect::<Vec<_>>() {
        for value in found.rows.iter_mut().filter_map(|row| row.get_mut(place)) {
            match value {
                Value::Bytes(all) => all.truncate(units),
                Value::Text(text) if text.len() > units => {
                    let whole: Vec<u16> = text.encode_utf16().take(units).collect();
                    *text = String::from_utf16_lossy(&whole);
                }
                _ => {}
            }
        }
    }
}

impl Work<'_> {
    pub fn select(&mut self, query: &Query, variables: &Variables) -> Result<Found, Message> {
        self.read(variables, |binder| binder.statement(query))
    }
    pub fn evaluate(&mut self, expr: &Expr, variables: &Variables) -> Result<(SqlType, Value), Message> {
        let mut found = self.read(variables, |binder| binder.scalar(expr))?;
        let value = found.rows.pop().and_then(|mut row| row.pop()).unwrap_or(Value::Null);
        Ok((found.columns.first().map_or(SqlType::Int, |c| c.sql_type), value))
    }
    pub fn holds(&mut self, condition: &Predicate, variables: &Variables) -> Result<bool, Message> {
        let found = self.read(variables, |binder| binder.condition(condition))?;
        Ok(matches!(found.rows.first().and_then(|row| row.first()), Some(Value::Int(n)) if *n != 0))
    }

    fn read(
        &mut self,
        variables: &Variables,
        compile: impl FnOnce(&mut Binder<'_>) -> Result<Compiled, Message>,
    ) -> Result<Found, Message> {
        let mut binder = Binder::new(Arc::clone(self.state), self.ambient, variables, self.store);
        let compiled = compile(&mut binder)?;
        let (reads, binds) = (binder.reads_tables, std::mem::take(&mut binder.binds));
        if reads && self.busy {
            self.must_wait = true;
            return Err(errors::internal("another transaction holds the rows"));
        }
        let lite = self.store.query(&compiled.sql, &binds, self.cancelled)?;
        let rows = lite
            .into_iter()
            .map(|row| {
                row.into_iter()
                    .zip(&compiled.columns)
                    .enumerate()
                    .map(|(i, (value, column))| {
                        let value = from_lite(value, column.sql_type)?;
                        match compiled.masks.get(i).and_then(Option::as_ref) {
                            Some(mask) => mask.put_over(value, column.sql_type),
                            None => Ok(value),
                        }
                    })
                    .collect()
            })
            .collect::<Result<_, Message>>()?;
        Ok(Found { columns: compiled.columns, rows, assigns: compiled.assigns })
    }

    fn target(
        &mut self,
        name: &ObjectName,
        variables: &Variables,
        permission: &str,
    ) -> Result<(Arc<Database>, Arc<Table>), Message> {
        let binder = Binder::new(Arc::clone(self.state), self.ambient, variables, self.store);
        let (database, table) = binder.target(name)?;
        binder.may_modify(&database, &table, permission)?;
        Ok((database, table))
    }

    fn keep(&mut self, database: &Database, table: Table) -> Result<(), Message> {
        let database =
            self.change().database_mut(database.id).ok_or_else(|| errors::internal("the database is gone"))?;
        database.tables.insert(table.id, Arc::new(table));
        Ok(())
    }
}
