//! Tables that a statement changes.

use super::super::access::Target;
use super::super::catalog;
use super::super::errors;
use super::super::permissions::Class;
use super::super::state::{Database, Table};
use super::binder::{Binder, Scope, Source};
use super::sources::Object;
use emulator_ground::engine::Message;
use emulator_tsql::ast::{ObjectName, TableSource};
use std::sync::Arc;

impl Binder<'_> {
    /// The table a statement modifies, by name.
    pub fn target(&self, name: &ObjectName) -> Result<(Arc<Database>, Arc<Table>), Message> {
        let database = self.named_database(name)?;
        if catalog::find(name.schema.as_deref(), &name.name).is_some() {
            return Err(Message::new(259, 16, 1, "Ad hoc updates to system catalogs are not allowed."));
        }
        match self.resolve(&database, name) {
            Some(Object::Table(table)) => Ok((database, table)),
            Some(Object::View(_)) => Err(errors::outside("changing rows through a view")),
            Some(Object::Function(_)) => Err(errors::outside("changing rows through a function")),
            None => Err(errors::invalid_object(&name.written())),
        }
    }

    /// `inserted` or `deleted` in the current scope: the table's columns over the rows shown.
    pub(super) fn open_shown(
        &mut self,
        database: &Database,
        table: &Arc<Table>,
        name: &str,
    ) -> Result<(String, String), Message> {
        let sql = self.user_table(database, table, Some(name))?;
        let own = self.scopes.last().and_then(|s| s.sources.last()).map(|s| s.alias.clone()).unwrap_or_default();
        Ok((sql.replacen(&format!("u{}_{}", database.id, table.id), &format!("temp.o_{name}"), 1), own))
    }

    /// Begins a scope with one table in it, for UPDATE, DELETE and defaults; returns its text and alias.
    pub fn open_table(
        &mut self,
        database: &Database,
        table: &Arc<Table>,
        alias: Option<&str>,
    ) -> Result<(String, String), Message> {
        self.scopes.push(Scope::default());
        let sql = self.user_table(database, table, alias)?;
        let own = self.scopes.last().and_then(|s| s.sources.last()).map(|s| s.alias.clone()).unwrap_or_default();
        Ok((sql, own))
    }

    /// [`Binder::open_table`], without the rows that a policy hides from the session.
    pub fn open_target(&mut self, database: &Arc<Database>, table: &Arc<Table>) -> Result<(String, String), Message> {
        let (sql, own) = self.open_table(database, table, None)?;
        Ok((self.filtered(database, table, sql)?, own))
    }

    /// Begins a scope with a FROM clause and finds the source that is the modified table in it: by its name, and only
    /// where that means this very table, not one of another schema or a query of that name.
    pub fn open_from(
        &mut self,
        from: &[TableSource],
        name: &ObjectName,
        target: (i32, i32),
    ) -> Result<(String, Vec<String>, Option<String>), Message> {
        self.scopes.push(Scope::default());
        let (sql, filters) = self.bind_from(from)?;
        let is_target = |source: &&Source| {
            let of = source.columns.first().and_then(|column| column.of);
            of.is_some_and(|(database, table, _)| (database, table) == target)
                && super::binder::matches_source(source, &name.name, name.schema.as_deref())
        };
        let alias = self.scopes.last().and_then(|scope| scope.sources.iter().find(is_target)).map(|s| s.alias.clone());
        Ok((sql, filters, alias))
    }

    pub fn may_modify(&self, database: &Database, table: &Table, permission: &str) -> Result<(), Message> {
        let token = self.state.token(self.ambient.identity, database.id);
        if self.state.may(&token, Target::in_database(Class::Object, database.id, table.id), permission) {
            return Ok(());
        }
        Err(errors::object_denied(permission, &table.name, &database.name, database.schema_name(table.schema)))
    }
}
