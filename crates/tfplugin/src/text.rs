//! Texts that mean something: [`Text`] and [`Word`]. Equal is what means the same, whatever its spelling.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::str::FromStr;

use crate::diagnostics::{Diagnostic, sentence};
use crate::dynamic::Dynamic;
use crate::schema::Type;
use crate::value::{AttributeType, Refusal, Value};

/// A string of the configuration that means a `T`, with the spelling it has there. Equal is what means the same.
#[derive(Clone)]
pub struct Text<T> {
    value: T,
    spelling: String,
}

impl<T> Text<T> {
    /// What it means.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// As the configuration, the state or the server spells it.
    pub fn spelling(&self) -> &str {
        &self.spelling
    }
}

impl<T> Deref for Text<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Text<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.value, f)
    }
}

impl<T> fmt::Display for Text<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.spelling)
    }
}

impl<T: PartialEq> PartialEq for Text<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Text<T> {}

impl<T: PartialOrd> PartialOrd for Text<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.value.partial_cmp(&other.value)
    }
}

impl<T: Ord> Ord for Text<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.value.cmp(&other.value)
    }
}

impl<T: Hash> Hash for Text<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.value.hash(state);
    }
}

impl<T: fmt::Display> From<T> for Text<T> {
    fn from(value: T) -> Self {
        Self { spelling: value.to_string(), value }
    }
}

impl<T: fmt::Display> From<T> for Value<Text<T>> {
    fn from(value: T) -> Self {
        Self::Known(value.into())
    }
}

impl<T: FromStr<Err: fmt::Display> + Clone + PartialEq> AttributeType for Text<T> {
    const HAS_LENGTH: bool = true;
    fn attribute_type() -> Type {
        Type::String
    }
    fn from_dynamic(value: &Dynamic) -> Result<Self, Refusal> {
        let spelling = String::from_dynamic(value)?;
        match spelling.parse() {
            Ok(value) => Ok(Self { value, spelling }),
            Err(error) => Err(Refusal::Wrong(vec![Diagnostic::error("Invalid value", sentence(&format!("{error}")))])),
        }
    }
    fn to_dynamic(&self) -> Dynamic {
        Dynamic::String(self.spelling.clone())
    }
}

/// One of a few words of the ASCII alphabet, which `#[attr(one_of = …)]` lists. Upper and lower case are the same.
#[derive(Clone, Debug)]
pub struct Word(String);

impl Word {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is this one.
    pub fn is(&self, word: &str) -> bool {
        self.0.eq_ignore_ascii_case(word)
    }
}

impl PartialEq for Word {
    fn eq(&self, other: &Self) -> bool {
        self.is(&other.0)
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for Word {
    fn from(word: &str) -> Self {
        Self(word.to_owned())
    }
}

impl From<&str> for Value<Word> {
    fn from(word: &str) -> Self {
        Self::Known(word.into())
    }
}

impl Value<Word> {
    /// Whether it is known, and this one.
    pub fn is(&self, word: &str) -> bool {
        self.known().is_some_and(|it| it.is(word))
    }
}

impl AttributeType for Word {
    const HAS_LENGTH: bool = true;
    const IS_WORD: bool = true;
    fn attribute_type() -> Type {
        Type::String
    }
    fn from_dynamic(value: &Dynamic) -> Result<Self, Refusal> {
        String::from_dynamic(value).map(Self)
    }
    fn to_dynamic(&self) -> Dynamic {
        Dynamic::String(self.0.clone())
    }
}
