//! What live queries cost per change, without parsing and sockets; and what a fan-out costs per
//! subscriber up to the bytes that the system is to send.
//!
//! Orders have about 200 bytes and ten users each.

use criterion::{Criterion, criterion_group, criterion_main};
use noex_server::base::ids::{BucketId, ConnId, CoreId};
use noex_server::base::json::{Object, Parser, Raw};
use noex_server::base::random::Random;
use noex_server::base::time::Now;
use noex_server::node::{self, Input, Node, Outbox, Output, Settings, Shared};
use noex_server::query::{Bound, Plan};
use noex_server::reactive::LiveQueries;
use noex_server::store::{self, Bucket, Change, Definition, Key, Scratch, Stamp, View, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

const DEFINITION: &str = r#"{"key":"id","schema":{"id":{"type":"string"},"userId":{"type":"string"},"status":{"type":"string"},"total":{"type":"number"},"note":{"type":"string"}},"indexes":["userId"]}"#;

const BUCKET: BucketId = BucketId(1);

const ORDERS: u64 = 10_000;

/// Each has ten orders.
const USERS: u64 = ORDERS / 10;

const NOW: Now = Now { unix_ms: 1_706_745_600_000, mono_ms: 0 };

/// A bucket of orders and its live queries.
struct Shop {
    bucket: Bucket,
    live: LiveQueries,
    random: Random,
    scratch: Scratch,
    changes: u64,
}

fn object(text: &str) -> Object {
    let mut parser = Parser::default();
    let document = parser.parse(text).expect("JSON");
    Object::from_value(document.root()).expect("an object")
}

impl Shop {
    fn new() -> Self {
        let definition = Definition::parse("orders", Raw::trusted(DEFINITION.as_bytes())).expect("valid");
        let mut shop = Self {
            bucket: Bucket::new(definition, 7),
            live: LiveQueries::new(8),
            random: Random::from_seed([1; 32]),
            scratch: Scratch::default(),
            changes: 0,
        };
        for n in 0..ORDERS {
            let data = object(&format!(
                r#"{{"id":"o{n}","userId":"u{}","status":"open","total":{n},"note":"as discussed"}}"#,
                n % USERS
            ));
            let (random, scratch) = (&mut shop.random, &shop.scratch);
            let mut stamp = Stamp { unix_ms: NOW.unix_ms, random, autoincrement: 0, scratch };
            let record = store::insert(&shop.bucket, &data, &mut stamp).expect("valid");
            shop.bucket.apply(Write::Insert(record));
        }
        shop
    }

    fn subscribe(&mut self, query: &str) {
        let definition = noex_server::query::Definition::parse("q", Raw::trusted(query.as_bytes()));
        let plan =
            definition.expect("valid").bind(None, |_, question| Ok(Bound { bucket: BUCKET, question }));
        let Ok(Plan::Read(bound)) = plan else { panic!("one read") };
        self.live.subscribe(bound, View::committed(&self.bucket), CoreId(0));
    }

    /// An update of one order after the other, of the last `count`.
    fn change(&mut self, count: u64) -> Change {
        self.changes += 1;
        let n = ORDERS - 1 - self.changes * 7_919 % count;
        let key = Key::from_slice(format!("\"o{n}\"").as_bytes());
        let status = if (self.changes / count).is_multiple_of(2) { "paid" } else { "open" };
        let data = object(&format!(r#"{{"status":"{status}","total":{}}}"#, self.changes % 1_000));
        let old = self.bucket.get(&key).expect("there");
        let record =
            store::update(self.bucket.definition(), old, &data, NOW.unix_ms, &self.scratch).expect("valid");
        self.bucket.apply_watched(Write::Update(record))
    }

    /// The time that `iterations` changes cost the live queries.
    fn follow(&mut self, iterations: u64, count: u64) -> Duration {
        let mut total = Duration::ZERO;
        for _ in 0..iterations {
            let change = self.change(count);
            let start = Instant::now();
            let view = View::committed(&self.bucket);
            self.live.committed(BUCKET, std::slice::from_ref(&change), view, |update| {
                std::hint::black_box(update.answer.json().len());
            });
            total += start.elapsed();
        }
        total
    }
}

fn upkeep(c: &mut Criterion) {
    for (name, query) in [
        ("count", r#"{"bucket":"orders","filter":{"status":"open"},"aggregate":{"function":"count"}}"#),
        ("sum", r#"{"bucket":"orders","aggregate":{"function":"sum","field":"total"}}"#),
        ("max", r#"{"bucket":"orders","aggregate":{"function":"max","field":"total"}}"#),
        ("last 20", r#"{"bucket":"orders","last":20}"#),
        ("sorted window of 20", r#"{"bucket":"orders","sort":{"total":"desc"},"limit":20}"#),
    ] {
        let mut shop = Shop::new();
        shop.subscribe(query);
        c.bench_function(&format!("upkeep of {name}"), |bench| {
            bench.iter_custom(|iterations| shop.follow(iterations, 20));
        });
    }
    let mut shop = Shop::new();
    (0..USERS).for_each(|user| shop.subscribe(&orders_of(user)));
    c.bench_function("upkeep of 10 rows, one of 1000 queries", |bench| {
        bench.iter_custom(|iterations| shop.follow(iterations, ORDERS));
    });
}

fn orders_of(user: u64) -> String {
    format!(r#"{{"bucket":"orders","filter":{{"userId":"u{user}"}}}}"#)
}

fn not_matching(c: &mut Criterion) {
    for count in [0, 10_000, 100_000] {
        let mut shop = Shop::new();
        (0..size(count)).for_each(|user| shop.subscribe(&orders_of(USERS + user)));
        c.bench_function(&format!("a change beside {count} queries"), |bench| {
            bench.iter_custom(|iterations| shop.follow(iterations, ORDERS));
        });
    }
}

/// One core with subscribers to one query of so many rows, and somebody who changes them.
struct Crowd {
    node: Node,
    out: Outbox,
    writer: ConnId,
}

impl Crowd {
    fn of(subscribers: u64, rows: u64) -> Self {
        let definition = |json: &str| node::BucketDefinition::parse("orders", Raw::trusted(json.as_bytes()));
        let query = node::QueryDefinition::parse("all", Raw::trusted(br#"{"bucket":"orders"}"#));
        let settings = Settings {
            buckets: vec![definition(DEFINITION).expect("valid")],
            queries: vec![("all".to_owned(), query.expect("valid"))],
            ..Settings::default()
        };
        let shared = Arc::new(Shared::new(&settings, 3));
        let node = Node::new(CoreId(0), 1, Rc::new(settings), shared, [5; 32]);
        let mut crowd = Self { node, out: Outbox::default(), writer: ConnId { slot: 0, generation: 0 } };
        crowd.writer = crowd.connect();
        for row in 0..rows {
            crowd.write(&format!(
                r#"{{"id":1,"type":"store.insert","bucket":"orders","data":{{"id":"o{row}","userId":"u1","status":"open","total":{row},"note":"as discussed"}}}}"#
            ));
        }
        for _ in 0..subscribers {
            let conn = crowd.connect();
            crowd.text(conn, r#"{"id":1,"type":"store.subscribe","query":"all"}"#);
        }
        crowd
    }

    fn connect(&mut self) -> ConnId {
        self.node.handle(Input::Accepted { peer: [127, 0, 0, 1].into() }, NOW, &mut self.out);
        let admitted = self.out.drain().find_map(|output| match output {
            Output::Admitted(conn) => Some(conn),
            _ => None,
        });
        let conn = admitted.expect("the node names every connection");
        let mut upgrade =
            *b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
        self.bytes(conn, &mut upgrade);
        conn
    }

    /// A text frame, masked with zero: the mask costs the same whatever it is.
    fn text(&mut self, conn: ConnId, text: &str) -> u64 {
        let mut frame = vec![0x81];
        match u8::try_from(text.len()) {
            Ok(len) if len < 126 => frame.push(0x80 | len),
            _ => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&u16::try_from(text.len()).expect("short").to_be_bytes());
            }
        }
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(text.as_bytes());
        self.bytes(conn, &mut frame)
    }

    fn write(&mut self, text: &str) -> u64 {
        self.text(self.writer, text)
    }

    /// Handles bytes, and takes all that is to be sent as if the system had taken it. How many pieces.
    fn bytes(&mut self, conn: ConnId, bytes: &mut [u8]) -> u64 {
        self.node.handle(Input::Bytes(conn, bytes), NOW, &mut self.out);
        let mut sent = Vec::new();
        for output in self.out.drain() {
            if let Output::Send(conn, chunk) = output {
                sent.push((conn, chunk.len()));
            }
        }
        let count = sent.len() as u64;
        for (conn, len) in sent {
            self.node.handle(Input::Sent(conn, len), NOW, &mut self.out);
        }
        count
    }
}

fn fan_out(c: &mut Criterion) {
    for (name, rows) in [("200 B", 1), ("4 KiB", 20)] {
        let subscribers = size(1_000);
        let mut crowd = Crowd::of(subscribers, rows);
        let mut total = 0_u64;
        c.bench_function(&format!("fan-out of {name}, per push of 1000"), |bench| {
            bench.iter_custom(|iterations| {
                let rounds = iterations.div_ceil(subscribers);
                let start = Instant::now();
                for _ in 0..rounds {
                    total += 1;
                    let sent = crowd.write(&format!(
                        r#"{{"id":1,"type":"store.update","bucket":"orders","key":"o0","data":{{"total":{total}}}}}"#
                    ));
                    assert_eq!(sent, 1 + subscribers, "an answer, and a push to each");
                }
                start.elapsed().mul_f64(iterations as f64 / (rounds * subscribers) as f64)
            });
        });
    }
}

/// When only tried (`cargo test --benches`), little is enough.
fn size(count: u64) -> u64 {
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    if is_measured { count } else { count.min(100) }
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1)).sample_size(20);
    targets = upkeep, not_matching, fan_out
}
criterion_main!(benches);
