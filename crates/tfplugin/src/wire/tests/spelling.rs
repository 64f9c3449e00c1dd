//! What means the same is the same: in a plan, in what is read, in parts of an object.

use super::*;

/// A vessel that exists, as somebody once spelled it.
fn before() -> Dynamic {
    vessel(&[
        ("name", "Gorch".into()),
        ("drive", "Sail".into()),
        ("flag", "plain".into()),
        ("decks", Dynamic::Int(2)),
        ("ports", texts(&["Brest", "Kiel"])),
        ("route", texts(&["Kiel", "Brest"])),
        ("berth", berth(&[("key", "West".into()), ("pilot", "Ann".into()), ("stamp", "old".into())])),
        ("cabins", list([kept("Upper")])),
        ("named", map([("m", kept("Lower"))])),
        ("crew", list([sailor(&[("name", "Jan".into()), ("rank", "Mate".into())]), sailor(&[("name", "Ole".into())])])),
        ("draught", Dynamic::Int(7)),
    ])
}

fn kept(deck: &str) -> Dynamic {
    cabin(&[("deck", deck.into()), ("kind", "Suite".into()), ("beds", Dynamic::Int(1)), ("stamp", "old".into())])
}

/// The configuration of the same vessel, in other letters and another order of its crew.
fn respelled(change: &[(&str, Dynamic)]) -> Dynamic {
    let cabin = |deck: &str| cabin(&[("deck", deck.into()), ("kind", "suite".into())]);
    let members = [
        ("name", "GORCH".into()),
        ("drive", "SAIL".into()),
        ("ports", texts(&["KIEL", "BREST"])),
        ("route", texts(&["KIEL", "BREST"])),
        ("berth", berth(&[("key", "WEST".into()), ("pilot", "ANN".into())])),
        ("cabins", list([cabin("UPPER")])),
        ("named", map([("m", cabin("LOWER"))])),
        ("crew", list([sailor(&[("name", "OLE".into())]), sailor(&[("name", "JAN".into()), ("rank", "mate".into())])])),
    ];
    let mut members: BTreeMap<&str, Dynamic> = members.into();
    members.extend(change.iter().cloned());
    vessel(&Vec::from_iter(members))
}

#[tokio::test]
async fn a_change_of_spelling_alone_is_none() {
    let cli = Cli::of_vessels().await;
    let planned = cli.plan(&before(), &respelled(&[])).await;
    assert_eq!(said(&planned.diagnostics), "");
    assert_eq!(state(&planned.planned_state), before());
    assert_eq!(replacing(&planned), Vec::<String>::new());
}

#[tokio::test]
async fn a_change_beside_leaves_the_spelling_of_the_rest() {
    let cli = Cli::of_vessels().await;
    let other_pilot = berth(&[("key", "WEST".into()), ("pilot", "Bob".into())]);
    let planned = cli.plan(&before(), &respelled(&[("berth", other_pilot)])).await;
    let mut expected = before();
    set(&mut expected, "berth", berth(&[("key", "West".into()), ("pilot", "Bob".into()), ("stamp", "old".into())]));
    assert_eq!(state(&planned.planned_state), expected);
    assert_eq!(replacing(&planned), Vec::<String>::new());
}

#[tokio::test]
async fn a_collection_is_planned_as_configured_or_as_it_was_and_never_as_a_mixture() {
    let cli = Cli::of_vessels().await;
    for (name, configured) in [
        ("ports", texts(&["BREMEN", "BREST"])),
        ("route", texts(&["KIEL", "BREMEN"])),
        // The order of a list means something.
        ("route", texts(&["BREST", "KIEL"])),
        ("crew", list([sailor(&[("name", "JAN".into())]), sailor(&[("name", "OLE".into())])])),
    ] {
        let planned = cli.plan(&before(), &respelled(&[(name, configured.clone())])).await;
        let mut expected = before();
        set(&mut expected, name, configured);
        assert_eq!(state(&planned.planned_state), expected, "{name}");
    }
}

#[tokio::test]
async fn what_is_read_keeps_its_spelling_element_by_element() {
    let cli = Cli::of_vessels().await;
    assert_eq!(state(&cli.read(&before(), b"").await.new_state), before(), "the server shows it all in capitals");
    let mut old = before();
    set(&mut old, "label", "old".into());
    let read = state(&cli.read(&old, b"").await.new_state);
    let mut expected = before();
    set(&mut expected, "label", "OTHER".into());
    set(&mut expected, "decks", Dynamic::Int(30));
    set(&mut expected, "ports", texts(&["Brest", "ELSEWHERE", "Kiel"]));
    let crew = [
        sailor(&[("name", "Ole".into())]),
        sailor(&[("name", "Jan".into()), ("rank", "Mate".into())]),
        sailor(&[("name", "STOWAWAY".into())]),
    ];
    set(&mut expected, "crew", list(crew));
    assert_eq!(read, expected, "what differs is shown, the rest is as it was spelled");
}

#[tokio::test]
async fn what_replaces_is_named_down_to_a_single_object() {
    let cli = Cli::of_vessels().await;
    let key = |key: Dynamic| ("berth", berth(&[("key", key), ("pilot", "ann".into())]));
    for (change, expected) in [
        (vec![("name", "Fock".into())], vec!["name"]),
        (vec![("name", Dynamic::Unknown)], vec!["name"]),
        (vec![key("East".into())], vec!["berth key"]),
        (vec![key("east".into()), ("name", "Fock".into())], vec!["berth key", "name"]),
        // It may turn out another one: what is planned later must be what is planned now.
        (vec![key(Dynamic::Unknown)], vec!["berth key"]),
        (vec![key("west".into()), ("drive", "steam".into())], vec![]),
    ] {
        let planned = cli.plan(&before(), &respelled(&change)).await;
        assert_eq!(replacing(&planned), expected, "{change:?}");
    }
}

#[tokio::test]
async fn an_object_known_in_part_is_a_draft_and_goes_back_as_it_came() {
    let cli = Cli::of_vessels().await;
    let given = |pilot: Dynamic| berth(&[("key", Dynamic::Unknown), ("pilot", pilot)]);
    let cabins = || list([cabin(&[("deck", Dynamic::Unknown), ("beds", Dynamic::Int(4))])]);
    let crew = || list([sailor(&[("name", Dynamic::Unknown), ("rank", "mate".into())])]);
    let config = vessel(&[("berth", given("Ann".into())), ("cabins", cabins()), ("crew", crew())]);
    let planned = cli.plan(&Dynamic::Null, &config).await;
    assert_eq!(said(&planned.diagnostics), "warning: The berth is known in part");
    let planned = state(&planned.planned_state);
    let unknown = Dynamic::Unknown;
    let completed =
        |pilot: &str, stamp: Dynamic| berth(&[("key", Dynamic::Unknown), ("pilot", pilot.into()), ("stamp", stamp)]);
    assert_eq!(*planned.get("berth"), completed("Ann", unknown.clone()), "and what the schema completes");
    let completed_cabin =
        [("deck", unknown.clone()), ("kind", "bunk".into()), ("beds", Dynamic::Int(4)), ("stamp", unknown)];
    assert_eq!(*planned.get("cabins"), list([cabin(&completed_cabin)]));
    assert_eq!(*planned.get("crew"), crew());
    // What is known in it keeps its spelling now, as it will when all of it is known.
    let planned = cli.plan(&before(), &respelled(&[("berth", given("ANN".into()))])).await;
    assert_eq!(*state(&planned.planned_state).get("berth"), completed("Ann", "old".into()));
}

fn set(object: &mut Dynamic, name: &str, value: Dynamic) {
    if let Dynamic::Map(members) = object {
        members.insert(name.to_owned(), value);
    }
}
