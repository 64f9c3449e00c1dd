//! What is done to logins: by SID where one is known, never to somebody else who has the name (sql-mi facts §1).

use std::time::Duration;

use secrecy::SecretString;

use crate::connection::{Credentials, Results};
use crate::error::{Error, Fault, Result};
use crate::instance::Instance;
use crate::login::{Login, LoginKind, Logins};
use crate::retry::Effect;
use crate::setup;
use crate::sid::Sid;
use crate::statement::{Identifier, Literal, Number, Part, SecretLiteral, Statement};

#[derive(Clone, Debug)]
pub struct NewLogin {
    pub name: Identifier,
    pub password: SecretString,
    pub sid: Sid,
    pub default_database: Option<Identifier>,
}

/// What differs; `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct LoginChange {
    pub password: Option<SecretString>,
    pub default_database: Option<Identifier>,
    pub enabled: Option<bool>,
}

/// Where a login that is there now comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This call has made it: it is enabled and has no role.
    Made,
    /// It was there, and this call's password proves it ours.
    TakenOver,
}

/// How often a login that is in use is tried to be dropped, and any statement whose answer was lost is looked after.
const ATTEMPTS: u32 = 5;

impl Instance {
    /// Whether the password logs in: one attempt, on a connection of its own, never repeated.
    pub async fn can_log_in(&self, name: &Identifier, password: &SecretString) -> Result<bool> {
        let credentials = Credentials::SqlLogin { username: name.as_str().to_owned(), password: password.clone() };
        match self.log_in(&credentials).await {
            Err(error) if error.number() == Some(18456) => Ok(false),
            done => done.map(|()| true),
        }
    }

    /// Creates a login with the SID that we chose.
    ///
    /// A login of this name and SID is there already when an earlier answer was lost, or when somebody else derived the
    /// same SID. It is taken over only with proof: `take_over`, and the password of this call logs in to it. Its password is
    /// never set.
    pub async fn create_login(&self, new: &NewLogin, take_over: bool) -> Result<Origin> {
        let password = SecretLiteral(&new.password);
        let statement = setup::create_login(&new.name, &password, Some(&new.sid), new.default_database.as_ref());
        let mut may_repeat = true;
        loop {
            let error = match self.send(&statement, Effect::Once).await {
                Ok(_) => return Ok(Origin::Made),
                Err(error) => error,
            };
            if !error.is_lost() && error.number() != Some(15025) {
                return Err(error);
            }
            let logins = match self.logins().await {
                Ok(logins) => logins,
                Err(look) => return Err(if error.is_lost() { error } else { look }),
            };
            match logins.by_name(new.name.as_str()) {
                Some(login) => {
                    return self.take_over(new, login, take_over, error).await.map(|()| Origin::TakenOver);
                }
                // It provably did not happen.
                None if error.is_lost() && logins.is_proof() && may_repeat => may_repeat = false,
                None => return Err(error),
            }
        }
    }

    async fn take_over(&self, new: &NewLogin, login: &Login, allowed: bool, error: Error) -> Result<()> {
        let exists = |details: String| {
            Err(Error::AlreadyExists { what: "login", name: login.name.clone(), details: Some(details) })
        };
        if login.kind != LoginKind::Sql {
            return exists(format!("{}, SID {}", login.kind.describe(), login.sid_text));
        }
        if login.sid != Some(new.sid) || !allowed {
            return exists(format!("SID {}", login.sid_text));
        }
        match self.can_log_in(&new.name, &new.password).await {
            Ok(true) => {}
            Ok(false) => return exists(format!("SID {}, and the password is another", login.sid_text)),
            Err(_) if error.is_lost() => return Err(error),
            Err(error) => return Err(error),
        }
        match &new.default_database {
            Some(wanted) if !login.default_database.as_deref().is_some_and(|held| wanted.is(held)) => {
                let change = LoginChange { default_database: Some(wanted.clone()), ..LoginChange::default() };
                self.change_login(&new.name, &change).await
            }
            _ => Ok(()),
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
        if statement.text().is_empty() {
            return Ok(());
        }
        self.send(&statement, Effect::Repeatable).await.map(drop).map_err(|error| error.about(Fault::Name))
    }

    /// Renames a login. `name` is what it was called last; with a SID it is found whatever it is called now.
    pub async fn rename_login(&self, sid: Option<Sid>, name: &Identifier, new_name: &Identifier) -> Result<()> {
        let mut current = name.clone();
        for _ in 0..ATTEMPTS {
            let statement =
                on_login(sid, &current, "ALTER LOGIN {} WITH NAME = {};", &[&current as &dyn Part, new_name]);
            let sent = self.send(&statement, Effect::Once).await;
            let error = match sent {
                Ok(results) if found(&results) => return Ok(()),
                Ok(_) => None,
                Err(error) if error.is_lost() || error.number() == Some(15151) => Some(error),
                Err(error) => return Err(error.about(Fault::Name)),
            };
            let now = match (self.logins().await, &error) {
                (Err(_), Some(error)) if error.is_lost() => return Err(error.clone()),
                (logins, _) => renamed(&logins?, sid, &current, new_name)?,
            };
            match (now, error) {
                // Done, by us or by somebody else.
                (Some(now), _) if new_name.is_exactly(&now) => return Ok(()),
                (Some(_), Some(error)) if !error.is_lost() => return Err(error.about(Fault::Name)),
                (Some(now), _) => current = legal(&now, &current)?,
                (None, _) => {
                    return Err(Error::NotFound { what: "login", name: name.to_string(), fault: Fault::Name });
                }
            }
        }
        Err(Error::NotFound { what: "login", name: current.to_string(), fault: Fault::Name })
    }

    /// Adds and removes memberships of server roles.
    pub async fn change_server_roles(
        &self,
        login: &Identifier,
        add: &[Identifier],
        remove: &[Identifier],
    ) -> Result<()> {
        let mut statement = Statement::default();
        for role in add {
            setup::add_server_role(&mut statement, role, login);
        }
        for role in remove {
            statement.add("ALTER SERVER ROLE {} DROP MEMBER {};", &[role, login]);
        }
        if statement.text().is_empty() {
            return Ok(());
        }
        match self.send(&statement, Effect::Repeatable).await {
            // 15151: not permitted, or what should go is gone already, as it is when this is sent a second time.
            Err(error) if error.number() == Some(15151) => {
                let logins = self.logins().await?;
                let held = logins.by_name(login.as_str()).map(|login| &login.server_roles);
                let is_done = held.is_some_and(|held| {
                    add.iter().all(|role| held.contains(role)) && !remove.iter().any(|role| held.contains(role))
                });
                if is_done { Ok(()) } else { Err(error.about(Fault::Role)) }
            }
            result => result.map(drop).map_err(|error| error.about(Fault::Role)),
        }
    }

    /// Drops a login: that of the SID, whatever it is called now; by name only when no SID is known. Gone already is done,
    /// if that is proven. One that is in use is tried some times; with `force` it is disabled and its sessions are ended.
    pub async fn drop_login(&self, sid: Option<Sid>, name: &Identifier, force: bool) -> Result<()> {
        let mut current = name.clone();
        let mut attempt = 0;
        loop {
            attempt += 1;
            let statement = on_login(sid, &current, "DROP LOGIN {};", &[&current as &dyn Part]);
            let error = match self.send(&statement, Effect::Once).await {
                Ok(results) if found(&results) => return Ok(()),
                Ok(_) => None,
                Err(error) => Some(error),
            };
            match &error {
                // 15434: somebody is logged in as it.
                Some(error) if error.number() == Some(15434) && attempt < ATTEMPTS => {
                    if force {
                        self.end_sessions(sid, &current).await?;
                    }
                    self.sleep(Duration::from_millis(500 * u64::from(attempt))).await?;
                    continue;
                }
                // 15151: it is not there, or may not be dropped. Only the catalog tells.
                Some(error) if !error.is_lost() && error.number() != Some(15151) => {
                    return Err(error.clone().about(Fault::Name));
                }
                _ => {}
            }
            let logins = match (self.logins().await, &error) {
                (Err(_), Some(error)) if error.is_lost() => return Err(error.clone()),
                (logins, _) => logins?,
            };
            match (logins.meant(sid, current.as_str())?, error) {
                (None, _) => return Ok(()),
                (Some(_), Some(error)) if !error.is_lost() || attempt >= ATTEMPTS => {
                    return Err(error.about(Fault::Name));
                }
                (Some(login), None) if attempt >= ATTEMPTS => {
                    return Err(Error::NotFound { what: "login", name: login.name.clone(), fault: Fault::Name });
                }
                (Some(login), _) => current = legal(&login.name, &current)?,
            }
        }
    }

    async fn end_sessions(&self, sid: Option<Sid>, name: &Identifier) -> Result<()> {
        self.send(&Statement::new("ALTER LOGIN {} DISABLE;", &[name]), Effect::Repeatable).await?;
        let words = "SELECT CAST(session_id AS int) AS session_id FROM sys.dm_exec_sessions
WHERE security_id = {} AND session_id <> @@SPID;";
        let sessions = match &sid {
            Some(sid) => Statement::new(words, &[sid]),
            None => Statement::new(words, &[&SidOf(name)]),
        };
        for row in self.read(&sessions).await?.iter().flatten() {
            let session = row.int("session_id").map_err(|cause| self.unreadable(cause))?;
            if let Some(session) = session.and_then(|session| u16::try_from(session).ok()) {
                match self.send(&Statement::new("KILL {};", &[&Number(session)]), Effect::Once).await {
                    // 6106: it has ended by itself. Lost: the next DROP tells.
                    Err(error) if error.number() == Some(6106) || error.is_lost() => {}
                    result => drop(result?),
                }
            }
        }
        Ok(())
    }
}

/// `SUSER_SID(N'…')`
struct SidOf<'a>(&'a Identifier);

impl Part for SidOf<'_> {
    fn write(&self, statement: &mut String) {
        statement.push_str("SUSER_SID(");
        Literal(self.0.as_str()).write(statement);
        statement.push(')');
    }
}

/// A statement on a login that is only run if the name still belongs to the SID: somebody else may have taken it.
fn on_login(sid: Option<Sid>, name: &Identifier, words: &'static str, parts: &[&dyn Part]) -> Statement {
    let Some(sid) = sid else { return Statement::new(words, parts) };
    let literal = Literal(name.as_str());
    let mut statement = Statement::new(
        "IF EXISTS (SELECT 1 FROM sys.server_principals WHERE name = {} AND sid = {})",
        &[&literal, &sid],
    );
    statement.add(words, parts);
    statement.add("ELSE SELECT 1 AS absent;", &[]);
    statement
}

/// Whether the statement was run: otherwise it answered with a row.
fn found(results: &Results) -> bool {
    results.iter().all(Vec::is_empty)
}

/// What the login is called now; `None`: it is gone.
fn renamed(logins: &Logins, sid: Option<Sid>, old: &Identifier, new: &Identifier) -> Result<Option<String>> {
    let found = match sid {
        Some(_) => logins.meant(sid, old.as_str())?,
        None => match logins.by_name(old.as_str()) {
            Some(login) => Some(login),
            None => logins.meant(None, new.as_str())?,
        },
    };
    Ok(found.map(|login| login.name.clone()))
}

fn legal(name: &str, current: &Identifier) -> Result<Identifier> {
    let illegal = |_| Error::NotFound { what: "login", name: current.to_string(), fault: Fault::Name };
    name.parse().map_err(illegal)
}
