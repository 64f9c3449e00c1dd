//! What is sent, batch by batch, and what is made of the server's refusals.

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use secrecy::SecretString;

use crate::connection::{Effect, Results};
use crate::statement::{Identifier, Statement};
use crate::{
    Error, Fault, Instance, LoginChange, NewLogin, NewUser, OnExisting, PermissionChange as Change, Refusal, Result,
};

/// Stands for a server: keeps what it is sent, refuses what the script says and answers nothing else.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    refusals: Arc<Mutex<VecDeque<u32>>>,
    sent: Arc<Mutex<String>>,
}

impl Script {
    fn refusing(numbers: &[u32]) -> Self {
        Self { refusals: Arc::new(Mutex::new(numbers.iter().copied().collect())), ..Self::default() }
    }

    pub(crate) fn run(&self, database: &Identifier, statement: &Statement, effect: Effect) -> Result<Results> {
        writeln!(self.sent.lock().unwrap(), "-- {effect:?} in {database}\n{}", statement.text()).unwrap();
        match self.refusals.lock().unwrap().pop_front() {
            Some(number) => Err(refused(number)),
            None => Ok(Vec::new()),
        }
    }

    fn sent(&self) -> String {
        std::mem::take(&mut self.sent.lock().unwrap())
    }
}

fn refused(number: u32) -> Error {
    let refusal = Refusal { number, class: 16, state: 1, text: "No.".into() };
    Error::Refused { refusal, fault: Fault::Other }
}

fn name(name: &str) -> Identifier {
    name.parse().unwrap()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn password() -> SecretString {
    "it's $ecret".to_owned().into()
}

fn new_login(default_database: Option<&str>) -> NewLogin {
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
    let instance = Instance::scripted(script.clone());
    instance.create_login(&new_login(None), OnExisting::Fail).await.unwrap();
    instance.create_login(&new_login(Some("Sales")), OnExisting::Fail).await.unwrap();
    let everything = LoginChange {
        name: Some(name("new")),
        password: Some(password()),
        default_database: Some(name("Sales")),
        enabled: Some(false),
    };
    instance.change_login(&name("old"), &everything).await.unwrap();
    instance.change_login(&name("old"), &LoginChange { enabled: Some(true), ..LoginChange::default() }).await.unwrap();
    let held = names(&["##MS_LoginManager##", "diskadmin"]);
    instance.set_server_roles(&name("u"), &held, &names(&["DiskAdmin ", "##MS_ServerStateReader##"])).await.unwrap();
    instance.drop_login(&name("u"), false).await.unwrap();
    insta::assert_snapshot!(script.sent());
    // Nothing differs: nothing is sent.
    instance.change_login(&name("old"), &LoginChange::default()).await.unwrap();
    instance.set_server_roles(&name("u"), &held, &held).await.unwrap();
    assert_eq!(script.sent(), "");
}

#[tokio::test(start_paused = true)]
async fn the_batches_of_a_forced_drop() {
    let script = Script::refusing(&[15434]);
    Instance::scripted(script.clone()).drop_login(&name("u'x"), true).await.unwrap();
    insta::assert_snapshot!(script.sent());
}

#[tokio::test(start_paused = true)]
async fn a_login_in_use_is_tried_five_times_and_never_disabled_without_force() {
    let script = Script::refusing(&[15434; 9]);
    let error = Instance::scripted(script.clone()).drop_login(&name("u"), false).await.unwrap_err();
    assert_eq!((error.number(), error.fault()), (Some(15434), Fault::Name));
    assert_eq!(script.sent(), "-- Changes in master\nDROP LOGIN [u];\n".repeat(5));
}

#[tokio::test]
async fn the_batches_of_users() {
    let script = Script::default();
    let database = Instance::scripted(script.clone()).database(&name("Sales"));
    let user = |default_schema| NewUser { name: name("u"), login: name("l"), default_schema };
    database.create_user(&user(None)).await.unwrap();
    database.create_user(&user(Some(name("dbo")))).await.unwrap();
    database.rename_user(&name("u"), &name("v")).await.unwrap();
    database.map_user(&name("u"), &name("l")).await.unwrap();
    database.set_default_schema(&name("u"), &name("s")).await.unwrap();
    database.set_roles(&name("u"), &names(&["db_owner"]), &names(&["db_datareader"])).await.unwrap();
    database.drop_user(&name("u"), None).await.unwrap();
    database.drop_user(&name("u'x"), Some(&name("dbo"))).await.unwrap();
    insta::assert_snapshot!(script.sent());
    database.set_roles(&name("u"), &names(&["DB_Owner"]), &names(&["db_owner"])).await.unwrap();
    database.change_permissions(&name("u"), &[]).await.unwrap();
    assert_eq!(script.sent(), "", "nothing differs, and nothing is sent");
}

#[tokio::test]
async fn the_batch_of_permissions() {
    let script = Script::default();
    let database = Instance::scripted(script.clone()).database(&name("Sales"));
    let permission = || "ALTER ANY EXTERNAL MIRROR".parse().unwrap();
    let changes = [
        Change::Revoke(permission()),
        Change::RevokeCascade(permission()),
        Change::RevokeGrantOption(permission()),
        Change::Grant(permission()),
        Change::GrantWithGrantOption(permission()),
        Change::Deny(permission()),
    ];
    database.change_permissions(&name("u"), &changes).await.unwrap();
    insta::assert_snapshot!(script.sent());
}

#[tokio::test]
async fn the_batches_that_read() {
    let script = Script::default();
    let instance = Instance::scripted(script.clone());
    let database = instance.database(&name("Sales"));
    // Without result sets every one of them is unreadable, and says so instead of taking it for an empty server.
    assert!(matches!(instance.logins().await, Err(Error::Decode { .. })));
    assert!(matches!(instance.server_facts().await, Err(Error::Decode { .. })));
    assert!(matches!(database.principals().await, Err(Error::Decode { .. })));
    assert!(matches!(database.source_tables().await, Err(Error::Decode { .. })));
    assert!(matches!(database.facts().await, Err(Error::Decode { .. })));
    let sent = script.sent();
    assert!(!sent.contains("-- Changes"), "{sent}");
    insta::assert_snapshot!(sent);
}

#[tokio::test]
async fn a_role_that_no_server_can_have_is_not_passed_over() {
    let database = Instance::scripted(Script::default()).database(&name("Sales"));
    let error = database.set_roles(&name("u"), &names(&[]), &names(&[&"r".repeat(129)])).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Role);
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
        let database = Instance::scripted(Script::refusing(&[number, number])).database(&name("Sales"));
        let new = NewUser { name: name("u"), login: name("l"), default_schema: None };
        let error = database.create_user(&new).await.unwrap_err();
        assert_eq!((error.number(), error.fault()), (Some(number), of_user));
        let changes = [Change::Grant("SELECT".parse().unwrap())];
        let error = database.change_permissions(&name("u"), &changes).await.unwrap_err();
        assert_eq!((error.number(), error.fault()), (Some(number), of_permission));
    }
}

#[test]
fn every_number_of_the_facts_has_words_of_its_own() {
    const ANY: &str = "The server refuses the change";
    for (numbers, fault, has_fix) in [
        (&[15025][..], Fault::Name, false),
        (&[15113, 15114, 15115, 15116, 15117, 15118, 15119, 15156], Fault::Password, true),
        (&[15433], Fault::Sid, false),
        (&[15434, 15138], Fault::Name, true),
        (&[15063], Fault::Login, true),
        (&[229, 262, 297, 300, 15247], Fault::Other, true),
        (&[4060], Fault::Database, true),
        (&[18456], Fault::Server, true),
    ] {
        for number in numbers {
            let error = refused(*number);
            assert_eq!((error.fault(), error.fix().is_some()), (fault, has_fix), "{number}");
            assert_ne!(error.summary(), ANY, "{number}");
            assert!(error.to_string().contains(&number.to_string()), "{number}");
        }
    }
    assert_eq!((refused(1).summary().as_str(), refused(1).fix()), (ANY, None));
}

#[test]
fn no_debug_shows_a_password() {
    let change = LoginChange { password: Some(password()), ..LoginChange::default() };
    let credentials = crate::Credentials::SqlLogin { username: "u".into(), password: password() };
    let shown = format!("{:?} {change:?} {credentials:?}", new_login(None));
    assert!(!shown.contains("$ecret"), "{shown}");
}
