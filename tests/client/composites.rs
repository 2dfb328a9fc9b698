//! Queries that read more than once, wherever their buckets live (K-3).

use crate::client::frame;
use crate::{play, play_with, setups};
use noex_server::node::{QueryDefinition, Settings};

fn settings(cores: u16) -> Settings {
    let mut settings = setups::open(cores);
    let mut add = |name: &str, query| settings.queries.push((name.to_owned(), query));
    add(
        "board",
        QueryDefinition::program(|q, params| {
            let counts = q.array([q.bucket("u").count(), q.bucket("k").count()]);
            q.object([("role", q.bucket("u").equals("role", params.get("role")).count()), ("counts", counts)])
        }),
    );
    add("twice", QueryDefinition::program(|q, _| q.array([q.bucket("k").count(), q.bucket("k").last(1)])));
    add("nothing", QueryDefinition::program(|q, _| q.array([])));
    add(
        "lost-part",
        QueryDefinition::program(|q, _| q.array([q.bucket("k").count(), q.bucket("zz").count()])),
    );
    settings
}

// K-3, S-127, S-134, S-140, S-141, S-145, S-151: one result, one push per transaction, none if it is the same
#[test]
fn one_result_of_several_reads() {
    play(
        settings,
        &["a", "c", "b"],
        r#"
        a → {"id":1,"type":"store.subscribe","query":"board","params":{"role":"user"}}
        a ← {"id":1,"type":"result","data":{"subscriptionId":"sub-1","data":{"role":0,"counts":[0,0]}}}
        c → {"id":1,"type":"store.insert","bucket":"k","data":{"k":"x"}}
        c ← {"id":1,"type":"result","data":{"k":"x","…":0}}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":{"role":0,"counts":[0,1]}}
        a → {"id":2,"type":"store.subscribe","query":"board","params":{"role":"user"}}
        a ← {"id":2,"type":"result","data":{"subscriptionId":"sub-2","data":{"role":0,"counts":[0,1]}}}
        b → {"id":1,"type":"store.subscribe","query":"board","params":{"role":"admin"}}
        b ← {"id":1,"type":"result","data":{"subscriptionId":"sub-3","data":{"role":0,"counts":[0,1]}}}
        c → {"id":2,"type":"store.transaction","operations":[{"op":"insert","bucket":"k","data":{"k":"y"}},{"op":"insert","bucket":"u","data":{"name":"n"}}]}
        c ← {"id":2,"type":"result","data":"<any>"}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":{"role":1,"counts":[1,2]}}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-2","data":{"role":1,"counts":[1,2]}}
        b ← {"type":"push","channel":"subscription","subscriptionId":"sub-3","data":{"role":0,"counts":[1,2]}}
        # one goes, one comes
        c → {"id":3,"type":"store.transaction","operations":[{"op":"delete","bucket":"k","key":"y"},{"op":"insert","bucket":"k","data":{"k":"z"}}]}
        c ← {"id":3,"type":"result","data":"<any>"}
        a → {"id":3,"type":"store.unsubscribe","subscriptionId":"sub-1"}
        a ← {"id":3,"type":"result","data":{"unsubscribed":true}}
        # on the connection that makes the change: the answer first
        a → {"id":4,"type":"store.insert","bucket":"u","data":{"name":"m","role":"admin"}}
        a ← {"id":4,"type":"result","data":{"name":"m","…":0}}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-2","data":{"role":1,"counts":[2,2]}}
        b ← {"type":"push","channel":"subscription","subscriptionId":"sub-3","data":{"role":1,"counts":[2,2]}}
        a → {"id":5,"type":"store.subscribe","query":"twice"}
        a ← {"id":5,"type":"result","data":{"subscriptionId":"sub-4","data":[2,[{"k":"z","…":0}]]}}
        a → {"id":6,"type":"store.subscribe","query":"nothing"}
        a ← {"id":6,"type":"result","data":{"subscriptionId":"sub-5","data":[]}}
        a → {"id":7,"type":"store.subscribe","query":"lost-part"}
        a ← {"id":7,"type":"error","code":"BUCKET_NOT_DEFINED","message":"Bucket \"zz\" is not defined"}
        "#,
    );
}

// S-155, S-157, P-118: it ends with any of its buckets and frees its place
#[test]
fn it_ends_with_its_bucket() {
    play(
        settings,
        &["a", "c"],
        r#"
        a → {"id":1,"type":"store.subscribe","query":"board","params":{"role":"user"}}
        a ← {"id":1,"type":"result","data":{"subscriptionId":"sub-1","data":{"role":0,"counts":[0,0]}}}
        c → {"id":1,"type":"store.dropBucket","name":"k"}
        c ← {"id":1,"type":"result","data":"<any>"}
        c → {"id":2,"type":"store.insert","bucket":"u","data":{"name":"n"}}
        c ← {"id":2,"type":"result","data":{"name":"n","…":0}}
        a → {"id":2,"type":"store.subscribe","query":"board","params":{"role":"user"}}
        a ← {"id":2,"type":"error","code":"BUCKET_NOT_DEFINED","message":"Bucket \"k\" is not defined"}
        a → {"id":3,"type":"store.unsubscribe","subscriptionId":"sub-1"}
        a ← {"id":3,"type":"result","data":{"unsubscribed":true}}
        a → {"id":3,"type":"store.unsubscribe","subscriptionId":"sub-1"}
        a ← {"id":3,"type":"error","code":"NOT_FOUND","message":"Subscription \"sub-1\" not found"}
        "#,
    );
}

// S-156: who vanishes while the first evaluation runs leaves nothing behind.
#[test]
fn a_subscriber_may_vanish_at_once() {
    play_with(settings, &["a"], |stage| {
        let link = stage.named("a").link;
        let subscribe = r#"{"id":1,"type":"store.subscribe","query":"board"}"#;
        stage.cluster.send(link, &frame(0x81, subscribe.as_bytes()));
        for _ in 0..3 {
            stage.cluster.step();
        }
        stage.cluster.vanish(link);
        stage.cluster.settle();
    });
}
