//! `make demo`: a database of an emulated SQL Managed Instance, mirrored into an emulated Fabric by a real CLI, with the
//! configuration of `examples/tutorial`. Ends with 0 only if all of it held.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use fabricmirror_tests::emulator::Options;
use fabricmirror_tests::run::{Run, Said};
use fabricmirror_tests::{Result, cli, fail};
use serde_json::Value;

#[tokio::main]
async fn main() -> ExitCode {
    match demonstrate().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("\nthe demonstration failed: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Whoever reads may be gone: nothing depends on being heard.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

async fn demonstrate() -> Result<()> {
    let keep = std::env::var("DEMO_KEEP").is_ok_and(|value| !value.is_empty() && value != "0");
    let cli = cli::default()?;
    let base = tempfile::Builder::new().prefix("fabricmirror-demo-").tempdir()?;
    let mut run =
        Run::start(cli.clone(), base.path(), "demo", &Options { detached: keep, ..Options::default() }).await?;
    say(&format!("CLI: {cli}"));
    say(&format!("emulator: SQL {}, monitor page {}", run.emulator.ready.sql.server, run.emulator.ready.control.url));
    run.use_tutorial()?;
    let before = run.emulator.state().await?;

    step(&mut run, "init", None, &[]).await?;
    step(&mut run, "validate", None, &[]).await?;
    step(&mut run, "plan", None, &["-out=plan.bin"]).await?;
    step(&mut run, "apply", Some("plan.bin"), &[]).await?;
    print_tables(&run.state().await?)?;
    say(&format!("monitor page: {}", run.emulator.ready.control.url));

    let second = run.run(&["plan", "-no-color", "-input=false", "-detailed-exitcode"]).await?;
    match second.code {
        0 => say("second plan: no changes"),
        2 => fail!("the second plan is not empty:\n{}", second.stdout),
        _ => fail!("the second plan failed:\n{}{}", second.stdout, second.stderr),
    }
    if keep {
        let folder = base.keep();
        let environment = folder.join("demo/environment.sh");
        write_environment(&run, &environment)?;
        say(&format!("kept: {}; `. {}` sets what the CLI needs", folder.join("demo").display(), environment.display()));
        run.emulator.leave_running();
        return Ok(());
    }
    step(&mut run, "destroy", None, &["-auto-approve"]).await?;
    let after = run.emulator.state().await?;
    if after != before {
        fail!("something is left:\nbefore: {before}\nafter:  {after}");
    }
    say("destroyed: nothing left");
    Ok(())
}

async fn step(run: &mut Run, command: &str, argument: Option<&str>, flags: &[&str]) -> Result<Said> {
    let started = Instant::now();
    if command == "init" {
        run.install_from_mirror().await?;
        say(&format!("init: {:.1} s", started.elapsed().as_secs_f64()));
        return Ok(Said { command: "init".into(), code: 0, stdout: String::new(), stderr: String::new() });
    }
    let mut arguments = vec![command, "-no-color"];
    if command != "validate" {
        arguments.push("-input=false");
    }
    arguments.extend(flags);
    arguments.extend(argument);
    let said = run.run(&arguments).await?;
    if said.code != 0 {
        run.write_evidence().await?;
        fail!("{} ended with {}:\n{}{}", said.command, said.code, said.stdout, said.stderr);
    }
    say(&format!("{command}: {:.1} s", started.elapsed().as_secs_f64()));
    Ok(said)
}

/// The tables, as the CLI shows the data source to programs.
fn print_tables(state: &Value) -> Result<()> {
    let resources = state["values"]["root_module"]["resources"].as_array().cloned().unwrap_or_default();
    let status = resources
        .iter()
        .find(|resource| resource["type"] == "fabricmirror_replication_status")
        .map(|resource| resource["values"].clone())
        .ok_or("the state has no replication status")?;
    let tables = status["tables"].as_array().filter(|tables| !tables.is_empty()).ok_or("no table is mirrored")?;
    let metrics = status["metrics"]["tables"].as_array().cloned().unwrap_or_default();
    let mut rows = vec![["schema", "table", "status", "rows", "last sync"].map(str::to_owned)];
    for table in tables {
        let of = metrics.iter().find(|it| it["schema"] == table["schema"] && it["name"] == table["name"]);
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        rows.push([
            text(&table["schema"]),
            text(&table["name"]),
            text(&table["status"]),
            of.map_or_else(String::new, |it| text(&it["rows"])),
            of.map_or_else(String::new, |it| text(&it["last_sync"])),
        ]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..5).map(width).collect();
    say("");
    for row in &rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        say(cells.join("  ").trim_end());
    }
    say("");
    if status["healthy"].is_boolean() && status["state"] != "Running" {
        fail!("the mirror is {}: {}", status["state"], status["error"]);
    }
    Ok(())
}

fn write_environment(run: &Run, path: &Path) -> Result<()> {
    let lines = run.environment().map(|(name, value)| format!("export {name}='{}'\n", value.replace('\'', "'\\''")));
    Ok(std::fs::write(path, lines.collect::<String>())?)
}
