//! Expressions as the catalog shows them: brackets around names, parentheses around numbers, no blanks around signs.
//!
//! UNCONFIRMED: no page describes the form; it is that of definitions in scripts which tools generate. What is not known
//! of it is shown as it was written.

use super::ast::{BinaryOperator, Comparison, Expr, ObjectName, Predicate, TypeName, When};

/// `([Quantity]*[Price])`, `((0))`; as written where the form of some part is not known.
pub fn of_expression(expr: &Expr, written: &str) -> String {
    expression(expr).map_or_else(|| format!("({written})"), |text| format!("({text})"))
}

pub fn of_condition(condition: &Predicate, written: &str) -> String {
    predicate(condition).map_or_else(|| format!("({written})"), |text| format!("({text})"))
}

/// `([dbo].[f]([a],(1)))`; arguments whose form is not known as they were written.
pub fn of_call(function: &ObjectName, arguments: &[Expr], written: &[String]) -> String {
    let shown = arguments.iter().zip(written).map(|(value, text)| expression(value).unwrap_or_else(|| text.clone()));
    format!("({}({}))", names(function), shown.collect::<Vec<_>>().join(","))
}

fn bracketed(name: &str) -> String {
    format!("[{}]", name.replace(']', "]]"))
}

fn names(name: &ObjectName) -> String {
    let parts = [&name.server, &name.database, &name.schema].into_iter().flatten().map(|part| bracketed(part));
    parts.chain([bracketed(&name.name)]).collect::<Vec<_>>().join(".")
}

fn type_name(name: &TypeName) -> String {
    let sizes: Vec<String> =
        name.arguments.iter().map(|size| size.map_or_else(|| "max".to_owned(), |n| n.to_string())).collect();
    let sizes = if sizes.is_empty() { String::new() } else { format!("({})", sizes.join(",")) };
    format!("{}{sizes}", bracketed(&name.name.name.to_ascii_lowercase()))
}

fn list(all: &[Expr]) -> Option<String> {
    Some(all.iter().map(expression).collect::<Option<Vec<_>>>()?.join(","))
}

fn expression(expr: &Expr) -> Option<String> {
    Some(match expr {
        Expr::Null => "NULL".to_owned(),
        Expr::Integer(n) => format!("({n})"),
        Expr::Number(text) => format!("({text})"),
        Expr::Text { value, national } => {
            format!("{}'{}'", if *national { "N" } else { "" }, value.replace('\'', "''"))
        }
        Expr::Binary(bytes) => format!("0x{}", bytes.iter().map(|b| format!("{b:02X}")).collect::<String>()),
        Expr::Column(name) => names(name),
        Expr::Negate(inner) => match &**inner {
            Expr::Integer(n) => format!("(-{n})"),
            Expr::Number(text) => format!("(-{text})"),
            other => format!("-{}", operand(other, 4)?),
        },
        Expr::Complement(inner) => format!("~{}", operand(inner, 4)?),
        Expr::Operation { operator, left, right } => {
            let strength = strength(*operator);
            format!("{}{}{}", operand(left, strength)?, sign(*operator), operand(right, strength + 1)?)
        }
        Expr::Collate { value, collation } => format!("{} collate {collation}", expression(value)?),
        Expr::Case { operand, branches, otherwise } => {
            let mut text = "case".to_owned();
            if let Some(operand) = operand {
                text.push_str(&format!(" {}", expression(operand)?));
            }
            for (when, then) in branches {
                let when = match when {
                    When::Value(value) => expression(value)?,
                    When::Condition(condition) => predicate(condition)?,
                };
                text.push_str(&format!(" when {when} then {}", expression(then)?));
            }
            if let Some(otherwise) = otherwise {
                text.push_str(&format!(" else {}", expression(otherwise)?));
            }
            format!("{text} end")
        }
        Expr::If { condition, then, otherwise } => format!(
            "case when {} then {} else {} end",
            predicate(condition)?,
            expression(then)?,
            expression(otherwise)?
        ),
        Expr::Convert { value, sql_type, style, attempt } => {
            let style = match style {
                Some(style) => format!(",{}", expression(style)?),
                None => String::new(),
            };
            if *attempt {
                return None;
            }
            format!("CONVERT({},{}{style})", type_name(sql_type), expression(value)?)
        }
        Expr::Call(call) => {
            if call.star || call.distinct || call.over.is_some() || !call.within_group.is_empty() {
                return None;
            }
            let name = call.name.name.to_ascii_lowercase();
            if call.name.schema.is_some() {
                return Some(format!("{}({})", names(&call.name), list(&call.arguments)?));
            }
            match name.as_str() {
                "current_timestamp" => "getdate()".to_owned(),
                "current_user" | "session_user" | "user" => "user_name()".to_owned(),
                "system_user" => "suser_sname()".to_owned(),
                "dateadd" | "datediff" | "datepart" | "datename" => {
                    let [Expr::Column(part), rest @ ..] = &call.arguments[..] else { return None };
                    format!("{name}({},{})", part.name.to_ascii_lowercase(), list(rest)?)
                }
                _ => format!("{name}({})", list(&call.arguments)?),
            }
        }
        _ => return None,
    })
}

/// In parentheses where it would not hold together with a sign of that strength.
fn operand(expr: &Expr, around: u8) -> Option<String> {
    let text = expression(expr)?;
    let weak = matches!(expr, Expr::Operation { operator, .. } if strength(*operator) < around);
    Some(if weak { format!("({text})") } else { text })
}

fn strength(operator: BinaryOperator) -> u8 {
    match operator {
        BinaryOperator::Multiply | BinaryOperator::Divide | BinaryOperator::Modulo => 3,
        _ => 2,
    }
}

fn sign(operator: BinaryOperator) -> &'static str {
    match operator {
        BinaryOperator::Add => "+",
        BinaryOperator::Subtract => "-",
        BinaryOperator::Multiply => "*",
        BinaryOperator::Divide => "/",
        BinaryOperator::Modulo => "%",
        BinaryOperator::And => "&",
        BinaryOperator::Or => "|",
        BinaryOperator::Xor => "^",
        BinaryOperator::Concatenate => "||",
    }
}

fn comparison(operator: Comparison) -> &'static str {
    match operator {
        Comparison::Equal => "=",
        Comparison::NotEqual => "<>",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    }
}

fn predicate(condition: &Predicate) -> Option<String> {
    let inner = |condition: &Predicate| {
        let text = predicate(condition)?;
        // IN is shown as the OR it stands for.
        let is_or = match condition {
            Predicate::Or(_) => true,
            Predicate::InList { list, negated, .. } => list.len() > 1 && !negated,
            _ => false,
        };
        Some(if is_or { format!("({text})") } else { text })
    };
    let not = |negated: bool, text: String| if negated { format!("NOT {text}") } else { text };
    Some(match condition {
        Predicate::Compare { operator, left, right } => {
            format!("{}{}{}", expression(left)?, comparison(*operator), expression(right)?)
        }
        Predicate::IsNull { value, negated } => {
            format!("{} IS {}NULL", expression(value)?, if *negated { "NOT " } else { "" })
        }
        Predicate::Between { value, low, high, negated } => {
            let value = expression(value)?;
            let text = format!("{value}>={} AND {value}<={}", expression(low)?, expression(high)?);
            if *negated { format!("NOT ({text})") } else { text }
        }
        Predicate::InList { value, list, negated } => {
            let value = expression(value)?;
            let equal: Option<Vec<String>> =
                list.iter().rev().map(|item| Some(format!("{value}={}", expression(item)?))).collect();
            let text = equal?.join(" OR ");
            if *negated { format!("NOT ({text})") } else { text }
        }
        Predicate::Like { value, pattern, escape, negated } => {
            let escape = match escape {
                Some(escape) => format!(" escape {}", expression(escape)?),
                None => String::new(),
            };
            not(*negated, format!("{} like {}{escape}", expression(value)?, expression(pattern)?))
        }
        Predicate::Not(negated) => match &**negated {
            Predicate::And(_) | Predicate::Or(_) => format!("NOT ({})", predicate(negated)?),
            other => format!("NOT {}", predicate(other)?),
        },
        Predicate::And(all) => all.iter().map(inner).collect::<Option<Vec<_>>>()?.join(" AND "),
        Predicate::Or(all) => all.iter().map(predicate).collect::<Option<Vec<_>>>()?.join(" OR "),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ast::{StatementKind, TableElement};

    #[test]
    fn definitions_are_shown_in_the_servers_form() {
        for (written, shown) in [
            ("0", "((0))"),
            ("(0)", "((0))"),
            ("-1", "((-1))"),
            ("N'it''s'", "(N'it''s')"),
            ("GETDATE()", "(getdate())"),
            ("CURRENT_TIMESTAMP", "(getdate())"),
            ("a * (b + 1)", "([a]*([b]+(1)))"),
            ("a - (b - c)", "([a]-([b]-[c]))"),
            ("CAST(a AS varchar(10))", "(CONVERT([varchar](10),[a]))"),
            ("DATEADD(Day, 1, d)", "(dateadd(day,(1),[d]))"),
            ("CASE WHEN a > 0 THEN 1 ELSE 2 END", "(case when [a]>(0) then (1) else (2) end)"),
        ] {
            let parsed = crate::parse_batch(&format!("CREATE TABLE t (x AS {written})"), true).expect(written);
            let Some(StatementKind::CreateTable { elements, .. }) = parsed.first().map(|s| &s.kind) else { panic!() };
            let Some(TableElement::Column(column)) = elements.first() else { panic!() };
            let computed = column.computed.as_ref().expect("computed");
            assert_eq!(of_expression(computed, written), shown, "{written}");
        }
        for (written, shown) in [
            ("a < b OR b = 100", "([a]<[b] OR [b]=(100))"),
            ("a BETWEEN 1 AND 2", "([a]>=(1) AND [a]<=(2))"),
            ("a IN ('x', 'y')", "([a]='y' OR [a]='x')"),
            ("a IN (1, 2) AND b = 0", "(([a]=(2) OR [a]=(1)) AND [b]=(0))"),
            ("a NOT LIKE 'x%'", "(NOT [a] like 'x%')"),
            ("a IS NOT NULL AND (b = 1 OR c != 2)", "([a] IS NOT NULL AND ([b]=(1) OR [c]<>(2)))"),
            ("EXISTS (SELECT 1)", "(EXISTS (SELECT 1))"),
        ] {
            let parsed = crate::parse_batch(&format!("IF {written} PRINT 'x'"), true).expect(written);
            let Some(StatementKind::If { condition, .. }) = parsed.first().map(|s| &s.kind) else { panic!() };
            assert_eq!(of_condition(condition, written), shown, "{written}");
        }
    }
}
