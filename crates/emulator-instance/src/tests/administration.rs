//! What administrators type: old procedures, options of a database, and names that only the server has.

use super::*;

fn messages(session: &mut dyn Session, text: &str) -> Vec<Message> {
    let of = |outcome| if let Outcome::Message(message) = outcome { Some(message) } else { None };
    run(session, text).into_iter().filter_map(of).collect()
}

#[test]
fn names_only_the_server_has_are_outside_and_others_do_not_exist() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    for (text, number) in [
        ("EXEC sp_help", 50900),
        ("EXEC sys.sp_helpuser", 50900),
        ("EXEC dbo.sp_HelpRotect", 50900),
        ("EXEC sp_spaceused 'dbo.Orders'", 50900),
        ("EXEC sp_spaceused", 50900),
        ("EXEC xp_cmdshell 'dir'", 50900),
        ("EXEC master..xp_cmdshell 'dir'", 50900),
        ("EXEC sys.sp_cdc_enable_table 'dbo', 'Orders', NULL", 50900),
        ("EXEC msdb.dbo.sp_start_job 'x'", 50900),
        ("EXEC sp_start_job 'x'", 2812),
        ("EXEC other.sp_help", 2812),
        ("EXEC sp_helpp", 2812),
        ("EXEC xp_nothing", 2812),
        // A procedure of the emulator's, but asked of another database.
        ("EXEC master..sp_who", 50900),
        ("SELECT * FROM sys.allocation_units", 50900),
        ("SELECT * FROM sys.dm_exec_requests", 50900),
        ("SELECT * FROM sys.dm_os_wait_stats", 50900),
        ("SELECT * FROM INFORMATION_SCHEMA.DOMAINS", 50900),
        ("SELECT * FROM sysobjects", 50900),
        ("SELECT * FROM dbo.sysusers", 50900),
        ("SELECT * FROM sysdatabases", 208),
        ("SELECT * FROM master..sysdatabases", 50900),
        ("SELECT * FROM sys.dm_exec_sql_text(0x01)", 50900),
        ("SELECT * FROM sys.dm_nothing", 208),
        ("SELECT * FROM sys.nothing(1)", 208),
        ("SELECT * FROM dm_exec_requests", 208),
        ("SELECT * FROM INFORMATION_SCHEMA.NOTHING", 208),
    ] {
        assert_eq!(refused(&mut *sales, text), number, "{text}");
    }
}

#[test]
fn sp_who_shows_sessions_and_refuses_unknown_logins() {
    let instance = tutorial();
    let mut sales = admin(&instance, "Sales");
    let mut fabric = login(&instance, "fabric_login", "Str0ng!Passw0rd2", "Sales").expect("logs in");
    let (own, other) = (sales.id(), fabric.id());
    let sessions = |session: &mut dyn Session, text: &str| -> Vec<String> {
        answer(session, text).split(';').map(|line| line.split('|').next().unwrap_or("").to_owned()).collect()
    };
    assert_eq!(sessions(&mut *sales, "EXEC sp_who"), [own.to_string(), other.to_string()]);
    assert_eq!(sessions(&mut *sales, "EXEC sp_who 'fabric_login'"), [other.to_string()]);
    assert_eq!(sessions(&mut *sales, &format!("EXEC sp_who {own}")), [own.to_string()]);
    assert_eq!(sessions(&mut *sales, "EXEC sp_who @loginame = 'active'"), [own.to_string()]);
    assert_eq!(sessions(&mut *sales, "EXEC sp_who2").len(), 2);
    assert_eq!(refused(&mut *sales, "EXEC sp_who 'nobody'"), 15007);
    assert_eq!(refused(&mut *sales, "EXEC sp_who @nothing = 1"), 8145);
    assert_eq!(refused(&mut *sales, "EXEC sp_who 1, 2"), 8144);
    // Without VIEW SERVER STATE a login sees its own sessions alone; the tutorial's role gives it.
    assert_eq!(sessions(&mut *fabric, "EXEC sp_who").len(), 2);
    good(&mut *sales, "EXEC sp_dropsrvrolemember 'fabric_login', '##MS_ServerStateReader##'");
    assert_eq!(sessions(&mut *fabric, "EXEC sp_who"), [other.to_string()]);
}

#[test]
fn old_procedures_change_role_members() {
    let instance = tutorial();
    let mut sales = admin(&instance, "Sales");
    let members = "SELECT USER_NAME(role_principal_id) FROM sys.database_role_members WHERE member_principal_id = USER_ID('fabric_user')";
    good(&mut *sales, "EXEC sp_addrolemember 'db_datareader', 'fabric_user'");
    good(
        &mut *sales,
        "BEGIN TRAN EXEC sp_addrolemember @membername = N'fabric_user', @rolename = N'db_denydatawriter' ROLLBACK",
    );
    assert_eq!(answer(&mut *sales, members), "db_datareader");
    good(&mut *sales, "EXEC sys.sp_droprolemember 'db_datareader', 'fabric_user'");
    assert_eq!(answer(&mut *sales, members), "");
    good(&mut *sales, "EXEC sp_addsrvrolemember 'fabric_login', 'dbcreator'");
    assert_eq!(answer(&mut *sales, "SELECT IS_SRVROLEMEMBER('dbcreator', 'fabric_login')"), "1");
    good(&mut *sales, "EXEC sp_dropsrvrolemember 'fabric_login', 'dbcreator' CREATE ROLE own");
    assert_eq!(answer(&mut *sales, "SELECT IS_SRVROLEMEMBER('dbcreator', 'fabric_login')"), "0");
    for (text, expected) in [
        ("EXEC sp_addrolemember 'nothing', 'fabric_user'", (15014, 16)),
        ("EXEC sp_addrolemember 'db_owner', 'nobody'", (15410, 11)),
        ("EXEC sp_addrolemember 'db_owner', 'dbo'", (15405, 11)),
        ("EXEC sp_addrolemember 'db_owner', NULL", (15223, 11)),
        ("EXEC sp_addrolemember 'db_owner'", (201, 16)),
        ("EXEC sp_droprolemember 'db_owner', 'fabric_user'", (15151, 16)),
        ("EXEC sp_addsrvrolemember 'nobody', 'sysadmin'", (15007, 16)),
        ("EXEC sp_addsrvrolemember 'fabric_login', 'nothing'", (15402, 11)),
        ("BEGIN TRAN EXEC sp_addsrvrolemember 'fabric_login', 'sysadmin'", (15002, 16)),
        ("ROLLBACK EXECUTE AS USER = 'fabric_user' EXEC sp_addrolemember 'own', 'fabric_user'", (15247, 16)),
        ("EXEC sp_addsrvrolemember 'fabric_login', 'sysadmin'", (15247, 16)),
    ] {
        let found: Vec<_> =
            errors(&run(&mut *sales, text)).iter().map(|(number, class, _)| (*number, *class)).collect();
        assert_eq!(found, [expected], "{text}");
    }
}

const RENAMED: &str =
    "CREATE TABLE dbo.Old (Id int NOT NULL CONSTRAINT PK_Old PRIMARY KEY, A int, B int CONSTRAINT CK_B CHECK (B > 0))
    CREATE INDEX IX_A ON dbo.Old (A) INSERT INTO dbo.Old VALUES (1, 2, 3)";

#[test]
fn sp_rename_renames_tables_columns_and_indexes_with_a_caution() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    good(&mut *sales, RENAMED);
    let id = answer(&mut *sales, "SELECT OBJECT_ID('dbo.Old')");
    let said = messages(&mut *sales, "EXEC sp_rename 'dbo.Old', 'New'");
    assert_eq!(said.iter().map(|m| (m.number, m.class)).collect::<Vec<_>>(), [(15477, 10)]);
    assert_eq!(said[0].text, "Caution: Changing any part of an object name could break scripts and stored procedures.");
    good(&mut *sales, "EXEC sp_rename @objname = 'dbo.New.A', @newname = 'Amount', @objtype = 'COLUMN'");
    good(&mut *sales, "EXEC sp_rename N'[Sales].dbo.New.[IX_A]', N'IX ]Amount', N'INDEX'");
    good(&mut *sales, "EXEC sp_rename 'dbo.PK_Old', 'PK_New' EXEC sp_rename 'dbo.CK_B', 'CK_New', 'OBJECT'");
    assert_eq!(answer(&mut *sales, "SELECT OBJECT_ID('dbo.New')"), id);
    assert_eq!(answer(&mut *sales, "SELECT Id, Amount, B FROM dbo.New WHERE Amount = 2"), "1|2|3");
    assert_eq!(
        answer(&mut *sales, &format!("SELECT name FROM sys.indexes WHERE object_id = {id} ORDER BY name")),
        "IX ]Amount;PK_New"
    );
    assert_eq!(refused(&mut *sales, "INSERT INTO dbo.New VALUES (2, 2, 0)"), 547);
    assert_eq!(refused(&mut *sales, "SELECT * FROM dbo.Old"), 208);
}

#[test]
fn sp_rename_refuses_with_the_servers_numbers() {
    let instance = tutorial();
    let mut sales = admin(&instance, "Sales");
    good(&mut *sales, RENAMED);
    for (text, expected) in [
        ("EXEC sp_rename 'dbo.Nothing', 'X'", (15225, 11)),
        ("EXEC sp_rename 'dbo.Nothing', 'X', 'OBJECT'", (15248, 11)),
        ("EXEC sp_rename 'dbo.Old.Nothing', 'X', 'COLUMN'", (15248, 11)),
        ("EXEC sp_rename 'dbo.Old.Nothing', 'X', 'INDEX'", (15248, 11)),
        ("EXEC sp_rename 'dbo.Old', 'X', 'TABLE'", (15249, 11)),
        ("EXEC sp_rename 'dbo.Old', 'X', 'USERDATATYPE'", (50900, 16)),
        ("EXEC sp_rename 'dbo.Old', 'Orders'", (15335, 11)),
        ("EXEC sp_rename 'dbo.Old.A', 'ID', 'COLUMN'", (15335, 11)),
        ("EXEC sp_rename 'dbo.Old.IX_A', 'PK_Old', 'INDEX'", (15335, 11)),
        ("EXEC sp_rename 'dbo.Old.B', 'C', 'COLUMN'", (15336, 16)),
        ("EXEC sp_rename 'master.dbo.Old', 'X', 'OBJECT'", (15333, 11)),
        ("EXEC sp_rename 'dbo.Old', ''", (15224, 11)),
        ("EXEC sp_rename 'dbo.Old', NULL", (15223, 11)),
        ("EXEC sp_rename 'dbo.Old'", (201, 16)),
        ("EXECUTE AS USER = 'fabric_user' EXEC sp_rename 'dbo.Old', 'X'", (15225, 11)),
    ] {
        let found: Vec<_> =
            errors(&run(&mut *sales, text)).iter().map(|(number, class, _)| (*number, *class)).collect();
        assert_eq!(found, [expected], "{text}");
    }
    good(&mut *sales, "REVERT");
    assert_eq!(answer(&mut *sales, "SELECT COUNT(*) FROM dbo.Old"), "1");
}

#[test]
fn partitions_count_rows() {
    let instance = tutorial();
    let mut sales = admin(&instance, "Sales");
    good(&mut *sales, RENAMED);
    good(
        &mut *sales,
        "CREATE TABLE dbo.Heap (A int) INSERT INTO dbo.Heap VALUES (1), (2), (3) DELETE TOP (1) FROM dbo.Heap",
    );
    assert_eq!(
        answer(
            &mut *sales,
            "SELECT OBJECT_NAME(object_id), index_id, rows FROM sys.partitions
             WHERE object_id IN (OBJECT_ID('dbo.Old'), OBJECT_ID('dbo.Heap')) ORDER BY 1, 2"
        ),
        "Heap|0|2;Old|1|1;Old|2|1"
    );
    assert_eq!(
        answer(
            &mut *sales,
            "SELECT SUM(s.row_count) FROM sys.dm_db_partition_stats s JOIN sys.partitions p ON p.partition_id = s.partition_id
             WHERE s.object_id = OBJECT_ID('dbo.Heap') AND s.index_id < 2"
        ),
        "2"
    );
    let state = "EXECUTE AS USER = 'fabric_user' SELECT COUNT(*) FROM sys.dm_db_partition_stats";
    good(&mut *sales, "CREATE USER nobody WITHOUT LOGIN");
    assert_eq!(refused(&mut *sales, &state.replace("fabric_user", "nobody")), 262);
}

#[test]
fn options_of_a_database_show_and_keep_it_from_being_mirrored() {
    use emulator_ground::source::Obstacle;
    let instance = tutorial();
    let mut sales = admin(&instance, "Sales");
    let shown = "SELECT compatibility_level, delayed_durability_desc, snapshot_isolation_state_desc, is_cdc_enabled FROM sys.databases WHERE name = 'Sales'";
    assert_eq!(answer(&mut *sales, shown), "160|DISABLED|ON|0");
    assert_eq!(instance.obstacle("sales"), None);
    good(
        &mut *sales,
        "ALTER DATABASE Sales SET DELAYED_DURABILITY = ALLOWED, COMPATIBILITY_LEVEL = 150; ALTER DATABASE CURRENT SET ALLOW_SNAPSHOT_ISOLATION OFF",
    );
    assert_eq!(answer(&mut *sales, shown), "150|ALLOWED|OFF|0");
    assert_eq!(instance.obstacle("sales"), Some(Obstacle::DelayedDurability));
    assert_eq!(refused(&mut *sales, "EXEC sys.sp_cdc_enable_db"), 22891);
    good(&mut *sales, "ALTER DATABASE Sales SET DELAYED_DURABILITY = DISABLED EXEC sys.sp_cdc_enable_db");
    assert_eq!(answer(&mut *sales, shown), "150|DISABLED|OFF|1");
    assert_eq!(instance.obstacle("sales"), Some(Obstacle::ChangeDataCapture));
    assert_eq!(messages(&mut *sales, "EXEC sys.sp_cdc_enable_db")[0].number, 22905);
    let both = |session: &mut dyn Session, text: &str| -> Vec<i32> {
        errors(&run(session, text)).iter().map(|(number, ..)| *number).collect()
    };
    assert_eq!(both(&mut *sales, "ALTER DATABASE Sales SET DELAYED_DURABILITY = FORCED"), [22892, 5069]);
    good(&mut *sales, "EXEC sys.sp_cdc_disable_db");
    assert_eq!(refused(&mut *sales, "EXEC sys.sp_cdc_disable_db"), 22901);
    assert_eq!(instance.obstacle("sales"), None);
    assert_eq!(instance.obstacle("master"), Some(Obstacle::SystemDatabase));
    instance.set_change_feed("Sales", true);
    assert_eq!(refused(&mut *sales, "EXEC sys.sp_cdc_enable_db"), 22887);
    assert_eq!(both(&mut *sales, "ALTER DATABASE Sales SET DELAYED_DURABILITY = ALLOWED"), [22892, 5069]);
    instance.set_change_feed("Sales", false);
    good(&mut *sales, "CREATE SCHEMA cdc");
    assert_eq!(refused(&mut *sales, "EXEC sys.sp_cdc_enable_db"), 22906);
    assert_eq!(both(&mut *sales, "ALTER DATABASE Sales SET COMPATIBILITY_LEVEL = 155"), [15048, 5069]);
    assert_eq!(both(&mut *sales, "ALTER DATABASE nowhere SET COMPATIBILITY_LEVEL = 150"), [5011, 5069]);
    assert_eq!(both(&mut *sales, "BEGIN TRAN ALTER DATABASE Sales SET COMPATIBILITY_LEVEL = 150"), [226]);
    good(&mut *sales, "ROLLBACK");
    // What a Managed Instance does not know, and what is not kept here.
    for option in ["READ_ONLY", "SINGLE_USER", "RECOVERY SIMPLE", "DELAYED_DURABILITY = ALLOWED WITH NO_WAIT"] {
        assert_eq!(refused(&mut *sales, &format!("ALTER DATABASE Sales SET {option}")), 50900, "{option}");
    }
    good(&mut *sales, "EXECUTE AS USER = 'fabric_user'");
    assert_eq!(both(&mut *sales, "ALTER DATABASE Sales SET DELAYED_DURABILITY = FORCED"), [5011, 5069]);
    assert_eq!(refused(&mut *sales, "EXEC sys.sp_cdc_enable_db"), 22902);
}
