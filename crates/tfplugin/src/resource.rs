//! Resources: a [`Resource`] says what it can do by which methods it implements.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::context::{Context, Failure, catch};
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::dynamic::Dynamic;
use crate::model::{self, Draft, Model};
use crate::path::AttributePath;
use crate::private::Private;
use crate::provider::ProviderType;
use crate::schema::Attribute;
use crate::value::{AttributeType, Keep, Refusal};

/// A managed object. The model is the struct itself.
///
/// What handlers can rely on: what is required is there; values that mean the same as before keep their spelling and are
/// no change; after apply every value that was planned stays as planned, so an answer need only fill in what was
/// unknown.
pub trait Resource: Model {
    /// Type name without the provider's prefix.
    const NAME: &'static str;
    /// Raised with every change of the schema that an older state does not fit; see [`Resource::upgrade`].
    const VERSION: i64 = 0;
    type Provider: ProviderType;

    /// Checks a configuration, in which anything may be unknown, beyond what its types and schema say.
    fn validate(_config: &Self::Draft) -> Diagnostics {
        Diagnostics::default()
    }

    /// Told of every object that the state holds, before it is read, planned or changed: by the CLI's decoding of the
    /// state, which no option skips.
    fn in_state(_provider: &Self::Provider, _state: &Self) {}

    /// Completes a plan. `change.planned` holds what is configured, prior values of computed attributes, and unknown
    /// for those of a new object.
    fn plan(
        _cx: &Context<Self::Provider>,
        _change: &mut Change<Self>,
    ) -> impl Future<Output = Answer<(), Self>> + Send {
        async { Ok(()) }
    }

    /// Warns of what the deletion of the object alone does not show: also where the plan replaces it. Not called where the
    /// user forces the replacement (`-replace`, a tainted object): the CLI does not tell. What it notes in private state reaches
    /// this deletion; what the last look noted may not: Terraform plans the end of a block from the state before it.
    fn plan_delete(_cx: &Context<Self::Provider>, _state: &Self) -> impl Future<Output = Answer<(), Self>> + Send {
        async { Ok(()) }
    }

    /// Creates the object. Call [`Context::keep`] as soon as something exists.
    fn create(cx: &Context<Self::Provider>, plan: Self) -> impl Future<Output = Answer<Self, Self>> + Send;

    /// Reads the object; `None` when it is certain that it is gone.
    fn read(cx: &Context<Self::Provider>, state: Self) -> impl Future<Output = Answer<Option<Self>, Self>> + Send;

    fn update(cx: &Context<Self::Provider>, prior: Self, plan: Self)
    -> impl Future<Output = Answer<Self, Self>> + Send;

    fn delete(cx: &Context<Self::Provider>, state: Self) -> impl Future<Output = Answer<(), Self>> + Send;

    /// Finds the object that an import id names, whole; attributes with a default may be left null.
    fn import(_cx: &Context<Self::Provider>, _id: &str) -> impl Future<Output = Answer<Self, Self>> + Send {
        async { Err(Diagnostic::error("This type cannot be imported", "It has no import id.").into()) }
    }

    /// Brings a state written by an older version into today's shape.
    fn upgrade(_version: i64, state: Dynamic) -> Result<Dynamic, Diagnostic> {
        Ok(state)
    }
}

/// What a handler of `R` answers.
pub type Answer<T, R> = Result<T, <<R as Resource>::Provider as ProviderType>::Error>;

/// A change that is being planned.
#[derive(Debug)]
pub struct Change<R: Model> {
    /// The object before; `None` when a new one is planned.
    pub prior: Option<R>,
    /// As configured, write-only values included.
    pub config: R::Draft,
    /// The object after.
    pub planned: R::Draft,
    replace: Vec<AttributePath>,
    is_replacement: bool,
}

/// Private state, from the plan of an object that a block keeps to the plan of what may replace it.
const KEPT: &str = "tfplugin.kept";

impl<R: Model> Change<R> {
    /// A new object is needed because of this attribute.
    pub fn replace(&mut self, path: AttributePath) {
        self.replace.push(path);
    }

    pub fn is_create(&self) -> bool {
        self.prior.is_none()
    }

    /// A new object is planned in the place of one whose end has just been planned. Not known of a tainted object's
    /// successor, nor while a plan is applied: the CLIs do not tell.
    pub fn is_replacement(&self) -> bool {
        self.is_replacement
    }
}

/// A resource whose model the server does not know.
pub(crate) trait AnyResource<P>: Send + Sync {
    fn attributes(&self) -> &[Attribute];
    fn description(&self) -> &'static str;
    fn version(&self) -> i64;
    fn validate(&self, config: &Dynamic) -> Diagnostics;
    fn upgrade(&self, provider: Option<&P>, version: i64, state: Dynamic) -> Result<Dynamic, Diagnostics>;
    fn plan(&self, scene: Scene<P>, request: PlanRequest) -> BoxFuture<'_, Planned>;
    fn plan_delete(&self, scene: Scene<P>, prior: Dynamic) -> BoxFuture<'_, (Private, Diagnostics)>;
    fn apply(&self, scene: Scene<P>, request: ApplyRequest) -> BoxFuture<'_, Outcome>;
    fn read(&self, scene: Scene<P>, state: Dynamic) -> BoxFuture<'_, Outcome>;
    fn import(&self, scene: Scene<P>, id: String) -> BoxFuture<'_, Outcome>;
}

/// What every request comes with.
pub(crate) struct Scene<P> {
    pub provider: Arc<P>,
    pub private: Private,
    pub stop: CancellationToken,
    /// Set once the user has been warned that the provider's block is not known.
    pub warned: Arc<AtomicBool>,
}

pub(crate) struct PlanRequest {
    pub prior: Dynamic,
    pub proposed: Dynamic,
    pub config: Dynamic,
}

pub(crate) struct ApplyRequest {
    pub prior: Dynamic,
    pub planned: Dynamic,
    pub config: Dynamic,
}

pub(crate) struct Planned {
    pub state: Dynamic,
    pub replace: Vec<AttributePath>,
    pub private: Private,
    pub diagnostics: Diagnostics,
}

/// The object after a request, and what is said about it.
pub(crate) struct Outcome {
    pub state: Dynamic,
    pub private: Private,
    pub diagnostics: Diagnostics,
}

impl Outcome {
    /// The object as the state has it.
    fn unchanged<P: ProviderType>(cx: &Context<P>, state: Dynamic) -> Self {
        Self { state, private: cx.private().clone(), diagnostics: cx.take_said() }
    }
}

pub(crate) struct Erased<R> {
    attributes: OnceLock<Vec<Attribute>>,
    resource: std::marker::PhantomData<fn() -> R>,
}

impl<R> Default for Erased<R> {
    fn default() -> Self {
        Self { attributes: OnceLock::new(), resource: std::marker::PhantomData }
    }
}

impl<R: Resource> Erased<R> {
    /// What a handler that ended leaves: its object without secrets, or what it kept, or `fallback`.
    fn outcome(
        &self,
        cx: &Context<R::Provider>,
        result: Result<Option<Dynamic>, Failed<R>>,
        fallback: Dynamic,
    ) -> Outcome {
        let mut diagnostics = cx.take_said();
        let kept = cx.take_kept();
        let mut state = match result {
            Ok(object) => object.unwrap_or(Dynamic::Null),
            Err(failure) => {
                diagnostics.extend(failure.diagnose(self.attributes()));
                kept.unwrap_or(fallback)
            }
        };
        model::strip_write_only(self.attributes(), &mut state);
        if let Some(name) = model::first_unknown(self.attributes(), &state) {
            if !diagnostics.has_errors() {
                diagnostics.push(
                    Diagnostic::error(
                        "The provider has a defect",
                        format!("It left `{name}` of a {} unknown. Please report this.", R::NAME),
                    )
                    .at(AttributePath::of(&[name])),
                );
            }
            model::transform(self.attributes(), &mut state, &mut |attribute, value| {
                if *value == Dynamic::Unknown || (attribute.ty.nested().is_none() && value.has_unknown()) {
                    *value = Dynamic::Null;
                }
            });
        }
        Outcome { state, private: cx.private().clone(), diagnostics }
    }
}

type Failed<R> = Failure<<<R as Resource>::Provider as ProviderType>::Error>;

fn read_model<R: Resource>(value: &Dynamic) -> Result<R, Failed<R>> {
    AttributeType::from_dynamic(value).map_err(|refusal| {
        Failure::Value(match refusal {
            Refusal::Wrong(wrong) => Diagnostics(wrong),
            Refusal::Unknown => Diagnostic::error(
                "The CLI sent an object that is not known",
                format!("Something that a {} requires is unknown where it cannot be. Please report this.", R::NAME),
            )
            .into(),
        })
    })
}

fn read_draft<R: Resource>(value: &Dynamic) -> Result<R::Draft, Failed<R>> {
    Draft::from_dynamic(value).map_err(|wrong| Failure::Value(Diagnostics(wrong)))
}

impl<R: Resource> AnyResource<R::Provider> for Erased<R> {
    fn attributes(&self) -> &[Attribute] {
        self.attributes.get_or_init(R::attributes)
    }

    fn description(&self) -> &'static str {
        R::DESCRIPTION
    }

    fn version(&self) -> i64 {
        R::VERSION
    }

    fn validate(&self, config: &Dynamic) -> Diagnostics {
        model::validate::<R>(self.attributes(), config, R::validate)
    }

    fn upgrade(&self, provider: Option<&R::Provider>, version: i64, state: Dynamic) -> Result<Dynamic, Diagnostics> {
        if version > R::VERSION {
            return Err(Diagnostic::error(
                "The state was written by a newer provider",
                format!(
                    "It has schema version {version}, this provider knows versions up to {}. Use the newer provider.",
                    R::VERSION
                ),
            )
            .into());
        }
        let mut state = if version < R::VERSION { R::upgrade(version, state)? } else { state };
        model::transform(self.attributes(), &mut state, &mut |_, _| {});
        if let (Some(provider), Ok(object)) = (provider, <R as AttributeType>::from_dynamic(&state)) {
            R::in_state(provider, &object);
        }
        Ok(state)
    }

    fn plan(&self, scene: Scene<R::Provider>, request: PlanRequest) -> BoxFuture<'_, Planned> {
        Box::pin(async move {
            let PlanRequest { prior, mut proposed, config } = request;
            let cx = Context::new(scene.provider, scene.private, scene.stop);
            let was_kept = cx.private().take(KEPT).is_some();
            let fallback = proposed.clone();
            model::prepare_plan(self.attributes(), &mut proposed, &config, &prior);
            let result: Result<(R::Draft, Vec<AttributePath>), Failed<R>> = async {
                let mut change = Change {
                    prior: if prior.is_null() { None } else { Some(read_model::<R>(&prior)?) },
                    config: read_draft::<R>(&config)?,
                    planned: read_draft::<R>(&proposed)?,
                    replace: Vec::new(),
                    is_replacement: was_kept && prior.is_null(),
                };
                if let Some(prior) = &change.prior {
                    change.planned.keep_spelling(prior);
                }
                catch(R::plan(&cx, &mut change)).await?;
                let mut replace = change.replace;
                if let Some(prior) = &change.prior {
                    change.planned.keep_spelling(prior);
                    replace.extend(change.planned.replaced(prior));
                    replace.sort();
                    replace.dedup();
                    if !replace.is_empty() {
                        // The CLI asks about the deletion of a whole object only where nothing comes in its place.
                        catch(R::plan_delete(&cx, prior)).await?;
                    }
                }
                Ok((change.planned, replace))
            }
            .await;
            let mut diagnostics = cx.take_said();
            let (mut state, replace) = match result {
                Ok((planned, replace)) => (Draft::to_dynamic(&planned), replace),
                Err(failure) if !prior.is_null() && failure.is_said() => (prior.clone(), Vec::new()),
                Err(failure) => {
                    diagnostics.extend(failure.diagnose(self.attributes()));
                    (fallback, Vec::new())
                }
            };
            model::strip_write_only(self.attributes(), &mut state);
            let mut private = cx.private().clone();
            // A user may force the replacement, of which the CLI tells nothing before.
            if !prior.is_null() {
                private.set(KEPT, "yes");
            }
            Planned { state, replace, private, diagnostics }
        })
    }

    fn plan_delete(&self, scene: Scene<R::Provider>, prior: Dynamic) -> BoxFuture<'_, (Private, Diagnostics)> {
        Box::pin(async move {
            let cx = Context::new(scene.provider, scene.private, scene.stop);
            let result: Result<(), Failed<R>> =
                async { catch(R::plan_delete(&cx, &read_model::<R>(&prior)?)).await }.await;
            let mut said = cx.take_said();
            // A deletion is planned whatever can be said about it before.
            if let Err(failure) = result
                && !failure.is_unknown_block()
            {
                said.extend(failure.diagnose(self.attributes()));
            }
            (cx.private().clone(), said)
        })
    }

    fn apply(&self, scene: Scene<R::Provider>, request: ApplyRequest) -> BoxFuture<'_, Outcome> {
        Box::pin(async move {
            let ApplyRequest { prior, mut planned, config } = request;
            let cx = Context::new(scene.provider, scene.private, scene.stop);
            cx.private().take(KEPT);
            let fallback = prior.clone();
            let promised = planned.clone();
            model::add_write_only(self.attributes(), &mut planned, &config);
            let result = async {
                match (prior.is_null(), planned.is_null()) {
                    (_, true) => {
                        catch(R::delete(&cx, read_model(&prior)?)).await?;
                        Ok(None)
                    }
                    (true, false) => catch(R::create(&cx, read_model(&planned)?)).await.map(Some),
                    (false, false) => catch(R::update(&cx, read_model(&prior)?, read_model(&planned)?)).await.map(Some),
                }
            }
            .await;
            let result = result.map(|object: Option<R>| {
                object.map(|object| model::hold(self.attributes(), &promised, &AttributeType::to_dynamic(&object)))
            });
            self.outcome(&cx, result, fallback)
        })
    }

    fn read(&self, scene: Scene<R::Provider>, state: Dynamic) -> BoxFuture<'_, Outcome> {
        Box::pin(async move {
            let cx = Context::new(scene.provider, scene.private, scene.stop);
            cx.private().take(KEPT);
            let result: Result<Option<Dynamic>, Failed<R>> = async {
                let before: R = read_model(&state)?;
                let seen = catch(R::read(&cx, before.clone())).await?;
                Ok(seen.map(|mut object| {
                    AttributeType::keep_spelling(&mut object, &before, Keep::Parts);
                    AttributeType::to_dynamic(&object)
                }))
            }
            .await;
            if let Err(failure) = &result
                && failure.is_unknown_block()
            {
                if !scene.warned.swap(true, Ordering::Relaxed) {
                    cx.warn(Diagnostic::warning(
                        "Objects were not refreshed",
                        "The provider's block is not known before apply. Objects in the state are taken as they were \
                         last seen.",
                    ));
                }
                return Outcome::unchanged(&cx, state);
            }
            if let Err(failure) = &result
                && failure.is_said()
            {
                return Outcome::unchanged(&cx, state);
            }
            self.outcome(&cx, result, state)
        })
    }

    fn import(&self, scene: Scene<R::Provider>, id: String) -> BoxFuture<'_, Outcome> {
        Box::pin(async move {
            let cx = Context::new(scene.provider, scene.private, scene.stop);
            let result = catch(R::import(&cx, &id)).await.map(|object| {
                let mut object = AttributeType::to_dynamic(&object);
                model::fill_defaults(self.attributes(), &mut object);
                Some(object)
            });
            self.outcome(&cx, result, Dynamic::Null)
        })
    }
}
