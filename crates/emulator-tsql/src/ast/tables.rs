//! Tables, columns, indexes.

use serde::{Deserialize, Serialize};

use super::{Expr, ObjectName, Predicate, TypeName};
use emulator_ground::words::{self, Word};

#[derive(Debug, Clone)]
pub enum TableElement {
    Column(ColumnDefinition),
    Key(KeyDefinition),
    Check(CheckDefinition),
    ForeignKey(ForeignKeyDefinition),
    Index(CreateIndex),
    /// `DEFAULT value FOR column`, which ALTER TABLE alone may add.
    Default(DefaultDefinition),
    /// `PERIOD FOR SYSTEM_TIME (start, end)`
    Period {
        start: String,
        end: String,
    },
    /// What the emulator does not enforce: what it is.
    Outside(&'static str),
}

#[derive(Debug, Clone)]
pub struct ColumnDefinition {
    pub name: String,
    /// `None` for a computed column.
    pub sql_type: Option<TypeName>,
    pub computed: Option<Expr>,
    pub persisted: bool,
    /// A computed column's expression as written.
    pub computed_text: String,
    pub identity: Option<(i64, i64)>,
    /// NOT FOR REPLICATION of the identity.
    pub not_for_replication: bool,
    pub nullable: Option<bool>,
    pub default: Option<Expr>,
    /// WITH VALUES after the default.
    pub fill: bool,
    /// Of its DEFAULT constraint, where one is given; and what was written.
    pub default_name: Option<String>,
    pub default_text: String,
    pub checks: Vec<CheckDefinition>,
    pub foreign_keys: Vec<ForeignKeyDefinition>,
    pub generated: Option<Generated>,
    pub hidden: bool,
    /// The function of MASKED WITH.
    pub masked: Option<String>,
    pub encrypted: Option<Encryption>,
    pub collation: Option<String>,
    pub rowguidcol: bool,
    pub keys: Vec<KeyDefinition>,
    pub indexes: Vec<CreateIndex>,
    pub outside: Option<&'static str>,
}

#[derive(Debug, Clone)]
pub struct CheckDefinition {
    pub name: Option<String>,
    pub not_for_replication: bool,
    pub condition: Predicate,
    /// As written, without the parentheses.
    pub text: String,
}

#[derive(Debug, Clone)]
pub struct DefaultDefinition {
    pub name: Option<String>,
    pub column: String,
    pub value: Expr,
    /// As written.
    pub text: String,
    /// WITH VALUES.
    pub fill: bool,
}

/// What ADD SENSITIVITY CLASSIFICATION says of columns.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Classification {
    pub label: Option<String>,
    pub label_id: Option<String>,
    pub information_type: Option<String>,
    pub information_type_id: Option<String>,
    #[serde(deserialize_with = "words::optional")]
    pub rank: Option<Word>,
}

#[derive(Debug, Clone)]
pub struct ForeignKeyDefinition {
    pub name: Option<String>,
    /// Empty where it stands with its column.
    pub columns: Vec<String>,
    pub table: ObjectName,
    /// Empty: those of the primary key.
    pub referenced: Vec<String>,
    pub on_delete: ReferentialAction,
    pub on_update: ReferentialAction,
    pub not_for_replication: bool,
    /// NOT ENFORCED, of other products.
    pub outside: bool,
}

/// What becomes of a row when the row it refers to goes or gets another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum ReferentialAction {
    #[default]
    NoAction,
    Cascade,
    SetNull,
    SetDefault,
}

/// GENERATED ALWAYS AS … of temporal and ledger tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Generated {
    RowStart,
    RowEnd,
    TransactionStart,
    TransactionEnd,
    SequenceStart,
    SequenceEnd,
}

/// ENCRYPTED WITH of Always Encrypted.
#[derive(Debug, Clone)]
pub struct Encryption {
    pub key: String,
    pub deterministic: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum GraphKind {
    Node,
    Edge,
}

/// AS NODE, AS EDGE and WITH (…) after a table's columns.
#[derive(Debug, Clone, Default)]
pub struct TableOptions {
    pub graph: Option<GraphKind>,
    pub system_versioning: Option<SystemVersioning>,
    pub ledger: Option<Ledger>,
    pub memory_optimized: bool,
    pub schema_only: bool,
    /// The first option the emulator has no use for: its name.
    pub outside: Option<String>,
}

/// SYSTEM_VERSIONING = ON.
#[derive(Debug, Clone, Default)]
pub struct SystemVersioning {
    pub history: Option<ObjectName>,
}

/// LEDGER = ON.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    pub append_only: bool,
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
    /// TEXTIMAGE_ON, which only a table with large columns may have.
    pub text_image: bool,
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
    Add {
        elements: Vec<TableElement>,
        /// WITH NOCHECK: rows that are there are not looked at.
        unchecked: bool,
    },
    /// `[WITH CHECK] CHECK CONSTRAINT` and `NOCHECK CONSTRAINT`; no names stand for ALL.
    Enforce {
        enforced: bool,
        look_at_rows: bool,
        names: Vec<String>,
    },
    DropColumn {
        if_exists: bool,
        names: Vec<String>,
    },
    DropConstraint {
        if_exists: bool,
        names: Vec<String>,
    },
    /// SET (SYSTEM_VERSIONING = …); `None` is OFF.
    SystemVersioning(Option<SystemVersioning>),
    /// ALTER COLUMN … ADD MASKED WITH (FUNCTION = '…'), and DROP MASKED.
    Mask {
        column: String,
        function: Option<String>,
    },
    AlterColumn {
        name: String,
        sql_type: TypeName,
        nullable: Option<bool>,
    },
}

#[derive(Debug, Clone, Default)]
pub struct CreateIndex {
    pub name: String,
    /// Without meaning inside CREATE TABLE.
    pub table: ObjectName,
    pub unique: bool,
    pub clustered: bool,
    pub columnstore: bool,
    pub columns: Vec<IndexColumn>,
    pub included: Vec<String>,
    /// WHERE, and as written.
    pub filter: Option<(Predicate, String)>,
    pub storage: Storage,
}

/// A key of Always Encrypted that protects others.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnMasterKey {
    pub name: String,
    pub provider: String,
    pub path: String,
    pub signature: Option<Vec<u8>>,
}
