//! Functions that return a table by one query.

use std::sync::Arc;

use super::super::errors;
use super::super::query::Binder;
use super::super::rows::Variables;
use super::super::state::{Bound, Database, FunctionParameter, ObjectKind, TableFunction};
use super::super::types;
use super::super::work::Work;
use super::{check_unbound, columns};
use emulator_ground::engine::Message;
use emulator_ground::value::SqlType;
use emulator_tsql::ast::{self, ModuleChange, ObjectName, Query};

impl Work<'_> {
    #[allow(clippy::too_many_arguments, reason = "the clauses of one statement")]
    pub fn create_function(
        &mut self,
        name: &ObjectName,
        parameters: &[ast::FunctionParameter],
        schema_bound: bool,
        query: &Query,
        change: ModuleChange,
        text: &str,
    ) -> Result<(), Message> {
        let here = self.database()?;
        let (old, schema) = self.replaced(&here, ObjectKind::Function, name, change, "CREATE FUNCTION")?;
        if let Some(id) = old {
            check_unbound(&here, id, "ALTER", name)?;
        }
        let parameters = declared(parameters)?;
        let variables = Variables::default();
        let mut binder = Binder::new(Arc::clone(self.state), self.ambient, &variables, self.store);
        binder.homes.push((here.id, schema));
        binder.being_made = old.map(|id| (here.id, id));
        let compiled = binder.body_of_function(&parameters, query)?;
        let (objects, named) = (binder.objects_read(), std::mem::take(&mut binder.named));
        let missing = |at: usize| {
            let text = format!("CREATE FUNCTION failed because a column name is not specified for column {at}.");
            Message::new(4514, 16, 1, text)
        };
        let columns = columns(&compiled.columns, &[], missing, &name.name)?;
        let bound = if schema_bound { Some(bound(&here, name, &named, objects)?) } else { None };
        let now = self.ambient.now;
        let database = self.change_database()?;
        let old = old.and_then(|id| database.functions.get(&id).cloned());
        let id = old.as_ref().map_or_else(|| database.new_object_id(), |old| old.id);
        let function = TableFunction {
            id,
            name: name.name.clone(),
            schema,
            owner: old.as_ref().and_then(|old| old.owner),
            parameters,
            columns,
            text: text.to_owned(),
            query: query.clone(),
            bound,
            created: old.map_or(now, |old| old.created),
            modified: now,
        };
        database.functions.insert(id, Arc::new(function));
        Ok(())
    }

    pub fn drop_function(&mut self, name: &ObjectName, if_exists: bool) -> Result<(), Message> {
        let Some(id) = self.droppable(ObjectKind::Function, name, if_exists)? else { return Ok(()) };
        self.change_database()?.functions.remove(&id);
        self.forget_object(id)
    }
}

/// 134 for a name that is there twice.
fn declared(parameters: &[ast::FunctionParameter]) -> Result<Vec<FunctionParameter>, Message> {
    if parameters.len() > 2100 {
        let text = "There are too many parameters in this CREATE FUNCTION statement. The maximum number is 2100.";
        return Err(Message::new(180, 15, 1, text));
    }
    let mut known: Vec<FunctionParameter> = Vec::new();
    for (at, parameter) in parameters.iter().enumerate() {
        if known.iter().any(|other| other.name.eq_ignore_ascii_case(&parameter.name)) {
            let text = format!(
                "The variable name '{}' has already been declared. Variable names must be unique within a query batch or stored procedure.",
                parameter.name
            );
            return Err(Message::new(134, 15, 2, text));
        }
        if parameter.default.as_ref().is_some_and(|default| !is_constant(default)) {
            return Err(errors::outside("a default of a parameter that is no constant"));
        }
        let column_type = types::declared(&parameter.sql_type, at + 1)?;
        // "All data types, …, are allowed except the timestamp data type."
        if column_type.sql_type == SqlType::RowVersion {
            return Err(errors::outside("the refusal of a parameter that is a timestamp"));
        }
        known.push(FunctionParameter { name: parameter.name.clone(), column_type, default: parameter.default.clone() });
    }
    Ok(known)
}

fn is_constant(value: &ast::Expr) -> bool {
    use ast::Expr;
    match value {
        Expr::Negate(value) => is_constant(value),
        Expr::Null | Expr::Integer(_) | Expr::Number(_) | Expr::Real(_) | Expr::Text { .. } | Expr::Binary(_) => true,
        _ => false,
    }
}

/// What a schema-bound function holds fast.
///
/// # Errors
/// 4512 for a table named otherwise than by two parts, 4513 for a view or function that is not schema-bound itself,
/// 2720 for one of the system's.
fn bound(
    database: &Database,
    name: &ObjectName,
    named: &[ObjectName],
    objects: Vec<Bound>,
) -> Result<Vec<Bound>, Message> {
    for read in named {
        if read
            .schema
            .as_deref()
            .is_some_and(|s| s.eq_ignore_ascii_case("sys") || s.eq_ignore_ascii_case("INFORMATION_SCHEMA"))
        {
            let text = format!(
                "Cannot schema bind function '{}' because it references system object '{}'.",
                name.written(),
                read.written()
            );
            return Err(Message::new(2720, 16, 1, text));
        }
        if read.schema.is_none() || read.database.is_some() {
            let text = format!(
                "Cannot schema bind function '{}' because name '{}' is invalid for schema binding. Names must be in two-part format and an object cannot reference itself.",
                name.written(),
                read.written()
            );
            return Err(Message::new(4512, 16, 3, text));
        }
    }
    for object in &objects {
        let fast = match database.object(object.object).map(|o| o.kind) {
            Some(ObjectKind::Table) => true,
            Some(ObjectKind::Function) => {
                database.functions.get(&object.object).is_some_and(|function| function.bound.is_some())
            }
            _ => false,
        };
        if !fast {
            let other = database.object_name(object.object).unwrap_or_default();
            let text = format!("Cannot schema bind function '{}'. '{other}' is not schema bound.", name.written());
            return Err(Message::new(4513, 16, 2, text));
        }
    }
    Ok(objects)
}
