//! `make bench`: how long a provider takes from its start to its handshake line, ours beside every binary in `PEERS`
//! (paths, separated by blanks); how long an emulator takes from its start to its ready-file and for one request, ours
//! beside every binary in `EMULATOR_PEERS`; and what an [`estate`] of principals takes.

mod estate;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use fabricmirror_tests::build::Binaries;
use fabricmirror_tests::emulator::{Emulator, Options};
use fabricmirror_tests::{Result, fail};

/// Starts of each provider; the first is not counted.
const RUNS: usize = 51;
/// Starts of each emulator; the first is not counted.
const EMULATOR_RUNS: usize = 21;
/// `SELECT 1` on one connection, to one emulator and the next in turn.
const REQUESTS: usize = 2000;

fn main() -> ExitCode {
    let measured = measure().and_then(|()| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            measure_emulators().await?;
            estate::measure().await
        })
    });
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<()> {
    let certificate = certificate()?;
    let ours = Binaries::find()?.provider;
    let peers = peers("PEERS");
    let mut table = Table::new(&format!("exec to handshake line, {} starts each", RUNS - 1))?;
    for binary in std::iter::once(&ours).chain(&peers) {
        let mut times = Vec::with_capacity(RUNS);
        for _ in 0..RUNS {
            times.push(start(binary, &certificate)?);
        }
        table.row(binary, times.split_off(1))?;
    }
    if peers.is_empty() {
        writeln!(std::io::stdout(), "no peer was measured: name their binaries in PEERS")?;
    }
    Ok(())
}

async fn measure_emulators() -> Result<()> {
    let binaries = Binaries::find()?;
    let all: Vec<Binaries> = std::iter::once(binaries.emulator.clone())
        .chain(peers("EMULATOR_PEERS"))
        .map(|emulator| Binaries { emulator, ..binaries.clone() })
        .collect();
    let folder = tempfile::tempdir()?;
    let mut table = Table::new(&format!("exec to ready-file, {} starts each", EMULATOR_RUNS - 1))?;
    for binaries in &all {
        let mut times = Vec::with_capacity(EMULATOR_RUNS);
        for _ in 0..EMULATOR_RUNS {
            let ready_file = folder.path().join("emulator.json");
            let started = Instant::now();
            let mut child = Command::new(&binaries.emulator)
                .arg("--ready-file")
                .arg(&ready_file)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()?;
            while !ready_file.is_file() {
                if started.elapsed() > Duration::from_secs(20) {
                    fail!("{} was not ready after 20 s", binaries.emulator.display());
                }
                std::thread::sleep(Duration::from_micros(200));
            }
            times.push(started.elapsed());
            child.kill()?;
            child.wait()?;
            std::fs::remove_file(ready_file)?;
        }
        table.row(&binaries.emulator, times.split_off(1))?;
    }
    let mut sessions = Vec::new();
    for (number, binaries) in all.iter().enumerate() {
        let folder = folder.path().join(number.to_string());
        std::fs::create_dir(&folder)?;
        let emulator = Emulator::start(binaries, &folder, &Options::default()).await?;
        let session = emulator.session("Sales").await?;
        sessions.push((binaries, emulator, session, Vec::with_capacity(REQUESTS)));
    }
    for _ in 0..REQUESTS {
        for (_, _, session, times) in &mut sessions {
            let started = Instant::now();
            session.simple_query("SELECT 1").await?.into_results().await?;
            times.push(started.elapsed());
        }
    }
    let mut table = Table::new(&format!("SELECT 1 over tiberius, {REQUESTS} times each"))?;
    for (binaries, _emulator, _, times) in sessions {
        table.row(&binaries.emulator, times)?;
    }
    Ok(())
}

fn peers(variable: &str) -> Vec<PathBuf> {
    std::env::var(variable).unwrap_or_default().split_whitespace().map(PathBuf::from).collect()
}

/// Figures of several binaries; the ratio is that of the median to the first binary's.
struct Table {
    first: Option<f64>,
}

impl Table {
    fn new(what: &str) -> Result<Self> {
        let mut out = std::io::stdout();
        writeln!(out, "{what}, milliseconds")?;
        writeln!(out, "{:<45} {:>8} {:>8} {:>8} {:>7}", "binary", "min", "median", "max", "ratio")?;
        Ok(Self { first: None })
    }

    fn row(&mut self, binary: &Path, times: Vec<Duration>) -> Result<()> {
        let mut times: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1000.0).collect();
        times.sort_by(f64::total_cmp);
        let (least, median, most) = (times[0], times[times.len() / 2], times[times.len() - 1]);
        let ratio = median / *self.first.get_or_insert(median);
        let name = binary.file_name().unwrap_or_default().to_string_lossy();
        writeln!(std::io::stdout(), "{name:<45} {least:>8.2} {median:>8.2} {most:>8.2} {ratio:>7.2}")?;
        Ok(())
    }
}

/// A certificate as the CLIs make theirs: self-signed, P-521.
fn certificate() -> Result<String> {
    let folder = tempfile::tempdir()?;
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521", "-nodes", "-days", "1"])
        .args(["-subj", "/CN=localhost", "-keyout"])
        .arg(folder.path().join("key.pem"))
        .arg("-out")
        .arg(folder.path().join("certificate.pem"))
        .output()?;
    if !made.status.success() {
        fail!("no certificate: {}", String::from_utf8_lossy(&made.stderr));
    }
    Ok(std::fs::read_to_string(folder.path().join("certificate.pem"))?)
}

fn start(binary: &Path, certificate: &str) -> Result<Duration> {
    let started = Instant::now();
    let mut child = Command::new(binary)
        .env("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2")
        .env("PLUGIN_PROTOCOL_VERSIONS", "5,6")
        .env("PLUGIN_MIN_PORT", "10000")
        .env("PLUGIN_MAX_PORT", "25000")
        .env("PLUGIN_CLIENT_CERT", certificate)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("{}: {error}", binary.display()))?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().ok_or("no stdout")?).read_line(&mut line)?;
    let taken = started.elapsed();
    child.kill()?;
    child.wait()?;
    if line.starts_with("1|") { Ok(taken) } else { fail!("{} says {line:?}", binary.display()) }
}
