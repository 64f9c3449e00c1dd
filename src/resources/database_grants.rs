//! `fabricmirror_database_grants`: what a principal may do in a database, exactly.

mod changes;
mod held;
mod losses;
mod said;

use std::collections::BTreeSet;
use std::sync::Arc;

use mssql_admin::{
    DatabasePrincipals, Identifier, Permission, PermissionChange, PermissionName, PermissionState, Principal,
    PrincipalKind, ServerName, Sought,
};
use tfplugin::{AttributePath, Change, Context, Diagnostic, Diagnostics, Draft, Model, Resource, Text, Value, path};

use self::held::Held;
use self::losses::{
    note_what_is_not_looked_at, note_what_others_hold, refuse_unsaid_denies, refuse_unsaid_losses,
    warn_of_what_goes_along, warn_of_what_is_denied,
};
use super::{DatabaseRole, DatabaseUser, Noted, changed_since, not_there_any_more, other_kind};
use crate::error::{Error, Result};
use crate::import_id;
use crate::ledger::Key;
use crate::provider::FabricMirror;

/// The permissions of a principal on a database itself, exactly these: `plan` shows every other one, granted or denied,
/// as a difference.
///
/// What somebody else granted or denied is never undone unsaid. A new object is refused while the principal holds
/// anything that would have to be revoked: import it, and the plan shows what goes. An update revokes only what the plan
/// has shown. A DENY is never lifted without a word of the configuration, not even by a GRANT: see `lift_denies`.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct DatabaseGrants {
    /// Server that holds the database; left out, the provider's `sql.server`.
    #[attr(optional, computed)]
    server: Value<Text<ServerName>>,

    /// Database.
    #[attr(required, replace)]
    database: Text<Identifier>,

    /// User or database role that holds the permissions: `fabricmirror_database_user.….principal`, so that they follow
    /// it when it is replaced, and stay when it is renamed.
    #[attr(required)]
    principal: Text<Identifier>,

    /// Permissions granted; upper and lower case are the same. `CONNECT`, which every user gets, need not be listed.
    #[attr(required)]
    permissions: BTreeSet<Text<PermissionName>>,

    /// Permissions that the principal may also grant to others.
    #[attr(optional, computed, default = BTreeSet::new())]
    permissions_with_grant_option: Value<BTreeSet<Text<PermissionName>>>,

    /// Permissions denied.
    #[attr(optional, computed, default = BTreeSet::new())]
    denied: Value<BTreeSet<Text<PermissionName>>>,

    /// `false`: only the permissions that are listed, or were, are looked at; others are neither shown nor revoked. The
    /// update that switches it revokes nothing: to `false`, a warning names what is not managed any more; back to `true`, the
    /// plan after it shows what others hold.
    #[attr(optional, computed, default = true)]
    exclusive: Value<bool>,

    /// Lift a DENY that is not in `denied`. Without it, apply refuses to, before its first statement.
    #[attr(optional, computed, default = false)]
    lift_denies: Value<bool>,

    /// Whether the principal may enter the database at all: the permission CONNECT, which apply gives back when it was
    /// revoked. A DENY of it is lifted only with `lift_denies`. A database role needs none. What the object gave, it
    /// takes away when it is destroyed.
    #[attr(computed)]
    connect: Value<bool>,
}

type Names = BTreeSet<Text<PermissionName>>;

const CONNECT: &str = "CONNECT";

/// Private state: what the last look showed (see [`Held`]).
const HELD: &str = "held";
/// Private state: the denies that the configuration asked for.
const OUR_DENIES: &str = "denied";
/// Private state: the user had no CONNECT before this object granted or denied it, and has none after it.
const WAS_KEPT_OUT: &str = "gave_connect";

impl Resource for DatabaseGrants {
    const NAME: &'static str = "database_grants";
    type Provider = FabricMirror;

    fn validate(config: &DatabaseGrantsDraft) -> Diagnostics {
        let mut found = Diagnostics::default();
        let sets = [
            (&config.permissions, "permissions"),
            (&config.permissions_with_grant_option, "permissions_with_grant_option"),
            (&config.denied, "denied"),
        ];
        for (position, (set, name)) in sets.iter().enumerate() {
            for (earlier, earlier_name) in &sets[..position] {
                let both =
                    set.known().into_iter().flatten().filter(|it| earlier.known().is_some_and(|set| set.contains(*it)));
                for permission in both {
                    found.push(
                        Diagnostic::error(
                            format!("{permission} is in two sets"),
                            format!("A permission is in one of `{earlier_name}` and `{name}`."),
                        )
                        .at(path!(DatabaseGrants: permissions)),
                    );
                }
            }
        }
        found
    }

    fn in_state(provider: &FabricMirror, state: &Self) {
        provider.ledger().note(state.key());
    }

    async fn plan(cx: &Context<FabricMirror>, change: &mut Change<Self>) -> Result<()> {
        let draft = &mut change.planned;
        let prior = change.prior.as_ref();
        cx.provider.plan_server(prior.map(|it| &it.server), &change.config.server, &mut draft.server)?;
        draft.connect = Value::Unknown;
        let Some(plan) = draft.whole() else {
            if let Some(principals) = look(cx, &draft.server, draft.database.known()).await {
                let sets = [Some(&draft.permissions), Some(&draft.permissions_with_grant_option), Some(&draft.denied)];
                check_names(&principals, sets.map(|set| set.and_then(Value::known)))?;
            }
            // The principal is created or replaced in this run, and its permissions with it.
            if prior.is_some() && draft.principal.is_unknown() {
                change.replace(path!(DatabaseGrants: principal));
            }
            return Ok(());
        };
        if !cx.provider.ledger().claim(plan.key(), change) {
            return Err(plan.second_owner());
        }
        let (draft, prior) = (&mut change.planned, change.prior.as_ref());
        let principals = plan.look(cx, prior).await;
        let grantee = principals.as_ref().and_then(|seen| match prior {
            Some(_) => plan.grantee_of(cx, seen),
            // Of a new object nothing is known but the name.
            None => seen.grantee(plan.principal.as_str()).ok().flatten(),
        });
        if let Some(prior) = prior {
            // A role has none; not looked at, it is what it was.
            let is_role = grantee.map_or(prior.connect.is_null(), is_role);
            draft.connect = if is_role { Value::Null } else { Value::Known(!plan.denies(CONNECT)) };
        }
        if let Some(principals) = &principals {
            check_names(principals, plan.sets().map(Some))?;
            plan.refuse_other_kinds(principals)?;
        }
        let Some(prior) = prior else {
            if let Some(grantee) = grantee {
                plan.refuse_stranger(cx, grantee)?;
            }
            if let (Some(principals), Some(grantee), false) =
                (&principals, grantee, cx.provider.ledger().has(&plan.key()))
            {
                plan.refuse_unseen(principals, grantee)?;
            }
            return Ok(());
        };
        if !plan.is_same_principal(cx, prior, principals.as_deref()) {
            change.replace(path!(DatabaseGrants: principal));
            return Ok(());
        }
        if plan.lists_connect_anew(cx, prior) {
            change.planned.permissions = prior.permissions.clone().into();
        }
        plan.warn_of_lifting(cx, prior, principals.as_deref());
        if let Some(principals) = &principals
            && let Some(holder) = prior.grantee_of(cx, principals)
        {
            let changes = plan.changes(cx, prior, principals, holder)?;
            warn_of_what_goes_along(cx, principals, holder, &changes);
            warn_of_what_is_denied(cx, &plan.taken_by_denies(prior, principals, holder, &changes)?, holder);
            let rows = explicit(principals, holder)?;
            if !prior.is_exclusive() && plan.is_exclusive() {
                plan.warn_of_what_comes_into_sight(cx, &rows);
            }
            if !prior.is_exclusive() || !plan.is_exclusive() {
                plan.warn_of_what_is_held_otherwise(cx, prior, &rows, &changes);
            }
            if prior.is_exclusive() && !plan.is_exclusive() {
                plan.warn_of_what_goes_out_of_sight(cx, prior, &rows);
            }
        }
        Ok(())
    }

    async fn plan_delete(cx: &Context<FabricMirror>, state: &Self) -> Result<()> {
        let Some(principals) = look(cx, &state.server, Some(&state.database)).await else { return Ok(()) };
        let Some(holder) = state.grantee_of(cx, &principals) else { return Ok(()) };
        let changes = state.removal(cx, &principals, holder)?;
        state.warn_of_what_stays(cx, &principals, &principals.permissions_of(holder)?, &changes);
        warn_of_what_goes_along(cx, &principals, holder, &changes);
        if changes.iter().any(|change| matches!(change, PermissionChange::Grant(name) if name.as_str() == CONNECT)) {
            cx.warn(
                Diagnostic::warning(
                    format!("{} may enter the database again", holder.name),
                    "CONNECT was denied by this object. With the DENY lifted, it is granted, as every user has it.",
                )
                .at(path!(DatabaseGrants: denied)),
            );
        }
        Ok(())
    }

    async fn create(cx: &Context<FabricMirror>, mut plan: Self) -> Result<Self> {
        let server = cx.provider.sql(&plan.server)?;
        plan.server.default_with(|| server.canonical());
        if cx.provider.ledger().has(&plan.key()) {
            return Err(plan.second_owner());
        }
        let database = server.change().database(&plan.database);
        let principals = database.principals_like(&plan.sought(cx, None)).await?;
        check_names(&principals, plan.sets().map(Some))?;
        plan.refuse_other_kinds(&principals)?;
        let grantee = plan.found(cx, &principals)?;
        plan.refuse_unseen(&principals, grantee)?;
        let changes = plan.additions(&principals, grantee)?;
        let looked = database.change_permissions(grantee, &changes).await?;
        cx.provider.ledger().note(plan.key());
        note_connect(cx, &principals, grantee, &changes)?;
        plan.connect = if is_role(grantee) { Value::Null } else { Value::Known(!plan.denies(CONNECT)) };
        Ok(plan.noted(cx, looked, grantee))
    }

    async fn read(cx: &Context<FabricMirror>, state: Self) -> Result<Option<Self>> {
        let server = cx.provider.sql(&state.server)?;
        let principals = server.principals_if_there(&state.database).await?;
        let noted = Noted::of(cx);
        let found = match &principals {
            Some(seen) => seen.grantee(noted.known(&state.principal))?.map(|grantee| (seen, grantee)),
            None => None,
        };
        let Some((principals, grantee)) = found else {
            if let Some(principals) = &principals {
                state.refuse_other_kinds(principals)?;
            }
            cx.provider.ledger().forget(&state.key());
            return Ok(None);
        };
        note_what_others_hold(cx, principals, grantee)?;
        let rows = principals.permissions_of(grantee)?;
        Ok(Some(state.matching(cx, grantee, &rows)))
    }

    async fn update(cx: &Context<FabricMirror>, prior: Self, plan: Self) -> Result<Self> {
        let server = cx.provider.sql(&plan.server)?;
        let database = server.change().database(&plan.database);
        let principals = database.principals_like(&plan.sought(cx, Some(&prior))).await?;
        check_names(&principals, plan.sets().map(Some))?;
        let Some(holder) = prior.meant(cx, &principals)? else {
            return Err(not_there_any_more("principal", prior.principal.as_str()));
        };
        let grantee = plan.found(cx, &principals)?;
        if grantee.id != holder.id {
            let what = format!("Principal {}", prior.principal);
            let advice = format!("It was to be renamed to {}, which is somebody else.", plan.principal);
            return Err(changed_since(what, advice).at(path!(DatabaseGrants: principal)));
        }
        plan.refuse_lifting(cx, &prior, &principals, holder)?;
        let changes = plan.changes(cx, &prior, &principals, holder)?;
        refuse_unsaid_losses(cx, &principals, holder, &changes)?;
        refuse_unsaid_denies(cx, &plan.taken_by_denies(&prior, &principals, holder, &changes)?, holder)?;
        // What leaves the sight of this object as the plan did not see it.
        let seen = Held::read(&cx.private(), HELD);
        let mut came = explicit(&principals, holder)?;
        came.retain(|row| !plan.looks_at(row) && seen.as_ref().is_some_and(|seen| !seen.has(row)));
        let looked = if changes.is_empty() {
            Ok(principals.clone())
        } else {
            database.change_permissions(holder, &changes).await?
        };
        prior.warn_of_what_came(cx, &principals, &came, &changes);
        cx.provider.ledger().forget(&prior.key());
        cx.provider.ledger().note(plan.key());
        note_connect(cx, &principals, holder, &changes)?;
        Ok(plan.noted(cx, looked, holder))
    }

    async fn delete(cx: &Context<FabricMirror>, state: Self) -> Result<()> {
        let server = cx.provider.sql(&state.server)?;
        let Some(principals) = server.look(&state.database, Some(&state.sought(cx, None))).await? else {
            cx.provider.ledger().forget(&state.key());
            return Ok(());
        };
        let database = server.change().database(&state.database);
        if let Some(holder) = state.meant(cx, &principals)? {
            let changes = state.removal(cx, &principals, holder)?;
            refuse_unsaid_losses(cx, &principals, holder, &changes)?;
            if !changes.is_empty() {
                let _ = database.change_permissions(holder, &changes).await?;
            }
            state.warn_of_what_came(cx, &principals, &explicit(&principals, holder)?, &changes);
        } else if let Some(other) = principals.named(state.principal.as_str()) {
            cx.warn(super::left_alone("principal", &other.name).at(path!(DatabaseGrants: principal)));
        }
        cx.provider.ledger().forget(&state.key());
        Ok(())
    }

    /// `[server/]database/principal`
    async fn import(cx: &Context<FabricMirror>, id: &str) -> Result<Self> {
        let (server, [database, principal]) = import_id::split_with_server(id, import_id::DATABASE_GRANTS)?;
        let server_name = import_id::server(&cx.provider, server.as_deref())?;
        let (database, name) = (import_id::name(&database)?, import_id::name(&principal)?);
        let server = cx.provider.sql(&server_name)?;
        let principals = server.principals(&database).await?;
        let found = Self {
            server: server_name,
            database: database.into(),
            principal: name.into(),
            permissions: Names::new(),
            permissions_with_grant_option: Value::Null,
            denied: Value::Null,
            exclusive: true.into(),
            lift_denies: Value::Null,
            connect: Value::Null,
        };
        found.refuse_other_kinds(&principals)?;
        let grantee = principals.grantee(found.principal.as_str())?;
        let grantee = grantee.ok_or_else(|| super::nothing_to_import("user or role", found.principal.as_str()))?;
        note_what_others_hold(cx, &principals, grantee)?;
        let rows = principals.permissions_of(grantee)?;
        Ok(found.matching(cx, grantee, &rows))
    }
}

impl DatabaseGrants {
    fn key(&self) -> Key {
        let server = self.server.known().map(|server| server.canonical()).unwrap_or_default();
        Key::new(Self::NAME, &[&server, self.database.as_str(), self.principal.as_str()])
    }

    fn second_owner(&self) -> Error {
        let name = format!("permissions of {}", self.principal);
        super::second_owner("set of", name).at(path!(DatabaseGrants: principal))
    }

    fn is_exclusive(&self) -> bool {
        self.exclusive.known().copied().unwrap_or(true)
    }

    fn lifts(&self) -> bool {
        self.lift_denies.known().copied().unwrap_or_default()
    }

    /// Granted, granted with grant option, denied.
    fn sets(&self) -> [&Names; 3] {
        static NONE: Names = Names::new();
        [
            &self.permissions,
            self.permissions_with_grant_option.known().unwrap_or(&NONE),
            self.denied.known().unwrap_or(&NONE),
        ]
    }

    /// Whether a permission is in one of the three sets.
    fn lists(&self, name: &PermissionName) -> bool {
        self.lists_name(name.as_str())
    }

    fn lists_name(&self, name: &str) -> bool {
        self.sets().iter().any(|set| contains(set, name))
    }

    fn denies(&self, permission: &str) -> bool {
        contains(self.sets()[2], permission)
    }

    /// A row that this object speaks of: all of them, or those that it lists.
    fn looks_at(&self, row: &Permission) -> bool {
        self.is_exclusive() || self.lists(&row.name)
    }

    /// The principals that this plan is about, where they can be read. Who has the new name, and who the old one, has to be
    /// seen also while a plan is applied: it says whether the object is replaced.
    async fn look(&self, cx: &Context<FabricMirror>, prior: Option<&Self>) -> Option<Arc<DatabasePrincipals>> {
        let server = cx.provider.sql(&self.server).ok()?;
        match prior {
            Some(prior) if prior.principal != self.principal && server.has_changed() => {
                let sought = self.sought(cx, Some(prior));
                server.look(&self.database, Some(&sought)).await.ok().flatten().map(Arc::new)
            }
            _ => server.principals_at_plan(cx, &self.database).await,
        }
    }

    /// Whom a look is for: the principal of the state, and whoever has a name of it.
    fn sought(&self, cx: &Context<FabricMirror>, prior: Option<&Self>) -> Sought {
        let noted = Noted::of(cx);
        let names = [Some(&self.principal), prior.map(|prior| &prior.principal)];
        Sought::known(names.into_iter().flatten().map(|name| noted.known(name)))
    }

    /// The principal of the state, by what it was when it was last seen: whoever has its name by now may be somebody else.
    fn meant<'a>(
        &self,
        cx: &Context<FabricMirror>,
        seen: &'a DatabasePrincipals,
    ) -> mssql_admin::Result<Option<&'a Principal>> {
        seen.meant_grantee(Noted::of(cx).known(&self.principal))
    }

    /// The same at plan, where what cannot be seen is not an error.
    fn grantee_of<'a>(&self, cx: &Context<FabricMirror>, seen: &'a DatabasePrincipals) -> Option<&'a Principal> {
        self.meant(cx, seen).ok().flatten()
    }

    /// The principal that the configuration names.
    fn found<'a>(&self, cx: &Context<FabricMirror>, principals: &'a DatabasePrincipals) -> Result<&'a Principal> {
        let grantee = principals.grantee(self.principal.as_str())?;
        if let Some(grantee) = grantee {
            self.refuse_stranger(cx, grantee)?;
        }
        grantee.ok_or_else(|| {
            let missing = mssql_admin::Error::NotFound {
                what: "user or database role",
                name: self.principal.to_string(),
                fault: mssql_admin::Fault::Name,
            };
            Error::from(missing).hint(
                "Let `principal` refer to the `principal` of a `fabricmirror_database_user`, and `database` to its \
                 `database`: then the user is there first.",
            )
        })
    }

    /// The name is that of a user or role in the state, and this is another one.
    fn refuse_stranger(&self, cx: &Context<FabricMirror>, grantee: &Principal) -> Result<()> {
        let server = self.server.known().map(|server| server.canonical()).unwrap_or_default();
        for (kind, what) in [(DatabaseUser::NAME, "User"), (DatabaseRole::NAME, "Role")] {
            let key = Key::new(kind, &[&server, self.database.as_str(), self.principal.as_str()]);
            let sid = cx.provider.ledger().principal_sid(&key);
            if sid.is_some_and(|sid| !sid.eq_ignore_ascii_case(&grantee.sid)) {
                let what = format!("{what} {} of the state", self.principal);
                let advice = format!("Somebody else is called {} by now, and gets nothing.", grantee.name);
                return Err(changed_since(what, advice).at(path!(DatabaseGrants: principal)));
            }
        }
        Ok(())
    }

    fn refuse_other_kinds(&self, principals: &DatabasePrincipals) -> Result<()> {
        if principals.grantee(self.principal.as_str()).is_ok_and(|found| found.is_some()) {
            return Ok(());
        }
        match principals.named(self.principal.as_str()) {
            Some(other) => {
                Err(other_kind(&other.name, other.kind.describe(), "permissions of users and database roles")
                    .at(path!(DatabaseGrants: principal)))
            }
            None => Ok(()),
        }
    }

    /// Whether the configuration still means the principal of the state: it was or will be renamed, or nothing changed.
    /// Before a rename in this run nobody has the new name; after one by somebody else nobody has the old one.
    fn is_same_principal(
        &self,
        cx: &Context<FabricMirror>,
        prior: &Self,
        principals: Option<&DatabasePrincipals>,
    ) -> bool {
        if self.principal == prior.principal {
            return true;
        }
        let Some(principals) = principals else { return false };
        let of_now = principals.grantee(self.principal.as_str()).ok().flatten();
        match (of_now, prior.grantee_of(cx, principals)) {
            (None, _) => true,
            (Some(named), Some(held)) => named.id == held.id,
            (Some(_), None) => false,
        }
    }

    /// No plan can show what a new object would have to revoke: there was none before.
    fn refuse_unseen(&self, principals: &DatabasePrincipals, grantee: &Principal) -> Result<()> {
        let rows = principals.permissions_of(grantee)?;
        let unseen: Vec<String> = rows
            .iter()
            .filter(|row| {
                let name = row.name.as_str();
                let is_implied = is_implied(row, grantee);
                match row.state {
                    PermissionState::Denied => !self.denies(name) && (self.looks_at(row) || is_implied),
                    PermissionState::GrantedWithGrantOption => self.looks_at(row) && !contains(self.sets()[1], name),
                    PermissionState::Granted => {
                        self.looks_at(row)
                            && !is_implied
                            && !contains(self.sets()[0], name)
                            && !contains(self.sets()[1], name)
                    }
                }
            })
            .map(|row| describe(row))
            .collect();
        if unseen.is_empty() {
            return Ok(());
        }
        let id = import_id::of_server(&self.server, &[self.database.as_str(), self.principal.as_str()]);
        let import = import_id::block(Self::NAME, &id);
        let mut detail = format!(
            "A new object would have to take these away, and no plan could show it:\n{}\n\nImport what is held; the plan then \
             shows what goes:\n\n{import}\n\nOr list them in the configuration",
            unseen.join("\n")
        );
        detail += if self.is_exclusive() {
            ", or set `exclusive = false`, which leaves alone what is not listed."
        } else {
            ". A DENY that is to go needs `lift_denies = true` then."
        };
        Err(Diagnostic::error(format!("{} holds other permissions already", self.principal), detail)
            .at(path!(DatabaseGrants: permissions))
            .into())
    }

    /// This object, done. What the next plan is to know of it is noted, as far as a look shows it: one that fails is no
    /// failure of what was done, and the next refresh looks again.
    fn noted(
        self,
        cx: &Context<FabricMirror>,
        looked: mssql_admin::Result<DatabasePrincipals>,
        holder: &Principal,
    ) -> Self {
        let ours = self.sets()[2].iter().map(ToString::to_string).collect::<Vec<_>>();
        cx.private().set(OUR_DENIES, ours.join(","));
        Noted::write(cx, holder);
        let noted = looked.map_err(Error::from).and_then(|principals| self.note_rows(cx, &principals, holder));
        if let Err(error) = noted {
            cx.warn(super::unseen("set of permissions of", &self.principal, &error));
        }
        self
    }

    fn note_rows(&self, cx: &Context<FabricMirror>, principals: &DatabasePrincipals, holder: &Principal) -> Result<()> {
        let held = principals.by_id(holder.id);
        let held = held.ok_or_else(|| not_there_any_more("principal", self.principal.as_str()))?;
        note_what_others_hold(cx, principals, held)?;
        let rows = principals.permissions_of(held)?;
        // Only what was planned is known to the plan that comes next.
        let rows: Vec<_> = rows.into_iter().filter(|row| self.lists(&row.name) || is_implied(row, held)).collect();
        Held::of(&rows).write(&mut cx.private(), HELD);
        Ok(())
    }

    /// CONNECT is granted and was not listed, and that it is listed now is all that is new: nothing is to be done. An
    /// import cannot know whether the configuration lists it.
    fn lists_connect_anew(&self, cx: &Context<FabricMirror>, prior: &Self) -> bool {
        let connect: Text<PermissionName> = CONNECT.parse::<PermissionName>().expect("a legal name").into();
        let mut with_it = prior.permissions.clone();
        prior.connect != Value::Null
            && with_it.insert(connect)
            && with_it == self.permissions
            && Held::read(&cx.private(), HELD).is_some_and(|held| held.grants(CONNECT))
    }

    /// This object with what the server holds. Not exclusive, only the names in it are shown.
    fn matching(mut self, cx: &Context<FabricMirror>, grantee: &Principal, all_rows: &[&Permission]) -> Self {
        let hides_connect = !is_role(grantee) && !contains(&self.permissions, CONNECT);
        let connect: PermissionName = CONNECT.parse().expect("a legal name");
        let all = Permission::sets(all_rows.iter().copied());
        self.connect = if is_role(grantee) {
            Value::Null
        } else {
            let granted = all.granted.contains(&connect) || all.with_grant_option.contains(&connect);
            Value::Known(granted && !all.denied.contains(&connect))
        };
        let rows: Vec<&Permission> = all_rows.iter().copied().filter(|row| self.looks_at(row)).collect();
        if !Noted::of(cx).is(grantee) {
            // What this object did to somebody else of that name.
            cx.private().remove(WAS_KEPT_OUT);
            cx.private().remove(OUR_DENIES);
        }
        Noted::write(cx, grantee);
        let noted: Vec<&Permission> =
            all_rows.iter().copied().filter(|row| self.looks_at(row) || is_implied(row, grantee)).collect();
        Held::of(&noted).write(&mut cx.private(), HELD);
        note_what_is_not_looked_at(cx, all_rows.iter().copied().filter(|row| !self.looks_at(row)));
        let held = Permission::sets(rows);
        let shown = |set: &BTreeSet<PermissionName>, hides_connect: bool| -> Names {
            set.iter().filter(|name| !(hides_connect && **name == connect)).cloned().map(Text::from).collect()
        };
        self.permissions = shown(&held.granted, hides_connect);
        self.permissions_with_grant_option = shown(&held.with_grant_option, false).into();
        self.denied = shown(&held.denied, false).into();
        if let Ok(name) = grantee.name.parse::<Identifier>() {
            self.principal = name.into();
        }
        self
    }
}

/// The database's principals, where they can be read at plan time.
async fn look(
    cx: &Context<FabricMirror>,
    server: &Value<Text<ServerName>>,
    database: Option<&Text<Identifier>>,
) -> Option<Arc<DatabasePrincipals>> {
    let server = cx.provider.sql(server).ok()?;
    server.principals_at_plan(cx, database?).await
}

/// Each permission of the three sets, as far as they are known, is one of the server's.
fn check_names(principals: &DatabasePrincipals, sets: [Option<&Names>; 3]) -> Result<()> {
    let paths: [AttributePath; 3] = [
        path!(DatabaseGrants: permissions),
        path!(DatabaseGrants: permissions_with_grant_option),
        path!(DatabaseGrants: denied),
    ];
    for (set, path) in sets.into_iter().zip(paths) {
        for permission in set.into_iter().flatten() {
            principals.check_permission(permission).map_err(|error| Error::from(error).at(path.clone()))?;
        }
    }
    Ok(())
}

/// Whoever had CONNECT before this object keeps it after it, and whoever had none has none.
fn note_connect(
    cx: &Context<FabricMirror>,
    before: &DatabasePrincipals,
    holder: &Principal,
    changes: &[PermissionChange],
) -> Result<()> {
    let had_some = before.permissions_of(holder)?.iter().any(|row| is_implied(row, holder));
    let denied = cx.private().get(OUR_DENIES).is_some_and(|denies| denies.split(',').any(|name| name == CONNECT));
    let begins = changes.iter().any(|change| match change {
        PermissionChange::Grant(name) => name.as_str() == CONNECT,
        PermissionChange::Deny(name) => name.as_str() == CONNECT && !had_some,
        _ => false,
    });
    if !is_role(holder) && begins && !denied {
        cx.private().set(WAS_KEPT_OUT, "yes");
    }
    Ok(())
}

/// A database role enters nothing: CONNECT is a permission like any other to it.
fn is_role(principal: &Principal) -> bool {
    principal.kind == PrincipalKind::Role
}

fn contains(set: &Names, permission: &str) -> bool {
    set.iter().any(|name| name.as_str() == permission)
}

/// What the principal holds, without what every user has.
fn explicit<'a>(principals: &'a DatabasePrincipals, holder: &Principal) -> Result<Vec<&'a Permission>> {
    let mut rows = principals.permissions_of(holder)?;
    rows.retain(|row| !is_implied(row, holder));
    Ok(rows)
}

/// CONNECT of a user: every one gets it with its creation, and the attribute `connect` speaks of it.
fn is_implied(row: &Permission, holder: &Principal) -> bool {
    row.name.as_str() == CONNECT && !is_role(holder)
}

fn describe(row: &Permission) -> String {
    let state = match row.state {
        PermissionState::Granted => "granted",
        PermissionState::GrantedWithGrantOption => "granted with grant option",
        PermissionState::Denied => "denied",
    };
    format!("- {}, {state} by {}", row.name, row.grantor)
}
