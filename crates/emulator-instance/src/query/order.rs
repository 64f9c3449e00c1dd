//! ORDER BY, TOP, OFFSET and FETCH.

use super::super::errors;
use super::super::state::same_name;
use super::super::types;
use super::binder::{Binder, Bound};
use emulator_ground::engine::Message;
use emulator_ground::value::SqlType;
use emulator_tsql::ast::{Expr, OrderItem, Query, Select};

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
        let count = self.row_count(&top.count)?;
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

    /// A number of rows: an integer, and never negative (SQLite would take that for all).
    pub fn row_count(&mut self, expr: &Expr) -> Result<String, Message> {
        self.rows_of("TOP", expr)
    }

    fn rows_of(&mut self, clause: &str, expr: &Expr) -> Result<String, Message> {
        let bound = self.expression(expr)?;
        if bound.is_null || !types::is_integer(bound.sql_type) {
            let text = "The number of rows provided for a TOP or FETCH clauses row count parameter must be an integer.";
            return Err(Message::new(1060, 15, 1, text));
        }
        Ok(format!("f_row_count('{clause}', {})", bound.sql))
    }

    pub(super) fn page(&mut self, query: &Query) -> Result<String, Message> {
        let Some(offset) = &query.offset else { return Ok(String::new()) };
        let offset = self.rows_of("OFFSET", offset)?;
        let fetch = match &query.fetch {
            Some(fetch) => self.rows_of("FETCH", fetch)?,
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
