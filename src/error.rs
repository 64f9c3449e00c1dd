//! What a handler fails with, and the one place where it becomes a diagnostic: what was wrong, where, what to do next.

use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tfplugin::schema::Attribute;
use tfplugin::{AttributePath, Diagnostic, Diagnostics, HandlerError, sentence};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a handler could not do its work.
#[derive(Debug)]
pub enum Error {
    Sql(Box<mssql_admin::Error>),
    Fabric(Box<fabric_api::Error>),
    /// A part of the provider's block that comes from objects of the same run.
    UnknownBlock(&'static str),
    Said(Diagnostics),
    /// What stands in the way of many objects alike: said of the first one, and `said` then.
    Once {
        why: Box<Diagnostic>,
        said: Arc<AtomicBool>,
    },
    /// With a place, and with words that the handler knows and the client does not.
    In {
        error: Box<Error>,
        path: Option<AttributePath>,
        hint: Option<String>,
    },
}

impl Error {
    /// Says where in the configuration the cause lies.
    #[must_use]
    pub fn at(self, path: AttributePath) -> Self {
        Self::In { error: Box::new(self), path: Some(path), hint: None }
    }

    /// Adds what to do, to be pasted.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self::In { error: Box::new(self), path: None, hint: Some(hint.into()) }
    }

    /// The instance's error, through whatever was added to it.
    pub fn sql(&self) -> Option<&mssql_admin::Error> {
        match self {
            Self::Sql(error) => Some(error),
            Self::In { error, .. } => error.sql(),
            _ => None,
        }
    }

    /// The service's error, through whatever was added to it.
    pub fn fabric(&self) -> Option<&fabric_api::Error> {
        match self {
            Self::Fabric(error) => Some(error),
            Self::In { error, .. } => error.fabric(),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sql(error) => error.fmt(f),
            Self::Fabric(error) => error.fmt(f),
            Self::UnknownBlock(attribute) => write!(f, "the provider's `{attribute}` is not known yet"),
            Self::Said(diagnostics) => match diagnostics.0.first() {
                Some(diagnostic) => f.write_str(&diagnostic.summary),
                None => Ok(()),
            },
            Self::Once { why, .. } => f.write_str(&why.summary),
            Self::In { error, .. } => error.fmt(f),
        }
    }
}

impl From<mssql_admin::Error> for Error {
    fn from(error: mssql_admin::Error) -> Self {
        Self::Sql(Box::new(error))
    }
}

impl From<fabric_api::Error> for Error {
    fn from(error: fabric_api::Error) -> Self {
        Self::Fabric(Box::new(error))
    }
}

impl From<Diagnostic> for Error {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Said(diagnostic.into())
    }
}

impl From<Diagnostics> for Error {
    fn from(diagnostics: Diagnostics) -> Self {
        Self::Said(diagnostics)
    }
}

impl HandlerError for Error {
    fn diagnose(self, attributes: &[Attribute]) -> Diagnostics {
        match self {
            Self::Sql(error) => sql(&error, attributes).into(),
            Self::Fabric(error) => fabric(&error, attributes).into(),
            Self::UnknownBlock(attribute) => Diagnostic::error(
                format!("The provider's `{attribute}` is not known yet"),
                "It comes from an object that is created in the same run, so nothing can be asked before apply. Let \
                     what needs it wait for that object: `depends_on = [RESOURCE]`.",
            )
            .into(),
            Self::Said(diagnostics) => diagnostics,
            Self::Once { why, .. } => (*why).into(),
            Self::In { error, path, hint } => {
                let mut diagnostics = error.diagnose(attributes);
                for diagnostic in &mut diagnostics.0 {
                    if path.is_some() {
                        diagnostic.path.clone_from(&path);
                    }
                    if let Some(hint) = &hint {
                        let _ = write!(diagnostic.detail, "\n\n{hint}");
                    }
                }
                diagnostics
            }
        }
    }

    fn is_unknown_block(&self) -> bool {
        match self {
            Self::UnknownBlock(_) => true,
            Self::In { error, .. } => error.is_unknown_block(),
            _ => false,
        }
    }

    fn is_said(&self) -> bool {
        match self {
            Self::Once { said, .. } => said.swap(true, Ordering::SeqCst),
            Self::In { error, .. } => error.is_said(),
            _ => false,
        }
    }
}

/// The first of these attributes that the model has. `a.b` is an attribute inside another.
fn first_of(attributes: &[Attribute], names: &[&str]) -> Option<AttributePath> {
    names.iter().find_map(|name| {
        let mut within = attributes;
        let mut path = AttributePath::root();
        for part in name.split('.') {
            let attribute = within.iter().find(|attribute| attribute.name == part)?;
            path = path.attribute(part);
            within = attribute.ty.nested().map_or(&[][..], |(_, nested)| nested);
        }
        Some(path)
    })
}

fn placed(diagnostic: Diagnostic, path: Option<AttributePath>) -> Diagnostic {
    match path {
        Some(path) => diagnostic.at(path),
        None => diagnostic,
    }
}

/// What an error of the instance means for a user.
fn sql(error: &mssql_admin::Error, attributes: &[Attribute]) -> Diagnostic {
    use mssql_admin::Fault;
    // Entra's refusal is the same for instances as for Fabric.
    if let mssql_admin::Error::Token(refused) = error
        && let Some(cause) = refused.strip_prefix("no token from Entra: ")
    {
        return fabric(&fabric_api::Error::Auth(cause.to_owned()), attributes);
    }
    let places: &[&str] = match error.fault() {
        Fault::Name => &["name", "principal"],
        Fault::Password => &["password_wo", "basic.password_wo"],
        Fault::Sid => &["sid", "name"],
        Fault::Login => &["login_name", "name"],
        Fault::Database => &["database", "default_database"],
        Fault::Permission => &["permissions"],
        Fault::Role => &["server_roles", "roles"],
        Fault::Owner => &["owner"],
        Fault::Schema => &["default_schema", "transfer_schemas_to"],
        Fault::Server => &["server", "sql.server"],
        Fault::Other => &[],
    };
    let mut detail = sentence(&error.to_string());
    if let Some(fix) = error.fix() {
        let _ = write!(detail, "\n\n{fix}");
    }
    placed(Diagnostic::error(error.summary(), detail), first_of(attributes, places))
}

/// What an error of the service means for a user (codes: fabric-api facts §8.2, §11).
fn fabric(error: &fabric_api::Error, attributes: &[Attribute]) -> Diagnostic {
    let code = error.code().unwrap_or_default();
    // The swagger and the wire spell some codes differently, with `Input` at the end.
    let (summary, places, advice): (&str, &[&str], &str) = match code.strip_suffix("Input").unwrap_or(code) {
        "DuplicateConnectionName" => (
            "A connection of this name exists",
            &["display_name"],
            "Names of connections are unique in the tenant, also among those you cannot see. Choose another name, or \
             import the connection.",
        ),
        "ItemDisplayNameAlreadyInUse" => (
            "An item of this name exists in the workspace",
            &["display_name"],
            "Choose another name, or import the item.",
        ),
        "ItemDisplayNameNotAvailableYet" => (
            "The name is reserved by an item that was deleted",
            &["display_name"],
            "It is free again some minutes after the deletion. Apply again then.",
        ),
        "IncorrectCredentials" | "InvalidCredentialDetails" if error.to_string().contains("Cannot open database") => (
            "The source refuses the connection's credentials",
            &["database", "basic"],
            "The login may not open this database: it is not mapped to a user of the database, or CONNECT is not granted to \
             it. Let `database` refer to the `database` of the `fabricmirror_database_user`, and `username` to its \
             `login_name`: both then mean the same user, which is there first.",
        ),
        "IncorrectCredentials" | "InvalidCredentialDetails" => (
            "The source refuses the connection's credentials",
            &["basic"],
            "Fabric logs in to the source before it accepts a connection. Check user name and password, and that the \
             login is mapped to a user of the database; where all of them are made in the same run, let `username` \
             refer to the `login_name` of the `fabricmirror_database_user`, so that the user is there first.",
        ),
        "CreateGatewayConnectionFailed" | "UpdateGatewayConnectionFailed" => {
            ("Fabric cannot reach the source", &["server"], "")
        }
        "InvalidConnectionDetails" => ("The connection's details are refused", &["server", "connection_id"], ""),
        "DatabaseAlreadyMirrored" => (
            "The database is mirrored already",
            &["mirrored_database_id"],
            "A database can be mirrored once, by any workspace. If another mirror uses it, that one has to go. If none does – \
             one was deleted while it ran, or its workspace was –, its change feed was left behind.",
        ),
        "InvalidConnectionInformation" => (
            "The connection cannot be used for mirroring",
            &["connection_id"],
            "It must be of the type \"SQL Managed Instance\" (`AzureSqlMI`): `fabricmirror_connection` makes one. If somebody \
             deleted it, run again: the next plan makes it anew.",
        ),
        "PrincipalNotFound" => (
            "The principal is not known in the tenant",
            &["principal"],
            "It was asked for during two minutes, as a new identity may take them to spread; where it is newer than that, \
             apply again. Of an application or managed identity the id is the object id of its *enterprise application*, \
             never the client id, and the type is `ServicePrincipal`.",
        ),
        "PrincipalAlreadyHasWorkspaceRolePermissions" => {
            ("The principal has a role in the workspace", &["principal"], "")
        }
        "ConnectionRoleAssignmentAlreadyExists" => ("The principal has a role on the connection", &["principal"], ""),
        "InsufficientPermissionsToManageConnection" => (
            "The provider's identity may not do this with the connection",
            &["connection_id", "id"],
            "Changing and deleting a connection, and changing roles on it, needs the role Owner on it; giving a role, \
             UserWithReshare. An owner gives that to the provider's identity in the portal, under \"Manage connections and \
             gateways\".",
        ),
        "WorkspaceNotFound" => (
            "The workspace is not there, or not visible",
            &["workspace_id"],
            "Check the id, and that the provider's identity has a role in the workspace. If the workspace was deleted, take \
             its objects out of the state with `removed` blocks: nothing is taken for deleted that may only be invisible.",
        ),
        "InsufficientWorkspaceRole" | "InsufficientPrivileges" | "Forbidden" | "MissingMinimalPermissions" => (
            "The provider's identity may not do this",
            &["workspace_id"],
            "Items need the workspace role Contributor, role assignments Member, their changes Admin.",
        ),
        "CapacityNotActive" | "CapacityNotInActiveState" => (
            "The workspace's capacity is paused",
            &["workspace_id"],
            "Resume the capacity in the Azure portal (or with `az fabric capacity resume`), then run again. While it is \
             paused, nothing can be said about its items: none of them is taken for deleted.",
        ),
        "ItemNotFound" | "EntityNotFound" => (
            "It is not there any more",
            &["mirrored_database_id", "id"],
            "Somebody deleted it since the state was read, or the id is wrong. Run again: the next plan shows what is there \
             now.",
        ),
        "OperationNotAllowedInCurrentStatus" => ("The mirror's status does not allow this now", &[], "Run again."),
        _ => match error {
            // The words of rustls: Entra speaks of a certificate too, where it is the client's own credential.
            fabric_api::Error::Auth(cause) if cause.contains("invalid peer certificate") => (
                "Entra's certificate is not trusted",
                &["ca_certificate_file"],
                "Where a proxy or a test stands between, its CA belongs into `ca_certificate_file` or \
                 FABRICMIRROR_CA_CERTIFICATE_FILE.",
            ),
            fabric_api::Error::Setup(cause) if cause.contains("Entra credential") => (
                "The Entra credential cannot be used",
                &["client_id"],
                "It is what the provider's block says, or FABRIC_CLIENT_ID and, with `use_oidc`, \
                 FABRIC_OIDC_TOKEN_FILE_PATH in the environment.",
            ),
            fabric_api::Error::Sealing(_) => {
                ("The gateway cannot be given the credentials", &["gateway_id"], "Nothing was sent.")
            }
            fabric_api::Error::Setup(_) => ("The way to Microsoft Fabric cannot be set up", &["endpoint"], ""),
            fabric_api::Error::Auth(_) => (
                "Entra gives no token",
                &["client_id"],
                "Check tenant, client id and what proves the identity – secret, certificate or OIDC token: in the provider's \
                 block, or FABRIC_TENANT_ID, FABRIC_CLIENT_ID and FABRIC_CLIENT_SECRET, FABRIC_CLIENT_CERTIFICATE_FILE_PATH \
                 or FABRIC_USE_OIDC.",
            ),
            // Under a code that nobody knows, or none: it may be hidden as well as gone.
            error if matches!(error.status(), Some(404 | 410)) => (
                "Microsoft Fabric does not find it",
                &["mirrored_database_id", "id"],
                "Somebody deleted it since the state was read, the provider's identity may not see it, or the workspace's \
                 capacity is paused. Run again: the next plan shows what is there now.",
            ),
            fabric_api::Error::Interrupted { .. } => {
                ("The run was interrupted", &[], "Nothing was done that is not in the state. Run again.")
            }
            fabric_api::Error::Unreachable { .. } => ("Microsoft Fabric cannot be reached", &["endpoint"], ""),
            fabric_api::Error::AnswerLost { .. } => (
                "The answer of Microsoft Fabric was lost",
                &[],
                "The request may have taken effect. Run again; if the object exists, the error will hold its `import` \
                 block.",
            ),
            error if error.status().is_some_and(|status| status >= 500) => (
                "Microsoft Fabric has a failure of its own",
                &[],
                "Run again. If the object was made all the same, the error will hold its `import` block.",
            ),
            _ => ("Microsoft Fabric refuses the request", &[], ""),
        },
    };
    let mut detail = sentence(&error.to_string());
    if !advice.is_empty() {
        let _ = write!(detail, "\n\n{advice}");
    }
    if let Some(request) = error.request_id() {
        let _ = write!(detail, "\n\nRequest id: {request}");
    }
    placed(Diagnostic::error(summary, detail), first_of(attributes, places))
}

#[cfg(test)]
mod tests {
    use super::{fabric, sql};

    #[test]
    fn a_certificate_that_entra_refuses_is_not_entras_own() {
        let summary = |cause: &str| fabric(&fabric_api::Error::Auth(cause.to_owned()), &[]).summary;
        let refused =
            "AADSTS700027: The certificate with identifier used to sign the client assertion is not registered";
        assert_eq!(summary(refused), "Entra gives no token");
        assert_eq!(summary("invalid peer certificate: UnknownIssuer"), "Entra's certificate is not trusted");
        let of_fabric = fabric_api::Error::Auth(refused.to_owned());
        let of_instance = mssql_admin::Error::Token(of_fabric.to_string());
        assert_eq!(sql(&of_instance, &[]), fabric(&of_fabric, &[]));
    }
}
