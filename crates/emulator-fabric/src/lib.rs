//! Microsoft Fabric with its mirroring, and Entra, as HTTP services. They know no T-SQL: of the instance they ask what
//! [`emulator_ground::source`] has.
//!
//! - [`entra`]: the directory, tokens, the endpoints that give them.
//! - [`fabric`]: the REST API. [`rest`] is how it behaves where real tenants differ.
//! - [`mirroring`]: one replicator for each mirrored database.
//! - [`tenant`]: what all of them begin with.

pub mod entra;
pub mod fabric;
pub mod mirroring;
pub mod rest;
pub mod tenant;
