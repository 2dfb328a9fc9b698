//! V-27 … V-34: transactions.

use super::vector;

// V-27…V-34: transactions
#[test]
fn transactions() {
    vector(
        r#"
        # V-27
        c → {"id":1,"type":"store.transaction","operations":[]}
        c ← {"id":1,"type":"error","code":"VALIDATION_ERROR","message":"\"operations\" must contain at least one operation"}
        # V-28
        c → {"id":2,"type":"store.transaction","operations":[{"op":"insert","bucket":"k","data":{"k":"v"}},{"op":"get","bucket":"u"}]}
        c ← {"id":2,"type":"error","code":"VALIDATION_ERROR","message":"operations[1]: \"get\" requires \"key\""}
        c → {"id":3,"type":"store.count","bucket":"k"}
        c ← {"id":3,"type":"result","data":0}
        # V-29
        c → {"id":4,"type":"store.insert","bucket":"k","data":{"k":"x"}}
        c ← {"id":4,"type":"result","…":0}
        c → {"id":5,"type":"store.transaction","operations":[{"op":"insert","bucket":"k","data":{"k":"x"}}]}
        c ← {"id":5,"type":"error","code":"CONFLICT","message":"Transaction conflict in bucket \"k\" for key \"x\": Record with key \"x\" already exists","details":{"bucket":"k","key":"x"}}
        # V-30
        c → {"id":6,"type":"store.transaction","operations":[{"op":"get","bucket":"zz","key":"x"}]}
        c ← {"id":6,"type":"error","code":"INTERNAL_ERROR","message":"Bucket \"zz\" is not defined"}
        # V-31
        c → {"id":7,"type":"store.transaction","operations":[{"op":"insert","bucket":"k","data":{"k":"y"}},{"op":"update","bucket":"k","key":"y","data":{"v":1}},{"op":"update","bucket":"k","key":"y","data":{"v":2}},{"op":"get","bucket":"k","key":"y"}]}
        c ← {"id":7,"type":"result","data":{"results":[{"index":0,"data":{"_version":1,"…":0}},{"index":1,"data":{"_version":2,"…":0}},{"index":2,"data":{"_version":3,"…":0}},{"index":3,"data":{"_version":3,"v":2,"…":0}}]}}
        # V-32
        c → {"id":8,"type":"store.transaction","operations":[{"op":"update","bucket":"k","key":"y","data":{"v":3}},{"op":"delete","bucket":"k","key":"y"}]}
        c ← {"id":8,"type":"result","…":0}
        c → {"id":9,"type":"store.get","bucket":"k","key":"y"}
        c ← {"id":9,"type":"result","data":null}
        # V-33
        c → {"id":10,"type":"store.insert","bucket":"u","data":{"id":"q3","name":"x","email":"e@e.e"}}
        c ← {"id":10,"type":"result","…":0}
        c → {"id":11,"type":"store.transaction","operations":[{"op":"delete","bucket":"u","key":"q3"},{"op":"insert","bucket":"u","data":{"id":"q5","name":"y","email":"e@e.e"}}]}
        c ← {"id":11,"type":"result","…":0}
        # V-34
        c → {"id":12,"type":"store.subscribe","query":"all-k"}
        c ← {"id":12,"type":"result","data":{"subscriptionId":"sub-1","data":[{"k":"x","…":0}]}}
        c → {"id":13,"type":"store.transaction","operations":[{"op":"insert","bucket":"a","data":{}},{"op":"insert","bucket":"k","data":{"k":"z"}},{"op":"insert","bucket":"u","data":{"name":"z","email":"e@e.e"}}]}
        c ← {"id":13,"type":"error","code":"ALREADY_EXISTS","…":0}
        c → {"id":14,"type":"store.count","bucket":"a"}
        c ← {"id":14,"type":"result","data":0}
        "#,
    );
}
