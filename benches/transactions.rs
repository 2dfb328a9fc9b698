//! What transactions cost: the lock table by itself, and whole nodes that are handed each other's
//! mail, without sockets and threads.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use noex_server::base::ids::{BucketId, ConnId, CoreId};
use noex_server::base::time::Now;
use noex_server::node::{
    BucketDefinition, Chunk, Input, Mail, Node, Outbox, Output, Placement, Settings, Shared,
};
use noex_server::store::Key;
use noex_server::txn::{Intent, Locks};
use noex_server::wire::client;
use std::collections::VecDeque;
use std::hint::black_box;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

const NOW: Now = Now { unix_ms: 1_706_745_600_000, mono_ms: 0 };

/// Accounts of each bucket.
const ACCOUNTS: u64 = 1_000;

/// Buckets `a` on core 0 and `b` on the last core, with accounts, and a client on core 0.
struct Server {
    nodes: Vec<Node>,
    outbox: Outbox,
    mail: VecDeque<(CoreId, CoreId, Mail)>,
    conn: ConnId,
    /// Bytes that the client has been sent since the last request.
    sent: usize,
}

impl Server {
    fn new(cores: u16) -> Self {
        let schema = r#"{"key":"id","schema":{"id":{"type":"number"},"balance":{"type":"number"}}}"#;
        let bucket =
            |name| BucketDefinition::parse(name, noex_server::base::json::Raw::trusted(schema.as_bytes()));
        let placement =
            Placement { buckets: [("a".to_owned(), 0), ("b".to_owned(), cores - 1)].into(), rules: 0 };
        let buckets = ["a", "b"].map(|name| bucket(name).expect("valid")).into();
        let settings = Rc::new(Settings { buckets, placement, ..Settings::default() });
        let shared = Arc::new(Shared::new(&settings, 1));
        let node = |core| Node::new(CoreId(core), cores, Rc::clone(&settings), Arc::clone(&shared), [1; 32]);
        let mut server = Self {
            nodes: (0..cores).map(node).collect(),
            outbox: Outbox::default(),
            mail: VecDeque::new(),
            conn: ConnId { slot: 0, generation: 0 },
            sent: 0,
        };
        server.drive(CoreId(0), Input::Accepted { peer: IpAddr::from([127, 0, 0, 1]) });
        let mut upgrade = client::request("localhost", "/", "dGhlIHNhbXBsZSBub25jZQ==");
        server.bytes(&mut upgrade);
        for account in 0..ACCOUNTS {
            for bucket in ["a", "b"] {
                let data = format!(r#"{{"id":{account},"balance":0}}"#);
                server.bytes(&mut frame(&format!(
                    r#"{{"id":1,"type":"store.insert","bucket":"{bucket}","data":{data}}}"#
                )));
            }
        }
        server
    }

    /// The client's bytes, and everything that follows.
    fn bytes(&mut self, bytes: &mut [u8]) -> usize {
        self.sent = 0;
        self.drive(CoreId(0), Input::Bytes(self.conn, bytes));
        while let Some((from, to, mail)) = self.mail.pop_front() {
            self.drive(to, Input::Posted { from, mail: &mut vec![mail], more: false });
        }
        self.drive(CoreId(0), Input::Sent(self.conn, self.sent));
        self.sent
    }

    fn drive(&mut self, core: CoreId, input: Input<'_>) {
        self.nodes[core.index()].handle(input, NOW, &mut self.outbox);
        let mut chunks = Vec::new();
        for output in self.outbox.drain() {
            match output {
                Output::Admitted(conn) => self.conn = conn,
                Output::Send(_, Chunk::Frames(bytes)) => {
                    self.sent += bytes.len();
                    chunks.push(bytes);
                }
                Output::Post(to, mail) => self.mail.push_back((core, to, mail)),
                _ => {}
            }
        }
        chunks.into_iter().for_each(|bytes| self.outbox.recycle(bytes));
    }
}

fn frame(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    client::masked_text(&mut out, text.as_bytes(), [1, 2, 3, 4]);
    out
}

fn update(bucket: &str, account: u64) -> String {
    format!(r#"{{"op":"update","bucket":"{bucket}","key":{account},"data":{{"balance":{account}}}}}"#)
}

fn transaction(operations: &[String]) -> Vec<u8> {
    frame(&format!(r#"{{"id":1,"type":"store.transaction","operations":[{}]}}"#, operations.join(",")))
}

/// Measures requests, each of another account.
fn requests(c: &mut Criterion, name: &str, cores: u16, request: impl Fn(u64) -> Vec<u8>) {
    let mut server = Server::new(cores);
    let requests: Vec<Vec<u8>> = (0..ACCOUNTS).map(request).collect();
    let mut at = 0;
    c.bench_function(name, |bench| {
        // A node unmasks what it reads in place.
        let next = || {
            at = (at + 1) % requests.len();
            requests[at].clone()
        };
        bench.iter_batched(next, |mut bytes| black_box(server.bytes(&mut bytes)), BatchSize::SmallInput);
    });
}

fn nodes(c: &mut Criterion) {
    let get = |account| frame(&format!(r#"{{"id":1,"type":"store.get","bucket":"b","key":{account}}}"#));
    requests(c, "get on the connection's core", 1, get);
    requests(c, "get on the other core: two hops", 2, get);
    let both = |account| transaction(&[update("a", account), update("b", account)]);
    requests(c, "two updates in a transaction on one core", 1, both);
    requests(c, "two updates in a transaction over two cores: two-phase commit", 2, both);
    let three = |account| transaction(&[update("a", account), update("b", account), update("a", account)]);
    requests(c, "three updates in a transaction on one core", 1, three);
    let apart = |account: u64| {
        let alone = |bucket| {
            frame(&format!(
                r#"{{"id":1,"type":"store.update","bucket":"{bucket}","key":{account},"data":{{"balance":{account}}}}}"#
            ))
        };
        ["a", "b", "a"].map(alone).concat()
    };
    requests(c, "the same three updates pipelined", 1, apart);
    let many = |account: u64| {
        let one = |at: u64| {
            transaction(&[update("a", (account + at) % ACCOUNTS), update("b", (account + at) % ACCOUNTS)])
        };
        (0..16).flat_map(one).collect()
    };
    requests(c, "16 transactions over two cores, pipelined", 2, many);
}

fn locks(c: &mut Criterion) {
    let key = |n: u64| Key::from_slice(n.to_string().as_bytes());
    let bucket = BucketId(1);
    let mut locks = Locks::new(7);
    let mut at = 0;
    c.bench_function("lock and release two keys", |bench| {
        bench.iter(|| {
            at += 1;
            let intents = [Intent::WriteKey(bucket, key(at)), Intent::ReadKey(bucket, key(at + 1))];
            let footprint = locks.footprint(&intents, None);
            assert!(locks.admit(&footprint));
            let (ticket, _) = locks.acquire(footprint);
            locks.release(ticket);
        });
    });
    // A line of a thousand, at whose end somebody queues up whenever the first one goes.
    let mut line = VecDeque::new();
    let wait = |locks: &mut Locks| {
        let footprint = locks.footprint(&[Intent::WriteKey(bucket, key(0))], None);
        locks.acquire(footprint).0
    };
    line.extend((0..1_000).map(|_| wait(&mut locks)));
    c.bench_function("a turn in a line of 1000 who wait for one key", |bench| {
        bench.iter(|| {
            line.push_back(wait(&mut locks));
            locks.release(line.pop_front().expect("a line"));
            assert_eq!(locks.next_ready().as_ref(), line.front());
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1)).sample_size(20);
    targets = locks, nodes
}
criterion_main!(benches);
