//! Calls: their arguments, WITHIN GROUP and OVER.

use super::super::ast::{Call, Expr, ObjectName, Over};
use super::super::lexer::Kind;
use super::{Parsed, Parser};

impl Parser<'_> {
    /// TRIM([[LEADING|TRAILING|BOTH] characters FROM] text), PARSE(text AS type [USING culture])
    pub(super) fn special_call(&mut self) -> Parsed<Expr> {
        let name = ObjectName::plain(self.text(0).to_ascii_uppercase());
        self.advance();
        self.expect("(")?;
        if name.name == "TRIM" && self.eat("* )") {
            return Ok(Expr::Outside("TRIM of *"));
        }
        let side = self.one_of(&["LEADING", "TRAILING", "BOTH"]);
        let first = self.scalar()?;
        if name.name != "TRIM" {
            self.expect("AS")?;
            self.type_name()?;
            if self.eat("USING") {
                self.scalar()?;
            }
            self.expect(")")?;
            return Ok(Expr::Outside("PARSE"));
        }
        let mut arguments = vec![first];
        if self.eat("FROM") {
            arguments.insert(0, self.scalar()?);
        } else if side.is_some() {
            return Err(self.unexpected());
        }
        self.expect(")")?;
        // One side alone is what LTRIM and RTRIM do.
        let name = match side {
            Some("LEADING") => ObjectName::plain("LTRIM"),
            Some("TRAILING") => ObjectName::plain("RTRIM"),
            _ => name,
        };
        Ok(Expr::Call(Box::new(Call { name, arguments, ..Call::default() })))
    }

    pub(super) fn outside_call(&mut self, what: &'static str) -> Parsed<Expr> {
        self.advance();
        self.balanced()?;
        Ok(Expr::Outside(what))
    }

    /// After the name: arguments, WITHIN GROUP, OVER.
    pub(super) fn call(&mut self, name: ObjectName) -> Parsed<Expr> {
        let qualified = self.at.checked_sub(2).is_some_and(|at| self.tokens[at].text(self.source) == ".");
        self.expect("(")?;
        let mut call = Call { name, ..Call::default() };
        let mut all = false;
        if self.eat("*") {
            call.star = true;
        } else if !self.sees(")") {
            call.distinct = self.eat("DISTINCT");
            all = !call.distinct && self.eat("ALL");
            // DATEADD and its kin take a bare word first; DEFAULT stands for a default of what a schema has.
            call.arguments = self.list(|p| {
                if qualified && p.eat("DEFAULT") {
                    return Ok(Expr::Call(Box::new(Call { name: ObjectName::plain("DEFAULT"), ..Call::default() })));
                }
                p.scalar()
            })?;
        }
        self.expect(")")?;
        if self.eat("WITHIN") {
            self.expect("GROUP (")?;
            if self.eat("GRAPH PATH") {
                self.expect(")")?;
                return Ok(Expr::Outside("graph queries"));
            }
            call.within_group = self.order_by()?;
            self.expect(")")?;
        }
        let nulls = (self.sees("IGNORE NULLS") || self.sees("RESPECT NULLS")).then(|| self.at += 2);
        if self.eat("OVER") {
            call.over = Some(self.over()?);
            if call.distinct {
                return Err(self.unexpected());
            }
        } else if nulls.is_some() {
            return Err(self.unexpected());
        }
        if nulls.is_some() {
            return Ok(Expr::Outside("IGNORE NULLS and RESPECT NULLS"));
        }
        let counted = ["COUNT", "COUNT_BIG", "SUM", "MIN", "MAX", "AVG"];
        if all && !counted.iter().any(|known| call.name.name.eq_ignore_ascii_case(known)) {
            return Ok(Expr::Outside("ALL in a call"));
        }
        if self.sees(".") && self.name_at(1) {
            self.at += 2;
            if self.sees("(") {
                self.balanced()?;
            }
            return Ok(Expr::Outside("methods of CLR and xml types"));
        }
        Ok(Expr::Call(Box::new(call)))
    }

    fn over(&mut self) -> Parsed<Over> {
        if self.sees_name() {
            self.name()?;
            return Ok(Over { framed: true, ..Over::default() });
        }
        self.expect("(")?;
        let mut over = Over::default();
        if self.sees_name() && !self.sees("PARTITION") && !self.sees("ROWS") && !self.sees("RANGE") {
            self.name()?;
            if !["PARTITION", "ORDER", "ROWS", "RANGE", ")"].iter().any(|word| self.sees(word)) || self.sees(")") {
                return Err(self.unexpected());
            }
            over.framed = true;
        }
        if self.eat("PARTITION") {
            self.expect("BY")?;
            over.partition_by = self.list(Self::scalar)?;
        }
        if self.sees("ORDER") {
            over.order_by = self.order_by()?;
        }
        if self.one_of(&["ROWS", "RANGE"]).is_some() {
            over.framed = true;
            self.frame()?;
        }
        self.expect(")")?;
        Ok(over)
    }

    /// A window frame; its end may not lie before its start.
    fn frame(&mut self) -> Parsed<()> {
        let start_at = self.at;
        if !self.eat("BETWEEN") {
            return if self.frame_bound()? > 2 { Err(self.unexpected_at(start_at)) } else { Ok(()) };
        }
        let start = self.frame_bound()?;
        self.expect("AND")?;
        let end = self.frame_bound()?;
        if start > end || start == 4 || end == 0 { Err(self.unexpected_at(start_at)) } else { Ok(()) }
    }

    fn eat_integer(&mut self) -> bool {
        let found = self.kind() == Some(Kind::Integer);
        self.at += usize::from(found);
        found
    }

    /// 0 unbounded preceding, 1 preceding, 2 current row, 3 following, 4 unbounded following
    fn frame_bound(&mut self) -> Parsed<u8> {
        if self.eat("CURRENT") {
            self.expect("ROW")?;
            return Ok(2);
        }
        let unbounded = self.eat("UNBOUNDED");
        if !unbounded && !self.eat_integer() {
            return Err(self.unexpected());
        }
        match (self.one_of(&["PRECEDING", "FOLLOWING"]), unbounded) {
            (Some("PRECEDING"), true) => Ok(0),
            (Some("PRECEDING"), false) => Ok(1),
            (Some(_), false) => Ok(3),
            (Some(_), true) => Ok(4),
            (None, _) => Err(self.unexpected()),
        }
    }
}
