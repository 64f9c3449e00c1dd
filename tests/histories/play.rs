//! Plays a history: its steps one after the other, then what ends every history – the advice of errors is followed until
//! there is nothing left to do, and everything is destroyed.

use std::sync::Arc;

use tfplugin::Dynamic;
use tfplugin::testing::{Action, Expression, PlanOptions, Said};

use crate::Result;
use crate::acts::{self, Outcome, rest};
use crate::configs::{Features, Type};
use crate::edits::Edit;
use crate::invariants::{self, EMPTY, IMPORT, KINDS, WAY_OUT};
use crate::run::{End, Run, Saved, Who};
use crate::snapshot::Snapshot;
use crate::steps::{History, Step};
use crate::ways_out;
use crate::world::{Answer, Speaker, World};

/// So often may advice lead to other advice.
const ROUNDS: usize = 12;

/// Plays a history until a rule is broken, or to its end.
pub async fn play(world: Arc<World>, features: Arc<Features>, history: &History) -> Result<Run> {
    let mut run = Run::begin(world, features, history).await?;
    for step in &history.steps {
        take(&mut run, step).await.map_err(|error| format!("{step:?}: {error}\n{}", run.log.join("\n")))?;
        if !run.violations.is_empty() {
            return Ok(run);
        }
    }
    run.say("the end: advice is followed, then everything is destroyed");
    converge(&mut run).await?;
    if run.violations.is_empty() {
        destroy(&mut run).await?;
    }
    Ok(run)
}

async fn take(run: &mut Run, step: &Step) -> Result<()> {
    match step {
        Step::Act(name, pick) => acts::act(run, name, *pick).await?,
        Step::Edit(name, edits) => {
            run.say(format!("edit: {name}"));
            run.only_spelled = name.starts_with("spell") && run.is_settled;
            edits.iter().for_each(|edit| edit.apply(&mut run.us.configuration));
            run.is_settled = false;
        }
        Step::Plan => _ = run.plan(Who::Us, &PlanOptions::default()).await?,
        Step::Apply => apply(run, &PlanOptions::default(), End::ByItself).await?,
        Step::ApplyUnrefreshed => {
            apply(run, &PlanOptions { refresh: false, ..PlanOptions::default() }, End::ByItself).await?;
        }
        Step::Save => {
            let plan = run.plan(Who::Us, &PlanOptions::default()).await?;
            if !plan.has_errors() {
                run.saved = Some(Saved { plan, seen: run.seen.clone() });
            }
        }
        Step::ApplySaved => {
            if let Some(Saved { plan, seen }) = run.saved.take() {
                run.seen = seen;
                run.apply(Who::Us, &plan, End::ByItself).await?;
                // What came in between shows now, and only now.
                run.is_settled = false;
            }
        }
        Step::Kill(after) => apply(run, &PlanOptions::default(), End::Killed(*after)).await?,
        Step::Interrupt(after) => apply(run, &PlanOptions::default(), End::Interrupted(*after)).await?,
        Step::InterruptThrottled => apply(run, &PlanOptions::default(), End::Throttled).await?,
        Step::Replace(address, refresh) => {
            if run.us.state.objects.contains_key(address) {
                let replace = [address.clone()].into();
                let options = PlanOptions { replace, refresh: *refresh, ..PlanOptions::default() };
                apply(run, &options, End::ByItself).await?;
            }
        }
        Step::NullFor(address, name) => null_for(run, address, name).await?,
        Step::ReadStatus => read_status(run).await,
        Step::Reimport(address) => reimport(run, address).await?,
        Step::ImportStranger(kind) => import_stranger(run, kind).await?,
        Step::Follow => _ = ways_out::follow(run).await?,
        Step::Destroy => apply(run, &PlanOptions { destroy: true, ..PlanOptions::default() }, End::ByItself).await?,
    }
    Ok(())
}

/// Plans and applies; after an apply that did everything the next plan is empty.
async fn apply(run: &mut Run, options: &PlanOptions, end: End) -> Result<()> {
    let plan = run.plan(Who::Us, options).await?;
    if plan.has_errors() || !run.violations.is_empty() {
        run.has_failed = run.has_failed || plan.has_errors();
        run.saved = None;
        return Ok(());
    }
    let applied = run.apply(Who::Us, &plan, end).await?;
    // Without a refresh nobody promises that what others did is seen.
    run.is_settled = run.is_settled && options.refresh;
    let looks = end == End::ByItself && !applied.has_errors() && !options.destroy && options.refresh;
    if looks && run.violations.is_empty() {
        run.expect_empty(&plan, &applied).await?;
    }
    Ok(())
}

/// Null for a required attribute is refused, by validate or by plan.
async fn null_for(run: &mut Run, address: &str, name: &'static str) -> Result<()> {
    let kept = run.us.configuration.clone();
    let null = Expression::Value(Dynamic::Null);
    Edit::Set(address.to_owned(), name, null).apply(&mut run.us.configuration);
    if run.us.configuration != kept {
        let plan = run.plan(Who::Us, &PlanOptions::default()).await?;
        if !plan.has_errors() {
            let of = Type::of(address).map(Type::name).unwrap_or_default();
            let text = format!("{address}.{name} is null, and a plan passes\n{}", invariants::shown_changes(&plan));
            run.violate(invariants::REQUIRED, format!("{of}.{name}"), text);
        }
    }
    run.us.configuration = kept;
    run.errors.clear();
    run.is_settled = false;
    Ok(())
}

/// A data source answers whatever the state of what it reads; that it cannot be known is an answer too.
async fn read_status(run: &mut Run) {
    let object = run.us.state.objects.values().find(|object| object.type_name == Type::Mirror.name());
    let Some(value) = object.map(|object| object.value.clone()) else { return };
    let config = [("workspace_id", "workspace_id"), ("mirrored_database_id", "id")];
    let config = config.into_iter().map(|(name, of)| (name.to_owned(), value.get(of).clone()));
    let paused = run.broken.contains("capacity");
    let (_, said) = run.us.cli.read_data("fabricmirror_replication_status", Dynamic::Map(config.collect())).await;
    run.say(format!("read the status: {:?}", said.iter().map(|it| &it.summary).collect::<Vec<_>>()));
    if let Some(error) = said.iter().find(|it| it.error && paused) {
        run.violate(
            "a data source answers",
            invariants::key(&error.summary),
            format!("the capacity is paused: {error}"),
        );
    }
}

/// What an import cannot know: what only steers, that a secret was sent, and by which of its ids a principal is known.
fn is_unknown_to_import(of: Type, attribute: &str) -> bool {
    let unknown: &[&str] = match of {
        Type::Login => &["password_wo_version", "password_last_set", "force_drop", "entra"],
        Type::Role => &["remove_members"],
        Type::User => &["transfer_schemas_to", "entra"],
        Type::Grants => &["exclusive", "lift_denies"],
        Type::Connection => &["basic"],
        Type::Assignment => &[],
        Type::Mirror => &["hard_delete", "timeouts"],
        Type::Replication => &["wait_for", "on_table_error", "timeouts", "principal", "healthy", "preflight"],
    };
    unknown.contains(&attribute)
}

/// Takes an object out of the state and imports it again, where a plan has nothing to do.
async fn reimport(run: &mut Run, address: &str) -> Result<()> {
    let (Some(object), true) = (run.us.state.objects.get(address).cloned(), run.is_settled) else { return Ok(()) };
    let Some(id) = import_id(&object.type_name, &object.value) else { return Ok(()) };
    if run.broken.contains("capacity") {
        return Ok(());
    }
    let known_before = run.us.state.clone();
    let mut state = known_before.clone();
    state.objects.remove(address);
    let imported = run.us.cli.import(&state, address, &object.type_name, &id).await;
    run.say(format!("import {id} as {address}"));
    for violation in &imported.violations {
        run.violate(invariants::RULES, invariants::key(violation), violation.clone());
    }
    // Whether somebody of Entra has a login besides, an operator with few rights cannot tell, and need not while it is known.
    let of_entra = object.type_name == Type::User.name() && object.value.get("entra") != &Dynamic::Null;
    let is_unseen = |it: &Said| !it.error || it.summary == "The operator may not see this";
    if imported.has_errors() && of_entra && run.operator.is_some() && imported.diagnostics.iter().all(is_unseen) {
        return Ok(());
    }
    if imported.has_errors() {
        let said: Vec<String> = imported.diagnostics.iter().map(ToString::to_string).collect();
        run.violate(
            IMPORT,
            format!("{} fails", object.type_name),
            format!("import of {id} fails: {}", said.join("\n")),
        );
        return Ok(());
    }
    run.us.state = imported.state;
    let plan = run.plan(Who::Us, &PlanOptions::default()).await?;
    run.is_settled = plan.is_empty() && !plan.has_errors();
    let world = run.world.snapshot().await?;
    for change in plan.changes.iter().filter(|it| it.action != Action::NoOp) {
        let of = Type::of(&change.address).unwrap_or(Type::Login);
        // A mirror that nobody waited for came to its end meanwhile, and that is no news of the import.
        let has_moved = of == Type::Replication
            && known_before.objects.get(&change.address).is_some_and(|it| has_moved(&it.value, &world));
        if has_moved && change.action == Action::Update {
            continue;
        }
        let names = invariants::differing(change);
        let names = names.iter().filter_map(|it| it.split(':').next());
        // Nor can it know that others are not to be looked at: then their permissions go out of sight.
        let narrows = of == Type::Grants && *change.after.get("exclusive") == Dynamic::Bool(false);
        let out_of_sight = |name: &str| narrows && ["permissions", "denied"].iter().any(|it| name.starts_with(it));
        // Nor how much is asked of a mirror, by which its health is judged: then that is judged anew.
        let judged_anew = of == Type::Replication
            && ["wait_for", "on_table_error"].iter().any(|it| change.before.get(it) != change.after.get(it));
        let rejudges = |name: &str| judged_anew && name == "status";
        // Nor by which of two names somebody of Entra is meant who has a login: then it says the login's.
        let of_entra = of == Type::User && *change.after.get("entra") != Dynamic::Null;
        let otherwise = |name: &str| of_entra && name == "login_name";
        let names = names.filter(|name| {
            !is_unknown_to_import(of, name) && !out_of_sight(name) && !rejudges(name) && !otherwise(name)
        });
        let names: Vec<&str> = names.filter(|name| *name != "permissions_with_grant_option" || !narrows).collect();
        if change.action != Action::Update || !names.is_empty() {
            run.violate(
                IMPORT,
                format!("{:?} {}: {}", change.action, of.name(), names.join(",")),
                format!(
                    "after the import of {id} as {address}, of which nothing differed before:\n{}",
                    invariants::shown_changes(&plan)
                ),
            );
        }
    }
    Ok(())
}

/// Whether the mirror of a replication is not what the state says that it was.
fn has_moved(replication: &Dynamic, world: &Snapshot) -> bool {
    let known = |name: &str| crate::accounts::known(replication, name);
    let mirror = known("mirrored_database_id").and_then(|id| world.mirrors.get(&id.to_lowercase()));
    let was_healthy = *replication.get("healthy") == Dynamic::Bool(true);
    mirror.is_some_and(|mirror| {
        known("status") != Some(mirror.status.as_str())
            || (was_healthy && (mirror.error.is_some() || mirror.tables.values().any(|status| status != "Replicating")))
    })
}

/// The import id of an object in the state, written as the documentation says.
fn import_id(type_name: &str, value: &Dynamic) -> Option<String> {
    let part = |name: &str| crate::accounts::known(value, name).map(encoded);
    Some(match Type::ALL.into_iter().find(|it| it.name() == type_name)? {
        Type::Login => part("name")?,
        Type::Role | Type::User => format!("{}/{}", part("database")?, part("name")?),
        Type::Grants => format!("{}/{}", part("database")?, part("principal")?),
        Type::Connection => part("id")?,
        Type::Assignment | Type::Mirror => format!("{}/{}", part("workspace_id")?, part("id")?),
        Type::Replication => format!("{}/{}", part("workspace_id")?, part("mirrored_database_id")?),
    })
}

fn encoded(part: &str) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
    part.bytes()
        .map(|byte| if is_plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// An import of what the type does not manage is refused, with the kind's name.
async fn import_stranger(run: &mut Run, kind: &'static str) -> Result<()> {
    let (database, make, undo, of, id, words): (_, _, _, _, _, &[&str]) = match kind {
        "a user without login" => {
            ("Sales", "CREATE USER loose WITHOUT LOGIN", "DROP USER loose", Type::User, "Sales/loose", &["without"])
        }
        "a role as a user" => ("Sales", "CREATE ROLE herd", "DROP ROLE herd", Type::User, "Sales/herd", &["role"]),
        "a user as a role" => {
            ("Sales", "CREATE USER loose WITHOUT LOGIN", "DROP USER loose", Type::Role, "Sales/loose", &["without"])
        }
        "a fixed role as a role" => {
            ("Sales", "CREATE ROLE herd", "DROP ROLE herd", Type::Role, "Sales/db_datareader", &["server's own"])
        }
        _ => return import_generic_connection(run).await,
    };
    if let Answer::Refused(number, words) = run.world.sql(Speaker::Administrator, database, make).await? {
        run.say(format!("{make}: {number} {words}"));
        return Ok(());
    }
    expect_refusal(run, kind, of, id, words).await;
    match run.world.sql(Speaker::Administrator, database, undo).await? {
        Answer::Done => Ok(()),
        refused => Err(format!("{undo}: {refused:?}").into()),
    }
}

async fn import_generic_connection(run: &mut Run) -> Result<()> {
    const NAME: &str = "a generic one";
    let made = rest::make_generic_connection(run, NAME).await?;
    if let Outcome::Impossible(why) = made {
        run.say(format!("a generic connection: {why}"));
        return Ok(());
    }
    let id = rest::connection_named(run, NAME).await?;
    expect_refusal(run, "a generic connection", Type::Connection, &id, &["sql"]).await;
    rest::call(run, "DELETE", &format!("/connections/{id}"), None).await.map(drop)
}

async fn expect_refusal(run: &mut Run, kind: &'static str, of: Type, id: &str, words: &[&str]) {
    let address = format!("{}.stranger", of.name());
    let imported = run.us.cli.import(&run.us.state, &address, of.name(), id).await;
    let said: Vec<String> = imported.diagnostics.iter().map(ToString::to_string).collect();
    let text = said.join("\n");
    run.say(format!("import {kind}: {text}"));
    if !imported.has_errors() {
        run.violate(KINDS, kind, format!("import of {kind} succeeds: {:?}", imported.state.objects.get(&address)));
    } else if !words.iter().all(|word| text.to_lowercase().contains(word))
        && !["cannot be seen", "cannot be opened"].iter().any(|it| text.contains(it))
    {
        run.violate(
            KINDS,
            format!("{kind}: the kind is not named"),
            format!("import of {kind} is refused without its kind: {text}"),
        );
    }
}

/// Follows advice until an apply does everything and the next plan is empty.
async fn converge(run: &mut Run) -> Result<()> {
    run.saved = None;
    run.faults.clear();
    let mut last = String::new();
    for _ in 0..ROUNDS {
        let plan = run.plan(Who::Us, &PlanOptions::default()).await?;
        if !run.violations.is_empty() {
            return Ok(());
        }
        if plan.has_errors() {
            last = errors(run);
            ways_out::follow(run).await?;
            continue;
        }
        if plan.is_empty() {
            return Ok(());
        }
        let before = std::mem::replace(&mut last, invariants::shown_changes(&plan));
        let applied = run.apply(Who::Us, &plan, End::ByItself).await?;
        if !run.violations.is_empty() {
            return Ok(());
        }
        if before == last && !applied.has_errors() {
            // An apply that waits for nothing cannot fail: the plan's warnings say why it comes back.
            run.errors.extend(plan.diagnostics.iter().filter(|it| !it.error).cloned());
            ways_out::follow(run).await?;
        }
        if applied.has_errors() {
            last = errors(run);
            ways_out::follow(run).await?;
        }
    }
    let (rule, key) = match run.errors.first() {
        Some(said) => (WAY_OUT, format!("does not converge: {}", invariants::key(&said.summary))),
        None => (EMPTY, format!("does not converge: {}", invariants::key(last.lines().next().unwrap_or_default()))),
    };
    run.violate(rule, key, format!("after {ROUNDS} rounds of following the advice there is still:\n{last}"));
    Ok(())
}

fn errors(run: &Run) -> String {
    run.errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Destroys everything with everybody else quiet.
async fn destroy(run: &mut Run) -> Result<()> {
    let options = PlanOptions { destroy: true, ..PlanOptions::default() };
    let held = run.us.state.clone();
    let before = run.world.snapshot().await?;
    for _ in 0..ROUNDS {
        let plan = run.plan(Who::Us, &options).await?;
        if plan.has_errors() {
            ways_out::follow(run).await?;
        } else {
            let applied = run.apply(Who::Us, &plan, End::ByItself).await?;
            if applied.has_errors() {
                ways_out::follow(run).await?;
            }
        }
        if run.us.state.objects.is_empty() || !run.violations.is_empty() {
            break;
        }
    }
    if !run.violations.is_empty() {
        return Ok(());
    }
    if !run.us.state.objects.is_empty() {
        let first = run.errors.first().map(|it| invariants::key(&it.summary)).unwrap_or_default();
        let text = format!(
            "after {ROUNDS} rounds something is still there: {:?}\n{}",
            run.us.state.objects.keys(),
            errors(run)
        );
        run.violate(WAY_OUT, format!("destroy does not converge: {first}"), text);
        return Ok(());
    }
    let after = run.world.snapshot().await?;
    invariants::nothing_left(run, &held, &before, &after);
    Ok(())
}
