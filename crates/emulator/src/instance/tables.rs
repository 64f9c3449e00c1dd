//! Tables, indexes, views: their declarations, and the SQLite tables behind them.

use std::sync::Arc;

use super::access::Target;
use super::errors;
use super::permissions::Class;
use super::query::Binder;
use super::rows::Variables;
use super::state::{Database, Index, IndexKind, IndexedColumn, Table, TableColumn, View, same_name};
use super::types;
use super::work::Work;
use crate::engine::Message;
use crate::tsql::ast::{
    ColumnDefinition, CreateIndex, Expr, IndexColumn, KeyDefinition, ObjectName, Query, Storage, TableChange,
    TableElement, ViewChange,
};
use crate::value::SqlType;

impl Work<'_> {
    /// The schema a new object goes to; CREATE TABLE in the database and ALTER on the schema are both needed.
    fn home(&self, name: &ObjectName, permission: &str) -> Result<(Arc<Database>, i32), Message> {
        let database = self.database()?;
        let other = name.database.as_deref().is_some_and(|d| !same_name(d, &database.name));
        if name.server.is_some() || other {
            return Err(errors::outside("creating objects in another database"));
        }
        if !self.may(permission) {
            return Err(errors::database_denied(permission, &database.name));
        }
        let token = self.token();
        let schema_name = match &name.schema {
            Some(schema) => schema.clone(),
            None => {
                let user = token.user.and_then(|u| database.principals.get(&u));
                user.and_then(|u| u.default_schema.clone()).unwrap_or_else(|| "dbo".into())
            }
        };
        let missing = || {
            let text = format!(
                "The specified schema name \"{schema_name}\" either does not exist or you do not have permission to use it."
            );
            Message::new(2760, 16, 1, text)
        };
        let schema = database.schema(&schema_name).ok_or_else(missing)?.id;
        if !self.state.may(&token, Target::in_database(Class::Schema, database.id, schema), "ALTER") {
            return Err(missing());
        }
        if database.table(schema, &name.name).is_some() || database.view(schema, &name.name).is_some() {
            return Err(Message::new(
                2714,
                16,
                6,
                format!("There is already an object named '{}' in the database.", name.name),
            ));
        }
        Ok((database, schema))
    }

    pub fn create_table(
        &mut self,
        name: &ObjectName,
        elements: &[TableElement],
        storage: &Storage,
    ) -> Result<(), Message> {
        stored_where(storage)?;
        if name.name.starts_with('#') {
            return Err(errors::outside("temporary tables"));
        }
        let (database, schema) = self.home(name, "CREATE TABLE")?;
        let now = self.ambient.now;
        let id = self.change_database()?.new_object_id();
        let mut table = Table {
            id,
            name: name.name.clone(),
            schema,
            created: now,
            modified: now,
            columns: Vec::new(),
            indexes: Vec::new(),
            next_column: 1,
            next_index: 2,
            identity: None,
            next_rowversion: 1,
            rows: 0,
            changes: 0,
            bytes: 0,
        };
        self.add_elements(&mut table, elements)?;
        let columns: Vec<String> = table.columns.iter().map(declaration).collect();
        self.store.run(&format!("CREATE TABLE u{}_{id} ({})", database.id, columns.join(", ")))?;
        for index in &table.indexes {
            self.store_index(database.id, &table, index)?;
        }
        self.change_database()?.tables.insert(id, Arc::new(table));
        Ok(())
    }

    fn add_elements(&mut self, table: &mut Table, elements: &[TableElement]) -> Result<(), Message> {
        let mut keys: Vec<KeyDefinition> = Vec::new();
        for element in elements {
            match element {
                TableElement::Outside(what) => return Err(errors::outside(what)),
                TableElement::Key(key) => keys.push(key.clone()),
                TableElement::Column(column) => {
                    for key in &column.keys {
                        let columns = vec![IndexColumn { name: column.name.clone(), descending: false }];
                        keys.push(KeyDefinition { columns, ..key.clone() });
                    }
                    self.add_column(table, column)?;
                }
            }
        }
        if table.columns.is_empty() {
            return Err(Message::new(1750, 16, 1, "A table needs at least one column."));
        }
        for key in keys {
            self.add_key(table, &key)?;
        }
        Ok(())
    }

    fn add_column(&mut self, table: &mut Table, column: &ColumnDefinition) -> Result<(), Message> {
        if let Some(what) = column.outside {
            return Err(errors::outside(what));
        }
        if table.column(&column.name).is_some() {
            let text = format!(
                "Column names in each table must be unique. Column name '{}' in table '{}' is specified more than once.",
                column.name, table.name
            );
            return Err(Message::new(2705, 16, 3, text));
        }
        let column_type = match (&column.sql_type, &column.computed) {
            (Some(sql_type), _) => types::declared(sql_type)?,
            (None, Some(computed)) => self.computed_type(table, computed)?,
            (None, None) => return Err(errors::internal("a column without type")),
        };
        if column.identity.is_some() && !types::is_number(column_type.sql_type) {
            return Err(not_identity(&column.name));
        }
        if column.identity.is_some() && table.columns.iter().any(|c| c.identity.is_some()) {
            return Err(Message::new(
                2744,
                16,
                2,
                format!(
                    "Multiple identity columns specified for table '{}'. Only one identity column per table is allowed.",
                    table.name
                ),
            ));
        }
        if let Some(collation) = column.collation.as_deref().filter(|c| !super::query::known_collation(c)) {
            return Err(Message::new(448, 16, 1, format!("Invalid collation '{collation}'.")));
        }
        let id = table.next_column;
        table.next_column += 1;
        table.columns.push(TableColumn {
            id,
            name: column.name.clone(),
            nullable: column.nullable.unwrap_or(column.identity.is_none() && !column.keys.iter().any(|k| k.primary))
                && column_type.sql_type != SqlType::RowVersion,
            column_type,
            identity: column.identity,
            default: column.default.clone(),
            fill: column.fill,
            computed: column.computed.clone(),
            rowguidcol: column.rowguidcol,
            collation: column.collation.clone(),
        });
        Ok(())
    }

    /// The type of a computed column is that of its expression over the columns before it.
    fn computed_type(&mut self, table: &Table, computed: &Expr) -> Result<super::state::ColumnType, Message> {
        let variables = Variables::default();
        let database = self.database()?;
        let mut binder = Binder::new(Arc::clone(self.state), self.ambient, &variables, self.store);
        binder.open_table(&database, &Arc::new(table.clone()), None)?;
        let bound = binder.expression(computed)?;
        let name = types::name_of(bound.sql_type);
        let known = types::TYPES.iter().find(|t| t.0 == name);
        let max_length = match bound.sql_type {
            SqlType::NVarChar(n) => n.map_or(-1, |n| (n * 2).cast_signed()),
            SqlType::VarChar(n) | SqlType::VarBinary(n) => n.map_or(-1, u16::cast_signed),
            _ => known.map_or(0, |t| t.3),
        };
        let (precision, scale) = match bound.sql_type {
            SqlType::Decimal { precision, scale } => (precision, scale),
            _ => known.map_or((0, 0), |t| (t.4, t.5)),
        };
        Ok(super::state::ColumnType { name, sql_type: bound.sql_type, max_length, precision, scale })
    }

    fn add_key(&mut self, table: &mut Table, key: &KeyDefinition) -> Result<(), Message> {
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
    fn store_index(&self, database: i32, table: &Table, index: &Index) -> Result<(), Message> {
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

    fn altered(&mut self, name: &ObjectName, verb: &str) -> Result<(Arc<Database>, Table), Message> {
        let variables = Variables::default();
        let target = Binder::new(Arc::clone(self.state), self.ambient, &variables, self.store).target(name);
        let (database, table) = match target {
            Err(error) if verb == "drop" && self.view_named(name).is_some() => {
                let _ = error;
                let written = name.written();
                let text =
                    format!("Cannot use DROP TABLE with '{written}' because '{written}' is a view. Use DROP VIEW.");
                return Err(Message::new(3705, 16, 1, text));
            }
            Err(error) if error.number == 208 => {
                let text = format!(
                    "Cannot {verb} the table '{}', because it does not exist or you do not have permission.",
                    name.written()
                );
                let number = if verb == "drop" { 3701 } else { 4902 };
                let text = if number == 4902 {
                    format!(
                        "Cannot find the object \"{}\" because it does not exist or you do not have permissions.",
                        name.written()
                    )
                } else {
                    text
                };
                return Err(Message::new(
                    number,
                    if number == 3701 { 11 } else { 16 },
                    if number == 3701 { 5 } else { 1 },
                    text,
                ));
            }
            other => other?,
        };
        if database.id != self.ambient.database {
            return Err(errors::outside("changing objects of another database"));
        }
        let token = self.token();
        if !self.state.may(&token, Target::in_database(Class::Object, database.id, table.id), "ALTER") {
            let text = format!(
                "Cannot {verb} the table '{}', because it does not exist or you do not have permission.",
                name.written()
            );
            return Err(if verb == "drop" {
                Message::new(3701, 11, 5, text)
            } else {
                Message::new(
                    1088,
                    16,
                    13,
                    format!(
                        "Cannot find the object \"{}\" because it does not exist or you do not have permissions.",
                        name.written()
                    ),
                )
            });
        }
        Ok((database, Table::clone(&table)))
    }

    fn put_table(&mut self, mut table: Table) -> Result<(), Message> {
        table.modified = self.ambient.now;
        self.change_database()?.tables.insert(table.id, Arc::new(table));
        Ok(())
    }

    pub fn alter_table(&mut self, name: &ObjectName, change: &TableChange) -> Result<(), Message> {
        let (database, mut table) = self.altered(name, "alter")?;
        let physical = format!("u{}_{}", database.id, table.id);
        match change {
            TableChange::Add(elements) => {
                let (before, indexes) = (table.columns.len(), table.indexes.len());
                self.add_elements(&mut table, elements)?;
                for column in &table.columns[before..] {
                    self.store.run(&format!("ALTER TABLE {physical} ADD COLUMN {}", declaration(column)))?;
                }
                if table.rows > 0 {
                    self.fill_columns(&database, &mut table, before)?;
                }
                let new: Vec<Index> =
                    table.indexes.iter().filter(|i| i.object_id != 0).skip(indexes).cloned().collect();
                for index in &new {
                    self.store_index(database.id, &table, index)?;
                }
            }
            TableChange::DropColumn(names) => {
                for column in names {
                    let id = table.column(column).ok_or_else(|| {
                        Message::new(4924, 16, 1, format!("ALTER TABLE DROP COLUMN failed because column '{column}' does not exist in table '{}'.", table.name))
                    })?.id;
                    if table.indexes.iter().any(|i| i.columns.iter().any(|c| c.column == id)) {
                        return Err(Message::new(
                            4922,
                            16,
                            9,
                            format!(
                                "ALTER TABLE DROP COLUMN {column} failed because one or more objects access this column."
                            ),
                        ));
                    }
                    if table.columns.len() == 1 {
                        return Err(Message::new(
                            4923,
                            16,
                            1,
                            format!(
                                "ALTER TABLE DROP COLUMN failed because '{column}' is the only data column in table '{}'.",
                                table.name
                            ),
                        ));
                    }
                    self.store.run(&format!("ALTER TABLE {physical} DROP COLUMN c{id}"))?;
                    table.columns.retain(|c| c.id != id);
                }
            }
            TableChange::DropConstraint(names) => {
                for constraint in names {
                    let index = table
                        .indexes
                        .iter()
                        .find(|i| (i.primary || i.constraint) && same_name(&i.name, constraint))
                        .cloned();
                    let Some(index) = index else {
                        return Err(Message::new(3728, 16, 1, format!("'{constraint}' is not a constraint.")));
                    };
                    self.store.run(&format!("DROP INDEX i{}_{}_{}", database.id, table.id, index.id))?;
                    table.indexes.retain(|i| i.id != index.id);
                }
            }
            TableChange::AlterColumn { name, sql_type, nullable } => {
                self.alter_column(&database, &mut table, name, types::declared(sql_type)?, nullable.unwrap_or(true))?;
            }
        }
        self.put_table(table)
    }

    fn alter_column(
        &mut self,
        database: &Database,
        table: &mut Table,
        name: &str,
        declared: super::state::ColumnType,
        nullable: bool,
    ) -> Result<(), Message> {
        let Some(old) = table.column(name).cloned() else {
            let text = format!(
                "ALTER TABLE ALTER COLUMN failed because column '{name}' does not exist in table '{}'.",
                table.name
            );
            return Err(Message::new(4924, 16, 1, text));
        };
        if old.computed.is_some() || old.column_type.sql_type == SqlType::RowVersion {
            let what = if old.computed.is_some() { "COMPUTED" } else { "timestamp" };
            return Err(Message::new(4928, 16, 1, format!("Cannot alter column '{name}' because it is '{what}'.")));
        }
        if old.identity.is_some() && (!types::is_number(declared.sql_type) || nullable) {
            return Err(not_identity(name));
        }
        let id = old.id;
        let wider = old.column_type.name == declared.name
            && matches!(declared.name, "varchar" | "nvarchar" | "varbinary")
            && (declared.max_length == -1 || declared.max_length >= old.column_type.max_length);
        let indexes = || table.indexes.iter().filter(|i| i.columns.iter().any(|c| c.column == id));
        let bound_by_index = indexes().any(|i| i.primary || !wider);
        let bound_by_default = old.default.is_some() && old.column_type.name != declared.name;
        let bound_by_computed = table.columns.iter().any(|c| c.computed.as_ref().is_some_and(|e| mentions(e, name)));
        if bound_by_index || bound_by_default || bound_by_computed {
            let text =
                format!("ALTER TABLE ALTER COLUMN {name} failed because one or more objects access this column.");
            return Err(Message::new(4922, 16, 9, text));
        }
        let stays = indexes().next().is_some();
        let new = TableColumn { column_type: declared, nullable, ..old };
        let physical = format!("u{}_{}", database.id, table.id);
        let rows = self.store.query(&format!("SELECT rowid, c{id} FROM {physical}"), &[], self.cancelled)?;
        if !stays {
            // Its collation is part of SQLite's declaration.
            self.store.run(&format!("ALTER TABLE {physical} RENAME COLUMN c{id} TO old"))?;
            self.store.run(&format!("ALTER TABLE {physical} ADD COLUMN {}", declaration(&new)))?;
        }
        for row in rows {
            let mut cells = row.into_iter();
            let (Some(rowid), Some(value)) = (cells.next(), cells.next()) else { continue };
            let rowid = super::store::from_lite(rowid, SqlType::BigInt)?;
            let value = super::store::from_lite(value, old.column_type.sql_type)?;
            let value = super::rows::stored(table, database, &new, &value)?;
            self.store
                .modify(&format!("UPDATE {physical} SET c{id} = ?1 WHERE rowid = ?2"), &[value, rowid])
                .map_err(super::store::Refusal::into_message)?;
        }
        if !stays {
            self.store.run(&format!("ALTER TABLE {physical} DROP COLUMN old"))?;
        }
        if let Some(column) = table.columns.iter_mut().find(|c| c.id == id) {
            *column = new;
        }
        Ok(())
    }

    /// Values of new columns in the rows that are there: 4901 when there is none for a column without NULL.
    fn fill_columns(&mut self, database: &Database, table: &mut Table, from: usize) -> Result<(), Message> {
        let physical = format!("u{}_{}", database.id, table.id);
        for column in table.columns.get(from..).unwrap_or_default().to_vec() {
            let c = column.id;
            if column.computed.is_some() || (column.nullable && column.identity.is_none() && !column.fill) {
                continue;
            }
            if let Some((seed, step)) = column.identity {
                let set = format!(
                    "UPDATE {physical} SET c{c} = {seed} + {step} * (SELECT COUNT(*) FROM {physical} AS b WHERE b.rowid < {physical}.rowid)"
                );
                self.store.run(&set)?;
                table.identity = Some(seed + step * (table.rows.cast_signed() - 1));
            } else if let Some(default) = &column.default {
                let value = self.evaluate(default, &Variables::default())?.1;
                let value = super::rows::stored(table, database, &column, &value)?;
                let set = format!("UPDATE {physical} SET c{c} = ?1");
                self.store.modify(&set, &[value]).map_err(super::store::Refusal::into_message)?;
            } else if column.column_type.sql_type == SqlType::RowVersion {
                return Err(errors::outside("adding a rowversion column to a table that has rows"));
            } else {
                let text = format!(
                    "ALTER TABLE only allows columns to be added that can contain nulls, or have a DEFAULT definition specified, or the column being added is an identity or timestamp column, or alternatively if none of the previous conditions are satisfied the table must be empty to allow addition of this column. Column '{}' cannot be added to non-empty table '{}' because it does not satisfy these conditions.",
                    column.name, table.name
                );
                return Err(Message::new(4901, 16, 1, text));
            }
        }
        Ok(())
    }

    pub fn drop_table(&mut self, name: &ObjectName, if_exists: bool) -> Result<(), Message> {
        let (database, table) = match self.altered(name, "drop") {
            Err(error) if error.number == 3701 && if_exists => return Ok(()),
            other => other?,
        };
        self.store.run(&format!("DROP TABLE u{}_{}", database.id, table.id))?;
        let database = self.change_database()?;
        database.tables.remove(&table.id);
        database.permissions.retain(|row| !(row.permission.class == Class::Object && row.major == table.id));
        Ok(())
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

    fn view_named(&self, name: &ObjectName) -> Option<Arc<View>> {
        let database = self.database().ok()?;
        let schema = name.schema.as_deref().map_or(Some(1), |s| database.schema(s).map(|s| s.id))?;
        database.view(schema, &name.name).cloned()
    }

    /// CREATE, CREATE OR ALTER and ALTER VIEW; a view that is altered keeps its id and the permissions on it.
    pub fn create_view(
        &mut self,
        name: &ObjectName,
        columns: &[String],
        query: &Query,
        change: ViewChange,
    ) -> Result<(), Message> {
        let old = self.view_named(name).filter(|_| change != ViewChange::Create);
        let schema = match &old {
            Some(old) => {
                let target = Target::in_database(Class::Object, self.ambient.database, old.id);
                if !self.state.may(&self.token(), target, "ALTER") {
                    return Err(no_view(name));
                }
                old.schema
            }
            None if change == ViewChange::Alter => return Err(no_view(name)),
            None => self.home(name, "CREATE VIEW")?.1,
        };
        let variables = Variables::default();
        let compiled = Binder::new(Arc::clone(self.state), self.ambient, &variables, self.store).statement(query)?;
        let names: Vec<String> = if columns.is_empty() {
            compiled.columns.iter().map(|c| c.name.clone()).collect()
        } else {
            columns.to_vec()
        };
        if names.len() != compiled.columns.len() || names.iter().any(String::is_empty) {
            return Err(Message::new(
                4511,
                16,
                1,
                format!(
                    "Create View or Function failed because no column name was specified for column 1 of '{}'.",
                    name.name
                ),
            ));
        }
        let now = self.ambient.now;
        let database = self.change_database()?;
        let (id, created) = match &old {
            Some(old) => (old.id, old.created),
            None => (database.new_object_id(), now),
        };
        let (name, query) = (name.name.clone(), query.clone());
        let view = View { id, name, schema, columns: names, query, created, modified: now };
        database.views.insert(id, Arc::new(view));
        Ok(())
    }

    pub fn drop_view(&mut self, name: &ObjectName, if_exists: bool) -> Result<(), Message> {
        let database = self.database()?;
        let schema = name.schema.as_deref().map_or(Some(1), |s| database.schema(s).map(|s| s.id));
        let view = schema.and_then(|schema| database.view(schema, &name.name).map(|v| v.id));
        let token = self.token();
        let view =
            view.filter(|id| self.state.may(&token, Target::in_database(Class::Object, database.id, *id), "ALTER"));
        let Some(id) = view else {
            let text = format!(
                "Cannot drop the view '{}', because it does not exist or you do not have permission.",
                name.written()
            );
            return if if_exists { Ok(()) } else { Err(Message::new(3701, 11, 5, text)) };
        };
        let database = self.change_database()?;
        database.views.remove(&id);
        database.permissions.retain(|row| !(row.permission.class == Class::Object && row.major == id));
        Ok(())
    }
}

fn not_identity(column: &str) -> Message {
    let text = format!(
        "Identity column '{column}' must be of data type int, bigint, smallint, tinyint, or decimal or numeric with a scale of 0, unencrypted, and constrained to be nonnullable."
    );
    Message::new(2749, 16, 2, text)
}

/// Whether a computed column's expression may read the column: whether its name stands in it at all.
fn mentions(computed: &Expr, column: &str) -> bool {
    format!("{computed:?}").to_lowercase().contains(&format!("name: {:?}", column.to_lowercase()))
}

/// 208 state 6, as ALTER VIEW answers.
fn no_view(name: &ObjectName) -> Message {
    Message::new(208, 16, 6, format!("Invalid object name '{}'.", name.written()))
}

/// A database has one filegroup, PRIMARY, and no partition schemes; options that change how an index behaves are outside.
fn stored_where(storage: &Storage) -> Result<(), Message> {
    let invalid = |what: &str, name: &str| Message::new(1921, 16, 1, format!("Invalid {what} '{name}' specified."));
    let known = |name: &&String| ["primary", "default"].iter().any(|known| same_name(known, name));
    if let Some(scheme) = storage.partition_schemes.first() {
        return Err(invalid("partition scheme", scheme));
    }
    if let Some(filegroup) = storage.filegroups.iter().find(|name| !known(name)) {
        return Err(invalid("filegroup", filegroup));
    }
    storage.outside.as_deref().map_or(Ok(()), |option| Err(errors::outside(&format!("the option {option}"))))
}

fn no_index_column(name: &str) -> Message {
    Message::new(1911, 16, 1, format!("Column name '{name}' does not exist in the target table or view."))
}

fn indexed(table: &Table, columns: &[IndexColumn]) -> Result<Vec<IndexedColumn>, Message> {
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
fn next_index(table: &mut Table, clustered: bool) -> i32 {
    if clustered {
        return 1;
    }
    table.next_index += 1;
    table.next_index - 1
}

/// A column of the SQLite table: no type, so that values stay as they were made, and the collation of its texts.
fn declaration(column: &TableColumn) -> String {
    let collate = if types::is_text(column.column_type.sql_type) {
        format!(" COLLATE {}", column.collation.as_deref().map_or("CI_AS", super::query::collation))
    } else {
        String::new()
    };
    format!("c{}{collate}", column.id)
}
