//! Planning: what a CLI asks before it shows a plan.

use std::collections::{BTreeMap, BTreeSet};

use super::evaluate::{self, Values};
use super::process::{Answer, Failed, Log, Process, conformed};
use super::schema::Schema;
use super::{Action, Block, Change, Cli, Configuration, Object, Plan, PlanOptions, State, graph, rules};
use crate::dynamic::Dynamic;
use crate::provider::ProviderType;
use crate::wire::convert::to_value;
use crate::wire::pb;

pub(super) const INVALID_PLAN: &str = "Provider produced invalid plan";

pub(super) async fn run<P: ProviderType>(
    cli: &Cli<P>,
    configuration: &Configuration,
    state: &State,
    options: &PlanOptions,
) -> Plan {
    let mut plan = Plan {
        configuration: configuration.clone(),
        prior: state.clone(),
        refreshed: state.clone(),
        replace: options.replace.clone(),
        ..Plan::default()
    };
    let mut log = Log::default();
    if validate(cli, configuration, &mut log).await.is_err() {
        return Plan { diagnostics: log.diagnostics, violations: log.violations, ..plan };
    }
    let (blocks, refresh) = (graph::dependencies(configuration), options.refresh);
    if !options.destroy {
        everything(cli, &mut plan, &mut log, refresh, &blocks).await;
    } else {
        if refresh && !state.objects.is_empty() {
            everything(cli, &mut plan, &mut log, refresh, &blocks).await;
            if super::has_errors(&log.diagnostics) || !log.violations.is_empty() {
                return Plan { changes: Vec::new(), diagnostics: log.diagnostics, violations: log.violations, ..plan };
            }
            (plan.changes, plan.private, log) = Default::default();
        }
        let process = Process::start(cli);
        if process.configure(cli, &mut log, false).await.is_ok() {
            Walk::new(cli, &process, &mut plan, &mut log, false).deletions().await;
        }
        process.end().await;
    }
    Plan { diagnostics: log.diagnostics, violations: log.violations, ..plan }
}

/// In a process of its own.
async fn everything<P: ProviderType>(
    cli: &Cli<P>,
    plan: &mut Plan,
    log: &mut Log,
    refresh: bool,
    blocks: &BTreeMap<String, BTreeSet<String>>,
) {
    let process = Process::start(cli);
    if process.configure(cli, log, false).await.is_ok() {
        Walk::new(cli, &process, plan, log, refresh).everything(blocks).await;
    }
    process.end().await;
}

/// One configuration, by a process that is configured.
pub(super) async fn with<P: ProviderType>(
    cli: &Cli<P>,
    process: &Process<P>,
    configuration: &Configuration,
    state: &State,
) -> Plan {
    let (configuration, prior, refreshed) = (configuration.clone(), state.clone(), state.clone());
    let blocks = graph::dependencies(&configuration);
    let mut plan = Plan { configuration, prior, refreshed, ..Plan::default() };
    let mut log = Log::default();
    Walk::new(cli, process, &mut plan, &mut log, true).everything(&blocks).await;
    Plan { diagnostics: log.diagnostics, violations: log.violations, ..plan }
}

/// Validates everything, with unknown for every reference, in a process that is not configured.
async fn validate<P: ProviderType>(cli: &Cli<P>, configuration: &Configuration, log: &mut Log) -> Result<(), Failed> {
    if let Some(address) = evaluate::twice(configuration) {
        return Err(log.fail(address, "validate", "Duplicate resource configuration", "It exists already.".to_owned()));
    }
    if let Err(circle) = graph::order(&graph::dependencies(configuration)) {
        return Err(log.fail("", "validate", "Cycle", circle.join(", ")));
    }
    let process = Process::start(cli);
    let mut ended = process.configure(cli, log, true).await;
    for block in &configuration.blocks {
        ended = ended.and(validate_block(cli, &process, configuration, block, log).await);
    }
    process.end().await;
    ended
}

async fn validate_block<P: ProviderType>(
    cli: &Cli<P>,
    process: &Process<P>,
    configuration: &Configuration,
    block: &Block,
    log: &mut Log,
) -> Result<(), Failed> {
    let schema = schema(cli, log, "validate", &block.address, &block.type_name)?;
    let config = evaluate::config(log, "validate", schema, block, configuration, &Values::new())?;
    process.validate(log, &block.address, &block.type_name, &config).await
}

pub(super) fn schema<'a, P: ProviderType>(
    cli: &'a Cli<P>,
    log: &mut Log,
    phase: &'static str,
    address: &str,
    type_name: &str,
) -> Result<&'a Schema, Failed> {
    cli.schemas.resources.get(type_name).ok_or_else(|| {
        let detail = format!("The provider does not support resource type {type_name:?}.");
        log.fail(address, phase, "Invalid resource type", detail)
    })
}

/// One process that plans.
struct Walk<'a, P: ProviderType> {
    cli: &'a Cli<P>,
    plan: &'a mut Plan,
    log: &'a mut Log,
    process: &'a Process<P>,
    refresh: bool,
    values: Values,
}

impl<'a, P: ProviderType> Walk<'a, P> {
    fn new(cli: &'a Cli<P>, process: &'a Process<P>, plan: &'a mut Plan, log: &'a mut Log, refresh: bool) -> Self {
        Self { cli, plan, log, process, refresh, values: Values::new() }
    }

    /// Refreshes and plans the blocks in order of their dependencies, and what has no block any more.
    async fn everything(&mut self, blocks: &BTreeMap<String, BTreeSet<String>>) {
        let mut nodes = blocks.clone();
        for address in self.plan.prior.objects.keys() {
            nodes.entry(address.clone()).or_default();
        }
        let mut failed = BTreeSet::new();
        for address in graph::order(&nodes).unwrap_or_default() {
            let block = self.plan.configuration.blocks.iter().find(|block| block.address == address).cloned();
            let depends_on = blocks.get(&address).cloned().unwrap_or_default();
            let planned = match block {
                _ if !depends_on.is_disjoint(&failed) => Err(Failed),
                Some(block) => self.block(&block, depends_on).await,
                None => self.orphan(&address).await,
            };
            if planned.is_err() {
                failed.insert(address);
            }
        }
    }

    async fn block(&mut self, block: &Block, depends_on: BTreeSet<String>) -> Result<(), Failed> {
        let address = &block.address;
        let schema = schema(self.cli, self.log, "plan", address, &block.type_name)?;
        let mut current = self.refreshed(address).await?;
        if let Some(current) = current.as_mut().filter(|_| self.refresh) {
            let known: BTreeSet<String> = current.dependencies.drain(..).chain(depends_on.iter().cloned()).collect();
            current.dependencies = known.into_iter().collect();
            self.keep(address, current);
        }
        let config = evaluate::config(self.log, "plan", schema, block, &self.plan.configuration, &self.values)?;
        let is_forced = self.plan.replace.contains(address);
        let of_object = OfObject { address, type_name: &block.type_name, schema, config: &config, is_forced };
        let planned = object(self.process, self.log, &of_object, current.as_ref(), None).await?;
        // Nothing will write the dependencies of an object that does not change: they are written now.
        if planned.change.action == Action::NoOp
            && let Some(object) = self.plan.refreshed.objects.get_mut(address)
        {
            object.dependencies = depends_on.into_iter().collect();
        }
        self.values.insert(address.clone(), planned.change.after.clone());
        self.plan.private.insert(address.clone(), planned.private);
        self.plan.changes.push(planned.change);
        Ok(())
    }

    /// An object without a block is read too: it may be gone already.
    async fn orphan(&mut self, address: &str) -> Result<(), Failed> {
        match self.refreshed(address).await? {
            Some(object) if !object.value.is_null() => self.deletion(address, &object).await,
            _ => Ok(()),
        }
    }

    /// The walk of `-destroy`, over what is there after the refresh.
    async fn deletions(&mut self) {
        for (address, object) in self.plan.refreshed.objects.clone() {
            if let Ok(schema) = schema(self.cli, self.log, "plan", &address, &object.type_name)
                && let Ok(object) = self.process.upgrade(self.log, schema, &address, &object).await
            {
                let _ = self.deletion(&address, &object).await;
            }
        }
    }

    /// An object of the state, upgraded, and read unless that is off. Its value is null when it is gone; what it was
    /// kept with stays (a plan for a new object in its place gets that private state).
    async fn refreshed(&mut self, address: &str) -> Result<Option<Object>, Failed> {
        let Some(object) = self.plan.prior.objects.get(address).cloned() else { return Ok(None) };
        let schema = schema(self.cli, self.log, "refresh", address, &object.type_name)?;
        let before = self.process.upgrade(self.log, schema, address, &object).await?;
        self.keep(address, &before);
        if !self.refresh {
            return Ok(Some(before));
        }
        let found = self.process.read(self.log, schema, address, &before).await?;
        self.keep(address, &found);
        if found.value != before.value {
            let action = if found.value.is_null() { Action::Delete } else { Action::Update };
            let (address, after) = (address.to_owned(), found.value.clone());
            self.plan.drift.push(Change { address, action, before: before.value, after });
        }
        Ok(Some(found))
    }

    fn keep(&mut self, address: &str, object: &Object) {
        if object.value.is_null() {
            self.plan.refreshed.objects.remove(address);
        } else {
            self.plan.refreshed.objects.insert(address.to_owned(), object.clone());
        }
    }

    async fn deletion(&mut self, address: &str, object: &Object) -> Result<(), Failed> {
        let mut private = object.private.clone();
        if self.cli.schemas.plan_destroy {
            let request = pb::plan_resource_change::Request {
                type_name: object.type_name.clone(),
                prior_state: to_value(&object.value),
                proposed_new_state: to_value(&Dynamic::Null),
                config: to_value(&Dynamic::Null),
                prior_private: object.private.clone(),
                ..Default::default()
            };
            let answer = self.process.plan(self.log, address, request).await?;
            self.log.take(address, "plan", answer.said)?;
            if !answer.value.is_null() {
                return Err(self.log.breach(INVALID_PLAN, address, "planned a non-null destroy value"));
            }
            private = answer.private;
        }
        self.plan.private.insert(address.to_owned(), private);
        let (before, after) = (object.value.clone(), Dynamic::Null);
        self.plan.changes.push(Change { address: address.to_owned(), action: Action::Delete, before, after });
        Ok(())
    }
}

/// What is planned for one object, and the private state that goes to its apply.
pub(super) struct Planned {
    pub change: Change,
    pub private: Vec<u8>,
}

/// An object that is to be planned.
pub(super) struct OfObject<'a> {
    pub address: &'a str,
    pub type_name: &'a str,
    pub schema: &'a Schema,
    pub config: &'a Dynamic,
    /// `-replace`.
    pub is_forced: bool,
}

/// Plans one object: at plan, and again at apply with the configuration as it is known then (`earlier` is the change of
/// the first time).
pub(super) async fn object<P: ProviderType>(
    process: &Process<P>,
    log: &mut Log,
    of: &OfObject<'_>,
    current: Option<&Object>,
    earlier: Option<&Change>,
) -> Result<Planned, Failed> {
    let OfObject { address, type_name, schema, config, is_forced } = *of;
    process.validate(log, address, type_name, config).await?;
    // What is tainted is planned as if it was not there.
    let (prior, private) = match current {
        Some(object) if !object.tainted => (object.value.clone(), object.private.clone()),
        _ => (Dynamic::Null, Vec::new()),
    };
    let answer = ask(process, log, of, &prior, private).await?;
    log.take(address, "plan", answer.said)?;
    let mut planned = shaped(log, schema, address, &answer.value)?;
    log.check(INVALID_PLAN, address, rules::plan_valid(schema, &prior, config, &planned))?;
    let replaced_by = match rules::replaced_by(schema, &prior, &planned, &answer.replace) {
        Ok(paths) => paths,
        Err(found) => return log.check(INVALID_PLAN, address, found).and(Err(Failed)),
    };
    let mut action = rules::action(&prior, &planned, &replaced_by, is_forced);
    let mut private = answer.private;
    if action == Action::Replace {
        // The new object is planned as one, starting from the private state of the first plan.
        let answer = ask(process, log, of, &Dynamic::Null, private).await?;
        // Its warnings were said the first time.
        if answer.said.iter().any(|said| said.severity() != pb::diagnostic::Severity::Warning) {
            log.take(address, "plan", answer.said)?;
        }
        planned = shaped(log, schema, address, &answer.value)?;
        private = answer.private;
    }
    let mut before = prior;
    if action == Action::Create {
        if let Some(tainted) = current.filter(|object| object.tainted && !object.value.is_null()) {
            action = Action::Replace;
            before = tainted.value.clone();
        } else if let Some(earlier) = earlier.filter(|earlier| earlier.action == Action::Replace) {
            // The old object has been deleted in the meantime.
            action = Action::Replace;
            before = earlier.before.clone();
        }
    }
    Ok(Planned { change: Change { address: address.to_owned(), action, before, after: planned }, private })
}

async fn ask<P: ProviderType>(
    process: &Process<P>,
    log: &mut Log,
    of: &OfObject<'_>,
    prior: &Dynamic,
    private: Vec<u8>,
) -> Result<Answer, Failed> {
    let request = pb::plan_resource_change::Request {
        type_name: of.type_name.to_owned(),
        prior_state: to_value(prior),
        proposed_new_state: to_value(&rules::proposed_new(&of.schema.attributes, prior, of.config)),
        config: to_value(of.config),
        prior_private: private,
        ..Default::default()
    };
    process.plan(log, of.address, request).await
}

/// A planned value in its type, without write-only values.
fn shaped(log: &mut Log, schema: &Schema, address: &str, value: &Dynamic) -> Result<Dynamic, Failed> {
    let planned = conformed(log, INVALID_PLAN, address, schema, value)?;
    log.check(INVALID_PLAN, address, rules::write_only_values(schema, &planned))?;
    Ok(planned)
}
