//! What an event costs by the number of topic patterns that are watched and that match.

use criterion::{Criterion, criterion_group, criterion_main};
use noex_server::base::ids::CoreId;
use noex_server::base::random::Random;
use noex_server::rules::{Emission, Engine};
use std::time::Duration;

fn emit(c: &mut Criterion) {
    for (name, patterns, matching) in [
        ("nobody watches", 0, &[][..]),
        ("1 of 1 pattern matches", 0, &["order.created"][..]),
        ("4 of 4 patterns match", 0, &["order.created", "order.*", "*.created", "*"][..]),
        ("none of 10000 patterns matches", 10_000, &[][..]),
        ("4 of 10004 patterns match", 10_000, &["order.created", "order.*", "*.created", "*"][..]),
    ] {
        let mut engine = Engine::new(7);
        for n in 0..patterns {
            engine.subscribe(&format!("user.{n}.*"), CoreId(0));
        }
        for pattern in matching {
            engine.subscribe(pattern, CoreId(0));
        }
        let mut random = Random::from_seed([1; 32]);
        c.bench_function(&format!("emit, {name}"), |bench| {
            bench.iter(|| {
                let emission = Emission { topic: "order.created".to_owned(), ..Emission::default() };
                let emitted = engine.emit(emission, 1_706_745_600_000, &mut random);
                assert_eq!(emitted.deliveries.is_empty(), matching.is_empty());
                emitted
            });
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1)).sample_size(20);
    targets = emit
}
criterion_main!(benches);
