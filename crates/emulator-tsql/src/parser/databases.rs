//! ALTER DATABASE … SET of the options the emulator keeps.

use super::super::ast::{DatabaseOption, StatementKind};
use super::{Parsed, Parser};

impl Parser<'_> {
    /// After ALTER. `None`, with nothing read, where it holds anything else: that is read as what lies outside.
    pub(super) fn database_options(&mut self) -> Option<StatementKind> {
        let start = self.at;
        let found = self.only_known_options().ok();
        if found.is_none() {
            self.at = start;
        }
        found
    }

    fn only_known_options(&mut self) -> Parsed<StatementKind> {
        self.expect("DATABASE")?;
        let name = if self.eat("CURRENT") { None } else { Some(self.name()?) };
        self.expect("SET")?;
        let options = self.list(Self::database_option)?;
        let ends = self.at_end() || self.sees(";") || self.reserved(0).is_some_and(|word| word != "WITH");
        if ends { Ok(StatementKind::AlterDatabase { name, options }) } else { Err(self.unexpected()) }
    }

    fn database_option(&mut self) -> Parsed<DatabaseOption> {
        if self.eat("DELAYED_DURABILITY =") {
            return match self.one_of(&["DISABLED", "ALLOWED", "FORCED"]) {
                Some("DISABLED") => Ok(DatabaseOption::DelayedDurability(0)),
                Some("ALLOWED") => Ok(DatabaseOption::DelayedDurability(1)),
                Some(_) => Ok(DatabaseOption::DelayedDurability(2)),
                None => Err(self.unexpected()),
            };
        }
        if self.eat("COMPATIBILITY_LEVEL =") {
            return self.integer().map(DatabaseOption::CompatibilityLevel);
        }
        self.expect("ALLOW_SNAPSHOT_ISOLATION")?;
        self.on_or_off().map(DatabaseOption::SnapshotIsolation)
    }
}
