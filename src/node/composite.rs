//! Queries that read more than once (K-3): one result, put together from reads that may live on
//! different cores.
//!
//! Each core with subscribers keeps such a query itself. It subscribes to every read as a client
//! would, so that it is told when any of them changes. Then it reads them all in one transaction:
//! its locks make the result one state of the whole store, never half a change, and no older than
//! what it was told (S-142, S-143, S-145). One evaluation runs at a time; what changes meanwhile
//! asks for another one. Who subscribes is answered by an evaluation that has begun after the
//! request came (P-122).

use super::Core;
use super::outbox::Outbox;
use crate::base::bytes::Body;
use crate::base::fault::Fault;
use crate::base::ids::{ConnId, CoreId, LiveId, QueryId};
use crate::base::json::{self, Raw};
use crate::message::{
    Answer, Json, Leave, LivePlan, Mail, Op, Origin, Outcome, PushSet, Request, Step, Target, Verb,
};
use crate::protocol;
use crate::query::{Part, Plan};
use smallvec::smallvec;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::mem::take;

/// The place of composite queries among the connections: no table grows to there.
const SLOT: u32 = u32::MAX - 1;

/// Composite queries share their core's live ids with its shard, which counts from 1.
const FIRST_LIVE: u64 = 1 << 63;

/// The composite queries with subscribers on this core.
pub(super) struct Composites {
    last: u32,
    running: BTreeMap<u32, Composite>,
    by_plan: HashMap<Plan<Part>, u32, ahash::RandomState>,
    by_part: BTreeMap<(CoreId, LiveId), BTreeSet<u32>>,
    /// What is to be evaluated at the end of the input, if nothing is under way.
    due: BTreeSet<u32>,
}

struct Composite {
    plan: Plan<Part>,
    /// The live queries of its reads, as far as they have answered.
    parts: Vec<Option<LiveId>>,
    /// Answers that have to come: of reads subscribed to, or of an evaluation.
    outstanding: usize,
    /// Who subscribes, and gets the result of the next evaluation.
    joining: Vec<(ConnId, QueryId)>,
    /// Who gets the result of the evaluation that is under way.
    answering: Vec<(ConnId, QueryId)>,
    /// All of them and those who have been answered.
    subscribers: usize,
    answer: Option<Body>,
    /// Evaluations so far.
    evaluations: u64,
    /// Why it ends, if it does.
    end: Option<Fault>,
}

fn name(number: u32) -> ConnId {
    ConnId { slot: SLOT, generation: number }
}

/// Which composite query asks under that name, if one does.
pub(super) fn number(conn: ConnId) -> Option<u32> {
    (conn.slot == SLOT).then_some(conn.generation)
}

fn live(number: u32) -> LiveId {
    LiveId(FIRST_LIVE + u64::from(number))
}

/// The number of a composite query by its live id; `None` = of a shard's live query.
fn number_of(id: LiveId) -> Option<u32> {
    let number = id.0.checked_sub(FIRST_LIVE)?;
    Some(u32::try_from(number).expect("as it was made"))
}

impl Composite {
    /// Its plan with the live queries of its reads; `None` while it begins.
    fn live_plan(&self) -> Option<LivePlan> {
        let mut parts = self.parts.iter();
        self.plan
            .try_map(&mut |part| Ok::<_, ()>((part.core, parts.next().copied().flatten().ok_or(())?)))
            .ok()
    }
}

impl Composites {
    pub(super) fn new(seed: u64) -> Self {
        let hasher = ahash::RandomState::with_seeds(seed, !seed, seed.rotate_left(24), 0x3c6e_f372_fe94_f82b);
        Self {
            last: 0,
            running: BTreeMap::new(),
            by_plan: HashMap::with_hasher(hasher),
            by_part: BTreeMap::new(),
            due: BTreeSet::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.running.len()
    }

    /// Whether no evaluation is due or under way (S-207).
    pub(super) fn is_settled(&self) -> bool {
        self.due.is_empty() && self.running.values().all(|composite| composite.outstanding == 0)
    }

    /// What a composite query is put together from, and how often that was done.
    pub(super) fn find(&self, id: LiveId) -> Option<(LivePlan, u64)> {
        let composite = self.running.get(&number_of(id)?)?;
        Some((composite.live_plan()?, composite.evaluations))
    }

    /// Who subscribes to what is put together so. O(composite queries).
    pub(super) fn subscribers_to(&self, plan: &LivePlan) -> u64 {
        let same = self.running.values().filter(|composite| composite.live_plan().as_ref() == Some(plan));
        same.map(|composite| composite.subscribers as u64).sum()
    }

    /// A live query of a core has another answer.
    pub(super) fn touch(&mut self, part: (CoreId, LiveId)) {
        self.due.extend(self.by_part.get(&part).into_iter().flatten());
    }
}

impl Core {
    /// One more subscriber. It is answered when its result is there.
    pub(super) fn join_composite(
        &mut self,
        conn: ConnId,
        query: QueryId,
        plan: Plan<Part>,
        out: &mut Outbox,
    ) {
        let known = self.composites.by_plan.get(&plan).copied();
        let number = known.unwrap_or_else(|| self.start_composite(query, plan, out));
        let composite = self.composites.running.get_mut(&number).expect("just found");
        composite.joining.push((conn, query));
        composite.subscribers += 1;
        self.composites.due.insert(number);
    }

    fn start_composite(&mut self, query: QueryId, plan: Plan<Part>, out: &mut Outbox) -> u32 {
        self.composites.last = self.composites.last.checked_add(1).expect("fewer than 2^32 in one run");
        let number = self.composites.last;
        let leaves: Vec<Part> = plan.leaves().into_iter().cloned().collect();
        let composite = Composite {
            plan: plan.clone(),
            parts: vec![None; leaves.len()],
            outstanding: leaves.len(),
            joining: Vec::new(),
            answering: Vec::new(),
            subscribers: 0,
            answer: None,
            evaluations: 0,
            end: None,
        };
        self.composites.running.insert(number, composite);
        self.composites.by_plan.insert(plan, number);
        for Part { core, bound, .. } in leaves {
            let origin = Origin { core: self.id, conn: name(number) };
            let op = Op::Subscribe { query, bound: Box::new(bound) };
            self.post(core, Mail::Request(Request { origin, op }), out);
        }
        number
    }

    /// Begins the evaluations that are due. Called at the end of every input, so that what came in
    /// together is evaluated together.
    pub(super) fn evaluate_composites(&mut self, out: &mut Outbox) {
        for number in take(&mut self.composites.due) {
            let Some(composite) = self.composites.running.get_mut(&number) else { continue };
            if composite.outstanding > 0 {
                self.composites.due.insert(number); // after that
                continue;
            }
            composite.outstanding = 1;
            composite.evaluations += 1;
            composite.answering = take(&mut composite.joining);
            let step = |part: &Part| -> (CoreId, Step<Target>) {
                let verb = Verb::Read(part.bound.question.clone());
                (part.core, Step { bucket: Ok(part.bound.bucket), verb })
            };
            let steps: Vec<_> = composite.plan.leaves().into_iter().map(step).collect();
            let conn = name(number);
            match steps.first() {
                Some((core, _)) if steps.iter().all(|(other, _)| other == core) => {
                    let (core, origin) = (*core, Origin { core: self.id, conn });
                    let op = Op::Transaction(steps.into_iter().map(|(_, step)| step).collect());
                    self.post(core, Mail::Request(Request { origin, op }), out);
                }
                Some(_) => self.coordinate(conn, steps),
                // A plan that reads nothing.
                None => {
                    let outcome = Outcome::Data(Json::Fixed("{}"));
                    self.answer(self.id, Answer { conn, outcome }, out);
                }
            }
        }
    }

    /// Takes an answer that belongs to a composite query.
    pub(super) fn composite_answer(&mut self, from: CoreId, number: u32, outcome: Outcome, out: &mut Outbox) {
        let composite = self.composites.running.get_mut(&number).expect("it ends after its last answer");
        composite.outstanding -= 1;
        match outcome {
            Outcome::Subscribed { live, .. } => {
                let leaves = composite.plan.leaves();
                let mut parts = composite.parts.iter_mut().zip(leaves);
                let part = parts.find(|(part, leaf)| part.is_none() && leaf.core == from);
                *part.expect("a read of that core has been subscribed to").0 = Some(live);
                self.composites.by_part.entry((from, live)).or_default().insert(number);
            }
            Outcome::Data(json) | Outcome::Written { json, .. } => {
                self.composite_result(number, json.as_bytes(), out)
            }
            Outcome::Results(results) => {
                let mut text = Vec::new();
                protocol::transaction_results(&mut text, &results);
                self.composite_result(number, &text, out);
            }
            Outcome::Fault(fault) if composite.parts.contains(&None) => composite.end = Some(*fault),
            // S-148: who subscribes is told, who has subscribed keeps what there is. S-127: if it has
            // ended meanwhile, with a bucket that is gone, then why.
            Outcome::Fault(fault) => {
                let fault = composite.end.clone().unwrap_or(*fault);
                let refused = take(&mut composite.answering);
                composite.subscribers -= refused.len();
                self.refuse_all(refused, &fault, out);
            }
            Outcome::Watching { .. } => unreachable!("reads are no patterns"),
        }
        self.after_composite(number, out);
    }

    /// An evaluation has come to its result: those who have subscribed are told if it differs, then
    /// those who subscribe are answered.
    fn composite_result(&mut self, number: u32, results: &[u8], out: &mut Outbox) {
        let composite = self.composites.running.get_mut(&number).expect("the caller has it");
        let mut results = Raw::trusted(results)
            .get(b"\"results\"")
            .into_iter()
            .flat_map(Raw::elements)
            .filter_map(|result| result.get(b"\"data\""));
        let mut text = Vec::new();
        write(&composite.plan, &mut results, &mut text);
        let body = Body::new(&mut text);
        if composite.answer.as_ref().is_none_or(|before| !before.is_same(&body)) {
            composite.answer = Some(body.clone());
            let updates = smallvec![(live(number), body)];
            self.local.push_back(Mail::Push(PushSet { updates }));
        }
        let composite = self.composites.running.get_mut(&number).expect("the caller has it");
        let body = composite.answer.clone().expect("just evaluated");
        for (conn, query) in take(&mut composite.answering) {
            let outcome = Outcome::Subscribed { query, live: live(number), body: body.clone() };
            self.post(self.id, Mail::Answer(Answer { conn, outcome }), out);
        }
    }

    /// A subscriber has left, if the live query is a composite one.
    pub(super) fn leave_composite(&mut self, id: LiveId, out: &mut Outbox) -> bool {
        let Some(number) = number_of(id) else { return false };
        if let Some(composite) = self.composites.running.get_mut(&number) {
            composite.subscribers -= 1;
            self.after_composite(number, out);
        }
        true
    }

    /// Live queries of a core have ended with their bucket: so do the composites of them (S-157).
    pub(super) fn end_composites(&mut self, keeper: CoreId, ended: &[LiveId], out: &mut Outbox) {
        let numbers: BTreeSet<u32> = ended
            .iter()
            .filter_map(|live| self.composites.by_part.get(&(keeper, *live)))
            .flatten()
            .copied()
            .collect();
        for number in numbers {
            let composite = self.composites.running.get_mut(&number).expect("listed by its parts");
            let gone = |part: &&Part| {
                let live = composite.plan.leaves().iter().position(|leaf| leaf == part);
                part.core == keeper
                    && live.and_then(|at| composite.parts[at]).is_some_and(|live| ended.contains(&live))
            };
            let bucket = composite.plan.leaves().into_iter().find(gone).map_or("", |part| &*part.name);
            composite.end = Some(Fault::bucket_not_defined(bucket));
            composite.subscribers = composite.joining.len() + composite.answering.len();
            self.end_live(self.id, &[live(number)], out);
            self.after_composite(number, out);
        }
    }

    /// Ends a composite query when nobody subscribes to it any more, or when it cannot go on, and
    /// nothing is under way.
    fn after_composite(&mut self, number: u32, out: &mut Outbox) {
        let composite = self.composites.running.get_mut(&number).expect("the caller has it");
        if composite.end.is_some() {
            self.composites.by_plan.retain(|_, other| *other != number);
        }
        if composite.outstanding > 0 || (composite.subscribers > 0 && composite.end.is_none()) {
            return;
        }
        let composite = self.composites.running.remove(&number).expect("just seen");
        self.composites.due.remove(&number);
        self.composites.by_plan.retain(|_, other| *other != number);
        let leaves: Vec<CoreId> = composite.plan.leaves().into_iter().map(|part| part.core).collect();
        for (core, part) in leaves.into_iter().zip(&composite.parts) {
            let Some(live) = *part else { continue };
            if let Some(numbers) = self.composites.by_part.get_mut(&(core, live)) {
                numbers.remove(&number);
                if numbers.is_empty() {
                    self.composites.by_part.remove(&(core, live));
                }
            }
            self.post(core, Mail::Leave(Leave::Query(live)), out);
        }
        if let Some(fault) = composite.end {
            self.refuse_all(composite.joining, &fault, out);
            self.refuse_all(composite.answering, &fault, out);
        }
    }

    fn refuse_all(&mut self, subscribing: Vec<(ConnId, QueryId)>, fault: &Fault, out: &mut Outbox) {
        for (conn, _) in subscribing {
            let outcome = Outcome::Fault(Box::new(fault.clone()));
            self.post(self.id, Mail::Answer(Answer { conn, outcome }), out);
        }
    }
}

/// Puts results in the places of their reads. Recurses as deep as the plan nests, which is bounded
/// (`PLAN_DEPTH_MAX`).
fn write<'r>(plan: &Plan<Part>, results: &mut impl Iterator<Item = Raw<'r>>, out: &mut Vec<u8>) {
    match plan {
        Plan::Read(_) => {
            out.extend_from_slice(results.next().expect("a result per read").as_bytes());
        }
        Plan::Array(plans) => {
            out.push(b'[');
            for (at, plan) in plans.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write(plan, results, out);
            }
            out.push(b']');
        }
        Plan::Object(members) => {
            out.push(b'{');
            for (at, (name, plan)) in members.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                json::string(out, name);
                out.push(b':');
                write(plan, results, out);
            }
            out.push(b'}');
        }
    }
}
