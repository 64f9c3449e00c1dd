//! What a column takes, and what refuses a row.

use std::collections::BTreeSet;

use super::super::errors::{self, invalid_column};
use super::super::state::{Database, Index, LedgerKind, Table, TableColumn, Temporal};
use super::super::store::{Refusal, to_lite};
use super::super::types;
use super::super::work::Work;
use emulator_ground::engine::Message;
use emulator_ground::value::{SqlType, Value};

pub(super) fn named_columns(table: &Table, columns: &[String], identity_insert: bool) -> Result<Vec<i32>, Message> {
    if columns.is_empty() && identity_insert {
        let text = format!(
            "An explicit value for the identity column in table '{}' can only be specified when a column list is used and IDENTITY_INSERT is ON.",
            table.name
        );
        return Err(Message::new(8101, 16, 1, text));
    }
    if columns.is_empty() {
        let skip = |c: &&TableColumn| {
            c.computed.is_none() && !c.hidden && c.column_type.sql_type != SqlType::RowVersion && c.identity.is_none()
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
            return Err(named_twice(name));
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

impl Work<'_> {
    /// 1934: filtered indexes and those on computed columns want QUOTED_IDENTIFIER. (The other settings are never off.)
    pub fn check_settings(&self, indexes: &[Index], table: &Table, verb: &str) -> Result<(), Message> {
        let computed = |id| table.column_by_id(id).is_some_and(|c| c.computed.is_some());
        let wants = |index: &Index| index.filter.is_some() || index.columns.iter().any(|c| computed(c.column));
        if self.ambient.settings.quoted_identifiers || !indexes.iter().any(wants) {
            return Ok(());
        }
        let text = format!(
            "{verb} failed because the following SET options have incorrect settings: 'QUOTED_IDENTIFIER'. Verify that SET options are correct for use with indexed views and/or indexes on computed columns and/or filtered indexes and/or query notifications and/or XML data type methods and/or spatial index operations."
        );
        Err(Message::new(1934, 16, 1, text))
    }
}

/// History tables are the server's to fill, append-only ledgers keep what they have, graph tables are outside.
pub(super) fn check_takes_rows(database: &Database, table: &Table, verb: &str) -> Result<(), Message> {
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
    // Numbers are not cut.
    let of_no_text = match value {
        Value::Int(_) => Some(SqlType::BigInt),
        Value::Decimal { scale, .. } => Some(SqlType::Decimal { precision: 38, scale: *scale }),
        Value::Float(_) => Some(SqlType::Float),
        Value::Guid(_) => Some(SqlType::UniqueIdentifier),
        _ => None,
    };
    if let Some(from) = of_no_text.filter(|_| types::is_text(sql_type)) {
        return types::convert_from(value, from, sql_type, 0);
    }
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
    types::convert(value, sql_type, 0)
}

pub(super) fn rowversion(table: &mut Table) -> Value {
    table.next_rowversion += 1;
    Value::Bytes(table.next_rowversion.to_be_bytes().to_vec())
}

/// What SQLite refused, in the server's words.
pub(super) fn duplicate(refusal: Refusal, database: &Database, table: &Table, values: &[Value]) -> Message {
    let text = match refusal {
        Refusal::Message(message) => return message,
        Refusal::Duplicate(text) => text,
    };
    let refused: BTreeSet<&str> =
        text.rsplit(": ").next().unwrap_or("").split(", ").filter_map(|c| c.rsplit('.').next()).collect();
    let stored: Vec<i32> = table.columns.iter().filter(|c| c.computed.is_none()).map(|c| c.id).collect();
    let keys = |index: &&Index| {
        index.unique
            && index.filter.is_none()
            && index.columns.iter().filter(|c| !c.included).map(|c| format!("c{}", c.column)).collect::<BTreeSet<_>>()
                == refused.iter().map(|c| (*c).to_owned()).collect()
    };
    let Some(index) = table.indexes.iter().find(keys) else { return errors::internal(text) };
    let key: Vec<Value> = index
        .columns
        .iter()
        .filter_map(|c| values.get(stored.iter().position(|id| *id == c.column)?).cloned())
        .collect();
    duplicate_key(database, table, index, &key)
}

/// As messages show a key.
pub fn shown_key(key: &[Value]) -> String {
    let shown = key.iter().map(|v| match types::convert(v, SqlType::NVarChar(None), 0) {
        Ok(Value::Text(text)) => text,
        _ => "<NULL>".into(),
    });
    shown.collect::<Vec<String>>().join(", ")
}

/// 2627 for a constraint, 2601 for an index.
pub fn duplicate_key(database: &Database, table: &Table, index: &Index, key: &[Value]) -> Message {
    let shown = format!("{}.{}", database.schema_name(table.schema), table.name);
    let key = shown_key(key);
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
pub(super) fn size(value: &Value) -> u64 {
    if let Value::Decimal { .. } = value {
        return 8;
    }
    match to_lite(value) {
        rusqlite::types::Value::Null => 1,
        rusqlite::types::Value::Integer(_) | rusqlite::types::Value::Real(_) => 8,
        rusqlite::types::Value::Text(text) => 2 * text.len() as u64,
        rusqlite::types::Value::Blob(bytes) => bytes.len() as u64,
    }
}

pub(super) fn named_twice(column: &str) -> Message {
    let text = format!(
        "The column name '{column}' is specified more than once in the SET clause or column list of an INSERT. A column cannot be assigned more than one value in the same clause. Modify the clause to make sure that a column is updated only once. If this statement updates or inserts columns into a view, column aliasing can conceal the duplication in your code."
    );
    Message::new(264, 16, 1, text)
}
