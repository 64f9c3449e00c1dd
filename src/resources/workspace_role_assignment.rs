//! `fabricmirror_workspace_role_assignment`: who may do what in a workspace – for mirroring, that the instance's own
//! identity may write the mirror.

use fabric_api::workspaces::{self, PrincipalType, RoleAssignment, WorkspaceRole};
use fabric_api::{PrincipalId, WorkspaceId};
use tfplugin::{Context, Diagnostic, Diagnostics, Model, Resource, Text, Value, path};

use crate::error::{Error, Result};
use crate::import_id;
use crate::provider::FabricMirror;

/// A principal's role in a workspace.
///
/// A SQL Managed Instance publishes its rows into OneLake with its own system-assigned managed identity, which needs
/// to write the mirrored database. There is no API that grants that on one item, so the documented way is a role in the
/// workspace; `Contributor` suffices. It covers every item there: a workspace of its own for mirrors keeps it small.
#[derive(Clone, Debug, Model)]
pub struct WorkspaceRoleAssignment {
    /// The workspace.
    #[attr(required, replace)]
    workspace_id: Value<Text<WorkspaceId>>,

    /// Who gets the role.
    #[attr(required, replace)]
    principal: Value<Principal>,

    /// `Admin`, `Member`, `Contributor` or `Viewer`.
    #[attr(required)]
    role: Value<String>,

    /// Id of the assignment.
    #[attr(computed)]
    id: Value<String>,
}

/// An Entra principal.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct Principal {
    /// Object id. Of an application or managed identity it is that of the *enterprise application* (service
    /// principal), never the client id.
    #[attr(required)]
    id: Value<Text<PrincipalId>>,

    /// `User`, `Group`, `ServicePrincipal` (also a managed identity) or `ServicePrincipalProfile`.
    #[attr(required)]
    r#type: Value<String>,
}

const ROLES: [&str; 4] = ["Admin", "Member", "Contributor", "Viewer"];
const TYPES: [&str; 4] = ["User", "Group", "ServicePrincipal", "ServicePrincipalProfile"];

impl Resource for WorkspaceRoleAssignment {
    const NAME: &'static str = "workspace_role_assignment";
    type Provider = FabricMirror;

    fn validate(config: &Self) -> Diagnostics {
        let mut found = Diagnostics::default();
        let mut one_of = |value: Option<&String>, allowed: &[&str], path| {
            if let Some(value) = value.filter(|value| !allowed.contains(&value.as_str())) {
                let detail = format!("`{value}` is none of {}.", allowed.join(", "));
                found.push(Diagnostic::error("Unknown word", detail).at(path));
            }
        };
        one_of(config.role.known(), &ROLES, path!(role));
        one_of(config.principal.known().and_then(|principal| principal.r#type.known()), &TYPES, path!(principal.type));
        found
    }

    async fn create(cx: &Context<FabricMirror>, plan: Self) -> Result<Self> {
        let fabric = cx.provider.fabric()?;
        let (workspace, principal, role) = plan.parts()?;
        match fabric.add_workspace_role(workspace, &principal, &role).await {
            Ok(assignment) => Ok(plan.matching(&assignment)),
            // A role that somebody else gave is not ours to change.
            Err(error) if error.code() == Some("PrincipalAlreadyHasWorkspaceRolePermissions") => {
                let id = import_id::join(&[&workspace.to_string(), &principal.id.to_string()]);
                let import = import_id::block(Self::NAME, &id);
                Err(Error::from(error).hint(format!("To manage the role it has, import it:\n\n{import}")))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn read(cx: &Context<FabricMirror>, state: Self) -> Result<Option<Self>> {
        let fabric = cx.provider.fabric()?;
        let (Some(workspace), Some(id)) = (state.workspace_id.known(), state.assignment()) else { return Ok(None) };
        match fabric.workspace_role(**workspace, id).await {
            Ok(assignment) => Ok(Some(state.matching(&assignment))),
            Err(error) if error.is_gone() || error.code() == Some("PrincipalWithoutWorkspaceRolePermissions") => {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn update(cx: &Context<FabricMirror>, _prior: Self, plan: Self) -> Result<Self> {
        let fabric = cx.provider.fabric()?;
        let (workspace, principal, role) = plan.parts()?;
        let id = plan.assignment().unwrap_or(principal.id);
        Ok(plan.clone().matching(&fabric.change_workspace_role(workspace, id, &role).await?))
    }

    async fn delete(cx: &Context<FabricMirror>, state: Self) -> Result<()> {
        let fabric = cx.provider.fabric()?;
        let (Some(workspace), Some(id)) = (state.workspace_id.known(), state.assignment()) else { return Ok(()) };
        match fabric.remove_workspace_role(**workspace, id).await {
            Err(error) if error.is_gone() || error.code() == Some("PrincipalWithoutWorkspaceRolePermissions") => Ok(()),
            result => Ok(result?),
        }
    }

    async fn import(_cx: &Context<FabricMirror>, id: &str) -> Result<Self> {
        let [workspace, assignment] = import_id::split(id, ["workspace", "assignment"])?;
        Ok(Self {
            workspace_id: Text(import_id::parse::<WorkspaceId>(&workspace)?).into(),
            principal: Value::Null,
            role: Value::Null,
            id: import_id::parse::<PrincipalId>(&assignment)?.to_string().into(),
        })
    }
}

impl WorkspaceRoleAssignment {
    fn parts(&self) -> Result<(WorkspaceId, workspaces::Principal, WorkspaceRole)> {
        let principal = self.principal.known().and_then(|it| Some((it.id.known()?, it.r#type.known()?)));
        match (self.workspace_id.known(), principal, self.role.known()) {
            (Some(workspace), Some((id, kind)), Some(role)) => {
                let principal = workspaces::Principal {
                    id: **id,
                    kind: PrincipalType::from(kind.as_str()),
                    service_principal_details: None,
                };
                Ok((**workspace, principal, WorkspaceRole::from(role.as_str())))
            }
            _ => Err(crate::error::incomplete(Self::NAME)),
        }
    }

    fn assignment(&self) -> Option<PrincipalId> {
        self.id.known().and_then(|id| id.parse().ok())
    }

    /// This object with what the service holds.
    fn matching(mut self, assignment: &RoleAssignment) -> Self {
        self.principal = Value::Known(Principal {
            id: Text(assignment.principal.id).into(),
            // The service corrects a wrong type by itself; the configuration's word stays, or no plan would be empty.
            r#type: match self.principal.known().and_then(|prior| prior.r#type.known()) {
                Some(kind) => kind.clone().into(),
                None => assignment.principal.kind.to_string().into(),
            },
        });
        self.role = assignment.role.to_string().into();
        self.id = assignment.id.to_string().into();
        self
    }
}
