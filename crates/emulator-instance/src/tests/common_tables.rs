//! WITH: tables that read themselves, and those before a modification.

use super::*;

const TREE: &str = "CREATE TABLE dbo.Staff (Id int PRIMARY KEY, Boss int, Name nvarchar(20))
    INSERT INTO dbo.Staff VALUES (1, NULL, N'a'), (2, 1, N'b'), (3, 1, N'c'), (4, 2, N'd'), (5, 9, N'e')";

#[test]
fn a_common_table_may_read_itself() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    good(&mut *sales, TREE);
    for (text, expected) in [
        ("WITH n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 4) SELECT i FROM n ORDER BY i", "1;2;3;4"),
        (
            "WITH Under (Id, Level) AS (SELECT Id, 0 FROM Staff WHERE Boss IS NULL
               UNION ALL SELECT s.Id, u.Level + 1 FROM Staff s JOIN Under AS u ON s.Boss = u.Id)
             SELECT * FROM Under ORDER BY Id",
            "1|0;2|1;3|1;4|2",
        ),
        // Two anchors, two recursive members, duplicates kept.
        (
            "WITH n AS (SELECT 1 AS i UNION ALL SELECT 2 UNION ALL SELECT i + 10 FROM n WHERE i < 10
               UNION ALL SELECT i + 20 FROM n WHERE i < 10)
             SELECT i FROM n ORDER BY i",
            "1;2;11;12;21;22",
        ),
        // Joined with itself outside, and beside another common table.
        (
            "WITH n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 3), m AS (SELECT i FROM n WHERE i > 1)
             SELECT a.i, b.i FROM n a JOIN m b ON a.i < b.i ORDER BY 1, 2",
            "1|2;1|3;2|3",
        ),
        ("WITH n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 101) SELECT MAX(i) FROM n", "101"),
        (
            "WITH n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT MAX(i) FROM n OPTION (MAXRECURSION 499)",
            "500",
        ),
        ("WITH n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT TOP 3 i FROM n", "1;2;3"),
    ] {
        assert_eq!(answer(&mut *sales, text), expected, "{text}");
    }
}

#[test]
fn recursion_has_its_limit_and_its_rules() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    good(&mut *sales, TREE);
    for (text, number) in [
        ("WITH n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 102) SELECT MAX(i) FROM n", 530),
        ("WITH n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT i FROM n OPTION (MAXRECURSION 3)", 530),
        ("WITH n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT i FROM n OPTION (MAXRECURSION 40000)", 310),
        ("WITH n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT i FROM n OPTION (MAXRECURSION 0)", 50900),
        ("WITH n AS (SELECT 1 AS i UNION SELECT i + 1 FROM n) SELECT i FROM n", 252),
        ("WITH Staff AS (SELECT Id FROM Staff) SELECT Id FROM Staff", 252),
        ("WITH n AS (SELECT i FROM n UNION ALL SELECT 1) SELECT i FROM n", 246),
        ("WITH n AS (SELECT 1 AS i UNION ALL SELECT i FROM n UNION ALL SELECT 2) SELECT i FROM n", 247),
        ("WITH n AS (SELECT 1 AS i UNION ALL SELECT CAST(i AS bigint) FROM n) SELECT i FROM n", 240),
        ("WITH n AS (SELECT 1 AS i UNION ALL SELECT i, i FROM n) SELECT i FROM n", 205),
        ("WITH n AS (SELECT 1 AS i UNION ALL SELECT DISTINCT i FROM n) SELECT i FROM n", 460),
        ("WITH n AS (SELECT 1 AS i UNION ALL SELECT TOP 1 i FROM n) SELECT i FROM n", 461),
        ("WITH n AS (SELECT 1 AS i UNION ALL SELECT MAX(i) FROM n) SELECT i FROM n", 467),
        ("WITH n AS (SELECT 1 AS i UNION ALL SELECT n.i FROM n LEFT JOIN Staff s ON s.Id = n.i) SELECT i FROM n", 462),
        ("WITH n AS (SELECT 1 AS i UNION ALL SELECT a.i FROM n a JOIN n b ON a.i = b.i) SELECT i FROM n", 253),
        ("WITH n AS (SELECT 1 AS i UNION ALL SELECT Id FROM Staff WHERE Id IN (SELECT i FROM n)) SELECT i FROM n", 465),
        ("WITH a AS (SELECT 1 AS i), A AS (SELECT 2 AS i) SELECT i FROM a", 239),
    ] {
        assert_eq!(refused(&mut *sales, text), number, "{text}");
    }
    // A view sees nothing of the common tables around it.
    good(&mut *sales, "CREATE VIEW dbo.Names AS SELECT Name FROM Staff");
    assert_eq!(answer(&mut *sales, "WITH Staff AS (SELECT N'x' AS Name) SELECT COUNT(*) FROM dbo.Names"), "5");
}

#[test]
fn common_tables_stand_before_modifications() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    good(&mut *sales, TREE);
    for (text, shown) in [
        (
            "WITH n AS (SELECT 6 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 8) INSERT INTO Staff (Id) SELECT i FROM n",
            "1;2;3;4;5;6;7;8",
        ),
        (
            "WITH x AS (SELECT Id FROM Staff WHERE Id > 6) DELETE FROM Staff WHERE Id IN (SELECT Id FROM x)",
            "1;2;3;4;5;6",
        ),
        ("WITH x AS (SELECT 5 AS i) DELETE s FROM Staff s JOIN x ON x.i = s.Id", "1;2;3;4;6"),
        (
            "WITH x AS (SELECT Boss, COUNT(*) AS n FROM Staff GROUP BY Boss)
             UPDATE s SET Name = CAST(x.n AS nvarchar(20)) FROM Staff s JOIN x ON x.Boss = s.Id
             DELETE FROM Staff WHERE Name NOT IN (N'1', N'2')",
            "1;2;6",
        ),
    ] {
        good(&mut *sales, text);
        assert_eq!(answer(&mut *sales, "SELECT Id FROM Staff ORDER BY Id"), shown, "{text}");
    }
    assert_eq!(answer(&mut *sales, "SELECT Name FROM Staff WHERE Id = 1"), "2");
    for text in [
        "WITH x AS (SELECT Id FROM Staff) DELETE FROM x",
        "WITH x AS (SELECT Id FROM Staff) UPDATE y SET Id = 1 FROM x AS y",
        "WITH Staff AS (SELECT 1 AS Id) DELETE FROM Staff",
        "WITH x AS (SELECT Id FROM Staff) INSERT INTO x SELECT 1 FROM x",
        "WITH x AS (SELECT 1 AS i) INSERT INTO Staff (Id) VALUES ((SELECT i FROM x))",
        "WITH n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) DELETE FROM Staff WHERE Id IN (SELECT i FROM n) OPTION (MAXRECURSION 5)",
    ] {
        assert_eq!(refused(&mut *sales, text), 50900, "{text}");
    }
    assert_eq!(answer(&mut *sales, "SELECT COUNT(*) FROM Staff"), "3");
}
