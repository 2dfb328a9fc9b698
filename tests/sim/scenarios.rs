//! What may happen to a cluster, and what must hold afterwards.

use crate::client::{Client, Received, frame};
use crate::cluster::{Cluster, Schedule};
use crate::market::{self, Agent, Market, Role};
use crate::script::Stage;
use crate::{seeds, shop};
use serde_json::Value;

/// Nobody is left: no session, lock, transaction, live query or pattern.
pub(crate) fn assert_nothing_left(cluster: &Cluster) {
    for (core, mut census) in cluster.census().into_iter().enumerate() {
        census.shard.records = 0;
        assert_eq!(census, noex_server::node::Census::default(), "core {core}");
    }
}

pub(crate) fn ask(cluster: &mut Cluster, client: &mut Client, request: &str) -> Value {
    client.send(cluster, request);
    cluster.settle();
    let mut answers = client.json(cluster);
    assert_eq!(answers.len(), 1, "one answer to {request}");
    answers.remove(0)
}

/// Runs agents of every role against each other. Returns the trace and how many requests were answered.
fn run_market(cores: u16, seed: u64, vanishing: bool) -> (u64, u64) {
    let mut cluster = Cluster::new(&shop::open(cores), cores, Schedule::Hostile, seed);
    market::stock(&mut cluster, 2);
    let mut market = Market::default();
    let mut agents: Vec<Agent> = [
        Role::Writer,
        Role::Auditor,
        Role::Observer,
        Role::Witness(0),
        Role::Clerk,
        Role::Watcher,
        Role::Dashboard,
        Role::Writer,
        Role::Clerk,
        Role::Witness(1),
        Role::Watcher,
    ]
    .into_iter()
    .enumerate()
    .map(|(at, role)| Agent::enter(&mut cluster, at % usize::from(cores), role, &market))
    .collect();
    for _ in 0..2_000 {
        let at = cluster.random.below(agents.len());
        match cluster.random.below(8) {
            0..4 => drop(cluster.step()),
            4..6 => agents[at].act(&mut cluster, &market),
            _ if vanishing && cluster.random.below(60) == 0 => {
                agents[at].left = true;
                cluster.vanish(agents[at].client.link);
            }
            _ => agents[at].listen(&cluster, &mut market),
        }
    }
    cluster.settle();
    for agent in &mut agents {
        agent.listen(&cluster, &mut market);
    }
    check_end(&mut cluster, &agents);
    (cluster.trace(), agents.iter().map(|agent| agent.answered).sum())
}

/// What must hold when everything has come to rest, and when everybody has left.
fn check_end(cluster: &mut Cluster, agents: &[Agent]) {
    let mut reader = Client::welcomed(cluster, 0);
    let mut all = |bucket: &str| {
        let request = format!(r#"{{"id":1,"type":"store.all","bucket":"{bucket}"}}"#);
        ask(cluster, &mut reader, &request)["data"].take()
    };
    let [products, orders, users, logs] = ["products", "orders", "users", "audit-logs"].map(&mut all);
    let versions = |all: &Value| -> Vec<u64> {
        let records = all.as_array().expect("S-97").iter().take(market::PAIRS);
        records.filter_map(|record| record["_version"].as_u64()).collect()
    };
    assert_eq!(versions(&products), versions(&orders), "S-171: all or nothing");
    assert_eq!(market::keys(&users), market::keys(&logs), "S-171, S-70: all or nothing, in one order");
    for agent in agents {
        agent.check_end_state(&products, &orders);
        cluster.end(agent.client.link);
    }
    cluster.end(reader.link);
    cluster.settle();
    assert_nothing_left(cluster);
}

// S-169, S-171, S-172, S-10, S-141…S-146, P-121, P-130
#[test]
fn transactions_are_isolated_and_pushes_reach_the_last_state() {
    let mut answered = 0;
    for seed in seeds(60) {
        for cores in [1, 2, 3, 5] {
            println!("seed {seed}, {cores} cores");
            answered += run_market(cores, seed, false).1;
        }
    }
    assert!(answered > 1_000, "the schedule let clients do something: {answered}");
}

// P-168, S-156: a client that vanishes takes nothing with it and leaves nothing behind.
#[test]
fn clients_may_vanish_at_any_moment() {
    for seed in seeds(60) {
        for cores in [1, 2, 3] {
            println!("seed {seed}, {cores} cores");
            run_market(cores, seed, true);
        }
    }
}

#[test]
fn a_seed_replays_to_the_identical_trace() {
    let traces: Vec<u64> = (1..=4).map(|seed| run_market(3, seed, true).0).collect();
    let again: Vec<u64> = (1..=4).map(|seed| run_market(3, seed, true).0).collect();
    assert_eq!(traces, again);
    assert!(traces.windows(2).all(|pair| pair[0] != pair[1]), "different seeds differ");
}

// The shop of the seed document, its bytes cut anywhere and its mail delayed.
#[test]
fn the_shop_flow_survives_hostile_schedules() {
    for seed in seeds(40) {
        for cores in [1, 2, 5] {
            println!("seed {seed}, {cores} cores");
            let cluster = Cluster::new(&shop::guarded(cores), cores, Schedule::Hostile, seed);
            let mut stage = Stage::new(cluster);
            for (at, name) in ["setup", "alice", "admin"].into_iter().enumerate() {
                stage.enter(name, at % usize::from(cores));
            }
            stage.play(include_str!("../client/walkthrough.txt"));
            stage.leave();
            assert_nothing_left(&stage.cluster);
        }
    }
}

// P-170, P-174, P-15, S-171: shutdown at any moment.
#[test]
fn a_shutdown_in_flight_ends_everything() {
    for seed in seeds(60) {
        for grace_period_ms in [0, 500] {
            println!("seed {seed}, grace {grace_period_ms} ms");
            let mut cluster = Cluster::new(&shop::open(3), 3, Schedule::Hostile, seed);
            market::stock(&mut cluster, 0);
            let market = Market::default();
            let mut agents: Vec<Agent> =
                [Role::Writer, Role::Auditor, Role::Dashboard, Role::Watcher, Role::Clerk]
                    .into_iter()
                    .enumerate()
                    .map(|(at, role)| Agent::enter(&mut cluster, at % 3, role, &market))
                    .collect();
            for _ in 0..cluster.random.below(600) {
                let at = cluster.random.below(agents.len());
                agents[at].act(&mut cluster, &market);
                cluster.step();
                cluster.step();
            }
            cluster.shutdown(grace_period_ms);
            let late = cluster.connect(1);
            cluster.settle();
            for _ in 0..40 {
                // A client ends its side when it has seen the server's end, as clients do.
                for link in 0..cluster.links.len() {
                    if cluster.server_has_ended(link) {
                        cluster.end(link);
                    }
                }
                cluster.advance(250);
            }
            assert!(cluster.all_stopped() && cluster.is_closed(late), "somebody is still there");
            for agent in &mut agents {
                let received = agent.client.receive(&cluster);
                let end = received.last();
                let goodbye = Received::Close(Some(1000), "server_shutdown".into());
                let never_upgraded = Received::Close(Some(1001), "server_shutting_down".into());
                let is_farewell =
                    end == Some(&goodbye) || end == Some(&never_upgraded) || received.is_empty();
                assert!(is_farewell, "{:?} was left with {end:?}", agent.role);
            }
            assert_nothing_left(&cluster);
        }
    }
}

// K-4, S-150: a reader that stalls holds nothing back and gets exactly the last state.
#[test]
fn a_slow_reader_gets_the_last_state() {
    for seed in seeds(20) {
        println!("seed {seed}");
        let mut settings = shop::open(2);
        settings.limits.unsent_bytes_mark = 2_000;
        let mut cluster = Cluster::new(&settings, 2, Schedule::Hostile, seed);
        market::stock(&mut cluster, 0);
        let mut slow = Client::welcomed(&mut cluster, 1);
        let first =
            ask(&mut cluster, &mut slow, r#"{"id":1,"type":"store.subscribe","query":"product-catalog"}"#);
        assert_eq!(first["type"], "result");
        cluster.links[slow.link].drains = false;
        let mut writer = Client::welcomed(&mut cluster, 0);
        let updates = 60 + cluster.random.below(60);
        for n in 0..updates {
            let update = format!(
                r#"{{"id":{n},"type":"store.update","bucket":"products","key":"p0","data":{{"stock":{n}}}}}"#
            );
            let answer = ask(&mut cluster, &mut writer, &update);
            assert_eq!(answer["type"], "result");
        }
        cluster.links[slow.link].drains = true;
        cluster.settle();
        let pushes = slow.json(&cluster);
        let last = pushes.last().expect("at least the last state");
        assert_eq!(last["data"][0]["stock"].as_u64(), Some(updates as u64 - 1));
        assert!(
            pushes.len() < updates / 2,
            "{} pushes for {updates} updates were not conflated",
            pushes.len()
        );
        cluster.end(slow.link);
        cluster.end(writer.link);
        cluster.settle();
        assert_nothing_left(&cluster);
    }
}

// A peer that speaks no HTTP, or stops in the middle of anything, leaves nothing behind.
#[test]
fn fragments_of_a_conversation_leave_nothing() {
    for seed in seeds(40) {
        let mut cluster = Cluster::new(&shop::open(2), 2, Schedule::Hostile, seed);
        let mut conversation = b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            .to_vec();
        for text in [
            r#"{"id":1,"type":"store.subscribe","query":"recent-orders"}"#,
            r#"{"id":2,"type":"rules.subscribe","pattern":"*"}"#,
            r#"{"id":3,"type":"store.transaction","operations":[{"op":"insert","bucket":"products","data":{"title":"t","price":1}},{"op":"insert","bucket":"orders","data":{"userId":"u","items":"[]","total":1,"createdAt":1}}]}"#,
        ] {
            conversation.extend(frame(0x81, text.as_bytes()));
        }
        for _ in 0..20 {
            let link = cluster.connect(cluster.links.len() % 2);
            let cut = cluster.random.below(conversation.len() + 1);
            cluster.send(link, &conversation[..cut]);
            for _ in 0..cluster.random.below(30) {
                cluster.step();
            }
            cluster.vanish(link);
        }
        cluster.settle();
        assert_nothing_left(&cluster);
    }
}
