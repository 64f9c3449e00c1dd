//! What the Fabric service knows. Times are those of [`crate::clock::Clock::elapsed`].

use std::time::Duration;

use uuid::Uuid;

use super::connection_kinds::ConnectionKind;
use super::definition::Definition;
use super::roles::{Assignment, ConnectionRole, WorkspaceRole};
use crate::mirroring::Mirror;
use crate::mirroring::conditions::Login;
use crate::scenario::Scenario;

#[derive(Clone, Default)]
pub struct Store {
    pub workspaces: Vec<Workspace>,
    pub connections: Vec<Connection>,
    pub mirrors: Vec<MirroredDatabase>,
    /// Names of deleted items that are not free yet.
    pub reserved: Vec<ReservedName>,
    pub operations: Vec<Operation>,
}

#[derive(Debug, Clone)]
pub struct Workspace {
    pub id: Uuid,
    pub display_name: String,
    pub description: String,
    pub capacity_id: Option<Uuid>,
    pub roles: Vec<Assignment<WorkspaceRole>>,
}

/// No `Debug`: it holds credentials.
#[derive(Clone)]
pub struct Connection {
    pub id: Uuid,
    pub display_name: String,
    pub kind: ConnectionKind,
    pub connectivity: Connectivity,
    pub server: String,
    /// The generic SQL connection may leave it out.
    pub database: Option<String>,
    pub privacy: &'static str,
    pub encryption: &'static str,
    pub credential: Credential,
    pub allow_usage_in_gateway: bool,
    pub allow_usage_in_user_code: bool,
    pub created: Duration,
    pub roles: Vec<Assignment<ConnectionRole>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connectivity {
    Cloud {
        /// Cloud connections name a gateway of the service's own (facts §4.4).
        virtual_gateway: Uuid,
    },
    VirtualNetwork {
        gateway: Uuid,
    },
}

/// No `Debug`: it holds secrets.
#[derive(Clone)]
pub struct Credential {
    pub kind: &'static str,
    pub login: Login,
}

#[derive(Debug, Clone)]
pub struct MirroredDatabase {
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub display_name: String,
    pub description: String,
    pub created: Duration,
    pub sql_endpoint_id: Uuid,
    /// Its source's place in [`super::Fabric::instances`].
    pub instance: usize,
    /// Absent after a bare create (facts §11).
    pub definition: Option<Definition>,
    pub mirror: Mirror,
}

#[derive(Debug, Clone)]
pub struct ReservedName {
    pub workspace_id: Uuid,
    pub display_name: String,
    pub until: Duration,
}

/// A long-running operation that has succeeded as soon as its time is up; failures are answered at once.
#[derive(Debug, Clone)]
pub struct Operation {
    pub id: Uuid,
    pub owner: Uuid,
    pub began: Duration,
    pub ends: Duration,
    pub result: serde_json::Value,
}

impl Store {
    pub fn new(scenario: &Scenario) -> Self {
        let kind = |id| scenario.directory.find(id).map(|principal| principal.kind);
        let workspaces = scenario.workspaces.iter().map(|workspace| Workspace {
            id: workspace.id,
            display_name: workspace.display_name.clone(),
            description: workspace.description.clone(),
            capacity_id: workspace.capacity_id,
            roles: workspace
                .roles
                .iter()
                .filter_map(|role| {
                    Some(Assignment { principal: role.principal_id, kind: kind(role.principal_id)?, role: role.role })
                })
                .collect(),
        });
        Self { workspaces: workspaces.collect(), ..Self::default() }
    }

    pub fn connection(&self, id: Uuid) -> Option<&Connection> {
        self.connections.iter().find(|connection| connection.id == id)
    }

    pub fn workspace(&self, id: Uuid) -> Option<&Workspace> {
        self.workspaces.iter().find(|workspace| workspace.id == id)
    }
}

impl Connectivity {
    pub fn name(self) -> &'static str {
        match self {
            Self::Cloud { .. } => "ShareableCloud",
            Self::VirtualNetwork { .. } => "VirtualNetworkGateway",
        }
    }

    pub fn gateway(self) -> Uuid {
        match self {
            Self::Cloud { virtual_gateway } => virtual_gateway,
            Self::VirtualNetwork { gateway } => gateway,
        }
    }

    pub fn through_gateway(self) -> bool {
        matches!(self, Self::VirtualNetwork { .. })
    }
}
