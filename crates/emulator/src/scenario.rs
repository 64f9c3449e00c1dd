//! The world at the beginning: which tenant, capacity, workspace, instance and databases there are.
//!
//! `--scenario FILE` reads JSON; every key may be left out and then is as in the default scenario, which is
//! [`Scenario::default`] (design.md §5). Unknown keys are refused. The ids are constants, so `POST /reset` keeps them.
//!
//! ```json
//! {
//!   "world": { "documentation": "2025-12", "capacity_state": "Active" },
//!   "rest": { "page_size": 2, "long_running_definitions": true, "name_reserved_s": 240 },
//!   "instance": {
//!     "name": "contoso-mi", "zone": "abc123", "administrator": "…", "administrator_password": "…",
//!     "databases": [ { "name": "Sales", "script": "CREATE TABLE dbo.T (id int PRIMARY KEY);" } ]
//!   },
//!   "directory": { "tenant_id": "…", "principals": [ { "id": "…", "type": "User", "display_name": "…" } ] },
//!   "workspaces": [ { "id": "…", "display_name": "…", "capacity_id": "…", "roles": [ { "principal_id": "…", "role": "Admin" } ] } ],
//!   "capacities": [ { "id": "…", "display_name": "…", "sku": "F2", "region": "…", "administrators": ["…"] } ],
//!   "gateways": [ { "id": "…", "display_name": "…", "administrators": ["…"] } ]
//! }
//! ```
//! The first workspace, capacity and database are those of the ready-file;
//! the application of the ready-file is the first service principal with a secret.

pub mod check;
pub mod shipped;

use serde::{Deserialize, Deserializer, Serialize};
use uuid::{Uuid, uuid};

use crate::answers::Answers;
use crate::entra::directory::{ManagedIdentity, ManagedIdentityKind};
use crate::entra::{Directory, Principal, PrincipalKind, issuers};
use crate::fabric::roles::WorkspaceRole;
use crate::source::{DatabaseConfig, InstanceConfig};
use crate::world::{DatabaseState, Facts, OfInstance, PrimaryIdentity, Standing, UpdatePolicy};
pub use check::Problem;
pub use emulator_fabric::rest::{self, Rest};
use emulator_fabric::tenant::{self, Tenant};
pub use emulator_fabric::tenant::{Capacity, Gateway, GatewayKind, GatewayMember, Role, Workspace};

const TENANT: Uuid = uuid!("5c0ffee0-7e2a-4a0e-9a44-0d8f2a3b1c01");
const APPLICATION_OBJECT: Uuid = uuid!("a11ce000-1b2c-4d3e-8f40-5a6b7c8d9e02");
const APPLICATION: Uuid = uuid!("a11ce000-52d1-4c7b-b0a9-3e4f5a6b7c03");
const IDENTITY_OBJECT: Uuid = uuid!("1de47171-90ab-4cde-8f12-3456789abc04");
const IDENTITY_CLIENT: Uuid = uuid!("1de47171-aa01-4b23-9c45-6789abcdef05");
const BOB: Uuid = uuid!("b0b00000-2c3d-4e5f-8a6b-7c8d9e0f1a06");
const DATA_TEAM: Uuid = uuid!("da7a7ea1-3d4e-4f5a-8b7c-8d9e0f1a2b07");
const RUNNER_OBJECT: Uuid = uuid!("5e1f0b1e-6a7b-4c8d-9e0f-1a2b3c4d5e0a");
const RUNNER_CLIENT: Uuid = uuid!("5e1f0b1e-7b8c-4d9e-8f1a-2b3c4d5e6f0b");
const RUNNER_RESOURCE: &str = "/subscriptions/0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d/resourceGroups/ci/providers/Microsoft.Compute/virtualMachines/runner";
const CAPACITY: Uuid = uuid!("ca9ac171-4e5f-4a6b-8c8d-9e0f1a2b3c08");
const WORKSPACE: Uuid = uuid!("3095face-5f6a-4b7c-8d9e-0f1a2b3c4d09");

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scenario {
    /// For people.
    #[serde(skip_serializing)]
    pub description: String,
    pub world: Facts,
    pub rest: Rest,
    pub answers: Answers,
    pub instance: Instance,
    /// More instances, each with a port of its own.
    pub other_instances: Vec<Instance>,
    pub directory: Directory,
    pub capacities: Vec<Capacity>,
    pub workspaces: Vec<Workspace>,
    pub gateways: Vec<Gateway>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Instance {
    /// First label of the host name.
    pub name: String,
    /// DNS zone: `NAME.ZONE.database.windows.net`.
    pub zone: String,
    /// Whether the public endpoint is on. Where it is off, the instance is reached through a gateway alone.
    pub public_endpoint: bool,
    pub administrator: String,
    pub administrator_password: String,
    /// Object and client id of the instance's system-assigned identity, which the directory must hold too.
    pub identity_object_id: Uuid,
    pub identity_client_id: Uuid,
    /// Where they are not those of `world`.
    pub primary_identity: Option<PrimaryIdentity>,
    pub update_policy: Option<UpdatePolicy>,
    pub databases: Vec<Database>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    pub name: String,
    /// T-SQL run in the database: tables and rows. A text, or a list of its lines.
    #[serde(default, deserialize_with = "lines")]
    pub script: String,
    /// Whether it can be opened, from the script's end on.
    #[serde(default)]
    pub state: DatabaseState,
}

fn lines<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a script is a text or a list of lines")]
    enum Script {
        Whole(String),
        Lines(Vec<String>),
    }
    Ok(match Script::deserialize(deserializer)? {
        Script::Whole(text) => text,
        Script::Lines(lines) => lines.join("\n"),
    })
}

/// Why a scenario cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    #[error("cannot be read: {0}")]
    Read(#[from] std::io::Error),
    /// An unknown key, a wrong type, no JSON; says where.
    #[error("is not a scenario, at {}: {}", .0.path(), .0.inner())]
    Format(#[from] serde_path_to_error::Error<serde_json::Error>),
    #[error("is not a scenario: there is more after it: {0}")]
    After(String),
    /// References that lead nowhere, ids used twice, values out of range.
    #[error("does not add up:{}", .0.iter().map(|problem| format!("\n  {problem}")).collect::<String>())]
    Content(Vec<Problem>),
}

impl Scenario {
    /// Reads and checks a scenario.
    ///
    /// # Errors
    /// See [`ScenarioError`].
    pub fn read(path: &std::path::Path) -> Result<Self, ScenarioError> {
        Self::parse(&std::fs::read_to_string(path)?)
    }

    /// # Errors
    /// [`ScenarioError::Format`], [`ScenarioError::Content`].
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let mut json = serde_json::Deserializer::from_str(text);
        let scenario: Self = serde_path_to_error::deserialize(&mut json)?;
        json.end().map_err(|error| ScenarioError::After(error.to_string()))?;
        let problems = scenario.problems();
        if problems.is_empty() { Ok(scenario) } else { Err(ScenarioError::Content(problems)) }
    }

    /// `instance` and the others.
    pub fn instances(&self) -> impl Iterator<Item = &Instance> {
        std::iter::once(&self.instance).chain(&self.other_instances)
    }

    /// The world at the beginning.
    pub fn standing(&self) -> Standing {
        let facts = &self.world;
        let own = self.instances().map(|instance| OfInstance {
            primary_identity: instance.primary_identity.unwrap_or(facts.primary_identity),
            update_policy: instance.update_policy.unwrap_or(facts.update_policy),
        });
        Standing { instances: own.collect(), facts: self.world.clone(), answers: self.answers.clone() }
    }

    /// What Entra and Fabric begin with.
    pub fn tenant(&self) -> Tenant {
        Tenant {
            directory: self.directory.clone(),
            rest: self.rest.clone(),
            capacities: self.capacities.clone(),
            workspaces: self.workspaces.clone(),
            gateways: self.gateways.clone(),
        }
    }

    /// The application of the ready-file.
    pub fn application(&self) -> Option<&Principal> {
        self.directory.principals.iter().find(|principal| principal.app_id.is_some() && !principal.secrets.is_empty())
    }

    /// What the SQL Managed Instance is made of.
    pub fn instance_config(&self, instance: &Instance) -> InstanceConfig {
        let administrators = self.application().into_iter();
        InstanceConfig {
            server_name: instance.private_host(),
            identity_client_id: instance.identity_client_id,
            identity_object_id: instance.identity_object_id,
            tenant_id: self.directory.tenant_id,
            administrator: instance.administrator.clone(),
            administrator_password: instance.administrator_password.clone(),
            entra_administrators: administrators
                .map(|application| (application.display_name.clone(), application.app_id.unwrap_or_default()))
                .collect(),
            databases: instance
                .databases
                .iter()
                .map(|database| DatabaseConfig {
                    name: database.name.clone(),
                    script: database.script.clone(),
                    state: database.state,
                })
                .collect(),
        }
    }
}

impl Instance {
    /// Host of the VNet-local endpoint (port 1433).
    pub fn private_host(&self) -> String {
        format!("{}.{}.database.windows.net", self.name, self.zone)
    }

    /// Host of the public endpoint (port 3342).
    pub fn public_host(&self) -> String {
        format!("{}.public.{}.database.windows.net", self.name, self.zone)
    }

    /// What Fabric knows it by.
    pub fn host(&self) -> tenant::Host {
        tenant::Host {
            name: self.name.clone(),
            private: self.private_host(),
            public: self.public_endpoint.then(|| self.public_host()),
            identity: self.identity_object_id,
        }
    }
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            description: String::new(),
            world: Facts::default(),
            rest: Rest::default(),
            answers: Answers::default(),
            instance: Instance::default(),
            other_instances: Vec::new(),
            directory: Directory { tenant_id: TENANT, principals: default_principals() },
            capacities: vec![Capacity {
                id: CAPACITY,
                display_name: "Mirroring capacity".to_owned(),
                sku: tenant::f2(),
                region: tenant::north_europe(),
                administrators: vec![APPLICATION_OBJECT],
            }],
            workspaces: vec![Workspace {
                id: WORKSPACE,
                display_name: "Mirrors".to_owned(),
                description: String::new(),
                capacity_id: Some(CAPACITY),
                roles: vec![Role { principal_id: APPLICATION_OBJECT, role: WorkspaceRole::Admin }],
            }],
            gateways: Vec::new(),
        }
    }
}

fn default_principals() -> Vec<Principal> {
    let principal = |id, kind, display_name: &str| Principal {
        id,
        kind,
        display_name: display_name.to_owned(),
        user_principal_name: None,
        app_id: None,
        secrets: Vec::new(),
        certificates: Vec::new(),
        federated_credentials: Vec::new(),
        managed_identity: None,
        members: Vec::new(),
    };
    vec![
        Principal {
            app_id: Some(APPLICATION),
            secrets: vec!["Em7~only-for-tests-on-loopback".to_owned()],
            federated_credentials: issuers::trusted(),
            ..principal(APPLICATION_OBJECT, PrincipalKind::ServicePrincipal, "terraform")
        },
        Principal {
            app_id: Some(IDENTITY_CLIENT),
            ..principal(IDENTITY_OBJECT, PrincipalKind::ServicePrincipal, "contoso-mi")
        },
        Principal {
            user_principal_name: Some("bob@contoso.com".to_owned()),
            ..principal(BOB, PrincipalKind::User, "bob@contoso.com")
        },
        Principal { members: vec![BOB], ..principal(DATA_TEAM, PrincipalKind::Group, "Data Team") },
        Principal {
            app_id: Some(RUNNER_CLIENT),
            managed_identity: Some(ManagedIdentity {
                kind: ManagedIdentityKind::SystemAssigned,
                resource_id: RUNNER_RESOURCE.to_owned(),
            }),
            ..principal(RUNNER_OBJECT, PrincipalKind::ServicePrincipal, "runner")
        },
    ]
}

impl Default for Instance {
    fn default() -> Self {
        Self {
            name: "contoso-mi".to_owned(),
            zone: "abc123".to_owned(),
            public_endpoint: true,
            administrator: "sqladmin".to_owned(),
            administrator_password: "Sql-Admin-0nly-for-tests".to_owned(),
            identity_object_id: IDENTITY_OBJECT,
            identity_client_id: IDENTITY_CLIENT,
            primary_identity: None,
            update_policy: None,
            databases: [
                ("Sales", include_str!("scenario/sales.sql")),
                ("Inventory", include_str!("scenario/inventory.sql")),
            ]
            .map(|(name, script)| Database {
                name: name.to_owned(),
                script: script.to_owned(),
                state: DatabaseState::default(),
            })
            .into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_scenario_is_the_default_one() {
        let scenario = Scenario::parse("{}").unwrap();
        assert_eq!(scenario.workspaces[0].id, WORKSPACE);
        assert_eq!(scenario.instance_config(&scenario.instance).server_name, "contoso-mi.abc123.database.windows.net");
        assert_eq!(scenario.instance.public_host(), "contoso-mi.public.abc123.database.windows.net");
        assert_eq!(scenario.application().unwrap().app_id, Some(APPLICATION));
    }
}
