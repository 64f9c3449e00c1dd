//! Tables: columns, keys, constraints, and what a table is besides rows.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::types::ColumnType;
use super::names::same_name;
use emulator_tsql::ast;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Table {
    pub id: i32,
    pub name: String,
    pub schema: i32,
    /// Where it is not the schema's.
    pub owner: Option<i32>,
    pub created: Timestamp,
    pub modified: Timestamp,
    pub columns: Vec<TableColumn>,
    pub indexes: Vec<Index>,
    pub next_column: i32,
    pub next_index: i32,
    /// Last identity value given out.
    pub identity: Option<i64>,
    pub next_rowversion: u64,
    pub rows: u64,
    pub changes: u64,
    pub bytes: u64,
    pub checks: Vec<Check>,
    pub foreign_keys: Vec<ForeignKey>,
    pub traits: Traits,
}

/// What a table is besides rows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Traits {
    pub temporal: Temporal,
    pub ledger: LedgerKind,
    /// Object id of the history table.
    pub history: Option<i32>,
    /// Columns of PERIOD FOR SYSTEM_TIME.
    pub period: Option<(i32, i32)>,
    pub graph: Option<ast::GraphKind>,
    pub memory_optimized: bool,
    pub schema_only: bool,
}

/// `sys.tables.temporal_type`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Temporal {
    #[default]
    None,
    History,
    Current,
}

/// `sys.tables.ledger_type`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum LedgerKind {
    #[default]
    None,
    History,
    Updatable,
    AppendOnly,
}

/// A constraint that is an object of its own: DEFAULT, CHECK and FOREIGN KEY.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Constraint {
    pub name: String,
    pub object_id: i32,
    pub system_named: bool,
    /// As the catalog shows it; empty for a foreign key.
    pub definition: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Check {
    pub constraint: Constraint,
    pub condition: ast::Predicate,
    /// The column it stands with, or 0.
    pub column: i32,
    pub not_for_replication: bool,
    pub enforced: bool,
    /// Every row was looked at.
    pub trusted: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ForeignKey {
    pub constraint: Constraint,
    /// Own column and the one it refers to.
    pub columns: Vec<(i32, i32)>,
    /// Object id of the table referred to, and its key.
    pub table: i32,
    pub index: i32,
    pub on_delete: ast::ReferentialAction,
    pub on_update: ast::ReferentialAction,
    pub not_for_replication: bool,
    pub enforced: bool,
    pub trusted: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TableColumn {
    pub id: i32,
    pub name: String,
    pub column_type: ColumnType,
    pub nullable: bool,
    pub identity: Option<(i64, i64)>,
    /// NOT FOR REPLICATION of the identity.
    pub not_for_replication: bool,
    pub default: Option<ast::Expr>,
    /// WITH VALUES, or no NULL: rows that are there when the column is added get the default.
    pub fill: bool,
    pub computed: Option<ast::Expr>,
    /// What the catalog shows of a computed column.
    pub computed_definition: Option<String>,
    pub persisted: bool,
    pub rowguidcol: bool,
    pub collation: Option<String>,
    pub default_constraint: Option<Constraint>,
    pub generated: Option<ast::Generated>,
    /// Not in `SELECT *`.
    pub hidden: bool,
    /// The masking function.
    pub masked: Option<String>,
    /// Always Encrypted; true when deterministic.
    pub encryption: Option<bool>,
    pub encryption_key: Option<i32>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Index {
    pub id: i32,
    pub name: String,
    pub kind: IndexKind,
    pub unique: bool,
    pub primary: bool,
    /// A UNIQUE constraint.
    pub constraint: bool,
    pub system_named: bool,
    /// Object id of the constraint.
    pub object_id: i32,
    pub columns: Vec<IndexedColumn>,
    /// Of a filtered index, and as the catalog shows it.
    pub filter: Option<(ast::Predicate, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum IndexKind {
    Clustered = 1,
    Nonclustered = 2,
    ClusteredColumnstore = 5,
    NonclusteredColumnstore = 6,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IndexedColumn {
    pub column: i32,
    pub descending: bool,
    pub included: bool,
}

impl TableColumn {
    /// `sys.columns.generated_always_type`
    pub fn generated_type(&self) -> i32 {
        match self.generated {
            None => 0,
            Some(ast::Generated::RowStart) => 1,
            Some(ast::Generated::RowEnd) => 2,
            Some(ast::Generated::TransactionStart) => 5,
            Some(ast::Generated::TransactionEnd) => 6,
            Some(ast::Generated::SequenceStart) => 7,
            Some(ast::Generated::SequenceEnd) => 8,
        }
    }
    pub fn plain(id: i32, name: &str, column_type: ColumnType, nullable: bool) -> Self {
        Self {
            id,
            name: name.to_owned(),
            column_type,
            nullable,
            identity: None,
            not_for_replication: false,
            default: None,
            fill: false,
            computed: None,
            computed_definition: None,
            persisted: false,
            rowguidcol: false,
            collation: None,
            default_constraint: None,
            generated: None,
            hidden: false,
            masked: None,
            encryption: None,
            encryption_key: None,
        }
    }
}

impl Table {
    pub fn new(id: i32, name: String, schema: i32, now: Timestamp) -> Self {
        Self {
            id,
            name,
            schema,
            owner: None,
            created: now,
            modified: now,
            columns: Vec::new(),
            indexes: Vec::new(),
            next_column: 1,
            next_index: 2,
            identity: None,
            next_rowversion: 1,
            rows: 0,
            changes: 0,
            bytes: 0,
            checks: Vec::new(),
            foreign_keys: Vec::new(),
            traits: Traits::default(),
        }
    }
    pub fn generated(&self, as_what: ast::Generated) -> Option<&TableColumn> {
        self.columns.iter().find(|c| c.generated == Some(as_what))
    }
    /// DEFAULT, CHECK and FOREIGN KEY constraints: letter, description, constraint, and the column of a default.
    pub fn constraints(&self) -> impl Iterator<Item = (&'static str, &'static str, &Constraint, i32)> {
        let defaults = self.columns.iter().filter_map(|c| Some((c.default_constraint.as_ref()?, c.id)));
        let defaults = defaults.map(|(constraint, column)| ("D ", "DEFAULT_CONSTRAINT", constraint, column));
        let checks = self.checks.iter().map(|check| ("C ", "CHECK_CONSTRAINT", &check.constraint, 0));
        let keys = self.foreign_keys.iter().map(|key| ("F ", "FOREIGN_KEY_CONSTRAINT", &key.constraint, 0));
        defaults.chain(checks).chain(keys)
    }
    pub fn constraint_ids(&self) -> Vec<i32> {
        let keys = self.indexes.iter().map(|i| i.object_id).filter(|id| *id != 0);
        keys.chain(self.constraints().map(|(_, _, c, _)| c.object_id)).collect()
    }
    /// Name of the key or constraint of that object id.
    pub fn constraint_by_id(&self, id: i32) -> Option<&str> {
        let key = self.indexes.iter().find(|i| i.object_id == id && id != 0).map(|i| i.name.as_str());
        key.or_else(|| self.constraints().find(|(_, _, c, _)| c.object_id == id).map(|(_, _, c, _)| c.name.as_str()))
    }
    /// `sys.objects.type` of a key or constraint.
    pub fn constraint_letter(&self, id: i32) -> Option<&'static str> {
        let key = self.indexes.iter().find(|i| i.object_id == id && id != 0);
        let key = key.map(|i| if i.primary { "PK" } else { "UQ" });
        key.or_else(|| self.constraints().find(|(_, _, c, _)| c.object_id == id).map(|(letter, ..)| letter))
    }
    pub fn constraint_named(&self, name: &str) -> Option<i32> {
        let key = self.indexes.iter().find(|i| i.object_id != 0 && same_name(&i.name, name)).map(|i| i.object_id);
        key.or_else(|| self.constraints().find(|(_, _, c, _)| same_name(&c.name, name)).map(|(_, _, c, _)| c.object_id))
    }
    pub fn column(&self, name: &str) -> Option<&TableColumn> {
        self.columns.iter().find(|c| same_name(&c.name, name))
    }
    pub fn column_by_id(&self, id: i32) -> Option<&TableColumn> {
        self.columns.iter().find(|c| c.id == id)
    }
}
