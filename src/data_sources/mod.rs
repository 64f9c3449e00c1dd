//! Data sources, by their Terraform names.

mod replication_status;

pub use replication_status::ReplicationStatus;
