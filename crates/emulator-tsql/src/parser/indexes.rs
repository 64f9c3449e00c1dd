//! Indexes and keys.

use super::super::ast::{
    CreateIndex, Expr, ForeignKeyDefinition, IndexColumn, KeyDefinition, Predicate, ReferentialAction, StatementKind,
    Storage, TableElement,
};
use super::super::lexer::Kind;
use super::{Parsed, Parser};

impl Parser<'_> {
    pub(super) fn drop_index(&mut self) -> Parsed<StatementKind> {
        let if_exists = self.if_exists()?;
        let name = self.object_name()?;
        if name.schema.is_some() {
            // DROP INDEX table.index, the form of old.
            return self.outside();
        }
        self.expect("ON")?;
        let table = self.table_name()?;
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
    pub(super) fn unique_options(&mut self) -> Parsed<()> {
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
                // Each partition may have its own compression.
                if seen.contains(&option) && !option.ends_with("_COMPRESSION") {
                    return Err(self.unexpected_at(at));
                }
                seen.push(option);
            }
        }
        Ok(())
    }

    /// PRIMARY KEY or UNIQUE, if one begins here.
    pub(super) fn key_definition(&mut self, name: Option<String>, of_table: bool) -> Parsed<Option<KeyDefinition>> {
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
        let hash = self.eat("HASH");
        if hash && !of_table && !self.sees("WITH") {
            return Err(self.unexpected());
        }
        let columns = if of_table { self.in_parentheses(|p| p.list(Self::index_column))? } else { Vec::new() };
        let mut storage = Storage { outside: hash.then(|| "HASH".to_owned()), ..Storage::default() };
        if !of_table && self.sees("(") {
            self.in_parentheses(|p| p.list(Self::index_column))?;
            storage.outside = Some("a column list of a column's own key".to_owned());
        }
        if self.eat("WITH") {
            if self.sees("(") {
                let start = self.at;
                self.index_options(&mut storage, false, false)?;
                let low = |t: &super::Token| t.text(self.source).eq_ignore_ascii_case("WAIT_AT_LOW_PRIORITY");
                if self.tokens[start..self.at].iter().any(low) {
                    return Err(self.unexpected_at(start));
                }
            } else {
                self.old_key_options()?;
                storage.outside = Some("FILLFACTOR".to_owned());
            }
        }
        if self.eat("ON") {
            self.data_space(&mut storage)?;
        }
        if self.eat("NOT ENFORCED") {
            storage.outside = Some("NOT ENFORCED".to_owned());
        } else if self.sees("ENFORCED") {
            return Err(self.unexpected());
        }
        Ok(Some(KeyDefinition { name, primary, clustered, columns, storage }))
    }

    /// `FILLFACTOR = 80`, `SORTED_DATA`, of old, without commas.
    fn old_key_options(&mut self) -> Parsed<()> {
        let start = self.at;
        loop {
            if self.eat("FILLFACTOR =") {
                let value = self.integer()?;
                if !(1..=100).contains(&value) {
                    return Err(self.unexpected_at(self.at - 1));
                }
            } else if !self.eat("SORTED_DATA") && !self.eat("SORTED_DATA_REORG") {
                return if self.at == start { Err(self.unexpected()) } else { Ok(()) };
            }
        }
    }

    /// After ON: a filegroup, or a partition scheme and its column.
    pub(super) fn data_space(&mut self, storage: &mut Storage) -> Parsed<()> {
        let name = self.name_or_string()?;
        if self.sees("(") {
            self.in_parentheses(|p| p.list(Self::name_or_pseudo))?;
            storage.partition_schemes.push(name);
        } else {
            storage.filegroups.push(name);
        }
        Ok(())
    }

    /// `(PAD_INDEX = OFF, …)` of an index or key. Remembers the first option that asks for more than the default.
    /// `alone` in CREATE INDEX: how an index is made is said there and in ALTER TABLE, not in CREATE TABLE. A columnstore
    /// has few of the options.
    pub(super) fn index_options(&mut self, storage: &mut Storage, alone: bool, columnstore: bool) -> Parsed<()> {
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
            let option = text(at).to_ascii_uppercase();
            let making = matches!(option.as_str(), "ONLINE" | "SORT_IN_TEMPDB");
            let of_columnstore = matches!(option.as_str(), "DROP_EXISTING" | "ONLINE");
            let here = (alone || option != "DROP_EXISTING")
                && (alone || self.adding || !making)
                && (!columnstore || of_columnstore);
            let known = known && here;
            if !known {
                storage.outside.get_or_insert(option);
                break;
            }
            at += 4;
        }
        Ok(())
    }

    pub(super) fn index_column(&mut self) -> Parsed<IndexColumn> {
        let name = self.name_or_pseudo()?;
        let descending = matches!(self.one_of(&["ASC", "DESC"]), Some("DESC"));
        Ok(IndexColumn { name, descending })
    }

    /// A column's name, or `$node_id` and the like, which the instance refuses.
    fn name_or_pseudo(&mut self) -> Parsed<String> {
        let known = ["$NODE_ID", "$EDGE_ID", "$FROM_ID", "$TO_ID"];
        let pseudo =
            self.kind() == Some(Kind::Pseudo) && known.iter().any(|known| self.text(0).eq_ignore_ascii_case(known));
        if !pseudo {
            return self.name();
        }
        let name = self.text(0).to_owned();
        self.advance();
        Ok(name)
    }

    /// REFERENCES and what follows.
    pub(super) fn references(&mut self, name: Option<String>, columns: Vec<String>) -> Parsed<ForeignKeyDefinition> {
        self.expect("REFERENCES")?;
        let mut key = ForeignKeyDefinition {
            name,
            columns,
            table: self.object_name()?,
            referenced: self.optional_names()?,
            on_delete: ReferentialAction::NoAction,
            on_update: ReferentialAction::NoAction,
            not_for_replication: false,
            outside: false,
        };
        let mut said = Vec::new();
        while self.sees("ON DELETE") || self.sees("ON UPDATE") {
            let of_delete = self.sees("ON DELETE");
            self.at += 2;
            if said.contains(&of_delete) {
                return Err(self.unexpected_at(self.at - 1));
            }
            said.push(of_delete);
            let actions = [
                ("NO ACTION", ReferentialAction::NoAction),
                ("CASCADE", ReferentialAction::Cascade),
                ("SET NULL", ReferentialAction::SetNull),
                ("SET DEFAULT", ReferentialAction::SetDefault),
            ];
            let Some((_, action)) = actions.into_iter().find(|(words, _)| self.eat(words)) else {
                return Err(self.unexpected());
            };
            *(if of_delete { &mut key.on_delete } else { &mut key.on_update }) = action;
        }
        if self.eat("NOT") {
            key.outside = self.eat("ENFORCED");
            if !key.outside {
                self.expect("FOR REPLICATION")?;
                key.not_for_replication = true;
            }
        }
        Ok(key)
    }

    /// Of columnstore indexes, memory-optimized tables take the clustered ones (46108).
    pub(super) fn check_columnstore(&self, elements: &[TableElement]) -> Parsed<()> {
        let rowwise = |element: &TableElement| match element {
            TableElement::Index(index) => !index.columnstore || index.clustered,
            _ => true,
        };
        if elements.iter().all(rowwise) { Ok(()) } else { Err(self.unexpected_at(self.at.saturating_sub(1))) }
    }

    /// After INDEX: name, kind, columns. In a column's own definition the column is the key where none is named.
    pub(super) fn inline_index(&mut self, column: Option<&str>) -> Parsed<CreateIndex> {
        let mut index = CreateIndex { name: self.name()?, ..CreateIndex::default() };
        index.unique = self.eat("UNIQUE");
        index.clustered = matches!(self.one_of(&["CLUSTERED", "NONCLUSTERED"]), Some("CLUSTERED"));
        index.columnstore = self.eat("COLUMNSTORE");
        if index.columnstore && column.is_some() {
            return Err(self.unexpected());
        }
        if self.eat("HASH") {
            index.storage.outside = Some("HASH".to_owned());
        }
        if index.clustered && index.columnstore {
            if self.sees("(") {
                return Err(self.unexpected());
            }
        } else if column.is_none() || self.sees("(") {
            let start = self.at;
            index.columns = self.in_parentheses(|p| p.list(Self::index_column))?;
            let pseudo = (start..self.at).find(|at| self.tokens[*at].kind == Kind::Pseudo);
            if let Some(at) = pseudo.filter(|_| column.is_some()) {
                return Err(self.unexpected_at(at));
            }
        } else {
            index.columns =
                column.map(|name| IndexColumn { name: name.to_owned(), descending: false }).into_iter().collect();
        }
        self.index_tail(&mut index, false)?;
        while let Some(word) = self.one_of(&["ON", "FILESTREAM_ON"]) {
            self.data_space(&mut index.storage)?;
            if word == "FILESTREAM_ON" {
                index.storage.outside.get_or_insert_with(|| "FILESTREAM_ON".to_owned());
            }
        }
        Ok(index)
    }

    /// INCLUDE, WHERE, ORDER and WITH of an index.
    fn index_tail(&mut self, index: &mut CreateIndex, alone: bool) -> Parsed<()> {
        if self.eat("INCLUDE") {
            index.included = self.in_parentheses(|p| p.list(Self::name_or_pseudo))?;
        }
        if self.eat("WHERE") {
            if index.clustered {
                return Err(self.unexpected());
            }
            let start = self.at;
            self.filtering = true;
            let filter = self.predicate();
            self.filtering = false;
            let filter = filter?;
            if !is_simple(&filter) {
                let text = format!(
                    "Incorrect WHERE clause for filtered index '{}' on table '{}'.",
                    index.name,
                    index.table.written()
                );
                return Err(super::SyntaxError { number: 10735, state: 1, text, line: self.line() });
            }
            index.filter = Some((filter, self.written(start, self.at)));
        }
        if self.eat("ORDER") {
            self.balanced()?;
            index.storage.outside.get_or_insert_with(|| "ORDER".to_owned());
        }
        if self.eat("WITH") {
            if self.sees("(") {
                let columnstore = index.columnstore;
                self.index_options(&mut index.storage, alone, columnstore)?;
            } else {
                // WITH FILLFACTOR = 80, the form of old.
                self.list(|p| {
                    p.name_or_reserved()?;
                    if p.eat("=") {
                        p.integer()?;
                    }
                    Ok(())
                })?;
                index.storage.outside.get_or_insert_with(|| "FILLFACTOR".to_owned());
            }
        }
        Ok(())
    }

    fn name_or_reserved(&mut self) -> Parsed<()> {
        if self.kind() != Some(Kind::Word) {
            return Err(self.unexpected());
        }
        self.advance();
        Ok(())
    }

    /// CREATE [UNIQUE] [CLUSTERED|NONCLUSTERED] [COLUMNSTORE] INDEX, if one begins here.
    pub(super) fn create_index(&mut self) -> Parsed<Option<StatementKind>> {
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
        let table = self.table_name()?;
        let mut index = CreateIndex { name, table, unique, clustered, columnstore, ..CreateIndex::default() };
        if !(clustered && columnstore) {
            index.columns = self.in_parentheses(|p| p.list(Self::index_column))?;
        } else if self.sees("(") {
            return Err(self.unexpected());
        }
        self.index_tail(&mut index, true)?;
        if self.eat("ON") {
            self.data_space(&mut index.storage)?;
        }
        if self.sees("FILESTREAM_ON") {
            return self.outside().map(Some);
        }
        Ok(Some(StatementKind::CreateIndex(index)))
    }
}

/// What "CREATE INDEX" allows of a filter: comparisons of columns with constants, IN, IS NULL, joined by AND.
fn is_simple(filter: &Predicate) -> bool {
    match filter {
        Predicate::And(all) => all.iter().all(is_simple),
        // Names with too many parts are the instance's to refuse.
        Predicate::Compare { left: Expr::Column(_) | Expr::Outside(_), right, .. } => is_constant(right),
        Predicate::IsNull { value: Expr::Column(_) | Expr::Outside(_), .. } => true,
        Predicate::Distinct { left: Expr::Column(_), right, .. } => is_constant(right),
        Predicate::InList { value: Expr::Column(_), list, negated: false } => list.iter().all(is_constant),
        _ => false,
    }
}

/// A literal, negated or converted once.
fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Negate(inner) => is_constant(inner),
        Expr::Convert { value, .. } => !matches!(**value, Expr::Convert { .. }) && is_constant(value),
        Expr::Null
        | Expr::Integer(_)
        | Expr::Number(_)
        | Expr::Real(_)
        | Expr::Money(_)
        | Expr::Text { .. }
        | Expr::Binary(_) => true,
        _ => false,
    }
}
