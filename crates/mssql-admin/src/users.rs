//! What is done to users of a database: by SID where one is known, never to somebody else who has the name (sql-mi facts
//! §2).

use std::collections::BTreeSet;

use crate::database::Database;
use crate::error::{Error, Fault, Result};
use crate::permission::PermissionState;
use crate::principals::{DatabasePrincipals, Known, Principal, PrincipalKind};
use crate::retry::Effect;
use crate::setup;
use crate::sid::AnySid;
use crate::statement::{Identifier, Literal, Part, Statement};

#[derive(Clone, Debug)]
pub struct NewUser {
    pub name: Identifier,
    pub login: Identifier,
    pub default_schema: Option<Identifier>,
    pub roles: BTreeSet<Identifier>,
}

/// How often a change whose answer was lost, or whose user has another name by now, is looked after.
const ATTEMPTS: u32 = 4;

impl Database {
    /// Creates a user for a login, in its roles: all of it or nothing. After a lost answer a user of this name that is mapped
    /// to this login and as bare as a new one is the one that was made.
    pub async fn create_user(&self, new: &NewUser) -> Result<()> {
        let mut statement = Statement::default();
        if !new.roles.is_empty() {
            statement.add("SET XACT_ABORT ON;\nBEGIN TRANSACTION;", &[]);
        }
        setup::create_user(&mut statement, &new.name, &new.login, new.default_schema.as_ref());
        for role in &new.roles {
            statement.add("ALTER ROLE {} ADD MEMBER {};", &[role, &new.name]);
        }
        if !new.roles.is_empty() {
            statement.add("COMMIT TRANSACTION;", &[]);
        }
        // Of the two, ALTER ROLE alone answers so: a login that is not there is 15007.
        let is_role = |error: &Error| error.number() == Some(15151) && !new.roles.is_empty();
        let mut may_repeat = true;
        loop {
            let error = match self.send(&statement, Effect::Once).await {
                Err(error) if error.is_lost() => error,
                Err(error) if is_role(&error) => return Err(error.about(Fault::Role)),
                Err(error) => return Err(error.about(Fault::Login)),
                Ok(_) => return Ok(()),
            };
            let Ok(principals) = self.principals().await else { return Err(error) };
            match principals.named(new.name.as_str()) {
                Some(user) if is_new(&principals, user, new) => return Ok(()),
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

    /// Renames a user. `name` is what it was called last; with a SID it is found whatever it is called now.
    pub async fn rename_user(&self, sid: Option<&str>, name: &Identifier, new_name: &Identifier) -> Result<()> {
        let gone = || Error::NotFound { what: "user", name: name.to_string(), fault: Fault::Name };
        let mut current = name.clone();
        for _ in 0..ATTEMPTS {
            let mut statement = Statement::default();
            guard(&mut statement, sid, &current)?;
            statement.add("ALTER USER {} WITH NAME = {};", &[&current, new_name]);
            unguarded(&mut statement, sid);
            let error = match self.send(&statement, Effect::Once).await {
                Ok(results) if results.iter().all(Vec::is_empty) => return Ok(()),
                Ok(_) => None,
                Err(error) if error.is_lost() || error.number() == Some(15151) => Some(error),
                Err(error) => return Err(error.about(Fault::Name)),
            };
            let principals = self.after(error.as_ref()).await?;
            let found = match principals.meant(Known { identity: None, sid, name: current.as_str() })? {
                None if sid.is_none() => principals.meant(new_name.as_str().into())?,
                found => found,
            };
            match (found, error) {
                // Done, by us or by somebody else.
                (Some(user), _) if new_name.is_exactly(&user.name) => return Ok(()),
                (Some(_), Some(error)) if !error.is_lost() => return Err(error.about(Fault::Name)),
                (Some(user), _) => current = user.name.parse().map_err(|_| gone())?,
                (None, _) => return Err(gone()),
            }
        }
        Err(gone())
    }

    /// Maps a user to another login, or an orphan to its login again. Needs CONTROL on the database. `user` is what it is
    /// called now: the caller has found it by its SID.
    pub async fn map_user(&self, user: &Identifier, login: &Identifier) -> Result<()> {
        let statement = Statement::new("ALTER USER {} WITH LOGIN = {};", &[user, login]);
        self.send(&statement, Effect::Repeatable).await.map(drop).map_err(|error| error.about(Fault::Login))
    }

    /// `user` is what it is called now.
    pub async fn set_default_schema(&self, user: &Identifier, schema: &Identifier) -> Result<()> {
        let statement = Statement::new("ALTER USER {} WITH DEFAULT_SCHEMA = {};", &[user, schema]);
        self.send(&statement, Effect::Repeatable).await.map(drop).map_err(|error| error.about(Fault::Schema))
    }

    /// Adds and removes memberships of database roles, in one transaction. `user` is what it is called now.
    pub async fn change_roles(&self, user: &Identifier, add: &[Identifier], remove: &[Identifier]) -> Result<()> {
        if add.is_empty() && remove.is_empty() {
            return Ok(());
        }
        let mut statement = Statement::new("SET XACT_ABORT ON;\nBEGIN TRANSACTION;", &[]);
        for role in add {
            statement.add("ALTER ROLE {} ADD MEMBER {};", &[role, user]);
        }
        for role in remove {
            statement.add("ALTER ROLE {} DROP MEMBER {};", &[role, user]);
        }
        statement.add("COMMIT TRANSACTION;", &[]);
        match self.send(&statement, Effect::Repeatable).await {
            // 15151: not permitted, or what should go is gone already, as it is when this is sent a second time.
            Err(error) if error.number() == Some(15151) => {
                let principals = self.principals().await?;
                let held = principals.named(user.as_str()).map(|user| &user.roles);
                let is_done = held.is_some_and(|held| {
                    add.iter().all(|role| held.contains(role)) && !remove.iter().any(|role| held.contains(role))
                });
                if is_done { Ok(()) } else { Err(error.about(Fault::Role)) }
            }
            result => result.map(drop).map_err(|error| error.about(Fault::Role)),
        }
    }

    /// Drops a user: that of the SID, whatever it is called now; by name only when no SID is known. Gone already is done, if
    /// that is proven. Schemas it owns are given to `transfer_schemas_to` first; without that, owning one is an error.
    pub async fn drop_user(
        &self,
        sid: Option<&str>,
        name: &Identifier,
        transfer_schemas_to: Option<&Identifier>,
    ) -> Result<()> {
        let mut current = name.clone();
        for attempt in 1.. {
            let statement = self.drop_statement(sid, &current, transfer_schemas_to).await?;
            let error = match self.send(&statement, Effect::Once).await {
                Ok(results) if results.iter().all(Vec::is_empty) => return Ok(()),
                Ok(_) => None,
                // 15151: it is not there, or may not be dropped. Only the catalog tells.
                Err(error) if error.is_lost() || error.number() == Some(15151) => Some(error),
                Err(error) => return Err(error.about(Fault::Name)),
            };
            let principals = self.after(error.as_ref()).await?;
            match (principals.meant(Known { identity: None, sid, name: current.as_str() })?, error) {
                (None, _) => return Ok(()),
                (Some(_), Some(error)) if !error.is_lost() || attempt >= ATTEMPTS => {
                    return Err(error.about(Fault::Name));
                }
                (Some(user), None) if attempt >= ATTEMPTS => {
                    return Err(Error::NotFound { what: "user", name: user.name.clone(), fault: Fault::Name });
                }
                (Some(user), _) => {
                    let illegal = |_| Error::NotFound { what: "user", name: name.to_string(), fault: Fault::Name };
                    current = user.name.parse().map_err(illegal)?;
                }
            }
        }
        Ok(())
    }

    /// The catalog after a change that failed or met nobody. Where the answer was lost and the look fails too, the outcome is
    /// not known, and the first error says so.
    async fn after(&self, error: Option<&Error>) -> Result<DatabasePrincipals> {
        self.principals().await.map_err(|look| match error {
            Some(lost) if lost.is_lost() => lost.clone(),
            _ => look,
        })
    }

    async fn drop_statement(
        &self,
        sid: Option<&str>,
        user: &Identifier,
        transfer_schemas_to: Option<&Identifier>,
    ) -> Result<Statement> {
        let mut statement = Statement::new("SET XACT_ABORT ON;\nBEGIN TRANSACTION;", &[]);
        guard(&mut statement, sid, user)?;
        if sid.is_some() {
            statement.add("BEGIN", &[]);
        }
        if let Some(owner) = transfer_schemas_to {
            for schema in self.schemas_of(sid, user).await? {
                statement.add("ALTER AUTHORIZATION ON SCHEMA::{} TO {};", &[&schema, owner]);
            }
        }
        statement.add("DROP USER {};", &[user]);
        if sid.is_some() {
            statement.add("END", &[]);
        }
        unguarded(&mut statement, sid);
        statement.add("COMMIT TRANSACTION;", &[]);
        Ok(statement)
    }

    async fn schemas_of(&self, sid: Option<&str>, owner: &Identifier) -> Result<Vec<Identifier>> {
        let by_sid = sid.map(|sid| legal(sid, owner)).transpose()?;
        let statement = match &by_sid {
            Some(sid) => Statement::new(
                "SELECT s.name AS name FROM sys.schemas AS s JOIN sys.database_principals AS p
    ON p.principal_id = s.principal_id WHERE p.sid = {};",
                &[sid],
            ),
            None => Statement::new(
                "SELECT s.name AS name FROM sys.schemas AS s JOIN sys.database_principals AS p
    ON p.principal_id = s.principal_id WHERE p.name = {};",
                &[&Literal(owner.as_str())],
            ),
        };
        let results = self.read(&statement).await?;
        let names = results.iter().flatten().map(|row| row.required_text("name"));
        names
            .map(|name| name.and_then(|name| name.parse().map_err(|error| format!("{name}: {error}"))))
            .collect::<Result<_, String>>()
            .map_err(|cause| self.unreadable(cause))
    }
}

/// What follows is only run if the name still belongs to the SID: somebody else may have taken it.
fn guard(statement: &mut Statement, sid: Option<&str>, user: &Identifier) -> Result<()> {
    if let Some(sid) = sid {
        let sid = legal(sid, user)?;
        let name = Literal(user.as_str());
        statement.add(
            "IF EXISTS (SELECT 1 FROM sys.database_principals WHERE name = {} AND sid = {})",
            &[&name as &dyn Part, &sid],
        );
    }
    Ok(())
}

fn unguarded(statement: &mut Statement, sid: Option<&str>) {
    if sid.is_some() {
        statement.add("ELSE SELECT 1 AS absent;", &[]);
    }
}

/// A text that is no SID belongs to nobody.
fn legal(sid: &str, user: &Identifier) -> Result<AnySid> {
    AnySid::new(sid).ok_or_else(|| Error::NotFound { what: "user", name: user.to_string(), fault: Fault::Sid })
}

/// As its creation leaves it: mapped to the login, with its schema, in its roles, with CONNECT and nothing else.
fn is_new(principals: &DatabasePrincipals, user: &Principal, new: &NewUser) -> bool {
    let schema = match &new.default_schema {
        Some(schema) => user.default_schema.as_deref().is_some_and(|held| schema.is(held)),
        None => user.default_schema.as_deref().is_none_or(|held| held == "dbo"),
    };
    let is_connect = |rows: Vec<&crate::Permission>| {
        rows.iter().all(|row| row.name.as_str() == "CONNECT" && row.state == PermissionState::Granted)
    };
    user.kind != PrincipalKind::Role
        && user.login.as_ref().is_some_and(|login| new.login.is(&login.name))
        && schema
        && user.roles == new.roles
        // Permissions that cannot be seen are not held against it: name and login are ours.
        && principals.permissions_of(user).map_or(true, is_connect)
}
