//! ORDER BY, TOP, OFFSET and FETCH.

use super::super::errors;
use super::super::state::same_name;
use super::super::types;
use super::{Binder, Bound};
use crate::engine::Message;
use crate::tsql::ast::{Expr, OrderItem, Query, Select};
use crate::value::{SqlType, Value};

/// The least that TOP may say, and the error below it.
pub const LEAST_TOP: (i64, i32, &str) = (0, 127, "A TOP N or FETCH rowcount value may not be negative.");

impl Binder<'_> {
    /// TOP, or OFFSET and FETCH, with the order.
    pub(super) fn limited(
        &mut self,
        sql: String,
        select: &Select,
        query: &Query,
        order: &[String],
        columns: usize,
    ) -> Result<String, Message> {
        let order_sql = if order.is_empty() { String::new() } else { format!(" ORDER BY {}", order.join(", ")) };
        let Some(top) = &select.top else {
            return Ok(format!("{sql}{order_sql}{}", self.page(query)?));
        };
        if query.offset.is_some() {
            return Err(Message::new(
                10741,
                15,
                1,
                "A TOP can not be used in the same query or sub-query as a OFFSET.",
            ));
        }
        if top.with_ties && order.is_empty() {
            return Err(Message::new(
                1062,
                16,
                1,
                "The TOP N WITH TIES clause is not allowed without a corresponding ORDER BY clause.",
            ));
        }
        if top.percent {
            return match top.count {
                Expr::Integer(100) => Ok(format!("{sql}{order_sql}")),
                Expr::Integer(share) if !(0..=100).contains(&share) => {
                    Err(Message::new(1031, 15, 1, "Percent values must be between 0 and 100."))
                }
                _ => Err(errors::outside("TOP … PERCENT")),
            };
        }
        let count = self.row_count(&top.count, LEAST_TOP)?;
        if !top.with_ties {
            return Ok(format!("{sql}{order_sql} LIMIT {count}"));
        }
        if select.distinct || self.grouped.is_some() {
            return Err(errors::outside("WITH TIES together with DISTINCT or GROUP BY"));
        }
        let ranked = sql.replacen("SELECT ", &format!("SELECT rank() OVER (ORDER BY {}) AS r0, ", order.join(", ")), 1);
        let alias = self.alias();
        let all: Vec<String> = (1..=columns).map(|i| format!("{alias}.c{i} AS c{i}")).collect();
        Ok(format!(
            "SELECT {} FROM ({ranked}) AS {alias} WHERE {alias}.r0 <= {count} ORDER BY {alias}.r0",
            all.join(", ")
        ))
    }

    /// A number of rows: an integer, and where it is known already not less than `least`, with the number and text of
    /// the error. What is not known before is never negative (SQLite would take that for all).
    pub fn row_count(&mut self, expr: &Expr, least: (i64, i32, &str)) -> Result<String, Message> {
        let bound = self.expression(expr)?;
        if !types::is_integer(bound.sql_type) {
            let text = "The number of rows provided for a TOP or FETCH clauses row count parameter must be an integer.";
            return Err(Message::new(1060, 15, 1, text));
        }
        let known = match expr {
            Expr::Integer(n) => Some(i64::from(*n)),
            Expr::Negate(inner) => match **inner {
                Expr::Integer(n) => Some(-i64::from(n)),
                _ => None,
            },
            Expr::Variable(name) => match self.variables.get(&name.to_lowercase()) {
                Some((_, Value::Int(n))) => Some(*n),
                // 1060: NULL is no number.
                Some((_, Value::Null)) => {
                    let text = "The number of rows provided for a TOP or FETCH clauses row count parameter must be an integer.";
                    return Err(Message::new(1060, 15, 1, text));
                }
                _ => None,
            },
            _ => None,
        };
        if known.is_some_and(|n| n < least.0) {
            return Err(Message::new(least.1, 15, 1, least.2));
        }
        Ok(format!("max(0, {})", bound.sql))
    }

    pub(super) fn page(&mut self, query: &Query) -> Result<String, Message> {
        let Some(offset) = &query.offset else { return Ok(String::new()) };
        let offset =
            self.row_count(offset, (0, 10742, "The offset specified in a OFFSET clause may not be negative."))?;
        let fetch = match &query.fetch {
            Some(fetch) => {
                let text = "The number of rows provided for a FETCH clause must be greater then zero.";
                self.row_count(fetch, (1, 10744, text))?
            }
            None => "-1".to_owned(),
        };
        Ok(format!(" LIMIT {fetch} OFFSET {offset}"))
    }

    pub(super) fn order(
        &mut self,
        order: &[OrderItem],
        items: &[(Bound, Option<(String, SqlType)>)],
        distinct: bool,
    ) -> Result<Vec<String>, Message> {
        let mut parts = Vec::new();
        for item in order {
            let by_position = match &item.value {
                Expr::Integer(n) => {
                    let index = usize::try_from(*n).ok().and_then(|n| n.checked_sub(1)).filter(|i| *i < items.len());
                    Some(index.ok_or_else(|| {
                        Message::new(108, 16, 1, format!("The ORDER BY position number {n} is out of range of the number of items in the select list."))
                    })?)
                }
                Expr::Column(name) if name.schema.is_none() => {
                    items.iter().position(|(bound, _)| !bound.name.is_empty() && same_name(&bound.name, &name.name))
                }
                _ => None,
            };
            let sql = match by_position {
                Some(index) => items[index].0.sorted(),
                None => {
                    let bound = self.expression(&item.value)?;
                    if distinct && !items.iter().any(|(item, _)| item.sql == bound.sql) {
                        return Err(Message::new(
                            145,
                            15,
                            1,
                            "ORDER BY items must appear in the select list if SELECT DISTINCT is specified.",
                        ));
                    }
                    bound.sorted()
                }
            };
            parts.push(format!("{sql}{}", if item.descending { " DESC" } else { "" }));
        }
        Ok(parts)
    }
}
