//! What the tenant is, and what Fabric holds at the beginning. The scenario says it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::entra::Directory;
use crate::fabric::roles::WorkspaceRole;
use crate::rest::Rest;

/// The directory and the capacities stay as they are; of the rest the API makes more, and changes it.
#[derive(Debug, Clone)]
pub struct Tenant {
    pub directory: Directory,
    pub rest: Rest,
    pub capacities: Vec<Capacity>,
    pub workspaces: Vec<Workspace>,
    pub gateways: Vec<Gateway>,
}

/// Where an instance is reached, and which identity writes for it.
#[derive(Debug, Clone)]
pub struct Host {
    /// Of the instance: the first label of its host names.
    pub name: String,
    /// Of the VNet-local endpoint (port 1433).
    pub private: String,
    /// Of the public endpoint (port 3342); `None` where that is off.
    pub public: Option<String>,
    /// Object id of the system-assigned identity.
    pub identity: Uuid,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    pub id: Uuid,
    pub display_name: String,
    #[serde(default = "f2")]
    pub sku: String,
    #[serde(default = "north_europe")]
    pub region: String,
    /// Who may see it.
    #[serde(default)]
    pub administrators: Vec<Uuid>,
}

pub fn f2() -> String {
    "F2".to_owned()
}

pub fn north_europe() -> String {
    "North Europe".to_owned()
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Workspace {
    pub id: Uuid,
    pub display_name: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub capacity_id: Option<Uuid>,
    #[serde(default)]
    pub roles: Vec<Role>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    pub principal_id: Uuid,
    pub role: WorkspaceRole,
}

/// A data gateway. fabric-api facts §5.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    pub id: Uuid,
    #[serde(default, rename = "type")]
    pub kind: GatewayKind,
    pub display_name: String,
    #[serde(default)]
    pub administrators: Vec<Uuid>,
    /// Of a virtual network gateway.
    #[serde(default)]
    pub capacity_id: Option<Uuid>,
    /// Of an on-premises gateway, the primary one first, whose id is the gateway's; left out, that one alone.
    #[serde(default)]
    pub members: Vec<GatewayMember>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
pub enum GatewayKind {
    #[default]
    VirtualNetwork,
    /// Clients encrypt credentials for it; each member has a key, made at start.
    OnPremises,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayMember {
    pub id: Uuid,
    pub display_name: String,
}
