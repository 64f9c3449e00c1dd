//! The way from Fabric to the instance: over the public endpoint, or through a gateway. What can be known of it before,
//! and what to do when nothing arrives.

use fabric_api::connections::{self, ConnectivityType, Route};
use fabric_api::gateways::{Gateway, GatewayKind};
use fabric_api::{Client, GatewayId};
use mssql_admin::ServerName;
use tfplugin::{Diagnostic, path};

use super::Connection;
use crate::error::{Error, Result};

/// The way through a gateway, or without.
pub async fn route(fabric: &Client, gateway: Option<GatewayId>) -> Result<Route> {
    let Some(id) = gateway else { return Ok(Route::Cloud) };
    let gateway = match fabric.gateway(id).await {
        Err(error) if error.may_mean_gone() => {
            let gateways = fabric.gateways().await?;
            return Err(not_visible(id, &gateways).into());
        }
        gateway => gateway.map_err(|error| Error::from(error).at(path!(Connection: gateway_id)))?,
    };
    match gateway.kind {
        GatewayKind::VirtualNetwork => Ok(Route::VirtualNetwork(id)),
        GatewayKind::OnPremises => Ok(Route::OnPremises { gateway: id, members: fabric.gateway_members(id).await? }),
        _ => Err(refusal(&gateway).unwrap_or_else(|| not_visible(id, &[])).into()),
    }
}

/// The way that a connection goes.
pub async fn route_of(fabric: &Client, connection: &connections::Connection) -> Result<Route> {
    route(fabric, connection.gateway()).await
}

/// Whether this resource can manage connections of this kind.
pub fn is_managed(connectivity: &ConnectivityType) -> bool {
    use ConnectivityType as C;
    matches!(connectivity, C::ShareableCloud | C::VirtualNetworkGateway | C::OnPremisesGateway)
}

/// Why no connection goes through the gateway; `None`: one does.
pub fn refusal(gateway: &Gateway) -> Option<Diagnostic> {
    let why = match &gateway.kind {
        GatewayKind::VirtualNetwork | GatewayKind::OnPremises => return None,
        GatewayKind::OnPremisesPersonal => "It runs in personal mode, and nobody but its owner can use it",
        GatewayKind::StreamingVirtualNetwork => "It is for event streams",
        GatewayKind::Other(_) => "This version of the provider does not know what it is",
    };
    Some(
        Diagnostic::error(
            "Nothing can be mirrored through the gateway",
            format!(
                "Gateway {} is of the type `{}`. {why}. Use a virtual network gateway, or an on-premises gateway in standard \
                 mode.",
                gateway.id, gateway.kind
            ),
        )
        .at(path!(Connection: gateway_id)),
    )
}

/// A gateway that the provider's identity does not see.
pub fn not_visible(id: GatewayId, visible: &[Gateway]) -> Diagnostic {
    let names: Vec<_> = visible
        .iter()
        .map(|it| format!("- {} ({}, `{}`)", it.id, it.kind, it.display_name.as_deref().unwrap_or_default()))
        .collect();
    let visible = if names.is_empty() {
        "It sees no gateway at all.".to_owned()
    } else {
        format!("It sees these:\n{}", names.join("\n"))
    };
    Diagnostic::error(
        "The gateway is not there, or not visible",
        format!(
            "The provider's identity sees no gateway {id}. {visible}\n\nIn the portal, under \"Manage connections and gateways\", \
             give it the role \"Connection creator\" on the gateway."
        ),
    )
    .at(path!(Connection: gateway_id))
}

/// What to look at when Fabric does not reach the instance on this way.
pub fn advice(server: &ServerName, route: &Route) -> String {
    let host = server.host();
    let port = server.port();
    match route {
        Route::Cloud if server.is_public() => format!(
            "Without a gateway Fabric comes over the internet. The instance's public endpoint has to be enabled, and the \
             network security group of its subnet has to allow TCP port {port} inbound from the service tags PowerBI and \
             DataFactory. Where that is not wanted, give the connection a `gateway_id`, and as `server` the private host."
        ),
        Route::Cloud => match server.public_endpoint() {
            Some(public) => format!(
                "`{host}` is the instance's private host, and without a gateway Fabric comes over the internet: as `server` \
                 give the public endpoint, `{public}`, enabled and open for the service tags PowerBI and DataFactory; or give \
                 the connection the `gateway_id` of a gateway that reaches the private host."
            ),
            None => format!(
                "Without a gateway Fabric comes over the internet: `{host}`, port {port}, has to be reachable from there, for \
                 the service tags PowerBI and DataFactory. Else give the connection a `gateway_id`."
            ),
        },
        Route::VirtualNetwork(_) => format!(
            "The connection goes through a virtual network gateway: from its subnet the name `{host}` has to lead to the \
             instance (a subnet of the same or of a peered network, or a private endpoint with its DNS zone), and the \
             instance's network security group has to allow TCP port {port}, and 11000-11999 where the connection type is \
             Redirect, from it. The gateway's capacity has to be active."
        ),
        Route::OnPremises { members, .. } => {
            let machines: Vec<_> = members.iter().map(|member| member.display_name.as_str()).collect();
            format!(
                "The connection goes through an on-premises gateway: from each of its machines ({}) the name `{host}` has to \
                 lead to the instance and TCP port {port} has to be open, and 11000-11999 where the connection type is \
                 Redirect. The gateway has to be online: look at its status under \"Manage connections and gateways\".",
                machines.join(", ")
            )
        }
    }
}
