//! What lies outside SQL and REST and still decides whether mirroring works: `POST /world` changes it while running.

use std::sync::{Arc, RwLock};

use serde::{Deserialize, Serialize};

/// Shared by all parts; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct World(Arc<RwLock<Facts>>);

impl World {
    pub fn new(facts: Facts) -> Self {
        Self(Arc::new(RwLock::new(facts)))
    }
    pub fn facts(&self) -> Facts {
        self.0.read().expect("no panic while held").clone()
    }
    pub fn change(&self, change: impl FnOnce(&mut Facts)) {
        change(&mut self.0.write().expect("no panic while held"));
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Facts {
    pub capacity_state: CapacityState,
    pub primary_identity: PrimaryIdentity,
    pub update_policy: UpdatePolicy,
    pub documentation: Documentation,
    /// "Users can access data stored in OneLake with apps external to Fabric". ("Service principals can use Fabric APIs"
    /// is always on: without it no application could try anything here.)
    pub tenant_setting: TenantSetting,
    /// Whether Fabric reaches the instance's endpoint.
    pub network: Reachability,
    /// Whether the gateway, where a connection uses one, is up.
    pub gateway: Reachability,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum CapacityState {
    #[default]
    Active,
    Inactive,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum PrimaryIdentity {
    #[default]
    SystemAssigned,
    UserAssigned,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum UpdatePolicy {
    #[default]
    AlwaysUpToDate,
    SQLServer2025,
    SQLServer2022,
}

/// Which generation of the documentation decides what the mirroring principal needs (design.md §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Documentation {
    #[serde(rename = "2025-05")]
    May2025,
    #[serde(rename = "2025-12")]
    December2025,
    #[default]
    #[serde(rename = "either")]
    Either,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum TenantSetting {
    #[default]
    On,
    Off,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Reachability {
    #[default]
    Reachable,
    Unreachable,
}
