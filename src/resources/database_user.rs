//! `fabricmirror_database_user`: who Fabric is, in the database. The server side is `login`, what it may do `database_grants`.

use std::collections::BTreeSet;

use mssql_admin::{Identifier, NewUser, ServerName, Sid, User};
use tfplugin::{Change, Context, Diagnostic, Model, Resource, Text, Value};

use crate::clients::Server;
use crate::error::{Error, Result, incomplete};
use crate::import_id;
use crate::provider::FabricMirror;

/// A user of a database, for a login.
///
/// A user finds its login by security identifier, not by name. One whose login was dropped and came back with another
/// identifier is an orphan: it shows as a difference of `login_name`, and is repaired in place.
#[derive(Clone, Debug, Model)]
pub struct DatabaseUser {
    /// Server that holds the database; left out, the provider's `sql.server`.
    #[attr(optional, computed)]
    server: Value<Text<ServerName>>,

    /// Database.
    #[attr(required, replace)]
    database: Value<Text<Identifier>>,

    /// Name, at most 128 UTF-16 units. A change renames the user, which keeps its roles and permissions.
    #[attr(required)]
    name: Value<Text<Identifier>>,

    /// Login that enters the database as this user.
    #[attr(required)]
    login_name: Value<Text<Identifier>>,

    /// Schema of names without one. It need not exist. Left out: not managed.
    #[attr(optional, computed)]
    default_schema: Value<Text<Identifier>>,

    /// Database roles, exactly these, besides `public`. Left out: not managed.
    #[attr(optional, computed)]
    roles: Value<BTreeSet<String>>,

    /// Who gets the schemas that the user owns when it is destroyed. Left out, owning one is an error then.
    #[attr(optional)]
    transfer_schemas_to: Value<Text<Identifier>>,

    /// Security identifier, that of the login.
    #[attr(computed)]
    sid: Value<String>,

    /// The name, and not known while the user is created or replaced: what refers to it, such as
    /// `fabricmirror_database_grants`, is then replaced with it.
    #[attr(computed)]
    principal: Value<String>,
}

impl Resource for DatabaseUser {
    const NAME: &'static str = "database_user";
    type Provider = FabricMirror;

    async fn plan(cx: &Context<FabricMirror>, change: &mut Change<Self>) -> Result<()> {
        let plan = &mut change.planned;
        let prior = change.prior.as_ref();
        cx.provider.plan_server(prior.map(|it| &it.server), &change.config.server, &mut plan.server)?;
        let Some(prior) = prior else { return plan.refuse_existing(cx).await };
        if prior.name != plan.name {
            plan.principal = plan.name.clone().map(|name| name.to_string());
        }
        if prior.login_name != plan.login_name {
            plan.sid = Value::Unknown;
        }
        Ok(())
    }

    async fn create(cx: &Context<FabricMirror>, mut plan: Self) -> Result<Self> {
        let server = cx.provider.sql(&plan.server)?;
        plan.server.default_with(|| server.instance().server().canonical().parse::<ServerName>().ok().map(Text).into());
        let (Some(database), Some(name), Some(login)) =
            (plan.database.known(), plan.name.known(), plan.login_name.known())
        else {
            return Err(incomplete(Self::NAME));
        };
        let new = NewUser {
            name: name.0.clone(),
            login: login.0.clone(),
            default_schema: plan.default_schema.known().map(|schema| schema.0.clone()),
        };
        let created = server.change().database(database).create_user(&new).await;
        if let Err(error) = created {
            // Lost on the way back: a user of this name for this login is the one that was just made.
            let lost = matches!(error, mssql_admin::Error::AnswerLost { .. });
            if !(lost && plan.is_there(&server).await?) {
                return Err(plan.import_hint(error));
            }
        }
        cx.keep(&Self { roles: Value::Known(BTreeSet::new()), ..plan.clone() });
        plan.set_roles(&server).await?;
        plan.read_back(&server).await
    }

    async fn read(cx: &Context<FabricMirror>, state: Self) -> Result<Option<Self>> {
        let server = cx.provider.sql(&state.server)?;
        let (Some(database), Some(name)) = (state.database.known(), state.name.known()) else { return Ok(None) };
        server.note_in_state(&[database.as_str(), name.as_str()]);
        let principals = server.principals(database).await?;
        let Some(user) = principals.find(name.as_str(), state.known_sid())? else { return Ok(None) };
        Ok(Some(state.matching(user, principals.login_of(user)?)))
    }

    async fn update(cx: &Context<FabricMirror>, prior: Self, plan: Self) -> Result<Self> {
        let server = cx.provider.sql(&plan.server)?;
        let (Some(database), Some(name), Some(new_name)) =
            (plan.database.known(), prior.name.known(), plan.name.known())
        else {
            return Err(incomplete(Self::NAME));
        };
        let database = server.change().database(database);
        let mut done = prior.clone();
        if name != new_name {
            database.rename_user(name, new_name).await?;
            (done.name, done.principal) = (plan.name.clone(), plan.principal.clone());
            cx.keep(&done);
        }
        if let Some(login) = plan.login_name.known().filter(|_| prior.login_name != plan.login_name) {
            database.map_user(new_name, login).await?;
            done.login_name = plan.login_name.clone();
            cx.keep(&done);
        }
        if let Some(schema) = plan.default_schema.known().filter(|_| prior.default_schema != plan.default_schema) {
            database.set_default_schema(new_name, schema).await?;
            done.default_schema = plan.default_schema.clone();
            cx.keep(&done);
        }
        if prior.roles != plan.roles {
            plan.set_roles(&server).await?;
        }
        plan.read_back(&server).await
    }

    async fn delete(cx: &Context<FabricMirror>, state: Self) -> Result<()> {
        let server = cx.provider.sql(&state.server)?;
        let (Some(database), Some(name)) = (state.database.known(), state.name.known()) else { return Ok(()) };
        let heir = state.transfer_schemas_to.known().map(|name| &name.0);
        Ok(server.change().database(database).drop_user(name, heir).await?)
    }

    /// `[server/]database/name`
    async fn import(cx: &Context<FabricMirror>, id: &str) -> Result<Self> {
        let (server, [database, name]) = import_id::split_with_server(id, ["database", "name"])?;
        Ok(Self {
            server: import_id::server(&cx.provider, server.as_deref())?,
            database: Text(import_id::name(&database)?).into(),
            name: Text(import_id::name(&name)?).into(),
            login_name: Value::Null,
            default_schema: Value::Null,
            roles: Value::Null,
            transfer_schemas_to: Value::Null,
            sid: Value::Null,
            principal: Value::Null,
        })
    }
}

impl DatabaseUser {
    fn known_sid(&self) -> Option<Sid> {
        self.sid.known().and_then(|sid| sid.parse().ok())
    }

    /// Says at plan time, when it can be seen, that the name is taken.
    async fn refuse_existing(&self, cx: &Context<FabricMirror>) -> Result<()> {
        let (Some(database), Some(name), true) = (self.database.known(), self.name.known(), self.server.is_known())
        else {
            return Ok(());
        };
        let Ok(server) = cx.provider.sql(&self.server) else { return Ok(()) };
        if server.is_in_state(&[database.as_str(), name.as_str()]) {
            return Ok(());
        }
        let Ok(principals) = server.principals(database).await else { return Ok(()) };
        match principals.find(name.as_str(), None) {
            Ok(Some(user)) => Err(self.import_hint(mssql_admin::Error::AlreadyExists {
                what: "user",
                name: user.name.clone(),
                details: principals.login_of(user).ok().flatten().map(|login| format!("for login {login}")),
            })),
            _ => Ok(()),
        }
    }

    fn import_hint(&self, error: mssql_admin::Error) -> Error {
        let exists = matches!(error, mssql_admin::Error::AlreadyExists { .. }) || error.number() == Some(15023);
        let error = Error::from(error);
        if !exists {
            return error;
        }
        let part = |name: &Value<Text<Identifier>>| name.known().map(|name| name.to_string()).unwrap_or_default();
        let id = import_id::of_server(&self.server, &[&part(&self.database), &part(&self.name)]);
        let import = import_id::block(Self::NAME, &id);
        error.hint(format!(
            "It was not made by this configuration, and is not taken over. To manage it, import it:\n\n{import}"
        ))
    }

    async fn is_there(&self, server: &Server) -> Result<bool> {
        let (Some(database), Some(name), Some(login)) =
            (self.database.known(), self.name.known(), self.login_name.known())
        else {
            return Ok(false);
        };
        let principals = server.instance().database(database).principals().await?;
        let Some(user) = principals.find(name.as_str(), None)? else { return Ok(false) };
        Ok(principals.login_of(user)?.is_some_and(|it| it.eq_ignore_ascii_case(login.as_str())))
    }

    async fn set_roles(&self, server: &Server) -> Result<()> {
        let (Some(database), Some(name), Some(wanted)) = (self.database.known(), self.name.known(), self.roles.known())
        else {
            return Ok(());
        };
        let database = server.change().database(database);
        let principals = database.principals().await?;
        let held = principals.find(name.as_str(), None)?.map(|user| user.roles.clone()).unwrap_or_default();
        Ok(database.set_roles(name, &held, wanted).await?)
    }

    async fn read_back(self, server: &Server) -> Result<Self> {
        let (Some(database), Some(name)) = (self.database.known(), self.name.known()) else {
            return Err(incomplete(Self::NAME));
        };
        let principals = server.instance().database(database).principals().await?;
        match principals.find(name.as_str(), None)? {
            Some(user) => Ok(self.matching(user, principals.login_of(user)?)),
            None => {
                Err(Diagnostic::error("The user is gone", "It was there a moment ago: somebody else drops it.").into())
            }
        }
    }

    /// This object with what the server holds.
    fn matching(mut self, user: &User, login: Option<&str>) -> Self {
        let name = |name: Option<&str>| name.and_then(|name| name.parse::<Identifier>().ok()).map(Text).into();
        self.name = name(Some(&user.name));
        // Names of logins are equal whatever their case: the configuration's spelling stays.
        let same = self.login_name.known().zip(login);
        if !same.is_some_and(|(prior, login)| prior.as_str().eq_ignore_ascii_case(login)) {
            self.login_name = name(login);
        }
        self.default_schema = name(user.default_schema.as_deref());
        self.roles = super::names_as_spelled(&self.roles, &user.roles);
        self.sid = user.sid.map(|sid| sid.to_string()).into();
        self.principal = user.name.as_str().into();
        self
    }
}
