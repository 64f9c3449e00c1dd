//! The one policy of repeating: which failure is put up with, and for how long.
//!
//! Whether a call may be made again is decided by the code, the status and `isRetriable`, and by whether it may have had
//! an effect. `Retry-After` is honoured exactly.

use std::time::{Duration, SystemTime};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

use crate::error::{ErrorBody, says_capacity_is_inactive};

/// A server that asks for more patience than this is not waited for.
pub(crate) const RETRY_AFTER_LIMIT: Duration = Duration::from_secs(120);
/// A connection that cannot be made is tried for no longer.
const UNCONNECTED_LIMIT: Duration = Duration::from_secs(5);
/// A call that fails is repeated for no longer.
const RETRY_LIMIT: Duration = Duration::from_secs(300);
/// A call that is throttled each time is repeated for no longer: the quota is used up by others, minute after minute.
const THROTTLED_LIMIT: Duration = Duration::from_secs(900);
/// The pause where a throttled call is not told one.
const THROTTLED_PAUSE: Duration = Duration::from_secs(30);
/// A deleted item's name is free again after 20 s to 5 min (fabric-api facts §8.6, §11).
const NAME_WAIT: Duration = Duration::from_secs(600);
/// The directory knows a new identity after this time, or not at all.
const PRINCIPAL_WAIT: Duration = Duration::from_secs(120);

/// Whether and when a failed call may be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    No,
    /// After a growing pause.
    Yes,
    After(Duration),
    /// The quota is used up; after this time, where one was named.
    Throttled(Option<Duration>),
    /// With another token than this one (see [`crate::auth::Tokens`]): it has expired.
    NewToken(u64),
    /// No connection was made.
    Unconnected,
    /// The name of a deleted item is not free yet.
    NameReserved,
    /// The directory does not know a principal yet.
    PrincipalUnknown,
}

/// How long which failure is put up with. Pauses count in full, also where they are shortened; waiting for one's turn
/// does not count.
pub(crate) struct Patience {
    growing: ExponentialBackoff,
    spent: Duration,
    /// Of throttled attempts, which do not count for the others.
    throttled: Duration,
    /// When the failures to connect began that nothing else came between.
    unconnected: Option<Duration>,
    has_new_token: bool,
}

impl Patience {
    pub(crate) fn new() -> Self {
        let growing = ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(Duration::from_millis(500))
            .with_max_delay(Duration::from_secs(30))
            .with_max_times(8)
            .build();
        Self { growing, spent: Duration::ZERO, throttled: Duration::ZERO, unconnected: None, has_new_token: false }
    }

    /// The pause before the next attempt, after one that `took` so long; `None`: give up.
    pub(crate) fn pause(&mut self, again: Again, took: Duration) -> Option<Duration> {
        if again != Again::Unconnected {
            self.unconnected = None;
        }
        let (pause, limit) = match again {
            Again::No => return None,
            Again::NewToken(_) => {
                let is_first = !std::mem::replace(&mut self.has_new_token, true);
                return is_first.then_some(Duration::ZERO);
            }
            Again::Throttled(pause) => {
                let pause = pause.unwrap_or(THROTTLED_PAUSE);
                self.throttled += took + pause;
                return (pause <= RETRY_AFTER_LIMIT && self.throttled <= THROTTLED_LIMIT).then_some(pause);
            }
            Again::Yes => (self.growing.next()?, RETRY_LIMIT),
            Again::After(pause) => (self.growing.next().map(|_| pause)?, RETRY_LIMIT),
            Again::Unconnected => {
                let since = *self.unconnected.get_or_insert(self.spent);
                (self.growing.next()?, since + UNCONNECTED_LIMIT)
            }
            // What comes by itself is not counted: the pauses may be short, the wait long.
            Again::NameReserved => (self.asking(20), NAME_WAIT),
            Again::PrincipalUnknown => (self.asking(10), PRINCIPAL_WAIT),
        };
        self.spent += took + pause;
        (self.spent <= limit).then_some(pause)
    }

    fn asking(&mut self, longest: u64) -> Duration {
        let longest = Duration::from_secs(longest);
        self.growing.next().unwrap_or(longest).clamp(Duration::from_secs(2), longest)
    }
}

/// What a refused call is, as far as that decides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused {
    /// Sending it twice does the same as sending it once.
    pub idempotent: bool,
    /// It names a principal that may have been made a moment ago, which is refused with this code.
    pub fresh_principal: Option<&'static str>,
    /// See [`Again::NewToken`].
    pub token: u64,
}

/// Whether a refused call may be made again. What may have had an effect is not repeated.
pub(crate) fn again(status: StatusCode, headers: &HeaderMap, body: &ErrorBody, call: Refused) -> Again {
    let code = body.error_code.as_str();
    if code == "ItemDisplayNameNotAvailableYet" {
        return Again::NameReserved;
    }
    if call.fresh_principal == Some(code) && status.is_client_error() {
        return Again::PrincipalUnknown;
    }
    // Whoever resumes a capacity takes longer than any retry, even where the status says "unavailable".
    if says_capacity_is_inactive(code) {
        return Again::No;
    }
    match status {
        // Refused untouched.
        StatusCode::TOO_MANY_REQUESTS => return Again::Throttled(retry_after(headers)),
        // The same, and what stands in between may know no codes.
        StatusCode::UNAUTHORIZED if matches!(code, "TokenExpired" | "") => return Again::NewToken(call.token),
        _ => {}
    }
    // Seconds after its creation a mirror may not be ready for a definition (fabric-api facts §11).
    let passing = match body.is_retriable {
        Some(is_retriable) => is_retriable,
        None => matches!(status.as_u16(), 408 | 500 | 502 | 503 | 504),
    } || code == "MirroredDatabaseNotReady";
    if !passing || !call.idempotent {
        return Again::No;
    }
    match retry_after(headers) {
        None => Again::Yes,
        Some(pause) if pause > RETRY_AFTER_LIMIT => Again::No,
        Some(pause) => Again::After(pause),
    }
}

/// Seconds, or a date; that is compared with the sender's own clock, where it shows that.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    let date = headers.get(DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
    Some(until.duration_since(date.unwrap_or_else(SystemTime::now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    /// How often a call is made that always fails so, and how long that takes, in seconds.
    fn until_given_up(again: Again, took: Duration) -> (usize, u64) {
        let (mut patience, mut attempts, mut spent) = (Patience::new(), 1, took);
        while let Some(pause) = patience.pause(again, took) {
            (attempts, spent) = (attempts + 1, spent + pause + took);
        }
        (attempts, spent.as_secs())
    }

    #[test]
    fn every_failure_is_put_up_with_for_a_time() {
        for (again, took, attempts, seconds) in [
            (Again::No, S(0), 1..=1, 0..=0),
            (Again::Yes, S(0), 9..=9, 60..=200),
            (Again::Yes, S(100), 3..=3, 300..=310),
            (Again::After(S(60)), S(0), 6..=6, 300..=300),
            (Again::Throttled(Some(S(1))), S(0), 901..=901, 900..=900),
            (Again::Throttled(Some(S(58))), S(0), 16..=16, 870..=870),
            (Again::Throttled(Some(S(121))), S(0), 1..=1, 0..=0),
            (Again::Throttled(None), S(0), 31..=31, 900..=900),
            (Again::NewToken(0), S(0), 2..=2, 0..=0),
            (Again::Unconnected, S(0), 3..=5, 1..=5),
            (Again::Unconnected, S(10), 1..=1, 10..=10),
            (Again::NameReserved, S(0), 30..=60, 580..=600),
            (Again::PrincipalUnknown, S(0), 12..=30, 110..=120),
        ] {
            let (made, spent) = until_given_up(again, took);
            assert!(attempts.contains(&made) && seconds.contains(&spent), "{again:?}: {made} in {spent} s");
        }
    }

    #[test]
    fn throttling_takes_nothing_from_the_patience_for_failures() {
        let mut patience = Patience::new();
        for _ in 0..14 {
            assert!(patience.pause(Again::Throttled(Some(S(60))), S(0)).is_some());
        }
        assert!(patience.pause(Again::Yes, S(1)).is_some());
        assert!(patience.pause(Again::Unconnected, S(1)).is_some());
    }

    #[test]
    fn a_date_is_as_good_as_seconds() {
        let pause = |pairs: &[(&'static str, &str)]| {
            let pairs = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            retry_after(&pairs.collect())
        };
        let (date, later) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:50:12 GMT");
        assert_eq!(pause(&[("retry-after", "35")]), Some(S(35)));
        assert_eq!(pause(&[("retry-after", later), ("date", date)]), Some(S(35)));
        assert_eq!(pause(&[("retry-after", date), ("date", later)]), Some(S(0)));
        assert_eq!(pause(&[("retry-after", date)]), Some(S(0)));
        let soon = httpdate::fmt_http_date(SystemTime::now() + S(100));
        assert!((S(98)..=S(100)).contains(&pause(&[("retry-after", &soon)]).unwrap()));
        for nothing in [&[][..], &[("retry-after", "soon")], &[("retry-after", "-1")]] {
            assert_eq!(pause(nothing), None);
        }
    }
}
