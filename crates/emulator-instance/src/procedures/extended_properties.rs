//! sp_addextendedproperty and its kin. Numbers from "Database engine events and errors", rights from the procedures' pages.

use super::super::access::Target;
use super::super::functions;
use super::super::permissions::Class;
use super::super::state::{Database, ExtendedProperty, PropertyClass, same_name};
use super::super::work::Work;
use super::answer::Answer;
use emulator_ground::engine::Message;
use emulator_ground::value::Value;

/// What a property is of, and its name in messages.
struct Bearer {
    class: PropertyClass,
    major: i32,
    minor: i32,
    shown: String,
}

impl Work<'_> {
    pub(super) fn add_property(&mut self, arguments: &[Value]) -> Result<Answer, Message> {
        let (name, bearer) = self.bearer("sp_addextendedproperty", arguments, 2)?;
        let value = arguments.get(1).cloned().unwrap_or(Value::Null);
        let properties = &mut self.change_database()?.extended_properties;
        if properties.iter().any(|p| is_of(p, &bearer) && same_name(&p.name, &name)) {
            let text = format!("Property cannot be added. Property '{name}' already exists for '{}'.", bearer.shown);
            return Err(Message::new(15233, 16, 1, text));
        }
        let Bearer { class, major, minor, .. } = bearer;
        properties.push(ExtendedProperty { class, major, minor, name, value });
        Ok(Answer::default())
    }

    pub(super) fn update_property(&mut self, arguments: &[Value]) -> Result<Answer, Message> {
        let (name, bearer) = self.bearer("sp_updateextendedproperty", arguments, 2)?;
        let value = arguments.get(1).cloned().unwrap_or(Value::Null);
        let properties = &mut self.change_database()?.extended_properties;
        match properties.iter_mut().find(|p| is_of(p, &bearer) && same_name(&p.name, &name)) {
            Some(property) => property.value = value,
            None => return Err(absent(&name, &bearer)),
        }
        Ok(Answer::default())
    }

    pub(super) fn drop_property(&mut self, arguments: &[Value]) -> Result<Answer, Message> {
        let (name, bearer) = self.bearer("sp_dropextendedproperty", arguments, 1)?;
        let properties = &mut self.change_database()?.extended_properties;
        let before = properties.len();
        properties.retain(|p| !(is_of(p, &bearer) && same_name(&p.name, &name)));
        if properties.len() == before { Err(absent(&name, &bearer)) } else { Ok(Answer::default()) }
    }

    /// The property's name and what its levels name, which begin at that argument: 15600, 15135.
    fn bearer(&self, procedure: &str, arguments: &[Value], levels: usize) -> Result<(String, Bearer), Message> {
        let text = |i: usize| functions::text(arguments.get(i)).filter(|text| !text.is_empty());
        let invalid = || {
            let text = format!("An invalid parameter or option was specified for procedure '{procedure}'.");
            Message::new(15600, 15, 1, text)
        };
        let name = text(0).ok_or_else(invalid)?;
        let mut path = Vec::new();
        for i in 0..3 {
            match (text(levels + 2 * i), text(levels + 2 * i + 1)) {
                (Some(kind), Some(name)) if path.len() == i => path.push((kind.trim().to_ascii_uppercase(), name)),
                (None, None) => {}
                _ => return Err(invalid()),
            }
        }
        let database = self.database()?;
        let shown = if path.is_empty() {
            "object specified".to_owned()
        } else {
            path.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>().join(".")
        };
        let refused = || {
            let text = format!(
                "Object is invalid. Extended properties are not permitted on '{shown}', or the object does not exist."
            );
            Message::new(15135, 16, 8, text)
        };
        let (class, major, minor, target) = found(&database, &path).ok_or_else(refused)?;
        if !self.state.may(&self.token(), target, "ALTER") {
            return Err(refused());
        }
        Ok((name, Bearer { class, major, minor, shown }))
    }
}

fn found(database: &Database, path: &[(String, String)]) -> Option<(PropertyClass, i32, i32, Target)> {
    let steps: Vec<(&str, &str)> = path.iter().map(|(kind, name)| (kind.as_str(), name.as_str())).collect();
    let target = |class, id| Target::in_database(class, database.id, id);
    Some(match steps[..] {
        [] => (PropertyClass::Database, 0, 0, Target::database(database.id)),
        [("USER", name)] => {
            let id = database.principal(name)?.id;
            (PropertyClass::Principal, id, 0, target(Class::User, id))
        }
        [("SCHEMA", name)] => {
            let id = database.schema(name)?.id;
            (PropertyClass::Schema, id, 0, target(Class::Schema, id))
        }
        [("SCHEMA", schema), ("TABLE", name)] => {
            let id = database.table(database.schema(schema)?.id, name)?.id;
            (PropertyClass::ObjectOrColumn, id, 0, target(Class::Object, id))
        }
        [("SCHEMA", schema), ("TABLE", name), (kind, of)] => {
            let table = database.table(database.schema(schema)?.id, name)?;
            let (class, major, minor) = match kind {
                "COLUMN" => (PropertyClass::ObjectOrColumn, table.id, table.column(of)?.id),
                "CONSTRAINT" => (PropertyClass::ObjectOrColumn, table.constraint_named(of)?, 0),
                "INDEX" => {
                    let index = table.indexes.iter().find(|i| same_name(&i.name, of))?;
                    (PropertyClass::Index, table.id, index.id)
                }
                _ => return None,
            };
            (class, major, minor, target(Class::Object, table.id))
        }
        [("SCHEMA", schema), ("VIEW", name)] => {
            let id = database.view(database.schema(schema)?.id, name)?.id;
            (PropertyClass::ObjectOrColumn, id, 0, target(Class::Object, id))
        }
        [("SCHEMA", schema), ("VIEW", name), ("COLUMN", column)] => {
            let view = database.view(database.schema(schema)?.id, name)?;
            let column = view.columns.iter().find(|c| same_name(&c.name, column))?;
            (PropertyClass::ObjectOrColumn, view.id, column.id, target(Class::Object, view.id))
        }
        _ => return None,
    })
}

fn is_of(property: &ExtendedProperty, bearer: &Bearer) -> bool {
    (property.class, property.major, property.minor) == (bearer.class, bearer.major, bearer.minor)
}

fn absent(name: &str, bearer: &Bearer) -> Message {
    let text =
        format!("Property cannot be updated or deleted. Property '{name}' does not exist for '{}'.", bearer.shown);
    Message::new(15217, 16, 1, text)
}
