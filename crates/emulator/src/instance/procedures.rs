//! System procedures: those of the change feed, as far as a database without its own feed tables can answer.

use std::sync::Arc;

use uuid::Uuid;

use super::access::Target;
use super::errors;
use super::state::{Database, IndexKind, Table, same_name};
use super::work::Work;
use crate::engine::Message;
use crate::value::Column;
use crate::value::{SqlType, Value};

pub struct Answer {
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Value>>,
    /// Comes before the rows: an error of these procedures does not always end them.
    pub message: Option<Message>,
    pub status: i32,
}

pub fn is_known(name: &str) -> bool {
    matches!(
        name,
        "sp_help_change_feed"
            | "sp_help_change_feed_table"
            | "sp_help_change_feed_table_groups"
            | "sp_help_change_feed_settings"
            | "sp_change_feed_disable_db"
    )
}

/// A procedure's parameters by position.
fn parameters(name: &str) -> &'static [&'static str] {
    match name {
        "sp_help_change_feed_table" => &["@table_group_id", "@table_id", "@source_schema", "@source_name"],
        _ => &[],
    }
}

/// One value per parameter of the procedure, NULL where none was given.
///
/// # Errors
/// 8144 for too many, 8145 for a name it does not have.
pub fn bind(procedure: &str, given: &[(Option<String>, Value)]) -> Result<Vec<Value>, Message> {
    let known = parameters(procedure);
    let mut values = vec![Value::Null; known.len()];
    for (i, (name, value)) in given.iter().enumerate() {
        let at = match name {
            Some(name) => known.iter().position(|k| k.eq_ignore_ascii_case(name)).ok_or_else(|| {
                Message::new(8145, 16, 1, format!("{name} is not a parameter for procedure {procedure}."))
            })?,
            None => i,
        };
        let slot = values.get_mut(at).ok_or_else(|| {
            let text = format!("Procedure or function {procedure} has too many arguments specified.");
            Message::new(8144, 16, 2, text)
        })?;
        *slot = value.clone();
    }
    Ok(values)
}

const FEED: &[(&str, SqlType)] = &[
    ("table_group_id", SqlType::UniqueIdentifier),
    ("table_group_name", SqlType::NVarChar(Some(140))),
    ("destination_location", SqlType::NVarChar(Some(512))),
    ("destination_credential", SqlType::NVarChar(Some(128))),
    ("destination_type", SqlType::Int),
    ("workspace_id", SqlType::NVarChar(Some(247))),
    ("synapse_workgroup_name", SqlType::NVarChar(Some(50))),
    ("enabled", SqlType::Bit),
    ("max_message_size_bytes", SqlType::Int),
    ("partition_scheme", SqlType::NVarChar(Some(50))),
    ("schema_name", SqlType::NVarChar(Some(128))),
    ("table_name", SqlType::NVarChar(Some(128))),
    ("table_id", SqlType::UniqueIdentifier),
    ("table_object_id", SqlType::Int),
    ("state", SqlType::TinyInt),
    ("version", SqlType::Binary(10)),
    ("enable_lsn", SqlType::Binary(10)),
    ("disable_lsn", SqlType::Binary(10)),
    ("snapshot_phase", SqlType::TinyInt),
    ("snapshot_current_phase_time", SqlType::DateTime),
    ("snapshot_retry_count", SqlType::Int),
    ("snapshot_start_time", SqlType::DateTime),
    ("snapshot_end_time", SqlType::DateTime),
    ("snapshot_row_count", SqlType::Int),
];
const SETTINGS: &[(&str, SqlType)] = &[
    ("maxtrans", SqlType::Int),
    ("seqno", SqlType::Binary(10)),
    ("schema_version", SqlType::Int),
    ("pollinterval", SqlType::Int),
    ("reseed_state", SqlType::TinyInt),
];

fn columns(of: &[(&str, SqlType)]) -> Vec<Column> {
    of.iter()
        .map(|(name, sql_type)| Column {
            name: (*name).to_owned(),
            sql_type: *sql_type,
            nullable: true,
            identity: false,
        })
        .collect()
}

impl Work<'_> {
    /// `name` in lower case without its schema, `arguments` as [`bind`] puts them.
    pub fn procedure(&mut self, name: &str, arguments: &[Value]) -> Result<Answer, Message> {
        let database = self.database()?;
        if !self.state.may(&self.token(), Target::database(database.id), "CONTROL") {
            return Err(Message::new(
                22702,
                16,
                1,
                "Caller is not authorized to initiate the requested action. CONTROL permission is required.",
            ));
        }
        let off = || {
            Message::new(
                22706,
                16,
                1,
                format!(
                    "The database '{}' is not enabled for change feed. Ensure that the correct database context is set and retry the operation.",
                    database.name
                ),
            )
        };
        let none = Answer { columns: Vec::new(), rows: Vec::new(), message: None, status: 0 };
        match name {
            // Error and rows come together when the feed is off.
            "sp_help_change_feed" if !database.change_feed => {
                Ok(Answer { columns: columns(FEED), message: Some(off()), status: 1, ..none })
            }
            "sp_help_change_feed" => {
                let rows =
                    database.tables.values().filter(|t| is_fed(t)).map(|t| self.feed_row(&database, t)).collect();
                Ok(Answer { columns: columns(FEED), rows, ..none })
            }
            _ if !database.change_feed => Err(off()),
            "sp_help_change_feed_table" => {
                let table = self.fed_table(&database, arguments)?;
                Ok(Answer { columns: columns(FEED), rows: vec![self.feed_row(&database, &table)], ..none })
            }
            "sp_help_change_feed_table_groups" => {
                let group = self.feed_group(&database);
                let row = vec![
                    Value::Guid(group),
                    Value::Text(format!("{}_mirror", database.name)),
                    Value::Null,
                    Value::Null,
                    Value::Int(2),
                    Value::Null,
                    Value::Null,
                    Value::Bit(true),
                    Value::Null,
                    Value::Null,
                ];
                Ok(Answer { columns: columns(&FEED[..10]), rows: vec![row], ..none })
            }
            "sp_help_change_feed_settings" => {
                let row = vec![Value::Int(500), Value::Bytes(vec![0; 10]), Value::Int(0), Value::Int(5), Value::Int(0)];
                Ok(Answer { columns: columns(SETTINGS), rows: vec![row], ..none })
            }
            _ => {
                self.change_database()?.change_feed = false;
                Ok(none)
            }
        }
    }

    fn feed_group(&self, database: &Database) -> Uuid {
        Uuid::new_v5(&self.instance.ids().identity_object, database.name.as_bytes())
    }

    fn feed_row(&self, database: &Database, t: &Table) -> Vec<Value> {
        let group = self.feed_group(database);
        let id = feed_id(group, t);
        vec![
            Value::Guid(group),
            Value::Text(format!("{}_mirror", database.name)),
            Value::Null,
            Value::Null,
            Value::Int(2),
            Value::Null,
            Value::Null,
            Value::Bit(true),
            Value::Null,
            Value::Null,
            Value::Text(database.schema_name(t.schema).to_owned()),
            Value::Text(t.name.clone()),
            Value::Guid(id),
            Value::Int(t.id.into()),
            Value::Int(4),
            Value::Bytes(vec![0; 10]),
            Value::Bytes(vec![0; 10]),
            Value::Null,
            Value::Int(6),
            Value::Null,
            Value::Int(0),
            Value::Null,
            Value::Null,
            Value::Int(t.rows.cast_signed()),
        ]
    }

    /// The table both ids, or schema and name, speak of: 22770 without them, 22769 when it is not fed.
    fn fed_table(&self, database: &Database, arguments: &[Value]) -> Result<Arc<Table>, Message> {
        let text = |value: &Value| if let Value::Text(text) = value { Some(text.clone()) } else { None };
        let guid = |value: &Value| match value {
            Value::Guid(guid) => Some(*guid),
            Value::Text(text) => Uuid::try_parse(text).ok(),
            _ => None,
        };
        let [group, table, schema, name] = arguments else { return Err(errors::internal("a procedure's arguments")) };
        let mut fed = database.tables.values().filter(|t| is_fed(t));
        let found = match ((guid(group), guid(table)), (text(schema), text(name))) {
            ((Some(group), Some(table)), _) => {
                fed.find(|t| group == self.feed_group(database) && table == feed_id(group, t))
            }
            (_, (Some(schema), Some(name))) => {
                fed.find(|t| same_name(&t.name, &name) && same_name(database.schema_name(t.schema), &schema))
            }
            _ => {
                let text = "Invalid parameters: both ids or the name of the table are needed.";
                return Err(Message::new(22770, 16, 1, text));
            }
        };
        found.cloned().ok_or_else(|| {
            Message::new(22769, 16, 1, "The table does not exist or is not enabled for the change feed.")
        })
    }
}

fn is_fed(table: &Table) -> bool {
    !table.indexes.iter().any(|i| i.kind == IndexKind::ClusteredColumnstore)
}

fn feed_id(group: Uuid, table: &Table) -> Uuid {
    Uuid::new_v5(&group, &table.id.to_be_bytes())
}
