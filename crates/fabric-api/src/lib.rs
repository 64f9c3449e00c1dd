//! The Microsoft Fabric REST API, typed, as far as mirroring a database needs it.
//!
//! [`Client`] holds one identity and one endpoint; what it can do lies in one module per kind of thing:
//! [`workspaces`], [`connections`], [`mirrored_databases`]. Everything goes through one pipeline ([`client`]): token,
//! retries, interrupts, long-running operations, errors. Nothing here knows Terraform, and URLs exist only here.

pub mod auth;
mod certificates;
pub mod client;
mod cloud;
pub mod connections;
mod decode;
pub mod definition;
mod error;
mod extensible;
mod gone;
mod ids;
pub mod mirrored_databases;
mod outage;
mod stop;
pub mod workspaces;

pub use auth::Credential;
pub use certificates::check_certificates;
pub use client::{Client, Options};
pub use cloud::{Cloud, NoCloud, Service};
pub use error::{Error, ErrorBody, Result};
pub use ids::{CapacityId, ConnectionId, FolderId, ItemId, NoId, PrincipalId, WorkspaceId};
