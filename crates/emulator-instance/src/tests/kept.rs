//! What `--data` keeps of an instance: everything but sessions and what they have not committed.

use std::time::Duration;

use super::*;
use emulator_ground::source::{FeedError, FeedScan, FeedTask};

const KINDS: &str = include_str!("../../../emulator/scenarios/one-table-of-each-kind.json");

/// As another process would have it.
fn kept(instance: &Instance) -> Arc<Instance> {
    let text = Source::write_down(instance).unwrap()().unwrap();
    let other = self::instance();
    Source::read_back(&*other, &text).unwrap();
    // Nothing was left out or changed on the way; SQLite's image, the last of the text, counts its own changes.
    let again = Source::write_down(&*other).unwrap()().unwrap();
    let without_rows = |text: &str| text.split_once("\"rows\":").unwrap().0.to_owned();
    assert!(without_rows(&again) == without_rows(&text));
    let all = |of: &Instance| {
        let shared = of.lock();
        format!("{:?} {:?}", shared.committed, shared.feeds)
    };
    assert!(all(&other) == all(instance));
    assert_eq!(other.lock().next_transaction, instance.lock().next_transaction);
    other
}

#[test]
fn an_instance_goes_on_where_another_ended() {
    let instance = tutorial();
    let mut master = admin(&instance, "master");
    good(
        &mut *master,
        "CREATE LOGIN [bob@contoso.com] FROM EXTERNAL PROVIDER
         CREATE LOGIN fresh WITH PASSWORD = 'Str0ng!Passw0rd3' MUST_CHANGE, CHECK_EXPIRATION = ON, CHECK_POLICY = ON
         CREATE LOGIN closed WITH PASSWORD = 'Str0ng!Passw0rd4', DEFAULT_DATABASE = Sales
         ALTER LOGIN closed DISABLE
         CREATE SERVER ROLE watchers
         ALTER SERVER ROLE watchers ADD MEMBER [bob@contoso.com]
         DENY VIEW SERVER STATE TO closed
         GRANT CONTROL ON LOGIN::closed TO fresh WITH GRANT OPTION",
    );
    let mut sales = admin(&instance, "Sales");
    for text in [
        "CREATE SCHEMA reports",
        "CREATE ROLE readers",
        "ALTER ROLE readers ADD MEMBER fabric_user; ALTER ROLE db_datareader ADD MEMBER readers",
        "GRANT SELECT (Id, Customer) ON dbo.Orders TO readers WITH GRANT OPTION; DENY INSERT ON SCHEMA::reports TO readers",
        "CREATE TABLE dbo.Lines (Id int PRIMARY KEY, OrderId int NOT NULL CONSTRAINT FK_Order REFERENCES dbo.Orders (Id) ON DELETE CASCADE,
            Price float CONSTRAINT DF_Price DEFAULT 0.1e0, Twice AS Price * 2 PERSISTED, Code varchar(10) COLLATE Latin1_General_BIN2, V rowversion,
            CONSTRAINT CK_Price CHECK (Price > -1 AND Code IN ('a', 'b') OR Code LIKE 'x%'))",
        "CREATE UNIQUE INDEX IX ON dbo.Lines (Code DESC) INCLUDE (Price) WHERE Code IS NOT NULL",
        "INSERT INTO dbo.Lines (Id, OrderId, Price, Code) VALUES (1, 1, 0.30000000000000004, 'a'), (2, 2, DEFAULT, 'x1')",
        "CREATE VIEW reports.Totals AS WITH T AS (SELECT Customer, Total FROM dbo.Orders) SELECT TOP 5 Customer, SUM(Total) AS Total,
            CASE WHEN MAX(Total) > 2 THEN 'much' ELSE CONVERT(varchar(10), COUNT(*)) END AS Amount FROM T GROUP BY Customer ORDER BY Customer",
        "EXEC sp_addextendedproperty 'Ratio', 12345678901234567890.25, 'SCHEMA', 'dbo', 'TABLE', 'Orders', 'COLUMN', 'Customer'",
        "ADD SENSITIVITY CLASSIFICATION TO dbo.Orders.Customer WITH (LABEL = 'Secret', RANK = HIGH)",
        "CREATE TABLE reports.Masked (Id int, Pin int MASKED WITH (FUNCTION = 'default()') NULL)",
        "BEGIN TRAN; UPDATE dbo.Orders SET Total = Total + 1 WHERE Id = 2; COMMIT",
    ] {
        good(&mut *sales, text);
    }
    instance.set_change_feed("Sales", true);
    let error =
        FeedError { table: Some(7), task: FeedTask::Publish, number: Some(22739), message: "no identity".to_owned() };
    instance.record_scan("Sales", Duration::ZERO, &FeedScan { changes: 2, errors: vec![error] });

    let other = kept(&instance);
    assert_eq!(Source::state(&*other), Source::state(&*instance));
    assert!(other.change_feed("Sales") && !other.change_feed("Inventory"));
    let (mut here, mut there) = (admin(&instance, "Sales"), admin(&other, "Sales"));
    for query in [
        "SELECT * FROM dbo.Orders ORDER BY Id",
        "SELECT * FROM dbo.Lines ORDER BY Id",
        "SELECT * FROM reports.Totals",
        "SELECT * FROM sys.server_principals ORDER BY principal_id",
        "SELECT * FROM sys.sql_logins ORDER BY principal_id",
        "SELECT * FROM sys.server_permissions ORDER BY grantee_principal_id, permission_name",
        "SELECT * FROM sys.database_permissions ORDER BY grantee_principal_id, permission_name, minor_id",
        "SELECT name, value FROM sys.extended_properties ORDER BY name",
        "SELECT * FROM sys.sensitivity_classifications",
        "SELECT * FROM sys.dm_change_feed_log_scan_sessions",
        "SELECT * FROM sys.dm_change_feed_errors",
    ] {
        let rows = answer(&mut *here, query);
        assert!(!rows.is_empty(), "{query}");
        assert_eq!(answer(&mut *there, query), rows, "{query}");
    }
    // Passwords log in as before, or as little; defaults, checks, keys, collations and counters work on.
    assert!(other.check_login("fabric_login", "Str0ng!Passw0rd2", "Sales").is_ok());
    let number = |user, password| other.check_login(user, password, "master").unwrap_err()[0].number;
    assert_eq!((number("fresh", "Str0ng!Passw0rd3"), number("closed", "Str0ng!Passw0rd4")), (18488, 18456));
    let cases = [
        ("INSERT INTO dbo.Lines (Id, OrderId, Code) VALUES (3, 1, 'c')", 547),
        ("INSERT INTO dbo.Lines (Id, OrderId, Code) VALUES (3, 9, 'b')", 547),
        ("INSERT INTO dbo.Lines (Id, OrderId, Code) VALUES (3, 1, 'a')", 2601),
        ("INSERT INTO dbo.Lines (Id, OrderId, Code) VALUES (3, 1, 'b')", 0),
        ("INSERT INTO dbo.Orders (Customer) VALUES (N'Dan')", 0),
    ];
    for (text, number) in cases {
        assert_eq!((refused(&mut *there, text), refused(&mut *here, text)), (number, number), "{text}");
    }
    let rows = "SELECT Id, Price, Twice, V FROM dbo.Lines WHERE Id = 3; SELECT MAX(Id) FROM dbo.Orders WHERE Customer = N'DAN'";
    assert_eq!(answer(&mut *there, rows), answer(&mut *here, rows));
    // A new table's id is the one it would have had, and so is a new login's SID.
    for instance in [&instance, &other] {
        good(&mut *admin(instance, "Sales"), "CREATE TABLE dbo.Next (Id int)");
        good(&mut *admin(instance, "master"), "CREATE LOGIN next WITH PASSWORD = 'Str0ng!Passw0rd5'");
    }
    let ids = "SELECT OBJECT_ID('dbo.Next'), SUSER_SID('next')";
    assert_eq!(answer(&mut *there, ids), answer(&mut *here, ids));
}

#[test]
fn every_kind_of_table_is_kept() {
    let scenario: serde_json::Value = serde_json::from_str(KINDS).unwrap();
    let lines = scenario["instance"]["databases"][0]["script"].as_array().unwrap();
    let script: Vec<&str> = lines.iter().map(|line| line.as_str().unwrap()).collect();
    let instance = instance();
    let mut session = admin(&instance, "Inventory");
    for batch in script.join("\n").split("\nGO\n") {
        good(&mut *session, batch);
    }
    good(&mut *session, "INSERT INTO dbo.T02_Temporal (Id) VALUES (1); UPDATE dbo.T02_Temporal SET Id = 2");
    good(&mut *session, "INSERT INTO dbo.T03_Ledger (Id, Amount) VALUES (1, 5); UPDATE dbo.T03_Ledger SET Amount = 6");
    let other = kept(&instance);
    assert_eq!(other.tables("Inventory"), instance.tables("Inventory"));
    let mut there = admin(&other, "Inventory");
    for text in ["UPDATE dbo.T02_Temporal SET Id = 3", "UPDATE dbo.T03_Ledger SET Amount = 7"] {
        good(&mut *session, text);
        good(&mut *there, text);
    }
    let counts = "SELECT COUNT(*) FROM dbo.T02_TemporalHistory; SELECT COUNT(*) FROM dbo.T03_LedgerHistory";
    assert_eq!(answer(&mut *there, counts), answer(&mut *session, counts));
}

#[test]
fn the_deepest_condition_is_kept() {
    let instance = instance();
    let chain = vec!["Id"; 400].join(" + ");
    let nested = format!("{}Id{}", "ABS(".repeat(60), ")".repeat(60));
    let mut session = admin(&instance, "Inventory");
    good(&mut *session, &format!("CREATE TABLE dbo.Deep (Id int, CHECK ({chain} < 4000), CHECK ({nested} < 10))"));
    let other = kept(&instance);
    let mut session = admin(&other, "Inventory");
    assert_eq!(refused(&mut *session, "INSERT INTO dbo.Deep VALUES (10)"), 547);
    good(&mut *session, "INSERT INTO dbo.Deep VALUES (9)");
}

#[test]
fn the_text_stays_the_same_until_something_changes() {
    let instance = instance();
    let text = |instance: &Instance| Source::write_down(instance).unwrap()().unwrap();
    let first = text(&instance);
    good(&mut *admin(&instance, "Sales"), "SELECT * FROM dbo.Orders; SELECT * FROM sys.tables");
    assert!(Arc::ptr_eq(&first, &text(&instance)));
    let changes: [&dyn Fn(); 4] = [
        &|| good(&mut *admin(&instance, "Sales"), "UPDATE dbo.Orders SET Note = N'x' WHERE Id = 1"),
        &|| instance.set_change_feed("Sales", true),
        &|| instance.record_scan("Sales", Duration::ZERO, &FeedScan::default()),
        &|| instance.reset(),
    ];
    for change in changes {
        let before = text(&instance);
        change();
        assert!(before != text(&instance));
    }
}

#[test]
fn what_is_not_committed_is_not_kept() {
    let instance = instance();
    let mut session = admin(&instance, "Sales");
    good(&mut *session, "BEGIN TRAN; DELETE FROM dbo.Orders; DROP TABLE dbo.Orders");
    assert!(Source::write_down(&*instance).err().unwrap().contains("transaction open"));
    instance.end_sessions();
    assert!(session.killed());
    let other = kept(&instance);
    assert_eq!(answer(&mut *admin(&other, "Sales"), "SELECT COUNT(*) FROM dbo.Orders"), "3");
    // The session that had it can do no more harm.
    drop(session);
    assert_eq!(answer(&mut *admin(&instance, "Sales"), "SELECT COUNT(*) FROM dbo.Orders"), "3");
}

#[test]
fn an_instance_without_tables_is_kept() {
    let instance = instance();
    good(&mut *admin(&instance, "Sales"), "DROP TABLE dbo.Orders");
    good(&mut *admin(&instance, "Inventory"), "DROP TABLE dbo.Stock");
    good(
        &mut *admin(&kept(&instance), "Inventory"),
        "CREATE TABLE dbo.Stock (Id int); INSERT INTO dbo.Stock VALUES (1)",
    );
    assert!(Source::read_back(&*instance, "{}").is_err());
}
