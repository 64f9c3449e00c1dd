//! What the code made by `#[derive(Model)]` calls.

use crate::diagnostics::Diagnostic;
use crate::dynamic::Dynamic;
use crate::path::AttributePath;
use crate::value::{AttributeType, Value};

/// Reads an object's members and collects what is wrong with any of them.
#[derive(Debug)]
pub struct ObjectReader<'a> {
    object: &'a Dynamic,
    wrong: Vec<Diagnostic>,
}

impl<'a> ObjectReader<'a> {
    /// # Errors
    /// The value is no object.
    pub fn new(object: &'a Dynamic) -> Result<Self, Vec<Diagnostic>> {
        match object {
            Dynamic::Map(_) => Ok(Self { object, wrong: Vec::new() }),
            other => Err(vec![Diagnostic::error("Wrong type", format!("Expected an object, found {}.", other.kind()))]),
        }
    }

    pub fn read<T: AttributeType>(&mut self, name: &str) -> Option<Value<T>> {
        match Value::from_dynamic(self.object.get(name)) {
            Ok(value) => Some(value),
            Err(wrong) => {
                let parent = AttributePath::of(&[name]);
                self.wrong.extend(wrong.into_iter().map(|mut diagnostic| {
                    diagnostic.path = Some(diagnostic.path.unwrap_or_default().below(&parent));
                    diagnostic
                }));
                None
            }
        }
    }

    /// # Errors
    /// Something was wrong with a member.
    pub fn finish(self) -> Result<(), Vec<Diagnostic>> {
        if self.wrong.is_empty() { Ok(()) } else { Err(self.wrong) }
    }
}
