//! The resource `test_vessel`, whose attributes have every rule, over a server that writes in capitals and never leaves
//! anything as it was told.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::str::FromStr;

use super::world::{Trouble, World};
use crate::{Answer, Change, Context, Diagnostic, Model, Resource, Secret, Set, Text, Value, Word};

/// A name, in upper or lower case the same.
#[derive(Clone, Debug)]
pub(super) struct Folded(String);

impl FromStr for Folded {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_lowercase()))
    }
}

impl std::fmt::Display for Folded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.to_uppercase())
    }
}

impl PartialEq for Folded {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Folded {}

impl PartialOrd for Folded {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Folded {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

type Name = Text<Folded>;

/// As the server spells it.
fn loud(name: &mut Name) {
    *name = name.value().clone().into();
}

/// A berth.
#[derive(Clone, Debug, PartialEq, Model)]
pub(super) struct Berth {
    /// Its key.
    #[attr(required, replace)]
    key: Name,
    /// Who guides there.
    #[attr(optional)]
    pilot: Value<Name>,
    /// Given by the server.
    #[attr(computed)]
    stamp: Value<String>,
}

/// A cabin.
#[derive(Clone, Debug, PartialEq, Model)]
pub(super) struct Cabin {
    /// Its deck.
    #[attr(required)]
    deck: Name,
    /// What it is at first.
    #[attr(optional, computed, initial = "bunk", one_of = ["bunk", "suite"])]
    kind: Value<Word>,
    /// How many sleep there.
    #[attr(optional, computed, default = 1_i64, range = 1..=9)]
    beds: Value<i64>,
    /// Given by the server.
    #[attr(computed)]
    stamp: Value<String>,
}

/// A sailor.
#[derive(Clone, Debug, PartialEq, Model)]
pub(super) struct Sailor {
    /// The name.
    #[attr(required)]
    name: Name,
    /// The rank.
    #[attr(optional, one_of = ["cook", "mate"])]
    rank: Value<Word>,
    /// A number that is nobody's business.
    #[attr(optional)]
    pin: Value<Secret>,
}

/// A vessel.
#[derive(Clone, Debug, PartialEq, Model)]
pub(super) struct Vessel {
    /// The name.
    #[attr(required, replace)]
    name: Name,
    /// What moves it.
    #[attr(required, one_of = ["sail", "steam"])]
    drive: Word,
    /// What it flies at first.
    #[attr(optional, computed, initial = "plain")]
    flag: Value<String>,
    /// How many decks.
    #[attr(optional, computed, default = 2_i64, range = 1..=30)]
    decks: Value<i64>,
    /// What is painted on it.
    #[attr(optional, length = 2..=5)]
    label: Value<String>,
    /// Where it calls.
    #[attr(optional, length = 1..=3)]
    ports: Value<BTreeSet<Name>>,
    /// Where it goes.
    #[attr(optional, length = 1..=3)]
    route: Value<Vec<Name>>,
    /// Where it lies.
    #[attr(optional)]
    berth: Value<Berth>,
    /// Cabins in order.
    #[attr(optional)]
    cabins: Value<Vec<Cabin>>,
    /// Cabins by name.
    #[attr(optional, length = 1..=2)]
    named: Value<BTreeMap<String, Cabin>>,
    /// Who is aboard.
    #[attr(optional)]
    crew: Value<Set<Sailor>>,
    /// Given by the server.
    #[attr(computed)]
    draught: Value<i64>,
}

impl Vessel {
    /// As the server shows it: in capitals.
    fn loud(mut self) -> Self {
        let word = |word: &mut Word| *word = word.as_str().to_uppercase().as_str().into();
        loud(&mut self.name);
        word(&mut self.drive);
        if let Value::Known(ports) = &mut self.ports {
            *ports = ports.iter().map(|port| port.value().clone().into()).collect();
        }
        if let Value::Known(route) = &mut self.route {
            route.iter_mut().for_each(loud);
        }
        if let Value::Known(berth) = &mut self.berth {
            loud(&mut berth.key);
            if let Value::Known(pilot) = &mut berth.pilot {
                loud(pilot);
            }
        }
        for cabin in self.cabins() {
            loud(&mut cabin.deck);
        }
        if let Value::Known(crew) = &mut self.crew {
            for sailor in &mut crew.0 {
                loud(&mut sailor.name);
                if let Value::Known(rank) = &mut sailor.rank {
                    word(rank);
                }
            }
        }
        self
    }

    /// Somebody changed this and that meanwhile.
    fn meddled(mut self) -> Self {
        self.decks = 30.into();
        self.label = "OTHER".into();
        if let Value::Known(ports) = &mut self.ports {
            ports.insert(Folded("elsewhere".into()).into());
        }
        if let Value::Known(crew) = &mut self.crew {
            crew.0.reverse();
            crew.0.push(Sailor { name: Folded("stowaway".into()).into(), rank: Value::Null, pin: Value::Null });
        }
        self
    }

    fn cabins(&mut self) -> Vec<&mut Cabin> {
        let mut cabins = Vec::new();
        if let Value::Known(list) = &mut self.cabins {
            cabins.extend(list);
        }
        if let Value::Known(map) = &mut self.named {
            cabins.extend(map.values_mut());
        }
        cabins
    }

    /// As the server answers a change: filled in, in capitals, and with what somebody else changed.
    fn answered(mut self) -> Self {
        self.draught = 7.into();
        if let Value::Known(berth) = &mut self.berth {
            berth.stamp = "stamped".into();
        }
        for cabin in self.cabins() {
            cabin.stamp = "stamped".into();
            cabin.beds = 9.into();
        }
        if self.label == "lossy".into() {
            self.cabins = Value::Null;
            self.named = Value::Null;
        }
        self.loud().meddled()
    }
}

impl Resource for Vessel {
    const NAME: &'static str = "vessel";
    type Provider = World;

    fn in_state(provider: &World, state: &Self) {
        provider.afloat.lock().unwrap().push(state.name.to_string());
    }

    async fn plan(cx: &Context<World>, change: &mut Change<Self>) -> Answer<(), Self> {
        if matches!(change.planned.berth, Value::PartlyUnknown(_)) {
            cx.warn(Diagnostic::warning("The berth is known in part", "Plan again."));
        }
        if let (Some(prior), Value::Known(name)) = (&change.prior, &change.planned.name) {
            if *name == prior.name && name.spelling() != prior.name.spelling() {
                cx.warn(Diagnostic::warning("The name is spelled anew", "A handler is not to see that."));
            }
            // A handler that spells in its own way changes nothing either.
            change.planned.drive =
                change.planned.drive.clone().map(|drive| drive.as_str().to_uppercase().as_str().into());
        }
        Ok(())
    }

    async fn plan_delete(cx: &Context<World>, state: &Self) -> Answer<(), Self> {
        match state.name.spelling() {
            "anchored" => cx.warn(Diagnostic::warning("The anchor is lost", "It stays where it is.")),
            "moored" => return Err(Diagnostic::error("It is moored", "Cast off first.").into()),
            "adrift" => panic!("plan of a deletion"),
            _ if !cx.provider.is_known => return Err(Trouble::UnknownBlock),
            _ => {}
        }
        Ok(())
    }

    async fn create(_: &Context<World>, plan: Self) -> Answer<Self, Self> {
        Ok(plan.answered())
    }

    async fn read(_: &Context<World>, state: Self) -> Answer<Option<Self>, Self> {
        let meddled = state.label == "old".into();
        let seen = state.loud();
        Ok(Some(if meddled { seen.meddled() } else { seen }))
    }

    async fn update(_: &Context<World>, _: Self, plan: Self) -> Answer<Self, Self> {
        Ok(plan.answered())
    }

    async fn delete(_: &Context<World>, _: Self) -> Answer<(), Self> {
        Ok(())
    }

    async fn import(_: &Context<World>, id: &str) -> Answer<Self, Self> {
        let name: Name = Folded(id.to_lowercase()).into();
        Ok(Self {
            drive: "STEAM".into(),
            flag: Value::Null,
            decks: Value::Null,
            label: Value::Null,
            ports: Value::Null,
            route: Value::Null,
            berth: Value::Null,
            cabins: vec![Cabin { deck: name.clone(), kind: Value::Null, beds: Value::Null, stamp: Value::Null }].into(),
            named: Value::Null,
            crew: Value::Null,
            draught: 7.into(),
            name,
        })
    }
}
