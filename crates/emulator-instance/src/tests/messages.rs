//! Messages with their severities and texts, as the server's list of messages has them.

use super::{Outcome, admin, instance, run};

const MESSAGES: &[(&str, i32, u8, &str)] = &[
    (
        "UPDATE dbo.Orders SET Customer = 'a', Customer = 'b'",
        264,
        16,
        "The column name 'Customer' is specified more than once in the SET clause or column list of an INSERT. A column cannot be assigned more than one value in the same clause. Modify the clause to make sure that a column is updated only once. If this statement updates or inserts columns into a view, column aliasing can conceal the duplication in your code.",
    ),
    (
        "WITH c AS (SELECT 1 AS n UNION ALL SELECT TOP 1 n + 1 FROM c) SELECT n FROM c",
        461,
        16,
        "The TOP or OFFSET operator is not allowed in the recursive part of a recursive common table expression 'c'.",
    ),
    ("SELECT RIGHT('abc', -1)", 536, 16, "Invalid length parameter passed to the right function."),
    ("SELECT LEFT('abc', -1)", 537, 16, "Invalid length parameter passed to the LEFT or SUBSTRING function."),
    ("SELECT CAST(1 AS nonsense)", 243, 16, "Type nonsense is not a defined system type."),
    ("SELECT CAST(1 AS bit(1))", 291, 16, "CAST or CONVERT: invalid attributes specified for type 'bit'"),
    ("DECLARE @t time(8)", 1002, 15, "Line 1: Specified scale 8 is invalid."),
    (
        "SELECT TOP 1 WITH TIES Id FROM dbo.Orders",
        1062,
        16,
        "The TOP N WITH TIES clause is not allowed without a corresponding ORDER BY clause.",
    ),
    (
        "UPDATE dbo.Orders SET Customer = 'x' CREATE UNIQUE INDEX u ON dbo.Orders (Customer)",
        1505,
        16,
        "The CREATE UNIQUE INDEX statement terminated because a duplicate key was found for the object name 'dbo.Orders' and the index name 'u'. The duplicate key value is (x).",
    ),
    (
        "CREATE TABLE dbo.Two (a int CONSTRAINT first PRIMARY KEY) CREATE CLUSTERED INDEX second ON dbo.Two (a)",
        1902,
        16,
        "Cannot create more than one clustered index on table 'dbo.Two'. Drop the existing clustered index 'first' before creating another.",
    ),
    (
        "CREATE TABLE dbo.Bad (a int, b nonsense)",
        2715,
        16,
        "Column, parameter, or variable #2: Cannot find data type nonsense.",
    ),
    (
        "CREATE TABLE dbo.Bad (a int, b decimal(39))",
        2750,
        16,
        "Column or parameter #2: Specified column precision 39 is greater than the maximum precision of 38.",
    ),
    (
        "DECLARE @a decimal(5, 6)",
        2751,
        16,
        "Column or parameter #1: Specified column scale 6 is greater than the specified precision of 5.",
    ),
    (
        "CREATE VIEW dbo.Bad (a, b) AS SELECT Id FROM dbo.Orders",
        4502,
        16,
        "View or function 'Bad' has more column names specified than columns defined.",
    ),
    (
        "CREATE VIEW dbo.Bad AS SELECT Id, 1 FROM dbo.Orders",
        4511,
        16,
        "Create View or Function failed because no column name was specified for column 2.",
    ),
    (
        "CREATE TABLE dbo.One (a int) ALTER TABLE dbo.One DROP COLUMN a",
        4923,
        16,
        "ALTER TABLE DROP COLUMN failed because 'a' is the only data column in table 'One'. A table must have at least one data column.",
    ),
    (
        "SELECT a FROM (VALUES (1, 2), (3)) AS v (a, b)",
        10709,
        15,
        "The number of columns for each row in a table value constructor must be the same.",
    ),
    (
        "CREATE USER u WITHOUT LOGIN ALTER USER u WITH PASSWORD = 'Str0ng!Passw0rd'",
        33234,
        16,
        "The parameter PASSWORD cannot be provided for users that cannot authenticate in a database.",
    ),
];

#[test]
fn messages_have_the_servers_texts_and_severities() {
    let instance = instance();
    for (text, number, class, expected) in MESSAGES {
        let mut session = admin(&instance, "Sales");
        let outcomes = run(&mut *session, text);
        let found: Vec<_> = outcomes
            .iter()
            .filter_map(|o| if let Outcome::Message(m) = o { Some((m.number, m.class, m.text.as_str())) } else { None })
            .filter(|(_, class, _)| *class > 10)
            .collect();
        assert_eq!(found, [(*number, *class, *expected)], "{text}");
    }
}
