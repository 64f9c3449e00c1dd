//! The connectors that can reach a Managed Instance, as `supportedConnectionTypes` lists them. fabric-api facts §4.1
//! and the live rows of §11.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConnectionKind {
    /// The only kind that mirroring takes.
    AzureSqlMI,
    /// The generic SQL Server connector; it reaches the instance, and mirroring refuses it.
    Sql,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Parameter {
    pub name: &'static str,
    pub data_type: &'static str,
    pub required: bool,
    /// Always null in the rows that were recorded.
    pub allowed_values: Option<&'static [&'static str]>,
}

const fn text(name: &'static str, required: bool) -> Parameter {
    Parameter { name, data_type: "Text", required, allowed_values: None }
}

const MI_PARAMETERS: [Parameter; 3] = [text("server", true), text("database", true), text("Query", false)];
const SQL_PARAMETERS: [Parameter; 2] = [text("server", true), text("database", false)];

impl ConnectionKind {
    pub const ALL: [Self; 2] = [Self::AzureSqlMI, Self::Sql];

    /// `connectionDetails.type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::AzureSqlMI => "AzureSqlMI",
            Self::Sql => "SQL",
        }
    }

    /// Spellings of its one creation method: the samples of the specification and the live list differ for SQL.
    pub fn creation_methods(self) -> &'static [&'static str] {
        match self {
            Self::AzureSqlMI => &["AzureSqlMI.Database"],
            Self::Sql => &["Sql", "SQL"],
        }
    }

    pub fn parameters(self) -> &'static [Parameter] {
        match self {
            Self::AzureSqlMI => &MI_PARAMETERS,
            Self::Sql => &SQL_PARAMETERS,
        }
    }

    pub fn credential_types(self, behind_gateway: bool) -> &'static [&'static str] {
        match (self, behind_gateway) {
            (Self::AzureSqlMI, _) | (Self::Sql, true) => &["Basic", "OAuth2", "ServicePrincipal"],
            (Self::Sql, false) => &["Basic", "OAuth2", "ServicePrincipal", "WorkspaceIdentity"],
        }
    }

    pub fn encryptions(self) -> &'static [&'static str] {
        match self {
            Self::AzureSqlMI => &["NotEncrypted", "Encrypted"],
            Self::Sql => &["Encrypted", "Any", "NotEncrypted"],
        }
    }

    /// As recorded of the generic connector in the cloud (January 2026) and behind a gateway (November 2025).
    fn user_code_credentials(self, behind_gateway: bool) -> &'static [&'static str] {
        match (self, behind_gateway) {
            (Self::Sql, false) => &["Basic", "ServicePrincipal", "WorkspaceIdentity"],
            (Self::Sql, true) | (Self::AzureSqlMI, _) => &[],
        }
    }

    /// The test of a Managed Instance connection can be skipped behind a gateway only (§11).
    pub fn can_skip_test(self, behind_gateway: bool) -> bool {
        behind_gateway || self == Self::Sql
    }
}

/// A row of `supportedConnectionTypes`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    #[serde(rename = "type")]
    kind: &'static str,
    creation_methods: Vec<CreationMethod>,
    supported_credential_types: &'static [&'static str],
    supported_connection_encryption_types: &'static [&'static str],
    supports_skip_test_connection: bool,
    /// A list wherever it is there; recordings until January 2026 have null in most rows, that of Managed Instances
    /// among them.
    supported_credential_types_for_usage_in_user_controlled_code: &'static [&'static str],
}

#[derive(Debug, Serialize)]
struct CreationMethod {
    name: &'static str,
    parameters: &'static [Parameter],
}

impl ConnectionKind {
    pub fn metadata(self, behind_gateway: bool) -> Metadata {
        Metadata {
            kind: self.name(),
            creation_methods: vec![CreationMethod { name: self.creation_methods()[0], parameters: self.parameters() }],
            supported_credential_types: self.credential_types(behind_gateway),
            supported_connection_encryption_types: self.encryptions(),
            supports_skip_test_connection: self.can_skip_test(behind_gateway),
            supported_credential_types_for_usage_in_user_controlled_code: self.user_code_credentials(behind_gateway),
        }
    }
}
