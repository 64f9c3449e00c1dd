//! Common tables: WITH, and those that read themselves.
//!
//! A recursive one becomes SQLite's, which keeps a queue of rows where the server keeps a stack: the same rows in another
//! order, and neither promises one. A column before the others counts the level, for MAXRECURSION.

use super::super::errors;
use super::super::state::same_name;
use super::binder::{Binder, CommonTable, Compiled, derived_columns, empty_query};
use super::calls::has_aggregate;
use emulator_ground::engine::Message;
use emulator_tsql::ast::{self, JoinKind, Select, SetExpression, SetOperator, TableSource};

/// Without MAXRECURSION, and the most it may say: the page of query hints.
const RECURSIONS: i64 = 100;
const MOST_RECURSIONS: i64 = 32_767;

impl Binder<'_> {
    /// The text of each, for a WITH clause; they are known from now on.
    pub fn common_tables(&mut self, with: &[ast::CommonTable], limit: Option<i64>) -> Result<Vec<String>, Message> {
        let limit = limit.unwrap_or(RECURSIONS);
        if limit > MOST_RECURSIONS {
            let text = format!(
                "The value {limit} specified for the MAXRECURSION option exceeds the allowed maximum of {MOST_RECURSIONS}."
            );
            return Err(Message::new(310, 15, 1, text));
        }
        let mut texts = Vec::new();
        for (at, table) in with.iter().enumerate() {
            if with[..at].iter().any(|other| same_name(&other.name, &table.name)) {
                let text = format!("Duplicate common table expression name '{}' was specified.", table.name);
                return Err(Message::new(239, 16, 1, text));
            }
            let alias = self.alias();
            if references(&table.query, &table.name) > 0 {
                texts.push(self.recursive(table, alias, limit)?);
                continue;
            }
            let compiled = self.query(&table.query)?;
            let columns = derived_columns(&alias, &compiled, &table.columns, &table.name)?;
            texts.push(format!("{alias} AS ({})", compiled.sql));
            self.common.push(CommonTable { name: table.name.clone(), alias, columns });
        }
        Ok(texts)
    }

    /// Anchors, UNION ALL, members that read the table: what else it is made of has errors of its own.
    fn recursive(&mut self, table: &ast::CommonTable, alias: String, limit: i64) -> Result<String, Message> {
        let (name, query) = (table.name.as_str(), &table.query);
        if limit == 0 {
            return Err(errors::outside("MAXRECURSION 0"));
        }
        if query.outside.is_some() || query.offset.is_some() || !query.order_by.is_empty() {
            return Err(errors::outside("ORDER BY and FOR in a recursive common table"));
        }
        let mut members = Vec::new();
        union_members(&query.body, &mut members);
        let first = members.iter().position(|member| references(member, name) > 0).unwrap_or(0);
        if members.len() == 1 || first == 0 && matches!(members[0], SetExpression::Combined { .. }) {
            let text =
                format!("Recursive common table expression '{name}' does not contain a top-level UNION ALL operator.");
            return Err(Message::new(252, 16, 1, text));
        }
        let (anchors, recursive) = members.split_at(first);
        let Some(anchor) = anchors.iter().copied().cloned().reduce(|left, right| SetExpression::Combined {
            operator: SetOperator::UnionAll,
            left: Box::new(left),
            right: Box::new(right),
        }) else {
            return Err(Message::new(
                246,
                16,
                1,
                format!("No anchor member was specified for recursive query \"{name}\"."),
            ));
        };
        if recursive.iter().any(|member| references(member, name) == 0) {
            let text = format!("An anchor member was found in the recursive part of recursive query \"{name}\".");
            return Err(Message::new(247, 16, 1, text));
        }
        let anchor = self.combined(&anchor)?;
        let mut columns = derived_columns(&alias, &anchor, &table.columns, name)?;
        for column in &mut columns {
            (column.nullable, column.identity) = (true, false);
        }
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        self.common.push(CommonTable { name: name.to_owned(), alias: alias.clone(), columns });
        let own = self.alias();
        let list: Vec<String> = (1..=names.len()).map(|i| format!("{own}.c{i}")).collect();
        let mut parts = vec![format!("SELECT 0, {} FROM ({}) AS {own}", list.join(", "), anchor.sql)];
        for member in recursive {
            let SetExpression::Select(select) = member else {
                return Err(errors::outside("a recursive member of several queries"));
            };
            check_recursive(select, name)?;
            let compiled = self.select(select, &empty_query())?;
            if anchor.masks.iter().chain(&compiled.masks).any(Option::is_some) {
                return Err(errors::outside("a masked column in a recursive common table"));
            }
            same_types(&anchor, &compiled, &names, name)?;
            let read = alias_of(&compiled.sql, &alias).ok_or_else(|| errors::internal("a recursive member"))?;
            let level = format!("SELECT f_recursion({read}.lv, {limit}), ");
            parts.push(compiled.sql.replacen("SELECT ", &level, 1));
        }
        let header: Vec<String> = (1..=names.len()).map(|i| format!("c{i}")).collect();
        Ok(format!("{alias}(lv, {}) AS ({})", header.join(", "), parts.join(" UNION ALL ")))
    }
}

/// The members of the UNION ALLs on top.
fn union_members<'a>(body: &'a SetExpression, members: &mut Vec<&'a SetExpression>) {
    match body {
        SetExpression::Combined { operator: SetOperator::UnionAll, left, right } => {
            union_members(left, members);
            members.push(right);
        }
        other => members.push(other),
    }
}

/// How often a part of a query reads a table of that name alone.
fn references(part: &impl std::fmt::Debug, name: &str) -> usize {
    let read = format!("table {{ name: objectname {{ server: none, database: none, schema: none, name: {name:?} }}");
    format!("{part:?}").to_lowercase().matches(&read.to_lowercase()).count()
}

/// What the recursive part may not hold: the page of WITH common_table_expression, numbers from the list of errors.
fn check_recursive(select: &Select, name: &str) -> Result<(), Message> {
    let refuse = |number: i32, what: &str| {
        let text = format!("{what} not allowed in the recursive part of a recursive common table expression '{name}'.");
        Err(Message::new(number, 16, 1, text))
    };
    if select.distinct {
        return refuse(460, "DISTINCT operator is");
    }
    if select.top.is_some() {
        return refuse(461, "The TOP or OFFSET operator is");
    }
    if !select.group_by.is_empty() || select.having.is_some() || select.items.iter().any(has_aggregate) {
        return refuse(467, "GROUP BY, HAVING, or aggregate functions are");
    }
    if select.from.iter().any(joins_outer) {
        return refuse(462, "Outer join is");
    }
    if references(&select.filter, name) > 0 || references(&select.items, name) > 0 {
        return Err(Message::new(465, 16, 1, "Recursive references are not allowed in subqueries."));
    }
    let direct: usize = select.from.iter().map(|source| direct_references(source, name)).sum();
    if direct > 1 {
        let text = format!("Recursive member of a common table expression '{name}' has multiple recursive references.");
        return Err(Message::new(253, 16, 1, text));
    }
    if direct != references(&select.from, name) || format!("{select:?}").contains("over: Some(") {
        return Err(errors::outside("a recursive member with derived tables or windows"));
    }
    Ok(())
}

fn joins_outer(source: &TableSource) -> bool {
    match source {
        TableSource::Join { kind, left, right, .. } => {
            matches!(kind, JoinKind::Left | JoinKind::Right | JoinKind::Full) || joins_outer(left) || joins_outer(right)
        }
        _ => false,
    }
}

fn direct_references(source: &TableSource, name: &str) -> usize {
    match source {
        TableSource::Table { .. } => references(source, name),
        TableSource::Join { left, right, .. } => direct_references(left, name) + direct_references(right, name),
        _ => 0,
    }
}

/// 240: the recursive part has the anchor's types, lengths included.
fn same_types(anchor: &Compiled, member: &Compiled, names: &[String], name: &str) -> Result<(), Message> {
    if anchor.columns.len() != member.columns.len() {
        return Err(super::sets::unequal());
    }
    let differs = anchor.columns.iter().zip(&member.columns).position(|(a, b)| a.sql_type != b.sql_type);
    let Some(column) = differs.and_then(|at| names.get(at)) else { return Ok(()) };
    let text = format!(
        "Types don't match between the anchor and the recursive part in column \"{column}\" of recursive query \"{name}\"."
    );
    Err(Message::new(240, 16, 1, text))
}

/// The alias under which a text of ours reads a table.
fn alias_of<'a>(sql: &'a str, table: &str) -> Option<&'a str> {
    let read = format!("{table} AS ");
    let mut places = sql.match_indices(&read);
    let (at, _) =
        places.find(|(at, _)| !sql[..*at].ends_with(|c: char| c.is_ascii_alphanumeric() || "_.".contains(c)))?;
    let rest = &sql[at + read.len()..];
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
    Some(&rest[..end])
}
