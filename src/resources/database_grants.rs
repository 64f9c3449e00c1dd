//! `fabricmirror_database_grants`: what a principal may do in a database, exactly.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use mssql_admin::{
    DatabasePrincipals, Grants, Identifier, Permission, PermissionName, PermissionState, ServerName, User,
};
use tfplugin::{Change, Context, Diagnostic, Diagnostics, Model, Resource, Text, Value, path};

use crate::clients::Server;
use crate::error::{Error, Result, incomplete};
use crate::import_id;
use crate::provider::FabricMirror;

/// The permissions of a principal on a database itself, exactly these: `plan` shows every other one, granted or denied,
/// as a difference.
///
/// A DENY that somebody else set is never lifted unsaid, not even by a GRANT: see `lift_denies`.
#[derive(Clone, Debug, Model)]
pub struct DatabaseGrants {
    /// Server that holds the database; left out, the provider's `sql.server`.
    #[attr(optional, computed)]
    server: Value<Text<ServerName>>,

    /// Database.
    #[attr(required, replace)]
    database: Value<Text<Identifier>>,

    /// User that holds the permissions: `fabricmirror_database_user.….principal`, so that they follow it when it is
    /// replaced, and stay when it is renamed.
    #[attr(required)]
    principal: Value<Text<Identifier>>,

    /// Permissions granted, as the server spells them: upper case. `CONNECT`, which every user gets, need not be
    /// listed.
    #[attr(required)]
    permissions: Value<BTreeSet<Text<PermissionName>>>,

    /// Permissions that the principal may also grant to others.
    #[attr(optional, computed, default = BTreeSet::new())]
    permissions_with_grant_option: Value<BTreeSet<Text<PermissionName>>>,

    /// Permissions denied.
    #[attr(optional, computed, default = BTreeSet::new())]
    denied: Value<BTreeSet<Text<PermissionName>>>,

    /// `false`: only the permissions that are listed, or were, are looked at; others are neither shown nor revoked.
    #[attr(optional, computed, default = true)]
    exclusive: Value<bool>,

    /// Lift a DENY that is not in `denied`. Without it, apply refuses to, before its first statement.
    #[attr(optional, computed, default = false)]
    lift_denies: Value<bool>,

    /// Whether the principal may enter the database at all: the permission CONNECT, which apply gives back when it was
    /// revoked.
    #[attr(computed)]
    connect: Value<bool>,
}

type Names = BTreeSet<Text<PermissionName>>;

const CONNECT: &str = "CONNECT";

impl Resource for DatabaseGrants {
    const NAME: &'static str = "database_grants";
    type Provider = FabricMirror;

    fn validate(config: &Self) -> Diagnostics {
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
                            format!("{} is in two sets", permission.0),
                            format!("A permission is in one of `{earlier_name}` and `{name}`."),
                        )
                        .at(path!(permissions)),
                    );
                }
            }
        }
        found
    }

    async fn plan(cx: &Context<FabricMirror>, change: &mut Change<Self>) -> Result<()> {
        let plan = &mut change.planned;
        cx.provider.plan_server(change.prior.as_ref().map(|it| &it.server), &change.config.server, &mut plan.server)?;
        plan.connect = Value::Known(true);
        let principals = plan.look(cx).await;
        if let Some(principals) = &principals {
            plan.check_names(principals)?;
        }
        let Some(prior) = &change.prior else { return Ok(()) };
        // In place when the user is renamed: before that nobody has the new name, afterwards nobody has the old one.
        let is_free = |name: &Identifier| {
            principals.as_ref().is_some_and(|principals| matches!(principals.find(name.as_str(), None), Ok(None)))
        };
        let is_replaced = match (prior.principal.known(), plan.principal.known()) {
            (Some(old), Some(new)) => old != new && !is_free(old) && !is_free(new),
            _ => true,
        };
        let lifted: Vec<_> = prior.denied.known().into_iter().flatten().filter(|it| !plan.denies(it)).collect();
        for permission in lifted {
            let grantor = principals.as_ref().and_then(|principals| prior.grantor(principals, permission));
            let by = grantor.map_or(String::new(), |grantor| format!(", set by {grantor}"));
            let will = if plan.lifts() {
                "Apply will lift it."
            } else {
                "Apply will refuse to lift it unless `lift_denies = true`."
            };
            cx.warn(
                Diagnostic::warning(
                    format!("{} is denied to {}{by}", permission.0, prior.principal_text()),
                    format!("The configuration does not deny it. {will} To keep the DENY, add it to `denied`."),
                )
                .at(path!(denied)),
            );
        }
        if is_replaced {
            change.replace(path!(principal));
        }
        Ok(())
    }

    async fn create(cx: &Context<FabricMirror>, mut plan: Self) -> Result<Self> {
        let server = cx.provider.sql(&plan.server)?;
        plan.server.default_with(|| server.instance().server().canonical().parse::<ServerName>().ok().map(Text).into());
        plan.bring_about(cx, &server, None).await
    }

    async fn read(cx: &Context<FabricMirror>, state: Self) -> Result<Option<Self>> {
        let server = cx.provider.sql(&state.server)?;
        let (Some(database), Some(name)) = (state.database.known(), state.principal.known()) else { return Ok(None) };
        let principals = server.principals(database).await?;
        let Some(user) = principals.find(name.as_str(), None)? else { return Ok(None) };
        let rows: Vec<Permission> = principals.permissions_of(user)?.into_iter().cloned().collect();
        Ok(Some(state.matching(&rows)))
    }

    async fn update(cx: &Context<FabricMirror>, prior: Self, plan: Self) -> Result<Self> {
        let server = cx.provider.sql(&plan.server)?;
        if prior.principal != plan.principal {
            // Gone, it was renamed. Still there, it was another user after all.
            Self::delete(cx, prior.clone()).await?;
        }
        plan.bring_about(cx, &server, Some(&prior)).await
    }

    async fn delete(cx: &Context<FabricMirror>, state: Self) -> Result<()> {
        let server = cx.provider.sql(&state.server)?;
        let (Some(database), Some(name)) = (state.database.known(), state.principal.known()) else { return Ok(()) };
        let database = server.change().database(database);
        let principals = match database.principals().await {
            // The database went with its principals.
            Err(error) if error.number() == Some(4060) => return Ok(()),
            principals => principals?,
        };
        let Some(user) = principals.find(name.as_str(), None)? else { return Ok(()) };
        let held = Permission::sets(principals.permissions_of(user)?);
        let mut rest = held.clone();
        // A DENY goes only if it was ours, or if that is allowed: somebody else's protects something.
        let ours = cx.private().get(OUR_DENIES).unwrap_or_default().to_owned();
        let ours: BTreeSet<&str> = ours.split(',').collect();
        let managed = |set: &Value<Names>, name: &PermissionName| {
            state.is_exclusive() || set.known().is_some_and(|set| set.contains(&Text(name.clone())))
        };
        rest.granted.retain(|name| name.as_str() == CONNECT || !managed(&state.permissions, name));
        rest.with_grant_option.retain(|name| !managed(&state.permissions_with_grant_option, name));
        rest.denied.retain(|name| !(state.lifts() || ours.contains(name.as_str())));
        Ok(database.change_permissions(name, &rest.changes_from(&held)).await?)
    }

    /// `[server/]database/principal`
    async fn import(cx: &Context<FabricMirror>, id: &str) -> Result<Self> {
        let (server, [database, principal]) = import_id::split_with_server(id, ["database", "principal"])?;
        Ok(Self {
            server: import_id::server(&cx.provider, server.as_deref())?,
            database: Text(import_id::name(&database)?).into(),
            principal: Text(import_id::name(&principal)?).into(),
            permissions: Value::Null,
            permissions_with_grant_option: Value::Null,
            denied: Value::Null,
            exclusive: Value::Known(true),
            lift_denies: Value::Known(false),
            connect: Value::Null,
        })
    }
}

/// Private state: the denies that the configuration asked for.
const OUR_DENIES: &str = "denied";

impl DatabaseGrants {
    fn principal_text(&self) -> String {
        self.principal.known().map(|name| name.to_string()).unwrap_or_default()
    }

    fn is_exclusive(&self) -> bool {
        self.exclusive.known().copied().unwrap_or(true)
    }

    fn lifts(&self) -> bool {
        self.lift_denies.known().copied().unwrap_or_default()
    }

    /// Whether a permission is in one of the three sets.
    fn lists(&self, name: &PermissionName) -> bool {
        [&self.permissions, &self.permissions_with_grant_option, &self.denied]
            .iter()
            .any(|set| set.known().is_some_and(|set| set.contains(&Text(name.clone()))))
    }

    fn denies(&self, permission: &Text<PermissionName>) -> bool {
        self.denied.known().is_none_or(|denied| denied.contains(permission))
    }

    /// The database's principals, where they can be read at plan time.
    async fn look(&self, cx: &Context<FabricMirror>) -> Option<std::sync::Arc<DatabasePrincipals>> {
        let (database, true) = (self.database.known()?, self.server.is_known()) else { return None };
        cx.provider.sql(&self.server).ok()?.principals(database).await.ok()
    }

    fn check_names(&self, principals: &DatabasePrincipals) -> Result<()> {
        let sets = [
            (&self.permissions, path!(permissions)),
            (&self.permissions_with_grant_option, path!(permissions_with_grant_option)),
            (&self.denied, path!(denied)),
        ];
        for (set, path) in sets {
            for permission in set.known().into_iter().flatten() {
                principals.check_permission(&permission.0).map_err(|error| Error::from(error).at(path.clone()))?;
            }
        }
        Ok(())
    }

    fn grantor(&self, principals: &DatabasePrincipals, permission: &PermissionName) -> Option<String> {
        let user = principals.find(self.principal.known()?.as_str(), None).ok()??;
        let rows = principals.permissions_of(user).ok()?;
        let row = rows.into_iter().find(|row| row.state == PermissionState::Denied && row.name == *permission)?;
        Some(row.grantor.clone())
    }

    /// The three sets that are wanted, of what is looked at.
    fn wanted(&self, held: &Grants, prior: Option<&Self>) -> Grants {
        let names = |set: &Value<Names>| -> BTreeSet<PermissionName> {
            set.known().into_iter().flatten().map(|name| name.0.clone()).collect()
        };
        let mut wanted = Grants {
            granted: names(&self.permissions),
            with_grant_option: names(&self.permissions_with_grant_option),
            denied: names(&self.denied),
        };
        let connect: PermissionName = CONNECT.parse().expect("a legal name");
        if !wanted.with_grant_option.contains(&connect) && !wanted.denied.contains(&connect) {
            wanted.granted.insert(connect);
        }
        if !self.is_exclusive() {
            // Nothing is revoked in the update that switches it.
            let looked_at = |name: &PermissionName| {
                self.lists(name) || prior.is_some_and(|prior| !prior.is_exclusive() && prior.lists(name))
            };
            let others = |set: &BTreeSet<PermissionName>| {
                set.iter().filter(|name| !looked_at(name)).cloned().collect::<Vec<_>>()
            };
            wanted.granted.extend(others(&held.granted));
            wanted.with_grant_option.extend(others(&held.with_grant_option));
            wanted.denied.extend(others(&held.denied));
        }
        wanted
    }

    async fn bring_about(self, cx: &Context<FabricMirror>, server: &Server, prior: Option<&Self>) -> Result<Self> {
        let (Some(database), Some(name)) = (self.database.known(), self.principal.known()) else {
            return Err(incomplete(Self::NAME));
        };
        let database = server.change().database(database);
        let principals = database.principals().await?;
        self.check_names(&principals)?;
        let user = found(&principals, name)?;
        let held = Permission::sets(principals.permissions_of(user)?);
        let wanted = self.wanted(&held, prior);
        self.refuse_lifting(&principals, &held, &wanted)?;
        database.change_permissions(name, &wanted.changes_from(&held)).await?;
        let ours = self.denied.known().into_iter().flatten().map(|name| name.to_string()).collect::<Vec<_>>();
        cx.private().set(OUR_DENIES, ours.join(","));
        cx.keep(&self);
        let principals = database.principals().await?;
        let rows: Vec<Permission> =
            principals.permissions_of(found(&principals, name)?)?.into_iter().cloned().collect();
        Ok(self.matching(&rows))
    }

    /// Before the first statement: a DENY that nobody asked to lift stays, and with it everything else.
    fn refuse_lifting(&self, principals: &DatabasePrincipals, held: &Grants, wanted: &Grants) -> Result<()> {
        let lifted: Vec<_> = held.denied.difference(&wanted.denied).collect();
        if lifted.is_empty() || self.lifts() {
            return Ok(());
        }
        let mut said = Diagnostics::default();
        for permission in lifted {
            let name = self.principal_text();
            let mut detail =
                String::from("A DENY protects something, and a GRANT would lift it unsaid; nothing was changed.");
            if let Some(grantor) = self.grantor(principals, permission) {
                let _ = write!(detail, " It was set by {grantor}.");
            }
            let _ = write!(
                detail,
                "\n\nTo lift it, set `lift_denies = true`; to keep it, add \"{permission}\" to `denied`."
            );
            said.push(Diagnostic::error(format!("{permission} is denied to {name}"), detail).at(path!(permissions)));
        }
        Err(said.into())
    }

    /// This object with what the server holds. Not exclusive, only the names in it are shown.
    fn matching(mut self, rows: &[Permission]) -> Self {
        let held = Permission::sets(rows);
        let connect: PermissionName = CONNECT.parse().expect("a legal name");
        self.connect = Value::Known(held.granted.contains(&connect) || held.with_grant_option.contains(&connect));
        let connect_listed = self.permissions.known().is_some_and(|set| set.contains(&Text(connect.clone())));
        let shown = |set: &BTreeSet<PermissionName>, hide_connect: bool| -> Value<Names> {
            let names = set.iter().filter(|name| self.is_exclusive() || self.lists(name));
            let names = names.filter(|name| !(hide_connect && **name == connect));
            Value::Known(names.cloned().map(Text).collect())
        };
        let (granted, with_grant_option, denied) =
            (shown(&held.granted, !connect_listed), shown(&held.with_grant_option, false), shown(&held.denied, false));
        (self.permissions, self.permissions_with_grant_option, self.denied) = (granted, with_grant_option, denied);
        self
    }
}

fn found<'a>(principals: &'a DatabasePrincipals, name: &Identifier) -> Result<&'a User> {
    let user = principals.find(name.as_str(), None)?;
    user.ok_or_else(|| {
        let missing = mssql_admin::Error::NotFound { what: "user", name: name.to_string(), fault: mssql_admin::Fault::Name };
        Error::from(missing).hint("Let `principal` refer to the `principal` of a `fabricmirror_database_user`, so that the user is there first.")
    })
}
