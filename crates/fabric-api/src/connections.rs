//! Connections: how Fabric reaches a source, and as whom (fabric-api facts §4).

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::client::{Call, Client};
use crate::decode::null_is_default;
use crate::error::Result;
use crate::extensible::extensible;
use crate::gone;
use crate::ids::ConnectionId;

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
    #[serde(default, deserialize_with = "null_is_default")]
    pub connection_details: ConnectionDetails,
    pub privacy_level: Option<PrivacyLevel>,
    pub credential_details: Option<CredentialDetails>,
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
    pub credential_type: String,
    pub connection_encryption: Option<ConnectionEncryption>,
}

extensible! {
    ConnectivityType { ShareableCloud, OnPremisesGateway, VirtualNetworkGateway, PersonalCloud, OnPremisesGatewayPersonal, Automatic, None }
}

extensible! {
    /// With whose data the source's may be combined.
    PrivacyLevel { None, Private, Organizational, Public }
}

extensible! {
    /// Whether the link to the source is encrypted. Left out, the service takes `NotEncrypted`.
    ConnectionEncryption { Encrypted, NotEncrypted, Any }
}

/// As whom Fabric logs in.
#[derive(Clone, Debug)]
pub enum Credentials {
    Basic { username: String, password: SecretString },
}

impl Credentials {
    fn to_json(&self) -> Value {
        match self {
            Self::Basic { username, password } => json!({
                "credentialType": "Basic",
                "username": username,
                "password": password.expose_secret(),
            }),
        }
    }
}

/// A connection to a database of a SQL Managed Instance that Fabric reaches by itself, without a gateway.
#[derive(Clone, Debug)]
pub struct NewConnection {
    pub display_name: String,
    /// `host` or `host,port`.
    pub server: String,
    pub database: String,
    pub privacy_level: PrivacyLevel,
    pub encryption: ConnectionEncryption,
    pub credentials: Credentials,
}

/// What can be changed; server, database and gateway cannot.
#[derive(Clone, Debug, Default)]
pub struct ConnectionChange {
    pub display_name: Option<String>,
    pub privacy_level: Option<PrivacyLevel>,
    /// Encryption goes with the credentials: the service tests the login with it.
    pub credentials: Option<(Credentials, ConnectionEncryption)>,
}

impl ConnectionChange {
    /// Nothing is to be changed.
    pub fn is_empty(&self) -> bool {
        self.display_name.is_none() && self.privacy_level.is_none() && self.credentials.is_none()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ChangeRequest<'a> {
    // Required also where nothing of it changes.
    connectivity_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    privacy_level: Option<&'a PrivacyLevel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_details: Option<Value>,
}

fn credential_details(credentials: &Credentials, encryption: &ConnectionEncryption) -> Value {
    // skipTestConnection is left at false: this connector does not support anything else without a gateway.
    json!({
        "singleSignOnType": "None",
        "connectionEncryption": encryption,
        "skipTestConnection": false,
        "credentials": credentials.to_json(),
    })
}

impl Client {
    /// Creates the connection; the service logs in to the source before it answers.
    pub async fn create_connection(&self, new: &NewConnection) -> Result<Connection> {
        let text = |name: &str, value: &str| json!({ "dataType": "Text", "name": name, "value": value });
        let body = json!({
            "connectivityType": ConnectivityType::ShareableCloud,
            "displayName": new.display_name,
            "connectionDetails": {
                "type": SQL_MANAGED_INSTANCE,
                "creationMethod": CREATION_METHOD,
                "parameters": [text("server", &new.server), text("database", &new.database)],
            },
            "privacyLevel": new.privacy_level,
            "credentialDetails": credential_details(&new.credentials, &new.encryption),
        });
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

    pub async fn change_connection(&self, id: ConnectionId, change: &ConnectionChange) -> Result<Connection> {
        let request = ChangeRequest {
            connectivity_type: "ShareableCloud",
            display_name: change.display_name.as_deref(),
            privacy_level: change.privacy_level.as_ref(),
            credential_details: change
                .credentials
                .as_ref()
                .map(|(credentials, encryption)| credential_details(credentials, encryption)),
        };
        self.call(Call::patch("changing the connection", format!("connections/{id}")).body(&request)).await
    }

    /// That it is gone already is no error.
    pub async fn delete_connection(&self, id: ConnectionId) -> Result<()> {
        let deleted = self.call_for_effect(Call::delete("deleting the connection", format!("connections/{id}"))).await;
        gone::deleted(deleted, self.connections(), |connection| connection.id == id).await
    }
}
