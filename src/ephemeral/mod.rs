//! Ephemeral resources, by their Terraform names.

mod password;

pub use password::Password;
