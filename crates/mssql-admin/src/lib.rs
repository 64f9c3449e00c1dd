//! Logins, users, permissions and catalog reads of an Azure SQL Managed Instance: what, not how.
//!
//! An [`Instance`] is one server with one set of credentials; [`Instance::database`] a database of it. Statements exist
//! only here, built from [`Identifier`]s and [`Literal`](statement::Literal)s, never from text. Nothing here knows
//! Terraform.

pub mod advice;
mod connection;
mod database;
mod error;
mod facts;
mod instance;
mod login;
mod permission;
mod row;
#[cfg(test)]
mod script;
mod server_name;
mod sid;
pub mod statement;
mod table;

pub use connection::{ConnectOptions, Credentials, TokenSource};
pub use database::{Database, DatabasePrincipals, NewUser, Permission, PermissionState, User};
pub use error::{Error, Fault, Refusal, Result};
pub use facts::{DatabaseFacts, ManagedIdentity, ServerFacts};
pub use instance::Instance;
pub use login::{Login, LoginChange, LoginKind, Logins, NewLogin, OnExisting};
pub use permission::{Change as PermissionChange, Grants, PermissionName};
pub use server_name::ServerName;
pub use sid::Sid;
pub use statement::Identifier;
pub use table::{Column, Eligibility, Finding, Severity, SourceTable, SourceTables};
