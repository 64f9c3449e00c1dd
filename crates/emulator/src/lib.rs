//! An Azure SQL Managed Instance, Microsoft Fabric and Entra on loopback, as far as mirroring, its principals and its
//! audit need them. See `docs/design/emulator.md`.
//!
//! Shares no code with the clients it is tested by. Its parts are crates, so that none of them sees what it must not:
//!
//! - [`tds`] is the wire: packets, TLS, tokens. `emulator-tsql` reads text: lexer, grammar.
//! - [`instance`] is the Managed Instance: principals, permissions, databases, rows.
//! - [`entra`] and [`fabric`] are the HTTP services; [`mirroring`] joins them to the instance.
//! - [`clock`], [`journal`], [`faults`], [`world`], [`answers`] are what all parts share.
//!
//! Here they are put together: [`emulator`] starts them, [`http`] and [`tls`] are what the HTTP services stand on,
//! [`scenario`] is the world at the beginning, [`control`] lets a test steer it, [`data`] keeps the state in a file.

#[cfg(test)]
mod conformance;
pub mod control;
pub mod data;
pub mod emulator;
pub mod http;
pub mod parts;
pub mod scenario;
pub mod tls;

pub use emulator_fabric::{entra, fabric, mirroring};
pub use emulator_ground::{answers, clock, engine, faults, journal, source, value, world};
pub use emulator_instance as instance;
pub use emulator_tds as tds;
