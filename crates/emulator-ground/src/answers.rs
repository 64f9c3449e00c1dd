//! Other answers in the place of those that no source confirms: a code of the REST API with another status or code, an
//! error of the instance with another number. So a client can be tried against what the real services may answer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::engine::Message;

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Answers {
    /// By the error code the emulator has.
    pub rest: BTreeMap<String, RestAnswer>,
    /// By the number the emulator has.
    pub sql: BTreeMap<i32, SqlAnswer>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RestAnswer {
    /// From 400 to 599.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SqlAnswer {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<i32>,
    /// From 11 to 19: an error that leaves the session alive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<u8>,
}

impl Answers {
    /// A key whose value makes no sense, and why.
    pub fn problem(&self) -> Option<(String, &'static str)> {
        let is_code = |code: &str| !code.is_empty() && code.bytes().all(|b| b.is_ascii_alphanumeric());
        for (code, answer) in &self.rest {
            if !is_code(code) {
                return Some((format!("rest.{code}"), "is no error code: letters and digits"));
            }
            if answer.status.is_some_and(|status| !(400..=599).contains(&status)) {
                return Some((format!("rest.{code}.status"), "must be from 400 to 599"));
            }
            if answer.code.as_ref().is_some_and(|code| !is_code(code)) {
                return Some((format!("rest.{code}.code"), "must be letters and digits"));
            }
            if *answer == RestAnswer::default() {
                return Some((format!("rest.{code}"), "must have a status or a code"));
            }
        }
        for (number, answer) in &self.sql {
            // The emulator's own stay what they are.
            if *number <= 0 || matches!(number, 50900 | 50901) {
                return Some((format!("sql.{number}"), "is no error of the server"));
            }
            if answer.number.is_some_and(|number| number <= 0) {
                return Some((format!("sql.{number}.number"), "must be at least 1"));
            }
            if answer.severity.is_some_and(|severity| !(11..=19).contains(&severity)) {
                return Some((format!("sql.{number}.severity"), "must be from 11 to 19"));
            }
            if *answer == SqlAnswer::default() {
                return Some((format!("sql.{number}"), "must have a number, a severity or a state"));
            }
        }
        None
    }

    /// The text stays as it is.
    pub fn in_place_of(&self, mut message: Message) -> Message {
        if let Some(answer) = self.sql.get(&message.number) {
            message.number = answer.number.unwrap_or(message.number);
            message.class = answer.severity.unwrap_or(message.class);
            message.state = answer.state.unwrap_or(message.state);
        }
        message
    }
}
