//! Functions, by their Terraform names.

mod mirroring_permissions;

pub use mirroring_permissions::MirroringPermissions;
