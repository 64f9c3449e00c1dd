//! T-SQL for a database administrator to run: what an error message offers to be pasted.

use crate::permission::PermissionName;
use crate::principals::PrincipalKind;
use crate::setup;
use crate::statement::{Identifier, Statement};

/// Turns off a change feed that its mirror left behind, in the mirrored database: the one documented rescue (sql-mi
/// facts §4.3).
pub const DISABLE_CHANGE_FEED: &str = "EXEC sys.sp_change_feed_disable_db;";

/// What to do about a change feed that stayed on without a mirror: the database is then refused as mirrored already
/// (sql-mi facts §4.1, §4.3, §5.1 D5).
pub fn change_feed_left_on(database: &Identifier) -> String {
    format!(
        "A mirror that is gone left the change feed of database {database} on: in sys.databases its flags \
         is_change_feed_enabled and is_data_lake_replication_enabled are both 1, the log is kept, and the database counts \
         as mirrored. If no other workspace mirrors it – look in the recycle bin of its workspace too –, let a DBA turn the \
         feed off in that database; it takes db_owner or CONTROL: {}",
        Statement::new("USE {}; EXEC sys.sp_change_feed_disable_db;", &[database]).text()
    )
}

/// Grants permissions on the current database.
pub fn grant(permissions: &[PermissionName], user: &Identifier) -> String {
    let mut statement = Statement::default();
    for permission in permissions {
        statement.add("GRANT {} TO {};", &[permission, user]);
    }
    statement.text().replace('\n', " ")
}

/// Takes back what a user granted or denied to another, in the current database.
pub fn revoke_as(permission: &PermissionName, grantee: &Identifier, grantor: &Identifier) -> String {
    Statement::new("REVOKE {} FROM {} CASCADE AS {};", &[permission, grantee, grantor]).text().to_owned()
}

/// A name as it stands in a statement.
pub(crate) fn quoted(name: &Identifier) -> String {
    Statement::new("{}", &[name]).text().to_owned()
}

/// Gives a login another name, for the reader to choose.
pub fn rename_login(login: &Identifier) -> String {
    Statement::new("ALTER LOGIN {} WITH NAME = [OTHER NAME];", &[login]).text().to_owned()
}

/// Drops a login that stands in the way.
pub fn drop_login(login: &Identifier) -> String {
    Statement::new("DROP LOGIN {};", &[login]).text().to_owned()
}

/// Gives a principal of a database another name, for the reader to choose.
pub fn rename_principal(database: &Identifier, kind: PrincipalKind, name: &Identifier) -> String {
    let words = match kind {
        PrincipalKind::Role => "USE {}; ALTER ROLE {} WITH NAME = [OTHER NAME];",
        PrincipalKind::ApplicationRole => "USE {}; ALTER APPLICATION ROLE {} WITH NAME = [OTHER NAME];",
        _ => "USE {}; ALTER USER {} WITH NAME = [OTHER NAME];",
    };
    Statement::new(words, &[database, name]).text().to_owned()
}

/// Takes a member out of a database role.
pub fn remove_member(role: &Identifier, member: &Identifier) -> String {
    Statement::new("ALTER ROLE {} DROP MEMBER {};", &[role, member]).text().to_owned()
}

/// Gives a schema to the database's owner.
pub fn give_schema(schema: &Identifier) -> String {
    Statement::new("ALTER AUTHORIZATION ON SCHEMA::{} TO [dbo];", &[schema]).text().to_owned()
}

/// Gives a database role to the database's owner.
pub fn give_role(role: &Identifier) -> String {
    Statement::new("ALTER AUTHORIZATION ON ROLE::{} TO [dbo];", &[role]).text().to_owned()
}

/// Lets a login in again.
pub fn let_in(login: &Identifier) -> String {
    Statement::new("ALTER LOGIN {} ENABLE; GRANT CONNECT SQL TO {};", &[login, login]).text().to_owned()
}

/// Makes a login a member of a server role.
pub fn add_to_server_role(role: &Identifier, login: &Identifier) -> String {
    let mut statement = Statement::default();
    setup::add_server_role(&mut statement, role, login);
    statement.text().to_owned()
}

/// Lets the operator's login see the managed identities of an instance. Which right it takes is documented nowhere (sql-mi
/// facts §3.4): this one is UNCONFIRMED, and so is the older and wider VIEW SERVER STATE.
pub const SEE_IDENTITIES: &str = "USE [master]; GRANT VIEW SERVER SECURITY STATE TO [OPERATOR];";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rescue_names_both_flags_the_database_and_the_statement() {
        let text = change_feed_left_on(&"Sa]les".parse().unwrap());
        for words in ["is_change_feed_enabled", "is_data_lake_replication_enabled", "db_owner or CONTROL"] {
            assert!(text.contains(words), "{text}");
        }
        assert!(text.ends_with(&format!("USE [Sa]]les]; {DISABLE_CHANGE_FEED}")), "{text}");
    }

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
