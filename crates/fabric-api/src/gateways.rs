//! Gateways: how Fabric reaches a source that has no public endpoint (fabric-api facts §5).

mod sealing;

use serde::{Deserialize, Serialize};

pub use self::sealing::NoSealing;
use crate::client::{Call, Client};
use crate::decode::{empty_is_none, null_is_default};
use crate::error::Result;
use crate::extensible::extensible;
use crate::ids::{CapacityId, GatewayId};

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Gateway {
    pub id: GatewayId,
    #[serde(rename = "type", default, deserialize_with = "null_is_default")]
    pub kind: GatewayKind,
    /// A personal gateway has none.
    pub display_name: Option<String>,
    /// Version of the primary member of an on-premises gateway.
    pub version: Option<String>,
    pub number_of_member_gateways: Option<u32>,
    /// What a virtual network gateway runs on.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub capacity_id: Option<CapacityId>,
    pub virtual_network_azure_resource: Option<VirtualNetwork>,
}

/// The subnet that a virtual network gateway lives in.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualNetwork {
    pub subscription_id: String,
    pub resource_group_name: String,
    pub virtual_network_name: String,
    pub subnet_name: String,
}

extensible! {
    /// Not the words of a connection's connectivity.
    GatewayKind {
        OnPremises,
        /// In personal mode: no other identity can use it.
        OnPremisesPersonal,
        VirtualNetwork,
        StreamingVirtualNetwork,
    }
}

/// A machine of an on-premises gateway. The primary one has the gateway's id.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayMember {
    pub id: GatewayId,
    #[serde(default, deserialize_with = "null_is_default")]
    pub display_name: String,
    pub public_key: PublicKey,
    pub version: Option<String>,
    pub enabled: Option<bool>,
}

/// An RSA key. Both numbers are unsigned and big-endian, in standard base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    pub exponent: String,
    pub modulus: String,
}

impl Client {
    /// Every gateway that the caller has a role on.
    pub async fn gateways(&self) -> Result<Vec<Gateway>> {
        self.list(Call::get("listing gateways", "gateways".into()), "value").await
    }

    pub async fn gateway(&self, id: GatewayId) -> Result<Gateway> {
        self.call(Call::get("reading the gateway", format!("gateways/{id}"))).await
    }

    /// The machines of an on-premises gateway, disabled ones among them.
    pub async fn gateway_members(&self, id: GatewayId) -> Result<Vec<GatewayMember>> {
        self.list(Call::get("listing the gateway's members", format!("gateways/{id}/members")), "value").await
    }
}
