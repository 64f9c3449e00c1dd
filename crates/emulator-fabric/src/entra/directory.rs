//! The principals of the tenant. Fixed by the scenario; nothing changes them while the emulator runs.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Directory {
    pub tenant_id: Uuid,
    pub principals: Vec<Principal>,
}

/// A user, group or service principal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Principal {
    /// Object id: what role assignments name.
    pub id: Uuid,
    #[serde(rename = "type")]
    pub kind: PrincipalKind,
    pub display_name: String,
    /// Of users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_principal_name: Option<String>,
    /// Application (client) id, of service principals. Never valid where an object id is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_id: Option<Uuid>,
    /// Client secrets of the application, for tests.
    #[serde(default, skip_serializing)]
    pub secrets: Vec<String>,
    /// Certificates (PEM, RSA) of the application, whose keys its assertions are signed with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<String>,
    /// Whose tokens prove that a caller is the application.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub federated_credentials: Vec<FederatedCredential>,
    /// A managed identity of the machine or app that clients run on: its tokens come from
    /// [`super::managed_identity`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_identity: Option<ManagedIdentity>,
    /// Object ids of a group's members.
    #[serde(default)]
    pub members: Vec<Uuid>,
}

/// Tokens of another issuer that are taken for the application. Compared letter by letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FederatedCredential {
    pub issuer: String,
    pub subject: String,
    pub audiences: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManagedIdentity {
    #[serde(rename = "type")]
    pub kind: ManagedIdentityKind,
    /// Id of the resource in Azure Resource Manager: `/subscriptions/…`.
    pub resource_id: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ManagedIdentityKind {
    SystemAssigned,
    UserAssigned,
}

/// Spelled as Fabric spells it: a managed identity is a `ServicePrincipal`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PrincipalKind {
    User,
    Group,
    ServicePrincipal,
}

impl Directory {
    pub fn find(&self, object_id: Uuid) -> Option<&Principal> {
        self.principals.iter().find(|principal| principal.id == object_id)
    }

    pub fn application(&self, app_id: Uuid) -> Option<&Principal> {
        self.principals.iter().find(|principal| principal.app_id == Some(app_id))
    }

    /// The principal itself and every group it is in, directly or through groups.
    pub fn memberships(&self, object_id: Uuid) -> Vec<Uuid> {
        let mut found = vec![object_id];
        let mut next = 0;
        while let Some(&member) = found.get(next) {
            next += 1;
            for group in &self.principals {
                if group.members.contains(&member) && !found.contains(&group.id) {
                    found.push(group.id);
                }
            }
        }
        found
    }
}
