//! Logins, users, permissions and catalog reads of an Azure SQL Managed Instance: what, not how.
//!
//! An [`Instance`] is one server with one set of credentials; [`Instance::database`] a database of it. Statements exist
//! only here, built from [`Identifier`]s and [`Literal`](statement::Literal)s, never from text. Nothing here knows
//! Terraform.

pub mod advice;
mod connection;
mod database;
mod effective;
mod entra;
mod error;
mod facts;
mod instance;
mod link;
mod login;
mod login_changes;
mod needs;
mod permission;
mod principals;
mod retry;
mod roles;
mod row;
#[cfg(test)]
mod script;
mod server_name;
mod setup;
mod sid;
mod sought;
pub mod statement;
mod table;
mod users;
mod words;

pub use connection::{ConnectOptions, Credentials, Encryption, TokenSource};
pub use database::Database;
pub use effective::Effective;
pub use entra::{Entra, EntraId, KnownBy, NoEntraId};
pub use error::{Error, Fault, Refusal, Result};
pub use facts::{DatabaseFacts, ManagedIdentity, ServerFacts, UpdatePolicy};
pub use instance::{DatabaseState, Instance};
pub use login::{Login, LoginKind, Logins, ServerPermission};
pub use login_changes::{Created, LoginChange, LoginSource, NewLogin};
pub use permission::{
    Change as PermissionChange, Grants, NoPermission, Permission, PermissionName, PermissionState, Revocation,
};
pub use principals::{DatabasePrincipals, Known, LoginRef, Principal, PrincipalKind, Taken};
pub use roles::NewRole;
pub use server_name::{CertificateName, NoCertificateName, ServerName};
pub use setup::{ScriptName, Setup};
pub use sid::{NoSid, Sid};
pub use sought::Sought;
pub use statement::{Identifier, same_name};
pub use table::{Column, Eligibility, Finding, Severity, SourceTable, SourceTables, TableKey};
pub use users::{NewUser, UserChange, UserSource};
