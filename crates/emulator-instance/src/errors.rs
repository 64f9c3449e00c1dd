//! The server's messages that more than one place raises, and the emulator's own.

use emulator_ground::engine::Message;
use emulator_tsql::SyntaxError;

/// The emulator's own number: good T-SQL that it does not emulate.
pub const OUTSIDE: i32 = 50900;

pub fn outside(what: &str) -> Message {
    Message::new(OUTSIDE, 16, 1, format!("Outside the emulator's subset: {what}."))
}
/// SQLite or the emulator itself failed where the server would not have.
pub fn internal(what: impl std::fmt::Display) -> Message {
    Message::new(50901, 16, 1, format!("The emulator failed: {what}"))
}
pub fn syntax(error: SyntaxError) -> Message {
    let class = if error.number == 13509 { 16 } else { 15 };
    Message { line: error.line, ..Message::new(error.number, class, error.state, error.text) }
}
/// 1039 for an option that is there twice. UNCONFIRMED: the text of the number says so, no page of a statement does.
pub fn once(options: impl Iterator<Item = &'static str>) -> Result<(), Message> {
    let mut seen = Vec::new();
    for option in options {
        if seen.contains(&option) {
            return Err(Message::new(1039, 16, 1, format!("Option '{option}' is specified more than once.")));
        }
        seen.push(option);
    }
    Ok(())
}
pub fn overflow(to: &str) -> Message {
    Message::new(8115, 16, 2, format!("Arithmetic overflow error converting expression to data type {to}."))
}
/// 15151: absent or forbidden, deliberately not told apart.
pub fn cannot(verb: &str, kind: &str, name: &str) -> Message {
    let text = format!("Cannot {verb} the {kind} '{name}', because it does not exist or you do not have permission.");
    Message::new(15151, 16, 1, text)
}
/// 15405: not to be made, mapped or put into a role.
pub fn unusable(name: &str) -> Message {
    Message::new(15405, 11, 1, format!("Cannot use the special principal '{name}'."))
}
/// Names that begin with `##MS_` are the server's own. UNCONFIRMED: which number says so to whoever wants another one.
pub fn not_reserved(name: &str) -> Result<(), Message> {
    let is_reserved = name.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("##MS_"));
    if is_reserved { Err(unusable(name)) } else { Ok(()) }
}
pub fn special_principal(verb: &str, kind: &str, name: &str) -> Message {
    Message::new(15150, 16, 1, format!("Cannot {verb} the {kind} '{name}'."))
}
pub fn invalid_object(name: &str) -> Message {
    Message::new(208, 16, 1, format!("Invalid object name '{name}'."))
}
pub fn invalid_column(name: &str) -> Message {
    Message::new(207, 16, 1, format!("Invalid column name '{name}'."))
}
pub fn object_denied(permission: &str, object: &str, database: &str, schema: &str) -> Message {
    let text = format!(
        "The {permission} permission was denied on the object '{object}', database '{database}', schema '{schema}'."
    );
    Message::new(229, 14, 5, text)
}
pub fn database_denied(permission: &str, database: &str) -> Message {
    Message::new(262, 14, 1, format!("{permission} permission denied in database '{database}'."))
}
pub fn server_denied(permission: &str, database: &str) -> Message {
    let text = format!("{permission} permission was denied on object 'server', database '{database}'.");
    Message::new(300, 14, 1, text)
}
pub fn action_denied() -> Message {
    Message::new(15247, 16, 1, "User does not have permission to perform this action.")
}
pub fn undeclared(variable: &str) -> Message {
    Message::new(137, 15, 2, format!("Must declare the scalar variable \"{variable}\"."))
}
pub fn login_failed(user: &str) -> Message {
    Message::new(18456, 14, 1, format!("Login failed for user '{user}'."))
}
pub fn cannot_open_database(name: &str) -> Message {
    let text = format!("Cannot open database \"{name}\" requested by the login. The login failed.");
    Message::new(4060, 11, 1, text)
}

/// 916: the login has no user there.
pub fn no_access(login: &str, database: &str) -> Message {
    let text = format!(
        "The server principal \"{login}\" is not able to access the database \"{database}\" under the current security context."
    );
    Message::new(916, 14, 2, text)
}

/// 0 is the number a cancelled statement carries; the wire answers an attention in its own way.
pub fn cancelled() -> Message {
    Message::new(0, 11, 0, "Operation cancelled by user.")
}
