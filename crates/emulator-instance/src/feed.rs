//! What the change feed of a mirrored database leaves in `sys.dm_change_feed_*`: scans and errors, in memory and gone
//! when the feed is switched off (`sql-mi.md` §4.4 of the notes).

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use emulator_ground::source::{FeedError, FeedScan};

/// "Ring of 64 entries".
const ERRORS: usize = 64;
/// UNCONFIRMED: as many as the like view of CDC keeps.
const SCANS: usize = 32;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct FeedLog {
    pub scans: VecDeque<Scan>,
    pub errors: VecDeque<Entry>,
    /// Row 0 of the view: all scans since the feed was switched on.
    pub all: Scan,
    last: i32,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Scan {
    pub id: i32,
    pub start: Timestamp,
    pub end: Timestamp,
    pub changes: u64,
    /// Changes the log has had before this scan, and after it: what its LSNs are made of.
    pub from: u64,
    pub to: u64,
    pub errors: i32,
    /// Scans right after it that found nothing.
    pub empty: i32,
    pub failed: i32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    pub scan: i32,
    pub at: Timestamp,
    pub error: FeedError,
    pub lsn: u64,
}

impl FeedLog {
    /// A scan that found nothing and went well has no row of its own: it counts in the one before it.
    pub fn record(&mut self, at: Timestamp, scan: &FeedScan) {
        let errors = i32::try_from(scan.errors.len()).unwrap_or(i32::MAX);
        if self.all.start == Timestamp::default() {
            self.all.start = at;
        }
        self.all.end = at;
        self.all.errors += errors;
        self.all.failed += i32::from(errors > 0);
        if scan.changes == 0
            && errors == 0
            && let Some(last) = self.scans.back_mut()
        {
            last.empty += 1;
            self.all.empty += 1;
            return;
        }
        self.last += 1;
        let (id, from) = (self.last, self.all.to);
        self.all.to += scan.changes;
        self.all.changes += scan.changes;
        let failed = i32::from(errors > 0);
        let to = self.all.to;
        self.scans.push_back(Scan {
            id,
            start: at,
            end: at,
            changes: scan.changes,
            from,
            to,
            errors,
            empty: 0,
            failed,
        });
        self.scans.drain(..self.scans.len().saturating_sub(SCANS));
        let entries = scan.errors.iter().map(|error| Entry { scan: id, at, error: error.clone(), lsn: to });
        self.errors.extend(entries);
        self.errors.drain(..self.errors.len().saturating_sub(ERRORS));
    }
}

/// `00000025:00000d98:0001`, by which the log is read.
pub fn lsn(changes: u64) -> String {
    format!("{:08x}:{:08x}:0001", changes / 0x1_0000 + 0x25, changes % 0x1_0000 + 0xd98)
}
