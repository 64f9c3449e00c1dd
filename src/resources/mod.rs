//! Resources, by their Terraform names.

mod connection;
mod database_grants;
mod database_user;
mod login;
mod mirrored_database;
mod replication;
mod workspace_role_assignment;

pub use connection::Connection;
pub use database_grants::DatabaseGrants;
pub use database_user::DatabaseUser;
pub use login::Login;
pub use mirrored_database::MirroredDatabase;
pub use replication::Replication;
pub use workspace_role_assignment::WorkspaceRoleAssignment;
