//! Changes of a configuration, as people make them between two applies.

use std::collections::BTreeSet;

use tfplugin::Dynamic;
use tfplugin::testing::{Block, Configuration, Expression};

use crate::configs::{
    self, Features, PERMISSIONS, READER, TABLES, Type, flag, number, object, password, tables, text, texts,
};
use crate::entra::{self, Of};
use crate::rng::Rng;

/// One change of a configuration.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    Set(String, &'static str, Expression),
    Unset(String, &'static str),
    /// With all that refers to it.
    Remove(String),
    Add(Block),
}

/// Whether a block refers to an address.
pub fn refers(block: &Block, address: &str) -> bool {
    fn within(expression: &Expression, address: &str) -> bool {
        match expression {
            Expression::Reference { address: it, .. } => it == address,
            Expression::Object(entries) => entries.values().any(|it| within(it, address)),
            Expression::List(elements) => elements.iter().any(|it| within(it, address)),
            Expression::Value(_) => false,
        }
    }
    block.attributes.values().any(|it| within(it, address))
}

/// Takes a block out, all that refers to it, and grants that name its user by themselves.
pub fn remove(configuration: &mut Configuration, address: &str) {
    let mut gone = vec![address.to_owned()];
    while let Some(address) = gone.pop() {
        configuration.blocks.retain(|block| block.address != address);
        let is_user = Type::of(&address) == Some(Type::User);
        let stands_on = |it: &&Block| {
            let names = is_user && it.type_name == Type::Grants.name() && it.depends_on.contains(&address);
            names || refers(it, &address)
        };
        gone.extend(configuration.blocks.iter().filter(stands_on).map(|it| it.address.clone()));
        configuration.blocks.iter_mut().for_each(|block| block.depends_on.retain(|it| *it != address));
    }
}

impl Edit {
    /// What is not there is left alone.
    pub fn apply(&self, configuration: &mut Configuration) {
        let block = |configuration: &mut Configuration, address: &str, change: &dyn Fn(&mut Block)| {
            configuration.blocks.iter_mut().filter(|block| block.address == address).for_each(change);
        };
        match self {
            Self::Set(address, name, value) => block(configuration, address, &|block| {
                block.attributes.insert((*name).to_owned(), value.clone());
            }),
            Self::Unset(address, name) => block(configuration, address, &|block| {
                block.attributes.remove(*name);
            }),
            Self::Remove(address) => remove(configuration, address),
            Self::Add(block) => {
                let there = |address: &String| configuration.blocks.iter().any(|it| it.address == *address);
                let refers_to_nothing =
                    Type::ALL.iter().any(|it| refers(block, &it.address()) && !there(&it.address()));
                if !there(&block.address) && !refers_to_nothing {
                    let mut block = block.clone();
                    block.depends_on.retain(there);
                    configuration.blocks.push(block);
                }
            }
        }
    }
}

/// A change that somebody would make to this configuration, and its name.
pub fn edit(rng: &mut Rng, configuration: &Configuration, features: &Features) -> (&'static str, Vec<Edit>) {
    let blocks = &configuration.blocks;
    if blocks.is_empty() || rng.chance(8) {
        let present = |it: &Type| blocks.iter().any(|block| block.type_name == it.name());
        // A role stands on nothing: it would always be the next.
        let role = rng.chance(30);
        // No connection logs in as somebody of Entra.
        let is_entra = entra::first(configuration).is_some();
        let stands_on_password = |it: &Type| matches!(it, Type::Connection | Type::Mirror | Type::Replication);
        let fits = |it: &Type| !present(it) && (role || *it != Type::Role) && !(is_entra && stands_on_password(it));
        if let Some(it) = Type::ALL.iter().find(|it| fits(it)) {
            let mut block = configs::block(rng, features, configuration, *it);
            let elsewhere =
                |it: &Block| refers(&block, &it.address) && it.attributes.get("database") != Some(&text("Sales"));
            if *it == Type::User && blocks.iter().any(|it| it.type_name == Type::Role.name() && elsewhere(it)) {
                // Nobody is in a role of another database.
                block.attributes.insert("roles".to_owned(), texts(&[]));
            }
            return ("add a block", vec![Edit::Add(block)]);
        }
    }
    let block = rng.pick(blocks).clone();
    let address = block.address.clone();
    let Some(it) = Type::of(&address) else { return ("nothing", Vec::new()) };
    match rng.below(12) {
        0 => return ("remove a block", vec![Edit::Remove(address)]),
        1 => {
            let second = Block { address: format!("{}.second", it.name()), ..block };
            return ("second block for the same thing", vec![Edit::Add(second)]);
        }
        2 => {
            let optional: Vec<&'static str> =
                optional(it).iter().copied().filter(|name| block.attributes.contains_key(*name)).collect();
            if !optional.is_empty() {
                return ("leave an attribute out", vec![Edit::Unset(address, rng.one(&optional))]);
            }
        }
        _ => {}
    }
    let mirror = blocks.iter().any(|block| block.type_name == Type::Mirror.name());
    let set = |name: &'static str, value| vec![Edit::Set(address.clone(), name, value)];
    let stands_for_somebody = entra::principal(&block).is_some();
    match it {
        Type::Login => match rng.below(7) {
            0 | 1 | 5 if stands_for_somebody => entra::edit(rng, &block, Of::Login),
            0 => ("rename the login", set("name", text("renamed login"))),
            1 => rotate(rng, configuration, true),
            2 => {
                ("server roles", set("server_roles", texts(rng.one(&[&[][..], &[READER], &["processadmin", READER]]))))
            }
            3 => ("enabled", set("enabled", flag(mirror || rng.chance(50)))),
            4 => ("default database", set("default_database", text(rng.one(&["sales", "Inventory", "master"])))),
            5 => ("another SID", set("sid", text("0x00112233445566778899AABBCCDDEEFF"))),
            _ => ("spell the login's name otherwise", spell(configuration, &address, "name", rng)),
        },
        Type::Role => match rng.below(6) {
            0 => ("rename the role", set("name", text("renamed role"))),
            1 => ("owner of the role", set("owner", text(rng.one(&["dbo", "db_securityadmin", "db_ddladmin"])))),
            2 => ("remove members", set("remove_members", flag(rng.chance(60)))),
            // Nobody is in a role of another database.
            3 if !blocks.iter().any(|it| it.type_name == Type::User.name() && refers(it, &address)) => {
                ("the role's database", set("database", text("Inventory")))
            }
            3 | 4 if blocks.iter().any(|it| it.address == Type::User.address()) => {
                let home = Edit::Set(address.clone(), "database", text("Sales"));
                let roles = if address == Type::Role.address() { configs::in_role() } else { texts(&[]) };
                let home_of_user = Edit::Set(Type::User.address(), "database", text("Sales"));
                ("the user into the role", vec![home, home_of_user, Edit::Set(Type::User.address(), "roles", roles)])
            }
            _ => ("spell the role's name otherwise", spell(configuration, &address, "name", rng)),
        },
        Type::User => match rng.below(6) {
            0 | 4 if stands_for_somebody => entra::edit(rng, &block, Of::User),
            0 => ("rename the user", set("name", text("renamed user"))),
            1 => (
                "roles",
                set("roles", texts(rng.one(&[&[][..], &["db_datareader"], &["db_datawriter", "DB_DATAREADER"]]))),
            ),
            2 => ("default schema", set("default_schema", text(rng.one(&["sales", "dbo", "Dbo"])))),
            // Its roles are of its database.
            3 if !refers(&block, &Type::Role.address()) => {
                ("another database", move_to(configuration, &address, "Inventory"))
            }
            4 => ("heir of schemas", set("transfer_schemas_to", text("dbo"))),
            _ => ("spell the user's name otherwise", spell(configuration, &address, "name", rng)),
        },
        Type::Grants => match rng.below(6) {
            0 | 1 => ("other permissions", permissions(rng, &address, mirror)),
            2 => ("exclusive", set("exclusive", flag(rng.chance(60)))),
            3 => ("lift denies", set("lift_denies", flag(true))),
            4 => ("deny", set("denied", texts(&["DELETE"]))),
            _ if mirror => ("what the mirror needs", set("permissions", texts(&configs::MIRRORING))),
            _ => ("nothing granted", set("permissions", texts(&[]))),
        },
        Type::Connection => match rng.below(5) {
            0 => ("rename the connection", set("display_name", text("renamed connection"))),
            1 | 2 => rotate(rng, configuration, false),
            3 => ("privacy level", set("privacy_level", text(rng.one(&["Public", "None", "Organizational"])))),
            _ => ("encryption", set("connection_encryption", text("NotEncrypted"))),
        },
        Type::Assignment => match rng.below(3) {
            0 => ("another principal", set("principal", object([("id", text("@bob")), ("type", text("User"))]))),
            _ => ("another role", set("role", text(rng.one(&["Member", "Contributor", "Viewer"])))),
        },
        Type::Mirror => match rng.below(8) {
            0 => ("rename the mirror", set("display_name", text("renamed mirror"))),
            1 => ("description", set("description", text(rng.one(&["changed", ""])))),
            2 => ("folder", set("folder_id", text("@folder"))),
            3 => ("retention", set("retention_in_days", number(3))),
            4 | 5 => (
                "tables",
                set(
                    "tables",
                    tables(
                        &rng.subset(&TABLES, 60)
                            .into_iter()
                            .chain([TABLES[1]])
                            .collect::<BTreeSet<_>>()
                            .into_iter()
                            .collect::<Vec<_>>(),
                    ),
                ),
            ),
            6 => ("a misspelt table", set("tables", tables(&[TABLES[0], ("dbo", "Ordrs")]))),
            _ => ("default schema of the mirror", set("default_schema", text("dbo"))),
        },
        Type::Replication => match rng.below(3) {
            0 => ("stopped", set("state", text("stopped"))),
            1 => ("running", set("state", text("running"))),
            _ => ("what is waited for", set("wait_for", text(rng.one(&["replicating", "running", "none"])))),
        },
    }
}

/// Attributes of a block that it cannot do without, and that null is not a value of.
pub fn required(block: &Block) -> Vec<&'static str> {
    let names: &[&str] = match Type::of(&block.address) {
        None => &[],
        Some(Type::Login) => &["name", "entra"],
        Some(Type::Role) => &["database", "name"],
        Some(Type::User) => &["database", "name", "login_name", "entra"],
        Some(Type::Grants) => &["database", "principal", "permissions"],
        Some(Type::Connection) => &["display_name", "server", "database"],
        Some(Type::Assignment) => &["workspace_id", "principal", "role"],
        Some(Type::Mirror) => &["workspace_id", "display_name", "connection_id"],
        Some(Type::Replication) => &["workspace_id", "mirrored_database_id"],
    };
    names.iter().copied().filter(|name| block.attributes.contains_key(*name)).collect()
}

/// Attributes that may be left out again.
fn optional(of: Type) -> &'static [&'static str] {
    match of {
        Type::Login => &["server_roles", "enabled", "default_database", "sid", "force_drop"],
        Type::Role => &["owner", "remove_members"],
        Type::User => &["default_schema", "roles", "transfer_schemas_to"],
        Type::Grants => &["permissions_with_grant_option", "denied", "exclusive", "lift_denies"],
        Type::Connection => &["privacy_level", "connection_encryption"],
        Type::Assignment => &[],
        Type::Mirror => &["description", "folder_id", "tables", "retention_in_days", "hard_delete", "default_schema"],
        Type::Replication => &["state", "wait_for", "on_table_error"],
    }
}

/// A new password for login and connection, or – as it happens – for one of them alone.
fn rotate(rng: &mut Rng, configuration: &Configuration, login_first: bool) -> (&'static str, Vec<Edit>) {
    let version = 2 + rng.below(1000) as i64;
    let both = rng.chance(80);
    let mut edits = Vec::new();
    for block in &configuration.blocks {
        match Type::of(&block.address) {
            Some(Type::Login) if (both || login_first) && entra::principal(block).is_none() => edits.extend([
                Edit::Set(block.address.clone(), "password_wo", text(&password(version))),
                Edit::Set(block.address.clone(), "password_wo_version", number(version)),
            ]),
            Some(Type::Connection) if both || !login_first => {
                let username = match block.attributes.get("basic") {
                    Some(Expression::Object(basic)) => basic.get("username").cloned(),
                    _ => None,
                };
                let basic = [
                    ("username", username.unwrap_or_else(|| text("fabric_login"))),
                    ("password_wo", text(&password(version))),
                    ("password_wo_version", number(version)),
                ];
                edits.push(Edit::Set(block.address.clone(), "basic", object(basic)));
            }
            _ => {}
        }
    }
    (if both { "rotate the password" } else { "rotate one password of two" }, edits)
}

/// A user of another database; grants that name the database by itself come along.
fn move_to(configuration: &Configuration, address: &str, database: &str) -> Vec<Edit> {
    let mut edits = vec![Edit::Set(address.to_owned(), "database", text(database))];
    let literal = |block: &&Block| {
        block.type_name == Type::Grants.name() && matches!(block.attributes.get("database"), Some(Expression::Value(_)))
    };
    let grants = configuration.blocks.iter().filter(literal);
    edits.extend(grants.map(|block| Edit::Set(block.address.clone(), "database", text(database))));
    edits
}

fn spell(configuration: &Configuration, address: &str, attribute: &'static str, rng: &mut Rng) -> Vec<Edit> {
    let block = configuration.blocks.iter().find(|block| block.address == address);
    let Some(Expression::Value(Dynamic::String(name))) = block.and_then(|block| block.attributes.get(attribute)) else {
        return Vec::new();
    };
    let otherwise = if rng.chance(50) { name.to_uppercase() } else { name.to_lowercase() };
    vec![Edit::Set(address.to_owned(), attribute, text(&otherwise))]
}

/// Each permission in one of the sets, or in none; those that a mirror needs stay.
fn permissions(rng: &mut Rng, address: &str, mirror: bool) -> Vec<Edit> {
    let mut sets: [Vec<&str>; 3] = Default::default();
    if mirror {
        sets[0].extend(configs::MIRRORING);
    }
    let free = |it: &&str| !mirror || matches!(*it, "INSERT" | "EXECUTE");
    for permission in PERMISSIONS.into_iter().filter(free) {
        if let Some(set) = sets.get_mut(rng.weighted(&[(4, 0), (2, 1), (1, 2), (3, 3)])) {
            set.push(permission);
        }
    }
    let names = ["permissions", "permissions_with_grant_option", "denied"];
    names.into_iter().zip(&sets).map(|(name, set)| Edit::Set(address.to_owned(), name, texts(set))).collect()
}
