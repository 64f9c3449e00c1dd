//! What happens around an object: its state is decoded, its deletion planned, it is imported, the user interrupts.

use super::*;

/// What the data source that looks into the provider finds.
async fn found(cli: &Cli, what: &str) -> Dynamic {
    state(&cli.look_up(what).await.state).get("found").clone()
}

#[tokio::test]
async fn the_provider_is_told_of_each_object_in_the_state() {
    let cli = Cli::of_vessels().await;
    assert_eq!(found(&cli, "what is afloat").await, "".into());
    for (json, message) in [
        (r#"{"name":"Gorch","drive":"sail"}"#, ""),
        // Not a vessel as it is today: left to whoever reads it.
        (r#"{"drive":"sail"}"#, ""),
        (r#"{"name":"Fock","drive":"sail","forgotten":1}"#, ""),
    ] {
        assert_eq!(said(&cli.upgrade(0, json).await.diagnostics), message, "{json}");
    }
    assert_eq!(found(&cli, "what is afloat").await, "Gorch, Fock".into());
}

#[tokio::test]
async fn a_state_is_decoded_without_a_configured_provider_too() {
    let cli = Cli::unconfigured();
    let upgraded = cli.upgrade(2, r#"{"name":"a","one":"1"}"#).await;
    assert_eq!(said(&upgraded.diagnostics), "");
    assert_eq!(state(&upgraded.upgraded_state), thing(&[("name", "a".into())]));
}

#[tokio::test]
async fn the_plan_of_a_deletion_warns_and_refuses() {
    let known = Cli::of_vessels().await;
    let unknown = Cli { type_name: "test_vessel", ..Cli::configured(Dynamic::Unknown).await };
    for (cli, name, message) in [
        (&known, "a", ""),
        (&known, "anchored", "warning: The anchor is lost"),
        (&known, "moored", "error: It is moored"),
        (&known, "adrift", "error: The provider has a defect"),
        // Nothing can be looked up, and nothing stands in the way.
        (&unknown, "a", ""),
        (&unknown, "anchored", "warning: The anchor is lost"),
    ] {
        let planned = cli.plan(&vessel(&[("name", name.into())]), &Dynamic::Null).await;
        assert_eq!(said(&planned.diagnostics), message, "{name}");
        assert_eq!(state(&planned.planned_state), Dynamic::Null, "{name}");
    }
}

#[tokio::test]
async fn the_cli_is_told_that_deletions_are_planned() {
    let cli = Cli::new().await;
    let metadata = cli.service.get_metadata(Request::new(Default::default())).await.unwrap().into_inner();
    let schema = cli.service.get_provider_schema(Request::new(Default::default())).await.unwrap().into_inner();
    for capabilities in [metadata.server_capabilities, schema.server_capabilities] {
        assert!(capabilities.unwrap().plan_destroy);
    }
}

#[tokio::test]
async fn the_token_that_the_provider_was_configured_with_is_cancelled_by_an_interrupt() {
    let cli = Cli::new().await;
    assert_eq!(found(&cli, "whether it stops").await, "false".into());
    cli.service.stop_provider(Request::new(Default::default())).await.unwrap();
    assert_eq!(found(&cli, "whether it stops").await, "true".into());
}

#[tokio::test]
async fn an_import_is_filled_with_defaults_and_with_nothing_else() {
    let cli = Cli::of_vessels().await;
    let imported = cli.import("Gorch").await;
    assert_eq!(said(&imported.diagnostics), "");
    let expected = vessel(&[
        ("name", "GORCH".into()),
        ("drive", "STEAM".into()),
        ("decks", Dynamic::Int(2)),
        ("cabins", list([cabin(&[("deck", "GORCH".into()), ("beds", Dynamic::Int(1))])])),
        ("draught", Dynamic::Int(7)),
    ]);
    assert_eq!(state(&imported.imported_resources[0].state), expected);
}
