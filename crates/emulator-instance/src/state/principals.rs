//! Principals of the server and of databases, fixed roles with what they may do, and rows of permissions.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::permissions::{self, Builtin};

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

/// The principal, the roles it is in, directly or not, and public.
pub fn closure(members: &BTreeSet<(i32, i32)>, principal: i32, public: i32) -> BTreeSet<i32> {
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
