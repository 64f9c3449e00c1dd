//! The configuration of a block: its expressions, evaluated and brought into the schema's type.

use std::collections::{BTreeMap, BTreeSet};

use super::process::{Failed, Log};
use super::schema::{Schema, Source};
use super::{Block, Configuration, Expression};
use crate::dynamic::Dynamic;

/// What references lead to. The object of a block that is not in it is not known.
pub(super) type Values = BTreeMap<String, Dynamic>;

/// What a provider gets as the block's configuration. Words for what the CLIs say themselves, before they ask.
pub(super) fn config(
    log: &mut Log,
    phase: &'static str,
    schema: &Schema,
    block: &Block,
    configuration: &Configuration,
    values: &Values,
) -> Result<Dynamic, Failed> {
    let mut members = BTreeMap::new();
    let before = log.diagnostics.len();
    for (name, expression) in &block.attributes {
        match evaluate(expression, configuration, values) {
            Ok(value) => {
                members.insert(name.clone(), value);
            }
            Err((summary, detail)) => {
                log.fail(&block.address, phase, summary, format!("{name}: {detail}."));
            }
        }
    }
    for dependency in block.depends_on.iter().filter(|it| !is_declared(configuration, it)) {
        let detail = format!("depends_on: {dependency} has not been declared.");
        log.fail(&block.address, phase, "Reference to undeclared resource", detail);
    }
    for attribute in schema.attributes.iter().filter(|it| it.required && !block.attributes.contains_key(&it.name)) {
        let detail = format!("The argument {:?} is required, but no definition was found.", attribute.name);
        log.fail(&block.address, phase, "Missing required argument", detail);
    }
    if log.diagnostics.len() > before {
        return Err(Failed);
    }
    schema.conform(&Dynamic::Map(members), Source::Configuration).map_err(|misfit| {
        let detail = format!("{}: {}.", misfit.path, misfit.text);
        log.fail(&block.address, phase, "Incorrect attribute value type", detail)
    })
}

fn is_declared(configuration: &Configuration, address: &str) -> bool {
    configuration.blocks.iter().any(|block| block.address == address)
}

fn evaluate(
    expression: &Expression,
    configuration: &Configuration,
    values: &Values,
) -> Result<Dynamic, (&'static str, String)> {
    match expression {
        Expression::Value(value) => Ok(value.clone()),
        Expression::Reference { address, .. } if !is_declared(configuration, address) => {
            Err(("Reference to undeclared resource", format!("{address} has not been declared")))
        }
        Expression::Reference { address, path } => {
            let object = values.get(address).unwrap_or(&Dynamic::Unknown);
            path.iter().try_fold(object, |value, step| follow(value, step)).cloned().ok_or_else(|| {
                ("Unsupported attribute", format!("{address} does not have an attribute {:?}", path.join(".")))
            })
        }
        Expression::Object(members) => {
            let member = |(name, member): (&String, _)| Ok((name.clone(), evaluate(member, configuration, values)?));
            members.iter().map(member).collect::<Result<_, _>>().map(Dynamic::Map)
        }
        Expression::List(elements) => {
            let element = |element| evaluate(element, configuration, values);
            elements.iter().map(element).collect::<Result<_, _>>().map(Dynamic::List)
        }
    }
}

fn follow<'a>(value: &'a Dynamic, step: &str) -> Option<&'a Dynamic> {
    match value {
        Dynamic::Unknown => Some(value),
        Dynamic::Map(entries) => entries.get(step),
        Dynamic::List(elements) => elements.get(step.parse::<usize>().ok()?),
        _ => None,
    }
}

/// Two blocks of one address are no configuration.
pub(super) fn twice(configuration: &Configuration) -> Option<&str> {
    let mut seen = BTreeSet::new();
    configuration.blocks.iter().map(|block| block.address.as_str()).find(|address| !seen.insert(*address))
}
