//! Indexes and keys.

use super::super::ast::{CreateIndex, IndexColumn, KeyDefinition, StatementKind, Storage};
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
        if self.eat("HASH") && !of_table && !self.sees("WITH") {
            return Err(self.unexpected());
        }
        let columns = if of_table { self.in_parentheses(|p| p.list(Self::index_column))? } else { Vec::new() };
        let mut storage = Storage::default();
        if !of_table && self.sees("(") {
            self.in_parentheses(|p| p.list(Self::index_column))?;
            storage.outside = Some("a column list of a column's own key".to_owned());
        }
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
        if self.eat("NOT ENFORCED") {
            storage.outside = Some("NOT ENFORCED".to_owned());
        } else if self.sees("ENFORCED") {
            return Err(self.unexpected());
        }
        Ok(Some(KeyDefinition { name, primary, clustered, columns, storage }))
    }

    /// After ON: a filegroup, or a partition scheme and its column.
    pub(super) fn data_space(&mut self, storage: &mut Storage) -> Parsed<()> {
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
    pub(super) fn index_options(&mut self, storage: &mut Storage) -> Parsed<()> {
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

    pub(super) fn index_column(&mut self) -> Parsed<IndexColumn> {
        let name = self.name()?;
        let descending = matches!(self.one_of(&["ASC", "DESC"]), Some("DESC"));
        Ok(IndexColumn { name, descending })
    }

    pub(super) fn references(&mut self) -> Parsed<()> {
        self.expect("REFERENCES")?;
        self.object_name()?;
        self.optional_names()?;
        while self.sees("ON DELETE") || self.sees("ON UPDATE") {
            self.at += 2;
            if !(self.eat("NO ACTION") || self.eat("CASCADE") || self.eat("SET NULL") || self.eat("SET DEFAULT")) {
                return Err(self.unexpected());
            }
        }
        if self.eat("NOT") && !self.eat("ENFORCED") {
            self.expect("FOR REPLICATION")?;
        }
        Ok(())
    }

    /// After INDEX: name, kind, columns.
    pub(super) fn inline_index(&mut self) -> Parsed<()> {
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
        self.index_places()
    }

    /// ON and FILESTREAM_ON of an index inside CREATE TABLE, which is outside the subset whatever they say.
    pub(super) fn index_places(&mut self) -> Parsed<()> {
        while self.one_of(&["ON", "FILESTREAM_ON"]).is_some() {
            self.name_or_string()?;
            if self.sees("(") {
                self.balanced()?;
            }
        }
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
}
