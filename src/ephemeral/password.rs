//! `fabricmirror_password`: a password that is stored nowhere – random, or the same on every run and machine.

use hkdf::Hkdf;
use rand::Rng;
use secrecy::ExposeSecret;
use sha2::Sha256;
use tfplugin::{Diagnostic, Diagnostics, Ephemeral, Model, Secret, Value, path};

/// A password for a login, during one run and nowhere after it: neither in the state nor in a plan.
///
/// With `derive`, the same seed, context, version and length give the same password on every run and machine, so that
/// the login, the connection and a later run agree on it. Without, it is random and differs from run to run: use it
/// only where everything that needs it is changed in the same run.
///
/// Every password has letters of both cases, digits and one of `-` and `_`; nothing in it needs quoting in T-SQL, a
/// connection string, a URL or a shell.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct Password {
    /// Number of characters. A SQL Managed Instance takes 10 to 128.
    #[attr(optional, computed, default = 32, range = 12..=128)]
    length: Value<i64>,

    /// From what the password is derived. Left out, it is random.
    #[attr(optional)]
    derive: Value<Derivation>,

    /// The password.
    #[attr(computed, sensitive)]
    result: Value<Secret>,
}

/// From what a password is derived.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct Derivation {
    /// A secret of at least 16 characters, better 32 random ones: whoever knows it knows every password derived from
    /// it. Pass it as an ephemeral variable.
    #[attr(required, sensitive)]
    seed: Secret,

    /// What the password is for, such as `sales/fabric_login`: different contexts give unrelated passwords.
    #[attr(required)]
    context: String,

    /// Raise it to rotate the password.
    #[attr(required, range = 0..=i64::MAX)]
    version: i64,
}

const SHORTEST_SEED: usize = 16;

impl Ephemeral for Password {
    const NAME: &'static str = "password";

    fn validate(config: &PasswordDraft) -> Diagnostics {
        let mut found = Diagnostics::default();
        if let Some(derivation) = config.derive.known()
            && derivation.seed.inner().expose_secret().chars().count() < SHORTEST_SEED
        {
            let detail = format!(
                "Give it at least {SHORTEST_SEED} characters, better 32 random ones: every password derived from it can be \
                 guessed by guessing the seed."
            );
            found.push(Diagnostic::error("The seed is too short", detail).at(path!(Password: derive.seed)));
        }
        found
    }

    async fn open(config: Self) -> Result<Self, Diagnostics> {
        let length = config.length.known().copied().and_then(|length| usize::try_from(length).ok()).unwrap_or(32);
        let password = match config.derive.known() {
            Some(Derivation { seed, context, version }) => {
                derived(seed.inner().expose_secret(), context, *version, length)
            }
            None => random(length),
        };
        Ok(Self { result: Value::Known(Secret::new(password)), ..config })
    }
}

/// 64 characters, so that six bits choose one and none is more likely than another.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// HKDF-SHA-256 of the seed. **Frozen**: a change would change every password in use.
///
/// Salt: `fabricmirror/password/v1`. Info: context, a zero byte, version and attempt as decimal texts with a zero byte
/// between them. Each byte of the output chooses a character by its low six bits. Attempts count from 0 until all four
/// classes of characters are there.
fn derived(seed: &str, context: &str, version: i64, length: usize) -> String {
    let key = Hkdf::<Sha256>::new(Some(b"fabricmirror/password/v1"), seed.as_bytes());
    (0_u64..)
        .map(|attempt| {
            let info = format!("{context}\0{version}\0{attempt}");
            let mut bytes = vec![0; length];
            key.expand(info.as_bytes(), &mut bytes).expect("128 bytes are less than HKDF can give");
            spell(&bytes)
        })
        .find(|password| has_every_class(password))
        .expect("one of 2^64 attempts has all classes")
}

fn random(length: usize) -> String {
    loop {
        let mut bytes = vec![0; length];
        rand::rng().fill_bytes(&mut bytes);
        let password = spell(&bytes);
        if has_every_class(&password) {
            return password;
        }
    }
}

fn spell(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 63)])).collect()
}

/// The password policy of the server asks for three of the four.
fn has_every_class(password: &str) -> bool {
    let has = |class: fn(&char) -> bool| password.chars().any(|letter| class(&letter));
    has(char::is_ascii_uppercase)
        && has(char::is_ascii_lowercase)
        && has(char::is_ascii_digit)
        && has(|letter| "-_".contains(*letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_derivation_is_frozen() {
        for (seed, context, version, length, password) in [
            ("correct horse battery staple", "sales/fabric_login", 1, 32, "JO4p8ifYuWDiUni-FaivmCdYu7NrX6uh"),
            ("correct horse battery staple", "sales/fabric_login", 2, 32, "MJZFFuZaL-oSyorCPImKxYo9o2z0BKJj"),
            ("correct horse battery staple", "inventory/fabric_login", 1, 32, "XTWD5iKHS0T-IkIJo2KFav20uN7SufK4"),
            ("ein Saatkorn aus Zürich 🌱", "sales/fabric_login", 1, 12, "6NJOl-iOnZSh"),
            (
                "correct horse battery staple",
                "",
                0,
                128,
                "oFJ6tWfk6bWi6HYEm9Y2OgaaOddceeKp4Fjxrrrixkf9fBIMNoqqjODzfr4pwrZKutgyA8AucbgVmhMOpXiwwc9A8ixhPvWMpVLhSToaIH4Obd_jHtW1jh9SZbLnwHwn",
            ),
        ] {
            assert_eq!(derived(seed, context, version, length), password, "{seed} {context} {version} {length}");
        }
    }

    #[test]
    fn every_password_meets_the_policy() {
        for version in 0..200 {
            let password = derived("correct horse battery staple", "context", version, 12);
            assert!(password.len() == 12 && has_every_class(&password), "{password}");
        }
        let (one, other) = (random(64), random(64));
        assert!(has_every_class(&one) && one.len() == 64 && one != other);
    }

    #[test]
    fn a_short_seed_is_refused() {
        for (seed, refused) in [("0123456789abcdef", false), ("short", true)] {
            let derivation = Derivation { seed: Secret::new(seed), context: "c".to_owned(), version: 1 };
            let config = PasswordDraft { length: 32.into(), derive: derivation.into(), result: Value::Null };
            assert_eq!(Password::validate(&config).has_errors(), refused, "{seed}");
        }
    }
}
