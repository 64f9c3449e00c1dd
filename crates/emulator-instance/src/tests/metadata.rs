//! What drivers ask about a database: the catalog procedures, statements prepared in a text, table variables.

use super::{Outcome, PASSWORD, admin, answer, errors, good, instance, login, refused, run, show};
use emulator_ground::engine::Session;

const TABLES: &str = "CREATE SCHEMA s
    GO
    CREATE TABLE s.Parts (Kind char(2) NOT NULL, Number smallint NOT NULL, Name nvarchar(30) NOT NULL, Price money NULL,
        Made date NULL, Changed datetime2(3) NOT NULL CONSTRAINT DF_Changed DEFAULT (SYSDATETIME()), Stamp rowversion,
        CONSTRAINT PK_Parts PRIMARY KEY (Kind, Number))
    CREATE UNIQUE INDEX UX_Name ON s.Parts (Name DESC)
    CREATE TABLE dbo.Uses (Id bigint IDENTITY NOT NULL CONSTRAINT PK_Uses PRIMARY KEY NONCLUSTERED, Kind char(2) NULL,
        Number smallint NULL, Text varchar(max) NULL, Half AS Number / 2,
        CONSTRAINT FK_Uses FOREIGN KEY (Kind, Number) REFERENCES s.Parts (Kind, Number) ON DELETE CASCADE)
    GO
    CREATE FUNCTION dbo.Cheap (@most money, @kind char(2)) RETURNS TABLE AS
        RETURN SELECT Name FROM s.Parts WHERE Price < @most AND Kind = @kind";

fn parts() -> (std::sync::Arc<super::Instance>, Box<dyn Session>) {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    TABLES.split("GO\n").for_each(|batch| good(&mut *sales, batch));
    (instance, sales)
}

/// Names of the columns of the first result, and their types.
fn columns(session: &mut dyn Session, text: &str) -> Vec<String> {
    let found = run(session, text).into_iter().find_map(|outcome| match outcome {
        Outcome::Rows { columns, .. } => Some(columns),
        _ => None,
    });
    found.unwrap_or_default().iter().map(|column| format!("{} {:?}", column.name, column.sql_type)).collect()
}

/// The named columns of the rows.
fn picked(session: &mut dyn Session, text: &str, names: &[&str]) -> String {
    let outcomes = run(session, text);
    assert_eq!(errors(&outcomes), vec![], "{text}");
    let mut lines = Vec::new();
    for outcome in outcomes {
        let Outcome::Rows { columns, rows } = outcome else { continue };
        let at = |name: &&str| columns.iter().position(|c| c.name == **name).unwrap_or_else(|| panic!("no {name}"));
        let places: Vec<usize> = names.iter().map(at).collect();
        lines.extend(rows.iter().map(|row| places.iter().map(|at| show(&row[*at])).collect::<Vec<_>>().join("|")));
    }
    lines.join(";")
}

#[test]
fn sp_tables_lists_what_may_be_read() {
    let (instance, mut sales) = parts();
    assert_eq!(
        answer(&mut *sales, "EXEC sp_tables NULL, 's'; EXEC sp_tables @table_name = 'Ord%', @table_type = '''TABLE'''"),
        "Sales|s|Parts|TABLE|NULL;Sales|dbo|Orders|TABLE|NULL"
    );
    assert_eq!(answer(&mut *sales, "EXEC sp_tables 'P_rts', 's', 'Sales', NULL, 0"), "");
    assert_eq!(answer(&mut *sales, "EXEC sp_tables 'P_rts', 's', 'Sales', NULL, 1"), "Sales|s|Parts|TABLE|NULL");
    assert_eq!(answer(&mut *sales, "EXEC sp_tables 'tables', 'sys'"), "Sales|sys|tables|VIEW|NULL");
    assert_eq!(refused(&mut *sales, "EXEC sp_tables NULL, NULL, 'Inventory'"), 15250);
    // As SQLTables enumerates databases, schemas and types.
    assert!(answer(&mut *sales, "EXEC sp_tables '', '', '%'").contains("Inventory|NULL|NULL|NULL|NULL"));
    assert!(answer(&mut *sales, "EXEC sp_tables '', '%', ''").contains("NULL|s|NULL|NULL|NULL"));
    assert_eq!(picked(&mut *sales, "EXEC sp_tables '', '', '', '%'", &["TABLE_TYPE"]), "SYSTEM TABLE;TABLE;VIEW");
    // Who may read one table sees that one, in all of these.
    good(&mut *admin(&instance, "master"), &format!("CREATE LOGIN plain WITH PASSWORD = '{PASSWORD}'"));
    good(
        &mut *sales,
        "CREATE USER plain FOR LOGIN plain GRANT SELECT ON s.Parts TO plain GRANT VIEW DEFINITION ON dbo.Uses TO plain",
    );
    let mut plain = login(&instance, "plain", PASSWORD, "Sales").map_err(|m| format!("{m:?}")).unwrap();
    assert_eq!(answer(&mut *plain, "EXEC sp_tables '%', NULL, NULL, \"'TABLE'\""), "Sales|s|Parts|TABLE|NULL");
    assert_eq!(picked(&mut *plain, "EXEC sp_pkeys 'Uses'", &["COLUMN_NAME"]), "Id");
    assert_eq!(answer(&mut *plain, "EXEC sp_pkeys 'Orders' EXEC sp_statistics 'Orders' EXEC sp_columns 'Orders'"), "");
    assert_eq!(answer(&mut *plain, "EXEC sp_databases"), "");
    assert_eq!(
        picked(&mut *sales, "EXEC sp_databases", &["DATABASE_NAME"]),
        "Inventory;master;model;msdb;Sales;tempdb"
    );
}

#[test]
fn sp_columns_describes_types_as_odbc_knows_them() {
    let (_instance, mut sales) = parts();
    let names = &["COLUMN_NAME", "DATA_TYPE", "TYPE_NAME", "PRECISION", "LENGTH", "SCALE", "RADIX", "NULLABLE"];
    assert_eq!(
        picked(&mut *sales, "EXEC sp_columns_100 'Parts', 's', 'Sales', NULL, 2, 3", names)
            .split(';')
            .collect::<Vec<_>>(),
        [
            "Kind|1|char|2|2|NULL|NULL|0",
            "Number|5|smallint|5|2|0|10|0",
            "Name|-9|nvarchar|30|60|NULL|NULL|0",
            "Price|3|money|19|21|4|10|1",
            "Made|91|date|10|6|0|NULL|1",
            "Changed|93|datetime2|23|16|3|NULL|0",
            "Stamp|-2|timestamp|8|8|NULL|NULL|0",
        ]
    );
    let uses = picked(&mut *sales, "EXEC sp_columns_100 'Uses', @ODBCVer = 3", names);
    assert_eq!(uses.split(';').next(), Some("Id|-5|bigint identity|19|8|0|10|0"));
    assert!(uses.contains("Text|12|varchar|0|0|NULL|NULL|1"), "{uses}");
    // Older ones get texts in the place of later types, and dates by the codes of ODBC 2.
    assert_eq!(
        picked(&mut *sales, "EXEC sp_columns 'Parts', 's', NULL, 'Made'", names),
        "Made|-9|date|10|20|NULL|NULL|1"
    );
    let rest =
        &["COLUMN_DEF", "SQL_DATA_TYPE", "SQL_DATETIME_SUB", "CHAR_OCTET_LENGTH", "ORDINAL_POSITION", "IS_NULLABLE"];
    assert_eq!(
        picked(&mut *sales, "EXEC sp_columns_100 'Parts', 's', NULL, 'C%', 0, 3", rest),
        "(sysdatetime())|9|3|NULL|6|NO"
    );
    let flags = &["COLUMN_NAME", "SS_IS_COMPUTED", "SS_IS_IDENTITY", "SS_DATA_TYPE"];
    assert_eq!(picked(&mut *sales, "EXEC sp_columns_100 'Uses', 'dbo', NULL, '[IH]%'", flags), "Id|0|1|63;Half|1|0|38");
    assert_eq!(columns(&mut *sales, "EXEC sp_columns 'nothing'").len(), 19);
    let later = columns(&mut *sales, "EXEC sp_columns_100 'nothing'");
    assert_eq!(
        (later.len(), later[4].as_str(), later[28].as_str()),
        (29, "DATA_TYPE SmallInt", "SS_DATA_TYPE TinyInt")
    );
    assert_eq!(refused(&mut *sales, "EXEC sp_columns"), 201);
    // The catalog's own views have columns, too.
    assert_eq!(picked(&mut *sales, "EXEC sp_columns 'schemas', 'sys', NULL, 'name'", &["TYPE_NAME"]), "nvarchar");
}

#[test]
fn keys_and_indexes_are_described() {
    let (_instance, mut sales) = parts();
    assert_eq!(
        answer(&mut *sales, "EXEC sp_pkeys 'Parts', 's'"),
        "Sales|s|Parts|Kind|1|PK_Parts;Sales|s|Parts|Number|2|PK_Parts"
    );
    // Without an owner: the caller's own schema, then dbo.
    assert_eq!(answer(&mut *sales, "EXEC sp_pkeys 'Parts'"), "");
    assert_eq!(answer(&mut *sales, "EXEC sp_pkeys @table_name = N'uses'"), "Sales|dbo|Uses|Id|1|PK_Uses");
    let keys = "Sales|s|Parts|Kind|Sales|dbo|Uses|Kind|1|1|0|FK_Uses|PK_Parts|7;\
                Sales|s|Parts|Number|Sales|dbo|Uses|Number|2|1|0|FK_Uses|PK_Parts|7";
    assert_eq!(answer(&mut *sales, "EXEC sp_fkeys 'Parts', 's'"), keys);
    assert_eq!(answer(&mut *sales, "EXEC sp_fkeys @fktable_name = 'Uses'"), keys);
    assert_eq!(answer(&mut *sales, "EXEC sp_fkeys 'Uses'"), "");
    assert_eq!(refused(&mut *sales, "EXEC sp_fkeys"), 15252);
    good(&mut *sales, "INSERT INTO s.Parts (Kind, Number, Name) VALUES ('a', 1, 'x'), ('a', 2, 'y')");
    assert_eq!(
        answer(&mut *sales, "EXEC sp_statistics_100 'Parts', 's'").split(';').collect::<Vec<_>>(),
        [
            "Sales|s|Parts|NULL|NULL|NULL|0|NULL|NULL|NULL|2|NULL|NULL",
            "Sales|s|Parts|0|Parts|PK_Parts|1|1|Kind|A|2|NULL|NULL",
            "Sales|s|Parts|0|Parts|PK_Parts|1|2|Number|A|2|NULL|NULL",
            "Sales|s|Parts|0|Parts|UX_Name|3|1|Name|D|2|NULL|NULL",
        ]
    );
    let special = &["SCOPE", "COLUMN_NAME", "DATA_TYPE", "TYPE_NAME", "PSEUDO_COLUMN"];
    assert_eq!(
        picked(&mut *sales, "EXEC sp_special_columns 'Parts', 's'", special),
        "0|Kind|1|char|1;0|Number|5|smallint|1"
    );
    assert_eq!(
        picked(&mut *sales, "EXEC sp_special_columns_100 'Parts', 's', NULL, 'V', 'T', 'U', 3", special),
        "0|Stamp|-2|timestamp|1"
    );
}

#[test]
fn privileges_and_routines_are_described() {
    let (_instance, mut sales) = parts();
    good(
        &mut *sales,
        "CREATE USER a WITHOUT LOGIN CREATE USER b WITHOUT LOGIN
         GRANT SELECT ON s.Parts TO a WITH GRANT OPTION GRANT UPDATE ON s.Parts (Price) TO b DENY DELETE ON s.Parts TO b",
    );
    let names = &["GRANTOR", "GRANTEE", "PRIVILEGE", "IS_GRANTABLE"];
    assert_eq!(
        picked(&mut *sales, "EXEC sp_table_privileges 'Part%', 's'", names),
        "dbo|dbo|DELETE|YES;dbo|dbo|INSERT|YES;dbo|dbo|REFERENCES|YES;dbo|dbo|SELECT|YES;dbo|a|SELECT|YES;dbo|dbo|UPDATE|YES"
    );
    assert_eq!(
        picked(&mut *sales, "EXEC sp_column_privileges 'Parts', 's', NULL, 'Price'", names),
        "dbo|dbo|INSERT|YES;dbo|dbo|REFERENCES|YES;dbo|dbo|SELECT|YES;dbo|a|SELECT|YES;dbo|dbo|UPDATE|YES;dbo|b|UPDATE|NO"
    );
    assert_eq!(
        answer(&mut *sales, "EXEC sp_stored_procedures '%', 'dbo'; EXEC sp_stored_procedures 'sp_who'"),
        "Sales|dbo|Cheap;0|-1|-1|-1|NULL|2;Sales|sys|sp_who;1|-1|-1|-1|NULL|2"
    );
    let parameters = &["COLUMN_NAME", "COLUMN_TYPE", "TYPE_NAME", "PRECISION", "ORDINAL_POSITION"];
    assert_eq!(
        picked(&mut *sales, "EXEC sp_sproc_columns_100 'Cheap'", parameters),
        "@TABLE_RETURN_VALUE|3|table|0|0;@most|1|money|19|1;@kind|1|char|2|2"
    );
}

#[test]
fn roles_and_their_members_are_listed() {
    let instance = super::tutorial();
    let mut sales = admin(&instance, "Sales");
    good(&mut *sales, "CREATE ROLE readers ALTER ROLE readers ADD MEMBER fabric_user");
    let roles = picked(&mut *sales, "EXEC sp_helprole", &["RoleName", "IsAppRole"]);
    assert!(roles.contains("public|0") && roles.contains("db_owner|0") && roles.contains("readers|0"), "{roles}");
    assert_eq!(picked(&mut *sales, "EXEC sp_helprole 'DB_OWNER'", &["RoleName", "RoleId"]), "db_owner|16384");
    let members = &["DbRole", "MemberName"];
    assert_eq!(picked(&mut *sales, "EXEC sp_helprolemember 'readers'", members), "readers|fabric_user");
    assert_eq!(picked(&mut *sales, "EXEC sp_helprolemember", members), "readers|fabric_user");
    assert_eq!(
        picked(&mut *sales, "EXEC sp_helpsrvrolemember '##MS_ServerStateReader##'", &["ServerRole", "MemberName"]),
        "##MS_ServerStateReader##|fabric_login"
    );
    assert_eq!(
        columns(&mut *sales, "EXEC sp_helpsrvrolemember"),
        ["ServerRole NVarChar(Some(128))", "MemberName NVarChar(Some(128))", "MemberSID VarBinary(Some(85))"]
    );
    assert_eq!(refused(&mut *sales, "EXEC sp_helprole 'nothing'"), 15409);
    assert_eq!(refused(&mut *sales, "EXEC sp_helprolemember 'dbo'"), 15409);
    assert_eq!(refused(&mut *sales, "EXEC sp_helpsrvrolemember 'nothing'"), 15412);
    assert_eq!(refused(&mut *sales, "EXEC sp_helpsrvrolemember 'public'"), 15412);
}

#[test]
fn types_and_attributes_of_the_server_are_listed() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    // A batch may begin with a procedure's name: so JDBC's driver asks.
    assert_eq!(answer(&mut *sales, "sp_datatype_info_100 @ODBCVer=3").split(';').count(), 37);
    let names = &["TYPE_NAME", "DATA_TYPE", "PRECISION", "LITERAL_PREFIX", "CREATE_PARAMS", "USERTYPE"];
    assert_eq!(
        picked(&mut *sales, "EXEC sp_datatype_info -9", names),
        "datetimeoffset|-9|34|'|scale|0;time|-9|16|'|scale|0;nvarchar|-9|4000|N'|max length|0;sysname|-9|128|N'|NULL|18;\
         date|-9|10|'|NULL|0;datetime2|-9|27|'|scale|0"
    );
    assert_eq!(picked(&mut *sales, "EXEC sp_datatype_info_100 6, 2", names), "float|6|15|NULL|NULL|8");
    assert_eq!(columns(&mut *sales, "EXEC sp_datatype_info").len(), 20);
    assert_eq!(answer(&mut *sales, "EXEC sp_server_info 1"), "1|DBMS_NAME|Microsoft SQL Server");
    assert_eq!(answer(&mut *sales, "EXEC sp_server_info").split(';').count(), 29);
    let most = "SELECT CAST(maximum AS int) FROM sys.configurations WHERE name = 'user connections'";
    assert_eq!(answer(&mut *sales, most), "32767");
}

#[test]
fn a_text_prepares_and_executes_statements() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    let text = "DECLARE @h int
        EXEC sp_prepare @h OUTPUT, N'@id int, @more nvarchar(10)', N'SELECT Customer + @more FROM dbo.Orders WHERE Id = @id'
        EXEC sp_execute @h, 1, N'!'
        EXEC sp_execute @h, @more = N'?', @id = 2
        EXEC sp_unprepare @h
        EXEC sp_prepexec @h OUTPUT, NULL, N'SELECT COUNT(*) FROM dbo.Orders'
        EXEC sp_execute @h";
    assert_eq!(answer(&mut *sales, text), "Ann!;Bob?;3;3");
    assert_eq!(refused(&mut *sales, "EXEC sp_execute 99"), 8179);
    assert_eq!(refused(&mut *sales, "EXEC sp_unprepare 99"), 8179);
    assert_eq!(refused(&mut *sales, "EXEC sp_prepare"), 201);
    assert_eq!(
        errors(&run(&mut *sales, "DECLARE @h int EXEC sp_prepare @h OUTPUT, NULL, N'SELECT 1 +'"))
            .iter()
            .map(|error| error.0)
            .collect::<Vec<_>>(),
        [102, 8180]
    );
    sales.reset(false);
    assert_eq!(refused(&mut *sales, "EXEC sp_execute 2"), 8179);
}

#[test]
fn table_variables_take_what_a_procedure_returns() {
    let (_instance, mut sales) = parts();
    let text = "DECLARE @t TABLE (Q sysname, O sysname, T sysname, C sysname, N smallint, K sysname);
        INSERT INTO @t EXEC sp_pkeys 'Parts', 's';
        SELECT T + '.' + C AS Name, N FROM @t WHERE N > 1;
        SELECT COUNT(*) FROM @t a JOIN @t b ON a.K = b.K;
        SELECT @@ROWCOUNT";
    assert_eq!(answer(&mut *sales, text), "Parts.Number|2;4;1");
    assert_eq!(
        answer(
            &mut *sales,
            "DECLARE @t AS TABLE (A int NOT NULL, B varchar(3)) INSERT @t (B, A) VALUES ('x', 1), (NULL, 2)
             INSERT INTO @t (A) SELECT Id + 10 FROM dbo.Orders
             INSERT INTO @t EXEC ('SELECT 7, ''y'' SELECT 8, ''z''') SELECT A, B FROM @t AS t ORDER BY t.A"
        ),
        "1|x;2|NULL;7|y;8|z;11|NULL;12|NULL;13|NULL"
    );
    // No transaction touches them.
    assert_eq!(
        answer(&mut *sales, "DECLARE @t TABLE (A int) BEGIN TRAN INSERT @t VALUES (1) ROLLBACK SELECT * FROM @t"),
        "1"
    );
    let declared = "DECLARE @t TABLE (A int NOT NULL, B varchar(3)) ";
    for (text, number) in [
        ("SELECT * FROM @nothing", 1087),
        ("INSERT INTO @nothing VALUES (1)", 1087),
        ("DECLARE @t TABLE (A int)", 134),
        ("DECLARE @t int", 134),
        ("DECLARE @v int DECLARE @v TABLE (A int)", 134),
        ("INSERT @t VALUES (1)", 213),
        ("INSERT @t EXEC sp_server_info 1", 213),
        ("INSERT @t (A, C) VALUES (1, 2)", 207),
        ("INSERT @t (B) VALUES ('x')", 515),
        ("INSERT @t VALUES (1, 'long')", 2628),
        ("INSERT @t VALUES ('x', 'y')", 245),
        // A text of its own does not see them.
        ("EXEC ('SELECT * FROM @t')", 1087),
        ("UPDATE @t SET A = 1", 50900),
        ("DELETE @t", 50900),
        ("DECLARE @u TABLE (A int PRIMARY KEY)", 50900),
        ("DECLARE @u TABLE (A int IDENTITY)", 50900),
        ("DECLARE @u TABLE (A xml, B text)", 50900),
    ] {
        assert_eq!(refused(&mut *sales, &format!("{declared} {text}")), number, "{text}");
    }
    assert_eq!(refused(&mut *sales, "SELECT * FROM @t"), 1087);
}

#[test]
fn connections_are_shown_to_those_with_the_right() {
    let instance = super::tutorial();
    let mut sales = admin(&instance, "Sales");
    assert_eq!(
        answer(
            &mut *sales,
            "SELECT c.net_transport, c.protocol_type, c.encrypt_option, c.auth_scheme, s.login_name, c.client_tcp_port
             FROM sys.dm_exec_connections AS c JOIN sys.dm_exec_sessions AS s ON c.session_id = s.session_id
             WHERE c.session_id = @@SPID"
        ),
        "TCP|TSQL|TRUE|SQL|admin|NULL"
    );
    let mut fabric =
        login(&instance, "fabric_login", "Str0ng!Passw0rd2", "Sales").map_err(|m| format!("{m:?}")).unwrap();
    assert_eq!(
        answer(&mut *fabric, "SELECT COUNT(*), COUNT(DISTINCT connection_id) FROM sys.dm_exec_connections"),
        "2|2"
    );
    good(&mut *sales, "EXEC sp_dropsrvrolemember 'fabric_login', '##MS_ServerStateReader##'");
    assert_eq!(refused(&mut *fabric, "SELECT * FROM sys.dm_exec_connections WHERE session_id = @@SPID"), 300);
}

#[test]
fn anybody_may_ask_for_the_permissions_of_a_change_feed() {
    let instance = super::tutorial();
    let mut sales = admin(&instance, "Sales");
    let mut fabric =
        login(&instance, "fabric_login", "Str0ng!Passw0rd2", "Sales").map_err(|m| format!("{m:?}")).unwrap();
    let asked = "SELECT sys.fn_has_change_feed_permissions(2), sys.fn_has_change_feed_permissions(DEFAULT), \
                 sys.fn_has_change_feed_permissions(0), sys.fn_has_change_feed_permissions(7)";
    assert_eq!(answer(&mut *sales, asked), "1|1|1|0");
    assert_eq!(answer(&mut *fabric, asked), "1|1|0|0");
    // The role gives two of the four.
    good(&mut *sales, "EXEC sp_dropsrvrolemember 'fabric_login', '##MS_ServerStateReader##'");
    assert_eq!(answer(&mut *fabric, asked), "0|0|0|0");
    good(&mut *sales, "GRANT VIEW DATABASE PERFORMANCE STATE, VIEW DATABASE SECURITY STATE TO fabric_user");
    assert_eq!(answer(&mut *fabric, asked), "1|1|0|0");
    assert_eq!(refused(&mut *fabric, "SELECT fn_has_change_feed_permissions(2)"), 195);
    assert_eq!(refused(&mut *fabric, "SELECT sys.fn_has_change_feed_permissions()"), 174);
}
