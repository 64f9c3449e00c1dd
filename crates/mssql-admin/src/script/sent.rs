//! What is sent, batch by batch.

use std::collections::BTreeSet;

use super::*;
use crate::{LoginChange, NewLogin, NewUser, PermissionChange as Change, Revocation};

pub(super) fn new_login(default_database: Option<&str>) -> NewLogin {
    NewLogin {
        name: name("o]brien"),
        password: password(),
        sid: "0x0123456789ABCDEF0123456789ABCDEF".parse().unwrap(),
        default_database: default_database.map(name),
    }
}

#[tokio::test]
async fn the_batches_of_logins() {
    let script = Script::default();
    let instance = script.instance();
    let sid = new_login(None).sid;
    instance.create_login(&new_login(None), false).await.unwrap();
    instance.create_login(&new_login(Some("Sales")), false).await.unwrap();
    let everything =
        LoginChange { password: Some(password()), default_database: Some(name("Sales")), enabled: Some(false) };
    instance.change_login(&name("old"), &everything).await.unwrap();
    instance.change_login(&name("old"), &LoginChange { enabled: Some(true), ..LoginChange::default() }).await.unwrap();
    instance.rename_login(None, &name("old"), &name("new")).await.unwrap();
    instance.rename_login(Some(sid), &name("o'ld"), &name("new")).await.unwrap();
    let (add, remove) = ([name("##MS_ServerStateReader##")], [name("##MS_LoginManager##")]);
    instance.change_server_roles(&name("u"), &add, &remove).await.unwrap();
    instance.drop_login(None, &name("u"), false).await.unwrap();
    instance.drop_login(Some(sid), &name("u'x"), false).await.unwrap();
    insta::assert_snapshot!(script.sent());
    // Nothing differs: nothing is sent.
    instance.change_login(&name("old"), &LoginChange::default()).await.unwrap();
    instance.change_server_roles(&name("u"), &[], &[]).await.unwrap();
    assert_eq!(script.sent(), "");
}

#[tokio::test(start_paused = true)]
async fn the_batches_of_a_forced_drop() {
    let script = Script::new([
        Answer::Refused(15434),
        Answer::Done,
        Answer::Rows(vec![rows("session_id", &["51", "52"])]),
        Answer::Refused(6106),
    ]);
    script.instance().drop_login(None, &name("u'x"), true).await.unwrap();
    script.instance().drop_login(Some(new_login(None).sid), &name("u'x"), true).await.unwrap();
    insta::assert_snapshot!(script.sent());
}

#[tokio::test(start_paused = true)]
async fn a_login_in_use_is_tried_five_times_and_never_disabled_without_force() {
    let script = Script::refusing(&[15434; 9]);
    let error = script.instance().drop_login(None, &name("u"), false).await.unwrap_err();
    assert_eq!((error.number(), error.fault()), (Some(15434), Fault::Name));
    // The last refusal is looked into no further.
    assert_eq!(script.sent(), "-- Once in master\nDROP LOGIN [u];\n".repeat(5));
}

#[tokio::test]
async fn the_batches_of_users() {
    let schemas = || Answer::Rows(vec![rows("name", &["s]", "t"])]);
    let script = Script::default();
    let database = script.instance().database(&name("Sales"));
    let user = |default_schema, roles| NewUser { name: name("u"), login: name("l"), default_schema, roles };
    database.create_user(&user(None, BTreeSet::new())).await.unwrap();
    database.create_user(&user(Some(name("dbo")), BTreeSet::new())).await.unwrap();
    database.create_user(&user(None, [name("db_datareader"), name("r]")].into())).await.unwrap();
    database.rename_user(None, &name("u"), &name("v")).await.unwrap();
    database.rename_user(Some("0x01ab"), &name("u"), &name("v")).await.unwrap();
    database.map_user(&name("u"), &name("l")).await.unwrap();
    database.set_default_schema(&name("u"), &name("s")).await.unwrap();
    database.change_roles(&name("u"), &[name("db_datareader")], &[name("db_owner")]).await.unwrap();
    database.drop_user(None, &name("u"), None).await.unwrap();
    for sid in [None, Some("0x01ab")] {
        script.answers.lock().unwrap().push_back(schemas());
        database.drop_user(sid, &name("u'x"), Some(&name("dbo"))).await.unwrap();
    }
    insta::assert_snapshot!(script.sent());
    database.change_roles(&name("u"), &[], &[]).await.unwrap();
    database.change_permissions(&name("u"), &[]).await.unwrap();
    assert_eq!(script.sent(), "", "nothing differs, and nothing is sent");
    let error = database.drop_user(Some("0x0; DROP"), &name("u"), None).await.unwrap_err();
    assert_eq!((error.fault(), script.sent()), (Fault::Sid, String::new()), "a SID is hexadecimal or nothing");
}

#[tokio::test]
async fn the_batch_of_permissions() {
    let script = Script::default();
    let database = script.instance().database(&name("Sales"));
    let permission = || "ALTER ANY EXTERNAL MIRROR".parse().unwrap();
    let from = |grantor: Option<&str>| Revocation { name: permission(), grantor: grantor.map(name) };
    let changes = [
        Change::Revoke(from(None)),
        Change::Revoke(from(Some("b]'s"))),
        Change::RevokeCascade(from(None)),
        Change::RevokeCascade(from(Some("b]'s"))),
        Change::RevokeGrantOption(from(None)),
        Change::RevokeGrantOption(from(Some("b]'s"))),
        Change::Grant(permission()),
        Change::GrantWithGrantOption(permission()),
        Change::Deny(permission()),
    ];
    database.change_permissions(&name("u'"), &changes).await.unwrap();
    insta::assert_snapshot!(script.sent());
}

#[tokio::test]
async fn the_batches_that_read() {
    let script = Script::default();
    let instance = script.instance();
    let database = instance.database(&name("Sales"));
    // Without result sets every one of them is unreadable, and says so instead of taking it for an empty server.
    assert!(matches!(instance.logins().await, Err(Error::Decode { .. })));
    assert!(matches!(instance.server_facts().await, Err(Error::Decode { .. })));
    assert!(matches!(instance.has_database(&name("Sale's")).await, Err(Error::Decode { .. })));
    assert!(matches!(database.principals().await, Err(Error::Decode { .. })));
    assert!(matches!(database.source_tables().await, Err(Error::Decode { .. })));
    assert!(matches!(database.facts().await, Err(Error::Decode { .. })));
    let sent = script.sent();
    assert_eq!(sent.matches("-- ").count(), sent.matches("-- Reads").count(), "{sent}");
    insta::assert_snapshot!(sent);
}

#[tokio::test]
async fn a_refusal_is_about_what_its_number_says_or_else_about_what_was_being_done() {
    let cases = [
        // number, of creating a user, of changing permissions
        (15023, Fault::Name, Fault::Name),
        (15007, Fault::Login, Fault::Login),
        (15063, Fault::Login, Fault::Login),
        (15138, Fault::Name, Fault::Name),
        (15154, Fault::Name, Fault::Name),
        (15421, Fault::Name, Fault::Name),
        (15151, Fault::Login, Fault::Permission),
        (4060, Fault::Database, Fault::Database),
        (18456, Fault::Server, Fault::Server),
        (229, Fault::Login, Fault::Permission),
        (50000, Fault::Login, Fault::Permission),
    ];
    for (number, of_user, of_permission) in cases {
        let database = Script::refusing(&[number, number]).instance().database(&name("Sales"));
        let new = NewUser { name: name("u"), login: name("l"), default_schema: None, roles: BTreeSet::new() };
        let error = database.create_user(&new).await.unwrap_err();
        assert_eq!((error.number(), error.fault()), (Some(number), of_user));
        let changes = [Change::Grant("SELECT".parse().unwrap())];
        let error = database.change_permissions(&name("u"), &changes).await.unwrap_err();
        assert_eq!((error.number(), error.fault()), (Some(number), of_permission));
    }
}

#[test]
fn no_debug_shows_a_password() {
    let change = LoginChange { password: Some(password()), ..LoginChange::default() };
    let credentials = Credentials::SqlLogin { username: "u".into(), password: password() };
    let shown = format!("{:?} {change:?} {credentials:?}", new_login(None));
    assert!(!shown.contains("$ecret"), "{shown}");
}
