//! The control interface: what a test steers the emulator with, and a page to look at. Contract: design.md §5.
//!
//! Plain HTTP on loopback. A body that is not understood is 400 with `{"error": "…"}`. `POST /reset` also clears the
//! faults and the journal, so its indices start at 0 again; the clock never goes back.

mod page;
mod snapshots;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::emulator::Parts;
use crate::fabric::Fabric;
use crate::fabric::roles::WorkspaceRole;
use crate::faults::{Effect, Fault};
use crate::journal::Channel;
use crate::scenario::{Instance, Rest, Scenario};
use crate::world::{self, Facts, OfInstance, Standing};

/// Ten years: more would leave the calendar.
const FURTHEST_ADVANCE: f64 = 10.0 * 365.0 * 86_400.0;

#[derive(Clone)]
pub struct Control {
    pub parts: Arc<Parts>,
    pub fabric: Arc<Fabric>,
    pub snapshots: snapshots::Snapshots,
}

pub fn router(control: Control) -> Router {
    Router::new()
        .merge(page::routes())
        .route("/state", get(state))
        .route("/requests", get(requests))
        .route("/faults", post(plant).delete(clear))
        .route("/world", get(world).post(change_world))
        .route("/clock", get(clock).post(advance))
        .route("/rest", get(rest).post(change_rest))
        .route("/reset", post(reset))
        .route("/snapshot", post(snapshots::take))
        .route("/restore", post(snapshots::restore))
        .with_state(control)
}

/// 400 with the reason.
struct Misunderstood(String);

impl IntoResponse for Misunderstood {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, Json(serde_json::json!({ "error": self.0 }))).into_response()
    }
}

/// The content type is not looked at: `curl -d` sends none that fits.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Misunderstood> {
    serde_json::from_slice(body).map_err(|error| Misunderstood(error.to_string()))
}

/// The `fabric` part of `GET /state`; the `sql` part is the instance's own.
#[derive(Debug, Serialize)]
pub struct FabricState {
    pub capacities: Vec<CapacityState>,
    pub workspaces: Vec<WorkspaceState>,
    pub connections: Vec<ConnectionState>,
    pub mirrored_databases: Vec<MirrorState>,
}

#[derive(Debug, Serialize)]
pub struct CapacityState {
    pub id: Uuid,
    pub display_name: String,
    pub sku: String,
    pub state: world::CapacityState,
}

#[derive(Debug, Serialize)]
pub struct WorkspaceState {
    pub id: Uuid,
    pub display_name: String,
    pub capacity_id: Option<Uuid>,
    pub role_assignments: Vec<RoleState>,
}

#[derive(Debug, Serialize)]
pub struct RoleState {
    pub principal_id: Uuid,
    /// Absent when the directory has no such principal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal_name: Option<String>,
    pub role: WorkspaceRole,
}

#[derive(Debug, Serialize)]
pub struct ConnectionState {
    pub id: Uuid,
    pub display_name: String,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub server: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct MirrorState {
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub display_name: String,
    /// Connection and database of its definition, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    pub status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    pub tables: Vec<TableState>,
}

#[derive(Debug, Serialize)]
pub struct TableState {
    pub schema: String,
    pub name: String,
    pub status: &'static str,
    pub rows: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Virtual moment (RFC 3339, UTC) of the last change that was copied; absent until the snapshot is through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sync: Option<String>,
}

impl Control {
    fn fabric_state(&self) -> FabricState {
        let (store, lag) = (self.fabric.store(), self.fabric.lag());
        let Parts { scenario, clock, world, .. } = &*self.parts;
        let capacities = scenario.capacities.iter().map(|capacity| CapacityState {
            id: capacity.id,
            display_name: capacity.display_name.clone(),
            sku: capacity.sku.clone(),
            state: world.facts().capacity_state,
        });
        let name = |principal| scenario.directory.find(principal).map(|found| found.display_name.clone());
        let workspaces = store.workspaces.iter().map(|workspace| WorkspaceState {
            id: workspace.id,
            display_name: workspace.display_name.clone(),
            capacity_id: workspace.capacity_id,
            role_assignments: workspace
                .roles
                .iter()
                .map(|role| RoleState {
                    principal_id: role.principal,
                    principal_name: name(role.principal),
                    role: role.role,
                })
                .collect(),
        });
        let connections = store.connections.iter().map(|connection| ConnectionState {
            id: connection.id,
            display_name: connection.display_name.clone(),
            kind: connection.kind.name(),
            server: connection.server.clone(),
            database: connection.database.clone(),
        });
        let mirrors = store.mirrors.iter().map(|item| MirrorState {
            id: item.id,
            workspace_id: item.workspace_id,
            display_name: item.display_name.clone(),
            connection_id: item.definition.as_ref().map(|definition| definition.connection),
            database: item.definition.as_ref().and_then(|definition| definition.database.clone()),
            status: item.mirror.status().name(),
            error: item.mirror.error().map(|error| error.message.clone()),
            tables: item
                .mirror
                .tables()
                .iter()
                .map(|(name, table)| TableState {
                    schema: name.schema.clone(),
                    name: name.name.clone(),
                    status: table.status().name(),
                    rows: table.metrics().map_or(0, |metrics| metrics.rows),
                    error: table.error().map(|error| error.message.clone()),
                    last_sync: table.metrics().map(|metrics| format!("{:.0}", clock.at(metrics.last_sync + lag))),
                })
                .collect(),
        });
        FabricState {
            capacities: capacities.collect(),
            workspaces: workspaces.collect(),
            connections: connections.collect(),
            mirrored_databases: mirrors.collect(),
        }
    }
}

async fn state(State(control): State<Control>) -> Response {
    let fabric = control.fabric_state();
    let sql = control.fabric.source.state();
    let others = control.fabric.instances.iter().skip(1).map(|served| {
        let mut state = served.source.state();
        state["name"] = served.instance.name.clone().into();
        state
    });
    let others: Vec<_> = others.collect();
    Json(serde_json::json!({ "sql": sql, "other_instances": others, "fabric": fabric })).into_response()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    after: Option<u64>,
    limit: Option<usize>,
}

/// All of the journal, or what came after an index, or the last of these. The header tells when indices start anew.
async fn requests(State(control): State<Control>, wanted: Result<Query<Wanted>, QueryRejection>) -> Response {
    match wanted {
        Ok(Query(Wanted { after, limit })) => {
            let excerpt = control.parts.journal.excerpt(after, limit);
            ([("journal-clearings", excerpt.clearings.to_string())], Json(excerpt.entries)).into_response()
        }
        Err(error) => Misunderstood(error.body_text()).into_response(),
    }
}

async fn plant(State(control): State<Control>, body: Bytes) -> Result<StatusCode, Misunderstood> {
    let fault: Fault = read(&body)?;
    let channel = fault.matches.channel;
    match &fault.effect {
        Effect::Answer { status, .. } if !(100..=999).contains(status) => {
            return Err(Misunderstood(format!("status {status} is no HTTP status")));
        }
        Effect::Answer { .. } if channel == Some(Channel::Sql) => {
            return Err(Misunderstood("the channel sql has no HTTP answers; use sql_error".to_owned()));
        }
        Effect::Throttle { .. } if matches!(channel, Some(Channel::Sql | Channel::Token)) => {
            return Err(Misunderstood("throttle_s is for the channel rest".to_owned()));
        }
        Effect::SqlError { .. } if matches!(channel, Some(Channel::Rest | Channel::Token)) => {
            return Err(Misunderstood("sql_error is for the channel sql; use status, headers and body".to_owned()));
        }
        Effect::Route { .. } if matches!(channel, Some(Channel::Rest | Channel::Token)) => {
            return Err(Misunderstood("route is for logins, which are of the channel sql".to_owned()));
        }
        Effect::Route { .. } if fault.matches.sql.is_some() => {
            return Err(Misunderstood("route is for logins, which have no sql".to_owned()));
        }
        _ => {}
    }
    control.parts.faults.plant(fault).map_err(|error| Misunderstood(error.to_string()))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn clear(State(control): State<Control>) -> StatusCode {
    control.parts.faults.clear();
    StatusCode::NO_CONTENT
}

/// The facts of all, and what holds for each instance.
#[derive(Serialize)]
struct WorldAnswer {
    #[serde(flatten)]
    facts: Facts,
    instances: Vec<InstanceAnswer>,
}

#[derive(Serialize)]
struct InstanceAnswer {
    name: String,
    server: String,
    #[serde(flatten)]
    own: OfInstance,
}

async fn world(State(control): State<Control>) -> Json<WorldAnswer> {
    let Standing { facts, instances } = control.parts.world.standing();
    let named = control.parts.scenario.instances().zip(instances);
    let instances =
        named.map(|(known, own)| InstanceAnswer { name: known.name.clone(), server: known.private_host(), own });
    Json(WorldAnswer { facts, instances: instances.collect() })
}

type Members = serde_json::Map<String, serde_json::Value>;

/// `known` with the given members changed and the others left.
fn merged<T: Serialize + DeserializeOwned>(known: &T, changes: Members) -> Result<T, Misunderstood> {
    let merge = || {
        let mut merged = serde_json::to_value(known)?;
        if let Some(members) = merged.as_object_mut() {
            members.extend(changes);
        }
        serde_json::from_value(merged)
    };
    merge().map_err(|error: serde_json::Error| Misunderstood(error.to_string()))
}

/// Changes the given facts and leaves the others: of one instance, where it is named, or of all.
async fn change_world(State(control): State<Control>, body: Bytes) -> Result<Json<WorldAnswer>, Misunderstood> {
    let mut changes: Members = read(&body)?;
    let instance = changes.remove("instance").map(|name| place_of(&control.parts.scenario, &name)).transpose()?;
    // Mirrors see the world as it was until now, then as it is from now on.
    control.fabric.tick();
    control.parts.world.change(|world| match instance {
        Some(place) => change_instance(&mut world.instances[place], changes),
        None => change_all(world, changes),
    })?;
    control.fabric.tick();
    Ok(world(State(control)).await)
}

fn change_instance(own: &mut OfInstance, changes: Members) -> Result<(), Misunderstood> {
    if changes.is_empty() {
        let text = "an instance is named, and nothing that changes: give primary_identity or update_policy";
        return Err(Misunderstood(text.to_owned()));
    }
    *own = merged(own, changes).map_err(|Misunderstood(text)| Misunderstood(format!("of an instance: {text}")))?;
    Ok(())
}

fn change_all(world: &mut Standing, changes: Members) -> Result<(), Misunderstood> {
    let given = |key| changes.contains_key(key);
    let (identity, policy) = (given("primary_identity"), given("update_policy"));
    world.facts = merged(&world.facts, changes)?;
    if identity {
        world.set_primary_identity(world.facts.primary_identity);
    }
    if policy {
        world.set_update_policy(world.facts.update_policy);
    }
    Ok(())
}

/// The instance of that name, or host name where several have the name.
fn place_of(scenario: &Scenario, name: &serde_json::Value) -> Result<usize, Misunderstood> {
    let Some(wanted) = name.as_str() else {
        return Err(Misunderstood(format!("instance must be the name of an instance, and is {name}")));
    };
    let is_named =
        |known: &Instance| known.name.eq_ignore_ascii_case(wanted) || known.private_host().eq_ignore_ascii_case(wanted);
    let mut places = (0..).zip(scenario.instances()).filter(|(_, known)| is_named(known)).map(|(place, _)| place);
    match (places.next(), places.next()) {
        (Some(place), None) => Ok(place),
        (Some(_), Some(_)) => Err(Misunderstood(format!(
            "several instances have the name {wanted}: give the host name, as NAME.ZONE.database.windows.net"
        ))),
        (None, _) => {
            let names: Vec<&str> = scenario.instances().map(|known| known.name.as_str()).collect();
            Err(Misunderstood(format!("there is no instance {wanted}; there are: {}", names.join(", "))))
        }
    }
}

async fn rest(State(control): State<Control>) -> Json<Rest> {
    Json(control.fabric.rest())
}

/// Changes the given settings of the REST API and leaves the others.
async fn change_rest(State(control): State<Control>, body: Bytes) -> Result<Json<Rest>, Misunderstood> {
    let changed = merged(&control.fabric.rest(), read(&body)?)?;
    if let Some((key, text)) = changed.problem() {
        return Err(Misunderstood(format!("{key} {text}")));
    }
    control.fabric.set_rest(changed);
    Ok(rest(State(control)).await)
}

#[derive(Debug, Serialize)]
struct ClockAnswer {
    now: String,
    elapsed_s: f64,
    time_scale: f64,
}

async fn clock(State(control): State<Control>) -> Json<ClockAnswer> {
    let clock = &control.parts.clock;
    Json(ClockAnswer {
        now: clock.now().to_string(),
        elapsed_s: clock.elapsed().as_secs_f64(),
        time_scale: clock.scale(),
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_s: f64,
}

async fn advance(State(control): State<Control>, body: Bytes) -> Result<Json<ClockAnswer>, Misunderstood> {
    let Advance { advance_s } = read(&body)?;
    if !(0.0..=FURTHEST_ADVANCE).contains(&advance_s) {
        return Err(Misunderstood(format!("advance_s must be from 0 to {FURTHEST_ADVANCE}")));
    }
    control.parts.clock.advance(Duration::from_secs_f64(advance_s));
    control.fabric.tick();
    Ok(clock(State(control)).await)
}

async fn reset(State(control): State<Control>) -> StatusCode {
    control.parts.faults.clear();
    control.fabric.reset(&control.parts.beginning);
    control.parts.journal.clear();
    StatusCode::NO_CONTENT
}
