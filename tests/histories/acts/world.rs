//! Acts outside SQL and REST: capacity, network, identity, tenant; the operator's own rights; sessions that stay open.

use serde_json::{Value, json};

use super::{Act, BEFORE, EVER, How, LATER, Outcome};
use crate::Result;
use crate::configs::Type;
use crate::rng::Rng;
use crate::run::Run;
use crate::world::{Answer, Speaker};
use Type::{
    Assignment as A, Connection as C, Grants as G, Login as L, Mirror as M, Replication as R, Role as Ro, User as U,
};

macro_rules! act {
    ($name:literal, $types:expr, $moments:expr, $weight:literal, $how:expr) => {
        Act {
            name: $name,
            types: $types,
            moments: $moments,
            weight: $weight,
            how: How::Do(|run, rng| Box::pin($how(run, rng))),
        }
    };
}
pub(super) use act;

pub fn acts() -> Vec<Act> {
    vec![
        act!("the capacity is paused", &[M, R], EVER, 3, pause),
        act!("the capacity is paused and resumed", &[M, R], LATER, 2, pause_and_resume),
        act!("the capacity is resumed", &[M, R], LATER, 3, resume),
        act!("a user-assigned identity becomes the primary one", &[R], EVER, 1, identity),
        act!("the instance gets another update policy", &[G, R], BEFORE, 1, policy),
        act!("the network is cut", &[C, R], EVER, 1, network),
        act!("the tenant closes OneLake", &[R], EVER, 1, tenant),
        act!("time passes", &[M, R, C, L], LATER, 3, wait),
        act!("the operator may not manage logins any more", &[L, U], EVER, 4, lose_logins),
        act!("the operator cannot open the database any more", &[Ro, U, G], EVER, 4, lose_database),
        act!("the operator only reads in the database", &[Ro, U, G], EVER, 4, lose_ownership),
        act!("somebody is logged in as our login", &[L], LATER, 4, session),
        act!("the workspace gets another name", &[A, M], LATER, 2, rename_workspace),
        act!("somebody makes a folder", &[M], EVER, 2, folder),
    ]
}

async fn facts(run: &mut Run, what: &'static str, facts: Value) -> Result<Outcome> {
    run.world.change(&facts).await?;
    run.broken.insert(what);
    Ok(Outcome::Done)
}

async fn pause(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    facts(run, "capacity", json!({ "capacity_state": "Inactive" })).await
}

async fn resume(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    if !run.broken.remove("capacity") {
        return Ok(Outcome::Impossible("the capacity is active".to_owned()));
    }
    run.world.change(&json!({ "capacity_state": "Active" })).await?;
    Ok(Outcome::Done)
}

async fn pause_and_resume(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    run.world.change(&json!({ "capacity_state": "Inactive" })).await?;
    run.world.advance(60).await?;
    run.world.change(&json!({ "capacity_state": "Active" })).await?;
    run.broken.remove("capacity");
    Ok(Outcome::Done)
}

async fn identity(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    facts(run, "identity", json!({ "primary_identity": "UserAssigned" })).await
}

/// The service takes the change back on no instance: one that has been mirrored has the policy for good.
async fn policy(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    if !run.us.state.objects.is_empty() {
        return Ok(Outcome::Impossible("the policy cannot be taken back".to_owned()));
    }
    facts(run, "policy", json!({ "update_policy": "SQLServer2022" })).await
}

async fn network(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    facts(run, "network", json!({ "network": "Unreachable" })).await
}

async fn tenant(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    facts(run, "tenant setting", json!({ "tenant_setting": "Off" })).await
}

async fn wait(run: &mut Run, rng: &mut Rng) -> Result<Outcome> {
    run.world.advance(30 + rng.below(600) as u64).await?;
    Ok(Outcome::Done)
}

/// As the administrator; a refusal makes the act impossible.
async fn admin(run: &Run, lines: &[(&str, String)]) -> Result<Outcome> {
    for (database, statement) in lines {
        if let Answer::Refused(number, words) = run.world.sql(Speaker::Administrator, database, statement).await? {
            return Ok(Outcome::Impossible(format!("{statement}: {number} {words}")));
        }
    }
    Ok(Outcome::Done)
}

fn nobody() -> Outcome {
    Outcome::Impossible("the operator is the administrator".to_owned())
}

async fn lose_logins(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    let Some(name) = run.operator else { return Ok(nobody()) };
    admin(run, &[("master", format!("ALTER SERVER ROLE [##MS_LoginManager##] DROP MEMBER {name}"))]).await
}

async fn lose_database(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    let Some(name) = run.operator else { return Ok(nobody()) };
    admin(run, &[("Sales", format!("DROP USER {name}"))]).await
}

async fn lose_ownership(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    let Some(name) = run.operator else { return Ok(nobody()) };
    let lines = [
        ("Sales", format!("ALTER ROLE db_owner DROP MEMBER {name}")),
        ("Sales", format!("GRANT VIEW DEFINITION TO {name}")),
    ];
    admin(run, &lines).await
}

async fn session(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    let snapshot = run.world.snapshot().await?;
    let targets = super::sql::Targets::of(run, &snapshot);
    let Some(login) = targets.login else { return Ok(Outcome::Impossible("there is no login".to_owned())) };
    let Some(password) = run.password() else { return Ok(Outcome::Impossible("its password is not known".to_owned())) };
    match run.world.session(&login, &password).await {
        Ok(session) => {
            run.sessions.push(session);
            Ok(Outcome::Done)
        }
        Err(error) => Ok(Outcome::Impossible(error.to_string())),
    }
}

async fn rename_workspace(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    super::rest::call(
        run,
        "PATCH",
        &run.places.text("/workspaces/@workspace"),
        Some(json!({ "displayName": "Renamed" })),
    )
    .await
}

async fn folder(run: &mut Run, rng: &mut Rng) -> Result<Outcome> {
    let name = format!("folder {}", rng.below(1_000_000));
    super::rest::call(
        run,
        "POST",
        &run.places.text("/workspaces/@workspace/folders"),
        Some(json!({ "displayName": name })),
    )
    .await
}
