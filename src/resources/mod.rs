//! Resources, by their Terraform names.

mod connection;
mod database_grants;
mod database_user;
mod login;
mod mirrored_database;
mod replication;
mod workspace_role_assignment;

use std::collections::BTreeSet;

use tfplugin::Value;

pub use connection::Connection;
pub use database_grants::DatabaseGrants;
pub use database_user::DatabaseUser;
pub use login::Login;
pub use mirrored_database::MirroredDatabase;
pub use replication::Replication;
pub use workspace_role_assignment::WorkspaceRoleAssignment;

/// A set of names as the state shows it: in the spelling it had while it means the same names.
fn names_as_spelled(prior: &Value<BTreeSet<String>>, held: &BTreeSet<String>) -> Value<BTreeSet<String>> {
    let fold = |names: &BTreeSet<String>| names.iter().map(|name| name.to_lowercase()).collect::<BTreeSet<_>>();
    match prior.known() {
        Some(prior) if fold(prior) == fold(held) => Value::Known(prior.clone()),
        _ => Value::Known(held.clone()),
    }
}
