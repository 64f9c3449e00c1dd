//! Capacities: read only. fabric-api facts §6.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use uuid::Uuid;

use super::error::ApiError;
use super::reply::{Ids, Page, Query};
use super::{Fabric, Service};
use crate::entra::Caller;
use crate::tenant::Capacity;
use emulator_ground::world::CapacityState;

pub fn routes() -> Router<Arc<Fabric>> {
    Router::new().route("/v1/capacities", get(capacities)).route("/v1/capacities/{capacityId}", get(capacity))
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CapacityAnswer {
    id: Uuid,
    display_name: String,
    sku: String,
    region: String,
    state: CapacityState,
}

impl Fabric {
    fn capacity_answer(&self, capacity: &Capacity) -> CapacityAnswer {
        CapacityAnswer {
            id: capacity.id,
            display_name: capacity.display_name.clone(),
            sku: capacity.sku.clone(),
            region: capacity.region.clone(),
            state: self.world.facts().capacity_state,
        }
    }

    /// A capacity, if the caller administers it.
    ///
    /// # Errors
    /// 404 `CapacityNotFound`, 403 `InsufficientPermissionsOverCapacity`.
    pub fn administered_capacity(&self, id: Uuid, caller: &Caller) -> Result<&Capacity, ApiError> {
        let capacity = self
            .tenant
            .capacities
            .iter()
            .find(|capacity| capacity.id == id)
            .ok_or_else(|| ApiError::not_found("CapacityNotFound", "The requested capacity was not found"))?;
        if !capacity.administrators.contains(&caller.object_id) {
            let text = "The caller is neither administrator nor contributor of the capacity";
            return Err(ApiError::forbidden("InsufficientPermissionsOverCapacity", text));
        }
        Ok(capacity)
    }
}

async fn capacities(
    State(fabric): Service,
    caller: Caller,
    query: Query,
) -> Result<Json<Page<CapacityAnswer>>, ApiError> {
    let visible =
        fabric.tenant.capacities.iter().filter(|capacity| capacity.administrators.contains(&caller.object_id));
    let all = visible.map(|capacity| fabric.capacity_answer(capacity)).collect();
    Ok(Json(query.page(&fabric.endpoint, fabric.rest().page_size, all)?))
}

async fn capacity(State(fabric): Service, caller: Caller, Ids([id]): Ids<1>) -> Result<Json<CapacityAnswer>, ApiError> {
    Ok(Json(fabric.capacity_answer(fabric.administered_capacity(id, &caller)?)))
}
