//! A database: its principals, read in one round trip, and what is done to its permissions (sql-mi facts §2, §3).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::connection::{Connections, Results};
use crate::effective::Covering;
use crate::error::{Error, Fault, Result};
use crate::login_changes::has;
use crate::needs;
use crate::permission::{Change, Permission, PermissionName, PermissionState, Revocation};
use crate::principals::{DatabasePrincipals, LoginRef, Principal, PrincipalKind};
use crate::retry::Effect;
use crate::row::{ResultSets, Row};
use crate::sid::hex;
use crate::sought::Sought;
use crate::statement::{Identifier, Literal, Number, Part, Statement};

/// Who asks, and what that one may see.
const FACTS: &str = "SELECT DB_NAME() AS name, USER_NAME() AS user_name, IS_ROLEMEMBER('db_owner') AS db_owner,
       HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'ALTER ANY USER') AS alter_user,
       HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'ALTER ANY ROLE') AS alter_role,
       HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'VIEW DEFINITION') AS view_definition,
       HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'VIEW SECURITY DEFINITION') AS view_security,
       HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW ANY DEFINITION') AS view_any_definition,
       HAS_PERMS_BY_NAME(NULL, NULL, 'ALTER ANY LOGIN') AS alter_any_login;";

/// Principals, as far as a condition goes on.
const PRINCIPALS: &str = "SELECT u.principal_id, u.name, RTRIM(u.type) AS type,
       CAST(u.authentication_type AS int) AS authentication_type, u.sid, u.default_schema_name,
       CAST(u.is_fixed_role AS int) AS is_fixed_role, l.name AS login_name,
       CONVERT(varchar(30), u.create_date, 126) AS created, u.owning_principal_id
FROM sys.database_principals AS u LEFT JOIN sys.server_principals AS l ON l.sid = u.sid
WHERE u.type IN ('S', 'E', 'X', 'U', 'G', 'R', 'A', 'C', 'K')";

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

    pub(crate) async fn sleep(&self, pause: Duration) -> Result<()> {
        self.connections.sleep(pause).await
    }

    pub(crate) fn unreadable(&self, cause: String) -> Error {
        Error::Decode { server: self.connections.server().to_string(), cause }
    }

    /// Principals, roles, permissions and the server's own list of permissions, in one round trip.
    ///
    /// # Errors
    /// See [`Error`]; so for every call.
    pub async fn principals(&self) -> Result<DatabasePrincipals> {
        let mut statement = Statement::new("SET NOCOUNT ON;", &[]);
        statement.add(FACTS, &[]);
        statement.add(PRINCIPALS, &[]);
        statement.add(
            ";
SELECT m.member_principal_id, m.role_principal_id FROM sys.database_role_members AS m;
SELECT p.grantee_principal_id, p.grantor_principal_id, p.permission_name, RTRIM(p.state) AS state, g.name AS grantor
FROM sys.database_permissions AS p LEFT JOIN sys.database_principals AS g ON g.principal_id = p.grantor_principal_id
WHERE p.class = 0;
SELECT s.name, s.principal_id FROM sys.schemas AS s WHERE s.schema_id BETWEEN 5 AND 16383;",
            &[],
        );
        let known = self.connections.covering();
        if known.is_none() {
            add_covering(&mut statement);
        }
        let results = self.read(&statement).await?;
        self.decoded(&results, known)
    }

    /// The same of some principals alone, in one round trip of a size that does not depend on how many others there are.
    /// Where one of them has granted anything to others, who has what from whom is asked for whole.
    pub async fn principals_like(&self, sought: &Sought) -> Result<DatabasePrincipals> {
        let mut statement = Statement::new("SET NOCOUNT ON;", &[]);
        add_look(&mut statement, sought);
        let known = self.connections.covering();
        if known.is_none() {
            add_covering(&mut statement);
        }
        let results = self.read(&statement).await?;
        self.unless_passed_on(self.decoded(&results, known)?).await
    }

    /// What the look at the end of a batch has found.
    pub(crate) async fn looked(&self, results: &Results) -> Result<DatabasePrincipals> {
        match self.connections.covering() {
            Some(known) => self.unless_passed_on(self.decoded(results, Some(known))?).await,
            // Nobody has asked for it yet.
            None => self.principals().await,
        }
    }

    async fn unless_passed_on(&self, found: DatabasePrincipals) -> Result<DatabasePrincipals> {
        let passed_on = found.permissions.iter().any(|row| found.by_id(row.grantee_id).is_none());
        if passed_on { self.principals().await } else { Ok(found) }
    }

    fn decoded(&self, results: &Results, known: Option<Arc<Covering>>) -> Result<DatabasePrincipals> {
        let decoded = decode(&mut ResultSets::new(results), known).map_err(|cause| self.unreadable(cause))?;
        self.connections.note_covering(&decoded.covering);
        Ok(decoded)
    }

    /// Makes the changes to what a principal holds in one transaction and one round trip; none of them, or all. Answers what
    /// a look shows then.
    pub async fn change_permissions(
        &self,
        principal: &Principal,
        changes: &[Change],
    ) -> Result<Result<DatabasePrincipals>> {
        let gone = || Error::NotFound { what: "principal", name: principal.name.clone(), fault: Fault::Name };
        let name: Identifier = principal.name.parse().map_err(|_| gone())?;
        let sought = Sought::number(principal.id);
        if changes.is_empty() {
            return Ok(self.principals_like(&sought).await);
        }
        let mut statement = Statement::new("SET NOCOUNT ON;\nSET XACT_ABORT ON;\nBEGIN TRANSACTION;", &[]);
        add_guard(&mut statement, principal, &name);
        add_changes(&mut statement, &name, changes);
        statement.add("END\nELSE SELECT 1 AS absent;\nCOMMIT TRANSACTION;", &[]);
        add_look(&mut statement, &sought);
        let results = self.send(&statement, Effect::Repeatable).await.map_err(refused_permission)?;
        if has(&results, "absent") { Err(gone()) } else { Ok(self.looked(&results).await) }
    }
}

fn refused_permission(error: Error) -> Error {
    error.about(Fault::Permission).needing(needs::PERMISSIONS)
}

/// Adds the look for some principals to a batch, with the roles that they are in.
pub(crate) fn add_look(statement: &mut Statement, sought: &Sought) {
    statement.add(FACTS, &[]);
    statement.add(PRINCIPALS, &[]);
    statement.add(
        "AND ({} OR u.principal_id IN (SELECT m.role_principal_id FROM sys.database_principals AS u
     JOIN sys.database_role_members AS m ON m.member_principal_id = u.principal_id WHERE {}));
SELECT m.member_principal_id, m.role_principal_id FROM sys.database_principals AS u
JOIN sys.database_role_members AS m ON m.member_principal_id = u.principal_id WHERE {};
SELECT p.grantee_principal_id, p.grantor_principal_id, p.permission_name, RTRIM(p.state) AS state, g.name AS grantor
FROM sys.database_principals AS u JOIN sys.database_permissions AS p ON p.grantee_principal_id = u.principal_id
    LEFT JOIN sys.database_principals AS g ON g.principal_id = p.grantor_principal_id WHERE p.class = 0 AND {}
UNION
SELECT p.grantee_principal_id, p.grantor_principal_id, p.permission_name, RTRIM(p.state) AS state, u.name AS grantor
FROM sys.database_principals AS u JOIN sys.database_permissions AS p ON p.grantor_principal_id = u.principal_id
WHERE p.class = 0 AND {};
SELECT s.name, s.principal_id FROM sys.database_principals AS u JOIN sys.schemas AS s ON s.principal_id = u.principal_id
WHERE s.schema_id BETWEEN 5 AND 16383 AND {};",
        &[sought, sought, sought, sought, sought, sought],
    );
}

/// The server's own list of permissions: asked for once.
fn add_covering(statement: &mut Statement) {
    statement.add(
        "SELECT permission_name, covering_permission_name, parent_covering_permission_name
FROM sys.fn_builtin_permissions('DATABASE');
SELECT permission_name, covering_permission_name FROM sys.fn_builtin_permissions('SERVER');",
        &[],
    );
}

/// What follows is only run if the principal is still the one that was found, under this name: `BEGIN` is written, `END` is
/// the caller's.
pub(crate) fn add_guard(statement: &mut Statement, principal: &Principal, name: &Identifier) {
    statement.add(
        "IF EXISTS (SELECT 1 FROM sys.database_principals WHERE principal_id = {} AND name = {}
    AND CONVERT(varchar(30), create_date, 126) = {})
BEGIN",
        &[&Number(principal.id), &Literal(name.as_str()), &Literal(&principal.created)],
    );
}

/// One statement for each change.
pub(crate) fn add_changes(statement: &mut Statement, principal: &Identifier, changes: &[Change]) {
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
            Change::RevokeGrantOption(row) => revoke_grant_option(statement, row, principal),
        }
    }
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

/// `known`: the server's list of permissions, where it is not in the results.
fn decode(results: &mut ResultSets<'_>, known: Option<Arc<Covering>>) -> Result<DatabasePrincipals, String> {
    let facts = results.row()?;
    let (principals, members, permissions, schemas) =
        (results.next()?, results.next()?, results.next()?, results.next()?);
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
        schemas: schemas
            .iter()
            .map(|row| Ok::<_, String>((row.required_int("principal_id")?, row.required_text("name")?)))
            .collect::<Result<_, _>>()?,
        covering: match known {
            Some(known) => known,
            None => Arc::new(covering(results)?),
        },
        sees_users: sees_definitions || facts.flag("alter_user")?,
        sees_roles: sees_definitions || facts.flag("alter_role")?,
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
        owner: row.int("owning_principal_id")?,
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
