//! What has to hold before data flows, and where its absence shows. Every condition is a step of the tutorial
//! (design.md §6).
//!
//! | what is missing | shows as | known from |
//! |---|---|---|
//! | connection is not of the Managed Instance kind | 400 when the definition is given; `connection_checked` chooses | tutorial (portal); for the API UNCONFIRMED |
//! | endpoint or gateway cannot be reached, login refused, user not mapped, permission missing, update policy, primary identity, database mirrored already | Stopped with `error` after the start | "not ready shows as Stopped with an error text" (fabric-api facts §11); for each single cause UNCONFIRMED |
//! | a system database, change data capture on, delayed durability not disabled | the same, after the start and while running (sql-mi facts §5.1: such a database cannot be mirrored) | how it shows: UNCONFIRMED |
//! | any of these while running | Running with `error`, tables Failed, from the next poll on | UNCONFIRMED |
//! | identity without a role in the workspace | Running, every table Failed | fabric-api facts §11 |
//! | tenant setting off | Running, tables stay Snapshotting | "tables cannot reach replicating status" (sql-mi facts §6.5) |
//! | capacity paused | Paused | fabric-api facts §1.6 |
//!
//! UNCONFIRMED too: the codes (no code of a failing Managed Instance mirror is published), and that a table recovers
//! by itself when its cause is gone; the engine has a snapshot retry count (sql-mi facts §4.3), so it tries again.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::tables::Blocked;
use crate::fabric::error::ErrorBody;
use crate::fabric::roles::WorkspaceRole;
use crate::fabric::server::Endpoint;
use crate::rest::ContainedUser;
use crate::rest::Rest;
use emulator_ground::engine::Message;
use emulator_ground::source::{Obstacle, Reader, Rights, Source};
use emulator_ground::world::{
    CapacityState, Documentation, Facts, PrimaryIdentity, Reachability, TenantSetting, UpdatePolicy,
};

/// What a mirrored database stands on at this moment.
pub struct Setup<'a> {
    pub source: &'a dyn Source,
    pub facts: Facts,
    pub rest: Rest,
    /// Why the connection is none for the definition, if so.
    pub unfit: Option<String>,
    /// `None` when the connection was deleted.
    pub connection: Option<Link>,
    /// Tables listed in the definition; `None` mirrors all.
    pub listed: Option<Vec<TableName>>,
    /// The role of the instance's identity in the workspace.
    pub identity_role: Option<WorkspaceRole>,
}

/// The connection, as far as the replicator needs it. No `Debug`: it holds a password.
#[derive(Clone)]
pub struct Link {
    pub endpoint: Endpoint,
    pub through_gateway: bool,
    /// Somebody shut it down.
    pub gateway_is_off: bool,
    pub database: String,
    pub login: Login,
}

/// Who logs in.
#[derive(Clone, Serialize, Deserialize)]
pub enum Login {
    Password {
        name: String,
        password: String,
    },
    /// An application; `valid` says whether Entra gives it a token for the stored secret.
    Application {
        client_id: Uuid,
        valid: bool,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TableName {
    pub schema: String,
    pub name: String,
}

/// Grants that the tutorial of May 2025 lists, besides the server role (sql-mi facts §3).
const MAY_2025: [&str; 3] = ["SELECT", "ALTER ANY EXTERNAL MIRROR", "VIEW PERFORMANCE DEFINITION"];
const MAY_2025_ROLE: &str = "##MS_ServerStateReader##";
/// What the engine itself asks for, effectively held (sql-mi facts §12).
const DECEMBER_2025: [&str; 4] =
    ["SELECT", "ALTER ANY EXTERNAL MIRROR", "VIEW DATABASE PERFORMANCE STATE", "VIEW DATABASE SECURITY STATE"];

impl Setup<'_> {
    pub fn capacity_is_active(&self) -> bool {
        self.facts.capacity_state == CapacityState::Active
    }

    /// Canonical name of the source database.
    pub fn database(&self) -> Option<String> {
        self.connection.as_ref().and_then(|link| self.source.database(&link.database))
    }

    /// Why the source cannot be mirrored, if so. `feeds` is the database that this mirror already feeds from.
    pub fn source_problem(&self, feeds: Option<&str>) -> Option<ErrorBody> {
        if let Some(text) = &self.unfit {
            return Some(ErrorBody::new("InvalidConnectionInformation", text.clone()));
        }
        let Some(link) = &self.connection else {
            return Some(ErrorBody::new(
                "ConnectionNotFound",
                "The connection of the mirrored database does not exist.",
            ));
        };
        if let Err(problem) = link.check(self.source, &self.facts) {
            return Some(problem.status_error());
        }
        if self.facts.update_policy == UpdatePolicy::SQLServer2022 {
            return Some(ErrorBody::new(
                "UnsupportedUpdatePolicy",
                "The instance has the update policy SQL Server 2022. Mirroring needs SQL Server 2025 or Always-up-to-date.",
            ));
        }
        if self.facts.primary_identity != PrimaryIdentity::SystemAssigned {
            // 22739 stands for trouble with the server's identity (sql-mi facts §12).
            return Some(ErrorBody::new(
                "ManagedIdentityNotPrimary",
                "SQL error 22739: The system-assigned managed identity of the instance must be enabled and be the primary identity.",
            ));
        }
        let Some(database) = self.source.database(&link.database) else {
            let text = format!("SQL error 4060: Cannot open database \"{}\".", link.database);
            return Some(ErrorBody::new("SourceLoginFailed", text));
        };
        let rights = self.source.rights(link.login.reader(), &database);
        if let Some(problem) = self.containment_problem(&rights).or_else(|| self.permission_problem(&rights)) {
            return Some(problem);
        }
        if let Some(obstacle) = self.source.obstacle(&database) {
            return Some(unmirrorable(obstacle, &database));
        }
        match feeds {
            None if self.source.change_feed(&database) => Some(ErrorBody::new(
                "DatabaseAlreadyMirrored",
                format!("The database '{database}' is already mirrored; a database can be mirrored once."),
            )),
            Some(_) if !self.source.change_feed(&database) => Some(ErrorBody::new(
                "ChangeFeedDisabled",
                format!("SQL error 22706: Change feed is not enabled on database '{database}'."),
            )),
            _ => None,
        }
    }

    /// UNCONFIRMED: the tutorial of Managed Instance knows "a login and mapped database user" alone.
    fn containment_problem(&self, rights: &Rights) -> Option<ErrorBody> {
        let user = rights.user.as_ref().filter(|_| !rights.login_exists)?;
        (self.rest.contained_user == ContainedUser::Refused).then(|| {
            ErrorBody::new(
                "SourceLoginFailed",
                format!(
                    "The user '{user}' has no login. Mirroring needs a login and a user mapped to it: CREATE LOGIN … FROM \
                     EXTERNAL PROVIDER in master."
                ),
            )
        })
    }

    fn permission_problem(&self, rights: &Rights) -> Option<ErrorBody> {
        let effective = |wanted: &str| rights.effective.iter().any(|held| held == wanted);
        let granted = |wanted: &str| rights.granted.iter().any(|held| held == wanted);
        if effective("CONTROL") {
            return None;
        }
        let missing_2025_05: Vec<&str> = MAY_2025
            .into_iter()
            .filter(|permission| !granted(permission))
            .chain((!rights.server_roles.iter().any(|role| role == MAY_2025_ROLE)).then_some(MAY_2025_ROLE))
            .collect();
        let missing_2025_12: Vec<&str> =
            DECEMBER_2025.into_iter().filter(|permission| !effective(permission)).collect();
        let missing = match self.facts.documentation {
            Documentation::May2025 => missing_2025_05,
            Documentation::December2025 => missing_2025_12,
            Documentation::Either if missing_2025_05.is_empty() => missing_2025_05,
            Documentation::Either => missing_2025_12,
        };
        if missing.is_empty() {
            return None;
        }
        // 22702 and its text argument: sql-mi facts §12.
        Some(ErrorBody::new(
            "SourcePermissionDenied",
            format!(
                "SQL error 22702: The caller needs the permission ALTER ANY EXTERNAL MIRROR and SELECT on the database. \
                 Missing: {}.",
                missing.join(", ")
            ),
        ))
    }

    /// Why nothing can be written to OneLake, if so.
    pub fn publish_problem(&self) -> Option<Blocked> {
        if self.identity_role < Some(WorkspaceRole::Contributor) {
            return Some(Blocked::Failed(ErrorBody::new(
                "OneLakePermissionDenied",
                "The managed identity of the instance has no permission to write to OneLake. Grant it Read and Write on \
                 the mirrored database, or the role Contributor in the workspace.",
            )));
        }
        if self.facts.tenant_setting == TenantSetting::Off {
            return Some(Blocked::NeverReplicating(ErrorBody::new(
                "TenantSwitchDisabled",
                "The tenant setting 'Users can access data stored in OneLake with apps external to Fabric' is off.",
            )));
        }
        None
    }
}

/// Why the instance cannot be logged in to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginProblem {
    Unreachable(String),
    Refused(String),
}

impl LoginProblem {
    fn status_error(self) -> ErrorBody {
        match self {
            Self::Unreachable(text) => ErrorBody::new("SourceUnreachable", text),
            Self::Refused(text) => ErrorBody::new("SourceLoginFailed", text),
        }
    }
}

impl Login {
    pub fn reader(&self) -> Reader<'_> {
        match self {
            Self::Password { name, .. } => Reader::Login(name),
            Self::Application { client_id, .. } => Reader::Application(*client_id),
        }
    }
}

impl Link {
    /// Logs in as the mirror would.
    ///
    /// # Errors
    /// Why that fails.
    pub fn check(&self, source: &dyn Source, facts: &Facts) -> Result<(), LoginProblem> {
        let reachable = facts.network == Reachability::Reachable
            && match self.endpoint {
                Endpoint::Public | Endpoint::Loopback => true,
                // Without a gateway Fabric reaches the public endpoint only (sql-mi facts §6.3).
                Endpoint::Private => self.through_gateway,
                Endpoint::Elsewhere => false,
            };
        if !reachable {
            return Err(LoginProblem::Unreachable(
                "SQL error 40613: The server could not be reached. Check the host name and the port, and that the public \
                 endpoint is on and its network rules let Fabric in, or use a gateway."
                    .to_owned(),
            ));
        }
        if self.through_gateway && (self.gateway_is_off || facts.gateway == Reachability::Unreachable) {
            return Err(LoginProblem::Unreachable("The gateway is offline or cannot be reached.".to_owned()));
        }
        let answer = match &self.login {
            Login::Password { name, password } => source.check_login(name, password, &self.database),
            Login::Application { valid: false, .. } => {
                return Err(LoginProblem::Refused(
                    "AADSTS7000215: Invalid client secret provided, or the application is unknown in the tenant."
                        .to_owned(),
                ));
            }
            Login::Application { client_id, valid: true } => source.check_application(*client_id, &self.database),
        };
        answer.map_err(|messages| LoginProblem::Refused(describe(&messages)))
    }
}

/// UNCONFIRMED: the codes, and that the service says so after the start.
fn unmirrorable(obstacle: Obstacle, database: &str) -> ErrorBody {
    match obstacle {
        Obstacle::SystemDatabase => ErrorBody::new(
            "UnsupportedSourceDatabase",
            format!("The database '{database}' is a system database. Only user databases can be mirrored."),
        ),
        Obstacle::ChangeDataCapture => ErrorBody::new(
            "ChangeDataCaptureEnabled",
            format!("Change data capture is enabled on the database '{database}'; such a database cannot be mirrored."),
        ),
        // 22891: what the server says of a feed in such a database.
        Obstacle::DelayedDurability => ErrorBody::new(
            "DelayedDurabilityEnabled",
            format!(
                "SQL error 22891: Could not enable 'Change Feed' for database '{database}'. 'Change Feed' cannot be \
                 enabled on a DB with delayed durability set."
            ),
        ),
    }
}

fn describe(messages: &[Message]) -> String {
    let texts: Vec<String> =
        messages.iter().map(|message| format!("SQL error {}: {}", message.number, message.text)).collect();
    texts.join(" ")
}
