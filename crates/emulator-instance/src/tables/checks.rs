//! CHECK constraints: SQLite is asked for rows that break them.

use std::sync::Arc;

use super::super::query::Binder;
use super::super::rows::Variables;
use super::super::state::{Check, Constraint, Database, Table, same_name};
use super::super::work::Work;
use emulator_ground::engine::Message;
use emulator_tsql::ast::CheckDefinition;
use emulator_tsql::canonical;

impl Work<'_> {
    /// `column` is the one whose definition the constraint stands in.
    pub(super) fn add_check(
        &mut self,
        table: &mut Table,
        check: &CheckDefinition,
        column: Option<&str>,
        trusted: bool,
    ) -> Result<(), Message> {
        let database = self.database()?;
        // Names and types are looked at now, whether there are rows or not.
        let variables = Variables::default();
        let mut binder = Binder::new(Arc::clone(self.state), self.ambient, &variables, self.store);
        binder.open_table(&database, &Arc::new(table.clone()), None)?;
        binder.predicate(&check.condition)?;
        let object_id = self.change_database()?.new_object_id();
        let text = canonical::of_condition(&check.condition, &check.text);
        let (of, on) = (table.name.as_str(), column.map(|c| format!("{c}__")).unwrap_or_default());
        let constraint =
            self.constraint(table, check.name.as_deref(), "CK", &format!("{of}__{on}"), object_id, &text)?;
        let condition = check.condition.clone();
        let column = column.and_then(|name| table.column(name)).map_or(0, |c| c.id);
        // One that replication passes by is not trusted, as with foreign keys.
        let not_for_replication = check.not_for_replication;
        let trusted = trusted && !not_for_replication;
        table.checks.push(Check { constraint, condition, column, not_for_replication, enforced: true, trusted });
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
            definition: text.to_owned(),
        })
    }

    /// CHECK and NOCHECK CONSTRAINT: of all CHECK and FOREIGN KEY constraints where no names are given.
    pub(super) fn enforce(
        &mut self,
        database: &Database,
        table: &mut Table,
        enforced: bool,
        look_at_rows: bool,
        names: &[String],
    ) -> Result<(), Message> {
        let known = |name: &&String| {
            let of = table.checks.iter().map(|c| &c.constraint).chain(table.foreign_keys.iter().map(|k| &k.constraint));
            of.into_iter().any(|c| same_name(&c.name, name))
        };
        if let Some(unknown) = names.iter().find(|name| !known(name)) {
            return Err(Message::new(4917, 16, 0, format!("Constraint '{unknown}' does not exist.")));
        }
        let meant = |c: &Constraint| names.is_empty() || names.iter().any(|name| same_name(&c.name, name));
        // What is switched on without a look at the rows stays untrusted.
        let trusted = enforced && look_at_rows;
        for check in table.checks.iter_mut().filter(|c| meant(&c.constraint)) {
            (check.trusted, check.enforced) = (trusted || enforced && check.enforced && check.trusted, enforced);
        }
        for key in table.foreign_keys.iter_mut().filter(|k| meant(&k.constraint)) {
            (key.trusted, key.enforced) = (trusted || enforced && key.enforced && key.trusted, enforced);
        }
        if trusted {
            let checks: Vec<Check> = table.checks.iter().filter(|c| meant(&c.constraint)).cloned().collect();
            let keys: Vec<_> = table.foreign_keys.iter().filter(|k| meant(&k.constraint)).cloned().collect();
            self.check_rows(database, table, &checks, None, "ALTER TABLE")?;
            self.check_references(database, table, &keys, None, "ALTER TABLE")?;
        }
        Ok(())
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
        for check in checks.iter().filter(|check| check.enforced) {
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
