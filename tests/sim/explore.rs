//! The commit protocol, exhaustively: two transactions over two shards, alone and watched by a third
//! client, in every order in which their messages can arrive.
//!
//! What runs is the product's own code, whole nodes; only the order of deliveries is chosen here.
//! A node is a function of the inputs that it got, in their order. So a state is known by the senders
//! of what each core has received, and by the order of calls and answers that clients have seen, for
//! real time's sake; states that have been seen are not entered again.

use crate::cluster::{Cluster, Schedule};
use crate::history::{self, Operation, Recorder, Witness};
use noex_loadtest::check::check;
use noex_server::node::Settings;
use std::collections::{HashSet, VecDeque};

const CORES: u16 = 3;

/// What each participant has: a list and a register, on core 0 and on core 1.
const LISTS: [u32; 2] = [0, 2];
const REGISTERS: [u32; 2] = [5, 4];

/// What a transaction does at one participant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Deed {
    Append,
    Scan,
    Write,
    Read,
    Fail,
}

const DEEDS: [Deed; 5] = [Deed::Append, Deed::Scan, Deed::Write, Deed::Read, Deed::Fail];

impl Deed {
    fn operation(self, participant: usize, value: u64) -> Operation {
        match self {
            Self::Append => Operation::Append(LISTS[participant], value),
            Self::Scan => Operation::List(LISTS[participant]),
            Self::Write => Operation::Write(REGISTERS[participant], value),
            Self::Read => Operation::Read(REGISTERS[participant]),
            Self::Fail => Operation::Fail(LISTS[participant]),
        }
    }
}

/// A client on a core and its requests, of which so many are under way together.
type Script = (usize, usize, Vec<Vec<Operation>>);

/// What may happen next.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Choice {
    /// A client sends its next request, and it arrives.
    Call(usize),
    /// The oldest mail from one core to another arrives.
    Mail(usize, usize),
}

/// What tells states apart.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct State {
    /// The inputs of each core.
    inputs: [Vec<Choice>; CORES as usize],
    /// Calls and answers in real time: (client, number of the answer or none).
    seen: Vec<(usize, usize)>,
}

struct Run {
    cluster: Cluster,
    recorder: Recorder,
    clients: Vec<(usize, Witness, VecDeque<Vec<Operation>>)>,
    state: State,
}

impl Run {
    fn new(settings: &Settings, scripts: &[Script]) -> Self {
        let mut cluster = Cluster::new(settings, CORES, Schedule::Prompt, 1);
        let recorder = Recorder::new(&mut cluster);
        let enter = |(number, (core, pipeline, requests)): (u32, &Script)| {
            let witness = Witness::enter(&mut cluster, *core, number, *pipeline);
            (*core, witness, requests.iter().cloned().collect())
        };
        let clients = (0..).zip(scripts).map(enter).collect();
        cluster.settle();
        let mut run = Self { cluster, recorder, clients, state: State::default() };
        run.listen();
        run
    }

    fn choices(&self) -> Vec<Choice> {
        let calls = self
            .clients
            .iter()
            .enumerate()
            .filter(|(_, (_, witness, requests))| witness.may_send() && !requests.is_empty());
        let mail = self.cluster.mail_under_way();
        calls.map(|(at, _)| Choice::Call(at)).chain(mail.map(|(from, to)| Choice::Mail(from, to))).collect()
    }

    fn take(&mut self, choice: Choice) {
        let core = match choice {
            Choice::Call(at) => {
                let (core, witness, requests) = &mut self.clients[at];
                let request = requests.pop_front().expect("a choice");
                witness.send(&mut self.cluster, &mut self.recorder, request, true);
                self.state.seen.push((at, usize::MAX));
                *core
            }
            Choice::Mail(from, to) => {
                self.cluster.deliver_mail(from, to);
                to
            }
        };
        self.state.inputs[core].push(choice);
        self.cluster.settle_links();
        self.listen();
    }

    fn listen(&mut self) {
        for (at, (_, witness, requests)) in self.clients.iter_mut().enumerate() {
            if witness.listen(&self.cluster, &mut self.recorder) > 0 {
                self.state.seen.push((at, requests.len()));
            }
        }
    }

    /// Nothing moves any more: everything must be answered, released and in order.
    fn judge(mut self) -> Result<(), String> {
        if let Some((_, witness, _)) = self.clients.iter().find(|(_, witness, _)| !witness.is_content()) {
            return Err(format!("deadlock: client {} waits for ever", witness.number));
        }
        let mut reader = Witness::enter(&mut self.cluster, 0, u32::MAX, 1);
        reader.read_everything(&mut self.cluster, &mut self.recorder);
        self.cluster.settle();
        reader.listen(&self.cluster, &mut self.recorder);
        if !reader.is_content() {
            return Err("something stays locked".to_owned());
        }
        let everybody = self.clients.iter().map(|(_, witness, _)| witness).chain([&reader]);
        everybody.for_each(|witness| self.cluster.end(witness.client.link));
        self.cluster.settle();
        crate::scenarios::assert_nothing_left(&self.cluster);
        check(&self.recorder.history).map(drop).map_err(|violation| violation.0)
    }
}

/// How much was looked at.
#[derive(Default, Debug)]
struct Explored {
    scenarios: usize,
    states: usize,
    ends: usize,
}

impl Explored {
    /// Visits every state that the scripts can lead to.
    fn explore(&mut self, scripts: &[Script]) -> Result<(), String> {
        self.scenarios += 1;
        let settings = history::settings(CORES);
        let mut known = HashSet::new();
        let mut open = vec![Vec::new()];
        while let Some(mut path) = open.pop() {
            let mut run = Run::new(&settings, scripts);
            path.iter().for_each(|choice| run.take(*choice));
            while known.insert(run.state.clone()) {
                let choices = run.choices();
                let Some((first, others)) = choices.split_first() else {
                    self.ends += 1;
                    run.judge().map_err(|reason| format!("{scripts:?} by {path:?}: {reason}"))?;
                    break;
                };
                open.extend(others.iter().map(|choice| [&path[..], &[*choice]].concat()));
                run.take(*first);
                path.push(*first);
            }
        }
        self.states += known.len();
        Ok(())
    }

    /// Two transactions with their deeds at both participants, which they name in opposite order;
    /// one coordinated by each of these cores.
    fn pair(&mut self, deeds: Pair, cores: [usize; 2], others: &[Script]) -> Result<(), String> {
        let transaction = |number: usize| -> Script {
            let value = [100, 200][number];
            let [a, b] = deeds[number];
            let mut operations = vec![a.operation(0, value), b.operation(1, value + 1)];
            operations.rotate_left(number);
            (cores[number], 1, vec![operations])
        };
        self.explore(&[&[transaction(0), transaction(1)], others].concat())
    }
}

/// What each of two transactions does at each of two participants.
type Pair = [[Deed; 2]; 2];

/// All pairs of transactions, up to their order.
fn pairs() -> impl Iterator<Item = Pair> {
    let transactions: Vec<[Deed; 2]> = DEEDS.iter().flat_map(|a| DEEDS.map(|b| [*a, b])).collect();
    let all = transactions.clone();
    (0..all.len()).flat_map(move |first| {
        let (one, others) = (all[first], all[first..].to_vec());
        others.into_iter().map(move |other| [one, other])
    })
}

/// Who coordinates the one and the other: a participant, the other participant, or a third core.
fn coordinators() -> impl Iterator<Item = [usize; 2]> {
    (0..9).map(|at| [at % 3, at / 3])
}

// S-171, S-172: atomic, free of deadlock, strictly serialisable, whatever the order of messages.
// By default with two of the nine choices of coordinators for each pair, in turn; all with SIM_SEEDS.
#[test]
fn two_transactions_over_two_shards() {
    let is_complete = std::env::var_os("SIM_SEEDS").is_some();
    let mut explored = Explored::default();
    for (at, deeds) in pairs().enumerate() {
        for (turn, cores) in coordinators().enumerate() {
            if is_complete || turn == at % 9 || turn == (at + 4) % 9 {
                explored.pair(deeds, cores, &[]).unwrap_or_else(|reason| panic!("{reason}"));
            }
        }
    }
    println!("{explored:?}");
    assert!(explored.ends > 5_000, "the order of messages was varied");
}

// S-172: strictly, that is in real time: whoever has seen an effect at one participant and then asks
// the other sees it there too
#[test]
fn two_transactions_and_somebody_who_looks_at_one_shard_after_the_other() {
    use Deed::{Append, Read, Scan, Write};
    let mut explored = Explored::default();
    let pairs = [
        [[Write, Write], [Write, Write]],
        [[Write, Write], [Read, Read]],
        [[Append, Append], [Scan, Scan]],
        [[Append, Write], [Read, Append]],
    ];
    for (at, deeds) in pairs.into_iter().enumerate() {
        let looks = [[0, 1], [1, 0]][at % 2];
        let look = |participant| vec![Read.operation(participant, 0), Scan.operation(participant, 0)];
        let observer = (at % 3, 1, looks.map(look).to_vec());
        let cores = [looks[0], [1, 2][at % 2]];
        explored.pair(deeds, cores, &[observer]).unwrap_or_else(|reason| panic!("{reason}"));
    }
    println!("{explored:?}");
    assert!(explored.ends > 1_000, "the order of messages was varied");
}

/// Three transactions of one client, sent without waiting, and one of another. The later two of the three
/// may be put together, and split again if one of them fails.
fn crowd(explored: &mut Explored, deeds: [[Deed; 2]; 4], at: usize) -> Result<(), String> {
    let [first, second, third, fourth] = [0, 1, 2, 3].map(|number: usize| {
        let value = 100 * (number as u64 + 1);
        let [a, b] = deeds[number];
        vec![a.operation(0, value), b.operation(1, value + 1)]
    });
    explored.explore(&[(at % 3, 3, vec![first, second, third]), ((at + 1) % 3, 1, vec![fourth])])
}

// P-121, S-172: transactions of one client that are under way together happen in their order, and
// are seen to by another transaction, which may come in between
#[test]
fn three_transactions_of_one_client_at_once_and_one_of_another() {
    use Deed::{Append, Fail, Read, Scan, Write};
    let mut explored = Explored::default();
    let crowds = [
        [[Append, Append], [Append, Append], [Write, Append], [Scan, Scan]],
        [[Write, Append], [Write, Write], [Append, Write], [Read, Scan]],
        [[Append, Write], [Fail, Read], [Append, Write], [Append, Write]],
        [[Write, Fail], [Append, Write], [Read, Append], [Append, Read]],
        [[Write, Write], [Append, Write], [Write, Fail], [Scan, Read]],
    ];
    for (at, deeds) in crowds.into_iter().enumerate() {
        crowd(&mut explored, deeds, at).unwrap_or_else(|reason| panic!("{reason}"));
    }
    println!("{explored:?}");
    assert!(explored.ends > 100, "the order of messages was varied");
}

// The exploration can fail: it finds each of these faults, with two transactions and nobody else.
#[cfg(debug_assertions)]
#[test]
fn faults_of_the_protocol_are_found_by_exploration() {
    use Deed::{Append, Fail, Read, Scan, Write};
    use noex_server::txn::sabotage::{Sabotage, choose};
    let cycle = "a cycle of 2 transactions";
    // Looks at one list, then puts something into the other.
    let meddler = || (2, 1, vec![vec![Scan.operation(1, 0)], vec![Append.operation(0, 300)]]);
    for (sabotage, deeds, others, reason) in [
        (Sabotage::ReleaseBeforeDecision, [[Write, Append], [Read, Append]], vec![], cycle),
        (Sabotage::PredicatesUnlocked, [[Append, Append], [Scan, Append]], vec![], cycle),
        (Sabotage::ReadsUnlocked, [[Write, Append], [Read, Append]], vec![], cycle),
        (Sabotage::AppendsUnlocked, [[Append, Append], [Read, Read]], vec![meddler()], "a cycle of"),
        (Sabotage::AppendsOutOfSequence, [[Append, Append], [Append, Append]], vec![], cycle),
        (Sabotage::PrepareOutOfOrder, [[Write, Write], [Write, Write]], vec![], "deadlock"),
        (Sabotage::CommitBeforeVotes, [[Append, Fail], [Read, Read]], vec![], "by a transaction that failed"),
    ] {
        choose(Some(sabotage));
        let mut explored = Explored::default();
        let found = coordinators().find_map(|cores| explored.pair(deeds, cores, &others).err());
        choose(None);
        let found = found.unwrap_or_else(|| panic!("{sabotage:?} went unnoticed: {explored:?}"));
        println!("{sabotage:?} is found: {found}");
        assert!(found.contains(reason), "{sabotage:?} was found by chance: {found}");
    }
    // What a transaction that fails has written is there for a moment.
    choose(Some(Sabotage::SplitsCommitted));
    let deeds = [[Read, Write], [Write, Write], [Write, Fail], [Read, Read]];
    let found = (0..3).find_map(|at| crowd(&mut Explored::default(), deeds, at).err());
    choose(None);
    let found = found.expect("SplitsCommitted went unnoticed");
    println!("SplitsCommitted is found: {found}");
    assert!(found.contains("by a transaction that failed"), "SplitsCommitted was found by chance: {found}");
}
