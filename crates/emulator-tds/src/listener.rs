//! Accepts connections and brings each to its login.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use emulator_ground::engine::{Credentials, Engine, LoginRequest, Message, Session, Transport};
use emulator_ground::faults::{Effect, Faults, Route, When};
use emulator_ground::journal::{Channel, Entry, Journal, Place};

use super::TlsIdentity;
use super::login7::{Federated, Login7, TDS_7_4, TDS_8_0, feature, fetched_token};
use super::packet::{self, DEFAULT_SIZE, LOGIN_LIMIT, kind, read_message, write_message};
use super::prelogin::Prelogin;
use super::session::{Connection, sql_error};
use super::tls::Wrapped;
use super::tokens::{Change, End, Tokens, done};

/// From the first byte to the answer of the login. UNCONFIRMED: how long an instance waits is not documented.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(30);
/// Connections beyond this many wait to be accepted.
const MOST_CONNECTIONS: usize = 1024;
/// What a client is told to get a token for.
const RESOURCE: &str = "https://database.windows.net/";
const TOKEN_PRINCIPAL: &str = "<token-identified principal>";

/// What all connections share.
pub struct Service {
    pub(super) engine: Arc<dyn Engine>,
    pub(super) journal: Arc<Journal>,
    pub(super) faults: Arc<Faults>,
    authority: String,
    wrapped: TlsAcceptor,
    strict: TlsAcceptor,
    connections: AtomicU64,
    pub(super) login_timeout: Duration,
}

/// What comes of a login.
enum Admission {
    Session(Box<dyn Session>),
    Refused(Vec<Message>),
    Elsewhere(Route),
}

/// A stream of a logged-in client, whichever way TLS reached it.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A login that succeeded.
pub(super) struct LoggedIn {
    pub session: Box<dyn Session>,
    pub connection: u64,
    pub packet_size: usize,
    /// tiberius, which looks for the answer to an attention in the next message only.
    pub one_message_attention: bool,
}

impl Service {
    pub fn new(
        engine: Arc<dyn Engine>,
        tls: TlsIdentity,
        journal: Arc<Journal>,
        faults: Arc<Faults>,
        authority: String,
    ) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let wrapped = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&TLS12])?
            .with_no_client_auth()
            .with_single_cert(tls.chain.clone(), tls.key.clone_key())?;
        let mut strict = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13, &TLS12])?
            .with_no_client_auth()
            .with_single_cert(tls.chain, tls.key)?;
        strict.alpn_protocols = vec![b"tds/8.0".to_vec()];
        Ok(Self {
            engine,
            journal,
            faults,
            authority,
            wrapped: Arc::new(wrapped).into(),
            strict: Arc::new(strict).into(),
            connections: AtomicU64::new(0),
            login_timeout: LOGIN_TIMEOUT,
        })
    }

    pub async fn run(self: Arc<Self>, listener: TcpListener, shutdown: CancellationToken) {
        let permits = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            let Ok(permit) = permits.clone().acquire_owned().await else { break };
            let accepted = tokio::select! {
                () = shutdown.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            while connections.try_join_next().is_some() {}
            match accepted {
                Ok((tcp, _)) => {
                    let (service, shutdown) = (self.clone(), shutdown.clone());
                    connections.spawn(async move {
                        let _permit = permit;
                        if let Err(error) = service.serve(tcp, shutdown).await {
                            tracing::debug!(%error, "a TDS connection ended");
                        }
                    });
                }
                // Out of descriptors, most likely: the next moment may be better.
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a TDS connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        let ended = async { while connections.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(Duration::from_secs(2), ended).await;
    }

    async fn serve(self: Arc<Self>, tcp: TcpStream, shutdown: CancellationToken) -> io::Result<()> {
        tcp.set_nodelay(true)?;
        let transport =
            Transport { client: tcp.peer_addr().ok(), server: tcp.local_addr().ok(), ..Transport::default() };
        let login = async {
            let (mut stream, strict) = self.secure(tcp).await?;
            let logged_in = self.log_in(&mut stream, strict, transport).await?;
            Ok::<_, io::Error>(logged_in.map(|logged_in| (stream, logged_in)))
        };
        let logged_in = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            logged_in = tokio::time::timeout(self.login_timeout, login) => logged_in.map_err(|_| io::ErrorKind::TimedOut)??,
        };
        let Some((stream, logged_in)) = logged_in else { return Ok(()) };
        Connection::new(self, stream, logged_in).run(shutdown).await
    }

    /// Pre-login and TLS, in the order the client begins with; true for TDS 8.0.
    async fn secure(&self, mut tcp: TcpStream) -> io::Result<(Box<dyn Stream>, bool)> {
        const TLS_HANDSHAKE: u8 = 0x16;
        let mut first = [0];
        if tcp.peek(&mut first).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match first {
            [kind::PRELOGIN] => {
                negotiate(&mut tcp).await?;
                let (wrapped, handshake) = Wrapped::new(tcp);
                let mut stream = self.wrapped.accept(wrapped).await?;
                stream.flush().await?;
                handshake.over();
                Ok((Box::new(stream), false))
            }
            [TLS_HANDSHAKE] => {
                let mut stream = self.strict.accept(tcp).await?;
                negotiate(&mut stream).await?;
                Ok((Box::new(stream), true))
            }
            _ => Err(packet::invalid("neither a pre-login nor TLS")),
        }
    }

    /// `None` when the login was refused or sent elsewhere; the client has been told then.
    pub(super) async fn log_in(
        &self,
        stream: &mut Box<dyn Stream>,
        strict: bool,
        transport: Transport,
    ) -> io::Result<Option<LoggedIn>> {
        let message = expect(stream, kind::LOGIN).await?;
        let login = Login7::decode(&message).map_err(io::Error::other)?;
        let transport = Transport {
            packet_size: u32::try_from(login.session_packet_size()).unwrap_or(0),
            protocol: if strict && login.tds_version == TDS_8_0 { TDS_8_0 } else { TDS_7_4 },
            ..transport
        };
        let federated = login.federated().map_err(io::Error::other)?;
        let token = match federated {
            None => None,
            Some(Federated::Token(token)) => Some(token),
            Some(Federated::Challenge) => {
                let mut tokens = Tokens::default();
                tokens.federated_info(&self.authority, RESOURCE);
                write_message(stream, kind::RESPONSE, DEFAULT_SIZE, 0, &tokens.0).await?;
                Some(fetched_token(&expect(stream, kind::FEDERATED_TOKEN).await?).map_err(io::Error::other)?)
            }
        };
        let connection = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let database = Some(login.database.clone()).filter(|database| !database.is_empty());
        let server = Some(self.engine.server_name());
        let mut entry =
            Entry { channel: Channel::Sql, connection, server, database: database.clone(), ..Entry::default() };
        let place = self.journal.begin(entry.clone());
        entry.index = place.index;
        match self.admit(&login, transport, token, database, &entry, place).await? {
            Admission::Session(session) => {
                let answer = self.welcome(&login, strict, session.as_ref());
                self.journal.end(place, |_| {});
                write_message(stream, kind::RESPONSE, DEFAULT_SIZE, session.id(), &answer.0).await?;
                Ok(Some(LoggedIn {
                    connection,
                    packet_size: login.session_packet_size(),
                    one_message_attention: login.library.is_empty(),
                    session,
                }))
            }
            Admission::Elsewhere(Route { host, port }) => {
                let mut answer = Tokens::default();
                answer.login_ack(strict && login.tds_version == TDS_8_0);
                answer.change(Change::Routing { host: &host, port });
                answer.done(End::Batch, 0, 0, 0);
                self.journal.end(place, |entry| entry.answer = Some(format!("routed to {host},{port}")));
                write_message(stream, kind::RESPONSE, DEFAULT_SIZE, 0, &answer.0).await?;
                stream.shutdown().await?;
                Ok(None)
            }
            Admission::Refused(messages) => {
                let server = self.engine.server_name();
                let mut answer = Tokens::default();
                messages.iter().for_each(|message| answer.message(message, &server));
                answer.done(End::Batch, done::ERROR, 0, 0);
                self.journal.end(place, |entry| {
                    entry.error = messages.first().map(|message| format!("{}: {}", message.number, message.text));
                });
                write_message(stream, kind::RESPONSE, DEFAULT_SIZE, 0, &answer.0).await?;
                stream.shutdown().await?;
                Ok(None)
            }
        }
    }

    /// Asks the engine, unless a fault was planted at this login. An error cuts the connection.
    async fn admit(
        &self,
        login: &Login7,
        transport: Transport,
        token: Option<String>,
        database: Option<String>,
        entry: &Entry,
        place: Place,
    ) -> io::Result<Admission> {
        let cut = || {
            self.journal.end(place, |entry| entry.error = Some("connection reset by a planted fault".to_owned()));
            io::Error::from(io::ErrorKind::ConnectionAborted)
        };
        let fault = self.faults.strike(entry, None);
        if let Some(fault) = &fault {
            self.journal.struck(place, fault);
        }
        match &fault {
            Some(Effect::SqlError { sql_error: error }) => return Ok(Admission::Refused(vec![sql_error(error)])),
            Some(Effect::Route { route }) => return Ok(Admission::Elsewhere(route.clone())),
            Some(Effect::Delay { delay_ms }) => tokio::time::sleep(Duration::from_millis(*delay_ms)).await,
            Some(Effect::Reset { reset: When::Before }) => return Err(cut()),
            _ => {}
        }
        let user = if token.is_some() { TOKEN_PRINCIPAL } else { &login.user };
        if login.integrated {
            let text = "Login failed. The login is from an untrusted domain and cannot be used with Integrated \
                        authentication.";
            return Ok(Admission::Refused(vec![Message::new(18452, 14, 1, text)]));
        }
        if login.changes_password {
            let text = format!("Login failed for user '{user}'.");
            return Ok(Admission::Refused(vec![Message::new(18456, 14, 1, text)]));
        }
        let credentials = match token {
            Some(token) => Credentials::Token(token),
            None => Credentials::Password { user: login.user.clone(), password: login.password.clone() },
        };
        let request = LoginRequest {
            credentials,
            database,
            host_name: login.host.clone(),
            application: login.application.clone(),
            library: login.library.clone(),
            transport,
        };
        let engine = self.engine.clone();
        let admitted = tokio::task::spawn_blocking(move || engine.login(&request)).await.map_err(io::Error::other)?;
        if matches!(fault, Some(Effect::Reset { reset: When::After } | Effect::Partial { .. })) {
            return Err(cut());
        }
        Ok(admitted.map_or_else(Admission::Refused, Admission::Session))
    }

    fn welcome(&self, login: &Login7, strict: bool, session: &dyn Session) -> Tokens {
        const LANGUAGE: &str = "us_english";
        let server = self.engine.server_name();
        let database = session.database();
        let mut answer = Tokens::default();
        answer.change(Change::Database { new: &database, old: "master" });
        let text = format!("Changed database context to '{database}'.");
        answer.message(&Message::new(5701, 0, 2, text), &server);
        answer.change(Change::Collation);
        answer.change(Change::Language { new: LANGUAGE, old: "" });
        answer.message(&Message::new(5703, 0, 1, format!("Changed language setting to {LANGUAGE}.")), &server);
        answer.login_ack(strict && login.tds_version == TDS_8_0);
        answer.change(Change::PacketSize { new: login.session_packet_size(), old: DEFAULT_SIZE });
        // tiberius takes an acknowledgement it did not ask for as an error.
        let known: [(u8, &[u8]); 3] = [(feature::FEDERATED, &[]), (feature::AZURE_SQL, &[0]), (feature::UTF8, &[1])];
        let asked: Vec<_> = known.into_iter().filter(|(id, _)| login.asked_for(*id)).collect();
        if !asked.is_empty() {
            answer.feature_ack(&asked);
        }
        answer.done(End::Batch, 0, 0, 0);
        answer
    }
}

pub(super) async fn negotiate(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<()> {
    let prelogin = Prelogin::decode(&expect(stream, kind::PRELOGIN).await?).map_err(io::Error::other)?;
    write_message(stream, kind::RESPONSE, DEFAULT_SIZE, 0, &prelogin.answer()).await
}

/// The next message, which must be of this kind.
async fn expect(stream: &mut (impl AsyncRead + Unpin), kind: u8) -> io::Result<Vec<u8>> {
    match read_message(stream, LOGIN_LIMIT).await? {
        Some(message) if message.kind == kind => Ok(message.payload),
        Some(_) => Err(packet::invalid("a message that does not belong here")),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
