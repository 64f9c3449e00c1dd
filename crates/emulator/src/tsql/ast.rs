//! The tree the grammar builds. Names are unescaped, permissions are words, nothing is resolved.

#![allow(clippy::large_enum_variant, reason = "one tree per batch, soon dropped: boxes would only cost readers")]

/// `[server].[database].[schema].[name]`; absent parts (`db..t`) are `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
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
    Commit,
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
    // tables
    CreateTable {
        name: ObjectName,
        elements: Vec<TableElement>,
        storage: Storage,
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
        change: ViewChange,
    },
    DropView {
        if_exists: bool,
        names: Vec<ObjectName>,
    },
    CreateDatabase {
        name: String,
    },
    // rows
    Select(Query),
    Insert {
        table: ObjectName,
        columns: Vec<String>,
        source: InsertSource,
    },
    Update {
        table: ObjectName,
        top: Option<Expr>,
        set: Vec<Assignment>,
        from: Vec<TableSource>,
        filter: Option<Predicate>,
    },
    Delete {
        table: ObjectName,
        top: Option<Expr>,
        from: Vec<TableSource>,
        filter: Option<Predicate>,
    },
    /// Good T-SQL outside the emulator's subset: what it is, in words.
    Outside(String),
    Empty,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewChange {
    Create,
    CreateOrAlter,
    Alter,
}

#[derive(Debug, Clone)]
pub enum LoginSource {
    Password {
        password: Secret,
        options: Vec<LoginOption>,
    },
    External {
        object_id: Option<String>,
        options: Vec<LoginOption>,
    },
    /// Windows, certificate, asymmetric key: named for the message.
    Outside(&'static str),
}

/// A password as written; `Debug` does not show it.
#[derive(Clone)]
pub struct Secret {
    pub value: PasswordValue,
    pub must_change: bool,
    pub hashed: bool,
    pub unlock: bool,
}

#[derive(Clone)]
pub enum PasswordValue {
    Text(String),
    Hash(Vec<u8>),
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

#[derive(Debug, Clone)]
pub enum LoginOption {
    Sid(Vec<u8>),
    /// `E` or `X`
    Type(String),
    DefaultDatabase(String),
    DefaultLanguage(String),
    CheckPolicy(bool),
    CheckExpiration(bool),
    Credential,
    Name(String),
    Password {
        new: Secret,
        old: Option<Secret>,
    },
}

#[derive(Debug, Clone)]
pub enum LoginChange {
    Enable,
    Disable,
    Options(Vec<LoginOption>),
    Credential,
}

#[derive(Debug, Clone)]
pub enum RoleChange {
    AddMember(String),
    DropMember(String),
    Rename(String),
}

#[derive(Debug, Clone)]
pub enum UserSource {
    /// No clause: the login of the same name.
    SameName,
    Login(String),
    WithoutLogin,
    External {
        object_id: Option<String>,
    },
    Outside(&'static str),
}

#[derive(Debug, Clone)]
pub enum UserOption {
    Name(String),
    DefaultSchema(Option<String>),
    Login(String),
    Password,
    DefaultLanguage,
    Sid(Vec<u8>),
    Type(String),
    AllowEncryptedValueModifications,
}

/// `CLASS::name`; a plain name after ON is an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Securable {
    /// Upper case, single blanks: `SCHEMA`, `OBJECT`, `SERVER ROLE`, …
    pub class: String,
    pub name: ObjectName,
    pub columns: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PermissionVerb {
    Grant { with_grant_option: bool },
    Deny { cascade: bool },
    Revoke { grant_option_only: bool, cascade: bool },
}

#[derive(Debug, Clone)]
pub struct PermissionStatement {
    pub verb: PermissionVerb,
    pub permissions: Vec<PermissionWords>,
    pub on: Option<Securable>,
    /// `None` is the word NULL, which the grammar allows and the server does not.
    pub principals: Vec<Option<String>>,
    pub grantor: Option<String>,
}

#[derive(Debug, Clone)]
pub struct PermissionWords {
    /// Upper case, single blanks.
    pub words: String,
    pub columns: Vec<String>,
    /// As written, for messages.
    pub last_word: String,
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeName {
    pub name: ObjectName,
    /// Length, or precision and scale; `None` among them is MAX.
    pub arguments: Vec<Option<u32>>,
}

#[derive(Debug, Clone)]
pub enum TableElement {
    Column(ColumnDefinition),
    Key(KeyDefinition),
    /// CHECK and FOREIGN KEY, which the emulator does not enforce: what it is.
    Outside(&'static str),
}

#[derive(Debug, Clone)]
pub struct ColumnDefinition {
    pub name: String,
    /// `None` for a computed column.
    pub sql_type: Option<TypeName>,
    pub computed: Option<Expr>,
    pub persisted: bool,
    pub identity: Option<(i64, i64)>,
    pub nullable: Option<bool>,
    pub default: Option<Expr>,
    /// WITH VALUES after the default.
    pub fill: bool,
    pub collation: Option<String>,
    pub rowguidcol: bool,
    pub keys: Vec<KeyDefinition>,
    pub outside: Option<&'static str>,
}

#[derive(Debug, Clone)]
pub struct KeyDefinition {
    pub name: Option<String>,
    pub primary: bool,
    pub clustered: Option<bool>,
    pub columns: Vec<IndexColumn>,
    pub storage: Storage,
}

/// Where a table or index lies, and how it is kept.
#[derive(Debug, Clone, Default)]
pub struct Storage {
    /// Names after ON, TEXTIMAGE_ON and FILESTREAM_ON: filegroups.
    pub filegroups: Vec<String>,
    /// `ON scheme (column)`
    pub partition_schemes: Vec<String>,
    /// The first option that is not at its default: its name.
    pub outside: Option<String>,
}

#[derive(Debug, Clone)]
pub struct IndexColumn {
    pub name: String,
    pub descending: bool,
}

#[derive(Debug, Clone)]
pub enum TableChange {
    Add(Vec<TableElement>),
    DropColumn(Vec<String>),
    DropConstraint(Vec<String>),
    AlterColumn { name: String, sql_type: TypeName, nullable: Option<bool> },
}

#[derive(Debug, Clone)]
pub struct CreateIndex {
    pub name: String,
    pub table: ObjectName,
    pub unique: bool,
    pub clustered: bool,
    pub columnstore: bool,
    pub columns: Vec<IndexColumn>,
    pub included: Vec<String>,
    pub storage: Storage,
}

#[derive(Debug, Clone)]
pub enum InsertSource {
    /// `None` in a row is DEFAULT.
    Values(Vec<Vec<Option<Expr>>>),
    Query(Box<Query>),
    DefaultValues,
}

#[derive(Debug, Clone)]
pub struct Assignment {
    pub column: String,
    /// `None` is DEFAULT.
    pub value: Option<Expr>,
}

#[derive(Debug, Clone)]
pub struct Query {
    pub with: Vec<CommonTable>,
    pub body: SetExpression,
    pub order_by: Vec<OrderItem>,
    pub offset: Option<Expr>,
    pub fetch: Option<Expr>,
    /// FOR XML, FOR JSON, …: what it is.
    pub outside: Option<&'static str>,
}

#[derive(Debug, Clone)]
pub struct CommonTable {
    pub name: String,
    pub columns: Vec<String>,
    pub query: Query,
}

#[derive(Debug, Clone)]
pub enum SetExpression {
    Select(Box<Select>),
    Query(Box<Query>),
    Combined { operator: SetOperator, left: Box<SetExpression>, right: Box<SetExpression> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetOperator {
    Union,
    UnionAll,
    Except,
    Intersect,
}

#[derive(Debug, Clone, Default)]
pub struct Select {
    pub distinct: bool,
    pub top: Option<Top>,
    pub items: Vec<SelectItem>,
    pub into: Option<ObjectName>,
    pub from: Vec<TableSource>,
    pub filter: Option<Predicate>,
    pub group_by: Vec<Expr>,
    pub having: Option<Predicate>,
    pub outside: Option<&'static str>,
}

#[derive(Debug, Clone)]
pub struct Top {
    pub count: Expr,
    pub percent: bool,
    pub with_ties: bool,
}

#[derive(Debug, Clone)]
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

#[derive(Debug, Clone)]
pub struct OrderItem {
    pub value: Expr,
    pub descending: bool,
}

#[derive(Debug, Clone)]
pub enum TableSource {
    Table {
        name: ObjectName,
        alias: Option<String>,
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
    /// PIVOT, OPENROWSET, FOR SYSTEM_TIME, …: what it is.
    Outside(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
#[derive(Debug, Clone)]
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
    Outside(&'static str),
}

#[derive(Debug, Clone)]
pub enum When {
    Value(Expr),
    Condition(Predicate),
}

#[derive(Debug, Clone, Default)]
pub struct Call {
    pub name: ObjectName,
    pub arguments: Vec<Expr>,
    pub star: bool,
    pub distinct: bool,
    pub over: Option<Over>,
    pub within_group: Vec<OrderItem>,
}

#[derive(Debug, Clone, Default)]
pub struct Over {
    pub partition_by: Vec<Expr>,
    pub order_by: Vec<OrderItem>,
    /// ROWS and RANGE frames are outside the subset.
    pub framed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
#[derive(Debug, Clone)]
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
    Outside(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}
