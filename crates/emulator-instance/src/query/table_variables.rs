//! Table variables in FROM.

use super::super::table_variables::undeclared;
use super::binder::{Binder, Source, SourceColumn};
use emulator_ground::engine::Message;

impl Binder<'_> {
    /// A table variable's rows, put where SQLite reads them.
    pub(super) fn table_variable(&mut self, name: &str, alias: Option<&str>) -> Result<String, Message> {
        let table = self.ambient.tables.get(&name.to_lowercase()).cloned().ok_or_else(|| undeclared(name))?;
        let own = self.alias();
        let held = self.store.hold(&own, &table.columns, &table.rows)?;
        let columns = (1..).zip(&table.columns).map(|(place, column)| {
            SourceColumn::held(&own, place, column.name.clone(), column.sql_type, column.nullable)
        });
        let columns = columns.collect();
        let name = alias.unwrap_or(name).to_owned();
        self.add_source(Source { name, schema: None, alias: own.clone(), columns })?;
        Ok(format!("{held} AS {own}"))
    }
}
