//! What plan, state and apply say is so: objects that are gone are gone, mirrors that run run, what is left out is left
//! alone.

use tfplugin::Dynamic;
use tfplugin::testing::{Action, Applied, Block, Change, Plan, PlanOptions, State};

use crate::accounts::known;
use crate::configs::Type;
use crate::entra;
use crate::invariants::{self, DONE, GONE, HEALTH, SPELLING, TAINTED, UNMANAGED, differing, kind, ours, shown_changes};
use crate::run::{End, Run};
use crate::snapshot::{Mirror, Snapshot, Thing, same};

/// Attributes that are not managed where the configuration leaves them out.
fn unmanaged(of: Type) -> &'static [&'static str] {
    match of {
        Type::Login => &["server_roles", "default_database"],
        Type::Role => &["owner"],
        Type::User => &["roles", "default_schema"],
        Type::Connection => &["privacy_level", "connection_encryption"],
        Type::Mirror => &["folder_id", "description", "retention_in_days"],
        Type::Grants | Type::Assignment | Type::Replication => &[],
    }
}

fn block<'a>(run: &'a Run, address: &str) -> Option<&'a Block> {
    run.us.configuration.blocks.iter().find(|block| block.address == address)
}

pub fn of_plan(run: &mut Run, plan: &Plan, options: &PlanOptions, before: &Snapshot, after: &Snapshot) {
    if options.refresh {
        forgotten(run, plan, after);
    }
    if !plan.has_errors() && !options.destroy {
        left_out(run, plan, options);
        if options.refresh && run.broken.is_empty() {
            health(run, plan, before, after);
        }
        if run.only_spelled && options.replace.is_empty() && !plan.is_empty() {
            run.violate(SPELLING, spelled_key(plan), shown_changes(plan));
        }
    }
    run.only_spelled = false;
}

fn spelled_key(plan: &Plan) -> String {
    let changes = plan.changes.iter().filter(|it| it.action != Action::NoOp);
    changes.map(|it| format!("{:?} {} ", it.action, Type::of(&it.address).map_or("", Type::name))).collect()
}

/// A refresh that takes an object out of the state has seen that it is gone.
fn forgotten(run: &mut Run, plan: &Plan, snapshot: &Snapshot) {
    let state = run.us.state.clone();
    for (address, object) in &state.objects {
        if plan.refreshed.objects.contains_key(address) || !plan.drift.iter().any(|it| it.address == *address) {
            continue;
        }
        if let Some(thing) = ours(&object.type_name, &object.value, snapshot) {
            let text = format!("the refresh takes {address} for gone, and {} is there", snapshot.describe(&thing));
            run.violate(GONE, format!("refresh: {}", kind(&thing)), text);
        }
    }
}

/// Where an attribute is left out, no plan changes it, and none replaces its object for it.
fn left_out(run: &mut Run, plan: &Plan, options: &PlanOptions) {
    for change in plan.changes.iter().filter(|it| matches!(it.action, Action::Update | Action::Replace)) {
        let (Some(of), Some(block)) = (Type::of(&change.address), block(run, &change.address)) else { continue };
        let tainted = run.us.state.objects.get(&change.address).is_some_and(|it| it.tainted);
        if change.action == Action::Replace && (tainted || options.replace.contains(&change.address)) {
            continue;
        }
        let is_left_out = |name: &&str| !block.attributes.contains_key(*name);
        let shown = differing(change);
        let certain = shown.iter().filter(|it| !it.ends_with("-> (unknown)")).count();
        let touched: Vec<&str> = unmanaged(of)
            .iter()
            .copied()
            .filter(is_left_out)
            .filter(|name| change.before.get(name) != change.after.get(name))
            // A new object gets what new objects get; that it is one has another reason.
            .filter(|name| {
                change.action == Action::Update || (certain == 1 && *change.after.get(name) != Dynamic::Unknown)
            })
            .collect();
        for name in touched {
            let text = format!(
                "{name} is left out, and the plan has: {:?} {}: {}",
                change.action,
                change.address,
                shown.join(", ")
            );
            run.violate(UNMANAGED, format!("{:?} {}.{name}", change.action, of.name()), text);
        }
    }
}

/// Why a mirror does not do what it is wanted to, if so.
fn trouble(mirror: &Mirror, wait_for: &str, tolerant: bool) -> Option<String> {
    if wait_for == "none" {
        return None;
    }
    if mirror.status != "Running" {
        return Some(format!("its status is {}", mirror.status));
    }
    if let Some(error) = &mirror.error {
        return Some(format!("it runs and says: {error}"));
    }
    if wait_for == "running" || tolerant {
        return None;
    }
    let status = |name: &String| mirror.tables.get(name).map_or("not there", String::as_str);
    let listed = mirror.listed.iter().flatten().find(|name| status(name) != "Replicating");
    if let Some(name) = listed {
        return Some(format!("the listed table {name} is {}", status(name)));
    }
    let none = mirror.listed.is_none() && !mirror.tables.values().any(|it| it == "Replicating");
    none.then(|| "no table of it is replicating".to_owned())
}

/// The mirror that a replication is about, and what is wanted of it.
fn wanted<'a>(change: &Change, snapshot: &'a Snapshot) -> Option<(&'a Mirror, String, bool)> {
    let value = &change.after;
    if known(value, "state") != Some("running") {
        return None;
    }
    let mirror = snapshot.mirrors.get(&known(value, "mirrored_database_id")?.to_lowercase())?;
    let wait_for = known(value, "wait_for").unwrap_or("replicating").to_owned();
    Some((mirror, wait_for, known(value, "on_table_error") == Some("warn")))
}

/// A mirror that is in trouble before and after a plan is a difference in it.
fn health(run: &mut Run, plan: &Plan, before: &Snapshot, after: &Snapshot) {
    for change in plan.changes.iter().filter(|it| Type::of(&it.address) == Some(Type::Replication)) {
        let trouble_in = |snapshot: &Snapshot| {
            let (mirror, wait_for, tolerant) = wanted(change, snapshot)?;
            // What starts or comes to rest is on its way.
            let moves = ["Starting", "Stopping", "Initializing"].contains(&mirror.status.as_str())
                || mirror.tables.values().any(|it| ["Initialized", "Snapshotting", "Reseeding"].contains(&it.as_str()));
            if moves { None } else { trouble(mirror, &wait_for, tolerant) }
        };
        // What to do about a mirror that is paused is a warning, and no difference.
        let is_said = plan.diagnostics.iter().any(|it| it.address == change.address && it.summary.contains("Paused"));
        // A list of tables that others wrote is the mirror's own difference.
        let is_listed_anew = plan
            .changes
            .iter()
            .any(|it| Type::of(&it.address) == Some(Type::Mirror) && it.before.get("tables") != it.after.get("tables"));
        let is_said = is_said || is_listed_anew;
        if let (Some(then), Some(now), Action::NoOp) = (trouble_in(before), trouble_in(after), change.action)
            && then == now
            && !is_said
        {
            let text = format!("{now}, and the plan has nothing to do about {}", change.address);
            run.violate(HEALTH, invariants::key(now.split(':').next().unwrap_or_default()), text);
        }
    }
}

/// When there is nothing to do any more: whom a block means for certain, and what we made, is the principal of that SID.
pub fn meant(run: &mut Run, snapshot: &Snapshot) {
    for block in run.us.configuration.blocks.clone() {
        let (Some(principal), Some(object)) = (entra::principal(&block), run.us.state.objects.get(&block.address))
        else {
            continue;
        };
        let Some(thing) = ours(&object.type_name, &object.value, snapshot) else { continue };
        let sid = snapshot.fact(&thing, "sid");
        if (entra::is_certain(&block) || run.made.contains(&thing)) && !same(sid, principal.sid) {
            let text =
                format!("{} means {}, and {} has SID {sid}", block.address, principal.name, snapshot.describe(&thing));
            run.violate(invariants::MEANT, kind(&thing), text);
        }
    }
}

pub fn of_apply(run: &mut Run, plan: &Plan, applied: &Applied, end: End, before: &Snapshot, after: &Snapshot) {
    for (address, action) in &applied.done {
        let Some(change) = plan.change(address) else { continue };
        // Another block may have made it again.
        let is_made = applied.state.objects.iter().any(|(it, object)| {
            Type::of(it) == Type::of(address)
                && ours(&object.type_name, &object.value, after) == ours(&object.type_name, &change.before, after)
        });
        if *action == Action::Delete && change.action == Action::Delete && !is_made {
            deleted(run, plan, applied, change, after);
        }
    }
    tainted(run, applied, end, after);
    if !applied.has_errors() && end == End::ByItself {
        replicates(run, plan, &applied.state, before, after);
    }
}

/// What was destroyed is not there.
fn deleted(run: &mut Run, plan: &Plan, applied: &Applied, change: &Change, after: &Snapshot) {
    let (address, value) = (&change.address, &change.before);
    let warned = plan.diagnostics.iter().chain(&applied.diagnostics).any(|it| !it.error && it.address == *address);
    let found = match Type::of(address) {
        Some(Type::Replication) => {
            let mirror = known(value, "mirrored_database_id").and_then(|id| after.mirrors.get(&id.to_lowercase()));
            let runs = mirror.filter(|it| ["Running", "Starting"].contains(&it.status.as_str()));
            runs.map(|it| format!("its mirror is {}", it.status))
        }
        Some(Type::Grants) => granted(value, after),
        Some(of) => ours(of.name(), value, after).map(|thing| after.describe(&thing)),
        None => None,
    };
    if let Some(found) = found.filter(|_| !warned) {
        let of = Type::of(address).map_or("", Type::name);
        let text = format!("{address} was destroyed, without a warning, and is still there: {found}");
        run.violate(GONE, format!("destroyed: {of}"), text);
    }
}

/// A permission of a destroyed object that its principal still holds from the same grantor.
fn granted(value: &Dynamic, after: &Snapshot) -> Option<String> {
    let (database, principal) = (known(value, "database")?, known(value, "principal")?);
    let names = |set: &str| match value.get(set) {
        Dynamic::List(names) => names.clone(),
        _ => Vec::new(),
    };
    let listed = [names("permissions"), names("permissions_with_grant_option")].concat();
    let is_listed = |name: &str| name != "CONNECT" && listed.contains(&Dynamic::from(name));
    let found = after.find(|thing, facts| match thing {
        Thing::Permission { database: at, grantee, permission, .. } => {
            same(at, database)
                && same(&after.principal(at, *grantee), principal)
                && is_listed(permission)
                && facts["state"] != "Deny"
        }
        _ => false,
    });
    found.first().map(|thing| after.describe(thing))
}

/// A hiccup does not make the next apply throw away what was made.
fn tainted(run: &mut Run, applied: &Applied, end: End, after: &Snapshot) {
    // An answer that the CLI refuses taints too, and is another rule's.
    if !applied.violations.is_empty() {
        return;
    }
    let hiccup = !run.faults.is_empty() || end != End::ByItself;
    for (address, object) in &applied.state.objects {
        let Some(of) = Type::of(address) else { continue };
        let was = run.us.state.objects.get(address).is_some_and(|it| it.tainted)
            && !applied.done.iter().any(|(it, _)| it == address);
        // A login has its roles, and is disabled, only after it was made; so an Entra principal's has its default database.
        let block = run.us.configuration.blocks.iter().find(|block| block.address == *address);
        let takes_more = of == Type::Login
            && block.is_some_and(|it| {
                let attributes = ["server_roles", "enabled", "default_database"];
                attributes[..if it.attributes.contains_key("entra") { 3 } else { 2 }]
                    .iter()
                    .any(|name| it.attributes.contains_key(*name))
            });
        let counts = of == Type::Mirror || (hiccup && of != Type::Replication && !takes_more);
        if object.tainted && counts && !was && ours(&object.type_name, &object.value, after).is_some() {
            let errors: Vec<String> =
                applied.diagnostics.iter().filter(|it| it.error).map(ToString::to_string).collect();
            let text = format!("{address} is there, and tainted: the next apply throws it away\n{}", errors.join("\n"));
            run.violate(TAINTED, of.name(), text);
        }
    }
}

/// The names of a list of tables.
fn listed(tables: &Dynamic) -> Vec<String> {
    let Dynamic::List(tables) = tables else { return Vec::new() };
    tables.iter().filter_map(|it| Some(format!("{}.{}", known(it, "schema")?, known(it, "name")?))).collect()
}

/// After an apply that waited, the mirror does what was waited for.
fn replicates(run: &mut Run, plan: &Plan, state: &State, before: &Snapshot, after: &Snapshot) {
    // What the same apply broke is the next plan's to show.
    let broke = plan.changes.iter().any(|it| {
        let stands_on =
            matches!(Type::of(&it.address), Some(Type::Grants | Type::Login | Type::User | Type::Assignment));
        stands_on && !matches!(it.action, Action::NoOp | Action::Create)
    });
    let acted = !broke
        && plan.changes.iter().any(|it| {
            let waits = ["state", "phase", "status", "healthy", "tables", "connection_id"]
                .iter()
                .any(|name| it.before.get(name) != it.after.get(name));
            it.action != Action::NoOp
                && waits
                && matches!(Type::of(&it.address), Some(Type::Replication | Type::Mirror))
        });
    let replications: Vec<&Change> =
        plan.changes.iter().filter(|it| Type::of(&it.address) == Some(Type::Replication)).collect();
    for change in replications.iter().copied().filter(|_| acted) {
        // What to do about a mirror that is paused is a warning; two blocks that want two things get one of them.
        let is_paused = plan.diagnostics.iter().any(|it| it.address == change.address && it.summary.contains("Paused"));
        let of = |it: &Change, name: &str| known(&it.after, name).map(str::to_owned);
        let is_disputed = replications.iter().any(|it| {
            of(it, "mirrored_database_id") == of(change, "mirrored_database_id")
                && of(it, "state") != of(change, "state")
        });
        // One that somebody stopped since the plan is left at rest by a change of its tables; the next plan shows it.
        let mirror =
            known(&change.before, "mirrored_database_id").and_then(|id| before.mirrors.get(&id.to_lowercase()));
        let rested = change.action == Action::NoOp
            && mirror.is_some_and(|it| !["Running", "Starting"].contains(&it.status.as_str()));
        if is_paused || is_disputed || rested {
            continue;
        }
        let value = state.objects.get(&change.address).map_or(&change.after, |it| &it.value);
        let now = Change { after: value.clone(), ..change.clone() };
        let Some((mirror, wait_for, tolerant)) = wanted(&now, after) else { continue };
        // A change of the list waits for what it adds; what became of the others is the next plan's to show.
        let listed_before: Vec<String> = plan
            .changes
            .iter()
            .filter(|it| Type::of(&it.address) == Some(Type::Mirror) && it.action == Action::Update)
            .flat_map(|it| listed(it.before.get("tables")))
            .collect();
        let is_old = |trouble: &String| listed_before.iter().any(|it| trouble.contains(&format!("listed table {it} ")));
        if let Some(trouble) =
            trouble(mirror, &wait_for, tolerant).filter(|it| change.action != Action::NoOp || !is_old(it))
        {
            let text =
                format!("the apply succeeded, and of the mirror {} {trouble}\n{}", change.address, shown_changes(plan));
            run.violate(DONE, invariants::key(trouble.split(':').next().unwrap_or_default()), text);
        }
    }
}
