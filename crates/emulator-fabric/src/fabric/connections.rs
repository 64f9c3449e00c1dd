//! Connections and their role assignments. fabric-api facts §4, §11.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;
use uuid::Uuid;

use super::assignments::{AddRole, ChangeRole, PrincipalType, RoleAnswer, connection_principal};
use super::connection_kinds::{ConnectionKind, Metadata};
use super::connection_requests::{CreateConnection, UpdateConnection, privacy_level};
use super::error::ApiError;
use super::reply::{Body, Empty, Ids, Page, Query, created};
use super::roles::{Assignment, ConnectionRole, GatewayRole};
use super::store::{Connection, Connectivity, Store};
use super::{Fabric, Service};
use crate::entra::{Caller, PrincipalKind};
use crate::mirroring::conditions::LoginProblem;

pub fn routes() -> Router<Arc<Fabric>> {
    Router::new()
        .route("/v1/connections", get(list).post(create))
        .route("/v1/connections/supportedconnectiontypes", get(supported_types))
        .route("/v1/connections/{connectionId}", get(read).patch(update).delete(remove))
        .route("/v1/connections/{connectionId}/testconnection", post(test))
        .route("/v1/connections/{connectionId}/roleassignments", get(list_roles).post(add_role))
        .route(
            "/v1/connections/{connectionId}/roleassignments/{connectionRoleAssignmentId}",
            get(read_role).patch(change_role).delete(remove_role),
        )
}

/// Parameters and secrets are never answered (§4.4).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionAnswer {
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_connection_usage_in_gateway: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_usage_in_user_controlled_code: Option<bool>,
    id: Uuid,
    display_name: String,
    gateway_id: Uuid,
    connectivity_type: &'static str,
    connection_details: DetailsAnswer,
    #[serde(skip_serializing_if = "Option::is_none")]
    privacy_level: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_details: Option<CredentialAnswer>,
    /// Lists have it since June 2026 (§11); whether other answers do is UNCONFIRMED.
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_recency: Option<RecencyAnswer>,
}

/// UTC, to the second; null if never.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RecencyAnswer {
    created_date_time: Option<String>,
    last_bound_date_time: Option<String>,
    last_credential_used_date_time: Option<String>,
    my_last_bound_date_time: Option<String>,
    my_last_credential_used_date_time: Option<String>,
}

#[derive(Debug, Serialize)]
struct DetailsAnswer {
    #[serde(rename = "type")]
    kind: &'static str,
    /// `server;database`.
    path: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CredentialAnswer {
    credential_type: &'static str,
    single_sign_on_type: &'static str,
    connection_encryption: &'static str,
    skip_test_connection: bool,
}

impl Connection {
    fn answer(&self) -> ConnectionAnswer {
        let is_cloud = !self.connectivity.through_gateway();
        ConnectionAnswer {
            allow_connection_usage_in_gateway: is_cloud.then_some(self.allow_usage_in_gateway),
            allow_usage_in_user_controlled_code: is_cloud.then_some(self.allow_usage_in_user_code),
            privacy_level: Some(self.privacy),
            credential_details: Some(CredentialAnswer {
                credential_type: self.credential.kind,
                single_sign_on_type: "None",
                connection_encryption: self.encryption,
                skip_test_connection: false,
            }),
            ..self.item_answer()
        }
    }

    /// As an item's connection is answered: without privacy level and credentials.
    pub fn item_answer(&self) -> ConnectionAnswer {
        let path = match &self.database {
            Some(database) => format!("{};{database}", self.server),
            None => self.server.clone(),
        };
        ConnectionAnswer {
            allow_connection_usage_in_gateway: None,
            allow_usage_in_user_controlled_code: None,
            id: self.id,
            display_name: self.display_name.clone(),
            gateway_id: self.connectivity.gateway(),
            connectivity_type: self.connectivity.name(),
            connection_details: DetailsAnswer { kind: self.kind.name(), path },
            privacy_level: None,
            credential_details: None,
            connection_recency: None,
        }
    }
}

impl Fabric {
    /// Its credentials are used by tests of it, which its users ask for, and by mirrors. UNCONFIRMED: nobody says what
    /// counts.
    fn recency(&self, store: &Store, connection: &Connection, caller: &Caller) -> RecencyAnswer {
        let time = |at: Duration| self.at(at).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let reading = store
            .mirrors
            .iter()
            .filter(|item| item.definition.as_ref().is_some_and(|definition| definition.connection == connection.id));
        let read = reading.filter_map(|item| item.mirror.last_look());
        let own = |of: &BTreeMap<Uuid, Duration>| of.get(&caller.object_id).copied().map(time);
        RecencyAnswer {
            created_date_time: Some(time(connection.created)),
            last_bound_date_time: connection.bound.values().max().copied().map(time),
            last_credential_used_date_time: connection.used.values().copied().chain(read).max().map(time),
            my_last_bound_date_time: own(&connection.bound),
            my_last_credential_used_date_time: own(&connection.used),
        }
    }
}

async fn list(State(fabric): Service, caller: Caller, query: Query) -> Result<Json<Page<ConnectionAnswer>>, ApiError> {
    let store = fabric.store();
    let visible = store.connections.iter().filter(|connection| fabric.connection_role(connection, &caller).is_some());
    let all = visible.map(|connection| ConnectionAnswer {
        connection_recency: Some(fabric.recency(&store, connection, &caller)),
        ..connection.answer()
    });
    let all = all.collect();
    Ok(Json(query.page(&fabric.endpoint, fabric.rest().page_size, all)?))
}

async fn create(
    State(fabric): Service,
    caller: Caller,
    Body(request): Body<CreateConnection>,
) -> Result<Response, ApiError> {
    let connectivity = match request.connectivity_type.as_deref() {
        None => return Err(ApiError::required("ConnectivityType")),
        Some("ShareableCloud") => {
            if request.gateway_id.is_some() {
                return Err(ApiError::invalid_parameter("GatewayId is not allowed for cloud connections."));
            }
            Connectivity::Cloud { virtual_gateway: Uuid::new_v5(&fabric.tenant.directory.tenant_id, b"cloud gateway") }
        }
        Some("VirtualNetworkGateway") => {
            let gateway = request.gateway_id.ok_or_else(|| ApiError::required("GatewayId"))?;
            if request.allow_connection_usage_in_gateway.is_some()
                || request.allow_usage_in_user_controlled_code.is_some()
            {
                return Err(ApiError::invalid_parameter("The allow fields are for cloud connections only."));
            }
            fabric.creatable_through(gateway, &caller, "VirtualNetwork")?;
            Connectivity::VirtualNetwork { gateway }
        }
        Some("OnPremisesGateway") => {
            let gateway = request.gateway_id.ok_or_else(|| ApiError::required("GatewayId"))?;
            if request.allow_connection_usage_in_gateway.is_some()
                || request.allow_usage_in_user_controlled_code.is_some()
            {
                return Err(ApiError::invalid_parameter("The allow fields are for cloud connections only."));
            }
            fabric.creatable_through(gateway, &caller, "OnPremises")?;
            Connectivity::OnPremises { gateway }
        }
        Some(other) => return Err(unsupported_connectivity(other)),
    };
    let display_name = fabric.connection_name(request.display_name)?;
    let privacy = request.privacy_level.as_deref().map_or(Ok("Organizational"), privacy_level)?;
    let target = request.connection_details.ok_or_else(|| ApiError::required("ConnectionDetails"))?.read()?;
    let credentials = request.credential_details.ok_or_else(|| ApiError::required("CredentialDetails"))?;
    let credentials = fabric.read_credentials(&fabric.store(), credentials, target.kind, connectivity)?;
    let credential = credentials.credential.ok_or_else(|| ApiError::required("Credentials"))?;
    let kind =
        fabric.tenant.directory.find(caller.object_id).map_or(PrincipalKind::ServicePrincipal, |found| found.kind);

    let mut store = fabric.store();
    refuse_duplicate(&store, &display_name, None)?;
    let mut connection = Connection {
        id: Uuid::new_v4(),
        display_name,
        kind: target.kind,
        connectivity,
        server: target.server,
        database: target.database,
        privacy,
        // The default does not encrypt (§0).
        encryption: credentials.encryption.unwrap_or("NotEncrypted"),
        credential,
        allow_usage_in_gateway: request.allow_connection_usage_in_gateway.unwrap_or(false),
        allow_usage_in_user_code: request.allow_usage_in_user_controlled_code.unwrap_or(false),
        created: fabric.now(),
        bound: BTreeMap::new(),
        used: BTreeMap::new(),
        roles: vec![Assignment { principal: caller.object_id, kind, role: ConnectionRole::Owner }],
    };
    if !credentials.skip_test {
        fabric
            .try_login(&store, &connection)
            .map_err(|problem| test_failed(problem, "CreateGatewayConnectionFailed"))?;
        connection.used.insert(caller.object_id, fabric.now());
    }
    let location = format!("{}/v1/connections/{}", fabric.endpoint, connection.id);
    let answer = created(location, &connection.answer());
    store.connections.push(connection);
    Ok(answer)
}

fn unsupported_connectivity(given: &str) -> ApiError {
    let text = format!("The ConnectivityType input '{given}' is not supported");
    ApiError::bad_request("UnsupportedConnectivityTypeInput", text)
}

impl Fabric {
    /// That connections of this connectivity can be made through the gateway by the caller.
    fn creatable_through(&self, gateway: Uuid, caller: &Caller, kind: &str) -> Result<(), ApiError> {
        let store = self.store();
        let gateway = self.gateway(&store, gateway, caller, GatewayRole::ConnectionCreator)?;
        if gateway.details.name() != kind {
            let text = format!("The gateway is of the type {}.", gateway.details.name());
            return Err(ApiError::invalid_parameter(text));
        }
        Ok(())
    }
}

/// Names are unique in the tenant, whoever may see the other one (§11).
fn refuse_duplicate(store: &Store, name: &str, own: Option<Uuid>) -> Result<(), ApiError> {
    let taken = |connection: &Connection| {
        Some(connection.id) != own && connection.display_name.to_lowercase() == name.to_lowercase()
    };
    if store.connections.iter().any(taken) {
        let text = "The connection DisplayName input is already being used by another connection";
        return Err(ApiError::conflict("DuplicateConnectionName", text));
    }
    Ok(())
}

impl Fabric {
    /// Logs in as the connection would. Without a database the login is tried in `master`.
    fn try_login(&self, store: &Store, connection: &Connection) -> Result<(), LoginProblem> {
        let instance = self.reach(store, connection).map_or(0, |found| found.0);
        let database = connection.database.clone().unwrap_or_else(|| "master".to_owned());
        let link = self.link(store, connection, database);
        link.check(&*self.instances[instance].source, &self.world.of(instance).facts())
    }
}

/// What a refused login is called: wrong credentials, or a source that cannot be reached (§11). The status of
/// `IncorrectCredentials` is UNCONFIRMED.
fn test_failed(problem: LoginProblem, unreachable: &'static str) -> ApiError {
    match problem {
        LoginProblem::Refused(text) => {
            ApiError::bad_request("IncorrectCredentials", "The credentials provided for the connection are not valid")
                .because("DM_GWPipeline_Gateway_InvalidConnectionCredentials", text)
        }
        LoginProblem::Unreachable(text) => ApiError::bad_request(unreachable, "The data source could not be accessed")
            .because("DM_GWPipeline_Gateway_DataSourceAccessError", text)
            .retriable(false),
    }
}

impl Fabric {
    /// A connection the caller has a role on, and the role.
    fn visible<'s>(
        &self,
        store: &'s Store,
        id: Uuid,
        caller: &Caller,
    ) -> Result<(&'s Connection, ConnectionRole), ApiError> {
        store
            .connection(id)
            .and_then(|connection| Some((connection, self.connection_role(connection, caller)?)))
            .ok_or_else(|| ApiError::not_found("EntityNotFound", "The requested connection was not found"))
    }

    /// The same for a call that needs a certain role.
    fn manageable<'s>(
        &self,
        store: &'s Store,
        id: Uuid,
        caller: &Caller,
        role: ConnectionRole,
    ) -> Result<(&'s Connection, ConnectionRole), ApiError> {
        let (connection, held) = self.visible(store, id, caller)?;
        if held < role {
            let text = format!("The caller needs the role {role:?} on the connection and has {held:?}");
            return Err(ApiError::forbidden("InsufficientPermissionsToManageConnection", text));
        }
        Ok((connection, held))
    }
}

fn connection_mut(store: &mut Store, id: Uuid) -> Result<&mut Connection, ApiError> {
    store
        .connections
        .iter_mut()
        .find(|connection| connection.id == id)
        .ok_or_else(|| ApiError::not_found("EntityNotFound", "The requested connection was not found"))
}

async fn read(State(fabric): Service, caller: Caller, Ids([id]): Ids<1>) -> Result<Json<ConnectionAnswer>, ApiError> {
    let store = fabric.store();
    Ok(Json(fabric.visible(&store, id, &caller)?.0.answer()))
}

/// Needs the role Owner: "role on connection" in §4 does not say which, and the code it may be refused with is named
/// for managing. UNCONFIRMED.
async fn update(
    State(fabric): Service,
    caller: Caller,
    Ids([id]): Ids<1>,
    Body(request): Body<UpdateConnection>,
) -> Result<Json<ConnectionAnswer>, ApiError> {
    let mut store = fabric.store();
    let (connection, _) = fabric.manageable(&store, id, &caller, ConnectionRole::Owner)?;
    match request.connectivity_type.as_deref() {
        None => return Err(ApiError::required("ConnectivityType")),
        Some(given) if given != connection.connectivity.name() => return Err(unsupported_connectivity(given)),
        Some(_) => {}
    }
    let behind_gateway = connection.connectivity.through_gateway();
    if behind_gateway && request.allow_connection_usage_in_gateway.is_some() {
        return Err(ApiError::invalid_parameter("The allow fields are for cloud connections only."));
    }
    let display_name = request.display_name.map(|name| fabric.connection_name(Some(name))).transpose()?;
    if let Some(name) = &display_name {
        refuse_duplicate(&store, name, Some(id))?;
    }
    let privacy = request.privacy_level.as_deref().map(privacy_level).transpose()?;
    let credentials = request
        .credential_details
        .map(|details| fabric.read_credentials(&store, details, connection.kind, connection.connectivity))
        .transpose()?;
    if let Some(credential) = credentials.as_ref().and_then(|credentials| credentials.credential.as_ref())
        && credential.kind != connection.credential.kind
        && !fabric.rest().credential_types_change
    {
        let text = "The credential type of a connection cannot be changed";
        return Err(ApiError::bad_request("CannotUpdateCredentialType", text));
    }

    if let Some(credentials) = &credentials
        && let Some(credential) = &credentials.credential
        && !credentials.skip_test
    {
        let changed = Connection { credential: credential.clone(), ..connection.clone() };
        let tested = fabric.try_login(&store, &changed);
        tested.map_err(|problem| test_failed(problem, "UpdateGatewayConnectionFailed"))?;
    }

    let connection = connection_mut(&mut store, id)?;
    if let Some(credentials) = credentials {
        if credentials.credential.is_some() && !credentials.skip_test {
            connection.used.insert(caller.object_id, fabric.now());
        }
        connection.credential = credentials.credential.unwrap_or_else(|| connection.credential.clone());
        connection.encryption = credentials.encryption.unwrap_or(connection.encryption);
    }
    if let Some(name) = display_name {
        connection.display_name = name;
    }
    connection.privacy = privacy.unwrap_or(connection.privacy);
    connection.allow_usage_in_gateway =
        request.allow_connection_usage_in_gateway.unwrap_or(connection.allow_usage_in_gateway);
    Ok(Json(connection.answer()))
}

async fn remove(State(fabric): Service, caller: Caller, Ids([id]): Ids<1>) -> Result<Empty, ApiError> {
    let mut store = fabric.store();
    fabric.manageable(&store, id, &caller, ConnectionRole::Owner)?;
    store.connections.retain(|connection| connection.id != id);
    Ok(Empty(StatusCode::OK))
}

#[derive(Debug, Serialize)]
struct TestAnswer {
    status: &'static str,
    errors: Vec<TestError>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TestError {
    error_code: &'static str,
    message: String,
}

async fn test(State(fabric): Service, caller: Caller, Ids([id]): Ids<1>) -> Result<Json<TestAnswer>, ApiError> {
    let mut store = fabric.store();
    let (connection, _) = fabric.visible(&store, id, &caller)?;
    let tested = fabric.try_login(&store, connection);
    connection_mut(&mut store, id)?.used.insert(caller.object_id, fabric.now());
    let (status, errors) = match tested {
        Ok(()) => ("Online", Vec::new()),
        Err(LoginProblem::Refused(message)) => {
            ("Offline", vec![TestError { error_code: "IncorrectCredentials", message }])
        }
        Err(LoginProblem::Unreachable(message)) => {
            ("Offline", vec![TestError { error_code: "DM_GWPipeline_Gateway_DataSourceAccessError", message }])
        }
    };
    Ok(Json(TestAnswer { status, errors }))
}

async fn supported_types(
    State(fabric): Service,
    caller: Caller,
    query: Query,
) -> Result<Json<Page<Metadata>>, ApiError> {
    let gateway = query.id("gatewayId")?;
    query.flag("showAllCreationMethods")?;
    if let Some(gateway) = gateway {
        fabric.gateway(&fabric.store(), gateway, &caller, GatewayRole::ConnectionCreator)?;
    }
    let all = ConnectionKind::ALL.into_iter().map(|kind| kind.metadata(gateway.is_some())).collect();
    Ok(Json(query.page(&fabric.endpoint, fabric.rest().page_size, all)?))
}

async fn list_roles(
    State(fabric): Service,
    caller: Caller,
    Ids([id]): Ids<1>,
    query: Query,
) -> Result<Json<Page<RoleAnswer<ConnectionRole>>>, ApiError> {
    let store = fabric.store();
    let (connection, _) = fabric.visible(&store, id, &caller)?;
    let all = connection.roles.iter().map(RoleAnswer::bare).collect();
    Ok(Json(query.page(&fabric.endpoint, fabric.rest().page_size, all)?))
}

async fn read_role(
    State(fabric): Service,
    caller: Caller,
    Ids([id, assignment]): Ids<2>,
) -> Result<Json<RoleAnswer<ConnectionRole>>, ApiError> {
    let store = fabric.store();
    let (connection, _) = fabric.visible(&store, id, &caller)?;
    let found = connection.roles.iter().find(|role| role.principal == assignment).ok_or_else(unknown_assignment)?;
    Ok(Json(RoleAnswer::bare(found)))
}

async fn add_role(
    State(fabric): Service,
    caller: Caller,
    Ids([id]): Ids<1>,
    Body(request): Body<AddRole<ConnectionRole>>,
) -> Result<Response, ApiError> {
    let mut store = fabric.store();
    let (connection, held) = fabric.manageable(&store, id, &caller, ConnectionRole::UserWithReshare)?;
    if request.role > held {
        let text = "A role higher than the caller's cannot be given";
        return Err(ApiError::forbidden("InsufficientPermissionsToManageConnection", text));
    }
    let principal = connection_principal(&fabric.tenant.directory, &request.principal)?;
    if connection.roles.iter().any(|role| role.principal == principal.id) {
        let text = "The principal already has a role on the connection";
        return Err(ApiError::conflict("ConnectionRoleAssignmentAlreadyExists", text));
    }
    // The type is echoed as sent (§11).
    let kind = match request.principal.kind {
        PrincipalType::User => PrincipalKind::User,
        PrincipalType::Group => PrincipalKind::Group,
        PrincipalType::ServicePrincipal => PrincipalKind::ServicePrincipal,
        PrincipalType::ServicePrincipalProfile | PrincipalType::EntireTenant => {
            return Err(ApiError::bad_request("BadRequest", "The principal type is not supported"));
        }
    };
    let assignment = Assignment { principal: principal.id, kind, role: request.role };
    connection_mut(&mut store, id)?.roles.push(assignment);
    let location = format!("{}/v1/connections/{id}/roleAssignments/{}", fabric.endpoint, principal.id);
    Ok(created(location, &RoleAnswer::bare(&assignment)))
}

async fn change_role(
    State(fabric): Service,
    caller: Caller,
    Ids([id, assignment]): Ids<2>,
    Body(request): Body<ChangeRole<ConnectionRole>>,
) -> Result<Json<RoleAnswer<ConnectionRole>>, ApiError> {
    let mut store = fabric.store();
    let (connection, _) = fabric.manageable(&store, id, &caller, ConnectionRole::Owner)?;
    keep_an_owner(connection, assignment, Some(request.role))?;
    let role = connection_mut(&mut store, id)?
        .roles
        .iter_mut()
        .find(|role| role.principal == assignment)
        .ok_or_else(unknown_assignment)?;
    role.role = request.role;
    Ok(Json(RoleAnswer::bare(role)))
}

async fn remove_role(State(fabric): Service, caller: Caller, Ids([id, assignment]): Ids<2>) -> Result<Empty, ApiError> {
    let mut store = fabric.store();
    let (connection, _) = fabric.manageable(&store, id, &caller, ConnectionRole::Owner)?;
    if !connection.roles.iter().any(|role| role.principal == assignment) {
        return Err(unknown_assignment());
    }
    keep_an_owner(connection, assignment, None)?;
    connection_mut(&mut store, id)?.roles.retain(|role| role.principal != assignment);
    Ok(Empty(StatusCode::OK))
}

/// No source describes a connection without an owner, so it is refused. UNCONFIRMED.
fn keep_an_owner(connection: &Connection, assignment: Uuid, becomes: Option<ConnectionRole>) -> Result<(), ApiError> {
    let is_owner = |role: &&Assignment<ConnectionRole>| role.role == ConnectionRole::Owner;
    let mut owners = connection.roles.iter().filter(is_owner);
    let was_owner = owners.clone().any(|role| role.principal == assignment);
    if was_owner && becomes != Some(ConnectionRole::Owner) && !owners.any(|role| role.principal != assignment) {
        return Err(ApiError::bad_request("BadRequest", "The last owner of a connection cannot be removed"));
    }
    Ok(())
}

/// The code is UNCONFIRMED.
fn unknown_assignment() -> ApiError {
    ApiError::not_found("EntityNotFound", "The requested role assignment was not found")
}
