//! The Microsoft Fabric REST API, typed, as far as mirroring a database needs it.
//!
//! [`Client`] holds one identity and one endpoint; what it can do lies in one module per kind of thing:
//! [`workspaces`], [`roles`], [`gateways`], [`connections`], [`mirrored_databases`]. Everything goes through one pipeline ([`client`]): quotas,
//! token, retries, interrupts, long-running operations, errors. Nothing here knows Terraform, and URLs exist only here.
//!
//! # Quotas and retries
//! At most 500 calls and 200 changes are sent in any minute, and none while the service has asked the identity to wait
//! (`Retry-After`). A call that is throttled is repeated for up to 15 minutes, one that fails in passing for up to 5, at
//! most 8 times; a connection that cannot be made is tried for 5 seconds, and then not for a minute. What may have had an
//! effect is never sent again: [`Error::AnswerLost`].
//!
//! # Example
//! ```no_run
//! use fabric_api::{Client, Cloud, Credential, Options};
//!
//! # async fn mirrors() -> fabric_api::Result<()> {
//! let client = Client::new(&Options {
//!     endpoint: Cloud::Public.fabric_endpoint().to_owned(),
//!     credential: Credential::AzureCli { tenant_id: None },
//!     cloud: Cloud::Public,
//!     authority_host: None,
//!     ca_certificates: None,
//!     user_agent: "example".to_owned(),
//!     stop: Default::default(),
//! })?;
//! for workspace in client.workspaces().await? {
//!     let mirrors = client.mirrored_databases(workspace.id).await?;
//!     println!("{}: {} mirrored databases", workspace.display_name, mirrors.len());
//! }
//! # Ok(())
//! # }
//! ```

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
mod limiter;
pub mod mirrored_databases;
mod outage;
mod proxy;
mod retry;
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
