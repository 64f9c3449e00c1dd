//! Data sources: read, never changed.

use std::future::Future;
use std::sync::OnceLock;

use futures_util::future::BoxFuture;

use crate::context::{Context, Failure, catch};
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::dynamic::Dynamic;
use crate::model::{self, Model};
use crate::provider::ProviderType;
use crate::resource::Scene;
use crate::schema::Attribute;
use crate::value::{AttributeType, Refusal};

pub trait DataSource: Model {
    /// Type name without the provider's prefix.
    const NAME: &'static str;
    type Provider: ProviderType;

    /// Checks a configuration, in which anything may be unknown.
    fn validate(_config: &Self::Draft) -> Diagnostics {
        Diagnostics::default()
    }

    /// Completes `config`, in which nothing is unknown, with what is there.
    fn read(
        cx: &Context<Self::Provider>,
        config: Self,
    ) -> impl Future<Output = Result<Self, <Self::Provider as ProviderType>::Error>> + Send;
}

pub(crate) trait AnyDataSource<P>: Send + Sync {
    fn attributes(&self) -> &[Attribute];
    fn description(&self) -> &'static str;
    fn validate(&self, config: &Dynamic) -> Diagnostics;
    fn read(&self, scene: Scene<P>, config: Dynamic) -> BoxFuture<'_, (Dynamic, Diagnostics)>;
}

pub(crate) struct Erased<D> {
    attributes: OnceLock<Vec<Attribute>>,
    source: std::marker::PhantomData<fn() -> D>,
}

impl<D> Default for Erased<D> {
    fn default() -> Self {
        Self { attributes: OnceLock::new(), source: std::marker::PhantomData }
    }
}

impl<D: DataSource> AnyDataSource<D::Provider> for Erased<D> {
    fn attributes(&self) -> &[Attribute] {
        self.attributes.get_or_init(D::attributes)
    }

    fn description(&self) -> &'static str {
        D::DESCRIPTION
    }

    fn validate(&self, config: &Dynamic) -> Diagnostics {
        model::validate::<D>(self.attributes(), config, D::validate)
    }

    fn read(&self, scene: Scene<D::Provider>, mut config: Dynamic) -> BoxFuture<'_, (Dynamic, Diagnostics)> {
        Box::pin(async move {
            let cx = Context::new(scene.provider, scene.private, scene.stop);
            let given = config.clone();
            // Computed attributes come unknown, and leave known or null.
            model::prepare_plan(self.attributes(), &mut config, &given, &Dynamic::Null);
            let promised = config.clone();
            let result = async {
                let config = AttributeType::from_dynamic(&config).map_err(|refusal| {
                    Failure::Value(match refusal {
                        Refusal::Wrong(wrong) => Diagnostics(wrong),
                        Refusal::Unknown => Diagnostic::error(
                            "The configuration is not known yet",
                            "The CLI read this data source too early. Please report this.",
                        )
                        .into(),
                    })
                })?;
                catch(D::read(&cx, config)).await
            }
            .await;
            let mut said = cx.take_said();
            match result {
                Ok(object) => {
                    let mut object = model::hold(self.attributes(), &promised, &AttributeType::to_dynamic(&object));
                    model::transform(self.attributes(), &mut object, &mut |_, value| {
                        if *value == Dynamic::Unknown {
                            *value = Dynamic::Null;
                        }
                    });
                    (object, said)
                }
                Err(failure) => {
                    said.extend(failure.diagnose(self.attributes()));
                    (Dynamic::Null, said)
                }
            }
        })
    }
}
