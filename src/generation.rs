//! Generations of Microsoft's documentation of mirroring: what each lists for the mirroring principal (sql-mi facts
//! §3.1). The lists never change.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use mssql_admin::{Identifier, PermissionName};

/// The tutorial of a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    May2025,
    December2025,
}

/// A text that is no generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoGeneration(String);

impl fmt::Display for NoGeneration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no generation \"{}\": expected \"2025-05\" or \"2025-12\"", self.0)
    }
}

impl FromStr for Generation {
    type Err = NoGeneration;
    fn from_str(text: &str) -> Result<Self, NoGeneration> {
        match text {
            "2025-05" => Ok(Self::May2025),
            "2025-12" => Ok(Self::December2025),
            other => Err(NoGeneration(other.to_owned())),
        }
    }
}

impl Generation {
    /// As a reader knows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::May2025 => "May 2025",
            Self::December2025 => "December 2025",
        }
    }

    /// On the database, as the server spells them.
    pub fn listed(self) -> &'static [&'static str] {
        match self {
            Self::May2025 => &["SELECT", "ALTER ANY EXTERNAL MIRROR", "VIEW PERFORMANCE DEFINITION"],
            Self::December2025 => &[
                "SELECT",
                "ALTER ANY EXTERNAL MIRROR",
                "VIEW DATABASE PERFORMANCE STATE",
                "VIEW DATABASE SECURITY STATE",
            ],
        }
    }

    /// The same as a set.
    pub fn permissions(self) -> BTreeSet<PermissionName> {
        self.listed().iter().map(|name| name.parse().expect("a permission")).collect()
    }

    /// Of the login.
    pub fn server_roles(self) -> BTreeSet<Identifier> {
        let names: &[&str] = match self {
            Self::May2025 => &["##MS_ServerStateReader##"],
            Self::December2025 => &[],
        };
        names.iter().map(|name| name.parse().expect("a name")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_never_change() {
        let lists = |generation: &str| {
            let generation: Generation = generation.parse().unwrap();
            let permissions: Vec<_> = generation.permissions().iter().map(ToString::to_string).collect();
            let roles: Vec<_> = generation.server_roles().iter().map(ToString::to_string).collect();
            (permissions.join(", "), roles.join(", "))
        };
        assert_eq!(
            lists("2025-05"),
            (
                "ALTER ANY EXTERNAL MIRROR, SELECT, VIEW PERFORMANCE DEFINITION".to_owned(),
                "##MS_ServerStateReader##".to_owned()
            )
        );
        assert_eq!(
            lists("2025-12"),
            (
                "ALTER ANY EXTERNAL MIRROR, SELECT, VIEW DATABASE PERFORMANCE STATE, VIEW DATABASE SECURITY STATE"
                    .to_owned(),
                String::new()
            )
        );
        for text in ["2024", "2025-5", "", "2025-12 "] {
            assert!(text.parse::<Generation>().unwrap_err().to_string().contains("\"2025-12\""), "{text}");
        }
    }
}
