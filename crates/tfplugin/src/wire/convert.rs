//! To and from protobuf: one function per message and direction.

use super::{json, msgpack, pb};
use crate::diagnostics::{Diagnostic, Diagnostics, Severity};
use crate::dynamic::Dynamic;
use crate::function::{AnyFunction, Refused};
use crate::path::{AttributePath, Step};
use crate::schema::{Attribute, Mode, Nesting, Type};

/// A value from the CLI; nothing at all is null.
pub(crate) fn from_value(value: Option<pb::DynamicValue>) -> Result<Dynamic, Diagnostic> {
    let unreadable = |why: String| Diagnostic::error("The CLI sent a value that cannot be read", why);
    match value {
        None => Ok(Dynamic::Null),
        Some(value) if !value.msgpack.is_empty() => {
            msgpack::read(&value.msgpack).map_err(|malformed| unreadable(malformed.0.to_owned()))
        }
        Some(value) if !value.json.is_empty() => json::read(&value.json).map_err(|error| unreadable(error.to_string())),
        Some(_) => Ok(Dynamic::Null),
    }
}

pub(crate) fn to_value(value: &Dynamic) -> Option<pb::DynamicValue> {
    Some(pb::DynamicValue { msgpack: msgpack::write(value), json: Vec::new() })
}

pub(super) fn from_raw_state(state: Option<pb::RawState>) -> Result<Dynamic, Diagnostic> {
    let state = state.unwrap_or_default();
    json::read(&state.json)
        .map_err(|error| Diagnostic::error("The state file holds an object that cannot be read", format!("{error}.")))
}

pub(super) fn to_diagnostics(diagnostics: Diagnostics) -> Vec<pb::Diagnostic> {
    diagnostics
        .into_iter()
        .map(|diagnostic| pb::Diagnostic {
            severity: match diagnostic.severity {
                Severity::Error => pb::diagnostic::Severity::Error,
                Severity::Warning => pb::diagnostic::Severity::Warning,
            } as i32,
            summary: diagnostic.summary,
            detail: diagnostic.detail,
            attribute: diagnostic.path.filter(|path| !path.0.is_empty()).map(to_path),
        })
        .collect()
}

pub(super) fn to_path(path: AttributePath) -> pb::AttributePath {
    use pb::attribute_path::{Step as PbStep, step::Selector};
    let selector = |step| match step {
        Step::Attribute(name) => Selector::AttributeName(name),
        Step::Key(key) => Selector::ElementKeyString(key),
        Step::Index(index) => Selector::ElementKeyInt(index),
    };
    pb::AttributePath { steps: path.0.into_iter().map(|step| PbStep { selector: Some(selector(step)) }).collect() }
}

pub(super) fn to_schema(version: i64, description: &str, attributes: &[Attribute]) -> pb::Schema {
    pb::Schema {
        version,
        block: Some(pb::schema::Block {
            version,
            attributes: attributes.iter().map(to_attribute).collect(),
            description: description.to_owned(),
            description_kind: pb::StringKind::Markdown as i32,
            ..Default::default()
        }),
    }
}

fn to_attribute(attribute: &Attribute) -> pb::schema::Attribute {
    let nested = attribute.ty.nested().map(|(nesting, attributes)| pb::schema::Object {
        attributes: attributes.iter().map(to_attribute).collect(),
        nesting: match nesting {
            Nesting::Single => pb::schema::object::NestingMode::Single,
            Nesting::List => pb::schema::object::NestingMode::List,
            Nesting::Set => pb::schema::object::NestingMode::Set,
            Nesting::Map => pb::schema::object::NestingMode::Map,
        } as i32,
        ..Default::default()
    });
    pb::schema::Attribute {
        name: attribute.name.to_owned(),
        r#type: if nested.is_some() { Vec::new() } else { to_type(&attribute.ty) },
        nested_type: nested,
        description: attribute.description.clone(),
        description_kind: pb::StringKind::Markdown as i32,
        required: attribute.mode == Mode::Required,
        optional: matches!(attribute.mode, Mode::Optional | Mode::OptionalComputed),
        computed: attribute.mode.is_computed(),
        sensitive: attribute.sensitive,
        write_only: attribute.write_only,
        ..Default::default()
    }
}

fn to_type(ty: &Type) -> Vec<u8> {
    ty.notation().to_string().into_bytes()
}

pub(super) fn to_function(function: &dyn AnyFunction) -> pb::Function {
    pb::Function {
        parameters: function
            .parameters()
            .into_iter()
            .map(|parameter| pb::function::Parameter {
                name: parameter.name.to_owned(),
                r#type: parameter.ty.parameter_notation().to_string().into_bytes(),
                allow_null_value: parameter.mode != Mode::Required,
                allow_unknown_values: false,
                description: parameter.description,
                description_kind: pb::StringKind::Markdown as i32,
            })
            .collect(),
        variadic_parameter: None,
        r#return: Some(pb::function::Return { r#type: to_type(&function.output()) }),
        summary: function.summary().to_owned(),
        description: function.description().to_owned(),
        description_kind: pb::StringKind::Markdown as i32,
        deprecation_message: String::new(),
    }
}

pub(super) fn to_function_error(error: Refused) -> pb::FunctionError {
    pb::FunctionError {
        text: error.text,
        function_argument: error.argument.and_then(|argument| i64::try_from(argument).ok()),
    }
}
