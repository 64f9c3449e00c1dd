//! What is done to logins: each of it in one batch that answers what is there now, by SID where one is known, never to
//! somebody else who has the name (sql-mi facts §1).

use std::collections::BTreeSet;
use std::time::Duration;

use secrecy::SecretString;

use crate::connection::{Credentials, Results};
use crate::entra::{Entra, KnownBy, patience};
use crate::error::{Error, Fault, Refusal, Result};
use crate::instance::Instance;
use crate::login::{Login, LoginKind, add_look, some};
use crate::needs;
use crate::retry::Effect;
use crate::row::{ResultSets, Row};
use crate::setup;
use crate::sid::{AnySid, Sid};
use crate::sought::Sought;
use crate::statement::{Identifier, Literal, Number, Part, SecretLiteral, Statement};

#[derive(Clone, Debug)]
pub struct NewLogin {
    pub name: Identifier,
    pub source: LoginSource,
    pub default_database: Option<Identifier>,
    pub enabled: bool,
    pub server_roles: BTreeSet<Identifier>,
}

/// Who logs in.
#[derive(Clone, Debug)]
pub enum LoginSource {
    /// Whoever knows the password. The SID is chosen by us.
    Password {
        password: SecretString,
        sid: Sid,
    },
    Entra(Entra),
}

/// What differs; `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct LoginChange {
    pub name: Option<Identifier>,
    pub password: Option<SecretString>,
    pub default_database: Option<Identifier>,
    pub enabled: Option<bool>,
    pub added_roles: Vec<Identifier>,
    pub removed_roles: Vec<Identifier>,
}

/// A login that is there now: made, or taken over.
#[derive(Debug)]
pub struct Created {
    /// As the server has it.
    pub login: Result<Login>,
    /// What else was asked of the login, and refused: it is there all the same.
    pub refused: Option<Error>,
}

/// How often a login that is in use is tried to be dropped, and any statement whose answer was lost is looked after.
const ATTEMPTS: u32 = 5;

impl NewLogin {
    /// The SID, where it is known beforehand.
    fn sid(&self) -> Option<Sid> {
        match &self.source {
            LoginSource::Password { sid, .. } => Some(*sid),
            LoginSource::Entra(Entra { known_by: KnownBy::ClientId(id), .. }) => Some((*id).into()),
            LoginSource::Entra(_) => None,
        }
    }

    fn sought(&self) -> Sought {
        Sought::default().or_sid(self.sid()).or_named(&self.name)
    }

    fn kind(&self) -> LoginKind {
        match &self.source {
            LoginSource::Password { .. } => LoginKind::Sql,
            LoginSource::Entra(entra) => entra.kind(),
        }
    }

    /// What is wanted besides its being there.
    fn wanted(&self) -> LoginChange {
        LoginChange {
            default_database: self.default_database.clone(),
            enabled: Some(self.enabled),
            added_roles: self.server_roles.iter().cloned().collect(),
            ..LoginChange::default()
        }
    }

    /// What of it follows CREATE LOGIN in the same batch.
    fn rest(&self) -> LoginChange {
        let is_sql = matches!(self.source, LoginSource::Password { .. });
        LoginChange {
            // The two forms of CREATE LOGIN do not take it alike.
            default_database: self.default_database.clone().filter(|_| !is_sql),
            // Once it is disabled, no password proves whose it is: that waits for the answer.
            enabled: Some(false).filter(|_| !self.enabled && !is_sql),
            ..self.wanted()
        }
    }

    /// CREATE LOGIN alone.
    fn add_to(&self, statement: &mut Statement) {
        match &self.source {
            LoginSource::Password { password, sid } => {
                let password = SecretLiteral(password);
                let database = self.default_database.as_ref();
                statement.append(&setup::create_login(&self.name, &password, Some(sid), database));
            }
            LoginSource::Entra(entra) => match entra.known_by {
                KnownBy::ClientId(id) => statement.add(
                    "CREATE LOGIN {} FROM EXTERNAL PROVIDER WITH SID = {}, TYPE = {};",
                    &[&self.name, &Sid::from(id), &entra.letter()],
                ),
                KnownBy::ObjectId(id) => {
                    statement.add("CREATE LOGIN {} FROM EXTERNAL PROVIDER WITH OBJECT_ID = '{}';", &[&self.name, &id])
                }
                KnownBy::Name => statement.add("CREATE LOGIN {} FROM EXTERNAL PROVIDER;", &[&self.name]),
            },
        }
    }

    /// All of it, and a look at what came of it. A refusal of CREATE LOGIN ends the batch: what has the name then is not ours.
    /// One of what follows is a row, so that nobody takes the one for the other. Whom the directory took the name for shows
    /// afterwards: another kind than was meant is rolled back (UNCONFIRMED that an instance takes FROM EXTERNAL PROVIDER
    /// inside a transaction; that CREATE LOGIN is rolled back with one is documented).
    fn statement(&self) -> Statement {
        let mut statement = Statement::new("SET NOCOUNT ON;\nSET XACT_ABORT ON;", &[]);
        let is_looked_up =
            matches!(&self.source, LoginSource::Entra(Entra { known_by: KnownBy::Name | KnownBy::ObjectId(_), .. }));
        if is_looked_up {
            statement.add("BEGIN TRANSACTION;", &[]);
        }
        self.add_to(&mut statement);
        if let (true, LoginSource::Entra(entra)) = (is_looked_up, &self.source) {
            statement.add(
                "IF EXISTS (SELECT 1 FROM sys.server_principals WHERE name = {} AND RTRIM(type) <> '{}')
BEGIN
ROLLBACK TRANSACTION;
SELECT 1 AS other_kind;
RETURN;
END
COMMIT TRANSACTION;",
                &[&Literal(self.name.as_str()) as &dyn Part, &entra.letter()],
            );
        }
        let rest = self.rest();
        if !rest.is_nothing() {
            statement.add("IF @@ERROR <> 0 RETURN;\nBEGIN TRY", &[]);
            rest.add_to(&mut statement, &self.name, self.kind());
            statement.add(
                "END TRY
BEGIN CATCH
SELECT ERROR_NUMBER() AS refused, ERROR_SEVERITY() AS class, ERROR_STATE() AS state, ERROR_MESSAGE() AS text;
END CATCH",
                &[],
            );
        }
        add_look(&mut statement, &self.sought());
        statement
    }
}

impl LoginChange {
    pub fn is_nothing(&self) -> bool {
        self.size() == 0
    }

    /// Each in a statement of its own: the server takes some of them only alone. The name comes last.
    fn add_to(&self, statement: &mut Statement, login: &Identifier, kind: LoginKind) {
        if let Some(password) = &self.password {
            statement.add("ALTER LOGIN {} WITH PASSWORD = {};", &[login, &SecretLiteral(password)]);
        }
        if let Some(database) = &self.default_database {
            statement.add("ALTER LOGIN {} WITH DEFAULT_DATABASE = {};", &[login, database]);
        }
        match (self.enabled, kind) {
            (Some(true), LoginKind::ExternalGroup) => statement.add("GRANT CONNECT SQL TO {};", &[login]),
            (Some(false), LoginKind::ExternalGroup) => statement.add("DENY CONNECT SQL TO {};", &[login]),
            (Some(true), _) => statement.add("ALTER LOGIN {} ENABLE;", &[login]),
            (Some(false), _) => statement.add("ALTER LOGIN {} DISABLE;", &[login]),
            (None, _) => {}
        }
        for role in &self.added_roles {
            setup::add_server_role(statement, role, login);
        }
        for role in &self.removed_roles {
            statement.add("ALTER SERVER ROLE {} DROP MEMBER {};", &[role, login]);
        }
        if let Some(name) = &self.name {
            statement.add("ALTER LOGIN {} WITH NAME = {};", &[login, name]);
        }
    }

    /// What of it is not so yet. Whether a password is set, nobody sees.
    fn missing_in(&self, login: &Login) -> Self {
        let has = |role: &&Identifier| login.server_roles.contains(*role);
        Self {
            name: self.name.clone().filter(|name| !name.is_exactly(&login.name)),
            password: self.password.clone(),
            default_database: self
                .default_database
                .clone()
                .filter(|wanted| !login.default_database.as_deref().is_some_and(|held| wanted.is(held))),
            enabled: self.enabled.filter(|wanted| *wanted != login.enabled),
            added_roles: self.added_roles.iter().filter(|role| !has(role)).cloned().collect(),
            removed_roles: self.removed_roles.iter().filter(has).cloned().collect(),
        }
    }

    /// How many statements it takes.
    fn size(&self) -> usize {
        usize::from(self.name.is_some())
            + usize::from(self.password.is_some())
            + usize::from(self.default_database.is_some())
            + usize::from(self.enabled.is_some())
            + self.added_roles.len()
            + self.removed_roles.len()
    }
}

impl Instance {
    /// Whether the password logs in: one attempt, on a connection of its own, never repeated.
    pub async fn can_log_in(&self, name: &Identifier, password: &SecretString) -> Result<bool> {
        let credentials = Credentials::SqlLogin { username: name.as_str().to_owned(), password: password.clone() };
        match self.log_in(&credentials).await {
            Err(error) if error.number() == Some(18456) => Ok(false),
            done => done.map(|()| true),
        }
    }

    /// Creates a login, with what is wanted of it, in one round trip; with a password and disabled, in two.
    ///
    /// A login of this name and SID is there already when an earlier answer was lost, or when somebody else derived the
    /// same SID. It is taken over only with proof: `take_over`, and the password of this call logs in to it. Its password is
    /// never set. An Entra login is ours after a lost answer of this very call, if it has no more roles than were wanted.
    ///
    /// # Errors
    /// See [`Error`]; then there is no login of ours.
    pub async fn create_login(&self, new: &NewLogin, take_over: bool) -> Result<Created> {
        let statement = new.statement();
        let sought = new.sought();
        let invisible = || Error::Invisible { what: format!("login `{}`", new.name), right: "VIEW ANY DEFINITION" };
        let (mut may_repeat, mut pauses) = (true, patience());
        loop {
            let error = match self.send(&statement, Effect::Once).await {
                Ok(results) if has(&results, "other_kind") => {
                    return Err(Error::OtherKind { name: new.name.to_string(), meant: new.kind().describe() });
                }
                Ok(results) => {
                    let refused = refusal(&results).map_err(|cause| self.unreadable(cause)).transpose();
                    let look = if refused.is_some() { &results[1..] } else { &results[..] };
                    let login = self.looked(look, new.sid(), &new.name).and_then(|it| it.ok_or_else(invisible));
                    let refused = refused.map(|it| it.unwrap_or_else(|unreadable| unreadable).about_login());
                    return Ok(self.completed(new, login, refused).await);
                }
                Err(error) => error,
            };
            if error.is_unknown_identity()
                && let Some(pause) = pauses.next()
            {
                self.sleep(pause).await?;
                continue;
            }
            if !error.is_lost() && error.number() != Some(15025) {
                let is_entra = matches!(new.source, LoginSource::Entra(_));
                return Err(error.needing(if is_entra { needs::ENTRA_LOGINS } else { needs::LOGINS }));
            }
            let logins = match self.logins_like(&sought).await {
                Ok(logins) => logins,
                Err(look) => return Err(if error.is_lost() { error } else { look }),
            };
            match logins.by_name(new.name.as_str()) {
                Some(login) => return self.take_over(new, login, take_over, error).await,
                // It provably did not happen.
                None if error.is_lost() && logins.is_proof() && may_repeat => may_repeat = false,
                None => return Err(error),
            }
        }
    }

    /// A login that is there, with what it has not got yet of what is wanted: what was refused before is tried once more.
    async fn completed(&self, new: &NewLogin, login: Result<Login>, refused: Option<Error>) -> Created {
        let Ok(there) = &login else { return Created { login, refused } };
        match self.change_login(there, &new.wanted().missing_in(there)).await {
            Ok(login) => Created { login, refused: None },
            Err(error) => Created { login, refused: Some(error) },
        }
    }

    async fn take_over(&self, new: &NewLogin, login: &Login, allowed: bool, error: Error) -> Result<Created> {
        let exists = |details: String| {
            Err(Error::AlreadyExists { what: "login", name: login.name.clone(), details: Some(details) })
        };
        if new.kind() != login.kind {
            return exists(format!("{}, SID {}", login.kind.describe(), login.sid_text));
        }
        let is_other = new.sid().is_some_and(|sid| login.sid != Some(sid));
        if is_other || !allowed {
            return exists(format!("SID {}", login.sid_text));
        }
        match &new.source {
            LoginSource::Password { password, .. } => match self.can_log_in(&new.name, password).await {
                Ok(true) => {}
                Ok(false) => return exists(format!("SID {}, and the password is another", login.sid_text)),
                Err(_) if error.is_lost() => return Err(error),
                Err(error) => return Err(error),
            },
            LoginSource::Entra(_) if error.is_lost() && login.server_roles.is_subset(&new.server_roles) => {}
            LoginSource::Entra(_) => return exists(format!("SID {}", login.sid_text)),
        }
        Ok(self.completed(new, Ok(login.clone()), None).await)
    }

    /// Changes what differs in one round trip: of the login that was found before, whatever it is called by now. Answers what
    /// a look shows then.
    ///
    /// # Errors
    /// See [`Error`]. What comes before a statement that is refused is done.
    pub async fn change_login(&self, login: &Login, change: &LoginChange) -> Result<Result<Login>> {
        let gone = || Error::NotFound { what: "login", name: login.name.clone(), fault: Fault::Name };
        if change.is_nothing() {
            return Ok(Ok(login.clone()));
        }
        let mut now = login.clone();
        let mut rest = change.clone();
        for _ in 0..ATTEMPTS {
            let current: Identifier = now.name.parse().map_err(|_| gone())?;
            let wanted_name = change.name.as_ref().unwrap_or(&current);
            let sought = match login.sid {
                Some(sid) => Sought::default().or_sid(Some(sid)),
                None => Sought::default().or_named(&current).or_named(wanted_name),
            };
            let mut statement = Statement::new("SET NOCOUNT ON;\nSET XACT_ABORT ON;", &[]);
            let sid = AnySid::new(&now.sid_text).ok_or_else(gone)?;
            add_guard(&mut statement, &current, &sid);
            statement.add("BEGIN", &[]);
            rest.add_to(&mut statement, &current, login.kind);
            statement.add("END\nELSE SELECT 1 AS absent;", &[]);
            add_look(&mut statement, &sought);
            let error = match self.send(&statement, Effect::Once).await {
                Ok(results) if has(&results, "absent") => None,
                Ok(results) => {
                    return Ok(self.looked(&results, login.sid, wanted_name).and_then(|it| it.ok_or_else(gone)));
                }
                // 15151: not permitted, or what should go is gone already, as it is when this is sent a second time.
                Err(error) if error.is_lost() || error.number() == Some(15151) => Some(error),
                Err(error) => return Err(error.about_login()),
            };
            let found = match (self.logins_like(&sought).await, &error) {
                (Err(_), Some(error)) if error.is_lost() => return Err(error.clone()),
                (logins, _) => logins?.meant(login.sid, current.as_str())?.cloned(),
            };
            let found = found.ok_or_else(gone)?;
            let missing = rest.missing_in(&found);
            match error {
                _ if missing.is_nothing() => return Ok(Ok(found)),
                Some(error) if !error.is_lost() && missing.size() == rest.size() => return Err(error.about_login()),
                _ => (now, rest) = (found, missing),
            }
        }
        Err(gone())
    }

    /// Drops a login: that of the SID, whatever it is called now; by name only when no SID is known. Gone already is done,
    /// if that is proven. One that is in use is tried some times; with `force` it is disabled and its sessions are ended.
    pub async fn drop_login(&self, sid: Option<Sid>, name: &Identifier, force: bool) -> Result<()> {
        let mut current = name.clone();
        let mut attempt = 0;
        let mut unseen: Option<Error> = None;
        loop {
            attempt += 1;
            let mut statement = Statement::default();
            if let Some(sid) = &sid {
                add_guard(&mut statement, &current, sid);
            }
            statement.add("DROP LOGIN {};", &[&current]);
            if sid.is_some() {
                statement.add("ELSE SELECT 1 AS absent;", &[]);
            }
            let error = match self.send(&statement, Effect::Once).await {
                Ok(results) if !has(&results, "absent") => return Ok(()),
                Ok(_) => None,
                Err(error) => Some(error),
            };
            match &error {
                // 15434: somebody is logged in as it.
                Some(error) if error.number() == Some(15434) && attempt < ATTEMPTS => {
                    if let Some(unseen) = unseen.take() {
                        return Err(unseen);
                    }
                    if force {
                        unseen = self.end_sessions(sid, &current).await?;
                    }
                    self.sleep(Duration::from_millis(500 * u64::from(attempt))).await?;
                    continue;
                }
                // 15151: it is not there, or may not be dropped. Only the catalog tells.
                Some(error) if !error.is_lost() && error.number() != Some(15151) => {
                    return Err(error.clone().about(Fault::Name).needing(needs::LOGINS));
                }
                _ => {}
            }
            let logins = match (self.logins_like(&Sought::default().or_sid(sid).or_named(&current)).await, &error) {
                (Err(_), Some(error)) if error.is_lost() => return Err(error.clone()),
                (logins, _) => logins?,
            };
            match (logins.meant(sid, current.as_str())?, error) {
                (None, _) => return Ok(()),
                (Some(_), Some(error)) if !error.is_lost() || attempt >= ATTEMPTS => {
                    return Err(error.about(Fault::Name).needing(needs::LOGINS));
                }
                (Some(login), None) if attempt >= ATTEMPTS => {
                    return Err(Error::NotFound { what: "login", name: login.name.clone(), fault: Fault::Name });
                }
                (Some(login), _) => current = legal(&login.name, &current)?,
            }
        }
    }

    /// Answers what is to be said if it did not help: that the sessions cannot be seen.
    async fn end_sessions(&self, sid: Option<Sid>, name: &Identifier) -> Result<Option<Error>> {
        match self.send(&Statement::new("ALTER LOGIN {} DISABLE;", &[name]), Effect::Repeatable).await {
            // 33129: a group's login cannot be.
            Err(error) if error.number() == Some(33129) => {}
            result => drop(result?),
        }
        // UNCONFIRMED which of the two rights an instance asks for: the newer one is enough in SQL Server 2022.
        let words = "SELECT HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER STATE') AS server_state,
       HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER PERFORMANCE STATE') AS performance_state;
SELECT CAST(session_id AS int) AS session_id FROM sys.dm_exec_sessions
WHERE security_id = {} AND session_id <> @@SPID;";
        let sessions = match &sid {
            Some(sid) => Statement::new(words, &[sid]),
            None => Statement::new(words, &[&SidOf(name)]),
        };
        let results = self.read(&sessions).await?;
        let mut results = ResultSets::new(&results);
        let mut decode = || -> Result<_, String> {
            let rights = results.row()?;
            let sees_all = rights.flag("server_state")? || rights.flag("performance_state")?;
            Ok((sees_all, results.next()?))
        };
        let (sees_all, sessions) = decode().map_err(|cause| self.unreadable(cause))?;
        for row in sessions {
            let session = row.int("session_id").map_err(|cause| self.unreadable(cause))?;
            if let Some(session) = session.and_then(|session| u16::try_from(session).ok()) {
                match self.send(&Statement::new("KILL {};", &[&Number(session.into())]), Effect::Once).await {
                    // 6106: it has ended by itself. Lost: the next DROP tells.
                    Err(error) if error.number() == Some(6106) || error.is_lost() => {}
                    result => drop(result?),
                }
            }
        }
        let unseen =
            || Error::Invisible { what: format!("the sessions of login `{name}`"), right: "VIEW SERVER STATE" };
        Ok((!sees_all && sessions.is_empty()).then(unseen))
    }

    /// What the look at the end of a batch has found.
    fn looked(&self, results: &[Vec<Row>], sid: Option<Sid>, name: &Identifier) -> Result<Option<Login>> {
        let logins = some(&mut ResultSets::new(results)).map_err(|cause| self.unreadable(cause))?;
        Ok(sid.and_then(|sid| logins.by_sid(sid)).or_else(|| logins.by_name(name.as_str())).cloned())
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

/// The statement that follows is only run if the name still belongs to the SID: somebody else may have taken it.
fn add_guard(statement: &mut Statement, name: &Identifier, sid: &dyn Part) {
    statement.add(
        "IF EXISTS (SELECT 1 FROM sys.server_principals WHERE name = {} AND sid = {})",
        &[&Literal(name.as_str()), sid],
    );
}

/// What follows CREATE LOGIN in its batch, and was refused: a row in front of the look.
fn refusal(results: &Results) -> Result<Option<Error>, String> {
    let Some(row) = results.first().and_then(|rows| rows.first()).filter(|row| row.has("refused")) else {
        return Ok(None);
    };
    let number = |column| row.required_int(column).map(|it| it.try_into().unwrap_or_default());
    let refusal = Refusal {
        number: row.required_int("refused")?.try_into().unwrap_or_default(),
        class: number("class")?,
        state: number("state")?,
        text: row.required_text("text")?,
        database: None,
        needs: None,
    };
    Ok(Some(Error::Refused { refusal, fault: Fault::Other }))
}

/// Whether the first result set is this one column: the batch did not do what it was for.
pub(crate) fn has(results: &Results, column: &str) -> bool {
    results.first().and_then(|rows| rows.first()).is_some_and(|row| row.has(column))
}

fn legal(name: &str, current: &Identifier) -> Result<Identifier> {
    let illegal = |_| Error::NotFound { what: "login", name: current.to_string(), fault: Fault::Name };
    name.parse().map_err(illegal)
}
