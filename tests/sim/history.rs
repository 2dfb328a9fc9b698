//! Clients that record what they ask and are answered, for a checker that knows nothing of the server.
//!
//! Lists are buckets into which unique values are inserted, read whole, counted or searched by a
//! predicate. Registers are records that are updated. Both kinds are spread over all cores.

use crate::client::{Client, Received};
use crate::cluster::Cluster;
use crate::shop;
use noex_loadtest::check::{Action, Call, Ending, History, Object};
use noex_server::node::Settings;
use serde_json::Value;
use std::collections::VecDeque;

/// Lists `l0`, `l1`, …; objects 0, 1, …
const LISTS: Object = 4;

/// Registers; objects after the lists. Register r is record `k<r>` of bucket `r<r % REGISTER_BUCKETS>`.
const REGISTERS: Object = 6;
const REGISTER_BUCKETS: Object = 3;

const NAMES: [&str; (LISTS + REGISTER_BUCKETS) as usize] = ["l0", "r0", "l1", "r1", "l2", "r2", "l3"];

/// A server with the lists and the registers, neighbours on different cores.
pub(crate) fn settings(cores: u16) -> Settings {
    let bucket = |name: &'static str| match name.starts_with('l') {
        true => (name, r#"{"key":"v","schema":{"v":{"type":"number","required":true}}}"#),
        false => (name, r#"{"key":"k","schema":{"k":{"type":"string"},"x":{"type":"number"}}}"#),
    };
    shop::settings(&NAMES.map(bucket), &[], cores)
}

/// One operation on one object.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    Append(Object, u64),
    List(Object),
    Count(Object),
    Find(Object, u64),
    Write(Object, u64),
    Read(Object),
    /// Updates what is not there.
    Fail(Object),
}

impl Operation {
    fn any(cluster: &mut Cluster, next_value: &mut u64) -> Self {
        let mut below = |bound: u32| u32::try_from(cluster.random.below(bound as usize)).expect("small");
        let (list, register) = (below(LISTS), LISTS + below(REGISTERS));
        let looked_for = u64::from(below(1 + u32::try_from(*next_value).expect("few values")));
        let kind = below(12);
        *next_value += u64::from(matches!(kind, 0..=2 | 6..=8));
        match kind {
            0..=2 => Self::Append(list, *next_value),
            3 => Self::List(list),
            4 => Self::Count(list),
            5 => Self::Find(list, looked_for),
            6..=8 => Self::Write(register, *next_value),
            _ => Self::Read(register),
        }
    }

    /// The verb and its fields.
    fn text(self) -> (&'static str, String) {
        let register = |register: Object| {
            let number = register - LISTS;
            format!(r#""bucket":"r{}","key":"k{number}""#, number % REGISTER_BUCKETS)
        };
        match self {
            Self::Append(list, value) => ("insert", format!(r#""bucket":"l{list}","data":{{"v":{value}}}"#)),
            Self::List(list) => ("where", format!(r#""bucket":"l{list}","filter":{{}}"#)),
            Self::Count(list) => ("count", format!(r#""bucket":"l{list}""#)),
            Self::Find(list, value) => ("findOne", format!(r#""bucket":"l{list}","filter":{{"v":{value}}}"#)),
            Self::Write(to, value) => ("update", format!(r#"{},"data":{{"x":{value}}}"#, register(to))),
            Self::Read(of) => ("get", register(of)),
            Self::Fail(list) => ("update", format!(r#""bucket":"l{list}","key":-1,"data":{{}}"#)),
        }
    }

    /// What it will write if it happens.
    fn intent(self) -> Option<Action> {
        match self {
            Self::Append(list, value) => Some(Action::Append { list, value }),
            Self::Write(register, value) => Some(Action::Write { register, value, version: None }),
            _ => None,
        }
    }

    /// What its result says.
    fn action(self, data: &Value) -> Action {
        let number =
            |record: &Value, field: &str| record[field].as_u64().unwrap_or_else(|| panic!("{record}"));
        match self {
            Self::Append(list, value) => Action::Append { list, value },
            Self::List(list) => {
                let values =
                    data.as_array().expect("S-98").iter().map(|record| number(record, "v")).collect();
                Action::ReadList { list, values }
            }
            Self::Count(list) => {
                let length = usize::try_from(data.as_u64().expect("S-100")).expect("small");
                Action::ReadLength { list, length }
            }
            Self::Find(list, value) => Action::Find { list, value, found: !data.is_null() },
            Self::Write(register, value) => {
                assert_eq!(number(data, "x"), value, "an update answers what it stored");
                Action::Write { register, value, version: Some(number(data, "_version")) }
            }
            Self::Read(register) => {
                let (value, version) = (number(data, "x"), number(data, "_version"));
                Action::Read { register, value, version }
            }
            Self::Fail(_) => panic!("there is no such record: {data}"),
        }
    }
}

/// The run's memory.
pub(crate) struct Recorder {
    pub(crate) history: History,
    next_value: u64,
}

impl Recorder {
    /// Creates the registers, in one transaction that is answered before all others begin.
    pub(crate) fn new(cluster: &mut Cluster) -> Self {
        let mut client = Client::welcomed(cluster, 0);
        let registers = || (LISTS..LISTS + REGISTERS).zip(1..);
        let insert = |(register, value): (Object, u64)| {
            let number = register - LISTS;
            let bucket = number % REGISTER_BUCKETS;
            format!(r#"{{"op":"insert","bucket":"r{bucket}","data":{{"k":"k{number}","x":{value}}}}}"#)
        };
        let operations: Vec<String> = registers().map(insert).collect();
        let mut history = History::default();
        let call = history.call(u32::MAX, Vec::new());
        client.send(
            cluster,
            &format!(r#"{{"id":1,"type":"store.transaction","operations":[{}]}}"#, operations.join(",")),
        );
        cluster.settle();
        assert_eq!(client.json(cluster)[0]["type"], "result");
        let write = |(register, value)| Action::Write { register, value, version: Some(1) };
        history.answer(call, Ending::Committed, registers().map(write).collect());
        cluster.end(client.link);
        cluster.settle();
        Self { history, next_value: u64::from(REGISTERS) }
    }
}

struct Pending {
    id: usize,
    call: Call,
    operations: Vec<Operation>,
    is_transaction: bool,
}

/// One client that records.
pub(crate) struct Witness {
    pub(crate) client: Client,
    pub(crate) number: u32,
    pipeline: usize,
    pending: VecDeque<Pending>,
    pub(crate) left: bool,
}

impl Witness {
    pub(crate) fn enter(cluster: &mut Cluster, core: usize, number: u32, pipeline: usize) -> Self {
        let client = Client::connect(cluster, core);
        Self { client, number, pipeline, pending: VecDeque::new(), left: false }
    }

    /// Whether its pipeline has room for a request.
    pub(crate) fn may_send(&self) -> bool {
        !self.left && self.pending.len() < self.pipeline
    }

    /// Sends one request, if its pipeline allows it.
    pub(crate) fn act(&mut self, cluster: &mut Cluster, recorder: &mut Recorder) {
        if !self.may_send() {
            return;
        }
        let is_transaction = cluster.random.below(3) > 0;
        let count = if is_transaction { 1 + cluster.random.below(4) } else { 1 };
        let mut operations: Vec<Operation> =
            (0..count).map(|_| Operation::any(cluster, &mut recorder.next_value)).collect();
        if is_transaction && cluster.random.below(10) == 0 {
            let list = u32::try_from(cluster.random.below(LISTS as usize)).expect("small");
            operations.insert(cluster.random.below(count + 1), Operation::Fail(list));
        }
        self.send(cluster, recorder, operations, is_transaction);
    }

    /// Reads everything: with it, no value that was acknowledged can be missing unnoticed.
    pub(crate) fn read_everything(&mut self, cluster: &mut Cluster, recorder: &mut Recorder) {
        let all = (0..LISTS).map(Operation::List).chain((LISTS..LISTS + REGISTERS).map(Operation::Read));
        self.send(cluster, recorder, all.collect(), true);
    }

    /// Sends a request: a transaction, or its only operation alone.
    pub(crate) fn send(
        &mut self,
        cluster: &mut Cluster,
        recorder: &mut Recorder,
        operations: Vec<Operation>,
        is_transaction: bool,
    ) {
        let intents = operations.iter().filter_map(|operation| operation.intent()).collect();
        let call = recorder.history.call(self.number, intents);
        if operations.iter().any(|operation| matches!(operation, Operation::Fail(_))) {
            recorder.history.doom(call);
        }
        let id = recorder.history.transactions().len();
        let text = if is_transaction {
            let list: Vec<String> = operations
                .iter()
                .map(|operation| operation.text())
                .map(|(verb, fields)| format!(r#"{{"op":"{verb}",{fields}}}"#))
                .collect();
            format!(r#"{{"id":{id},"type":"store.transaction","operations":[{}]}}"#, list.join(","))
        } else {
            let (verb, fields) = operations[0].text();
            format!(r#"{{"id":{id},"type":"store.{verb}",{fields}}}"#)
        };
        self.client.send(cluster, &text);
        self.pending.push_back(Pending { id, call, operations, is_transaction });
    }

    /// Records what has arrived; how many answers.
    pub(crate) fn listen(&mut self, cluster: &Cluster, recorder: &mut Recorder) -> usize {
        let awaited = self.pending.len();
        for received in self.client.receive(cluster) {
            let Received::Json(message) = received else { continue };
            if message["type"] == "welcome" || message["type"] == "system" {
                continue;
            }
            let pending = self.pending.pop_front().expect("an answer to a request");
            assert_eq!(message["id"], pending.id, "P-121: answers in the order of the requests");
            let ending =
                if message["type"] == "result" { Ending::Committed } else { failure(&pending, &message) };
            let actions = match ending {
                Ending::Committed => pending.actions(&message["data"]),
                Ending::Failed | Ending::Unknown => Vec::new(),
            };
            recorder.history.answer(pending.call, ending, actions);
        }
        awaited - self.pending.len()
    }

    /// Whether every request was answered.
    pub(crate) fn is_content(&self) -> bool {
        self.left || self.pending.is_empty()
    }
}

impl Pending {
    fn actions(&self, data: &Value) -> Vec<Action> {
        if !self.is_transaction {
            return vec![self.operations[0].action(data)];
        }
        let results = data["results"].as_array().expect("S-159");
        assert_eq!(results.len(), self.operations.len(), "S-159");
        self.operations
            .iter()
            .zip(results)
            .map(|(operation, result)| operation.action(&result["data"]))
            .collect()
    }
}

fn failure(pending: &Pending, message: &Value) -> Ending {
    let is_meant = pending.operations.iter().any(|operation| matches!(operation, Operation::Fail(_)));
    assert!(is_meant && message["code"] == "NOT_FOUND", "{:?} was told {message}", pending.operations);
    Ending::Failed
}
