//! What a handler is given besides its model: the configured provider, private state, and word that it should stop.

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;

use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::dynamic::Dynamic;
use crate::model::Model;
use crate::private::Private;
use crate::provider::{HandlerError, ProviderType};
use crate::schema::Attribute;

/// One request's surroundings.
pub struct Context<P> {
    /// The provider as its block in the configuration made it.
    pub provider: Arc<P>,
    stop: CancellationToken,
    said: Mutex<Diagnostics>,
    private: Mutex<Private>,
    kept: Mutex<Option<Dynamic>>,
}

impl<P> fmt::Debug for Context<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

impl<P: ProviderType> Context<P> {
    /// A context outside any request: for a provider's own tests.
    pub fn new(provider: Arc<P>, private: Private, stop: CancellationToken) -> Self {
        Self { provider, stop, said: Mutex::default(), private: Mutex::new(private), kept: Mutex::default() }
    }

    /// Tells the user something that does not fail the request.
    pub fn warn(&self, warning: Diagnostic) {
        lock(&self.said).push(warning);
    }

    /// Fails the request with this, beside what the handler answers.
    pub fn fail(&self, error: Diagnostic) {
        lock(&self.said).push(error);
    }

    /// Remembers `object` as what exists now. Should the handler fail after this, or panic, or be stopped, this is
    /// what the CLI keeps: nothing half-done is lost.
    pub fn keep<M: Model>(&self, object: &M) {
        *lock(&self.kept) = Some(object.to_dynamic());
    }

    /// The object's private state, kept with it.
    pub fn private(&self) -> MutexGuard<'_, Private> {
        lock(&self.private)
    }

    /// Cancelled when the user interrupts.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Waits until the user interrupts. For `tokio::select!` beside any wait.
    pub async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    pub fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// The warnings of the request.
    pub(crate) fn take_said(&self) -> Diagnostics {
        std::mem::take(&mut lock(&self.said))
    }

    pub(crate) fn take_kept(&self) -> Option<Dynamic> {
        lock(&self.kept).take()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a handler to its end. A panic ends only the handler.
pub(crate) async fn catch<T, E>(handler: impl Future<Output = Result<T, E>>) -> Result<T, Failure<E>> {
    match AssertUnwindSafe(handler).catch_unwind().await {
        Ok(result) => result.map_err(Failure::Error),
        Err(panic) => Err(Failure::Panic(panicked(&*panic))),
    }
}

/// How a handler failed.
#[derive(Debug)]
pub(crate) enum Failure<E> {
    Error(E),
    Panic(Diagnostic),
    /// Before the handler: a value that is not of its attribute's type.
    Value(Diagnostics),
}

impl<E: HandlerError> Failure<E> {
    pub(crate) fn diagnose(self, attributes: &[Attribute]) -> Diagnostics {
        match self {
            Self::Error(error) => error.diagnose(attributes),
            Self::Panic(diagnostic) => diagnostic.into(),
            Self::Value(diagnostics) => diagnostics,
        }
    }

    pub(crate) fn is_unknown_block(&self) -> bool {
        matches!(self, Self::Error(error) if error.is_unknown_block())
    }

    pub(crate) fn is_said(&self) -> bool {
        matches!(self, Self::Error(error) if error.is_said())
    }
}

/// What the user is told of a panic. Place and backtrace are in the log: the hook of [`crate::serve`] wrote them.
pub(crate) fn panicked(panic: &(dyn std::any::Any + Send)) -> Diagnostic {
    let message = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    Diagnostic::error(
        "The provider has a defect",
        format!(
            "It panicked: {message}.\n\nNothing else of this run is affected. Run again with TF_LOG=error to get the \
             place, and report it."
        ),
    )
}
