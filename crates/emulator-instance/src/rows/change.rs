//! UPDATE, DELETE and TRUNCATE.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::errors::{self, invalid_column};
use super::super::moments;
use super::super::query::Binder;
use super::super::state::{Database, LedgerKind, Table, TableColumn, Temporal, same_name};
use super::super::store::{Refusal, from_lite};
use super::super::types;
use super::super::work::Work;
use super::output::Shown;
use super::references::Pending;
use super::values::{check_takes_rows, rowversion, size, stored};
use super::{Change, Done, Row, Variables, refuse_common_target};
use emulator_ground::engine::Message;
use emulator_ground::value::{SqlType, Value};
use emulator_tsql::ast::{
    Assignment, BlockOperation, CommonTable, Expr, Generated, ObjectName, Predicate, PredicateKind, SelectItem,
    TableSource,
};

impl Work<'_> {
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

    #[allow(clippy::too_many_arguments, reason = "the clauses of one statement")]
    pub fn update(
        &mut self,
        with: &[CommonTable],
        name: &ObjectName,
        top: Option<&Expr>,
        set: &[Assignment],
        output: &[SelectItem],
        from: &[TableSource],
        filter: Option<&Predicate>,
        variables: &Variables,
    ) -> Result<Done, Message> {
        let real = aliased(name, from);
        refuse_common_target(with, &real)?;
        let (database, table) = self.target(&real, variables, "UPDATE")?;
        check_takes_rows(&database, &table, "update")?;
        self.check_settings(&table.indexes, &table, "UPDATE")?;
        let mut seen = BTreeSet::new();
        for assignment in set {
            if let Some(prefix) = assignment.prefix.as_ref().filter(|prefix| !same_name(prefix, &name.name)) {
                let text = format!(
                    "Cannot use the column prefix '{prefix}'. This must match the object in the UPDATE clause '{}'.",
                    name.written()
                );
                return Err(Message::new(1032, 16, 1, text));
            }
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
                return Err(super::values::named_twice(&column.name));
            }
        }
        let stored_columns: Vec<TableColumn> = table.columns.iter().filter(|c| c.computed.is_none()).cloned().collect();
        let mut changes: Vec<Change> = Vec::new();
        let rows =
            self.matching_rows(with, &database, &table, name, top, from, filter, variables, |binder, alias| {
                let new: Vec<(String, SqlType)> = stored_columns
                    .iter()
                    .map(|column| {
                        let assigned = set.iter().find(|a| same_name(&a.column, &column.name));
                        match assigned.map(|a| a.value.as_ref().or(column.default.as_ref())) {
                            None => Ok((format!("{alias}.c{}", column.id), column.column_type.sql_type)),
                            Some(None) => Ok(("NULL".to_owned(), column.column_type.sql_type)),
                            Some(Some(value)) => {
                                let bound = binder.expression(value)?;
                                types::check_implicit(bound.sql_type, column.column_type.sql_type, bound.is_null)?;
                                Ok((bound.sql, bound.sql_type))
                            }
                        }
                    })
                    .collect::<Result<_, Message>>()?;
                let old = stored_columns.iter().map(|c| (format!("{alias}.c{}", c.id), c.column_type.sql_type));
                Ok(new.into_iter().chain(old).collect())
            })?;
        let mut table = Table::clone(&table);
        for (rowid, mut values) in rows {
            let old = values.split_off(stored_columns.len());
            self.refresh(&mut table, &stored_columns, &mut values);
            let new =
                stored_columns.iter().zip(&values).map(|(column, value)| stored(&table, &database, column, value));
            changes.push(Change { rowid, old, new: Some(new.collect::<Result<_, _>>()?) });
        }
        let (count, mut pending) = (changes.len() as u64, Vec::new());
        let rows: Vec<i64> = changes.iter().map(|change| change.rowid).collect();
        self.check_blocks(&database, &table, BlockOperation::BeforeUpdate, &rows)?;
        self.replace_rows(&database, table.clone(), &changes, "UPDATE", &mut pending)?;
        self.settle(database.id, pending, "UPDATE")?;
        // Not asked "if none of the columns used by the predicate function were changed".
        let predicate = database.predicate(table.id, PredicateKind::Block, Some(BlockOperation::AfterUpdate));
        if predicate.is_some_and(|(_, p)| p.columns.is_empty() || !p.columns.is_disjoint(&seen)) {
            self.check_blocks(&database, &table, BlockOperation::AfterUpdate, &rows)?;
        }
        let shown = Shown {
            inserted: Some(changes.iter().map(|change| change.new.as_deref().unwrap_or_default()).collect()),
            deleted: Some(changes.iter().map(|change| change.old.as_slice()).collect()),
        };
        let output = self.output(output, &database, &table, &shown, variables)?;
        Ok(Done { count, identity: None, output })
    }

    /// The values the server itself puts into a row that changes.
    pub(super) fn refresh(&self, table: &mut Table, columns: &[TableColumn], row: &mut [Value]) {
        for (column, value) in columns.iter().zip(row) {
            let made = match column.generated {
                Some(Generated::RowEnd) | None => None,
                Some(_) => super::super::tables::generated_value(column, table, self.ambient.now),
            };
            if let Some(made) = made {
                *value = made;
            }
            if column.column_type.sql_type == SqlType::RowVersion {
                *value = rowversion(table);
            }
        }
    }

    /// Puts the new rows in the place of the old ones and does what follows from it.
    pub(super) fn replace_rows(
        &mut self,
        database: &Database,
        mut table: Table,
        changes: &[Change],
        verb: &str,
        pending: &mut Vec<Pending>,
    ) -> Result<(), Message> {
        // All old rows go before the new ones come, so that keys may move within the statement.
        for change in changes {
            self.keep_history(database, &table, change.rowid)?;
            self.delete_row(database, &table, change.rowid)?;
        }
        for change in changes {
            let new = change.new.as_deref().unwrap_or_default();
            self.insert_row(database, &mut table, Some(change.rowid), new)?;
        }
        let rows: Vec<i64> = changes.iter().map(|change| change.rowid).collect();
        let (checks, keys) = (table.checks.clone(), table.foreign_keys.clone());
        self.keep(database, table.clone())?;
        self.check_rows(database, &table, &checks, Some(&rows), verb)?;
        self.check_filtered(database, &table)?;
        self.cascade(database, &table, changes, verb, pending)?;
        self.check_references(database, &table, &keys, Some(&rows), verb)
    }

    pub(super) fn remove_rows(
        &mut self,
        database: &Database,
        mut table: Table,
        rows: Vec<Row>,
        verb: &str,
        pending: &mut Vec<Pending>,
    ) -> Result<(), Message> {
        for (rowid, values) in &rows {
            self.keep_history(database, &table, *rowid)?;
            self.delete_row(database, &table, *rowid)?;
            table.changes += 1;
            table.bytes += values.iter().map(size).sum::<u64>();
        }
        table.rows = table.rows.saturating_sub(rows.len() as u64);
        self.keep(database, table.clone())?;
        let changes: Vec<Change> = rows.into_iter().map(|(rowid, old)| Change { rowid, old, new: None }).collect();
        self.cascade(database, &table, &changes, verb, pending)
    }

    fn delete_row(&self, database: &Database, table: &Table, rowid: i64) -> Result<(), Message> {
        let sql = format!("DELETE FROM u{}_{} WHERE rowid = ?1", database.id, table.id);
        self.store.modify(&sql, &[Value::Int(rowid)]).map_err(Refusal::into_message).map(|_| ())
    }

    #[allow(clippy::too_many_arguments, reason = "the clauses of one statement")]
    pub fn delete(
        &mut self,
        with: &[CommonTable],
        name: &ObjectName,
        top: Option<&Expr>,
        output: &[SelectItem],
        from: &[TableSource],
        filter: Option<&Predicate>,
        variables: &Variables,
    ) -> Result<Done, Message> {
        let real = aliased(name, from);
        refuse_common_target(with, &real)?;
        let (database, table) = self.target(&real, variables, "DELETE")?;
        check_takes_rows(&database, &table, "delete")?;
        self.check_settings(&table.indexes, &table, "DELETE")?;
        let stored_columns: Vec<TableColumn> = table.columns.iter().filter(|c| c.computed.is_none()).cloned().collect();
        let rows = self.matching_rows(with, &database, &table, name, top, from, filter, variables, |_, alias| {
            Ok(stored_columns.iter().map(|c| (format!("{alias}.c{}", c.id), c.column_type.sql_type)).collect())
        })?;
        let (count, mut pending) = (rows.len() as u64, Vec::new());
        let shown = if output.is_empty() { Vec::new() } else { rows.clone() };
        let ids: Vec<i64> = rows.iter().map(|(rowid, _)| *rowid).collect();
        self.check_blocks(&database, &table, BlockOperation::BeforeDelete, &ids)?;
        self.remove_rows(&database, Table::clone(&table), rows, "DELETE", &mut pending)?;
        self.settle(database.id, pending, "DELETE")?;
        let shown = Shown { inserted: None, deleted: Some(shown.iter().map(|(_, row)| row.as_slice()).collect()) };
        let output = self.output(output, &database, &table, &shown, variables)?;
        Ok(Done { count, identity: None, output })
    }

    /// SQLite's row ids of the rows a modification is about, each once, with the values of `items`.
    #[allow(clippy::too_many_arguments, reason = "the clauses of one statement")]
    fn matching_rows(
        &mut self,
        with: &[CommonTable],
        database: &Arc<Database>,
        table: &Arc<Table>,
        name: &ObjectName,
        top: Option<&Expr>,
        from: &[TableSource],
        filter: Option<&Predicate>,
        variables: &Variables,
        items: impl FnOnce(&mut Binder<'_>, &str) -> Result<Vec<(String, SqlType)>, Message>,
    ) -> Result<Vec<(i64, Vec<Value>)>, Message> {
        let mut binder = Binder::new(Arc::clone(self.state), self.ambient, variables, self.store);
        let with = binder.common_tables(with, None)?;
        let with = if with.is_empty() { String::new() } else { format!("WITH {} ", with.join(", ")) };
        let (from_sql, mut filters, alias) = if from.is_empty() {
            let (sql, alias) = binder.open_target(database, table)?;
            (sql, Vec::new(), alias)
        } else {
            let (sql, filters, alias) = binder.open_from(from, name, (database.id, table.id))?;
            let alias = alias.ok_or_else(|| errors::outside("a target that its FROM clause does not name"))?;
            (sql, filters, alias)
        };
        let items = items(&mut binder, &alias)?;
        binder.refuse_masked("a masked column in a modification")?;
        if let Some(filter) = filter {
            filters.push(binder.predicate(filter)?);
        }
        let limit = match top {
            Some(top) => format!(" LIMIT {}", binder.row_count(top)?),
            None => String::new(),
        };
        // "SELECT permissions are also required … if the UPDATE statement contains a WHERE clause, or if expression in the
        // SET clause uses a column in the table": values alone need none.
        if filter.is_none() && from.is_empty() {
            binder.forget_unread((database.id, table.id));
        }
        binder.check_reads()?;
        let binds = std::mem::take(&mut binder.binds);
        let list: String = items.iter().map(|(sql, _)| format!(", {sql}")).collect();
        let filter = if filters.is_empty() { String::new() } else { format!(" WHERE {}", filters.join(" AND ")) };
        let found = self.store.query(
            &format!("{with}SELECT {alias}.rowid{list} FROM {from_sql}{filter}{limit}"),
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
        if database.references_to(table.id).iter().any(|(other, _)| other.id != table.id) {
            let text = format!(
                "Cannot truncate table '{}' because it is being referenced by a FOREIGN KEY constraint.",
                name.written()
            );
            return Err(Message::new(4712, 16, 1, text));
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
            TableSource::Table { name: of, alias: Some(alias), .. } if same_name(alias, name) => Some(of.clone()),
            TableSource::Join { left, right, .. } => find(name, left).or_else(|| find(name, right)),
            _ => None,
        }
    }
    let single = name.schema.is_none() && name.database.is_none();
    let behind = if single { from.iter().find_map(|source| find(&name.name, source)) } else { None };
    behind.unwrap_or_else(|| name.clone())
}
