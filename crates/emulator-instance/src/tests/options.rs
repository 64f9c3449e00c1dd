//! Single options of statements: each has its effect, or is refused. The document's table "Options" says which.

use super::*;

pub fn numbers(session: &mut dyn Session, cases: &[(&str, i32)]) {
    for (text, number) in cases {
        assert_eq!(refused(session, text), *number, "{text}");
        if session.state_of_transaction() {
            good(session, "IF @@TRANCOUNT > 0 ROLLBACK");
        }
    }
}

trait Open {
    fn state_of_transaction(&mut self) -> bool;
}

impl Open for dyn Session + '_ {
    fn state_of_transaction(&mut self) -> bool {
        answer(self, "SELECT @@TRANCOUNT") != "0"
    }
}

pub fn shown(session: &mut dyn Session, cases: &[(&str, &str)]) {
    for (text, rows) in cases {
        assert_eq!(answer(session, text), *rows, "{text}");
    }
}

#[test]
fn options_of_a_session_are_kept_or_refused() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    numbers(
        &mut *sales,
        &[
            ("SET ANSI_WARNINGS OFF", 50900),
            ("SET ANSI_NULLS OFF", 50900),
            ("SET ANSI_DEFAULTS OFF", 50900),
            ("SET ANSI_NULL_DFLT_ON OFF", 50900),
            ("SET ANSI_NULL_DFLT_OFF ON", 50900),
            ("SET NUMERIC_ROUNDABORT ON", 50900),
            ("SET NO_BROWSETABLE ON", 50900),
            ("SET NOEXEC ON", 50900),
            ("SET SHOWPLAN_ALL ON", 50900),
            ("SET FMTONLY ON", 50900),
            ("SET CONTEXT_INFO 0x01", 50900),
            ("SET QUERY_GOVERNOR_COST_LIMIT 5", 50900),
            ("SET QUERY_GOVERNOR_COST_LIMIT 0", 0),
            ("SET FIPS_FLAGGER 'FULL'", 50900),
            ("SET FIPS_FLAGGER OFF", 0),
            ("SET DATEFIRST 1", 50900),
            ("SET DATEFIRST 8", 2742),
            ("SET DATEFIRST 0", 2742),
            ("SET DATEFORMAT dmy", 50900),
            ("SET DATEFORMAT MDY", 0),
            ("SET DATEFORMAT xyz", 2741),
            ("SET LANGUAGE Deutsch", 50900),
            ("SET LANGUAGE English", 0),
            ("SET LANGUAGE Klingon", 2740),
            ("SET DEADLOCK_PRIORITY 11", 2755),
            ("SET DEADLOCK_PRIORITY HIGHEST", 2755),
            ("SET LOCK_TIMEOUT -2", 50900),
            ("SET ROWCOUNT -1", 102),
            ("SET TEXTSIZE -2", 50900),
            ("SET TRANSACTION ISOLATION LEVEL SNAPSHOT", 50900),
            ("SET STATISTICS IO ON", 50900),
            ("SET STATISTICS IO, TIME OFF SET STATISTICS PROFILE OFF SET STATISTICS XML OFF", 0),
            ("SET OFFSETS SELECT ON", 50900),
            ("SET FORCEPLAN ON", 0),
            ("SET REMOTE_PROC_TRANSACTIONS ON", 0),
            ("SET ANSI_NULLS, ANSI_PADDING ON", 0),
            ("SET NOEXEC OFF", 0),
            ("SET FORCEPLAN OFF", 0),
        ],
    );
    // PARSEONLY acts before anything of the batch runs.
    assert_eq!(answer(&mut *sales, "SELECT COUNT(*) FROM Orders"), "3");
    assert_eq!(refused(&mut *sales, "DELETE FROM Orders SET PARSEONLY ON"), 50900);
    shown(
        &mut *sales,
        &[
            ("SELECT COUNT(*) FROM Orders", "3"),
            ("SELECT @@OPTIONS", "5432"),
            ("SET ARITHABORT ON SELECT @@OPTIONS", "5496"),
            ("SET ARITHIGNORE, CURSOR_CLOSE_ON_COMMIT, XACT_ABORT ON SELECT @@OPTIONS", "22012"),
            ("SET XACT_ABORT OFF SET DEADLOCK_PRIORITY HIGH SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", ""),
            (
                "SELECT arithabort, deadlock_priority, transaction_isolation_level, ansi_defaults, text_size FROM sys.dm_exec_sessions WHERE session_id = @@SPID",
                "1|5|4|0|2147483647",
            ),
            ("SET ANSI_DEFAULTS ON SELECT @@OPTIONS & 2", "2"),
        ],
    );
    good(&mut *sales, "SET IMPLICIT_TRANSACTIONS OFF IF @@TRANCOUNT > 0 COMMIT");
    sales.reset(false);
    assert_eq!(answer(&mut *sales, "SELECT @@OPTIONS, @@TEXTSIZE"), "5432|2147483647");
    // QUOTED_IDENTIFIER acts while the batch is read, where it is never come to as well.
    good(&mut *sales, "IF 1 = 0 SET QUOTED_IDENTIFIER OFF");
    assert_eq!(answer(&mut *sales, "SELECT @@OPTIONS & 256, \"text\""), "0|text");
}

#[test]
fn textsize_and_rowcount_limit_what_comes() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    shown(
        &mut *sales,
        &[
            (
                "SET TEXTSIZE 4 SELECT CAST(N'abcdef' AS nvarchar(max)), CAST('abcdef' AS varchar(max)), N'abcdef'",
                "ab|abcd|abcdef",
            ),
            ("SELECT @@TEXTSIZE", "4"),
            ("SET TEXTSIZE 0 SELECT @@TEXTSIZE", "4096"),
            ("SET TEXTSIZE -1 SELECT CAST(N'abcdef' AS nvarchar(max))", "abcdef"),
            ("SET ROWCOUNT 2 SELECT Id FROM Orders ORDER BY Id", "1;2"),
            ("UPDATE Orders SET Note = N'x'; SELECT @@ROWCOUNT", "2"),
        ],
    );
    numbers(
        &mut *sales,
        &[
            ("DELETE TOP (1) FROM Orders", 50900),
            ("INSERT INTO Orders (Customer) VALUES (N'Dan')", 50900),
            ("SELECT Id INTO dbo.Copy FROM Orders", 50900),
        ],
    );
    shown(
        &mut *sales,
        &[("DELETE FROM Orders; SELECT @@ROWCOUNT", "2"), ("SET ROWCOUNT 0 SELECT COUNT(*) FROM Orders", "1")],
    );
}

#[test]
fn identity_insert_is_on_for_one_table() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    good(&mut *sales, "CREATE TABLE dbo.A (Id int IDENTITY) CREATE TABLE dbo.B (Id int)");
    numbers(
        &mut *sales,
        &[
            ("SET IDENTITY_INSERT dbo.B ON", 8106),
            ("SET IDENTITY_INSERT dbo.Nothing ON", 1088),
            ("SET IDENTITY_INSERT Inventory.dbo.Stock ON", 50900),
            ("SET IDENTITY_INSERT dbo.A ON", 0),
            ("SET IDENTITY_INSERT dbo.Orders ON", 8107),
            ("SET IDENTITY_INSERT dbo.Orders OFF", 0),
            ("INSERT INTO dbo.A (Id) VALUES (7)", 0),
            ("SET IDENTITY_INSERT dbo.A OFF", 0),
            ("INSERT INTO dbo.A (Id) VALUES (8)", 544),
        ],
    );
}

#[test]
fn hints_change_nothing_or_are_refused() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    numbers(
        &mut *sales,
        &[
            ("SELECT * FROM Orders WITH (NOLOCK)", 0),
            ("SELECT * FROM Orders (NOLOCK)", 0),
            ("SELECT * FROM Orders AS o WITH (ROWLOCK, READCOMMITTED)", 0),
            ("SELECT * FROM Orders WITH (FORCESCAN TABLOCK)", 0),
            ("SELECT * FROM Orders WITH (UPDLOCK, HOLDLOCK)", 0),
            ("SELECT * FROM Orders HOLDLOCK", 0),
            ("BEGIN TRAN SELECT * FROM Orders WITH (UPDLOCK)", 50900),
            ("BEGIN TRAN SELECT * FROM Orders o (HOLDLOCK)", 50900),
            ("SELECT * FROM Orders WITH (NOLOCK, SERIALIZABLE)", 50900),
            ("SELECT * FROM Orders WITH (ROWLOCK, TABLOCK)", 50900),
            ("SELECT * FROM Orders WITH (READPAST)", 50900),
            ("SELECT * FROM Orders WITH (NOWAIT)", 50900),
            ("SELECT * FROM Orders WITH (INDEX (nothing))", 50900),
            ("SELECT * FROM Orders o (1)", 50900),
            ("SELECT * FROM Orders WITH (FORCESEEK)", 50900),
            ("SELECT * FROM Orders WITH (NOEXPAND)", 50900),
            ("SELECT * FROM Orders WITH (NOLOK)", 321),
            ("SELECT * FROM fn_my_permissions(NULL, 'DATABASE') WITH (NOLOCK)", 50900),
            ("DELETE FROM Orders WITH (NOLOCK) WHERE Id = 9", 1065),
            ("INSERT INTO Orders WITH (READUNCOMMITTED) (Customer) VALUES (N'x')", 1065),
            ("UPDATE Orders WITH (ROWLOCK, UPDLOCK, HOLDLOCK) SET Note = N'' WHERE Id = 9", 0),
            ("UPDATE Orders WITH (READPAST) SET Note = N''", 50900),
            ("UPDATE Orders WITH (INDEX (1)) SET Note = N''", 156),
            ("INSERT INTO Orders WITH (KEEPIDENTITY) (Customer) VALUES (N'x')", 50900),
            ("SELECT 1 FROM Orders a INNER LOOP JOIN Orders b ON a.Id = b.Id", 0),
            ("SELECT 1 FROM Orders a INNER HASH JOIN Orders b ON a.Id < b.Id", 50900),
            ("SELECT 1 FROM Orders a FULL LOOP JOIN Orders b ON a.Id = b.Id", 50900),
            ("SELECT 1 FROM Orders a INNER REMOTE JOIN Orders b ON a.Id = b.Id", 50900),
            ("SELECT 1 FROM Orders OPTION (MAXDOP 1, RECOMPILE, FAST 10, MAX_GRANT_PERCENT = 5)", 0),
            ("SELECT 1 FROM Orders OPTION (OPTIMIZE FOR UNKNOWN, KEEPFIXED PLAN)", 0),
            ("SELECT 1 FROM Orders OPTION (MAXDOP 1, MAXDOP 2)", 50900),
            ("SELECT 1 FROM Orders OPTION (MAX_GRANT_PERCENT = 101)", 50900),
            ("SELECT 1 FROM Orders OPTION (HASH JOIN)", 50900),
            ("SELECT 1 FROM Orders OPTION (USE HINT ('NOT_A_HINT'))", 50900),
            ("SELECT 1 FROM Orders OPTION (QUERYTRACEON 4199)", 50900),
            ("SELECT 1 FROM Orders OPTION (OPTIMIZE FOR (@nothing = 1))", 50900),
            ("SELECT 1 FROM Orders OPTION (PARAMETERIZATION FORCED)", 50900),
            ("SELECT 1 FROM Orders OPTION (TABLE HINT (Orders, NOLOCK))", 50900),
            ("DELETE FROM Orders WHERE Id = 9 OPTION (MAXDOP 1)", 0),
            ("DELETE FROM Orders OPTION (USE PLAN N'<x/>')", 50900),
            ("INSERT INTO Orders (Customer) VALUES (N'x') OPTION (LABEL = 'x')", 50900),
        ],
    );
    assert_eq!(answer(&mut *sales, "SELECT COUNT(*) FROM Orders"), "3");
}

#[test]
fn clauses_of_queries_are_not_swallowed() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    numbers(
        &mut *sales,
        &[
            ("SELECT TOP (-1) Id FROM Orders", 127),
            ("DECLARE @n int = -1 SELECT TOP (@n) Id FROM Orders", 127),
            ("DECLARE @n int DELETE TOP (@n) FROM Orders", 1014),
            ("SELECT TOP (100) PERCENT WITH TIES Id FROM Orders", 1062),
            ("SELECT TOP (101) PERCENT Id FROM Orders", 1031),
            ("SELECT TOP (50) PERCENT Id FROM Orders", 50900),
            ("SELECT TOP (100) PERCENT Id FROM Orders ORDER BY Id OFFSET 1 ROWS", 10741),
            ("SELECT Id FROM Orders ORDER BY Id OFFSET -1 ROWS", 10742),
            ("SELECT Id FROM Orders ORDER BY Id OFFSET 0 ROWS FETCH NEXT 0 ROWS ONLY", 10744),
            ("DELETE TOP (1) WITH TIES FROM Orders", 50900),
            ("DELETE TOP 1 FROM Orders", 50900),
            ("UPDATE TOP (50) PERCENT Orders SET Note = N''", 50900),
            ("UPDATE Orders SET Other.Note = N''", 1032),
            ("UPDATE Orders SET Orders.Note = N'' WHERE Id = 9", 0),
            ("UPDATE o SET o.Note = N'' FROM Orders o WHERE o.Id = 9", 0),
            ("SELECT UPPER(DISTINCT Customer) FROM Orders", 102),
            ("SELECT UPPER(ALL Customer) FROM Orders", 50900),
            ("SELECT GETDATE(*)", 102),
            ("SELECT STRING_AGG(DISTINCT Customer, ',') FROM Orders", 102),
            ("SELECT MAX(Id) WITHIN GROUP (ORDER BY Id) FROM Orders", 10757),
            ("SELECT STRING_AGG(Customer, ',') WITHIN GROUP (ORDER BY 1) FROM Orders", 5308),
            ("SELECT ROW_NUMBER() OVER (ORDER BY 1) FROM Orders", 5308),
            ("SELECT ROW_NUMBER() OVER (ORDER BY NULL) FROM Orders", 5309),
            ("SELECT ROW_NUMBER(1) OVER (ORDER BY Id) FROM Orders", 174),
            ("SELECT SUM(Id) OVER (ORDER BY Id ROWS UNBOUNDED PRECEDING) FROM Orders", 50900),
            ("WITH XMLNAMESPACES ('u' AS n) SELECT Id FROM Orders", 50900),
            ("WITH CHANGE_TRACKING_CONTEXT (0x01) DELETE FROM Orders", 50900),
            ("SELECT Id FROM Orders FOR XML AUTO", 50900),
            ("SELECT Id FROM Orders FOR BROWSE", 50900),
            ("SELECT Id FROM Orders TABLESAMPLE (10 PERCENT)", 50900),
            ("SELECT Id FROM Orders GROUP BY ROLLUP (Id)", 50900),
            ("TRUNCATE TABLE Orders WITH (PARTITIONS (1))", 50900),
        ],
    );
    assert_eq!(answer(&mut *sales, "SELECT COUNT(*) FROM Orders"), "3");
}

#[test]
fn words_of_flow_are_not_swallowed() {
    let instance = tutorial();
    let mut sales = admin(&instance, "Sales");
    let long = format!("BEGIN TRAN {}", "a".repeat(33));
    numbers(
        &mut *sales,
        &[
            ("RETURN 1", 178),
            ("IF 1 = 0 RETURN 1", 178),
            ("WHILE 1 = 0 RETURN 1", 178),
            ("WAITFOR DELAY '2020-01-01 00:00:01'", 148),
            ("WAITFOR TIME '00:00'", 50900),
            ("BEGIN TRAN WITH MARK", 50900),
            ("BEGIN TRAN a WITH MARK 'x'", 0),
            (&long, 103),
            ("BEGIN TRAN a ROLLBACK TRAN A", 6401),
            ("BEGIN TRAN SAVE TRAN a ROLLBACK TRAN A", 6401),
            ("BEGIN TRAN COMMIT WITH (DELAYED_DURABILITY = ON)", 0),
            ("BEGIN TRAN COMMIT TRAN @nothing", 137),
            ("DECLARE @t text", 2739),
            ("SELECT 1 WHERE 'a' LIKE 'a' ESCAPE 'ab'", 506),
            ("BEGIN TRAN KILL 9999", 6115),
            ("KILL 9999 WITH STATUSONLY", 50900),
            ("KILL QUERY NOTIFICATION SUBSCRIPTION ALL", 50900),
            ("RAISERROR ('x', 10, 1) WITH SETERROR", 50900),
            ("RAISERROR ('x', 16, 1) WITH SETERROR, NOWAIT", 50000),
            ("RAISERROR ('x', 16, 1) WITH LOG", 50000),
            ("RAISERROR ('x', 19, 1) WITH LOG", 50900),
            ("RAISERROR ('x', 19, 1)", 2754),
            ("RAISERROR ('%d', 16, 1, 'x')", 2786),
            ("RAISERROR ('%s', 16, 1, 1)", 2786),
            ("RAISERROR ('%5d', 16, 1, 1)", 50900),
            ("RAISERROR ('%q', 16, 1, 1)", 2787),
            ("EXEC sp_executesql N'SET @a = 1', N'@a int', @a = 1 OUTPUT", 102),
            ("DECLARE @x int EXEC sp_executesql N'SET @a = 1', N'@a int', @a = @x OUTPUT", 8162),
            ("DECLARE @x int EXEC sp_executesql N'SET @a = 1', N'@a int OUT', @a = @x OUTPUT", 0),
            ("EXEC sp_executesql N'SELECT @a', N'@a int READONLY', @a = 1", 346),
            ("DECLARE @x sysname EXEC sp_who @loginame = @x OUTPUT", 8162),
            ("EXEC sp_who WITH RECOMPILE", 0),
            ("EXEC sp_who WITH RESULT SETS NONE", 50900),
            ("EXEC ('SELECT 1') AS USER = 'dbo'", 50900),
            ("EXECUTE AS CALLER", 0),
            ("DECLARE @c varbinary(100) EXECUTE AS USER = 'fabric_user' WITH COOKIE INTO @c", 50900),
            ("EXECUTE AS USER = 'fabric_user' USE master", 916),
            ("REVERT", 0),
            ("EXECUTE AS USER = 'fabric_user' WITH NO REVERT", 0),
            ("REVERT", 15196),
            ("RAISERROR ('x', 10, 1) WITH LOG", 2778),
        ],
    );
    sales.reset(false);
    assert_eq!(answer(&mut *sales, "SELECT USER_NAME()"), "dbo");
}

#[test]
fn options_of_logins_have_their_rules() {
    let instance = tutorial();
    let mut master = admin(&instance, "master");
    let login = |options: &str| format!("CREATE LOGIN l WITH PASSWORD = {options}");
    for (options, number) in [
        ("'Str0ng!Passw0rd2' HASHED", 15021),
        ("0x0200 HASHED", 15021),
        ("'Str0ng!Passw0rd2' MUST_CHANGE", 15099),
        ("'Str0ng!Passw0rd2' MUST_CHANGE, CHECK_POLICY = OFF", 15128),
        ("'Str0ng!Passw0rd2' MUST_CHANGE, CHECK_EXPIRATION = ON, CHECK_POLICY = OFF", 15122),
        ("'Str0ng!Passw0rd2', CHECK_EXPIRATION = ON, CHECK_POLICY = OFF", 15122),
        ("'Str0ng!Passw0rd2', CHECK_POLICY = ON, CHECK_POLICY = OFF", 1039),
        ("'Str0ng!Passw0rd2', SID = 0x01", 15419),
        ("'Str0ng!Passw0rd2', DEFAULT_DATABASE = nothing", 15010),
        ("'Str0ng!Passw0rd2', DEFAULT_LANGUAGE = Deutsch", 50900),
        ("'Str0ng!Passw0rd2', DEFAULT_LANGUAGE = Klingon", 15033),
        ("'Str0ng!Passw0rd2', CREDENTIAL = c", 50900),
        ("'Str0ng!Passw0rd2' UNLOCK", 102),
    ] {
        assert_eq!(refused(&mut *master, &login(options)), number, "{options}");
    }
    good(&mut *master, &login("'Str0ng!Passw0rd2' MUST_CHANGE, CHECK_EXPIRATION = ON"));
    let mut fabric = login_of(&instance);
    numbers(
        &mut *master,
        &[
            ("CREATE LOGIN [corp\\ann] FROM WINDOWS", 15006),
            ("CREATE LOGIN ann FROM WINDOWS", 50900),
            ("CREATE LOGIN [##ms_x##] WITH PASSWORD = 'Str0ng!Passw0rd2'", 15405),
            ("CREATE SERVER ROLE [##MS_x##]", 15405),
            ("CREATE USER [##MS_x##] FOR LOGIN l", 15405),
            ("CREATE ROLE [##MS_x##]", 15405),
            ("CREATE LOGIN ann FROM CERTIFICATE c", 15151),
            ("CREATE LOGIN [bob@contoso.com] FROM EXTERNAL PROVIDER WITH DEFAULT_DATABASE = Sales", 0),
            ("ALTER LOGIN [bob@contoso.com] WITH CHECK_POLICY = OFF", 50900),
            ("ALTER LOGIN [bob@contoso.com] WITH NAME = ann", 15150),
            ("ALTER LOGIN l WITH CHECK_EXPIRATION = OFF", 15128),
            ("ALTER LOGIN l WITH CHECK_POLICY = OFF", 15128),
            ("ALTER LOGIN l WITH PASSWORD = 'Str0ng!Passw0rd4' UNLOCK MUST_CHANGE", 0),
            ("ALTER LOGIN l WITH PASSWORD = 'Str0ng!Passw0rd4' HASHED", 15021),
            ("ALTER LOGIN l WITH PASSWORD = 'Str0ng!Passw0rd4' OLD_PASSWORD = 'wrong'", 15151),
            ("ALTER LOGIN l WITH PASSWORD = 'Str0ng!Passw0rd5', CHECK_EXPIRATION = OFF", 0),
            ("ALTER LOGIN l WITH NAME = [a\\b]", 15006),
            ("ALTER LOGIN l WITH NAME = [##MS_x##]", 15405),
            ("ALTER LOGIN l WITH NAME = a, NAME = b", 1039),
            ("ALTER LOGIN l ADD CREDENTIAL c", 50900),
            ("ALTER LOGIN l WITH NO CREDENTIAL", 50900),
        ],
    );
    let own = |more: &str| {
        format!("ALTER LOGIN fabric_login WITH PASSWORD = 'Str0ng!Passw0rd9' {more} OLD_PASSWORD = 'Str0ng!Passw0rd2'")
    };
    for (more, number) in [("UNLOCK", 15151), ("MUST_CHANGE", 15151), ("", 0)] {
        assert_eq!(refused(&mut *fabric, &own(more)), number, "{more}");
    }
}

#[test]
fn a_login_with_control_server_is_altered_by_its_like() {
    let instance = tutorial();
    let mut master = admin(&instance, "master");
    good(
        &mut *master,
        "CREATE LOGIN strong WITH PASSWORD = 'Str0ng!Passw0rd3' CREATE LOGIN weak WITH PASSWORD = 'Str0ng!Passw0rd3'
         GRANT ALTER ANY LOGIN TO fabric_login GRANT CONTROL SERVER TO strong",
    );
    let mut fabric = login_of(&instance);
    let change = |name: &str| format!("ALTER LOGIN {name} WITH PASSWORD = 'Str0ng!Passw0rd4'");
    for (name, number) in [("weak", 0), ("strong", 15151), ("admin", 15151)] {
        assert_eq!(refused(&mut *fabric, &change(name)), number, "{name}");
    }
    assert_eq!(refused(&mut *fabric, "ALTER LOGIN strong DISABLE"), 15151);
    assert_eq!(refused(&mut *master, &change("strong")), 0);
}

fn login_of(instance: &Instance) -> Box<dyn Session> {
    login(instance, "fabric_login", "Str0ng!Passw0rd2", "Sales").map_err(|m| format!("{m:?}")).expect("it logs in")
}

#[test]
fn options_of_users_and_permissions_have_their_rules() {
    let instance = tutorial();
    let mut sales = admin(&instance, "Sales");
    numbers(
        &mut *sales,
        &[
            ("CREATE USER u WITHOUT LOGIN WITH DEFAULT_SCHEMA = a, DEFAULT_SCHEMA = b", 1039),
            ("CREATE USER u WITHOUT LOGIN WITH DEFAULT_SCHEMA = NULL", 50900),
            ("CREATE USER u WITHOUT LOGIN WITH ALLOW_ENCRYPTED_VALUE_MODIFICATIONS = ON", 50900),
            ("CREATE USER u WITHOUT LOGIN WITH DEFAULT_LANGUAGE = English", 50900),
            ("CREATE USER u WITH PASSWORD = 'Str0ng!Passw0rd2'", 33233),
            ("ALTER USER fabric_user WITH DEFAULT_SCHEMA = NULL", 50900),
            ("ALTER USER fabric_user WITH PASSWORD = 'Str0ng!Passw0rd2' OLD_PASSWORD = 'x'", 33234),
            ("ALTER USER fabric_user WITH NAME = a, NAME = b", 1039),
            ("GRANT SELECT ON OBJECT::Inventory.dbo.Stock TO fabric_user", 4610),
            ("GRANT SELECT ON Sales.dbo.Orders TO fabric_user", 50900),
            ("GRANT SELECT ON SCHEMA::a.dbo TO fabric_user", 15151),
            ("GRANT SELECT (Id) ON dbo.Orders (Id) TO fabric_user", 1019),
            ("GRANT SELECT ON dbo.Orders (Id) TO fabric_user", 0),
            ("GRANT INSERT ON dbo.Orders TO fabric_user WITH GRANT OPTION", 0),
            ("REVOKE INSERT ON dbo.Orders FROM fabric_user", 4611),
            ("REVOKE GRANT OPTION FOR INSERT ON dbo.Orders FROM fabric_user CASCADE", 0),
            ("REVOKE INSERT ON dbo.Orders FROM fabric_user WITH GRANT OPTION", 156),
            ("GRANT INSERT ON dbo.Orders TO fabric_user AS nobody", 15151),
            ("DENY INSERT ON dbo.Orders TO fabric_user CASCADE", 0),
            ("ALTER AUTHORIZATION ON OBJECT::Inventory.dbo.Stock TO fabric_user", 15151),
            ("ALTER AUTHORIZATION ON SCHEMA::a.dbo TO fabric_user", 15151),
            ("CREATE SCHEMA s CREATE TABLE t (a int)", 50900),
        ],
    );
}

#[test]
fn styles_of_convert_are_followed_or_refused() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    let moment = "CAST('2026-03-05T14:07:08.120' AS datetime)";
    for (style, text) in [
        ("0", "Mar  5 2026  2:07PM"),
        ("100", "Mar  5 2026  2:07PM"),
        ("101", "03/05/2026"),
        ("103", "05/03/2026"),
        ("104", "05.03.2026"),
        ("108", "14:07:08"),
        ("111", "2026/03/05"),
        ("112", "20260305"),
        ("120", "2026-03-05 14:07:08"),
        ("121", "2026-03-05 14:07:08.120"),
        ("126", "2026-03-05T14:07:08.120"),
        ("23", "2026-03-05"),
    ] {
        assert_eq!(answer(&mut *sales, &format!("SELECT CONVERT(varchar(40), {moment}, {style})")), text, "{style}");
    }
    shown(
        &mut *sales,
        &[
            ("SELECT CAST(CAST('2026-03-05T00:07:00' AS datetime) AS varchar(40))", "Mar  5 2026 12:07AM"),
            ("SELECT CAST(CAST('2026-03-05T14:07:08' AS datetime2(2)) AS varchar(40))", "2026-03-05 14:07:08.00"),
            ("SELECT CAST(CAST('2026-03-05' AS date) AS varchar(40))", "2026-03-05"),
            ("SELECT CONVERT(varchar(9), 0x0aff, 1), CONVERT(varchar(9), 0x0aff, 2)", "0x0AFF|0AFF"),
            ("SELECT CONVERT(int, '7', 5)", "7"),
        ],
    );
    numbers(
        &mut *sales,
        &[
            ("SELECT CONVERT(varchar(40), GETDATE(), 130)", 50900),
            ("SELECT TRY_CONVERT(varchar(40), GETDATE(), 9)", 50900),
            ("SELECT CONVERT(datetime, '05/03/2026', 103)", 50900),
            ("SELECT CONVERT(varchar(40), CAST(1234.5 AS money), 1)", 50900),
            ("SELECT CONVERT(varchar(40), CAST(1 AS float), 126)", 50900),
            ("SELECT CONVERT(varbinary(9), '0x0a', 3)", 50900),
            ("ALTER DATABASE Sales SET COMPATIBILITY_LEVEL = 150, COMPATIBILITY_LEVEL = 160", 1039),
            ("ALTER DATABASE Sales SET COMPATIBILITY_LEVEL = 150 WITH ROLLBACK IMMEDIATE", 50900),
            ("ALTER DATABASE Sales SET COMPATIBILITY_LEVEL = 155", 15048),
        ],
    );
}
