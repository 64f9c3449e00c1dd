//! What the service says of itself: which connections it can make (fabric-api facts §4.5).

use serde::Deserialize;

use super::{CREATION_METHOD, ConnectionEncryption, CredentialType};
use crate::decode::null_is_default;

/// A row of the supported connection types.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionType {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default, deserialize_with = "null_is_default")]
    creation_methods: Vec<CreationMethod>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub supported_credential_types: Vec<CredentialType>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub supported_connection_encryption_types: Vec<ConnectionEncryption>,
    #[serde(rename = "supportsSkipTestConnection", default, deserialize_with = "null_is_default")]
    pub can_skip_test: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct CreationMethod {
    name: String,
    #[serde(default, deserialize_with = "null_is_default")]
    parameters: Vec<Parameter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Parameter {
    name: String,
    #[serde(default, deserialize_with = "null_is_default")]
    required: bool,
}

/// The parameters that this crate gives.
const GIVEN: [&str; 2] = ["server", "database"];

impl ConnectionType {
    /// What stands against the way in which this crate makes connections: the service may have changed it.
    pub fn objection(&self) -> Option<String> {
        let Some(method) = self.creation_methods.iter().find(|method| method.name == CREATION_METHOD) else {
            return Some(format!("it has no creation method `{CREATION_METHOD}` any more"));
        };
        if let Some(given) = GIVEN.iter().find(|given| method.parameters.iter().all(|known| known.name != **given)) {
            return Some(format!("`{CREATION_METHOD}` has no parameter `{given}` any more"));
        }
        let wanted = method.parameters.iter().find(|known| known.required && !GIVEN.contains(&known.name.as_str()));
        wanted.map(|wanted| format!("`{CREATION_METHOD}` asks for a parameter `{}`", wanted.name))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(method: &str, parameters: &[(&str, bool)]) -> ConnectionType {
        let parameters: Vec<_> = parameters
            .iter()
            .map(|(name, required)| json!({ "name": name, "dataType": "Text", "required": required, "allowedValues": null }))
            .collect();
        serde_json::from_value(json!({
            "type": "AzureSqlMI",
            "creationMethods": [{ "name": method, "parameters": parameters }],
            "supportedCredentialTypes": ["Basic", "OAuth2", "ServicePrincipal"],
            "supportedConnectionEncryptionTypes": ["NotEncrypted", "Encrypted"],
            "supportsSkipTestConnection": false,
            "supportedCredentialTypesForUsageInUserControlledCode": null,
        }))
        .unwrap()
    }

    #[test]
    fn a_service_that_asks_for_something_else_is_noticed() {
        let (server, database) = (("server", true), ("database", true));
        assert_eq!(row(CREATION_METHOD, &[server, database, ("Query", false)]).objection(), None);
        for (row, objection) in [
            (row("AzureSqlMI", &[server, database]), "no creation method"),
            (row(CREATION_METHOD, &[server]), "no parameter `database`"),
            (row(CREATION_METHOD, &[server, database, ("region", true)]), "asks for a parameter `region`"),
        ] {
            assert!(row.objection().unwrap().contains(objection), "{objection}");
        }
    }
}
