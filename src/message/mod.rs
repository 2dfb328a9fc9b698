//! The vocabulary that sessions and shards share. No behaviour.

mod admin;
mod call;
mod explain;
mod gather;
mod mail;
mod metrics;
mod operation;
mod registry;
mod run;

// Words of the layers below that requests and answers are made of.
pub use crate::access::{Identity, Tier};
pub use crate::store::{
    Aggregate, Definition as BucketDefinition, Filter, Function, Group, Invalid, Key, Question, Read,
};
pub use admin::{Admin, AdminCall, AdminVerb, Alteration, Change, Flush, REGISTRAR};
pub use call::{Call, RulesCall, SessionCall, Step, Verb};
pub use explain::{Found, LivePlan, PlanShare, ReadFigures};
pub use gather::{BucketFigures, Share, StoreShare, Survey};
pub use mail::{
    Answer, Data, Json, Leave, Mail, Op, Origin, Outcome, PlacedResults, PlacedSteps, Prepare, PushSet,
    Request, Target, Vote,
};
pub use metrics::{CoreFigures, Load, Refusal, Traffic, Vitals};
pub use operation::{Namespace, Operation};
pub use registry::{ConnectionFigures, ConnectionTotals, RulesFigures, ServerShare};
pub use run::{Run, Wanted};
