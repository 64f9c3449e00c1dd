//! What can be set while the emulator runs: the world, choices of the REST API, other answers.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Control, Misunderstood, read};
use crate::answers::{Answers, RestAnswer, SqlAnswer};
use crate::scenario::{Instance, Rest, Scenario};
use crate::world::{Facts, OfInstance, Standing};

/// The facts of all, and what holds for each instance.
#[derive(Serialize)]
pub(super) struct WorldAnswer {
    #[serde(flatten)]
    facts: Facts,
    instances: Vec<InstanceAnswer>,
}

#[derive(Serialize)]
struct InstanceAnswer {
    name: String,
    server: String,
    #[serde(flatten)]
    own: OfInstance,
}

pub(super) async fn world(State(control): State<Control>) -> Json<WorldAnswer> {
    let Standing { facts, instances, .. } = control.parts.world.standing();
    let named = control.parts.scenario.instances().zip(instances);
    let instances =
        named.map(|(known, own)| InstanceAnswer { name: known.name.clone(), server: known.private_host(), own });
    Json(WorldAnswer { facts, instances: instances.collect() })
}

type Members = serde_json::Map<String, serde_json::Value>;

/// `known` with the given members changed and the others left.
fn merged<T: Serialize + DeserializeOwned>(known: &T, changes: Members) -> Result<T, Misunderstood> {
    let merge = || {
        let mut merged = serde_json::to_value(known)?;
        if let Some(members) = merged.as_object_mut() {
            members.extend(changes);
        }
        serde_json::from_value(merged)
    };
    merge().map_err(|error: serde_json::Error| Misunderstood(error.to_string()))
}

/// Changes the given facts and leaves the others: of one instance, where it is named, or of all.
pub(super) async fn change_world(
    State(control): State<Control>,
    body: Bytes,
) -> Result<Json<WorldAnswer>, Misunderstood> {
    let mut changes: Members = read(&body)?;
    let instance = changes.remove("instance").map(|name| place_of(&control.parts.scenario, &name)).transpose()?;
    // Mirrors see the world as it was until now, then as it is from now on.
    control.fabric.tick();
    control.parts.world.change(|world| match instance {
        Some(place) => change_instance(&mut world.instances[place], changes),
        None => change_all(world, changes),
    })?;
    control.fabric.tick();
    Ok(world(State(control)).await)
}

fn change_instance(own: &mut OfInstance, changes: Members) -> Result<(), Misunderstood> {
    if changes.is_empty() {
        let text = "an instance is named, and nothing that changes: give primary_identity or update_policy";
        return Err(Misunderstood(text.to_owned()));
    }
    *own = merged(own, changes).map_err(|Misunderstood(text)| Misunderstood(format!("of an instance: {text}")))?;
    Ok(())
}

fn change_all(world: &mut Standing, changes: Members) -> Result<(), Misunderstood> {
    let given = |key| changes.contains_key(key);
    let (identity, policy) = (given("primary_identity"), given("update_policy"));
    world.facts = merged(&world.facts, changes)?;
    if identity {
        world.set_primary_identity(world.facts.primary_identity);
    }
    if policy {
        world.set_update_policy(world.facts.update_policy);
    }
    Ok(())
}

/// The instance of that name, or host name where several have the name.
fn place_of(scenario: &Scenario, name: &serde_json::Value) -> Result<usize, Misunderstood> {
    let Some(wanted) = name.as_str() else {
        return Err(Misunderstood(format!("instance must be the name of an instance, and is {name}")));
    };
    let is_named =
        |known: &Instance| known.name.eq_ignore_ascii_case(wanted) || known.private_host().eq_ignore_ascii_case(wanted);
    let mut places = (0..).zip(scenario.instances()).filter(|(_, known)| is_named(known)).map(|(place, _)| place);
    match (places.next(), places.next()) {
        (Some(place), None) => Ok(place),
        (Some(_), Some(_)) => Err(Misunderstood(format!(
            "several instances have the name {wanted}: give the host name, as NAME.ZONE.database.windows.net"
        ))),
        (None, _) => {
            let names: Vec<&str> = scenario.instances().map(|known| known.name.as_str()).collect();
            Err(Misunderstood(format!("there is no instance {wanted}; there are: {}", names.join(", "))))
        }
    }
}

pub(super) async fn rest(State(control): State<Control>) -> Json<Rest> {
    Json(control.fabric.rest())
}

/// Changes the given settings of the REST API and leaves the others.
pub(super) async fn change_rest(State(control): State<Control>, body: Bytes) -> Result<Json<Rest>, Misunderstood> {
    let changed = merged(&control.fabric.rest(), read(&body)?)?;
    if let Some((key, text)) = changed.problem() {
        return Err(Misunderstood(format!("{key} {text}")));
    }
    control.fabric.set_rest(changed);
    Ok(rest(State(control)).await)
}

pub(super) async fn answers(State(control): State<Control>) -> Json<Answers> {
    Json(control.parts.world.standing().answers)
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AnswerChanges {
    rest: BTreeMap<String, Option<RestAnswer>>,
    sql: BTreeMap<i32, Option<SqlAnswer>>,
}

fn set<K: Ord, V>(known: &mut BTreeMap<K, V>, key: K, value: Option<V>) {
    match value {
        Some(value) => _ = known.insert(key, value),
        None => _ = known.remove(&key),
    }
}

/// Sets the given codes and numbers – null takes one back –, and leaves the others.
pub(super) async fn change_answers(
    State(control): State<Control>,
    body: Bytes,
) -> Result<Json<Answers>, Misunderstood> {
    let changes: AnswerChanges = read(&body)?;
    control.parts.world.change(|world| {
        changes.rest.into_iter().for_each(|(code, answer)| set(&mut world.answers.rest, code, answer));
        changes.sql.into_iter().for_each(|(number, answer)| set(&mut world.answers.sql, number, answer));
        match world.answers.problem() {
            Some((key, text)) => Err(Misunderstood(format!("{key} {text}"))),
            None => Ok(()),
        }
    })?;
    Ok(answers(State(control)).await)
}
