//! Catalog views, as far as logins, mirroring and its audit read them; each filtered by what the session may see.

use std::sync::Arc;

use super::access::{Target, Token};
use super::functions::Ambient;
use super::state::{Database, State, Table};
use crate::engine::Message;
use crate::value::{SqlType, Value};

macro_rules! view {
    ($name:literal, [$($column:expr),* $(,)?], $rows:expr) => {
        View { name: $name, columns: &[$($column),*], rows: $rows, needs: None, volatile: false }
    };
    ($name:literal, [$($column:expr),* $(,)?], $rows:expr, $needs:expr) => {
        View { name: $name, columns: &[$($column),*], rows: $rows, needs: Some($needs), volatile: true }
    };
}

/// The columns of `sys.objects`, which the views of one kind of object begin with; `$flag` says whether the flags are
/// `required`, as they are but in the views of system objects too.
macro_rules! with_object_columns {
    ($flag:ident: $($more:expr),* $(,)?) => {
        &[
            required("name", NAME),
            required("object_id", INT),
            column("principal_id", INT),
            required("schema_id", INT),
            required("parent_object_id", INT),
            column("type", SqlType::Char(2)),
            column("type_desc", DESC),
            required("create_date", WHEN),
            required("modify_date", WHEN),
            $flag("is_ms_shipped", BIT),
            $flag("is_published", BIT),
            $flag("is_schema_published", BIT),
            $($more),*
        ]
    };
}

mod column_keys;
mod columns;
mod constraints;
mod databases;
pub mod elsewhere;
mod extended_properties;
mod functions;
mod information_schema;
mod objects;
mod parameters;
mod partitions;
pub mod principals;
mod security_policies;
mod sessions;
mod system;

pub use columns::generated_type;

type Needs = fn(&Context<'_>) -> Result<(), Message>;
type FunctionRows = fn(&Context<'_>, &[Value]) -> Result<Vec<Vec<Value>>, Message>;

pub struct View {
    /// `sys.tables`, `INFORMATION_SCHEMA.TABLES`
    pub name: &'static str,
    pub columns: &'static [ViewColumn],
    pub rows: fn(&Context<'_>) -> Vec<Vec<Value>>,
    /// A right without which the view is an error, not an empty answer.
    pub needs: Option<Needs>,
    /// Changes without the state changing.
    pub volatile: bool,
}

pub struct ViewColumn {
    pub name: &'static str,
    pub sql_type: SqlType,
    pub nullable: bool,
}

pub struct TableFunction {
    pub name: &'static str,
    pub arguments: usize,
    pub view: View,
    pub rows: FunctionRows,
}

pub struct Context<'a> {
    pub state: &'a Arc<State>,
    pub ambient: &'a Ambient,
    pub database: &'a Arc<Database>,
    pub token: Token,
}

impl<'a> Context<'a> {
    pub fn new(state: &'a Arc<State>, ambient: &'a Ambient, database: &'a Arc<Database>) -> Result<Self, Message> {
        let token = state.token(ambient.identity, database.id);
        if token.user.is_none() {
            return Err(super::databases::no_access(ambient.login_name().unwrap_or_default(), &database.name));
        }
        Ok(Self { state, ambient, database, token })
    }
    fn may_server(&self, permission: &str) -> bool {
        self.state.may(&self.token, Target::SERVER, permission)
    }
    fn may(&self, permission: &str) -> bool {
        self.state.may(&self.token, Target::database(self.database.id), permission)
    }
    fn objects(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.database.tables.values().filter(|t| self.state.sees_object(&self.token, self.database, t.id))
    }
    fn functions(&self) -> impl Iterator<Item = &Arc<super::state::TableFunction>> {
        self.database.functions.values().filter(|f| self.state.sees_object(&self.token, self.database, f.id))
    }
    fn policies(&self) -> impl Iterator<Item = &Arc<super::state::SecurityPolicy>> {
        self.database.policies.values().filter(|p| self.state.sees_object(&self.token, self.database, p.id))
    }
    fn views(&self) -> impl Iterator<Item = &Arc<super::state::View>> {
        self.database.views.values().filter(|v| self.state.sees_object(&self.token, self.database, v.id))
    }
}

pub fn all() -> impl Iterator<Item = &'static View> {
    let views = [
        principals::VIEWS,
        objects::VIEWS,
        parameters::VIEWS,
        partitions::VIEWS,
        security_policies::VIEWS,
        column_keys::VIEWS,
        columns::VIEWS,
        constraints::VIEWS,
        extended_properties::VIEWS,
        databases::VIEWS,
        sessions::VIEWS,
        system::VIEWS,
        information_schema::VIEWS,
    ];
    views.into_iter().flatten()
}

fn table_functions() -> impl Iterator<Item = &'static TableFunction> {
    functions::FUNCTIONS.iter().chain(extended_properties::FUNCTIONS)
}

/// Of views and table functions.
#[cfg(test)]
pub fn names() -> impl Iterator<Item = &'static str> {
    all().map(|view| view.name).chain(table_functions().map(|function| function.name))
}

pub fn find(schema: Option<&str>, name: &str) -> Option<&'static View> {
    let schema = schema?;
    all().find(|view| {
        view.name.split_once('.').is_some_and(|(s, n)| s.eq_ignore_ascii_case(schema) && n.eq_ignore_ascii_case(name))
    })
}

pub fn find_function(schema: Option<&str>, name: &str) -> Option<&'static TableFunction> {
    let sys = schema.is_none_or(|schema| schema.eq_ignore_ascii_case("sys"));
    table_functions().find(|f| sys && f.name.eq_ignore_ascii_case(name))
}

const fn column(name: &'static str, sql_type: SqlType) -> ViewColumn {
    ViewColumn { name, sql_type, nullable: true }
}
const fn required(name: &'static str, sql_type: SqlType) -> ViewColumn {
    ViewColumn { name, sql_type, nullable: false }
}
const INT: SqlType = SqlType::Int;
const BIT: SqlType = SqlType::Bit;
const TINY: SqlType = SqlType::TinyInt;
const SMALL: SqlType = SqlType::SmallInt;
const NAME: SqlType = SqlType::NVarChar(Some(128));
const DESC: SqlType = SqlType::NVarChar(Some(60));
const SID: SqlType = SqlType::VarBinary(Some(85));
const WHEN: SqlType = SqlType::DateTime;
const GUID: SqlType = SqlType::UniqueIdentifier;

fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}
fn int(n: impl Into<i64>) -> Value {
    Value::Int(n.into())
}
fn bit(b: bool) -> Value {
    Value::Bit(b)
}
fn or_null(value: Option<Value>) -> Value {
    value.unwrap_or(Value::Null)
}
