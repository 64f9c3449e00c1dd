//! Making, changing and deleting workspaces, their capacity and their identity. fabric-api facts §6, §11, and the
//! published description.
//!
//! UNCONFIRMED: the statuses of the codes that no recording has, that a name is unique without regard to case, how long
//! an assignment is in progress, and the code for taking the capacity from a workspace with items.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{patch, post};
use axum::{Json, Router};
use serde::Deserialize;
use uuid::Uuid;

use super::error::ApiError;
use super::reply::{Body, Empty, Ids, created, optional_id};
use super::roles::{Assignment, WorkspaceRole};
use super::store::{Identity, Store, Workspace};
use super::workspaces::{IdentityAnswer, WorkspaceAnswer};
use super::{Fabric, Service};
use crate::entra::{Caller, PrincipalKind};
use crate::world::CapacityState;

const LONGEST_NAME: usize = 256;
const LONGEST_DESCRIPTION: usize = 4000;
/// Recorded for operations on identities: fabric-api facts §11.
const IDENTITY_RETRY_AFTER: f64 = 5.0;

pub fn routes() -> Router<Arc<Fabric>> {
    Router::new()
        .route("/v1/workspaces", post(create))
        .route("/v1/workspaces/{workspaceId}", patch(update).delete(remove))
        .route("/v1/workspaces/{workspaceId}/assigntocapacity", post(assign))
        .route("/v1/workspaces/{workspaceId}/unassignfromcapacity", post(unassign))
        .route("/v1/workspaces/{workspaceId}/provisionidentity", post(provision))
        .route("/v1/workspaces/{workspaceId}/deprovisionidentity", post(deprovision))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateWorkspace {
    display_name: Option<String>,
    description: Option<String>,
    #[serde(default, deserialize_with = "optional_id")]
    capacity_id: Option<Uuid>,
    #[serde(default, deserialize_with = "optional_id")]
    domain_id: Option<Uuid>,
}

impl Fabric {
    fn workspace_name(&self, store: &Store, name: Option<String>, own: Option<Uuid>) -> Result<String, ApiError> {
        let name = name.filter(|name| !name.trim().is_empty()).ok_or_else(|| ApiError::required("DisplayName"))?;
        if name.chars().count() > LONGEST_NAME {
            let text = format!("The DisplayName field must have at most {LONGEST_NAME} characters.");
            return Err(ApiError::invalid_parameter(text));
        }
        let taken = |workspace: &Workspace| {
            Some(workspace.id) != own && workspace.display_name.to_lowercase() == name.to_lowercase()
        };
        if store.workspaces.iter().any(taken) {
            let text = "A workspace with this name already exists";
            return Err(ApiError::conflict("WorkspaceNameAlreadyExists", text));
        }
        Ok(name)
    }

    /// A capacity the caller administers; a paused one takes no workspace: 400 `CapacityNotInActiveState` (§11).
    fn assignable_capacity(&self, id: Uuid, caller: &Caller) -> Result<Uuid, ApiError> {
        self.administered_capacity(id, caller)?;
        if self.world.facts().capacity_state == CapacityState::Inactive {
            return Err(ApiError::bad_request("CapacityNotInActiveState", "The capacity is not in an active state"));
        }
        Ok(id)
    }
}

fn description(text: Option<String>) -> Result<Option<String>, ApiError> {
    match text {
        Some(text) if text.chars().count() > LONGEST_DESCRIPTION => {
            let text = format!("The Description field must have at most {LONGEST_DESCRIPTION} characters.");
            Err(ApiError::invalid_parameter(text))
        }
        text => Ok(text),
    }
}

/// The creator is its Admin (§11).
pub async fn create(
    State(fabric): Service,
    caller: Caller,
    Body(request): Body<CreateWorkspace>,
) -> Result<Response, ApiError> {
    let mut store = fabric.store();
    let display_name = fabric.workspace_name(&store, request.display_name, None)?;
    let description = description(request.description)?.unwrap_or_default();
    if request.domain_id.is_some() {
        // The tenant has no domains.
        return Err(ApiError::not_found("DomainNotFound", "The provided domain was not found"));
    }
    let capacity_id = request.capacity_id.map(|id| fabric.assignable_capacity(id, &caller)).transpose()?;
    let found = fabric.scenario.directory.find(caller.object_id);
    let kind = found.map_or(PrincipalKind::ServicePrincipal, |found| found.kind);
    let workspace = Workspace {
        id: Uuid::new_v4(),
        display_name,
        description,
        capacity_id,
        assigned: None,
        identity: None,
        roles: vec![Assignment { principal: caller.object_id, kind, role: WorkspaceRole::Admin }],
    };
    let location = format!("{}/v1/workspaces/{}", fabric.endpoint, workspace.id);
    let answer = created(location, &fabric.workspace_answer(&workspace));
    store.workspaces.push(workspace);
    Ok(answer)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateWorkspace {
    display_name: Option<String>,
    description: Option<String>,
}

pub async fn update(
    State(fabric): Service,
    caller: Caller,
    Ids([id]): Ids<1>,
    Body(request): Body<UpdateWorkspace>,
) -> Result<Json<WorkspaceAnswer>, ApiError> {
    let mut store = fabric.store();
    fabric.workspace(&store, id, &caller, WorkspaceRole::Admin)?;
    let name = request.display_name.map(|name| fabric.workspace_name(&store, Some(name), Some(id))).transpose()?;
    let description = description(request.description)?;
    let workspace = store.workspace_mut(id)?;
    if let Some(name) = name {
        workspace.display_name = name;
    }
    if let Some(description) = description {
        workspace.description = description;
    }
    Ok(Json(fabric.workspace_answer(workspace)))
}

/// Its items go with it; a running mirror's change feed stays on at the source (§2).
pub async fn remove(State(fabric): Service, caller: Caller, Ids([id]): Ids<1>) -> Result<Empty, ApiError> {
    let mut store = fabric.store();
    fabric.workspace(&store, id, &caller, WorkspaceRole::Admin)?;
    store.mirrors.retain(|item| item.workspace_id != id);
    store.recoverable.retain(|binned| binned.item.workspace_id != id);
    store.reserved.retain(|name| name.workspace_id != id);
    store.folders.retain(|folder| folder.workspace_id != id);
    store.workspaces.retain(|workspace| workspace.id != id);
    Ok(Empty(StatusCode::OK))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AssignToCapacity {
    #[serde(default, deserialize_with = "optional_id")]
    capacity_id: Option<Uuid>,
}

/// 202 without an operation (§11): the workspace's `capacityAssignmentProgress` tells.
async fn assign(
    State(fabric): Service,
    caller: Caller,
    Ids([id]): Ids<1>,
    Body(request): Body<AssignToCapacity>,
) -> Result<Empty, ApiError> {
    let mut store = fabric.store();
    let workspace = fabric.workspace(&store, id, &caller, WorkspaceRole::Admin)?;
    let capacity = request.capacity_id.ok_or_else(|| ApiError::required("CapacityId"))?;
    let capacity = fabric.assignable_capacity(capacity, &caller)?;
    let region = |id: Uuid| {
        let found = fabric.scenario.capacities.iter().find(|capacity| capacity.id == id);
        found.map(|capacity| capacity.region.as_str())
    };
    let moves = workspace.capacity_id.is_some_and(|from| region(from) != region(capacity));
    if moves && store.mirrors.iter().any(|item| item.workspace_id == id) {
        let text = "The workspace has items that cannot move to another region";
        return Err(ApiError::bad_request("UnsupportedItemForTargetCapacityRegion", text));
    }
    let now = fabric.now();
    let workspace = store.workspace_mut(id)?;
    workspace.capacity_id = Some(capacity);
    workspace.assigned = Some(now);
    Ok(Empty(StatusCode::ACCEPTED))
}

async fn unassign(State(fabric): Service, caller: Caller, Ids([id]): Ids<1>) -> Result<Empty, ApiError> {
    let mut store = fabric.store();
    let workspace = fabric.workspace(&store, id, &caller, WorkspaceRole::Admin)?;
    if workspace.capacity_id.is_none() {
        let text = "The workspace has no capacity assigned";
        return Err(ApiError::bad_request("WorkspaceHasNoCapacityAssigned", text));
    }
    if store.mirrors.iter().any(|item| item.workspace_id == id) {
        let text = "A workspace with items of Fabric cannot be unassigned from its capacity";
        return Err(ApiError::bad_request("BadRequest", text));
    }
    let now = fabric.now();
    let workspace = store.workspace_mut(id)?;
    workspace.capacity_id = None;
    workspace.assigned = Some(now);
    Ok(Empty(StatusCode::ACCEPTED))
}

/// An operation with a result (§11). The identity is no principal of the directory, which the scenario fixes.
async fn provision(State(fabric): Service, caller: Caller, Ids([id]): Ids<1>) -> Result<Response, ApiError> {
    let mut store = fabric.store();
    let workspace = fabric.workspace(&store, id, &caller, WorkspaceRole::Admin)?;
    match workspace.identity {
        Some(Identity { gone: Some(_), .. }) => {
            let text = "The identity of the workspace is being removed";
            return Err(ApiError::conflict("DeprovisionInProgress", text));
        }
        Some(Identity { ready, .. }) if fabric.now() < ready => {
            let text = "The identity of the workspace is being made";
            return Err(ApiError::conflict("ProvisionInProgress", text));
        }
        Some(_) => {
            let text = "The workspace already has an identity";
            return Err(ApiError::conflict("WorkspaceIdentityAlreadyExists", text));
        }
        None => {}
    }
    let ready = fabric.now() + super::operations::TAKES;
    let identity = Identity { application_id: Uuid::new_v4(), service_principal_id: Uuid::new_v4(), ready, gone: None };
    store.workspace_mut(id)?.identity = Some(identity);
    let result = serde_json::json!(IdentityAnswer::from(identity));
    Ok(fabric.accept(&mut store, &caller, Some(result), IDENTITY_RETRY_AFTER))
}

/// An operation without a result (§11).
async fn deprovision(State(fabric): Service, caller: Caller, Ids([id]): Ids<1>) -> Result<Response, ApiError> {
    let mut store = fabric.store();
    fabric.workspace(&store, id, &caller, WorkspaceRole::Admin)?;
    let now = fabric.now();
    match &mut store.workspace_mut(id)?.identity {
        None => {
            let text = "The workspace has no identity";
            return Err(ApiError::not_found("EntityNotFound", text));
        }
        Some(identity) if now < identity.ready => {
            let text = "The identity of the workspace is being made";
            return Err(ApiError::conflict("ProvisionInProgress", text));
        }
        Some(identity) if identity.gone.is_some() => {
            let text = "The identity of the workspace is being removed";
            return Err(ApiError::conflict("DeprovisionInProgress", text));
        }
        Some(identity) => identity.gone = Some(now + super::operations::TAKES),
    }
    Ok(fabric.accept(&mut store, &caller, None, IDENTITY_RETRY_AFTER).into_response())
}
