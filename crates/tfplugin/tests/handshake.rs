//! The process as a CLI meets it: started with a certificate in its environment, dialled over its socket, dismissed.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const COOKIE: &str = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";
/// Client preface and an empty SETTINGS frame.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A certificate such as a CLI makes: an authority of its own with a P-521 key.
struct Certificate {
    der: CertificateDer<'static>,
    pem: String,
    key: PrivateKeyDer<'static>,
}

fn certificate() -> Certificate {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512).unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let made = params.self_signed(&key).unwrap();
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    Certificate { der: made.der().clone(), pem: made.pem(), key }
}

/// Takes the certificate that was announced, as the CLI does; the verifier of rustls takes no authority for a server.
#[derive(Debug)]
struct OnlyThisServer(CertificateDer<'static>);

impl ServerCertVerifier for OnlyThisServer {
    fn verify_server_cert(
        &self,
        presented: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if *presented == self.0 { Ok(ServerCertVerified::assertion()) } else { Err(Error::General("another".into())) }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// Presents one certificate, whether or not the key is its own.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesClientCert for Always {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// The program, in its own folder for sockets.
fn command(program: &Path, sockets: &Path, certificate: &Certificate) -> Command {
    let mut command = Command::new(program);
    command
        .env("TF_PLUGIN_MAGIC_COOKIE", COOKIE)
        .env("PLUGIN_PROTOCOL_VERSIONS", "5,6")
        .env("PLUGIN_CLIENT_CERT", &certificate.pem)
        .env("PLUGIN_UNIX_SOCKET_DIR", sockets)
        .env_remove("PLUGIN_MULTIPLEX_GRPC")
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

fn program() -> PathBuf {
    // Examples are built beside the tests, one folder up.
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().unwrap().parent().unwrap().join("examples/empty");
    assert!(
        program.exists(),
        "`cargo test -p tfplugin` builds it, with `--test` it does not: `cargo build -p tfplugin --example empty`"
    );
    program
}

struct Provider {
    child: Child,
    socket: PathBuf,
    certificate: CertificateDer<'static>,
    sockets: tempfile::TempDir,
}

impl Provider {
    fn start(client: &Certificate) -> Self {
        let sockets = tempfile::tempdir().unwrap();
        let child = command(&program(), sockets.path(), client).spawn().unwrap();
        Self::announced(child, sockets)
    }

    fn announced(mut child: Child, sockets: tempfile::TempDir) -> Self {
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let fields: Vec<&str> = line.trim_end().split('|').collect();
        let ["1", "6", "unix", socket, "grpc", certificate] = fields[..] else { panic!("{line}") };
        let der = base64::engine::general_purpose::STANDARD_NO_PAD.decode(certificate).unwrap();
        Self { child, socket: socket.into(), certificate: der.into(), sockets }
    }

    async fn dial(
        &self,
        client: Option<&Certificate>,
        version: &'static SupportedProtocolVersion,
    ) -> std::io::Result<TlsStream<UnixStream>> {
        let crypto = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(crypto.clone())
            .with_protocol_versions(&[version])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(OnlyThisServer(self.certificate.clone())));
        let mut config = match client {
            Some(client) => {
                let key = crypto.key_provider.load_private_key(client.key.clone_key()).unwrap();
                let certified = CertifiedKey::new(vec![client.der.clone()], key);
                config.with_client_cert_resolver(Arc::new(Always(Arc::new(certified))))
            }
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        let stream = UnixStream::connect(&self.socket).await?;
        TlsConnector::from(Arc::new(config)).connect("localhost".try_into().unwrap(), stream).await
    }

    fn ends_within(&mut self, limit: Duration) -> Option<i32> {
        let started = Instant::now();
        while started.elapsed() < limit {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }

    fn socket_folders(&self) -> usize {
        std::fs::read_dir(self.sockets.path()).unwrap().count()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether the other side speaks HTTP/2 with us: the client learns only then that its certificate was refused.
async fn is_served(stream: std::io::Result<TlsStream<UnixStream>>) -> bool {
    let Ok(mut stream) = stream else { return false };
    let mut frame = [0; 9];
    stream.write_all(PREFACE).await.is_ok() && stream.read_exact(&mut frame).await.is_ok() && frame[3] == 4
}

#[tokio::test]
async fn only_the_cli_that_started_it_is_served() {
    let (client, stranger) = (certificate(), certificate());
    let provider = Provider::start(&client);
    let tls13 = &rustls::version::TLS13;
    let wrong_key = Certificate { der: client.der.clone(), pem: String::new(), key: stranger.key.clone_key() };
    assert!(!is_served(provider.dial(None, tls13).await).await, "without a certificate");
    assert!(!is_served(provider.dial(Some(&stranger), tls13).await).await, "with another certificate");
    assert!(!is_served(provider.dial(Some(&client), &rustls::version::TLS12).await).await, "over TLS 1.2");
    let mut plain = UnixStream::connect(&provider.socket).await.unwrap();
    plain.write_all(PREFACE).await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(answer.first().is_none_or(|first| *first == 21), "in clear there is at most an alert: {answer:?}");
    assert!(!is_served(provider.dial(Some(&wrong_key), tls13).await).await, "with the certificate, but another key");
    assert!(is_served(provider.dial(Some(&client), tls13).await).await, "with its own certificate, after all that");
}

#[tokio::test]
async fn a_peer_that_stalls_holds_up_nobody() {
    let client = certificate();
    let provider = Provider::start(&client);
    let _silent = UnixStream::connect(&provider.socket).await.unwrap();
    assert!(is_served(provider.dial(Some(&client), &rustls::version::TLS13).await).await);
}

#[tokio::test]
async fn after_the_farewell_it_ends_and_leaves_nothing() {
    let client = certificate();
    let mut provider = Provider::start(&client);
    assert_eq!(provider.socket_folders(), 1);
    let stream = provider.dial(Some(&client), &rustls::version::TLS13).await.unwrap();
    let (mut requests, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = http::Request::post("https://localhost/plugin.GRPCController/Shutdown")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .unwrap();
    let (answer, mut body) = requests.send_request(request, false).unwrap();
    // An empty message.
    body.send_data(vec![0; 5].into(), true).unwrap();
    assert_eq!(answer.await.unwrap().status(), 200);
    assert_eq!(provider.ends_within(Duration::from_secs(5)), Some(0));
    assert_eq!(provider.socket_folders(), 0);
    connection.abort();
}

#[tokio::test]
async fn interrupts_are_left_to_the_cli() {
    let client = certificate();
    let mut provider = Provider::start(&client);
    let id = provider.child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert_eq!(provider.ends_within(Duration::from_millis(300)), None);
    assert!(is_served(provider.dial(Some(&client), &rustls::version::TLS13).await).await);
}

#[test]
fn when_the_cli_is_killed_it_ends_by_itself_and_leaves_nothing() {
    let client = certificate();
    let sockets = tempfile::tempdir().unwrap();
    // A shell stands for the CLI; what it writes is what the provider writes.
    let mut shell = command(Path::new("sh"), sockets.path(), &client);
    shell.args(["-c", "\"$0\" & wait"]).arg(program());
    let mut cli = Provider::announced(shell.spawn().unwrap(), sockets);
    cli.child.kill().unwrap();
    cli.child.wait().unwrap();
    let started = Instant::now();
    while cli.socket_folders() > 0 {
        assert!(started.elapsed() < Duration::from_secs(20), "it is still there");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn run_by_hand_it_explains_itself() {
    let mut child = Command::new(program())
        .env_remove("TF_PLUGIN_MAGIC_COOKIE")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("terraform init"), "{said}");
    assert_eq!(child.wait().unwrap().code(), Some(1));
}
