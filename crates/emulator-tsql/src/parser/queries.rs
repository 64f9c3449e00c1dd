//! SELECT and what a FROM clause may hold.

use super::super::ast::{
    CommonTable, Expr, InsertSource, ObjectName, Query, Select, SelectItem, SetExpression, SetOperator, StatementKind,
    Top,
};
use super::super::lexer::Kind;
use super::{LONGEST_CHAIN, Parsed, Parser};

/// Words that end a table's name although they are not reserved.
pub(super) const AFTER_TABLE: &[&str] = &["WINDOW", "CROSS", "OUTER"];

impl Parser<'_> {
    /// `[WITH cte …] SELECT | INSERT | UPDATE | DELETE | MERGE`
    pub(super) fn query_or_cte_statement(&mut self) -> Parsed<StatementKind> {
        if self.sees("WITH") {
            let start = self.at;
            let context = self.sees_at(2, "(")
                && (self.sees_at(1, "XMLNAMESPACES") || self.sees_at(1, "CHANGE_TRACKING_CONTEXT"));
            let with = self.with_clause(context)?;
            if !self.sees("SELECT") && !self.sees("(") {
                let statement = self.modification_with(with)?;
                return if context { self.outside() } else { Ok(statement) };
            }
            if with.iter().any(|table| table.columns.iter().any(|column| column.is_empty())) {
                return Err(self.unexpected_at(start));
            }
            let mut query = self.query()?;
            query.with = with;
            if context {
                query.outside = Some("XMLNAMESPACES and CHANGE_TRACKING_CONTEXT");
            }
            return Ok(StatementKind::Select(query));
        }
        Ok(StatementKind::Select(self.query()?))
    }

    /// The statement after its common tables.
    fn modification_with(&mut self, tables: Vec<CommonTable>) -> Parsed<StatementKind> {
        if self.sees("MERGE") {
            return self.outside();
        }
        let start = self.at;
        let mut statement = match self.one_word(&["INSERT", "UPDATE", "DELETE"]) {
            Some("INSERT") => self.insert()?,
            Some("UPDATE") => self.update()?,
            Some(_) => self.delete()?,
            None => return Err(self.unexpected()),
        };
        let inside = match &mut statement {
            StatementKind::Insert { source: InsertSource::Query(query), .. } => {
                query.with = tables;
                true
            }
            StatementKind::Update { with, .. } | StatementKind::Delete { with, .. } => {
                *with = tables;
                self.max_recursion(start).is_none()
            }
            StatementKind::Outside(_) => true,
            _ => false,
        };
        if inside {
            return Ok(statement);
        }
        self.at = self.tokens.len();
        Ok(StatementKind::Outside("common tables before such a modification".into()))
    }

    fn one_word(&self, words: &[&'static str]) -> Option<&'static str> {
        words.iter().copied().find(|word| self.sees(word))
    }

    /// MAXRECURSION among the tokens since that one.
    fn max_recursion(&self, start: usize) -> Option<i64> {
        let since = self.tokens.get(start..self.at)?;
        let found = since.windows(2).find(|pair| {
            pair[0].text(self.source).eq_ignore_ascii_case("MAXRECURSION") && pair[1].kind == Kind::Integer
        })?;
        found[1].text(self.source).parse().ok()
    }

    /// `context` when XMLNAMESPACES or CHANGE_TRACKING_CONTEXT comes first.
    fn with_clause(&mut self, context: bool) -> Parsed<Vec<CommonTable>> {
        self.expect("WITH")?;
        if context {
            self.advance();
            self.balanced()?;
            if !self.eat(",") {
                return Ok(Vec::new());
            }
        }
        self.list(|p| {
            let name = p.name()?;
            let columns = p.optional_names()?;
            p.expect("AS")?;
            let query = p.in_parentheses(Self::subquery)?;
            Ok(CommonTable { name, columns, query })
        })
    }

    /// A query inside a statement; `WITH` is not allowed there.
    pub(super) fn subquery(&mut self) -> Parsed<Query> {
        self.deeper(|p| p.query())
    }

    pub(super) fn query(&mut self) -> Parsed<Query> {
        let body = self.set_expression()?;
        let mut query = Query {
            with: Vec::new(),
            body,
            order_by: Vec::new(),
            offset: None,
            fetch: None,
            outside: None,
            max_recursion: None,
        };
        if self.sees("ORDER") {
            query.order_by = self.order_by()?;
            if self.eat("OFFSET") {
                query.offset = Some(self.scalar()?);
                self.rows_word()?;
                if self.eat("FETCH") {
                    if self.one_of(&["NEXT", "FIRST"]).is_none() {
                        return Err(self.unexpected());
                    }
                    query.fetch = Some(self.scalar()?);
                    self.rows_word()?;
                    self.expect("ONLY")?;
                }
            }
        }
        if self.sees("FOR") && ["XML", "JSON", "BROWSE", "READ", "UPDATE"].iter().any(|word| self.sees_at(1, word)) {
            query.outside = Some(self.for_clause()?);
        }
        let start = self.at;
        query.outside = query.outside.or(self.query_hints()?);
        query.max_recursion = self.max_recursion(start);
        Ok(query)
    }

    fn rows_word(&mut self) -> Parsed<()> {
        self.one_of(&["ROW", "ROWS"]).map(|_| ()).ok_or_else(|| self.unexpected())
    }

    fn for_clause(&mut self) -> Parsed<&'static str> {
        self.advance();
        if self.eat("BROWSE") {
            return Ok("FOR BROWSE");
        }
        if self.eat("READ ONLY") {
            return Ok("FOR READ ONLY");
        }
        if self.eat("UPDATE") {
            if self.eat("OF") {
                self.names()?;
            }
            return Ok("FOR UPDATE");
        }
        let xml = self.eat("XML");
        if !xml {
            self.expect("JSON")?;
        }
        let modes: &[&'static str] = if xml { &["RAW", "AUTO", "EXPLICIT", "PATH"] } else { &["AUTO", "PATH"] };
        if self.one_of(modes).is_none() {
            return Err(self.unexpected());
        }
        if self.sees("(") {
            self.in_parentheses(Self::string)?;
        }
        let mut seen = Vec::new();
        while self.eat(",") {
            let options: &[&'static str] = if xml {
                &["ELEMENTS", "TYPE", "ROOT", "XMLDATA", "XMLSCHEMA", "BINARY"]
            } else {
                &["ROOT", "INCLUDE_NULL_VALUES", "WITHOUT_ARRAY_WRAPPER"]
            };
            let Some(option) = self.one_of(options) else { return Err(self.unexpected()) };
            let clash = option == "ROOT" && seen.contains(&"WITHOUT_ARRAY_WRAPPER")
                || option == "WITHOUT_ARRAY_WRAPPER" && seen.contains(&"ROOT");
            if seen.contains(&option) || clash {
                return Err(self.unexpected());
            }
            seen.push(option);
            match option {
                "BINARY" => self.expect("BASE64")?,
                "ELEMENTS" => _ = self.one_of(&["XSINIL", "ABSENT"]),
                _ => {}
            }
            if self.sees("(") {
                self.in_parentheses(Self::string)?;
            }
        }
        Ok(if xml { "FOR XML" } else { "FOR JSON" })
    }

    fn set_expression(&mut self) -> Parsed<SetExpression> {
        let mut left = self.intersection()?;
        for _ in 0..LONGEST_CHAIN {
            let operator = match self.one_of(&["UNION", "EXCEPT"]) {
                Some("UNION") if self.eat("ALL") => SetOperator::UnionAll,
                Some("UNION") => SetOperator::Union,
                Some(_) if self.eat("ALL") => SetOperator::ExceptAll,
                Some(_) => SetOperator::Except,
                None => return Ok(left),
            };
            let right = self.intersection()?;
            left = SetExpression::Combined { operator, left: Box::new(left), right: Box::new(right) };
        }
        Err(self.too_deep())
    }

    fn intersection(&mut self) -> Parsed<SetExpression> {
        let mut left = self.select_or_parenthesis()?;
        for _ in 0..LONGEST_CHAIN {
            if !self.eat("INTERSECT") {
                return Ok(left);
            }
            let operator = if self.eat("ALL") { SetOperator::IntersectAll } else { SetOperator::Intersect };
            let right = Box::new(self.select_or_parenthesis()?);
            left = SetExpression::Combined { operator, left: Box::new(left), right };
        }
        Err(self.too_deep())
    }

    fn select_or_parenthesis(&mut self) -> Parsed<SetExpression> {
        if self.sees("(") {
            let inner = self.in_parentheses(Self::subquery)?;
            return Ok(SetExpression::Query(Box::new(inner)));
        }
        Ok(SetExpression::Select(Box::new(self.deeper(Self::select)?)))
    }

    fn select(&mut self) -> Parsed<Select> {
        self.expect("SELECT")?;
        let mut select = Select::default();
        if let Some("DISTINCT") = self.one_of(&["DISTINCT", "ALL"]) {
            select.distinct = true
        }
        if self.sees("TOP") {
            select.top = Some(self.top()?);
        }
        select.items = self.list(Self::select_item)?;
        if self.eat("INTO") {
            select.into = Some(self.object_name()?);
            if self.eat("ON") {
                self.name_or_string()?;
                select.outside = Some("INTO … ON a filegroup");
            }
        }
        if self.eat("FROM") {
            select.from = self.list(Self::table_source)?;
        }
        if self.eat("WHERE") {
            select.filter = Some(self.predicate()?);
        }
        if self.eat("GROUP") {
            self.expect("BY")?;
            self.group_by(&mut select)?;
        }
        if self.eat("HAVING") {
            select.having = Some(self.predicate()?);
        }
        if self.sees("WINDOW") && self.name_at(1) && self.sees_at(2, "AS") {
            self.advance();
            self.list(|p| {
                p.name()?;
                p.expect("AS")?;
                p.balanced()
            })?;
            select.outside = Some("the WINDOW clause");
        }
        Ok(select)
    }

    fn group_by(&mut self, select: &mut Select) -> Parsed<()> {
        let all = self.eat("ALL");
        let words = ["ROLLUP", "CUBE", "GROUPING"];
        select.group_by = self.list(|p| {
            if words.iter().any(|word| p.sees(word)) && (p.sees_at(1, "(") || p.sees_at(1, "SETS")) {
                p.advance();
                p.eat("SETS");
                p.balanced()?;
                return Ok(Expr::Outside("ROLLUP, CUBE and GROUPING SETS"));
            }
            if p.sees("( )") {
                p.at += 2;
                return Ok(Expr::Outside("ROLLUP, CUBE and GROUPING SETS"));
            }
            let value = p.scalar()?;
            if p.sees("WITH (") {
                p.advance();
                p.balanced()?;
                return Ok(Expr::Outside("DISTRIBUTED_AGG"));
            }
            Ok(value)
        })?;
        if self.eat("WITH") {
            let word = self.one_of(&["ROLLUP", "CUBE"]);
            if word.is_none() || all {
                return Err(self.unexpected());
            }
            select.outside = Some("ROLLUP, CUBE and GROUPING SETS");
        }
        if all {
            select.outside = Some("GROUP BY ALL");
        }
        Ok(())
    }

    pub(super) fn top(&mut self) -> Parsed<Top> {
        self.expect("TOP")?;
        let count = if self.sees("( SELECT") {
            Expr::Subquery(Box::new(self.in_parentheses(Self::subquery)?))
        } else if self.sees("(") {
            self.in_parentheses(Self::scalar)?
        } else if self.kind() == Some(Kind::Variable) {
            Expr::Variable(self.variable()?)
        } else {
            match self.kind() {
                Some(Kind::Integer | Kind::Number | Kind::Real) => {
                    let text = self.text(0).to_owned();
                    self.advance();
                    text.parse().map_or(Expr::Number(text), Expr::Integer)
                }
                _ => return Err(self.unexpected()),
            }
        };
        let percent = self.eat("PERCENT");
        let with_ties = self.eat("WITH TIES");
        Ok(Top { count, percent, with_ties })
    }

    pub(super) fn select_item(&mut self) -> Parsed<SelectItem> {
        if self.eat("*") {
            return Ok(SelectItem::All(None));
        }
        if self.kind() == Some(Kind::Variable)
            && !self.text(0).starts_with("@@")
            && let Some(operator) = self.assignment_at(1)
        {
            let variable = self.variable()?;
            self.advance();
            return Ok(SelectItem::Assign { variable, operator: operator.0, value: self.scalar()? });
        }
        if let Some(qualifier) = self.qualified_star()? {
            return Ok(SelectItem::All(Some(qualifier)));
        }
        // `alias = expression`
        if (self.sees_name() || self.sees_string()) && self.sees_at(1, "=") {
            let alias = Some(self.name_or_string()?);
            self.advance();
            return Ok(SelectItem::Expr { value: self.scalar()?, alias });
        }
        let value = self.scalar()?;
        let aliased = self.eat("AS") || self.sees_string() || (self.sees_name() && !self.begins_outside_word());
        let alias = if aliased { Some(self.name_or_string()?) } else { None };
        Ok(SelectItem::Expr { value, alias })
    }

    /// THROW after an expression begins a statement rather than naming a column.
    fn begins_outside_word(&self) -> bool {
        self.sees("WINDOW") && self.name_at(1) && self.sees_at(2, "AS")
    }

    /// `t.*`, `dbo.t.*`
    fn qualified_star(&mut self) -> Parsed<Option<ObjectName>> {
        let dots = (0..).take_while(|ahead| self.sees_at(*ahead, ".")).count();
        let mut ahead = dots;
        while self.name_at(ahead) && self.sees_at(ahead + 1, ".") {
            ahead += 2;
            if self.sees_at(ahead, "*") {
                self.at += dots;
                let mut parts: Vec<String> = Vec::new();
                while !self.eat("*") {
                    parts.push(self.name()?);
                    self.expect(".")?;
                }
                let name = parts.pop().unwrap_or_default();
                return Ok(Some(ObjectName { name, schema: parts.pop(), database: parts.pop(), server: None }));
            }
        }
        Ok(None)
    }
}
