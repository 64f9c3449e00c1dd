//! A session as the wire has it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::errors;
use super::execute::Run;
use super::rows::Variables;
use super::session::InstanceSession;
use emulator_ground::engine::{Cancel, Message, Outcome, Request, Session, Statement};
use emulator_tsql::parser::STACK;

impl Session for InstanceSession {
    fn id(&self) -> u16 {
        self.id
    }
    fn database(&self) -> String {
        self.state().database(self.database).map_or_else(String::new, |d| d.name.clone())
    }
    fn login_name(&self) -> String {
        self.name().to_owned()
    }

    /// With stack enough for the deepest text the grammar takes: the thread's own, if it has that much left.
    fn execute(&mut self, request: Request, cancel: &Cancel, out: &mut dyn FnMut(Outcome)) {
        if self.is_killed() {
            out(Outcome::Message(Message::new(
                596,
                21,
                1,
                "Cannot continue the execution because the session is in the kill state.",
            )));
            out(Outcome::Done { statement: Statement::Other, count: None, failed: true });
            return;
        }
        let work = AssertUnwindSafe(|| {
            Run { session: self, cancel, out: &mut *out, variables: Variables::new(), tries: 0, depth: 0 }
                .request(request);
        });
        // A panic must not take the session with it: state is only replaced whole.
        let ran = stacker::maybe_grow(STACK, STACK, || catch_unwind(work));
        if ran.is_err() {
            out(Outcome::Message(errors::internal("the statement stopped in the middle")));
            out(Outcome::Done { statement: Statement::Other, count: None, failed: true });
        }
        self.note();
    }

    fn reset(&mut self, keep_transaction: bool) {
        self.start_over(keep_transaction);
    }

    fn killed(&self) -> bool {
        self.is_killed()
    }
}
