//! Extended properties: what `sp_addextendedproperty` left, and `fn_listextendedproperty`.

use super::super::functions;
use super::super::state::{Database, ExtendedProperty, PropertyClass, same_name};
use super::shape::{Context, DESC, INT, NAME, TINY, TableFunction, View, column, int, required, text};
use emulator_ground::engine::Message;
use emulator_ground::value::{SqlType, Value};

pub static VIEWS: &[View] = &[view!(
    "sys.extended_properties",
    [
        required("class", TINY),
        column("class_desc", DESC),
        required("major_id", INT),
        required("minor_id", INT),
        required("name", NAME),
        column("value", SqlType::SqlVariant),
    ],
    |c| {
        let seen = c.database.extended_properties.iter().filter(|p| is_seen(c, p));
        seen.map(|p| {
            let desc = match p.class {
                PropertyClass::Database => "DATABASE",
                PropertyClass::ObjectOrColumn => "OBJECT_OR_COLUMN",
                PropertyClass::Schema => "SCHEMA",
                PropertyClass::Principal => "DATABASE_PRINCIPAL",
                PropertyClass::Index => "INDEX",
            };
            vec![int(p.class as u8), text(desc), int(p.major), int(p.minor), text(&p.name), p.value.clone()]
        })
        .collect()
    }
)];

pub static FUNCTIONS: &[TableFunction] = &[TableFunction {
    name: "fn_listextendedproperty",
    arguments: 7,
    view: view!(
        "sys.fn_listextendedproperty",
        [
            column("objtype", NAME),
            column("objname", NAME),
            required("name", NAME),
            column("value", SqlType::SqlVariant),
        ],
        |_| Vec::new()
    ),
    rows: list,
}];

fn is_seen(c: &Context<'_>, property: &ExtendedProperty) -> bool {
    match property.class {
        PropertyClass::ObjectOrColumn | PropertyClass::Index => {
            let object = c.database.table_of(property.major).map_or(property.major, |t| t.id);
            c.state.sees_object(&c.token, c.database, object)
        }
        PropertyClass::Principal => c.state.sees_principal(&c.token, c.database, property.major),
        PropertyClass::Database | PropertyClass::Schema => true,
    }
}

/// What a property is of: the type of the last level, its name, and the path of names to it.
fn described(database: &Database, property: &ExtendedProperty) -> Option<(Vec<(&'static str, String)>, String)> {
    let schema_of = |id: i32| ("SCHEMA", database.schema_name(id).to_owned());
    let path = match property.class {
        PropertyClass::Database => Vec::new(),
        PropertyClass::Schema => vec![schema_of(property.major)],
        PropertyClass::Principal => vec![("USER", database.principals.get(&property.major)?.name.clone())],
        PropertyClass::Index => {
            let table = database.tables.get(&property.major)?;
            let index = table.indexes.iter().find(|i| i.id == property.minor)?;
            vec![schema_of(table.schema), ("TABLE", table.name.clone()), ("INDEX", index.name.clone())]
        }
        PropertyClass::ObjectOrColumn => {
            if let Some(view) = database.views.get(&property.major) {
                let mut path = vec![schema_of(view.schema), ("VIEW", view.name.clone())];
                if property.minor > 0 {
                    path.push(("COLUMN", view.columns.iter().find(|c| c.id == property.minor)?.name.clone()));
                }
                path
            } else {
                let table = database.table_of(property.major)?;
                let mut path = vec![schema_of(table.schema), ("TABLE", table.name.clone())];
                if table.id != property.major {
                    path.push(("CONSTRAINT", database.constraint_name(property.major)?.to_owned()));
                } else if property.minor > 0 {
                    path.push(("COLUMN", table.column_by_id(property.minor)?.name.clone()));
                }
                path
            }
        }
    };
    let last = path.last().map_or_else(|| database.name.clone(), |(_, name)| name.clone());
    Some((path, last))
}

/// A level's name that is NULL or DEFAULT stands for all; the first level's type that is, for the database itself.
fn list(c: &Context<'_>, arguments: &[Value]) -> Result<Vec<Vec<Value>>, Message> {
    let argument = |i: usize| functions::text(arguments.get(i));
    let mut levels = Vec::new();
    for i in [1, 3, 5] {
        let Some(kind) = argument(i) else { break };
        levels.push((kind, argument(i + 1)));
    }
    let wanted = argument(0);
    let rows = c.database.extended_properties.iter().filter(|p| is_seen(c, p)).filter_map(|p| {
        let (path, last) = described(c.database, p)?;
        let named = wanted.as_ref().is_none_or(|name| same_name(name, &p.name));
        let fits = path.len() == levels.len()
            && path.iter().zip(&levels).all(|((kind, name), (wanted, of))| {
                kind.eq_ignore_ascii_case(wanted.trim()) && of.as_ref().is_none_or(|of| same_name(of, name))
            });
        let kind = path.last().map_or(Value::Null, |(kind, _)| text(*kind));
        (named && fits)
            .then(|| vec![kind, if path.is_empty() { Value::Null } else { text(last) }, text(&p.name), p.value.clone()])
    });
    Ok(rows.collect())
}
