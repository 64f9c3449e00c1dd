//! FROM: tables, joins, functions and derived tables.

use super::super::ast::{Expr, JoinKind, ObjectName, TableSource};
use super::super::lexer::Kind;
use super::hints::TableHints;
use super::queries::AFTER_TABLE;
use super::{LONGEST_CHAIN, Parsed, Parser};

impl Parser<'_> {
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
