//! INSERT.

use super::super::errors;
use super::super::state::{Database, Table};
use super::super::store::Refusal;
use super::super::types;
use super::super::work::Work;
use super::output::Shown;
use super::values::{check_takes_rows, duplicate, named_columns, rowversion, size, stored};
use super::{Done, Variables, refuse_common_target};
use emulator_ground::engine::Message;
use emulator_ground::value::{SqlType, Value};
use emulator_tsql::ast::{BlockOperation, InsertSource, ObjectName, PredicateKind, SelectItem};

impl Work<'_> {
    pub fn insert(
        &mut self,
        name: &ObjectName,
        columns: &[String],
        output: &[SelectItem],
        source: &InsertSource,
        variables: &Variables,
        identity_insert: bool,
    ) -> Result<Done, Message> {
        if let InsertSource::Query(query) = source {
            refuse_common_target(&query.with, name)?;
        }
        let (database, table) = self.target(name, variables, "INSERT")?;
        let named = named_columns(&table, columns, identity_insert)?;
        let rows = self.source_rows(&table, &named, source, variables)?;
        let mut table = Table::clone(&table);
        check_takes_rows(&database, &table, "insert")?;
        self.check_settings(&table.indexes, &table, "INSERT")?;
        let guarded = database.predicate(table.id, PredicateKind::Block, Some(BlockOperation::AfterInsert)).is_some();
        let mut last = None;
        let (mut new, mut made) = (Vec::new(), Vec::new());
        for row in &rows {
            let full = self.full_row(&mut table, &database, &named, row, identity_insert, variables)?;
            last = full.1.or(last);
            self.insert_row(&database, &mut table, None, &full.0)?;
            if !output.is_empty() {
                made.push(full.0);
            }
            if guarded || !table.checks.is_empty() || !table.foreign_keys.is_empty() {
                new.push(self.last_row()?);
            }
        }
        let (checks, keys) = (table.checks.clone(), table.foreign_keys.clone());
        self.check_rows(&database, &table, &checks, Some(&new), "INSERT")?;
        self.check_references(&database, &table, &keys, Some(&new), "INSERT")?;
        self.check_filtered(&database, &table)?;
        self.check_blocks(&database, &table, BlockOperation::AfterInsert, if guarded { &new } else { &[] })?;
        table.rows += rows.len() as u64;
        self.keep(&database, table.clone())?;
        let shown = Shown { inserted: Some(made.iter().map(Vec::as_slice).collect()), deleted: None };
        let output = self.output(output, &database, &table, &shown, variables)?;
        Ok(Done { count: rows.len() as u64, identity: last, output })
    }

    /// One value per named column; `None` is the default.
    fn source_rows(
        &mut self,
        table: &Table,
        named: &[i32],
        source: &InsertSource,
        variables: &Variables,
    ) -> Result<Vec<Vec<Option<Value>>>, Message> {
        let mismatch = |more: bool| {
            let text = if more {
                "There are more columns in the INSERT statement than values specified in the VALUES clause. The number of values in the VALUES clause must match the number of columns specified in the INSERT statement."
            } else {
                "There are fewer columns in the INSERT statement than values specified in the VALUES clause. The number of values in the VALUES clause must match the number of columns specified in the INSERT statement."
            };
            Message::new(if more { 109 } else { 110 }, 15, 1, text)
        };
        match source {
            InsertSource::DefaultValues => Ok(vec![named.iter().map(|_| None).collect()]),
            InsertSource::Values(rows) => rows
                .iter()
                .map(|row| {
                    if row.len() != named.len() {
                        return Err(if table.columns.is_empty() {
                            mismatch(true)
                        } else {
                            mismatch(row.len() < named.len())
                        });
                    }
                    let mut values = Vec::new();
                    for (value, column) in row.iter().zip(named) {
                        let value = value.as_ref().map(|value| self.evaluate(value, variables)).transpose()?;
                        let value = value.map(|(from, value)| implicit(table, *column, from, &value).map(|()| value));
                        values.push(value.transpose()?);
                    }
                    Ok(values)
                })
                .collect(),
            InsertSource::Query(query) => {
                let found = self.select(query, variables)?;
                if found.columns.len() != named.len() {
                    let text = "The select list for the INSERT statement contains a different number of items than the insert list.";
                    return Err(Message::new(if found.columns.len() < named.len() { 120 } else { 121 }, 15, 1, text));
                }
                for row in &found.rows {
                    for ((value, column), of) in row.iter().zip(named).zip(&found.columns) {
                        implicit(table, *column, of.sql_type, value)?;
                    }
                }
                Ok(found.rows.into_iter().map(|row| row.into_iter().map(Some).collect()).collect())
            }
        }
    }

    /// Values for all stored columns, and the identity value given out.
    fn full_row(
        &mut self,
        table: &mut Table,
        database: &Database,
        named: &[i32],
        row: &[Option<Value>],
        identity_insert: bool,
        variables: &Variables,
    ) -> Result<(Vec<Value>, Option<i64>), Message> {
        let mut identity = None;
        let mut full = Vec::new();
        for column in table.columns.clone() {
            let given = named.iter().position(|id| *id == column.id).and_then(|i| row.get(i).cloned().flatten());
            let value = if column.computed.is_some() {
                continue;
            } else if let Some((seed, step)) = column.identity.filter(|_| !identity_insert) {
                let next = table.identity.map_or(seed, |last| last + step);
                (table.identity, identity) = (Some(next), Some(next));
                Value::Int(next)
            } else if column.column_type.sql_type == SqlType::RowVersion {
                rowversion(table)
            } else if let Some(value) = super::super::tables::generated_value(&column, table, self.ambient.now) {
                if given.is_some() {
                    let text = format!(
                        "Cannot insert an explicit value into a GENERATED ALWAYS column in table '{}.{}.{}'. Use INSERT with a column list to exclude the GENERATED ALWAYS column, or insert a DEFAULT into GENERATED ALWAYS column.",
                        database.name,
                        database.schema_name(table.schema),
                        table.name
                    );
                    return Err(Message::new(13536, 16, 1, text));
                }
                value
            } else {
                match (given, &column.default) {
                    (Some(value), _) => value,
                    (None, Some(default)) if !(named.contains(&column.id) && row.is_empty()) => {
                        self.evaluate(default, variables)?.1
                    }
                    (None, _) => Value::Null,
                }
            };
            let value = stored(table, database, &column, &value)?;
            if column.identity.is_some()
                && identity_insert
                && let Some(n) = whole(&value)
            {
                table.identity = Some(table.identity.map_or(n, |last| last.max(n)));
                identity = Some(n);
            }
            full.push(value);
        }
        Ok((full, identity))
    }

    pub(super) fn insert_row(
        &mut self,
        database: &Database,
        table: &mut Table,
        rowid: Option<i64>,
        values: &[Value],
    ) -> Result<(), Message> {
        let columns: Vec<String> =
            table.columns.iter().filter(|c| c.computed.is_none()).map(|c| format!("c{}", c.id)).collect();
        let mut all = values.to_vec();
        let mut names = columns;
        if let Some(rowid) = rowid {
            names.push("rowid".into());
            all.push(Value::Int(rowid));
        }
        let places: Vec<String> = (1..=all.len()).map(|i| format!("?{i}")).collect();
        let sql = if all.is_empty() {
            format!("INSERT INTO u{}_{} DEFAULT VALUES", database.id, table.id)
        } else {
            format!("INSERT INTO u{}_{} ({}) VALUES ({})", database.id, table.id, names.join(", "), places.join(", "))
        };
        self.unique_with_null(database, table, values)?;
        self.store.modify(&sql, &all).map_err(|refusal| duplicate(refusal, database, table, values))?;
        table.changes += 1;
        table.bytes += values.iter().map(size).sum::<u64>();
        Ok(())
    }

    fn last_row(&self) -> Result<i64, Message> {
        let found = self.store.query("SELECT last_insert_rowid()", &[], &|| false)?;
        match found.first().and_then(|row| row.first()) {
            Some(rusqlite::types::Value::Integer(rowid)) => Ok(*rowid),
            _ => Err(errors::internal("no row was inserted")),
        }
    }

    /// SQLite lets many NULLs into a unique index, the server one.
    fn unique_with_null(&mut self, database: &Database, table: &Table, values: &[Value]) -> Result<(), Message> {
        let stored: Vec<i32> = table.columns.iter().filter(|c| c.computed.is_none()).map(|c| c.id).collect();
        for index in table.indexes.iter().filter(|i| i.unique && i.filter.is_none()) {
            let key: Vec<(i32, &Value)> = index
                .columns
                .iter()
                .filter(|c| !c.included)
                .filter_map(|c| Some((c.column, values.get(stored.iter().position(|id| *id == c.column)?)?)))
                .collect();
            if !key.iter().any(|(_, value)| **value == Value::Null) {
                continue;
            }
            let tests: Vec<String> = key.iter().enumerate().map(|(i, (id, _))| format!("c{id} IS :k{i}")).collect();
            let binds: Vec<(String, Value)> =
                key.iter().enumerate().map(|(i, (_, v))| (format!(":k{i}"), (*v).clone())).collect();
            let sql = format!("SELECT 1 FROM u{}_{} WHERE {} LIMIT 1", database.id, table.id, tests.join(" AND "));
            if !self.store.query(&sql, &binds, &|| false)?.is_empty() {
                let refused: Vec<String> = key.iter().map(|(id, _)| format!("t.c{id}")).collect();
                return Err(duplicate(Refusal::Duplicate(refused.join(", ")), database, table, values));
            }
        }
        Ok(())
    }
}

/// Whether a value of that type goes into the column without CAST.
fn implicit(table: &Table, column: i32, from: SqlType, value: &Value) -> Result<(), Message> {
    let Some(column) = table.column_by_id(column) else { return Ok(()) };
    types::check_implicit(from, column.column_type.sql_type, *value == Value::Null)
}

/// An identity value, whose column may be a decimal.
fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Int(n) => Some(*n),
        Value::Decimal { unscaled, scale: 0 } => i64::try_from(*unscaled).ok(),
        _ => None,
    }
}
