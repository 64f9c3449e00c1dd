//! The statements that set up the principal of a mirror. [`Instance`](crate::Instance) and
//! [`Database`](crate::Database) send them one by one; [`Setup::script`] is all of them, for a DBA to read and run.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::permission::{Change, PermissionName};
use crate::sid::Sid;
use crate::statement::{Identifier, NoIdentifier, Part, Statement};

/// Creates a login. `password` is a text constant. Without a SID the server chooses one.
pub(crate) fn create_login(
    name: &Identifier,
    password: &dyn Part,
    sid: Option<&Sid>,
    default_database: Option<&Identifier>,
) -> Statement {
    match (sid, default_database) {
        (Some(sid), Some(database)) => Statement::new(
            "CREATE LOGIN {} WITH PASSWORD = {}, SID = {}, DEFAULT_DATABASE = {};",
            &[name, password, sid, database],
        ),
        (Some(sid), None) => Statement::new("CREATE LOGIN {} WITH PASSWORD = {}, SID = {};", &[name, password, sid]),
        (None, Some(database)) => {
            Statement::new("CREATE LOGIN {} WITH PASSWORD = {}, DEFAULT_DATABASE = {};", &[name, password, database])
        }
        (None, None) => Statement::new("CREATE LOGIN {} WITH PASSWORD = {};", &[name, password]),
    }
}

/// Makes a login a member of a server role.
pub(crate) fn add_server_role(statement: &mut Statement, role: &Identifier, login: &Identifier) {
    statement.add("ALTER SERVER ROLE {} ADD MEMBER {};", &[role, login]);
}

/// Creates a user for a login in the current database.
pub(crate) fn create_user(
    statement: &mut Statement,
    name: &Identifier,
    login: &Identifier,
    default_schema: Option<&Identifier>,
) {
    match default_schema {
        Some(schema) => {
            statement.add("CREATE USER {} FOR LOGIN {} WITH DEFAULT_SCHEMA = {};", &[name, login, schema]);
        }
        None => statement.add("CREATE USER {} FOR LOGIN {};", &[name, login]),
    }
}

/// A name that can stand in a script: one without control characters, which could end a line, and without `$(`, which
/// sqlcmd takes for a variable wherever it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptName(Identifier);

/// A text that can be no name in a script.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoScriptName {
    #[error(transparent)]
    Identifier(#[from] NoIdentifier),
    #[error("the name holds a control character: whoever reads the script would not see what it does")]
    Control,
    #[error("the name holds `$(`, which sqlcmd takes for a variable: create this one by hand, or with Terraform")]
    Variable,
}

impl FromStr for ScriptName {
    type Err = NoScriptName;
    fn from_str(name: &str) -> Result<Self, NoScriptName> {
        match name {
            _ if name.contains(is_unseen) => Err(NoScriptName::Control),
            _ if name.contains("$(") => Err(NoScriptName::Variable),
            _ => Ok(Self(name.parse()?)),
        }
    }
}

/// Ends a line, or turns what is shown around.
fn is_unseen(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

impl fmt::Display for ScriptName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A login, its user in one database, and what both may do.
#[derive(Clone, Debug)]
pub struct Setup {
    pub login: ScriptName,
    pub user: ScriptName,
    pub database: ScriptName,
    /// `None`: the server chooses.
    pub sid: Option<Sid>,
    pub default_database: Option<ScriptName>,
    pub default_schema: Option<ScriptName>,
    pub server_roles: BTreeSet<Identifier>,
    pub permissions: BTreeSet<PermissionName>,
}

/// `N'$(LOGIN_PASSWORD)'`: sqlcmd puts the variable's value there.
struct PasswordVariable;

impl Part for PasswordVariable {
    fn write(&self, statement: &mut String) {
        statement.push_str("N'$(LOGIN_PASSWORD)'");
    }
}

/// What a reader has to know, and the guard: a client that knows no variables of sqlcmd would make their very names the
/// password, which everybody who has read the script would know. The name is put together, so that sqlcmd leaves this one
/// alone.
const HEAD: &str = "-- Run it with sqlcmd (sqlcmd -b -i FILE), or in the SQLCMD mode of another tool. The password is the value of
-- the variable LOGIN_PASSWORD, taken from the environment; it stands nowhere in this script. A single quote in it
-- is written twice. Nothing is taken over: where the login or the user exists, the script ends with an error.
SET XACT_ABORT ON;
IF N'$(LOGIN_PASSWORD)' = N'$' + N'(LOGIN_PASSWORD)'
    THROW 50000, N'Nothing was done: this script needs sqlcmd, or the SQLCMD mode, with the variable LOGIN_PASSWORD.', 1;";

impl Setup {
    /// One batch, which ends with its first error: what apply sends for the same objects, statement by statement.
    pub fn script(&self) -> String {
        let (login, user) = (&self.login.0, &self.user.0);
        let default_database = self.default_database.as_ref().map(|name| &name.0);
        let mut script = Statement::new(HEAD, &[]);
        script.add("USE [master];", &[]);
        script.append(&create_login(login, &PasswordVariable, self.sid.as_ref(), default_database));
        for role in &self.server_roles {
            add_server_role(&mut script, role, login);
        }
        script.add("USE {};", &[&self.database.0]);
        create_user(&mut script, user, login, self.default_schema.as_ref().map(|name| &name.0));
        let grants: Vec<Change> = self.permissions.iter().cloned().map(Change::Grant).collect();
        script.add("BEGIN TRANSACTION;", &[]);
        crate::database::add_changes(&mut script, user, &grants);
        script.add("COMMIT TRANSACTION;", &[]);
        format!("{}\n", script.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effective::tests::principal;
    use crate::script::Script;
    use crate::{LoginSource, NewLogin, NewUser, PrincipalKind, UserSource};

    fn setup() -> Setup {
        Setup {
            login: "o]brien".parse().unwrap(),
            user: "it's".parse().unwrap(),
            database: "Sa]les".parse().unwrap(),
            sid: Some("0x0123456789ABCDEF0123456789ABCDEF".parse().unwrap()),
            default_database: Some("Sa]les".parse().unwrap()),
            default_schema: Some("dbo".parse().unwrap()),
            server_roles: ["##MS_ServerStateReader##".parse().unwrap()].into(),
            permissions: ["SELECT", "ALTER ANY EXTERNAL MIRROR"].map(|name| name.parse().unwrap()).into(),
        }
    }

    #[test]
    fn the_script() {
        insta::assert_snapshot!(setup().script());
        let least = Setup { sid: None, default_database: None, default_schema: None, ..setup() }.script();
        for statement in [
            "CREATE LOGIN [o]]brien] WITH PASSWORD = N'$(LOGIN_PASSWORD)';",
            "CREATE USER [it's] FOR LOGIN [o]]brien];",
        ] {
            assert!(least.lines().any(|line| line == statement), "{least}");
        }
    }

    /// Statement by statement what is sent to the server, in this order, but for the password. What is sent looks around
    /// besides.
    #[tokio::test]
    async fn a_script_says_what_is_sent() {
        let sent = Script::default();
        let (instance, setup) = (sent.instance(), setup());
        let new = NewLogin {
            name: setup.login.0.clone(),
            source: LoginSource::Password { password: "Correct-Horse-7".to_owned().into(), sid: setup.sid.unwrap() },
            default_database: setup.default_database.clone().map(|name| name.0),
            enabled: true,
            server_roles: setup.server_roles.clone(),
        };
        instance.create_login(&new, false).await.unwrap();
        let database = instance.database(&setup.database.0);
        let user = NewUser {
            name: setup.user.0.clone(),
            source: UserSource::Login(setup.login.0.clone()),
            default_schema: setup.default_schema.clone().map(|name| name.0),
            roles: BTreeSet::new(),
        };
        database.create_user(&user).await.unwrap().unwrap_err();
        let grants: Vec<_> = setup.permissions.iter().cloned().map(Change::Grant).collect();
        let made = principal(5, setup.user.0.as_str(), PrincipalKind::SqlUser, "0x01");
        let _ = database.change_permissions(&made, &grants).await.unwrap();
        let sent = sent.sent().replace("Correct-Horse-7", "$(LOGIN_PASSWORD)");
        let changes = |line: &&str| ["CREATE ", "ALTER ", "GRANT "].iter().any(|word| line.starts_with(word));
        let sent: Vec<&str> = sent.lines().filter(changes).collect();
        let script = setup.script();
        let said: Vec<&str> = script.lines().filter(changes).collect();
        assert_eq!(said, sent);
        assert_eq!(said.len(), 5, "{said:?}");
    }

    #[test]
    fn no_name_leaves_its_place_in_a_script() {
        for (name, expected) in [
            ("a\nGO\nDROP LOGIN [sa]", NoScriptName::Control),
            ("a\r:r file", NoScriptName::Control),
            ("a\u{2028}b", NoScriptName::Control),
            ("a\u{202E}b", NoScriptName::Control),
            ("a\0", NoScriptName::Control),
            ("$(LOGIN_PASSWORD)", NoScriptName::Variable),
            ("", NoScriptName::Identifier(NoIdentifier::Empty)),
        ] {
            assert_eq!(name.parse::<ScriptName>().unwrap_err(), expected, "{name:?}");
        }
        for name in ["$x", "$ (a)", "]; DROP LOGIN [sa]--", "名前"] {
            assert!(name.parse::<ScriptName>().is_ok(), "{name}");
        }
    }
}
