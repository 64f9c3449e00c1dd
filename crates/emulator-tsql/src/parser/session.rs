//! SET, DECLARE, EXECUTE, USE, KILL: what acts on the session.

use super::super::ast::{Argument, ColumnDefinition, Declaration, Expr, SetOption, StatementKind, TableElement};
use super::super::lexer::Kind;
use super::{Parsed, Parser};

/// `SET x ON | OFF`
const SWITCHES: &[&str] = &[
    "ANSI_DEFAULTS",
    "ANSI_NULL_DFLT_OFF",
    "ANSI_NULL_DFLT_ON",
    "ANSI_NULLS",
    "ANSI_PADDING",
    "ANSI_WARNINGS",
    "ARITHABORT",
    "ARITHIGNORE",
    "CONCAT_NULL_YIELDS_NULL",
    "CURSOR_CLOSE_ON_COMMIT",
    "FMTONLY",
    "FORCEPLAN",
    "IMPLICIT_TRANSACTIONS",
    "NO_BROWSETABLE",
    "NOCOUNT",
    "NOEXEC",
    "NUMERIC_ROUNDABORT",
    "PARSEONLY",
    "QUOTED_IDENTIFIER",
    "REMOTE_PROC_TRANSACTIONS",
    "SHOWPLAN_ALL",
    "SHOWPLAN_TEXT",
    "SHOWPLAN_XML",
    "XACT_ABORT",
];

/// `SET x value`
const VALUES: &[&str] = &[
    "CONTEXT_INFO",
    "DATEFIRST",
    "DATEFORMAT",
    "DEADLOCK_PRIORITY",
    "FIPS_FLAGGER",
    "LANGUAGE",
    "LOCK_TIMEOUT",
    "QUERY_GOVERNOR_COST_LIMIT",
    "ROWCOUNT",
    "TEXTSIZE",
];

/// `SET STATISTICS x ON | OFF`
const STATISTICS: &[&str] = &["IO", "PROFILE", "TIME", "XML"];

impl Parser<'_> {
    pub(super) fn set(&mut self) -> Parsed<StatementKind> {
        self.expect("SET")?;
        if self.kind() == Some(Kind::Variable) {
            let name = self.variable()?;
            let Some((operator,)) = self.assignment_at(0) else {
                if self.sees(".") || self.sees(":") || self.sees("::") {
                    return self.outside();
                }
                return Err(self.unexpected());
            };
            self.advance();
            if self.sees("CURSOR") {
                return self.outside();
            }
            return Ok(StatementKind::SetVariable { name, operator, value: self.scalar()? });
        }
        if self.eat("TRANSACTION ISOLATION LEVEL") {
            let levels = [
                ("READ UNCOMMITTED", "READ UNCOMMITTED"),
                ("READ COMMITTED", "READ COMMITTED"),
                ("REPEATABLE READ", "REPEATABLE READ"),
                ("SERIALIZABLE", "SERIALIZABLE"),
                ("SNAPSHOT", "SNAPSHOT"),
            ];
            for (words, level) in levels {
                if self.eat(words) {
                    return Ok(StatementKind::Set(SetOption::IsolationLevel(level)));
                }
            }
            return Err(self.unexpected());
        }
        if self.eat("IDENTITY_INSERT") {
            let table = self.table_name()?;
            return Ok(StatementKind::Set(SetOption::IdentityInsert { table, on: self.on_or_off()? }));
        }
        if self.eat("STATISTICS") {
            let names = self.list(|p| p.one_of(STATISTICS).ok_or_else(|| p.unexpected()))?;
            if self.on_or_off()? {
                return self.outside();
            }
            let names = names.iter().map(|name| format!("STATISTICS {name}")).collect();
            return Ok(StatementKind::Set(SetOption::Switch { names, on: false }));
        }
        if self.sees("OFFSETS") || self.sees("ERRLVL") {
            return self.outside();
        }
        if let Some(name) = self.one_of(VALUES) {
            let negative = self.eat("-");
            let is_word = matches!(self.kind(), Some(Kind::Word | Kind::Bracketed));
            let mut value = match name {
                "TEXTSIZE" if self.kind() == Some(Kind::Integer) => self.single_literal()?,
                "ROWCOUNT" if !negative => self.integer_or_variable(false)?,
                "FIPS_FLAGGER" if !is_word => self.string_or_variable()?,
                "FIPS_FLAGGER" if !self.sees("OFF") => return Err(self.unexpected()),
                "TEXTSIZE" | "ROWCOUNT" => return Err(self.unexpected()),
                _ if negative
                    && !matches!(self.kind(), Some(Kind::Integer | Kind::Number | Kind::Real | Kind::Money)) =>
                {
                    return Err(self.unexpected());
                }
                _ if is_word && (self.sees_name() || self.sees("OFF")) => {
                    let text = self.token(0).map(|t| t.name(self.source)).unwrap_or_default();
                    self.advance();
                    Expr::Text { value: text, national: true }
                }
                _ => self.literal_or_variable()?,
            };
            if negative {
                value = Expr::Negate(Box::new(value));
            }
            if self.sees(",") && VALUES.iter().any(|word| self.sees_at(1, word)) {
                return self.outside();
            }
            return Ok(StatementKind::Set(SetOption::Value { name: name.to_owned(), value }));
        }
        let names = self.list(|p| p.one_of(SWITCHES).map(str::to_owned).ok_or_else(|| p.unexpected()))?;
        let on = self.on_or_off()?;
        if names.iter().any(|name| name == "QUOTED_IDENTIFIER") {
            // Takes effect while parsing, for the rest of the batch.
            self.quoted_identifiers = on;
        }
        Ok(StatementKind::Set(SetOption::Switch { names, on }))
    }

    pub(super) fn declare(&mut self) -> Parsed<StatementKind> {
        self.expect("DECLARE")?;
        if self.kind() != Some(Kind::Variable) {
            // DECLARE name CURSOR
            self.name()?;
            while self.one_of(&["INSENSITIVE", "SCROLL"]).is_some() {}
            self.expect("CURSOR")?;
            return self.outside();
        }
        if self.sees_at(1, "TABLE") || (self.sees_at(1, "AS") && self.sees_at(2, "TABLE")) {
            let name = self.variable()?;
            self.eat("AS");
            let columns = self.table_variable_body()?;
            return columns.map_or_else(|| self.outside(), |columns| Ok(StatementKind::DeclareTable { name, columns }));
        }
        let mut outside = false;
        let declarations = self.list(|p| {
            let name = p.variable()?;
            p.eat("AS");
            if p.eat("CURSOR") {
                outside = true;
                return Ok(Declaration {
                    name,
                    sql_type: super::TypeName { name: Default::default(), arguments: vec![] },
                    value: None,
                });
            }
            let sql_type = p.type_name()?;
            if p.eat("NOT NULL") || p.eat("NULL") {
                // Only natively compiled modules heed it.
                outside = true;
            }
            let value = if p.eat("=") { Some(p.scalar()?) } else { None };
            Ok(Declaration { name, sql_type, value })
        })?;
        if outside { self.outside() } else { Ok(StatementKind::Declare(declarations)) }
    }

    /// `TABLE (…)`, where constraints may have no name. Nothing where there is more than columns with their types.
    fn table_variable_body(&mut self) -> Parsed<Option<Vec<ColumnDefinition>>> {
        self.expect("TABLE (")?;
        let start = self.at;
        let mut columns = Some(Vec::new());
        loop {
            match self.table_element()? {
                TableElement::Column(column) if is_plain(&column) => {
                    columns = columns.map(|mut columns| {
                        columns.push(column);
                        columns
                    });
                }
                _ => columns = None,
            }
            if !self.eat(",") {
                break;
            }
        }
        self.expect(")")?;
        let named = (start..self.at).find(|at| {
            let text = |at: usize| self.tokens.get(at).map_or("", |t| t.text(self.source));
            text(*at).eq_ignore_ascii_case("CONSTRAINT")
                || (text(*at).eq_ignore_ascii_case("NOT")
                    && text(at + 1).eq_ignore_ascii_case("FOR")
                    && text(at + 2).eq_ignore_ascii_case("REPLICATION"))
        });
        named.map_or(Ok(columns), |at| Err(self.unexpected_at(at)))
    }

    pub(super) fn execute(&mut self) -> Parsed<StatementKind> {
        self.advance();
        if self.eat("AS") {
            return self.execute_as();
        }
        if self.eat("(") {
            return self.execute_text();
        }
        let mut result = None;
        if self.kind() == Some(Kind::Variable) {
            let variable = self.variable()?;
            if !self.eat("=") {
                // EXEC @procedure
                return self.outside();
            }
            result = Some(variable);
            if self.kind() == Some(Kind::Variable) {
                return self.outside();
            }
        }
        if self.eat("OPENDATASOURCE") {
            self.balanced()?;
            while self.eat(".") {
                if !self.sees(".") {
                    self.name()?;
                }
            }
            self.procedure_arguments()?;
            return self.outside();
        }
        let name = self.object_name()?;
        if self.sees(";") && self.token(1).is_some_and(|t| t.kind == Kind::Integer) {
            // The number of a procedure, of old.
            self.at += 2;
            self.procedure_arguments()?;
            return self.outside();
        }
        let arguments = self.procedure_arguments()?;
        if self.eat("WITH") {
            let only_recompile = self.eat("RECOMPILE") && !self.eat(",");
            if !only_recompile {
                return if self.sees("RESULT") { self.outside() } else { Err(self.unexpected()) };
            }
        }
        if self.sees("AT") {
            return self.outside();
        }
        Ok(StatementKind::ExecuteProcedure { result, name, arguments })
    }

    /// `('text' + @v …)`, with parameters after the text only for linked servers.
    fn execute_text(&mut self) -> Parsed<StatementKind> {
        let mut parts = vec![self.string_or_variable()?];
        while self.eat("+") {
            parts.push(self.string_or_variable()?);
        }
        if self.eat(",") {
            self.execute_parameters()?;
            self.expect(")")?;
            return self.outside();
        }
        self.expect(")")?;
        let login_or_user = self.eat("AS");
        if login_or_user {
            if self.one_of(&["USER", "LOGIN"]).is_none() {
                return Err(self.unexpected());
            }
            if self.eat("=") {
                self.string()?;
            }
            return self.outside();
        }
        if self.sees("AT") || self.sees("WITH") {
            return self.outside();
        }
        Ok(StatementKind::ExecuteText { parts })
    }

    pub(super) fn procedure_arguments(&mut self) -> Parsed<Vec<Argument>> {
        let begins = matches!(
            self.kind(),
            Some(
                Kind::Variable
                    | Kind::String
                    | Kind::NationalString
                    | Kind::Integer
                    | Kind::Number
                    | Kind::Real
                    | Kind::Binary
                    | Kind::Money
                    | Kind::Bracketed
                    | Kind::Quoted
            )
        ) || self.sees("NULL")
            || self.sees("DEFAULT")
            || self.sees("-")
            || (self.sees_name() && self.kind() == Some(Kind::Word) && !self.sees("AT") && !self.sees("THROW"));
        if !begins {
            return Ok(Vec::new());
        }
        self.execute_parameters()
    }

    fn execute_parameters(&mut self) -> Parsed<Vec<Argument>> {
        let mut named = false;
        self.list(|p| {
            let mut argument = Argument { name: None, value: None, output: false };
            if p.kind() == Some(Kind::Variable) && p.sees_at(1, "=") {
                argument.name = Some(p.variable()?);
                p.advance();
                named = true;
            } else if named {
                // 119: after one named parameter all must be.
                return Err(p.unexpected());
            }
            if p.eat("DEFAULT") {
                return Ok(argument);
            }
            let is_variable = p.kind() == Some(Kind::Variable);
            argument.value = Some(match p.kind() {
                Some(Kind::Word | Kind::Bracketed | Kind::Quoted) if p.sees_name() => {
                    Expr::Text { value: p.name()?, national: true }
                }
                _ => p.literal_or_variable()?,
            });
            if p.sees("OUT") || p.sees("OUTPUT") {
                if !is_variable {
                    return Err(p.unexpected());
                }
                p.advance();
                argument.output = true;
            }
            Ok(argument)
        })
    }

    /// An integer or a variable, where statements take no expression: THROW, RAISERROR.
    pub(super) fn integer_or_variable(&mut self, signed: bool) -> Parsed<Expr> {
        let at = usize::from(signed && self.sees("-"));
        match self.token(at).map(|t| t.kind) {
            Some(Kind::Integer) => self.literal_or_variable(),
            Some(Kind::Variable) if at == 0 => self.single_literal(),
            _ => Err(self.unexpected()),
        }
    }

    /// A text or a variable: THROW, RAISERROR, WAITFOR, EXECUTE.
    pub(super) fn string_or_variable(&mut self) -> Parsed<Expr> {
        if self.sees_string() || self.kind() == Some(Kind::Variable) {
            self.single_literal()
        } else {
            Err(self.unexpected())
        }
    }

    /// Procedures take literals and variables, not expressions.
    pub(super) fn literal_or_variable(&mut self) -> Parsed<Expr> {
        let negative = self.eat("-");
        let value = match self.kind() {
            Some(Kind::Sign | Kind::Label | Kind::Pseudo) | None => return Err(self.unexpected()),
            Some(Kind::Word) if !self.sees("NULL") => return Err(self.unexpected()),
            _ => self.single_literal()?,
        };
        Ok(if negative { Expr::Negate(Box::new(value)) } else { value })
    }

    fn single_literal(&mut self) -> Parsed<Expr> {
        // One token is one literal; `scalar` on it alone would read operators after it.
        let end = self.at + 1;
        let rest = self.tokens.split_off(end);
        let value = self.scalar();
        self.tokens.extend(rest);
        value
    }

    fn execute_as(&mut self) -> Parsed<StatementKind> {
        // "When used outside a module, the statement has no action": the page of EXECUTE AS.
        if self.eat("CALLER") {
            return Ok(StatementKind::Empty);
        }
        let Some(word) = self.one_of(&["USER", "LOGIN"]) else { return Err(self.unexpected()) };
        self.expect("=")?;
        let name = self.scalar()?;
        let mut no_revert = false;
        if self.eat("WITH") {
            if self.sees("COOKIE") {
                return self.outside();
            }
            self.expect("NO REVERT")?;
            no_revert = true;
        }
        Ok(StatementKind::ExecuteAs { login: word == "LOGIN", name, no_revert })
    }

    pub(super) fn revert(&mut self) -> Parsed<StatementKind> {
        self.expect("REVERT")?;
        if self.sees("WITH COOKIE") {
            return self.outside();
        }
        Ok(StatementKind::Revert)
    }

    pub(super) fn use_database(&mut self) -> Parsed<StatementKind> {
        self.expect("USE")?;
        if self.sees("FEDERATION") && (self.name_at(1) || self.sees_at(1, "ROOT")) {
            self.advance();
            let root = self.eat("ROOT");
            if !root {
                self.name()?;
                self.balanced()?;
            }
            self.expect("WITH")?;
            if !root {
                self.expect("FILTERING =")?;
                self.on_or_off()?;
                self.expect(",")?;
            }
            self.expect("RESET")?;
            return self.outside();
        }
        Ok(StatementKind::Use(self.name()?))
    }

    pub(super) fn kill(&mut self) -> Parsed<StatementKind> {
        self.expect("KILL")?;
        if self.sees("QUERY") || self.sees("STATS") || self.sees_string() {
            return self.outside();
        }
        let session = self.integer()?;
        if self.eat("WITH") {
            self.expect("STATUSONLY")?;
            return self.outside();
        }
        Ok(StatementKind::Kill { session })
    }
}

/// A name, a type and whether it takes NULL.
fn is_plain(column: &ColumnDefinition) -> bool {
    let ColumnDefinition { computed, identity, default, checks, foreign_keys, generated, .. } = column;
    let ColumnDefinition { masked, encrypted, collation, keys, indexes, outside, .. } = column;
    let constrained = !checks.is_empty() || !foreign_keys.is_empty() || !keys.is_empty() || !indexes.is_empty();
    let special = generated.is_some() || masked.is_some() || encrypted.is_some() || collation.is_some();
    let valued = computed.is_some() || identity.is_some() || default.is_some() || outside.is_some();
    !(constrained || special || valued || column.hidden || column.rowguidcol)
}
