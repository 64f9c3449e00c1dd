//! What is made of lost answers, of names that belong to others, and of what cannot be seen.

use std::collections::BTreeSet;

use super::sent::new_login;
use super::*;
use crate::{
    DatabaseState, LoginChange, LoginKind, NewLogin, NewUser, Principal, PrincipalKind, UserChange, UserSource,
};

const OURS: &str = "5|o]brien|0x0123456789ABCDEF0123456789ABCDEF|S";
const RENAMED: &str = "5|other|0x0123456789ABCDEF0123456789ABCDEF|S";
const STRANGER: &str = "6|o]brien|0x00000000000000000000000000000099|S";
const GROUP: &str = "7|O]Brien|0x0123456789ABCDEF0123456789ABCDEF|X";

/// In a word what came of it.
pub(super) fn outcome(result: Result<()>) -> String {
    match result {
        Ok(()) => "done".into(),
        Err(Error::AlreadyExists { details, .. }) => format!("exists: {}", details.unwrap_or_default()),
        Err(Error::Refused { refusal, .. }) => refusal.number.to_string(),
        Err(Error::Invisible { .. }) => "invisible".into(),
        Err(Error::AnswerLost { .. }) => "lost".into(),
        Err(Error::NotFound { .. }) => "not found".into(),
        Err(other) => format!("{other:?}"),
    }
}

#[tokio::test]
async fn a_login_is_taken_over_with_proof_only() {
    use Answer::{Broken, Refused};
    const OURS_SID: &str = "exists: SID 0x0123456789ABCDEF0123456789ABCDEF";
    for (answers, take_over, knows, expected) in [
        (vec![Refused(15025), logins(true, &[OURS])], true, true, "done"),
        (vec![Broken, logins(true, &[OURS])], true, true, "done"),
        (vec![Refused(15025), logins(true, &[OURS])], false, true, OURS_SID),
        (
            vec![Broken, logins(true, &[OURS])],
            true,
            false,
            "exists: SID 0x0123456789ABCDEF0123456789ABCDEF, and the password is another",
        ),
        (vec![Refused(15025), logins(true, &[STRANGER])], true, true, "exists: SID 0x00000000000000000000000000000099"),
        (
            vec![Refused(15025), logins(true, &[GROUP])],
            true,
            true,
            "exists: an Entra group's login, SID 0x0123456789ABCDEF0123456789ABCDEF",
        ),
        // Nothing is there: it did not happen, and is done once more.
        (vec![Broken, logins(true, &[])], true, true, "done"),
        (vec![Broken, logins(true, &[]), Broken, logins(true, &[])], true, true, "lost"),
        // Nothing can be seen: it may have happened.
        (vec![Broken, logins(false, &[])], true, true, "lost"),
        (vec![Broken, Refused(229)], true, true, "lost"),
        (vec![Refused(15025), logins(true, &[])], true, true, "15025"),
        (vec![Refused(15118)], true, true, "15118"),
    ] {
        let script = Script::new(answers.clone()).with_password(if knows { "it's $ecret" } else { "another" });
        let came = outcome(script.instance().create_login(&new_login(None), take_over).await.map(drop));
        assert_eq!(came, expected, "{answers:?}");
        assert!(!script.sent().contains("ALTER LOGIN"), "the password is never set");
    }
}

#[tokio::test]
async fn what_is_taken_over_gets_its_default_database() {
    for (database, changes) in [("Sales", true), ("MASTER", false)] {
        let script = Script::new([Answer::Broken, logins(true, &[OURS])]).with_password("it's $ecret");
        script.instance().create_login(&new_login(Some(database)), true).await.unwrap().login.ok();
        let sent = script.sent();
        assert!(sent.contains("-- o]brien logs in to master"), "{sent}");
        assert_eq!(sent.contains("ALTER LOGIN [o]]brien] WITH DEFAULT_DATABASE"), changes, "{sent}");
    }
}

#[tokio::test]
async fn what_is_refused_after_the_creation_is_told_from_a_refused_creation() {
    let new = NewLogin { server_roles: [name("r")].into(), ..new_login(None) };
    // The password is refused, and somebody else has a login of the name: nothing is ours, and nothing is asked.
    let script = Script::new([Answer::Refused(15118), logins(true, &[OURS])]);
    assert_eq!(outcome(script.instance().create_login(&new, true).await.map(drop)), "15118");
    assert_eq!(script.heads().len(), 1);
    // The role is refused: the login is there, and the role is tried once more, alone.
    let refused = || {
        let columns = "refused|class|state|text";
        let Answer::Rows(mut results) = logins(true, &[OURS]) else { unreachable!() };
        results.insert(0, rows(columns, &["15151|16|1|Cannot alter the server role 'r'."]));
        Answer::Rows(results)
    };
    let again = [Answer::Refused(15151), logins(true, &[OURS])];
    let script = Script::new([refused()].into_iter().chain(again));
    let created = script.instance().create_login(&new, true).await.unwrap();
    let error = created.refused.unwrap();
    assert_eq!((created.login.unwrap().name.as_str(), error.number()), ("o]brien", Some(15151)));
    let sent = script.sent();
    assert_eq!((sent.matches("CREATE LOGIN").count(), sent.matches("ADD MEMBER").count()), (1, 2), "{sent}");
    // It was a deadlock, and passes.
    let script = Script::new([refused(), logins(true, &[OURS])]);
    let created = script.instance().create_login(&new, true).await.unwrap();
    assert!(created.refused.is_none() && created.login.is_ok());
    // The login cannot be seen: it is there all the same.
    let Answer::Rows(mut results) = refused() else { unreachable!() };
    results[2].clear();
    let script = Script::new([Answer::Rows(results)]);
    let created = script.instance().create_login(&new, true).await.unwrap();
    assert_eq!(created.refused.unwrap().fault(), Fault::Role);
    assert!(matches!(created.login, Err(Error::Invisible { .. })));
}

#[tokio::test]
async fn a_password_is_tried_once() {
    let script = Script::default().with_password("right");
    let instance = script.instance();
    assert!(instance.can_log_in(&name("u"), &"right".to_owned().into()).await.unwrap());
    assert!(!instance.can_log_in(&name("u"), &"wrong".to_owned().into()).await.unwrap());
    assert_eq!(script.sent(), "-- u logs in to master\n".repeat(2));
}

/// The principals of a scripted database, found before.
async fn found(rows: &[&str], name: &str) -> (crate::DatabasePrincipals, Principal) {
    let script = Script::new([principals(true, rows)]);
    let found = script.instance().database(&super::name("Sales")).principals().await.unwrap();
    let principal = found.named(name).unwrap().clone();
    (found, principal)
}

/// A scripted login, found before.
async fn found_login(row: &str) -> crate::Login {
    Script::new([logins(true, &[row])]).instance().logins().await.unwrap().iter().next().unwrap().clone()
}

pub(super) fn absent() -> Answer {
    Answer::Rows(vec![rows("absent", &["1"])])
}

#[tokio::test]
async fn a_login_is_dropped_by_its_sid_under_its_name_of_now() {
    use Answer::{Broken, Done, Refused};
    let sid = Some(sent::our_sid());
    for (answers, expected, dropped) in [
        (vec![Done], "done", vec!["o]]brien"]),
        // Renamed by somebody; the old name may be a stranger's.
        (vec![absent(), logins(true, &[RENAMED, STRANGER])], "done", vec!["o]]brien", "other"]),
        (vec![absent(), logins(true, &[STRANGER])], "done", vec!["o]]brien"]),
        (vec![absent(), logins(false, &[STRANGER])], "invisible", vec!["o]]brien"]),
        (vec![Broken, logins(true, &[])], "done", vec!["o]]brien"]),
        (vec![Broken, logins(true, &[OURS])], "done", vec!["o]]brien", "o]]brien"]),
        (vec![Broken, logins(false, &[])], "invisible", vec!["o]]brien"]),
        (vec![Refused(15151), logins(true, &[OURS])], "15151", vec!["o]]brien"]),
        (vec![Refused(15151), logins(true, &[])], "done", vec!["o]]brien"]),
        (vec![Refused(15174)], "15174", vec!["o]]brien"]),
    ] {
        let script = Script::new(answers.clone());
        let came = outcome(script.instance().drop_login(sid, &name("o]brien"), false).await);
        assert_eq!(came, expected, "{answers:?}");
        let sent = script.sent();
        let drops: Vec<&str> =
            sent.lines().filter_map(|line| line.strip_prefix("DROP LOGIN [")?.strip_suffix("];")).collect();
        assert_eq!(drops, dropped, "{answers:?}");
        assert_eq!(sent.matches("AND sid = 0x0123456789ABCDEF0123456789ABCDEF").count(), drops.len(), "{sent}");
    }
}

#[tokio::test]
async fn a_rename_is_done_when_the_sid_has_the_new_name() {
    use Answer::{Broken, Done, Refused};
    let login = found_login(OURS).await;
    let change = LoginChange { name: Some(name("other")), ..LoginChange::default() };
    for (answers, expected, sent) in [
        (vec![Done], "done", 1),
        (vec![Broken, logins(true, &[RENAMED])], "done", 1),
        (vec![Broken, logins(true, &[OURS])], "done", 2),
        (vec![absent(), logins(true, &["5|third|0x0123456789ABCDEF0123456789ABCDEF|S"])], "done", 2),
        (vec![absent(), logins(true, &[STRANGER])], "not found", 1),
        (vec![Refused(15151), logins(true, &[OURS])], "15151", 1),
        (vec![Refused(15025)], "15025", 1),
    ] {
        let script = Script::new(answers.clone());
        let came = outcome(script.instance().change_login(&login, &change).await.map(drop));
        assert_eq!(
            (came.as_str(), script.sent().matches("WITH NAME = [other]").count()),
            (expected, sent),
            "{answers:?}"
        );
    }
}

#[tokio::test]
async fn a_membership_that_is_gone_already_is_done() {
    let login = found_login("5|u|0x01|S").await;
    let (_, user) = found(&["5|u|S|1|0x01|dbo|0|u", "16390|diskadmin|R|0|0xNULL|NULL|1|NULL"], "u").await;
    let (add, remove) = (vec![name("sysadmin")], vec![name("diskadmin")]);
    for (added, removed, expected, trips) in [
        (add.clone(), remove.clone(), "done", 2),
        // Not permitted: what was wanted is not so.
        (remove.clone(), Vec::new(), "15151", 2),
        (Vec::new(), add.clone(), "15151", 2),
        // One of the two is so already: the other is tried again, alone.
        (vec![name("sysadmin"), name("diskadmin")], Vec::new(), "done", 3),
    ] {
        let script = Script::new([Answer::Refused(15151), logins(true, &["5|u|0x01|S"])]);
        let change =
            LoginChange { added_roles: added.clone(), removed_roles: removed.clone(), ..LoginChange::default() };
        assert_eq!(outcome(script.instance().change_login(&login, &change).await.map(drop)), expected);
        assert_eq!(script.heads().len(), trips, "{change:?}");
        let now = principals(true, &["5|u|S|1|0x01|dbo|0|u", "16390|sysadmin|R|0|0xNULL|NULL|1|NULL"]);
        let script = Script::new([Answer::Refused(15151), now]);
        let database = script.instance().database(&name("Sales"));
        let change = UserChange { added_roles: added, removed_roles: removed, ..UserChange::default() };
        assert_eq!(outcome(database.change_user(&user, &change).await.map(drop)), expected);
        assert_eq!(script.heads().len(), trips, "{change:?}");
    }
}

#[tokio::test]
async fn a_user_whose_answer_was_lost_is_ours_when_it_is_as_new() {
    use Answer::{Broken, Refused};
    let ours = "8|u|S|1|0x08|dbo|0|L";
    for (answers, expected) in [
        (vec![Broken, principals(true, &[ours])], "done"),
        (vec![Broken, principals(true, &["8|u|S|1|0x08|dbo|0|other"])], "exists: a user of a SQL login, SID 0x08"),
        (vec![Broken, principals(true, &["8|U|R|0|0x08|NULL|0|NULL"])], "exists: a database role, SID 0x08"),
        // It holds SELECT with grant option: nobody new does.
        (vec![Broken, principals(true, &["6|u|S|1|0x06|dbo|0|l"])], "exists: a user of a SQL login, SID 0x06"),
        (vec![Broken, principals(true, &[])], "done"),
        (vec![Broken, principals(false, &[])], "lost"),
        (vec![Broken, Refused(4060)], "lost"),
        (vec![Refused(15023)], "15023"),
    ] {
        let script = Script::new(answers.clone());
        let source = UserSource::Login(name("l"));
        let new = NewUser { name: name("u"), source, default_schema: None, roles: BTreeSet::new() };
        let came = outcome(script.instance().database(&name("Sales")).create_user(&new).await.map(drop));
        assert_eq!(came, expected, "{answers:?}");
    }
}

#[tokio::test]
async fn a_user_is_dropped_and_renamed_whatever_it_is_called() {
    use Answer::{Broken, Done, Refused};
    const OURS: &str = "5|u|S|1|0x05|dbo|0|l";
    const RENAMED: &str = "5|v|S|1|0x05|dbo|0|l";
    const STRANGER: &str = "6|u|S|1|0x06|dbo|0|m";
    for (answers, drop, rename) in [
        (vec![Done], "done 1", "done 1"),
        (vec![absent(), principals(true, &[RENAMED, STRANGER])], "done 2", "done 1"),
        (vec![absent(), principals(true, &[STRANGER])], "done 1", "not found 1"),
        (vec![absent(), principals(false, &[STRANGER])], "invisible 1", "invisible 1"),
        (vec![Broken, principals(true, &[OURS])], "done 2", "done 2"),
        (vec![Broken, principals(true, &[])], "done 1", "not found 1"),
        (vec![Refused(15151), principals(true, &[OURS])], "15151 1", "15151 1"),
        (vec![Refused(15138)], "15138 1", "15138 1"),
    ] {
        let (before, user) = found(&[OURS], "u").await;
        let script = Script::new(answers.clone());
        let database = script.instance().database(&name("Sales"));
        let came = outcome(database.drop_user(&before, &user, None, &name("u")).await.map(std::mem::drop));
        assert_eq!(format!("{came} {}", script.sent().matches("DROP USER [").count()), drop, "{answers:?}");
        let script = Script::new(answers.clone());
        let database = script.instance().database(&name("Sales"));
        let change = UserChange { name: Some(name("v")), ..UserChange::default() };
        let came = outcome(database.change_user(&user, &change).await.map(std::mem::drop));
        assert_eq!(format!("{came} {}", script.sent().matches("ALTER USER [").count()), rename, "{answers:?}");
    }
}

#[tokio::test]
async fn a_database_is_gone_when_all_can_be_seen() {
    let restoring = DatabaseState::Closed("RESTORING".to_owned());
    for (row, expected) in [
        ("1|ONLINE", DatabaseState::Online),
        ("0|ONLINE", DatabaseState::Online),
        ("0|RESTORING", restoring),
        ("1|NULL", DatabaseState::Gone),
        ("0|NULL", DatabaseState::Unseen),
    ] {
        let script = Script::new([Answer::Rows(vec![rows("sees_all|state", &[row])])]);
        assert_eq!(script.instance().database_state(&name("Sales")).await.unwrap(), expected, "{row}");
    }
}

#[tokio::test]
async fn the_rows_of_principals_are_read() {
    let script = Script::new([principals(
        true,
        &[
            "5|u|S|1|0x05|dbo|0|l",
            "6|other|S|1|0x06|dbo|0|o",
            "7|outer|R|0|0xNULL|NULL|0|NULL",
            "16390|db_datareader|R|0|0x02|NULL|1|NULL",
        ],
    )]);
    let principals = script.instance().database(&name("sales")).principals().await.unwrap();
    assert_eq!((principals.database(), principals.operator()), ("Sales", "dbo"));
    let user = principals.user("U").unwrap().unwrap();
    assert_eq!((user.kind, user.sid.as_str()), (PrincipalKind::SqlUser, "0x05"));
    assert_eq!(user.roles, [name("DB_DATAREADER")].into(), "its own, not those of its roles");
    assert_eq!(principals.login_of(user).unwrap().unwrap().name, "l");
    assert_eq!(principals.permissions_of(user).unwrap().len(), 1);
    assert_eq!(principals.taken_along(user, &"SELECT".parse().unwrap()).len(), 1);
    assert!(principals.check_permission(&"SELECT".parse().unwrap()).is_ok());
    let error = principals.check_permission(&"SELCT".parse().unwrap()).unwrap_err();
    assert!(error.to_string().ends_with("did you mean `SELECT`?"), "{error}");
}

#[tokio::test]
async fn a_look_for_some_asks_for_all_where_something_was_passed_on() {
    const U: &str = "5|u|S|1|0x05|dbo|0|l";
    let mut passed_on = principals(true, &[U]);
    if let Answer::Rows(results) = &mut passed_on {
        let columns = "grantee_principal_id|grantor_principal_id|permission_name|state|grantor";
        results[3] = rows(columns, &["5|1|CONNECT|G|dbo", "6|5|SELECT|G|u"]);
    }
    for (first, trips) in [(principals(true, &[U]), 1), (passed_on, 2)] {
        let script = Script::new([first, principals(true, &[U, "6|other|S|1|0x06|dbo|0|o"])]);
        let database = script.instance().database(&name("Sales"));
        let found = database.principals_like(&crate::Sought::known(["u".into()])).await.unwrap();
        assert_eq!(found.schemas_of(found.named("u").unwrap()).collect::<Vec<_>>(), ["s]", "t"]);
        assert_eq!((script.heads().len(), found.named("other").is_some()), (trips, trips == 2));
    }
}

#[tokio::test]
async fn the_rows_of_logins_are_read() {
    let script = Script::new([logins(true, &["5|u|0x05|S", "6|g|0x0123456789ABCDEF0123456789ABCDEF|X"])]);
    let logins = script.instance().logins().await.unwrap();
    let login = logins.by_name("U").unwrap();
    assert_eq!((login.kind, login.sid, login.sid_text.as_str()), (LoginKind::Sql, None, "0x05"));
    assert_eq!(login.server_roles, ["sysadmin", "custom"].map(name).into());
    let permissions: Vec<_> =
        login.server_permissions.iter().map(|row| (row.name.as_str(), row.grantee.as_str())).collect();
    assert_eq!(
        permissions,
        [("CONNECT SQL", "u"), ("VIEW SERVER STATE", "custom"), ("VIEW ANY DATABASE", "public")],
        "its own, those of its roles and of public"
    );
    assert!(logins.by_name("g").unwrap().sid.is_some() && logins.is_proof());
}
