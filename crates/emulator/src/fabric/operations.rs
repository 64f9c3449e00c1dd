//! Long-running operations. fabric-api facts §3, §11: Running carries Location, Retry-After and x-ms-operation-id;
//! Succeeded with a result carries a Location that ends in `/result`; times have no `Z`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use uuid::Uuid;

use super::error::{ApiError, ErrorBody};
use super::reply::{Ids, PLAIN_JSON};
use super::store::{Operation, Store};
use super::{Fabric, Service};
use crate::entra::Caller;

pub const TAKES: Duration = Duration::from_secs(15);
/// Seconds (§11).
pub const RETRY_AFTER: f64 = 20.0;
const OPERATION_ID: HeaderName = HeaderName::from_static("x-ms-operation-id");

pub fn routes() -> Router<Arc<Fabric>> {
    Router::new()
        .route("/v1/operations/{operationId}", get(state))
        .route("/v1/operations/{operationId}/result", get(result))
}

impl Fabric {
    /// Answers 202 for something that is done a while later; its result, if it has one, may be fetched then.
    pub fn accept(
        &self,
        store: &mut Store,
        caller: &Caller,
        result: Option<serde_json::Value>,
        retry_after: f64,
    ) -> Response {
        let began = self.now();
        let id = Uuid::new_v4();
        store.operations.push(Operation {
            id,
            owner: caller.object_id,
            began,
            ends: began + TAKES,
            result,
            retry_after,
        });
        let headers = self.pending_headers(id, retry_after);
        (StatusCode::ACCEPTED, headers, Json(serde_json::Value::Null)).into_response()
    }

    fn pending_headers(&self, id: Uuid, retry_after: f64) -> [(HeaderName, String); 3] {
        [
            (header::LOCATION, format!("{}/v1/operations/{id}", self.endpoint)),
            (header::RETRY_AFTER, self.clock.retry_after(retry_after).to_string()),
            (OPERATION_ID, id.to_string()),
        ]
    }

    fn time_without_zone(&self, at: Duration) -> String {
        let text = self.at(at).strftime("%Y-%m-%dT%H:%M:%S%.7f").to_string();
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

fn find(store: &Store, id: Uuid, caller: Uuid) -> Result<&Operation, ApiError> {
    store
        .operations
        .iter()
        .find(|operation| operation.id == id && operation.owner == caller)
        .ok_or_else(|| ApiError::not_found("OperationNotFound", "The requested operation was not found"))
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OperationState {
    status: &'static str,
    created_time_utc: String,
    last_updated_time_utc: String,
    /// null until it succeeded (§11).
    percent_complete: Option<u8>,
    /// Always there: null in 817 of 817, of which none had failed (§11). Here none fails later either.
    error: Option<ErrorBody>,
}

async fn state(State(fabric): Service, caller: Caller, Ids([id]): Ids<1>) -> Result<Response, ApiError> {
    let store = fabric.store();
    let operation = find(&store, id, caller.object_id)?;
    let done = fabric.now() >= operation.ends;
    let state = OperationState {
        status: if done { "Succeeded" } else { "Running" },
        created_time_utc: fabric.time_without_zone(operation.began),
        last_updated_time_utc: fabric.time_without_zone(if done { operation.ends } else { operation.began }),
        percent_complete: done.then_some(100),
        error: None,
    };
    if done && operation.result.is_none() {
        // None of the three headers (§11).
        return Ok(Json(state).into_response());
    }
    if done {
        let location = format!("{}/v1/operations/{id}/result", fabric.endpoint);
        return Ok(([(header::LOCATION, location), (OPERATION_ID, id.to_string())], Json(state)).into_response());
    }
    Ok((fabric.pending_headers(id, operation.retry_after), Json(state)).into_response())
}

async fn result(State(fabric): Service, caller: Caller, Ids([id]): Ids<1>) -> Result<Response, ApiError> {
    let store = fabric.store();
    let operation = find(&store, id, caller.object_id)?;
    if fabric.now() < operation.ends {
        let text = "The operation has not succeeded";
        return Err(ApiError::bad_request("OperationNotSucceeded", text));
    }
    let result = operation
        .result
        .as_ref()
        .ok_or_else(|| ApiError::bad_request("OperationHasNoResult", "The operation has no result"))?;
    Ok(([(HeaderName::from_static(PLAIN_JSON), "1")], Json(result)).into_response())
}
