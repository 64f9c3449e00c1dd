//! Tables and their columns.

use super::super::ast::{ColumnDefinition, StatementKind, Storage, TableChange, TableElement};
use super::{Parsed, Parser};

impl Parser<'_> {
    pub(super) fn create_table(&mut self) -> Parsed<StatementKind> {
        let name = self.object_name()?;
        if !self.sees("(") {
            if self.sees("AS") || self.sees("WITH") {
                // FILETABLE and CREATE TABLE AS SELECT, which is not this product's.
                self.eat("AS");
                if !self.sees("FILETABLE") {
                    return Err(self.unexpected());
                }
                self.advance();
                if !(self.at_end() || self.sees("ON") || self.sees("WITH") || self.sees("FILESTREAM_ON")) {
                    return Err(self.unexpected());
                }
                return self.outside();
            }
            return Err(self.unexpected());
        }
        self.expect("(")?;
        let mut elements = Vec::new();
        loop {
            elements.push(self.table_element()?);
            if !self.eat(",") || self.sees(")") {
                break;
            }
        }
        self.expect(")")?;
        let mut outside = false;
        if self.eat("AS") {
            if self.one_of(&["NODE", "EDGE"]).is_none() {
                return Err(self.unexpected());
            }
            outside = true;
        }
        let mut storage = Storage::default();
        loop {
            if self.eat("ON") || self.eat("TEXTIMAGE_ON") {
                if self.sees("PRIMARY") {
                    return Err(self.unexpected());
                }
                self.data_space(&mut storage)?;
            } else if self.sees("FILESTREAM_ON") || self.sees("WITH") {
                outside = true;
                self.advance();
                if self.sees("(") {
                    self.unique_options()?;
                } else {
                    self.name_or_string()?;
                }
            } else {
                break;
            }
        }
        if outside {
            return self.outside();
        }
        check_columns(self, &elements)?;
        Ok(StatementKind::CreateTable { name, elements, storage })
    }

    pub(super) fn table_element(&mut self) -> Parsed<TableElement> {
        if self.sees("INDEX") {
            self.advance();
            self.inline_index()?;
            return Ok(TableElement::Outside("an index inside CREATE TABLE"));
        }
        if self.sees("PERIOD FOR SYSTEM_TIME") {
            self.at += 3;
            self.balanced()?;
            return Ok(TableElement::Outside("a temporal table"));
        }
        let mut name = None;
        if self.eat("CONSTRAINT") {
            name = Some(self.name()?);
        }
        if let Some(key) = self.key_definition(name.clone(), true)? {
            return Ok(TableElement::Key(key));
        }
        if self.eat("CHECK") {
            if self.eat("NOT") {
                self.expect("FOR REPLICATION")?;
            }
            self.in_parentheses(Self::predicate)?;
            return Ok(TableElement::Outside("a CHECK constraint"));
        }
        if self.eat("FOREIGN") {
            self.expect("KEY")?;
            self.optional_names()?;
            self.references()?;
            return Ok(TableElement::Outside("a FOREIGN KEY constraint"));
        }
        if self.sees("CONNECTION (") {
            self.advance();
            self.balanced()?;
            return Ok(TableElement::Outside("a graph table"));
        }
        if self.sees("DEFAULT") && name.is_some() {
            self.advance();
            self.scalar()?;
            self.expect("FOR")?;
            self.name()?;
            if self.eat("WITH") {
                self.expect("VALUES")?;
            }
            return Ok(TableElement::Outside("a DEFAULT constraint of a table"));
        }
        if name.is_some() {
            return Err(self.unexpected());
        }
        self.column_definition().map(TableElement::Column)
    }

    fn column_definition(&mut self) -> Parsed<ColumnDefinition> {
        let name = self.name()?;
        let mut column = ColumnDefinition {
            name,
            sql_type: None,
            computed: None,
            persisted: false,
            identity: None,
            nullable: None,
            default: None,
            fill: false,
            collation: None,
            rowguidcol: false,
            keys: Vec::new(),
            outside: None,
        };
        if self.eat("AS") {
            let start = self.at;
            let value = self.scalar()?;
            if self.tokens[start..self.at].iter().any(|t| t.text(self.source).eq_ignore_ascii_case("SELECT")) {
                return Err(self.unexpected_at(start)); // 1046: no subqueries here
            }
            column.computed = Some(value);
            if self.eat("PERSISTED") {
                column.persisted = true;
                if self.eat("NOT NULL") {
                    column.nullable = Some(false);
                }
            }
        } else {
            // A column of the name and type timestamp needs no type: `timestamp` alone.
            if column.name.eq_ignore_ascii_case("timestamp") && (self.sees(",") || self.sees(")")) {
                column.sql_type =
                    Some(super::TypeName { name: super::ObjectName::plain("timestamp"), arguments: vec![] });
            } else {
                column.sql_type = Some(self.type_name()?);
            }
        }
        while self.column_option(&mut column)? {}
        Ok(column)
    }

    /// One option of a column; false when none follows.
    fn column_option(&mut self, column: &mut ColumnDefinition) -> Parsed<bool> {
        let once = |taken: bool, parser: &Self| if taken { Err(parser.unexpected_at(parser.at - 1)) } else { Ok(()) };
        if self.eat("COLLATE") {
            column.collation = Some(self.name()?);
        } else if self.eat("IDENTITY") {
            once(column.identity.is_some(), self)?;
            column.identity = Some((1, 1));
            if self.eat("(") {
                let seed = self.integer()?;
                self.expect(",")?;
                column.identity = Some((seed, self.integer()?));
                self.expect(")")?;
            }
            if self.sees("NOT FOR") {
                self.advance();
                self.expect("FOR REPLICATION")?;
            }
        } else if self.eat("NOT NULL") {
            column.nullable = Some(false);
        } else if self.eat("NULL") {
            column.nullable = Some(true);
        } else if self.eat("ROWGUIDCOL") {
            once(column.rowguidcol, self)?;
            column.rowguidcol = true;
        } else if ["DEFAULT", "CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "REFERENCES", "FOREIGN"]
            .iter()
            .any(|word| self.sees(word))
        {
            self.column_constraint(column)?;
        } else if self.sees("SPARSE") || self.sees("FILESTREAM") || self.sees("COLUMN_SET") || self.sees("PERSISTED") {
            self.advance();
            if self.eat("FOR") {
                self.name()?;
            }
            column.outside = Some("SPARSE, FILESTREAM and column sets");
        } else if self.sees("MASKED WITH (") {
            self.at += 2;
            self.in_parentheses(|p| {
                p.expect("FUNCTION =")?;
                p.string()
            })?;
            column.outside = Some("dynamic data masking");
        } else if self.sees("ENCRYPTED WITH (") {
            self.at += 2;
            self.unique_options()?;
            column.outside = Some("Always Encrypted");
        } else if self.eat("GENERATED ALWAYS AS") {
            let known = ["ROW", "TRANSACTION_ID", "SEQUENCE_NUMBER", "SUSER_SID", "SUSER_SNAME"];
            if self.one_of(&known).is_none() || self.one_of(&["START", "END"]).is_none() {
                return Err(self.unexpected());
            }
            column.outside = Some("a temporal or ledger table");
            self.eat("HIDDEN");
        } else if self.sees("INDEX") && self.name_at(1) {
            self.at += 2;
            self.eat("UNIQUE");
            _ = self.one_of(&["CLUSTERED", "NONCLUSTERED"]);
            self.eat("HASH");
            if self.eat("WITH") {
                self.unique_options()?;
            }
            column.outside = Some("an index inside CREATE TABLE");
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn column_constraint(&mut self, column: &mut ColumnDefinition) -> Parsed<()> {
        let name = if self.eat("CONSTRAINT") { Some(self.name()?) } else { None };
        if self.eat("DEFAULT") {
            if column.default.is_some() {
                return Err(self.unexpected_at(self.at - 1));
            }
            column.default = Some(self.scalar()?);
            column.fill = self.adding && self.eat("WITH VALUES");
            return Ok(());
        }
        if let Some(key) = self.key_definition(name, false)? {
            column.keys.push(key);
            return Ok(());
        }
        if self.eat("CHECK") {
            if self.eat("NOT") {
                self.expect("FOR REPLICATION")?;
            }
            let start = self.at;
            self.in_parentheses(Self::predicate)?;
            if self.tokens[start..self.at].iter().any(|t| t.text(self.source).eq_ignore_ascii_case("SELECT")) {
                return Err(self.unexpected_at(start));
            }
            column.outside = Some("a CHECK constraint");
            return Ok(());
        }
        if self.eat("FOREIGN") {
            self.expect("KEY")?;
        }
        self.references()?;
        column.outside = Some("a FOREIGN KEY constraint");
        Ok(())
    }

    pub(super) fn alter_table(&mut self) -> Parsed<StatementKind> {
        let name = self.object_name()?;
        if self.sees("WITH CHECK ADD") || self.sees("WITH NOCHECK ADD") {
            self.at += 2;
        }
        if self.eat("ADD") {
            self.adding = true;
            let elements = self.list(Self::table_element);
            self.adding = false;
            let elements = elements?;
            check_columns(self, &elements)?;
            return Ok(StatementKind::AlterTable { name, change: TableChange::Add(elements) });
        }
        if self.sees("DROP COLUMN") || self.sees("DROP CONSTRAINT") {
            self.advance();
            let column = self.eat("COLUMN");
            if !column {
                self.expect("CONSTRAINT")?;
            }
            let if_exists = self.if_exists()?;
            let names = self.names()?;
            if if_exists || self.sees("WITH") {
                return self.outside();
            }
            let change = if column { TableChange::DropColumn(names) } else { TableChange::DropConstraint(names) };
            return Ok(StatementKind::AlterTable { name, change });
        }
        if self.eat("ALTER COLUMN") {
            let column = self.name()?;
            if self.sees("ADD") || self.sees("DROP") {
                self.advance();
                let known = ["MASKED", "SPARSE", "HIDDEN", "ROWGUIDCOL", "PERSISTED", "NOT"];
                let Some(word) = self.one_of(&known) else { return Err(self.unexpected()) };
                if word == "MASKED" && self.sees("WITH") {
                    self.expect("WITH ( FUNCTION =")?;
                    self.string()?;
                    self.expect(")")?;
                }
                return self.outside();
            }
            let sql_type = self.type_name()?;
            if self.eat("COLLATE") {
                self.name()?;
                return self.outside();
            }
            let nullable = if self.eat("NOT NULL") { Some(false) } else { self.eat("NULL").then_some(true) };
            if self.sees("MASKED") {
                self.expect("MASKED WITH ( FUNCTION =")?;
                self.string()?;
                self.expect(")")?;
            }
            if self.sees("ENCRYPTED") || self.sees("SPARSE") || self.sees("WITH") || self.sees("HIDDEN") {
                return self.outside();
            }
            return Ok(StatementKind::AlterTable {
                name,
                change: TableChange::AlterColumn { name: column, sql_type, nullable },
            });
        }
        let known = [
            "SET (",
            "REBUILD",
            "SWITCH",
            "ENABLE",
            "DISABLE",
            "CHECK CONSTRAINT",
            "NOCHECK CONSTRAINT",
            "WITH CHECK",
            "WITH NOCHECK",
            "DROP",
            "ALTER INDEX",
            "SPLIT RANGE",
            "MERGE RANGE",
        ];
        if known.iter().any(|words| self.sees(words)) { self.outside() } else { Err(self.unexpected()) }
    }
}

/// A table has elements, separated by single commas.
fn check_columns(parser: &Parser<'_>, elements: &[TableElement]) -> Parsed<()> {
    if elements.is_empty() || parser.sees(",") { Err(parser.unexpected()) } else { Ok(()) }
}
