//! Data sources, by their Terraform names.

mod connection;
mod gateway;
mod lookup;
mod mirrored_database;
mod replication_status;
mod server_identity;
mod workspace;

pub use connection::{Connection, Connections};
pub use gateway::Gateway;
pub use mirrored_database::{MirroredDatabase, MirroredDatabases};
pub use replication_status::ReplicationStatus;
pub use server_identity::ServerIdentity;
pub use workspace::Workspace;
