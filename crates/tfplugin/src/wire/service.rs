//! The provider's service: every call becomes a question to one erased type, and its answer a message again.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, RwLock};

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::{Request, Response, Status};

use super::convert::{
    from_raw_state, from_value, to_diagnostics, to_function, to_function_error, to_path, to_schema, to_value,
};
use super::pb;
use crate::context::{catch, panicked};
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::dynamic::Dynamic;
use crate::function::Refused;
use crate::model::{self, Draft, Model};
use crate::private::Private;
use crate::provider::{Provider, ProviderType};
use crate::resource::{AnyResource, ApplyRequest, PlanRequest, Scene};

pub(crate) struct Service<P> {
    offered: Arc<Provider<P>>,
    configured: RwLock<Option<Arc<P>>>,
    /// Cancelled when the user interrupts; every handler can wait for it.
    stop: CancellationToken,
    warned: Arc<AtomicBool>,
    /// Changes that are under way. They outlive the connection that asked for them.
    work: TaskTracker,
}

type Answer<T> = Result<Response<T>, Status>;

impl<P: ProviderType> Service<P> {
    pub(crate) fn new(offered: Provider<P>, stop: CancellationToken, work: TaskTracker) -> Self {
        Self { offered: Arc::new(offered), configured: RwLock::new(None), stop, warned: Arc::default(), work }
    }

    fn scene(&self, private: &[u8]) -> Result<Scene<P>, Diagnostic> {
        let provider = self.configured.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let provider = provider.ok_or_else(|| {
            Diagnostic::error("The provider is not configured", "The CLI asked before it sent the provider's block.")
        })?;
        Ok(Scene {
            provider,
            private: Private::from_bytes(private),
            stop: self.stop.clone(),
            warned: self.warned.clone(),
        })
    }

    fn resource(&self, type_name: &str) -> Result<&dyn AnyResource<P>, Diagnostic> {
        find(&self.offered.resources, P::NAME, "resource", type_name)
    }
}

fn find<'a, T: ?Sized>(
    types: &'a std::collections::BTreeMap<&'static str, Box<T>>,
    provider: &str,
    kind: &str,
    type_name: &str,
) -> Result<&'a T, Diagnostic> {
    type_name
        .strip_prefix(provider)
        .and_then(|rest| rest.strip_prefix('_'))
        .and_then(|name| types.get(name))
        .map(AsRef::as_ref)
        .ok_or_else(|| {
            Diagnostic::error(format!("There is no {kind} `{type_name}`"), "The provider does not offer it.")
        })
}

fn capabilities() -> Option<pb::ServerCapabilities> {
    Some(pb::ServerCapabilities { get_provider_schema_optional: true, plan_destroy: true, ..Default::default() })
}

/// The diagnostics of an inner part that answers nothing else. A panic is one of them.
fn said(inner: impl FnOnce() -> Result<Diagnostics, Diagnostic>) -> Vec<pb::Diagnostic> {
    let said = std::panic::catch_unwind(AssertUnwindSafe(inner));
    to_diagnostics(said.unwrap_or_else(|panic| Err(panicked(&*panic))).unwrap_or_else(Into::into))
}

/// An answer, or the same answer empty but for the diagnostics that `refused` puts into it. A panic is one of them.
async fn answer<T: Default>(
    inner: impl Future<Output = Result<T, Diagnostics>>,
    refused: impl FnOnce(&mut T, Vec<pb::Diagnostic>),
) -> Answer<T> {
    let answered = AssertUnwindSafe(inner).catch_unwind().await;
    Ok(Response::new(answered.unwrap_or_else(|panic| Err(panicked(&*panic).into())).unwrap_or_else(|diagnostics| {
        let mut empty = T::default();
        refused(&mut empty, to_diagnostics(diagnostics));
        empty
    })))
}

#[tonic::async_trait]
impl<P: ProviderType> pb::provider_server::Provider for Service<P> {
    async fn get_metadata(&self, _: Request<pb::get_metadata::Request>) -> Answer<pb::get_metadata::Response> {
        use pb::get_metadata::{
            DataSourceMetadata, EphemeralResourceMetadata, FunctionMetadata, ResourceMetadata, Response as Metadata,
        };
        let offered = &self.offered;
        Ok(Response::new(Metadata {
            server_capabilities: capabilities(),
            resources: type_names::<P, _>(&offered.resources)
                .into_iter()
                .map(|type_name| ResourceMetadata { type_name })
                .collect(),
            data_sources: type_names::<P, _>(&offered.data_sources)
                .into_iter()
                .map(|type_name| DataSourceMetadata { type_name })
                .collect(),
            ephemeral_resources: type_names::<P, _>(&offered.ephemerals)
                .into_iter()
                .map(|type_name| EphemeralResourceMetadata { type_name })
                .collect(),
            functions: offered.functions.keys().map(|name| FunctionMetadata { name: (*name).to_owned() }).collect(),
            ..Default::default()
        }))
    }

    async fn get_provider_schema(
        &self,
        _: Request<pb::get_provider_schema::Request>,
    ) -> Answer<pb::get_provider_schema::Response> {
        let offered = &self.offered;
        let name = |name: &str| format!("{}_{name}", P::NAME);
        Ok(Response::new(pb::get_provider_schema::Response {
            provider: Some(to_schema(0, P::Config::DESCRIPTION, &P::Config::attributes())),
            resource_schemas: offered
                .resources
                .iter()
                .map(|(key, it)| (name(key), to_schema(it.version(), it.description(), it.attributes())))
                .collect(),
            data_source_schemas: offered
                .data_sources
                .iter()
                .map(|(key, it)| (name(key), to_schema(0, it.description(), it.attributes())))
                .collect(),
            ephemeral_resource_schemas: offered
                .ephemerals
                .iter()
                .map(|(key, it)| (name(key), to_schema(0, it.description(), it.attributes())))
                .collect(),
            functions: functions(offered),
            server_capabilities: capabilities(),
            ..Default::default()
        }))
    }

    async fn validate_provider_config(
        &self,
        request: Request<pb::validate_provider_config::Request>,
    ) -> Answer<pb::validate_provider_config::Response> {
        let diagnostics = said(|| {
            let config = from_value(request.into_inner().config)?;
            Ok(model::validate::<P::Config>(&P::Config::attributes(), &config, P::validate))
        });
        Ok(Response::new(pb::validate_provider_config::Response { diagnostics }))
    }

    async fn configure_provider(
        &self,
        request: Request<pb::configure_provider::Request>,
    ) -> Answer<pb::configure_provider::Response> {
        let configured = async {
            let config = from_value(request.into_inner().config)?;
            let config = <<P::Config as Model>::Draft as Draft>::from_dynamic(&config).map_err(Diagnostics)?;
            catch(P::configure(config, self.stop.clone()))
                .await
                .map_err(|failure| failure.diagnose(&P::Config::attributes()))
        };
        let diagnostics = match configured.await {
            Ok(provider) => {
                *self.configured.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(Arc::new(provider));
                Vec::new()
            }
            Err(errors) => to_diagnostics(errors),
        };
        Ok(Response::new(pb::configure_provider::Response { diagnostics }))
    }

    async fn validate_resource_config(
        &self,
        request: Request<pb::validate_resource_config::Request>,
    ) -> Answer<pb::validate_resource_config::Response> {
        let request = request.into_inner();
        let diagnostics =
            said(|| self.resource(&request.type_name).and_then(|it| Ok(it.validate(&from_value(request.config)?))));
        Ok(Response::new(pb::validate_resource_config::Response { diagnostics }))
    }

    async fn upgrade_resource_state(
        &self,
        request: Request<pb::upgrade_resource_state::Request>,
    ) -> Answer<pb::upgrade_resource_state::Response> {
        let request = request.into_inner();
        let upgraded = async {
            let resource = self.resource(&request.type_name)?;
            // Also without a configured provider, as `terraform show` does.
            let provider = self.configured.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
            let state = resource.upgrade(provider.as_deref(), request.version, from_raw_state(request.raw_state)?)?;
            Ok(pb::upgrade_resource_state::Response { upgraded_state: to_value(&state), diagnostics: Vec::new() })
        };
        answer(upgraded, |empty, diagnostics| empty.diagnostics = diagnostics).await
    }

    async fn read_resource(&self, request: Request<pb::read_resource::Request>) -> Answer<pb::read_resource::Response> {
        let request = request.into_inner();
        let read = async {
            let resource = self.resource(&request.type_name)?;
            let outcome = resource.read(self.scene(&request.private)?, from_value(request.current_state)?).await;
            Ok(pb::read_resource::Response {
                new_state: to_value(&outcome.state),
                diagnostics: to_diagnostics(outcome.diagnostics),
                private: outcome.private.to_bytes(),
                ..Default::default()
            })
        };
        answer(read, |empty, diagnostics| empty.diagnostics = diagnostics).await
    }

    async fn plan_resource_change(
        &self,
        request: Request<pb::plan_resource_change::Request>,
    ) -> Answer<pb::plan_resource_change::Response> {
        let request = request.into_inner();
        let planned = async {
            let resource = self.resource(&request.type_name)?;
            let proposed = from_value(request.proposed_new_state)?;
            if proposed.is_null() {
                let scene = self.scene(&request.prior_private)?;
                let (private, said) = resource.plan_delete(scene, from_value(request.prior_state)?).await;
                return Ok(pb::plan_resource_change::Response {
                    planned_state: to_value(&Dynamic::Null),
                    planned_private: private.to_bytes(),
                    diagnostics: to_diagnostics(said),
                    ..Default::default()
                });
            }
            let change =
                PlanRequest { prior: from_value(request.prior_state)?, proposed, config: from_value(request.config)? };
            let planned = resource.plan(self.scene(&request.prior_private)?, change).await;
            Ok(pb::plan_resource_change::Response {
                planned_state: to_value(&planned.state),
                requires_replace: planned.replace.into_iter().map(to_path).collect(),
                planned_private: planned.private.to_bytes(),
                diagnostics: to_diagnostics(planned.diagnostics),
                ..Default::default()
            })
        };
        answer(planned, |empty, diagnostics| empty.diagnostics = diagnostics).await
    }

    async fn apply_resource_change(
        &self,
        request: Request<pb::apply_resource_change::Request>,
    ) -> Answer<pb::apply_resource_change::Response> {
        let request = request.into_inner();
        let prior = from_value(request.prior_state);
        // Whatever goes wrong before the handler runs has changed nothing: the state stays as it was.
        let unchanged = prior.as_ref().ok().and_then(to_value);
        let private = request.planned_private.clone();
        let applied = async {
            self.resource(&request.type_name)?;
            let change = ApplyRequest {
                prior: prior?,
                planned: from_value(request.planned_state)?,
                config: from_value(request.config)?,
            };
            let (offered, scene) = (self.offered.clone(), self.scene(&request.planned_private)?);
            // A task of its own: a broken connection drops what waits for it, and must not cut a change in two.
            let applied = self.work.spawn(async move {
                let resource = find(&offered.resources, P::NAME, "resource", &request.type_name)?;
                Ok::<_, Diagnostic>(resource.apply(scene, change).await)
            });
            let outcome = applied.await.map_err(|_| {
                Diagnostic::error("The change was abandoned", "The provider ended before it. Run again.")
            })??;
            Ok(pb::apply_resource_change::Response {
                new_state: to_value(&outcome.state),
                private: outcome.private.to_bytes(),
                diagnostics: to_diagnostics(outcome.diagnostics),
                ..Default::default()
            })
        };
        answer(applied, |empty, diagnostics| {
            *empty = pb::apply_resource_change::Response {
                new_state: unchanged,
                private,
                diagnostics,
                ..Default::default()
            };
        })
        .await
    }

    async fn import_resource_state(
        &self,
        request: Request<pb::import_resource_state::Request>,
    ) -> Answer<pb::import_resource_state::Response> {
        let request = request.into_inner();
        let imported = async {
            let resource = self.resource(&request.type_name)?;
            let outcome = resource.import(self.scene(&[])?, request.id).await;
            let imported = pb::import_resource_state::ImportedResource {
                type_name: request.type_name,
                state: to_value(&outcome.state),
                private: outcome.private.to_bytes(),
                identity: None,
            };
            Ok(pb::import_resource_state::Response {
                imported_resources: if outcome.state.is_null() { Vec::new() } else { vec![imported] },
                diagnostics: to_diagnostics(outcome.diagnostics),
                deferred: None,
            })
        };
        answer(imported, |empty, diagnostics| empty.diagnostics = diagnostics).await
    }

    async fn validate_data_resource_config(
        &self,
        request: Request<pb::validate_data_resource_config::Request>,
    ) -> Answer<pb::validate_data_resource_config::Response> {
        let request = request.into_inner();
        let source = find(&self.offered.data_sources, P::NAME, "data source", &request.type_name);
        let diagnostics = said(|| source.and_then(|it| Ok(it.validate(&from_value(request.config)?))));
        Ok(Response::new(pb::validate_data_resource_config::Response { diagnostics }))
    }

    async fn read_data_source(
        &self,
        request: Request<pb::read_data_source::Request>,
    ) -> Answer<pb::read_data_source::Response> {
        let request = request.into_inner();
        let read = async {
            let source = find(&self.offered.data_sources, P::NAME, "data source", &request.type_name)?;
            let (state, diagnostics) = source.read(self.scene(&[])?, from_value(request.config)?).await;
            Ok(pb::read_data_source::Response {
                state: to_value(&state),
                diagnostics: to_diagnostics(diagnostics),
                deferred: None,
            })
        };
        answer(read, |empty, diagnostics| empty.diagnostics = diagnostics).await
    }

    async fn validate_ephemeral_resource_config(
        &self,
        request: Request<pb::validate_ephemeral_resource_config::Request>,
    ) -> Answer<pb::validate_ephemeral_resource_config::Response> {
        let request = request.into_inner();
        let ephemeral = find(&self.offered.ephemerals, P::NAME, "ephemeral resource", &request.type_name);
        let diagnostics = said(|| ephemeral.and_then(|it| Ok(it.validate(&from_value(request.config)?))));
        Ok(Response::new(pb::validate_ephemeral_resource_config::Response { diagnostics }))
    }

    async fn open_ephemeral_resource(
        &self,
        request: Request<pb::open_ephemeral_resource::Request>,
    ) -> Answer<pb::open_ephemeral_resource::Response> {
        let request = request.into_inner();
        let opened = async {
            let ephemeral = find(&self.offered.ephemerals, P::NAME, "ephemeral resource", &request.type_name)?;
            let (result, diagnostics) = ephemeral.open(from_value(request.config)?).await;
            Ok(pb::open_ephemeral_resource::Response {
                result: to_value(&result),
                diagnostics: to_diagnostics(diagnostics),
                ..Default::default()
            })
        };
        answer(opened, |empty, diagnostics| empty.diagnostics = diagnostics).await
    }

    async fn renew_ephemeral_resource(
        &self,
        _: Request<pb::renew_ephemeral_resource::Request>,
    ) -> Answer<pb::renew_ephemeral_resource::Response> {
        // No answer to OpenEphemeralResource names a time of renewal, so nobody asks; nothing would need renewing.
        Ok(Response::new(Default::default()))
    }

    async fn close_ephemeral_resource(
        &self,
        _: Request<pb::close_ephemeral_resource::Request>,
    ) -> Answer<pb::close_ephemeral_resource::Response> {
        Ok(Response::new(Default::default()))
    }

    async fn get_functions(&self, _: Request<pb::get_functions::Request>) -> Answer<pb::get_functions::Response> {
        let functions = functions(&self.offered);
        Ok(Response::new(pb::get_functions::Response { functions, diagnostics: Vec::new() }))
    }

    async fn call_function(&self, request: Request<pb::call_function::Request>) -> Answer<pb::call_function::Response> {
        let request = request.into_inner();
        let called = || {
            let function = self
                .offered
                .functions
                .get(request.name.as_str())
                .ok_or_else(|| Refused::of_none(format!("There is no function `{}`.", request.name)))?;
            let arguments = request.arguments.into_iter().map(|argument| from_value(Some(argument)));
            let arguments =
                arguments.collect::<Result<_, _>>().map_err(|diagnostic| Refused::of_none(diagnostic.to_string()))?;
            function.call(arguments)
        };
        Ok(Response::new(match called() {
            Ok(result) => pb::call_function::Response { result: to_value(&result), error: None },
            Err(error) => pb::call_function::Response { result: None, error: Some(to_function_error(error)) },
        }))
    }

    async fn stop_provider(&self, _: Request<pb::stop_provider::Request>) -> Answer<pb::stop_provider::Response> {
        self.stop.cancel();
        Ok(Response::new(Default::default()))
    }
}

fn type_names<P: ProviderType, T>(types: &std::collections::BTreeMap<&'static str, T>) -> Vec<String> {
    types.keys().map(|name| format!("{}_{name}", P::NAME)).collect()
}

fn functions<P>(offered: &Provider<P>) -> std::collections::HashMap<String, pb::Function> {
    offered.functions.iter().map(|(name, function)| ((*name).to_owned(), to_function(&**function))).collect()
}
