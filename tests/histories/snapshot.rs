//! All that is in the world at a moment, as things with facts, and what two moments differ in.
//!
//! Left out is what moves without anybody's order: a mirror's status and its tables, and the change feed with it. Who
//! starts and stops mirrors is seen in the journal ([`crate::writes`]).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use crate::Result;

/// Something that is there. Numbers are the server's own ids: a thing that is renamed stays the same, one that is
/// dropped and made again is another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thing {
    Login(i64),
    ServerRole(i64),
    ServerMember { role: i64, member: i64 },
    ServerPermission { grantee: i64, grantor: i64, permission: String },
    User { database: String, id: i64 },
    Role { database: String, id: i64 },
    Member { database: String, role: i64, member: i64 },
    Permission { database: String, grantee: i64, grantor: i64, permission: String },
    ObjectPermission { database: String, grantee: i64, grantor: i64, permission: String },
    Schema { database: String, id: i64 },
    Table { database: String, id: i64 },
    Workspace(String),
    Assignment { workspace: String, principal: String },
    Folder(String),
    Connection(String),
    ConnectionRole { connection: String, principal: String },
    Item(String),
}

pub type Facts = BTreeMap<&'static str, String>;

/// What a mirror does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mirror {
    pub status: String,
    pub error: Option<String>,
    /// Its tables, `schema.name`, with their statuses.
    pub tables: BTreeMap<String, String>,
    /// Those that its definition lists; none: all.
    pub listed: Option<Vec<String>>,
}

/// A moment.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    pub things: BTreeMap<Thing, Facts>,
    /// What the mirrors do now, by item.
    pub mirrors: BTreeMap<String, Mirror>,
    /// Databases whose change feed is on.
    pub feeds: BTreeSet<String>,
    /// All names that users and roles have had so far.
    pub names: Names,
}

pub type Names = BTreeMap<Thing, BTreeSet<String>>;

#[derive(Deserialize)]
struct Instance {
    state: Sql,
}

#[derive(Deserialize)]
struct Sql {
    server_principals: BTreeMap<String, ServerPrincipal>,
    server_members: Vec<(i64, i64)>,
    server_permissions: Vec<PermissionRow>,
    databases: BTreeMap<String, Database>,
}

#[derive(Deserialize)]
struct ServerPrincipal {
    id: i64,
    name: String,
    sid: Vec<u8>,
    kind: String,
    disabled: bool,
    password: Option<Password>,
    default_database: String,
    fixed: bool,
}

#[derive(Deserialize)]
struct Password {
    hash: Vec<u8>,
    set: String,
}

#[derive(Deserialize)]
struct PermissionRow {
    major: i64,
    minor: i64,
    grantee: i64,
    grantor: i64,
    permission: (String, String),
    state: String,
}

#[derive(Deserialize)]
struct Database {
    name: String,
    principals: BTreeMap<String, Principal>,
    members: Vec<(i64, i64)>,
    permissions: Vec<PermissionRow>,
    schemas: BTreeMap<String, Schema>,
    tables: BTreeMap<String, Table>,
    change_feed: bool,
}

#[derive(Deserialize)]
struct Principal {
    id: i64,
    name: String,
    sid: Option<Vec<u8>>,
    kind: String,
    authentication: String,
    default_schema: Option<String>,
    owner: Option<i64>,
    fixed: bool,
}

#[derive(Deserialize)]
struct Schema {
    id: i64,
    name: String,
    owner: i64,
}

#[derive(Deserialize)]
struct Table {
    name: String,
    schema: i64,
    columns: Vec<Value>,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_owned(), |text, byte| format!("{text}{byte:02X}"))
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The elements of a list; none where there is no list.
fn each(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

impl Snapshot {
    /// Reads what the emulator's instance writes down of itself.
    pub fn of_instance(text: &str) -> Result<Self> {
        let mut snapshot = Self::default();
        let Instance { state } = serde_json::from_str(text)?;
        snapshot.read_server(&state);
        state.databases.values().for_each(|database| snapshot.read_database(database));
        Ok(snapshot)
    }

    /// The same with what its Fabric writes down.
    pub fn with_fabric(mut self, fabric: &Value) -> Result<Self> {
        self.read_fabric(&fabric["store"])?;
        Ok(self)
    }

    /// The two things that a principal of a database may be.
    pub fn principals(database: &str, id: i64) -> [Thing; 2] {
        let database = || database.to_owned();
        [Thing::User { database: database(), id }, Thing::Role { database: database(), id }]
    }

    /// Whether a user or role is, or was, called so.
    pub fn was_called(&self, database: &str, id: i64, name: &str) -> bool {
        let names = Self::principals(database, id).into_iter().filter_map(|it| self.names.get(&it));
        names.flatten().any(|it| same(it, name))
    }

    /// The user or role that is called so now.
    pub fn principal_named(&self, database: &str, name: &str) -> Option<i64> {
        let at = |thing: &Thing| match thing {
            Thing::User { database, id } | Thing::Role { database, id } => Some((database.clone(), *id)),
            _ => None,
        };
        let found = self
            .find(|thing, facts| at(thing).is_some_and(|(at, _)| same(&at, database)) && same(&facts["name"], name));
        at(found.first()?).map(|(_, id)| id)
    }

    /// Adds the names of now to those of before.
    pub fn note_names(&mut self, names: &mut Names) {
        let is_principal = |thing: &Thing| matches!(thing, Thing::User { .. } | Thing::Role { .. });
        for (thing, facts) in self.things.iter().filter(|(thing, _)| is_principal(thing)) {
            names.entry(thing.clone()).or_default().extend(facts.get("name").cloned());
        }
        self.names = names.clone();
    }

    fn put(&mut self, thing: Thing, facts: impl IntoIterator<Item = (&'static str, String)>) {
        self.things.insert(thing, facts.into_iter().collect());
    }

    fn read_server(&mut self, sql: &Sql) {
        for principal in sql.server_principals.values().filter(|principal| !principal.fixed) {
            if principal.kind == "Role" {
                self.put(Thing::ServerRole(principal.id), [("name", principal.name.clone())]);
                continue;
            }
            let password = principal.password.as_ref();
            self.put(
                Thing::Login(principal.id),
                [
                    ("name", principal.name.clone()),
                    ("sid", hex(&principal.sid)),
                    ("kind", principal.kind.clone()),
                    ("enabled", (!principal.disabled).to_string()),
                    ("default_database", principal.default_database.clone()),
                    ("password", password.map(|it| format!("{} {}", it.set, hex(&it.hash))).unwrap_or_default()),
                ],
            );
        }
        let roles: BTreeMap<i64, &str> =
            sql.server_principals.values().map(|principal| (principal.id, principal.name.as_str())).collect();
        for (role, member) in &sql.server_members {
            let name = roles.get(role).copied().unwrap_or_default().to_owned();
            self.put(Thing::ServerMember { role: *role, member: *member }, [("role", name)]);
        }
        for row in &sql.server_permissions {
            let thing = Thing::ServerPermission {
                grantee: row.grantee,
                grantor: row.grantor,
                permission: row.permission.1.clone(),
            };
            self.put(thing, [("state", row.state.clone())]);
        }
    }

    fn read_database(&mut self, database: &Database) {
        let name = || database.name.clone();
        for it in database.principals.values().filter(|it| !it.fixed) {
            if it.kind == "Role" {
                let owner = it.owner.map(|owner| owner.to_string()).unwrap_or_default();
                let thing = Thing::Role { database: name(), id: it.id };
                let sid = it.sid.as_deref().map(hex).unwrap_or_default();
                self.put(thing, [("name", it.name.clone()), ("sid", sid), ("owner", owner)]);
                continue;
            }
            self.put(
                Thing::User { database: name(), id: it.id },
                [
                    ("name", it.name.clone()),
                    ("sid", it.sid.as_deref().map(hex).unwrap_or_default()),
                    ("kind", format!("{} {}", it.kind, it.authentication)),
                    ("default_schema", it.default_schema.clone().unwrap_or_default()),
                ],
            );
        }
        for (role, member) in &database.members {
            let role_name = database.principals.get(&role.to_string()).map(|it| it.name.clone()).unwrap_or_default();
            self.put(Thing::Member { database: name(), role: *role, member: *member }, [("role", role_name)]);
        }
        for row in &database.permissions {
            let (class, permission) = row.permission.clone();
            let thing = if class == "Database" {
                Thing::Permission { database: name(), grantee: row.grantee, grantor: row.grantor, permission }
            } else {
                let permission = format!("{permission} ON {class} {}.{}", row.major, row.minor);
                Thing::ObjectPermission { database: name(), grantee: row.grantee, grantor: row.grantor, permission }
            };
            self.put(thing, [("state", row.state.clone())]);
        }
        for schema in database.schemas.values() {
            let thing = Thing::Schema { database: name(), id: schema.id };
            self.put(thing, [("name", schema.name.clone()), ("owner", schema.owner.to_string())]);
        }
        for (id, table) in &database.tables {
            let columns: Vec<String> = table.columns.iter().map(|column| text(&column["name"])).collect();
            let schema = database.schemas.get(&table.schema.to_string()).map(|it| it.name.as_str()).unwrap_or_default();
            let thing = Thing::Table { database: name(), id: id.parse().unwrap_or_default() };
            self.put(thing, [("name", format!("{schema}.{}", table.name)), ("columns", columns.join(","))]);
        }
        if database.change_feed {
            self.feeds.insert(name());
        }
    }

    fn read_fabric(&mut self, store: &Value) -> Result<()> {
        for workspace in each(&store["workspaces"]) {
            let id = text(&workspace["id"]);
            self.put(Thing::Workspace(id.clone()), [("display_name", text(&workspace["display_name"]))]);
            for role in each(&workspace["roles"]) {
                let thing = Thing::Assignment { workspace: id.clone(), principal: text(&role["principal"]) };
                self.put(thing, [("role", text(&role["role"]))]);
            }
        }
        for folder in each(&store["folders"]) {
            self.put(Thing::Folder(text(&folder["id"])), [("display_name", text(&folder["display_name"]))]);
        }
        for connection in each(&store["connections"]) {
            let id = text(&connection["id"]);
            self.put(
                Thing::Connection(id.clone()),
                [
                    ("display_name", text(&connection["display_name"])),
                    ("kind", text(&connection["kind"])),
                    ("server", text(&connection["server"])),
                    ("database", text(&connection["database"])),
                    ("privacy", text(&connection["privacy"])),
                    ("encryption", text(&connection["encryption"])),
                    ("credential", text(&connection["credential"])),
                ],
            );
            for role in each(&connection["roles"]) {
                let thing = Thing::ConnectionRole { connection: id.clone(), principal: text(&role["principal"]) };
                self.put(thing, [("role", text(&role["role"]))]);
            }
        }
        for item in each(&store["mirrors"]) {
            let id = text(&item["id"]);
            let definition = &item["definition"];
            let mut mirroring: Value = match definition["text"].as_str() {
                Some(text) => serde_json::from_str(text)?,
                None => Value::Null,
            };
            let retention = mirroring["properties"]["target"]["typeProperties"]["retentionInDays"].take();
            let mut tables: Vec<String> = each(&definition["tables"])
                .map(|table| format!("{}.{}", text(&table["schema"]), text(&table["name"])))
                .collect();
            tables.sort();
            let tables = if definition["tables"].is_null() { "all".to_owned() } else { tables.join(",") };
            self.put(
                Thing::Item(id.clone()),
                [
                    ("display_name", text(&item["display_name"])),
                    ("description", text(&item["description"])),
                    ("folder", text(&item["folder_id"])),
                    ("connection", text(&definition["connection"])),
                    ("default_schema", text(&definition["default_schema"])),
                    ("tables", tables),
                    ("retention", text(&retention)),
                ],
            );
            let table = |it: &Value| format!("{}.{}", text(&it["schema"]), text(&it["name"]));
            let mirror = Mirror {
                status: text(&item["mirror"]["status"]),
                error: item["mirror"]["error"]["message"].as_str().map(str::to_owned),
                tables: BTreeMap::new(),
                listed: definition["tables"].as_array().map(|tables| tables.iter().map(table).collect()),
            };
            self.mirrors.insert(id, mirror);
        }
        Ok(())
    }

    /// The statuses of a mirror's tables, as the control interface tells them.
    pub fn note_tables(&mut self, state: &Value) {
        for item in each(&state["fabric"]["mirrored_databases"]) {
            if let Some(mirror) = self.mirrors.get_mut(&text(&item["id"])) {
                mirror.tables = each(&item["tables"])
                    .map(|it| (format!("{}.{}", text(&it["schema"]), text(&it["name"])), text(&it["status"])))
                    .collect();
            }
        }
    }

    pub fn fact(&self, thing: &Thing, name: &str) -> &str {
        self.things.get(thing).and_then(|facts| facts.get(name)).map(String::as_str).unwrap_or_default()
    }

    /// The name of a principal of a database.
    pub fn principal(&self, database: &str, id: i64) -> String {
        const FIXED: [(i64, &str); 6] = [
            (0, "public"),
            (1, "dbo"),
            (2, "guest"),
            (16384, "db_owner"),
            (16390, "db_datareader"),
            (16391, "db_datawriter"),
        ];
        let named = Self::principals(database, id)
            .iter()
            .map(|thing| self.fact(thing, "name").to_owned())
            .find(|name| !name.is_empty());
        let fixed = || FIXED.iter().find(|(known, _)| *known == id).map(|(_, name)| (*name).to_owned());
        named.or_else(fixed).unwrap_or_else(|| format!("principal {id}"))
    }

    /// Those for which `fits` holds.
    pub fn find(&self, fits: impl Fn(&Thing, &Facts) -> bool) -> Vec<Thing> {
        self.things.iter().filter(|(thing, facts)| fits(thing, facts)).map(|(thing, _)| thing.clone()).collect()
    }

    /// For a reader.
    pub fn describe(&self, thing: &Thing) -> String {
        let name = |thing: &Thing| self.fact(thing, "name").to_owned();
        let display_name = || self.fact(thing, "display_name").to_owned();
        match thing {
            Thing::Login(_) => format!("login {}", name(thing)),
            Thing::ServerRole(_) => format!("server role {}", name(thing)),
            Thing::ServerMember { member, .. } => {
                format!("membership of {} in {}", name(&Thing::Login(*member)), self.fact(thing, "role"))
            }
            Thing::ServerPermission { grantee, permission, .. } => {
                format!("server permission {permission} of {}", name(&Thing::Login(*grantee)))
            }
            Thing::User { database, .. } => format!("user {} of {database}", name(thing)),
            Thing::Role { database, .. } => format!("role {} of {database}", name(thing)),
            Thing::Member { database, member, .. } => {
                format!(
                    "membership of {} in {} of {database}",
                    self.principal(database, *member),
                    self.fact(thing, "role")
                )
            }
            Thing::Permission { database, grantee, grantor, permission }
            | Thing::ObjectPermission { database, grantee, grantor, permission } => format!(
                "{permission} of {} in {database}, given by {}",
                self.principal(database, *grantee),
                self.principal(database, *grantor)
            ),
            Thing::Schema { database, .. } => format!("schema {} of {database}", name(thing)),
            Thing::Table { database, .. } => format!("table {} of {database}", name(thing)),
            Thing::Workspace(_) => format!("workspace {}", display_name()),
            Thing::Assignment { principal, .. } => format!("workspace role of {principal}"),
            Thing::Folder(_) => format!("folder {}", display_name()),
            Thing::Connection(id) => format!("connection {} ({id})", display_name()),
            Thing::ConnectionRole { connection, principal } => {
                format!("role of {principal} on connection {connection}")
            }
            Thing::Item(id) => format!("mirrored database {} ({id})", display_name()),
        }
    }
}

/// One thing that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    Appeared(Thing),
    Vanished(Thing),
    Changed(Thing, &'static str),
}

impl Difference {
    pub fn thing(&self) -> &Thing {
        match self {
            Self::Appeared(thing) | Self::Vanished(thing) | Self::Changed(thing, _) => thing,
        }
    }
}

/// What is not in `after` as it was in `before`.
pub fn differences(before: &Snapshot, after: &Snapshot) -> Vec<Difference> {
    let mut found = Vec::new();
    for (thing, facts) in &before.things {
        let Some(now) = after.things.get(thing) else {
            found.push(Difference::Vanished(thing.clone()));
            continue;
        };
        let changed = facts.iter().filter(|(name, value)| now.get(*name) != Some(value));
        found.extend(changed.map(|(name, _)| Difference::Changed(thing.clone(), name)));
    }
    let new = after.things.keys().filter(|thing| !before.things.contains_key(*thing));
    found.extend(new.map(|thing| Difference::Appeared(thing.clone())));
    found
}

/// A difference with the moments it is between, for a reader. Secrets are not shown.
pub struct Shown<'a>(pub &'a Difference, pub &'a Snapshot, pub &'a Snapshot);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(difference, before, after) = self;
        match difference {
            Difference::Appeared(thing) => {
                write!(f, "{} is new{}", after.describe(thing), state_of(after, thing))
            }
            Difference::Vanished(thing) => {
                write!(f, "{} is gone{}", before.describe(thing), state_of(before, thing))
            }
            Difference::Changed(thing, "password" | "credential") => {
                write!(f, "{}: another password or credential", before.describe(thing))
            }
            Difference::Changed(thing, fact) => write!(
                f,
                "{}: {fact} was `{}` and is `{}`",
                before.describe(thing),
                before.fact(thing, fact),
                after.fact(thing, fact)
            ),
        }
    }
}

fn state_of(snapshot: &Snapshot, thing: &Thing) -> String {
    match snapshot.fact(thing, "state") {
        "" => String::new(),
        state => format!(" ({state})"),
    }
}

/// Equal for the server: without case and trailing blanks.
pub fn same(one: &str, other: &str) -> bool {
    one.trim_end().to_lowercase() == other.trim_end().to_lowercase()
}
