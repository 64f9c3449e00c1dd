//! Ephemeral resources: values that exist during one run and are kept nowhere.

use std::future::Future;
use std::sync::OnceLock;

use futures_util::future::BoxFuture;

use crate::context::{Failure, catch};
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::dynamic::Dynamic;
use crate::model::{self, Model};
use crate::schema::Attribute;
use crate::value::{AttributeType, Refusal};

/// An ephemeral value made from its configuration alone.
pub trait Ephemeral: Model {
    /// Type name without the provider's prefix.
    const NAME: &'static str;

    /// Checks a configuration, in which anything may be unknown.
    fn validate(_config: &Self::Draft) -> Diagnostics {
        Diagnostics::default()
    }

    /// Completes `config` with the value.
    fn open(config: Self) -> impl Future<Output = Result<Self, Diagnostics>> + Send;
}

pub(crate) trait AnyEphemeral: Send + Sync {
    fn attributes(&self) -> &[Attribute];
    fn description(&self) -> &'static str;
    fn validate(&self, config: &Dynamic) -> Diagnostics;
    fn open(&self, config: Dynamic) -> BoxFuture<'_, (Dynamic, Diagnostics)>;
}

pub(crate) struct Erased<E> {
    attributes: OnceLock<Vec<Attribute>>,
    ephemeral: std::marker::PhantomData<fn() -> E>,
}

impl<E> Default for Erased<E> {
    fn default() -> Self {
        Self { attributes: OnceLock::new(), ephemeral: std::marker::PhantomData }
    }
}

impl<E: Ephemeral> AnyEphemeral for Erased<E> {
    fn attributes(&self) -> &[Attribute] {
        self.attributes.get_or_init(E::attributes)
    }

    fn description(&self) -> &'static str {
        E::DESCRIPTION
    }

    fn validate(&self, config: &Dynamic) -> Diagnostics {
        model::validate::<E>(self.attributes(), config, E::validate)
    }

    fn open(&self, mut config: Dynamic) -> BoxFuture<'_, (Dynamic, Diagnostics)> {
        Box::pin(async move {
            model::fill_defaults(self.attributes(), &mut config);
            let opened = match <E as AttributeType>::from_dynamic(&config) {
                Ok(config) => catch(E::open(config)).await,
                Err(Refusal::Wrong(wrong)) => Err(Failure::Value(Diagnostics(wrong))),
                Err(Refusal::Unknown) => Err(Failure::Value(
                    Diagnostic::error("The configuration is not known yet", "It was opened too early.").into(),
                )),
            };
            match opened {
                Ok(opened) => (AttributeType::to_dynamic(&opened), Diagnostics::default()),
                Err(Failure::Error(errors) | Failure::Value(errors)) => (Dynamic::Null, errors),
                Err(Failure::Panic(defect)) => (Dynamic::Null, defect.into()),
            }
        })
    }
}
