//! Database permissions: their names, and what leads from the ones held to the ones wanted (sql-mi facts §3).

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::statement::{Identifier, Part, same_name};

/// A permission's name as `sys.fn_builtin_permissions` spells it: upper case, single blanks. Made of letters and blanks
/// only, so that it can stand in a statement as it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PermissionName(String);

/// A text that can be no permission.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no permission: a permission is made of words, such as `ALTER ANY EXTERNAL MIRROR`")]
pub struct NoPermission(String);

impl FromStr for PermissionName {
    type Err = NoPermission;

    /// Lower case and more blanks than one mean the same to the server, and so they do here.
    fn from_str(text: &str) -> Result<Self, NoPermission> {
        let is_words = text.chars().all(|letter| letter.is_ascii_alphabetic() || letter == ' ');
        match Self::new(text) {
            name if is_words && !name.0.is_empty() => Ok(name),
            _ => Err(NoPermission(text.to_owned())),
        }
    }
}

impl PermissionName {
    /// The canonical spelling.
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

/// One row of the database-level permissions: key is grantee, grantor and permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    pub name: PermissionName,
    pub state: PermissionState,
    pub grantor: String,
    pub grantor_id: i64,
    pub grantee_id: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PermissionState {
    Granted,
    GrantedWithGrantOption,
    Denied,
}

impl PermissionState {
    /// As `sys.database_permissions.state` and `sys.server_permissions.state` have it.
    pub(crate) fn of(letter: Option<&str>) -> Result<Self, String> {
        match letter {
            Some("G") => Ok(Self::Granted),
            Some("W") => Ok(Self::GrantedWithGrantOption),
            Some("D") => Ok(Self::Denied),
            other => Err(format!("a permission in the unknown state {other:?}")),
        }
    }

    /// The words of `state_desc`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "GRANT",
            Self::GrantedWithGrantOption => "GRANT_WITH_GRANT_OPTION",
            Self::Denied => "DENY",
        }
    }
}

/// What a principal holds, or should hold, on the database itself. A permission that is wanted is in one of the sets; one
/// that is held can also be denied by somebody else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    pub granted: BTreeSet<PermissionName>,
    pub with_grant_option: BTreeSet<PermissionName>,
    pub denied: BTreeSet<PermissionName>,
}

impl Permission {
    /// The three sets of these rows, from whomever: their union. With grant option outranks without.
    pub fn sets<'a>(rows: impl IntoIterator<Item = &'a Permission>) -> Grants {
        let mut grants = Grants::default();
        for row in rows {
            let set = match row.state {
                PermissionState::Granted => &mut grants.granted,
                PermissionState::GrantedWithGrantOption => &mut grants.with_grant_option,
                PermissionState::Denied => &mut grants.denied,
            };
            set.insert(row.name.clone());
        }
        grants.granted = &grants.granted - &grants.with_grant_option;
        grants
    }
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Grant(PermissionName),
    GrantWithGrantOption(PermissionName),
    Deny(PermissionName),
    Revoke(Revocation),
    /// Of a permission with grant option: the server asks for the word.
    RevokeCascade(Revocation),
    RevokeGrantOption(Revocation),
}

/// Which row is revoked: the server takes only that of one grantor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    pub name: PermissionName,
    /// `AS [grantor]`; `None`: the operator itself.
    pub grantor: Option<Identifier>,
}

impl Change {
    pub fn name(&self) -> &PermissionName {
        match self {
            Self::Grant(name) | Self::GrantWithGrantOption(name) | Self::Deny(name) => name,
            Self::Revoke(row) | Self::RevokeCascade(row) | Self::RevokeGrantOption(row) => &row.name,
        }
    }
}

impl Grants {
    fn wants(&self, name: &PermissionName) -> bool {
        self.granted.contains(name) || self.with_grant_option.contains(name)
    }

    /// What leads from the rows that are `held` to these, row by row: each is revoked as its own grantor, and only if it
    /// may be. Denies are lifted first: a GRANT would lift them unsaid, so there is none where one has to stay. `operator`
    /// is who the operator's own statements are recorded from.
    pub fn changes_from(
        &self,
        held: &[&Permission],
        operator: &str,
        may_revoke: impl Fn(&Permission) -> bool,
    ) -> Vec<Change> {
        let row = |it: &Permission| Revocation {
            name: it.name.clone(),
            // A grantor that cannot be named leaves its row to itself, and the next look shows it.
            grantor: if same_name(&it.grantor, operator) { None } else { it.grantor.parse().ok() },
        };
        let mut changes = Vec::new();
        // What remains of each name: denied, granted, granted with grant option.
        let (mut denied, mut granted, mut grantable) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for it in held.iter().filter(|it| it.state == PermissionState::Denied) {
            if self.denied.contains(&it.name) || !may_revoke(it) {
                denied.insert(&it.name);
            } else {
                changes.push(Change::Revoke(row(it)));
            }
        }
        for it in held.iter().filter(|it| it.state == PermissionState::Granted) {
            // A DENY of the operator takes its own GRANT away.
            let replaced =
                self.denied.contains(&it.name) && !denied.contains(&it.name) && same_name(&it.grantor, operator);
            if self.wants(&it.name) || replaced || !may_revoke(it) {
                granted.insert(&it.name);
            } else {
                changes.push(Change::Revoke(row(it)));
            }
        }
        for it in held.iter().filter(|it| it.state == PermissionState::GrantedWithGrantOption) {
            if self.with_grant_option.contains(&it.name) || !may_revoke(it) {
                grantable.insert(&it.name);
            } else if self.granted.contains(&it.name) {
                changes.push(Change::RevokeGrantOption(row(it)));
                granted.insert(&it.name);
            } else {
                // Also before a DENY, so that what the grantee gave to others goes with it.
                changes.push(Change::RevokeCascade(row(it)));
            }
        }
        for name in self.granted.iter().filter(|name| !denied.contains(name)) {
            if !granted.contains(name) && !grantable.contains(name) {
                changes.push(Change::Grant(name.clone()));
            }
        }
        for name in self.with_grant_option.iter().filter(|name| !denied.contains(name)) {
            if !grantable.contains(name) {
                changes.push(Change::GrantWithGrantOption(name.clone()));
            }
        }
        for name in self.denied.iter().filter(|name| !denied.contains(name)) {
            changes.push(Change::Deny(name.clone()));
        }
        changes
    }
}

#[cfg(test)]
#[path = "permission_tests.rs"]
mod tests;
