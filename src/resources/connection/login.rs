//! As whom a connection logs in: one of three blocks.

use fabric_api::connections::{self, CredentialType, Credentials, SecretSource};
use fabric_api::{ApplicationId, ConnectionId, TenantId};
use mssql_admin::Identifier;
use tfplugin::{AttributePath, Diagnostic, Diagnostics, Model, Secret, Text, Value, path};

use super::{Connection, ConnectionDraft};

/// A SQL login.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct Basic {
    /// Name of the login.
    #[attr(required)]
    username: Text<Identifier>,

    /// Its password. Sent to Fabric and kept nowhere. Change it by raising `password_wo_version`. This or
    /// `password_reference`.
    #[attr(optional, write_only, requires = "password_wo_version", conflicts = "password_reference")]
    password_wo: Value<Secret>,

    /// Any number; a different one sends `password_wo` again.
    #[attr(optional, requires = "password_wo")]
    password_wo_version: Value<i64>,

    /// Where Fabric finds the password. Not through an on-premises gateway.
    #[attr(optional)]
    password_reference: Value<SecretReference>,
}

/// An application: of the instance it is a login made from Entra.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct ServicePrincipal {
    /// Its tenant.
    #[attr(required)]
    tenant_id: Text<TenantId>,

    /// Its client id.
    #[attr(required)]
    client_id: Text<ApplicationId>,

    /// Its secret. Sent to Fabric and kept nowhere. Change it by raising `client_secret_wo_version`. This or
    /// `client_secret_reference`.
    #[attr(optional, write_only, requires = "client_secret_wo_version", conflicts = "client_secret_reference")]
    client_secret_wo: Value<Secret>,

    /// Any number; a different one sends `client_secret_wo` again.
    #[attr(optional, requires = "client_secret_wo")]
    client_secret_wo_version: Value<i64>,

    /// Where Fabric finds the secret. Not through an on-premises gateway.
    #[attr(optional)]
    client_secret_reference: Value<SecretReference>,
}

/// The identity of the workspace that uses the connection.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct WorkspaceIdentity {}

/// A secret in a key vault, which Fabric reads by itself when it logs in.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct SecretReference {
    /// A connection of the type "Azure Key Vault" to the vault.
    #[attr(required)]
    connection_id: Text<ConnectionId>,

    /// Name of the secret in the vault.
    #[attr(required)]
    secret_name: String,

    /// One version of the secret. Left out: the newest.
    #[attr(optional)]
    version: Value<String>,
}

impl SecretReference {
    fn meant(&self) -> SecretSource {
        SecretSource::Reference(connections::SecretReference {
            connection_id: *self.connection_id.value(),
            secret_name: self.secret_name.clone(),
            version: self.version.known().cloned(),
        })
    }
}

/// A secret that is given, else where it is found.
fn source(secret: &Value<Secret>, reference: &Value<SecretReference>) -> Option<SecretSource> {
    match (secret.known(), reference.known()) {
        (Some(secret), _) => Some(SecretSource::Value(secret.inner().clone())),
        (None, Some(reference)) => Some(reference.meant()),
        (None, None) => None,
    }
}

/// The blocks of a connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Blocks {
    pub basic: Value<Basic>,
    pub service_principal: Value<ServicePrincipal>,
    pub workspace_identity: Value<WorkspaceIdentity>,
}

/// The names of the blocks.
pub const BLOCKS: &str = "`basic`, `service_principal` or `workspace_identity`";

impl Blocks {
    pub fn is_none(&self) -> bool {
        self.basic.is_null() && self.service_principal.is_null() && self.workspace_identity.is_null()
    }

    /// What the block that is there is called by the service, and where it stands.
    pub fn kind(&self) -> Option<(CredentialType, AttributePath)> {
        if !self.basic.is_null() {
            Some((CredentialType::Basic, path!(Connection: basic)))
        } else if !self.service_principal.is_null() {
            Some((CredentialType::ServicePrincipal, path!(Connection: service_principal)))
        } else if !self.workspace_identity.is_null() {
            Some((CredentialType::WorkspaceIdentity, path!(Connection: workspace_identity)))
        } else {
            None
        }
    }

    /// Where a reference stands, if there is one.
    pub fn reference(&self) -> Option<AttributePath> {
        if self.basic.known().is_some_and(|it| !it.password_reference.is_null()) {
            return Some(path!(Connection: basic.password_reference));
        }
        let application = self.service_principal.known()?;
        (!application.client_secret_reference.is_null())
            .then(|| path!(Connection: service_principal.client_secret_reference))
    }

    /// The same without secrets: what the state holds, and what a difference is told by.
    pub fn without_secrets(&self) -> Self {
        let mut blocks = self.clone();
        if let Value::Known(basic) = &mut blocks.basic {
            basic.password_wo = Value::Null;
        }
        if let Value::Known(application) = &mut blocks.service_principal {
            application.client_secret_wo = Value::Null;
        }
        blocks
    }

    /// `None`: no block is there, or its secret is not.
    pub fn credentials(&self) -> Option<Credentials> {
        if let Some(basic) = self.basic.known() {
            let password = source(&basic.password_wo, &basic.password_reference)?;
            return Some(Credentials::Basic { username: basic.username.spelling().to_owned(), password });
        }
        if let Some(application) = self.service_principal.known() {
            return Some(Credentials::ServicePrincipal {
                tenant_id: *application.tenant_id.value(),
                client_id: *application.client_id.value(),
                secret: source(&application.client_secret_wo, &application.client_secret_reference)?,
            });
        }
        self.workspace_identity.known().map(|_| Credentials::WorkspaceIdentity)
    }
}

/// What the blocks cannot be: found without asking anybody.
pub fn validate(config: &ConnectionDraft) -> Diagnostics {
    let mut found = Diagnostics::default();
    let blocks = config.blocks();
    let given = [
        (!blocks.basic.is_null(), path!(Connection: basic)),
        (!blocks.service_principal.is_null(), path!(Connection: service_principal)),
        (!blocks.workspace_identity.is_null(), path!(Connection: workspace_identity)),
    ];
    if let Some((_, second)) = given.into_iter().filter(|(is_there, _)| *is_there).nth(1) {
        let detail = format!("Give one of {BLOCKS}: Fabric logs in as one.");
        found.push(Diagnostic::error("A connection has one kind of credentials", detail).at(second));
    }
    let mut needs_secret = |lacks: bool, at: AttributePath, secret: &str, reference: &str| {
        if lacks {
            let detail = format!("Give `{secret}` with `{secret}_version`, or `{reference}`.");
            found.push(Diagnostic::error("The credentials have no secret", detail).at(at));
        }
    };
    if let Some(basic) = blocks.basic.known() {
        let lacks = basic.password_wo.is_null() && basic.password_reference.is_null();
        needs_secret(lacks, path!(Connection: basic), "password_wo", "password_reference");
    }
    if let Some(application) = blocks.service_principal.known() {
        let lacks = application.client_secret_wo.is_null() && application.client_secret_reference.is_null();
        needs_secret(lacks, path!(Connection: service_principal), "client_secret_wo", "client_secret_reference");
    }
    found
}
