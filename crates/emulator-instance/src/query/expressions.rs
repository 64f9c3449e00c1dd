//! Scalar expressions and conditions in SQLite's words, with the type T-SQL gives them.

use super::super::errors;
use super::super::state::same_name;
use super::super::types;
use super::binder::{Binder, Bound};
use super::operands::{coerced, converted, exact_operation, number, unify, word};
use emulator_ground::engine::Message;
use emulator_ground::value::{SqlType, Value};
use emulator_tsql::ast::{BinaryOperator, Comparison, Expr, ObjectName, Predicate, Query, When};

impl Binder<'_> {
    pub fn expression(&mut self, expr: &Expr) -> Result<Bound, Message> {
        // An expression that is itself grouped by needs no aggregate around its columns.
        if let Some(grouped) = &self.grouped {
            let by_expression = grouped.iter().any(|sql| sql.contains('(')) && !matches!(expr, Expr::Column(_));
            if by_expression && !self.in_aggregate {
                let outer = self.grouped.take();
                let bound = self.bind_expression(expr);
                self.grouped = outer;
                if let Ok(bound) = bound
                    && self.grouped.as_ref().is_some_and(|g| g.contains(&bound.sql))
                {
                    return Ok(bound);
                }
            }
        }
        self.bind_expression(expr)
    }

    fn bind_expression(&mut self, expr: &Expr) -> Result<Bound, Message> {
        match expr {
            Expr::Null => Ok(Bound { is_null: true, ..Bound::new("NULL".into(), SqlType::Int, true) }),
            Expr::Integer(n) => {
                let digits = u8::try_from(n.unsigned_abs().to_string().len()).ok();
                Ok(Bound { literal: digits, ..Bound::new(n.to_string(), SqlType::Int, false) })
            }
            Expr::Number(text) => number(text),
            Expr::Real(value) => Ok(Bound::new(format!("{value:?}"), SqlType::Float, false)),
            Expr::Money(text) => {
                let text = if text.is_empty() { "0" } else { text };
                let bound = number(text)?;
                let sql = converted(&bound.sql, bound.sql_type, SqlType::Money, "0", false);
                Ok(Bound { sql_type: SqlType::Money, sql, ..bound })
            }
            Expr::Text { value, national } => {
                let units = u16::try_from(value.encode_utf16().count().max(1)).ok();
                let sql_type = if *national {
                    SqlType::NVarChar(units.filter(|n| *n <= 4000))
                } else {
                    SqlType::VarChar(units.filter(|n| *n <= 8000))
                };
                // Without N it is of the code page from the beginning.
                let sql = if *national { self.text(value) } else { self.text(&types::narrow(value)) };
                Ok(Bound::new(sql, sql_type, false))
            }
            Expr::Binary(bytes) => {
                let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
                let length = u16::try_from(bytes.len().max(1)).ok().filter(|n| *n <= 8000);
                Ok(Bound::new(format!("x'{hex}'"), SqlType::VarBinary(length), false))
            }
            Expr::Variable(name) => {
                let key = name.to_lowercase();
                if let Some(parameters) = &self.parameters {
                    return parameters.get(&key).cloned().ok_or_else(|| errors::undeclared(name));
                }
                let Some((sql_type, value)) = self.variables.get(&key).cloned() else {
                    return Err(errors::undeclared(name));
                };
                let index = self.variables.keys().position(|k| *k == key).unwrap_or(0);
                let sql = self.bind(&format!("v{index}"), value);
                Ok(Bound::new(sql, sql_type, true))
            }
            Expr::Global(name) => self.global(name),
            Expr::Column(name) => self.column(name),
            Expr::Negate(value) => {
                let bound = self.expression(value)?;
                self.numeric(&bound, "minus")?;
                let sql = match types::is_exact(bound.sql_type) {
                    true => format!("f_exact_alone('minus', {}, 0, 0)", bound.sql),
                    false => format!("(-{})", bound.sql),
                };
                Ok(Bound { literal: bound.literal, ..Bound::new(sql, bound.sql_type, bound.nullable) })
            }
            Expr::Complement(value) => {
                let bound = self.expression(value)?;
                self.numeric(&bound, "'~'")?;
                if !types::is_integer(bound.sql_type) {
                    let text =
                        format!("Operand data type {} is invalid for '~' operator.", types::name_of(bound.sql_type));
                    return Err(Message::new(8117, 16, 1, text));
                }
                let sql = if bound.sql_type == SqlType::Bit {
                    format!("(1-{})", bound.sql)
                } else {
                    format!("(~{})", bound.sql)
                };
                Ok(Bound::new(sql, bound.sql_type, bound.nullable))
            }
            Expr::Operation { operator, left, right } => {
                let (left, right) = (self.expression(left)?, self.expression(right)?);
                self.operation(*operator, &left, &right)
            }
            Expr::Collate { value, collation: name } => {
                let bound = self.expression(value)?;
                let name = super::collations::collation_name(name)?.unwrap_or_default();
                if !types::is_text(bound.sql_type) {
                    let of = types::name_of(bound.sql_type);
                    return Err(Message::new(
                        447,
                        16,
                        1,
                        format!("Expression type {of} is invalid for COLLATE clause."),
                    ));
                }
                Ok(Bound { collation: Some(super::collations::collation(&name)), ..bound })
            }
            Expr::Case { operand, branches, otherwise } => {
                self.case(operand.as_deref(), branches, otherwise.as_deref())
            }
            Expr::Convert { value, sql_type, style, attempt } => {
                let bound = self.expression(value)?;
                let target = types::cast_target(sql_type)?;
                let style = match style {
                    Some(style) => self.expression(style)?.sql,
                    None => "0".to_owned(),
                };
                Ok(Bound::new(
                    converted(&bound.sql, bound.sql_type, target, &style, *attempt),
                    target,
                    bound.nullable || *attempt,
                ))
            }
            Expr::If { condition, then, otherwise } => {
                let condition = self.predicate(condition)?;
                let values = [self.expression(then)?, self.expression(otherwise)?];
                let result = unify(values.iter()).unwrap_or_else(|| values[0].clone());
                let [then, otherwise] = values.map(|v| coerced(&v.sql, v.sql_type, result.sql_type));
                Ok(Bound::new(
                    format!("CASE WHEN {condition} THEN {then} ELSE {otherwise} END"),
                    result.sql_type,
                    result.nullable,
                ))
            }
            Expr::Call(call) => self.call(call),
            Expr::Subquery(query) => self.scalar_subquery(query),
            Expr::Outside(what) => Err(errors::outside(what)),
        }
    }

    /// A literal; SQLite's own stop at a NUL character, so such a text travels as a parameter.
    pub(super) fn text(&mut self, value: &str) -> String {
        if value.contains('\0') {
            let index = self.binds.len();
            return self.bind(&format!("t{index}"), Value::Text(value.to_owned()));
        }
        format!("'{}'", value.replace('\'', "''"))
    }

    fn global(&self, name: &str) -> Result<Bound, Message> {
        let (sql_type, value) = self.ambient.global(name)?;
        let nullable = value == Value::Null;
        let sql = match value {
            Value::Int(n) => n.to_string(),
            Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
            Value::Bytes(bytes) => format!("x'{}'", bytes.iter().map(|b| format!("{b:02x}")).collect::<String>()),
            Value::Decimal { unscaled, scale } => format!("'{}'", types::sortable(unscaled, scale)),
            _ => "NULL".to_owned(),
        };
        Ok(Bound::new(sql, sql_type, nullable))
    }

    fn column(&mut self, name: &ObjectName) -> Result<Bound, Message> {
        let qualifier = name.schema.as_deref();
        let mut seen_qualifier = false;
        for depth in (0..self.scopes.len()).rev() {
            let mut found = Vec::new();
            for source in &self.scopes[depth].sources {
                if qualifier.is_some_and(|q| !super::binder::matches_source(source, q, name.database.as_deref())) {
                    continue;
                }
                seen_qualifier |= qualifier.is_some();
                found.extend(source.columns.iter().filter(|c| same_name(&c.name, &name.name)).cloned());
            }
            match found.len() {
                0 => {}
                1 => {
                    // A column of an outer query is a constant here: grouping does not concern it.
                    let outer = depth + 1 < self.scopes.len();
                    let grouped = if outer { self.grouped.take() } else { None };
                    let bound = self.use_column(&found[0]);
                    if outer {
                        self.grouped = grouped;
                    }
                    return bound;
                }
                _ => return Err(Message::new(209, 16, 1, format!("Ambiguous column name '{}'.", name.name))),
            }
            if seen_qualifier {
                break;
            }
        }
        if qualifier.is_some() && !seen_qualifier {
            let text = format!("The multi-part identifier \"{}\" could not be bound.", name.written());
            return Err(Message::new(4104, 16, 1, text));
        }
        Err(errors::invalid_column(&name.name))
    }

    fn numeric(&self, bound: &Bound, operator: &str) -> Result<(), Message> {
        if types::is_number(bound.sql_type) || bound.is_null {
            return Ok(());
        }
        let text = format!("Operand data type {} is invalid for {operator} operator.", types::name_of(bound.sql_type));
        Err(Message::new(8117, 16, 1, text))
    }

    fn operation(&mut self, operator: BinaryOperator, left: &Bound, right: &Bound) -> Result<Bound, Message> {
        let nullable = left.nullable || right.nullable;
        let text = types::is_text(left.sql_type) || types::is_text(right.sql_type);
        let both_text =
            (types::is_text(left.sql_type) || left.is_null) && (types::is_text(right.sql_type) || right.is_null);
        if matches!(operator, BinaryOperator::Add | BinaryOperator::Concatenate) {
            let both_binary = types::is_binary(left.sql_type) && types::is_binary(right.sql_type);
            if operator == BinaryOperator::Concatenate && !both_binary && !(text && both_text) {
                return Err(errors::outside("|| of values that are not texts"));
            }
            if both_text && text {
                let length = types::text_length(left.sql_type)
                    .zip(types::text_length(right.sql_type))
                    .and_then(|(a, b)| a.checked_add(b));
                let national = types::is_national(left.sql_type) || types::is_national(right.sql_type);
                let sql_type = if national {
                    SqlType::NVarChar(length.map(|n| n.min(4000)))
                } else {
                    SqlType::VarChar(length.map(|n| n.min(8000)))
                };
                let mut bound = Bound::new(format!("({} || {})", left.sql, right.sql), sql_type, nullable);
                bound.collation = left.collation.or(right.collation);
                return Ok(bound);
            }
            if types::is_binary(left.sql_type) && types::is_binary(right.sql_type) {
                return Ok(Bound::new(
                    format!("f_join({}, {})", left.sql, right.sql),
                    SqlType::VarBinary(None),
                    nullable,
                ));
            }
            if types::is_moment(left.sql_type) || types::is_moment(right.sql_type) {
                return Err(errors::outside("arithmetic with dates by + and -"));
            }
        }
        let result = if left.is_null {
            right.sql_type
        } else if right.is_null {
            left.sql_type
        } else {
            types::common(left.sql_type, right.sql_type)
        };
        if types::is_exact(result) {
            return exact_operation(operator, left, right, result);
        }
        let (l, r) = (coerced(&left.sql, left.sql_type, result), coerced(&right.sql, right.sql_type, result));
        let sql_type = result;
        if !types::is_number(result) {
            let names = (types::name_of(left.sql_type), types::name_of(right.sql_type));
            let text = format!(
                "The data types {} and {} are incompatible in the {} operator.",
                names.0,
                names.1,
                word(operator)
            );
            return Err(Message::new(402, 16, 1, text));
        }
        let sql = match operator {
            BinaryOperator::Add => format!("({l} + {r})"),
            BinaryOperator::Subtract => format!("({l} - {r})"),
            BinaryOperator::Multiply => format!("({l} * {r})"),
            BinaryOperator::Divide => format!("f_divide({l}, {r}, {})", u8::from(types::is_integer(result))),
            BinaryOperator::Modulo => format!("f_modulo({l}, {r})"),
            BinaryOperator::And => format!("({l} & {r})"),
            BinaryOperator::Or => format!("({l} | {r})"),
            BinaryOperator::Xor => format!("(({l} | {r}) - ({l} & {r}))"),
            BinaryOperator::Concatenate => format!("({l} || {r})"),
        };
        Ok(Bound::new(sql, sql_type, nullable))
    }

    fn case(
        &mut self,
        operand: Option<&Expr>,
        branches: &[(When, Expr)],
        otherwise: Option<&Expr>,
    ) -> Result<Bound, Message> {
        let mut conditions = Vec::new();
        let mut values = Vec::new();
        for (when, then) in branches {
            conditions.push(match (when, operand) {
                (When::Condition(condition), _) => self.predicate(condition)?,
                (When::Value(value), Some(operand)) => {
                    let (left, right) = (self.expression(operand)?, self.expression(value)?);
                    self.compared(Comparison::Equal, &left, &right)
                }
                (When::Value(_), None) => return Err(errors::internal("CASE without its operand")),
            });
            values.push(self.expression(then)?);
        }
        let otherwise = otherwise.map(|value| self.expression(value)).transpose()?;
        let Some(mut result) = unify(values.iter().chain(&otherwise)) else {
            let text = "At least one of the result expressions in a CASE specification must be an expression other than the NULL constant.";
            return Err(Message::new(8133, 16, 1, text));
        };
        result.nullable |= otherwise.is_none();
        let mut sql = String::from("CASE");
        for (condition, value) in conditions.iter().zip(&values) {
            sql.push_str(&format!(" WHEN {condition} THEN {}", coerced(&value.sql, value.sql_type, result.sql_type)));
        }
        if let Some(value) = otherwise {
            sql.push_str(&format!(" ELSE {}", coerced(&value.sql, value.sql_type, result.sql_type)));
        }
        sql.push_str(" END");
        Ok(Bound::new(sql, result.sql_type, result.nullable))
    }

    /// 512 when there are several rows: SQLite would take the first in silence.
    fn scalar_subquery(&mut self, query: &Query) -> Result<Bound, Message> {
        let compiled = self.query(query)?;
        let [column] = &compiled.columns[..] else {
            let text = "Only one expression can be specified in the select list when the subquery is not introduced with EXISTS.";
            return Err(Message::new(116, 16, 1, text));
        };
        let alias = self.alias();
        let sql = format!("(SELECT f_single(COUNT(*), MAX({alias}.c1)) FROM ({}) AS {alias})", compiled.sql);
        Ok(Bound::new(sql, column.sql_type, true))
    }

    pub fn predicate(&mut self, predicate: &Predicate) -> Result<String, Message> {
        let not = |negated: bool| if negated { "NOT " } else { "" };
        Ok(match predicate {
            Predicate::Compare { operator, left, right } => {
                let (left, right) = (self.expression(left)?, self.expression(right)?);
                self.comparable(&left)?;
                self.comparable(&right)?;
                self.compared(*operator, &left, &right)
            }
            Predicate::Quantified { operator, left, all, query } => self.quantified(*operator, left, *all, query)?,
            Predicate::IsNull { value, negated } => {
                format!("({} IS {}NULL)", self.expression(value)?.sql, not(*negated))
            }
            Predicate::Distinct { left, right, negated } => {
                let (left, right) = (self.expression(left)?, self.expression(right)?);
                let common = meet(&left, &right);
                let (l, r) = (coerced(&left.sql, left.sql_type, common), coerced(&right.sql, right.sql_type, common));
                let collate =
                    if types::is_text(common) { format!(" COLLATE {}", left.collate()) } else { String::new() };
                format!("(({l}{collate}) IS {}{r})", not(!*negated))
            }
            Predicate::Like { value, pattern, escape, negated } => {
                let (value, pattern) = (self.expression(value)?, self.expression(pattern)?);
                let escape = match escape {
                    Some(escape) => self.expression(escape)?.sql,
                    None => "NULL".to_owned(),
                };
                let to = SqlType::NVarChar(None);
                let (v, p) = (coerced(&value.sql, value.sql_type, to), coerced(&pattern.sql, pattern.sql_type, to));
                let ignore = u8::from(value.collation.or(pattern.collation).unwrap_or("CI_AS").starts_with("CI"));
                format!("({}f_like({v}, {p}, {escape}, {ignore}))", not(*negated))
            }
            Predicate::Between { value, low, high, negated } => {
                let (value, low, high) = (self.expression(value)?, self.expression(low)?, self.expression(high)?);
                let above = self.compared(Comparison::GreaterOrEqual, &value, &low);
                let below = self.compared(Comparison::LessOrEqual, &value, &high);
                format!("({}({above} AND {below}))", not(*negated))
            }
            Predicate::InList { value, list, negated } => {
                let value = self.expression(value)?;
                let mut parts = Vec::new();
                for item in list {
                    let item = self.expression(item)?;
                    parts.push(self.compared(Comparison::Equal, &value, &item));
                }
                format!("({}({}))", not(*negated), balanced_or(&parts))
            }
            Predicate::InQuery { value, query, negated } => {
                let value = self.expression(value)?;
                let compiled = self.query(query)?;
                let [column] = &compiled.columns[..] else {
                    return Err(Message::new(
                        116,
                        16,
                        1,
                        "Only one expression can be specified in the select list when the subquery is not introduced with EXISTS.",
                    ));
                };
                let common = types::common(value.sql_type, column.sql_type);
                let left = Bound { sql: coerced(&value.sql, value.sql_type, common), sql_type: common, ..value };
                let alias = self.alias();
                let inner = coerced(&format!("{alias}.c1"), column.sql_type, common);
                format!("({} {}IN (SELECT {inner} FROM ({}) AS {alias}))", left.sorted(), not(*negated), compiled.sql)
            }
            Predicate::Exists(query) => {
                let outer = self.grouped.take();
                let compiled = self.query(query);
                self.grouped = outer;
                format!("EXISTS ({})", compiled?.sql)
            }
            Predicate::Not(inner) => format!("(NOT {})", self.predicate(inner)?),
            Predicate::And(all) => self.joined(all, " AND ")?,
            Predicate::Or(all) => {
                let parts: Vec<String> = all.iter().map(|p| self.predicate(p)).collect::<Result<_, _>>()?;
                format!("({})", balanced_or(&parts))
            }
            Predicate::Outside(what) => return Err(errors::outside(what)),
        })
    }

    fn joined(&mut self, all: &[Predicate], word: &str) -> Result<String, Message> {
        let parts: Vec<String> = all.iter().map(|p| self.predicate(p)).collect::<Result<_, _>>()?;
        Ok(format!("({})", parts.join(word)))
    }

    /// xml, and what SQLite could compare but the server does not.
    fn comparable(&self, bound: &Bound) -> Result<(), Message> {
        if bound.sql_type == SqlType::Xml {
            return Err(Message::new(
                305,
                16,
                1,
                "The xml data type cannot be compared or sorted, except when using the IS NULL operator.",
            ));
        }
        Ok(())
    }

    pub(super) fn compared(&self, operator: Comparison, left: &Bound, right: &Bound) -> String {
        let common = meet(left, right);
        let (l, r) = (coerced(&left.sql, left.sql_type, common), coerced(&right.sql, right.sql_type, common));
        let sign = match operator {
            Comparison::Equal => "=",
            Comparison::NotEqual => "<>",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        };
        let variant = match (left.sql_type, right.sql_type) {
            (SqlType::SqlVariant, SqlType::SqlVariant) => None,
            (SqlType::SqlVariant, _) => Some((&left.sql, right.sql_type, true)),
            (_, SqlType::SqlVariant) => Some((&right.sql, left.sql_type, false)),
            _ => None,
        };
        if let Some((variant, other, first)) = variant.filter(|(sql, ..)| *sql != "NULL")
            && (types::is_text(other) || types::is_number(other))
        {
            // Values of different families are never equal: numbers are greater than text, text is greater than bytes
            // ("sql_variant", comparisons).
            let (family, greater) = if types::is_text(other) {
                ("'text'", format!("(typeof({variant}) <> 'blob')"))
            } else {
                ("'integer', 'real'", "0".to_owned())
            };
            let otherwise = match sign {
                "=" => "0".to_owned(),
                "<>" => "1".to_owned(),
                ">" | ">=" if first => greater,
                "<" | "<=" if !first => greater,
                _ => format!("(NOT {greater})"),
            };
            let collate = if types::is_text(other) { " COLLATE CI_AS" } else { "" };
            return format!(
                "(CASE WHEN {variant} IS NULL OR typeof({variant}) IN ({family}) THEN ({l}{collate}) {sign} {r} WHEN {} IS NOT NULL THEN {otherwise} END)",
                if first { &right.sql } else { &left.sql }
            );
        }
        if types::is_text(common) {
            let collate = left.collation.or(right.collation).unwrap_or("CI_AS");
            return format!("(({l} COLLATE {collate}) {sign} {r})");
        }
        format!("({l} {sign} {r})")
    }

    fn quantified(&mut self, operator: Comparison, left: &Expr, all: bool, query: &Query) -> Result<String, Message> {
        let left = self.expression(left)?;
        let compiled = self.query(query)?;
        let Some(column) = compiled.columns.first() else { return Err(errors::internal("a query without columns")) };
        let alias = self.alias();
        let right = Bound::new(format!("{alias}.c1"), column.sql_type, true);
        let comparison = self.compared(operator, &left, &right);
        let from = format!("FROM ({}) AS {alias}", compiled.sql);
        Ok(if all {
            format!("(NOT EXISTS (SELECT 1 {from} WHERE NOT {comparison}))")
        } else {
            format!("EXISTS (SELECT 1 {from} WHERE {comparison})")
        })
    }
}

/// A long OR as a tree, so that SQLite's limit on depth is far away.
fn balanced_or(parts: &[String]) -> String {
    match parts {
        [] => "0".to_owned(),
        [one] => one.clone(),
        many => {
            let (left, right) = many.split_at(many.len() / 2);
            format!("({} OR {})", balanced_or(left), balanced_or(right))
        }
    }
}

fn meet(left: &Bound, right: &Bound) -> SqlType {
    match (left.is_null, right.is_null) {
        (true, _) => right.sql_type,
        (_, true) => left.sql_type,
        _ if left.sql_type == SqlType::SqlVariant => right.sql_type,
        _ if right.sql_type == SqlType::SqlVariant => left.sql_type,
        _ => types::common(left.sql_type, right.sql_type),
    }
}
