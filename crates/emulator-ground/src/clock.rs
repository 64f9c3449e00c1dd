//! Virtual time: every wait of the emulator that stands for work of the real services is measured on this clock, so
//! that tests of five-minute waits take moments.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

/// A clock that runs `scale` times as fast as the machine's and can be pushed forward.
#[derive(Debug)]
pub struct Clock {
    origin: Timestamp,
    started: Instant,
    scale: f64,
    advanced: Mutex<Duration>,
    moved: Notify,
}

/// Where a clock stands, for one that goes on from there.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Position {
    origin: Timestamp,
    elapsed: Duration,
}

impl Clock {
    /// Starts at the machine's time. `scale` is clamped to 0.001 ..= 1,000,000; 1 is real time.
    pub fn new(scale: f64) -> Self {
        let scale = if scale.is_finite() { scale.clamp(0.001, 1_000_000.0) } else { 1.0 };
        Self {
            origin: Timestamp::now(),
            started: Instant::now(),
            scale,
            advanced: Mutex::new(Duration::ZERO),
            moved: Notify::new(),
        }
    }

    /// Goes on where another stood; the time between has not passed.
    pub fn resume(scale: f64, Position { origin, elapsed }: Position) -> Self {
        Self { origin, advanced: Mutex::new(elapsed), ..Self::new(scale) }
    }

    pub fn position(&self) -> Position {
        Position { origin: self.origin, elapsed: self.elapsed() }
    }

    /// Time since the clock started.
    pub fn elapsed(&self) -> Duration {
        let advanced = *self.advanced.lock().expect("no panic while held");
        self.started.elapsed().mul_f64(self.scale) + advanced
    }

    /// The virtual moment.
    pub fn now(&self) -> Timestamp {
        self.at(self.elapsed())
    }

    /// The virtual moment `elapsed` after the start.
    pub fn at(&self, elapsed: Duration) -> Timestamp {
        self.origin.checked_add(elapsed).unwrap_or(Timestamp::MAX)
    }

    /// How many times as fast as the machine's clock it runs.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// A `Retry-After` for a client, who waits by the machine's clock: no longer than the virtual time lasts there,
    /// and at least a second.
    pub fn retry_after(&self, virtual_seconds: f64) -> u64 {
        (virtual_seconds / self.scale.max(1.0)).ceil().max(1.0) as u64
    }

    /// Pushes the clock forward and wakes everybody who sleeps on it.
    pub fn advance(&self, by: Duration) {
        *self.advanced.lock().expect("no panic while held") += by;
        self.moved.notify_waiters();
    }

    /// Sleeps until the clock has moved on by `duration`, by itself or by [`Clock::advance`].
    pub async fn sleep(&self, duration: Duration) {
        let wake = self.elapsed() + duration;
        loop {
            let moved = self.moved.notified();
            let Some(left) = wake.checked_sub(self.elapsed()).filter(|left| !left.is_zero()) else { return };
            tokio::select! {
                () = tokio::time::sleep(left.div_f64(self.scale)) => {}
                () = moved => {}
            }
        }
    }
}
