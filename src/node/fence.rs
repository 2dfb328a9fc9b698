//! A fault of ours while one client's message is read costs that client its connection (P-169),
//! a fault in anything else the process.
//!
//! What is behind the fence is what clients feed with bytes of their choice: the HTTP head, the
//! frame decoder, the JSON parser, the decoding of requests, gate and router. All of it sees the
//! core through a shared reference, which the compiler checks: `&Core` is unwind-safe, because
//! nothing in a core can be changed through it. What it does change it names, belongs to the
//! connection or is scratch space, and is thrown away.
//!
//! What changes sessions, subscriptions, or data is outside: a panic there may leave half a
//! change behind, and nobody could say in whose connection. The shell ends the process then.

use super::Core;
use super::outbox::{Outbox, Output};
use crate::base::ids::ConnId;
use crate::base::time::Now;
use crate::wire::CloseCode;
use std::any::Any;
use std::panic::{AssertUnwindSafe, UnwindSafe, catch_unwind};

/// Runs `act`; the error is the text of its panic. What `act` may leave broken behind is
/// `scratch`: the caller does not use it again after an error.
pub(super) fn fence<S, T>(scratch: S, act: impl FnOnce(S) -> T + UnwindSafe) -> Result<T, String> {
    let scratch = AssertUnwindSafe(scratch);
    catch_unwind(|| act({ scratch }.0)).map_err(|payload| text(&*payload))
}

fn text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".into())
}

impl Core {
    /// Ends a connection that was being served when a fault of ours came to light. Its state is
    /// not used again, what it has asked for goes on.
    pub(super) fn fail(&mut self, conn: ConnId, cause: String, now: Now, out: &mut Outbox) {
        out.push(Output::Fault(conn, cause));
        self.close(conn, CloseCode::INTERNAL_ERROR, "internal_error", now, out);
        if let Some(session) = self.session(conn) {
            session.discard_input();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fence;

    #[test]
    fn the_cause_is_told() {
        // P-169
        assert_eq!(fence(1, |n| n), Ok(1));
        assert_eq!(fence((), |()| -> i32 { panic!("a fault of ours") }), Err("a fault of ours".into()));
        let number = 7;
        assert_eq!(fence((), |()| -> i32 { panic!("fault {number}") }), Err("fault 7".into()));
    }
}
