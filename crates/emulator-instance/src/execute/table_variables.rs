//! DECLARE and INSERT of table variables.

use std::sync::Arc;

use super::super::errors;
use super::super::table_variables::{TableVariable, undeclared};
use super::super::types;
use super::{Flow, Kind, Run};
use emulator_ground::engine::{Message, Outcome};
use emulator_ground::value::{Column, SqlType, Value};
use emulator_tsql::ast::{ColumnDefinition, Rows};

impl Run<'_> {
    /// 134 for a name that is taken.
    pub(super) fn declare_table(&mut self, name: &str, columns: &[ColumnDefinition]) -> Result<(), Message> {
        let key = name.to_lowercase();
        if self.variables.contains_key(&key) || self.session.tables.contains_key(&key) {
            let text = format!(
                "The variable name '{name}' has already been declared. Variable names must be unique within a query batch or stored procedure."
            );
            return Err(Message::new(134, 15, 2, text));
        }
        let mut declared = Vec::new();
        for (number, column) in (1..).zip(columns) {
            let of = column.sql_type.as_ref().ok_or_else(|| errors::outside("computed columns of table variables"))?;
            let of = types::declared(of, number)?;
            if matches!(
                of.name,
                "text" | "ntext" | "image" | "timestamp" | "geometry" | "geography" | "hierarchyid" | "json"
            ) {
                return Err(errors::outside(&format!("columns of type {} in table variables", of.name)));
            }
            // sysname takes no NULL unless it is said.
            let nullable = column.nullable.unwrap_or(of.name != "sysname");
            declared.push(Column { name: column.name.clone(), sql_type: of.sql_type, nullable, identity: false });
        }
        let table = TableVariable { columns: declared, rows: Vec::new() };
        Arc::make_mut(&mut self.session.tables).insert(key, Arc::new(table));
        Ok(())
    }

    pub(super) fn insert_into_variable(&mut self, name: &str, columns: &[String], rows: &Rows) -> Result<(), Message> {
        let key = name.to_lowercase();
        if !self.session.tables.contains_key(&key) {
            return Err(undeclared(name));
        }
        let given = self.rows_of(rows)?;
        let count = given.len();
        let tables = Arc::make_mut(&mut self.session.tables);
        let table = tables.get_mut(&key).ok_or_else(|| undeclared(name))?;
        Arc::make_mut(table).insert(name, columns, given)?;
        self.session.row_count = i64::try_from(count).unwrap_or(i64::MAX);
        self.done(Kind::Insert, Some(count as u64));
        Ok(())
    }

    fn rows_of(&mut self, rows: &Rows) -> Result<Vec<Vec<(SqlType, Value)>>, Message> {
        let typed = |columns: &[Column], rows: Vec<Vec<Value>>| -> Vec<Vec<(SqlType, Value)>> {
            let row = |row: Vec<Value>| columns.iter().map(|column| column.sql_type).zip(row).collect();
            rows.into_iter().map(row).collect()
        };
        match rows {
            Rows::Values(rows) => {
                let mut found = Vec::new();
                for row in rows {
                    found.push(row.iter().map(|value| self.value(value)).collect::<Result<Vec<_>, _>>()?);
                }
                Ok(found)
            }
            Rows::Query(query) => {
                let variables = &self.variables;
                let found = self.session.read(self.cancel, |work| work.select(query, variables))?;
                if found.assigns.iter().any(Option::is_some) {
                    return Err(errors::outside("an assignment in the query of an INSERT"));
                }
                Ok(typed(&found.columns, found.rows))
            }
            Rows::Execute(call) => {
                // What it returns comes here and not to the client; what it says goes there.
                let (mut found, mut said) = (Vec::new(), Vec::new());
                let mut keep = |outcome| match outcome {
                    Outcome::Rows { columns, rows } => found.extend(typed(&columns, rows)),
                    Outcome::Message(message) => said.push(message),
                    _ => {}
                };
                let mut inner = Run {
                    session: &mut *self.session,
                    cancel: self.cancel,
                    out: &mut keep,
                    variables: std::mem::take(&mut self.variables),
                    tries: self.tries,
                    depth: self.depth,
                };
                let flow = inner.dispatch(call);
                self.variables = std::mem::take(&mut inner.variables);
                said.into_iter().for_each(|message| (self.out)(Outcome::Message(message)));
                match flow? {
                    Flow::Next => Ok(found),
                    _ => Err(errors::outside("INSERT of a text that failed")),
                }
            }
        }
    }
}
