use super::super::parse_batch;
use crate::ast::Statement;
use crate::corpus::{corpus, is_outside};

fn verdict(sql: &str) -> Result<Vec<Statement>, super::SyntaxError> {
    let parse = || parse_batch(sql, false);
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(super::STACK).spawn_scoped(scope, parse);
        thread.expect("a thread").join().expect("no panic")
    })
}

#[test]
fn statements_need_no_semicolons() {
    for (sql, count) in [
        ("SELECT 1 SELECT 2", 2),
        (
            "set ansi_nulls on\nset datefirst 7\nset language us_english\nset transaction isolation level read committed",
            4,
        ),
        ("set implicit_transactions off IF @@TRANCOUNT > 0 COMMIT TRAN ", 2),
        ("SET ARITHABORT ON;SET TEXTSIZE 2147483647;;", 2),
        ("IF 1 = 1 SELECT 1; ELSE SELECT 2", 1),
        ("BEGIN TRY SELECT 1 END TRY BEGIN CATCH THROW END CATCH", 1),
        ("sp_who", 1),
        ("", 0),
    ] {
        assert_eq!(verdict(sql).map(|s| s.len()), Ok(count), "{sql}");
    }
}

#[test]
fn errors_name_the_place() {
    for (sql, number, text) in [
        ("CREATE LOGIN x WITH", 156, "Incorrect syntax near the keyword 'WITH'."),
        ("SELECT 1 SELEC 1", 102, "Incorrect syntax near '1'."),
        ("SELECT 1 +", 102, "Incorrect syntax near '+'."),
        ("SELECT * FROM [a b] ]", 102, "Incorrect syntax near ']'."),
        ("SELECT 'x", 105, "Unclosed quotation mark after the character string 'x'."),
        ("/* x", 113, "Missing end comment mark '*/'."),
    ] {
        let error = verdict(sql).expect_err(sql);
        assert_eq!((error.number, error.text.as_str()), (number, text), "{sql}");
    }
    let long = format!("SELECT 1 AS [{}]", "a".repeat(129));
    assert_eq!(verdict(&long).expect_err("too long").number, 103);
}

#[test]
fn deep_and_long_texts_are_refused_not_fatal() {
    let parentheses = format!("SELECT {}1{}", "(".repeat(5000), ")".repeat(5000));
    assert_eq!(verdict(&parentheses).expect_err("deep").number, 191);
    let sum = format!("SELECT 1{}", "+1".repeat(5000));
    assert_eq!(verdict(&sum).expect_err("long").number, 191);
    let blocks = format!("{} SELECT 1", "IF 1 = 1 ".repeat(5000));
    assert_eq!(verdict(&blocks).expect_err("deep").number, 191);
    assert_eq!(verdict(&"NOT ".repeat(9000)).expect_err("no statement").number, 156);
}

/// What Microsoft's parser refuses is refused: by our grammar, or because it is outside the subset.
#[test]
fn refused_texts_are_refused() {
    let Some(rows) = corpus("refused.jsonl") else { return };
    let taken: Vec<String> = rows
        .iter()
        .filter(|row| verdict(row["sql"].as_str().unwrap_or_default()).is_ok_and(|s| !s.is_empty() && !is_outside(&s)))
        .map(|row| format!("{} {}", row["error"], row["sql"]))
        .collect();
    assert!(taken.is_empty(), "{} of {} taken: {:#?}", taken.len(), rows.len(), taken);
}

/// Of 4,106 texts none is answered with a syntax error.
#[test]
fn accepted_texts_are_not_syntax_errors() {
    let Some(rows) = corpus("accepted.jsonl") else { return };
    let refused: Vec<String> = rows
        .iter()
        .filter_map(|row| {
            let error = verdict(row["sql"].as_str().unwrap_or_default()).err()?;
            Some(format!("{}: {} – {}", row["kind"].as_str().unwrap_or_default(), row["sql"], error.text))
        })
        .collect();
    assert!(refused.is_empty(), "{} of {}: {:#?}", refused.len(), rows.len(), &refused[..refused.len().min(60)]);
}

/// What Microsoft's parser refuses and ours took, found by mutations of the texts that it takes; and their neighbours that
/// it takes.
#[test]
fn mutations_are_refused_as_by_microsofts_parser() {
    let refused = [
        // 46016: of a column's name, the table's part is empty.
        "SELECT p. .principal_id FROM sys.database_principals p",
        "SELECT p...c FROM p",
        "SELECT .c FROM p",
        "SELECT ..c FROM p",
        "SELECT a.b..c FROM p",
        "SELECT c FROM p ORDER BY p..c",
        "CREATE TABLE t (a int CHECK (t..a > 1))",
        // 46010: literals and variables alone.
        "THROW LOGIN, N'x', 1",
        "THROW 50000, LOGIN, 1",
        "THROW 50000 + 1, 'x', 1",
        "THROW 50000, 'a' + 'b', 1",
        "THROW 50000, 'x', -1",
        "THROW (50000), 'x', 1",
        "RAISERROR (LOGIN, 16, 1)",
        "RAISERROR ('a' + 'b', 16, 1)",
        "RAISERROR ('a', 1 + 1, 1)",
        "RAISERROR ('a', '1', 1)",
        "RAISERROR ('a', 1, 1, f(1))",
        "RAISERROR ('a', 1, 1, (5))",
        "WAITFOR DELAY LOGIN",
        "WAITFOR DELAY ('0:0:1')",
        "EXEC ('a' + b)",
        "EXEC ('a' + (@b))",
        "SET ROWCOUNT x",
        "SET ROWCOUNT -5",
        "SET TEXTSIZE @x",
        "SET LOCK_TIMEOUT 1 + 1",
        "SET LOCK_TIMEOUT - x",
        "SET LOCK_TIMEOUT - -1",
        "SET DEADLOCK_PRIORITY INDEX",
        "SELECT COUNT(a) OVER (ORDER BY b ROWS @x PRECEDING) FROM t",
        // 46108, whatever the option says; 46011 and 46010 of computed columns.
        "CREATE TABLE t (a int, INDEX i NONCLUSTERED COLUMNSTORE (a)) WITH (MEMORY_OPTIMIZED = ON)",
        "CREATE TABLE t (a int, INDEX i COLUMNSTORE (a)) WITH (MEMORY_OPTIMIZED = OFF)",
        "CREATE TABLE t (a int, b AS a NOT NULL)",
        "CREATE TABLE t (a int, b AS a PERSISTED NULL)",
        "CREATE TABLE t (a int, b AS a INDEX i)",
        "CREATE TABLE t (a int INDEX i ($NODE_ID)) AS NODE",
        "CREATE INDEX i ON t (c) ON ps (c c)",
        // Names of too many parts, and types of more than two or with an empty one.
        "TRUNCATE TABLE ...t",
        "CREATE TABLE a.b.c.d (x int)",
        "ALTER TABLE a.b.c.d ADD x int",
        "DROP TABLE a.b.c.d",
        "DROP VIEW a.b.c",
        "CREATE VIEW a.b.c AS SELECT 1 AS x",
        "CREATE INDEX i ON a.b.c.d (x)",
        "SET IDENTITY_INSERT a.b.c.d ON",
        "CREATE TABLE t (c .int)",
        "SELECT CAST(1 AS a.b.int)",
        "GRANT GRANT SELECT ON t TO PUBLIC",
        "SELECT 1 OPTION ( )",
        "SELECT STUFF(DEFAULT, 1, 2, 'b')",
        "CREATE COLUMN MASTER KEY k WITH (KEY_STORE_PROVIDER_NAME = 'a', KEY_PATH = 'b' ENCLAVE_COMPUTATIONS (SIGNATURE = 0x1))",
    ];
    let taken: Vec<&&str> = refused.iter().filter(|sql| verdict(sql).is_ok_and(|s| !is_outside(&s))).collect();
    assert!(taken.is_empty(), "{taken:#?}");
    let accepted = [
        "SELECT ..p.c FROM p",
        "SELECT a..b.c FROM p",
        "SELECT a..f(1), .f(DEFAULT)",
        "SELECT * FROM a..b",
        "UPDATE t SET a..b = 1",
        "UPDATE t SET @a = .b = 1",
        "CREATE INDEX i ON t (c) WHERE ..c > 5",
        "THROW @a, @b, @c",
        "THROW SELECT 1",
        "RAISERROR (@@error, @a, -1, 1.5, NULL, -5, 0x1, 'x', @b)",
        "EXEC ('a' + @b + N'c')",
        "SET TEXTSIZE -1 SET LOCK_TIMEOUT -1 SET ROWCOUNT @x SET CONTEXT_INFO 0x1 SET FIPS_FLAGGER OFF",
        "CREATE TABLE t (a int, INDEX i CLUSTERED COLUMNSTORE) WITH (MEMORY_OPTIMIZED = ON)",
        "CREATE TABLE t (a int, b AS a PERSISTED NOT NULL, c AS a UNIQUE)",
        "DELETE a.b.c.d",
        "GRANT SELECT ON a.b.c.d TO x",
        "DROP TABLE ..t",
    ];
    for sql in accepted {
        assert!(verdict(sql).is_ok(), "{sql}: {:?}", verdict(sql));
    }
}
