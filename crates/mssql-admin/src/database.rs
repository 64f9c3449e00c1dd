//! Users of a database, their roles and permissions (sql-mi facts §2, §3).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::connection::{Connections, Effect, Results};
use crate::error::{Error, Fault, Result};
use crate::permission::{Change, Grants, PermissionName};
use crate::row::{Fields, missing, same_name};
use crate::sid::Sid;
use crate::statement::{Identifier, Part, Statement};

/// A database of an instance.
#[derive(Clone, Debug)]
pub struct Database {
    connections: Arc<Connections>,
    name: Identifier,
}

/// A user as the catalog shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: String,
    /// `None`: a SID of another length, such as that of `dbo`.
    pub sid: Option<Sid>,
    login: Option<String>,
    pub default_schema: Option<String>,
    pub roles: BTreeSet<String>,
    id: i64,
}

/// One row of the database-level permissions: key is grantee, grantor and permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    pub name: PermissionName,
    pub state: PermissionState,
    pub grantor: String,
    grantee: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PermissionState {
    Granted,
    GrantedWithGrantOption,
    Denied,
}

/// Users, roles and database-level permissions at one moment.
#[derive(Clone, Debug)]
pub struct DatabasePrincipals {
    database: String,
    users: Vec<User>,
    permissions: Vec<Permission>,
    known_permissions: Vec<PermissionName>,
    sees_users: bool,
    sees_permissions: bool,
    sees_logins: bool,
}

#[derive(Clone, Debug)]
pub struct NewUser {
    pub name: Identifier,
    pub login: Identifier,
    pub default_schema: Option<Identifier>,
}

impl DatabasePrincipals {
    /// The user, by name, else by SID: one that was renamed.
    ///
    /// # Errors
    /// [`Error::Invisible`]: there is no such row, and the reader would not see it if there were.
    pub fn find(&self, name: &str, sid: Option<Sid>) -> Result<Option<&User>> {
        let by_name = self.users.iter().find(|user| same_name(&user.name, name));
        let found = by_name.or_else(|| {
            let sid = sid?;
            self.users.iter().find(|user| user.sid == Some(sid))
        });
        match found {
            None if !self.sees_users => Err(Error::Invisible {
                what: format!("user `{name}` of database `{}`", self.database),
                right: "ALTER ANY USER",
            }),
            found => Ok(found),
        }
    }

    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.users.iter()
    }

    /// The login of the same SID. `None`: the user is an orphan, or has no login.
    ///
    /// # Errors
    /// [`Error::Invisible`]: there is no such row, and the reader would not see it if there were.
    pub fn login_of<'a>(&self, user: &'a User) -> Result<Option<&'a str>> {
        match &user.login {
            None if !self.sees_logins => Err(Error::Invisible {
                what: format!("the login of user `{}`", user.name),
                right: "VIEW ANY DEFINITION",
            }),
            login => Ok(login.as_deref()),
        }
    }

    /// The permissions of a user on the database itself, from whomever.
    ///
    /// # Errors
    /// [`Error::Invisible`]: the reader does not see the permissions of others.
    pub fn permissions_of(&self, user: &User) -> Result<Vec<&Permission>> {
        if !self.sees_permissions {
            return Err(Error::Invisible {
                what: format!("the permissions of user `{}` in database `{}`", user.name, self.database),
                right: "VIEW DEFINITION",
            });
        }
        Ok(self.permissions.iter().filter(|permission| permission.grantee == user.id).collect())
    }

    /// The server's own spelling of a permission.
    ///
    /// # Errors
    /// [`Error::UnknownPermission`], with the name that is nearest.
    pub fn check_permission(&self, name: &PermissionName) -> Result<()> {
        if self.known_permissions.contains(name) {
            return Ok(());
        }
        let known = self.known_permissions.iter().map(PermissionName::as_str);
        Err(Error::UnknownPermission { name: name.to_string(), nearest: nearest(name.as_str(), known) })
    }
}

/// The candidate that fewest changes turn into `name`, if it is near at all.
fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    candidates
        .map(|candidate| (strsim::levenshtein(name, candidate), candidate))
        .min()
        .filter(|(distance, candidate)| *distance * 3 <= candidate.len())
        .map(|(_, candidate)| candidate.to_owned())
}

impl Database {
    pub(crate) fn new(connections: Arc<Connections>, name: Identifier) -> Self {
        Self { connections, name }
    }

    pub fn name(&self) -> &Identifier {
        &self.name
    }

    pub(crate) async fn read(&self, statement: &Statement) -> Result<Results> {
        let results = self.connections.run(&self.name, statement, Effect::Reads).await;
        results.map_err(|error| error.about(Fault::Database))
    }

    async fn change(&self, statement: &Statement) -> Result<()> {
        self.connections.run(&self.name, statement, Effect::Changes).await.map(drop)
    }

    pub(crate) fn unreadable(&self, cause: String) -> Error {
        Error::Decode { server: self.connections.server().to_string(), cause }
    }

    /// Users, roles, permissions and the names of all permissions, in one round trip.
    ///
    /// # Errors
    /// See [`Error`]; so for every call.
    pub async fn principals(&self) -> Result<DatabasePrincipals> {
        let statement = Statement::new(
            "SET NOCOUNT ON;
SELECT DB_NAME() AS name,
       HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'ALTER ANY USER') AS alter_user,
       HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'VIEW DEFINITION') AS view_definition,
       HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'VIEW SECURITY DEFINITION') AS view_security,
       HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW ANY DEFINITION') AS view_any_definition,
       HAS_PERMS_BY_NAME(NULL, NULL, 'ALTER ANY LOGIN') AS alter_any_login;
SELECT u.principal_id, u.name, u.sid, u.default_schema_name, l.name AS login_name
FROM sys.database_principals AS u LEFT JOIN sys.server_principals AS l ON l.sid = u.sid
WHERE u.type IN ('S', 'E', 'X', 'U', 'G');
SELECT m.member_principal_id, r.name AS role_name
FROM sys.database_role_members AS m JOIN sys.database_principals AS r ON r.principal_id = m.role_principal_id;
SELECT p.grantee_principal_id, p.permission_name, RTRIM(p.state) AS state, g.name AS grantor
FROM sys.database_permissions AS p LEFT JOIN sys.database_principals AS g ON g.principal_id = p.grantor_principal_id
WHERE p.class = 0;
SELECT permission_name FROM sys.fn_builtin_permissions('DATABASE');",
            &[],
        );
        let results = self.read(&statement).await?;
        let read = || -> Result<DatabasePrincipals, String> {
            let mut results = results.iter();
            let mut next = || results.next().ok_or("a result set is missing".to_owned());
            let facts = next()?.first().ok_or("the database's facts are missing")?;
            let right = |name: &str| Ok::<_, String>(facts.int(name)? == Some(1));
            let sees_definitions = right("view_definition")?;
            let (users, members, permissions, known) = (next()?, next()?, next()?, next()?);
            let mut roles: BTreeMap<i64, BTreeSet<String>> = BTreeMap::new();
            for row in members {
                if let (Some(member), Some(role)) = (row.int("member_principal_id")?, row.text("role_name")?) {
                    roles.entry(member).or_default().insert(role);
                }
            }
            let users = users
                .iter()
                .map(|row| {
                    let id = row.int("principal_id")?.ok_or("a user without an id")?;
                    Ok(User {
                        name: row.text("name")?.ok_or("a user without a name")?,
                        sid: row.bytes("sid")?.as_deref().and_then(Sid::from_bytes),
                        login: row.text("login_name")?,
                        default_schema: row.text("default_schema_name")?,
                        roles: roles.remove(&id).unwrap_or_default(),
                        id,
                    })
                })
                .collect::<Result<_, String>>()?;
            let permissions = permissions
                .iter()
                .map(|row| {
                    let state = row.text("state")?;
                    Ok(Permission {
                        name: PermissionName::new(&row.text("permission_name")?.ok_or("a permission without a name")?),
                        state: match state.as_deref() {
                            Some("G") => PermissionState::Granted,
                            Some("W") => PermissionState::GrantedWithGrantOption,
                            Some("D") => PermissionState::Denied,
                            other => return Err(format!("a permission in the unknown state {other:?}")),
                        },
                        grantor: row.text("grantor")?.unwrap_or_else(|| "somebody invisible".to_owned()),
                        grantee: row.int("grantee_principal_id")?.ok_or("a permission without a grantee")?,
                    })
                })
                .collect::<Result<_, String>>()?;
            let known_permissions = known
                .iter()
                .map(|row| Ok(PermissionName::new(&row.text("permission_name")?.unwrap_or_default())))
                .collect::<Result<_, String>>()?;
            Ok(DatabasePrincipals {
                database: facts.text("name")?.unwrap_or_default(),
                users,
                permissions,
                known_permissions,
                sees_users: sees_definitions || right("alter_user")?,
                sees_permissions: sees_definitions || right("view_security")?,
                sees_logins: right("view_any_definition")? || right("alter_any_login")?,
            })
        };
        read().map_err(|cause| self.unreadable(cause))
    }

    /// Creates a user for a login.
    pub async fn create_user(&self, new: &NewUser) -> Result<()> {
        let statement = match &new.default_schema {
            Some(schema) => Statement::new(
                "CREATE USER {} FOR LOGIN {} WITH DEFAULT_SCHEMA = {};",
                &[&new.name, &new.login, schema],
            ),
            None => Statement::new("CREATE USER {} FOR LOGIN {};", &[&new.name, &new.login]),
        };
        self.change(&statement).await.map_err(|error| error.about(Fault::Login))
    }

    pub async fn rename_user(&self, name: &Identifier, new_name: &Identifier) -> Result<()> {
        let statement = Statement::new("ALTER USER {} WITH NAME = {};", &[name, new_name]);
        self.change(&statement).await.map_err(|error| error.about(Fault::Name))
    }

    /// Maps a user to another login, or an orphan to its login again. Needs CONTROL on the database.
    pub async fn map_user(&self, name: &Identifier, login: &Identifier) -> Result<()> {
        let statement = Statement::new("ALTER USER {} WITH LOGIN = {};", &[name, login]);
        self.change(&statement).await.map_err(|error| error.about(Fault::Login))
    }

    pub async fn set_default_schema(&self, name: &Identifier, schema: &Identifier) -> Result<()> {
        let statement = Statement::new("ALTER USER {} WITH DEFAULT_SCHEMA = {};", &[name, schema]);
        self.change(&statement).await.map_err(|error| error.about(Fault::Schema))
    }

    /// Adds and removes memberships of database roles, so that `wanted` are the ones. One transaction.
    pub async fn set_roles(&self, user: &Identifier, held: &BTreeSet<String>, wanted: &BTreeSet<String>) -> Result<()> {
        let (added, removed) = (missing(wanted, held)?, missing(held, wanted)?);
        if added.is_empty() && removed.is_empty() {
            return Ok(());
        }
        let mut statement = Statement::new("SET XACT_ABORT ON;\nBEGIN TRANSACTION;", &[]);
        for role in &added {
            statement.add("ALTER ROLE {} ADD MEMBER {};", &[role, user]);
        }
        for role in &removed {
            statement.add("ALTER ROLE {} DROP MEMBER {};", &[role, user]);
        }
        statement.add("COMMIT TRANSACTION;", &[]);
        self.change(&statement).await.map_err(|error| error.about(Fault::Role))
    }

    /// Drops a user. Schemas it owns are given to `transfer_schemas_to` first; without that, owning one is an error.
    pub async fn drop_user(&self, name: &Identifier, transfer_schemas_to: Option<&Identifier>) -> Result<()> {
        let mut statement = Statement::new("SET XACT_ABORT ON;\nBEGIN TRANSACTION;", &[]);
        if let Some(owner) = transfer_schemas_to {
            for schema in self.schemas_of(name).await? {
                statement.add("ALTER AUTHORIZATION ON SCHEMA::{} TO {};", &[&schema, owner]);
            }
        }
        statement.add("DROP USER {};\nCOMMIT TRANSACTION;", &[name]);
        match self.change(&statement).await {
            // 15151: it is not there, or may not be dropped. Only the catalog tells.
            Err(error) if error.number() == Some(15151) || matches!(error, Error::AnswerLost { .. }) => {
                match self.principals().await?.find(name.as_str(), None)? {
                    None => Ok(()),
                    Some(_) => Err(error.about(Fault::Name)),
                }
            }
            result => result.map_err(|error| error.about(Fault::Name)),
        }
    }

    async fn schemas_of(&self, owner: &Identifier) -> Result<Vec<Identifier>> {
        let statement = Statement::new(
            "SELECT s.name AS name FROM sys.schemas AS s JOIN sys.database_principals AS p
    ON p.principal_id = s.principal_id WHERE p.name = {};",
            &[&crate::statement::Literal(owner.as_str())],
        );
        let results = self.read(&statement).await?;
        let names = results.iter().flatten().filter_map(|row| row.text("name").transpose());
        names
            .map(|name| name.and_then(|name| name.parse().map_err(|error| format!("{name}: {error}"))))
            .collect::<Result<_, String>>()
            .map_err(|cause| self.unreadable(cause))
    }

    /// Makes the changes in one transaction and one round trip; none of them, or all.
    pub async fn change_permissions(&self, principal: &Identifier, changes: &[Change]) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let mut statement = Statement::new("SET XACT_ABORT ON;\nBEGIN TRANSACTION;", &[]);
        for change in changes {
            let (words, permission) = match change {
                Change::Grant(it) => ("GRANT {} TO {};", it),
                Change::GrantWithGrantOption(it) => ("GRANT {} TO {} WITH GRANT OPTION;", it),
                Change::Revoke(it) => ("REVOKE {} FROM {};", it),
                Change::RevokeCascade(it) => ("REVOKE {} FROM {} CASCADE;", it),
                Change::RevokeGrantOption(it) => ("REVOKE GRANT OPTION FOR {} FROM {} CASCADE;", it),
                Change::Deny(it) => ("DENY {} TO {} CASCADE;", it),
            };
            statement.add(words, &[permission as &dyn Part, principal]);
        }
        statement.add("COMMIT TRANSACTION;", &[]);
        self.change(&statement).await.map_err(|error| error.about(Fault::Permission))
    }
}

impl Permission {
    /// The three sets of these rows.
    pub fn sets<'a>(rows: impl IntoIterator<Item = &'a Permission>) -> Grants {
        let mut grants = Grants::default();
        for row in rows {
            let set = match row.state {
                PermissionState::Granted => &mut grants.granted,
                PermissionState::GrantedWithGrantOption => &mut grants.with_grant_option,
                PermissionState::Denied => &mut grants.denied,
            };
            set.insert(row.name.clone());
        }
        grants
    }
}
