//! What a session does besides running one batch to its end: waiting, being cancelled or ended, procedures, transactions.

use std::time::{Duration, Instant};

use super::*;
use emulator_ground::engine::{Isolation, Parameter, Statement};
use emulator_ground::value::SqlType;

fn ask(session: &mut dyn Session, request: Request) -> Vec<Outcome> {
    let mut all = Vec::new();
    session.execute(request, &Cancel::default(), &mut |o| all.push(o));
    all
}

/// Runs `text` on a thread of its own, calls `then` once it is under way, and returns its outcomes and how long it took.
fn meanwhile(session: &mut dyn Session, text: &str, then: impl FnOnce(&Cancel)) -> (Vec<Outcome>, Duration) {
    let (cancel, started) = (Cancel::default(), Instant::now());
    let mut all = Vec::new();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| {
            let request = Request::Text { text: text.into(), parameters: Vec::new() };
            session.execute(request, &cancel, &mut |o| all.push(o));
        });
        std::thread::sleep(Duration::from_millis(50));
        assert!(!running.is_finished(), "{text} waits");
        then(&cancel);
        running.join().expect("no panic");
    });
    (all, started.elapsed())
}

#[test]
fn kill_ends_another_session_and_its_transaction() {
    let instance = instance();
    let mut victim = admin(&instance, "Sales");
    let mut other = admin(&instance, "master");
    good(&mut *victim, "BEGIN TRAN UPDATE dbo.Orders SET Customer = 'gone'");
    let id = victim.id();
    let (outcomes, took) = meanwhile(&mut *victim, "WAITFOR DELAY '00:01:00'", |_| {
        good(&mut *other, &format!("KILL {id}"));
    });
    assert!(took < Duration::from_secs(10));
    assert!(victim.killed(), "{outcomes:?}");
    assert_eq!(errors(&run(&mut *victim, "SELECT 1")), [(596, 21, 1)]);
    drop(victim);
    assert_eq!(answer(&mut *other, "SELECT COUNT(*) FROM Sales.dbo.Orders WHERE Customer = 'gone'"), "0");
    assert_eq!(refused(&mut *other, &format!("KILL {id}")), 6106);
    let own = other.id();
    assert_eq!(refused(&mut *other, &format!("KILL {own}")), 6104);
    assert_eq!(refused(&mut *other, "KILL 0"), 6101);
}

#[test]
fn what_waits_can_be_cancelled() {
    let instance = instance();
    let mut owner = admin(&instance, "Sales");
    good(&mut *owner, "BEGIN TRAN INSERT INTO dbo.Orders (Customer) VALUES ('new')");
    for text in [
        "WAITFOR DELAY '00:01:00' SELECT 1",
        "SELECT COUNT(*) FROM dbo.Orders",
        "CREATE TABLE waits (a int)",
        "WHILE 1 = 1 SET NOCOUNT ON",
    ] {
        let mut session = admin(&instance, "Sales");
        let (outcomes, took) = meanwhile(&mut *session, text, Cancel::set);
        assert!(took < Duration::from_secs(5), "{text}");
        assert!(!outcomes.iter().any(|o| matches!(o, Outcome::Rows { .. })), "{text}: {outcomes:?}");
        assert_eq!(errors(&outcomes), [(0, 11, 0)], "{text}");
        // The session is as good as before.
        assert_eq!(answer(&mut *session, "SELECT @@TRANCOUNT"), "0", "{text}");
    }
    // Who waits gets what it waited for.
    let mut reader = admin(&instance, "Sales");
    let (outcomes, _) = meanwhile(&mut *reader, "SELECT COUNT(*) FROM dbo.Orders", |_| good(&mut *owner, "COMMIT"));
    assert!(outcomes.iter().any(|o| matches!(o, Outcome::Rows { rows, .. } if rows[0][0] == Value::Int(4))));
}

#[test]
fn procedures_are_called_by_name() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    let mut call =
        |name: &str, parameters: Vec<Parameter>| ask(&mut *sales, Request::Procedure { name: name.into(), parameters });
    let status = |outcomes: &[Outcome]| {
        outcomes.iter().find_map(|o| if let Outcome::ReturnStatus(status) = o { Some(*status) } else { None })
    };
    let missing = call("dbo.nothing", Vec::new());
    assert_eq!(errors(&missing), [(2812, 16, 62)]);
    let off = call("sys.sp_help_change_feed", Vec::new());
    assert_eq!((errors(&off), status(&off)), (vec![(22706, 16, 1)], Some(1)));
    let name = |name: &str, text: &str| Parameter {
        name: name.into(),
        sql_type: SqlType::NVarChar(Some(128)),
        value: Value::Text(text.into()),
        output: false,
    };
    instance.set_change_feed("Sales", true);
    let table =
        call("sys.sp_help_change_feed_table", vec![name("@source_schema", "dbo"), name("@source_name", "Orders")]);
    assert_eq!((errors(&table), status(&table)), (vec![], Some(0)));
    let unknown = call("sys.sp_help_change_feed_table", vec![name("@source_schema", "dbo"), name("@source_name", "x")]);
    assert_eq!(errors(&unknown), [(22769, 16, 1)]);
    let wrong = call("sys.sp_help_change_feed_table", vec![name("@table", "x")]);
    assert_eq!(errors(&wrong), [(8145, 16, 1)]);
}

#[test]
fn the_change_feed_is_described_as_the_server_describes_it() {
    let instance = tutorial();
    let mut sales = admin(&instance, "Sales");
    let help = run(&mut *sales, "EXEC sys.sp_help_change_feed");
    // 22706 and a result set come together.
    assert_eq!(errors(&help), [(22706, 16, 1)]);
    let columns = |outcomes: &[Outcome]| -> Vec<String> {
        outcomes
            .iter()
            .find_map(|o| if let Outcome::Rows { columns, .. } = o { Some(columns) } else { None })
            .map(|columns| columns.iter().map(|c| c.name.clone()).collect())
            .unwrap_or_default()
    };
    assert_eq!(
        columns(&help).join(" "),
        "table_group_id table_group_name destination_location destination_credential destination_type workspace_id synapse_workgroup_name enabled max_message_size_bytes partition_scheme schema_name table_name table_id table_object_id state version enable_lsn disable_lsn snapshot_phase snapshot_current_phase_time snapshot_retry_count snapshot_start_time snapshot_end_time snapshot_row_count"
    );
    for name in ["sp_help_change_feed_table", "sp_help_change_feed_table_groups", "sp_help_change_feed_settings"] {
        let outcomes = run(&mut *sales, &format!("EXEC sys.{name}"));
        assert_eq!((errors(&outcomes), columns(&outcomes)), (vec![(22706, 16, 1)], vec![]), "{name}");
    }
    instance.set_change_feed("Sales", true);
    assert_eq!(refused(&mut *sales, "EXEC sys.sp_help_change_feed_table"), 22770);
    assert_eq!(refused(&mut *sales, "EXEC sys.sp_help_change_feed_table @source_schema = 'dbo'"), 22770);
    assert_eq!(
        refused(&mut *sales, "EXEC sys.sp_help_change_feed_table @source_schema = 'dbo', @source_name = 'x'"),
        22769
    );
    let table = run(&mut *sales, "EXEC sp_help_change_feed_table @source_schema = N'dbo', @source_name = N'orders'");
    assert_eq!(columns(&table).last().map(String::as_str), Some("snapshot_row_count"));
    assert_eq!(
        columns(&run(&mut *sales, "EXEC sys.sp_help_change_feed_settings")).join(" "),
        "maxtrans seqno schema_version pollinterval reseed_state"
    );
    assert_eq!(
        answer(
            &mut *sales,
            "SELECT is_change_feed_enabled, is_data_lake_replication_enabled, log_reuse_wait_desc FROM sys.databases WHERE name = 'Sales'"
        ),
        "1|1|REPLICATION"
    );
    // The principal that may mirror may not look.
    let mut fabric = login(&instance, "fabric_login", "Str0ng!Passw0rd2", "Sales").map_err(|_| ()).expect("logs in");
    assert_eq!(refused(&mut *fabric, "EXEC sys.sp_help_change_feed"), 22702);
    assert_eq!(refused(&mut *fabric, "EXEC sys.sp_change_feed_disable_db"), 22702);
    assert!(instance.change_feed("Sales"));
    assert_eq!(refused(&mut *sales, "EXEC sys.sp_change_feed_disable_db 'x'"), 8144);
    good(&mut *sales, "EXEC sys.sp_change_feed_disable_db");
    assert!(!instance.change_feed("Sales"));
    assert_eq!(refused(&mut *sales, "EXEC sys.sp_change_feed_disable_db"), 22706);
}

#[test]
fn transaction_manager_requests_are_transactions() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    let begin = |isolation| Request::Begin { isolation, name: String::new() };
    let insert = "INSERT INTO dbo.Orders (Customer) VALUES ('new')";
    let count = "SELECT COUNT(*), @@TRANCOUNT FROM dbo.Orders";
    let began = ask(&mut *sales, begin(Some(Isolation::ReadCommitted)));
    let [Outcome::TransactionBegan(first), Outcome::Done { statement: Statement::Begin, failed: false, .. }] =
        began[..]
    else {
        panic!("{began:?}")
    };
    good(&mut *sales, insert);
    let saved = ask(&mut *sales, Request::Save { name: "s".into() });
    assert!(matches!(saved[..], [Outcome::Done { failed: false, .. }]), "{saved:?}");
    good(&mut *sales, insert);
    assert_eq!(answer(&mut *sales, count), "5|1");
    let back = ask(&mut *sales, Request::Rollback { name: "s".into(), then_begin: false });
    assert!(matches!(back[..], [Outcome::Done { failed: false, .. }]), "{back:?}");
    assert_eq!(answer(&mut *sales, count), "4|1");
    let committed = ask(&mut *sales, Request::Commit { then_begin: true });
    let [Outcome::TransactionCommitted(ended), Outcome::TransactionBegan(second), Outcome::Done { .. }] = committed[..]
    else {
        panic!("{committed:?}")
    };
    assert_eq!(ended, first);
    assert_ne!(second, first);
    good(&mut *sales, insert);
    let rolled = ask(&mut *sales, Request::Rollback { name: String::new(), then_begin: false });
    assert!(
        matches!(rolled[..], [Outcome::TransactionRolledBack(id), Outcome::Done { .. }] if id == second),
        "{rolled:?}"
    );
    assert_eq!(answer(&mut *sales, count), "4|0");
    assert_eq!(errors(&ask(&mut *sales, Request::Commit { then_begin: false })), [(3902, 16, 1)]);
    assert_eq!(
        errors(&ask(&mut *sales, Request::Rollback { name: String::new(), then_begin: false })),
        [(3903, 16, 1)]
    );
    assert_eq!(errors(&ask(&mut *sales, Request::Save { name: "s".into() })), [(628, 16, 0)]);
    assert_eq!(errors(&ask(&mut *sales, begin(Some(Isolation::Snapshot)))), [(50900, 16, 1)]);
    ask(&mut *sales, begin(None));
    assert_eq!(
        errors(&ask(&mut *sales, Request::Rollback { name: "nothing".into(), then_begin: false })),
        [(6401, 16, 1)]
    );
    assert_eq!(answer(&mut *sales, "SELECT @@TRANCOUNT"), "1");
    // A session that ends takes its transaction with it.
    good(&mut *sales, insert);
    drop(sales);
    assert_eq!(answer(&mut *admin(&instance, "Sales"), count), "4|0");
}

#[test]
fn output_parameters_come_back() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    for (text, rows) in [
        (
            "DECLARE @n int EXEC sp_executesql N'SELECT @c = COUNT(*) FROM dbo.Orders', N'@c int OUTPUT', @c = @n OUTPUT SELECT @n",
            "3",
        ),
        ("DECLARE @n int = 7 EXEC sp_executesql N'SET @c = 1', N'@c int OUTPUT', @n SELECT @n", "7"),
        (
            "DECLARE @n nvarchar(10) EXEC sp_executesql N'SET @a = @b + N''!''', N'@a nvarchar(10) OUT, @b nvarchar(10)', @n OUT, N'x' SELECT @n",
            "x!",
        ),
        ("DECLARE @s int EXEC @s = sp_executesql N'SELECT 1 WHERE 1 = 0' SELECT @s", "0"),
    ] {
        assert_eq!(answer(&mut *sales, text), rows, "{text}");
    }
    for (text, number) in [
        ("EXEC sp_executesql N'SELECT @p', N'@p int'", 8178),
        ("EXEC sp_executesql N'SELECT @p', N'@p int', @q = 1", 8145),
        ("EXEC sp_executesql N'SELECT @p', N'@p int', 1, 2", 8144),
        ("EXEC sp_executesql N'SELECT 1', N'@p', 1", 102),
        ("EXEC sp_executesql", 201),
    ] {
        assert_eq!(refused(&mut *sales, text), number, "{text}");
    }
    let parameter =
        |name: &str, output| Parameter { name: name.into(), sql_type: SqlType::Int, value: Value::Int(4), output };
    let text = "SET @out = @in + 1".to_owned();
    let outcomes =
        ask(&mut *sales, Request::Text { text, parameters: vec![parameter("@in", false), parameter("@out", true)] });
    let back = outcomes.iter().find_map(|o| {
        if let Outcome::OutputParameter { name, value, .. } = o { Some((name.as_str(), value)) } else { None }
    });
    assert_eq!(back, Some(("@out", &Value::Int(5))));
}

#[test]
fn xact_abort_takes_the_transaction_with_the_statement() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    let count = "SELECT COUNT(*), @@TRANCOUNT FROM dbo.Orders";
    let wrong = "BEGIN TRAN INSERT INTO dbo.Orders (Customer) VALUES ('a') INSERT INTO dbo.Orders (Customer) VALUES (NULL) INSERT INTO dbo.Orders (Customer) VALUES ('b')";
    assert_eq!(refused(&mut *sales, wrong), 515);
    assert_eq!(answer(&mut *sales, count), "5|1");
    good(&mut *sales, "ROLLBACK SET XACT_ABORT ON");
    assert_eq!(refused(&mut *sales, wrong), 515);
    assert_eq!(answer(&mut *sales, count), "3|0");
    // RAISERROR does not count.
    assert_eq!(
        refused(&mut *sales, "BEGIN TRAN INSERT INTO dbo.Orders (Customer) VALUES ('a') RAISERROR('x', 16, 1)"),
        50000
    );
    assert_eq!(answer(&mut *sales, count), "4|1");
    good(&mut *sales, "ROLLBACK");
    // Within TRY the transaction stays, to be rolled back only.
    let doomed = "BEGIN TRY BEGIN TRAN INSERT INTO dbo.Orders (Customer) VALUES (NULL) END TRY BEGIN CATCH SELECT XACT_STATE(), ERROR_NUMBER()";
    assert_eq!(answer(&mut *sales, &format!("{doomed} ROLLBACK SELECT XACT_STATE() END CATCH")), "-1|515;0");
    assert_eq!(refused(&mut *sales, &format!("{doomed} COMMIT END CATCH")), 3930);
    assert_eq!(
        refused(&mut *sales, &format!("{doomed} INSERT INTO dbo.Orders (Customer) VALUES ('a') END CATCH")),
        3930
    );
    // What is left at the end of the batch is rolled back, with an error.
    assert_eq!(refused(&mut *sales, &format!("{doomed} END CATCH")), 3998);
    assert_eq!(answer(&mut *sales, count), "3|0");
}

#[test]
fn implicit_transactions_begin_by_themselves() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    good(&mut *sales, "SET IMPLICIT_TRANSACTIONS ON");
    for (text, open) in [
        ("SELECT 1", "0"),
        ("DECLARE @x int SET @x = 1", "0"),
        ("SELECT COUNT(*) FROM dbo.Orders", "1"),
        ("INSERT INTO dbo.Orders (Customer) VALUES ('x')", "1"),
        ("CREATE TABLE t (a int)", "1"),
        ("CREATE USER u WITHOUT LOGIN", "1"),
        ("DROP TABLE IF EXISTS t", "1"),
        ("GRANT SELECT TO public", "1"),
        ("BEGIN TRAN", "2"),
        ("PRINT 'x'", "0"),
    ] {
        good(&mut *sales, text);
        assert_eq!(answer(&mut *sales, "SELECT @@TRANCOUNT"), open, "{text}");
        good(&mut *sales, "IF @@TRANCOUNT > 0 ROLLBACK");
    }
    assert_eq!(answer(&mut *sales, "SELECT COUNT(*) FROM dbo.Orders ROLLBACK"), "3");
    good(&mut *sales, "INSERT INTO dbo.Orders (Customer) VALUES ('x') COMMIT");
    assert_eq!(
        answer(
            &mut *sales,
            "SELECT COUNT(*) FROM dbo.Orders COMMIT SET IMPLICIT_TRANSACTIONS OFF SELECT COUNT(*), @@TRANCOUNT FROM dbo.Orders"
        ),
        "4;4|0"
    );
}

#[test]
fn tables_and_views_change_shape() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    for (text, number) in [
        ("ALTER TABLE dbo.Orders ADD Region nvarchar(10) NULL, Code AS Id * 2", 0),
        ("ALTER TABLE dbo.Orders ADD Region nvarchar(10) NULL", 2705),
        ("ALTER TABLE dbo.Orders ADD Rank int NOT NULL", 4901),
        ("ALTER TABLE dbo.Orders ADD Rank int NOT NULL CONSTRAINT df DEFAULT 7", 0),
        ("ALTER TABLE dbo.Orders ADD CONSTRAINT uq UNIQUE (Customer)", 0),
        ("INSERT INTO dbo.Orders (Customer) VALUES ('ann')", 2627),
        ("ALTER TABLE dbo.Orders ADD CONSTRAINT pk PRIMARY KEY (Customer)", 1779),
        ("ALTER TABLE dbo.Orders DROP COLUMN Customer", 4922),
        ("ALTER TABLE dbo.Orders DROP CONSTRAINT uq", 0),
        ("ALTER TABLE dbo.Orders DROP CONSTRAINT uq", 3728),
        ("ALTER TABLE dbo.Orders DROP COLUMN nothing", 4924),
        ("ALTER TABLE dbo.nothing ADD a int", 4902),
        ("ALTER TABLE dbo.Orders ALTER COLUMN Region nvarchar(20) NULL", 0),
        ("CREATE VIEW dbo.Names (n, r) AS SELECT Customer, Rank FROM dbo.Orders", 0),
        ("CREATE VIEW dbo.Names AS SELECT 1 AS a", 2714),
        ("CREATE VIEW dbo.Bad AS SELECT 1", 4511),
        ("CREATE VIEW dbo.Bad AS SELECT * FROM dbo.nothing", 208),
        ("SELECT 1 CREATE VIEW dbo.Bad AS SELECT 1 AS a", 111),
        ("DROP TABLE dbo.Names", 3705),
        ("DROP VIEW dbo.nothing", 3701),
        ("DROP VIEW IF EXISTS dbo.nothing", 0),
    ] {
        assert_eq!(refused(&mut *sales, text), number, "{text}");
    }
    assert_eq!(answer(&mut *sales, "SELECT n, r FROM Names WHERE n < 'C' ORDER BY n"), "Ann|7;Bob|7");
    assert_eq!(answer(&mut *sales, "SELECT Code FROM dbo.Orders ORDER BY Id"), "2;4;6");
    // Whoever owns both view and table opens the table through the view.
    good(
        &mut *sales,
        "CREATE USER reader WITHOUT LOGIN GRANT SELECT ON dbo.Names TO reader EXECUTE AS USER = 'reader'",
    );
    assert_eq!(answer(&mut *sales, "SELECT COUNT(*) FROM dbo.Names"), "3");
    assert_eq!(refused(&mut *sales, "SELECT COUNT(*) FROM dbo.Orders"), 229);
    good(&mut *sales, "REVERT");
    good(&mut *sales, "ALTER VIEW dbo.Names AS SELECT Customer AS n FROM dbo.Orders WHERE Id = 2");
    assert_eq!(answer(&mut *sales, "SELECT n FROM dbo.Names"), "Bob");
    good(&mut *sales, "CREATE OR ALTER VIEW dbo.Names AS SELECT Customer AS n FROM dbo.Orders WHERE Id = 3");
    good(&mut *sales, "EXECUTE AS USER = 'reader'");
    assert_eq!(answer(&mut *sales, "SELECT n FROM dbo.Names"), "Cid");
}

#[test]
fn owners_change_under_the_documented_rules() {
    let instance = tutorial();
    let mut sales = admin(&instance, "Sales");
    let mut fabric = login(&instance, "fabric_login", "Str0ng!Passw0rd2", "Sales").map_err(|_| ()).expect("logs in");
    good(&mut *sales, "CREATE SCHEMA s CREATE ROLE r".replace(" CREATE ROLE", ";CREATE ROLE").as_str());
    for (text, number) in [
        ("ALTER AUTHORIZATION ON SCHEMA::s TO fabric_user", 0),
        ("ALTER AUTHORIZATION ON SCHEMA::s TO nobody", 15151),
        ("ALTER AUTHORIZATION ON SCHEMA::nothing TO dbo", 15151),
        ("ALTER AUTHORIZATION ON SCHEMA::sys TO fabric_user", 15150),
        ("ALTER AUTHORIZATION ON ROLE::r TO fabric_user", 0),
        ("ALTER AUTHORIZATION ON ROLE::db_owner TO fabric_user", 15151),
        ("ALTER AUTHORIZATION ON DATABASE::Sales TO fabric_login", 15110),
        ("ALTER AUTHORIZATION ON DATABASE::Inventory TO fabric_login", 0),
        ("ALTER AUTHORIZATION ON DATABASE::nothing TO fabric_login", 15151),
        ("DROP USER fabric_user", 15138),
        ("ALTER AUTHORIZATION ON SCHEMA::s TO dbo", 0),
        ("DROP USER fabric_user", 15421),
        ("ALTER AUTHORIZATION ON ROLE::r TO dbo", 0),
    ] {
        assert_eq!(refused(&mut *sales, text), number, "{text}");
    }
    assert_eq!(
        answer(&mut *sales, "SELECT SUSER_SNAME(owner_sid) FROM sys.databases WHERE name = 'Inventory'"),
        "fabric_login"
    );
    assert_eq!(answer(&mut *fabric, "USE Inventory SELECT USER_NAME() USE Sales"), "dbo");
    assert_eq!(refused(&mut *fabric, "ALTER AUTHORIZATION ON SCHEMA::s TO fabric_user"), 15151);
    drop(fabric);
    assert_eq!(refused(&mut *sales, "DROP LOGIN fabric_login"), 15174);
}

#[test]
fn columns_change_type_with_the_rows_in_them() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    good(
        &mut *sales,
        "CREATE TABLE t (a int NOT NULL PRIMARY KEY, b nvarchar(10) NULL, c int NULL, d AS c + 1, e varchar(5) UNIQUE)",
    );
    good(&mut *sales, "INSERT INTO t VALUES (1, '12', 3, 'x'), (2, NULL, 4, 'y')");
    for (text, number) in [
        ("ALTER TABLE t ALTER COLUMN b int NULL", 0),
        ("ALTER TABLE t ALTER COLUMN b int NOT NULL", 515),
        ("ALTER TABLE t ALTER COLUMN a bigint NOT NULL", 4922),
        ("ALTER TABLE t ALTER COLUMN c bigint", 4922),
        ("ALTER TABLE t ALTER COLUMN d bigint", 4928),
        ("ALTER TABLE t ALTER COLUMN e varchar(3)", 4922),
        ("ALTER TABLE t ALTER COLUMN e varchar(30) NULL", 0),
        ("ALTER TABLE t ALTER COLUMN f int", 4924),
        ("INSERT INTO t VALUES (3, 5, 5, 'X')", 2627),
        ("ALTER TABLE t ALTER COLUMN b nvarchar(2) NULL", 0),
        ("ALTER TABLE t ALTER COLUMN b nvarchar(1) NULL", 2628),
    ] {
        assert_eq!(refused(&mut *sales, text), number, "{text}");
    }
    assert_eq!(answer(&mut *sales, "SELECT b + '!', d FROM t WHERE b = '12'"), "12!|4");
}

/// Columns and meaning of the two views: `sql-mi.md` §4.4 of the notes.
#[test]
fn the_feed_leaves_scans_and_errors_until_it_is_switched_off() {
    use emulator_ground::source::{FeedError, FeedScan, FeedTask};
    let instance = tutorial();
    let mut sales = admin(&instance, "Sales");
    let table =
        i32::try_from(answer(&mut *sales, "SELECT OBJECT_ID('Orders')").parse::<i64>().unwrap_or(0)).unwrap_or(0);
    let error = |message: &str| FeedError {
        table: Some(table),
        task: FeedTask::Snapshot,
        number: None,
        message: message.into(),
    };
    let scan = |changes, errors| instance.record_scan("Sales", Duration::ZERO, &FeedScan { changes, errors });
    scan(1, vec![]);
    let scans = "SELECT session_id, command_count, error_count, empty_scan_count, batch_processing_phase FROM sys.dm_change_feed_log_scan_sessions ORDER BY session_id";
    assert_eq!(answer(&mut *sales, scans), "", "the feed is off");
    instance.set_change_feed("Sales", true);
    for (changes, errors) in [(5, vec![]), (0, vec![]), (0, vec![]), (2, vec![error("first")])] {
        scan(changes, errors);
    }
    assert_eq!(answer(&mut *sales, scans), "0|7|1|2|8;1|5|0|2|8;2|2|1|0|8");
    assert_eq!(
        answer(
            &mut *sales,
            "SELECT session_id, source_task, OBJECT_NAME(table_id), error_number, error_message FROM sys.dm_change_feed_errors"
        ),
        "2|5|Orders|NULL|first"
    );
    for n in 0..70 {
        scan(0, vec![error(&n.to_string())]);
    }
    assert_eq!(answer(&mut *sales, "SELECT COUNT(*), MAX(session_id) FROM sys.dm_change_feed_errors"), "64|72");
    good(&mut *sales, "EXEC sys.sp_change_feed_disable_db");
    assert_eq!(answer(&mut *sales, scans), "");
    instance.set_change_feed("Sales", true);
    assert_eq!(answer(&mut *sales, "SELECT COUNT(*) FROM sys.dm_change_feed_errors"), "0");
    good(&mut *sales, "CREATE USER blind WITHOUT LOGIN EXECUTE AS USER = 'blind'");
    assert_eq!(refused(&mut *sales, "SELECT * FROM sys.dm_change_feed_errors"), 262);
    assert_eq!(refused(&mut *sales, "SELECT * FROM sys.dm_db_log_space_usage"), 262);
}
