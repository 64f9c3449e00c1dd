//! Dynamic data masking.

use super::*;

/// The documentation's own example, without its random mask.
const MEMBERS: &str = "CREATE TABLE dbo.Member (Id int PRIMARY KEY, FirstName varchar(100) MASKED WITH (FUNCTION = 'partial(1, \"xxxxx\", 1)'),
        Phone varchar(12) MASKED WITH (FUNCTION = 'default()'), Email varchar(100) MASKED WITH (FUNCTION = 'email()'),
        Salary int MASKED WITH (FUNCTION = 'default()'), Born date MASKED WITH (FUNCTION = 'default()'),
        Lucky int MASKED WITH (FUNCTION = 'random(1, 12)'), Name varchar(100), Twice AS Salary * 2)
    INSERT INTO dbo.Member VALUES (1, 'Roberto', '555.123.4567', 'RTamburello@contoso.com', 100000, '2000-02-03', 5, 'Tamburello'),
        (2, 'Janice', NULL, 'JGalvin@contoso.com.co', 5, NULL, 5, 'Galvin')
    CREATE VIEW dbo.Seen AS SELECT Id, Email FROM dbo.Member";

fn members() -> (Arc<Instance>, Box<dyn Session>) {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    for batch in MEMBERS.split("\n    CREATE VIEW") {
        let batch = if batch.starts_with(" dbo.Seen") { format!("CREATE VIEW{batch}") } else { batch.to_owned() };
        good(&mut *sales, &batch);
    }
    good(&mut *sales, "CREATE USER reader WITHOUT LOGIN GRANT SELECT, INSERT, UPDATE, DELETE, CREATE TABLE TO reader");
    good(&mut *sales, "GRANT ALTER ON SCHEMA::dbo TO reader");
    (instance, sales)
}

#[test]
fn those_without_unmask_see_masks() {
    let (_instance, mut sales) = members();
    good(&mut *sales, "CREATE FUNCTION dbo.same(@v int) RETURNS TABLE AS RETURN SELECT @v AS x");
    good(&mut *sales, "GRANT SELECT ON dbo.same TO reader");
    good(&mut *sales, "EXECUTE AS USER = 'reader'");
    for (text, expected) in [
        (
            "SELECT Id, FirstName, Phone, Email, Salary, Born, Name FROM Member ORDER BY Id",
            "1|Rxxxxxo|xxxx|RXXX@XXXX.com|0|1900-01-01|Tamburello;2|Jxxxxxe|NULL|JXXX@XXXX.com|0|NULL|Galvin",
        ),
        // Conditions and orders see the values.
        ("SELECT Id, Salary FROM Member WHERE Salary > 99999 AND Salary < 100001", "1|0"),
        ("SELECT Id FROM Member ORDER BY Salary", "2;1"),
        // Expressions and computed columns have the default mask.
        ("SELECT Salary + 1, UPPER(Email), LEN(FirstName), Twice, Id + 1 FROM Member WHERE Id = 1", "0|xxxx|0|0|2"),
        ("SELECT CASE WHEN Salary > 9 THEN 7 ELSE 8 END FROM Member", "0;0"),
        // Through derived tables, common tables and views.
        ("SELECT e FROM (SELECT Email AS e FROM Member WHERE Id = 1) d", "RXXX@XXXX.com"),
        ("WITH c AS (SELECT Salary * 2 AS s FROM Member) SELECT s + 1 FROM c", "0;0"),
        ("SELECT Email FROM dbo.Seen WHERE Email LIKE 'J%'", "JXXX@XXXX.com"),
        ("SELECT COUNT(*) FROM Member WHERE Email LIKE 'R%'", "1"),
    ] {
        assert_eq!(answer(&mut *sales, text), expected, "{text}");
    }
    for text in [
        "SELECT * FROM Member",
        "SELECT Lucky FROM Member",
        "SELECT MAX(Salary) FROM Member",
        "SELECT Salary FROM Member UNION SELECT 1",
        "DECLARE @s int SELECT @s = Salary FROM Member",
        "DECLARE @s int = (SELECT Salary FROM Member WHERE Id = 1)",
        "SELECT (SELECT Salary FROM Member WHERE Id = 1)",
        "SELECT ROW_NUMBER() OVER (ORDER BY Salary) FROM Member",
        "SELECT v.x FROM Member m CROSS APPLY (VALUES (m.Salary)) v (x)",
        "SELECT v.x FROM Member m CROSS APPLY dbo.same(m.Salary) v",
        "SELECT v.x FROM Member m OUTER APPLY (SELECT x FROM dbo.same(m.Salary)) v",
        "SELECT v.x FROM Member m CROSS APPLY dbo.same(m.Twice) v",
        "IF EXISTS (SELECT 1 FROM Member WHERE Salary = 5) SELECT 1",
        "UPDATE Member SET Name = Email",
        "UPDATE Member SET Name = 'x' OUTPUT inserted.Email",
        "DELETE FROM Member OUTPUT deleted.Salary",
    ] {
        assert_eq!(refused(&mut *sales, text), 50900, "{text}");
    }
    // Who may change a masked column does so unmasked; copies are masked, as the page says.
    good(&mut *sales, "UPDATE Member SET Salary = 6 WHERE Salary = 5");
    good(&mut *sales, "SELECT Id, Salary INTO dbo.Copied FROM Member REVERT");
    assert_eq!(answer(&mut *sales, "SELECT Salary FROM Member ORDER BY Id"), "100000;6");
    assert_eq!(answer(&mut *sales, "SELECT Salary FROM dbo.Copied"), "0;0");
    good(&mut *sales, "GRANT UNMASK ON dbo.Member TO reader EXECUTE AS USER = 'reader'");
    assert_eq!(answer(&mut *sales, "SELECT Salary, Twice FROM Member ORDER BY Id"), "100000|200000;6|12");
}

#[test]
fn masks_are_added_and_dropped() {
    let (_instance, mut sales) = members();
    let name = "SELECT Name FROM Member WHERE Id = 1";
    good(&mut *sales, "ALTER TABLE dbo.Member ALTER COLUMN Name ADD MASKED WITH (FUNCTION = 'partial(2,\"xxxx\",0)')");
    assert_eq!(answer(&mut *sales, name), "Tamburello");
    good(&mut *sales, "EXECUTE AS USER = 'reader'");
    assert_eq!(answer(&mut *sales, name), "Taxxxx");
    assert_eq!(refused(&mut *sales, "ALTER TABLE dbo.Member ALTER COLUMN Name DROP MASKED"), 262);
    // A table may be made with a mask by whoever may make it; to a table that is there it is added.
    good(&mut *sales, "CREATE TABLE dbo.Own (A int, B int MASKED WITH (FUNCTION = 'default()'))");
    assert_eq!(refused(&mut *sales, "ALTER TABLE dbo.Own ADD C int MASKED WITH (FUNCTION = 'default()')"), 262);
    good(&mut *sales, "REVERT ALTER TABLE dbo.Member ALTER COLUMN Name DROP MASKED");
    assert_eq!(answer(&mut *sales, &format!("EXECUTE AS USER = 'reader' {name} REVERT")), "Tamburello");
    for (text, number) in [
        ("ALTER TABLE dbo.Member ALTER COLUMN Name DROP MASKED", 16007),
        ("ALTER TABLE dbo.Member ALTER COLUMN Nothing DROP MASKED", 4924),
        ("ALTER TABLE dbo.Member ALTER COLUMN Salary ADD MASKED WITH (FUNCTION = 'default()')", 50900),
        ("ALTER TABLE dbo.Member ALTER COLUMN Id ADD MASKED WITH (FUNCTION = 'default()')", 4922),
        ("ALTER TABLE dbo.Member ALTER COLUMN Twice ADD MASKED WITH (FUNCTION = 'default()')", 16003),
        (
            "ALTER TABLE dbo.Member ALTER COLUMN Born DROP MASKED ALTER TABLE dbo.Member ALTER COLUMN Born ADD MASKED WITH (FUNCTION = 'email()')",
            16003,
        ),
        ("ALTER TABLE dbo.Member ALTER COLUMN Name varchar(100) MASKED WITH (FUNCTION = 'default()')", 50900),
    ] {
        assert_eq!(refused(&mut *sales, text), number, "{text}");
    }
}
