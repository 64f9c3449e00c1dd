//! Access tokens: made by the token endpoint, checked by Fabric and by the instance.
//!
//! Signed ES256 with a P-256 key made at start. Entra signs RS256; making an RSA key takes up to some hundred
//! milliseconds, which every start of the emulator would pay, and a fixed key would be a secret in the tree. Clients
//! do not look into access tokens (tds.md §4); one that does finds the algorithm in the token and the key in the
//! published key set.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use emulator_ground::clock::Clock;

/// How long a token is valid, as the client measures it: by its own clock, whatever the time scale.
pub const LIFETIME: Duration = Duration::from_secs(3599);

/// Signs tokens. No `Debug`: it holds the key.
pub struct Tokens {
    key: EncodingKey,
    /// PKCS #8, in DER.
    private_key: Vec<u8>,
    key_id: String,
    x: String,
    y: String,
    issuer: String,
    tenant: Uuid,
    verifier: Verifier,
    clock: Arc<Clock>,
}

/// Verifies tokens; cheap to clone.
#[derive(Clone)]
pub struct Verifier(Arc<Known>);

struct Known {
    key: DecodingKey,
    issuer: String,
    tenant: Uuid,
    clock: Arc<Clock>,
}

/// Who a token was issued to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub object_id: Uuid,
    pub app_id: Uuid,
    pub tenant_id: Uuid,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("the token cannot be read, or its signature is wrong")]
    Invalid,
    #[error("the token has expired")]
    Expired,
    #[error("the token is for {0}")]
    Audience(String),
    #[error("the token is of another tenant")]
    Tenant,
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    appid: Uuid,
    /// How the application proved itself: 1 a secret, 2 a certificate.
    appidacr: String,
    idtyp: String,
    oid: Uuid,
    sub: Uuid,
    tid: Uuid,
    uti: String,
    ver: String,
}

/// How the application proved itself (`appidacr`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    Secret,
    Assertion,
}

impl Tokens {
    /// A new key for `tenant`.
    ///
    /// # Errors
    /// Key generation failed.
    pub fn generate(tenant: Uuid, clock: Arc<Clock>) -> Result<Self, rcgen::Error> {
        Self::signed_with(&rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?, tenant, clock)
    }

    /// With the key of another process, whose tokens stay valid.
    ///
    /// # Errors
    /// It is no key for ES256.
    pub fn resume(private_key: &[u8], tenant: Uuid, clock: Arc<Clock>) -> Result<Self, rcgen::Error> {
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(private_key);
        let pair = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&key, &rcgen::PKCS_ECDSA_P256_SHA256)?;
        Self::signed_with(&pair, tenant, clock)
    }

    fn signed_with(pair: &rcgen::KeyPair, tenant: Uuid, clock: Arc<Clock>) -> Result<Self, rcgen::Error> {
        // An uncompressed point: 4, then 32 bytes of x and of y.
        let point = pair.public_key_raw();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..65]));
        let key = DecodingKey::from_ec_components(&x, &y).map_err(|_| rcgen::Error::KeyGenerationUnavailable)?;
        let issuer = format!("https://sts.windows.net/{tenant}/");
        Ok(Self {
            key: EncodingKey::from_ec_der(&pair.serialize_der()),
            private_key: pair.serialize_der(),
            key_id: URL_SAFE_NO_PAD.encode(&point[1..21]),
            x,
            y,
            issuer: issuer.clone(),
            tenant,
            verifier: Verifier(Arc::new(Known { key, issuer, tenant, clock: clock.clone() })),
            clock,
        })
    }

    pub fn verifier(&self) -> Verifier {
        self.verifier.clone()
    }

    /// For [`Self::resume`].
    pub fn private_key(&self) -> &[u8] {
        &self.private_key
    }

    pub fn tenant(&self) -> Uuid {
        self.tenant
    }

    /// A token for the application, and the seconds it is valid for.
    ///
    /// # Errors
    /// The signature failed.
    pub fn issue(
        &self,
        audience: &str,
        object_id: Uuid,
        app_id: Uuid,
        proof: Proof,
    ) -> Result<(String, u64), jsonwebtoken::errors::Error> {
        let now = self.clock.now().as_second();
        let lifetime = LIFETIME.mul_f64(self.clock.scale().max(1.0));
        let claims = Claims {
            aud: audience.to_owned(),
            iss: self.issuer.clone(),
            iat: now,
            nbf: now,
            exp: now + i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX / 2),
            appid: app_id,
            appidacr: if proof == Proof::Secret { "1" } else { "2" }.to_owned(),
            idtyp: "app".to_owned(),
            oid: object_id,
            sub: object_id,
            tid: self.tenant,
            uti: URL_SAFE_NO_PAD.encode(Uuid::new_v4().as_bytes()),
            ver: "1.0".to_owned(),
        };
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.key_id.clone());
        Ok((jsonwebtoken::encode(&header, &claims, &self.key)?, LIFETIME.as_secs()))
    }

    /// The published key set.
    pub fn key_set(&self) -> serde_json::Value {
        serde_json::json!({ "keys": [{
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.key_id, "x": self.x, "y": self.y,
            "issuer": self.issuer,
        }]})
    }
}

impl Verifier {
    /// Whom the token was issued to, if it is genuine, valid now and meant for `audience`.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn verify(&self, token: &str, audience: &str) -> Result<Caller, TokenError> {
        // Times are checked below, on the virtual clock.
        let mut validation = Validation::new(Algorithm::ES256);
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let claims =
            jsonwebtoken::decode::<Claims>(token, &self.0.key, &validation).map_err(|_| TokenError::Invalid)?.claims;
        if claims.tid != self.0.tenant || claims.iss != self.0.issuer {
            return Err(TokenError::Tenant);
        }
        if claims.aud.trim_end_matches('/') != audience.trim_end_matches('/') {
            return Err(TokenError::Audience(claims.aud));
        }
        if claims.exp <= self.0.clock.now().as_second() {
            return Err(TokenError::Expired);
        }
        Ok(Caller { object_id: claims.oid, app_id: claims.appid, tenant_id: claims.tid })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_lasts_as_long_by_the_clients_clock_whatever_the_scale() {
        for scale in [1.0, 100_000.0] {
            let clock = Arc::new(Clock::new(scale));
            let tokens = Tokens::generate(Uuid::from_u128(1), clock.clone()).unwrap();
            let id = Uuid::from_u128(2);
            let (token, seconds) = tokens.issue(crate::entra::SQL, id, id, Proof::Secret).unwrap();
            assert_eq!(seconds, 3599);
            let almost = LIFETIME.mul_f64(scale * 0.99);
            clock.advance(almost);
            assert_eq!(tokens.verifier().verify(&token, crate::entra::SQL).map(|caller| caller.app_id), Ok(id));
            clock.advance(LIFETIME.mul_f64(scale * 0.02));
            assert_eq!(tokens.verifier().verify(&token, crate::entra::SQL), Err(TokenError::Expired));
        }
    }

    #[test]
    fn only_genuine_tokens_for_the_audience_are_taken() {
        let clock = Arc::new(Clock::new(1.0));
        let tokens = Tokens::generate(Uuid::from_u128(1), clock.clone()).unwrap();
        let id = Uuid::from_u128(2);
        let (token, _) = tokens.issue(crate::entra::FABRIC, id, id, Proof::Secret).unwrap();
        let verifier = tokens.verifier();
        assert!(matches!(verifier.verify(&token, crate::entra::SQL), Err(TokenError::Audience(_))));
        let (head, signature) = token.rsplit_once('.').unwrap();
        let forged = format!("{head}.{}", signature.chars().rev().collect::<String>());
        assert_eq!(verifier.verify(&forged, crate::entra::FABRIC), Err(TokenError::Invalid));
        let other = Tokens::generate(Uuid::from_u128(1), clock).unwrap();
        assert_eq!(other.verifier().verify(&token, crate::entra::FABRIC), Err(TokenError::Invalid));
        // No algorithm but ours, least of all none.
        let none = format!("eyJhbGciOiJub25lIn0.{}.", token.split('.').nth(1).unwrap());
        assert_eq!(verifier.verify(&none, crate::entra::FABRIC), Err(TokenError::Invalid));
    }
}
