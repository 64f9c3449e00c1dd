//! The provider: its block in the configuration, what it makes of it, and the one list of everything offered.

use std::sync::Arc;

use fabric_api::Credential;
use mssql_admin::ServerName;
use secrecy::SecretString;
use tfplugin::{CancellationToken, Diagnostic, Model, Provider, ProviderType, Secret, Set, Text, Value, path};

use crate::clients::{Clients, Fabric, Settings, Sql, SqlCredentials};
use crate::data_sources::{ReplicationStatus, ServerIdentity};
use crate::ephemeral::Password;
use crate::error::{Error, Result};
use crate::functions::{ImportId, MirroringPermissions, ParseServer, PublicEndpoint, SetupSql};
use crate::resources::{
    Connection, DatabaseGrants, DatabaseRole, DatabaseUser, Login, MirroredDatabase, Replication,
    WorkspaceRoleAssignment,
};

/// Everything the provider offers.
pub fn provider() -> Provider<FabricMirror> {
    Provider::new()
        .resource::<Login>()
        .resource::<DatabaseUser>()
        .resource::<DatabaseRole>()
        .resource::<DatabaseGrants>()
        .resource::<Connection>()
        .resource::<WorkspaceRoleAssignment>()
        .resource::<MirroredDatabase>()
        .resource::<Replication>()
        .data_source::<ReplicationStatus>()
        .data_source::<ServerIdentity>()
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
/// Of several ways to prove an identity, `use_msi` goes before `use_cli`, that before `use_oidc`, and that before the
/// client secret. `AZURE_AUTHORITY_HOST` names another login endpoint of Entra than the public cloud's.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct Config {
    /// Entra tenant. Environment: `FABRIC_TENANT_ID`.
    #[attr(optional)]
    tenant_id: Value<String>,

    /// Client id of the application that calls Fabric; with `use_msi`, of a user-assigned identity. Environment:
    /// `FABRIC_CLIENT_ID`.
    #[attr(optional)]
    client_id: Value<String>,

    /// Its secret. Environment: `FABRIC_CLIENT_SECRET`.
    #[attr(optional, sensitive)]
    client_secret: Value<Secret>,

    /// Prove the application's identity with a token of another issuer, in the file that `oidc_token_file_path` names.
    /// Environment: `FABRIC_USE_OIDC`.
    #[attr(optional)]
    use_oidc: Value<bool>,

    /// File with that token, such as a pod or a CI job has one. Environment: `FABRIC_OIDC_TOKEN_FILE_PATH`.
    #[attr(optional)]
    oidc_token_file_path: Value<String>,

    /// Be the managed identity of this machine. Environment: `FABRIC_USE_MSI`.
    #[attr(optional)]
    use_msi: Value<bool>,

    /// Be whoever is logged in to the Azure CLI. Environment: `FABRIC_USE_CLI`.
    #[attr(optional)]
    use_cli: Value<bool>,

    /// Fabric's endpoint. Environment: `FABRIC_ENDPOINT`; else that of the public cloud.
    #[attr(optional)]
    endpoint: Value<String>,

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

/// A variable of the environment that is set to something.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// What the configuration says, else the environment.
fn text(configured: &Value<String>, name: &str) -> Setting<String> {
    match configured {
        Value::Known(value) => Setting::Known(value.clone()),
        Value::Null => variable(name).map_or(Setting::Missing, Setting::Known),
        _ => Setting::Unknown,
    }
}

fn secret(configured: &Value<Secret>, name: &str) -> Setting<SecretString> {
    match configured {
        Value::Known(value) => Setting::Known(value.inner().clone()),
        Value::Null => variable(name).map_or(Setting::Missing, |value| Setting::Known(value.into())),
        _ => Setting::Unknown,
    }
}

fn flag(configured: &Value<bool>, name: &str) -> Result<Setting<bool>> {
    match configured {
        Value::Known(value) => Ok(Setting::Known(*value)),
        Value::Null => match variable(name).map(|value| value.to_ascii_lowercase()).as_deref() {
            None | Some("false" | "0" | "no") => Ok(Setting::Known(false)),
            Some("true" | "1" | "yes") => Ok(Setting::Known(true)),
            Some(other) => {
                let detail = format!("{name} is `{other}`: set it to `true` or `false`.");
                Err(Diagnostic::error("A variable of the environment is unclear", detail).into())
            }
        },
        _ => Ok(Setting::Unknown),
    }
}

/// A part of the block.
enum Setting<T> {
    Missing,
    Unknown,
    Known(T),
}

impl<T> Setting<T> {
    /// The value; for something that is needed.
    fn need(self, why_missing: impl FnOnce() -> Diagnostic) -> Result<Settings<T>> {
        match self {
            Self::Known(value) => Ok(Settings::Known(value)),
            Self::Unknown => Ok(Settings::Unknown),
            Self::Missing => Err(why_missing().into()),
        }
    }
}

impl ConfigDraft {
    /// Certificates that are trusted besides the system's: read and checked once, for every channel. `None`: which file
    /// it is, is not known yet.
    fn certificates(&self) -> Result<Option<Option<Arc<[u8]>>>> {
        let file = match text(&self.ca_certificate_file, "FABRICMIRROR_CA_CERTIFICATE_FILE") {
            Setting::Known(file) => file,
            Setting::Missing => return Ok(Some(None)),
            Setting::Unknown => return Ok(None),
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

    /// How to call Fabric. What is missing is an error only once something needs Fabric.
    fn fabric(&self) -> Result<Settings<Fabric>> {
        let flags = (
            flag(&self.use_oidc, "FABRIC_USE_OIDC")?,
            flag(&self.use_msi, "FABRIC_USE_MSI")?,
            flag(&self.use_cli, "FABRIC_USE_CLI")?,
        );
        let (Setting::Known(oidc), Setting::Known(msi), Setting::Known(cli)) = flags else {
            return Ok(Settings::Unknown);
        };
        let tenant = text(&self.tenant_id, "FABRIC_TENANT_ID");
        let client = text(&self.client_id, "FABRIC_CLIENT_ID");
        let missing = |what: &str, variable: &str, path| {
            Diagnostic::error(
                format!("`{what}` is not set"),
                format!("Set `{what}` in the provider's block or {variable} in the environment."),
            )
            .at(path)
        };
        let needed = || -> Result<Settings<Credential>> {
            if msi {
                return Ok(match client {
                    Setting::Unknown => Settings::Unknown,
                    Setting::Missing => Settings::Known(Credential::ManagedIdentity { client_id: None }),
                    Setting::Known(id) => Settings::Known(Credential::ManagedIdentity { client_id: Some(id) }),
                });
            }
            if cli {
                return Ok(match tenant {
                    Setting::Unknown => Settings::Unknown,
                    Setting::Missing => Settings::Known(Credential::AzureCli { tenant_id: None }),
                    Setting::Known(id) => Settings::Known(Credential::AzureCli { tenant_id: Some(id) }),
                });
            }
            let tenant = tenant.need(|| missing("tenant_id", "FABRIC_TENANT_ID", path!(Config: tenant_id)))?;
            let client = client.need(|| missing("client_id", "FABRIC_CLIENT_ID", path!(Config: client_id)))?;
            if oidc {
                let file = text(&self.oidc_token_file_path, "FABRIC_OIDC_TOKEN_FILE_PATH").need(|| {
                    missing("oidc_token_file_path", "FABRIC_OIDC_TOKEN_FILE_PATH", path!(Config: oidc_token_file_path))
                })?;
                return Ok(match (tenant, client, file) {
                    (Settings::Known(tenant_id), Settings::Known(client_id), Settings::Known(file)) => {
                        Settings::Known(Credential::WorkloadIdentity { tenant_id, client_id, token_file: file.into() })
                    }
                    _ => Settings::Unknown,
                });
            }
            let secret = secret(&self.client_secret, "FABRIC_CLIENT_SECRET")
                .need(|| missing("client_secret", "FABRIC_CLIENT_SECRET", path!(Config: client_secret)))?;
            Ok(match (tenant, client, secret) {
                (Settings::Known(tenant_id), Settings::Known(client_id), Settings::Known(client_secret)) => {
                    Settings::Known(Credential::ClientSecret { tenant_id, client_id, client_secret })
                }
                _ => Settings::Unknown,
            })
        };
        let credential = match needed() {
            Ok(Settings::Known(credential)) => credential,
            Ok(Settings::Missing(why)) => return Ok(Settings::Missing(why)),
            Ok(Settings::Unknown) => return Ok(Settings::Unknown),
            // Kept until something needs Fabric: a configuration of SQL objects alone needs no Entra identity.
            Err(Error::Said(why)) => return Ok(Settings::Missing(why)),
            Err(other) => return Err(other),
        };
        let endpoint = match text(&self.endpoint, "FABRIC_ENDPOINT") {
            Setting::Known(endpoint) => endpoint,
            Setting::Missing => fabric_api::client::DEFAULT_ENDPOINT.to_owned(),
            Setting::Unknown => return Ok(Settings::Unknown),
        };
        Ok(Settings::Known(Fabric { endpoint, credential }))
    }

    /// How to reach the instance.
    fn sql(&self) -> Result<Settings<Sql>> {
        let block = match &self.sql {
            Value::Known(block) => block.clone(),
            Value::Null => SqlBlock {
                server: Value::Null,
                other_servers: Value::Null,
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
        let username = text(&block.username, "FABRICMIRROR_SQL_USERNAME");
        let password = secret(&block.password, "FABRICMIRROR_SQL_PASSWORD");
        let credentials = match (username, password) {
            (Setting::Unknown, _) | (_, Setting::Unknown) => return Ok(Settings::Unknown),
            (Setting::Known(username), Setting::Known(password)) => SqlCredentials::Login { username, password },
            (Setting::Known(username), Setting::Missing) => {
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
            (Setting::Missing, _) => SqlCredentials::Entra,
        };
        Ok(Settings::Known(Sql { server, other_servers, credentials }))
    }
}
