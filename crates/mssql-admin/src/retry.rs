//! The one policy of repetition: what is sent again, when, and how often (sql-mi facts §1.5).

use std::time::Duration;

use crate::error::{Error, Refusal};

/// Whether a statement may be sent a second time when its answer did not come, or was an error that passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing changes.
    Reads,
    /// Done twice is done once.
    Repeatable,
    /// A second time it would fail, or hit something else: it is repeated only where the server says that it did not
    /// begin, or rolled it back.
    Once,
}

/// Errors that pass by themselves: Microsoft's own lists for connections, and a deadlock (sql-mi facts §1.5).
const TRANSIENT: [u32; 17] =
    [1205, 4221, 10928, 10929, 40143, 40197, 40501, 40540, 40613, 42108, 42109, 49918, 49919, 49920, 233, 40020, 40166];
/// Those of them that say for certain that nothing was done: the victim of a deadlock is rolled back, and a database that
/// is not available, or has no room for a request, has not begun it.
const NOT_DONE: [u32; 8] = [1205, 10928, 10929, 40501, 40613, 49918, 49919, 49920];

/// A batch is sent at most this often.
const ATTEMPTS: u32 = 4;

/// What follows from an error.
#[derive(Debug)]
pub(crate) enum Next {
    Again(Duration),
    Fail(Error),
}

/// After the `attempt`th time.
pub(crate) fn next(effect: Effect, error: Error, attempt: u32) -> Next {
    let repeatable = effect != Effect::Once;
    let passes = match &error {
        Error::Refused { refusal, .. } if repeatable => TRANSIENT.contains(&refusal.number),
        Error::Refused { refusal, .. } => NOT_DONE.contains(&refusal.number),
        Error::Connect { .. } => repeatable,
        _ => false,
    };
    if passes && attempt < ATTEMPTS {
        return Next::Again(Duration::from_millis(200) * attempt);
    }
    Next::Fail(if effect == Effect::Reads { error } else { lost(error) })
}

/// What a broken, unreadable or late answer means for a change: it may have happened. So does an error that is no answer
/// to the statement but the end of its connection.
pub(crate) fn lost(error: Error) -> Error {
    match error {
        Error::Connect { server, cause } | Error::Decode { server, cause } => Error::AnswerLost { server, cause },
        Error::Timeout { server, seconds } => {
            Error::AnswerLost { server, cause: format!("no answer within {seconds} s") }
        }
        other => other,
    }
}

/// Whether an error of the server ends the connection, so that it is no answer to what was sent.
pub(crate) fn ends_connection(refusal: &Refusal) -> bool {
    refusal.class >= 20 && TRANSIENT.contains(&refusal.number)
}

/// Whether another try to connect may succeed.
pub(crate) fn is_transient(error: &Error) -> bool {
    match error {
        Error::Refused { refusal, .. } => TRANSIENT.contains(&refusal.number),
        Error::Connect { .. } => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Fault;

    fn refused(number: u32) -> Error {
        Error::Refused {
            refusal: Refusal { number, class: 16, state: 1, text: String::new(), database: None, needs: None },
            fault: Fault::Other,
        }
    }

    fn broken() -> Error {
        Error::Connect { server: "s".into(), cause: "reset".into() }
    }

    #[test]
    fn a_change_without_a_readable_answer_may_have_happened() {
        let (server, cause) = ("s".to_owned(), "c".to_owned());
        for (error, is_lost) in [
            (broken(), true),
            (Error::Decode { server: server.clone(), cause: cause.clone() }, true),
            (Error::Timeout { server: server.clone(), seconds: 120 }, true),
            (Error::Tls { server, cause }, false),
            (Error::Token("none".into()), false),
            (refused(15025), false),
        ] {
            let said = error.to_string();
            assert_eq!(matches!(lost(error), Error::AnswerLost { .. }), is_lost, "{said}");
        }
    }

    #[test]
    fn only_what_passes_by_itself_is_tried_again() {
        for number in TRANSIENT {
            assert!(is_transient(&refused(number)), "{number}");
        }
        // A wrong password tried again locks the login; a database that is not there will not come.
        for number in [18456, 4060, 15025, 15151, 229, 208] {
            assert!(!is_transient(&refused(number)), "{number}");
        }
    }

    #[test]
    fn each_effect_has_its_own_repetitions() {
        let again = |effect, error, attempt| matches!(next(effect, error, attempt), Next::Again(_));
        for (error, reads, repeatable, once) in [
            (broken as fn() -> Error, true, true, false),
            (|| refused(1205), true, true, true),
            // Refused before it began; and one of which only a look can tell.
            (|| refused(40613), true, true, true),
            (|| refused(40197), true, true, false),
            (|| refused(15151), false, false, false),
            (|| refused(18456), false, false, false),
            (|| Error::Timeout { server: "s".into(), seconds: 120 }, false, false, false),
            (|| Error::Decode { server: "s".into(), cause: "c".into() }, false, false, false),
            (|| Error::Interrupted { server: "s".into() }, false, false, false),
        ] {
            for (effect, expected) in [(Effect::Reads, reads), (Effect::Repeatable, repeatable), (Effect::Once, once)] {
                assert_eq!(again(effect, error(), 1), expected, "{effect:?} after {}", error());
                assert!(!again(effect, error(), ATTEMPTS), "{effect:?} has an end");
            }
        }
        for (effect, is_lost) in [(Effect::Reads, false), (Effect::Repeatable, true), (Effect::Once, true)] {
            let Next::Fail(error) = next(effect, broken(), ATTEMPTS) else { panic!("{effect:?}") };
            assert_eq!(matches!(error, Error::AnswerLost { .. }), is_lost, "{effect:?}");
        }
    }
}
