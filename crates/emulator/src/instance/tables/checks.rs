//! CHECK constraints: SQLite is asked for rows that break them.

use std::sync::Arc;

use super::super::query::Binder;
use super::super::rows::Variables;
use super::super::state::{Check, Constraint, Database, Table, same_name};
use super::super::work::Work;
use crate::engine::Message;
use crate::tsql::ast::CheckDefinition;

impl Work<'_> {
    /// `column` is the one whose definition the constraint stands in.
    pub(super) fn add_check(
        &mut self,
        table: &mut Table,
        check: &CheckDefinition,
        column: Option<&str>,
    ) -> Result<(), Message> {
        let database = self.database()?;
        // Names and types are looked at now, whether there are rows or not.
        let variables = Variables::default();
        let mut binder = Binder::new(Arc::clone(self.state), self.ambient, &variables, self.store);
        binder.open_table(&database, &Arc::new(table.clone()), None)?;
        binder.predicate(&check.condition)?;
        let object_id = self.change_database()?.new_object_id();
        let (of, on) = (table.name.as_str(), column.map(|c| format!("{c}__")).unwrap_or_default());
        let constraint =
            self.constraint(table, check.name.as_deref(), "CK", &format!("{of}__{on}"), object_id, &check.text)?;
        table.checks.push(Check { constraint, condition: check.condition.clone() });
        Ok(())
    }

    /// 2714 when the name is taken; without a name one like the server's is made.
    pub(super) fn constraint(
        &mut self,
        table: &Table,
        name: Option<&str>,
        prefix: &str,
        of: &str,
        object_id: i32,
        text: &str,
    ) -> Result<Constraint, Message> {
        let database = self.database()?;
        let taken = |name: &str| {
            let here = database.tables.values().filter(|t| t.schema == table.schema).map(AsRef::as_ref);
            here.chain([table]).any(|t| {
                t.constraints().any(|(_, _, c, _)| same_name(&c.name, name))
                    || t.indexes.iter().any(|i| (i.primary || i.constraint) && same_name(&i.name, name))
            })
        };
        if let Some(name) = name.filter(|name| taken(name)) {
            let text = format!("There is already an object named '{name}' in the database.");
            return Err(Message::new(2714, 16, 5, text));
        }
        let made = || format!("{prefix}__{of}{object_id:08X}");
        Ok(Constraint {
            name: name.map_or_else(made, str::to_owned),
            object_id,
            system_named: name.is_none(),
            definition: format!("({text})"),
        })
    }

    /// 547 when one of the rows (all rows without a list) breaks one of the constraints; unknown does not break it.
    pub fn check_rows(
        &mut self,
        database: &Database,
        table: &Table,
        checks: &[Check],
        rows: Option<&[i64]>,
        verb: &str,
    ) -> Result<(), Message> {
        for check in checks {
            let variables = Variables::default();
            let mut binder = Binder::new(Arc::clone(self.state), self.ambient, &variables, self.store);
            let (from, alias) = binder.open_table(database, &Arc::new(table.clone()), None)?;
            let holds = binder.predicate(&check.condition)?;
            let binds = std::mem::take(&mut binder.binds);
            let among = rows.map_or_else(String::new, |rows| {
                let list: Vec<String> = rows.iter().map(i64::to_string).collect();
                format!(" AND {alias}.rowid IN ({})", list.join(", "))
            });
            let sql = format!("SELECT 1 FROM {from} WHERE NOT ({holds}){among} LIMIT 1");
            if !self.store.query(&sql, &binds, self.cancelled)?.is_empty() {
                let text = format!(
                    "The {verb} statement conflicted with the CHECK constraint \"{}\". The conflict occurred in database \"{}\", table \"{}.{}\".",
                    check.constraint.name,
                    database.name,
                    database.schema_name(table.schema),
                    table.name
                );
                return Err(Message::new(547, 16, 0, text));
            }
        }
        Ok(())
    }
}
