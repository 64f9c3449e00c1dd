//! What foreign keys demand of rows that come, change and go.

use std::sync::Arc;

use super::super::errors;
use super::super::state::{Database, ForeignKey, Table, TableColumn};
use super::super::store::from_lite;
use super::super::work::Work;
use super::values::stored;
use super::{Change, Row, Variables};
use emulator_ground::engine::Message;
use emulator_ground::value::Value;
use emulator_tsql::ast::ReferentialAction;

/// A foreign key to look at when the statement has done all it does, and the keys that went.
pub(super) struct Pending {
    referring: i32,
    key: ForeignKey,
    gone: Vec<Value>,
}

impl Work<'_> {
    /// 547 when one of the rows (all rows without a list) refers to a row that is not there; NULL refers to none.
    pub fn check_references(
        &mut self,
        database: &Database,
        table: &Table,
        keys: &[ForeignKey],
        rows: Option<&[i64]>,
        verb: &str,
    ) -> Result<(), Message> {
        for key in keys.iter().filter(|key| key.enforced) {
            let filled: Vec<String> = key.columns.iter().map(|(mine, _)| format!("r.c{mine} IS NOT NULL")).collect();
            let equal: Vec<String> =
                key.columns.iter().map(|(mine, other)| format!("p.c{other} = r.c{mine}")).collect();
            let among = rows.map_or_else(String::new, |rows| {
                let list: Vec<String> = rows.iter().map(i64::to_string).collect();
                format!(" AND r.rowid IN ({})", list.join(", "))
            });
            let sql = format!(
                "SELECT 1 FROM u{0}_{1} AS r WHERE {2} AND NOT EXISTS (SELECT 1 FROM u{0}_{3} AS p WHERE {4}){among} LIMIT 1",
                database.id,
                table.id,
                filled.join(" AND "),
                key.table,
                equal.join(" AND ")
            );
            if !self.store.query(&sql, &[], self.cancelled)?.is_empty() {
                let same = key.table == table.id;
                let other = database.tables.get(&key.table).map_or(table, AsRef::as_ref);
                let columns = key.columns.iter().filter_map(|(_, id)| other.column_by_id(*id));
                let what = if same { "FOREIGN KEY SAME TABLE" } else { "FOREIGN KEY" };
                return Err(conflict(verb, what, &key.constraint.name, database, other, columns));
            }
        }
        Ok(())
    }

    /// Does to the rows that refer to changed ones what their keys say; what must hold in the end is kept for
    /// [`Work::settle`].
    pub(super) fn cascade(
        &mut self,
        database: &Database,
        table: &Table,
        changes: &[Change],
        verb: &str,
        pending: &mut Vec<Pending>,
    ) -> Result<(), Message> {
        let stored: Vec<i32> = table.columns.iter().filter(|c| c.computed.is_none()).map(|c| c.id).collect();
        let now = self.state.database(database.id).cloned().ok_or_else(|| errors::internal("the database is gone"))?;
        for (referring, key) in now.references_to(table.id) {
            if !key.enforced {
                continue;
            }
            let key_of = |row: &[Value]| -> Vec<Value> {
                let at = |id: i32| stored.iter().position(|of| *of == id).and_then(|i| row.get(i).cloned());
                key.columns.iter().map(|(_, other)| at(*other).unwrap_or(Value::Null)).collect()
            };
            for change in changes {
                let gone = key_of(&change.old);
                let new = change.new.as_deref().map(key_of);
                if gone.contains(&Value::Null) || new.as_ref() == Some(&gone) {
                    continue;
                }
                let action = if new.is_some() { key.on_update } else { key.on_delete };
                if action == ReferentialAction::NoAction {
                    pending.push(Pending { referring: referring.id, key: key.clone(), gone });
                    continue;
                }
                let rows = self.referring_rows(&now, &referring, &key, &gone)?;
                self.follow(&now, &referring, &key, action, rows, new.as_deref(), verb, pending)?;
            }
        }
        Ok(())
    }

    /// The rows that refer to a key that nobody has any more.
    fn referring_rows(
        &mut self,
        database: &Database,
        referring: &Table,
        key: &ForeignKey,
        gone: &[Value],
    ) -> Result<Vec<Row>, Message> {
        let pairs = || key.columns.iter().enumerate();
        let mine: Vec<String> = pairs().map(|(i, (mine, _))| format!("r.c{mine} = :k{i}")).collect();
        let other: Vec<String> = pairs().map(|(i, (_, other))| format!("p.c{other} = :k{i}")).collect();
        let binds: Vec<(String, Value)> = gone.iter().enumerate().map(|(i, v)| (format!(":k{i}"), v.clone())).collect();
        let stored: Vec<&TableColumn> = referring.columns.iter().filter(|c| c.computed.is_none()).collect();
        let items: String = stored.iter().map(|c| format!(", r.c{}", c.id)).collect();
        let sql = format!(
            "SELECT r.rowid{items} FROM u{0}_{1} AS r WHERE {2} AND NOT EXISTS (SELECT 1 FROM u{0}_{3} AS p WHERE {4})",
            database.id,
            referring.id,
            mine.join(" AND "),
            key.table,
            other.join(" AND ")
        );
        let mut rows = Vec::new();
        for mut row in self.store.query(&sql, &binds, self.cancelled)? {
            let values = row.split_off(1);
            let Some(rusqlite::types::Value::Integer(rowid)) = row.pop() else { continue };
            let values = values.into_iter().zip(&stored).map(|(v, c)| from_lite(v, c.column_type.sql_type));
            rows.push((rowid, values.collect::<Result<_, _>>()?));
        }
        Ok(rows)
    }

    #[allow(clippy::too_many_arguments, reason = "one step of a cascade")]
    fn follow(
        &mut self,
        database: &Arc<Database>,
        referring: &Table,
        key: &ForeignKey,
        action: ReferentialAction,
        rows: Vec<Row>,
        new: Option<&[Value]>,
        verb: &str,
        pending: &mut Vec<Pending>,
    ) -> Result<(), Message> {
        if rows.is_empty() {
            return Ok(());
        }
        // No page says whether predicates speak then.
        if database.policies.values().any(|p| p.enabled && p.predicates.iter().any(|p| p.target == referring.id)) {
            return Err(errors::outside("a cascade into a table with a security policy"));
        }
        let mut table = referring.clone();
        if action == ReferentialAction::Cascade && new.is_none() {
            return self.remove_rows(database, table, rows, verb, pending);
        }
        let stored_columns: Vec<TableColumn> = table.columns.iter().filter(|c| c.computed.is_none()).cloned().collect();
        let mut changes = Vec::new();
        for (rowid, old) in rows {
            let mut full = old.clone();
            for (i, column) in stored_columns.iter().enumerate() {
                let Some(at) = key.columns.iter().position(|(mine, _)| *mine == column.id) else { continue };
                let value = match (action, new) {
                    (ReferentialAction::Cascade, Some(new)) => new.get(at).cloned().unwrap_or(Value::Null),
                    (ReferentialAction::SetDefault, _) => match &column.default {
                        Some(default) => self.evaluate(default, &Variables::default())?.1,
                        None => Value::Null,
                    },
                    _ => Value::Null,
                };
                full[i] = stored(&table, database, column, &value)?;
            }
            self.refresh(&mut table, &stored_columns, &mut full);
            changes.push(Change { rowid, old, new: Some(full) });
        }
        self.replace_rows(database, table, &changes, verb, pending)
    }

    /// 547 for what still refers to keys that went, now that the statement has done all it does.
    pub(super) fn settle(&mut self, database: i32, pending: Vec<Pending>, verb: &str) -> Result<(), Message> {
        for Pending { referring, key, gone } in pending {
            let Some(now) = self.state.database(database).cloned() else { continue };
            let Some(table) = now.tables.get(&referring) else { continue };
            if !self.referring_rows(&now, table, &key, &gone)?.is_empty() {
                let what = if key.table == referring { "SAME TABLE REFERENCE" } else { "REFERENCE" };
                let columns = key.columns.iter().filter_map(|(mine, _)| table.column_by_id(*mine));
                return Err(conflict(verb, what, &key.constraint.name, &now, table, columns));
            }
        }
        Ok(())
    }
}

/// 547 names the column where the key has one.
fn conflict<'a>(
    verb: &str,
    what: &str,
    name: &str,
    database: &Database,
    table: &Table,
    mut columns: impl Iterator<Item = &'a TableColumn>,
) -> Message {
    let column = match (columns.next(), columns.next()) {
        (Some(column), None) => format!(", column '{}'", column.name),
        _ => String::new(),
    };
    let text = format!(
        "The {verb} statement conflicted with the {what} constraint \"{name}\". The conflict occurred in database \"{}\", table \"{}.{}\"{column}.",
        database.name,
        database.schema_name(table.schema),
        table.name
    );
    Message::new(547, 16, 0, text)
}
