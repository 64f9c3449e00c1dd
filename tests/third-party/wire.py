"""What the wire carries, read by an unmodified DB-API client: every type and its NULL, many rows, several results, an
error after a result. Arguments of `run` as in tutorial.py."""

import datetime
import decimal
import sys
import uuid

TYPES = {
    "bit": ("1", True),
    "tinyint": ("200", 200),
    "smallint": ("-5", -5),
    "int": ("-7", -7),
    "bigint": ("1099511627776", 1 << 40),
    "real": ("1.5", 1.5),
    "float": ("2.25", 2.25),
    "decimal(15, 4)": ("-12345.6789", decimal.Decimal("-12345.6789")),
    "money": ("123.45", decimal.Decimal("123.45")),
    "smallmoney": ("-1", decimal.Decimal(-1)),
    "date": ("'2024-01-02'", datetime.date(2024, 1, 2)),
    "time(7)": ("'12:34:56'", datetime.time(12, 34, 56)),
    "datetime2(3)": ("'2024-01-02T12:34:56.789'", datetime.datetime(2024, 1, 2, 12, 34, 56, 789000)),
    "datetime": ("'2024-01-02T12:34:56'", datetime.datetime(2024, 1, 2, 12, 34, 56)),
    "smalldatetime": ("'2024-01-02T12:34:00'", datetime.datetime(2024, 1, 2, 12, 34)),
    "uniqueidentifier": ("'6F9619FF-8B86-D011-B42D-00C04FC964FF'", uuid.UUID("6F9619FF-8B86-D011-B42D-00C04FC964FF")),
    "nchar(4)": ("N'abc'", "abc "),
    "nvarchar(40)": ("N'héllo 😀'", "héllo 😀"),
    "nvarchar(max)": ("N'max 😀'", "max 😀"),
    "char(4)": ("'abc'", "abc "),
    "varchar(10)": ("'café'", "café"),
    "varchar(max)": ("'€'", "€"),
    "binary(4)": ("0x0102", b"\1\2\0\0"),
    "varbinary(8)": ("0x010203", b"\1\2\3"),
    "varbinary(max)": ("0x01", b"\1"),
    "xml": ("N'<a/>'", "<a/>"),
}


def run(client, connection, number):
    cursor = connection.cursor()
    for name, (literal, expected) in TYPES.items():
        cursor.execute(f"SELECT CAST({literal} AS {name}), CAST(NULL AS {name})")
        row = tuple(cursor.fetchone())
        assert row == (expected, None), f"{name}: {row!r}"
    cursor.execute("SELECT CAST('2024-01-02T12:34:56+02:00' AS datetimeoffset(7))")
    assert cursor.fetchone()[0] is not None

    digits = "(VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS {0} (n)"
    product = ", ".join(digits.format(name) for name in "abcd")
    cursor.execute(f"SELECT CONCAT(N'row 😀 ', a.n, b.n, c.n, d.n) FROM {product}")
    rows = [row[0] for row in cursor.fetchall()]
    assert len(rows) == 10_000 and len(set(rows)) == 10_000 and "row 😀 9999" in rows

    cursor.execute("SELECT 1 AS n; SELECT n FROM (VALUES (2), (3)) AS v (n)")
    assert [tuple(row) for row in cursor.fetchall()] == [(1,)]
    assert cursor.nextset() and sorted(row[0] for row in cursor.fetchall()) == [2, 3]

    try:
        cursor.execute("SELECT 1; DROP USER [nobody_of_that_name]")
        while cursor.nextset():
            pass
        sys.exit("an error after a result went unnoticed")
    except client.Error as error:
        assert number(error) == 15151, error

    cursor.execute("CREATE TABLE dbo.Wire (id int PRIMARY KEY, n int); INSERT INTO dbo.Wire VALUES (1, 1), (2, 1), (3, 2)")
    cursor.execute("UPDATE dbo.Wire SET n = 5 WHERE n = 1")
    assert cursor.rowcount == 2, cursor.rowcount
    cursor.execute("DROP TABLE dbo.Wire")
