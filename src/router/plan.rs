//! From a call to a plan: one core, several, or only the connection itself.

use super::catalog::{Catalog, Placed};
use crate::access::Authorized;
use crate::base::fault::{Code, Fault};
use crate::base::ids::{CoreId, QueryId};
use crate::base::json::Raw;
use crate::message::{AdminCall, Call, Op, SessionCall, Step, Survey, Target};
use crate::query::{self, Bound, Part};
use smallvec::SmallVec;

/// Who answers.
#[derive(Debug)]
pub enum Plan<'t> {
    /// One shard.
    One {
        /// Which.
        core: CoreId,
        /// What it is asked.
        op: Op,
    },
    /// A transaction over the shards of at least two cores: the steps with their cores, in
    /// the client's order.
    Several(Vec<(CoreId, Step<Target>)>),
    /// A subscription to a query that reads more than once, kept by the connection's core.
    Composite {
        /// The named query.
        query: QueryId,
        /// Its reads and what becomes of them.
        plan: Box<query::Plan<Part>>,
    },
    /// The registrar.
    Admin(AdminCall),
    /// Every core, a share each.
    Each(Survey),
    /// The connection's own core, without its data.
    Session(SessionCall<'t>),
}

/// Plans a request. `here` is the connection's core. O(names in the request).
///
/// # Errors
/// `BUCKET_NOT_DEFINED`, `QUERY_NOT_DEFINED`, `RULES_NOT_AVAILABLE`.
pub fn plan<'t>(catalog: &Catalog, here: CoreId, call: Authorized<Call<'t>>) -> Result<Plan<'t>, Fault> {
    match call.into_inner() {
        Call::Data { bucket: name, verb } => {
            let placed = catalog.bucket(name).ok_or_else(|| Fault::bucket_not_defined(name))?;
            Ok(Plan::One { core: placed.core, op: Op::Data { bucket: placed.bucket, verb } })
        }
        Call::Transaction(steps) => Ok(transaction(catalog, here, steps)),
        Call::Subscribe { query, params } => subscribe(catalog, query, params.as_deref()),
        Call::Rules(call) => {
            let core = catalog
                .rules()
                .ok_or_else(|| Fault::new(Code::RulesNotAvailable, "Rule engine is not configured"))?;
            Ok(Plan::One { core, op: Op::Rules(Box::new(call)) })
        }
        Call::Admin(call) => Ok(Plan::Admin(call)),
        Call::Each(question) => Ok(Plan::Each(question)),
        Call::Session(call) => Ok(Plan::Session(call)),
    }
}

fn subscribe<'t>(catalog: &Catalog, query: &str, params: Option<&[u8]>) -> Result<Plan<'t>, Fault> {
    let (id, definition) = catalog.query(query).ok_or_else(|| Fault::query_not_defined(query))?;
    let plan = definition.bind(params.map(Raw::trusted), |bucket, question| {
        let placed = catalog.bucket(bucket).ok_or_else(|| Fault::bucket_not_defined(bucket))?;
        Ok(Part { core: placed.core, name: bucket.into(), bound: Bound { bucket: placed.bucket, question } })
    })?;
    match plan {
        query::Plan::Read(Part { core, bound, .. }) => {
            Ok(Plan::One { core, op: Op::Subscribe { query: id, bound: Box::new(bound) } })
        }
        plan => Ok(Plan::Composite { query: id, plan: Box::new(plan) }),
    }
}

/// Operations on buckets that do not exist are given to a core that takes part anyway: they
/// fail there when they are reached (S-174).
fn transaction<'t>(catalog: &Catalog, here: CoreId, steps: Vec<Step<&str>>) -> Plan<'t> {
    let places: SmallVec<[Option<Placed>; 8]> =
        steps.iter().map(|step| catalog.bucket(step.bucket)).collect();
    let known = places.iter().flatten().map(|placed| placed.core).next();
    let stray = known.unwrap_or(here);
    let core = |placed: &Option<Placed>| placed.map_or(stray, |placed| placed.core);
    let first = core(&places[0]);
    let is_one = places.iter().all(|placed| core(placed) == first);
    let step = |(Step { bucket, verb }, placed): (Step<&str>, &Option<Placed>)| {
        let bucket = placed.map(|placed| placed.bucket).ok_or_else(|| bucket.into());
        (core(placed), Step { bucket, verb })
    };
    let steps = steps.into_iter().zip(&places).map(step);
    if is_one {
        return Plan::One { core: first, op: Op::Transaction(steps.map(|(_, step)| step).collect()) };
    }
    Plan::Several(steps.collect())
}
