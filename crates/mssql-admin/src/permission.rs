//! Database permissions: their names, and what leads from the ones held to the ones wanted (sql-mi facts §3).

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::statement::Part;

/// A permission's name as `sys.fn_builtin_permissions` spells it: upper case, single blanks. Made of letters and blanks
/// only, so that it can stand in a statement as it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PermissionName(String);

/// A text that can be no permission.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPermission {
    #[error("`{0}` is no permission: a permission is made of words, such as `ALTER ANY EXTERNAL MIRROR`")]
    Characters(String),
    #[error("`{found}` is spelled `{canonical}`")]
    Spelling { found: String, canonical: String },
}

impl FromStr for PermissionName {
    type Err = NoPermission;

    /// Takes only the canonical spelling: another one would never be equal to what the server holds.
    fn from_str(text: &str) -> Result<Self, NoPermission> {
        let canonical = Self::new(text);
        if canonical.0.is_empty() || !canonical.0.chars().all(|letter| letter.is_ascii_uppercase() || letter == ' ') {
            return Err(NoPermission::Characters(text.to_owned()));
        }
        if canonical.0 != text {
            return Err(NoPermission::Spelling { found: text.to_owned(), canonical: canonical.0 });
        }
        Ok(canonical)
    }
}

impl PermissionName {
    /// The canonical spelling of what the server sent.
    pub(crate) fn new(text: &str) -> Self {
        Self(text.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_uppercase())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PermissionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Part for PermissionName {
    fn write(&self, statement: &mut String) {
        statement.push_str(&self.0);
    }
}

/// What a principal holds, or should hold, on the database itself. A permission is in at most one of the sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    pub granted: BTreeSet<PermissionName>,
    pub with_grant_option: BTreeSet<PermissionName>,
    pub denied: BTreeSet<PermissionName>,
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Grant(PermissionName),
    GrantWithGrantOption(PermissionName),
    Revoke(PermissionName),
    /// Of a permission with grant option: the server asks for the word.
    RevokeCascade(PermissionName),
    RevokeGrantOption(PermissionName),
    Deny(PermissionName),
}

impl Grants {
    /// What leads from `held` to these. Denies are lifted first: a GRANT would lift them unsaid.
    pub fn changes_from(&self, held: &Grants) -> Vec<Change> {
        let mut changes = Vec::new();
        let wanted = |permission: &PermissionName| {
            self.granted.contains(permission)
                || self.with_grant_option.contains(permission)
                || self.denied.contains(permission)
        };
        for permission in held.denied.difference(&self.denied) {
            changes.push(Change::Revoke(permission.clone()));
        }
        for permission in held.granted.iter().filter(|permission| !wanted(permission)) {
            changes.push(Change::Revoke(permission.clone()));
        }
        for permission in &held.with_grant_option {
            if self.granted.contains(permission) {
                changes.push(Change::RevokeGrantOption(permission.clone()));
            } else if !self.with_grant_option.contains(permission) {
                // Also before a DENY, so that what the grantee gave to others goes with it.
                changes.push(Change::RevokeCascade(permission.clone()));
            }
        }
        for permission in &self.granted {
            if !held.granted.contains(permission) && !held.with_grant_option.contains(permission) {
                changes.push(Change::Grant(permission.clone()));
            }
        }
        for permission in self.with_grant_option.difference(&held.with_grant_option) {
            changes.push(Change::GrantWithGrantOption(permission.clone()));
        }
        for permission in self.denied.difference(&held.denied) {
            changes.push(Change::Deny(permission.clone()));
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<PermissionName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    fn grants(granted: &[&str], with_grant_option: &[&str], denied: &[&str]) -> Grants {
        Grants { granted: set(granted), with_grant_option: set(with_grant_option), denied: set(denied) }
    }

    #[test]
    fn only_what_differs_is_changed() {
        let name = |text: &str| text.parse::<PermissionName>().unwrap();
        for (held, wanted, changes) in [
            (grants(&["SELECT"], &[], &[]), grants(&["SELECT"], &[], &[]), vec![]),
            (grants(&[], &[], &[]), grants(&["SELECT"], &[], &[]), vec![Change::Grant(name("SELECT"))]),
            (
                grants(&["INSERT", "SELECT"], &[], &[]),
                grants(&["SELECT"], &[], &[]),
                vec![Change::Revoke(name("INSERT"))],
            ),
            (
                grants(&[], &["SELECT"], &[]),
                grants(&["SELECT"], &[], &[]),
                vec![Change::RevokeGrantOption(name("SELECT"))],
            ),
            (grants(&[], &["SELECT"], &[]), grants(&[], &[], &[]), vec![Change::RevokeCascade(name("SELECT"))]),
            (
                grants(&["SELECT"], &[], &[]),
                grants(&[], &["SELECT"], &[]),
                vec![Change::GrantWithGrantOption(name("SELECT"))],
            ),
            (
                grants(&[], &[], &["SELECT"]),
                grants(&["SELECT"], &[], &[]),
                vec![Change::Revoke(name("SELECT")), Change::Grant(name("SELECT"))],
            ),
            (grants(&["SELECT"], &[], &[]), grants(&[], &[], &["SELECT"]), vec![Change::Deny(name("SELECT"))]),
        ] {
            assert_eq!(wanted.changes_from(&held), changes, "{held:?} -> {wanted:?}");
        }
    }

    /// What the server does with a statement (sql-mi facts §3.3). `None`: it refuses.
    fn apply(held: &mut Grants, change: &Change) -> Option<()> {
        match change {
            // A GRANT lifts a DENY unsaid, and takes no grant option away.
            Change::Grant(it) => {
                held.denied.remove(it);
                if !held.with_grant_option.contains(it) {
                    held.granted.insert(it.clone());
                }
            }
            Change::GrantWithGrantOption(it) => {
                held.denied.remove(it);
                held.granted.remove(it);
                held.with_grant_option.insert(it.clone());
            }
            // 4611: one with grant option needs CASCADE.
            Change::Revoke(it) if held.with_grant_option.contains(it) => return None,
            Change::Revoke(it) | Change::RevokeCascade(it) => {
                held.granted.remove(it);
                held.with_grant_option.remove(it);
                held.denied.remove(it);
            }
            // Of a permission without the option this revokes the permission itself.
            Change::RevokeGrantOption(it) => {
                if held.with_grant_option.remove(it) {
                    held.granted.insert(it.clone());
                } else {
                    held.granted.remove(it);
                }
            }
            Change::Deny(it) => {
                held.granted.remove(it);
                held.with_grant_option.remove(it);
                held.denied.insert(it.clone());
            }
        }
        Some(())
    }

    /// Every way in which three permissions can be held, or not.
    fn every_grants() -> Vec<Grants> {
        let permissions = ["CONTROL", "INSERT", "SELECT"];
        (0..4_usize.pow(3))
            .map(|code| {
                let mut grants = Grants::default();
                for (place, permission) in permissions.iter().enumerate() {
                    let set = match code / 4_usize.pow(place as u32) % 4 {
                        1 => &mut grants.granted,
                        2 => &mut grants.with_grant_option,
                        3 => &mut grants.denied,
                        _ => continue,
                    };
                    set.insert(permission.parse().unwrap());
                }
                grants
            })
            .collect()
    }

    #[test]
    fn the_changes_lead_from_what_is_held_to_what_is_wanted() {
        for held in every_grants() {
            for wanted in every_grants() {
                let changes = wanted.changes_from(&held);
                let mut then = held.clone();
                for change in &changes {
                    // A GRANT where a DENY stands would lift it unsaid: the DENY has to go by its own statement.
                    if let Change::Grant(it) | Change::GrantWithGrantOption(it) = change {
                        assert!(!then.denied.contains(it), "{held:?} -> {wanted:?}: {changes:?}");
                    }
                    apply(&mut then, change).unwrap_or_else(|| panic!("{held:?} -> {wanted:?}: {changes:?}"));
                }
                assert_eq!(then, wanted, "{held:?}: {changes:?}");
                assert_eq!(changes.is_empty(), held == wanted, "{held:?} -> {wanted:?}: {changes:?}");
                assert!(wanted.changes_from(&then).is_empty());
            }
        }
    }

    #[test]
    fn a_permission_is_words_and_has_one_spelling() {
        assert!("VIEW DATABASE STATE".parse::<PermissionName>().is_ok());
        for spelled in ["select", " SELECT ", "VIEW  DATABASE STATE"] {
            assert!(matches!(spelled.parse::<PermissionName>(), Err(NoPermission::Spelling { .. })), "{spelled}");
        }
        for wrong in ["", "SELECT; DROP", "SELECT--", "SELECT, INSERT", "[SELECT]"] {
            assert!(matches!(wrong.parse::<PermissionName>(), Err(NoPermission::Characters(_))), "{wrong}");
        }
    }
}
