//! What one core does for a request, from the client's frame to the answer's, without sockets:
//! `Node::handle`, and the mail between two of them.

use criterion::{Criterion, criterion_group, criterion_main};
use noex_server::base::ids::{ConnId, CoreId};
use noex_server::base::json::{Object, Parser, Raw};
use noex_server::base::time::Now;
use noex_server::node::{BucketDefinition, Input, Node, Outbox, Output, Placement, Settings, Shared};
use noex_server::wire::client;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

const KEY: [u8; 4] = [0x12, 0x34, 0x56, 0x78];
const NOW: Now = Now { unix_ms: 1_706_745_600_000, mono_ms: 0 };

const INSERT: &str = r#"{"id":1,"type":"store.insert","bucket":"here","data":{"title":"Mouse","price":9.5}}"#;

/// Inserts that are timed together: few against the records that are there.
const BATCH: u64 = 64;

/// Two cores with a bucket each, and a client of the first.
struct Pair {
    nodes: [Node; 2],
    out: Outbox,
    conn: ConnId,
}

impl Pair {
    fn new() -> Self {
        let bucket = |name: &str| {
            let text = r#"{"key":"id","schema":{"id":{"type":"string","generated":"uuid"},"title":{"type":"string","required":true},"price":{"type":"number","required":true},"stock":{"type":"number","default":0},"active":{"type":"boolean","default":true}}}"#;
            BucketDefinition::parse(name, Raw::trusted(text.as_bytes())).expect("valid")
        };
        let buckets = ["here".to_owned(), "there".to_owned()];
        let placement =
            Placement { buckets: buckets.iter().cloned().zip([0, 1]).collect(), ..Placement::default() };
        let settings = Settings {
            buckets: buckets.iter().map(|name| bucket(name)).collect(),
            placement,
            ..Settings::default()
        };
        let settings = Rc::new(settings);
        let shared = Arc::new(Shared::new(&settings, 7));
        let node = |core| {
            Node::new(
                CoreId(core),
                2,
                Rc::clone(&settings),
                Arc::clone(&shared),
                [u8::try_from(core).expect("two cores"); 32],
            )
        };
        let mut nodes = [node(0), node(1)];
        let mut out = Outbox::default();
        nodes[0].handle(Input::Accepted { peer: IpAddr::V4(Ipv4Addr::LOCALHOST) }, NOW, &mut out);
        let admitted = out.drain().find_map(|output| match output {
            Output::Admitted(conn) => Some(conn),
            _ => None,
        });
        let mut pair = Self { nodes, out, conn: admitted.expect("there is room") };
        pair.handle(client::request("localhost", "/", "dGhlIHNhbXBsZSBub25jZQ=="));
        for bucket in ["here", "there"] {
            let record = r#"{"id":"k","title":"Keyboard","price":12.5}"#;
            pair.handle(frame(&format!(
                r#"{{"id":1,"type":"store.insert","bucket":"{bucket}","data":{record}}}"#
            )));
        }
        pair
    }

    /// Handles a client's bytes and all that they lead to; how many bytes it is sent.
    fn handle(&mut self, mut bytes: Vec<u8>) -> usize {
        self.nodes[0].handle(Input::Bytes(self.conn, &mut bytes), NOW, &mut self.out);
        let mut sent = 0;
        let mut mail: Vec<_> = self.drain(0, &mut sent);
        while let Some((from, to, letter)) = mail.pop() {
            self.nodes[usize::from(to.0)].handle(
                Input::Posted { from, mail: &mut vec![letter], more: false },
                NOW,
                &mut self.out,
            );
            mail.extend(self.drain(to.0, &mut sent));
        }
        self.nodes[0].handle(Input::Sent(self.conn, sent), NOW, &mut self.out);
        sent
    }

    fn drain(&mut self, from: u16, sent: &mut usize) -> Vec<(CoreId, CoreId, noex_server::node::Mail)> {
        let mut mail = Vec::new();
        let mut buffers = Vec::new();
        for output in self.out.drain() {
            match output {
                Output::Send(_, chunk) => {
                    *sent += chunk.len();
                    if let noex_server::node::Chunk::Frames(buffer) = chunk {
                        buffers.push(buffer);
                    }
                }
                Output::Post(to, letter) => mail.push((CoreId(from), to, letter)),
                _ => {}
            }
        }
        buffers.into_iter().for_each(|buffer| self.out.recycle(buffer));
        mail
    }
}

fn frame(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    client::masked_text(&mut bytes, text.as_bytes(), KEY);
    bytes
}

fn requests(c: &mut Criterion) {
    let get = |bucket| format!(r#"{{"id":1,"type":"store.get","bucket":"{bucket}","key":"k"}}"#);
    let update = |bucket| {
        format!(r#"{{"id":1,"type":"store.update","bucket":"{bucket}","key":"k","data":{{"price":13.5}}}}"#)
    };
    let transaction = |bucket| {
        format!(
            r#"{{"id":1,"type":"store.transaction","operations":[{{"op":"update","bucket":"here","key":"k","data":{{"price":1.5}}}},{{"op":"update","bucket":"{bucket}","key":"k","data":{{"price":2.5}}}}]}}"#
        )
    };
    for (name, text) in [
        ("get", get("here")),
        ("get from the other core", get("there")),
        ("update", update("here")),
        ("update on the other core", update("there")),
        ("insert", INSERT.to_owned()),
        ("two updates in a transaction", transaction("here")),
        ("two updates in a transaction over both cores", transaction("there")),
    ] {
        let mut pair = Pair::new();
        let bytes = frame(&text);
        c.bench_function(&format!("core: {name}"), |bench| {
            bench.iter(|| assert_ne!(pair.handle(bytes.clone()), 0));
        });
    }
}

/// An insert as a client asks for it, into few and into many records. What was put in is taken out
/// again, so that neither bucket grows and both use freed memory again.
fn insert(c: &mut Criterion) {
    let insert = |n: u64| {
        let id = id(n);
        frame(&format!(
            r#"{{"id":1,"type":"store.insert","bucket":"here","data":{{"id":"{id}","title":"Mouse","price":9.5}}}}"#
        ))
    };
    let delete = |n| frame(&format!(r#"{{"id":1,"type":"store.delete","bucket":"here","key":"{}"}}"#, id(n)));
    for records in [1_000, 1_000_000] {
        let mut pair = Pair::new();
        (0..size(records)).for_each(|n| assert_ne!(pair.handle(insert(n)), 0));
        c.bench_function(&format!("core: insert into {records}"), |bench| {
            bench.iter_custom(|iterations| {
                let mut batch = |at: u64| {
                    let from = 100_000_000 + at;
                    let inserts: Vec<_> = (from..from + BATCH).map(insert).collect();
                    let start = Instant::now();
                    inserts.into_iter().for_each(|bytes| assert_ne!(pair.handle(bytes), 0));
                    let elapsed = start.elapsed();
                    (from..from + BATCH).for_each(|n| assert_ne!(pair.handle(delete(n)), 0));
                    elapsed
                };
                let count = iterations.div_ceil(BATCH);
                let total: Duration = (0..count).map(|at| batch(at * BATCH)).sum();
                total.mul_f64(iterations as f64 / (count * BATCH) as f64)
            });
        });
        // Nothing is taken out: what is added is in memory that the system has just given.
        c.bench_function(&format!("core: insert, growing from {records}"), |bench| {
            let bytes = frame(INSERT);
            bench.iter(|| assert_ne!(pair.handle(bytes.clone()), 0));
        });
    }
}

/// Of the length of a UUID, and spread.
fn id(n: u64) -> String {
    let spread = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{spread:016x}-{:019x}", spread.rotate_left(32))
}

/// As a test, everything runs once, on little.
fn size(records: u64) -> u64 {
    if std::env::args().any(|argument| argument == "--bench") { records } else { records.min(10) }
}

/// Part of it.
fn object(c: &mut Criterion) {
    let mut parser = Parser::default();
    let text = r#"{"data":{"title":"Mouse","price":9.5,"stock":3,"active":true}}"#;
    c.bench_function("core: a client's object, from its text", |bench| {
        bench.iter(|| {
            let document = parser.parse(black_box(text)).expect("JSON");
            document.root().get("data").and_then(Object::from_value).expect("an object")
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1)).sample_size(20);
    targets = requests, insert, object
}
criterion_main!(benches);
