//! What handlers do and how they end.

use super::*;

#[tokio::test]
async fn a_new_object_is_planned_with_defaults_and_with_unknown_for_what_the_provider_gives() {
    let cli = Cli::new().await;
    let given = part(&[("key", "k".into())]);
    let config = thing(&[
        ("name", "a".into()),
        ("single", given.clone()),
        ("list", Dynamic::List(vec![given.clone()])),
        ("map", Dynamic::Map(BTreeMap::from([("m".into(), given)]))),
    ]);
    let planned = cli.plan(&Dynamic::Null, &config).await;
    assert_eq!(said(&planned.diagnostics), "");
    let planned = state(&planned.planned_state);
    let completed = part(&[("key", "k".into()), ("note", "none".into()), ("stamp", Dynamic::Unknown)]);
    assert_eq!(
        planned,
        thing(&[
            ("id", Dynamic::Unknown),
            ("token", Dynamic::Unknown),
            ("name", "a".into()),
            ("size", Dynamic::Int(3)),
            ("single", completed.clone()),
            ("list", Dynamic::List(vec![completed.clone()])),
            ("map", Dynamic::Map(BTreeMap::from([("m".into(), completed)]))),
        ])
    );
}

#[tokio::test]
async fn a_write_only_value_reaches_the_handler_and_is_in_no_answer() {
    let cli = Cli::new().await;
    let coded = part(&[("key", "k".into()), ("code", "hunter2-code".into())]);
    let config = thing(&[
        ("name", "a".into()),
        ("password", "hunter2".into()),
        ("password_version", Dynamic::Int(1)),
        ("single", coded.clone()),
        ("list", Dynamic::List(vec![coded.clone()])),
        ("map", Dynamic::Map(BTreeMap::from([("m".into(), coded)]))),
    ]);
    let planned = cli.plan(&Dynamic::Null, &config).await;
    assert!(!holds(&planned, "hunter2"));
    let created = cli.apply(&Dynamic::Null, &config).await;
    assert_eq!(said(&created.diagnostics), "");
    assert!(!holds(&created, "hunter2"));
    let created = state(&created.new_state);
    assert_eq!(*created.get("id"), "[7, 12, 12, 12]".into(), "the lengths of the secrets, as the handler saw them");
    assert_eq!(*created.get("password"), Dynamic::Null);
    let updated = cli.apply(&created, &config).await;
    assert!(!holds(&updated, "hunter2"));
    assert_eq!(*state(&updated.new_state).get("id"), "[7, 12, 12, 12]".into());
    // The state holds what is secret but not write-only: the schema says so.
    assert_eq!(*created.get("token"), "token-of-the-server".into());
}

#[tokio::test]
async fn a_secret_is_sensitive_in_the_schema_and_shown_by_no_debug() {
    let thing = Thing::with_password("hunter2");
    assert!(!format!("{thing:?}").contains("hunter2"));
    let cli = Cli::new().await;
    let schema = cli.service.get_provider_schema(Request::new(Default::default())).await.unwrap().into_inner();
    let block = schema.resource_schemas["test_thing"].block.clone().unwrap();
    let words = |name: &str| {
        let it = block.attributes.iter().find(|attribute| attribute.name == name).unwrap();
        let words = [
            ("required", it.required),
            ("optional", it.optional),
            ("computed", it.computed),
            ("sensitive", it.sensitive),
            ("write_only", it.write_only),
        ];
        words.into_iter().filter(|(_, on)| *on).map(|(word, _)| word).collect::<Vec<_>>().join(" ")
    };
    for (name, expected) in [
        ("id", "computed"),
        ("name", "required"),
        ("size", "optional computed"),
        ("password", "optional sensitive write_only"),
        ("token", "computed sensitive"),
        ("single", "optional"),
    ] {
        assert_eq!(words(name), expected, "{name}");
    }
}

#[tokio::test]
async fn a_change_that_needs_a_new_object_names_the_attribute() {
    let cli = Cli::new().await;
    let prior = state(&cli.create(&[("name", "a".into())]).await.new_state);
    for (config, needing) in [
        (thing(&[("name", "b".into())]), vec!["name"]),
        (thing(&[("name", "a".into()), ("size", Dynamic::Int(4))]), vec![]),
    ] {
        let planned = cli.plan(&prior, &config).await;
        let paths = planned.requires_replace.iter().map(|path| match &path.steps[0].selector {
            Some(pb::attribute_path::step::Selector::AttributeName(name)) => name.as_str(),
            other => panic!("{other:?}"),
        });
        assert_eq!(paths.collect::<Vec<_>>(), needing);
        assert_eq!(state(&planned.planned_state).get("id"), prior.get("id"), "what is computed keeps its prior value");
    }
}

#[tokio::test]
async fn private_state_goes_from_plan_to_apply_to_read() {
    let cli = Cli::new().await;
    let created = cli.create(&[("name", "a".into())]).await;
    assert_eq!(private(&created.private), r#"{"phase":"half"}"#);
    let read = cli.read(&state(&created.new_state), &created.private).await;
    assert_eq!(read.private, created.private);
    // A provider that kept its notes otherwise: they are as good as none, and no reason to fail.
    let read = cli.read(&state(&created.new_state), b"\x00nonsense").await;
    assert_eq!((said(&read.diagnostics), read.private), (String::new(), Vec::new()));
}

#[tokio::test]
async fn the_new_object_of_a_replacement_is_told_from_any_other_new_one() {
    const SAID: &str = "warning: In the place of another";
    let cli = Cli::new().await;
    let config = thing(&[("name", "a".into())]);
    let made = cli.apply(&Dynamic::Null, &config).await;
    let prior = state(&made.new_state);
    let kept = cli.plan_with(&prior, &config, &made.private).await;
    assert_eq!(said(&kept.diagnostics), "");
    // As the CLIs do for `-replace`, of which they tell nothing before.
    let replacement = cli.plan_with(&Dynamic::Null, &config, &kept.planned_private).await;
    assert_eq!(said(&replacement.diagnostics), SAID);
    // What is stored with an object does not make its successor a replacement: it may be gone by then.
    for stored in [&made.private, &cli.read(&prior, &kept.planned_private).await.private] {
        assert_eq!(said(&cli.plan_with(&Dynamic::Null, &config, stored).await.diagnostics), "");
    }
    assert!(!private(&cli.apply(&prior, &thing(&[("name", "b".into())])).await.private).contains("kept"));
}

#[tokio::test]
async fn what_a_handler_kept_survives_however_it_ends() {
    let cli = Cli::new().await;
    for (name, message, kept) in [
        ("fail", "error name: Refused", false),
        ("panic", "error: The provider has a defect", false),
        ("keep, then fail", "error name: Refused", true),
        ("keep, then panic", "error: The provider has a defect", true),
    ] {
        let config = thing(&[("name", name.into()), ("password", "hunter2".into()), ("password_version", 1.0.into())]);
        // These names make the plan and the validation panic as well: planned under another one.
        let planned = cli.plan(&Dynamic::Null, &thing(&[("name", "a".into()), ("password_version", 1.0.into())])).await;
        let mut planned_state = state(&planned.planned_state);
        if let Dynamic::Map(members) = &mut planned_state {
            members.insert("name".into(), name.into());
        }
        let request = pb::apply_resource_change::Request {
            type_name: "test_thing".into(),
            prior_state: to_value(&Dynamic::Null),
            planned_state: to_value(&planned_state),
            config: to_value(&config),
            planned_private: planned.planned_private,
            ..Default::default()
        };
        let ended = cli.service.apply_resource_change(Request::new(request)).await.unwrap().into_inner();
        assert_eq!(said(&ended.diagnostics), message, "{name}");
        assert!(!holds(&ended, "hunter2"), "{name}");
        if kept {
            let expected = thing(&[
                ("id", "half".into()),
                ("name", name.into()),
                ("size", Dynamic::Int(3)),
                ("password_version", Dynamic::Int(1)),
            ]);
            assert_eq!(state(&ended.new_state), expected, "{name}: what is known, and nothing unknown");
            assert_eq!(private(&ended.private), r#"{"phase":"half"}"#, "{name}");
        } else {
            assert_eq!(state(&ended.new_state), Dynamic::Null, "{name}: nothing exists");
        }
    }
}

#[tokio::test]
async fn an_interrupt_reaches_a_handler_that_waits_and_what_it_kept_is_not_lost() {
    let cli = Cli::new().await;
    let interrupt = async {
        tokio::task::yield_now().await;
        cli.service.stop_provider(Request::new(Default::default())).await.unwrap()
    };
    let waiting = [("name", "keep, then wait".into())];
    let created = cli.create(&waiting);
    let (ended, _) = tokio::join!(created, interrupt);
    assert_eq!(said(&ended.diagnostics), "error: Interrupted");
    assert_eq!(*state(&ended.new_state).get("id"), "half".into());
}

#[tokio::test]
async fn an_update_or_delete_that_fails_leaves_the_prior_state() {
    let cli = Cli::new().await;
    let prior = state(&cli.create(&[("name", "a".into())]).await.new_state);
    let updated = cli.apply(&prior, &thing(&[("name", "a".into()), ("size", Dynamic::Int(0))])).await;
    assert_eq!(
        (said(&updated.diagnostics).as_str(), state(&updated.new_state)),
        ("error name: Refused", prior.clone())
    );
    let failing = thing(&[("name", "fail".into()), ("id", "1".into())]);
    let kept = cli.destroy(&failing).await;
    assert_eq!((said(&kept.diagnostics).as_str(), state(&kept.new_state)), ("error name: Refused", failing));
    let gone = cli.destroy(&prior).await;
    assert_eq!((said(&gone.diagnostics).as_str(), state(&gone.new_state)), ("", Dynamic::Null));
}

#[tokio::test]
async fn a_value_that_a_handler_leaves_unknown_is_its_defect_and_never_goes_out() {
    let cli = Cli::new().await;
    let roles = Dynamic::List(vec!["a".into(), Dynamic::Unknown]);
    let created = cli.create(&[("name", "leave unknown".into()), ("roles", roles)]).await;
    assert_eq!(said(&created.diagnostics), "error id: The provider has a defect");
    let left = state(&created.new_state);
    assert!(!left.has_unknown(), "{left:?}");
    assert_eq!(*left.get("name"), "leave unknown".into());
}

#[tokio::test]
async fn reading_tells_gone_from_failed() {
    let cli = Cli::new().await;
    for (name, message, gone) in [
        ("a", "", false),
        ("gone", "", true),
        ("fail", "error name: Refused", false),
        ("panic", "error: The provider has a defect", false),
    ] {
        let before = thing(&[("name", name.into()), ("id", "1".into())]);
        let read = cli.read(&before, b"").await;
        assert_eq!(said(&read.diagnostics), message, "{name}");
        assert_eq!(state(&read.new_state), if gone { Dynamic::Null } else { before }, "{name}");
    }
}

#[tokio::test]
async fn a_panic_outside_apply_is_a_diagnostic_too() {
    const DEFECT: &str = "error: The provider has a defect";
    let cli = Cli::new().await;
    let config = thing(&[("name", "panic".into())]);
    assert_eq!(cli.validate(&config).await, DEFECT);
    assert_eq!(said(&cli.plan(&Dynamic::Null, &config).await.diagnostics), DEFECT);
    assert_eq!(said(&cli.upgrade(0, r#"{"name":"a"}"#).await.diagnostics), DEFECT);
    assert_eq!(said(&cli.import("panic").await.diagnostics), DEFECT);
    assert_eq!(said(&cli.look_up("panic").await.diagnostics), DEFECT);
    let block = || to_value(&Dynamic::Map(BTreeMap::from([("server".into(), "panic".into())])));
    let request = pb::validate_provider_config::Request { config: block() };
    let answer = cli.service.validate_provider_config(Request::new(request)).await.unwrap().into_inner();
    assert_eq!(said(&answer.diagnostics), DEFECT);
    let request = pb::configure_provider::Request { config: block(), ..Default::default() };
    let answer = cli.service.configure_provider(Request::new(request)).await.unwrap().into_inner();
    assert_eq!(said(&answer.diagnostics), DEFECT);
}

#[tokio::test]
async fn while_the_block_is_unknown_objects_stay_as_they_were_and_that_is_said_once() {
    let cli = Cli::configured(Dynamic::Unknown).await;
    let before = thing(&[("name", "gone".into()), ("id", "1".into())]);
    for warning in ["warning: Objects were not refreshed", "", ""] {
        let read = cli.read(&before, br#"{"phase":"half"}"#).await;
        assert_eq!(said(&read.diagnostics), warning);
        assert_eq!(state(&read.new_state), before);
        assert_eq!(private(&read.private), r#"{"phase":"half"}"#);
    }
    assert_eq!(said(&cli.look_up("a").await.diagnostics), "error: The block is unknown");
    let planned = cli.plan(&before, &thing(&[("name", "gone".into())])).await;
    assert_eq!(said(&planned.diagnostics), "warning: Planned blindly");
}

#[tokio::test]
async fn what_stands_in_the_way_of_many_is_said_of_the_first_and_of_whatever_is_made_or_ended() {
    const ELSEWHERE: &str = "error: All of it is elsewhere";
    let cli = Cli::new().await;
    let before = thing(&[("name", "elsewhere".into()), ("id", "1".into()), ("size", Dynamic::Int(3))]);
    for error in [ELSEWHERE, "", ""] {
        let read = cli.read(&before, b"").await;
        assert_eq!(said(&read.diagnostics), error);
        assert_eq!(state(&read.new_state), before);
    }
    let planned = cli.plan(&before, &thing(&[("name", "elsewhere".into()), ("size", Dynamic::Int(4))])).await;
    assert_eq!((said(&planned.diagnostics), state(&planned.planned_state)), (String::new(), before.clone()));
    assert_eq!(said(&cli.plan(&Dynamic::Null, &thing(&[("name", "elsewhere".into())])).await.diagnostics), ELSEWHERE);
    assert_eq!(said(&cli.destroy(&before).await.diagnostics), ELSEWHERE);
}

#[tokio::test]
async fn what_is_not_offered_or_not_configured_is_refused_and_changes_nothing() {
    let offered = Provider::new().resource::<Thing>();
    let service = Service::<World>::new(offered, CancellationToken::new(), TaskTracker::new());
    let prior = thing(&[("name", "a".into())]);
    for (type_name, message) in [
        ("test_thing", "error: The provider is not configured"),
        ("test_other", "error: There is no resource `test_other`"),
        ("other_thing", "error: There is no resource `other_thing`"),
    ] {
        let request = pb::apply_resource_change::Request {
            type_name: type_name.into(),
            prior_state: to_value(&prior),
            planned_state: to_value(&Dynamic::Null),
            planned_private: b"{}".to_vec(),
            ..Default::default()
        };
        let answer = service.apply_resource_change(Request::new(request)).await.unwrap().into_inner();
        assert_eq!(said(&answer.diagnostics), message);
        assert_eq!((state(&answer.new_state), answer.private.as_slice()), (prior.clone(), &b"{}"[..]));
    }
}
