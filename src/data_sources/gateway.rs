//! `fabricmirror_gateway`: how Fabric reaches a source that has no public endpoint.

use fabric_api::GatewayId;
use fabric_api::gateways::{self, GatewayKind};
use tfplugin::{Context, DataSource, Model, Text, Value};

use super::lookup::{self, Wanted};
use crate::error::Result;
use crate::provider::FabricMirror;

/// A gateway, by its id or by its name. Its `id` is the `gateway_id` of a `fabricmirror_connection`, if its `type` is
/// `VirtualNetwork` or `OnPremises`.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct Gateway {
    /// Id of the gateway. This or `display_name`.
    #[attr(optional, computed, exactly_one_of = "display_name")]
    id: Value<Text<GatewayId>>,

    /// Its name.
    #[attr(optional, computed)]
    display_name: Value<String>,

    /// `VirtualNetwork`, `OnPremises`, `OnPremisesPersonal` or `StreamingVirtualNetwork`.
    #[attr(computed)]
    r#type: Value<String>,

    /// Version of an on-premises gateway's primary member.
    #[attr(computed)]
    version: Value<String>,

    /// The capacity that a virtual network gateway runs on.
    #[attr(computed)]
    capacity_id: Value<String>,

    /// The subnet that a virtual network gateway lives in.
    #[attr(computed)]
    virtual_network: Value<VirtualNetwork>,

    /// The machines of an on-premises gateway, the primary one first; null for other types.
    #[attr(computed)]
    members: Value<Vec<Member>>,
}

/// A subnet of Azure.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct VirtualNetwork {
    /// Subscription.
    #[attr(computed)]
    subscription_id: Value<String>,

    /// Resource group.
    #[attr(computed)]
    resource_group_name: Value<String>,

    /// Virtual network.
    #[attr(computed)]
    virtual_network_name: Value<String>,

    /// Subnet.
    #[attr(computed)]
    subnet_name: Value<String>,
}

/// A machine of an on-premises gateway.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct Member {
    /// Id of the member; the primary one has the gateway's.
    #[attr(computed)]
    id: Value<String>,

    /// Its name.
    #[attr(computed)]
    display_name: Value<String>,

    /// Version of the gateway on it.
    #[attr(computed)]
    version: Value<String>,

    /// Whether it takes part.
    #[attr(computed)]
    enabled: Value<bool>,
}

impl DataSource for Gateway {
    const NAME: &'static str = "gateway";
    type Provider = FabricMirror;

    async fn read(cx: &Context<FabricMirror>, mut config: Self) -> Result<Self> {
        let fabric = cx.provider.fabric()?;
        let wanted = match (config.id.known(), config.display_name.known()) {
            (Some(id), _) => Wanted::Id(*id.value()),
            (None, name) => Wanted::Name(name.cloned().unwrap_or_default()),
        };
        let all = fabric.gateways().await?;
        let found = lookup::one("gateway", all, &wanted, |it| it.id, |it| it.display_name.as_deref())?;
        let members = match found.kind {
            GatewayKind::OnPremises => Some(fabric.gateway_members(found.id).await?),
            _ => None,
        };
        config.id.default_with(|| found.id.into());
        config.display_name.default_with(|| found.display_name.clone().into());
        Ok(Self {
            id: config.id,
            display_name: config.display_name,
            r#type: found.kind.to_string().into(),
            version: found.version.clone().into(),
            capacity_id: found.capacity_id.map(|id| id.to_string()).into(),
            virtual_network: found.virtual_network_azure_resource.map(VirtualNetwork::of).into(),
            members: members.map(|members| members.into_iter().map(Member::of).collect::<Vec<_>>()).into(),
        })
    }
}

impl VirtualNetwork {
    fn of(it: gateways::VirtualNetwork) -> Self {
        Self {
            subscription_id: it.subscription_id.into(),
            resource_group_name: it.resource_group_name.into(),
            virtual_network_name: it.virtual_network_name.into(),
            subnet_name: it.subnet_name.into(),
        }
    }
}

impl Member {
    fn of(it: gateways::GatewayMember) -> Self {
        Self {
            id: it.id.to_string().into(),
            display_name: it.display_name.into(),
            version: it.version.into(),
            enabled: it.enabled.into(),
        }
    }
}
