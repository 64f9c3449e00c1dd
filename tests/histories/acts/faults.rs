//! The services on a bad day: a fault is planted that strikes the next plan or apply at what one of our objects needs.

use serde_json::{Value, json};

use super::world::act;
use super::{Act, EVER, How, Outcome};
use crate::Result;
use crate::configs::Type;
use crate::entra;
use crate::rng::Rng;
use crate::run::Run;
use Type::{
    Assignment as A, Connection as C, Grants as G, Login as L, Mirror as M, Replication as R, Role as Ro, User as U,
};

const ALL: &[Type] = &[L, Ro, U, G, C, A, M, R];
const ON_SERVER: &[Type] = &[L, Ro, U, G];
const IN_FABRIC: &[Type] = &[C, A, M, R];

pub fn acts() -> Vec<Act> {
    vec![
        act!("the connection breaks before a change", ALL, EVER, 5, reset_before),
        act!("the connection breaks after a change", ALL, EVER, 7, reset_after),
        act!("the connection breaks at a look", ALL, EVER, 4, reset_read),
        act!("Fabric throttles", IN_FABRIC, EVER, 3, throttle),
        act!("Fabric forbids a change once", IN_FABRIC, EVER, 3, forbid_change),
        act!("Fabric forbids a look once", IN_FABRIC, EVER, 5, forbid_look),
        act!("Fabric fails once", IN_FABRIC, EVER, 4, fail),
        act!("the directory does not know a principal yet", &[A], EVER, 2, unknown_principal),
        act!("the directory does not know an Entra principal yet", &[L, U], EVER, 2, unknown_identity),
        act!("a deadlock", ON_SERVER, EVER, 4, deadlock),
        act!("a failover of the instance", ON_SERVER, EVER, 4, failover),
    ]
}

/// Whatever is asked of Fabric next has to wait for a minute.
pub fn minute() -> Value {
    json!({ "match": { "channel": "rest", "method": "POST|PATCH|DELETE" }, "count": 1, "effect": { "throttle_s": 60 } })
}

/// What matches the requests that change, or look at, objects of a type.
fn requests(of: Type, changes: bool) -> Value {
    let sql = |words: &str| json!({ "channel": "sql", "sql": format!("(?i){words}") });
    let rest = |method: &str, path: &str| json!({ "channel": "rest", "method": method, "path": format!("(?i){path}") });
    match (of, changes) {
        (L, true) => sql("(CREATE|ALTER|DROP) (LOGIN|SERVER ROLE)"),
        (Ro, true) => sql("(CREATE|ALTER|DROP) ROLE |ON ROLE::"),
        (U, true) => sql("(CREATE|ALTER|DROP) (USER|ROLE) "),
        (G, true) => sql("(GRANT|REVOKE|DENY) [A-Z ]+ (TO|FROM)"),
        (L, false) => sql("sys.server_principals"),
        (Ro | U | G, false) => sql("sys.database_principals"),
        (C, true) => rest("POST|PATCH|DELETE", "/connections(/[0-9a-f-]+)?$"),
        (C, false) => rest("GET", "/connections"),
        (A, true) => rest("POST|PATCH|DELETE", "/roleassignments"),
        (A, false) => rest("GET", "/roleassignments"),
        (M, true) => rest("POST|PATCH|DELETE", "/mirroreddatabases(/[0-9a-f-]+)?(/updatedefinition)?$"),
        (M, false) => rest("GET|POST", "/mirroreddatabases/[0-9a-f-]+(/getdefinition)?$"),
        (R, true) => rest("POST", "/(start|stop)mirroring$"),
        (R, false) => rest("POST", "/get(tables)?mirroringstatus$"),
    }
}

/// Plants an effect at requests about one of these types.
async fn plant(
    run: &mut Run,
    rng: &mut Rng,
    among: &[Type],
    changes: bool,
    count: u64,
    effect: Value,
) -> Result<Outcome> {
    let present: Vec<Type> = among.iter().copied().filter(|it| super::is_configured(run, *it)).collect();
    if present.is_empty() {
        return Ok(Outcome::Impossible("there is no block that it could strike".to_owned()));
    }
    let it = rng.one(&present);
    run.faults.push(json!({ "match": requests(it, changes), "count": count, "effect": effect }));
    Ok(Outcome::DoneTo(it))
}

async fn reset_before(run: &mut Run, rng: &mut Rng) -> Result<Outcome> {
    plant(run, rng, ALL, true, 1, json!({ "reset": "before" })).await
}

async fn reset_after(run: &mut Run, rng: &mut Rng) -> Result<Outcome> {
    plant(run, rng, ALL, true, 1, json!({ "reset": "after" })).await
}

async fn reset_read(run: &mut Run, rng: &mut Rng) -> Result<Outcome> {
    plant(run, rng, ALL, false, 1, json!({ "reset": "after" })).await
}

async fn throttle(run: &mut Run, rng: &mut Rng) -> Result<Outcome> {
    let changes = rng.chance(50);
    plant(run, rng, IN_FABRIC, changes, 1, json!({ "throttle_s": 1 })).await
}

fn answer(status: u16, code: &str) -> Value {
    json!({ "status": status, "body": { "errorCode": code, "message": "On a bad day.", "requestId": "0" } })
}

async fn forbid_change(run: &mut Run, rng: &mut Rng) -> Result<Outcome> {
    plant(run, rng, IN_FABRIC, true, 1, answer(403, "InsufficientPrivileges")).await
}

async fn forbid_look(run: &mut Run, rng: &mut Rng) -> Result<Outcome> {
    plant(run, rng, IN_FABRIC, false, 1, answer(403, "InsufficientPrivileges")).await
}

async fn fail(run: &mut Run, rng: &mut Rng) -> Result<Outcome> {
    let changes = rng.chance(50);
    plant(run, rng, IN_FABRIC, changes, 1, answer(500, "UnknownError")).await
}

async fn unknown_principal(run: &mut Run, rng: &mut Rng) -> Result<Outcome> {
    plant(run, rng, &[A], true, 1, answer(400, "PrincipalNotFound")).await
}

/// As the instance asks it.
async fn unknown_identity(run: &mut Run, rng: &mut Rng) -> Result<Outcome> {
    let configuration = &run.us.configuration;
    let present: Vec<Type> = [L, U].into_iter().filter(|it| entra::has(configuration, *it)).collect();
    if present.is_empty() {
        return Ok(Outcome::Impossible("there is no block that it could strike".to_owned()));
    }
    let it = rng.one(&present);
    let statement = if it == L { "(?i)CREATE LOGIN .* FROM EXTERNAL" } else { "(?i)CREATE USER .* FROM EXTERNAL" };
    run.faults.push(json!({
        "match": { "channel": "sql", "sql": statement },
        "count": 1,
        "effect": { "sql_error": { "number": 33130, "severity": 16, "state": 1 } },
    }));
    Ok(Outcome::DoneTo(it))
}

async fn deadlock(run: &mut Run, rng: &mut Rng) -> Result<Outcome> {
    plant(run, rng, ON_SERVER, true, 1, json!({ "sql_error": { "number": 1205, "severity": 13, "state": 51 } })).await
}

async fn failover(run: &mut Run, rng: &mut Rng) -> Result<Outcome> {
    let changes = rng.chance(60);
    let effect = json!({ "sql_error": { "number": 40613, "severity": 17, "state": 1, "close": true } });
    plant(run, rng, ON_SERVER, changes, 1, effect).await
}
