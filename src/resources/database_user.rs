//! `fabricmirror_database_user`: who Fabric is, in the database. The server side is `login`, what it may do `database_grants`.

use std::collections::BTreeSet;

use mssql_admin::{
    DatabasePrincipals, Identifier, LoginKind, NewUser, Principal, PrincipalKind, ServerName, Sid, Sought, UserChange,
    UserSource,
};
use tfplugin::{Change, Context, Diagnostic, Diagnostics, Draft, Model, Resource, Text, Value, path};

use super::entra::{self, Entra, Meant};
use super::{Login, Noted, identifiers, names, not_there_any_more, other_kind};
use crate::error::{Error, Result};
use crate::import_id;
use crate::ledger::{Key, Ledger};
use crate::provider::FabricMirror;

/// A user of a database: for a login, or for an Entra principal without one.
///
/// A user finds its login by security identifier, not by name. One whose login was dropped and came back with another
/// identifier is an orphan: it shows as a difference of `login_name`, and is repaired in place.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct DatabaseUser {
    /// Server that holds the database; left out, the provider's `sql.server`.
    #[attr(optional, computed)]
    server: Value<Text<ServerName>>,

    /// Database.
    #[attr(required, replace)]
    database: Text<Identifier>,

    /// Name, at most 128 UTF-16 units. A change renames the user, which keeps its roles and permissions.
    #[attr(required)]
    name: Text<Identifier>,

    /// Login that enters the database as this user: `fabricmirror_login.….principal`, so that the user follows it when
    /// it is replaced, or a name.
    #[attr(optional, exactly_one_of = "entra")]
    login_name: Value<Text<Identifier>>,

    /// Entra principal that enters the database as this user, without a login. The instance looks it up in the directory by
    /// its name or object id; with `client_id` the name is looked up, and anybody but that application refused.
    #[attr(optional)]
    entra: Value<Entra>,

    /// Schema of names without one. It need not exist. Left out: not managed.
    #[attr(optional, computed)]
    default_schema: Value<Text<Identifier>>,

    /// Database roles, exactly these, besides `public`. Left out: not managed.
    #[attr(optional, computed)]
    roles: Value<BTreeSet<Text<Identifier>>>,

    /// Who gets the schemas that the user owns when it is destroyed. Left out, owning one is an error then.
    #[attr(optional)]
    transfer_schemas_to: Value<Text<Identifier>>,

    /// Security identifier, that of the login; of an Entra principal its object id, of an application its client id.
    #[attr(computed)]
    sid: Value<String>,

    /// The name, and not known while the user is created or replaced: what refers to it, such as
    /// `fabricmirror_database_grants`, is then replaced with it.
    #[attr(computed)]
    principal: Value<String>,
}

/// Private state: the name under which the configuration meant whoever has it in the directory.
const LOOKED_UP: &str = "looked_up";
/// Private state: the user is of Entra, with a login or without; and that it is a group's.
const OF_ENTRA: &str = "of_entra";
const OF_GROUP: &str = "group";

/// DROP USER of somebody who has granted or denied permissions to others (sql-mi facts §2).
const GRANTED_TO_OTHERS: u32 = 15284;
/// CREATE USER of a name, or of an Entra principal, that is there.
const EXISTS: u32 = 15023;

impl Resource for DatabaseUser {
    const NAME: &'static str = "database_user";
    type Provider = FabricMirror;

    fn validate(config: &DatabaseUserDraft) -> Diagnostics {
        entra::validate(&config.entra, path!(DatabaseUser: entra))
    }

    fn in_state(provider: &FabricMirror, state: &Self) {
        state.note(provider.ledger());
    }

    async fn plan(cx: &Context<FabricMirror>, change: &mut Change<Self>) -> Result<()> {
        let plan = &mut change.planned;
        let prior = change.prior.as_ref();
        cx.provider.plan_server(prior.map(|it| &it.server), &change.config.server, &mut plan.server)?;
        if let Some(plan) = change.planned.whole()
            && !cx.provider.ledger().claim(plan.key(), change)
        {
            return Err(plan.second_owner());
        }
        let (plan, prior) = (&mut change.planned, change.prior.as_ref());
        let Some(prior) = prior else {
            if let Some(sid) = plan.entra.known().and_then(Entra::sid) {
                plan.sid = sid.to_string().into();
            }
            return match plan.whole() {
                Some(plan) => plan.refuse_existing(cx).await,
                None => Ok(()),
            };
        };
        let held = prior.held(cx, change.config.entra.is_null());
        let meant = entra::meant(&held, &change.config.entra, prior.known_sid());
        let other =
            |whose: &str| other_kind(&prior.name, &format!("{whose} user"), MANAGES).at(path!(DatabaseUser: entra));
        let is_another = match meant.map_err(other)? {
            Meant::Same => false,
            Meant::Another => true,
            // A name that others gave it is one to be taken back.
            Meant::ByName => plan.name.known().is_none_or(|name| {
                let is_made_by = |it: &str| mssql_admin::same_name(it, name.as_str());
                !is_made_by(prior.name.as_str()) && !cx.private().get(LOOKED_UP).is_some_and(is_made_by)
            }),
        };
        if is_another {
            if prior.entra == change.config.entra {
                cx.warn(made_again(prior).at(path!(DatabaseUser: entra)));
            }
            plan.principal = Value::Unknown;
            plan.sid = Value::Unknown;
            // The CLIs replace for what differs, and `entra` need not.
            change.replace(path!(DatabaseUser: sid));
            return Ok(());
        }
        if prior.name != *plan.name.known().unwrap_or(&prior.name) || plan.name.is_unknown() {
            plan.principal = plan.name.clone().map(|name| name.to_string());
        }
        if let Some(name) = plan.name.known().filter(|name| **name != prior.name) {
            prior.refuse_taken(cx, name).await?;
            cx.provider.ledger().release(&prior.key());
        }
        if plan.entra.is_null() && (prior.login_name != plan.login_name || plan.login_is_replaced(cx, prior)) {
            plan.sid = Value::Unknown;
            if plan.cannot_follow(cx, prior).await {
                plan.principal = Value::Unknown;
                change.replace(path!(DatabaseUser: sid));
                return Ok(());
            }
        }
        if let Some(plan) = plan.whole() {
            // What it will be mapped to, nobody knows before apply.
            plan.note(cx.provider.ledger());
        }
        Ok(())
    }

    async fn plan_delete(cx: &Context<FabricMirror>, state: &Self) -> Result<()> {
        let Ok(server) = cx.provider.sql(&state.server) else { return Ok(()) };
        let principals = server.principals_at_plan(cx, &state.database).await;
        if let Some(list) = principals.and_then(|seen| state.granted_to_others(cx, &seen)) {
            let summary = format!("User {} has granted permissions to others", state.name);
            let detail = format!("The server refuses to drop it, unless its grants end before. {list}");
            cx.warn(Diagnostic::warning(summary, detail).at(path!(DatabaseUser: name)));
        }
        Ok(())
    }

    async fn create(cx: &Context<FabricMirror>, mut plan: Self) -> Result<Self> {
        let server = cx.provider.sql(&plan.server)?;
        plan.server.default_with(|| server.canonical());
        let (key, ledger) = (plan.key(), cx.provider.ledger());
        if ledger.has(&key) {
            return Err(plan.second_owner());
        }
        // Whoever was there before.
        Noted::forget(cx);
        plan.note_name(cx);
        let new = NewUser {
            name: plan.name.value().clone(),
            source: plan.source()?,
            default_schema: plan.default_schema.known().map(|schema| schema.value().clone()),
            roles: names(plan.roles.known()),
        };
        let database = server.change().database(&plan.database);
        let looked = match database.create_user(&new).await {
            Ok(looked) => looked,
            Err(error) => return Err(plan.explained(&database, error).await),
        };
        ledger.note(key);
        plan.principal = plan.name.to_string().into();
        let made = Self { sid: Value::Null, ..plan.clone() };
        let seen = looked.map_err(Error::from).and_then(|principals| made.read_back(cx, &principals));
        Ok(match seen {
            Ok(seen) => {
                seen.note(ledger);
                seen
            }
            // Everything is done: no look that fails makes the next apply throw it away.
            Err(error) => {
                cx.warn(super::unseen("user", &plan.name, &error));
                if let Some(sid) = plan.expected_sid(&server.name(), ledger) {
                    Noted::expect(cx, sid);
                }
                plan.roles.default_with(|| Value::Known(BTreeSet::new()));
                plan.default_schema.default_with(|| Value::Null);
                plan.sid.default_with(|| Value::Null);
                plan
            }
        })
    }

    async fn read(cx: &Context<FabricMirror>, state: Self) -> Result<Option<Self>> {
        let server = cx.provider.sql(&state.server)?;
        let principals = server.principals_if_there(&state.database).await?;
        let found = match &principals {
            Some(principals) => state.find(cx, principals)?.map(|user| (principals, user)),
            None => None,
        };
        let Some((principals, user)) = found else {
            cx.provider.ledger().forget(&state.key());
            return Ok(None);
        };
        refuse_other_kinds(user)?;
        let former = state.key();
        let seen = state.matching(cx, principals, user)?;
        if seen.key() != former {
            cx.provider.ledger().release(&former);
        }
        seen.note(cx.provider.ledger());
        Ok(Some(seen))
    }

    async fn update(cx: &Context<FabricMirror>, prior: Self, plan: Self) -> Result<Self> {
        let server = cx.provider.sql(&plan.server)?;
        let database = server.change().database(&plan.database);
        let principals = match prior.sought(cx) {
            Some(sought) => database.principals_like(&sought).await?,
            None => database.principals().await?,
        };
        let Some(user) = prior.meant(cx, &principals)? else {
            return Err(not_there_any_more("user", prior.name.as_str()));
        };
        refuse_other_kinds(user)?;
        let (added_roles, removed_roles) = super::role_changes(&prior.roles, &plan.roles, &user.roles);
        let change = UserChange {
            name: Some(plan.name.value().clone())
                .filter(|name| prior.name != plan.name && !name.is_exactly(&user.name)),
            // Whose login enters as it already needs no statement, which would need CONTROL.
            login: match plan.sid.is_unknown() && plan.has_login(&principals, user) != Some(true) {
                true => Some(plan.login()?),
                false => None,
            },
            default_schema: plan
                .default_schema
                .known()
                .filter(|_| prior.default_schema != plan.default_schema)
                .map(|schema| schema.value().clone()),
            added_roles,
            removed_roles,
        };
        let id = user.id;
        plan.note_name(cx);
        let looked = if change.is_nothing() { Ok(principals) } else { database.change_user(user, &change).await? };
        if prior.name != plan.name {
            cx.provider.ledger().forget(&prior.key());
        }
        let seen = looked.map_err(Error::from).and_then(|principals| {
            // Name and SID may be others by now; its number is not.
            let user = principals.by_id(id).ok_or_else(|| not_there_any_more("user", prior.name.as_str()))?;
            plan.clone().matching(cx, &principals, user)
        });
        let done = match seen {
            Ok(seen) if plan.sid.is_unknown() => seen,
            Ok(_) => plan,
            Err(error) => {
                cx.warn(super::unseen("user", &plan.name, &error));
                let mut plan = plan;
                plan.sid.default_with(|| Value::Null);
                plan
            }
        };
        done.note(cx.provider.ledger());
        Ok(done)
    }

    async fn delete(cx: &Context<FabricMirror>, state: Self) -> Result<()> {
        let server = cx.provider.sql(&state.server)?;
        let heir = state.transfer_schemas_to.known().map(Text::value);
        let Some(principals) = server.look(&state.database, state.sought(cx).as_ref()).await? else {
            cx.provider.ledger().forget(&state.key());
            return Ok(());
        };
        let database = server.change().database(&state.database);
        let looked = match state.meant(cx, &principals)? {
            None => Ok(principals),
            Some(user) => match database.drop_user(&principals, user, heir, &state.name).await {
                Ok(looked) => looked,
                Err(error) => {
                    let has_granted = error.number() == Some(GRANTED_TO_OTHERS);
                    let error = Error::from(error);
                    if has_granted && let Ok(principals) = database.principals().await {
                        return Err(match state.granted_to_others(cx, &principals) {
                            Some(list) => error.hint(list),
                            None => error,
                        });
                    }
                    server.proven_gone(&state.database, error).await?;
                    cx.provider.ledger().forget(&state.key());
                    return Ok(());
                }
            },
        };
        cx.provider.ledger().forget(&state.key());
        if let Ok(principals) = looked {
            let other = state.find(cx, &principals).ok().flatten();
            if let Some(other) = other.or_else(|| principals.named(state.name.as_str())) {
                cx.warn(super::left_alone("user", &other.name).at(path!(DatabaseUser: name)));
            }
        }
        Ok(())
    }

    /// `[server/]database/name`
    async fn import(cx: &Context<FabricMirror>, id: &str) -> Result<Self> {
        let (server, [database, name]) = import_id::split_with_server(id, import_id::DATABASE_USER)?;
        let server_name = import_id::server(&cx.provider, server.as_deref())?;
        let (database, name) = (import_id::name(&database)?, import_id::name(&name)?);
        let server = cx.provider.sql(&server_name)?;
        let principals = server.principals(&database).await?;
        let Some(user) = principals.user(name.as_str())? else {
            return Err(match principals.named(name.as_str()) {
                Some(other) => other_kind(&other.name, other.kind.describe(), MANAGES),
                None => super::nothing_to_import("user", &name),
            });
        };
        refuse_other_kinds(user)?;
        let has_login = principals.login_of(user)?.is_some();
        let is_entra = !has_login && user.kind != PrincipalKind::SqlUser;
        let sid = user.sid.parse().ok();
        let entra = is_entra.then(|| Entra::of(&user.name, sid, user.kind == PrincipalKind::ExternalGroup));
        let found = Self {
            server: server_name,
            database: database.into(),
            name: name.into(),
            login_name: Value::Null,
            entra: entra.into(),
            default_schema: Value::Null,
            roles: Value::Null,
            transfer_schemas_to: Value::Null,
            sid: Value::Null,
            principal: Value::Null,
        };
        found.note_name(cx);
        found.matching(cx, &principals, user)
    }
}

impl DatabaseUserDraft {
    /// The login gets another SID in this very run: the user has to follow it.
    fn login_is_replaced(&self, cx: &Context<FabricMirror>, prior: &DatabaseUser) -> bool {
        let (Some(server), Some(login)) = (self.server.known(), self.login_name.known()) else { return false };
        let sid = sid_of_login(cx.provider.ledger(), &server.canonical(), login);
        match (sid, prior.sid.known()) {
            (Some(planned), Some(held)) => !planned.to_string().eq_ignore_ascii_case(held),
            _ => false,
        }
    }

    /// The login has another SID than the user, or gets one in this run, and the server maps no user of Entra to another login
    /// (33017).
    async fn cannot_follow(&self, cx: &Context<FabricMirror>, prior: &DatabaseUser) -> bool {
        let Ok(server) = cx.provider.sql(&prior.server) else { return false };
        let (Some(name), Some(held)) = (self.login_name.known().or(prior.login_name.known()), prior.known_sid()) else {
            return false;
        };
        let noted = sid_of_login(cx.provider.ledger(), &server.name(), name);
        let logins = server.logins_at_plan(cx).await;
        let login = logins.as_ref().and_then(|logins| logins.by_name(name.as_str()));
        if noted.or_else(|| login.and_then(|it| it.sid)).is_none_or(|wanted| wanted == held) {
            return false;
        }
        let Some(principals) = server.principals_at_plan(cx, &prior.database).await else { return false };
        let user = prior.find(cx, &principals).ok().flatten();
        let of_entra = [PrincipalKind::ExternalUser, PrincipalKind::ExternalGroup];
        // Nobody is turned into a SQL login's user.
        user.is_some_and(|it| of_entra.contains(&it.kind)) && login.is_none_or(|it| it.kind != LoginKind::Sql)
    }
}

impl DatabaseUser {
    fn key(&self) -> Key {
        let server = self.server.known().map(|server| server.canonical()).unwrap_or_default();
        Key::new(Self::NAME, &[&server, self.database.as_str(), self.name.as_str()])
    }

    /// Which Entra principal the user that is there stands for, against a block with `entra` or without: with a login that is
    /// of Entra too, it stands for it in both ways.
    fn held(&self, cx: &Context<FabricMirror>, by_login: bool) -> Value<Entra> {
        let private = cx.private();
        match (by_login, &self.entra, private.get(OF_ENTRA)) {
            (true, _, Some(_)) => Value::Null,
            (false, Value::Null, Some(kind)) => {
                Entra::of(self.name.as_str(), self.known_sid(), kind == OF_GROUP).into()
            }
            (_, entra, _) => entra.clone(),
        }
    }

    /// Whether the block is for a user of this kind.
    fn is_kind(&self, kind: PrincipalKind) -> bool {
        match self.entra.known() {
            Some(entra) if entra.is_group() => kind == PrincipalKind::ExternalGroup,
            Some(_) => kind == PrincipalKind::ExternalUser,
            None => is_managed(kind),
        }
    }

    /// The SID that a new user gets: its login's, where that is known, or what follows from the block.
    fn expected_sid(&self, server: &str, ledger: &Ledger) -> Option<Sid> {
        match (self.entra.known(), self.login_name.known()) {
            (Some(entra), _) => entra.sid(),
            (None, Some(login)) => sid_of_login(ledger, server, login),
            (None, None) => None,
        }
    }

    fn note_name(&self, cx: &Context<FabricMirror>) {
        if self.entra.is_known() {
            cx.private().set(LOOKED_UP, self.name.as_str());
        }
    }

    fn note(&self, ledger: &Ledger) {
        ledger.note_principal(self.key(), self.sid.known());
    }

    fn second_owner(&self) -> Error {
        super::second_owner("user", &self.name).at(path!(DatabaseUser: name))
    }

    /// Whom a look is for: the user, and whoever has its name. `None`: of one that was made and not seen nothing but its login
    /// is known, and everybody is looked at.
    fn sought(&self, cx: &Context<FabricMirror>) -> Option<Sought> {
        let noted = Noted::with_sid(cx, &self.sid);
        let is_known = noted.identity.is_some() || noted.sid.is_some();
        is_known.then(|| Sought::known([noted.known(&self.name)]))
    }

    fn known_sid(&self) -> Option<Sid> {
        self.sid.known().and_then(|sid| sid.parse().ok())
    }

    /// Who enters the database as the user.
    fn source(&self) -> Result<UserSource> {
        Ok(match self.entra.known() {
            Some(entra) => UserSource::Entra(entra.meant()),
            None => UserSource::Login(self.login()?),
        })
    }

    /// What is known of the user: what was noted, and the SID of the state. Of one that was made and not seen neither is, but
    /// a login has one user in a database.
    fn noted(&self, cx: &Context<FabricMirror>, principals: &DatabasePrincipals) -> Noted {
        let noted = Noted::with_sid(cx, &self.sid);
        if noted.identity.is_some() || noted.sid.is_some() {
            return noted;
        }
        let of_login = principals.users().find(|user| self.has_login(principals, user) == Some(true));
        Noted { identity: of_login.map(Principal::identity), ..noted }
    }

    /// Whether the login of a user is that of the state. `None`: it has none that could be seen.
    fn has_login(&self, principals: &DatabasePrincipals, user: &Principal) -> Option<bool> {
        let (login, wanted) = (principals.login_of(user).ok()??, self.login_name.known()?);
        Some(mssql_admin::same_name(&login.name, wanted.as_str()))
    }

    /// The login that is wanted.
    fn login(&self) -> Result<Identifier> {
        let missing = || Diagnostic::error("`login_name` is null", "Give it the name of a login.");
        Ok(self.login_name.known().ok_or_else(|| missing().at(path!(DatabaseUser: login_name)))?.value().clone())
    }

    /// What others have from the user, and the statements that take it from them, in their order.
    fn granted_to_others(&self, cx: &Context<FabricMirror>, principals: &DatabasePrincipals) -> Option<String> {
        let user = self.find(cx, principals).ok().flatten()?;
        super::granted_to_others(&self.database, principals, user)
    }

    /// The user, whatever it is called now: a name that means somebody else is a difference of the name.
    fn find<'a>(
        &self,
        cx: &Context<FabricMirror>,
        principals: &'a DatabasePrincipals,
    ) -> Result<Option<&'a Principal>> {
        let noted = self.noted(cx, principals);
        let found = principals.user(noted.known(&self.name))?;
        Ok(found.filter(|user| !self.is_other(&noted, principals, user)))
    }

    /// The user whom a change means: the one that was noted, still mapped as it was. Everybody else is somebody else's.
    fn meant<'a>(
        &self,
        cx: &Context<FabricMirror>,
        principals: &'a DatabasePrincipals,
    ) -> Result<Option<&'a Principal>> {
        let is_mapped = |user: &&Principal| self.sid.known().is_none_or(|sid| sid.eq_ignore_ascii_case(&user.sid));
        let noted = self.noted(cx, principals);
        let meant = principals.meant(noted.known(&self.name))?.filter(is_mapped);
        Ok(meant.filter(|user| !self.is_other(&noted, principals, user)))
    }

    /// With nothing but the name to go by, whoever has another login or is of another kind is somebody else.
    fn is_other(&self, noted: &Noted, principals: &DatabasePrincipals, user: &Principal) -> bool {
        let is_unseen = noted.identity.is_none() && noted.sid.is_none();
        is_unseen && (self.has_login(principals, user) == Some(false) || !self.is_kind(user.kind))
    }

    /// Says at plan time, when it can be seen, that the name is taken.
    async fn refuse_existing(&self, cx: &Context<FabricMirror>) -> Result<()> {
        let Ok(server) = cx.provider.sql(&self.server) else { return Ok(()) };
        if cx.provider.ledger().has(&self.key()) {
            return Ok(());
        }
        let Some(principals) = server.principals_at_plan(cx, &self.database).await else { return Ok(()) };
        let Some(existing) = principals.named(self.name.as_str()) else { return self.refuse_second(cx, &principals) };
        if !self.is_kind(existing.kind) {
            let error = other_kind(&existing.name, existing.kind.describe(), MANAGES).at(path!(DatabaseUser: name));
            return Err(if self.entra.is_known() { error.hint(entra::ANOTHER_NAME) } else { error });
        }
        let login = principals.login_of(existing).ok().flatten();
        Err(self.import_hint(mssql_admin::Error::AlreadyExists {
            what: "user",
            name: existing.name.clone(),
            details: login.map(|login| format!("for login {}", login.name)),
        }))
    }

    /// Says at plan time, when it can be seen, that the principal has a user of another name.
    fn refuse_second(&self, cx: &Context<FabricMirror>, principals: &DatabasePrincipals) -> Result<()> {
        let Some(user) = self.user_of_principal(principals) else { return Ok(()) };
        let name = super::identifier(&user.name)?.into();
        // One of the state may be deleted in this run.
        let is_ours = cx.provider.ledger().has(&Self { name, ..self.clone() }.key());
        if is_ours { Ok(()) } else { Err(self.has_user(user)?.at(path!(DatabaseUser: entra))) }
    }

    /// The user that the Entra principal has already.
    fn user_of_principal<'a>(&self, principals: &'a DatabasePrincipals) -> Option<&'a Principal> {
        let sid = self.entra.known().and_then(Entra::sid)?.to_string();
        principals.users().find(|user| user.sid.eq_ignore_ascii_case(&sid))
    }

    fn has_user(&self, user: &Principal) -> Result<Error> {
        let error = Error::from(mssql_admin::Error::AlreadyExists {
            what: "user",
            name: user.name.clone(),
            details: Some("of the same Entra principal".to_owned()),
        });
        let name = super::identifier(&user.name)?;
        let id = import_id::of_server(&self.server, &[self.database.as_str(), name.as_str()]);
        Ok(error.hint(super::import_text(Self::NAME, &id)))
    }

    /// Why the user was not made. 15023 also says that the Entra principal has a user already, whatever it is called.
    async fn explained(&self, database: &mssql_admin::Database, error: mssql_admin::Error) -> Error {
        let Some(entra) = self.entra.known().filter(|_| error.number() == Some(EXISTS)) else {
            return self.import_hint(error);
        };
        let Ok(principals) = database.principals().await else { return self.import_hint(error) };
        if principals.named(self.name.as_str()).is_some() {
            return self.import_hint(error);
        }
        match self.user_of_principal(&principals).map(|user| self.has_user(user)) {
            Some(Ok(error)) => error,
            _ => Error::from(error).hint(entra.has_another("user")),
        }
    }

    /// Says at plan time that the name the user is to get, or get back, is somebody else's: before its grants are replaced
    /// for that.
    async fn refuse_taken(&self, cx: &Context<FabricMirror>, name: &Text<Identifier>) -> Result<()> {
        let Ok(server) = cx.provider.sql(&self.server) else { return Ok(()) };
        let Some(principals) = server.principals_at_plan(cx, &self.database).await else { return Ok(()) };
        match (principals.named(name.as_str()), self.find(cx, &principals)?) {
            (Some(other), Some(user)) if other.id != user.id => {
                let other_name = super::identifier(&other.name)?;
                let fix = mssql_admin::advice::rename_principal(&self.database, other.kind, &other_name);
                Err(super::taken("user", &self.name, &other.name, &fix).at(path!(DatabaseUser: name)))
            }
            _ => Ok(()),
        }
    }

    fn import_hint(&self, error: mssql_admin::Error) -> Error {
        let exists = matches!(error, mssql_admin::Error::AlreadyExists { .. }) || error.number() == Some(EXISTS);
        let error = Error::from(error);
        if !exists {
            return error;
        }
        let id = import_id::of_server(&self.server, &[self.database.as_str(), self.name.as_str()]);
        error.hint(super::import_text(Self::NAME, &id))
    }

    /// Somebody else may have its name by now.
    fn read_back(self, cx: &Context<FabricMirror>, principals: &DatabasePrincipals) -> Result<Self> {
        match self.meant(cx, principals)? {
            Some(user) => self.matching(cx, principals, user),
            None => Err(not_there_any_more("user", self.name.as_str())),
        }
    }

    /// This object with what the server holds.
    fn matching(
        mut self,
        cx: &Context<FabricMirror>,
        principals: &DatabasePrincipals,
        user: &Principal,
    ) -> Result<Self> {
        Noted::write(cx, user);
        match user.kind {
            PrincipalKind::ExternalGroup => cx.private().set(OF_ENTRA, OF_GROUP),
            PrincipalKind::ExternalUser => cx.private().set(OF_ENTRA, "user"),
            _ => cx.private().remove(OF_ENTRA),
        }
        let name = |name: &str| name.parse::<Identifier>().ok().map(Text::from);
        if let Some(name) = name(&user.name) {
            self.name = name;
        }
        if self.entra.is_null() {
            self.login_name = principals.login_of(user)?.and_then(|login| name(&login.name)).into();
        }
        self.default_schema = user.default_schema.as_deref().and_then(name).into();
        self.roles = identifiers(&user.roles);
        self.sid = user.sid.as_str().into();
        self.principal = self.name.to_string().into();
        Ok(self)
    }
}

/// What a login of the state has, or will have.
fn sid_of_login(ledger: &Ledger, server: &str, login: &Identifier) -> Option<Sid> {
    ledger.sid(&Key::new(Login::NAME, &[server, login.as_str()]))
}

/// Of a user that stands for another principal than the one that was created here.
fn made_again(prior: &DatabaseUser) -> Diagnostic {
    Diagnostic::warning(
        format!("User {} was dropped and made again by somebody", prior.name),
        "It stands for another principal by now. Apply drops it and makes it anew, for the principal of the configuration. To keep \
         the one that is there, take the block's object out of the state with a `removed` block and import the user.",
    )
}

const MANAGES: &str = "users with a login, and with `entra` those of Entra principals";

fn is_managed(kind: PrincipalKind) -> bool {
    matches!(kind, PrincipalKind::SqlUser | PrincipalKind::ExternalUser | PrincipalKind::ExternalGroup)
}

fn refuse_other_kinds(user: &Principal) -> Result<()> {
    if is_managed(user.kind) {
        return Ok(());
    }
    Err(other_kind(&user.name, user.kind.describe(), MANAGES).at(path!(DatabaseUser: name)))
}
