//! What a text and its statements are, before they run.

use super::super::errors::{self};
use emulator_ground::engine::{Message, Statement as Kind};
use emulator_tsql::ast::{ObjectName, SetOption, Statement, StatementKind};
use emulator_tsql::parse_batch;

/// The statements of a batch; nothing of it runs where this fails.
pub(super) fn compile(text: &str, quoted_identifiers: bool) -> Result<Vec<Statement>, Message> {
    let statements = parse_batch(text, quoted_identifiers).map_err(errors::syntax)?;
    statements.iter().try_for_each(|statement| in_place(statement, false))?;
    Ok(statements)
}

/// What the grammar takes everywhere and the server does not: BREAK and CONTINUE outside WHILE (135, 136), a value of
/// RETURN outside procedures (178). PARSEONLY acts on the whole batch before any of it runs.
pub(super) fn in_place(statement: &Statement, looping: bool) -> Result<(), Message> {
    let refused = |number, text: &str| Err(Message { line: statement.line, ..Message::new(number, 15, 1, text) });
    let all = |statements: &[Statement]| statements.iter().try_for_each(|inner| in_place(inner, looping));
    match &statement.kind {
        StatementKind::Break if !looping => {
            refused(135, "Cannot use a BREAK statement outside the scope of a WHILE statement.")
        }
        StatementKind::Continue if !looping => {
            refused(136, "Cannot use a CONTINUE statement outside the scope of a WHILE statement.")
        }
        StatementKind::Return(Some(_)) => {
            refused(178, "A RETURN statement with a return value cannot be used in this context.")
        }
        StatementKind::Set(SetOption::Switch { names, on: true }) if names.iter().any(|name| name == "PARSEONLY") => {
            Err(Message { line: statement.line, ..errors::outside("SET PARSEONLY ON") })
        }
        StatementKind::Block(statements) => all(statements),
        StatementKind::Try { body, catch } => all(body).and_then(|()| all(catch)),
        StatementKind::While { body, .. } => in_place(body, true),
        StatementKind::If { then, otherwise, .. } => {
            in_place(then, looping)?;
            otherwise.as_deref().map_or(Ok(()), |otherwise| in_place(otherwise, looping))
        }
        _ => Ok(()),
    }
}

/// What the last SET QUOTED_IDENTIFIER of a batch says, whether it was come to or not: it acts while the text is read.
pub(super) fn quoted_identifiers(statements: &[Statement]) -> Option<bool> {
    let of = |statement: &Statement| match &statement.kind {
        StatementKind::Set(SetOption::Switch { names, on }) => {
            names.iter().any(|name| name == "QUOTED_IDENTIFIER").then_some(*on)
        }
        StatementKind::Block(body) => quoted_identifiers(body),
        StatementKind::Try { body, catch } => quoted_identifiers(catch).or_else(|| quoted_identifiers(body)),
        StatementKind::While { body, .. } => quoted_identifiers(std::slice::from_ref(body)),
        StatementKind::If { then, otherwise, .. } => {
            let otherwise = otherwise.as_deref().map(std::slice::from_ref).and_then(quoted_identifiers);
            otherwise.or_else(|| quoted_identifiers(std::slice::from_ref(then)))
        }
        _ => None,
    };
    statements.iter().rev().find_map(of)
}

pub(super) fn kind_of(kind: &StatementKind) -> Kind {
    match kind {
        StatementKind::Select(_) => Kind::Select,
        StatementKind::Insert { .. } | StatementKind::InsertVariable { .. } => Kind::Insert,
        StatementKind::Update { .. } => Kind::Update,
        StatementKind::Delete { .. } => Kind::Delete,
        StatementKind::ExecuteProcedure { .. } | StatementKind::ExecuteText { .. } => Kind::Execute,
        _ => Kind::Other,
    }
}

/// What an implicit transaction begins with: the list of the documentation of SET IMPLICIT_TRANSACTIONS.
pub(super) fn begins_transaction(kind: &StatementKind) -> bool {
    use StatementKind as S;
    match kind {
        S::Select(query) => {
            matches!(&query.body, emulator_tsql::ast::SetExpression::Select(select) if !select.from.is_empty())
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
        | S::DropView { .. }
        | S::CreateFunction { .. }
        | S::DropFunction { .. }
        | S::CreateSecurityPolicy { .. }
        | S::DropSecurityPolicy { .. } => true,
        _ => false,
    }
}

/// Errors after which the rest of the batch does not run: names that do not resolve, failed conversions, THROW, cancels.
pub(super) fn ends_batch(message: &Message) -> bool {
    message.class >= 19
        || message.class == 15
        || matches!(
            message.number,
            0 | 207 | 208 | 209 | 241 | 245 | 911 | 1222 | 3902 | 4104 | 8114 | 8169 | errors::OUTSIDE
        )
        || message.number >= 50001 && message.number != errors::OUTSIDE
}

/// The table a query's rows go to, wherever in it INTO stands.
pub(super) fn into(body: &emulator_tsql::ast::SetExpression) -> Option<&ObjectName> {
    use emulator_tsql::ast::SetExpression;
    match body {
        SetExpression::Select(select) => select.into.as_ref(),
        SetExpression::Query(query) => into(&query.body),
        SetExpression::Combined { left, right, .. } => into(left).or_else(|| into(right)),
    }
}
