//! Workspaces, as they are read. fabric-api facts §6, §11.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, extract::State};
use serde::Serialize;
use uuid::Uuid;

use super::error::ApiError;
use super::reply::{Ids, Query};
use super::roles::{WorkspaceRole, effective};
use super::store::{Identity, Workspace};
use super::{Fabric, Service};
use crate::entra::Caller;

/// UNCONFIRMED: an assignment to a capacity shows as in progress for so long.
const ASSIGNING: Duration = Duration::from_secs(5);

pub fn routes() -> Router<Arc<Fabric>> {
    Router::new().route("/v1/workspaces", get(list)).route("/v1/workspaces/{workspaceId}", get(read))
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceAnswer {
    id: Uuid,
    display_name: String,
    description: String,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity_region: Option<String>,
    #[serde(flatten)]
    info: Option<WorkspaceInfo>,
}

/// What only get-by-id answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WorkspaceInfo {
    capacity_assignment_progress: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    workspace_identity: Option<IdentityAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    one_lake_endpoints: Option<OneLakeEndpoints>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IdentityAnswer {
    application_id: Uuid,
    service_principal_id: Uuid,
}

impl From<Identity> for IdentityAnswer {
    fn from(identity: Identity) -> Self {
        Self { application_id: identity.application_id, service_principal_id: identity.service_principal_id }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OneLakeEndpoints {
    blob_endpoint: String,
    dfs_endpoint: String,
}

impl Fabric {
    pub fn workspace_answer(&self, workspace: &Workspace) -> WorkspaceAnswer {
        let capacity = self.tenant.capacities.iter().find(|capacity| Some(capacity.id) == workspace.capacity_id);
        WorkspaceAnswer {
            id: workspace.id,
            display_name: workspace.display_name.clone(),
            description: workspace.description.clone(),
            kind: "Workspace",
            capacity_id: workspace.capacity_id,
            capacity_region: capacity.map(|capacity| capacity.region.clone()),
            info: None,
        }
    }
}

async fn list(State(fabric): Service, caller: Caller, query: Query) -> Result<Response, ApiError> {
    let wanted = query.get("roles").map(|roles| roles.split(',').map(str::trim).collect::<Vec<_>>());
    let store = fabric.store();
    let visible = store.workspaces.iter().filter(|workspace| {
        effective(&workspace.roles, caller.object_id, &fabric.tenant.directory).is_some_and(|role| {
            wanted
                .as_ref()
                .is_none_or(|wanted| wanted.iter().any(|name| name.eq_ignore_ascii_case(&format!("{role:?}"))))
        })
    });
    let all = visible.map(|workspace| fabric.workspace_answer(workspace)).collect();
    Ok(Json(query.page(&fabric.endpoint, fabric.rest().page_size, all)?).into_response())
}

async fn read(State(fabric): Service, caller: Caller, Ids([id]): Ids<1>) -> Result<Response, ApiError> {
    let store = fabric.store();
    let workspace = fabric.workspace(&store, id, &caller, WorkspaceRole::Viewer)?;
    let mut answer = fabric.workspace_answer(workspace);
    // Regional hosts, while a mirror's oneLakeTablesPath names the global one (facts §11).
    let endpoints = answer.capacity_region.as_ref().map(|region| {
        let region = region.to_ascii_lowercase().replace(' ', "");
        OneLakeEndpoints {
            blob_endpoint: format!("https://{region}-onelake.blob.fabric.microsoft.com"),
            dfs_endpoint: format!("https://{region}-onelake.dfs.fabric.microsoft.com"),
        }
    });
    let now = fabric.now();
    let is_assigning = workspace.assigned.is_some_and(|since| now < since + ASSIGNING);
    answer.info = Some(WorkspaceInfo {
        capacity_assignment_progress: if is_assigning { "InProgress" } else { "Completed" },
        workspace_identity: workspace.identity.filter(|identity| now >= identity.ready).map(IdentityAnswer::from),
        one_lake_endpoints: endpoints,
    });
    Ok(Json(answer).into_response())
}
