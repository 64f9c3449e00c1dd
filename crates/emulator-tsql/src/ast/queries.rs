//! Queries, expressions, conditions.

use serde::{Deserialize, Serialize};

use super::{ObjectName, TypeName};
use emulator_ground::words::{self, Word};

#[derive(Debug, Clone)]
pub enum InsertSource {
    /// `None` in a row is DEFAULT.
    Values(Vec<Vec<Option<Expr>>>),
    Query(Box<Query>),
    DefaultValues,
}

#[derive(Debug, Clone)]
pub struct Assignment {
    /// What stands before the column's name.
    pub prefix: Option<String>,
    pub column: String,
    /// `None` is DEFAULT.
    pub value: Option<Expr>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Query {
    pub with: Vec<CommonTable>,
    pub body: SetExpression,
    pub order_by: Vec<OrderItem>,
    pub offset: Option<Expr>,
    pub fetch: Option<Expr>,
    /// FOR XML, FOR JSON, …: what it is.
    #[serde(deserialize_with = "words::optional")]
    pub outside: Option<Word>,
    /// OPTION (MAXRECURSION n)
    pub max_recursion: Option<i64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CommonTable {
    pub name: String,
    pub columns: Vec<String>,
    pub query: Query,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum SetExpression {
    Select(Box<Select>),
    Query(Box<Query>),
    Combined { operator: SetOperator, left: Box<SetExpression>, right: Box<SetExpression> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SetOperator {
    Union,
    UnionAll,
    Except,
    Intersect,
    /// Good for the grammar, and refused by the server.
    ExceptAll,
    IntersectAll,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Select {
    pub distinct: bool,
    pub top: Option<Top>,
    pub items: Vec<SelectItem>,
    pub into: Option<ObjectName>,
    pub from: Vec<TableSource>,
    pub filter: Option<Predicate>,
    pub group_by: Vec<Expr>,
    pub having: Option<Predicate>,
    #[serde(deserialize_with = "words::optional")]
    pub outside: Option<Word>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Top {
    pub count: Expr,
    pub percent: bool,
    pub with_ties: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum SelectItem {
    /// `*`, `t.*`
    All(Option<ObjectName>),
    Expr {
        value: Expr,
        alias: Option<String>,
    },
    /// `@v = expr`
    Assign {
        variable: String,
        operator: Option<BinaryOperator>,
        value: Expr,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OrderItem {
    pub value: Expr,
    pub descending: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum TableSource {
    Table {
        name: ObjectName,
        alias: Option<String>,
        /// A hint asks for locks that the transaction keeps.
        holds: bool,
    },
    Function {
        name: ObjectName,
        arguments: Vec<Expr>,
        alias: Option<String>,
        columns: Vec<String>,
    },
    Derived {
        query: Box<Query>,
        alias: String,
        columns: Vec<String>,
    },
    Values {
        rows: Vec<Vec<Expr>>,
        alias: String,
        columns: Vec<String>,
    },
    Join {
        kind: JoinKind,
        left: Box<TableSource>,
        right: Box<TableSource>,
        on: Option<Predicate>,
    },
    /// A table variable, with its `@`.
    Variable {
        name: String,
        alias: Option<String>,
    },
    /// PIVOT, OPENROWSET, FOR SYSTEM_TIME, …: what it is.
    Outside(#[serde(deserialize_with = "words::word")] Word),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum JoinKind {
    Inner,
    Left,
    Right,
    Full,
    Cross,
    CrossApply,
    OuterApply,
}

/// A scalar expression.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Expr {
    Null,
    Integer(i32),
    /// Digits with at most one point.
    Number(String),
    Real(f64),
    Money(String),
    Text {
        value: String,
        national: bool,
    },
    Binary(Vec<u8>),
    Variable(String),
    /// `@@SPID`, with the `@@`
    Global(String),
    Column(ObjectName),
    Negate(Box<Expr>),
    Complement(Box<Expr>),
    Operation {
        operator: BinaryOperator,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    Collate {
        value: Box<Expr>,
        collation: String,
    },
    Case {
        operand: Option<Box<Expr>>,
        branches: Vec<(When, Expr)>,
        otherwise: Option<Box<Expr>>,
    },
    Convert {
        value: Box<Expr>,
        sql_type: TypeName,
        style: Option<Box<Expr>>,
        attempt: bool,
    },
    If {
        condition: Box<Predicate>,
        then: Box<Expr>,
        otherwise: Box<Expr>,
    },
    Call(Box<Call>),
    Subquery(Box<Query>),
    /// Good T-SQL outside the subset: what it is.
    Outside(#[serde(deserialize_with = "words::word")] Word),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum When {
    Value(Expr),
    Condition(Predicate),
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Call {
    pub name: ObjectName,
    pub arguments: Vec<Expr>,
    pub star: bool,
    pub distinct: bool,
    pub over: Option<Over>,
    pub within_group: Vec<OrderItem>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Over {
    pub partition_by: Vec<Expr>,
    pub order_by: Vec<OrderItem>,
    /// ROWS and RANGE frames are outside the subset.
    pub framed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BinaryOperator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    And,
    Or,
    Xor,
    /// `||`
    Concatenate,
}

/// A condition: T-SQL has no boolean values.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Predicate {
    Compare {
        operator: Comparison,
        left: Expr,
        right: Expr,
    },
    Quantified {
        operator: Comparison,
        left: Expr,
        all: bool,
        query: Box<Query>,
    },
    IsNull {
        value: Expr,
        negated: bool,
    },
    /// `IS [NOT] DISTINCT FROM`
    Distinct {
        left: Expr,
        right: Expr,
        negated: bool,
    },
    Like {
        value: Expr,
        pattern: Expr,
        escape: Option<Expr>,
        negated: bool,
    },
    Between {
        value: Expr,
        low: Expr,
        high: Expr,
        negated: bool,
    },
    InList {
        value: Expr,
        list: Vec<Expr>,
        negated: bool,
    },
    InQuery {
        value: Expr,
        query: Box<Query>,
        negated: bool,
    },
    Exists(Box<Query>),
    Not(Box<Predicate>),
    And(Vec<Predicate>),
    Or(Vec<Predicate>),
    Outside(#[serde(deserialize_with = "words::word")] Word),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}
