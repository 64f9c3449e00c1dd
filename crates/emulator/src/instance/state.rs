//! What the instance is at a moment: principals, permissions, databases, tables. A value that is cloned to begin a
//! transaction and dropped to roll it back; rows lie in [`super::store`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::database_options::Options;
use super::permissions::{self, Builtin};
use crate::tsql::ast;
use crate::value::Value;

mod modules;
mod objects;
mod tables;

pub use modules::*;
pub use objects::*;
pub use tables::*;

pub const SA: i32 = 1;
pub const SERVER_PUBLIC: i32 = 2;
pub const SYSADMIN: i32 = 3;
pub const SECURITYADMIN: i32 = 4;
pub const PROCESSADMIN: i32 = 7;

pub const PUBLIC: i32 = 0;
pub const DBO: i32 = 1;
pub const GUEST: i32 = 2;
pub const INFORMATION_SCHEMA: i32 = 3;
pub const SYS: i32 = 4;
pub const DB_OWNER: i32 = 16384;
pub const DB_SECURITYADMIN: i32 = 16386;

pub const MASTER: i32 = 1;

/// Fixed server roles: id, name, and the server permissions membership gives (documentation page "Server-level roles").
pub const SERVER_ROLES: &[(i32, &str, &[&str])] = &[
    (SERVER_PUBLIC, "public", &[]),
    (SYSADMIN, "sysadmin", &["CONTROL SERVER"]),
    (SECURITYADMIN, "securityadmin", &["ALTER ANY LOGIN"]),
    (
        5,
        "serveradmin",
        &[
            "ALTER ANY ENDPOINT",
            "ALTER RESOURCES",
            "ALTER SERVER STATE",
            "ALTER SETTINGS",
            "SHUTDOWN",
            "VIEW SERVER STATE",
        ],
    ),
    (6, "setupadmin", &["ALTER ANY LINKED SERVER"]),
    (PROCESSADMIN, "processadmin", &["ALTER ANY CONNECTION", "ALTER SERVER STATE"]),
    (8, "diskadmin", &["ALTER RESOURCES"]),
    (9, "dbcreator", &["CREATE ANY DATABASE", "ALTER ANY DATABASE"]),
    (10, "bulkadmin", &["ADMINISTER BULK OPERATIONS"]),
    (11, "##MS_DatabaseConnector##", &["CONNECT ANY DATABASE"]),
    (12, "##MS_DatabaseManager##", &["CREATE ANY DATABASE", "ALTER ANY DATABASE"]),
    (
        13,
        "##MS_DefinitionReader##",
        &[
            "VIEW ANY DATABASE",
            "VIEW ANY DEFINITION",
            "VIEW ANY SECURITY DEFINITION",
            "VIEW ANY PERFORMANCE DEFINITION",
        ],
    ),
    (14, "##MS_LoginManager##", &["CREATE LOGIN", "ALTER ANY LOGIN"]),
    (15, "##MS_PerformanceDefinitionReader##", &["VIEW ANY PERFORMANCE DEFINITION"]),
    (16, "##MS_SecurityDefinitionReader##", &["VIEW ANY SECURITY DEFINITION"]),
    (17, "##MS_ServerPerformanceStateReader##", &["VIEW SERVER PERFORMANCE STATE"]),
    (18, "##MS_ServerSecurityStateReader##", &["VIEW SERVER SECURITY STATE"]),
    (
        19,
        "##MS_ServerStateManager##",
        &["ALTER SERVER STATE", "VIEW SERVER STATE", "VIEW SERVER PERFORMANCE STATE", "VIEW SERVER SECURITY STATE"],
    ),
    (
        20,
        "##MS_ServerStateReader##",
        &["VIEW SERVER STATE", "VIEW SERVER PERFORMANCE STATE", "VIEW SERVER SECURITY STATE"],
    ),
];

/// Fixed database roles: id, name, and the database permissions membership gives (page "Database-level roles").
pub const DATABASE_ROLES: &[(i32, &str, &[&str])] = &[
    (DB_OWNER, "db_owner", &["CONTROL"]),
    (16385, "db_accessadmin", &["ALTER ANY USER", "CREATE SCHEMA", "CONNECT"]),
    (
        DB_SECURITYADMIN,
        "db_securityadmin",
        &["ALTER ANY APPLICATION ROLE", "ALTER ANY ROLE", "CREATE SCHEMA", "VIEW DEFINITION"],
    ),
    (
        16387,
        "db_ddladmin",
        &[
            "ALTER ANY ASSEMBLY",
            "ALTER ANY ASYMMETRIC KEY",
            "ALTER ANY CERTIFICATE",
            "ALTER ANY CONTRACT",
            "ALTER ANY DATABASE DDL TRIGGER",
            "ALTER ANY DATABASE EVENT NOTIFICATION",
            "ALTER ANY DATASPACE",
            "ALTER ANY FULLTEXT CATALOG",
            "ALTER ANY MESSAGE TYPE",
            "ALTER ANY REMOTE SERVICE BINDING",
            "ALTER ANY ROUTE",
            "ALTER ANY SCHEMA",
            "ALTER ANY SERVICE",
            "ALTER ANY SYMMETRIC KEY",
            "CHECKPOINT",
            "CREATE AGGREGATE",
            "CREATE DEFAULT",
            "CREATE FUNCTION",
            "CREATE PROCEDURE",
            "CREATE QUEUE",
            "CREATE RULE",
            "CREATE SYNONYM",
            "CREATE TABLE",
            "CREATE TYPE",
            "CREATE VIEW",
            "CREATE XML SCHEMA COLLECTION",
            "REFERENCES",
        ],
    ),
    (16389, "db_backupoperator", &["BACKUP DATABASE", "BACKUP LOG", "CHECKPOINT"]),
    (16390, "db_datareader", &["SELECT"]),
    (16391, "db_datawriter", &["INSERT", "UPDATE", "DELETE"]),
    (16392, "db_denydatareader", &[]),
    (16393, "db_denydatawriter", &[]),
];

/// Database permissions that membership of a fixed database role denies.
pub fn denied_by_role(role: i32) -> &'static [&'static str] {
    match role {
        16392 => &["SELECT"],
        16393 => &["INSERT", "UPDATE", "DELETE"],
        _ => &[],
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    pub server_principals: BTreeMap<i32, ServerPrincipal>,
    /// Role and member.
    pub server_members: BTreeSet<(i32, i32)>,
    pub server_permissions: Vec<PermissionRow>,
    pub databases: BTreeMap<i32, Arc<Database>>,
    pub next_server_principal: i32,
    /// Counts SIDs given out, so that a reset instance gives out the same ones.
    pub next_sid: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PrincipalType {
    Sql,
    External,
    ExternalGroup,
    Role,
}

impl PrincipalType {
    pub fn letter(self) -> &'static str {
        match self {
            Self::Sql => "S",
            Self::External => "E",
            Self::ExternalGroup => "X",
            Self::Role => "R",
        }
    }
}

#[derive(Clone, Serialize, Deserialize)]
pub struct ServerPrincipal {
    pub id: i32,
    pub name: String,
    pub sid: Vec<u8>,
    pub kind: PrincipalType,
    pub disabled: bool,
    pub created: Timestamp,
    pub modified: Timestamp,
    pub password: Option<Password>,
    pub default_database: String,
    pub default_language: String,
    pub check_policy: bool,
    pub check_expiration: bool,
    pub owner: Option<i32>,
    pub fixed: bool,
}

impl std::fmt::Debug for ServerPrincipal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerPrincipal").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}

/// A password as the server keeps it: never the clear text.
#[derive(Clone, Serialize, Deserialize)]
pub struct Password {
    /// `0x0200`, salt, SHA-512: the layout that `password_hash` shows.
    pub hash: Vec<u8>,
    pub set: Timestamp,
    pub must_change: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Database {
    pub id: i32,
    pub name: String,
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
pub struct DatabasePrincipal {
    pub id: i32,
    pub name: String,
    /// `None` where `sys.database_principals` shows NULL.
    pub sid: Option<Vec<u8>>,
    pub kind: PrincipalType,
    pub authentication: Authentication,
    pub default_schema: Option<String>,
    pub owner: Option<i32>,
    pub created: Timestamp,
    pub modified: Timestamp,
    pub fixed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Authentication {
    None,
    Instance,
    External,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Schema {
    pub id: i32,
    pub name: String,
    pub owner: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PermissionState {
    Grant,
    GrantWithOption,
    Deny,
}

/// A row of `sys.server_permissions` or `sys.database_permissions`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PermissionRow {
    pub major: i32,
    /// Column id, or 0.
    pub minor: i32,
    pub grantee: i32,
    pub grantor: i32,
    /// Says the class as well.
    #[serde(with = "permissions::by_name")]
    pub permission: &'static Builtin,
    pub state: PermissionState,
}

impl State {
    pub fn login(&self, name: &str) -> Option<&ServerPrincipal> {
        self.server_principals.values().find(|p| p.kind != PrincipalType::Role && same_name(&p.name, name))
    }
    pub fn server_principal(&self, name: &str) -> Option<&ServerPrincipal> {
        self.server_principals.values().find(|p| same_name(&p.name, name))
    }
    pub fn server_role(&self, name: &str) -> Option<&ServerPrincipal> {
        self.server_principals.values().find(|p| p.kind == PrincipalType::Role && same_name(&p.name, name))
    }
    pub fn login_by_sid(&self, sid: &[u8]) -> Option<&ServerPrincipal> {
        self.server_principals.values().find(|p| p.kind != PrincipalType::Role && p.sid == sid)
    }
    pub fn database_named(&self, name: &str) -> Option<&Arc<Database>> {
        self.databases.values().find(|d| same_name(&d.name, name))
    }
    pub fn database(&self, id: i32) -> Option<&Arc<Database>> {
        self.databases.get(&id)
    }
    /// For change; the shared copy is left as it is.
    pub fn database_mut(&mut self, id: i32) -> Option<&mut Database> {
        self.databases.get_mut(&id).map(Arc::make_mut)
    }
    /// The principal, the roles it is in, directly or not, and public.
    pub fn server_token(&self, principal: i32) -> BTreeSet<i32> {
        closure(&self.server_members, principal, SERVER_PUBLIC)
    }
    /// A new SID, the same ones in the same order after every reset: 16 bytes, as SQL logins have.
    pub fn new_sid(&mut self, seed: &str) -> Vec<u8> {
        use sha2::{Digest, Sha256};
        self.next_sid += 1;
        Sha256::digest(format!("{seed}/{}", self.next_sid).as_bytes())[..16].to_vec()
    }
}

impl Database {
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

fn closure(members: &BTreeSet<(i32, i32)>, principal: i32, public: i32) -> BTreeSet<i32> {
    let mut token = BTreeSet::from([principal, public]);
    loop {
        let more: Vec<i32> = members
            .iter()
            .filter(|(role, member)| token.contains(member) && !token.contains(role))
            .map(|(r, _)| *r)
            .collect();
        if more.is_empty() {
            return token;
        }
        token.extend(more);
    }
}

/// Whether two names are one under SQL_Latin1_General_CP1_CI_AS: case and trailing blanks do not count, accents do.
pub fn same_name(a: &str, b: &str) -> bool {
    if a.is_ascii() && b.is_ascii() {
        return a.trim_end_matches(' ').eq_ignore_ascii_case(b.trim_end_matches(' '));
    }
    fold(a) == fold(b)
}

/// The form under which equal texts of a case-insensitive, accent-sensitive collation are equal.
pub fn fold(text: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    text.trim_end_matches(' ').nfc().flat_map(char::to_lowercase).collect()
}
