//! What surrounds a mirror: which step of the set-up is missing, what can be checked before a start, and what explains a
//! start that failed.
//!
//! The kernel of the preflight. A check that cannot be made says nothing: unknown never blocks.

use fabric_api::connections::SQL_MANAGED_INSTANCE;
use fabric_api::roles::{PrincipalType, RoleAssignment, WorkspaceRole};
use fabric_api::workspaces::CapacityState;
use fabric_api::{ItemId, WorkspaceId};
use mssql_admin::{
    DatabaseFacts, DatabasePrincipals, Effective, Identifier, Logins, ManagedIdentity, PermissionState, Principal,
    PrincipalKind, ServerFacts, ServerName, ServerPermission, SourceTables, advice,
};
use tfplugin::{Diagnostic, path};

use crate::clients::{Clients, Server};
use crate::error::Result;
use crate::generation::Generation;
use crate::mirror::Name;
use crate::resources::Replication;
use crate::view::View;

/// A mirror with what surrounds it, read once.
pub struct Surroundings {
    workspace: WorkspaceId,
    capacity: Option<CapacityState>,
    has_capacity: bool,
    roles: Option<Vec<RoleAssignment<WorkspaceRole>>>,
    connection_kind: Option<String>,
    source: Option<Source>,
    /// The tables that the mirror lists; `None`: all.
    listed: Option<Vec<Name>>,
    /// Whom the connection logs in as, where the configuration says it.
    principal: Option<Identifier>,
}

/// The source, where the provider's `sql` leads to it.
struct Source {
    database: String,
    facts: Option<ServerFacts>,
    feed: Option<DatabaseFacts>,
    logins: Option<Logins>,
    principals: Option<DatabasePrincipals>,
    tables: Option<SourceTables>,
}

/// Whom the mirror works as.
const WHOM: &str = "Let `principal` refer to the `principal` of the \
                    `fabricmirror_database_grants`, and that to the `fabricmirror_database_user` of the connection's login \
                    in the connection's database.";
/// The service's words hold SQL Server's 18456, which tells nobody more.
const LOGIN_FAILED: &str = "The source refuses the connection's login, and nothing else was found: the connection's password is \
                            not the login's, who may have got another from somebody. Raise `password_wo_version` in the \
                            `fabricmirror_login` and in the `fabricmirror_connection`, which sets one password for both.";
/// So many users are explained at most.
const SHOWN: usize = 5;
const ADD_GRANTS: &str = "Add a `fabricmirror_database_grants` for the user of the connection's login, with `permissions = \
                          provider::fabricmirror::mirroring_permissions(\"2025-12\")`.";
/// Granted by hand beside an exclusive one, it would be taken away again.
const LIST_GRANTS: &str = "Either list is enough. What grants it is a `fabricmirror_database_grants`: list them in `permissions`, \
                           and what is denied not in `denied`.";
const NAME_PRINCIPAL: &str = "Give this resource `principal = fabricmirror_database_grants.….principal`: then exactly that one is \
                              checked, and waited for.";
/// What the service says of an identity that may not publish (the code is UNCONFIRMED: the word is what counts).
const NO_WRITER: &str = "managed identity";
const MIRRORED_ALREADY: &str = "DatabaseAlreadyMirrored";
/// What the refusal of a mirror's procedures names (error 22702, sql-mi facts §12).
const NOT_PERMITTED: &str = "ALTER ANY EXTERNAL MIRROR";
const STATE_READER: &str = "##MS_ServerStateReader##";

impl Surroundings {
    /// Reads everything that can be read. What cannot is left unknown, but for errors of Fabric that fail the start
    /// itself.
    pub async fn read(
        clients: &Clients,
        view: &View,
        workspace: WorkspaceId,
        item: ItemId,
        principal: Option<&Identifier>,
    ) -> Result<Self> {
        let about = view.workspace(workspace).await?;
        let capacity = match about.capacity_id {
            Some(id) => view.capacity(id).await.ok().flatten().map(|capacity| capacity.state),
            None => None,
        };
        let definition = view.definition(workspace, item).await?;
        let connection = match definition.source.type_properties.connection {
            Some(id) => view.connection(id).await.ok().flatten(),
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
            roles: view.workspace_roles(workspace).await.ok().map(|roles| roles.as_ref().clone()),
            connection_kind: connection.map(|connection| connection.connection_details.kind),
            listed: definition
                .tables()
                .map(|tables| tables.iter().map(|it| Name::new(&it.schema_name, &it.table_name)).collect()),
            source,
            principal: principal.cloned(),
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
            missing.extend(self.principal.as_ref().and_then(|name| source.principal(name)));
        }
        missing
    }

    /// What may be missing, where nobody said whom the connection logs in as: Fabric does not tell.
    pub fn doubts(&self) -> Option<Diagnostic> {
        if self.principal.is_some() { None } else { self.source.as_ref()?.candidates() }
    }

    /// What may explain a start that failed with these words although nothing was missing for certain. `rests`: the mirror
    /// has no change feed of its own, as one that is refused has none.
    pub fn hints(&self, words: &str, rests: bool) -> Vec<String> {
        let text = |it: Diagnostic| format!("{}. {}", it.summary, it.detail);
        let mut hints: Vec<String> = self.missing().into_iter().chain(self.doubts()).map(text).collect();
        // Where nobody is known to be able to, the login may have no user at all.
        let is_unknown = words.contains("Login failed") && !hints.is_empty() && self.principal.is_none();
        let is_stranger = words.contains("Cannot open database");
        if let (Some(Source { database, .. }), true) = (&self.source, is_unknown || is_stranger) {
            let has = if is_stranger { "has" } else { "may have" };
            hints.insert(
                0,
                format!(
                    "The connection's login {has} no user in database {database}, or CONNECT is not granted to it: that is \
                     where the connection leads. {WHOM}"
                ),
            );
        }
        if hints.is_empty() && words.contains("Login failed") {
            hints.push(LOGIN_FAILED.to_owned());
        }
        if let (true, Some(source)) = (hints.is_empty() && words.contains(NOT_PERMITTED), &self.source) {
            hints.extend(self.principal.as_ref().map(|name| source.somebody_else(name)));
            hints.extend(source.shortfalls());
            hints.push(format!("If it is none of these that the connection logs in as: {ADD_GRANTS} {NAME_PRINCIPAL}"));
        }
        if hints.is_empty() && words.contains(NO_WRITER) {
            hints.push(format!(
                "The instance's system-assigned identity may not write into workspace {}, though a role of a group or of an \
                 application there may have been meant for it. Add a `fabricmirror_workspace_role_assignment` with the \
                 identity's object id, the type `ServicePrincipal` and the role `Contributor`, and let this resource depend \
                 on it.",
                self.workspace
            ));
        }
        let shortfall = self.principal.as_ref().zip(self.source.as_ref()).and_then(|(name, it)| it.shortfall(name));
        hints.extend(shortfall.map(text));
        hints.extend(
            self.source.as_ref().filter(|_| rests || words.contains(MIRRORED_ALREADY)).and_then(Source::feed_left_on),
        );
        hints.extend(self.lost_tables());
        hints
    }

    /// Tables that the mirror lists, and that are not in the source.
    fn lost_tables(&self) -> Option<String> {
        let source = self.source_tables()?;
        let there = |listed: &Name| source.tables.iter().any(|it| Name::new(&it.schema, &it.name) == *listed);
        let lost: Vec<String> =
            self.listed.iter().flatten().filter(|name| !there(name)).map(|name| format!("- {name}")).collect();
        (!lost.is_empty()).then(|| {
            format!(
                "The mirror lists tables that are not in the source:\n{}\nTake them out of `tables` of the \
                 `fabricmirror_mirrored_database`, or make them again in the source.",
                lost.join("\n")
            )
        })
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
                .at(path!(Replication: workspace_id)),
            );
        }
        (self.capacity == Some(CapacityState::Inactive)).then(|| {
            Diagnostic::error(
                "The workspace's capacity is paused",
                "Nothing is mirrored while it is. Resume it in the Azure portal, or with `az fabric capacity resume`.",
            )
            .at(path!(Replication: workspace_id))
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
            .at(path!(Replication: mirrored_database_id)),
        )
    }

    /// The instance's identity writes the rows. Its role may come through a group, which cannot be seen: then nothing
    /// is said.
    fn identity_role(&self, source: &Source) -> Option<Diagnostic> {
        let roles = self.roles.as_ref()?;
        let identities = source.facts.as_ref()?.identities.as_ref()?;
        let identity =
            identities.iter().find(|it| it.is_system_assigned() == Some(true) && it.primary == Some(true))?;
        let client_id = identity.client_id.as_deref()?;
        let writes = |role: &WorkspaceRole| *role != WorkspaceRole::Viewer;
        let applications: Vec<_> =
            roles.iter().filter(|it| it.principal.kind == PrincipalType::ServicePrincipal).collect();
        let is_identity = |it: &&&RoleAssignment<WorkspaceRole>| {
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
                .at(path!(Replication: workspace_id)),
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
            feed: source.facts().await.ok(),
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
            .at(path!(Replication: mirrored_database_id))
        })
    }

    /// I4: the identity that publishes is the system-assigned one, and it has to be the primary one.
    fn identity(&self) -> Option<Diagnostic> {
        let identities = self.facts.as_ref()?.identities.as_ref()?;
        // What the view does not say is held against nobody.
        let may_be_own = |identity: &&ManagedIdentity| identity.is_system_assigned() != Some(false);
        if identities.iter().filter(may_be_own).any(|identity| identity.primary != Some(false)) {
            return None;
        }
        let (summary, detail) = if identities.iter().any(|identity| may_be_own(&identity)) {
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
        Some(Diagnostic::error(summary, detail).at(path!(Replication: mirrored_database_id)))
    }

    /// A change feed that is on while the mirror is not: another mirror's, or left behind (sql-mi facts §5.1, D5).
    fn feed_left_on(&self) -> Option<String> {
        self.feed.as_ref().filter(|feed| feed.is_mirrored())?;
        let database: Identifier = self.database.parse().ok()?;
        Some(format!(
            "The change feed of database {database} is on. A database can be mirrored once, by any workspace: another mirror \
             that uses it has to go first. Where there is none, stop and start do not mend it. {}",
            advice::change_feed_left_on(&database)
        ))
    }

    /// The principal that the configuration names must hold what one generation of the documentation lists.
    fn principal(&self, name: &Identifier) -> Option<Diagnostic> {
        let principals = self.principals.as_ref()?;
        let at = path!(Replication: principal);
        let user = match principals.user(name.as_str()) {
            Ok(Some(user)) => user,
            Ok(None) => {
                let kind = principals.named(name.as_str()).map(|it| format!(": it is {}", it.kind.describe()));
                return Some(
                    Diagnostic::error(
                        format!("There is no user {name} in database {}{}", self.database, kind.unwrap_or_default()),
                        format!("That database is where the mirror's connection leads. {WHOM}"),
                    )
                    .at(at),
                );
            }
            Err(_) => return None,
        };
        let is_orphan = user.kind.may_have_login() && principals.login_of(user).is_ok_and(|login| login.is_none());
        if is_orphan || user.kind == PrincipalKind::UserWithoutLogin {
            return Some(
                Diagnostic::error(
                    format!("User {} of database {} has no login", user.name, self.database),
                    format!("Nobody can log in as it, so the mirror does not either. {WHOM}"),
                )
                .at(at),
            );
        }
        let candidate = self.candidate(principals, user);
        if let Some(kept_out) = candidate.kept_out() {
            return Some(kept_out.at(at));
        }
        if candidate.may_mirror() {
            return None;
        }
        let summary = format!("The mirroring principal lacks permissions in database {}", self.database);
        let detail = format!(
            "{}\n\n{LIST_GRANTS} The reference in `principal` makes this resource wait for it.",
            candidate.explain()
        );
        Some(Diagnostic::error(summary, detail).at(at))
    }

    /// What the principal lacks of one generation's list, though it holds the other's: it may explain a failure.
    fn shortfall(&self, name: &Identifier) -> Option<Diagnostic> {
        let principals = self.principals.as_ref()?;
        let candidate = self.candidate(principals, principals.user(name.as_str()).ok()??);
        let lacks = !candidate.lacks_may().is_empty() || !candidate.lacks_december().is_empty();
        (candidate.may_mirror() && lacks).then(|| {
            let summary = format!("The mirroring principal holds one of two lists in database {}", self.database);
            Diagnostic::warning(summary, candidate.explain())
        })
    }

    /// The principal that the configuration names lacks nothing, and the service says that the connection's login does.
    fn somebody_else(&self, name: &Identifier) -> String {
        format!(
            "User {name} of database {}, whom `principal` names, holds all that mirroring needs: the mirror's connection logs in \
             as somebody else. A user that was renamed keeps its login, and whoever got its name has another. {WHOM}",
            self.database
        )
    }

    /// What users with a login lack of either list, where the connection may log in as any of them.
    fn shortfalls(&self) -> Vec<String> {
        let Some(principals) = &self.principals else { return Vec::new() };
        let users = principals.users().filter(|user| principals.login_of(user).is_ok_and(|login| login.is_some()));
        let candidates = users.map(|user| self.candidate(principals, user)).filter(|it| !it.effective.is_unlimited());
        let lacks = |it: &Candidate<'_>| !it.lacks_may().is_empty() || !it.lacks_december().is_empty();
        candidates.filter(lacks).take(SHOWN).map(|it| it.explain()).collect()
    }

    /// A warning when nobody but `dbo` and members of sysadmin, who prove nothing, holds what mirroring needs.
    fn candidates(&self) -> Option<Diagnostic> {
        let principals = self.principals.as_ref()?;
        let (mut lacking, mut kept_out) = (Vec::new(), None);
        for user in principals.users() {
            let Some(_) = principals.login_of(user).ok()? else { continue };
            let candidate = self.candidate(principals, user);
            if candidate.effective.is_unlimited() {
                continue;
            }
            if candidate.may_mirror() {
                kept_out = Some(candidate.kept_out()?);
                continue;
            }
            if ["SELECT", "ALTER ANY EXTERNAL MIRROR"].iter().any(|it| candidate.effective.holds(it) == Some(true)) {
                lacking.push(candidate.explain());
            }
        }
        if let Some(Diagnostic { summary, detail, .. }) = kept_out {
            // Nobody else could be meant.
            return Some(Diagnostic::warning(summary, detail).at(path!(Replication: principal)));
        }
        let (summary, detail) = if lacking.is_empty() {
            (
                format!("No user of database {} is known to be able to mirror it", self.database),
                format!(
                    "No login is mapped to a user with any of the permissions that mirroring needs, besides those who may do \
                     everything. {ADD_GRANTS} {NAME_PRINCIPAL}"
                ),
            )
        } else {
            (
                format!("The mirroring principal may lack permissions in database {}", self.database),
                format!("{}\n\n{LIST_GRANTS} {NAME_PRINCIPAL}", lacking.join("\n\n")),
            )
        };
        Some(Diagnostic::warning(summary, detail).at(path!(Replication: principal)))
    }

    fn candidate<'a>(&'a self, principals: &'a DatabasePrincipals, user: &'a Principal) -> Candidate<'a> {
        let login = principals.login_of(user).ok().flatten().map(|login| login.name.as_str());
        let known = login.and_then(|name| self.logins.as_ref()?.by_name(name));
        Candidate {
            user,
            login,
            database: self.database.clone(),
            effective: principals.effective(user, known),
            is_kept_out: known.is_some_and(|login| {
                let denied =
                    |it: &ServerPermission| it.name.as_str() == "CONNECT SQL" && it.state == PermissionState::Denied;
                !login.enabled || login.server_permissions.iter().any(denied)
            }),
            reads_state: known.map(|login| login.server_roles.iter().any(|role| *role.as_str() == *STATE_READER)),
        }
    }
}

/// Somebody who may be the one that Fabric logs in as.
struct Candidate<'a> {
    user: &'a Principal,
    login: Option<&'a str>,
    database: String,
    effective: Effective<'a>,
    /// The login is disabled, or denied to connect.
    is_kept_out: bool,
    /// Whether the login is in the server role of May 2025; `None`: it cannot be seen.
    reads_state: Option<bool>,
}

impl Candidate<'_> {
    /// Fabric cannot log in as this one.
    fn kept_out(&self) -> Option<Diagnostic> {
        let login: Identifier = self.login.filter(|_| self.is_kept_out)?.parse().ok()?;
        Some(Diagnostic::error(
            format!("Login {login} may not log in"),
            format!(
                "It is disabled, or CONNECT SQL is denied to it, so Fabric cannot read the source. If that was not meant, let \
                 a DBA let it in again, or set `enabled = true` in its `fabricmirror_login`. In [master]:\n\n{}",
                advice::let_in(&login)
            ),
        ))
    }

    fn may_mirror(&self) -> bool {
        self.lacks_may().is_empty() || self.lacks_december().is_empty()
    }

    fn lacks_may(&self) -> Vec<&'static str> {
        let mut lacks = self.lacking(Generation::May2025.listed());
        if self.reads_state == Some(false) && self.effective.holds("CONTROL") != Some(true) {
            lacks.push(STATE_READER);
        }
        lacks
    }

    fn lacks_december(&self) -> Vec<&'static str> {
        self.lacking(Generation::December2025.listed())
    }

    /// What is lacking for certain.
    fn lacking(&self, permissions: &[&'static str]) -> Vec<&'static str> {
        permissions.iter().copied().filter(|permission| self.effective.holds(permission) == Some(false)).collect()
    }

    /// One line for each generation, with the T-SQL that completes it, and the denies in the way.
    fn explain(&self) -> String {
        let line = |generation: Generation, lacks: Vec<&str>| {
            let generation = generation.name();
            if lacks.is_empty() {
                return format!("- as documented in {generation}: complete");
            }
            let denied: Vec<String> = lacks
                .iter()
                .filter_map(|permission| {
                    let denied = format!("\n  {permission} is denied: {}", self.effective.denied_by(permission)?);
                    let lifting = self.effective.lifted_by(permission);
                    Some(lifting.map_or(denied.clone(), |it| format!("{denied}\n  A DBA ends that with {it}")))
                })
                .collect();
            let granted: Vec<_> = lacks
                .iter()
                .filter(|it| self.effective.denied_by(it).is_none())
                .filter_map(|it| it.parse().ok())
                .collect();
            let mut fix = Vec::new();
            if let (false, Ok(user)) = (granted.is_empty(), self.user.name.parse()) {
                fix.push(advice::grant(&granted, &user));
            }
            if let (true, Ok(role), Some(Ok(login))) =
                (lacks.contains(&STATE_READER), STATE_READER.parse(), self.login.map(str::parse))
            {
                fix.push(advice::add_to_server_role(&role, &login));
            }
            fix.extend(denied);
            format!("- as documented in {generation} it lacks {}: {}", lacks.join(", "), fix.join(" "))
        };
        format!(
            "User {} (login {}) of database {}:\n{}\n{}",
            self.user.name,
            self.login.unwrap_or("none"),
            self.database,
            line(Generation::May2025, self.lacks_may()),
            line(Generation::December2025, self.lacks_december())
        )
    }
}
