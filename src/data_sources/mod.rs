//! Data sources, by their Terraform names.

mod replication_status;
mod server_identity;

pub use replication_status::ReplicationStatus;
pub use server_identity::ServerIdentity;
