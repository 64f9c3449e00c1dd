//! Many principals: what each of them costs does not depend on how many others there are.

use fabricmirror_tests::estate::principals;
use fabricmirror_tests::run::Run;
use fabricmirror_tests::{Result, fail};

use crate::world::now;
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![case!(the_round_trips_of_many_principals)]
}

const DATABASES: [&str; 2] = ["Sales", "Inventory"];

fn estate(count: usize, permission: &str) -> String {
    principals(count, &DATABASES, permission)
}

/// Round trips since then, and the characters sent in the longest.
async fn trips(run: &Run, since: usize) -> Result<(usize, usize)> {
    let entries = run.emulator.requests().await?.split_off(since);
    let texts: Vec<usize> =
        entries.iter().filter(|it| it["channel"] == "sql").filter_map(|it| it["text"].as_str()).map(str::len).collect();
    Ok((texts.len(), texts.into_iter().max().unwrap_or_default()))
}

async fn the_round_trips_of_many_principals(run: &mut Run) -> Result<()> {
    const MANY: usize = 16;
    // What a look at everything costs: once for the instance, once for each database. The plan adds nothing, and an apply
    // looks once more, before it has changed something.
    let look = 1 + DATABASES.len();
    let mut longest = Vec::new();
    for round in 1..=2 {
        run.write("main.tf", &estate(round * MANY, "INSERT"))?;
        run.plan().await?;
        let since = now(run).await?;
        run.apply_planned().await?.success()?;
        let (count, length) = trips(run, since).await?;
        if count > 2 * 3 * MANY + look {
            fail!("{count} round trips for {MANY} logins, users and grants beside {}", (round - 1) * MANY);
        }
        longest.push(length);
        let since = now(run).await?;
        run.plan().await?.is_empty()?;
        let (count, _) = trips(run, since).await?;
        if count > look {
            fail!("{count} round trips for a plan of {} objects in {} databases", 3 * round * MANY, DATABASES.len());
        }
    }
    if longest[0] != longest[1] {
        fail!("the batches grow with what is there: {longest:?}");
    }
    // A change of one kind of them: two round trips each. Of nothing: none.
    run.write("main.tf", &estate(2 * MANY, "UPDATE"))?;
    run.plan().await?;
    let since = now(run).await?;
    run.apply_planned().await?.success()?;
    let (count, _) = trips(run, since).await?;
    if count > 2 * 2 * MANY + look {
        fail!("{count} round trips to change {} sets of grants", 2 * MANY);
    }
    run.plan().await?.is_empty()?;
    let since = now(run).await?;
    run.apply_planned().await?.success()?;
    let (count, _) = trips(run, since).await?;
    if count != 0 {
        fail!("{count} round trips to change nothing");
    }
    let since = now(run).await?;
    run.destroy().await?.success()?;
    let (count, _) = trips(run, since).await?;
    if count > 2 * 3 * 2 * MANY + 2 * look {
        fail!("{count} round trips to drop {} objects", 3 * 2 * MANY);
    }
    Ok(())
}
