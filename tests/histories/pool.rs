//! Hands seeds to workers, gathers what they found, and reports.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use crate::Result;
use crate::configs::Type;
use crate::coverage::{Coverage, Moment};
use crate::say;
use crate::worker::{ENTRA_PORT, FOLDER, Order, Report};

/// The first argument of a worker.
pub const WORKER: &str = "--worker-of-histories";
/// A history that takes longer hangs: every phase of it has a limit of its own.
const LONGEST: Duration = Duration::from_secs(900);
const SHRINK_S: u64 = 45;

struct Settings {
    first: u64,
    count: u64,
    workers: usize,
    shrunk: usize,
    /// The coverage decides too.
    coverage: bool,
    /// One seed, told in full.
    replay: bool,
}

impl Settings {
    fn read() -> Result<Self> {
        let number = |name: &str| -> Result<Option<u64>> {
            let text = std::env::var(name).ok().filter(|it| !it.is_empty());
            text.map(|it| it.parse().map_err(|_| format!("{name} is no number: {it}").into())).transpose()
        };
        let (seed, count) = (number("HISTORIES_SEED")?, number("HISTORIES")?);
        let replay = seed.is_some() && count.is_none();
        let count = count.unwrap_or(if replay { 1 } else { 300 });
        // Most of a history is waiting: more workers than cores.
        let workers = number("HISTORIES_WORKERS")?.unwrap_or(8).min(count.max(1));
        Ok(Self {
            first: seed.unwrap_or(1),
            count,
            workers: workers as usize,
            shrunk: number("HISTORIES_SHRINK")?.unwrap_or(if replay { 1 } else { 4 }) as usize,
            coverage: number("HISTORIES_COVERAGE")?.unwrap_or_default() == 1,
            replay,
        })
    }
}

/// A worker's process, from outside.
struct Worker {
    child: Child,
    input: ChildStdin,
    output: mpsc::Receiver<String>,
    _folder: tempfile::TempDir,
}

impl Worker {
    fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        // Free a moment ago; a worker whose port was taken in between fails, and another one is started.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        // No certificates of the system: to read hundreds of them for each process of the provider takes half the time.
        let (roots, no_roots) = (folder.path().join("roots.pem"), folder.path().join("roots"));
        std::fs::write(&roots, "")?;
        std::fs::create_dir(&no_roots)?;
        let mut child = Command::new(std::env::current_exe()?)
            .arg(WORKER)
            .env(FOLDER, folder.path())
            .env(ENTRA_PORT, port.to_string())
            .env("AZURE_AUTHORITY_HOST", format!("https://localhost:{port}"))
            .env("FABRICMIRROR_CA_CERTIFICATE_FILE", folder.path().join("emulator.json.ca.pem"))
            .env("SSL_CERT_FILE", roots)
            .env("SSL_CERT_DIR", no_roots)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("a worker without pipes".into());
        };
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(std::io::Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, input, output: receiver, _folder: folder })
    }

    fn ask(&mut self, order: &Order) -> Result<Report> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        self.input.write_all(&line)?;
        let answer =
            self.output.recv_timeout(LONGEST).map_err(|error| format!("the worker does not answer: {error}"))?;
        Ok(serde_json::from_str(&answer)?)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Carries out all orders with so many workers.
fn work(orders: Vec<Order>, workers: usize) -> Vec<Report> {
    let queue = Mutex::new(VecDeque::from(orders));
    let reports = Mutex::new(Vec::new());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                let mut worker: Option<Worker> = None;
                while let Some(order) = next() {
                    let report = with_worker(&mut worker, &order);
                    let report = report.unwrap_or_else(|error| {
                        worker = None;
                        Report::failed(order.seed, error.to_string())
                    });
                    reports.lock().unwrap_or_else(PoisonError::into_inner).push(report);
                }
            });
        }
    });
    reports.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Asks the worker, or a new one where there is none. One whose port was taken in between has not begun: then another.
fn with_worker(worker: &mut Option<Worker>, order: &Order) -> Result<Report> {
    const ATTEMPTS: usize = 4;
    if let Some(there) = worker {
        return there.ask(order);
    }
    let mut attempt = 1;
    loop {
        match worker.insert(Worker::start()?).ask(order) {
            Err(_) if attempt < ATTEMPTS => attempt += 1,
            answer => return answer,
        }
    }
}

/// Failures that are alike.
struct Failure {
    seeds: Vec<u64>,
    text: String,
}

pub fn run() -> Result<bool> {
    let settings = Settings::read()?;
    let started = Instant::now();
    say(&format!(
        "histories: {} from seed {}, {} workers (HISTORIES, HISTORIES_SEED, HISTORIES_WORKERS)",
        settings.count, settings.first, settings.workers
    ));
    let orders =
        (settings.first..settings.first + settings.count).map(|seed| Order { seed, shrink_s: None, wanted: None });
    let mut reports = work(orders.collect(), settings.workers);
    reports.sort_by_key(|report| report.seed);
    let took = started.elapsed();

    let mut coverage = Coverage::default();
    let mut failures: BTreeMap<(String, String), Failure> = BTreeMap::new();
    let mut refused: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    for report in &reports {
        for (act, it, moment) in &report.covered {
            let of = Type::ALL.into_iter().find(|known| known.name() == it);
            if let (Some(of), Some(moment)) = (of, Moment::named(moment)) {
                coverage.count(act, of, moment);
            }
        }
        report.refused.iter().for_each(|(act, why)| refused.entry(act).or_insert((0, why)).0 += 1);
        let harness = report.error.iter().map(|error| {
            (("the harness".to_owned(), error.lines().next().unwrap_or_default().to_owned()), error.clone())
        });
        let broken = report.violations.iter().map(|it| ((it.rule.clone(), it.key.clone()), it.text.clone()));
        for (key, text) in broken.chain(harness) {
            let failure = failures.entry(key).or_insert_with(|| Failure { seeds: Vec::new(), text });
            if failure.seeds.last() != Some(&report.seed) {
                failure.seeds.push(report.seed);
            }
        }
    }
    if settings.replay {
        for report in &reports {
            say(&format!("{}\nwhat happened:", report.history));
            report.log.iter().for_each(|line| say(&format!("  {line}")));
        }
    } else {
        say(&coverage.table());
    }
    tell_failures(&failures, &settings);

    let empty = coverage.empty();
    if !settings.replay {
        let names: Vec<String> =
            refused.iter().map(|(act, (count, why))| format!("  {act} ({count}×): {why}")).collect();
        say(&format!("acts that were not possible at times:\n{}", names.join("\n")));
        say(&format!("{} cells of the coverage are filled, {} are empty", coverage.filled(), empty.len()));
        if settings.coverage && !empty.is_empty() {
            say(&format!("empty:\n  {}", empty.join("\n  ")));
        }
    }
    let failed: usize = reports.iter().filter(|it| it.error.is_some() || !it.violations.is_empty()).count();
    let longest = reports.iter().map(|it| it.seconds).fold(0.0, f64::max);
    say(&format!(
        "histories: {} of {} broke a rule, in {} ways; {:.0} s, the longest {longest:.0} s",
        failed,
        reports.len(),
        failures.len(),
        took.as_secs_f64()
    ));
    Ok(failures.is_empty() && (empty.is_empty() || !settings.coverage))
}

/// Each way to fail, with its seeds; the most frequent ones shrunk.
fn tell_failures(failures: &BTreeMap<(String, String), Failure>, settings: &Settings) {
    let mut all: Vec<_> = failures.iter().collect();
    all.sort_by_key(|(_, failure)| std::cmp::Reverse(failure.seeds.len()));
    let orders = all.iter().filter(|((rule, _), _)| rule != "the harness").take(settings.shrunk);
    let orders: Vec<Order> = orders
        .filter_map(|((rule, key), failure)| {
            let wanted = Some((rule.clone(), key.clone()));
            Some(Order { seed: *failure.seeds.first()?, shrink_s: Some(SHRINK_S), wanted })
        })
        .collect();
    let shrunk = work(orders, settings.workers.min(4));
    for ((rule, key), failure) in all {
        let seeds: Vec<String> = failure.seeds.iter().take(8).map(u64::to_string).collect();
        say(&format!("\n=== {rule}: {key}\n{} seeds: {}\n{}", failure.seeds.len(), seeds.join(", "), failure.text));
        let small = shrunk.iter().find(|it| {
            it.seed == failure.seeds.first().copied().unwrap_or_default()
                && it.violations.iter().any(|found| found.rule == *rule && found.key == *key)
        });
        if let Some(text) = small.and_then(|it| it.shrunk.as_ref()) {
            say(&format!("--- the fewest steps:\n{text}"));
        }
    }
}
