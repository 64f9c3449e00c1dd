//! Connections: TLS always, one per database and no more than sixteen at once, thrown away as soon as anything went wrong
//! on it. Every wait ends at an interrupt, and a server that cannot be reached costs one time-out.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use secrecy::SecretString;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::effective::Covering;
use crate::error::{Error, Result};
use crate::link::Link;
use crate::retry::{Effect, Next, is_transient, lost, next};
use crate::row::Row;
use crate::server_name::{CertificateName, ServerName};
use crate::statement::{Identifier, Statement};

/// As whom to log in.
#[derive(Clone)]
pub enum Credentials {
    SqlLogin {
        username: String,
        password: SecretString,
    },
    /// An Entra identity; asked for a token at every login.
    Token(Arc<dyn TokenSource>),
}

/// Gives access tokens for `https://database.windows.net/`.
pub trait TokenSource: Send + Sync {
    fn token(&self) -> Pin<Box<dyn Future<Output = Result<SecretString, String>> + Send + '_>>;
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SqlLogin { username, .. } => write!(f, "SqlLogin({username})"),
            Self::Token(_) => f.write_str("Token"),
        }
    }
}

#[derive(Clone)]
pub struct ConnectOptions {
    pub credentials: Credentials,
    /// Certificates that are trusted besides the system's: a PEM bundle that was checked already.
    pub ca_certificates: Option<Arc<[u8]>>,
    /// What the server's certificate is issued to, where that is not the host it is reached by: behind a private endpoint
    /// under a name of one's own.
    pub certificate_name: Option<CertificateName>,
    pub encryption: Encryption,
    /// Shown in `sys.dm_exec_sessions.program_name`.
    pub application: String,
    /// Cancelled by an interrupt: every wait ends within 1.5 s, and nothing new is sent.
    pub stop: CancellationToken,
}

impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("credentials", &self.credentials)
            .field("ca_certificates", &self.ca_certificates.as_ref().map(|bundle| bundle.len()))
            .field("application", &self.application)
            .finish_non_exhaustive()
    }
}

/// How TLS begins. There is no connection without it, and no certificate that is not checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encryption {
    /// After the server was asked (TDS 7.4): what every instance does.
    #[default]
    Mandatory,
    /// Before the first byte (TDS 8.0). UNCONFIRMED that managed instances take it (sql-mi facts §6.4).
    Strict,
}

/// TCP, TLS and login together.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);
/// A connection that is refused or breaks is tried again for so long.
const REFUSED_LIMIT: Duration = Duration::from_secs(5);
/// A server that could not be reached is not asked again for so long.
const UNREACHABLE: Duration = Duration::from_secs(60);
/// A statement waits for locks at most this long.
const STATEMENT_LIMIT: Duration = Duration::from_secs(120);
/// What is on its way at an interrupt has this long to be answered.
const GRACE: Duration = Duration::from_secs(1);
/// A connection that was idle for longer may have been closed on the way: a change is not sent into the void.
const IDLE_LIMIT: Duration = Duration::from_secs(60);

/// So many connections to a server are open at once, those that nobody uses included.
const OPEN_LIMIT: usize = 16;

/// The connection to one database, if it is open.
type Slot = tokio::sync::Mutex<Option<Open>>;

/// An open connection that nobody uses.
struct Open {
    link: Link,
    used: Instant,
    place: OwnedSemaphorePermit,
}

/// The result sets of a batch.
pub(crate) type Results = Vec<Vec<Row>>;

/// Connections to one server, at most one for each database and [`OPEN_LIMIT`] together.
pub(crate) struct Connections {
    server: ServerName,
    options: ConnectOptions,
    links: Mutex<HashMap<String, Arc<Slot>>>,
    /// One for each connection that may be open.
    places: Arc<Semaphore>,
    /// A connection was closed, or lies idle now.
    freed: Notify,
    reach: Mutex<Reach>,
    /// Held by the one that connects while nobody has succeeded: the others wait for what comes of it.
    gate: tokio::sync::Mutex<()>,
    /// The server's list of permissions, once somebody has asked for it.
    covering: OnceLock<Arc<Covering>>,
    #[cfg(test)]
    pub(crate) script: Option<crate::script::Script>,
}

/// Whether the server can be reached, as far as is known.
#[derive(Default)]
enum Reach {
    #[default]
    Unknown,
    Reached,
    Failed(Instant, Error),
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Connections {
    pub(crate) fn new(server: ServerName, options: ConnectOptions) -> Self {
        Self {
            server,
            options,
            links: Mutex::default(),
            places: Arc::new(Semaphore::new(OPEN_LIMIT)),
            freed: Notify::new(),
            reach: Mutex::default(),
            gate: tokio::sync::Mutex::default(),
            covering: OnceLock::new(),
            #[cfg(test)]
            script: None,
        }
    }

    pub(crate) fn server(&self) -> &ServerName {
        &self.server
    }

    pub(crate) fn covering(&self) -> Option<Arc<Covering>> {
        self.covering.get().cloned()
    }

    pub(crate) fn note_covering(&self, covering: &Arc<Covering>) {
        self.covering.get_or_init(|| covering.clone());
    }

    /// Runs a batch to its end. Batches of one database never overlap.
    pub(crate) async fn run(&self, database: &Identifier, statement: &Statement, effect: Effect) -> Result<Results> {
        // By its spelling: on a server that distinguishes case two spellings are two databases.
        let slot = locked(&self.links).entry(database.as_str().to_owned()).or_default().clone();
        // Said when the slot is unlocked again: it is dropped after it.
        let _freed = Freed(&self.freed);
        let mut slot = self.unless_stopped(slot.lock()).await?;
        let mut attempt = 0;
        // Something was sent, and may have happened.
        let mut sent: Option<Error> = None;
        loop {
            attempt += 1;
            // Taken out: if this future is dropped half-way, the connection goes with it.
            let fresh = |open: &Open| open.used.elapsed() < IDLE_LIMIT && !self.options.stop.is_cancelled();
            let connected = match slot.take().filter(fresh) {
                Some(open) => Ok((open.link, open.place)),
                None => self.connect(database).await,
            };
            let (mut link, place) = match connected {
                Ok(connected) => connected,
                Err(error) => return Err(sent.unwrap_or(error)),
            };
            let error = match self.exchange(&mut link, statement, effect).await {
                Ok(results) => {
                    *slot = Some(Open { link, used: Instant::now(), place });
                    return Ok(results);
                }
                Err(error) => error,
            };
            drop((link, place));
            if effect != Effect::Reads && matches!(error, Error::Connect { .. }) {
                sent = Some(lost(error.clone()));
            }
            match next(effect, error, attempt) {
                Next::Fail(error) => return Err(error),
                Next::Again(pause) => {
                    if let Err(interrupted) = self.sleep(pause).await {
                        return Err(sent.unwrap_or(interrupted));
                    }
                }
            }
        }
    }

    /// Sends a batch once and waits for its answer. At an interrupt a change that was sent has no known end.
    async fn exchange(&self, link: &mut Link, statement: &Statement, effect: Effect) -> Result<Results> {
        let stop = &self.options.stop;
        let ran = tokio::time::timeout(STATEMENT_LIMIT, link.run(&self.server, statement, effect));
        let interrupted = async {
            stop.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            biased;
            ran = ran => ran.unwrap_or_else(|_| Err(self.timeout(STATEMENT_LIMIT))),
            () = interrupted => Err(match effect {
                Effect::Reads => self.interrupted(),
                Effect::Repeatable | Effect::Once => Error::AnswerLost {
                    server: self.server.to_string(),
                    cause: "the run was interrupted".to_owned(),
                },
            }),
        }
    }

    /// Waits, unless the run is interrupted.
    pub(crate) async fn sleep(&self, pause: Duration) -> Result<()> {
        self.unless_stopped(tokio::time::sleep(pause)).await
    }

    /// What the future gives, unless the run is interrupted before or meanwhile.
    async fn unless_stopped<T>(&self, future: impl Future<Output = T>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.options.stop.cancelled() => Err(self.interrupted()),
            done = future => Ok(done),
        }
    }

    fn interrupted(&self) -> Error {
        Error::Interrupted { server: self.server.to_string() }
    }

    fn timeout(&self, limit: Duration) -> Error {
        Error::Timeout { server: self.server.to_string(), seconds: limit.as_secs() }
    }

    /// Connects, sharing the wait for a server that may not be reachable: while no connection has succeeded, one tries
    /// and the others get its error.
    async fn connect(&self, database: &Identifier) -> Result<(Link, OwnedSemaphorePermit)> {
        let place = self.place().await?;
        let mut gate = if self.is_reached()? { None } else { Some(self.unless_stopped(self.gate.lock()).await?) };
        // Whoever held the gate may have found out.
        if self.is_reached()? {
            gate = None;
        }
        let connected = self.unless_stopped(self.connect_patiently(database)).await?;
        match &connected {
            // An answer, if only a refusal.
            Ok(_) | Err(Error::Refused { .. }) => *locked(&self.reach) = Reach::Reached,
            Err(error @ (Error::Connect { .. } | Error::Timeout { .. } | Error::Tls { .. })) => {
                *locked(&self.reach) = Reach::Failed(Instant::now(), error.clone());
            }
            Err(_) => {}
        }
        drop(gate);
        Ok((connected?, place))
    }

    /// Leave to open one more connection: at once, or for the one that lies idle longest, or when somebody is done.
    async fn place(&self) -> Result<OwnedSemaphorePermit> {
        loop {
            let freed = self.freed.notified();
            if let Ok(place) = self.places.clone().try_acquire_owned() {
                return Ok(place);
            }
            if !self.close_idle() {
                self.unless_stopped(freed).await?;
            }
        }
    }

    /// Closes the connection that lies idle longest. Whether there was one.
    fn close_idle(&self) -> bool {
        let links = locked(&self.links);
        let idle = links.values().filter_map(|slot| Some((slot.try_lock().ok()?.as_ref()?.used, slot)));
        let oldest = idle.min_by_key(|(used, _)| *used).map(|(_, slot)| slot);
        oldest.and_then(|slot| slot.try_lock().ok()?.take()).is_some()
    }

    /// An error while it is known that the server cannot be reached.
    fn is_reached(&self) -> Result<bool> {
        match &*locked(&self.reach) {
            Reach::Reached => Ok(true),
            Reach::Failed(when, error) if when.elapsed() < UNREACHABLE => Err(error.clone()),
            Reach::Unknown | Reach::Failed(..) => Ok(false),
        }
    }

    async fn connect_patiently(&self, database: &Identifier) -> Result<Link> {
        let mut pauses = ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(Duration::from_millis(200))
            .with_max_times(5)
            .build();
        let began = Instant::now();
        loop {
            let error = match self.connect_once(database, &self.options.credentials).await {
                Err(error) if is_transient(&error) => error,
                done => return done,
            };
            let refused = matches!(error, Error::Connect { .. });
            match pauses.next() {
                Some(pause) if !refused || began.elapsed() + pause < REFUSED_LIMIT => tokio::time::sleep(pause).await,
                _ => return Err(error),
            }
        }
    }

    async fn connect_once(&self, database: &Identifier, credentials: &Credentials) -> Result<Link> {
        #[cfg(test)]
        if let Some(script) = &self.script {
            script.log_in(database, credentials)?;
            return Ok(Link::Scripted(script.clone(), database.clone()));
        }
        let open = Link::open(&self.server, &self.options, credentials, database);
        tokio::time::timeout(CONNECT_LIMIT, open).await.unwrap_or_else(|_| Err(self.timeout(CONNECT_LIMIT)))
    }

    /// Logs in with other credentials, once, and logs out. Never tried again: that could lock the login.
    pub(crate) async fn log_in(&self, database: &Identifier, credentials: &Credentials) -> Result<()> {
        let _freed = Freed(&self.freed);
        let _place = self.place().await?;
        self.unless_stopped(self.connect_once(database, credentials)).await?.map(drop)
    }
}

/// Tells one who waits for a place that there may be one.
struct Freed<'a>(&'a Notify);

impl Drop for Freed<'_> {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
