//! TLS within TDS 7.x: the records of the handshake travel as payload of pre-login packets, all later ones bare.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::packet::{self, DEFAULT_SIZE, HEADER, Header, LOGIN_LIMIT, kind};

/// Wraps and unwraps while the handshake runs; hands bytes through once [`Handshake::over`] was called.
///
/// Only TLS 1.2 can be wrapped: with 1.3 a client believes the handshake over one flight before the server does, and
/// sends bare records that would be taken for packets (seen with five of seven drivers).
pub struct Wrapped {
    tcp: TcpStream,
    handshaking: Arc<AtomicBool>,
    header: Vec<u8>,
    /// Payload of the current packet that is still to come.
    expected: usize,
    received: Vec<u8>,
    /// Records that wait for a flush: one flight becomes one message.
    flight: Vec<u8>,
    framed: Vec<u8>,
    written: usize,
    next_id: u8,
}

/// Ends the wrapping.
#[derive(Debug, Clone)]
pub struct Handshake(Arc<AtomicBool>);

impl Handshake {
    pub fn over(&self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Wrapped {
    pub fn new(tcp: TcpStream) -> (Self, Handshake) {
        let handshaking = Arc::new(AtomicBool::new(true));
        let wrapped = Self {
            tcp,
            handshaking: handshaking.clone(),
            header: Vec::new(),
            expected: 0,
            received: Vec::new(),
            flight: Vec::new(),
            framed: Vec::new(),
            written: 0,
            next_id: 1,
        };
        (wrapped, Handshake(handshaking))
    }

    fn handshaking(&self) -> bool {
        self.handshaking.load(Ordering::Acquire)
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.flight.is_empty() {
            let flight = std::mem::take(&mut self.flight);
            // The server's handshake packets are of the pre-login kind too; tiberius and pytds insist.
            packet::frame(&mut self.framed, kind::PRELOGIN, DEFAULT_SIZE, 0, &mut self.next_id, &flight, true);
        }
        while let Some(unsent) = self.framed.get(self.written..).filter(|unsent| !unsent.is_empty()) {
            let count = ready!(Pin::new(&mut self.tcp).poll_write(cx, unsent))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += count;
        }
        self.framed.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    /// Reads at most `want` bytes; empty at the end of the stream.
    fn poll_some(&mut self, cx: &mut Context<'_>, want: usize) -> Poll<io::Result<Vec<u8>>> {
        let mut bytes = vec![0; want.min(DEFAULT_SIZE)];
        let mut buffer = ReadBuf::new(&mut bytes);
        ready!(Pin::new(&mut self.tcp).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().to_vec()))
    }
}

impl AsyncRead for Wrapped {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // rustls writes without flushing before it reads.
        ready!(this.poll_send(cx))?;
        loop {
            if !this.received.is_empty() {
                let count = out.remaining().min(this.received.len());
                for byte in this.received.drain(..count) {
                    out.put_slice(&[byte]);
                }
                return Poll::Ready(Ok(()));
            }
            if !this.handshaking() {
                return Pin::new(&mut this.tcp).poll_read(cx, out);
            }
            if this.expected > 0 {
                let some = ready!(this.poll_some(cx, this.expected))?;
                if some.is_empty() {
                    return Poll::Ready(Ok(()));
                }
                this.expected -= some.len();
                this.received = some;
                continue;
            }
            let some = ready!(this.poll_some(cx, HEADER - this.header.len()))?;
            if some.is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.header.extend(some);
            if let Ok(header) = <[u8; HEADER]>::try_from(this.header.as_slice()) {
                this.header.clear();
                let header = Header::decode(header)?;
                if header.kind != kind::PRELOGIN || header.length > LOGIN_LIMIT {
                    return Poll::Ready(Err(packet::invalid("a packet of another kind during the TLS handshake")));
                }
                this.expected = header.length;
            }
        }
    }
}

impl AsyncWrite for Wrapped {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.handshaking() {
            this.flight.extend(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        ready!(this.poll_send(cx))?;
        Pin::new(&mut this.tcp).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_send(cx))?;
        Pin::new(&mut this.tcp).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_send(cx))?;
        Pin::new(&mut this.tcp).poll_shutdown(cx)
    }
}
