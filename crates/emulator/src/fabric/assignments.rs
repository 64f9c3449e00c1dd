//! What requests and answers about role assignments of workspaces, connections and gateways look like. fabric-api facts
//! §6, §11.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::ApiError;
use super::roles::Assignment;
use crate::entra::{Directory, Principal, PrincipalKind};

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

    pub fn detailed(id: Uuid, kind: PrincipalKind, directory: &Directory) -> Self {
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
    #[serde(default, rename = "userDetails")]
    _user_details: Option<IgnoredAny>,
    #[serde(default, rename = "groupDetails")]
    _group_details: Option<IgnoredAny>,
    #[serde(default, rename = "servicePrincipalDetails")]
    _service_principal_details: Option<IgnoredAny>,
    #[serde(default, rename = "servicePrincipalProfileDetails")]
    _service_principal_profile_details: Option<IgnoredAny>,
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
