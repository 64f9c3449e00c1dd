//! Workspaces, and the capacities they run on (fabric-api facts §6).

use serde::Deserialize;

use crate::client::{Call, Client};
use crate::decode::empty_is_none;
use crate::error::Result;
use crate::extensible::extensible;
use crate::ids::{CapacityId, WorkspaceId};

/// A workspace.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workspace {
    /// Never changes.
    pub id: WorkspaceId,
    /// At most 256 characters.
    pub display_name: String,
    /// Absent, null and empty mean the same.
    #[serde(default)]
    pub description: Option<String>,
    /// `None`: the workspace runs on no capacity, and nothing can be mirrored into it.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub capacity_id: Option<CapacityId>,
    #[serde(default)]
    pub capacity_region: Option<String>,
    /// Of a workspace that is read by its id, never in a list.
    #[serde(default)]
    pub workspace_identity: Option<WorkspaceIdentity>,
}

/// Who a workspace is in Entra.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceIdentity {
    /// Client id.
    pub application_id: Option<String>,
    /// Object id of its enterprise application.
    pub service_principal_id: Option<String>,
}

/// A capacity: what workspaces run on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Capacity {
    /// Fabric's id.
    pub id: CapacityId,
    /// As its administrator called it.
    pub display_name: String,
    /// Such as `F2`.
    pub sku: String,
    /// Whether anything works that runs on it.
    pub state: CapacityState,
}

extensible! {
    /// Whether a capacity is on. A paused one is `Inactive`.
    CapacityState { Active, Inactive }
}

impl Client {
    /// Every workspace that the caller has a role in.
    ///
    /// # Errors
    /// See [`crate::Error`].
    pub async fn workspaces(&self) -> Result<Vec<Workspace>> {
        self.list(Call::get("listing workspaces", "workspaces".into()), "value").await
    }

    /// # Errors
    /// See [`crate::Error`]. `WorkspaceNotFound` does not tell a workspace that is gone from one that is hidden.
    pub async fn workspace(&self, id: WorkspaceId) -> Result<Workspace> {
        self.call(Call::get("reading the workspace", format!("workspaces/{id}"))).await
    }

    /// Needs a role on the capacity itself: a workspace's administrator may not see it. `None`: not there, or not visible.
    ///
    /// # Errors
    /// See [`crate::Error`].
    pub async fn capacity(&self, id: CapacityId) -> Result<Option<Capacity>> {
        let all: Vec<Capacity> = self.list(Call::get("listing capacities", "capacities".into()), "value").await?;
        Ok(all.into_iter().find(|capacity| capacity.id == id))
    }
}
