//! Facts and events (04 §6, §7).

use super::{Posts, Shard, answer};
use crate::base::bytes::Body;
use crate::base::json::Raw;
use crate::base::time::Now;
use crate::message::{Json, Mail, Origin, Outcome, RulesCall};
use crate::rules::Emission;

impl Shard {
    pub(super) fn rules(&mut self, origin: Origin, call: RulesCall, now: Now, out: &mut Posts) {
        let engine = self.engine.as_mut().expect("the router knows where the engine is");
        let json = match call {
            RulesCall::Emit { topic, data, correlation_id, causation_id } => {
                let emission = Emission { topic, data, correlation_id, causation_id };
                return self.emit(origin, emission, now, out);
            }
            RulesCall::Subscribe(pattern) => {
                let live = engine.subscribe(&pattern, origin.core);
                return answer(out, origin, Outcome::Watching { live });
            }
            RulesCall::SetFact { key, value } => {
                Json::Text(engine.set_fact(&key, Raw::trusted(&value), now.unix_ms))
            }
            RulesCall::GetFact(key) => {
                Json::Text(engine.fact(&key).map_or(b"null".to_vec(), |value| value.as_bytes().to_vec()))
            }
            RulesCall::DeleteFact(key) if engine.delete_fact(&key) => Json::Fixed(r#"{"deleted":true}"#),
            RulesCall::DeleteFact(_) => Json::Fixed(r#"{"deleted":false}"#),
            RulesCall::QueryFacts(pattern) => {
                let mut text = Vec::new();
                engine.write_facts(&pattern, &mut text);
                Json::Text(text)
            }
            RulesCall::AllFacts => {
                let mut text = Vec::new();
                engine.write_all_facts(&mut text);
                Json::Text(text)
            }
        };
        answer(out, origin, Outcome::Data(json));
    }

    /// The pushes precede the answer (P-128), the reverse of a store mutation.
    fn emit(&mut self, origin: Origin, emission: Emission, now: Now, out: &mut Posts) {
        let engine = self.engine.as_mut().expect("the router knows where the engine is");
        let emitted = engine.emit(emission, now.unix_ms, &mut self.random);
        if !emitted.deliveries.is_empty() {
            // Events are never compared, so that their digest does not matter.
            let body = Body::new(&mut emitted.push_data());
            for delivery in emitted.deliveries {
                out.push((delivery.core, Mail::Event { patterns: delivery.patterns, body: body.clone() }));
            }
        }
        answer(out, origin, Outcome::Data(Json::Text(emitted.event)));
    }
}
