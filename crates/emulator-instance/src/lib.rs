//! The Managed Instance: principals, permissions, databases, rows. Knows neither TDS nor HTTP.
//!
//! From the ground up; a module uses what stands above it in this list, never what stands below:
//!
//! - `errors`, `moments`, `feed`, `types`, `permissions`: messages, points in time, SQL's types, the names of rights.
//! - `state`: what an instance is at a moment; `databases` is how it begins. `passwords`, `settings`, `session_context`,
//!   `prepared`, `table_variables`: parts of it and of a session.
//! - `access`: who may do what. `ambient`: what is known besides the rows – for whom, where and when.
//! - `functions`, `security_functions`, `object_functions`; `catalog`: the views.
//! - `store`: rows, in SQLite. `query`: how a SELECT becomes SQLite's.
//! - `work`: what one statement changes, with the statements: `logins`, `server_roles`, `users`, `grants`, `tables`, `modules`, `rows`,
//!   `procedures`, `classifications`, `database_options`.
//! - `instance`: what all sessions share. `session`: one of them; `execute`: how its batches run; `serving`, `entering`,
//!   `source`, `kept`, `setup`: the instance as the wire, mirroring and the start see it.
//!
//! Facts come from Microsoft's documentation as gathered in the project's notes; where a number or rule is not documented,
//! the comment beside it says so.

mod access;
mod ambient;
mod catalog;
mod classifications;
mod database_options;
mod databases;
mod entering;
mod errors;
mod execute;
mod feed;
mod functions;
mod grants;
mod instance;
mod kept;
mod logins;
mod modules;
mod moments;
mod object_functions;
mod passwords;
mod permissions;
mod prepared;
mod procedures;
mod query;
mod rows;
mod security_functions;
mod server_roles;
mod serving;
mod session;
mod session_context;
mod settings;
mod setup;
mod source;
mod state;
mod store;
mod table_variables;
mod tables;
#[cfg(test)]
mod tests;
mod types;
mod users;
mod waiting;
mod work;

pub use instance::Instance;
pub use setup::ScriptError;

/// What texts may name of the server's own: views, functions, procedures.
pub fn offered() -> Vec<String> {
    let functions = functions::callable().map(|function| function.name.to_uppercase());
    catalog::names().chain(procedures::names()).map(str::to_owned).chain(functions).collect()
}
