//! Workspaces and their role assignments. fabric-api facts §6, §11.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::{ApiError, Detail, RelatedResource};
use super::reply::{Body, Empty, Ids, Page, Query, created};
use super::roles::{Assignment, WorkspaceRole, effective};
use super::store::Workspace;
use super::workspace_changes::{self, ASSIGNING, IdentityAnswer};
use super::{Fabric, Service};
use crate::entra::{Caller, Directory, Principal, PrincipalKind};

pub fn routes() -> Router<Arc<Fabric>> {
    Router::new()
        .route("/v1/workspaces", get(list).post(workspace_changes::create))
        .route(
            "/v1/workspaces/{workspaceId}",
            get(read).patch(workspace_changes::update).delete(workspace_changes::remove),
        )
        .route("/v1/workspaces/{workspaceId}/roleassignments", get(list_roles).post(add_role))
        .route(
            "/v1/workspaces/{workspaceId}/roleassignments/{workspaceRoleAssignmentId}",
            get(read_role).patch(change_role).delete(remove_role),
        )
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
struct OneLakeEndpoints {
    blob_endpoint: String,
    dfs_endpoint: String,
}

impl Fabric {
    pub fn workspace_answer(&self, workspace: &Workspace) -> WorkspaceAnswer {
        let capacity = self.scenario.capacities.iter().find(|capacity| Some(capacity.id) == workspace.capacity_id);
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
        effective(&workspace.roles, caller.object_id, &fabric.scenario.directory).is_some_and(|role| {
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
        workspace_identity: workspace
            .identity
            .filter(|identity| now >= identity.ready)
            .map(|identity| identity.answer()),
        one_lake_endpoints: endpoints,
    });
    Ok(Json(answer).into_response())
}

/// A role assignment of a workspace, connection or gateway.
#[derive(Debug, Serialize)]
pub struct RoleAnswer<R> {
    pub id: Uuid,
    pub principal: PrincipalAnswer,
    pub role: R,
}

impl<R: Copy> RoleAnswer<R> {
    /// Connections and gateways never show more, and a workspace not when the role is given (facts §11).
    pub fn bare(assignment: &Assignment<R>) -> Self {
        Self {
            id: assignment.principal,
            principal: PrincipalAnswer::bare(assignment.principal, assignment.kind),
            role: assignment.role,
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrincipalAnswer {
    pub id: Uuid,
    #[serde(rename = "type")]
    pub kind: PrincipalKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_details: Option<UserDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_principal_details: Option<ServicePrincipalDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_details: Option<GroupDetails>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserDetails {
    user_principal_name: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePrincipalDetails {
    aad_app_id: Uuid,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupDetails {
    group_type: &'static str,
}

impl PrincipalAnswer {
    /// Id and type alone: what POST answers, and connections always (facts §11).
    fn bare(id: Uuid, kind: PrincipalKind) -> Self {
        Self { id, kind, display_name: None, user_details: None, service_principal_details: None, group_details: None }
    }

    fn detailed(id: Uuid, kind: PrincipalKind, directory: &Directory) -> Self {
        let mut answer = Self::bare(id, kind);
        let Some(principal) = directory.find(id) else { return answer };
        answer.display_name = Some(principal.display_name.clone());
        match principal.kind {
            PrincipalKind::User => {
                answer.user_details = principal
                    .user_principal_name
                    .clone()
                    .map(|user_principal_name| UserDetails { user_principal_name });
            }
            PrincipalKind::ServicePrincipal => {
                answer.service_principal_details =
                    principal.app_id.map(|aad_app_id| ServicePrincipalDetails { aad_app_id });
            }
            PrincipalKind::Group => answer.group_details = Some(GroupDetails { group_type: "SecurityGroup" }),
        }
        answer
    }
}

impl Fabric {
    fn role_answer(&self, assignment: &Assignment<WorkspaceRole>) -> RoleAnswer<WorkspaceRole> {
        RoleAnswer {
            id: assignment.principal,
            principal: PrincipalAnswer::detailed(assignment.principal, assignment.kind, &self.scenario.directory),
            role: assignment.role,
        }
    }
}

async fn list_roles(
    State(fabric): Service,
    caller: Caller,
    Ids([id]): Ids<1>,
    query: Query,
) -> Result<Json<Page<RoleAnswer<WorkspaceRole>>>, ApiError> {
    let store = fabric.store();
    let workspace = fabric.workspace(&store, id, &caller, WorkspaceRole::Member)?;
    let all = workspace.roles.iter().map(|assignment| fabric.role_answer(assignment)).collect();
    Ok(Json(query.page(&fabric.endpoint, fabric.rest().page_size, all)?))
}

async fn read_role(
    State(fabric): Service,
    caller: Caller,
    Ids([id, assignment]): Ids<2>,
) -> Result<Json<RoleAnswer<WorkspaceRole>>, ApiError> {
    let store = fabric.store();
    let workspace = fabric.workspace(&store, id, &caller, WorkspaceRole::Member)?;
    let found = workspace.roles.iter().find(|role| role.principal == assignment).ok_or_else(unknown_assignment)?;
    Ok(Json(fabric.role_answer(found)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddRole<R> {
    pub principal: PrincipalRequest,
    pub role: R,
}

/// Details are accepted as the service accepts its own answers, and not looked at.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrincipalRequest {
    pub id: Uuid,
    #[serde(rename = "type")]
    pub kind: PrincipalType,
    #[serde(default, rename = "displayName")]
    _display_name: Option<String>,
}

/// What a request may call a principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum PrincipalType {
    User,
    Group,
    ServicePrincipal,
    ServicePrincipalProfile,
    EntireTenant,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeRole<R> {
    pub role: R,
}

async fn add_role(
    State(fabric): Service,
    caller: Caller,
    Ids([id]): Ids<1>,
    Body(request): Body<AddRole<WorkspaceRole>>,
) -> Result<Response, ApiError> {
    let mut store = fabric.store();
    let workspace = fabric.workspace(&store, id, &caller, WorkspaceRole::Member)?;
    let own = effective(&workspace.roles, caller.object_id, &fabric.scenario.directory);
    if own < Some(request.role) {
        let text = "A member cannot give a higher role than Member";
        return Err(ApiError::forbidden("InsufficientWorkspaceRole", text).about(id, "Workspace"));
    }
    if request.principal.kind == PrincipalType::ServicePrincipalProfile {
        let text = "Service principal profiles cannot have a workspace role";
        return Err(ApiError::bad_request("WorkspaceRoleNotAllowedForServicePrincipalProfile", text));
    }
    let principal = fabric
        .scenario
        .directory
        .find(request.principal.id)
        .ok_or_else(|| unknown_principal(request.principal.id, id))?;
    if workspace.roles.iter().any(|role| role.principal == principal.id) {
        let text = "The principal already has a role in the workspace";
        return Err(ApiError::conflict("PrincipalAlreadyHasWorkspaceRolePermissions", text));
    }
    // A wrong type is corrected in the answer; there is no displayName yet (facts §11).
    let assignment = Assignment { principal: principal.id, kind: principal.kind, role: request.role };
    workspace_mut(&mut store, id)?.roles.push(assignment);
    let location = format!("{}/v1/workspaces/{id}/roleAssignments/{}", fabric.endpoint, principal.id);
    Ok(created(location, &RoleAnswer::bare(&assignment)))
}

async fn change_role(
    State(fabric): Service,
    caller: Caller,
    Ids([id, assignment]): Ids<2>,
    Body(request): Body<ChangeRole<WorkspaceRole>>,
) -> Result<Json<RoleAnswer<WorkspaceRole>>, ApiError> {
    let mut store = fabric.store();
    let workspace = fabric.workspace(&store, id, &caller, WorkspaceRole::Admin)?;
    keep_an_admin(workspace, assignment, Some(request.role))?;
    let role = workspace_mut(&mut store, id)?
        .roles
        .iter_mut()
        .find(|role| role.principal == assignment)
        .ok_or_else(unknown_assignment)?;
    role.role = request.role;
    Ok(Json(fabric.role_answer(role)))
}

async fn remove_role(State(fabric): Service, caller: Caller, Ids([id, assignment]): Ids<2>) -> Result<Empty, ApiError> {
    let mut store = fabric.store();
    let workspace = fabric.workspace(&store, id, &caller, WorkspaceRole::Admin)?;
    if !workspace.roles.iter().any(|role| role.principal == assignment) {
        return Err(unknown_assignment());
    }
    keep_an_admin(workspace, assignment, None)?;
    workspace_mut(&mut store, id)?.roles.retain(|role| role.principal != assignment);
    Ok(Empty(StatusCode::OK))
}

/// The last admin is protected (facts §6); the code is UNCONFIRMED.
fn keep_an_admin(workspace: &Workspace, assignment: Uuid, becomes: Option<WorkspaceRole>) -> Result<(), ApiError> {
    let mut others = workspace.roles.iter().filter(|role| role.principal != assignment);
    let was_admin =
        workspace.roles.iter().any(|role| role.principal == assignment && role.role == WorkspaceRole::Admin);
    if was_admin && becomes != Some(WorkspaceRole::Admin) && !others.any(|role| role.role == WorkspaceRole::Admin) {
        let text = "The last admin of a workspace cannot be removed";
        return Err(ApiError::bad_request("InvalidWorkspacePrincipalRole", text));
    }
    Ok(())
}

pub fn workspace_mut(store: &mut super::store::Store, id: Uuid) -> Result<&mut Workspace, ApiError> {
    store
        .workspaces
        .iter_mut()
        .find(|workspace| workspace.id == id)
        .ok_or_else(|| ApiError::not_found("WorkspaceNotFound", "The requested workspace was not found"))
}

/// The code is UNCONFIRMED.
fn unknown_assignment() -> ApiError {
    ApiError::not_found("EntityNotFound", "The requested role assignment was not found")
}

/// Its detail has only a related resource (facts §11).
fn unknown_principal(principal: Uuid, workspace: Uuid) -> ApiError {
    let mut error = ApiError::bad_request("PrincipalNotFound", "The principal was not found in the tenant");
    error.body.more_details = Some(vec![Detail {
        error_code: None,
        message: None,
        related_resource: Some(RelatedResource { resource_id: principal.to_string(), resource_type: "Principal" }),
    }]);
    error.about(workspace, "Workspace")
}

/// The principal of a connection role: unknown ones are 400 `UnknownError` (facts §11).
///
/// # Errors
/// See there.
pub fn connection_principal<'d>(
    directory: &'d Directory,
    request: &PrincipalRequest,
) -> Result<&'d Principal, ApiError> {
    directory.find(request.id).ok_or_else(|| {
        let mut error = ApiError::bad_request("UnknownError", "An error occurred while processing the request");
        error.body.more_details = Some(Vec::new());
        error
    })
}
