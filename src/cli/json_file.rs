//! The JSON configuration file of the reference's command line (P-188).
//!
//! Unknown keys are ignored (P-190), `null` means "not said", and a value of the wrong
//! type is an error that names the key and never shows the value (K-14).

use super::Typed;
use super::layer::{Backpressure, Layer};
use super::limit_flags::{
    BUFFERED_RANGE, HEARTBEAT_RANGE, REQUESTS_RANGE, WINDOW_RANGE, is_mark, rate_limit,
};
use crate::base::json::{Kind, Number, Parser, Raw};
use crate::node::Heartbeat;
use std::ops::RangeInclusive;

/// Reads the file's text.
///
/// # Errors
/// Each reason why it cannot be used, without file name.
pub(super) fn read(text: &str) -> Result<Layer, Vec<String>> {
    let mut parser = Parser::default();
    let document = parser.parse(text).map_err(|_| vec!["not valid JSON".to_owned()])?;
    let mut canonical = Vec::new();
    document.root().write(&mut canonical);
    let root = Raw::trusted(&canonical);
    if root.kind() != Kind::Object {
        return Err(vec!["expected a JSON object".to_owned()]);
    }
    let mut keys = Keys { object: root, prefix: "", errors: Vec::new() };
    let layer = layer(&mut keys);
    if keys.errors.is_empty() { Ok(layer) } else { Err(keys.errors) }
}

fn layer(keys: &mut Keys<'_>) -> Layer {
    let mut layer = Layer {
        port: keys.get("port").map(port),
        host: keys.string("host"),
        name: keys.string("name"),
        path: keys.string("path"),
        // Whatever it is, the check of P-193 shows it.
        persistence: keys.get("persistence").map(|value| value.display().into_owned()),
        built_in_auth: keys.boolean("auth").unwrap_or(false),
        has_admin_secret: keys.string("adminSecret").is_some_and(|secret| !secret.is_empty()),
        rules: keys.boolean("rules"),
        audit: keys.boolean("audit").unwrap_or(false),
        expose_error_details: keys.boolean("exposeErrorDetails"),
        allowed_origins: keys.strings("allowedOrigins"),
        ..Layer::default()
    };
    for unused in ["dataDir", "db"] {
        keys.string(unused);
    }
    if let Some(bytes) = keys.unsigned("maxPayloadBytes") {
        layer.limits.payload_bytes_max = usize::try_from(bytes).unwrap_or(usize::MAX);
    }
    if let Some(object) = keys.object("connectionLimits") {
        keys.inside("connectionLimits.", object, |limits| {
            if let Some(max) = limits.unsigned("maxSubscriptionsPerConnection") {
                layer.limits.subscriptions_per_connection_max = max;
            }
            if let Some(max) = limits.unsigned("maxTotalSubscriptions") {
                layer.limits.subscriptions_total_max = max;
            }
        });
    }
    if let Some(object) = keys.object("backpressure") {
        keys.inside("backpressure.", object, |members| {
            if let Some(backpressure) = backpressure(members) {
                layer.backpressure = backpressure;
            }
        });
    }
    layer.limits.connections_per_address_max = keys.unsigned("maxConnectionsPerIp");
    if let Some(object) = keys.object("rateLimit") {
        keys.inside("rateLimit.", object, |members| {
            let requests = members.required("maxRequests", REQUESTS_RANGE);
            let window_ms = members.required("windowMs", WINDOW_RANGE);
            layer.rate_limit = requests.zip(window_ms).map(|(requests, ms)| rate_limit(requests, ms));
        });
    }
    if let Some(object) = keys.object("heartbeat") {
        keys.inside("heartbeat.", object, |members| {
            let interval_ms = members.required("intervalMs", HEARTBEAT_RANGE);
            let timeout_ms = members.required("timeoutMs", HEARTBEAT_RANGE);
            let both = interval_ms.zip(timeout_ms);
            layer.heartbeat = both.map(|(interval_ms, timeout_ms)| Heartbeat { interval_ms, timeout_ms });
        });
    }
    layer
}

/// Strings are rejected even if they look like numbers (P-193).
fn port(value: Raw<'_>) -> Typed<u16> {
    let shown = || value.display().into_owned();
    let number = (value.kind() == Kind::Number).then(|| value.as_bytes());
    number.and_then(integer).and_then(|port| u16::try_from(port).ok()).ok_or_else(shown)
}

/// Both members are required, since the object replaces the default as a whole (P-178).
fn backpressure(members: &mut Keys<'_>) -> Option<Backpressure> {
    let max = members.required("maxBufferedBytes", BUFFERED_RANGE);
    let mark = members.get("highWaterMark").and_then(Raw::as_number).map(Number::as_f64);
    let mark = mark.filter(|mark| is_mark(*mark));
    if mark.is_none() {
        members.complain("highWaterMark", "expected number above 0 and at most 1");
    }
    Some(Backpressure { max_buffered_bytes: max?, high_water_mark: mark? })
}

fn expected(range: &RangeInclusive<u64>) -> String {
    match (*range.start(), *range.end()) {
        (start, u64::MAX) => format!("expected integer >= {start}"),
        (start, end) => format!("expected integer {start}-{end}"),
    }
}

fn integer(canonical: &[u8]) -> Option<u64> {
    std::str::from_utf8(canonical).ok()?.parse().ok()
}

/// An object whose members are asked for one by one.
struct Keys<'a> {
    object: Raw<'a>,
    /// The path to it, for messages.
    prefix: &'static str,
    errors: Vec<String>,
}

impl<'a> Keys<'a> {
    fn get(&self, key: &str) -> Option<Raw<'a>> {
        let mut members = self.object.members();
        let found = members.find(|(name, _)| Raw::trusted(name).as_str().is_some_and(|name| name == key));
        found.map(|(_, value)| value).filter(|value| value.kind() != Kind::Null)
    }

    /// An integer that must be there: objects replace their default as a whole (P-178).
    fn required(&mut self, key: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let number = self.get(key).and_then(|value| integer(value.as_bytes()));
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            self.complain(key, &expected(&range));
        }
        number
    }

    fn complain(&mut self, key: &str, expected: &str) {
        self.errors.push(format!("\"{}{key}\": {expected}", self.prefix));
    }

    /// The value as `convert` sees it; `None` of `convert` is an error.
    fn converted<T>(
        &mut self,
        key: &str,
        expected: &str,
        convert: impl FnOnce(Raw<'a>) -> Option<T>,
    ) -> Option<T> {
        let converted = convert(self.get(key)?);
        if converted.is_none() {
            self.complain(key, expected);
        }
        converted
    }

    fn string(&mut self, key: &str) -> Option<String> {
        self.converted(key, "expected string", |value| value.as_str().map(Into::into))
    }

    fn boolean(&mut self, key: &str) -> Option<bool> {
        self.converted(key, "expected boolean", |value| match value.as_bytes() {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        })
    }

    fn unsigned(&mut self, key: &str) -> Option<u64> {
        self.converted(key, "expected integer >= 0", |value| integer(value.as_bytes()))
    }

    fn strings(&mut self, key: &str) -> Option<Vec<String>> {
        self.converted(key, "expected array of strings", |value| {
            let strings = value.elements().map(|element| element.as_str().map(Into::into));
            (value.kind() == Kind::Array).then(|| strings.collect()).flatten()
        })
    }

    fn object(&mut self, key: &str) -> Option<Raw<'a>> {
        self.converted(key, "expected object", |value| (value.kind() == Kind::Object).then_some(value))
    }

    /// Reads the members of an object inside; its errors are ours.
    fn inside(&mut self, prefix: &'static str, object: Raw<'a>, read: impl FnOnce(&mut Self)) {
        let mut inner = Self { object, prefix, errors: std::mem::take(&mut self.errors) };
        read(&mut inner);
        self.errors = inner.errors;
    }
}

/// A double as JavaScript prints it.
pub(super) fn js_number(number: f64) -> String {
    let mut out = Vec::new();
    Number::Double(number).write(&mut out);
    String::from_utf8(out).expect("digits")
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::node::{Heartbeat, RateLimit};
    use proptest::prelude::*;

    /// The example of 01 §21.1.
    const REFERENCE: &str = r#"{"port":3000,"host":"127.0.0.1","name":"app","persistence":"sqlite","db":"./app.db","auth":true,"adminSecret":"s3cret","rules":true,"audit":true,"rateLimit":{"maxRequests":100,"windowMs":60000},"heartbeat":{"intervalMs":30000,"timeoutMs":10000},"backpressure":{"maxBufferedBytes":1048576,"highWaterMark":0.8},"connectionLimits":{"maxSubscriptionsPerConnection":50},"exposeErrorDetails":false,"allowedOrigins":["https://app.example.com"],"maxConnectionsPerIp":20}"#;

    fn errors(text: &str) -> Vec<String> {
        read(text).err().unwrap_or_default()
    }

    #[test]
    fn the_reference_example_is_read() {
        // P-188
        let layer = read(REFERENCE).expect("valid");
        assert_eq!((layer.port, layer.host.as_deref()), (Some(Ok(3000)), Some("127.0.0.1")));
        assert_eq!((layer.name.as_deref(), layer.persistence.as_deref()), (Some("app"), Some("sqlite")));
        assert!(layer.built_in_auth && layer.has_admin_secret && layer.audit);
        assert_eq!(layer.rate_limit, Some(RateLimit { max_requests: 100, window_ms: 60_000 }));
        assert_eq!(layer.heartbeat, Some(Heartbeat { interval_ms: 30_000, timeout_ms: 10_000 }));
        assert_eq!((layer.rules, layer.expose_error_details), (Some(true), Some(false)));
        assert_eq!(layer.allowed_origins, Some(vec!["https://app.example.com".to_owned()]));
        assert_eq!(layer.limits.connections_per_address_max, Some(20));
        assert_eq!(layer.backpressure.unsent_bytes_mark(), 838_861);
        // P-178: merged member by member
        assert_eq!(layer.limits.subscriptions_per_connection_max, 50);
        assert_eq!(layer.limits.subscriptions_total_max, 1_000_000);
    }

    #[test]
    fn unknown_keys_are_ignored_and_null_is_nothing() {
        // P-190
        let layer = read(r#"{"porrt":1,"revocation":{},"port":null,"maxPayloadBytes":0}"#).unwrap();
        assert_eq!((layer.port, layer.limits.payload_bytes_max), (None, 0));
    }

    #[test]
    fn ports_are_kept_as_they_would_be_shown() {
        // P-193
        for (text, shown) in [
            ("\"3000\"", "3000"),
            ("-1", "-1"),
            ("80.5", "80.5"),
            ("65536", "65536"),
            ("{}", "[object Object]"),
        ] {
            let layer = read(&format!("{{\"port\":{text}}}")).unwrap();
            assert_eq!(layer.port, Some(Err(shown.to_owned())));
        }
        assert_eq!(read("{\"port\":80.0}").unwrap().port, Some(Ok(80)));
    }

    #[test]
    fn wrong_types_are_named_without_their_value() {
        // K-14, P-181
        assert_eq!(errors("{"), ["not valid JSON"]);
        assert_eq!(errors("[]"), ["expected a JSON object"]);
        assert_eq!(
            errors(
                r#"{"host":1,"adminSecret":["geheim"],"rules":"yes","allowedOrigins":[1],"maxConnectionsPerIp":-1,
                    "rateLimit":true,"connectionLimits":{"maxTotalSubscriptions":1.5},
                    "backpressure":{"maxBufferedBytes":0,"highWaterMark":1.1}}"#
            ),
            [
                "\"host\": expected string",
                "\"adminSecret\": expected string",
                "\"rules\": expected boolean",
                "\"allowedOrigins\": expected array of strings",
                "\"connectionLimits.maxTotalSubscriptions\": expected integer >= 0",
                "\"backpressure.maxBufferedBytes\": expected integer >= 1",
                "\"backpressure.highWaterMark\": expected number above 0 and at most 1",
                "\"maxConnectionsPerIp\": expected integer >= 0",
                "\"rateLimit\": expected object",
            ]
        );
        // P-178: a given object replaces the default as a whole
        assert_eq!(errors(r#"{"backpressure":{"highWaterMark":0.5}}"#).len(), 1);
        assert_eq!(
            errors(r#"{"rateLimit":{"maxRequests":0},"heartbeat":{"intervalMs":1,"timeoutMs":"1"}}"#),
            [
                "\"rateLimit.maxRequests\": expected integer 1-1000000",
                "\"rateLimit.windowMs\": expected integer 1-31536000000",
                "\"heartbeat.timeoutMs\": expected integer 1-86400000",
            ]
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            let _ = read(&text);
        }

        #[test]
        fn no_value_makes_it_panic(value in "(\"[a-z]{0,3}\"|-?[0-9]{1,25}(\\.[0-9]{1,3})?|\\{\\}|\\[1\\]|true|null)") {
            for key in ["port", "host", "auth", "allowedOrigins", "maxPayloadBytes", "backpressure", "connectionLimits"] {
                let _ = read(&format!("{{\"{key}\":{value}}}"));
                let _ = read(&format!("{{\"backpressure\":{{\"maxBufferedBytes\":{value}}}}}"));
            }
        }
    }
}
