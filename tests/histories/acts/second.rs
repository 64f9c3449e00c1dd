//! A second team: another state folder, whose configuration names what is ours.

use tfplugin::Dynamic;
use tfplugin::testing::{Action, Block, Configuration, Expression, PlanOptions};

use super::world::act;
use super::{Act, EVER, How, LATER, Outcome};
use crate::Result;
use crate::accounts::known;
use crate::configs::{Type, flag, number, object, text, texts};
use crate::invariants::ours;
use crate::rng::Rng;
use crate::run::{End, Run, Who};
use Type::{
    Assignment as A, Connection as C, Grants as G, Login as L, Mirror as M, Replication as R, Role as Ro, User as U,
};

pub fn acts() -> Vec<Act> {
    vec![
        act!("a second team has our login", &[L], EVER, 6, login),
        act!("a second team has our user", &[U], EVER, 5, user),
        act!("a second team has our role", &[Ro], EVER, 5, role),
        act!("a second team grants to our principal", &[G], LATER, 6, grants),
        act!("a second team has our connection", &[C], EVER, 4, connection),
        act!("a second team has our workspace role", &[A], EVER, 4, assignment),
        act!("a second team has our mirror", &[M], LATER, 3, mirror),
        act!("a second team destroys what it has", &[L, Ro, U, G, C, A, M, R], LATER, 5, destroy),
    ]
}

/// Another password than ours.
const PASSWORD: &str = "Second-Team-0nly";

/// Applies a configuration of one block; one that is refused has done what it could, too.
async fn apply(run: &mut Run, it: Type, attributes: Vec<(&str, Expression)>) -> Result<Outcome> {
    let attributes = attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let block = Block { address: it.address(), type_name: it.name().to_owned(), attributes, depends_on: Vec::new() };
    // What they have besides stays.
    let kept = std::mem::take(&mut run.others.configuration);
    let others = kept.blocks.into_iter().filter(|block| block.type_name != it.name());
    run.others.configuration = Configuration { blocks: others.chain([block]).collect() };
    let plan = run.plan(Who::Others, &PlanOptions::default()).await?;
    if plan.has_errors() {
        return Ok(Outcome::DoneTo(it));
    }
    let before = run.world.snapshot().await?;
    let applied = run.apply(Who::Others, &plan, End::ByItself).await?;
    let snapshot = run.world.snapshot().await?;
    for (address, action) in &applied.done {
        let theirs = applied.state.objects.get(address);
        let Some(thing) = theirs.and_then(|it| ours(&it.type_name, &it.value, &snapshot)) else { continue };
        if !before.things.contains_key(&thing) {
            continue;
        }
        let first =
            run.us.state.objects.values().any(|it| ours(&it.type_name, &it.value, &snapshot) == Some(thing.clone()));
        if *action == Action::Create && first && !applied.has_errors() {
            let text = format!("a second team's apply created {address}, which is ours: {}", snapshot.describe(&thing));
            run.violate("nothing is taken over", crate::invariants::kind(&thing), text);
        }
    }
    Ok(Outcome::DoneTo(it))
}

/// What our block says, or else our state; references are followed through the state.
fn value(run: &Run, of: Type, attribute: &str) -> Option<String> {
    let object = run.us.state.objects.values().find(|object| object.type_name == of.name());
    if let Some(text) = object.and_then(|object| known(&object.value, attribute)) {
        return Some(text.to_owned());
    }
    let block = run.us.configuration.blocks.iter().find(|block| block.type_name == of.name())?;
    match block.attributes.get(attribute)? {
        Expression::Value(Dynamic::String(text)) => Some(run.places.text(text)),
        _ => None,
    }
}

/// Which Entra principal our block means.
fn entra(run: &Run, of: Type) -> Option<Expression> {
    let block = run.us.configuration.blocks.iter().find(|block| block.type_name == of.name())?;
    block.attributes.get("entra").cloned()
}

fn nothing() -> Result<Outcome> {
    Ok(Outcome::Impossible("it is not there, nor known".to_owned()))
}

async fn login(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    let Some(name) = value(run, L, "name") else { return nothing() };
    let attributes = match entra(run, L) {
        Some(entra) => vec![("name", text(&name)), ("entra", entra)],
        None => vec![("name", text(&name)), ("password_wo", text(PASSWORD)), ("password_wo_version", number(1))],
    };
    apply(run, L, attributes).await
}

async fn user(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    let Some(name) = value(run, U, "name") else { return nothing() };
    let login = value(run, L, "name").map(|login| ("login_name", text(&login)));
    let Some(who) = entra(run, U).map(|entra| ("entra", entra)).or(login) else { return nothing() };
    let attributes = vec![("database", text("Sales")), ("name", text(&name)), who, ("roles", texts(&[]))];
    apply(run, U, attributes).await
}

async fn role(run: &mut Run, rng: &mut Rng) -> Result<Outcome> {
    let Some(name) = value(run, Ro, "name") else { return nothing() };
    let removes = flag(rng.chance(70));
    apply(run, Ro, vec![("database", text("Sales")), ("name", text(&name)), ("remove_members", removes)]).await
}

async fn grants(run: &mut Run, rng: &mut Rng) -> Result<Outcome> {
    let Some(name) = value(run, G, "principal").or_else(|| value(run, U, "name")) else { return nothing() };
    let permission = rng.one(&["UPDATE", "SELECT", "DELETE"]);
    let attributes = vec![
        ("database", text("Sales")),
        ("principal", text(&name)),
        ("permissions", texts(&[permission])),
        ("exclusive", flag(rng.chance(40))),
    ];
    apply(run, G, attributes).await
}

async fn connection(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    let Some(name) = value(run, C, "display_name") else { return nothing() };
    let (username, password) = (run.world.ready.sql.username.clone(), run.world.ready.sql.password.clone());
    let basic = [("username", text(&username)), ("password_wo", text(&password)), ("password_wo_version", number(1))];
    let attributes = vec![
        ("display_name", text(&name)),
        ("server", text("@server")),
        ("database", text("Sales")),
        ("basic", object(basic)),
    ];
    apply(run, C, attributes).await
}

async fn assignment(run: &mut Run, rng: &mut Rng) -> Result<Outcome> {
    let block = run.us.configuration.blocks.iter().find(|block| block.type_name == A.name());
    let Some(principal) = block.and_then(|block| block.attributes.get("principal")).cloned() else { return nothing() };
    let role = rng.one(&["Contributor", "Viewer"]);
    apply(run, A, vec![("workspace_id", text("@workspace")), ("principal", principal), ("role", text(role))]).await
}

async fn mirror(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    let (Some(name), Some(connection)) = (value(run, M, "display_name"), value(run, C, "id")) else { return nothing() };
    let attributes = vec![
        ("workspace_id", text("@workspace")),
        ("display_name", text(&name)),
        ("connection_id", text(&connection)),
        ("default_schema", text("dbo")),
    ];
    apply(run, M, attributes).await
}

async fn destroy(run: &mut Run, _rng: &mut Rng) -> Result<Outcome> {
    if run.others.state.objects.is_empty() {
        return Ok(Outcome::Impossible("it has nothing".to_owned()));
    }
    let plan = run.plan(Who::Others, &PlanOptions { destroy: true, ..PlanOptions::default() }).await?;
    if !plan.has_errors() {
        run.apply(Who::Others, &plan, End::ByItself).await?;
    }
    run.others.configuration = Configuration::default();
    Ok(Outcome::Done)
}
