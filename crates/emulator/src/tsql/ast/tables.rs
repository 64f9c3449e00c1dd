//! Tables, columns, indexes.

use super::{Expr, ObjectName, TypeName};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewChange {
    Create,
    CreateOrAlter,
    Alter,
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
