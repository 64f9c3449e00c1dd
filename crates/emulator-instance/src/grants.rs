//! GRANT, DENY and REVOKE.
//!
//! GRANT takes a DENY of the same permission away; REVOKE takes only the row of its own grantor; a permission held
//! with grant option goes only with CASCADE (`sql-mi.md` §3.3 of the notes).

use super::access::Target;
use super::errors::{self, cannot};
use super::permissions::{self, Builtin, Class, find};
use super::state::{
    DB_SECURITYADMIN, DBO, Database, DatabasePrincipal, PUBLIC, PermissionRow, PermissionState, PrincipalType, SA, SYS,
    same_name,
};
use super::work::Work;
use emulator_ground::engine::Message;
use emulator_tsql::ast::{PermissionStatement, PermissionVerb, PermissionWords, Securable};

/// One permission on one securable, or one of its columns.
struct Item {
    permission: &'static Builtin,
    minor: i32,
}

impl Work<'_> {
    pub fn permission_statement(&mut self, statement: &PermissionStatement) -> Result<(), Message> {
        let (target, items) = self.items(statement)?;
        let server = target.class.is_server_scoped();
        let token = self.token();
        for item in &items {
            let revoke_needs_control =
                matches!(statement.verb, PermissionVerb::Revoke { .. }) && target.class == Class::Database;
            let may = if revoke_needs_control && !self.state.may_grant(&token, target, item.permission) {
                false
            } else {
                self.state.may_grant(&token, target, item.permission)
            };
            if !may {
                return Err(Message::new(4613, 16, 1, "Grantor does not have GRANT permission."));
            }
        }
        let grantor = match &statement.grantor {
            None if server => self.server_self(),
            None => self.database_self(),
            Some(name) => self.grantor_named(server, name)?,
        };
        for name in &statement.principals {
            let grantee = self.grantee(server, name.as_deref(), grantor)?;
            for item in &items {
                let rows = if server {
                    &mut self.change().server_permissions
                } else {
                    &mut self.change_database()?.permissions
                };
                apply(rows, statement.verb, target, item, grantee, grantor)?;
            }
        }
        Ok(())
    }

    fn grantor_named(&self, server: bool, name: &str) -> Result<i32, Message> {
        let token = self.token();
        if server {
            let found = self.state.server_principal(name).map(|p| p.id);
            return found
                .filter(|id| token.sysadmin || token.server.contains(id))
                .ok_or_else(|| cannot("find", "login", name));
        }
        let database = self.database()?;
        // "AS granting_principal" of GRANT Database Permissions: whoever may impersonate the user, or alter the role.
        let of = |class, id| Target::in_database(class, database.id, id);
        let may = |p: &&DatabasePrincipal| {
            token.is_db_owner()
                || token.principals.contains(&DB_SECURITYADMIN)
                || token.principals.contains(&p.id)
                || match p.kind {
                    PrincipalType::Role => self.state.may(&token, of(Class::Role, p.id), "ALTER"),
                    _ => self.state.may(&token, of(Class::User, p.id), "IMPERSONATE"),
                }
        };
        let found = database.principal(name).filter(may).map(|p| p.id);
        found.ok_or_else(|| cannot("find", "user", name))
    }

    fn grantee(&self, server: bool, name: Option<&str>, grantor: i32) -> Result<i32, Message> {
        let Some(name) = name else {
            return Err(Message::new(156, 15, 1, "Incorrect syntax near the keyword 'NULL'."));
        };
        let token = self.token();
        let nobody = || {
            let text = "Cannot grant, deny, or revoke permissions to sa, dbo, entity owner, information_schema, sys, or yourself.";
            Message::new(4624, 16, 1, text)
        };
        let special =
            || Message::new(4617, 16, 1, "Cannot grant, deny or revoke permissions to or from special roles.");
        if server {
            let principal = self.state.server_principal(name).ok_or_else(|| cannot("find", "login", name))?;
            if principal.id == SA || Some(principal.id) == token.login {
                return Err(nobody());
            }
            if principal.fixed && principal.id != super::state::SERVER_PUBLIC {
                return Err(special());
            }
            return Ok(principal.id);
        }
        let database = self.database()?;
        let principal = database.principal(name).ok_or_else(|| cannot("find", "user", name))?;
        let own = Some(principal.id) == token.user || principal.id == grantor;
        if principal.id == DBO || (3..=SYS).contains(&principal.id) || own {
            return Err(nobody());
        }
        if principal.fixed && principal.id != PUBLIC {
            return Err(special());
        }
        Ok(principal.id)
    }

    fn items(&self, statement: &PermissionStatement) -> Result<(Target, Vec<Item>), Message> {
        let database = self.database()?;
        let all = |words: &PermissionWords| matches!(words.words.as_str(), "ALL" | "ALL PRIVILEGES");
        if let Some(words) = statement.permissions.iter().find(|w| !all(w) && !is_permission(&w.words)) {
            return Err(Message::new(102, 15, 1, format!("Incorrect syntax near '{}'.", words.last_word)));
        }
        let target = match &statement.on {
            Some(securable) => self.securable(securable)?,
            None if statement.permissions.iter().all(|p| self.is_server_permission(p)) => {
                if database.id != super::state::MASTER {
                    return Err(Message::new(
                        4621,
                        16,
                        10,
                        "Permissions at the server scope can only be granted when the current database is master",
                    ));
                }
                Target::SERVER
            }
            None => Target::database(database.id),
        };
        let mut items = Vec::new();
        for words in &statement.permissions {
            let on_columns = statement.on.as_ref().map_or(&[][..], |on| &on.columns[..]);
            let columns = if words.columns.is_empty() { on_columns } else { &words.columns };
            if matches!(words.words.as_str(), "ALL" | "ALL PRIVILEGES") {
                if !columns.is_empty() {
                    return Err(errors::outside("ALL on columns"));
                }
                items.extend(all_of(target)?.into_iter().map(|permission| Item { permission, minor: 0 }));
                continue;
            }
            let permission = self.known(target.class, words)?;
            if target.class == Class::Object {
                check_fits(&database, target.major, permission.name)?;
            }
            if columns.is_empty() {
                items.push(Item { permission, minor: 0 });
                continue;
            }
            if target.class != Class::Object
                || !matches!(permission.name, "SELECT" | "UPDATE" | "REFERENCES" | "UNMASK")
            {
                return Err(Message::new(
                    1020,
                    15,
                    1,
                    "Sub-entity lists (such as column or security expressions) cannot be specified for entity-level permissions.",
                ));
            }
            let table =
                database.tables.get(&target.major).ok_or_else(|| errors::outside("column permissions on a view"))?;
            for column in columns {
                let minor = table.column(column).ok_or_else(|| errors::invalid_column(column))?.id;
                items.push(Item { permission, minor });
            }
        }
        Ok((target, items))
    }

    fn is_server_permission(&self, words: &PermissionWords) -> bool {
        find(Class::Server, &words.words).is_some() && find(Class::Database, &words.words).is_none()
    }

    /// An unknown permission is a syntax error at its last word, as on the server.
    fn known(&self, class: Class, words: &PermissionWords) -> Result<&'static Builtin, Message> {
        let name = if words.words == "EXEC" { "EXECUTE" } else { &words.words };
        let elsewhere = Class::ALL.into_iter().any(|class| find(class, name).is_some());
        match find(class, name) {
            Some(builtin) if permissions::exists(builtin, self.ambient.facts.update_policy) => Ok(builtin),
            None if elsewhere => Err(incompatible(name)),
            _ => Err(Message::new(102, 15, 1, format!("Incorrect syntax near '{}'.", words.last_word))),
        }
    }

    fn securable(&self, securable: &Securable) -> Result<Target, Message> {
        let database = self.database()?;
        let token = self.token();
        let name = &securable.name.name;
        let Some(class) = Class::named(&securable.class) else {
            return Err(absent(securable));
        };
        let of = &securable.name;
        if class != Class::Object && of.schema.is_some() {
            return Err(cannot("find", &class.word().to_ascii_lowercase(), &of.written()));
        }
        match &of.database {
            None => {}
            Some(named) if of.server.is_none() && same_name(named, &database.name) => {
                return Err(errors::outside("permissions on an object named by three parts"));
            }
            Some(_) => {
                let text = "You can only grant or revoke permissions on objects in the current database.";
                return Err(Message::new(4610, 16, 1, text));
            }
        }
        let here = |id: i32| Target::in_database(class, database.id, id);
        let found = match class {
            Class::Server => Some(Target::SERVER),
            Class::Database => {
                let named = self.state.database_named(name).filter(|d| d.id == database.id);
                named.map(|d| Target::database(d.id))
            }
            Class::Schema => database.schema(name).map(|s| here(s.id)),
            Class::User => database.user(name).map(|u| here(u.id)),
            Class::Role => database.role(name).map(|r| here(r.id)),
            Class::Login => self.state.login(name).map(|l| Target::on_server(class, l.id)),
            Class::ServerRole => self.state.server_role(name).map(|r| Target::on_server(class, r.id)),
            Class::Object => {
                let object = self.meant(&database, &securable.name).map(|object| object.id);
                object.filter(|id| self.state.sees_object(&token, &database, *id)).map(here)
            }
        };
        if class.is_server_scoped() && database.id != super::state::MASTER {
            return Err(Message::new(
                4621,
                16,
                10,
                "Permissions at the server scope can only be granted when the current database is master",
            ));
        }
        found.ok_or_else(|| cannot("find", &class.word().to_ascii_lowercase(), name))
    }
}

/// "Permissions applicable to specific securables": EXECUTE is for what is executed, RECEIVE for queues, VIEW CHANGE
/// TRACKING for tables. No page says which a security policy has of its own.
fn check_fits(database: &Database, object: i32, permission: &str) -> Result<(), Message> {
    if database.policies.contains_key(&object) {
        return Err(errors::outside("permissions on a security policy"));
    }
    let fits = match permission {
        "EXECUTE" | "RECEIVE" => false,
        "VIEW CHANGE TRACKING" => database.tables.contains_key(&object),
        _ => true,
    };
    if fits { Ok(()) } else { Err(incompatible(permission)) }
}

fn incompatible(permission: &str) -> Message {
    let text = format!("Granted or revoked privilege {permission} is not compatible with object.");
    Message::new(4606, 16, 1, text)
}

/// Whether some class of securables has it, or one that no database here has any of.
fn is_permission(words: &str) -> bool {
    let name = if words == "EXEC" { "EXECUTE" } else { words };
    name == "RECEIVE" || name == "SEND" || Class::ALL.into_iter().any(|class| find(class, name).is_some())
}

/// What ALL stands for: the page of GRANT lists it for databases, tables and views.
fn all_of(target: Target) -> Result<Vec<&'static Builtin>, Message> {
    let names: &[&str] = match target.class {
        Class::Database => &[
            "BACKUP DATABASE",
            "BACKUP LOG",
            "CREATE DEFAULT",
            "CREATE FUNCTION",
            "CREATE PROCEDURE",
            "CREATE RULE",
            "CREATE TABLE",
            "CREATE VIEW",
        ],
        Class::Object => &["DELETE", "INSERT", "REFERENCES", "SELECT", "UPDATE"],
        other => return Err(errors::outside(&format!("ALL on {}", other.word()))),
    };
    Ok(names.iter().filter_map(|name| find(target.class, name)).collect())
}

/// 15151 for the classes of securables that can be named and not be made here. (An instance has endpoints of its own.)
pub fn absent(securable: &Securable) -> Message {
    if securable.class == "ENDPOINT" {
        return errors::outside("endpoints");
    }
    cannot("find", &securable.class.to_ascii_lowercase(), &securable.name.name)
}

fn apply(
    rows: &mut Vec<PermissionRow>,
    verb: PermissionVerb,
    target: Target,
    item: &Item,
    grantee: i32,
    grantor: i32,
) -> Result<(), Message> {
    let same = |row: &PermissionRow| {
        row.major == target.major
            && row.minor == item.minor
            && row.grantee == grantee
            && row.permission == item.permission
    };
    let new = |state| PermissionRow {
        major: target.major,
        minor: item.minor,
        grantee,
        grantor,
        permission: item.permission,
        state,
    };
    let grantable =
        rows.iter().any(|row| same(row) && row.grantor == grantor && row.state == PermissionState::GrantWithOption);
    let needs_cascade =
        || Message::new(4611, 16, 1, "To revoke or deny grantable privileges, specify the CASCADE option.");
    match verb {
        PermissionVerb::Grant { with_grant_option } => {
            rows.retain(|row| !(same(row) && row.state == PermissionState::Deny));
            let wanted = if with_grant_option { PermissionState::GrantWithOption } else { PermissionState::Grant };
            match rows.iter_mut().find(|row| same(row) && row.grantor == grantor) {
                // A grant without the option does not take the option away.
                Some(row) if row.state == PermissionState::GrantWithOption => {}
                Some(row) => row.state = wanted,
                None => rows.push(new(wanted)),
            }
        }
        PermissionVerb::Deny { cascade } => {
            if grantable && !cascade {
                return Err(needs_cascade());
            }
            if cascade {
                remove_granted_by(rows, target, item, grantee);
            }
            rows.retain(|row| !same(row));
            rows.push(new(PermissionState::Deny));
        }
        PermissionVerb::Revoke { grant_option_only, cascade } => {
            if grantable && !cascade {
                return Err(needs_cascade());
            }
            if cascade {
                remove_granted_by(rows, target, item, grantee);
            }
            if grant_option_only && grantable {
                for row in rows.iter_mut().filter(|row| same(row) && row.grantor == grantor) {
                    row.state = PermissionState::Grant;
                }
            } else {
                // GRANT OPTION FOR of a plain grant takes the permission itself, which is documented.
                rows.retain(|row| {
                    !(same(row) && row.grantor == grantor && !(grant_option_only && row.state == PermissionState::Deny))
                });
            }
        }
    }
    Ok(())
}

/// CASCADE: what the grantee passed on goes too, and what was passed on from there.
fn remove_granted_by(rows: &mut Vec<PermissionRow>, target: Target, item: &Item, grantor: i32) {
    let given = |row: &PermissionRow| {
        row.grantor == grantor
            && row.major == target.major
            && row.permission == item.permission
            && row.grantee != grantor
    };
    let next: Vec<i32> = rows.iter().filter(|row| given(row)).map(|row| row.grantee).collect();
    rows.retain(|row| !given(row));
    for grantee in next {
        remove_granted_by(rows, target, item, grantee);
    }
}
