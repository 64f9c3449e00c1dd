//! What is done to users of a database: each of it in one batch that answers what is there then, to the principal that was
//! found and nobody else who has its name (sql-mi facts §2).

use std::collections::BTreeSet;

use crate::database::{Database, add_guard, add_look};
use crate::entra::{Entra, KnownBy, patience};
use crate::error::{Error, Fault, Result};
use crate::login_changes::has;
use crate::needs;
use crate::permission::PermissionState;
use crate::principals::{DatabasePrincipals, Known, Principal, PrincipalKind};
use crate::retry::Effect;
use crate::setup;
use crate::sid::Sid;
use crate::sought::Sought;
use crate::statement::{Identifier, Literal, Number, Part, Statement};

#[derive(Clone, Debug)]
pub struct NewUser {
    pub name: Identifier,
    pub source: UserSource,
    pub default_schema: Option<Identifier>,
    pub roles: BTreeSet<Identifier>,
}

/// Who enters the database as a user.
#[derive(Clone, Debug)]
pub enum UserSource {
    /// Whoever logs in to the server as this login.
    Login(Identifier),
    /// An Entra principal, without a login.
    Entra(Entra),
}

/// What differs; `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    pub name: Option<Identifier>,
    /// Maps the user to another login, or an orphan to its login again: sent where it is not so yet, and needs CONTROL on the
    /// database then.
    pub login: Option<Identifier>,
    pub default_schema: Option<Identifier>,
    pub added_roles: Vec<Identifier>,
    pub removed_roles: Vec<Identifier>,
}

/// How often a change whose answer was lost, or whose user has another name by now, is looked after.
const ATTEMPTS: u32 = 4;

const BEGIN: &str = "SET NOCOUNT ON;\nSET XACT_ABORT ON;\nBEGIN TRANSACTION;";

impl NewUser {
    fn statement(&self) -> Statement {
        let mut statement = Statement::new(BEGIN, &[]);
        let name = &self.name;
        match (&self.source, &self.default_schema) {
            (UserSource::Login(login), schema) => {
                setup::create_user(&mut statement, name, login, schema.as_ref());
            }
            (UserSource::Entra(Entra { known_by: KnownBy::ObjectId(id), .. }), Some(schema)) => statement.add(
                "CREATE USER {} FROM EXTERNAL PROVIDER WITH OBJECT_ID = '{}', DEFAULT_SCHEMA = {};",
                &[name, id, schema],
            ),
            (UserSource::Entra(Entra { known_by: KnownBy::ObjectId(id), .. }), None) => {
                statement.add("CREATE USER {} FROM EXTERNAL PROVIDER WITH OBJECT_ID = '{}';", &[name, id]);
            }
            (UserSource::Entra(_), Some(schema)) => {
                statement.add("CREATE USER {} FROM EXTERNAL PROVIDER WITH DEFAULT_SCHEMA = {};", &[name, schema]);
            }
            (UserSource::Entra(_), None) => statement.add("CREATE USER {} FROM EXTERNAL PROVIDER;", &[name]),
        }
        if let UserSource::Entra(entra) = &self.source {
            // Whom the directory took the name for: an instance takes no client id for a user (sql-mi facts §1.1), so it is
            // compared afterwards.
            statement.add(
                "IF EXISTS (SELECT 1 FROM sys.database_principals WHERE name = {} AND (RTRIM(type) <> '{}'{}))
BEGIN
ROLLBACK TRANSACTION;
SELECT 1 AS other_kind;
RETURN;
END",
                &[&Literal(name.as_str()) as &dyn Part, &entra.letter(), &OrSid(entra)],
            );
        }
        for role in &self.roles {
            statement.add("ALTER ROLE {} ADD MEMBER {};", &[role, name]);
        }
        statement.add("COMMIT TRANSACTION;", &[]);
        add_look(&mut statement, &Sought::default().or_named(name));
        statement
    }

    fn meant(&self) -> &'static str {
        match &self.source {
            UserSource::Login(_) => PrincipalKind::SqlUser.describe(),
            UserSource::Entra(Entra { is_group: true, .. }) => PrincipalKind::ExternalGroup.describe(),
            UserSource::Entra(Entra { known_by: KnownBy::ClientId(_), .. }) => "the application of this client id",
            UserSource::Entra(_) => PrincipalKind::ExternalUser.describe(),
        }
    }

    /// As its creation leaves it: mapped to the login, with its schema, in its roles, with CONNECT and nothing else.
    fn is_made(&self, principals: &DatabasePrincipals, user: &Principal) -> bool {
        let schema = match &self.default_schema {
            Some(schema) => user.default_schema.as_deref().is_some_and(|held| schema.is(held)),
            None => user.default_schema.as_deref().is_none_or(|held| held == "dbo"),
        };
        let is_connect = |rows: Vec<&crate::Permission>| {
            rows.iter().all(|row| row.name.as_str() == "CONNECT" && row.state == PermissionState::Granted)
        };
        let is_meant = match &self.source {
            UserSource::Login(login) => user.login.as_ref().is_some_and(|held| login.is(&held.name)),
            UserSource::Entra(entra) => {
                let kind = if entra.is_group { PrincipalKind::ExternalGroup } else { PrincipalKind::ExternalUser };
                let is_sid = |id| user.sid.eq_ignore_ascii_case(&Sid::from(id).to_string());
                user.kind == kind && !matches!(entra.known_by, KnownBy::ClientId(id) if !is_sid(id))
            }
        };
        user.kind != PrincipalKind::Role
            && is_meant
            && schema
            && user.roles == self.roles
            // Permissions that cannot be seen are not held against it: name and login are ours.
            && principals.permissions_of(user).map_or(true, is_connect)
    }
}

/// ` OR sid <> 0x…`, where the SID is known.
struct OrSid<'a>(&'a Entra);

impl Part for OrSid<'_> {
    fn write(&self, statement: &mut String) {
        if let KnownBy::ClientId(id) = self.0.known_by {
            statement.push_str(" OR sid <> ");
            Sid::from(id).write(statement);
        }
    }
}

impl UserChange {
    pub fn is_nothing(&self) -> bool {
        self.size() == 0
    }

    fn size(&self) -> usize {
        usize::from(self.name.is_some())
            + usize::from(self.login.is_some())
            + usize::from(self.default_schema.is_some())
            + self.added_roles.len()
            + self.removed_roles.len()
    }

    /// The name comes last.
    fn add_to(&self, statement: &mut Statement, user: &Principal, name: &Identifier) {
        for role in &self.added_roles {
            statement.add("ALTER ROLE {} ADD MEMBER {};", &[role, name]);
        }
        for role in &self.removed_roles {
            statement.add("ALTER ROLE {} DROP MEMBER {};", &[role, name]);
        }
        if let Some(login) = &self.login {
            statement.add(
                "IF NOT EXISTS (SELECT 1 FROM sys.database_principals AS u JOIN sys.server_principals AS l ON l.sid = u.sid
    WHERE u.principal_id = {} AND l.name = {})
    ALTER USER {} WITH LOGIN = {};",
                &[&Number(user.id), &Literal(login.as_str()), name, login],
            );
        }
        if let Some(schema) = &self.default_schema {
            statement.add("ALTER USER {} WITH DEFAULT_SCHEMA = {};", &[name, schema]);
        }
        if let Some(new_name) = &self.name {
            statement.add("ALTER USER {} WITH NAME = {};", &[name, new_name]);
        }
    }

    /// What of it is not so yet.
    fn missing_in(&self, user: &Principal) -> Self {
        let has = |role: &&Identifier| user.roles.contains(*role);
        let login = user.login.as_ref();
        Self {
            name: self.name.clone().filter(|name| !name.is_exactly(&user.name)),
            login: self.login.clone().filter(|wanted| !login.is_some_and(|held| wanted.is(&held.name))),
            default_schema: self
                .default_schema
                .clone()
                .filter(|wanted| !user.default_schema.as_deref().is_some_and(|held| wanted.is(held))),
            added_roles: self.added_roles.iter().filter(|role| !has(role)).cloned().collect(),
            removed_roles: self.removed_roles.iter().filter(has).cloned().collect(),
        }
    }

    /// What a refusal is about whose number does not tell.
    fn fault(&self, error: &Error) -> Fault {
        match error {
            error if error.is_about("role") => Fault::Role,
            _ if self.login.is_some() => Fault::Login,
            _ if self.default_schema.is_some() => Fault::Schema,
            _ if self.name.is_none() => Fault::Role,
            _ => Fault::Name,
        }
    }
}

impl Database {
    /// Creates a user, in its roles: all of it or nothing, in one round trip. Answers what a look shows then. After a lost answer
    /// a user of this name that is mapped to this login and as bare as a new one is the one that was made.
    pub async fn create_user(&self, new: &NewUser) -> Result<Result<DatabasePrincipals>> {
        let statement = new.statement();
        // Of the two, ALTER ROLE alone answers so: a login that is not there is 15007.
        let is_role = |error: &Error| error.number() == Some(15151) && !new.roles.is_empty();
        let (mut may_repeat, mut pauses) = (true, patience());
        loop {
            let error = match self.send(&statement, Effect::Once).await {
                Ok(results) if has(&results, "other_kind") => {
                    return Err(Error::OtherKind { name: new.name.to_string(), meant: new.meant() });
                }
                Ok(results) => return Ok(self.looked(&results).await),
                Err(error) => error,
            };
            if error.is_unknown_identity()
                && let Some(pause) = pauses.next()
            {
                self.sleep(pause).await?;
                continue;
            }
            match error {
                error if !error.is_lost() && is_role(&error) => {
                    return Err(error.about(Fault::Role).needing(needs::MEMBERS));
                }
                error if !error.is_lost() => return Err(error.about(Fault::Login).needing(needs::USERS)),
                _ => {}
            }
            let sought = Sought::default().or_named(&new.name);
            let Ok(principals) = self.principals_like(&sought).await else { return Err(error) };
            match principals.named(new.name.as_str()) {
                Some(user) if new.is_made(&principals, user) => return Ok(Ok(principals)),
                Some(user) => {
                    return Err(Error::AlreadyExists {
                        what: "principal",
                        name: user.name.clone(),
                        details: Some(format!("{}, SID {}", user.kind.describe(), user.sid)),
                    });
                }
                // It provably did not happen.
                None if principals.sees_users && may_repeat => may_repeat = false,
                None => return Err(error),
            }
        }
    }

    /// Changes what differs, all of it or nothing, in one round trip: of the user that was found before, whatever it is
    /// called by now. Answers what a look shows then.
    pub async fn change_user(&self, user: &Principal, change: &UserChange) -> Result<Result<DatabasePrincipals>> {
        let gone = || Error::NotFound { what: "user", name: user.name.clone(), fault: Fault::Name };
        let sought = Sought::number(user.id);
        let (mut now, mut rest) = (user.clone(), change.clone());
        for _ in 0..ATTEMPTS {
            let current: Identifier = now.name.parse().map_err(|_| gone())?;
            let mut statement = Statement::new(BEGIN, &[]);
            add_guard(&mut statement, &now, &current);
            rest.add_to(&mut statement, &now, &current);
            statement.add("END\nELSE SELECT 1 AS absent;\nCOMMIT TRANSACTION;", &[]);
            add_look(&mut statement, &sought);
            let error = match self.send(&statement, Effect::Once).await {
                Ok(results) if has(&results, "absent") => None,
                Ok(results) => return Ok(self.looked(&results).await),
                // 15151: not permitted, or what should go is gone already, as it is when this is sent a second time.
                Err(error) if error.is_lost() || error.number() == Some(15151) => Some(error),
                Err(error) => return Err(self.blamed(error, &rest)),
            };
            let principals = self.after(error.as_ref(), Some(&sought)).await?;
            let found = principals.meant(Known { identity: Some(&user.identity()), sid: None, name: &now.name })?;
            let found = found.cloned().ok_or_else(gone)?;
            let missing = rest.missing_in(&found);
            match error {
                _ if missing.is_nothing() => return Ok(Ok(principals)),
                Some(error) if !error.is_lost() && missing.size() == rest.size() => {
                    return Err(self.blamed(error, &rest));
                }
                _ => (now, rest) = (found, missing),
            }
        }
        Err(gone())
    }

    fn blamed(&self, error: Error, change: &UserChange) -> Error {
        let needs = match &change.login {
            _ if error.is_about("role") => needs::MEMBERS,
            Some(_) => needs::MAPPING,
            None => needs::USERS,
        };
        let fault = change.fault(&error);
        error.about(fault).needing(needs)
    }

    /// Drops the user that was found before, whatever it is called by now. Gone already is done, if that is proven. Schemas it
    /// owns are given to `transfer_schemas_to` first; without that, owning one is an error. Answers what a look shows then,
    /// for it and for whoever has its name, or the last one that is known.
    pub async fn drop_user(
        &self,
        principals: &DatabasePrincipals,
        user: &Principal,
        transfer_schemas_to: Option<&Identifier>,
        last_name: &Identifier,
    ) -> Result<Result<DatabasePrincipals>> {
        let gone = || Error::NotFound { what: "user", name: user.name.clone(), fault: Fault::Name };
        let mut now = user.clone();
        let mut schemas: Vec<Identifier> =
            principals.schemas_of(user).map(str::parse).collect::<Result<_, _>>().map_err(|_| gone())?;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let current: Identifier = now.name.parse().map_err(|_| gone())?;
            let sought = Sought::number(user.id).or_named(&current).or_named(last_name);
            let mut statement = Statement::new(BEGIN, &[]);
            add_guard(&mut statement, &now, &current);
            if let Some(owner) = transfer_schemas_to {
                for schema in &schemas {
                    statement.add("ALTER AUTHORIZATION ON SCHEMA::{} TO {};", &[schema, owner]);
                }
            }
            statement.add("DROP USER {};\nEND\nELSE SELECT 1 AS absent;\nCOMMIT TRANSACTION;", &[&current]);
            add_look(&mut statement, &sought);
            let error = match self.send(&statement, Effect::Once).await {
                Ok(results) if has(&results, "absent") => None,
                Ok(results) => return Ok(self.looked(&results).await),
                // 15151: it is not there, or may not be dropped. Only the catalog tells.
                Err(error) if error.is_lost() || error.number() == Some(15151) => Some(error),
                Err(error) => return Err(error.about(Fault::Name)),
            };
            let principals = self.after(error.as_ref(), Some(&sought)).await?;
            let identity = user.identity();
            match (principals.meant(Known { identity: Some(&identity), sid: None, name: &now.name })?, error) {
                (None, _) => return Ok(Ok(principals)),
                (Some(_), Some(error)) if !error.is_lost() || attempt >= ATTEMPTS => {
                    let needs = if error.is_about("user") { needs::USERS } else { needs::SCHEMAS };
                    return Err(error.about(Fault::Name).needing(needs));
                }
                (Some(_), None) if attempt >= ATTEMPTS => return Err(gone()),
                (Some(user), _) => {
                    now = user.clone();
                    schemas =
                        principals.schemas_of(user).map(str::parse).collect::<Result<_, _>>().map_err(|_| gone())?;
                }
            }
        }
    }

    /// The catalog after a change that failed or met nobody. Where the answer was lost and the look fails too, the outcome is
    /// not known, and the first error says so.
    pub(crate) async fn after(&self, error: Option<&Error>, sought: Option<&Sought>) -> Result<DatabasePrincipals> {
        let looked = match sought {
            Some(sought) => self.principals_like(sought).await,
            None => self.principals().await,
        };
        looked.map_err(|look| match error {
            Some(lost) if lost.is_lost() => lost.clone(),
            _ => look,
        })
    }
}
