//! The whole way from arguments to a command.

use super::{Command, Config, Failure, parse, report};
use crate::node::{Heartbeat, RateLimit};
use std::ffi::OsString;
use std::path::PathBuf;

fn run(args: &[&str]) -> Result<Command, Failure> {
    parse(std::iter::once("noex-server").chain(args.iter().copied()).map(OsString::from))
}

/// The configuration that these arguments mean.
pub(super) fn config(args: &[&str]) -> Config {
    match run(args) {
        Ok(Command::Run(config)) => *config,
        other => panic!("{args:?}: {other:?}"),
    }
}

fn check(args: &[&str], lines: &[&str]) {
    assert_eq!(run(args).expect_err("an error").lines, lines, "{args:?}");
}

/// A configuration file that exists during one test.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: impl AsRef<[u8]>) -> Self {
        let path = std::env::temp_dir().join(format!("noex-cli-{}-{name}", std::process::id()));
        std::fs::write(&path, text).expect("the temporary directory is writable");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("ASCII")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).expect("still there");
    }
}

#[test]
fn the_defaults() {
    // P-178, P-188
    let config = config(&[]);
    assert_eq!((config.host.as_str(), config.port), ("0.0.0.0", 8080));
    assert_eq!((config.grace_period_ms, config.log.as_str()), (0, "info"));
    let cores = std::thread::available_parallelism().unwrap().get();
    assert_eq!((config.shards, config.pin_cores), (cores, true));
    let settings = config.settings;
    assert_eq!((settings.name.as_str(), settings.path.as_str()), ("noex-server", "/"));
    assert!(settings.rules && settings.expose_error_details);
    assert!(settings.allowed_origins.is_none() && settings.auth.is_none());
    assert_eq!(settings.limits, crate::base::limits::Limits::default());
}

#[test]
fn help_wins_over_version_and_both_over_the_rest() {
    // P-191
    assert!(matches!(run(&["-v", "-h", "--port", "x"]), Ok(Command::Help(text)) if text.contains("Usage")));
    let version = format!("{}\n", report::VERSION);
    assert!(
        matches!(run(&["--version", "--config", "/nowhere"]), Ok(Command::Version(text)) if text == version)
    );
    assert!(run(&["--help", "--bogus"]).is_err());
}

#[test]
fn validation_errors_are_collected_in_order() {
    // P-193, P-196, P-181
    check(
        &["--persistence=tape", "--auth", "--port=x"],
        &[
            "Error: Invalid port: NaN (must be integer 0-65535)",
            "Error: --admin-secret is required when --auth is enabled",
            "Error: Unknown persistence type: tape (must be memory, file, or sqlite)",
        ],
    );
    check(&["--port", ""], &["Error: Invalid port:  (must be integer 0-65535)"]);
    check(&["--port", "65536"], &["Error: Invalid port: 65536 (must be integer 0-65535)"]);
    check(&["--port", "-1"], &["Error: Invalid port: -1 (must be integer 0-65535)"]);
    check(&["--auth", "--admin-secret", ""], &["Error: --admin-secret is required when --auth is enabled"]);
    check(
        &[
            "--host=",
            "--path=ws",
            "--log=a=b=c",
            "--max-connections-per-ip=-1",
            "--accept-rate=0",
            "--max-payload-bytes=1k",
            "--rate-limit=100/0s",
            "--heartbeat-interval=0",
            "--high-water-mark=1.1",
            "--shards=0",
            "--grace-period=soon",
        ],
        &[
            "Error: Invalid host: must not be empty",
            "Error: Invalid path: ws (must start with /)",
            "Error: Invalid log filter: a=b=c (error parsing level filter: expected one of \"off\", \"error\", \"warn\", \"info\", \"debug\", \"trace\", or a number 0-5)",
            "Error: Invalid --max-payload-bytes: 1k (must be integer >= 0)",
            "Error: Invalid --max-connections-per-ip: -1 (must be integer >= 0)",
            "Error: Invalid --accept-rate: 0 (must be integer 1-1000000)",
            "Error: Invalid --high-water-mark: 1.1 (must be above 0 and at most 1)",
            "Error: Invalid --rate-limit: 100/0s (must be requests/duration, such as 100/60s)",
            "Error: Invalid --heartbeat-interval: 0 (must be integer 1-86400000)",
            "Error: Invalid --shards: 0 (must be integer 1-1024)",
            "Error: Invalid --grace-period: soon (must be milliseconds, or a number with ms, s, m or h)",
        ],
    );
}

#[test]
fn limits_of_the_command_line_override_the_file() {
    // P-189, P-178
    let file = File::new(
        "limits.toml",
        "[limits]\nmax_connections = 7\naccept_rate = 500\nmax_buffered_bytes = 100\nmax_shard_buffered_bytes = 9\n\
         [server]\nmax_connections_per_ip = 0\n[rate_limit]\nmax_requests = 1\nwindow = \"1m\"\n\
         [heartbeat]\ninterval = \"5s\"\ntimeout = 80\n",
    );
    let settings = config(&["-c", file.path()]).settings;
    let limits = &settings.limits;
    assert_eq!((limits.connections_max, limits.connections_per_address_max), (Some(7), Some(0)));
    assert_eq!((limits.unsent_bytes_mark, limits.unsent_bytes_per_core_max), (80, 9));
    assert_eq!(limits.connections_per_second_max, Some(500));
    assert_eq!(settings.rate_limit, Some(RateLimit { max_requests: 1, window_ms: 60_000 }));
    assert_eq!(settings.heartbeat, Heartbeat { interval_ms: 5_000, timeout_ms: 80 });

    let typed = [
        "--rate-limit=2/3s",
        "--heartbeat-timeout=90",
        "--high-water-mark=0.5",
        "--max-connections=8",
        "--accept-rate=9",
    ];
    let settings = config(&[&["-c", file.path()], &typed[..]].concat()).settings;
    assert_eq!(settings.limits.connections_per_second_max, Some(9));
    assert_eq!((settings.limits.connections_max, settings.limits.unsent_bytes_mark), (Some(8), 50));
    assert_eq!(settings.rate_limit, Some(RateLimit { max_requests: 2, window_ms: 3_000 }));
    assert_eq!(settings.heartbeat, Heartbeat { interval_ms: 5_000, timeout_ms: 90 });
}

#[test]
fn what_this_version_lacks_is_refused() {
    // P-194
    for kind in ["file", "sqlite"] {
        check(
            &["--persistence", kind, "--audit"],
            &[&format!("Error: Failed to initialize {kind} persistence: not supported by this version")],
        );
    }
    check(
        &["--auth", "--admin-secret=geheim", "--audit"],
        &[
            "Fatal: --auth is not supported by this version",
            "Fatal: --audit is not supported by this version",
        ],
    );
    // P-189: the file's `true` cannot be switched off
    let file = File::new("auth.json", r#"{"auth":true,"adminSecret":"geheim","audit":true}"#);
    assert_eq!(run(&["-c", file.path()]).expect_err("an error").lines.len(), 2);
    let file = File::new("no-secret.json", r#"{"auth":true,"adminSecret":""}"#);
    check(&["-c", file.path()], &["Error: --admin-secret is required when --auth is enabled"]);
}

#[test]
fn the_command_line_overrides_the_file() {
    // P-189
    let json = r#"{"port":"bad","host":"h","name":"n","path":"/f","maxPayloadBytes":5,"rules":true,
                   "exposeErrorDetails":true,"allowedOrigins":["https://f"]}"#;
    let toml = "[server]\nport = 1\nhost = \"h\"\nname = \"n\"\npath = \"/f\"\nshards = 9\npin_cores = false\n\
                grace_period = 7\nlog = \"warn\"\nallowed_origins = [\"https://f\"]\n[limits]\nmax_payload_bytes = 5\n";
    for file in [File::new("over.json", json), File::new("over.toml", toml)] {
        let typed = [
            "--port=2",
            "--host=i",
            "--name=m",
            "--path=/t",
            "--max-payload-bytes=6",
            "--no-rules",
            "--no-error-details",
            "--allowed-origins=https://t",
            "--shards=3",
            "--pin-cores",
            "--grace-period=8",
            "--log=debug",
        ];
        let config = config(&[&["-c", file.path()][..], &typed].concat());
        assert_eq!((config.port, config.host.as_str(), config.shards), (2, "i", 3));
        assert_eq!((config.pin_cores, config.grace_period_ms, config.log.as_str()), (true, 8, "debug"));
        let settings = config.settings;
        assert_eq!((settings.name.as_str(), settings.path.as_str()), ("m", "/t"));
        assert_eq!(settings.limits.payload_bytes_max, 6);
        assert!(!settings.rules && !settings.expose_error_details);
        assert_eq!(settings.allowed_origins.unwrap(), ["https://t"]);
    }
}

#[test]
fn the_file_overrides_the_defaults() {
    // P-189
    let toml = "[server]\nport = 1\nname = \"n\"\nshards = 1000\ngrace_period = \"7s\"\nrules = false\n";
    let file = File::new("under.toml", toml);
    let from_toml = config(&["--config", file.path()]);
    assert_eq!((from_toml.port, from_toml.shards, from_toml.grace_period_ms), (1, 1000, 7_000));
    assert!(!from_toml.pin_cores, "not with more shards than cores");
    assert!(!from_toml.settings.rules);
    let file = File::new("under.json", r#"{"port":1,"name":"n","exposeErrorDetails":false}"#);
    let from_json = config(&["--config", file.path()]);
    assert_eq!((from_json.port, from_json.settings.name.as_str()), (1, "n"));
    assert!(!from_json.settings.expose_error_details);
}

#[test]
fn bad_files() {
    // P-193, P-194
    check(
        &["-c", "/nowhere/x.json"],
        &["Error loading config file: /nowhere/x.json: No such file or directory (os error 2)"],
    );
    let file = File::new("bad.json", "{port}");
    check(&["-c", file.path()], &[&format!("Error loading config file: {}: not valid JSON", file.path())]);
    let file = File::new("utf8.toml", [0xff]);
    check(&["-c", file.path()], &[&format!("Error loading config file: {}: not valid UTF-8", file.path())]);
    let file = File::new("types.json", r#"{"host":1,"rules":2}"#);
    check(
        &["-c", file.path()],
        &[
            &format!("Error loading config file: {}: \"host\": expected string", file.path()),
            &format!("Error loading config file: {}: \"rules\": expected boolean", file.path()),
        ],
    );
    let file = File::new("port.json", r#"{"port":"3000","persistence":7}"#);
    check(
        &["-c", file.path()],
        &[
            "Error: Invalid port: 3000 (must be integer 0-65535)",
            "Error: Unknown persistence type: 7 (must be memory, file, or sqlite)",
        ],
    );
    let file = File::new("bad.TOML", "[server]\nporrt = 1\n");
    check(&["-c", file.path()], &[&format!("Error: {}:2: unknown key \"porrt\" in [server]", file.path())]);
}

#[test]
fn a_configuration_can_be_checked() {
    // A-186, A-187
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/ecommerce.toml");
    let Ok(Command::CheckConfig(text)) = run(&["--check-config", "--config", example]) else {
        panic!("{:?}", run(&["--check-config", "--config", example]))
    };
    assert_eq!(text, format!("{example} is valid: 4 buckets, 5 queries, 3 tokens\n"));
    let Ok(Command::CheckConfig(text)) = run(&["--check-config"]) else { panic!("valid") };
    assert_eq!(text, "The configuration is valid: 0 buckets, 0 queries, 0 tokens\n");
    assert!(run(&["--check-config", "--port=x"]).is_err());
}

#[test]
fn the_example_is_the_shop_of_the_guide() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/ecommerce.toml");
    let config = config(&["--config", example]);
    assert_eq!((config.host.as_str(), config.port), ("127.0.0.1", 8080));
    let settings = config.settings;
    let buckets: Vec<_> = settings.buckets.iter().map(|bucket| bucket.name()).collect();
    assert_eq!(buckets, ["products", "orders", "users", "audit-logs"]);
    let queries: Vec<_> = settings.queries.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        queries,
        ["product-catalog", "user-orders", "order-count", "low-stock-products", "recent-orders"]
    );
    let auth = settings.auth.expect("logins");
    let users: Vec<_> = auth.tokens.iter().map(|token| token.user_id.as_str()).collect();
    assert!(auth.required);
    assert_eq!(users, ["user-alice", "user-bob", "admin-1"]);
    assert_eq!(settings.limits, crate::base::limits::Limits::default());
}
