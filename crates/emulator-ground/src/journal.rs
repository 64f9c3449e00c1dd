//! Every request of every channel, secrets masked: what `GET /requests` answers and what tests count.

use std::collections::{BTreeMap, HashMap, VecDeque};
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
    /// Those that were still running when the journal was cleared; the file gets them when they end.
    cleared: HashMap<Place, Entry>,
}

/// Where a request was written down. Its index is that of another request once the journal was cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    pub index: u64,
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

    /// Writes a request down and tells where; indices are from 0.
    pub fn begin(&self, mut entry: Entry) -> Place {
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
        Place { index, clearings: pages.clearings }
    }

    /// Notes the fault that strikes a request.
    pub fn struck(&self, place: Place, effect: &impl Serialize) {
        if let Some(entry) = self.lock().entry(place) {
            entry.fault = serde_json::to_value(effect).ok();
        }
    }

    /// Completes the entry; the time it took is filled in.
    pub fn end(&self, place: Place, complete: impl FnOnce(&mut Entry)) {
        let mut pages = self.lock();
        if let Some(entry) = pages.entry(place) {
            entry.ms = entry.started.map(|started| started.elapsed().as_secs_f64() * 1000.0);
            complete(entry);
            self.keep(entry);
        }
        pages.cleared.remove(&place);
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
        let clearings = pages.clearings;
        let running: Vec<Entry> = pages.entries.drain(..).filter(|entry| entry.ms.is_none()).collect();
        if self.file.is_some() {
            let place = |entry: Entry| (Place { index: entry.index, clearings }, entry);
            pages.cleared.extend(running.into_iter().map(place));
        }
        pages.first = 0;
        pages.clearings += 1;
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().expect("no panic while held")
    }
}

impl Pages {
    fn entry(&mut self, place: Place) -> Option<&mut Entry> {
        if place.clearings != self.clearings {
            return self.cleared.get_mut(&place);
        }
        self.entries.get_mut(usize::try_from(place.index.checked_sub(self.first)?).ok()?)
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
            assert_eq!(journal.begin(Entry::default()).index, index);
        }
        assert_eq!(indices(&journal.excerpt(Some(2), None)), [3, 4]);
        assert_eq!(indices(&journal.excerpt(Some(1), Some(2))), [3, 4]);
        assert_eq!(indices(&journal.excerpt(None, Some(1))), [4]);
        assert!(journal.excerpt(Some(4), None).entries.is_empty());
        assert!(journal.excerpt(Some(u64::MAX), None).entries.is_empty());
        assert_eq!(journal.excerpt(None, None).clearings, 0);
        journal.clear();
        assert_eq!(journal.begin(Entry::default()).index, 0);
        assert_eq!(journal.excerpt(None, None).clearings, 1);
    }

    #[test]
    fn a_request_that_runs_while_the_journal_is_cleared_is_no_other() {
        let path = tempfile::NamedTempFile::new().unwrap();
        let kept = || -> Vec<u64> {
            let lines = std::fs::read_to_string(path.path()).unwrap();
            let status = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["status"].as_u64();
            lines.lines().filter_map(status).collect()
        };
        for journal in [Journal::default(), Journal::kept_in(path.reopen().unwrap())] {
            let (ended, running) = (journal.begin(Entry::default()), journal.begin(Entry::default()));
            journal.end(ended, |entry| entry.status = Some(200));
            journal.clear();
            let new: Vec<Place> = (0..2).map(|_| journal.begin(Entry::default())).collect();
            assert_eq!(new[1].index, running.index);
            journal.struck(running, &"reset");
            journal.end(running, |entry| entry.status = Some(500));
            let entries = journal.entries();
            assert!(entries.iter().all(|entry| (entry.status, &entry.fault, entry.ms) == (None, &None, None)));
            journal.end(new[1], |entry| entry.status = Some(201));
            // Once is enough.
            journal.end(running, |entry| entry.status = Some(501));
            assert_eq!(journal.entries()[1].status, Some(201));
        }
        // The file has all that ended.
        assert_eq!(kept(), [200, 500, 201]);
    }

    #[test]
    fn the_oldest_go_and_indices_stay() {
        let journal = Journal::default();
        let places: Vec<Place> = (0..MOST_ENTRIES + 3).map(|_| journal.begin(Entry::default())).collect();
        let kept = journal.entries();
        assert_eq!((kept.len(), kept[0].index), (MOST_ENTRIES, 3));
        // One of those that went, and one that stayed.
        journal.end(places[0], |entry| entry.status = Some(500));
        journal.end(places[4], |entry| entry.status = Some(200));
        let statuses: Vec<_> = journal.entries().into_iter().take(3).map(|entry| entry.status).collect();
        assert_eq!(statuses, [None, Some(200), None]);
        assert_eq!(
            indices(&journal.excerpt(Some(MOST_ENTRIES as u64), None)),
            [MOST_ENTRIES as u64 + 1, MOST_ENTRIES as u64 + 2]
        );
    }
}
