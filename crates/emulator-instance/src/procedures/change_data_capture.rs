//! `sp_cdc_enable_db` and `sp_cdc_disable_db`: the flag that keeps a database from being mirrored. The schema, the user
//! and the tables of change data capture are not made.

use super::super::errors;
use super::super::work::Work;
use super::answer::Answer;
use emulator_ground::engine::Message;

impl Work<'_> {
    /// sysadmin alone on a Managed Instance: the procedures' pages.
    fn may_capture(&self) -> Result<(), Message> {
        if self.token().sysadmin {
            return Ok(());
        }
        let text = "Caller is not authorized to initiate the requested action. sysadmin privileges are required.";
        Err(Message::new(22902, 16, 1, text))
    }

    pub(super) fn enable_capture(&mut self) -> Result<Answer, Message> {
        self.may_capture()?;
        let database = self.database()?;
        let name = &database.name;
        if database.id <= 4 {
            return Err(errors::outside("change data capture of a system database, which no server allows"));
        }
        if database.cdc {
            // The message's severity is documented to be 10; UNCONFIRMED that the procedure fails all the same.
            let text = format!(
                "Database '{name}' is already enabled for Change Data Capture. Ensure that the correct database context is set, and retry the operation. To report on the databases enabled for Change Data Capture, query the is_cdc_enabled column in the sys.databases catalog view."
            );
            return Ok(Answer { message: Some(Message::new(22905, 10, 1, text)), status: 1, ..Answer::default() });
        }
        if database.principal("cdc").is_some() || database.schema("cdc").is_some() {
            let text = format!(
                "The database '{name}' cannot be enabled for Change Data Capture because a database user named 'cdc' or a schema named 'cdc' already exists in the current database. These objects are required exclusively by Change Data Capture. Drop or rename the user or schema and retry the operation."
            );
            return Err(Message::new(22906, 16, 1, text));
        }
        if database.change_feed {
            let text = format!(
                "Could not enable Change Data Capture for database '{name}'. Change Data Capture cannot be enabled on a DB with Change Feed enabled."
            );
            return Err(Message::new(22887, 16, 1, text));
        }
        if database.options.delayed_durability != 0 {
            let text = format!(
                "Could not enable 'Change Data Capture' for database '{name}'. 'Change Data Capture' cannot be enabled on a DB with delayed durability set."
            );
            return Err(Message::new(22891, 16, 1, text));
        }
        self.change_database()?.cdc = true;
        Ok(Answer::default())
    }

    /// UNCONFIRMED: that 22901 answers where it is off.
    pub(super) fn disable_capture(&mut self) -> Result<Answer, Message> {
        self.may_capture()?;
        let database = self.database()?;
        if !database.cdc {
            let text = format!(
                "The database '{}' is not enabled for Change Data Capture. Ensure that the correct database context is set and retry the operation. To report on the databases enabled for Change Data Capture, query the is_cdc_enabled column in the sys.databases catalog view.",
                database.name
            );
            return Err(Message::new(22901, 16, 1, text));
        }
        self.change_database()?.cdc = false;
        Ok(Answer::default())
    }
}
