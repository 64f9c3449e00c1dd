//! A database: its principals, read in one round trip, and what is done to its permissions (sql-mi facts §2, §3).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::connection::{Connections, Results};
use crate::effective::Covering;
use crate::error::{Error, Fault, Result};
use crate::permission::{Change, Permission, PermissionName, PermissionState, Revocation};
use crate::principals::{DatabasePrincipals, LoginRef, Principal, PrincipalKind};
use crate::retry::Effect;
use crate::row::{ResultSets, Row};
use crate::sid::hex;
use crate::statement::{Identifier, Literal, Part, Statement};

/// A database of an instance.
#[derive(Clone, Debug)]
pub struct Database {
    connections: Arc<Connections>,
    name: Identifier,
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
        results.map_err(|error| error.about(Fault::Database).in_database(self.name.as_str()))
    }

    pub(crate) async fn send(&self, statement: &Statement, effect: Effect) -> Result<Results> {
        let results = self.connections.run(&self.name, statement, effect).await;
        results.map_err(|error| error.in_database(self.name.as_str()))
    }

    pub(crate) fn unreadable(&self, cause: String) -> Error {
        Error::Decode { server: self.connections.server().to_string(), cause }
    }

    /// Principals, roles, permissions and the server's own list of permissions, in one round trip.
    ///
    /// # Errors
    /// See [`Error`]; so for every call.
    pub async fn principals(&self) -> Result<DatabasePrincipals> {
        let statement = Statement::new(
            "SET NOCOUNT ON;
SELECT DB_NAME() AS name, USER_NAME() AS user_name, IS_ROLEMEMBER('db_owner') AS db_owner,
       HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'ALTER ANY USER') AS alter_user,
       HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'VIEW DEFINITION') AS view_definition,
       HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'VIEW SECURITY DEFINITION') AS view_security,
       HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW ANY DEFINITION') AS view_any_definition,
       HAS_PERMS_BY_NAME(NULL, NULL, 'ALTER ANY LOGIN') AS alter_any_login;
SELECT u.principal_id, u.name, RTRIM(u.type) AS type, CAST(u.authentication_type AS int) AS authentication_type, u.sid,
       u.default_schema_name, CAST(u.is_fixed_role AS int) AS is_fixed_role, l.name AS login_name,
       CONVERT(varchar(30), u.create_date, 126) AS created
FROM sys.database_principals AS u LEFT JOIN sys.server_principals AS l ON l.sid = u.sid
WHERE u.type IN ('S', 'E', 'X', 'U', 'G', 'R', 'A', 'C', 'K');
SELECT m.member_principal_id, m.role_principal_id FROM sys.database_role_members AS m;
SELECT p.grantee_principal_id, p.grantor_principal_id, p.permission_name, RTRIM(p.state) AS state, g.name AS grantor
FROM sys.database_permissions AS p LEFT JOIN sys.database_principals AS g ON g.principal_id = p.grantor_principal_id
WHERE p.class = 0;
SELECT permission_name, covering_permission_name, parent_covering_permission_name
FROM sys.fn_builtin_permissions('DATABASE');
SELECT permission_name, covering_permission_name FROM sys.fn_builtin_permissions('SERVER');",
            &[],
        );
        let results = self.read(&statement).await?;
        decode(&mut ResultSets::new(&results)).map_err(|cause| self.unreadable(cause))
    }

    /// Makes the changes in one transaction and one round trip; none of them, or all.
    pub async fn change_permissions(&self, principal: &Identifier, changes: &[Change]) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let statement = self::changes(principal, changes);
        self.send(&statement, Effect::Repeatable).await.map(drop).map_err(|error| error.about(Fault::Permission))
    }
}

/// The changes in one transaction.
pub(crate) fn changes(principal: &Identifier, changes: &[Change]) -> Statement {
    let mut statement = Statement::new("SET XACT_ABORT ON;\nBEGIN TRANSACTION;", &[]);
    for change in changes {
        match change {
            Change::Grant(name) => statement.add("GRANT {} TO {};", &[name as &dyn Part, principal]),
            Change::GrantWithGrantOption(name) => {
                statement.add("GRANT {} TO {} WITH GRANT OPTION;", &[name as &dyn Part, principal]);
            }
            Change::Deny(name) => statement.add("DENY {} TO {} CASCADE;", &[name as &dyn Part, principal]),
            Change::Revoke(row) => {
                statement.add("REVOKE {} FROM {}{};", &[&row.name as &dyn Part, principal, &As(row)]);
            }
            Change::RevokeCascade(row) => {
                statement.add("REVOKE {} FROM {} CASCADE{};", &[&row.name as &dyn Part, principal, &As(row)]);
            }
            Change::RevokeGrantOption(row) => revoke_grant_option(&mut statement, row, principal),
        }
    }
    statement.add("COMMIT TRANSACTION;", &[]);
    statement
}

/// Only where the option is there: of a plain grant the statement takes the permission itself (sql-mi facts §3.3), as it
/// would when it is sent a second time.
fn revoke_grant_option(statement: &mut Statement, row: &Revocation, principal: &Identifier) {
    let (name, grantee) = (Literal(row.name.as_str()), Literal(principal.as_str()));
    statement.add(
        "IF EXISTS (SELECT 1 FROM sys.database_permissions WHERE class = 0 AND state = 'W' AND permission_name = {}
    AND grantee_principal_id = DATABASE_PRINCIPAL_ID({}) AND grantor_principal_id = {})
    REVOKE GRANT OPTION FOR {} FROM {} CASCADE{};",
        &[&name, &grantee, &GrantorId(row), &row.name, principal, &As(row)],
    );
}

/// ` AS [grantor]`, where it is somebody else than the operator.
struct As<'a>(&'a Revocation);

impl Part for As<'_> {
    fn write(&self, statement: &mut String) {
        if let Some(grantor) = &self.0.grantor {
            statement.push_str(" AS ");
            grantor.write(statement);
        }
    }
}

/// From whom the server has the row: what db_owner's members do is recorded from dbo.
struct GrantorId<'a>(&'a Revocation);

impl Part for GrantorId<'_> {
    fn write(&self, statement: &mut String) {
        match &self.0.grantor {
            Some(grantor) => {
                statement.push_str("DATABASE_PRINCIPAL_ID(");
                Literal(grantor.as_str()).write(statement);
                statement.push(')');
            }
            None => statement.push_str("CASE WHEN IS_ROLEMEMBER('db_owner') = 1 THEN 1 ELSE USER_ID() END"),
        }
    }
}

fn decode(results: &mut ResultSets<'_>) -> Result<DatabasePrincipals, String> {
    let facts = results.row()?;
    let (principals, members, permissions) = (results.next()?, results.next()?, results.next()?);
    let mut memberships: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
    for row in members {
        let role = row.required_int("role_principal_id")?;
        memberships.entry(row.required_int("member_principal_id")?).or_default().insert(role);
    }
    let mut principals =
        principals.iter().filter_map(|row| principal(row).transpose()).collect::<Result<Vec<_>, _>>()?;
    let names: BTreeMap<i64, Identifier> =
        principals.iter().filter_map(|it| Some((it.id, it.name.parse().ok()?))).collect();
    for it in &mut principals {
        let roles = memberships.get(&it.id).into_iter().flatten();
        it.roles = roles.filter_map(|role| names.get(role).cloned()).collect();
    }
    let user_name = facts.text("user_name")?.unwrap_or_default();
    let sees_definitions = facts.flag("view_definition")?;
    Ok(DatabasePrincipals {
        database: facts.text("name")?.unwrap_or_default(),
        operator: if facts.flag("db_owner")? { "dbo".to_owned() } else { user_name },
        principals,
        memberships,
        permissions: permissions.iter().map(permission).collect::<Result<_, _>>()?,
        covering: covering(results)?,
        sees_users: sees_definitions || facts.flag("alter_user")?,
        sees_permissions: sees_definitions || facts.flag("view_security")?,
        sees_logins: facts.flag("view_any_definition")? || facts.flag("alter_any_login")?,
    })
}

/// `None`: of a kind that nothing here knows.
fn principal(row: &Row) -> Result<Option<Principal>, String> {
    let Some(kind) = PrincipalKind::of(&row.required_text("type")?, row.int("authentication_type")?) else {
        return Ok(None);
    };
    let sid = hex(row.bytes("sid")?.as_deref());
    let login = row.text("login_name")?.filter(|_| kind.may_have_login());
    Ok(Some(Principal {
        id: row.required_int("principal_id")?,
        name: row.required_text("name")?,
        kind,
        login: login.map(|name| LoginRef { name, sid: sid.clone() }),
        sid,
        default_schema: row.text("default_schema_name")?,
        roles: BTreeSet::new(),
        is_fixed_role: row.flag("is_fixed_role")?,
        created: row.required_text("created")?,
    }))
}

fn permission(row: &Row) -> Result<Permission, String> {
    Ok(Permission {
        name: PermissionName::new(&row.required_text("permission_name")?),
        state: PermissionState::of(row.text("state")?.as_deref())?,
        grantor: row.text("grantor")?.unwrap_or_else(|| "somebody invisible".to_owned()),
        grantor_id: row.required_int("grantor_principal_id")?,
        grantee_id: row.required_int("grantee_principal_id")?,
    })
}

/// What the server's list says; an empty covering permission is none.
fn covering(results: &mut ResultSets<'_>) -> Result<Covering, String> {
    let name = |row: &Row, column: &str| {
        Ok::<_, String>(row.text(column)?.filter(|name| !name.trim().is_empty()).map(|name| PermissionName::new(&name)))
    };
    let mut covering = Covering::default();
    for row in results.next()? {
        if let Some(permission) = name(row, "permission_name")? {
            let by = (name(row, "covering_permission_name")?, name(row, "parent_covering_permission_name")?);
            covering.database.insert(permission, by);
        }
    }
    for row in results.next()? {
        if let Some(permission) = name(row, "permission_name")? {
            covering.server.insert(permission, name(row, "covering_permission_name")?);
        }
    }
    Ok(covering)
}
