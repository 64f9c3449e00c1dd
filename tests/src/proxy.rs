//! The services under their own names, for clients that know no others: an HTTP proxy on loopback, which answers CONNECT,
//! ends TLS for these names with a certificate of its own, and hands what comes to the emulator byte by byte.
//!
//! Clients find it by `HTTPS_PROXY`, and trust its authority by the variables of their libraries. Other hosts are refused
//! and noted: no test leaves the machine.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::emulator::Emulator;
use crate::{Result, fail};

/// Names of the Fabric API; Power BI's host has it too (fabric-api.md §11).
const FABRIC: [&str; 2] = ["api.fabric.microsoft.com", "api.powerbi.com"];
/// Names of Entra's public authority.
const ENTRA: [&str; 3] = ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com"];
/// What a request for a tunnel may be long, in bytes.
const HEAD: usize = 8192;
const PATIENCE: Duration = Duration::from_secs(30);

/// A proxy that ends when this is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: String,
    /// The authorities of proxy and emulator, in PEM.
    bundle: PathBuf,
    refused: Arc<Mutex<BTreeSet<String>>>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// One for this emulator; its certificates are written to `folder`.
    ///
    /// # Errors
    /// No port, no certificate, or the emulator's cannot be read.
    pub async fn start(emulator: &Emulator, folder: &Path) -> Result<Self> {
        let ready = &emulator.ready;
        let emulators_ca = std::fs::read(&ready.ca_certificate_file)?;
        let (ca_pem, server) = own_names()?;
        let bundle = folder.join("authorities.pem");
        std::fs::write(&bundle, [ca_pem.as_bytes(), b"\n", &emulators_ca].concat())?;
        let refused = Arc::new(Mutex::new(BTreeSet::new()));
        let way = Arc::new(Way {
            acceptor: TlsAcceptor::from(server),
            connector: TlsConnector::from(trusting(&emulators_ca)?),
            fabric: address(&ready.fabric.endpoint)?,
            entra: address(&ready.entra.authority_host)?,
            refused: refused.clone(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let way = way.clone();
                // What goes wrong within a tunnel, its client sees.
                tokio::spawn(async move { way.lead(client).await });
            }
        });
        Ok(Self { address, bundle, refused, accepting })
    }

    /// What leads clients here: by `HTTPS_PROXY`, and the variables by which Python's `requests`, OpenSSL and Go find
    /// authorities to trust.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let bundle = self.bundle.display().to_string();
        let mut variables = vec![("REQUESTS_CA_BUNDLE", bundle.clone()), ("SSL_CERT_FILE", bundle)];
        variables.extend(["HTTPS_PROXY", "https_proxy"].map(|name| (name, self.address.clone())));
        // The machine may have others, which must not be asked.
        variables.extend(["NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"].map(|name| (name, String::new())));
        variables
    }

    /// Hosts that were asked for and are not here.
    pub fn refused(&self) -> BTreeSet<String> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Where tunnels lead.
struct Way {
    acceptor: TlsAcceptor,
    connector: TlsConnector,
    fabric: String,
    entra: String,
    refused: Arc<Mutex<BTreeSet<String>>>,
}

impl Way {
    async fn lead(&self, mut client: TcpStream) -> Result<()> {
        let target = tokio::time::timeout(PATIENCE, asked(&mut client)).await??;
        let (host, port) = target.rsplit_once(':').ok_or("a tunnel leads to a host and a port")?;
        let to = if port == "443" && FABRIC.contains(&host) {
            &self.fabric
        } else if port == "443" && ENTRA.contains(&host) {
            &self.entra
        } else if host == "localhost" || host == "127.0.0.1" {
            // Where an answer of the emulator's leads: it ends its TLS itself.
            let mut server = TcpStream::connect(&target).await?;
            client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
            copy_bidirectional(&mut client, &mut server).await?;
            return Ok(());
        } else {
            self.refused.lock().unwrap_or_else(PoisonError::into_inner).insert(host.to_owned());
            client.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await?;
            return Ok(());
        };
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
        let mut client = self.acceptor.accept(client).await?;
        let server = TcpStream::connect(to).await?;
        let mut server = self.connector.connect(ServerName::try_from("localhost")?, server).await?;
        copy_bidirectional(&mut client, &mut server).await?;
        Ok(())
    }
}

/// The `HOST:PORT` that a CONNECT names, once its head has been read.
async fn asked(client: &mut TcpStream) -> Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == HEAD {
            fail!("a head without an end");
        }
        head.push(client.read_u8().await?);
    }
    let head = String::from_utf8(head)?;
    let mut words = head.split_ascii_whitespace();
    match (words.next(), words.next()) {
        (Some("CONNECT"), Some(target)) => Ok(target.to_ascii_lowercase()),
        _ => fail!("this proxy only tunnels: {}", head.lines().next().unwrap_or_default()),
    }
}

/// The `HOST:PORT` of one of the emulator's addresses.
fn address(url: &str) -> Result<String> {
    Ok(url.strip_prefix("https://").ok_or_else(|| format!("{url} is not served over TLS"))?.to_owned())
}

/// An authority in PEM, and a server that has a certificate of it for every name.
fn own_names() -> Result<(String, Arc<ServerConfig>)> {
    let mut ca = CertificateParams::new(Vec::new())?;
    ca.distinguished_name.push(DnType::CommonName, "fabricmirror tests");
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate()?)?;
    let names: Vec<String> = FABRIC.into_iter().chain(ENTRA).map(str::to_owned).collect();
    let mut leaf = CertificateParams::new(names)?;
    leaf.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let leaf = leaf.signed_by(&key, &ca)?;
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key.into())?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((ca.pem(), Arc::new(config)))
}

fn trusting(pem: &[u8]) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem)?)?;
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
