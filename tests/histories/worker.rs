//! A worker: one emulator in a process of its own, which plays the histories it is told to.
//!
//! A process of its own, because authority and certificate are known to the provider by its environment. The process
//! that starts it chooses both beforehand.

use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::configs::Features;
use crate::play::play;
use crate::print;
use crate::run::Run;
use crate::shrink::shrink;
use crate::steps::history;
use crate::world::World;

/// What a worker is told to do: a line of JSON.
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    pub seed: u64,
    /// To look for a smaller history that fails like this one; how long.
    pub shrink_s: Option<u64>,
    /// Shrink to this failure: rule and key.
    pub wanted: Option<(String, String)>,
}

/// What came of it: a line of JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    pub seed: u64,
    pub seconds: f64,
    pub violations: Vec<Found>,
    /// Act, type and moment.
    pub covered: Vec<(String, String, String)>,
    pub refused: Vec<(String, String)>,
    pub history: String,
    pub log: Vec<String>,
    /// The harness itself failed.
    pub error: Option<String>,
    pub shrunk: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Found {
    pub rule: String,
    pub key: String,
    pub text: String,
}

impl Report {
    fn of(seed: u64, started: Instant, run: &Run, history: String) -> Self {
        let covered = run.covered.iter();
        Self {
            seed,
            seconds: started.elapsed().as_secs_f64(),
            violations: run
                .violations
                .iter()
                .map(|it| Found { rule: it.rule.to_owned(), key: it.key.clone(), text: it.text.clone() })
                .collect(),
            covered: covered
                .map(|(act, it, moment)| ((*act).to_owned(), it.name().to_owned(), moment.name().to_owned()))
                .collect(),
            refused: run.refused.iter().map(|(act, why)| ((*act).to_owned(), why.clone())).collect(),
            history,
            log: run.log.clone(),
            error: None,
            shrunk: None,
        }
    }

    pub fn failed(seed: u64, error: String) -> Self {
        Self {
            seed,
            seconds: 0.0,
            violations: Vec::new(),
            covered: Vec::new(),
            refused: Vec::new(),
            history: String::new(),
            log: Vec::new(),
            error: Some(error),
            shrunk: None,
        }
    }
}

/// Where the worker's emulator lives: chosen by whoever starts the worker.
pub const FOLDER: &str = "HISTORIES_FOLDER";
pub const ENTRA_PORT: &str = "HISTORIES_ENTRA_PORT";

/// Does what it is told, line by line, until there is nothing more.
pub fn serve() -> Result<()> {
    let folder = PathBuf::from(std::env::var(FOLDER)?);
    let port: u16 = std::env::var(ENTRA_PORT)?.parse()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let world = Arc::new(runtime.block_on(World::start(&folder, port))?);
    let features = Arc::new(Features::of_provider());
    for line in std::io::stdin().lock().lines() {
        let order: Order = serde_json::from_str(&line?)?;
        let seed = order.seed;
        let report = runtime.block_on(carry_out(&world, &features, &order));
        let report = report.unwrap_or_else(|error| Report::failed(seed, error.to_string()));
        let mut out = std::io::stdout().lock();
        serde_json::to_writer(&mut out, &report)?;
        out.write_all(b"\n")?;
        out.flush()?;
    }
    Ok(())
}

async fn carry_out(world: &Arc<World>, features: &Arc<Features>, order: &Order) -> Result<Report> {
    let started = Instant::now();
    let drawn = history(order.seed, features);
    let run = play(world.clone(), features.clone(), &drawn).await?;
    let mut report = Report::of(order.seed, started, &run, print::history(&drawn));
    let Some(seconds) = order.shrink_s else { return Ok(report) };
    let is_wanted =
        |it: &&crate::run::Violation| order.wanted.as_ref().is_none_or(|(rule, key)| it.rule == rule && it.key == *key);
    let Some(violation) = run.violations.iter().find(is_wanted).cloned() else {
        report.shrunk = Some("it does not fail alike when it is played again".to_owned());
        return Ok(report);
    };
    let shrunk = shrink(world, features, drawn, run, &violation, Duration::from_secs(seconds)).await?;
    let seen = shrunk.run.violations.iter().find(|it| it.rule == violation.rule && it.key == violation.key);
    report.shrunk = Some(format!(
        "{}what happened:\n{}\nseen: {}\n({} smaller histories were tried)",
        print::history(&shrunk.history),
        shrunk.run.log.iter().map(|line| format!("  {line}\n")).collect::<String>(),
        seen.map_or("", |it| it.text.as_str()),
        shrunk.tried
    ));
    Ok(report)
}
