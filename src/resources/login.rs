//! `fabricmirror_login`: who Fabric is, on the instance. The database side is `database_user`.

use std::collections::BTreeSet;

use mssql_admin::{Created, Identifier, LoginChange, LoginKind, LoginSource, NewLogin, ServerName, Sid};
use tfplugin::{Change, Context, Diagnostic, Diagnostics, Draft, Model, Resource, Secret, Text, Value, path};

use super::entra::{self, Entra, Meant};
use super::{identifiers, names, not_there_any_more, other_kind};
use crate::clients::Server;
use crate::error::{Error, Result};
use crate::import_id;
use crate::ledger::Key;
use crate::provider::FabricMirror;

/// A login of a SQL Managed Instance: with a password, or of an Entra principal.
///
/// The provider chooses the security identifier of a login with a password, so that one that was dropped and is created
/// again keeps its database users; of an Entra login it is the principal's id. A login that exists already is never taken
/// over: it is imported.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct Login {
    /// Server that holds the login; left out, the provider's `sql.server`.
    #[attr(optional, computed)]
    server: Value<Text<ServerName>>,

    /// Name, at most 128 UTF-16 units, compared as the instance's collation compares. Of an Entra principal known by no id
    /// it is the directory's: the user principal name of a user, else the display name. A login with a password is renamed in
    /// place, any other replaced.
    #[attr(required)]
    name: Text<Identifier>,

    /// Password. Sent to the server and kept nowhere. Change it by raising `password_wo_version`. This or `entra` is needed
    /// to create; after an import it may be left out, then the password is not managed.
    #[attr(optional, write_only, requires = "password_wo_version", conflicts = "entra")]
    password_wo: Value<Secret>,

    /// Any number; a different one sends `password_wo` again.
    #[attr(optional, requires = "password_wo")]
    password_wo_version: Value<i64>,

    /// The Entra principal that logs in.
    #[attr(optional)]
    entra: Value<Entra>,

    /// Server roles, exactly these, besides `public`. Left out: not managed.
    #[attr(optional, computed)]
    server_roles: Value<BTreeSet<Text<Identifier>>>,

    /// Whether somebody can log in. An Entra group's login is never disabled: `false` denies CONNECT SQL to it, `true` grants
    /// it.
    #[attr(optional, computed, initial = true)]
    enabled: Value<bool>,

    /// Database that a connection without one gets. Left out: not managed.
    #[attr(optional, computed)]
    default_database: Value<Text<Identifier>>,

    /// Security identifier, `0x` and 32 hexadecimal digits; database users find their login by it. Left out, derived
    /// from server and name when the login is created, and kept when it is renamed. Of an Entra principal it is its id: leave
    /// it out.
    #[attr(optional, computed, replace)]
    sid: Value<Text<Sid>>,

    /// Destroying the login ends the sessions that still use it. Needs ALTER ANY CONNECTION, and
    /// VIEW SERVER STATE to see them.
    #[attr(optional, computed, default = false)]
    force_drop: Value<bool>,

    /// When the password was last set, as the server says it. One that somebody else has set since is a difference of this
    /// attribute alone: apply takes note of it, and sends the configuration's password only when `password_wo_version` is
    /// raised.
    #[attr(computed)]
    password_last_set: Value<String>,

    /// The name, and not known while the login is created or replaced: a `fabricmirror_database_user` whose
    /// `login_name` refers to it follows its login to another SID in the same run.
    #[attr(computed)]
    principal: Value<String>,
}

/// Private state: the SID that the provider chose, or found at import. A login of another one, under the same name, is
/// somebody else's.
const OUR_SID: &str = "sid";
/// Private state: when the password was set, as far as a plan has told: set by this object, or by somebody else and taken note
/// of.
const PASSWORD_SET: &str = "password_set";
/// Private state, in a plan: the login is renamed. Should it be replaced in the same run, the apply knows nothing of the
/// former name.
const RENAMED: &str = "renamed";
/// Private state, in a plan: the state holds a login of this name already.
const IN_STATE: &str = "in_state";

/// CREATE LOGIN with a SID that another login has (sql-mi facts §1).
const SID_IN_USE: u32 = 15433;

impl Resource for Login {
    const NAME: &'static str = "login";
    type Provider = FabricMirror;

    fn validate(config: &LoginDraft) -> Diagnostics {
        let mut found = entra::validate(&config.entra, path!(Login: entra));
        if let (Some(entra), Some(sid)) = (config.entra.known(), config.sid.known())
            && entra.sid() != Some(*sid.value())
        {
            found.push(
                Diagnostic::error(
                    "The SID of an Entra login is not chosen",
                    "It is the object id of a user or group, and the client id of an application. Leave `sid` out.",
                )
                .at(path!(Login: sid)),
            );
        }
        found
    }

    fn in_state(provider: &FabricMirror, state: &Self) {
        provider.ledger().note_login(state.key(), state.known_sid());
    }

    async fn plan(cx: &Context<FabricMirror>, change: &mut Change<Self>) -> Result<()> {
        complete(cx, change).await?;
        // A block that keeps its login under another name keeps its SID.
        let plan = &change.planned;
        let (Some(server), Some(name), Some(sid)) = (plan.server.known(), plan.name.known(), plan.sid.known()) else {
            return Ok(());
        };
        if cx.provider.ledger().claim(Key::new("sid", &[&server.canonical(), &sid.value().to_string()]), change) {
            return Ok(());
        }
        if plan.entra.is_known() {
            let detail = "An Entra principal has one login, and two blocks of this configuration are for it. Remove one of the two blocks.";
            return Err(Diagnostic::error("The principal has a login already", detail).at(path!(Login: entra)).into());
        }
        let detail = "A SID belongs to one login alone, and two blocks of this configuration have this one.";
        Err(Diagnostic::error("The SID is in use", format!("{detail} {}", another_sid(server, name)))
            .at(path!(Login: sid))
            .into())
    }

    async fn create(cx: &Context<FabricMirror>, mut plan: Self) -> Result<Self> {
        let server = cx.provider.sql(&plan.server)?;
        plan.server.default_with(|| server.canonical());
        let (key, ledger) = (plan.key(), cx.provider.ledger());
        if ledger.has(&key) {
            return Err(second_owner(&plan.name));
        }
        let new = plan.new_login(server.instance().server())?;
        // What the state held when this was planned, and nobody deleted since, is another block's.
        let is_second = cx.private().get(IN_STATE).is_some() && !ledger.has_lost(&key);
        let Created { login, refused } = match server.change().create_login(&new, !is_second).await {
            Ok(created) => created,
            Err(error) => return Err(plan.explained(&server, error).await),
        };
        cx.private().remove(IN_STATE);
        cx.private().remove(RENAMED);
        let sid = login.as_ref().map_or_else(|_| plan.known_sid(), |login| login.sid);
        if let Some(sid) = sid {
            cx.private().set(OUR_SID, sid.to_string());
        }
        ledger.note_new_login(key, sid);
        plan.principal = plan.name.to_string().into();
        let made = match login {
            Ok(login) => plan.matching(&login).noted(cx),
            // Everything is done: no look that fails makes the next apply throw it away.
            Err(error) => {
                cx.warn(super::unseen("login", &plan.name, &error.into()));
                plan.default_unknown()
            }
        };
        match refused {
            None => Ok(made),
            // It exists: a role that is refused must not lose it.
            Some(error) => {
                cx.keep(&made);
                Err(error.into())
            }
        }
    }

    async fn read(cx: &Context<FabricMirror>, state: Self) -> Result<Option<Self>> {
        let server = cx.provider.sql(&state.server)?;
        let logins = server.logins().await?;
        let Some(login) = logins.find(state.known_sid(), state.name.as_str())? else {
            // With its SID: the state will not hold it either when the plan is applied.
            cx.provider.ledger().release(&state.key());
            cx.private().remove(OUR_SID);
            return Ok(None);
        };
        state.refuse_other_kinds(login)?;
        if cx.private().get(OUR_SID).is_none()
            && let Some(sid) = state.known_sid()
        {
            cx.private().set(OUR_SID, sid.to_string());
        }
        let seen = state.matching(login);
        let is_noted = cx.private().get(PASSWORD_SET).is_some();
        Ok(Some(if is_noted { seen } else { seen.noted(cx) }))
    }

    async fn update(cx: &Context<FabricMirror>, prior: Self, plan: Self) -> Result<Self> {
        let server = cx.provider.sql(&plan.server)?;
        let login = match server.change().login(prior.known_sid(), &prior.name).await? {
            Some(login) if login.sid == prior.known_sid() => login,
            _ => return Err(not_there_any_more("login", prior.name.as_str())),
        };
        prior.refuse_other_kinds(&login)?;
        cx.private().remove(RENAMED);
        let rotated = prior.password_wo_version != plan.password_wo_version;
        let (added_roles, removed_roles) =
            super::role_changes(&prior.server_roles, &plan.server_roles, &login.server_roles);
        let change = LoginChange {
            name: Some(plan.name.value().clone())
                .filter(|name| prior.name != plan.name && !name.is_exactly(&login.name)),
            password: plan.password_wo.known().filter(|_| rotated).map(|password| password.inner().clone()),
            default_database: plan
                .default_database
                .known()
                .filter(|_| prior.default_database != plan.default_database)
                .map(|name| name.value().clone()),
            enabled: plan.enabled.known().copied().filter(|_| prior.enabled != plan.enabled),
            added_roles,
            removed_roles,
        };
        let changed = match server.change().change_login(&login, &change).await {
            Ok(changed) => changed,
            Err(error) => {
                // What comes before the statement that was refused is done.
                if let Ok(Some(now)) = server.instance().login(prior.known_sid(), &prior.name).await
                    && now.sid == prior.known_sid()
                {
                    cx.keep(&prior.clone().matching(&now));
                }
                return Err(error.into());
            }
        };
        if prior.name != plan.name {
            cx.provider.ledger().forget(&prior.key());
            cx.provider.ledger().note_login(plan.key(), prior.known_sid());
        }
        Ok(match changed {
            Ok(login) if plan.password_last_set.is_unknown() => plan.matching(&login).noted(cx),
            Ok(_) => plan,
            Err(error) => {
                cx.warn(super::unseen("login", &plan.name, &error.into()));
                if plan.password_last_set.is_unknown() {
                    // When it was set, the next look tells.
                    cx.private().remove(PASSWORD_SET);
                }
                plan.default_unknown()
            }
        })
    }

    async fn delete(cx: &Context<FabricMirror>, state: Self) -> Result<()> {
        let server = cx.provider.sql(&state.server)?;
        if cx.provider.ledger().is_new(&state.key()) {
            // The CLIs put the end of one block and the beginning of another in no order.
            cx.warn(Diagnostic::warning(
                format!("Login {} was left alone", state.name),
                "Another block of the configuration has the same login, and was there first in this run: it is that block's now. \
                 When a block gets another address, a `moved` block says so, and nothing is dropped or made.",
            ));
            return Ok(());
        }
        let force = state.force_drop.known().copied().unwrap_or_default();
        server.change().drop_login(state.known_sid(), &state.name, force).await?;
        // The object that comes in its place has the SID that was chosen, whatever somebody else made of it meanwhile.
        cx.provider.ledger().note_login(state.key(), our_sid(cx).or(state.known_sid()));
        cx.provider.ledger().forget(&state.key());
        Ok(())
    }

    /// `[server/]name`
    async fn import(cx: &Context<FabricMirror>, id: &str) -> Result<Self> {
        let (server, [name]) = import_id::split_with_server(id, import_id::LOGIN)?;
        let server_name = import_id::server(&cx.provider, server.as_deref())?;
        let name = import_id::name(&name)?;
        let server = cx.provider.sql(&server_name)?;
        let logins = server.logins().await?;
        let login = logins.find(None, name.as_str())?.ok_or_else(|| super::nothing_to_import("login", &name))?;
        let is_entra = match login.kind {
            LoginKind::Sql => false,
            LoginKind::External | LoginKind::ExternalGroup => true,
            kind => return Err(other_kind(&login.name, kind.describe(), MANAGES).at(path!(Login: name))),
        };
        let entra = is_entra.then(|| Entra::of(&login.name, login.sid, login.kind == LoginKind::ExternalGroup));
        let found = Self {
            server: server_name,
            name: name.into(),
            password_wo: Value::Null,
            password_wo_version: Value::Null,
            entra: entra.into(),
            server_roles: Value::Null,
            enabled: Value::Null,
            default_database: Value::Null,
            sid: Value::Null,
            force_drop: Value::Null,
            password_last_set: Value::Null,
            principal: Value::Null,
        }
        .matching(login);
        if let Some(sid) = found.known_sid() {
            cx.private().set(OUR_SID, sid.to_string());
        }
        Ok(found.noted(cx))
    }
}

/// Completes the plan of a login.
async fn complete(cx: &Context<FabricMirror>, change: &mut Change<Login>) -> Result<()> {
    let plan = &mut change.planned;
    let prior = change.prior.as_ref();
    cx.provider.plan_server(prior.map(|it| &it.server), &change.config.server, &mut plan.server)?;
    let ledger = cx.provider.ledger();
    let whole = change.planned.whole();
    if let Some(plan) = &whole
        && !ledger.claim(plan.key(), change)
    {
        return Err(second_owner(&plan.name));
    }
    let is_replacement = change.is_replacement();
    let (plan, prior) = (&mut change.planned, change.prior.as_ref());
    let Some(prior) = prior else {
        if change.config.password_wo.is_null() && change.config.entra.is_null() {
            return Err(needs_password().into());
        }
        let (Some(server), Some(name)) = (plan.server.known(), plan.name.known()) else { return Ok(()) };
        let key = Key::new(Login::NAME, &[&server.canonical(), name.as_str()]);
        if change.config.entra.is_null() {
            // What was derived once is kept: the users of the login find it by that.
            let is_renamed = cx.private().get(RENAMED).is_some();
            let ours = if is_renamed { None } else { our_sid(cx).or_else(|| ledger.sid(&key)) };
            plan.sid.default_with(|| ours.unwrap_or_else(|| Sid::derived(server, name.as_str())).into());
        } else if let Some(sid) = plan.entra.known().and_then(Entra::sid) {
            plan.sid = sid.into();
            ledger.expect_sid(key.clone(), sid);
        }
        if !ledger.has(&key) {
            return refuse_existing(cx, plan, change.config.password_wo.known()).await;
        }
        if !is_replacement {
            // A tainted object that is replaced, or a second block: the CLI does not tell, apply will.
            cx.private().set(IN_STATE, "yes");
        }
        ledger.note_login(key, plan.sid.known().map(|sid| *sid.value()));
        return Ok(());
    };
    let meant = entra::meant(&prior.entra, &change.config.entra, prior.known_sid());
    let other = |whose: &str| other_kind(&prior.name, &format!("{whose} login"), MANAGES).at(path!(Login: entra));
    let is_another = meant.map_err(other)? == Meant::Another;
    if prior.entra.is_known() && plan.name != Value::Known(prior.name.clone()) {
        // What an instance makes of a new name for an Entra login is not documented.
        if is_another {
            // Whoever has the login has to follow it to another SID in the same run.
            ledger.note_login(prior.key(), plan.entra.known().and_then(Entra::sid));
        }
        plan.principal = Value::Unknown;
        change.replace(path!(Login: name));
        return Ok(());
    }
    let ours = our_sid(cx).or(prior.known_sid());
    if is_another {
        plan.sid = plan.entra.known().and_then(Entra::sid).map_or(Value::Unknown, Value::from);
    } else if change.config.sid.is_null() {
        plan.sid = ours.map(Text::from).into();
    }
    if plan.sid != prior.sid {
        plan.principal = Value::Unknown;
        if change.config.sid.is_null() && ours != prior.known_sid() {
            cx.warn(
                Diagnostic::warning(
                    format!("Login {} was dropped and made again by somebody", prior.name),
                    made_again(prior),
                )
                .at(path!(Login: sid)),
            );
        }
    } else if plan.name != Value::Known(prior.name.clone()) {
        plan.principal = plan.name.clone().map(|name| name.to_string());
    }
    if let Some(name) = plan.name.known().filter(|name| **name != prior.name) {
        refuse_taken(cx, prior, name).await?;
        ledger.release(&prior.key());
        cx.private().set(RENAMED, "yes");
    }
    // For the login's users, which follow it in the same run.
    if let (Some(server), Some(name)) = (plan.server.known(), plan.name.known()) {
        let sid = plan.sid.known().map(|sid| *sid.value());
        ledger.note_login(Key::new(Login::NAME, &[&server.canonical(), name.as_str()]), sid);
    }
    if let (Some(at), Some(noted)) = (prior.password_last_set.known(), cx.private().get(PASSWORD_SET))
        && plan.sid == prior.sid
        && prior.password_wo_version.is_known()
        && prior.password_wo_version == plan.password_wo_version
        && at != noted
    {
        plan.password_last_set = Value::Unknown;
        cx.warn(
            Diagnostic::warning(
                format!("Somebody else has set the password of login {}", prior.name),
                format!(
                    "At {at}, by the server's clock; whoever uses the one of the configuration cannot log in. Apply takes note of \
                     it, and changes nothing. To set the one of the configuration, raise `password_wo_version`."
                ),
            )
            .at(path!(Login: password_wo_version)),
        );
    }
    if prior.password_wo_version != plan.password_wo_version && !plan.password_wo_version.is_null() {
        plan.password_last_set = Value::Unknown;
        if prior.password_wo_version.is_null() {
            cx.warn(
                Diagnostic::warning(
                    "The login's password will be replaced",
                    "It was not managed so far. Apply sets the one of the configuration.",
                )
                .at(path!(Login: password_wo)),
            );
        }
    }
    Ok(())
}

fn needs_password() -> Diagnostic {
    Diagnostic::error(
        "A new login needs a password",
        "Set `password_wo` and `password_wo_version`, or `entra`. Only an imported login can do without.",
    )
    .at(path!(Login: password_wo))
}

/// Of a login with another SID than ours.
fn made_again(prior: &Login) -> String {
    let kept = "To keep the one that is there, take the block's object out of the state with a `removed` block and import the login.";
    if prior.entra.is_known() {
        return format!(
            "It has another SID than the one that was created here: somebody else of the same name stands for it by now, such as \
             an application that was deleted and registered again. Its database users are not its own any more. Apply drops \
             it and makes it anew, for the principal of the configuration. {kept}"
        );
    }
    format!(
        "It has another SID than the one that was created here, so its database users are not its own any more. Apply drops \
         it and makes it anew, with the former SID. {kept}"
    )
}

/// The SID that the object was given, however it is called now.
fn our_sid(cx: &Context<FabricMirror>) -> Option<Sid> {
    cx.private().get(OUR_SID).and_then(|sid| sid.parse().ok())
}

/// Says at plan time, when it can be seen, that the name is taken.
async fn refuse_existing(cx: &Context<FabricMirror>, plan: &LoginDraft, password: Option<&Secret>) -> Result<()> {
    let Some(name) = plan.name.known() else { return Ok(()) };
    let sid = plan.sid.known().map(|sid| *sid.value());
    let Ok(server) = cx.provider.sql(&plan.server) else { return Ok(()) };
    let Some(logins) = server.logins_at_plan(cx).await else { return Ok(()) };
    let is_entra = !plan.entra.is_null();
    let Some(login) = logins.by_name(name.as_str()) else {
        let Some(holder) = sid.and_then(|sid| logins.by_sid(sid)) else { return Ok(()) };
        let ledger = cx.provider.ledger();
        let key = Key::new(Login::NAME, &[&server.instance().server().canonical(), &holder.name]);
        // One of the state may be deleted in this run.
        if ledger.has(&key) && !ledger.is_kept(&key) {
            return Ok(());
        }
        if let Some(entra) = plan.entra.known() {
            return Err(has_login(&plan.server, entra, holder)?.at(path!(Login: entra)));
        }
        return Err(Diagnostic::error(
            "The SID is in use",
            format!(
                "A SID belongs to one login alone, and login {} has this one. {}",
                holder.name,
                another_sid(server.instance().server(), name)
            ),
        )
        .at(path!(Login: sid))
        .into());
    };
    // One with our SID may be ours, of a run whose answer was lost: then this password opens it. Any state derives the
    // same SID, so that alone proves nothing.
    let is_ours = login.sid == sid
        && !is_entra
        && login.kind == LoginKind::Sql
        && match password {
            Some(password) => !matches!(server.instance().can_log_in(name, password.inner()).await, Ok(false)),
            None => true,
        };
    if is_ours {
        return Ok(());
    }
    if login.kind != kind_of(plan.entra.known()) {
        return Err(is_other_kind(plan.entra.known(), login));
    }
    let error = Error::from(exists(login, format!("SID {}", login.sid_text)));
    Err(error.hint(import_text(&plan.server, name)))
}

/// The kind that a block manages.
fn kind_of(entra: Option<&Entra>) -> LoginKind {
    entra.map_or(LoginKind::Sql, |entra| entra.meant().kind())
}

fn exists(login: &mssql_admin::Login, details: String) -> mssql_admin::Error {
    mssql_admin::Error::AlreadyExists { what: "login", name: login.name.clone(), details: Some(details) }
}

/// The name is that of a login which no import makes the block's.
fn is_other_kind(entra: Option<&Entra>, login: &mssql_admin::Login) -> Error {
    let kind = login.kind.describe();
    let other = if entra.is_some() { entra::ANOTHER_NAME } else { "" };
    let text = format!("It is {kind}, and is not turned into another kind. Choose another name. {other}");
    Error::from(exists(login, kind.to_owned())).hint(text.trim_end())
}

/// The Entra principal has a login under another name, or somebody else has its SID.
fn has_login(server: &Value<Text<ServerName>>, entra: &Entra, holder: &mssql_admin::Login) -> Result<Error> {
    let kind = holder.kind.describe();
    let name = super::identifier(&holder.name)?;
    if holder.kind == kind_of(Some(entra)) {
        let error = Error::from(exists(holder, format!("{kind}, of the same principal")));
        return Ok(error.hint(import_text(server, &name)));
    }
    let text = format!(
        "It is {kind}, and has the SID of the Entra principal, which gets no login while it is there. Let a DBA drop it:\n\n{}",
        mssql_admin::advice::drop_login(&name)
    );
    Ok(Error::from(exists(holder, kind.to_owned())).hint(text))
}

/// Says at plan time that the name a login is to get, or get back, is somebody else's: before anything that depends on it
/// is changed for that.
async fn refuse_taken(cx: &Context<FabricMirror>, prior: &Login, name: &Text<Identifier>) -> Result<()> {
    let Ok(server) = cx.provider.sql(&prior.server) else { return Ok(()) };
    let Some(logins) = server.logins_at_plan(cx).await else { return Ok(()) };
    match logins.by_name(name.as_str()) {
        Some(other) if other.sid != prior.known_sid() => {
            let fix = mssql_admin::advice::rename_login(&super::identifier(&other.name)?);
            Err(super::taken("login", &prior.name, &other.name, &fix).at(path!(Login: name)))
        }
        _ => Ok(()),
    }
}

/// Of a login whose name another one had, which kept the SID that follows from it.
fn another_sid(server: &ServerName, name: &Identifier) -> String {
    let other = Sid::derived(server, &format!("{name}\n2"));
    format!("It stays with a login that is renamed. Give the new one another:\n\n  sid = \"{other}\"")
}

fn import_text(server: &Value<Text<ServerName>>, name: &Identifier) -> String {
    super::import_text(Login::NAME, &import_id::of_server(server, &[name.as_str()]))
}

fn second_owner(name: &Identifier) -> Error {
    super::second_owner("login", name.as_str()).at(path!(Login: name))
}

const MANAGES: &str = "logins with a password, and with `entra` those of Entra principals";

impl Login {
    fn key(&self) -> Key {
        let server = self.server.known().map(|server| server.canonical()).unwrap_or_default();
        Key::new(Self::NAME, &[&server, self.name.as_str()])
    }

    fn known_sid(&self) -> Option<Sid> {
        self.sid.known().map(|sid| *sid.value())
    }

    fn refuse_other_kinds(&self, login: &mssql_admin::Login) -> Result<()> {
        if login.kind == kind_of(self.entra.known()) {
            return Ok(());
        }
        Err(other_kind(&login.name, login.kind.describe(), MANAGES).at(path!(Login: name)))
    }

    /// What is to be created.
    fn new_login(&mut self, server: &ServerName) -> Result<NewLogin> {
        let source = match (self.entra.known(), self.password_wo.known()) {
            (Some(entra), _) => LoginSource::Entra(entra.meant()),
            (None, Some(password)) => {
                let sid = self.known_sid().unwrap_or_else(|| Sid::derived(server, self.name.as_str()));
                let source = LoginSource::Password { password: password.inner().clone(), sid };
                self.sid = sid.into();
                source
            }
            (None, None) => return Err(needs_password().into()),
        };
        Ok(NewLogin {
            name: self.name.value().clone(),
            source,
            default_database: self.default_database.known().map(|name| name.value().clone()),
            enabled: self.enabled.known().copied().unwrap_or(true),
            server_roles: names(self.server_roles.known()),
        })
    }

    /// Why the login was not made.
    async fn explained(&self, server: &Server, error: mssql_admin::Error) -> Error {
        let exists = matches!(error, mssql_admin::Error::AlreadyExists { .. });
        if exists
            && let Ok(Some(login)) = server.instance().login(None, &self.name).await
            && login.kind != kind_of(self.entra.known())
        {
            return is_other_kind(self.entra.known(), &login);
        }
        self.import_hint(server, error)
    }

    fn import_hint(&self, server: &Server, error: mssql_admin::Error) -> Error {
        match (error, self.entra.known()) {
            (error, Some(entra)) if error.number() == Some(SID_IN_USE) => {
                Error::from(error).hint(entra.has_another("login"))
            }
            (error, None) if error.number() == Some(SID_IN_USE) => {
                Error::from(error).hint(another_sid(server.instance().server(), &self.name))
            }
            (error @ mssql_admin::Error::AlreadyExists { .. }, _) => {
                Error::from(error).hint(import_text(&self.server, &self.name))
            }
            (error, _) => error.into(),
        }
    }

    /// Of a new login nobody has seen: what was planned, and of the rest what new logins have.
    fn default_unknown(mut self) -> Self {
        self.server_roles.default_with(|| Value::Known(BTreeSet::new()));
        self.enabled.default_with(|| true.into());
        self.default_database.default_with(|| Value::Null);
        self.sid.default_with(|| Value::Null);
        self.password_last_set.default_with(|| Value::Null);
        self
    }

    /// This object, with when its password was set taken note of.
    fn noted(self, cx: &Context<FabricMirror>) -> Self {
        if let Some(at) = self.password_last_set.known() {
            cx.private().set(PASSWORD_SET, at.as_str());
        }
        self
    }

    /// This object with what the server holds.
    fn matching(mut self, login: &mssql_admin::Login) -> Self {
        if let Ok(name) = login.name.parse::<Identifier>() {
            self.name = name.into();
        }
        self.sid = login.sid.map(Text::from).into();
        self.enabled = login.enabled.into();
        self.default_database =
            login.default_database.as_ref().and_then(|name| name.parse::<Identifier>().ok()).map(Text::from).into();
        self.password_last_set = login.password_last_set.clone().into();
        self.server_roles = identifiers(&login.server_roles);
        self.principal = self.name.to_string().into();
        self
    }
}
