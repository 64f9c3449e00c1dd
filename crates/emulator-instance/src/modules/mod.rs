//! Views, functions and security policies: what is kept as text and bound when it is used.

use std::collections::BTreeSet;

use super::access::Target;
use super::permissions::Class;
use super::state::{Database, Object, ObjectKind, TableColumn, same_name};
use super::types;
use super::work::Work;
use emulator_ground::engine::Message;
use emulator_ground::value::Column;
use emulator_tsql::ast::{ModuleChange, ObjectName};

mod functions;
mod security_policies;
mod views;

impl Work<'_> {
    /// What a name means: without a schema that of the user's default schema, else dbo's.
    pub(super) fn meant<'d>(&self, database: &'d Database, name: &ObjectName) -> Option<Object<'d>> {
        if name.database.as_deref().is_some_and(|other| !same_name(other, &database.name)) {
            return None;
        }
        let schemas = match &name.schema {
            Some(schema) => vec![database.schema(schema)?.id],
            None => database.default_schema(self.token().user).into_iter().chain([1]).collect(),
        };
        schemas.into_iter().find_map(|schema| database.object_named(schema, &name.name))
    }

    /// The object of that kind and name which the session may alter.
    fn alterable(&self, database: &Database, kind: ObjectKind, name: &ObjectName) -> Option<i32> {
        let object = self.meant(database, name).filter(|object| object.kind == kind)?;
        let target = Target::in_database(Class::Object, database.id, object.id);
        let may = match kind {
            // "Creating, altering, or dropping security policies requires the ALTER ANY SECURITY POLICY permission."
            ObjectKind::SecurityPolicy => self.may(security_policies::PERMISSION),
            _ => true,
        };
        (may && self.state.may(&self.token(), target, "ALTER")).then_some(object.id)
    }

    /// The object that CREATE OR ALTER or ALTER changes, if any, and the schema it is or will be in.
    fn replaced(
        &self,
        database: &Database,
        kind: ObjectKind,
        name: &ObjectName,
        change: ModuleChange,
        permission: &str,
    ) -> Result<(Option<i32>, i32), Message> {
        // What is not there is made in the default schema, whatever dbo has.
        let own = database.default_schema(self.token().user).unwrap_or(1);
        let meant =
            |object: &Object<'_>| change == ModuleChange::Alter || name.schema.is_some() || object.schema == own;
        let there = self.meant(database, name).filter(|o| o.kind == kind && meant(o));
        match there.filter(|_| change != ModuleChange::Create) {
            Some(object) => match self.alterable(database, kind, name) {
                Some(id) => Ok((Some(id), object.schema)),
                None => Err(no_module(name)),
            },
            None if change == ModuleChange::Alter => Err(no_module(name)),
            None => Ok((None, self.home(name, permission)?.1)),
        }
    }

    /// What DROP is to take: `None` where IF EXISTS finds nothing, 3701 otherwise; 3729 where it is held fast.
    fn droppable(&self, kind: ObjectKind, name: &ObjectName, if_exists: bool) -> Result<Option<i32>, Message> {
        let database = self.database()?;
        let Some(id) = self.alterable(&database, kind, name) else {
            let word = word(kind);
            let text = format!(
                "Cannot drop the {word} '{}', because it does not exist or you do not have permission.",
                name.written()
            );
            if let Some(other) = self.meant(&database, name).filter(|other| other.kind != kind)
                && other.kind != ObjectKind::SecurityPolicy
                && self.state.sees_object(&self.token(), &database, other.id)
            {
                return Err(other_kind(kind, other.kind, name));
            }
            return if if_exists { Ok(None) } else { Err(Message::new(3701, 11, 5, text)) };
        };
        let verb = match kind {
            ObjectKind::Function => "DROP FUNCTION",
            _ => "DROP VIEW",
        };
        check_unbound(&database, id, verb, name)?;
        Ok(Some(id))
    }

    /// What was said about an object goes with it.
    fn forget_object(&mut self, id: i32) -> Result<(), Message> {
        let database = self.change_database()?;
        database.extended_properties.retain(|p| !p.is_of_object(id));
        database.permissions.retain(|row| !(row.permission.class == Class::Object && row.major == id));
        Ok(())
    }
}

fn word(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Table => "table",
        ObjectKind::View => "view",
        ObjectKind::Function => "function",
        ObjectKind::SecurityPolicy => "security policy",
    }
}

/// 3705: DROP of something that is another kind of thing.
pub(super) fn other_kind(dropped: ObjectKind, is: ObjectKind, name: &ObjectName) -> Message {
    let (written, verb) = (name.written(), |kind| word(kind).to_uppercase());
    let text = format!(
        "Cannot use DROP {} with '{written}' because '{written}' is a {}. Use DROP {}.",
        verb(dropped),
        word(is),
        verb(is)
    );
    Message::new(3705, 16, 1, text)
}

/// 208 with the state 6, as ALTER answers.
fn no_module(name: &ObjectName) -> Message {
    Message::new(208, 16, 6, format!("Invalid object name '{}'.", name.written()))
}

/// Names of a view's or function's columns: 4511 or 4514 for one without, 4506 for one that is there twice.
fn columns(
    of: &[Column],
    names: &[String],
    missing: impl Fn(usize) -> Message,
    object: &str,
) -> Result<Vec<TableColumn>, Message> {
    if of.len() > 1024 {
        return Err(super::errors::outside("a view or function with more than 1,024 columns"));
    }
    let mut seen = BTreeSet::new();
    (1i32..)
        .zip(of)
        .enumerate()
        .map(|(at, (id, column))| {
            let name = names.get(at).unwrap_or(&column.name);
            if name.is_empty() {
                return Err(missing(at + 1));
            }
            if !seen.insert(super::state::fold(name)) {
                let text = format!(
                    "Column names in each view or function must be unique. Column name '{name}' in view or function '{object}' is specified more than once."
                );
                return Err(Message::new(4506, 16, 1, text));
            }
            Ok(TableColumn::plain(id, name, types::column_type(column.sql_type), column.nullable))
        })
        .collect()
}

/// 3729: something schema-bound holds it fast.
pub(super) fn check_unbound(database: &Database, id: i32, verb: &str, name: &ObjectName) -> Result<(), Message> {
    let Some(by) = database.bound_by(id, None) else { return Ok(()) };
    let text = format!("Cannot {verb} '{}' because it is being referenced by object '{}'.", name.written(), by.name);
    Err(Message::new(3729, 16, if verb == "ALTER" { 3 } else { 1 }, text))
}
