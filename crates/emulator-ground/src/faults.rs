//! Faults planted by a test: `POST /faults`, consulted by each channel before and after it serves a request.

use std::sync::Mutex;

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::journal::{Channel, Entry};

#[derive(Debug, Default)]
pub struct Faults {
    planted: Mutex<Vec<Planted>>,
}

#[derive(Debug)]
struct Planted {
    channel: Option<Channel>,
    method: Option<Regex>,
    path: Option<Regex>,
    sql: Option<Regex>,
    index: Option<u64>,
    /// 0: until cleared.
    left: u64,
    forever: bool,
    percent: u64,
    /// Hundredths of a strike that have come together.
    due: u64,
    effect: Effect,
}

/// A fault as it is posted.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    #[serde(default, rename = "match")]
    pub matches: Match,
    #[serde(default = "once")]
    pub count: u64,
    /// Of a hundred requests that match, so many are struck, as evenly as can be: 30 strikes the 4th, 7th and 10th of ten.
    #[serde(default = "all")]
    pub percent: u64,
    pub effect: Effect,
}

fn once() -> u64 {
    1
}

fn all() -> u64 {
    100
}

/// All given fields must match; `method`, `path` and `sql` are regular expressions.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Match {
    pub channel: Option<Channel>,
    pub method: Option<String>,
    pub path: Option<String>,
    pub sql: Option<String>,
    pub index: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Effect {
    /// An HTTP answer instead of the real one; nothing is done.
    Answer {
        status: u16,
        #[serde(default)]
        headers: std::collections::BTreeMap<String, String>,
        #[serde(default)]
        body: serde_json::Value,
    },
    /// The connection is cut before the request is served, or after it took effect and before the answer.
    Reset { reset: When },
    /// The request is served late (real milliseconds).
    Delay { delay_ms: u64 },
    /// The request is served, and of its answer the head and this many bytes are sent (of SQL: this many bytes) before
    /// the connection is cut. At a SQL login no byte is sent.
    Partial { partial: usize },
    /// The Fabric API is throttled: 429 `RequestBlocked` with this Retry-After, in seconds; nothing is done.
    Throttle { throttle_s: u64 },
    /// A SQL error instead of the real answer; nothing is done.
    SqlError { sql_error: SqlFault },
    /// A login is sent elsewhere, as the gateway of an instance with the connection type Redirect does. Strikes logins
    /// alone.
    Route { route: Route },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    pub host: String,
    pub port: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    Before,
    After,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlFault {
    pub number: i32,
    pub severity: u8,
    #[serde(default = "one")]
    pub state: u8,
    /// The connection ends after the error.
    #[serde(default)]
    pub close: bool,
    #[serde(default)]
    pub message: Option<String>,
}

fn one() -> u8 {
    1
}

impl Faults {
    /// Plants a fault.
    ///
    /// # Errors
    /// A regular expression that does not compile.
    pub fn plant(&self, fault: Fault) -> Result<(), regex::Error> {
        let compile = |pattern: Option<String>| pattern.map(|pattern| Regex::new(&pattern)).transpose();
        let planted = Planted {
            channel: fault.matches.channel,
            method: compile(fault.matches.method)?,
            path: compile(fault.matches.path)?,
            sql: compile(fault.matches.sql)?,
            index: fault.matches.index,
            left: fault.count,
            forever: fault.count == 0,
            percent: fault.percent,
            due: 0,
            effect: fault.effect,
        };
        self.planted.lock().expect("no panic while held").push(planted);
        Ok(())
    }

    pub fn clear(&self) {
        self.planted.lock().expect("no panic while held").clear();
    }

    /// The effect that applies to this request, if any; counts it as used. `sql` is the unmasked text.
    pub fn strike(&self, entry: &Entry, sql: Option<&str>) -> Option<Effect> {
        let mut planted = self.planted.lock().expect("no panic while held");
        let hit = planted.iter_mut().position(|fault| fault.matches(entry, sql) && fault.is_due())?;
        let effect = planted[hit].effect.clone();
        if !planted[hit].forever {
            planted[hit].left -= 1;
            if planted[hit].left == 0 {
                planted.remove(hit);
            }
        }
        Some(effect)
    }
}

impl Planted {
    /// Counts a request that matches, and tells whether it is one of the share that is struck.
    fn is_due(&mut self) -> bool {
        self.due += self.percent;
        let is_due = self.due >= 100;
        self.due %= 100;
        is_due
    }

    fn matches(&self, entry: &Entry, sql: Option<&str>) -> bool {
        let text = |pattern: &Option<Regex>, text: Option<&str>| {
            pattern.as_ref().is_none_or(|pattern| text.is_some_and(|text| pattern.is_match(text)))
        };
        let login = entry.channel == Channel::Sql && entry.text.is_none();
        (login || !matches!(self.effect, Effect::Route { .. }))
            && self.channel.is_none_or(|channel| channel == entry.channel)
            && self.index.is_none_or(|index| index == entry.index)
            && text(&self.method, entry.method.as_deref())
            && text(&self.path, entry.path.as_deref())
            && text(&self.sql, sql)
    }
}
