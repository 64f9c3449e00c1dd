//! LOGIN7 and the tokens of a federated login.

use super::packet::DEFAULT_SIZE;
use super::reader::{Malformed, Reader, utf16};

/// TDS 7.4 and 8.0 as LOGIN7 says them.
pub const TDS_7_4: u32 = 0x7400_0004;
pub const TDS_8_0: u32 = 0x0800_0000;

pub mod feature {
    pub const FEDERATED: u8 = 0x02;
    pub const AZURE_SQL: u8 = 0x08;
    pub const UTF8: u8 = 0x0A;
    pub const END: u8 = 0xFF;
}

/// A login as the client wrote it. No `Debug`: it holds secrets.
pub struct Login7 {
    pub tds_version: u32,
    pub packet_size: u32,
    pub host: String,
    pub user: String,
    pub password: String,
    pub application: String,
    pub server: String,
    pub library: String,
    pub database: String,
    /// Windows or Kerberos credentials are offered.
    pub integrated: bool,
    pub changes_password: bool,
    pub features: Vec<(u8, Vec<u8>)>,
}

/// How a client brings its access token.
#[derive(PartialEq, Eq)]
pub enum Federated {
    /// It lies within LOGIN7.
    Token(String),
    /// The client first wants to know where to get one.
    Challenge,
}

impl Login7 {
    /// Offsets count from the first byte; every part must lie within the message.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut fixed = Reader::new(bytes);
        let length = fixed.u32()? as usize;
        let bytes = bytes.get(..length).ok_or(Malformed("a login longer than its message"))?;
        let mut fixed = Reader::new(bytes);
        fixed.u32()?;
        let tds_version = fixed.u32()?;
        let packet_size = fixed.u32()?;
        // program version, process, connection
        fixed.bytes(12)?;
        let [_, flags2, _, flags3] = fixed.u32()?.to_le_bytes();
        // time zone, locale
        fixed.bytes(8)?;
        let text = |reader: &mut Reader<'_>| -> Result<Vec<u8>, Malformed> {
            let (offset, units) = (usize::from(reader.u16()?), usize::from(reader.u16()?));
            slice(bytes, offset, units * 2).map(<[u8]>::to_vec)
        };
        let host = utf16(&text(&mut fixed)?);
        let user = utf16(&text(&mut fixed)?);
        let password: Vec<u8> = text(&mut fixed)?.into_iter().map(|byte| (byte ^ 0xA5).rotate_left(4)).collect();
        let application = utf16(&text(&mut fixed)?);
        let server = utf16(&text(&mut fixed)?);
        let (extension, extension_length) = (usize::from(fixed.u16()?), fixed.u16()?);
        let library = utf16(&text(&mut fixed)?);
        text(&mut fixed)?;
        let database = utf16(&text(&mut fixed)?);
        let features = if flags3 & 0x10 != 0 && extension_length >= 4 {
            let list = Reader::new(slice(bytes, extension, 4)?).u32()? as usize;
            features(bytes.get(list..).ok_or(Malformed("the feature list lies outside of its message"))?)?
        } else {
            Vec::new()
        };
        Ok(Self {
            tds_version,
            packet_size,
            host,
            user,
            password: utf16(&password),
            application,
            server,
            library,
            database,
            integrated: flags2 & 0x80 != 0,
            changes_password: flags3 & 0x01 != 0,
            features,
        })
    }

    /// Size of the session's packets; 0 asks for the server's own choice.
    pub fn session_packet_size(&self) -> usize {
        if self.packet_size == 0 { DEFAULT_SIZE } else { (self.packet_size as usize).clamp(512, 32767) }
    }

    pub fn asked_for(&self, feature: u8) -> bool {
        self.features.iter().any(|(id, _)| *id == feature)
    }

    /// The federated part of the login, if it has one. Library 1 carries a ready token, library 2 asks where to get
    /// it, others are not known.
    pub fn federated(&self) -> Result<Option<Federated>, Malformed> {
        let Some((_, data)) = self.features.iter().find(|(id, _)| *id == feature::FEDERATED) else { return Ok(None) };
        let mut data = Reader::new(data);
        match data.u8()? >> 1 {
            1 => {
                let length = data.u32()? as usize;
                Ok(Some(Federated::Token(utf16(data.bytes(length)?))))
            }
            2 => Ok(Some(Federated::Challenge)),
            _ => Err(Malformed("a federated login of an unknown library")),
        }
    }
}

/// The token a client fetched after a challenge: total length, token length, token, perhaps a nonce.
pub fn fetched_token(payload: &[u8]) -> Result<String, Malformed> {
    let mut payload = Reader::new(payload);
    payload.u32()?;
    let length = payload.u32()? as usize;
    Ok(utf16(payload.bytes(length)?))
}

fn slice(bytes: &[u8], offset: usize, length: usize) -> Result<&[u8], Malformed> {
    if length == 0 {
        return Ok(&[]);
    }
    bytes
        .get(offset..)
        .and_then(|bytes| bytes.get(..length))
        .ok_or(Malformed("a part of the login lies outside of its message"))
}

fn features(list: &[u8]) -> Result<Vec<(u8, Vec<u8>)>, Malformed> {
    let mut list = Reader::new(list);
    let mut features = Vec::new();
    loop {
        let id = list.u8()?;
        if id == feature::END {
            return Ok(features);
        }
        let length = list.u32()? as usize;
        features.push((id, list.bytes(length)?.to_vec()));
    }
}
