//! Users of Entra without a login: the database that they name lets them in, and nothing else does.

use super::*;

fn token(instance: &Instance, token: &str, database: Option<&str>) -> Result<Box<dyn Session>, Vec<Message>> {
    instance.login(&LoginRequest {
        credentials: Credentials::Token(token.into()),
        database: database.map(str::to_owned),
        host_name: String::new(),
        application: String::new(),
        library: String::new(),
        transport: emulator_ground::engine::Transport::default(),
    })
}

fn enter(instance: &Instance, who: &str) -> Box<dyn Session> {
    token(instance, who, Some("sales")).map_err(|m| format!("{m:?}")).expect("the user gets in")
}

fn numbers(refused: Result<Box<dyn Session>, Vec<Message>>) -> Vec<i32> {
    refused.err().unwrap_or_default().iter().map(|message| message.number).collect()
}

#[test]
fn a_contained_user_enters_the_database_it_names_and_no_other() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    good(&mut *sales, "CREATE USER [bob@contoso.com] FROM EXTERNAL PROVIDER; GRANT SELECT TO [bob@contoso.com]");
    for (database, refused) in [
        (None, &[18456][..]),
        (Some(""), &[18456]),
        (Some("master"), &[18456]),
        (Some("Inventory"), &[18456]),
        (Some("Nothing"), &[18456]),
        (Some("SALES"), &[]),
    ] {
        assert_eq!(numbers(token(&instance, "bob", database)), refused, "{database:?}");
    }
    let messages = token(&instance, "bob", None).err().unwrap();
    assert_eq!((messages[0].state, &*messages[0].text), (1, "Login failed for user '<token-identified principal>'."));

    let mut bob = enter(&instance, "bob");
    assert_eq!((bob.login_name(), bob.database()), ("bob@contoso.com".to_owned(), "Sales".to_owned()));
    let cases = [
        (
            "SELECT USER_NAME(), SUSER_SNAME(), SUSER_NAME(), SYSTEM_USER, ORIGINAL_LOGIN()",
            "bob@contoso.com|bob@contoso.com|bob@contoso.com|bob@contoso.com|bob@contoso.com",
        ),
        ("SELECT SUSER_SID(), SUSER_ID()", "NULL|NULL"),
        ("SELECT COUNT(*) FROM dbo.Orders", "3"),
        ("SELECT COUNT(*) FROM sys.fn_my_permissions(NULL, 'SERVER')", "0"),
        ("SELECT permission_name FROM sys.fn_my_permissions(NULL, 'DATABASE') ORDER BY 1", "CONNECT;SELECT"),
        (
            "SELECT IS_SRVROLEMEMBER('sysadmin'), HAS_DBACCESS('Sales'), HAS_DBACCESS('Inventory'), HAS_DBACCESS('master')",
            "0|1|0|1",
        ),
        ("SELECT name FROM sys.databases ORDER BY database_id", "master;tempdb;Sales"),
        (
            "SELECT login_name, original_login_name, authenticating_database_id - DB_ID(), CAST(security_id AS uniqueidentifier) FROM sys.dm_exec_sessions",
            "bob@contoso.com|bob@contoso.com|0|00000000-0000-0000-0000-000000000001",
        ),
    ];
    for (text, rows) in cases {
        assert_eq!(answer(&mut *bob, text), rows, "{text}");
    }
    for (text, number) in [
        ("USE Inventory", 916),
        ("SELECT * FROM Inventory.dbo.Stock", 916),
        ("USE Nothing", 911),
        ("CREATE LOGIN x WITH PASSWORD = 'Str0ng!Passw0rd'", 15247),
        ("EXECUTE AS LOGIN = 'admin'", 15406),
        ("KILL 51", 6102),
        ("DELETE dbo.Orders", 229),
    ] {
        assert_eq!(refused(&mut *bob, text), number, "{text}");
    }
    let outcomes = run(&mut *bob, "USE Inventory");
    let names_bob = |o: &Outcome| matches!(o, Outcome::Message(m) if m.text.contains("\"bob@contoso.com\""));
    assert!(outcomes.iter().any(names_bob), "{outcomes:?}");
    // Where guest may connect, they are guest, and come back.
    good(&mut *bob, "USE master");
    assert_eq!(answer(&mut *bob, "SELECT USER_NAME()"), "guest");
    good(&mut *bob, "USE Sales");
    assert_eq!(answer(&mut *bob, "SELECT USER_NAME()"), "bob@contoso.com");
    bob.reset(false);
    assert_eq!(answer(&mut *bob, "SELECT DB_NAME() + USER_NAME()"), "Salesbob@contoso.com");

    // A user of the same SID elsewhere is another one.
    good(&mut *admin(&instance, "Inventory"), "CREATE USER [bob@contoso.com] FROM EXTERNAL PROVIDER");
    assert_eq!(refused(&mut *bob, "USE Inventory"), 916);
    assert_eq!(numbers(token(&instance, "bob", Some("Inventory"))), [0; 0]);
}

#[test]
fn connect_decides_and_is_lost_at_once() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    good(&mut *sales, "CREATE USER [bob@contoso.com] FROM EXTERNAL PROVIDER; GRANT SELECT TO [bob@contoso.com]");
    let mut bob = enter(&instance, "bob");
    for (change, numbers_then) in [
        ("REVOKE CONNECT FROM [bob@contoso.com]", &[4060, 18456][..]),
        ("GRANT CONNECT TO [bob@contoso.com]", &[]),
        ("DENY CONNECT TO [bob@contoso.com]", &[4060, 18456]),
        ("GRANT CONNECT TO [bob@contoso.com]", &[]),
        ("DROP USER [bob@contoso.com]", &[18456]),
    ] {
        good(&mut *sales, change);
        assert_eq!(numbers(token(&instance, "bob", Some("Sales"))), numbers_then, "{change}");
        let may_read = run(&mut *bob, "SELECT COUNT(*) FROM dbo.Orders");
        assert_eq!(errors(&may_read).is_empty(), numbers_then.is_empty(), "{change}: {may_read:?}");
    }
}

#[test]
fn a_group_lets_its_members_in_and_a_denial_of_one_keeps_them_out() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    good(&mut *sales, "CREATE USER [Data Team] FROM EXTERNAL PROVIDER; GRANT SELECT TO [Data Team]");
    assert_eq!(numbers(token(&instance, "bob", Some("Sales"))), [18456]);
    let mut ann = enter(&instance, "ann");
    assert_eq!(answer(&mut *ann, "SELECT USER_NAME(), SUSER_SNAME()"), "Data Team|ann@contoso.com");
    assert_eq!(answer(&mut *ann, "SELECT COUNT(*) FROM dbo.Orders"), "3");
    // One's own user comes first.
    good(&mut *sales, "CREATE USER [ann@contoso.com] FROM EXTERNAL PROVIDER");
    assert_eq!(answer(&mut *enter(&instance, "ann"), "SELECT USER_NAME()"), "ann@contoso.com");
    good(&mut *sales, "CREATE USER Auditors FROM EXTERNAL PROVIDER; DENY CONNECT TO Auditors");
    assert_eq!(numbers(token(&instance, "ann", Some("Sales"))), [4060, 18456]);
}

#[test]
fn a_login_comes_before_a_user_of_the_database() {
    let instance = instance();
    let (mut master, mut sales) = (admin(&instance, "master"), admin(&instance, "Sales"));
    good(&mut *sales, "CREATE USER [ann@contoso.com] FROM EXTERNAL PROVIDER");
    good(&mut *master, "CREATE LOGIN [ann@contoso.com] FROM EXTERNAL PROVIDER");
    let mut ann = token(&instance, "ann", None).map_err(|m| format!("{m:?}")).expect("a login needs no database");
    good(&mut *ann, "USE Sales");
    assert_eq!(answer(&mut *ann, "SELECT USER_NAME(), SUSER_ID() - SUSER_ID('ann@contoso.com')"), "ann@contoso.com|0");
    drop(ann);
    good(&mut *master, "ALTER LOGIN [ann@contoso.com] DISABLE");
    assert_eq!(numbers(token(&instance, "ann", Some("Sales"))), [18456]);
    good(&mut *master, "DROP LOGIN [ann@contoso.com]");
    assert_eq!(numbers(token(&instance, "ann", Some("Sales"))), [0; 0]);
    // So does that of a group, which has no user here.
    good(&mut *master, "CREATE LOGIN [Data Team] FROM EXTERNAL PROVIDER");
    assert_eq!(numbers(token(&instance, "ann", Some("Sales"))), [4060, 18456]);
    let mut ann = token(&instance, "ann", None).expect("the group has a login");
    let who = "SELECT SUSER_SNAME(), ORIGINAL_LOGIN(), (SELECT login_name FROM sys.dm_exec_sessions WHERE session_id = @@SPID)";
    assert_eq!(answer(&mut *ann, who), "ann@contoso.com|ann@contoso.com|ann@contoso.com");
    assert_eq!(numbers(token(&instance, "ann", None)), [0; 0]);
    // A DENY of a group keeps its members out, with a login of their own as well.
    good(&mut *master, "CREATE LOGIN [ann@contoso.com] FROM EXTERNAL PROVIDER");
    assert_eq!(numbers(token(&instance, "ann", Some("Sales"))), [0; 0]);
    good(&mut *master, "DENY CONNECT SQL TO [Data Team]");
    assert_eq!(numbers(token(&instance, "ann", Some("Sales"))), [18456]);
}

#[test]
fn an_application_is_known_to_the_source_as_it_is_to_clients() {
    let instance = instance();
    let client = Uuid::from_u128(6);
    let numbers = |database| {
        let refused = instance.check_application(client, database).err().unwrap_or_default();
        refused.iter().map(|message| message.number).collect::<Vec<_>>()
    };
    assert_eq!(numbers("Sales"), [18456]);
    assert_eq!(instance.rights(Reader::Application(client), "Sales"), emulator_ground::source::Rights::default());
    good(&mut *admin(&instance, "Sales"), "CREATE USER reader FROM EXTERNAL PROVIDER; GRANT SELECT TO reader");
    assert_eq!((numbers("Sales"), numbers("Inventory")), (vec![], vec![18456]));
    let rights = instance.rights(Reader::Application(client), "Sales");
    assert_eq!((rights.login_exists, rights.user.as_deref()), (false, Some("reader")));
    assert_eq!((rights.server_roles, rights.granted), (Vec::new(), vec!["CONNECT".to_owned(), "SELECT".to_owned()]));
    let mut master = admin(&instance, "master");
    good(&mut *master, "CREATE LOGIN reader FROM EXTERNAL PROVIDER");
    assert!(instance.rights(Reader::Application(client), "Sales").login_exists);
    good(&mut *master, "ALTER LOGIN reader DISABLE");
    assert_eq!(numbers("Sales"), [18456]);
}
