//! What principals cost by the thousand: logins, each with a user and grants, in twenty databases.
//!
//! Without a CLI, whose own share grows with the square of the count (`make bench` shows that beside it): the provider is
//! asked through its real wire, fifty objects at a time, in a process of its own; the emulator is in this one.
//!
//! As a test: what an object costs does not grow with how many others there are, and connections stay within the bound.
//! `CURVE="100 400 1000 4000"` prints a table instead, with the milliseconds of `CURVE_MS` ("0 20") added to each round
//! trip.

mod measure;
mod provider;

use std::io::Write as _;
use std::process::ExitCode;

use measure::{Phase, Taken, measure};

/// Everything here fails with a text for whoever reads the test's output.
pub type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// What the connections of one provider to one instance are bounded by.
const CONNECTIONS: usize = 16;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let outcome = match arguments.next().as_deref() {
        Some(provider::PROCESS) => provider::serve(),
        // `cargo test NAME` runs every target, and `--list` asks what there is.
        Some("--list") => return ExitCode::SUCCESS,
        Some(filter) if !filter.starts_with('-') && !"curve".contains(filter) => return ExitCode::SUCCESS,
        _ => match std::env::var("CURVE") {
            Ok(counts) => print(&counts),
            Err(_) => check(),
        },
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("curve: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// To whoever reads. Nobody listening is no reason to stop.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Round trips of so many triples: those of each object alone, and a refresh of the databases.
fn check() -> Result<()> {
    const COUNTS: [usize; 2] = [25, 100];
    /// A create takes two at most, a refresh two for each database and one for the instance, and each connection its
    /// login; a plan for new objects reads as much.
    const OF_AN_OBJECT: usize = 2;
    const OF_A_REFRESH: usize = 2 * measure::DATABASES + 1;
    for count in COUNTS {
        let taken = measure(count, 0)?;
        for phase in &taken.phases {
            let bound = match phase.name {
                "apply" => 3 * OF_AN_OBJECT * count + OF_A_REFRESH,
                _ => OF_A_REFRESH,
            };
            if phase.round_trips > bound {
                return Err(format!("{} of {count}: {} round trips, not {bound}", phase.name, phase.round_trips).into());
            }
            if phase.connections > CONNECTIONS {
                return Err(format!("{} of {count}: {} connections at once", phase.name, phase.connections).into());
            }
        }
        say(&format!("{count}: {}", line(&taken)));
    }
    Ok(())
}

fn line(taken: &Taken) -> String {
    let of =
        |it: &Phase| format!("{} {:.1} s, {} round trips, {} logins", it.name, it.seconds, it.round_trips, it.logins);
    taken.phases.iter().map(of).collect::<Vec<_>>().join("; ")
}

/// The table.
fn print(counts: &str) -> Result<()> {
    let numbers = |text: &str| text.split_whitespace().map(str::parse).collect::<Result<Vec<usize>, _>>();
    let counts = numbers(counts)?;
    let delays = numbers(&std::env::var("CURVE_MS").unwrap_or_else(|_| "0 20".to_owned()))?;
    say(&format!(
        "logins, users and grants in {} databases, {} at a time, without a CLI; seconds (round trips)",
        measure::DATABASES,
        provider::AT_ONCE
    ));
    say(&format!(
        "{:>6} {:>4} {:>16} {:>16} {:>16} {:>12} {:>6}",
        "count", "ms", "plan", "apply", "refresh", "connections", "MiB"
    ));
    for delay in delays {
        let mut before: Option<(usize, f64)> = None;
        for &count in &counts {
            let taken = measure(count, delay)?;
            let mut line = format!("{count:>6} {delay:>4}");
            for phase in &taken.phases {
                line += &format!(" {:>8.1} {:>7}", phase.seconds, format!("({})", phase.round_trips));
            }
            let connections = taken.phases.iter().map(|it| it.connections).max().unwrap_or_default();
            line += &format!(" {connections:>12} {:>6.0}", taken.memory);
            let seconds = taken.phases.iter().map(|it| it.seconds).sum::<f64>();
            if let Some((fewer, less)) = before.replace((count, seconds)) {
                line += &format!("   {:.1} times what {fewer} take", seconds / less);
            }
            say(&line);
        }
    }
    Ok(())
}
