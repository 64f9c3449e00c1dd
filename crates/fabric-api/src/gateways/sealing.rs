//! Credentials for an on-premises gateway: encrypted under the key of each member, so that only its machine can read
//! them. Facts: gateway.md (read in Microsoft's samples, and run against them; that a live gateway accepts these bytes
//! is UNCONFIRMED).
//!
//! Keys of 2048 bits and more take a hybrid: RSA-OAEP with SHA-256 around the keys of AES-256-CBC and HMAC-SHA-256. Two
//! texts in base64 follow each other: the wrapped keys, then algorithm, tag, IV and ciphertext. Gateways set up before
//! December 2019 may have a key of 1024 bits; for those, two of Microsoft's samples contradict each other, and a password
//! is not given to a key of that size: they are refused.

use aws_lc_rs::cipher::{AES_256, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey, PublicKeyComponents};
use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::PublicKey;

/// Cipher: AES-256-CBC with PKCS #7. Authentication: HMAC-SHA-256.
const ALGORITHM: [u8; 2] = [0, 0];
/// Codes for the lengths of the two keys.
const KEY_LENGTHS: [u8; 2] = [0, 1];
const CIPHER_KEY: usize = 32;
const MAC_KEY: usize = 64;
const IV: usize = 16;
const SMALLEST_MODULUS: usize = 2048 / 8;

/// Why nothing can be encrypted for a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSealing {
    #[error("its public key cannot be read")]
    Key,
    #[error(
        "its public key has {0} bits, and less than 2048 are not trusted with a password: such keys are from 2019 and \
         before. Install the current gateway on the machine and register it anew, which makes a new key"
    )]
    Short(usize),
    #[error("this machine cannot encrypt for it")]
    Machine,
}

impl From<Unspecified> for NoSealing {
    fn from(_: Unspecified) -> Self {
        Self::Machine
    }
}

/// What is drawn anew for each text.
struct Secrets {
    cipher_key: [u8; CIPHER_KEY],
    mac_key: [u8; MAC_KEY],
    iv: [u8; IV],
}

impl Secrets {
    fn draw() -> Result<Self, NoSealing> {
        let mut secrets = Self { cipher_key: [0; CIPHER_KEY], mac_key: [0; MAC_KEY], iv: [0; IV] };
        rand::fill(&mut secrets.cipher_key)?;
        rand::fill(&mut secrets.mac_key)?;
        rand::fill(&mut secrets.iv)?;
        Ok(secrets)
    }
}

impl PublicKey {
    /// Names and values, in a form that this key's owner alone can read. Two calls never give the same text.
    ///
    /// # Errors
    /// See [`NoSealing`].
    pub fn seal(&self, fields: &[(&str, &str)]) -> Result<String, NoSealing> {
        self.seal_with(fields, &Secrets::draw()?)
    }

    fn seal_with(&self, fields: &[(&str, &str)], secrets: &Secrets) -> Result<String, NoSealing> {
        let fields: Vec<_> = fields.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        let plain = json!({ "credentialData": fields }).to_string();
        Ok(self.wrap(secrets)? + &STANDARD.encode(body(plain.as_bytes(), secrets)?))
    }

    /// The keys, encrypted.
    fn wrap(&self, secrets: &Secrets) -> Result<String, NoSealing> {
        let key = OaepPublicEncryptingKey::new(self.key()?)?;
        let keys = [&KEY_LENGTHS[..], &secrets.cipher_key, &secrets.mac_key].concat();
        let mut wrapped = vec![0; key.ciphertext_size()];
        let wrapped = key.encrypt(&OAEP_SHA256_MGF1SHA256, &keys, &mut wrapped, None)?;
        Ok(STANDARD.encode(wrapped))
    }

    fn key(&self) -> Result<PublicEncryptingKey, NoSealing> {
        let number = |text: &str| -> Result<Vec<u8>, NoSealing> {
            let bytes = STANDARD.decode(text).map_err(|_| NoSealing::Key)?;
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            Ok(bytes[zeros..].to_vec())
        };
        let (n, e) = (number(&self.modulus)?, number(&self.exponent)?);
        if n.is_empty() || e.is_empty() {
            return Err(NoSealing::Key);
        }
        if n.len() < SMALLEST_MODULUS {
            return Err(NoSealing::Short(n.len() * 8));
        }
        PublicKeyComponents { n, e }.try_into().map_err(|_| NoSealing::Key)
    }
}

/// Algorithm, tag, IV, ciphertext. The tag is of all but itself.
fn body(plain: &[u8], secrets: &Secrets) -> Result<Vec<u8>, NoSealing> {
    let mut ciphertext = plain.to_vec();
    let key = UnboundCipherKey::new(&AES_256, &secrets.cipher_key)?;
    // The IV is new for each text; the type wants to see that somebody thought of it.
    let iv = EncryptionContext::Iv128(FixedLength::from(secrets.iv));
    PaddedBlockEncryptingKey::cbc_pkcs7(key)?.less_safe_encrypt(&mut ciphertext, iv)?;
    let mac_key = hmac::Key::new(hmac::HMAC_SHA256, &secrets.mac_key);
    let tag = hmac::sign(&mac_key, &[&ALGORITHM, &secrets.iv[..], &ciphertext].concat());
    Ok([&ALGORITHM, tag.as_ref(), &secrets.iv, &ciphertext].concat())
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
    use aws_lc_rs::rsa::{KeySize, OaepPrivateDecryptingKey, PrivateDecryptingKey};
    use x509_parser::prelude::FromDer;
    use x509_parser::public_key::PublicKey as X509PublicKey;
    use x509_parser::x509::SubjectPublicKeyInfo;

    use super::*;

    /// gateway.md §8, vector B: what another implementation made of these secrets and this text.
    const BODY: &str = "AAAo8YhZXFhvMSvq1cux14CAaybRD60PIOuqU/8d4tNNeqChoqOkpaanqKmqq6ytrq+9ojKMXpcOQUoUyrPznbtUx+mcleJvsuw0xNuKtEL8\
                        42/Ts4kb73c3GHthT90o3F0vkJu57jRlj9oWX6f34XcNKTh3knUTR5yzVl0gH1PX4oTT9AEsDAy4nkwwOs/iGagnstyh5EiVgANruW8qHdQC";
    const FIELDS: [(&str, &str); 2] = [("username", "CONTOSO\\svc-ü"), ("password", "p\"w/€\\1")];
    const MODULUS: &str = "ooDitP9dIzYZtdYBQzC4g9wI7HoXBk4oZ8u3rsyBfIiELYFZaiCCuBZ25ss0Teel17sjEjn9CM74PK4juZmKIUXMKwAACXULiavG0GUgzb2Imqj/\
                           +7hoMfCZXXCFBjXWJ2V4BxF9MvdpgWoFAHj+Ea99uVuSeHMgIBcPsoK/kgYri5OAIoaSFp6rzXheazW0R1hfs66QwwMvm0IXkREBdzb0vxTpde3A\
                           T9QpW+8FtDvTg45o1D/xz2xPAM7Cbyg+IMoJEDYahm+STQM02uxJikcTGeHYGYQRHNCt5L099u0iH5NVVoiHphWGUwjxc+b5CaUeKCVrZTz5rX5X\
                           4GAdIw==";

    fn secrets() -> Secrets {
        let from = |first: u8| move |place: usize| first + u8::try_from(place).unwrap();
        Secrets {
            cipher_key: std::array::from_fn(from(0)),
            mac_key: std::array::from_fn(from(0x20)),
            iv: std::array::from_fn(from(0xa0)),
        }
    }

    #[test]
    fn the_known_answer_is_given_byte_for_byte() {
        let key = PublicKey { exponent: "AQAB".into(), modulus: MODULUS.into() };
        let sealed = key.seal_with(&FIELDS, &secrets()).unwrap();
        // What wraps the keys has a random part of its own: 256 bytes.
        assert_eq!(sealed.split_at(344).1, BODY);
    }

    #[test]
    fn the_owner_of_the_key_unwraps_what_is_needed() {
        for size in [KeySize::Rsa2048, KeySize::Rsa3072] {
            let private = PrivateDecryptingKey::generate(size).unwrap();
            let der: PublicKeyX509Der<'_> = private.public_key().as_der().unwrap();
            let (_, info) = SubjectPublicKeyInfo::from_der(der.as_ref()).unwrap();
            let Ok(X509PublicKey::RSA(numbers)) = info.parsed() else { panic!("an RSA key") };
            // They are signed there: the modulus has a leading zero, which is no part of it.
            assert_eq!(numbers.modulus[0], 0);
            let key =
                PublicKey { exponent: STANDARD.encode(numbers.exponent), modulus: STANDARD.encode(numbers.modulus) };
            let private = OaepPrivateDecryptingKey::new(private).unwrap();
            let sealed = key.seal_with(&FIELDS, &secrets()).unwrap();
            let (wrapped, body) = sealed.split_at(4 * private.key_size_bytes().div_ceil(3));
            let mut output = vec![0; private.min_output_size()];
            let wrapped = STANDARD.decode(wrapped).unwrap();
            let keys = private.decrypt(&OAEP_SHA256_MGF1SHA256, &wrapped, &mut output, None).unwrap();
            let expected: Vec<u8> = [0, 1].into_iter().chain(0..0x60).collect();
            assert_eq!(keys, expected);
            assert_eq!(body, BODY);
            assert_ne!(key.seal(&FIELDS).unwrap(), key.seal(&FIELDS).unwrap());
        }
    }

    #[test]
    fn a_key_that_is_none_or_too_short_is_refused() {
        let seal = |modulus: &str, exponent: &str| {
            PublicKey { exponent: exponent.into(), modulus: modulus.into() }.seal(&FIELDS).unwrap_err()
        };
        let short = STANDARD.encode([0xd4; 128]);
        assert_eq!(seal(&short, "AQAB"), NoSealing::Short(1024));
        for (modulus, exponent) in [("", "AQAB"), ("!", "AQAB"), (MODULUS, ""), (MODULUS, "AAAA")] {
            assert_eq!(seal(modulus, exponent), NoSealing::Key, "{modulus} {exponent}");
        }
    }
}
