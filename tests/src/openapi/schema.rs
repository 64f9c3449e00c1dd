//! Values against their schemas.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::{Spec, What};

/// What is told of each misfit: its kind, where, and what was there.
type Report<'r> = dyn FnMut(What, &str, String) + 'r;

/// Properties and required names of a schema and of everything it builds on.
#[derive(Default)]
struct Members<'s> {
    declared: HashMap<&'s str, (PathBuf, &'s Value)>,
    required: Vec<&'s str>,
    /// Where a property tells the kind: that schema, its file, and the property.
    discriminator: Option<(PathBuf, &'s Value, &'s str)>,
}

impl Spec {
    pub(super) fn validate(&self, file: &Path, schema: &Value, value: &Value, at: &str, report: &mut Report<'_>) {
        if let Some(reference) = schema["$ref"].as_str() {
            let (file, schema) = self.resolve(file, reference);
            return self.validate(&file, schema, value, at, report);
        }
        if let Some(known) = schema["enum"].as_array()
            && !known.contains(value)
        {
            return report(What::Value, at, format!("{value} is none of {known:?}"));
        }
        let mut wrong = |kind: &str| report(What::Value, at, format!("{value} is no {kind}"));
        match schema["type"].as_str() {
            Some("string") => match value.as_str() {
                Some(text) if !fits_format(text, schema["format"].as_str()) => {
                    wrong(schema["format"].as_str().unwrap_or_default());
                }
                Some(_) => {}
                None => wrong("text"),
            },
            Some("integer") if !value.is_i64() && !value.is_u64() => wrong("integer"),
            Some("number") if !value.is_number() => wrong("number"),
            Some("boolean") if !value.is_boolean() => wrong("boolean"),
            Some("array") => match value.as_array() {
                Some(elements) => {
                    for element in elements {
                        self.validate(file, &schema["items"], element, &format!("{at}[]"), report);
                    }
                }
                None => wrong("array"),
            },
            kind if kind == Some("object") || schema["properties"].is_object() || schema["allOf"].is_array() => {
                match value.as_object() {
                    Some(members) => self.validate_object(file, schema, members, at, report),
                    None => wrong("object"),
                }
            }
            _ => {}
        }
    }

    fn validate_object(
        &self,
        file: &Path,
        schema: &Value,
        members: &Map<String, Value>,
        at: &str,
        report: &mut Report<'_>,
    ) {
        let mut known = Members::default();
        self.collect(file, schema, &mut known);
        // The kind of a polymorphic object is told by its discriminator.
        if let Some((file, base, property)) = known.discriminator.take()
            && let Some(wanted) = members.get(property).and_then(Value::as_str)
        {
            match self.kind(&file, base, wanted) {
                Some(kind) => self.collect(&file, kind, &mut known),
                None => report(What::Value, &format!("{at}.{property}"), format!("{wanted} is no known kind")),
            }
        }
        for name in &known.required {
            if !members.contains_key(*name) {
                report(What::FieldMissing, &format!("{at}.{name}"), String::new());
            }
        }
        let additional = schema["additionalProperties"].is_object() || known.declared.is_empty();
        for (name, value) in members {
            let at = format!("{at}.{name}");
            match known.declared.get(name.as_str()) {
                Some(_) if value.is_null() => report(What::Null, &at, String::new()),
                Some((file, schema)) => self.validate(file, schema, value, &at, report),
                None if additional => {}
                None => report(What::FieldUndeclared, &at, value.to_string()),
            }
        }
    }

    fn collect<'s>(&'s self, file: &Path, schema: &'s Value, known: &mut Members<'s>) {
        if let Some(reference) = schema["$ref"].as_str() {
            let (file, schema) = self.resolve(file, reference);
            return self.collect(&file, schema, known);
        }
        for base in schema["allOf"].as_array().into_iter().flatten() {
            self.collect(file, base, known);
        }
        if let Some(property) = schema["discriminator"].as_str() {
            known.discriminator = Some((file.to_owned(), schema, property));
        }
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            known.declared.insert(name, (file.to_owned(), property));
        }
        known.required.extend(schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str));
    }

    fn kind(&self, file: &Path, base: &Value, wanted: &str) -> Option<&Value> {
        let definitions = self.files.get(file)?["definitions"].as_object()?;
        // Requests and answers have kinds of the same names: only those that build on this schema count.
        let (base, _) = definitions.iter().find(|(_, definition)| std::ptr::eq(*definition, base))?;
        let base = format!("#/definitions/{base}");
        let builds_on =
            |kind: &&Value| kind["allOf"].as_array().is_some_and(|bases| bases.iter().any(|of| of["$ref"] == base));
        definitions.values().filter(builds_on).find(|kind| kind["x-ms-discriminator-value"] == wanted)
    }

    fn resolve(&self, file: &Path, reference: &str) -> (PathBuf, &Value) {
        let (target, pointer) = reference.split_once('#').unwrap_or((reference, ""));
        let target = if target.is_empty() {
            file.to_owned()
        } else {
            // Parts of the description that mirroring does not touch are not at hand: nothing is demanded there.
            let Ok(target) = file.parent().unwrap_or(file).join(target).canonicalize() else {
                return (file.to_owned(), &Value::Null);
            };
            target
        };
        let found = self.files.get(&target).and_then(|file| file.pointer(pointer));
        (target, found.unwrap_or(&Value::Null))
    }
}

fn fits_format(text: &str, format: Option<&str>) -> bool {
    match format {
        Some("uuid") => uuid::Uuid::try_parse(text).is_ok(),
        Some("date-time") => text.parse::<jiff::Timestamp>().is_ok(),
        _ => true,
    }
}
