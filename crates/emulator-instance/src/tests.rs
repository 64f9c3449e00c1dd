//! Tables of cases through the [`Session`] interface: what a client would see.

use std::sync::Arc;

use uuid::Uuid;

use super::Instance;
use emulator_ground::clock::Clock;
use emulator_ground::engine::{Cancel, Credentials, Engine, LoginRequest, Message, Outcome, Request, Session};
use emulator_ground::source::{
    DatabaseConfig, Directory, DirectoryPrincipal, InstanceConfig, PrincipalKind, Reader, Source, TokenSubject,
};
use emulator_ground::value::Value;
use emulator_ground::world::{DatabaseState, World};

mod administration;
mod breadth;
mod column_options;
mod columns;
mod common_tables;
mod contained;
#[path = "../../emulator-tsql/src/corpus.rs"]
mod corpus;
mod decimals;
mod flow;
mod kept;
mod keys;
mod masks;
mod messages;
mod metadata;
mod modules;
mod offered;
mod options;
mod requests;
mod row_security;
mod shares;
mod snapshots;
mod states;
mod waiting;

const PASSWORD: &str = "Str0ng!Passw0rd";

struct Entra;

impl Directory for Entra {
    fn principals(&self) -> Vec<DirectoryPrincipal> {
        let principal = |name: &str, object_id, sid, kind| DirectoryPrincipal {
            name: name.into(),
            object_id: Uuid::from_u128(object_id),
            sid: Uuid::from_u128(sid),
            kind,
        };
        vec![
            principal("bob@contoso.com", 1, 1, PrincipalKind::User),
            principal("ann@contoso.com", 2, 2, PrincipalKind::User),
            principal("Data Team", 3, 3, PrincipalKind::Group),
            principal("Auditors", 4, 4, PrincipalKind::Group),
            principal("reader", 5, 6, PrincipalKind::Application),
        ]
    }

    /// Ann is in both groups, the others are in none.
    fn verify(&self, token: &str) -> Option<TokenSubject> {
        let (name, sid, groups) = match token {
            "bob" => ("bob@contoso.com", 1, &[1][..]),
            "ann" => ("ann@contoso.com", 2, &[2, 3, 4][..]),
            "reader" => ("reader", 6, &[5][..]),
            _ => return None,
        };
        let groups = groups.iter().map(|id| Uuid::from_u128(*id)).collect();
        Some(TokenSubject { name: name.into(), sid: Uuid::from_u128(sid), groups })
    }

    fn application(&self, client_id: Uuid) -> Option<TokenSubject> {
        (client_id == Uuid::from_u128(6)).then(|| self.verify("reader")).flatten()
    }
}

fn instance() -> Arc<Instance> {
    instance_with(DatabaseState::Online)
}

/// With the database Inventory in that state.
fn instance_with(state: DatabaseState) -> Arc<Instance> {
    let script = "CREATE TABLE dbo.Orders (Id int NOT NULL IDENTITY PRIMARY KEY, Customer nvarchar(50) NOT NULL, Note nvarchar(max) NULL, Total decimal(10,2) NOT NULL DEFAULT 0)
        INSERT INTO dbo.Orders (Customer, Total) VALUES (N'Ann', 1.50), (N'Bob', 2.25), (N'Cid', 3)";
    let config = InstanceConfig {
        server_name: "mi.abc123.database.windows.net".into(),
        identity_client_id: Uuid::from_u128(10),
        identity_object_id: Uuid::from_u128(11),
        tenant_id: Uuid::from_u128(12),
        administrator: "admin".into(),
        administrator_password: PASSWORD.into(),
        entra_administrators: Vec::new(),
        databases: vec![
            DatabaseConfig { name: "Sales".into(), script: script.into(), state: DatabaseState::Online },
            DatabaseConfig {
                name: "Inventory".into(),
                script: "CREATE TABLE dbo.Stock (Id int PRIMARY KEY)".into(),
                state,
            },
        ],
    };
    Instance::new(config, World::default(), Arc::new(Clock::new(1.0)), Arc::new(Entra)).expect("the scripts run")
}

fn login(instance: &Instance, user: &str, password: &str, database: &str) -> Result<Box<dyn Session>, Vec<Message>> {
    instance.login(&LoginRequest {
        credentials: Credentials::Password { user: user.into(), password: password.into() },
        database: Some(database.into()),
        host_name: "host".into(),
        application: "test".into(),
        library: "test".into(),
        transport: emulator_ground::engine::Transport::default(),
    })
}

fn admin(instance: &Instance, database: &str) -> Box<dyn Session> {
    login(instance, "admin", PASSWORD, database).map_err(|m| format!("{m:?}")).expect("the administrator logs in")
}

fn run(session: &mut dyn Session, text: &str) -> Vec<Outcome> {
    let mut all = Vec::new();
    session
        .execute(Request::Text { text: text.into(), parameters: Vec::new() }, &Cancel::default(), &mut |o| all.push(o));
    all
}

/// Errors as number/class/state, informational messages left out.
fn errors(outcomes: &[Outcome]) -> Vec<(i32, u8, u8)> {
    let of = |o: &Outcome| {
        if let Outcome::Message(m) = o { (m.class > 10).then_some((m.number, m.class, m.state)) } else { None }
    };
    outcomes.iter().filter_map(of).collect()
}

fn show(value: &Value) -> String {
    match super::types::convert(value, emulator_ground::value::SqlType::NVarChar(None), 1) {
        Ok(Value::Text(text)) => text,
        _ => "NULL".into(),
    }
}

/// All rows of all result sets, cells joined by `|`, rows by `;`.
fn answer(session: &mut dyn Session, text: &str) -> String {
    let outcomes = run(session, text);
    assert_eq!(errors(&outcomes), vec![], "{text}: {outcomes:?}");
    let rows =
        outcomes.iter().filter_map(|o| if let Outcome::Rows { rows, .. } = o { Some(rows) } else { None }).flatten();
    rows.map(|row| row.iter().map(show).collect::<Vec<_>>().join("|")).collect::<Vec<_>>().join(";")
}

fn refused(session: &mut dyn Session, text: &str) -> i32 {
    let outcomes = run(session, text);
    errors(&outcomes).first().map_or(0, |e| e.0)
}

fn good(session: &mut dyn Session, text: &str) {
    let outcomes = run(session, text);
    assert_eq!(errors(&outcomes), vec![], "{text}: {outcomes:?}");
}

const TUTORIAL_MASTER: &str = "CREATE LOGIN [fabric_login] WITH PASSWORD = 'Str0ng!Passw0rd2';
ALTER SERVER ROLE [##MS_ServerStateReader##] ADD MEMBER [fabric_login];";
const TUTORIAL_DATABASE: &str = "CREATE USER [fabric_user] FOR LOGIN [fabric_login];
GRANT SELECT, ALTER ANY EXTERNAL MIRROR, VIEW PERFORMANCE DEFINITION TO [fabric_user];";

fn tutorial() -> Arc<Instance> {
    let instance = instance();
    good(&mut *admin(&instance, "master"), TUTORIAL_MASTER);
    good(&mut *admin(&instance, "Sales"), TUTORIAL_DATABASE);
    instance
}

#[test]
fn the_tutorial_makes_a_principal_that_may_mirror() {
    let instance = tutorial();
    assert!(instance.check_login("fabric_login", "Str0ng!Passw0rd2", "sales").is_ok());
    let rights = instance.rights(Reader::Login("fabric_login"), "Sales");
    assert_eq!(rights.server_roles, ["##MS_ServerStateReader##"]);
    assert_eq!(rights.user.as_deref(), Some("fabric_user"));
    assert_eq!(rights.granted, ["CONNECT", "SELECT", "ALTER ANY EXTERNAL MIRROR", "VIEW PERFORMANCE DEFINITION"]);
    for needed in
        ["ALTER ANY EXTERNAL MIRROR", "SELECT", "VIEW DATABASE PERFORMANCE STATE", "VIEW DATABASE SECURITY STATE"]
    {
        assert!(rights.effective.iter().any(|p| p == needed), "{needed}");
    }
    let state = Source::state(&*instance);
    assert_eq!(state["logins"][1]["name"], "fabric_login");
    assert_eq!(state["logins"][1]["type"], "S");
    assert_eq!(state["databases"][0]["permissions"][1]["state"], "GRANT");
    let before = state;
    good(&mut *admin(&instance, "Sales"), "DROP USER fabric_user");
    good(&mut *admin(&instance, "master"), "DROP LOGIN fabric_login");
    instance.reset();
    good(&mut *admin(&instance, "master"), TUTORIAL_MASTER);
    good(&mut *admin(&instance, "Sales"), TUTORIAL_DATABASE);
    assert_eq!(Source::state(&*instance), before, "a reset gives the same SIDs");
}

#[test]
fn logins_fail_as_documented() {
    let instance = tutorial();
    let numbers = |user: &str, password: &str, database: &str| -> Vec<(i32, u8, u8)> {
        login(&instance, user, password, database)
            .err()
            .unwrap_or_default()
            .iter()
            .map(|m| (m.number, m.class, m.state))
            .collect()
    };
    let failed = (18456, 14, 1);
    assert_eq!(numbers("fabric_login", "wrong", "Sales"), [failed]);
    assert_eq!(numbers("nobody", "wrong", "Sales"), [failed]);
    assert_eq!(numbers("sa", "", "master"), [failed]);
    assert_eq!(numbers("fabric_login", "Str0ng!Passw0rd2", "Inventory"), [(4060, 11, 1), failed]);
    assert_eq!(numbers("fabric_login", "Str0ng!Passw0rd2", "nowhere"), [(4060, 11, 1), failed]);
    assert_eq!(numbers("FABRIC_LOGIN", "Str0ng!Passw0rd2", "sales"), []);
    good(&mut *admin(&instance, "master"), "ALTER LOGIN fabric_login DISABLE");
    assert_eq!(numbers("fabric_login", "Str0ng!Passw0rd2", "Sales"), [failed]);
    good(&mut *admin(&instance, "master"), "ALTER LOGIN fabric_login ENABLE; DENY CONNECT SQL TO fabric_login");
    assert_eq!(numbers("fabric_login", "Str0ng!Passw0rd2", "Sales"), [failed]);
}

#[test]
fn statements_are_refused_with_the_servers_numbers() {
    let instance = tutorial();
    let mut master = admin(&instance, "master");
    for (text, number) in [
        ("CREATE LOGIN fabric_login WITH PASSWORD = 'Str0ng!Passw0rd2'", 15025),
        ("CREATE LOGIN a WITH PASSWORD = 'short'", 15116),
        ("CREATE LOGIN a WITH PASSWORD = 'Str0ng!Passw0rd', CHECK_POLICY = OFF, CHECK_EXPIRATION = ON", 15122),
        ("SELECT 1e308 * 10", 8115),
        ("SELECT SESSIONPROPERTY('ANSI_NULLS')", 50900),
        ("CREATE LOGIN a WITH PASSWORD = 'alllowercase'", 15118),
        ("CREATE LOGIN secretive WITH PASSWORD = 'Xsecretive1!'", 15118),
        ("CREATE LOGIN a WITH PASSWORD = 'Str0ng!Passw0rd2', SID = 0x01", 15419),
        ("DECLARE @s varbinary(16) = SUSER_SID('fabric_login'), @q nvarchar(400)
          SET @q = N'CREATE LOGIN a WITH PASSWORD = ''Str0ng!Passw0rd2'', SID = ' + CONVERT(nvarchar(40), @s, 1) EXEC (@q)", 15433),
        ("DROP LOGIN nobody", 15151),
        ("ALTER LOGIN nobody DISABLE", 15151),
        ("ALTER SERVER ROLE nothing ADD MEMBER fabric_login", 15151),
        ("ALTER SERVER ROLE sysadmin ADD MEMBER nobody", 15151),
        ("CREATE LOGIN [eve@contoso.com] FROM EXTERNAL PROVIDER", 33130),
        ("GRANT VIEW SERVER STAT TO fabric_login", 102),
        ("GRANT SELECT ON nothing TO public", 15151),
        ("EXEC nothing", 2812),
        ("SELECT * FROM nothing", 208),
        ("SELECT nothing FROM sys.databases", 207),
        ("SELECT a.b FROM sys.databases", 4104),
        ("SELECT name FROM sys.databases a, sys.databases b", 209),
        ("SELECT @x", 137),
        ("SELECT 1/0", 8134),
        ("SELECT CAST('x' AS int)", 245),
        ("SELECT CAST('08041159620' AS int)", 248),
        ("SELECT CAST('32768' AS smallint)", 244),
        ("SELECT CAST('-1' AS tinyint)", 244),
        ("SELECT CAST('9223372036854775808' AS bigint)", 8115),
        ("USE nowhere", 911),
        ("SELECT 1 FROM", 156),
        ("KILL 9999", 6106),
        ("BACKUP DATABASE x TO DISK = 'y'", 50900),
        ("COMMIT", 3902),
        ("ROLLBACK", 3903),
        ("SELECT name, COUNT(*) FROM sys.databases", 8120),
        ("SELECT (SELECT name FROM sys.databases)", 512),
        ("THROW 50001, 'x', 1", 50001),
    ] {
        assert_eq!(refused(&mut *master, text), number, "{text}");
    }
    let mut sales = admin(&instance, "Sales");
    for (text, number) in [
        ("CREATE USER fabric_user FOR LOGIN fabric_login", 15023),
        ("CREATE USER other FOR LOGIN fabric_login", 15063),
        ("CREATE USER other FOR LOGIN nobody", 15007),
        ("DROP USER nobody", 15151),
        ("DROP USER dbo", 15150),
        ("GRANT SELECT TO nobody", 15151),
        ("GRANT SELECT TO dbo", 4624),
        ("CREATE SCHEMA s AUTHORIZATION fabric_user", 0),
        ("DROP USER fabric_user", 15138),
        ("ALTER AUTHORIZATION ON SCHEMA::s TO dbo", 0),
        ("GRANT SELECT TO fabric_user WITH GRANT OPTION", 0),
        ("REVOKE SELECT FROM fabric_user", 4611),
        ("REVOKE GRANT OPTION FOR SELECT FROM fabric_user CASCADE", 0),
        ("INSERT INTO Orders (Customer) VALUES (NULL)", 515),
        ("INSERT INTO Orders (Id, Customer) VALUES (1, 'x')", 544),
        ("SET IDENTITY_INSERT dbo.Orders ON INSERT INTO Orders (Id, Customer) VALUES (1, 'x')", 2627),
        ("SET IDENTITY_INSERT dbo.Orders OFF", 0),
        (
            "INSERT INTO Orders (Customer) VALUES (REPLACE('1234567890', '1', '111111111111111111111111111111111111111111111111'))",
            2628,
        ),
    ] {
        assert_eq!(refused(&mut *sales, text), number, "{text}");
    }
}

#[test]
fn what_a_table_cannot_be_is_refused() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    for (text, number) in [
        ("CREATE TABLE t (a int(5))", 2716),
        ("DECLARE @x datetime(3)", 2716),
        ("SELECT CAST(1 AS bit(1))", 291),
        ("CREATE TABLE t (a nvarchar(5, 2))", 2716),
        ("CREATE TABLE t (a float(54))", 2750),
        ("CREATE TABLE t (a int) ON secondary", 1921),
        ("CREATE TABLE t (a int) ON ranges (a)", 1921),
        ("CREATE TABLE t (a int PRIMARY KEY WITH (IGNORE_DUP_KEY = ON))", 50900),
        ("CREATE TABLE t (a int UNIQUE WITH FILLFACTOR = 80)", 50900),
        ("CREATE TABLE t (a int PRIMARY KEY ON secondary)", 1921),
        ("CREATE INDEX i ON Orders (Customer) WITH (FILLFACTOR = 80)", 50900),
        ("CREATE INDEX i ON Orders (Customer) ON secondary", 1921),
        ("SET TRANSACTION ISOLATION LEVEL SNAPSHOT", 50900),
        ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", 0),
        (
            "CREATE TABLE t (a int NOT NULL, b text, CONSTRAINT p PRIMARY KEY CLUSTERED (a) WITH (PAD_INDEX = OFF, IGNORE_DUP_KEY = OFF, ALLOW_ROW_LOCKS = ON) ON [PRIMARY]) ON [PRIMARY] TEXTIMAGE_ON [PRIMARY]",
            0,
        ),
        ("CREATE INDEX i ON t (a) WITH (ONLINE = ON, DROP_EXISTING = OFF) ON [default]", 0),
    ] {
        assert_eq!(refused(&mut *sales, text), number, "{text}");
    }
}

#[test]
fn a_grantor_is_named_by_whoever_may_act_as_it() {
    let instance = tutorial();
    let mut sales = admin(&instance, "Sales");
    good(&mut *sales, "CREATE USER other WITHOUT LOGIN");
    good(&mut *sales, "GRANT SELECT TO other");
    let mut fabric =
        login(&instance, "fabric_login", "Str0ng!Passw0rd2", "Sales").map_err(|m| format!("{m:?}")).expect("logs in");
    for (right, number) in [
        ("GRANT SELECT TO fabric_user WITH GRANT OPTION", 15151),
        // It covers IMPERSONATE on every user.
        ("GRANT CONTROL TO fabric_user", 0),
    ] {
        good(&mut *sales, right);
        assert_eq!(refused(&mut *fabric, "REVOKE SELECT FROM other AS dbo"), number, "{right}");
    }
}

#[test]
fn rights_are_enforced_and_what_is_not_seen_is_not_there() {
    let instance = tutorial();
    let mut fabric =
        login(&instance, "fabric_login", "Str0ng!Passw0rd2", "Sales").map_err(|m| format!("{m:?}")).expect("logs in");
    for (text, number) in [
        ("INSERT INTO Orders (Customer) VALUES ('x')", 229),
        ("CREATE TABLE t (a int)", 262),
        ("CREATE USER x WITHOUT LOGIN", 15247),
        ("CREATE LOGIN x WITH PASSWORD = 'Str0ng!Passw0rd2'", 15247),
        ("GRANT SELECT TO public", 4613),
        ("USE Inventory", 916),
        ("ALTER SERVER ROLE [##MS_LoginManager##] ADD MEMBER admin", 15151),
        ("DROP USER fabric_user", 15151),
        ("KILL 51", 6102),
        ("EXECUTE AS USER = 'dbo'", 15517),
        ("SELECT COUNT(*) FROM dbo.Orders", 0),
        ("SELECT * FROM sys.dm_change_feed_errors", 0),
    ] {
        assert_eq!(refused(&mut *fabric, text), number, "{text}");
    }
    assert_eq!(answer(&mut *fabric, "SELECT name FROM sys.sql_logins ORDER BY name"), "fabric_login;sa");
    assert_eq!(
        answer(
            &mut *fabric,
            "SELECT HAS_PERMS_BY_NAME(NULL, NULL, 'ALTER ANY LOGIN'), IS_SRVROLEMEMBER('##MS_ServerStateReader##'), USER_NAME(), SUSER_SNAME()"
        ),
        "0|1|fabric_user|fabric_login"
    );
    assert_eq!(answer(&mut *fabric, "SELECT name FROM sys.tables"), "Orders");
    good(&mut *admin(&instance, "Sales"), "REVOKE SELECT FROM fabric_user");
    assert_eq!(answer(&mut *fabric, "SELECT name FROM sys.tables"), "");
    assert_eq!(refused(&mut *fabric, "SELECT * FROM dbo.Orders"), 229);
    good(&mut *admin(&instance, "Sales"), "GRANT SELECT (Id) ON dbo.Orders TO fabric_user");
    assert_eq!(answer(&mut *fabric, "SELECT Id FROM dbo.Orders ORDER BY Id"), "1;2;3");
    assert_ne!(refused(&mut *fabric, "SELECT Customer FROM dbo.Orders"), 0);
    // A role is seen with ALTER ANY ROLE (the page of sys.database_principals).
    let mut sales = admin(&instance, "Sales");
    let herd = "SELECT COUNT(*) FROM sys.database_principals WHERE name = 'herd'";
    good(&mut *sales, "CREATE ROLE herd");
    assert_eq!(answer(&mut *fabric, herd), "0");
    good(&mut *sales, "GRANT ALTER ANY ROLE TO fabric_user");
    assert_eq!(answer(&mut *fabric, herd), "1");
}

#[test]
fn grants_follow_the_documented_rules() {
    let instance = tutorial();
    let mut sales = admin(&instance, "Sales");
    let of = "SELECT RTRIM(type), state FROM sys.database_permissions WHERE grantee_principal_id = USER_ID('fabric_user') AND permission_name = 'SELECT'";
    for (text, rows) in [
        ("DENY SELECT TO fabric_user", "SL|D"),
        ("GRANT SELECT TO fabric_user", "SL|G"),
        ("GRANT SELECT TO fabric_user WITH GRANT OPTION", "SL|W"),
        ("GRANT SELECT TO fabric_user", "SL|W"),
        ("REVOKE GRANT OPTION FOR SELECT FROM fabric_user CASCADE", "SL|G"),
        ("REVOKE GRANT OPTION FOR SELECT FROM fabric_user", ""),
        ("REVOKE SELECT FROM fabric_user", ""),
    ] {
        good(&mut *sales, text);
        assert_eq!(answer(&mut *sales, of), rows, "{text}");
    }
    assert_eq!(
        answer(
            &mut *sales,
            "SELECT type FROM sys.fn_builtin_permissions('DATABASE') WHERE permission_name = 'ALTER ANY EXTERNAL MIRROR'"
        ),
        "ALEM"
    );
    good(&mut *sales, "EXECUTE AS USER = 'fabric_user'");
    assert_eq!(
        answer(
            &mut *sales,
            "SELECT COUNT(*) FROM sys.fn_my_permissions(NULL, 'DATABASE') WHERE permission_name = 'ALTER ANY EXTERNAL MIRROR'"
        ),
        "1"
    );
    good(&mut *sales, "REVERT");
}

#[test]
fn transactions_take_everything_back() {
    let instance = instance();
    let mut master = admin(&instance, "master");
    good(&mut *master, "BEGIN TRAN CREATE LOGIN a WITH PASSWORD = 'Str0ng!Passw0rd2'");
    assert_eq!(answer(&mut *master, "SELECT COUNT(*) FROM sys.sql_logins WHERE name = 'A'"), "1");
    let mut other = admin(&instance, "master");
    assert_eq!(answer(&mut *other, "SELECT COUNT(*) FROM sys.sql_logins WHERE name = 'a'"), "0");
    assert_eq!(refused(&mut *other, "SET LOCK_TIMEOUT 30 CREATE LOGIN b WITH PASSWORD = 'Str0ng!Passw0rd2'"), 1222);
    good(&mut *master, "ROLLBACK");
    assert_eq!(answer(&mut *master, "SELECT COUNT(*) FROM sys.sql_logins WHERE name = 'a'"), "0");
    let mut sales = admin(&instance, "Sales");
    good(
        &mut *sales,
        "BEGIN TRAN INSERT INTO Orders (Customer) VALUES ('x') SAVE TRAN s DELETE FROM Orders ROLLBACK TRAN s",
    );
    assert_eq!(answer(&mut *sales, "SELECT COUNT(*), @@TRANCOUNT FROM Orders"), "4|1");
    drop(sales);
    assert_eq!(instance.tables("Sales")[0].changes, 3);
    let mut sales = admin(&instance, "Sales");
    good(
        &mut *sales,
        "UPDATE Orders SET Id = Id FROM Orders WHERE 1 = 0".replace("Id = Id", "Customer = Customer").as_str(),
    );
    good(
        &mut *sales,
        "UPDATE o SET Total = Total + 1 FROM dbo.Orders AS o WHERE Id < 3 DELETE Orders WHERE Customer = 'CID  '",
    );
    let table = &instance.tables("Sales")[0];
    assert_eq!((table.rows, table.changes), (2, 6));
    assert_eq!(refused(&mut *sales, "INSERT INTO Orders (Customer) VALUES ('y'), (NULL)"), 515);
    assert_eq!(answer(&mut *sales, "SELECT Customer, Total FROM Orders ORDER BY Total DESC"), "Bob|3.25;Ann|2.50");
}

#[test]
fn queries_answer_as_t_sql() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    for (text, rows) in [
        (
            "SELECT SERVERPROPERTY('EngineEdition'), SERVERPROPERTY('ProductUpdateType'), @@SERVERNAME",
            "8|Continuous|mi.abc123.database.windows.net",
        ),
        ("SELECT N'a' + 'b', 7 / 2, 7 % 4, 7 / 2.0, -3", "ab|3|3|3.500000|-3"),
        (
            "SELECT CONVERT(varbinary(8), 'aé'), CONVERT(varbinary(8), N'aé'), DATALENGTH('aé'), DATALENGTH(N'aé')",
            "0x61E9|0x6100E900|2|4",
        ),
        ("SELECT 'ж', N'ж'", "?|ж"),
        ("SELECT x = 1 UNION ALL SELECT 2 ORDER BY x DESC", "2;1"),
        ("SELECT TOP (1) WITH TIES Customer FROM Orders ORDER BY LEN(Customer)", "Ann;Bob;Cid"),
        ("SELECT Customer FROM Orders ORDER BY Id OFFSET 1 ROWS FETCH NEXT 1 ROWS ONLY", "Bob"),
        ("WITH c AS (SELECT Customer AS n FROM Orders) SELECT COUNT(*), MAX(n) FROM c", "3|Cid"),
        ("SELECT STRING_AGG(Customer, ',') WITHIN GROUP (ORDER BY Id DESC) FROM Orders", "Cid,Bob,Ann"),
        (
            "SELECT CASE WHEN 'a ' = 'A' THEN 1 ELSE 0 END, CASE WHEN N'é' = N'e' THEN 1 ELSE 0 END, CASE WHEN 'a' = 'A' COLLATE Latin1_General_BIN2 THEN 1 ELSE 0 END",
            "1|0|0",
        ),
        (
            "SELECT o.Customer, k.Id FROM Orders o OUTER APPLY (SELECT TOP (1) i.Id FROM Orders i WHERE i.Id < o.Id ORDER BY i.Id DESC) k ORDER BY o.Id",
            "Ann|NULL;Bob|1;Cid|2",
        ),
        (
            "SELECT Customer FROM Orders WHERE Customer LIKE '[a-b]%' AND Id IN (SELECT Id FROM Orders) ORDER BY 1",
            "Ann;Bob",
        ),
        (
            "SELECT QUOTENAME('a]b'), SUBSTRING('abcdef', 2, 3), CHARINDEX('c', 'ABC'), DATALENGTH(N'ab'), ISNULL(NULL, 'x')",
            "[a]]b]|bcd|3|4|x",
        ),
        (
            "DECLARE @a int = 1, @b nvarchar(10) SET @a += 2 SELECT @b = Customer FROM Orders WHERE Id = @a SELECT @a, @b",
            "3|Cid",
        ),
        ("EXEC sp_executesql N'SELECT @p + 1', N'@p int', @p = 4", "5"),
        ("IF ((SELECT COUNT(*) FROM Orders) = 3) SELECT ((SELECT 2) * 10) ELSE SELECT 0", "20"),
        ("BEGIN TRY SELECT 1/0 END TRY BEGIN CATCH SELECT ERROR_NUMBER() END CATCH", "8134"),
        ("SELECT COUNT(*) FROM master.sys.databases WHERE name IN ('Sales', 'Inventory')", "2"),
        (
            "SELECT CAST(CAST('2024-01-31' AS date) AS nvarchar(20)), DATEDIFF(day, '2024-01-01', '2024-03-01'), CONVERT(varchar(10), DATEADD(month, 1, '2024-01-31'), 120)",
            "2024-01-31|60|2024-02-29",
        ),
        ("IF EXISTS (SELECT 1 FROM sys.tables WHERE name = 'orders') SELECT 'yes' ELSE SELECT 'no'", "yes"),
        (
            "SELECT client_id, is_primary, identity_type FROM sys.dm_server_managed_identities",
            "00000000-0000-0000-0000-00000000000A|1|System-assigned",
        ),
    ] {
        assert_eq!(answer(&mut *sales, text), rows, "{text}");
    }
}

#[test]
fn the_eligibility_query_finds_keys_and_types() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    good(
        &mut *sales,
        "CREATE TABLE dbo.Heap (a xml NULL, b AS 1 + 1, c datetime2(7)) CREATE CLUSTERED COLUMNSTORE INDEX cci ON dbo.Heap",
    );
    let query = include_str!("eligibility.sql");
    let rows = answer(&mut *sales, query);
    let lines: Vec<&str> = rows.split(';').collect();
    assert_eq!(lines.len(), 7, "{rows}");
    assert!(
        lines[0].starts_with("dbo|Heap|") && lines[0].contains("|1|0|NULL|1|a|xml|xml|0|-1|0|0|NULL|0"),
        "{}",
        lines[0]
    );
    assert!(lines[3].contains("|0|1|PK|1|Id|int|int|0|4|0|0|NULL|1"), "{}", lines[3]);
}

#[test]
fn an_entra_principal_enters_by_token() {
    let instance = instance();
    good(&mut *admin(&instance, "master"), "CREATE LOGIN [bob@contoso.com] FROM EXTERNAL PROVIDER");
    let request = |token: &str| LoginRequest {
        credentials: Credentials::Token(token.into()),
        database: None,
        host_name: String::new(),
        application: String::new(),
        library: String::new(),
        transport: emulator_ground::engine::Transport::default(),
    };
    let mut bob = instance.login(&request("bob")).map_err(|m| format!("{m:?}")).expect("bob logs in");
    assert_eq!(
        answer(
            &mut *bob,
            "SELECT type, CAST(sid AS uniqueidentifier) FROM sys.server_principals WHERE name = SUSER_SNAME()"
        ),
        "E|01000000-0000-0000-0000-000000000000"
            .replace("01000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000001")
    );
    assert!(instance.login(&request("eve")).is_err());
}
