//! What a run asked the services to change, read from the request journal: only objects that the plan changes are
//! touched, and a plan touches none.

use std::sync::LazyLock;

use fabricmirror_emulator::journal::{Channel, Entry};
use regex::Regex;

use crate::accounts::{Planned, known};
use crate::configs::Type;
use crate::snapshot::{Facts, Snapshot, Thing, same};

/// What a request would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    Login(String),
    User {
        database: String,
        name: String,
    },
    Role {
        database: String,
        name: String,
    },
    /// Of a user or role in a role.
    Member {
        database: String,
        role: String,
        name: String,
    },
    Permission {
        database: String,
        grantee: String,
    },
    Schema {
        database: String,
    },
    Session,
    Connection(Option<String>),
    Assignment(Option<String>),
    Item(Option<String>),
    Mirroring(String),
    Unknown,
}

#[derive(Debug, Clone)]
pub struct Write {
    pub what: What,
    pub text: String,
}

static STATEMENT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^(CREATE|ALTER|DROP|GRANT|REVOKE|DENY|EXEC|KILL|UPDATE|INSERT|DELETE|MERGE|TRUNCATE)\b")
        .expect("a pattern")
});
static ABOUT_PRINCIPAL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^(?:CREATE|ALTER|DROP) (LOGIN|USER|ROLE) \[((?:[^\]]|\]\])*)\]").expect("a pattern")
});
static MEMBERSHIP: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^ALTER (SERVER )?ROLE \[((?:[^\]]|\]\])*)\] (?:ADD|DROP) MEMBER \[((?:[^\]]|\]\])*)\]")
        .expect("a pattern")
});
static OWNER_OF_ROLE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)^ALTER AUTHORIZATION ON ROLE::\[((?:[^\]]|\]\])*)\]").expect("a pattern"));
static PERMISSION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^(?:GRANT|REVOKE|DENY) .* (?:TO|FROM) \[((?:[^\]]|\]\])*)\]").expect("a pattern")
});
static PATH: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^/v1/(?:workspaces/([0-9a-f-]+)/)?(connections|roleassignments|mirroreddatabases|items)(?:/([0-9a-f-]+))?(?:/(\w+))?")
        .expect("a pattern")
});

/// Whether the object, found by its SID, has this name by now: others may have renamed it.
fn is_now(planned: &Planned<'_>, name: &str, before: &Snapshot) -> bool {
    let Some(sid) = known(planned.before, "sid") else { return false };
    let fact = |facts: &Facts, of: &str, wanted: &str| facts.get(of).is_some_and(|it| same(it, wanted));
    let has = |facts: &Facts| fact(facts, "sid", sid) && fact(facts, "name", name);
    let is_principal = |thing: &Thing| matches!(thing, Thing::Login(_) | Thing::User { .. } | Thing::Role { .. });
    !before.find(|thing, facts| is_principal(thing) && has(facts)).is_empty()
}

/// The requests of these that change something.
pub fn writes(entries: &[Entry]) -> Vec<Write> {
    entries
        .iter()
        .flat_map(|entry| match entry.channel {
            Channel::Sql => of_sql(entry),
            Channel::Rest => of_rest(entry).into_iter().collect(),
            Channel::Token => Vec::new(),
        })
        .collect()
}

fn of_sql(entry: &Entry) -> Vec<Write> {
    let Some(text) = &entry.text else { return Vec::new() };
    let database = entry.database.clone().unwrap_or_default();
    let statements = text.split(['\n', ';']).map(str::trim).filter(|it| STATEMENT.is_match(it));
    statements.map(|it| Write { what: about(it, &database), text: format!("{database}: {it}") }).collect()
}

fn about(statement: &str, database: &str) -> What {
    let name = |text: &str| text.replace("]]", "]");
    let database = database.to_owned();
    if let Some(found) = MEMBERSHIP.captures(statement) {
        let (role, name) = (name(&found[2]), name(&found[3]));
        return if found.get(1).is_some() { What::Login(name) } else { What::Member { database, role, name } };
    }
    if let Some(found) = ABOUT_PRINCIPAL.captures(statement) {
        let name = name(&found[2]);
        return match found[1].to_uppercase().as_str() {
            "LOGIN" => What::Login(name),
            "ROLE" => What::Role { database, name },
            _ => What::User { database, name },
        };
    }
    if let Some(found) = OWNER_OF_ROLE.captures(statement) {
        return What::Role { database, name: name(&found[1]) };
    }
    if let Some(found) = PERMISSION.captures(statement) {
        if statement.contains(" CONNECT SQL ") {
            return What::Login(name(&found[1]));
        }
        return What::Permission { database, grantee: name(&found[1]) };
    }
    if statement.to_uppercase().starts_with("ALTER AUTHORIZATION ON SCHEMA") {
        return What::Schema { database };
    }
    if statement.to_uppercase().starts_with("KILL") { What::Session } else { What::Unknown }
}

fn of_rest(entry: &Entry) -> Option<Write> {
    const READS: [&str; 4] = ["getdefinition", "getmirroringstatus", "gettablesmirroringstatus", "testconnection"];
    let (method, path) = (entry.method.as_deref()?, entry.path.as_deref()?);
    if method == "GET" {
        return None;
    }
    let text = format!("{method} {path}");
    let Some(found) = PATH.captures(path) else { return Some(Write { what: What::Unknown, text }) };
    let id = found.get(3).map(|it| it.as_str().to_lowercase());
    let verb = found.get(4).map(|it| it.as_str().to_lowercase());
    if verb.as_deref().is_some_and(|verb| READS.contains(&verb)) {
        return None;
    }
    let what = match (found[2].to_lowercase().as_str(), verb.as_deref(), id) {
        ("connections", None, id) => What::Connection(id),
        ("roleassignments", None, id) => What::Assignment(id),
        (_, Some("startmirroring" | "stopmirroring"), Some(id)) => What::Mirroring(id),
        ("mirroreddatabases" | "items", None | Some("updatedefinition" | "move"), id) => What::Item(id),
        _ => What::Unknown,
    };
    Some(Write { what, text })
}

impl Write {
    /// Whether the plan changes the object that this is about.
    pub fn is_of(&self, planned: &[Planned<'_>], before: &Snapshot) -> bool {
        let any = |it: Type, fits: &dyn Fn(&Planned<'_>) -> bool| {
            planned.iter().any(|change| change.it == it && fits(change))
        };
        let with_id = |change: &Planned<'_>, id: &Option<String>| match id {
            Some(id) => change.is("id", id),
            None => change.makes(),
        };
        let is_named = |it: &Planned<'_>, database: &str, name: &str| {
            it.is_or_unknown("database", database) && (it.is("name", name) || is_now(it, name, before))
        };
        match &self.what {
            What::Login(name) => any(Type::Login, &|it| it.is("name", name) || is_now(it, name, before)),
            What::User { database, name } => any(Type::User, &|it| is_named(it, database, name)),
            What::Role { database, name } => any(Type::Role, &|it| is_named(it, database, name)),
            // Of a user as planned, or of whoever is in a role that goes.
            What::Member { database, role, name } => {
                any(Type::User, &|it| is_named(it, database, name))
                    || any(Type::Role, &|it| it.ends() && is_named(it, database, role))
            }
            // Grants know their principal, whatever it is called by now.
            What::Permission { database, grantee } => any(Type::Grants, &|it| {
                let id = before.principal_named(database, grantee);
                let is_former =
                    |id| known(it.before, "principal").is_some_and(|it| before.was_called(database, id, it));
                it.is_or_unknown("database", database)
                    && (it.is_or_unknown("principal", grantee) || id.is_some_and(is_former))
            }),
            What::Schema { database } => any(Type::User, &|it| it.ends() && it.is("database", database)),
            What::Session => any(Type::Login, &|it| it.ends()),
            What::Connection(id) => any(Type::Connection, &|it| with_id(it, id)),
            What::Assignment(id) => any(Type::Assignment, &|it| with_id(it, id)),
            What::Item(id) => any(Type::Mirror, &|it| match id {
                // One that was made in this run is looked after in this run.
                Some(id) => it.is("id", id) || it.makes(),
                None => it.makes(),
            }),
            What::Mirroring(id) => {
                any(Type::Replication, &|it| it.is_or_unknown("mirrored_database_id", id))
                    || any(Type::Mirror, &|it| it.is("id", id))
            }
            What::Unknown => false,
        }
    }

    /// The object's kind, for a key.
    pub fn kind(&self) -> &'static str {
        match self.what {
            What::Login(_) => "login",
            What::User { .. } => "user",
            What::Role { .. } => "role",
            What::Member { .. } => "membership",
            What::Permission { .. } => "permission",
            What::Schema { .. } => "schema",
            What::Session => "session",
            What::Connection(_) => "connection",
            What::Assignment(_) => "assignment",
            What::Item(_) => "item",
            What::Mirroring(_) => "mirroring",
            What::Unknown => "unknown",
        }
    }
}
