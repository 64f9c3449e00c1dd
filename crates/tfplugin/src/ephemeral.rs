//! Ephemeral resources: values that exist during one run and are kept nowhere.

use std::future::Future;
use std::sync::OnceLock;

use futures_util::future::BoxFuture;

use crate::context::{Failure, catch};
use crate::diagnostics::Diagnostics;
use crate::dynamic::Dynamic;
use crate::model::{self, Model};
use crate::path::AttributePath;
use crate::schema::Attribute;

/// An ephemeral value made from its configuration alone.
pub trait Ephemeral: Model {
    /// Type name without the provider's prefix.
    const NAME: &'static str;

    /// Checks a configuration, in which anything may be unknown.
    fn validate(_config: &Self) -> Diagnostics {
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
        let mut found = model::check_constraints(self.attributes(), config, &AttributePath::root());
        match E::from_dynamic(config) {
            Ok(config) => found.extend(E::validate(&config)),
            Err(wrong) => found.extend(wrong),
        }
        found
    }

    fn open(&self, mut config: Dynamic) -> BoxFuture<'_, (Dynamic, Diagnostics)> {
        Box::pin(async move {
            let given = config.clone();
            model::prepare_plan(self.attributes(), &mut config, &given, false);
            let opened = match E::from_dynamic(&config) {
                Ok(config) => catch(E::open(config)).await,
                Err(wrong) => Err(Failure::Value(Diagnostics(wrong))),
            };
            match opened {
                Ok(opened) => (opened.to_dynamic(), Diagnostics::default()),
                Err(Failure::Error(errors) | Failure::Value(errors)) => (Dynamic::Null, errors),
                Err(Failure::Panic(defect)) => (Dynamic::Null, defect.into()),
            }
        })
    }
}
