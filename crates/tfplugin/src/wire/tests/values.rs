//! What values may be, and how they are brought into shape.

use super::*;

#[tokio::test]
async fn a_set_of_which_something_is_unknown_goes_back_as_it_came() {
    let cli = Cli::new().await;
    let roles = Dynamic::List(vec!["b".into(), Dynamic::Unknown, "a".into()]);
    let pairs = Dynamic::List(vec![
        object(&Pair::attributes(), &[("left", "z".into()), ("right", Dynamic::Unknown)]),
        object(&Pair::attributes(), &[("left", "a".into())]),
        Dynamic::Unknown,
    ]);
    let config = thing(&[("name", "a".into()), ("roles", roles.clone()), ("set", pairs.clone())]);
    assert_eq!(cli.validate(&config).await, "");
    let planned = state(&cli.plan(&Dynamic::Null, &config).await.planned_state);
    assert_eq!((planned.get("roles"), planned.get("set")), (&roles, &pairs));
}

#[tokio::test]
async fn a_state_of_another_version_is_brought_into_todays_shape() {
    let cli = Cli::new().await;
    for (version, json, message) in [
        (2, r#"{"name":"a","one":"1","size":3.0,"forgotten":{"x":[1]}}"#, ""),
        (1, r#"{"title":"a","one":"1","size":3}"#, ""),
        (3, r#"{"name":"a"}"#, "error: The state was written by a newer provider"),
        (2, "{", "error: The state file holds an object that cannot be read"),
    ] {
        let upgraded = cli.upgrade(version, json).await;
        assert_eq!(said(&upgraded.diagnostics), message, "{json}");
        if message.is_empty() {
            let expected = thing(&[("name", "a".into()), ("size", Dynamic::Int(3))]);
            assert_eq!(state(&upgraded.upgraded_state), expected, "{json}");
        }
    }
}

#[tokio::test]
async fn an_import_is_an_object_or_an_error() {
    let cli = Cli::new().await;
    let imported = cli.import("a").await.imported_resources;
    assert_eq!(
        state(&imported[0].state),
        object(&Thing::attributes(), &[("name", "a".into()), ("size", Dynamic::Int(3))])
    );
    let nothing = cli.import("nothing").await;
    assert_eq!(
        (said(&nothing.diagnostics).as_str(), nothing.imported_resources.len()),
        ("error: There is no such thing", 0)
    );
}

#[tokio::test]
async fn attributes_that_belong_together_are_checked_and_what_is_unknown_is_not() {
    let cli = Cli::new().await;
    let unknown = || Dynamic::Unknown;
    for (members, message) in [
        (vec![("password", "x".into())], "error password: `password` needs `password_version`"),
        (vec![("password_version", Dynamic::Int(1))], "error password_version: `password_version` needs `password`"),
        (vec![("password", "x".into()), ("password_version", unknown())], ""),
        (vec![("password", unknown())], ""),
        (vec![("roles", texts(&["a"])), ("alias", "b".into())], "error roles: `roles` and `alias` exclude each other"),
        (vec![("roles", unknown()), ("alias", "b".into())], ""),
        (vec![("roles", texts(&["a"])), ("alias", unknown())], ""),
        (vec![("one", Dynamic::Null)], "error: One of `one`, `other` is needed"),
        (vec![("one", "1".into()), ("other", "2".into())], "error one: Only one of `one`, `other` can be set"),
        (vec![("one", "1".into()), ("other", unknown())], ""),
        (vec![("other", unknown())], ""),
        (vec![("other", "2".into())], ""),
    ] {
        let members = [vec![("name", Dynamic::from("a"))], members].concat();
        assert_eq!(cli.validate(&thing(&members)).await, message, "{members:?}");
    }
}

#[tokio::test]
async fn a_wrong_value_is_shown_at_its_place() {
    let cli = Cli::new().await;
    let wrong = || part(&[("key", Dynamic::Int(1))]);
    for (attribute, value, message) in [
        ("size", Dynamic::Float(0.5), "error size: Wrong type"),
        ("size", Dynamic::BigNumber("9223372036854775808".into()), "error size: Wrong type"),
        // A number beyond 64 bits comes as its digits.
        ("size", "123456789012345678901234567890".into(), "error size: Wrong type"),
        ("size", Dynamic::Int(i64::MIN), ""),
        ("port", "70000".into(), "error port: Invalid value"),
        ("port", "0x50".into(), "error port: Invalid value"),
        // Another spelling of 80.
        ("port", "080".into(), ""),
        ("port", "80".into(), ""),
        ("single", wrong(), "error single key: Wrong type"),
        ("list", Dynamic::List(vec![part(&[("key", "k".into())]), wrong()]), "error list [1] key: Wrong type"),
        ("map", Dynamic::Map(BTreeMap::from([("m".into(), wrong())])), r#"error map "m" key: Wrong type"#),
        (
            "set",
            Dynamic::List(vec![object(&Pair::attributes(), &[("left", Dynamic::Int(1))])]),
            "error set: Wrong type",
        ),
        ("roles", Dynamic::List(vec![Dynamic::Null]), "error roles: Wrong type"),
    ] {
        let config = thing(&[("name", "a".into()), (attribute, value)]);
        assert_eq!(cli.validate(&config).await, message, "{config:?}");
    }
}

#[tokio::test]
async fn a_function_says_which_argument_is_wrong() {
    let cli = Cli::new().await;
    assert_eq!(cli.call("repeat", &[texts(&["a", "b"]), Dynamic::Int(2)]).await, Ok("abab".into()));
    for (arguments, argument) in [
        ([texts(&["a"]), Dynamic::Int(-1)], Some(1)),
        ([texts(&["a"]), Dynamic::Float(0.5)], Some(1)),
        ([Dynamic::List(vec![Dynamic::Null]), Dynamic::Int(1)], Some(0)),
        ([texts(&["a"]), Dynamic::Int(99)], None),
    ] {
        let (text, at) = cli.call("repeat", &arguments).await.unwrap_err();
        assert_eq!(at, argument, "{arguments:?}: {text}");
        assert!(!text.is_empty());
    }
}

#[tokio::test]
async fn a_function_takes_and_gives_objects() {
    let cli = Cli::new().await;
    let parcel = |members: &[(&str, Dynamic)]| object(&Parcel::attributes(), members);
    let weight =
        |grams: i64, label: Dynamic| object(&Weight::attributes(), &[("grams", Dynamic::Int(grams)), ("label", label)]);
    for (given, came) in [
        (parcel(&[("edge", Dynamic::Int(2))]), Ok(weight(8, Dynamic::Null))),
        (parcel(&[("edge", Dynamic::Int(3)), ("label", "a".into())]), Ok(weight(27, "a".into()))),
        // Not even a member can be unknown to what is called.
        (parcel(&[("edge", Dynamic::Int(3)), ("label", Dynamic::Unknown)]), Ok(Dynamic::Unknown)),
        (parcel(&[("edge", Dynamic::Unknown)]), Ok(Dynamic::Unknown)),
        (parcel(&[]), Err("`parcel.edge`: It is null here.")),
        (parcel(&[("edge", Dynamic::Int(0))]), Err("`parcel.edge`: It is 0; 1 to 9 are possible.")),
        (parcel(&[("edge", "two".into())]), Err("`parcel.edge`: Expected a whole number")),
        (
            parcel(&[("edge", Dynamic::Int(1)), ("label", "a".into()), ("mark", "b".into())]),
            Err("`parcel.label`: Leave out one of `label` and `mark`."),
        ),
        (
            parcel(&[("edge", Dynamic::Int(1)), ("label", "feather".into())]),
            Err("`parcel.label`: Feathers weigh nothing."),
        ),
        (Dynamic::Null, Err("It is null here.")),
        (Dynamic::Int(1), Err("Expected an object")),
    ] {
        match (cli.call("weigh", std::slice::from_ref(&given)).await, came) {
            (Ok(answer), Ok(expected)) => assert_eq!(answer, expected, "{given:?}"),
            (Err((text, at)), Err(expected)) => {
                assert!(text.starts_with(expected), "{given:?}: {text}");
                assert_eq!(at, Some(0), "{given:?}: {text}");
            }
            (answer, expected) => panic!("{given:?}: {answer:?}, not {expected:?}"),
        }
    }
}

#[tokio::test]
async fn only_a_parameter_says_what_may_be_left_out() {
    let cli = Cli::new().await;
    let answer = cli.service.get_functions(Request::new(Default::default())).await.unwrap().into_inner();
    let weigh = &answer.functions["weigh"];
    let json = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap();
    assert_eq!(
        json(&weigh.parameters[0].r#type),
        serde_json::json!(["object", { "edge": "number", "label": "string", "mark": "string" }, ["label", "mark"]])
    );
    // In the type of an answer there is no such list: the CLIs refuse it.
    assert_eq!(
        json(&weigh.r#return.as_ref().unwrap().r#type),
        serde_json::json!(["object", { "grams": "number", "label": "string" }])
    );
}

#[tokio::test]
async fn an_ephemeral_value_takes_its_defaults_and_fails_with_words() {
    let cli = Cli::new().await;
    for (length, result, message) in [
        (Dynamic::Null, "kkkk".into(), ""),
        (Dynamic::Int(2), "kk".into(), ""),
        (Dynamic::Int(-1), Dynamic::Null, "error: Too short"),
    ] {
        let config = Dynamic::Map(BTreeMap::from([("length".into(), length), ("result".into(), Dynamic::Null)]));
        let request = pb::open_ephemeral_resource::Request {
            type_name: "test_key".into(),
            config: to_value(&config),
            ..Default::default()
        };
        let opened = cli.service.open_ephemeral_resource(Request::new(request)).await.unwrap().into_inner();
        assert_eq!(said(&opened.diagnostics), message);
        assert_eq!(*state(&opened.result).get("result"), result);
    }
}
