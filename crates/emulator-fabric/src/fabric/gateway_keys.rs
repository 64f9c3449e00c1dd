//! The keys of on-premises gateways' members, and what clients encrypt with them. Facts: gateway.md (read in Microsoft's
//! samples, and run against them; no live gateway was asked).
//!
//! Keys have 2048 bits and are made at start, so the scheme is the hybrid one ("B"): RSA-OAEP (SHA-256) around the keys
//! of AES-256-CBC and HMAC-SHA-256, then tag, IV and ciphertext. Older gateways' 1024 bits are not emulated.

use std::collections::BTreeMap;

use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rsa::{KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::tenant::{GatewayKind, Tenant};

const KEY_BYTES: usize = 256;
/// Standard base64 of a wrapped key; what follows is base64 of its own.
const WRAPPED_TEXT: usize = 4 * KEY_BYTES.div_ceil(3);
const CIPHER_KEY: usize = 32;
const MAC_KEY: usize = 64;
const TAG: usize = 32;
const IV: usize = 16;

/// Keys by member. No `Debug`: they are private.
#[derive(Default)]
pub struct GatewayKeys(BTreeMap<Uuid, Key>);

struct Key {
    private: OaepPrivateDecryptingKey,
    pkcs8: String,
    public: PublicKey,
}

/// Standard base64 of unsigned big-endian numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PublicKey {
    exponent: String,
    modulus: String,
}

/// Why credentials cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("the text is not two base64 texts of the expected lengths")]
    Encoding,
    #[error("the keys were not encrypted for this member")]
    Keys,
    #[error("the authentication code is wrong")]
    Authentication,
    #[error("the content cannot be decrypted")]
    Content,
    #[error("the content is no credentialData")]
    Credentials,
}

#[derive(Debug, thiserror::Error)]
#[error("a gateway's key cannot be made")]
pub struct KeyGeneration;

impl GatewayKeys {
    /// A key for each member of the tenant's on-premises gateways.
    ///
    /// # Errors
    /// The machine cannot make one.
    pub fn generate(tenant: &Tenant) -> Result<Self, KeyGeneration> {
        let on_premises = tenant.gateways.iter().filter(|gateway| gateway.kind == GatewayKind::OnPremises);
        let members = on_premises
            .flat_map(|gateway| std::iter::once(gateway.id).chain(gateway.members.iter().map(|member| member.id)));
        let mut keys = BTreeMap::new();
        for member in members {
            if let std::collections::btree_map::Entry::Vacant(entry) = keys.entry(member) {
                let private = PrivateDecryptingKey::generate(KeySize::Rsa2048).map_err(|_| KeyGeneration)?;
                entry.insert(Key::new(private)?);
            }
        }
        Ok(Self(keys))
    }

    /// The keys of another process.
    ///
    /// # Errors
    /// One of them is none.
    pub fn resume(kept: &BTreeMap<Uuid, String>) -> Result<Self, KeyGeneration> {
        let read = |(member, text): (&Uuid, &String)| {
            let der = STANDARD.decode(text).map_err(|_| KeyGeneration)?;
            Ok((*member, Key::new(PrivateDecryptingKey::from_pkcs8(&der).map_err(|_| KeyGeneration)?)?))
        };
        kept.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// For [`Self::resume`]: PKCS #8, DER, base64.
    pub fn private_keys(&self) -> BTreeMap<Uuid, String> {
        self.0.iter().map(|(member, key)| (*member, key.pkcs8.clone())).collect()
    }

    pub fn public(&self, member: Uuid) -> Option<PublicKey> {
        self.0.get(&member).map(|key| key.public.clone())
    }

    /// Names and values of what was encrypted for a member.
    ///
    /// # Errors
    /// See [`Unreadable`]; [`Unreadable::Keys`] also for a member that has no key.
    pub fn decrypt(&self, member: Uuid, text: &str) -> Result<Vec<(String, String)>, Unreadable> {
        let plain = self.0.get(&member).ok_or(Unreadable::Keys)?.decrypt(text)?;
        let content: Content = serde_json::from_slice(&plain).map_err(|_| Unreadable::Credentials)?;
        Ok(content.credential_data.into_iter().map(|datum| (datum.name, datum.value)).collect())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Content {
    credential_data: Vec<Datum>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Datum {
    name: String,
    value: String,
}

impl Key {
    fn new(private: PrivateDecryptingKey) -> Result<Self, KeyGeneration> {
        let der: PublicKeyX509Der<'_> = private.public_key().as_der().map_err(|_| KeyGeneration)?;
        let public = numbers(der.as_ref()).ok_or(KeyGeneration)?;
        let pkcs8: Pkcs8V1Der<'_> = private.as_der().map_err(|_| KeyGeneration)?;
        let pkcs8 = STANDARD.encode(pkcs8.as_ref());
        let private = OaepPrivateDecryptingKey::new(private).map_err(|_| KeyGeneration)?;
        Ok(Self { private, pkcs8, public })
    }

    fn decrypt(&self, text: &str) -> Result<Vec<u8>, Unreadable> {
        let (wrapped, body) = text.split_at_checked(WRAPPED_TEXT).ok_or(Unreadable::Encoding)?;
        let wrapped = STANDARD.decode(wrapped).map_err(|_| Unreadable::Encoding)?;
        let body = STANDARD.decode(body).map_err(|_| Unreadable::Encoding)?;
        let mut output = vec![0; self.private.min_output_size()];
        let keys =
            self.private.decrypt(&OAEP_SHA256_MGF1SHA256, &wrapped, &mut output, None).map_err(|_| Unreadable::Keys)?;
        // Which ciphers: AES-256-CBC with HMAC-SHA-256; codes for the lengths of their keys.
        let (Some([0, 1]), CIPHER_AND_MAC) = (keys.first_chunk(), keys.len()) else { return Err(Unreadable::Keys) };
        let (cipher_key, mac_key) = keys[2..].split_at(CIPHER_KEY);
        if body.len() <= 2 + TAG + IV || body[..2] != [0, 0] {
            return Err(Unreadable::Encoding);
        }
        let (tag, rest) = body[2..].split_at(TAG);
        // The tag is of all but itself, and is looked at first.
        let mac_key = hmac::Key::new(hmac::HMAC_SHA256, mac_key);
        hmac::verify(&mac_key, &[&body[..2], rest].concat(), tag).map_err(|_| Unreadable::Authentication)?;
        let (iv, content) = rest.split_first_chunk::<IV>().ok_or(Unreadable::Encoding)?;
        let key = UnboundCipherKey::new(&AES_256, cipher_key)
            .and_then(PaddedBlockDecryptingKey::cbc_pkcs7)
            .map_err(|_| Unreadable::Content)?;
        let mut content = content.to_vec();
        let plain = key.decrypt(&mut content, DecryptionContext::Iv128(iv.into())).map_err(|_| Unreadable::Content)?;
        Ok(plain.to_vec())
    }
}

const CIPHER_AND_MAC: usize = 2 + CIPHER_KEY + MAC_KEY;

/// Modulus and exponent out of a SubjectPublicKeyInfo.
fn numbers(der: &[u8]) -> Option<PublicKey> {
    let (info, _) = element(der)?;
    let (_, after_algorithm) = element(info)?;
    let (bits, _) = element(after_algorithm)?;
    let (key, _) = element(bits.get(1..)?)?;
    let (modulus, rest) = element(key)?;
    let (exponent, _) = element(rest)?;
    // Numbers are signed in DER and unsigned here.
    let text = |number: &[u8]| STANDARD.encode(number.strip_prefix(&[0]).unwrap_or(number));
    Some(PublicKey { exponent: text(exponent), modulus: text(modulus) })
}

/// Content of the first DER element, and what follows it.
fn element(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = match *der.get(1)? {
        short @ 0..=0x7f => (usize::from(short), &der[2..]),
        long => {
            let count = usize::from(long & 0x7f);
            let (bytes, rest) = der[2..].split_at_checked(count)?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// gateway.md §8: key and ciphertext of vector B, made by another implementation.
    const VECTOR: &str = include_str!("gateway_keys/vector.txt");

    fn vector() -> (Key, String) {
        let mut lines = VECTOR.lines().filter(|line| !line.starts_with('#'));
        let (wrapped, body, key) = (lines.next().unwrap(), lines.next().unwrap(), lines.next().unwrap());
        let key = PrivateDecryptingKey::from_pkcs8(&STANDARD.decode(key).unwrap()).unwrap();
        (Key::new(key).unwrap(), format!("{wrapped}{body}"))
    }

    #[test]
    fn the_known_answer_is_read() {
        let (key, text) = vector();
        assert_eq!(key.public.exponent, "AQAB");
        assert!(key.public.modulus.starts_with("ooDitP9dIzYZtdYBQzC4g9wI7HoX") && key.public.modulus.ends_with("=="));
        let member = Uuid::from_u128(1);
        let keys = GatewayKeys([(member, key)].into());
        let (name, password) = ("CONTOSO\\svc-ü".to_owned(), "p\"w/€\\1".to_owned());
        assert_eq!(
            keys.decrypt(member, &text),
            Ok(vec![("username".to_owned(), name), ("password".to_owned(), password)])
        );
        assert_eq!(keys.decrypt(Uuid::from_u128(2), &text), Err(Unreadable::Keys));
    }

    #[test]
    fn no_bit_can_be_changed() {
        let (key, text) = vector();
        let (wrapped, body) = text.split_at(WRAPPED_TEXT);
        let body = STANDARD.decode(body).unwrap();
        for place in 0..body.len() {
            let mut changed = body.clone();
            changed[place] ^= 1;
            let error = key.decrypt(&format!("{wrapped}{}", STANDARD.encode(changed))).unwrap_err();
            assert_eq!(error, if place < 2 { Unreadable::Encoding } else { Unreadable::Authentication }, "{place}");
        }
        let mut other = STANDARD.decode(wrapped).unwrap();
        other[100] ^= 1;
        assert_eq!(key.decrypt(&(STANDARD.encode(other) + &STANDARD.encode(&body))), Err(Unreadable::Keys));
        // Joined before it was encoded; cut short; nothing.
        let joined = [STANDARD.decode(wrapped).unwrap(), body].concat();
        for wrong in [STANDARD.encode(joined), wrapped.to_owned(), String::new(), "ü".repeat(300)] {
            assert!(key.decrypt(&wrong).is_err());
        }
    }
}
