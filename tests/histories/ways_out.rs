//! *An error names a way out, and following it converges*: the ways that diagnostics name, and somebody who takes them at
//! their word.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::json;
use tfplugin::Dynamic;
use tfplugin::testing::{Block, Configuration, Expression, PlanOptions, Said, State};

use crate::Result;
use crate::configs::{MIRRORING, Type, flag, number, object, password, refer, text, texts};
use crate::edits::{Edit, refers, remove};
use crate::entra;
use crate::invariants::{is_listed, ours};
use crate::run::{End, Run, Who};
use crate::snapshot::{Snapshot, Thing};
use crate::world::{Answer, Speaker};

/// What a diagnostic offers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Bring the object under this address.
    Import {
        type_name: String,
        id: String,
    },
    /// T-SQL for a DBA.
    Sql(String),
    /// A SID to put into the block.
    Sid(String),
    LiftDenies,
    Replace,
    Forget,
    RemoveBlock,
    Capacity,
    Network,
    TenantSetting,
    Identity,
    UpdatePolicy,
    IdentityRole,
    EndSessions,
    Operator,
    Credentials,
    Rename,
    StopAndStart,
    DependsOn,
    /// The permission CONNECT.
    Connect,
    /// Permissions for the user of the connection's login.
    Grants,
    /// One user for the connection: its database and its login.
    SameUser,
    /// Say by the id that is the SID which Entra principal is meant.
    EntraId,
    /// Refer to the user that is meant.
    ReferToUser,
    /// The same in the grants that the replication refers to.
    GrantsReferToUser,
    /// Leave an attribute out.
    Leave(String),
    Again,
}

/// Words, and what they tell a reader to do.
static WORDS: LazyLock<Vec<(Regex, Way)>> = LazyLock::new(|| {
    let leave = |attribute: &str| Way::Leave(attribute.to_owned());
    [
        (r"lift_denies = true", Way::LiftDenies),
        (r"-replace=", Way::Replace),
        (r"`removed` block", Way::Forget),
        (r"(?i)remove (this|the|that) block|remove one of the two blocks|Manage that user instead", Way::RemoveBlock),
        (r"(?i)resume (the capacity|it in the azure portal)", Way::Capacity),
        (r"(?i)public endpoint|network security group", Way::Network),
        (r"(?i)tenant setting|apps external to fabric", Way::TenantSetting),
        (r"(?i)system-assigned.*primary|primary.*system-assigned|no system-assigned", Way::Identity),
        (r"(?i)update policy", Way::UpdatePolicy),
        (r"(?i)`fabricmirror_workspace_role_assignment`", Way::IdentityRole),
        (r"(?i)Add a `fabricmirror_database_grants`|list them in `permissions`", Way::Grants),
        (r"(?i)and that to the `fabricmirror_database_user`", Way::GrantsReferToUser),
        (r"(?i)let `database` refer to the `database` of", Way::SameUser),
        (r"(?i)let `principal` refer to the `principal` of a `fabricmirror_database_user`", Way::ReferToUser),
        (r"(?i)end those sessions|force_drop = true", Way::EndSessions),
        (r"(?i)let a DBA|needs? (ALTER ANY|CONTROL|VIEW)|wrong password, a disabled login|needs a user in the database", Way::Operator),
        (r"(?i)check user name and password|the connection's (password|credentials)|raise `password_wo_version`|set `password_wo`", Way::Credentials),
        (r"in `entra` by the id that is its SID", Way::EntraId),
        (r"(?i)choose another name", Way::Rename),
        (r"(?i)need the workspace role", Way::Again),
        (r#"(?i)state = "stopped"`, apply, and set it back|resume replication"#, Way::StopAndStart),
        (r"(?i)depends_on|let this resource depend|let `\w+` refer to", Way::DependsOn),
        (r"leave `tables` out|(out of|from) `tables`|leave these tables out|(?i)is no such table|did you mean", leave("tables")),
        (r"CONNECT", Way::Connect),
        (r"leave `connection_encryption`", leave("connection_encryption")),
        (r"leave `sid` out|(?i)choose another `?sid", leave("sid")),
        (r"leave `default_schema` out", leave("default_schema")),
        (r"(?i)(apply|run|plan|runs|applies)( it)? again|run `?terraform", Way::Again),
    ]
    .into_iter()
    .map(|(words, way)| (Regex::new(words).expect("a pattern"), way))
    .collect()
});

static IMPORT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"import \{\s*to\s*= (fabricmirror_\w+)\.\S+\s*id\s*= "((?:[^"\\]|\\.)*)""#).expect("a pattern")
});
static SID: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"sid = "(0x[0-9A-Fa-f]{32})""#).expect("a pattern"));
static SQL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?:GRANT|REVOKE|DENY|ALTER (?:SERVER ROLE|ROLE|USER|LOGIN|AUTHORIZATION)|EXEC|DROP (?:USER|LOGIN)|CREATE USER)\b[^;\n]*;",
    )
    .expect("a pattern")
});

/// The ways that a diagnostic names; none for one that leaves its reader alone.
pub fn ways(said: &Said) -> Vec<Way> {
    let text = format!("{}\n{}", said.summary, said.detail);
    let mut ways: Vec<Way> = IMPORT
        .captures_iter(&text)
        .map(|found| Way::Import {
            type_name: found[1].to_owned(),
            id: found[2].replace("\\\"", "\"").replace("\\\\", "\\"),
        })
        .collect();
    ways.extend(SID.captures_iter(&text).map(|found| Way::Sid(found[1].to_owned())));
    ways.extend(SQL.find_iter(&text).map(|found| Way::Sql(found.as_str().to_owned())));
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    ways.extend(WORDS.iter().filter(|(words, _)| words.is_match(&flat)).map(|(_, way)| way.clone()));
    ways
}

/// Takes the ways that our last errors named. Returns whether there was one.
pub async fn follow(run: &mut Run) -> Result<bool> {
    let errors = std::mem::take(&mut run.errors);
    let followed = follow_all(run, &errors).await?;
    // An import may be refused in turn, and says why.
    let refused = std::mem::take(&mut run.errors);
    Ok(follow_all(run, &refused).await? || followed)
}

async fn follow_all(run: &mut Run, errors: &[Said]) -> Result<bool> {
    let mut followed = false;
    for said in errors {
        let ways = ways(said);
        let only = |fits: fn(&Way) -> bool| ways.iter().find(|way| fits(way)).cloned();
        let first = only(|way| matches!(way, Way::Import { .. }))
            .or_else(|| only(|way| matches!(way, Way::Sid(_))))
            .or_else(|| only(|way| *way == Way::EntraId))
            .or_else(|| only(|way| *way == Way::LiftDenies))
            .or_else(|| only(|way| *way == Way::Forget).filter(|_| run.us.state.objects.contains_key(&said.address)))
            .or_else(|| only(|way| *way == Way::Rename))
            .or_else(|| only(|way| *way == Way::Replace));
        for way in first.map_or(ways, |way| vec![way]) {
            run.say(format!("follow {way:?} for {}", said.address));
            let before = run.world.snapshot().await?;
            take(run, said, &way).await?;
            if !matches!(way, Way::Replace | Way::StopAndStart) {
                // What a DBA made of it is a DBA's.
                let after = run.world.snapshot().await?;
                let taken = before.things.keys().filter(|thing| !after.things.contains_key(*thing));
                run.told.extend(taken.cloned());
                run.theirs.extend(after.things.into_keys().filter(|thing| !before.things.contains_key(thing)));
            }
            followed = true;
        }
    }
    Ok(followed)
}

async fn take(run: &mut Run, said: &Said, way: &Way) -> Result<()> {
    let address = said.address.clone();
    let set = |run: &mut Run, name: &'static str, value| {
        Edit::Set(address.clone(), name, value).apply(&mut run.us.configuration)
    };
    match way {
        Way::Import { type_name, id } => import(run, &address, type_name, id).await?,
        Way::Sql(statement) => sql(run, said, statement).await?,
        Way::Sid(sid) => set(run, "sid", text(sid)),
        Way::LiftDenies => set(run, "lift_denies", flag(true)),
        Way::Replace => {
            let options = PlanOptions { replace: [address.clone()].into(), ..PlanOptions::default() };
            let plan = run.plan(Who::Us, &options).await?;
            if !plan.has_errors() {
                run.apply(Who::Us, &plan, End::ByItself).await?;
            }
        }
        Way::Forget => {
            let snapshot = run.world.snapshot().await?;
            let forgotten = forget(&mut run.us.state, &address, &snapshot);
            run.cut_off.extend(forgotten);
        }
        Way::RemoveBlock => remove(&mut run.us.configuration, &address),
        Way::Capacity => mend(run, "capacity", json!({ "capacity_state": "Active" })).await?,
        Way::Network => mend(run, "network", json!({ "network": "Reachable" })).await?,
        Way::TenantSetting => mend(run, "tenant setting", json!({ "tenant_setting": "On" })).await?,
        Way::Identity => mend(run, "identity", json!({ "primary_identity": "SystemAssigned" })).await?,
        Way::UpdatePolicy => mend(run, "policy", json!({ "update_policy": "AlwaysUpToDate" })).await?,
        Way::IdentityRole => identity_role(run).await?,
        Way::EndSessions => run.sessions.clear(),
        Way::Operator => operator(run).await?,
        Way::Credentials => {
            credentials(run);
            may_log_in(run).await?;
        }
        Way::Rename => {
            let name = if matches!(Type::of(&address), Some(Type::Login | Type::Role | Type::User)) {
                "name"
            } else {
                "display_name"
            };
            // Somebody of Entra is called as in the directory, or by an id and a name that begins so.
            let block = run.us.configuration.blocks.iter().find(|block| block.address == address);
            if let Some(principal) = block.and_then(entra::principal) {
                for (name, value) in principal.renamed("chosen anew") {
                    set(run, name, value);
                }
                return Ok(());
            }
            // Users and roles share their names; and somebody may have taken the one chosen before.
            let is_role = Type::of(&address) == Some(Type::Role);
            let chosen = if is_role { "a role chosen anew" } else { "chosen anew" };
            let again = match block.and_then(|block| block.attributes.get(name)) {
                Some(Expression::Value(Dynamic::String(now))) if now.starts_with(chosen) => format!("{now} again"),
                _ => chosen.to_owned(),
            };
            set(run, name, text(&again));
        }
        Way::EntraId => {
            let block = run.us.configuration.blocks.iter().find(|block| block.address == address);
            if let Some(principal) = block.and_then(entra::principal) {
                set(run, "entra", principal.by_sid());
            }
        }
        Way::StopAndStart => stop_and_start(run).await?,
        Way::DependsOn => depend(run, &address),
        Way::Leave(attribute) => {
            // The replication speaks of what its mirror lists.
            let speaks_of_mirror = *attribute == *"tables" && Type::of(&address) == Some(Type::Replication);
            let of = if speaks_of_mirror { Type::Mirror.address() } else { address };
            let block = run.us.configuration.blocks.iter_mut().find(|block| block.address == of);
            block.and_then(|block| block.attributes.remove(attribute));
        }
        Way::Connect => {
            let snapshot = run.world.snapshot().await?;
            let targets = crate::acts::Targets::of(run, &snapshot);
            if let Some(user) = targets.user {
                let statement = format!("GRANT CONNECT TO {}", crate::acts::quoted(&user));
                run.world.sql(Speaker::Administrator, &targets.database, &statement).await?;
            }
            // Nor does the configuration deny what the reader is told to grant.
            for block in run.us.configuration.blocks.iter_mut().filter(|it| it.type_name == Type::Grants.name()) {
                if let Some(Expression::Value(Dynamic::List(names))) = block.attributes.get_mut("denied") {
                    names.retain(|name| *name != Dynamic::from("CONNECT"));
                }
            }
        }
        Way::GrantsReferToUser => {
            if run.us.configuration.blocks.iter().any(|block| block.address == Type::User.address()) {
                let principal = refer(Type::User, "principal");
                Edit::Set(Type::Grants.address(), "principal", principal).apply(&mut run.us.configuration);
                let (ours, theirs) = (refer(Type::User, "database"), refer(Type::Grants, "principal"));
                Edit::Set(Type::Grants.address(), "database", ours).apply(&mut run.us.configuration);
                if Type::of(&address) == Some(Type::Replication) {
                    Edit::Set(address.clone(), "principal", theirs).apply(&mut run.us.configuration);
                }
                // The connections here lead to Sales, by that name or by the user's.
                Edit::Set(Type::User.address(), "database", text("Sales")).apply(&mut run.us.configuration);
            }
        }
        Way::ReferToUser => {
            if run.us.configuration.blocks.iter().any(|block| block.address == Type::User.address()) {
                set(run, "principal", refer(Type::User, "principal"));
                set(run, "database", refer(Type::User, "database"));
            } else {
                remove(&mut run.us.configuration, &address);
            }
        }
        Way::Grants => grants(&mut run.us.configuration),
        Way::SameUser => {
            Edit::Set(address, "database", refer(Type::User, "database")).apply(&mut run.us.configuration);
        }
        Way::Again => run.world.advance(120).await?,
    }
    Ok(())
}

/// The block that the diagnostic asks for, and the replication waits for it.
fn grants(configuration: &mut Configuration) {
    let there = |of: Type| configuration.blocks.iter().any(|block| block.type_name == of.name());
    if !there(Type::User) {
        return;
    }
    if let Some(block) = configuration.blocks.iter_mut().find(|block| block.address == Type::Grants.address()) {
        let mut lists = |name: &str, change: &dyn Fn(&mut Vec<Dynamic>)| {
            let set = block.attributes.entry(name.to_owned()).or_insert_with(|| texts(&[]));
            if let Expression::Value(Dynamic::List(names)) = set {
                change(names);
            }
        };
        let needed = MIRRORING.map(Dynamic::from);
        for name in ["permissions_with_grant_option", "denied"] {
            lists(name, &|names| names.retain(|it| !needed.contains(it)));
        }
        lists("permissions", &|names| {
            names.extend(needed.iter().filter(|it| !names.contains(it)).cloned().collect::<Vec<_>>())
        });
        block.attributes.insert("lift_denies".to_owned(), flag(true));
        block.attributes.insert("database".to_owned(), refer(Type::User, "database"));
        block.attributes.insert("principal".to_owned(), refer(Type::User, "principal"));
        return;
    }
    let attributes = [
        ("database", refer(Type::User, "database")),
        ("principal", refer(Type::User, "principal")),
        ("permissions", texts(&MIRRORING)),
    ];
    configuration.blocks.push(Block {
        address: Type::Grants.address(),
        type_name: Type::Grants.name().to_owned(),
        attributes: attributes.map(|(name, it)| (name.to_owned(), it)).into(),
        depends_on: Vec::new(),
    });
    for block in configuration.blocks.iter_mut().filter(|it| it.type_name == Type::Replication.name()) {
        block.attributes.insert("principal".to_owned(), refer(Type::Grants, "principal"));
    }
}

async fn mend(run: &mut Run, what: &'static str, facts: serde_json::Value) -> Result<()> {
    run.broken.remove(what);
    run.world.change(&facts).await
}

async fn import(run: &mut Run, address: &str, type_name: &str, id: &str) -> Result<()> {
    let mut imported = run.us.cli.import(&run.us.state, address, type_name, id).await;
    // The CLI says itself what to do then: remove the existing object from the state first.
    if imported.diagnostics.iter().any(|it| it.error && it.summary.starts_with("Resource already managed")) {
        let mut state = run.us.state.clone();
        let snapshot = run.world.snapshot().await?;
        let forgotten = forget(&mut state, address, &snapshot);
        run.cut_off.extend(forgotten);
        imported = run.us.cli.import(&state, address, type_name, id).await;
    }
    run.say(format!(
        "import {id} as {address}: {:?}",
        imported.diagnostics.iter().map(|it| &it.summary).collect::<Vec<_>>()
    ));
    if imported.has_errors() {
        run.errors.extend(imported.diagnostics.into_iter().filter(|it| it.error));
        return Ok(());
    }
    // Two blocks for one thing: the second is one too many.
    let snapshot = run.world.snapshot().await?;
    let thing = |address: &str, state: &State| {
        state.objects.get(address).and_then(|object| ours(&object.type_name, &object.value, &snapshot))
    };
    let new = thing(address, &imported.state);
    let twice =
        imported.state.objects.keys().any(|it| it != address && new.is_some() && thing(it, &imported.state) == new);
    // Of a user, whatever it is called meanwhile.
    let who = |value: &Dynamic| format!("{:?} {:?}", value.get("database"), value.get("sid")).to_lowercase();
    let same_user = type_name == Type::User.name()
        && imported.state.objects.iter().any(|(it, object)| {
            it != address
                && object.type_name == type_name
                && imported.state.objects.get(address).is_some_and(|new| who(&new.value) == who(&object.value))
        });
    let grants = |value: &Dynamic| format!("{:?} {:?}", value.get("database"), value.get("principal")).to_lowercase();
    let same_grants = type_name == Type::Grants.name()
        && imported.state.objects.iter().any(|(it, object)| {
            it != address
                && object.type_name == type_name
                && imported.state.objects.get(address).is_some_and(|new| grants(&new.value) == grants(&object.value))
        });
    if twice || same_user || same_grants {
        run.say(format!("{address} is a second block for the same thing, and goes"));
        remove(&mut run.us.configuration, address);
    } else {
        // Whatever it was, it is ours from here on.
        run.theirs.retain(|thing| Some(thing) != new.as_ref());
        run.us.state = imported.state;
    }
    Ok(())
}

/// Takes an object out of a state, and returns what no state knows from then on.
fn forget(state: &mut State, address: &str, snapshot: &Snapshot) -> Vec<Thing> {
    let Some(object) = state.objects.remove(address) else { return Vec::new() };
    let mut forgotten: Vec<Thing> = ours(&object.type_name, &object.value, snapshot).into_iter().collect();
    forgotten.extend(snapshot.find(|thing, _| is_listed(&object, thing, snapshot)));
    forgotten
}

async fn sql(run: &mut Run, said: &Said, statement: &str) -> Result<()> {
    if statement.contains("[GRANTEE]") {
        return revoke_what_was_passed_on(run).await;
    }
    let operator = run.operator.unwrap_or("sqladmin");
    let mut statement = statement.replace("[OPERATOR]", &format!("[{operator}]"));
    statement = statement.replace("[OTHER NAME]", &format!("[another name {}]", run.log.len()));
    let is_role = Type::of(&said.address) == Some(Type::Role);
    statement = statement.replace("[SCHEMA]", if is_role { "[owned by role]" } else { "[owned]" });
    statement = statement.replace("ROLE::[ROLE]", "ROLE::[owned role]");
    let on_server =
        ["SERVER ROLE", " LOGIN", "ANY LOGIN", "ANY DEFINITION", "SERVER STATE", "CONNECT SQL", "ANY CONNECTION"];
    let text = format!("{} {}", said.summary, said.detail);
    let database = if on_server.iter().any(|words| statement.contains(words)) {
        "master"
    } else if text.contains("Inventory") {
        "Inventory"
    } else {
        "Sales"
    };
    match run.world.sql(Speaker::Administrator, database, &statement).await? {
        Answer::Done => {}
        Answer::Refused(number, words) => {
            // A member who is gone meanwhile is in no role any more.
            let member = statement.split_once(" DROP MEMBER [").and_then(|(_, rest)| rest.strip_suffix("];"));
            if let (15151, Some(member)) = (number, member)
                && run.world.snapshot().await?.principal_named(database, &member.replace("]]", "]")).is_none()
            {
                return Ok(());
            }
            // Nobody but the reader knows whether the owner is a user or a role: one of the two statements fits.
            let is_alternative =
                ["ON USER::[", "ON ROLE::["].iter().any(|on| statement.contains(on)) && text.contains("; or: ");
            if number == 15151 && is_alternative {
                return Ok(());
            }
            // The advice offers alternatives, of which one may be there already; what is no T-SQL is a breach.
            if matches!(number, 102 | 156 | 170 | 15151 | 2812 | 4621) {
                run.violate(
                    crate::invariants::WAY_OUT,
                    format!("T-SQL is refused: {number}"),
                    format!("{said}\n\noffers `{statement}`, which {database} refuses: {number} {words}"),
                );
            }
        }
    }
    Ok(())
}

/// The advice names no grantee: a DBA looks them up by their grantor, as it says.
async fn revoke_what_was_passed_on(run: &mut Run) -> Result<()> {
    let snapshot = run.world.snapshot().await?;
    let targets = crate::acts::Targets::of(run, &snapshot);
    let grantors = [(targets.database, targets.user), (targets.home_of_role, targets.role)];
    for thing in snapshot.things.keys() {
        let Thing::Permission { database, grantee, grantor, permission } = thing else { continue };
        let grantor = snapshot.principal(database, *grantor);
        let gave = |(at, name): &(String, Option<String>)| at == database && name.as_ref() == Some(&grantor);
        if grantors.iter().any(gave) {
            let grantee = crate::acts::quoted(&snapshot.principal(database, *grantee));
            let statement = format!("REVOKE {permission} FROM {grantee} CASCADE AS {}", crate::acts::quoted(&grantor));
            run.world.sql(Speaker::Administrator, database, &statement).await?;
        }
    }
    Ok(())
}

/// The instance's identity may write: the block that the diagnostic asks for.
async fn identity_role(run: &mut Run) -> Result<()> {
    let there = run.us.configuration.blocks.iter().any(|block| {
        block.type_name == Type::Assignment.name() && format!("{block:?}").to_lowercase().contains("@identity")
    });
    let principal = object([("id", text("@identity")), ("type", text("ServicePrincipal"))]);
    if there {
        let about = |block: &&mut Block| {
            block.type_name == Type::Assignment.name() && format!("{block:?}").to_lowercase().contains("@identity")
        };
        for block in run.us.configuration.blocks.iter_mut().filter(about) {
            block.attributes.insert("role".to_owned(), text("Contributor"));
        }
        return Ok(());
    }
    let block = Block {
        address: format!("{}.identity", Type::Assignment.name()),
        type_name: Type::Assignment.name().to_owned(),
        attributes: [
            ("workspace_id".to_owned(), text("@workspace")),
            ("principal".to_owned(), principal),
            ("role".to_owned(), text("Contributor")),
        ]
        .into(),
        depends_on: Vec::new(),
    };
    let address = block.address.clone();
    run.us.configuration.blocks.push(block);
    for block in run.us.configuration.blocks.iter_mut().filter(|it| it.type_name == Type::Replication.name()) {
        block.depends_on.push(address.clone());
    }
    Ok(())
}

/// A DBA gives the operator back what it lost.
async fn operator(run: &mut Run) -> Result<()> {
    let Some(name) = run.operator else { return Ok(()) };
    let statements = [
        ("master", format!("ALTER LOGIN [{name}] ENABLE")),
        ("master", format!("ALTER SERVER ROLE sysadmin ADD MEMBER [{name}]")),
    ];
    for (database, statement) in statements {
        if let Answer::Refused(number, words) = run.world.sql(Speaker::Administrator, database, &statement).await? {
            return Err(format!("{statement}: {number} {words}").into());
        }
    }
    Ok(())
}

/// A new password, the same for login and connection, and a login that may be used.
fn credentials(run: &mut Run) {
    let version = 5000 + run.log.len() as i64;
    let about = |block: &Block| (block.address.clone(), Type::of(&block.address), entra::principal(block).is_some());
    let blocks: Vec<(String, Option<Type>, bool)> = run.us.configuration.blocks.iter().map(about).collect();
    for (address, it, entra) in blocks {
        let edits = match it {
            Some(Type::Login) if !entra => vec![
                Edit::Set(address.clone(), "password_wo", text(&password(version))),
                Edit::Set(address.clone(), "password_wo_version", number(version)),
                Edit::Set(address, "enabled", flag(true)),
            ],
            Some(Type::Connection) => {
                let basic = [
                    ("username", refer(Type::User, "login_name")),
                    ("password_wo", text(&password(version))),
                    ("password_wo_version", number(version)),
                ];
                vec![Edit::Set(address, "basic", object(basic))]
            }
            _ => Vec::new(),
        };
        edits.iter().for_each(|edit| edit.apply(&mut run.us.configuration));
    }
}

/// Who checks the credentials sees a login or a user that may not connect.
async fn may_log_in(run: &mut Run) -> Result<()> {
    let snapshot = run.world.snapshot().await?;
    let targets = crate::acts::Targets::of(run, &snapshot);
    let quoted = |name: &str| crate::acts::quoted(name);
    if let Some(login) = &targets.login {
        let statement = format!("REVOKE CONNECT SQL FROM {0}; GRANT CONNECT SQL TO {0}", quoted(login));
        run.world.sql(Speaker::Administrator, "master", &statement).await?;
    }
    if let Some(user) = &targets.user {
        let statement = format!("GRANT CONNECT TO {}", quoted(user));
        run.world.sql(Speaker::Administrator, &targets.database, &statement).await?;
    }
    Ok(())
}

async fn stop_and_start(run: &mut Run) -> Result<()> {
    let Some(block) = run.us.configuration.blocks.iter().find(|it| it.type_name == Type::Replication.name()).cloned()
    else {
        return Ok(());
    };
    let was = block.attributes.get("state").cloned();
    Edit::Set(block.address.clone(), "state", text("stopped")).apply(&mut run.us.configuration);
    let plan = run.plan(Who::Us, &PlanOptions::default()).await?;
    if !plan.has_errors() {
        run.apply(Who::Us, &plan, End::ByItself).await?;
    }
    let back = match was {
        Some(state) => Edit::Set(block.address, "state", state),
        None => Edit::Unset(block.address, "state"),
    };
    back.apply(&mut run.us.configuration);
    Ok(())
}

/// On everything that does not depend on it.
fn depend(run: &mut Run, address: &str) {
    let all: Vec<String> = run.us.configuration.blocks.iter().map(|block| block.address.clone()).collect();
    let reaches = |from: &str| {
        let mut seen = vec![from.to_owned()];
        let mut at = 0;
        while at < seen.len() {
            let block = run.us.configuration.blocks.iter().find(|block| block.address == seen[at]);
            let next: Vec<String> = all
                .iter()
                .filter(|it| block.is_some_and(|block| block.depends_on.contains(it) || refers(block, it)))
                .cloned()
                .collect();
            seen.extend(next.into_iter().filter(|it| !seen.contains(it)).collect::<Vec<_>>());
            at += 1;
        }
        seen.iter().any(|it| it == address)
    };
    let free: Vec<String> = all.iter().filter(|it| !reaches(it)).cloned().collect();
    if let Some(block) = run.us.configuration.blocks.iter_mut().find(|block| block.address == address) {
        for it in free {
            if !block.depends_on.contains(&it) {
                block.depends_on.push(it);
            }
        }
    }
}
