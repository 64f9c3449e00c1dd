//! [`Model`]: what `#[derive(Model)]` makes of a struct, and what the server does with any model's schema.

use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::dynamic::Dynamic;
use crate::macros::missing;
use crate::path::AttributePath;
use crate::schema::{Attribute, Mode, Nesting, Type};
use crate::value::{AttributeType, Refusal};

/// A struct that is schema, state and documentation at once. Derive it.
pub trait Model: AttributeType + Send + Sync + 'static {
    /// The struct's doc comment: Markdown.
    const DESCRIPTION: &'static str;

    /// The same object while anything in it may be unknown.
    type Draft: Draft<Whole = Self>;

    fn attributes() -> Vec<Attribute>;
}

/// A configuration or a plan: a [`Model`] in which anything may be unknown.
pub trait Draft: Sized + Clone + Send + Sync + 'static {
    type Whole: Model<Draft = Self>;

    /// # Errors
    /// Diagnostics with their paths, of every value that is not of its attribute's type.
    fn from_dynamic(value: &Dynamic) -> Result<Self, Vec<Diagnostic>>;

    fn to_dynamic(&self) -> Dynamic;

    /// Takes the values of `prior` that mean the same, whole: then nothing is planned for them.
    fn keep_spelling(&mut self, prior: &Self::Whole);

    /// The attributes marked `replace` whose value is not that of `prior`.
    fn replaced(&self, prior: &Self::Whole) -> Vec<AttributePath>;

    /// The object, once everything that is required is known.
    fn whole(&self) -> Option<Self::Whole> {
        <Self::Whole as AttributeType>::from_dynamic(&self.to_dynamic()).ok()
    }
}

/// A provider, data source or function without anything to configure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Nothing;

impl Draft for Nothing {
    type Whole = Self;
    fn from_dynamic(_: &Dynamic) -> Result<Self, Vec<Diagnostic>> {
        Ok(Self)
    }
    fn to_dynamic(&self) -> Dynamic {
        Dynamic::Map(Default::default())
    }
    fn keep_spelling(&mut self, _: &Self) {}
    fn replaced(&self, _: &Self) -> Vec<AttributePath> {
        Vec::new()
    }
}

impl AttributeType for Nothing {
    fn attribute_type() -> Type {
        Type::Nested(Nesting::Single, Vec::new())
    }
    fn from_dynamic(_: &Dynamic) -> Result<Self, Refusal> {
        Ok(Self)
    }
    fn to_dynamic(&self) -> Dynamic {
        Dynamic::Map(Default::default())
    }
}

impl Model for Nothing {
    const DESCRIPTION: &'static str = "";
    type Draft = Self;
    fn attributes() -> Vec<Attribute> {
        Vec::new()
    }
}

/// What is wrong with a configuration: by its schema, by its types, and by what the handler `further` says of it. What
/// is wrong by its schema and its types is said once.
pub(crate) fn validate<M: Model>(
    attributes: &[Attribute],
    config: &Dynamic,
    further: impl FnOnce(&M::Draft) -> Diagnostics,
) -> Diagnostics {
    let mut found = check_constraints(attributes, config, &AttributePath::root());
    match <M::Draft as Draft>::from_dynamic(config) {
        Ok(config) => found.extend(further(&config)),
        Err(wrong) => {
            let new: Vec<_> = wrong.into_iter().filter(|it| !found.0.contains(it)).collect();
            found.extend(new);
        }
    }
    found
}

/// Checks what the schema language of the CLI cannot say: that what is required is not null, `one_of`, `length`, `range`,
/// `requires`, `conflicts`, `exactly_one_of`.
fn check_constraints(attributes: &[Attribute], config: &Dynamic, at: &AttributePath) -> Diagnostics {
    let mut found = Diagnostics::default();
    // What is unknown may turn out null: nothing is said against it before it is known.
    let is_set = |name: &str| !config.get(name).is_null() && *config.get(name) != Dynamic::Unknown;
    for attribute in attributes {
        let path = at.clone().attribute(attribute.name);
        let value = config.get(attribute.name);
        if attribute.mode == Mode::Required && value.is_null() {
            found.push(missing(attribute.name).at(path.clone()));
        }
        if let Some(wrong) = outside(attribute, value) {
            found.push(wrong.at(path.clone()));
        }
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
        if let Some((nesting, nested)) = attribute.ty.nested() {
            // One that is unknown may turn out to have everything.
            let known = members(nesting, value, &path).into_iter().filter(|(_, it)| matches!(it, Dynamic::Map(_)));
            for (place, member) in known {
                let inside = check_constraints(nested, member, &place).into_iter().map(|diagnostic| match nesting {
                    // A path into a set would need the element itself as its step: the set is the place that is shown.
                    Nesting::Set => diagnostic.at(place.clone()),
                    _ => diagnostic,
                });
                found.extend(inside);
            }
        }
    }
    found
}

/// What is wrong with a value that is not among those its attribute allows.
fn outside(attribute: &Attribute, value: &Dynamic) -> Option<Diagnostic> {
    let name = attribute.name;
    if let (Dynamic::String(word), false) = (value, attribute.one_of.is_empty())
        && !attribute.one_of.iter().any(|allowed| allowed.eq_ignore_ascii_case(word))
    {
        let allowed = attribute.one_of.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        return Some(Diagnostic::error(
            format!("`{name}` is an unknown word"),
            format!("`{word}` is none of {allowed}."),
        ));
    }
    let counted = match (&attribute.ty, value) {
        (_, Dynamic::String(text)) => Some((text.chars().count(), "characters")),
        // Elements of a set that are unknown may turn out to be one.
        (Type::Set(_) | Type::Nested(Nesting::Set, _), value) if value.has_unknown() => None,
        (_, Dynamic::List(elements)) => Some((elements.len(), "elements")),
        (Type::Map(_) | Type::Nested(Nesting::Map, _), Dynamic::Map(entries)) => Some((entries.len(), "elements")),
        _ => None,
    };
    if let (Some(length), Some((found, unit))) = (&attribute.length, counted)
        && !length.contains(&found)
    {
        let detail = format!("It has {found} {unit}; {} to {} are possible.", length.start(), length.end());
        let summary = if found < *length.start() { "is too short, or empty" } else { "is too long" };
        return Some(Diagnostic::error(format!("`{name}` {summary}"), detail));
    }
    if let (Some(range), Dynamic::Int(number)) = (&attribute.range, value)
        && !range.contains(number)
    {
        let detail = format!("It is {number}; {} to {} are possible.", range.start(), range.end());
        return Some(Diagnostic::error(format!("`{name}` is out of range"), detail));
    }
    None
}

/// The objects inside a nested attribute's value.
fn members<'a>(nesting: Nesting, value: &'a Dynamic, path: &AttributePath) -> Vec<(AttributePath, &'a Dynamic)> {
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
                for (nested, member, [configured]) in placed_members(attribute, entry, [configured]) {
                    add_write_only(nested, member, configured);
                }
            }
            None => {}
        }
    }
}

/// The objects inside a nested attribute's planned value, each beside those in its place in `others`, which are null
/// where there is none. An element of a set has no place by which it could be found.
fn placed_members<'a, const N: usize>(
    attribute: &'a Attribute,
    planned: &'a mut Dynamic,
    others: [&'a Dynamic; N],
) -> Vec<(&'a [Attribute], &'a mut Dynamic, [&'a Dynamic; N])> {
    let Some((nesting, nested)) = attribute.ty.nested() else { return Vec::new() };
    match (nesting, planned) {
        (Nesting::Single, planned) => vec![(nested, planned, others)],
        (Nesting::List, Dynamic::List(planned)) => planned
            .iter_mut()
            .enumerate()
            .map(|(index, planned)| (nested, planned, others.map(|other| other.at(index))))
            .collect(),
        (Nesting::Map, Dynamic::Map(planned)) => {
            planned.iter_mut().map(|(key, planned)| (nested, planned, others.map(|other| other.get(key)))).collect()
        }
        _ => Vec::new(),
    }
}

/// Fills in defaults and, in an object that has no prior one, marks as unknown what the provider will compute.
pub(crate) fn prepare_plan(attributes: &[Attribute], proposed: &mut Dynamic, config: &Dynamic, prior: &Dynamic) {
    let Dynamic::Map(entries) = proposed else { return };
    for attribute in attributes {
        let Some(entry) = entries.get_mut(attribute.name) else { continue };
        let configured = config.get(attribute.name);
        if configured.is_null() {
            if let Some(default) = &attribute.default {
                *entry = default.clone();
            } else if let (Some(initial), true) = (&attribute.initial, prior.is_null()) {
                *entry = initial.clone();
            } else if prior.is_null() && attribute.mode.is_computed() {
                *entry = Dynamic::Unknown;
            }
        } else {
            let others = [configured, prior.get(attribute.name)];
            for (nested, member, [configured, prior]) in placed_members(attribute, entry, others) {
                prepare_plan(nested, member, configured, prior);
            }
        }
    }
}

/// Fills in defaults where an object that is not planned, an imported or an ephemeral one, left something null.
pub(crate) fn fill_defaults(attributes: &[Attribute], object: &mut Dynamic) {
    transform(attributes, object, &mut |attribute, value| {
        if let (Some(default), true) = (&attribute.default, value.is_null()) {
            *value = default.clone();
        }
    });
}

/// What was planned stays as it was planned, whatever the server made of it meanwhile: that is the next read's to show.
/// Only what was unknown takes its value from `result`; it is null where that has none.
pub(crate) fn hold(attributes: &[Attribute], planned: &Dynamic, result: &Dynamic) -> Dynamic {
    let Dynamic::Map(entries) = planned else { return planned.clone() };
    let held = attributes.iter().filter_map(|attribute| {
        let (name, planned) = entries.get_key_value(attribute.name)?;
        Some((name.clone(), hold_value(&attribute.ty, planned, result.get(name))))
    });
    Dynamic::Map(held.collect())
}

fn hold_value(ty: &Type, planned: &Dynamic, result: &Dynamic) -> Dynamic {
    let element = |planned: &Dynamic, result: &Dynamic| match ty {
        Type::Nested(_, attributes) if *planned != Dynamic::Unknown => hold(attributes, planned, result),
        Type::List(ty) | Type::Map(ty) => hold_value(ty, planned, result),
        _ => result.clone(),
    };
    match (ty, planned) {
        (_, Dynamic::Unknown) => result.clone(),
        (_, planned) if !planned.has_unknown() => planned.clone(),
        (Type::Nested(Nesting::Single, _), planned) => element(planned, result),
        (Type::List(_) | Type::Nested(Nesting::List, _), Dynamic::List(elements)) => {
            let elements = elements.iter().enumerate();
            Dynamic::List(elements.map(|(index, planned)| element(planned, result.at(index))).collect())
        }
        (Type::Map(_) | Type::Nested(Nesting::Map, _), Dynamic::Map(entries)) => Dynamic::Map(
            entries.iter().map(|(key, planned)| (key.clone(), element(planned, result.get(key)))).collect(),
        ),
        // An element of a set of which something was unknown is found by nothing.
        _ => result.clone(),
    }
}

/// The first attribute that is still unknown: an answer to apply, read or import must not have one.
pub(crate) fn first_unknown(attributes: &[Attribute], value: &Dynamic) -> Option<&'static str> {
    attributes.iter().find(|attribute| value.get(attribute.name).has_unknown()).map(|attribute| attribute.name)
}
