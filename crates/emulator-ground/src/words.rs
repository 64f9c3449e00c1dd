//! Words of the emulator's own – names of types, codes of errors – that a state which was kept brings back.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Deserializer};

/// One of the few words that stand in the code. The alias keeps serde from taking the field for a borrowed text.
pub type Word = &'static str;

/// Every word that was brought back; it stays for ever, once.
static KNOWN: Mutex<BTreeSet<Word>> = Mutex::new(BTreeSet::new());

/// For `#[serde(deserialize_with)]`.
pub fn word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Word, D::Error> {
    String::deserialize(deserializer).map(|text| known(&text))
}

/// The same where there may be none.
pub fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Word>, D::Error> {
    Option::<String>::deserialize(deserializer).map(|text| text.map(|text| known(&text)))
}

fn known(text: &str) -> Word {
    let mut words = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(word) = words.get(text) {
        return word;
    }
    let word: Word = Box::leak(text.into());
    words.insert(word);
    word
}
