//! ALTER TABLE.

use super::super::ast::{StatementKind, TableChange};
use super::tables::check_columns;
use super::{Parsed, Parser};

impl Parser<'_> {
    pub(super) fn alter_table(&mut self) -> Parsed<StatementKind> {
        let name = self.table_name()?;
        let unchecked = self.sees("WITH NOCHECK ADD");
        if unchecked || self.sees("WITH CHECK ADD") {
            self.at += 2;
        }
        if self.eat("ADD") {
            self.adding = true;
            let elements = self.list(Self::table_element);
            self.adding = false;
            let elements = elements?;
            check_columns(self, &elements)?;
            return Ok(StatementKind::AlterTable { name, change: TableChange::Add { elements, unchecked } });
        }
        if let Some(change) = self.enforcement()? {
            return Ok(StatementKind::AlterTable { name, change });
        }
        if self.sees("DROP COLUMN") || self.sees("DROP CONSTRAINT") {
            self.advance();
            let column = self.eat("COLUMN");
            if !column {
                self.expect("CONSTRAINT")?;
            }
            let if_exists = self.if_exists()?;
            let mut names = vec![self.name()?];
            while self.eat(",") {
                if self.sees("COLUMN") || self.sees("CONSTRAINT") {
                    return self.outside();
                }
                names.push(self.name()?);
            }
            if self.sees("WITH (") {
                return self.outside();
            }
            let change = if column {
                TableChange::DropColumn { if_exists, names }
            } else {
                TableChange::DropConstraint { if_exists, names }
            };
            return Ok(StatementKind::AlterTable { name, change });
        }
        if self.eat("ALTER COLUMN") {
            let column = self.name()?;
            if self.sees("ADD") || self.sees("DROP") {
                let adds = self.sees("ADD");
                self.advance();
                let known = ["MASKED", "SPARSE", "HIDDEN", "ROWGUIDCOL", "PERSISTED", "NOT"];
                let Some(word) = self.one_of(&known) else { return Err(self.unexpected()) };
                if word == "MASKED" && self.sees("WITH") {
                    self.expect("WITH ( FUNCTION =")?;
                    let function = self.string()?;
                    self.expect(")")?;
                    if adds && !self.sees("WITH") {
                        let change = TableChange::Mask { column, function: Some(function) };
                        return Ok(StatementKind::AlterTable { name, change });
                    }
                } else if word == "MASKED" && !adds && !self.sees("WITH") {
                    return Ok(StatementKind::AlterTable {
                        name,
                        change: TableChange::Mask { column, function: None },
                    });
                }
                return self.outside();
            }
            let sql_type = self.type_name()?;
            if self.eat("GENERATED ALWAYS AS") {
                let known = ["ROW", "TRANSACTION_ID", "SEQUENCE_NUMBER", "SUSER_SID", "SUSER_SNAME"];
                if self.one_of(&known).is_none() || self.one_of(&["START", "END"]).is_none() {
                    return Err(self.unexpected());
                }
                return self.outside();
            }
            if self.sees("COLUMN_SET FOR ALL_SPARSE_COLUMNS") {
                return self.outside();
            }
            if self.eat("COLLATE") {
                self.name()?;
                return self.outside();
            }
            let nullable = if self.eat("NOT NULL") { Some(false) } else { self.eat("NULL").then_some(true) };
            if self.sees("MASKED") {
                self.expect("MASKED WITH ( FUNCTION =")?;
                self.string()?;
                self.expect(")")?;
                return self.outside();
            }
            if self.sees("ENCRYPTED") || self.sees("SPARSE") || self.sees("WITH") || self.sees("HIDDEN") {
                return self.outside();
            }
            return Ok(StatementKind::AlterTable {
                name,
                change: TableChange::AlterColumn { name: column, sql_type, nullable },
            });
        }
        if self.sees("SET ( SYSTEM_VERSIONING =") {
            let start = self.at;
            self.at += 4;
            match self.system_versioning()? {
                Some(versioning) if self.eat(")") => {
                    let change = TableChange::SystemVersioning(versioning);
                    return Ok(StatementKind::AlterTable { name, change });
                }
                _ => self.at = start,
            }
        }
        let known =
            ["SET (", "REBUILD", "SWITCH", "ENABLE", "DISABLE", "DROP", "ALTER INDEX", "SPLIT RANGE", "MERGE RANGE"];
        if known.iter().any(|words| self.sees(words)) { self.outside() } else { Err(self.unexpected()) }
    }
}

impl Parser<'_> {
    /// `[WITH CHECK | WITH NOCHECK] CHECK | NOCHECK CONSTRAINT ALL | name, …`, if it begins here.
    fn enforcement(&mut self) -> Parsed<Option<TableChange>> {
        let start = self.at;
        let with = self.sees("WITH CHECK") || self.sees("WITH NOCHECK");
        let look_at_rows = self.sees("WITH CHECK");
        if with {
            self.at += 2;
        }
        let enforced = self.sees("CHECK CONSTRAINT");
        if !enforced && !self.sees("NOCHECK CONSTRAINT") {
            self.at = start;
            return Ok(None);
        }
        self.at += 2;
        let names = if self.eat("ALL") { Vec::new() } else { self.names()? };
        Ok(Some(TableChange::Enforce { enforced, look_at_rows, names }))
    }
}
