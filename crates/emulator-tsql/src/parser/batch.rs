//! Batches, control flow, and which word begins which statement.

use super::super::ast::{Expr, Statement, StatementKind};
use super::super::lexer::Kind;
use super::{Parsed, Parser};

impl Parser<'_> {
    pub(super) fn batch(&mut self) -> Parsed<Vec<Statement>> {
        let mut statements = Vec::new();
        while self.eat(";") {}
        // A batch may begin with a procedure's name without EXEC.
        if self.sees_name() && !self.begins_statement() && !self.at_end() {
            statements.push(self.procedure_without_exec()?);
        }
        loop {
            while self.eat(";") {}
            if self.at_end() {
                return Ok(statements);
            }
            let statement = self.statement()?;
            let outside = matches!(statement.kind, StatementKind::Outside(_));
            statements.push(statement);
            if outside {
                // Where a statement that is not understood ends is not known: it takes the rest of the batch with it.
                return Ok(statements);
            }
        }
    }

    fn procedure_without_exec(&mut self) -> Parsed<Statement> {
        let line = self.line();
        let name = self.object_name()?;
        let arguments = self.procedure_arguments()?;
        Ok(Statement { line, kind: StatementKind::ExecuteProcedure { result: None, name, arguments } })
    }

    /// Words that begin statements without being reserved.
    fn begins_statement(&self) -> bool {
        ["THROW", "SEND", "RECEIVE", "MOVE", "ENABLE", "DISABLE", "RENAME", "COPY", "WITH", "GET"]
            .iter()
            .any(|word| self.sees(word))
    }

    pub(super) fn statement(&mut self) -> Parsed<Statement> {
        let line = self.line();
        let kind = self.deeper(Self::statement_kind)?;
        if !self.sees("ELSE") {
            while self.sees(";") {
                self.advance();
            }
        }
        Ok(Statement { line, kind })
    }

    fn statement_kind(&mut self) -> Parsed<StatementKind> {
        let first = if self.kind() == Some(Kind::Word) { self.text(0).to_ascii_uppercase() } else { String::new() };
        match first.as_str() {
            "SELECT" | "WITH" => self.query_or_cte_statement(),
            "INSERT" => self.insert(),
            "UPDATE" => self.update(),
            "DELETE" => self.delete(),
            "TRUNCATE" => self.truncate(),
            "CREATE" => self.create(),
            "ALTER" => self.alter(),
            "DROP" => self.drop_statement(),
            "ADD" if self.sees("ADD SENSITIVITY") => self.add_classification(),
            "GRANT" => self.grant(),
            "DENY" => self.deny(),
            "REVOKE" => self.revoke(),
            "EXEC" | "EXECUTE" => self.execute(),
            "REVERT" => self.revert(),
            "USE" => self.use_database(),
            "SET" => self.set(),
            "KILL" => self.kill(),
            "DECLARE" => self.declare(),
            "PRINT" => {
                self.advance();
                Ok(StatementKind::Print(self.scalar()?))
            }
            "RAISERROR" => self.raiserror(),
            "THROW" => self.throw(),
            "IF" => self.if_statement(),
            "WHILE" => {
                self.advance();
                let condition = self.predicate()?;
                Ok(StatementKind::While { condition, body: Box::new(self.body()?) })
            }
            "BREAK" => {
                self.advance();
                Ok(StatementKind::Break)
            }
            "CONTINUE" => {
                self.advance();
                Ok(StatementKind::Continue)
            }
            "RETURN" => {
                self.advance();
                let value = self.begins_scalar().then(|| self.scalar()).transpose()?;
                Ok(StatementKind::Return(value))
            }
            "BEGIN" => self.begin(),
            "COMMIT" | "ROLLBACK" | "SAVE" => self.transaction(),
            "WAITFOR" => self.waitfor(),
            "" if self.sees("(") && self.begins_query() => self.query_or_cte_statement(),
            "" if self.kind() == Some(Kind::Label) => self.outside(),
            "" => Err(self.unexpected()),
            "END" if self.sees("END CONVERSATION") => self.outside(),
            word if super::outside::begins(word) => self.outside(),
            _ => Err(self.unexpected()),
        }
    }

    fn if_statement(&mut self) -> Parsed<StatementKind> {
        self.advance();
        let condition = self.predicate()?;
        let then = Box::new(self.body()?);
        let otherwise = if self.eat("ELSE") { Some(Box::new(self.body()?)) } else { None };
        Ok(StatementKind::If { condition, then, otherwise })
    }

    /// The one statement after IF, ELSE and WHILE. `IF … ; ELSE` is allowed, `IF … ;; ELSE` is not worth the difference.
    fn body(&mut self) -> Parsed<Statement> {
        let statement = self.statement()?;
        if self.sees("; ELSE") {
            self.advance();
        }
        Ok(statement)
    }

    fn begin(&mut self) -> Parsed<StatementKind> {
        self.advance();
        if self.eat("TRY") {
            let mut body = self.statements_until("END TRY")?;
            if self.at_end() && matches!(body.last().map(|s| &s.kind), Some(StatementKind::Outside(_))) {
                return Ok(body.pop().map_or(StatementKind::Empty, |last| last.kind));
            }
            self.expect("END TRY")?;
            self.eat(";");
            self.expect("BEGIN CATCH")?;
            let catch = self.statements_until("END CATCH")?;
            if !matches!(catch.last().map(|s| &s.kind), Some(StatementKind::Outside(_))) {
                self.expect("END CATCH")?;
            }
            return Ok(StatementKind::Try { body, catch });
        }
        if self.sees("DISTRIBUTED TRAN") || self.sees("DISTRIBUTED TRANSACTION") || self.sees("DIALOG") {
            return self.outside();
        }
        if self.sees("CONVERSATION") || self.sees("ATOMIC") {
            return self.outside();
        }
        if self.eat("TRAN") || self.eat("TRANSACTION") {
            let name = self.transaction_name()?;
            if self.eat("WITH") {
                self.expect("MARK")?;
                if self.sees_string() {
                    self.string()?;
                }
                if name.is_none() {
                    // "When WITH MARK is used, a transaction name must be specified."
                    return Ok(StatementKind::Outside("WITH MARK of a transaction without a name".to_owned()));
                }
            }
            return Ok(StatementKind::Begin { name });
        }
        let body = self.statements_until("END")?;
        if body.is_empty() {
            return Err(self.unexpected());
        }
        if !matches!(body.last().map(|s| &s.kind), Some(StatementKind::Outside(_))) {
            self.expect("END")?;
        }
        Ok(StatementKind::Block(body))
    }

    fn statements_until(&mut self, end: &str) -> Parsed<Vec<Statement>> {
        let mut statements = Vec::new();
        loop {
            while self.eat(";") {}
            if self.sees(end) && !self.sees("END CONVERSATION") {
                return Ok(statements);
            }
            if self.at_end() {
                return Err(self.unexpected());
            }
            let statement = self.statement()?;
            let outside = matches!(statement.kind, StatementKind::Outside(_));
            statements.push(statement);
            if outside {
                return Ok(statements);
            }
        }
    }

    fn transaction(&mut self) -> Parsed<StatementKind> {
        let save = self.sees("SAVE");
        let commit = self.sees("COMMIT");
        self.advance();
        let word = self.one_of(&["TRAN", "TRANSACTION", "WORK"]);
        if save && (self.kind() == Some(Kind::Integer) || self.sees("-")) {
            // `5:name`, of old.
            return self.outside();
        }
        if save {
            if word.is_none_or(|word| word == "WORK") {
                return Err(self.unexpected());
            }
            return match self.transaction_name()? {
                Some(name) => Ok(StatementKind::Save { name }),
                None => Err(self.unexpected()),
            };
        }
        let named = matches!(word, Some("TRAN" | "TRANSACTION"));
        let name = if named { self.transaction_name()? } else { None };
        if commit {
            if (named || self.sees("WITH ( DELAYED_DURABILITY")) && self.eat("WITH") {
                self.in_parentheses(|p| {
                    p.expect("DELAYED_DURABILITY =")?;
                    p.on_or_off()
                })?;
            }
            return Ok(StatementKind::Commit { name });
        }
        Ok(StatementKind::Rollback { name })
    }

    fn transaction_name(&mut self) -> Parsed<Option<Expr>> {
        if self.kind() == Some(Kind::Variable) {
            return Ok(Some(Expr::Variable(self.variable()?)));
        }
        if self.sees_name() && !self.begins_statement() {
            let line = self.line();
            let value = self.name()?;
            if value.encode_utf16().count() > 32 {
                let start: String = value.chars().take(32).collect();
                let text = format!("The identifier that starts with '{start}' is too long. Maximum length is 32.");
                return Err(super::SyntaxError { number: 103, state: 1, text, line });
            }
            return Ok(Some(Expr::Text { value, national: true }));
        }
        Ok(None)
    }

    fn waitfor(&mut self) -> Parsed<StatementKind> {
        self.advance();
        if self.eat("DELAY") {
            return Ok(StatementKind::WaitForDelay(self.string_or_variable()?));
        }
        if self.sees("TIME") || self.sees("(") {
            return self.outside();
        }
        Err(self.unexpected())
    }

    fn raiserror(&mut self) -> Parsed<StatementKind> {
        self.advance();
        let mut place = 0;
        let arguments = self.in_parentheses(|p| {
            p.list(|p| {
                place += 1;
                match place {
                    1 if p.sees_string() => p.string_or_variable(),
                    1..=3 => p.integer_or_variable(true),
                    _ => p.literal_or_variable(),
                }
            })
        })?;
        if arguments.len() < 3 {
            return Err(self.unexpected());
        }
        let (mut log, mut set_error) = (false, false);
        if self.eat("WITH") {
            for option in self.list(|p| p.one_of(&["LOG", "NOWAIT", "SETERROR"]).ok_or_else(|| p.unexpected()))? {
                log |= option == "LOG";
                set_error |= option == "SETERROR";
            }
        }
        Ok(StatementKind::RaisError { arguments, log, set_error })
    }

    fn throw(&mut self) -> Parsed<StatementKind> {
        self.advance();
        // What begins otherwise is the next statement.
        if !matches!(self.kind(), Some(Kind::Integer | Kind::Variable)) {
            return Ok(StatementKind::Throw(None));
        }
        let number = self.integer_or_variable(false)?;
        self.expect(",")?;
        let text = self.string_or_variable()?;
        self.expect(",")?;
        Ok(StatementKind::Throw(Some([number, text, self.integer_or_variable(false)?])))
    }
}
