//! What a table can be besides rows: temporal, ledger, graph, memory-optimized; with encrypted and masked columns.
//!
//! Facts: the documentation pages of temporal tables, ledger, graph, In-Memory OLTP, Always Encrypted and dynamic data
//! masking. UNCONFIRMED, all in this place: the instance is of the tier that has In-Memory OLTP; ledger transaction ids
//! are a counter of the table; graph tables show none of their hidden columns and take no rows; ledger views are not made.

use std::sync::Arc;

use super::super::errors;
use super::super::moments;
use super::super::state::{
    ColumnKey, ColumnMasterKey, Database, Index, IndexKind, IndexedColumn, LedgerKind, Table, TableColumn, Temporal,
    same_name,
};
use super::super::types;
use super::super::work::Work;
use super::columns::declaration;
use emulator_ground::engine::Message;
use emulator_ground::value::{SqlType, Value};
use emulator_tsql::ast::{self, Generated, ObjectName, SystemVersioning, TableOptions};

impl Work<'_> {
    /// Options after a table's columns, once the columns and keys are there.
    pub(super) fn apply_table_options(&mut self, table: &mut Table, options: &TableOptions) -> Result<(), Message> {
        if let Some(option) = &options.outside {
            return Err(errors::outside(&format!("the table option {option}")));
        }
        table.traits.graph = options.graph;
        if options.memory_optimized {
            memory_optimized(table, options.schema_only)?;
        }
        check_period(table)?;
        if let Some(ledger) = &options.ledger {
            if !self.may("ENABLE LEDGER") {
                return Err(errors::database_denied("ENABLE LEDGER", &self.database()?.name));
            }
            if ledger.append_only && options.system_versioning.is_some() {
                let text = "SYSTEM_VERSIONING = ON is not allowed with LEDGER = ON and APPEND_ONLY = ON.";
                return Err(Message::new(37367, 16, 1, text));
            }
            table.traits.ledger = if ledger.append_only { LedgerKind::AppendOnly } else { LedgerKind::Updatable };
            ledger_columns(table);
        }
        let updatable = table.traits.ledger == LedgerKind::Updatable;
        match &options.system_versioning {
            Some(versioning) => self.begin_versioning(table, versioning),
            None if updatable => self.begin_versioning(table, &SystemVersioning::default()),
            None => Ok(()),
        }
    }

    /// SYSTEM_VERSIONING = ON: the history table is made, or taken if its columns are the same.
    pub(super) fn begin_versioning(&mut self, table: &mut Table, versioning: &SystemVersioning) -> Result<(), Message> {
        let ledger = table.traits.ledger == LedgerKind::Updatable;
        if table.traits.period.is_none() && !ledger {
            let text = "Cannot set SYSTEM_VERSIONING to ON when SYSTEM_TIME period is not defined and the LEDGER=ON option is not specified.";
            return Err(Message::new(13510, 16, 1, text));
        }
        let database = self.database()?;
        let shown = format!("{}.{}.{}", database.name, database.schema_name(table.schema), table.name);
        if !ledger && !table.indexes.iter().any(|i| i.primary) {
            let text = format!("System versioned temporal table '{shown}' must have primary key defined.");
            return Err(Message::new(13553, 16, 1, text));
        }
        let prefix = if ledger { "MSSQL_LedgerHistoryFor_" } else { "MSSQL_TemporalHistoryFor_" };
        let name = match &versioning.history {
            Some(ObjectName { schema: None, name, .. }) => {
                let text = format!(
                    "Setting SYSTEM_VERSIONING to ON failed because history table '{name}' is not specified in two-part name format."
                );
                return Err(Message::new(13539, 16, 1, text));
            }
            Some(ObjectName { database: Some(_), .. }) => {
                return Err(errors::outside("a history table named by more than two parts"));
            }
            Some(name) => name.clone(),
            None => ObjectName {
                schema: Some(database.schema_name(table.schema).to_owned()),
                ..ObjectName::plain(format!("{prefix}{}", table.id))
            },
        };
        let schema = name.schema.as_deref().and_then(|s| database.schema(s)).map(|s| s.id);
        let old = schema.and_then(|schema| database.table(schema, &name.name)).cloned();
        let history = match old {
            Some(old) => {
                check_history(table, &old, &database)?;
                let mut history = Table::clone(&old);
                history.traits.temporal = if ledger { Temporal::None } else { Temporal::History };
                history
            }
            None => self.new_history(table, &name, ledger)?,
        };
        table.traits.history = Some(history.id);
        if !ledger || table.traits.period.is_some() {
            table.traits.temporal = Temporal::Current;
        }
        self.change_database()?.tables.insert(history.id, Arc::new(history));
        Ok(())
    }

    fn new_history(&mut self, table: &Table, name: &ObjectName, ledger: bool) -> Result<Table, Message> {
        let (database, schema) = self.home(name, "CREATE TABLE")?;
        let now = self.ambient.now;
        let id = self.change_database()?.new_object_id();
        let columns: Vec<TableColumn> = table
            .columns
            .iter()
            .filter(|c| c.computed.is_none())
            .map(|c| TableColumn {
                identity: None,
                default: None,
                default_constraint: None,
                generated: None,
                hidden: false,
                nullable: c.nullable || ledger && c.generated.is_some(),
                ..c.clone()
            })
            .collect();
        let by = if ledger { Generated::TransactionEnd } else { Generated::RowEnd };
        let start = if ledger { Generated::TransactionStart } else { Generated::RowStart };
        let key = [by, start].into_iter().filter_map(|g| table.generated(g)).map(|c| IndexedColumn {
            column: c.id,
            descending: false,
            included: false,
        });
        let clustered = Index {
            id: 1,
            name: format!("ix_{}", name.name),
            kind: IndexKind::Clustered,
            unique: false,
            primary: false,
            constraint: false,
            system_named: false,
            object_id: 0,
            columns: key.collect(),
            filter: None,
        };
        let mut history = Table::new(id, name.name.clone(), schema, now);
        history.next_column = table.next_column;
        history.columns = columns;
        history.indexes = vec![clustered];
        if ledger {
            history.traits.ledger = LedgerKind::History;
        } else {
            history.traits.temporal = Temporal::History;
        }
        let declared: Vec<String> = history.columns.iter().map(declaration).collect();
        self.store.run(&format!("CREATE TABLE u{}_{id} ({})", database.id, declared.join(", ")))?;
        Ok(history)
    }

    /// SYSTEM_VERSIONING = OFF: two ordinary tables.
    pub(super) fn end_versioning(&mut self, table: &mut Table) -> Result<(), Message> {
        let history = table.traits.history.filter(|_| table.traits.temporal == Temporal::Current);
        let Some(history) = history else {
            let text = format!("SYSTEM_VERSIONING is not turned ON for table '{}'.", table.name);
            return Err(Message::new(13591, 16, 1, text));
        };
        if table.traits.ledger != LedgerKind::None {
            return Err(errors::outside("SYSTEM_VERSIONING = OFF of a ledger table"));
        }
        table.traits.temporal = Temporal::None;
        table.traits.history = None;
        if let Some(history) = self.change_database()?.tables.get_mut(&history) {
            Arc::make_mut(history).traits.temporal = Temporal::None;
        }
        Ok(())
    }

    /// What ALTER TABLE and DROP TABLE may not do to tables that are more than rows.
    pub(super) fn check_alterable(&self, table: &Table, drop: bool) -> Result<(), Message> {
        let database = self.database()?;
        let shown = format!("{}.{}.{}", database.name, database.schema_name(table.schema), table.name);
        if drop && table.traits.temporal != Temporal::None {
            let text = format!(
                "Drop table operation failed on table '{shown}' because it is not a supported operation on system-versioned temporal tables."
            );
            return Err(Message::new(13552, 16, 1, text));
        }
        if table.traits.ledger != LedgerKind::None {
            return Err(errors::outside("changing or dropping a ledger table"));
        }
        if table.traits.temporal != Temporal::None {
            return Err(errors::outside("changing a system-versioned table"));
        }
        if !drop && table.traits.memory_optimized {
            return Err(errors::outside("changing a memory-optimized table"));
        }
        Ok(())
    }

    pub fn create_column_master_key(&mut self, key: &ast::ColumnMasterKey) -> Result<(), Message> {
        self.may_make_key("ALTER ANY COLUMN MASTER KEY")?;
        let created = self.ambient.now;
        let database = self.change_database()?;
        if database.column_master_keys.iter().any(|known| same_name(&known.name, &key.name)) {
            return Err(key_exists("master", &key.name));
        }
        database.column_master_keys.push(ColumnMasterKey {
            name: key.name.clone(),
            provider: key.provider.clone(),
            path: key.path.clone(),
            signature: key.signature.clone(),
            created,
        });
        Ok(())
    }

    pub fn create_column_encryption_key(&mut self, name: &str, master: &str) -> Result<(), Message> {
        self.may_make_key("ALTER ANY COLUMN ENCRYPTION KEY")?;
        let created = self.ambient.now;
        let database = self.change_database()?;
        if !database.column_master_keys.iter().any(|known| same_name(&known.name, master)) {
            return Err(errors::cannot("find", "column master key", master));
        }
        if database.column_keys.iter().any(|known| same_name(&known.name, name)) {
            return Err(key_exists("encryption", name));
        }
        database.column_keys.push(ColumnKey { name: name.to_owned(), created });
        Ok(())
    }

    pub(super) fn column_key(&self, name: &str) -> Option<i32> {
        let keys = self.database().ok()?;
        (1i32..).zip(&keys.column_keys).find(|(_, key)| same_name(&key.name, name)).map(|(id, _)| id)
    }

    fn may_make_key(&self, permission: &str) -> Result<(), Message> {
        if self.may(permission) { Ok(()) } else { Err(errors::action_denied()) }
    }

    /// Adding, replacing or removing a mask.
    pub(super) fn may_mask(&self) -> Result<(), Message> {
        if self.may("ALTER ANY MASK") {
            return Ok(());
        }
        Err(errors::database_denied("ALTER ANY MASK", &self.database()?.name))
    }

    /// Columns that Always Encrypted or masking makes special.
    pub(super) fn check_protection(&self, column: &TableColumn, key: Option<&str>) -> Result<(), Message> {
        if let Some(key) = key
            && !self.database()?.column_keys.iter().any(|known| same_name(&known.name, key))
        {
            return Err(errors::cannot("find", "column encryption key", key));
        }
        let deterministic = column.encryption.is_some_and(|deterministic| deterministic);
        let binary = column.collation.as_deref().is_some_and(|c| c.to_ascii_uppercase().ends_with("_BIN2"));
        if deterministic && types::is_text(column.column_type.sql_type) && !binary {
            let text = format!(
                "Cannot create encrypted column '{}', character strings that do not use a *_BIN2 collation cannot be encrypted.",
                column.name
            );
            return Err(Message::new(33289, 16, 38, text));
        }
        if let Some(mask) = &column.masked {
            check_mask(column, mask)?;
        }
        Ok(())
    }
}

impl Work<'_> {
    /// ALTER ANY MASK besides ALTER on the table; 16007 where there is no mask to drop. UNCONFIRMED: 4922 for a column with
    /// dependencies, of which the page says that it fails.
    pub(super) fn change_mask(
        &mut self,
        table: &mut Table,
        column: &str,
        function: Option<&str>,
    ) -> Result<(), Message> {
        let Some(found) = table.column(column).cloned() else {
            let text = format!(
                "ALTER TABLE ALTER COLUMN failed because column '{column}' does not exist in table '{}'.",
                table.name
            );
            return Err(Message::new(4924, 16, 1, text));
        };
        self.may_mask()?;
        let new = TableColumn { masked: function.map(str::to_owned), ..found };
        match (table.column_by_id(new.id).is_some_and(|c| c.masked.is_some()), function) {
            (true, Some(_)) => return Err(errors::outside("ADD MASKED of a column that is masked")),
            (false, None) => {
                let text = format!("The column '{column}' does not have a data masking function.");
                return Err(Message::new(16007, 16, 0, text));
            }
            (_, Some(_)) => {
                self.check_protection(&new, None)?;
                let depends = table.indexes.iter().any(|i| i.columns.iter().any(|c| c.column == new.id))
                    || table
                        .columns
                        .iter()
                        .any(|c| c.computed.as_ref().is_some_and(|e| emulator_tsql::mentions(e, column)));
                if depends {
                    let text = format!(
                        "ALTER TABLE ALTER COLUMN {column} failed because one or more objects access this column."
                    );
                    return Err(Message::new(4922, 16, 9, text));
                }
            }
            (true, None) => {}
        }
        if let Some(column) = table.columns.iter_mut().find(|c| c.id == new.id) {
            *column = new;
        }
        Ok(())
    }
}

fn key_exists(what: &str, name: &str) -> Message {
    let text = format!("The column {what} key '{name}' already exists.");
    Message::new(if what == "master" { 33280 } else { 33281 }, 16, 1, text)
}

/// The functions of the documentation; whatever else is written is refused as outside.
fn check_mask(column: &TableColumn, mask: &str) -> Result<(), Message> {
    let function = mask.split('(').next().unwrap_or("").trim().to_ascii_lowercase();
    let of = column.column_type.sql_type;
    let fits = match function.as_str() {
        "default" => column.encryption.is_none(),
        "email" | "partial" => types::is_text(of),
        "random" => types::is_number(of),
        "datetime" => matches!(
            of,
            SqlType::Date
                | SqlType::DateTime
                | SqlType::DateTime2 { .. }
                | SqlType::SmallDateTime
                | SqlType::DateTimeOffset { .. }
                | SqlType::Time { .. }
        ),
        _ => return Err(errors::outside(&format!("the masking function {mask}"))),
    };
    if !mask.trim_end().ends_with(')') || !fits || column.computed.is_some() {
        let text =
            format!("The data type of column '{}' does not support data masking function '{function}'.", column.name);
        return Err(Message::new(16003, 16, 0, text));
    }
    Ok(())
}

fn memory_optimized(table: &mut Table, schema_only: bool) -> Result<(), Message> {
    if table.indexes.iter().any(|i| i.kind == IndexKind::Clustered) {
        let text = "Clustered indexes, which are the default for primary keys, are not supported with memory optimized tables. Specify a NONCLUSTERED index instead.";
        return Err(Message::new(12317, 16, 1, text));
    }
    let name = &table.name;
    if table.indexes.is_empty() {
        let text = format!("The memory optimized table '{name}' must have at least one index or a primary key.");
        return Err(Message::new(41327, 16, 7, text));
    }
    if !schema_only && !table.indexes.iter().any(|i| i.primary) {
        let text =
            format!("The memory optimized table '{name}' with DURABILITY=SCHEMA_AND_DATA must have a primary key.");
        return Err(Message::new(41321, 16, 7, text));
    }
    (table.traits.memory_optimized, table.traits.schema_only) = (true, schema_only);
    Ok(())
}

/// PERIOD FOR SYSTEM_TIME and the two columns it names.
fn check_period(table: &mut Table) -> Result<(), Message> {
    let (start, end) = (table.generated(Generated::RowStart), table.generated(Generated::RowEnd));
    let Some((first, second)) = &table.traits.period else {
        // Generated columns without a period are refused where they are read.
        return Ok(());
    };
    let missing = |number, which: &str| {
        let text = format!("Temporal 'GENERATED ALWAYS AS {which}' column definition missing.");
        Message::new(number, 16, 1, text)
    };
    let start = start.ok_or_else(|| missing(13504, "ROW START"))?;
    let end = end.ok_or_else(|| missing(13505, "ROW END"))?;
    if start.id != *first || end.id != *second {
        let text = "Period of columns in SYSTEM_TIME does not match the columns generated as row start and row end.";
        return Err(Message::new(13507, 16, 1, text));
    }
    for column in [start, end] {
        if !matches!(column.column_type.sql_type, SqlType::DateTime2 { .. }) {
            let text = format!("Temporal generated always column '{}' has invalid data type.", column.name);
            return Err(Message::new(13501, 16, 3, text));
        }
    }
    let ids = (start.id, end.id);
    for column in table.columns.iter_mut().filter(|c| c.id == ids.0 || c.id == ids.1) {
        column.nullable = false;
    }
    Ok(())
}

/// The columns every ledger table has, hidden, where the statement names none.
fn ledger_columns(table: &mut Table) {
    let wanted: &[(&str, Generated, bool)] = match table.traits.ledger {
        LedgerKind::AppendOnly => &[
            ("ledger_start_transaction_id", Generated::TransactionStart, false),
            ("ledger_start_sequence_number", Generated::SequenceStart, false),
        ],
        _ => &[
            ("ledger_start_transaction_id", Generated::TransactionStart, false),
            ("ledger_end_transaction_id", Generated::TransactionEnd, true),
            ("ledger_start_sequence_number", Generated::SequenceStart, false),
            ("ledger_end_sequence_number", Generated::SequenceEnd, true),
        ],
    };
    for (name, generated, nullable) in wanted {
        if table.generated(*generated).is_some() {
            continue;
        }
        let id = table.next_column;
        table.next_column += 1;
        let column = TableColumn::plain(id, name, types::bigint(), *nullable);
        table.columns.push(TableColumn { generated: Some(*generated), hidden: true, ..column });
    }
}

/// A table that is there already becomes the history: it must have the same columns.
fn check_history(table: &Table, history: &Table, database: &Database) -> Result<(), Message> {
    let shown = |t: &Table| format!("{}.{}.{}", database.name, database.schema_name(t.schema), t.name);
    let own: Vec<&TableColumn> = table.columns.iter().filter(|c| c.computed.is_none()).collect();
    if own.len() != history.columns.len() {
        let text = format!(
            "Setting SYSTEM_VERSIONING to ON failed because table '{}' has {} columns and table '{}' has {} columns.",
            shown(table),
            own.len(),
            shown(history),
            history.columns.len()
        );
        return Err(Message::new(13523, 16, 1, text));
    }
    let same = |a: &TableColumn, b: &TableColumn| {
        a.id == b.id && same_name(&a.name, &b.name) && a.column_type == b.column_type
    };
    if !own.iter().zip(&history.columns).all(|(a, b)| same(a, b)) || history.traits.temporal != Temporal::None {
        return Err(errors::outside("a history table that was not this table's"));
    }
    Ok(())
}

/// What a generated column has in a new row; `None` for a column that is not generated.
pub fn generated_value(column: &TableColumn, table: &Table, now: jiff::Timestamp) -> Option<Value> {
    // The last moment the column's type can hold, cut and not rounded.
    let unit = 10u64.pow(7 - u32::from(column.column_type.scale.min(7)));
    let max = || moments::days(9999, 12, 31).map(|days| (days, moments::TICKS_PER_DAY - unit));
    Some(match column.generated? {
        Generated::RowStart => moments::utc(now),
        Generated::RowEnd => max().map_or(Value::Null, |(days, ticks)| Value::DateTime { days, ticks }),
        Generated::TransactionStart => Value::Int(table.changes.cast_signed() + 1),
        Generated::SequenceStart => Value::Int(0),
        Generated::TransactionEnd | Generated::SequenceEnd => Value::Null,
    })
}
