//! INSERT, UPDATE, DELETE, TRUNCATE.

use super::super::ast::{Assignment, BinaryOperator, Expr, InsertSource, ObjectName, Rows, SelectItem, StatementKind};
use super::super::lexer::Kind;
use super::{Parsed, Parser};

impl Parser<'_> {
    pub(super) fn insert(&mut self) -> Parsed<StatementKind> {
        self.expect("INSERT")?;
        if self.sees("BULK") {
            return self.outside();
        }
        let top = self.sees("TOP");
        if top {
            self.top()?;
        }
        self.eat("INTO");
        if self.kind() == Some(Kind::Variable) && !top {
            return self.insert_into_variable();
        }
        if self.kind() == Some(Kind::Variable) || self.reserved(0).is_some_and(|word| word.starts_with("OPEN")) {
            return self.outside();
        }
        let table = self.object_name()?;
        let of_function = self.sees("(") && !self.begins_query() && !self.columns_ahead();
        if of_function {
            self.balanced()?;
        }
        let hint = self.modification_hints()?;
        let mut columns = Some(Vec::new());
        if self.sees("(") && !self.begins_query() {
            columns = self.insert_columns()?;
        }
        let Some(columns) = columns.filter(|_| !of_function) else { return self.outside() };
        let Some(output) = self.output_clause()? else { return self.outside() };
        if top || hint.is_some() || self.sees("EXEC") || self.sees("EXECUTE") {
            return self.outside();
        }
        let source = if self.eat("DEFAULT") {
            self.expect("VALUES")?;
            InsertSource::DefaultValues
        } else if self.eat("VALUES") {
            InsertSource::Values(self.list(|p| {
                p.in_parentheses(|p| p.list(|p| if p.eat("DEFAULT") { Ok(None) } else { p.scalar().map(Some) }))
            })?)
        } else if self.begins_query() {
            let query = self.query()?;
            if has_into(&query.body) {
                return Err(self.unexpected());
            }
            InsertSource::Query(Box::new(query))
        } else {
            return Err(self.unexpected());
        };
        if self.query_hints()?.is_some() {
            return self.outside();
        }
        Ok(StatementKind::Insert { table, columns, output, source })
    }

    /// Into `@table`: values, a query, or what EXECUTE returns.
    fn insert_into_variable(&mut self) -> Parsed<StatementKind> {
        let table = self.variable()?;
        let mut columns = Vec::new();
        if self.sees("(") && !self.begins_query() {
            let Some(named) = self.insert_columns()? else { return self.outside() };
            columns = named;
        }
        let rows = if self.eat("VALUES") {
            Rows::Values(self.list(|p| {
                p.in_parentheses(|p| {
                    p.list(
                        |p| if p.eat("DEFAULT") { Ok(Expr::Outside("DEFAULT in table variables")) } else { p.scalar() },
                    )
                })
            })?)
        } else if self.sees("EXEC") || self.sees("EXECUTE") {
            match self.execute()? {
                outside @ StatementKind::Outside(_) => return Ok(outside),
                StatementKind::ExecuteAs { .. } | StatementKind::Empty => return Err(self.unexpected()),
                call => Rows::Execute(Box::new(call)),
            }
        } else if self.begins_query() {
            let query = self.query()?;
            if has_into(&query.body) {
                return Err(self.unexpected());
            }
            Rows::Query(Box::new(query))
        } else {
            return self.outside();
        };
        if self.query_hints()?.is_some() {
            return self.outside();
        }
        Ok(StatementKind::InsertVariable { table, columns, rows })
    }

    fn columns_ahead(&self) -> bool {
        self.name_at(1) || self.sees_at(1, ".") || self.token(1).is_some_and(|t| t.kind == Kind::Pseudo)
    }

    /// `(a, b)`; `None` where one is more than a column's name.
    fn insert_columns(&mut self) -> Parsed<Option<Vec<String>>> {
        let names = self.in_parentheses(|p| {
            p.list(|p| {
                if p.kind() == Some(Kind::Pseudo) {
                    p.advance();
                    return Ok(None);
                }
                let mut parts = 0;
                let mut dots = 0;
                let mut last = String::new();
                loop {
                    if p.eat(".") {
                        dots += 1;
                    } else if p.sees_name() && parts <= dots {
                        last = p.name()?;
                        parts += 1;
                    } else {
                        break;
                    }
                }
                match (parts, dots) {
                    (0, _) => Err(p.unexpected()),
                    (1, 0) => Ok(Some(last)),
                    _ => Ok(None),
                }
            })
        })?;
        Ok(names.into_iter().collect())
    }

    pub(super) fn update(&mut self) -> Parsed<StatementKind> {
        self.expect("UPDATE")?;
        if self.sees("STATISTICS") {
            self.advance();
            self.object_name()?;
            return self.outside();
        }
        let (top, top_outside) = self.modification_top()?;
        let table = self.modified_table()?;
        self.expect("SET")?;
        let mut outside = table.is_none();
        let set = self.list(|p| match p.assignment()? {
            Some(assignment) => Ok(assignment),
            None => {
                outside = true;
                Ok(Assignment { prefix: None, column: String::new(), value: None })
            }
        })?;
        let output = self.output_clause()?;
        let Some(output) = output.filter(|_| !outside && !top_outside) else { return self.outside() };
        let from = if self.eat("FROM") { self.list(Self::table_source)? } else { Vec::new() };
        let filter = self.modification_filter()?;
        let Some((filter, table)) = filter.zip(table) else { return self.outside() };
        Ok(StatementKind::Update { with: Vec::new(), table, top, set, output, from, filter })
    }

    /// TOP of UPDATE and DELETE, and whether it is outside: PERCENT; WITH TIES and a number without parentheses, which the
    /// grammar of those statements does not have.
    fn modification_top(&mut self) -> Parsed<(Option<Expr>, bool)> {
        if !self.sees("TOP") {
            return Ok((None, false));
        }
        let bare = !self.sees_at(1, "(");
        let top = self.top()?;
        Ok((Some(top.count), bare || top.percent || top.with_ties))
    }

    pub(super) fn delete(&mut self) -> Parsed<StatementKind> {
        self.expect("DELETE")?;
        let (top, top_outside) = self.modification_top()?;
        self.eat("FROM");
        let Some(table) = self.modified_table()? else { return self.outside() };
        let output = self.output_clause()?;
        let Some(output) = output.filter(|_| !top_outside) else { return self.outside() };
        let from = if self.eat("FROM") { self.list(Self::table_source)? } else { Vec::new() };
        let Some(filter) = self.modification_filter()? else { return self.outside() };
        Ok(StatementKind::Delete { with: Vec::new(), table, top, output, from, filter })
    }

    /// `OUTPUT inserted.a, deleted.*`, empty where none is written; `None` with INTO and `$action`.
    fn output_clause(&mut self) -> Parsed<Option<Vec<SelectItem>>> {
        if !self.eat("OUTPUT") {
            return Ok(Some(Vec::new()));
        }
        let start = self.at;
        let items = self.list(Self::select_item)?;
        if items.iter().any(|item| matches!(item, SelectItem::All(None) | SelectItem::Assign { .. })) {
            return Err(self.unexpected_at(start));
        }
        if self.sees("INTO") || self.sees("OUTPUT") {
            return Ok(None);
        }
        Ok(Some(items))
    }

    /// The target; `None` for table variables, OPENROWSET, functions, and hints outside the subset.
    fn modified_table(&mut self) -> Parsed<Option<ObjectName>> {
        if self.kind() == Some(Kind::Variable) {
            self.variable()?;
            return Ok(None);
        }
        if self.reserved(0).is_some_and(|word| word.starts_with("OPEN")) {
            self.advance();
            self.balanced()?;
            return Ok(None);
        }
        let table = self.object_name()?;
        let of_function = self.sees("(");
        if of_function {
            self.balanced()?;
        }
        let hint = self.modification_hints()?;
        Ok(Some(table).filter(|_| hint.is_none() && !of_function))
    }

    /// `WHERE …`; `Some(None)` without one, `None` for WHERE CURRENT OF and hints outside the subset.
    #[allow(clippy::option_option, reason = "three answers, named in the line above")]
    fn modification_filter(&mut self) -> Parsed<Option<Option<super::super::ast::Predicate>>> {
        let mut filter = None;
        if self.eat("WHERE") {
            if self.eat("CURRENT") {
                self.expect("OF")?;
                return Ok(None);
            }
            filter = Some(self.predicate()?);
        }
        Ok(if self.query_hints()?.is_none() { Some(filter) } else { None })
    }

    /// `column = value`, `column += value`; `None` for `@v = …` and method calls, which are outside the subset.
    fn assignment(&mut self) -> Parsed<Option<Assignment>> {
        if self.kind() == Some(Kind::Variable) {
            self.variable()?;
            if self.assignment_at(0).is_none() {
                return Err(self.unexpected());
            }
            self.advance();
            // A column too gets the value; of the parts of its name any may be empty.
            let start = self.at;
            let both = self.object_name().is_ok() && self.assignment_at(0).is_some();
            self.at = if both { self.at + 1 } else { start };
            if both && self.eat("DEFAULT") {
                return Ok(None);
            }
            self.scalar()?;
            return Ok(None);
        }
        if self.kind() == Some(Kind::Pseudo) {
            self.advance();
            self.expect("=")?;
            self.scalar()?;
            return Ok(None);
        }
        let name = self.object_name()?;
        let mut property = false;
        while self.eat(".") {
            self.name()?;
            property = true;
        }
        if self.sees("(") {
            self.balanced()?;
            return Ok(None);
        }
        if property {
            self.expect("=")?;
            self.scalar()?;
            return Ok(None);
        }
        let Some((operator,)) = self.assignment_at(0) else { return Err(self.unexpected()) };
        self.advance();
        if self.eat("DEFAULT") {
            return Ok(Some(Assignment { prefix: name.schema, column: name.name, value: None }));
        }
        let mut value = self.scalar()?;
        if let Some(operator) = operator {
            let left = Box::new(Expr::Column(ObjectName::plain(name.name.clone())));
            value = Expr::Operation { operator, left, right: Box::new(value) };
        }
        Ok(Some(Assignment { prefix: name.schema, column: name.name, value: Some(value) }))
    }

    /// `=` or a compound assignment at that token; the operator of the latter.
    pub(super) fn assignment_at(&self, ahead: usize) -> Option<(Option<BinaryOperator>,)> {
        if self.token(ahead).is_none_or(|t| t.kind != Kind::Sign) {
            return None;
        }
        match self.text(ahead) {
            "=" => Some((None,)),
            "+=" => Some((Some(BinaryOperator::Add),)),
            "-=" => Some((Some(BinaryOperator::Subtract),)),
            "*=" => Some((Some(BinaryOperator::Multiply),)),
            "/=" => Some((Some(BinaryOperator::Divide),)),
            "%=" => Some((Some(BinaryOperator::Modulo),)),
            "&=" => Some((Some(BinaryOperator::And),)),
            "|=" => Some((Some(BinaryOperator::Or),)),
            "^=" => Some((Some(BinaryOperator::Xor),)),
            "||=" => Some((Some(BinaryOperator::Concatenate),)),
            _ => None,
        }
    }

    pub(super) fn truncate(&mut self) -> Parsed<StatementKind> {
        self.expect("TRUNCATE TABLE")?;
        let table = self.table_name()?;
        if self.sees("WITH (") {
            return self.outside();
        }
        Ok(StatementKind::Truncate(table))
    }
}

fn has_into(body: &super::super::ast::SetExpression) -> bool {
    use super::super::ast::SetExpression;
    match body {
        SetExpression::Select(select) => select.into.is_some(),
        SetExpression::Query(query) => has_into(&query.body),
        SetExpression::Combined { left, right, .. } => has_into(left) || has_into(right),
    }
}
