//! `sp_prepare`, `sp_execute`, `sp_prepexec` and `sp_unprepare` as a text calls them. (Those that drivers call by their
//! numbers, the wire resolves: its handles are its own.)

use super::super::prepared::Statement;
use super::super::types;
use super::Run;
use emulator_ground::engine::{Message, Outcome};
use emulator_ground::value::{SqlType, Value};
use emulator_tsql::ast::{Argument, Expr};

impl Run<'_> {
    /// The status, if the procedure is one of these. Their parameters have no names (the pages of the procedures).
    ///
    /// # Errors
    /// 201 for what is missing, 8179 for a handle that is none, 8180 after the error of a text that is no T-SQL.
    pub(super) fn prepared(&mut self, name: &str, arguments: &[Argument]) -> Result<Option<i32>, Message> {
        match name {
            "sp_prepare" | "sp_prepexec" => {
                let missing = |what| missing(name, what);
                let handle = arguments.first().ok_or_else(|| missing("@handle"))?;
                let declarations = self.text_argument(arguments, 1)?.unwrap_or_default();
                let text = self.text_argument(arguments, 2)?.ok_or_else(|| missing("@stmt"))?;
                if let Err(error) = super::reading::compile(&text, self.session.settings.quoted_identifiers) {
                    (self.out)(Outcome::Message(error));
                    return Err(Message::new(8180, 16, 1, "Statement(s) could not be prepared."));
                }
                let kept = &mut self.session.prepared;
                kept.last = kept.last.wrapping_add(1).max(1);
                let number = kept.last;
                kept.statements.insert(number, Statement { declarations, text });
                if let Argument { value: Some(Expr::Variable(variable)), output: true, .. } = handle {
                    self.assign(variable, SqlType::Int, &Value::Int(number.into()))?;
                }
                let run = name == "sp_prepexec";
                if run {
                    self.run_prepared(number, arguments.get(3..).unwrap_or_default()).map(Some)
                } else {
                    Ok(Some(0))
                }
            }
            "sp_execute" => {
                let handle = self.handle(name, arguments)?;
                self.run_prepared(handle, &arguments[1..]).map(Some)
            }
            "sp_unprepare" => {
                let handle = self.handle(name, arguments)?;
                self.session.prepared.statements.remove(&handle).ok_or_else(|| unknown(handle))?;
                Ok(Some(0))
            }
            _ => Ok(None),
        }
    }

    fn run_prepared(&mut self, handle: i32, values: &[Argument]) -> Result<i32, Message> {
        let found = self.session.prepared.statements.get(&handle).cloned();
        let Statement { declarations, text } = found.ok_or_else(|| unknown(handle))?;
        let literal = |value| Argument { name: None, value: Some(Expr::Text { value, national: true }), output: false };
        let mut arguments = vec![literal(text), literal(declarations)];
        arguments.extend_from_slice(values);
        self.execute_sql(&arguments)
    }

    fn handle(&mut self, name: &str, arguments: &[Argument]) -> Result<i32, Message> {
        let value = arguments.first().and_then(|argument| argument.value.as_ref());
        let value = self.value(value.ok_or_else(|| missing(name, "@handle"))?)?.1;
        let Value::Int(handle) = types::convert(&value, SqlType::Int, 0)? else { return Err(unknown(0)) };
        i32::try_from(handle).map_err(|_| unknown(0))
    }

    fn text_argument(&mut self, arguments: &[Argument], at: usize) -> Result<Option<String>, Message> {
        let value = arguments.get(at).and_then(|argument| argument.value.as_ref());
        value.map(|value| self.text_of(value)).transpose()
    }
}

fn missing(procedure: &str, parameter: &str) -> Message {
    let text = format!("Procedure or function '{procedure}' expects parameter '{parameter}', which was not supplied.");
    Message::new(201, 16, 4, text)
}

fn unknown(handle: i32) -> Message {
    Message::new(8179, 16, 4, format!("Could not find prepared statement with handle {handle}."))
}
