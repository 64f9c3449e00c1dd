//! Logins of an instance and their server roles (sql-mi facts §1).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use secrecy::SecretString;

use crate::error::{Error, Fault, Result};
use crate::instance::Instance;
use crate::row::{Fields, missing};
use crate::sid::Sid;
use crate::statement::{Identifier, Literal, SecretLiteral, Statement};

/// A login as the catalog shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    pub name: String,
    /// `None`: a SID of another length than ours, such as that of `sa`.
    pub sid: Option<Sid>,
    pub kind: LoginKind,
    pub enabled: bool,
    pub default_database: Option<String>,
    pub server_roles: BTreeSet<String>,
    /// UTC, as the server writes it; `None` for logins without a password.
    pub password_last_set: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginKind {
    Sql,
    /// An Entra user or application: the catalog does not tell them apart.
    External,
    ExternalGroup,
    Other,
}

/// All logins at one moment.
#[derive(Clone, Debug)]
pub struct Logins {
    logins: Vec<Login>,
    /// The reader sees the rows of others.
    sees_all: bool,
}

#[derive(Clone, Debug)]
pub struct NewLogin {
    pub name: Identifier,
    pub password: SecretString,
    pub sid: Sid,
    pub default_database: Option<Identifier>,
}

/// What to do about a login that has the name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnExisting {
    Fail,
    /// One with exactly our SID was made by us, by a run whose answer was lost: its password is set, and that is all.
    TakeOverIfSid,
}

/// What differs; `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct LoginChange {
    pub name: Option<Identifier>,
    pub password: Option<SecretString>,
    pub default_database: Option<Identifier>,
    pub enabled: Option<bool>,
}

/// How long a login that is in use is tried to be dropped.
const DROP_ATTEMPTS: u32 = 5;

impl Logins {
    /// The login, by SID if one has it, else by name.
    ///
    /// # Errors
    /// [`Error::Invisible`]: there is no such row, and the reader would not see it if there were.
    pub fn find(&self, sid: Option<Sid>, name: &str) -> Result<Option<&Login>> {
        let by_sid = sid.and_then(|sid| self.logins.iter().find(|login| login.sid == Some(sid)));
        let found = by_sid.or_else(|| if sid.is_none() { self.by_name(name) } else { None });
        match found {
            None if !self.sees_all => {
                Err(Error::Invisible { what: format!("login `{name}`"), right: "VIEW ANY DEFINITION" })
            }
            found => Ok(found),
        }
    }

    /// Compared as the usual collation of an instance does: without regard to case and trailing blanks.
    pub fn by_name(&self, name: &str) -> Option<&Login> {
        self.logins.iter().find(|login| crate::row::same_name(&login.name, name))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Login> {
        self.logins.iter()
    }
}

impl Instance {
    /// Every login with its server roles, in one round trip.
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
FROM sys.server_principals AS p WHERE p.type IN ('S', 'E', 'X', 'U', 'G');
SELECT m.member_principal_id, r.name AS role_name
FROM sys.server_role_members AS m JOIN sys.server_principals AS r ON r.principal_id = m.role_principal_id;",
            &[],
        );
        let results = self.read(&statement).await?;
        let read = || -> Result<Logins, String> {
            let mut results = results.iter();
            let mut next = || results.next().ok_or("a result set is missing".to_owned());
            let rights = next()?.first().ok_or("the rights are missing")?;
            let sees_all = rights.int("view_definition")? == Some(1) || rights.int("alter_login")? == Some(1);
            let (principals, members) = (next()?, next()?);
            let mut roles: BTreeMap<i64, BTreeSet<String>> = BTreeMap::new();
            for row in members {
                if let (Some(member), Some(role)) = (row.int("member_principal_id")?, row.text("role_name")?) {
                    roles.entry(member).or_default().insert(role);
                }
            }
            let logins = principals
                .iter()
                .map(|row| {
                    let id = row.int("principal_id")?.ok_or("a principal without an id")?;
                    Ok(Login {
                        name: row.text("name")?.ok_or("a login without a name")?,
                        sid: row.bytes("sid")?.as_deref().and_then(Sid::from_bytes),
                        kind: match row.text("type")?.as_deref() {
                            Some("S") => LoginKind::Sql,
                            Some("E") => LoginKind::External,
                            Some("X") => LoginKind::ExternalGroup,
                            _ => LoginKind::Other,
                        },
                        enabled: row.int("is_disabled")? == Some(0),
                        default_database: row.text("default_database_name")?,
                        server_roles: roles.remove(&id).unwrap_or_default(),
                        password_last_set: row.text("password_last_set")?,
                    })
                })
                .collect::<Result<_, String>>()?;
            Ok(Logins { logins, sees_all })
        };
        read().map_err(|cause| self.unreadable(cause))
    }

    /// Creates a login with the SID that we chose.
    pub async fn create_login(&self, new: &NewLogin, on_existing: OnExisting) -> Result<()> {
        let mut words: Vec<&dyn crate::statement::Part> = Vec::new();
        let (password, sid) = (SecretLiteral(&new.password), new.sid);
        words.extend([&new.name as &dyn crate::statement::Part, &password, &sid]);
        let statement = match &new.default_database {
            Some(database) => {
                words.push(database);
                Statement::new("CREATE LOGIN {} WITH PASSWORD = {}, SID = {}, DEFAULT_DATABASE = {};", &words)
            }
            None => Statement::new("CREATE LOGIN {} WITH PASSWORD = {}, SID = {};", &words),
        };
        match self.change(&statement).await {
            Err(error) if matches!(error, Error::AnswerLost { .. }) || error.number() == Some(15025) => {
                let ours = match self.logins().await?.by_name(new.name.as_str()) {
                    Some(login) if login.sid == Some(new.sid) => true,
                    Some(login) => {
                        let sid = login.sid.map_or("another SID".to_owned(), |sid| format!("SID {sid}"));
                        return Err(Error::AlreadyExists {
                            what: "login",
                            name: login.name.clone(),
                            details: Some(sid),
                        });
                    }
                    None => false,
                };
                match (error, on_existing) {
                    // Lost before it was done: nothing is there, and saying so is all that can be said.
                    (error, _) if !ours => Err(error),
                    (error @ Error::Refused { .. }, OnExisting::Fail) => Err(error),
                    (_, _) => {
                        let change = LoginChange {
                            password: Some(new.password.clone()),
                            default_database: new.default_database.clone(),
                            ..Default::default()
                        };
                        self.change_login(&new.name, &change).await
                    }
                }
            }
            result => result,
        }
    }

    /// Changes what differs, each in a statement of its own: the server takes some of them only alone.
    pub async fn change_login(&self, name: &Identifier, change: &LoginChange) -> Result<()> {
        let mut statement = Statement::default();
        if let Some(password) = &change.password {
            statement.add("ALTER LOGIN {} WITH PASSWORD = {};", &[name, &SecretLiteral(password)]);
        }
        if let Some(database) = &change.default_database {
            statement.add("ALTER LOGIN {} WITH DEFAULT_DATABASE = {};", &[name, database]);
        }
        match change.enabled {
            Some(true) => statement.add("ALTER LOGIN {} ENABLE;", &[name]),
            Some(false) => statement.add("ALTER LOGIN {} DISABLE;", &[name]),
            None => {}
        }
        if let Some(new_name) = &change.name {
            statement.add("ALTER LOGIN {} WITH NAME = {};", &[name, new_name]);
        }
        if statement.text().is_empty() {
            return Ok(());
        }
        self.change(&statement).await.map_err(|error| error.about(Fault::Name))
    }

    /// Adds and removes memberships of server roles, so that `wanted` are the ones.
    pub async fn set_server_roles(
        &self,
        login: &Identifier,
        held: &BTreeSet<String>,
        wanted: &BTreeSet<String>,
    ) -> Result<()> {
        let mut statement = Statement::default();
        for role in missing(wanted, held)? {
            statement.add("ALTER SERVER ROLE {} ADD MEMBER {};", &[&role, login]);
        }
        for role in missing(held, wanted)? {
            statement.add("ALTER SERVER ROLE {} DROP MEMBER {};", &[&role, login]);
        }
        if statement.text().is_empty() {
            return Ok(());
        }
        self.change(&statement).await.map_err(|error| error.about(Fault::Role))
    }

    /// Drops a login. One that is in use is tried some times; with `force` it is disabled and its sessions are ended.
    pub async fn drop_login(&self, name: &Identifier, force: bool) -> Result<()> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.change(&Statement::new("DROP LOGIN {};", &[name])).await {
                // 15434: somebody is logged in as it.
                Err(error) if error.number() == Some(15434) && attempt < DROP_ATTEMPTS => {
                    if force {
                        self.end_sessions(name).await?;
                    }
                    tokio::time::sleep(Duration::from_millis(500 * u64::from(attempt))).await;
                }
                // 15151: it is not there, or may not be dropped. Only the catalog tells.
                Err(error) if error.number() == Some(15151) || matches!(error, Error::AnswerLost { .. }) => {
                    return match self.logins().await?.find(None, name.as_str())? {
                        None => Ok(()),
                        Some(_) => Err(error.about(Fault::Name)),
                    };
                }
                result => return result,
            }
        }
    }

    async fn end_sessions(&self, name: &Identifier) -> Result<()> {
        self.change(&Statement::new("ALTER LOGIN {} DISABLE;", &[name])).await?;
        let sessions = Statement::new(
            "SELECT CAST(session_id AS int) AS session_id FROM sys.dm_exec_sessions
WHERE security_id = SUSER_SID({}) AND session_id <> @@SPID;",
            &[&Literal(name.as_str())],
        );
        for row in self.read(&sessions).await?.iter().flatten() {
            let session = row.int("session_id").map_err(|cause| self.unreadable(cause))?;
            if let Some(session) = session.and_then(|session| u16::try_from(session).ok()) {
                // 6106: it has ended by itself.
                match self.change(&Statement::new("KILL {};", &[&Number(session)])).await {
                    Err(error) if error.number() == Some(6106) => {}
                    result => result?,
                }
            }
        }
        Ok(())
    }
}

struct Number(u16);

impl crate::statement::Part for Number {
    fn write(&self, statement: &mut String) {
        statement.push_str(&self.0.to_string());
    }
}
