//! The harness of the acceptance tests and of the demonstration: real CLIs, each run in a folder and with an emulator
//! of its own. It speaks to the emulator through its control interface and through clients that are not ours.

pub mod browser;
pub mod build;
pub mod cli;
pub mod emulator;
pub mod estate;
pub mod openapi;
pub mod packages;
pub mod proxy;
pub mod run;

/// Everything here fails with a text for whoever reads the test's output.
pub type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// Fails with a formatted text.
#[macro_export]
macro_rules! fail {
    ($($text:tt)*) => { return Err(format!($($text)*).into()) };
}
