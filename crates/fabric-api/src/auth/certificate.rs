//! An application's certificate, and the assertions that are signed with its key. Source: Learn, "Microsoft identity
//! platform application authentication certificate credentials".

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::KeyPair as _;
use azure_core::error::ErrorKind;
use azure_core::http::ClientMethodOptions;
use azure_identity::ClientAssertion;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use p12_keystore::Pkcs12Archive;
use pem::Pem;
use pkcs8::EncryptedPrivateKeyInfoRef;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use sha2::{Digest, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

/// A certificate that Entra knows for an application, with its private key.
#[derive(Clone)]
pub struct ClientCertificate {
    key: EncodingKey,
    /// SHA-256 of the certificate, base64url.
    thumbprint: String,
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate").field("thumbprint", &self.thumbprint).finish_non_exhaustive()
    }
}

/// What a file holds: keys in DER, and certificates.
#[derive(Default)]
struct Found {
    keys: Vec<Key>,
    certificates: Vec<Vec<u8>>,
}

enum Key {
    Pkcs1(Vec<u8>),
    Pkcs8(Vec<u8>),
}

impl Key {
    /// `None`: it is not RSA.
    fn pair(&self) -> Option<KeyPair> {
        match self {
            Self::Pkcs1(der) => KeyPair::from_der(der).ok(),
            Self::Pkcs8(der) => KeyPair::from_pkcs8(der).ok(),
        }
    }

    fn signs(&self) -> jsonwebtoken::errors::Result<EncodingKey> {
        let (label, der) = match self {
            Self::Pkcs1(der) => ("RSA PRIVATE KEY", der),
            Self::Pkcs8(der) => ("PRIVATE KEY", der),
        };
        EncodingKey::from_rsa_pem(pem::encode(&Pem::new(label, der.clone())).as_bytes())
    }
}

impl ClientCertificate {
    /// Out of PEM, of PKCS #12, or of PKCS #12 in base64. Of several certificates, such as a chain, it is the one that the
    /// key belongs to. `now` in seconds since 1970.
    ///
    /// # Errors
    /// What is wrong with it, without anything of the key.
    pub fn read(bytes: &[u8], password: Option<&SecretString>, now: i64) -> Result<Self, String> {
        let found = if bytes.windows(11).any(|window| window == b"-----BEGIN ") {
            in_pem(bytes, password)?
        } else {
            let text: Vec<u8> = bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
            match STANDARD.decode(&text) {
                Ok(decoded) if !decoded.is_empty() => in_pkcs12(&decoded, password)?,
                _ => in_pkcs12(bytes, password)?,
            }
        };
        if found.keys.is_empty() {
            return Err("it holds no private key".to_owned());
        }
        if found.certificates.is_empty() {
            return Err("it holds no certificate, which Entra knows the key by".to_owned());
        }
        let pairs: Vec<_> = found.keys.iter().filter_map(|key| Some((key, key.pair()?))).collect();
        if pairs.is_empty() {
            return Err("its private key is not RSA of 2,048 bits or more, and Entra takes no other".to_owned());
        }
        let mut unmatched = String::new();
        for der in &found.certificates {
            let (_, certificate) =
                X509Certificate::from_der(der).map_err(|error| format!("a certificate in it is malformed: {error}"))?;
            let public = certificate.public_key().subject_public_key.data.as_ref();
            let Some((key, _)) = pairs.iter().find(|(_, pair)| pair.public_key().as_ref() == public) else {
                unmatched = certificate.subject().to_string();
                continue;
            };
            let validity = certificate.validity();
            if now > validity.not_after.timestamp() {
                return Err(format!("the certificate of {} expired on {}", certificate.subject(), validity.not_after));
            }
            let key = key.signs().map_err(|error| format!("its private key cannot be used: {error}"))?;
            return Ok(Self { key, thumbprint: URL_SAFE_NO_PAD.encode(Sha256::digest(der)) });
        }
        Err(format!("its private key does not belong to the certificate in it, of {unmatched}"))
    }
}

fn in_pem(bytes: &[u8], password: Option<&SecretString>) -> Result<Found, String> {
    let sections = pem::parse_many(bytes).map_err(|error| format!("its PEM is malformed: {error}"))?;
    let mut found = Found::default();
    for section in sections {
        if section.headers().get("Proc-Type").is_some_and(|kind| kind.contains("ENCRYPTED")) {
            return Err(
                "its private key is encrypted in OpenSSL's old way; `openssl pkcs8 -topk8 -in KEY` makes one that \
                        can be read"
                    .to_owned(),
            );
        }
        let tag = section.tag().to_owned();
        let der = section.into_contents();
        match tag.as_str() {
            "CERTIFICATE" => found.certificates.push(der),
            "PRIVATE KEY" => found.keys.push(Key::Pkcs8(der)),
            "RSA PRIVATE KEY" => found.keys.push(Key::Pkcs1(der)),
            "ENCRYPTED PRIVATE KEY" => {
                let password = password.ok_or("its private key is encrypted, and there is no password")?;
                let encrypted = EncryptedPrivateKeyInfoRef::try_from(&der[..])
                    .map_err(|error| format!("its private key is malformed: {error}"))?;
                let opened = encrypted.decrypt(password.expose_secret());
                let opened = opened.map_err(|_| "the password does not open its private key")?;
                found.keys.push(Key::Pkcs8(opened.as_bytes().to_vec()));
            }
            tag if tag.ends_with("PRIVATE KEY") => {
                return Err(format!("it holds an `{tag}`, and Entra takes RSA keys alone"));
            }
            _ => {}
        }
    }
    Ok(found)
}

fn in_pkcs12(bytes: &[u8], password: Option<&SecretString>) -> Result<Found, String> {
    let given = password.map(SecretString::expose_secret).unwrap_or_default();
    let archive = Pkcs12Archive::from_pkcs12(bytes, given).map_err(|error| match error {
        p12_keystore::error::Error::MacError(_) if password.is_none() => {
            "it is PKCS #12 with a password, and there is none".to_owned()
        }
        p12_keystore::error::Error::MacError(_) => "the password does not open it".to_owned(),
        p12_keystore::error::Error::DerError(_) => "it is neither PEM nor PKCS #12".to_owned(),
        error => format!("its PKCS #12 cannot be read: {error}"),
    })?;
    Ok(Found {
        keys: archive.keys.iter().map(|bag| Key::Pkcs8(bag.key.as_der().to_vec())).collect(),
        certificates: archive.certs.iter().map(|bag| bag.cert.as_der().to_vec()).collect(),
    })
}

/// Signs assertions for an application at one token endpoint.
pub(super) struct Signed {
    pub certificate: Arc<ClientCertificate>,
    pub client_id: String,
    /// The token endpoint.
    pub audience: String,
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: String,
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// Seconds: what Learn advises at most.
const LIFETIME: i64 = 600;

#[async_trait::async_trait]
impl ClientAssertion for Signed {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let mut header = Header::new(Algorithm::PS256);
        header.x5t_s256 = Some(self.certificate.thumbprint.clone());
        let now = azure_core::time::OffsetDateTime::now_utc().unix_timestamp();
        let claims = Claims {
            aud: &self.audience,
            iss: &self.client_id,
            sub: &self.client_id,
            jti: uuid::Uuid::new_v4().to_string(),
            iat: now,
            nbf: now,
            exp: now + LIFETIME,
        };
        jsonwebtoken::encode(&header, &claims, &self.certificate.key).map_err(|error| {
            azure_core::Error::with_error(ErrorKind::Credential, error, "the assertion cannot be signed")
        })
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation};
    use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, LocalKeyId, PrivateKey, PrivateKeyChain};
    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};
    use serde_json::Value;

    use super::*;

    /// 2030.
    const NOW: i64 = 1_900_000_000;

    struct Made {
        key: KeyPair,
        certificate: rcgen::Certificate,
    }

    fn made(key: KeyPair) -> Made {
        let mut params = CertificateParams::new(vec!["terraform".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2031, 1, 1);
        let certificate = params.self_signed(&key).unwrap();
        Made { key, certificate }
    }

    fn rsa() -> Made {
        made(KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap())
    }

    fn secret(text: &str) -> SecretString {
        text.to_owned().into()
    }

    fn pkcs12(made: &Made, password: &str) -> Vec<u8> {
        let chain = PrivateKeyChain::new(
            LocalKeyId::from(&b"1"[..]),
            PrivateKey::from_der(&made.key.serialize_der()).unwrap(),
            [Certificate::from_der(made.certificate.der()).unwrap()],
        );
        let mut store = KeyStore::new();
        store.add_entry("terraform", KeyStoreEntry::PrivateKeyChain(chain));
        store.writer(password).write().unwrap()
    }

    #[tokio::test]
    async fn an_assertion_names_the_certificate_and_is_signed_with_its_key() {
        let own = rsa();
        let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(own.certificate.der()));
        let (pem, key) = (own.certificate.pem(), own.key.serialize_pem());
        let other = rsa().certificate.pem();
        let stored = pkcs12(&own, "Pfx-Horse-7");
        let password = secret("Pfx-Horse-7");
        for (bytes, password) in [
            (format!("{pem}{key}").into_bytes(), None),
            (format!("bag attributes\n{other}{key}\n{pem}").into_bytes(), None),
            (format!("{pem}{key}").replace('\n', "\r\n").into_bytes(), Some(&password)),
            (stored.clone(), Some(&password)),
            (format!(" {}\n", STANDARD.encode(&stored)).into_bytes(), Some(&password)),
        ] {
            let certificate = ClientCertificate::read(&bytes, password, NOW).unwrap();
            assert_eq!(certificate.thumbprint, thumbprint);
            assert!(!format!("{certificate:?}").contains("key"), "{certificate:?}");
            let signed = Signed {
                certificate: Arc::new(certificate),
                client_id: "app".into(),
                audience: "https://here/".into(),
            };
            let assertion = signed.secret(None).await.unwrap();
            let header = jsonwebtoken::decode_header(&assertion).unwrap();
            assert_eq!((header.alg, header.x5t_s256.as_deref()), (Algorithm::PS256, Some(&*thumbprint)));
            let mut validation = Validation::new(Algorithm::PS256);
            validation.set_audience(&["https://here/"]);
            let public = DecodingKey::from_rsa_pem(own.key.public_key_pem().as_bytes()).unwrap();
            let claims = jsonwebtoken::decode::<Value>(&assertion, &public, &validation).unwrap().claims;
            assert_eq!((&claims["iss"], &claims["sub"]), (&"app".into(), &"app".into()));
            assert_eq!(claims["exp"].as_i64().unwrap() - claims["nbf"].as_i64().unwrap(), 600);
        }
    }

    #[test]
    fn what_cannot_be_used_is_named_without_its_key() {
        let (own, other) = (rsa(), rsa());
        let curve = made(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap());
        let pem =
            |certificate: &Made, key: &Made| format!("{}{}", certificate.certificate.pem(), key.key.serialize_pem());
        let stored = pkcs12(&own, "Pfx-Horse-7");
        let (right, wrong) = (secret("Pfx-Horse-7"), secret("Wrong-Horse-8"));
        let later = 2_000_000_000;
        for (bytes, password, now, why) in [
            (pem(&own, &own).into_bytes(), None, later, "expired on"),
            (pem(&own, &other).into_bytes(), None, NOW, "does not belong to the certificate in it"),
            (pem(&curve, &curve).into_bytes(), None, NOW, "Entra takes no other"),
            (own.key.serialize_pem().into_bytes(), None, NOW, "holds no certificate"),
            (own.certificate.pem().into_bytes(), None, NOW, "holds no private key"),
            (pem(&own, &own).replacen("MII", "AAA", 1).into_bytes(), None, NOW, "is malformed"),
            (stored.clone(), None, NOW, "PKCS #12 with a password, and there is none"),
            (stored.clone(), Some(&wrong), NOW, "the password does not open it"),
            (stored[..100].to_vec(), Some(&right), NOW, "neither PEM nor PKCS #12"),
            (Vec::new(), None, NOW, "neither PEM nor PKCS #12"),
            (b"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n".to_vec(), None, NOW, "PEM is malformed"),
        ] {
            let said = ClientCertificate::read(&bytes, password, now).unwrap_err();
            assert!(said.contains(why), "{why}: {said}");
            assert!(!said.contains("Horse"), "{said}");
        }
    }
}
