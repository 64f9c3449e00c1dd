//! Certificates that are trusted besides the system's.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// How many certificates a PEM bundle holds. What stands between them, keys included, is passed over.
///
/// # Errors
/// What is wrong with it: it holds none, or one that is malformed.
pub fn check_certificates(pem: &[u8]) -> Result<usize, String> {
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        count += 1;
        let malformed = |why: String| format!("certificate {count} is malformed: {why}");
        let certificate = certificate.map_err(|error| malformed(error.to_string()))?;
        RootCertStore::empty().add(certificate).map_err(|error| malformed(error.to_string()))?;
    }
    match (count, pem) {
        (1.., _) => Ok(count),
        (_, []) => Err("it is empty".to_owned()),
        // A sequence whose length takes two bytes: DER of the size that certificates have.
        (_, [0x30, 0x82, ..]) => Err("it holds DER, and PEM is expected: `-----BEGIN CERTIFICATE-----`".to_owned()),
        _ => Err("it holds no certificate in PEM form: `-----BEGIN CERTIFICATE-----`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::check_certificates;

    #[test]
    fn a_bundle_is_counted_or_what_is_wrong_with_it_said() {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (pem, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        assert_eq!(check_certificates(pem.as_bytes()), Ok(1));
        assert_eq!(check_certificates(format!("# ours\n{pem}\n{key}{pem}").as_bytes()), Ok(2));
        assert_eq!(check_certificates(pem.replace('\n', "\r\n").as_bytes()), Ok(1));

        let (cut, garbled) = (&pem[..pem.len() - 30], format!("{pem}{}", pem.replacen("\nMII", "\nAAA", 1)));
        for (wrong, why) in [
            ("".as_bytes(), "it is empty"),
            (b"no certificate", "no certificate in PEM form"),
            (key.as_bytes(), "no certificate in PEM form"),
            (made.cert.der(), "it holds DER"),
            (cut.as_bytes(), "certificate 1 is malformed"),
            (garbled.as_bytes(), "certificate 2 is malformed"),
            (b"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n", "certificate 1 is malformed"),
        ] {
            let said = check_certificates(wrong).unwrap_err();
            assert!(said.contains(why), "{said}");
            assert!(!said.contains("PRIVATE"), "{said}");
        }
    }
}
