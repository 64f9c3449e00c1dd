//! A process of the provider: a fresh service on a runtime of its own, asked in bytes and answering in bytes. When it
//! ends, everything that it was doing ends with it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use prost::Message;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::{Request, Response, Status};

use super::schema::{Schema, Schemas, Source};
use super::{Cli, Object, Said, rules, schema};
use crate::dynamic::Dynamic;
use crate::path::{AttributePath, Step};
use crate::provider::{Provider, ProviderType};
use crate::wire::convert::{from_value, to_value};
use crate::wire::{Service, pb};
use pb::provider_server::Provider as _;

/// How long a process may take to end. It is only ever the time that one task needs to its next wait.
const END: Duration = Duration::from_secs(10);

/// What is said while a phase runs.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub diagnostics: Vec<Said>,
    pub violations: Vec<String>,
}

/// An object, or the whole phase, cannot go on; the log says why.
#[derive(Debug)]
pub(super) struct Failed;

impl Log {
    /// Takes in what the provider said about an object.
    pub(super) fn take(&mut self, address: &str, phase: &'static str, said: Vec<pb::Diagnostic>) -> Result<(), Failed> {
        let before = self.diagnostics.len();
        self.diagnostics.extend(said.into_iter().map(|diagnostic| Said {
            address: address.to_owned(),
            phase,
            error: diagnostic.severity() != pb::diagnostic::Severity::Warning,
            path: diagnostic.attribute.map(read_path).map(|path| path.to_string()),
            summary: diagnostic.summary,
            detail: diagnostic.detail,
        }));
        if super::has_errors(&self.diagnostics[before..]) { Err(Failed) } else { Ok(()) }
    }

    /// An error of the CLI's own.
    pub(super) fn fail(&mut self, address: &str, phase: &'static str, summary: &str, detail: String) -> Failed {
        let (address, summary) = (address.to_owned(), summary.to_owned());
        self.diagnostics.push(Said { address, phase, error: true, summary, detail, path: None });
        Failed
    }

    pub(super) fn breach(&mut self, summary: &str, address: &str, detail: &str) -> Failed {
        self.violations.push(format!("{summary}: {address}: {detail}"));
        Failed
    }

    /// Takes in the rules that an answer broke.
    pub(super) fn check(&mut self, summary: &str, address: &str, found: Vec<rules::Breach>) -> Result<(), Failed> {
        if found.is_empty() {
            return Ok(());
        }
        for rules::Breach { path, text } in found {
            let at = if path.0.is_empty() { address.to_owned() } else { format!("{address}.{path}") };
            self.breach(summary, &at, &text);
        }
        Err(Failed)
    }
}

pub(super) fn read_path(path: pb::AttributePath) -> AttributePath {
    use pb::attribute_path::step::Selector;
    let step = |step: pb::attribute_path::Step| match step.selector? {
        Selector::AttributeName(name) => Some(Step::Attribute(name)),
        Selector::ElementKeyString(key) => Some(Step::Key(key)),
        Selector::ElementKeyInt(index) => Some(Step::Index(index)),
    };
    AttributePath(path.steps.into_iter().filter_map(step).collect())
}

/// Reads the schemas, as a process does that only lives for this.
pub(super) fn schemas<P: ProviderType>(provider: Provider<P>) -> Schemas {
    let service = Service::new(provider, CancellationToken::new(), TaskTracker::new());
    let answer = service.get_provider_schema(Request::new(Default::default())).now_or_never();
    let schema = answer.and_then(Result::ok).map(Response::into_inner).unwrap_or_default();
    Schemas::read(over_the_wire(&schema))
}

/// A message as the other side gets it.
fn over_the_wire<M: Message + Default>(message: &M) -> M {
    M::decode(message.encode_to_vec().as_slice()).unwrap_or_default()
}

/// An answer to plan or apply, brought into its type.
pub(super) struct Answer {
    pub value: Dynamic,
    pub private: Vec<u8>,
    pub said: Vec<pb::Diagnostic>,
    pub replace: Vec<AttributePath>,
}

pub(super) struct Process<P: ProviderType> {
    runtime: Option<Runtime>,
    service: Arc<Service<P>>,
}

/// Not awaited to its end: the caller's own future was dropped.
impl<P: ProviderType> Drop for Process<P> {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl<P: ProviderType> Process<P> {
    /// A process that is not configured.
    pub(super) fn start(cli: &Cli<P>) -> Self {
        let mut threads = Builder::new_multi_thread();
        threads.worker_threads(1).thread_name("provider").thread_stack_size(crate::server::STACK);
        let runtime = threads.enable_all().build();
        let service = Service::new((cli.provider)(), CancellationToken::new(), TaskTracker::new());
        Self { runtime: Some(runtime.expect("a thread can be started")), service: Arc::new(service) }
    }

    /// Ends the process, whatever it is doing. Nothing of it is left afterwards.
    pub(super) async fn end(mut self) {
        if let Some(runtime) = self.runtime.take() {
            let _ = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(END)).await;
        }
    }

    async fn call<Q, A, F>(
        &self,
        question: Q,
        method: impl FnOnce(Arc<Service<P>>, Request<Q>) -> F,
    ) -> Result<A, String>
    where
        Q: Message + Default,
        A: Message + Default + 'static,
        F: Future<Output = Result<Response<A>, Status>> + Send + 'static,
    {
        let Some(runtime) = &self.runtime else { return Err("the provider has ended".to_owned()) };
        let answering = method(self.service.clone(), Request::new(over_the_wire(&question)));
        match runtime.spawn(answering).await {
            Ok(Ok(answer)) => Ok(over_the_wire(answer.get_ref())),
            Ok(Err(status)) => Err(status.to_string()),
            Err(died) => Err(format!("the provider died: {died}")),
        }
    }

    /// ValidateProviderConfig, and ConfigureProvider unless this process only validates.
    pub(super) async fn configure(&self, cli: &Cli<P>, log: &mut Log, only_validate: bool) -> Result<(), Failed> {
        let config = to_value(&cli.provider_config);
        let request = pb::validate_provider_config::Request { config: config.clone() };
        let answer = self.call(request, |it, request| async move { it.validate_provider_config(request).await }).await;
        let answer = answered(log, "", answer)?;
        log.take("", "validate", answer.diagnostics)?;
        if only_validate {
            return Ok(());
        }
        let request = pb::configure_provider::Request {
            terraform_version: "1.15.5".to_owned(),
            config,
            client_capabilities: capabilities(),
        };
        let answer = self.call(request, |it, request| async move { it.configure_provider(request).await }).await;
        let answer = answered(log, "", answer)?;
        log.take("", "configure", answer.diagnostics)
    }

    /// ValidateResourceConfig.
    pub(super) async fn validate(
        &self,
        log: &mut Log,
        address: &str,
        type_name: &str,
        config: &Dynamic,
    ) -> Result<(), Failed> {
        let request = pb::validate_resource_config::Request {
            type_name: type_name.to_owned(),
            config: to_value(config),
            client_capabilities: capabilities(),
        };
        let answer = self.call(request, |it, request| async move { it.validate_resource_config(request).await }).await;
        let answer = answered(log, address, answer)?;
        log.take(address, "validate", answer.diagnostics)
    }

    /// UpgradeResourceState: the object as this version of the provider has it.
    pub(super) async fn upgrade(
        &self,
        log: &mut Log,
        schema: &Schema,
        address: &str,
        object: &Object,
    ) -> Result<Object, Failed> {
        const SUMMARY: &str = "Invalid resource state upgrade";
        let json = schema::to_json(&object.value).to_string().into_bytes();
        let request = pb::upgrade_resource_state::Request {
            type_name: object.type_name.clone(),
            version: schema.version,
            raw_state: Some(pb::RawState { json, ..Default::default() }),
        };
        let answer = self.call(request, |it, request| async move { it.upgrade_resource_state(request).await }).await;
        let answer = answered(log, address, answer)?;
        log.take(address, "upgrade", answer.diagnostics)?;
        let value = conform(log, SUMMARY, address, schema, answer.upgraded_state)?;
        log.check(SUMMARY, address, rules::unknown_values(schema, &value))?;
        log.check(SUMMARY, address, rules::write_only_values(schema, &value))?;
        Ok(Object { value: schema.stored(&value), ..object.clone() })
    }

    /// ReadResource: the object with what is there now; its value is null when it is gone.
    pub(super) async fn read(
        &self,
        log: &mut Log,
        schema: &Schema,
        address: &str,
        object: &Object,
    ) -> Result<Object, Failed> {
        const SUMMARY: &str = "Provider produced invalid object";
        let request = pb::read_resource::Request {
            type_name: object.type_name.clone(),
            current_state: to_value(&object.value),
            private: object.private.clone(),
            client_capabilities: capabilities(),
            ..Default::default()
        };
        let answer = self.call(request, |it, request| async move { it.read_resource(request).await }).await;
        let answer = answered(log, address, answer)?;
        log.take(address, "refresh", answer.diagnostics)?;
        let value = conform(log, SUMMARY, address, schema, answer.new_state)?;
        log.check(SUMMARY, address, rules::unknown_values(schema, &value))?;
        log.check(SUMMARY, address, rules::write_only_values(schema, &value))?;
        Ok(Object { value: schema.stored(&value), private: answer.private, ..object.clone() })
    }

    /// PlanResourceChange. The caller decides what becomes of the diagnostics.
    pub(super) async fn plan(
        &self,
        log: &mut Log,
        address: &str,
        request: pb::plan_resource_change::Request,
    ) -> Result<Answer, Failed> {
        let request = pb::plan_resource_change::Request { client_capabilities: capabilities(), ..request };
        let answer = self.call(request, |it, request| async move { it.plan_resource_change(request).await }).await;
        let answer = answered(log, address, answer)?;
        Ok(Answer {
            value: from_value(answer.planned_state).unwrap_or(Dynamic::Null),
            private: answer.planned_private,
            said: answer.diagnostics,
            replace: answer.requires_replace.into_iter().map(read_path).collect(),
        })
    }

    /// ApplyResourceChange.
    pub(super) async fn apply(
        &self,
        log: &mut Log,
        address: &str,
        request: pb::apply_resource_change::Request,
    ) -> Result<Answer, Failed> {
        let answer = self.call(request, |it, request| async move { it.apply_resource_change(request).await }).await;
        let answer = answered(log, address, answer)?;
        Ok(Answer {
            value: from_value(answer.new_state).unwrap_or(Dynamic::Null),
            private: answer.private,
            said: answer.diagnostics,
            replace: Vec::new(),
        })
    }

    /// ImportResourceState.
    pub(super) async fn import(
        &self,
        log: &mut Log,
        address: &str,
        type_name: &str,
        id: &str,
    ) -> Result<pb::import_resource_state::Response, Failed> {
        let request = pb::import_resource_state::Request {
            type_name: type_name.to_owned(),
            id: id.to_owned(),
            client_capabilities: capabilities(),
            ..Default::default()
        };
        let answer = self.call(request, |it, request| async move { it.import_resource_state(request).await }).await;
        answered(log, address, answer)
    }

    /// ValidateDataResourceConfig and ReadDataSource.
    pub(super) async fn read_data(
        &self,
        log: &mut Log,
        schema: &Schema,
        type_name: &str,
        config: &Dynamic,
    ) -> Result<Dynamic, Failed> {
        const SUMMARY: &str = "Provider produced invalid object";
        let address = format!("data.{type_name}");
        let request =
            pb::validate_data_resource_config::Request { type_name: type_name.to_owned(), config: to_value(config) };
        let answer = self.call(request, |it, request| async move { it.validate_data_resource_config(request).await });
        let answer = answer.await;
        let answer = answered(log, &address, answer)?;
        log.take(&address, "validate", answer.diagnostics)?;
        let request = pb::read_data_source::Request {
            type_name: type_name.to_owned(),
            config: to_value(config),
            client_capabilities: capabilities(),
            ..Default::default()
        };
        let answer = self.call(request, |it, request| async move { it.read_data_source(request).await }).await;
        let answer = answered(log, &address, answer)?;
        log.take(&address, "read", answer.diagnostics)?;
        let value = conform(log, SUMMARY, &address, schema, answer.state)?;
        log.check(SUMMARY, &address, rules::unknown_values(schema, &value))?;
        if value.is_null() { Err(log.breach(SUMMARY, &address, "null")) } else { Ok(value) }
    }

    /// StopProvider.
    pub(super) async fn stop(&self) {
        let stopped =
            self.call(pb::stop_provider::Request {}, |it, request| async move { it.stop_provider(request).await });
        let _: Result<pb::stop_provider::Response, _> = stopped.await;
    }
}

fn capabilities() -> Option<pb::ClientCapabilities> {
    Some(pb::ClientCapabilities { deferral_allowed: false, write_only_attributes_allowed: true })
}

fn answered<A>(log: &mut Log, address: &str, answer: Result<A, String>) -> Result<A, Failed> {
    answer.map_err(|why| log.breach("Plugin did not respond", address, &why))
}

/// A value of an answer, in its type.
pub(super) fn conform(
    log: &mut Log,
    summary: &str,
    address: &str,
    schema: &Schema,
    value: Option<pb::DynamicValue>,
) -> Result<Dynamic, Failed> {
    let value = from_value(value).map_err(|unreadable| log.breach(summary, address, &unreadable.to_string()))?;
    conformed(log, summary, address, schema, &value)
}

/// The same, of a value that was read.
pub(super) fn conformed(
    log: &mut Log,
    summary: &str,
    address: &str,
    schema: &Schema,
    value: &Dynamic,
) -> Result<Dynamic, Failed> {
    schema.conform(value, Source::Answer).map_err(|misfit| {
        let at = if misfit.path.0.is_empty() { address.to_owned() } else { format!("{address}.{}", misfit.path) };
        log.breach(summary, &at, &misfit.text)
    })
}
