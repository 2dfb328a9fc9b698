//! The configuration as meant: command line over file over default (P-189), everything
//! that is wrong collected (P-193).

use super::flags::Flags;
use super::json_file::js_number;
use super::layer::Layer;
use super::tuning::knobs;
use super::{Config, Failure, Typed, unsupported};
use crate::base::limits::CORES_MAX;
use crate::node::{Settings, TrustedProxies};
use crate::shell::Tuning;
use std::fmt::Display;
use std::ops::RangeInclusive;
use tracing_subscriber::EnvFilter;

/// Of TCP; 0 = any free one.
pub(super) const PORT_RANGE: RangeInclusive<u64> = 0..=65_535;

/// Puts the layers together; `cores` are those available.
///
/// # Errors
/// First all of P-193, then all of P-181; after them what this version does not have.
pub(super) fn resolve(flags: &Flags, file: Layer, cores: usize) -> Result<Config, Failure> {
    let mut errors = Errors::default();
    let port = flags.port.as_deref().map(typed_port).or_else(|| file.port.clone()).unwrap_or(Ok(8080));
    let port = errors.take(port.map_err(|shown| format!("Invalid port: {shown} (must be integer 0-65535)")));
    let has_secret = flags.admin_secret.as_deref().map_or(file.has_admin_secret, |secret| !secret.is_empty());
    if (flags.auth || file.built_in_auth) && !has_secret {
        errors.0.push("--admin-secret is required when --auth is enabled".into());
    }
    let persistence = flags.persistence.as_deref().or(file.persistence.as_deref()).unwrap_or("memory");
    if persistence != "memory" && !unsupported::PERSISTENCE.contains(&persistence) {
        errors.0.push(format!("Unknown persistence type: {persistence} (must be memory, file, or sqlite)"));
    }
    let host = errors.text(flags.host.as_deref(), file.host.as_deref(), "0.0.0.0", host);
    let path = errors.text(flags.path.as_deref(), file.path.as_deref(), "/", path);
    let log = errors.text(flags.log.as_deref(), file.log.as_deref(), "info", log);
    let proxies = flags.trusted_proxies.as_deref().and_then(|list| errors.proxies(list));
    let bounds = flags.limits.resolve(&file, &mut errors);
    let shards = errors.number("--shards", flags.shards.as_deref(), 1..=CORES_MAX as u64);
    let tuning = errors.tuning(flags, file.tuning);
    let grace = flags
        .grace_period
        .as_deref()
        .map(|text| duration_ms(text).map_err(|message| format!("Invalid --grace-period: {message}")));
    let grace = grace.and_then(|grace| errors.take(grace));
    errors.finish()?;
    refuse_unsupported(flags, &file, persistence)?;

    let saturated = |number| usize::try_from(number).unwrap_or(usize::MAX);
    let shards = shards.map(saturated).or(file.shards).unwrap_or(default_shards(cores));
    let typed_pinning = (flags.pin_cores || flags.no_pin_cores).then_some(flags.pin_cores);
    let name = flags.name.clone().or(file.name).unwrap_or_else(|| "noex-server".into());
    Ok(Config {
        host,
        port: port.expect("no errors"),
        shards,
        pin_cores: typed_pinning.or(file.pin_cores).unwrap_or(shards <= cores),
        tuning,
        grace_period_ms: grace.or(file.grace_period_ms).unwrap_or(0),
        log,
        settings: Settings {
            name,
            path,
            allowed_origins: flags.allowed_origins.as_deref().map(origins).or(file.allowed_origins),
            trusted_proxies: proxies.or(file.trusted_proxies).unwrap_or_default(),
            limits: bounds.limits,
            rate_limit: bounds.rate_limit,
            heartbeat: bounds.heartbeat,
            expose_error_details: !flags.no_error_details && file.expose_error_details.unwrap_or(true),
            rules: !flags.no_rules && file.rules.unwrap_or(true),
            auth: file.auth,
            buckets: file.buckets,
            queries: file.queries,
            placement: file.placement,
            expires: true,
            probe: None,
        },
    })
}

/// One shard for each core, unless somebody says otherwise.
pub(super) fn default_shards(cores: usize) -> usize {
    cores.clamp(1, CORES_MAX)
}

/// The number of shards typed, if it is one that will be accepted.
pub(super) fn typed_shards(flags: &Flags) -> Option<usize> {
    let shards = flags.shards.as_deref()?.parse().ok();
    shards.filter(|shards| (1..=CORES_MAX).contains(shards))
}

fn refuse_unsupported(flags: &Flags, file: &Layer, persistence: &str) -> Result<(), Failure> {
    if unsupported::PERSISTENCE.contains(&persistence) {
        let line =
            format!("Error: Failed to initialize {persistence} persistence: not supported by this version");
        return Err(Failure { lines: vec![line] });
    }
    let lines = unsupported::complaints(flags, file);
    if lines.is_empty() { Ok(()) } else { Err(Failure { lines }) }
}

/// What is wrong so far, without `Error: `.
#[derive(Default)]
pub(super) struct Errors(Vec<String>);

impl Errors {
    pub(super) fn take<T>(&mut self, result: Result<T, String>) -> Option<T> {
        result.map_err(|message| self.0.push(message)).ok()
    }

    fn text(
        &mut self,
        typed: Option<&str>,
        file: Option<&str>,
        default: &str,
        check: fn(&str) -> Result<(), String>,
    ) -> String {
        let text = typed.or(file).unwrap_or(default);
        self.take(check(text));
        text.to_owned()
    }

    pub(super) fn number(
        &mut self,
        option: &str,
        typed: Option<&str>,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        let typed = typed?;
        // Digits only: Rust takes a leading plus.
        let digits = typed.bytes().all(|byte| byte.is_ascii_digit());
        let number = typed.parse().ok().filter(|number| digits && range.contains(number));
        let limits = must_be(&range);
        self.take(number.ok_or_else(|| format!("Invalid {option}: {typed} ({limits})")))
    }

    fn proxies(&mut self, list: &str) -> Option<TrustedProxies> {
        let proxies = TrustedProxies::parse(origins(list).iter().map(String::as_str));
        self.take(proxies.map_err(|entry| format!("Invalid --trusted-proxies: {}", not_a_network(&entry))))
    }

    pub(super) fn tuning(&mut self, flags: &Flags, mut tuning: Tuning) -> Tuning {
        for knob in knobs() {
            if let Some(number) = self.number(knob.option, (knob.typed)(&flags.tuning), knob.range.clone()) {
                knob.set(&mut tuning, number);
            }
        }
        tuning
    }

    pub(super) fn finish(self) -> Result<(), Failure> {
        let lines: Vec<_> = self.0.into_iter().map(|message| format!("Error: {message}")).collect();
        if lines.is_empty() { Ok(()) } else { Err(Failure { lines }) }
    }
}

/// A range in words.
pub(super) fn must_be(range: &RangeInclusive<u64>) -> impl Display + use<> {
    match (*range.start(), *range.end()) {
        (start, u64::MAX) => format!("must be integer >= {start}"),
        (start, end) => format!("must be integer {start}-{end}"),
    }
}

/// A port as typed: what JavaScript's `Number()` makes of decimal text, so that a message
/// shows the same value (P-196); empty text is rejected.
fn typed_port(text: &str) -> Typed<u16> {
    let decimal = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(text.to_owned());
    }
    let number = match trimmed {
        "Infinity" | "+Infinity" => f64::INFINITY,
        "-Infinity" => f64::NEG_INFINITY,
        // Rust also reads `inf` and `nan`, which JavaScript does not.
        _ if trimmed.bytes().all(decimal) => trimmed.parse().unwrap_or(f64::NAN),
        _ => f64::NAN,
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates; only a number that survives unchanged is taken"
    )]
    let port = number as u16;
    if f64::from(port) == number { Ok(port) } else { Err(js_number(number)) }
}

/// What is wrong with an entry of `trusted_proxies`.
pub(super) fn not_a_network(entry: &str) -> String {
    format!("{entry} (must be an address or a network such as 10.0.0.0/8)")
}

/// P-188: trimmed; a comma too many adds no origin.
fn origins(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|origin| !origin.is_empty()).map(str::to_owned).collect()
}

/// Milliseconds: a number of them, or a number with the unit `ms`, `s`, `m` or `h`.
pub(super) fn duration_ms(text: &str) -> Result<u64, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let unit_ms = match &text[digits..] {
        "" | "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let number = text[..digits].parse::<u64>().ok();
    let ms = number.zip(unit_ms).and_then(|(number, unit)| number.checked_mul(unit));
    ms.ok_or_else(|| format!("{text} (must be milliseconds, or a number with ms, s, m or h)"))
}

/// P-181.
pub(super) fn path(path: &str) -> Result<(), String> {
    if path.starts_with('/') {
        return Ok(());
    }
    Err(format!("Invalid path: {path} (must start with /)"))
}

pub(super) fn host(host: &str) -> Result<(), String> {
    if host.is_empty() { Err("Invalid host: must not be empty".into()) } else { Ok(()) }
}

pub(super) fn log(filter: &str) -> Result<(), String> {
    let parsed = EnvFilter::builder().parse(filter);
    parsed.map(drop).map_err(|error| format!("Invalid log filter: {filter} ({error})"))
}

#[cfg(test)]
mod tests {
    use super::{duration_ms, origins, typed_port};

    #[test]
    fn ports_as_typed() {
        // P-193, P-196
        for (text, port) in [
            ("0", Ok(0)),
            ("65535", Ok(65535)),
            (" 80 ", Ok(80)),
            ("8e1", Ok(80)),
            ("80.0", Ok(80)),
            ("-0", Ok(0)),
            ("65536", Err("65536")),
            ("-1", Err("-1")),
            ("80.5", Err("80.5")),
            ("1e21", Err("1e+21")),
            ("1e999", Err("Infinity")),
            ("-Infinity", Err("-Infinity")),
            ("inf", Err("NaN")),
            ("nan", Err("NaN")),
            ("http", Err("NaN")),
            ("8 0", Err("NaN")),
            ("", Err("")),
        ] {
            assert_eq!(typed_port(text), port.map_err(str::to_owned), "{text}");
        }
    }

    #[test]
    fn origins_are_trimmed() {
        // P-188
        assert_eq!(origins(" https://a , https://b,"), ["https://a", "https://b"]);
        assert!(origins("").is_empty());
    }

    #[test]
    fn durations() {
        for (text, ms) in
            [("0", 0), ("250", 250), ("250ms", 250), ("5s", 5_000), ("2m", 120_000), ("1h", 3_600_000)]
        {
            assert_eq!(duration_ms(text), Ok(ms));
        }
        for text in
            ["", "s", "5 s", "-1", "+1", "1.5s", "5d", "99999999999999999999", "18446744073709551615h", "ä"]
        {
            assert!(duration_ms(text).is_err(), "{text}");
        }
    }
}
