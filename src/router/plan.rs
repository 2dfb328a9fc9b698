//! From a call to a plan: one core, several, or only the connection itself.

use super::catalog::Catalog;
use crate::access::Authorized;
use crate::base::fault::{Code, Fault};
use crate::base::ids::{CoreId, QueryId};
use crate::base::json::Raw;
use crate::message::{AdminCall, Call, Op, SessionCall, Step, Survey, Target};
use crate::query::{self, Bound, Part};

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
            Ok(Plan::One { core, op: Op::Rules(call) })
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
    let known = steps.iter().find_map(|step| catalog.bucket(step.bucket));
    let stray = known.map_or(here, |placed| placed.core);
    let placed: Vec<(CoreId, Step<Target>)> = steps
        .into_iter()
        .map(|Step { bucket, verb }| match catalog.bucket(bucket) {
            Some(placed) => (placed.core, Step { bucket: Ok(placed.bucket), verb }),
            None => (stray, Step { bucket: Err(bucket.into()), verb }),
        })
        .collect();
    let core = placed[0].0;
    if placed.iter().any(|(other, _)| *other != core) {
        return Plan::Several(placed);
    }
    Plan::One { core, op: Op::Transaction(placed.into_iter().map(|(_, step)| step).collect()) }
}
