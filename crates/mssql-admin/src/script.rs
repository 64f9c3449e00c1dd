//! A scripted server: keeps what it is sent and answers what the script says. The tests with it: what is sent, batch by
//! batch, and what is made of the server's answers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use secrecy::{ExposeSecret, SecretString};
use tiberius::ColumnData;
use tokio_util::sync::CancellationToken;

use crate::connection::{Credentials, Results};
use crate::error::{Error, Fault, Refusal, Result};
use crate::instance::Instance;
use crate::retry::Effect;
use crate::row::Row;
use crate::statement::{Identifier, Statement};

mod lookups;
mod roles;
mod sent;
mod tokens;

/// Stands for a server. Once its answers are used up, it does everything and answers nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    /// The password that logs in, besides the operator's.
    password: Arc<Mutex<Option<String>>>,
    sent: Arc<Mutex<Vec<Sent>>>,
}

/// Where and how, and the batch; of a log-in none.
type Sent = (String, Option<String>);

#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Done,
    Rows(Results),
    Refused(u32),
    /// The connection breaks.
    Broken,
    /// No answer, ever.
    Never,
}

impl Script {
    pub(crate) fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self { answers: Arc::new(Mutex::new(answers.into_iter().collect())), ..Self::default() }
    }

    pub(crate) fn refusing(numbers: &[u32]) -> Self {
        Self::new(numbers.iter().map(|number| Answer::Refused(*number)))
    }

    pub(crate) fn with_password(self, password: &str) -> Self {
        *self.password.lock().unwrap() = Some(password.to_owned());
        self
    }

    pub(crate) fn instance(&self) -> Instance {
        Instance::scripted(self.clone(), CancellationToken::new())
    }

    pub(crate) fn log_in(&self, database: &Identifier, credentials: &Credentials) -> Result<()> {
        match credentials {
            Credentials::SqlLogin { username, password } if username != "sa" => {
                self.sent.lock().unwrap().push((format!("{username} logs in to {database}"), None));
                let is_right = self.password.lock().unwrap().as_deref() == Some(password.expose_secret());
                if is_right { Ok(()) } else { Err(refused(18456)) }
            }
            _ => Ok(()),
        }
    }

    pub(crate) async fn run(&self, database: &Identifier, statement: &Statement, effect: Effect) -> Result<Results> {
        self.sent.lock().unwrap().push((format!("{effect:?} in {database}"), Some(statement.text().to_owned())));
        let answer = self.answers.lock().unwrap().pop_front();
        match answer.unwrap_or(Answer::Done) {
            Answer::Done => Ok(Vec::new()),
            Answer::Rows(rows) => Ok(rows),
            Answer::Refused(number) => Err(refused(number)),
            Answer::Broken => Err(Error::Connect { server: "mi".into(), cause: "reset".into() }),
            Answer::Never => std::future::pending().await,
        }
    }

    fn take(&self) -> Vec<Sent> {
        std::mem::take(&mut self.sent.lock().unwrap())
    }

    /// What was sent since the last time.
    pub(crate) fn sent(&self) -> String {
        let lines = self.take().into_iter().flat_map(|(head, batch)| [Some(format!("-- {head}")), batch]);
        lines.flatten().map(|line| line + "\n").collect()
    }

    /// The same, each batch for itself.
    pub(crate) fn batches(&self) -> Vec<String> {
        self.take().into_iter().filter_map(|(_, batch)| batch).collect()
    }

    /// The first line of each batch that was sent.
    pub(crate) fn heads(&self) -> Vec<String> {
        let first =
            |batch: Option<String>| batch.and_then(|it| it.lines().next().map(str::to_owned)).unwrap_or_default();
        self.take().into_iter().map(|(head, batch)| format!("{head}: {}", first(batch))).collect()
    }
}

pub(crate) fn refused(number: u32) -> Error {
    let refusal = Refusal { number, class: 16, state: 1, text: "No.".into(), database: None, needs: None };
    Error::Refused { refusal, fault: Fault::Other }
}

pub(crate) fn name(name: &str) -> Identifier {
    name.parse().unwrap()
}

pub(crate) fn password() -> SecretString {
    "it's $ecret".to_owned().into()
}

/// A value of a row: NULL, a number, `0x…` (`0xNULL`) or a text.
pub(crate) fn value(text: &str) -> ColumnData<'static> {
    if text == "NULL" {
        return ColumnData::String(None);
    }
    if text == "0xNULL" {
        return ColumnData::Binary(None);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        let byte = |place: usize| u8::from_str_radix(&digits[place..place + 2], 16).unwrap();
        return ColumnData::Binary(Some((0..digits.len()).step_by(2).map(byte).collect::<Vec<_>>().into()));
    }
    match text.parse() {
        Ok(number) => ColumnData::I32(Some(number)),
        Err(_) => ColumnData::String(Some(text.to_owned().into())),
    }
}

/// A result set: columns and rows, each with `|` between its values.
pub(crate) fn rows(columns: &str, rows: &[&str]) -> Vec<Row> {
    let columns: Arc<[String]> = columns.split('|').map(str::to_owned).collect();
    rows.iter().map(|row| Row::made(&columns, row.split('|').map(value).collect())).collect()
}

/// What `Instance::logins` reads: rows of id, name, SID, type; the reader sees all, or not.
pub(crate) fn logins(sees_all: bool, logins: &[&str]) -> Answer {
    let all = usize::from(sees_all).to_string();
    let logins: Vec<String> = logins.iter().map(|login| format!("{login}|0|master|NULL")).collect();
    let logins: Vec<&str> = logins.iter().map(String::as_str).collect();
    Answer::Rows(vec![
        rows("view_definition|alter_login", &[&format!("{all}|{all}")]),
        rows("principal_id|name|sid|type|is_disabled|default_database_name|password_last_set", &logins),
        rows("member_principal_id|role_principal_id|role_name", &["5|3|sysadmin", "5|20|custom"]),
        rows(
            "grantee_principal_id|permission_name|state|grantee",
            &[
                "5|CONNECT SQL|G|u",
                "20|VIEW SERVER STATE|D|custom",
                "2|VIEW ANY DATABASE|G|public",
                "9|CONTROL SERVER|G|other",
            ],
        ),
    ])
}

/// What `Database::principals` reads: rows of id, name, type, authentication type, SID, schema, fixed role, login.
pub(crate) fn principals(sees_all: bool, principals: &[&str]) -> Answer {
    let all = usize::from(sees_all).to_string();
    let is_there = |id: &str| principals.iter().any(|row| row.split('|').next() == Some(id));
    let permissions: Vec<&str> = ["5|1|CONNECT|G|dbo", "6|5|SELECT|W|u"]
        .into_iter()
        .filter(|row| row.split('|').next().is_some_and(is_there))
        .collect();
    let principals: Vec<String> = principals.iter().map(|row| format!("{row}|2026-11-30T12:00:00|1")).collect();
    Answer::Rows(vec![
        rows(
            "name|user_name|db_owner|alter_user|alter_role|view_definition|view_security|view_any_definition|alter_any_login",
            &[&format!("Sales|dbo|1|{all}|{all}|{all}|{all}|{all}|{all}")],
        ),
        rows(
            "principal_id|name|type|authentication_type|sid|default_schema_name|is_fixed_role|login_name|created|owning_principal_id",
            &principals.iter().map(String::as_str).collect::<Vec<_>>(),
        ),
        rows("member_principal_id|role_principal_id", &["5|16390", "16390|7"]),
        rows("grantee_principal_id|grantor_principal_id|permission_name|state|grantor", &permissions),
        rows("name|principal_id", &["s]|5", "t|5", "u|9"]),
        rows(
            "permission_name|covering_permission_name|parent_covering_permission_name",
            &["CONNECT|CONTROL|", "CONTROL||CONTROL SERVER", "SELECT|CONTROL|SELECT ALL USER SECURABLES"],
        ),
        rows("permission_name|covering_permission_name", &["CONTROL SERVER|"]),
    ])
}
