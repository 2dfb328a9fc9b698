//! What frames and request texts cost: decoding, unmasking, encoding, parsing.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use noex_server::base::json::Parser;
use noex_server::base::limits::FRAGMENTS_MAX;
use noex_server::protocol::{self, Incoming};
use noex_server::wire::{Decoder, Input, Limits, client, encoder, mask};
use std::hint::black_box;
use std::time::Duration;

const KEY: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

const LIMITS: Limits =
    Limits { payload_bytes_max: 1024 * 1024, fragments_max: FRAGMENTS_MAX, keeps_binary: false };

const GET: &str =
    r#"{"id":4711,"type":"store.get","bucket":"products","key":"0d4e6cbb-6a5b-4b8c-9a8e-2f0f6a3b1c2d"}"#;
const UPDATE: &str = r#"{"id":4711,"type":"store.update","bucket":"products","key":"0d4e6cbb-6a5b-4b8c-9a8e-2f0f6a3b1c2d","data":{"price":12.5,"stock":7}}"#;
const ORDER: &str = r#"{"id":4711,"type":"store.transaction","operations":[{"op":"update","bucket":"products","key":"p-1","data":{"stock":7}},{"op":"insert","bucket":"orders","data":{"userId":"u-1","items":"p-1","total":12.5,"createdAt":1706745600000}},{"op":"insert","bucket":"audit-logs","data":{"action":"order","userId":"u-1","timestamp":1706745600000}}]}"#;

fn frames(c: &mut Criterion) {
    let mut group = c.benchmark_group("unmask");
    for bytes in [128, 4096] {
        let mut payload = vec![b'x'; bytes];
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(format!("{bytes} B"), |bench| {
            bench.iter(|| mask::unmask(black_box(&mut payload), KEY, 0));
        });
    }
    group.finish();
    for frames in [1, 16] {
        let mut received = Vec::new();
        (0..frames).for_each(|_| client::masked_text(&mut received, GET.as_bytes(), KEY));
        let mut decoder = Decoder::new();
        c.bench_function(&format!("decode {frames} frames of a get in one read"), |bench| {
            let decode = |mut bytes: Vec<u8>| {
                let mut input = Input::new(&mut bytes);
                let mut messages = 0;
                while decoder.next(&mut input, &LIMITS).expect("well-formed").is_some() {
                    messages += 1;
                }
                assert_eq!(messages, frames);
                bytes
            };
            bench.iter_batched(|| received.clone(), decode, BatchSize::SmallInput);
        });
    }
    let record = vec![b'x'; 200];
    let mut out = Vec::new();
    c.bench_function("encode a frame of 200 B", |bench| {
        bench.iter(|| {
            out.clear();
            encoder::text(&mut out, black_box(&record));
        });
    });
}

fn requests(c: &mut Criterion) {
    let mut parser = Parser::default();
    for (name, text) in [("a get", GET), ("an update", UPDATE), ("the shop's order", ORDER)] {
        c.bench_function(&format!("parse and decode {name}"), |bench| {
            bench.iter(|| {
                let document = parser.parse(black_box(text));
                let Ok(Incoming::Request(envelope)) = protocol::parse(&document) else { panic!("a request") };
                let operation = envelope.operation.expect("known");
                drop(black_box(protocol::decode(operation, &envelope).expect("valid")));
            });
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1)).sample_size(20);
    targets = frames, requests
}
criterion_main!(benches);
