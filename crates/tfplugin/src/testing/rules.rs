//! The CLI's own rules for what a provider may answer, and what becomes of an answer. They are those of Terraform's core
//! (`internal/plans/objchange` and `internal/terraform/node_resource_abstract_instance.go`; OpenTofu has the same), for a
//! schema of attributes: this framework has no nested blocks.
//!
//! Values are as [`Schema::conform`] leaves them, so that equal sets are equal.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::schema::{self, Attr, Schema, Ty, show};
use super::{Action, Object, sets};
use crate::dynamic::Dynamic;
use crate::path::{AttributePath, Step};
use crate::schema::Nesting;

/// A rule that was broken, and where.
#[derive(Debug, PartialEq)]
pub(super) struct Breach {
    pub path: AttributePath,
    pub text: String,
}

type Breaches = Vec<Breach>;

fn breach(path: &AttributePath, text: impl Into<String>) -> Breach {
    Breach { path: path.clone(), text: text.into() }
}

/// The member of an object. What is unknown has unknown members, and null has null ones.
fn member<'a>(value: &'a Dynamic, name: &str) -> &'a Dynamic {
    if *value == Dynamic::Unknown { value } else { value.get(name) }
}

/// The element of a list, if it has one there.
fn at(value: &Dynamic, index: usize) -> Option<&Dynamic> {
    match value {
        Dynamic::List(elements) => elements.get(index),
        _ => None,
    }
}

/// `objchange.go`, ProposedNew: the configuration, with the prior values of computed attributes that it leaves out. Of a
/// new object these are null. Objects inside are those of the same place: the same index, the same key, and in a set the
/// first prior element that the configured one could have become ([`could_have_become`]).
pub(super) fn proposed_new(attributes: &[Attr], prior: &Dynamic, config: &Dynamic) -> Dynamic {
    if config.is_null() { prior.clone() } else { proposed_object(attributes, prior, config) }
}

fn proposed_object(attributes: &[Attr], prior: &Dynamic, config: &Dynamic) -> Dynamic {
    if config.is_null() {
        return Dynamic::Null;
    }
    let proposed = |attribute: &Attr| {
        let (prior, config) = (member(prior, &attribute.name), member(config, &attribute.name));
        match attribute.ty.nested() {
            // What was configured before, and no longer is, is not kept as if the provider had made it up.
            Some((nesting, nested))
                if attribute.computed
                    && config.is_null()
                    && attribute.optional
                    && has_configured_part(nesting, nested, prior) =>
            {
                Dynamic::Null
            }
            _ if attribute.computed && config.is_null() => prior.clone(),
            Some((nesting, nested)) => proposed_nested(nesting, nested, prior, config),
            None => config.clone(),
        }
    };
    Dynamic::Map(attributes.iter().map(|attribute| (attribute.name.clone(), proposed(attribute))).collect())
}

fn proposed_nested(nesting: Nesting, nested: &[Attr], prior: &Dynamic, config: &Dynamic) -> Dynamic {
    match (nesting, config) {
        (_, Dynamic::Null | Dynamic::Unknown) => config.clone(),
        (Nesting::Single, _) => proposed_object(nested, prior, config),
        (Nesting::List, Dynamic::List(elements)) => {
            let element = |(index, config): (usize, &Dynamic)| match at(prior, index) {
                Some(prior) => proposed_object(nested, prior, config),
                None => config.clone(),
            };
            Dynamic::List(elements.iter().enumerate().map(element).collect())
        }
        (Nesting::Map, Dynamic::Map(entries)) => {
            let entry = |(key, config): (&String, _)| (key.clone(), proposed_object(nested, prior.get(key), config));
            Dynamic::Map(entries.iter().map(entry).collect())
        }
        (Nesting::Set, Dynamic::List(elements)) => {
            let mut left: Vec<&Dynamic> = match prior {
                Dynamic::List(prior) => prior.iter().collect(),
                _ => Vec::new(),
            };
            let element = |config| {
                let found = left.iter().position(|prior| could_have_become(nested, prior, config));
                let prior = found.map_or(&Dynamic::Null, |index| left.remove(index));
                proposed_object(nested, prior, config)
            };
            let elements = elements.iter().map(element).collect();
            Dynamic::List(sets::ordered(&Ty::Nested(Nesting::Single, nested.to_vec()), elements))
        }
        _ => config.clone(),
    }
}

/// Whether a value holds anything that only a configuration can have given.
fn has_configured_part(nesting: Nesting, nested: &[Attr], value: &Dynamic) -> bool {
    let of_object = |object: &Dynamic| {
        nested.iter().any(|attribute| {
            let value = object.get(&attribute.name);
            !value.is_null()
                && (!attribute.computed
                    || attribute
                        .ty
                        .nested()
                        .is_some_and(|(nesting, nested)| has_configured_part(nesting, nested, value)))
        })
    };
    match (nesting, value) {
        (Nesting::Map, Dynamic::Map(entries)) => entries.values().any(of_object),
        (_, Dynamic::List(elements)) => elements.iter().any(of_object),
        (_, value) => of_object(value),
    }
}

/// `objchange.go`, validPriorFromConfig: the prior element of a set differs from the configured one by nothing but
/// computed values that the configuration leaves out.
fn could_have_become(nested: &[Attr], prior: &Dynamic, config: &Dynamic) -> bool {
    if prior == config {
        return true;
    }
    if config.is_null() {
        return prior.is_null();
    }
    nested.iter().all(|attribute| {
        let (prior, config) = (member(prior, &attribute.name), member(config, &attribute.name));
        match attribute.ty.nested() {
            _ if prior == config => true,
            _ if attribute.ty.is_set() => false,
            None => attribute.computed && config.is_null(),
            Some((nesting, nested)) => match (nesting, prior) {
                // Nothing inside that could disagree.
                (_, Dynamic::Null) => true,
                (Nesting::List, Dynamic::List(elements)) => elements.iter().enumerate().all(|(index, prior)| {
                    let config = if *config == Dynamic::Unknown { Some(config) } else { at(config, index) };
                    config.is_some_and(|config| could_have_become(nested, prior, config))
                }),
                (Nesting::Map, Dynamic::Map(entries)) => entries.iter().all(|(key, prior)| match config {
                    Dynamic::Map(config) => config.get(key).is_some_and(|it| could_have_become(nested, prior, it)),
                    config => *config == Dynamic::Unknown && could_have_become(nested, prior, config),
                }),
                _ => could_have_become(nested, prior, config),
            },
        }
    })
}

/// `plan_valid.go`, AssertPlanValid: a plan is what is configured. Two things are allowed beside it: any value of a
/// computed attribute that is not configured, and the prior value in place of a configured one (neither being null).
/// What is unknown in the configuration is unknown in the plan. Inside a set nothing but the count is checked.
pub(super) fn plan_valid(schema: &Schema, prior: &Dynamic, config: &Dynamic, planned: &Dynamic) -> Breaches {
    let (root, mut found) = (AttributePath::root(), Vec::new());
    match (config.is_null(), planned.is_null()) {
        (false, true) => found.push(breach(&root, "planned for absence but config wants existence")),
        (true, false) => found.push(breach(&root, "planned for existence but config wants absence")),
        _ => attributes_valid(&schema.attributes, prior, config, planned, &root, &mut found),
    }
    found
}

fn attributes_valid(
    attributes: &[Attr],
    prior: &Dynamic,
    config: &Dynamic,
    planned: &Dynamic,
    path: &AttributePath,
    found: &mut Breaches,
) {
    for attribute in attributes {
        let of = |value| member(value, &attribute.name);
        attribute_valid(attribute, of(prior), of(config), of(planned), &path.clone().attribute(&attribute.name), found);
    }
}

fn attribute_valid(
    attribute: &Attr,
    prior: &Dynamic,
    config: &Dynamic,
    planned: &Dynamic,
    path: &AttributePath,
    found: &mut Breaches,
) {
    if planned == config || (planned == prior && !prior.is_null() && !config.is_null()) {
        return;
    }
    let shown = |value: &Dynamic| if attribute.sensitive { "(sensitive)".to_owned() } else { show(value) };
    match attribute.ty.nested() {
        _ if attribute.write_only => {
            if !planned.is_null() {
                found.push(breach(path, "planned value for write-only attribute is not null"));
            }
        }
        _ if attribute.computed && (!attribute.optional || config.is_null()) => {}
        _ if config.is_null() => {
            found.push(breach(path, format!("planned value {} for a non-computed attribute", shown(planned))));
        }
        Some((nesting, nested)) => nested_valid(nesting, nested, prior, config, planned, path, found),
        None => {
            let prior = if prior.is_null() { String::new() } else { format!(" nor prior value {}", shown(prior)) };
            let (planned, config) = (shown(planned), shown(config));
            found.push(breach(path, format!("planned value {planned} does not match config value {config}{prior}")));
        }
    }
}

fn nested_valid(
    nesting: Nesting,
    nested: &[Attr],
    prior: &Dynamic,
    config: &Dynamic,
    planned: &Dynamic,
    path: &AttributePath,
    found: &mut Breaches,
) {
    let miscounted = |planned: usize, config: &Dynamic| {
        let config = count(config).map_or_else(|| "(unknown)".to_owned(), |count| count.to_string());
        breach(path, format!("count in plan ({planned}) disagrees with count in config ({config})"))
    };
    match (nesting, planned) {
        (_, Dynamic::Null) => found.push(breach(path, "planned for absence but config wants existence")),
        (_, Dynamic::Unknown) => found.push(breach(path, "planned unknown for configured value")),
        (Nesting::List, Dynamic::List(elements)) if count(config) == Some(elements.len()) => {
            for (index, planned) in elements.iter().enumerate() {
                let (prior, config) = (at(prior, index).unwrap_or(&Dynamic::Null), at(config, index));
                let path = path.clone().index(index);
                attributes_valid(nested, prior, config.unwrap_or(&Dynamic::Null), planned, &path, found);
            }
        }
        (Nesting::Map, Dynamic::Map(entries)) if count(config) == Some(entries.len()) => {
            for (key, planned) in entries {
                let Dynamic::Map(configured) = config else { continue };
                match configured.get(key) {
                    Some(config) => {
                        attributes_valid(nested, prior.get(key), config, planned, &path.clone().key(key), found);
                    }
                    None => found.push(breach(path, format!("map key {key:?} from plan is not present in config"))),
                }
            }
        }
        // A set of which something is unknown has any count up to that of its elements: they may turn out the same.
        (Nesting::Set, Dynamic::List(elements)) => {
            let is_open = |value: &Dynamic, count: usize| count > 1 && value.has_unknown();
            let least = if is_open(planned, elements.len()) { 1 } else { elements.len() };
            let is_possible = |wanted: usize| is_open(config, wanted) || (least..=elements.len()).contains(&wanted);
            if !count(config).is_none_or(is_possible) {
                found.push(miscounted(elements.len(), config));
            }
        }
        (Nesting::List | Nesting::Map, Dynamic::List(_) | Dynamic::Map(_)) => {
            found.push(miscounted(count(planned).unwrap_or_default(), config));
        }
        (_, planned) => attributes_valid(nested, prior, config, planned, path, found),
    }
}

fn count(value: &Dynamic) -> Option<usize> {
    match value {
        Dynamic::List(elements) => Some(elements.len()),
        Dynamic::Map(entries) => Some(entries.len()),
        _ => None,
    }
}

/// `compatible.go`, AssertObjectCompatible: what was known before is the same now, and what was unknown is anything. Each
/// element of a set must fit one of the other. It holds between a plan and the object after apply ("inconsistent result")
/// and between a plan and the one that is made at apply ("inconsistent final plan").
pub(super) fn compatible(schema: &Schema, planned: &Dynamic, actual: &Dynamic) -> Breaches {
    let root = AttributePath::root();
    match (planned.is_null(), actual.is_null()) {
        (true, false) => return vec![breach(&root, "Root object was absent, but now present")],
        (false, true) => return vec![breach(&root, "Root object was present, but now absent")],
        _ => {}
    }
    let mut found = Vec::new();
    for attribute in &schema.attributes {
        let (planned, actual) = (member(planned, &attribute.name), member(actual, &attribute.name));
        let path = root.clone().attribute(&attribute.name);
        let mut inside = Vec::new();
        value_compatible(&attribute.ty, planned, actual, &path, &mut inside);
        if attribute.sensitive && !inside.is_empty() {
            inside = vec![breach(&path, "inconsistent values for sensitive attribute")];
        }
        found.extend(inside);
    }
    found
}

fn value_compatible(ty: &Ty, planned: &Dynamic, actual: &Dynamic, path: &AttributePath, found: &mut Breaches) {
    let mut say = |text: String| found.push(breach(path, text));
    match (planned, actual) {
        (Dynamic::Unknown, _) | (Dynamic::Null, Dynamic::Null) => {}
        (planned, Dynamic::Null) => say(format!("was {}, but now null", show(planned))),
        (Dynamic::Null, actual) => say(format!("was null, but now {}", show(actual))),
        (_, Dynamic::Unknown) => say("was known, but now unknown".to_owned()),
        (Dynamic::List(planned), Dynamic::List(actual)) if ty.is_set() => {
            set_compatible(&ty.element(), planned, actual, path, found);
        }
        (Dynamic::List(planned), Dynamic::List(actual)) => {
            let element = ty.element();
            (actual.len()..planned.len()).for_each(|index| say(format!("element {index} has vanished")));
            (planned.len()..actual.len()).for_each(|index| say(format!("new element {index} has appeared")));
            for (index, (planned, actual)) in planned.iter().zip(actual).enumerate() {
                value_compatible(&element, planned, actual, &path.clone().index(index), found);
            }
        }
        (Dynamic::Map(planned), Dynamic::Map(actual)) => match ty.nested() {
            Some((Nesting::Single, nested)) => {
                for attribute in nested {
                    let of = |object: &BTreeMap<String, Dynamic>| object.get(&attribute.name).cloned();
                    let (planned, actual) = (of(planned).unwrap_or(Dynamic::Null), of(actual).unwrap_or(Dynamic::Null));
                    let path = path.clone().attribute(&attribute.name);
                    value_compatible(&attribute.ty, &planned, &actual, &path, found);
                }
            }
            _ => {
                let element = ty.element();
                for (key, planned) in planned {
                    match actual.get(key) {
                        Some(actual) => value_compatible(&element, planned, actual, &path.clone().key(key), found),
                        None => found.push(breach(path, format!("element {key:?} has vanished"))),
                    }
                }
                for key in actual.keys().filter(|key| !planned.contains_key(*key)) {
                    found.push(breach(path, format!("new element {key:?} has appeared")));
                }
            }
        },
        (planned, actual) if planned == actual => {}
        (planned, actual) => say(format!("was {}, but now {}", show(planned), show(actual))),
    }
}

fn set_compatible(ty: &Ty, planned: &[Dynamic], actual: &[Dynamic], path: &AttributePath, found: &mut Breaches) {
    let fits = |planned: &Dynamic, actual: &Dynamic| {
        let mut found = Vec::new();
        value_compatible(ty, planned, actual, path, &mut found);
        found.is_empty()
    };
    let before = found.len();
    for element in planned.iter().filter(|planned| !actual.iter().any(|actual| fits(planned, actual))) {
        let element = show(element);
        found
            .push(breach(path, format!("planned set element {element} does not correlate with any element in actual")));
    }
    if found.len() == before {
        for element in actual.iter().filter(|actual| !planned.iter().any(|planned| fits(planned, actual))) {
            let element = show(element);
            found.push(breach(
                path,
                format!("actual set element {element} does not correlate with any element in plan"),
            ));
        }
    }
    // Elements that were not known may turn out the same, never more.
    if planned.len() < actual.len() {
        found.push(breach(path, format!("length changed from {} to {}", planned.len(), actual.len())));
    }
}

/// Write-only values in an answer: there must be none, anywhere.
pub(super) fn write_only_values(schema: &Schema, value: &Dynamic) -> Breaches {
    let mut found = Vec::new();
    schema::walk(&schema.attributes, value, &AttributePath::root(), &mut |attribute, path, value| {
        if attribute.write_only && !value.is_null() {
            found.push(breach(path, "a value for a write-only attribute"));
        }
    });
    found
}

/// What is still unknown in an answer that must be known: to apply, read, import and upgrade.
pub(super) fn unknown_values(schema: &Schema, value: &Dynamic) -> Breaches {
    let mut found = Vec::new();
    schema::walk(&schema.attributes, value, &AttributePath::root(), &mut |attribute, path, value| {
        let inside = attribute.ty.nested().is_none() && value.has_unknown();
        if inside || *value == Dynamic::Unknown {
            found.push(breach(path, "an unknown value"));
        }
    });
    found
}

/// The attributes because of which an object is replaced, of those that the provider named: `requires_replace` counts
/// only where the plan differs from what was there, or may differ, and always for a write-only attribute. Of a new object
/// nothing counts. A path that leads nowhere in both values is refused.
pub(super) fn replaced_by(
    schema: &Schema,
    prior: &Dynamic,
    planned: &Dynamic,
    named: &[AttributePath],
) -> Result<Vec<AttributePath>, Breaches> {
    if prior.is_null() {
        return Ok(Vec::new());
    }
    let (mut counted, mut found) = (Vec::new(), Vec::new());
    for path in named {
        let values = (follow(prior, path), follow(planned, path));
        if values == (None, None) {
            found.push(breach(path, "\"requires replacement\" for a non-existent attribute path"));
            continue;
        }
        let (prior, planned) = (values.0.unwrap_or(&Dynamic::Null), values.1.unwrap_or(&Dynamic::Null));
        let is_write_only = schema.attribute(path).is_some_and(|attribute| attribute.write_only);
        if prior != planned || planned.has_unknown() || is_write_only {
            counted.push(path.clone());
        }
    }
    if found.is_empty() { Ok(counted) } else { Err(found) }
}

fn follow<'a>(value: &'a Dynamic, path: &AttributePath) -> Option<&'a Dynamic> {
    path.0.iter().try_fold(value, |value, step| match (value, step) {
        (Dynamic::Unknown, _) => Some(value),
        (Dynamic::Map(entries), Step::Attribute(key) | Step::Key(key)) => entries.get(key),
        (Dynamic::List(elements), Step::Index(index)) => elements.get(usize::try_from(*index).ok()?),
        _ => None,
    })
}

/// What a plan does. A plan in which anything is unknown is never "no change".
pub(super) fn action(prior: &Dynamic, planned: &Dynamic, replaced_by: &[AttributePath], is_forced: bool) -> Action {
    match () {
        () if prior.is_null() => Action::Create,
        () if is_forced || !replaced_by.is_empty() => Action::Replace,
        () if prior == planned && !planned.has_unknown() => Action::NoOp,
        () => Action::Update,
    }
}

/// The plan that is made at apply does what the first one did; an update may turn out to be none.
pub(super) fn same_action(planned: Action, at_apply: Action) -> bool {
    planned == at_apply || (planned, at_apply) == (Action::Update, Action::NoOp)
}

/// What is in the state after an apply. After an error (the provider's, or a rule that it broke) the returned object is
/// kept, tainted if it was being created; where none was returned, the one that was there.
pub(super) fn kept(action: Action, before: Option<&Object>, answer: Object, failed: bool) -> Option<Object> {
    match (failed, answer.value.is_null()) {
        (true, true) => before.cloned(),
        (false, true) => None,
        (false, false) => Some(Object { tainted: false, ..answer }),
        (true, false) => Some(Object {
            tainted: action == Action::Create || before.is_some_and(|before| before.tainted),
            dependencies: match (action, before) {
                (Action::Delete, Some(before)) => before.dependencies.clone(),
                _ => answer.dependencies,
            },
            ..answer
        }),
    }
}
