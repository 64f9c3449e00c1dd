//! RAISERROR and THROW.

use super::super::errors;
use super::{Kind, Run};
use emulator_ground::engine::{Message, Outcome};
use emulator_ground::value::Value;
use emulator_tsql::ast::Expr;

impl Run<'_> {
    /// 2778 for LOG of who is no administrator, 2786 and 2787 for what does not fit the text.
    pub(super) fn raise(&mut self, arguments: &[Expr], log: bool, set_error: bool) -> Result<(), Message> {
        // Nobody reads the log here; who may write into it is the server's to say.
        let may = !log || self.session.read(self.cancel, |work| Ok(work.may_server("ALTER TRACE")))?;
        if !may {
            let text = "Only System Administrator can specify WITH LOG option for RAISERROR command.";
            return Err(Message::new(2778, 16, 1, text));
        }
        let mut values = Vec::new();
        for argument in arguments {
            values.push(self.value(argument)?.1);
        }
        let number = |i: usize| if let Some(Value::Int(n)) = values.get(i) { *n } else { 0 };
        // A negative state is 1, as the page says.
        let (severity, state) = (number(1).clamp(0, 25), if number(2) < 0 { 1 } else { number(2).min(255) });
        let (number, text) = match values.first() {
            Some(Value::Text(text)) => (50000, formatted(text, values.get(3..).unwrap_or(&[]))?),
            _ => return Err(errors::outside("RAISERROR of a message number")),
        };
        if log && severity >= 19 {
            return Err(errors::outside("RAISERROR of a severity from 19 on"));
        }
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
        if set_error {
            return Err(errors::outside("SETERROR of a message that is no error"));
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

/// `%s`, `%d`, `%i`, `%u` and `%%` of RAISERROR. Widths, flags and other types are outside the subset.
fn formatted(text: &str, arguments: &[Value]) -> Result<String, Message> {
    let mut result = String::new();
    let mut arguments = (1..).zip(arguments);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            result.push(c);
            continue;
        }
        match chars.next() {
            Some('%') => result.push('%'),
            Some(of @ ('s' | 'd' | 'i' | 'u')) => match arguments.next() {
                None | Some((_, Value::Null)) => result.push_str("(null)"),
                Some((_, Value::Text(text))) if of == 's' => result.push_str(text),
                Some((_, Value::Int(n))) if of != 's' && (of != 'u' || *n >= 0) => result.push_str(&n.to_string()),
                Some((_, Value::Int(_))) if of == 'u' => return Err(errors::outside("%u of a negative number")),
                Some((place, _)) => {
                    let text = format!(
                        "The data type of substitution parameter {place} does not match the expected type of the format specification."
                    );
                    return Err(Message::new(2786, 16, 1, text));
                }
            },
            Some('-' | '+' | '0'..='9' | '#' | ' ' | '.' | '*' | 'h' | 'l' | 'I' | 'o' | 'x' | 'X') => {
                return Err(errors::outside("RAISERROR with widths, flags and other types than s, d, i and u"));
            }
            other => {
                let shown = other.map_or_else(|| "%".to_owned(), |c| format!("%{c}"));
                return Err(Message::new(2787, 16, 1, format!("Invalid format specification: '{shown}'.")));
            }
        }
    }
    Ok(result)
}
