//! The section "Schema": attributes by who sets them, nested ones below, as terraform-plugin-docs lays it out. Only the
//! order is the model's, not the alphabet's: descriptions are written to be read in it ("A login", "Its password").

use std::collections::VecDeque;
use std::fmt::Display;

use tfplugin::Dynamic;
use tfplugin::schema::{Attribute, Mode, Nesting, Type};

use super::page::{Page, item};

const GROUPS: [&str; 3] = ["Required", "Optional", "Read-Only"];
const WRITE_ONLY: &str =
    "[Write-only](https://developer.hashicorp.com/terraform/language/resources/ephemeral#write-only-arguments)";

pub fn write(page: &mut Page, attributes: &[Attribute]) {
    page.heading(2, "Schema");
    let mut nested = VecDeque::new();
    for title in GROUPS {
        let group: Vec<_> = attributes.iter().filter(|attribute| group(attribute) == title).collect();
        if !group.is_empty() {
            page.heading(3, title);
            page.list(items(&group, "", &mut nested));
        }
    }
    write_nested(page, nested);
}

/// The members of objects that have a name, and what lies inside them: a function's arguments and answer.
pub fn write_objects<'a>(page: &mut Page, objects: impl IntoIterator<Item = (&'a str, &'a Type)>) {
    let nested = objects.into_iter().filter_map(|(name, ty)| {
        let (_, attributes) = ty.nested()?;
        Some(Nested { path: name.to_owned(), attributes })
    });
    write_nested(page, nested.collect());
}

/// In the order in which they were mentioned, each followed by what lies inside it.
fn write_nested(page: &mut Page, mut nested: VecDeque<Nested<'_>>) {
    while let Some(Nested { path, attributes }) = nested.pop_front() {
        page.paragraph(&format!("<a id=\"{}\"></a>\n### Nested Schema for `{path}`", anchor(&path)));
        let mut inside = VecDeque::new();
        for title in GROUPS {
            let group: Vec<_> = attributes.iter().filter(|attribute| group(attribute) == title).collect();
            if !group.is_empty() {
                page.paragraph(&format!("{title}:"));
                page.list(items(&group, &path, &mut inside));
            }
        }
        inside.into_iter().rev().for_each(|it| nested.push_front(it));
    }
}

/// A nested attribute whose section is still to be written.
struct Nested<'a> {
    path: String,
    attributes: &'a [Attribute],
}

fn group(attribute: &Attribute) -> &'static str {
    match attribute.mode {
        Mode::Required => "Required",
        Mode::Optional | Mode::OptionalComputed => "Optional",
        Mode::Computed => "Read-Only",
    }
}

/// One line an attribute.
fn items<'a>(group: &[&'a Attribute], inside: &str, nested: &mut VecDeque<Nested<'a>>) -> Vec<String> {
    let mut items = Vec::new();
    for attribute in group {
        let mut text = with_rules(attribute);
        if let Some((_, attributes)) = attribute.ty.nested() {
            let path =
                if inside.is_empty() { attribute.name.to_owned() } else { format!("{inside}.{}", attribute.name) };
            text.push_str(&format!(" (see [below for nested schema](#{}))", anchor(&path)));
            nested.push_back(Nested { path, attributes });
        }
        let mut words = vec![type_name(&attribute.ty)];
        if attribute.sensitive {
            words.push("Sensitive".to_owned());
        }
        if attribute.write_only {
            words.push(WRITE_ONLY.to_owned());
        }
        items.push(item("-", &format!("`{}` ({})", attribute.name, words.join(", ")), &text));
    }
    items
}

/// The description, and what the schema says besides it.
fn with_rules(attribute: &Attribute) -> String {
    let names = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let mut text = attribute.description.clone();
    let mut add = |sentence: String| {
        text.push(' ');
        text.push_str(&sentence);
    };
    if let Some(default) = &attribute.default {
        add(format!("Default: `{}`.", literal(default)));
    }
    if let Some(initial) = &attribute.initial {
        add(format!("For a new object: `{}`; left out later, what is there stays.", literal(initial)));
    }
    if !attribute.one_of.is_empty() {
        add(format!("One of {}; upper and lower case are the same.", names(attribute.one_of)));
    }
    if let Some(length) = &attribute.length {
        add(format!("{} {}.", span(length.start(), length.end()), unit(&attribute.ty)));
    }
    if let Some(range) = &attribute.range {
        add(format!("{}.", span(range.start(), range.end())));
    }
    if !attribute.requires.is_empty() {
        add(format!("Needs {}.", names(attribute.requires)));
    }
    if !attribute.conflicts.is_empty() {
        add(format!("Excludes {}.", names(attribute.conflicts)));
    }
    if !attribute.exactly_one_of.is_empty() {
        add(format!("Exactly one of this and {} is set.", names(attribute.exactly_one_of)));
    }
    if attribute.replace {
        add("A change needs a new object.".to_owned());
    }
    text
}

/// `1 to 30`.
fn span<T: PartialEq + Display>(least: &T, most: &T) -> String {
    if least == most { least.to_string() } else { format!("{least} to {most}") }
}

/// What a length counts.
fn unit(ty: &Type) -> &'static str {
    match ty {
        Type::String => "characters",
        _ => "elements",
    }
}

/// A default as the configuration would write it.
fn literal(value: &Dynamic) -> String {
    match value {
        Dynamic::Null | Dynamic::Unknown => "null".to_owned(),
        Dynamic::Bool(value) => value.to_string(),
        Dynamic::Int(value) => value.to_string(),
        Dynamic::Float(value) => value.to_string(),
        Dynamic::BigNumber(digits) => digits.clone(),
        Dynamic::String(text) => format!("{text:?}"),
        Dynamic::List(elements) => format!("[{}]", elements.iter().map(literal).collect::<Vec<_>>().join(", ")),
        Dynamic::Map(entries) => {
            let entries: Vec<_> = entries.iter().map(|(key, value)| format!("{key} = {}", literal(value))).collect();
            if entries.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", entries.join(", ")) }
        }
    }
}

fn anchor(path: &str) -> String {
    format!("nestedatt--{}", path.replace('.', "--"))
}

/// A type as the schema's lists name it.
pub fn type_name(ty: &Type) -> String {
    match ty {
        Type::String => "String".to_owned(),
        Type::Number => "Number".to_owned(),
        Type::Bool => "Boolean".to_owned(),
        Type::List(element) => format!("List of {}", type_name(element)),
        Type::Set(element) => format!("Set of {}", type_name(element)),
        Type::Map(element) => format!("Map of {}", type_name(element)),
        Type::Nested(Nesting::Single, _) => "Attributes".to_owned(),
        Type::Nested(Nesting::List, _) => "Attributes List".to_owned(),
        Type::Nested(Nesting::Set, _) => "Attributes Set".to_owned(),
        Type::Nested(Nesting::Map, _) => "Attributes Map".to_owned(),
    }
}

/// A type as a function's signature names it.
pub fn type_in_signature(ty: &Type) -> String {
    match ty {
        Type::Nested(Nesting::Single, _) => "object".to_owned(),
        Type::Nested(Nesting::List, _) => "list of object".to_owned(),
        Type::Nested(Nesting::Set, _) => "set of object".to_owned(),
        Type::Nested(Nesting::Map, _) => "map of object".to_owned(),
        Type::Bool => "bool".to_owned(),
        other => type_name(other).to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use tfplugin::{Model, Value, Word};

    use super::*;

    /// An orchard.
    #[derive(Clone, Debug, PartialEq, Model)]
    struct Orchard {
        /// Its trees.
        #[attr(required, length = 1..=9)]
        trees: Vec<Tree>,

        /// Who may enter.
        #[attr(optional, computed, replace, default = "everybody", conflicts = "fence")]
        gate: Value<String>,

        /// Password of the gate.
        #[attr(optional, write_only, requires = "gate")]
        key: Value<tfplugin::Secret>,

        /// A fence.
        #[attr(optional)]
        fence: Value<bool>,

        /// What lies on the ground.
        #[attr(optional, computed, initial = "moss", one_of = ["grass", "moss"])]
        ground: Value<Word>,

        /// Its sign.
        #[attr(optional, length = 1..=123)]
        sign: Value<String>,

        /// How many rows.
        #[attr(optional, range = 1..=30)]
        rows: Value<i64>,

        /// Id.
        #[attr(computed)]
        id: Value<i64>,
    }

    /// A tree.
    #[derive(Clone, Debug, PartialEq, Model)]
    struct Tree {
        /// Branches.
        #[attr(optional)]
        branches: Value<Vec<Branch>>,
    }

    /// A branch.
    #[derive(Clone, Debug, PartialEq, Model)]
    struct Branch {
        /// Fruit.
        #[attr(required)]
        fruit: String,
    }

    #[test]
    fn attributes_are_grouped_and_nested_ones_have_their_own_section() {
        let mut page = Page::new("", "");
        write(&mut page, &Orchard::attributes());
        let text = page.text();
        let expected = format!(
            "## Schema\n\n### Required\n\n\
             - `trees` (Attributes List) Its trees. 1 to 9 elements. (see [below for nested schema](#nestedatt--trees))\n\n\
             ### Optional\n\n\
             - `gate` (String) Who may enter. Default: `\"everybody\"`. Excludes `fence`. A change needs a new object.\n\
             - `key` (String, Sensitive, {WRITE_ONLY}) Password of the gate. Needs `gate`.\n\
             - `fence` (Boolean) A fence.\n\
             - `ground` (String) What lies on the ground. For a new object: `\"moss\"`; left out later, what is there \
             stays. One of `grass`, `moss`; upper and lower case are the same.\n\
             - `sign` (String) Its sign. 1 to 123 characters.\n\
             - `rows` (Number) How many rows. 1 to 30.\n\n\
             ### Read-Only\n\n- `id` (Number) Id.\n\n\
             <a id=\"nestedatt--trees\"></a>\n### Nested Schema for `trees`\n\nOptional:\n\n\
             - `branches` (Attributes List) Branches. (see [below for nested schema](#nestedatt--trees--branches))\n\n\
             <a id=\"nestedatt--trees--branches\"></a>\n### Nested Schema for `trees.branches`\n\nRequired:\n\n\
             - `fruit` (String) Fruit.\n"
        );
        assert!(text.ends_with(&expected), "{text}");
    }

    #[test]
    fn types_have_names() {
        let strings = Type::Set(Box::new(Type::String));
        assert_eq!(
            (type_name(&strings).as_str(), type_in_signature(&strings).as_str()),
            ("Set of String", "set of string")
        );
        assert_eq!(type_in_signature(&Type::Bool), "bool");
    }
}
