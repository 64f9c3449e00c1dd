use super::*;
use crate::error::{Fault, Refusal};
use crate::script::{Answer, Script, name};
use tokio::net::TcpListener;

fn options(stop: &CancellationToken) -> ConnectOptions {
    let credentials = Credentials::SqlLogin { username: "sa".into(), password: "x".to_owned().into() };
    ConnectOptions {
        credentials,
        ca_certificates: None,
        certificate_name: None,
        encryption: Encryption::default(),
        application: "tests".into(),
        stop: stop.clone(),
    }
}

fn scripted(answers: Vec<Answer>, stop: &CancellationToken) -> (Connections, Script) {
    let script = Script::new(answers);
    let mut connections = Connections::new("mi.abc.database.windows.net".parse().unwrap(), options(stop));
    connections.script = Some(script.clone());
    (connections, script)
}

async fn run(connections: &Connections, effect: Effect) -> Result<Results> {
    connections.run(&name("Sales"), &Statement::new("SELECT 1;", &[]), effect).await
}

/// A server on loopback that takes connections and does with them what it is told.
async fn listener() -> (TcpListener, ServerName) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, format!("127.0.0.1,{port}").parse().unwrap())
}

#[tokio::test(start_paused = true)]
async fn what_can_be_repeated_is() {
    use Answer::{Broken, Done, Refused};
    for (answers, effect, expected, sent) in [
        (vec![Broken, Done], Effect::Reads, "done", 2),
        (vec![Broken, Done], Effect::Repeatable, "done", 2),
        (vec![Broken, Done], Effect::Once, "lost", 1),
        (vec![Refused(40501), Refused(1205), Done], Effect::Repeatable, "done", 3),
        (vec![Refused(1205), Done], Effect::Once, "done", 2),
        (vec![Refused(40501), Done], Effect::Once, "done", 2),
        (vec![Refused(40197), Done], Effect::Once, "40197", 1),
        (vec![Refused(15151)], Effect::Repeatable, "15151", 1),
        (vec![Broken; 9], Effect::Reads, "no connection", 4),
        (vec![Broken; 9], Effect::Repeatable, "lost", 4),
        (vec![Refused(40613); 9], Effect::Reads, "40613", 4),
    ] {
        let (connections, script) = scripted(answers.clone(), &CancellationToken::new());
        let came = match run(&connections, effect).await {
            Ok(_) => "done".to_owned(),
            Err(Error::AnswerLost { .. }) => "lost".to_owned(),
            Err(Error::Connect { .. }) => "no connection".to_owned(),
            Err(error) => error.number().map_or_else(|| error.to_string(), |number| number.to_string()),
        };
        assert_eq!((came.as_str(), script.heads().len()), (expected, sent), "{effect:?} {answers:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_ends_a_statement_that_is_on_its_way() {
    for (effect, lost) in [(Effect::Reads, false), (Effect::Repeatable, true), (Effect::Once, true)] {
        let stop = CancellationToken::new();
        let (connections, script) = scripted(vec![Answer::Never], &stop);
        let cancel = async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            stop.cancel();
            Instant::now()
        };
        let (ran, cancelled) = tokio::join!(run(&connections, effect), cancel);
        let error = ran.unwrap_err();
        assert_eq!((error.is_lost(), error.is_interrupted()), (lost, !lost), "{effect:?}: {error}");
        assert!(cancelled.elapsed() <= Duration::from_millis(1500), "{effect:?}");
        // And nothing new is sent.
        assert!(run(&connections, Effect::Reads).await.unwrap_err().is_interrupted());
        assert_eq!(script.heads().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_in_time_counts() {
    let stop = CancellationToken::new();
    let (connections, _) = scripted(vec![], &stop);
    run(&connections, Effect::Once).await.unwrap();
    stop.cancel();
    // The statement was sent before: here it is as good as answered.
    let mut link = Link::Scripted(Script::default(), name("Sales"));
    connections.exchange(&mut link, &Statement::new("SELECT 1;", &[]), Effect::Once).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_ends_every_other_wait_at_once() {
    let stop = CancellationToken::new();
    let (connections, script) = scripted(vec![Answer::Never, Answer::Done], &stop);
    let began = Instant::now();
    let (held, waiting, asleep, ()) = tokio::join!(
        run(&connections, Effect::Reads),
        // Waits for the database's one connection.
        async {
            let ran = run(&connections, Effect::Once).await;
            (ran, began.elapsed())
        },
        async { (connections.sleep(Duration::from_secs(60)).await, began.elapsed()) },
        async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            stop.cancel();
        }
    );
    assert!(held.unwrap_err().is_interrupted());
    for (result, took) in [(waiting.0.map(drop), waiting.1), (asleep.0, asleep.1)] {
        assert!(result.unwrap_err().is_interrupted());
        assert!(took < Duration::from_millis(1100), "{took:?}");
    }
    assert_eq!(script.heads().len(), 1, "nothing was sent after the stop");
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_between_two_tries_leaves_it_open_whether_the_first_happened() {
    for (answer, lost) in [(Answer::Broken, true), (Answer::Refused(40501), false)] {
        let stop = CancellationToken::new();
        let (connections, _) = scripted(vec![answer], &stop);
        let (ran, ()) = tokio::join!(run(&connections, Effect::Repeatable), async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            stop.cancel();
        });
        let error = ran.unwrap_err();
        assert_eq!((error.is_lost(), error.is_interrupted()), (lost, !lost));
    }
}

#[tokio::test]
async fn an_interrupt_ends_connecting() {
    let (listener, server) = listener().await;
    let stop = CancellationToken::new();
    let connections = Connections::new(server, options(&stop));
    let began = Instant::now();
    let (ran, ()) = tokio::join!(run(&connections, Effect::Once), async {
        let _silent = listener.accept().await.unwrap();
        stop.cancel();
        tokio::time::sleep(Duration::from_millis(10)).await;
    });
    assert!(ran.unwrap_err().is_interrupted());
    assert!(began.elapsed() < Duration::from_secs(1));
}

/// Takes connections and says nothing on them; counts them.
fn silent(listener: TcpListener) -> Arc<std::sync::atomic::AtomicUsize> {
    let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = count.clone();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            open.push(stream);
        }
    });
    count
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_costs_one_time_out() {
    let (listener, server) = listener().await;
    let count = silent(listener);
    let connections = Connections::new(server, options(&CancellationToken::new()));
    let statement = Statement::new("SELECT 1;", &[]);
    let began = Instant::now();
    let databases = ["master", "Sales", "Inventory"].map(name);
    let (one, two, three) = tokio::join!(
        connections.run(&databases[0], &statement, Effect::Reads),
        connections.run(&databases[1], &statement, Effect::Once),
        connections.run(&databases[2], &statement, Effect::Reads),
    );
    for ran in [one, two, three, connections.run(&databases[1], &statement, Effect::Reads).await] {
        assert!(matches!(ran, Err(Error::Timeout { seconds: 30, .. })), "{ran:?}");
    }
    assert!(began.elapsed() < Duration::from_secs(31), "{:?}", began.elapsed());
    assert_eq!(count.load(std::sync::atomic::Ordering::Relaxed), 1);
    // After a while it is tried again.
    tokio::time::advance(Duration::from_secs(61)).await;
    let began = Instant::now();
    assert!(run(&connections, Effect::Reads).await.is_err());
    assert!(began.elapsed() >= Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_is_tried_for_five_seconds() {
    let (listener, server) = listener().await;
    drop(listener);
    let connections = Connections::new(server, options(&CancellationToken::new()));
    let began = Instant::now();
    let first = run(&connections, Effect::Reads).await.unwrap_err();
    let took = began.elapsed();
    assert!(first.is_unreachable() && took > Duration::from_millis(500) && took < Duration::from_secs(5), "{took:?}");
    let second = run(&connections, Effect::Once).await.unwrap_err();
    assert_eq!(first.to_string(), second.to_string());
    assert_eq!(began.elapsed(), took, "the second costs nothing");
}

#[tokio::test]
async fn no_error_of_a_connection_is_remembered_but_that_it_is_unreachable() {
    let connections = Connections::new("s".parse().unwrap(), options(&CancellationToken::new()));
    assert!(!connections.is_reached().unwrap());
    let refusal = Refusal { number: 18456, class: 14, state: 1, text: "No.".into(), database: None, needs: None };
    let error = Error::Refused { refusal, fault: Fault::Other };
    assert!(!error.is_unreachable());
    *locked(&connections.reach) = Reach::Failed(Instant::now(), Error::Tls { server: "s".into(), cause: "c".into() });
    assert!(matches!(connections.is_reached(), Err(Error::Tls { .. })));
}

#[test]
fn no_debug_shows_a_certificate_or_a_password() {
    let stop = CancellationToken::new();
    let credentials = Credentials::SqlLogin { username: "u".into(), password: "$ecret".to_owned().into() };
    let options = ConnectOptions { credentials, ca_certificates: Some(b"PEM"[..].into()), ..options(&stop) };
    let shown = format!("{options:?}");
    assert!(!shown.contains("$ecret") && shown.contains("SqlLogin(u)") && shown.contains("Some(3)"), "{shown}");
}

fn open(connections: &Connections) -> Vec<String> {
    let links = locked(&connections.links);
    let mut open: Vec<String> = links
        .iter()
        .filter(|(_, slot)| slot.try_lock().is_ok_and(|open| open.is_some()))
        .map(|(name, _)| name.clone())
        .collect();
    open.sort();
    open
}

#[tokio::test(start_paused = true)]
async fn of_many_databases_the_last_ones_stay_open() {
    let (connections, script) = scripted(Vec::new(), &CancellationToken::new());
    let connections = Arc::new(connections);
    let statement = Statement::new("SELECT 1;", &[]);
    for number in 10..50 {
        connections.run(&name(&format!("D{number}")), &statement, Effect::Reads).await.unwrap();
        tokio::time::advance(Duration::from_millis(1)).await;
    }
    let last: Vec<String> = (50 - OPEN_LIMIT..50).map(|number| format!("D{number}")).collect();
    assert_eq!(open(&connections), last);
    // All at once, several times each.
    let runs = (0..200).map(|number| {
        let connections = connections.clone();
        tokio::spawn(async move {
            let (database, statement) = (name(&format!("D{}", 10 + number % 40)), Statement::new("SELECT 1;", &[]));
            connections.run(&database, &statement, Effect::Once).await.map(drop)
        })
    });
    for ran in runs.collect::<Vec<_>>() {
        ran.await.unwrap().unwrap();
    }
    assert_eq!((open(&connections).len(), script.heads().len()), (OPEN_LIMIT, 240));
}

#[tokio::test(start_paused = true)]
async fn one_connection_too_many_waits_for_another_to_end() {
    let stop = CancellationToken::new();
    let (connections, _) = scripted(vec![Answer::Never; OPEN_LIMIT], &stop);
    let connections = Arc::new(connections);
    let run = |number: usize| {
        let connections = connections.clone();
        tokio::spawn(async move {
            let database = name(&format!("D{number}"));
            connections.run(&database, &Statement::new("SELECT 1;", &[]), Effect::Reads).await.map(drop)
        })
    };
    let busy: Vec<_> = (0..OPEN_LIMIT).map(run).collect();
    tokio::time::sleep(Duration::from_millis(10)).await;
    let (mut late, mut later) = (run(90), run(91));
    for waits in [&mut late, &mut later] {
        assert!(tokio::time::timeout(Duration::from_secs(30), waits).await.is_err());
    }
    // One ends, and both go on, one after the other, on what it leaves.
    busy[0].abort();
    late.await.unwrap().unwrap();
    later.await.unwrap().unwrap();
    assert_eq!(open(&connections), ["D91"]);
}
