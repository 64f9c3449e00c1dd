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

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MirroredDatabase {
    pub id: ItemId,
    pub display_name: String,
    /// Absent, null and empty mean the same.
    #[serde(default)]
    pub description: Option<String>,
    /// Absent, null and empty mean the workspace's root.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub folder_id: Option<FolderId>,
    #[serde(default)]
    sensitivity_label: Option<SensitivityLabel>,
    /// Absent in the answer to the creation.
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

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Properties {
    pub one_lake_tables_path: Option<String>,
    pub sql_endpoint_properties: Option<SqlEndpoint>,
    pub default_schema: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SqlEndpoint {
    #[serde(default, deserialize_with = "null_is_default")]
    pub provisioning_status: ProvisioningStatus,
    pub id: Option<String>,
    pub connection_string: Option<String>,
}

extensible! {
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
    SourceObjectType { Table, View }
}

extensible! {
    TableStatus { Initialized, Snapshotting, Replicating, Reseeding, Stopped, Failed }
}

/// The status of a mirror, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Mirroring {
    pub status: MirroringStatus,
    #[serde(default)]
    pub error: Option<ErrorBody>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MirroredTable {
    /// Described as always there, and left out by the service's samples.
    pub source_object_type: Option<SourceObjectType>,
    pub source_schema_name: Option<String>,
    pub source_table_name: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub status: TableStatus,
    pub metrics: Option<Metrics>,
    pub error: Option<ErrorBody>,
}

/// Counters since the last start: every insert, update and delete counts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metrics {
    #[serde(default, deserialize_with = "null_is_default")]
    pub processed_bytes: i64,
    #[serde(default, deserialize_with = "null_is_default")]
    pub processed_rows: i64,
    /// UTC, as the service writes it.
    pub last_sync_date_time: Option<String>,
    /// From commit at the source to commit in OneLake; missing where the former is not known.
    pub last_sync_latency_in_seconds: Option<i64>,
}

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
    pub definition: Definition,
}

fn item(workspace: WorkspaceId, item: ItemId) -> String {
    format!("workspaces/{workspace}/mirroredDatabases/{item}")
}

impl Client {
    /// Creates the item. Mirroring is not started by it.
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

    pub async fn mirrored_database(&self, workspace: WorkspaceId, id: ItemId) -> Result<MirroredDatabase> {
        self.call(Call::get("reading the mirrored database", item(workspace, id))).await
    }

    /// `None`: the workspace's list, which holds those in folders too, is without it.
    pub async fn find_mirrored_database(&self, workspace: WorkspaceId, id: ItemId) -> Result<Option<MirroredDatabase>> {
        let read = self.mirrored_database(workspace, id).await;
        gone::found(read, self.mirrored_databases(workspace), |item| item.id == id).await
    }

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
        let call = Call::post(OPERATION, format!("{}/getDefinition", item(workspace, id))).repeatable();
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

    pub async fn mirroring(&self, workspace: WorkspaceId, id: ItemId) -> Result<Mirroring> {
        let path = format!("{}/getMirroringStatus", item(workspace, id));
        self.call(Call::post("reading the mirroring status", path).repeatable()).await
    }

    /// The tables of a mirror; meaningful while it runs.
    pub async fn mirrored_tables(&self, workspace: WorkspaceId, id: ItemId) -> Result<Vec<MirroredTable>> {
        let path = format!("{}/getTablesMirroringStatus", item(workspace, id));
        self.list(Call::post("reading the tables' mirroring status", path).repeatable(), "data").await
    }
}
