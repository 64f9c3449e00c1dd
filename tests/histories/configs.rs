//! Configurations, drawn from a seed: the tutorial's objects or some of them, spelled in ways that
//! people spell them.
//!
//! Values that only a run knows – ids, the port – are placeholders (`@server`, `@workspace`, …), so that a printed history
//! is the same in every process. [`Places`] fills them in.

use std::collections::{BTreeMap, BTreeSet};

use tfplugin::Dynamic;
use tfplugin::testing::{Block, Configuration, Expression};

use crate::entra::{self, Of, Principal};
use crate::rng::Rng;

/// A type of the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Type {
    Login,
    Role,
    User,
    Grants,
    Connection,
    Assignment,
    Mirror,
    Replication,
}

impl Type {
    pub const ALL: [Self; 8] = [
        Self::Login,
        Self::Role,
        Self::User,
        Self::Grants,
        Self::Connection,
        Self::Assignment,
        Self::Mirror,
        Self::Replication,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Login => "fabricmirror_login",
            Self::Role => "fabricmirror_database_role",
            Self::User => "fabricmirror_database_user",
            Self::Grants => "fabricmirror_database_grants",
            Self::Connection => "fabricmirror_connection",
            Self::Assignment => "fabricmirror_workspace_role_assignment",
            Self::Mirror => "fabricmirror_mirrored_database",
            Self::Replication => "fabricmirror_replication",
        }
    }

    /// The type of an address.
    pub fn of(address: &str) -> Option<Self> {
        let name = address.split('.').next()?;
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    pub fn address(self) -> String {
        format!("{}.a", self.name())
    }
}

/// The attributes of the provider's types as they are now: some are still being written.
#[derive(Debug, Clone)]
pub struct Features(BTreeMap<String, BTreeSet<String>>);

impl Features {
    pub fn of_provider() -> Self {
        let description = fabricmirror::provider().describe();
        let types = description.types.iter().filter(|it| it.kind == tfplugin::Kind::Resource);
        let attributes = |it: &tfplugin::Described| it.attributes.iter().map(|it| it.name.to_string()).collect();
        let mut all: BTreeMap<String, BTreeSet<String>> =
            types.map(|it| (format!("fabricmirror_{}", it.name), attributes(it))).collect();
        all.insert(String::new(), description.attributes.iter().map(|it| it.name.to_string()).collect());
        Self(all)
    }

    pub fn has(&self, of: Type, attribute: &str) -> bool {
        self.0.get(of.name()).is_some_and(|attributes| attributes.contains(attribute))
    }

    /// Of the provider's block.
    pub fn of_block(&self, attribute: &str) -> bool {
        self.0.get("").is_some_and(|attributes| attributes.contains(attribute))
    }
}

/// What placeholders stand for.
#[derive(Debug, Clone)]
pub struct Places(pub Vec<(&'static str, String)>);

impl Places {
    pub fn text(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }

    fn value(&self, value: &Dynamic) -> Dynamic {
        match value {
            Dynamic::String(text) => Dynamic::String(self.text(text)),
            Dynamic::List(elements) => Dynamic::List(elements.iter().map(|it| self.value(it)).collect()),
            Dynamic::Map(entries) => {
                Dynamic::Map(entries.iter().map(|(name, it)| (name.clone(), self.value(it))).collect())
            }
            other => other.clone(),
        }
    }

    fn expression(&self, expression: &Expression) -> Expression {
        match expression {
            Expression::Value(value) => Expression::Value(self.value(value)),
            Expression::Object(entries) => {
                Expression::Object(entries.iter().map(|(name, it)| (name.clone(), self.expression(it))).collect())
            }
            Expression::List(elements) => Expression::List(elements.iter().map(|it| self.expression(it)).collect()),
            reference @ Expression::Reference { .. } => reference.clone(),
        }
    }

    pub fn configuration(&self, configuration: &Configuration) -> Configuration {
        let mut filled = configuration.clone();
        for block in &mut filled.blocks {
            for expression in block.attributes.values_mut() {
                *expression = self.expression(expression);
            }
        }
        filled
    }
}

/// In every password of a configuration, so that it is found wherever it must not be.
pub const SECRET: &str = "Zq7-secret";

pub fn password(version: i64) -> String {
    format!("{SECRET}'{version}x!")
}

pub fn text(value: &str) -> Expression {
    Expression::Value(Dynamic::from(value))
}

pub fn number(value: i64) -> Expression {
    Expression::Value(Dynamic::Int(value))
}

pub fn flag(value: bool) -> Expression {
    Expression::Value(Dynamic::Bool(value))
}

pub fn texts(values: &[&str]) -> Expression {
    Expression::Value(Dynamic::List(values.iter().map(|it| Dynamic::from(*it)).collect()))
}

pub fn object<const N: usize>(entries: [(&str, Expression); N]) -> Expression {
    Expression::Object(entries.into_iter().map(|(name, it)| (name.to_owned(), it)).collect())
}

pub fn refer(to: Type, attribute: &str) -> Expression {
    Expression::Reference { address: to.address(), path: vec![attribute.to_owned()] }
}

/// The roles of a user who is in the configuration's role.
pub fn in_role() -> Expression {
    Expression::List(vec![refer(Type::Role, "principal")])
}

/// Names that are legal, and that careless quoting or folding breaks.
pub const LOGIN_NAMES: [&str; 6] = ["fabric_login", "o]brien", "it's me", "Ünï çødé", "svc user", "SvcLogin"];
pub const USER_NAMES: [&str; 6] = ["fabric_user", "u]ser", "d'user", "Üser", "svc_user", "the user"];
pub const ROLE_NAMES: [&str; 5] = ["reporting", "r]ole", "d'accueil", "Rôle", "the role"];
pub const READER: &str = "##MS_ServerStateReader##";
/// A role that the database has from the beginning.
pub const ROLE: &str = "readers";
/// Enough for a mirror (December 2025).
pub const MIRRORING: [&str; 4] =
    ["ALTER ANY EXTERNAL MIRROR", "SELECT", "VIEW DATABASE PERFORMANCE STATE", "VIEW DATABASE SECURITY STATE"];
/// The SID of a login that is given one.
pub const SID: &str = "0x0123456789ABCDEF0123456789ABCDEF";

/// Permissions that a configuration may list besides. [`crate::acts`] takes others for what others give.
pub const PERMISSIONS: [&str; 5] = ["SELECT", "INSERT", "EXECUTE", "VIEW DEFINITION", "VIEW DATABASE STATE"];
pub const TABLES: [(&str, &str); 4] =
    [("dbo", "Orders"), ("dbo", "Customers"), ("sales", "Regions"), ("dbo", "OrderLines")];

/// Draws the parts of one configuration.
struct Draw<'a> {
    rng: &'a mut Rng,
    features: &'a Features,
    /// Whom its logins and users stand for, where those are Entra's.
    entra: Option<&'static Principal>,
    blocks: Vec<Block>,
}

/// A block of a type that the configuration does not have, as it would stand among the others.
pub fn block(rng: &mut Rng, features: &Features, among: &Configuration, it: Type) -> Block {
    Draw { rng, features, entra: entra::first(among), blocks: among.blocks.clone() }.block(it, true)
}

type Attributes = BTreeMap<String, Expression>;

fn named<const N: usize>(attributes: [(&str, Expression); N]) -> [(String, Expression); N] {
    attributes.map(|(name, value)| (name.to_owned(), value))
}

pub fn draw(rng: &mut Rng, features: &Features) -> Configuration {
    let mirror = rng.chance(38);
    let entra = if !mirror && rng.chance(30) { Some(rng.pick(&entra::DIRECTORY)) } else { None };
    let mut draw = Draw { rng, features, entra, blocks: Vec::new() };
    let mut chosen = BTreeSet::new();
    for (percent, it) in [(85, Type::Login), (75, Type::User), (75, Type::Grants), (40, Type::Connection)] {
        // What stands on a login and a user is there only with them.
        if mirror || (draw.rng.chance(percent) && (it == Type::Login || chosen.contains(&Type::Login))) {
            chosen.insert(it);
        }
    }
    if !chosen.contains(&Type::User) {
        chosen.retain(|it| *it == Type::Login);
        if draw.rng.chance(20) {
            chosen.insert(Type::Grants);
        }
    }
    if draw.entra.is_some() {
        // No connection logs in as somebody of Entra, and not everybody has a login.
        chosen.remove(&Type::Connection);
        if draw.rng.chance(35) && chosen.insert(Type::User) || draw.rng.chance(25) {
            chosen.remove(&Type::Login);
        }
    }
    if draw.rng.chance(35) {
        chosen.insert(Type::Role);
    }
    if draw.rng.chance(if mirror { 92 } else { 50 }) || chosen.is_empty() {
        chosen.insert(Type::Assignment);
    }
    if mirror {
        chosen.insert(Type::Mirror);
        if draw.rng.chance(70) {
            chosen.insert(Type::Replication);
        }
    }
    for it in chosen {
        let block = draw.block(it, mirror);
        draw.blocks.push(block);
    }
    Configuration { blocks: draw.blocks }
}

impl Draw<'_> {
    fn has(&self, it: Type) -> bool {
        self.blocks.iter().any(|block| block.type_name == it.name())
    }

    fn value(&self, of: Type, attribute: &str) -> Option<&Expression> {
        self.blocks.iter().find(|block| block.type_name == of.name())?.attributes.get(attribute)
    }

    fn literal(&self, of: Type, attribute: &str) -> Option<String> {
        match self.value(of, attribute)? {
            Expression::Value(Dynamic::String(text)) => Some(text.clone()),
            _ => None,
        }
    }

    /// The same for the server, spelled otherwise at times.
    fn spelled(&mut self, name: &str) -> String {
        match self.rng.weighted(&[(7, 0), (1, 1), (1, 2), (1, 3)]) {
            0 => name.to_owned(),
            1 => name.to_uppercase(),
            2 => name.to_lowercase(),
            _ => format!("{name} "),
        }
    }

    fn maybe(&mut self, percent: usize, attributes: &mut Attributes, name: &str, value: Expression) {
        if self.rng.chance(percent) {
            attributes.insert(name.to_owned(), value);
        }
    }

    fn block(&mut self, it: Type, mirror: bool) -> Block {
        let mut depends_on = Vec::new();
        let attributes = match it {
            Type::Login => self.login(mirror),
            Type::Role => self.role(),
            Type::User => self.user(),
            Type::Grants => self.grants(mirror, &mut depends_on),
            Type::Connection => self.connection(&mut depends_on),
            Type::Assignment => self.assignment(mirror),
            Type::Mirror => self.mirror(),
            Type::Replication => self.replication(&mut depends_on),
        };
        Block { address: it.address(), type_name: it.name().to_owned(), attributes, depends_on }
    }

    fn login(&mut self, mirror: bool) -> Attributes {
        let mut given = Attributes::new();
        match self.entra {
            Some(principal) => given.extend(named(principal.known(self.rng, Of::Login))),
            None => {
                given.insert("name".into(), text(self.rng.one(&LOGIN_NAMES)));
                given.insert("password_wo".into(), text(&password(1)));
                given.insert("password_wo_version".into(), number(1));
            }
        }
        match self.rng.below(6) {
            0 => _ = given.insert("server_roles".into(), texts(&[])),
            1 => _ = given.insert("server_roles".into(), texts(&[READER])),
            2 => _ = given.insert("server_roles".into(), texts(&[&READER.to_lowercase()])),
            _ => {}
        }
        if self.rng.chance(35) {
            let database = self.rng.one(&["Sales", "master", "Inventory"]);
            let database = self.spelled(database);
            given.insert("default_database".into(), text(&database));
        }
        let enabled = mirror || self.rng.chance(70);
        self.maybe(30, &mut given, "enabled", flag(enabled));
        if self.entra.is_none() && self.rng.chance(25) {
            let sid = if self.rng.chance(25) { format!("0x{}", SID[2..].to_lowercase()) } else { SID.to_owned() };
            given.insert("sid".into(), text(&sid));
        }
        self.maybe(20, &mut given, "force_drop", flag(true));
        given
    }

    fn role(&mut self) -> Attributes {
        let mut given = Attributes::new();
        let database = self.spelled("Sales");
        given.insert("database".into(), text(&database));
        given.insert("name".into(), text(self.rng.one(&ROLE_NAMES)));
        let owner = self.rng.one(&["dbo", "DBO", "db_securityadmin"]);
        self.maybe(35, &mut given, "owner", text(owner));
        let removes = self.rng.chance(80);
        self.maybe(60, &mut given, "remove_members", flag(removes));
        given
    }

    fn user(&mut self) -> Attributes {
        let mut given = Attributes::new();
        let database = self.spelled("Sales");
        given.insert("database".into(), text(&database));
        match self.entra {
            Some(principal) if !self.has(Type::Login) || self.rng.chance(15) => {
                given.extend(named(principal.known(self.rng, Of::User)));
            }
            _ => {
                given.insert("name".into(), text(self.rng.one(&USER_NAMES)));
                let attribute = if self.features.has(Type::Login, "principal") && self.rng.chance(60) {
                    "principal"
                } else {
                    "name"
                };
                given.insert("login_name".into(), refer(Type::Login, attribute));
            }
        }
        if self.rng.chance(35) {
            let schema = self.rng.one(&["dbo", "DBO", "sales", "none yet"]);
            given.insert("default_schema".into(), text(schema));
        }
        match self.rng.below(6) {
            0 | 1 => _ = given.insert("roles".into(), texts(&[])),
            2 => _ = given.insert("roles".into(), texts(&["db_datareader"])),
            3 => _ = given.insert("roles".into(), texts(&["DB_DataReader", "db_datawriter"])),
            _ if self.has(Type::Role) => _ = given.insert("roles".into(), in_role()),
            _ => {}
        }
        self.maybe(20, &mut given, "transfer_schemas_to", text("dbo"));
        given
    }

    fn grants(&mut self, mirror: bool, depends_on: &mut Vec<String>) -> Attributes {
        let mut given = Attributes::new();
        let user = self.literal(Type::User, "name").unwrap_or_default();
        if self.has(Type::Role) && !mirror && (!self.has(Type::User) || self.rng.chance(30)) {
            given.insert("database".into(), refer(Type::Role, "database"));
            given.insert("principal".into(), refer(Type::Role, "principal"));
        } else if !self.has(Type::User) {
            given.insert("database".into(), text("Sales"));
            given.insert("principal".into(), text(ROLE));
        } else if self.rng.chance(75) {
            given.insert("database".into(), refer(Type::User, "database"));
            given.insert("principal".into(), refer(Type::User, "principal"));
        } else {
            let (database, name) = (self.spelled("Sales"), self.spelled(&user));
            given.insert("database".into(), text(&database));
            given.insert("principal".into(), text(&name));
            depends_on.push(Type::User.address());
        }
        let mut left: Vec<&str> = PERMISSIONS.to_vec();
        let mut take = |rng: &mut Rng, percent| {
            let taken = rng.subset(&left, percent);
            left.retain(|it| !taken.contains(it));
            taken
        };
        let mut permissions = if mirror { MIRRORING.to_vec() } else { Vec::new() };
        permissions.extend(take(self.rng, if mirror { 10 } else { 45 }));
        if self.rng.chance(10) {
            permissions.push("CONNECT");
        }
        permissions.sort_unstable();
        permissions.dedup();
        let free = |it: &&str| !permissions.contains(it);
        let options: Vec<&str> = take(self.rng, 20).into_iter().filter(free).collect();
        // What a mirror needs is not denied by the configuration that wants it.
        let needless = |it: &&str| !mirror || matches!(*it, "INSERT" | "EXECUTE");
        let mut denied: Vec<&str> = take(self.rng, 15).into_iter().filter(free).filter(needless).collect();
        if self.rng.chance(4) && free(&"CONNECT") && !mirror {
            denied.push("CONNECT");
        }
        given.insert("permissions".into(), texts(&permissions));
        if !options.is_empty() || self.rng.chance(10) {
            given.insert("permissions_with_grant_option".into(), texts(&options));
        }
        if !denied.is_empty() || self.rng.chance(10) {
            given.insert("denied".into(), texts(&denied));
        }
        let exclusive = self.rng.chance(40);
        self.maybe(50, &mut given, "exclusive", flag(exclusive));
        let lifts = self.rng.chance(60);
        self.maybe(25, &mut given, "lift_denies", flag(lifts));
        given
    }

    fn connection(&mut self, depends_on: &mut Vec<String>) -> Attributes {
        let mut given = Attributes::new();
        given.insert("display_name".into(), text(self.rng.one(&["sales-mi", "Sales [MI] 'prod'"])));
        given.insert("server".into(), text("@server"));
        let database =
            if self.rng.chance(50) && self.has(Type::User) { refer(Type::User, "database") } else { text("Sales") };
        given.insert("database".into(), database);
        let basic = [
            ("username", refer(Type::User, "login_name")),
            ("password_wo", text(&password(1))),
            ("password_wo_version", number(1)),
        ];
        given.insert("basic".into(), object(basic));
        let level = self.rng.one(&["Organizational", "Private"]);
        self.maybe(30, &mut given, "privacy_level", text(level));
        self.maybe(30, &mut given, "connection_encryption", text("Encrypted"));
        if self.has(Type::Grants) && self.rng.chance(40) {
            depends_on.push(Type::Grants.address());
        }
        given
    }

    fn assignment(&mut self, mirror: bool) -> Attributes {
        let mut given = Attributes::new();
        given.insert("workspace_id".into(), text(if self.rng.chance(6) { "@WORKSPACE" } else { "@workspace" }));
        let (id, kind) = if mirror {
            ("@identity", "ServicePrincipal")
        } else {
            self.rng.one(&[("@bob", "User"), ("@team", "Group")])
        };
        let id = if self.rng.chance(8) { id.to_uppercase() } else { id.to_owned() };
        // The service corrects a wrong one by itself.
        let kind = if self.rng.chance(8) { "User" } else { kind };
        given.insert("principal".into(), object([("id", text(&id)), ("type", text(kind))]));
        let role = if mirror { "Contributor" } else { self.rng.one(&["Contributor", "Member", "Viewer"]) };
        given.insert("role".into(), text(role));
        given
    }

    fn mirror(&mut self) -> Attributes {
        let mut given = Attributes::new();
        given.insert("workspace_id".into(), text(if self.rng.chance(6) { "@WORKSPACE" } else { "@workspace" }));
        given.insert("display_name".into(), text(self.rng.one(&["Sales", "Sales mirror"])));
        given.insert("connection_id".into(), refer(Type::Connection, "id"));
        self.maybe(70, &mut given, "default_schema", text("dbo"));
        let description = self.rng.one(&["a mirror", ""]);
        self.maybe(30, &mut given, "description", text(description));
        self.maybe(20, &mut given, "folder_id", text("@folder"));
        let days = self.rng.one(&[7, 14]);
        self.maybe(30, &mut given, "retention_in_days", number(days));
        self.maybe(10, &mut given, "hard_delete", flag(true));
        if self.rng.chance(45) {
            let tables = self.tables();
            given.insert("tables".into(), tables);
        }
        if self.features.has(Type::Mirror, "timeouts") {
            given.insert("timeouts".into(), object([("update", text(WAIT)), ("delete", text(WAIT))]));
        }
        given
    }

    fn tables(&mut self) -> Expression {
        let mut chosen = self.rng.subset(&TABLES, 50);
        if chosen.is_empty() {
            chosen.push(TABLES[0]);
        }
        tables(&chosen)
    }

    fn replication(&mut self, depends_on: &mut Vec<String>) -> Attributes {
        let mut given = Attributes::new();
        given.insert("workspace_id".into(), text("@workspace"));
        given.insert("mirrored_database_id".into(), refer(Type::Mirror, "id"));
        let state = if self.rng.chance(80) { "running" } else { "stopped" };
        self.maybe(60, &mut given, "state", text(state));
        let wait_for = self.rng.weighted(&[(6, "replicating"), (2, "running"), (1, "none")]);
        self.maybe(50, &mut given, "wait_for", text(wait_for));
        let on_error = self.rng.one(&["fail", "warn"]);
        self.maybe(40, &mut given, "on_table_error", text(on_error));
        let timeouts = [("create", text(WAIT)), ("update", text(WAIT)), ("delete", text(WAIT))];
        given.insert("timeouts".into(), object(timeouts));
        if self.features.has(Type::Replication, "principal") && self.rng.chance(70) {
            given.insert("principal".into(), refer(Type::Grants, "principal"));
        } else {
            depends_on.push(Type::Grants.address());
        }
        if self.has(Type::Assignment) {
            depends_on.push(Type::Assignment.address());
        }
        given
    }
}

/// An hour of the services, and more than any of their steps takes.
pub const WAIT: &str = "6s";

pub fn tables(names: &[(&str, &str)]) -> Expression {
    let table = |(schema, name): &(&str, &str)| object([("schema", text(schema)), ("name", text(name))]);
    Expression::List(names.iter().map(table).collect())
}
