//! A service over TLS on loopback that answers by a script, and keeps what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fabric_api::{Client, Credential, Options};
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

pub const SECRET: &str = "client-secret-hunter2";

/// A request that arrived.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Method and path.
    pub line: String,
    pub authorization: String,
    pub body: String,
}

/// What happens to a request.
#[derive(Clone, Debug)]
pub enum Reply {
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: String,
    },
    /// The connection is cut after the request was read.
    Cut,
    /// The connection is cut before TLS.
    Refused,
    /// No answer comes.
    Silence,
    /// The answer comes after a while.
    Late(Duration, Box<Reply>),
}

pub fn answer(status: u16, body: Value) -> Reply {
    Reply::Answer { status, headers: Vec::new(), body: body.to_string() }
}

pub fn empty(status: u16) -> Reply {
    Reply::Answer { status, headers: Vec::new(), body: String::new() }
}

/// An error of the service.
pub fn refusal(status: u16, code: &str) -> Reply {
    answer(status, json!({ "errorCode": code, "message": "No.", "requestId": "r-1" }))
}

impl Reply {
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push((name, value.into()));
        }
        self
    }
}

#[derive(Debug, Default)]
struct Book {
    script: VecDeque<Reply>,
    asked: Vec<Asked>,
    tokens: usize,
    no_tokens: bool,
}

#[derive(Debug)]
pub struct Service {
    book: Arc<Mutex<Book>>,
    pub endpoint: String,
    certificate: Arc<[u8]>,
    /// Cancelled, it ends the waiting of all clients.
    pub stop: CancellationToken,
}

impl Service {
    pub async fn start(script: impl IntoIterator<Item = Reply>) -> Self {
        Self::start_on(TcpListener::bind(("127.0.0.1", 0)).await.unwrap(), script)
    }

    pub fn start_on(listener: TcpListener, script: impl IntoIterator<Item = Reply>) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(crypto)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![made.cert.der().clone()],
                PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into()),
            )
            .unwrap();
        let endpoint = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let book = Arc::new(Mutex::new(Book { script: script.into_iter().collect(), ..Book::default() }));
        tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(config)), book.clone()));
        Self { book, endpoint, certificate: made.cert.pem().into_bytes().into(), stop: CancellationToken::new() }
    }

    pub fn options(&self) -> Options {
        Options {
            endpoint: self.endpoint.clone(),
            credential: Credential::ClientSecret {
                tenant_id: "00000000-0000-0000-0000-00000000000a".into(),
                client_id: "00000000-0000-0000-0000-00000000000b".into(),
                client_secret: SECRET.to_owned().into(),
            },
            cloud: fabric_api::Cloud::Public,
            authority_host: Some(self.endpoint.clone()),
            ca_certificates: Some(self.certificate.clone()),
            user_agent: "tests".into(),
            stop: self.stop.clone(),
        }
    }

    /// A client whose pauses are a thousandth of what they should be.
    pub fn client(&self) -> Client {
        Client::new(&self.options()).unwrap().hurried(1000)
    }

    /// Everything asked but tokens.
    pub fn asked(&self) -> Vec<Asked> {
        self.book.lock().unwrap().asked.clone()
    }

    pub fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }

    /// Replaces what is left of the script.
    pub fn script(&self, script: impl IntoIterator<Item = Reply>) {
        self.book.lock().unwrap().script = script.into_iter().collect();
    }

    /// From now on requests for tokens are not answered.
    pub fn withhold_tokens(&self) {
        self.book.lock().unwrap().no_tokens = true;
    }

    pub fn tokens(&self) -> usize {
        self.book.lock().unwrap().tokens
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, book: Arc<Mutex<Book>>) {
    while let Ok((stream, _)) = listener.accept().await {
        {
            let mut book = book.lock().unwrap();
            // The token comes first: its connection is not the one to refuse.
            if book.tokens > 0 && matches!(book.script.front(), Some(Reply::Refused)) {
                book.script.pop_front();
                continue;
            }
        }
        let (acceptor, book) = (acceptor.clone(), book.clone());
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let mut stream = BufReader::new(stream);
            while let Some(asked) = read(&mut stream).await {
                let mut reply = next(&book, asked);
                if let Reply::Late(delay, late) = reply {
                    tokio::time::sleep(delay).await;
                    reply = *late;
                }
                let Reply::Answer { status, headers, body } = reply else {
                    if matches!(reply, Reply::Silence) {
                        // Until the client goes.
                        let _ = stream.read_u8().await;
                    }
                    return;
                };
                let mut head = format!("HTTP/1.1 {status} Word\r\nContent-Length: {}\r\n", body.len());
                for (name, value) in headers {
                    head += &format!("{name}: {value}\r\n");
                }
                // A refused connection has to be a new one.
                let close = matches!(book.lock().unwrap().script.front(), Some(Reply::Refused));
                head += if close { "Connection: close\r\n\r\n" } else { "\r\n" };
                if stream.write_all((head + &body).as_bytes()).await.is_err() || stream.flush().await.is_err() || close
                {
                    let _ = stream.shutdown().await;
                    return;
                }
            }
        });
    }
}

fn next(book: &Mutex<Book>, asked: Asked) -> Reply {
    let mut book = book.lock().unwrap();
    if asked.line.ends_with("/oauth2/v2.0/token") {
        book.tokens += 1;
        if book.no_tokens {
            return Reply::Silence;
        }
        let token = format!("token-{}", book.tokens);
        return answer(200, json!({ "token_type": "Bearer", "expires_in": 3600, "access_token": token }));
    }
    book.asked.push(asked);
    book.script.pop_front().unwrap_or_else(|| refusal(418, "OutOfScript"))
}

async fn read(stream: &mut (impl AsyncBufReadExt + Unpin)) -> Option<Asked> {
    let mut asked = Asked::default();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if asked.line.is_empty() {
            asked.line = line.trim_end_matches(" HTTP/1.1").to_owned();
        } else if let Some((name, value)) = line.split_once(": ") {
            match name.to_ascii_lowercase().as_str() {
                "authorization" => asked.authorization = value.to_owned(),
                "content-length" => length = value.parse().ok()?,
                _ => {}
            }
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    asked.body = String::from_utf8(body).ok()?;
    Some(asked)
}
