//! Tokens of other issuers, which Entra takes for an application that trusts them. Source: Learn, "Workload identity
//! federation"; GitHub Docs, "OpenID Connect reference".

use std::fmt;

use azure_core::credentials::Secret;
use azure_core::error::ErrorKind;
use azure_core::http::headers::{ACCEPT, AUTHORIZATION};
use azure_core::http::{ClientMethodOptions, ClientOptions, Method, Pipeline, PipelineSendOptions, Request, Url};
use azure_identity::ClientAssertion;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// What Entra wants as the audience of a token that is exchanged.
const AUDIENCE: &str = "api://AzureADTokenExchange";

/// A token that the caller has. It is good for as long as its issuer made it: minutes, mostly.
pub(super) struct Given(pub SecretString);

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Given")
    }
}

#[async_trait::async_trait]
impl ClientAssertion for Given {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        Ok(self.0.expose_secret().to_owned())
    }
}

/// Asks a GitHub Actions job's issuer for a token each time that one is needed.
pub(super) struct Requested {
    url: Url,
    token: SecretString,
    pipeline: Pipeline,
}

impl fmt::Debug for Requested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Requested")
    }
}

#[derive(Deserialize)]
struct IdToken {
    value: Secret,
}

impl Requested {
    /// # Errors
    /// The address is no https URL.
    pub fn new(url: &str, token: SecretString, options: ClientOptions) -> Result<Self, String> {
        let mut url: Url = url.parse().map_err(|error| format!("the OIDC request URL `{url}` is none: {error}"))?;
        if url.scheme() != "https" {
            return Err(format!("the OIDC request URL `{url}` is no https URL"));
        }
        url.query_pairs_mut().append_pair("audience", AUDIENCE);
        let pipeline = Pipeline::new(
            option_env!("CARGO_PKG_NAME"),
            option_env!("CARGO_PKG_VERSION"),
            options,
            Vec::new(),
            Vec::new(),
            None,
        );
        Ok(Self { url, token, pipeline })
    }
}

#[async_trait::async_trait]
impl ClientAssertion for Requested {
    async fn secret(&self, options: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let mut request = Request::new(self.url.clone(), Method::Get);
        request.insert_header(AUTHORIZATION, format!("Bearer {}", self.token.expose_secret()));
        request.insert_header(ACCEPT, "application/json");
        let options = options.unwrap_or_default();
        let unchecked = PipelineSendOptions { skip_checks: true, ..Default::default() };
        let answer = self.pipeline.send(&options.context.to_borrowed(), &mut request, Some(unchecked)).await?;
        let refused = |why: &str| {
            azure_core::Error::with_message(
                ErrorKind::Credential,
                format!(
                    "the issuer at {} gives no OIDC token: {why}. A job of GitHub Actions needs `permissions: id-token: write`",
                    self.url.host_str().unwrap_or_default()
                ),
            )
        };
        if !answer.status().is_success() {
            return Err(refused(&format!("it answers {}", answer.status())));
        }
        let token: IdToken = answer.into_body().json().map_err(|_| refused("its answer holds none"))?;
        Ok(token.value.secret().to_owned())
    }
}
