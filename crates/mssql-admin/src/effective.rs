//! What a principal may do in a database, whatever gives or denies it: rows of its own, of its roles and of `public`, the
//! fixed roles, permissions that cover others, and the login's rights on the server (sql-mi facts §3.3). A pure function of
//! catalog rows; where they do not suffice it says so, and unknown never blocks.

use std::collections::{BTreeMap, BTreeSet};

use crate::advice;
use crate::login::Login;
use crate::permission::{Permission, PermissionName, PermissionState};
use crate::principals::{DatabasePrincipals, Principal, PrincipalKind};
use crate::statement::{Identifier, same_name};

/// Which permission covers which, as the server's own `sys.fn_builtin_permissions` has it: a permission is held, and
/// denied, also by what covers it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Covering {
    /// Of a database permission: what covers it in the database, and on the server.
    pub(crate) database: BTreeMap<PermissionName, (Option<PermissionName>, Option<PermissionName>)>,
    pub(crate) server: BTreeMap<PermissionName, Option<PermissionName>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Database,
    Server,
}

impl Covering {
    /// The permission and everything that covers it.
    fn chain(&self, permission: &PermissionName) -> Vec<(Scope, PermissionName)> {
        let mut chain: Vec<(Scope, PermissionName)> = Vec::new();
        let mut open = vec![(Scope::Database, permission.clone())];
        while let Some(link) = open.pop() {
            if chain.contains(&link) {
                continue;
            }
            let (scope, name) = &link;
            match scope {
                Scope::Database => {
                    let (here, above) = self.database.get(name).cloned().unwrap_or_default();
                    open.extend(here.map(|name| (Scope::Database, name)));
                    open.extend(above.map(|name| (Scope::Server, name)));
                    // Whatever the list says: CONTROL covers every permission, and CONTROL SERVER that.
                    open.push((Scope::Database, PermissionName::new("CONTROL")));
                    open.push((Scope::Server, PermissionName::new("CONTROL SERVER")));
                }
                Scope::Server => {
                    open.extend(self.server.get(name).cloned().flatten().map(|name| (Scope::Server, name)));
                }
            }
            chain.push(link);
        }
        chain
    }
}

/// What fixed database roles give ("Database-level roles").
fn given_by_role(role: &str) -> &'static [&'static str] {
    match role {
        "db_owner" => &["CONTROL"],
        "db_datareader" => &["SELECT"],
        "db_datawriter" => &["INSERT", "UPDATE", "DELETE"],
        "db_accessadmin" => &["ALTER ANY USER", "CREATE SCHEMA", "CONNECT"],
        "db_securityadmin" => &["ALTER ANY APPLICATION ROLE", "ALTER ANY ROLE", "CREATE SCHEMA", "VIEW DEFINITION"],
        _ => &[],
    }
}

fn denied_by_role(role: &str) -> &'static [&'static str] {
    match role {
        "db_denydatareader" => &["SELECT"],
        "db_denydatawriter" => &["INSERT", "UPDATE", "DELETE"],
        _ => &[],
    }
}

/// Fixed roles that give more than is listed here.
const NOT_LISTED: [&str; 2] = ["db_ddladmin", "db_backupoperator"];

/// What fixed server roles give ("Server-level roles"); sysadmin is beyond this.
const SERVER_ROLES: [(&str, &[&str]); 14] = [
    ("##MS_ServerStateReader##", &["VIEW SERVER STATE"]),
    ("##MS_ServerStateManager##", &["ALTER SERVER STATE"]),
    ("##MS_ServerPerformanceStateReader##", &["VIEW SERVER PERFORMANCE STATE"]),
    ("##MS_ServerSecurityStateReader##", &["VIEW SERVER SECURITY STATE"]),
    ("##MS_DefinitionReader##", &["VIEW ANY DEFINITION"]),
    ("##MS_PerformanceDefinitionReader##", &["VIEW ANY PERFORMANCE DEFINITION"]),
    ("##MS_SecurityDefinitionReader##", &["VIEW ANY SECURITY DEFINITION"]),
    ("##MS_DatabaseConnector##", &["CONNECT ANY DATABASE"]),
    ("##MS_DatabaseManager##", &["CREATE ANY DATABASE", "ALTER ANY DATABASE"]),
    ("##MS_LoginManager##", &["CREATE LOGIN", "ALTER ANY LOGIN"]),
    ("serveradmin", &["ALTER SERVER STATE", "VIEW SERVER STATE"]),
    ("processadmin", &["ALTER ANY CONNECTION", "ALTER SERVER STATE"]),
    ("dbcreator", &["CREATE ANY DATABASE", "ALTER ANY DATABASE"]),
    ("securityadmin", &["ALTER ANY LOGIN"]),
];

/// `dbo`, whom nothing is denied.
const DBO: i64 = 1;

/// What one principal may do.
#[derive(Clone, Debug)]
pub struct Effective<'a> {
    principals: &'a DatabasePrincipals,
    principal: &'a Principal,
    login: Option<&'a Login>,
}

/// What gives, and what denies: in words.
#[derive(Default)]
struct Found {
    granted: Option<String>,
    denied: Option<String>,
    /// The statement that ends what denies, where one does.
    lifting: Option<String>,
}

impl DatabasePrincipals {
    /// What the principal may do, logged in as `login`. `None` where it has none, or where it cannot be seen: then
    /// nothing is said that would depend on it.
    pub fn effective<'a>(&'a self, principal: &'a Principal, login: Option<&'a Login>) -> Effective<'a> {
        Effective { principals: self, principal, login }
    }

    /// The principal, its roles and theirs, and `public`.
    fn with_roles(&self, id: i64) -> BTreeSet<i64> {
        let public = self.principals.iter().find(|it| it.is_fixed_role && same_name(&it.name, "public"));
        let mut all = BTreeSet::new();
        let mut open = vec![id, public.map_or(0, |it| it.id)];
        while let Some(id) = open.pop() {
            if all.insert(id) {
                open.extend(self.memberships.get(&id).into_iter().flatten());
            }
        }
        all
    }
}

impl Effective<'_> {
    /// `dbo` or a member of sysadmin: everything is held, and no DENY counts.
    pub fn is_unlimited(&self) -> bool {
        self.principal.id == DBO || self.login.is_some_and(|login| has_role(&login.all_server_roles, "sysadmin"))
    }

    /// Whether the permission on the database is held. `None`: what can be seen does not tell.
    pub fn holds(&self, permission: &str) -> Option<bool> {
        if self.is_unlimited() {
            return Some(true);
        }
        let permission = PermissionName::new(permission);
        if !self.principals.sees_permissions || !self.principals.covering.database.contains_key(&permission) {
            return None;
        }
        let chain = self.principals.covering.chain(&permission);
        let ids = self.principals.with_roles(self.principal.id);
        let own = self.found(&chain, &ids, self.login);
        // A login that is not known may be sysadmin's, or hold a covering permission.
        let is_known = match self.login {
            None => !self.principal.kind.may_have_login(),
            Some(login) => login.server_rights_known,
        };
        let of_groups = || self.groups().map(|ids| self.found(&chain, &ids, None));
        if own.denied.is_some() {
            return is_known.then_some(false);
        }
        if own.granted.is_some() {
            return (!of_groups().any(|found| found.denied.is_some())).then_some(true);
        }
        let unlisted = self.names(&ids).any(|name| NOT_LISTED.contains(&name));
        (is_known && !unlisted && !of_groups().any(|found| found.granted.is_some())).then_some(false)
    }

    /// What gives the permission: a statement, or a membership.
    pub fn why(&self, permission: &str) -> Option<String> {
        if self.is_unlimited() {
            return Some(
                if self.principal.id == DBO { "it is dbo" } else { "it is a member of [sysadmin]" }.to_owned(),
            );
        }
        self.of_itself(permission).granted
    }

    /// What denies the permission, though something may give it: a statement, or a membership. `None` also for those whom
    /// nothing is denied.
    pub fn denied_by(&self, permission: &str) -> Option<String> {
        if self.is_unlimited() { None } else { self.of_itself(permission).denied }
    }

    /// The statement, for a DBA, that ends what [`Effective::denied_by`] names, where it is a DENY in the database.
    pub fn lifted_by(&self, permission: &str) -> Option<String> {
        if self.is_unlimited() { None } else { self.of_itself(permission).lifting }
    }

    fn of_itself(&self, permission: &str) -> Found {
        let chain = self.principals.covering.chain(&PermissionName::new(permission));
        self.found(&chain, &self.principals.with_roles(self.principal.id), self.login)
    }

    /// Groups that the principal may be a member of: the server does not say of whom they consist.
    fn groups(&self) -> impl Iterator<Item = BTreeSet<i64>> {
        let group = match self.principal.kind {
            PrincipalKind::ExternalUser => Some(PrincipalKind::ExternalGroup),
            PrincipalKind::WindowsUser => Some(PrincipalKind::WindowsGroup),
            _ => None,
        };
        let groups = self.principals.principals.iter().filter(move |it| Some(it.kind) == group);
        groups.map(|group| self.principals.with_roles(group.id))
    }

    /// The names of the fixed roles among the ids, in the spelling of this file.
    fn names<'a>(&'a self, ids: &'a BTreeSet<i64>) -> impl Iterator<Item = &'a str> {
        let fixed = self.principals.principals.iter().filter(|it| it.is_fixed_role && ids.contains(&it.id));
        fixed.map(|it| it.name.as_str())
    }

    fn found(&self, chain: &[(Scope, PermissionName)], ids: &BTreeSet<i64>, login: Option<&Login>) -> Found {
        let (mut found, mut lifting) = (Found::default(), None);
        let mut note = |denies: bool, words: String| {
            let place = if denies { &mut found.denied } else { &mut found.granted };
            place.get_or_insert(words);
        };
        for (scope, name) in chain {
            match scope {
                Scope::Database => {
                    let rows = self.principals.permissions.iter();
                    for row in rows.filter(|row| row.name == *name && ids.contains(&row.grantee_id)) {
                        let denies = row.state == PermissionState::Denied;
                        let grantee = self.grantee(row);
                        note(denies, said(denies, name, &grantee));
                        if let (true, Ok(grantee), Ok(grantor)) = (denies, grantee.parse(), row.grantor.parse()) {
                            lifting.get_or_insert_with(|| advice::revoke_as(name, &grantee, &grantor));
                        }
                    }
                    for role in self.names(ids) {
                        if denied_by_role(role).contains(&name.as_str()) {
                            note(true, format!("membership of [{role}]"));
                        }
                        if given_by_role(role).contains(&name.as_str()) {
                            note(false, format!("membership of [{role}]"));
                        }
                    }
                }
                Scope::Server => {
                    let Some(login) = login else { continue };
                    for row in login.server_permissions.iter().filter(|row| row.name == *name) {
                        let denies = row.state == PermissionState::Denied;
                        note(denies, said(denies, name, &row.grantee));
                    }
                    for (role, permissions) in SERVER_ROLES {
                        if permissions.contains(&name.as_str()) && has_role(&login.all_server_roles, role) {
                            note(false, format!("membership of [{role}]"));
                        }
                    }
                }
            }
        }
        Found { lifting, ..found }
    }

    fn grantee(&self, row: &Permission) -> String {
        let grantee = self.principals.principals.iter().find(|it| it.id == row.grantee_id);
        grantee.map_or_else(|| "somebody invisible".to_owned(), |it| it.name.clone())
    }
}

fn has_role(roles: &BTreeSet<Identifier>, name: &str) -> bool {
    roles.iter().any(|role| role.is(name))
}

/// As the statement that made it.
fn said(denies: bool, name: &PermissionName, grantee: &str) -> String {
    format!("{} {name} TO [{}]", if denies { "DENY" } else { "GRANT" }, grantee.replace(']', "]]"))
}

#[cfg(test)]
#[path = "effective_tests.rs"]
pub(crate) mod tests;
