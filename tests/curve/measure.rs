//! Starts an emulator and a process of the provider, and counts.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fabricmirror_emulator::emulator::{Emulator, Ready, serve_sql};
use fabricmirror_emulator::faults::{Effect, Fault, Match};
use fabricmirror_emulator::http::listen::Loopback;
use fabricmirror_emulator::journal::Channel;
use fabricmirror_emulator::parts::Parts;
use fabricmirror_emulator::scenario::Scenario;
use serde_json::json;
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt as _};
use tokio_util::sync::CancellationToken;

use crate::Result;
use crate::provider::{Done, Order, PROCESS};

pub const DATABASES: usize = 20;

/// What a phase took.
#[derive(Debug)]
pub struct Phase {
    pub name: &'static str,
    pub seconds: f64,
    /// Batches that the instance was sent.
    pub round_trips: usize,
    pub logins: usize,
    /// The most connections that were seen open at once.
    pub connections: usize,
}

#[derive(Debug)]
pub struct Taken {
    pub phases: Vec<Phase>,
    /// In MiB, of the provider with what a CLI would hold beside it.
    pub memory: f64,
}

/// So many triples on an instance that answers so much later, in milliseconds.
pub fn measure(count: usize, delay: usize) -> Result<Taken> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let folder = tempfile::tempdir()?;
    runtime.block_on(async {
        let emulator = start().await?;
        let ready = emulator.write_ready_file(&folder.path().join("emulator.json"))?;
        if delay > 0 {
            emulator.parts.faults.plant(Fault {
                matches: Match { channel: Some(Channel::Sql), ..Match::default() },
                count: 0,
                percent: 100,
                effect: Effect::Delay { delay_ms: delay as u64 },
            })?;
        }
        let taken = ask(&emulator, &ready, count).await;
        emulator.end().await?;
        taken
    })
}

async fn start() -> Result<Emulator> {
    let databases: Vec<_> = names().map(|name| json!({ "name": name, "script": "" })).collect();
    let scenario = Scenario::parse(&json!({ "instance": { "databases": databases } }).to_string())?;
    let parts = Parts::prepare(scenario, 1.0, &[])?;
    let stop = CancellationToken::new();
    let entra = Loopback::bind_again(None).await?;
    let authority = format!("https://localhost:{}/{}", entra.port, parts.scenario.directory.tenant_id);
    let instances = serve_sql(&parts, authority, &stop).await?;
    Ok(Emulator::start(parts, entra, instances, stop).await?)
}

fn names() -> impl Iterator<Item = String> {
    (0..DATABASES).map(|number| format!("Estate{number:02}"))
}

async fn ask(emulator: &Emulator, ready: &Ready, count: usize) -> Result<Taken> {
    let order = Order {
        server: ready.sql.server.clone(),
        username: ready.sql.username.clone(),
        password: ready.sql.password.clone(),
        ca_certificate_file: ready.ca_certificate_file.clone(),
        count,
        databases: names().collect(),
    };
    // No certificates of the system: they are not what is measured.
    let mut child = Command::new(std::env::current_exe()?)
        .arg(PROCESS)
        .env("SSL_CERT_FILE", &ready.ca_certificate_file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err("a process without pipes".into());
    };
    let mut output = BufReader::new(output);
    let seen = Arc::new(AtomicUsize::new(0));
    let watcher = tokio::spawn(watch(log_in(ready).await?, seen.clone()));
    let mut next = serde_json::to_string(&order)?;
    let (mut phases, mut memory, mut last) = (Vec::new(), 0, None);
    for name in ["plan", "apply", "refresh"] {
        input.write_all(format!("{next}\n").as_bytes())?;
        next.clear();
        let (line, reader) = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            output.read_line(&mut line).map(|_| (line, output))
        })
        .await??;
        output = reader;
        let done: Done = serde_json::from_str(&line).map_err(|_| format!("{name} of {count} failed"))?;
        memory = memory.max(done.memory);
        let entries = emulator.parts.journal.excerpt(last, None).entries;
        last = entries.last().map(|entry| entry.index).or(last);
        // The first connection is the watcher's.
        let ours = || entries.iter().filter(|it| it.channel == Channel::Sql && it.connection != 1);
        phases.push(Phase {
            name,
            seconds: done.seconds,
            round_trips: ours().filter(|it| it.text.is_some()).count(),
            logins: ours().filter(|it| it.text.is_none()).count(),
            connections: seen.swap(0, Ordering::Relaxed),
        });
    }
    drop(input);
    watcher.abort();
    child.wait()?;
    Ok(Taken { phases, memory: memory as f64 / 1024.0 })
}

type Session = tiberius::Client<Compat<TcpStream>>;

async fn log_in(ready: &Ready) -> Result<Session> {
    let mut config = tiberius::Config::new();
    config.host(&ready.sql.host);
    config.port(ready.sql.port);
    config.authentication(tiberius::AuthMethod::sql_server(&ready.sql.username, &ready.sql.password));
    config.encryption(tiberius::EncryptionLevel::Required);
    config.trust_cert_ca(ready.ca_certificate_file.display().to_string());
    let stream = TcpStream::connect(config.get_addr()).await?;
    Ok(tiberius::Client::connect(config, stream.compat_write()).await?)
}

/// Looks again and again how many sessions the provider has. One that it has closed is there until the instance notices:
/// what only one look has seen does not count.
async fn watch(mut session: Session, seen: Arc<AtomicUsize>) {
    const OPEN: &str =
        "SELECT COUNT(*) FROM sys.dm_exec_sessions WHERE program_name LIKE 'terraform-provider-fabricmirror%'";
    let mut before = 0;
    loop {
        if let Ok(answer) = session.simple_query(OPEN).await
            && let Ok(Some(row)) = answer.into_row().await
        {
            let open: i32 = row.get(0).unwrap_or_default();
            let open = usize::try_from(open).unwrap_or_default();
            seen.fetch_max(open.min(before), Ordering::Relaxed);
            before = open;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
