//! What a catalog view is made of.

use std::sync::Arc;

use super::super::access::{Target, Token};
use super::super::ambient::Ambient;
use super::super::state::{Database, State, Table};
use emulator_ground::engine::Message;
use emulator_ground::value::{SqlType, Value};

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
            return Err(super::super::errors::no_access(ambient.login_name().unwrap_or_default(), &database.name));
        }
        Ok(Self { state, ambient, database, token })
    }
    pub fn may_server(&self, permission: &str) -> bool {
        self.state.may(&self.token, Target::SERVER, permission)
    }
    pub fn may(&self, permission: &str) -> bool {
        self.state.may(&self.token, Target::database(self.database.id), permission)
    }
    pub fn objects(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.database.tables.values().filter(|t| self.state.sees_object(&self.token, self.database, t.id))
    }
    pub fn functions(&self) -> impl Iterator<Item = &Arc<super::super::state::TableFunction>> {
        self.database.functions.values().filter(|f| self.state.sees_object(&self.token, self.database, f.id))
    }
    pub fn policies(&self) -> impl Iterator<Item = &Arc<super::super::state::SecurityPolicy>> {
        self.database.policies.values().filter(|p| self.state.sees_object(&self.token, self.database, p.id))
    }
    pub fn views(&self) -> impl Iterator<Item = &Arc<super::super::state::View>> {
        self.database.views.values().filter(|v| self.state.sees_object(&self.token, self.database, v.id))
    }
}

pub const fn column(name: &'static str, sql_type: SqlType) -> ViewColumn {
    ViewColumn { name, sql_type, nullable: true }
}
pub const fn required(name: &'static str, sql_type: SqlType) -> ViewColumn {
    ViewColumn { name, sql_type, nullable: false }
}
pub const INT: SqlType = SqlType::Int;
pub const BIT: SqlType = SqlType::Bit;
pub const TINY: SqlType = SqlType::TinyInt;
pub const SMALL: SqlType = SqlType::SmallInt;
pub const NAME: SqlType = SqlType::NVarChar(Some(128));
pub const DESC: SqlType = SqlType::NVarChar(Some(60));
pub const SID: SqlType = SqlType::VarBinary(Some(85));
pub const WHEN: SqlType = SqlType::DateTime;
pub const GUID: SqlType = SqlType::UniqueIdentifier;

pub fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}
pub fn int(n: impl Into<i64>) -> Value {
    Value::Int(n.into())
}
pub fn bit(b: bool) -> Value {
    Value::Bit(b)
}
pub fn or_null(value: Option<Value>) -> Value {
    value.unwrap_or(Value::Null)
}
