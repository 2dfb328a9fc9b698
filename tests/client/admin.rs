//! Buckets and queries that come, change and go at run time (02 §11).

use crate::{play, setups};
use noex_server::node::Settings;

/// Nothing is defined.
fn empty(cores: u16) -> Settings {
    crate::shop::settings(&[], &[], cores)
}

// S-213, S-23, S-118, S-223, S-26: usable at once, from any core.
#[test]
fn a_bucket_is_defined() {
    play(
        empty,
        &["a", "b"],
        r#"
        a → {"id":1,"type":"store.insert","bucket":"users","data":{}}
        a ← {"id":1,"type":"error","code":"BUCKET_NOT_DEFINED","message":"Bucket \"users\" is not defined"}
        a → {"id":2,"type":"store.defineBucket","name":"users","config":{"key":"id","schema":{"id":{"type":"string","note":[1]},"n":{"type":"number","default":7}},"color":"red"}}
        a ← {"id":2,"type":"result","data":{"name":"users","created":true}}
        b → {"id":1,"type":"store.insert","bucket":"users","data":{"id":"1"}}
        b ← {"id":1,"type":"result","data":{"id":"1","n":7,"_version":1,"…":0}}
        a → {"id":3,"type":"store.get","bucket":"users","key":"1"}
        a ← {"id":3,"type":"result","data":{"id":"1","…":0}}
        b → {"id":2,"type":"store.defineBucket","name":"a.b \"c\"","config":{"key":"k","schema":{"k":{"type":"string"}}}}
        b ← {"id":2,"type":"result","data":{"name":"a.b \"c\"","created":true}}
        a → {"id":4,"type":"store.buckets"}
        a ← {"id":4,"type":"result","data":{"count":2,"names":["users","a.b \"c\""]}}
        a → {"id":5,"type":"store.stats"}
        a ← {"id":5,"type":"result","data":{"buckets":{"count":2,"names":["users","a.b \"c\""]},"records":{"total":1,"perBucket":{"users":1,"a.b \"c\"":0}},"…":0}}
        b → {"id":3,"type":"store.getBucketSchema","name":"users"}
        b ← {"id":3,"type":"result","data":{"name":"users","config":{"key":"id","schema":{"id":{"type":"string","note":[1]},"n":{"type":"number","default":7}},"color":"red"}}}
        # S-23 precedes the definition
        b → {"id":4,"type":"store.defineBucket","name":"users","config":{}}
        b ← {"id":4,"type":"error","code":"ALREADY_EXISTS","message":"Bucket \"users\" already exists"}
        "#,
    );
}

// S-21, S-22, S-24, S-25, S-185, S-12, S-13, D-4, V-38: a failed definition leaves no trace.
#[test]
fn a_bad_definition_leaves_no_trace() {
    play(
        empty,
        &["a", "b"],
        r#"
        a → {"id":1,"type":"store.defineBucket","config":{}}
        a ← {"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Missing or invalid \"name\": expected non-empty string"}
        a → {"id":2,"type":"store.defineBucket","name":"x","config":[]}
        a ← {"id":2,"type":"error","code":"VALIDATION_ERROR","message":"Missing or invalid \"config\": expected object"}
        a → {"id":3,"type":"store.defineBucket","name":"x","config":{"key":"id","schema":{"id":{"type":"string"}},"ttl":"bad"}}
        a ← {"id":3,"type":"error","code":"VALIDATION_ERROR","message":"Invalid TTL format \"bad\". Expected a number (ms) or string like \"30s\", \"5m\", \"1h\", \"7d\"."}
        a → {"id":4,"type":"store.defineBucket","name":"x","config":{"key":"no","schema":{"id":{"type":"string"}}}}
        a ← {"id":4,"type":"error","code":"VALIDATION_ERROR","message":"Key field \"no\" does not exist in schema for bucket \"x\""}
        a → {"id":5,"type":"store.defineBucket","name":"x","config":{"key":"id","schema":{"id":{"type":"string"}},"indexes":["no"]}}
        a ← {"id":5,"type":"error","code":"VALIDATION_ERROR","message":"Index field \"no\" does not exist in schema for bucket \"x\""}
        a → {"id":6,"type":"store.defineBucket","name":"x","config":{"key":"id","schema":{"id":{"type":"text"}}}}
        a ← {"id":6,"type":"error","code":"VALIDATION_ERROR","message":"<any>"}
        b → {"id":1,"type":"store.stats"}
        b ← {"id":1,"type":"result","data":{"buckets":{"count":0,"names":[]},"records":{"total":0,"perBucket":{}},"…":0}}
        b → {"id":2,"type":"store.getBucketSchema","name":"x"}
        b ← {"id":2,"type":"error","code":"BUCKET_NOT_DEFINED","message":"Bucket \"x\" does not exist"}
        b → {"id":3,"type":"store.defineBucket","name":"x","config":{"key":"id","schema":{"id":{"type":"string"}},"ttl":"1h"}}
        b ← {"id":3,"type":"result","data":{"name":"x","created":true}}
        a → {"id":7,"type":"store.insert","bucket":"x","data":{"id":"1"}}
        a ← {"id":7,"type":"result","data":{"id":"1","…":0}}
        "#,
    );
}

// S-214, S-215, S-216, S-36, V-37, V-39, D-6: a name can be used again at once, any number of
// times, with any definition; it starts empty and counts from 1.
#[test]
fn a_bucket_is_dropped_and_defined_again() {
    play(
        empty,
        &["a", "b"],
        r#"
        a → {"id":1,"type":"store.dropBucket","name":"x"}
        a ← {"id":1,"type":"error","code":"BUCKET_NOT_DEFINED","message":"Bucket \"x\" does not exist"}
        a → {"id":2,"type":"store.dropBucket","name":""}
        a ← {"id":2,"type":"error","code":"VALIDATION_ERROR","message":"Missing or invalid \"name\": expected non-empty string"}
        a → {"id":3,"type":"store.defineBucket","name":"first","config":{"key":"k","schema":{"k":{"type":"string"}}}}
        a ← {"id":3,"type":"result","data":{"name":"first","created":true}}
        "#,
    );
    let again = r#"
        a → {"id":4,"type":"store.defineBucket","name":"x","config":{"key":"n","schema":{"n":{"type":"number","generated":"autoincrement"}}}}
        a ← {"id":4,"type":"result","data":{"name":"x","created":true}}
        b → {"id":4,"type":"store.insert","bucket":"x","data":{}}
        b ← {"id":4,"type":"result","data":{"n":1,"…":0}}
        a → {"id":5,"type":"store.insert","bucket":"x","data":{}}
        a ← {"id":5,"type":"result","data":{"n":2,"…":0}}
        b → {"id":5,"type":"store.dropBucket","name":"x"}
        b ← {"id":5,"type":"result","data":{"name":"x","dropped":true}}
        a → {"id":6,"type":"store.all","bucket":"x"}
        a ← {"id":6,"type":"error","code":"BUCKET_NOT_DEFINED","message":"Bucket \"x\" is not defined"}
        a → {"id":6,"type":"store.buckets"}
        a ← {"id":6,"type":"result","data":{"count":0,"names":[]}}
        b → {"id":7,"type":"store.transaction","operations":[{"op":"count","bucket":"x"}]}
        b ← {"id":7,"type":"error","code":"INTERNAL_ERROR","message":"Bucket \"x\" is not defined"}
        b → {"id":8,"type":"store.defineBucket","name":"x","config":{"key":"s","schema":{"s":{"type":"string"}}}}
        b ← {"id":8,"type":"result","data":{"name":"x","created":true}}
        a → {"id":8,"type":"store.insert","bucket":"x","data":{"s":"1"}}
        a ← {"id":8,"type":"result","data":{"s":"1","…":0}}
        a → {"id":9,"type":"store.dropBucket","name":"x"}
        a ← {"id":9,"type":"result","data":{"name":"x","dropped":true}}
        "#;
    play(empty, &["a", "b"], &again.repeat(5));
}

// S-217, S-218, S-219, S-221, S-12, S-13, V-37: what a bucket is can be added to.
#[test]
fn a_bucket_is_updated() {
    play(
        empty,
        &["a", "b"],
        r#"
        a → {"id":1,"type":"store.updateBucket","name":"x","updates":{}}
        a ← {"id":1,"type":"error","code":"BUCKET_NOT_DEFINED","message":"Bucket \"x\" is not defined"}
        a → {"id":2,"type":"store.updateBucket","name":"x","updates":null}
        a ← {"id":2,"type":"error","code":"VALIDATION_ERROR","message":"Missing or invalid \"updates\": expected object"}
        a → {"id":3,"type":"store.defineBucket","name":"x","config":{"key":"k","schema":{"k":{"type":"string"}},"ttl":"1h","note":1}}
        a ← {"id":3,"type":"result","data":{"name":"x","created":true}}
        a → {"id":4,"type":"store.insert","bucket":"x","data":{"k":"1","age":"old","_expiresAt":null}}
        a ← {"id":4,"type":"result","data":{"k":"1","age":"old","…":0}}
        b → {"id":5,"type":"store.updateBucket","name":"x","updates":{"addFields":{"age":{"type":"number","required":true}},"addIndexes":["age"],"ttl":null,"key":"other"}}
        b ← {"id":5,"type":"result","data":{"name":"x","updated":true}}
        a → {"id":5,"type":"store.getBucketSchema","name":"x"}
        a ← {"id":5,"type":"result","data":{"name":"x","config":{"key":"k","schema":{"k":{"type":"string"},"age":{"type":"number","required":true}},"note":1,"indexes":["age"]}}}
        # readable as before, but no update without the field
        a → {"id":6,"type":"store.where","bucket":"x","filter":{"age":"old"}}
        a ← {"id":6,"type":"result","data":[{"k":"1","age":"old","_version":1,"…":0}]}
        a → {"id":7,"type":"store.update","bucket":"x","key":"1","data":{"other":1}}
        a ← {"id":7,"type":"error","code":"VALIDATION_ERROR","message":"Validation failed for bucket \"x\": age: Expected type \"number\", got string","…":0}
        a → {"id":8,"type":"store.update","bucket":"x","key":"1","data":{"age":1}}
        a ← {"id":8,"type":"result","data":{"k":"1","age":1,"_version":2,"…":0}}
        b → {"id":9,"type":"store.where","bucket":"x","filter":{"age":1}}
        b ← {"id":9,"type":"result","data":[{"k":"1","…":0}]}
        # one wrong thing and nothing changes
        a → {"id":10,"type":"store.updateBucket","name":"x","updates":{"addFields":{"age":{"type":"number"}}}}
        a ← {"id":10,"type":"error","code":"VALIDATION_ERROR","message":"Field \"age\" already exists in bucket \"x\""}
        a → {"id":11,"type":"store.updateBucket","name":"x","updates":{"addFields":{"size":{"type":"number"}},"addIndexes":["no"]}}
        a ← {"id":11,"type":"error","code":"VALIDATION_ERROR","message":"Index field \"no\" does not exist in schema for bucket \"x\""}
        a → {"id":12,"type":"store.updateBucket","name":"x","updates":{"addFields":{"size":{"type":"number"}},"ttl":"0s"}}
        a ← {"id":12,"type":"error","code":"VALIDATION_ERROR","message":"TTL value must be positive, got \"0s\""}
        a → {"id":13,"type":"store.updateBucket","name":"x","updates":{}}
        a ← {"id":13,"type":"result","data":{"name":"x","updated":true}}
        b → {"id":14,"type":"store.getBucketSchema","name":"x"}
        b ← {"id":14,"type":"result","data":{"name":"x","config":{"key":"k","schema":{"k":{"type":"string"},"age":{"type":"number","required":true}},"note":1,"indexes":["age"]}}}
        "#,
    );
}

// S-222, S-74, S-220, D-5, V-39: duplicates keep a unique field out, and nothing else changes.
#[test]
fn a_unique_field_must_fit_what_is_there() {
    play(
        empty,
        &["a", "b"],
        r#"
        a → {"id":1,"type":"store.defineBucket","name":"x","config":{"key":"n","schema":{"n":{"type":"number","generated":"autoincrement"}}}}
        a ← {"id":1,"type":"result","data":{"name":"x","created":true}}
        a → {"id":2,"type":"store.insert","bucket":"x","data":{"email":"e"}}
        a ← {"id":2,"type":"result","data":{"n":1,"…":0}}
        a → {"id":3,"type":"store.insert","bucket":"x","data":{"email":"e"}}
        a ← {"id":3,"type":"result","data":{"n":2,"…":0}}
        a → {"id":4,"type":"store.insert","bucket":"x","data":{"email":null}}
        a ← {"id":4,"type":"result","data":{"n":3,"…":0}}
        b → {"id":4,"type":"store.updateBucket","name":"x","updates":{"addFields":{"email":{"type":"string","unique":true}},"ttl":"1h"}}
        b ← {"id":4,"type":"error","code":"ALREADY_EXISTS","message":"Unique constraint violation in bucket \"x\": field \"email\" already has value \"e\"","details":{"bucket":"x","field":"email","value":"e"}}
        a → {"id":5,"type":"store.getBucketSchema","name":"x"}
        a ← {"id":5,"type":"result","data":{"name":"x","config":{"key":"n","schema":{"n":{"type":"number","generated":"autoincrement"}}}}}
        a → {"id":6,"type":"store.update","bucket":"x","key":2,"data":{"email":"f"}}
        a ← {"id":6,"type":"result","data":{"n":2,"…":0}}
        b → {"id":6,"type":"store.updateBucket","name":"x","updates":{"addFields":{"email":{"type":"string","unique":true}}}}
        b ← {"id":6,"type":"result","data":{"name":"x","updated":true}}
        a → {"id":7,"type":"store.insert","bucket":"x","data":{"email":"f"}}
        a ← {"id":7,"type":"error","code":"ALREADY_EXISTS","message":"Unique constraint violation in bucket \"x\": field \"email\" already has value \"f\"","…":0}
        # the counter goes on
        a → {"id":8,"type":"store.insert","bucket":"x","data":{"email":"g"}}
        a ← {"id":8,"type":"result","data":{"n":5,"…":0}}
        b → {"id":8,"type":"store.stats"}
        b ← {"id":8,"type":"result","data":{"indexes":{"total":1,"perBucket":{"x":1}},"…":0}}
        "#,
    );
}

// S-225…S-227, S-229…S-231, S-124, S-125, S-138
#[test]
fn queries_come_and_go() {
    play(
        setups::open,
        &["a", "b"],
        r#"
        a → {"id":1,"type":"store.defineQuery","name":"q","config":{"bucket":"nowhere","limit":-1}}
        a ← {"id":1,"type":"error","code":"BUCKET_NOT_DEFINED","message":"Bucket \"nowhere\" is not defined"}
        a → {"id":2,"type":"store.defineQuery","name":"all-u","config":{"bucket":"nowhere"}}
        a ← {"id":2,"type":"error","code":"BUCKET_NOT_DEFINED","message":"Bucket \"nowhere\" is not defined"}
        a → {"id":3,"type":"store.defineQuery","name":"all-u","config":{"bucket":"u","filter":1}}
        a ← {"id":3,"type":"error","code":"ALREADY_EXISTS","message":"Query \"all-u\" is already defined"}
        a → {"id":4,"type":"store.defineQuery","name":"q","config":{}}
        a ← {"id":4,"type":"error","code":"VALIDATION_ERROR","message":"Invalid query definition \"q\": bucket: expected non-empty string"}
        a → {"id":5,"type":"store.defineQuery","name":"q","config":{"bucket":"u","filter":1}}
        a ← {"id":5,"type":"error","code":"VALIDATION_ERROR","message":"Invalid query definition \"q\": filter: expected object"}
        a → {"id":6,"type":"store.defineQuery","name":"q","config":[]}
        a ← {"id":6,"type":"error","code":"VALIDATION_ERROR","message":"Missing or invalid \"config\": expected object"}
        b → {"id":1,"type":"store.subscribe","query":"q"}
        b ← {"id":1,"type":"error","code":"QUERY_NOT_DEFINED","message":"Query \"q\" is not defined"}
        a → {"id":7,"type":"store.defineQuery","name":"q","config":{"bucket":"u","aggregate":{"function":"count"}}}
        a ← {"id":7,"type":"result","data":{"name":"q","defined":true}}
        b → {"id":2,"type":"store.subscribe","query":"q"}
        b ← {"id":2,"type":"result","data":{"subscriptionId":"sub-1","data":0}}
        a → {"id":8,"type":"store.insert","bucket":"u","data":{"name":"x"}}
        a ← {"id":8,"type":"result","data":{"…":0}}
        b ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":1}
        b → {"id":3,"type":"store.subscribe","query":"count-u"}
        b ← {"id":3,"type":"result","data":{"subscriptionId":"sub-2","data":1}}
        a → {"id":9,"type":"store.undefineQuery","name":"none"}
        a ← {"id":9,"type":"error","code":"QUERY_NOT_DEFINED","message":"Query \"none\" is not defined"}
        a → {"id":10,"type":"store.undefineQuery","name":"q"}
        a ← {"id":10,"type":"result","data":{"name":"q","undefined":true}}
        # S-157: only its own subscriptions have ended; that of an equal query goes on
        a → {"id":11,"type":"store.insert","bucket":"u","data":{"name":"y"}}
        a ← {"id":11,"type":"result","data":{"…":0}}
        b ← {"type":"push","channel":"subscription","subscriptionId":"sub-2","data":2}
        b → {"id":4,"type":"store.unsubscribe","subscriptionId":"sub-1"}
        b ← {"id":4,"type":"result","data":{"unsubscribed":true}}
        b → {"id":5,"type":"store.unsubscribe","subscriptionId":"sub-1"}
        b ← {"id":5,"type":"error","code":"NOT_FOUND","message":"Subscription \"sub-1\" not found"}
        b → {"id":6,"type":"store.subscribe","query":"q"}
        b ← {"id":6,"type":"error","code":"QUERY_NOT_DEFINED","message":"Query \"q\" is not defined"}
        # the name can be used again
        a → {"id":12,"type":"store.defineQuery","name":"q","config":{"bucket":"u","filter":{"name":"y"}}}
        a ← {"id":12,"type":"result","data":{"name":"q","defined":true}}
        b → {"id":7,"type":"store.subscribe","query":"q"}
        b ← {"id":7,"type":"result","data":{"subscriptionId":"sub-3","data":[{"name":"y","…":0}]}}
        "#,
    );
}

// S-231: in order of registration, counted over all connections.
#[test]
fn queries_are_listed() {
    fn small(cores: u16) -> Settings {
        crate::shop::settings(
            &[("k", r#"{"key":"k","schema":{"k":{"type":"string"}}}"#)],
            &[("z", r#"{"bucket":"k","last":3}"#)],
            cores,
        )
    }
    play(
        small,
        &["a", "b"],
        r#"
        a → {"id":1,"type":"store.defineQuery","name":"top","config":{"bucket":"k","first":2,"filter":{"v":"{{params.v}}"}}}
        a ← {"id":1,"type":"result","data":{"name":"top","defined":true}}
        a → {"id":2,"type":"store.defineQuery","name":"b","config":{"bucket":"k"}}
        a ← {"id":2,"type":"result","data":{"name":"b","defined":true}}
        a → {"id":3,"type":"store.subscribe","query":"z"}
        a ← {"id":3,"type":"result","data":{"subscriptionId":"sub-1","data":[]}}
        b → {"id":3,"type":"store.subscribe","query":"z"}
        b ← {"id":3,"type":"result","data":{"subscriptionId":"sub-2","data":[]}}
        b → {"id":4,"type":"store.subscribe","query":"b"}
        b ← {"id":4,"type":"result","data":{"subscriptionId":"sub-3","data":[]}}
        a → {"id":5,"type":"store.listQueries"}
        a ← {"id":5,"type":"result","data":{"queries":[{"name":"z","type":"declarative","activeSubscriptions":2,"config":{"bucket":"k","last":3}},{"name":"top","type":"declarative","activeSubscriptions":0,"config":{"bucket":"k","first":2,"filter":{"v":"{{params.v}}"}}},{"name":"b","type":"declarative","activeSubscriptions":1,"config":{"bucket":"k"}}]}}
        a → {"id":6,"type":"store.undefineQuery","name":"z"}
        a ← {"id":6,"type":"result","data":{"name":"z","undefined":true}}
        b → {"id":6,"type":"store.listQueries"}
        b ← {"id":6,"type":"result","data":{"queries":[{"name":"top","…":0},{"name":"b","activeSubscriptions":1,"…":0}]}}
        b → {"id":7,"type":"store.stats"}
        b ← {"id":7,"type":"result","data":{"queries":{"defined":2,"activeSubscriptions":1},"…":0}}
        "#,
    );
}

// S-157, S-214, D-18: subscriptions end with the bucket, without a word, and their places are free.
#[test]
fn subscriptions_end_with_the_bucket() {
    fn tight(cores: u16) -> Settings {
        setups::limited(cores, |limits| limits.subscriptions_per_connection_max = 2)
    }
    play(
        tight,
        &["a", "b"],
        r#"
        b → {"id":1,"type":"store.subscribe","query":"all-k"}
        b ← {"id":1,"type":"result","data":{"subscriptionId":"sub-1","data":[]}}
        b → {"id":2,"type":"store.subscribe","query":"count-u"}
        b ← {"id":2,"type":"result","data":{"subscriptionId":"sub-2","data":0}}
        b → {"id":3,"type":"store.subscribe","query":"count-u"}
        b ← {"id":3,"type":"error","code":"RATE_LIMITED","message":"Subscription limit reached (max 2 per connection)"}
        a → {"id":1,"type":"store.insert","bucket":"k","data":{"k":"1"}}
        a ← {"id":1,"type":"result","data":{"…":0}}
        b ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":[{"k":"1","…":0}]}
        a → {"id":2,"type":"store.dropBucket","name":"k"}
        a ← {"id":2,"type":"result","data":{"name":"k","dropped":true}}
        a → {"id":3,"type":"store.stats"}
        a ← {"id":3,"type":"result","data":{"queries":{"defined":12,"activeSubscriptions":1},"…":0}}
        b → {"id":4,"type":"store.subscribe","query":"all-k"}
        b ← {"id":4,"type":"error","code":"BUCKET_NOT_DEFINED","message":"Bucket \"k\" is not defined"}
        b → {"id":5,"type":"store.subscribe","query":"all-u"}
        b ← {"id":5,"type":"result","data":{"subscriptionId":"<any>","data":[]}}
        a → {"id":4,"type":"store.defineBucket","name":"k","config":{"key":"k","schema":{"k":{"type":"string"}}}}
        a ← {"id":4,"type":"result","data":{"name":"k","created":true}}
        a → {"id":5,"type":"store.subscribe","query":"all-k"}
        a ← {"id":5,"type":"result","data":{"subscriptionId":"<any>","data":[]}}
        # the new bucket is another one: no push to the old subscription
        a → {"id":6,"type":"store.insert","bucket":"k","data":{"k":"2"}}
        a ← {"id":6,"type":"result","data":{"…":0}}
        a ← {"type":"push","channel":"subscription","subscriptionId":"<any>","data":[{"k":"2","…":0}]}
        b → {"id":6,"type":"rules.unsubscribe","subscriptionId":"sub-1"}
        b ← {"id":6,"type":"error","code":"NOT_FOUND","message":"Subscription \"sub-1\" not found"}
        b → {"id":7,"type":"store.unsubscribe","subscriptionId":"sub-1"}
        b ← {"id":7,"type":"result","data":{"unsubscribed":true}}
        b → {"id":8,"type":"store.unsubscribe","subscriptionId":"sub-1"}
        b ← {"id":8,"type":"error","code":"NOT_FOUND","message":"Subscription \"sub-1\" not found"}
        "#,
    );
}

// S-217, S-131, V-39: live subscriptions go on over an update, which pushes nothing by itself.
#[test]
fn subscriptions_outlive_an_update() {
    play(
        setups::open,
        &["a", "b"],
        r#"
        a → {"id":1,"type":"store.insert","bucket":"k","data":{"k":"1","w":5}}
        a ← {"id":1,"type":"result","data":{"…":0}}
        b → {"id":1,"type":"store.subscribe","query":"all-k"}
        b ← {"id":1,"type":"result","data":{"subscriptionId":"sub-1","data":[{"k":"1","…":0}]}}
        a → {"id":2,"type":"store.updateBucket","name":"k","updates":{"addFields":{"w":{"type":"number"}},"addIndexes":["w","v"]}}
        a ← {"id":2,"type":"result","data":{"name":"k","updated":true}}
        a → {"id":3,"type":"store.insert","bucket":"k","data":{"k":"2","w":5}}
        a ← {"id":3,"type":"result","data":{"…":0}}
        b ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":[{"k":"1","w":5,"_version":1,"…":0},{"k":"2","w":5,"…":0}]}
        b → {"id":2,"type":"store.where","bucket":"k","filter":{"w":5}}
        b ← {"id":2,"type":"result","data":[{"k":"1","w":5,"_version":1,"…":0},{"k":"2","w":5,"…":0}]}
        "#,
    );
}

// S-240
#[test]
fn administration_is_for_administrators() {
    play(
        setups::guarded,
        &["a", "b"],
        r#"
        a → {"id":1,"type":"store.defineBucket","name":"x","config":{}}
        a ← {"id":1,"type":"error","code":"UNAUTHORIZED","message":"Authentication required"}
        a → {"id":2,"type":"auth.login","token":"writer-token"}
        a ← {"id":2,"type":"result","data":{"…":0}}
        a → {"id":3,"type":"store.defineBucket"}
        a ← {"id":3,"type":"error","code":"FORBIDDEN","message":"Role level insufficient for store.defineBucket (requires admin)"}
        a → {"id":4,"type":"store.dropBucket","name":"k"}
        a ← {"id":4,"type":"error","code":"FORBIDDEN","message":"Role level insufficient for store.dropBucket (requires admin)"}
        a → {"id":5,"type":"store.updateBucket","name":"k"}
        a ← {"id":5,"type":"error","code":"FORBIDDEN","message":"Role level insufficient for store.updateBucket (requires admin)"}
        a → {"id":6,"type":"store.getBucketSchema","name":"k"}
        a ← {"id":6,"type":"error","code":"FORBIDDEN","message":"Role level insufficient for store.getBucketSchema (requires admin)"}
        a → {"id":7,"type":"store.defineQuery","name":"k"}
        a ← {"id":7,"type":"error","code":"FORBIDDEN","message":"Role level insufficient for store.defineQuery (requires admin)"}
        a → {"id":8,"type":"store.undefineQuery","name":"k"}
        a ← {"id":8,"type":"error","code":"FORBIDDEN","message":"Role level insufficient for store.undefineQuery (requires admin)"}
        a → {"id":9,"type":"store.listQueries"}
        a ← {"id":9,"type":"error","code":"FORBIDDEN","message":"Role level insufficient for store.listQueries (requires admin)"}
        b → {"id":2,"type":"auth.login","token":"admin-token"}
        b ← {"id":2,"type":"result","data":{"…":0}}
        b → {"id":3,"type":"store.dropBucket","name":"k"}
        b ← {"id":3,"type":"result","data":{"name":"k","dropped":true}}
        "#,
    );
}

// S-20, V-41, D-8: a name may have dots.
#[test]
fn a_dotted_bucket_pushes() {
    play(
        empty,
        &["a", "b"],
        r#"
        a → {"id":1,"type":"store.defineBucket","name":"a.b","config":{"key":"k","schema":{"k":{"type":"string"}}}}
        a ← {"id":1,"type":"result","data":{"name":"a.b","created":true}}
        a → {"id":2,"type":"store.defineQuery","name":"q","config":{"bucket":"a.b"}}
        a ← {"id":2,"type":"result","data":{"name":"q","defined":true}}
        b → {"id":1,"type":"store.subscribe","query":"q"}
        b ← {"id":1,"type":"result","data":{"subscriptionId":"sub-1","data":[]}}
        a → {"id":3,"type":"store.insert","bucket":"a.b","data":{"k":"1"}}
        a ← {"id":3,"type":"result","data":{"k":"1","…":0}}
        b ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":[{"k":"1","…":0}]}
        "#,
    );
}
