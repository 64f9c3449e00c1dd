//! Listening on loopback – the same port on 127.0.0.1 and, where there is one, ::1 – and serving HTTP/1.1 and HTTP/2.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Body;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// Attempts to find a port that is free on both addresses.
const ATTEMPTS: usize = 20;

/// Which connection a request came on, counted from 1 per service, and the means to cut it.
#[derive(Debug, Clone)]
pub struct Connection {
    pub number: u64,
    pub cut: CancellationToken,
}

/// Listeners of one service, all on the same port.
#[derive(Debug)]
pub struct Loopback {
    pub port: u16,
    pub listeners: Vec<TcpListener>,
}

impl Loopback {
    /// Takes a free port of 127.0.0.1, and the same of ::1 if the machine has that address.
    ///
    /// # Errors
    /// 127.0.0.1 cannot be listened on.
    pub async fn bind() -> io::Result<Self> {
        for _ in 0..ATTEMPTS {
            if let Some(found) = Self::take(0).await? {
                return Ok(found);
            }
        }
        Err(io::Error::new(io::ErrorKind::AddrInUse, "no port is free on both 127.0.0.1 and ::1"))
    }

    /// The port it had in another process, or any if somebody else has that now.
    ///
    /// # Errors
    /// As of [`Self::bind`].
    pub async fn bind_again(port: Option<u16>) -> io::Result<Self> {
        match port {
            Some(port) if let Ok(Some(found)) = Self::take(port).await => Ok(found),
            _ => Self::bind().await,
        }
    }

    /// That port; 0 is any of 127.0.0.1. Nothing where somebody else has it on ::1: clients that try ::1 first would
    /// reach them.
    async fn take(port: u16) -> io::Result<Option<Self>> {
        let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let port = v4.local_addr()?.port();
        Ok(match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
            Ok(v6) => Some(Self { port, listeners: vec![v4, v6] }),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => None,
            Err(_) => Some(Self { port, listeners: vec![v4] }),
        })
    }

    /// Serves `router` until `stop` is cancelled; over TLS where a configuration is given.
    pub fn serve(self, router: Router, tls: Option<Arc<rustls::ServerConfig>>, stop: &CancellationToken) {
        let connections = Arc::new(AtomicU64::new(0));
        let acceptor = tls.map(TlsAcceptor::from);
        for listener in self.listeners {
            tokio::spawn(accept(listener, router.clone(), acceptor.clone(), connections.clone(), stop.clone()));
        }
    }
}

async fn accept(
    listener: TcpListener,
    router: Router,
    acceptor: Option<TlsAcceptor>,
    connections: Arc<AtomicU64>,
    stop: CancellationToken,
) {
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // Out of file descriptors, or the peer is gone already: the next one may succeed.
                Err(_) => {
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                    continue;
                }
            },
        };
        let connection =
            Connection { number: connections.fetch_add(1, Ordering::Relaxed) + 1, cut: stop.child_token() };
        tokio::spawn(serve_connection(stream, router.clone(), acceptor.clone(), connection));
    }
}

async fn serve_connection(stream: TcpStream, router: Router, acceptor: Option<TlsAcceptor>, connection: Connection) {
    let _ = stream.set_nodelay(true);
    let cut = connection.cut.clone();
    let service = hyper::service::service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(connection.clone());
        router.clone().oneshot(request.map(Body::new))
    });
    let server = auto::Builder::new(TokioExecutor::new());
    let serve = async {
        // An error here is the peer's: it went away or does not trust the certificate. There is nobody to tell.
        match acceptor {
            Some(acceptor) => {
                if let Ok(stream) = acceptor.accept(stream).await {
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                }
            }
            None => {
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            }
        }
    };
    // Dropping the future closes the socket without a TLS close_notify: what a cut connection looks like.
    tokio::select! {
        () = serve => {}
        () = cut.cancelled() => {}
    }
}
