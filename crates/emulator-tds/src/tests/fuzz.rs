//! Mutations of what drivers really sent, at every stage: pre-login, TLS within packets, login, and the requests of a
//! session. No packet may make the emulator panic or hang, and afterwards a driver must still get its answers.
//!
//! `FABRICMIRROR_FUZZ_PACKETS` says how many (`make test-long` sends a million), `FABRICMIRROR_FUZZ_SEED` which. A
//! failure names its session, which depends on the seed and its number alone.

use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tiberius::{AuthMethod, Client, Config, EncryptionLevel};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::compat::TokioAsyncWriteCompatExt;
use tokio_util::sync::CancellationToken;

use super::raw::{execute, hex, login, prepare};
use super::scripted::certificates;
use emulator_ground::clock::Clock;
use emulator_ground::engine::Transport;
use emulator_ground::source::{DatabaseConfig, Directory, DirectoryPrincipal, InstanceConfig, TokenSubject};
use emulator_instance::Instance;

use crate::listener::{Service, Stream, negotiate};
use crate::packet::kind;
use crate::session::Connection;
use emulator_ground::world::{DatabaseState, World};

const PACKETS: u64 = 10_000;
const SEED: u64 = 20_250_717;
/// Requests of one session.
const REQUESTS: usize = 24;
/// Longer than any of these sessions takes on the busiest machine.
const HANG: Duration = Duration::from_secs(120);

const ADMINISTRATOR: &str = "sqladmin";
const PASSWORD: &str = "Sql-Admin-0nly-for-tests";
const SALES: &str = "CREATE TABLE dbo.Customers (CustomerId int NOT NULL PRIMARY KEY, Email nvarchar(320) NULL);
INSERT INTO dbo.Customers VALUES (1, N'a@contoso.com'), (2, N'b@contoso.com'), (3, NULL), (4, N'd@contoso.com');";

type Packet = Vec<u8>;

struct Nobody;

impl Directory for Nobody {
    fn principals(&self) -> Vec<DirectoryPrincipal> {
        Vec::new()
    }
    fn verify(&self, _: &str) -> Option<TokenSubject> {
        None
    }
    fn application(&self, _: uuid::Uuid) -> Option<TokenSubject> {
        None
    }
}

struct Target {
    service: Arc<Service>,
    ca_pem: String,
    /// For a driver whose TLS ends before the service.
    tls: TlsAcceptor,
    shutdown: CancellationToken,
}

/// What a client sends, by stage.
struct Recording {
    prelogin: Packet,
    login: Packet,
    requests: Vec<Packet>,
    /// Pre-login and the client's part of a handshake within packets.
    wrapped: Vec<Packet>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mutated_packets_never_panic_and_never_hang() {
    let number = |name: &str, otherwise| std::env::var(name).map_or(otherwise, |text| text.parse().unwrap());
    let (packets, seed) = (number("FABRICMIRROR_FUZZ_PACKETS", PACKETS), number("FABRICMIRROR_FUZZ_SEED", SEED));
    let panics = watch_panics();
    let target = Arc::new(Target::new());
    let recording = Arc::new(target.record().await);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(target.service.clone().run(listener, target.shutdown.clone()));

    let (sessions, sent) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let workers = (0..8).map(|_| {
        let (target, recording, sessions, sent) = (target.clone(), recording.clone(), sessions.clone(), sent.clone());
        tokio::spawn(async move {
            while sent.load(Ordering::Relaxed) < packets {
                let session = sessions.fetch_add(1, Ordering::Relaxed);
                let mut rng = StdRng::seed_from_u64(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(session));
                let (wrapped, bytes, mutated) = recording.mutated(&mut rng);
                let lived =
                    async { if wrapped { over_tcp(port, &bytes).await } else { target.over_memory(&bytes).await } };
                let lived = timeout(HANG, AssertUnwindSafe(lived).catch_unwind()).await;
                let lived = lived.unwrap_or_else(|_| panic!("session {session} of seed {seed} hangs"));
                lived.unwrap_or_else(|_| panic!("session {session} of seed {seed} panics"));
                sent.fetch_add(mutated, Ordering::Relaxed);
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
    let (sent, sessions) = (sent.load(Ordering::Relaxed), sessions.load(Ordering::Relaxed));
    writeln!(std::io::stdout(), "{sent} mutated packets in {sessions} sessions, seed {seed}").unwrap();
    assert!(sent >= packets);
    let panics = panics.lock().unwrap().clone();
    assert!(panics.is_empty(), "seed {seed}, {} panics, such as {:?}", panics.len(), &panics[..panics.len().min(3)]);
    // Who behaves is served as ever.
    let mut driver = target.driver().await;
    let rows = driver.simple_query("SELECT COUNT(*) FROM dbo.Customers").await.unwrap();
    assert_eq!(rows.into_first_result().await.unwrap()[0].get::<i32, _>(0), Some(4));
    target.shutdown.cancel();
}

/// Panics of the emulator's own code, and of what it uses; not of tests that run beside this one.
fn watch_panics() -> Arc<Mutex<Vec<String>>> {
    let panics = Arc::new(Mutex::new(Vec::new()));
    let (before, kept) = (std::panic::take_hook(), panics.clone());
    std::panic::set_hook(Box::new(move |panic| {
        if panic.location().is_none_or(|place| !place.file().contains("tests")) {
            kept.lock().unwrap().push(panic.to_string());
        }
        before(panic);
    }));
    panics
}

impl Target {
    fn new() -> Self {
        let sales = DatabaseConfig { name: "Sales".to_owned(), script: SALES.to_owned(), state: DatabaseState::Online };
        let config = InstanceConfig {
            server_name: "mi.abc123.database.windows.net".to_owned(),
            identity_client_id: uuid::Uuid::nil(),
            identity_object_id: uuid::Uuid::nil(),
            tenant_id: uuid::Uuid::nil(),
            administrator: ADMINISTRATOR.to_owned(),
            administrator_password: PASSWORD.to_owned(),
            entra_administrators: Vec::new(),
            databases: vec![sales],
        };
        let (clock, people) = (Arc::new(Clock::new(1.0)), Arc::new(Nobody));
        let instance = Instance::new(config, World::default(), clock, people).unwrap();
        let (ca_pem, identity) = certificates();
        let mut tls = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(identity.chain.clone(), identity.key.clone_key())
            .unwrap();
        tls.alpn_protocols = vec![b"tds/8.0".to_vec()];
        let tls = TlsAcceptor::from(Arc::new(tls));
        let service = Service::new(instance, identity, Arc::default(), Arc::default(), "https://localhost".to_owned());
        Self { service: Arc::new(service.unwrap()), ca_pem, tls, shutdown: CancellationToken::new() }
    }

    /// From pre-login to the end of the session, without TLS.
    async fn serve(&self, mut stream: Box<dyn Stream>) -> std::io::Result<()> {
        negotiate(&mut stream).await?;
        match self.service.log_in(&mut stream, true, Transport::default()).await? {
            Some(admitted) => Connection::new(self.service.clone(), stream, admitted).run(self.shutdown.clone()).await,
            None => Ok(()),
        }
    }

    /// A client that sends all of it, reads whatever comes and leaves.
    async fn over_memory(&self, bytes: &[u8]) {
        let (client, server) = tokio::io::duplex(1 << 16);
        let (mut from, mut to) = tokio::io::split(client);
        let talk = async {
            let _ = to.write_all(bytes).await;
            let _ = to.shutdown().await;
        };
        let (_, (), _) = tokio::join!(self.serve(Box::new(server)), talk, swallow(&mut from));
    }

    fn config(&self) -> Config {
        let mut config = Config::new();
        config.host("localhost");
        config.database("Sales");
        config.authentication(AuthMethod::sql_server(ADMINISTRATOR, PASSWORD));
        config.trust_cert_ca_bundle(self.ca_pem.clone());
        config
    }

    /// A driver whose TLS ends before the emulator, and that is listened to between.
    async fn heard(self: &Arc<Self>, heard: Heard) -> Client<tokio_util::compat::Compat<DuplexStream>> {
        let (client, server) = tokio::io::duplex(1 << 16);
        let acceptor = self.tls.clone();
        let target = self.clone();
        tokio::spawn(async move {
            let stream = acceptor.accept(server).await.unwrap();
            let _ = target.serve(Box::new(Tee { stream, heard })).await;
        });
        let mut config = self.config();
        config.encryption(EncryptionLevel::Strict);
        Client::connect(config, client.compat_write()).await.unwrap()
    }

    async fn driver(self: &Arc<Self>) -> Client<tokio_util::compat::Compat<DuplexStream>> {
        self.heard(Heard::default()).await
    }

    async fn record(self: &Arc<Self>) -> Recording {
        let heard = Heard::default();
        let mut driver = self.heard(heard.clone()).await;
        for text in [
            "SET NOCOUNT OFF; SELECT @@VERSION, @@SPID, DB_NAME()",
            "SELECT o.name, c.name FROM sys.objects AS o JOIN sys.columns AS c ON c.object_id = o.object_id",
            "DECLARE @n int = 3; WHILE @n > 0 BEGIN SET @n = @n - 1; IF @n = 1 PRINT N'één' END",
            "BEGIN TRY SELECT 1 / 0 END TRY BEGIN CATCH SELECT ERROR_NUMBER() END CATCH",
        ] {
            driver.simple_query(text).await.unwrap().into_results().await.unwrap();
        }
        let decimal = tiberius::numeric::Numeric::new_with_scale(-12_345, 2);
        let (guid, none) = (uuid::Uuid::from_u128(7), None::<&str>);
        let wanted = "SELECT @P1, @P2, @P3, @P4, @P5, @P6, @P7, @P8, @P9, @P10";
        let bytes = [1_u8, 2].as_slice();
        driver
            .query(wanted, &[&-7_i32, &"o'brien 😀", &guid, &2.5_f64, &true, &bytes, &none, &9_i64, &decimal, &1.5_f32])
            .await
            .unwrap()
            .into_results()
            .await
            .unwrap();
        driver.begin_transaction().await.unwrap();
        driver.execute("UPDATE dbo.Customers SET Email = @P1 WHERE CustomerId = @P2", &[&"a@b", &1]).await.unwrap();
        driver.save_transaction("half").await.unwrap();
        driver.rollback_transaction().await.unwrap();
        let waiting = async { driver.simple_query("WAITFOR DELAY '00:10:00'").await.unwrap().into_results().await };
        assert!(timeout(Duration::from_millis(200), waiting).await.is_err());
        driver.cancel_query().await.unwrap();
        drop(driver);
        let mut requests = packets(&heard.0.lock().unwrap());
        let (prelogin, login_packet) = (requests.remove(0), requests.remove(0));
        assert_eq!((prelogin[0], login_packet[0]), (kind::PRELOGIN, kind::LOGIN));
        for wanted in [kind::BATCH, kind::RPC, kind::TRANSACTION, kind::ATTENTION] {
            assert!(requests.iter().any(|packet| packet[0] == wanted), "no packet of kind {wanted} was recorded");
        }
        // What tiberius does not send, made by the client of raw bytes.
        let packet = |kind, payload: Vec<u8>| {
            let length = (payload.len() as u16 + 8).to_be_bytes();
            [vec![kind, 1, length[0], length[1], 0, 0, 1, 0], payload].concat()
        };
        requests.push(packet(kind::RPC, prepare("SELECT 1")));
        requests.push(packet(kind::RPC, execute(1)));
        // Two calls; the second goes without the 22 bytes of headers.
        requests.push(packet(kind::RPC, [prepare("SELECT 2"), vec![0xFF], execute(2).split_off(22)].concat()));
        requests.push(packet(kind::LOGIN, login("", "", "Raw", &hex("02 02000000 05 03 04 01000000 01 FF"))));
        requests.push(packet(kind::FEDERATED_TOKEN, hex("08000000 04000000 61006200")));
        Recording { prelogin, login: login_packet, requests, wrapped: self.record_handshake().await }
    }

    /// What a driver sends until the handshake within packets is over.
    async fn record_handshake(self: &Arc<Self>) -> Vec<Packet> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(self.service.clone().run(listener, stop.clone()));
        let between = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let driver = TcpStream::connect(between.local_addr().unwrap()).await.unwrap();
        let heard = Heard::default();
        let (accepted, _) = between.accept().await.unwrap();
        let mut accepted = Tee { stream: accepted, heard: heard.clone() };
        let mut onward = TcpStream::connect(server).await.unwrap();
        tokio::spawn(async move { tokio::io::copy_bidirectional(&mut accepted, &mut onward).await });
        Client::connect(self.config(), driver.compat_write()).await.unwrap();
        stop.cancel();
        let packets = packets(&heard.0.lock().unwrap());
        let wrapped: Vec<_> = packets.into_iter().take_while(|packet| packet[0] == kind::PRELOGIN).collect();
        assert!(wrapped.len() >= 3, "a pre-login and two flights");
        wrapped
    }
}

/// The bytes of a client that misbehaves on the port itself.
async fn over_tcp(port: u16, bytes: &[u8]) {
    let mut tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (mut from, mut to) = tcp.split();
    let talk = async {
        let _ = to.write_all(bytes).await;
        let _ = to.shutdown().await;
    };
    let _ = tokio::join!(talk, swallow(&mut from));
}

async fn swallow(from: &mut (impl AsyncRead + Unpin)) {
    let _ = tokio::io::copy(from, &mut tokio::io::sink()).await;
}

/// Whole packets; what follows the last of them is no packet.
fn packets(mut bytes: &[u8]) -> Vec<Packet> {
    let mut packets = Vec::new();
    while let Some(&[_, _, high, low, ..]) = bytes.first_chunk::<8>() {
        let Some((packet, rest)) = bytes.split_at_checked(usize::from(u16::from_be_bytes([high, low])).max(8)) else {
            break;
        };
        packets.push(packet.to_vec());
        bytes = rest;
    }
    packets
}

impl Recording {
    /// The bytes of a session, whether they are for the port itself, and how many of its packets were mutated.
    fn mutated(&self, rng: &mut StdRng) -> (bool, Vec<u8>, u64) {
        let mut mutated = 0;
        let mut bytes = Vec::new();
        let mut send = |rng: &mut StdRng, packet: &Packet, often: f64| {
            if rng.random_bool(often) {
                mutated += 1;
                bytes.extend(self.mutate(rng, packet));
            } else {
                bytes.extend(packet);
            }
        };
        let wrapped = rng.random_bool(0.1);
        if wrapped {
            self.wrapped.iter().for_each(|packet| send(rng, packet, 0.6));
        } else {
            send(rng, &self.prelogin, 0.03);
            let often = if rng.random_bool(0.2) { 1.0 } else { 0.0 };
            send(rng, &self.login, often);
            for _ in 0..REQUESTS {
                let request = &self.requests[rng.random_range(0..self.requests.len())];
                send(rng, request, 0.8);
            }
        }
        (wrapped, bytes, mutated)
    }

    /// Some bytes changed, added, removed or taken from elsewhere; mostly with a length that still fits.
    fn mutate(&self, rng: &mut StdRng, packet: &Packet) -> Packet {
        const EDGES: [u8; 8] = [0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF, 0x27, 0x5D];
        let mut packet = packet.clone();
        for _ in 0..rng.random_range(1..5) {
            // The header comes into it now and then.
            let from = if rng.random_bool(0.1) { 0 } else { 8.min(packet.len()) };
            let at = rng.random_range(from..=packet.len());
            let end = rng.random_range(at..=packet.len().min(at + 16));
            match rng.random_range(0..8) {
                0 => packet.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << rng.random_range(0..8)),
                1 => packet.get_mut(at).into_iter().for_each(|byte| *byte = EDGES[rng.random_range(0..EDGES.len())]),
                2 => packet[at..end].fill(EDGES[rng.random_range(0..EDGES.len())]),
                3 => drop(packet.drain(at..end)),
                4 => {
                    drop(packet.splice(at..at, (0..rng.random_range(1..9)).map(|_| rng.random()).collect::<Vec<u8>>()))
                }
                5 => drop(packet.splice(at..at, packet[at..end].to_vec().repeat(rng.random_range(1..4)))),
                6 => packet.truncate(at),
                _ => {
                    let other = &self.requests[rng.random_range(0..self.requests.len())];
                    let start = rng.random_range(0..other.len());
                    let part = &other[start..other.len().min(start + 32)];
                    drop(packet.splice(at..end, part.iter().copied()));
                }
            }
        }
        if rng.random_bool(0.9) {
            packet.resize(packet.len().max(8), 0);
            let length = (packet.len() as u16).to_be_bytes();
            packet[2..4].copy_from_slice(&length);
        }
        packet
    }
}

/// What went from the client to the server.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<u8>>>);

struct Tee<S> {
    stream: S,
    heard: Heard,
}

impl<S: AsyncRead + Unpin> AsyncRead for Tee<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let before = out.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, out);
        self.heard.0.lock().unwrap().extend(&out.filled()[before..]);
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tee<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
