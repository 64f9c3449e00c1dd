//! `fabricmirror-emulator`: serves a SQL Managed Instance, Microsoft Fabric and Entra on loopback until it is told to
//! stop (SIGTERM, SIGINT) or its parent is gone. Exit codes: 0 stopped, 1 could not start, 2 wrong usage.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use fabricmirror_emulator::emulator::{Emulator, Ready, serve_sql};
use fabricmirror_emulator::http::listen::Loopback;
use fabricmirror_emulator::journal::Journal;
use fabricmirror_emulator::parts::{Parts, Step};
use fabricmirror_emulator::scenario::{Scenario, ScenarioError, shipped};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How often the parent is looked for.
const PARENT_CHECK: Duration = Duration::from_millis(500);
/// How long a thread that served a request waits for another. The emulator's ticks go to those that wait longest, and
/// would keep forty of them for ever with tokio's ten seconds.
const IDLE_THREAD: Duration = Duration::from_secs(1);

/// Azure SQL Managed Instance, Microsoft Fabric and Entra on loopback, as far as mirroring needs them.
#[derive(Parser)]
#[command(version, subcommand_negates_reqs = true, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Subcommand)]
enum Command {
    /// Print a running emulator's ready-file as `export` lines for a shell.
    Env {
        #[arg(long, value_name = "FILE")]
        ready_file: PathBuf,
        /// Identify by the managed identity of the scenario's machine, in place of the application's secret.
        #[arg(long)]
        managed_identity: bool,
    },
}

#[derive(Args)]
struct Serve {
    /// Written, in one piece, once everything serves.
    #[arg(long, value_name = "FILE", required = true)]
    ready_file: Option<PathBuf>,
    /// The world at the beginning: a JSON file, or the name of a shipped scenario; left out, `tutorial`.
    #[arg(long, value_name = "FILE|NAME")]
    scenario: Option<String>,
    /// Keep the state in FILE, and go on from it if it is there.
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Append the request journal to FILE, a line of JSON for each request.
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// How many times as fast as the machine's clock the emulator's runs.
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    time_scale: f64,
    /// Leave out a step of the world; may be given several times.
    #[arg(long = "break", value_name = "STEP", value_enum)]
    left_out: Vec<Step>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Some(Command::Env { ready_file, managed_identity }) => print_environment(&ready_file, managed_identity),
        None => serve(cli.serve),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            say(&message);
            ExitCode::FAILURE
        }
    }
}

fn print_environment(path: &Path, managed_identity: bool) -> Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let ready: Ready =
        serde_json::from_str(&text).map_err(|error| format!("{} is not a ready-file: {error}", path.display()))?;
    // A reader that has gone away wants nothing more.
    let _ = std::io::stdout().write_all(ready.exports(managed_identity).as_bytes());
    Ok(())
}

fn serve(options: Serve) -> Result<(), String> {
    let Some(ready_file) = options.ready_file else { return Err("--ready-file is needed".to_owned()) };
    if !(0.001..=1_000_000.0).contains(&options.time_scale) {
        return Err("--time-scale must be from 0.001 to 1000000".to_owned());
    }
    let scenario = match &options.scenario {
        Some(given) => read_scenario(given)?,
        None => Scenario::default(),
    };
    let mut parts =
        Parts::prepare(scenario, options.time_scale, &options.left_out).map_err(|error| error.to_string())?;
    if let Some(path) = &options.data {
        parts.keep_in(path).map_err(|error| error.to_string())?;
    }
    if let Some(path) = options.journal {
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
        parts.journal = Arc::new(Journal::kept_in(file));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_keep_alive(IDLE_THREAD)
        .build()
        .map_err(|error| format!("no threads to serve with: {error}"))?;
    let served = runtime.block_on(run(parts, &ready_file));
    runtime.shutdown_timeout(Duration::from_millis(200));
    served
}

/// A shipped scenario by its name, or a file.
fn read_scenario(given: &str) -> Result<Scenario, String> {
    match shipped::text(given) {
        Some(text) => Scenario::parse(text).map_err(|error| format!("the scenario {given} {error}")),
        None => Scenario::read(Path::new(given)).map_err(|error| {
            let names: Vec<&str> = shipped::ALL.iter().map(|(name, _)| *name).collect();
            match error {
                ScenarioError::Read(_) => format!("{given} {error}; the shipped scenarios are {}", names.join(", ")),
                _ => format!("{given} {error}"),
            }
        }),
    }
}

async fn run(parts: Parts, ready_file: &Path) -> Result<(), String> {
    let parent = std::os::unix::process::parent_id();
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let stop = CancellationToken::new();
    let former = parts.former_ports().map(|ports| ports.entra);
    let entra =
        Loopback::bind_again(former).await.map_err(|error| format!("loopback cannot be listened on: {error}"))?;
    let authority = format!("https://localhost:{}/{}", entra.port, parts.scenario.directory.tenant_id);
    let instances = serve_sql(&parts, authority, &stop).await.map_err(|error| error.to_string())?;
    let emulator = Emulator::start(parts, entra, instances, stop).await.map_err(|error| error.to_string())?;
    let ready = emulator.write_ready_file(ready_file).map_err(|error| error.to_string())?;
    // Whoever waits for the ready-file does not wait for this.
    emulator.parts.tokens.key().make_in_background();
    say(&format!("serving; monitor page: {}", ready.control.url));
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = orphaned(parent) => {}
    }
    emulator.end().await.map_err(|error| error.to_string())
}

/// Returns when the parent has died; never for a daemon, whose parent is process 1 from the start.
async fn orphaned(parent: u32) {
    if parent == 1 {
        std::future::pending::<()>().await;
    }
    while std::os::unix::process::parent_id() == parent {
        tokio::time::sleep(PARENT_CHECK).await;
    }
}

/// To people. Nobody listening is no reason to die.
fn say(message: &str) {
    let _ = writeln!(std::io::stderr(), "fabricmirror-emulator: {message}");
}
