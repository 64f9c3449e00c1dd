//! Which step of the set-up is missing: what can be checked before a start, and what explains a start that failed.
//!
//! The kernel of the preflight. A check that cannot be made says nothing: unknown never blocks.

use std::collections::BTreeSet;

use fabric_api::connections::SQL_MANAGED_INSTANCE;
use fabric_api::workspaces::{CapacityState, PrincipalType, RoleAssignment, WorkspaceRole};
use fabric_api::{Client, ItemId, WorkspaceId};
use mssql_admin::{
    DatabasePrincipals, Grants, Identifier, Logins, Permission, ServerFacts, ServerName, SourceTables, User, advice,
};
use tfplugin::{Diagnostic, path};

use crate::clients::{Clients, Server};
use crate::error::Result;

/// A mirror with what surrounds it, read once.
pub struct Surroundings {
    workspace: WorkspaceId,
    capacity: Option<CapacityState>,
    has_capacity: bool,
    roles: Option<Vec<RoleAssignment>>,
    connection_kind: Option<String>,
    source: Option<Source>,
}

/// The source, where the provider's `sql` leads to it.
struct Source {
    database: String,
    facts: Option<ServerFacts>,
    logins: Option<Logins>,
    principals: Option<DatabasePrincipals>,
    tables: Option<SourceTables>,
}

/// The generations of the documentation (sql-mi facts §3.1), and the server role of the first.
const MAY: (&str, &[&str]) = ("May 2025", &["SELECT", "ALTER ANY EXTERNAL MIRROR", "VIEW PERFORMANCE DEFINITION"]);
const DECEMBER: (&str, &[&str]) = (
    "December 2025",
    &["SELECT", "ALTER ANY EXTERNAL MIRROR", "VIEW DATABASE PERFORMANCE STATE", "VIEW DATABASE SECURITY STATE"],
);
const STATE_READER: &str = "##MS_ServerStateReader##";

impl Surroundings {
    /// Reads everything that can be read. What cannot is left unknown, but for errors of Fabric that fail the start
    /// itself.
    pub async fn read(clients: &Clients, fabric: &Client, workspace: WorkspaceId, item: ItemId) -> Result<Self> {
        let about = fabric.workspace(workspace).await?;
        let capacity = match about.capacity_id {
            Some(id) => fabric.capacity(id).await.ok().flatten().map(|capacity| capacity.state),
            None => None,
        };
        let definition = fabric.definition(workspace, item).await?;
        let connection = match definition.source.type_properties.connection {
            Some(id) => fabric.connection(id).await.ok(),
            None => None,
        };
        let place = connection.as_ref().and_then(|connection| connection.connection_details.server_and_database());
        let source = match place {
            Some((server, database)) => Source::read(clients, server, database).await,
            None => None,
        };
        Ok(Self {
            workspace,
            capacity,
            has_capacity: about.capacity_id.is_some(),
            roles: fabric.workspace_roles(workspace).await.ok(),
            connection_kind: connection.map(|connection| connection.connection_details.kind),
            source,
        })
    }

    /// The steps that are missing for certain.
    pub fn missing(&self) -> Vec<Diagnostic> {
        let mut missing = Vec::new();
        missing.extend(self.capacity());
        missing.extend(self.connection());
        if let Some(source) = &self.source {
            missing.extend(source.update_policy());
            missing.extend(source.identity());
            missing.extend(self.identity_role(source));
            missing.extend(source.principal());
        }
        missing
    }

    /// What may explain a start that failed although nothing was missing for certain.
    pub fn hints(&self) -> Vec<String> {
        let mut hints: Vec<String> = self.missing().iter().map(|it| format!("{}. {}", it.summary, it.detail)).collect();
        if let Some(source) = &self.source {
            hints.extend(source.shortfalls());
        }
        hints
    }

    /// Tables of the source that mirroring takes; `None` when they cannot be seen.
    pub fn source_tables(&self) -> Option<&SourceTables> {
        self.source.as_ref()?.tables.as_ref().filter(|tables| tables.sees_all)
    }

    fn capacity(&self) -> Option<Diagnostic> {
        if !self.has_capacity {
            return Some(
                Diagnostic::error(
                    "The workspace runs on no capacity",
                    format!(
                        "Assign workspace {} to a Fabric capacity: nothing can be mirrored without.",
                        self.workspace
                    ),
                )
                .at(path!(workspace_id)),
            );
        }
        (self.capacity == Some(CapacityState::Inactive)).then(|| {
            Diagnostic::error(
                "The workspace's capacity is paused",
                "Nothing is mirrored while it is. Resume it in the Azure portal, or with `az fabric capacity resume`.",
            )
            .at(path!(workspace_id))
        })
    }

    fn connection(&self) -> Option<Diagnostic> {
        let kind = self.connection_kind.as_deref().filter(|kind| *kind != SQL_MANAGED_INSTANCE)?;
        Some(
            Diagnostic::error(
                "The mirror's connection is not of the type \"SQL Managed Instance\"",
                format!(
                    "It is of the type `{kind}`; mirroring a SQL Managed Instance takes only `{SQL_MANAGED_INSTANCE}`. \
                     Point `connection_id` of the mirrored database to a `fabricmirror_connection`."
                ),
            )
            .at(path!(mirrored_database_id)),
        )
    }

    /// The instance's identity writes the rows. Its role may come through a group, which cannot be seen: then nothing
    /// is said.
    fn identity_role(&self, source: &Source) -> Option<Diagnostic> {
        let roles = self.roles.as_ref()?;
        let identities = source.facts.as_ref()?.identities.as_ref()?;
        let identity = identities.iter().find(|it| it.system_assigned && it.primary)?;
        let client_id = identity.client_id.as_deref()?;
        let writes = |role: &WorkspaceRole| *role != WorkspaceRole::Viewer;
        let applications: Vec<_> =
            roles.iter().filter(|it| it.principal.kind == PrincipalType::ServicePrincipal).collect();
        let is_identity = |it: &&&RoleAssignment| {
            let details = it.principal.service_principal_details.as_ref();
            details
                .and_then(|details| details.aad_app_id.as_deref())
                .is_some_and(|id| id.eq_ignore_ascii_case(client_id))
        };
        let unseen = applications.iter().any(|it| {
            it.principal.service_principal_details.as_ref().and_then(|details| details.aad_app_id.as_ref()).is_none()
        });
        let group = roles.iter().any(|it| it.principal.kind == PrincipalType::Group && writes(&it.role));
        match applications.iter().find(is_identity) {
            Some(it) if writes(&it.role) => None,
            None if unseen || group => None,
            found => Some(
                Diagnostic::error(
                    "The instance's managed identity may not write into the workspace",
                    format!(
                        "The instance publishes its rows with its system-assigned identity (client id {client_id}), which \
                         {} in workspace {}. Without, the mirror starts and every table fails. Add a \
                         `fabricmirror_workspace_role_assignment` with the identity's object id, the type \
                         `ServicePrincipal` and the role `Contributor`, and let this resource depend on it.",
                        if found.is_some() { "is only a Viewer" } else { "has no role" },
                        self.workspace
                    ),
                )
                .at(path!(workspace_id)),
            ),
        }
    }
}

impl Source {
    /// `None`: the provider has no `sql`, or it leads to another server.
    async fn read(clients: &Clients, server: &str, database: &str) -> Option<Self> {
        let server: ServerName = server.parse().ok()?;
        let name: Identifier = database.parse().ok()?;
        let server: std::sync::Arc<Server> = clients.sql_if_configured(&server).ok()??;
        let instance = server.instance();
        let source = instance.database(&name);
        Some(Self {
            database: database.to_owned(),
            facts: instance.server_facts().await.ok(),
            logins: instance.logins().await.ok(),
            principals: source.principals().await.ok(),
            tables: source.source_tables().await.ok(),
        })
    }

    /// I2: mirroring needs the feature set of SQL Server 2025.
    fn update_policy(&self) -> Option<Diagnostic> {
        let principals = self.principals.as_ref()?;
        let mirror = "ALTER ANY EXTERNAL MIRROR".parse().ok()?;
        let facts = self.facts.as_ref();
        let old = facts.is_some_and(|facts| {
            let major = facts.product_major_version.as_deref().and_then(|version| version.parse::<u32>().ok());
            facts.product_update_type.as_deref() == Some("CU") && major.is_some_and(|major| major < 17)
        });
        (old || principals.check_permission(&mirror).is_err()).then(|| {
            Diagnostic::error(
                "The instance's update policy does not include mirroring",
                "It is SQL Server 2022, the default. Change it to SQL Server 2025 or Always-up-to-date in the Azure \
                 portal, or with `az sql mi update --database-format AlwaysUpToDate`. There is no way back.",
            )
            .at(path!(mirrored_database_id))
        })
    }

    /// I4: the identity that publishes is the system-assigned one, and it has to be the primary one.
    fn identity(&self) -> Option<Diagnostic> {
        let identities = self.facts.as_ref()?.identities.as_ref()?;
        if identities.iter().any(|identity| identity.system_assigned && identity.primary) {
            return None;
        }
        let (summary, detail) = if identities.iter().any(|identity| identity.system_assigned) {
            (
                "The instance's system-assigned identity is not the primary one",
                "A user-assigned identity took its place. Remove it from the instance, or make the system-assigned one \
                 primary.",
            )
        } else {
            (
                "The instance has no system-assigned managed identity",
                "It publishes the rows. Turn it on in the Azure portal (Security, Identity), then give it the role \
                 `Contributor` in the workspace: an identity that is turned off and on is a new one.",
            )
        };
        Some(Diagnostic::error(summary, detail).at(path!(mirrored_database_id)))
    }

    /// Somebody must hold what one generation of the documentation lists. Who that is, Fabric does not tell: a
    /// connection's user name cannot be read.
    fn principal(&self) -> Option<Diagnostic> {
        let (logins, principals) = (self.logins.as_ref()?, self.principals.as_ref()?);
        let candidates = self.candidates(logins, principals)?;
        if candidates.iter().any(|candidate| candidate.lacks_may().is_empty() || candidate.lacks_december().is_empty())
        {
            return None;
        }
        let database = &self.database;
        if candidates.is_empty() {
            return Some(
                Diagnostic::error(
                    format!("No user of database {database} may mirror it"),
                    "No login is mapped to a user with any of the permissions that mirroring needs. Create the login, its \
                     user and its permissions with `fabricmirror_login`, `fabricmirror_database_user` and \
                     `fabricmirror_database_grants`, and let this resource depend on them.",
                )
                .at(path!(mirrored_database_id)),
            );
        }
        let detail: Vec<String> = candidates.iter().map(Candidate::explain).collect();
        Some(
            Diagnostic::error(
                format!("The mirroring principal lacks permissions in database {database}"),
                format!(
                    "{}\n\nEither list is enough. Let this resource depend on what grants it.",
                    detail.join("\n\n")
                ),
            )
            .at(path!(mirrored_database_id)),
        )
    }

    /// What each candidate lacks of each generation's list, where it lacks something.
    fn shortfalls(&self) -> Vec<String> {
        let (Some(logins), Some(principals)) = (&self.logins, &self.principals) else { return Vec::new() };
        let candidates = self.candidates(logins, principals).unwrap_or_default();
        let lacking = candidates.iter().filter(|it| !it.lacks_may().is_empty() || !it.lacks_december().is_empty());
        lacking.map(Candidate::explain).collect()
    }

    /// Users with a login that hold something of what mirroring needs. `None`: permissions cannot be seen.
    fn candidates(&self, logins: &Logins, principals: &DatabasePrincipals) -> Option<Vec<Candidate>> {
        let mut candidates = Vec::new();
        for user in principals.users() {
            let Some(login) = principals.login_of(user).ok()? else { continue };
            let permissions = principals.permissions_of(user).ok()?;
            let candidate = Candidate {
                user: user.clone(),
                login: login.to_owned(),
                database: self.database.clone(),
                held: Permission::sets(permissions),
                server_roles: logins.by_name(login).map(|login| login.server_roles.clone()).unwrap_or_default(),
            };
            if candidate.covers("SELECT") || candidate.covers("ALTER ANY EXTERNAL MIRROR") {
                candidates.push(candidate);
            }
        }
        Some(candidates)
    }
}

/// Somebody who may be the one that Fabric logs in as.
struct Candidate {
    user: User,
    login: String,
    database: String,
    held: Grants,
    server_roles: BTreeSet<String>,
}

impl Candidate {
    fn lacks_may(&self) -> Vec<&'static str> {
        let mut lacks: Vec<&str> = MAY.1.iter().copied().filter(|permission| !self.covers(permission)).collect();
        if !self.controls() && !self.in_server_role(STATE_READER) {
            lacks.push(STATE_READER);
        }
        lacks
    }

    fn lacks_december(&self) -> Vec<&'static str> {
        DECEMBER.1.iter().copied().filter(|permission| !self.covers(permission)).collect()
    }

    /// One line for each generation, with the T-SQL that completes it.
    fn explain(&self) -> String {
        let line = |generation: &str, lacks: Vec<&str>| {
            if lacks.is_empty() {
                return format!("- as documented in {generation}: complete");
            }
            let permissions: Vec<_> = lacks.iter().filter_map(|permission| permission.parse().ok()).collect();
            let mut fix = Vec::new();
            if let (false, Ok(user)) = (permissions.is_empty(), self.user.name.parse()) {
                fix.push(advice::grant(&permissions, &user));
            }
            if let (true, Ok(role), Ok(login)) =
                (lacks.contains(&STATE_READER), STATE_READER.parse(), self.login.parse())
            {
                fix.push(advice::add_to_server_role(&role, &login));
            }
            format!("- as documented in {generation} it lacks {}: {}", lacks.join(", "), fix.join(" "))
        };
        format!(
            "User {} (login {}) of database {}:\n{}\n{}",
            self.user.name,
            self.login,
            self.database,
            line(MAY.0, self.lacks_may()),
            line(DECEMBER.0, self.lacks_december())
        )
    }

    fn in_server_role(&self, role: &str) -> bool {
        self.server_roles.iter().any(|it| it.eq_ignore_ascii_case(role))
    }

    fn in_role(&self, role: &str) -> bool {
        self.user.roles.iter().any(|it| it.eq_ignore_ascii_case(role))
    }

    /// Everything is held, whatever the rows say.
    fn controls(&self) -> bool {
        self.in_server_role("sysadmin") || self.in_role("db_owner") || self.has_row("CONTROL")
    }

    fn has_row(&self, permission: &str) -> bool {
        let within = |set: &BTreeSet<mssql_admin::PermissionName>| set.iter().any(|it| it.as_str() == permission);
        within(&self.held.granted) || within(&self.held.with_grant_option)
    }

    fn denied(&self, permission: &str) -> bool {
        self.held.denied.iter().any(|it| it.as_str() == permission)
    }

    /// Whether the permission is held, by a row of its own or by one that covers it (sql-mi facts §3.3).
    fn covers(&self, permission: &str) -> bool {
        if self.controls() {
            return !self.denied(permission) || self.in_server_role("sysadmin");
        }
        let covering = match permission {
            "SELECT" => self.in_role("db_datareader"),
            "VIEW DATABASE PERFORMANCE STATE" | "VIEW DATABASE SECURITY STATE" => {
                self.has_row("VIEW DATABASE STATE") || self.in_server_role(STATE_READER)
            }
            "VIEW PERFORMANCE DEFINITION" => self.has_row("VIEW DEFINITION"),
            _ => false,
        };
        (self.has_row(permission) || covering) && !self.denied(permission)
    }
}
