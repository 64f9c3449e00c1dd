//! As whom a connection logs in, and how that is written for the service (fabric-api facts §4.2, gateway.md §1, §3).

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::CredentialType;
use crate::error::{Error, Result};
use crate::gateways::GatewayMember;
use crate::ids::{ApplicationId, ConnectionId, TenantId};

#[derive(Clone, Debug)]
pub enum Credentials {
    /// A SQL login.
    Basic { username: String, password: SecretSource },
    /// An application.
    ServicePrincipal { tenant_id: TenantId, client_id: ApplicationId, secret: SecretSource },
    /// The identity of whatever workspace uses the connection.
    WorkspaceIdentity,
}

/// A secret, or where the service finds it.
#[derive(Clone, Debug)]
pub enum SecretSource {
    Value(SecretString),
    Reference(SecretReference),
}

/// A secret in a key vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretReference {
    /// A Fabric connection of the type `AzureKeyVault`.
    pub connection_id: ConnectionId,
    pub secret_name: String,
    /// `None`: the newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// Name and value.
type Field = (&'static str, String);

/// Whether credentials are given as they are.
#[derive(Clone, Copy, Debug)]
pub enum Sealing<'a> {
    None,
    /// Encrypted for each of the machines: all of them, also disabled ones (what the service wants is UNCONFIRMED).
    ForEach(&'a [GatewayMember]),
}

impl Credentials {
    pub fn kind(&self) -> CredentialType {
        match self {
            Self::Basic { .. } => CredentialType::Basic,
            Self::ServicePrincipal { .. } => CredentialType::ServicePrincipal,
            Self::WorkspaceIdentity => CredentialType::WorkspaceIdentity,
        }
    }

    /// The fields but for the secret, and the secret under its name.
    fn fields(&self) -> (Vec<Field>, Option<(&'static str, &SecretSource)>) {
        match self {
            Self::Basic { username, password } => (vec![("username", username.clone())], Some(("password", password))),
            Self::ServicePrincipal { tenant_id, client_id, secret } => (
                vec![("tenantId", tenant_id.to_string()), ("servicePrincipalClientId", client_id.to_string())],
                Some(("servicePrincipalSecret", secret)),
            ),
            Self::WorkspaceIdentity => (Vec::new(), None),
        }
    }

    pub(super) fn to_json(&self, sealing: Sealing<'_>) -> Result<Value> {
        let kind = self.kind();
        let (fields, secret) = self.fields();
        match sealing {
            Sealing::None => {
                let mut credentials = Map::from_iter([("credentialType".to_owned(), json!(kind))]);
                credentials.extend(fields.into_iter().map(|(name, value)| (name.to_owned(), json!(value))));
                match secret {
                    Some((name, SecretSource::Value(value))) => {
                        credentials.insert(name.to_owned(), json!(value.expose_secret()));
                    }
                    Some((name, SecretSource::Reference(reference))) => {
                        credentials.insert(format!("{name}Reference"), json!(reference));
                    }
                    None => {}
                }
                Ok(Value::Object(credentials))
            }
            Sealing::ForEach(members) => {
                let mut plain: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
                match secret {
                    Some((name, SecretSource::Value(value))) => plain.push((name, value.expose_secret())),
                    Some((_, SecretSource::Reference(_))) | None => {
                        // Neither is described for what is encrypted (gateway.md §9).
                        let text = "an on-premises gateway takes a password or a client secret, and nothing else";
                        return Err(Error::Sealing(text.to_owned()));
                    }
                }
                let values = members.iter().map(|member| {
                    let sealed = member.public_key.seal(&plain).map_err(|error| {
                        let text = format!(
                            "nothing can be encrypted for member {} ({}) of the gateway: {error}",
                            member.display_name, member.id
                        );
                        Error::Sealing(text)
                    })?;
                    Ok(json!({ "gatewayId": member.id, "encryptedCredentials": sealed }))
                });
                let values = values.collect::<Result<Vec<_>>>()?;
                Ok(json!({ "credentialType": kind, "values": values }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn application(secret: SecretSource) -> Credentials {
        Credentials::ServicePrincipal {
            tenant_id: TenantId(Uuid::from_u128(1)),
            client_id: ApplicationId(Uuid::from_u128(2)),
            secret,
        }
    }

    #[test]
    fn each_kind_is_written_as_the_service_describes_it() {
        let password = || SecretSource::Value("p\"w".into());
        let basic = Credentials::Basic { username: "fabric".into(), password: password() };
        assert_eq!(
            basic.to_json(Sealing::None).unwrap(),
            json!({ "credentialType": "Basic", "username": "fabric", "password": "p\"w" })
        );
        assert_eq!(
            application(password()).to_json(Sealing::None).unwrap(),
            json!({
                "credentialType": "ServicePrincipal",
                "tenantId": "00000000-0000-0000-0000-000000000001",
                "servicePrincipalClientId": "00000000-0000-0000-0000-000000000002",
                "servicePrincipalSecret": "p\"w",
            })
        );
        assert_eq!(
            Credentials::WorkspaceIdentity.to_json(Sealing::None).unwrap(),
            json!({ "credentialType": "WorkspaceIdentity" })
        );
    }

    #[test]
    fn a_reference_takes_the_secrets_place() {
        let reference = |version: Option<&str>| {
            SecretSource::Reference(SecretReference {
                connection_id: "00000000-0000-0000-0000-000000000003".parse().unwrap(),
                secret_name: "sales".into(),
                version: version.map(Into::into),
            })
        };
        let basic = Credentials::Basic { username: "fabric".into(), password: reference(None) };
        assert_eq!(
            basic.to_json(Sealing::None).unwrap()["passwordReference"],
            json!({ "connectionId": "00000000-0000-0000-0000-000000000003", "secretName": "sales" })
        );
        let json = application(reference(Some("7"))).to_json(Sealing::None).unwrap();
        assert_eq!(json["servicePrincipalSecretReference"]["version"], "7");
        assert_eq!(json.get("servicePrincipalSecret"), None);
        // It cannot be encrypted, and neither can nothing.
        for credentials in [application(reference(None)), Credentials::WorkspaceIdentity] {
            assert!(matches!(credentials.to_json(Sealing::ForEach(&[])), Err(Error::Sealing(_))));
        }
    }
}
