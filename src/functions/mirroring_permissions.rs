//! `mirroring_permissions`: what the mirroring principal needs, as each generation of the documentation lists it.

use std::collections::BTreeSet;

use tfplugin::{Function, FunctionError, Model};

/// The database permissions that Microsoft's documentation lists for the principal Fabric mirrors a SQL Managed
/// Instance database with. They changed once, and may again: each generation's list never does.
///
/// - `"2025-05"`: `SELECT`, `ALTER ANY EXTERNAL MIRROR`, `VIEW PERFORMANCE DEFINITION`. The login has to be a member
///   of the server role `##MS_ServerStateReader##` too.
/// - `"2025-12"`: `SELECT`, `ALTER ANY EXTERNAL MIRROR`, `VIEW DATABASE PERFORMANCE STATE`,
///   `VIEW DATABASE SECURITY STATE`. No server role.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct MirroringPermissions {
    /// The generation: `"2025-05"` or `"2025-12"`.
    #[attr(required)]
    generation: String,
}

impl Function for MirroringPermissions {
    const NAME: &'static str = "mirroring_permissions";
    const SUMMARY: &'static str = "Database permissions that mirroring needs";
    type Output = BTreeSet<String>;

    fn call(arguments: Self) -> Result<Self::Output, FunctionError> {
        // sql-mi facts §3.1.
        let permissions: &[&str] = match arguments.generation.as_str() {
            "2025-05" => &["SELECT", "ALTER ANY EXTERNAL MIRROR", "VIEW PERFORMANCE DEFINITION"],
            "2025-12" => &[
                "SELECT",
                "ALTER ANY EXTERNAL MIRROR",
                "VIEW DATABASE PERFORMANCE STATE",
                "VIEW DATABASE SECURITY STATE",
            ],
            found => {
                return Err(FunctionError::argument(
                    0,
                    format!("There is no generation \"{found}\": expected \"2025-05\" or \"2025-12\"."),
                ));
            }
        };
        Ok(permissions.iter().map(|permission| (*permission).to_owned()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_never_change() {
        let list = |generation: &str| {
            MirroringPermissions::call(MirroringPermissions { generation: generation.to_owned() })
                .map(|set| set.into_iter().collect::<Vec<_>>().join(", "))
        };
        assert_eq!(list("2025-05").unwrap(), "ALTER ANY EXTERNAL MIRROR, SELECT, VIEW PERFORMANCE DEFINITION");
        assert_eq!(
            list("2025-12").unwrap(),
            "ALTER ANY EXTERNAL MIRROR, SELECT, VIEW DATABASE PERFORMANCE STATE, VIEW DATABASE SECURITY STATE"
        );
        assert_eq!(list("2024").unwrap_err().argument, Some(0));
    }
}
