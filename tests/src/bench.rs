//! `make bench`: how long a provider takes from its start to its handshake line, ours beside every binary in `PEERS`
//! (paths, separated by blanks).

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use fabricmirror_tests::build::Binaries;
use fabricmirror_tests::{Result, fail};

/// Starts of each binary; the first is not counted.
const RUNS: usize = 51;

fn main() -> ExitCode {
    match measure() {
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
    let peers: Vec<PathBuf> =
        std::env::var("PEERS").unwrap_or_default().split_whitespace().map(PathBuf::from).collect();
    let mut out = std::io::stdout();
    writeln!(out, "exec to handshake line, {} starts each, milliseconds", RUNS - 1)?;
    writeln!(out, "{:<45} {:>8} {:>8} {:>8} {:>7}", "binary", "min", "median", "max", "ratio")?;
    let mut first = None;
    for binary in std::iter::once(&ours).chain(&peers) {
        let mut times = Vec::with_capacity(RUNS);
        for _ in 0..RUNS {
            times.push(start(binary, &certificate)?.as_secs_f64() * 1000.0);
        }
        let mut times = times.split_off(1);
        times.sort_by(f64::total_cmp);
        let (least, median, most) = (times[0], times[times.len() / 2], times[times.len() - 1]);
        let ratio = median / *first.get_or_insert(median);
        let name = binary.file_name().unwrap_or_default().to_string_lossy();
        writeln!(out, "{name:<45} {least:>8.2} {median:>8.2} {most:>8.2} {ratio:>7.2}")?;
    }
    if peers.is_empty() {
        writeln!(out, "no peer was measured: name their binaries in PEERS")?;
    }
    Ok(())
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
