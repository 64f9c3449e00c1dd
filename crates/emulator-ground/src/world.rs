//! What lies outside SQL and REST and still decides whether mirroring works: `POST /world` changes it while running.

use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};

use crate::answers::Answers;
use crate::engine::Message;

/// Shared by all parts; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct World {
    standing: Arc<RwLock<Standing>>,
    /// Whose view this is, in the scenario's order.
    instance: Option<usize>,
}

/// How the world stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Standing {
    pub facts: Facts,
    pub answers: Answers,
    /// Of each instance what holds for it, whatever `facts` says.
    pub instances: Vec<OfInstance>,
}

/// What instances may differ in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfInstance {
    pub primary_identity: PrimaryIdentity,
    pub update_policy: UpdatePolicy,
}

impl World {
    pub fn new(standing: Standing) -> Self {
        Self { standing: Arc::new(RwLock::new(standing)), instance: None }
    }

    /// The same world, as one of the instances stands in it.
    #[must_use]
    pub fn of(&self, instance: usize) -> Self {
        Self { standing: self.standing.clone(), instance: Some(instance) }
    }

    pub fn facts(&self) -> Facts {
        let standing = self.standing.read().unwrap_or_else(PoisonError::into_inner);
        let mut facts = standing.facts.clone();
        if let Some(own) = self.instance.and_then(|instance| standing.instances.get(instance)) {
            (facts.primary_identity, facts.update_policy) = (own.primary_identity, own.update_policy);
        }
        facts
    }

    /// An error as it is answered.
    pub fn answered(&self, message: Message) -> Message {
        self.standing.read().unwrap_or_else(PoisonError::into_inner).answers.in_place_of(message)
    }

    pub fn standing(&self) -> Standing {
        self.standing.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes it whole, or not at all where that fails.
    ///
    /// # Errors
    /// That of `change`.
    pub fn change<E>(&self, change: impl FnOnce(&mut Standing) -> Result<(), E>) -> Result<(), E> {
        let mut standing = self.standing.write().unwrap_or_else(PoisonError::into_inner);
        let mut changed = standing.clone();
        change(&mut changed)?;
        *standing = changed;
        Ok(())
    }

    /// From now on it stands like this.
    pub fn set(&self, standing: Standing) {
        *self.standing.write().unwrap_or_else(PoisonError::into_inner) = standing;
    }
}

impl Standing {
    /// For every instance.
    pub fn set_primary_identity(&mut self, value: PrimaryIdentity) {
        self.facts.primary_identity = value;
        self.instances.iter_mut().for_each(|own| own.primary_identity = value);
    }

    /// For every instance.
    pub fn set_update_policy(&mut self, value: UpdatePolicy) {
        self.facts.update_policy = value;
        self.instances.iter_mut().for_each(|own| own.update_policy = value);
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
    /// "Item Recovery": deleted items go into the recycle bin of their workspace (fabric-api facts §1.5).
    pub item_recovery: ItemRecovery,
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
pub enum ItemRecovery {
    /// As the service has it by default: a delete is final.
    #[default]
    Off,
    On,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Reachability {
    #[default]
    Reachable,
    Unreachable,
}

/// `sys.databases.state`, as far as a database of a Managed Instance is known to have it: RESTORING while a restore to a
/// point in time or from a backup runs, OFFLINE as the service's own management API knows it. Nobody takes one offline
/// with T-SQL.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DatabaseState {
    #[default]
    #[serde(rename = "ONLINE")]
    Online,
    #[serde(rename = "RESTORING")]
    Restoring,
    #[serde(rename = "OFFLINE")]
    Offline,
}

impl DatabaseState {
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Online => 0,
            Self::Restoring => 1,
            Self::Offline => 6,
        }
    }

    /// `state_desc`
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Online => "ONLINE",
            Self::Restoring => "RESTORING",
            Self::Offline => "OFFLINE",
        }
    }
}
