//! Database roles: found and changed by SID, which no two of them share, whatever they are called (sql-mi facts §2, §3).

use std::collections::BTreeSet;

use crate::connection::Results;
use crate::database::{Database, add_guard};
use crate::error::{Error, Fault, Result};
use crate::login_changes::has;
use crate::needs;
use crate::principals::{DatabasePrincipals, Known, Principal, PrincipalKind};
use crate::retry::Effect;
use crate::sid::hex;
use crate::statement::{Identifier, Literal, Statement};

#[derive(Clone, Debug)]
pub struct NewRole {
    pub name: Identifier,
    /// A user or a role. `None`: whoever creates it.
    pub owner: Option<Identifier>,
}

/// How often a change whose answer was lost, or whose role has another name or other members by now, is looked after.
const ATTEMPTS: u32 = 4;

impl Principal {
    /// A role that the server made: a fixed one, or `public`.
    pub fn is_built_in_role(&self) -> bool {
        self.kind == PrincipalKind::Role && (self.is_fixed_role || self.id == 0)
    }
}

impl DatabasePrincipals {
    /// The database role that a change means: by the first of its identity, SID and name that is known, and by nothing else.
    ///
    /// # Errors
    /// [`Error::Invisible`]: there is no such row, and the reader would not see it if there were.
    pub fn meant_role(&self, known: Known<'_>) -> Result<Option<&Principal>> {
        match self.among(known, |it| it.kind == PrincipalKind::Role) {
            None if !self.sees_roles => Err(Error::Invisible {
                what: format!("role `{}` of database `{}`", known.name, self.database),
                right: "ALTER ANY ROLE",
            }),
            found => Ok(found),
        }
    }

    /// Who is a member of a role itself: users and roles, as far as they are seen.
    pub fn members_of(&self, role: &Principal) -> Vec<&Principal> {
        let is_member = |it: &&Principal| self.memberships.get(&it.id).is_some_and(|roles| roles.contains(&role.id));
        self.principals.iter().filter(is_member).collect()
    }

    /// Who owns a role, if the owner is seen.
    pub fn owner_of(&self, role: &Principal) -> Option<&Principal> {
        self.by_id(role.owner?)
    }

    /// The roles that a principal owns.
    pub fn roles_owned_by(&self, owner: &Principal) -> impl Iterator<Item = &Principal> {
        let is_owned = move |it: &&Principal| it.kind == PrincipalKind::Role && it.owner == Some(owner.id);
        self.principals.iter().filter(is_owned)
    }
}

impl Database {
    /// Creates a role; returns its SID, where it is seen. After a lost answer a role of this name that is as bare as a new one
    /// is the one that was made: the caller has seen that there was none.
    pub async fn create_role(&self, new: &NewRole) -> Result<Option<String>> {
        let mut statement = match &new.owner {
            Some(owner) => Statement::new("CREATE ROLE {} AUTHORIZATION {};", &[&new.name, owner]),
            None => Statement::new("CREATE ROLE {};", &[&new.name]),
        };
        statement.add("SELECT sid FROM sys.database_principals WHERE name = {};", &[&Literal(new.name.as_str())]);
        let mut may_repeat = true;
        loop {
            let error = match self.send(&statement, Effect::Once).await {
                Ok(results) => return Ok(sid(&results)),
                Err(error) if error.is_lost() => error,
                // The name is free, or it would be 15023: the owner is not there, or may not be given anything.
                Err(error) if error.number() == Some(15151) => {
                    let owner = new.owner.as_ref().unwrap_or(&new.name);
                    return Err(error.about(Fault::Owner).needing(needs::new_roles_owner(owner)));
                }
                Err(error) => return Err(error.about(Fault::Name).needing(needs::NEW_ROLE)),
            };
            let Ok(principals) = self.principals().await else { return Err(error) };
            match principals.named(new.name.as_str()) {
                Some(role) if is_new(&principals, role, new) => return Ok(Some(role.sid.clone())),
                Some(other) => {
                    return Err(Error::AlreadyExists {
                        what: "principal",
                        name: other.name.clone(),
                        details: Some(format!("{}, SID {}", other.kind.describe(), other.sid)),
                    });
                }
                // It provably did not happen.
                None if principals.sees_roles && may_repeat => may_repeat = false,
                None => return Err(error),
            }
        }
    }

    /// Renames the role that was found before, whatever it is called now.
    pub async fn rename_role(&self, role: &Principal, new_name: &Identifier) -> Result<()> {
        let identity = role.identity();
        let mut now = role.clone();
        for _ in 0..ATTEMPTS {
            let current = identifier(&now.name)?;
            let mut statement = Statement::default();
            add_guard(&mut statement, &now, &current);
            statement.add("ALTER ROLE {} WITH NAME = {};\nEND\nELSE SELECT 1 AS absent;", &[&current, new_name]);
            let error = match self.send(&statement, Effect::Once).await {
                Ok(results) if !has(&results, "absent") => return Ok(()),
                Ok(_) => None,
                Err(error) if error.is_lost() || error.number() == Some(15151) => Some(error),
                Err(error) => return Err(error.about(Fault::Name)),
            };
            let principals = self.after(error.as_ref(), None).await?;
            let found = principals.meant_role(Known { identity: Some(&identity), sid: None, name: &now.name })?;
            match (found, error) {
                // Done, by us or by somebody else.
                (Some(found), _) if new_name.is_exactly(&found.name) => return Ok(()),
                (Some(_), Some(error)) if !error.is_lost() => {
                    return Err(error.about(Fault::Name).needing(needs::ROLES));
                }
                (Some(found), _) => now = found.clone(),
                (None, _) => return Err(gone(role)),
            }
        }
        Err(gone(role))
    }

    /// Gives a role to another owner, a user or a role. `role` has the name of now.
    pub async fn give_role(&self, role: &Principal, owner: &Identifier) -> Result<()> {
        let name = identifier(&role.name)?;
        let mut statement = Statement::default();
        add_guard(&mut statement, role, &name);
        statement.add("ALTER AUTHORIZATION ON ROLE::{} TO {};\nEND\nELSE SELECT 1 AS absent;", &[&name, owner]);
        match self.send(&statement, Effect::Repeatable).await {
            Ok(results) if !has(&results, "absent") => Ok(()),
            Ok(_) => Err(gone(role)),
            Err(error) => Err(error.about(Fault::Owner).needing(needs::roles_owner(&name, owner))),
        }
    }

    /// Drops a role, whatever it is called now, and takes those who are `leaving` out of it before: all of it or nothing. With
    /// members besides it stays, and so do they (15144). Gone already is done, if that is proven.
    pub async fn drop_role(&self, role: &Principal, leaving: &[&Principal]) -> Result<()> {
        let known = role.identity();
        let known = Known { identity: Some(&known), sid: None, name: &role.name };
        let may_leave: BTreeSet<String> = leaving.iter().map(|it| it.identity()).collect();
        let members = |principals: &DatabasePrincipals, role: &Principal| -> Vec<Principal> {
            let members = principals.members_of(role).into_iter();
            members.filter(|it| may_leave.contains(&it.identity())).cloned().collect()
        };
        let (mut role, mut leaving) = (role.clone(), leaving.iter().map(|it| (*it).clone()).collect::<Vec<_>>());
        for attempt in 1.. {
            let error = match self.send(&drop_statement(&role, &leaving)?, Effect::Once).await {
                Ok(results) if !has(&results, "absent") => return Ok(()),
                Ok(_) => None,
                // 15151: the role or a member is not there, or may not be touched; 15144: somebody is in it still, perhaps
                // one who is leaving, under another name. Only the catalog tells.
                Err(error) if error.is_lost() || matches!(error.number(), Some(15151 | 15144)) => Some(error),
                Err(error) => return Err(error.about(Fault::Name)),
            };
            let principals = self.after(error.as_ref(), None).await?;
            let Some(found) = principals.meant_role(known)? else { return Ok(()) };
            let found = (found.clone(), members(&principals, found));
            let is_as_sent = found.0.name == role.name && found.1 == leaving;
            match error {
                Some(error) if attempt >= ATTEMPTS || (is_as_sent && !error.is_lost()) => {
                    return Err(error.about(Fault::Name).needing(needs::ROLES));
                }
                None if attempt >= ATTEMPTS => {
                    return Err(Error::NotFound { what: "role", name: role.name, fault: Fault::Name });
                }
                _ => (role, leaving) = found,
            }
        }
        Ok(())
    }
}

fn gone(role: &Principal) -> Error {
    Error::NotFound { what: "role", name: role.name.clone(), fault: Fault::Name }
}

fn identifier(name: &str) -> Result<Identifier> {
    name.parse().map_err(|_| Error::NotFound { what: "role", name: name.to_owned(), fault: Fault::Name })
}

/// What `create_role` asks for besides.
fn sid(results: &Results) -> Option<String> {
    let bytes = results.iter().flatten().next()?.bytes("sid").ok()??;
    Some(hex(Some(&bytes)))
}

/// A member who is somebody else by now stays, and so does the role then: it has a member.
fn drop_statement(role: &Principal, leaving: &[Principal]) -> Result<Statement> {
    let name = identifier(&role.name)?;
    let mut statement = Statement::new("SET XACT_ABORT ON;\nBEGIN TRANSACTION;", &[]);
    add_guard(&mut statement, role, &name);
    for member in leaving {
        let member_name = identifier(&member.name)?;
        add_guard(&mut statement, member, &member_name);
        statement.add("ALTER ROLE {} DROP MEMBER {};\nEND", &[&name, &member_name]);
    }
    statement.add("DROP ROLE {};\nEND\nELSE SELECT 1 AS absent;\nCOMMIT TRANSACTION;", &[&name]);
    Ok(statement)
}

/// As its creation leaves it: owned as asked, with neither members nor permissions.
fn is_new(principals: &DatabasePrincipals, role: &Principal, new: &NewRole) -> bool {
    let is_owner = |owner: &Identifier| principals.owner_of(role).is_some_and(|it| owner.is(&it.name));
    role.kind == PrincipalKind::Role
        && !role.is_built_in_role()
        && new.owner.as_ref().is_none_or(is_owner)
        && role.roles.is_empty()
        && principals.members_of(role).is_empty()
        // Permissions that cannot be seen are not held against it.
        && principals.permissions_of(role).map_or(true, |rows| rows.is_empty())
}
