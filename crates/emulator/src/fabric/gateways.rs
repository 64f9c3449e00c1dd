//! Data gateways, their members and roles. fabric-api facts §5; the rest is the published description.
//!
//! Virtual network gateways can be made; on-premises ones register themselves, so here they come from the scenario.
//! UNCONFIRMED: a role that is there already and the last admin are `BadRequest`; statuses of the documented codes.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, patch, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::assignments::{AddRole, ChangeRole, PrincipalType, RoleAnswer, connection_principal};
use super::error::ApiError;
use super::gateway_keys::PublicKey;
use super::reply::{Body, Empty, Ids, Page, Query, created, optional_id};
use super::roles::{Assignment, GatewayRole, effective};
use super::store::{Gateway, GatewayDetails, LoadBalancing, MemberCount, OnPremisesSettings, Store, VirtualNetwork};
use super::{Fabric, Service};
use crate::entra::{Caller, PrincipalKind};
use crate::world::{CapacityState, Reachability};

/// What `version` and `gatewayVersion` say; nothing depends on it.
const VERSION: &str = "3000.286.5";
const LONGEST_NAME: usize = 200;
/// Seconds: the description's example of a shutdown.
const SWITCH_RETRY_AFTER: f64 = 30.0;
const INACTIVITY: [u32; 10] = [30, 60, 90, 120, 150, 240, 360, 480, 720, 1440];
const MOST_MEMBERS: u32 = 9;

pub fn routes() -> Router<Arc<Fabric>> {
    Router::new()
        .route("/v1/gateways", get(list).post(create))
        .route("/v1/gateways/{gatewayId}", get(read).patch(update).delete(remove))
        .route("/v1/gateways/{gatewayId}/checkstatus", post(check_status))
        .route("/v1/gateways/{gatewayId}/restart", post(restart))
        .route("/v1/gateways/{gatewayId}/shutdown", post(shut_down))
        .route("/v1/gateways/{gatewayId}/members", get(members))
        .route("/v1/gateways/{gatewayId}/members/{gatewayMemberId}", patch(update_member).delete(remove_member))
        .route("/v1/gateways/{gatewayId}/members/{gatewayMemberId}/checkstatus", post(check_member))
        .route("/v1/gateways/{gatewayId}/roleassignments", get(list_roles).post(add_role))
        .route(
            "/v1/gateways/{gatewayId}/roleassignments/{gatewayRoleAssignmentId}",
            get(read_role).patch(change_role).delete(remove_role),
        )
}

impl Fabric {
    /// The gateway, if the caller has at least `role` on it.
    ///
    /// # Errors
    /// 404 `EntityNotFound` without any role, 403 `InsufficientPermissionsToManageGateway` with too low a one.
    pub fn gateway<'s>(
        &self,
        store: &'s Store,
        id: Uuid,
        caller: &Caller,
        role: GatewayRole,
    ) -> Result<&'s Gateway, ApiError> {
        let found = store.gateways.iter().find(|gateway| gateway.id == id);
        let held = found.and_then(|gateway| {
            Some((gateway, effective(&gateway.roles, caller.object_id, &self.scenario.directory)?))
        });
        let (gateway, held) = held.ok_or_else(not_found)?;
        if held < role {
            let text = format!("The caller needs the role {role:?} on the gateway and has {held:?}");
            return Err(ApiError::forbidden("InsufficientPermissionsToManageGateway", text));
        }
        Ok(gateway)
    }

    /// As [`Self::gateway`], its place in the store.
    fn gateway_place(&self, store: &Store, id: Uuid, caller: &Caller, role: GatewayRole) -> Result<usize, ApiError> {
        self.gateway(store, id, caller, role)?;
        store.gateways.iter().position(|gateway| gateway.id == id).ok_or_else(not_found)
    }

    fn gateway_answer(&self, gateway: &Gateway) -> GatewayAnswer {
        let mut answer = GatewayAnswer {
            id: gateway.id,
            kind: gateway.details.name(),
            display_name: gateway.display_name.clone(),
            ..GatewayAnswer::default()
        };
        match &gateway.details {
            GatewayDetails::VirtualNetwork { capacity_id, network, inactivity_minutes, members } => {
                answer.capacity_id = *capacity_id;
                answer.virtual_network_azure_resource = Some(network.clone());
                answer.inactivity_minutes_before_sleep = Some(*inactivity_minutes);
                match *members {
                    MemberCount::Fixed(count) => answer.number_of_member_gateways = count,
                    MemberCount::Between(least, most) => {
                        answer.number_of_member_gateways = least;
                        answer.min_member_gateway_count = Some(least);
                        answer.max_member_gateway_count = Some(most);
                    }
                }
            }
            GatewayDetails::OnPremises { members, settings } => {
                answer.public_key = self.gateway_keys.public(gateway.id);
                answer.version = Some(VERSION);
                answer.number_of_member_gateways = u32::try_from(members.len()).unwrap_or(u32::MAX);
                answer.settings = Some(settings.clone());
            }
        }
        answer
    }
}

fn not_found() -> ApiError {
    ApiError::not_found("EntityNotFound", "The requested resource could not be found")
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct GatewayAnswer {
    id: Uuid,
    #[serde(rename = "type")]
    kind: &'static str,
    display_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    virtual_network_azure_resource: Option<VirtualNetwork>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inactivity_minutes_before_sleep: Option<u32>,
    number_of_member_gateways: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_member_gateway_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_member_gateway_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<PublicKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'static str>,
    #[serde(flatten)]
    settings: Option<OnPremisesSettings>,
}

async fn list(State(fabric): Service, caller: Caller, query: Query) -> Result<Json<Page<GatewayAnswer>>, ApiError> {
    let store = fabric.store();
    let visible = store
        .gateways
        .iter()
        .filter(|gateway| effective(&gateway.roles, caller.object_id, &fabric.scenario.directory).is_some());
    let all = visible.map(|gateway| fabric.gateway_answer(gateway)).collect();
    Ok(Json(query.page(&fabric.endpoint, fabric.rest().page_size, all)?))
}

async fn read(State(fabric): Service, caller: Caller, Ids([id]): Ids<1>) -> Result<Json<GatewayAnswer>, ApiError> {
    let store = fabric.store();
    let gateway = fabric.gateway(&store, id, &caller, GatewayRole::ConnectionCreator)?;
    Ok(Json(fabric.gateway_answer(gateway)))
}

/// Fields of every type; which go together is checked when they are read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GatewayRequest {
    #[serde(rename = "type")]
    kind: Option<String>,
    display_name: Option<String>,
    #[serde(default, deserialize_with = "optional_id")]
    capacity_id: Option<Uuid>,
    virtual_network_azure_resource: Option<VirtualNetwork>,
    inactivity_minutes_before_sleep: Option<u32>,
    number_of_member_gateways: Option<u32>,
    min_member_gateway_count: Option<u32>,
    max_member_gateway_count: Option<u32>,
    load_balancing_setting: Option<LoadBalancing>,
    allow_cloud_connection_refresh: Option<bool>,
    allow_custom_connectors: Option<bool>,
}

impl GatewayRequest {
    /// What may not stand beside the type VirtualNetwork or OnPremises.
    fn refuse_strangers(&self, kind: &str) -> Result<(), ApiError> {
        let of_network = [
            ("CapacityId", self.capacity_id.is_some()),
            ("VirtualNetworkAzureResource", self.virtual_network_azure_resource.is_some()),
            ("InactivityMinutesBeforeSleep", self.inactivity_minutes_before_sleep.is_some()),
            ("NumberOfMemberGateways", self.number_of_member_gateways.is_some()),
            ("MinMemberGatewayCount", self.min_member_gateway_count.is_some()),
            ("MaxMemberGatewayCount", self.max_member_gateway_count.is_some()),
        ];
        let of_premises = [
            ("LoadBalancingSetting", self.load_balancing_setting.is_some()),
            ("AllowCloudConnectionRefresh", self.allow_cloud_connection_refresh.is_some()),
            ("AllowCustomConnectors", self.allow_custom_connectors.is_some()),
        ];
        let strangers = if kind == "OnPremises" { &of_network[..] } else { &of_premises[..] };
        match strangers.iter().find(|(_, given)| *given) {
            Some((name, _)) => Err(ApiError::invalid_parameter(format!("{name} is not allowed for the type {kind}."))),
            None => Ok(()),
        }
    }

    /// `None` where no count is given.
    fn member_count(&self) -> Result<Option<MemberCount>, ApiError> {
        let range = |count: u32| (1..=MOST_MEMBERS).contains(&count);
        let count = match (self.number_of_member_gateways, self.min_member_gateway_count, self.max_member_gateway_count)
        {
            (None, None, None) => return Ok(None),
            (Some(count), None, None) if range(count) => MemberCount::Fixed(count),
            (None, Some(least), Some(most)) if range(least) && range(most) && least <= most => {
                MemberCount::Between(least, most)
            }
            (Some(_), None, None) | (None, Some(_), Some(_)) => {
                let text = format!("The count of member gateways must be from 1 to {MOST_MEMBERS}.");
                return Err(ApiError::invalid_parameter(text));
            }
            (None, ..) => return Err(ApiError::required("MinMemberGatewayCount and MaxMemberGatewayCount")),
            (Some(_), ..) => {
                let text = "NumberOfMemberGateways cannot be given with MinMemberGatewayCount or MaxMemberGatewayCount";
                return Err(ApiError::bad_request("ConflictingMemberGatewayCountProperties", text));
            }
        };
        Ok(Some(count))
    }
}

fn inactivity(minutes: u32) -> Result<u32, ApiError> {
    let known = INACTIVITY.contains(&minutes).then_some(minutes);
    known.ok_or_else(|| {
        ApiError::invalid_parameter(format!("InactivityMinutesBeforeSleep must be one of {INACTIVITY:?}."))
    })
}

impl Fabric {
    fn gateway_name(&self, store: &Store, name: Option<String>, own: Option<Uuid>) -> Result<String, ApiError> {
        let name = name.filter(|name| !name.trim().is_empty()).ok_or_else(|| ApiError::required("DisplayName"))?;
        if name.chars().count() > LONGEST_NAME {
            let text = format!("The DisplayName field must have at most {LONGEST_NAME} characters.");
            return Err(ApiError::invalid_parameter(text));
        }
        let taken =
            |gateway: &Gateway| Some(gateway.id) != own && gateway.display_name.to_lowercase() == name.to_lowercase();
        if store.gateways.iter().any(taken) {
            // Recorded: fabric-api facts §11.
            let text = "The gateway DisplayName input is already being used by another gateway";
            return Err(ApiError::conflict("DuplicateGatewayName", text));
        }
        Ok(name)
    }

    /// A capacity that the caller administers and that is active.
    fn gateway_capacity(&self, id: Uuid, caller: &Caller) -> Result<Uuid, ApiError> {
        self.administered_capacity(id, caller)?;
        if self.world.facts().capacity_state == CapacityState::Inactive {
            return Err(ApiError::bad_request("InvalidCapacityState", "The capacity is not active"));
        }
        Ok(id)
    }
}

async fn create(
    State(fabric): Service,
    caller: Caller,
    Body(request): Body<GatewayRequest>,
) -> Result<Response, ApiError> {
    match request.kind.as_deref() {
        None => return Err(ApiError::required("Type")),
        Some("VirtualNetwork") => {}
        // On-premises gateways cannot be made by the API (§5); streaming ones serve no Managed Instance.
        Some(other) => {
            return Err(ApiError::invalid_parameter(format!("Gateways of the type '{other}' cannot be created here.")));
        }
    }
    request.refuse_strangers("VirtualNetwork")?;
    let mut store = fabric.store();
    let members = request.member_count()?.unwrap_or(MemberCount::Fixed(1));
    let capacity = request.capacity_id.ok_or_else(|| ApiError::required("CapacityId"))?;
    let minutes = request.inactivity_minutes_before_sleep;
    let details = GatewayDetails::VirtualNetwork {
        capacity_id: Some(fabric.gateway_capacity(capacity, &caller)?),
        network: request
            .virtual_network_azure_resource
            .ok_or_else(|| ApiError::required("VirtualNetworkAzureResource"))?,
        inactivity_minutes: inactivity(minutes.ok_or_else(|| ApiError::required("InactivityMinutesBeforeSleep"))?)?,
        members,
    };
    let display_name = fabric.gateway_name(&store, request.display_name, None)?;
    let kind =
        fabric.scenario.directory.find(caller.object_id).map_or(PrincipalKind::ServicePrincipal, |found| found.kind);
    let roles = vec![Assignment { principal: caller.object_id, kind, role: GatewayRole::Admin }];
    let gateway = Gateway { id: Uuid::new_v4(), display_name, details, roles, is_off: false };
    // Recorded with a Location in 23 of 23, which the description has not.
    let location = format!("{}/v1/gateways/{}", fabric.endpoint, gateway.id);
    let answer = created(location, &fabric.gateway_answer(&gateway));
    store.gateways.push(gateway);
    Ok(answer)
}

async fn update(
    State(fabric): Service,
    caller: Caller,
    Ids([id]): Ids<1>,
    Body(request): Body<GatewayRequest>,
) -> Result<Json<GatewayAnswer>, ApiError> {
    let mut store = fabric.store();
    let place = fabric.gateway_place(&store, id, &caller, GatewayRole::Admin)?;
    let kind = store.gateways[place].details.name();
    match request.kind.as_deref() {
        None => return Err(ApiError::required("Type")),
        Some(given) if given != kind => {
            return Err(ApiError::invalid_parameter(format!("The gateway is of the type {kind}, not '{given}'.")));
        }
        Some(_) => request.refuse_strangers(kind)?,
    }
    if request.virtual_network_azure_resource.is_some() {
        return Err(ApiError::invalid_parameter("VirtualNetworkAzureResource cannot be changed."));
    }
    let count = request.member_count()?;
    let capacity = request.capacity_id.map(|id| fabric.gateway_capacity(id, &caller)).transpose()?;
    let minutes = request.inactivity_minutes_before_sleep.map(inactivity).transpose()?;
    let name = request.display_name.map(|name| fabric.gateway_name(&store, Some(name), Some(id))).transpose()?;

    let gateway = &mut store.gateways[place];
    if let Some(name) = name {
        gateway.display_name = name;
    }
    match &mut gateway.details {
        GatewayDetails::VirtualNetwork { capacity_id, inactivity_minutes, members, .. } => {
            *capacity_id = capacity.or(*capacity_id);
            *inactivity_minutes = minutes.unwrap_or(*inactivity_minutes);
            *members = count.unwrap_or(*members);
        }
        GatewayDetails::OnPremises { settings, .. } => {
            let OnPremisesSettings { load_balancing_setting, allow_cloud_connection_refresh, allow_custom_connectors } =
                settings;
            *load_balancing_setting = request.load_balancing_setting.unwrap_or(*load_balancing_setting);
            *allow_cloud_connection_refresh =
                request.allow_cloud_connection_refresh.unwrap_or(*allow_cloud_connection_refresh);
            *allow_custom_connectors = request.allow_custom_connectors.unwrap_or(*allow_custom_connectors);
        }
    }
    Ok(Json(fabric.gateway_answer(&store.gateways[place])))
}

async fn remove(State(fabric): Service, caller: Caller, Ids([id]): Ids<1>) -> Result<Empty, ApiError> {
    let mut store = fabric.store();
    let place = fabric.gateway_place(&store, id, &caller, GatewayRole::Admin)?;
    store.gateways.remove(place);
    Ok(Empty(StatusCode::OK))
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct GatewayStatus {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway_version: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway_upgrade_state: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    error_details: Vec<serde_json::Value>,
}

impl Fabric {
    fn gateway_status(&self, gateway: &Gateway) -> GatewayStatus {
        let is_on = !gateway.is_off && self.world.facts().gateway == Reachability::Reachable;
        let status = if is_on { "Online" } else { "Offline" };
        let is_on_premises = gateway.details.members().is_some();
        GatewayStatus {
            status,
            gateway_version: is_on_premises.then_some(VERSION),
            gateway_upgrade_state: is_on_premises.then_some("UpToDate"),
            error_details: Vec::new(),
        }
    }
}

async fn check_status(
    State(fabric): Service,
    caller: Caller,
    Ids([id]): Ids<1>,
) -> Result<Json<GatewayStatus>, ApiError> {
    let store = fabric.store();
    let gateway = fabric.gateway(&store, id, &caller, GatewayRole::ConnectionCreator)?;
    Ok(Json(fabric.gateway_status(gateway)))
}

/// UNCONFIRMED: it is off at once, and stays so until it is restarted, whoever wants to use it.
async fn shut_down(State(fabric): Service, caller: Caller, Ids([id]): Ids<1>) -> Result<Response, ApiError> {
    fabric.switch(id, &caller, true)
}

async fn restart(State(fabric): Service, caller: Caller, Ids([id]): Ids<1>) -> Result<Response, ApiError> {
    fabric.switch(id, &caller, false)
}

impl Fabric {
    /// Of virtual network gateways alone: 400 `UnsupportedGatewayType`.
    fn switch(&self, id: Uuid, caller: &Caller, is_off: bool) -> Result<Response, ApiError> {
        let mut store = self.store();
        let place = self.gateway_place(&store, id, caller, GatewayRole::Admin)?;
        if store.gateways[place].details.members().is_some() {
            let text = "This operation is not supported for on-premise data gateways";
            return Err(ApiError::bad_request("UnsupportedGatewayType", text));
        }
        store.gateways[place].is_off = is_off;
        Ok(self.accept(&mut store, caller, None, SWITCH_RETRY_AFTER))
    }
}

async fn check_member(
    State(fabric): Service,
    caller: Caller,
    Ids([id, member]): Ids<2>,
) -> Result<Json<GatewayStatus>, ApiError> {
    let store = fabric.store();
    let gateway = fabric.gateway(&store, id, &caller, GatewayRole::ConnectionCreator)?;
    let members = gateway.details.members().ok_or_else(unsupported_type)?;
    members.iter().find(|known| known.id == member).ok_or_else(not_found)?;
    Ok(Json(fabric.gateway_status(gateway)))
}

fn unsupported_type() -> ApiError {
    let text = "This operation is not supported for the vnet gateway type";
    ApiError::bad_request("UnsupportedGatewayType", text)
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct MemberAnswer {
    id: Uuid,
    display_name: String,
    public_key: Option<PublicKey>,
    version: &'static str,
    enabled: bool,
}

impl Fabric {
    fn member_answer(&self, member: &super::store::Member) -> MemberAnswer {
        MemberAnswer {
            id: member.id,
            display_name: member.display_name.clone(),
            public_key: self.gateway_keys.public(member.id),
            version: VERSION,
            enabled: member.enabled,
        }
    }
}

/// Only on-premises gateways have members that can be listed; of a virtual network gateway it is UNCONFIRMED.
async fn members(
    State(fabric): Service,
    caller: Caller,
    Ids([id]): Ids<1>,
    query: Query,
) -> Result<Json<Page<MemberAnswer>>, ApiError> {
    let store = fabric.store();
    let gateway = fabric.gateway(&store, id, &caller, GatewayRole::ConnectionCreator)?;
    let members = gateway.details.members().ok_or_else(unsupported_type)?;
    let all = members.iter().map(|member| fabric.member_answer(member)).collect();
    Ok(Json(query.page(&fabric.endpoint, fabric.rest().page_size, all)?))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UpdateMember {
    display_name: Option<String>,
    enabled: Option<bool>,
}

async fn update_member(
    State(fabric): Service,
    caller: Caller,
    Ids([id, member]): Ids<2>,
    Body(request): Body<UpdateMember>,
) -> Result<Json<MemberAnswer>, ApiError> {
    let mut store = fabric.store();
    let place = fabric.gateway_place(&store, id, &caller, GatewayRole::Admin)?;
    let members = store.gateways[place].details.members_mut().ok_or_else(unsupported_type)?;
    let member = members.iter_mut().find(|known| known.id == member).ok_or_else(not_found)?;
    if let Some(name) = request.display_name {
        member.display_name = name;
    }
    member.enabled = request.enabled.unwrap_or(member.enabled);
    Ok(Json(fabric.member_answer(member)))
}

async fn remove_member(State(fabric): Service, caller: Caller, Ids([id, member]): Ids<2>) -> Result<Empty, ApiError> {
    let mut store = fabric.store();
    let place = fabric.gateway_place(&store, id, &caller, GatewayRole::Admin)?;
    let members = store.gateways[place].details.members_mut().ok_or_else(unsupported_type)?;
    if !members.iter().any(|known| known.id == member) {
        return Err(not_found());
    }
    if member == id {
        // With it alone the gateway would be gone, which no source describes.
        let text = "Cannot delete the primary gateway while another member gateway exists";
        return Err(ApiError::bad_request("CannotDeletePrimaryGatewayIfClusterMemberExists", text));
    }
    members.retain(|known| known.id != member);
    Ok(Empty(StatusCode::OK))
}

async fn list_roles(
    State(fabric): Service,
    caller: Caller,
    Ids([id]): Ids<1>,
    query: Query,
) -> Result<Json<Page<RoleAnswer<GatewayRole>>>, ApiError> {
    let store = fabric.store();
    let gateway = fabric.gateway(&store, id, &caller, GatewayRole::ConnectionCreator)?;
    let all = gateway.roles.iter().map(RoleAnswer::bare).collect();
    Ok(Json(query.page(&fabric.endpoint, fabric.rest().page_size, all)?))
}

async fn read_role(
    State(fabric): Service,
    caller: Caller,
    Ids([id, assignment]): Ids<2>,
) -> Result<Json<RoleAnswer<GatewayRole>>, ApiError> {
    let store = fabric.store();
    let gateway = fabric.gateway(&store, id, &caller, GatewayRole::ConnectionCreator)?;
    let found = gateway.roles.iter().find(|role| role.principal == assignment).ok_or_else(not_found)?;
    Ok(Json(RoleAnswer::bare(found)))
}

/// ConnectionCreatorWithResharing gives no more than it has: the description says who may add, and nothing of a limit,
/// so that is UNCONFIRMED.
async fn add_role(
    State(fabric): Service,
    caller: Caller,
    Ids([id]): Ids<1>,
    Body(request): Body<AddRole<GatewayRole>>,
) -> Result<Response, ApiError> {
    let mut store = fabric.store();
    let needed = request.role.max(GatewayRole::ConnectionCreatorWithResharing);
    let place = fabric.gateway_place(&store, id, &caller, needed)?;
    if !matches!(request.principal.kind, PrincipalType::User | PrincipalType::Group | PrincipalType::ServicePrincipal) {
        let text = "Principals of this type cannot have a gateway role";
        return Err(ApiError::bad_request("GatewayInvalidPrincipalType", text));
    }
    let principal = connection_principal(&fabric.scenario.directory, &request.principal)?;
    let gateway = &mut store.gateways[place];
    if gateway.roles.iter().any(|role| role.principal == principal.id) {
        return Err(ApiError::bad_request("BadRequest", "The principal already has a role on the gateway"));
    }
    let assignment = Assignment { principal: principal.id, kind: principal.kind, role: request.role };
    gateway.roles.push(assignment);
    let location = format!("{}/v1/gateways/{id}/roleAssignments/{}", fabric.endpoint, principal.id);
    Ok(created(location, &RoleAnswer::bare(&assignment)))
}

/// Whether the gateway has an admin beside this assignment.
fn keep_an_admin(gateway: &Gateway, assignment: Uuid) -> Result<(), ApiError> {
    let mut others = gateway.roles.iter().filter(|role| role.principal != assignment);
    if others.any(|role| role.role == GatewayRole::Admin) {
        return Ok(());
    }
    Err(ApiError::bad_request("BadRequest", "The last admin of a gateway cannot be removed"))
}

async fn change_role(
    State(fabric): Service,
    caller: Caller,
    Ids([id, assignment]): Ids<2>,
    Body(request): Body<ChangeRole<GatewayRole>>,
) -> Result<Json<RoleAnswer<GatewayRole>>, ApiError> {
    let mut store = fabric.store();
    let place = fabric.gateway_place(&store, id, &caller, GatewayRole::Admin)?;
    let gateway = &mut store.gateways[place];
    if request.role != GatewayRole::Admin {
        keep_an_admin(gateway, assignment)?;
    }
    let role = gateway.roles.iter_mut().find(|role| role.principal == assignment).ok_or_else(not_found)?;
    role.role = request.role;
    Ok(Json(RoleAnswer::bare(role)))
}

async fn remove_role(State(fabric): Service, caller: Caller, Ids([id, assignment]): Ids<2>) -> Result<Empty, ApiError> {
    let mut store = fabric.store();
    let place = fabric.gateway_place(&store, id, &caller, GatewayRole::Admin)?;
    let gateway = &mut store.gateways[place];
    if !gateway.roles.iter().any(|role| role.principal == assignment) {
        return Err(not_found());
    }
    keep_an_admin(gateway, assignment)?;
    gateway.roles.retain(|role| role.principal != assignment);
    Ok(Empty(StatusCode::OK))
}
