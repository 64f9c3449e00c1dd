//! What others do: the catalogue. An act is done to what is there at that moment, by somebody who knows nothing of
//! Terraform, or by a second team with a state of its own.

mod entra;
pub mod faults;
pub mod rest;
mod roles;
mod second;
mod sql;
mod world;

use std::future::Future;
use std::pin::Pin;
use std::sync::LazyLock;

pub use sql::{Targets, quoted};

use crate::Result;
use crate::configs::Type;
use crate::coverage::Moment;
use crate::rng::Rng;
use crate::run::Run;
use crate::snapshot::{Difference, differences};

/// An entry of the catalogue.
#[derive(Debug)]
pub struct Act {
    pub name: &'static str,
    /// Whose objects it concerns: it is drawn where one of them is in the configuration.
    pub types: &'static [Type],
    pub moments: &'static [Moment],
    /// How often it is drawn. Acts that make an apply wait to its limit are drawn seldom.
    pub weight: usize,
    pub how: How,
}

/// How it is done.
pub enum How {
    /// T-SQL, line by line.
    Sql(&'static [sql::Line]),
    /// Anything else.
    Do(for<'a> fn(&'a mut Run, &'a mut Rng) -> Doing<'a>),
}

impl std::fmt::Debug for How {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sql(lines) => f.debug_tuple("Sql").field(lines).finish(),
            Self::Do(_) => f.write_str("Do"),
        }
    }
}

pub type Doing<'a> = Pin<Box<dyn Future<Output = Result<Outcome>> + 'a>>;

/// What came of an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// To this type alone.
    DoneTo(Type),
    /// There is nothing to do it to, or the server refuses.
    Impossible(String),
}

/// From the first apply on.
const LATER: &[Moment] = &[Moment::AfterApply, Moment::BetweenPlanAndApply, Moment::AfterFailure];
const BEFORE: &[Moment] = &[Moment::BeforeCreate];
const EVER: &[Moment] = &[Moment::BeforeCreate, Moment::AfterApply, Moment::BetweenPlanAndApply, Moment::AfterFailure];
/// Acts that take a name before we have it.
const EARLY: &[Moment] = &[Moment::BeforeCreate, Moment::BetweenPlanAndApply, Moment::AfterFailure];

/// Everything.
pub static ACTS: LazyLock<Vec<Act>> = LazyLock::new(|| {
    let parts =
        [sql::acts(), entra::acts(), roles::acts(), rest::acts(), world::acts(), faults::acts(), second::acts()];
    parts.into_iter().flatten().collect()
});

/// Does an act, and notes what it made and where it was done.
pub async fn act(run: &mut Run, name: &str, pick: u64) -> Result<()> {
    let Some(act) = ACTS.iter().find(|act| act.name == name) else {
        return Err(format!("there is no act {name}").into());
    };
    let types: Vec<Type> = act.types.iter().copied().filter(|it| is_configured(run, *it)).collect();
    let moments: Vec<(Type, Moment)> = types.iter().map(|it| (*it, run.moment(*it))).collect();
    let before = run.world.snapshot().await?;
    let mut rng = Rng::new(pick);
    let outcome = match &act.how {
        How::Sql(lines) => sql::run(run, &mut rng, lines).await?,
        How::Do(how) => how(run, &mut rng).await?,
    };
    let after = run.world.snapshot().await?;
    run.theirs.extend(after.things.keys().filter(|thing| !before.things.contains_key(*thing)).cloned());
    let changes = differences(&before, &after);
    run.altered.extend(changes.iter().filter_map(|it| match it {
        Difference::Changed(thing, fact) => Some((thing.clone(), *fact)),
        _ => None,
    }));
    let shown: Vec<String> = changes.iter().map(|it| crate::snapshot::Shown(it, &before, &after).to_string()).collect();
    let outcome = match outcome {
        Outcome::Impossible(why) => {
            // What came before the line that was refused is done.
            run.is_settled = run.is_settled && shown.is_empty();
            run.only_spelled = run.only_spelled && shown.is_empty();
            run.say(format!("act {}: not possible: {why} {}", act.name, shown.join("; ")));
            run.refused.insert(act.name, why);
            return Ok(());
        }
        outcome => outcome,
    };
    run.say(format!("act {}: {}", act.name, if shown.is_empty() { "done".to_owned() } else { shown.join("; ") }));
    run.is_settled = false;
    run.only_spelled = false;
    for (it, moment) in moments {
        if !matches!(outcome, Outcome::DoneTo(only) if only != it) {
            run.covered.push((act.name, it, moment));
        }
    }
    Ok(())
}

fn is_configured(run: &Run, it: Type) -> bool {
    run.us.configuration.blocks.iter().any(|block| block.type_name == it.name())
}
