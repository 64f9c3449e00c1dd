//! Attributes of a model: [`Value`] and the types it can hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};

use crate::diagnostics::{Diagnostic, sentence};
use crate::dynamic::Dynamic;
use crate::path::AttributePath;
use crate::schema::{Nesting, Type};

/// An attribute's value: null, not known yet, or known.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value<T> {
    #[default]
    Null,
    Unknown,
    /// A collection some of whose elements are not known yet. It must go back to the CLI as it came.
    PartlyUnknown(Dynamic),
    Known(T),
}

impl<T> Value<T> {
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Unknown, wholly or in part.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown | Self::PartlyUnknown(_))
    }

    pub fn is_known(&self) -> bool {
        matches!(self, Self::Known(_))
    }

    /// The value, where there is one.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            _ => None,
        }
    }

    pub fn into_known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            _ => None,
        }
    }

    /// Fills in what the configuration left out: unknown is what a computed attribute is before its plan.
    pub fn default_with(&mut self, default: impl FnOnce() -> Self) {
        if !self.is_known() {
            *self = default();
        }
    }

    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Value<U> {
        match self {
            Self::Null => Value::Null,
            Self::Unknown => Value::Unknown,
            Self::PartlyUnknown(value) => Value::PartlyUnknown(value),
            Self::Known(value) => Value::Known(change(value)),
        }
    }
}

impl<T> From<T> for Value<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

impl<T> From<Option<T>> for Value<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::Known)
    }
}

impl From<&str> for Value<String> {
    fn from(value: &str) -> Self {
        Self::Known(value.to_owned())
    }
}

/// What a [`Value`] can hold.
pub trait AttributeType: Sized {
    fn attribute_type() -> Type;

    /// Reads a value that is neither null nor unknown itself.
    ///
    /// # Errors
    /// [`Refusal::Unknown`] when an element is unknown, [`Refusal::Wrong`] when the value is not of this type.
    fn from_dynamic(value: &Dynamic) -> Result<Self, Refusal>;

    fn to_dynamic(&self) -> Dynamic;

    /// Sensitive in plans and logs whether or not the field says so.
    const SECRET: bool = false;
}

/// Why a value could not be read.
#[derive(Debug, PartialEq)]
pub enum Refusal {
    /// Something inside is not known yet.
    Unknown,
    Wrong(Vec<Diagnostic>),
}

impl Refusal {
    pub fn expected(what: &str, found: &Dynamic) -> Self {
        Self::Wrong(vec![Diagnostic::error("Wrong type", format!("Expected {what}, found {}.", found.kind()))])
    }

    /// The same refusal, of something further down.
    #[must_use]
    fn below(self, parent: &AttributePath) -> Self {
        match self {
            Self::Unknown => Self::Unknown,
            Self::Wrong(diagnostics) => Self::Wrong(
                diagnostics
                    .into_iter()
                    .map(|mut diagnostic| {
                        diagnostic.path = Some(diagnostic.path.unwrap_or_default().below(parent));
                        diagnostic
                    })
                    .collect(),
            ),
        }
    }
}

impl<T: AttributeType> Value<T> {
    /// # Errors
    /// The diagnostics of a value that is not of the attribute's type.
    pub fn from_dynamic(value: &Dynamic) -> Result<Self, Vec<Diagnostic>> {
        match value {
            Dynamic::Null => Ok(Self::Null),
            Dynamic::Unknown => Ok(Self::Unknown),
            known => match T::from_dynamic(known) {
                Ok(value) => Ok(Self::Known(value)),
                Err(Refusal::Unknown) => Ok(Self::PartlyUnknown(known.clone())),
                Err(Refusal::Wrong(diagnostics)) => Err(diagnostics),
            },
        }
    }

    pub fn to_dynamic(&self) -> Dynamic {
        match self {
            Self::Null => Dynamic::Null,
            Self::Unknown => Dynamic::Unknown,
            Self::PartlyUnknown(value) => value.clone(),
            Self::Known(value) => value.to_dynamic(),
        }
    }
}

impl AttributeType for String {
    fn attribute_type() -> Type {
        Type::String
    }
    fn from_dynamic(value: &Dynamic) -> Result<Self, Refusal> {
        match value {
            Dynamic::String(text) => Ok(text.clone()),
            other => Err(Refusal::expected("a string", other)),
        }
    }
    fn to_dynamic(&self) -> Dynamic {
        Dynamic::String(self.clone())
    }
}

impl AttributeType for bool {
    fn attribute_type() -> Type {
        Type::Bool
    }
    fn from_dynamic(value: &Dynamic) -> Result<Self, Refusal> {
        match value {
            Dynamic::Bool(value) => Ok(*value),
            other => Err(Refusal::expected("a bool", other)),
        }
    }
    fn to_dynamic(&self) -> Dynamic {
        Dynamic::Bool(*self)
    }
}

impl AttributeType for i64 {
    fn attribute_type() -> Type {
        Type::Number
    }
    fn from_dynamic(value: &Dynamic) -> Result<Self, Refusal> {
        match value {
            Dynamic::Int(value) => Ok(*value),
            other => Err(Refusal::expected("a whole number between -2^63 and 2^63 - 1", other)),
        }
    }
    fn to_dynamic(&self) -> Dynamic {
        Dynamic::Int(*self)
    }
}

/// A value that is shown nowhere and, as a write-only attribute, kept nowhere.
#[derive(Clone, Debug)]
pub struct Secret(SecretString);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }
    pub fn into_inner(self) -> SecretString {
        self.0
    }
    pub fn inner(&self) -> &SecretString {
        &self.0
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl AttributeType for Secret {
    const SECRET: bool = true;
    fn attribute_type() -> Type {
        Type::String
    }
    fn from_dynamic(value: &Dynamic) -> Result<Self, Refusal> {
        String::from_dynamic(value).map(Self::new)
    }
    fn to_dynamic(&self) -> Dynamic {
        Dynamic::String(self.0.expose_secret().to_owned())
    }
}

/// A string of the configuration that means a `T`, checked when it is read and written as `T` displays itself: the one
/// spelling that is taken. A `T` with several spellings keeps the one it was parsed from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<T>(pub T);

impl<T> Deref for Text<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> From<T> for Text<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> From<T> for Value<Text<T>> {
    fn from(value: T) -> Self {
        Self::Known(Text(value))
    }
}

impl<T: FromStr<Err: fmt::Display> + fmt::Display> AttributeType for Text<T> {
    fn attribute_type() -> Type {
        Type::String
    }
    fn from_dynamic(value: &Dynamic) -> Result<Self, Refusal> {
        let text = String::from_dynamic(value)?;
        let wrong = |why: &dyn fmt::Display| {
            Refusal::Wrong(vec![Diagnostic::error("Invalid value", sentence(&why.to_string()))])
        };
        let read: T = text.parse().map_err(|error: T::Err| wrong(&error))?;
        // The CLI takes an answer only as the configuration spells it.
        match read.to_string() {
            canonical if canonical != text => Err(wrong(&format!("`{text}` is spelled `{canonical}`"))),
            _ => Ok(Self(read)),
        }
    }
    fn to_dynamic(&self) -> Dynamic {
        Dynamic::String(self.0.to_string())
    }
}

/// Elements of a collection; an unknown one makes the collection not known as a whole.
fn elements<T: AttributeType>(value: &Dynamic, what: &str) -> Result<Vec<T>, Refusal> {
    let Dynamic::List(elements) = value else { return Err(Refusal::expected(what, value)) };
    if elements.iter().any(|element| matches!(element, Dynamic::Unknown)) {
        return Err(Refusal::Unknown);
    }
    elements
        .iter()
        .enumerate()
        .map(|(index, element)| {
            T::from_dynamic(element).map_err(|refusal| refusal.below(&AttributePath::root().index(index)))
        })
        .collect()
}

/// Elements of a set. A path into it would need the element itself as its step: the set is the place that is shown.
fn set_elements<T: AttributeType>(value: &Dynamic) -> Result<Vec<T>, Refusal> {
    elements(value, "a set").map_err(|refusal| match refusal {
        Refusal::Unknown => Refusal::Unknown,
        Refusal::Wrong(mut diagnostics) => {
            diagnostics.iter_mut().for_each(|diagnostic| diagnostic.path = None);
            Refusal::Wrong(diagnostics)
        }
    })
}

fn collection<T: AttributeType>(plain: fn(Box<Type>) -> Type, nesting: Nesting) -> Type {
    match T::attribute_type() {
        Type::Nested(Nesting::Single, attributes) => Type::Nested(nesting, attributes),
        scalar => plain(Box::new(scalar)),
    }
}

impl<T: AttributeType> AttributeType for Vec<T> {
    const SECRET: bool = T::SECRET;
    fn attribute_type() -> Type {
        collection::<T>(Type::List, Nesting::List)
    }
    fn from_dynamic(value: &Dynamic) -> Result<Self, Refusal> {
        elements(value, "a list")
    }
    fn to_dynamic(&self) -> Dynamic {
        Dynamic::List(self.iter().map(T::to_dynamic).collect())
    }
}

impl<T: AttributeType + Ord> AttributeType for BTreeSet<T> {
    const SECRET: bool = T::SECRET;
    fn attribute_type() -> Type {
        collection::<T>(Type::Set, Nesting::Set)
    }
    fn from_dynamic(value: &Dynamic) -> Result<Self, Refusal> {
        set_elements(value).map(BTreeSet::from_iter)
    }
    fn to_dynamic(&self) -> Dynamic {
        Dynamic::List(self.iter().map(T::to_dynamic).collect())
    }
}

/// A set of objects. Equality does not look at the order.
#[derive(Clone, Debug, Default)]
pub struct Set<T>(pub Vec<T>);

impl<T> Deref for Set<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> FromIterator<T> for Set<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        Self(elements.into_iter().collect())
    }
}

impl<T: PartialEq> PartialEq for Set<T> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|element| other.contains(element))
    }
}

impl<T: AttributeType> AttributeType for Set<T> {
    const SECRET: bool = T::SECRET;
    fn attribute_type() -> Type {
        collection::<T>(Type::Set, Nesting::Set)
    }
    fn from_dynamic(value: &Dynamic) -> Result<Self, Refusal> {
        set_elements(value).map(Self)
    }
    fn to_dynamic(&self) -> Dynamic {
        Dynamic::List(self.iter().map(T::to_dynamic).collect())
    }
}

impl<T: AttributeType> AttributeType for BTreeMap<String, T> {
    const SECRET: bool = T::SECRET;
    fn attribute_type() -> Type {
        collection::<T>(Type::Map, Nesting::Map)
    }
    fn from_dynamic(value: &Dynamic) -> Result<Self, Refusal> {
        let Dynamic::Map(entries) = value else { return Err(Refusal::expected("a map", value)) };
        if entries.values().any(|entry| matches!(entry, Dynamic::Unknown)) {
            return Err(Refusal::Unknown);
        }
        entries
            .iter()
            .map(|(key, entry)| {
                let entry = T::from_dynamic(entry).map_err(|refusal| refusal.below(&AttributePath::root().key(key)))?;
                Ok((key.clone(), entry))
            })
            .collect()
    }
    fn to_dynamic(&self) -> Dynamic {
        Dynamic::Map(self.iter().map(|(key, entry)| (key.clone(), entry.to_dynamic())).collect())
    }
}
