//! Tables and indexes: their declarations, and the SQLite tables behind them.

use std::sync::Arc;

use super::access::Target;
use super::errors;
use super::permissions::Class;
use super::query::Binder;
use super::rows::Variables;
use super::state::{Database, Index, ObjectKind, PropertyClass, Table, TableColumn, same_name};
use super::types;
use super::work::Work;
use emulator_ground::engine::Message;
use emulator_tsql::ast::{IndexColumn, KeyDefinition, ObjectName, Storage, TableChange, TableElement, TableOptions};
use emulator_tsql::mentions;

pub use columns::declaration;
pub use traits::generated_value;

mod checks;
mod columns;
mod foreign_keys;
mod indexes;
mod traits;

impl Work<'_> {
    /// The schema a new object goes to; CREATE TABLE in the database and ALTER on the schema are both needed.
    pub fn home(&self, name: &ObjectName, permission: &str) -> Result<(Arc<Database>, i32), Message> {
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
        // Nobody makes anything in the server's own.
        let own = ["sys", "INFORMATION_SCHEMA"].iter().any(|own| same_name(own, &schema_name));
        let schema = database.schema(&schema_name).filter(|_| !own).ok_or_else(missing)?.id;
        if !self.state.may(&token, Target::in_database(Class::Schema, database.id, schema), "ALTER") {
            return Err(missing());
        }
        if database.object_named(schema, &name.name).is_some() || database.constraint(schema, &name.name).is_some() {
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
        options: &TableOptions,
    ) -> Result<(), Message> {
        stored_where(storage)?;
        if name.name.starts_with('#') {
            return Err(errors::outside("temporary tables"));
        }
        let (database, schema) = self.home(name, "CREATE TABLE")?;
        let now = self.ambient.now;
        let id = self.change_database()?.new_object_id();
        let mut table = Table::new(id, name.name.clone(), schema, now);
        self.add_elements(&mut table, elements, true)?;
        self.check_settings(&table.indexes, &table, "CREATE TABLE")?;
        if table.columns.is_empty() && options.graph.is_none() {
            return Err(errors::outside("a table without columns"));
        }
        if storage.text_image && !table.columns.iter().any(|c| c.column_type.is_large()) {
            let text = "Cannot use TEXTIMAGE_ON when a table has no text, ntext, image, varchar(max), nvarchar(max), non-FILESTREAM varbinary(max), xml or large CLR type columns.";
            return Err(Message::new(1709, 16, 1, text));
        }
        self.apply_table_options(&mut table, options)?;
        let mut columns: Vec<String> = table.columns.iter().map(declaration).collect();
        if columns.is_empty() {
            columns.push("none".to_owned());
        }
        self.store.run(&format!("CREATE TABLE u{}_{id} ({})", database.id, columns.join(", ")))?;
        for index in &table.indexes {
            self.store_index(database.id, &table, index)?;
        }
        self.change_database()?.tables.insert(id, Arc::new(table));
        Ok(())
    }

    /// `trusted` when every row that is there will be looked at.
    fn add_elements(&mut self, table: &mut Table, elements: &[TableElement], trusted: bool) -> Result<(), Message> {
        let mut keys: Vec<KeyDefinition> = Vec::new();
        let mut checks = Vec::new();
        let mut foreign_keys = Vec::new();
        let mut indexes = Vec::new();
        let mut period = None;
        // 8111: a primary key makes columns NOT NULL of which nothing is said, and no others.
        let mut nullable: Vec<i32> = table.columns.iter().filter(|c| c.nullable).map(|c| c.id).collect();
        for element in elements {
            match element {
                TableElement::Outside(what) => return Err(errors::outside(what)),
                TableElement::Key(key) => keys.push(key.clone()),
                TableElement::Check(check) => checks.push((check, None)),
                TableElement::Index(index) => indexes.push(index),
                TableElement::ForeignKey(key) => foreign_keys.push((key, None)),
                TableElement::Default(default) => self.add_default(table, default)?,
                TableElement::Period { .. } if period.is_some() => return Err(errors::outside("a second period")),
                TableElement::Period { start, end } => period = Some((start, end)),
                TableElement::Column(column) => {
                    for key in &column.keys {
                        let columns = vec![IndexColumn { name: column.name.clone(), descending: false }];
                        keys.push(KeyDefinition { columns, ..key.clone() });
                    }
                    indexes.extend(&column.indexes);
                    foreign_keys.extend(column.foreign_keys.iter().map(|key| (key, Some(column.name.as_str()))));
                    checks.extend(column.checks.iter().map(|check| (check, Some(column.name.as_str()))));
                    self.add_column(table, column)?;
                    nullable.extend(table.columns.last().filter(|_| column.nullable == Some(true)).map(|c| c.id));
                }
            }
        }
        for key in keys {
            self.add_key(table, &key, &nullable)?;
        }
        for index in indexes {
            let shown = table.name.clone();
            self.add_index(table, index, &shown)?;
        }
        for (check, column) in checks {
            self.add_check(table, check, column, trusted)?;
        }
        for (key, column) in foreign_keys {
            self.add_foreign_key(table, key, column, trusted)?;
        }
        if let Some((start, end)) = period {
            let id = |name: &str| {
                let text = format!("Column '{name}' named in PERIOD FOR SYSTEM_TIME does not exist in the table.");
                table.column(name).map(|c| c.id).ok_or_else(|| Message::new(13502, 16, 1, text))
            };
            table.traits.period = Some((id(start)?, id(end)?));
        }
        Ok(())
    }

    /// 3705 where DROP TABLE is said of a view or function.
    fn no_table(&self, name: &ObjectName) -> Option<Message> {
        let database = self.database().ok()?;
        let is = |kind| matches!(kind, ObjectKind::View | ObjectKind::Function);
        let object = self.meant(&database, name).filter(|object| is(object.kind))?;
        self.state
            .sees_object(&self.token(), &database, object.id)
            .then(|| super::modules::other_kind(ObjectKind::Table, object.kind, name))
    }

    fn altered(&mut self, name: &ObjectName, verb: &str) -> Result<(Arc<Database>, Table), Message> {
        let variables = Variables::default();
        let target = Binder::new(Arc::clone(self.state), self.ambient, &variables, self.store).target(name);
        let (database, table) = match target {
            Err(error) if verb == "drop" && error.number != 208 => return Err(self.no_table(name).unwrap_or(error)),
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
        let database = self.change_database()?;
        // What went takes its extended properties along.
        let before = database.tables.get(&table.id).map(|t| t.constraint_ids()).unwrap_or_default();
        let gone: Vec<i32> = before.into_iter().filter(|id| table.constraint_by_id(*id).is_none()).collect();
        database.extended_properties.retain(|p| {
            let of_part = p.is_of_object(table.id) && p.minor != 0;
            let there = match p.class {
                PropertyClass::Index => table.indexes.iter().any(|i| i.id == p.minor),
                _ => table.column_by_id(p.minor).is_some(),
            };
            (there || !of_part) && !gone.iter().any(|id| p.is_of_object(*id))
        });
        database.classifications.retain(|c| c.table != table.id || table.column_by_id(c.column).is_some());
        database.tables.insert(table.id, Arc::new(table));
        Ok(())
    }

    pub fn alter_table(&mut self, name: &ObjectName, change: &TableChange) -> Result<(), Message> {
        let (database, mut table) = self.altered(name, "alter")?;
        let physical = format!("u{}_{}", database.id, table.id);
        if !matches!(change, TableChange::SystemVersioning(None)) {
            self.check_alterable(&table, false)?;
        }
        match change {
            TableChange::SystemVersioning(Some(versioning)) => self.begin_versioning(&mut table, versioning)?,
            TableChange::SystemVersioning(None) => self.end_versioning(&mut table)?,
            TableChange::Enforce { enforced, look_at_rows, names } => {
                self.enforce(&database, &mut table, *enforced, *look_at_rows, names)?;
            }
            TableChange::Add { elements, unchecked } => {
                let before = table.columns.len();
                let indexes: Vec<i32> = table.indexes.iter().map(|i| i.id).collect();
                let (checks, keys) = (table.checks.len(), table.foreign_keys.len());
                self.add_elements(&mut table, elements, !unchecked)?;
                if table.columns[before..].iter().any(|c| c.generated.is_some()) || table.traits.period.is_some() {
                    return Err(errors::outside("adding a period to a table"));
                }
                for column in &table.columns[before..] {
                    self.store.run(&format!("ALTER TABLE {physical} ADD COLUMN {}", declaration(column)))?;
                }
                if table.rows > 0 {
                    self.fill_columns(&database, &mut table, before)?;
                }
                self.check_filtered(&database, &table)?;
                if !unchecked {
                    self.check_rows(&database, &table, &table.checks[checks..], None, "ALTER TABLE")?;
                    self.check_references(&database, &table, &table.foreign_keys[keys..], None, "ALTER TABLE")?;
                }
                let new: Vec<Index> = table.indexes.iter().filter(|i| !indexes.contains(&i.id)).cloned().collect();
                self.check_settings(&new, &table, "ALTER TABLE")?;
                for index in &new {
                    self.store_index(database.id, &table, index)?;
                }
            }
            TableChange::DropColumn { if_exists, names } => {
                for column in
                    names.iter().filter(|name| !if_exists || table.column(name).is_some()).cloned().collect::<Vec<_>>()
                {
                    let column = column.as_str();
                    let id = table.column(column).ok_or_else(|| {
                        Message::new(4924, 16, 1, format!("ALTER TABLE DROP COLUMN failed because column '{column}' does not exist in table '{}'.", table.name))
                    })?.id;
                    let constrained = database.bound_by(table.id, Some(id)).is_some()
                        || table.column_by_id(id).is_some_and(|c| c.default_constraint.is_some())
                        || table.checks.iter().any(|c| mentions(&c.condition, column))
                        || table.foreign_keys.iter().any(|k| k.columns.iter().any(|(mine, _)| *mine == id))
                        || table.columns.iter().any(|c| c.computed.as_ref().is_some_and(|e| mentions(e, column)));
                    if constrained || table.indexes.iter().any(|i| i.columns.iter().any(|c| c.column == id)) {
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
                                "ALTER TABLE DROP COLUMN failed because '{column}' is the only data column in table '{}'. A table must have at least one data column.",
                                table.name
                            ),
                        ));
                    }
                    self.store.run(&format!("ALTER TABLE {physical} DROP COLUMN c{id}"))?;
                    table.columns.retain(|c| c.id != id);
                }
            }
            TableChange::DropConstraint { if_exists, names } => {
                for constraint in names {
                    if table.checks.iter().any(|c| same_name(&c.constraint.name, constraint)) {
                        table.checks.retain(|c| !same_name(&c.constraint.name, constraint));
                        continue;
                    }
                    if table.foreign_keys.iter().any(|k| same_name(&k.constraint.name, constraint)) {
                        table.foreign_keys.retain(|k| !same_name(&k.constraint.name, constraint));
                        continue;
                    }
                    let named = |c: &&mut TableColumn| {
                        c.default_constraint.as_ref().is_some_and(|d| same_name(&d.name, constraint))
                    };
                    if let Some(column) = table.columns.iter_mut().find(named) {
                        (column.default, column.default_constraint) = (None, None);
                        continue;
                    }
                    let index = table
                        .indexes
                        .iter()
                        .find(|i| (i.primary || i.constraint) && same_name(&i.name, constraint))
                        .cloned();
                    let Some(index) = index else {
                        if *if_exists {
                            continue;
                        }
                        return Err(Message::new(3728, 16, 1, format!("'{constraint}' is not a constraint.")));
                    };
                    self.check_unreferenced(&database, &table, &index)?;
                    self.store.run(&format!("DROP INDEX i{}_{}_{}", database.id, table.id, index.id))?;
                    table.indexes.retain(|i| i.id != index.id);
                }
            }
            TableChange::Mask { column, function } => self.change_mask(&mut table, column, function.as_deref())?,
            TableChange::AlterColumn { name, sql_type, nullable } => {
                self.alter_column(
                    &database,
                    &mut table,
                    name,
                    types::declared(sql_type, 1)?,
                    nullable.unwrap_or(true),
                )?;
            }
        }
        self.put_table(table)
    }

    pub fn drop_table(&mut self, name: &ObjectName, if_exists: bool) -> Result<(), Message> {
        let (database, table) = match self.altered(name, "drop") {
            Err(error) if error.number == 3701 && if_exists => return Ok(()),
            other => other?,
        };
        self.check_alterable(&table, true)?;
        super::modules::check_unbound(&database, table.id, "DROP TABLE", name)?;
        if database.policies.values().any(|policy| policy.predicates.iter().any(|p| p.target == table.id)) {
            return Err(errors::outside("dropping a table that a policy without schema binding is about"));
        }
        if database.references_to(table.id).iter().any(|(other, _)| other.id != table.id) {
            let text = format!(
                "Could not drop object '{}' because it is referenced by a FOREIGN KEY constraint.",
                name.written()
            );
            return Err(Message::new(3726, 16, 1, text));
        }
        self.store.run(&format!("DROP TABLE u{}_{}", database.id, table.id))?;
        let database = self.change_database()?;
        database.tables.remove(&table.id);
        let constraints = table.constraint_ids();
        database.classifications.retain(|c| c.table != table.id);
        database
            .extended_properties
            .retain(|p| !p.is_of_object(table.id) && !constraints.iter().any(|id| p.is_of_object(*id)));
        database.permissions.retain(|row| !(row.permission.class == Class::Object && row.major == table.id));
        Ok(())
    }
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
