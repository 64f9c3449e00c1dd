//! What the instance is at a moment: principals, permissions, databases, tables. A value that is cloned to begin a
//! transaction and dropped to roll it back; rows lie in [`super::store`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

mod database;
mod modules;
mod names;
mod objects;
mod principals;
mod tables;

pub use database::*;
pub use modules::*;
pub use names::*;
pub use objects::*;
pub use principals::*;
pub use tables::*;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    pub server_principals: BTreeMap<i32, ServerPrincipal>,
    /// Role and member.
    pub server_members: BTreeSet<(i32, i32)>,
    pub server_permissions: Vec<PermissionRow>,
    pub databases: BTreeMap<i32, Arc<Database>>,
    pub next_server_principal: i32,
    /// Counts SIDs given out, so that a reset instance gives out the same ones.
    pub next_sid: u64,
}

impl State {
    pub fn login(&self, name: &str) -> Option<&ServerPrincipal> {
        self.server_principals.values().find(|p| p.kind != PrincipalType::Role && same_name(&p.name, name))
    }
    pub fn server_principal(&self, name: &str) -> Option<&ServerPrincipal> {
        self.server_principals.values().find(|p| same_name(&p.name, name))
    }
    pub fn server_role(&self, name: &str) -> Option<&ServerPrincipal> {
        self.server_principals.values().find(|p| p.kind == PrincipalType::Role && same_name(&p.name, name))
    }
    pub fn login_by_sid(&self, sid: &[u8]) -> Option<&ServerPrincipal> {
        self.server_principals.values().find(|p| p.kind != PrincipalType::Role && p.sid == sid)
    }
    pub fn database_named(&self, name: &str) -> Option<&Arc<Database>> {
        self.databases.values().find(|d| same_name(&d.name, name))
    }
    pub fn database(&self, id: i32) -> Option<&Arc<Database>> {
        self.databases.get(&id)
    }
    /// For change; the shared copy is left as it is.
    pub fn database_mut(&mut self, id: i32) -> Option<&mut Database> {
        self.databases.get_mut(&id).map(Arc::make_mut)
    }
    /// The principal, the roles it is in, directly or not, and public.
    pub fn server_token(&self, principal: i32) -> BTreeSet<i32> {
        closure(&self.server_members, principal, SERVER_PUBLIC)
    }
    /// A new SID, the same ones in the same order after every reset: 16 bytes, as SQL logins have.
    pub fn new_sid(&mut self, seed: &str) -> Vec<u8> {
        use sha2::{Digest, Sha256};
        self.next_sid += 1;
        Sha256::digest(format!("{seed}/{}", self.next_sid).as_bytes())[..16].to_vec()
    }
}
