//! What an application signs, or has another issuer sign, instead of sending a secret. Sources: Learn, "Microsoft identity
//! platform application authentication certificate credentials" and "Workload identity federation"; numbers: Learn,
//! "Microsoft Entra authentication & authorization error codes". UNCONFIRMED: the order in which Entra compares issuer,
//! subject and audience.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::directory::Principal;
use super::issuers;
use super::refusal::Refusal;
use super::tokens::Tokens;

#[derive(Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    sub: String,
    exp: i64,
    #[serde(default)]
    nbf: i64,
}

/// Whether `assertion` proves that the caller is `application`. `here`: where the token endpoint lies, under each of its
/// names.
pub fn check(application: &Principal, assertion: &str, here: &[String], tokens: &Tokens) -> Result<(), Refusal> {
    let said = jsonwebtoken::dangerous::insecure_decode::<Claims>(assertion)
        .map_err(|error| Refusal::malformed_assertion(&error))?;
    let app_id = application.app_id.unwrap_or_default().to_string();
    let claims = &said.claims;
    if claims.iss.eq_ignore_ascii_case(&app_id) {
        by_certificate(application, assertion, &said.header)?;
        if !claims.sub.eq_ignore_ascii_case(&app_id) {
            return Err(Refusal::bad_assertion("the subject is not the application"));
        }
        if !here.iter().any(|base| claims.aud.starts_with(base)) {
            return Err(Refusal::foreign_audience(&claims.aud));
        }
    } else {
        by_another_issuer(application, assertion, claims, tokens)?;
    }
    // The client signs by the machine's clock, not by the virtual one.
    let now = jiff::Timestamp::now().as_second();
    if claims.exp <= now || claims.nbf > now + SKEW {
        return Err(Refusal::not_valid_now());
    }
    Ok(())
}

/// Seconds by which the clocks of client and service may differ.
const SKEW: i64 = 300;

fn verifies(assertion: &str, key: &DecodingKey, algorithms: &[Algorithm]) -> bool {
    let mut validation = Validation::new(algorithms[0]);
    validation.algorithms = algorithms.to_vec();
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    jsonwebtoken::decode::<serde::de::IgnoredAny>(assertion, key, &validation).is_ok()
}

/// Signed with the key of the certificate that the header names by its thumbprint.
fn by_certificate(application: &Principal, assertion: &str, header: &Header) -> Result<(), Refusal> {
    let named = [&header.x5t_s256, &header.x5t, &header.kid].into_iter().flatten().map(String::as_str);
    let named: Vec<Vec<u8>> = named.filter_map(thumbprint).collect();
    if named.is_empty() {
        return Err(Refusal::bad_assertion("The key was not found: no thumbprint names it"));
    }
    let registered =
        application.certificates.iter().filter_map(|pem| CertificateDer::from_pem_slice(pem.as_bytes()).ok());
    let found = registered.into_iter().find(|der| {
        let (sha1, sha256) = (sha1(der), Sha256::digest(der).to_vec());
        named.iter().any(|name| *name == sha1 || *name == sha256)
    });
    let Some(found) = found else {
        let hexadecimal: String = named[0].iter().map(|byte| format!("{byte:02X}")).collect();
        return Err(Refusal::unregistered_certificate(application, &hexadecimal));
    };
    let key = X509Certificate::from_der(&found)
        .ok()
        .map(|(_, certificate)| DecodingKey::from_rsa_der(&certificate.public_key().subject_public_key.data));
    match key {
        Some(key) if verifies(assertion, &key, &[Algorithm::RS256, Algorithm::PS256]) => Ok(()),
        _ => Err(Refusal::bad_assertion("the signature is invalid")),
    }
}

/// Libraries differ in the alphabet and in the padding.
fn thumbprint(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    URL_SAFE_NO_PAD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text)).ok()
}

fn sha1(der: &[u8]) -> Vec<u8> {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, der).as_ref().to_vec()
}

/// Signed by an issuer that the application trusts for this subject and audience. The issuers that there are to be
/// found are those of [`issuers`].
fn by_another_issuer(
    application: &Principal,
    assertion: &str,
    claims: &Claims,
    tokens: &Tokens,
) -> Result<(), Refusal> {
    let trusted = &application.federated_credentials;
    let of_issuer: Vec<_> = trusted.iter().filter(|it| it.issuer == claims.iss).collect();
    if of_issuer.is_empty() {
        return Err(Refusal::untrusted(700_211, "issuer", &claims.iss));
    }
    let of_subject: Vec<_> = of_issuer.into_iter().filter(|it| it.subject == claims.sub).collect();
    if of_subject.is_empty() {
        return Err(Refusal::untrusted(700_213, "subject", &claims.sub));
    }
    if !of_subject.iter().any(|it| it.audiences.contains(&claims.aud)) {
        return Err(Refusal::untrusted(700_212, "audience", &claims.aud));
    }
    let key = tokens.key().get().map_err(|error| Refusal::nothing_signs(&error))?;
    let is_here = issuers::ALL.contains(&claims.iss.as_str());
    if is_here && verifies(assertion, &key.verifies, &[Algorithm::RS256]) { Ok(()) } else { Err(Refusal::forged()) }
}
