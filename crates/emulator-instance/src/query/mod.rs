//! From a parsed query to SQLite text: names are resolved, types inferred, permissions collected.
//!
//! Every source gets an alias of ours and every column a number, so the text holds none of the user's names. SQLite has
//! no APPLY, no TOP, no typed results; the rest of the distance is in [`expressions`] and [`calls`].

mod binder;
mod calls;
mod collations;
mod common_tables;
mod expressions;
mod functions;
mod masks;
mod operands;
mod order;
mod row_security;
mod select;
mod sets;
mod sources;
mod table_variables;
mod targets;

pub use binder::{Binder, Compiled};
pub use collations::{collation, collation_name};
pub use operands::coerced;
