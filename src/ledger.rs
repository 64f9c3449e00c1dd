//! What the state holds, as far as this process has seen it: what tells an object of ours from somebody else's that has
//! the same name.
//!
//! The CLIs plan the new object of a replacement as if there were no old one, and give a plan no look at other blocks.
//! They decode an object's state before they plan it, though, and that is where most of this comes from. In which order
//! they come to objects that do not depend on each other nobody promises.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mssql_admin::Sid;

/// An object by what it is on the server. Names are folded, as the server's usual collation does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key(String);

impl Key {
    pub fn new(type_name: &str, parts: &[&str]) -> Self {
        let fold = |part: &&str| part.trim_end_matches(' ').to_lowercase();
        Self(format!("{type_name}\n{}", parts.iter().map(fold).collect::<Vec<_>>().join("\n")))
    }

    /// A principal of a database, by its SID.
    pub fn of_principal(server: &str, database: &str, sid: &str) -> Self {
        Self::new("principal", &[server, database, sid])
    }
}

/// What is known of an object.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Of a login: the SID that it has, or will have when what is planned is done.
    sid: Option<Sid>,
    /// Deleted by this process.
    is_gone: bool,
    /// A block of the configuration keeps the object that the state holds.
    is_kept: bool,
}

#[derive(Debug, Default)]
pub struct Ledger {
    objects: Mutex<HashMap<Key, Entry>>,
    /// SIDs that users of this run had, and what they have instead.
    successors: Mutex<HashMap<Key, String>>,
}

impl Ledger {
    fn entries(&self) -> MutexGuard<'_, HashMap<Key, Entry>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This process has mapped the user to another login, which gave it another SID.
    pub fn note_successor(&self, former: Key, sid: &str) {
        self.successors.lock().unwrap_or_else(PoisonError::into_inner).insert(former, sid.to_owned());
    }

    /// The SID that a principal has now.
    pub fn successor(&self, former: &Key) -> Option<String> {
        self.successors.lock().unwrap_or_else(PoisonError::into_inner).get(former).cloned()
    }

    /// The state holds the object, or this process has made it.
    pub fn note(&self, key: Key) {
        self.entries().insert(key, Entry { sid: None, is_gone: false, is_kept: false });
    }

    /// The same of a login, with its SID.
    pub fn note_login(&self, key: Key, sid: Option<Sid>) {
        self.entries().insert(key, Entry { sid, is_gone: false, is_kept: false });
    }

    /// The same, where a block keeps the login: another block of its name is one too many.
    pub fn keep_login(&self, key: Key, sid: Option<Sid>) {
        self.entries().insert(key, Entry { sid, is_gone: false, is_kept: true });
    }

    /// The same of any object.
    pub fn keep(&self, key: Key) {
        self.keep_login(key, None);
    }

    pub fn keeps(&self, key: &Key) -> bool {
        self.entries().get(key).is_some_and(|entry| entry.is_kept)
    }

    /// The object is no more. Its SID is kept: the object that comes in its place has the same.
    pub fn forget(&self, key: &Key) {
        let mut entries = self.entries();
        let sid = entries.get(key).and_then(|entry| entry.sid);
        entries.insert(key.clone(), Entry { sid, is_gone: true, is_kept: false });
    }

    /// The object has, or will have, another name: this one says nothing of it any more.
    pub fn release(&self, key: &Key) {
        self.entries().remove(key);
    }

    pub fn has(&self, key: &Key) -> bool {
        self.entries().get(key).is_some_and(|entry| !entry.is_gone)
    }

    /// This process has deleted the object.
    pub fn has_lost(&self, key: &Key) -> bool {
        self.entries().get(key).is_some_and(|entry| entry.is_gone)
    }

    /// The SID of a login that the state holds, or held.
    pub fn sid(&self, key: &Key) -> Option<Sid> {
        self.entries().get(key)?.sid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_known_by_its_folded_name_until_it_is_deleted() {
        let ledger = Ledger::default();
        let key = |name: &str| Key::new("login", &["mi", name]);
        ledger.note(key("Fabric "));
        assert!(ledger.has(&key("fabric")) && !ledger.has(&key("other")));
        ledger.forget(&key("FABRIC"));
        assert!(!ledger.has(&key("fabric")) && ledger.has_lost(&key("fabric")) && !ledger.has_lost(&key("other")));
        assert!(!ledger.has(&Key::new("database_user", &["mi", "fabric"])));
        ledger.release(&key("fabric"));
        assert!(!ledger.has_lost(&key("fabric")));
    }
}
