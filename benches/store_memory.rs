//! Prints what a record costs in resident memory: about 150 bytes, five fields, one unique index.

use noex_server::base::json::{Object, Parser, Raw};
use noex_server::base::random::Random;
use noex_server::store::{self, Bucket, Definition, Scratch, Stamp, View, Write};

const DEFINITION: &str = r#"{"key":"id","schema":{"id":{"type":"string","generated":"uuid"},"email":{"type":"string","unique":true},"name":{"type":"string"},"group":{"type":"number"},"age":{"type":"number"}}}"#;

fn main() {
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let sizes: &[u32] = if is_bench { &[1_000, 100_000, 1_000_000] } else { &[1_000] };
    println!("{:>10} {:>12} {:>16}", "records", "bytes JSON", "resident, bytes");
    for records in sizes {
        let before = resident_bytes();
        let bucket = filled(*records);
        let bytes = resident_bytes().saturating_sub(before) / u64::from(*records);
        let text: usize = bucket.iter().map(|record| record.text().len()).sum();
        println!("{records:>10} {:>12} {bytes:>16}", text / *records as usize);
    }
}

fn filled(records: u32) -> Bucket {
    let definition = Definition::parse("b", Raw::trusted(DEFINITION.as_bytes())).expect("valid");
    let mut bucket = Bucket::new(definition, 7);
    let (mut random, mut parser) = (Random::from_seed([1; 32]), Parser::default());
    for n in 0..records {
        let text = format!(r#"{{"email":"{n:x}@m.org","name":"Ann","group":{},"age":30}}"#, n % 100);
        let data = Object::from_value(parser.parse(&text).expect("JSON").root()).expect("an object");
        let autoincrement = bucket.advance();
        let (random, scratch) = (&mut random, &Scratch::default());
        let mut stamp = Stamp { unix_ms: 1_706_745_600_000, random, autoincrement, scratch };
        let record = store::insert(&bucket, &data, &mut stamp).expect("valid");
        store::check_insert(View::committed(&bucket), &record).expect("unique");
        bucket.apply(Write::Insert(record));
    }
    bucket
}

/// From Linux; 0 elsewhere.
fn resident_bytes() -> u64 {
    const PAGE_BYTES: u64 = 4_096;
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * PAGE_BYTES
}
