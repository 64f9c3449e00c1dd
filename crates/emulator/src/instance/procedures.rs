//! System procedures: those of the change feed, as far as a database without its own feed tables can answer.

use super::access::Target;
use super::errors;
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
    /// `name` in lower case without its schema.
    pub fn procedure(&mut self, name: &str, arguments: usize) -> Result<Answer, Message> {
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
                let group = uuid::Uuid::new_v5(&self.instance.ids().identity_object, database.name.as_bytes());
                let rows = database
                    .tables
                    .values()
                    .filter(|t| !t.indexes.iter().any(|i| i.kind == super::state::IndexKind::ClusteredColumnstore))
                    .map(|t| {
                        let id = uuid::Uuid::new_v5(&group, &t.id.to_be_bytes());
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
                    })
                    .collect();
                Ok(Answer { columns: columns(FEED), rows, ..none })
            }
            _ if !database.change_feed => Err(off()),
            "sp_help_change_feed_table" if arguments == 0 => {
                Err(Message::new(22770, 16, 1, "Invalid parameters: both ids or the name of the table are needed."))
            }
            "sp_help_change_feed_table" => Err(errors::outside("sp_help_change_feed_table of a mirrored table")),
            "sp_help_change_feed_table_groups" => {
                let group = uuid::Uuid::new_v5(&self.instance.ids().identity_object, database.name.as_bytes());
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
}
