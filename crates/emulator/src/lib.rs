//! An Azure SQL Managed Instance, Microsoft Fabric and Entra on loopback, as far as mirroring, its principals and its
//! audit need them. See `docs/design/emulator.md`.
//!
//! Shares no code with the clients it is tested by. The parts, and what each must not know:
//!
//! - [`tds`] is the wire: packets, TLS, tokens. It knows no T-SQL.
//! - [`tsql`] reads text: lexer, grammar. It knows no state.
//! - [`instance`] is the Managed Instance: principals, permissions, databases, rows. It knows neither TDS nor HTTP.
//! - [`entra`] and [`fabric`] are the HTTP services; [`mirroring`] joins them to the instance.
//! - [`emulator`] puts the parts together; [`http`] and [`tls`] are what the HTTP services stand on.
//! - [`data`] keeps the state in a file, for the next process.
//! - [`clock`], [`journal`], [`faults`], [`world`], [`answers`] are what all parts share; [`control`] lets a test steer them.

pub mod answers;
pub mod clock;
mod codepage;
#[cfg(test)]
mod conformance;
pub mod control;
pub mod data;
pub mod emulator;
pub mod engine;
pub mod entra;
pub mod fabric;
pub mod faults;
pub mod http;
pub mod instance;
pub mod journal;
pub mod mirroring;
pub mod parts;
pub mod scenario;
pub mod source;
pub mod tds;
pub mod tls;
pub mod tsql;
pub mod value;
pub mod words;
pub mod world;
