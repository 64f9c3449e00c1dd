//! Many sessions at once, for a while: none sees an error, and nothing of them is left. A few seconds of some in
//! `make test`, a minute of many in `make test-long` (`FABRICMIRROR_ENDURANCE_S`), which looks at memory too.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fabricmirror_tests::build::Binaries;
use fabricmirror_tests::emulator::{Emulator, Options, Session};
use fabricmirror_tests::{Result, fail};
use libtest_mimic::Trial;
use tokio::task::JoinSet;
use tokio::time::timeout;

const SESSIONS: usize = 40;
const SECONDS: u64 = 3;
/// When it is to take longer.
const MANY_SESSIONS: usize = 200;
/// The journal keeps so many requests: before it is full, memory grows for a good reason.
const JOURNAL: u64 = 50_000;
/// Of each session.
const REQUESTS: usize = 24;
/// For what the allocator holds on to.
const SLACK_KIB: u64 = 16 * 1024;
/// Until threads that found no work have ended.
const COOLING: Duration = Duration::from_secs(60);

pub fn trials(base: &Path) -> (Vec<Trial>, Vec<String>) {
    let sessions = base.join("endurance");
    let parent = base.join("parent");
    let trials = vec![
        Trial::test("endurance::sessions_leave_nothing_behind", move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            runtime.block_on(sessions_come_and_go(&sessions)).map_err(|error| error.to_string().into())
        }),
        Trial::test("endurance::the_emulator_ends_with_its_parent", move || {
            ends_with_its_parent(&parent).map_err(|error| error.to_string().into())
        }),
    ];
    (trials, Vec::new())
}

/// What a process holds, as Linux counts it.
#[derive(Debug, Clone, Copy)]
struct Holding {
    threads: u64,
    descriptors: u64,
    memory_kib: u64,
}

impl Holding {
    fn of(pid: u32) -> Result<Self> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let number = |name: &str| -> Result<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("an unusual /proc")?;
            Ok(line.split_whitespace().next().ok_or("an unusual /proc")?.parse()?)
        };
        Ok(Self {
            threads: number("Threads:")?,
            descriptors: std::fs::read_dir(format!("/proc/{pid}/fd"))?.count() as u64,
            memory_kib: number("VmRSS:")?,
        })
    }
}

async fn sessions_come_and_go(folder: &Path) -> Result<()> {
    let seconds = std::env::var("FABRICMIRROR_ENDURANCE_S").map_or(Ok(SECONDS), |text| text.parse())?;
    let long = seconds > SECONDS;
    let sessions = if long { MANY_SESSIONS } else { SESSIONS };
    std::fs::create_dir_all(folder)?;
    let emulator = Arc::new(Emulator::start(&Binaries::find()?, folder, &Options::default()).await?);
    let pid = emulator.ready.pid;
    emulator.sql("Sales", "CREATE TABLE dbo.Endurance (id int PRIMARY KEY, worker int NOT NULL)").await?;
    let before = Holding::of(pid)?;

    let done = Arc::new(AtomicU64::new(0));
    let warm = work(&emulator, sessions, &done, Duration::from_secs(seconds / 3)).await?;
    // Then until the journal is full, but no longer than ten minutes.
    let limit = Instant::now() + Duration::from_secs(600);
    while long && last_index(&emulator).await? < JOURNAL && Instant::now() < limit {
        work(&emulator, sessions, &done, Duration::from_secs(5)).await?;
    }
    let warmed = Holding::of(pid)?;
    let measured = work(&emulator, sessions, &done, Duration::from_secs(seconds)).await?;
    let after = Holding::of(pid)?;
    let left = cooled(pid, before).await?;
    println(&format!(
        "endurance: {measured} logins of {sessions} sessions at a time in {seconds} s, {REQUESTS} requests each, after \
         {warm} to warm up; before {before:?}, warm {warmed:?}, after {after:?}, at rest {left:?}"
    ));
    if long && after.memory_kib > warmed.memory_kib + warmed.memory_kib / 10 + SLACK_KIB {
        fail!("memory grows: {warmed:?}, then {after:?}");
    }
    // Whoever comes now is served, and sees what was committed.
    let rows = emulator.sql("Sales", "SELECT COUNT(*) FROM dbo.Endurance").await?;
    let sessions =
        emulator.sql("master", "SELECT COUNT(*) FROM sys.dm_exec_sessions WHERE is_user_process = 1").await?;
    if rows != [["0"]] || sessions != [["1"]] {
        fail!("{rows:?} rows of what was rolled back or deleted, and {sessions:?} sessions, are left");
    }
    let log = std::fs::read_to_string(folder.join("emulator.log"))?;
    if log.contains("panicked") {
        fail!("the emulator panicked: {log}");
    }
    drop(emulator);
    crate::conclude(folder)
}

#[expect(clippy::print_stdout, reason = "the figures are for who runs it")]
fn println(line: &str) {
    println!("{line}");
}

async fn last_index(emulator: &Emulator) -> Result<u64> {
    let last = emulator.last_request().await?;
    Ok(last["index"].as_u64().unwrap_or_default())
}

/// All sessions at work for a time; how many operations they did.
async fn work(emulator: &Arc<Emulator>, sessions: usize, done: &Arc<AtomicU64>, time: Duration) -> Result<u64> {
    let (start, until) = (done.load(Ordering::Relaxed), Instant::now() + time);
    let mut workers = JoinSet::new();
    for worker in 0..sessions {
        let (emulator, done) = (emulator.clone(), done.clone());
        workers.spawn(async move {
            let mut round = worker;
            while Instant::now() < until {
                one_session(&emulator, worker, round)
                    .await
                    .map_err(|error| format!("session {worker}, round {round}: {error}"))?;
                done.fetch_add(1, Ordering::Relaxed);
                round += 1;
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        });
    }
    while let Some(ended) = workers.join_next().await {
        ended??;
    }
    Ok(done.load(Ordering::Relaxed) - start)
}

/// A login, some requests, and an end, not always a polite one.
async fn one_session(emulator: &Emulator, worker: usize, round: usize) -> Result<()> {
    let mut session = emulator.session("Sales").await?;
    for step in 0..REQUESTS {
        match (round + step) % 6 {
            0 => expect(&texts(&mut session, "SELECT COUNT(*) FROM dbo.Customers").await?, "4")?,
            1 => {
                let rows = session.query("SELECT @P1 + 1", &[&(worker as i32)]).await?.into_first_result().await?;
                expect(&rows[0].get::<i32, _>(0).unwrap_or_default().to_string(), &(worker + 1).to_string())?;
            }
            2 => {
                session.begin_transaction().await?;
                let insert = "INSERT INTO dbo.Endurance (id, worker) VALUES (@P1, @P1)";
                session.execute(insert, &[&(worker as i32)]).await?;
                session.rollback_transaction().await?;
            }
            3 => {
                let insert =
                    format!("INSERT INTO dbo.Endurance VALUES ({worker}, 1); DELETE dbo.Endurance WHERE id = {worker}");
                session.simple_query(insert).await?.into_results().await?;
            }
            4 => {
                let waiting = async { session.simple_query("WAITFOR DELAY '20:00:00'").await?.into_results().await };
                if timeout(Duration::from_millis(20), waiting).await.is_ok() {
                    fail!("a wait of hours ended");
                }
                timeout(Duration::from_secs(60), session.cancel_query()).await??;
            }
            _ => {
                let nothing = async { session.simple_query("SELECT * FROM dbo.Nothing").await?.into_results().await };
                match nothing.await {
                    Err(tiberius::error::Error::Server(error)) if error.code() == 208 => {}
                    other => fail!("a table that is not there is answered {other:?}"),
                }
            }
        }
    }
    if round.is_multiple_of(3) {
        // In the middle of a request.
        let waiting = async { session.simple_query("WAITFOR DELAY '20:00:00'").await?.into_results().await };
        let _ = timeout(Duration::from_millis(5), waiting).await;
    }
    Ok(())
}

async fn texts(session: &mut Session, query: &str) -> Result<String> {
    let rows = session.simple_query(query).await?.into_first_result().await?;
    Ok(rows[0].get::<i32, _>(0).unwrap_or_default().to_string())
}

fn expect(found: &str, expected: &str) -> Result<()> {
    if found == expected { Ok(()) } else { fail!("{found} instead of {expected}") }
}

/// Waits until threads and descriptors are as before.
async fn cooled(pid: u32, before: Holding) -> Result<Holding> {
    // The control interface's own connection, and threads that the runtime keeps.
    const MORE: u64 = 8;
    let limit = Instant::now() + COOLING;
    loop {
        let now = Holding::of(pid)?;
        if now.threads <= before.threads + MORE && now.descriptors <= before.descriptors + MORE {
            return Ok(now);
        }
        if Instant::now() > limit {
            fail!("something is left of the sessions: before {before:?}, now {now:?}");
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// A shell starts the emulator and is killed; nobody else tells the emulator.
fn ends_with_its_parent(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let ready = folder.join("ready.json");
    let mut shell = std::process::Command::new("sh")
        // `wait` keeps the shell: the emulator must not take its place.
        .args(["-c", "\"$1\" --ready-file \"$2\" & wait", "sh"])
        .arg(Binaries::find()?.emulator)
        .arg(&ready)
        .stderr(std::process::Stdio::null())
        .spawn()?;
    let until = |what: &str, there: &dyn Fn() -> bool| -> Result<()> {
        let limit = Instant::now() + Duration::from_secs(30);
        while !there() {
            if Instant::now() > limit {
                fail!("{what} after 30 s");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    };
    until("the emulator is not ready", &|| ready.is_file())?;
    let pid = serde_json::from_slice::<serde_json::Value>(&std::fs::read(&ready)?)?["pid"].as_u64().ok_or("no pid")?;
    // Gone, or waiting for somebody to look at its exit code.
    let gone = move || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z'))
    };
    std::thread::sleep(Duration::from_millis(1200));
    if gone() {
        fail!("the emulator ended before its parent did");
    }
    shell.kill()?;
    shell.wait()?;
    until("the emulator lives on without its parent", &gone)?;
    std::fs::remove_dir_all(folder)?;
    Ok(())
}
