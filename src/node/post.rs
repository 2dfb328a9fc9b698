//! Mail on its way: to other cores, and to this one's own shard.

use super::Core;
use super::outbox::{Outbox, Output};
use crate::base::ids::CoreId;
use crate::base::time::Now;
use crate::message::{Leave, Mail, Request};
use crate::session::Watched;
use crate::shard::{Posts, Shard};

impl Core {
    /// Has the shard do something, and sends what it has to say.
    pub(super) fn consult(&mut self, out: &mut Outbox, act: impl FnOnce(&mut Shard, &mut Posts)) {
        let mut posts = std::mem::take(&mut self.posts);
        act(&mut self.shard, &mut posts);
        for (to, mail) in posts.drain(..) {
            match mail {
                Mail::Answer(answer) if self.is_next(to) => self.answer(to, answer, out),
                mail => self.post(to, mail, out),
            }
        }
        self.posts = posts;
    }

    /// Hands a request to the shard that it is for.
    pub(super) fn post_request(&mut self, to: CoreId, request: Request, now: Now, out: &mut Outbox) {
        if self.is_next(to) {
            self.consult(out, |shard, posts| shard.request(request, now, posts));
        } else {
            self.post(to, Mail::Request(request), out);
        }
    }

    /// Whether mail to that core is for this one and behind nothing, so that it can be handled at once.
    pub(super) fn is_next(&self, to: CoreId) -> bool {
        to == self.id && self.local.is_empty()
    }

    /// Sends mail; mail to this core itself is handled before the input's call returns.
    pub(super) fn post(&mut self, to: CoreId, mail: Mail, out: &mut Outbox) {
        if to == self.id {
            self.local.push_back(mail);
        } else {
            out.push(Output::Post(to, mail));
        }
    }

    /// Tells the keeper of a live query or pattern that a subscriber has left.
    pub(super) fn post_leave(&mut self, watched: Watched, out: &mut Outbox) {
        let (core, leave) = match watched {
            Watched::Query { keeper, live, .. } => (keeper, Leave::Query(live)),
            Watched::Pattern(live) => {
                (self.catalog.rules().expect("patterns need a rule engine"), Leave::Pattern(live))
            }
        };
        self.post(core, Mail::Leave(leave), out);
    }
}
