//! Who calls: an Entra identity that gives tokens.

mod certificate;
mod federation;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{Secret, TokenCredential};
use azure_core::error::ErrorKind;
use azure_core::http::{
    AsyncRawResponse, ClientOptions, ExponentialRetryOptions, HttpClient, Request, RetryOptions, Transport,
};
use azure_core::time::Duration;
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, AzurePipelinesCredential, AzurePipelinesCredentialOptions,
    ClientAssertion, ClientAssertionCredential, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions, ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId,
    WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;

pub use self::certificate::ClientCertificate;
use self::certificate::Signed;
use self::federation::{Given, Requested};
use crate::cloud::{Cloud, Service};
use crate::error::{Error, Result, chain};
use crate::outage::Outage;
use crate::proxy;
use crate::stop::Stop;

/// How the caller proves who it is.
#[derive(Clone, Debug)]
pub enum Credential {
    /// An application and its secret.
    ClientSecret { tenant_id: String, client_id: String, client_secret: SecretString },
    /// An application and its certificate, with the key.
    ClientCertificate { tenant_id: String, client_id: String, certificate: Arc<ClientCertificate> },
    /// A token of another issuer, exchanged for one of Entra (OpenID Connect federation).
    Federated { tenant_id: String, client_id: String, issued: Issued },
    /// The identity of the machine; with a client id, a user-assigned one.
    ManagedIdentity { client_id: Option<String> },
    /// Whoever is logged in to the `az` command.
    AzureCli { tenant_id: Option<String> },
}

/// Where the token of another issuer comes from.
#[derive(Clone, Debug)]
pub enum Issued {
    /// A file, read again when a token is needed.
    File(PathBuf),
    /// The token itself: good for as long as its issuer made it.
    Token(SecretString),
    /// Asked for at a GitHub Actions job's issuer.
    Request { url: String, token: SecretString },
    /// Asked for at Azure Pipelines' issuer, which the variable `SYSTEM_OIDCREQUESTURI` of a job names.
    Pipeline { service_connection_id: String, access_token: SecretString },
}

/// Gives tokens, and keeps them until shortly before they expire.
#[derive(Clone, Debug)]
pub struct Tokens {
    proof: Arc<Proof>,
    source: Arc<Mutex<Source>>,
    cloud: Cloud,
    outage: Outage,
    stop: Stop,
    /// On the way to Entra.
    proxy: Option<String>,
}

/// The library's credential keeps its tokens, and cannot be told that one of them is not good any more: another one in
/// its place knows of none.
#[derive(Debug)]
struct Source {
    credential: Arc<dyn TokenCredential>,
    /// How many there were before.
    number: u64,
}

impl Tokens {
    /// `authority_host` is an https URL; without it `AZURE_AUTHORITY_HOST`, else the cloud's. After `stop` no token is
    /// asked for.
    ///
    /// # Errors
    /// [`Error::Setup`] when the credential's parts are unusable.
    pub fn new(
        credential: &Credential,
        cloud: Cloud,
        authority_host: Option<&str>,
        http: &reqwest::Client,
        stop: CancellationToken,
    ) -> Result<Self> {
        let outage = Outage::default();
        let in_environment = std::env::var("AZURE_AUTHORITY_HOST").ok().filter(|host| !host.is_empty());
        let authority = authority_host.or(in_environment.as_deref()).unwrap_or(cloud.authority_host());
        let mut configuration = CustomConfiguration::default();
        authority.clone_into(&mut configuration.authority_host);
        let client_options = ClientOptions {
            cloud: Some(Arc::new(CloudConfiguration::from(configuration))),
            transport: Some(Transport::new(Arc::new(Http { http: http.clone(), outage: outage.clone() }))),
            // The library's eight times in a minute would be a silent minute where a certificate is not trusted.
            retry: RetryOptions::exponential(ExponentialRetryOptions {
                max_retries: 3,
                max_total_elapsed: Duration::seconds(5),
                ..Default::default()
            }),
            ..Default::default()
        };
        let proof = Proof { credential: credential.clone(), authority: authority.to_owned(), client_options };
        let source = Source { credential: proof.credential()?, number: 0 };
        // A managed identity asks its machine.
        let asks_entra = !matches!(credential, Credential::ManagedIdentity { .. });
        let proxy = asks_entra.then(|| proxy::on_the_way(authority)).flatten();
        Ok(Self {
            proof: Arc::new(proof),
            source: Arc::new(Mutex::new(source)),
            cloud,
            outage,
            stop: Stop::new(stop),
            proxy,
        })
    }

    /// A token for a service.
    ///
    /// # Errors
    /// [`Error::Auth`], with Entra's own words; [`Error::Interrupted`].
    pub async fn token(&self, service: Service) -> Result<SecretString> {
        self.numbered(service).await.map(|(token, _)| token)
    }

    /// A token, and the number by which [`Self::expired`] knows it.
    pub(crate) async fn numbered(&self, service: Service) -> Result<(SecretString, u64)> {
        let (credential, number) = {
            let source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
            (source.credential.clone(), source.number)
        };
        let scope = self.cloud.scope(service);
        let scopes = [scope.as_str()];
        let asked = self.stop.or_drop(credential.get_token(&scopes, None)).await;
        let token = asked.map_err(|_| Error::Interrupted { operation: "getting a token from Entra" })?;
        let token = token.map_err(|error| {
            // The library's own words are often that it has tried often enough; why it had to is in the causes.
            let mut cause = chain(&error);
            if is_unconnected(&error) {
                cause = proxy::named(cause, self.proxy.as_deref());
                self.outage.remember(&cause);
            }
            Error::Auth(cause)
        })?;
        Ok((SecretString::from(token.token.secret().to_owned()), number))
    }

    /// The service says that a token has expired: the next one is not the same. Of many calls that had it, the first to
    /// say so counts.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(crate) fn expired(&self, number: u64) -> Result<()> {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        if source.number == number {
            *source = Source { credential: self.proof.credential()?, number: number + 1 };
        }
        Ok(())
    }
}

/// What it takes to ask Entra for tokens.
#[derive(Debug)]
struct Proof {
    credential: Credential,
    authority: String,
    client_options: ClientOptions,
}

impl Proof {
    /// The library's credential, without any token yet.
    fn credential(&self) -> Result<Arc<dyn TokenCredential>> {
        let client_options = self.client_options.clone();
        Ok(match &self.credential {
            Credential::ClientSecret { tenant_id, client_id, client_secret } => ClientSecretCredential::new(
                tenant_id,
                client_id.clone(),
                Secret::new(client_secret.expose_secret().to_owned()),
                Some(ClientSecretCredentialOptions { client_options }),
            )
            .map_err(setup)?,
            Credential::ClientCertificate { tenant_id, client_id, certificate } => {
                let signed = Signed {
                    certificate: certificate.clone(),
                    client_id: client_id.clone(),
                    audience: format!("{}/{tenant_id}/oauth2/v2.0/token", self.authority.trim_end_matches('/')),
                };
                asserted(tenant_id, client_id, signed, client_options)?
            }
            Credential::Federated { tenant_id, client_id, issued } => match issued {
                Issued::File(file) => WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
                    credential_options: ClientAssertionCredentialOptions { client_options },
                    client_id: Some(client_id.clone()),
                    tenant_id: Some(tenant_id.clone()),
                    token_file_path: Some(file.clone()),
                }))
                .map_err(setup)?,
                Issued::Token(token) => asserted(tenant_id, client_id, Given(token.clone()), client_options)?,
                Issued::Request { url, token } => {
                    let requested = Requested::new(url, token.clone(), client_options.clone()).map_err(Error::Setup)?;
                    asserted(tenant_id, client_id, requested, client_options)?
                }
                Issued::Pipeline { service_connection_id, access_token } => AzurePipelinesCredential::new(
                    tenant_id.clone(),
                    client_id.clone(),
                    service_connection_id,
                    access_token.expose_secret().to_owned(),
                    Some(AzurePipelinesCredentialOptions {
                        credential_options: ClientAssertionCredentialOptions { client_options },
                    }),
                )
                .map_err(setup)?,
            },
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
        })
    }
}

fn setup(error: azure_core::Error) -> Error {
    Error::Setup(format!("the Entra credential cannot be used: {error}"))
}

fn asserted(
    tenant_id: &str,
    client_id: &str,
    assertion: impl ClientAssertion + 'static,
    client_options: ClientOptions,
) -> Result<Arc<dyn TokenCredential>> {
    let options = ClientAssertionCredentialOptions { client_options };
    let made = ClientAssertionCredential::new(tenant_id.to_owned(), client_id.to_owned(), assertion, Some(options));
    Ok(made.map_err(setup)?)
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

#[async_trait::async_trait]
impl HttpClient for Http {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        if let Some(cause) = self.outage.lately(1) {
            return Err(azure_core::Error::with_message(ErrorKind::Other, cause));
        }
        let response = self.http.execute_request(request).await?;
        self.outage.is_over();
        Ok(response)
    }
}
