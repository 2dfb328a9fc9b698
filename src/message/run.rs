//! Requests of one connection on their way to the data of another core, and their answers on the way back.
//!
//! What passes between cores costs both of them, cache line by cache line, and freeing memory of another
//! core is dearer still. So consecutive requests travel as one list in memory that goes home with the answers, and
//! these come as the frames that the client is to get.

use super::call::Verb;
use super::mail::Op;
use crate::base::ids::{BucketId, ConnId};
use crate::base::json::Number;
use crate::store::{Key, Question, Read};
use smallvec::SmallVec;

/// Requests in order, and the answers to the first of them.
#[derive(Debug)]
pub struct Run {
    conn: ConnId,
    /// One alone is in the list itself: memory elsewhere is another cache line to wait for on both cores.
    asked: SmallVec<[Asked; 1]>,
    /// Of those that look a record up, one behind the other.
    keys: SmallVec<[u8; KEY_BYTES]>,
    /// The others.
    ops: Vec<Op>,
    answered: usize,
    frames: Vec<u8>,
}

/// A key of common length.
const KEY_BYTES: usize = 40;

#[derive(Debug)]
struct Asked {
    id: Number,
    what: What,
}

/// What is asked, compact: a look-up needs 32 bytes and its key.
#[derive(Debug)]
enum What {
    Get {
        bucket: BucketId,
        key_bytes: u32,
    },
    /// The next of the others.
    Op,
}

/// What is asked, for who answers.
pub enum Wanted<'a> {
    /// The record of a key, which is canonical JSON.
    Get(BucketId, &'a [u8]),
    /// A read, a write or a transaction.
    Op(&'a mut Op),
}

impl Run {
    /// Nothing yet, of that connection; the answers will be written into `frames`, which is empty.
    pub fn new(conn: ConnId, frames: Vec<u8>) -> Self {
        let (asked, keys) = (SmallVec::new(), SmallVec::new());
        Self { conn, asked, keys, ops: Vec::new(), answered: 0, frames }
    }

    /// The same with the memory of one that is done.
    pub fn renew(&mut self, conn: ConnId, frames: Vec<u8>) {
        self.asked.clear();
        self.keys.clear();
        self.ops.clear();
        (self.conn, self.answered, self.frames) = (conn, 0, frames);
    }

    /// Whose it is.
    pub fn conn(&self) -> ConnId {
        self.conn
    }

    /// How many requests there are.
    pub fn len(&self) -> usize {
        self.asked.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }

    /// How many of them have been answered.
    pub fn answered(&self) -> usize {
        self.answered
    }

    /// What it keeps for the next, in bytes.
    pub fn kept_bytes(&self) -> usize {
        self.asked.capacity() * size_of::<Asked>()
            + self.keys.capacity()
            + self.ops.capacity() * size_of::<Op>()
    }

    /// Asks for the record of a key, which is canonical JSON.
    pub fn get(&mut self, id: Number, bucket: BucketId, key: &[u8]) {
        let key_bytes = u32::try_from(key.len()).expect("a message is below 4 GiB");
        self.keys.extend_from_slice(key);
        self.asked.push(Asked { id, what: What::Get { bucket, key_bytes } });
    }

    /// Asks for a read, a write or a transaction.
    pub fn push(&mut self, id: Number, op: Op) {
        self.ops.push(op);
        self.asked.push(Asked { id, what: What::Op });
    }

    /// Has one request after the other answered into the frames, until these have `bytes_max` bytes.
    pub fn serve(&mut self, bytes_max: usize, mut answer: impl FnMut(Number, Wanted<'_>, &mut Vec<u8>)) {
        let Self { asked, keys, ops, answered, frames, .. } = self;
        let (mut keys, mut ops) = (&keys[..], ops.iter_mut());
        for Asked { id, what } in asked {
            if frames.len() >= bytes_max {
                return;
            }
            let wanted = match what {
                What::Get { bucket, key_bytes } => Wanted::Get(*bucket, split(&mut keys, *key_bytes)),
                What::Op => Wanted::Op(ops.next().expect("as many as there are")),
            };
            answer(*id, wanted, frames);
            *answered += 1;
        }
    }

    /// Takes out what has not been answered, to be asked one by one. What has been stays, and goes home.
    pub fn take_rest(&mut self) -> Vec<Op> {
        let (answered, rest) = self.asked.split_at(self.answered);
        let mut keys = &self.keys[..];
        let mut answered_ops = 0;
        for asked in answered {
            match asked.what {
                What::Get { key_bytes, .. } => {
                    split(&mut keys, key_bytes);
                }
                What::Op => answered_ops += 1,
            }
        }
        let mut ops = self.ops.drain(answered_ops..);
        let rest = rest.iter().map(|asked| match asked.what {
            What::Get { bucket, key_bytes } => {
                let key = Key::from_slice(split(&mut keys, key_bytes));
                Op::Data { bucket, verb: Verb::Read(Question::unfiltered(Read::Get(key))) }
            }
            What::Op => ops.next().expect("as many as there are"),
        });
        rest.collect()
    }

    /// Takes the answers.
    pub fn take_frames(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.frames)
    }
}

/// Takes so many bytes off the front.
fn split<'a>(bytes: &mut &'a [u8], count: u32) -> &'a [u8] {
    let (front, rest) = bytes.split_at(count as usize);
    *bytes = rest;
    front
}

#[cfg(test)]
mod tests {
    use super::{Run, Wanted};
    use crate::base::ids::{BucketId, ConnId};
    use crate::base::json::Number;
    use crate::message::{Op, Verb};

    /// Two look-ups around a clear.
    fn run() -> Run {
        let mut run = Run::new(ConnId { slot: 1, generation: 2 }, Vec::new());
        run.get(Number::Signed(7), BucketId(1), b"\"a\"");
        run.push(Number::Signed(8), Op::Data { bucket: BucketId(2), verb: Verb::Clear });
        run.get(Number::Signed(9), BucketId(3), b"\"bc\"");
        run
    }

    #[test]
    fn what_is_asked_is_what_is_wanted() {
        let mut run = run();
        let mut wanted = String::new();
        run.serve(usize::MAX, |id, what, frames| {
            frames.push(b'.');
            wanted += &match what {
                Wanted::Get(bucket, key) => format!("{id:?} {bucket:?} {}\n", String::from_utf8_lossy(key)),
                Wanted::Op(op) => format!("{id:?} {op:?}\n"),
            };
        });
        let expected = "Signed(7) BucketId(1) \"a\"\nSigned(8) Data { bucket: BucketId(2), verb: Clear }\n\
                        Signed(9) BucketId(3) \"bc\"\n";
        assert_eq!(wanted, expected);
        assert_eq!((run.answered(), run.take_frames().len(), run.take_rest().len()), (3, 3, 0));
    }

    #[test]
    fn what_is_not_answered_is_asked_one_by_one() {
        for answered in 0..=3 {
            let mut run = run();
            run.serve(answered, |_, _, frames| frames.push(b'.'));
            assert_eq!(run.answered(), answered);
            let rest: Vec<String> = run.take_rest().iter().map(|op| format!("{op:?}")).collect();
            assert_eq!(rest.len(), 3 - answered);
            for (op, bucket) in rest.iter().rev().zip([3, 2, 1]) {
                assert!(op.contains(&format!("BucketId({bucket})")), "{op}");
            }
            assert_eq!(run.ops.len(), usize::from(answered >= 2), "what is answered goes home");
            assert!(rest.last().is_none_or(|op| op.contains("Get([34, 98, 99, 34])")), "{rest:?}");
            run.renew(ConnId { slot: 3, generation: 4 }, Vec::new());
            assert_eq!((run.len(), run.answered(), run.take_rest().len()), (0, 0, 0));
        }
    }
}
