//! Functions that return tables: what permissions there are, and which the caller has.

use super::super::access::Target;
use super::super::errors;
use super::super::permissions::{self, Class};
use super::super::security_functions::parts_of;
use super::shape::{Context, DESC, NAME, TableFunction, View, column, required, text};
use emulator_ground::engine::Message;
use emulator_ground::value::{SqlType, Value};

pub static FUNCTIONS: &[TableFunction] = &[
    TableFunction {
        name: "fn_builtin_permissions",
        arguments: 1,
        view: view!(
            "sys.fn_builtin_permissions",
            [
                column("class_desc", DESC),
                column("permission_name", DESC),
                column("type", SqlType::VarChar(Some(4))),
                column("covering_permission_name", DESC),
                column("parent_class_desc", DESC),
                column("parent_covering_permission_name", DESC),
            ],
            |_| Vec::new()
        ),
        rows: |c, arguments| {
            let wanted = if let Some(Value::Text(class)) = arguments.first() {
                Some(class.trim().to_ascii_uppercase())
            } else {
                None
            };
            Ok(permissions::all()
                .iter()
                .filter(|b| {
                    wanted.as_deref().is_none_or(|w| w.is_empty() || b.class.word() == w)
                        && permissions::exists(b, c.ambient.facts.update_policy)
                })
                .map(|b| {
                    vec![
                        text(b.class.word()),
                        text(b.name),
                        text(b.code),
                        text(b.covering.unwrap_or("")),
                        text(b.class.parent().map_or("", Class::word)),
                        text(b.parent_covering.unwrap_or("")),
                    ]
                })
                .collect())
        },
    },
    TableFunction {
        name: "fn_my_permissions",
        arguments: 2,
        view: view!(
            "sys.fn_my_permissions",
            [required("entity_name", NAME), required("subentity_name", NAME), required("permission_name", DESC)],
            |_| Vec::new()
        ),
        rows: my_permissions,
    },
];

fn my_permissions(c: &Context<'_>, arguments: &[Value]) -> Result<Vec<Vec<Value>>, Message> {
    let Some(Value::Text(class)) = arguments.get(1) else { return Ok(Vec::new()) };
    let Some(class) = Class::named(class) else { return Ok(Vec::new()) };
    let name = if let Some(Value::Text(name)) = arguments.first() { Some(name.as_str()) } else { None };
    let target = match (class, name) {
        (Class::Server, _) => Target::SERVER,
        (Class::Database, _) => Target::database(c.database.id),
        (Class::Schema, Some(name)) => match c.database.schema(name) {
            Some(schema) => Target::in_database(class, c.database.id, schema.id),
            None => return Ok(Vec::new()),
        },
        (Class::Object, Some(name)) => {
            let mut parts = parts_of(name);
            let table = parts.pop().unwrap_or_default();
            let schema = parts.pop().map_or(Some(1), |s| c.database.schema(&s).map(|s| s.id));
            match schema.and_then(|schema| c.database.object_named(schema, &table)) {
                Some(object) => Target::in_database(class, c.database.id, object.id),
                None => return Ok(Vec::new()),
            }
        }
        _ => return Err(errors::outside(&format!("fn_my_permissions on {}", class.word()))),
    };
    let shown = match class {
        Class::Server => "server",
        Class::Database => "database",
        _ => name.unwrap_or(""),
    };
    Ok(permissions::all()
        .iter()
        .filter(|b| {
            b.class == class
                && permissions::exists(b, c.ambient.facts.update_policy)
                && c.state.holds(&c.token, target, b)
        })
        .map(|b| vec![text(shown), text(""), text(b.name)])
        .collect())
}
