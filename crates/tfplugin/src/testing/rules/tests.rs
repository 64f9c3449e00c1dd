//! Each rule: what it accepts, and what it refuses.

use super::super::schema::Source;
use super::*;

/// An attribute whose mode is said in letters: `r`equired, `o`ptional, `c`omputed, `s`ensitive, `w`rite-only.
fn attr(name: &str, mode: &str, ty: Ty) -> Attr {
    Attr {
        name: name.to_owned(),
        ty,
        required: mode.contains('r'),
        optional: mode.contains('o'),
        computed: mode.contains('c'),
        sensitive: mode.contains('s'),
        write_only: mode.contains('w'),
    }
}

fn part() -> Vec<Attr> {
    vec![attr("key", "r", Ty::String), attr("note", "oc", Ty::String), attr("stamp", "c", Ty::String)]
}

fn schema() -> Schema {
    let nested = |nesting| Ty::Nested(nesting, part());
    let attributes = vec![
        attr("name", "o", Ty::String),
        attr("size", "oc", Ty::Number),
        attr("id", "c", Ty::String),
        attr("secret", "os", Ty::String),
        attr("password", "ow", Ty::String),
        attr("roles", "oc", Ty::Set(Box::new(Ty::String))),
        attr("tags", "o", Ty::Map(Box::new(Ty::String))),
        attr("steps", "o", Ty::List(Box::new(Ty::String))),
        attr("single", "o", nested(Nesting::Single)),
        attr("list", "o", nested(Nesting::List)),
        attr("map", "o", nested(Nesting::Map)),
        attr("set", "o", nested(Nesting::Set)),
        attr("given", "oc", nested(Nesting::Single)),
    ];
    Schema { version: 0, attributes }
}

fn map(members: &[(&str, Dynamic)]) -> Dynamic {
    Dynamic::Map(members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
}

fn list(elements: &[Dynamic]) -> Dynamic {
    Dynamic::List(elements.to_vec())
}

fn texts(elements: &[&str]) -> Dynamic {
    Dynamic::List(elements.iter().map(|text| (*text).into()).collect())
}

/// An object of the schema; what is not said is null.
fn thing(members: &[(&str, Dynamic)]) -> Dynamic {
    schema().conform(&map(members), Source::Configuration).unwrap()
}

/// A part with a key, a note and a stamp; empty is null.
fn a_part(key: &str, note: &str, stamp: &str) -> Dynamic {
    let text = |text: &str| if text.is_empty() { Dynamic::Null } else { text.into() };
    map(&[("key", text(key)), ("note", text(note)), ("stamp", text(stamp))])
}

fn said(found: &[Breach]) -> String {
    found.iter().map(|it| format!("{}: {}", it.path, it.text)).collect::<Vec<_>>().join("\n")
}

fn plan_says(prior: &Dynamic, config: &[(&str, Dynamic)], planned: &[(&str, Dynamic)]) -> String {
    said(&plan_valid(&schema(), prior, &thing(config), &thing(planned)))
}

fn result_says(planned: &[(&str, Dynamic)], actual: &[(&str, Dynamic)]) -> String {
    said(&compatible(&schema(), &thing(planned), &thing(actual)))
}

fn proposed(prior: &[(&str, Dynamic)], config: &[(&str, Dynamic)], name: &str) -> Dynamic {
    let prior = if prior.is_empty() { Dynamic::Null } else { thing(prior) };
    proposed_new(&schema().attributes, &prior, &thing(config)).get(name).clone()
}

const UNKNOWN: Dynamic = Dynamic::Unknown;
const NULL: Dynamic = Dynamic::Null;

#[test]
fn proposed_takes_the_prior_value_of_what_is_computed_and_left_out_and_nothing_else() {
    let prior = [("id", "7".into()), ("size", Dynamic::Int(3)), ("name", "a".into())];
    assert_eq!(proposed(&prior, &[], "id"), "7".into());
    assert_eq!(proposed(&prior, &[], "size"), Dynamic::Int(3));
    assert_eq!(proposed(&prior, &[], "name"), NULL);
    assert_eq!(proposed(&prior, &[("size", UNKNOWN)], "size"), UNKNOWN);
    assert_eq!(proposed(&[], &[("name", "a".into())], "id"), NULL);
}

#[test]
fn proposed_nested_objects_are_those_of_the_same_place() {
    let prior = |value: Dynamic| [("name", "a".into()), ("single", value)];
    let given = prior(a_part("k", "n", "s"));
    assert_eq!(proposed(&given, &[("single", a_part("other", "", ""))], "single"), a_part("other", "n", "s"));
    assert_eq!(proposed(&given, &[], "single"), NULL);

    let parts = list(&[a_part("a", "n", "1"), a_part("b", "", "2")]);
    let config = list(&[a_part("b", "", ""), a_part("a", "", ""), a_part("c", "", "")]);
    let expected = list(&[a_part("b", "n", "1"), a_part("a", "", "2"), a_part("c", "", "")]);
    assert_eq!(proposed(&[("list", parts)], &[("list", config)], "list"), expected);

    let parts = map(&[("x", a_part("a", "n", "1")), ("y", a_part("b", "", "2"))]);
    let config = map(&[("y", a_part("b", "", "")), ("z", a_part("a", "", ""))]);
    let expected = map(&[("y", a_part("b", "", "2")), ("z", a_part("a", "", ""))]);
    assert_eq!(proposed(&[("map", parts)], &[("map", config)], "map"), expected);
}

#[test]
fn proposed_elements_of_a_set_are_those_that_they_could_have_become() {
    let prior = [("set", list(&[a_part("a", "n", "1"), a_part("b", "m", "2")]))];
    let config = [("set", list(&[a_part("a", "", ""), a_part("b", "other", ""), a_part("c", "", "")]))];
    let expected = thing(&[("set", list(&[a_part("a", "n", "1"), a_part("b", "other", ""), a_part("c", "", "")]))]);
    assert_eq!(proposed(&prior, &config, "set"), *expected.get("set"));
    // Each prior element once.
    let config = [("set", list(&[a_part("a", "", ""), a_part("a", "n", "")]))];
    let found = proposed(&prior, &config, "set");
    let Dynamic::List(elements) = found else { panic!("{found:?}") };
    assert_eq!(elements.iter().filter(|element| *element.get("stamp") == "1".into()).count(), 1);
}

#[test]
fn proposed_forgets_a_computed_object_that_was_configured() {
    let config = [("name", "a".into())];
    assert_eq!(proposed(&[("given", a_part("k", "", "s"))], &config, "given"), NULL);
    assert_eq!(proposed(&[("given", a_part("", "n", "s"))], &config, "given"), a_part("", "n", "s"));
}

#[test]
fn proposed_keeps_what_is_not_known() {
    let config = [("list", UNKNOWN), ("set", list(&[a_part("a", "", ""), UNKNOWN]))];
    assert_eq!(proposed(&[("list", list(&[a_part("a", "", "1")]))], &config, "list"), UNKNOWN);
    assert!(proposed(&[("list", list(&[]))], &config, "set").has_unknown());
}

#[test]
fn a_plan_is_what_is_configured_or_what_was_there() {
    let prior = thing(&[("name", "A".into()), ("roles", texts(&["X"]))]);
    let config = [("name", "a".into())];
    assert_eq!(plan_says(&prior, &config, &config), "");
    assert_eq!(plan_says(&prior, &config, &[("name", "A".into())]), "");
    assert_eq!(
        plan_says(&prior, &config, &[("name", "b".into())]),
        r#"name: planned value "b" does not match config value "a" nor prior value "A""#
    );
    let created = plan_says(&NULL, &config, &[("name", "A".into())]);
    assert_eq!(created, r#"name: planned value "A" does not match config value "a""#);
    // A set is one value: its elements cannot be kept one by one.
    let config = [("roles", texts(&["x", "y"]))];
    let mixed = plan_says(&prior, &config, &[("roles", texts(&["X", "y"]))]);
    assert!(mixed.starts_with("roles: planned value"), "{mixed}");
    // And null is not kept in place of a value.
    let emptied = plan_says(&thing(&[]), &[("name", "a".into())], &[("name", NULL)]);
    assert_eq!(emptied, r#"name: planned value null does not match config value "a""#);
}

#[test]
fn a_plan_sets_nothing_that_is_left_out_unless_it_is_computed() {
    let prior = thing(&[("name", "a".into())]);
    let kept = plan_says(&prior, &[], &[("name", "a".into())]);
    assert_eq!(kept, r#"name: planned value "a" for a non-computed attribute"#);
    assert_eq!(plan_says(&prior, &[], &[("id", UNKNOWN), ("size", Dynamic::Int(1)), ("roles", texts(&["a"]))]), "");
}

#[test]
fn a_plan_keeps_unknown_what_is_configured_and_unknown() {
    let prior = thing(&[("name", "a".into())]);
    assert_eq!(plan_says(&prior, &[("name", UNKNOWN)], &[("name", UNKNOWN)]), "");
    assert_eq!(plan_says(&prior, &[("name", UNKNOWN)], &[("name", "a".into())]), "");
    assert_ne!(plan_says(&NULL, &[("name", UNKNOWN)], &[("name", "a".into())]), "");
    let lost = plan_says(&prior, &[("single", a_part("k", "", ""))], &[("single", UNKNOWN)]);
    assert_eq!(lost, "single: planned unknown for configured value");
}

#[test]
fn a_plan_hides_what_is_sensitive_and_has_nothing_that_is_write_only() {
    let secret = plan_says(&NULL, &[("secret", "a".into())], &[("secret", "b".into())]);
    assert_eq!(secret, "secret: planned value (sensitive) does not match config value (sensitive)");
    assert_eq!(plan_says(&NULL, &[("password", "a".into())], &[]), "");
    let kept = plan_says(&NULL, &[("password", "a".into())], &[("password", "b".into())]);
    assert_eq!(kept, "password: planned value for write-only attribute is not null");
}

#[test]
fn a_plan_is_for_an_object_where_one_is_configured() {
    let (schema, some) = (schema(), thing(&[]));
    assert_eq!(said(&plan_valid(&schema, &some, &some, &NULL)), ": planned for absence but config wants existence");
    assert_eq!(said(&plan_valid(&schema, &some, &NULL, &some)), ": planned for existence but config wants absence");
    assert_eq!(said(&plan_valid(&schema, &some, &NULL, &NULL)), "");
    let absent = plan_says(&some, &[("single", a_part("k", "", ""))], &[]);
    assert_eq!(absent, "single: planned for absence but config wants existence");
    let present = plan_says(&some, &[], &[("single", a_part("k", "", ""))]);
    assert!(present.starts_with("single: planned value"), "{present}");
}

#[test]
fn a_plan_has_the_nested_objects_that_are_configured() {
    let parts = |parts: &[Dynamic]| [("list", list(parts))];
    let config = parts(&[a_part("a", "", "")]);
    assert_eq!(
        plan_says(&NULL, &config, &parts(&[map(&[("key", "a".into()), ("note", UNKNOWN), ("stamp", UNKNOWN)])])),
        ""
    );
    let more = plan_says(&NULL, &config, &parts(&[a_part("a", "", ""), a_part("b", "", "")]));
    assert_eq!(more, "list: count in plan (2) disagrees with count in config (1)");
    let other = plan_says(&NULL, &config, &parts(&[a_part("b", "", "")]));
    assert_eq!(other, r#"list[0].key: planned value "b" does not match config value "a""#);

    let config = [("map", map(&[("x", a_part("a", "", ""))]))];
    let renamed = plan_says(&NULL, &config, &[("map", map(&[("y", a_part("a", "", ""))]))]);
    assert_eq!(renamed, r#"map: map key "y" from plan is not present in config"#);
}

#[test]
fn a_plan_of_a_set_of_objects_is_only_counted() {
    let set = |parts: &[Dynamic]| [("set", list(parts))];
    let config = set(&[a_part("a", "", ""), a_part("b", "", "")]);
    assert_eq!(plan_says(&NULL, &config, &set(&[a_part("x", "", ""), a_part("y", "", "")])), "");
    let fewer = plan_says(&NULL, &config, &set(&[a_part("a", "", "")]));
    assert_eq!(fewer, "set: count in plan (1) disagrees with count in config (2)");
    // What is not known may turn out the same: its count is not known either.
    let open = |key: &str| map(&[("key", key.into()), ("note", UNKNOWN), ("stamp", NULL)]);
    assert_eq!(plan_says(&NULL, &config, &set(&[open("a"), open("b"), open("c")])), "");
    let fewer = plan_says(&NULL, &config, &set(&[open("a")]));
    assert_eq!(fewer, "set: count in plan (1) disagrees with count in config (2)");
}

#[test]
fn a_result_is_what_was_planned_where_that_was_known() {
    let planned = [("name", "a".into()), ("id", UNKNOWN), ("size", NULL)];
    assert_eq!(result_says(&planned, &[("name", "a".into()), ("id", "7".into())]), "");
    assert_eq!(result_says(&planned, &[("name", "a".into())]), "");
    assert_eq!(result_says(&planned, &[("name", "A".into())]), r#"name: was "a", but now "A""#);
    assert_eq!(result_says(&planned, &[]), r#"name: was "a", but now null"#);
    let set = result_says(&planned, &[("name", "a".into()), ("size", Dynamic::Int(1))]);
    assert_eq!(set, "size: was null, but now 1");
    assert_eq!(result_says(&planned, &[("name", UNKNOWN)]), "name: was known, but now unknown");
    assert_eq!(result_says(&[("secret", "a".into())], &[]), "secret: inconsistent values for sensitive attribute");
}

#[test]
fn a_result_is_there_where_one_was_planned() {
    let (schema, some) = (schema(), thing(&[]));
    assert_eq!(said(&compatible(&schema, &NULL, &some)), ": Root object was absent, but now present");
    assert_eq!(said(&compatible(&schema, &some, &NULL)), ": Root object was present, but now absent");
    assert_eq!(said(&compatible(&schema, &NULL, &NULL)), "");
}

#[test]
fn a_result_has_the_elements_that_were_planned() {
    let steps = |steps: &[&str]| [("steps", texts(steps))];
    assert_eq!(result_says(&steps(&["a"]), &steps(&["a", "b"])), "steps: new element 1 has appeared");
    assert_eq!(
        result_says(&steps(&["a", "b"]), &steps(&["b"])),
        "steps: element 1 has vanished\nsteps[0]: was \"a\", but now \"b\""
    );
    let tags = |key: &str| [("tags", map(&[(key, "v".into())]))];
    assert_eq!(
        result_says(&tags("a"), &tags("b")),
        "tags: element \"a\" has vanished\ntags: new element \"b\" has appeared"
    );
    let single = |stamp: Dynamic| [("single", map(&[("key", "k".into()), ("note", NULL), ("stamp", stamp)]))];
    assert_eq!(result_says(&single(UNKNOWN), &single("s".into())), "");
    assert_eq!(result_says(&single("s".into()), &single("t".into())), r#"single.stamp: was "s", but now "t""#);
}

#[test]
fn a_result_that_is_a_set_fits_the_planned_one_both_ways() {
    let roles = |roles: &[Dynamic]| [("roles", list(roles))];
    let planned = roles(&["a".into(), UNKNOWN]);
    assert_eq!(result_says(&planned, &roles(&["a".into(), "b".into()])), "");
    assert_eq!(result_says(&planned, &roles(&["a".into()])), "");
    let more = result_says(&planned, &roles(&["a".into(), "b".into(), "c".into()]));
    assert_eq!(more, "roles: length changed from 2 to 3");
    let gone = result_says(&roles(&["a".into(), "b".into()]), &roles(&["a".into(), "c".into()]));
    assert_eq!(gone, r#"roles: planned set element "b" does not correlate with any element in actual"#);
    let added = result_says(&roles(&["a".into()]), &roles(&["a".into(), "c".into()]));
    assert!(added.contains(r#"actual set element "c" does not correlate with any element in plan"#), "{added}");
    // The order in which an answer has them is nothing.
    assert_eq!(result_says(&roles(&["a".into(), "b".into()]), &roles(&["b".into(), "a".into()])), "");
}

#[test]
fn a_write_only_value_and_an_unknown_one_are_found_wherever_they_are() {
    let answer = thing(&[("password", "a".into()), ("roles", list(&[UNKNOWN])), ("single", a_part("k", "", ""))]);
    assert_eq!(said(&write_only_values(&schema(), &answer)), "password: a value for a write-only attribute");
    assert_eq!(said(&unknown_values(&schema(), &answer)), "roles: an unknown value");
    let answer = thing(&[("list", list(&[map(&[("key", UNKNOWN), ("note", NULL), ("stamp", NULL)])]))]);
    assert_eq!(said(&unknown_values(&schema(), &answer)), "list[0].key: an unknown value");
}

#[test]
fn a_replacement_counts_where_something_differs() {
    let prior = thing(&[("name", "a".into()), ("single", a_part("k", "", ""))]);
    let path = |names: &[&str]| AttributePath::of(names);
    let replaced = |planned: &[(&str, Dynamic)], named: AttributePath| {
        replaced_by(&schema(), &prior, &thing(planned), &[named]).map(|paths| paths.len())
    };
    assert_eq!(replaced(&[("name", "a".into())], path(&["name"])), Ok(0));
    assert_eq!(replaced(&[("name", "b".into())], path(&["name"])), Ok(1));
    assert_eq!(replaced(&[("name", UNKNOWN)], path(&["name"])), Ok(1));
    assert_eq!(replaced(&[("single", a_part("l", "", ""))], path(&["single", "key"])), Ok(1));
    assert_eq!(replaced(&[], path(&["single", "key"])), Ok(1));
    assert_eq!(replaced(&[], path(&["password"])), Ok(1), "write-only");
    assert!(replaced(&[], path(&["nothing"])).is_err());
    assert_eq!(replaced_by(&schema(), &NULL, &prior, &[path(&["name"])]), Ok(Vec::new()));
}

#[test]
fn what_a_plan_does() {
    let some = thing(&[("name", "a".into())]);
    let path = AttributePath::of(&["name"]);
    assert_eq!(action(&NULL, &some, std::slice::from_ref(&path), true), Action::Create);
    assert_eq!(action(&some, &some, &[], false), Action::NoOp);
    assert_eq!(action(&some, &some, &[], true), Action::Replace);
    assert_eq!(action(&some, &thing(&[]), &[path], false), Action::Replace);
    assert_eq!(action(&some, &thing(&[]), &[], false), Action::Update);
    let open = thing(&[("name", UNKNOWN)]);
    assert_eq!(action(&open, &open, &[], false), Action::Update);
}

#[test]
fn an_update_may_turn_out_to_be_none() {
    assert!(same_action(Action::Update, Action::NoOp));
    assert!(same_action(Action::Replace, Action::Replace));
    assert!(!same_action(Action::NoOp, Action::Update));
    assert!(!same_action(Action::Update, Action::Replace));
}

#[test]
fn what_is_kept_after_an_apply() {
    let object = |name: &str, tainted| Object {
        type_name: "test_thing".into(),
        value: if name.is_empty() { NULL } else { thing(&[("name", name.into())]) },
        private: Vec::new(),
        tainted,
        dependencies: vec![name.to_owned()],
    };
    let (old, tainted, new) = (object("old", false), object("old", true), object("new", false));
    assert_eq!(kept(Action::Create, None, new.clone(), false), Some(new.clone()));
    assert_eq!(kept(Action::Create, None, new.clone(), true), Some(object("new", true)));
    assert_eq!(kept(Action::Create, None, object("", false), true), None);
    assert_eq!(kept(Action::Update, Some(&old), new.clone(), true), Some(new.clone()));
    assert_eq!(kept(Action::Update, Some(&old), object("", false), true), Some(old.clone()));
    assert_eq!(kept(Action::Delete, Some(&old), object("", false), true), Some(old.clone()));
    assert_eq!(kept(Action::Delete, Some(&old), object("", false), false), None);
    let half = Object { dependencies: old.dependencies.clone(), ..object("new", true) };
    assert_eq!(kept(Action::Delete, Some(&tainted), new, true), Some(half));
}
