//! Database users, roles, schemas and who owns them.

use super::access::Target;
use super::errors::{self, cannot};
use super::permissions::{Class, find};
use super::state::{
    Authentication, DBO, Database, DatabasePrincipal, GUEST, PUBLIC, PermissionRow, PermissionState, PrincipalType,
    SYS, SYSADMIN, Schema, same_name,
};
use super::work::Work;
use emulator_ground::engine::Message;
use emulator_tsql::ast::{ObjectName, RoleChange, Securable, UserOption, UserSource};

fn option_name(option: &UserOption) -> &'static str {
    match option {
        UserOption::Name(_) => "NAME",
        UserOption::DefaultSchema(_) => "DEFAULT_SCHEMA",
        UserOption::Login(_) => "LOGIN",
        UserOption::Password => "PASSWORD",
        UserOption::DefaultLanguage => "DEFAULT_LANGUAGE",
        UserOption::Sid(_) => "SID",
        UserOption::Type(_) => "TYPE",
        UserOption::AllowEncryptedValueModifications => "ALLOW_ENCRYPTED_VALUE_MODIFICATIONS",
    }
}

/// DEFAULT_SCHEMA = NULL takes the schema from a group; what it does to others is not documented.
fn check_no_schema(kind: PrincipalType, options: &[UserOption]) -> Result<(), Message> {
    let none = options.iter().any(|option| matches!(option, UserOption::DefaultSchema(None)));
    if none && kind != PrincipalType::ExternalGroup {
        return Err(errors::outside("DEFAULT_SCHEMA = NULL of a user who is no group"));
    }
    Ok(())
}

fn exists(name: &str) -> Message {
    Message::new(15023, 16, 1, format!("User, group, or role '{name}' already exists in the current database."))
}

/// An object is named in its own database, and by two parts: a third is another's, or not documented.
fn check_here(database: &Database, name: &ObjectName) -> Result<(), Message> {
    match &name.database {
        None if name.server.is_none() => Ok(()),
        Some(named) if name.server.is_none() && same_name(named, &database.name) => {
            Err(errors::outside("the owner of an object named by three parts"))
        }
        _ => Err(cannot("find", "object", &name.written())),
    }
}

impl Work<'_> {
    pub fn create_user(&mut self, name: &str, source: &UserSource, options: &[UserOption]) -> Result<(), Message> {
        if !self.may("CREATE USER") {
            return Err(errors::action_denied());
        }
        let database = self.database()?;
        let guest_back = same_name(name, "guest");
        if database.principal(name).is_some() && !guest_back {
            return Err(exists(name));
        }
        errors::not_reserved(name)?;
        errors::once(options.iter().map(option_name))?;
        let mut default_schema = Some("dbo".to_owned());
        let mut given = (None, None);
        for option in options {
            match option {
                UserOption::DefaultSchema(schema) => default_schema.clone_from(schema),
                UserOption::Password => {
                    return Err(Message::new(
                        33233,
                        16,
                        1,
                        "You can only create a user with a password in a contained database.",
                    ));
                }
                UserOption::Sid(sid) => given.0 = Some(sid.clone()),
                UserOption::Type(letter) => given.1 = Some(letter.clone()),
                _ => return Err(errors::outside("this option of CREATE USER")),
            }
        }
        if given.0.is_some() || given.1.is_some() {
            return Err(errors::outside("CREATE USER with SID and TYPE"));
        }
        if guest_back {
            return Err(errors::outside("CREATE USER guest"));
        }
        let (sid, kind, authentication) = self.user_identity(name, source)?;
        check_no_schema(kind, options)?;
        if let Some(login) = self.state.login_by_sid(&sid) {
            let owner = database.owner_sid == sid;
            let other = if owner { Some("dbo".to_owned()) } else { database.user_by_sid(&sid).map(|u| u.name.clone()) };
            if other.is_some() {
                let text = "The login already has an account under a different user name.".to_owned();
                let _ = login;
                return Err(Message::new(15063, 16, 1, text));
            }
        } else if database.user_by_sid(&sid).is_some() {
            return Err(exists(name));
        }
        let now = self.ambient.now;
        let database = self.change_database()?;
        let id = database.next_principal;
        database.next_principal += 1;
        database.principals.insert(
            id,
            DatabasePrincipal {
                id,
                name: name.to_owned(),
                sid: Some(sid),
                kind,
                authentication,
                default_schema,
                owner: None,
                created: now,
                modified: now,
                fixed: false,
            },
        );
        // CREATE USER grants CONNECT (sql-mi facts §2), to a user without login too: who could not enter the database could
        // not be impersonated in it.
        if let Some(permission) = find(Class::Database, "CONNECT") {
            database.permissions.push(PermissionRow {
                major: 0,
                minor: 0,
                grantee: id,
                grantor: DBO,
                permission,
                state: PermissionState::Grant,
            });
        }
        Ok(())
    }

    fn user_identity(
        &mut self,
        name: &str,
        source: &UserSource,
    ) -> Result<(Vec<u8>, PrincipalType, Authentication), Message> {
        match source {
            // No certificate or key can be made here, so none is there: 15151.
            UserSource::Key { kind, name } => Err(cannot("find", kind, name)),
            UserSource::WithoutLogin => {
                let seed = format!("{}/{name}/without", self.ambient.server_name);
                let sid = self.change().new_sid(&seed);
                let mut long = vec![1, 5, 0, 0, 0, 0, 0, 9, 3, 0, 0, 0];
                long.extend(sid);
                Ok((long, PrincipalType::Sql, Authentication::None))
            }
            UserSource::External { object_id } => {
                let (sid, kind) = self.resolve_external(name, object_id.as_deref())?;
                Ok((sid, kind, Authentication::External))
            }
            UserSource::SameName | UserSource::Login(_) => {
                let login_name = if let UserSource::Login(login) = source { login.as_str() } else { name };
                let login = self
                    .state
                    .login(login_name)
                    .filter(|l| self.state.sees_login(&self.token(), l.id) || l.kind == PrincipalType::Sql);
                let Some(login) = login else {
                    let text = format!("'{login_name}' is not a valid login or you do not have permission.");
                    return Err(Message::new(15007, 16, 1, text));
                };
                if login.id == super::state::SA {
                    return Err(errors::unusable(login_name));
                }
                let authentication =
                    if login.kind == PrincipalType::Sql { Authentication::Instance } else { Authentication::External };
                Ok((login.sid.clone(), login.kind, authentication))
            }
        }
    }

    pub fn alter_user(&mut self, name: &str, options: &[UserOption]) -> Result<(), Message> {
        let database = self.database()?;
        let token = self.token();
        let Some(user) = database.user(name).cloned() else { return Err(cannot("alter", "user", name)) };
        let own_schema_only =
            token.user == Some(user.id) && options.iter().all(|o| matches!(o, UserOption::DefaultSchema(_)));
        let may = self.state.may(&token, Target::in_database(Class::User, database.id, user.id), "ALTER");
        if !(may || own_schema_only) {
            return Err(cannot("alter", "user", name));
        }
        if user.id <= SYS {
            return Err(errors::special_principal("alter", "user", name));
        }
        errors::once(options.iter().map(option_name))?;
        check_no_schema(user.kind, options)?;
        let mut changed = user.clone();
        for option in options {
            match option {
                UserOption::Name(new) => {
                    if database.principal(new).is_some_and(|p| p.id != user.id) {
                        return Err(exists(new));
                    }
                    errors::not_reserved(new)?;
                    changed.name.clone_from(new);
                }
                UserOption::DefaultSchema(schema) => changed.default_schema.clone_from(schema),
                UserOption::Login(login) => {
                    if !self.may("CONTROL") {
                        return Err(cannot("alter", "user", name));
                    }
                    let Some(login) = self.state.login(login) else {
                        let text = format!("'{login}' is not a valid login or you do not have permission.");
                        return Err(Message::new(15007, 16, 1, text));
                    };
                    if user.kind != PrincipalType::Sql
                        || login.kind != PrincipalType::Sql
                        || user.authentication == Authentication::None
                    {
                        let text = "Cannot remap a user of one type to a login of a different type. For example, a SQL user must be mapped to a SQL login; it cannot be remapped to a Windows login.";
                        return Err(Message::new(33017, 16, 1, text));
                    }
                    if database.user_by_sid(&login.sid).is_some_and(|other| other.id != user.id)
                        || database.owner_sid == login.sid
                    {
                        return Err(Message::new(
                            15063,
                            16,
                            1,
                            "The login already has an account under a different user name.",
                        ));
                    }
                    changed.sid = Some(login.sid.clone());
                }
                UserOption::Password => {
                    return Err(Message::new(
                        33234,
                        16,
                        1,
                        "The parameter PASSWORD cannot be provided for users that cannot authenticate in a database.",
                    ));
                }
                _ => return Err(errors::outside("this option of ALTER USER")),
            }
        }
        changed.modified = self.ambient.now;
        self.change_database()?.principals.insert(changed.id, changed);
        Ok(())
    }

    pub fn drop_user(&mut self, name: &str, if_exists: bool) -> Result<(), Message> {
        let database = self.database()?;
        let Some(user) = database.user(name).cloned() else {
            return if if_exists { Ok(()) } else { Err(cannot("drop", "user", name)) };
        };
        if !self.state.may(&self.token(), Target::in_database(Class::User, database.id, user.id), "ALTER") {
            return Err(cannot("drop", "user", name));
        }
        if user.id == GUEST {
            return Err(errors::outside("DROP USER guest"));
        }
        if user.id <= SYS {
            return Err(errors::special_principal("drop", "user", name));
        }
        self.drop_principal(user.id)
    }

    /// What a principal may still hold when it goes: nothing.
    fn drop_principal(&mut self, id: i32) -> Result<(), Message> {
        let database = self.change_database()?;
        if database.schemas.values().any(|s| s.owner == id) {
            return Err(Message::new(
                15138,
                16,
                1,
                "The database principal owns a schema in the database, and cannot be dropped.",
            ));
        }
        if database.principals.values().any(|p| p.owner == Some(id)) {
            return Err(Message::new(
                15421,
                16,
                1,
                "The database principal owns a database role and cannot be dropped.",
            ));
        }
        if database.objects().any(|object| object.owner == Some(id)) {
            let text = "The database principal owns objects in the database and cannot be dropped.";
            return Err(Message::new(15183, 16, 1, text));
        }
        if database.permissions.iter().any(|row| row.grantor == id && row.grantee != id) {
            let text = "The database principal has granted or denied permissions to objects in the database and cannot be dropped.";
            return Err(Message::new(15284, 16, 1, text));
        }
        database.principals.remove(&id);
        database.members.retain(|(_, member)| *member != id);
        database.permissions.retain(|row| {
            row.grantee != id && !(matches!(row.permission.class, Class::User | Class::Role) && row.major == id)
        });
        Ok(())
    }

    // --- roles ---

    pub fn create_role(&mut self, name: &str, owner: Option<&str>) -> Result<(), Message> {
        if !self.may("CREATE ROLE") {
            return Err(errors::action_denied());
        }
        let database = self.database()?;
        if database.principal(name).is_some() {
            return Err(exists(name));
        }
        errors::not_reserved(name)?;
        let owner = match owner {
            Some(owner) => self.new_owner(&database, owner)?,
            None => self.database_self(),
        };
        let now = self.ambient.now;
        let seed = format!("{}/{name}/role", self.ambient.server_name);
        let sid = self.change().new_sid(&seed);
        let database = self.change_database()?;
        let id = database.next_principal;
        database.next_principal += 1;
        database.principals.insert(
            id,
            DatabasePrincipal {
                id,
                name: name.to_owned(),
                sid: Some([&[1, 5, 0, 0, 0, 0, 0, 9, 4, 0, 0, 0][..], &sid].concat()),
                kind: PrincipalType::Role,
                authentication: Authentication::None,
                default_schema: None,
                owner: Some(owner),
                created: now,
                modified: now,
                fixed: false,
            },
        );
        Ok(())
    }

    pub fn alter_role(&mut self, name: &str, change: &RoleChange) -> Result<(), Message> {
        let database = self.database()?;
        let token = self.token();
        let Some(role) = database.role(name).cloned() else { return Err(cannot("alter", "role", name)) };
        let may = if role.fixed {
            // Only db_owner changes fixed roles; public has no members to change.
            token.is_db_owner() || self.may("CONTROL")
        } else {
            self.state.may(&token, Target::in_database(Class::Role, database.id, role.id), "ALTER")
        };
        if !may {
            return Err(cannot("alter", "role", name));
        }
        match change {
            _ if role.id == PUBLIC => Err(errors::special_principal("alter", "role", name)),
            RoleChange::Rename(_) if role.fixed => Err(errors::special_principal("alter", "role", name)),
            RoleChange::Rename(new) => {
                if database.principal(new).is_some_and(|p| p.id != role.id) {
                    return Err(exists(new));
                }
                errors::not_reserved(new)?;
                if let Some(role) = self.change_database()?.principals.get_mut(&role.id) {
                    new.clone_into(&mut role.name);
                }
                Ok(())
            }
            RoleChange::AddMember(member) | RoleChange::DropMember(member) => {
                let adding = matches!(change, RoleChange::AddMember(_));
                let verb = if adding { "add" } else { "drop" };
                let Some(principal) = database.principal(member) else { return Err(cannot(verb, "principal", member)) };
                if principal.id == DBO || principal.id == PUBLIC || principal.fixed || (3..=SYS).contains(&principal.id)
                {
                    return Err(errors::unusable(member));
                }
                if adding && database.token(role.id).contains(&principal.id) {
                    return Err(Message::new(15413, 11, 1, "Cannot make a role a member of itself."));
                }
                let pair = (role.id, principal.id);
                if !adding && !database.members.contains(&pair) {
                    return Err(cannot(verb, "principal", member));
                }
                let members = &mut self.change_database()?.members;
                if adding {
                    members.insert(pair)
                } else {
                    members.remove(&pair)
                };
                Ok(())
            }
        }
    }

    pub fn drop_role(&mut self, name: &str, if_exists: bool) -> Result<(), Message> {
        let database = self.database()?;
        let Some(role) = database.role(name).cloned() else {
            return if if_exists { Ok(()) } else { Err(cannot("drop", "role", name)) };
        };
        if !self.state.may(&self.token(), Target::in_database(Class::Role, database.id, role.id), "ALTER") {
            return Err(cannot("drop", "role", name));
        }
        if role.fixed || role.id == PUBLIC {
            return Err(errors::special_principal("drop", "role", name));
        }
        if database.members.iter().any(|(of, _)| *of == role.id) {
            return Err(Message::new(15144, 16, 1, "The role has members. It must be empty before it can be dropped."));
        }
        self.drop_principal(role.id)
    }

    // --- schemas and owners ---

    pub fn create_schema(&mut self, name: &str, owner: Option<&str>) -> Result<(), Message> {
        if !self.may("CREATE SCHEMA") {
            let database = self.database()?;
            let text = format!(
                "The specified schema name \"{name}\" either does not exist or you do not have permission to use it."
            );
            let _ = database;
            return Err(Message::new(2760, 16, 1, text));
        }
        let database = self.database()?;
        if database.schema(name).is_some() {
            return Err(Message::new(
                2714,
                16,
                6,
                format!("There is already an object named '{name}' in the database."),
            ));
        }
        let owner = match owner {
            Some(owner) => self.new_owner(&database, owner)?,
            None => self.database_self(),
        };
        let database = self.change_database()?;
        let id = database.schemas.keys().copied().filter(|id| *id < 16384).max().unwrap_or(4) + 1;
        database.schemas.insert(id, Schema { id, name: name.to_owned(), owner });
        Ok(())
    }

    pub fn drop_schema(&mut self, name: &str, if_exists: bool) -> Result<(), Message> {
        let database = self.database()?;
        let Some(schema) = database.schema(name).cloned() else {
            return if if_exists { Ok(()) } else { Err(cannot("drop", "schema", name)) };
        };
        if !self.state.may(&self.token(), Target::in_database(Class::Schema, database.id, schema.id), "CONTROL") {
            return Err(cannot("drop", "schema", name));
        }
        if schema.id <= 4 {
            return Err(errors::special_principal("drop", "schema", name));
        }
        if let Some(object) = database.objects().find(|object| object.schema == schema.id) {
            let object = object.name;
            let text = format!("Cannot drop schema '{name}' because it is being referenced by object '{object}'.");
            return Err(Message::new(3729, 16, 1, text));
        }
        let database = self.change_database()?;
        database.schemas.remove(&schema.id);
        database.permissions.retain(|row| !(row.permission.class == Class::Schema && row.major == schema.id));
        Ok(())
    }

    /// A principal something is given to: the giver must be able to act as it, be in it or alter it.
    fn new_owner(&self, database: &Database, name: &str) -> Result<i32, Message> {
        let token = self.token();
        let may = |p: &&DatabasePrincipal| {
            let of = |class| Target::in_database(class, database.id, p.id);
            match p.kind {
                PrincipalType::Role => {
                    token.principals.contains(&p.id) || self.state.may(&token, of(Class::Role), "ALTER")
                }
                _ => token.user == Some(p.id) || self.state.may(&token, of(Class::User), "IMPERSONATE"),
            }
        };
        let found = database.principal(name).filter(may).map(|p| p.id);
        found.ok_or_else(|| cannot("find", "principal", name))
    }

    /// A table, view, function or policy; SCHEMA OWNER gives it back. What was granted on it goes, as the page of ALTER
    /// AUTHORIZATION says.
    fn own_object(&mut self, securable: &Securable, owner: Option<&str>) -> Result<(), Message> {
        let database = self.database()?;
        let (of, token) = (&securable.name, self.token());
        check_here(&database, of)?;
        let object = self.meant(&database, of).map(|object| object.id);
        let may =
            |id: &i32| self.state.may(&token, Target::in_database(Class::Object, database.id, *id), "TAKE OWNERSHIP");
        let Some(id) = object.filter(may) else { return Err(cannot("find", "object", &of.name)) };
        let owner = owner.map(|owner| self.new_owner(&database, owner)).transpose()?;
        let database = self.change_database()?;
        database.give_object(id, owner);
        database.permissions.retain(|row| !(row.permission.class == Class::Object && row.major == id));
        Ok(())
    }

    pub fn alter_authorization(&mut self, securable: &Securable, owner: Option<&str>) -> Result<(), Message> {
        let name = &securable.name.name;
        let database = self.database()?;
        let token = self.token();
        if securable.class == "OBJECT" {
            return self.own_object(securable, owner);
        }
        let Some(owner) = owner else {
            return Err(super::grants::absent(securable));
        };
        if securable.name.schema.is_some() {
            return Err(cannot("find", &securable.class.to_ascii_lowercase(), &securable.name.written()));
        }
        match securable.class.as_str() {
            "SCHEMA" | "ROLE" => {
                let (class, id) = if securable.class == "SCHEMA" {
                    (Class::Schema, database.schema(name).map(|s| s.id))
                } else {
                    (Class::Role, database.role(name).filter(|r| !r.fixed && r.id != PUBLIC).map(|r| r.id))
                };
                let kind = if class == Class::Schema { "schema" } else { "role" };
                let id = id.filter(|id| {
                    self.state.may(&token, Target::in_database(class, database.id, *id), "TAKE OWNERSHIP")
                });
                let Some(id) = id else { return Err(cannot("find", kind, name)) };
                let owner = self.new_owner(&database, owner)?;
                if class == Class::Schema && id <= 4 {
                    return Err(errors::special_principal("alter", "schema", name));
                }
                let database = self.change_database()?;
                match class {
                    Class::Schema => {
                        // Permissions on what the schema holds go with its owner.
                        let held: Vec<i32> = database.objects().filter(|o| o.schema == id).map(|o| o.id).collect();
                        let object = |row: &PermissionRow| row.permission.class == Class::Object;
                        database.permissions.retain(|row| !(object(row) && held.contains(&row.major)));
                        _ = database.schemas.get_mut(&id).map(|s| s.owner = owner);
                    }
                    _ => _ = database.principals.get_mut(&id).map(|p| p.owner = Some(owner)),
                }
                Ok(())
            }
            "DATABASE" => {
                let Some(of) = self.state.database_named(name).map(|d| d.id) else {
                    return Err(cannot("find", "database", name));
                };
                let owner_token = self.state.token(self.ambient.identity, of);
                if !self.state.may(&owner_token, Target::database(of), "TAKE OWNERSHIP") {
                    return Err(cannot("find", "database", name));
                }
                let may = |id| self.state.may(&owner_token, Target::on_server(Class::Login, id), "IMPERSONATE");
                let own = |id| owner_token.login == Some(id);
                let Some(login) = self.state.login(owner).filter(|l| own(l.id) || may(l.id)).cloned() else {
                    return Err(cannot("find", "principal", owner));
                };
                if self.state.database(of).is_some_and(|d| d.user_by_sid(&login.sid).is_some_and(|u| u.id != DBO)) {
                    let text = "The proposed new database owner is already a user or aliased in the database.";
                    return Err(Message::new(15110, 16, 1, text));
                }
                if let Some(database) = self.change().database_mut(of) {
                    database.owner_sid.clone_from(&login.sid);
                    if let Some(dbo) = database.principals.get_mut(&DBO) {
                        dbo.sid = Some(login.sid);
                    }
                }
                Ok(())
            }
            "SERVER ROLE" => {
                let role = self.state.server_role(name).filter(|r| !r.fixed && r.id > SYSADMIN).map(|r| r.id);
                let may =
                    |id: &i32| self.state.may(&token, Target::on_server(Class::ServerRole, *id), "TAKE OWNERSHIP");
                let Some(role) = role.filter(may) else { return Err(cannot("find", "server role", name)) };
                let owner_id = self.state.login(owner).map(|l| l.id).filter(|id| {
                    token.login == Some(*id)
                        || self.state.may(&token, Target::on_server(Class::Login, *id), "IMPERSONATE")
                });
                let Some(owner_id) = owner_id else { return Err(cannot("find", "principal", owner)) };
                _ = self.change().server_principals.get_mut(&role).map(|r| r.owner = Some(owner_id));
                Ok(())
            }
            // UNCONFIRMED: the page does not list users, which are owned by nobody but themselves.
            "USER" if database.user(name).is_none() => Err(cannot("find", "user", name)),
            other @ ("USER" | "LOGIN" | "SERVER" | "APPLICATION ROLE") => {
                Err(errors::outside(&format!("ALTER AUTHORIZATION ON {other}")))
            }
            _ => Err(super::grants::absent(securable)),
        }
    }
}
