//! `fabricmirror_workspace_role_assignment`: who may do what in a workspace – for mirroring, that the instance's own
//! identity may write the mirror.

use fabric_api::workspaces::{self, PrincipalType, RoleAssignment, WorkspaceRole};
use fabric_api::{PrincipalId, WorkspaceId};
use tfplugin::{Change, Context, Diagnostic, Draft, Model, Resource, Text, Value, Word, path};

use super::not_there_any_more;
use crate::error::{Error, Result};
use crate::import_id;
use crate::ledger::Key;
use crate::provider::FabricMirror;

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

/// An Entra principal.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct Principal {
    /// Object id. Of an application or managed identity it is that of the *enterprise application* (service
    /// principal), never the client id.
    #[attr(required, replace)]
    id: Text<PrincipalId>,

    /// What it is; a managed identity is a `ServicePrincipal`. Once the role is given, another word here changes nothing.
    #[attr(required, one_of = ["User", "Group", "ServicePrincipal", "ServicePrincipalProfile"])]
    r#type: Word,
}

impl Resource for WorkspaceRoleAssignment {
    const NAME: &'static str = "workspace_role_assignment";
    type Provider = FabricMirror;

    fn in_state(provider: &FabricMirror, state: &Self) {
        provider.ledger().note(state.key());
    }

    async fn plan(cx: &Context<FabricMirror>, change: &mut Change<Self>) -> Result<()> {
        let plan = change.planned.whole();
        if let Some(plan) = &plan
            && !cx.provider.ledger().claim(plan.key(), change)
        {
            return Err(plan.second_owner());
        }
        match (&change.prior, plan) {
            (None, Some(plan)) => plan.refuse_existing(cx).await,
            (Some(prior), Some(plan)) if plan.principal.id == prior.principal.id => {
                // The type serves to find a new principal. Of one that has its role, another word for it changes nothing.
                change.planned.principal = prior.principal.clone().into();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn create(cx: &Context<FabricMirror>, plan: Self) -> Result<Self> {
        let fabric = cx.provider.fabric()?;
        if cx.provider.ledger().has(&plan.key()) {
            return Err(plan.second_owner());
        }
        let principal = workspaces::Principal {
            id: *plan.principal.id.value(),
            kind: PrincipalType::from(plan.principal.r#type.as_str()),
            service_principal_details: None,
        };
        let added = {
            let _turn = cx.provider.turn(*plan.workspace_id).await;
            fabric.add_workspace_role(*plan.workspace_id, &principal, &plan.wanted()).await
        };
        let assignment = match added {
            Ok(assignment) => assignment,
            Err(error) => {
                // Lost on the way back, or given by somebody else: nobody can tell. It is shown, and not taken over.
                let there = fabric.find_workspace_role(*plan.workspace_id, principal.id).await;
                let error = Error::from(error);
                return Err(match there {
                    Ok(Some(existing)) => error.hint(plan.already_there(&existing)),
                    _ => error,
                });
            }
        };
        cx.provider.ledger().note(plan.key());
        Ok(plan.matching(&assignment))
    }

    async fn read(cx: &Context<FabricMirror>, state: Self) -> Result<Option<Self>> {
        let view = cx.provider.view()?;
        match view.workspace_role(*state.workspace_id, *state.id.held().value()).await {
            Ok(Some(assignment)) => Ok(Some(state.matching(&assignment))),
            Ok(None) => {
                cx.provider.ledger().forget(&state.key());
                Ok(None)
            }
            Err(error) if error.is_inactive_capacity() => {
                view.warn_of_pause(cx, *state.workspace_id);
                Ok(Some(state))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn update(cx: &Context<FabricMirror>, prior: Self, plan: Self) -> Result<Self> {
        let fabric = cx.provider.fabric()?;
        let id = *prior.id.held().value();
        let _turn = cx.provider.turn(*plan.workspace_id).await;
        match fabric.change_workspace_role(*plan.workspace_id, id, &plan.wanted()).await {
            Ok(assignment) => Ok(plan.matching(&assignment)),
            Err(error) if error.may_mean_gone() => match fabric.find_workspace_role(*plan.workspace_id, id).await? {
                None => Err(not_there_any_more("role of", id)),
                Some(_) => Err(error.into()),
            },
            Err(error) => Err(error.into()),
        }
    }

    async fn delete(cx: &Context<FabricMirror>, state: Self) -> Result<()> {
        let fabric = cx.provider.fabric()?;
        let _turn = cx.provider.turn(*state.workspace_id).await;
        fabric.remove_workspace_role(*state.workspace_id, *state.id.held().value()).await?;
        cx.provider.ledger().forget(&state.key());
        Ok(())
    }

    async fn import(cx: &Context<FabricMirror>, id: &str) -> Result<Self> {
        let [workspace, assignment] = import_id::split(id, import_id::WORKSPACE_ROLE_ASSIGNMENT)?;
        let workspace = import_id::parse::<WorkspaceId>(&workspace)?;
        let id = import_id::parse::<PrincipalId>(&assignment)?;
        let found = cx.provider.view()?.workspace_role(workspace, id).await?;
        let assignment = found.ok_or_else(|| super::nothing_to_import("role assignment", id))?;
        let kind = assignment.principal.kind.as_str();
        let found = Self {
            workspace_id: workspace.into(),
            principal: Principal { id: assignment.principal.id.into(), r#type: kind.into() },
            role: assignment.role.as_str().into(),
            id: Value::Null,
            principal_type: Value::Null,
        };
        Ok(found.matching(&assignment))
    }
}

impl WorkspaceRoleAssignment {
    fn key(&self) -> Key {
        Key::new(Self::NAME, &[&self.workspace_id.value().to_string(), &self.principal.id.value().to_string()])
    }

    fn second_owner(&self) -> Error {
        super::second_owner("role of", self.principal.id.value()).at(path!(WorkspaceRoleAssignment: principal))
    }

    fn wanted(&self) -> WorkspaceRole {
        WorkspaceRole::from(self.role.as_str())
    }

    /// Says at plan time, when it can be seen, that the principal has a role.
    async fn refuse_existing(&self, cx: &Context<FabricMirror>) -> Result<()> {
        if cx.provider.ledger().has(&self.key()) {
            return Ok(());
        }
        let Some(view) = cx.provider.view_at_plan() else { return Ok(()) };
        let Ok(roles) = view.workspace_roles(*self.workspace_id).await else { return Ok(()) };
        match roles.iter().find(|it| it.principal.id == *self.principal.id) {
            Some(existing) => {
                Err(Diagnostic::error("The principal has a role in the workspace", self.already_there(existing))
                    .at(path!(WorkspaceRoleAssignment: principal))
                    .into())
            }
            None => Ok(()),
        }
    }

    fn already_there(&self, existing: &RoleAssignment) -> String {
        let id = import_id::join(&[&self.workspace_id.value().to_string(), &existing.id.to_string()]);
        format!("It is {}. {}", existing.role, super::import_text(Self::NAME, &id))
    }

    /// This object with what the service holds. What was asked of the principal's type is kept apart from what the
    /// service says.
    fn matching(mut self, assignment: &RoleAssignment) -> Self {
        self.principal.id = assignment.principal.id.into();
        self.role = assignment.role.as_str().into();
        self.id = assignment.id.into();
        self.principal_type = assignment.principal.kind.as_str().into();
        self
    }
}
