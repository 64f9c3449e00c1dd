//! Histories: a configuration drawn from a seed, what others do, what its team does, and rules that hold after every step.
//!
//! In one process with a real emulator and through the provider's real wire encoding, without a CLI
//! (`tfplugin::testing`). The parts:
//!
//! - [`rng`], [`configs`], [`entra`], [`edits`], [`steps`] draw a history from a seed; [`acts`] is the catalogue of what others do.
//! - [`world`] is the emulator; [`snapshot`] what is in it at a moment, and what two moments differ in.
//! - [`run`] and [`play`] play a history; [`invariants`] are the rules: [`accounts`] – nothing unseen –, [`writes`] – who
//!   touched what –, [`truth`] – what state and outputs say is so –, [`ways_out`] – advice, followed.
//! - [`shrink`] looks for the fewest steps, [`print`] writes them down, [`coverage`] counts acts.
//! - [`worker`] is a process with an emulator; [`pool`] hands out seeds and reports.
//!
//! Environment: `HISTORIES` – how many, 300 –; `HISTORIES_SEED` – the first seed, or, alone, the one to replay and to
//! shrink –; `HISTORIES_WORKERS`; `HISTORIES_SHRINK` – how many failures are shrunk –; `HISTORIES_COVERAGE=1` – cells of the
//! coverage that stay empty fail the run.

mod accounts;
mod acts;
mod configs;
mod coverage;
mod edits;
mod entra;
mod invariants;
mod play;
mod pool;
mod print;
mod rng;
mod run;
mod shrink;
mod snapshot;
mod steps;
mod truth;
mod ways_out;
mod worker;
mod world;
mod writes;

use std::io::Write as _;
use std::process::ExitCode;

/// Everything here fails with a text for whoever reads the test's output.
pub type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let outcome = match arguments.next().as_deref() {
        Some(pool::WORKER) => worker::serve().map(|()| true),
        // `cargo test NAME` runs every target, and `--list` asks what there is.
        Some("--list") => return ExitCode::SUCCESS,
        Some(filter) if !filter.starts_with('-') && !"histories".contains(filter) => return ExitCode::SUCCESS,
        _ => pool::run(),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("histories: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// To whoever reads. Nobody listening is no reason to stop.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
