//! UNION, EXCEPT and INTERSECT.

use super::super::errors;
use super::super::state::same_name;
use super::super::types;
use super::binder::{Binder, Compiled, empty_query};
use super::operands::coerced;
use emulator_ground::engine::Message;
use emulator_ground::value::Column;
use emulator_tsql::ast::{Expr, OrderItem, SetExpression, SetOperator};

impl Binder<'_> {
    pub(super) fn combined(&mut self, body: &SetExpression) -> Result<Compiled, Message> {
        match body {
            SetExpression::Select(select) => self.select(select, &empty_query()),
            SetExpression::Query(query) => self.query(query),
            SetExpression::Combined { operator, left, right } => {
                let (left, right) = (self.combined(left)?, self.combined(right)?);
                if left.masks.iter().chain(&right.masks).any(Option::is_some) {
                    return Err(errors::outside("a masked column in a set operation"));
                }
                if left.columns.len() != right.columns.len() {
                    return Err(unequal());
                }
                let columns: Vec<Column> = left
                    .columns
                    .iter()
                    .zip(&right.columns)
                    .map(|(l, r)| Column {
                        name: l.name.clone(),
                        sql_type: types::common(l.sql_type, r.sql_type),
                        nullable: l.nullable || r.nullable,
                        identity: false,
                    })
                    .collect();
                let word = match operator {
                    SetOperator::Union => "UNION",
                    SetOperator::UnionAll => "UNION ALL",
                    SetOperator::Except => "EXCEPT",
                    SetOperator::Intersect => "INTERSECT",
                    SetOperator::ExceptAll | SetOperator::IntersectAll => {
                        let text = format!(
                            "The 'ALL' version of the {} operator is not supported.",
                            if *operator == SetOperator::ExceptAll { "EXCEPT" } else { "INTERSECT" }
                        );
                        return Err(Message::new(324, 15, 1, text));
                    }
                };
                let side = |this: &mut Self, compiled: &Compiled| {
                    let alias = this.alias();
                    let items: Vec<String> = compiled
                        .columns
                        .iter()
                        .zip(&columns)
                        .enumerate()
                        .map(|(i, (from, to))| {
                            let sql = coerced(&format!("{alias}.c{}", i + 1), from.sql_type, to.sql_type);
                            let collate = if types::is_text(to.sql_type) { " COLLATE CI_AS" } else { "" };
                            format!("{sql}{collate} AS c{}", i + 1)
                        })
                        .collect();
                    format!("SELECT {} FROM ({}) AS {alias}", items.join(", "), compiled.sql)
                };
                let (l, r) = (side(self, &left), side(self, &right));
                let alias = self.alias();
                let all: Vec<String> = (1..=columns.len()).map(|i| format!("{alias}.c{i} AS c{i}")).collect();
                let sql = format!("SELECT {} FROM ({l} {word} {r}) AS {alias}", all.join(", "));
                let assigns = columns.iter().map(|_| None).collect();
                Ok(Compiled { sql, columns, assigns, masks: Vec::new() })
            }
        }
    }

    /// ORDER BY over a set operation: output names and positions only.
    pub(super) fn positional_order(&self, items: &[OrderItem], columns: &[Column]) -> Result<String, Message> {
        if items.is_empty() {
            return Ok(String::new());
        }
        let parts: Result<Vec<String>, Message> = items
            .iter()
            .map(|item| {
                let position = match &item.value {
                    Expr::Integer(n) => usize::try_from(*n).ok().filter(|n| (1..=columns.len()).contains(n)),
                    Expr::Column(name) => columns.iter().position(|c| same_name(&c.name, &name.name)).map(|i| i + 1),
                    _ => None,
                };
                let position = position.ok_or_else(|| {
                    Message::new(104, 16, 1, "ORDER BY items must appear in the select list if the statement contains a UNION, INTERSECT or EXCEPT operator.")
                })?;
                Ok(format!("{position}{}", if item.descending { " DESC" } else { "" }))
            })
            .collect();
        Ok(format!(" ORDER BY {}", parts?.join(", ")))
    }
}

pub(super) fn unequal() -> Message {
    let text = "All queries combined using a UNION, INTERSECT or EXCEPT operator must have an equal number of \
                expressions in their target lists.";
    Message::new(205, 16, 1, text)
}
