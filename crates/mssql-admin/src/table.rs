//! Tables of a source, and which of them mirroring takes (sql-mi facts §5).

use crate::database::Database;
use crate::error::Result;
use crate::row::Fields;
use crate::statement::Statement;

/// A user table with what decides whether it can be mirrored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceTable {
    pub schema: String,
    pub name: String,
    pub clustered_columnstore: bool,
    pub columns: Vec<Column>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    /// The system type behind it; of a CLR type the type's own name.
    pub base_type: String,
    pub computed: bool,
    /// A CLR type, of the user or of the system.
    pub assembly_type: bool,
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

impl SourceTable {
    /// Rules T7, T13 and T14: the ones that the tutorial's tables meet. The rest of the set comes with `source_tables`.
    pub fn eligibility(&self) -> Eligibility {
        let mut findings = Vec::new();
        let mut find = |rule, severity, reason: String| findings.push(Finding { rule, severity, reason });
        if self.clustered_columnstore {
            find("T7", Severity::Error, "it has a clustered columnstore index".to_owned());
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
    /// Every user table with its columns, in one round trip.
    ///
    /// # Errors
    /// See [`crate::Error`].
    pub async fn source_tables(&self) -> Result<SourceTables> {
        let statement = Statement::new(
            "SET NOCOUNT ON;
SELECT HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'VIEW DEFINITION') AS view_definition;
SELECT t.object_id, s.name AS schema_name, t.name AS table_name, c.name AS column_name,
       ISNULL(b.name, u.name) AS base_type, CAST(u.is_assembly_type AS int) AS is_assembly_type,
       CAST(c.is_computed AS int) AS is_computed,
       CASE WHEN EXISTS (SELECT 1 FROM sys.indexes AS i WHERE i.object_id = t.object_id AND i.type = 5)
            THEN 1 ELSE 0 END AS clustered_columnstore
FROM sys.tables AS t
JOIN sys.schemas AS s ON s.schema_id = t.schema_id
JOIN sys.columns AS c ON c.object_id = t.object_id
JOIN sys.types AS u ON u.user_type_id = c.user_type_id
LEFT JOIN sys.types AS b ON b.user_type_id = c.system_type_id
WHERE t.is_ms_shipped = 0
ORDER BY s.name, t.name, t.object_id, c.column_id;",
            &[],
        );
        let results = self.read(&statement).await?;
        let read = || -> Result<SourceTables, String> {
            let mut results = results.iter();
            let mut next = || results.next().ok_or("a result set is missing".to_owned());
            let rights = next()?.first().ok_or("the rights are missing")?;
            let sees_all = rights.int("view_definition")? == Some(1);
            let mut tables: Vec<(i64, SourceTable)> = Vec::new();
            for row in next()? {
                let text = |name: &str| row.text(name)?.ok_or(format!("{name} is null"));
                let id = row.int("object_id")?.ok_or("a table without an id")?;
                if tables.last().is_none_or(|(last, _)| *last != id) {
                    let table = SourceTable {
                        schema: text("schema_name")?,
                        name: text("table_name")?,
                        clustered_columnstore: row.int("clustered_columnstore")? == Some(1),
                        columns: Vec::new(),
                    };
                    tables.push((id, table));
                }
                if let Some((_, table)) = tables.last_mut() {
                    table.columns.push(Column {
                        name: text("column_name")?,
                        base_type: text("base_type")?,
                        computed: row.int("is_computed")? == Some(1),
                        assembly_type: row.int("is_assembly_type")? == Some(1),
                    });
                }
            }
            Ok(SourceTables { tables: tables.into_iter().map(|(_, table)| table).collect(), sees_all })
        };
        read().map_err(|cause| self.unreadable(cause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(clustered_columnstore: bool, columns: &[(&str, &str, bool)]) -> SourceTable {
        let columns = columns.iter().map(|(name, base_type, computed)| Column {
            name: (*name).to_owned(),
            base_type: (*base_type).to_owned(),
            computed: *computed,
            assembly_type: false,
        });
        SourceTable { schema: "dbo".into(), name: "T".into(), clustered_columnstore, columns: columns.collect() }
    }

    #[test]
    fn the_rules_of_the_tutorials_tables() {
        let rules = |table: &SourceTable| {
            let found = table.eligibility();
            let rules: Vec<_> = found.findings.iter().map(|finding| finding.rule).collect();
            (rules.join(" "), found.is_mirrored())
        };
        assert_eq!(rules(&table(false, &[("id", "int", false)])), (String::new(), true));
        assert_eq!(rules(&table(true, &[("id", "int", false)])), ("T7".into(), false));
        let partly = table(false, &[("id", "int", false), ("sum", "int", true), ("doc", "xml", false)]);
        assert_eq!(rules(&partly), ("T13 T14".into(), true));
    }
}
