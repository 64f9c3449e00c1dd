//! One connection: TCP, TLS and login, redirects followed, and what its errors mean.

use secrecy::ExposeSecret;
use tiberius::{AuthMethod, Client, Config, EncryptionLevel};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

use crate::connection::{ConnectOptions, Credentials, Encryption, Results};
use crate::error::{Error, Fault, Refusal, Result};
use crate::retry::{Effect, ends_connection};
use crate::row::Row;
use crate::server_name::ServerName;
use crate::statement::{Identifier, Statement};

const REDIRECTS: usize = 3;

/// An open connection to a database.
pub(crate) enum Link {
    Open(Box<Client<Compat<TcpStream>>>),
    #[cfg(test)]
    Scripted(crate::script::Script, Identifier),
}

impl Link {
    /// Connects, once. Ends when it succeeds or fails; how long that may take is the caller's business.
    pub(crate) async fn open(
        server: &ServerName,
        options: &ConnectOptions,
        credentials: &Credentials,
        database: &Identifier,
    ) -> Result<Self> {
        let mut target = (server.host().to_owned(), server.port());
        for _ in 0..=REDIRECTS {
            let config = config(&target.0, target.1, options, credentials, database).await?;
            let broken =
                |error: std::io::Error| Error::Connect { server: server.to_string(), cause: error.to_string() };
            let stream = TcpStream::connect((target.0.as_str(), target.1)).await.map_err(broken)?;
            stream.set_nodelay(true).map_err(broken)?;
            match Client::connect(config, stream.compat_write()).await {
                Ok(link) => return Ok(Self::Open(Box::new(link))),
                Err(tiberius::error::Error::Routing { host, port }) => target = (host, port),
                Err(error) => return Err(explain(server, error)),
            }
        }
        Err(Error::Connect { server: server.to_string(), cause: format!("it redirects more than {REDIRECTS} times") })
    }

    /// Runs a batch to its end. After an error, or when this future is dropped half-way, the connection is of no more
    /// use: its stream is out of step (sql-mi facts §8).
    pub(crate) async fn run(&mut self, server: &ServerName, statement: &Statement, effect: Effect) -> Result<Results> {
        let link = match self {
            Self::Open(link) => link,
            #[cfg(test)]
            Self::Scripted(script, database) => return script.run(database, statement, effect).await,
        };
        let ran = async { link.simple_query(statement.text()).await?.into_results().await };
        match ran.await {
            Ok(results) => Ok(results.into_iter().map(Row::of).collect()),
            Err(error) => Err(match explain(server, error) {
                Error::Refused { refusal, .. } if effect != Effect::Reads && ends_connection(&refusal) => {
                    Error::Connect { server: server.to_string(), cause: refusal.to_string() }
                }
                error => error,
            }),
        }
    }
}

async fn config(
    host: &str,
    port: u16,
    options: &ConnectOptions,
    credentials: &Credentials,
    database: &Identifier,
) -> Result<Config> {
    let mut config = Config::new();
    config.host(host);
    config.port(port);
    config.database(database.as_str());
    config.application_name(&options.application);
    config.encryption(match options.encryption {
        Encryption::Mandatory => EncryptionLevel::Required,
        Encryption::Strict => EncryptionLevel::Strict,
    });
    if let Some(name) = &options.certificate_name {
        config.hostname_in_certificate(name.for_host(host));
    }
    if let Some(bundle) = &options.ca_certificates {
        // Besides the system's certificates, not instead of them.
        config.trust_cert_ca_bundle(bundle.to_vec());
    }
    // Both limits are those of `Connections`.
    config.handshake_timeout(None);
    config.command_timeout(None);
    config.authentication(match credentials {
        Credentials::SqlLogin { username, password } => AuthMethod::sql_server(username, password.expose_secret()),
        Credentials::Token(source) => {
            AuthMethod::aad_token(source.token().await.map_err(Error::Token)?.expose_secret())
        }
    });
    Ok(config)
}

fn explain(server: &ServerName, error: tiberius::error::Error) -> Error {
    use tiberius::error::Error as E;
    let server = server.to_string();
    match error {
        E::Server(token) => Error::Refused {
            refusal: Refusal {
                number: token.code(),
                class: token.class(),
                state: token.state(),
                text: token.message().trim_end().to_owned(),
                database: None,
                needs: None,
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
