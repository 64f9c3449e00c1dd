//! Mirrored databases: the item, its definition, and the mirroring that it can start and stop (fabric-api facts §1).

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::client::{Call, Client};
use crate::decode::{empty_is_none, null_is_default};
use crate::definition::{Definition, Envelope};
use crate::error::{ErrorBody, Result};
use crate::extensible::extensible;
use crate::gone;
use crate::ids::{FolderId, ItemId, LabelId, WorkspaceId};

/// The item (facts §1.3). It says nothing of the mirroring itself: that is [`Mirroring`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MirroredDatabase {
    /// Never changes.
    pub id: ItemId,
    /// Unique among the workspace's mirrored databases; at most 123 characters.
    pub display_name: String,
    /// Absent, null and empty mean the same.
    #[serde(default)]
    pub description: Option<String>,
    /// Absent, null and empty mean the workspace's root.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub folder_id: Option<FolderId>,
    #[serde(default)]
    sensitivity_label: Option<SensitivityLabel>,
    /// Absent in the answer to the creation, and while the SQL endpoint is being made.
    #[serde(default)]
    pub properties: Option<Properties>,
}

/// Its key was another until April 2026 (fabric-api facts §11).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct SensitivityLabel {
    #[serde(alias = "sensitivityLabelId", default, deserialize_with = "empty_is_none")]
    id: Option<LabelId>,
}

impl MirroredDatabase {
    /// Where a tenant labels by default, it is missing in the answer to the creation, and there a moment later.
    pub fn sensitivity_label(&self) -> Option<LabelId> {
        self.sensitivity_label.as_ref()?.id
    }
}

/// What the service makes of the item.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Properties {
    /// URL of the folder that holds the tables.
    pub one_lake_tables_path: Option<String>,
    /// The SQL analytics endpoint on the mirror.
    pub sql_endpoint_properties: Option<SqlEndpoint>,
    /// As in the definition.
    pub default_schema: Option<String>,
}

/// A SQL analytics endpoint. It is made within a minute or so of the item.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SqlEndpoint {
    /// How far it is.
    #[serde(default, deserialize_with = "null_is_default")]
    pub provisioning_status: ProvisioningStatus,
    /// Id of its item; once it is there.
    pub id: Option<String>,
    /// Host to connect to; once it is there.
    pub connection_string: Option<String>,
}

extensible! {
    /// How far the making of a SQL endpoint is.
    ProvisioningStatus { InProgress, Success, Failed }
}

extensible! {
    /// The state of a mirror. `Running` says nothing about its tables.
    MirroringStatus {
        /// The SQL endpoint is being made; mirroring cannot be started yet.
        Initializing,
        /// Ready, never started.
        Initialized,
        Starting,
        Running,
        /// After its capacity was paused and resumed. Nothing continues by itself.
        Paused,
        Stopping,
        Stopped,
    }
}

extensible! {
    /// What is mirrored: tables, so far.
    SourceObjectType { Table, View }
}

extensible! {
    /// The state of a table of a mirror (facts §1.7). One that `Failed` may get on by itself, or not.
    TableStatus { Initialized, Snapshotting, Replicating, Reseeding, Stopped, Failed }
}

/// The status of a mirror, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Mirroring {
    /// There is none for failure: that is `error`, or the tables'.
    pub status: MirroringStatus,
    /// What is wrong with the mirror as a whole.
    #[serde(default)]
    pub error: Option<ErrorBody>,
}

/// A table of a mirror, as the service replicates it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MirroredTable {
    /// Described as always there, and left out by the service's samples.
    pub source_object_type: Option<SourceObjectType>,
    /// Its schema in the source.
    pub source_schema_name: Option<String>,
    /// Its name in the source.
    pub source_table_name: Option<String>,
    /// How far it is.
    #[serde(default, deserialize_with = "null_is_default")]
    pub status: TableStatus,
    /// Once its first copy has begun.
    pub metrics: Option<Metrics>,
    /// What is wrong with it.
    pub error: Option<ErrorBody>,
}

/// Counters since the last start: every insert, update and delete counts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metrics {
    /// Bytes.
    #[serde(default, deserialize_with = "null_is_default")]
    pub processed_bytes: i64,
    /// Rows: not how many the table has.
    #[serde(default, deserialize_with = "null_is_default")]
    pub processed_rows: i64,
    /// UTC, as the service writes it.
    pub last_sync_date_time: Option<String>,
    /// Seconds from commit at the source to commit in OneLake; missing where the former is not known.
    pub last_sync_latency_in_seconds: Option<i64>,
}

/// A mirrored database to be made.
#[derive(Clone, Debug)]
pub struct NewMirroredDatabase {
    /// At most 123 characters.
    pub display_name: String,
    /// At most 256 characters.
    pub description: Option<String>,
    /// `None`: the workspace's root.
    pub folder_id: Option<FolderId>,
    /// `None`: what the tenant's policy says.
    pub sensitivity_label: Option<LabelId>,
    /// What is mirrored: an item without cannot be made.
    pub definition: Definition,
}

fn item(workspace: WorkspaceId, item: ItemId) -> String {
    format!("workspaces/{workspace}/mirroredDatabases/{item}")
}

impl Client {
    /// Creates the item. Mirroring is not started by it. A name that was a deleted item's is waited for, up to ten minutes.
    ///
    /// # Errors
    /// See [`crate::Error`]. [`crate::Error::AnswerLost`]: it may have been made.
    pub async fn create_mirrored_database(
        &self,
        workspace: WorkspaceId,
        new: &NewMirroredDatabase,
    ) -> Result<MirroredDatabase> {
        let mut body = Map::from_iter([
            ("displayName".to_owned(), json!(new.display_name)),
            ("definition".to_owned(), new.definition.to_envelope()),
        ]);
        if let Some(description) = &new.description {
            body.insert("description".to_owned(), json!(description));
        }
        if let Some(folder) = &new.folder_id {
            body.insert("folderId".to_owned(), json!(folder));
        }
        if let Some(label) = &new.sensitivity_label {
            body.insert("sensitivityLabelSettings".to_owned(), json!({ "labelId": label }));
        }
        let path = format!("workspaces/{workspace}/mirroredDatabases");
        self.call(Call::post("creating the mirrored database", path).body(&Value::Object(body))).await
    }

    /// # Errors
    /// See [`crate::Error`]; one that [`crate::Error::may_mean_gone`] does not prove it.
    pub async fn mirrored_database(&self, workspace: WorkspaceId, id: ItemId) -> Result<MirroredDatabase> {
        self.call(Call::get("reading the mirrored database", item(workspace, id))).await
    }

    /// `None`: the workspace's list, which holds those in folders too, is without it.
    ///
    /// # Errors
    /// See [`crate::Error`].
    pub async fn find_mirrored_database(&self, workspace: WorkspaceId, id: ItemId) -> Result<Option<MirroredDatabase>> {
        let read = self.mirrored_database(workspace, id).await;
        gone::found(read, self.mirrored_databases(workspace), |item| item.id == id).await
    }

    /// All of a workspace, those in folders too.
    ///
    /// # Errors
    /// See [`crate::Error`].
    pub async fn mirrored_databases(&self, workspace: WorkspaceId) -> Result<Vec<MirroredDatabase>> {
        let path = format!("workspaces/{workspace}/mirroredDatabases");
        self.list(Call::get("listing mirrored databases", path), "value").await
    }

    /// Changes the texts that are given.
    pub async fn rename_mirrored_database(
        &self,
        workspace: WorkspaceId,
        id: ItemId,
        display_name: Option<&str>,
        description: Option<&str>,
    ) -> Result<MirroredDatabase> {
        let texts = [("displayName", display_name), ("description", description)];
        let given = texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), json!(text?))));
        let body = Map::from_iter(given);
        if body.is_empty() {
            return self.mirrored_database(workspace, id).await;
        }
        self.call(Call::patch("changing the mirrored database", item(workspace, id)).body(&body)).await
    }

    /// Moves the item into a folder of its workspace; `None` is the root.
    pub async fn move_item(&self, workspace: WorkspaceId, item: ItemId, target: Option<FolderId>) -> Result<()> {
        // The root has no id: it is what is meant when none is there.
        let target = target.map(|folder| ("targetFolderId".to_owned(), json!(folder)));
        let body = Map::from_iter(target);
        let call = Call::post("moving the item", format!("workspaces/{workspace}/items/{item}/move"));
        self.call_for_effect(call.repeatable().body(&body)).await
    }

    /// `hard`: not kept in the tenant's recycle bin, where there is one. That it is gone already is no error.
    pub async fn delete_mirrored_database(&self, workspace: WorkspaceId, id: ItemId, hard: bool) -> Result<()> {
        let call = Call::delete("deleting the mirrored database", item(workspace, id));
        let deleted = self.call_for_effect(if hard { call.query("hardDelete", "true") } else { call }).await;
        gone::deleted(deleted, self.mirrored_databases(workspace), |item| item.id == id).await
    }

    /// Needs write on the item: a reader may not.
    pub async fn definition(&self, workspace: WorkspaceId, id: ItemId) -> Result<Definition> {
        const OPERATION: &str = "reading the mirrored database's definition";
        let call = Call::ask(OPERATION, format!("{}/getDefinition", item(workspace, id)));
        Definition::from_envelope(OPERATION, &self.call::<Envelope>(call).await?)
    }

    /// Replaces the definition. Connection and default schema can change only in Initialized or Stopped.
    pub async fn change_definition(&self, workspace: WorkspaceId, id: ItemId, definition: &Definition) -> Result<()> {
        let path = format!("{}/updateDefinition", item(workspace, id));
        let body = json!({ "definition": definition.to_envelope() });
        let call = Call::post("changing the mirrored database's definition", path).body(&body);
        self.call_for_effect(call.repeatable()).await
    }

    /// Asks for the start and does not wait for it. Every table is copied again.
    pub async fn start_mirroring(&self, workspace: WorkspaceId, id: ItemId) -> Result<()> {
        let path = format!("{}/startMirroring", item(workspace, id));
        self.call_for_effect(Call::post("starting the mirroring", path)).await
    }

    /// Asks for the stop and does not wait for it.
    pub async fn stop_mirroring(&self, workspace: WorkspaceId, id: ItemId) -> Result<()> {
        let path = format!("{}/stopMirroring", item(workspace, id));
        self.call_for_effect(Call::post("stopping the mirroring", path).repeatable()).await
    }

    /// The status of now.
    ///
    /// # Errors
    /// See [`crate::Error`].
    pub async fn mirroring(&self, workspace: WorkspaceId, id: ItemId) -> Result<Mirroring> {
        let path = format!("{}/getMirroringStatus", item(workspace, id));
        self.call(Call::ask("reading the mirroring status", path)).await
    }

    /// The tables of a mirror; meaningful while it runs.
    pub async fn mirrored_tables(&self, workspace: WorkspaceId, id: ItemId) -> Result<Vec<MirroredTable>> {
        let path = format!("{}/getTablesMirroringStatus", item(workspace, id));
        self.list(Call::ask("reading the tables' mirroring status", path), "data").await
    }
}
