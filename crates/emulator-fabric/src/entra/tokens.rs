//! Access tokens: made by the token endpoint, checked by Fabric and by the instance.
//!
//! `iat`, `nbf` and `exp` are of the machine's clock, for whoever reads a token. When it expires *here* is measured on the
//! virtual clock, and kept in `rh`, a claim of Entra's own that resources are told to leave alone (Learn: Access token
//! claims reference).

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::signing::{KeyError, SigningKey};
use emulator_ground::clock::Clock;

/// How long a token is valid, as the client measures it: by the machine's clock, whatever the time scale.
pub const LIFETIME: Duration = Duration::from_secs(3599);

/// Signs tokens. No `Debug`: it holds the key.
pub struct Tokens(Verifier);

/// Verifies tokens; cheap to clone.
#[derive(Clone)]
pub struct Verifier(Arc<Known>);

struct Known {
    key: Arc<SigningKey>,
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

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("a token cannot be signed: {0}")]
    Signature(#[from] jsonwebtoken::errors::Error),
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    rh: String,
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
    /// For `tenant`. Another process with the same key and clock takes the tokens of this one.
    pub fn new(key: impl Into<Arc<SigningKey>>, tenant: Uuid, clock: Arc<Clock>) -> Self {
        let issuer = format!("https://sts.windows.net/{tenant}/");
        Self(Verifier(Arc::new(Known { key: key.into(), issuer, tenant, clock })))
    }

    pub fn verifier(&self) -> Verifier {
        self.0.clone()
    }

    pub fn key(&self) -> &Arc<SigningKey> {
        &self.0.0.key
    }

    pub fn tenant(&self) -> Uuid {
        self.0.0.tenant
    }

    /// A token for the application, and the seconds it is valid for. Blocks where the key has to be made first.
    ///
    /// # Errors
    /// There is no key, or the signature failed.
    pub fn issue(
        &self,
        audience: &str,
        object_id: Uuid,
        app_id: Uuid,
        proof: Proof,
    ) -> Result<(String, u64), SigningError> {
        let Known { key, issuer, tenant, clock } = &*self.0.0;
        let key = key.get()?;
        let now = jiff::Timestamp::now().as_second();
        let lifetime = LIFETIME.mul_f64(clock.scale().max(1.0)).as_secs();
        let claims = Claims {
            aud: audience.to_owned(),
            iss: issuer.clone(),
            iat: now,
            nbf: now,
            exp: now.saturating_add_unsigned(LIFETIME.as_secs()),
            rh: write_expiry(clock.now().as_second().saturating_add_unsigned(lifetime)),
            appid: app_id,
            appidacr: if proof == Proof::Secret { "1" } else { "2" }.to_owned(),
            idtyp: "app".to_owned(),
            oid: object_id,
            sub: object_id,
            tid: *tenant,
            uti: URL_SAFE_NO_PAD.encode(Uuid::new_v4().as_bytes()),
            ver: "1.0".to_owned(),
        };
        let mut header = Header::new(Algorithm::RS256);
        header.x5t = Some(key.thumbprint.clone());
        header.kid = Some(key.thumbprint.clone());
        Ok((jsonwebtoken::encode(&header, &claims, &key.signs)?, LIFETIME.as_secs()))
    }
}

/// Seconds since 1970 on the virtual clock, in the form of Entra's claim.
fn write_expiry(expiry: i64) -> String {
    format!("1.{}", URL_SAFE_NO_PAD.encode(expiry.to_be_bytes()))
}

fn read_expiry(text: &str) -> Option<i64> {
    let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix("1.")?).ok()?;
    Some(i64::from_be_bytes(bytes.try_into().ok()?))
}

impl Verifier {
    /// Whom the token was issued to, if it is genuine, valid now and meant for `audience`.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn verify(&self, token: &str, audience: &str) -> Result<Caller, TokenError> {
        self.verify_for(token, &[audience])
    }

    /// The same, for a service that takes several audiences.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn verify_for(&self, token: &str, audiences: &[&str]) -> Result<Caller, TokenError> {
        let Known { key, issuer, tenant, clock } = &*self.0;
        // Times are checked below, on the virtual clock.
        let mut validation = Validation::new(Algorithm::RS256);
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let key = key.made().ok_or(TokenError::Invalid)?;
        let claims =
            jsonwebtoken::decode::<Claims>(token, &key.verifies, &validation).map_err(|_| TokenError::Invalid)?.claims;
        if claims.tid != *tenant || claims.iss != *issuer {
            return Err(TokenError::Tenant);
        }
        let is_meant = |audience: &&str| claims.aud.trim_end_matches('/') == audience.trim_end_matches('/');
        if !audiences.iter().any(is_meant) {
            return Err(TokenError::Audience(claims.aud));
        }
        if read_expiry(&claims.rh).ok_or(TokenError::Invalid)? <= clock.now().as_second() {
            return Err(TokenError::Expired);
        }
        Ok(Caller { object_id: claims.oid, app_id: claims.appid, tenant_id: claims.tid })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::entra::{FABRIC, POWER_BI, SQL};

    static KEY: LazyLock<Arc<SigningKey>> = LazyLock::new(Arc::default);
    const ID: Uuid = Uuid::from_u128(2);

    fn tokens(clock: &Arc<Clock>) -> Tokens {
        Tokens::new(KEY.clone(), Uuid::from_u128(1), clock.clone())
    }

    #[test]
    fn a_token_lasts_as_long_by_the_clients_clock_whatever_the_scale() {
        for scale in [1.0, 100_000.0] {
            let clock = Arc::new(Clock::new(scale));
            let tokens = tokens(&clock);
            let (token, seconds) = tokens.issue(SQL, ID, ID, Proof::Secret).unwrap();
            assert_eq!(seconds, 3599);
            let almost = LIFETIME.mul_f64(scale * 0.99);
            clock.advance(almost);
            assert_eq!(tokens.verifier().verify(&token, SQL).map(|caller| caller.app_id), Ok(ID));
            clock.advance(LIFETIME.mul_f64(scale * 0.02));
            assert_eq!(tokens.verifier().verify(&token, SQL), Err(TokenError::Expired));
        }
    }

    #[test]
    fn readers_find_real_time_in_a_token_and_their_library_takes_it() {
        let clock = Arc::new(Clock::new(30.0));
        clock.advance(Duration::from_secs(86_400));
        let tokens = tokens(&clock);
        let before = jiff::Timestamp::now().as_second();
        let (token, _) = tokens.issue(FABRIC, ID, ID, Proof::Secret).unwrap();
        // As a client does that has the key set and nothing else.
        let set = serde_json::from_value::<jsonwebtoken::jwk::JwkSet>(KEY.key_set(None).unwrap()).unwrap();
        let header = jsonwebtoken::decode_header(&token).unwrap();
        assert_eq!((header.alg, &header.x5t), (Algorithm::RS256, &header.kid));
        let key = jsonwebtoken::DecodingKey::from_jwk(set.find(&header.kid.unwrap()).unwrap()).unwrap();
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_audience(&[FABRIC]);
        validation.validate_nbf = true;
        validation.leeway = 0;
        let claims = jsonwebtoken::decode::<Claims>(&token, &key, &validation).unwrap().claims;
        assert!((before..=before + 60).contains(&claims.iat), "{claims:?}");
        assert_eq!((claims.nbf, claims.exp), (claims.iat, claims.iat + 3599));
    }

    #[test]
    fn only_genuine_tokens_for_the_audience_are_taken() {
        let clock = Arc::new(Clock::new(1.0));
        let tokens = tokens(&clock);
        let (token, _) = tokens.issue(FABRIC, ID, ID, Proof::Secret).unwrap();
        let verifier = tokens.verifier();
        assert!(matches!(verifier.verify(&token, SQL), Err(TokenError::Audience(_))));
        assert!(verifier.verify_for(&token, &[POWER_BI, FABRIC]).is_ok());
        let (head, signature) = token.rsplit_once('.').unwrap();
        let forged = format!("{head}.{}", signature.chars().rev().collect::<String>());
        assert_eq!(verifier.verify(&forged, FABRIC), Err(TokenError::Invalid));
        // Whoever has signed nothing knows no token; nor does another key.
        let other = Tokens::new(SigningKey::default(), Uuid::from_u128(1), clock);
        assert_eq!(other.verifier().verify(&token, FABRIC), Err(TokenError::Invalid));
        other.issue(FABRIC, ID, ID, Proof::Secret).unwrap();
        assert_eq!(other.verifier().verify(&token, FABRIC), Err(TokenError::Invalid));
        // No algorithm but ours, least of all none.
        let none = format!("eyJhbGciOiJub25lIn0.{}.", token.split('.').nth(1).unwrap());
        assert_eq!(verifier.verify(&none, FABRIC), Err(TokenError::Invalid));
    }
}
