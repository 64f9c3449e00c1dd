//! ALTER DATABASE … SET, as far as it decides whether a database can be mirrored or is read beside it.

use super::access::Target;
use super::errors;
use super::work::Work;
use emulator_ground::engine::Message;
use emulator_ground::world::UpdatePolicy;
use emulator_tsql::ast::DatabaseOption;

impl Work<'_> {
    /// 226 within a transaction, 5011 without ALTER on the database, without the database or while it cannot be opened; the caller adds 5069.
    pub fn alter_database(&mut self, name: Option<&str>, options: &[DatabaseOption]) -> Result<(), Message> {
        if self.ambient.transactions > 0 {
            let text = "ALTER DATABASE statement not allowed within multi-statement transaction.";
            return Err(Message::new(226, 16, 6, text));
        }
        let database = match name {
            Some(name) => self.state.database_named(name).cloned(),
            None => Some(self.database()?),
        };
        let may = |id| {
            let token = self.state.token(self.ambient.identity, id);
            self.state.may(&token, Target::database(id), "ALTER") || self.may_server("ALTER ANY DATABASE")
        };
        let Some(database) = database.filter(|database| database.opens().is_ok() && may(database.id)) else {
            let shown = name.unwrap_or("CURRENT");
            let text = format!(
                "User does not have permission to alter database '{shown}', the database does not exist, or the database is not in a state that allows access checks."
            );
            return Err(Message::new(5011, 14, 5, text));
        };
        if database.id <= 4 {
            return Err(errors::outside("options of system databases"));
        }
        errors::once(options.iter().map(|option| match option {
            DatabaseOption::DelayedDurability(_) => "DELAYED_DURABILITY",
            DatabaseOption::CompatibilityLevel(_) => "COMPATIBILITY_LEVEL",
            DatabaseOption::SnapshotIsolation(_) => "ALLOW_SNAPSHOT_ISOLATION",
        }))?;
        let mut new = database.options.clone();
        for option in options {
            match option {
                DatabaseOption::DelayedDurability(value) => {
                    let holder = match (database.cdc, database.change_feed) {
                        (true, _) => Some("Change Data Capture"),
                        (_, true) => Some("Change Feed"),
                        _ => None,
                    };
                    if let Some(holder) = holder.filter(|_| *value != 0) {
                        let text = format!(
                            "Could not enable delayed durability on DB. Delayed durability cannot be enabled on a DB while '{holder}' is enabled."
                        );
                        return Err(Message::new(22892, 16, 1, text));
                    }
                    new.delayed_durability = *value;
                }
                DatabaseOption::CompatibilityLevel(level) => {
                    // 170 came with SQL Server 2025.
                    let newest = self.ambient.facts.update_policy != UpdatePolicy::SQLServer2022;
                    let fits = |level: &u8| {
                        (100..=170).contains(level) && level.is_multiple_of(10) && (*level < 170 || newest)
                    };
                    new.compatibility_level = u8::try_from(*level).ok().filter(fits).ok_or_else(|| {
                        let valid = if newest {
                            "100, 110, 120, 130, 140, 150, 160 or 170"
                        } else {
                            "100, 110, 120, 130, 140, 150 or 160"
                        };
                        let text = format!("Valid values of the database compatibility level are {valid}.");
                        Message::new(15048, 16, 1, text)
                    })?;
                }
                DatabaseOption::SnapshotIsolation(on) => new.snapshot_isolation = *on,
            }
        }
        let id = database.id;
        self.change().database_mut(id).ok_or_else(|| errors::internal("the database is gone"))?.options = new;
        Ok(())
    }
}
