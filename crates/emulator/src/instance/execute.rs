//! How a batch runs: statement after statement, what each says to the client, and what an error ends.

use std::time::Duration;

use super::access::{Identity, Target};
use super::databases;
use super::errors;
use super::permissions::Class;
use super::procedures;
use super::rows::Variables;
use super::session::{InstanceSession, cancelled};
use super::types;
use crate::engine::{Cancel, Isolation, Message, Outcome, Parameter, Request, Statement as Kind};
use crate::tsql::ast::{Argument, Declaration, Expr, ObjectName, SetOption, Statement, StatementKind};
use crate::tsql::parse_batch;
use crate::value::{SqlType, Value};

/// Deepest EXEC within EXEC; the server's limit is 32 as well.
const DEEPEST: usize = 32;

pub struct Run<'a> {
    pub session: &'a mut InstanceSession,
    pub cancel: &'a Cancel,
    pub out: &'a mut dyn FnMut(Outcome),
    pub variables: Variables,
    /// TRY blocks around.
    pub tries: usize,
    /// EXEC levels around.
    pub depth: usize,
}

/// Where to go after a statement.
enum Flow {
    Next,
    Break,
    Continue,
    Return,
    /// The batch ends here.
    Abort,
}

type Step = Result<Flow, Message>;

impl Run<'_> {
    pub fn request(mut self, request: Request) {
        match request {
            Request::Text { text, parameters } => {
                let outputs: Vec<Parameter> = parameters.iter().filter(|p| p.output).cloned().collect();
                for parameter in parameters {
                    self.variables.insert(parameter.name.to_lowercase(), (parameter.sql_type, parameter.value));
                }
                self.batch(&text);
                for parameter in outputs {
                    if let Some((sql_type, value)) = self.variables.get(&parameter.name.to_lowercase()).cloned() {
                        (self.out)(Outcome::OutputParameter { name: parameter.name, sql_type, value });
                    }
                }
            }
            Request::Procedure { name, parameters } => {
                let mut arguments = Vec::new();
                for (i, parameter) in parameters.into_iter().enumerate() {
                    let variable = format!("@__p{i}");
                    self.variables.insert(variable.clone(), (parameter.sql_type, parameter.value));
                    let name = Some(parameter.name).filter(|n| !n.is_empty());
                    arguments.push(Argument { name, value: Some(Expr::Variable(variable)), output: false });
                }
                let parts = super::security_functions::parts_of(&name);
                let name = ObjectName {
                    name: parts.last().cloned().unwrap_or_default(),
                    schema: parts.len().checked_sub(2).map(|i| parts[i].clone()),
                    database: None,
                    server: None,
                };
                let status = match self.procedure(&name, &arguments) {
                    Ok(status) => status,
                    Err(message) => {
                        self.fail(message, Kind::Execute);
                        1
                    }
                };
                (self.out)(Outcome::ReturnStatus(status));
            }
            Request::Begin { isolation: Some(Isolation::Snapshot), .. } => {
                self.fail(errors::outside("SNAPSHOT isolation"), Kind::Begin);
            }
            Request::Begin { name, .. } => {
                if let Some(id) = self.session.begin(&name) {
                    (self.out)(Outcome::TransactionBegan(id));
                }
                self.done(Kind::Begin, None);
            }
            Request::Commit { then_begin } => self.transaction_request(true, then_begin),
            Request::Rollback { name, then_begin } => match self.rolls_back_all(&name) {
                Ok(true) => self.transaction_request(false, then_begin),
                Ok(false) => self.done(Kind::Rollback, None),
                Err(message) => self.fail(message, Kind::Rollback),
            },
            Request::Save { name } => match self.session.save(&name) {
                Ok(()) => self.done(Kind::Other, None),
                Err(message) => self.fail(message, Kind::Other),
            },
        }
    }

    fn transaction_request(&mut self, commit: bool, then_begin: bool) {
        let kind = if commit { Kind::Commit } else { Kind::Rollback };
        match if commit { self.session.commit() } else { self.session.rollback() } {
            Ok(ended) => {
                if let Some(id) = ended {
                    (self.out)(if commit {
                        Outcome::TransactionCommitted(id)
                    } else {
                        Outcome::TransactionRolledBack(id)
                    });
                }
                if then_begin && let Some(id) = self.session.begin("") {
                    (self.out)(Outcome::TransactionBegan(id));
                }
                self.done(kind, None);
            }
            Err(message) => self.fail(message, kind),
        }
    }

    fn batch(&mut self, text: &str) {
        let statements = match parse_batch(text, self.session.settings.quoted_identifiers) {
            Ok(statements) => statements,
            Err(error) => return self.fail(errors::syntax(error), Kind::Other),
        };
        if statements.is_empty() {
            return self.done(Kind::Other, None);
        }
        if let Err(message) = self.block(&statements) {
            self.fail(message, Kind::Other);
        }
        if self.session.is_doomed() {
            if let Err(message) = self.roll_back_all() {
                self.fail(message, Kind::Other);
            }
            let text = "Uncommittable transaction is detected at the end of the batch. The transaction is rolled back.";
            self.fail(Message::new(3998, 16, 1, text), Kind::Other);
        }
    }

    fn done(&mut self, statement: Kind, count: Option<u64>) {
        (self.out)(Outcome::Done {
            statement,
            count: count.filter(|_| !self.session.settings.no_count),
            failed: false,
        });
    }

    fn fail(&mut self, mut message: Message, statement: Kind) {
        self.session.error_number = message.number;
        if message.line == 0 {
            message.line = 1;
        }
        (self.out)(Outcome::Message(message));
        (self.out)(Outcome::Done { statement, count: None, failed: true });
    }

    fn block(&mut self, statements: &[Statement]) -> Step {
        for statement in statements {
            if self.cancel.is_set() || self.session.is_killed() {
                return Err(cancelled());
            }
            match self.statement(statement) {
                Ok(Flow::Next) => {}
                Ok(flow) => return Ok(flow),
                Err(mut message) => {
                    if message.line <= 1 {
                        message.line = statement.line;
                    }
                    // RAISERROR does not heed XACT_ABORT.
                    let aborts =
                        self.session.settings.xact_abort && !matches!(statement.kind, StatementKind::RaisError { .. });
                    if self.tries > 0 && message.number != 0 {
                        if let Some(transaction) = self.session.transaction.as_mut().filter(|_| aborts) {
                            transaction.doomed = true;
                        }
                        return Err(message);
                    }
                    if aborts && self.session.transactions > 0 {
                        self.roll_back_all()?;
                    }
                    let ends = ends_batch(&message) || aborts;
                    self.fail(message, kind_of(&statement.kind));
                    if ends {
                        return Ok(Flow::Abort);
                    }
                }
            }
        }
        Ok(Flow::Next)
    }

    /// Rolls back to the savepoint of that name. True when the whole transaction is meant; 6401 for any other name.
    fn rolls_back_all(&mut self, name: &str) -> Result<bool, Message> {
        if name.is_empty() || self.session.transactions == 0 {
            return Ok(true);
        }
        if self.session.rollback_to(name)? {
            return Ok(false);
        }
        if self.session.is_outermost(name) {
            return Ok(true);
        }
        let text = format!("Cannot roll back {name}. No transaction or savepoint of that name was found.");
        Err(Message::new(6401, 16, 1, text))
    }

    fn roll_back_all(&mut self) -> Result<(), Message> {
        if let Some(id) = self.session.rollback()? {
            (self.out)(Outcome::TransactionRolledBack(id));
        }
        Ok(())
    }

    fn statement(&mut self, statement: &Statement) -> Step {
        let kind = &statement.kind;
        if self.session.settings.implicit_transactions
            && self.session.transactions == 0
            && begins_transaction(kind)
            && let Some(id) = self.session.begin("")
        {
            (self.out)(Outcome::TransactionBegan(id));
        }
        let flow = self.dispatch(kind)?;
        // @@ERROR speaks of the statement before.
        if !matches!(
            kind,
            StatementKind::If { .. }
                | StatementKind::While { .. }
                | StatementKind::Block(_)
                | StatementKind::Try { .. }
        ) {
            self.session.error_number = 0;
        }
        Ok(flow)
    }

    fn dispatch(&mut self, kind: &StatementKind) -> Step {
        use StatementKind as S;
        match kind {
            S::Block(body) => return self.block(body),
            S::If { condition, then, otherwise } => {
                let holds = self.condition(condition)?;
                return match (holds, otherwise) {
                    (true, _) => self.block(std::slice::from_ref(then)),
                    (false, Some(otherwise)) => self.block(std::slice::from_ref(otherwise)),
                    (false, None) => Ok(Flow::Next),
                };
            }
            S::While { condition, body } => return self.while_loop(condition, body),
            S::Break => return Ok(Flow::Break),
            S::Continue => return Ok(Flow::Continue),
            S::Return(value) => {
                // Outside a procedure nobody gets the value, but it may fail.
                if let Some(value) = value {
                    self.value(value)?;
                }
                return Ok(Flow::Return);
            }
            S::Try { body, catch } => return self.try_catch(body, catch),
            S::Select(query) => return self.select(query),
            S::Insert { .. } | S::Update { .. } | S::Delete { .. } | S::Truncate(_) => self.modification(kind)?,
            S::Declare(declarations) => {
                for declaration in declarations {
                    let key = declaration.name.to_lowercase();
                    let sql_type = types::declared(&declaration.sql_type)?.sql_type;
                    let value = match &declaration.value {
                        Some(value) => types::convert(&self.value(value)?.1, sql_type, 0)?,
                        None => Value::Null,
                    };
                    if self.variables.insert(key, (sql_type, value)).is_some() {
                        let text = format!(
                            "The variable name '{}' has already been declared. Variable names must be unique within a query batch or stored procedure.",
                            declaration.name
                        );
                        return Err(Message::new(134, 15, 2, text));
                    }
                }
            }
            S::SetVariable { name, operator, value } => {
                let value = match operator {
                    Some(operator) => Expr::Operation {
                        operator: *operator,
                        left: Box::new(Expr::Variable(name.clone())),
                        right: Box::new(value.clone()),
                    },
                    None => value.clone(),
                };
                let value = self.value(&value)?.1;
                self.assign(name, &value)?;
                self.done(Kind::Other, None);
            }
            S::Print(value) => {
                let value = self.text_of(value)?;
                (self.out)(Outcome::Message(Message::new(
                    0,
                    0,
                    1,
                    if value.is_empty() { " ".to_owned() } else { value },
                )));
                self.done(Kind::Other, None);
            }
            S::RaisError { arguments, log } => self.raise(arguments, *log)?,
            S::Throw(arguments) => return Err(self.thrown(arguments.as_ref())?),
            S::WaitForDelay(delay) => self.wait(delay)?,
            S::Begin { name } => {
                let name = name.as_ref().map(|name| self.text_of(name)).transpose()?.unwrap_or_default();
                if let Some(id) = self.session.begin(&name) {
                    (self.out)(Outcome::TransactionBegan(id));
                }
                self.done(Kind::Begin, None);
            }
            S::Commit => {
                if let Some(id) = self.session.commit()? {
                    (self.out)(Outcome::TransactionCommitted(id));
                }
                self.done(Kind::Commit, None);
            }
            S::Rollback { name } => {
                let name = name.as_ref().map(|name| self.text_of(name)).transpose()?.unwrap_or_default();
                if self.rolls_back_all(&name)? {
                    self.roll_back_all()?;
                }
                self.done(Kind::Rollback, None);
            }
            S::Save { name } => {
                let name = self.text_of(name)?;
                self.session.save(&name)?;
                self.done(Kind::Other, None);
            }
            S::ExecuteText { parts } => {
                let mut text = String::new();
                for part in parts {
                    text.push_str(&self.text_of(part)?);
                }
                return self.nested(&text, Variables::new()).map(|_| Flow::Next);
            }
            S::ExecuteProcedure { result, name, arguments } => {
                let status = self.procedure(name, arguments)?;
                if let Some(variable) = result {
                    self.assign(variable, &Value::Int(status.into()))?;
                }
            }
            S::Use(name) => self.use_database(name)?,
            S::Set(option) => self.set(option)?,
            S::ExecuteAs { login, name, no_revert } => self.execute_as(*login, name, *no_revert)?,
            S::Revert => {
                if self.session.identities.len() > 1 {
                    self.session.identities.pop();
                }
                self.done(Kind::Other, None);
            }
            S::Kill { session } => self.kill(*session)?,
            S::Outside(what) => return Err(errors::outside(what)),
            S::Empty => {}
            definition => {
                self.session.write(self.cancel, |work| define(work, definition))?;
                self.done(Kind::Other, None);
            }
        }
        Ok(Flow::Next)
    }

    fn while_loop(&mut self, condition: &crate::tsql::ast::Predicate, body: &Statement) -> Step {
        while self.condition(condition)? {
            match self.block(std::slice::from_ref(body))? {
                Flow::Break => break,
                Flow::Next | Flow::Continue => {}
                other => return Ok(other),
            }
            if self.cancel.is_set() {
                return Err(cancelled());
            }
        }
        Ok(Flow::Next)
    }

    fn try_catch(&mut self, body: &[Statement], catch: &[Statement]) -> Step {
        self.tries += 1;
        let result = self.block(body);
        self.tries -= 1;
        match result {
            Err(message) if message.number != 0 && message.class < 20 => {
                let outer = self.session.caught.replace(message);
                let flow = self.block(catch);
                self.session.caught = outer;
                flow
            }
            other => other,
        }
    }

    fn condition(&mut self, condition: &crate::tsql::ast::Predicate) -> Result<bool, Message> {
        let variables = &self.variables;
        self.session.read(self.cancel, |work| work.holds(condition, variables))
    }
    fn value(&mut self, expr: &Expr) -> Result<(SqlType, Value), Message> {
        let variables = &self.variables;
        self.session.read(self.cancel, |work| work.evaluate(expr, variables))
    }
    fn text_of(&mut self, expr: &Expr) -> Result<String, Message> {
        let value = self.value(expr)?.1;
        Ok(match types::convert(&value, SqlType::NVarChar(None), 0)? {
            Value::Text(text) => text,
            _ => String::new(),
        })
    }
    fn assign(&mut self, name: &str, value: &Value) -> Result<(), Message> {
        let Some((sql_type, slot)) = self.variables.get_mut(&name.to_lowercase()) else {
            return Err(errors::undeclared(name));
        };
        *slot = types::convert(value, *sql_type, 0)?;
        Ok(())
    }

    fn select(&mut self, query: &crate::tsql::ast::Query) -> Step {
        let variables = &self.variables;
        let mut found = self.session.read(self.cancel, |work| work.select(query, variables))?;
        if has_into(query) {
            return Err(errors::outside("SELECT … INTO"));
        }
        if self.session.settings.row_limit > 0 {
            found.rows.truncate(usize::try_from(self.session.settings.row_limit).unwrap_or(usize::MAX));
        }
        let count = found.rows.len();
        self.session.row_count = i64::try_from(count).unwrap_or(i64::MAX);
        if found.assigns.iter().any(Option::is_some) {
            // The last row's values stay; without rows the variables keep theirs.
            if let Some(row) = found.rows.pop() {
                for (value, assign) in row.iter().zip(&found.assigns) {
                    if let Some((name, _)) = assign {
                        self.assign(name, value)?;
                    }
                }
            }
            self.done(Kind::Select, None);
            return Ok(Flow::Next);
        }
        (self.out)(Outcome::Rows { columns: found.columns, rows: found.rows });
        self.done(Kind::Select, Some(count as u64));
        Ok(Flow::Next)
    }

    fn modification(&mut self, kind: &StatementKind) -> Result<(), Message> {
        let variables = &self.variables;
        let identity_insert = self.session.settings.identity_insert;
        let mut last = None;
        let (statement, count) = match kind {
            StatementKind::Insert { table, columns, source } => {
                let (count, identity) = self.session.write(self.cancel, |work| {
                    let explicit = work.database().ok().and_then(|d| {
                        let schema = table.schema.as_deref().map_or(Some(1), |s| d.schema(s).map(|s| s.id))?;
                        d.table(schema, &table.name).map(|t| (d.id, t.id))
                    });
                    work.insert(table, columns, source, variables, explicit.is_some() && explicit == identity_insert)
                })?;
                last = identity;
                (Kind::Insert, count)
            }
            StatementKind::Update { table, top, set, from, filter } => (
                Kind::Update,
                self.session.write(self.cancel, |work| {
                    work.update(table, top.as_ref(), set, from, filter.as_ref(), variables)
                })?,
            ),
            StatementKind::Delete { table, top, from, filter } => (
                Kind::Delete,
                self.session
                    .write(self.cancel, |work| work.delete(table, top.as_ref(), from, filter.as_ref(), variables))?,
            ),
            StatementKind::Truncate(table) => {
                self.session.write(self.cancel, |work| work.truncate(table, variables))?;
                self.done(Kind::Other, None);
                return Ok(());
            }
            _ => return Err(errors::internal("not a modification")),
        };
        self.session.row_count = i64::try_from(count).unwrap_or(i64::MAX);
        if last.is_some() {
            self.session.last_identity = last;
        }
        self.done(statement, Some(count));
        Ok(())
    }

    // --- EXEC ---

    /// A batch of its own: variables are its own, USE and SET end with it.
    fn nested(&mut self, text: &str, variables: Variables) -> Result<Variables, Message> {
        if self.depth >= DEEPEST {
            return Err(Message::new(
                217,
                16,
                1,
                "Maximum stored procedure, function, trigger, or view nesting level exceeded (limit 32).",
            ));
        }
        let statements = parse_batch(text, self.session.settings.quoted_identifiers).map_err(errors::syntax)?;
        let (database, identities, settings) =
            (self.session.database, self.session.identities.len(), self.session.settings.clone());
        let outer = std::mem::replace(&mut self.variables, variables);
        self.depth += 1;
        let result = self.block(&statements);
        self.depth -= 1;
        let inner = std::mem::replace(&mut self.variables, outer);
        self.session.settings = settings;
        self.session.identities.truncate(identities.max(1));
        if self.session.database != database {
            self.session.database = database;
            self.session.note();
        }
        result.map(|_| inner)
    }

    fn procedure(&mut self, name: &ObjectName, arguments: &[Argument]) -> Result<i32, Message> {
        let system =
            name.schema.as_deref().is_none_or(|s| s.eq_ignore_ascii_case("sys") || s.eq_ignore_ascii_case("dbo"));
        let short = name.name.to_ascii_lowercase();
        if system && short == "sp_executesql" {
            return self.execute_sql(arguments);
        }
        if !system || !procedures::is_known(&short) {
            return Err(Message::new(2812, 16, 62, format!("Could not find stored procedure '{}'.", name.written())));
        }
        let mut given = Vec::new();
        for argument in arguments {
            let value =
                argument.value.as_ref().map(|value| self.value(value)).transpose()?.map_or(Value::Null, |v| v.1);
            given.push((argument.name.clone(), value));
        }
        let given = procedures::bind(&short, &given)?;
        let answer = self.session.write(self.cancel, |work| work.procedure(&short, &given))?;
        if let Some(mut message) = answer.message {
            message.procedure = name.name.clone();
            (self.out)(Outcome::Message(message));
        }
        if !answer.columns.is_empty() {
            let rows = answer.rows.len() as u64;
            (self.out)(Outcome::Rows { columns: answer.columns, rows: answer.rows });
            self.done(Kind::Select, Some(rows));
        }
        self.done(Kind::Execute, None);
        Ok(answer.status)
    }

    /// sp_executesql @statement, @declarations, values by position or name.
    fn execute_sql(&mut self, arguments: &[Argument]) -> Result<i32, Message> {
        let argument = |run: &mut Self, i: usize, name: &str| -> Result<Option<String>, Message> {
            let of = arguments.iter().find(|a| a.name.as_deref().is_some_and(|n| n.eq_ignore_ascii_case(name)));
            match of.or_else(|| arguments.get(i).filter(|a| a.name.is_none())).and_then(|a| a.value.as_ref()) {
                Some(value) => run.text_of(value).map(Some),
                None => Ok(None),
            }
        };
        let Some(text) = argument(self, 0, "@stmt")? else {
            return Err(Message::new(
                201,
                16,
                10,
                "Procedure or function 'sp_executesql' expects parameter '@statement', which was not supplied.",
            ));
        };
        let declarations = argument(self, 1, "@params")?.unwrap_or_default();
        let mut variables = Variables::new();
        let mut back: Vec<(String, String)> = Vec::new();
        if !declarations.trim().is_empty() {
            // OUTPUT stands after a parameter's type; without it a list of parameters reads as DECLARE does.
            let plain = without_output(&declarations);
            let parsed = parse_batch(&format!("DECLARE {plain}"), true).map_err(errors::syntax)?;
            let [Statement { kind: StatementKind::Declare(declared), .. }] = &parsed[..] else {
                return Err(Message::new(102, 15, 1, format!("Incorrect syntax near '{declarations}'.")));
            };
            self.check_arguments(arguments, declared)?;
            for (i, declaration) in declared.iter().enumerate() {
                let sql_type = types::declared(&declaration.sql_type)?.sql_type;
                let by_name = arguments
                    .iter()
                    .skip(2)
                    .find(|a| a.name.as_deref().is_some_and(|n| n.eq_ignore_ascii_case(&declaration.name)));
                let given = by_name.or_else(|| arguments.get(i + 2).filter(|a| a.name.is_none()));
                let value = match given.and_then(|a| a.value.as_ref()) {
                    Some(value) => types::convert(&self.value(value)?.1, sql_type, 0)?,
                    None => {
                        let text = format!(
                            "The parameterized query '({declarations}){text}' expects the parameter '{}', which was not supplied.",
                            declaration.name
                        );
                        return Err(Message::new(8178, 16, 1, text));
                    }
                };
                if let Some(Argument { value: Some(Expr::Variable(outer)), output: true, .. }) = given {
                    back.push((declaration.name.to_lowercase(), outer.clone()));
                }
                variables.insert(declaration.name.to_lowercase(), (sql_type, value));
            }
        }
        let inner = self.nested(&text, variables)?;
        for (from, to) in back {
            if let Some((_, value)) = inner.get(&from) {
                self.assign(&to, value)?;
            }
        }
        Ok(0)
    }

    /// Values of sp_executesql beyond those declared: 8144, or 8145 by name.
    fn check_arguments(&self, arguments: &[Argument], declared: &[Declaration]) -> Result<(), Message> {
        let values = arguments.get(2..).unwrap_or_default();
        let own = ["@stmt", "@statement", "@params"];
        for name in values.iter().filter_map(|a| a.name.as_deref()) {
            let known = |other: &str| other.eq_ignore_ascii_case(name);
            if !own.iter().any(|own| known(own)) && !declared.iter().any(|d| known(&d.name)) {
                return Err(Message::new(8145, 16, 2, format!("{name} is not a parameter for procedure .")));
            }
        }
        if values.len() > declared.len() {
            return Err(Message::new(8144, 16, 2, "Procedure or function  has too many arguments specified."));
        }
        Ok(())
    }

    // --- the session ---

    fn use_database(&mut self, name: &str) -> Result<(), Message> {
        let state = self.session.state();
        let Some(database) = state.database_named(name) else {
            return Err(Message::new(
                911,
                16,
                1,
                format!("Database '{name}' does not exist. Make sure that the name is entered correctly."),
            ));
        };
        if state.token(self.session.identity(), database.id).user.is_none() {
            let login = match self.session.identity() {
                Identity::Login(id) => state.server_principals.get(&id).map_or("", |l| l.name.as_str()),
                Identity::User { .. } => "",
            };
            return Err(databases::no_access(login, &database.name));
        }
        let old = state.database(self.session.database).map_or_else(String::new, |d| d.name.clone());
        self.session.database = database.id;
        self.session.note();
        (self.out)(Outcome::DatabaseChanged { new: database.name.clone(), old });
        (self.out)(Outcome::Message(Message::new(
            5701,
            0,
            2,
            format!("Changed database context to '{}'.", database.name),
        )));
        self.done(Kind::Other, None);
        Ok(())
    }

    fn set(&mut self, option: &SetOption) -> Result<(), Message> {
        match option {
            SetOption::Switch { names, on } => {
                for name in names {
                    match name.as_str() {
                        "QUOTED_IDENTIFIER" => self.session.settings.quoted_identifiers = *on,
                        "ANSI_DEFAULTS" if *on => self.session.settings.quoted_identifiers = true,
                        "NOCOUNT" => self.session.settings.no_count = *on,
                        "XACT_ABORT" => self.session.settings.xact_abort = *on,
                        "IMPLICIT_TRANSACTIONS" => self.session.settings.implicit_transactions = *on,
                        "ANSI_NULLS" | "ANSI_PADDING" | "CONCAT_NULL_YIELDS_NULL" if !*on => {
                            return Err(errors::outside(&format!("SET {name} OFF")));
                        }
                        "FMTONLY" | "NOEXEC" | "PARSEONLY" | "SHOWPLAN_ALL" | "SHOWPLAN_TEXT" | "SHOWPLAN_XML"
                            if *on =>
                        {
                            return Err(errors::outside(&format!("SET {name} ON")));
                        }
                        _ => {}
                    }
                }
            }
            SetOption::Value { name, value } => {
                let (_, value) = self.value(value)?;
                let number = if let Value::Int(n) = value { n } else { 0 };
                match name.as_str() {
                    "LOCK_TIMEOUT" => self.session.settings.lock_timeout = number,
                    "ROWCOUNT" => self.session.settings.row_limit = number,
                    "LANGUAGE" => {
                        let language = if let Value::Text(text) = value { text } else { String::new() };
                        if !matches!(language.to_ascii_lowercase().as_str(), "us_english" | "english") {
                            return Err(errors::outside("languages other than us_english"));
                        }
                        (self.out)(Outcome::LanguageChanged { new: "us_english".into(), old: "us_english".into() });
                        (self.out)(Outcome::Message(Message::new(
                            5703,
                            0,
                            1,
                            "Changed language setting to us_english.",
                        )));
                    }
                    "DATEFIRST" if number != 7 => return Err(errors::outside("SET DATEFIRST other than 7")),
                    "DATEFORMAT" if value != Value::Text("mdy".into()) => {
                        return Err(errors::outside("SET DATEFORMAT other than mdy"));
                    }
                    _ => {}
                }
            }
            // Accepted without effect: writers always exclude each other, and readers see what is committed and wait for
            // rows that another transaction has changed. Reads are not repeatable, whatever the level.
            SetOption::IsolationLevel("SNAPSHOT") => return Err(errors::outside("SNAPSHOT isolation")),
            SetOption::IsolationLevel(_) => {}
            SetOption::IdentityInsert { table, on } => {
                let found = self.session.read(self.cancel, |work| {
                    let database = work.database()?;
                    let schema = table.schema.as_deref().map_or(Some(1), |s| database.schema(s).map(|s| s.id));
                    let found = schema.and_then(|schema| database.table(schema, &table.name).cloned());
                    let may = found.as_ref().is_some_and(|t| work.state.may(&work.token(), Target::in_database(Class::Object, database.id, t.id), "ALTER"));
                    found.filter(|_| may).map(|t| (database.id, t.id)).ok_or_else(|| {
                        Message::new(1088, 16, 11, format!("Cannot find the object \"{}\" because it does not exist or you do not have permissions.", table.written()))
                    })
                })?;
                self.session.settings.identity_insert = on.then_some(found);
            }
        }
        self.done(Kind::Other, None);
        Ok(())
    }

    fn execute_as(&mut self, login: bool, name: &Expr, no_revert: bool) -> Result<(), Message> {
        let name = self.text_of(name)?;
        let state = self.session.state();
        let database = self.session.database;
        let token = state.token(self.session.identity(), database);
        let refused = || {
            let text = format!(
                "Cannot execute as the {} principal because the principal \"{name}\" does not exist, this type of principal cannot be impersonated, or you do not have permission.",
                if login { "server" } else { "database" }
            );
            Message::new(if login { 15406 } else { 15517 }, 16, 1, text)
        };
        let identity = if login {
            let found =
                state.login(&name).filter(|l| state.may(&token, Target::on_server(Class::Login, l.id), "IMPERSONATE"));
            Identity::Login(found.ok_or_else(refused)?.id)
        } else {
            let here = state.database(database).ok_or_else(refused)?;
            let user = here
                .user(&name)
                .filter(|u| state.may(&token, Target::in_database(Class::User, database, u.id), "IMPERSONATE"));
            Identity::User { database, user: user.ok_or_else(refused)?.id }
        };
        if no_revert {
            self.session.identities = vec![identity];
        } else {
            self.session.identities.push(identity);
        }
        self.done(Kind::Other, None);
        Ok(())
    }

    fn kill(&mut self, id: i64) -> Result<(), Message> {
        let may = self.session.read(self.cancel, |work| Ok(work.may_server("ALTER ANY CONNECTION")))?;
        if !may {
            return Err(Message::new(6102, 14, 1, "User does not have permission to use the KILL statement."));
        }
        if !(1..=i64::from(i16::MAX)).contains(&id) {
            return Err(Message::new(6101, 16, 1, format!("Session ID {id} is not valid.")));
        }
        if id < 51 {
            return Err(Message::new(6107, 14, 1, "Only user processes can be killed."));
        }
        let target = u16::try_from(id).ok();
        if target == Some(self.session.id) {
            return Err(Message::new(6104, 16, 1, "Cannot use KILL to kill your own process."));
        }
        if !target.is_some_and(|id| self.session.kill(id)) {
            return Err(Message::new(6106, 16, 2, format!("Process ID {id} is not an active process ID.")));
        }
        self.done(Kind::Other, None);
        Ok(())
    }

    fn wait(&mut self, delay: &Expr) -> Result<(), Message> {
        let text = self.text_of(delay)?;
        let bad =
            || Message::new(148, 15, 1, format!("Incorrect time syntax in time string '{text}' used with WAITFOR."));
        let (_, ticks, _) = super::moments::parse(&text).filter(|_| text.contains(':')).ok_or_else(bad)?;
        let end = self.session.instance.clock.elapsed() + Duration::from_nanos(ticks * 100);
        while self.session.instance.clock.elapsed() < end {
            if self.cancel.is_set() || self.session.is_killed() {
                return Err(cancelled());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        self.done(Kind::Other, None);
        Ok(())
    }

    fn raise(&mut self, arguments: &[Expr], _log: bool) -> Result<(), Message> {
        let mut values = Vec::new();
        for argument in arguments {
            values.push(self.value(argument)?.1);
        }
        let number = |i: usize| if let Some(Value::Int(n)) = values.get(i) { *n } else { 0 };
        let (severity, state) = (number(1).clamp(0, 25), number(2).clamp(0, 255));
        let (number, text) = match values.first() {
            Some(Value::Text(text)) => (50000, formatted(text, values.get(3..).unwrap_or(&[]))),
            _ => return Err(errors::outside("RAISERROR of a message number")),
        };
        if severity >= 19 {
            return Err(Message::new(
                2754,
                16,
                1,
                "Error severity levels greater than 18 can only be specified by members of the sysadmin role, using the WITH LOG option.",
            ));
        }
        let message =
            Message::new(number, u8::try_from(severity).unwrap_or(16), u8::try_from(state).unwrap_or(1), text);
        if message.class > 10 {
            return Err(message);
        }
        (self.out)(Outcome::Message(message));
        self.done(Kind::Other, None);
        Ok(())
    }

    fn thrown(&mut self, arguments: Option<&[Expr; 3]>) -> Result<Message, Message> {
        let Some([number, text, state]) = arguments else {
            return Ok(self.session.caught.clone().unwrap_or_else(|| {
                Message::new(10704, 15, 1, "To rethrow an error, a THROW statement must be used inside a CATCH block. Insert the THROW statement inside a CATCH block, or add error parameters to the THROW statement.")
            }));
        };
        let (number, state) = (self.value(number)?.1, self.value(state)?.1);
        let small = |value: &Value| if let Value::Int(n) = value { *n } else { 0 };
        if small(&number) < 50000 {
            let text = format!(
                "Error number {} in the THROW statement is outside the valid range. Specify an error number in the valid range of 50000 to 2147483647.",
                small(&number)
            );
            return Ok(Message::new(35100, 16, 10, text));
        }
        let text = self.text_of(text)?;
        Ok(Message::new(
            i32::try_from(small(&number)).unwrap_or(50000),
            16,
            u8::try_from(small(&state)).unwrap_or(1),
            text,
        ))
    }
}

/// The statements that change principals, permissions and objects.
fn define(work: &mut super::work::Work<'_>, kind: &StatementKind) -> Result<(), Message> {
    use StatementKind as S;
    match kind {
        S::CreateLogin { name, source } => work.create_login(name, source),
        S::AlterLogin { name, change } => work.alter_login(name, change),
        S::DropLogin { name } => work.drop_login(name),
        S::CreateServerRole { name, owner } => work.create_server_role(name, owner.as_deref()),
        S::CreateRole { name, owner } => work.create_role(name, owner.as_deref()),
        S::AlterRole { server: true, name, change } => work.alter_server_role(name, change),
        S::AlterRole { server: false, name, change } => work.alter_role(name, change),
        S::DropRole { server: true, name, .. } => work.drop_server_role(name),
        S::DropRole { server: false, if_exists, name } => work.drop_role(name, *if_exists),
        S::CreateUser { name, source, options } => work.create_user(name, source, options),
        S::AlterUser { name, options } => work.alter_user(name, options),
        S::DropUser { if_exists, name } => work.drop_user(name, *if_exists),
        S::CreateSchema { name, owner } => work.create_schema(name, owner.as_deref()),
        S::DropSchema { if_exists, name } => work.drop_schema(name, *if_exists),
        S::AlterAuthorization { securable, owner } => work.alter_authorization(securable, owner.as_deref()),
        S::Permission(statement) => work.permission_statement(statement),
        S::CreateTable { name, elements, storage } => work.create_table(name, elements, storage),
        S::AlterTable { name, change } => work.alter_table(name, change),
        S::DropTable { if_exists, names } => names.iter().try_for_each(|name| work.drop_table(name, *if_exists)),
        S::CreateIndex(index) => work.create_index(index),
        S::DropIndex { if_exists, name, table } => work.drop_index(name, table, *if_exists),
        S::CreateView { name, columns, query, change } => work.create_view(name, columns, query, *change),
        S::DropView { if_exists, names } => names.iter().try_for_each(|name| work.drop_view(name, *if_exists)),
        S::CreateDatabase { .. } => Err(errors::outside("CREATE DATABASE")),
        _ => Err(errors::internal("not a definition")),
    }
}

fn kind_of(kind: &StatementKind) -> Kind {
    match kind {
        StatementKind::Select(_) => Kind::Select,
        StatementKind::Insert { .. } => Kind::Insert,
        StatementKind::Update { .. } => Kind::Update,
        StatementKind::Delete { .. } => Kind::Delete,
        StatementKind::ExecuteProcedure { .. } | StatementKind::ExecuteText { .. } => Kind::Execute,
        _ => Kind::Other,
    }
}

/// What an implicit transaction begins with: the list of the documentation of SET IMPLICIT_TRANSACTIONS.
fn begins_transaction(kind: &StatementKind) -> bool {
    use StatementKind as S;
    match kind {
        S::Select(query) => {
            matches!(&query.body, crate::tsql::ast::SetExpression::Select(select) if !select.from.is_empty())
        }
        S::Insert { .. } | S::Update { .. } | S::Delete { .. } | S::Truncate(_) | S::Permission(_) => true,
        // BEGIN TRANSACTION counts twice then.
        S::Begin { .. } => true,
        S::CreateLogin { .. }
        | S::DropLogin { .. }
        | S::CreateServerRole { .. }
        | S::CreateRole { .. }
        | S::DropRole { .. }
        | S::CreateUser { .. }
        | S::DropUser { .. }
        | S::CreateSchema { .. }
        | S::DropSchema { .. }
        | S::CreateTable { .. }
        | S::AlterTable { .. }
        | S::DropTable { .. }
        | S::CreateIndex(_)
        | S::DropIndex { .. }
        | S::CreateView { .. }
        | S::DropView { .. } => true,
        _ => false,
    }
}

/// Errors after which the rest of the batch does not run: names that do not resolve, failed conversions, THROW, cancels.
fn ends_batch(message: &Message) -> bool {
    message.class >= 19
        || message.class == 15
        || matches!(
            message.number,
            0 | 207 | 208 | 209 | 241 | 245 | 911 | 1222 | 3902 | 4104 | 8114 | 8169 | errors::OUTSIDE
        )
        || message.number >= 50001 && message.number != errors::OUTSIDE
}

fn has_into(query: &crate::tsql::ast::Query) -> bool {
    matches!(&query.body, crate::tsql::ast::SetExpression::Select(select) if select.into.is_some())
}

/// `@a int OUTPUT, @b …` as DECLARE would have it.
fn without_output(declarations: &str) -> String {
    let tokens = crate::tsql::lexer::tokens(declarations);
    tokens
        .iter()
        .map(|t| t.text(declarations))
        .filter(|text| {
            !text.eq_ignore_ascii_case("OUTPUT")
                && !text.eq_ignore_ascii_case("OUT")
                && !text.eq_ignore_ascii_case("READONLY")
        })
        .collect()
}

/// `%s`, `%d`, `%i`, `%u` and `%%` of RAISERROR.
fn formatted(text: &str, arguments: &[Value]) -> String {
    let mut result = String::new();
    let mut arguments = arguments.iter();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            result.push(c);
            continue;
        }
        match chars.next() {
            Some('%') => result.push('%'),
            Some('s' | 'd' | 'i' | 'u') => {
                match arguments.next().map(|v| types::convert(v, SqlType::NVarChar(None), 0)) {
                    Some(Ok(Value::Text(text))) => result.push_str(&text),
                    _ => result.push_str("(null)"),
                }
            }
            Some(other) => result.extend(['%', other]),
            None => result.push('%'),
        }
    }
    result
}
