//! What was planned is what the answer to apply holds, whatever the server made of it.

use super::*;

#[tokio::test]
async fn after_apply_planned_values_stay_and_unknown_ones_are_filled_in() {
    let cli = Cli::of_vessels().await;
    let given = |deck: &str| cabin(&[("deck", deck.into()), ("kind", "Suite".into()), ("beds", Dynamic::Int(2))]);
    let stamped = |deck: &str| {
        let members = [("deck", deck.into()), ("kind", "Suite".into()), ("beds", Dynamic::Int(2))];
        cabin(&[&members[..], &[("stamp", "stamped".into())]].concat())
    };
    let config = |label: Dynamic| {
        vessel(&[
            ("label", label),
            ("ports", texts(&["Brest", "Kiel"])),
            ("route", texts(&["Kiel"])),
            ("berth", berth(&[("key", "West".into()), ("pilot", "Ann".into())])),
            ("cabins", list([given("Upper"), given("Lower")])),
            ("named", map([("m", given("Lower"))])),
            ("crew", list([sailor(&[("name", "Jan".into())])])),
        ])
    };
    let expected = |label: Dynamic| {
        vessel(&[
            ("flag", "plain".into()),
            ("decks", Dynamic::Int(2)),
            ("label", label),
            ("ports", texts(&["Brest", "Kiel"])),
            ("route", texts(&["Kiel"])),
            ("berth", berth(&[("key", "West".into()), ("pilot", "Ann".into()), ("stamp", "stamped".into())])),
            ("cabins", list([stamped("Upper"), stamped("Lower")])),
            ("named", map([("m", stamped("Lower"))])),
            ("crew", list([sailor(&[("name", "Jan".into())])])),
            ("draught", Dynamic::Int(7)),
        ])
    };
    let created = cli.apply(&Dynamic::Null, &config(Dynamic::Null)).await;
    assert_eq!(said(&created.diagnostics), "");
    let created = state(&created.new_state);
    assert_eq!(created, expected(Dynamic::Null), "the server has 30 decks, another label, one port and sailor more");
    let updated = cli.apply(&created, &config("new".into())).await;
    assert_eq!(said(&updated.diagnostics), "");
    assert_eq!(state(&updated.new_state), expected("new".into()));
}

#[tokio::test]
async fn an_answer_that_lacks_a_planned_element_does_not_lose_it() {
    let cli = Cli::of_vessels().await;
    let given = || cabin(&[("deck", "Upper".into()), ("kind", "suite".into()), ("beds", Dynamic::Int(2))]);
    let config = vessel(&[("label", "lossy".into()), ("cabins", list([given()])), ("named", map([("m", given())]))]);
    let created = cli.apply(&Dynamic::Null, &config).await;
    assert_eq!(said(&created.diagnostics), "");
    let created = state(&created.new_state);
    assert_eq!(*created.get("cabins"), list([given()]), "with null for what was unknown");
    assert_eq!(*created.get("named"), map([("m", given())]));
}
