//! Builds what is generated: the protocol's code and docs/. `cargo run -p xtask -- --help`.

mod docs;
mod generated;
mod protocol;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::generated::{Generated, Result};

#[derive(Parser)]
#[command(about)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Writes crates/tfplugin/src/wire/generated from proto/
    Protocol {
        /// Writes nothing; fails when the committed files differ
        #[arg(long)]
        check: bool,
    },
    /// Writes docs/ from the provider's schema and examples/; docs/guides and docs/design are written by hand
    Docs {
        /// Writes nothing; fails when the committed files differ
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Protocol { check } => run(protocol::generate, check),
        Task::Docs { check } => run(docs::generate, check),
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

fn run(generate: fn(&std::path::Path) -> Result<Generated>, check: bool) -> Result<()> {
    let root = root();
    let generated = generate(&root)?;
    if check { generated.check(&root) } else { generated.write(&root) }
}

/// The workspace's folder.
fn root() -> PathBuf {
    // At run time: what was built in another clone may share the target directory, and would name that clone.
    let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    PathBuf::from(here).join("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_quotes_the_tutorial_verbatim() {
        let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
        let quoted = format!("```terraform\n{}```\n", read("examples/tutorial/main.tf"));
        assert!(
            read("README.md").contains(&quoted),
            "README.md has no block ```terraform that is examples/tutorial/main.tf"
        );
    }
}
