//! Options of columns.

use super::options::{numbers, shown};
use super::*;

#[test]
fn options_of_columns_have_their_rules() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    for (columns, number) in [
        ("a int COLLATE Latin1_General_CI_AS", 447),
        ("a nvarchar(9) COLLATE Nonsense_CI_AS", 448),
        ("a nvarchar(9) COLLATE Turkish_CI_AS", 50900),
        ("a nvarchar(9) COLLATE latin1_general_bin2", 0),
        ("a nvarchar(9) COLLATE Latin1_General_CI_AS COLLATE Latin1_General_BIN2", 50900),
        ("a int IDENTITY NULL", 8147),
        ("a int IDENTITY (1, 0)", 2753),
        ("a float IDENTITY", 2749),
        ("a decimal(9, 2) IDENTITY", 2749),
        ("a int IDENTITY DEFAULT 1", 1754),
        ("a rowversion DEFAULT 0x01", 1755),
        ("a int NULL NOT NULL", 50900),
        ("a int NULL PRIMARY KEY", 8111),
        ("a int NULL, PRIMARY KEY (a)", 8111),
        ("a int PRIMARY KEY UNIQUE", 8151),
        ("a int UNIQUE UNIQUE", 8148),
        ("a int REFERENCES dbo.Orders ON DELETE CASCADE ON DELETE NO ACTION", 156),
        ("a int REFERENCES dbo.Orders REFERENCES dbo.Orders", 50900),
        ("a int ROWGUIDCOL", 2761),
        ("a uniqueidentifier ROWGUIDCOL, b uniqueidentifier ROWGUIDCOL", 8196),
        ("a int SPARSE", 50900),
        ("a int HIDDEN", 50900),
        ("a varbinary(max) FILESTREAM", 50900),
        ("a int, b AS a + 1 DEFAULT 1", 50900),
        ("a int, PRIMARY KEY NONCLUSTERED HASH (a)", 50900),
        ("a int PRIMARY KEY WITH (PAD_INDEX = OFF)", 0),
        ("a int PRIMARY KEY WITH (PAD_INDEX = ON)", 50900),
        ("a int PRIMARY KEY WITH (FILLFACTOR = 80)", 50900),
        ("a int PRIMARY KEY WITH (IGNORE_DUP_KEY = ON)", 50900),
        ("a int PRIMARY KEY WITH (ONLINE = ON)", 50900),
        ("a int PRIMARY KEY WITH (DROP_EXISTING = OFF)", 50900),
        ("a int, UNIQUE (a, a)", 1909),
        ("a nvarchar(max), UNIQUE (a)", 1919),
        ("a int, INDEX i (a) FILESTREAM_ON [default]", 50900),
        ("a int REFERENCES dbo.Orders NOT ENFORCED", 50900),
    ] {
        assert_eq!(refused(&mut *sales, &format!("CREATE TABLE dbo.T ({columns})")), number, "{columns}");
        good(&mut *sales, "DROP TABLE IF EXISTS dbo.T");
    }
    numbers(
        &mut *sales,
        &[
            ("CREATE TABLE dbo.T (a int) TEXTIMAGE_ON [PRIMARY]", 1709),
            ("CREATE TABLE dbo.T (a int) ON [PRIMARY] ON [PRIMARY]", 156),
            ("CREATE TABLE dbo.T (a int) ON other", 1921),
            ("CREATE TABLE dbo.T (a int) FILESTREAM_ON [default]", 50900),
            ("CREATE TABLE dbo.T (a int) WITH (DATA_COMPRESSION = PAGE)", 50900),
            ("CREATE TABLE dbo.T (a int PRIMARY KEY) WITH (DURABILITY = SCHEMA_ONLY)", 50900),
            ("CREATE TABLE dbo.T (a int PRIMARY KEY) WITH (LEDGER = ON (LEDGER_VIEW = dbo.v))", 50900),
            ("CREATE TABLE dbo.T (a int) WITH (LEDGER = OFF (APPEND_ONLY = ON))", 50900),
            (
                "CREATE TABLE dbo.T (a int PRIMARY KEY, b datetime2 GENERATED ALWAYS AS ROW START, c datetime2 GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (b, c)) WITH (SYSTEM_VERSIONING = ON (HISTORY_TABLE = dbo.A, HISTORY_TABLE = dbo.B))",
                50900,
            ),
            ("CREATE TABLE dbo.T (a nvarchar(max)) TEXTIMAGE_ON [PRIMARY]", 0),
            ("CREATE TABLE dbo.N (a int, b int NOT NULL, c nvarchar(max), d text, e AS a + 1)", 0),
            ("ALTER TABLE dbo.N ADD PRIMARY KEY (a)", 8111),
            ("ALTER TABLE dbo.N ADD CONSTRAINT PK_N PRIMARY KEY (b) WITH (ONLINE = ON, SORT_IN_TEMPDB = ON)", 0),
            ("ALTER TABLE dbo.N DROP CONSTRAINT PK_N WITH (MAXDOP = 1)", 50900),
            ("ALTER TABLE dbo.N ALTER COLUMN a bigint WITH (ONLINE = ON)", 50900),
            ("ALTER TABLE dbo.N ALTER COLUMN a int SPARSE", 50900),
            ("ALTER TABLE dbo.N REBUILD", 50900),
            ("ALTER TABLE dbo.N SET (LOCK_ESCALATION = TABLE)", 50900),
            ("CREATE INDEX i ON dbo.N (a, a)", 1909),
            ("CREATE INDEX i ON dbo.N (c)", 1919),
            ("CREATE INDEX i ON dbo.N (a) INCLUDE (a)", 1909),
            ("CREATE INDEX i ON dbo.N (a) INCLUDE (d)", 1999),
            ("CREATE INDEX i ON dbo.N (a) INCLUDE (c) WITH (ONLINE = ON, DROP_EXISTING = OFF)", 0),
            ("CREATE INDEX j ON dbo.N (a) WITH (DROP_EXISTING = ON)", 50900),
            ("CREATE INDEX j ON dbo.N (a) WITH (STATISTICS_NORECOMPUTE = ON)", 50900),
            ("CREATE INDEX j ON dbo.N (a) WITH (ALLOW_ROW_LOCKS = OFF)", 50900),
            ("CREATE INDEX j ON dbo.N (a) WITH (OPTIMIZE_FOR_SEQUENTIAL_KEY = ON)", 50900),
            ("CREATE INDEX j ON dbo.N (a) WITH (RESUMABLE = ON)", 50900),
            ("CREATE INDEX j ON dbo.N (a) WITH FILLFACTOR = 80", 50900),
            ("CREATE UNIQUE NONCLUSTERED COLUMNSTORE INDEX j ON dbo.N (a)", 35301),
            ("CREATE NONCLUSTERED COLUMNSTORE INDEX j ON dbo.N (a) WITH (PAD_INDEX = OFF)", 50900),
            ("DROP INDEX i ON dbo.N WITH (ONLINE = ON)", 50900),
            ("DROP INDEX dbo.N.i", 50900),
            ("CREATE TABLE dbo.H (a int)", 0),
            ("CREATE CLUSTERED INDEX k ON dbo.H (a) INCLUDE (a)", 10601),
            ("SET QUOTED_IDENTIFIER OFF CREATE INDEX f ON dbo.H (a) WHERE a > 1", 1934),
            ("SET QUOTED_IDENTIFIER ON CREATE INDEX f ON dbo.H (a) WHERE a > 1", 0),
            ("SET QUOTED_IDENTIFIER OFF INSERT INTO dbo.H VALUES (1)", 1934),
            ("DELETE FROM dbo.H", 1934),
            ("SET QUOTED_IDENTIFIER ON INSERT INTO dbo.H VALUES (1)", 0),
            ("SELECT a COLLATE Latin1_General_CI_AS FROM dbo.H", 447),
            ("SET IDENTITY_INSERT dbo.Orders ON INSERT INTO dbo.Orders VALUES (9, N'x', NULL, 0)", 8101),
            ("CREATE VIEW v WITH SCHEMABINDING AS SELECT a FROM dbo.H", 50900),
            ("CREATE VIEW v AS SELECT a FROM dbo.H WITH CHECK OPTION", 50900),
            ("CREATE FUNCTION f () RETURNS TABLE WITH ENCRYPTION AS RETURN SELECT 1 AS a", 50900),
        ],
    );
    good(
        &mut *sales,
        "CREATE TABLE dbo.R (a int IDENTITY NOT FOR REPLICATION, b int CONSTRAINT C CHECK NOT FOR REPLICATION (b > 0))",
    );
    shown(
        &mut *sales,
        &[
            ("SELECT is_not_for_replication FROM sys.identity_columns WHERE object_id = OBJECT_ID('dbo.R')", "1"),
            ("SELECT is_not_for_replication, is_not_trusted FROM sys.check_constraints WHERE name = 'C'", "1|1"),
        ],
    );
}

#[test]
fn keys_of_always_encrypted_are_whole() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    let column = |with: &str| format!("CREATE TABLE dbo.E (a int ENCRYPTED WITH ({with}))");
    numbers(
        &mut *sales,
        &[
            ("CREATE COLUMN MASTER KEY m WITH (KEY_PATH = 'p')", 50900),
            (
                "CREATE COLUMN MASTER KEY m WITH (KEY_STORE_PROVIDER_NAME = 'x', KEY_PATH = 'p', SIGNATURE = 0x01)",
                50900,
            ),
            (
                "CREATE COLUMN MASTER KEY m WITH (KEY_STORE_PROVIDER_NAME = 'x', KEY_PATH = 'p', ENCLAVE_COMPUTATIONS (SIGNATURE = 0x01))",
                0,
            ),
            (
                "CREATE COLUMN ENCRYPTION KEY k WITH VALUES (COLUMN_MASTER_KEY = m, ALGORITHM = 'AES', ENCRYPTED_VALUE = 0x01)",
                50900,
            ),
            ("CREATE COLUMN ENCRYPTION KEY k WITH VALUES (COLUMN_MASTER_KEY = m, ALGORITHM = 'RSA_OAEP')", 50900),
            (
                "CREATE COLUMN ENCRYPTION KEY k WITH VALUES (COLUMN_MASTER_KEY = m, ALGORITHM = 'RSA_OAEP', ENCRYPTED_VALUE = 0x01), (COLUMN_MASTER_KEY = m, ALGORITHM = 'RSA_OAEP', ENCRYPTED_VALUE = 0x02)",
                50900,
            ),
            (
                "CREATE COLUMN ENCRYPTION KEY k WITH VALUES (COLUMN_MASTER_KEY = m, ALGORITHM = 'RSA_OAEP', ENCRYPTED_VALUE = 0x01)",
                0,
            ),
            (&column("COLUMN_ENCRYPTION_KEY = k, ENCRYPTION_TYPE = RANDOMIZED"), 50900),
            (&column("COLUMN_ENCRYPTION_KEY = k, ENCRYPTION_TYPE = RANDOMIZED, ALGORITHM = 'AES'"), 50900),
            (
                &column(
                    "COLUMN_ENCRYPTION_KEY = k, ENCRYPTION_TYPE = RANDOMIZED, ALGORITHM = 'AEAD_AES_256_CBC_HMAC_SHA_256'",
                ),
                0,
            ),
        ],
    );
}
