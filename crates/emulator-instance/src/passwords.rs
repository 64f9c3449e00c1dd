//! Passwords as the server keeps them.

use sha2::{Digest, Sha512};

/// `0x0200`, four bytes of salt, SHA-512 over the password in UTF-16 and the salt.
pub fn hash_password(clear: &str, salt: [u8; 4]) -> Vec<u8> {
    let mut digest = Sha512::new();
    digest.update(clear.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
    digest.update(salt);
    [&[2, 0][..], &salt, digest.finalize().as_slice()].concat()
}

pub fn password_matches(clear: &str, hash: &[u8]) -> bool {
    let Some(salt) = hash.get(2..6).and_then(|salt| <[u8; 4]>::try_from(salt).ok()) else { return false };
    hash_password(clear, salt) == hash
}
