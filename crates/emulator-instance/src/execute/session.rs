//! USE, EXECUTE AS, KILL, WAITFOR.

use std::time::Duration;

use super::super::access::{Identity, Target};
use super::super::errors;
use super::super::errors::cancelled;
use super::super::permissions::Class;
use super::{Kind, Run};
use emulator_ground::engine::{Message, Outcome};
use emulator_tsql::ast::Expr;

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
            return Err(errors::no_access(login, &database.name));
        }
        database.opens()?;
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
            self.session.no_revert = true;
        } else {
            self.session.identities.push(identity);
        }
        self.done(Kind::Other, None);
        Ok(())
    }

    /// 15196 after NO REVERT, 15199 in another database than the one where a user's context began.
    pub(super) fn revert(&mut self) -> Result<(), Message> {
        if let Identity::User { database, .. } = self.session.identity()
            && database != self.session.database
            && self.session.identities.len() > 1
        {
            let text = "The current security context cannot be reverted. Please switch to the original database where 'Execute As' was called and try it again.";
            return Err(Message::new(15199, 16, 1, text));
        }
        if self.session.identities.len() > 1 {
            self.session.identities.pop();
        } else if self.session.no_revert {
            let text = "The current security context is non-revertible. The \"Revert\" statement failed.";
            return Err(Message::new(15196, 16, 1, text));
        }
        self.done(Kind::Other, None);
        Ok(())
    }

    pub(super) fn kill(&mut self, id: i64) -> Result<(), Message> {
        let may = self.session.read(self.cancel, |work| Ok(work.may_server("ALTER ANY CONNECTION")))?;
        if !may {
            return Err(Message::new(6102, 14, 1, "User does not have permission to use the KILL statement."));
        }
        if self.session.transactions > 0 {
            return Err(Message::new(6115, 16, 1, "KILL command cannot be used inside user transactions."));
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
        // "Dates can't be specified": a time alone.
        let timed = text.contains(':') && !text.contains(['-', '/', 'T', 't']);
        let (_, ticks, _) = super::super::moments::parse(&text).filter(|_| timed).ok_or_else(bad)?;
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
