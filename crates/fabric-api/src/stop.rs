//! What the caller's wish to end does to a pause, to a request under way, and to one not yet sent.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// A request under way has this long to be answered.
const GRACE: Duration = Duration::from_secs(1);

/// The caller's wish to end, or its absence.
#[derive(Clone, Debug)]
pub(crate) struct Stop(CancellationToken);

/// Something was not done to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// It was not begun.
    Before,
    /// It was begun, and its outcome is not known.
    Meanwhile,
}

impl Stop {
    pub(crate) fn new(token: CancellationToken) -> Self {
        Self(token)
    }

    /// Waits, but not beyond the stop. Whoever goes on afterwards finds out there.
    pub(crate) async fn pause(&self, pause: Duration) {
        self.0.run_until_cancelled(tokio::time::sleep(pause)).await;
    }

    /// Does what may be broken off at any moment.
    pub(crate) async fn or_drop<T>(&self, work: impl Future<Output = T>) -> Result<T, Stopped> {
        self.0.run_until_cancelled(work).await.ok_or(Stopped::Before)
    }

    /// Does what has an outcome that is worth a moment: nothing is begun after the stop, and what was begun may end.
    pub(crate) async fn or_outcome<T>(&self, work: impl Future<Output = T>) -> Result<T, Stopped> {
        if self.0.is_cancelled() {
            return Err(Stopped::Before);
        }
        let too_late = async {
            self.0.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = too_late => Err(Stopped::Meanwhile),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_begun_may_end_and_nothing_is_begun_afterwards() {
        let token = CancellationToken::new();
        let stop = Stop::new(token.clone());
        let short = async {
            token.cancel();
            tokio::time::sleep(GRACE / 4).await;
        };
        assert_eq!(stop.or_outcome(short).await, Ok(()));
        assert_eq!(stop.or_outcome(async {}).await, Err(Stopped::Before));
        assert_eq!(stop.or_drop(async {}).await, Err(Stopped::Before));
        let token = CancellationToken::new();
        let stop = Stop::new(token.clone());
        token.cancel();
        stop.pause(Duration::from_secs(3600)).await;
        let token = CancellationToken::new();
        let stop = Stop::new(token.clone());
        let endless = async {
            token.cancel();
            std::future::pending::<()>().await;
        };
        assert_eq!(stop.or_outcome(endless).await, Err(Stopped::Meanwhile));
    }
}
