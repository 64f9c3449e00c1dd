//! Tables and their columns.

use super::super::ast::{
    CheckDefinition, ColumnDefinition, DefaultDefinition, Encryption, Generated, GraphKind, Ledger, StatementKind,
    Storage, SystemVersioning, TableElement, TableOptions,
};
use super::super::lexer::Kind;
use super::{Parsed, Parser};

impl Parser<'_> {
    pub(super) fn create_table(&mut self) -> Parsed<StatementKind> {
        let name = self.table_name()?;
        let body = self.at;
        let mut options = TableOptions::default();
        let mut elements = Vec::new();
        if self.sees("(") && self.only_names_ahead() {
            self.optional_names()?;
            return self.table_without_columns();
        }
        if self.sees("(") {
            self.advance();
            loop {
                elements.push(self.table_element()?);
                if !self.eat(",") || self.sees(")") {
                    break;
                }
            }
            self.expect(")")?;
        } else if !(self.sees("AS EDGE")) {
            return self.table_without_columns();
        }
        if self.eat("AS") {
            options.graph = match self.one_of(&["NODE", "EDGE"]) {
                Some("NODE") => Some(GraphKind::Node),
                Some(_) => Some(GraphKind::Edge),
                None => return Err(self.unexpected()),
            };
        }
        let mut storage = Storage::default();
        let mut seen = Vec::new();
        loop {
            // Each once.
            let clause = ["ON", "TEXTIMAGE_ON", "WITH"].into_iter().find(|clause| self.sees(clause));
            if clause.is_some_and(|clause| seen.contains(&clause)) {
                return Err(self.unexpected());
            }
            seen.extend(clause);
            if self.sees("ON") || self.sees("TEXTIMAGE_ON") {
                storage.text_image |= self.sees("TEXTIMAGE_ON");
                self.advance();
                if self.sees("PRIMARY") {
                    return Err(self.unexpected());
                }
                self.data_space(&mut storage)?;
            } else if self.eat("FILESTREAM_ON") {
                self.name_or_string()?;
                options.outside.get_or_insert_with(|| "FILESTREAM_ON".to_owned());
            } else if self.eat("FEDERATED ON") {
                self.balanced()?;
                options.outside.get_or_insert_with(|| "FEDERATED ON".to_owned());
            } else if self.eat("WITH") {
                self.table_options(&mut options)?;
            } else {
                break;
            }
        }
        if elements.is_empty() && options.graph.is_none() || self.sees(",") {
            return Err(self.unexpected());
        }
        self.check_generated(&elements)?;
        // 46107 of Microsoft's parser: no filtered indexes on memory-optimized tables.
        let filtered = |element: &TableElement| match element {
            TableElement::Index(index) => index.filter.is_some(),
            TableElement::Column(column) => column.indexes.iter().any(|index| index.filter.is_some()),
            _ => false,
        };
        if options.memory_optimized && elements.iter().any(filtered) {
            return Err(self.unexpected_at(self.at.saturating_sub(1)));
        }
        // Microsoft's parser does not ask whether it is ON or OFF.
        let optimized = |at: usize| self.tokens[at].text(self.source).eq_ignore_ascii_case("MEMORY_OPTIMIZED");
        if (body..self.at).any(optimized) {
            self.check_columnstore(&elements)?;
        }
        Ok(StatementKind::CreateTable { name, elements, storage, options })
    }

    /// `(a, b) WITH`: names without types, as CREATE TABLE AS SELECT has them.
    fn only_names_ahead(&self) -> bool {
        let mut ahead = 1;
        while self.name_at(ahead) && self.sees_at(ahead + 1, ",") {
            ahead += 2;
        }
        self.name_at(ahead) && self.sees_at(ahead + 1, ")") && self.sees_at(ahead + 2, "WITH")
    }

    /// Each GENERATED ALWAYS AS once, and those of rows with a period.
    fn check_generated(&self, elements: &[TableElement]) -> Parsed<()> {
        let mut seen = Vec::new();
        for element in elements {
            if let TableElement::Column(ColumnDefinition { generated: Some(generated), .. }) = element {
                if seen.contains(generated) {
                    return Err(self.unexpected());
                }
                seen.push(*generated);
            }
        }
        let of_rows = seen.contains(&Generated::RowStart) || seen.contains(&Generated::RowEnd);
        if of_rows && !elements.iter().any(|e| matches!(e, TableElement::Period { .. })) {
            let text = "Cannot create generated always column when SYSTEM_TIME period is not defined.".to_owned();
            return Err(super::SyntaxError { number: 13509, state: 1, text, line: self.line() });
        }
        Ok(())
    }

    /// FILETABLE, and CREATE TABLE … AS SELECT, which is other products'.
    fn table_without_columns(&mut self) -> Parsed<StatementKind> {
        if self.eat("AS") {
            self.expect("FILETABLE")?;
            if !(self.at_end() || self.sees("ON") || self.sees("WITH") || self.sees("FILESTREAM_ON")) {
                return Err(self.unexpected());
            }
            return self.outside();
        }
        self.expect("WITH")?;
        self.balanced()?;
        self.expect("AS")?;
        if !(self.sees("SELECT") || self.sees("WITH") || self.sees("(")) {
            return Err(self.unexpected());
        }
        self.query_or_cte_statement()?;
        self.outside()
    }

    /// `(SYSTEM_VERSIONING = ON (…), LEDGER = ON (…), MEMORY_OPTIMIZED = ON, …)`, after WITH.
    fn table_options(&mut self, options: &mut TableOptions) -> Parsed<()> {
        let start = self.at;
        self.unique_options()?;
        let end = std::mem::replace(&mut self.at, start + 1);
        let mut durability = false;
        while self.at + 1 < end {
            durability |= self.sees("DURABILITY");
            if !self.table_option(options)? {
                let option = self.text(0).to_ascii_uppercase();
                options.outside.get_or_insert(option);
                break;
            }
        }
        if durability && !options.memory_optimized {
            options.outside.get_or_insert("DURABILITY without MEMORY_OPTIMIZED".to_owned());
        }
        self.at = end;
        Ok(())
    }

    /// One option and what parts it from the next; false where it is none that the emulator knows.
    fn table_option(&mut self, options: &mut TableOptions) -> Parsed<bool> {
        if self.eat("SYSTEM_VERSIONING =") {
            let Some(versioning) = self.system_versioning()? else { return Ok(false) };
            options.system_versioning = versioning;
        } else if self.eat("LEDGER =") {
            let on = self.on_or_off()?;
            let mut ledger = Ledger::default();
            if self.eat("(") {
                if !on || !self.eat("APPEND_ONLY =") {
                    return Ok(false);
                }
                ledger.append_only = self.on_or_off()?;
                if !self.eat(")") {
                    return Ok(false);
                }
            }
            options.ledger = on.then_some(ledger);
        } else if self.eat("MEMORY_OPTIMIZED =") {
            options.memory_optimized = self.on_or_off()?;
        } else if self.eat("DURABILITY = SCHEMA_ONLY") {
            options.schema_only = true;
        } else if self.eat("DURABILITY = SCHEMA_AND_DATA") {
            options.schema_only = false;
        } else if !self.eat("DATA_COMPRESSION = NONE") {
            return Ok(false);
        }
        Ok(self.eat(",") || self.sees(")"))
    }

    /// After `SYSTEM_VERSIONING =`; `None` where options follow that the emulator does not know.
    pub(super) fn system_versioning(&mut self) -> Parsed<Option<Option<SystemVersioning>>> {
        if !self.on_or_off()? {
            return Ok(Some(None));
        }
        let mut versioning = SystemVersioning::default();
        if self.eat("(") {
            loop {
                if versioning.history.is_some() && self.sees("HISTORY_TABLE") {
                    return Ok(None);
                }
                if self.eat("HISTORY_TABLE =") {
                    versioning.history = Some(self.object_name()?);
                } else if self.eat("DATA_CONSISTENCY_CHECK =") {
                    self.on_or_off()?;
                } else if !self.eat("HISTORY_RETENTION_PERIOD = INFINITE") {
                    return Ok(None);
                }
                if !self.eat(",") {
                    break;
                }
            }
            self.expect(")")?;
        }
        Ok(Some(Some(versioning)))
    }

    pub(super) fn table_element(&mut self) -> Parsed<TableElement> {
        if self.sees("INDEX") {
            self.advance();
            return Ok(TableElement::Index(self.inline_index(None)?));
        }
        if self.sees("PERIOD FOR SYSTEM_TIME") {
            self.at += 3;
            let (start, end) = self.in_parentheses(|p| {
                let start = p.name()?;
                p.expect(",")?;
                Ok((start, p.name()?))
            })?;
            return Ok(TableElement::Period { start, end });
        }
        let mut name = None;
        if self.eat("CONSTRAINT") {
            name = Some(self.name()?);
        }
        if let Some(key) = self.key_definition(name.clone(), true)? {
            return Ok(TableElement::Key(key));
        }
        if self.sees("CHECK") {
            return Ok(TableElement::Check(self.check_definition(name)?));
        }
        if self.eat("FOREIGN") {
            self.expect("KEY")?;
            let columns = self.optional_names()?;
            return Ok(TableElement::ForeignKey(self.references(name, columns)?));
        }
        if self.sees("CONNECTION (") {
            self.advance();
            self.balanced()?;
            if self.eat("ON DELETE") && !(self.eat("NO ACTION") || self.eat("CASCADE")) {
                return Err(self.unexpected());
            }
            return Ok(TableElement::Outside("edge constraints"));
        }
        if self.sees("DEFAULT") && (name.is_some() || self.adding) {
            self.advance();
            let start = self.at;
            let value = self.scalar()?;
            let text = self.written(start, self.at);
            self.expect("FOR")?;
            let column = self.name()?;
            let fill = self.eat("WITH");
            if fill {
                self.expect("VALUES")?;
            }
            if !self.adding {
                return Ok(TableElement::Outside("a DEFAULT constraint of a table"));
            }
            return Ok(TableElement::Default(DefaultDefinition { name, column, value, text, fill }));
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
            computed_text: String::new(),
            identity: None,
            not_for_replication: false,
            nullable: None,
            default: None,
            fill: false,
            default_name: None,
            default_text: String::new(),
            checks: Vec::new(),
            foreign_keys: Vec::new(),
            generated: None,
            hidden: false,
            masked: None,
            encrypted: None,
            collation: None,
            rowguidcol: false,
            keys: Vec::new(),
            indexes: Vec::new(),
            outside: None,
        };
        if self.eat("AS") {
            let start = self.at;
            let value = self.scalar()?;
            if self.tokens[start..self.at].iter().any(|t| t.text(self.source).eq_ignore_ascii_case("SELECT")) {
                return Err(self.unexpected_at(start)); // 1046: no subqueries here
            }
            column.computed = Some(value);
            column.computed_text = self.written(start, self.at);
            if self.eat("PERSISTED") {
                column.persisted = true;
                if self.eat("NOT NULL") {
                    column.nullable = Some(false);
                }
            }
            // 46011 and 46010: what is not stored has no NOT NULL and no index, and NULL is never said.
            if self.sees("NULL") || self.sees("NOT NULL") || self.sees("INDEX") {
                return Err(self.unexpected());
            }
        } else {
            // A column of the name and type timestamp needs no type: `timestamp` alone.
            if column.name.eq_ignore_ascii_case("timestamp")
                && (self.sees(",") || self.sees(")") || self.reserved(0).is_some())
            {
                column.sql_type =
                    Some(super::TypeName { name: super::ObjectName::plain("timestamp"), arguments: vec![] });
            } else {
                column.sql_type = Some(self.type_name()?);
            }
        }
        while self.column_option(&mut column)? {}
        Ok(column)
    }

    /// `(COLUMN_ENCRYPTION_KEY = …, ENCRYPTION_TYPE = …, ALGORITHM = …)`: all three, and the one algorithm there is.
    fn encryption(&mut self) -> Parsed<Option<Encryption>> {
        let start = self.at;
        self.unique_options()?;
        let end = std::mem::replace(&mut self.at, start + 1);
        let (mut key, mut deterministic, mut algorithm) = (None, None, false);
        while self.at + 1 < end {
            if self.eat("COLUMN_ENCRYPTION_KEY =") {
                key = Some(self.name()?);
            } else if self.eat("ENCRYPTION_TYPE = DETERMINISTIC") {
                deterministic = Some(true);
            } else if self.eat("ENCRYPTION_TYPE = RANDOMIZED") {
                deterministic = Some(false);
            } else if self.eat("ALGORITHM =") && self.sees_string() {
                algorithm = self.string()?.eq_ignore_ascii_case("AEAD_AES_256_CBC_HMAC_SHA_256");
            } else {
                break;
            }
            _ = self.eat(",");
        }
        let whole = self.at + 1 == end && algorithm;
        self.at = end;
        Ok(key.zip(deterministic).filter(|_| whole).map(|(key, deterministic)| Encryption { key, deterministic }))
    }

    /// One option of a column; false when none follows.
    fn column_option(&mut self, column: &mut ColumnDefinition) -> Parsed<bool> {
        let once = |taken: bool, parser: &Self| if taken { Err(parser.unexpected_at(parser.at - 1)) } else { Ok(()) };
        if self.eat("COLLATE") {
            if column.collation.replace(self.name()?).is_some() {
                column.outside = Some("a second COLLATE of a column");
            }
        } else if self.eat("IDENTITY") {
            once(column.identity.is_some(), self)?;
            column.identity = Some((1, 1));
            if self.eat("(") {
                let seed = self.whole_number()?;
                self.expect(",")?;
                column.identity = Some((seed, self.whole_number()?));
                self.expect(")")?;
            }
            if self.sees("NOT FOR") {
                self.advance();
                self.expect("FOR REPLICATION")?;
                column.not_for_replication = true;
            }
        } else if self.sees("NOT NULL") || self.sees("NULL") {
            let null = self.eat("NULL");
            if !null {
                self.at += 2;
            }
            if column.nullable.replace(null).is_some_and(|before| before != null) {
                column.outside = Some("NULL and NOT NULL of one column");
            }
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
        } else if self.eat("HIDDEN") {
            column.outside = Some("HIDDEN of a column that is not generated");
        } else if self.sees("MASKED WITH (") {
            self.at += 2;
            let function = self.in_parentheses(|p| {
                p.expect("FUNCTION =")?;
                p.string()
            })?;
            if column.masked.replace(function).is_some() {
                column.outside = Some("a second MASKED of a column");
            }
        } else if self.sees("ENCRYPTED WITH (") {
            self.at += 2;
            column.encrypted = self.encryption()?;
            if column.encrypted.is_none() {
                column.outside = Some("ENCRYPTED WITH other than a key, a type and AEAD_AES_256_CBC_HMAC_SHA_256");
            }
        } else if self.eat("GENERATED ALWAYS AS") {
            let known = ["ROW", "TRANSACTION_ID", "SEQUENCE_NUMBER", "SUSER_SID", "SUSER_SNAME"];
            let Some(what) = self.one_of(&known) else { return Err(self.unexpected()) };
            let Some(when) = self.one_of(&["START", "END"]) else { return Err(self.unexpected()) };
            column.generated = match (what, when) {
                ("ROW", "START") => Some(Generated::RowStart),
                ("ROW", _) => Some(Generated::RowEnd),
                ("TRANSACTION_ID", "START") => Some(Generated::TransactionStart),
                ("TRANSACTION_ID", _) => Some(Generated::TransactionEnd),
                ("SEQUENCE_NUMBER", "START") => Some(Generated::SequenceStart),
                ("SEQUENCE_NUMBER", _) => Some(Generated::SequenceEnd),
                _ => None,
            };
            if column.generated.is_none() {
                column.outside = Some("GENERATED ALWAYS AS SUSER_SID and SUSER_SNAME");
            }
            column.hidden = self.eat("HIDDEN");
        } else if self.sees("INDEX") && self.name_at(1) {
            self.advance();
            let index = self.inline_index(Some(&column.name))?;
            column.indexes.push(index);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// `+100`, `1.`: a seed or a step.
    fn whole_number(&mut self) -> Parsed<i64> {
        let negative = self.eat("-");
        if !negative {
            self.eat("+");
        }
        let digits = self.text(0).trim_end_matches('.');
        let value = digits.parse::<i64>().ok().filter(|_| matches!(self.kind(), Some(Kind::Integer | Kind::Number)));
        let Some(value) = value else { return Err(self.unexpected()) };
        self.advance();
        Ok(if negative { -value } else { value })
    }

    fn check_definition(&mut self, name: Option<String>) -> Parsed<CheckDefinition> {
        self.expect("CHECK")?;
        let not_for_replication = self.eat("NOT");
        if not_for_replication {
            self.expect("FOR REPLICATION")?;
        }
        let start = self.at;
        let condition = self.in_parentheses(Self::predicate)?;
        if self.tokens[start..self.at].iter().any(|t| t.text(self.source).eq_ignore_ascii_case("SELECT")) {
            return Err(self.unexpected_at(start)); // 1046: no subqueries here
        }
        Ok(CheckDefinition { name, not_for_replication, condition, text: self.written(start + 1, self.at - 1) })
    }

    /// The text of these tokens.
    pub(super) fn written(&self, from: usize, to: usize) -> String {
        let start = self.tokens.get(from).map_or(0, |t| t.start);
        let end = to.checked_sub(1).and_then(|last| self.tokens.get(last)).map_or(start, |t| t.end);
        self.source.get(start..end).unwrap_or("").to_owned()
    }

    fn column_constraint(&mut self, column: &mut ColumnDefinition) -> Parsed<()> {
        let name = if self.eat("CONSTRAINT") { Some(self.name()?) } else { None };
        if self.eat("DEFAULT") {
            if column.default.is_some() {
                return Err(self.unexpected_at(self.at - 1));
            }
            let start = self.at;
            column.default = Some(self.scalar()?);
            column.default_text = self.written(start, self.at);
            column.default_name = name;
            column.fill = self.adding && self.eat("WITH VALUES");
            return Ok(());
        }
        if let Some(key) = self.key_definition(name.clone(), false)? {
            column.keys.push(key);
            return Ok(());
        }
        if self.sees("CHECK") {
            column.checks.push(self.check_definition(name)?);
            return Ok(());
        }
        if self.eat("FOREIGN") {
            self.expect("KEY")?;
            if !self.optional_names()?.is_empty() {
                column.outside = Some("a column list of a column's own key");
            }
        }
        column.foreign_keys.push(self.references(name, Vec::new())?);
        Ok(())
    }
}

/// A table has elements, separated by single commas.
pub(super) fn check_columns(parser: &Parser<'_>, elements: &[TableElement]) -> Parsed<()> {
    if elements.is_empty() || parser.sees(",") { Err(parser.unexpected()) } else { Ok(()) }
}
