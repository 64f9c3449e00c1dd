//! OUTPUT: the rows of a modification as they were and as they are now.

use std::sync::Arc;

use super::super::query::{Binder, Compiled};
use super::super::state::{Database, Table};
use super::super::store::{Refusal, from_lite};
use super::super::work::Work;
use super::{Found, Variables};
use emulator_ground::engine::Message;
use emulator_ground::value::Value;
use emulator_tsql::ast::SelectItem;

/// The rows `inserted` and `deleted` show, one beside the other; a statement has one of them or both.
pub(super) struct Shown<'a> {
    pub inserted: Option<Vec<&'a [Value]>>,
    pub deleted: Option<Vec<&'a [Value]>>,
}

impl Work<'_> {
    /// `None` without a clause. SELECT on each column shown is needed, as the clause's page says.
    pub(super) fn output(
        &mut self,
        items: &[SelectItem],
        database: &Database,
        table: &Table,
        shown: &Shown<'_>,
        variables: &Variables,
    ) -> Result<Option<Found>, Message> {
        if items.is_empty() {
            return Ok(None);
        }
        let stored: Vec<String> =
            table.columns.iter().filter(|c| c.computed.is_none()).map(super::super::tables::declaration).collect();
        let places: Vec<String> = (1..=stored.len()).map(|i| format!("?{i}")).collect();
        let mut sources = Vec::new();
        for (name, rows) in [("inserted", &shown.inserted), ("deleted", &shown.deleted)] {
            let Some(rows) = rows else { continue };
            let drop = format!("DROP TABLE IF EXISTS temp.o_{name}");
            self.store.run(&format!("{drop}; CREATE TABLE temp.o_{name} ({})", stored.join(", ")))?;
            for row in rows {
                let sql = format!("INSERT INTO temp.o_{name} VALUES ({})", places.join(", "));
                self.store.modify(&sql, row).map_err(Refusal::into_message)?;
            }
            sources.push(name);
        }
        let mut binder = Binder::new(Arc::clone(self.state), self.ambient, variables, self.store);
        let Compiled { sql, columns, assigns, .. } =
            binder.output(database, &Arc::new(table.clone()), &sources, items)?;
        let binds = std::mem::take(&mut binder.binds);
        let rows = self.store.query(&sql, &binds, self.cancelled)?.into_iter().map(|row| {
            let cells = row.into_iter().zip(&columns);
            cells.map(|(value, column)| from_lite(value, column.sql_type)).collect::<Result<Vec<Value>, Message>>()
        });
        let rows = rows.collect::<Result<_, Message>>()?;
        Ok(Some(Found { columns, rows, assigns }))
    }
}
