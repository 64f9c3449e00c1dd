//! A mirrored database's definition: `mirroring.json`, base64 inside an envelope of parts (fabric-api facts §2).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::connections::SQL_MANAGED_INSTANCE;
use crate::decode::null_is_default;
use crate::error::{Error, Result};
use crate::ids::ConnectionId;

const PART: &str = "mirroring.json";

/// What is mirrored, and how it is laid out. Properties this type does not know are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Definition {
    /// Where the rows come from.
    pub source: Source,
    /// How they are laid out in OneLake.
    pub target: Target,
    /// `None`: every table, and new ones as they appear.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mounted_tables: Option<Vec<MountedTable>>,
    /// What this type does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Where the rows come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// `AzureSqlMI` for ours.
    #[serde(rename = "type")]
    pub kind: String,
    /// Null where a source of another kind has none.
    #[serde(default, deserialize_with = "null_is_default")]
    pub type_properties: SourceProperties,
    /// What this type does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// What belongs to the kind of source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SourceProperties {
    /// How Fabric reaches it; the database is the connection's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<ConnectionId>,
    /// What this type does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// How the rows are laid out in OneLake.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// `MountedRelationalDatabase`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What belongs to that kind.
    pub type_properties: TargetProperties,
    /// What this type does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Layout and retention.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetProperties {
    /// `Delta`.
    pub format: String,
    /// Set: the source's schemas are kept. Not set: they are folded into table names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_schema: Option<String>,
    /// Days for which files of older versions are kept, 1 to 30. The documents disagree about the default: always sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_in_days: Option<i64>,
    /// Delta's change data feed of the tables in OneLake, which is billed. `None`: off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_delta_change_data_feed: Option<bool>,
    /// What this type does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A table that is listed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MountedTable {
    /// Which it is.
    pub source: MountedSource,
    /// What this type does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Which table is listed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MountedSource {
    /// Its name.
    pub type_properties: TableName,
    /// What this type does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A table of the source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TableName {
    /// Its schema; empty where the source has none.
    #[serde(default, deserialize_with = "null_is_default")]
    pub schema_name: String,
    /// Its name within the schema.
    #[serde(default, deserialize_with = "null_is_default")]
    pub table_name: String,
}

impl Definition {
    /// The definition of a mirror of a SQL Managed Instance database: of all tables, their files kept so many days (1 to 30).
    pub fn new(connection: ConnectionId, default_schema: Option<String>, retention_in_days: i64) -> Self {
        Self {
            source: Source {
                kind: SQL_MANAGED_INSTANCE.to_owned(),
                type_properties: SourceProperties { connection: Some(connection), other: Map::new() },
                other: Map::new(),
            },
            target: Target {
                kind: "MountedRelationalDatabase".to_owned(),
                type_properties: TargetProperties {
                    format: "Delta".to_owned(),
                    default_schema,
                    retention_in_days: Some(retention_in_days),
                    enable_delta_change_data_feed: None,
                    other: Map::new(),
                },
                other: Map::new(),
            },
            mounted_tables: None,
            other: Map::new(),
        }
    }

    /// Mirrors exactly these tables; `None` all of them. What else is said of one that stays is kept.
    #[must_use]
    pub fn with_tables(mut self, tables: Option<Vec<TableName>>) -> Self {
        let mut before = self.mounted_tables.take().unwrap_or_default();
        self.mounted_tables = tables.map(|tables| {
            let mount = |table: TableName| match before.iter().position(|it| it.source.type_properties == table) {
                Some(place) => before.swap_remove(place),
                None => MountedTable {
                    source: MountedSource { type_properties: table, other: Map::new() },
                    other: Map::new(),
                },
            };
            tables.into_iter().map(mount).collect()
        });
        self
    }

    /// The tables that are listed, if any are.
    pub fn tables(&self) -> Option<Vec<&TableName>> {
        let tables = self.mounted_tables.as_ref()?;
        Some(tables.iter().map(|table| &table.source.type_properties).collect())
    }

    pub(crate) fn to_envelope(&self) -> Value {
        let payload = serde_json::json!({ "properties": self }).to_string();
        serde_json::json!({
            "parts": [{ "path": PART, "payload": STANDARD.encode(payload), "payloadType": "InlineBase64" }],
        })
    }

    pub(crate) fn from_envelope(operation: &'static str, envelope: &Envelope) -> Result<Self> {
        let unreadable = |cause: String| Error::Decode { operation, cause: format!("{PART}: {cause}") };
        let part = envelope.definition.parts.iter().find(|part| part.path == PART);
        let part = part.ok_or_else(|| unreadable("the definition has no such part".to_owned()))?;
        let payload = STANDARD.decode(&part.payload).map_err(|error| unreadable(error.to_string()))?;
        let Wrapped { properties } = serde_json::from_slice(&payload).map_err(|error| unreadable(error.to_string()))?;
        Ok(properties)
    }
}

#[derive(Deserialize)]
struct Wrapped {
    properties: Definition,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Envelope {
    definition: Parts,
}

#[derive(Debug, Deserialize)]
struct Parts {
    parts: Vec<Part>,
}

#[derive(Debug, Deserialize)]
struct Part {
    path: String,
    payload: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONNECTION: &str = "11111111-2222-3333-4444-555555555555";

    fn envelope(json: &str) -> Envelope {
        let parts = serde_json::json!({ "definition": { "parts": [
            { "path": ".platform", "payload": "e30=", "payloadType": "InlineBase64" },
            { "path": PART, "payload": STANDARD.encode(json), "payloadType": "InlineBase64" },
        ] } });
        serde_json::from_value(parts).unwrap()
    }

    #[test]
    fn what_is_sent_is_what_the_documents_describe() {
        let table = TableName { schema_name: "dbo".into(), table_name: "Orders".into() };
        let definition =
            Definition::new(CONNECTION.parse().unwrap(), Some("dbo".into()), 7).with_tables(Some(vec![table]));
        assert_eq!(
            serde_json::to_value(&definition).unwrap(),
            serde_json::json!({
                "source": { "type": "AzureSqlMI", "typeProperties": { "connection": CONNECTION } },
                "target": {
                    "type": "MountedRelationalDatabase",
                    "typeProperties": { "format": "Delta", "defaultSchema": "dbo", "retentionInDays": 7 },
                },
                "mountedTables": [
                    { "source": { "typeProperties": { "schemaName": "dbo", "tableName": "Orders" } } },
                ],
            })
        );
    }

    #[test]
    fn properties_nobody_here_knows_survive_a_round_trip() {
        let json = format!(
            "{{ \"properties\": {{ \"source\": {{ \"type\": \"AzureSqlMI\", \"typeProperties\": {{ \"connection\": \
             \"{CONNECTION}\", \"database\": \"Sales\" }} }},\r\n  \"target\": {{ \"type\": \
             \"MountedRelationalDatabase\", \"typeProperties\": {{ \"format\": \"Delta\", \
             \"enableDeltaChangeDataFeed\": true }}, \"later\": 2 }}, \"later\": 1 }} }}"
        );
        let read = Definition::from_envelope("test", &envelope(&json)).unwrap();
        assert_eq!(read.tables(), None);
        let sent: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), sent["properties"]);
    }

    #[test]
    fn a_mirror_of_another_kind_is_read_for_what_it_is() {
        let json = r#"{ "properties": { "source": { "type": "GenericMirror", "typeProperties": null },
            "target": { "type": "MountedRelationalDatabase", "typeProperties": { "format": "Delta" } },
            "mountedTables": [{ "source": { "typeProperties": { "tableName": "t" } } }] } }"#;
        let read = Definition::from_envelope("test", &envelope(json)).unwrap();
        assert_eq!((read.source.kind.as_str(), read.source.type_properties.connection), ("GenericMirror", None));
        assert_eq!(read.tables().unwrap()[0].schema_name, "");
    }
}
