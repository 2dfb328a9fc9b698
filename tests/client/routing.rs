//! Which part of the server a name belongs to, and what names without an operation are told.

use crate::{play, setups};

// P-61…P-66, P-69
#[test]
fn names() {
    play(
        setups::open,
        &["c"],
        r#"
        c → {"id":1,"type":"store.fly"}
        c ← {"id":1,"type":"error","code":"UNKNOWN_OPERATION","message":"Unknown store operation \"store.fly\""}
        c → {"id":1,"type":"store."}
        c ← {"id":1,"type":"error","code":"UNKNOWN_OPERATION","message":"Unknown store operation \"store.\""}
        c → {"id":1,"type":"store.constructor"}
        c ← {"id":1,"type":"error","code":"UNKNOWN_OPERATION","message":"Unknown store operation \"store.constructor\""}
        c → {"id":1,"type":"store"}
        c ← {"id":1,"type":"error","code":"UNKNOWN_OPERATION","message":"Unknown operation \"store\""}
        c → {"id":1,"type":"STORE.all"}
        c ← {"id":1,"type":"error","code":"UNKNOWN_OPERATION","message":"Unknown operation \"STORE.all\""}
        c → {"id":1,"type":"admin.\"x\""}
        c ← {"id":1,"type":"error","code":"UNKNOWN_OPERATION","message":"Unknown operation \"admin.\"x\"\""}
        c → {"id":1,"type":"ping"}
        c ← {"id":1,"type":"error","code":"UNKNOWN_OPERATION","message":"Unknown operation \"ping\""}
        c → {"id":1,"type":"rules.nonsense"}
        c ← {"id":1,"type":"error","code":"UNKNOWN_OPERATION","message":"Unknown rules operation \"rules.nonsense\""}
        c → {"id":1,"type":"identity.login"}
        c ← {"id":1,"type":"error","code":"UNKNOWN_OPERATION","message":"Identity management is not configured"}
        c → {"id":1,"type":"auth.login","token":"x"}
        c ← {"id":1,"type":"error","code":"UNKNOWN_OPERATION","message":"Authentication is not configured"}
        c → {"id":1,"type":"auth.nonsense"}
        c ← {"id":1,"type":"error","code":"UNKNOWN_OPERATION","message":"Authentication is not configured"}
        c → {"id":1,"type":"audit.query"}
        c ← {"id":1,"type":"error","code":"UNKNOWN_OPERATION","message":"Audit log is not configured"}
        c → {"id":1,"type":"server.nonsense"}
        c ← {"id":1,"type":"error","code":"UNKNOWN_OPERATION","message":"Unknown server operation \"server.nonsense\""}
        c → {"id":1,"type":"procedures.nonsense"}
        c ← {"id":1,"type":"error","code":"UNKNOWN_OPERATION","message":"Unknown procedures operation \"procedures.nonsense\""}
        "#,
    );
}

// P-62, R-1
#[test]
fn without_a_rule_engine() {
    play(
        setups::without_rules,
        &["c"],
        r#"
        c → {"id":1,"type":"rules.nonsense"}
        c ← {"id":1,"type":"error","code":"RULES_NOT_AVAILABLE","message":"Rule engine is not configured"}
        c → {"id":1,"type":"rules.subscribe"}
        c ← {"id":1,"type":"error","code":"RULES_NOT_AVAILABLE","message":"Rule engine is not configured"}
        c → {"id":2,"type":"store.count","bucket":"u"}
        c ← {"id":2,"type":"result","data":0}
        "#,
    );
}
