//! tiberius against the scripted engine.

use std::time::Duration;

use futures_util::TryStreamExt;
use tiberius::{AuthMethod, Client, ColumnData, Config, EncryptionLevel, error::Error};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

use super::scripted::{PASSWORD, Server, every_type};

type Driver = Client<Compat<TcpStream>>;

fn config(server: &Server) -> Config {
    let mut config = Config::new();
    config.host("localhost");
    config.port(server.port);
    config.authentication(AuthMethod::sql_server("sa", PASSWORD));
    config.trust_cert_ca_bundle(server.ca_pem.clone());
    config
}

async fn connect_with(server: &Server, config: Config) -> Result<Driver, Error> {
    let tcp = TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
    timeout(Duration::from_secs(10), Client::connect(config, tcp.compat_write())).await.expect("an answer in time")
}

async fn connect(server: &Server) -> Driver {
    connect_with(server, config(server)).await.unwrap()
}

/// Runs a batch to its end.
async fn batch(driver: &mut Driver, text: &str) -> Result<Vec<Vec<tiberius::Row>>, Error> {
    let run = async { driver.simple_query(text).await?.into_results().await };
    timeout(Duration::from_secs(10), run).await.expect("an answer in time")
}

fn number(error: Error) -> u32 {
    match error {
        Error::Server(error) => error.code(),
        other => panic!("no error of the server: {other}"),
    }
}

#[tokio::test]
async fn a_login_works_over_wrapped_and_strict_tls_and_with_a_token() {
    let server = Server::start().await;
    for encryption in [EncryptionLevel::Required, EncryptionLevel::On, EncryptionLevel::Strict] {
        let mut config = config(&server);
        config.encryption(encryption);
        let mut driver = connect_with(&server, config).await.unwrap();
        let rows = driver.simple_query("two").await.unwrap().into_results().await.unwrap();
        assert_eq!(rows.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2], "{encryption:?}");
    }
    let mut config = config(&server);
    config.authentication(AuthMethod::aad_token("good.jwt.token"));
    connect_with(&server, config).await.unwrap();
}

#[tokio::test]
async fn a_refused_login_says_why_and_is_in_the_journal() {
    let server = Server::start().await;
    let mut wrong = config(&server);
    wrong.authentication(AuthMethod::sql_server("sa", "wrong"));
    assert_eq!(number(connect_with(&server, wrong).await.unwrap_err()), 18456);
    let mut no_database = config(&server);
    no_database.database("nodb");
    assert_eq!(number(connect_with(&server, no_database).await.unwrap_err()), 4060);
    let entries = server.journal.entries();
    assert_eq!(entries.len(), 2);
    assert!(entries.iter().all(|entry| entry.text.is_none()));
    assert_eq!(entries[0].error.as_deref(), Some("18456: Login failed for user 'sa'."));
    assert_eq!(entries[1].database.as_deref(), Some("nodb"));
}

#[tokio::test]
async fn every_type_is_read_by_the_driver() {
    let server = Server::start().await;
    let mut driver = connect(&server).await;
    let rows = driver.simple_query("types").await.unwrap().into_first_result().await.unwrap();
    let [row, nulls] = rows.as_slice() else { panic!("two rows") };
    assert_eq!(row.len(), every_type().len());
    assert_eq!(row.get::<i32, _>("int"), Some(-7));
    assert_eq!(row.get::<u8, _>("tinyint"), Some(200));
    assert_eq!(row.get::<f64, _>("float"), Some(2.25));
    assert_eq!(row.get::<&str, _>("nvarchar"), Some("héllo 😀"));
    assert_eq!(row.get::<&str, _>("char"), Some("abc "));
    assert_eq!(row.get::<&str, _>("varchar_max"), Some("€"));
    assert_eq!(row.get::<&[u8], _>("varbinary_max").map(<[u8]>::len), Some(9000));
    assert_eq!(row.get::<&[u8], _>("binary"), Some([1, 2, 0, 0].as_slice()));
    assert_eq!(row.get::<f64, _>("money"), Some(123.45));
    let null = |data: &ColumnData<'_>| format!("{data:?}").ends_with("(None)");
    for (_, data) in nulls.cells() {
        assert!(null(data), "{data:?} is not null");
    }
    for (column, data) in row.cells() {
        assert!(!null(data), "{} is null", column.name());
    }
}

#[tokio::test]
async fn parameters_come_back_as_they_were_sent() {
    let server = Server::start().await;
    let mut driver = connect(&server).await;
    let long = "x".repeat(5000);
    let guid = uuid::Uuid::from_u128(7);
    let none: Option<&str> = None;
    let rows = driver
        .query("echo", &[&-7_i32, &"o'brien 😀", &long.as_str(), &guid, &2.5_f64, &true, &[1_u8, 2].as_slice(), &none])
        .await
        .unwrap()
        .into_first_result()
        .await
        .unwrap();
    let row = &rows[0];
    assert_eq!(row.columns()[0].name(), "@P1");
    assert_eq!(row.get::<i32, _>(0), Some(-7));
    assert_eq!(row.get::<&str, _>(1), Some("o'brien 😀"));
    assert_eq!(row.get::<&str, _>(2), Some(long.as_str()));
    assert_eq!(row.get::<tiberius::Uuid, _>(3).map(|guid| guid.as_u128()), Some(7));
    assert_eq!(row.get::<f64, _>(4), Some(2.5));
    assert_eq!(row.get::<bool, _>(5), Some(true));
    assert_eq!(row.get::<&[u8], _>(6), Some([1, 2].as_slice()));
    assert_eq!(row.get::<&str, _>(7), None);
    let entry = server.journal.entries().pop().unwrap();
    let text = entry.text.unwrap();
    assert!(text.starts_with("echo\n-- @P1 = -7, @P2 = text of 9 characters"), "{text}");
}

#[tokio::test]
async fn an_error_is_reported_and_the_session_lives_on() {
    let server = Server::start().await;
    let mut driver = connect(&server).await;
    assert_eq!(number(batch(&mut driver, "fail").await.unwrap_err()), 15151);
    let failed = driver.execute("fail", &[&1]).await;
    assert_eq!(number(failed.unwrap_err()), 15151);
    assert_eq!(driver.execute("update", &[]).await.unwrap().rows_affected(), [7]);
    assert_eq!(server.journal.entries()[1].error.as_deref(), Some("15151: Cannot find the user 'x'."));
    assert_eq!(number(batch(&mut driver, "insert bulk t (a int)").await.unwrap_err()), 4819);
    batch(&mut driver, "two").await.unwrap();
    assert_eq!(number(batch(&mut driver, "fatal").await.unwrap_err()), 596);
    assert!(batch(&mut driver, "two").await.is_err());
}

#[tokio::test]
async fn transactions_begin_and_end() {
    let server = Server::start().await;
    let mut driver = connect(&server).await;
    driver.begin_transaction().await.unwrap();
    driver.execute("update", &[]).await.unwrap();
    driver.commit_transaction().await.unwrap();
    driver.begin_transaction().await.unwrap();
    driver.rollback_transaction().await.unwrap();
    assert_eq!(number(driver.commit_transaction().await.unwrap_err()), 3902);
    let texts: Vec<_> = server.journal.entries().into_iter().filter_map(|entry| entry.text).collect();
    assert_eq!(texts[0], "BEGIN TRANSACTION");
    assert_eq!(texts[2], "COMMIT TRANSACTION");
}

#[tokio::test]
async fn a_large_result_crosses_many_packets_and_is_declared_wide_enough() {
    let server = Server::start().await;
    for size in [512, 4096, 32767] {
        let mut config = config(&server);
        config.packet_size(size);
        let mut driver = connect_with(&server, config).await.unwrap();
        let rows = driver.simple_query("big").await.unwrap().into_first_result().await.unwrap();
        assert_eq!(rows.len(), 2000);
        assert_eq!(rows[1999].get::<&str, _>(0), Some("row 1999 😀"));
    }
}

#[tokio::test]
async fn a_running_query_is_cancelled_and_the_session_goes_on() {
    let server = Server::start().await;
    let mut driver = connect(&server).await;
    let running = async { driver.simple_query("wait").await.unwrap().into_results().await };
    assert!(timeout(Duration::from_millis(200), running).await.is_err());
    timeout(Duration::from_secs(5), driver.cancel_query()).await.expect("an acknowledgement").unwrap();
    assert_eq!(batch(&mut driver, "two").await.unwrap().len(), 2);
    // Some packets of the answer are already under way.
    let mut rows = driver.simple_query("wait after rows").await.unwrap().into_row_stream();
    rows.try_next().await.unwrap().expect("a row");
    drop(rows);
    timeout(Duration::from_secs(5), driver.cancel_query()).await.expect("an acknowledgement").unwrap();
    assert_eq!(batch(&mut driver, "two").await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_client_that_leaves_stops_its_query_and_nobody_elses() {
    let server = Server::start().await;
    let mut leaving = connect(&server).await;
    let mut staying = connect(&server).await;
    let running = async { leaving.simple_query("wait").await.unwrap().into_results().await };
    assert!(timeout(Duration::from_millis(100), running).await.is_err());
    drop(leaving);
    staying.simple_query("two").await.unwrap().into_results().await.unwrap();
    for _ in 0..100 {
        if server.journal.entries().iter().all(|entry| entry.ms.is_some()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the query of the client that left still runs");
}

#[tokio::test]
async fn garbage_loses_only_its_own_connection() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let server = Server::start().await;
    let stalled = TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
    for garbage in [b"GET / HTTP/1.1\r\n\r\n".as_slice(), &[0x12, 1, 0xFF, 0xFF, 0, 0, 1, 0], &[0x16, 3, 1, 0, 0]] {
        let mut tcp = TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
        tcp.write_all(garbage).await.unwrap();
        let _ = tcp.shutdown().await;
        let mut rest = Vec::new();
        let _ = timeout(Duration::from_secs(5), tcp.read_to_end(&mut rest)).await.expect("the connection is closed");
    }
    connect(&server).await.simple_query("two").await.unwrap().into_results().await.unwrap();
    drop(stalled);
}

#[tokio::test]
async fn a_login_that_is_sent_elsewhere_knows_where() {
    let server = Server::start().await;
    server.fault(serde_json::json!({ "effect": { "route": { "host": "localhost", "port": server.port } } }));
    match connect_with(&server, config(&server)).await {
        Err(Error::Routing { host, port }) => assert_eq!((host.as_str(), port), ("localhost", server.port)),
        Err(other) => panic!("no redirect: {other}"),
        Ok(_) => panic!("the login was admitted"),
    }
    assert_eq!(batch(&mut connect(&server).await, "two").await.unwrap().len(), 2);
}

#[tokio::test]
async fn planted_faults_strike() {
    let server = Server::start().await;
    let mut driver = connect(&server).await;
    let plant = |json: serde_json::Value| server.fault(json);
    plant(serde_json::json!({"match": {"sql": "upd"}, "effect": {"sql_error": {"number": 1205, "severity": 13}}}));
    assert_eq!(number(driver.execute("update", &[]).await.unwrap_err()), 1205);
    assert_eq!(driver.execute("update", &[]).await.unwrap().rows_affected(), [7]);
    plant(serde_json::json!({"match": {"sql": "upd"}, "effect": {"delay_ms": 300}}));
    let started = std::time::Instant::now();
    driver.execute("update", &[]).await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(300));
    plant(serde_json::json!({"match": {"sql": "use"}, "effect": {"reset": "after"}}));
    assert!(batch(&mut driver, "use").await.is_err());
}
