//! Connections: how Fabric reaches a source, and as whom (fabric-api facts §4).

mod credentials;
mod types;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use self::credentials::{Credentials, Sealing, SecretReference, SecretSource};
pub use self::types::ConnectionType;
use crate::client::{Call, Client};
use crate::decode::{empty_is_none, null_is_default};
use crate::error::{ErrorDetail, Result};
use crate::extensible::extensible;
use crate::gateways::GatewayMember;
use crate::gone;
use crate::ids::{ConnectionId, GatewayId};

/// The connector of a SQL Managed Instance. A connection of another type is refused by mirroring, also when it leads
/// to the same instance.
pub const SQL_MANAGED_INSTANCE: &str = "AzureSqlMI";
const CREATION_METHOD: &str = "AzureSqlMI.Database";

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    pub id: ConnectionId,
    pub display_name: Option<String>,
    /// Whether a gateway is used; a `gatewayId` does not tell, cloud connections have one too.
    #[serde(default, deserialize_with = "null_is_default")]
    pub connectivity_type: ConnectivityType,
    /// See [`Self::gateway`].
    #[serde(default, deserialize_with = "empty_is_none")]
    gateway_id: Option<GatewayId>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub connection_details: ConnectionDetails,
    pub privacy_level: Option<PrivacyLevel>,
    pub credential_details: Option<CredentialDetails>,
}

impl Connection {
    /// The gateway that it goes through. A connection of the cloud has the id of one that is none (fabric-api facts §11).
    pub fn gateway(&self) -> Option<GatewayId> {
        self.gateway_id.filter(|_| self.connectivity_type.is_through_gateway())
    }

    pub fn encryption(&self) -> Option<&ConnectionEncryption> {
        self.credential_details.as_ref()?.connection_encryption.as_ref()
    }

    pub fn credential_type(&self) -> Option<&CredentialType> {
        let kind = &self.credential_details.as_ref()?.credential_type;
        Some(kind).filter(|kind| !kind.as_str().is_empty())
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ConnectionDetails {
    /// The connector; [`SQL_MANAGED_INSTANCE`] for ours.
    #[serde(rename = "type", default, deserialize_with = "null_is_default")]
    pub kind: String,
    /// `server;database`. The parameters themselves are never returned.
    #[serde(default)]
    pub path: Option<String>,
}

impl ConnectionDetails {
    /// Server and database as they were given at creation.
    pub fn server_and_database(&self) -> Option<(&str, &str)> {
        self.path.as_deref()?.split_once(';')
    }
}

/// What is known of a connection's credentials: never a secret, not even a user name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CredentialDetails {
    #[serde(default, deserialize_with = "null_is_default")]
    pub credential_type: CredentialType,
    pub connection_encryption: Option<ConnectionEncryption>,
}

extensible! {
    ConnectivityType {
        ShareableCloud,
        OnPremisesGateway,
        VirtualNetworkGateway,
        StreamingVirtualNetworkGateway,
        PersonalCloud,
        OnPremisesGatewayPersonal,
        Automatic,
        None,
    }
}

impl ConnectivityType {
    fn is_through_gateway(&self) -> bool {
        matches!(
            self,
            Self::OnPremisesGateway
                | Self::VirtualNetworkGateway
                | Self::StreamingVirtualNetworkGateway
                | Self::OnPremisesGatewayPersonal
        )
    }
}

extensible! {
    /// As whom Fabric logs in. `OAuth2` can be read, and made in the portal alone.
    CredentialType {
        Basic,
        ServicePrincipal,
        WorkspaceIdentity,
        OAuth2,
        Windows,
        WindowsWithoutImpersonation,
        Anonymous,
        Key,
        KeyPair,
        SharedAccessSignature,
    }
}

extensible! {
    /// With whose data the source's may be combined.
    PrivacyLevel { None, Private, Organizational, Public }
}

extensible! {
    /// Whether the link to the source is encrypted. Left out, the service takes `NotEncrypted`.
    ConnectionEncryption { Encrypted, NotEncrypted, Any }
}

/// The way from Fabric to the source.
#[derive(Clone, Debug)]
pub enum Route {
    /// Over the instance's public endpoint.
    Cloud,
    /// Credentials are given to it as they are (gateway.md §2).
    VirtualNetwork(GatewayId),
    /// Credentials are encrypted for each of its members.
    OnPremises { gateway: GatewayId, members: Vec<GatewayMember> },
}

impl Route {
    /// What a connection that goes this way is called.
    pub fn connectivity(&self) -> ConnectivityType {
        match self {
            Self::Cloud => ConnectivityType::ShareableCloud,
            Self::VirtualNetwork(_) => ConnectivityType::VirtualNetworkGateway,
            Self::OnPremises { .. } => ConnectivityType::OnPremisesGateway,
        }
    }

    pub fn gateway(&self) -> Option<GatewayId> {
        match self {
            Self::Cloud => None,
            Self::VirtualNetwork(gateway) | Self::OnPremises { gateway, .. } => Some(*gateway),
        }
    }

    fn sealing(&self) -> Sealing<'_> {
        match self {
            Self::Cloud | Self::VirtualNetwork(_) => Sealing::None,
            Self::OnPremises { members, .. } => Sealing::ForEach(members),
        }
    }
}

/// A connection to a database of a SQL Managed Instance.
#[derive(Clone, Debug)]
pub struct NewConnection {
    /// At most 200 characters, unique in the tenant.
    pub display_name: String,
    /// `host` or `host,port`, as it is reached on the route.
    pub server: String,
    pub database: String,
    pub route: Route,
    pub privacy_level: PrivacyLevel,
    pub login: Login,
}

/// How Fabric logs in to the source. Encryption goes with the credentials: the service tests the login with it.
#[derive(Clone, Debug)]
pub struct Login {
    pub credentials: Credentials,
    pub encryption: ConnectionEncryption,
    /// Not to try it. The service knows that behind a gateway only; see [`ConnectionType::can_skip_test`].
    pub skip_test: bool,
}

impl Login {
    fn details(&self, sealing: Sealing<'_>) -> Result<Value> {
        Ok(json!({
            "singleSignOnType": "None",
            "connectionEncryption": self.encryption,
            "skipTestConnection": self.skip_test,
            "credentials": self.credentials.to_json(sealing)?,
        }))
    }
}

/// What can be changed; server, database and gateway cannot. What is left out, here or of what the service knows, stays.
#[derive(Clone, Debug, Default)]
pub struct ConnectionChange {
    pub display_name: Option<String>,
    pub privacy_level: Option<PrivacyLevel>,
    pub login: Option<Login>,
}

impl ConnectionChange {
    /// Nothing is to be changed.
    pub fn is_empty(&self) -> bool {
        self.display_name.is_none() && self.privacy_level.is_none() && self.login.is_none()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ChangeRequest<'a> {
    // Required also where nothing of it changes.
    connectivity_type: ConnectivityType,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    privacy_level: Option<&'a PrivacyLevel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_details: Option<Value>,
}

/// What a test of a connection found.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TestResult {
    /// `Online` or `Offline` in the samples.
    #[serde(default, deserialize_with = "null_is_default")]
    pub status: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub errors: Vec<ErrorDetail>,
}

impl TestResult {
    /// Fabric could log in.
    pub fn is_online(&self) -> bool {
        self.errors.is_empty() && !self.status.eq_ignore_ascii_case("offline")
    }

    /// What the service says in its own words.
    pub fn describe(&self) -> String {
        let said: Vec<String> = self.errors.iter().map(ErrorDetail::describe).collect();
        if said.is_empty() { self.status.clone() } else { said.join("; ") }
    }
}

impl Client {
    /// Creates the connection; unless that is skipped, the service logs in to the source before it answers.
    ///
    /// # Errors
    /// [`crate::Error::Sealing`]: nothing can be encrypted for the gateway.
    pub async fn create_connection(&self, new: &NewConnection) -> Result<Connection> {
        let text = |name: &str, value: &str| json!({ "dataType": "Text", "name": name, "value": value });
        let mut body = json!({
            "connectivityType": new.route.connectivity(),
            "displayName": new.display_name,
            "connectionDetails": {
                "type": SQL_MANAGED_INSTANCE,
                "creationMethod": CREATION_METHOD,
                "parameters": [text("server", &new.server), text("database", &new.database)],
            },
            "privacyLevel": new.privacy_level,
            "credentialDetails": new.login.details(new.route.sealing())?,
        });
        if let Some(gateway) = new.route.gateway() {
            body["gatewayId"] = json!(gateway);
        }
        self.call(Call::post("creating the connection", "connections".into()).body(&body)).await
    }

    pub async fn connection(&self, id: ConnectionId) -> Result<Connection> {
        self.call(Call::get("reading the connection", format!("connections/{id}"))).await
    }

    /// `None`: the list of connections is without it. A list may leave the credential details out.
    pub async fn find_connection(&self, id: ConnectionId) -> Result<Option<Connection>> {
        gone::found(self.connection(id).await, self.connections(), |connection| connection.id == id).await
    }

    /// Every connection the caller has a role on.
    pub async fn connections(&self) -> Result<Vec<Connection>> {
        self.list(Call::get("listing connections", "connections".into()), "value").await
    }

    /// Changes what is given of a connection that goes this way; its route itself cannot be changed.
    ///
    /// # Errors
    /// [`crate::Error::Sealing`]: nothing can be encrypted for the gateway.
    pub async fn change_connection(
        &self,
        id: ConnectionId,
        route: &Route,
        change: &ConnectionChange,
    ) -> Result<Connection> {
        let request = ChangeRequest {
            connectivity_type: route.connectivity(),
            display_name: change.display_name.as_deref(),
            privacy_level: change.privacy_level.as_ref(),
            credential_details: change.login.as_ref().map(|login| login.details(route.sealing())).transpose()?,
        };
        self.call(Call::patch("changing the connection", format!("connections/{id}")).body(&request)).await
    }

    /// That it is gone already is no error.
    pub async fn delete_connection(&self, id: ConnectionId) -> Result<()> {
        let deleted = self.call_for_effect(Call::delete("deleting the connection", format!("connections/{id}"))).await;
        gone::deleted(deleted, self.connections(), |connection| connection.id == id).await
    }

    /// Logs in to the source as the connection would.
    pub async fn test_connection(&self, id: ConnectionId) -> Result<TestResult> {
        let path = format!("connections/{id}/testConnection");
        self.call(Call::ask("testing the connection", path)).await
    }

    /// What connections to a SQL Managed Instance can be like, through the gateway or without. `None`: the service lists no
    /// such connections there.
    pub async fn connection_type(&self, gateway: Option<GatewayId>) -> Result<Option<ConnectionType>> {
        let call = Call::get("listing supported connection types", "connections/supportedConnectionTypes".into());
        let call = match gateway {
            Some(gateway) => call.query("gatewayId", gateway.to_string()),
            None => call,
        };
        let all: Vec<ConnectionType> = self.list(call, "value").await?;
        Ok(all.into_iter().find(|one| one.kind == SQL_MANAGED_INSTANCE))
    }
}
