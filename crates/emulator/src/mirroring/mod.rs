//! The replicator of one mirrored database: the status machine that `startMirroring` and `stopMirroring` drive, on
//! virtual time, and the tables it copies. It joins [`crate::fabric`] to the instance ([`Source`]).
//!
//! Nothing runs by itself: [`Mirror::settle`] brings the state up to the present and is called before every look at
//! it and by a ticker of the emulator. What decides is in [`conditions`]; which tables take part is in [`tables`].
//!
//! Delays are those of recordings of real tenants (fabric-api facts §11): Initialized 33–64 s after the create,
//! Running at the first look 32–35 s after the start, Stopped 37 s after the stop.

pub mod conditions;
pub mod tables;

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

use crate::fabric::error::ErrorBody;
use crate::scenario::rest::SourceNotReady;
use crate::source::{FeedError, FeedScan, FeedTask, Source};
use conditions::Setup;
use tables::Tables;

/// From the create until the SQL endpoint is there.
pub const INITIALIZING: Duration = Duration::from_secs(45);
/// From the create until the item of the SQL endpoint is listed.
pub const ENDPOINT_LISTED: Duration = Duration::from_secs(10);
const STARTING: Duration = Duration::from_secs(30);
const STOPPING: Duration = Duration::from_secs(35);
/// Between two looks of the replicator at the source. Changes were seen in mirrors after 45–60 s (§11).
pub const POLL: Duration = Duration::from_secs(15);
/// More than a new table needs from Initialized to Replicating.
const FIRST_POLLS: u32 = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    Initializing,
    Initialized,
    Starting,
    Running,
    Paused,
    Stopping,
    Stopped,
}

impl Status {
    /// As the API spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Initializing => "Initializing",
            Self::Initialized => "Initialized",
            Self::Starting => "Starting",
            Self::Running => "Running",
            Self::Paused => "Paused",
            Self::Stopping => "Stopping",
            Self::Stopped => "Stopped",
        }
    }
}

/// The state of a mirrored database. Times are those of [`crate::clock::Clock::elapsed`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Mirror {
    status: Status,
    /// When it got this status.
    since: Duration,
    polled: Duration,
    error: Option<ErrorBody>,
    tables: Tables,
    /// The database whose change feed this mirror switched on.
    feeds: Option<String>,
    /// Changes of mirrored tables at the last scan, and the errors it met.
    scanned: u64,
    failing: BTreeSet<(Option<i32>, String)>,
}

impl Mirror {
    /// A mirror created at `now`.
    pub fn new(now: Duration) -> Self {
        Self {
            status: Status::Initializing,
            since: now,
            polled: now,
            error: None,
            tables: Tables::default(),
            feeds: None,
            scanned: 0,
            failing: BTreeSet::new(),
        }
    }

    pub fn status(&self) -> Status {
        self.status
    }

    /// What stands beside the status: why a start failed, or what keeps a running mirror from replicating.
    pub fn error(&self) -> Option<&ErrorBody> {
        self.error.as_ref()
    }

    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// The database whose change feed is on for this mirror.
    pub fn feeds(&self) -> Option<&str> {
        self.feeds.as_deref()
    }

    /// When it looked at its source last.
    pub fn last_look(&self) -> Option<Duration> {
        self.feeds.is_some().then_some(self.polled)
    }

    /// Connection, database and default schema may change only now (facts §1.6).
    pub fn is_at_rest(&self) -> bool {
        matches!(self.status, Status::Initialized | Status::Stopped)
    }

    /// Accepts `startMirroring`; what comes of it shows later.
    ///
    /// # Errors
    /// The status in which it is refused. UNCONFIRMED except for Initializing (§11): nobody recorded a start of a
    /// mirror that starts, runs, stops or is paused, and authors stop before they start again.
    pub fn start(&mut self, now: Duration) -> Result<(), Status> {
        if !self.is_at_rest() {
            return Err(self.status);
        }
        self.enter(Status::Starting, now);
        self.error = None;
        // Start reseeds every table from scratch (sql-mi facts §4.6).
        self.tables = Tables::default();
        Ok(())
    }

    /// Accepts `stopMirroring`.
    ///
    /// # Errors
    /// The status in which it is refused: UNCONFIRMED; only Running is recorded, Paused is what authors do (§11).
    pub fn stop(&mut self, now: Duration) -> Result<(), Status> {
        if !matches!(self.status, Status::Running | Status::Paused) {
            return Err(self.status);
        }
        self.enter(Status::Stopping, now);
        Ok(())
    }

    /// Its item is deleted: a stop that was accepted goes on without it, and what ran is interrupted, for an item that comes
    /// back, as by a paused capacity (UNCONFIRMED). The change feed stays on.
    pub fn leave(&mut self, now: Duration, source: &dyn Source) {
        match self.status {
            Status::Stopping => self.finish_stop(now, source),
            Status::Starting | Status::Running => self.enter(Status::Paused, now),
            _ => {}
        }
    }

    /// Brings the state up to `now`.
    pub fn settle(&mut self, now: Duration, setup: &Setup<'_>) {
        // A paused capacity interrupts, and nothing resumes by itself (facts §1.6, §11).
        if !setup.capacity_is_active() && matches!(self.status, Status::Starting | Status::Running) {
            self.enter(Status::Paused, now);
        }
        match self.status {
            Status::Initializing if now >= self.since + INITIALIZING => {
                self.enter(Status::Initialized, self.since + INITIALIZING);
            }
            Status::Starting if now >= self.since + STARTING => self.finish_start(self.since + STARTING, now, setup),
            Status::Running => self.run(now, setup),
            Status::Stopping if now >= self.since + STOPPING => self.finish_stop(self.since + STOPPING, setup.source),
            _ => {}
        }
    }

    /// The start is over: either the change feed is on and tables are being copied, or the source was not ready
    /// ([`SourceNotReady`]).
    fn finish_start(&mut self, at: Duration, now: Duration, setup: &Setup<'_>) {
        match setup.source_problem(None) {
            Some(problem) if setup.rest.source_not_ready == SourceNotReady::Stopped => {
                self.enter(Status::Stopped, at);
                self.error = Some(problem);
            }
            _ => {
                self.enter(Status::Running, at);
                self.poll(at, setup);
                self.run(now, setup);
            }
        }
    }

    /// Passes through every poll and every step of a table up to `now`; of a long absence only the first polls and
    /// the last, because the ones between can see nothing that the first did not.
    fn run(&mut self, now: Duration, setup: &Setup<'_>) {
        let mut polls = 0;
        while let Some(mut next) = self.next_look(now) {
            let is_poll = next >= self.polled + POLL;
            if is_poll && polls >= FIRST_POLLS {
                let missed = (now - self.polled).as_nanos() / POLL.as_nanos();
                next = self.polled + POLL * u32::try_from(missed).unwrap_or(u32::MAX);
            }
            self.tables.progress(next, setup);
            if is_poll {
                self.poll(next, setup);
                polls += 1;
            }
        }
    }

    fn next_look(&self, now: Duration) -> Option<Duration> {
        [Some(self.polled + POLL), self.tables.next_step()].into_iter().flatten().min().filter(|next| *next <= now)
    }

    /// Rights, table list and changes, as the replicator finds them now.
    fn poll(&mut self, at: Duration, setup: &Setup<'_>) {
        self.polled = at;
        self.error = setup.source_problem(self.feeds.as_deref());
        if self.error.is_none() && self.feeds.is_none() {
            self.feeds = setup.database();
            if let Some(database) = &self.feeds {
                setup.source.set_change_feed(database, true);
            }
        }
        let blocked = self.error.clone().map(tables::Blocked::Failed).or_else(|| setup.publish_problem());
        self.tables.poll(at, setup, blocked);
        self.report(at, setup);
    }

    /// Tells the source what this look found, for its own views of the change feed.
    fn report(&mut self, at: Duration, setup: &Setup<'_>) {
        let Some(database) = &self.feeds else { return };
        let mut failing = BTreeSet::new();
        let mut errors = Vec::new();
        for (_, table) in self.tables.iter() {
            let failed = matches!(table.status(), tables::TableStatus::Failed);
            let Some(error) = table.error().filter(|_| failed) else { continue };
            let of_all = self.error.as_ref().or(setup.publish_problem().as_ref().map(tables::Blocked::error)).cloned();
            let of_all = of_all.is_some_and(|all| all.message == error.message);
            let id = Some(table.object_id()).filter(|id| *id != 0 && !of_all);
            let key = (id, error.message.clone());
            if !self.failing.contains(&key) && !failing.contains(&key) {
                // 22739 is the one published number, of trouble with the identity (sql-mi facts §12).
                let number = error.message.contains("22739").then_some(22739);
                let task = if of_all { FeedTask::Publish } else { FeedTask::Snapshot };
                errors.push(FeedError { table: id, task, number, message: error.message.clone() });
            }
            failing.insert(key);
        }
        let mirrored: BTreeSet<i32> = self.tables.iter().map(|(_, table)| table.object_id()).collect();
        let tables = setup.source.tables(database);
        let changes: u64 = tables.iter().filter(|t| mirrored.contains(&t.object_id)).map(|t| t.changes).sum();
        let scan = FeedScan { changes: changes.saturating_sub(self.scanned), errors };
        (self.scanned, self.failing) = (changes, failing);
        setup.source.record_scan(database, at, &scan);
    }

    fn finish_stop(&mut self, at: Duration, source: &dyn Source) {
        self.enter(Status::Stopped, at);
        self.error = None;
        self.tables.stop();
        if let Some(database) = self.feeds.take() {
            source.set_change_feed(&database, false);
        }
        (self.scanned, self.failing) = (0, BTreeSet::new());
    }

    fn enter(&mut self, status: Status, at: Duration) {
        self.status = status;
        self.since = at;
    }
}
