//! What is sent, batch by batch.

use std::collections::BTreeSet;

use super::*;
use crate::{
    Entra, KnownBy, Login, LoginChange, LoginKind, LoginSource, NewLogin, NewUser, PermissionChange as Change,
    Principal, Revocation, Sid, UserChange, UserSource,
};

pub(super) fn our_sid() -> Sid {
    "0x0123456789ABCDEF0123456789ABCDEF".parse().unwrap()
}

pub(super) fn new_login(default_database: Option<&str>) -> NewLogin {
    NewLogin {
        name: name("o]brien"),
        source: LoginSource::Password { password: password(), sid: our_sid() },
        default_database: default_database.map(name),
        enabled: true,
        server_roles: BTreeSet::new(),
    }
}

/// Every way to name an Entra principal.
fn entra() -> [Entra; 4] {
    let id = "00112233-4455-6677-8899-aabbccddeeff".parse().unwrap();
    [
        Entra { known_by: KnownBy::Name, is_group: false },
        Entra { known_by: KnownBy::Name, is_group: true },
        Entra { known_by: KnownBy::ObjectId(id), is_group: false },
        Entra { known_by: KnownBy::ClientId(id), is_group: false },
    ]
}

fn login(login_name: &str, kind: LoginKind) -> Login {
    Login { sid_text: our_sid().to_string(), sid: Some(our_sid()), ..crate::login::tests::login(login_name, 1, kind) }
}

fn user(user_name: &str) -> Principal {
    crate::effective::tests::principal(5, user_name, crate::PrincipalKind::SqlUser, "0x01AB")
}

#[tokio::test]
async fn the_batches_of_logins() {
    let script = Script::default();
    let instance = script.instance();
    instance.create_login(&new_login(None), false).await.unwrap();
    let whole = NewLogin {
        enabled: false,
        server_roles: [name("##MS_ServerStateReader##")].into(),
        ..new_login(Some("Sales"))
    };
    instance.create_login(&whole, false).await.unwrap();
    let everything = LoginChange {
        name: Some(name("new")),
        password: Some(password()),
        default_database: Some(name("Sales")),
        enabled: Some(false),
        added_roles: vec![name("##MS_ServerStateReader##")],
        removed_roles: vec![name("##MS_LoginManager##")],
    };
    instance.change_login(&login("o'ld", LoginKind::Sql), &everything).await.unwrap().unwrap_err();
    let enabled = LoginChange { enabled: Some(true), ..LoginChange::default() };
    instance.change_login(&login("old", LoginKind::Sql), &enabled).await.unwrap().unwrap_err();
    instance.drop_login(None, &name("u"), false).await.unwrap();
    instance.drop_login(Some(our_sid()), &name("u'x"), false).await.unwrap();
    insta::assert_snapshot!(script.sent());
    // Nothing differs: nothing is sent.
    instance.change_login(&login("old", LoginKind::Sql), &LoginChange::default()).await.unwrap().unwrap();
    assert_eq!(script.sent(), "");
}

#[tokio::test]
async fn the_batches_of_entra_logins() {
    let script = Script::default();
    let instance = script.instance();
    for entra in entra() {
        let new = NewLogin { source: LoginSource::Entra(entra), ..new_login(None) };
        instance.create_login(&new, false).await.unwrap();
    }
    let group = NewLogin {
        source: LoginSource::Entra(entra()[1]),
        enabled: false,
        server_roles: [name("r]")].into(),
        ..new_login(Some("Sales"))
    };
    instance.create_login(&group, false).await.unwrap();
    for enabled in [true, false] {
        let change = LoginChange { enabled: Some(enabled), ..LoginChange::default() };
        instance.change_login(&login("Data Team", LoginKind::ExternalGroup), &change).await.unwrap().unwrap_err();
    }
    insta::assert_snapshot!(script.sent());
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_does_not_know_a_principal_yet_is_asked_again() {
    let new = NewLogin { source: LoginSource::Entra(entra()[0]), ..new_login(None) };
    let user = NewUser {
        name: name("u"),
        source: UserSource::Entra(entra()[0]),
        default_schema: None,
        roles: BTreeSet::new(),
    };
    // Known at the fourth time.
    let script = Script::refusing(&[33130; 3]);
    script.instance().create_login(&new, false).await.unwrap();
    assert_eq!(script.heads().len(), 4);
    let script = Script::refusing(&[33130; 3]);
    script.instance().database(&name("Sales")).create_user(&user).await.unwrap().unwrap_err();
    assert_eq!(script.sent().matches("CREATE USER").count(), 4);
    // Never: after two minutes it is enough.
    let script = Script::refusing(&[33130; 99]);
    let began = tokio::time::Instant::now();
    let error = script.instance().create_login(&new, false).await.unwrap_err();
    assert_eq!(error.number(), Some(33130));
    let waited = began.elapsed().as_secs();
    assert!((100..=120).contains(&waited), "{waited} s");
}

#[tokio::test(start_paused = true)]
async fn the_batches_of_a_forced_drop() {
    let script = Script::new([
        Answer::Refused(15434),
        Answer::Done,
        Answer::Rows(vec![rows("server_state|performance_state", &["1|1"]), rows("session_id", &["51", "52"])]),
        Answer::Refused(6106),
    ]);
    script.instance().drop_login(None, &name("u'x"), true).await.unwrap();
    script.instance().drop_login(Some(our_sid()), &name("u'x"), true).await.unwrap();
    insta::assert_snapshot!(script.sent());
}

#[tokio::test(start_paused = true)]
async fn sessions_that_cannot_be_seen_are_said_once_it_is_clear_that_there_are_any() {
    let unseen = || Answer::Rows(vec![rows("server_state|performance_state", &["0|0"]), rows("session_id", &[])]);
    let script = Script::new([Answer::Refused(15434), Answer::Done, unseen(), Answer::Refused(15434)]);
    let error = script.instance().drop_login(None, &name("u"), true).await.unwrap_err();
    assert!(matches!(&error, Error::Invisible { right: "VIEW SERVER STATE", .. }), "{error}");
    // They have ended by themselves.
    let script = Script::new([Answer::Refused(15434), Answer::Done, unseen()]);
    script.instance().drop_login(None, &name("u"), true).await.unwrap();
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
    let script = Script::new([principals(true, &["5|u'x|S|1|0x01ab|dbo|0|l"])]);
    let database = script.instance().database(&name("Sales"));
    let before = database.principals().await.unwrap();
    script.sent();
    let new = |source, default_schema, roles| NewUser { name: name("u'"), source, default_schema, roles };
    let for_login = || UserSource::Login(name("l"));
    for user in [
        new(for_login(), None, BTreeSet::new()),
        new(for_login(), Some(name("dbo")), [name("db_datareader"), name("r]")].into()),
    ] {
        database.create_user(&user).await.unwrap().unwrap_err();
    }
    let everything = UserChange {
        name: Some(name("v")),
        login: Some(name("l'")),
        default_schema: Some(name("s")),
        added_roles: vec![name("db_datareader")],
        removed_roles: vec![name("db_owner")],
    };
    database.change_user(&user("u'x"), &everything).await.unwrap().unwrap_err();
    let found = before.named("u'x").unwrap();
    database.drop_user(&before, found, None, &name("old")).await.unwrap().unwrap_err();
    database.drop_user(&before, found, Some(&name("dbo")), &name("old")).await.unwrap().unwrap_err();
    insta::assert_snapshot!(script.sent());
}

#[tokio::test]
async fn the_batches_of_entra_users() {
    let script = Script::new([principals(true, &[])]);
    let database = script.instance().database(&name("Sales"));
    database.principals().await.unwrap();
    script.sent();
    for entra in entra() {
        for default_schema in [None, Some(name("dbo"))] {
            let source = UserSource::Entra(entra);
            let new = NewUser { name: name("u'"), source, default_schema, roles: BTreeSet::new() };
            database.create_user(&new).await.unwrap().unwrap_err();
        }
    }
    insta::assert_snapshot!(script.sent());
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
    // The server's list of permissions, which is asked for once.
    let _ = database.change_permissions(&user("u'"), &changes).await.unwrap();
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
    assert!(matches!(instance.database_state(&name("Sale's")).await, Err(Error::Decode { .. })));
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
        let source = UserSource::Login(name("l"));
        let new = NewUser { name: name("u"), source, default_schema: None, roles: BTreeSet::new() };
        let error = database.create_user(&new).await.unwrap_err();
        assert_eq!((error.number(), error.fault()), (Some(number), of_user));
        let changes = [Change::Grant("SELECT".parse().unwrap())];
        let error = database.change_permissions(&user("u"), &changes).await.unwrap_err();
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
