//! SELECT and what a FROM clause may hold.

use super::super::ast::{
    CommonTable, Expr, InsertSource, JoinKind, ObjectName, Query, Select, SelectItem, SetExpression, SetOperator,
    StatementKind, TableSource, Top,
};
use super::super::lexer::Kind;
use super::hints::TableHints;
use super::{LONGEST_CHAIN, Parsed, Parser};

/// Words that end a table's name although they are not reserved.
const AFTER_TABLE: &[&str] = &["WINDOW", "CROSS", "OUTER"];

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

    pub(super) fn table_source(&mut self) -> Parsed<TableSource> {
        let mut left = self.table_primary()?;
        for _ in 0..LONGEST_CHAIN {
            let mut hinted = false;
            let kind = if self.eat("CROSS APPLY") {
                JoinKind::CrossApply
            } else if self.eat("OUTER APPLY") {
                JoinKind::OuterApply
            } else if self.eat("CROSS JOIN") {
                JoinKind::Cross
            } else if let Some((kind, hint)) = self.join_words()? {
                hinted = hint;
                kind
            } else {
                return Ok(left);
            };
            let right = match kind {
                JoinKind::Cross | JoinKind::CrossApply | JoinKind::OuterApply => self.table_primary()?,
                // `a JOIN b JOIN c ON … ON …`: the inner join is read first.
                _ => self.deeper(Self::table_source_until_on)?,
            };
            let on = match kind {
                JoinKind::Cross | JoinKind::CrossApply | JoinKind::OuterApply => None,
                _ => {
                    self.expect("ON")?;
                    Some(self.predicate()?)
                }
            };
            left = if hinted {
                TableSource::Outside("join hints that may leave no plan")
            } else {
                TableSource::Join { kind, left: Box::new(left), right: Box::new(right), on }
            };
        }
        Err(self.too_deep())
    }

    fn table_source_until_on(&mut self) -> Parsed<TableSource> {
        if self.joins_follow_before_on() { self.table_source() } else { self.table_primary() }
    }

    /// Looks ahead for another JOIN before this join's ON.
    fn joins_follow_before_on(&self) -> bool {
        let mut depth = 0usize;
        for ahead in 0..self.tokens.len().saturating_sub(self.at) {
            match self.text(ahead).to_ascii_uppercase().as_str() {
                "(" => depth += 1,
                ")" if depth == 0 => return false,
                ")" => depth -= 1,
                "ON" if depth == 0 => return false,
                "JOIN" if depth == 0 => return true,
                "WHERE" | "SELECT" | "GROUP" | "ORDER" | ";" if depth == 0 => return false,
                _ => {}
            }
        }
        false
    }

    fn table_primary(&mut self) -> Parsed<TableSource> {
        if self.sees("(") {
            return self.derived_table();
        }
        if self.eat("{ OJ") {
            let joined = self.deeper(Self::table_source)?;
            self.expect("}")?;
            return Ok(joined);
        }
        if self.kind() == Some(Kind::Variable) {
            let name = self.variable()?;
            let method = self.eat(".");
            if method {
                self.name()?;
                self.balanced()?;
            }
            let alias = self.optional_alias()?;
            let named = !self.optional_names()?.is_empty();
            if method || named {
                return Ok(TableSource::Outside("methods of variables"));
            }
            return Ok(TableSource::Variable { name, alias });
        }
        if self.kind() == Some(Kind::Sign) && self.sees("::") {
            self.advance();
        }
        let semantic = ["SEMANTICKEYPHRASETABLE", "SEMANTICSIMILARITYDETAILSTABLE", "SEMANTICSIMILARITYTABLE"];
        if self.one_of(&semantic).is_some() {
            self.balanced()?;
            self.optional_alias()?;
            return Ok(TableSource::Outside("semantic search"));
        }
        if let Some(word) =
            self.one_of(&["OPENROWSET", "OPENQUERY", "OPENDATASOURCE", "OPENXML", "CONTAINSTABLE", "FREETEXTTABLE"])
        {
            if self.sees("( )") {
                return Err(self.unexpected());
            }
            self.balanced()?;
            if word == "OPENDATASOURCE" {
                while self.eat(".") {
                    if !self.sees(".") {
                        self.name_or_string()?;
                    }
                }
            }
            if self.sees("WITH (") {
                self.advance();
                self.balanced()?;
            }
            self.optional_alias()?;
            self.optional_names()?;
            return Ok(TableSource::Outside("OPENROWSET and its kin"));
        }
        let name = self.object_name()?;
        if self.sees("(") && !self.sees("( NOLOCK )") {
            return self.table_function(name);
        }
        let (mut outside, mut hints) = (None, TableHints::default());
        if self.sees("FOR SYSTEM_TIME") {
            self.at += 2;
            self.system_time()?;
            outside = Some("FOR SYSTEM_TIME");
        }
        if self.sees("FOR PATH") {
            self.at += 2;
            outside = Some("graph queries");
        }
        if self.sees("( NOLOCK ) AS") {
            self.table_hints(&mut hints)?;
        }
        let alias = self.optional_alias()?;
        if self.sees("TABLESAMPLE") {
            self.advance();
            self.eat("SYSTEM");
            self.balanced()?;
            if self.eat("REPEATABLE") {
                self.balanced()?;
            }
            outside = Some("TABLESAMPLE");
        }
        self.table_hints(&mut hints)?;
        if self.sees("PIVOT") || self.sees("UNPIVOT") {
            self.advance();
            self.balanced()?;
            self.optional_alias()?;
            outside = Some("PIVOT and UNPIVOT");
        }
        let holds = hints.holds;
        Ok(outside.or(hints.outside).map_or(TableSource::Table { name, alias, holds }, TableSource::Outside))
    }

    fn table_function(&mut self, name: ObjectName) -> Parsed<TableSource> {
        self.expect("(")?;
        let mut arguments = Vec::new();
        if self.sees(")") && name.name.eq_ignore_ascii_case("OPENJSON") {
            return Err(self.unexpected());
        }
        if !self.sees(")") {
            let upper = name.name.to_ascii_uppercase();
            if ["PREDICT", "CHANGETABLE", "AI_GENERATE_CHUNKS", "VECTOR_SEARCH", "OPENJSON"].contains(&upper.as_str()) {
                return self.special_table_function(&upper);
            }
            arguments = self.list(|p| {
                if p.eat("DEFAULT") {
                    return Ok(Expr::Call(Box::new(super::super::ast::Call {
                        name: ObjectName::plain("DEFAULT"),
                        ..Default::default()
                    })));
                }
                p.scalar()
            })?;
        }
        self.expect(")")?;
        if self.sees("FOR SYSTEM_TIME") {
            return Err(self.unexpected());
        }
        let with = self.sees("WITH (");
        if with {
            self.advance();
            self.balanced()?;
        }
        let alias = self.optional_alias()?;
        let columns = self.optional_names()?;
        if with {
            return Ok(TableSource::Outside("WITH after a table function"));
        }
        Ok(TableSource::Function { name, arguments, alias, columns })
    }

    /// Table functions with a grammar of their own: read as far as their outline goes.
    fn special_table_function(&mut self, name: &str) -> Parsed<TableSource> {
        self.at -= 1;
        self.balanced()?;
        if self.sees("WITH") {
            self.advance();
            self.balanced()?;
        }
        self.optional_alias()?;
        self.optional_names()?;
        Ok(TableSource::Outside(match name {
            "OPENJSON" => "OPENJSON",
            "PREDICT" => "PREDICT",
            _ => "CHANGETABLE and vector search",
        }))
    }

    fn system_time(&mut self) -> Parsed<()> {
        if self.eat("ALL") {
            return Ok(());
        }
        if self.eat("AS OF") {
            return self.scalar().map(|_| ());
        }
        if self.eat("FROM") {
            self.scalar()?;
            self.expect("TO")?;
            return self.scalar().map(|_| ());
        }
        if self.eat("BETWEEN") {
            self.scalar()?;
            self.expect("AND")?;
            return self.scalar().map(|_| ());
        }
        self.expect("CONTAINED IN")?;
        self.balanced()
    }

    fn derived_table(&mut self) -> Parsed<TableSource> {
        let values = self.sees("( VALUES");
        if ["INSERT", "UPDATE", "DELETE", "MERGE"].iter().any(|word| self.sees_at(1, word)) {
            self.balanced()?;
            self.eat("AS");
            self.name()?;
            self.optional_names()?;
            return Ok(TableSource::Outside("a modification in FROM"));
        }
        if !values && !self.begins_query() {
            // A join in parentheses.
            return self.in_parentheses(|p| p.deeper(Self::table_source));
        }
        if !values && self.parenthesised_join() {
            return self.in_parentheses(|p| p.deeper(Self::table_source));
        }
        self.expect("(")?;
        if values {
            self.advance();
            let rows = self.list(|p| p.in_parentheses(|p| p.list(Self::scalar)))?;
            self.expect(")")?;
            self.eat("AS");
            let alias = self.name()?;
            let columns = self.optional_names()?;
            return Ok(TableSource::Values { rows, alias, columns });
        }
        let query = Box::new(self.subquery()?);
        self.expect(")")?;
        let path = self.eat("FOR PATH");
        self.eat("AS");
        let alias = self.name()?;
        let columns = self.optional_names()?;
        if path {
            return Ok(TableSource::Outside("graph queries"));
        }
        if self.sees("PIVOT") || self.sees("UNPIVOT") {
            self.advance();
            self.balanced()?;
            self.optional_alias()?;
            return Ok(TableSource::Outside("PIVOT and UNPIVOT"));
        }
        Ok(TableSource::Derived { query, alias, columns })
    }

    /// `((SELECT …) AS a JOIN …)`: the innermost of several parentheses is a derived table, with a name behind it.
    fn parenthesised_join(&self) -> bool {
        let leading = (0..).take_while(|ahead| self.sees_at(*ahead, "(")).count();
        let mut depth = 0usize;
        for ahead in leading.saturating_sub(1)..self.tokens.len().saturating_sub(self.at) {
            if self.sees_at(ahead, "(") {
                depth += 1;
            } else if self.sees_at(ahead, ")") {
                depth -= 1;
                if depth == 0 {
                    return leading > 1 && (self.sees_at(ahead + 1, "AS") || self.name_at(ahead + 1));
                }
            }
        }
        false
    }

    fn optional_alias(&mut self) -> Parsed<Option<String>> {
        if self.eat("AS") {
            return self.name().map(Some);
        }
        let ends =
            AFTER_TABLE.iter().any(|word| self.sees(word)) && !self.sees_at(1, ".") && self.kind() == Some(Kind::Word);
        if self.sees_name() && !ends { self.name().map(Some) } else { Ok(None) }
    }
}
