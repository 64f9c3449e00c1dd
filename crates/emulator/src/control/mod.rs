//! The control interface: what a test steers the emulator with, and a page to look at. Contract: design.md §5.
//!
//! Plain HTTP on loopback. A body that is not understood is 400 with `{"error": "…"}`. `POST /reset` also clears the
//! faults and the journal, so its indices start at 0 again; the clock never goes back.

mod page;
mod settings;
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

use crate::fabric::Fabric;
use crate::fabric::roles::WorkspaceRole;
use crate::faults::{Effect, Fault};
use crate::journal::Channel;
use crate::parts::Parts;
use crate::world;

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
        .route("/world", get(settings::world).post(settings::change_world))
        .route("/clock", get(clock).post(advance))
        .route("/rest", get(settings::rest).post(settings::change_rest))
        .route("/answers", get(settings::answers).post(settings::change_answers))
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
        state["name"] = served.host.name.clone().into();
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
    if !(1..=100).contains(&fault.percent) {
        return Err(Misunderstood("percent must be from 1 to 100".to_owned()));
    }
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
