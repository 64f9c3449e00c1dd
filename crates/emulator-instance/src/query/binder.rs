//! What a query is while it is compiled: its sources, scopes and expressions in SQLite's words.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::ambient::Ambient;
use super::super::state::{State, same_name};
use super::super::store::Store;
use super::super::types;
use super::masks::Mask;
use emulator_ground::engine::Message;
use emulator_ground::value::Column;
use emulator_ground::value::{SqlType, Value};
use emulator_tsql::ast::{self, Expr, Query, SetExpression};

/// SQLite text and what its columns are.
#[derive(Debug, Clone)]
pub struct Compiled {
    pub sql: String,
    pub columns: Vec<Column>,
    /// `SELECT @v = …`: which variable each column goes to.
    pub assigns: Vec<Option<(String, SqlType)>>,
    /// What goes over each column for those without UNMASK; may end early.
    pub masks: Vec<Option<Mask>>,
}

/// A scalar expression in SQLite's words.
#[derive(Debug, Clone)]
pub struct Bound {
    pub sql: String,
    pub sql_type: SqlType,
    pub nullable: bool,
    /// Name a result column takes from it.
    pub name: String,
    pub identity: bool,
    /// An explicit or a column's own collation, ours by name.
    pub collation: Option<&'static str>,
    /// The literal NULL takes any type.
    pub is_null: bool,
    /// Digits of a whole number written as a constant.
    pub literal: Option<u8>,
    /// Of a column alone.
    pub mask: Option<Mask>,
}

impl Bound {
    pub(super) fn new(sql: String, sql_type: SqlType, nullable: bool) -> Self {
        Self {
            sql,
            sql_type,
            nullable,
            name: String::new(),
            identity: false,
            collation: None,
            is_null: false,
            literal: None,
            mask: None,
        }
    }
    pub(super) fn collate(&self) -> &'static str {
        self.collation.unwrap_or("CI_AS")
    }
    /// With its collation where SQLite would compare, group or sort it.
    pub(super) fn sorted(&self) -> String {
        if types::is_text(self.sql_type) {
            format!("({} COLLATE {})", self.sql, self.collate())
        } else {
            self.sql.clone()
        }
    }
}

#[derive(Debug, Clone)]
pub struct SourceColumn {
    pub(super) name: String,
    pub(super) sql: String,
    pub(super) sql_type: SqlType,
    pub(super) nullable: bool,
    pub(super) identity: bool,
    pub(super) collation: Option<&'static str>,
    /// Object and column id, for permissions.
    pub(super) of: Option<(i32, i32, i32)>,
    /// Not in `SELECT *`.
    pub(super) hidden: bool,
    /// Masked for those without UNMASK.
    pub(super) mask: Option<Mask>,
    /// A computed column's expression, bound where it is used.
    pub(super) computed: Option<Expr>,
}

impl SourceColumn {
    /// Of rows that SQLite holds in a table of our own, in its column `c<place>`.
    pub(super) fn held(alias: &str, place: usize, name: String, sql_type: SqlType, nullable: bool) -> Self {
        Self {
            name,
            sql: format!("{alias}.c{place}"),
            sql_type,
            nullable,
            identity: false,
            collation: None,
            of: None,
            hidden: false,
            mask: None,
            computed: None,
        }
    }
}

#[derive(Debug, Clone)]
pub struct Source {
    /// What qualifies its columns: alias, else table name.
    pub(super) name: String,
    pub(super) schema: Option<String>,
    pub(super) alias: String,
    pub(super) columns: Vec<SourceColumn>,
}

#[derive(Debug, Default, Clone)]
pub struct Scope {
    pub(super) sources: Vec<Source>,
}

#[derive(Debug, Clone)]
pub struct CommonTable {
    pub(super) name: String,
    pub(super) alias: String,
    pub(super) columns: Vec<SourceColumn>,
}

/// Compiles one statement's queries.
pub struct Binder<'a> {
    pub state: Arc<State>,
    pub ambient: &'a Ambient,
    pub variables: &'a BTreeMap<String, (SqlType, Value)>,
    pub store: &'a mut Store,
    pub binds: Vec<(String, Value)>,
    pub(super) scopes: Vec<Scope>,
    pub(super) common: Vec<CommonTable>,
    pub(super) next_alias: usize,
    /// SQL of the GROUP BY expressions while a grouped select list is read; `None` outside.
    pub(super) grouped: Option<Vec<String>>,
    pub(super) in_aggregate: bool,
    pub(super) saw_aggregate: bool,
    /// A masked column was read since that was last looked at.
    pub(super) saw_masked: bool,
    /// Of the function being read: what its variables are.
    pub(super) parameters: Option<BTreeMap<String, Bound>>,
    /// Views, functions and policies being read through: 4429 for one within itself.
    pub(super) within: Vec<(i32, i32)>,
    /// The view or function that ALTER is about.
    pub being_made: Option<(i32, i32)>,
    /// Names of what the statement itself reads, its common tables apart.
    pub named: Vec<ast::ObjectName>,
    /// Database and owner of the views being read through: what the innermost's owner owns as well needs no right.
    pub(super) views: Vec<(i32, i32)>,
    /// Database and schema of the view or function being read or made, where its names without these are looked for,
    /// whoever reads and from wherever.
    pub homes: Vec<(i32, i32)>,
    pub(super) reads: BTreeMap<(i32, i32), BTreeSet<i32>>,
    /// The query that is read next is the statement's own.
    pub(super) outermost: bool,
    /// How many views and functions were read through.
    pub(super) expansions: usize,
    /// Whether rows of user tables are read.
    pub reads_tables: bool,
}

pub(super) fn empty_query() -> Query {
    Query {
        with: Vec::new(),
        body: SetExpression::Select(Box::default()),
        order_by: Vec::new(),
        offset: None,
        fetch: None,
        outside: None,
        max_recursion: None,
    }
}

pub(super) fn column_of(bound: &Bound, name: String) -> Column {
    Column { name, sql_type: bound.sql_type, nullable: bound.nullable, identity: bound.identity }
}

pub(super) fn matches_source(source: &Source, name: &str, schema: Option<&str>) -> bool {
    same_name(&source.name, name)
        && schema.is_none_or(|schema| source.schema.as_deref().is_some_and(|of| same_name(of, schema)))
}

/// The columns a derived table, view or CTE shows: named by its list, else by its query. 8155 without a name.
pub(super) fn derived_columns(
    alias: &str,
    compiled: &Compiled,
    names: &[String],
    table: &str,
) -> Result<Vec<SourceColumn>, Message> {
    if !names.is_empty() && names.len() != compiled.columns.len() {
        let (number, word) = if names.len() < compiled.columns.len() { (8158, "more") } else { (8159, "fewer") };
        let text = format!("'{table}' has {word} columns than were specified in the column list.");
        return Err(Message::new(number, 16, 1, text));
    }
    compiled
        .columns
        .iter()
        .enumerate()
        .map(|(i, column)| {
            let name = names.get(i).unwrap_or(&column.name).clone();
            if name.is_empty() {
                let text = format!("No column name was specified for column {} of '{table}'.", i + 1);
                return Err(Message::new(8155, 16, 2, text));
            }
            Ok(SourceColumn {
                name,
                sql: format!("{alias}.c{}", i + 1),
                sql_type: column.sql_type,
                nullable: column.nullable,
                identity: column.identity,
                collation: None,
                of: None,
                hidden: false,
                mask: compiled.masks.get(i).cloned().flatten(),
                computed: None,
            })
        })
        .collect()
}
