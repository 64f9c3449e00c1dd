//! Tables of a source, and which of them mirroring takes (sql-mi facts §5).

use crate::database::Database;
use crate::error::Result;
use crate::row::{ResultSets, Row};
use crate::statement::Statement;

/// A user table with what decides whether it can be mirrored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceTable {
    pub schema: String,
    pub name: String,
    pub clustered_columnstore: bool,
    pub memory_optimized: bool,
    /// The history of a system-versioned table; the current one is mirrored.
    pub temporal_history: bool,
    pub ledger_history: bool,
    /// A node or an edge of a graph.
    pub graph: bool,
    pub external: bool,
    /// The key that rows are told apart by.
    pub key: Option<TableKey>,
    pub columns: Vec<Column>,
}

/// The primary key; without one, the clustered index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableKey {
    Primary,
    Clustered,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    /// The system type behind it; of a CLR type the type's own name.
    pub base_type: String,
    /// Digits after the decimal point, of a second for the types of time.
    pub scale: i64,
    pub computed: bool,
    /// A CLR type, of the user or of the system.
    pub assembly_type: bool,
    /// By Always Encrypted.
    pub encrypted: bool,
    /// Part of the table's key.
    pub in_key: bool,
}

/// The user tables of a database at one moment, by schema and name.
#[derive(Clone, Debug)]
pub struct SourceTables {
    pub tables: Vec<SourceTable>,
    /// The reader sees every table; without, one that is missing may only be invisible.
    pub sees_all: bool,
}

/// What the rules say of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Eligibility {
    /// Empty: the table is mirrored whole.
    pub findings: Vec<Finding>,
}

/// One rule that applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// As in sql-mi facts §5.2; never renumbered.
    pub rule: &'static str,
    pub severity: Severity,
    pub reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The table is mirrored, without something.
    Warning,
    /// The table is not mirrored.
    Error,
}

impl Eligibility {
    pub fn is_mirrored(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity != Severity::Error)
    }
}

/// Types whose columns are left out (rule T14).
const UNSUPPORTED: [&str; 8] = ["image", "text", "ntext", "xml", "timestamp", "sql_variant", "geometry", "geography"];
/// Types that no key may have (rule T9), and those that it may not have with all seven digits.
const UNSUPPORTED_IN_KEYS: [&str; 5] = ["geometry", "geography", "hierarchyid", "sql_variant", "timestamp"];
const TOO_FINE_IN_KEYS: [&str; 3] = ["datetime2", "datetimeoffset", "time"];

impl Column {
    /// Why no key may have this column (rule T9).
    fn unfit_for_key(&self) -> Option<String> {
        let base_type = self.base_type.as_str();
        if self.computed {
            Some("is computed".to_owned())
        } else if self.assembly_type || UNSUPPORTED_IN_KEYS.contains(&base_type) {
            Some(format!("is of type {base_type}"))
        } else if TOO_FINE_IN_KEYS.contains(&base_type) && self.scale == 7 {
            Some(format!("is of type {base_type}(7)"))
        } else {
            None
        }
    }
}

impl SourceTable {
    /// Rules T1 to T9, T13 and T14. What only makes a value shorter or less exact (T11, T12) is not looked at.
    pub fn eligibility(&self) -> Eligibility {
        let mut findings = Vec::new();
        let mut find = |rule, severity, reason: String| findings.push(Finding { rule, severity, reason });
        for (rule, applies, reason) in [
            ("T1", self.memory_optimized, "it is memory-optimized"),
            ("T2", self.temporal_history, "it is the history of a temporal table"),
            ("T3", self.ledger_history, "it is the history of a ledger table"),
            ("T4", self.graph, "it is a node or an edge of a graph"),
            ("T5", self.external, "it is an external table"),
            ("T7", self.clustered_columnstore, "it has a clustered columnstore index"),
        ] {
            if applies {
                find(rule, Severity::Error, reason.to_owned());
            }
        }
        let key = match self.key {
            Some(TableKey::Primary) => "primary key",
            Some(TableKey::Clustered) | None => "clustered index",
        };
        for column in &self.columns {
            let name = &column.name;
            if column.encrypted {
                find("T6", Severity::Error, format!("column `{name}` is encrypted by Always Encrypted"));
            }
            if column.base_type == "json" {
                find("T8", Severity::Error, format!("column `{name}` is of type json"));
            }
            if let (true, Some(unfit)) = (column.in_key, column.unfit_for_key()) {
                find("T9", Severity::Error, format!("column `{name}` of its {key} {unfit}"));
            }
        }
        for column in &self.columns {
            if column.computed {
                find("T13", Severity::Warning, format!("column `{}` is computed and left out", column.name));
            } else if UNSUPPORTED.contains(&column.base_type.as_str())
                // hierarchyid is a CLR type too, but whether a plain column of it is mirrored is UNCONFIRMED (T15).
                || (column.assembly_type && column.base_type != "hierarchyid")
            {
                let reason = format!("column `{}` of type {} is left out", column.name, column.base_type);
                find("T14", Severity::Warning, reason);
            }
        }
        Eligibility { findings }
    }
}

impl Database {
    /// Every user table with its columns, in one round trip (the query of sql-mi facts §5.4).
    ///
    /// # Errors
    /// See [`crate::Error`].
    pub async fn source_tables(&self) -> Result<SourceTables> {
        let statement = Statement::new(
            "SET NOCOUNT ON;
SELECT HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'VIEW DEFINITION') AS view_definition;
SELECT t.object_id, s.name AS schema_name, t.name AS table_name, c.name AS column_name,
       CAST(t.is_memory_optimized AS int) AS is_memory_optimized, CAST(t.temporal_type AS int) AS temporal_type,
       CAST(t.ledger_type AS int) AS ledger_type, CAST(t.is_node AS int) AS is_node, CAST(t.is_edge AS int) AS is_edge,
       CAST(t.is_external AS int) AS is_external,
       CASE WHEN EXISTS (SELECT 1 FROM sys.indexes AS i WHERE i.object_id = t.object_id AND i.type = 5)
            THEN 1 ELSE 0 END AS clustered_columnstore,
       CAST(k.is_primary_key AS int) AS is_primary_key,
       ISNULL(b.name, u.name) AS base_type, CAST(u.is_assembly_type AS int) AS is_assembly_type,
       CAST(c.scale AS int) AS scale, CAST(c.is_computed AS int) AS is_computed,
       CASE WHEN c.encryption_type IS NULL THEN 0 ELSE 1 END AS is_encrypted,
       CASE WHEN m.column_id IS NULL THEN 0 ELSE 1 END AS in_key
FROM sys.tables AS t
JOIN sys.schemas AS s ON s.schema_id = t.schema_id
JOIN sys.columns AS c ON c.object_id = t.object_id
JOIN sys.types AS u ON u.user_type_id = c.user_type_id
LEFT JOIN sys.types AS b ON b.user_type_id = c.system_type_id
OUTER APPLY (SELECT TOP (1) i.index_id, i.is_primary_key FROM sys.indexes AS i
             WHERE i.object_id = t.object_id AND (i.is_primary_key = 1 OR i.type = 1)
             ORDER BY i.is_primary_key DESC) AS k
LEFT JOIN sys.index_columns AS m ON m.object_id = t.object_id AND m.index_id = k.index_id
     AND m.column_id = c.column_id AND m.is_included_column = 0
WHERE t.is_ms_shipped = 0
ORDER BY s.name, t.name, t.object_id, c.column_id;",
            &[],
        );
        let results = self.read(&statement).await?;
        decode(&mut ResultSets::new(&results)).map_err(|cause| self.unreadable(cause))
    }
}

fn decode(results: &mut ResultSets<'_>) -> Result<SourceTables, String> {
    let sees_all = results.row()?.flag("view_definition")?;
    let mut tables: Vec<(i64, SourceTable)> = Vec::new();
    for row in results.next()? {
        let id = row.required_int("object_id")?;
        if tables.last().is_none_or(|(last, _)| *last != id) {
            tables.push((id, table(row)?));
        }
        if let Some((_, table)) = tables.last_mut() {
            table.columns.push(column(row)?);
        }
    }
    Ok(SourceTables { tables: tables.into_iter().map(|(_, table)| table).collect(), sees_all })
}

fn table(row: &Row) -> Result<SourceTable, String> {
    Ok(SourceTable {
        schema: row.required_text("schema_name")?,
        name: row.required_text("table_name")?,
        clustered_columnstore: row.flag("clustered_columnstore")?,
        memory_optimized: row.flag("is_memory_optimized")?,
        temporal_history: row.int("temporal_type")? == Some(1),
        ledger_history: row.int("ledger_type")? == Some(1),
        graph: row.flag("is_node")? || row.flag("is_edge")?,
        external: row.flag("is_external")?,
        key: match row.int("is_primary_key")? {
            Some(1) => Some(TableKey::Primary),
            Some(_) => Some(TableKey::Clustered),
            None => None,
        },
        columns: Vec::new(),
    })
}

fn column(row: &Row) -> Result<Column, String> {
    Ok(Column {
        name: row.required_text("column_name")?,
        base_type: row.required_text("base_type")?,
        scale: row.int("scale")?.unwrap_or_default(),
        computed: row.flag("is_computed")?,
        assembly_type: row.flag("is_assembly_type")?,
        encrypted: row.flag("is_encrypted")?,
        in_key: row.flag("in_key")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, base_type: &str) -> Column {
        Column { name: name.into(), base_type: base_type.into(), ..Column::default() }
    }

    fn found(table: &SourceTable) -> (String, bool) {
        let found = table.eligibility();
        let rules: Vec<_> = found.findings.iter().map(|finding| finding.rule).collect();
        (rules.join(" "), found.is_mirrored())
    }

    fn of(columns: Vec<Column>) -> SourceTable {
        SourceTable { columns, key: Some(TableKey::Primary), ..SourceTable::default() }
    }

    #[test]
    fn the_rules_of_tables() {
        let plain = SourceTable::default;
        for (table, rules) in [
            (plain(), ""),
            (SourceTable { memory_optimized: true, ..plain() }, "T1"),
            (SourceTable { temporal_history: true, ..plain() }, "T2"),
            (SourceTable { ledger_history: true, ..plain() }, "T3"),
            (SourceTable { graph: true, ..plain() }, "T4"),
            (SourceTable { external: true, ..plain() }, "T5"),
            (SourceTable { clustered_columnstore: true, ..plain() }, "T7"),
            (SourceTable { memory_optimized: true, external: true, ..plain() }, "T1 T5"),
        ] {
            assert_eq!(found(&table), (rules.to_owned(), rules.is_empty()), "{table:?}");
        }
    }

    #[test]
    fn the_rules_of_columns() {
        let computed = || Column { computed: true, ..column("c", "int") };
        let clr = |base_type| Column { assembly_type: true, ..column("c", base_type) };
        let scaled = |base_type, scale| Column { scale, ..column("c", base_type) };
        for (column, plain, in_key) in [
            (column("c", "int"), "", ""),
            (Column { encrypted: true, ..column("c", "int") }, "T6!", "T6!"),
            (column("c", "json"), "T8!", "T8!"),
            (computed(), "T13", "T9! T13"),
            (column("c", "xml"), "T14", "T14"),
            (column("c", "timestamp"), "T14", "T9! T14"),
            (column("c", "sql_variant"), "T14", "T9! T14"),
            (clr("geography"), "T14", "T9! T14"),
            (clr("Point"), "T14", "T9! T14"),
            (clr("hierarchyid"), "", "T9!"),
            (scaled("datetime2", 7), "", "T9!"),
            (scaled("datetime2", 6), "", ""),
            (scaled("datetimeoffset", 7), "", "T9!"),
            (scaled("time", 7), "", "T9!"),
            (scaled("decimal", 7), "", ""),
        ] {
            for (in_key, expected) in [(false, plain), (true, in_key)] {
                let table = of(vec![Column { in_key, ..column.clone() }]);
                let rules = expected.replace('!', "");
                assert_eq!(found(&table), (rules, !expected.contains('!')), "{column:?}, in a key: {in_key}");
            }
        }
    }

    #[test]
    fn a_reason_names_the_column_and_the_key() {
        let key = |key| {
            let columns = vec![Column { in_key: true, scale: 7, ..column("at", "time") }];
            SourceTable { key: Some(key), ..of(columns) }.eligibility().findings[0].reason.clone()
        };
        assert_eq!(key(TableKey::Primary), "column `at` of its primary key is of type time(7)");
        assert_eq!(key(TableKey::Clustered), "column `at` of its clustered index is of type time(7)");
    }
}
