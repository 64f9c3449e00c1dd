//! What the code made by `#[derive(Model)]` calls.

use crate::diagnostics::Diagnostic;
use crate::dynamic::Dynamic;
use crate::model::{Draft, Model};
use crate::path::AttributePath;
use crate::value::{AttributeType, Refusal, Value};

/// Reads an object's members and collects what is wrong with any of them.
#[derive(Debug)]
pub struct ObjectReader<'a> {
    object: &'a Dynamic,
    wrong: Vec<Diagnostic>,
    is_unknown: bool,
}

impl<'a> ObjectReader<'a> {
    /// # Errors
    /// The value is no object.
    pub fn new(object: &'a Dynamic) -> Result<Self, Vec<Diagnostic>> {
        match object {
            Dynamic::Map(_) => Ok(Self { object, wrong: Vec::new(), is_unknown: false }),
            other => Err(vec![Diagnostic::error("Wrong type", format!("Expected an object, found {}.", other.kind()))]),
        }
    }

    pub fn read<T: AttributeType>(&mut self, name: &str) -> Option<Value<T>> {
        match Value::from_dynamic(self.object.get(name)) {
            Ok(value) => Some(value),
            Err(wrong) => {
                self.refuse(name, wrong);
                None
            }
        }
    }

    /// A value that is never null, and known as soon as the object is.
    pub fn read_required<T: AttributeType>(&mut self, name: &str) -> Option<T> {
        match self.read(name)? {
            Value::Known(value) => Some(value),
            Value::Unknown | Value::PartlyUnknown(_) => {
                self.is_unknown = true;
                None
            }
            Value::Null => {
                self.refuse(name, vec![missing(name)]);
                None
            }
        }
    }

    fn refuse(&mut self, name: &str, wrong: Vec<Diagnostic>) {
        if let Refusal::Wrong(wrong) = Refusal::Wrong(wrong).below(&AttributePath::of(&[name])) {
            self.wrong.extend(wrong);
        }
    }

    /// # Errors
    /// Something was wrong with a member, or one that is required is not known yet.
    pub fn finish(self) -> Result<(), Refusal> {
        match (self.wrong.is_empty(), self.is_unknown) {
            (true, false) => Ok(()),
            (true, true) => Err(Refusal::Unknown),
            (false, _) => Err(Refusal::Wrong(self.wrong)),
        }
    }
}

/// What is said of a required attribute that is null.
pub(crate) fn missing(name: &str) -> Diagnostic {
    Diagnostic::error(
        format!("`{name}` is required"),
        format!(
            "It is null here. Give `{name}` a value; where it comes from a variable or another object, see why that is null."
        ),
    )
}

/// The paths inside an attribute whose change needs a new object. One that is not known yet may change.
pub fn replaced_inside<T: AttributeType>(
    paths: &mut Vec<AttributePath>,
    name: &str,
    prior: &Value<T>,
    planned: &Value<T>,
) {
    if let (Value::Known(prior), Value::Known(_) | Value::PartlyUnknown(_)) = (prior, planned) {
        let parent = AttributePath::of(&[name]);
        paths.extend(T::replaced(prior, &planned.to_dynamic()).into_iter().map(|path| path.below(&parent)));
    }
}

/// The same of a whole object inside another.
pub fn replaced<M: Model>(prior: &M, planned: &Dynamic) -> Vec<AttributePath> {
    M::Draft::from_dynamic(planned).map(|planned| planned.replaced(prior)).unwrap_or_default()
}

/// [`AttributeType::keep_spelling_in_part`] of a model.
pub fn keep_spelling_in_part<M: Model>(value: &mut Dynamic, prior: &M) {
    if let Ok(mut draft) = M::Draft::from_dynamic(value) {
        draft.keep_spelling(prior);
        *value = draft.to_dynamic();
    }
}

/// An identifier's name without the `r#` that a keyword needs.
pub const fn plain_name(name: &'static str) -> &'static str {
    match name.as_bytes() {
        [b'r', b'#', ..] => name.split_at(2).1,
        _ => name,
    }
}
