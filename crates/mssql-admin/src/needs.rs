//! What each operation takes of the operator (sql-mi facts §3.4), as a refusal says it: the right, and the statement by
//! which a DBA gives it. Names in capitals and brackets stand for the reader's own.

use crate::advice;
use crate::statement::Identifier;

/// Logins are created, changed and dropped.
pub(crate) const LOGINS: &str = "It takes ALTER ANY LOGIN, as the server role ##MS_LoginManager## has it. A DBA gives it, \
                                 in [master]: GRANT ALTER ANY LOGIN TO [OPERATOR];";
/// The login of an Entra principal is created.
pub(crate) const ENTRA_LOGINS: &str = "It takes an operator that is an Entra principal itself, with ALTER ANY LOGIN, or a member of sysadmin. Leave \
     `sql.username` out, and the identity that calls Fabric logs in. A DBA gives that one the right, in [master]: GRANT ALTER \
     ANY LOGIN TO [OPERATOR]; or makes the SQL login a member: ALTER SERVER ROLE [sysadmin] ADD MEMBER [OPERATOR];";
/// An Entra group is kept out, or let in.
pub(crate) const CONNECT_SQL: &str = "It takes CONNECT SQL with grant option, or CONTROL SERVER. A DBA gives it, in \
                                      [master]: GRANT CONNECT SQL TO [OPERATOR] WITH GRANT OPTION;";
/// A server role gets a member, or loses one.
pub(crate) const SERVER_ROLES: &str = "A fixed server role is given and taken by its own members and by sysadmin alone. A \
                                       DBA makes the operator one: ALTER SERVER ROLE [ROLE] ADD MEMBER [OPERATOR];";
/// Sessions are ended.
pub(crate) const SESSIONS: &str = "`force_drop` takes ALTER ANY CONNECTION. A DBA gives it, in [master]: GRANT ALTER ANY \
                                   CONNECTION TO [OPERATOR]; or end the sessions of this login and run again.";
/// Users are created, renamed and dropped.
pub(crate) const USERS: &str = "It takes ALTER ANY USER. A DBA gives it, in that database: GRANT ALTER ANY USER TO \
                                [OPERATOR];";
/// A user is mapped to a login.
pub(crate) const MAPPING: &str = "To map a user to a login takes CONTROL on the database. A DBA gives it, in that database: \
                                  GRANT CONTROL TO [OPERATOR];";
/// Schemas are given to somebody else.
pub(crate) const SCHEMAS: &str = "To give schemas to somebody else takes CONTROL on the database. A DBA gives it, in that \
                                  database: GRANT CONTROL TO [OPERATOR];";
/// A database role gets a member, or loses one.
pub(crate) const MEMBERS: &str = "To give or take a database role takes ALTER ANY ROLE, and of a fixed one membership in \
                                  db_owner. A DBA gives it, in that database: GRANT ALTER ANY ROLE TO [OPERATOR]; or: ALTER \
                                  ROLE [db_owner] ADD MEMBER [OPERATOR];";
/// A role is created.
pub(crate) const NEW_ROLE: &str =
    "It takes CREATE ROLE. A DBA gives it, in that database: GRANT CREATE ROLE TO [OPERATOR];";
/// A role is renamed or dropped.
pub(crate) const ROLES: &str = "It takes ALTER ANY ROLE, or ALTER on the role. A DBA gives it, in that database: GRANT ALTER \
                                ANY ROLE TO [OPERATOR];";
/// Permissions are granted, revoked and denied.
pub(crate) const PERMISSIONS: &str = "To grant takes each of the permissions with grant option, or CONTROL on the database; to revoke or deny takes CONTROL. A \
     DBA gives it, in that database: GRANT CONTROL TO [OPERATOR];";

const NEW_ROLES_OWNER: &str = "Another owner than the operator takes IMPERSONATE on that user, or ALTER on that role. A DBA gives it, in that database: \
     GRANT IMPERSONATE ON USER::[OWNER] TO [OPERATOR]; or: GRANT ALTER ON ROLE::[OWNER] TO [OPERATOR];";
const ROLES_OWNER: &str = "To give a role away takes TAKE OWNERSHIP on it, and IMPERSONATE on the user, or ALTER on the role, that gets it. A DBA \
     gives it, in that database: GRANT TAKE OWNERSHIP ON ROLE::[ROLE] TO [OPERATOR]; GRANT IMPERSONATE ON USER::[OWNER] TO \
     [OPERATOR]; or: GRANT ALTER ON ROLE::[OWNER] TO [OPERATOR];";

/// A new role is somebody else's.
pub(crate) fn new_roles_owner(owner: &Identifier) -> String {
    NEW_ROLES_OWNER.replace("[OWNER]", &advice::quoted(owner))
}

/// A role is given to somebody else.
pub(crate) fn roles_owner(role: &Identifier, owner: &Identifier) -> String {
    ROLES_OWNER.replace("[ROLE]", &advice::quoted(role)).replace("[OWNER]", &advice::quoted(owner))
}
