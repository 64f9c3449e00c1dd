//! Connections: TLS always, redirects followed, one per database, thrown away as soon as anything went wrong on it.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable};
use secrecy::{ExposeSecret, SecretString};
use tiberius::{AuthMethod, Client, Config, EncryptionLevel, Row};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

use crate::error::{Error, Fault, Refusal, Result};
use crate::server_name::ServerName;
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

#[derive(Clone, Debug)]
pub struct ConnectOptions {
    pub credentials: Credentials,
    /// Certificates that are trusted besides the system's.
    pub ca_certificate_file: Option<PathBuf>,
    /// Shown in `sys.dm_exec_sessions.program_name`.
    pub application: String,
}

/// TCP, TLS and login together.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);
/// A statement waits for locks at most this long.
const STATEMENT_LIMIT: Duration = Duration::from_secs(120);
const REDIRECTS: usize = 3;
/// A connection that was idle for longer may have been closed on the way: a change is not sent into the void.
const IDLE_LIMIT: Duration = Duration::from_secs(60);

/// Errors that pass by themselves: Microsoft's own lists for connections, and a deadlock (sql-mi facts §1.5).
const TRANSIENT: [u32; 17] =
    [1205, 4221, 10928, 10929, 40143, 40197, 40501, 40540, 40613, 42108, 42109, 49918, 49919, 49920, 233, 40020, 40166];

type Link = Client<Compat<TcpStream>>;

/// The connection to one database, if it is open, and when it was last used.
type Slot = tokio::sync::Mutex<Option<(Link, Instant)>>;

/// Connections to one server, at most one for each database.
pub(crate) struct Connections {
    server: ServerName,
    options: ConnectOptions,
    links: Mutex<HashMap<String, Arc<Slot>>>,
    #[cfg(test)]
    pub(crate) script: Option<crate::script::Script>,
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Whether a statement may be sent a second time when its answer did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Reads,
    Changes,
}

/// The result sets of a batch.
pub(crate) type Results = Vec<Vec<Row>>;

impl Connections {
    pub(crate) fn new(server: ServerName, options: ConnectOptions) -> Self {
        Self {
            server,
            options,
            links: Mutex::default(),
            #[cfg(test)]
            script: None,
        }
    }

    pub(crate) fn server(&self) -> &ServerName {
        &self.server
    }

    /// Runs a batch to its end. Batches of one database never overlap.
    pub(crate) async fn run(&self, database: &Identifier, statement: &Statement, effect: Effect) -> Result<Results> {
        #[cfg(test)]
        if let Some(script) = &self.script {
            return script.run(database, statement, effect);
        }
        let slot = {
            let mut links = self.links.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            links.entry(database.as_str().to_owned()).or_default().clone()
        };
        let mut slot = slot.lock().await;
        let policy =
            ExponentialBuilder::default().with_jitter().with_min_delay(Duration::from_millis(200)).with_max_times(5);
        let mut attempt = 0_u32;
        loop {
            attempt += 1;
            // Taken out: if this future is dropped half-way, the connection goes with it. Its stream would be out of
            // step (sql-mi facts §8).
            let (mut link, reused) = match slot.take() {
                Some((link, used)) if used.elapsed() < IDLE_LIMIT => (link, true),
                _ => ((|| self.connect(database)).retry(policy).when(is_transient).await?, false),
            };
            let ran = tokio::time::timeout(STATEMENT_LIMIT, async {
                link.simple_query(statement.text()).await?.into_results().await
            });
            let error = match ran.await {
                Ok(Ok(results)) => {
                    *slot = Some((link, Instant::now()));
                    return Ok(results);
                }
                Ok(Err(error)) => self.explain(error),
                Err(_) => Error::Timeout { server: self.server.to_string(), seconds: STATEMENT_LIMIT.as_secs() },
            };
            match (error, effect) {
                (error @ Error::Refused { .. }, effect) if attempt < 4 && may_repeat(&error, effect) => {
                    tokio::time::sleep(Duration::from_millis(200 * u64::from(attempt))).await;
                }
                (Error::Connect { .. }, Effect::Reads) if reused || attempt < 3 => {}
                (error, Effect::Changes) => return Err(lost(error)),
                (error, _) => return Err(error),
            }
        }
    }

    async fn connect(&self, database: &Identifier) -> Result<Link> {
        let connected = tokio::time::timeout(CONNECT_LIMIT, self.connect_following_redirects(database));
        connected.await.unwrap_or_else(|_| {
            Err(Error::Timeout { server: self.server.to_string(), seconds: CONNECT_LIMIT.as_secs() })
        })
    }

    async fn connect_following_redirects(&self, database: &Identifier) -> Result<Link> {
        let mut target = (self.server.host().to_owned(), self.server.port());
        for _ in 0..=REDIRECTS {
            let config = self.config(&target.0, target.1, database).await?;
            let broken =
                |error: std::io::Error| Error::Connect { server: self.server.to_string(), cause: error.to_string() };
            let stream = TcpStream::connect((target.0.as_str(), target.1)).await.map_err(broken)?;
            stream.set_nodelay(true).map_err(broken)?;
            match Client::connect(config, stream.compat_write()).await {
                Ok(link) => return Ok(link),
                Err(tiberius::error::Error::Routing { host, port }) => target = (host, port),
                Err(error) => return Err(self.explain(error)),
            }
        }
        Err(Error::Connect {
            server: self.server.to_string(),
            cause: format!("it redirects more than {REDIRECTS} times"),
        })
    }

    async fn config(&self, host: &str, port: u16, database: &Identifier) -> Result<Config> {
        let mut config = Config::new();
        config.host(host);
        config.port(port);
        config.database(database.as_str());
        config.application_name(&self.options.application);
        config.encryption(EncryptionLevel::Required);
        if let Some(file) = &self.options.ca_certificate_file {
            // Besides the system's certificates, not instead of them.
            config.trust_cert_ca(file.display());
        }
        // Both limits are ours: `CONNECT_LIMIT`, `STATEMENT_LIMIT`.
        config.handshake_timeout(None);
        config.command_timeout(None);
        config.authentication(match &self.options.credentials {
            Credentials::SqlLogin { username, password } => AuthMethod::sql_server(username, password.expose_secret()),
            Credentials::Token(source) => {
                AuthMethod::aad_token(source.token().await.map_err(Error::Token)?.expose_secret())
            }
        });
        Ok(config)
    }

    fn explain(&self, error: tiberius::error::Error) -> Error {
        use tiberius::error::Error as E;
        let server = self.server.to_string();
        match error {
            E::Server(token) => Error::Refused {
                refusal: Refusal {
                    number: token.code(),
                    class: token.class(),
                    state: token.state(),
                    text: token.message().trim_end().to_owned(),
                },
                fault: Fault::Other,
            },
            // The driver's text goes on with ways to trust any certificate: nobody should read those.
            E::Tls(text) => {
                Error::Tls { server, cause: text.split(". ").next().unwrap_or(&text).trim_end_matches('.').to_owned() }
            }
            E::Io { message, .. } => Error::Connect { server, cause: message },
            other => Error::Decode { server, cause: other.to_string() },
        }
    }
}

/// What a broken, unreadable or late answer means for a change: it may have happened.
fn lost(error: Error) -> Error {
    match error {
        Error::Connect { server, cause } | Error::Decode { server, cause } => Error::AnswerLost { server, cause },
        Error::Timeout { server, seconds } => {
            Error::AnswerLost { server, cause: format!("no answer within {seconds} s") }
        }
        other => other,
    }
}

/// A read may be repeated after any error that passes; a change only after a deadlock, whose victim is rolled back.
fn may_repeat(error: &Error, effect: Effect) -> bool {
    match effect {
        Effect::Reads => is_transient(error),
        Effect::Changes => error.number() == Some(1205),
    }
}

fn is_transient(error: &Error) -> bool {
    match error {
        Error::Refused { refusal, .. } => TRANSIENT.contains(&refusal.number),
        Error::Connect { .. } => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_without_a_readable_answer_may_have_happened() {
        let (server, cause) = ("s".to_owned(), "c".to_owned());
        let refusal = Refusal { number: 15025, class: 16, state: 1, text: "exists".into() };
        for (error, is_lost) in [
            (Error::Connect { server: server.clone(), cause: cause.clone() }, true),
            (Error::Decode { server: server.clone(), cause: cause.clone() }, true),
            (Error::Timeout { server: server.clone(), seconds: 120 }, true),
            (Error::Tls { server, cause }, false),
            (Error::Token("none".into()), false),
            (Error::Refused { refusal, fault: Fault::Other }, false),
        ] {
            let said = error.to_string();
            assert_eq!(matches!(lost(error), Error::AnswerLost { .. }), is_lost, "{said}");
        }
    }

    #[test]
    fn only_what_passes_by_itself_is_tried_again() {
        let refused = |number| Error::Refused {
            refusal: Refusal { number, class: 16, state: 1, text: String::new() },
            fault: Fault::Other,
        };
        for number in TRANSIENT {
            assert!(is_transient(&refused(number)), "{number}");
        }
        // A wrong password tried again locks the login; a database that is not there will not come.
        for number in [18456, 4060, 15025, 15151, 229, 208] {
            assert!(!is_transient(&refused(number)), "{number}");
        }
    }
}
