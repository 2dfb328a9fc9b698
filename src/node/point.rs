//! The most frequent request of all, a `store.get` of a bucket of the connection's own core, on a way
//! without turns: looked up while its text is read, copied from the record into the answer.
//!
//! Nothing here is different for the client: it has passed the gate, it is charged, and what may have to wait or has a
//! field that could be refused takes the ordinary way.

use super::Core;
use super::outbox::Outbox;
use super::receive::append;
use crate::access::Authorized;
use crate::base::ids::ConnId;
use crate::base::json::Number;
use crate::base::time::Now;
use crate::protocol::{self, Envelope};
use crate::router::Placed;
use crate::shard::Place;
use crate::wire;

impl Core {
    /// Where the record is that is asked for, if there is one. `None` = the request takes the ordinary
    /// way, whatever it is. O(1).
    pub(super) fn look_up(
        &self,
        conn: ConnId,
        request: &Authorized<&Envelope<'_, '_>>,
    ) -> Option<Option<Place>> {
        let (bucket, key) = protocol::point(request.request())?;
        let Placed { bucket, core } = self.catalog.bucket(bucket)?;
        if !self.is_next(core) || !self.is_free(conn) {
            return None;
        }
        self.shard.look_up(bucket, key)
    }

    /// Answers a request that has just been looked up.
    pub(super) fn found(
        &mut self,
        conn: ConnId,
        id: Number,
        place: Option<Place>,
        now: Now,
        out: &mut Outbox,
    ) {
        if let Err(fault) = self.charge(conn, now) {
            self.traffic.rate_limited += 1;
            self.error(conn, id, &fault, out);
            return;
        }
        let session = self.sessions.get_mut(conn.slot, conn.generation).expect("it has asked");
        // From where it is: to share it, as an answer that travels does, is two locked instructions, which wait
        // until all that was written before is out.
        let text = place.map_or(&b"null"[..], |place| self.shard.looked_up(place).text());
        append(session, conn, &mut self.traffic, out, |out| {
            wire::encoder::text_with(out, |out| protocol::result(out, id, text));
        });
        self.traffic.results += 1;
        self.after_answer(conn, out);
    }
}
