//! A plan says what to read; parameters make it concrete.

use crate::base::fault::{Code, Fault};
use crate::base::ids::{BucketId, CoreId};
use crate::base::json::Raw;
use crate::base::limits::{PLAN_DEPTH_MAX, PLAN_READS_MAX};
use crate::store::{Filter, Parameters, Question, Read};
use std::borrow::Cow;

/// What a query reads, as data: one read, or several whose results are put into one array or
/// object. `L` is what stands at the leaves: a read by names, or one that is bound to its bucket.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Plan<L = Leaf> {
    /// One read of one bucket.
    Read(L),
    /// An array of results.
    Array(Vec<Plan<L>>),
    /// An object of results; each name once.
    Object(Vec<(Box<str>, Plan<L>)>),
}

/// One read with its bucket by name and places for parameters.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Leaf {
    /// The bucket's name.
    pub bucket: Box<str>,
    /// Which records count.
    pub filter: Template,
    /// What is read of them.
    pub read: Read,
}

/// A filter in which parameters may be missing yet.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Template {
    /// It has none.
    Fixed(Filter),
    /// Its canonical JSON, with references like `{{ params.name }}` (S-234). Checked: it can only
    /// fail to bind for what the parameters are.
    References(Box<[u8]>),
}

/// A question and the bucket that it is for. Equal ones are one live query.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Bound {
    /// The bucket asked.
    pub bucket: BucketId,
    /// What it is asked.
    pub question: Question,
}

/// A read of a query that reads more than once, and where its bucket lives.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Part {
    /// The core of the bucket.
    pub core: CoreId,
    /// The bucket's name.
    pub name: Box<str>,
    /// What is read.
    pub bound: Bound,
}

impl Leaf {
    /// Puts the parameters in their places. A parameter that is missing makes an equality match
    /// records without that field (S-235); a parameter is only ever a plain value (S-236).
    ///
    /// # Errors
    /// `VALIDATION_ERROR` if an operator's operand is missing or of the wrong shape (S-254).
    pub fn bind(&self, params: Option<Raw<'_>>) -> Result<Question, Fault> {
        let filter = match &self.filter {
            Template::Fixed(filter) => filter.clone(),
            Template::References(json) => Filter::bind(Raw::trusted(json), Parameters::Given(params))?,
        };
        Ok(Question { filter, read: self.read.clone() })
    }
}

impl<L> Plan<L> {
    /// The same plan with other leaves, which are visited in order.
    ///
    /// # Errors
    /// The first one of `map`.
    pub fn try_map<M, E>(&self, map: &mut impl FnMut(&L) -> Result<M, E>) -> Result<Plan<M>, E> {
        Ok(match self {
            Self::Read(leaf) => Plan::Read(map(leaf)?),
            Self::Array(plans) => {
                Plan::Array(plans.iter().map(|plan| plan.try_map(map)).collect::<Result<_, E>>()?)
            }
            Self::Object(members) => {
                let member = |(name, plan): &(Box<str>, Self)| Ok((name.clone(), plan.try_map(map)?));
                Plan::Object(members.iter().map(member).collect::<Result<_, E>>()?)
            }
        })
    }

    /// The leaves in order.
    pub fn leaves(&self) -> Vec<&L> {
        fn collect<'a, L>(plan: &'a Plan<L>, leaves: &mut Vec<&'a L>) {
            match plan {
                Plan::Read(leaf) => leaves.push(leaf),
                Plan::Array(plans) => plans.iter().for_each(|plan| collect(plan, leaves)),
                Plan::Object(members) => members.iter().for_each(|(_, plan)| collect(plan, leaves)),
            }
        }
        let mut leaves = Vec::new();
        collect(self, &mut leaves);
        leaves
    }

    /// Refuses what is too large or too deep, or has two members of one name.
    pub(super) fn checked(self) -> Result<Self, Fault> {
        let depth = self.depth();
        let reads = self.leaves().len();
        let failed = |reason: Cow<'static, str>| Fault::new(Code::InternalError, reason.into_owned());
        if depth > PLAN_DEPTH_MAX {
            return Err(failed(format!("A query's result nests at most {PLAN_DEPTH_MAX} levels").into()));
        }
        if reads > PLAN_READS_MAX {
            return Err(failed(format!("A query makes at most {PLAN_READS_MAX} reads").into()));
        }
        if let Self::Object(members) = &self {
            let mut names: Vec<&str> = members.iter().map(|(name, _)| &**name).collect();
            names.sort_unstable();
            if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err(failed(format!("A query's result has two members \"{}\"", pair[0]).into()));
            }
        }
        Ok(self)
    }

    fn depth(&self) -> usize {
        let deepest = match self {
            Self::Read(_) => return 0,
            Self::Array(plans) => plans.iter().map(Self::depth).max(),
            Self::Object(members) => members.iter().map(|(_, plan)| plan.depth()).max(),
        };
        1 + deepest.unwrap_or(0)
    }
}
