//! What a system procedure is, and what it answers.

use super::super::work::Work;
use emulator_ground::engine::Message;
use emulator_ground::value::{Column, SqlType, Value};

#[derive(Default)]
pub struct Answer {
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Value>>,
    /// Comes before the rows: an error of these procedures does not always end them.
    pub message: Option<Message>,
    pub status: i32,
}

pub fn columns(of: &[(&str, SqlType)]) -> Vec<Column> {
    of.iter()
        .map(|(name, sql_type)| Column {
            name: (*name).to_owned(),
            sql_type: *sql_type,
            nullable: true,
            identity: false,
        })
        .collect()
}

pub struct Procedure {
    pub name: &'static str,
    /// In their order; those without a default first.
    pub parameters: &'static [&'static str],
    pub needed: usize,
    pub run: fn(&mut Work<'_>, &[Value]) -> Result<Answer, Message>,
}
