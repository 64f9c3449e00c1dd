//! CREATE, ALTER and DROP: which grammar follows, and that of tables, indexes and views.

use super::super::ast::{
    ColumnDefinition, CreateIndex, Expr, IndexColumn, KeyDefinition, Query, SetExpression, StatementKind, Storage,
    TableChange, TableElement, ViewChange,
};
use super::{Parsed, Parser};

impl Parser<'_> {
    pub(super) fn create(&mut self) -> Parsed<StatementKind> {
        let start = self.at;
        self.expect("CREATE")?;
        if self.eat("LOGIN") {
            return self.create_login();
        }
        if self.eat("SERVER ROLE") {
            return self.create_role(true);
        }
        if self.eat("ROLE") {
            return self.create_role(false);
        }
        if self.eat("USER") {
            return self.create_user();
        }
        if self.eat("SCHEMA") {
            return self.create_schema();
        }
        if self.eat("TABLE") {
            return self.create_table();
        }
        if self.sees("VIEW") || self.sees("OR ALTER VIEW") {
            return self.create_view(start, false);
        }
        if self.sees("DATABASE") && self.name_at(1) && self.token(2).is_none_or(|t| t.text(self.source) == ";") {
            self.advance();
            return Ok(StatementKind::CreateDatabase { name: self.name()? });
        }
        if let Some(index) = self.create_index()? {
            return Ok(index);
        }
        self.outside_object("CREATE")
    }

    pub(super) fn alter(&mut self) -> Parsed<StatementKind> {
        let start = self.at;
        self.expect("ALTER")?;
        if self.eat("LOGIN") {
            return self.alter_login();
        }
        if self.eat("SERVER ROLE") {
            return self.alter_role(true);
        }
        if self.eat("ROLE") {
            return self.alter_role(false);
        }
        if self.eat("USER") {
            return self.alter_user();
        }
        if self.eat("AUTHORIZATION") {
            return self.alter_authorization();
        }
        if self.eat("TABLE") {
            return self.alter_table();
        }
        if self.sees("VIEW") {
            return self.create_view(start, true);
        }
        self.outside_object("ALTER")
    }

    pub(super) fn drop_statement(&mut self) -> Parsed<StatementKind> {
        self.expect("DROP")?;
        if self.eat("LOGIN") {
            return Ok(StatementKind::DropLogin { name: self.name()? });
        }
        let server = self.sees("SERVER ROLE");
        if server {
            self.advance();
        }
        if self.eat("ROLE") {
            let if_exists = self.if_exists()?;
            return Ok(StatementKind::DropRole { server, if_exists, name: self.name()? });
        }
        if self.eat("USER") {
            let if_exists = self.if_exists()?;
            return Ok(StatementKind::DropUser { if_exists, name: self.name()? });
        }
        if self.eat("SCHEMA") {
            let if_exists = self.if_exists()?;
            return Ok(StatementKind::DropSchema { if_exists, name: self.name()? });
        }
        if self.eat("TABLE") {
            let if_exists = self.if_exists()?;
            return Ok(StatementKind::DropTable { if_exists, names: self.list(Self::object_name)? });
        }
        if self.eat("VIEW") {
            let if_exists = self.if_exists()?;
            return Ok(StatementKind::DropView { if_exists, names: self.list(Self::object_name)? });
        }
        if self.eat("INDEX") {
            return self.drop_index();
        }
        self.outside_object("DROP")
    }

    fn if_exists(&mut self) -> Parsed<bool> {
        if !self.sees("IF") {
            return Ok(false);
        }
        self.expect("IF EXISTS")?;
        Ok(true)
    }

    fn drop_index(&mut self) -> Parsed<StatementKind> {
        let if_exists = self.if_exists()?;
        let name = self.object_name()?;
        if name.schema.is_some() {
            // DROP INDEX table.index, the form of old.
            return self.outside();
        }
        self.expect("ON")?;
        let table = self.object_name()?;
        if self.sees("WITH") {
            self.advance();
            self.unique_options()?;
            return self.outside();
        }
        if self.sees(",") {
            return self.outside();
        }
        Ok(StatementKind::DropIndex { if_exists, name: name.name, table })
    }

    /// `(A = …, B = …)`: each option once.
    fn unique_options(&mut self) -> Parsed<()> {
        let start = self.at;
        self.balanced()?;
        let mut seen = Vec::new();
        let mut depth = 0usize;
        for at in start..self.at {
            let text = self.tokens[at].text(self.source);
            match text {
                "(" => depth += 1,
                ")" => depth = depth.saturating_sub(1),
                _ => {}
            }
            let begins = at > start && matches!(self.tokens[at - 1].text(self.source), "(" | ",") && depth == 1;
            if begins && text != "(" {
                let option = text.to_ascii_uppercase();
                if seen.contains(&option) {
                    return Err(self.unexpected_at(at));
                }
                seen.push(option);
            }
        }
        Ok(())
    }

    // --- tables ---

    fn create_table(&mut self) -> Parsed<StatementKind> {
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

    /// PRIMARY KEY or UNIQUE, if one begins here.
    fn key_definition(&mut self, name: Option<String>, of_table: bool) -> Parsed<Option<KeyDefinition>> {
        let primary = self.sees("PRIMARY KEY");
        if primary {
            self.at += 2;
        } else if !self.eat("UNIQUE") {
            return Ok(None);
        }
        let clustered = self.one_of(&["CLUSTERED", "NONCLUSTERED"]).map(|word| word == "CLUSTERED");
        if self.sees("COLUMNSTORE") {
            return Err(self.unexpected());
        }
        if self.eat("HASH") && !of_table && !self.sees("WITH") {
            return Err(self.unexpected());
        }
        let columns = if of_table {
            self.in_parentheses(|p| p.list(Self::index_column))?
        } else if self.sees("(") {
            return Err(self.unexpected());
        } else {
            Vec::new()
        };
        let mut storage = Storage::default();
        if self.eat("WITH") {
            if self.sees("(") {
                let start = self.at;
                self.index_options(&mut storage)?;
                let low = |t: &super::Token| t.text(self.source).eq_ignore_ascii_case("WAIT_AT_LOW_PRIORITY");
                if self.tokens[start..self.at].iter().any(low) {
                    return Err(self.unexpected_at(start));
                }
            } else {
                self.expect("FILLFACTOR =")?;
                let value = self.integer()?;
                if !(1..=100).contains(&value) {
                    return Err(self.unexpected_at(self.at - 1));
                }
                storage.outside = Some("FILLFACTOR".to_owned());
            }
        }
        if self.eat("ON") {
            self.data_space(&mut storage)?;
        }
        if self.eat("NOT ENFORCED") || self.sees("ENFORCED") {
            return Err(self.unexpected_at(self.at.saturating_sub(1)));
        }
        Ok(Some(KeyDefinition { name, primary, clustered, columns, storage }))
    }

    /// After ON: a filegroup, or a partition scheme and its column.
    fn data_space(&mut self, storage: &mut Storage) -> Parsed<()> {
        let name = self.name_or_string()?;
        if self.sees("(") {
            self.balanced()?;
            storage.partition_schemes.push(name);
        } else {
            storage.filegroups.push(name);
        }
        Ok(())
    }

    /// `(PAD_INDEX = OFF, …)` of an index or key. Remembers the first option that asks for more than the default.
    fn index_options(&mut self, storage: &mut Storage) -> Parsed<()> {
        /// Values with which nothing in the catalog or in behaviour differs from an index without options.
        const WITHOUT_EFFECT: &[(&str, &[&str])] = &[
            ("PAD_INDEX", &["OFF"]),
            ("STATISTICS_NORECOMPUTE", &["OFF"]),
            ("STATISTICS_INCREMENTAL", &["OFF"]),
            ("IGNORE_DUP_KEY", &["OFF"]),
            ("ALLOW_ROW_LOCKS", &["ON"]),
            ("ALLOW_PAGE_LOCKS", &["ON"]),
            ("OPTIMIZE_FOR_SEQUENTIAL_KEY", &["OFF"]),
            ("DROP_EXISTING", &["OFF"]),
            ("SORT_IN_TEMPDB", &["OFF", "ON"]),
            ("ONLINE", &["OFF", "ON"]),
            ("DATA_COMPRESSION", &["NONE"]),
            ("XML_COMPRESSION", &["OFF"]),
        ];
        let start = self.at + 1;
        self.unique_options()?;
        let text = |at: usize| self.tokens.get(at).map_or("", |t| t.text(self.source));
        let mut at = start;
        while at + 1 < self.at {
            let known = WITHOUT_EFFECT.iter().any(|(name, values)| {
                text(at).eq_ignore_ascii_case(name)
                    && text(at + 1) == "="
                    && values.iter().any(|value| text(at + 2).eq_ignore_ascii_case(value))
                    && matches!(text(at + 3), "," | ")")
            });
            if !known {
                let option = text(at).to_ascii_uppercase();
                storage.outside.get_or_insert(option);
                break;
            }
            at += 4;
        }
        Ok(())
    }

    fn index_column(&mut self) -> Parsed<IndexColumn> {
        let name = self.name()?;
        let descending = matches!(self.one_of(&["ASC", "DESC"]), Some("DESC"));
        Ok(IndexColumn { name, descending })
    }

    fn references(&mut self) -> Parsed<()> {
        self.expect("REFERENCES")?;
        self.object_name()?;
        self.optional_names()?;
        while self.sees("ON DELETE") || self.sees("ON UPDATE") {
            self.at += 2;
            if !(self.eat("NO ACTION") || self.eat("CASCADE") || self.eat("SET NULL") || self.eat("SET DEFAULT")) {
                return Err(self.unexpected());
            }
        }
        if self.eat("NOT") {
            self.expect("FOR REPLICATION")?;
        }
        Ok(())
    }

    /// After INDEX: name, kind, columns.
    fn inline_index(&mut self) -> Parsed<()> {
        self.name()?;
        self.eat("UNIQUE");
        let clustered = matches!(self.one_of(&["CLUSTERED", "NONCLUSTERED"]), Some("CLUSTERED"));
        let columnstore = self.eat("COLUMNSTORE");
        self.eat("HASH");
        if clustered && columnstore {
            if self.sees("(") {
                return Err(self.unexpected());
            }
        } else {
            self.in_parentheses(|p| p.list(Self::index_column))?;
        }
        if self.eat("INCLUDE") {
            self.balanced()?;
        }
        if self.eat("WHERE") {
            if clustered {
                return Err(self.unexpected());
            }
            self.predicate()?;
        }
        if self.eat("WITH") {
            self.unique_options()?;
        }
        if self.eat("ON") {
            self.name_or_string()?;
        }
        Ok(())
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

    fn alter_table(&mut self) -> Parsed<StatementKind> {
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

    // --- indexes and views ---

    /// CREATE [UNIQUE] [CLUSTERED|NONCLUSTERED] [COLUMNSTORE] INDEX, if one begins here.
    fn create_index(&mut self) -> Parsed<Option<StatementKind>> {
        let start = self.at;
        let unique = self.eat("UNIQUE");
        let clustered = self.one_of(&["CLUSTERED", "NONCLUSTERED"]);
        let columnstore = self.eat("COLUMNSTORE");
        if !self.eat("INDEX") {
            self.at = start;
            return Ok(None);
        }
        let clustered = clustered == Some("CLUSTERED");
        let name = self.name()?;
        self.expect("ON")?;
        let table = self.object_name()?;
        let mut index = CreateIndex {
            name,
            table,
            unique,
            clustered,
            columnstore,
            columns: vec![],
            included: vec![],
            storage: Storage::default(),
        };
        if !(clustered && columnstore) {
            index.columns = self.in_parentheses(|p| p.list(Self::index_column))?;
        } else if self.sees("(") {
            return Err(self.unexpected());
        }
        if self.eat("INCLUDE") {
            index.included = self.in_parentheses(Self::names)?;
        }
        if self.eat("WHERE") {
            if clustered {
                return Err(self.unexpected());
            }
            self.predicate()?;
            return self.outside().map(Some);
        }
        if self.eat("ORDER") {
            self.balanced()?;
            return self.outside().map(Some);
        }
        if self.eat("WITH") {
            if !self.sees("(") {
                // WITH FILLFACTOR = 80, the form of old.
                return self.outside().map(Some);
            }
            self.index_options(&mut index.storage)?;
        }
        if self.eat("ON") {
            self.data_space(&mut index.storage)?;
        }
        if self.sees("FILESTREAM_ON") {
            return self.outside().map(Some);
        }
        Ok(Some(StatementKind::CreateIndex(index)))
    }

    fn create_view(&mut self, start: usize, alter: bool) -> Parsed<StatementKind> {
        let change = match (alter, self.eat("OR ALTER")) {
            (true, _) => ViewChange::Alter,
            (false, true) => ViewChange::CreateOrAlter,
            (false, false) => ViewChange::Create,
        };
        self.expect("VIEW")?;
        if start != 0 {
            let verb = if alter { "ALTER" } else { "CREATE" };
            let text = format!("'{verb} VIEW' must be the first statement in a query batch.");
            return Err(super::SyntaxError { number: 111, state: 1, text, line: self.line() });
        }
        let name = self.object_name()?;
        let columns = self.optional_names()?;
        let options = self.eat("WITH");
        if options {
            self.list(|p| p.one_of(&["SCHEMABINDING", "ENCRYPTION", "VIEW_METADATA"]).ok_or_else(|| p.unexpected()))?;
        }
        self.expect("AS")?;
        let StatementKind::Select(query) = self.query_or_cte_statement()? else { return Err(self.unexpected()) };
        if self.sees("WITH CHECK OPTION") {
            return self.outside();
        }
        // A view stands alone in its batch.
        while self.eat(";") {}
        if !self.at_end() {
            return Err(self.unexpected());
        }
        let ordered_without_top = !query.order_by.is_empty() && query.offset.is_none() && !has_top(&query.body);
        if ordered_without_top || name.name.starts_with('#') || ties_without_order(&query) {
            return Err(self.unexpected_at(start)); // 1033, 4103, 1062
        }
        if query.outside.is_some() {
            return Ok(StatementKind::Outside("a view with FOR XML or FOR JSON".to_owned()));
        }
        if options {
            return Ok(StatementKind::Outside("options of a view".to_owned()));
        }
        Ok(StatementKind::CreateView { name, columns, query, change })
    }
}

fn has_top(body: &SetExpression) -> bool {
    matches!(body, SetExpression::Select(select) if select.top.is_some())
}

/// TOP … WITH TIES without ORDER BY, and a share beyond 0 to 100 per cent.
fn ties_without_order(query: &Query) -> bool {
    let SetExpression::Select(select) = &query.body else { return false };
    let Some(top) = &select.top else { return false };
    let share_ok = match &top.count {
        Expr::Integer(share) => (0..=100).contains(share),
        Expr::Negate(_) => false,
        _ => true,
    };
    (top.with_ties && query.order_by.is_empty()) || (top.percent && !share_ok)
}

/// A table has elements, separated by single commas.
fn check_columns(parser: &Parser<'_>, elements: &[TableElement]) -> Parsed<()> {
    if elements.is_empty() || parser.sees(",") { Err(parser.unexpected()) } else { Ok(()) }
}
