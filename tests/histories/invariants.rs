//! What holds whatever happens. Each has a name; a breach comes with what was seen.

use fabricmirror_emulator::journal::Entry;
use tfplugin::Dynamic;
use tfplugin::testing::{Action, Applied, Change, Expression, Object, Plan, Said, State};

use crate::accounts::{Accounts, known, planned};
use crate::configs::{SECRET, Type};
use crate::run::{End, PEOPLE, Run};
use crate::snapshot::{Difference, Shown, Snapshot, Thing, same};
use crate::{ways_out, writes};

/// From the interrupt to the end.
const INTERRUPT_LIMIT: std::time::Duration = std::time::Duration::from_secs(2);

pub const RULES: &str = "the CLI's rules";
pub const UNSEEN: &str = "nothing unseen";
pub const UNTOUCHED: &str = "what does not change is not touched";
pub const EMPTY: &str = "the next plan is empty";
pub const WAY_OUT: &str = "an error names a way out";
pub const SECRETS: &str = "no secret is shown";
pub const KEPT: &str = "what others made stays";
pub const LEFT: &str = "destroy leaves what was not ours, and nothing else";
pub const WAITS: &str = "every wait ends";
pub const UNMANAGED: &str = "what is left out is not managed";
pub const GONE: &str = "gone is proven";
pub const HEALTH: &str = "a mirror that died is a difference";
pub const DONE: &str = "what an apply says is true";
pub const TAINTED: &str = "what is there is not tainted";
pub const SPELLING: &str = "a change of spelling alone changes nothing";
pub const REQUIRED: &str = "required means required";
pub const DEFECT: &str = "no defect";
/// Every configuration here is one that the documentation allows.
pub const VALID: &str = "a legal configuration is taken";
pub const KINDS: &str = "kinds";
pub const MEANT: &str = "an object stands for whom the configuration means";
pub const IMPORT: &str = "import ends in an empty plan";

/// A text without what differs between runs: names in quotes, numbers, ids.
pub fn key(text: &str) -> String {
    let mut key = String::new();
    let mut quoted: Option<char> = None;
    for letter in text.chars() {
        match (quoted, letter) {
            (Some(end), letter) if letter == end => quoted = None,
            (Some(_), _) => {}
            (None, '`' | '"') => {
                quoted = Some(letter);
                key.push('…');
            }
            (None, letter) if letter.is_ascii_digit() => {
                if !key.ends_with('#') {
                    key.push('#');
                }
            }
            (None, letter) => key.push(letter),
        }
    }
    key
}

fn said(text: &Said) -> String {
    format!("{text}")
}

pub fn of_plan(run: &mut Run, plan: &Plan, journal: &[Entry]) {
    for violation in &plan.violations {
        run.violate(RULES, rule_key(violation), format!("{violation}\n{}", shown_changes(plan)));
    }
    if let Some(write) = writes::writes(journal).first() {
        run.violate(UNTOUCHED, format!("a plan writes: {}", write.kind()), format!("a plan sent: {}", write.text));
    }
    of_diagnostics(run, &plan.diagnostics);
    let texts = plan.changes.iter().flat_map(|it| [format!("{:?}", it.before), format!("{:?}", it.after)]);
    let texts: Vec<String> = texts.collect();
    no_secret(run, "plan", &texts);
    no_secret(run, "refreshed state", &[shown_state(&plan.refreshed)]);
}

pub fn of_apply(run: &mut Run, plan: &Plan, applied: &Applied, end: End, journal: &[Entry], before: &Snapshot) {
    for violation in &applied.violations {
        run.violate(RULES, rule_key(violation), format!("{violation}\n{}", shown_changes(plan)));
    }
    of_diagnostics(run, &applied.diagnostics);
    no_secret(run, "state", &[shown_state(&applied.state)]);
    let planned = planned(plan);
    for write in writes::writes(journal) {
        if !write.is_of(&planned, before) {
            let text =
                format!("apply sent `{}`, about which the plan says nothing\n{}", write.text, shown_changes(plan));
            run.violate(UNTOUCHED, write.kind(), text);
        }
    }
    if let (End::Interrupted(_) | End::Throttled, Some(took)) = (end, applied.ended_after_interrupt)
        && took > INTERRUPT_LIMIT
    {
        run.violate(WAITS, "interrupt", format!("the apply ended {took:?} after the interrupt"));
    }
}

/// The rule and the place in the schema.
fn rule_key(violation: &str) -> String {
    let mut parts = violation.splitn(3, ": ");
    let (rule, place) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    format!("{rule}: {}", key(place))
}

fn of_diagnostics(run: &mut Run, diagnostics: &[Said]) {
    let texts: Vec<String> = diagnostics.iter().map(said).collect();
    no_secret(run, "diagnostics", &texts);
    for it in diagnostics {
        if it.summary.contains("The provider has a defect") || it.summary.contains("panic") {
            run.violate(DEFECT, key(&it.summary), said(it));
        }
        // The CLI's own words are no error of the provider.
        const OWN: [&str; 4] =
            ["Cannot apply incomplete plan", "Provider produced", "execution halted", "Cannot import non-existent"];
        if !it.error || OWN.iter().any(|own| it.summary.starts_with(own)) {
            continue;
        }
        let is_null = |expression: &Expression| *expression == Expression::Value(Dynamic::Null);
        let asked_for = run.us.configuration.blocks.iter().any(|block| block.attributes.values().any(is_null));
        if it.phase == "validate" && asked_for {
            continue;
        }
        if it.phase == "validate" {
            run.violate(VALID, format!("{:?}: {}", it.path, key(&it.summary)), said(it));
        } else if ways_out::ways(it).is_empty() {
            run.violate(WAY_OUT, format!("{}: {}", it.phase, key(&it.summary)), said(it));
        }
    }
}

fn no_secret(run: &mut Run, place: &str, texts: &[String]) {
    let secrets = [
        SECRET,
        PEOPLE,
        "Second-Team-0nly",
        &run.world.ready.sql.password.clone(),
        &run.world.ready.entra.client_secret.clone(),
    ];
    for text in texts {
        if let Some(secret) = secrets.iter().find(|secret| text.contains(**secret)) {
            run.violate(SECRETS, place, format!("`{secret}` is in the {place}: {text}"));
        }
    }
}

fn shown_state(state: &State) -> String {
    state
        .objects
        .iter()
        .map(|(address, object)| format!("{address} {:?} {}", object.value, String::from_utf8_lossy(&object.private)))
        .collect()
}

/// Only what differs in each change.
pub fn shown_changes(plan: &Plan) -> String {
    let changes = plan.changes.iter().filter(|it| it.action != Action::NoOp);
    changes.map(|it| format!("  plan: {:?} {}: {}\n", it.action, it.address, differing(it).join(", "))).collect()
}

pub fn differing(change: &Change) -> Vec<String> {
    let names = |value: &Dynamic| match value {
        Dynamic::Map(entries) => entries.keys().cloned().collect(),
        _ => Vec::new(),
    };
    let mut all = names(&change.before);
    all.extend(names(&change.after));
    all.sort_unstable();
    all.dedup();
    all.retain(|name| change.before.get(name) != change.after.get(name));
    all.iter()
        .map(|name| format!("{name}: {} -> {}", shown(change.before.get(name)), shown(change.after.get(name))))
        .collect()
}

/// A value in few words.
pub fn shown(value: &Dynamic) -> String {
    match value {
        Dynamic::Null => "null".to_owned(),
        Dynamic::Unknown => "(unknown)".to_owned(),
        Dynamic::Bool(value) => value.to_string(),
        Dynamic::Int(value) => value.to_string(),
        Dynamic::Float(value) => value.to_string(),
        Dynamic::BigNumber(digits) => digits.clone(),
        Dynamic::String(text) => format!("{text:?}"),
        Dynamic::List(elements) => format!("[{}]", elements.iter().map(shown).collect::<Vec<_>>().join(", ")),
        Dynamic::Map(entries) => {
            let entries = entries.iter().map(|(name, it)| format!("{name} = {}", shown(it)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

pub fn nothing_unseen(run: &mut Run, unseen: &[Difference], accounts: &Accounts<'_>) {
    for difference in unseen {
        let text = Shown(difference, accounts.before, accounts.after).to_string();
        let what = match difference {
            Difference::Appeared(thing) => format!("{} appears", kind(thing)),
            Difference::Vanished(thing) => format!("{} vanishes", kind(thing)),
            Difference::Changed(thing, fact) => format!("{} changes its {fact}", kind(thing)),
        };
        let actions: Vec<String> = accounts.planned.iter().map(|it| format!("{:?} {:?}", it.action, it.it)).collect();
        let related = of_kind(difference.thing());
        let action = accounts.planned.iter().find(|it| Some(it.it) == related).map(|it| format!("{:?}", it.action));
        let key = format!("{what} under {}", action.unwrap_or_else(|| "no change".to_owned()));
        let text = format!(
            "{text}\nneither an action of the plan ({}) nor a warning told so\n{}",
            actions.join(", "),
            shown_changes(accounts.plan)
        );
        run.violate(UNSEEN, key, text);
    }
}

pub fn of_kind(thing: &Thing) -> Option<Type> {
    Some(match thing {
        Thing::Login(_) | Thing::ServerMember { .. } => Type::Login,
        Thing::Role { .. } => Type::Role,
        Thing::User { .. } | Thing::Member { .. } => Type::User,
        Thing::Permission { .. } => Type::Grants,
        Thing::Connection(_) => Type::Connection,
        Thing::Assignment { .. } => Type::Assignment,
        Thing::Item(_) => Type::Mirror,
        _ => return None,
    })
}

pub fn kind(thing: &Thing) -> &'static str {
    match thing {
        Thing::Login(_) => "login",
        Thing::ServerRole(_) => "server role",
        Thing::ServerMember { .. } => "server role membership",
        Thing::ServerPermission { .. } => "server permission",
        Thing::User { .. } => "user",
        Thing::Role { .. } => "role",
        Thing::Member { .. } => "role membership",
        Thing::Permission { .. } => "permission",
        Thing::ObjectPermission { .. } => "object permission",
        Thing::Schema { .. } => "schema",
        Thing::Table { .. } => "table",
        Thing::Workspace(_) => "workspace",
        Thing::Assignment { .. } => "workspace role",
        Thing::Folder(_) => "folder",
        Thing::Connection(_) => "connection",
        Thing::ConnectionRole { .. } => "connection role",
        Thing::Item(_) => "mirrored database",
    }
}

/// After an apply that did everything, and nobody did anything since.
pub fn empty_plan(run: &mut Run, plan: &Plan, applied: &Applied, next: &Plan) {
    if next.has_errors() {
        let errors: Vec<String> = next.diagnostics.iter().filter(|it| it.error).map(said).collect();
        let first = next.diagnostics.iter().find(|it| it.error).map(|it| key(&it.summary)).unwrap_or_default();
        let text = format!("the plan after an apply without errors fails:\n{}", errors.join("\n"));
        run.violate(EMPTY, format!("fails: {first}"), text);
        return;
    }
    for change in next.changes.iter().filter(|it| it.action != Action::NoOp) {
        if is_allowed(run, change, plan, applied) {
            continue;
        }
        let differing = differing(change);
        let names: Vec<&str> = differing.iter().filter_map(|it| it.split(':').next()).collect();
        let it = Type::of(&change.address).map(Type::name).unwrap_or_default();
        let text = format!(
            "{:?} {} is planned after an apply without errors: {}",
            change.action,
            change.address,
            differing.join(", ")
        );
        run.violate(EMPTY, format!("{:?} {it}: {}", change.action, names.join(",")), text);
    }
}

/// What may remain: a switch to `exclusive` shows what others hold only then; grants that name their user by themselves do
/// not see it replaced; what the configuration itself broke, or did not wait for, shows as such.
fn is_allowed(run: &Run, change: &Change, plan: &Plan, applied: &Applied) -> bool {
    let before = plan.change(&change.address);
    let block = run.us.configuration.blocks.iter().find(|block| block.address == change.address);
    let literal = |name: &str| block.and_then(|block| block.attributes.get(name)).filter(|it| is_literal(it));
    match Type::of(&change.address) {
        Some(Type::Grants) => {
            let switched = before.is_some_and(|it| {
                it.before.get("exclusive") == &Dynamic::Bool(false) && it.after.get("exclusive") == &Dynamic::Bool(true)
            });
            let replaced = plan.changes.iter().any(|it| {
                let renamed = it.action == Action::Update && it.before.get("name") != it.after.get("name");
                let new = matches!(it.action, Action::Replace | Action::Create);
                (new || renamed) && Type::of(&it.address) == Some(Type::User)
            });
            let told = |it: &Said| it.address == change.address && it.summary.contains("otherwise than listed");
            switched || plan.diagnostics.iter().any(told) || (replaced && literal("principal").is_some())
        }
        // What a killed run left is completed; what others added to it meanwhile, no plan of a new login can take away.
        Some(Type::Login) => {
            let made = before.is_some_and(|it| it.action == Action::Create);
            let left = run.cut_off.iter().any(|thing| matches!(thing, Thing::Login(_)));
            made && left && differing(change).iter().all(|it| it.starts_with("server_roles"))
        }
        // Who refers to a login's name, and not to its `principal`, does not see that it is another one.
        Some(Type::User) => {
            let replaced = plan
                .changes
                .iter()
                .any(|it| it.action == Action::Replace && Type::of(&it.address) == Some(Type::Login));
            let only_login = differing(change).iter().all(|it| it.starts_with("login_name") || it.starts_with("sid"));
            let by_principal = block.and_then(|block| block.attributes.get("login_name")).is_some_and(|it| {
                matches!(it, Expression::Reference { path, .. } if path.first().is_some_and(|it| it == "principal"))
            });
            replaced && only_login && !by_principal && run.features.has(Type::Login, "principal")
        }
        Some(Type::Replication) => {
            let only_health = differing(change).iter().all(|it| it.starts_with("healthy") || it.starts_with("status"));
            let waited = known(&change.after, "wait_for").is_none_or(|it| it == "replicating");
            let started = applied.done.iter().any(|(address, _)| *address == change.address);
            // What a mirror notices by itself, and no apply waited for, may come a moment later.
            let by_itself = !run.broken.is_empty() || !started;
            // One that was Paused was neither running nor stopped.
            let paused = |it: &Said| it.address == change.address && it.summary.contains("Paused");
            let rests = |it: &String| ["state", "healthy", "status"].iter().any(|name| it.starts_with(name));
            (plan.diagnostics.iter().any(paused) && differing(change).iter().all(rests))
                || (only_health && (run.undermined || is_sabotaged(plan) || by_itself))
                || (started && !waited)
                || (!started && before.is_some_and(|it| known(&it.before, "status") == Some("Starting")))
        }
        _ => false,
    }
}

fn is_literal(expression: &Expression) -> bool {
    matches!(expression, Expression::Value(_))
}

/// Whether a plan takes a role in the workspace from somebody, which a mirror may notice long after the apply.
pub fn is_undermined(plan: &Plan) -> bool {
    plan.changes.iter().any(|it| {
        !matches!(it.action, Action::NoOp | Action::Create) && Type::of(&it.address) == Some(Type::Assignment)
    })
}

/// Whether a plan takes something away from what a mirror may stand on.
pub fn is_sabotaged(plan: &Plan) -> bool {
    plan.changes.iter().any(|it| {
        !matches!(it.action, Action::NoOp | Action::Create)
            && !matches!(Type::of(&it.address), Some(Type::Replication | Type::Mirror))
    })
}

/// At the end: what acts made is there, unless somebody other than us took it away.
pub fn nothing_left(run: &mut Run, held: &State, before: &Snapshot, after: &Snapshot) {
    for (address, object) in &held.objects {
        if let Some(thing) = ours(&object.type_name, &object.value, after) {
            let text = format!("{address} was destroyed, and {} is still there", after.describe(&thing));
            run.violate(LEFT, format!("{} stays", kind(&thing)), text);
        }
    }
    // Of a deny that stays, and of what is not managed any more, a warning says so; who has got another name and another
    // login is nobody whom we know.
    let stays = |thing: &Thing| match thing {
        Thing::Permission { database, grantee, permission, .. } => {
            let principal = after.principal(database, *grantee);
            run.warned.iter().any(|it| {
                ["stays denied", "not managed any more", "came since the plan"].iter().any(|words| it.contains(words))
                    && it.contains(permission.as_str())
                    && it.contains(&principal)
            })
        }
        _ => false,
    };
    let owner = |thing: &Thing| match thing {
        Thing::Permission { database, grantee, .. } => Thing::User { database: database.clone(), id: *grantee },
        Thing::Member { database, member, .. } => Thing::User { database: database.clone(), id: *member },
        Thing::ServerPermission { grantee: login, .. } | Thing::ServerMember { member: login, .. } => {
            Thing::Login(*login)
        }
        other => other.clone(),
    };
    let is_left = |thing: &Thing| {
        let name = after.fact(&owner(thing), "name");
        !name.is_empty() && run.warned.iter().any(|it| it.contains(&format!("{name} was left alone")))
    };
    let is_lost = |thing: &Thing| ["name", "sid"].iter().all(|fact| run.altered.contains(&(owner(thing), *fact)));
    let is_known = |thing: &Thing| {
        run.begin.things.contains_key(thing)
            || run.theirs.contains(thing)
            || run.cut_off.contains(thing)
            || run.cut_off.contains(&owner(thing))
            || stays(thing)
            || is_left(thing)
            || is_lost(thing)
    };
    let forgotten: Vec<Thing> = after.things.keys().filter(|thing| !is_known(thing)).cloned().collect();
    for thing in forgotten {
        // What belongs to a thing that others made, such as a membership, goes with it.
        let text = format!("{} was made by an apply, and no state knows it", after.describe(&thing));
        run.violate(LEFT, format!("{} is forgotten", kind(&thing)), text);
    }
    let lost: Vec<Thing> = before
        .things
        .keys()
        .filter(|it| run.theirs.contains(it) && !run.made.contains(it))
        .filter(|it| !run.told.contains(it) && !after.things.contains_key(it))
        .cloned()
        .collect();
    let is_ours = |thing: &Thing| {
        ours_of(held, thing, before).is_some() || held.objects.values().any(|it| is_listed(it, thing, before))
    };
    for thing in lost.into_iter().filter(|thing| !is_ours(thing)) {
        let text = format!("{} was made by others, and destroy took it away", before.describe(&thing));
        run.violate(KEPT, kind(&thing), text);
    }
}

/// Whether an object of a state shows the permission as its principal's: what is shown goes, whoever gave it.
pub fn is_listed(object: &Object, thing: &Thing, snapshot: &Snapshot) -> bool {
    let Thing::Permission { database, grantee, permission, .. } = thing else { return false };
    let is = |name: &str, text: &str| known(&object.value, name).is_some_and(|it| same(it, text));
    let lists = |set: &str| match object.value.get(set) {
        Dynamic::List(names) => names.contains(&Dynamic::from(permission.as_str())),
        _ => false,
    };
    object.type_name == Type::Grants.name()
        && is("database", database)
        && is("principal", &snapshot.principal(database, *grantee))
        && ["permissions", "permissions_with_grant_option", "denied"].iter().any(|set| lists(set))
}

/// The object of a state that owns this thing.
fn ours_of(state: &State, thing: &Thing, snapshot: &Snapshot) -> Option<String> {
    let owner = match thing {
        Thing::ServerMember { member, .. } => Thing::Login(*member),
        Thing::ServerPermission { grantee, .. } => Thing::Login(*grantee),
        Thing::Member { database, member, .. } => Thing::User { database: database.clone(), id: *member },
        Thing::Permission { database, grantee, .. } | Thing::ObjectPermission { database, grantee, .. } => {
            Thing::User { database: database.clone(), id: *grantee }
        }
        Thing::ConnectionRole { connection, .. } => Thing::Connection(connection.clone()),
        other => other.clone(),
    };
    // Who is in a role, a plan names before the role goes; permissions may be a role's.
    let role = match thing {
        Thing::Member { database, role, .. } => Some(Thing::Role { database: database.clone(), id: *role }),
        Thing::Permission { database, grantee, .. } | Thing::ObjectPermission { database, grantee, .. } => {
            Some(Thing::Role { database: database.clone(), id: *grantee })
        }
        _ => None,
    };
    let is_owner = |it: &Thing| *it == owner || Some(it) == role.as_ref();
    let found = state
        .objects
        .iter()
        .find(|(_, object)| ours(&object.type_name, &object.value, snapshot).is_some_and(|it| is_owner(&it)));
    found.map(|(address, _)| address.clone())
}

/// The thing that an object of a state is, where it is there.
pub fn ours(type_name: &str, value: &Dynamic, snapshot: &Snapshot) -> Option<Thing> {
    let text = |name: &str| known(value, name).map(str::to_owned);
    let found = snapshot.find(|thing, facts| match thing {
        Thing::Login(_) if type_name == Type::Login.name() => match text("sid") {
            Some(sid) => same(&facts["sid"], &sid),
            None => text("name").is_some_and(|name| same(&facts["name"], &name)),
        },
        Thing::Role { database, .. } if type_name == Type::Role.name() => {
            let is_it = match text("sid") {
                Some(sid) => same(&facts["sid"], &sid),
                None => text("name").is_some_and(|name| same(&facts["name"], &name)),
            };
            is_it && text("database").is_some_and(|it| same(&it, database))
        }
        Thing::User { database, .. } if type_name == Type::User.name() => {
            text("database").is_some_and(|it| same(&it, database))
                && text("name").is_some_and(|it| same(&it, &facts["name"]))
        }
        Thing::Connection(id) if type_name == Type::Connection.name() => text("id").is_some_and(|it| same(&it, id)),
        Thing::Item(id) if type_name == Type::Mirror.name() => text("id").is_some_and(|it| same(&it, id)),
        Thing::Assignment { workspace, principal } if type_name == Type::Assignment.name() => {
            let id = known(value.get("principal"), "id").is_some_and(|it| same(it, principal));
            id && text("workspace_id").is_some_and(|it| same(&it, workspace))
        }
        _ => false,
    });
    found.into_iter().next()
}
