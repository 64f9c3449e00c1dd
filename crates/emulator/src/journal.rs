//! Every request of every channel, secrets masked: what `GET /requests` answers and what tests count.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::Write as _;
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use jiff::Timestamp;
use serde::Serialize;

/// Entries that are kept: the oldest go, so that days of requests do not fill the memory.
pub const MOST_ENTRIES: usize = 50_000;

#[derive(Debug, Default)]
pub struct Journal {
    pages: Mutex<Pages>,
    /// Gets each request as a line of JSON when it has ended.
    file: Option<Mutex<File>>,
}

#[derive(Debug, Default)]
struct Pages {
    entries: VecDeque<Entry>,
    /// Index of the first entry kept.
    first: u64,
    clearings: u64,
}

/// Entries, and how often the journal had been cleared: indices are comparable only between equal counts.
#[derive(Debug)]
pub struct Excerpt {
    pub entries: Vec<Entry>,
    pub clearings: u64,
}

/// One request: a login, batch, RPC or transaction request of `sql`, a call of `rest`, a request of `token`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Entry {
    pub index: u64,
    pub channel: Channel,
    /// When it began, by the machine's clock (RFC 3339, UTC, milliseconds).
    pub at: String,
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
    /// The headers of the answer, names in lower case.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The effect of the planted fault that struck here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<serde_json::Value>,
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
        Self { pages: Mutex::default(), file: Some(Mutex::new(file)) }
    }

    /// Writes a request down and returns its index, from 0.
    pub fn begin(&self, mut entry: Entry) -> u64 {
        entry.started = Some(Instant::now());
        entry.at = format!("{:.3}", Timestamp::now());
        let mut pages = self.lock();
        let index = pages.first + pages.entries.len() as u64;
        entry.index = index;
        if pages.entries.len() == MOST_ENTRIES {
            pages.entries.pop_front();
            pages.first += 1;
        }
        pages.entries.push_back(entry);
        index
    }

    /// Notes the fault that strikes a request.
    pub fn struck(&self, index: u64, effect: &impl Serialize) {
        if let Some(entry) = self.lock().entry(index) {
            entry.fault = serde_json::to_value(effect).ok();
        }
    }

    /// Completes the entry; the time it took is filled in.
    pub fn end(&self, index: u64, complete: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.lock().entry(index) {
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
        self.excerpt(None, None).entries
    }

    /// The entries after an index, and of these the last `limit`.
    pub fn excerpt(&self, after: Option<u64>, limit: Option<usize>) -> Excerpt {
        let pages = self.lock();
        let count = pages.entries.len();
        let from = after.map_or(0, |after| after.saturating_add(1).saturating_sub(pages.first));
        let from = usize::try_from(from).unwrap_or(count).max(limit.map_or(0, |limit| count.saturating_sub(limit)));
        Excerpt { entries: pages.entries.iter().skip(from).cloned().collect(), clearings: pages.clearings }
    }

    pub fn clear(&self) {
        let mut pages = self.lock();
        pages.entries.clear();
        pages.first = 0;
        pages.clearings += 1;
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().expect("no panic while held")
    }
}

impl Pages {
    fn entry(&mut self, index: u64) -> Option<&mut Entry> {
        self.entries.get_mut(usize::try_from(index.checked_sub(self.first)?).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indices(excerpt: &Excerpt) -> Vec<u64> {
        excerpt.entries.iter().map(|entry| entry.index).collect()
    }

    #[test]
    fn an_excerpt_is_what_is_new() {
        let journal = Journal::default();
        for index in 0..5 {
            assert_eq!(journal.begin(Entry::default()), index);
        }
        assert_eq!(indices(&journal.excerpt(Some(2), None)), [3, 4]);
        assert_eq!(indices(&journal.excerpt(Some(1), Some(2))), [3, 4]);
        assert_eq!(indices(&journal.excerpt(None, Some(1))), [4]);
        assert!(journal.excerpt(Some(4), None).entries.is_empty());
        assert!(journal.excerpt(Some(u64::MAX), None).entries.is_empty());
        assert_eq!(journal.excerpt(None, None).clearings, 0);
        journal.clear();
        assert_eq!(journal.begin(Entry::default()), 0);
        assert_eq!(journal.excerpt(None, None).clearings, 1);
    }

    #[test]
    fn the_oldest_go_and_indices_stay() {
        let journal = Journal::default();
        for _ in 0..MOST_ENTRIES + 3 {
            journal.begin(Entry::default());
        }
        let kept = journal.entries();
        assert_eq!((kept.len(), kept[0].index), (MOST_ENTRIES, 3));
        // One of those that went, and one that stayed.
        journal.end(0, |entry| entry.status = Some(500));
        journal.end(4, |entry| entry.status = Some(200));
        let statuses: Vec<_> = journal.entries().into_iter().take(3).map(|entry| entry.status).collect();
        assert_eq!(statuses, [None, Some(200), None]);
        assert_eq!(
            indices(&journal.excerpt(Some(MOST_ENTRIES as u64), None)),
            [MOST_ENTRIES as u64 + 1, MOST_ENTRIES as u64 + 2]
        );
    }
}
