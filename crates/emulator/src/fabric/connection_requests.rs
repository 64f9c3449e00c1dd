//! What a client may ask of a connection, checked. fabric-api facts §4.2, §4.3, §11. Where the facts give two
//! spellings of a code (with and without `Input`), the one of the swagger is used.

use serde::Deserialize;
use uuid::Uuid;

use super::Fabric;
use super::connection_kinds::ConnectionKind;
use super::error::ApiError;
use super::reply::optional_id;
use super::store::{Connectivity, Credential, Store};
use crate::entra::Directory;
use crate::mirroring::conditions::Login;

const LONGEST_NAME: usize = 200;
const PRIVACY_LEVELS: [&str; 4] = ["None", "Private", "Organizational", "Public"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateConnection {
    pub connectivity_type: Option<String>,
    pub display_name: Option<String>,
    pub connection_details: Option<Details>,
    pub privacy_level: Option<String>,
    pub credential_details: Option<CredentialDetails>,
    #[serde(default, deserialize_with = "optional_id")]
    pub gateway_id: Option<Uuid>,
    pub allow_connection_usage_in_gateway: Option<bool>,
    pub allow_usage_in_user_controlled_code: Option<bool>,
}

/// Server, database and gateway cannot be changed: their fields are unknown here (§4.3).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateConnection {
    pub connectivity_type: Option<String>,
    pub display_name: Option<String>,
    pub privacy_level: Option<String>,
    pub credential_details: Option<CredentialDetails>,
    pub allow_connection_usage_in_gateway: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Details {
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub creation_method: Option<String>,
    pub parameters: Option<Vec<GivenParameter>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GivenParameter {
    pub data_type: Option<String>,
    pub name: Option<String>,
    pub value: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CredentialDetails {
    pub single_sign_on_type: Option<String>,
    pub connection_encryption: Option<String>,
    pub skip_test_connection: Option<bool>,
    pub credentials: Option<Credentials>,
}

/// Fields of every kind of credentials; which go together is checked when they are read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Credentials {
    credential_type: Option<String>,
    username: Option<String>,
    password: Option<String>,
    password_reference: Option<SecretReference>,
    #[serde(default, deserialize_with = "optional_id")]
    tenant_id: Option<Uuid>,
    #[serde(default, deserialize_with = "optional_id")]
    service_principal_client_id: Option<Uuid>,
    service_principal_secret: Option<String>,
    service_principal_secret_reference: Option<SecretReference>,
    /// For an on-premises gateway: one entry for each member.
    values: Option<Vec<Encrypted>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Encrypted {
    /// The member's id.
    gateway_id: Uuid,
    encrypted_credentials: String,
}

/// A secret in a key vault. No key vault is emulated, so no connection to one can exist.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SecretReference {
    connection_id: Uuid,
    #[serde(rename = "secretName")]
    _secret_name: String,
    #[serde(default, rename = "version")]
    _version: Option<String>,
}

/// Where a new connection leads.
#[derive(Debug, PartialEq, Eq)]
pub struct Target {
    pub kind: ConnectionKind,
    pub server: String,
    pub database: Option<String>,
}

impl Details {
    /// # Errors
    /// 400.
    pub fn read(self) -> Result<Target, ApiError> {
        let invalid = |text: String| ApiError::bad_request("InvalidConnectionDetails", text);
        let kind = self.kind.ok_or_else(|| ApiError::required("Type"))?;
        let method = self.creation_method.ok_or_else(|| ApiError::required("CreationMethod"))?;
        let given = self.parameters.ok_or_else(|| ApiError::required("Parameters"))?;
        let kind = ConnectionKind::ALL
            .into_iter()
            .find(|known| known.name() == kind)
            .ok_or_else(|| invalid(format!("The connection type '{kind}' is not supported")))?;
        if !kind.creation_methods().contains(&method.as_str()) {
            return Err(invalid(format!("The creation method '{method}' is not supported for {}", kind.name())));
        }
        let mut values: Vec<(&str, String)> = Vec::new();
        for parameter in given {
            let name = parameter.name.ok_or_else(|| ApiError::required("Name"))?;
            let data_type = parameter.data_type.ok_or_else(|| ApiError::required("DataType"))?;
            let known = kind
                .parameters()
                .iter()
                .find(|known| known.name == name)
                .ok_or_else(|| invalid(format!("The parameter '{name}' is not supported by {method}")))?;
            if data_type != known.data_type {
                return Err(invalid(format!("The parameter '{name}' must have the data type {}", known.data_type)));
            }
            let Some(serde_json::Value::String(value)) = parameter.value else {
                return Err(invalid(format!("The value of the parameter '{name}' must be a text")));
            };
            if values.iter().any(|(other, _)| *other == known.name) {
                return Err(invalid(format!("The parameter '{name}' is given twice")));
            }
            values.push((known.name, value));
        }
        let value = |name: &str| values.iter().find(|(known, value)| *known == name && !value.trim().is_empty());
        for parameter in kind.parameters().iter().filter(|parameter| parameter.required) {
            if value(parameter.name).is_none() {
                return Err(invalid(format!("The parameter '{}' is required by {method}", parameter.name)));
            }
        }
        Ok(Target {
            kind,
            server: value("server").map(|(_, value)| value.clone()).unwrap_or_default(),
            database: value("database").map(|(_, value)| value.clone()),
        })
    }
}

/// What is left of credential details once checked.
pub struct CheckedCredentials {
    pub credential: Option<Credential>,
    pub encryption: Option<&'static str>,
    pub skip_test: bool,
}

impl CredentialDetails {
    /// # Errors
    /// 400.
    fn read(
        self,
        kind: ConnectionKind,
        behind_gateway: bool,
        directory: &Directory,
    ) -> Result<CheckedCredentials, ApiError> {
        if let Some(sign_on) = self.single_sign_on_type.filter(|sign_on| sign_on != "None") {
            let text = format!("The SingleSignOnType input '{sign_on}' is not supported");
            return Err(ApiError::bad_request("UnsupportedSingleSignOnTypeInput", text));
        }
        let encryption = self.connection_encryption.map(|encryption| {
            kind.encryptions().iter().copied().find(|known| *known == encryption).ok_or_else(|| {
                let text = format!("The ConnectionEncryption input '{encryption}' is not supported");
                ApiError::bad_request("UnsupportedConnectionEncryptionInput", text)
            })
        });
        let skip_test = self.skip_test_connection.unwrap_or(false);
        if skip_test && !kind.can_skip_test(behind_gateway) {
            let text = "Skipping the test of the connection is not supported for this connection type";
            return Err(ApiError::bad_request("SkipTestConnectionNotSupported", text));
        }
        Ok(CheckedCredentials {
            credential: self
                .credentials
                .map(|credentials| credentials.read(kind, behind_gateway, directory))
                .transpose()?,
            encryption: encryption.transpose()?,
            skip_test,
        })
    }
}

impl Credentials {
    fn read(self, kind: ConnectionKind, behind_gateway: bool, directory: &Directory) -> Result<Credential, ApiError> {
        let invalid = |text: &str| ApiError::bad_request("InvalidCredentialDetails", text);
        let unsupported = || {
            ApiError::bad_request("UnsupportedCredentialType", "The CredentialType input is not supported for this API")
        };
        let given = self.credential_type.ok_or_else(|| ApiError::required("CredentialType"))?;
        if !kind.credential_types(behind_gateway).contains(&given.as_str()) {
            return Err(unsupported());
        }
        let reference = self.password_reference.as_ref().or(self.service_principal_secret_reference.as_ref());
        if let Some(reference) = reference {
            let text = format!("The connection {} is not a connection to a key vault", reference.connection_id);
            return Err(invalid(&text));
        }
        if self.values.is_some() {
            return Err(invalid("Only credentials for an on-premises gateway are encrypted"));
        }
        let has_password_fields = self.username.is_some() || self.password.is_some();
        let has_application_fields = self.tenant_id.is_some()
            || self.service_principal_client_id.is_some()
            || self.service_principal_secret.is_some();
        match given.as_str() {
            "Basic" if has_application_fields => Err(invalid("Basic credentials have a username and a password only")),
            "Basic" => {
                let name =
                    self.username.filter(|name| !name.is_empty()).ok_or_else(|| ApiError::required("Username"))?;
                let password = self.password.ok_or_else(|| ApiError::required("Password"))?;
                Ok(Credential { kind: "Basic", login: Login::Password { name, password } })
            }
            "ServicePrincipal" if has_password_fields => {
                Err(invalid("Service principal credentials have no username and no password"))
            }
            "ServicePrincipal" => {
                let tenant = self.tenant_id.ok_or_else(|| ApiError::required("TenantId"))?;
                let client =
                    self.service_principal_client_id.ok_or_else(|| ApiError::required("ServicePrincipalClientId"))?;
                let secret =
                    self.service_principal_secret.ok_or_else(|| ApiError::required("ServicePrincipalSecret"))?;
                let application = (tenant == directory.tenant_id).then(|| directory.application(client)).flatten();
                let valid = application.is_some_and(|application| application.secrets.contains(&secret));
                let login = Login::Application { client_id: client, valid };
                Ok(Credential { kind: "ServicePrincipal", login })
            }
            // OAuth2 is in the list and has no body to create it with; a workspace here has no identity.
            _ => Err(unsupported()),
        }
    }
}

impl Credentials {
    /// Has the fields that were encrypted in their place.
    fn with(mut self, data: Vec<(String, String)>) -> Result<Self, ApiError> {
        let invalid = |text: &str| ApiError::bad_request("InvalidCredentialDetails", text);
        for (name, value) in data {
            let id = || Uuid::try_parse(&value).map_err(|_| invalid("An encrypted id is no GUID"));
            match name.as_str() {
                "username" => self.username = Some(value),
                "password" => self.password = Some(value),
                // Names of the service principal's fields: UNCONFIRMED behind an on-premises gateway (gateway.md §3).
                "tenantId" => self.tenant_id = Some(id()?),
                "servicePrincipalClientId" => self.service_principal_client_id = Some(id()?),
                "servicePrincipalSecret" => self.service_principal_secret = Some(value),
                _ => return Err(invalid("The encrypted credentials hold a field that does not belong there")),
            }
        }
        Ok(self)
    }

    fn has_clear_fields(&self) -> bool {
        self.username.is_some()
            || self.password.is_some()
            || self.password_reference.is_some()
            || self.tenant_id.is_some()
            || self.service_principal_client_id.is_some()
            || self.service_principal_secret.is_some()
            || self.service_principal_secret_reference.is_some()
    }
}

impl Fabric {
    /// # Errors
    /// 400.
    pub fn read_credentials(
        &self,
        store: &Store,
        mut details: CredentialDetails,
        kind: ConnectionKind,
        connectivity: Connectivity,
    ) -> Result<CheckedCredentials, ApiError> {
        if let Connectivity::OnPremises { gateway } = connectivity
            && let Some(credentials) = details.credentials
        {
            details.credentials = Some(self.decrypt(store, gateway, credentials)?);
        }
        details.read(kind, connectivity.through_gateway(), &self.scenario.directory)
    }

    /// Opens what was encrypted for the members of a gateway, as each of them would; the primary one's is used. That
    /// every member must be given is UNCONFIRMED (gateway.md §9): the description has an entry for each.
    fn decrypt(&self, store: &Store, gateway: Uuid, mut credentials: Credentials) -> Result<Credentials, ApiError> {
        let invalid = |text: String| ApiError::bad_request("InvalidCredentialDetails", text);
        if credentials.has_clear_fields() {
            let text = "Credentials for an on-premises gateway are encrypted, and given in 'values' alone";
            return Err(invalid(text.to_owned()));
        }
        let values = credentials.values.take().ok_or_else(|| ApiError::required("Values"))?;
        let found = store.gateways.iter().find(|known| known.id == gateway);
        let members: Vec<Uuid> = found
            .and_then(|found| found.details.members())
            .map(|members| members.iter().map(|member| member.id).collect())
            .unwrap_or_default();
        if let Some(stranger) = values.iter().find(|value| !members.contains(&value.gateway_id)) {
            return Err(invalid(format!("{} is no member of the gateway", stranger.gateway_id)));
        }
        let mut primary = None;
        for member in &members {
            let mut given = values.iter().filter(|value| value.gateway_id == *member);
            let (Some(value), None) = (given.next(), given.next()) else {
                return Err(invalid(format!("The member {member} must have one entry in 'values'")));
            };
            let data = self.gateway_keys.decrypt(*member, &value.encrypted_credentials);
            let data = data
                .map_err(|error| invalid(format!("The credentials for the member {member} cannot be read: {error}")))?;
            if *member == gateway {
                primary = Some(data);
            }
        }
        credentials.with(primary.ok_or_else(|| invalid("The primary member has no credentials".to_owned()))?)
    }

    /// # Errors
    /// 400 for one that is empty or too long.
    pub fn connection_name(&self, name: Option<String>) -> Result<String, ApiError> {
        let name = name.filter(|name| !name.trim().is_empty()).ok_or_else(|| ApiError::required("DisplayName"))?;
        if name.chars().count() > LONGEST_NAME {
            let text = format!("The DisplayName field must have at most {LONGEST_NAME} characters.");
            return Err(ApiError::invalid_parameter(text));
        }
        Ok(name)
    }
}

/// # Errors
/// 400 `UnsupportedPrivacyLevelInput`.
pub fn privacy_level(level: &str) -> Result<&'static str, ApiError> {
    PRIVACY_LEVELS.into_iter().find(|known| *known == level).ok_or_else(|| {
        let text = format!("The PrivacyLevel input '{level}' is not supported");
        ApiError::bad_request("UnsupportedPrivacyLevelInput", text)
    })
}
