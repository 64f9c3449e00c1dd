//! The fewest steps, and the smallest configuration, that still break the same rule in the same way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tfplugin::testing::Expression;

use crate::Result;
use crate::configs::Features;
use crate::edits::remove;
use crate::play::play;
use crate::run::{Run, Violation};
use crate::steps::History;
use crate::world::World;

/// A smaller history that fails alike, and how it went.
pub struct Shrunk {
    pub history: History,
    pub run: Run,
    pub tried: usize,
}

/// Shrinks until nothing more can be left out, or the time is over.
pub async fn shrink(
    world: &Arc<World>,
    features: &Arc<Features>,
    history: History,
    run: Run,
    violation: &Violation,
    limit: Duration,
) -> Result<Shrunk> {
    let until = Instant::now() + limit;
    let mut found = Shrunk { history, run, tried: 0 };
    loop {
        let before = found.history.clone();
        steps(world, features, &mut found, violation, until).await?;
        configuration(world, features, &mut found, violation, until).await?;
        if found.history == before || Instant::now() > until {
            return Ok(found);
        }
    }
}

/// Whether a smaller history breaks the same rule; then it takes the place of the one that was found.
async fn is_enough(
    world: &Arc<World>,
    features: &Arc<Features>,
    found: &mut Shrunk,
    candidate: History,
    violation: &Violation,
) -> Result<bool> {
    found.tried += 1;
    // A history that cannot be played shows nothing.
    let Ok(run) = play(world.clone(), features.clone(), &candidate).await else { return Ok(false) };
    let alike = run.violations.iter().any(|it| it.rule == violation.rule && it.key == violation.key);
    if alike {
        (found.history, found.run) = (candidate, run);
    }
    Ok(alike)
}

/// Delta debugging: halves of the steps, then quarters, down to single ones.
async fn steps(
    world: &Arc<World>,
    features: &Arc<Features>,
    found: &mut Shrunk,
    violation: &Violation,
    until: Instant,
) -> Result<()> {
    let mut size = found.history.steps.len().div_ceil(2).max(1);
    loop {
        let mut at = 0;
        while at < found.history.steps.len() && Instant::now() < until {
            let mut candidate = found.history.clone();
            let end = (at + size).min(candidate.steps.len());
            candidate.steps.drain(at..end);
            if !is_enough(world, features, found, candidate, violation).await? {
                at += size;
            }
        }
        if size == 1 || Instant::now() > until {
            return Ok(());
        }
        size = size.div_ceil(2);
    }
}

/// Blocks, then optional attributes, then what is odd about the operator.
async fn configuration(
    world: &Arc<World>,
    features: &Arc<Features>,
    found: &mut Shrunk,
    violation: &Violation,
    until: Instant,
) -> Result<()> {
    let addresses: Vec<String> = found.history.configuration.blocks.iter().map(|it| it.address.clone()).collect();
    for address in addresses {
        let mut candidate = found.history.clone();
        remove(&mut candidate.configuration, &address);
        if Instant::now() < until && candidate.configuration != found.history.configuration {
            is_enough(world, features, found, candidate, violation).await?;
        }
    }
    let attributes: Vec<(usize, String)> = found
        .history
        .configuration
        .blocks
        .iter()
        .enumerate()
        .flat_map(|(place, block)| block.attributes.keys().map(move |name| (place, name.clone())))
        .collect();
    for (place, name) in attributes {
        let mut candidate = found.history.clone();
        let removed = candidate.configuration.blocks[place].attributes.remove(&name);
        let optional =
            !matches!(removed, Some(Expression::Reference { .. }) | None) && !REQUIRED.contains(&name.as_str());
        if Instant::now() < until && optional {
            is_enough(world, features, found, candidate, violation).await?;
        }
    }
    if found.history.service.is_some() && Instant::now() < until {
        let candidate = History { service: None, ..found.history.clone() };
        is_enough(world, features, found, candidate, violation).await?;
    }
    if found.history.by_token && Instant::now() < until {
        let candidate = History { by_token: false, ..found.history.clone() };
        is_enough(world, features, found, candidate, violation).await?;
    }
    if found.history.least_privileged && Instant::now() < until {
        let candidate = History { least_privileged: false, ..found.history.clone() };
        is_enough(world, features, found, candidate, violation).await?;
    }
    Ok(())
}

/// Without these a block is none.
const REQUIRED: [&str; 17] = [
    "name",
    "password_wo",
    "password_wo_version",
    "database",
    "login_name",
    "entra",
    "principal",
    "permissions",
    "display_name",
    "server",
    "basic",
    "workspace_id",
    "role",
    "connection_id",
    "mirrored_database_id",
    "timeouts",
    "id",
];
