//! Scalar expressions and conditions, read in one pass: what a parenthesis holds is known only when it has been read.

use super::super::ast::{BinaryOperator, Call, Comparison, Expr, ObjectName, OrderItem, Predicate, TypeName, When};
use super::super::lexer::Kind;
use super::{LONGEST_CHAIN, Parsed, Parser, bytes_of};

/// Either a value or a condition.
#[allow(clippy::large_enum_variant, reason = "lives on the stack while one expression is read")]
enum Item {
    Value(Expr),
    Condition(Predicate),
}

impl Parser<'_> {
    pub(super) fn scalar(&mut self) -> Parsed<Expr> {
        let start = self.at;
        match self.deeper(Self::additive)? {
            Item::Value(value) => Ok(value),
            Item::Condition(_) => Err(self.unexpected_at(start)),
        }
    }

    pub(super) fn predicate(&mut self) -> Parsed<Predicate> {
        match self.deeper(Self::or_item)? {
            Item::Condition(condition) => Ok(condition),
            Item::Value(_) => {
                // 4145: the server's own words for a value where a condition belongs.
                let mut error = self.unexpected();
                error.number = 4145;
                let near = error.text.split_once("near").map_or("", |(_, near)| near.trim_end_matches('.'));
                error.text = format!(
                    "An expression of non-boolean type specified in a context where a condition is expected, near{near}."
                );
                Err(error)
            }
        }
    }

    /// Whether a scalar expression can begin here (after RETURN, THROW).
    pub(super) fn begins_scalar(&self) -> bool {
        match self.kind() {
            Some(Kind::Word) => {
                self.reserved(0).is_none_or(|word| {
                    matches!(
                        word.as_str(),
                        "NULL" | "CASE" | "CONVERT" | "TRY_CONVERT" | "COALESCE" | "NULLIF" | "LEFT" | "RIGHT"
                    )
                }) && !self.sees("THROW")
                    && !self.sees("WITH")
            }
            Some(Kind::Sign) => matches!(self.text(0), "(" | "-" | "+" | "~"),
            Some(Kind::Label | Kind::Pseudo) | None => false,
            Some(_) => true,
        }
    }

    fn or_item(&mut self) -> Parsed<Item> {
        let first = self.and_item()?;
        if !self.sees("OR") {
            return Ok(first);
        }
        let mut all = vec![self.condition_of(first)?];
        while self.eat("OR") {
            let next = self.and_item()?;
            all.push(self.condition_of(next)?);
        }
        Ok(Item::Condition(Predicate::Or(all)))
    }

    fn and_item(&mut self) -> Parsed<Item> {
        let first = self.not_item()?;
        if !self.sees("AND") {
            return Ok(first);
        }
        let mut all = vec![self.condition_of(first)?];
        while self.eat("AND") {
            let next = self.not_item()?;
            all.push(self.condition_of(next)?);
        }
        Ok(Item::Condition(Predicate::And(all)))
    }

    fn condition_of(&self, item: Item) -> Parsed<Predicate> {
        match item {
            Item::Condition(condition) => Ok(condition),
            Item::Value(_) => Err(self.unexpected()),
        }
    }

    fn not_item(&mut self) -> Parsed<Item> {
        if self.eat("NOT") {
            let inner = self.deeper(Self::not_item)?;
            return Ok(Item::Condition(Predicate::Not(Box::new(self.condition_of(inner)?))));
        }
        if self.eat("EXISTS") {
            let query = self.in_parentheses(Self::subquery)?;
            return Ok(Item::Condition(Predicate::Exists(Box::new(query))));
        }
        if self.sees("TSEQUAL (") {
            self.advance();
            self.balanced()?;
            return Ok(Item::Condition(Predicate::Outside("TSEQUAL")));
        }
        if self.sees("CONTAINS (") || self.sees("FREETEXT (") || self.sees("MATCH (") || self.sees("UPDATE (") {
            self.advance();
            self.balanced()?;
            return Ok(Item::Condition(Predicate::Outside("full-text, graph and trigger predicates")));
        }
        match self.additive()? {
            Item::Value(left) => self.comparison(left),
            condition @ Item::Condition(_) => Ok(condition),
        }
    }

    /// What may follow a value to make it a condition; the value itself when nothing does.
    fn comparison(&mut self, left: Expr) -> Parsed<Item> {
        if let Some(operator) = self.comparison_operator() {
            let all = self.one_of(&["ALL", "ANY", "SOME"]).map(|word| word == "ALL");
            if let Some(all) = all {
                let query = Box::new(self.in_parentheses(Self::subquery)?);
                return Ok(Item::Condition(Predicate::Quantified { operator, left, all, query }));
            }
            let right = self.scalar()?;
            return Ok(Item::Condition(Predicate::Compare { operator, left, right }));
        }
        if self.eat("IS") {
            let negated = self.eat("NOT");
            if self.eat("DISTINCT") {
                self.expect("FROM")?;
                if self.one_of(&["ALL", "ANY", "SOME"]).is_some() {
                    self.in_parentheses(Self::subquery)?;
                    return Ok(Item::Condition(Predicate::Outside("IS DISTINCT FROM with ALL, ANY and SOME")));
                }
                let right = self.scalar()?;
                return Ok(Item::Condition(Predicate::Distinct { left, right, negated }));
            }
            self.expect("NULL")?;
            return Ok(Item::Condition(Predicate::IsNull { value: left, negated }));
        }
        let negated = ["LIKE", "BETWEEN", "IN"].iter().any(|word| self.sees_at(1, word)) && self.eat("NOT");
        if self.eat("LIKE") {
            let pattern = self.scalar()?;
            let braces = self.eat("{ ESCAPE");
            let escape = if braces || self.eat("ESCAPE") { Some(self.scalar()?) } else { None };
            if braces {
                self.expect("}")?;
            }
            return Ok(Item::Condition(Predicate::Like { value: left, pattern, escape, negated }));
        }
        if self.eat("BETWEEN") {
            let low = self.scalar()?;
            self.expect("AND")?;
            let high = self.scalar()?;
            return Ok(Item::Condition(Predicate::Between { value: left, low, high, negated }));
        }
        if self.eat("IN") {
            self.expect("(")?;
            if self.begins_query() && !self.continues_as_expression() {
                let query = Box::new(self.subquery()?);
                self.expect(")")?;
                return Ok(Item::Condition(Predicate::InQuery { value: left, query, negated }));
            }
            let list = self.list(Self::scalar)?;
            self.expect(")")?;
            return Ok(Item::Condition(Predicate::InList { value: left, list, negated }));
        }
        Ok(Item::Value(left))
    }

    fn comparison_operator(&mut self) -> Option<Comparison> {
        let (operator, tokens) = match (self.text(0), self.text(1)) {
            _ if self.kind() != Some(Kind::Sign) => return None,
            ("<", "=") | ("!", ">") => (Comparison::LessOrEqual, 2),
            (">", "=") | ("!", "<") => (Comparison::GreaterOrEqual, 2),
            ("<", ">") | ("!", "=") => (Comparison::NotEqual, 2),
            ("=", _) => (Comparison::Equal, 1),
            ("<", _) => (Comparison::Less, 1),
            (">", _) => (Comparison::Greater, 1),
            _ => return None,
        };
        self.at += tokens;
        Some(operator)
    }

    fn additive(&mut self) -> Parsed<Item> {
        let left = self.multiplicative()?;
        let mut item = self.chain(left, Self::additive_operator, Self::multiplicative)?;
        while self.eat("<<") || self.eat(">>") {
            let right = self.multiplicative()?;
            let right = self.chain(right, Self::additive_operator, Self::multiplicative)?;
            if matches!(item, Item::Condition(_)) || matches!(right, Item::Condition(_)) {
                return Err(self.unexpected());
            }
            item = Item::Value(Expr::Outside("<< and >>"));
        }
        Ok(item)
    }

    fn multiplicative(&mut self) -> Parsed<Item> {
        let left = self.unary()?;
        self.chain(left, Self::multiplicative_operator, Self::unary)
    }

    fn chain(
        &mut self,
        first: Item,
        operator: fn(&mut Self) -> Option<BinaryOperator>,
        operand: fn(&mut Self) -> Parsed<Item>,
    ) -> Parsed<Item> {
        let mut item = first;
        for _ in 0..LONGEST_CHAIN {
            let Item::Value(left) = item else { return Ok(item) };
            let Some(operator) = operator(self) else { return Ok(Item::Value(left)) };
            let Item::Value(right) = operand(self)? else { return Err(self.unexpected()) };
            item = Item::Value(Expr::Operation { operator, left: Box::new(left), right: Box::new(right) });
        }
        Err(self.too_deep())
    }

    fn additive_operator(&mut self) -> Option<BinaryOperator> {
        self.operator(&[
            ("+", BinaryOperator::Add),
            ("-", BinaryOperator::Subtract),
            ("&", BinaryOperator::And),
            ("|", BinaryOperator::Or),
            ("^", BinaryOperator::Xor),
            ("||", BinaryOperator::Concatenate),
        ])
    }

    fn multiplicative_operator(&mut self) -> Option<BinaryOperator> {
        self.operator(&[("*", BinaryOperator::Multiply), ("/", BinaryOperator::Divide), ("%", BinaryOperator::Modulo)])
    }

    fn operator(&mut self, known: &[(&str, BinaryOperator)]) -> Option<BinaryOperator> {
        if self.kind() != Some(Kind::Sign) {
            return None;
        }
        let (_, operator) = *known.iter().find(|(sign, _)| self.text(0) == *sign)?;
        self.advance();
        Some(operator)
    }

    fn unary(&mut self) -> Parsed<Item> {
        if self.eat("+") {
            return self.deeper(Self::unary);
        }
        if self.sees("-") || self.sees("~") {
            let negate = self.sees("-");
            self.advance();
            let Item::Value(value) = self.deeper(Self::unary)? else { return Err(self.unexpected()) };
            let value = Box::new(value);
            return Ok(Item::Value(if negate { Expr::Negate(value) } else { Expr::Complement(value) }));
        }
        let item = self.primary()?;
        let Item::Value(mut value) = item else { return Ok(item) };
        for _ in 0..LONGEST_CHAIN {
            if self.eat("COLLATE") {
                let collation = self.name()?;
                value = Expr::Collate { value: Box::new(value), collation };
            } else if self.sees("AT TIME ZONE") {
                self.at += 3;
                self.deeper(Self::unary)?;
                value = Expr::Outside("AT TIME ZONE");
            } else if self.sees(".") && self.name_at(1) {
                self.at += 2;
                if self.sees("(") {
                    self.balanced()?;
                }
                value = Expr::Outside("methods of CLR and xml types");
            } else {
                break;
            }
        }
        Ok(Item::Value(value))
    }

    fn primary(&mut self) -> Parsed<Item> {
        let Some(token) = self.token(0) else { return Err(self.unexpected()) };
        let text = token.text(self.source);
        let value = match token.kind {
            Kind::String | Kind::NationalString => {
                let value = token.string(self.source);
                self.advance();
                Expr::Text { value, national: token.kind == Kind::NationalString }
            }
            Kind::Quoted if !self.quoted_identifiers => {
                self.advance();
                Expr::Text { value: token.string(self.source), national: false }
            }
            Kind::Integer => {
                self.advance();
                text.parse().map_or_else(|_| Expr::Number(text.to_owned()), Expr::Integer)
            }
            Kind::Number => {
                self.advance();
                Expr::Number(text.to_owned())
            }
            Kind::Real => {
                self.advance();
                let padded = if text.ends_with(['e', 'E']) { format!("{text}0") } else { text.to_owned() };
                Expr::Real(padded.parse().unwrap_or(0.0))
            }
            Kind::Money => {
                self.advance();
                Expr::Money(text.chars().filter(|c| c.is_ascii_digit() || matches!(c, '.' | '-')).collect())
            }
            Kind::Binary => {
                self.advance();
                Expr::Binary(bytes_of(text))
            }
            Kind::Variable => {
                self.advance();
                if text.starts_with("@@") { Expr::Global(text.to_owned()) } else { Expr::Variable(text.to_owned()) }
            }
            Kind::Pseudo => {
                self.advance();
                Expr::Outside("$ pseudo columns")
            }
            Kind::Sign if text == "(" => return self.parenthesis(),
            Kind::Sign if text == "." => {
                // `..t1.c1`; with more dots than a name has parts, nothing the server would find.
                let dots = (0..).take_while(|ahead| self.sees_at(*ahead, ".")).count();
                if dots < 4 {
                    return self.word_expression().map(Item::Value);
                }
                self.at += dots;
                self.name()?;
                Expr::Outside("names of more than four parts")
            }
            Kind::Sign if text == "{" => {
                self.braces()?;
                Expr::Outside("ODBC escapes")
            }
            Kind::Word | Kind::Bracketed | Kind::Quoted => return self.word_expression().map(Item::Value),
            _ => return Err(self.unexpected()),
        };
        Ok(Item::Value(value))
    }

    fn parenthesis(&mut self) -> Parsed<Item> {
        self.expect("(")?;
        if self.begins_query() && !self.continues_as_expression() {
            let query = self.subquery()?;
            self.expect(")")?;
            return Ok(Item::Value(Expr::Subquery(Box::new(query))));
        }
        let inner = self.deeper(Self::or_item)?;
        self.expect(")")?;
        Ok(inner)
    }

    /// Whether a query begins here, possibly inside more parentheses.
    pub(super) fn begins_query(&self) -> bool {
        let mut ahead = 0;
        while self.sees_at(ahead, "(") {
            ahead += 1;
        }
        self.sees_at(ahead, "SELECT") || (ahead == 0 && self.sees("WITH"))
    }

    /// `(SELECT …) = 2`, `(SELECT …) * 10`: what begins with a query in parentheses and is no query.
    fn continues_as_expression(&self) -> bool {
        if !self.sees("(") {
            return false;
        }
        let mut depth = 0usize;
        for ahead in 0..self.tokens.len() - self.at {
            if self.sees_at(ahead, "(") {
                depth += 1;
            } else if self.sees_at(ahead, ")") {
                depth -= 1;
                if depth == 0 {
                    let of_query = ["UNION", "EXCEPT", "INTERSECT", "ORDER", "FOR", "OPTION", ")"];
                    return !of_query.iter().any(|word| self.sees_at(ahead + 1, word));
                }
            }
        }
        false
    }

    fn word_expression(&mut self) -> Parsed<Expr> {
        let reserved = self.reserved(0);
        if self.eat("NEXT VALUE FOR") {
            self.object_name()?;
            if self.eat("OVER") {
                self.balanced()?;
            }
            return Ok(Expr::Outside("sequences"));
        }
        match reserved.as_deref() {
            Some("NULL") => {
                self.advance();
                return Ok(Expr::Null);
            }
            Some("CASE") => return self.deeper(Self::case),
            Some("CONVERT" | "TRY_CONVERT") => return self.convert(),
            Some(
                word
                @ ("CURRENT_TIMESTAMP" | "CURRENT_USER" | "SESSION_USER" | "SYSTEM_USER" | "USER" | "CURRENT_DATE"),
            ) => {
                let name = ObjectName::plain(word);
                self.advance();
                return Ok(Expr::Call(Box::new(Call { name, ..Call::default() })));
            }
            Some(word @ ("COALESCE" | "NULLIF" | "LEFT" | "RIGHT")) => {
                let name = ObjectName::plain(word);
                self.advance();
                let arguments = self.in_parentheses(|p| p.list(Self::scalar))?;
                return Ok(Expr::Call(Box::new(Call { name, arguments, ..Call::default() })));
            }
            Some("IDENTITYCOL" | "ROWGUIDCOL") => {
                self.advance();
                return Ok(Expr::Outside("IDENTITYCOL and ROWGUIDCOL"));
            }
            Some("IDENTITY") if self.sees_at(1, "(") => {
                self.advance();
                self.in_parentheses(|p| {
                    p.type_name()?;
                    if p.eat(",") {
                        p.signed_number()?;
                        p.expect(",")?;
                        p.signed_number()?;
                    }
                    Ok(())
                })?;
                return Ok(Expr::Outside("the IDENTITY function"));
            }
            Some(_) => return Err(self.unexpected()),
            None => {}
        }
        if self.token(0).is_some_and(|t| t.kind == Kind::Word) && self.sees_at(1, "(") {
            match self.text(0).to_ascii_uppercase().as_str() {
                "CAST" | "TRY_CAST" => return self.cast(),
                "IIF" => return self.iif(),
                "PARSE" | "TRY_PARSE" | "TRIM" => return self.special_call(),
                "JSON_OBJECT" | "JSON_ARRAY" | "JSON_QUERY" | "JSON_VALUE" | "JSON_OBJECTAGG" | "JSON_ARRAYAGG" => {
                    return self.outside_call("JSON functions");
                }
                _ => {}
            }
        }
        if let Some(parts) = self.special_column_ahead() {
            self.at += parts;
            return Ok(Expr::Outside("IDENTITYCOL, ROWGUIDCOL and $ pseudo columns"));
        }
        let start = self.at;
        let name = self.object_name()?;
        if self.sees("(") {
            return self.call(name);
        }
        if self.sees("::") {
            self.advance();
            self.name()?;
            if self.sees("(") {
                self.balanced()?;
            }
            return Ok(Expr::Outside("methods of CLR and xml types"));
        }
        if !self.filtering {
            self.check_table_part(start)?;
        }
        Ok(Expr::Column(name))
    }

    /// `t.IDENTITYCOL`, `dbo.t.$ROWGUID`, `db.$PARTITION`: how many tokens it is.
    fn special_column_ahead(&self) -> Option<usize> {
        let mut ahead = 0;
        loop {
            let special = ["IDENTITYCOL", "ROWGUIDCOL"].iter().any(|word| self.sees_at(ahead, word));
            if special || self.token(ahead).is_some_and(|t| t.kind == Kind::Pseudo) {
                let of_nothing =
                    ahead > 0 && self.sees_at(ahead - 1, ".") && (ahead == 1 || self.sees_at(ahead - 2, "."));
                return (!of_nothing).then_some(ahead + 1);
            }
            if self.sees_at(ahead, ".") {
                ahead += 1;
            } else if self.name_at(ahead) && self.sees_at(ahead + 1, ".") {
                ahead += 2;
            } else {
                return None;
            }
        }
    }

    /// A number with at most one sign, whose value nobody asks for.
    fn signed_number(&mut self) -> Parsed<()> {
        if !self.eat("-") {
            self.eat("+");
        }
        if !matches!(self.kind(), Some(Kind::Integer | Kind::Number)) {
            return Err(self.unexpected());
        }
        self.advance();
        Ok(())
    }

    fn case(&mut self) -> Parsed<Expr> {
        self.expect("CASE")?;
        let operand = if self.sees("WHEN") { None } else { Some(Box::new(self.scalar()?)) };
        let mut branches = Vec::new();
        while self.eat("WHEN") {
            let when = match operand {
                Some(_) => When::Value(self.scalar()?),
                None => When::Condition(self.predicate()?),
            };
            self.expect("THEN")?;
            branches.push((when, self.scalar()?));
        }
        if branches.is_empty() {
            return Err(self.unexpected());
        }
        let otherwise = if self.eat("ELSE") { Some(Box::new(self.scalar()?)) } else { None };
        self.expect("END")?;
        Ok(Expr::Case { operand, branches, otherwise })
    }

    fn convert(&mut self) -> Parsed<Expr> {
        let attempt = self.sees("TRY_CONVERT");
        self.advance();
        self.expect("(")?;
        let sql_type = self.type_name()?;
        self.expect(",")?;
        let value = Box::new(self.scalar()?);
        let style = if self.eat(",") { Some(Box::new(self.scalar()?)) } else { None };
        self.expect(")")?;
        Ok(Expr::Convert { value, sql_type, style, attempt })
    }

    fn cast(&mut self) -> Parsed<Expr> {
        let attempt = self.sees("TRY_CAST");
        self.advance();
        self.expect("(")?;
        let value = Box::new(self.scalar()?);
        self.expect("AS")?;
        let sql_type: TypeName = self.type_name()?;
        self.expect(")")?;
        Ok(Expr::Convert { value, sql_type, style: None, attempt })
    }

    fn iif(&mut self) -> Parsed<Expr> {
        self.advance();
        self.expect("(")?;
        let condition = Box::new(self.predicate()?);
        self.expect(",")?;
        let then = Box::new(self.scalar()?);
        self.expect(",")?;
        let otherwise = Box::new(self.scalar()?);
        self.expect(")")?;
        Ok(Expr::If { condition, then, otherwise })
    }

    pub(super) fn order_by(&mut self) -> Parsed<Vec<OrderItem>> {
        self.expect("ORDER BY")?;
        self.list(|p| {
            let value = p.scalar()?;
            let descending = match p.one_of(&["ASC", "DESC"]) {
                Some(word) => word == "DESC",
                None => false,
            };
            Ok(OrderItem { value, descending })
        })
    }

    /// Skips a parenthesis and all in it.
    pub(super) fn balanced(&mut self) -> Parsed<()> {
        self.expect("(")?;
        let mut open = 1usize;
        while open > 0 {
            if self.at_end() {
                return Err(self.unexpected());
            }
            if self.sees("(") {
                open += 1;
            } else if self.sees(")") {
                open -= 1;
            }
            self.advance();
        }
        Ok(())
    }

    fn braces(&mut self) -> Parsed<()> {
        let mut open = 0usize;
        loop {
            if self.at_end() {
                return Err(self.unexpected());
            }
            open = if self.sees("{") { open + 1 } else { open - usize::from(self.sees("}")) };
            self.advance();
            if open == 0 {
                return Ok(());
            }
        }
    }
}
