//! The create of an item and a role given in its workspace, at the same time: the item can stay invisible to whoever got
//! the role, for good, until the role is given again (fabric-api facts §8.6). In the service both take seconds; here they
//! take as long as `role_race_ms` says, of the machine's time, since it is real calls that overlap.
//!
//! UNCONFIRMED: that what is invisible is 404 `ItemNotFound`; that every such overlap has this end; that a change of the
//! role does not heal it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use uuid::Uuid;

use super::roles::{WorkspaceRole, effective};
use super::store::{MirroredDatabase, Store};
use super::{Fabric, lock};

/// Creates and roles whose answers are still to come.
#[derive(Debug, Clone, Default)]
pub struct Races(Arc<Mutex<Vec<(Uuid, Racer)>>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Racer {
    workspace: Uuid,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The item was made.
    Item(Uuid),
    /// The principal was given a role.
    Role(Uuid),
}

/// A call that is not answered yet.
#[derive(Debug)]
#[must_use]
pub struct UnderWay {
    races: Races,
    ticket: Uuid,
    takes: Duration,
}

impl UnderWay {
    /// Lets the call take its time.
    pub async fn end(self) {
        tokio::time::sleep(self.takes).await;
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        lock(&self.races.0).retain(|(ticket, _)| *ticket != self.ticket);
    }
}

impl Fabric {
    /// What this has just done to the workspace meets what else is under way there. Nothing to wait for where the scenario
    /// has no races.
    pub fn race(&self, store: &mut Store, workspace: Uuid, what: What) -> Option<UnderWay> {
        if let What::Role(principal) = what {
            // Given again, a role shows what it hid.
            let items = store.mirrors.iter_mut().filter(|item| item.workspace_id == workspace);
            items.for_each(|item| item.hidden_from.retain(|hidden| *hidden != principal));
        }
        let takes = Duration::from_millis(self.rest().role_race_ms);
        if takes.is_zero() {
            return None;
        }
        let mut racers = lock(&self.races.0);
        for (_, other) in racers.iter().filter(|(_, other)| other.workspace == workspace) {
            if let (What::Item(item), What::Role(principal)) | (What::Role(principal), What::Item(item)) =
                (what, other.what)
            {
                let made = store.mirrors.iter_mut().filter(|mirror| mirror.id == item);
                made.for_each(|mirror| mirror.hidden_from.push(principal));
            }
        }
        let ticket = Uuid::new_v4();
        racers.push((ticket, Racer { workspace, what }));
        Some(UnderWay { races: self.races.clone(), ticket, takes })
    }

    /// Whether an item shows to a principal who has a role in its workspace.
    pub fn sees(&self, store: &Store, item: &MirroredDatabase, principal: Uuid) -> bool {
        item.hidden_from.is_empty() || self.role_on(store, item, principal).is_some()
    }

    /// The role that holds for an item: the highest in its workspace that it is not hidden from.
    pub fn role_on(&self, store: &Store, item: &MirroredDatabase, principal: Uuid) -> Option<WorkspaceRole> {
        let roles = &store.workspace(item.workspace_id)?.roles;
        let shown: Vec<_> = roles.iter().filter(|role| !item.hidden_from.contains(&role.principal)).copied().collect();
        effective(&shown, principal, &self.scenario.directory)
    }
}
