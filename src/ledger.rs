//! What the state holds, as far as this process has seen it: what tells an object of ours from somebody else's that has
//! the same name.
//!
//! The CLIs plan the new object of a replacement as if there were no old one, and give a plan no look at other blocks.
//! They decode an object's state before they plan it, though, and that is where most of this comes from. In which order
//! they come to objects that do not depend on each other nobody promises.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mssql_admin::Sid;
use tfplugin::{Change, Model};

/// An object by what it is on the server. Names are folded, as the server's usual collation does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key(String);

impl Key {
    pub fn new(type_name: &str, parts: &[&str]) -> Self {
        let fold = |part: &&str| part.trim_end_matches(' ').to_lowercase();
        Self(format!("{type_name}\n{}", parts.iter().map(fold).collect::<Vec<_>>().join("\n")))
    }
}

/// What is known of an object.
#[derive(Clone, Debug, Default)]
struct Entry {
    presence: Presence,
    /// Of a user or role: the SID that it has.
    principal_sid: Option<String>,
    /// Of a login: the SID that it has, or will have when what is planned is done.
    sid: Option<Sid>,
    /// A block of the configuration keeps the object that the state holds.
    is_kept: bool,
    /// A block of the configuration makes it.
    is_made: bool,
    /// This process has made it, or taken it over.
    is_new: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Presence {
    #[default]
    Unknown,
    /// The state holds it, or this process has made it.
    There,
    /// Deleted by this process.
    Gone,
}

#[derive(Debug, Default)]
pub struct Ledger {
    objects: Mutex<HashMap<Key, Entry>>,
}

impl Ledger {
    fn entries(&self) -> MutexGuard<'_, HashMap<Key, Entry>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state holds the object, or this process has made it.
    pub fn note(&self, key: Key) {
        self.entries().entry(key).or_default().presence = Presence::There;
    }

    /// The same of a login, with its SID.
    pub fn note_login(&self, key: Key, sid: Option<Sid>) {
        let mut entries = self.entries();
        let entry = entries.entry(key).or_default();
        (entry.presence, entry.sid) = (Presence::There, sid);
    }

    /// The same of a login that this process has made, or taken over.
    pub fn note_new_login(&self, key: Key, sid: Option<Sid>) {
        let mut entries = self.entries();
        let entry = entries.entry(key).or_default();
        (entry.presence, entry.sid, entry.is_new) = (Presence::There, sid, true);
    }

    /// This process has made the object, or taken it over: for another block than one that goes.
    pub fn is_new(&self, key: &Key) -> bool {
        self.entries().get(key).is_some_and(|entry| entry.is_new && entry.presence == Presence::There)
    }

    /// The same of a user or role, with its SID.
    pub fn note_principal(&self, key: Key, sid: Option<&String>) {
        let mut entries = self.entries();
        let entry = entries.entry(key).or_default();
        (entry.presence, entry.principal_sid) = (Presence::There, sid.cloned());
    }

    /// The SID that a login will have which nobody has seen yet.
    pub fn expect_sid(&self, key: Key, sid: Sid) {
        self.entries().entry(key).or_default().sid = Some(sid);
    }

    /// The SID of a user or role that the state holds: whoever has its name and another SID is somebody else.
    pub fn principal_sid(&self, key: &Key) -> Option<String> {
        let entries = self.entries();
        let entry = entries.get(key).filter(|entry| entry.presence == Presence::There)?;
        entry.principal_sid.clone()
    }

    /// A block plans to have the object: to keep the one of the state, or to make one. Two of them want one thing only if
    /// one of them makes it: `false` for the second to come, whichever that is.
    ///
    /// The new object of a replacement is its own block's, whose plan has been here before.
    pub fn claim<R: Model>(&self, key: Key, change: &Change<R>) -> bool {
        if change.is_replacement() {
            return true;
        }
        let mut entries = self.entries();
        let entry = entries.entry(key).or_default();
        let makes = change.is_create();
        let is_second = entry.is_made || (makes && entry.is_kept);
        if makes {
            entry.is_made = true;
        } else {
            entry.is_kept = true;
        }
        !is_second
    }

    /// The object is no more. Its SID is kept: the object that comes in its place has the same.
    pub fn forget(&self, key: &Key) {
        self.entries().entry(key.clone()).or_default().presence = Presence::Gone;
    }

    /// The object has, or will have, another name: this one says nothing of it any more.
    pub fn release(&self, key: &Key) {
        let mut entries = self.entries();
        if let Some(entry) = entries.get_mut(key) {
            *entry = Entry { is_made: entry.is_made, ..Entry::default() };
        }
    }

    pub fn has(&self, key: &Key) -> bool {
        self.is(key, Presence::There)
    }

    /// A block of the configuration keeps it.
    pub fn is_kept(&self, key: &Key) -> bool {
        self.entries().get(key).is_some_and(|entry| entry.is_kept)
    }

    /// This process has deleted the object.
    pub fn has_lost(&self, key: &Key) -> bool {
        self.is(key, Presence::Gone)
    }

    fn is(&self, key: &Key, presence: Presence) -> bool {
        self.entries().get(key).is_some_and(|entry| entry.presence == presence)
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
