//! Who may do what: role assignments of workspaces and of connections (fabric-api facts §4.6, §6). They are alike but for
//! their roles.

use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::client::{Call, Client};
use crate::error::Result;
use crate::extensible::extensible;
use crate::gone;
use crate::ids::{ConnectionId, PrincipalId, WorkspaceId};

extensible! {
    /// What a principal may do in a workspace, from all to little.
    WorkspaceRole { Admin, Member, Contributor, Viewer }
}

extensible! {
    /// What a principal may do with a connection, from all to little.
    ConnectionRole {
        /// Use it, change it, delete it, and give roles on it.
        Owner,
        /// Use it, and let others use it.
        UserWithReshare,
        User,
    }
}

extensible! {
    /// A managed identity is a `ServicePrincipal`.
    PrincipalType { User, Group, ServicePrincipal, ServicePrincipalProfile, EntireTenant }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Principal {
    pub id: PrincipalId,
    #[serde(rename = "type")]
    pub kind: PrincipalType,
    /// Of a workspace's assignment that is read, not of one that was just given; never of a connection's.
    #[serde(skip_serializing)]
    pub service_principal_details: Option<ServicePrincipalDetails>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePrincipalDetails {
    /// The application's client id.
    pub aad_app_id: Option<String>,
}

/// A principal's role. The assignment's id was always the principal's (fabric-api facts §11).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RoleAssignment<R> {
    pub id: PrincipalId,
    pub principal: Principal,
    pub role: R,
}

/// What roles are given on.
pub trait RoleScope: Copy + Send + Sync {
    type Role: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync;

    #[doc(hidden)]
    fn path(&self) -> String;
    /// The code with which a principal is refused that the directory does not know.
    #[doc(hidden)]
    const UNKNOWN_PRINCIPAL: &'static str;
}

impl RoleScope for WorkspaceId {
    type Role = WorkspaceRole;
    const UNKNOWN_PRINCIPAL: &'static str = "PrincipalNotFound";

    fn path(&self) -> String {
        format!("workspaces/{self}/roleAssignments")
    }
}

impl RoleScope for ConnectionId {
    type Role = ConnectionRole;
    // Recorded so (fabric-api facts §11): the service says no more.
    const UNKNOWN_PRINCIPAL: &'static str = "UnknownError";

    fn path(&self) -> String {
        format!("connections/{self}/roleAssignments")
    }
}

fn one<S: RoleScope>(scope: S, assignment: PrincipalId) -> String {
    format!("{}/{assignment}", scope.path())
}

impl Client {
    pub async fn roles<S: RoleScope>(&self, scope: S) -> Result<Vec<RoleAssignment<S::Role>>> {
        self.list(Call::get("listing role assignments", scope.path()), "value").await
    }

    pub async fn role<S: RoleScope>(&self, scope: S, assignment: PrincipalId) -> Result<RoleAssignment<S::Role>> {
        self.call(Call::get("reading the role assignment", one(scope, assignment))).await
    }

    /// `None`: the list is without it.
    pub async fn find_role<S: RoleScope>(
        &self,
        scope: S,
        assignment: PrincipalId,
    ) -> Result<Option<RoleAssignment<S::Role>>> {
        gone::found(self.role(scope, assignment).await, self.roles(scope), |role| role.id == assignment).await
    }

    /// A principal has one role on a thing: a second assignment is an error. A principal that was made a moment ago may not
    /// be known yet: it is waited for, up to two minutes.
    pub async fn add_role<S: RoleScope>(
        &self,
        scope: S,
        principal: &Principal,
        role: &S::Role,
    ) -> Result<RoleAssignment<S::Role>> {
        let body = json!({ "principal": principal, "role": role });
        let call = Call::post("assigning the role", scope.path()).awaits_principal(S::UNKNOWN_PRINCIPAL);
        self.call(call.body(&body)).await
    }

    pub async fn change_role<S: RoleScope>(
        &self,
        scope: S,
        assignment: PrincipalId,
        role: &S::Role,
    ) -> Result<RoleAssignment<S::Role>> {
        let call = Call::patch("changing the role", one(scope, assignment)).awaits_principal("PrincipalNotFound");
        self.call(call.body(&json!({ "role": role }))).await
    }

    /// That it is gone already is no error.
    pub async fn remove_role<S: RoleScope>(&self, scope: S, assignment: PrincipalId) -> Result<()> {
        let removed = self.call_for_effect(Call::delete("removing the role", one(scope, assignment))).await;
        gone::deleted(removed, self.roles(scope), |role| role.id == assignment).await
    }
}
