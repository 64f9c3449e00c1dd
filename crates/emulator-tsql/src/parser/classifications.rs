//! ADD and DROP SENSITIVITY CLASSIFICATION.

use super::super::ast::{Classification, ObjectName, StatementKind};
use super::{Parsed, Parser};

impl Parser<'_> {
    /// `ADD SENSITIVITY CLASSIFICATION TO t.c, … WITH (LABEL = '…', …)`: each option once, and at least one.
    pub(super) fn add_classification(&mut self) -> Parsed<StatementKind> {
        self.expect("ADD SENSITIVITY CLASSIFICATION TO")?;
        let columns = self.classified_columns()?;
        self.expect("WITH")?;
        let mut classification = Classification::default();
        let known = ["LABEL", "LABEL_ID", "INFORMATION_TYPE", "INFORMATION_TYPE_ID", "RANK"];
        self.in_parentheses(|p| {
            p.list(|p| {
                let Some(option) = p.one_of(&known) else { return Err(p.unexpected()) };
                p.expect("=")?;
                let slot = match option {
                    "LABEL" => &mut classification.label,
                    "LABEL_ID" => &mut classification.label_id,
                    "INFORMATION_TYPE" => &mut classification.information_type,
                    "INFORMATION_TYPE_ID" => &mut classification.information_type_id,
                    _ => {
                        let rank = p.one_of(&["NONE", "LOW", "MEDIUM", "HIGH", "CRITICAL"]);
                        if rank.is_none() || classification.rank.is_some() {
                            return Err(p.unexpected());
                        }
                        classification.rank = rank;
                        return Ok(());
                    }
                };
                if slot.is_some() {
                    return Err(p.unexpected_at(p.at - 2));
                }
                *slot = Some(p.string()?);
                Ok(())
            })
        })?;
        Ok(StatementKind::AddClassification { columns, classification })
    }

    /// After DROP SENSITIVITY CLASSIFICATION.
    pub(super) fn drop_classification(&mut self) -> Parsed<StatementKind> {
        self.expect("FROM")?;
        Ok(StatementKind::DropClassification { columns: self.classified_columns()? })
    }

    /// `[schema.]table.column`
    fn classified_columns(&mut self) -> Parsed<Vec<(ObjectName, String)>> {
        self.list(|p| {
            let start = p.at;
            let ObjectName { name, schema, database, server } = p.object_name()?;
            let Some(table) = schema.filter(|_| server.is_none()) else { return Err(p.unexpected_at(start)) };
            Ok((ObjectName { name: table, schema: database, database: None, server: None }, name))
        })
    }
}
