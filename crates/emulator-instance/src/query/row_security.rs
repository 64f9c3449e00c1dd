//! Row-level security: the conditions that policies put before rows ("Row-level security").
//!
//! Filter predicates stand between a table and every query, UPDATE and DELETE; block predicates are asked about rows that
//! change. They hold for everybody, dbo included, and do not see masks. With schema binding nobody needs a right to the
//! function and what it reads.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::errors;
use super::super::state::{Database, SecurityPolicy, SecurityPredicate, Table};
use super::binder::{Binder, Scope};
use emulator_ground::engine::Message;
use emulator_tsql::ast::{BlockOperation, ObjectName, PredicateKind};

/// Functions whose answer depends on the database the session is in.
const OF_THE_DATABASE: [&str; 11] = [
    "f_user_name(",
    "f_current_user(",
    "f_session_user(",
    "f_user(",
    "f_user_id(",
    "f_is_member(",
    "f_is_rolemember(",
    "f_database_principal_id(",
    "f_has_perms_by_name(",
    "f_permissions(",
    "f_db_name(",
];

impl Binder<'_> {
    /// A table's text in a FROM clause (`u1_2 AS s3`), with those rows alone that its filter predicate lets through.
    pub(super) fn filtered(
        &mut self,
        database: &Arc<Database>,
        table: &Arc<Table>,
        sql: String,
    ) -> Result<String, Message> {
        let Some((policy, predicate)) = database.predicate(table.id, PredicateKind::Filter, None) else {
            return Ok(sql);
        };
        let Some((_, own)) = sql.split_once(" AS ") else { return Err(errors::internal("a table without alias")) };
        let (from, alias, holds) = self.predicate_of(database, table, policy, predicate)?;
        Ok(format!("(SELECT {alias}.rowid AS rowid, {alias}.* FROM {from} WHERE {holds}) AS {own}"))
    }

    /// FROM and WHERE of those of the rows that a block predicate forbids; `None` where there is no predicate.
    pub fn blocked(
        &mut self,
        database: &Arc<Database>,
        table: &Arc<Table>,
        operation: BlockOperation,
        rows: &[i64],
    ) -> Result<Option<String>, Message> {
        let Some((policy, predicate)) = database.predicate(table.id, PredicateKind::Block, Some(operation)) else {
            return Ok(None);
        };
        let (from, alias, holds) = self.predicate_of(database, table, policy, predicate)?;
        let rows: Vec<String> = rows.iter().map(i64::to_string).collect();
        Ok(Some(format!("{from} WHERE {alias}.rowid IN ({}) AND NOT {holds}", rows.join(", "))))
    }

    /// The columns of its table that a predicate which is being made has as arguments.
    pub fn columns_of_predicate(
        &mut self,
        database: &Arc<Database>,
        table: &Arc<Table>,
        predicate: &SecurityPredicate,
    ) -> Result<BTreeSet<i32>, Message> {
        self.holding(database, table, predicate, true)?;
        Ok(self.reads.remove(&(database.id, table.id)).unwrap_or_default())
    }

    /// The table under an alias of its own, and the condition on a row of it.
    fn predicate_of(
        &mut self,
        database: &Arc<Database>,
        table: &Arc<Table>,
        policy: &SecurityPolicy,
        predicate: &SecurityPredicate,
    ) -> Result<(String, String, String), Message> {
        let key = (database.id, policy.id);
        if self.within.contains(&key) {
            return Err(errors::outside("a predicate function that reads a table of its own policy"));
        }
        self.within.push(key);
        // Reads of the table itself are the query's; of the rest the caller needs rights where nothing is bound.
        let (reads, masked) = (self.reads.clone(), self.saw_masked);
        let found = self.apart(|this| this.holding(database, table, predicate, false));
        self.saw_masked = masked;
        if policy.schema_bound {
            self.reads = reads;
        } else {
            let of_table = reads.get(&(database.id, table.id)).cloned();
            match of_table {
                Some(columns) => _ = self.reads.insert((database.id, table.id), columns),
                None => _ = self.reads.remove(&(database.id, table.id)),
            }
        }
        self.within.pop();
        if policy.schema_bound {
            return found;
        }
        found.map_err(|error| {
            if !matches!(error.number, 207 | 208 | 313 | 8144) {
                return error;
            }
            let text = format!(
                "Binding for the non-schema bound security predicate on object '{}' failed with one or more errors, indicating the schema of the predicate function has changed. Update or drop the affected security predicates.",
                table.name
            );
            Message::new(33512, 16, 1, text)
        })
    }

    fn holding(
        &mut self,
        database: &Arc<Database>,
        table: &Arc<Table>,
        predicate: &SecurityPredicate,
        being_made: bool,
    ) -> Result<(String, String, String), Message> {
        let schema = Some(predicate.schema.clone());
        let name = ObjectName { schema, ..ObjectName::plain(predicate.function.clone()) };
        let schema = database.schema(&predicate.schema).map(|s| s.id);
        let function = schema.and_then(|schema| database.function(schema, &predicate.function)).cloned();
        let function = function.ok_or_else(|| errors::invalid_object(&name.written()))?;
        self.scopes.push(Scope::default());
        // A predicate has no variables of the batch's.
        self.parameters = Some(std::collections::BTreeMap::new());
        let from = self.user_table(database, table, None)?;
        let Some((_, alias)) = from.split_once(" AS ") else { return Err(errors::internal("a table without alias")) };
        let alias = alias.to_owned();
        let arguments = self.arguments(&function, &name, &predicate.arguments)?;
        if being_made && arguments.iter().any(|argument| argument.sql.contains("SELECT ")) {
            return Err(errors::outside("a subquery as the argument of a security predicate"));
        }
        let compiled = self.expanded(database, &function, arguments)?;
        self.scopes.pop();
        // No page says whose user or which database a predicate sees that is asked from another one.
        if database.id != self.ambient.database && OF_THE_DATABASE.iter().any(|name| compiled.sql.contains(name)) {
            return Err(errors::outside("a security predicate that asks for the user, read from another database"));
        }
        Ok((from, alias, format!("EXISTS ({})", compiled.sql)))
    }
}
