//! Calls of functions that return a table: their query, with the arguments in the place of the parameters.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::catalog;
use super::super::errors;
use super::super::state::{Database, FunctionParameter, TableFunction};
use super::super::types;
use super::binder::{Binder, Bound, Compiled};
use super::operands::converted;
use super::sources::Object;
use emulator_ground::engine::Message;
use emulator_tsql::ast::{Expr, ObjectName, Query};

type Own = (Arc<Database>, Arc<TableFunction>);

/// Views and functions that one statement is read through, one within another and altogether, and bytes of an argument:
/// each stands in the text as often as it is used, which doubles with every level.
const DEEPEST: usize = 32;
const MOST: usize = 250;
const LONGEST: usize = 1 << 16;

impl Binder<'_> {
    /// A view or function without what is around it: scopes, common tables, variables, grouping. `guarded` when reading
    /// it needs SELECT.
    ///
    /// # Errors
    /// 4429 for one within itself.
    pub(super) fn through<T>(
        &mut self,
        object: (i32, i32),
        guarded: bool,
        inside: impl FnOnce(&mut Self) -> Result<T, Message>,
    ) -> Result<T, Message> {
        let database = self.state.database(object.0).cloned().ok_or_else(|| errors::internal("no such database"))?;
        if self.within.contains(&object) || self.being_made == Some(object) {
            let text = format!(
                "View or function '{}' contains a self-reference. Views or functions cannot reference themselves directly or indirectly.",
                database.object_name(object.1).unwrap_or_default()
            );
            return Err(Message::new(4429, 16, 1, text));
        }
        self.expansions += 1;
        if self.views.len() >= DEEPEST || self.expansions > MOST {
            return Err(errors::outside("views and functions nested so deep or used so often"));
        }
        if guarded && !self.chained(&database, object.1) {
            self.reads.entry(object).or_default();
        }
        self.within.push(object);
        self.views.push((object.0, database.object_owner(object.1)));
        self.homes.push((object.0, database.object_schema(object.1).unwrap_or(1)));
        let found = self.apart(inside);
        self.homes.pop();
        self.views.pop();
        self.within.pop();
        found
    }

    pub(super) fn apart<T>(&mut self, inside: impl FnOnce(&mut Self) -> Result<T, Message>) -> Result<T, Message> {
        let outer = (std::mem::take(&mut self.scopes), std::mem::take(&mut self.common));
        let (grouped, parameters) = (self.grouped.take(), self.parameters.take());
        let aggregates = (std::mem::take(&mut self.in_aggregate), std::mem::take(&mut self.saw_aggregate));
        let found = inside(self);
        (self.in_aggregate, self.saw_aggregate) = aggregates;
        (self.grouped, self.parameters) = (grouped, parameters);
        (self.scopes, self.common) = outer;
        found
    }

    /// The function that a name means, if one's own.
    pub(super) fn own_function(&self, name: &ObjectName) -> Result<Option<Own>, Message> {
        let database = self.named_database(name)?;
        Ok(match self.resolve(&database, name) {
            Some(Object::Function(function)) => Some((database, function)),
            _ => None,
        })
    }

    /// `name(arguments)`, the arguments bound in the current scopes; and what the result is called without an alias.
    pub(super) fn called(&mut self, name: &ObjectName, arguments: &[Expr]) -> Result<(Compiled, String), Message> {
        self.note_name(name);
        let Some((database, function)) = self.own_function(name)? else {
            let database = self.named_database(name)?;
            if self.resolve(&database, name).is_some() {
                let text = format!(
                    "Parameters supplied for object '{}' which is not a function. If the parameters are intended as a table hint, a WITH keyword is required.",
                    name.written()
                );
                return Err(Message::new(215, 16, 1, text));
            }
            if name.schema.is_none() || catalog::elsewhere::is_function(name.schema.as_deref(), &name.name) {
                return Err(errors::outside(&format!("the table function {}", name.name)));
            }
            return Err(errors::invalid_object(&name.written()));
        };
        // The mask would not go along with the value.
        let before = std::mem::take(&mut self.saw_masked);
        let bound = self.arguments(&function, name, arguments)?;
        self.refuse_masked("a masked column as the argument of a function")?;
        self.saw_masked = before;
        Ok((self.expanded(&database, &function, bound)?, function.name.clone()))
    }

    /// 313 for too few arguments, 8144 for too many.
    pub(super) fn arguments(
        &mut self,
        function: &TableFunction,
        name: &ObjectName,
        arguments: &[Expr],
    ) -> Result<Vec<Bound>, Message> {
        let short = || {
            let text = format!(
                "An insufficient number of arguments were supplied for the procedure or function {}.",
                name.written()
            );
            Message::new(313, 16, 3, text)
        };
        if arguments.len() < function.parameters.len() {
            return Err(short());
        }
        if arguments.len() > function.parameters.len() {
            let text = format!("Procedure or function {} has too many arguments specified.", name.written());
            return Err(Message::new(8144, 16, 3, text));
        }
        let mut bound = Vec::new();
        for (argument, parameter) in arguments.iter().zip(&function.parameters) {
            if super::calls::contains_aggregate(argument) || format!("{argument:?}").contains("over: Some(") {
                return Err(errors::outside("an aggregate or window function as the argument of a function"));
            }
            let value = match argument {
                Expr::Call(call) if call.name.name == "DEFAULT" => parameter.default.as_ref().ok_or_else(short)?,
                value => value,
            };
            let value = self.expression(value)?;
            types::check_implicit(value.sql_type, parameter.column_type.sql_type, value.is_null)?;
            if value.sql.len() > LONGEST {
                return Err(errors::outside("an argument of a function that becomes so long"));
            }
            bound.push(value);
        }
        Ok(bound)
    }

    pub(super) fn expanded(
        &mut self,
        database: &Database,
        function: &TableFunction,
        arguments: Vec<Bound>,
    ) -> Result<Compiled, Message> {
        let parameters = function.parameters.iter().zip(arguments).map(|(parameter, argument)| {
            let sql_type = parameter.column_type.sql_type;
            let sql = converted(&argument.sql, argument.sql_type, sql_type, "0", false);
            (parameter.name.to_lowercase(), Bound::new(sql, sql_type, true))
        });
        let parameters: BTreeMap<String, Bound> = parameters.collect();
        self.through((database.id, function.id), true, |this| {
            this.parameters = Some(parameters);
            this.query(&function.query)
        })
    }

    /// The query of a function that is being made: types alone matter.
    pub fn body_of_function(&mut self, parameters: &[FunctionParameter], query: &Query) -> Result<Compiled, Message> {
        let typed = parameters.iter().map(|parameter| {
            (parameter.name.to_lowercase(), Bound::new("NULL".to_owned(), parameter.column_type.sql_type, true))
        });
        self.parameters = Some(typed.collect());
        let compiled = self.module(query);
        self.parameters = None;
        compiled
    }
}
