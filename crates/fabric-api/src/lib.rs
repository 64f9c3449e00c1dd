//! The Microsoft Fabric REST API, typed, as far as mirroring a database needs it.
//!
//! [`Client`] holds one identity and one endpoint; what it can do lies in one module per kind of thing:
//! [`workspaces`], [`gateways`], [`connections`], [`mirrored_databases`], [`roles`]. Everything goes through one pipeline ([`client`]): token,
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
pub mod gateways;
mod gone;
mod ids;
pub mod mirrored_databases;
mod outage;
pub mod roles;
mod stop;
pub mod workspaces;

pub use auth::Credential;
pub use certificates::check_certificates;
pub use client::{Client, Options};
pub use cloud::{Cloud, NoCloud, Service};
pub use error::{Error, ErrorBody, Result};
pub use ids::{
    ApplicationId, CapacityId, ConnectionId, FolderId, GatewayId, ItemId, LabelId, NoId, PrincipalId, TenantId,
    WorkspaceId,
};
