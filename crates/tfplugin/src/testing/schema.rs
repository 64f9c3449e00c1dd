//! The provider's schemas as the CLI reads them from the wire, and values brought into their types: what a CLI does with
//! everything that comes from a configuration, a state file or an answer.

use std::collections::BTreeMap;

use super::sets;
use crate::dynamic::Dynamic;
use crate::path::{AttributePath, Step};
use crate::schema::Nesting;
use crate::wire::{json, pb};

/// Everything that GetProviderSchema answered.
#[derive(Debug)]
pub(super) struct Schemas {
    /// The provider's block.
    pub provider: Schema,
    pub resources: BTreeMap<String, Schema>,
    pub data_sources: BTreeMap<String, Schema>,
    /// The provider wants to be asked about deletions too.
    pub plan_destroy: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Schema {
    pub version: i64,
    pub attributes: Vec<Attr>,
}

#[derive(Clone, Debug)]
pub(super) struct Attr {
    pub name: String,
    pub ty: Ty,
    pub required: bool,
    pub optional: bool,
    pub computed: bool,
    pub sensitive: bool,
    pub write_only: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Ty {
    /// A type that this provider framework does not write: every value is of it.
    Any,
    String,
    Number,
    Bool,
    List(Box<Ty>),
    Set(Box<Ty>),
    Map(Box<Ty>),
    Nested(Nesting, Vec<Attr>),
}

/// Where a value comes from decides how exact it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// What is left out is null; numbers, booleans and strings become each other.
    Configuration,
    /// Exactly the attributes of the schema, each of its type.
    Answer,
}

/// What is wrong with a value, and where.
#[derive(Debug, PartialEq)]
pub(super) struct Misfit {
    pub path: AttributePath,
    pub text: String,
}

impl Schemas {
    pub(super) fn read(response: pb::get_provider_schema::Response) -> Self {
        let schemas = |schemas: std::collections::HashMap<String, pb::Schema>| {
            schemas.into_iter().map(|(name, schema)| (name, Schema::read(schema))).collect()
        };
        Self {
            provider: response.provider.map(Schema::read).unwrap_or_default(),
            resources: schemas(response.resource_schemas),
            data_sources: schemas(response.data_source_schemas),
            plan_destroy: response.server_capabilities.is_some_and(|capabilities| capabilities.plan_destroy),
        }
    }
}

impl Schema {
    fn read(schema: pb::Schema) -> Self {
        let attributes = schema.block.map(|block| block.attributes).unwrap_or_default();
        Self { version: schema.version, attributes: attributes.into_iter().map(Attr::read).collect() }
    }

    /// A value brought into this schema's type: null, or an object with exactly its attributes; sets in their order.
    pub(super) fn conform(&self, value: &Dynamic, source: Source) -> Result<Dynamic, Misfit> {
        match value {
            Dynamic::Null => Ok(Dynamic::Null),
            value => object(&self.attributes, value, source, &AttributePath::root()),
        }
    }

    /// A configuration as far as it fits; what does not fit goes to the provider as it is.
    pub(super) fn complete(&self, value: Dynamic) -> Dynamic {
        self.conform(&value, Source::Configuration).unwrap_or(value)
    }

    /// What is left of a value once a state file has held it.
    pub(super) fn stored(&self, value: &Dynamic) -> Dynamic {
        let text = to_json(value).to_string();
        let read = json::read(text.as_bytes()).unwrap_or(Dynamic::Null);
        self.conform(&read, Source::Answer).unwrap_or(read)
    }

    /// The attribute to which a path leads, of whichever element.
    pub(super) fn attribute(&self, path: &AttributePath) -> Option<&Attr> {
        let mut attributes = self.attributes.as_slice();
        let mut found = None;
        for step in &path.0 {
            match step {
                Step::Attribute(name) => {
                    let attribute = attributes.iter().find(|attribute| attribute.name == *name)?;
                    attributes = attribute.ty.nested().map_or(&[][..], |(_, nested)| nested);
                    found = Some(attribute);
                }
                Step::Key(_) | Step::Index(_) => {}
            }
        }
        found
    }
}

impl Attr {
    fn read(attribute: pb::schema::Attribute) -> Self {
        let ty = match attribute.nested_type {
            Some(nested) => {
                use pb::schema::object::NestingMode;
                let nesting = match nested.nesting() {
                    NestingMode::List => Nesting::List,
                    NestingMode::Set => Nesting::Set,
                    NestingMode::Map => Nesting::Map,
                    _ => Nesting::Single,
                };
                Ty::Nested(nesting, nested.attributes.into_iter().map(Self::read).collect())
            }
            None => serde_json::from_slice(&attribute.r#type).map_or(Ty::Any, |notation| Ty::read(&notation)),
        };
        Self {
            name: attribute.name,
            ty,
            required: attribute.required,
            optional: attribute.optional,
            computed: attribute.computed,
            sensitive: attribute.sensitive,
            write_only: attribute.write_only,
        }
    }
}

impl Ty {
    fn read(notation: &serde_json::Value) -> Self {
        let element = || Box::new(Self::read(&notation[1]));
        match (notation.as_str(), notation[0].as_str()) {
            (Some("string"), _) => Self::String,
            (Some("number"), _) => Self::Number,
            (Some("bool"), _) => Self::Bool,
            (_, Some("list")) => Self::List(element()),
            (_, Some("set")) => Self::Set(element()),
            (_, Some("map")) => Self::Map(element()),
            _ => Self::Any,
        }
    }

    pub(super) fn nested(&self) -> Option<(Nesting, &[Attr])> {
        match self {
            Self::Nested(nesting, attributes) => Some((*nesting, attributes)),
            _ => None,
        }
    }

    pub(super) fn is_set(&self) -> bool {
        matches!(self, Self::Set(_) | Self::Nested(Nesting::Set, _))
    }

    /// The type of a collection's elements; of a nested object, the object's own.
    pub(super) fn element(&self) -> Ty {
        match self {
            Self::List(element) | Self::Set(element) | Self::Map(element) => (**element).clone(),
            Self::Nested(_, attributes) => Self::Nested(Nesting::Single, attributes.clone()),
            _ => Self::Any,
        }
    }
}

fn object(attributes: &[Attr], value: &Dynamic, source: Source, path: &AttributePath) -> Result<Dynamic, Misfit> {
    let misfit = |text: String| Misfit { path: path.clone(), text };
    let Dynamic::Map(entries) = value else {
        return Err(misfit(format!("object required, but it is {}", value.kind())));
    };
    if let Some(name) = entries.keys().find(|name| attributes.iter().all(|attribute| attribute.name != **name)) {
        return Err(misfit(format!("there is no attribute {name:?}")));
    }
    let mut members = BTreeMap::new();
    for attribute in attributes {
        let member = match entries.get(&attribute.name) {
            Some(entry) => conform(&attribute.ty, entry, source, &path.clone().attribute(&attribute.name))?,
            None if source == Source::Configuration && !attribute.required => Dynamic::Null,
            None => return Err(misfit(format!("attribute {:?} is required", attribute.name))),
        };
        members.insert(attribute.name.clone(), member);
    }
    Ok(Dynamic::Map(members))
}

fn conform(ty: &Ty, value: &Dynamic, source: Source, path: &AttributePath) -> Result<Dynamic, Misfit> {
    let list = |elements: &[Dynamic], element: &Ty| -> Result<Vec<Dynamic>, Misfit> {
        let each = |(index, it)| conform(element, it, source, &path.clone().index(index));
        elements.iter().enumerate().map(each).collect()
    };
    Ok(match (ty, value) {
        (_, Dynamic::Null | Dynamic::Unknown) | (Ty::Any, _) => value.clone(),
        (Ty::Nested(Nesting::Single, attributes), _) => object(attributes, value, source, path)?,
        (Ty::List(_) | Ty::Nested(Nesting::List, _), Dynamic::List(elements)) => {
            Dynamic::List(list(elements, &ty.element())?)
        }
        (Ty::Set(_) | Ty::Nested(Nesting::Set, _), Dynamic::List(elements)) => {
            let element = ty.element();
            Dynamic::List(sets::ordered(&element, list(elements, &element)?))
        }
        (Ty::Map(_) | Ty::Nested(Nesting::Map, _), Dynamic::Map(entries)) => {
            let element = ty.element();
            let each =
                |(key, it): (&String, _)| Ok((key.clone(), conform(&element, it, source, &path.clone().key(key))?));
            Dynamic::Map(entries.iter().map(each).collect::<Result<_, Misfit>>()?)
        }
        (Ty::String, Dynamic::String(_)) | (Ty::Number, Dynamic::Int(_)) | (Ty::Bool, Dynamic::Bool(_)) => {
            value.clone()
        }
        (Ty::Number, Dynamic::Float(value)) => Dynamic::from(*value),
        // A number that no machine word holds comes as its digits.
        (Ty::Number, Dynamic::BigNumber(digits) | Dynamic::String(digits)) if digits.parse::<f64>().is_ok() => {
            digits.parse().map_or_else(|_| Dynamic::BigNumber(digits.clone()), Dynamic::Int)
        }
        (Ty::String, Dynamic::Int(value)) if source == Source::Configuration => Dynamic::String(value.to_string()),
        (Ty::String, Dynamic::Float(value)) if source == Source::Configuration => Dynamic::String(value.to_string()),
        (Ty::String, Dynamic::Bool(value)) if source == Source::Configuration => Dynamic::String(value.to_string()),
        (Ty::Bool, Dynamic::String(text)) if source == Source::Configuration && text.parse::<bool>().is_ok() => {
            Dynamic::Bool(text == "true")
        }
        _ => {
            let wanted = match ty {
                Ty::Any | Ty::Nested(Nesting::Single, _) => "object",
                Ty::String => "string",
                Ty::Number => "number",
                Ty::Bool => "bool",
                Ty::List(_) | Ty::Nested(Nesting::List, _) => "list",
                Ty::Set(_) | Ty::Nested(Nesting::Set, _) => "set",
                Ty::Map(_) | Ty::Nested(Nesting::Map, _) => "map",
            };
            return Err(Misfit { path: path.clone(), text: format!("{wanted} required, but it is {}", value.kind()) });
        }
    })
}

/// Shows every attribute's value to `visit`, outside in.
pub(super) fn walk<'a>(
    attributes: &'a [Attr],
    value: &'a Dynamic,
    path: &AttributePath,
    visit: &mut dyn FnMut(&'a Attr, &AttributePath, &'a Dynamic),
) {
    let Dynamic::Map(entries) = value else { return };
    for attribute in attributes {
        let Some(entry) = entries.get(&attribute.name) else { continue };
        let path = path.clone().attribute(&attribute.name);
        visit(attribute, &path, entry);
        match (attribute.ty.nested(), entry) {
            (Some((Nesting::Single, nested)), entry) => walk(nested, entry, &path, visit),
            (Some((Nesting::Map, nested)), Dynamic::Map(entries)) => {
                entries.iter().for_each(|(key, entry)| walk(nested, entry, &path.clone().key(key), visit));
            }
            (Some((_, nested)), Dynamic::List(elements)) => {
                for (index, element) in elements.iter().enumerate() {
                    walk(nested, element, &path.clone().index(index), visit);
                }
            }
            _ => {}
        }
    }
}

/// The value with null for everything that is unknown.
pub(super) fn unknown_as_null(value: &Dynamic) -> Dynamic {
    match value {
        Dynamic::Unknown => Dynamic::Null,
        Dynamic::List(elements) => Dynamic::List(elements.iter().map(unknown_as_null).collect()),
        Dynamic::Map(entries) => {
            Dynamic::Map(entries.iter().map(|(key, entry)| (key.clone(), unknown_as_null(entry))).collect())
        }
        value => value.clone(),
    }
}

/// A value as a state file has it.
pub(super) fn to_json(value: &Dynamic) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Dynamic::Null | Dynamic::Unknown => Value::Null,
        Dynamic::Bool(value) => (*value).into(),
        Dynamic::Int(value) => (*value).into(),
        Dynamic::Float(value) => (*value).into(),
        Dynamic::BigNumber(digits) => serde_json::from_str(digits).unwrap_or(Value::Null),
        Dynamic::String(text) => text.as_str().into(),
        Dynamic::List(elements) => elements.iter().map(to_json).collect(),
        Dynamic::Map(entries) => {
            Value::Object(entries.iter().map(|(key, entry)| (key.clone(), to_json(entry))).collect())
        }
    }
}

/// A value in a message.
pub(super) fn show(value: &Dynamic) -> String {
    match value {
        Dynamic::Unknown => "(unknown)".to_owned(),
        Dynamic::List(elements) => format!("[{}]", elements.iter().map(show).collect::<Vec<_>>().join(", ")),
        Dynamic::Map(entries) => {
            let entries = entries.iter().map(|(key, entry)| format!("{key} = {}", show(entry)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        value => to_json(value).to_string(),
    }
}
