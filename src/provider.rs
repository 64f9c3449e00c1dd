//! The provider: its block in the configuration, what it makes of it, and the one list of everything offered.

use std::sync::Arc;

use mssql_admin::{CertificateName, Encryption, ServerName};
use tfplugin::{CancellationToken, Diagnostic, Model, Provider, ProviderType, Secret, Set, Text, Value, Word, path};

use crate::clients::{Clients, Settings, Sql, SqlCredentials};
use crate::data_sources::{self, ReplicationStatus, ServerIdentity};
use crate::ephemeral::Password;
use crate::error::{Error, Result};
use crate::functions::{ImportId, MirroringPermissions, ParseServer, PublicEndpoint, SetupSql};
use crate::operator::{Setting, variable};
use crate::resources::{
    Connection, ConnectionRoleAssignment, DatabaseGrants, DatabaseRole, DatabaseUser, Login, MirroredDatabase,
    Replication, WorkspaceRoleAssignment,
};

/// Everything the provider offers.
pub fn provider() -> Provider<FabricMirror> {
    Provider::new()
        .resource::<Login>()
        .resource::<DatabaseUser>()
        .resource::<DatabaseRole>()
        .resource::<DatabaseGrants>()
        .resource::<Connection>()
        .resource::<ConnectionRoleAssignment>()
        .resource::<WorkspaceRoleAssignment>()
        .resource::<MirroredDatabase>()
        .resource::<Replication>()
        .data_source::<ReplicationStatus>()
        .data_source::<ServerIdentity>()
        .data_source::<data_sources::Connection>()
        .data_source::<data_sources::Connections>()
        .data_source::<data_sources::Gateway>()
        .data_source::<data_sources::Workspace>()
        .data_source::<data_sources::MirroredDatabase>()
        .data_source::<data_sources::MirroredDatabases>()
        .ephemeral::<Password>()
        .function::<MirroringPermissions>()
        .function::<ParseServer>()
        .function::<PublicEndpoint>()
        .function::<SetupSql>()
        .function::<ImportId>()
}

/// The configured provider.
pub type FabricMirror = Clients;

/// Mirrors databases of Azure SQL Managed Instances into Microsoft Fabric.
///
/// What the block leaves out is taken from the environment, under the names that Microsoft's own Fabric provider uses.
/// Of several ways to prove an identity, `use_msi` goes before `use_cli`, that before `use_oidc`, that before a client
/// certificate, and that before the client secret. One identity calls Fabric and, where `sql` has no user name, logs in to
/// instances. `AZURE_AUTHORITY_HOST` names another login endpoint of Entra than the cloud's.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct Config {
    /// Entra tenant. Environment: `FABRIC_TENANT_ID`.
    #[attr(optional)]
    pub tenant_id: Value<String>,

    /// Client id of the application that calls Fabric; with `use_msi`, of a user-assigned identity. Environment:
    /// `FABRIC_CLIENT_ID`.
    #[attr(optional)]
    pub client_id: Value<String>,

    /// Its secret. Environment: `FABRIC_CLIENT_SECRET`.
    #[attr(optional, sensitive)]
    pub client_secret: Value<Secret>,

    /// File with its certificate and RSA key, in PEM or PKCS #12 (`.pfx`). Environment:
    /// `FABRIC_CLIENT_CERTIFICATE_FILE_PATH`.
    #[attr(optional)]
    pub client_certificate_file_path: Value<String>,

    /// The same as text: PEM, or PKCS #12 in base64. Goes before the file. Environment: `FABRIC_CLIENT_CERTIFICATE`.
    #[attr(optional, sensitive)]
    pub client_certificate: Value<Secret>,

    /// What the certificate's key is encrypted with, if it is. Environment: `FABRIC_CLIENT_CERTIFICATE_PASSWORD`.
    #[attr(optional, sensitive)]
    pub client_certificate_password: Value<Secret>,

    /// Prove the application's identity with a token of another issuer, which the application has to trust (a federated
    /// credential). The token is, in this order: `oidc_token`, what lies in `oidc_token_file_path`, or asked for – in Azure
    /// Pipelines with `azure_devops_service_connection_id`, in GitHub Actions at the address that the job has when it is
    /// given `permissions: id-token: write`. Environment: `FABRIC_USE_OIDC`.
    #[attr(optional)]
    pub use_oidc: Value<bool>,

    /// The token itself. Issuers make it for minutes: a run that takes longer needs one of the other ways. Environment:
    /// `FABRIC_OIDC_TOKEN`.
    #[attr(optional, sensitive)]
    pub oidc_token: Value<Secret>,

    /// File with the token, such as a pod or a CI job has one; read again whenever a token is needed. Environment:
    /// `FABRIC_OIDC_TOKEN_FILE_PATH`.
    #[attr(optional)]
    pub oidc_token_file_path: Value<String>,

    /// Where a GitHub Actions job asks for a token. Environment: `FABRIC_OIDC_REQUEST_URL`, else
    /// `ACTIONS_ID_TOKEN_REQUEST_URL`, which GitHub sets.
    #[attr(optional)]
    pub oidc_request_url: Value<String>,

    /// What proves there that it is this job; in Azure Pipelines `$(System.AccessToken)`. Environment:
    /// `FABRIC_OIDC_REQUEST_TOKEN`, else `ACTIONS_ID_TOKEN_REQUEST_TOKEN`, which GitHub sets, else `SYSTEM_ACCESSTOKEN`.
    #[attr(optional, sensitive)]
    pub oidc_request_token: Value<Secret>,

    /// In Azure Pipelines, the id of a service connection with workload identity federation, whose application this is.
    /// Where to ask stands in `SYSTEM_OIDCREQUESTURI`, which the agent sets. Environment:
    /// `FABRIC_AZURE_DEVOPS_SERVICE_CONNECTION_ID`.
    #[attr(optional)]
    pub azure_devops_service_connection_id: Value<String>,

    /// Be the managed identity of this machine. Environment: `FABRIC_USE_MSI`.
    #[attr(optional)]
    pub use_msi: Value<bool>,

    /// Be whoever is logged in to the Azure CLI. Environment: `FABRIC_USE_CLI`.
    #[attr(optional)]
    pub use_cli: Value<bool>,

    /// Which of Microsoft's clouds: where to log in, and whose tokens. `public` when left out. Fabric's endpoint and the
    /// tokens' names outside the public cloud could not be checked against a tenant. Environment: `FABRIC_ENVIRONMENT`.
    #[attr(optional, one_of = ["public", "usgovernment", "china"])]
    pub environment: Value<Word>,

    /// Fabric's endpoint. Environment: `FABRIC_ENDPOINT`; else the cloud's.
    #[attr(optional)]
    pub endpoint: Value<String>,

    /// File with certificates in PEM form that are trusted besides the system's, for Fabric, Entra and instances alike:
    /// where a proxy or a test stands between. Environment: `FABRICMIRROR_CA_CERTIFICATE_FILE`.
    #[attr(optional)]
    ca_certificate_file: Value<String>,

    /// How to reach the instance.
    #[attr(optional)]
    sql: Value<SqlBlock>,
}

/// The instance, and as whom to log in to it.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct SqlBlock {
    /// The instance of every object that does not name one, in any form that the function `parse_server` takes.
    /// Environment: `FABRICMIRROR_SQL_SERVER`.
    #[attr(optional)]
    server: Value<Text<ServerName>>,

    /// Further instances that get the same credentials, when an object names one of them. Credentials go nowhere else;
    /// only where neither this nor `server` is set, they go to whatever server an object names.
    #[attr(optional)]
    other_servers: Value<Set<Text<ServerName>>>,

    /// The name that `server`'s certificate is issued to, where that is not the name it is reached by: behind a private
    /// endpoint with a zone of its own. A host, or `*.ZONE.database.windows.net`. The certificate is checked all the same.
    #[attr(optional)]
    host_name_in_certificate: Value<Text<CertificateName>>,

    /// `mandatory`: TLS begins as instances do it, which is the rule. `strict`: before the first byte, as in TDS 8.0, for
    /// servers that take it. Nothing is ever sent without TLS.
    #[attr(optional, one_of = ["mandatory", "strict"])]
    encrypt: Value<Word>,

    /// A SQL login; left out, the identity that calls Fabric logs in with an Entra token. Environment:
    /// `FABRICMIRROR_SQL_USERNAME`.
    #[attr(optional)]
    username: Value<String>,

    /// Its password. Environment: `FABRICMIRROR_SQL_PASSWORD`.
    #[attr(optional, sensitive)]
    password: Value<Secret>,
}

impl ProviderType for FabricMirror {
    const NAME: &'static str = "fabricmirror";
    const LOG_TARGETS: &'static [&'static str] = &["fabricmirror", "fabric_api", "mssql_admin"];
    type Config = Config;
    type Error = Error;

    async fn configure(config: ConfigDraft, stop: CancellationToken) -> Result<Self> {
        let (fabric, sql) = (config.fabric()?, config.sql()?);
        Ok(match config.certificates()? {
            Some(certificates) => Clients::new(fabric, sql, certificates, stop),
            None => Clients::new(Settings::Unknown, Settings::Unknown, None, stop),
        })
    }
}

impl ConfigDraft {
    /// Certificates that are trusted besides the system's: read and checked once, for every channel. `None`: which file
    /// it is, is not known yet.
    fn certificates(&self) -> Result<Option<Option<Arc<[u8]>>>> {
        let setting = Setting::of(
            &self.ca_certificate_file,
            path!(Config: ca_certificate_file),
            &["FABRICMIRROR_CA_CERTIFICATE_FILE"],
        );
        let file = match setting.optional() {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(Some(None)),
            Err(_) => return Ok(None),
        };
        let unusable = |why: String| {
            Diagnostic::error(
                "The CA certificate file cannot be used",
                format!(
                    "{file}: {why}. It holds one or more certificates in PEM form, each between `-----BEGIN CERTIFICATE-----` \
                     and `-----END CERTIFICATE-----`, whatever its name ends with. It is `ca_certificate_file` of the \
                     provider's block, or FABRICMIRROR_CA_CERTIFICATE_FILE in the environment."
                ),
            )
            .at(path!(Config: ca_certificate_file))
        };
        let pem = std::fs::read(&file).map_err(|error| unusable(error.to_string()))?;
        fabric_api::check_certificates(&pem).map_err(unusable)?;
        Ok(Some(Some(pem.into())))
    }

    /// How to reach the instance.
    fn sql(&self) -> Result<Settings<Sql>> {
        let block = match &self.sql {
            Value::Known(block) => block.clone(),
            Value::Null => SqlBlock {
                server: Value::Null,
                other_servers: Value::Null,
                host_name_in_certificate: Value::Null,
                encrypt: Value::Null,
                username: Value::Null,
                password: Value::Null,
            },
            _ => return Ok(Settings::Unknown),
        };
        let server =
            match (&block.server, variable("FABRICMIRROR_SQL_SERVER")) {
                (Value::Known(server), _) => Some(server.value().clone()),
                (Value::Null, Some(server)) => Some(server.parse::<ServerName>().map_err(|error| {
                    Diagnostic::error("FABRICMIRROR_SQL_SERVER names no server", format!("{error}."))
                })?),
                (Value::Null, None) => None,
                _ => return Ok(Settings::Unknown),
            };
        let other_servers = match &block.other_servers {
            Value::Known(servers) => servers.iter().map(|server| server.value().clone()).collect(),
            Value::Null => Vec::new(),
            _ => return Ok(Settings::Unknown),
        };
        let certificate_name = match &block.host_name_in_certificate {
            Value::Known(name) => Some(name.value().clone()),
            Value::Null => None,
            _ => return Ok(Settings::Unknown),
        };
        let encryption = match &block.encrypt {
            Value::Known(word) if word.as_str() == "strict" => Encryption::Strict,
            Value::Known(_) | Value::Null => Encryption::Mandatory,
            _ => return Ok(Settings::Unknown),
        };
        let username =
            Setting::of(&block.username, path!(Config: sql.username), &["FABRICMIRROR_SQL_USERNAME"]).optional();
        let password =
            Setting::of(&block.password, path!(Config: sql.password), &["FABRICMIRROR_SQL_PASSWORD"]).optional();
        let (Ok(username), Ok(password)) = (username, password) else { return Ok(Settings::Unknown) };
        let credentials = match (username, password) {
            (Some(username), Some(password)) => SqlCredentials::Login { username, password },
            (Some(username), None) => {
                return Err(Diagnostic::error(
                    "`sql.password` is not set",
                    format!(
                        "There is a user name, `{username}`, but no password: set it in the block or \
                         FABRICMIRROR_SQL_PASSWORD in the environment. Leave out both to log in with an Entra token."
                    ),
                )
                .at(path!(Config: sql.password))
                .into());
            }
            (None, _) => SqlCredentials::Entra,
        };
        Ok(Settings::Known(Sql { server, other_servers, certificate_name, encryption, credentials }))
    }
}
