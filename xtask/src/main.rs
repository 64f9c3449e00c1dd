//! Builds what is generated: the protocol's code and docs/. `cargo run -p xtask -- --help`.

#[cfg(test)]
mod circles;
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

    /// The crates of the workspace that stand on others of it, tests aside.
    fn crate_graph() -> String {
        let cargo = std::env::var_os("CARGO").expect("cargo sets it");
        let metadata = std::process::Command::new(cargo)
            .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
            .current_dir(root())
            .output()
            .unwrap();
        let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
        let of = |package: &serde_json::Value| {
            let stands_on = package["dependencies"].as_array().unwrap().iter();
            let mut stands_on: Vec<_> = stands_on
                .filter(|it| it["kind"].is_null() && it["path"].is_string())
                .map(|it| it["name"].as_str().unwrap().to_owned())
                .collect();
            stands_on.sort_unstable();
            (package["name"].as_str().unwrap().to_owned(), stands_on)
        };
        let crates: Vec<_> = metadata["packages"].as_array().unwrap().iter().map(of).collect();
        let width = crates.iter().map(|(name, _)| name.len()).max().unwrap();
        let mut lines: Vec<String> = crates
            .iter()
            .filter(|(_, on)| !on.is_empty())
            .map(|(name, on)| format!("{name:width$} → {}", on.join(", ")))
            .collect();
        lines.sort_unstable();
        lines.join("\n")
    }

    #[test]
    fn the_architecture_has_the_crate_graph_that_cargo_has() {
        let document = std::fs::read_to_string(root().join("docs/design/architecture.md")).unwrap();
        let graph = crate_graph();
        assert!(document.contains(&format!("```\n{graph}\n```")), "no block of architecture.md is\n{graph}");
    }
}
