//! The list of everything a provider offers.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

use tokio_util::sync::CancellationToken;

use crate::data_source::{self, AnyDataSource, DataSource};
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::ephemeral::{self, AnyEphemeral, Ephemeral};
use crate::function::{self, AnyFunction, Function};
use crate::model::Model;
use crate::resource::{self, AnyResource, Resource};
use crate::schema::{Attribute, Type};

/// What a provider's handlers fail with: one type, made into diagnostics in one place.
pub trait HandlerError: From<Diagnostic> + Send {
    /// `attributes` is the schema of the model whose handler failed: it tells where the diagnostic belongs.
    fn diagnose(self, attributes: &[Attribute]) -> Diagnostics;

    /// The handler could not work because the provider's block is not known yet (its values come from objects of the
    /// same run). An object that is read then keeps its state, and the user is warned once.
    fn is_unknown_block(&self) -> bool {
        false
    }

    /// One cause stands in the way of many objects, and another one's failure has told of it. Asked of each failure to read
    /// or plan an object of the state that is about to be said, and `true` from the second time on: the object then stays as
    /// it is, without a word, since the first failure fails the run.
    fn is_said(&self) -> bool {
        false
    }
}

/// A provider as its block in the configuration makes it: clients and credentials.
pub trait ProviderType: Send + Sync + Sized + 'static {
    /// The provider's name, and the prefix of its types.
    const NAME: &'static str;
    /// Crates whose events are logged at the level the CLI asks for. Others only warn: at finer levels an HTTP or
    /// database client may log what it sends.
    const LOG_TARGETS: &'static [&'static str] = &[];
    /// The provider's block.
    type Config: Model;
    /// What its handlers fail with.
    type Error: HandlerError;

    /// Checks the block, in which anything may be unknown.
    fn validate(_config: &<Self::Config as Model>::Draft) -> Diagnostics {
        Diagnostics::default()
    }

    /// Called once per process, before anything is planned or applied. At plan, anything may be unknown. `stop` is
    /// cancelled when the user interrupts: every wait of the provider's clients ends then.
    fn configure(
        config: <Self::Config as Model>::Draft,
        stop: CancellationToken,
    ) -> impl Future<Output = Result<Self, Self::Error>> + Send;
}

/// Everything a provider offers, by name.
pub struct Provider<P> {
    pub(crate) resources: BTreeMap<&'static str, Box<dyn AnyResource<P>>>,
    pub(crate) data_sources: BTreeMap<&'static str, Box<dyn AnyDataSource<P>>>,
    pub(crate) ephemerals: BTreeMap<&'static str, Box<dyn AnyEphemeral>>,
    pub(crate) functions: BTreeMap<&'static str, Box<dyn AnyFunction>>,
    provider: PhantomData<P>,
}

impl<P> fmt::Debug for Provider<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("resources", &self.resources.keys()).finish_non_exhaustive()
    }
}

impl<P: ProviderType> Default for Provider<P> {
    fn default() -> Self {
        Self {
            resources: BTreeMap::new(),
            data_sources: BTreeMap::new(),
            ephemerals: BTreeMap::new(),
            functions: BTreeMap::new(),
            provider: PhantomData,
        }
    }
}

impl<P: ProviderType> Provider<P> {
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn resource<R: Resource<Provider = P>>(mut self) -> Self {
        self.resources.insert(R::NAME, Box::new(resource::Erased::<R>::default()));
        self
    }

    #[must_use]
    pub fn data_source<D: DataSource<Provider = P>>(mut self) -> Self {
        self.data_sources.insert(D::NAME, Box::new(data_source::Erased::<D>::default()));
        self
    }

    #[must_use]
    pub fn ephemeral<E: Ephemeral>(mut self) -> Self {
        self.ephemerals.insert(E::NAME, Box::new(ephemeral::Erased::<E>::default()));
        self
    }

    #[must_use]
    pub fn function<F: Function>(mut self) -> Self {
        self.functions.insert(F::NAME, Box::new(function::Erased::<F>::default()));
        self
    }

    /// What the documentation is written from.
    pub fn describe(&self) -> Description {
        let types = |kind: Kind, name: &'static str, description: &'static str, attributes: &[Attribute]| Described {
            kind,
            name,
            description,
            attributes: attributes.to_vec(),
        };
        let mut described: Vec<Described> = Vec::new();
        described.extend(
            self.resources.iter().map(|(name, it)| types(Kind::Resource, name, it.description(), it.attributes())),
        );
        described.extend(
            self.data_sources.iter().map(|(name, it)| types(Kind::DataSource, name, it.description(), it.attributes())),
        );
        described.extend(
            self.ephemerals.iter().map(|(name, it)| types(Kind::Ephemeral, name, it.description(), it.attributes())),
        );
        Description {
            name: P::NAME,
            description: P::Config::DESCRIPTION,
            attributes: P::Config::attributes(),
            types: described,
            functions: self
                .functions
                .iter()
                .map(|(name, it)| DescribedFunction {
                    name,
                    summary: it.summary(),
                    description: it.description(),
                    parameters: it.parameters(),
                    output: it.output(),
                })
                .collect(),
        }
    }
}

/// A provider's schema with its documentation.
#[derive(Clone, Debug)]
pub struct Description {
    pub name: &'static str,
    pub description: &'static str,
    pub attributes: Vec<Attribute>,
    pub types: Vec<Described>,
    pub functions: Vec<DescribedFunction>,
}

#[derive(Clone, Debug)]
pub struct Described {
    pub kind: Kind,
    /// Without the provider's prefix.
    pub name: &'static str,
    pub description: &'static str,
    pub attributes: Vec<Attribute>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Resource,
    DataSource,
    Ephemeral,
}

#[derive(Clone, Debug)]
pub struct DescribedFunction {
    pub name: &'static str,
    pub summary: &'static str,
    pub description: &'static str,
    pub parameters: Vec<Attribute>,
    pub output: Type,
}
