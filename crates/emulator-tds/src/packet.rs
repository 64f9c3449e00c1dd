//! Packets: an 8-byte header and a payload. A message is the payloads up to the packet marked as its end.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

pub const HEADER: usize = 8;
/// Packet size before a login has agreed on another.
pub const DEFAULT_SIZE: usize = 4096;
/// Largest message before a login: an access token of some kilobytes fits in.
pub const LOGIN_LIMIT: usize = 64 * 1024;
/// Largest message of a session.
pub const SESSION_LIMIT: usize = 64 * 1024 * 1024;

pub mod kind {
    pub const BATCH: u8 = 0x01;
    pub const RPC: u8 = 0x03;
    pub const RESPONSE: u8 = 0x04;
    pub const ATTENTION: u8 = 0x06;
    pub const BULK_LOAD: u8 = 0x07;
    pub const FEDERATED_TOKEN: u8 = 0x08;
    pub const TRANSACTION: u8 = 0x0E;
    pub const LOGIN: u8 = 0x10;
    pub const PRELOGIN: u8 = 0x12;
}

pub mod status {
    pub const END: u8 = 0x01;
    pub const IGNORE: u8 = 0x02;
    pub const RESET: u8 = 0x08;
    pub const RESET_KEEP_TRANSACTION: u8 = 0x10;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub kind: u8,
    pub status: u8,
    /// Of the payload.
    pub length: usize,
}

impl Header {
    pub fn decode(bytes: [u8; HEADER]) -> io::Result<Self> {
        let [kind, status, high, low, ..] = bytes;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let length = length.checked_sub(HEADER).ok_or_else(|| invalid("a packet shorter than its header"))?;
        Ok(Self { kind, status, length })
    }
}

/// A whole message of a client.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    pub kind: u8,
    /// The status bits of the first packet, and `IGNORE` when the last one has it.
    pub status: u8,
    pub payload: Vec<u8>,
}

/// Reads a message; `None` when the client left between two of them.
pub async fn read_message(from: &mut (impl AsyncRead + Unpin), limit: usize) -> io::Result<Option<Message>> {
    let Some(first) = read_header(from).await? else { return Ok(None) };
    let mut message = Message { kind: first.kind, status: first.status, payload: Vec::new() };
    let mut header = first;
    loop {
        if message.payload.len() + header.length > limit {
            return Err(invalid("a message beyond the limit"));
        }
        let start = message.payload.len();
        let read = from.take(header.length as u64).read_to_end(&mut message.payload).await?;
        if read < header.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        debug_assert_eq!(message.payload.len(), start + read);
        // An attention is one packet, whatever its status says.
        if header.status & status::END != 0 || header.kind == kind::ATTENTION {
            message.status |= header.status & status::IGNORE;
            return Ok(Some(message));
        }
        header = read_header(from).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        if header.kind != message.kind {
            return Err(invalid("a packet of another kind within a message"));
        }
    }
}

async fn read_header(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Header>> {
    let mut bytes = [0; HEADER];
    let (first, others) = bytes.split_at_mut(1);
    // Most clients close without TLS's close_notify: an end between messages is an end, no error.
    match from.read(first).await {
        Ok(0) => return Ok(None),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    from.read_exact(others).await?;
    Header::decode(bytes).map(Some)
}

/// Cuts `payload` into packets of at most `size` bytes and appends them to `out`. `next_id` goes on counting; only the
/// last packet is marked as the end, and only if `end`.
pub fn frame(out: &mut Vec<u8>, kind: u8, size: usize, spid: u16, next_id: &mut u8, payload: &[u8], end: bool) {
    let chunk_size = size.saturating_sub(HEADER).max(1);
    let count = payload.len().div_ceil(chunk_size).max(1);
    for index in 0..count {
        let chunk = payload.chunks(chunk_size).nth(index).unwrap_or_default();
        let length = u16::try_from(chunk.len() + HEADER).unwrap_or(u16::MAX);
        let last = end && index + 1 == count;
        out.extend([kind, if last { status::END } else { 0 }]);
        out.extend(length.to_be_bytes());
        out.extend(spid.to_be_bytes());
        out.extend([*next_id, 0]);
        out.extend(chunk);
        *next_id = next_id.wrapping_add(1);
    }
}

/// Writes `payload` as one message.
pub async fn write_message(
    to: &mut (impl AsyncWrite + Unpin),
    kind: u8,
    size: usize,
    spid: u16,
    payload: &[u8],
) -> io::Result<()> {
    let mut framed = Vec::with_capacity(payload.len() + HEADER);
    frame(&mut framed, kind, size, spid, &mut 1, payload, true);
    to.write_all(&framed).await?;
    to.flush().await
}

pub fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
