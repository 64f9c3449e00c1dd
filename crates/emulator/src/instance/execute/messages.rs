//! RAISERROR and THROW.

use super::super::errors;
use super::super::types;
use super::{Kind, Run};
use crate::engine::{Message, Outcome};
use crate::tsql::ast::Expr;
use crate::value::{SqlType, Value};

impl Run<'_> {
    pub(super) fn raise(&mut self, arguments: &[Expr], _log: bool) -> Result<(), Message> {
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

    pub(super) fn thrown(&mut self, arguments: Option<&[Expr; 3]>) -> Result<Message, Message> {
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
