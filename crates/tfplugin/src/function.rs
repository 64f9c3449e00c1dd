//! Functions: pure, offline, the same answer for the same arguments always.

use crate::context::panicked;
use crate::diagnostics::Diagnostic;
use crate::dynamic::Dynamic;
use crate::model::Model;
use crate::path::Step;
use crate::schema::{Attribute, Type};
use crate::value::{AttributeType, Refusal};

/// `provider::NAME::function(…)`. The parameters are the fields of a model, in order; its doc comment is the
/// function's description.
pub trait Function: Model {
    const NAME: &'static str;
    /// One line.
    const SUMMARY: &'static str;
    type Output: AttributeType;

    /// # Errors
    /// What is wrong, and with which argument.
    fn call(arguments: Self) -> Result<Self::Output, FunctionError>;
}

/// Why a function has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionError {
    pub text: String,
    /// Position of the argument at fault, from 0.
    pub argument: Option<usize>,
}

impl FunctionError {
    pub fn argument(position: usize, text: impl Into<String>) -> Self {
        Self { text: text.into(), argument: Some(position) }
    }
}

pub(crate) trait AnyFunction: Send + Sync {
    fn parameters(&self) -> Vec<Attribute>;
    fn output(&self) -> Type;
    fn summary(&self) -> &'static str;
    fn description(&self) -> &'static str;
    fn call(&self, arguments: Vec<Dynamic>) -> Result<Dynamic, FunctionError>;
}

pub(crate) struct Erased<F>(std::marker::PhantomData<fn() -> F>);

impl<F> Default for Erased<F> {
    fn default() -> Self {
        Self(std::marker::PhantomData)
    }
}

impl<F: Function> AnyFunction for Erased<F> {
    fn parameters(&self) -> Vec<Attribute> {
        F::attributes()
    }

    fn output(&self) -> Type {
        F::Output::attribute_type()
    }

    fn summary(&self) -> &'static str {
        F::SUMMARY
    }

    fn description(&self) -> &'static str {
        F::DESCRIPTION
    }

    fn call(&self, arguments: Vec<Dynamic>) -> Result<Dynamic, FunctionError> {
        let parameters = F::attributes();
        let named = parameters.iter().map(|parameter| parameter.name.to_owned()).zip(arguments).collect();
        let arguments = <F as AttributeType>::from_dynamic(&Dynamic::Map(named)).map_err(|refusal| {
            let wrong = match refusal {
                Refusal::Wrong(wrong) => wrong,
                Refusal::Unknown => vec![Diagnostic::error("An argument is unknown", "An argument is not known yet.")],
            };
            let first = wrong.first();
            let argument = first.and_then(|diagnostic| diagnostic.path.as_ref()?.0.first());
            FunctionError {
                text: first.map(|diagnostic| diagnostic.detail.clone()).unwrap_or_default(),
                argument: parameters
                    .iter()
                    .position(|parameter| argument == Some(&Step::Attribute(parameter.name.to_owned()))),
            }
        })?;
        match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| F::call(arguments))) {
            Ok(result) => result.map(|output| output.to_dynamic()),
            Err(panic) => {
                let diagnostic = panicked(&*panic);
                Err(FunctionError { text: format!("{}: {}", diagnostic.summary, diagnostic.detail), argument: None })
            }
        }
    }
}
