//! The wire of the Managed Instance: TDS 7.4 with TLS inside its packets, and TDS 8.0 ("strict") with TLS around them,
//! both on one port. It knows no T-SQL; what a request means is the [`Engine`]'s business.
//!
//! Facts are from MS-TDS and from watching seven drivers talk to a prototype (`docs/design/emulator.md`):
//!
//! - [`listener`] accepts, tells the two protocols apart by their first byte and brings a connection to its login;
//! - [`session`] serves the requests of one connection, with [`rpc`] for `sp_executesql` and its kin;
//! - [`response`] turns the engine's outcomes into tokens and tokens into packets;
//! - the rest is codec: [`packet`], [`tls`], [`prelogin`], [`login7`], [`request`], [`tokens`], [`types`].
//!
//! Every decoder reads through [`reader::Reader`], which answers "malformed" instead of running over the end.

pub mod listener;
pub mod login7;
pub mod packet;
pub mod prelogin;
pub mod reader;
pub mod request;
pub mod response;
pub mod rpc;
pub mod session;
pub mod tls;
pub mod tokens;
pub mod types;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use emulator_ground::engine::Engine;
use emulator_ground::faults::Faults;
use emulator_ground::journal::Journal;

/// The server's certificate chain, leaf first, and the leaf's key.
pub struct TlsIdentity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
}

/// Serves TDS on `listener` until `shutdown`; open connections are closed then.
///
/// `authority` is what a client that fetches its own token is told to ask (`https://login…/tenant`).
///
/// # Errors
/// A certificate or key that TLS cannot use.
pub async fn serve(
    listener: TcpListener,
    engine: Arc<dyn Engine>,
    tls: TlsIdentity,
    journal: Arc<Journal>,
    faults: Arc<Faults>,
    authority: String,
    shutdown: CancellationToken,
) -> Result<(), rustls::Error> {
    let service = listener::Service::new(engine, tls, journal, faults, authority)?;
    Arc::new(service).run(listener, shutdown).await;
    Ok(())
}
