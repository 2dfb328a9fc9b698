//! What an operation is going to touch, known before it runs.

use crate::base::ids::BucketId;
use crate::store::Key;

/// One thing that an operation touches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Intent {
    /// Reads the record of that key, or that there is none.
    ReadKey(BucketId, Key),
    /// Changes or removes the record of that key.
    WriteKey(BucketId, Key),
    /// Puts a record at the end of the bucket. Two of them exclude each other even if their keys
    /// differ: the order in which they come to stand is there for all to see (S-70).
    Append(BucketId),
    /// The same of a transaction whose records find their order when it is decided (`sequence`), so
    /// that it excludes no other one that does likewise.
    AppendInSequence(BucketId),
    /// Depends on which records were put at the end of the bucket: whoever names a key that
    /// the bucket makes itself and that can be guessed, such as a number.
    ReadEnd(BucketId),
    /// Reads the bucket by a predicate or as a whole.
    ReadBucket(BucketId),
    /// Changes or removes records that nobody knows beforehand, or changes what the bucket is.
    WriteBucket(BucketId),
    /// Takes unique values. What is free is decided when the operation runs, and must stay so:
    /// another one may neither take nor free any.
    Claim(BucketId),
    /// Frees unique values, which nobody may take before that is decided.
    Free(BucketId),
}

/// How a lockable item is locked: the classical modes of a hierarchy (Gray 1976), whose upper
/// level are buckets. A bit for "writes" and a bit for "all of it", so that the union of two
/// modes is the weakest that covers both.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Mode(u8);

impl Mode {
    /// Some parts are read (IS).
    pub(super) const READ_PART: Self = Self(0b00);
    /// Some parts are written (IX).
    pub(super) const WRITE_PART: Self = Self(0b01);
    /// All of it is read (S).
    pub(super) const READ: Self = Self(0b10);
    /// All of it is written (X).
    pub(super) const WRITE: Self = Self(0b11);

    /// The mode that covers both.
    pub(super) fn join(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Its place in a table with one entry per mode.
    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The modes that exclude it, a bit each.
    pub(super) fn excluded_by(self) -> u8 {
        // X excludes all; S and IX exclude each other.
        const EXCLUDED_BY: [u8; 4] = [0b1000, 0b1100, 0b1010, 0b1111];
        EXCLUDED_BY[self.index()]
    }
}

/// What can be locked below a bucket.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Part<'k> {
    Key(&'k [u8]),
    /// Where records are appended.
    End,
    /// All values of unique fields.
    Unique,
}

impl Intent {
    /// The lock on the bucket, and the one on a part of it.
    pub(super) fn locks(&self) -> (BucketId, Mode, Option<(Part<'_>, Mode)>) {
        match self {
            Self::ReadKey(bucket, key) => (*bucket, Mode::READ_PART, Some((Part::Key(key), Mode::READ))),
            Self::WriteKey(bucket, key) => (*bucket, Mode::WRITE_PART, Some((Part::Key(key), Mode::WRITE))),
            Self::Append(bucket) => (*bucket, Mode::WRITE_PART, Some((Part::End, Mode::WRITE))),
            Self::AppendInSequence(bucket) => {
                (*bucket, Mode::WRITE_PART, Some((Part::End, Mode::WRITE_PART)))
            }
            Self::ReadEnd(bucket) => (*bucket, Mode::READ_PART, Some((Part::End, Mode::READ))),
            Self::ReadBucket(bucket) => (*bucket, Mode::READ, None),
            Self::WriteBucket(bucket) => (*bucket, Mode::WRITE, None),
            Self::Claim(bucket) => (*bucket, Mode::READ_PART, Some((Part::Unique, Mode::WRITE))),
            Self::Free(bucket) => (*bucket, Mode::READ_PART, Some((Part::Unique, Mode::READ))),
        }
    }
}
