//! What all objects with a name in a schema and permissions of their own share: tables, views, functions, policies.

use jiff::Timestamp;

use super::database::Database;
use super::modules::{Bound, SecurityPolicy, SecurityPredicate, TableFunction, View};
use super::names::same_name;
use super::principals::DBO;
use super::tables::{Table, TableColumn};
use emulator_tsql::ast::{BlockOperation, PredicateKind};

#[derive(Debug, Clone, Copy)]
pub struct Object<'a> {
    pub kind: ObjectKind,
    pub id: i32,
    pub name: &'a str,
    pub schema: i32,
    /// Where it is not the schema's.
    pub owner: Option<i32>,
    pub created: Timestamp,
    pub modified: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectKind {
    Table,
    View,
    Function,
    SecurityPolicy,
}

impl ObjectKind {
    /// `sys.objects.type`
    pub fn letter(self) -> &'static str {
        match self {
            Self::Table => "U ",
            Self::View => "V ",
            Self::Function => "IF",
            Self::SecurityPolicy => "SP",
        }
    }
    /// `sys.objects.type_desc`
    pub fn description(self) -> &'static str {
        match self {
            Self::Table => "USER_TABLE",
            Self::View => "VIEW",
            Self::Function => "SQL_INLINE_TABLE_VALUED_FUNCTION",
            Self::SecurityPolicy => "SECURITY_POLICY",
        }
    }
}

macro_rules! object {
    ($type:ty, $kind:ident) => {
        impl $type {
            pub fn object(&self) -> Object<'_> {
                Object {
                    kind: ObjectKind::$kind,
                    id: self.id,
                    name: &self.name,
                    schema: self.schema,
                    owner: self.owner,
                    created: self.created,
                    modified: self.modified,
                }
            }
        }
    };
}

object!(Table, Table);
object!(View, View);
object!(TableFunction, Function);
object!(SecurityPolicy, SecurityPolicy);

impl Database {
    pub fn objects(&self) -> impl Iterator<Item = Object<'_>> {
        let tables = self.tables.values().map(|t| t.object());
        let modules = self.views.values().map(|v| v.object()).chain(self.functions.values().map(|f| f.object()));
        tables.chain(modules).chain(self.policies.values().map(|p| p.object()))
    }
    pub fn object(&self, id: i32) -> Option<Object<'_>> {
        let table = self.tables.get(&id).map(|t| t.object());
        let view = || self.views.get(&id).map(|v| v.object());
        let function = || self.functions.get(&id).map(|f| f.object());
        table.or_else(view).or_else(function).or_else(|| self.policies.get(&id).map(|p| p.object()))
    }
    pub fn object_named(&self, schema: i32, name: &str) -> Option<Object<'_>> {
        self.objects().find(|object| object.schema == schema && same_name(object.name, name))
    }
    /// The schema in which a user's names without one are looked for first.
    pub fn default_schema(&self, user: Option<i32>) -> Option<i32> {
        let name = user.and_then(|user| self.principals.get(&user)?.default_schema.as_deref());
        name.and_then(|name| self.schema(name)).map(|schema| schema.id)
    }
    /// Of a table, view or function.
    pub fn columns_of(&self, id: i32) -> Option<&[TableColumn]> {
        let view = || self.views.get(&id).map(|v| v.columns.as_slice());
        let function = || self.functions.get(&id).map(|f| f.columns.as_slice());
        self.tables.get(&id).map(|t| t.columns.as_slice()).or_else(view).or_else(function)
    }
    pub fn object_schema(&self, id: i32) -> Option<i32> {
        self.object(id).map(|object| object.schema)
    }
    pub fn object_name(&self, id: i32) -> Option<&str> {
        self.object(id).map(|object| object.name)
    }
    /// The owner of its schema, unless ALTER AUTHORIZATION said otherwise.
    pub fn object_owner(&self, id: i32) -> i32 {
        self.object(id).map_or(DBO, |object| object.owner.unwrap_or_else(|| self.schema_owner(object.schema)))
    }
    pub fn give_object(&mut self, id: i32, owner: Option<i32>) {
        use std::sync::Arc;
        if let Some(table) = self.tables.get_mut(&id) {
            Arc::make_mut(table).owner = owner;
        } else if let Some(view) = self.views.get_mut(&id) {
            Arc::make_mut(view).owner = owner;
        } else if let Some(function) = self.functions.get_mut(&id) {
            Arc::make_mut(function).owner = owner;
        } else if let Some(policy) = self.policies.get_mut(&id) {
            Arc::make_mut(policy).owner = owner;
        }
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
