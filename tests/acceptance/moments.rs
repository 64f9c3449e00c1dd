//! Ctrl-C at any moment: the provider ends within two seconds, the state is true, and the next apply goes on from there.

use std::time::{Duration, Instant};

use fabricmirror_tests::run::Run;
use fabricmirror_tests::{Result, fail};
use serde_json::{Value, json};
use tokio::process::Child;

use crate::hcl::{CONNECTION, GRANTS, LOGIN, MIRROR, REPLICATION, ROLE, USER};
use crate::tutorial::values;
use crate::world::{calls, is_call, login, now, permissions, replicates, until, user};
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case!(an_interrupt_ends_every_pause),
        case!(an_interrupt_at_any_moment::<0>),
        case!(an_interrupt_at_any_moment::<1>),
        case!(an_interrupt_at_any_moment::<2>),
        case!(an_interrupt_at_any_moment::<3>),
        case!(an_interrupt_at_any_moment::<4>),
        case!(an_interrupt_at_any_moment::<5>),
        case!(an_interrupt_at_any_moment::<6>),
        case!(an_interrupt_at_any_moment::<7>),
        case!(an_interrupt_at_any_moment::<8>),
        case!(an_interrupt_at_any_moment::<9>),
    ]
}

/// From the interrupt until nobody works any more.
const LIMIT: Duration = Duration::from_secs(2);
/// Requests that an apply of the tutorial makes at least.
const REQUESTS: usize = 40;
const APPLY: [&str; 4] = ["apply", "-json", "-input=false", "-auto-approve"];

/// Interrupts the CLI, and waits until it or its provider has ended: within the limit.
async fn interrupt(run: &Run, child: &mut Child) -> Result<()> {
    run.interrupt(child)?;
    let began = Instant::now();
    while child.try_wait()?.is_none() && !run.providers().is_empty() {
        if began.elapsed() > LIMIT {
            fail!("{:?} after the interrupt the provider still works", began.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// What the state holds is there, and what is there the state holds.
async fn is_true(run: &mut Run) -> Result<()> {
    let state = run.state().await?;
    let world = run.emulator.state().await?;
    let of = |address: &str| values(&state, address);
    let agree = |address: &str, is_there: bool| -> Result<()> {
        let is_known = !of(address).is_null();
        if is_known == is_there { Ok(()) } else { fail!("{address}: in the state: {is_known}, there: {is_there}") }
    };
    for (address, found) in
        [(LOGIN, login(run, "fabric_login").await?), (USER, user(run, "Sales", "fabric_user").await?)]
    {
        agree(address, !found.is_null())?;
        let known = of(address)["sid"].clone();
        // Of a user whose creation was interrupted the SID is for the next look to find.
        if known.is_string() && known != found["sid"] {
            fail!("{address}: the state has the SID {known}, the server {}", found["sid"]);
        }
    }
    let held = permissions(run, "Sales", "fabric_user").await?;
    let held: Vec<_> = held.iter().filter(|it| !it.contains(" CONNECT ")).map(String::as_str).collect();
    agree(GRANTS, !held.is_empty())?;
    let known = of(GRANTS)["permissions"].as_array().map_or(0, Vec::len);
    if known != held.len() {
        fail!("the state has {known} permissions, the server {held:?}");
    }
    let identity = run.emulator.ready.scenario.instance_identity_object_id.as_str();
    let list = |of: &Value, key: &str, value: &Value| {
        of.as_array().is_some_and(|all| all.iter().any(|it| !value.is_null() && it[key] == *value))
    };
    let roles = &world["fabric"]["workspaces"][0]["role_assignments"];
    agree(ROLE, list(roles, "principal_id", &json!(identity)))?;
    for (address, key) in [(CONNECTION, "connections"), (MIRROR, "mirrored_databases")] {
        let all = &world["fabric"][key];
        agree(address, all.as_array().is_some_and(|all| !all.is_empty()))?;
        let id = &of(address)["id"];
        if !id.is_null() && !list(all, "id", id) {
            fail!("{address}: {id} is not there: {all}");
        }
    }
    agree(REPLICATION, accepted(run).await? > 0)
}

/// How often a start was accepted.
async fn accepted(run: &Run) -> Result<usize> {
    let journal = run.emulator.requests().await?;
    Ok(journal.iter().filter(|it| is_call(it, "POST", "/startMirroring") && it["status"] == 200).count())
}

/// The next apply goes on from where the interrupted one was.
async fn goes_on(run: &mut Run) -> Result<()> {
    run.apply().await?.success()?;
    replicates(run, 5).await?;
    run.plan().await?.is_empty()?;
    let deletes = calls(run, 0, "DELETE", "").await?;
    let (starts, stops) = (accepted(run).await?, calls(run, 0, "POST", "/stopMirroring").await?);
    if (starts, stops, deletes) != (1, 0, 0) {
        fail!("started {starts} times, stopped {stops} times, {deletes} deletes");
    }
    Ok(())
}

/// A tenth of the apply, of which every CLI gets another third.
async fn an_interrupt_at_any_moment<const TENTH: usize>(run: &mut Run) -> Result<()> {
    let third =
        ["terraform", "terraform-1.15", "tofu"].iter().position(|name| run.cli.name == *name).unwrap_or_default();
    let moment = 1 + (3 * TENTH + third) * REQUESTS / 30;
    run.use_tutorial()?;
    let mut child = run.spawn(&APPLY)?;
    while run.emulator.last_request().await?["index"].as_u64().is_none_or(|index| index < moment as u64) {
        if child.try_wait()?.is_some() {
            fail!("the apply was over before its request {moment}: {}", run.finish(&APPLY, child).await?.explain());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let told = interrupt(run, &mut child).await;
    let said = run.finish(&APPLY, child).await?;
    told.map_err(|error| format!("request {moment}: {error}"))?;
    if said.code == 0 {
        fail!("request {moment}: the apply was not interrupted");
    }
    is_true(run).await.map_err(|error| format!("request {moment}: {error}\n{}", said.explain()))?;
    goes_on(run).await.map_err(|error| format!("request {moment}: {error}\n{}", said.explain()).into())
}

/// What others make wait is not waited for.
async fn an_interrupt_ends_every_pause(run: &mut Run) -> Result<()> {
    // Of an apply that plans by itself, Terraform passes no interrupt on before the plan is made.
    const PLANNED: [&str; 4] = ["apply", "-json", "-input=false", "plan.bin"];
    const PLAN: [&str; 3] = ["plan", "-json", "-input=false"];
    run.use_tutorial()?;
    let on = |channel: &str, key: &str, pattern: &str| json!({ "channel": channel, key: pattern });
    for (what, command, matches, effect) in [
        ("a busy service", &PLANNED[..], on("rest", "path", "/connections$"), json!({ "throttle_s": 60 })),
        ("a server that thinks", &PLANNED, on("sql", "sql", "sys.database_permissions"), json!({ "delay_ms": 60_000 })),
        ("a busy mirror", &PLANNED, on("rest", "path", "/getMirroringStatus$"), json!({ "throttle_s": 100 })),
        ("a token that does not come", &PLAN, on("token", "method", "POST"), json!({ "delay_ms": 60_000 })),
    ] {
        run.plan().await?.answers(2)?;
        let since = now(run).await?;
        run.emulator.plant(json!({ "match": matches, "count": 0, "effect": effect })).await?;
        let mut child = run.spawn(command)?;
        until(run, since, what, |it| !it["fault"].is_null()).await?;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let told = interrupt(run, &mut child).await;
        let said = run.finish(command, child).await?;
        told.map_err(|error| format!("{what}: {error}"))?;
        if said.code == 0 {
            fail!("{what}: nothing was interrupted");
        }
        run.emulator.clear_faults().await?;
        is_true(run).await.map_err(|error| format!("{what}: {error}\n{}", said.explain()))?;
    }
    goes_on(run).await
}
