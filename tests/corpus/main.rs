//! Replays the fuzzers' corpus (fuzz/corpus) through the fuzzers' functions, on stable.

#[path = "../../fuzz/src/targets.rs"]
mod targets;

use std::fs;
use std::path::Path;

fn replay(target: &str, run: fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = fs::read_dir(&directory).expect("a corpus");
    let mut count = 0;
    for entry in entries {
        let path = entry.expect("readable").path();
        println!("{}", path.display());
        run(&fs::read(path).expect("readable"));
        count += 1;
    }
    assert!(count > 0, "{target} has a corpus");
}

// P-4…P-11
#[test]
fn handshakes() {
    replay("handshake", targets::handshake);
}

// P-18…P-22
#[test]
fn frames() {
    replay("frames", targets::frames);
}

// P-33…P-47, S-9, S-248, S-249
#[test]
fn requests() {
    replay("request", targets::request);
}
