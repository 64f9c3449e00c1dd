//! Functions, by their Terraform names.

mod import_id;
mod mirroring_permissions;
mod parse_server;
mod public_endpoint;
mod setup_sql;

pub use import_id::ImportId;
pub use mirroring_permissions::MirroringPermissions;
pub use parse_server::ParseServer;
pub use public_endpoint::PublicEndpoint;
pub use setup_sql::SetupSql;
