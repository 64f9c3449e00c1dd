//! Decimals of up to 38 digits, exact wherever they go.

use super::{admin, answer, good, instance, refused, run};
use emulator_ground::engine::Outcome;
use emulator_ground::value::{SqlType, Value};

fn typed(text: &str) -> (SqlType, Value) {
    let instance = instance();
    let outcomes = run(&mut *admin(&instance, "Sales"), text);
    let rows = outcomes.iter().find_map(|o| match o {
        Outcome::Rows { columns, rows } => Some((columns[0].sql_type, rows[0][0].clone())),
        _ => None,
    });
    rows.unwrap_or_else(|| panic!("{text}: {outcomes:?}"))
}

/// Types from the page "Precision, scale, and length"; values worked out by hand.
#[test]
fn arithmetic_has_the_documented_types_and_exact_values() {
    let decimal = |precision, scale| SqlType::Decimal { precision, scale };
    for (text, sql_type, unscaled, scale) in [
        (
            "SELECT 12345678901234567890123456789012345678",
            decimal(38, 0),
            12_345_678_901_234_567_890_123_456_789_012_345_678,
            0,
        ),
        ("SELECT 0.1 + 0.2", decimal(2, 1), 3, 1),
        ("SELECT 1.0 / 3", decimal(7, 6), 333_333, 6),
        ("SELECT -2.0 / 3", decimal(7, 6), -666_666, 6),
        ("SELECT 1.5 * 2", decimal(4, 1), 30, 1),
        ("SELECT 99999999999999999999.99 + 0.01", decimal(23, 2), 10_000_000_000_000_000_000_000, 2),
        ("SELECT CAST(1 AS decimal(38, 10)) / 3", decimal(38, 10), 3_333_333_333, 10),
        ("SELECT CAST(10.5 AS decimal(10, 2)) % 3", decimal(3, 2), 150, 2),
        (
            "SELECT CAST('1234567890123456789.123456789' AS decimal(38, 9))",
            decimal(38, 9),
            1_234_567_890_123_456_789_123_456_789,
            9,
        ),
        ("SELECT CASE WHEN 1 = 1 THEN 1 ELSE 2.50 END", decimal(12, 2), 100, 2),
        ("SELECT ISNULL(CAST(NULL AS decimal(5, 1)), 2.26)", decimal(5, 1), 23, 1),
        ("SELECT ROUND(CAST(2.345 AS decimal(10, 3)), 2)", decimal(10, 3), 2350, 3),
        ("SELECT ABS(-12345678901234567890.5)", decimal(21, 1), 123_456_789_012_345_678_905, 1),
        ("SELECT $2.5 * 3", SqlType::Money, 75_000, 4),
        (
            "SELECT SUM(v) FROM (VALUES (12345678901234567890.1), (0.9)) AS t (v)",
            decimal(38, 1),
            123_456_789_012_345_678_910,
            1,
        ),
        ("SELECT AVG(v) FROM (VALUES (1.0), (2.0), (2.0)) AS t (v)", decimal(38, 6), 1_666_666, 6),
        ("SELECT MAX(v) FROM (VALUES (-3.5), (-20.0)) AS t (v)", decimal(3, 1), -35, 1),
        ("SELECT 1.5 UNION SELECT 22", decimal(11, 1), 15, 1),
    ] {
        assert_eq!(typed(text), (sql_type, Value::Decimal { unscaled, scale }), "{text}");
    }
    for (text, shown) in [
        ("SELECT CAST(-0.5 AS varchar(20))", "-0.5"),
        ("SELECT CAST(CAST(1.999 AS decimal(10, 3)) AS int)", "1"),
        ("SELECT CAST(12345678901234567.0 AS bigint)", "12345678901234567"),
        ("SELECT CAST($1234.5678 AS varchar(20))", "1234.57"),
        ("SELECT CASE WHEN 0.10 = 0.1 AND 1 < 1.5 AND 1e0 = 1.0 AND -2.5 < -2.25 THEN 'yes' END", "yes"),
        ("SELECT CONCAT(1.50, '')", "1.50"),
        ("SELECT LEN(1.25), DATALENGTH(CAST(1 AS decimal(38, 0)))", "4|17"),
        ("SELECT COUNT(*) FROM (VALUES (1.0), (1.00)) AS t (v) GROUP BY v", "2"),
    ] {
        let instance = instance();
        assert_eq!(answer(&mut *admin(&instance, "Sales"), text), shown, "{text}");
    }
}

#[test]
fn columns_variables_and_keys_keep_every_digit() {
    let instance = instance();
    let mut sales = admin(&instance, "Sales");
    good(
        &mut *sales,
        "CREATE TABLE d (v decimal(38, 10) PRIMARY KEY, n numeric(20, 0) IDENTITY(5, 5), m money NULL)
         DECLARE @v decimal(38, 10) = 1234567890123456789012345678.0123456789
         INSERT INTO d (v, m) VALUES (@v, 922337203685477.5807), (@v + 0.0000000001, -1), (-@v, NULL), (9, 0)",
    );
    assert_eq!(
        answer(&mut *sales, "SELECT v, n, m FROM d ORDER BY v"),
        "-1234567890123456789012345678.0123456789|15|NULL;9.0000000000|20|0.0000;\
         1234567890123456789012345678.0123456789|5|922337203685477.5807;1234567890123456789012345678.0123456790|10|-1.0000"
    );
    assert_eq!(answer(&mut *sales, "SELECT n FROM d WHERE v = 1234567890123456789012345678.0123456790"), "10");
    assert_eq!(
        answer(&mut *sales, "SELECT SUM(v), SCOPE_IDENTITY(), IDENT_CURRENT('d') FROM d"),
        "1234567890123456789012345687.0123456790|20|20"
    );
    for (text, number) in [
        ("INSERT INTO d (v) VALUES (9.00)", 2627),
        ("INSERT INTO d (v) VALUES (12345678901234567890123456789)", 8115),
        ("SELECT CAST(100 AS decimal(2, 0))", 8115),
        ("SELECT CAST(99999999999999999999999999999999999999 AS decimal(38, 0)) + 1", 8115),
        ("SELECT SUM(v) FROM (VALUES (99999999999999999999999999999999999999), (1)) AS t (v)", 8115),
        ("SELECT 1.0 / 0", 8134),
        ("SELECT ~1.5", 8117),
        ("SELECT 1.5 & 1", 402),
        ("SELECT 123456789012345678901234567890123456789", 1007),
    ] {
        assert_eq!(refused(&mut *sales, text), number, "{text}");
    }
}
