//! What principals cost by the hundred and by the thousand: with and without a network between, beside what the CLI itself
//! takes for as many objects.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fabricmirror_tests::cli::{self, Cli};
use fabricmirror_tests::emulator::{Options, Session};
use fabricmirror_tests::run::{Run, providers};
use fabricmirror_tests::{Result, estate, fail};
use serde_json::json;

/// Logins, each with a user and grants. `ESTATE` names others, separated by blanks. No more by themselves: the floor grows
/// with the square of the count – as many `terraform_data` took 17 s to apply and 28 s to destroy at 400, 115 s and 152 s at
/// 1,000 –, since the CLI writes its whole state for each object.
const COUNTS: [usize; 2] = [100, 400];
/// Milliseconds that every round trip takes longer.
const DELAYS: [u64; 2] = [0, 20];
const DATABASES: usize = 20;
const PARALLELISM: &str = "-parallelism=50";
/// A CLI may take so long for the largest.
const LIMIT: Duration = Duration::from_secs(1_800);

/// What the commands took, in seconds, and what was seen meanwhile.
struct Taken {
    seconds: [f64; COMMANDS.len()],
    /// The most connections that were open at once.
    connections: usize,
    /// The most memory that the provider held, in MiB.
    memory: f64,
}

/// Prints the curve.
pub async fn measure() -> Result<()> {
    let counts = match std::env::var("ESTATE") {
        Ok(text) => text.split_whitespace().map(str::parse).collect::<Result<Vec<usize>, _>>()?,
        Err(_) => COUNTS.to_vec(),
    };
    let cli = cli::default()?;
    let mut out = std::io::stdout();
    writeln!(
        out,
        "logins, users and grants in {DATABASES} databases, {} {PARALLELISM}, seconds; floor: as many `terraform_data`",
        cli.name
    )?;
    writeln!(
        out,
        "{:>6} {:>6} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>11} {:>6}",
        "count", "ms", "apply", "floor", "plan", "floor", "destroy", "floor", "connections", "MiB"
    )?;
    for count in counts {
        let floor = take(&cli, count, None).await?;
        for delay in DELAYS {
            let taken = take(&cli, count, Some(delay)).await?;
            write!(out, "{count:>6} {delay:>6}")?;
            for (ours, theirs) in taken.seconds.iter().zip(floor.seconds) {
                write!(out, " {ours:>8.1} {theirs:>8.1}")?;
            }
            writeln!(out, " {:>11} {:>6.0}", taken.connections, taken.memory)?;
        }
    }
    Ok(())
}

/// One after the other.
const COMMANDS: [&[&str]; 3] = [
    &["apply", "-input=false", "-auto-approve", PARALLELISM],
    &["plan", "-input=false", "-detailed-exitcode", PARALLELISM],
    &["destroy", "-input=false", "-auto-approve", PARALLELISM],
];

/// `delay`: in milliseconds; without one it is the floor.
async fn take(cli: &Cli, count: usize, delay: Option<u64>) -> Result<Taken> {
    let folder = tempfile::tempdir()?;
    let names: Vec<String> = (0..DATABASES).map(|index| format!("Estate{index:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let databases: Vec<_> = names.iter().map(|name| json!({ "name": name, "script": "" })).collect();
    let scenario = json!({ "instance": { "databases": databases } });
    let options = Options { scenario: Some(scenario.to_string()), ..Options::default() };
    let mut run = Run::start(cli.clone(), folder.path(), "estate", &options).await?;
    run.limit = LIMIT;
    match delay {
        Some(_) => run.write("main.tf", &estate::principals(count, &names, "INSERT"))?,
        None => {
            run.write("main.tf", &estate::floor(count, &names))?;
            run.run(&["init", "-input=false"]).await?.success()?;
        }
    }
    if let Some(delay @ 1..) = delay {
        run.emulator
            .plant(json!({ "match": { "channel": "sql" }, "count": 0, "effect": { "delay_ms": delay } }))
            .await?;
    }
    let mut taken = Taken { seconds: [0.0; COMMANDS.len()], connections: 0, memory: 0.0 };
    for (command, seconds) in COMMANDS.into_iter().zip(&mut taken.seconds) {
        let session = run.emulator.session("master").await?;
        let (provider, place) = (run.binaries.provider.clone(), run.folder.clone());
        let seen = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
        let watcher = tokio::spawn(watch(session, provider, place, seen.clone()));
        let began = Instant::now();
        let child = run.spawn(command)?;
        let said = run.finish(command, child).await?;
        *seconds = began.elapsed().as_secs_f64();
        watcher.abort();
        taken.connections = taken.connections.max(seen.0.load(Ordering::Relaxed));
        taken.memory = taken.memory.max(seen.1.load(Ordering::Relaxed) as f64 / 1024.0);
        if said.code != 0 {
            fail!("{} of {count}: {}", command[0], said.explain());
        }
    }
    Ok(taken)
}

/// Looks again and again how many connections are open and how much memory, in KiB, the provider has held.
async fn watch(mut session: Session, provider: PathBuf, folder: PathBuf, seen: Arc<(AtomicUsize, AtomicUsize)>) {
    const OPEN: &str =
        "SELECT COUNT(*) FROM sys.dm_exec_sessions WHERE program_name LIKE 'terraform-provider-fabricmirror%'";
    loop {
        if let Ok(answer) = session.simple_query(OPEN).await
            && let Ok(Some(row)) = answer.into_row().await
        {
            let open: i32 = row.get(0).unwrap_or_default();
            seen.0.fetch_max(usize::try_from(open).unwrap_or_default(), Ordering::Relaxed);
        }
        for pid in providers(&provider, &folder) {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let most =
                status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
            seen.1.fetch_max(most.unwrap_or_default(), Ordering::Relaxed);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
