//! Database roles: what is sent, and what is made of lost answers, other names and members that came or went.

use super::lookups::{absent, outcome};
use super::*;
use crate::{DatabasePrincipals, Known, NewRole};

/// The script's rows of memberships make user 5 a member of role 16390, and that one a member of role 7.
const ROLE: &str = "16390|r]|R|0|0x10|NULL|0|NULL";
const RENAMED: &str = "16390|other|R|0|0x10|NULL|0|NULL";
const STRANGER: &str = "17|r]|R|0|0x11|NULL|0|NULL";
const MEMBER: &str = "5|u's|S|1|0x05|dbo|0|l";
const MEMBER_RENAMED: &str = "5|w|S|1|0x05|dbo|0|l";

fn new_role(owner: Option<&str>) -> NewRole {
    NewRole { name: name("r]"), owner: owner.map(name) }
}

async fn look(sees_all: bool, rows: &[&str]) -> DatabasePrincipals {
    let script = Script::new([principals(sees_all, rows)]);
    script.instance().database(&name("Sales")).principals().await.unwrap()
}

#[tokio::test]
async fn the_batches_of_roles() {
    let script = Script::default();
    let database = script.instance().database(&name("Sales"));
    database.create_role(&new_role(None)).await.unwrap();
    database.create_role(&new_role(Some("o'wner"))).await.unwrap();
    let seen = look(true, &[ROLE, MEMBER]).await;
    let role = seen.named("r]").unwrap();
    database.rename_role(role, &name("n]")).await.unwrap();
    database.give_role(role, &name("o'wner")).await.unwrap();
    database.drop_role(role, &[]).await.unwrap();
    database.drop_role(role, &seen.members_of(role)).await.unwrap();
    insta::assert_snapshot!(script.sent());
}

#[tokio::test]
async fn a_role_whose_answer_was_lost_is_ours_when_it_is_as_new() {
    use Answer::{Broken, Refused};
    const DBO: &str = "1|dbo|S|1|0x01|dbo|0|NULL";
    const EXISTS: &str = "exists: a database role, SID 0x11";
    for (owner, answers, expected) in [
        (None, vec![Broken, principals(true, &[STRANGER])], "done 1"),
        (Some("DBO"), vec![Broken, principals(true, &[STRANGER, DBO])], "done 1"),
        // Owned by another, or by nobody who is seen.
        (Some("boss"), vec![Broken, principals(true, &[STRANGER, DBO])], &*format!("{EXISTS} 1")),
        (Some("dbo"), vec![Broken, principals(true, &[STRANGER])], &*format!("{EXISTS} 1")),
        // It has a member; it is a member, and holds permissions; it is no role at all.
        (None, vec![Broken, principals(true, &[ROLE, MEMBER])], "exists: a database role, SID 0x10 1"),
        (None, vec![Broken, principals(true, &["5|R]|R|0|0x10|NULL|0|NULL"])], "exists: a database role, SID 0x10 1"),
        (None, vec![Broken, principals(true, &["6|r]|R|0|0x10|NULL|0|NULL"])], "exists: a database role, SID 0x10 1"),
        (None, vec![Broken, principals(true, &["8|r]|S|1|0x08|dbo|0|l"])], "exists: a user of a SQL login, SID 0x08 1"),
        // Nothing is there: it did not happen, and is done once more.
        (None, vec![Broken, principals(true, &[])], "done 2"),
        (None, vec![Broken, principals(true, &[]), Broken, principals(true, &[])], "lost 2"),
        (None, vec![Broken, principals(false, &[])], "lost 1"),
        (None, vec![Broken, Refused(4060)], "lost 1"),
        (None, vec![Refused(15023)], "15023 1"),
    ] {
        let script = Script::new(answers.clone());
        let came = script.instance().database(&name("Sales")).create_role(&new_role(owner)).await;
        let came = outcome(came.map(drop));
        assert_eq!(format!("{came} {}", script.sent().matches("CREATE ROLE [r]]]").count()), expected, "{answers:?}");
    }
}

#[tokio::test]
async fn a_new_roles_sid_is_what_the_server_says_or_the_look_shows() {
    let made = Answer::Rows(vec![rows("sid", &["0x10"])]);
    let found = [Answer::Broken, principals(true, &[STRANGER])];
    for (answers, expected) in [(vec![made], Some("0x10")), (found.into(), Some("0x11")), (vec![], None)] {
        let database = Script::new(answers).instance().database(&name("Sales"));
        assert_eq!(database.create_role(&new_role(None)).await.unwrap().as_deref(), expected);
    }
    let database = Script::refusing(&[15151, 15023]).instance().database(&name("Sales"));
    for fault in [Fault::Owner, Fault::Name] {
        assert_eq!(database.create_role(&new_role(Some("nobody"))).await.unwrap_err().fault(), fault);
    }
}

#[tokio::test]
async fn a_role_is_renamed_whatever_it_is_called() {
    use Answer::{Broken, Done, Refused};
    let seen = look(true, &[ROLE]).await;
    let role = seen.named("r]").unwrap();
    for (answers, expected) in [
        (vec![Done], "done 1"),
        (vec![absent(), principals(true, &["16390|third|R|0|0x10|NULL|0|NULL", STRANGER])], "done 2"),
        (vec![absent(), principals(true, &[STRANGER])], "not found 1"),
        (vec![absent(), principals(false, &[STRANGER])], "invisible 1"),
        (vec![Broken, principals(true, &[RENAMED])], "done 1"),
        (vec![Broken, principals(true, &[ROLE])], "done 2"),
        (vec![Refused(15151), principals(true, &[ROLE])], "15151 1"),
        (vec![Refused(15023)], "15023 1"),
    ] {
        let script = Script::new(answers.clone());
        let database = script.instance().database(&name("Sales"));
        let came = outcome(database.rename_role(role, &name("other")).await);
        assert_eq!(format!("{came} {}", script.sent().matches("ALTER ROLE [").count()), expected, "{answers:?}");
    }
}

#[tokio::test]
async fn an_owner_is_given_to_the_role_that_was_found_alone() {
    let seen = look(true, &[ROLE]).await;
    let role = seen.named("r]").unwrap();
    for (answer, expected) in [(Answer::Done, "done"), (absent(), "not found"), (Answer::Refused(15151), "15151")] {
        let database = Script::new([answer]).instance().database(&name("Sales"));
        assert_eq!(outcome(database.give_role(role, &name("boss")).await), expected);
    }
    let database = Script::refusing(&[15151]).instance().database(&name("Sales"));
    assert_eq!(database.give_role(role, &name("boss")).await.unwrap_err().fault(), Fault::Owner);
}

#[tokio::test]
async fn a_role_is_dropped_with_those_who_are_leaving_and_nobody_else() {
    use Answer::{Broken, Done, Refused};
    for (answers, expected, drops) in [
        (vec![Done], "done", vec!["r]] u's"]),
        (vec![absent(), principals(true, &[RENAMED, MEMBER, STRANGER])], "done", vec!["r]] u's", "other u's"]),
        (vec![absent(), principals(true, &[STRANGER])], "done", vec!["r]] u's"]),
        (vec![absent(), principals(false, &[STRANGER])], "invisible", vec!["r]] u's"]),
        (vec![Broken, principals(true, &[ROLE, MEMBER])], "done", vec!["r]] u's", "r]] u's"]),
        (vec![Broken, principals(true, &[])], "done", vec!["r]] u's"]),
        // Not permitted; or the member has gone by itself.
        (vec![Refused(15151), principals(true, &[ROLE, MEMBER])], "15151", vec!["r]] u's"]),
        (vec![Refused(15151), principals(true, &[ROLE])], "done", vec!["r]] u's", "r]] "]),
        // The member is called otherwise by now; or it is another one.
        (vec![Refused(15144), principals(true, &[ROLE, MEMBER_RENAMED])], "done", vec!["r]] u's", "r]] w"]),
        (vec![Refused(15144), principals(true, &[ROLE, MEMBER])], "15144", vec!["r]] u's"]),
        (vec![Refused(15138)], "15138", vec!["r]] u's"]),
    ] {
        let seen = look(true, &[ROLE, MEMBER]).await;
        let role = seen.named("r]").unwrap();
        let script = Script::new(answers.clone());
        let database = script.instance().database(&name("Sales"));
        let came = outcome(database.drop_role(role, &seen.members_of(role)).await);
        assert_eq!(came, expected, "{answers:?}");
        let sent = script.sent();
        let dropped: Vec<String> = sent
            .split("BEGIN TRANSACTION;")
            .skip(1)
            .map(|batch| {
                let between = |start: &str| {
                    let line = batch.lines().find_map(|line| line.split_once(start));
                    line.map(|(_, rest)| rest.trim_end_matches("];").to_owned()).unwrap_or_default()
                };
                format!("{} {}", between("DROP ROLE ["), between("DROP MEMBER ["))
            })
            .collect();
        assert_eq!(dropped, drops, "{answers:?}");
    }
}

#[tokio::test]
async fn a_role_is_itself_under_any_name_and_knows_members_and_owner() {
    let rows =
        [RENAMED, MEMBER, "1|dbo|S|1|0x01|dbo|0|NULL", "7|outer|R|0|0x07|NULL|0|NULL", "0|public|R|0|0x00|NULL|0|NULL"];
    let seen = look(true, &rows).await;
    let role = seen.by_id(16390).unwrap();
    let identity = role.identity();
    let known = |identity, sid, name| Known { identity, sid, name };
    for (known, expected) in [
        (known(Some(&identity), None, "r]"), Some(16390)),
        // A look adopts nobody who is another: neither by SID nor by name.
        (known(Some("16390@2026-11-30T13:00:00"), Some("0x10"), "other"), None),
        (known(None, Some("0x10"), "r]"), Some(16390)),
        (known(None, Some("0x99"), "other"), None),
        (known(None, None, "OTHER"), Some(16390)),
        (known(None, Some("0x05"), "u's"), None),
    ] {
        assert_eq!(seen.meant_role(known).unwrap().map(|it| it.id), expected, "{known:?}");
    }
    let ids = |list: Vec<&crate::Principal>| list.iter().map(|it| it.id).collect::<Vec<_>>();
    assert_eq!(ids(seen.members_of(role)), [5]);
    assert_eq!(ids(seen.members_of(seen.by_id(7).unwrap())), [16390], "a role may be a member");
    assert_eq!(seen.owner_of(role).unwrap().name, "dbo");
    assert_eq!(seen.roles_owned_by(seen.by_id(1).unwrap()).count(), 3);
    assert!(seen.by_id(0).unwrap().is_built_in_role() && !role.is_built_in_role());
    let blind = look(false, &[MEMBER]).await;
    let error = blind.meant_role("r]".into()).unwrap_err();
    assert!(matches!(error, Error::Invisible { right: "ALTER ANY ROLE", .. }), "{error}");
}
