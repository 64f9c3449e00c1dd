//! T-SQL for a database administrator to run: what an error message offers to be pasted.

use crate::permission::PermissionName;
use crate::statement::{Identifier, Statement};

/// Turns off a change feed that its mirror left behind, in the mirrored database: the one documented rescue (sql-mi
/// facts §4.3).
pub const DISABLE_CHANGE_FEED: &str = "EXEC sys.sp_change_feed_disable_db;";

/// Grants permissions on the current database.
pub fn grant(permissions: &[PermissionName], user: &Identifier) -> String {
    let mut statement = Statement::default();
    for permission in permissions {
        statement.add("GRANT {} TO {};", &[permission, user]);
    }
    statement.text().replace('\n', " ")
}

/// Makes a login a member of a server role.
pub fn add_to_server_role(role: &Identifier, login: &Identifier) -> String {
    Statement::new("ALTER SERVER ROLE {} ADD MEMBER {};", &[role, login]).text().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_in_advice_too() {
        let user: Identifier = "o]brien".parse().unwrap();
        let permissions = ["SELECT", "VIEW DATABASE STATE"].map(|name| name.parse().unwrap());
        assert_eq!(grant(&permissions, &user), "GRANT SELECT TO [o]]brien]; GRANT VIEW DATABASE STATE TO [o]]brien];");
        let role = "##MS_ServerStateReader##".parse().unwrap();
        assert_eq!(
            add_to_server_role(&role, &user),
            "ALTER SERVER ROLE [##MS_ServerStateReader##] ADD MEMBER [o]]brien];"
        );
    }
}
