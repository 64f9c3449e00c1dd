//! Functions: pure, offline, the same answer for the same arguments always.

use std::fmt;

use crate::context::panicked;
use crate::diagnostics::Diagnostics;
use crate::dynamic::Dynamic;
use crate::model::{self, Model};
use crate::path::{AttributePath, Step};
use crate::schema::{Attribute, Type};
use crate::value::{AttributeType, Refusal};

/// `provider::NAME::function(…)`. The parameters are the fields of a model, in order; its doc comment is the
/// function's description. A field that is a model itself is an object, whose optional attributes the caller may leave
/// out. Rules of the fields (`length`, `one_of`, `conflicts`, …) hold as they do in a block.
pub trait Function: Model {
    const NAME: &'static str;
    /// One line.
    const SUMMARY: &'static str;
    /// A model's attributes are all computed: an object.
    type Output: AttributeType;

    /// # Errors
    /// What is wrong, and with which argument.
    fn call(arguments: Self) -> Result<Self::Output, FunctionError>;
}

/// Why a function has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionError {
    text: String,
    at: AttributePath,
}

impl FunctionError {
    /// `at` is the `path!` of an argument, or of an attribute inside one.
    pub fn at(at: AttributePath, text: impl Into<String>) -> Self {
        Self { text: text.into(), at }
    }
}

/// With the place at fault before it, as a test reads it.
impl fmt::Display for FunctionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.text)
    }
}

/// The same as the CLI is told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub text: String,
    /// Position of the argument at fault, from 0.
    pub argument: Option<usize>,
}

impl Refused {
    pub(crate) fn of_none(text: impl Into<String>) -> Self {
        Self { text: text.into(), argument: None }
    }

    /// The CLI points to an argument: where inside of it, the text has to say.
    fn at(parameters: &[Attribute], path: &AttributePath, text: String) -> Self {
        let argument = path.0.first().and_then(|step| {
            parameters.iter().position(|parameter| *step == Step::Attribute(parameter.name.to_owned()))
        });
        let text = if path.0.len() > 1 { format!("`{path}`: {text}") } else { text };
        Self { text, argument }
    }
}

pub(crate) trait AnyFunction: Send + Sync {
    fn parameters(&self) -> Vec<Attribute>;
    fn output(&self) -> Type;
    fn summary(&self) -> &'static str;
    fn description(&self) -> &'static str;
    fn call(&self, arguments: Vec<Dynamic>) -> Result<Dynamic, Refused>;
}

pub(crate) struct Erased<F>(std::marker::PhantomData<fn() -> F>);

impl<F: Function> Erased<F> {
    /// Refuses, when it is compiled, what a function cannot have.
    const IS_COHERENT: () = {
        assert!(
            !F::HAS_PLACES,
            "arguments come from the caller alone, and are kept nowhere: none is computed, write-only or replaces"
        );
        assert!(F::Output::IS_ANSWER, "nobody configures an answer: every attribute of it is computed");
        assert!(!F::Output::SECRET, "an answer is shown: the protocol has no word for one that is not");
    };
}

impl<F: Function> Default for Erased<F> {
    fn default() -> Self {
        let () = Self::IS_COHERENT;
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

    fn call(&self, arguments: Vec<Dynamic>) -> Result<Dynamic, Refused> {
        // The CLI calls with what it knows, objects and lists as a whole; one that does not gets no guess.
        if arguments.iter().any(Dynamic::has_unknown) {
            return Ok(Dynamic::Unknown);
        }
        let parameters = F::attributes();
        let named = parameters.iter().map(|parameter| parameter.name.to_owned()).zip(arguments).collect();
        let named = Dynamic::Map(named);
        let wrong = model::validate::<F>(&parameters, &named, |_| Diagnostics::default());
        if let Some(first) = wrong.0.into_iter().find(|diagnostic| diagnostic.is_error()) {
            return Err(Refused::at(&parameters, &first.path.unwrap_or_default(), first.detail));
        }
        let arguments = <F as AttributeType>::from_dynamic(&named).map_err(|refusal| match refusal {
            Refusal::Wrong(wrong) => Refused::of_none(wrong.into_iter().map(|it| it.detail).collect::<String>()),
            Refusal::Unknown => Refused::of_none("An argument is not known yet."),
        })?;
        match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| F::call(arguments))) {
            Ok(Ok(output)) => Ok(output.to_dynamic()),
            Ok(Err(error)) => Err(Refused::at(&parameters, &error.at, error.text)),
            Err(panic) => {
                let diagnostic = panicked(&*panic);
                Err(Refused::of_none(format!("{}: {}", diagnostic.summary, diagnostic.detail)))
            }
        }
    }
}
