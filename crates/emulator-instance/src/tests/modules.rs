//! Functions and views: what their names, arguments and permissions are.

use super::row_security::{FILTER, expect_numbers, sales, seen_by, typed};
use super::*;

#[test]
fn the_target_of_a_modification_is_the_table_it_names() {
    let (_instance, mut session) = sales();
    let session = &mut *session;
    typed(
        session,
        &[
            "CREATE TABLE Security.Sales (OrderId int, SalesRep sysname, Product varchar(10), Qty int)
             INSERT Security.Sales VALUES (9, 'x', 'y', 0), (10, 'x', 'y', 0)",
            "CREATE FUNCTION dbo.one() RETURNS TABLE AS RETURN SELECT 1 AS OrderId",
        ],
    );
    expect_numbers(
        session,
        &[
            ("UPDATE Sales SET Qty = 7 FROM Security.Sales", 50900),
            ("DELETE Sales FROM Security.Sales WHERE OrderId = 10", 50900),
            ("DELETE Sales FROM (SELECT 1 AS OrderId) AS Sales", 50900),
            ("DELETE Sales FROM dbo.one() AS Sales", 50900),
            ("UPDATE Sales SET Qty = 7 FROM Security.Sales, dbo.Sales WHERE dbo.Sales.OrderId = 1", 0),
            ("UPDATE s SET Qty = 8 FROM Security.Sales AS s", 0),
        ],
    );
    assert_eq!(answer(session, "SELECT SUM(OrderId), SUM(Qty) FROM Sales"), "21|25");
    assert_eq!(answer(session, "SELECT SUM(OrderId), SUM(Qty) FROM Security.Sales"), "19|16");
}

#[test]
fn arguments_are_converted_as_by_assignment() {
    let instance = instance();
    let mut session = admin(&instance, "Sales");
    let session = &mut *session;
    for (name, sql_type) in
        [("i", "int"), ("d", "date"), ("v", "varchar(3)"), ("n", "nvarchar(3)"), ("b", "varbinary(9)")]
    {
        good(session, &format!("CREATE FUNCTION dbo.{name}(@v {sql_type}) RETURNS TABLE AS RETURN SELECT @v AS v"));
    }
    good(session, "EXEC sp_set_session_context N'k', 5");
    for (call, number) in [
        ("i(SESSION_CONTEXT(N'k'))", 257),
        ("i(CAST(SESSION_CONTEXT(N'k') AS int))", 0),
        ("i(CAST('2020-01-01' AS datetime))", 257),
        ("b('x')", 257),
        ("i(CAST('2020-01-01' AS date))", 206),
        ("d(1)", 206),
        ("i(NEWID())", 206),
        ("i('x')", 245),
        ("n(12345)", 8115),
        ("v(1.234)", 8115),
        ("v(CAST(1.25 AS money))", 234),
        ("v(CAST(1.25 AS float))", 232),
        ("v(NEWID())", 8170),
        ("d(NULL)", 0),
    ] {
        assert_eq!(refused(session, &format!("SELECT * FROM dbo.{call}")), number, "{call}");
    }
    assert_eq!(answer(session, "SELECT a.v, b.v FROM dbo.v('abcdef') a, dbo.v(12345) b"), "abc|*");
    // So are values of variables and columns; a column takes no `*` for a number.
    good(session, "CREATE TABLE dbo.Row (i int, d date, v varchar(3))");
    for (text, number) in [
        ("DECLARE @i int = SESSION_CONTEXT(N'k')", 257),
        ("DECLARE @i int SET @i = CAST('2020-01-01' AS datetime)", 257),
        ("DECLARE @d date SELECT @d = 1", 206),
        ("INSERT dbo.Row (i) VALUES (SESSION_CONTEXT(N'k'))", 257),
        ("INSERT dbo.Row (i) SELECT SESSION_CONTEXT(N'k')", 257),
        ("INSERT dbo.Row (d) VALUES (1)", 206),
        ("INSERT dbo.Row (v) VALUES (1234)", 8115),
        ("INSERT dbo.Row (v) SELECT 12.34", 8115),
        ("INSERT dbo.Row VALUES (1, NULL, 123)", 0),
        ("UPDATE dbo.Row SET v = 1234", 8115),
        ("UPDATE dbo.Row SET i = SESSION_CONTEXT(N'k')", 257),
        ("UPDATE dbo.Row SET d = 1", 206),
        ("UPDATE dbo.Row SET d = NULL, v = 12", 0),
    ] {
        assert_eq!(refused(session, text), number, "{text}");
    }
    assert_eq!(answer(session, "DECLARE @v varchar(3) = 12345 SELECT @v"), "*");
    let floats = "SELECT CAST(CAST(1.5 AS float) AS varchar(20)), CAST(CAST(0.1 AS float) + 0.2 AS varchar(20)),
        CAST(CAST(1000000 AS float) AS varchar(20)), CONVERT(varchar(30), CAST(12.5 AS float), 1),
        CAST(CAST(123456.7 AS float) AS varchar(9)), CAST(CAST(0 AS float) AS varchar(9))";
    assert_eq!(answer(session, floats), "1.5|0.3|1e+006|1.2500000e+001|123457|0");
    let rounded =
        "SELECT CAST(CAST(10.6 AS money) AS int), CAST(CAST('2020-01-01 18:00' AS datetime) AS int), CAST(10.6 AS int)";
    assert_eq!(answer(session, rounded), "11|43830|10");
    expect_numbers(
        session,
        &[
            ("SELECT TOP (NULL) 1 AS a", 1060),
            ("DECLARE @n int SELECT TOP (@n) 1 AS a", 1014),
            ("SELECT TOP (-1) 1 AS a", 127),
            ("SELECT 1 AS a ORDER BY a OFFSET -1 ROWS", 10742),
            ("SELECT 1 AS a ORDER BY a OFFSET 0 ROWS FETCH NEXT 0 ROWS ONLY", 10744),
        ],
    );
}

#[test]
fn what_grows_with_every_level_is_refused_in_time() {
    let instance = instance();
    let mut session = admin(&instance, "Sales");
    let session = &mut *session;
    let until_refused = |session: &mut dyn Session, text: &dyn Fn(usize) -> String| {
        (0..60).map(|level| refused(session, &text(level))).find(|number| *number != 0)
    };
    let body = |level: usize, first: &str, next: String| if level == 0 { first.to_owned() } else { next };
    let doubled = |level: usize| {
        let query = body(level, "SELECT @a AS x", format!("SELECT x FROM dbo.d{}(@a + @a)", level.wrapping_sub(1)));
        format!("CREATE FUNCTION dbo.d{level}(@a int) RETURNS TABLE AS RETURN {query}")
    };
    let joined = |level: usize| {
        let below = level.wrapping_sub(1);
        let query = body(level, "SELECT 1 AS x", format!("SELECT a.x FROM dbo.j{below} a, dbo.j{below} b"));
        format!("CREATE VIEW dbo.j{level} AS {query}")
    };
    let nested = |level: usize| {
        let query = body(level, "SELECT @a AS x", format!("SELECT x FROM dbo.n{}(@a)", level.wrapping_sub(1)));
        format!("CREATE FUNCTION dbo.n{level}(@a int) RETURNS TABLE AS RETURN {query}")
    };
    assert_eq!(until_refused(session, &doubled), Some(50900));
    assert_eq!(until_refused(session, &joined), Some(50900));
    assert_eq!(until_refused(session, &nested), Some(50900));
    assert_eq!(answer(session, "SELECT x FROM dbo.n20(7)"), "7");
}

#[test]
fn permissions_on_functions_and_policies() {
    let (_instance, mut session) = sales();
    let session = &mut *session;
    good(session, FILTER);
    let f = "Security.fn_securitypredicate";
    for (permission, object, number) in [
        ("SELECT", f, 0),
        ("EXECUTE", f, 4606),
        ("RECEIVE", f, 4606),
        ("VIEW CHANGE TRACKING", f, 4606),
        ("EXECUTE", "dbo.Sales", 4606),
        ("VIEW CHANGE TRACKING", "dbo.Sales", 0),
        ("ALTER", "dbo.SalesFilter", 50900),
        ("SELECT", "dbo.SalesFilter", 50900),
    ] {
        for verb in ["GRANT", "DENY"] {
            assert_eq!(
                refused(session, &format!("{verb} {permission} ON {object} TO Sales1")),
                number,
                "{permission} {object}"
            );
        }
        good(session, &format!("IF {number} = 0 REVOKE {permission} ON {object} TO Sales1"));
    }
    good(session, &format!("GRANT SELECT ON {f} TO Sales2"));
    let mine = format!("SELECT permission_name FROM fn_my_permissions('{f}', 'OBJECT')");
    assert_eq!(seen_by(session, "Sales2", &mine), "SELECT");
    assert_eq!(answer(session, "SELECT COUNT(*) FROM fn_my_permissions('nowhere.Sales', 'OBJECT')"), "0");
}

#[test]
fn names_in_a_module_are_those_of_its_own_schema_and_database() {
    let (instance, mut session) = sales();
    let session = &mut *session;
    typed(
        session,
        &[
            "CREATE SCHEMA Other",
            "CREATE TABLE dbo.Things (Id int) INSERT dbo.Things VALUES (1)",
            "CREATE TABLE Other.Things (Id int) INSERT Other.Things VALUES (2)",
            "CREATE VIEW dbo.Seen AS SELECT Id FROM Things",
            "CREATE FUNCTION Other.things_of(@a int) RETURNS TABLE AS RETURN SELECT Id FROM Things",
            "CREATE FUNCTION dbo.names() RETURNS TABLE AS RETURN SELECT name FROM sys.tables WHERE name = 'Things'",
            "CREATE USER other WITHOUT LOGIN WITH DEFAULT_SCHEMA = Other",
            "GRANT SELECT ON dbo.Seen TO other GRANT SELECT ON Other.things_of TO other",
        ],
    );
    let query = "SELECT (SELECT MAX(Id) FROM dbo.Seen), (SELECT MAX(Id) FROM Other.things_of(0))";
    assert_eq!(answer(session, query), "1|2");
    assert_eq!(seen_by(session, "other", query), "1|2");
    // From another database, which has a table of that name, too.
    let mut elsewhere = admin(&instance, "Inventory");
    let elsewhere = &mut *elsewhere;
    good(elsewhere, "CREATE TABLE dbo.Things (Id int) INSERT dbo.Things VALUES (3)");
    let query = "SELECT (SELECT MAX(Id) FROM Sales.dbo.Seen), (SELECT MAX(Id) FROM Sales.Other.things_of(0)),
        (SELECT COUNT(*) FROM Sales.dbo.names())";
    assert_eq!(answer(elsewhere, query), "1|2|2");
    // Whose user a predicate means then, no page says.
    good(session, FILTER);
    assert_eq!(refused(elsewhere, "SELECT * FROM Sales.dbo.Sales"), 50900);
    // What is changed by one part of a name is the default schema's, if it is there.
    typed(
        session,
        &[
            "CREATE VIEW Other.Seen AS SELECT 1 AS a",
            "ALTER ROLE db_owner ADD MEMBER other EXECUTE AS USER = 'other' DROP VIEW Seen REVERT",
        ],
    );
    assert_eq!(answer(session, "SELECT SCHEMA_NAME(schema_id) FROM sys.views WHERE name = 'Seen'"), "dbo");
    assert_eq!(refused(elsewhere, "DROP VIEW Sales.dbo.Seen"), 166);
}

#[test]
fn what_is_no_part_of_a_module_or_a_subquery() {
    let (_instance, mut session) = sales();
    let session = &mut *session;
    typed(
        session,
        &["CREATE FUNCTION dbo.one() RETURNS TABLE AS RETURN SELECT 1 AS a", "CREATE VIEW dbo.v AS SELECT 1 AS a"],
    );
    let many: Vec<String> = (0..2101).map(|i| format!("@p{i} int")).collect();
    let many = format!("CREATE FUNCTION dbo.g({}) RETURNS TABLE AS RETURN SELECT 1 AS a", many.join(", "));
    expect_numbers(
        session,
        &[
            (&many, 180),
            ("CREATE FUNCTION dbo.g(@a timestamp) RETURNS TABLE AS RETURN SELECT 1 AS a", 50900),
            ("CREATE FUNCTION dbo.g() RETURNS TABLE AS RETURN SELECT Qty INTO dbo.z FROM dbo.Sales", 156),
            ("CREATE VIEW dbo.g AS SELECT Qty INTO dbo.z FROM dbo.Sales", 156),
            ("SELECT a FROM (SELECT 1 AS a INTO dbo.z) d", 156),
            ("CREATE FUNCTION dbo.g() RETURNS TABLE AS RETURN (SELECT Qty FROM dbo.Sales ORDER BY Qty)", 1033),
            ("SELECT Qty FROM (SELECT Qty FROM dbo.Sales ORDER BY Qty) d", 1033),
            ("SELECT Qty FROM (SELECT TOP 1 Qty FROM dbo.Sales ORDER BY Qty) d", 0),
            ("UPDATE dbo.Sales SET Qty = 1 OUTPUT (SELECT MAX(Qty) FROM dbo.Sales)", 10705),
            ("CREATE FUNCTION sys.g() RETURNS TABLE AS RETURN SELECT 1 AS a", 2760),
            ("CREATE TABLE INFORMATION_SCHEMA.g (a int)", 2760),
            ("DROP TABLE dbo.one", 3705),
            ("DROP VIEW dbo.one", 3705),
            ("DROP FUNCTION dbo.v", 3705),
            ("DROP FUNCTION dbo.Sales", 3705),
        ],
    );
}

#[test]
fn definitions_are_seen_with_rights_alone() {
    let (_instance, mut session) = sales();
    let session = &mut *session;
    let f = "Security.fn_securitypredicate";
    good(session, &format!("GRANT SELECT ON {f} TO Sales1"));
    let definition = format!("SELECT LEN(OBJECT_DEFINITION(OBJECT_ID('{f}')))");
    assert_eq!(seen_by(session, "Sales1", &definition), "NULL");
    good(session, &format!("GRANT VIEW DEFINITION ON {f} TO Sales1"));
    assert_ne!(seen_by(session, "Sales1", &definition), "NULL");
}

#[test]
fn aggregates_are_no_arguments() {
    let (_instance, mut session) = sales();
    let session = &mut *session;
    good(session, "CREATE FUNCTION dbo.n(@a int) RETURNS TABLE WITH SCHEMABINDING AS RETURN SELECT @a AS a");
    expect_numbers(
        session,
        &[
            ("CREATE SECURITY POLICY p ADD FILTER PREDICATE dbo.n(COUNT(Qty)) ON dbo.Sales", 50900),
            (
                "CREATE SECURITY POLICY p ADD FILTER PREDICATE dbo.n(ROW_NUMBER() OVER (ORDER BY Qty)) ON dbo.Sales",
                50900,
            ),
            ("SELECT n.a FROM dbo.Sales CROSS APPLY dbo.n(COUNT(Qty)) n", 50900),
        ],
    );
}

#[test]
fn arguments_of_the_systems_functions_read_no_tables() {
    let (_instance, mut session) = sales();
    let session = &mut *session;
    let leak =
        "SELECT * FROM fn_builtin_permissions(CONVERT(varchar(9), CAST((SELECT MAX(Product) FROM dbo.Sales) AS int)))";
    assert_eq!(refused(session, leak), 50900);
    good(session, "CREATE USER nobody WITHOUT LOGIN EXECUTE AS USER = 'nobody'");
    assert_eq!(refused(session, leak), 229);
    let named =
        "SELECT COUNT(*) FROM fn_builtin_permissions((SELECT MAX(name) FROM sys.schemas WHERE name = 'nowhere'))";
    assert_eq!(refused(session, named), 0);
}
