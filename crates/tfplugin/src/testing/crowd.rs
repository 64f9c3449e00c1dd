//! Many configurations that have nothing to do with each other, in one process of the provider and several at once: what
//! a CLI does with a large configuration, without the CLI's own share, which grows with the square of it.

use futures_util::StreamExt;

use super::process::{Log, Process};
use super::{Applied, Cli, Configuration, Plan, Said, State, apply, plan};
use crate::provider::ProviderType;

pub(super) async fn plan<P: ProviderType>(
    cli: &Cli<P>,
    members: &[(Configuration, State)],
    at_once: usize,
) -> Result<Vec<Plan>, Vec<Said>> {
    let process = started(cli).await?;
    let plans = each(members, at_once, |(configuration, state)| plan::with(cli, &process, configuration, state)).await;
    process.end().await;
    Ok(plans)
}

pub(super) async fn apply<P: ProviderType>(
    cli: &Cli<P>,
    plans: &[Plan],
    at_once: usize,
) -> Result<Vec<Applied>, Vec<Said>> {
    let process = started(cli).await?;
    let applied = each(plans, at_once, |plan| apply::with(cli, &process, plan)).await;
    process.end().await;
    Ok(applied)
}

/// A process that is configured; else what it said.
async fn started<P: ProviderType>(cli: &Cli<P>) -> Result<Process<P>, Vec<Said>> {
    let (process, mut log) = (Process::start(cli), Log::default());
    match process.configure(cli, &mut log, false).await {
        Ok(()) => Ok(process),
        Err(_) => Err(log.diagnostics),
    }
}

/// Asks for each member, `at_once` at a time; the answers in the members' order.
async fn each<'a, T, A, F: Future<Output = A>>(members: &'a [T], at_once: usize, ask: impl Fn(&'a T) -> F) -> Vec<A> {
    let asking = members.iter().enumerate().map(|(place, member)| {
        let answering = ask(member);
        async move { (place, answering.await) }
    });
    let mut answers: Vec<(usize, A)> = futures_util::stream::iter(asking).buffer_unordered(at_once).collect().await;
    answers.sort_by_key(|(place, _)| *place);
    answers.into_iter().map(|(_, answer)| answer).collect()
}
