//! A value of the configuration language whose type is known only from its schema: what the wire carries and what
//! [`crate::Model`]s are read from and written to.

use std::collections::BTreeMap;

/// A value as Terraform sends it. Sets and lists are both [`Dynamic::List`]; objects and maps both [`Dynamic::Map`].
#[derive(Clone, Debug, PartialEq)]
pub enum Dynamic {
    Null,
    /// Not known yet. Refinements that the CLI sends along are not kept: an answer need not repeat them.
    Unknown,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// A number that fits neither: its decimal digits.
    BigNumber(String),
    String(String),
    List(Vec<Dynamic>),
    Map(BTreeMap<String, Dynamic>),
}

impl Dynamic {
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether the value or anything inside it is unknown.
    pub fn has_unknown(&self) -> bool {
        match self {
            Self::Unknown => true,
            Self::List(elements) => elements.iter().any(Self::has_unknown),
            Self::Map(entries) => entries.values().any(Self::has_unknown),
            _ => false,
        }
    }

    /// The member of an object; null when there is none or this is no object.
    pub fn get(&self, name: &str) -> &Dynamic {
        match self {
            Self::Map(entries) => entries.get(name).unwrap_or(&Self::Null),
            _ => &Self::Null,
        }
    }

    /// The element of a list; null when there is none or this is no list.
    pub(crate) fn at(&self, index: usize) -> &Dynamic {
        match self {
            Self::List(elements) => elements.get(index).unwrap_or(&Self::Null),
            _ => &Self::Null,
        }
    }

    /// The word for the value's shape in a message.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Unknown => "an unknown value",
            Self::Bool(_) => "a bool",
            Self::Int(_) | Self::Float(_) | Self::BigNumber(_) => "a number",
            Self::String(_) => "a string",
            Self::List(_) => "a list",
            Self::Map(_) => "an object",
        }
    }
}

impl From<&str> for Dynamic {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

/// A float that is a whole number is one: the CLI sends 3 and 3.0 alike.
impl From<f64> for Dynamic {
    fn from(value: f64) -> Self {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if value.fract() == 0.0 && value.abs() <= EXACT { Self::Int(value as i64) } else { Self::Float(value) }
    }
}
