//! The tree the grammar builds. Names are unescaped, permissions are words, nothing is resolved.

#![allow(clippy::large_enum_variant, reason = "one tree per batch, soon dropped: boxes would only cost readers")]

mod modules;
mod principals;
mod queries;
mod tables;

pub use modules::*;
pub use principals::*;
pub use queries::*;
pub use tables::*;

use serde::{Deserialize, Serialize};

/// `[server].[database].[schema].[name]`; absent parts (`db..t`) are `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ObjectName {
    pub server: Option<String>,
    pub database: Option<String>,
    pub schema: Option<String>,
    pub name: String,
}

impl ObjectName {
    pub fn plain(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
    /// As it is written in messages: parts joined by dots.
    pub fn written(&self) -> String {
        let mut parts: Vec<&str> = vec![&self.name];
        for part in [&self.schema, &self.database, &self.server] {
            match part {
                Some(part) => parts.insert(0, part),
                None => break,
            }
        }
        parts.join(".")
    }
}

/// A statement and the line it begins on.
#[derive(Debug, Clone)]
pub struct Statement {
    pub line: u32,
    pub kind: StatementKind,
}

#[derive(Debug, Clone)]
pub enum StatementKind {
    // principals
    CreateLogin {
        name: String,
        source: LoginSource,
    },
    AlterLogin {
        name: String,
        change: LoginChange,
    },
    DropLogin {
        name: String,
    },
    CreateServerRole {
        name: String,
        owner: Option<String>,
    },
    CreateRole {
        name: String,
        owner: Option<String>,
    },
    AlterRole {
        server: bool,
        name: String,
        change: RoleChange,
    },
    DropRole {
        server: bool,
        if_exists: bool,
        name: String,
    },
    CreateUser {
        name: String,
        source: UserSource,
        options: Vec<UserOption>,
    },
    AlterUser {
        name: String,
        options: Vec<UserOption>,
    },
    DropUser {
        if_exists: bool,
        name: String,
    },
    CreateSchema {
        name: String,
        owner: Option<String>,
    },
    DropSchema {
        if_exists: bool,
        name: String,
    },
    AlterAuthorization {
        securable: Securable,
        owner: Option<String>,
    },
    Permission(PermissionStatement),
    // session
    ExecuteAs {
        login: bool,
        name: Expr,
        no_revert: bool,
    },
    Revert,
    Use(String),
    Set(SetOption),
    Kill {
        session: i64,
    },
    // flow
    Block(Vec<Statement>),
    If {
        condition: Predicate,
        then: Box<Statement>,
        otherwise: Option<Box<Statement>>,
    },
    While {
        condition: Predicate,
        body: Box<Statement>,
    },
    Break,
    Continue,
    Try {
        body: Vec<Statement>,
        catch: Vec<Statement>,
    },
    Return(Option<Expr>),
    Print(Expr),
    RaisError {
        arguments: Vec<Expr>,
        log: bool,
        set_error: bool,
    },
    Throw(Option<[Expr; 3]>),
    WaitForDelay(Expr),
    Declare(Vec<Declaration>),
    SetVariable {
        name: String,
        operator: Option<BinaryOperator>,
        value: Expr,
    },
    Begin {
        name: Option<Expr>,
    },
    Commit {
        /// Which means nothing, but must be there.
        name: Option<Expr>,
    },
    Rollback {
        name: Option<Expr>,
    },
    Save {
        name: Expr,
    },
    ExecuteText {
        parts: Vec<Expr>,
    },
    ExecuteProcedure {
        result: Option<String>,
        name: ObjectName,
        arguments: Vec<Argument>,
    },
    DeclareTable {
        name: String,
        columns: Vec<ColumnDefinition>,
    },
    InsertVariable {
        table: String,
        /// Empty for all.
        columns: Vec<String>,
        rows: Rows,
    },
    // tables
    CreateTable {
        name: ObjectName,
        elements: Vec<TableElement>,
        storage: Storage,
        options: TableOptions,
    },
    AlterTable {
        name: ObjectName,
        change: TableChange,
    },
    DropTable {
        if_exists: bool,
        names: Vec<ObjectName>,
    },
    Truncate(ObjectName),
    CreateIndex(CreateIndex),
    DropIndex {
        if_exists: bool,
        name: String,
        table: ObjectName,
    },
    CreateView {
        name: ObjectName,
        columns: Vec<String>,
        query: Query,
        change: ModuleChange,
        /// The whole batch, as the catalog keeps it.
        text: String,
    },
    DropView {
        if_exists: bool,
        names: Vec<ObjectName>,
    },
    CreateFunction {
        name: ObjectName,
        parameters: Vec<FunctionParameter>,
        schema_bound: bool,
        query: Query,
        change: ModuleChange,
        /// The whole batch, as the catalog keeps it.
        text: String,
    },
    DropFunction {
        if_exists: bool,
        names: Vec<ObjectName>,
    },
    CreateSecurityPolicy {
        name: ObjectName,
        predicates: Vec<PredicateDefinition>,
        options: PolicyOptions,
    },
    AlterSecurityPolicy {
        name: ObjectName,
        changes: Vec<PredicateChange>,
        options: PolicyOptions,
    },
    DropSecurityPolicy {
        if_exists: bool,
        name: ObjectName,
    },
    CreateColumnMasterKey(ColumnMasterKey),
    CreateColumnEncryptionKey {
        name: String,
        master: String,
    },
    AddClassification {
        columns: Vec<(ObjectName, String)>,
        classification: Classification,
    },
    DropClassification {
        columns: Vec<(ObjectName, String)>,
    },
    CreateDatabase {
        name: String,
    },
    AlterDatabase {
        /// `None` is CURRENT.
        name: Option<String>,
        options: Vec<DatabaseOption>,
    },
    // rows
    Select(Query),
    Insert {
        table: ObjectName,
        columns: Vec<String>,
        output: Vec<SelectItem>,
        source: InsertSource,
    },
    Update {
        with: Vec<CommonTable>,
        table: ObjectName,
        top: Option<Expr>,
        set: Vec<Assignment>,
        output: Vec<SelectItem>,
        from: Vec<TableSource>,
        filter: Option<Predicate>,
    },
    Delete {
        with: Vec<CommonTable>,
        table: ObjectName,
        top: Option<Expr>,
        output: Vec<SelectItem>,
        from: Vec<TableSource>,
        filter: Option<Predicate>,
    },
    /// Good T-SQL outside the emulator's subset: what it is, in words.
    Outside(String),
    Empty,
}

#[derive(Debug, Clone)]
pub enum SetOption {
    /// `SET XACT_ABORT, ANSI_NULLS ON`
    Switch {
        names: Vec<String>,
        on: bool,
    },
    /// `SET LANGUAGE us_english`, `SET TEXTSIZE 4096`
    Value {
        name: String,
        value: Expr,
    },
    IsolationLevel(&'static str),
    IdentityInsert {
        table: ObjectName,
        on: bool,
    },
}

/// What ALTER DATABASE … SET sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseOption {
    /// 0 DISABLED, 1 ALLOWED, 2 FORCED.
    DelayedDurability(u8),
    CompatibilityLevel(i64),
    SnapshotIsolation(bool),
}

#[derive(Debug, Clone)]
pub struct Declaration {
    pub name: String,
    pub sql_type: TypeName,
    pub value: Option<Expr>,
}

#[derive(Debug, Clone)]
pub struct Argument {
    pub name: Option<String>,
    /// `None` is DEFAULT.
    pub value: Option<Expr>,
    pub output: bool,
}

/// A type as written; the instance knows which exist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeName {
    pub name: ObjectName,
    /// Length, or precision and scale; `None` among them is MAX.
    pub arguments: Vec<Option<u32>>,
}

/// What goes into a table variable.
#[derive(Debug, Clone)]
pub enum Rows {
    Values(Vec<Vec<Expr>>),
    Query(Box<Query>),
    /// EXECUTE of a procedure or a text.
    Execute(Box<StatementKind>),
}
