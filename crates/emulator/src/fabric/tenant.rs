//! Capacities and gateways: read only. fabric-api facts §5, §6.

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
use crate::scenario;
use crate::world::{CapacityState, Reachability};

pub fn routes() -> Router<Arc<Fabric>> {
    Router::new()
        .route("/v1/capacities", get(capacities))
        .route("/v1/capacities/{capacityId}", get(capacity))
        .route("/v1/gateways", get(gateways))
        .route("/v1/gateways/{gatewayId}", get(gateway))
        .route("/v1/gateways/{gatewayId}/checkstatus", axum::routing::post(gateway_status))
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
    fn capacity_answer(&self, capacity: &scenario::Capacity) -> CapacityAnswer {
        CapacityAnswer {
            id: capacity.id,
            display_name: capacity.display_name.clone(),
            sku: capacity.sku.clone(),
            region: capacity.region.clone(),
            state: self.world.facts().capacity_state,
        }
    }

    /// The gateway, if the caller administers it.
    ///
    /// # Errors
    /// 404 `EntityNotFound`.
    pub fn gateway(&self, id: Uuid, caller: &Caller) -> Result<&scenario::Gateway, ApiError> {
        self.scenario
            .gateways
            .iter()
            .find(|gateway| gateway.id == id && gateway.administrators.contains(&caller.object_id))
            .ok_or_else(|| ApiError::not_found("EntityNotFound", "The requested gateway was not found"))
    }
}

async fn capacities(
    State(fabric): Service,
    caller: Caller,
    query: Query,
) -> Result<Json<Page<CapacityAnswer>>, ApiError> {
    let visible =
        fabric.scenario.capacities.iter().filter(|capacity| capacity.administrators.contains(&caller.object_id));
    let all = visible.map(|capacity| fabric.capacity_answer(capacity)).collect();
    Ok(Json(query.page(&fabric.endpoint, fabric.rest().page_size, all)?))
}

async fn capacity(State(fabric): Service, caller: Caller, Ids([id]): Ids<1>) -> Result<Json<CapacityAnswer>, ApiError> {
    let capacity = fabric
        .scenario
        .capacities
        .iter()
        .find(|capacity| capacity.id == id)
        .ok_or_else(|| ApiError::not_found("CapacityNotFound", "The requested capacity was not found"))?;
    if !capacity.administrators.contains(&caller.object_id) {
        let text = "The caller is neither administrator nor contributor of the capacity";
        return Err(ApiError::forbidden("InsufficientPermissionsOverCapacity", text));
    }
    Ok(Json(fabric.capacity_answer(capacity)))
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct GatewayAnswer {
    id: Uuid,
    #[serde(rename = "type")]
    kind: &'static str,
    display_name: String,
    virtual_network_azure_resource: VirtualNetwork,
    inactivity_minutes_before_sleep: u32,
    number_of_member_gateways: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct VirtualNetwork {
    subscription_id: Uuid,
    resource_group_name: &'static str,
    virtual_network_name: &'static str,
    subnet_name: &'static str,
}

fn gateway_answer(gateway: &scenario::Gateway) -> GatewayAnswer {
    GatewayAnswer {
        id: gateway.id,
        kind: "VirtualNetwork",
        display_name: gateway.display_name.clone(),
        virtual_network_azure_resource: VirtualNetwork {
            // Derived, so that a scenario need not name what nothing depends on.
            subscription_id: Uuid::new_v5(&gateway.id, b"subscription"),
            resource_group_name: "network",
            virtual_network_name: "instances",
            subnet_name: "gateways",
        },
        inactivity_minutes_before_sleep: 30,
        number_of_member_gateways: 1,
    }
}

async fn gateways(State(fabric): Service, caller: Caller, query: Query) -> Result<Json<Page<GatewayAnswer>>, ApiError> {
    let visible = fabric.scenario.gateways.iter().filter(|gateway| gateway.administrators.contains(&caller.object_id));
    let all = visible.map(gateway_answer).collect();
    Ok(Json(query.page(&fabric.endpoint, fabric.rest().page_size, all)?))
}

async fn gateway(State(fabric): Service, caller: Caller, Ids([id]): Ids<1>) -> Result<Json<GatewayAnswer>, ApiError> {
    Ok(Json(gateway_answer(fabric.gateway(id, &caller)?)))
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct GatewayStatus {
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    error_details: Vec<serde_json::Value>,
}

async fn gateway_status(
    State(fabric): Service,
    caller: Caller,
    Ids([id]): Ids<1>,
) -> Result<Json<GatewayStatus>, ApiError> {
    fabric.gateway(id, &caller)?;
    let status = match fabric.world.facts().gateway {
        Reachability::Reachable => "Online",
        Reachability::Unreachable => "Offline",
    };
    Ok(Json(GatewayStatus { status, error_details: Vec::new() }))
}
