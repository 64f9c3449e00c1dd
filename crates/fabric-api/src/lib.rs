//! The Microsoft Fabric REST API, typed, as far as mirroring a database needs it.
//!
//! [`Client`] holds one identity and one endpoint; what it can do lies in one module per kind of thing:
//! [`workspaces`], [`connections`], [`mirrored_databases`]. Everything goes through one pipeline ([`client`]): token,
//! retries, long-running operations, errors. Nothing here knows Terraform, and URLs exist only here.

pub mod auth;
pub mod client;
pub mod connections;
pub mod definition;
mod error;
mod extensible;
mod ids;
pub mod mirrored_databases;
pub mod workspaces;

pub use auth::Credential;
pub use client::{Client, Options};
pub use error::{Error, ErrorBody, Result};
pub use ids::{CapacityId, ConnectionId, ItemId, NoId, PrincipalId, WorkspaceId};
