//! USE, SET, EXECUTE AS, KILL, WAITFOR.

use std::time::Duration;

use super::super::access::{Identity, Target};
use super::super::databases;
use super::super::errors;
use super::super::permissions::Class;
use super::super::session::cancelled;
use super::{Kind, Run};
use crate::engine::{Message, Outcome};
use crate::tsql::ast::{Expr, SetOption};
use crate::value::Value;

impl Run<'_> {
    pub(super) fn use_database(&mut self, name: &str) -> Result<(), Message> {
        let state = self.session.state();
        let Some(database) = state.database_named(name) else {
            return Err(Message::new(
                911,
                16,
                1,
                format!("Database '{name}' does not exist. Make sure that the name is entered correctly."),
            ));
        };
        if state.token(self.session.identity(), database.id).user.is_none() {
            let login = match self.session.identity() {
                Identity::Login(id) => state.server_principals.get(&id).map_or("", |l| l.name.as_str()),
                Identity::User { .. } => "",
                Identity::Contained { .. } => self.session.name(),
            };
            return Err(databases::no_access(login, &database.name));
        }
        let old = state.database(self.session.database).map_or_else(String::new, |d| d.name.clone());
        self.session.database = database.id;
        self.session.note();
        (self.out)(Outcome::DatabaseChanged { new: database.name.clone(), old });
        (self.out)(Outcome::Message(Message::new(
            5701,
            0,
            2,
            format!("Changed database context to '{}'.", database.name),
        )));
        self.done(Kind::Other, None);
        Ok(())
    }

    pub(super) fn set(&mut self, option: &SetOption) -> Result<(), Message> {
        match option {
            SetOption::Switch { names, on } => {
                for name in names {
                    match name.as_str() {
                        "QUOTED_IDENTIFIER" => self.session.settings.quoted_identifiers = *on,
                        "ANSI_DEFAULTS" if *on => self.session.settings.quoted_identifiers = true,
                        "NOCOUNT" => self.session.settings.no_count = *on,
                        "XACT_ABORT" => self.session.settings.xact_abort = *on,
                        "IMPLICIT_TRANSACTIONS" => self.session.settings.implicit_transactions = *on,
                        "ANSI_NULLS" | "ANSI_PADDING" | "CONCAT_NULL_YIELDS_NULL" if !*on => {
                            return Err(errors::outside(&format!("SET {name} OFF")));
                        }
                        "FMTONLY" | "NOEXEC" | "PARSEONLY" | "SHOWPLAN_ALL" | "SHOWPLAN_TEXT" | "SHOWPLAN_XML"
                            if *on =>
                        {
                            return Err(errors::outside(&format!("SET {name} ON")));
                        }
                        _ => {}
                    }
                }
            }
            SetOption::Value { name, value } => {
                let (_, value) = self.value(value)?;
                let number = if let Value::Int(n) = value { n } else { 0 };
                match name.as_str() {
                    "LOCK_TIMEOUT" => self.session.settings.lock_timeout = number,
                    "ROWCOUNT" => self.session.settings.row_limit = number,
                    "LANGUAGE" => {
                        let language = if let Value::Text(text) = value { text } else { String::new() };
                        if !matches!(language.to_ascii_lowercase().as_str(), "us_english" | "english") {
                            return Err(errors::outside("languages other than us_english"));
                        }
                        (self.out)(Outcome::LanguageChanged { new: "us_english".into(), old: "us_english".into() });
                        (self.out)(Outcome::Message(Message::new(
                            5703,
                            0,
                            1,
                            "Changed language setting to us_english.",
                        )));
                    }
                    "DATEFIRST" if number != 7 => return Err(errors::outside("SET DATEFIRST other than 7")),
                    "DATEFORMAT" if value != Value::Text("mdy".into()) => {
                        return Err(errors::outside("SET DATEFORMAT other than mdy"));
                    }
                    _ => {}
                }
            }
            // Accepted without effect: writers always exclude each other, and readers see what is committed and wait for
            // rows that another transaction has changed. Reads are not repeatable, whatever the level.
            SetOption::IsolationLevel("SNAPSHOT") => return Err(errors::outside("SNAPSHOT isolation")),
            SetOption::IsolationLevel(_) => {}
            SetOption::IdentityInsert { table, on } => {
                let found = self.session.read(self.cancel, |work| {
                    let database = work.database()?;
                    let found = work.meant(&database, table).and_then(|object| database.tables.get(&object.id)).cloned();
                    let may = found.as_ref().is_some_and(|t| work.state.may(&work.token(), Target::in_database(Class::Object, database.id, t.id), "ALTER"));
                    found.filter(|_| may).map(|t| (database.id, t.id)).ok_or_else(|| {
                        Message::new(1088, 16, 11, format!("Cannot find the object \"{}\" because it does not exist or you do not have permissions.", table.written()))
                    })
                })?;
                self.session.settings.identity_insert = on.then_some(found);
            }
        }
        self.done(Kind::Other, None);
        Ok(())
    }

    pub(super) fn execute_as(&mut self, login: bool, name: &Expr, no_revert: bool) -> Result<(), Message> {
        let name = self.text_of(name)?;
        let state = self.session.state();
        let database = self.session.database;
        let token = state.token(self.session.identity(), database);
        let refused = || {
            let text = format!(
                "Cannot execute as the {} principal because the principal \"{name}\" does not exist, this type of principal cannot be impersonated, or you do not have permission.",
                if login { "server" } else { "database" }
            );
            Message::new(if login { 15406 } else { 15517 }, 16, 1, text)
        };
        let identity = if login {
            let found =
                state.login(&name).filter(|l| state.may(&token, Target::on_server(Class::Login, l.id), "IMPERSONATE"));
            Identity::Login(found.ok_or_else(refused)?.id)
        } else {
            let here = state.database(database).ok_or_else(refused)?;
            let user = here
                .user(&name)
                .filter(|u| state.may(&token, Target::in_database(Class::User, database, u.id), "IMPERSONATE"));
            Identity::User { database, user: user.ok_or_else(refused)?.id }
        };
        if no_revert {
            self.session.identities = vec![identity];
        } else {
            self.session.identities.push(identity);
        }
        self.done(Kind::Other, None);
        Ok(())
    }

    pub(super) fn kill(&mut self, id: i64) -> Result<(), Message> {
        let may = self.session.read(self.cancel, |work| Ok(work.may_server("ALTER ANY CONNECTION")))?;
        if !may {
            return Err(Message::new(6102, 14, 1, "User does not have permission to use the KILL statement."));
        }
        if !(1..=i64::from(i16::MAX)).contains(&id) {
            return Err(Message::new(6101, 16, 1, format!("Session ID {id} is not valid.")));
        }
        if id < 51 {
            return Err(Message::new(6107, 14, 1, "Only user processes can be killed."));
        }
        let target = u16::try_from(id).ok();
        if target == Some(self.session.id) {
            return Err(Message::new(6104, 16, 1, "Cannot use KILL to kill your own process."));
        }
        if !target.is_some_and(|id| self.session.kill(id)) {
            return Err(Message::new(6106, 16, 2, format!("Process ID {id} is not an active process ID.")));
        }
        self.done(Kind::Other, None);
        Ok(())
    }

    pub(super) fn wait(&mut self, delay: &Expr) -> Result<(), Message> {
        let text = self.text_of(delay)?;
        let bad =
            || Message::new(148, 15, 1, format!("Incorrect time syntax in time string '{text}' used with WAITFOR."));
        let (_, ticks, _) = super::super::moments::parse(&text).filter(|_| text.contains(':')).ok_or_else(bad)?;
        let end = self.session.instance.clock.elapsed() + Duration::from_nanos(ticks * 100);
        while self.session.instance.clock.elapsed() < end {
            if self.cancel.is_set() || self.session.is_killed() {
                return Err(cancelled());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        self.done(Kind::Other, None);
        Ok(())
    }
}
