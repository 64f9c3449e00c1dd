//! PRELOGIN: version and encryption are agreed on before TLS.

use super::reader::{Malformed, Reader};

const VERSION: u8 = 0x00;
const ENCRYPTION: u8 = 0x01;
const INSTANCE: u8 = 0x02;
const THREAD: u8 = 0x03;
const MARS: u8 = 0x04;
const FEDERATED_REQUIRED: u8 = 0x06;
const END: u8 = 0xFF;

const ENCRYPT_ON: u8 = 0x01;
const ENCRYPT_REQUIRED: u8 = 0x03;

/// 12.0.2000, as every Azure SQL says.
const SERVER_VERSION: [u8; 6] = [0x0C, 0x00, 0x07, 0xD0, 0x00, 0x00];

/// What a client said.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Prelogin {
    pub encryption: u8,
    /// The client can log in with a token; some always say so.
    pub federated: bool,
}

impl Prelogin {
    /// Offsets count from the start of the payload; the first option must be the version.
    pub fn decode(payload: &[u8]) -> Result<Self, Malformed> {
        let mut options = Reader::new(payload);
        let mut prelogin = Self::default();
        if options.peek() != Some(VERSION) {
            return Err(Malformed("a pre-login begins with the version"));
        }
        loop {
            let option = options.u8()?;
            if option == END {
                return Ok(prelogin);
            }
            let (offset, length) = (usize::from(options.u16_be()?), usize::from(options.u16_be()?));
            let data = payload
                .get(offset..)
                .and_then(|data| data.get(..length))
                .ok_or(Malformed("a pre-login option lies outside of its message"))?;
            match option {
                ENCRYPTION => prelogin.encryption = *data.first().ok_or(Malformed("an empty encryption option"))?,
                FEDERATED_REQUIRED => prelogin.federated = data.first() == Some(&1),
                _ => {}
            }
        }
    }

    /// The answer: always TLS, never MARS. TRACEID is not echoed (tiberius takes any length of it for 20 bytes), and
    /// "not supported" is never said: tedious would then log in without TLS.
    pub fn answer(&self) -> Vec<u8> {
        let encryption = if self.encryption == ENCRYPT_ON { ENCRYPT_ON } else { ENCRYPT_REQUIRED };
        let mut options: Vec<(u8, Vec<u8>)> = vec![
            (VERSION, SERVER_VERSION.to_vec()),
            (ENCRYPTION, vec![encryption]),
            (INSTANCE, vec![0]),
            (THREAD, vec![]),
            (MARS, vec![0]),
        ];
        if self.federated {
            options.push((FEDERATED_REQUIRED, vec![1]));
        }
        let mut offset = options.len() as u16 * 5 + 1;
        let mut answer = Vec::new();
        for (option, data) in &options {
            answer.push(*option);
            answer.extend(offset.to_be_bytes());
            answer.extend((data.len() as u16).to_be_bytes());
            offset += data.len() as u16;
        }
        answer.push(END);
        answer.extend(options.into_iter().flat_map(|(_, data)| data));
        answer
    }
}
