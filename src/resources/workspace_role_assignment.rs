//! `fabricmirror_workspace_role_assignment`: who may do what in a workspace – for mirroring, that the instance's own
//! identity may write the mirror.

use std::sync::Arc;

use fabric_api::roles::RoleAssignment;
use fabric_api::{PrincipalId, WorkspaceId};
use tfplugin::{AttributePath, Change, Context, Model, Resource, Text, Value, Word, path};
use tokio::sync::OwnedMutexGuard;

use super::role_assignment::{self, Assignment, Parts, Principal, RoleOn};
use crate::error::Result;
use crate::import_id;
use crate::provider::FabricMirror;
use crate::view::View;

/// A principal's role in a workspace.
///
/// A SQL Managed Instance publishes its rows into OneLake with its own system-assigned managed identity, which needs
/// to write the mirrored database. There is no API that grants that on one item, so the documented way is a role in the
/// workspace; `Contributor` suffices. It covers every item there: a workspace of its own for mirrors keeps it small.
///
/// A principal has one role in a workspace. One that somebody else gave is never changed or taken over: it is imported.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct WorkspaceRoleAssignment {
    /// The workspace.
    #[attr(required, replace)]
    workspace_id: Text<WorkspaceId>,

    /// Who gets the role.
    #[attr(required)]
    principal: Principal,

    /// The role.
    #[attr(required, one_of = ["Admin", "Member", "Contributor", "Viewer"])]
    role: Word,

    /// Id of the assignment.
    #[attr(computed)]
    id: Value<Text<PrincipalId>>,

    /// The principal's type as the service knows it, which corrects a wrong one by itself.
    #[attr(computed)]
    principal_type: Value<String>,
}

impl Assignment for WorkspaceRoleAssignment {
    type Scope = WorkspaceId;
    const PLACE: &'static str = "in the workspace";

    fn parts(&self) -> Parts<WorkspaceId> {
        Parts {
            scope: *self.workspace_id.value(),
            principal: self.principal.clone(),
            role: self.role.clone(),
            id: self.id.clone(),
            principal_type: self.principal_type.clone(),
        }
    }

    fn from_parts(parts: Parts<WorkspaceId>) -> Self {
        Self {
            workspace_id: parts.scope.into(),
            principal: parts.principal,
            role: parts.role,
            id: parts.id,
            principal_type: parts.principal_type,
        }
    }

    fn principal_of(draft: &mut WorkspaceRoleAssignmentDraft) -> &mut Value<Principal> {
        &mut draft.principal
    }

    fn at() -> AttributePath {
        path!(WorkspaceRoleAssignment: principal)
    }

    async fn shared(view: &View, scope: WorkspaceId) -> fabric_api::Result<Arc<Vec<RoleAssignment<RoleOn<Self>>>>> {
        view.workspace_roles(scope).await
    }

    fn warn_of_pause(cx: &Context<FabricMirror>, view: &View, scope: WorkspaceId) {
        view.warn_of_pause(cx, scope);
    }

    async fn turn(provider: &FabricMirror, scope: WorkspaceId) -> Option<OwnedMutexGuard<()>> {
        Some(provider.turn(scope).await)
    }
}

impl Resource for WorkspaceRoleAssignment {
    const NAME: &'static str = "workspace_role_assignment";
    type Provider = FabricMirror;

    fn in_state(provider: &FabricMirror, state: &Self) {
        provider.ledger().note(role_assignment::key(state));
    }

    async fn plan(cx: &Context<FabricMirror>, change: &mut Change<Self>) -> Result<()> {
        role_assignment::plan(cx, change).await
    }

    async fn create(cx: &Context<FabricMirror>, plan: Self) -> Result<Self> {
        role_assignment::create(cx, plan).await
    }

    async fn read(cx: &Context<FabricMirror>, state: Self) -> Result<Option<Self>> {
        role_assignment::read(cx, state).await
    }

    async fn update(cx: &Context<FabricMirror>, prior: Self, plan: Self) -> Result<Self> {
        role_assignment::update(cx, prior, plan).await
    }

    async fn delete(cx: &Context<FabricMirror>, state: Self) -> Result<()> {
        role_assignment::delete(cx, state).await
    }

    async fn import(cx: &Context<FabricMirror>, id: &str) -> Result<Self> {
        let [workspace, assignment] = import_id::split(id, import_id::WORKSPACE_ROLE_ASSIGNMENT)?;
        let (workspace, id) = (import_id::parse(&workspace)?, import_id::parse(&assignment)?);
        role_assignment::import(cx, workspace, id).await
    }
}
