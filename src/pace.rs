//! Waiting for a service: growing pauses, a deadline, and the user's interrupt.

use std::time::{Duration, Instant};

use tfplugin::{Context, ProviderType};

/// First short, so that what is quick is seen at once; then long, since every caller of a tenant shares one quota.
const FIRST: Duration = Duration::from_millis(400);
const LONGEST: Duration = Duration::from_secs(15);

/// The pauses of one wait.
#[derive(Debug)]
pub struct Pace {
    started: Instant,
    limit: Duration,
    next: Duration,
}

/// What a pause ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// Look again.
    Over,
    TimedOut,
    /// The user interrupted.
    Stopped,
}

impl Pace {
    pub fn new(limit: Duration) -> Self {
        Self { started: Instant::now(), limit, next: FIRST }
    }

    pub fn limit(&self) -> Duration {
        self.limit
    }

    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub async fn pause<P: ProviderType>(&mut self, cx: &Context<P>) -> Pause {
        let left = self.limit.saturating_sub(self.started.elapsed());
        if left.is_zero() {
            return Pause::TimedOut;
        }
        let pause = self.next.min(left);
        self.next = (self.next * 3 / 2).min(LONGEST);
        tokio::select! {
            () = tokio::time::sleep(pause) => Pause::Over,
            () = cx.stopped() => Pause::Stopped,
        }
    }
}
