//! Logging in: who a client becomes on the instance, and in which database.
//!
//! A principal of Entra is looked for in this order (sql-mi facts §2): its own login, the login of a group it is in, its
//! own user of the database that the client names, the user of a group it is in there. The last two are contained: they
//! are authenticated by that database, and have no place in `master` ("Contained user access to contained databases").
//! Who has a login is judged by it alone: a disabled one is no way around to a user. UNCONFIRMED.

use uuid::Uuid;

use super::access::{Identity, Target, connect_is_denied, may_connect};
use super::errors;
use super::instance::Instance;
use super::state::{Authentication, Database, PermissionState, PrincipalType, State};
use emulator_ground::engine::{Credentials, Engine, LoginRequest, Message, Session};
use emulator_ground::source::{Reader, TokenSubject};

/// What refusals call who came with a token.
const TOKEN: &str = "<token-identified principal>";

/// Who is let in, and where.
pub struct Entry {
    pub identity: Identity,
    /// The login's name; of a contained user, that of the principal who came.
    pub name: String,
    /// Database id.
    pub database: i32,
}

impl Engine for Instance {
    fn login(&self, request: &LoginRequest) -> Result<Box<dyn Session>, Vec<Message>> {
        let answered = |messages: Vec<Message>| messages.into_iter().map(|m| self.world.answered(m)).collect();
        self.enter(request).map_err(answered)
    }

    fn server_name(&self) -> String {
        self.config.server_name.clone()
    }

    fn masked(&self, text: &str) -> String {
        emulator_tsql::mask_secrets(text)
    }
}

impl Instance {
    fn enter(&self, request: &LoginRequest) -> Result<Box<dyn Session>, Vec<Message>> {
        let state = self.lock().committed.clone();
        let database = request.database.as_deref().filter(|name| !name.is_empty());
        let entry = match &request.credentials {
            Credentials::Password { user, password } => by_password(&state, user, password, database)?,
            Credentials::Token(token) => {
                let subject = self.directory().verify(token).ok_or_else(|| vec![errors::login_failed(TOKEN)])?;
                by_subject(&state, &subject, database)?
            }
        };
        let (host, program, library) = (&request.host_name, &request.application, &request.library);
        let session = self.open(entry, host, program, library, request.transport);
        session.map(|session| Box::new(session) as Box<dyn Session>).map_err(|message| vec![message])
    }

    /// Who an application is in the database, if it is let in.
    pub(super) fn by_application(&self, state: &State, client_id: Uuid, database: &str) -> Result<Entry, Vec<Message>> {
        let subject = self.directory().application(client_id).ok_or_else(|| vec![errors::login_failed(TOKEN)])?;
        by_subject(state, &subject, Some(database))
    }

    /// Who a reader is in the database; nobody when it is not let in.
    pub(super) fn reader(&self, state: &State, reader: Reader<'_>, database: &str) -> Option<Identity> {
        match reader {
            Reader::Login(name) => state.login(name).map(|login| Identity::Login(login.id)),
            Reader::Application(client_id) => {
                self.by_application(state, client_id, database).ok().map(|entry| entry.identity)
            }
        }
    }
}

/// The client learns nothing but 18456 state 1, whatever was wrong.
pub fn by_password(state: &State, user: &str, password: &str, database: Option<&str>) -> Result<Entry, Vec<Message>> {
    let failed = || vec![errors::login_failed(user)];
    let login = state.login(user).filter(|l| l.kind == PrincipalType::Sql && !l.disabled).ok_or_else(failed)?;
    let hash = login.password.as_ref().ok_or_else(failed)?;
    if hash.must_change {
        let text = format!("Login failed for user '{user}'.  Reason: The password of the account must be changed.");
        return Err(vec![Message::new(18488, 14, 1, text)]);
    }
    if !super::passwords::password_matches(password, &hash.hash) || !connects(state, login.id) {
        return Err(failed());
    }
    by_login(state, login.id, database)
}

fn by_subject(state: &State, subject: &TokenSubject, database: Option<&str>) -> Result<Entry, Vec<Message>> {
    let of_kind = |sid: Uuid, kind| state.login_by_sid(&sid.to_bytes_le()).filter(|login| login.kind == kind);
    let own = of_kind(subject.sid, PrincipalType::External);
    let group = || subject.groups.iter().find_map(|group| of_kind(*group, PrincipalType::ExternalGroup));
    // A DENY of any group counts, as everywhere.
    let denied = |group: &Uuid| {
        of_kind(*group, PrincipalType::ExternalGroup).is_some_and(|login| connecting_is_denied(state, login.id))
    };
    if subject.groups.iter().any(denied) {
        return Err(vec![errors::login_failed(TOKEN)]);
    }
    match own.or_else(group) {
        Some(login) if !login.disabled && connects(state, login.id) => {
            // Who came through a group is still who they are: sql-docs PR 9060.
            by_login(state, login.id, database).map(|entry| Entry { name: subject.name.clone(), ..entry })
        }
        Some(_) => Err(vec![errors::login_failed(TOKEN)]),
        None => by_user(state, subject, database),
    }
}

fn connecting_is_denied(state: &State, login: i32) -> bool {
    let rows =
        state.server_permissions.iter().filter(|row| row.grantee == login && row.permission.name == "CONNECT SQL");
    rows.into_iter().any(|row| row.state == PermissionState::Deny)
}

fn connects(state: &State, login: i32) -> bool {
    let token = state.token(Identity::Login(login), super::state::MASTER);
    state.may(&token, Target::SERVER, "CONNECT SQL")
}

/// Into the default database where none is named; 4060 when it is not there, not the login's to enter or not to be opened
/// by anybody. UNCONFIRMED: 927 or 942 alone of one that is not online.
fn by_login(state: &State, login: i32, database: Option<&str>) -> Result<Entry, Vec<Message>> {
    let Some(principal) = state.server_principals.get(&login) else { return Err(vec![errors::login_failed("")]) };
    let name = database.unwrap_or(&principal.default_database);
    let identity = Identity::Login(login);
    let opens = |d: &Database| d.opens().is_ok() && state.token(identity, d.id).user.is_some();
    let open = state.database_named(name).filter(|d| opens(d));
    open.map(|d| Entry { identity, name: principal.name.clone(), database: d.id })
        .ok_or_else(|| vec![errors::cannot_open_database(name), errors::login_failed(&principal.name)])
}

/// A contained user. Whoever names no database, or one that does not know them, has only `master` left, and no login
/// there: 18456, which does not tell whether there is such a database. UNCONFIRMED: 4060 for a user without CONNECT.
fn by_user(state: &State, subject: &TokenSubject, database: Option<&str>) -> Result<Entry, Vec<Message>> {
    let failed = || vec![errors::login_failed(TOKEN)];
    let database = database.and_then(|name| state.database_named(name)).ok_or_else(failed)?;
    let users = users_of(database, subject);
    let user = *users.first().ok_or_else(failed)?;
    // A DENY of any group counts, as everywhere.
    let denied = users.iter().any(|user| connect_is_denied(database, &database.token(*user)));
    if denied || !may_connect(database, &database.token(user)) || database.opens().is_err() {
        return Err(vec![errors::cannot_open_database(&database.name), errors::login_failed(TOKEN)]);
    }
    let identity = Identity::Contained { database: database.id, user };
    Ok(Entry { identity, name: subject.name.clone(), database: database.id })
}

/// The subject's own user, then those of its groups.
fn users_of(database: &Database, subject: &TokenSubject) -> Vec<i32> {
    let of_kind = |sid: &Uuid, kind| {
        let user = database.user_by_sid(&sid.to_bytes_le())?;
        (user.kind == kind && user.authentication == Authentication::External).then_some(user.id)
    };
    let own = of_kind(&subject.sid, PrincipalType::External);
    let groups = subject.groups.iter().filter_map(|group| of_kind(group, PrincipalType::ExternalGroup));
    own.into_iter().chain(groups).collect()
}
