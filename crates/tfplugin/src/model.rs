//! [`Model`]: what `#[derive(Model)]` makes of a struct, and what the server does with any model's schema.

use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::dynamic::Dynamic;
use crate::path::AttributePath;
use crate::schema::{Attribute, Nesting, Type};

/// A struct that is schema, state and documentation at once. Derive it; every field is a [`crate::Value`].
pub trait Model: Sized + Clone + Send + Sync + 'static {
    /// The struct's doc comment: Markdown.
    const DESCRIPTION: &'static str;

    fn attributes() -> Vec<Attribute>;

    /// # Errors
    /// Diagnostics with their paths, of every value that is not of its attribute's type.
    fn from_dynamic(value: &Dynamic) -> Result<Self, Vec<Diagnostic>>;

    fn to_dynamic(&self) -> Dynamic;

    /// The attributes marked `replace` whose value the plan changes.
    fn replaced(prior: &Self, planned: &Self) -> Vec<AttributePath>;
}

/// A provider, data source or function without anything to configure.
#[derive(Clone, Debug, Default)]
pub struct Nothing;

impl Model for Nothing {
    const DESCRIPTION: &'static str = "";
    fn attributes() -> Vec<Attribute> {
        Vec::new()
    }
    fn from_dynamic(_: &Dynamic) -> Result<Self, Vec<Diagnostic>> {
        Ok(Self)
    }
    fn to_dynamic(&self) -> Dynamic {
        Dynamic::Map(Default::default())
    }
    fn replaced(_: &Self, _: &Self) -> Vec<AttributePath> {
        Vec::new()
    }
}

/// Checks what the schema language of the CLI cannot say: `requires`, `conflicts`, `exactly_one_of`.
pub(crate) fn check_constraints(attributes: &[Attribute], config: &Dynamic, at: &AttributePath) -> Diagnostics {
    let mut found = Diagnostics::default();
    // What is unknown may turn out null: nothing is said against it before it is known.
    let is_set = |name: &str| !config.get(name).is_null() && *config.get(name) != Dynamic::Unknown;
    for attribute in attributes {
        let path = at.clone().attribute(attribute.name);
        let value = config.get(attribute.name);
        if is_set(attribute.name) {
            for other in attribute.requires.iter().filter(|other| config.get(other).is_null()) {
                found.push(
                    Diagnostic::error(
                        format!("`{}` needs `{other}`", attribute.name),
                        format!("Set `{other}` too, or leave out `{}`.", attribute.name),
                    )
                    .at(path.clone()),
                );
            }
            for other in attribute.conflicts.iter().filter(|other| is_set(other)) {
                found.push(
                    Diagnostic::error(
                        format!("`{}` and `{other}` exclude each other", attribute.name),
                        format!("Leave out one of `{}` and `{other}`.", attribute.name),
                    )
                    .at(path.clone()),
                );
            }
        }
        if !attribute.exactly_one_of.is_empty() {
            let all: Vec<&str> =
                std::iter::once(attribute.name).chain(attribute.exactly_one_of.iter().copied()).collect();
            let names = all.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let known = all.iter().filter(|name| is_set(name)).count();
            let unknown = all.iter().any(|name| *config.get(name) == Dynamic::Unknown);
            if known > 1 {
                found.push(
                    Diagnostic::error(format!("Only one of {names} can be set"), format!("{known} of them are set."))
                        .at(path.clone()),
                );
            } else if known == 0 && !unknown {
                found.push(
                    Diagnostic::error(format!("One of {names} is needed"), "None of them is set.").at(at.clone()),
                );
            }
        }
        for (place, member) in members(&attribute.ty, value, &path) {
            if let Some((_, nested)) = attribute.ty.nested() {
                found.extend(check_constraints(nested, member, &place));
            }
        }
    }
    found
}

/// The objects inside a nested attribute's value.
fn members<'a>(ty: &Type, value: &'a Dynamic, path: &AttributePath) -> Vec<(AttributePath, &'a Dynamic)> {
    let Some((nesting, _)) = ty.nested() else { return Vec::new() };
    match (nesting, value) {
        (Nesting::Single, Dynamic::Map(_)) => vec![(path.clone(), value)],
        (Nesting::List, Dynamic::List(elements)) => {
            elements.iter().enumerate().map(|(index, element)| (path.clone().index(index), element)).collect()
        }
        (Nesting::Set, Dynamic::List(elements)) => elements.iter().map(|element| (path.clone(), element)).collect(),
        (Nesting::Map, Dynamic::Map(entries)) => {
            entries.iter().map(|(key, entry)| (path.clone().key(key), entry)).collect()
        }
        _ => Vec::new(),
    }
}

/// Applies `change` to every attribute's value, outside in. Objects get exactly the attributes of the schema.
pub(crate) fn transform(
    attributes: &[Attribute],
    value: &mut Dynamic,
    change: &mut dyn FnMut(&Attribute, &mut Dynamic),
) {
    let Dynamic::Map(entries) = value else { return };
    entries.retain(|name, _| attributes.iter().any(|attribute| attribute.name == name));
    for attribute in attributes {
        let entry = entries.entry(attribute.name.to_owned()).or_insert(Dynamic::Null);
        change(attribute, entry);
        if let Some((nesting, nested)) = attribute.ty.nested() {
            match (nesting, entry) {
                (Nesting::Single, entry) => transform(nested, entry, change),
                (Nesting::List | Nesting::Set, Dynamic::List(elements)) => {
                    elements.iter_mut().for_each(|element| transform(nested, element, change));
                }
                (Nesting::Map, Dynamic::Map(entries)) => {
                    entries.values_mut().for_each(|entry| transform(nested, entry, change));
                }
                _ => {}
            }
        }
    }
}

/// What no answer may hold: the values of write-only attributes.
pub(crate) fn strip_write_only(attributes: &[Attribute], value: &mut Dynamic) {
    transform(attributes, value, &mut |attribute, value| {
        if attribute.write_only {
            *value = Dynamic::Null;
        }
    });
}

/// Puts the configuration's write-only values into a plan, so that a handler finds a whole object.
pub(crate) fn add_write_only(attributes: &[Attribute], value: &mut Dynamic, config: &Dynamic) {
    let Dynamic::Map(entries) = value else { return };
    for attribute in attributes {
        let configured = config.get(attribute.name);
        match entries.get_mut(attribute.name) {
            Some(entry) if attribute.write_only => *entry = configured.clone(),
            Some(entry) => {
                for (nested, member, configured) in configured_members(attribute, entry, configured) {
                    add_write_only(nested, member, configured);
                }
            }
            None => {}
        }
    }
}

/// The objects inside a nested attribute's planned value, each beside what is configured for it. An element of a set
/// has no place by which it could be found.
fn configured_members<'a>(
    attribute: &'a Attribute,
    planned: &'a mut Dynamic,
    configured: &'a Dynamic,
) -> Vec<(&'a [Attribute], &'a mut Dynamic, &'a Dynamic)> {
    let Some((nesting, nested)) = attribute.ty.nested() else { return Vec::new() };
    match (nesting, planned, configured) {
        (Nesting::Single, planned, configured) => vec![(nested, planned, configured)],
        (Nesting::List, Dynamic::List(planned), Dynamic::List(configured)) => {
            planned.iter_mut().zip(configured).map(|(planned, configured)| (nested, planned, configured)).collect()
        }
        (Nesting::Map, Dynamic::Map(planned), configured) => {
            planned.iter_mut().map(|(key, planned)| (nested, planned, configured.get(key))).collect()
        }
        _ => Vec::new(),
    }
}

/// Fills in defaults and, in a new object, marks as unknown what the provider will compute.
pub(crate) fn prepare_plan(attributes: &[Attribute], proposed: &mut Dynamic, config: &Dynamic, is_new: bool) {
    let Dynamic::Map(entries) = proposed else { return };
    for attribute in attributes {
        let Some(entry) = entries.get_mut(attribute.name) else { continue };
        let configured = config.get(attribute.name);
        if configured.is_null() {
            if let Some(default) = &attribute.default {
                *entry = default.clone();
            } else if is_new && attribute.mode.is_computed() {
                *entry = Dynamic::Unknown;
            }
        } else {
            for (nested, member, configured) in configured_members(attribute, entry, configured) {
                prepare_plan(nested, member, configured, is_new);
            }
        }
    }
}

/// The first attribute that is still unknown: an answer to apply, read or import must not have one.
pub(crate) fn first_unknown(attributes: &[Attribute], value: &Dynamic) -> Option<&'static str> {
    attributes.iter().find(|attribute| value.get(attribute.name).has_unknown()).map(|attribute| attribute.name)
}
