//! INSERT, UPDATE, DELETE and TRUNCATE, and reading.
//!
//! Values are made into the columns' types here; SQLite is then told rows, so that its looser rules never decide. Every
//! row changed counts once in its table's counters, which are part of the state and so roll back with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::errors::{self, invalid_column};
use super::moments;
use super::query::{Binder, Compiled};
use super::state::{Database, LedgerKind, Table, TableColumn, Temporal};
use super::store::{Refusal, from_lite, to_lite};
use super::types;
use super::work::Work;
use crate::engine::Message;
use crate::tsql::ast::{Assignment, Expr, Generated, InsertSource, ObjectName, Predicate, Query, TableSource};
use crate::value::Column;
use crate::value::{SqlType, Value};

/// Variables by lower-case name.
pub type Variables = BTreeMap<String, (SqlType, Value)>;

pub struct Found {
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Value>>,
    pub assigns: Vec<Option<(String, SqlType)>>,
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
                    .map(|(value, column)| from_lite(value, column.sql_type))
                    .collect()
            })
            .collect::<Result<_, Message>>()?;
        Ok(Found { columns: compiled.columns, rows, assigns: compiled.assigns })
    }

    pub fn insert(
        &mut self,
        name: &ObjectName,
        columns: &[String],
        source: &InsertSource,
        variables: &Variables,
        identity_insert: bool,
    ) -> Result<(u64, Option<i64>), Message> {
        let (database, table) = self.target(name, variables, "INSERT")?;
        let named = named_columns(&table, columns, identity_insert)?;
        let rows = self.source_rows(&table, &named, source, variables)?;
        let mut table = Table::clone(&table);
        check_takes_rows(&database, &table, "insert")?;
        let mut last = None;
        let mut new = Vec::new();
        for row in &rows {
            let full = self.full_row(&mut table, &database, &named, row, identity_insert, variables)?;
            last = full.1.or(last);
            self.insert_row(&database, &mut table, None, &full.0)?;
            if !table.checks.is_empty() {
                new.push(self.last_row()?);
            }
        }
        let checks = table.checks.clone();
        self.check_rows(&database, &table, &checks, Some(&new), "INSERT")?;
        table.rows += rows.len() as u64;
        self.keep(&database, table)?;
        Ok((rows.len() as u64, last))
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
                    row.iter()
                        .map(|value| value.as_ref().map(|v| self.evaluate(v, variables).map(|(_, v)| v)).transpose())
                        .collect()
                })
                .collect(),
            InsertSource::Query(query) => {
                let found = self.select(query, variables)?;
                if found.columns.len() != named.len() {
                    let text = "The select list for the INSERT statement contains a different number of items than the insert list.";
                    return Err(Message::new(if found.columns.len() < named.len() { 120 } else { 121 }, 15, 1, text));
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
            } else if let Some(value) = super::tables::generated_value(&column, table, self.ambient.now) {
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
                && let Value::Int(n) = value
            {
                table.identity = Some(table.identity.map_or(n, |last| last.max(n)));
                identity = Some(n);
            }
            full.push(value);
        }
        Ok((full, identity))
    }

    fn insert_row(
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

    /// The row as it was goes to the history table of a system-versioned or ledger table.
    fn keep_history(&mut self, database: &Database, table: &Table, rowid: i64) -> Result<(), Message> {
        let Some(history) = table.traits.history else { return Ok(()) };
        let now = self.ambient.now;
        let mut values = vec![Value::Int(rowid)];
        let stored: Vec<&TableColumn> = table.columns.iter().filter(|c| c.computed.is_none()).collect();
        let names: Vec<String> = stored.iter().map(|c| format!("c{}", c.id)).collect();
        let items: Vec<String> = stored
            .iter()
            .map(|column| {
                let ended = match column.generated {
                    Some(Generated::RowEnd) => types::convert(&moments::utc(now), column.column_type.sql_type, 0)?,
                    Some(Generated::TransactionEnd) => Value::Int(table.changes.cast_signed() + 1),
                    Some(Generated::SequenceEnd) => Value::Int(0),
                    _ => return Ok(format!("c{}", column.id)),
                };
                values.push(ended);
                Ok(format!("?{}", values.len()))
            })
            .collect::<Result<_, Message>>()?;
        let (names, items) = (names.join(", "), items.join(", "));
        let sql = format!(
            "INSERT INTO u{0}_{history} ({names}) SELECT {items} FROM u{0}_{1} WHERE rowid = ?1",
            database.id, table.id
        );
        self.store.modify(&sql, &values).map_err(Refusal::into_message)?;
        let id = database.id;
        if let Some(history) = self.change().database_mut(id).and_then(|d| d.tables.get_mut(&history)) {
            let history = Arc::make_mut(history);
            (history.rows, history.changes) = (history.rows + 1, history.changes + 1);
        }
        Ok(())
    }

    /// SQLite lets many NULLs into a unique index, the server one.
    fn unique_with_null(&mut self, database: &Database, table: &Table, values: &[Value]) -> Result<(), Message> {
        let stored: Vec<i32> = table.columns.iter().filter(|c| c.computed.is_none()).map(|c| c.id).collect();
        for index in table.indexes.iter().filter(|i| i.unique) {
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

    pub fn update(
        &mut self,
        name: &ObjectName,
        top: Option<&Expr>,
        set: &[Assignment],
        from: &[TableSource],
        filter: Option<&Predicate>,
        variables: &Variables,
    ) -> Result<u64, Message> {
        let real = aliased(name, from);
        let (database, table) = self.target(&real, variables, "UPDATE")?;
        check_takes_rows(&database, &table, "update")?;
        let mut seen = BTreeSet::new();
        for assignment in set {
            let column = table.column(&assignment.column).ok_or_else(|| invalid_column(&assignment.column))?;
            if column.computed.is_some() || column.column_type.sql_type == SqlType::RowVersion {
                return Err(Message::new(
                    271,
                    16,
                    1,
                    format!(
                        "The column \"{}\" cannot be modified because it is either a computed column or is the result of a UNION operator.",
                        column.name
                    ),
                ));
            }
            if column.generated.is_some() {
                let text = format!(
                    "Cannot update GENERATED ALWAYS columns in table '{}.{}.{}'.",
                    database.name,
                    database.schema_name(table.schema),
                    table.name
                );
                return Err(Message::new(13537, 16, 1, text));
            }
            if column.identity.is_some() {
                return Err(Message::new(8102, 16, 1, format!("Cannot update identity column '{}'.", column.name)));
            }
            if !seen.insert(column.id) {
                return Err(Message::new(
                    264,
                    16,
                    1,
                    format!(
                        "The column name '{}' is specified more than once in the SET clause or column list of an INSERT.",
                        column.name
                    ),
                ));
            }
        }
        let stored_columns: Vec<TableColumn> = table.columns.iter().filter(|c| c.computed.is_none()).cloned().collect();
        let mut changed: Vec<(i64, Vec<Value>)> = Vec::new();
        let rows = self.matching_rows(&database, &table, name, top, from, filter, variables, |binder, alias| {
            stored_columns
                .iter()
                .map(|column| {
                    let assigned = set.iter().find(|a| super::state::same_name(&a.column, &column.name));
                    match assigned.map(|a| a.value.as_ref().or(column.default.as_ref())) {
                        None => Ok((format!("{alias}.c{}", column.id), column.column_type.sql_type)),
                        Some(None) => Ok(("NULL".to_owned(), column.column_type.sql_type)),
                        Some(Some(value)) => binder.expression(value).map(|bound| (bound.sql, bound.sql_type)),
                    }
                })
                .collect()
        })?;
        let mut table = Table::clone(&table);
        for (rowid, values) in rows {
            let mut full = Vec::new();
            for (column, value) in stored_columns.iter().zip(values) {
                let value = match column.generated {
                    Some(Generated::RowEnd) | None => value,
                    Some(_) => super::tables::generated_value(column, &table, self.ambient.now).unwrap_or(value),
                };
                let value =
                    if column.column_type.sql_type == SqlType::RowVersion { rowversion(&mut table) } else { value };
                full.push(stored(&table, &database, column, &value)?);
            }
            changed.push((rowid, full));
        }
        // All old rows go before the new ones come, so that keys may move within the statement.
        for (rowid, _) in &changed {
            self.keep_history(&database, &table, *rowid)?;
            self.store
                .modify(&format!("DELETE FROM u{}_{} WHERE rowid = ?1", database.id, table.id), &[Value::Int(*rowid)])
                .map_err(Refusal::into_message)?;
        }
        for (rowid, values) in &changed {
            self.insert_row(&database, &mut table, Some(*rowid), values)?;
        }
        if !table.checks.is_empty() {
            let rows: Vec<i64> = changed.iter().map(|(rowid, _)| *rowid).collect();
            let checks = table.checks.clone();
            self.check_rows(&database, &table, &checks, Some(&rows), "UPDATE")?;
        }
        self.keep(&database, table)?;
        Ok(changed.len() as u64)
    }

    pub fn delete(
        &mut self,
        name: &ObjectName,
        top: Option<&Expr>,
        from: &[TableSource],
        filter: Option<&Predicate>,
        variables: &Variables,
    ) -> Result<u64, Message> {
        let real = aliased(name, from);
        let (database, table) = self.target(&real, variables, "DELETE")?;
        check_takes_rows(&database, &table, "delete")?;
        let stored_columns: Vec<TableColumn> = table.columns.iter().filter(|c| c.computed.is_none()).cloned().collect();
        let rows = self.matching_rows(&database, &table, name, top, from, filter, variables, |_, alias| {
            Ok(stored_columns.iter().map(|c| (format!("{alias}.c{}", c.id), c.column_type.sql_type)).collect())
        })?;
        let mut table = Table::clone(&table);
        for (rowid, values) in &rows {
            self.keep_history(&database, &table, *rowid)?;
            self.store
                .modify(&format!("DELETE FROM u{}_{} WHERE rowid = ?1", database.id, table.id), &[Value::Int(*rowid)])
                .map_err(Refusal::into_message)?;
            table.changes += 1;
            table.bytes += values.iter().map(size).sum::<u64>();
        }
        table.rows = table.rows.saturating_sub(rows.len() as u64);
        self.keep(&database, table)?;
        Ok(rows.len() as u64)
    }

    /// SQLite's row ids of the rows a modification is about, each once, with the values of `items`.
    #[allow(clippy::too_many_arguments, reason = "the clauses of one statement")]
    fn matching_rows(
        &mut self,
        database: &Database,
        table: &Arc<Table>,
        name: &ObjectName,
        top: Option<&Expr>,
        from: &[TableSource],
        filter: Option<&Predicate>,
        variables: &Variables,
        items: impl FnOnce(&mut Binder<'_>, &str) -> Result<Vec<(String, SqlType)>, Message>,
    ) -> Result<Vec<(i64, Vec<Value>)>, Message> {
        let mut binder = Binder::new(Arc::clone(self.state), self.ambient, variables, self.store);
        let (from_sql, mut filters, alias) = if from.is_empty() {
            let (sql, alias) = binder.open_table(database, table, None)?;
            (sql, Vec::new(), alias)
        } else {
            let (sql, filters, alias) = binder.open_from(from, name)?;
            let alias = alias.ok_or_else(|| errors::outside("a target that its FROM clause does not name"))?;
            (sql, filters, alias)
        };
        let items = items(&mut binder, &alias)?;
        if let Some(filter) = filter {
            filters.push(binder.predicate(filter)?);
        }
        let limit = match top {
            Some(top) => format!(" LIMIT {}", binder.row_count(top)?),
            None => String::new(),
        };
        if filter.is_some() || !from.is_empty() {
            binder.check_reads()?;
        }
        let binds = std::mem::take(&mut binder.binds);
        let list: String = items.iter().map(|(sql, _)| format!(", {sql}")).collect();
        let filter = if filters.is_empty() { String::new() } else { format!(" WHERE {}", filters.join(" AND ")) };
        let found = self.store.query(
            &format!("SELECT {alias}.rowid{list} FROM {from_sql}{filter}{limit}"),
            &binds,
            self.cancelled,
        )?;
        let mut seen = BTreeSet::new();
        let mut rows = Vec::new();
        for mut row in found {
            let values = row.split_off(1);
            let Some(rusqlite::types::Value::Integer(rowid)) = row.pop() else { continue };
            if seen.insert(rowid) {
                let values = values
                    .into_iter()
                    .zip(&items)
                    .map(|(v, (_, t))| from_lite(v, *t))
                    .collect::<Result<_, Message>>()?;
                rows.push((rowid, values));
            }
        }
        Ok(rows)
    }

    pub fn truncate(&mut self, name: &ObjectName, variables: &Variables) -> Result<(), Message> {
        let binder = Binder::new(Arc::clone(self.state), self.ambient, variables, self.store);
        let (database, table) = binder.target(name)?;
        if binder.may_modify(&database, &table, "ALTER").is_err() {
            let text = format!(
                "Cannot find the object \"{}\" because it does not exist or you do not have permissions.",
                name.written()
            );
            return Err(Message::new(1088, 16, 7, text));
        }
        if table.traits.temporal != Temporal::None || table.traits.ledger != LedgerKind::None {
            let text = format!(
                "Truncate failed on table '{}.{}.{}' because it is not a supported operation on system-versioned tables.",
                database.name,
                database.schema_name(table.schema),
                table.name
            );
            return Err(Message::new(13545, 16, 1, text));
        }
        if table.traits.memory_optimized {
            return Err(Message::new(
                10794,
                16,
                92,
                "The statement 'TRUNCATE TABLE' is not supported with memory optimized tables.",
            ));
        }
        self.store.run(&format!("DELETE FROM u{}_{}", database.id, table.id))?;
        let mut table = Table::clone(&table);
        table.changes += table.rows;
        table.rows = 0;
        table.identity = None;
        self.keep(&database, table)
    }
}

/// `UPDATE a SET … FROM dbo.t AS a`: the table behind the alias.
fn aliased(name: &ObjectName, from: &[TableSource]) -> ObjectName {
    fn find(name: &str, source: &TableSource) -> Option<ObjectName> {
        match source {
            TableSource::Table { name: of, alias: Some(alias) } if super::state::same_name(alias, name) => {
                Some(of.clone())
            }
            TableSource::Join { left, right, .. } => find(name, left).or_else(|| find(name, right)),
            _ => None,
        }
    }
    let single = name.schema.is_none() && name.database.is_none();
    let behind = if single { from.iter().find_map(|source| find(&name.name, source)) } else { None };
    behind.unwrap_or_else(|| name.clone())
}

fn named_columns(table: &Table, columns: &[String], identity_insert: bool) -> Result<Vec<i32>, Message> {
    if columns.is_empty() {
        let skip = |c: &&TableColumn| {
            c.computed.is_none()
                && !c.hidden
                && c.column_type.sql_type != SqlType::RowVersion
                && (c.identity.is_none() || identity_insert)
        };
        return Ok(table.columns.iter().filter(skip).map(|c| c.id).collect());
    }
    let mut named = Vec::new();
    for name in columns {
        let column = table.column(name).ok_or_else(|| invalid_column(name))?;
        if column.computed.is_some() {
            return Err(Message::new(
                271,
                16,
                1,
                format!(
                    "The column \"{}\" cannot be modified because it is either a computed column or is the result of a UNION operator.",
                    column.name
                ),
            ));
        }
        if column.column_type.sql_type == SqlType::RowVersion {
            return Err(Message::new(
                273,
                16,
                1,
                "Cannot insert an explicit value into a timestamp column. Use INSERT with a column list to exclude the timestamp column, or insert a DEFAULT into the timestamp column.",
            ));
        }
        if column.identity.is_some() && !identity_insert {
            return Err(Message::new(
                544,
                16,
                1,
                format!(
                    "Cannot insert explicit value for identity column in table '{}' when IDENTITY_INSERT is set to OFF.",
                    table.name
                ),
            ));
        }
        if named.contains(&column.id) {
            return Err(Message::new(
                264,
                16,
                1,
                format!(
                    "The column name '{name}' is specified more than once in the SET clause or column list of an INSERT."
                ),
            ));
        }
        named.push(column.id);
    }
    if let Some(identity) =
        table.columns.iter().find(|c| c.identity.is_some()).filter(|c| identity_insert && !named.contains(&c.id))
    {
        let _ = identity;
        return Err(Message::new(
            545,
            16,
            1,
            format!(
                "Explicit value must be specified for identity column in table '{}' either when IDENTITY_INSERT is set to ON or when a replication user is inserting into a NOT FOR REPLICATION identity column.",
                table.name
            ),
        ));
    }
    Ok(named)
}

/// History tables are the server's to fill, append-only ledgers keep what they have, graph tables are outside.
fn check_takes_rows(database: &Database, table: &Table, verb: &str) -> Result<(), Message> {
    let shown = format!("{}.{}.{}", database.name, database.schema_name(table.schema), table.name);
    if table.traits.temporal == Temporal::History {
        let number = match verb {
            "insert" => 13559,
            "delete" => 13560,
            _ => 13561,
        };
        let way = if verb == "insert" {
            "insert rows in"
        } else if verb == "delete" {
            "delete rows from"
        } else {
            "update rows in"
        };
        return Err(Message::new(number, 16, 1, format!("Cannot {way} a temporal history table '{shown}'.")));
    }
    match table.traits.ledger {
        LedgerKind::History => {
            let text = format!("Modifications are not allowed for the Ledger history table '{shown}'.");
            Err(Message::new(37355, 16, 1, text))
        }
        LedgerKind::AppendOnly if verb != "insert" => {
            let text = format!("Updates are not allowed for the append only Ledger table '{shown}'.");
            Err(Message::new(37359, 16, 1, text))
        }
        _ if table.traits.graph.is_some() => Err(errors::outside("rows of graph tables")),
        _ => Ok(()),
    }
}

/// As the column keeps it: converted, never cut short in silence (2628), never NULL where that is not allowed (515).
pub fn stored(table: &Table, database: &Database, column: &TableColumn, value: &Value) -> Result<Value, Message> {
    let shown = format!("{}.{}.{}", database.name, database.schema_name(table.schema), table.name);
    if *value == Value::Null {
        if column.nullable {
            return Ok(Value::Null);
        }
        let text = format!(
            "Cannot insert the value NULL into column '{}', table '{shown}'; column does not allow nulls. INSERT fails.",
            column.name
        );
        return Err(Message::new(515, 16, 2, text));
    }
    if column.encryption.is_some() {
        return Err(errors::outside("values of Always Encrypted columns"));
    }
    if matches!(column.column_type.name, "geography" | "geometry" | "hierarchyid") {
        return Err(errors::outside(&format!("values of type {}", column.column_type.name)));
    }
    let sql_type = column.column_type.sql_type;
    let too_long = match (value, sql_type) {
        (Value::Text(text), _) => {
            let units = text.trim_end_matches(' ').encode_utf16().count();
            types::text_length(sql_type).is_some_and(|n| units > usize::from(n))
        }
        (Value::Bytes(bytes), SqlType::VarBinary(Some(n)) | SqlType::Binary(n)) => bytes.len() > usize::from(n),
        _ => false,
    };
    if too_long {
        let cut: String = if let Value::Text(text) = value { text.chars().take(100).collect() } else { String::new() };
        let text = format!(
            "String or binary data would be truncated in table '{shown}', column '{}'. Truncated value: '{cut}'.",
            column.name
        );
        return Err(Message::new(2628, 16, 1, text));
    }
    let value = types::convert(value, sql_type, 0)?;
    if let Value::Decimal { unscaled, .. } = value
        && unscaled.unsigned_abs() >= 10u128.pow(15)
    {
        return Err(errors::outside("decimal values of more than 15 digits"));
    }
    Ok(value)
}

fn rowversion(table: &mut Table) -> Value {
    table.next_rowversion += 1;
    Value::Bytes(table.next_rowversion.to_be_bytes().to_vec())
}

/// 2627 for a constraint, 2601 for an index.
fn duplicate(refusal: Refusal, database: &Database, table: &Table, values: &[Value]) -> Message {
    let text = match refusal {
        Refusal::Message(message) => return message,
        Refusal::Duplicate(text) => text,
    };
    let refused: BTreeSet<&str> =
        text.rsplit(": ").next().unwrap_or("").split(", ").filter_map(|c| c.rsplit('.').next()).collect();
    let stored: Vec<i32> = table.columns.iter().filter(|c| c.computed.is_none()).map(|c| c.id).collect();
    let keys = |index: &&super::state::Index| {
        index.unique
            && index.columns.iter().filter(|c| !c.included).map(|c| format!("c{}", c.column)).collect::<BTreeSet<_>>()
                == refused.iter().map(|c| (*c).to_owned()).collect()
    };
    let shown = format!("{}.{}", database.schema_name(table.schema), table.name);
    let Some(index) = table.indexes.iter().find(keys) else { return errors::internal(text) };
    let key: Vec<String> = index
        .columns
        .iter()
        .filter_map(|c| values.get(stored.iter().position(|id| *id == c.column)?))
        .map(|v| match types::convert(v, SqlType::NVarChar(None), 0) {
            Ok(Value::Text(text)) => text,
            _ => "<NULL>".into(),
        })
        .collect();
    let key = key.join(", ");
    if index.primary || index.constraint {
        let kind = if index.primary { "PRIMARY KEY" } else { "UNIQUE KEY" };
        let text = format!(
            "Violation of {kind} constraint '{}'. Cannot insert duplicate key in object '{shown}'. The duplicate key value is ({key}).",
            index.name
        );
        return Message::new(2627, 14, 1, text);
    }
    let text = format!(
        "Cannot insert duplicate key row in object '{shown}' with unique index '{}'. The duplicate key value is ({key}).",
        index.name
    );
    Message::new(2601, 14, 1, text)
}

/// Bytes of a value, approximately.
fn size(value: &Value) -> u64 {
    match to_lite(value) {
        rusqlite::types::Value::Null => 1,
        rusqlite::types::Value::Integer(_) | rusqlite::types::Value::Real(_) => 8,
        rusqlite::types::Value::Text(text) => 2 * text.len() as u64,
        rusqlite::types::Value::Blob(bytes) => bytes.len() as u64,
    }
}
