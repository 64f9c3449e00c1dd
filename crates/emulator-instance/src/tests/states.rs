//! A database that nobody opens: being restored, or offline.

use super::*;

#[test]
fn nobody_opens_a_database_that_is_not_online() {
    for (state, shown, error) in [
        (DatabaseState::Restoring, "1|RESTORING|NULL", (927, 14, 2)),
        (DatabaseState::Offline, "6|OFFLINE|NULL", (942, 14, 4)),
    ] {
        let instance = instance_with(state);
        let came = login(&instance, "admin", PASSWORD, "inventory").err().unwrap_or_default();
        assert_eq!(came.iter().map(|m| m.number).collect::<Vec<_>>(), [4060, 18456]);
        let mut master = admin(&instance, "master");
        for text in ["USE Inventory", "SELECT * FROM Inventory.dbo.Stock", "INSERT INTO Inventory.dbo.Stock VALUES (1)"]
        {
            assert_eq!(errors(&run(&mut *master, text)), [error], "{text}");
        }
        let look = "SELECT state, state_desc, collation_name FROM sys.databases WHERE name = 'Inventory'";
        assert_eq!(answer(&mut *master, look), shown);
        let status = "SELECT DATABASEPROPERTYEX('Inventory', 'Status'), DATABASEPROPERTYEX('Inventory', 'Collation'), \
                      HAS_DBACCESS('Inventory'), HAS_DBACCESS('Sales')";
        assert_eq!(answer(&mut *master, status), format!("{}|NULL|0|1", state.description()));
        let option = "ALTER DATABASE Inventory SET ALLOW_SNAPSHOT_ISOLATION ON";
        assert_eq!(errors(&run(&mut *master, option)).first().map(|e| e.0), Some(5011));
        // What mirroring asks.
        assert!(instance.check_login("admin", PASSWORD, "Inventory").is_err());
        assert!(login(&instance, "admin", PASSWORD, "Sales").is_ok());
    }
}

#[test]
fn a_reset_brings_the_state_back() {
    let instance = instance_with(DatabaseState::Restoring);
    instance.reset();
    assert_eq!(errors(&run(&mut *admin(&instance, "Sales"), "USE Inventory")), [(927, 14, 2)]);
}
