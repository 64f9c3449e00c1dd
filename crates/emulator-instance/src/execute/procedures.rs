//! EXEC of texts and system procedures.

use super::super::errors;
use super::super::procedures;
use super::super::rows::Variables;
use super::super::state::same_name;
use super::super::types;
use super::{Kind, Run};
use emulator_ground::engine::Session as _;
use emulator_ground::engine::{Message, Outcome};
use emulator_ground::value::Value;
use emulator_tsql::ast::{Argument, Declaration, Expr, ObjectName, Statement, StatementKind};
use emulator_tsql::parse_batch;

/// Deepest EXEC within EXEC; the server's limit is 32 as well.
const DEEPEST: usize = 32;

impl Run<'_> {
    /// A batch of its own: variables are its own, USE and SET end with it.
    pub(super) fn nested(&mut self, text: &str, variables: Variables) -> Result<Variables, Message> {
        if self.depth >= DEEPEST {
            return Err(Message::new(
                217,
                16,
                1,
                "Maximum stored procedure, function, trigger, or view nesting level exceeded (limit 32).",
            ));
        }
        let statements = super::reading::compile(text, self.session.settings.quoted_identifiers)?;
        let (database, identities, settings) =
            (self.session.database, self.session.identities.len(), self.session.settings.clone());
        let outer = std::mem::replace(&mut self.variables, variables);
        let tables = std::mem::take(&mut self.session.tables);
        self.depth += 1;
        let result = self.block(&statements);
        self.depth -= 1;
        let inner = std::mem::replace(&mut self.variables, outer);
        self.session.tables = tables;
        self.session.settings = settings;
        self.session.identities.truncate(identities.max(1));
        if self.session.database != database {
            self.session.database = database;
            self.session.note();
        }
        result.map(|_| inner)
    }

    pub(super) fn procedure(&mut self, name: &ObjectName, arguments: &[Argument]) -> Result<i32, Message> {
        let system =
            name.schema.as_deref().is_none_or(|s| s.eq_ignore_ascii_case("sys") || s.eq_ignore_ascii_case("dbo"));
        let short = name.name.to_ascii_lowercase();
        if system && short == "sp_executesql" {
            return self.execute_sql(arguments);
        }
        if system && let Some(status) = self.prepared(&short, arguments)? {
            self.done(Kind::Execute, None);
            return Ok(status);
        }
        if name.server.is_some() {
            return Err(errors::outside("linked servers"));
        }
        let (elsewhere, msdb) = self.procedure_home(name.database.as_deref());
        if system && (elsewhere && procedures::is_known(&short) || procedures::exists_on_server(&short, msdb)) {
            return Err(errors::outside(&format!("the procedure {}", name.written())));
        }
        if !system || !procedures::is_known(&short) {
            return Err(Message::new(2812, 16, 62, format!("Could not find stored procedure '{}'.", name.written())));
        }
        // None of these has a parameter that gives something back.
        if let Some(argument) = arguments.iter().find(|argument| argument.output) {
            return Err(no_output(argument.name.as_deref().unwrap_or("")));
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

    /// Whether a procedure's name is qualified with another database than the current one, and whether it is looked for
    /// in msdb.
    fn procedure_home(&self, database: Option<&str>) -> (bool, bool) {
        let current = self.session.database();
        let home = database.unwrap_or(&current);
        (!same_name(home, &current), same_name(home, "msdb"))
    }

    /// sp_executesql @statement, @declarations, values by position or name.
    pub(super) fn execute_sql(&mut self, arguments: &[Argument]) -> Result<i32, Message> {
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
            let (plain, outputs) = without_output(&declarations)?;
            let parsed = parse_batch(&format!("DECLARE {plain}"), true).map_err(errors::syntax)?;
            let [Statement { kind: StatementKind::Declare(declared), .. }] = &parsed[..] else {
                return Err(Message::new(102, 15, 1, format!("Incorrect syntax near '{declarations}'.")));
            };
            self.check_arguments(arguments, declared)?;
            for (i, declaration) in declared.iter().enumerate() {
                let sql_type = types::declared(&declaration.sql_type, i + 1)?.sql_type;
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
                let gives = outputs.get(i).is_some_and(|output| *output);
                if given.is_some_and(|argument| argument.output) && !gives {
                    return Err(no_output(&declaration.name));
                }
                if let Some(Argument { value: Some(Expr::Variable(outer)), output: true, .. }) = given {
                    back.push((declaration.name.to_lowercase(), outer.clone()));
                }
                variables.insert(declaration.name.to_lowercase(), (sql_type, value));
            }
        }
        let inner = self.nested(&text, variables)?;
        for (from, to) in back {
            if let Some((sql_type, value)) = inner.get(&from) {
                self.assign(&to, *sql_type, value)?;
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
}

/// 8162 for a value that is to come back where none does.
fn no_output(parameter: &str) -> Message {
    let text = format!(
        "The formal parameter \"{parameter}\" was not declared as an OUTPUT parameter, but the actual parameter passed in requested output."
    );
    Message::new(8162, 16, 2, text)
}

/// `@a int OUTPUT, @b …` as DECLARE would have it, and which of them give something back. 346 for READONLY, since no
/// table type is there.
fn without_output(declarations: &str) -> Result<(String, Vec<bool>), Message> {
    let mut plain = String::new();
    let (mut outputs, mut depth, mut name) = (vec![false], 0usize, String::new());
    for token in emulator_tsql::lexer::tokens(declarations) {
        let text = token.text(declarations);
        match text {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            "," if depth == 0 => outputs.push(false),
            _ if text.starts_with('@') => text.clone_into(&mut name),
            _ => {}
        }
        if text.eq_ignore_ascii_case("READONLY") {
            let text = format!(
                "The parameter \"{name}\" can not be declared READONLY since it is not a table-valued parameter."
            );
            return Err(Message::new(346, 15, 1, text));
        }
        if text.eq_ignore_ascii_case("OUTPUT") || text.eq_ignore_ascii_case("OUT") {
            if let Some(last) = outputs.last_mut() {
                *last = true;
            }
        } else {
            plain.push_str(text);
        }
    }
    Ok((plain, outputs))
}
