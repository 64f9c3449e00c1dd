//! The rows that a plan has seen: a permission, from whom, and how. Two grantors are two rows, and what came since has
//! not been shown to anybody.

use std::collections::BTreeSet;

use mssql_admin::{Permission, PermissionState};
use tfplugin::Private;

use crate::import_id;

/// Rows by their key, and how they are held.
#[derive(Debug, Default, PartialEq)]
pub struct Held(BTreeSet<String>);

impl Held {
    pub fn of(rows: &[&Permission]) -> Self {
        Self(rows.iter().map(|row| key(row)).collect())
    }

    /// `None`: nothing was ever written.
    pub fn read(private: &Private, name: &str) -> Option<Self> {
        let text = private.get(name)?;
        Some(Self(text.split(' ').filter(|key| !key.is_empty()).map(str::to_owned).collect()))
    }

    pub fn write(&self, private: &mut Private, name: &str) {
        private.set(name, self.0.iter().cloned().collect::<Vec<_>>().join(" "));
    }

    /// Somebody has granted it, without grant option.
    pub fn grants(&self, permission: &str) -> bool {
        let start = import_id::join(&["G", permission, ""]);
        self.0.iter().any(|key| key.starts_with(&start))
    }

    pub fn has(&self, row: &Permission) -> bool {
        self.0.contains(&key(row))
    }
}

/// Encoded, so that no blank of a name is taken for the one between two keys.
fn key(row: &Permission) -> String {
    let state = match row.state {
        PermissionState::Granted => "G",
        PermissionState::GrantedWithGrantOption => "W",
        PermissionState::Denied => "D",
    };
    import_id::join(&[state, row.name.as_str(), &row.grantor]).replace(' ', "%20")
}
