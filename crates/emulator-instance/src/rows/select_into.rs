//! SELECT INTO: a table made of what a query answers.

use std::sync::Arc;

use super::super::errors;
use super::super::state::{Table, TableColumn};
use super::super::types;
use super::super::work::Work;
use super::{Found, Variables};
use emulator_ground::engine::Message;
use emulator_tsql::ast::{ObjectName, Query};

impl Work<'_> {
    /// The new table's rows; CREATE TABLE and ALTER on the schema are needed, as for any table.
    pub fn select_into(&mut self, name: &ObjectName, query: &Query, variables: &Variables) -> Result<u64, Message> {
        if name.name.starts_with('#') {
            return Err(errors::outside("temporary tables"));
        }
        let Found { columns, rows, assigns } = self.select(query, variables)?;
        if assigns.iter().any(Option::is_some) {
            return Err(errors::outside("SELECT INTO that assigns variables"));
        }
        // The property goes with the column from some queries and not from others.
        if columns.iter().any(|column| column.identity) {
            return Err(errors::outside("SELECT INTO from an identity column"));
        }
        let (database, schema) = self.home(name, "CREATE TABLE")?;
        let id = self.change_database()?.new_object_id();
        let mut table = Table::new(id, name.name.clone(), schema, self.ambient.now);
        for column in &columns {
            if column.name.is_empty() {
                let text = "An object or column name is missing or empty. For SELECT INTO statements, verify each column has a name. For other statements, look for empty alias names. Aliases defined as \"\" or [] are not allowed. Change the alias to a valid name.";
                return Err(Message::new(1038, 15, 5, text));
            }
            if table.column(&column.name).is_some() {
                let text = format!(
                    "Column names in each table must be unique. Column name '{}' in table '{}' is specified more than once.",
                    column.name, name.name
                );
                return Err(Message::new(2705, 16, 3, text));
            }
            let next = table.next_column;
            table.next_column += 1;
            table.columns.push(TableColumn::plain(
                next,
                &column.name,
                types::column_type(column.sql_type),
                column.nullable,
            ));
        }
        let declared: Vec<String> = table.columns.iter().map(super::super::tables::declaration).collect();
        self.store.run(&format!("CREATE TABLE u{}_{id} ({})", database.id, declared.join(", ")))?;
        for row in &rows {
            let values =
                table.columns.iter().zip(row).map(|(column, value)| super::stored(&table, &database, column, value));
            let values = values.collect::<Result<Vec<_>, Message>>()?;
            self.insert_row(&database, &mut table, None, &values)?;
        }
        table.rows = rows.len() as u64;
        self.change_database()?.tables.insert(id, Arc::new(table));
        Ok(rows.len() as u64)
    }
}
