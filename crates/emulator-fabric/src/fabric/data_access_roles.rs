//! OneLake data access roles of an item: who may read which of its tables. fabric-api facts §7.2, and the published
//! description. They are kept and checked; nobody reads OneLake here, so they decide nothing.
//!
//! UNCONFIRMED: statuses of the codes other than 412; names are compared without case; without a conflict policy a role
//! that is there is a conflict; members must be in the tenant's directory; listing and replacing need Member as the calls
//! for one role do.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::error::ApiError;
use super::reply::{Body, Empty, Ids, Query};
use super::roles::WorkspaceRole;
use super::{Fabric, Service};
use crate::entra::Caller;

const ROLES: &str = "/v1/workspaces/{workspaceId}/items/{itemId}/dataaccessroles";

pub fn routes() -> Router<Arc<Fabric>> {
    Router::new()
        .route(ROLES, get(list).put(replace).post(set))
        .route(&format!("{ROLES}/{{roleName}}"), get(read).delete(remove))
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DataAccessRole {
    /// The service gives it; what a request says is not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<Uuid>,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<Kind>,
    decision_rules: Vec<DecisionRule>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    members: Option<Members>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Kind {
    Policy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Effect {
    Permit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Action {
    Read,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DecisionRule {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    effect: Option<Effect>,
    permission: Vec<Scope>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    constraints: Option<Constraints>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Scope {
    attribute_name: AttributeName,
    attribute_value_included_in: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum AttributeName {
    Path,
    Action,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Constraints {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    columns: Option<Vec<ColumnConstraint>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rows: Option<Vec<RowConstraint>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ColumnConstraint {
    table_path: String,
    column_names: Vec<String>,
    column_effect: Effect,
    column_action: Vec<Action>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RowConstraint {
    table_path: String,
    value: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Members {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fabric_item_members: Option<Vec<ItemMember>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    microsoft_entra_members: Option<Vec<EntraMember>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ItemMember {
    item_access: Vec<ItemAccess>,
    source_path: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum ItemAccess {
    Read,
    Write,
    Reshare,
    Explore,
    Execute,
    ReadAll,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EntraMember {
    tenant_id: Uuid,
    object_id: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    object_type: Option<ObjectType>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum ObjectType {
    Group,
    User,
    ServicePrincipal,
    ManagedIdentity,
}

impl DataAccessRole {
    /// What a new item has: whoever may read all of it, reads all of it.
    pub fn default_reader(workspace: Uuid, item: Uuid) -> Self {
        let scope =
            |attribute_name, value: &str| Scope { attribute_name, attribute_value_included_in: vec![value.into()] };
        let everything = vec![scope(AttributeName::Path, "*"), scope(AttributeName::Action, "Read")];
        let readers = ItemMember { item_access: vec![ItemAccess::ReadAll], source_path: format!("{workspace}/{item}") };
        Self {
            id: Some(Uuid::new_v4()),
            name: "DefaultReader".to_owned(),
            kind: Some(Kind::Policy),
            decision_rules: vec![DecisionRule {
                effect: Some(Effect::Permit),
                permission: everything,
                constraints: None,
            }],
            members: Some(Members { fabric_item_members: Some(vec![readers]), microsoft_entra_members: None }),
        }
    }

    fn is_called(&self, name: &str) -> bool {
        self.name.to_lowercase() == name.to_lowercase()
    }
}

/// Of what it is about, as the service writes it: hexadecimal, in quotes where a client sends it.
fn etag(of: &impl Serialize) -> String {
    let text = serde_json::to_string(of).unwrap_or_default();
    Sha256::digest(text.as_bytes())[..20].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// 412 where a condition of the request does not hold.
fn check_conditions(headers: &HeaderMap, current: Option<&str>) -> Result<(), ApiError> {
    let names = |header: HeaderName| -> Option<bool> {
        let given = headers.get(header)?.to_str().unwrap_or_default().trim();
        Some(given == "*" && current.is_some() || current.is_some_and(|tag| given.trim_matches('"') == tag))
    };
    if names(header::IF_MATCH) == Some(false) || names(header::IF_NONE_MATCH) == Some(true) {
        let text = "The ETag of the resource does not fulfil the condition of the request";
        return Err(ApiError::new(StatusCode::PRECONDITION_FAILED, "PreconditionFailed", text));
    }
    Ok(())
}

impl Fabric {
    /// What no role can be.
    fn check_role(&self, role: &DataAccessRole) -> Result<(), ApiError> {
        let invalid = |text: String| Err(ApiError::invalid_parameter(text));
        let name = &role.name;
        if name.trim().is_empty() {
            return Err(ApiError::required("Name"));
        }
        for rule in &role.decision_rules {
            let of = |wanted| rule.permission.iter().filter(move |scope| scope.attribute_name == wanted);
            let (paths, actions) = (of(AttributeName::Path).next(), of(AttributeName::Action).next());
            let (Some(paths), Some(actions), 2) = (paths, actions, rule.permission.len()) else {
                return invalid(format!("A permission of the role '{name}' must have exactly a Path and an Action."));
            };
            if actions.attribute_value_included_in != ["Read"] {
                return invalid(format!("The Action of the role '{name}' must be Read."));
            }
            let is_path = |path: &String| path == "*" || path.starts_with('/');
            if paths.attribute_value_included_in.is_empty() || !paths.attribute_value_included_in.iter().all(is_path) {
                return invalid(format!("A Path of the role '{name}' must be * or begin with a slash."));
            }
            let constrained = rule.constraints.iter().flat_map(|constraints| {
                let columns = constraints.columns.iter().flatten().map(|column| &column.table_path);
                columns.chain(constraints.rows.iter().flatten().map(|row| &row.table_path))
            });
            let within =
                |table: &String| paths.attribute_value_included_in.iter().any(|path| path == "*" || path == table);
            if let Some(table) = constrained.into_iter().find(|table| !within(table)) {
                return invalid(format!("The table '{table}' is constrained and not a Path of the role '{name}'."));
            }
        }
        let Some(members) = &role.members else { return Ok(()) };
        let directory = &self.tenant.directory;
        for member in members.microsoft_entra_members.iter().flatten() {
            if member.tenant_id != directory.tenant_id || directory.find(member.object_id).is_none() {
                return invalid(format!("The member {} of the role '{name}' is not in the tenant.", member.object_id));
            }
        }
        let is_item = |path: &str| {
            path.split_once('/').is_some_and(|(a, b)| Uuid::try_parse(a).is_ok() && Uuid::try_parse(b).is_ok())
        };
        match members.fabric_item_members.iter().flatten().find(|member| !is_item(&member.source_path)) {
            Some(member) => invalid(format!("The sourcePath '{}' is no workspace and item.", member.source_path)),
            None => Ok(()),
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    #[serde(flatten)]
    role: DataAccessRole,
    e_tag: String,
}

async fn list(State(fabric): Service, caller: Caller, Ids(ids): Ids<2>, query: Query) -> Result<Response, ApiError> {
    let store = fabric.store();
    let index = fabric.find_mirror(&store, ids, &caller, WorkspaceRole::Member)?;
    let roles = &store.mirrors[index].data_access_roles;
    let listed = roles.iter().map(|role| Listed { e_tag: etag(role), role: role.clone() }).collect();
    let page = query.page(&fabric.endpoint, fabric.rest().page_size, listed)?;
    Ok(([(header::ETAG, etag(roles))], Json(page)).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Replacement {
    #[serde(default)]
    value: Vec<DataAccessRole>,
}

/// All of them: those that are not given go.
async fn replace(
    State(fabric): Service,
    caller: Caller,
    Ids(ids): Ids<2>,
    query: Query,
    headers: HeaderMap,
    Body(request): Body<Replacement>,
) -> Result<Response, ApiError> {
    let dry_run = query.flag("dryRun")? == Some(true);
    let mut store = fabric.store();
    let index = fabric.find_mirror(&store, ids, &caller, WorkspaceRole::Member)?;
    let known = &mut store.mirrors[index].data_access_roles;
    check_conditions(&headers, Some(&etag(known)))?;
    let mut roles = request.value;
    for at in 0..roles.len() {
        fabric.check_role(&roles[at])?;
        if roles[..at].iter().any(|other| other.is_called(&roles[at].name)) {
            return Err(ApiError::invalid_parameter(format!("The role '{}' is given twice.", roles[at].name)));
        }
        let old = known.iter().find(|role| role.is_called(&roles[at].name)).and_then(|role| role.id);
        roles[at].id = Some(old.unwrap_or_else(Uuid::new_v4));
    }
    if !dry_run {
        *known = roles;
    }
    Ok(([(header::ETAG, etag(known))], Empty(StatusCode::OK)).into_response())
}

/// "Callers must specify `true` as the value for the query parameter `preview`."
fn check_preview(query: &Query) -> Result<(), ApiError> {
    match query.flag("preview")? {
        Some(true) => Ok(()),
        _ => Err(ApiError::invalid_parameter("The query parameter preview must be true.")),
    }
}

async fn set(
    State(fabric): Service,
    caller: Caller,
    Ids(ids): Ids<2>,
    query: Query,
    headers: HeaderMap,
    Body(mut role): Body<DataAccessRole>,
) -> Result<Response, ApiError> {
    check_preview(&query)?;
    let overwrites = match query.get("dataAccessRoleConflictPolicy") {
        None | Some("Abort") => false,
        Some("Overwrite") => true,
        Some(other) => {
            let text = format!("The value '{other}' is not valid for dataAccessRoleConflictPolicy.");
            return Err(ApiError::invalid_parameter(text));
        }
    };
    if role.id.is_some() {
        return Err(ApiError::invalid_parameter("A single role is given without its id."));
    }
    let mut store = fabric.store();
    let index = fabric.find_mirror(&store, ids, &caller, WorkspaceRole::Member)?;
    fabric.check_role(&role)?;
    let known = &mut store.mirrors[index].data_access_roles;
    let old = known.iter().position(|other| other.is_called(&role.name));
    check_conditions(&headers, old.map(|at| etag(&known[at])).as_deref())?;
    role.id = Some(old.and_then(|at| known[at].id).unwrap_or_else(Uuid::new_v4));
    let [workspace, item] = ids;
    let location = format!("{}/v1/workspaces/{workspace}/items/{item}/dataAccessRoles/{}", fabric.endpoint, role.name);
    let answer = [(header::LOCATION, location), (header::ETAG, etag(&role))];
    let status = match old {
        Some(_) if !overwrites => {
            return Err(ApiError::conflict("Conflict", "A role with this name already exists"));
        }
        Some(at) => {
            known[at] = role;
            StatusCode::OK
        }
        None => {
            known.push(role);
            StatusCode::CREATED
        }
    };
    Ok((answer, Empty(status)).into_response())
}

/// The role that the last part of the path names; the path has lost its case, and so has the name.
fn named(roles: &[DataAccessRole], path: &str) -> Result<usize, ApiError> {
    let name = path.rsplit('/').next().unwrap_or_default();
    let name = percent_decode_str(name).decode_utf8_lossy();
    let found = roles.iter().position(|role| role.is_called(&name));
    found.ok_or_else(|| ApiError::not_found("RoleNotFound", "The specified role was not found"))
}

async fn read(
    State(fabric): Service,
    caller: Caller,
    Ids(ids): Ids<2>,
    query: Query,
    headers: HeaderMap,
    uri: axum::http::Uri,
) -> Result<Response, ApiError> {
    check_preview(&query)?;
    let store = fabric.store();
    let index = fabric.find_mirror(&store, ids, &caller, WorkspaceRole::Member)?;
    let roles = &store.mirrors[index].data_access_roles;
    let role = &roles[named(roles, uri.path())?];
    let tag = etag(role);
    check_conditions(&headers, Some(&tag))?;
    Ok(([(header::ETAG, tag)], Json(DataAccessRole { id: None, ..role.clone() })).into_response())
}

async fn remove(
    State(fabric): Service,
    caller: Caller,
    Ids(ids): Ids<2>,
    query: Query,
    uri: axum::http::Uri,
) -> Result<Empty, ApiError> {
    check_preview(&query)?;
    let mut store = fabric.store();
    let index = fabric.find_mirror(&store, ids, &caller, WorkspaceRole::Member)?;
    let roles = &mut store.mirrors[index].data_access_roles;
    let at = named(roles, uri.path())?;
    roles.remove(at);
    Ok(Empty(StatusCode::OK))
}
