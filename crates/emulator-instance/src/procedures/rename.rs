//! `sp_rename`: tables, views, keys and constraints, columns, indexes.

use std::sync::Arc;

use super::super::access::Target;
use super::super::errors;
use super::super::functions;
use super::super::permissions::Class;
use super::super::security_functions::parts_of;
use super::super::state::{Database, LedgerKind, Table, Temporal, same_name};
use super::super::work::Work;
use super::answer::Answer;
use emulator_ground::engine::Message;
use emulator_ground::value::Value;
use emulator_tsql::mentions;

/// What a name was found to be.
enum Item {
    Table(i32),
    View(i32),
    Function(i32),
    /// Of a table; by object id.
    Constraint(i32, i32),
    Column(i32, i32),
    Index(i32, i32),
}

impl Work<'_> {
    pub(super) fn rename(&mut self, arguments: &[Value]) -> Result<Answer, Message> {
        let text = |at: usize, parameter: &str| {
            functions::text(arguments.get(at)).ok_or_else(|| {
                let text = format!("Error: The input parameter '{parameter}' is not allowed to be null.");
                Message::new(15223, 11, 1, text)
            })
        };
        let (old, new) = (text(0, "@objname")?, text(1, "@newname")?);
        let kind = functions::text(arguments.get(2)).map(|kind| kind.trim().to_ascii_lowercase());
        match kind.as_deref() {
            None | Some("object" | "column" | "index") => {}
            Some("database" | "userdatatype" | "statistics") => {
                return Err(errors::outside("sp_rename of databases, types and statistics"));
            }
            Some(other) => {
                return Err(Message::new(15249, 11, 1, format!("Error: Explicit @objtype '{other}' is unrecognized.")));
            }
        }
        let length = new.encode_utf16().count();
        if length == 0 || length > 128 || new.contains('\0') {
            let text = format!(
                "Error: The value for the @newname parameter contains invalid characters or violates a basic restriction ({new})."
            );
            return Err(Message::new(15224, 11, 1, text));
        }
        let database = self.database()?;
        let item = self.named_item(&database, &old, kind.as_deref())?;
        self.check_new_name(&database, &item, &new)?;
        self.give_name(&database, &item, &new)?;
        let message = Message::new(
            15477,
            10,
            1,
            "Caution: Changing any part of an object name could break scripts and stored procedures.",
        );
        Ok(Answer { message: Some(message), ..Answer::default() })
    }

    /// 15225 where no type was said, 15248 where the said one does not fit. What the session may not alter is not found
    /// either: UNCONFIRMED, no page says which number that has.
    fn named_item(&self, database: &Arc<Database>, old: &str, kind: Option<&str>) -> Result<Item, Message> {
        let parts = parts_of(old);
        let missing = || match kind {
            None => {
                let text = format!(
                    "No item by the name of '{old}' could be found in the current database '{}', given that @itemtype was input as '(null)'.",
                    database.name
                );
                Message::new(15225, 11, 1, text)
            }
            Some(kind) => {
                let text = format!(
                    "Either the parameter @objname is ambiguous or the claimed @objtype ({}) is wrong.",
                    kind.to_uppercase()
                );
                Message::new(15248, 11, 1, text)
            }
        };
        let part = matches!(kind, Some("column" | "index"));
        let (of, last) = if part { parts.split_at(parts.len().saturating_sub(1)) } else { (&parts[..], &[][..]) };
        let (schema, name) = match of {
            [name] => (None, name),
            [schema, name] => (Some(schema), name),
            [other, schema, name] => {
                if !same_name(other, &database.name) {
                    // Without a type the first of three parts may be a schema: a column or an index is meant.
                    if kind.is_none() {
                        return Err(errors::outside("sp_rename of a column or index without its type"));
                    }
                    let text = format!(
                        "Error: The qualified @oldname references a database ({other}) other than the current database."
                    );
                    return Err(Message::new(15333, 11, 1, text));
                }
                (Some(schema), name)
            }
            _ => return Err(missing()),
        };
        let schemas: Vec<i32> = match schema {
            Some(schema) => database.schema(schema).map(|s| s.id).into_iter().collect(),
            None => {
                let user = self.token().user.and_then(|user| database.principals.get(&user));
                let own = user.and_then(|u| u.default_schema.as_deref()).and_then(|s| database.schema(s)).map(|s| s.id);
                own.into_iter().chain([1]).collect()
            }
        };
        let may = |id: i32| {
            let target = Target::in_database(Class::Object, database.id, id);
            self.state.may(&self.token(), target, "ALTER")
        };
        if let [last] = last {
            let table = schemas.iter().find_map(|schema| database.table(*schema, name)).filter(|t| may(t.id));
            let table = table.ok_or_else(missing)?;
            if kind == Some("column") {
                let column = table.column(last).ok_or_else(missing)?;
                return Ok(Item::Column(table.id, column.id));
            }
            let index = table.indexes.iter().find(|i| same_name(&i.name, last)).ok_or_else(missing)?;
            return Ok(Item::Index(table.id, index.id));
        }
        let found = schemas.iter().find_map(|schema| {
            let table = database.table(*schema, name).map(|t| (t.id, Item::Table(t.id)));
            let view = || database.view(*schema, name).map(|v| (v.id, Item::View(v.id)));
            let function = || database.function(*schema, name).map(|f| (f.id, Item::Function(f.id)));
            let constraint = || database.constraint(*schema, name).map(|(t, id)| (t.id, Item::Constraint(t.id, id)));
            table.or_else(view).or_else(function).or_else(constraint)
        });
        if let Some((_, item)) = found.filter(|(id, _)| may(*id)) {
            return Ok(item);
        }
        if schemas.iter().any(|schema| database.policy(*schema, name).is_some()) {
            return Err(errors::outside("sp_rename of security policies"));
        }
        // `table.column` without the type is looked for as well.
        if kind.is_none()
            && let Some(table) = schema.and_then(|table| database.table(1, table))
            && (table.column(name).is_some() || table.indexes.iter().any(|i| same_name(&i.name, name)))
        {
            return Err(errors::outside("sp_rename of a column or index without its type"));
        }
        Err(missing())
    }

    /// 15335 for a name in use, 15336 for what CHECK constraints, computed columns and filters are made of.
    fn check_new_name(&self, database: &Database, item: &Item, new: &str) -> Result<(), Message> {
        let taken = |what: &str| {
            let text = format!(
                "Error: The new name '{new}' is already in use as a {what} name and would cause a duplicate that is not permitted."
            );
            Message::new(15335, 11, 1, text)
        };
        let object_taken = |schema: i32, own: i32| {
            let other = database.object_named(schema, new).map(|object| object.id);
            let other = other.or_else(|| database.constraint(schema, new).map(|(_, id)| id));
            // UNCONFIRMED: another spelling of its own name is allowed.
            if other.is_some_and(|id| id != own) { Err(taken("object")) } else { Ok(()) }
        };
        let (bearer, column) = match item {
            Item::Column(of, column) => (*of, Some(*column)),
            Item::Table(id) | Item::View(id) | Item::Function(id) => (*id, None),
            Item::Constraint(..) | Item::Index(..) => (0, None),
        };
        if database.bound_by(bearer, column).is_some() {
            let schema = database.schema_name(database.object_schema(bearer).unwrap_or(1));
            let name = database.object_name(bearer).unwrap_or_default();
            let column = column.and_then(|id| database.tables.get(&bearer)?.column_by_id(id));
            let column = column.map_or_else(String::new, |column| format!(".{}", column.name));
            let text = format!(
                "Object '{schema}.{name}{column}' cannot be renamed because the object participates in enforced dependencies."
            );
            return Err(Message::new(15336, 16, 1, text));
        }
        let table = |id: &i32| database.tables.get(id).ok_or_else(|| errors::internal("no such table"));
        match item {
            Item::Table(id) => {
                let table = table(id)?;
                check_plain(table, "a ledger or graph table", false)?;
                object_taken(table.schema, *id)
            }
            Item::View(id) | Item::Function(id) => object_taken(database.object_schema(*id).unwrap_or(1), *id),
            Item::Constraint(of, id) => object_taken(table(of)?.schema, *id),
            Item::Column(of, id) => {
                let table = table(of)?;
                check_plain(table, "a column of a temporal, ledger or graph table", true)?;
                if table.column(new).is_some_and(|column| column.id != *id) {
                    return Err(taken("COLUMN"));
                }
                let old = table.column_by_id(*id).map_or("", |column| column.name.as_str());
                let bound = table.checks.iter().any(|check| mentions(&check.condition, old))
                    || table.columns.iter().any(|c| c.computed.as_ref().is_some_and(|e| mentions(e, old)))
                    || table.indexes.iter().any(|i| i.filter.as_ref().is_some_and(|(f, _)| mentions(f, old)));
                if bound {
                    let schema = database.schema_name(table.schema);
                    let text = format!(
                        "Object '{schema}.{}.{old}' cannot be renamed because the object participates in enforced dependencies.",
                        table.name
                    );
                    return Err(Message::new(15336, 16, 1, text));
                }
                Ok(())
            }
            Item::Index(of, id) => {
                let table = table(of)?;
                if table.indexes.iter().any(|index| index.id != *id && same_name(&index.name, new)) {
                    return Err(taken("INDEX"));
                }
                // The index of a key bears the key's name, which is an object's.
                match table.indexes.iter().find(|index| index.id == *id).map(|index| index.object_id) {
                    Some(object) if object != 0 => object_taken(table.schema, object),
                    _ => Ok(()),
                }
            }
        }
    }

    fn give_name(&mut self, database: &Database, item: &Item, new: &str) -> Result<(), Message> {
        let now = self.ambient.now;
        let home = self.change().database_mut(database.id).ok_or_else(|| errors::internal("the database is gone"))?;
        let id = match item {
            Item::View(id) => {
                if let Some(view) = home.views.get_mut(id) {
                    let view = Arc::make_mut(view);
                    (view.name, view.modified) = (new.to_owned(), now);
                }
                return Ok(());
            }
            Item::Function(id) => {
                if let Some(function) = home.functions.get_mut(id) {
                    let function = Arc::make_mut(function);
                    (function.name, function.modified) = (new.to_owned(), now);
                }
                return Ok(());
            }
            Item::Table(id) | Item::Constraint(id, _) | Item::Column(id, _) | Item::Index(id, _) => *id,
        };
        let table = home.tables.get_mut(&id).ok_or_else(|| errors::internal("no such table"))?;
        let table = Arc::make_mut(table);
        table.modified = now;
        match item {
            Item::Column(_, id) => {
                for column in table.columns.iter_mut().filter(|column| column.id == *id) {
                    new.clone_into(&mut column.name);
                }
            }
            Item::Index(_, id) => {
                for index in table.indexes.iter_mut().filter(|index| index.id == *id) {
                    (index.name, index.system_named) = (new.to_owned(), false);
                }
            }
            Item::Constraint(_, id) => {
                for index in table.indexes.iter_mut().filter(|index| index.object_id == *id) {
                    (index.name, index.system_named) = (new.to_owned(), false);
                }
                let defaults = table.columns.iter_mut().filter_map(|column| column.default_constraint.as_mut());
                let checks = table.checks.iter_mut().map(|check| &mut check.constraint);
                let keys = table.foreign_keys.iter_mut().map(|key| &mut key.constraint);
                for constraint in defaults.chain(checks).chain(keys).filter(|c| c.object_id == *id) {
                    (constraint.name, constraint.system_named) = (new.to_owned(), false);
                }
            }
            _ => new.clone_into(&mut table.name),
        }
        Ok(())
    }
}

/// What no source describes for these tables.
fn check_plain(table: &Table, what: &str, temporal: bool) -> Result<(), Message> {
    let traits = &table.traits;
    let special = traits.ledger != LedgerKind::None
        || traits.graph.is_some()
        || traits.memory_optimized
        || temporal && traits.temporal != Temporal::None;
    if special { Err(errors::outside(&format!("sp_rename of {what}"))) } else { Ok(()) }
}
