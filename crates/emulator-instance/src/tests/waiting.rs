//! Sessions that wait for another one's transaction.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::*;

/// How often this thread went to sleep of its own accord; nothing where the system does not tell.
fn sleeps() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/thread-self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")?.trim().parse().ok())
}

#[test]
fn those_that_wait_sleep_until_they_are_woken() {
    const SESSIONS: u64 = 200;
    let instance = instance();
    let mut owner = admin(&instance, "Sales");
    good(&mut *owner, "BEGIN TRAN INSERT INTO dbo.Orders (Customer) VALUES ('first')");
    let (waiting, begun) = (AtomicU64::new(0), Instant::now());
    let wait = |mut session: Box<dyn Session>| {
        let before = sleeps().unwrap_or_default();
        waiting.fetch_add(1, Ordering::Relaxed);
        good(&mut *session, "BEGIN TRAN INSERT INTO dbo.Orders (Customer) VALUES ('next') COMMIT");
        sleeps().unwrap_or_default() - before
    };
    let slept: u64 = std::thread::scope(|scope| {
        let sessions: Vec<_> = (0..SESSIONS)
            .map(|_| {
                let (session, wait) = (admin(&instance, "Sales"), &wait);
                scope.spawn(move || wait(session))
            })
            .collect();
        while waiting.load(Ordering::Relaxed) < SESSIONS {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_secs(2));
        good(&mut *owner, "COMMIT");
        sessions.into_iter().map(|session| session.join().expect("no panic")).sum()
    });
    // Once a second, once for its turn, and now and then for a lock that somebody has for a moment.
    let most = SESSIONS * (begun.elapsed().as_secs() + 20);
    assert!(slept < most, "{SESSIONS} sessions slept {slept} times in {:?}", begun.elapsed());
    assert_eq!(answer(&mut *owner, "SELECT COUNT(*) FROM dbo.Orders WHERE Customer = 'next'"), SESSIONS.to_string());
}

/// The shortest time of a few from `then` to the end of a request that waited, and its outcomes; a busy machine may
/// delay the others. Without being woken none would end within a second.
fn soon(instance: &Arc<Instance>, text: &str, then: impl Fn(&Cancel, u16)) -> Vec<Outcome> {
    let mut shortest = Duration::MAX;
    let mut all = Vec::new();
    for _ in 0..3 {
        let mut session = admin(instance, "Sales");
        let (cancel, id) = (Cancel::default(), session.id());
        all.clear();
        std::thread::scope(|scope| {
            let running = scope.spawn(|| {
                let request = Request::Text { text: text.into(), parameters: Vec::new() };
                session.execute(request, &cancel, &mut |o| all.push(o));
            });
            std::thread::sleep(Duration::from_millis(50));
            assert!(!running.is_finished(), "{text} waits");
            let started = Instant::now();
            then(&cancel, id);
            running.join().expect("no panic");
            shortest = shortest.min(started.elapsed());
        });
    }
    assert!(shortest < Duration::from_millis(600), "{text}: {shortest:?}");
    all
}

#[test]
fn those_that_wait_are_ended_at_once() {
    let instance = instance();
    let mut owner = admin(&instance, "Sales");
    let insert = "INSERT INTO dbo.Orders (Customer) VALUES ('new')";
    good(&mut *owner, &format!("BEGIN TRAN {insert}"));
    for text in [insert, "SELECT COUNT(*) FROM dbo.Orders"] {
        assert_eq!(errors(&soon(&instance, text, |cancel, _| cancel.set())), [(0, 11, 0)], "{text}");
        let killed = soon(&instance, text, |_, id| good(&mut *admin(&instance, "master"), &format!("KILL {id}")));
        assert_eq!(errors(&killed), [(0, 11, 0)], "{text}");
        let late = soon(&instance, &format!("SET LOCK_TIMEOUT 200 {text}"), |_, _| {});
        assert_eq!(errors(&late), [(1222, 16, 51)], "{text}");
    }
    let reset = soon(&instance, insert, |_, _| {
        Source::reset(&*instance);
        // For the next time.
        let mut owner = admin(&instance, "Sales");
        good(&mut *owner, &format!("BEGIN TRAN {insert}"));
        std::mem::forget(owner);
    });
    assert_eq!(errors(&reset), [(0, 11, 0)]);
    Source::reset(&*instance);
    assert_eq!(answer(&mut *admin(&instance, "Sales"), "SELECT COUNT(*) FROM dbo.Orders"), "3");
}

#[test]
fn whoever_gives_up_hands_the_turn_on() {
    let instance = instance();
    let insert = "INSERT INTO dbo.Orders (Customer) VALUES ('new')";
    let mut owner = admin(&instance, "Sales");
    good(&mut *owner, &format!("BEGIN TRAN {insert}"));
    let cancels: Vec<Cancel> = (0..6).map(|_| Cancel::default()).collect();
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for (place, cancel) in cancels.iter().enumerate() {
            let (mut session, done) = (admin(&instance, "Sales"), &done);
            scope.spawn(move || {
                // Some leave a transaction open that their own end takes back.
                let text = if place % 3 == 2 { format!("BEGIN TRAN {insert}") } else { insert.to_owned() };
                let mut all = Vec::new();
                let request = Request::Text { text, parameters: Vec::new() };
                session.execute(request, cancel, &mut |o| all.push(o));
                drop(session);
                done.fetch_add(usize::from(errors(&all).is_empty()), Ordering::Relaxed);
            });
            std::thread::sleep(Duration::from_millis(10));
        }
        good(&mut *owner, "COMMIT");
        cancels[0].set();
        cancels[1].set();
    });
    assert!(done.load(Ordering::Relaxed) >= 4);
}
