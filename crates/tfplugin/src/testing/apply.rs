//! Applying: what a CLI does with a plan, to its end, to a kill or to an interrupt.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::evaluate::{self, Values};
use super::graph::{self, Node};
use super::plan::{self, OfObject};
use super::process::{Answer, Failed, Log, Process, conformed};
use super::schema::{self, Schema};
use super::{Action, Applied, Change, Cli, Object, Plan, State, rules};
use crate::dynamic::Dynamic;
use crate::path::AttributePath;
use crate::provider::ProviderType;
use crate::wire::convert::to_value;
use crate::wire::pb;

const FINAL_PLAN: &str = "Provider produced inconsistent final plan";
const RESULT: &str = "Provider produced inconsistent result after apply";
const INVALID_RESULT: &str = "Provider returned invalid result object after apply";
const INVALID_OBJECT: &str = "Provider produced invalid object";

pub(super) async fn run<P: ProviderType>(cli: &Cli<P>, plan: &Plan) -> Applied {
    run_interrupted(cli, plan, std::future::pending()).await
}

pub(super) async fn run_interrupted<P: ProviderType>(
    cli: &Cli<P>,
    plan: &Plan,
    interrupt: impl Future<Output = ()> + Send,
) -> Applied {
    let (process, halted, mut walk) = (Process::start(cli), AtomicBool::new(false), Walk::new(cli, plan));
    let interrupted = {
        let mut walking = pin!(walk.everything(&process, &halted));
        tokio::select! {
            biased;
            () = interrupt => {
                halted.store(true, Ordering::Relaxed);
                let since = Instant::now();
                process.stop().await;
                walking.await;
                Some(since.elapsed())
            }
            () = &mut walking => None,
        }
    };
    process.end().await;
    Applied { ended_after_interrupt: interrupted, ..walk.ended() }
}

pub(super) async fn run_until<P: ProviderType>(
    cli: &Cli<P>,
    plan: &Plan,
    cut: impl Future<Output = ()> + Send,
) -> Applied {
    let (process, halted, mut walk) = (Process::start(cli), AtomicBool::new(false), Walk::new(cli, plan));
    let is_cut = tokio::select! {
        biased;
        () = cut => true,
        () = walk.everything(&process, &halted) => false,
    };
    process.end().await;
    if is_cut { walk.cut_off() } else { walk.ended() }
}

/// One plan, by a process that is configured.
pub(super) async fn with<P: ProviderType>(cli: &Cli<P>, process: &Process<P>, plan: &Plan) -> Applied {
    let mut walk = Walk::new(cli, plan);
    walk.by(process, &AtomicBool::new(false)).await;
    walk.ended()
}

struct Walk<'a, P: ProviderType> {
    cli: &'a Cli<P>,
    plan: &'a Plan,
    log: Log,
    /// The state as it is on disk: written with each answer.
    disk: State,
    state: State,
    values: Values,
    dependencies: BTreeMap<String, BTreeSet<String>>,
    done: Vec<(String, Action)>,
}

impl<'a, P: ProviderType> Walk<'a, P> {
    fn new(cli: &'a Cli<P>, plan: &'a Plan) -> Self {
        let value = |change: &Change| (change.address.clone(), change.after.clone());
        Self {
            cli,
            plan,
            log: Log::default(),
            disk: plan.prior.clone(),
            state: plan.refreshed.clone(),
            values: plan.changes.iter().map(value).collect(),
            dependencies: graph::dependencies(&plan.configuration),
            done: Vec::new(),
        }
    }

    fn cut_off(self) -> Applied {
        Applied {
            state: self.disk,
            diagnostics: self.log.diagnostics,
            violations: self.log.violations,
            done: self.done,
            ended_after_interrupt: None,
        }
    }

    fn ended(mut self) -> Applied {
        if !self.plan.has_errors() {
            self.disk = std::mem::take(&mut self.state);
        }
        self.cut_off()
    }

    async fn everything(&mut self, process: &Process<P>, halted: &AtomicBool) {
        if self.plan.has_errors() || process.configure(self.cli, &mut self.log, false).await.is_ok() {
            self.by(process, halted).await;
        }
    }

    async fn by(&mut self, process: &Process<P>, halted: &AtomicBool) {
        if self.plan.has_errors() {
            let detail = "It ended in errors.".to_owned();
            self.log.fail("", "apply", "Cannot apply incomplete plan", detail);
            return;
        }
        let edges = graph::of_apply(&self.plan.changes, &self.dependencies, &self.plan.refreshed);
        let order = match graph::order(&edges) {
            Ok(order) => order,
            Err(circle) => {
                let circle: BTreeSet<String> = circle.into_iter().map(|node| node.address).collect();
                self.log.fail("", "apply", "Cycle", circle.into_iter().collect::<Vec<_>>().join(", "));
                return;
            }
        };
        let mut failed: BTreeSet<&Node> = BTreeSet::new();
        for node in &order {
            let Some(change) = self.plan.change(&node.address) else { continue };
            let ended = match edges.get(node) {
                Some(waits_for) if waits_for.iter().any(|it| failed.contains(it)) => Err(Failed),
                _ if halted.load(Ordering::Relaxed) => Err(self.halt(&node.address)),
                _ if node.makes => self.make(process, change, halted).await,
                _ => self.delete(process, change).await,
            };
            // What was under way came to its end; that the run was interrupted is an error all the same.
            if ended.is_ok() && halted.load(Ordering::Relaxed) {
                self.halt(&node.address);
            }
            if ended.is_err() {
                failed.insert(node);
            }
        }
    }

    /// After an interrupt nothing begins.
    fn halt(&mut self, address: &str) -> Failed {
        self.log.fail(address, "apply", "execution halted", "The apply was interrupted.".to_owned())
    }

    async fn delete(&mut self, process: &Process<P>, change: &Change) -> Result<(), Failed> {
        let address = &change.address;
        let Some(object) = self.state.objects.get(address).cloned() else { return Ok(()) };
        let schema = plan::schema(self.cli, &mut self.log, "apply", address, &object.type_name)?;
        let object = process.upgrade(&mut self.log, schema, address, &object).await?;
        let request = pb::apply_resource_change::Request {
            type_name: object.type_name.clone(),
            prior_state: to_value(&change.before),
            planned_state: to_value(&Dynamic::Null),
            config: to_value(&Dynamic::Null),
            planned_private: self.plan.private.get(address).cloned().unwrap_or_default(),
            ..Default::default()
        };
        let change = Change { action: Action::Delete, after: Dynamic::Null, ..change.clone() };
        let answer = process.apply(&mut self.log, address, request).await?;
        self.take(schema, &change, &object.type_name, Some(&object), answer)
    }

    async fn make(&mut self, process: &Process<P>, change: &Change, halted: &AtomicBool) -> Result<(), Failed> {
        let (plan, address) = (self.plan, &change.address);
        let Some(block) = plan.configuration.blocks.iter().find(|block| block.address == *address) else {
            return Err(self.log.fail(address, "apply", "Resource has no configuration", String::new()));
        };
        let schema = plan::schema(self.cli, &mut self.log, "apply", address, &block.type_name)?;
        let current = match self.state.objects.get(address).cloned() {
            Some(object) => Some(process.upgrade(&mut self.log, schema, address, &object).await?),
            None => None,
        };
        let config = evaluate::config(&mut self.log, "apply", schema, block, &plan.configuration, &self.values)?;
        let is_forced = plan.replace.contains(address);
        let of = OfObject { address, type_name: &block.type_name, schema, config: &config, is_forced };
        let planned = plan::object(process, &mut self.log, &of, current.as_ref(), Some(change)).await?;
        let mut found = rules::compatible(schema, &change.after, &planned.change.after);
        if !rules::same_action(change.action, planned.change.action) {
            let text = format!("the planned action changed from {:?} to {:?}", change.action, planned.change.action);
            found.insert(0, rules::Breach { path: AttributePath::root(), text });
        }
        self.log.check(FINAL_PLAN, address, found)?;
        let mut change = planned.change;
        if change.action == Action::NoOp {
            self.values.insert(address.clone(), change.after);
            return Ok(());
        }
        if change.action == Action::Replace {
            change = Change { action: Action::Create, before: Dynamic::Null, ..change };
        }
        if config.has_unknown() {
            let detail = "It still contains unknown values during apply.".to_owned();
            return Err(self.log.fail(address, "apply", "Configuration contains unknown value", detail));
        }
        if halted.load(Ordering::Relaxed) {
            return Err(self.halt(address));
        }
        let request = pb::apply_resource_change::Request {
            type_name: block.type_name.clone(),
            prior_state: to_value(&change.before),
            planned_state: to_value(&change.after),
            config: to_value(&config),
            planned_private: planned.private,
            ..Default::default()
        };
        let answer = process.apply(&mut self.log, address, request).await?;
        self.take(schema, &change, &block.type_name, current.as_ref(), answer)
    }

    /// Checks an answer and writes the state.
    fn take(
        &mut self,
        schema: &Schema,
        change: &Change,
        type_name: &str,
        before: Option<&Object>,
        answer: Answer,
    ) -> Result<(), Failed> {
        let address = &change.address;
        let said = self.log.take(address, "apply", answer.said);
        let (value, checked) = self.checked(schema, change, &answer.value, said.is_ok());
        let ended = said.and(checked);
        let dependencies = self.dependencies.get(address).into_iter().flatten().cloned().collect();
        let type_name = type_name.to_owned();
        let object =
            Object { type_name, value: schema.stored(&value), private: answer.private, tainted: false, dependencies };
        match rules::kept(change.action, before, object, ended.is_err()) {
            Some(object) => {
                self.values.insert(address.clone(), object.value.clone());
                self.state.objects.insert(address.clone(), object);
            }
            None => {
                self.state.objects.remove(address);
            }
        }
        self.disk = self.state.clone();
        if ended.is_ok() {
            self.done.push((address.clone(), change.action));
        }
        ended
    }

    /// The object that an answer holds, and whether the answer kept the rules. An answer that cannot be saved is none.
    fn checked(
        &mut self,
        schema: &Schema,
        change: &Change,
        value: &Dynamic,
        is_success: bool,
    ) -> (Dynamic, Result<(), Failed>) {
        let (address, log) = (&change.address, &mut self.log);
        let Ok(value) = conformed(log, INVALID_OBJECT, address, schema, value) else {
            return (Dynamic::Null, Err(Failed));
        };
        if log.check(INVALID_OBJECT, address, rules::write_only_values(schema, &value)).is_err() {
            return (Dynamic::Null, Err(Failed));
        }
        let mut ended = log.check(INVALID_RESULT, address, rules::unknown_values(schema, &value));
        let value = schema::unknown_as_null(&value);
        // Beside another error nobody is told of these: it is what explains them.
        if ended.is_ok() && is_success {
            ended = match change.action {
                Action::Delete if value.is_null() => Ok(()),
                Action::Delete => Err(log.breach(INVALID_RESULT, address, "a non-null object after a deletion")),
                _ => log.check(RESULT, address, rules::compatible(schema, &change.after, &value)),
            };
        }
        (value, ended)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Stage;
    use super::*;

    fn thing(name: &str, id: Dynamic) -> Dynamic {
        let members = [("name", name.into()), ("text", Dynamic::Null), ("id", id), ("code", Dynamic::Null)];
        Dynamic::Map(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// The framework gives no such answers: they are taken here as if they had come.
    #[test]
    fn an_answer_that_breaks_the_rules_is_an_error_and_kept_as_far_as_it_can_be() {
        let stage = Stage::new("answers");
        let planned = thing("a", Dynamic::Unknown);
        let with = |name: &str, value: Dynamic| match thing("a", "1".into()) {
            Dynamic::Map(mut members) => {
                members.insert(name.to_owned(), value);
                Dynamic::Map(members)
            }
            other => other,
        };
        for (action, value, violation, kept) in [
            (Action::Create, thing("a", "1".into()), "", Some(false)),
            (
                Action::Create,
                thing("A", "1".into()),
                "inconsistent result after apply: a.name: was \"a\", but now",
                Some(true),
            ),
            (Action::Create, planned.clone(), "invalid result object after apply: a.id: an unknown value", Some(true)),
            (Action::Create, Dynamic::Null, "inconsistent result after apply: a: Root object was present", None),
            (Action::Create, with("code", "x".into()), "invalid object: a.code: a value for a write-only", None),
            (Action::Create, with("name", Dynamic::Int(1)), "invalid object: a.name: string required", None),
            (Action::Create, with("other", Dynamic::Null), "invalid object: a: there is no attribute \"other\"", None),
            (Action::Delete, Dynamic::Null, "", None),
            (Action::Delete, thing("a", "1".into()), "a: a non-null object after a deletion", Some(false)),
        ] {
            let plan = Plan::default();
            let mut walk = Walk::new(&stage.cli, &plan);
            let after = if action == Action::Delete { Dynamic::Null } else { planned.clone() };
            let change = Change { address: "a".into(), action, before: Dynamic::Null, after };
            let answer = Answer { value: value.clone(), private: Vec::new(), said: Vec::new(), replace: Vec::new() };
            let schema = &stage.cli.schemas.resources["test_thing"];
            let ended = walk.take(schema, &change, "test_thing", None, answer);
            assert_eq!(ended.is_ok(), violation.is_empty(), "{value:?}");
            let said = walk.log.violations.join("\n");
            assert!(if violation.is_empty() { said.is_empty() } else { said.contains(violation) }, "{value:?}: {said}");
            assert_eq!(walk.disk.objects.get("a").map(|object| object.tainted), kept, "{value:?}");
        }
    }
}
