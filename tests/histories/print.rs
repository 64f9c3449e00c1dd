//! Histories for a reader: configurations as HCL, steps a line each.

use std::fmt::Write as _;

use tfplugin::testing::{Block, Configuration, Expression};

use crate::edits::Edit;
use crate::invariants::shown;
use crate::steps::{History, SERVICES, Step};

pub fn history(history: &History) -> String {
    let operator = match (history.least_privileged, history.by_token) {
        (false, false) => "",
        (true, false) => " (the operator has few rights)",
        (false, true) => " (the operator is an application of Entra)",
        (true, true) => " (the operator is an application of Entra with few rights)",
    };
    let service = history
        .service
        .and_then(|it| SERVICES.get(it))
        .map(|(_, it)| format!(" (the service: {it})"))
        .unwrap_or_default();
    let mut text =
        format!("seed {}{operator}{service}\n{}steps:\n", history.seed, configuration(&history.configuration));
    for (number, step) in history.steps.iter().enumerate() {
        let _ = writeln!(text, "  {}. {}", number + 1, line(step));
    }
    text
}

fn configuration(configuration: &Configuration) -> String {
    configuration.blocks.iter().map(block).collect()
}

fn block(block: &Block) -> String {
    let name = block.address.split('.').next_back().unwrap_or_default();
    let mut text = format!("resource \"{}\" \"{name}\" {{\n", block.type_name);
    for (attribute, value) in &block.attributes {
        let _ = writeln!(text, "  {attribute} = {}", expression(value));
    }
    if !block.depends_on.is_empty() {
        let _ = writeln!(text, "  depends_on = [{}]", block.depends_on.join(", "));
    }
    text + "}\n"
}

fn expression(it: &Expression) -> String {
    match it {
        Expression::Value(value) => shown(value),
        Expression::Reference { address, path } => format!("{address}.{}", path.join(".")),
        Expression::Object(entries) => {
            let entries = entries.iter().map(|(name, it)| format!("{name} = {}", expression(it)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        Expression::List(elements) => {
            format!("[{}]", elements.iter().map(expression).collect::<Vec<_>>().join(", "))
        }
    }
}

fn line(step: &Step) -> String {
    match step {
        Step::Act(name, pick) => format!("act: {name} ({pick})"),
        Step::Edit(name, edits) => format!("edit: {name}: {}", edits.iter().map(edit).collect::<Vec<_>>().join("; ")),
        Step::Plan => "plan".to_owned(),
        Step::Apply => "apply".to_owned(),
        Step::ApplyUnrefreshed => "apply -refresh=false".to_owned(),
        Step::Save => "plan -out".to_owned(),
        Step::ApplySaved => "apply of the saved plan".to_owned(),
        Step::Kill(after) => format!("apply, killed after {after} requests"),
        Step::Interrupt(after) => format!("apply, interrupted after {after} requests"),
        Step::InterruptThrottled => "apply, interrupted while Fabric throttles".to_owned(),
        Step::Replace(address, true) => format!("apply -replace={address}"),
        Step::Replace(address, false) => format!("apply -replace={address} -refresh=false"),
        Step::NullFor(address, name) => format!("plan with {address}.{name} = null"),
        Step::ReadStatus => "read the status".to_owned(),
        Step::Reimport(address) => format!("state rm {address}, import"),
        Step::ImportStranger(kind) => format!("import of {kind}"),
        Step::Follow => "follow the advice".to_owned(),
        Step::Destroy => "destroy".to_owned(),
    }
}

fn edit(edit: &Edit) -> String {
    match edit {
        Edit::Set(address, name, value) => format!("{address}.{name} = {}", expression(value)),
        Edit::Unset(address, name) => format!("{address} without {name}"),
        Edit::Remove(address) => format!("without {address}"),
        Edit::Add(it) => format!("and {}", block(it).replace('\n', " ")),
    }
}
