//! Control of flow, as scripts of administrators use it.

use super::{admin, answer, errors, instance, login, run};
use emulator_ground::answers::SqlAnswer;

#[test]
fn blocks_loops_and_errors() {
    let instance = instance();
    let mut session = admin(&instance, "Sales");
    let cases = [
        ("IF 1 = 2 SELECT 'a' ELSE SELECT 'b'", "b"),
        (
            "IF EXISTS (SELECT 1 FROM sys.tables WHERE name = 'Orders') BEGIN SELECT 'yes' SELECT 'again' END",
            "yes;again",
        ),
        ("DECLARE @n int = 0; WHILE @n < 3 SET @n += 1; SELECT @n", "3"),
        ("DECLARE @n int = 0; WHILE 1 = 1 BEGIN SET @n += 1; IF @n < 5 CONTINUE; BREAK END; SELECT @n", "5"),
        ("SELECT 1 RETURN SELECT 2", "1"),
        (
            "BEGIN TRY THROW 50001, 'mine', 3 END TRY BEGIN CATCH SELECT ERROR_NUMBER(), ERROR_STATE() END CATCH",
            "50001|3",
        ),
        (
            "BEGIN TRY RAISERROR('%s of %d', 16, 2, 'one', 7) END TRY BEGIN CATCH SELECT ERROR_MESSAGE(), ERROR_NUMBER() END CATCH",
            "one of 7|50000",
        ),
        (
            "BEGIN TRY BEGIN TRY SELECT 1/0 END TRY BEGIN CATCH THROW END CATCH END TRY BEGIN CATCH SELECT ERROR_NUMBER() END CATCH",
            "8134",
        ),
    ];
    for (text, expected) in cases {
        // The statement that failed has begun a result; only whole rows count.
        assert_eq!(answer(&mut *session, text), expected, "{text}");
    }
    let uncaught = [
        ("THROW 50001, 'mine', 3", (50001, 16, 3)),
        ("RAISERROR('mine', 11, 2)", (50000, 11, 2)),
        ("THROW", (10704, 15, 1)),
        ("THROW 49999, 'too small', 1", (35100, 16, 10)),
        ("BREAK", (135, 15, 1)),
        ("CONTINUE", (136, 15, 1)),
        ("CREATE DATABASE Another", (50900, 16, 1)),
        ("WHILE 1 = 1 SELECT @nobody", (137, 15, 2)),
    ];
    for (text, expected) in uncaught {
        assert_eq!(errors(&run(&mut *session, text)).first(), Some(&expected), "{text}");
    }
    // Up to class 10 it is a message and no error.
    assert_eq!(errors(&run(&mut *session, "RAISERROR('only so', 10, 1)")), []);
}

#[test]
fn errors_may_be_answered_with_other_numbers() {
    let instance = instance();
    instance
        .world
        .change::<()>(|world| {
            let other = SqlAnswer { number: Some(4902), severity: Some(15), state: Some(7) };
            world.answers.sql.insert(208, other);
            world.answers.sql.insert(18456, SqlAnswer { state: Some(5), ..SqlAnswer::default() });
            Ok(())
        })
        .expect("nothing fails");
    let mut session = admin(&instance, "Sales");
    assert_eq!(errors(&run(&mut *session, "SELECT * FROM dbo.Nothing")), [(4902, 15, 7)]);
    let caught = "BEGIN TRY EXEC ('SELECT * FROM dbo.Nothing') END TRY BEGIN CATCH SELECT ERROR_NUMBER(), ERROR_STATE() END CATCH";
    assert_eq!(answer(&mut *session, caught), "4902|7");
    assert_eq!(answer(&mut *session, "SELECT @@ERROR"), "0");
    let refused = login(&instance, "nobody", "wrong", "Sales").err().expect("nobody is refused");
    assert_eq!(refused.iter().map(|m| (m.number, m.state)).collect::<Vec<_>>(), [(18456, 5)]);
}
