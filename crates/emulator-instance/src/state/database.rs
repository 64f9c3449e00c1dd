//! A database: its principals, schemas and objects, and what else the catalog shows of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::modules::{SecurityPolicy, TableFunction, View};
use super::names::same_name;
use super::principals::{DBO, DatabasePrincipal, PUBLIC, PermissionRow, PrincipalType, closure};
use super::tables::{ForeignKey, Table};
use emulator_ground::engine::Message;
use emulator_ground::value::Value;
use emulator_ground::world::DatabaseState;
use emulator_tsql::ast;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Database {
    pub id: i32,
    pub name: String,
    #[serde(default)]
    pub state: DatabaseState,
    pub owner_sid: Vec<u8>,
    pub created: Timestamp,
    pub principals: BTreeMap<i32, DatabasePrincipal>,
    pub members: BTreeSet<(i32, i32)>,
    pub permissions: Vec<PermissionRow>,
    pub schemas: BTreeMap<i32, Schema>,
    pub tables: BTreeMap<i32, Arc<Table>>,
    pub views: BTreeMap<i32, Arc<View>>,
    pub functions: BTreeMap<i32, Arc<TableFunction>>,
    pub policies: BTreeMap<i32, Arc<SecurityPolicy>>,
    /// Always Encrypted's keys; their ids count from 1.
    pub column_master_keys: Vec<ColumnMasterKey>,
    pub column_keys: Vec<ColumnKey>,
    pub extended_properties: Vec<ExtendedProperty>,
    pub classifications: Vec<Classified>,
    pub change_feed: bool,
    pub cdc: bool,
    pub options: Options,
    pub next_principal: i32,
    pub next_object: i32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ColumnMasterKey {
    pub name: String,
    pub provider: String,
    pub path: String,
    /// Of a key that an enclave may use.
    pub signature: Option<Vec<u8>>,
    pub created: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ColumnKey {
    pub name: String,
    pub created: Timestamp,
}

/// A row of `sys.sensitivity_classifications`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Classified {
    pub table: i32,
    pub column: i32,
    pub classification: ast::Classification,
}

/// A row of `sys.extended_properties`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExtendedProperty {
    pub class: PropertyClass,
    pub major: i32,
    /// Column id, index id, or 0.
    pub minor: i32,
    pub name: String,
    pub value: Value,
}

/// `sys.extended_properties.class`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PropertyClass {
    Database = 0,
    ObjectOrColumn = 1,
    Schema = 3,
    Principal = 4,
    Index = 7,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Schema {
    pub id: i32,
    pub name: String,
    pub owner: i32,
}

impl Database {
    /// Why nobody opens it, if so: 927, 942. UNCONFIRMED: severity and state of 942.
    pub fn opens(&self) -> Result<(), Message> {
        let name = &self.name;
        match self.state {
            DatabaseState::Online => Ok(()),
            DatabaseState::Restoring => {
                let text = format!("Database '{name}' cannot be opened. It is in the middle of a restore.");
                Err(Message::new(927, 14, 2, text))
            }
            DatabaseState::Offline => {
                let text = format!("Database '{name}' cannot be opened because it is offline.");
                Err(Message::new(942, 14, 4, text))
            }
        }
    }
    pub fn principal(&self, name: &str) -> Option<&DatabasePrincipal> {
        self.principals.values().find(|p| same_name(&p.name, name))
    }
    pub fn user(&self, name: &str) -> Option<&DatabasePrincipal> {
        self.principal(name).filter(|p| p.kind != PrincipalType::Role)
    }
    pub fn role(&self, name: &str) -> Option<&DatabasePrincipal> {
        self.principal(name).filter(|p| p.kind == PrincipalType::Role)
    }
    pub fn user_by_sid(&self, sid: &[u8]) -> Option<&DatabasePrincipal> {
        self.principals.values().find(|p| p.kind != PrincipalType::Role && p.sid.as_deref() == Some(sid))
    }
    pub fn schema(&self, name: &str) -> Option<&Schema> {
        self.schemas.values().find(|s| same_name(&s.name, name))
    }
    pub fn token(&self, principal: i32) -> BTreeSet<i32> {
        closure(&self.members, principal, PUBLIC)
    }
    pub fn table(&self, schema: i32, name: &str) -> Option<&Arc<Table>> {
        self.tables.values().find(|t| t.schema == schema && same_name(&t.name, name))
    }
    pub fn view(&self, schema: i32, name: &str) -> Option<&Arc<View>> {
        self.views.values().find(|v| v.schema == schema && same_name(&v.name, name))
    }
    pub fn function(&self, schema: i32, name: &str) -> Option<&Arc<TableFunction>> {
        self.functions.values().find(|f| f.schema == schema && same_name(&f.name, name))
    }
    pub fn policy(&self, schema: i32, name: &str) -> Option<&Arc<SecurityPolicy>> {
        self.policies.values().find(|p| p.schema == schema && same_name(&p.name, name))
    }
    /// The table of that id, or the one that a constraint of that id is of.
    pub fn table_of(&self, id: i32) -> Option<&Arc<Table>> {
        self.tables.get(&id).or_else(|| self.tables.values().find(|t| t.constraint_by_id(id).is_some()))
    }
    pub fn constraint_name(&self, id: i32) -> Option<&str> {
        self.tables.values().find_map(|t| t.constraint_by_id(id))
    }
    /// A key or constraint, by its name.
    pub fn constraint(&self, schema: i32, name: &str) -> Option<(&Arc<Table>, i32)> {
        self.tables.values().filter(|t| t.schema == schema).find_map(|t| Some((t, t.constraint_named(name)?)))
    }
    /// Foreign keys that refer to a table, and the tables they are of.
    pub fn references_to(&self, table: i32) -> Vec<(Arc<Table>, ForeignKey)> {
        let of = |t: &Arc<Table>| {
            let keys: Vec<_> = t.foreign_keys.iter().filter(|key| key.table == table).cloned().collect();
            keys.into_iter().map(|key| (Arc::clone(t), key)).collect::<Vec<_>>()
        };
        self.tables.values().flat_map(of).collect()
    }
    pub fn schema_name(&self, id: i32) -> &str {
        self.schemas.get(&id).map_or("", |s| s.name.as_str())
    }
    pub fn schema_owner(&self, id: i32) -> i32 {
        self.schemas.get(&id).map_or(DBO, |s| s.owner)
    }
    pub fn new_object_id(&mut self) -> i32 {
        // Spread as the server spreads them. The modulus is prime, so that none is repeated within a database's life.
        loop {
            let next = (i64::from(self.next_object) + 16_000_057) % i64::from(i32::MAX);
            self.next_object = i32::try_from(next).unwrap_or(i32::MAX);
            // The first hundred are the system's.
            if self.next_object > 100 {
                break;
            }
        }
        self.next_object
    }
}

impl ExtendedProperty {
    /// Of a table, a view, a constraint, or a column or an index of it.
    pub fn is_of_object(&self, id: i32) -> bool {
        matches!(self.class, PropertyClass::ObjectOrColumn | PropertyClass::Index) && self.major == id
    }
}

/// What `sys.databases` shows of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Options {
    /// 0 DISABLED, 1 ALLOWED, 2 FORCED.
    pub delayed_durability: u8,
    pub compatibility_level: u8,
    pub snapshot_isolation: bool,
}
