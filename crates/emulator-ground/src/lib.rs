//! What all parts of the emulator stand on.
//!
//! - [`clock`]: virtual time. [`world`]: what lies outside SQL and REST.
//! - [`journal`], [`faults`]: every request, and what a test planted at it. [`answers`]: other answers than the usual.
//! - [`value`], [`codepage`], [`words`]: SQL's types and values, and texts that a kept state brings back.
//! - [`engine`]: what the wire asks of the instance; [`source`]: what mirroring asks of it. Neither side knows the other.

pub mod answers;
pub mod clock;
pub mod codepage;
pub mod engine;
pub mod faults;
pub mod journal;
pub mod source;
pub mod value;
pub mod words;
pub mod world;
