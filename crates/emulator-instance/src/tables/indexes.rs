//! Keys and indexes.

use std::sync::Arc;

use super::super::errors;
use super::super::query::Binder;
use super::super::rows::{Variables, duplicate_key, shown_key};
use super::super::state::{Database, Index, IndexKind, IndexedColumn, Table, TableColumn, same_name};
use super::super::store::from_lite;
use super::super::work::Work;
use super::stored_where;
use emulator_ground::engine::Message;
use emulator_ground::value::Value;
use emulator_tsql::ast::{CreateIndex, IndexColumn, KeyDefinition, ObjectName, Predicate};
use emulator_tsql::canonical;

impl Work<'_> {
    /// `nullable` are columns that a primary key may not have.
    pub(super) fn add_key(&mut self, table: &mut Table, key: &KeyDefinition, nullable: &[i32]) -> Result<(), Message> {
        stored_where(&key.storage)?;
        if key.primary && table.indexes.iter().any(|i| i.primary) {
            let text = format!("Table '{}' already has a primary key defined on it.", table.name);
            return Err(Message::new(1779, 16, 0, text));
        }
        let there = clustered_index(table);
        let clustered = key.clustered.unwrap_or(key.primary && there.is_none());
        if let Some(there) = there.filter(|_| clustered) {
            return Err(second_clustered(&table.name, &there.name));
        }
        let columns = indexed(table, &key.columns)?;
        if key.primary && columns.iter().any(|c| nullable.contains(&c.column)) {
            let text = format!("Cannot define PRIMARY KEY constraint on nullable column in table '{}'.", table.name);
            return Err(Message::new(8111, 16, 1, text));
        }
        if key.primary {
            for column in &columns {
                if let Some(of) = table.columns.iter_mut().find(|c| c.id == column.column) {
                    of.nullable = false;
                }
            }
        }
        let object_id = self.change_database()?.new_object_id();
        if let Some(name) = &key.name {
            // 2714 for a name that is taken.
            self.constraint(table, Some(name), "", "", object_id, "")?;
        }
        let prefix = if key.primary { "PK" } else { "UQ" };
        let name = key.name.clone().unwrap_or_else(|| {
            format!("{prefix}__{}__{object_id:016X}", table.name.chars().take(8).collect::<String>())
        });
        let id = next_index(table, clustered);
        let kind = if clustered { IndexKind::Clustered } else { IndexKind::Nonclustered };
        table.indexes.push(Index {
            id,
            name,
            kind,
            unique: true,
            primary: key.primary,
            constraint: !key.primary,
            system_named: key.name.is_none(),
            object_id,
            columns,
            filter: None,
        });
        table.indexes.sort_by_key(|i| i.id);
        Ok(())
    }

    /// A unique index is SQLite's to enforce; others are the catalog's only.
    pub(super) fn store_index(&self, database: i32, table: &Table, index: &Index) -> Result<(), Message> {
        // A filtered one is kept by looking at the rows.
        if !index.unique || index.filter.is_some() {
            return Ok(());
        }
        let computed = |id: i32| table.column_by_id(id).is_none_or(|c| c.computed.is_some());
        if index.columns.iter().any(|c| computed(c.column)) {
            return Err(errors::outside("unique indexes on computed columns"));
        }
        // NULLs are equal in a unique index of the server: one row may have them.
        let columns: Vec<String> =
            index.columns.iter().filter(|c| !c.included).map(|c| format!("c{}", c.column)).collect();
        self.store.run(&format!(
            "CREATE UNIQUE INDEX i{database}_{}_{} ON u{database}_{} ({})",
            table.id,
            index.id,
            table.id,
            columns.join(", ")
        ))
    }
    pub fn create_index(&mut self, index: &CreateIndex) -> Result<(), Message> {
        let (database, mut table) = self.altered(&index.table, "alter")?;
        let shown = index.table.written();
        let new = self.add_index(&mut table, index, &shown)?;
        self.check_settings(std::slice::from_ref(&new), &table, "CREATE INDEX")?;
        let stored = self.store_index(database.id, &table, &new).and_then(|()| self.check_filtered(&database, &table));
        if let Err(error) = stored {
            let doubled = error.number == 2601 || error.number == 50901 && error.text.contains("UNIQUE");
            let Some(key) = (if doubled { self.doubled_key(&database, &table, &new)? } else { None }) else {
                return Err(error);
            };
            let text = format!(
                "The CREATE UNIQUE INDEX statement terminated because a duplicate key was found for the object name '{shown}' and the index name '{}'. The duplicate key value is ({}).",
                index.name,
                shown_key(&key)
            );
            return Err(Message::new(1505, 16, 1, text));
        }
        self.put_table(table)
    }

    /// An index in the table's declaration, whose rows are yet to come or to be looked at.
    pub(super) fn add_index(&mut self, table: &mut Table, index: &CreateIndex, shown: &str) -> Result<Index, Message> {
        stored_where(&index.storage)?;
        if table.indexes.iter().any(|i| same_name(&i.name, &index.name)) {
            let text = format!(
                "The operation failed because an index or statistics with name '{}' already exists on table '{shown}'.",
                index.name
            );
            return Err(Message::new(1913, 16, 1, text));
        }
        if let Some(there) = clustered_index(table).filter(|_| index.clustered) {
            return Err(second_clustered(shown, &there.name));
        }
        let kind = match (index.clustered, index.columnstore) {
            (true, true) => IndexKind::ClusteredColumnstore,
            (false, true) => IndexKind::NonclusteredColumnstore,
            (true, false) => IndexKind::Clustered,
            (false, false) => IndexKind::Nonclustered,
        };
        if index.columnstore && index.unique {
            let text = "The statement failed because a columnstore index cannot be unique. Create the columnstore index without the UNIQUE keyword or create a unique index without the COLUMNSTORE keyword.";
            return Err(Message::new(35301, 15, 1, text));
        }
        if index.columnstore && (!index.included.is_empty() || index.columns.iter().any(|c| c.descending)) {
            return Err(errors::outside("INCLUDE and DESC of a columnstore index"));
        }
        if index.clustered && !index.included.is_empty() {
            return Err(Message::new(10601, 16, 1, "Cannot specify included columns for a clustered index."));
        }
        let mut columns = if index.columnstore { Vec::new() } else { indexed(table, &index.columns)? };
        if kind == IndexKind::NonclusteredColumnstore {
            for column in &index.columns {
                let column = index_column(table, &column.name)?;
                columns.push(IndexedColumn { column: column.id, descending: false, included: true });
            }
        }
        if kind == IndexKind::ClusteredColumnstore {
            columns = table
                .columns
                .iter()
                .map(|c| IndexedColumn { column: c.id, descending: false, included: true })
                .collect();
        }
        for included in &index.included {
            let of = index_column(table, included)?;
            if matches!(of.column_type.name, "text" | "ntext" | "image") {
                let text = format!(
                    "Column '{included}' in table '{shown}' is of a type that is invalid for use as included column in an index."
                );
                return Err(Message::new(1999, 16, 1, text));
            }
            let column = of.id;
            if columns.iter().any(|c| c.column == column) {
                return Err(twice("index", included));
            }
            columns.push(IndexedColumn { column, descending: false, included: true });
        }
        let filter = match &index.filter {
            Some((filter, text)) => {
                self.check_filter(table, index, filter, shown)?;
                Some((filter.clone(), canonical::of_condition(filter, text)))
            }
            None => None,
        };
        let new = Index {
            id: next_index(table, index.clustered),
            name: index.name.clone(),
            kind,
            unique: index.unique,
            primary: false,
            constraint: false,
            system_named: false,
            object_id: 0,
            columns,
            filter,
        };
        table.indexes.push(new.clone());
        table.indexes.sort_by_key(|i| i.id);
        Ok(new)
    }

    /// Its columns must be there and must not be computed; the grammar has seen to the rest.
    fn check_filter(
        &mut self,
        table: &Table,
        index: &CreateIndex,
        filter: &Predicate,
        shown: &str,
    ) -> Result<(), Message> {
        let mut computed = table.columns.iter().filter(|c| c.computed.is_some());
        if let Some(column) = computed.find(|c| emulator_tsql::mentions(filter, &c.name)) {
            let text = format!(
                "Filtered index '{}' cannot be created on table '{shown}' because the column '{}' in the filter expression is a computed column. Rewrite the filter expression so that it does not include this column.",
                index.name, column.name
            );
            return Err(Message::new(10610, 16, 1, text));
        }
        let (variables, database) = (Variables::default(), self.database()?);
        let mut binder = Binder::new(Arc::clone(self.state), self.ambient, &variables, self.store);
        binder.open_table(&database, &Arc::new(table.clone()), None)?;
        binder.predicate(filter).map(|_| ())
    }

    /// 2601 when two rows that a unique index's filter lets in have one key.
    pub fn check_filtered(&mut self, database: &Database, table: &Table) -> Result<(), Message> {
        for index in table.indexes.iter().filter(|i| i.unique && i.filter.is_some()) {
            if let Some(key) = self.doubled_key(database, table, index)? {
                return Err(duplicate_key(database, table, index, &key));
            }
        }
        Ok(())
    }

    /// A key that two of the rows have which the index lets in.
    fn doubled_key(
        &mut self,
        database: &Database,
        table: &Table,
        index: &Index,
    ) -> Result<Option<Vec<Value>>, Message> {
        let variables = Variables::default();
        let mut binder = Binder::new(Arc::clone(self.state), self.ambient, &variables, self.store);
        let (from, alias) = binder.open_table(database, &Arc::new(table.clone()), None)?;
        let filter = match &index.filter {
            Some((filter, _)) => binder.predicate(filter)?,
            None => "1".to_owned(),
        };
        let binds = std::mem::take(&mut binder.binds);
        let key: Vec<&TableColumn> =
            index.columns.iter().filter(|c| !c.included).filter_map(|c| table.column_by_id(c.column)).collect();
        let items: Vec<String> = key.iter().map(|c| format!("{alias}.c{}", c.id)).collect();
        let items = items.join(", ");
        let sql = format!("SELECT {items} FROM {from} WHERE {filter} GROUP BY {items} HAVING COUNT(*) > 1 LIMIT 1");
        let Some(row) = self.store.query(&sql, &binds, self.cancelled)?.pop() else { return Ok(None) };
        let values = row.into_iter().zip(&key).map(|(value, c)| from_lite(value, c.column_type.sql_type));
        values.collect::<Result<_, _>>().map(Some)
    }

    pub fn drop_index(&mut self, name: &str, on: &ObjectName, if_exists: bool) -> Result<(), Message> {
        let (database, mut table) = self.altered(on, "alter")?;
        let Some(index) = table.indexes.iter().find(|i| same_name(&i.name, name)).cloned() else {
            let text = format!(
                "Cannot drop the index '{}.{name}', because it does not exist or you do not have permission.",
                on.written()
            );
            return if if_exists { Ok(()) } else { Err(Message::new(3701, 11, 7, text)) };
        };
        if index.primary || index.constraint {
            let text = format!(
                "An explicit DROP INDEX is not allowed on index '{}.{name}'. It is being used for PRIMARY KEY constraint enforcement.",
                on.written()
            );
            return Err(Message::new(3723, 16, 4, text));
        }
        if database.references_to(table.id).iter().any(|(_, key)| key.index == index.id) {
            let text = format!(
                "An explicit DROP INDEX is not allowed on index '{}.{name}'. It is being used for FOREIGN KEY constraint enforcement.",
                on.written()
            );
            return Err(Message::new(3723, 16, 6, text));
        }
        if index.unique && index.filter.is_none() {
            self.store.run(&format!("DROP INDEX i{}_{}_{}", database.id, table.id, index.id))?;
        }
        table.indexes.retain(|i| i.id != index.id);
        self.put_table(table)
    }
}

fn index_column<'a>(table: &'a Table, name: &str) -> Result<&'a TableColumn, Message> {
    match table.column(name) {
        Some(column) => Ok(column),
        None if name.starts_with('$') => Err(errors::outside("$ pseudo columns")),
        None => {
            let text = format!("Column name '{name}' does not exist in the target table or view.");
            Err(Message::new(1911, 16, 1, text))
        }
    }
}

/// 1909 for a column that is there twice, 1919 for a type that cannot be a key.
pub(super) fn indexed(table: &Table, columns: &[IndexColumn]) -> Result<Vec<IndexedColumn>, Message> {
    let mut indexed: Vec<IndexedColumn> = Vec::new();
    for column in columns {
        let found = index_column(table, &column.name)?;
        let of = &found.column_type;
        if matches!(of.name, "text" | "ntext" | "image" | "xml" | "geography" | "geometry" | "json")
            || of.max_length == -1
        {
            let text = format!(
                "Column '{}' in table '{}' is of a type that is invalid for use as a key column in an index.",
                column.name, table.name
            );
            return Err(Message::new(1919, 16, 1, text));
        }
        if indexed.iter().any(|other| other.column == found.id) {
            return Err(twice("index", &column.name));
        }
        indexed.push(IndexedColumn { column: found.id, descending: column.descending, included: false });
    }
    Ok(indexed)
}

fn twice(what: &str, column: &str) -> Message {
    let text = format!("Cannot use duplicate column names in {what}. Column name '{column}' listed more than once.");
    Message::new(1909, 16, 1, text)
}

/// The clustered index is number 1, others follow.
pub(super) fn next_index(table: &mut Table, clustered: bool) -> i32 {
    if clustered {
        return 1;
    }
    table.next_index += 1;
    table.next_index - 1
}

fn clustered_index(table: &Table) -> Option<&Index> {
    table.indexes.iter().find(|i| matches!(i.kind, IndexKind::Clustered | IndexKind::ClusteredColumnstore))
}

fn second_clustered(table: &str, there: &str) -> Message {
    let text = format!(
        "Cannot create more than one clustered index on table '{table}'. Drop the existing clustered index '{there}' before creating another."
    );
    Message::new(1902, 16, 3, text)
}
