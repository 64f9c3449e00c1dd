//! Who calls: an Entra identity that gives tokens.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{Secret, TokenCredential};
use azure_core::error::ErrorKind;
use azure_core::http::{
    AsyncRawResponse, ClientOptions, ExponentialRetryOptions, HttpClient, Request, RetryOptions, Transport,
};
use azure_core::time::Duration;
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions, ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId,
    WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result, chain};
use crate::outage::Outage;
use crate::stop::Stop;

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
pub struct Tokens {
    credential: Arc<dyn TokenCredential>,
    outage: Outage,
    stop: Stop,
}

impl Tokens {
    /// `authority_host` is an https URL; without it `AZURE_AUTHORITY_HOST` or the public cloud. After `stop` no token
    /// is asked for.
    ///
    /// # Errors
    /// [`Error::Setup`] when the credential's parts are unusable.
    pub fn new(
        credential: &Credential,
        authority_host: Option<&str>,
        http: &reqwest::Client,
        stop: CancellationToken,
    ) -> Result<Self> {
        let outage = Outage::default();
        let client_options = ClientOptions {
            cloud: authority_host.map(|host| {
                let mut cloud = CustomConfiguration::default();
                cloud.authority_host = host.to_owned();
                Arc::new(CloudConfiguration::from(cloud))
            }),
            transport: Some(Transport::new(Arc::new(Http { http: http.clone(), outage: outage.clone() }))),
            // The library's eight times in a minute would be a silent minute where a certificate is not trusted.
            retry: RetryOptions::exponential(ExponentialRetryOptions {
                max_retries: 3,
                max_total_elapsed: Duration::seconds(5),
                ..Default::default()
            }),
            ..Default::default()
        };
        let setup = |error: azure_core::Error| Error::Setup(format!("the Entra credential cannot be used: {error}"));
        let credential: Arc<dyn TokenCredential> = match credential {
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
        };
        Ok(Self { credential, outage, stop: Stop::new(stop) })
    }

    /// A token for `scope`.
    ///
    /// # Errors
    /// [`Error::Auth`], with Entra's own words; [`Error::Interrupted`].
    pub async fn token(&self, scope: &str) -> Result<SecretString> {
        let scopes = [scope];
        let asked = self.stop.or_drop(self.credential.get_token(&scopes, None)).await;
        let token = asked.map_err(|_| Error::Interrupted { operation: "getting a token from Entra" })?;
        let token = token.map_err(|error| {
            // The library's own words are often that it has tried often enough; why it had to is in the causes.
            let cause = chain(&error);
            if is_unconnected(&error) {
                self.outage.remember(&cause);
            }
            Error::Auth(cause)
        })?;
        Ok(SecretString::from(token.token.secret().to_owned()))
    }
}

/// No connection was made, whatever the library wrapped around that.
fn is_unconnected(error: &azure_core::Error) -> bool {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |cause| cause.source());
    causes.filter_map(|cause| cause.downcast_ref::<reqwest::Error>()).any(reqwest::Error::is_connect)
}

/// What carries the requests for tokens. The library keeps tokens itself: an outage concerns only those it has to fetch.
#[derive(Debug)]
struct Http {
    http: reqwest::Client,
    outage: Outage,
}

impl HttpClient for Http {
    // As `async_trait` has it, in which the trait is written.
    fn execute_request<'a, 'b, 'c>(
        &'a self,
        request: &'b Request,
    ) -> Pin<Box<dyn Future<Output = azure_core::Result<AsyncRawResponse>> + Send + 'c>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(async move {
            if let Some(cause) = self.outage.lately(1) {
                return Err(azure_core::Error::with_message(ErrorKind::Other, cause));
            }
            let response = self.http.execute_request(request).await?;
            self.outage.is_over();
            Ok(response)
        })
    }
}
