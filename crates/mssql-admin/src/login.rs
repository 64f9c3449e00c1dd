//! Logins of an instance, their server roles and permissions at one moment (sql-mi facts §1).

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, Result};
use crate::instance::Instance;
use crate::permission::{PermissionName, PermissionState};
use crate::row::ResultSets;
use crate::sid::{Sid, hex};
use crate::sought::Sought;
use crate::statement::{Identifier, Statement, named};

/// A login as the catalog shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    pub name: String,
    /// `None`: a SID of another length than ours, such as that of `sa`.
    pub sid: Option<Sid>,
    /// Hexadecimal, of whatever length.
    pub sid_text: String,
    pub kind: LoginKind,
    /// Not disabled; of an Entra group, which cannot be, that CONNECT SQL is not denied to it.
    pub enabled: bool,
    pub default_database: Option<String>,
    /// The server roles it is a member of itself.
    pub server_roles: BTreeSet<Identifier>,
    /// Those, and the roles that they are members of.
    pub all_server_roles: BTreeSet<Identifier>,
    /// Permissions on the server that it holds or is denied: its own, those of its roles and of `public`.
    pub server_permissions: Vec<ServerPermission>,
    /// `all_server_roles` and `server_permissions` are all there is: no role is invisible, and no group whose members
    /// nobody can see has anything to give.
    pub server_rights_known: bool,
    /// UTC, as the server writes it; `None` for logins without a password.
    pub password_last_set: Option<String>,
}

/// One row of `sys.server_permissions` on the server itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerPermission {
    pub name: PermissionName,
    pub state: PermissionState,
    /// The login, a server role or `public`.
    pub grantee: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginKind {
    Sql,
    /// An Entra user or application: the catalog does not tell them apart.
    External,
    ExternalGroup,
    Windows,
    WindowsGroup,
    Certificate,
    Other,
}

impl LoginKind {
    fn of(letter: Option<&str>) -> Self {
        match letter {
            Some("S") => Self::Sql,
            Some("E") => Self::External,
            Some("X") => Self::ExternalGroup,
            Some("U") => Self::Windows,
            Some("G") => Self::WindowsGroup,
            Some("C") => Self::Certificate,
            _ => Self::Other,
        }
    }

    pub fn describe(self) -> &'static str {
        match self {
            Self::Sql => "a SQL login",
            Self::External => "the login of an Entra user or application",
            Self::ExternalGroup => "an Entra group's login",
            Self::Windows => "a Windows user's login",
            Self::WindowsGroup => "a Windows group's login",
            Self::Certificate => "a certificate's login",
            Self::Other => "a login of another kind",
        }
    }
}

/// All logins at one moment.
#[derive(Clone, Debug)]
pub struct Logins {
    logins: Vec<Login>,
    /// The reader sees the rows of others.
    sees_all: bool,
}

impl Logins {
    /// The login: by SID if one has it, else by name.
    ///
    /// # Errors
    /// [`Error::Invisible`]: there is no such row, and the reader would not see it if there were.
    pub fn find(&self, sid: Option<Sid>, name: &str) -> Result<Option<&Login>> {
        let found = sid.and_then(|sid| self.by_sid(sid)).or_else(|| self.by_name(name));
        self.proven(found, name)
    }

    /// The login that a change means: by SID where one is given, and then by nothing else.
    pub(crate) fn meant(&self, sid: Option<Sid>, name: &str) -> Result<Option<&Login>> {
        let found = match sid {
            Some(sid) => self.by_sid(sid),
            None => self.by_name(name),
        };
        self.proven(found, name)
    }

    fn proven<'a>(&self, found: Option<&'a Login>, name: &str) -> Result<Option<&'a Login>> {
        match found {
            None if !self.sees_all => {
                Err(Error::Invisible { what: format!("login `{name}`"), right: "VIEW ANY DEFINITION" })
            }
            found => Ok(found),
        }
    }

    pub fn by_sid(&self, sid: Sid) -> Option<&Login> {
        self.logins.iter().find(|login| login.sid == Some(sid))
    }

    /// The exact name first, then as the usual collation compares: without regard to case and trailing blanks.
    pub fn by_name(&self, name: &str) -> Option<&Login> {
        named(name, &self.logins, |login| &login.name, |_| true)
    }

    /// A login that is not here is not on the server.
    pub fn is_proof(&self) -> bool {
        self.sees_all
    }

    pub fn iter(&self) -> impl Iterator<Item = &Login> {
        self.logins.iter()
    }
}

/// Adds the look for some logins to a batch. [`some`] reads what it answers.
pub(crate) fn add_look(statement: &mut Statement, sought: &Sought) {
    statement.add(
        "SELECT HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW ANY DEFINITION') AS view_definition,
       HAS_PERMS_BY_NAME(NULL, NULL, 'ALTER ANY LOGIN') AS alter_login;
SELECT u.principal_id, u.name, u.sid, RTRIM(u.type) AS type, CAST(u.is_disabled AS int) AS is_disabled,
       u.default_database_name,
       CONVERT(nvarchar(30), LOGINPROPERTY(u.name, 'PasswordLastSetTime'), 126) AS password_last_set
FROM sys.server_principals AS u WHERE u.type IN ('S', 'E', 'X', 'U', 'G', 'C', 'K') AND {};
SELECT m.member_principal_id, m.role_principal_id, r.name AS role_name
FROM sys.server_principals AS u JOIN sys.server_role_members AS m ON m.member_principal_id = u.principal_id
    LEFT JOIN sys.server_principals AS r ON r.principal_id = m.role_principal_id WHERE {};
SELECT p.grantee_principal_id, p.permission_name, RTRIM(p.state) AS state, u.name AS grantee
FROM sys.server_principals AS u JOIN sys.server_permissions AS p ON p.grantee_principal_id = u.principal_id
WHERE p.class = 100 AND {};",
        &[sought, sought, sought],
    );
}

/// What a look for some logins found. Of their rights only what they were given themselves is known.
pub(crate) fn some(results: &mut ResultSets<'_>) -> Result<Logins, String> {
    let mut found = decode(results)?;
    found.logins.iter_mut().for_each(|login| login.server_rights_known = false);
    Ok(found)
}

impl Instance {
    /// Some logins, in one round trip.
    pub(crate) async fn logins_like(&self, sought: &Sought) -> Result<Logins> {
        let mut statement = Statement::new("SET NOCOUNT ON;", &[]);
        add_look(&mut statement, sought);
        let results = self.read(&statement).await?;
        some(&mut ResultSets::new(&results)).map_err(|cause| self.unreadable(cause))
    }

    /// The login of this SID, else of this name, in one round trip of a size that does not depend on how many there are.
    ///
    /// # Errors
    /// [`Error::Invisible`]: there is no such row, and the reader would not see it if there were.
    pub async fn login(&self, sid: Option<Sid>, name: &Identifier) -> Result<Option<Login>> {
        let logins = self.logins_like(&Sought::default().or_sid(sid).or_named(name)).await?;
        Ok(logins.find(sid, name.as_str())?.cloned())
    }

    /// Every login with its server roles and permissions, in one round trip.
    ///
    /// # Errors
    /// See [`Error`]; so for every call.
    pub async fn logins(&self) -> Result<Logins> {
        let statement = Statement::new(
            "SET NOCOUNT ON;
SELECT HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW ANY DEFINITION') AS view_definition,
       HAS_PERMS_BY_NAME(NULL, NULL, 'ALTER ANY LOGIN') AS alter_login;
SELECT p.principal_id, p.name, p.sid, RTRIM(p.type) AS type, CAST(p.is_disabled AS int) AS is_disabled,
       p.default_database_name,
       CONVERT(nvarchar(30), LOGINPROPERTY(p.name, 'PasswordLastSetTime'), 126) AS password_last_set
FROM sys.server_principals AS p WHERE p.type IN ('S', 'E', 'X', 'U', 'G', 'C', 'K');
SELECT m.member_principal_id, m.role_principal_id, r.name AS role_name
FROM sys.server_role_members AS m LEFT JOIN sys.server_principals AS r ON r.principal_id = m.role_principal_id;
SELECT p.grantee_principal_id, p.permission_name, RTRIM(p.state) AS state, g.name AS grantee
FROM sys.server_permissions AS p LEFT JOIN sys.server_principals AS g ON g.principal_id = p.grantee_principal_id
WHERE p.class = 100;",
            &[],
        );
        let results = self.read(&statement).await?;
        decode(&mut ResultSets::new(&results)).map_err(|cause| self.unreadable(cause))
    }
}

/// A permission row with its grantee's id.
type Held = (i64, ServerPermission);

fn decode(results: &mut ResultSets<'_>) -> Result<Logins, String> {
    let rights = results.row()?;
    let sees_all = rights.flag("view_definition")? || rights.flag("alter_login")?;
    let (principals, members, permissions) = (results.next()?, results.next()?, results.next()?);
    // Of each member its roles: id, and name where it can be seen.
    let mut roles: BTreeMap<i64, Vec<(i64, Option<Identifier>)>> = BTreeMap::new();
    for row in members {
        let name = row.text("role_name")?.and_then(|name| name.parse().ok());
        let role = (row.required_int("role_principal_id")?, name);
        roles.entry(row.required_int("member_principal_id")?).or_default().push(role);
    }
    let permissions: Vec<Held> = permissions
        .iter()
        .map(|row| {
            let permission = ServerPermission {
                name: PermissionName::new(&row.required_text("permission_name")?),
                state: PermissionState::of(row.text("state")?.as_deref())?,
                grantee: row.text("grantee")?.unwrap_or_else(|| "somebody invisible".to_owned()),
            };
            Ok((row.required_int("grantee_principal_id")?, permission))
        })
        .collect::<Result<_, String>>()?;
    let mut logins: Vec<Login> = principals
        .iter()
        .map(|row| {
            let id = row.required_int("principal_id")?;
            let sid = row.bytes("sid")?;
            let kind = LoginKind::of(row.text("type")?.as_deref());
            let (ids, all_server_roles, complete) = closure(id, &roles);
            let applies = |(grantee, row): &&Held| ids.contains(grantee) || row.grantee == "public";
            Ok(Login {
                name: row.required_text("name")?,
                sid: sid.as_deref().and_then(Sid::from_bytes),
                sid_text: hex(sid.as_deref()),
                kind,
                enabled: row.int("is_disabled")? == Some(0)
                    && !(kind == LoginKind::ExternalGroup && is_kept_out(id, &permissions)),
                default_database: row.text("default_database_name")?,
                server_roles: roles.get(&id).into_iter().flatten().filter_map(|(_, name)| name.clone()).collect(),
                all_server_roles,
                server_permissions: permissions.iter().filter(applies).map(|(_, row)| row.clone()).collect(),
                server_rights_known: sees_all && complete,
                password_last_set: row.text("password_last_set")?,
            })
        })
        .collect::<Result<_, String>>()?;
    for (kind, group) in
        [(LoginKind::External, LoginKind::ExternalGroup), (LoginKind::Windows, LoginKind::WindowsGroup)]
    {
        if logins.iter().any(|it| it.kind == group && gives_something(it)) {
            logins.iter_mut().filter(|it| it.kind == kind).for_each(|it| it.server_rights_known = false);
        }
    }
    Ok(Logins { logins, sees_all })
}

/// CONNECT SQL is denied to it: how nobody enters by a group, which cannot be disabled (33129).
fn is_kept_out(id: i64, permissions: &[Held]) -> bool {
    permissions.iter().any(|(grantee, row)| {
        *grantee == id && row.name.as_str() == "CONNECT SQL" && row.state == PermissionState::Denied
    })
}

/// The login and all its roles by id; the roles by name; whether all of them can be seen.
fn closure(
    login: i64,
    roles: &BTreeMap<i64, Vec<(i64, Option<Identifier>)>>,
) -> (BTreeSet<i64>, BTreeSet<Identifier>, bool) {
    let (mut ids, mut names, mut complete) = (BTreeSet::new(), BTreeSet::new(), true);
    let mut open = vec![login];
    while let Some(id) = open.pop() {
        if !ids.insert(id) {
            continue;
        }
        for (role, name) in roles.get(&id).into_iter().flatten() {
            complete &= name.is_some();
            names.extend(name.clone());
            open.push(*role);
        }
    }
    (ids, names, complete)
}

/// More than every login has.
fn gives_something(group: &Login) -> bool {
    let usual = |row: &ServerPermission| {
        row.grantee == "public" || matches!(row.name.as_str(), "CONNECT SQL" | "VIEW ANY DATABASE")
    };
    !group.all_server_roles.is_empty() || !group.server_permissions.iter().all(usual)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A login with nothing but its name.
    pub(crate) fn login(name: &str, sid: u8, kind: LoginKind) -> Login {
        let bytes = [sid; 16];
        Login {
            name: name.into(),
            sid: Some(Sid::from_bytes(&bytes).unwrap()),
            sid_text: hex(Some(&bytes)),
            kind,
            enabled: true,
            default_database: None,
            server_roles: BTreeSet::new(),
            all_server_roles: BTreeSet::new(),
            server_permissions: Vec::new(),
            server_rights_known: true,
            password_last_set: None,
        }
    }

    #[test]
    fn by_sid_first_then_by_the_exact_name_then_by_the_folded_one() {
        let logins =
            vec![login("APP", 1, LoginKind::Sql), login("app", 2, LoginKind::Sql), login("x", 3, LoginKind::Other)];
        let mut logins = Logins { logins, sees_all: true };
        let sid = |byte: u8| Sid::from_bytes(&[byte; 16]);
        let find = |logins: &Logins, sid, name: &str| logins.find(sid, name).unwrap().map(|it| it.sid);
        assert_eq!(find(&logins, sid(3), "app"), Some(sid(3)), "renamed");
        assert_eq!(find(&logins, sid(9), "app"), Some(sid(2)), "dropped and made again: its SID differs");
        assert_eq!(find(&logins, None, "App"), Some(sid(1)));
        assert_eq!(find(&logins, None, "nobody"), None);
        assert!(logins.meant(sid(9), "app").unwrap().is_none(), "a change means the SID alone");
        logins.sees_all = false;
        assert!(matches!(logins.meant(sid(9), "app"), Err(Error::Invisible { .. })));
        assert!(matches!(logins.find(None, "nobody"), Err(Error::Invisible { .. })));
        assert!(!logins.is_proof() && logins.find(None, "app").unwrap().is_some());
    }

    #[test]
    fn roles_of_roles_count_and_an_invisible_one_is_noted() {
        let role = |id: i64, name: Option<&str>| (id, name.map(|name| name.parse().unwrap()));
        let roles = BTreeMap::from([
            (5, vec![role(6, Some("outer"))]),
            (6, vec![role(7, Some("inner")), role(5, Some("circle"))]),
            (8, vec![role(9, None)]),
        ]);
        let (ids, names, complete) = closure(5, &roles);
        assert_eq!((ids, complete), (BTreeSet::from([5, 6, 7]), true));
        assert_eq!(names, ["outer", "inner", "circle"].map(|name| name.parse().unwrap()).into());
        assert!(!closure(8, &roles).2);
    }
}
