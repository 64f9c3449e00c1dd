//! Functions that return a table by one query. Those made of statements, and of other languages, are outside the subset.

use super::super::ast::{FunctionParameter, Query, StatementKind};
use super::views::is_of_a_table;
use super::{Parsed, Parser};

impl Parser<'_> {
    pub(super) fn create_function(&mut self, start: usize, alter: bool) -> Parsed<StatementKind> {
        let before = self.at;
        if !self.inline_function_ahead()? {
            self.at = before;
            return self.outside_object(if alter { "ALTER" } else { "CREATE" });
        }
        self.at = before;
        let change = self.module_change(start, alter, "FUNCTION")?;
        let name = self.module_name("CREATE FUNCTION")?;
        if name.name.starts_with('#') {
            return Err(self.unexpected_at(start));
        }
        let mut outside = false;
        self.expect("(")?;
        let mut parameters = Vec::new();
        if !self.sees(")") {
            parameters = self.list(|p| p.function_parameter(&mut outside))?;
        }
        self.expect(") RETURNS TABLE")?;
        let mut schema_bound = false;
        if self.eat("WITH") {
            self.list(|p| {
                if p.eat("SCHEMABINDING") {
                    schema_bound = true;
                    return Ok(());
                }
                outside = true;
                let known = ["ENCRYPTION", "CALLED ON NULL INPUT", "RETURNS NULL ON NULL INPUT", "NATIVE_COMPILATION"];
                if known.iter().any(|option| p.eat(option)) { Ok(()) } else { Err(p.unexpected()) }
            })?;
        }
        _ = self.eat("AS");
        self.expect("RETURN")?;
        let query =
            if self.sees("( WITH") { self.in_parentheses(Self::function_query)? } else { self.function_query()? };
        self.end_of_module()?;
        if !is_of_a_table(&query) {
            return Err(self.unexpected_at(start)); // 1033, 1062
        }
        if outside || query.outside.is_some() {
            return Ok(StatementKind::Outside("options of a function".to_owned()));
        }
        let text = self.as_created(start);
        Ok(StatementKind::CreateFunction { name, parameters, schema_bound, query, change, text })
    }

    fn function_query(&mut self) -> Parsed<Query> {
        if self.sees("WITH CHANGE_TRACKING_CONTEXT") {
            return Err(self.unexpected());
        }
        match self.query_or_cte_statement()? {
            StatementKind::Select(query) => Ok(query),
            _ => Err(self.unexpected()),
        }
    }

    /// Whether `FUNCTION name (…) RETURNS TABLE` follows without the columns of functions in other languages.
    fn inline_function_ahead(&mut self) -> Parsed<bool> {
        _ = self.eat("OR ALTER");
        self.expect("FUNCTION")?;
        if !self.sees_name() && !self.sees(".") {
            return Ok(false);
        }
        self.object_name()?;
        if !self.sees("(") {
            return Ok(false);
        }
        self.balanced()?;
        Ok(self.sees("RETURNS TABLE") && !self.sees_at(2, "("))
    }

    /// `@name [AS] type [= default]`
    fn function_parameter(&mut self, outside: &mut bool) -> Parsed<FunctionParameter> {
        let name = self.variable()?;
        _ = self.eat("AS");
        let sql_type = self.type_name()?;
        *outside |= self.eat("NULL") || self.eat("NOT NULL");
        let default = if self.eat("=") { Some(self.scalar()?) } else { None };
        *outside |= self.eat("READONLY");
        Ok(FunctionParameter { name, sql_type, default })
    }
}
