//! Every request of every channel, secrets masked: what `GET /requests` answers and what tests count.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::sync::Mutex;
use std::time::Instant;

use serde::Serialize;

use crate::faults::Effect;

#[derive(Debug, Default)]
pub struct Journal {
    entries: Mutex<Vec<Entry>>,
    /// Gets each request as a line of JSON when it has ended.
    file: Option<Mutex<File>>,
}

/// One request: a login, batch, RPC or transaction request of `sql`, a call of `rest`, a request of `token`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Entry {
    pub index: u64,
    pub channel: Channel,
    /// Which connection of that channel, counted from 1.
    pub connection: u64,
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
    /// The headers of the answer, names in lower case.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The planted fault that struck here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Effect>,
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
    /// A journal that outlives the process: each request is a line of `file` as soon as it has ended.
    pub fn kept_in(file: File) -> Self {
        Self { entries: Mutex::default(), file: Some(Mutex::new(file)) }
    }

    /// Writes a request down and returns its index, from 0.
    pub fn begin(&self, mut entry: Entry) -> u64 {
        let mut entries = self.entries.lock().expect("no panic while held");
        entry.index = entries.len() as u64;
        entry.started = Some(Instant::now());
        entries.push(entry);
        entries.len() as u64 - 1
    }

    /// Notes the fault that strikes a request.
    pub fn struck(&self, index: u64, fault: &Effect) {
        let mut entries = self.entries.lock().expect("no panic while held");
        if let Some(entry) = entries.get_mut(index as usize) {
            entry.fault = Some(fault.clone());
        }
    }

    /// Completes the entry; the time it took is filled in.
    pub fn end(&self, index: u64, complete: impl FnOnce(&mut Entry)) {
        let mut entries = self.entries.lock().expect("no panic while held");
        if let Some(entry) = entries.get_mut(index as usize) {
            entry.ms = entry.started.map(|started| started.elapsed().as_secs_f64() * 1000.0);
            complete(entry);
            self.keep(entry);
        }
    }

    fn keep(&self, entry: &Entry) {
        let (Some(file), Ok(mut line)) = (&self.file, serde_json::to_vec(entry)) else { return };
        line.push(b'\n');
        // In one piece. Whoever reads the file counts what is there: a full disk is no reason to stop serving.
        let _ = file.lock().expect("no panic while held").write_all(&line);
    }

    pub fn entries(&self) -> Vec<Entry> {
        self.entries.lock().expect("no panic while held").clone()
    }

    pub fn clear(&self) {
        self.entries.lock().expect("no panic while held").clear();
    }
}
