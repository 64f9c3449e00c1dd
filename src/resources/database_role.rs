//! `fabricmirror_database_role`: a role of a database. What it may do is `database_grants`, who is in it `database_user`.

use mssql_admin::{DatabasePrincipals, Identifier, NewRole, Principal, PrincipalKind, ServerName, advice};
use tfplugin::{Change, Context, Diagnostic, Draft, Model, Resource, Text, Value, path};

use super::{Noted, changed_since, not_there_any_more, other_kind};
use crate::clients::Server;
use crate::error::{Error, Result};
use crate::import_id;
use crate::ledger::{Key, Ledger};
use crate::provider::FabricMirror;

/// A role of a database.
///
/// A role is known by its security identifier, not by its name. One that was dropped and made again under its name is
/// another one: the plan makes the role anew, and is refused until the other one is imported or called otherwise.
///
/// Who is in it, `roles` of each `fabricmirror_database_user` says; what it may do, `fabricmirror_database_grants`. Fixed roles, such
/// as `db_owner`, are the server's own, and are refused.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct DatabaseRole {
    /// Server that holds the database; left out, the provider's `sql.server`.
    #[attr(optional, computed)]
    server: Value<Text<ServerName>>,

    /// Database.
    #[attr(required, replace)]
    database: Text<Identifier>,

    /// Name, at most 128 UTF-16 units. A change renames the role, which keeps its members and permissions.
    #[attr(required)]
    name: Text<Identifier>,

    /// User or role that owns the role: `fabricmirror_database_user.….principal`, or a name. Left out: not managed; whoever
    /// creates the role owns it.
    #[attr(optional, computed)]
    owner: Value<Text<Identifier>>,

    /// Take its members out of the role when it is destroyed. Without it, a role that has members then is an error, before
    /// the first statement. Members that no plan has named are never taken out.
    #[attr(optional, computed, default = false)]
    remove_members: Value<bool>,

    /// Security identifier.
    #[attr(computed)]
    sid: Value<String>,

    /// The name, and not known while the role is created or replaced: what refers to it, such as
    /// `fabricmirror_database_grants`, is then replaced with it.
    #[attr(computed)]
    principal: Value<String>,
}

const MANAGES: &str = "roles that users of the database have made";

/// Private state, from the plan of a deletion to the deletion: the members that it has named, by their identities.
const MEMBERS: &str = "members";

/// CREATE ROLE, ALTER ROLE: somebody has the name (sql-mi facts §1.4).
const EXISTS: u32 = 15023;
/// DROP ROLE of one that owns schemas, that owns roles, that has granted or denied permissions to others.
const OWNS_SCHEMAS: u32 = 15138;
const OWNS_ROLES: u32 = 15421;
const GRANTED_TO_OTHERS: u32 = 15284;

impl Resource for DatabaseRole {
    const NAME: &'static str = "database_role";
    type Provider = FabricMirror;

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
            return match plan.whole() {
                Some(plan) => plan.refuse_existing(cx).await,
                None => Ok(()),
            };
        };
        if prior.name != *plan.name.known().unwrap_or(&prior.name) || plan.name.is_unknown() {
            plan.principal = plan.name.clone().map(|name| name.to_string());
        }
        if let Some(name) = plan.name.known().filter(|name| **name != prior.name) {
            prior.refuse_taken(cx, name).await?;
            cx.provider.ledger().release(&prior.key());
        }
        if let Some(plan) = plan.whole().filter(|plan| plan.database == prior.database) {
            plan.note(cx.provider.ledger());
        }
        Ok(())
    }

    async fn plan_delete(cx: &Context<FabricMirror>, state: &Self) -> Result<()> {
        let Ok(server) = cx.provider.sql(&state.server) else { return Ok(()) };
        let principals = server.principals_at_plan(cx, &state.database).await;
        if let Some(principals) = principals
            && let Ok(Some(role)) = state.meant(cx, &principals)
        {
            state.warn_of_its_end(cx, &principals, role);
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
        cx.private().remove(MEMBERS);
        let database = server.change().database(&plan.database);
        // After a lost answer, the role that is there is ours only if there was none.
        plan.refuse_named(&database.principals().await?)?;
        let new =
            NewRole { name: plan.name.value().clone(), owner: plan.owner.known().map(|owner| owner.value().clone()) };
        let sid = match database.create_role(&new).await {
            Ok(sid) => sid,
            Err(error) => {
                let came = error.number() == Some(EXISTS);
                if let Some(principals) = database.principals().await.ok().filter(|_| came) {
                    plan.refuse_named(&principals)?;
                }
                return Err(plan.import_hint(error));
            }
        };
        let made = Self { sid: sid.into(), principal: plan.name.to_string().into(), ..plan };
        made.note(ledger);
        Ok(match made.clone().read_back(cx, &server).await {
            Ok(seen) => seen,
            // Everything is done: no look that fails makes the next apply throw it away.
            Err(error) => {
                cx.warn(super::unseen("role", &made.name, &error));
                let mut made = made;
                made.owner.default_with(|| Value::Null);
                made
            }
        })
    }

    async fn read(cx: &Context<FabricMirror>, state: Self) -> Result<Option<Self>> {
        let server = cx.provider.sql(&state.server)?;
        let principals = server.principals_if_there(&state.database).await?;
        let found = match &principals {
            Some(principals) => state.meant(cx, principals)?.map(|role| (principals, role)),
            None => None,
        };
        let Some((principals, role)) = found else {
            cx.provider.ledger().forget(&state.key());
            return Ok(None);
        };
        refuse_other_kinds(role)?;
        let former = state.key();
        let seen = state.matching(cx, principals, role);
        if seen.key() != former {
            cx.provider.ledger().release(&former);
        }
        seen.note(cx.provider.ledger());
        Ok(Some(seen))
    }

    async fn update(cx: &Context<FabricMirror>, prior: Self, plan: Self) -> Result<Self> {
        let server = cx.provider.sql(&plan.server)?;
        let database = server.change().database(&plan.database);
        let principals = database.principals().await?;
        let Some(role) = prior.meant(cx, &principals)? else {
            return Err(not_there_any_more("role", prior.name.as_str()));
        };
        refuse_other_kinds(role)?;
        let mut role = role.clone();
        let mut done = prior.clone();
        if prior.name != plan.name {
            if !plan.name.is_exactly(&role.name) {
                database.rename_role(&role, &plan.name).await?;
                role.name = plan.name.as_str().to_owned();
            }
            (done.name, done.principal) = (plan.name.clone(), plan.principal.clone());
            cx.provider.ledger().forget(&prior.key());
            done.note(cx.provider.ledger());
            cx.keep(&done);
        }
        if let Some(owner) = plan.owner.known().filter(|_| prior.owner != plan.owner) {
            // An owner that was renamed in this run is the same.
            if !principals.owner_of(&role).is_some_and(|it| owner.is(&it.name)) {
                database.give_role(&role, owner).await?;
            }
        }
        Ok(plan)
    }

    async fn delete(cx: &Context<FabricMirror>, state: Self) -> Result<()> {
        let server = cx.provider.sql(&state.server)?;
        let database = server.change().database(&state.database);
        let Some(principals) = server.principals_if_there(&state.database).await? else {
            cx.provider.ledger().forget(&state.key());
            return Ok(());
        };
        if let Some(role) = state.meant(cx, &principals)? {
            let leaving = state.leaving(cx, &principals, role)?;
            if let Err(error) = database.drop_role(role, &leaving).await {
                let blocked = state.blocked(&server, error.number()).await;
                let error = Error::from(error);
                if let Some(list) = blocked {
                    return Err(error.hint(list));
                }
                server.proven_gone(&state.database, error).await?;
            }
        }
        cx.provider.ledger().forget(&state.key());
        if let Ok(principals) = server.instance().database(&state.database).principals().await
            && let Some(other) = principals.named(state.name.as_str())
        {
            cx.warn(super::left_alone("role", &other.name).at(path!(DatabaseRole: name)));
        }
        Ok(())
    }

    /// `[server/]database/name`
    async fn import(cx: &Context<FabricMirror>, id: &str) -> Result<Self> {
        let (server, [database, name]) = import_id::split_with_server(id, import_id::DATABASE_ROLE)?;
        let server_name = import_id::server(&cx.provider, server.as_deref())?;
        let (database, name) = (import_id::name(&database)?, import_id::name(&name)?);
        let server = cx.provider.sql(&server_name)?;
        let principals = server.principals(&database).await?;
        let Some(role) = principals.meant_role(name.as_str().into())? else {
            return Err(match principals.named(name.as_str()) {
                Some(other) => other_kind(&other.name, described(other), MANAGES),
                None => super::nothing_to_import("role", &name),
            });
        };
        refuse_other_kinds(role)?;
        let found = Self {
            server: server_name,
            database: database.into(),
            name: name.into(),
            owner: Value::Null,
            remove_members: Value::Null,
            sid: Value::Null,
            principal: Value::Null,
        };
        Ok(found.matching(cx, &principals, role))
    }
}

impl DatabaseRole {
    fn key(&self) -> Key {
        let server = self.server.known().map(|server| server.canonical()).unwrap_or_default();
        Key::new(Self::NAME, &[&server, self.database.as_str(), self.name.as_str()])
    }

    fn note(&self, ledger: &Ledger) {
        ledger.note_principal(self.key(), self.sid.known());
    }

    fn second_owner(&self) -> Error {
        super::second_owner("role", &self.name).at(path!(DatabaseRole: name))
    }

    /// The role, whatever it is called now: by what was noted of it, else by the SID of the state. Whoever has its name
    /// besides is somebody else.
    fn meant<'a>(
        &self,
        cx: &Context<FabricMirror>,
        principals: &'a DatabasePrincipals,
    ) -> mssql_admin::Result<Option<&'a Principal>> {
        let noted = Noted::with_sid(cx, &self.sid);
        principals.meant_role(noted.known(&self.name))
    }

    /// Says at plan time, when it can be seen, that the name is taken.
    async fn refuse_existing(&self, cx: &Context<FabricMirror>) -> Result<()> {
        let Ok(server) = cx.provider.sql(&self.server) else { return Ok(()) };
        if cx.provider.ledger().has(&self.key()) {
            return Ok(());
        }
        match server.principals_at_plan(cx, &self.database).await {
            Some(principals) => self.refuse_named(&principals).map_err(|error| self.of_another(cx, error)),
            None => Ok(()),
        }
    }

    /// The refresh has just seen that the role of the state is gone, which the state does not know yet: an import is refused
    /// until it does.
    fn of_another(&self, cx: &Context<FabricMirror>, error: Error) -> Error {
        if !cx.provider.ledger().has_lost(&self.key()) {
            return error;
        }
        error.hint(
            "The role of the state was dropped, and this is another one. Before the import, let the state know: apply with \
             -refresh-only.",
        )
    }

    /// Nobody has the name of a new role.
    fn refuse_named(&self, principals: &DatabasePrincipals) -> Result<()> {
        let Some(existing) = principals.named(self.name.as_str()) else { return Ok(()) };
        refuse_other_kinds(existing)?;
        let members = principals.members_of(existing).len();
        Err(self.import_hint(mssql_admin::Error::AlreadyExists {
            what: "role",
            name: existing.name.clone(),
            details: Some(if members == 1 { "with one member".to_owned() } else { format!("with {members} members") }),
        }))
    }

    /// Says at plan time that the name the role is to get, or get back, is somebody else's: before its grants are replaced for
    /// that.
    async fn refuse_taken(&self, cx: &Context<FabricMirror>, name: &Text<Identifier>) -> Result<()> {
        let Ok(server) = cx.provider.sql(&self.server) else { return Ok(()) };
        let Some(principals) = server.principals_at_plan(cx, &self.database).await else { return Ok(()) };
        match (principals.named(name.as_str()), self.meant(cx, &principals)?) {
            (Some(other), Some(role)) if other.id != role.id => {
                if other.is_built_in_role() {
                    refuse_other_kinds(other)?;
                }
                let other_name = super::identifier(&other.name)?;
                let fix = advice::rename_principal(&self.database, other.kind, &other_name);
                Err(super::taken("role", &self.name, &other.name, &fix).at(path!(DatabaseRole: name)))
            }
            _ => Ok(()),
        }
    }

    fn import_hint(&self, error: mssql_admin::Error) -> Error {
        let exists = matches!(error, mssql_admin::Error::AlreadyExists { .. });
        let error = Error::from(error);
        if !exists {
            return error;
        }
        let id = import_id::of_server(&self.server, &[self.database.as_str(), self.name.as_str()]);
        error.hint(super::import_text(Self::NAME, &id))
    }

    /// What a plan that ends the role has to say besides.
    fn warn_of_its_end(&self, cx: &Context<FabricMirror>, principals: &DatabasePrincipals, role: &Principal) {
        let members = principals.members_of(role);
        let identities: Vec<String> = members.iter().map(|it| it.identity()).collect();
        cx.private().set(MEMBERS, identities.join(" "));
        if !members.is_empty() {
            let list = listed(&members);
            let (summary, detail) = if self.removes_members() {
                let summary = format!("The members of role {} lose it", role.name);
                (summary, format!("They are taken out of it, and it is dropped:\n{list}"))
            } else {
                let summary = format!("Role {} has members", role.name);
                let detail = format!(
                    "Those that this run takes out of it, or destroys, are gone by then. With any other, apply will refuse to \
                     drop the role, unless `remove_members = true` was applied before. Members now:\n{list}"
                );
                (summary, detail)
            };
            cx.warn(Diagnostic::warning(summary, detail).at(path!(DatabaseRole: remove_members)));
        }
        if let Some(list) = super::granted_to_others(&self.database, principals, role) {
            let summary = format!("Role {} has granted permissions to others", role.name);
            let detail = format!("The server refuses to drop it, unless its grants end before. {list}");
            cx.warn(Diagnostic::warning(summary, detail).at(path!(DatabaseRole: name)));
        }
    }

    fn removes_members(&self) -> bool {
        self.remove_members == true.into()
    }

    /// The members that go out of the role before it is dropped: all of them, and all of them were named by a plan.
    fn leaving<'a>(
        &self,
        cx: &Context<FabricMirror>,
        principals: &'a DatabasePrincipals,
        role: &Principal,
    ) -> Result<Vec<&'a Principal>> {
        // Whatever comes of this deletion, it was said for this one.
        let said = cx.private().take(MEMBERS);
        let members = principals.members_of(role);
        if members.is_empty() {
            return Ok(members);
        }
        let (true, Some(said)) = (self.removes_members(), said) else {
            return Err(self.has_members(role, &members).at(path!(DatabaseRole: remove_members)));
        };
        let is_said = |it: &Principal| said.split(' ').any(|identity| identity == it.identity());
        let unsaid: Vec<_> = members.iter().copied().filter(|it| !is_said(it)).collect();
        if unsaid.is_empty() {
            return Ok(members);
        }
        let what = format!("Who is in role {}", role.name);
        let advice = format!("No plan has said that these lose it:\n{}\n\nThey keep it.", listed(&unsaid));
        Err(changed_since(what, advice).at(path!(DatabaseRole: remove_members)))
    }

    fn has_members(&self, role: &Principal, members: &[&Principal]) -> Error {
        let take_out = |member: &&Principal| {
            let (role, member) = (super::identifier(&role.name).ok()?, super::identifier(&member.name).ok()?);
            Some(advice::remove_member(&role, &member))
        };
        let statements: Vec<String> = members.iter().filter_map(take_out).collect();
        let why = if self.removes_members() {
            "Of a replacement that the user forces (`-replace=ADDRESS`, a tainted object) no plan can name them. Take the block \
             out of the configuration instead, apply, and put it back."
        } else {
            "To have them taken out of it, set `remove_members = true` and apply that before the role is destroyed."
        };
        Diagnostic::error(
            format!("Role {} has members", role.name),
            format!(
                "It is not dropped with them, and nothing was changed:\n{}\n\n{why} Or let a DBA take them out, in database \
                 {}:\n\n{}",
                listed(members),
                self.database,
                statements.join("\n")
            ),
        )
        .into()
    }

    /// What keeps the server from dropping the role, and the statements that end it.
    async fn blocked(&self, server: &Server, number: Option<u32>) -> Option<String> {
        let number = number.filter(|it| [OWNS_SCHEMAS, OWNS_ROLES, GRANTED_TO_OTHERS].contains(it))?;
        let database = server.instance().database(&self.database);
        let principals = database.principals().await.ok()?;
        let sid = self.sid.known()?;
        let role = principals.by_sid(sid)?;
        if number == GRANTED_TO_OTHERS {
            return super::granted_to_others(&self.database, &principals, role);
        }
        let schemas: Vec<Identifier> = principals.schemas_of(role).filter_map(|name| name.parse().ok()).collect();
        let roles = principals.roles_owned_by(role).filter_map(|it| super::identifier(&it.name).ok());
        let mut statements: Vec<String> = schemas.iter().map(advice::give_schema).collect();
        statements.extend(roles.map(|it| advice::give_role(&it)));
        if statements.is_empty() {
            return None;
        }
        Some(format!(
            "It owns these, which a DBA gives away in database {}:\n\n{}",
            self.database,
            statements.join("\n")
        ))
    }

    async fn read_back(self, cx: &Context<FabricMirror>, server: &Server) -> Result<Self> {
        let principals = server.instance().database(&self.database).principals().await?;
        match self.meant(cx, &principals)? {
            Some(role) => Ok(self.matching(cx, &principals, role)),
            None => Err(not_there_any_more("role", self.name.as_str())),
        }
    }

    /// This object with what the server holds.
    fn matching(mut self, cx: &Context<FabricMirror>, principals: &DatabasePrincipals, role: &Principal) -> Self {
        Noted::write(cx, role);
        let name = |name: &str| name.parse::<Identifier>().ok().map(Text::from);
        if let Some(name) = name(&role.name) {
            self.name = name;
        }
        self.owner = principals.owner_of(role).and_then(|owner| name(&owner.name)).into();
        self.sid = role.sid.as_str().into();
        self.principal = self.name.to_string().into();
        self
    }
}

/// Principals, one line each.
fn listed(principals: &[&Principal]) -> String {
    let lines: Vec<String> = principals.iter().map(|it| format!("- {}, {}", it.name, it.kind.describe())).collect();
    lines.join("\n")
}

fn described(principal: &Principal) -> &'static str {
    if principal.is_built_in_role() { "a role of the server's own" } else { principal.kind.describe() }
}

fn refuse_other_kinds(principal: &Principal) -> Result<()> {
    if principal.kind == PrincipalKind::Role && !principal.is_built_in_role() {
        return Ok(());
    }
    Err(other_kind(&principal.name, described(principal), MANAGES).at(path!(DatabaseRole: name)))
}
