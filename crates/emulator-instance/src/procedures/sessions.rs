//! sp_who and sp_who2: the sessions as administrators have always listed them.

use super::super::ambient::SessionInfo;
use super::super::errors;
use super::super::functions;
use super::super::moments;
use super::super::state::same_name;
use super::super::work::Work;
use super::answer::{Answer, columns};
use emulator_ground::engine::Message;
use emulator_ground::value::{SqlType, Value};

const NAME: SqlType = SqlType::NVarChar(Some(128));

/// `sp_who`'s columns: its documentation page.
const WHO: &[(&str, SqlType)] = &[
    ("spid", SqlType::SmallInt),
    ("ecid", SqlType::SmallInt),
    ("status", SqlType::NChar(30)),
    ("loginame", NAME),
    ("hostname", SqlType::NChar(128)),
    ("blk", SqlType::Char(5)),
    ("dbname", NAME),
    ("cmd", SqlType::NVarChar(Some(26))),
    ("request_id", SqlType::Int),
];

/// `sp_who2` is not documented; its columns are those everybody knows.
const WHO2: &[(&str, SqlType)] = &[
    ("SPID", SqlType::Char(5)),
    ("Status", SqlType::NVarChar(Some(30))),
    ("Login", NAME),
    ("HostName", NAME),
    ("BlkBy", SqlType::Char(5)),
    ("DBName", NAME),
    ("Command", SqlType::NVarChar(Some(26))),
    ("CPUTime", SqlType::VarChar(Some(30))),
    ("DiskIO", SqlType::VarChar(Some(30))),
    ("LastBatch", SqlType::VarChar(Some(48))),
    ("ProgramName", NAME),
    ("SPID", SqlType::Char(5)),
    ("REQUESTID", SqlType::Char(5)),
];

struct Shown {
    info: SessionInfo,
    login: String,
    database: String,
    running: bool,
}

impl Work<'_> {
    pub(super) fn who(&self, arguments: &[Value]) -> Result<Answer, Message> {
        let rows = self.shown_sessions(arguments)?.into_iter().map(|s| {
            vec![
                Value::Int(s.info.id.into()),
                Value::Int(0),
                Value::Text(status(s.running).to_owned()),
                Value::Text(s.login),
                Value::Text(s.info.host),
                Value::Text("0    ".to_owned()),
                Value::Text(s.database),
                Value::Text(command(s.running).to_owned()),
                Value::Int(0),
            ]
        });
        Ok(Answer { columns: columns(WHO), rows: rows.collect(), ..Answer::default() })
    }

    pub(super) fn who2(&self, arguments: &[Value]) -> Result<Answer, Message> {
        let rows = self.shown_sessions(arguments)?.into_iter().map(|s| {
            let id = Value::Text(format!("{:<5}", s.info.id));
            let since = functions::text(Some(&moments::datetime(s.info.since))).unwrap_or_default();
            let text = |text: &str| Value::Text(text.to_owned());
            vec![
                id.clone(),
                text(if s.running { "RUNNABLE" } else { "sleeping" }),
                Value::Text(s.login),
                Value::Text(s.info.host),
                text("  .  "),
                Value::Text(s.database),
                text(command(s.running)),
                text("0"),
                text("0"),
                Value::Text(since),
                Value::Text(s.info.program),
                id,
                text("0    "),
            ]
        });
        Ok(Answer { columns: columns(WHO2), rows: rows.collect(), ..Answer::default() })
    }

    /// Of a login, of a session, or all ('active' leaves out those that wait for a command): without VIEW SERVER STATE
    /// the caller's own alone. 15007 for a login that is not there.
    fn shown_sessions(&self, arguments: &[Value]) -> Result<Vec<Shown>, Message> {
        let wanted = functions::text(arguments.first());
        let all = self.may_server("VIEW SERVER STATE");
        let number = wanted.as_deref().and_then(|text| text.trim().parse::<u16>().ok());
        let active = wanted.as_deref().is_some_and(|text| text.eq_ignore_ascii_case("active"));
        let login = wanted.filter(|_| number.is_none() && !active);
        if let Some(login) = login.as_deref().filter(|login| self.state.login(login).is_none()) {
            let text = format!("'{login}' is not a valid login or you do not have permission.");
            return Err(Message::new(15007, 16, 1, text));
        }
        let mut shown = Vec::new();
        for info in self.ambient.sessions.iter().filter(|s| all || s.id == self.ambient.session) {
            let of = info.opener(self.state).map_or("", |(_, name)| name);
            let running = info.id == self.ambient.session;
            let fits = number.is_none_or(|id| id == info.id)
                && login.as_deref().is_none_or(|login| same_name(login, of))
                && (!active || running);
            if fits {
                let database = self.state.database(info.database);
                let database = database.ok_or_else(|| errors::internal("a session without database"))?.name.clone();
                shown.push(Shown { info: info.clone(), login: of.to_owned(), database, running });
            }
        }
        Ok(shown)
    }
}

fn status(running: bool) -> &'static str {
    if running { "runnable" } else { "sleeping" }
}

fn command(running: bool) -> &'static str {
    if running { "SELECT" } else { "AWAITING COMMAND" }
}
