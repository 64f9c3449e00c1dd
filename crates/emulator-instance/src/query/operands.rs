//! Operands: the type they meet in, how one becomes it, and exact arithmetic.

use super::super::functions::encode;
use super::super::types;
use super::binder::Bound;
use emulator_ground::engine::Message;
use emulator_ground::value::SqlType;
use emulator_tsql::ast::BinaryOperator;

/// The type several results share; `None` when all are the literal NULL.
pub(super) fn unify<'a>(values: impl Iterator<Item = &'a Bound>) -> Option<Bound> {
    let mut result: Option<Bound> = None;
    let mut nullable = false;
    for value in values {
        nullable |= value.nullable;
        if value.is_null {
            continue;
        }
        result = Some(match result {
            Some(found) => Bound { sql_type: types::common(found.sql_type, value.sql_type), ..found },
            None => value.clone(),
        });
    }
    result.map(|found| Bound { nullable, name: String::new(), identity: false, ..found })
}

/// The text converted where SQLite's own value would not do.
pub fn coerced(sql: &str, from: SqlType, to: SqlType) -> String {
    if same_family(from, to) || sql == "NULL" || to == SqlType::SqlVariant && !types::is_exact(from) {
        return sql.to_owned();
    }
    converted(sql, from, to, "0", false)
}

pub(super) fn converted(sql: &str, from: SqlType, to: SqlType, style: &str, attempt: bool) -> String {
    format!("f_convert({sql}, '{}', '{}', {style}, {})", encode(from), encode(to), u8::from(attempt))
}

pub(super) fn number(text: &str) -> Result<Bound, Message> {
    let digits = text.trim_end_matches('.');
    let (unscaled, scale) = types::parse_decimal(digits).ok_or_else(|| {
        Message::new(
            1007,
            15,
            1,
            format!("The number '{text}' is out of the range for numeric representation (maximum precision 38)."),
        )
    })?;
    let whole = digits.split('.').next().unwrap_or("").trim_start_matches(['-', '0']).len();
    let precision = u8::try_from((whole + usize::from(scale)).clamp(1, 38)).unwrap_or(38);
    let sql = format!("'{}'", types::sortable(unscaled, scale));
    Ok(Bound::new(sql, SqlType::Decimal { precision, scale }, false))
}

/// Arithmetic of decimals and money, exact.
pub(super) fn exact_operation(
    operator: BinaryOperator,
    left: &Bound,
    right: &Bound,
    result: SqlType,
) -> Result<Bound, Message> {
    let sign = match operator {
        BinaryOperator::Add => "+",
        BinaryOperator::Subtract => "-",
        BinaryOperator::Multiply => "*",
        BinaryOperator::Divide => "/",
        BinaryOperator::Modulo => "%",
        _ => {
            let (left, right) = (types::name_of(left.sql_type), types::name_of(right.sql_type));
            let text =
                format!("The data types {left} and {right} are incompatible in the {} operator.", word(operator));
            return Err(Message::new(402, 16, 1, text));
        }
    };
    let sql_type = arithmetic_type(operator, left, right, result);
    let side = |bound: &Bound| {
        let own = types::whole_digits(bound.sql_type).map(|(precision, scale)| SqlType::Decimal { precision, scale });
        let to = if types::is_exact(bound.sql_type) { bound.sql_type } else { own.unwrap_or(result) };
        coerced(&bound.sql, bound.sql_type, to)
    };
    let (precision, scale) = types::exact(sql_type).unwrap_or((38, 0));
    let sql = format!("f_exact('{sign}', {}, {}, {precision}, {scale})", side(left), side(right));
    Ok(Bound::new(sql, sql_type, left.nullable || right.nullable))
}

/// Precision and scale of results as the documentation page "Precision, scale, and length" gives them. A whole number
/// written as a constant has as many digits as it shows.
pub(super) fn arithmetic_type(operator: BinaryOperator, left: &Bound, right: &Bound, common: SqlType) -> SqlType {
    let SqlType::Decimal { .. } = common else { return common };
    let of = |bound: &Bound| {
        let digits = bound.literal.map(|digits| (digits, 0));
        let (precision, scale) =
            digits.or(types::exact(bound.sql_type)).or(types::whole_digits(bound.sql_type)).unwrap_or((10, 0));
        (i32::from(precision), i32::from(scale))
    };
    let ((p1, s1), (p2, s2)) = (of(left), of(right));
    let (precision, scale) = match operator {
        BinaryOperator::Multiply => (p1 + p2 + 1, s1 + s2),
        BinaryOperator::Divide => (p1 - s1 + s2 + 6.max(s1 + p2 + 1), 6.max(s1 + p2 + 1)),
        BinaryOperator::Modulo => ((p1 - s1).min(p2 - s2) + s1.max(s2), s1.max(s2)),
        _ => (s1.max(s2) + (p1 - s1).max(p2 - s2) + 1, s1.max(s2)),
    };
    let scale = if precision > 38 { (scale - (precision - 38)).max(scale.min(6)) } else { scale };
    let small = |n: i32| u8::try_from(n.clamp(0, 38)).unwrap_or(38);
    SqlType::Decimal { precision: small(precision.max(1)), scale: small(scale) }
}

pub(super) fn word(operator: BinaryOperator) -> &'static str {
    match operator {
        BinaryOperator::Add => "add",
        BinaryOperator::Subtract => "subtract",
        BinaryOperator::Multiply => "multiply",
        BinaryOperator::Divide => "divide",
        BinaryOperator::Modulo => "modulo",
        BinaryOperator::And => "'&'",
        BinaryOperator::Or => "'|'",
        BinaryOperator::Xor => "'^'",
        BinaryOperator::Concatenate => "concat",
    }
}

/// Whether types differ enough that SQLite needs a conversion written out.
fn same_family(a: SqlType, b: SqlType) -> bool {
    a == b
        || (types::is_text(a) && types::is_text(b))
        || (types::is_number(a) && types::is_number(b) && !types::is_exact(a) && !types::is_exact(b))
        || types::exact(a).zip(types::exact(b)).is_some_and(|((_, from), (_, to))| from <= to)
        || (types::is_binary(a) && types::is_binary(b))
}
