//! The most frequent request of all, a `store.get` of a bucket of the connection's own core, on a way
//! without turns: looked up while its text is read, copied from the record into the answer.
//!
//! Nothing here is different for the client: it has passed the gate, it is charged, and what may have to wait or has a
//! field that could be refused takes the ordinary way.

use super::Core;
use super::outbox::Outbox;
use super::receive::append;
use crate::access::Authorized;
use crate::base::ids::{BucketId, ConnId, CoreId};
use crate::base::json::Number;
use crate::base::time::Now;
use crate::protocol::{self, Envelope};
use crate::router::Placed;
use crate::session::{Due, Pending, Target};
use crate::shard::Place;
use crate::wire;

/// A record, by name.
#[derive(Clone, Copy)]
pub(super) struct Point<'t> {
    pub(super) core: CoreId,
    bucket: BucketId,
    /// As canonical JSON.
    key: &'t [u8],
}

impl Core {
    /// What a `store.get` asks for. `None` = it takes the ordinary way, whatever it is. O(1).
    pub(super) fn point<'t>(&self, request: &Authorized<&Envelope<'_, 't>>) -> Option<Point<'t>> {
        let (bucket, key) = protocol::point(request.request())?;
        let Placed { bucket, core } = self.catalog.bucket(bucket)?;
        Some(Point { core, bucket, key })
    }

    /// Where the record is that is asked for, if there is one. `None` = not here, or not now. O(1).
    pub(super) fn look_up(&self, conn: ConnId, point: Point<'_>) -> Option<Option<Place>> {
        if !self.is_next(point.core) || !self.is_free(conn) {
            return None;
        }
        self.shard.look_up(point.bucket, point.key)
    }

    /// Asks another core for a record, unless that has to wait, which changes nothing. False = it has to.
    pub(super) fn look_up_elsewhere(
        &mut self,
        conn: ConnId,
        id: Number,
        point: Point<'_>,
        bytes: u32,
        now: Now,
        out: &mut Outbox,
    ) -> bool {
        let target = Target::Core(point.core);
        let Some(session) = self.session(conn) else { return true };
        if !session.flight.admits(target) {
            return false;
        }
        if let Err(fault) = self.charge(conn, now) {
            let is_refused = self.refuse(conn, id, &fault, out);
            self.traffic.rate_limited += u64::from(is_refused);
            return is_refused;
        }
        let session = self.session(conn).expect("just seen");
        session.flight.depart(target, Pending { id, due: Due::Data, bytes });
        out.run(point.core, conn).get(id, point.bucket, point.key);
        true
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
