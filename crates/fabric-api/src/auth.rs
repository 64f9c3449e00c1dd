//! Who calls: an Entra identity that gives tokens.

use std::path::PathBuf;
use std::sync::Arc;

use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{Secret, TokenCredential};
use azure_core::http::{ClientOptions, ExponentialRetryOptions, RetryOptions, Transport};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions, ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId,
    WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use secrecy::{ExposeSecret, SecretString};

use crate::error::{Error, Result, chain};

/// The scope of tokens for Fabric.
pub const FABRIC_SCOPE: &str = "https://api.fabric.microsoft.com/.default";
/// The scope of tokens for an instance.
pub const SQL_SCOPE: &str = "https://database.windows.net/.default";

/// How the caller proves who it is.
#[derive(Clone, Debug)]
pub enum Credential {
    ClientSecret {
        tenant_id: String,
        client_id: String,
        client_secret: SecretString,
    },
    /// A token of another issuer in a file, exchanged for one of Entra (OpenID Connect federation).
    WorkloadIdentity {
        tenant_id: String,
        client_id: String,
        token_file: PathBuf,
    },
    /// The identity of the machine; with a client id, a user-assigned one.
    ManagedIdentity {
        client_id: Option<String>,
    },
    /// Whoever is logged in to the `az` command.
    AzureCli {
        tenant_id: Option<String>,
    },
}

/// Gives tokens, and keeps them until shortly before they expire.
#[derive(Clone, Debug)]
pub struct Tokens(Arc<dyn TokenCredential>);

impl Tokens {
    /// `authority_host` is an https URL; without it `AZURE_AUTHORITY_HOST` or the public cloud.
    ///
    /// # Errors
    /// [`Error::Setup`] when the credential's parts are unusable.
    pub fn new(credential: &Credential, authority_host: Option<&str>, http: &reqwest::Client) -> Result<Self> {
        let client_options = ClientOptions {
            cloud: authority_host.map(|host| {
                let mut cloud = CustomConfiguration::default();
                cloud.authority_host = host.to_owned();
                Arc::new(CloudConfiguration::from(cloud))
            }),
            transport: Some(Transport::new(Arc::new(http.clone()))),
            // The library's eight would be a silent minute where a certificate is not trusted.
            retry: RetryOptions::exponential(ExponentialRetryOptions { max_retries: 3, ..Default::default() }),
            ..Default::default()
        };
        let setup = |error: azure_core::Error| Error::Setup(format!("the Entra credential cannot be used: {error}"));
        Ok(Self(match credential {
            Credential::ClientSecret { tenant_id, client_id, client_secret } => ClientSecretCredential::new(
                tenant_id,
                client_id.clone(),
                Secret::new(client_secret.expose_secret().to_owned()),
                Some(ClientSecretCredentialOptions { client_options }),
            )
            .map_err(setup)?,
            Credential::WorkloadIdentity { tenant_id, client_id, token_file } => {
                WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
                    credential_options: ClientAssertionCredentialOptions { client_options },
                    client_id: Some(client_id.clone()),
                    tenant_id: Some(tenant_id.clone()),
                    token_file_path: Some(token_file.clone()),
                }))
                .map_err(setup)?
            }
            Credential::ManagedIdentity { client_id } => {
                ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
                    client_options,
                    user_assigned_id: client_id.clone().map(UserAssignedId::ClientId),
                }))
                .map_err(setup)?
            }
            Credential::AzureCli { tenant_id } => AzureCliCredential::new(Some(AzureCliCredentialOptions {
                tenant_id: tenant_id.clone(),
                ..Default::default()
            }))
            .map_err(setup)?,
        }))
    }

    /// A token for `scope`.
    ///
    /// # Errors
    /// [`Error::Auth`], with Entra's own words.
    pub async fn token(&self, scope: &str) -> Result<SecretString> {
        // The library's own words are often that it has tried often enough; why it had to is in the causes.
        let refused = |error: azure_core::Error| Error::Auth(chain(&error));
        let token = self.0.get_token(&[scope], None).await.map_err(refused)?;
        Ok(SecretString::from(token.token.secret().to_owned()))
    }
}
