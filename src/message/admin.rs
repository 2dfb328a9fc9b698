//! Changes of what exists: buckets and queries at run time (02 §11).

use super::mail::Origin;
use crate::base::fault::Fault;
use crate::base::ids::{BucketId, CoreId, QueryId};
use crate::base::json::Object;
use crate::query;
use crate::store::Definition;
use std::sync::Arc;

/// The core that makes all changes of what exists, one after the other.
pub const REGISTRAR: CoreId = CoreId(0);

/// A change as a client asks for it.
#[derive(Debug)]
pub struct AdminCall {
    /// Of the bucket or query.
    pub name: Box<str>,
    /// What is to become of it.
    pub verb: AdminVerb,
}

/// What is to become of a bucket or query.
#[derive(Debug)]
pub enum AdminVerb {
    /// A bucket is defined (S-213).
    DefineBucket(Object),
    /// A bucket is dropped (S-214).
    DropBucket,
    /// A bucket's definition is added to (S-217).
    UpdateBucket(Object),
    /// A declarative query is defined (S-225).
    DefineQuery(Object),
    /// A query is defined that is a function of the embedding program (S-123).
    RegisterQuery(query::Definition),
    /// A query is removed (S-229).
    UndefineQuery,
}

/// A step of a change: between a connection's core, the registrar, the core where the bucket
/// lives, and all cores, in the order of the variants.
#[derive(Debug)]
pub enum Admin {
    /// To the registrar.
    Call(Origin, AdminCall),
    /// To the bucket's core, whose doing is the instant at which the change happens.
    Alter(Alteration),
    /// Back: whether it has happened.
    Altered(Result<(), Box<Fault>>),
    /// To every core: from now on the catalog says so.
    Publish(Change),
    /// From every core to a dropped bucket's, twice.
    Flush(Flush),
    /// Back.
    Flushed(Flush),
    /// To the registrar from every core: it is as published.
    Published,
}

/// Why the channels between a core and that of a dropped bucket are flushed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flush {
    /// So that the core learns which of its live queries have ended, and asks for none again.
    Ended,
    /// So that what it had asked for before arrives.
    Asked,
}

/// What the core of a bucket does to it.
#[derive(Debug)]
pub enum Alteration {
    /// An empty bucket comes into being.
    Define(BucketId, Arc<Definition>),
    /// Its definition is replaced by one that has more fields or indexes.
    Redefine(BucketId, Arc<Definition>),
    /// It goes, with all that depends on it.
    Drop(BucketId),
    /// Nothing can ask for the dropped bucket any more but what waits here already.
    Forget(BucketId),
}

impl Alteration {
    /// Which bucket.
    pub fn bucket(&self) -> BucketId {
        match self {
            Self::Define(bucket, _) | Self::Redefine(bucket, _) => *bucket,
            Self::Drop(bucket) | Self::Forget(bucket) => *bucket,
        }
    }
}

/// A change of the catalog.
#[derive(Clone, Debug)]
pub enum Change {
    /// A bucket is there, on that core.
    Bucket(BucketId, CoreId, Arc<Definition>),
    /// A bucket has another definition.
    Definition(BucketId, Arc<Definition>),
    /// A bucket is gone from that core.
    NoBucket(BucketId, CoreId),
    /// A query is there.
    Query(QueryId, Box<str>, query::Definition),
    /// A query is gone.
    NoQuery(QueryId),
}
