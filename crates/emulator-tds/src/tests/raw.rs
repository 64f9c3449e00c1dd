//! A client of its own bytes, for what tiberius never sends: attention to nobody, requests given up half-way,
//! prepared statements, several calls in one message, a token fetched on demand.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::scripted::{PASSWORD, Server};
use crate::packet::{kind, read_message, status, write_message};

struct Raw(TlsStream<TcpStream>);

const HEADERS: &str = "16000000 12000000 0200 0000000000000000 01000000";

pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(char::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap()).collect()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// LOGIN7 with these strings, a library name and features.
pub(super) fn login(user: &str, password: &str, library: &str, features: &[u8]) -> Vec<u8> {
    let mut fixed = vec![0; 94];
    let mut data: Vec<u8> = Vec::new();
    let scrambled = utf16(password).into_iter().map(|byte| byte.rotate_left(4) ^ 0xA5).collect();
    for (at, bytes) in [(40, utf16(user)), (44, scrambled), (60, utf16(library))] {
        fixed[at..at + 2].copy_from_slice(&((94 + data.len()) as u16).to_le_bytes());
        fixed[at + 2..at + 4].copy_from_slice(&((bytes.len() / 2) as u16).to_le_bytes());
        data.extend(bytes);
    }
    if !features.is_empty() {
        let at = 94 + data.len();
        fixed[56..58].copy_from_slice(&(at as u16).to_le_bytes());
        fixed[58] = 4;
        fixed[27] = 0x10;
        data.extend((at as u32 + 4).to_le_bytes());
        data.extend(features);
    }
    fixed[4..8].copy_from_slice(&0x0800_0000_u32.to_le_bytes());
    let length = (fixed.len() + data.len()) as u32;
    fixed[..4].copy_from_slice(&length.to_le_bytes());
    fixed.extend(data);
    fixed
}

impl Raw {
    /// Through strict TLS and pre-login.
    async fn open(server: &Server) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(server.ca_pem.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"tds/8.0".to_vec()];
        let tcp = TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap();
        let mut raw = Self(stream);
        // MARS and a federated login are asked for.
        raw.send(
            kind::PRELOGIN,
            1,
            &hex("00 0015 0006 01 001B 0001 04 001C 0001 06 001D 0001 FF 000D00000000 04 01 01"),
        )
        .await;
        let answer = raw.receive().await;
        assert!(answer.ends_with(&hex("00 00 01")), "no instance, no MARS, federated: {answer:02X?}");
        raw
    }

    async fn log_in(server: &Server) -> Self {
        let mut raw = Self::open(server).await;
        raw.send(kind::LOGIN, 1, &login("sa", PASSWORD, "Raw", &[])).await;
        let answer = raw.receive().await;
        let ack: Vec<u8> = hex("AD 3200 01 08000000");
        assert!(answer.windows(ack.len()).any(|window| window == ack), "TDS 8.0 is acknowledged");
        raw
    }

    async fn send(&mut self, kind: u8, status: u8, payload: &[u8]) {
        let mut packet = vec![kind, status];
        packet.extend(((payload.len() + 8) as u16).to_be_bytes());
        packet.extend([0, 0, 1, 0]);
        packet.extend(payload);
        self.0.write_all(&packet).await.unwrap();
        self.0.flush().await.unwrap();
    }

    async fn batch(&mut self, text: &str) {
        let mut payload = hex(HEADERS);
        payload.extend(utf16(text));
        write_message(&mut self.0, kind::BATCH, 4096, 0, &payload).await.unwrap();
    }

    /// Payload of the next message.
    async fn receive(&mut self) -> Vec<u8> {
        let message = timeout(Duration::from_secs(5), read_message(&mut self.0, 1 << 20)).await.expect("in time");
        message.unwrap().expect("a message").payload
    }
}

const ATTENTION_DONE: &str = "FD 2000 0000 0000000000000000";
const ERROR_DONE: &str = "FD 0200 0000 0000000000000000";

#[tokio::test]
async fn an_attention_to_nothing_is_acknowledged_once() {
    let server = Server::start().await;
    let mut raw = Raw::log_in(&server).await;
    raw.send(kind::ATTENTION, 1, &[]).await;
    assert_eq!(raw.receive().await, hex(ATTENTION_DONE));
    raw.batch("update").await;
    assert_eq!(raw.receive().await, hex("FD 1000 C500 0700000000000000"));
}

#[tokio::test]
async fn a_cancelled_answer_ends_before_the_acknowledgement_follows() {
    let server = Server::start().await;
    let mut raw = Raw::log_in(&server).await;
    raw.batch("wait").await;
    raw.batch("update").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    raw.send(kind::ATTENTION, 1, &[]).await;
    assert_eq!(raw.receive().await, hex(ERROR_DONE));
    assert_eq!(raw.receive().await, hex(ATTENTION_DONE));
    // What was sent meanwhile had to wait, and is served now.
    assert_eq!(raw.receive().await, hex("FD 1000 C500 0700000000000000"));
}

#[tokio::test]
async fn a_request_given_up_half_way_is_no_request() {
    let server = Server::start().await;
    let mut raw = Raw::log_in(&server).await;
    raw.send(kind::BATCH, 0, &hex(HEADERS)).await;
    raw.send(kind::BATCH, status::END | status::IGNORE, &utf16("update")).await;
    assert_eq!(raw.receive().await, hex(ERROR_DONE));
    assert_eq!(server.journal.entries().len(), 1);
}

#[tokio::test]
async fn a_reset_is_confirmed_and_forgets_what_was_prepared() {
    let server = Server::start().await;
    let mut raw = Raw::log_in(&server).await;
    raw.send(kind::RPC, 1, &prepare("update")).await;
    assert!(raw.receive().await.ends_with(&handle_then_done(1)));
    raw.send(kind::RPC, status::END | status::RESET, &execute(1)).await;
    let answer = raw.receive().await;
    assert!(answer.starts_with(&hex("E3 0300 12 00 00 AA")), "{answer:02X?}");
    assert_eq!(
        server.journal.entries()[2].error.as_deref(),
        Some("8179: Could not find prepared statement with handle 1.")
    );
}

#[tokio::test]
async fn a_statement_is_prepared_executed_and_unprepared() {
    let server = Server::start().await;
    let mut raw = Raw::log_in(&server).await;
    raw.send(kind::RPC, 1, &prepare("update")).await;
    assert_eq!(raw.receive().await, [hex("79 00000000"), handle_then_done(1)].concat());
    raw.send(kind::RPC, 1, &execute(1)).await;
    let ran = hex("FF 1100 C500 0700000000000000 79 00000000 FE 0000 E000 0000000000000000");
    assert_eq!(raw.receive().await, ran);
    // By name, and by name of its schema.
    let mut unprepare = hex(HEADERS);
    unprepare.extend(hex("1000"));
    unprepare.extend(utf16("sys.sp_unprepare"));
    unprepare.extend(hex("0000 00 00 26 04 04 01000000"));
    raw.send(kind::RPC, 1, &unprepare).await;
    assert_eq!(raw.receive().await, hex("79 00000000 FE 0000 E000 0000000000000000"));
    let texts: Vec<_> = server.journal.entries().into_iter().filter_map(|entry| entry.text).collect();
    assert_eq!(texts, ["update", "update", "EXEC sp_unprepare 1"]);
}

#[tokio::test]
async fn several_calls_of_one_message_are_one_request_with_one_end() {
    let server = Server::start().await;
    let mut raw = Raw::log_in(&server).await;
    let call = [hex("FFFF 0A00 0000 00 00 E7 401F 0904D00034 0C00"), utf16("update")].concat();
    raw.send(kind::RPC, 1, &[hex(HEADERS), call.clone(), hex("FF"), call].concat()).await;
    let one = "FF 1100 C500 0700000000000000 79 00000000 FE";
    assert_eq!(raw.receive().await, hex(&format!("{one} 0100 E000 0000000000000000 {one} 0000 E000 0000000000000000")));
    assert_eq!(server.journal.entries().len(), 2);
}

#[tokio::test]
async fn what_cannot_be_served_is_refused_and_the_session_goes_on() {
    let server = Server::start().await;
    let mut raw = Raw::log_in(&server).await;
    let cases = [
        (kind::RPC, hex("FFFF 0200 0000 00 00 26 04 00"), "2812: Could not find stored procedure 'sp_cursoropen'."),
        (kind::RPC, hex("FFFF 0A00 0000 00 00 F3 00"), "8009: "),
        (kind::RPC, hex("FFFF 0A00 0000 00 00 E7 401F"), "4002: "),
        (kind::BULK_LOAD, hex("81"), "4819: "),
        (kind::TRANSACTION, hex("0600"), "40515: "),
        (kind::TRANSACTION, hex("0700 00 00"), "3902: "),
    ];
    for (kind, body, error) in cases {
        raw.send(kind, 1, &[hex(HEADERS), body].concat()).await;
        assert_eq!(raw.receive().await[0], 0xAA);
        let entry = server.journal.entries().pop().unwrap();
        assert!(entry.error.as_ref().is_some_and(|text| text.starts_with(error)), "{:?} is not {error}", entry.error);
    }
    raw.batch("update").await;
    assert_eq!(raw.receive().await[0], 0xFD);
}

#[tokio::test]
async fn a_login_is_sent_elsewhere_by_these_bytes() {
    let server = Server::start().await;
    let mut staying = Raw::log_in(&server).await;
    server.fault(serde_json::json!({ "effect": { "route": { "host": "node", "port": 11003 } } }));
    // It strikes logins alone.
    staying.batch("update").await;
    assert_eq!(staying.receive().await[0], 0xFD);
    let mut raw = Raw::open(&server).await;
    raw.send(kind::LOGIN, 1, &login("sa", "wrong", "Raw", &[])).await;
    let name = utf16("Microsoft SQL Server");
    let acknowledged = [hex("AD 3200 01 08000000 14"), name, hex("0C 00 07D0")].concat();
    let routed = [hex("E3 1200 14 0D00 00 FB2A 0400"), utf16("node"), hex("0000")].concat();
    assert_eq!(raw.receive().await, [acknowledged, routed, hex("FD 0000 0000 0000000000000000")].concat());
    assert!(read_message(&mut raw.0, 1 << 10).await.unwrap().is_none(), "the connection ends");
    assert_eq!(server.journal.entries()[2].answer.as_deref(), Some("routed to node,11003"));
    Raw::log_in(&server).await;
}

/// The session of who misbehaves ends, within the time a login may take; others go on.
#[tokio::test]
async fn who_stalls_or_leaves_half_way_loses_only_their_own_session() {
    let server = Server::with_login_timeout(Duration::from_millis(500)).await;
    let mut staying = Raw::log_in(&server).await;
    let gone = async |mut tcp: TcpStream, sent: &[u8]| {
        tcp.write_all(sent).await.unwrap();
        let mut rest = Vec::new();
        let read = timeout(Duration::from_secs(20), tokio::io::AsyncReadExt::read_to_end(&mut tcp, &mut rest));
        let _ = read.await.expect("the server closes the connection");
    };
    let connect = async || TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
    let prelogin = hex("12 01 0014 0000 01 00  00 0006 0006 FF 000D00000000");
    let cut = &prelogin[..13];
    // Nothing at all; within a header; within a payload; before TLS; within its first record; within a record.
    gone(connect().await, &[]).await;
    gone(connect().await, &prelogin[..3]).await;
    gone(connect().await, cut).await;
    gone(connect().await, &prelogin).await;
    gone(connect().await, &[prelogin.as_slice(), &hex("12 01 0040 0000 01 00 16 0303 00FF")].concat()).await;
    gone(connect().await, &hex("16 0301 0200 01")).await;
    // Through TLS, and then no login.
    let mut silent = Raw::open(&server).await;
    let end = timeout(Duration::from_secs(20), read_message(&mut silent.0, 1 << 10)).await;
    assert!(!matches!(end.expect("the server closes the connection"), Ok(Some(_))));
    // Logged in, and gone within a packet, within a message of several, within an answer nobody reads.
    for (sent, reads) in
        [(hex("01 01 0100 0000 01 00 16"), false), (hex("01 00 0008 0000 01 00"), false), (Vec::new(), true)]
    {
        let mut leaving = Raw::log_in(&server).await;
        if reads {
            leaving.batch("wait after rows").await;
        }
        leaving.0.write_all(&sent).await.unwrap();
        leaving.0.flush().await.unwrap();
        drop(leaving);
    }
    // A session that logged in may be idle for longer than a login takes.
    staying.batch("update").await;
    assert_eq!(staying.receive().await[0], 0xFD);
    for _ in 0..500 {
        if server.sessions() == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{} sessions are left", server.sessions());
}

#[tokio::test]
async fn a_client_is_told_where_to_fetch_its_token() {
    let server = Server::start().await;
    for (token, admitted) in [("good.jwt.token", true), ("bad", false)] {
        let mut raw = Raw::open(&server).await;
        raw.send(kind::LOGIN, 1, &login("", "", "Raw", &hex("02 02000000 05 03 FF"))).await;
        let challenge = raw.receive().await;
        assert_eq!(challenge[0], 0xEE);
        let authority = utf16("https://localhost/tenant");
        assert!(challenge.windows(authority.len()).any(|window| window == authority));
        let token = utf16(token);
        let length = token.len() as u32;
        let answer = [(length + 4).to_le_bytes().to_vec(), length.to_le_bytes().to_vec(), token].concat();
        raw.send(kind::FEDERATED_TOKEN, 1, &answer).await;
        let answer = raw.receive().await;
        assert_eq!(answer[0], if admitted { 0xE3 } else { 0xAA });
        assert_eq!(answer.windows(7).any(|window| window == hex("AE 02 00000000 FF")), admitted);
    }
    let error = server.journal.entries().pop().unwrap().error;
    assert_eq!(error.as_deref(), Some("18456: Login failed for user '<token-identified principal>'."));
}

/// sp_prepare of a text without parameters.
pub(super) fn prepare(text: &str) -> Vec<u8> {
    let text = utf16(text);
    let mut call = hex(HEADERS);
    call.extend(hex("FFFF 0B00 0000 00 01 26 04 00 00 00 E7 401F 0904D00034 FFFF 00 00 E7 401F 0904D00034"));
    call.extend((text.len() as u16).to_le_bytes());
    call.extend(text);
    call
}

pub(super) fn execute(handle: u8) -> Vec<u8> {
    [hex(HEADERS), hex("FFFF 0C00 0000 00 00 26 04 04"), vec![handle, 0, 0, 0]].concat()
}

fn handle_then_done(handle: u8) -> Vec<u8> {
    let value = [hex("AC 0000 00 01 00000000 0000 26 04 04"), vec![handle, 0, 0, 0]].concat();
    [value, hex("FE 0000 E000 0000000000000000")].concat()
}

#[tokio::test]
async fn of_a_half_written_answer_so_many_bytes_arrive_and_then_the_end() {
    let server = Server::start().await;
    let mut raw = Raw::log_in(&server).await;
    let fault = serde_json::json!({ "match": { "sql": "update" }, "effect": { "partial": 10 } });
    server.faults.plant(serde_json::from_value(fault).unwrap()).unwrap();
    raw.batch("update").await;
    let mut got = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut raw.0, &mut got);
    let end = timeout(Duration::from_secs(5), read).await.expect("in time");
    assert!(end.is_err_and(|error| error.kind() == std::io::ErrorKind::UnexpectedEof), "no close_notify");
    // The packet's header, whose length promises more, and two bytes of the token.
    assert_eq!(got[..1], [kind::RESPONSE]);
    assert_eq!((got.len(), u16::from_be_bytes([got[2], got[3]]), &got[8..]), (10, 21, &hex("FD 10")[..]));
    let entry = server.journal.entries().pop().unwrap();
    assert_eq!(entry.error.as_deref(), Some("connection reset by a planted fault"));
}
