//! Strict serialisability of random histories, judged from outside.

use crate::cluster::{Cluster, Schedule};
use crate::history::{self, Recorder, Witness};
use crate::seeds;
use noex_loadtest::check::{Summary, check};
#[cfg(debug_assertions)]
use noex_server::txn::sabotage::{self, Sabotage};

/// Requests of one run: short, since a fresh server costs less than reading long lists.
const REQUESTS: usize = 160;

/// What goes wrong during a run besides the schedule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Trouble {
    None,
    /// Clients vanish with requests under way.
    Vanish,
    /// The server is told to stop in the middle.
    Stop,
}

/// What there is to say of a run, or what is wrong with it.
type Verdict = Result<Summary, String>;

/// One run: a digest of all that happened, and the checkers' verdict.
fn run(cores: u16, seed: u64, trouble: Trouble) -> (u64, Verdict) {
    let mut cluster = Cluster::new(&history::settings(cores), cores, Schedule::Late, seed);
    let mut recorder = Recorder::new(&mut cluster);
    let mut witnesses: Vec<Witness> = (0..8)
        .map(|number: u32| {
            let pipeline = [1, 1, 4, 8][number as usize % 4];
            Witness::enter(&mut cluster, number as usize % usize::from(cores), number, pipeline)
        })
        .collect();
    let until = recorder.history.transactions().len() + REQUESTS;
    // When every pipeline is full and nothing moves any more, the run ends early.
    let (mut turns, turns_max) = (0, 100 * REQUESTS);
    while recorder.history.transactions().len() < until && turns < turns_max {
        turns += 1;
        let at = cluster.random.below(witnesses.len());
        match cluster.random.below(16) {
            0..8 => drop(cluster.step()),
            8..11 => witnesses[at].act(&mut cluster, &mut recorder),
            11 if trouble == Trouble::Vanish && cluster.random.below(20) == 0 && at > 0 => {
                witnesses[at].left = true;
                cluster.vanish(witnesses[at].client.link);
            }
            _ => drop(witnesses[at].listen(&cluster, &mut recorder)),
        }
    }
    if trouble == Trouble::Stop {
        stop(&mut cluster);
    }
    cluster.settle();
    for witness in &mut witnesses {
        witness.listen(&cluster, &mut recorder);
    }
    let verdict = match trouble {
        Trouble::Stop => Ok(()),
        Trouble::None | Trouble::Vanish => settle(&mut cluster, &mut recorder, &mut witnesses),
    };
    let verdict = verdict.and_then(|()| {
        crate::scenarios::assert_nothing_left(&cluster);
        check(&recorder.history).map_err(|violation| violation.0)
    });
    (cluster.trace(), verdict)
}

/// After all trouble: everybody has got every answer, everything can be read, everybody leaves.
fn settle(cluster: &mut Cluster, recorder: &mut Recorder, witnesses: &mut [Witness]) -> Result<(), String> {
    if let Some(stuck) = witnesses.iter().find(|witness| !witness.is_content()) {
        return Err(format!("liveness: client {} waits for ever", stuck.number));
    }
    let mut reader = Witness::enter(cluster, 0, u32::MAX, 1);
    reader.read_everything(cluster, recorder);
    cluster.settle();
    reader.listen(cluster, recorder);
    if !reader.is_content() {
        return Err("liveness: something stays locked".to_owned());
    }
    witnesses.iter().chain([&reader]).for_each(|witness| cluster.end(witness.client.link));
    cluster.settle();
    Ok(())
}

/// Stops the server; clients end when they have seen its end.
fn stop(cluster: &mut Cluster) {
    cluster.shutdown(500);
    cluster.settle();
    for _ in 0..40 {
        for link in 0..cluster.links.len() {
            if cluster.server_has_ended(link) {
                cluster.end(link);
            }
        }
        cluster.advance(250);
    }
    assert!(cluster.all_stopped(), "somebody is still there");
}

fn all_pass(default_seeds: u64, trouble: Trouble) {
    let mut judged = 0;
    for seed in seeds(default_seeds) {
        let cores = [2, 3, 5][usize::try_from(seed % 3).expect("small")];
        match run(cores, seed, trouble).1 {
            Ok(summary) => judged += summary.transactions,
            Err(violation) => panic!("seed {seed}, {cores} cores, {trouble:?}: {violation}"),
        }
    }
    println!("{judged} transactions judged");
}

// S-171, S-172, S-10, P-121
#[test]
fn histories_are_strictly_serialisable() {
    all_pass(1_000, Trouble::None);
}

// S-171: a client that vanishes changes nothing about the outcome of what it has sent
#[test]
fn histories_with_vanishing_clients_are_strictly_serialisable() {
    all_pass(120, Trouble::Vanish);
}

// P-170, S-171: a shutdown lets prepared transactions finish
#[test]
fn histories_cut_by_a_shutdown_are_strictly_serialisable() {
    all_pass(60, Trouble::Stop);
}

#[test]
fn a_seed_replays_to_the_identical_history() {
    for trouble in [Trouble::None, Trouble::Vanish, Trouble::Stop] {
        let traces = |_| [1, 2, 3].map(|seed| run(3, seed, trouble).0);
        let [first, second] = [0, 1].map(traces);
        assert_eq!(first, second);
        assert!(first[0] != first[1] && first[1] != first[2], "different seeds differ");
    }
}

/// A fault of the protocol, and what finds it.
#[cfg(debug_assertions)]
fn is_caught(sabotage: Sabotage, by: &[&str]) {
    /// So many runs must suffice: a proof that needs luck is none.
    const SEEDS: u64 = 40;
    sabotage::choose(Some(sabotage));
    let found = (1..=SEEDS).find_map(|seed| Some((seed, run(3, seed, Trouble::None).1.err()?)));
    sabotage::choose(None);
    let (seed, reason) = found.unwrap_or_else(|| panic!("{sabotage:?} went unnoticed in {SEEDS} runs"));
    println!("{sabotage:?}, seed {seed}: {reason}");
    assert!(by.iter().any(|words| reason.contains(words)), "{sabotage:?} was found by chance: {reason}");
}

// The checkers can fail: each of these faults is found.
#[cfg(debug_assertions)]
#[test]
fn faults_of_the_protocol_are_found() {
    let cycle = "not strictly serialisable: a cycle";
    is_caught(Sabotage::ReleaseBeforeDecision, &[cycle, "has two values"]);
    is_caught(Sabotage::PredicatesUnlocked, &[cycle]);
    is_caught(Sabotage::ReadsUnlocked, &[cycle]);
    is_caught(Sabotage::AppendsUnlocked, &[cycle]);
    is_caught(Sabotage::AppendsOutOfSequence, &[cycle]);
    is_caught(Sabotage::PrepareOutOfOrder, &["liveness: client"]);
    is_caught(Sabotage::CommitBeforeVotes, &["by a transaction that failed", cycle]);
}
