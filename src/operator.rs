//! Who calls Fabric, Entra and instances: out of the provider's block and the environment.

use std::path::PathBuf;
use std::sync::Arc;

use fabric_api::auth::{ClientCertificate, Issued};
use fabric_api::{Cloud, Credential};
use secrecy::{ExposeSecret, SecretString};
use tfplugin::{AttributePath, Diagnostic, Diagnostics, Secret, Value, path};

use crate::clients::{Fabric, Settings};
use crate::error::Result;
use crate::provider::{Config, ConfigDraft};

/// A variable of the environment that is set to something.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Why there is no value yet, or none at all.
pub enum No {
    /// It comes from an object of the same run.
    Unknown,
    /// Said to whoever needs it.
    Missing(Diagnostics),
    /// Said at once: something is named, and leads nowhere.
    Wrong(Diagnostic),
}

/// What an attribute of the block becomes.
pub trait Given {
    type As: From<String>;
    fn given(&self) -> Self::As;
}

impl Given for String {
    type As = Self;
    fn given(&self) -> Self {
        self.clone()
    }
}

impl Given for Secret {
    type As = SecretString;
    fn given(&self) -> SecretString {
        self.inner().clone()
    }
}

/// An attribute of the block, with the variables that stand in for it, the first one first.
pub struct Setting<T> {
    value: Result<Option<T>, ()>,
    path: AttributePath,
    variables: &'static [&'static str],
}

impl<T> Setting<T> {
    pub fn of<A: Given<As = T>>(configured: &Value<A>, path: AttributePath, variables: &'static [&'static str]) -> Self
    where
        T: From<String>,
    {
        let value = match configured {
            Value::Known(value) => Ok(Some(value.given())),
            Value::Null => Ok(variables.iter().copied().find_map(variable).map(T::from)),
            _ => Err(()),
        };
        Self { value, path, variables }
    }

    pub fn optional(self) -> Result<Option<T>, No> {
        self.value.map_err(|()| No::Unknown)
    }

    /// The value of something that is needed.
    pub fn needed(self) -> Result<T, No> {
        let missing = Diagnostic::error(
            format!("`{}` is not set", self.path),
            format!("Set `{}` in the provider's block or {} in the environment.", self.path, self.variables[0]),
        )
        .at(self.path);
        self.value.map_err(|()| No::Unknown)?.ok_or_else(|| No::Missing(missing.into()))
    }
}

fn flag(configured: &Value<bool>, name: &str) -> Result<Option<bool>> {
    match configured {
        Value::Known(value) => Ok(Some(*value)),
        Value::Null => match variable(name).map(|value| value.to_ascii_lowercase()).as_deref() {
            None | Some("false" | "0" | "no") => Ok(Some(false)),
            Some("true" | "1" | "yes") => Ok(Some(true)),
            Some(other) => Err(unclear(format!("{name} is `{other}`: set it to `true` or `false`.")).into()),
        },
        _ => Ok(None),
    }
}

fn unclear(detail: String) -> Diagnostic {
    Diagnostic::error("A variable of the environment is unclear", detail)
}

/// The ways to prove an identity that are switched on.
struct Ways {
    msi: bool,
    cli: bool,
    oidc: bool,
}

impl ConfigDraft {
    /// How to call Fabric. What is missing is an error only once something needs it – a configuration of SQL objects with a
    /// SQL login needs no Entra identity –, what is wrong at once.
    pub fn fabric(&self) -> Result<Settings<Fabric>> {
        let flags = (
            flag(&self.use_msi, "FABRIC_USE_MSI")?,
            flag(&self.use_cli, "FABRIC_USE_CLI")?,
            flag(&self.use_oidc, "FABRIC_USE_OIDC")?,
        );
        let (Some(msi), Some(cli), Some(oidc)) = flags else { return Ok(Settings::Unknown) };
        let cloud = match (&self.environment, variable("FABRIC_ENVIRONMENT")) {
            (Value::Known(word), _) => word.as_str().parse::<Cloud>().unwrap_or_default(),
            (Value::Null, None) => Cloud::default(),
            (Value::Null, Some(word)) => word.parse().map_err(|why| unclear(format!("FABRIC_ENVIRONMENT: {why}.")))?,
            _ => return Ok(Settings::Unknown),
        };
        let made = || -> Result<Fabric, No> {
            let credential = self.credential(&Ways { msi, cli, oidc })?;
            let endpoint = Setting::of(&self.endpoint, path!(Config: endpoint), &["FABRIC_ENDPOINT"]).optional()?;
            let endpoint = endpoint.unwrap_or_else(|| cloud.fabric_endpoint().to_owned());
            Ok(Fabric { endpoint, credential, cloud })
        };
        match made() {
            Ok(fabric) => Ok(Settings::Known(fabric)),
            Err(No::Unknown) => Ok(Settings::Unknown),
            Err(No::Missing(why)) => Ok(Settings::Missing(why)),
            Err(No::Wrong(why)) => Err(why.into()),
        }
    }

    fn credential(&self, ways: &Ways) -> Result<Credential, No> {
        let tenant_id = Setting::of(&self.tenant_id, path!(Config: tenant_id), &["FABRIC_TENANT_ID"]);
        let client_id = Setting::of(&self.client_id, path!(Config: client_id), &["FABRIC_CLIENT_ID"]);
        if ways.msi {
            return Ok(Credential::ManagedIdentity { client_id: client_id.optional()? });
        }
        if ways.cli {
            return Ok(Credential::AzureCli { tenant_id: tenant_id.optional()? });
        }
        let (tenant_id, client_id) = (tenant_id.needed()?, client_id.needed()?);
        if ways.oidc {
            return Ok(Credential::Federated { tenant_id, client_id, issued: self.issued()? });
        }
        if let Some(certificate) = self.certificate()? {
            return Ok(Credential::ClientCertificate { tenant_id, client_id, certificate: Arc::new(certificate) });
        }
        let secret = Setting::of(&self.client_secret, path!(Config: client_secret), &["FABRIC_CLIENT_SECRET"]);
        Ok(Credential::ClientSecret { tenant_id, client_id, client_secret: secret.needed()? })
    }

    /// Where the other issuer's token comes from: the token itself, a file, a pipeline's service connection, or the
    /// address that a job is given.
    fn issued(&self) -> Result<Issued, No> {
        let token = Setting::of(&self.oidc_token, path!(Config: oidc_token), &["FABRIC_OIDC_TOKEN"]);
        if let Some(token) = token.optional()? {
            return Ok(Issued::Token(token));
        }
        let file = Setting::of(
            &self.oidc_token_file_path,
            path!(Config: oidc_token_file_path),
            &["FABRIC_OIDC_TOKEN_FILE_PATH"],
        );
        if let Some(file) = file.optional()? {
            return Ok(Issued::File(PathBuf::from(file)));
        }
        let request_token = Setting::of(
            &self.oidc_request_token,
            path!(Config: oidc_request_token),
            &["FABRIC_OIDC_REQUEST_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "SYSTEM_ACCESSTOKEN"],
        );
        let connection = Setting::of(
            &self.azure_devops_service_connection_id,
            path!(Config: azure_devops_service_connection_id),
            &["FABRIC_AZURE_DEVOPS_SERVICE_CONNECTION_ID"],
        );
        if let Some(service_connection_id) = connection.optional()? {
            return Ok(Issued::Pipeline { service_connection_id, access_token: request_token.needed()? });
        }
        let url = Setting::of(
            &self.oidc_request_url,
            path!(Config: oidc_request_url),
            &["FABRIC_OIDC_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_URL"],
        );
        let Some(url) = url.optional()? else {
            let nowhere = Diagnostic::error(
                "No OIDC token is named",
                "`use_oidc` is on, and nothing says where the token is. Set one of: `oidc_token_file_path` \
                 (FABRIC_OIDC_TOKEN_FILE_PATH); `oidc_token` (FABRIC_OIDC_TOKEN); in Azure Pipelines \
                 `azure_devops_service_connection_id` (FABRIC_AZURE_DEVOPS_SERVICE_CONNECTION_ID), with SYSTEM_ACCESSTOKEN \
                 handed to the step. In GitHub Actions give the job `permissions: id-token: write`: then \
                 ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN are set, and nothing else is needed.",
            );
            return Err(No::Wrong(nowhere.at(path!(Config: use_oidc))));
        };
        Ok(Issued::Request { url, token: request_token.needed()? })
    }

    /// The application's certificate, where one is named.
    fn certificate(&self) -> Result<Option<ClientCertificate>, No> {
        let text =
            Setting::of(&self.client_certificate, path!(Config: client_certificate), &["FABRIC_CLIENT_CERTIFICATE"]);
        let file = Setting::of(
            &self.client_certificate_file_path,
            path!(Config: client_certificate_file_path),
            &["FABRIC_CLIENT_CERTIFICATE_FILE_PATH"],
        );
        let password = Setting::of(
            &self.client_certificate_password,
            path!(Config: client_certificate_password),
            &["FABRIC_CLIENT_CERTIFICATE_PASSWORD"],
        );
        let (text, file, password) = (text.optional()?, file.optional()?, password.optional()?);
        let unusable = |whose: &str, why: String, path| {
            let diagnostic = Diagnostic::error(
                "The client certificate cannot be used",
                format!(
                    "{whose}: {why}. It is PEM or PKCS #12 (`.pfx`) with the certificate that Entra knows for the \
                     application and its RSA key; a password, if it has one, is `client_certificate_password`, or \
                     FABRIC_CLIENT_CERTIFICATE_PASSWORD in the environment."
                ),
            );
            No::Wrong(diagnostic.at(path))
        };
        let now = jiff::Timestamp::now().as_second();
        if let Some(text) = text {
            let read = ClientCertificate::read(text.expose_secret().as_bytes(), password.as_ref(), now);
            return read
                .map(Some)
                .map_err(|why| unusable("`client_certificate`", why, path!(Config: client_certificate)));
        }
        let Some(file) = file else { return Ok(None) };
        let read = std::fs::read(&file).map_err(|error| error.to_string());
        let read = read.and_then(|bytes| ClientCertificate::read(&bytes, password.as_ref(), now));
        read.map(Some).map_err(|why| unusable(&file, why, path!(Config: client_certificate_file_path)))
    }
}
