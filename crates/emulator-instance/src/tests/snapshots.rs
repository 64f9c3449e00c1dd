//! Snapshots: principals, tables and rows come back, ids included.

use super::*;

const ROWS: &str = "SELECT Id, Customer FROM dbo.Orders ORDER BY Id";

#[test]
fn a_snapshot_brings_rows_and_principals_back_as_often_as_asked() {
    let instance = tutorial();
    let mut session = admin(&instance, "Sales");
    good(&mut *session, "INSERT INTO dbo.Orders (Customer) VALUES (N'Dan'); CREATE INDEX I ON dbo.Orders (Customer)");
    let (state, rows) = (Source::state(&*instance), answer(&mut *session, ROWS));
    let restore = instance.snapshot().unwrap();
    for _ in 0..2 {
        let mut session = admin(&instance, "Sales");
        good(
            &mut *session,
            "DELETE FROM dbo.Orders WHERE Id > 1; DROP USER fabric_user; CREATE TABLE dbo.New (Id int)",
        );
        good(
            &mut *admin(&instance, "master"),
            "DROP LOGIN fabric_login; CREATE LOGIN other WITH PASSWORD = 'Str0ng!Passw0rd2'",
        );
        restore().unwrap();
        assert!(session.killed());
        let mut session = admin(&instance, "Sales");
        assert_eq!((Source::state(&*instance), answer(&mut *session, ROWS)), (state.clone(), rows.clone()));
        assert_eq!(refused(&mut *session, "SELECT * FROM dbo.New"), 208);
        // Collations, indexes and identities work as before.
        assert_eq!(answer(&mut *session, "SELECT Id FROM dbo.Orders WHERE Customer = N'DAN'"), "4");
        good(&mut *session, "BEGIN TRAN; INSERT INTO dbo.Orders (Customer) VALUES (N'Eve')");
        assert_eq!(answer(&mut *session, "SELECT Id FROM dbo.Orders WHERE Customer = N'Eve'"), "5");
        good(&mut *session, "ROLLBACK");
    }
}

#[test]
fn there_is_no_snapshot_of_half_a_transaction() {
    let instance = tutorial();
    let mut session = admin(&instance, "Sales");
    good(&mut *session, "BEGIN TRAN; DELETE FROM dbo.Orders");
    assert!(instance.snapshot().err().unwrap().contains("transaction open"));
    good(&mut *session, "ROLLBACK");
    let restore = instance.snapshot().unwrap();
    // A transaction of before is lost with its session, and does not reach what is there then.
    good(&mut *session, "BEGIN TRAN; DELETE FROM dbo.Orders");
    restore().unwrap();
    drop(session);
    assert_eq!(answer(&mut *admin(&instance, "Sales"), "SELECT COUNT(*) FROM dbo.Orders"), "3");
}
