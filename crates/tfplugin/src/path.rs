//! Where in a configuration something is: the CLI shows a diagnostic at the line its path leads to.

use std::fmt;

/// A path from the root of a block to an attribute or element.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttributePath(pub Vec<Step>);

/// One step of an [`AttributePath`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    Attribute(String),
    Key(String),
    Index(i64),
}

impl AttributePath {
    pub fn root() -> Self {
        Self::default()
    }

    /// A path of attribute names, as `path!` writes it.
    pub fn of(names: &[&str]) -> Self {
        Self(names.iter().map(|name| Step::Attribute((*name).to_owned())).collect())
    }

    #[must_use]
    pub fn attribute(mut self, name: &str) -> Self {
        self.0.push(Step::Attribute(name.to_owned()));
        self
    }

    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        self.0.push(Step::Key(key.to_owned()));
        self
    }

    #[must_use]
    pub fn index(mut self, index: usize) -> Self {
        self.0.push(Step::Index(i64::try_from(index).unwrap_or(i64::MAX)));
        self
    }

    /// This path, seen from where `parent` leads.
    #[must_use]
    pub(crate) fn below(mut self, parent: &AttributePath) -> Self {
        self.0.splice(0..0, parent.0.iter().cloned());
        self
    }
}

impl fmt::Display for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Attribute(name) if position == 0 => f.write_str(name)?,
                Step::Attribute(name) => write!(f, ".{name}")?,
                Step::Key(key) => write!(f, "[{key:?}]")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// `path!(Connection: basic.username)`: the path of an attribute of a model. One that the model does not have does not
/// compile.
#[macro_export]
macro_rules! path {
    ($model:ty: $($name:ident).+) => {{
        const {
            assert!(
                $crate::leads_somewhere(
                    <$model as $crate::AttributeType>::NAMES,
                    &[$($crate::macros::plain_name(stringify!($name))),+],
                ),
                "the model has no attribute of this path"
            );
        }
        $crate::AttributePath::of(&[$($crate::macros::plain_name(stringify!($name))),+])
    }};
}
