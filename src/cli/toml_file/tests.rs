//! The TOML file: every kind of error with its line.

use super::{Layer, Shards, read};
use proptest::prelude::*;

fn layer(text: &str) -> Layer {
    let shards = Shards { typed: None, default: 2 };
    read("x.toml", text, shards).unwrap_or_else(|lines| panic!("{}", lines.join("\n")))
}

/// The errors, without `Error: x.toml:`.
fn errors(text: &str) -> Vec<String> {
    let lines = read("x.toml", text, Shards { typed: None, default: 2 }).err().unwrap_or_default();
    lines.iter().map(|line| line.strip_prefix("Error: x.toml:").expect("uniform").to_owned()).collect()
}

fn check(text: &str, expected: &[&str]) {
    assert_eq!(errors(text), expected, "{text}");
}

#[test]
fn everything_can_be_said() {
    // K-15, P-178
    let layer = layer(
        r#"
        [server]
        name = "shop"
        host = "::1"
        port = 0
        path = "/ws"
        shards = 4
        pin_cores = false
        grace_period = "5s"
        log = "warn,noex_server=debug"
        rules = false
        expose_error_details = false
        allowed_origins = ["https://a"]
        [limits]
        max_payload_bytes = 0
        max_subscriptions_per_connection = 0
        max_total_subscriptions = 0
        max_buffered_bytes = 1_000
        high_water_mark = 1
        [placement]
        rules = 3
        buckets = { b = 0x2 }
        [buckets.b]
        key = "id"
        schema.id.type = "string"
        "#,
    );
    assert_eq!((layer.name.as_deref(), layer.host.as_deref()), (Some("shop"), Some("::1")));
    assert_eq!((layer.port, layer.path.as_deref()), (Some(Ok(0)), Some("/ws")));
    assert_eq!((layer.shards, layer.pin_cores, layer.grace_period_ms), (Some(4), Some(false), Some(5_000)));
    assert_eq!(layer.log.as_deref(), Some("warn,noex_server=debug"));
    assert_eq!((layer.rules, layer.expose_error_details), (Some(false), Some(false)));
    assert_eq!(layer.allowed_origins.as_deref(), Some(&["https://a".to_owned()][..]));
    let limits = &layer.limits;
    assert_eq!((limits.payload_bytes_max, layer.backpressure.unsent_bytes_mark()), (0, 1_000));
    assert_eq!((limits.subscriptions_per_connection_max, limits.subscriptions_total_max), (0, 0));
    assert_eq!((layer.placement.rules, layer.placement.buckets), (3, vec![("b".to_owned(), 2)]));
}

#[test]
fn definitions_keep_the_order_of_the_file() {
    let layer = layer(
        r#"
        queries.z = { bucket = "b", last = 3 }
        queries.a = { bucket = "a", filter = { x = "{{params.x}}" }, aggregate.function = "count" }
        [buckets.b]
        key = "k"
        schema.z.type = "string"
        schema.k = { type = "number", default = 1.50, required = true, ref = "a" }
        schema.a = { type = "object", default = { q = [1, -2.0, "x\n", true, 0x10] } }
        persistent = true
        [buckets."a b.č"]
        key = "id"
        schema.id.type = "string"
        [buckets.a]
        key = "id"
        schema.id = { type = "string", generated = "uuid" }
        "#,
    );
    let buckets: Vec<_> = layer.buckets.iter().map(|bucket| bucket.name()).collect();
    assert_eq!(buckets, ["b", "a b.č", "a"]);
    let fields: Vec<_> = layer.buckets[0].fields().iter().map(|field| &*field.name).collect();
    assert_eq!(fields, ["z", "k", "a"]);
    assert_eq!(layer.buckets[0].fields()[1].default.as_deref(), Some(&b"1.5"[..]));
    let object = layer.buckets[0].fields()[2].default.as_deref();
    assert_eq!(object, Some(&br#"{"q":[1,-2,"x\n",true,16]}"#[..]));
    let queries: Vec<_> =
        layer.queries.iter().map(|(name, query)| (name.as_str(), query.bucket().unwrap())).collect();
    assert_eq!(queries, [("z", "b"), ("a", "a")]);
}

#[test]
fn unknown_keys_are_named_with_their_line() {
    // K-15, A-186
    check("\n\n[sever]\nport = 1\n", &["3: unknown key \"sever\" at top level"]);
    check("port = 1\n", &["1: unknown key \"port\" at top level"]);
    check("[server]\nport = 1\nporrt = 2\n", &["3: unknown key \"porrt\" in [server]"]);
    check("server.port = 1\nserver.porrt = 2\n", &["2: unknown key \"porrt\" in [server]"]);
    check("[limits]\nmax = 1", &["2: unknown key \"max\" in [limits]"]);
    check(
        "[buckets.b]\nkey = \"id\"\nschema.id.type = \"string\"\nindices = []\n[buckets.b.schema.n]\ntype = \"number\"\nrequird = true\n",
        &["4: unknown key \"indices\" in [buckets.b]", "7: unknown key \"requird\" in [buckets.b.schema.n]"],
    );
    check(
        "[buckets.\"a b\"]\nkey = \"id\"\nschema.id = { type = \"string\", tpye = 1 }\n",
        &["3: unknown key \"tpye\" in [buckets.\"a b\".schema.id]"],
    );
    check(
        "[auth]\nrequird = true\n[[auth.validator]]\ntype = \"static\"\nname = 1\n[[auth.validator.token]]\ntoken = \"t\"\nuser_id = \"u\"\nrole = []\n",
        &[
            "2: unknown key \"requird\" in [auth]",
            "5: unknown key \"name\" in [[auth.validator]]",
            "9: unknown key \"role\" in [[auth.validator.token]]",
        ],
    );
    check("[placement]\nrule = 0", &["2: unknown key \"rule\" in [placement]"]);
}

#[test]
fn trusted_proxies_stand_in_either_table() {
    // A-17, 03 §14.1
    for table in ["[server]", "[auth]\nmode = \"none\""] {
        let proxies = layer(&format!("{table}\ntrusted_proxies = [\"10.0.0.0/8\"]\n")).trusted_proxies;
        assert!(proxies.expect("some").contain([10, 1, 2, 3].into()), "{table}");
    }
    check(
        "[server]\ntrusted_proxies = []\n[auth]\nmode = \"none\"\ntrusted_proxies = []\n",
        &["5: trusted_proxies are already given in [server]"],
    );
    check(
        "[auth]\nmode = \"none\"\ntrusted_proxies = [\"ten\"]\n",
        &["3: ten (must be an address or a network such as 10.0.0.0/8)"],
    );
}

#[test]
fn unknown_keys_of_queries() {
    // A-186
    let bucket = "[buckets.b]\nkey = \"id\"\nschema.id.type = \"string\"\n";
    let lines = errors(&format!("{bucket}[queries.q]\nbucket = \"b\"\nfiltr = {{}}\n"));
    assert_eq!(lines[0], "6: unknown key \"filtr\" in [queries.q]");
    let aggregate = "aggregate = { function = \"count\", by = 1 }";
    check(
        &format!("{bucket}[queries.q]\nbucket = \"b\"\n{aggregate}\n"),
        &["6: unknown key \"by\" in [queries.q.aggregate]"],
    );
}

#[test]
fn what_this_version_lacks_is_refused() {
    check(
        "audit = {}\n[procedures]\n[server]\npersistence = 1\n[auth]\nmode = \"built-in\"\npolicy = {}\n",
        &[
            "1: \"audit\" at top level is not supported by this version",
            "2: \"procedures\" at top level is not supported by this version",
            "4: \"persistence\" in [server] is not supported by this version",
            "6: auth mode \"built-in\" is not supported by this version",
            "7: \"policy\" in [auth] is not supported by this version",
        ],
    );
    check(
        "[auth]\nrequired = false\n[[auth.validator]]\ntype = \"jwt\"\nissuer = \"x\"\n[[auth.validator.token]]\ntoken_env = \"X\"\nuser_id = \"u\"\n",
        &[
            "4: validator type \"jwt\" is not supported by this version",
            "5: \"issuer\" in [[auth.validator]] is not supported by this version",
            "6: missing \"token\" in [[auth.validator.token]]",
            "7: \"token_env\" in [[auth.validator.token]] is not supported by this version",
        ],
    );
}

#[test]
fn syntax_errors_have_lines() {
    check("[server]\nport = \n", &["2: string values must be quoted, expected literal string"]);
    check("[server]\nport = 1\nport = 2\n", &["3: duplicate key"]);
    // K-14
    check(
        "[[auth.validator.token]]\ntoken = geheim\n",
        &["2: string values must be quoted, expected literal string"],
    );
    check(
        "[[auth.validator.token]]\ntoken = \"geheim\nroles = []",
        &["2: invalid basic string, expected `\"`"],
    );
    check("a = 1\n[b\nc = \"geheim\n", &["2: unclosed table, expected `]`"]);
}

#[test]
fn types_and_ranges() {
    // P-181
    check(
        "[server]\nport = 65536\nhost = 1\npath = \"ws\"\nshards = 0\ngrace_period = \"5 days\"\nlog = \"a=b=c\"\nrules = \"no\"\nallowed_origins = \"*\"\n",
        &[
            "2: Invalid port: 65536 (must be integer 0-65535)",
            "3: \"host\" in [server]: expected string, found integer",
            "4: Invalid path: ws (must start with /)",
            "5: Invalid shards: 0 (must be integer 1-1024)",
            "6: Invalid grace_period: 5 days (must be milliseconds, or a number with ms, s, m or h)",
            "7: Invalid log filter: a=b=c (error parsing level filter: expected one of \"off\", \"error\", \"warn\", \"info\", \"debug\", \"trace\", or a number 0-5)",
            "8: \"rules\" in [server]: expected boolean, found string",
            "9: \"allowed_origins\" in [server]: expected array of strings, found string",
        ],
    );
    check(
        "[limits]\nmax_payload_bytes = -1\nmax_total_subscriptions = 1.0\nmax_buffered_bytes = 0\nhigh_water_mark = 1.5\n",
        &[
            "2: Invalid max_payload_bytes: -1 (must be integer >= 0)",
            "3: \"max_total_subscriptions\" in [limits]: expected integer, found float",
            "4: Invalid max_buffered_bytes: 0 (must be integer >= 1)",
            "5: Invalid high_water_mark: 1.5 (must be above 0 and at most 1)",
        ],
    );
    for mark in ["0", "-0.5", "nan", "inf", "true"] {
        assert_eq!(errors(&format!("[limits]\nhigh_water_mark = {mark}")).len(), 1, "{mark}");
    }
    check(
        "server = 1\n[[buckets]]\n",
        &["1: [server]: expected table, found integer", "2: [buckets]: expected table, found array"],
    );
}

#[test]
fn faults_of_definitions_point_to_their_line() {
    // S-21, S-24, S-228
    check(
        "[buckets.b]\nkey = \"nope\"\nschema.id.type = \"string\"\n",
        &["2: Key field \"nope\" does not exist in schema for bucket \"b\""],
    );
    check(
        "[buckets.b]\nkey = \"id\"\nschema.id.type = \"string\"\nschema.n.type = \"text\"\n",
        &[
            "4: Invalid definition for bucket \"b\": schema.n.type: expected one of string, number, boolean, object, array, date",
        ],
    );
    check(
        "\n[buckets.b]\nschema.id.type = \"string\"\n",
        &["2: Invalid definition for bucket \"b\": key: expected non-empty string"],
    );
    check(
        "[buckets.b]\nkey = \"id\"\nschema.id.type = \"string\"\netsType = \"list\"\nschema.\"a.b\".type = \"date\"\nschema.\"a.b\".required = 1\n",
        &[
            "4: Invalid definition for bucket \"b\": etsType: expected one of set, ordered_set, bag, duplicate_bag",
            "6: \"required\" in [buckets.b.schema.\"a.b\"]: expected boolean, found integer",
        ],
    );
    check(
        "[buckets.b]\nkey = \"id\"\nschema.id.type = \"string\"\nindexes = [\"id\", \"x\"]\npersistent = 0\n[buckets.c]\nkey = \"id\"\nschema.id.type = \"string\"\nttl = \"5x\"\n",
        &[
            "4: Index field \"x\" does not exist in schema for bucket \"b\"",
            "5: \"persistent\" in [buckets.b]: expected boolean, found integer",
            "9: Invalid TTL format \"5x\". Expected a number (ms) or string like \"30s\", \"5m\", \"1h\", \"7d\".",
        ],
    );
    check(
        "[buckets.b]\nkey = \"id\"\nschema.id.type = \"string\"\nschema.id.default = 2020-01-01\n[queries.q]\nbucket = \"b\"\nfirst = 0\n[queries.r]\nbucket = \"c\"\n",
        &[
            "4: dates have no JSON form: write a string or milliseconds",
            "7: Invalid query definition \"q\": first: expected positive integer",
            "9: query \"r\": bucket \"c\" is not defined in [buckets]",
        ],
    );
    check(
        "[buckets.\"\"]\n[queries.\"\"]\n[queries]\nq = 1\n",
        &[
            "1: a bucket needs a name",
            "2: a query needs a name",
            "4: [queries.q]: expected table, found integer",
        ],
    );
}

#[test]
fn placement_names_what_exists() {
    let bucket = "[buckets.b]\nkey = \"id\"\nschema.id.type = \"string\"\n";
    check(
        &format!("{bucket}[placement]\nrules = 2\n[placement.buckets]\nb = 1\nc = 0\nd = -1\n"),
        &[
            "5: rules: no such core (there are 2, counted from 0)",
            "8: bucket \"c\" is not defined in [buckets]",
            "9: bucket \"d\" is not defined in [buckets]",
            "9: bucket \"d\": no such core (there are 2, counted from 0)",
        ],
    );
    // P-189: what was typed counts, then the file
    let text = format!("{bucket}[server]\nshards = 8\n[placement.buckets]\nb = 7\n");
    assert!(read("x", &text, Shards { typed: None, default: 1 }).is_ok());
    let lines = read("x", &text, Shards { typed: Some(7), default: 99 }).err().unwrap();
    assert_eq!(lines, ["Error: x:7: bucket \"b\": no such core (there are 7, counted from 0)"]);
}

#[test]
fn tokens_are_digests() {
    // A-187
    let text = r#"
        [[auth.validator]]
        type = "static"
        [[auth.validator.token]]
        token = "abc"
        user_id = "u"
        roles = ["b", "a"]
        expires_at = 2030-01-01T00:00:00Z
        [[auth.validator]]
        type = "static"
        [[auth.validator.token]]
        token_sha256 = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AE"
        user_id = "v"
        expires_at = 5
    "#;
    let auth = layer(text).auth.unwrap();
    let [abc, other] = &auth.tokens[..] else { panic!("two tokens") };
    // FIPS 180-2, appendix B.1: the digest of "abc"
    assert_eq!(abc.sha256[..4], [0xba, 0x78, 0x16, 0xbf]);
    assert_eq!((abc.sha256[31], other.sha256[31]), (0xad, 0xae));
    assert_eq!((abc.user_id.as_str(), abc.roles.join(",").as_str()), ("u", "b,a"));
    assert_eq!((abc.expires_at, other.expires_at), (Some(1_893_456_000_000), Some(5)));
    assert!(auth.required);
    assert!(layer("[auth]\nmode = \"none\"").auth.is_none());
    assert!(!layer("[auth]\nrequired = false").auth.unwrap().required);
}

#[test]
fn bad_tokens_are_named_without_their_text() {
    // K-14, A-19, A-35, A-187
    let text = "[[auth.validator]]\ntype = \"static\"\n\
        [[auth.validator.token]]\ntoken = \"geheim\"\nuser_id = \"u\"\nroles = [\"@anonymous\"]\n\
        [[auth.validator.token]]\ntoken = \"geheim\"\nuser_id = \"v\"\n\
        [[auth.validator.token]]\ntoken = [\"geheim\"]\nuser_id = 7\n\
        [[auth.validator.token]]\ntoken_sha256 = \"geheim\"\nuser_id = \"\"\nexpires_at = 2030-01-01\n\
        [[auth.validator.token]]\n\
        [[auth.validator.token]]\ntoken = \"\"\nuser_id = \"w\"\nroles = [1]\n\
        [[auth.validator.token]]\ntoken = \"geheim\"\ntoken_sha256 = \"geheim\"\nuser_id = \"w\"\n";
    check(
        text,
        &[
            "6: Invalid role: @anonymous (names beginning with @ are reserved)",
            "7: this token is already given on line 3",
            "11: \"token\" in [[auth.validator.token]]: expected string, found array",
            "12: \"user_id\" in [[auth.validator.token]]: expected string, found integer",
            "14: token_sha256 must be 64 hex digits",
            "15: a user_id must not be empty",
            "16: expires_at needs a date from 1970 on, a time and an offset: 2030-01-01T00:00:00Z",
            "17: missing \"token\" in [[auth.validator.token]]",
            "17: missing \"user_id\" in [[auth.validator.token]]",
            "19: a token must not be empty",
            "21: \"roles\" in [[auth.validator.token]]: expected array of strings, found integer among them",
            "24: give either token or token_sha256, not both",
        ],
    );
    for line in errors(text) {
        assert!(!line.contains("geheim"), "{line}");
    }
    check("\n[auth]\n", &["2: [auth] lists no token, so that nobody could log in"]);
    check(
        "[[auth.validator]]\n[auth.x]\n",
        &[
            "1: missing \"type\" in [[auth.validator]]",
            "1: [auth] lists no token, so that nobody could log in",
            "2: unknown key \"x\" in [auth]",
        ],
    );
    check("[auth]\nmode = \"tokn\"", &["2: Invalid mode: tokn (must be token or none)"]);
}

#[test]
fn depth_is_bounded() {
    let deep = format!("{}{}", "[".repeat(70), "]".repeat(70));
    let lines = errors(&format!("[buckets.b]\nkey = \"id\"\nschema.id.default = {deep}\n"));
    assert_eq!(lines, ["3: nested deeper than 64 levels"]);
    assert!(!errors(&format!("a = {}", "[".repeat(100_000))).is_empty());
    assert!(!errors(&format!("{}b = 1", "a.".repeat(100_000))).is_empty());
    let keys = "a.".repeat(70);
    assert!(!errors(&format!("x = {}1{}", format!("{{{keys}a=").repeat(70), "}".repeat(70))).is_empty());
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC*") {
        let _ = errors(&text);
    }

    #[test]
    fn nothing_like_a_configuration_makes_it_panic(
        lines in prop::collection::vec(
            (
                "(\\[server\\]|\\[limits\\]|\\[auth\\]|\\[\\[auth.validator\\]\\]|\\[\\[auth.validator.token\\]\\]|\\[buckets.b\\]|\\[queries.q\\]|\\[placement\\])",
                "(port|path|grace_period|log|mode|type|token|token_sha256|roles|user_id|expires_at|validator|key|schema|schema.x|bucket|aggregate|filter|rules|buckets|high_water_mark|etsType)",
                "(1|-1|0x7f|1e3|nan|99999999999999999999|true|\"\"|\"/é\"|\"x\"|\\[\\]|\\[1\\]|\\{\\}|\\{x=1\\}|\\{type=\"string\"\\}|2020-01-01|2020-01-01T00:00:00Z)",
            ),
            0..8,
        )
    ) {
        let text: String = lines.iter().map(|(table, key, value)| format!("{table}\n{key} = {value}\n")).collect();
        let _ = errors(&text);
    }
}
