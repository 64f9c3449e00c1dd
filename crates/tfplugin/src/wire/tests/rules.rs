//! The rules of an attribute: what it must be, can be, and is when the configuration is silent.

use super::*;

/// What validation says of a vessel with these members, `null` and all.
async fn refused(members: &[(&str, Dynamic)]) -> String {
    Cli::of_vessels().await.validate(&vessel(members)).await
}

#[tokio::test]
async fn null_for_a_required_attribute_is_refused_once_and_at_its_place() {
    let (null, bare) = (|| Dynamic::Null, || cabin(&[]));
    for (members, message) in [
        (vec![("name", null())], "error name: `name` is required"),
        (vec![("drive", null())], "error drive: `drive` is required"),
        (vec![("berth", berth(&[]))], "error berth key: `key` is required"),
        (vec![("cabins", list([cabin(&[("deck", "a".into())]), bare()]))], "error cabins [1] deck: `deck` is required"),
        (vec![("named", map([("m", bare())]))], r#"error named "m" deck: `deck` is required"#),
        (vec![("crew", list([sailor(&[("rank", "mate".into())])]))], "error crew: `name` is required"),
        (vec![("name", Dynamic::Unknown), ("drive", Dynamic::Unknown)], ""),
        (vec![("berth", berth(&[("key", Dynamic::Unknown)]))], ""),
        (vec![("cabins", list([Dynamic::Unknown]))], ""),
        (vec![("named", map([("m", Dynamic::Unknown)]))], ""),
        (vec![("crew", list([Dynamic::Unknown]))], ""),
        // An element that is not known yet hides none that is.
        (
            vec![("cabins", list([cabin(&[("deck", Dynamic::Unknown)]), bare()]))],
            "error cabins [1] deck: `deck` is required",
        ),
    ] {
        assert_eq!(refused(&members).await, message, "{members:?}");
    }
}

#[tokio::test]
async fn null_for_what_is_required_is_refused_in_a_data_source_and_at_apply_too() {
    let cli = Cli::of_vessels().await;
    let config = object(&LookUp::attributes(), &[]);
    let request =
        pb::validate_data_resource_config::Request { type_name: "test_look_up".into(), config: to_value(&config) };
    let answer = cli.service.validate_data_resource_config(Request::new(request)).await.unwrap().into_inner();
    assert_eq!(said(&answer.diagnostics), "error name: `name` is required");
    let request = pb::apply_resource_change::Request {
        type_name: "test_vessel".into(),
        prior_state: to_value(&Dynamic::Null),
        planned_state: to_value(&vessel(&[("berth", berth(&[]))])),
        ..Default::default()
    };
    let applied = cli.service.apply_resource_change(Request::new(request)).await.unwrap().into_inner();
    assert_eq!(said(&applied.diagnostics), "error berth key: `key` is required");
    assert_eq!(state(&applied.new_state), Dynamic::Null);
}

#[tokio::test]
async fn a_word_is_one_of_those_listed_in_whatever_letters() {
    let rank = |rank: &str| list([sailor(&[("name", "x".into()), ("rank", rank.into())])]);
    for (members, message) in [
        (vec![("drive", "sail".into())], ""),
        (vec![("drive", "STEAM".into())], ""),
        (vec![("drive", "oars".into())], "error drive: `drive` is an unknown word"),
        (vec![("drive", "".into())], "error drive: `drive` is an unknown word"),
        (vec![("drive", Dynamic::Unknown)], ""),
        (vec![("crew", rank("Cook"))], ""),
        (vec![("crew", rank("captain"))], "error crew: `rank` is an unknown word"),
        (
            vec![("cabins", list([cabin(&[("deck", "a".into()), ("kind", "hut".into())])]))],
            "error cabins [0] kind: `kind` is an unknown word",
        ),
    ] {
        assert_eq!(refused(&members).await, message, "{members:?}");
    }
}

#[tokio::test]
async fn a_length_counts_characters_or_elements_and_a_range_is_of_a_number() {
    let cabins = |count: usize| (0..count).map(|it| (it.to_string(), cabin(&[("deck", "a".into())])));
    let named = |count| ("named", Dynamic::Map(cabins(count).collect()));
    let decks = |decks| ("decks", Dynamic::Int(decks));
    let unknown = || Dynamic::Unknown;
    for (member, message) in [
        (("label", "ä".into()), "error label: `label` is too short, or empty"),
        (("label", "äö".into()), ""),
        (("label", "äöüäö".into()), ""),
        (("label", "äöüäöü".into()), "error label: `label` is too long"),
        (("label", unknown()), ""),
        (("ports", list([])), "error ports: `ports` is too short, or empty"),
        (("ports", texts(&["a", "b", "c"])), ""),
        (("ports", texts(&["a", "b", "c", "d"])), "error ports: `ports` is too long"),
        // Unknown elements of a set may be one; those of a list are as many as there are.
        (("ports", list([unknown(), unknown(), unknown(), "d".into()])), ""),
        (("route", list([unknown(), unknown(), unknown(), "d".into()])), "error route: `route` is too long"),
        (named(0), "error named: `named` is too short, or empty"),
        (named(2), ""),
        (named(3), "error named: `named` is too long"),
        (decks(0), "error decks: `decks` is out of range"),
        (decks(1), ""),
        (decks(30), ""),
        (decks(31), "error decks: `decks` is out of range"),
        (
            ("cabins", list([cabin(&[("deck", "a".into()), ("beds", Dynamic::Int(10))])])),
            "error cabins [0] beds: `beds` is out of range",
        ),
    ] {
        assert_eq!(refused(std::slice::from_ref(&member)).await, message, "{member:?}");
    }
}

#[tokio::test]
async fn an_initial_value_is_for_what_is_new_and_a_default_for_whatever_is_left_out() {
    let cli = Cli::of_vessels().await;
    let inside = |kind: Dynamic, beds| {
        let cabin = cabin(&[("deck", "a".into()), ("kind", kind), ("beds", beds)]);
        [("cabins", list([cabin.clone()])), ("named", map([("m", cabin)]))]
    };
    let values = |flag: Dynamic, decks, kind, beds| {
        vessel(&[vec![("flag", flag), ("decks", decks)], inside(kind, beds).to_vec()].concat())
    };
    let there = values("jolly".into(), Dynamic::Int(5), "suite".into(), Dynamic::Int(5));
    // Upgraded from a version without these attributes.
    let empty = values(Dynamic::Null, Dynamic::Null, Dynamic::Null, Dynamic::Null);
    let silent = || empty.clone();
    let (two, one, six) = (Dynamic::Int(2), Dynamic::Int(1), Dynamic::Int(6));
    for (prior, config, [flag, decks, kind, beds]) in [
        (&Dynamic::Null, silent(), ["plain".into(), two.clone(), "bunk".into(), one.clone()]),
        (&there, silent(), ["jolly".into(), two.clone(), "suite".into(), one.clone()]),
        (&empty, silent(), [Dynamic::Null, two, Dynamic::Null, one]),
        (
            &there,
            values("other".into(), six.clone(), "bunk".into(), six.clone()),
            ["other".into(), six.clone(), "bunk".into(), six],
        ),
    ] {
        let planned = cli.plan(prior, &config).await;
        assert_eq!(said(&planned.diagnostics), "");
        let planned = state(&planned.planned_state);
        assert_eq!((planned.get("flag"), planned.get("decks")), (&flag, &decks), "{prior:?}");
        for cabin in [planned.get("cabins").at(0), planned.get("named").get("m")] {
            assert_eq!((cabin.get("kind"), cabin.get("beds")), (&kind, &beds), "{prior:?}");
        }
    }
}

#[tokio::test]
async fn an_object_that_is_new_inside_an_old_one_is_planned_as_new() {
    let cli = Cli::of_vessels().await;
    let (given, stamped) = (
        |deck: &str| cabin(&[("deck", deck.into())]),
        |deck: &str, kind: &str, stamp: Dynamic| {
            let members = [("deck", deck.into()), ("kind", kind.into()), ("beds", Dynamic::Int(1)), ("stamp", stamp)];
            cabin(&members)
        },
    );
    let old = || stamped("a", "suite", "old".into());
    let prior = vessel(&[("cabins", list([old()])), ("named", map([("m", old())]))]);
    let config = vessel(&[
        ("cabins", list([given("a"), given("b")])),
        ("named", map([("m", given("a")), ("n", given("b"))])),
        ("berth", berth(&[("key", "k".into())])),
    ]);
    let planned = state(&cli.plan(&prior, &config).await.planned_state);
    let new = || stamped("b", "bunk", Dynamic::Unknown);
    assert_eq!(*planned.get("cabins"), list([old(), new()]));
    assert_eq!(*planned.get("named"), map([("m", old()), ("n", new())]));
    assert_eq!(*planned.get("berth"), berth(&[("key", "k".into()), ("stamp", Dynamic::Unknown)]));
    let applied = state(&cli.apply(&prior, &config).await.new_state);
    assert_eq!(*applied.get("cabins").at(1), stamped("b", "bunk", "stamped".into()));
}

#[tokio::test]
async fn two_spellings_of_one_element_are_refused() {
    let crew = |one: &[(&str, Dynamic)], other: &[(&str, Dynamic)]| list([sailor(one), sailor(other)]);
    let twice = |member: &str| format!("error {member}: Two elements are the same");
    for (member, message) in [
        (("ports", texts(&["Kiel", "Brest"])), String::new()),
        (("ports", texts(&["Kiel", "KIEL"])), twice("ports")),
        (("route", texts(&["Kiel", "KIEL"])), String::new()),
        (("crew", crew(&[("name", "x".into())], &[("name", "X".into())])), twice("crew")),
        (("crew", crew(&[("name", "x".into()), ("rank", "cook".into())], &[("name", "X".into())])), String::new()),
        (
            (
                "crew",
                crew(
                    &[("name", "x".into()), ("rank", "cook".into())],
                    &[("name", "X".into()), ("rank", "Cook".into())],
                ),
            ),
            twice("crew"),
        ),
        // What is unknown twice may turn out to be two.
        (
            (
                "crew",
                crew(
                    &[("name", "x".into()), ("rank", Dynamic::Unknown)],
                    &[("name", "x".into()), ("rank", Dynamic::Unknown)],
                ),
            ),
            String::new(),
        ),
    ] {
        assert_eq!(refused(std::slice::from_ref(&member)).await, message, "{member:?}");
    }
}

#[tokio::test]
async fn the_message_of_two_equal_elements_shows_no_secret() {
    let cli = Cli::of_vessels().await;
    let member = |name: &str| sailor(&[("name", name.into()), ("pin", "hunter2".into())]);
    let request = pb::validate_resource_config::Request {
        type_name: "test_vessel".into(),
        config: to_value(&vessel(&[("crew", list([member("x"), member("X")]))])),
        ..Default::default()
    };
    let answer = cli.service.validate_resource_config(Request::new(request)).await.unwrap().into_inner();
    assert_eq!(answer.diagnostics[0].detail, "{ name = `X` } is there twice, in two spellings. Leave out one.");
    assert!(!holds(&answer, "hunter2"));
}
