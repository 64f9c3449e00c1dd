//! The schema of a model, as `#[derive(Model)]` builds it from a struct: what the CLI validates against and what the
//! Registry documentation is written from.

use std::ops::RangeInclusive;

/// A type of the configuration language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    String,
    Number,
    Bool,
    List(Box<Type>),
    Set(Box<Type>),
    Map(Box<Type>),
    /// An attribute with attributes of its own.
    Nested(Nesting, Vec<Attribute>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nesting {
    Single,
    List,
    Set,
    Map,
}

/// An attribute: everything that is said once, on the field of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    pub name: &'static str,
    pub ty: Type,
    /// The field's doc comment: Markdown.
    pub description: String,
    pub mode: Mode,
    pub sensitive: bool,
    /// Sent by the CLI, never kept: such a value is in no answer.
    pub write_only: bool,
    /// A different value needs a new object.
    pub replace: bool,
    /// Taken when the configuration leaves the attribute out. It implies `optional` and `computed`.
    pub default: Option<crate::Dynamic>,
    /// Taken for a new object when the configuration leaves the attribute out; later, what is there stays. It implies
    /// `optional` and `computed`.
    pub initial: Option<crate::Dynamic>,
    /// The words it can be, whatever their case. Empty: any.
    pub one_of: &'static [&'static str],
    /// How many characters a text, or elements a collection, can have.
    pub length: Option<RangeInclusive<usize>>,
    /// What a number can be.
    pub range: Option<RangeInclusive<i64>>,
    /// Attributes beside this one that must be set when this one is.
    pub requires: &'static [&'static str],
    /// Attributes beside this one that must not be set when this one is.
    pub conflicts: &'static [&'static str],
    /// This one and these: exactly one must be set.
    pub exactly_one_of: &'static [&'static str],
}

// `Dynamic` holds floats; a default is never NaN.
impl Eq for crate::Dynamic {}

/// Who sets an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Required,
    Optional,
    /// The configuration, or where it is silent the provider.
    OptionalComputed,
    Computed,
}

impl Mode {
    pub fn is_computed(self) -> bool {
        matches!(self, Self::Computed | Self::OptionalComputed)
    }

    pub fn is_configurable(self) -> bool {
        self != Self::Computed
    }
}

impl Type {
    /// The attributes inside, of whatever nesting.
    pub fn nested(&self) -> Option<(Nesting, &[Attribute])> {
        match self {
            Self::Nested(nesting, attributes) => Some((*nesting, attributes)),
            _ => None,
        }
    }

    /// The type in the notation of the wire: `"string"`, `["set","string"]`, `["object",{…}]`.
    pub fn notation(&self) -> serde_json::Value {
        self.noted(false)
    }

    /// The same of a function's parameter: an object names the attributes that may be left out, as in
    /// `["object",{…},["a"]]`. Then the CLI makes null of them, where it would refuse the call.
    pub fn parameter_notation(&self) -> serde_json::Value {
        self.noted(true)
    }

    fn noted(&self, with_optional: bool) -> serde_json::Value {
        use serde_json::{Value, json};
        match self {
            Self::String => json!("string"),
            Self::Number => json!("number"),
            Self::Bool => json!("bool"),
            Self::List(element) => json!(["list", element.noted(with_optional)]),
            Self::Set(element) => json!(["set", element.noted(with_optional)]),
            Self::Map(element) => json!(["map", element.noted(with_optional)]),
            Self::Nested(nesting, attributes) => {
                let members = attributes
                    .iter()
                    .map(|attribute| (attribute.name.to_owned(), attribute.ty.noted(with_optional)))
                    .collect();
                let optional: Vec<&str> = attributes
                    .iter()
                    .filter(|attribute| with_optional && attribute.mode != Mode::Required)
                    .map(|attribute| attribute.name)
                    .collect();
                let members = Value::Object(members);
                let object = match optional.is_empty() {
                    true => json!(["object", members]),
                    false => json!(["object", members, optional]),
                };
                match nesting {
                    Nesting::Single => object,
                    Nesting::List => json!(["list", object]),
                    Nesting::Set => json!(["set", object]),
                    Nesting::Map => json!(["map", object]),
                }
            }
        }
    }
}
