//! What the HTTP services share: listening on loopback, and the [`recorder`] that writes every request down and lets
//! planted faults strike.

pub mod listen;
pub mod mask;
pub mod recorder;
