//! Keys and indexes.

use super::super::errors;
use super::super::state::{Index, IndexKind, IndexedColumn, Table, same_name};
use super::super::work::Work;
use super::stored_where;
use crate::engine::Message;
use crate::tsql::ast::{CreateIndex, IndexColumn, KeyDefinition, ObjectName};

impl Work<'_> {
    pub(super) fn add_key(&mut self, table: &mut Table, key: &KeyDefinition) -> Result<(), Message> {
        stored_where(&key.storage)?;
        if key.primary && table.indexes.iter().any(|i| i.primary) {
            let text = format!("Table '{}' already has a primary key defined on it.", table.name);
            return Err(Message::new(1779, 16, 0, text));
        }
        let has_clustered =
            table.indexes.iter().any(|i| matches!(i.kind, IndexKind::Clustered | IndexKind::ClusteredColumnstore));
        let clustered = key.clustered.unwrap_or(key.primary && !has_clustered);
        if clustered && has_clustered {
            return Err(Message::new(
                1902,
                16,
                3,
                format!("Cannot create more than one clustered index on table '{}'.", table.name),
            ));
        }
        let columns = indexed(table, &key.columns)?;
        if key.primary {
            for column in &columns {
                if let Some(of) = table.columns.iter_mut().find(|c| c.id == column.column) {
                    of.nullable = false;
                }
            }
        }
        let object_id = self.change_database()?.new_object_id();
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
            object_id,
            columns,
        });
        table.indexes.sort_by_key(|i| i.id);
        Ok(())
    }

    /// A unique index is SQLite's to enforce; others are the catalog's only.
    pub(super) fn store_index(&self, database: i32, table: &Table, index: &Index) -> Result<(), Message> {
        if !index.unique {
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
        stored_where(&index.storage)?;
        let (database, mut table) = self.altered(&index.table, "alter")?;
        if table.indexes.iter().any(|i| same_name(&i.name, &index.name)) {
            let text = format!(
                "The operation failed because an index or statistics with name '{}' already exists on table '{}'.",
                index.name,
                index.table.written()
            );
            return Err(Message::new(1913, 16, 1, text));
        }
        let has_clustered =
            table.indexes.iter().any(|i| matches!(i.kind, IndexKind::Clustered | IndexKind::ClusteredColumnstore));
        if index.clustered && has_clustered {
            return Err(Message::new(
                1902,
                16,
                3,
                format!(
                    "Cannot create more than one clustered index on table '{}'. Drop the existing clustered index before creating another.",
                    index.table.written()
                ),
            ));
        }
        let kind = match (index.clustered, index.columnstore) {
            (true, true) => IndexKind::ClusteredColumnstore,
            (false, true) => IndexKind::NonclusteredColumnstore,
            (true, false) => IndexKind::Clustered,
            (false, false) => IndexKind::Nonclustered,
        };
        let mut columns = indexed(&table, &index.columns)?;
        if kind == IndexKind::ClusteredColumnstore {
            columns = table
                .columns
                .iter()
                .map(|c| IndexedColumn { column: c.id, descending: false, included: true })
                .collect();
        }
        for included in &index.included {
            let column = table.column(included).ok_or_else(|| no_index_column(included))?.id;
            columns.push(IndexedColumn { column, descending: false, included: true });
        }
        let id = next_index(&mut table, index.clustered);
        let new = Index {
            id,
            name: index.name.clone(),
            kind,
            unique: index.unique,
            primary: false,
            constraint: false,
            object_id: 0,
            columns,
        };
        self.store_index(database.id, &table, &new).map_err(|error| {
            if error.number == 50901 && error.text.contains("UNIQUE") {
                Message::new(1505, 16, 1, format!("The CREATE UNIQUE INDEX statement terminated because a duplicate key was found for the object name '{}' and the index name '{}'.", index.table.written(), index.name))
            } else {
                error
            }
        })?;
        table.indexes.push(new);
        table.indexes.sort_by_key(|i| i.id);
        self.put_table(table)
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
        if index.unique {
            self.store.run(&format!("DROP INDEX i{}_{}_{}", database.id, table.id, index.id))?;
        }
        table.indexes.retain(|i| i.id != index.id);
        self.put_table(table)
    }
}

pub(super) fn no_index_column(name: &str) -> Message {
    Message::new(1911, 16, 1, format!("Column name '{name}' does not exist in the target table or view."))
}

pub(super) fn indexed(table: &Table, columns: &[IndexColumn]) -> Result<Vec<IndexedColumn>, Message> {
    columns
        .iter()
        .map(|column| {
            let found = table.column(&column.name).ok_or_else(|| no_index_column(&column.name))?;
            if matches!(found.column_type.name, "text" | "ntext" | "image" | "xml" | "geography" | "geometry" | "json")
            {
                let text = format!(
                    "Column '{}' in table '{}' is of a type that is invalid for use as a key column in an index.",
                    column.name, table.name
                );
                return Err(Message::new(1919, 16, 1, text));
            }
            Ok(IndexedColumn { column: found.id, descending: column.descending, included: false })
        })
        .collect()
}

/// The clustered index is number 1, others follow.
pub(super) fn next_index(table: &mut Table, clustered: bool) -> i32 {
    if clustered {
        return 1;
    }
    table.next_index += 1;
    table.next_index - 1
}
