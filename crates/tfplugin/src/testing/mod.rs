//! Terraform's and OpenTofu's core, in process, for tests of whole histories: [`Cli`] plans, applies, imports and reads
//! a provider as the CLIs do. Every call goes through the provider's real wire, and every answer is held against the
//! CLI's own rules, which are written down in `rules.rs`.
//!
//! What is not here: modules, `count` and `for_each`, `moved` and `removed` blocks, `lifecycle` (`create_before_destroy`,
//! `ignore_changes`, conditions), provisioners, deferral, identities, and parallelism within a configuration: objects are
//! walked one after the other, in topological order and by address.

mod apply;
mod crowd;
mod evaluate;
mod graph;
mod look;
mod plan;
mod process;
mod rules;
mod schema;
mod sets;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use crate::dynamic::Dynamic;
use crate::provider::{Provider, ProviderType};
use schema::Schemas;

/// A CLI with one provider. Each phase starts a process of its own: a fresh service on a runtime of its own.
pub struct Cli<P: ProviderType> {
    provider: fn() -> Provider<P>,
    provider_config: Dynamic,
    schemas: Schemas,
}

impl<P: ProviderType> fmt::Debug for Cli<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cli").field("provider", &P::NAME).finish_non_exhaustive()
    }
}

/// The blocks of a configuration's one module.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Configuration {
    /// The `resource` blocks, in any order.
    pub blocks: Vec<Block>,
}

/// A `resource` block.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// `fabricmirror_login.app`, or any other name that is unique in its configuration.
    pub address: String,
    /// The type with the provider's prefix: `fabricmirror_login`.
    pub type_name: String,
    /// What the block sets. An attribute that is not here is left out; one that is null is `attribute = null`.
    pub attributes: BTreeMap<String, Expression>,
    /// Addresses of `depends_on`.
    pub depends_on: Vec<String>,
}

/// What an attribute is set to.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// A literal.
    Value(Dynamic),
    /// A value of another object: names of attributes, keys of maps, indexes of lists. Without a path: the object.
    Reference {
        /// The address of the object.
        address: String,
        /// Where in the object.
        path: Vec<String>,
    },
    /// A nested attribute or a map.
    Object(BTreeMap<String, Expression>),
    /// A list or a set.
    List(Vec<Expression>),
}

/// A state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// The objects by address.
    pub objects: BTreeMap<String, Object>,
}

/// An object of a state.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// The type with the provider's prefix.
    pub type_name: String,
    /// The object, as a state file holds it.
    pub value: Dynamic,
    /// What the provider keeps beside it.
    pub private: Vec<u8>,
    /// Its creation ended in an error: it is replaced.
    pub tainted: bool,
    /// The addresses of everything that it depended on when it was last applied, directly or not.
    pub dependencies: Vec<String>,
}

/// What `plan` is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanOptions {
    /// `-refresh=false` when false.
    pub refresh: bool,
    /// `-replace=ADDRESS`.
    pub replace: BTreeSet<String>,
    /// `-destroy`.
    pub destroy: bool,
}

impl Default for PlanOptions {
    fn default() -> Self {
        Self { refresh: true, replace: BTreeSet::new(), destroy: false }
    }
}

/// A plan, as saved by `plan -out`.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Every object of the configuration and every one that is to be deleted, in the order in which they were planned.
    pub changes: Vec<Change>,
    /// The state after the refresh.
    pub refreshed: State,
    /// What the refresh found: the objects that differ, from the state that was given to the one that was read.
    pub drift: Vec<Change>,
    /// What the provider said, and errors of the configuration.
    pub diagnostics: Vec<Said>,
    /// The CLI's rules that the provider broke. Each is an error too: its object is not planned.
    pub violations: Vec<String>,
    configuration: Configuration,
    prior: State,
    replace: BTreeSet<String>,
    private: BTreeMap<String, Vec<u8>>,
}

impl Plan {
    /// The CLI would not apply this plan.
    pub fn has_errors(&self) -> bool {
        !self.violations.is_empty() || has_errors(&self.diagnostics)
    }

    /// Nothing is to be done (`-detailed-exitcode` 0, provided there is no error).
    pub fn is_empty(&self) -> bool {
        self.changes.iter().all(|change| change.action == Action::NoOp)
    }

    /// What is planned for an object.
    pub fn change(&self, address: &str) -> Option<&Change> {
        self.changes.iter().find(|change| change.address == address)
    }
}

/// What happens to one object.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The object's address.
    pub address: String,
    /// What is done.
    pub action: Action,
    /// The object before; null when it is new.
    pub before: Dynamic,
    /// The object after, in which anything may be unknown; null when it is deleted.
    pub after: Dynamic,
}

/// A kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Nothing is done.
    NoOp,
    /// A new object.
    Create,
    /// A change in place.
    Update,
    /// The object is deleted, then a new one is made.
    Replace,
    /// The object is deleted.
    Delete,
}

/// A diagnostic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The object; empty when it is about the provider's block.
    pub address: String,
    /// `validate`, `configure`, `upgrade`, `refresh`, `plan`, `apply`, `import` or `read`.
    pub phase: &'static str,
    /// An error, or else a warning.
    pub error: bool,
    /// One line.
    pub summary: String,
    /// The rest.
    pub detail: String,
    /// The attribute.
    pub path: Option<String>,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = if self.error { "error" } else { "warning" };
        let at = self.path.as_ref().map(|path| format!(".{path}")).unwrap_or_default();
        write!(f, "{severity} in {} of {}{at}: {}\n{}", self.phase, self.address, self.summary, self.detail)
    }
}

/// How an apply ended.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// The state that is on disk now.
    pub state: State,
    /// What the provider said, and the CLI's own errors.
    pub diagnostics: Vec<Said>,
    /// The CLI's rules that the provider broke. Each is an error too: what depends on its object is not done.
    pub violations: Vec<String>,
    /// What was asked of the provider and done without an error, in order. A replacement is a `Delete` and a `Create`.
    pub done: Vec<(String, Action)>,
    /// The time from the interrupt to the end of the apply; none when the apply ended before it.
    pub ended_after_interrupt: Option<Duration>,
}

impl Applied {
    /// The CLI would end with exit code 1.
    pub fn has_errors(&self) -> bool {
        !self.violations.is_empty() || has_errors(&self.diagnostics)
    }
}

/// How an import ended.
#[derive(Clone, Debug, Default)]
pub struct Imported {
    /// The state, with the object if there was no error.
    pub state: State,
    /// What the provider said, and the CLI's own errors.
    pub diagnostics: Vec<Said>,
    /// The CLI's rules that the provider broke.
    pub violations: Vec<String>,
}

impl Imported {
    /// The CLI would end with exit code 1.
    pub fn has_errors(&self) -> bool {
        !self.violations.is_empty() || has_errors(&self.diagnostics)
    }
}

fn has_errors(said: &[Said]) -> bool {
    said.iter().any(|said| said.error)
}

impl<P: ProviderType> Cli<P> {
    /// A CLI whose provider block is `provider_config`. The provider's schema is read here, as from its wire.
    pub fn new(provider: fn() -> Provider<P>, provider_config: Dynamic) -> Self {
        let schemas = process::schemas(provider());
        let provider_config = schemas.provider.complete(provider_config);
        Self { provider, provider_config, schemas }
    }

    /// Plans. First everything is validated by a process that is not configured, with all references unknown; then, in
    /// a new process, object by object in order of their dependencies: UpgradeResourceState, ReadResource (unless
    /// `refresh` is off), ValidateResourceConfig, PlanResourceChange, and once more for a replacement.
    ///
    /// With `destroy`, such a plan comes first, whose warnings nobody sees (it is how the CLIs refresh then), and after
    /// it, in a further process, the deletions are planned.
    pub async fn plan(&self, configuration: &Configuration, state: &State, options: &PlanOptions) -> Plan {
        plan::run(self, configuration, state, options).await
    }

    /// Applies a plan: UpgradeResourceState, ValidateResourceConfig, PlanResourceChange and ApplyResourceChange for each
    /// object that changes; what does not change is not asked about. A plan that has errors is not applied.
    pub async fn apply(&self, plan: &Plan) -> Applied {
        apply::run(self, plan).await
    }

    /// Applies until `cut` resolves: then the CLI and the provider are gone at once, and nothing more is sent. The state
    /// is the one after the last object that was answered.
    pub async fn apply_until(&self, plan: &Plan, cut: impl Future<Output = ()> + Send) -> Applied {
        apply::run_until(self, plan, cut).await
    }

    /// Applies, and calls StopProvider when `interrupt` resolves. What is under way comes to its end; nothing else begins.
    pub async fn apply_interrupted(&self, plan: &Plan, interrupt: impl Future<Output = ()> + Send) -> Applied {
        apply::run_interrupted(self, plan, interrupt).await
    }

    /// Plans configurations that have nothing to do with each other, each with its state: by one process, so many at a
    /// time (`-parallelism`). Validated is what is planned, as it is planned.
    ///
    /// # Errors
    /// What a provider said that could not be configured.
    pub async fn plan_all(&self, members: &[(Configuration, State)], at_once: usize) -> Result<Vec<Plan>, Vec<Said>> {
        crowd::plan(self, members, at_once).await
    }

    /// Applies such plans, again by one process.
    ///
    /// # Errors
    /// As of [`Self::plan_all`].
    pub async fn apply_all(&self, plans: &[Plan], at_once: usize) -> Result<Vec<Applied>, Vec<Said>> {
        crowd::apply(self, plans, at_once).await
    }

    /// Imports an object: ImportResourceState, ReadResource.
    pub async fn import(&self, state: &State, address: &str, type_name: &str, id: &str) -> Imported {
        look::import(self, state, address, type_name, id).await
    }

    /// Reads a data source. The answer is null after an error.
    pub async fn read_data(&self, type_name: &str, config: Dynamic) -> (Dynamic, Vec<Said>) {
        look::read_data(self, type_name, config).await
    }
}
