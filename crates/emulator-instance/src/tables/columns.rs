//! Columns: declared, added to rows that are there, changed.

use std::sync::Arc;

use super::super::errors;
use super::super::query::Binder;
use super::super::rows::Variables;
use super::super::state::{Database, Table, TableColumn};
use super::super::types;
use super::super::work::Work;
use emulator_ground::engine::Message;
use emulator_ground::value::SqlType;
use emulator_tsql::ast::{ColumnDefinition, DefaultDefinition, Expr};
use emulator_tsql::{canonical, mentions};

impl Work<'_> {
    pub(super) fn add_column(&mut self, table: &mut Table, column: &ColumnDefinition) -> Result<(), Message> {
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
            (Some(sql_type), _) => types::declared(sql_type, table.columns.len() + 1)?,
            (None, Some(computed)) => self.computed_type(table, computed)?,
            (None, None) => return Err(errors::internal("a column without type")),
        };
        self.check_column(table, column, &column_type)?;
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
        let collation = column.collation.as_deref().map(super::super::query::collation_name).transpose()?.flatten();
        let id = table.next_column;
        table.next_column += 1;
        let default_constraint = match &column.default {
            Some(value) => {
                let object_id = self.change_database()?.new_object_id();
                let of = default_prefix(&table.name, &column.name);
                let text = canonical::of_expression(value, &column.default_text);
                Some(self.constraint(table, column.default_name.as_deref(), "DF", &of, object_id, &text)?)
            }
            None => None,
        };
        let new = TableColumn {
            id,
            name: column.name.clone(),
            // "The result of most expressions is considered nullable": the page on computed columns.
            nullable: column.nullable.unwrap_or(column.identity.is_none() && !column.keys.iter().any(|k| k.primary))
                && column_type.sql_type != SqlType::RowVersion,
            column_type,
            identity: column.identity,
            not_for_replication: column.not_for_replication,
            default: column.default.clone(),
            fill: column.fill,
            computed: column.computed.clone(),
            computed_definition: column.computed.as_ref().map(|of| canonical::of_expression(of, &column.computed_text)),
            persisted: column.persisted,
            rowguidcol: column.rowguidcol,
            collation,
            default_constraint,
            generated: column.generated,
            hidden: column.hidden,
            masked: column.masked.clone(),
            encryption: column.encrypted.as_ref().map(|e| e.deterministic),
            encryption_key: column.encrypted.as_ref().and_then(|e| self.column_key(&e.key)),
        };
        // CREATE TABLE with a mask needs no right of its own: "Dynamic Data Masking", Permissions.
        if new.masked.is_some() && self.database()?.tables.contains_key(&table.id) {
            self.may_mask()?;
        }
        self.check_protection(&new, column.encrypted.as_ref().map(|e| e.key.as_str()))?;
        table.columns.push(new);
        Ok(())
    }

    /// What one option of a column says against another, or against its type.
    fn check_column(
        &self,
        table: &Table,
        column: &ColumnDefinition,
        column_type: &types::ColumnType,
    ) -> Result<(), Message> {
        let (of, name) = (&table.name, &column.name);
        let refused = |number, text: String| Err(Message::new(number, 16, 1, text));
        if column.computed.is_some()
            && (column.default.is_some()
                || column.identity.is_some()
                || column.collation.is_some()
                || column.rowguidcol)
        {
            return Err(errors::outside("DEFAULT, IDENTITY, COLLATE and ROWGUIDCOL of a computed column"));
        }
        if let [first, second, ..] = column.keys.as_slice() {
            if first.primary != second.primary {
                let text = format!(
                    "Both a PRIMARY KEY and UNIQUE constraint have been defined for column '{name}', table '{of}'. Only one is allowed."
                );
                return refused(8151, text);
            }
            let kind = if first.primary { "PRIMARY KEY" } else { "UNIQUE" };
            let text = format!("More than one column {kind} constraint specified for column '{name}', table '{of}'.");
            return refused(8148, text);
        }
        if column.foreign_keys.len() > 1 {
            return Err(errors::outside("several foreign keys in a column's definition"));
        }
        if let Some((_, step)) = column.identity {
            if !takes_identity(column_type) {
                return Err(not_identity(name));
            }
            if column.nullable == Some(true) {
                return refused(
                    8147,
                    format!("Could not create IDENTITY attribute on nullable column '{name}', table '{of}'."),
                );
            }
            if step == 0 {
                return refused(2753, format!("Identity column '{name}' contains invalid INCREMENT."));
            }
            if column.default.is_some() {
                let text = format!(
                    "Defaults cannot be created on columns with an IDENTITY attribute. Table '{of}', column '{name}'."
                );
                return refused(1754, text);
            }
        }
        if column.default.is_some() && column_type.sql_type == SqlType::RowVersion {
            let text =
                format!("Defaults cannot be created on columns of data type timestamp. Table '{of}', column '{name}'.");
            return refused(1755, text);
        }
        if column.collation.is_some() && !types::is_text(column_type.sql_type) {
            return refused(447, format!("Expression type {} is invalid for COLLATE clause.", column_type.name));
        }
        if column.rowguidcol {
            if column_type.sql_type != SqlType::UniqueIdentifier {
                let text = "The ROWGUIDCOL property can only be specified on the uniqueidentifier data type.";
                return refused(2761, text.to_owned());
            }
            if table.columns.iter().any(|other| other.rowguidcol) {
                return refused(8196, "Duplicate column specified as ROWGUIDCOL.".to_owned());
            }
        }
        Ok(())
    }

    /// `DEFAULT value FOR column` of ALTER TABLE: 1752 where it cannot be, 1781 where there is one.
    pub(super) fn add_default(&mut self, table: &mut Table, default: &DefaultDefinition) -> Result<(), Message> {
        let Some(column) = table.column(&default.column).cloned() else {
            let text = format!(
                "Column '{}' in table '{}' is invalid for creating a default constraint.",
                default.column, table.name
            );
            return Err(Message::new(1752, 16, 0, text));
        };
        if column.default.is_some() {
            return Err(Message::new(1781, 16, 1, "Column already has a DEFAULT bound to it."));
        }
        if column.computed.is_some() || column.identity.is_some() || column.column_type.sql_type == SqlType::RowVersion
        {
            let text = format!(
                "Defaults cannot be created on columns with an IDENTITY attribute. Table '{}', column '{}'.",
                table.name, column.name
            );
            return Err(Message::new(1754, 16, 0, text));
        }
        let object_id = self.change_database()?.new_object_id();
        let of = default_prefix(&table.name, &column.name);
        let text = canonical::of_expression(&default.value, &default.text);
        let constraint = self.constraint(table, default.name.as_deref(), "DF", &of, object_id, &text)?;
        if let Some(column) = table.columns.iter_mut().find(|c| c.id == column.id) {
            (column.default, column.default_constraint) = (Some(default.value.clone()), Some(constraint));
        }
        Ok(())
    }

    /// The type of a computed column is that of its expression over the columns before it.
    pub(super) fn computed_type(&mut self, table: &Table, computed: &Expr) -> Result<types::ColumnType, Message> {
        let variables = Variables::default();
        let database = self.database()?;
        let mut binder = Binder::new(Arc::clone(self.state), self.ambient, &variables, self.store);
        binder.open_table(&database, &Arc::new(table.clone()), None)?;
        let bound = binder.expression(computed)?;
        Ok(types::column_type(bound.sql_type))
    }

    pub(super) fn alter_column(
        &mut self,
        database: &Database,
        table: &mut Table,
        name: &str,
        declared: types::ColumnType,
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
        if old.identity.is_some() && (!takes_identity(&declared) || nullable) {
            return Err(not_identity(name));
        }
        let id = old.id;
        let wider = old.column_type.name == declared.name
            && matches!(declared.name, "varchar" | "nvarchar" | "varbinary")
            && (declared.max_length == -1 || declared.max_length >= old.column_type.max_length);
        let indexes = || table.indexes.iter().filter(|i| i.columns.iter().any(|c| c.column == id));
        let bound_by_index = indexes().any(|i| i.primary || !wider);
        let bound_by_default = old.default.is_some() && old.column_type.name != declared.name;
        let bound_by_key = table.foreign_keys.iter().any(|k| k.columns.iter().any(|(mine, _)| *mine == id))
            || database.references_to(table.id).iter().any(|(_, k)| k.columns.iter().any(|(_, other)| *other == id));
        let bound_by_check = table.checks.iter().any(|c| mentions(&c.condition, name));
        let bound_by_computed = table.columns.iter().any(|c| c.computed.as_ref().is_some_and(|e| mentions(e, name)));
        let bound_by_module = database.bound_by(table.id, Some(id)).is_some();
        if bound_by_index || bound_by_module || bound_by_key || bound_by_default || bound_by_computed || bound_by_check
        {
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
            let rowid = super::super::store::from_lite(rowid, SqlType::BigInt)?;
            let value = super::super::store::from_lite(value, old.column_type.sql_type)?;
            let value = super::super::rows::stored(table, database, &new, &value)?;
            self.store
                .modify(&format!("UPDATE {physical} SET c{id} = ?1 WHERE rowid = ?2"), &[value, rowid])
                .map_err(super::super::store::Refusal::into_message)?;
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
    pub(super) fn fill_columns(&mut self, database: &Database, table: &mut Table, from: usize) -> Result<(), Message> {
        let physical = format!("u{}_{}", database.id, table.id);
        for column in table.columns.get(from..).unwrap_or_default().to_vec() {
            let c = column.id;
            if column.computed.is_some() || (column.nullable && column.identity.is_none() && !column.fill) {
                continue;
            }
            if let Some((seed, step)) = column.identity {
                let number = format!(
                    "{seed} + {step} * (SELECT COUNT(*) FROM {physical} AS b WHERE b.rowid < {physical}.rowid)"
                );
                let of = column.column_type.sql_type;
                let number = super::super::query::coerced(&number, SqlType::BigInt, of);
                let set = format!("UPDATE {physical} SET c{c} = {number}");
                self.store.run(&set)?;
                table.identity = Some(seed + step * (table.rows.cast_signed() - 1));
            } else if let Some(default) = &column.default {
                let value = self.evaluate(default, &Variables::default())?.1;
                let value = super::super::rows::stored(table, database, &column, &value)?;
                let set = format!("UPDATE {physical} SET c{c} = ?1");
                self.store.modify(&set, &[value]).map_err(super::super::store::Refusal::into_message)?;
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
}

/// What a constraint without a name is called after.
fn default_prefix(table: &str, column: &str) -> String {
    format!("{}__{}__", table.chars().take(9).collect::<String>(), column.chars().take(5).collect::<String>())
}

/// int, bigint, smallint, tinyint, and decimal without places: the text of 2749.
fn takes_identity(of: &types::ColumnType) -> bool {
    matches!(of.name, "int" | "bigint" | "smallint" | "tinyint")
        || matches!(of.name, "decimal" | "numeric") && of.scale == 0
}

pub(super) fn not_identity(column: &str) -> Message {
    let text = format!(
        "Identity column '{column}' must be of data type int, bigint, smallint, tinyint, or decimal or numeric with a scale of 0, unencrypted, and constrained to be nonnullable."
    );
    Message::new(2749, 16, 2, text)
}

/// A column of the SQLite table: no type, so that values stay as they were made, and the collation of its texts.
pub fn declaration(column: &TableColumn) -> String {
    let collate = if types::is_text(column.column_type.sql_type) {
        format!(" COLLATE {}", column.collation.as_deref().map_or("CI_AS", super::super::query::collation))
    } else {
        String::new()
    };
    format!("c{}{collate}", column.id)
}
