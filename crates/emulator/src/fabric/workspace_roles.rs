//! Role assignments of workspaces. fabric-api facts §6, §11.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router, extract::State};
use uuid::Uuid;

use super::assignments::{AddRole, ChangeRole, PrincipalAnswer, PrincipalType, RoleAnswer};
use super::error::{ApiError, Detail, RelatedResource};
use super::races::{UnderWay, What};
use super::reply::{Body, Empty, Ids, Page, Query, created};
use super::roles::{Assignment, WorkspaceRole, effective};
use super::store::Workspace;
use super::{Fabric, Service};
use crate::entra::Caller;

pub fn routes() -> Router<Arc<Fabric>> {
    Router::new().route("/v1/workspaces/{workspaceId}/roleassignments", get(list).post(add)).route(
        "/v1/workspaces/{workspaceId}/roleassignments/{workspaceRoleAssignmentId}",
        get(read).patch(change).delete(remove),
    )
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

async fn list(
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

async fn read(
    State(fabric): Service,
    caller: Caller,
    Ids([id, assignment]): Ids<2>,
) -> Result<Json<RoleAnswer<WorkspaceRole>>, ApiError> {
    let store = fabric.store();
    let workspace = fabric.workspace(&store, id, &caller, WorkspaceRole::Member)?;
    let found = workspace.roles.iter().find(|role| role.principal == assignment).ok_or_else(unknown_assignment)?;
    Ok(Json(fabric.role_answer(found)))
}

async fn add(
    State(fabric): Service,
    caller: Caller,
    Ids([id]): Ids<1>,
    Body(request): Body<AddRole<WorkspaceRole>>,
) -> Result<Response, ApiError> {
    let (answer, race) = fabric.give_role(id, &caller, &request)?;
    if let Some(race) = race {
        race.end().await;
    }
    Ok(answer)
}

impl Fabric {
    fn give_role(
        &self,
        id: Uuid,
        caller: &Caller,
        request: &AddRole<WorkspaceRole>,
    ) -> Result<(Response, Option<UnderWay>), ApiError> {
        let mut store = self.store();
        let workspace = self.workspace(&store, id, caller, WorkspaceRole::Member)?;
        let own = effective(&workspace.roles, caller.object_id, &self.scenario.directory);
        if own < Some(request.role) {
            let text = "A member cannot give a higher role than Member";
            return Err(ApiError::forbidden("InsufficientWorkspaceRole", text).about(id, "Workspace"));
        }
        if request.principal.kind == PrincipalType::ServicePrincipalProfile {
            let text = "Service principal profiles cannot have a workspace role";
            let refused = ApiError::bad_request("WorkspaceRoleNotAllowedForServicePrincipalProfile", text);
            return Err(about_both(refused, request.principal.id, id));
        }
        let principal = self
            .scenario
            .directory
            .find(request.principal.id)
            .ok_or_else(|| ApiError::bad_request("PrincipalNotFound", "The principal was not found in the tenant"))
            .map_err(|refused| about_both(refused, request.principal.id, id))?;
        if workspace.roles.iter().any(|role| role.principal == principal.id) {
            let text = "The principal already has a role in the workspace";
            let refused = ApiError::conflict("PrincipalAlreadyHasWorkspaceRolePermissions", text);
            return Err(about_both(refused, principal.id, id));
        }
        // A wrong type is corrected in the answer; there is no displayName yet (facts §11).
        let assignment = Assignment { principal: principal.id, kind: principal.kind, role: request.role };
        store.workspace_mut(id)?.roles.push(assignment);
        let location = format!("{}/v1/workspaces/{id}/roleAssignments/{}", self.endpoint, principal.id);
        let race = self.race(&mut store, id, What::Role(principal.id));
        Ok((created(location, &RoleAnswer::bare(&assignment)), race))
    }
}

async fn change(
    State(fabric): Service,
    caller: Caller,
    Ids([id, assignment]): Ids<2>,
    Body(request): Body<ChangeRole<WorkspaceRole>>,
) -> Result<Json<RoleAnswer<WorkspaceRole>>, ApiError> {
    let mut store = fabric.store();
    let workspace = fabric.workspace(&store, id, &caller, WorkspaceRole::Admin)?;
    keep_an_admin(workspace, assignment, Some(request.role))?;
    let role = store
        .workspace_mut(id)?
        .roles
        .iter_mut()
        .find(|role| role.principal == assignment)
        .ok_or_else(unknown_assignment)?;
    role.role = request.role;
    Ok(Json(fabric.role_answer(role)))
}

async fn remove(State(fabric): Service, caller: Caller, Ids([id, assignment]): Ids<2>) -> Result<Empty, ApiError> {
    let mut store = fabric.store();
    let workspace = fabric.workspace(&store, id, &caller, WorkspaceRole::Admin)?;
    if !workspace.roles.iter().any(|role| role.principal == assignment) {
        return Err(unknown_assignment());
    }
    keep_an_admin(workspace, assignment, None)?;
    store.workspace_mut(id)?.roles.retain(|role| role.principal != assignment);
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

/// The code is UNCONFIRMED.
fn unknown_assignment() -> ApiError {
    ApiError::not_found("EntityNotFound", "The requested role assignment was not found")
}

/// A principal that gets no role in a workspace: the error is about the workspace, and its detail, which has nothing
/// else, about the principal. Recorded of PrincipalNotFound and of profiles (facts §11); of a principal that has a role
/// already, UNCONFIRMED.
fn about_both(mut error: ApiError, principal: Uuid, workspace: Uuid) -> ApiError {
    error.body.more_details = Some(vec![Detail {
        error_code: None,
        message: None,
        related_resource: Some(RelatedResource { resource_id: principal.to_string(), resource_type: "Principal" }),
    }]);
    error.about(workspace, "Workspace")
}
