//! The vocabulary that sessions and shards share. No behaviour.

mod call;
mod gather;
mod mail;
mod operation;

// Words of the layers below that requests and answers are made of.
pub use crate::access::{Identity, Tier};
pub use crate::store::{Aggregate, Filter, Function, Group, Invalid, Key, Question, Read};
pub use call::{Call, RulesCall, SessionCall, Step, Verb};
pub use gather::{BucketFigures, Share, StoreShare, Survey};
pub use mail::{Answer, Json, Leave, Mail, Op, Origin, Outcome, Prepare, PushSet, Request, Target, Vote};
pub use operation::{Namespace, Operation};
