//! `fabricmirror_login`: who Fabric is, on the instance. The database side is `database_user`.

use std::collections::BTreeSet;

use mssql_admin::{Identifier, LoginChange, NewLogin, OnExisting, ServerName, Sid};
use tfplugin::{Change, Context, Diagnostic, Model, Resource, Secret, Text, Value, path};

use crate::error::{Error, Result, incomplete};
use crate::import_id;
use crate::provider::FabricMirror;

/// A login of a SQL Managed Instance, with a password.
///
/// The provider chooses the login's security identifier, so that a login that was dropped and is created again keeps
/// its database users.
#[derive(Clone, Debug, Model)]
pub struct Login {
    /// Server that holds the login; left out, the provider's `sql.server`.
    #[attr(optional, computed)]
    server: Value<Text<ServerName>>,

    /// Name, at most 128 UTF-16 units, compared as the instance's collation compares.
    #[attr(required)]
    name: Value<Text<Identifier>>,

    /// Password. Sent to the server and kept nowhere. Change it by raising `password_wo_version`. Needed to create;
    /// after an import it may be left out, then the password is not managed.
    #[attr(optional, write_only, requires = "password_wo_version")]
    password_wo: Value<Secret>,

    /// Any number; a different one sends `password_wo` again.
    #[attr(optional, requires = "password_wo")]
    password_wo_version: Value<i64>,

    /// Server roles, exactly these, besides `public`. Left out: not managed.
    #[attr(optional, computed)]
    server_roles: Value<BTreeSet<String>>,

    /// Whether somebody can log in.
    #[attr(optional, computed, default = true)]
    enabled: Value<bool>,

    /// Database that a connection without one gets. Left out: not managed.
    #[attr(optional, computed)]
    default_database: Value<Text<Identifier>>,

    /// Security identifier, `0x` and 32 hexadecimal digits; database users find their login by it. Left out, derived
    /// from server and name.
    #[attr(optional, computed, replace)]
    sid: Value<Text<Sid>>,

    /// Destroying the login ends the sessions that still use it. Needs ALTER ANY CONNECTION, and
    /// VIEW SERVER STATE to see them.
    #[attr(optional, computed, default = false)]
    force_drop: Value<bool>,

    /// When the password was last set, as the server says it: a password changed by somebody else shows here.
    #[attr(computed)]
    password_last_set: Value<String>,
}

impl Resource for Login {
    const NAME: &'static str = "login";
    type Provider = FabricMirror;

    async fn plan(cx: &Context<FabricMirror>, change: &mut Change<Self>) -> Result<()> {
        let prior = change.prior.as_ref();
        let plan = &mut change.planned;
        cx.provider.plan_server(prior.map(|it| &it.server), &change.config.server, &mut plan.server)?;
        let Some(prior) = prior else {
            if change.config.password_wo.is_null() {
                return Err(Diagnostic::error(
                    "A new login needs a password",
                    "Set `password_wo` and `password_wo_version`. Only an imported login can do without.",
                )
                .at(path!(password_wo))
                .into());
            }
            if let (Value::Unknown, Some(server), Some(name)) = (&plan.sid, plan.server.known(), plan.name.known()) {
                plan.sid = Sid::derived(server, name.as_str()).into();
            }
            return plan.refuse_existing(cx).await;
        };
        if prior.password_wo_version != plan.password_wo_version && !plan.password_wo_version.is_null() {
            plan.password_last_set = Value::Unknown;
            if prior.password_wo_version.is_null() {
                cx.warn(
                    Diagnostic::warning(
                        "The login's password will be replaced",
                        "It was not managed so far. Apply sets the one of the configuration.",
                    )
                    .at(path!(password_wo)),
                );
            }
        }
        Ok(())
    }

    async fn create(cx: &Context<FabricMirror>, mut plan: Self) -> Result<Self> {
        let server = cx.provider.sql(&plan.server)?;
        plan.server.default_with(|| server.instance().server().canonical().parse::<ServerName>().ok().map(Text).into());
        let (Some(name), Some(password)) = (plan.name.known().cloned(), plan.password_wo.known()) else {
            return Err(incomplete(Self::NAME));
        };
        let sid = plan.sid.known().map_or_else(|| Sid::derived(server.instance().server(), name.as_str()), |sid| sid.0);
        plan.sid = sid.into();
        let new = NewLogin {
            name: name.0.clone(),
            password: password.inner().clone(),
            sid,
            default_database: plan.default_database.known().map(|name| name.0.clone()),
        };
        server.change().create_login(&new, OnExisting::TakeOverIfSid).await.map_err(|error| plan.import_hint(error))?;
        // From here on it exists: a role that is refused must not lose it.
        cx.keep(&Self { server_roles: Value::Known(BTreeSet::new()), ..plan.clone() });
        if plan.enabled == Value::Known(false) {
            let change = LoginChange { enabled: Some(false), ..Default::default() };
            server.change().change_login(&name, &change).await?;
        }
        plan.set_server_roles(&server).await?;
        plan.read_back(&server).await
    }

    async fn read(cx: &Context<FabricMirror>, state: Self) -> Result<Option<Self>> {
        let server = cx.provider.sql(&state.server)?;
        let Some(name) = state.name.known() else { return Ok(None) };
        server.note_in_state(&[name.as_str()]);
        let logins = server.logins().await?;
        let found = logins.find(state.sid.known().map(|sid| sid.0), name.as_str())?.cloned();
        Ok(found.map(|login| state.matching(&login)))
    }

    async fn update(cx: &Context<FabricMirror>, prior: Self, plan: Self) -> Result<Self> {
        let server = cx.provider.sql(&plan.server)?;
        let (Some(name), Some(new_name)) = (prior.name.known(), plan.name.known()) else {
            return Err(incomplete(Self::NAME));
        };
        let rotated = prior.password_wo_version != plan.password_wo_version;
        let change = LoginChange {
            password: plan.password_wo.known().filter(|_| rotated).map(|password| password.inner().clone()),
            default_database: plan
                .default_database
                .known()
                .filter(|_| prior.default_database != plan.default_database)
                .map(|name| name.0.clone()),
            enabled: plan.enabled.known().copied().filter(|_| prior.enabled != plan.enabled),
            name: Some(new_name.0.clone()).filter(|_| name != new_name),
        };
        server.change().change_login(name, &change).await?;
        // Done; the roles of the plan are not yet there.
        cx.keep(&Self { server_roles: prior.server_roles.clone(), password_last_set: Value::Null, ..plan.clone() });
        if prior.server_roles != plan.server_roles {
            plan.set_server_roles(&server).await?;
        }
        plan.read_back(&server).await
    }

    async fn delete(cx: &Context<FabricMirror>, state: Self) -> Result<()> {
        let server = cx.provider.sql(&state.server)?;
        let Some(name) = state.name.known() else { return Ok(()) };
        let force = state.force_drop.known().copied().unwrap_or_default();
        Ok(server.change().drop_login(name, force).await?)
    }

    /// `[server/]name`
    async fn import(cx: &Context<FabricMirror>, id: &str) -> Result<Self> {
        let (server, [name]) = import_id::split_with_server(id, ["name"])?;
        Ok(Self {
            server: import_id::server(&cx.provider, server.as_deref())?,
            name: Text(import_id::name(&name)?).into(),
            password_wo: Value::Null,
            password_wo_version: Value::Null,
            server_roles: Value::Null,
            enabled: Value::Null,
            default_database: Value::Null,
            sid: Value::Null,
            force_drop: Value::Known(false),
            password_last_set: Value::Null,
        })
    }
}

impl Login {
    /// Says at plan time, when it can be seen, that the name is taken. A login with our SID is one that we made.
    async fn refuse_existing(&self, cx: &Context<FabricMirror>) -> Result<()> {
        let (Some(name), Some(sid), true) = (self.name.known(), self.sid.known(), self.server.is_known()) else {
            return Ok(());
        };
        let Ok(server) = cx.provider.sql(&self.server) else { return Ok(()) };
        if server.is_in_state(&[name.as_str()]) {
            return Ok(());
        }
        let Ok(logins) = server.logins().await else { return Ok(()) };
        match logins.by_name(name.as_str()) {
            Some(login) if login.sid != Some(sid.0) => Err(self.import_hint(mssql_admin::Error::AlreadyExists {
                what: "login",
                name: login.name.clone(),
                details: login.sid.map(|sid| format!("SID {sid}")),
            })),
            _ => Ok(()),
        }
    }

    fn import_hint(&self, error: mssql_admin::Error) -> Error {
        let exists = matches!(error, mssql_admin::Error::AlreadyExists { .. });
        let error = Error::from(error);
        if !exists {
            return error;
        }
        let import = import_id::block(
            Self::NAME,
            &import_id::of_server(&self.server, &[self.name.known().map_or("", |name| name.as_str())]),
        );
        error.hint(format!(
            "It was not made by this configuration, and is not taken over. To manage it, import it:\n\n{import}"
        ))
    }

    async fn set_server_roles(&self, server: &crate::clients::Server) -> Result<()> {
        let (Some(name), Some(wanted)) = (self.name.known(), self.server_roles.known()) else { return Ok(()) };
        let logins = server.instance().logins().await?;
        let held = logins.by_name(name.as_str()).map(|login| login.server_roles.clone()).unwrap_or_default();
        Ok(server.change().set_server_roles(name, &held, wanted).await?)
    }

    async fn read_back(self, server: &crate::clients::Server) -> Result<Self> {
        let logins = server.instance().logins().await?;
        let name = self.name.known().map(|name| name.to_string()).unwrap_or_default();
        match logins.find(self.sid.known().map(|sid| sid.0), &name)? {
            Some(login) => Ok(self.matching(login)),
            None => {
                Err(Diagnostic::error("The login is gone", "It was there a moment ago: somebody else drops it.").into())
            }
        }
    }

    /// This object with what the server holds.
    fn matching(mut self, login: &mssql_admin::Login) -> Self {
        self.name = login.name.parse::<Identifier>().ok().map(Text).into();
        self.sid = login.sid.map(Text).into();
        self.enabled = login.enabled.into();
        self.default_database = login.default_database.as_ref().and_then(|name| name.parse().ok()).map(Text).into();
        self.password_last_set = login.password_last_set.clone().into();
        self.server_roles = super::names_as_spelled(&self.server_roles, &login.server_roles);
        self
    }
}
