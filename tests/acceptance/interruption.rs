//! A wait that ends early loses nothing: the next apply goes on where it was.

use fabricmirror_tests::emulator::Options;
use fabricmirror_tests::run::{Run, tutorial};
use fabricmirror_tests::{Result, fail};

use crate::tutorial::values;
use crate::world::{calls, is_call, until};
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    // Slow enough that a start is still under way when the wait ends.
    let slow = || Options { time_scale: 10, ..Options::default() };
    vec![case!(an_interrupted_wait_is_taken_up_again, slow()), case!(a_wait_that_timed_out_is_taken_up_again, slow())]
}

const MIRROR: &str = "fabricmirror_mirrored_database.source";

async fn an_interrupted_wait_is_taken_up_again(run: &mut Run) -> Result<()> {
    run.use_tutorial()?;
    let arguments = ["apply", "-json", "-input=false", "-auto-approve"];
    let child = run.spawn(&arguments)?;
    until(run, 0, "the start", |it| is_call(it, "POST", "/startMirroring")).await?;
    run.interrupt(&child)?;
    run.finish(&arguments, child).await?.fails_with("interrupted")?;
    goes_on(run).await
}

async fn a_wait_that_timed_out_is_taken_up_again(run: &mut Run) -> Result<()> {
    let hasty = tutorial()?.replace(
        "state                = \"running\"",
        "state                = \"running\"\n  timeouts = { create = \"2s\" }",
    );
    run.write("main.tf", &hasty)?;
    // The SQL endpoint is there before the start, so the two seconds are spent on the start.
    run.apply().await?.fails_with("was not there in time")?;
    run.use_tutorial()?;
    goes_on(run).await
}

/// The next apply ends replicating, with the same item, started once and never stopped.
async fn goes_on(run: &mut Run) -> Result<()> {
    let item = values(&run.state().await?, MIRROR)["id"].clone();
    if !item.is_string() {
        fail!("the mirrored database is not in the state");
    }
    run.emulator.advance(300).await?;
    run.apply().await?.success()?;
    let state = run.state().await?;
    if values(&state, MIRROR)["id"] != item {
        fail!("the mirrored database is another one");
    }
    if values(&state, "data.fabricmirror_replication_status.source")["state"] != "Running" {
        fail!("the mirror does not run");
    }
    let starts = calls(run, 0, "POST", "/startMirroring").await?;
    let stops = calls(run, 0, "POST", "/stopMirroring").await?;
    let deletes = run.emulator.requests().await?.iter().filter(|it| it["method"] == "DELETE").count();
    if (starts, stops, deletes) != (1, 0, 0) {
        fail!("started {starts} times, stopped {stops} times, {deletes} deletes");
    }
    run.plan().await?.is_empty()
}
