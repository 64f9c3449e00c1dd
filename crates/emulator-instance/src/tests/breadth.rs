//! Microsoft's corpus, and tables of every kind.

use super::*;

/// Nothing a client sends stops the instance.
#[test]
fn the_corpus_runs_without_a_panic() {
    let instance = instance();
    let mut broken = Vec::new();
    for file in ["accepted.jsonl", "refused.jsonl"] {
        let Some(rows) = corpus::corpus(file) else { return };
        for row in rows.iter().filter(|r| !r["sql"].as_str().unwrap_or("").to_ascii_lowercase().contains("waitfor")) {
            let mut session = admin(&instance, "Sales");
            let outcomes = run(&mut *session, row["sql"].as_str().unwrap_or_default());
            let broke = outcomes.iter().any(|o| matches!(o, Outcome::Message(m) if m.number == 50901));
            if broke {
                broken.push(format!("{}: {outcomes:?}", row["sql"]));
            }
            if file == "refused.jsonl" {
                let errors = outcomes.iter().any(|o| matches!(o, Outcome::Message(m) if m.class > 10));
                assert!(errors, "taken: {}", row["sql"]);
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// The rules of the mirror's limitations that depend on what a table is, each made by DDL.
#[test]
fn tables_that_cannot_be_mirrored_are_told_apart_in_the_catalog() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    for (text, number) in [
        (
            "CREATE TABLE dbo.Price (Id int NOT NULL PRIMARY KEY, Amount int, F datetime2(2) GENERATED ALWAYS AS ROW START HIDDEN NOT NULL, U datetime2(2) GENERATED ALWAYS AS ROW END HIDDEN NOT NULL, PERIOD FOR SYSTEM_TIME (F, U)) WITH (SYSTEM_VERSIONING = ON (HISTORY_TABLE = dbo.PriceHistory))",
            0,
        ),
        (
            "CREATE TABLE bad (Id int, F datetime2 GENERATED ALWAYS AS ROW START, U datetime2 GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (F, U)) WITH (SYSTEM_VERSIONING = ON)",
            13553,
        ),
        ("CREATE TABLE bad (Id int PRIMARY KEY) WITH (SYSTEM_VERSIONING = ON)", 13510),
        ("CREATE TABLE bad (Id int PRIMARY KEY, F datetime2 GENERATED ALWAYS AS ROW START)", 13509),
        (
            "CREATE TABLE bad (Id int PRIMARY KEY, F date GENERATED ALWAYS AS ROW START, U datetime2 GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (F, U))",
            13501,
        ),
        (
            "CREATE TABLE dbo.Book (Id int NOT NULL PRIMARY KEY, Amount int) WITH (SYSTEM_VERSIONING = ON (HISTORY_TABLE = dbo.BookHistory), LEDGER = ON)",
            0,
        ),
        ("CREATE TABLE dbo.Log (Id int) WITH (LEDGER = ON (APPEND_ONLY = ON))", 0),
        ("CREATE TABLE dbo.Person (Id int PRIMARY KEY) AS NODE", 0),
        ("CREATE TABLE dbo.Knows AS EDGE", 0),
        ("CREATE TABLE dbo.Fast (Id int PRIMARY KEY NONCLUSTERED) WITH (MEMORY_OPTIMIZED = ON)", 0),
        ("CREATE TABLE bad (Id int PRIMARY KEY) WITH (MEMORY_OPTIMIZED = ON)", 12317),
        ("CREATE TABLE bad (Id int) WITH (MEMORY_OPTIMIZED = ON)", 41327),
        (
            "CREATE TABLE dbo.Secret (Id int PRIMARY KEY, Ssn char(11) COLLATE Latin1_General_BIN2 ENCRYPTED WITH (COLUMN_ENCRYPTION_KEY = k, ENCRYPTION_TYPE = DETERMINISTIC, ALGORITHM = 'AEAD_AES_256_CBC_HMAC_SHA_256'))",
            15151,
        ),
        (
            "CREATE COLUMN MASTER KEY m WITH (KEY_STORE_PROVIDER_NAME = 'AZURE_KEY_VAULT', KEY_PATH = 'https://vault/keys/k')",
            0,
        ),
        (
            "CREATE COLUMN ENCRYPTION KEY k WITH VALUES (COLUMN_MASTER_KEY = m, ALGORITHM = 'RSA_OAEP', ENCRYPTED_VALUE = 0x01)",
            0,
        ),
        (
            "CREATE TABLE dbo.Secret (Id int PRIMARY KEY, Ssn char(11) COLLATE Latin1_General_BIN2 ENCRYPTED WITH (COLUMN_ENCRYPTION_KEY = k, ENCRYPTION_TYPE = DETERMINISTIC, ALGORITHM = 'AEAD_AES_256_CBC_HMAC_SHA_256'))",
            0,
        ),
        ("INSERT INTO dbo.Secret VALUES (1, 'x')", 50900),
        ("CREATE TABLE dbo.Masked (Id int PRIMARY KEY, Mail nvarchar(50) MASKED WITH (FUNCTION = 'email()'))", 0),
        ("CREATE TABLE bad (Id int MASKED WITH (FUNCTION = 'email()'))", 16003),
        ("CREATE EXTERNAL TABLE e (a int) WITH (LOCATION = 'x', DATA_SOURCE = d)", 50900),
        ("INSERT INTO dbo.Price VALUES (1, 10), (2, 20)", 0),
        ("UPDATE dbo.Price SET Amount = 11 WHERE Id = 1 DELETE dbo.Price WHERE Id = 2", 0),
        ("INSERT INTO dbo.Price (Id, F) VALUES (3, '2024-01-01')", 13536),
        ("UPDATE dbo.Price SET U = '2024-01-01'", 13537),
        ("INSERT INTO dbo.PriceHistory (Id) VALUES (3)", 13559),
        ("DELETE dbo.PriceHistory", 13560),
        ("TRUNCATE TABLE dbo.Price", 13545),
        ("DROP TABLE dbo.Price", 13552),
        ("INSERT INTO dbo.Book VALUES (1, 10) UPDATE dbo.Book SET Amount = 11", 0),
        ("INSERT INTO dbo.Log VALUES (1)", 0),
        ("UPDATE dbo.Log SET Id = 2", 37359),
        ("INSERT INTO dbo.Masked VALUES (1, 'a@b.c')", 0),
    ] {
        assert_eq!(refused(&mut *sales, text), number, "{text}");
    }
    assert_eq!(answer(&mut *sales, "SELECT * FROM dbo.Price"), "1|11");
    assert_eq!(
        answer(
            &mut *sales,
            "SELECT Id, Amount, CASE WHEN U < '9999-01-01' THEN 1 ELSE 0 END FROM dbo.PriceHistory ORDER BY Id"
        ),
        "1|10|1;2|20|1"
    );
    assert_eq!(
        answer(
            &mut *sales,
            "SELECT name, temporal_type, ledger_type, is_node, is_edge, is_memory_optimized FROM sys.tables WHERE temporal_type + ledger_type + is_node + is_edge + is_memory_optimized > 0 ORDER BY name"
        ),
        "Book|0|2|0|0|0;BookHistory|0|1|0|0|0;Fast|0|0|0|0|1;Knows|0|0|0|1|0;Log|0|3|0|0|0;Person|0|0|1|0|0;Price|2|0|0|0|0;PriceHistory|1|0|0|0|0"
    );
    assert_eq!(
        answer(
            &mut *sales,
            "SELECT OBJECT_NAME(object_id), encryption_type FROM sys.columns WHERE encryption_type IS NOT NULL"
        ),
        "Secret|1"
    );
    assert_eq!(answer(&mut *sales, "SELECT name, masking_function FROM sys.masked_columns"), "Mail|email()");
    assert_eq!(
        answer(
            &mut *sales,
            "SELECT COUNT(*) FROM sys.columns WHERE is_hidden = 1 AND object_id = OBJECT_ID('dbo.Book')"
        ),
        "4"
    );
    let told: Vec<String> = instance
        .tables("Sales")
        .iter()
        .filter(|t| {
            t.memory_optimized
                || t.temporal_history
                || t.ledger_history
                || t.graph
                || t.columns.iter().any(|c| c.always_encrypted)
        })
        .map(|t| t.name.clone())
        .collect();
    assert_eq!(told, ["BookHistory", "Fast", "Knows", "Person", "PriceHistory", "Secret"]);
    good(
        &mut *sales,
        "CREATE USER reader WITHOUT LOGIN GRANT SELECT ON dbo.Masked TO reader EXECUTE AS USER = 'reader'",
    );
    assert_eq!(answer(&mut *sales, "SELECT Id FROM dbo.Masked"), "1");
    assert_eq!(answer(&mut *sales, "SELECT Mail FROM dbo.Masked"), "aXXX@XXXX.com");
    good(&mut *sales, "REVERT GRANT UNMASK TO reader EXECUTE AS USER = 'reader'");
    assert_eq!(answer(&mut *sales, "SELECT Mail FROM dbo.Masked REVERT"), "a@b.c");
    good(&mut *sales, "ALTER TABLE dbo.Price SET (SYSTEM_VERSIONING = OFF)");
    good(&mut *sales, "ALTER TABLE dbo.Price SET (SYSTEM_VERSIONING = ON (HISTORY_TABLE = dbo.PriceHistory))");
    good(&mut *sales, "ALTER TABLE dbo.Price SET (SYSTEM_VERSIONING = OFF) DROP TABLE dbo.Price, dbo.PriceHistory");
}
