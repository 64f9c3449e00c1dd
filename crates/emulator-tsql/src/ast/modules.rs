//! Views, functions, security policies.

use serde::{Deserialize, Serialize};

use super::{Expr, ObjectName, TypeName};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModuleChange {
    Create,
    CreateOrAlter,
    Alter,
}

/// `@name type = default`
#[derive(Debug, Clone)]
pub struct FunctionParameter {
    /// With its `@`.
    pub name: String,
    pub sql_type: TypeName,
    pub default: Option<Expr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PredicateKind {
    Filter,
    Block,
}

/// `sys.security_predicates.operation`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BlockOperation {
    AfterInsert = 1,
    AfterUpdate = 2,
    BeforeUpdate = 3,
    BeforeDelete = 4,
}

/// `FILTER PREDICATE function(arguments) ON table`
#[derive(Debug, Clone)]
pub struct PredicateDefinition {
    pub kind: PredicateKind,
    pub function: ObjectName,
    pub arguments: Vec<Expr>,
    /// As written, of each argument.
    pub texts: Vec<String>,
    pub target: ObjectName,
    pub operation: Option<BlockOperation>,
}

#[derive(Debug, Clone)]
pub enum PredicateChange {
    Add(PredicateDefinition),
    Alter(PredicateDefinition),
    Drop { kind: PredicateKind, target: ObjectName, operation: Option<BlockOperation> },
}

/// `None` where nothing is said.
#[derive(Debug, Clone, Copy, Default)]
pub struct PolicyOptions {
    pub enabled: Option<bool>,
    pub schema_bound: Option<bool>,
    pub not_for_replication: Option<bool>,
}
