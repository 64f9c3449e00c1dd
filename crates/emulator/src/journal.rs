//! Every request of every channel, secrets masked: what `GET /requests` answers and what tests count.

use std::sync::Mutex;
use std::time::Instant;

use serde::Serialize;

#[derive(Debug, Default)]
pub struct Journal {
    entries: Mutex<Vec<Entry>>,
}

/// One request: a login, batch, RPC or transaction request of `sql`, a call of `rest`, a request of `token`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Entry {
    pub index: u64,
    pub channel: Channel,
    /// Which connection of that channel, counted from 1.
    pub connection: u64,
    /// `@@SERVERNAME` of the instance, of `sql`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// SQL text with secrets masked; absent for a login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// Real milliseconds from request to answer; absent while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ms: Option<f64>,
    #[serde(skip)]
    pub started: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    #[default]
    Sql,
    Rest,
    Token,
}

impl Journal {
    /// Writes a request down and returns its index, from 0.
    pub fn begin(&self, mut entry: Entry) -> u64 {
        let mut entries = self.entries.lock().expect("no panic while held");
        entry.index = entries.len() as u64;
        entry.started = Some(Instant::now());
        entries.push(entry);
        entries.len() as u64 - 1
    }

    /// Completes the entry; the time it took is filled in.
    pub fn end(&self, index: u64, complete: impl FnOnce(&mut Entry)) {
        let mut entries = self.entries.lock().expect("no panic while held");
        if let Some(entry) = entries.get_mut(index as usize) {
            entry.ms = entry.started.map(|started| started.elapsed().as_secs_f64() * 1000.0);
            complete(entry);
        }
    }

    pub fn entries(&self) -> Vec<Entry> {
        self.entries.lock().expect("no panic while held").clone()
    }

    pub fn clear(&self) {
        self.entries.lock().expect("no panic while held").clear();
    }
}
