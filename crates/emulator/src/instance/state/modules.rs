//! What is kept as text and bound when it is used: views, functions, security policies.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ColumnType, Database, Object, TableColumn};
use crate::tsql::ast::{self, BlockOperation, PredicateKind};

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

impl Database {
    /// The predicate of an enabled policy that speaks about such rows of a table, and its policy.
    pub fn predicate(
        &self,
        table: i32,
        kind: PredicateKind,
        operation: Option<BlockOperation>,
    ) -> Option<(&SecurityPolicy, &SecurityPredicate)> {
        self.policies.values().filter(|policy| policy.enabled).find_map(|policy| {
            let of = |p: &&SecurityPredicate| p.target == table && p.overlaps(kind, operation);
            policy.predicates.iter().find(of).map(|predicate| (&**policy, predicate))
        })
    }

    /// What schema-bound is made of a table, view or function – of the column, where one is named.
    pub fn bound_by(&self, object: i32, column: Option<i32>) -> Option<Object<'_>> {
        let reads = |bound: &Bound| bound.object == object && column.is_none_or(|id| bound.columns.contains(&id));
        let function = self.functions.values().find(|f| f.bound.iter().flatten().any(reads));
        function.map(|f| f.object()).or_else(|| {
            let name = self.functions.get(&object).map(|f| (self.schema_name(f.schema), f.name.as_str()));
            let of = |p: &SecurityPredicate| {
                p.target == object && column.is_none_or(|id| p.columns.contains(&id))
                    || column.is_none() && name == Some((p.schema.as_str(), p.function.as_str()))
            };
            let policy = self.policies.values().find(|p| p.schema_bound && p.predicates.iter().any(of));
            policy.map(|policy| policy.object())
        })
    }
}
