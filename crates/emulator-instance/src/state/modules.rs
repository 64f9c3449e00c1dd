//! What is kept as text and bound when it is used: views, functions, security policies.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::types::ColumnType;
use super::tables::TableColumn;
use emulator_tsql::ast::{self, BlockOperation, PredicateKind};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct View {
    pub id: i32,
    pub name: String,
    pub schema: i32,
    /// Where it is not the schema's.
    pub owner: Option<i32>,
    /// As they were when it was made; the server does not look again either.
    pub columns: Vec<TableColumn>,
    /// `sys.sql_modules.definition`
    pub text: String,
    pub query: ast::Query,
    pub created: Timestamp,
    pub modified: Timestamp,
}

/// A function that returns a table by one query.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TableFunction {
    pub id: i32,
    pub name: String,
    pub schema: i32,
    /// Where it is not the schema's.
    pub owner: Option<i32>,
    pub parameters: Vec<FunctionParameter>,
    pub columns: Vec<TableColumn>,
    /// `sys.sql_modules.definition`
    pub text: String,
    pub query: ast::Query,
    /// What WITH SCHEMABINDING holds fast; `None` without it.
    pub bound: Option<Vec<Bound>>,
    pub created: Timestamp,
    pub modified: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FunctionParameter {
    /// With its `@`.
    pub name: String,
    pub column_type: ColumnType,
    pub default: Option<ast::Expr>,
}

/// A table or function that something schema-bound is made of, and which columns of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bound {
    pub object: i32,
    pub columns: BTreeSet<i32>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SecurityPolicy {
    pub id: i32,
    pub name: String,
    pub schema: i32,
    /// Where it is not the schema's.
    pub owner: Option<i32>,
    pub enabled: bool,
    pub schema_bound: bool,
    pub not_for_replication: bool,
    pub predicates: Vec<SecurityPredicate>,
    pub next_predicate: i32,
    pub created: Timestamp,
    pub modified: Timestamp,
}

/// A row of `sys.security_predicates`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SecurityPredicate {
    pub id: i32,
    pub kind: PredicateKind,
    /// Of a block predicate; `None` is all of them.
    pub operation: Option<BlockOperation>,
    /// Object id of the table.
    pub target: i32,
    /// Of the function, by name: without schema binding it may be another one by the time it is called.
    pub schema: String,
    pub function: String,
    pub arguments: Vec<ast::Expr>,
    /// Those of the table that are arguments.
    pub columns: BTreeSet<i32>,
    /// As the catalog shows it.
    pub definition: String,
}

impl SecurityPredicate {
    /// Whether both would speak at the same moment.
    pub fn overlaps(&self, kind: PredicateKind, operation: Option<BlockOperation>) -> bool {
        let same = self.operation == operation || self.operation.is_none() || operation.is_none();
        self.kind == kind && (kind == PredicateKind::Filter || same)
    }
}
