//! `mirroring_permissions`: what the mirroring principal needs, as each generation of the documentation lists it.

use std::collections::BTreeSet;

use tfplugin::{Function, FunctionError, Model, Text};

use crate::generation::Generation;

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
    generation: Text<Generation>,
}

impl Function for MirroringPermissions {
    const NAME: &'static str = "mirroring_permissions";
    const SUMMARY: &'static str = "Database permissions that mirroring needs";
    type Output = BTreeSet<String>;

    fn call(arguments: Self) -> Result<Self::Output, FunctionError> {
        Ok(arguments.generation.permissions().iter().map(ToString::to_string).collect())
    }
}
