//! The change feed's own procedures, as far as a database without its own feed tables can answer.

use std::sync::Arc;

use uuid::Uuid;

use super::super::access::Target;
use super::super::errors;
use super::super::state::{Database, IndexKind, Table, same_name};
use super::super::work::Work;
use super::answer::{Answer, columns};
use emulator_ground::engine::Message;
use emulator_ground::value::{SqlType, Value};

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

impl Work<'_> {
    /// CONTROL of the database, or 22702.
    fn may_see_feed(&self) -> Result<Arc<Database>, Message> {
        let database = self.database()?;
        if !self.state.may(&self.token(), Target::database(database.id), "CONTROL") {
            return Err(Message::new(
                22702,
                16,
                1,
                "Caller is not authorized to initiate the requested action. CONTROL permission is required.",
            ));
        }
        Ok(database)
    }

    fn with_feed(&self) -> Result<Arc<Database>, Message> {
        let database = self.may_see_feed()?;
        if database.change_feed { Ok(database) } else { Err(feed_is_off(&database)) }
    }

    /// Error and rows come together when the feed is off.
    pub(super) fn help_change_feed(&self) -> Result<Answer, Message> {
        let database = self.may_see_feed()?;
        if !database.change_feed {
            let message = Some(feed_is_off(&database));
            return Ok(Answer { columns: columns(FEED), message, status: 1, ..Answer::default() });
        }
        let fed = database.tables.values().filter(|t| is_fed(t));
        let rows = fed.map(|t| self.feed_row(&database, t)).collect();
        Ok(Answer { columns: columns(FEED), rows, ..Answer::default() })
    }

    pub(super) fn help_change_feed_table(&self, arguments: &[Value]) -> Result<Answer, Message> {
        let database = self.with_feed()?;
        let table = self.fed_table(&database, arguments)?;
        Ok(Answer { columns: columns(FEED), rows: vec![self.feed_row(&database, &table)], ..Answer::default() })
    }

    pub(super) fn help_change_feed_table_groups(&self) -> Result<Answer, Message> {
        let database = self.with_feed()?;
        let row = vec![
            Value::Guid(self.feed_group(&database)),
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
        Ok(Answer { columns: columns(&FEED[..10]), rows: vec![row], ..Answer::default() })
    }

    pub(super) fn help_change_feed_settings(&self) -> Result<Answer, Message> {
        self.with_feed()?;
        let row = vec![Value::Int(500), Value::Bytes(vec![0; 10]), Value::Int(0), Value::Int(5), Value::Int(0)];
        Ok(Answer { columns: columns(SETTINGS), rows: vec![row], ..Answer::default() })
    }

    pub(super) fn disable_change_feed(&mut self) -> Result<Answer, Message> {
        self.with_feed()?;
        self.change_database()?.change_feed = false;
        Ok(Answer::default())
    }

    fn feed_group(&self, database: &Database) -> Uuid {
        Uuid::new_v5(&self.ambient.instance.identity_object, database.name.as_bytes())
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
                let text = "Could not return results, please provide table_group_id and table_id or source_schema and source_name";
                return Err(Message::new(22770, 16, 1, text));
            }
        };
        found.cloned().ok_or_else(|| {
            Message::new(22769, 16, 1, "Could not find table group or table with the provided table_group_id/table_id or source_schema/source_name")
        })
    }
}

fn is_fed(table: &Table) -> bool {
    !table.indexes.iter().any(|i| i.kind == IndexKind::ClusteredColumnstore)
}

fn feed_id(group: Uuid, table: &Table) -> Uuid {
    Uuid::new_v5(&group, &table.id.to_be_bytes())
}

fn feed_is_off(database: &Database) -> Message {
    let text = format!(
        "The database '{}' is not enabled for change feed. Ensure that the correct database context is set and retry the operation.",
        database.name
    );
    Message::new(22706, 16, 1, text)
}
