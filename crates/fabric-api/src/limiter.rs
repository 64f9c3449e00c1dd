//! How fast an identity calls: below the service's quotas, and not at all while the service asks for patience.
//!
//! Published are 500 calls a minute, and 200 of each operation that makes, changes or deletes workspaces or items
//! (fabric-api facts §8.3); where a minute begins is not. So a call counts from when it is sent until a minute after its
//! answer: then no minute of the service's holds more than the quota, wherever it begins. A bucket that is refilled while
//! it empties would let twice as many through in the first minute.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::ErrorBody;
use crate::retry::RETRY_AFTER_LIMIT;

const CALLS_PER_MINUTE: usize = 500;
/// Of all changes together: which of them the service counts together is not published for every one.
const CHANGES_PER_MINUTE: usize = 200;
const MINUTE: Duration = Duration::from_secs(60);
/// Where only answers can make room, it is looked for this often.
const CROWDED: Duration = Duration::from_secs(1);

/// Lets calls through. Shared by the clones of a client.
#[derive(Clone, Debug)]
pub(crate) struct Limiter {
    book: Arc<Mutex<Book>>,
    /// Every wait is divided by this.
    haste: u32,
}

#[derive(Debug, Default)]
struct Book {
    calls: Used,
    changes: Used,
    blocked: Option<Blocked>,
}

/// Calls of one quota that count.
#[derive(Debug, Default)]
struct Used {
    unanswered: usize,
    /// When the others were answered, the oldest first.
    answered: VecDeque<Instant>,
}

/// What the service asked for when it last refused a call.
#[derive(Debug)]
struct Blocked {
    until: Instant,
    words: ErrorBody,
}

/// A call on its way. It has its answer, or will have none, when this is dropped.
#[derive(Debug)]
pub(crate) struct Pass {
    book: Arc<Mutex<Book>>,
    changes: bool,
}

impl Limiter {
    pub(crate) fn new(haste: u32) -> Self {
        Self { book: Arc::default(), haste }
    }

    /// Waits until a call may be sent.
    ///
    /// # Errors
    /// The words of a refusal that asks for more patience than anybody has.
    pub(crate) async fn pass(&self, changes: bool) -> Result<Pass, ErrorBody> {
        loop {
            let now = Instant::now();
            let room = {
                let mut book = lock(&self.book);
                let block = book.blocked.as_ref().filter(|blocked| blocked.until > now);
                if let Some(blocked) = block.filter(|blocked| blocked.until - now > RETRY_AFTER_LIMIT / self.haste) {
                    return Err(blocked.words.clone());
                }
                let block = block.map(|blocked| blocked.until);
                let minute = MINUTE / self.haste;
                let calls = book.calls.room(now, minute, CALLS_PER_MINUTE, CROWDED / self.haste);
                let of_changes = book.changes.room(now, minute, CHANGES_PER_MINUTE, CROWDED / self.haste);
                let room = [block, calls, of_changes.filter(|_| changes)].into_iter().flatten().max();
                if room.is_none() {
                    book.calls.unanswered += 1;
                    book.changes.unanswered += usize::from(changes);
                }
                room
            };
            match room {
                None => return Ok(Pass { book: self.book.clone(), changes }),
                Some(room) => tokio::time::sleep_until(room).await,
            }
        }
    }

    /// The service has refused a call and names a time: until then nobody calls.
    pub(crate) fn block(&self, pause: Duration, words: &ErrorBody) {
        let until = Instant::now() + pause / self.haste;
        let mut book = lock(&self.book);
        if book.blocked.as_ref().is_none_or(|blocked| blocked.until < until) {
            book.blocked = Some(Blocked { until, words: words.clone() });
        }
    }
}

impl Used {
    /// When there may be room for one more; `None`: now.
    fn room(&mut self, now: Instant, minute: Duration, most: usize, crowded: Duration) -> Option<Instant> {
        while self.answered.front().is_some_and(|answered| *answered + minute <= now) {
            self.answered.pop_front();
        }
        if self.unanswered + self.answered.len() < most {
            return None;
        }
        Some(self.answered.front().map_or(now + crowded, |oldest| *oldest + minute))
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut book = lock(&self.book);
        // Within the lock, so that the oldest stay first.
        let now = Instant::now();
        let book = &mut *book;
        for used in [Some(&mut book.calls), Some(&mut book.changes).filter(|_| self.changes)].into_iter().flatten() {
            used.unanswered -= 1;
            used.answered.push_back(now);
        }
    }
}

fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> ErrorBody {
        ErrorBody { error_code: "RequestBlocked".to_owned(), ..ErrorBody::default() }
    }

    /// When each of so many calls was let through, in seconds; each is answered after a while.
    async fn sent(limiter: &Limiter, count: usize, changes: bool, answered_after: Duration) -> Vec<f64> {
        let began = Instant::now();
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..count {
            let limiter = limiter.clone();
            calls.spawn(async move {
                let pass = limiter.pass(changes).await.unwrap();
                let sent = began.elapsed().as_secs_f64();
                tokio::time::sleep(answered_after).await;
                drop(pass);
                sent
            });
        }
        let mut sent = calls.join_all().await;
        sent.sort_by(f64::total_cmp);
        sent
    }

    /// The most in any minute, wherever it begins.
    fn most_in_a_minute(sent: &[f64]) -> usize {
        sent.iter().map(|begin| sent.iter().filter(|it| (*begin..begin + 60.0).contains(*it)).count()).max().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn no_minute_holds_more_than_the_quota_and_a_burst_below_it_waits_for_nothing() {
        for (changes, quota) in [(false, CALLS_PER_MINUTE), (true, CHANGES_PER_MINUTE)] {
            let limiter = Limiter::new(1);
            let sent = sent(&limiter, 2 * quota + 50, changes, Duration::from_millis(300)).await;
            assert_eq!(sent[quota - 1], 0.0, "a burst");
            assert_eq!(most_in_a_minute(&sent), quota);
            // Whatever is late on its way: a minute counts from the answer.
            assert!((60.3..60.4).contains(&sent[quota]), "{}", sent[quota]);
            assert!((120.6..120.8).contains(&sent[2 * quota]), "{}", sent[2 * quota]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn reads_go_on_where_changes_wait() {
        let limiter = Limiter::new(1);
        sent(&limiter, CHANGES_PER_MINUTE, true, Duration::ZERO).await;
        assert_eq!(sent(&limiter, 100, false, Duration::ZERO).await[99], 0.0);
        assert!(sent(&limiter, 1, true, Duration::ZERO).await[0] >= 60.0);
    }

    #[tokio::test(start_paused = true)]
    async fn one_refusal_makes_everybody_wait_to_the_second() {
        let limiter = Limiter::new(1);
        limiter.block(Duration::from_secs(35), &words());
        limiter.block(Duration::from_secs(10), &words());
        let longer = async {
            tokio::time::sleep(Duration::from_secs(20)).await;
            limiter.block(Duration::from_secs(30), &words());
        };
        let (sent, ()) = tokio::join!(sent(&limiter, 50, false, Duration::ZERO), longer);
        assert!(sent.iter().all(|sent| (50.0..50.1).contains(sent)), "{sent:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_an_hour() {
        let limiter = Limiter::new(1);
        limiter.block(Duration::from_secs(3600), &words());
        assert_eq!(limiter.pass(false).await.unwrap_err(), words());
        tokio::time::sleep(Duration::from_secs(3500)).await;
        assert!(sent(&limiter, 1, false, Duration::ZERO).await[0] >= 100.0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_is_given_up_takes_nothing() {
        let limiter = Limiter::new(1);
        limiter.block(Duration::from_secs(60), &words());
        for _ in 0..2 * CALLS_PER_MINUTE {
            let given_up = tokio::time::timeout(Duration::from_millis(1), limiter.pass(true)).await;
            assert!(given_up.is_err());
        }
        assert!(sent(&limiter, CHANGES_PER_MINUTE, true, Duration::ZERO).await[199] < 60.0);
    }

    #[tokio::test(start_paused = true)]
    async fn where_no_call_has_an_answer_the_next_one_waits_for_that() {
        let limiter = Limiter::new(1);
        let sent = sent(&limiter, CHANGES_PER_MINUTE + 1, true, Duration::from_secs(90)).await;
        assert!((150.0..151.1).contains(&sent[CHANGES_PER_MINUTE]), "{}", sent[CHANGES_PER_MINUTE]);
    }

    #[tokio::test(start_paused = true)]
    async fn haste_shortens_the_minute() {
        let limiter = Limiter::new(60);
        let sent = sent(&limiter, CHANGES_PER_MINUTE + 1, true, Duration::ZERO).await;
        assert!((1.0..1.1).contains(&sent[CHANGES_PER_MINUTE]), "{}", sent[CHANGES_PER_MINUTE]);
    }
}
