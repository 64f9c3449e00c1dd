//! SET: options of a session. What the server would answer otherwise with, and the emulator would not, is refused; an
//! option without effect here is one whose effect no client can see.

use super::super::access::Target;
use super::super::errors;
use super::super::logins::is_language;
use super::super::permissions::Class;
use super::{Kind, Run};
use emulator_ground::engine::{Message, Outcome};
use emulator_ground::value::Value;
use emulator_tsql::ast::{ObjectName, SetOption};

impl Run<'_> {
    pub(super) fn set(&mut self, option: &SetOption) -> Result<(), Message> {
        match option {
            SetOption::Switch { names, on } => names.iter().try_for_each(|name| self.switch(name, *on))?,
            SetOption::Value { name, value } => {
                let (_, value) = self.value(value)?;
                self.set_value(name, &value)?;
            }
            // Kept for `sys.dm_exec_sessions`: writers always exclude each other, and readers see what is committed and
            // wait for rows that another transaction has changed. Reads are not repeatable, whatever the level.
            SetOption::IsolationLevel(level) => {
                self.session.settings.isolation = match *level {
                    "READ UNCOMMITTED" => 1,
                    "READ COMMITTED" => 2,
                    "REPEATABLE READ" => 3,
                    "SERIALIZABLE" => 4,
                    _ => return Err(errors::outside("SNAPSHOT isolation")),
                };
            }
            SetOption::IdentityInsert { table, on } => self.identity_insert(table, *on)?,
        }
        self.done(Kind::Other, None);
        Ok(())
    }

    fn switch(&mut self, name: &str, on: bool) -> Result<(), Message> {
        let settings = &mut self.session.settings;
        match (name, on) {
            ("QUOTED_IDENTIFIER", _) => settings.quoted_identifiers = on,
            ("NOCOUNT", _) => settings.no_count = on,
            ("XACT_ABORT", _) => settings.xact_abort = on,
            ("IMPLICIT_TRANSACTIONS", _) => settings.implicit_transactions = on,
            // Shown alone: there are no cursors, and errors come from ANSI_WARNINGS, whatever these two say.
            ("ARITHABORT", _) => settings.arithabort = on,
            ("ARITHIGNORE", _) => settings.arithignore = on,
            ("CURSOR_CLOSE_ON_COMMIT", _) => settings.cursor_close = on,
            ("ANSI_DEFAULTS", true) => {
                (settings.quoted_identifiers, settings.implicit_transactions) = (true, true);
                (settings.cursor_close, settings.ansi_defaults) = (true, true);
            }
            (
                "ANSI_DEFAULTS"
                | "ANSI_NULLS"
                | "ANSI_NULL_DFLT_ON"
                | "ANSI_PADDING"
                | "ANSI_WARNINGS"
                | "CONCAT_NULL_YIELDS_NULL",
                false,
            ) => return Err(errors::outside(&format!("SET {name} OFF"))),
            (
                "ANSI_NULL_DFLT_OFF" | "FMTONLY" | "NOEXEC" | "NO_BROWSETABLE" | "NUMERIC_ROUNDABORT" | "PARSEONLY"
                | "SHOWPLAN_ALL" | "SHOWPLAN_TEXT" | "SHOWPLAN_XML",
                true,
            ) => return Err(errors::outside(&format!("SET {name} ON"))),
            // The other side of those, which is the default; FORCEPLAN and REMOTE_PROC_TRANSACTIONS, which tell a plan
            // and remote servers.
            _ => {}
        }
        Ok(())
    }

    /// 2740, 2741, 2742 and 2755 for what is no such value.
    fn set_value(&mut self, name: &str, value: &Value) -> Result<(), Message> {
        let settings = &mut self.session.settings;
        let number = if let Value::Int(n) = value { Some(*n) } else { None };
        let text = if let Value::Text(text) = value { text.to_ascii_lowercase() } else { String::new() };
        let other = || errors::outside(&format!("this value of SET {name}"));
        match name {
            "LOCK_TIMEOUT" => settings.lock_timeout = number.filter(|n| *n >= -1).ok_or_else(other)?,
            "ROWCOUNT" => settings.row_limit = number.filter(|n| *n >= 0).ok_or_else(other)?,
            // 0 is the server's default of 4 KB.
            "TEXTSIZE" => match number {
                Some(0) => settings.text_size = 4096,
                Some(n @ -1..) => settings.text_size = n,
                _ => return Err(other()),
            },
            "DEADLOCK_PRIORITY" => {
                let level = match text.as_str() {
                    "low" => Some(-5),
                    "normal" => Some(0),
                    "high" => Some(5),
                    _ => number.filter(|n| (-10..=10).contains(n)),
                };
                settings.deadlock_priority = level.ok_or_else(|| {
                    let text = "SET DEADLOCK_PRIORITY option is invalid. Valid options are {HIGH | NORMAL | LOW | [-10 ... 10] of type integer}.";
                    Message::new(2755, 16, 1, text)
                })?;
            }
            "DATEFIRST" => match number {
                Some(7) => {}
                Some(1..=6) | None => return Err(errors::outside("SET DATEFIRST other than 7")),
                Some(n) => return Err(Message::new(2742, 16, 1, format!("SET DATEFIRST {n} is out of range."))),
            },
            "DATEFORMAT" => match text.as_str() {
                "mdy" => {}
                "dmy" | "ymd" | "ydm" | "myd" | "dym" => return Err(errors::outside("SET DATEFORMAT other than mdy")),
                _ => return Err(Message::new(2741, 16, 1, format!("SET DATEFORMAT date order '{text}' is invalid."))),
            },
            "LANGUAGE" => {
                if !matches!(text.as_str(), "us_english" | "english") {
                    if is_language(&text) || !matches!(value, Value::Text(_)) {
                        return Err(errors::outside("languages other than us_english"));
                    }
                    let text = format!(
                        "SET LANGUAGE failed because '{text}' is not an official language name or a language alias on this SQL Server."
                    );
                    return Err(Message::new(2740, 16, 1, text));
                }
                (self.out)(Outcome::LanguageChanged { new: "us_english".into(), old: "us_english".into() });
                (self.out)(Outcome::Message(Message::new(5703, 0, 1, "Changed language setting to us_english.")));
            }
            "FIPS_FLAGGER" if text == "off" => {}
            // No limit, which is the default.
            "QUERY_GOVERNOR_COST_LIMIT" if number == Some(0) => {}
            // CONTEXT_INFO, a limit, and a level that warns.
            _ => return Err(errors::outside(&format!("SET {name}"))),
        }
        Ok(())
    }

    /// 8106 for a table without an identity column, 8107 while it is ON for another; OFF for another changes nothing.
    fn identity_insert(&mut self, table: &ObjectName, on: bool) -> Result<(), Message> {
        let (found, shown) = self.session.read(self.cancel, |work| {
            let database = work.database()?;
            let elsewhere = |name: &String| !super::super::state::same_name(name, &database.name);
            if table.server.is_some() || table.database.as_ref().is_some_and(elsewhere) {
                return Err(errors::outside("IDENTITY_INSERT of another database"));
            }
            let found = work.meant(&database, table).and_then(|object| database.tables.get(&object.id)).cloned();
            let may = |id| work.state.may(&work.token(), Target::in_database(Class::Object, database.id, id), "ALTER");
            let Some(found) = found.filter(|t| may(t.id)) else {
                let text = format!(
                    "Cannot find the object \"{}\" because it does not exist or you do not have permissions.",
                    table.written()
                );
                return Err(Message::new(1088, 16, 11, text));
            };
            let shown = |t: &super::super::state::Table| {
                format!("{}.{}.{}", database.name, database.schema_name(t.schema), t.name)
            };
            if !found.columns.iter().any(|c| c.identity.is_some()) {
                let text = format!(
                    "Table '{}' does not have the identity property. Cannot perform SET operation.",
                    table.written()
                );
                return Err(Message::new(8106, 16, 1, text));
            }
            Ok(((database.id, found.id), shown(&found)))
        })?;
        let before = self.session.settings.identity_insert;
        if !on {
            self.session.settings.identity_insert = before.filter(|table| *table != found);
            return Ok(());
        }
        if let Some(other) = before.filter(|table| *table != found) {
            let state = self.session.state();
            let named = state.database(other.0).and_then(|database| {
                let table = database.tables.get(&other.1)?;
                Some(format!("{}.{}.{}", database.name, database.schema_name(table.schema), table.name))
            });
            // A table that is gone has it no more.
            if let Some(other) = named {
                let text = format!(
                    "IDENTITY_INSERT is already ON for table '{other}'. Cannot perform SET operation for table '{shown}'."
                );
                return Err(Message::new(8107, 16, 1, text));
            }
        }
        self.session.settings.identity_insert = Some(found);
        Ok(())
    }
}
