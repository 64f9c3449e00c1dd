//! Who may do what: tokens, covering permissions, fixed roles, ownership, DENY.

use std::collections::BTreeSet;

use super::permissions::{Builtin, Class, find};
use super::state::{
    DATABASE_ROLES, DB_OWNER, DBO, Database, GUEST, PUBLIC, PermissionRow, PermissionState, SERVER_PUBLIC,
    SERVER_ROLES, SYSADMIN, State, denied_by_role,
};

/// Whom a statement runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    Login(i32),
    /// EXECUTE AS USER: a database's user, without the rights of its login on the server.
    User {
        database: i32,
        user: i32,
    },
    /// A user that its database authenticated, without a login: nobody on the server.
    Contained {
        database: i32,
        user: i32,
    },
}

/// What a permission is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    pub class: Class,
    /// Database id, or 0 for what the server holds.
    pub database: i32,
    /// Principal, schema or object id; 0 for the server and for a database.
    pub major: i32,
}

impl Target {
    pub const SERVER: Self = Self { class: Class::Server, database: 0, major: 0 };

    pub fn database(id: i32) -> Self {
        Self { class: Class::Database, database: id, major: 0 }
    }
    pub fn in_database(class: Class, database: i32, major: i32) -> Self {
        Self { class, database, major }
    }
    pub fn on_server(class: Class, major: i32) -> Self {
        Self { class, database: 0, major }
    }
}

/// An identity with all it is a member of, in one database.
#[derive(Debug, Clone)]
pub struct Token {
    pub login: Option<i32>,
    pub server: BTreeSet<i32>,
    pub sysadmin: bool,
    pub database: i32,
    /// `None` when the identity cannot enter the database.
    pub user: Option<i32>,
    pub principals: BTreeSet<i32>,
}

impl Token {
    pub fn is_dbo(&self) -> bool {
        self.user == Some(DBO)
    }
    pub fn is_db_owner(&self) -> bool {
        self.is_dbo() || self.principals.contains(&DB_OWNER)
    }
}

impl State {
    pub fn token(&self, identity: Identity, database: i32) -> Token {
        match identity {
            Identity::Login(login) => {
                let server = self.server_token(login);
                let sysadmin = server.contains(&SYSADMIN);
                let user = self.user_of(login, sysadmin, &server, database);
                Token {
                    login: Some(login),
                    sysadmin,
                    server,
                    database,
                    user,
                    principals: self.principals_of(database, user),
                }
            }
            Identity::User { database: home, user } => {
                let user = (home == database).then_some(user);
                Token {
                    login: None,
                    server: BTreeSet::from([SERVER_PUBLIC]),
                    sysadmin: false,
                    database,
                    user,
                    principals: self.principals_of(database, user),
                }
            }
            Identity::Contained { database: home, user } => {
                let user = if home == database {
                    self.database(home).is_some_and(|d| may_connect(d, &d.token(user))).then_some(user)
                } else {
                    self.guest_of(database)
                };
                Token {
                    login: None,
                    // UNCONFIRMED: not even public, so that other databases are not seen (sql-mi facts §2).
                    server: BTreeSet::new(),
                    sysadmin: false,
                    database,
                    user,
                    principals: self.principals_of(database, user),
                }
            }
        }
    }

    /// Other databases let a contained user in as guest, where that may connect ("Security best practices with contained
    /// databases"). UNCONFIRMED: not as a user of the same SID, which SQL Server would let it be; of a Managed Instance
    /// cross-database access is documented for logins alone.
    fn guest_of(&self, database: i32) -> Option<i32> {
        let database = self.database(database)?;
        may_connect(database, &BTreeSet::from([GUEST, PUBLIC])).then_some(GUEST)
    }

    fn principals_of(&self, database: i32, user: Option<i32>) -> BTreeSet<i32> {
        match (self.database(database), user) {
            (Some(database), Some(user)) => database.token(user),
            _ => BTreeSet::new(),
        }
    }

    /// The user a login is in a database: dbo for sysadmin and the owner, else by SID, else guest where guest may connect.
    fn user_of(&self, login: i32, sysadmin: bool, server: &BTreeSet<i32>, database: i32) -> Option<i32> {
        let database = self.database(database)?;
        let principal = self.server_principals.get(&login)?;
        if sysadmin || database.owner_sid == principal.sid {
            return Some(DBO);
        }
        if let Some(user) = database.user_by_sid(&principal.sid) {
            let token = database.token(user.id);
            return may_connect(database, &token).then_some(user.id);
        }
        let guest = database
            .permissions
            .iter()
            .any(|row| row.grantee == GUEST && row.permission.code == "CO" && row.state != PermissionState::Deny);
        // The server's databases let guest in; CONNECT ANY DATABASE lets a login in without a user.
        let any = find(Class::Server, "CONNECT ANY DATABASE").is_some_and(|any| self.server_grants(server, any));
        (guest || any).then_some(GUEST)
    }

    fn server_grants(&self, server: &BTreeSet<i32>, permission: &'static Builtin) -> bool {
        let token = Token {
            login: None,
            server: server.clone(),
            sysadmin: server.contains(&SYSADMIN),
            database: 0,
            user: None,
            principals: BTreeSet::new(),
        };
        self.holds(&token, Target::SERVER, permission)
    }

    /// Whether the token holds the permission, whatever gives it.
    pub fn holds(&self, token: &Token, target: Target, permission: &'static Builtin) -> bool {
        if token.sysadmin || (token.is_dbo() && !target.class.is_server_scoped() && target.database == token.database) {
            return true;
        }
        let chain = self.chain(target, permission);
        let owner = chain.iter().any(|(target, _)| self.owns(token, *target));
        let denied = !owner && chain.iter().any(|(target, permission)| self.denied(token, *target, permission));
        !denied && (owner || chain.iter().any(|(target, permission)| self.granted(token, *target, permission)))
    }

    /// As [`State::holds`], by the permission's name; a name the class does not have is held by nobody.
    pub fn may(&self, token: &Token, target: Target, permission: &str) -> bool {
        find(target.class, permission).is_some_and(|permission| self.holds(token, target, permission))
    }

    /// The permission and all that cover it, up to the server.
    fn chain(&self, target: Target, permission: &'static Builtin) -> Vec<(Target, &'static Builtin)> {
        let mut chain = Vec::new();
        let mut open = vec![(target, permission)];
        while let Some((target, permission)) = open.pop() {
            if chain.contains(&(target, permission)) {
                continue;
            }
            chain.push((target, permission));
            if let Some(covering) = permission.covering.and_then(|name| find(target.class, name)) {
                open.push((target, covering));
            }
            let parent = self.parent(target);
            if let Some((parent, name)) = parent.zip(permission.parent_covering)
                && let Some(covering) = find(parent.class, name)
            {
                open.push((parent, covering));
            }
        }
        chain
    }

    fn parent(&self, target: Target) -> Option<Target> {
        match target.class {
            Class::Server => None,
            Class::Login | Class::ServerRole | Class::Database => Some(Target::SERVER),
            Class::Object => {
                let schema = self.database(target.database)?.object_schema(target.major)?;
                Some(Target::in_database(Class::Schema, target.database, schema))
            }
            Class::Schema | Class::User | Class::Role => Some(Target::database(target.database)),
        }
    }

    /// Owners hold CONTROL.
    fn owns(&self, token: &Token, target: Target) -> bool {
        match target.class {
            Class::Schema | Class::Role if target.database == token.database => {
                let Some(database) = self.database(target.database) else { return false };
                let owner = if target.class == Class::Schema {
                    database.schemas.get(&target.major).map(|schema| schema.owner)
                } else {
                    database.principals.get(&target.major).and_then(|role| role.owner)
                };
                owner.is_some_and(|owner| owner > SYS_LAST && token.principals.contains(&owner))
            }
            Class::Object if target.database == token.database => {
                let Some(database) = self.database(target.database) else { return false };
                let owner = database.object_owner(target.major);
                owner > SYS_LAST && token.principals.contains(&owner)
            }
            Class::ServerRole => {
                let owner = self.server_principals.get(&target.major).and_then(|role| role.owner);
                owner.is_some_and(|owner| owner != super::state::SA && token.server.contains(&owner))
            }
            _ => false,
        }
    }

    fn rows(&self, target: Target) -> &[PermissionRow] {
        if target.class.is_server_scoped() {
            &self.server_permissions
        } else {
            self.database(target.database).map_or(&[], |database| &database.permissions)
        }
    }

    fn matching<'a>(
        &'a self,
        token: &'a Token,
        target: Target,
        permission: &'static Builtin,
    ) -> impl Iterator<Item = &'a PermissionRow> {
        let members = if target.class.is_server_scoped() { &token.server } else { &token.principals };
        let here = target.class.is_server_scoped() || target.database == token.database;
        self.rows(target).iter().filter(move |row| {
            here && row.minor == 0
                && row.major == target.major
                && row.permission == permission
                && members.contains(&row.grantee)
        })
    }

    fn denied(&self, token: &Token, target: Target, permission: &'static Builtin) -> bool {
        let by_role = target.class == Class::Database
            && token.principals.iter().any(|role| denied_by_role(*role).contains(&permission.name));
        by_role || self.matching(token, target, permission).any(|row| row.state == PermissionState::Deny)
    }

    fn granted(&self, token: &Token, target: Target, permission: &'static Builtin) -> bool {
        let by_role = match target.class {
            Class::Server => given_by(SERVER_ROLES, &token.server, permission.name),
            Class::Database if target.database == token.database => {
                given_by(DATABASE_ROLES, &token.principals, permission.name)
            }
            _ => false,
        };
        by_role || self.matching(token, target, permission).any(|row| row.state != PermissionState::Deny)
    }

    /// Whether the token may pass the permission on: WITH GRANT OPTION on it or on what covers it, or CONTROL.
    pub fn may_grant(&self, token: &Token, target: Target, permission: &'static Builtin) -> bool {
        if target.class.is_server_scoped() {
            if token.sysadmin || token.server.contains(&super::state::SECURITYADMIN) {
                return true;
            }
        } else if token.sysadmin || token.is_db_owner() || token.principals.contains(&super::state::DB_SECURITYADMIN) {
            return true;
        }
        if find(target.class, if target.class == Class::Server { "CONTROL SERVER" } else { "CONTROL" })
            .is_some_and(|control| self.holds(token, target, control))
        {
            return true;
        }
        self.chain(target, permission).iter().any(|(target, permission)| {
            self.matching(token, *target, permission).any(|row| row.state == PermissionState::GrantWithOption)
        })
    }

    /// Whether the columns of an object may be read or written: by the object, or by each column's own row.
    pub fn denied_column(
        &self,
        token: &Token,
        object: Target,
        permission: &str,
        columns: &BTreeSet<i32>,
    ) -> Option<i32> {
        let Some(builtin) = find(Class::Object, permission) else { return columns.first().copied() };
        if token.sysadmin || token.is_dbo() {
            return None;
        }
        let whole = self.holds(token, object, builtin);
        columns.iter().copied().find(|column| {
            let row = self.rows(object).iter().filter(|row| {
                row.minor == *column
                    && row.major == object.major
                    && row.permission == builtin
                    && token.principals.contains(&row.grantee)
            });
            let states: Vec<PermissionState> = row.map(|row| row.state).collect();
            let column_denied = states.contains(&PermissionState::Deny);
            let column_granted = states.iter().any(|state| *state != PermissionState::Deny);
            // A grant on the column outlives a DENY on the table: the documented exception of the hierarchy.
            column_denied || !(whole || column_granted)
        })
    }

    // --- metadata visibility: what one may not see is not there ---

    pub fn sees_login(&self, token: &Token, id: i32) -> bool {
        let fixed = self.server_principals.get(&id).is_some_and(|p| p.fixed) || id == super::state::SA;
        fixed
            || token.server.contains(&id)
            || self.may(token, Target::SERVER, "VIEW ANY SECURITY DEFINITION")
            || self.may(token, Target::SERVER, "ALTER ANY LOGIN")
            || self.may(token, Target::on_server(Class::Login, id), "VIEW DEFINITION")
            || self.has_any_row(token, true, id)
    }

    pub fn sees_database(&self, token: &Token, current: i32, id: i32) -> bool {
        id == current
            || id <= 2
            || self.may(token, Target::SERVER, "VIEW ANY DATABASE")
            || self.may(token, Target::SERVER, "CREATE ANY DATABASE")
            || self.database(id).is_some_and(|database| {
                token
                    .login
                    .and_then(|login| self.server_principals.get(&login))
                    .is_some_and(|l| l.sid == database.owner_sid)
            })
    }

    pub fn sees_principal(&self, token: &Token, database: &Database, id: i32) -> bool {
        let class = if database.principals.get(&id).is_some_and(|p| p.kind == super::state::PrincipalType::Role) {
            Class::Role
        } else {
            Class::User
        };
        id <= SYS_LAST
            || database.principals.get(&id).is_some_and(|p| p.fixed)
            || token.principals.contains(&id)
            || self.may(token, Target::database(database.id), "VIEW SECURITY DEFINITION")
            || self.may(token, Target::database(database.id), "ALTER ANY USER")
            || (class == Class::Role && self.may(token, Target::database(database.id), "ALTER ANY ROLE"))
            || self.may(token, Target::in_database(class, database.id, id), "VIEW DEFINITION")
            || self.has_any_row(token, false, id)
    }

    /// Any permission on a table, or on the schema or database over it, makes it visible.
    pub fn sees_object(&self, token: &Token, database: &Database, id: i32) -> bool {
        let target = Target::in_database(Class::Object, database.id, id);
        if database.policies.contains_key(&id)
            && self.may(token, Target::database(database.id), "ALTER ANY SECURITY POLICY")
        {
            return true;
        }
        ["SELECT", "INSERT", "UPDATE", "DELETE", "ALTER", "VIEW DEFINITION", "REFERENCES", "EXECUTE"]
            .iter()
            .any(|permission| self.may(token, target, permission))
            || database.permissions.iter().any(|row| {
                row.permission.class == Class::Object
                    && row.major == id
                    && row.state != PermissionState::Deny
                    && token.principals.contains(&row.grantee)
            })
    }

    fn has_any_row(&self, token: &Token, server: bool, id: i32) -> bool {
        if server {
            self.server_permissions.iter().any(|row| {
                matches!(row.permission.class, Class::Login | Class::ServerRole)
                    && row.major == id
                    && row.state != PermissionState::Deny
                    && token.server.contains(&row.grantee)
            })
        } else {
            self.database(token.database).is_some_and(|database| {
                database.permissions.iter().any(|row| {
                    matches!(row.permission.class, Class::User | Class::Role)
                        && row.major == id
                        && row.state != PermissionState::Deny
                        && token.principals.contains(&row.grantee)
                })
            })
        }
    }
}

/// Principal ids up to here are the server's own.
pub const SYS_LAST: i32 = super::state::SYS;

/// Whether a user with this token may enter the database.
pub fn may_connect(database: &Database, token: &BTreeSet<i32>) -> bool {
    let granted = connect_rows(database, token).any(|state| state != PermissionState::Deny)
        || token.contains(&DB_OWNER)
        || token.contains(&16385);
    granted && !connect_is_denied(database, token) && !token.iter().all(|id| *id == PUBLIC)
}

pub fn connect_is_denied(database: &Database, token: &BTreeSet<i32>) -> bool {
    connect_rows(database, token).any(|state| state == PermissionState::Deny)
}

fn connect_rows<'a>(database: &'a Database, token: &'a BTreeSet<i32>) -> impl Iterator<Item = PermissionState> + 'a {
    let rows = database.permissions.iter().filter(|row| {
        row.permission.class == Class::Database && row.permission.code == "CO" && token.contains(&row.grantee)
    });
    rows.map(|row| row.state)
}

fn given_by(roles: &[(i32, &str, &[&str])], token: &BTreeSet<i32>, permission: &str) -> bool {
    roles.iter().any(|(id, _, permissions)| token.contains(id) && permissions.contains(&permission))
}
