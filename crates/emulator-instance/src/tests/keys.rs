//! Foreign keys, filtered indexes, constraints switched off, owners of objects, comments.

use super::{admin, answer, good, instance, refused};

#[test]
fn foreign_keys_hold_on_every_change() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    good(
        &mut *sales,
        "CREATE TABLE Parent (Id int NOT NULL CONSTRAINT PK_Parent PRIMARY KEY, Code char(2) NULL CONSTRAINT UQ_Code UNIQUE, Big bigint NULL)
         INSERT INTO Parent VALUES (1, 'a', 1), (2, 'b', 2), (3, NULL, 3)
         CREATE TABLE Child (Id int PRIMARY KEY, Parent int NULL CONSTRAINT FK_Child REFERENCES Parent)
         INSERT INTO Child VALUES (10, 1), (11, NULL)",
    );
    for (text, number) in [
        ("INSERT INTO Child VALUES (12, 9)", 547),
        ("INSERT INTO Child VALUES (12, NULL), (13, 2)", 0),
        ("UPDATE Child SET Parent = 9 WHERE Id = 10", 547),
        ("DELETE FROM Parent WHERE Id = 1", 547),
        ("UPDATE Parent SET Id = 7 WHERE Id = 1", 547),
        // A key may move within the statement.
        ("UPDATE Parent SET Id = CASE Id WHEN 1 THEN 2 WHEN 2 THEN 1 ELSE Id END", 0),
        ("DELETE FROM Parent WHERE Id = 3", 0),
        ("TRUNCATE TABLE Parent", 4712),
        ("DROP TABLE Parent", 3726),
        ("ALTER TABLE Parent DROP CONSTRAINT PK_Parent", 3725),
        ("ALTER TABLE Child DROP COLUMN Parent", 4922),
        ("ALTER TABLE Child ALTER COLUMN Parent bigint", 4922),
        ("CREATE TABLE x (a int REFERENCES Nothing)", 1767),
        ("CREATE TABLE x (a int REFERENCES Parent (Nothing))", 1770),
        ("CREATE TABLE x (a int, FOREIGN KEY (b) REFERENCES Parent)", 1769),
        ("CREATE TABLE x (a bigint REFERENCES Parent (Big))", 1776),
        ("CREATE TABLE x (a bigint REFERENCES Parent)", 1778),
        ("CREATE TABLE x (a char(3) REFERENCES Parent (Code))", 1753),
        ("CREATE TABLE x (a char(2) COLLATE Latin1_General_CS_AS REFERENCES Parent (Code))", 1757),
        ("CREATE TABLE x (a int, b int, FOREIGN KEY (a, b) REFERENCES Parent (Id))", 8139),
        ("CREATE TABLE x (a int NOT NULL REFERENCES Parent ON DELETE SET NULL)", 1761),
        ("CREATE TABLE x (a int NOT NULL REFERENCES Parent ON DELETE SET DEFAULT)", 1762),
        ("CREATE TABLE x (a int REFERENCES Inventory.dbo.Stock)", 1763),
        ("CREATE TABLE x (a int CONSTRAINT FK_Child REFERENCES Parent)", 2714),
        ("CREATE TABLE x (Id int PRIMARY KEY, Up int NULL REFERENCES x ON DELETE CASCADE)", 1785),
        ("ALTER TABLE Child ADD CONSTRAINT FK_Self FOREIGN KEY (Parent) REFERENCES Child (Id)", 547),
        ("ALTER TABLE Child WITH NOCHECK ADD CONSTRAINT FK_Self FOREIGN KEY (Parent) REFERENCES Child (Id)", 0),
        ("INSERT INTO Child VALUES (20, 1)", 547),
        ("ALTER TABLE Child NOCHECK CONSTRAINT FK_Self", 0),
        ("INSERT INTO Child VALUES (20, 1)", 0),
        ("DROP TABLE Child, Parent", 0),
    ] {
        assert_eq!(refused(&mut *sales, text), number, "{text}");
    }
}

#[test]
fn foreign_keys_say_what_becomes_of_referring_rows() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    good(
        &mut *sales,
        "CREATE TABLE P (Id int PRIMARY KEY)
         INSERT INTO P VALUES (0), (1), (2), (3)
         CREATE TABLE C (Id int PRIMARY KEY, P int NULL REFERENCES P ON DELETE CASCADE ON UPDATE CASCADE)
         CREATE TABLE G (Id int PRIMARY KEY, C int NULL REFERENCES C ON DELETE SET NULL)
         CREATE TABLE D (Id int PRIMARY KEY, P int NULL DEFAULT 0 REFERENCES P ON DELETE SET DEFAULT)
         INSERT INTO C VALUES (10, 1), (11, 2), (12, 1)
         INSERT INTO G VALUES (100, 10), (101, 11)
         INSERT INTO D VALUES (1000, 1), (1001, 2)",
    );
    good(&mut *sales, "DELETE FROM P WHERE Id = 1");
    assert_eq!(answer(&mut *sales, "SELECT Id, P FROM C"), "11|2");
    assert_eq!(answer(&mut *sales, "SELECT Id, C FROM G"), "100|NULL;101|11");
    assert_eq!(answer(&mut *sales, "SELECT Id, P FROM D"), "1000|0;1001|2");
    good(&mut *sales, "UPDATE P SET Id = 30 WHERE Id = 3 DELETE FROM D");
    good(&mut *sales, "UPDATE P SET Id = 20 WHERE Id = 2");
    assert_eq!(answer(&mut *sales, "SELECT Id, P FROM C"), "11|20");
    assert_eq!(
        answer(
            &mut *sales,
            "SELECT name, delete_referential_action_desc, update_referential_action_desc, is_not_trusted FROM sys.foreign_keys
             WHERE parent_object_id = OBJECT_ID('C')"
        )
        .split_once('|')
        .map(|(_, rest)| rest.to_owned()),
        Some("CASCADE|CASCADE|0".to_owned())
    );
    assert_eq!(
        answer(
            &mut *sales,
            "SELECT COL_NAME(parent_object_id, parent_column_id), OBJECT_NAME(referenced_object_id), COL_NAME(referenced_object_id, referenced_column_id)
             FROM sys.foreign_key_columns WHERE parent_object_id = OBJECT_ID('G')"
        ),
        "C|C|Id"
    );
    // A statement that fails leaves nothing behind, cascades included.
    good(&mut *sales, "CREATE TABLE Hold (C int REFERENCES C) INSERT INTO Hold VALUES (11)");
    assert_eq!(refused(&mut *sales, "DELETE FROM P WHERE Id = 20"), 547);
    assert_eq!(answer(&mut *sales, "SELECT COUNT(*) FROM P WHERE Id = 20"), "1");
    assert_eq!(answer(&mut *sales, "SELECT C FROM G WHERE Id = 101"), "11");
}

#[test]
fn a_filtered_unique_index_looks_at_its_rows_alone() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    for (text, number) in [
        ("CREATE TABLE f (a int NULL, b int NULL, INDEX i UNIQUE (a) WHERE b > 5, INDEX j (b) INCLUDE (a))", 0),
        ("INSERT INTO f VALUES (1, 1), (1, 2), (1, 6)", 0),
        ("INSERT INTO f VALUES (1, 7)", 2601),
        ("UPDATE f SET b = 9", 2601),
        ("CREATE UNIQUE INDEX k ON f (a) WHERE b IS NOT NULL", 1505),
        ("CREATE UNIQUE INDEX k ON f (a) WHERE b IN (6, 7)", 0),
        ("CREATE INDEX l ON f (a) WHERE b > a", 10735),
        ("CREATE INDEX l ON f (a) WHERE c > 1", 207),
        ("CREATE TABLE g (a int REFERENCES f (a))", 1776),
    ] {
        assert_eq!(refused(&mut *sales, text), number, "{text}");
    }
    assert_eq!(
        answer(
            &mut *sales,
            "SELECT name, is_unique, has_filter, filter_definition FROM sys.indexes WHERE object_id = OBJECT_ID('f') AND index_id > 0 ORDER BY name"
        ),
        "i|1|1|([b]>(5));j|0|0|NULL;k|1|1|([b]=(7) OR [b]=(6))"
    );
}

#[test]
fn an_object_may_be_owned_apart_from_its_schema() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    good(
        &mut *sales,
        "CREATE USER owner WITHOUT LOGIN CREATE USER reader WITHOUT LOGIN GRANT SELECT ON Orders TO reader",
    );
    good(&mut *sales, "ALTER AUTHORIZATION ON OBJECT::dbo.Orders TO owner");
    assert_eq!(answer(&mut *sales, "SELECT USER_NAME(principal_id) FROM sys.tables WHERE name = 'Orders'"), "owner");
    // What was granted on it is gone.
    assert_eq!(
        answer(&mut *sales, "SELECT COUNT(*) FROM sys.database_permissions WHERE major_id = OBJECT_ID('Orders')"),
        "0"
    );
    good(&mut *sales, "EXECUTE AS USER = 'owner' INSERT INTO Orders (Customer) VALUES (N'x') REVERT");
    assert_eq!(refused(&mut *sales, "DROP USER owner"), 15183);
    good(&mut *sales, "ALTER AUTHORIZATION ON Orders TO SCHEMA OWNER DROP USER owner");
    assert_eq!(refused(&mut *sales, "ALTER AUTHORIZATION ON SYMMETRIC KEY::k TO dbo"), 15151);
    good(&mut *sales, "GRANT ALL ON Orders TO reader EXECUTE AS CALLER");
    assert_eq!(
        answer(&mut *sales, "SELECT permission_name FROM sys.database_permissions WHERE class = 1 ORDER BY 1"),
        "DELETE;INSERT;REFERENCES;SELECT;UPDATE"
    );
}

#[test]
fn extended_properties_describe_what_they_are_of() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    let add = "EXEC sp_addextendedproperty 'MS_Description', N'who buys', 'SCHEMA', 'dbo', 'TABLE', 'Orders', 'COLUMN', 'Customer'";
    assert_eq!(refused(&mut *sales, add), 0);
    assert_eq!(refused(&mut *sales, add), 15233);
    assert_eq!(refused(&mut *sales, &add.replace("Orders", "Nothing")), 15135);
    assert_eq!(refused(&mut *sales, "EXEC sp_addextendedproperty"), 201);
    assert_eq!(refused(&mut *sales, "EXEC sp_dropextendedproperty 'x', 'SCHEMA', 'dbo'"), 15217);
    good(&mut *sales, "EXEC sys.sp_addextendedproperty @name = 'Owner', @value = 'sales'");
    assert_eq!(
        answer(
            &mut *sales,
            "SELECT objtype, objname, name, value FROM fn_listextendedproperty(NULL, 'schema', 'dbo', 'table', 'Orders', 'column', default)"
        ),
        "COLUMN|Customer|MS_Description|who buys"
    );
    assert_eq!(
        answer(&mut *sales, "SELECT class_desc, name, value FROM sys.extended_properties ORDER BY class"),
        "DATABASE|Owner|sales;OBJECT_OR_COLUMN|MS_Description|who buys"
    );
    good(&mut *sales, "ALTER TABLE Orders DROP COLUMN Customer");
    assert_eq!(answer(&mut *sales, "SELECT COUNT(*) FROM sys.extended_properties"), "1");
}

#[test]
fn output_shows_rows_as_they_were_and_are() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    for (text, rows) in [
        (
            "INSERT INTO Orders (Customer, Total) OUTPUT inserted.Id, inserted.Total * 2 AS Twice VALUES (N'x', 1), (N'y', 2.5)",
            "4|2.00;5|5.00",
        ),
        ("UPDATE Orders SET Total += 1 OUTPUT deleted.Total, inserted.Total WHERE Id > 3", "1.00|2.00;2.50|3.50"),
        ("DELETE FROM Orders OUTPUT deleted.* WHERE Id = 4", "4|x|NULL|2.00"),
        ("DELETE Orders OUTPUT deleted.Id WHERE Id = 4", ""),
    ] {
        assert_eq!(answer(&mut *sales, text), rows, "{text}");
    }
    for (text, number) in [
        ("DELETE Orders OUTPUT inserted.Id WHERE Id = 5", 4104),
        ("DELETE Orders OUTPUT *", 102),
        ("DELETE Orders OUTPUT deleted.Id INTO t", 50900),
    ] {
        assert_eq!(refused(&mut *sales, text), number, "{text}");
    }
    good(&mut *sales, "CREATE USER writer WITHOUT LOGIN GRANT DELETE ON Orders TO writer EXECUTE AS USER = 'writer'");
    assert_eq!(refused(&mut *sales, "DELETE Orders OUTPUT deleted.Id"), 229);
    assert_eq!(answer(&mut *sales, "REVERT SELECT COUNT(*) FROM Orders"), "4");
}

#[test]
fn classifications_are_on_columns_and_go_with_them() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    good(
        &mut *sales,
        "ADD SENSITIVITY CLASSIFICATION TO dbo.Orders.Customer, Orders.Note WITH (LABEL = 'Secret', INFORMATION_TYPE = 'Name', RANK = HIGH)
         ADD SENSITIVITY CLASSIFICATION TO Orders.Note WITH (LABEL = 'Public')",
    );
    // The query of the audit, sql-mi.md §7.
    let labels = "SELECT SCHEMA_NAME(o.schema_id), o.name, COL_NAME(c.major_id, c.minor_id), c.label, c.information_type, c.rank_desc
        FROM sys.sensitivity_classifications c JOIN sys.objects o ON o.object_id = c.major_id";
    assert_eq!(answer(&mut *sales, labels), "dbo|Orders|Customer|Secret|Name|HIGH;dbo|Orders|Note|Public|NULL|NULL");
    for (text, number) in [
        ("ADD SENSITIVITY CLASSIFICATION TO Nothing.a WITH (LABEL = 'x')", 208),
        ("ADD SENSITIVITY CLASSIFICATION TO Orders.Nothing WITH (LABEL = 'x')", 207),
        ("ADD SENSITIVITY CLASSIFICATION TO Customer WITH (LABEL = 'x')", 102),
        ("ADD SENSITIVITY CLASSIFICATION TO Orders.Note WITH (LABEL = 'x', LABEL = 'y')", 102),
        ("CREATE USER reader WITHOUT LOGIN GRANT SELECT TO reader EXECUTE AS USER = 'reader'", 0),
        ("ADD SENSITIVITY CLASSIFICATION TO Orders.Note WITH (LABEL = 'x')", 262),
    ] {
        assert_eq!(refused(&mut *sales, text), number, "{text}");
    }
    assert_eq!(answer(&mut *sales, labels), "");
    good(&mut *sales, "REVERT DROP SENSITIVITY CLASSIFICATION FROM Orders.Note");
    assert_eq!(answer(&mut *sales, "SELECT COUNT(*) FROM sys.sensitivity_classifications"), "1");
    good(&mut *sales, "ALTER TABLE Orders DROP COLUMN Customer");
    assert_eq!(answer(&mut *sales, "SELECT COUNT(*) FROM sys.sensitivity_classifications"), "0");
}

#[test]
fn select_into_makes_a_table_of_a_query() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    good(
        &mut *sales,
        "SELECT Customer, Total * 2 AS Twice, CAST(NULL AS date) AS Day INTO dbo.Copy FROM Orders WHERE Id < 3",
    );
    assert_eq!(answer(&mut *sales, "SELECT Customer, Twice, Day FROM Copy ORDER BY 1"), "Ann|3.00|NULL;Bob|4.50|NULL");
    assert_eq!(
        answer(
            &mut *sales,
            "SELECT c.name, t.name, c.max_length, c.precision, c.scale, c.is_nullable FROM sys.columns c JOIN sys.types t ON t.user_type_id = c.user_type_id
             WHERE object_id = OBJECT_ID('Copy') ORDER BY column_id"
        ),
        "Customer|nvarchar|100|0|0|0;Twice|numeric|9|12|2|0;Day|date|3|10|0|1"
    );
    for (text, number) in [
        ("SELECT Customer INTO Copy FROM Orders", 2714),
        ("SELECT 1 INTO x", 1038),
        ("SELECT 1 AS a, 2 AS A INTO x", 2705),
        ("SELECT Id INTO x FROM Orders", 50900),
        ("SELECT 1 AS a INTO #x", 50900),
        ("CREATE USER reader WITHOUT LOGIN GRANT SELECT TO reader EXECUTE AS USER = 'reader'", 0),
        ("SELECT Customer INTO x FROM Orders", 262),
    ] {
        assert_eq!(refused(&mut *sales, text), number, "{text}");
    }
}

#[test]
fn check_and_default_constraints_are_objects_that_hold() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    for (text, number) in [
        (
            "CREATE TABLE t (a int NOT NULL CONSTRAINT d DEFAULT (7), b int NULL CHECK (b > 0), CONSTRAINT c CHECK (a < b OR b = 100))",
            0,
        ),
        ("INSERT INTO t (b) VALUES (8)", 0),
        ("INSERT INTO t (b) VALUES (NULL)", 0),
        ("INSERT INTO t (b) VALUES (-1)", 547),
        ("INSERT INTO t VALUES (9, 8)", 547),
        ("UPDATE t SET b = 1", 547),
        ("ALTER TABLE t ADD CONSTRAINT e CHECK (a > 7)", 547),
        ("ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)", 2714),
        ("ALTER TABLE t DROP COLUMN a", 4922),
        ("ALTER TABLE t ADD CONSTRAINT e CHECK (z > 0)", 207),
        ("ALTER TABLE t WITH NOCHECK ADD CONSTRAINT e CHECK (a > 7)", 0),
        ("ALTER TABLE t WITH CHECK CHECK CONSTRAINT e", 547),
        ("ALTER TABLE t CHECK CONSTRAINT nothing", 4917),
        ("INSERT INTO t VALUES (7, 8)", 547),
        ("ALTER TABLE t DROP CONSTRAINT e", 0),
    ] {
        assert_eq!(refused(&mut *sales, text), number, "{text}");
    }
    assert_eq!(
        answer(&mut *sales, "SELECT name, definition FROM sys.default_constraints WHERE is_system_named = 0"),
        "d|((7))"
    );
    assert_eq!(
        answer(
            &mut *sales,
            "SELECT c.name, d.name FROM sys.columns c JOIN sys.default_constraints d ON d.object_id = c.default_object_id WHERE d.parent_object_id = OBJECT_ID('t')"
        ),
        "a|d"
    );
    assert_eq!(
        answer(&mut *sales, "SELECT definition, is_system_named FROM sys.check_constraints ORDER BY is_system_named"),
        "([a]<[b] OR [b]=(100))|0;([b]>(0))|1"
    );
    good(&mut *sales, "ALTER TABLE t DROP CONSTRAINT c, d INSERT INTO t VALUES (9, 8)");
    assert_eq!(refused(&mut *sales, "INSERT INTO t (b) VALUES (1)"), 515);
}
