//! Attributes of a model: [`Value`] and the types it can hold.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

use secrecy::{ExposeSecret, SecretString};

use crate::diagnostics::Diagnostic;
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

    /// The value of a computed attribute of an object that exists.
    ///
    /// # Panics
    /// There is none: a defect of the handler that made the object, which the user is told as that.
    #[track_caller]
    pub fn held(&self) -> &T {
        self.known().expect("an object that exists has every value that the provider computes")
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
///
/// Its equality is what the server takes for equal: a name in other letters, an id in capitals. Two values that are
/// equal but spelled differently are one value, and keep the spelling they had (see [`AttributeType::keep_spelling`]).
pub trait AttributeType: Sized + Clone + PartialEq {
    fn attribute_type() -> Type;

    /// Reads a value that is neither null nor unknown itself.
    ///
    /// # Errors
    /// [`Refusal::Unknown`] when an element is unknown, [`Refusal::Wrong`] when the value is not of this type.
    fn from_dynamic(value: &Dynamic) -> Result<Self, Refusal>;

    fn to_dynamic(&self) -> Dynamic;

    /// Takes the spelling of `prior` where it means the same. With [`Keep::Parts`] also for single elements of a
    /// collection that differs as a whole.
    fn keep_spelling(&mut self, prior: &Self, _keep: Keep) {
        if self == prior {
            self.clone_from(prior);
        }
    }

    /// The same in an object that is known in part: attributes that are known keep their spelling before and after the
    /// others are.
    fn keep_spelling_in_part(_value: &mut Dynamic, _prior: &Self) {}

    /// Sensitive in plans and logs whether or not the field says so.
    const SECRET: bool = false;
    /// The names of the attributes inside.
    const NAMES: &'static [Name] = &[];
    /// Something inside has a default, is computed, write-only or replaces: it has to be found again by its place.
    const HAS_PLACES: bool = false;
    /// Something inside replaces the object.
    const REPLACES: bool = false;
    /// Every rule inside can be carried out: the elements of a set have no place, and only a single object inside
    /// another can be compared with the one before. `#[derive(Model)]` refuses what is not.
    const IS_COHERENT: bool = true;
    /// Everything inside is computed: what a function can answer with.
    const IS_ANSWER: bool = true;
    /// Takes `one_of`.
    const IS_WORD: bool = false;
    /// Takes `length`.
    const HAS_LENGTH: bool = false;
    /// Takes `range`.
    const IS_NUMBER: bool = false;

    /// The attributes inside whose value the plan changes or does not know, and that need a new object then.
    fn replaced(_prior: &Self, _planned: &Dynamic) -> Vec<AttributePath> {
        Vec::new()
    }
}

/// How far a spelling is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Of a value as a whole. A plan is either what is configured or what was there: the CLI takes no mixture.
    Whole,
    /// Of single elements of a collection too.
    Parts,
}

/// The name of an attribute, and those inside it.
#[derive(Clone, Copy, Debug)]
pub struct Name {
    pub name: &'static str,
    pub inside: &'static [Name],
}

/// Whether a path of names leads to an attribute. For `path!`, which asks when it is compiled.
pub const fn leads_somewhere(mut names: &[Name], path: &[&str]) -> bool {
    let mut step = 0;
    while step < path.len() {
        let mut found = None;
        let mut place = 0;
        while place < names.len() {
            if same_text(names[place].name, path[step]) {
                found = Some(names[place].inside);
            }
            place += 1;
        }
        match found {
            Some(inside) => names = inside,
            None => return false,
        }
        step += 1;
    }
    true
}

const fn same_text(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let mut place = 0;
    while place < one.len() {
        if one[place] != other[place] {
            return false;
        }
        place += 1;
    }
    true
}

/// Gives each element that equals one of `prior` the spelling of that one.
fn respell<'a, T: AttributeType + 'a>(elements: impl Iterator<Item = &'a mut T>, prior: &[&T]) {
    for element in elements {
        if let Some(before) = prior.iter().find(|before| **before == element) {
            element.clone_from(before);
        }
    }
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
    pub(crate) fn below(self, parent: &AttributePath) -> Self {
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
    /// Takes the spelling of `prior` where it means the same.
    pub fn keep_spelling(&mut self, prior: &Self, keep: Keep) {
        match (self, prior) {
            (Self::Known(value), Self::Known(prior)) => value.keep_spelling(prior, keep),
            (Self::PartlyUnknown(value), Self::Known(prior)) => T::keep_spelling_in_part(value, prior),
            _ => {}
        }
    }

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
    const HAS_LENGTH: bool = true;
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
    const IS_NUMBER: bool = true;
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
    const HAS_LENGTH: bool = true;
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
    let elements: Vec<T> = elements(value, "a set").map_err(|refusal| match refusal {
        Refusal::Unknown => Refusal::Unknown,
        Refusal::Wrong(mut diagnostics) => {
            diagnostics.iter_mut().for_each(|diagnostic| diagnostic.path = None);
            Refusal::Wrong(diagnostics)
        }
    })?;
    // The CLI tells them apart, the server does not: no answer could please both.
    for (place, element) in elements.iter().enumerate() {
        let value = element.to_dynamic();
        // Two that are unknown alike may turn out different.
        if !value.has_unknown() && elements[..place].contains(element) {
            let shown = if T::SECRET { "An element".to_owned() } else { plain(&T::attribute_type(), &value) };
            let detail = format!("{shown} is there twice, in two spellings. Leave out one.");
            return Err(Refusal::Wrong(vec![Diagnostic::error("Two elements are the same", detail)]));
        }
    }
    Ok(elements)
}

/// A value in a message. What is sensitive or null inside is left out.
fn plain(ty: &Type, value: &Dynamic) -> String {
    match (ty, value) {
        (Type::Nested(Nesting::Single, attributes), value @ Dynamic::Map(_)) => {
            let shown = attributes.iter().filter(|it| !it.sensitive && !value.get(it.name).is_null());
            let entries = shown.map(|it| format!("{} = {}", it.name, plain(&it.ty, value.get(it.name))));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        (_, Dynamic::String(text)) => format!("`{text}`"),
        (_, Dynamic::Int(number)) => number.to_string(),
        (_, Dynamic::Bool(value)) => value.to_string(),
        (_, other) => other.kind().to_owned(),
    }
}

fn collection<T: AttributeType>(plain: fn(Box<Type>) -> Type, nesting: Nesting) -> Type {
    match T::attribute_type() {
        Type::Nested(Nesting::Single, attributes) => Type::Nested(nesting, attributes),
        scalar => plain(Box::new(scalar)),
    }
}

impl<T: AttributeType> AttributeType for Vec<T> {
    const HAS_LENGTH: bool = true;
    const SECRET: bool = T::SECRET;
    const NAMES: &'static [Name] = T::NAMES;
    const IS_ANSWER: bool = T::IS_ANSWER;
    const HAS_PLACES: bool = T::HAS_PLACES;
    const IS_COHERENT: bool = T::IS_COHERENT && !T::REPLACES;
    fn keep_spelling(&mut self, prior: &Self, keep: Keep) {
        if self == prior {
            self.clone_from(prior);
        } else if keep == Keep::Parts {
            respell(self.iter_mut(), &prior.iter().collect::<Vec<_>>());
        }
    }
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
    const HAS_LENGTH: bool = true;
    const SECRET: bool = T::SECRET;
    const NAMES: &'static [Name] = T::NAMES;
    const IS_ANSWER: bool = T::IS_ANSWER;
    const IS_COHERENT: bool = T::IS_COHERENT && !T::HAS_PLACES;
    fn keep_spelling(&mut self, prior: &Self, keep: Keep) {
        if self == prior {
            self.clone_from(prior);
        } else if keep == Keep::Parts {
            *self = self.iter().map(|element| prior.get(element).unwrap_or(element).clone()).collect();
        }
    }
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
#[derive(Clone, Debug)]
pub struct Set<T>(pub Vec<T>);

impl<T> Default for Set<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

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
    const HAS_LENGTH: bool = true;
    const SECRET: bool = T::SECRET;
    const NAMES: &'static [Name] = T::NAMES;
    const IS_ANSWER: bool = T::IS_ANSWER;
    const IS_COHERENT: bool = T::IS_COHERENT && !T::HAS_PLACES;
    fn keep_spelling(&mut self, prior: &Self, keep: Keep) {
        if self == prior {
            self.clone_from(prior);
        } else if keep == Keep::Parts {
            respell(self.0.iter_mut(), &prior.iter().collect::<Vec<_>>());
        }
    }
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
    const HAS_LENGTH: bool = true;
    const SECRET: bool = T::SECRET;
    const NAMES: &'static [Name] = T::NAMES;
    const IS_ANSWER: bool = T::IS_ANSWER;
    const HAS_PLACES: bool = T::HAS_PLACES;
    const IS_COHERENT: bool = T::IS_COHERENT && !T::REPLACES;
    fn keep_spelling(&mut self, prior: &Self, keep: Keep) {
        if self == prior {
            self.clone_from(prior);
        } else if keep == Keep::Parts {
            for (key, element) in self.iter_mut() {
                if let Some(before) = prior.get(key) {
                    element.keep_spelling(before, keep);
                }
            }
        }
    }
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
