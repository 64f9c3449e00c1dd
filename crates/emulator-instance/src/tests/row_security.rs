//! Row-level security, and the functions its predicates are made of.

use super::*;

pub(super) fn typed(session: &mut dyn Session, batches: &[&str]) {
    for batch in batches {
        good(session, batch);
    }
}

/// Each text with its number; 0 is success.
pub(super) fn expect_numbers(session: &mut dyn Session, texts: &[(&str, i32)]) {
    for (text, number) in texts {
        assert_eq!(refused(session, text), *number, "{text}");
    }
}

const SALES: &str = "CREATE TABLE dbo.Sales (OrderId int, SalesRep sysname, Product varchar(10), Qty int);
    INSERT dbo.Sales VALUES (1, 'Sales1', 'Valve', 5), (2, 'Sales1', 'Wheel', 2), (3, 'Sales1', 'Valve', 4),
        (4, 'Sales2', 'Bracket', 2), (5, 'Sales2', 'Wheel', 5), (6, 'Sales2', 'Seat', 5)";
const PREDICATE: &str = "CREATE FUNCTION Security.fn_securitypredicate(@SalesRep AS sysname)
    RETURNS TABLE WITH SCHEMABINDING AS
    RETURN SELECT 1 AS fn_securitypredicate_result WHERE @SalesRep = USER_NAME() OR USER_NAME() = 'Manager'";

/// The first example of the page "Row-level security", its policy apart.
pub(super) fn sales() -> (Arc<Instance>, Box<dyn Session>) {
    let instance = instance();
    let mut session = admin(&instance, "Sales");
    let users = ["Manager", "Sales1", "Sales2"];
    for user in users {
        good(&mut *session, &format!("CREATE USER {user} WITHOUT LOGIN"));
    }
    typed(&mut *session, &[SALES, "CREATE SCHEMA Security", PREDICATE]);
    for user in users {
        good(&mut *session, &format!("GRANT SELECT, INSERT, UPDATE, DELETE ON dbo.Sales TO {user}"));
    }
    (instance, session)
}

pub(super) const FILTER: &str =
    "CREATE SECURITY POLICY SalesFilter ADD FILTER PREDICATE Security.fn_securitypredicate(SalesRep)
    ON dbo.Sales WITH (STATE = ON)";

pub(super) fn seen_by(session: &mut dyn Session, user: &str, query: &str) -> String {
    answer(session, &format!("EXECUTE AS USER = '{user}'; {query} REVERT"))
}

#[test]
fn a_filter_hides_rows_from_every_query() {
    let (instance, mut session) = sales();
    let session = &mut *session;
    good(session, FILTER);
    let ids = "SELECT OrderId FROM Sales ORDER BY OrderId";
    assert_eq!(seen_by(session, "Sales1", ids), "1;2;3");
    assert_eq!(seen_by(session, "Sales2", ids), "4;5;6");
    assert_eq!(seen_by(session, "Manager", ids), "1;2;3;4;5;6");
    // Whoever owns the table, too.
    assert_eq!(answer(session, ids), "");
    good(session, "CREATE VIEW dbo.Orders2 AS SELECT OrderId, Qty FROM dbo.Sales");
    good(session, "GRANT SELECT ON dbo.Orders2 TO Sales2");
    for (query, expected) in [
        ("SELECT COUNT(*), SUM(Qty) FROM Sales", "3|12"),
        ("SELECT OrderId FROM dbo.Orders2 ORDER BY 1", "4;5;6"),
        ("SELECT a.OrderId FROM Sales a JOIN Sales b ON a.Qty = b.Qty AND a.OrderId < b.OrderId", "5"),
        ("WITH c AS (SELECT * FROM Sales) SELECT COUNT(*) FROM c", "3"),
        ("SELECT 1 WHERE EXISTS (SELECT 1 FROM Sales WHERE SalesRep = 'Sales1')", ""),
        ("SELECT (SELECT MIN(OrderId) FROM Sales)", "4"),
        ("SELECT x.n FROM (SELECT 1 AS one) d CROSS APPLY (SELECT COUNT(*) AS n FROM Sales) x", "3"),
        ("DECLARE @n int SELECT @n = COUNT(*) FROM Sales SELECT @n", "3"),
    ] {
        assert_eq!(seen_by(session, "Sales2", query), expected, "{query}");
    }
    // What is hidden is neither changed nor deleted; it may be inserted, and rows may be changed out of sight.
    assert_eq!(seen_by(session, "Sales1", "UPDATE Sales SET Qty = 9 SELECT @@ROWCOUNT"), "3");
    assert_eq!(
        seen_by(session, "Sales1", "UPDATE s SET Qty = 8 FROM Sales s WHERE OrderId > 3 SELECT @@ROWCOUNT"),
        "0"
    );
    assert_eq!(seen_by(session, "Sales1", "DELETE Sales WHERE OrderId IN (3, 4) SELECT @@ROWCOUNT"), "1");
    assert_eq!(
        seen_by(session, "Sales1", "INSERT Sales VALUES (7, 'Sales2', 'Seat', 1) SELECT COUNT(*) FROM Sales"),
        "2"
    );
    assert_eq!(
        seen_by(session, "Sales1", "UPDATE Sales SET SalesRep = 'Sales2' WHERE OrderId = 2 SELECT COUNT(*) FROM Sales"),
        "1"
    );
    assert_eq!(seen_by(session, "Manager", "SELECT OrderId, Qty FROM Sales ORDER BY 1"), "1|9;2|9;4|2;5|5;6|5;7|1");
    // What a mirror reads is complete: the limitations of mirroring say that policies are not carried over.
    let table = instance.tables("Sales").into_iter().find(|table| table.name == "Sales").expect("it is there");
    assert_eq!(table.rows, 6);
    good(session, "ALTER SECURITY POLICY SalesFilter WITH (STATE = OFF)");
    assert_eq!(seen_by(session, "Sales1", ids), "1;2;4;5;6;7");
    // Like all DDL it is part of a transaction.
    good(session, "BEGIN TRANSACTION DROP SECURITY POLICY SalesFilter ROLLBACK");
    assert_eq!(
        answer(session, "SELECT name, is_enabled, is_schema_bound FROM sys.security_policies"),
        "SalesFilter|0|1"
    );
}

/// The second example of the page: a middle tier tells who its user is.
#[test]
fn a_block_predicate_refuses_rows_of_others() {
    let instance = instance();
    let mut session = admin(&instance, "Sales");
    let session = &mut *session;
    typed(
        session,
        &[
            "CREATE TABLE Sales (OrderId int, AppUserId int, Product varchar(10), Qty int)
             INSERT Sales VALUES (1, 1, 'Valve', 5), (2, 1, 'Wheel', 2), (3, 1, 'Valve', 4), (4, 2, 'Bracket', 2),
                 (5, 2, 'Wheel', 5), (6, 2, 'Seat', 5)
             CREATE USER AppUser WITHOUT LOGIN
             GRANT SELECT, INSERT, UPDATE, DELETE ON Sales TO AppUser
             DENY UPDATE ON Sales(AppUserId) TO AppUser",
            "CREATE SCHEMA Security",
            "CREATE FUNCTION Security.fn_securitypredicate(@AppUserId int) RETURNS TABLE WITH SCHEMABINDING AS
             RETURN SELECT 1 AS fn_securitypredicate_result
                 WHERE DATABASE_PRINCIPAL_ID() = DATABASE_PRINCIPAL_ID('AppUser')
                     AND CAST(SESSION_CONTEXT(N'UserId') AS int) = @AppUserId",
            "CREATE SECURITY POLICY Security.SalesFilter
                 ADD FILTER PREDICATE Security.fn_securitypredicate(AppUserId) ON dbo.Sales,
                 ADD BLOCK PREDICATE Security.fn_securitypredicate(AppUserId) ON dbo.Sales AFTER INSERT
                 WITH (STATE = ON)",
            "EXECUTE AS USER = 'AppUser'",
        ],
    );
    let ids = "SELECT OrderId FROM Sales ORDER BY 1";
    assert_eq!(answer(session, ids), "");
    good(session, "EXEC sp_set_session_context @key = N'UserId', @value = 1");
    assert_eq!(answer(session, ids), "1;2;3");
    good(session, "EXEC sp_set_session_context @key = N'UserId', @value = 2, @read_only = 1");
    assert_eq!(answer(session, ids), "4;5;6");
    expect_numbers(
        session,
        &[
            ("INSERT INTO Sales VALUES (7, 1, 'Seat', 12)", 33504),
            ("INSERT INTO Sales VALUES (7, 2, 'Seat', 12), (8, 1, 'Seat', 12)", 33504),
            ("EXEC sp_set_session_context N'UserId', 1", 15664),
            ("INSERT INTO Sales VALUES (7, 2, 'Seat', 12)", 0),
        ],
    );
    assert_eq!(answer(session, ids), "4;5;6;7");
    session.reset(false);
    assert_eq!(answer(session, "SELECT SESSION_CONTEXT(N'UserId')"), "NULL");
}

#[test]
fn block_predicates_have_their_operations() {
    let (_instance, mut session) = sales();
    let session = &mut *session;
    good(
        session,
        "CREATE FUNCTION Security.small(@n int) RETURNS TABLE WITH SCHEMABINDING AS RETURN SELECT 1 AS r WHERE @n < 5",
    );
    let policy = |operation: &str| {
        format!(
            "CREATE SECURITY POLICY Security.SmallOnly ADD BLOCK PREDICATE Security.small(Qty) ON dbo.Sales {operation}"
        )
    };
    let (insert, grow) = ("INSERT Sales VALUES (9, 'x', 'y', 7)", "UPDATE Sales SET Qty = 8 WHERE OrderId = 2");
    let (shrink, delete) = ("UPDATE Sales SET Qty = 1 WHERE OrderId = 1", "DELETE Sales WHERE OrderId = 1");
    let other = "UPDATE Sales SET Product = 'z' WHERE OrderId = 1";
    for (operation, refused_ones) in [
        ("AFTER INSERT", &[insert][..]),
        ("AFTER UPDATE", &[grow]),
        ("BEFORE UPDATE", &[shrink, other]),
        ("BEFORE DELETE", &[delete]),
        // "The optimizer will not check an AFTER UPDATE block predicate if none of the columns … were changed."
        ("", &[insert, grow, shrink, other, delete]),
    ] {
        good(session, &policy(operation));
        for text in [insert, grow, shrink, delete, other] {
            let expected = if refused_ones.contains(&text) { 33504 } else { 0 };
            assert_eq!(refused(session, &format!("BEGIN TRANSACTION {text}")), expected, "{operation}: {text}");
            good(session, "IF @@TRANCOUNT > 0 ROLLBACK");
        }
        good(session, "DROP SECURITY POLICY Security.SmallOnly");
    }
    assert_eq!(answer(session, "SELECT SUM(Qty), COUNT(*) FROM Sales"), "23|6");
}

#[test]
fn policies_are_refused_with_the_servers_numbers() {
    let (_instance, mut session) = sales();
    let session = &mut *session;
    typed(
        session,
        &[
            "CREATE FUNCTION dbo.loose(@a int) RETURNS TABLE AS RETURN SELECT 1 AS r WHERE @a > 0",
            "CREATE VIEW dbo.Seen AS SELECT OrderId FROM dbo.Sales",
            "CREATE TABLE dbo.Other (Id int, Rep sysname)",
            FILTER,
        ],
    );
    let f = "Security.fn_securitypredicate";
    let of = |text: &str| text.replace("{f}", f);
    for (text, number) in [
        ("CREATE SECURITY POLICY SalesFilter", 2714),
        ("CREATE SECURITY POLICY nowhere.p", 2760),
        ("CREATE SECURITY POLICY p ADD FILTER PREDICATE {f}(Rep) ON dbo.Nothing", 33268),
        ("CREATE SECURITY POLICY p ADD FILTER PREDICATE {f}(Rep) ON #temp", 33269),
        ("CREATE SECURITY POLICY p ADD FILTER PREDICATE {f}(OrderId) ON dbo.Seen", 33263),
        ("CREATE SECURITY POLICY p ADD FILTER PREDICATE dbo.Sales(Id) ON dbo.Other", 33270),
        ("CREATE SECURITY POLICY p ADD FILTER PREDICATE dbo.nothing(Id) ON dbo.Other", 33270),
        ("CREATE SECURITY POLICY p ADD FILTER PREDICATE dbo.loose(Id) ON dbo.Other", 4513),
        ("CREATE SECURITY POLICY p ADD FILTER PREDICATE {f}(Nothing) ON dbo.Other", 207),
        ("CREATE SECURITY POLICY p ADD FILTER PREDICATE {f}(@user) ON dbo.Other", 137),
        ("CREATE SECURITY POLICY p ADD FILTER PREDICATE {f}() ON dbo.Other", 313),
        ("CREATE SECURITY POLICY p ADD FILTER PREDICATE {f}(Rep, 1) ON dbo.Other", 8144),
        (
            "CREATE SECURITY POLICY p ADD FILTER PREDICATE {f}((SELECT MAX(SalesRep) FROM dbo.Sales)) ON dbo.Other",
            50900,
        ),
        (
            "CREATE SECURITY POLICY p ADD FILTER PREDICATE {f}(Rep) ON dbo.Other, ADD FILTER PREDICATE {f}(Rep) ON dbo.Other",
            33262,
        ),
        (
            "CREATE SECURITY POLICY p ADD BLOCK PREDICATE {f}(Rep) ON dbo.Other, ADD BLOCK PREDICATE {f}(Rep) ON dbo.Other AFTER INSERT",
            33262,
        ),
        ("CREATE SECURITY POLICY p ADD BLOCK PREDICATE {f}(SalesRep) ON dbo.Sales", 33264),
        ("CREATE SECURITY POLICY p ADD BLOCK PREDICATE {f}(SalesRep) ON dbo.Sales WITH (STATE = OFF)", 0),
        ("ALTER SECURITY POLICY p WITH (STATE = ON)", 33264),
        ("ALTER SECURITY POLICY nothing WITH (STATE = ON)", 33268),
        ("ALTER SECURITY POLICY dbo.Sales WITH (STATE = ON)", 33271),
        ("ALTER SECURITY POLICY p DROP FILTER PREDICATE ON dbo.Sales", 33261),
        ("ALTER SECURITY POLICY p DROP BLOCK PREDICATE ON dbo.Sales AFTER INSERT", 33261),
        (
            "ALTER SECURITY POLICY p ALTER BLOCK PREDICATE {f}(Product) ON dbo.Sales, ADD FILTER PREDICATE {f}(Rep) ON dbo.Other",
            0,
        ),
        ("ALTER SECURITY POLICY p DROP BLOCK PREDICATE ON dbo.Sales", 0),
        ("ALTER SECURITY POLICY p ADD NOT FOR REPLICATION", 0),
        ("ALTER SECURITY POLICY p WITH (STATE = ON)", 0),
        ("DROP SECURITY POLICY nothing", 3701),
        ("DROP SECURITY POLICY IF EXISTS nothing", 0),
        // What is schema-bound is held fast.
        ("DROP TABLE dbo.Sales", 3729),
        ("DROP FUNCTION {f}", 3729),
        ("ALTER FUNCTION {f}(@SalesRep sysname) RETURNS TABLE AS RETURN SELECT 1 AS r", 3729),
        ("ALTER TABLE dbo.Sales DROP COLUMN SalesRep", 4922),
        ("ALTER TABLE dbo.Sales ALTER COLUMN SalesRep nvarchar(200)", 4922),
        ("EXEC sp_rename 'dbo.Sales', 'Sold'", 15336),
        ("EXEC sp_rename 'dbo.Sales.SalesRep', 'Rep', 'COLUMN'", 15336),
        ("EXEC sp_rename 'Security.fn_securitypredicate', 'f'", 15336),
        ("EXEC sp_rename 'SalesFilter', 'f'", 50900),
        ("DROP SCHEMA Security", 3729),
        // Other columns are not.
        ("ALTER TABLE dbo.Sales DROP COLUMN Product", 0),
        ("ALTER TABLE dbo.Sales ADD Product varchar(20)", 0),
    ] {
        let text = of(text);
        assert_eq!(refused(session, &text), number, "{text}");
    }
    assert_eq!(
        answer(
            session,
            "SELECT p.name, s.security_predicate_id, OBJECT_NAME(s.target_object_id), s.predicate_definition,
                 s.predicate_type_desc, s.operation_desc, p.is_not_for_replication
             FROM sys.security_predicates s JOIN sys.security_policies p ON p.object_id = s.object_id ORDER BY 1"
        ),
        "p|2|Other|([Security].[fn_securitypredicate]([Rep]))|FILTER|NULL|1;\
         SalesFilter|1|Sales|([Security].[fn_securitypredicate]([SalesRep]))|FILTER|NULL|0"
    );
}

#[test]
fn who_may_make_a_policy() {
    let (_instance, mut session) = sales();
    let session = &mut *session;
    typed(session, &["CREATE USER officer WITHOUT LOGIN", "GRANT ALTER ON SCHEMA::dbo TO officer"]);
    let create = format!("EXECUTE AS USER = 'officer' {FILTER}");
    for (missing, number) in [
        ("ALTER ANY SECURITY POLICY", 262),
        ("REFERENCES ON dbo.Sales", 33268),
        ("SELECT ON Security.fn_securitypredicate", 229),
        ("REFERENCES ON Security.fn_securitypredicate", 229),
    ] {
        assert_eq!(refused(session, &create), number, "without {missing}");
        good(session, &format!("REVERT GRANT {missing} TO officer"));
    }
    good(session, "DENY REFERENCES (SalesRep) ON dbo.Sales TO officer");
    assert_eq!(refused(session, &create), 230);
    // "The security policy manager does not require SELECT permission on the tables they protect."
    good(session, &format!("REVERT REVOKE REFERENCES (SalesRep) ON dbo.Sales TO officer {create} REVERT"));
    assert_eq!(seen_by(session, "officer", "SELECT COUNT(*) FROM sys.security_policies"), "1");
    assert_eq!(seen_by(session, "Sales1", "SELECT COUNT(*) FROM sys.security_policies"), "0");
    assert_eq!(refused(session, "EXECUTE AS USER = 'Sales1' DROP SECURITY POLICY SalesFilter"), 3701);
    good(session, "REVERT EXECUTE AS USER = 'officer' DROP SECURITY POLICY SalesFilter");
}

#[test]
fn without_schema_binding_the_caller_needs_rights() {
    let (_instance, mut session) = sales();
    let session = &mut *session;
    typed(
        session,
        &[
            "CREATE TABLE Security.Reps (Name sysname) INSERT Security.Reps VALUES ('Sales1')",
            "CREATE FUNCTION Security.listed(@rep sysname) RETURNS TABLE AS
                 RETURN SELECT 1 AS r FROM Security.Reps WHERE Name = @rep",
            "CREATE SECURITY POLICY Security.ListedOnly ADD FILTER PREDICATE Security.listed(SalesRep) ON dbo.Sales
                 WITH (SCHEMABINDING = OFF)",
        ],
    );
    let ids = "SELECT OrderId FROM Sales ORDER BY 1";
    assert_eq!(answer(session, ids), "1;2;3");
    assert_eq!(refused(session, &format!("EXECUTE AS USER = 'Sales2' {ids}")), 229);
    // The function's owner owns the table, too.
    good(session, "REVERT GRANT SELECT ON Security.listed TO Sales2");
    assert_eq!(seen_by(session, "Sales2", ids), "1;2;3");
    good(session, "DROP FUNCTION Security.listed");
    assert_eq!(refused(session, ids), 33512);
    assert_eq!(refused(session, "DROP TABLE dbo.Sales"), 50900);
    good(session, "DROP SECURITY POLICY Security.ListedOnly DROP TABLE dbo.Sales");
}

#[test]
fn functions_return_tables() {
    let (_instance, mut session) = sales();
    let session = &mut *session;
    typed(
        session,
        &[
            "CREATE FUNCTION dbo.of_rep(@rep sysname, @least int = 3) RETURNS TABLE AS
                 RETURN (SELECT OrderId, Qty * 2 AS Twice FROM dbo.Sales WHERE SalesRep = @rep AND Qty >= @least)",
            "CREATE FUNCTION dbo.one() RETURNS TABLE AS RETURN SELECT 1 AS [a b], CAST(NULL AS date) AS d",
            "CREATE OR ALTER FUNCTION dbo.twice(@n int) RETURNS TABLE RETURN (SELECT @n * 2 AS n);",
            "CREATE FUNCTION dbo.thrice(@n int) RETURNS TABLE RETURN WITH c AS (SELECT @n AS n) SELECT n * 3 AS n FROM c;",
            "CREATE USER reader WITHOUT LOGIN GRANT SELECT ON dbo.of_rep TO reader",
        ],
    );
    for (query, expected) in [
        ("SELECT * FROM dbo.of_rep('Sales1', DEFAULT) ORDER BY 1", "1|10;3|8"),
        ("SELECT OrderId FROM of_rep('Sales2', 5) AS r WHERE Twice > 1 ORDER BY 1", "5;6"),
        ("DECLARE @r sysname = 'Sales2' SELECT COUNT(*) FROM dbo.of_rep(@r, 0)", "3"),
        ("SELECT [a b], d FROM dbo.one()", "1|NULL"),
        (
            "SELECT s.OrderId, t.n FROM Sales s CROSS APPLY dbo.twice(s.Qty) t WHERE s.OrderId < 3 ORDER BY 1",
            "1|10;2|4",
        ),
        ("SELECT x.k, y.n FROM dbo.twice(4) AS x (k), dbo.thrice(4) y", "8|12"),
        (
            "SELECT OBJECT_DEFINITION(OBJECT_ID('dbo.one', 'IF'))",
            "CREATE FUNCTION dbo.one() RETURNS TABLE AS RETURN SELECT 1 AS [a b], CAST(NULL AS date) AS d",
        ),
        ("SELECT type, type_desc FROM sys.objects WHERE name = 'of_rep'", "IF|SQL_INLINE_TABLE_VALUED_FUNCTION"),
        (
            "SELECT name, column_id FROM sys.columns WHERE object_id = OBJECT_ID('dbo.of_rep') ORDER BY 2",
            "OrderId|1;Twice|2",
        ),
        (
            "SELECT OBJECTPROPERTY(OBJECT_ID('dbo.one'), 'IsInlineFunction'), OBJECTPROPERTY(OBJECT_ID('dbo.one'), 'IsSchemaBound')",
            "1|0",
        ),
        (
            "SELECT ROUTINE_NAME, ROUTINE_TYPE, DATA_TYPE FROM INFORMATION_SCHEMA.ROUTINES ORDER BY 1",
            "fn_securitypredicate|FUNCTION|TABLE;of_rep|FUNCTION|TABLE;one|FUNCTION|TABLE;thrice|FUNCTION|TABLE;twice|FUNCTION|TABLE",
        ),
        (
            "SELECT p.name, p.parameter_id, t.name, p.max_length FROM sys.parameters p JOIN sys.types t ON t.user_type_id = p.user_type_id
             WHERE p.object_id = OBJECT_ID('dbo.of_rep') ORDER BY 2",
            "@rep|1|sysname|256;@least|2|int|4",
        ),
        ("SELECT HAS_PERMS_BY_NAME('dbo.one', 'OBJECT', 'SELECT')", "1"),
        ("EXECUTE AS USER = 'reader' SELECT COUNT(*) FROM dbo.of_rep('Sales1', 0) REVERT", "3"),
    ] {
        assert_eq!(answer(session, query), expected, "{query}");
    }
    for (text, number) in [
        ("SELECT * FROM dbo.of_rep", 216),
        ("SELECT * FROM dbo.Sales(1)", 215),
        ("SELECT * FROM dbo.nothing(1)", 208),
        ("SELECT * FROM dbo.of_rep('x')", 313),
        ("SELECT * FROM dbo.of_rep('x', 1, 2)", 8144),
        ("SELECT dbo.one()", 4121),
        ("SELECT * FROM Sales s CROSS APPLY dbo.of_rep(s.SalesRep, 0)", 50900),
        ("EXECUTE AS USER = 'reader' SELECT * FROM dbo.one()", 229),
        ("REVERT", 0),
        ("SELECT 1 CREATE FUNCTION dbo.g() RETURNS TABLE AS RETURN SELECT 1 AS a", 111),
        ("CREATE FUNCTION dbo.one() RETURNS TABLE AS RETURN SELECT 1 AS a", 2714),
        ("CREATE FUNCTION dbo.Sales() RETURNS TABLE AS RETURN SELECT 1 AS a", 2714),
        ("CREATE TABLE dbo.one (a int)", 2714),
        ("CREATE FUNCTION dbo.g() RETURNS TABLE AS RETURN SELECT 1", 4514),
        ("CREATE FUNCTION dbo.g() RETURNS TABLE AS RETURN SELECT 1 AS a, 2 AS A", 4506),
        ("CREATE FUNCTION dbo.g(@a int, @A int) RETURNS TABLE AS RETURN SELECT 1 AS a", 134),
        ("CREATE FUNCTION dbo.g() RETURNS TABLE AS RETURN SELECT @a AS a", 137),
        ("CREATE FUNCTION dbo.g() RETURNS TABLE AS RETURN SELECT a FROM dbo.nothing", 208),
        ("CREATE FUNCTION dbo.g() RETURNS int AS BEGIN RETURN 1 END", 50900),
        ("CREATE FUNCTION dbo.g() RETURNS @t TABLE (a int) AS BEGIN RETURN END", 50900),
        ("CREATE FUNCTION dbo.g() RETURNS TABLE WITH SCHEMABINDING AS RETURN SELECT OrderId FROM Sales", 4512),
        ("CREATE FUNCTION dbo.g() RETURNS TABLE WITH SCHEMABINDING AS RETURN SELECT name FROM sys.tables", 2720),
        ("CREATE FUNCTION dbo.g() RETURNS TABLE WITH SCHEMABINDING AS RETURN SELECT n FROM dbo.twice(1)", 4513),
        ("ALTER FUNCTION dbo.nothing() RETURNS TABLE AS RETURN SELECT 1 AS a", 208),
        ("ALTER FUNCTION dbo.one() RETURNS TABLE AS RETURN SELECT * FROM dbo.one()", 4429),
        ("DROP FUNCTION dbo.nothing", 3701),
        ("DROP FUNCTION dbo.one, dbo.twice", 0),
        ("DROP FUNCTION IF EXISTS dbo.one", 0),
    ] {
        assert_eq!(refused(session, text), number, "{text}");
    }
}

#[test]
fn views_and_functions_cannot_read_themselves() {
    let (_instance, mut session) = sales();
    let session = &mut *session;
    typed(
        session,
        &[
            "CREATE VIEW dbo.a AS SELECT OrderId FROM dbo.Sales",
            "CREATE VIEW dbo.b AS SELECT OrderId FROM dbo.a",
            "CREATE FUNCTION dbo.f(@n int) RETURNS TABLE AS RETURN SELECT OrderId FROM dbo.b WHERE OrderId = @n",
        ],
    );
    expect_numbers(
        session,
        &[
            ("ALTER VIEW dbo.a AS SELECT OrderId FROM dbo.a", 4429),
            ("ALTER VIEW dbo.a AS SELECT OrderId FROM dbo.b", 4429),
            ("ALTER VIEW dbo.a AS SELECT OrderId FROM dbo.f(1)", 4429),
        ],
    );
    // A predicate's function that reads the table it guards.
    typed(
        session,
        &[
            "CREATE FUNCTION Security.own(@n int) RETURNS TABLE WITH SCHEMABINDING AS RETURN SELECT 1 AS r FROM dbo.Sales WHERE OrderId = @n",
        ],
    );
    good(session, "CREATE SECURITY POLICY Security.own_policy ADD FILTER PREDICATE Security.own(OrderId) ON dbo.Sales");
    assert_eq!(refused(session, "SELECT * FROM dbo.Sales"), 50900);
}

#[test]
fn session_context_has_its_rules() {
    let instance = instance();
    let mut session = admin(&instance, "Sales");
    let session = &mut *session;
    let long = format!("EXEC sp_set_session_context N'{}', 1", "k".repeat(129));
    for (text, number) in [
        ("EXEC sp_set_session_context NULL, 1", 225),
        ("EXEC sp_set_session_context N'', 1", 15666),
        (&long, 15666),
        ("EXEC sp_set_session_context N'a'", 201),
        ("SELECT SESSION_CONTEXT('a')", 8116),
        ("SELECT SESSION_CONTEXT(NULL)", 8116),
        ("BEGIN TRANSACTION EXEC sp_set_session_context N'a', N'kept' ROLLBACK", 0),
    ] {
        assert_eq!(refused(session, text), number, "{text}");
    }
    assert_eq!(answer(session, "SELECT SESSION_CONTEXT(N'A'), SESSION_CONTEXT(N'b')"), "kept|NULL");
}

#[test]
fn values_of_an_update_are_read_with_rights_alone() {
    let (_instance, mut session) = sales();
    let session = &mut *session;
    typed(
        session,
        &[
            FILTER,
            "CREATE TABLE dbo.Secret (V varchar(10)) INSERT dbo.Secret VALUES ('hidden')",
            "CREATE USER writer WITHOUT LOGIN GRANT UPDATE ON dbo.Secret TO writer GRANT UPDATE ON dbo.Sales TO writer",
            "EXECUTE AS USER = 'writer'",
        ],
    );
    expect_numbers(
        session,
        &[
            // "SELECT permissions are also required … if expression in the SET clause uses a column in the table".
            ("UPDATE dbo.Secret SET V = V + 'x'", 229),
            ("UPDATE dbo.Sales SET Product = (SELECT MAX(V) FROM dbo.Secret)", 229),
            ("UPDATE TOP (SELECT COUNT(*) FROM dbo.Secret) dbo.Sales SET Product = 'x'", 229),
            ("UPDATE dbo.Secret SET V = 'x'", 0),
            ("REVERT UPDATE dbo.Sales SET Product = (SELECT MAX(V) FROM dbo.Secret)", 0),
        ],
    );
    // Without schema binding the function, too, is read.
    typed(
        session,
        &[
            "DROP SECURITY POLICY SalesFilter",
            "CREATE SECURITY POLICY SalesFilter ADD FILTER PREDICATE Security.fn_securitypredicate(SalesRep) ON dbo.Sales
                 WITH (SCHEMABINDING = OFF)",
        ],
    );
    assert_eq!(refused(session, "EXECUTE AS USER = 'Sales1' DELETE dbo.Sales"), 229);
}

#[test]
fn a_value_of_the_session_context_is_compared_with_its_own_kind() {
    let instance = instance();
    let mut session = admin(&instance, "Sales");
    let session = &mut *session;
    assert_eq!(refused(session, "EXEC sp_set_session_context N'k', 1, 'x'"), 8114);
    good(session, "EXEC sp_set_session_context N'n', 1 EXEC sp_set_session_context N't', N'1'");
    for (condition, holds) in [
        ("SESSION_CONTEXT(N'n') = 1", true),
        // "sql_variant": numbers are never equal to text, and greater.
        ("SESSION_CONTEXT(N'n') = N'1'", false),
        ("SESSION_CONTEXT(N'n') <> N'1'", true),
        ("SESSION_CONTEXT(N'n') > N'z'", true),
        ("N'z' < SESSION_CONTEXT(N'n')", true),
        ("SESSION_CONTEXT(N't') = N'1'", true),
        ("SESSION_CONTEXT(N't') = 1", false),
        ("SESSION_CONTEXT(N't') < 0", true),
        ("SESSION_CONTEXT(N'n') IN (N'1')", false),
        ("SESSION_CONTEXT(N'nothing') <> 1", false),
        ("SESSION_CONTEXT(N't') <> CAST(NULL AS int)", false),
    ] {
        let query = format!("SELECT COUNT(*) WHERE {condition}");
        assert_eq!(answer(session, &query), if holds { "1" } else { "0" }, "{condition}");
    }
}
