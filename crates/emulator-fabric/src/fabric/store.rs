//! What the Fabric service knows. Times are those of [`emulator_ground::clock::Clock::elapsed`].

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::connection_kinds::ConnectionKind;
use super::data_access_roles::DataAccessRole;
use super::definition::Definition;
use super::error::ApiError;
use super::recoverable_items::RecoverableItem;
use super::roles::{Assignment, ConnectionRole, GatewayRole, WorkspaceRole};
use crate::mirroring::Mirror;
use crate::mirroring::conditions::Login;
use crate::tenant::{self, GatewayKind, Tenant};
use emulator_ground::words::{self, Word};

#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Store {
    pub workspaces: Vec<Workspace>,
    pub connections: Vec<Connection>,
    pub gateways: Vec<Gateway>,
    pub folders: Vec<Folder>,
    pub mirrors: Vec<MirroredDatabase>,
    /// Deleted softly.
    pub recoverable: Vec<RecoverableItem>,
    /// Names of deleted items that are not free yet.
    pub reserved: Vec<ReservedName>,
    pub operations: Vec<Operation>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Workspace {
    pub id: Uuid,
    pub display_name: String,
    pub description: String,
    pub capacity_id: Option<Uuid>,
    /// When the capacity was changed last.
    pub assigned: Option<Duration>,
    pub identity: Option<Identity>,
    pub roles: Vec<Assignment<WorkspaceRole>>,
}

/// No `Debug`: it holds credentials.
#[derive(Clone, Serialize, Deserialize)]
pub struct Connection {
    pub id: Uuid,
    pub display_name: String,
    pub kind: ConnectionKind,
    pub connectivity: Connectivity,
    pub server: String,
    /// The generic SQL connection may leave it out.
    pub database: Option<String>,
    #[serde(deserialize_with = "words::word")]
    pub privacy: Word,
    #[serde(deserialize_with = "words::word")]
    pub encryption: Word,
    pub credential: Credential,
    pub allow_usage_in_gateway: bool,
    pub allow_usage_in_user_code: bool,
    pub created: Duration,
    /// When each principal last gave it to an item, and last had its credentials tried.
    pub bound: BTreeMap<Uuid, Duration>,
    pub used: BTreeMap<Uuid, Duration>,
    pub roles: Vec<Assignment<ConnectionRole>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Connectivity {
    Cloud {
        /// Cloud connections name a gateway of the service's own (facts §4.4).
        virtual_gateway: Uuid,
    },
    VirtualNetwork {
        gateway: Uuid,
    },
    OnPremises {
        gateway: Uuid,
    },
}

/// No `Debug`: it holds secrets.
#[derive(Clone, Serialize, Deserialize)]
pub struct Credential {
    #[serde(deserialize_with = "words::word")]
    pub kind: Word,
    pub login: Login,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MirroredDatabase {
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub display_name: String,
    pub description: String,
    pub created: Duration,
    pub sql_endpoint_id: Uuid,
    /// `None` is the workspace's root.
    pub folder_id: Option<Uuid>,
    #[serde(default)]
    pub sensitivity_label: Option<Uuid>,
    /// Its source's place in [`super::Fabric::instances`].
    pub instance: usize,
    /// Absent after a bare create (facts §11).
    pub definition: Option<Definition>,
    pub mirror: Mirror,
    pub data_access_roles: Vec<DataAccessRole>,
    /// Whose roles do not reach it ([`super::races`]).
    pub hidden_from: Vec<Uuid>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Folder {
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub display_name: String,
    /// `None` is the workspace's root.
    pub parent: Option<Uuid>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReservedName {
    /// Whose name it was.
    pub item: Uuid,
    pub workspace_id: Uuid,
    pub display_name: String,
    pub until: Duration,
}

/// A long-running operation that has succeeded as soon as its time is up; failures are answered at once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Operation {
    pub id: Uuid,
    pub owner: Uuid,
    pub began: Duration,
    pub ends: Duration,
    /// `None` where there is none to ask for.
    pub result: Option<serde_json::Value>,
    /// What Retry-After says while it runs.
    pub retry_after: f64,
}

impl Store {
    pub fn workspace_mut(&mut self, id: Uuid) -> Result<&mut Workspace, ApiError> {
        let found = self.workspaces.iter_mut().find(|workspace| workspace.id == id);
        found.ok_or_else(|| ApiError::not_found("WorkspaceNotFound", "The requested workspace was not found"))
    }

    pub fn new(tenant: &Tenant) -> Self {
        let kind = |id| tenant.directory.find(id).map(|principal| principal.kind);
        let workspaces = tenant.workspaces.iter().map(|workspace| Workspace {
            id: workspace.id,
            display_name: workspace.display_name.clone(),
            description: workspace.description.clone(),
            capacity_id: workspace.capacity_id,
            assigned: None,
            identity: None,
            roles: workspace
                .roles
                .iter()
                .filter_map(|role| {
                    Some(Assignment { principal: role.principal_id, kind: kind(role.principal_id)?, role: role.role })
                })
                .collect(),
        });
        let gateways = tenant.gateways.iter().map(|gateway| Gateway::new(gateway, tenant)).collect();
        Self { workspaces: workspaces.collect(), gateways, ..Self::default() }
    }

    pub fn connection(&self, id: Uuid) -> Option<&Connection> {
        self.connections.iter().find(|connection| connection.id == id)
    }

    /// Notes that somebody gave the connection of a definition to an item.
    pub fn bind(&mut self, definition: Option<&Definition>, by: Uuid, at: Duration) {
        let used = |connection: &&mut Connection| definition.is_some_and(|it| it.connection == connection.id);
        if let Some(connection) = self.connections.iter_mut().find(used) {
            connection.bound.insert(by, at);
        }
    }

    pub fn workspace(&self, id: Uuid) -> Option<&Workspace> {
        self.workspaces.iter().find(|workspace| workspace.id == id)
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Gateway {
    pub id: Uuid,
    pub display_name: String,
    pub details: GatewayDetails,
    pub roles: Vec<Assignment<GatewayRole>>,
    /// Shut down, and not restarted yet.
    pub is_off: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum GatewayDetails {
    VirtualNetwork {
        capacity_id: Option<Uuid>,
        network: VirtualNetwork,
        inactivity_minutes: u32,
        members: MemberCount,
    },
    OnPremises {
        /// The primary one first.
        members: Vec<Member>,
        settings: OnPremisesSettings,
    },
}

/// Which subnet a virtual network gateway is in.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VirtualNetwork {
    pub subscription_id: Uuid,
    pub resource_group_name: String,
    pub virtual_network_name: String,
    pub subnet_name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MemberCount {
    Fixed(u32),
    /// The least and the most.
    Between(u32, u32),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Member {
    pub id: Uuid,
    pub display_name: String,
    pub enabled: bool,
}

impl Gateway {
    fn new(gateway: &tenant::Gateway, tenant: &Tenant) -> Self {
        let details = match gateway.kind {
            GatewayKind::VirtualNetwork => GatewayDetails::VirtualNetwork {
                capacity_id: gateway.capacity_id,
                network: VirtualNetwork {
                    // Derived, so that a scenario need not name what nothing depends on.
                    subscription_id: Uuid::new_v5(&gateway.id, b"subscription"),
                    resource_group_name: "network".to_owned(),
                    virtual_network_name: "instances".to_owned(),
                    subnet_name: "gateways".to_owned(),
                },
                inactivity_minutes: 30,
                members: MemberCount::Fixed(1),
            },
            GatewayKind::OnPremises => {
                let member = |id, name: &String| Member { id, display_name: name.clone(), enabled: true };
                let listed = gateway.members.iter().map(|given| member(given.id, &given.display_name));
                let mut members: Vec<Member> = listed.collect();
                if members.is_empty() {
                    members.push(member(gateway.id, &gateway.display_name));
                }
                GatewayDetails::OnPremises { members, settings: OnPremisesSettings::default() }
            }
        };
        let admin = |id: &Uuid| {
            let kind = tenant.directory.find(*id)?.kind;
            Some(Assignment { principal: *id, kind, role: GatewayRole::Admin })
        };
        let roles = gateway.administrators.iter().filter_map(admin).collect();
        Self { id: gateway.id, display_name: gateway.display_name.clone(), details, roles, is_off: false }
    }
}

impl GatewayDetails {
    /// As the API spells the type.
    pub fn name(&self) -> &'static str {
        match self {
            Self::VirtualNetwork { .. } => "VirtualNetwork",
            Self::OnPremises { .. } => "OnPremises",
        }
    }

    /// Of an on-premises gateway.
    pub fn members(&self) -> Option<&[Member]> {
        match self {
            Self::VirtualNetwork { .. } => None,
            Self::OnPremises { members, .. } => Some(members),
        }
    }

    pub fn members_mut(&mut self) -> Option<&mut Vec<Member>> {
        match self {
            Self::VirtualNetwork { .. } => None,
            Self::OnPremises { members, .. } => Some(members),
        }
    }
}

impl Connectivity {
    pub fn name(self) -> &'static str {
        match self {
            Self::Cloud { .. } => "ShareableCloud",
            Self::VirtualNetwork { .. } => "VirtualNetworkGateway",
            Self::OnPremises { .. } => "OnPremisesGateway",
        }
    }

    pub fn gateway(self) -> Uuid {
        match self {
            Self::Cloud { virtual_gateway } => virtual_gateway,
            Self::VirtualNetwork { gateway } | Self::OnPremises { gateway } => gateway,
        }
    }

    pub fn through_gateway(self) -> bool {
        !matches!(self, Self::Cloud { .. })
    }
}

/// A workspace's identity: there once `ready`, and until `gone`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Identity {
    pub application_id: Uuid,
    pub service_principal_id: Uuid,
    pub ready: Duration,
    pub gone: Option<Duration>,
}

/// What an on-premises gateway's administrator may change.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OnPremisesSettings {
    pub load_balancing_setting: LoadBalancing,
    pub allow_cloud_connection_refresh: bool,
    pub allow_custom_connectors: bool,
}

impl Default for OnPremisesSettings {
    fn default() -> Self {
        let load_balancing_setting = LoadBalancing::Failover;
        Self { load_balancing_setting, allow_cloud_connection_refresh: true, allow_custom_connectors: false }
    }
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub enum LoadBalancing {
    Failover,
    DistributeEvenly,
}
