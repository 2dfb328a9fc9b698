//! What a definition may be and what updates make of it.

use super::{Definition, FieldType, Generated};
use crate::base::json::{Parser, Raw};
use crate::base::limits::{DEFINITION_BYTES_MAX, SCHEMA_DEPTH_MAX, SCHEMA_FIELDS_MAX};
use proptest::prelude::*;

fn parse(json: &str) -> Result<Definition, String> {
    Definition::parse("b", Raw::trusted(json.as_bytes())).map_err(|fault| fault.message)
}

#[test]
fn a_definition_is_read() {
    let json = r#"{"key":"id","schema":{"id":{"type":"string","generated":"uuid"},"n":{"type":"number","default":0,"required":true,"note":1}}}"#;
    let definition = parse(json).unwrap();
    assert_eq!((definition.name(), definition.key_field()), ("b", 0));
    let [id, n] = definition.fields() else { panic!("two fields") };
    assert_eq!((&*id.name, id.generated, id.required), ("id", Some(Generated::Uuid), false));
    assert_eq!((n.field_type, n.required, n.default.as_deref()), (FieldType::Number, true, Some(&b"0"[..])));
    assert_eq!(definition.field_number(b"\"n\""), Some(1));
    assert_eq!(definition.field_number(b"\"x\""), None);
}

#[test]
fn what_is_wrong_is_named() {
    // S-21, S-24
    for (json, message) in [
        ("{}", "Invalid definition for bucket \"b\": key: expected non-empty string"),
        (r#"{"key":"k","schema":[]}"#, "Invalid definition for bucket \"b\": schema: expected object"),
        (r#"{"key":"k","schema":{}}"#, "Key field \"k\" does not exist in schema for bucket \"b\""),
        (
            r#"{"key":"k","schema":{"k":{"type":"text"}}}"#,
            "Invalid definition for bucket \"b\": schema.k.type: expected one of string, number, boolean, object, array, date",
        ),
        (r#"{"key":"k","schema":{"k":1}}"#, "Invalid definition for bucket \"b\": schema.k: expected object"),
        (
            r#"{"key":"k","schema":{"k":{"type":"string","generated":"x"}}}"#,
            "Invalid definition for bucket \"b\": schema.k.generated: expected one of uuid, cuid, autoincrement, timestamp",
        ),
        (
            r#"{"key":"k","schema":{"k":{"type":"string"},"_version":{"type":"number"}}}"#,
            "Invalid definition for bucket \"b\": schema._version: reserved for metadata",
        ),
    ] {
        assert_eq!(parse(json).unwrap_err(), message);
    }
}

#[test]
fn large_schemas_are_found_by_table() {
    let fields: Vec<_> = (0..40).map(|n| format!("\"f{n}\":{{\"type\":\"string\"}}")).collect();
    let definition = parse(&format!("{{\"key\":\"f7\",\"schema\":{{{}}}}}", fields.join(","))).unwrap();
    assert_eq!((definition.key_field(), definition.field_number(b"\"f39\"")), (7, Some(39)));
}

#[test]
fn every_part_is_checked() {
    // S-24, S-195, A.2
    let field = |field: &str| format!(r#"{{"key":"k","schema":{{"k":{{"type":"string",{field}}}}}}}"#);
    let bucket = |part: &str| format!(r#"{{"key":"k","schema":{{"k":{{"type":"string"}}}},{part}}}"#);
    for (json, wrong) in [
        (field(r#""enum":{}"#), "schema.k.enum: expected array"),
        (field(r#""min":"1""#), "schema.k.min: expected number"),
        (field(r#""max":null"#), "schema.k.max: expected number"),
        (field(r#""minLength":[]"#), "schema.k.minLength: expected number"),
        (field(r#""maxLength":true"#), "schema.k.maxLength: expected number"),
        (field(r#""pattern":1"#), "schema.k.pattern: expected string"),
        (field(r#""pattern":"(""#), "schema.k.pattern: invalid regular expression: unterminated group"),
        (field(r#""format":"ipv4""#), "schema.k.format: expected one of email, url, iso-date"),
        (
            field(r#""generated":null"#),
            "schema.k.generated: expected one of uuid, cuid, autoincrement, timestamp",
        ),
        (
            r#"{"key":"k","schema":{"k":{"type":"string"},"_expiresAt":{"type":"number","generated":"timestamp"}}}"#.to_owned(),
            "schema._expiresAt.generated: the bucket's ttl makes it",
        ),
        (bucket(r#""indexes":"k""#), "indexes: expected array of strings"),
        (bucket(r#""indexes":["k",1]"#), "indexes: expected array of strings"),
        (bucket(r#""maxSize":0"#), "maxSize: expected integer of at least 1"),
        (bucket(r#""maxSize":1.5"#), "maxSize: expected integer of at least 1"),
        (bucket(r#""maxSize":"9""#), "maxSize: expected integer of at least 1"),
        (bucket(r#""ttl":null"#), "ttl: expected number or string"),
        (bucket(r#""etsType":"list""#), "etsType: expected one of set, ordered_set, bag, duplicate_bag"),
        (
            r#"{"key":"k","schema":{"k":{"type":"array","items":{"type":"object","properties":{"x":{}}}}}}"#
                .to_owned(),
            "schema.k.items.properties.x.type: expected one of string, number, boolean, object, array, date",
        ),
        (
            r#"{"key":"k","schema":{"k":{"type":"object","properties":[]}}}"#.to_owned(),
            "schema.k.properties: expected object",
        ),
    ] {
        let message = format!("Invalid definition for bucket \"b\": {wrong}");
        assert_eq!(parse(&json).unwrap_err(), message, "{json}");
    }
    // S-22, S-185, and structure first.
    let unknown = "Index field \"x\" does not exist in schema for bucket \"b\"";
    assert_eq!(parse(&bucket(r#""ttl":0,"indexes":["k","x"]"#)).unwrap_err(), unknown);
    assert_eq!(parse(&bucket(r#""ttl":0"#)).unwrap_err(), "TTL must be a positive finite number, got 0");
    let first = parse(r#"{"key":"x","schema":{"k":{"type":"string"}},"indexes":["y"],"ttl":0,"maxSize":0}"#);
    assert!(first.unwrap_err().ends_with("maxSize: expected integer of at least 1"));
}

#[test]
fn definitions_have_bounds() {
    let fields = |count: usize| {
        let fields: Vec<_> = (0..count).map(|n| format!(r#""f{n}":{{"type":"string"}}"#)).collect();
        parse(&format!(r#"{{"key":"f0","schema":{{{}}}}}"#, fields.join(",")))
    };
    assert!(fields(SCHEMA_FIELDS_MAX).is_ok());
    assert!(fields(SCHEMA_FIELDS_MAX + 1).unwrap_err().ends_with("schema: more than 1000 fields"));
    let nested = |depth: usize| {
        let (open, close) = (r#"{"type":"array","items":"#.repeat(depth), "}".repeat(depth));
        parse(&format!(
            r#"{{"key":"k","schema":{{"k":{{"type":"string"}},"a":{open}{{"type":"string"}}{close}}}}}"#
        ))
    };
    assert!(nested(SCHEMA_DEPTH_MAX).is_ok());
    assert!(nested(SCHEMA_DEPTH_MAX + 1).unwrap_err().ends_with("nested deeper than 10 levels"));
    let note = "x".repeat(DEFINITION_BYTES_MAX);
    let large = format!(r#"{{"key":"k","schema":{{"k":{{"type":"string"}}}},"note":"{note}"}}"#);
    assert!(parse(&large).unwrap_err().contains("definition: larger than"));
}

#[test]
fn indexes_come_in_the_order_of_unique_checks() {
    // S-22, S-74, S-80
    let json = r#"{"key":"a","schema":{"a":{"type":"string","unique":true},"b":{"type":"string"},"c":{"type":"string","unique":true},"d":{"type":"string","unique":1}},"indexes":["c","b","c"],"etsType":"ordered_set","persistent":false,"maxSize":3,"ttl":"2s"}"#;
    let definition = parse(json).unwrap();
    assert_eq!(definition.indexes(), [2, 1, 0]);
    assert_eq!(
        definition.fields().iter().map(|field| field.unique).collect::<Vec<_>>(),
        [true, false, true, false]
    );
    assert!(definition.is_ordered() && !definition.is_persistent());
    assert_eq!((definition.max_size(), definition.ttl_ms()), (Some(3), Some(2_000.0)));
    assert_eq!(definition.text(), json.as_bytes());
}

#[test]
fn updates_are_merged() {
    // S-26, S-217, S-223
    let update = |json: &str, updates: &str| {
        let updated = parse(json).unwrap().updated(Raw::trusted(updates.as_bytes()));
        updated
            .map(|updated| String::from_utf8(updated.text().to_vec()).unwrap())
            .map_err(|fault| fault.message)
    };
    const OLD: &str =
        r#"{"key":"k","schema":{"k":{"type":"string","note":1}},"ttl":5,"indexes":["k"],"x":{}}"#;
    for (updates, expected) in [
        ("{}", r#"{"key":"k","schema":{"k":{"type":"string","note":1}},"ttl":5,"x":{},"indexes":["k"]}"#),
        (
            r#"{"addFields":{"a":{"type":"number","unique":true}},"addIndexes":["k","a","a"],"ttl":null,"key":"a"}"#,
            r#"{"key":"k","schema":{"k":{"type":"string","note":1},"a":{"type":"number","unique":true}},"x":{},"indexes":["k","a"]}"#,
        ),
        (
            r#"{"ttl":"1d","addFields":null,"addIndexes":null}"#,
            r#"{"key":"k","schema":{"k":{"type":"string","note":1}},"x":{},"indexes":["k"],"ttl":"1d"}"#,
        ),
    ] {
        assert_eq!(update(OLD, updates).unwrap(), expected);
    }
    let empty = r#"{"key":"k","schema":{"k":{"type":"string"}},"indexes":[]}"#;
    assert_eq!(update(empty, "{}").unwrap(), r#"{"key":"k","schema":{"k":{"type":"string"}}}"#);
    // S-219
    for (updates, message) in [
        (r#"{"addFields":{"k":{"type":"string"}}}"#, "Field \"k\" already exists in bucket \"b\""),
        (r#"{"addIndexes":["x"]}"#, "Index field \"x\" does not exist in schema for bucket \"b\""),
        (r#"{"addFields":[]}"#, "Invalid definition for bucket \"b\": addFields: expected object"),
        (
            r#"{"addIndexes":[1]}"#,
            "Invalid definition for bucket \"b\": addIndexes: expected array of strings",
        ),
        (
            r#"{"addFields":{"a":{"type":"string","min":""}}}"#,
            "Invalid definition for bucket \"b\": addFields.a.min: expected number",
        ),
        (r#"{"ttl":-1}"#, "TTL must be a positive finite number, got -1"),
        (
            r#"{"ttl":"x"}"#,
            "Invalid TTL format \"x\". Expected a number (ms) or string like \"30s\", \"5m\", \"1h\", \"7d\".",
        ),
        (
            r#"{"addFields":{"_version":{"type":"number"}}}"#,
            "Invalid definition for bucket \"b\": schema._version: reserved for metadata",
        ),
    ] {
        assert_eq!(update(OLD, updates).unwrap_err(), message);
    }
}

fn json() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "key",
        "schema",
        "k",
        "type",
        "string",
        "number",
        "object",
        "array",
        "indexes",
        "ttl",
        "1s",
        "maxSize",
        "etsType",
        "enum",
        "pattern",
        "(a)+",
        "format",
        "email",
        "min",
        "maxLength",
        "properties",
        "items",
        "generated",
        "uuid",
        "default",
        "unique",
        "_expiresAt",
        "addFields",
        "addIndexes",
    ]);
    let leaf = prop_oneof![
        word.clone().prop_map(|word| format!("\"{word}\"")),
        prop::sample::select(vec!["null", "true", "0", "-1.5", "1e300"]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        let member = (word.clone(), inner.clone()).prop_map(|(name, value)| format!("\"{name}\":{value}"));
        prop_oneof![
            3 => prop::collection::vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(","))),
            1 => prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(","))),
        ]
    })
}

/// As it comes from the wire.
fn canonical(text: &str) -> Vec<u8> {
    let (mut parser, mut out) = (Parser::default(), Vec::new());
    parser.parse(text).unwrap().root().write(&mut out);
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// S-24: any JSON is a definition or an error, and so is what updates make of it.
    #[test]
    fn any_json_is_a_definition_or_not(field in json(), rest in json(), updates in json()) {
        let with_ttl =
            |ttl: &str| format!(r#"{{"key":"k","schema":{{"k":{{"type":"string"}},"f":{field}}},"ttl":{ttl}}}"#);
        for text in [&with_ttl(&rest), &with_ttl("1"), &rest] {
            let text = canonical(text);
            if let Ok(definition) = Definition::parse("b", Raw::trusted(&text)) {
                prop_assert_eq!(definition.text(), &text[..]);
                let _ = definition.updated(Raw::trusted(&canonical(&updates)));
            }
        }
    }
}
