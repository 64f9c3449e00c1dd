//! How a batch runs: statement after statement, what each says to the client, and what an error ends.

use std::sync::Arc;

use super::errors::{self, cancelled};
use super::rows::{self, Variables};
use super::session::InstanceSession;
use super::types;
use emulator_ground::engine::{Cancel, Isolation, Message, Outcome, Parameter, Request, Statement as Kind};
use emulator_ground::value::{SqlType, Value};
use emulator_tsql::ast::{Argument, Expr, ObjectName, Statement, StatementKind};

mod messages;
mod prepared;
mod procedures;
mod reading;
mod session;
mod settings;
mod table_variables;

use reading::{begins_transaction, compile, ends_batch, into, kind_of, quoted_identifiers};

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
        self.session.tables = Arc::default();
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
        let statements = match compile(text, self.session.settings.quoted_identifiers) {
            Ok(statements) => statements,
            Err(message) => return self.fail(message, Kind::Other),
        };
        if statements.is_empty() {
            return self.done(Kind::Other, None);
        }
        if let Err(message) = self.block(&statements) {
            self.fail(message, Kind::Other);
        }
        if let Some(on) = quoted_identifiers(&statements) {
            self.session.settings.quoted_identifiers = on;
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

    fn fail(&mut self, message: Message, statement: Kind) {
        let mut message = self.session.instance.world.answered(message);
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
            S::Return(_) => return Ok(Flow::Return),
            S::Try { body, catch } => return self.try_catch(body, catch),
            S::Select(query) => return self.select(query),
            S::Insert { .. } | S::Update { .. } | S::Delete { .. } | S::Truncate(_) => self.modification(kind)?,
            S::Declare(declarations) => {
                for (number, declaration) in (1..).zip(declarations) {
                    let key = declaration.name.to_lowercase();
                    let of = types::declared(&declaration.sql_type, number)?;
                    if matches!(of.name, "text" | "ntext" | "image") {
                        let text = "The text, ntext, and image data types are invalid for local variables.";
                        return Err(Message::new(2739, 16, 1, text));
                    }
                    let sql_type = of.sql_type;
                    let value = match &declaration.value {
                        Some(value) => {
                            let (from, value) = self.value(value)?;
                            types::assigned(&value, from, sql_type)?
                        }
                        None => Value::Null,
                    };
                    let taken = self.session.tables.contains_key(&key);
                    if self.variables.insert(key, (sql_type, value)).is_some() || taken {
                        let text = format!(
                            "The variable name '{}' has already been declared. Variable names must be unique within a query batch or stored procedure.",
                            declaration.name
                        );
                        return Err(Message::new(134, 15, 2, text));
                    }
                }
            }
            S::DeclareTable { name, columns } => self.declare_table(name, columns)?,
            S::InsertVariable { table, columns, rows } => self.insert_into_variable(table, columns, rows)?,
            S::SetVariable { name, operator, value } => {
                let value = match operator {
                    Some(operator) => Expr::Operation {
                        operator: *operator,
                        left: Box::new(Expr::Variable(name.clone())),
                        right: Box::new(value.clone()),
                    },
                    None => value.clone(),
                };
                let (from, value) = self.value(&value)?;
                self.assign(name, from, &value)?;
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
            S::RaisError { arguments, log, set_error } => self.raise(arguments, *log, *set_error)?,
            S::Throw(arguments) => return Err(self.thrown(arguments.as_ref())?),
            S::WaitForDelay(delay) => self.wait(delay)?,
            S::Begin { name } => {
                let name = name.as_ref().map(|name| self.text_of(name)).transpose()?.unwrap_or_default();
                if let Some(id) = self.session.begin(&name) {
                    (self.out)(Outcome::TransactionBegan(id));
                }
                self.done(Kind::Begin, None);
            }
            S::Commit { name } => {
                if let Some(name) = name {
                    self.text_of(name)?;
                }
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
                    self.assign(variable, SqlType::Int, &Value::Int(status.into()))?;
                }
            }
            S::Use(name) => self.use_database(name)?,
            S::Set(option) => self.set(option)?,
            S::ExecuteAs { login, name, no_revert } => self.execute_as(*login, name, *no_revert)?,
            S::Revert => self.revert()?,
            S::Kill { session } => self.kill(*session)?,
            S::AlterDatabase { name, options } => {
                let changed = self.session.write(self.cancel, |work| work.alter_database(name.as_deref(), options));
                if let Err(message) = changed {
                    if matches!(message.number, 226 | errors::OUTSIDE) {
                        return Err(message);
                    }
                    (self.out)(Outcome::Message(message));
                    return Err(Message::new(5069, 16, 1, "ALTER DATABASE statement failed."));
                }
                self.done(Kind::Other, None);
            }
            S::Outside(what) => return Err(errors::outside(what)),
            S::Empty => self.done(Kind::Other, None),
            definition => {
                self.session.write(self.cancel, |work| define(work, definition))?;
                self.done(Kind::Other, None);
            }
        }
        Ok(Flow::Next)
    }

    fn while_loop(&mut self, condition: &emulator_tsql::ast::Predicate, body: &Statement) -> Step {
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
                let outer = self.session.caught.replace(self.session.instance.world.answered(message));
                let flow = self.block(catch);
                self.session.caught = outer;
                flow
            }
            other => other,
        }
    }

    fn condition(&mut self, condition: &emulator_tsql::ast::Predicate) -> Result<bool, Message> {
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
    fn assign(&mut self, name: &str, from: SqlType, value: &Value) -> Result<(), Message> {
        let Some((sql_type, slot)) = self.variables.get_mut(&name.to_lowercase()) else {
            return Err(errors::undeclared(name));
        };
        *slot = types::assigned(value, from, *sql_type)?;
        Ok(())
    }

    fn select(&mut self, query: &emulator_tsql::ast::Query) -> Step {
        let variables = &self.variables;
        if let Some(into) = into(&query.body) {
            if !matches!(&query.body, emulator_tsql::ast::SetExpression::Select(_)) {
                return Err(errors::outside("SELECT INTO of several queries"));
            }
            if self.session.settings.row_limit > 0 {
                return Err(errors::outside("SELECT INTO under SET ROWCOUNT"));
            }
            let count = self.session.write(self.cancel, |work| work.select_into(into, query, variables))?;
            self.session.row_count = i64::try_from(count).unwrap_or(i64::MAX);
            self.done(Kind::Select, Some(count));
            return Ok(Flow::Next);
        }
        let mut found = self.session.read(self.cancel, |work| work.select(query, variables))?;
        if self.session.settings.row_limit > 0 {
            found.rows.truncate(usize::try_from(self.session.settings.row_limit).unwrap_or(usize::MAX));
        }
        let count = found.rows.len();
        self.session.row_count = i64::try_from(count).unwrap_or(i64::MAX);
        if found.assigns.iter().any(Option::is_some) {
            // The last row's values stay; without rows the variables keep theirs.
            if let Some(row) = found.rows.pop() {
                for ((value, assign), column) in row.iter().zip(&found.assigns).zip(&found.columns) {
                    if let Some((name, _)) = assign {
                        self.assign(name, column.sql_type, value)?;
                    }
                }
            }
            self.done(Kind::Select, None);
            return Ok(Flow::Next);
        }
        rows::cut(&mut found, self.session.settings.text_size);
        (self.out)(Outcome::Rows { columns: found.columns, rows: found.rows });
        self.done(Kind::Select, Some(count as u64));
        Ok(Flow::Next)
    }

    fn modification(&mut self, kind: &StatementKind) -> Result<(), Message> {
        let variables = &self.variables;
        let identity_insert = self.session.settings.identity_insert;
        // SET ROWCOUNT stops a modification as it stops a query.
        let row_limit = i32::try_from(self.session.settings.row_limit).ok().filter(|n| *n > 0).map(Expr::Integer);
        let (top, limited) = match kind {
            StatementKind::Update { top, .. } | StatementKind::Delete { top, .. } => {
                (top.as_ref().or(row_limit.as_ref()), top.is_none())
            }
            StatementKind::Truncate(_) => (None, true),
            _ => (None, false),
        };
        if row_limit.is_some() && !limited {
            return Err(errors::outside("INSERT, and TOP of UPDATE and DELETE, under SET ROWCOUNT"));
        }
        let (statement, done) = match kind {
            StatementKind::Insert { table, columns, output, source } => {
                let done = self.session.write(self.cancel, |work| {
                    let explicit =
                        work.database().ok().and_then(|d| work.meant(&d, table).map(|object| (d.id, object.id)));
                    let explicit = explicit.is_some() && explicit == identity_insert;
                    work.insert(table, columns, output, source, variables, explicit)
                })?;
                (Kind::Insert, done)
            }
            StatementKind::Update { with, table, set, output, from, filter, .. } => (
                Kind::Update,
                self.session.write(self.cancel, |work| {
                    work.update(with, table, top, set, output, from, filter.as_ref(), variables)
                })?,
            ),
            StatementKind::Delete { with, table, output, from, filter, .. } => (
                Kind::Delete,
                self.session.write(self.cancel, |work| {
                    work.delete(with, table, top, output, from, filter.as_ref(), variables)
                })?,
            ),
            StatementKind::Truncate(table) => {
                self.session.write(self.cancel, |work| work.truncate(table, variables))?;
                self.done(Kind::Other, None);
                return Ok(());
            }
            _ => return Err(errors::internal("not a modification")),
        };
        let (count, last) = (done.count, done.identity);
        if let Some(found) = done.output {
            (self.out)(Outcome::Rows { columns: found.columns, rows: found.rows });
        }
        self.session.row_count = i64::try_from(count).unwrap_or(i64::MAX);
        if last.is_some() {
            self.session.last_identity = last;
        }
        self.done(statement, Some(count));
        Ok(())
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
        S::CreateTable { name, elements, storage, options } => work.create_table(name, elements, storage, options),
        S::AlterTable { name, change } => work.alter_table(name, change),
        S::DropTable { if_exists, names } => names.iter().try_for_each(|name| work.drop_table(name, *if_exists)),
        S::CreateIndex(index) => work.create_index(index),
        S::DropIndex { if_exists, name, table } => work.drop_index(name, table, *if_exists),
        S::CreateView { name, columns, query, change, text } => work.create_view(name, columns, query, *change, text),
        S::DropView { if_exists, names } => names.iter().try_for_each(|name| work.drop_view(name, *if_exists)),
        S::CreateFunction { name, parameters, schema_bound, query, change, text } => {
            work.create_function(name, parameters, *schema_bound, query, *change, text)
        }
        S::DropFunction { if_exists, names } => names.iter().try_for_each(|name| work.drop_function(name, *if_exists)),
        S::CreateSecurityPolicy { name, predicates, options } => {
            work.create_security_policy(name, predicates, *options)
        }
        S::AlterSecurityPolicy { name, changes, options } => work.alter_security_policy(name, changes, *options),
        S::DropSecurityPolicy { if_exists, name } => work.drop_security_policy(name, *if_exists),
        S::CreateColumnMasterKey(key) => work.create_column_master_key(key),
        S::CreateColumnEncryptionKey { name, master } => work.create_column_encryption_key(name, master),
        S::AddClassification { columns, classification } => work.add_classification(columns, classification),
        S::DropClassification { columns } => work.drop_classification(columns),
        S::CreateDatabase { .. } => Err(errors::outside("CREATE DATABASE")),
        _ => Err(errors::internal("not a definition")),
    }
}
