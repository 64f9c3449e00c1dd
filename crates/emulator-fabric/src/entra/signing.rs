//! The key that access tokens are signed with: RSA of 2,048 bits, as Entra's, with a certificate of its own in the
//! published key set.
//!
//! Making one takes up to some hundred milliseconds. It is therefore made when it is first needed – by a token or by a
//! reader of the key set –, or in the background once everything serves ([`SigningKey::make_in_background`]), and no
//! start waits for it. A key in the source tree would be made at once, and then the tokens of any emulator, or of
//! anybody, would be good for every other.

use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_RSA_SHA256, RsaKeySize, date_time_ymd};
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::{Value, json};

/// A key that may still have to be made. No `Debug`: it is private.
#[derive(Default)]
pub struct SigningKey(OnceLock<Result<Made, KeyError>>);

/// Why nothing can be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the key that tokens are signed with cannot be made: {0}")]
pub struct KeyError(String);

/// No `Debug`: it is private.
pub struct Made {
    pub signs: EncodingKey,
    pub verifies: DecodingKey,
    /// SHA-1 of the certificate, base64url: Entra's `kid` and `x5t` are the same.
    pub thumbprint: String,
    pkcs8: Vec<u8>,
    modulus: String,
    exponent: String,
    /// DER, base64.
    certificate: String,
}

impl SigningKey {
    /// The key of another process.
    ///
    /// # Errors
    /// It is no RSA key.
    pub fn resume(pkcs8: &[u8]) -> Result<Self, KeyError> {
        let key = PrivatePkcs8KeyDer::from(pkcs8);
        let pair = KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_RSA_SHA256).map_err(KeyError::of)?;
        Ok(Self(OnceLock::from(Ok(Made::from_pair(&pair)?))))
    }

    /// The key, which is made now if it was not before. Blocks for so long.
    ///
    /// # Errors
    /// The machine cannot make one.
    pub fn get(&self) -> Result<&Made, KeyError> {
        self.0.get_or_init(Made::generate).as_ref().map_err(Clone::clone)
    }

    /// The key if it is there: without one nothing was ever signed.
    pub fn made(&self) -> Option<&Made> {
        self.0.get().and_then(|made| made.as_ref().ok())
    }

    /// PKCS #8, in DER, for [`Self::resume`]; nothing while no key is there.
    pub fn private_key(&self) -> Option<Vec<u8>> {
        self.made().map(|made| made.pkcs8.clone())
    }

    /// Waits until the key is there, on a thread that may block. Whoever uses it then is told of a failure.
    pub async fn ready(self: &Arc<Self>) {
        if self.0.get().is_none() {
            let key = self.clone();
            let _ = tokio::task::spawn_blocking(move || key.get().map(drop)).await;
        }
    }

    /// Begins to make the key, so that the first who needs it finds it. Without a thread for it, they make it.
    pub fn make_in_background(self: &Arc<Self>) {
        let key = self.clone();
        let _ = std::thread::Builder::new().name("signing key".to_owned()).spawn(move || key.get().map(drop));
    }

    /// The published keys, for tokens of `issuer`. OpenID Connect Discovery; the members are those of Entra's document.
    ///
    /// # Errors
    /// As of [`Self::get`].
    pub fn key_set(&self, issuer: Option<&str>) -> Result<Value, KeyError> {
        let made = self.get()?;
        let mut key = json!({
            "kty": "RSA", "use": "sig", "kid": made.thumbprint, "x5t": made.thumbprint,
            "n": made.modulus, "e": made.exponent, "x5c": [made.certificate],
        });
        if let Some(issuer) = issuer {
            key["issuer"] = issuer.into();
        }
        Ok(json!({ "keys": [key] }))
    }
}

impl Made {
    fn generate() -> Result<Self, KeyError> {
        Self::from_pair(&KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).map_err(KeyError::of)?)
    }

    fn from_pair(pair: &KeyPair) -> Result<Self, KeyError> {
        let signs = EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).map_err(KeyError::of)?;
        let public = Jwk::from_encoding_key(&signs, Algorithm::RS256).map_err(KeyError::of)?;
        let AlgorithmParameters::RSA(numbers) = public.algorithm else { return Err(KeyError::of("it is no RSA key")) };
        // Nothing of it is chance: another process makes the same certificate, and so the same `kid`, of the key.
        let mut certificate = CertificateParams::default();
        certificate.distinguished_name = DistinguishedName::new();
        certificate.distinguished_name.push(DnType::CommonName, "fabricmirror emulator, access tokens");
        certificate.not_before = date_time_ymd(2025, 1, 1);
        certificate.not_after = date_time_ymd(2050, 1, 1);
        let certificate = certificate.self_signed(pair).map_err(KeyError::of)?;
        Ok(Self {
            verifies: DecodingKey::from_rsa_components(&numbers.n, &numbers.e).map_err(KeyError::of)?,
            signs,
            thumbprint: URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, certificate.der())),
            pkcs8: pair.serialize_der(),
            modulus: numbers.n,
            exponent: numbers.e,
            certificate: STANDARD.encode(certificate.der()),
        })
    }
}

impl KeyError {
    fn of(reason: impl ToString) -> Self {
        Self(reason.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_process_publishes_the_same_key() {
        let key = SigningKey::default();
        assert_eq!((key.private_key(), key.made().is_some()), (None, false));
        let published = key.key_set(Some("https://localhost/t/v2.0")).unwrap();
        let resumed = SigningKey::resume(&key.private_key().unwrap()).unwrap();
        assert_eq!(resumed.key_set(Some("https://localhost/t/v2.0")).unwrap(), published);
        let own = &published["keys"][0];
        assert_eq!((&own["kty"], &own["e"], &own["x5t"]), (&json!("RSA"), &json!("AQAB"), &own["kid"]));
        let certificate = STANDARD.decode(own["x5c"][0].as_str().unwrap()).unwrap();
        let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &certificate));
        assert_eq!(own["x5t"], thumbprint);
        assert!(SigningKey::resume(b"no key").is_err());
    }
}
