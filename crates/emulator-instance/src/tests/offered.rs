//! Everything of the server's own that texts may name: an example of each function, and each view by itself.

use std::collections::BTreeSet;

use super::super::{catalog, functions};
use super::{PASSWORD, admin, answer, good, instance, login};

/// Calls and what Microsoft's pages of the functions say of them; others see what this instance must answer.
const EXAMPLES: &[(&str, &str)] = &[
    ("UPPER('Abc')", "ABC"),
    ("LOWER('Abc')", "abc"),
    ("'<' + LTRIM('  a ') + '>'", "<a >"),
    ("'<' + RTRIM(' a  ') + '>'", "< a>"),
    ("'<' + TRIM('  test    ') + '>'", "<test>"),
    ("REPLACE('abcdefghicde','cde','xxx')", "abxxxfghixxx"),
    ("SUBSTRING('abcdef', 2, 3)", "bcd"),
    ("LEFT('abcdefg', 2)", "ab"),
    ("RIGHT('abcdefg', 2)", "fg"),
    ("CHARINDEX('is', 'This is a string')", "3"),
    ("CHARINDEX('is', 'This is a string', 4)", "6"),
    ("QUOTENAME('abc[]def')", "[abc[]]def]"),
    ("PATINDEX('%ter%', 'interesting data')", "3"),
    ("PATINDEX('%[^ 0-9A-z]%', 'Please ensure the door is locked!')", "33"),
    ("PATINDEX('data', 'data base')", "0"),
    ("LTRIM('123abc.', '123')", "abc."),
    ("RTRIM('.123abc.', 'abc.')", ".123"),
    ("TRIM('.,! ' FROM '     #     test    .')", "#     test"),
    ("TRIM(LEADING '.,! ' FROM '     .#     test    .')", "#     test    ."),
    ("TRIM(TRAILING '.,! ' FROM '.#     test    .')", ".#     test"),
    ("TRIM(BOTH '123' FROM '123abc123')", "abc"),
    ("ASCII('A')", "65"),
    ("ASCII('€')", "128"),
    ("CHAR(65) + CHAR(128)", "A€"),
    ("CHAR(256)", "NULL"),
    ("NCHAR(248)", "ø"),
    ("UNICODE(N'Åkergatan 24')", "197"),
    ("REVERSE('Ken')", "neK"),
    ("'<' + SPACE(2) + '>'", "<  >"),
    ("STUFF('abcdef', 2, 3, 'ijklmn')", "aijklmnef"),
    ("STUFF('abcdef', 7, 1, 'x')", "NULL"),
    ("TRANSLATE('2*[3+4]/{7-2}', '[]{}', '()()')", "2*(3+4)/(7-2)"),
    ("PARSENAME('[a.b].Sales.dbo.T', 1)", "T"),
    ("PARSENAME('Sales..T', 2)", "NULL"),
    ("sys.fn_has_change_feed_permissions(2)", "1"),
    ("ABS(-1.0)", "1.0"),
    ("ROUND(123.4545, 2)", "123.4500"),
    ("ROUND(150.75, 0, 1)", "150.00"),
    ("LEN(CAST(NEWID() AS varchar(36)))", "36"),
    ("DATEDIFF(hour, GETDATE(), SYSDATETIME())", "0"),
    ("DATEDIFF(hour, GETUTCDATE(), SYSUTCDATETIME())", "0"),
    ("DATEDIFF(hour, CURRENT_TIMESTAMP, GETDATE())", "0"),
    ("SESSION_CONTEXT(N'nothing')", "NULL"),
    ("HOST_NAME()", "host"),
    ("APP_NAME()", "test"),
    ("XACT_STATE()", "0"),
    ("ERROR_NUMBER()", "NULL"),
    ("ERROR_SEVERITY()", "NULL"),
    ("ERROR_STATE()", "NULL"),
    ("ERROR_LINE()", "NULL"),
    ("ERROR_MESSAGE()", "NULL"),
    ("ERROR_PROCEDURE()", "NULL"),
    ("SCOPE_IDENTITY()", "NULL"),
    ("CAST(SERVERPROPERTY('EngineEdition') AS int)", "8"),
    ("CAST(SERVERPROPERTY('nonsense') AS varchar(10))", "NULL"),
    ("CAST(DATABASEPROPERTYEX('Sales', 'Updateability') AS varchar(20))", "READ_WRITE"),
    ("DB_NAME()", "Sales"),
    ("DB_NAME(1)", "master"),
    ("DB_ID('master')", "1"),
    ("SCHEMA_NAME(1)", "dbo"),
    ("SCHEMA_ID('dbo')", "1"),
    ("OBJECT_NAME(OBJECT_ID('dbo.Orders'))", "Orders"),
    ("OBJECT_ID('dbo.NoSuch')", "NULL"),
    ("OBJECT_SCHEMA_NAME(OBJECT_ID('dbo.Orders'))", "dbo"),
    ("COL_NAME(OBJECT_ID('dbo.Orders'), 2)", "Customer"),
    ("TYPE_NAME(56)", "int"),
    ("TYPE_ID('int')", "56"),
    ("OBJECTPROPERTY(OBJECT_ID('dbo.Orders'), 'IsTable')", "1"),
    ("OBJECTPROPERTY(OBJECT_ID('dbo.Orders'), 'nonsense')", "NULL"),
    ("CAST(OBJECTPROPERTYEX(OBJECT_ID('dbo.Orders'), 'IsUserTable') AS int)", "1"),
    ("COLUMNPROPERTY(OBJECT_ID('dbo.Orders'), 'Id', 'IsIdentity')", "1"),
    ("COLUMNPROPERTY(OBJECT_ID('dbo.Orders'), 'Note', 'AllowsNull')", "1"),
    ("OBJECT_DEFINITION(OBJECT_ID('dbo.Open'))", "CREATE VIEW dbo.[Open] AS SELECT Id FROM dbo.Orders"),
    ("INDEX_COL('dbo.Orders', 1, 1)", "Id"),
    ("IDENT_SEED('dbo.Orders')", "1"),
    ("IDENT_INCR('dbo.Orders')", "1"),
    ("IDENT_CURRENT('dbo.Orders')", "3"),
    ("SUSER_SID('sa')", "0x01"),
    ("SUSER_ID('sa')", "1"),
    ("SUSER_NAME(1)", "sa"),
    ("SUSER_SNAME(0x01)", "sa"),
    ("ORIGINAL_LOGIN()", "admin"),
    ("SYSTEM_USER", "admin"),
    ("SESSION_USER", "dbo"),
    ("CURRENT_USER", "dbo"),
    ("USER", "dbo"),
    ("USER_NAME(1)", "dbo"),
    ("USER_ID('dbo')", "1"),
    ("DATABASE_PRINCIPAL_ID('dbo')", "1"),
    ("HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER STATE')", "1"),
    ("HAS_PERMS_BY_NAME('dbo.Orders', 'OBJECT', 'SELECT')", "1"),
    ("HAS_DBACCESS('Sales')", "1"),
    ("HAS_DBACCESS('NoSuch')", "NULL"),
    ("IS_SRVROLEMEMBER('sysadmin')", "1"),
    ("IS_ROLEMEMBER('db_owner')", "1"),
    ("IS_MEMBER('db_owner')", "1"),
    ("IS_MEMBER('nonsense')", "NULL"),
    ("CAST(LOGINPROPERTY('admin', 'IsLocked') AS int)", "0"),
    ("(SELECT PWDCOMPARE('Str0ng!Passw0rd', password_hash) FROM sys.sql_logins WHERE name = 'admin')", "1"),
    ("(SELECT PWDCOMPARE('another', password_hash) FROM sys.sql_logins WHERE name = 'admin')", "0"),
    // Those whose types depend on their arguments.
    ("ISNULL(NULL, 'a')", "a"),
    ("COALESCE(NULL, NULL, 3)", "3"),
    ("NULLIF(1, 1)", "NULL"),
    ("IIF(1 < 2, 'less', 'more')", "less"),
    ("LEN('abc  ')", "3"),
    ("DATALENGTH(N'abc')", "6"),
    ("CONCAT('a', NULL, 1)", "a1"),
    ("CONCAT_WS(',', 'a', NULL, 1)", "a,1"),
    ("REPLICATE('0', 4)", "0000"),
    ("REPLICATE('0', -1)", "NULL"),
    ("LEN(REPLICATE(N'ab', 3000))", "4000"),
    ("LEN(REPLICATE('ab', 5000))", "8000"),
    ("LEN(REPLICATE(CAST('ab' AS varchar(max)), 5000))", "10000"),
    ("YEAR('2026-11-24') * 10000 + MONTH('2026-11-24') * 100 + DAY('2026-11-24')", "20261124"),
    ("CAST('12' AS int) + 1", "13"),
    ("CONVERT(varchar(10), CAST('2026-11-24' AS date), 23)", "2026-11-24"),
    ("TRY_CAST('x' AS int)", "NULL"),
    ("TRY_CONVERT(int, 'x')", "NULL"),
    ("DATEDIFF(day, '2020-01-01', '2020-02-01')", "31"),
    ("DATEDIFF_BIG(day, '2020-01-01', '2020-02-01')", "31"),
    ("DATEPART(year, '2026-11-24')", "2026"),
    ("DATENAME(month, '2026-11-24')", "November"),
    ("DATENAME(weekday, '2026-11-24')", "Tuesday"),
    ("DATENAME(day, '2026-11-24')", "24"),
    ("CONVERT(varchar(10), DATEADD(month, 1, CAST('2026-01-31' AS date)), 23)", "2026-02-28"),
    ("(SELECT COUNT(*) FROM dbo.Orders)", "3"),
    ("(SELECT COUNT_BIG(*) FROM dbo.Orders)", "3"),
    ("(SELECT SUM(Total) FROM dbo.Orders)", "6.75"),
    ("(SELECT MIN(Total) FROM dbo.Orders)", "1.50"),
    ("(SELECT MAX(Customer) FROM dbo.Orders)", "Cid"),
    ("(SELECT AVG(Total) FROM dbo.Orders)", "2.250000"),
    ("(SELECT STRING_AGG(Customer, ',') WITHIN GROUP (ORDER BY Customer DESC) FROM dbo.Orders)", "Cid,Bob,Ann"),
    ("(SELECT MAX(n) FROM (SELECT ROW_NUMBER() OVER (ORDER BY Id) AS n FROM dbo.Orders) AS t)", "3"),
    ("(SELECT MAX(n) FROM (SELECT RANK() OVER (ORDER BY LEN(Customer)) AS n FROM dbo.Orders) AS t)", "1"),
    ("(SELECT MAX(n) FROM (SELECT DENSE_RANK() OVER (ORDER BY Total) AS n FROM dbo.Orders) AS t)", "3"),
];

#[test]
fn every_function_answers_its_example() {
    let instance = instance();
    let mut session = admin(&instance, "Sales");
    good(&mut *session, "CREATE VIEW dbo.[Open] AS SELECT Id FROM dbo.Orders");
    let mut wrong = Vec::new();
    for (call, expected) in EXAMPLES {
        let found = answer(&mut *session, &format!("SELECT {call}"));
        if found != *expected {
            wrong.push(format!("{call}: {found}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let caught = "BEGIN TRY SELECT 1/0 END TRY BEGIN CATCH SELECT ERROR_NUMBER(), ERROR_SEVERITY(), ERROR_STATE(), \
                  ERROR_LINE(), ERROR_MESSAGE(), ERROR_PROCEDURE() END CATCH";
    assert_eq!(answer(&mut *session, caught), "8134|16|1|1|Divide by zero error encountered.|NULL");
    let inserted = "INSERT INTO dbo.Orders (Customer) VALUES ('Dan'); SELECT SCOPE_IDENTITY(), @@IDENTITY";
    assert_eq!(answer(&mut *session, inserted), "4|4");

    let words: BTreeSet<String> = EXAMPLES
        .iter()
        .flat_map(|(call, _)| call.split(|c: char| !c.is_alphanumeric() && c != '_'))
        .map(str::to_lowercase)
        .collect();
    let without: Vec<_> = functions::callable().map(|f| f.name).filter(|name| !words.contains(*name)).collect();
    assert!(without.is_empty(), "there is no example of {without:?}");
}

#[test]
fn every_view_is_read_by_the_administrator_and_shows_others_no_more() {
    let instance = instance();
    good(&mut *admin(&instance, "master"), "CREATE LOGIN plain WITH PASSWORD = 'Str0ng!Passw0rd'");
    good(&mut *admin(&instance, "Sales"), "CREATE USER plain FOR LOGIN plain");
    let mut privileged = admin(&instance, "Sales");
    let mut plain = login(&instance, "plain", PASSWORD, "Sales").map_err(|m| format!("{m:?}")).unwrap();
    for name in catalog::names().filter(|name| name.contains('.')) {
        let count = format!("SELECT COUNT(*) FROM {name}");
        let all: i64 = answer(&mut *privileged, &count).parse().unwrap();
        let outcomes = super::run(&mut *plain, &count);
        match super::errors(&outcomes).first() {
            // Views of the server's state want a right.
            Some((number, ..)) => assert!(matches!(number, 262 | 297 | 300 | 371), "{name}: {outcomes:?}"),
            None => assert!(answer(&mut *plain, &count).parse::<i64>().unwrap() <= all, "{name}"),
        }
    }
    // Without a right to it, a table and all that is of it is not there.
    for (view, column) in [("sys.tables", "name"), ("sys.objects", "name"), ("INFORMATION_SCHEMA.TABLES", "TABLE_NAME")]
    {
        let text = format!("SELECT COUNT(*) FROM {view} WHERE {column} = 'Orders'");
        assert_eq!((answer(&mut *privileged, &text), answer(&mut *plain, &text)), ("1".into(), "0".into()), "{view}");
    }
}
