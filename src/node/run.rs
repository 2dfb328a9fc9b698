//! Requests for data that run at once: on the connection's core where they are asked, on another as one list
//! there and back ([`Run`]).
//!
//! Whatever has to wait for a transaction takes the ordinary way, [`crate::shard::Shard::request`].

use super::Core;
use super::outbox::Outbox;
use crate::base::ids::{BucketId, ConnId, CoreId};
use crate::base::json::Number;
use crate::base::limits::RUN_ANSWER_BYTES_MAX;
use crate::base::time::Now;
use crate::message::{Mail, Op, Origin, Request, Run, Wanted};
use crate::protocol;
use crate::store::Record;
use crate::wire::encoder::text_with;

impl Core {
    /// Executes a request of this core's data and answers it. Nobody stands in its way.
    pub(super) fn run_here(&mut self, conn: ConnId, id: Number, mut op: Op, now: Now, out: &mut Outbox) {
        let session = self.session(conn).expect("it has asked");
        if session.may_answer() {
            let frames = out.frames(conn);
            let before = frames.len();
            self.run(id, &mut op, now, frames);
            let bytes = (frames.len() - before) as u64;
            self.session(conn).expect("it has asked").unsent_bytes += bytes;
            self.traffic.messages_sent += 1;
        } else {
            self.run(id, &mut op, now, &mut Vec::new());
        }
        self.after_answer(conn, out);
    }

    /// Executes requests of another core's connection, as far as they run at once and their answers are not
    /// too large to be copied; the others are asked one by one.
    pub(super) fn run_for(&mut self, from: CoreId, mut run: Box<Run>, now: Now, out: &mut Outbox) {
        if self.shard.is_unlocked() {
            run.serve(RUN_ANSWER_BYTES_MAX, |id, wanted, frames| match wanted {
                Wanted::Get(bucket, key) => self.get(id, bucket, key, frames),
                Wanted::Op(op) => self.run(id, op, now, frames),
            });
        }
        let origin = Origin { core: from, conn: run.conn() };
        let rest = run.take_rest();
        self.post(from, Mail::Ran(run), out);
        for op in rest {
            self.post_request(self.id, Request { origin, op }, now, out);
        }
    }

    /// Takes the answers to what a connection has asked of another core's data.
    pub(super) fn ran(&mut self, mut run: Box<Run>, out: &mut Outbox) {
        let conn = run.conn();
        let session = self.session(conn).expect("a session outlives the requests that it sent");
        for _ in 0..run.answered() {
            session.flight.land();
        }
        let frames = run.take_frames();
        if session.may_answer() && !frames.is_empty() {
            session.unsent_bytes += frames.len() as u64;
            self.traffic.messages_sent += run.answered() as u64;
            out.send(conn, frames);
        } else {
            out.recycle(frames);
        }
        out.keep(run);
        self.after_answer(conn, out);
    }

    /// Appends the answer to a `store.get`.
    fn get(&mut self, id: Number, bucket: BucketId, key: &[u8], frames: &mut Vec<u8>) {
        match self.shard.get(bucket, key) {
            Ok(record) => {
                let text = record.map_or(&b"null"[..], Record::text);
                text_with(frames, |out| protocol::result(out, id, text));
                self.traffic.results += 1;
            }
            Err(fault) => text_with(frames, self.failed(id, &fault)),
        }
    }

    /// Executes a request and appends its answer.
    fn run(&mut self, id: Number, op: &mut Op, now: Now, frames: &mut Vec<u8>) {
        let before = frames.len();
        let done = match op {
            Op::Data { bucket, verb } => self.shard.data(*bucket, verb, now, |data| {
                text_with(frames, |out| protocol::result(out, id, data.as_bytes()));
            }),
            Op::Transaction(steps) => {
                let mut done = Ok(());
                text_with(frames, |out| {
                    protocol::result_with(out, id, |out| {
                        protocol::transaction_data(out, |out| {
                            done = self.shard.transaction(steps, now, |place, data| {
                                protocol::transaction_result(out, place, data.as_bytes());
                            });
                        });
                    });
                });
                let count = if done.is_ok() {
                    &mut self.traffic.transactions_committed
                } else {
                    &mut self.traffic.transactions_aborted
                };
                *count += 1;
                done
            }
            Op::Subscribe { .. } | Op::Rules(_) => unreachable!("asked in the ordinary way"),
        };
        match done {
            Ok(()) => self.traffic.results += 1,
            Err(fault) => {
                frames.truncate(before);
                text_with(frames, self.failed(id, &fault));
            }
        }
    }
}
