//! A service that could not be reached is not tried for every object anew.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// So long nobody tries again.
const MEMORY: Duration = Duration::from_secs(60);

/// The last failure to connect, shared by the clones of a client.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outage(Arc<Mutex<Option<(Instant, String)>>>);

impl Outage {
    pub(crate) fn remember(&self, cause: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), cause.to_owned()));
    }

    pub(crate) fn is_over(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Why the service could not be reached, if that was tried lately.
    pub(crate) fn lately(&self, haste: u32) -> Option<String> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (when, cause) = last.as_ref().filter(|(when, _)| when.elapsed() < MEMORY / haste)?;
        Some(format!("{cause} (tried {} s ago)", when.elapsed().as_secs()))
    }
}
