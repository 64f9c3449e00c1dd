//! Workspaces, who may do what in them, and the capacities they run on (fabric-api facts §6).

use serde::{Deserialize, Serialize};

use crate::client::{Call, Client};
use crate::error::Result;
use crate::extensible::extensible;
use crate::gone;
use crate::ids::{CapacityId, PrincipalId, WorkspaceId};

/// A workspace.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workspace {
    /// Never changes.
    pub id: WorkspaceId,
    /// At most 256 characters.
    pub display_name: String,
    /// `None`: the workspace runs on no capacity, and nothing can be mirrored into it.
    pub capacity_id: Option<CapacityId>,
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

extensible! {
    /// What a principal may do in a workspace, from all to little.
    WorkspaceRole { Admin, Member, Contributor, Viewer }
}

extensible! {
    /// What a principal is. A managed identity is a `ServicePrincipal`.
    PrincipalType { User, Group, ServicePrincipal, ServicePrincipalProfile, EntireTenant }
}

/// A principal of the tenant's directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Principal {
    /// Its object id.
    pub id: PrincipalId,
    /// What it is. The service corrects a wrong word by itself.
    #[serde(rename = "type")]
    pub kind: PrincipalType,
    /// Of applications and managed identities, in answers.
    #[serde(skip_serializing)]
    pub service_principal_details: Option<ServicePrincipalDetails>,
}

/// What is known of an application besides.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePrincipalDetails {
    /// The application's client id.
    pub aad_app_id: Option<String>,
}

/// A principal's role. The assignment's id was always the principal's (fabric-api facts §11).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RoleAssignment {
    /// What it is changed and removed by.
    pub id: PrincipalId,
    /// Who has the role.
    pub principal: Principal,
    /// The role: a principal has one.
    pub role: WorkspaceRole,
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

    /// Every role in a workspace; at most 1,000. Needs the role Member.
    ///
    /// # Errors
    /// See [`crate::Error`].
    pub async fn workspace_roles(&self, workspace: WorkspaceId) -> Result<Vec<RoleAssignment>> {
        let path = format!("workspaces/{workspace}/roleAssignments");
        self.list(Call::get("listing the workspace's role assignments", path), "value").await
    }

    /// Needs the role Member.
    ///
    /// # Errors
    /// See [`crate::Error`]; one that [`crate::Error::may_mean_gone`] does not prove it.
    pub async fn workspace_role(&self, workspace: WorkspaceId, assignment: PrincipalId) -> Result<RoleAssignment> {
        let path = format!("workspaces/{workspace}/roleAssignments/{assignment}");
        self.call(Call::get("reading the workspace's role assignment", path)).await
    }

    /// `None`: the workspace's list is without it.
    ///
    /// # Errors
    /// See [`crate::Error`].
    pub async fn find_workspace_role(
        &self,
        workspace: WorkspaceId,
        assignment: PrincipalId,
    ) -> Result<Option<RoleAssignment>> {
        let read = self.workspace_role(workspace, assignment).await;
        gone::found(read, self.workspace_roles(workspace), |role| role.id == assignment).await
    }

    /// A principal has one role: a second assignment is `PrincipalAlreadyHasWorkspaceRolePermissions`. One that was made
    /// a moment ago may not be known yet: it is waited for, up to two minutes. Needs the role Member.
    ///
    /// # Errors
    /// See [`crate::Error`]. [`crate::Error::AnswerLost`]: it may have been assigned.
    pub async fn add_workspace_role(
        &self,
        workspace: WorkspaceId,
        principal: &Principal,
        role: &WorkspaceRole,
    ) -> Result<RoleAssignment> {
        let path = format!("workspaces/{workspace}/roleAssignments");
        let body = serde_json::json!({ "principal": principal, "role": role });
        self.call(Call::post("assigning the workspace role", path).awaits_principal().body(&body)).await
    }

    /// Gives another role. Needs the role Admin.
    ///
    /// # Errors
    /// See [`crate::Error`]. The last administrator stays one.
    pub async fn change_workspace_role(
        &self,
        workspace: WorkspaceId,
        assignment: PrincipalId,
        role: &WorkspaceRole,
    ) -> Result<RoleAssignment> {
        let path = format!("workspaces/{workspace}/roleAssignments/{assignment}");
        let body = serde_json::json!({ "role": role });
        self.call(Call::patch("changing the workspace role", path).awaits_principal().body(&body)).await
    }

    /// That it is gone already is no error. Needs the role Admin.
    ///
    /// # Errors
    /// See [`crate::Error`]. The last administrator stays one.
    pub async fn remove_workspace_role(&self, workspace: WorkspaceId, assignment: PrincipalId) -> Result<()> {
        let path = format!("workspaces/{workspace}/roleAssignments/{assignment}");
        let removed = self.call_for_effect(Call::delete("removing the workspace role", path)).await;
        gone::deleted(removed, self.workspace_roles(workspace), |role| role.id == assignment).await
    }
}
