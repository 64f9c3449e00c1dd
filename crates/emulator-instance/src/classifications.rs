//! Sensitivity classifications: labels on columns, which mirroring does not carry over and audits list.

use super::errors;
use super::query::Binder;
use super::rows::Variables;
use super::state::Classified;
use super::work::Work;
use emulator_ground::engine::Message;
use emulator_tsql::ast::{Classification, ObjectName};

impl Work<'_> {
    /// A column that is classified already gets the new classification, as the statement's page says.
    pub fn add_classification(
        &mut self,
        columns: &[(ObjectName, String)],
        classification: &Classification,
    ) -> Result<(), Message> {
        for (table, column) in self.classified(columns)? {
            let database = self.change_database()?;
            database.classifications.retain(|c| (c.table, c.column) != (table, column));
            database.classifications.push(Classified { table, column, classification: classification.clone() });
        }
        Ok(())
    }

    pub fn drop_classification(&mut self, columns: &[(ObjectName, String)]) -> Result<(), Message> {
        for (table, column) in self.classified(columns)? {
            self.change_database()?.classifications.retain(|c| (c.table, c.column) != (table, column));
        }
        Ok(())
    }

    /// Object and column ids. UNCONFIRMED: the numbers of a missing right, table or column are not documented; those of
    /// the like statements are taken.
    fn classified(&mut self, columns: &[(ObjectName, String)]) -> Result<Vec<(i32, i32)>, Message> {
        let here = self.database()?;
        if !self.may("ALTER ANY SENSITIVITY CLASSIFICATION") {
            return Err(errors::database_denied("ALTER ANY SENSITIVITY CLASSIFICATION", &here.name));
        }
        let variables = Variables::default();
        let binder = Binder::new(std::sync::Arc::clone(self.state), self.ambient, &variables, self.store);
        let ids = columns.iter().map(|(table, column)| {
            let (_, table) = binder.target(table)?;
            let column = table.column(column).ok_or_else(|| errors::invalid_column(column))?;
            Ok((table.id, column.id))
        });
        ids.collect()
    }
}
