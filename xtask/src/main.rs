//! Builds what is generated: the protocol's code, docs/, release archives. `cargo run -p xtask -- --help`.

mod protocol;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Writes crates/tfplugin/src/wire/generated from proto/
    Protocol,
}

fn main() -> ExitCode {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let result = match Arguments::parse().task {
        Task::Protocol => protocol::generate(&root, &root.join("crates/tfplugin/src/wire/generated")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "a command line tool speaks to its user")]
            {
                eprintln!("error: {error}");
            }
            ExitCode::FAILURE
        }
    }
}
