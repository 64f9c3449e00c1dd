//! A CLI that is killed says no farewell. This process notices by itself and ends.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::transport::server::Connected;

/// Time for a handler that was told to stop to write down what it did.
pub(super) const GRACE: Duration = Duration::from_secs(10);
/// A CLI dials at once.
const FIRST_CONNECTION_LIMIT: Duration = Duration::from_secs(60);
/// A CLI keeps its connection; without one for so long there is none.
const WITHOUT_CONNECTION_LIMIT: Duration = Duration::from_secs(5);
const INTERVAL: Duration = Duration::from_millis(500);

/// Counts the connections of this process.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    count: Arc<Count>,
    parent: u32,
}

#[derive(Debug, Default)]
struct Count {
    open: AtomicUsize,
    any: AtomicBool,
}

impl Guard {
    /// Made before the CLI hears of this process: one that ends just then is missed as well.
    pub(super) fn new() -> Self {
        Self { count: Arc::default(), parent: std::os::unix::process::parent_id() }
    }

    pub(super) fn watch<S>(&self, stream: S) -> Guarded<S> {
        self.count.open.fetch_add(1, Ordering::SeqCst);
        self.count.any.store(true, Ordering::SeqCst);
        Guarded { stream, count: self.count.clone() }
    }

    /// Returns, and says why, once nobody can want this process any more.
    pub(super) async fn orphaned(&self) -> &'static str {
        let mut alone_since = Instant::now();
        loop {
            tokio::time::sleep(INTERVAL).await;
            if std::os::unix::process::parent_id() != self.parent {
                return "its process ended";
            }
            if self.count.open.load(Ordering::SeqCst) > 0 {
                alone_since = Instant::now();
            } else if !self.count.any.load(Ordering::SeqCst) {
                if alone_since.elapsed() > FIRST_CONNECTION_LIMIT {
                    return "it never connected";
                }
            } else if alone_since.elapsed() > WITHOUT_CONNECTION_LIMIT {
                return "it closed its connection";
            }
        }
    }
}

/// A connection that is counted while it lives.
#[derive(Debug)]
pub(super) struct Guarded<S> {
    stream: S,
    count: Arc<Count>,
}

impl<S> Drop for Guarded<S> {
    fn drop(&mut self) {
        self.count.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl<S: Connected> Connected for Guarded<S> {
    type ConnectInfo = S::ConnectInfo;
    fn connect_info(&self) -> Self::ConnectInfo {
        self.stream.connect_info()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
