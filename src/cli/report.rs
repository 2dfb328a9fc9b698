//! What the program tells its operator about a configuration.

use super::Config;
use std::path::Path;

/// Of the program, as `--version` and the banner print it.
pub(super) const VERSION: &str = concat!("noex-server v", env!("CARGO_PKG_VERSION"));

/// The banner of P-197 for a server that listens on `port`, with its line ends.
///
/// Two values go beyond the table there, for configurations that the reference's command
/// line does not have: `Auth: token`, and a path other than `/` at the end of the URL.
pub fn banner(config: &Config, port: u16) -> String {
    let settings = &config.settings;
    // RFC 3986: an IPv6 address in a URL stands in brackets.
    let host = if config.host.contains(':') { format!("[{}]", config.host) } else { config.host.clone() };
    let path = if settings.path == "/" { "" } else { &settings.path };
    let origins = settings.allowed_origins.as_ref().map_or_else(|| "any".to_owned(), |list| list.join(", "));
    let auth = if settings.auth.is_some() { "token" } else { "disabled" };
    let rules = if settings.rules { "enabled" } else { "disabled" };
    let details = if settings.expose_error_details { "exposed" } else { "hidden" };
    let per_address = settings.limits.connections_per_address_max;
    let per_address = per_address.map_or_else(|| "unlimited".to_owned(), |max| max.to_string());
    format!(
        "{VERSION}
  URL:          ws://{host}:{port}{path}
  Persistence:  memory
  Auth:         {auth}
  Rules:        {rules}
  Audit:        disabled
  Error details: {details}
  Origins:      {origins}
  Max conn/IP:  {per_address}
"
    )
}

/// The only warning at start (P-184): there is no rate limit, and any machine may connect.
pub fn rate_limit_warning(config: &Config) -> Option<&'static str> {
    (config.host == "0.0.0.0" && config.settings.rate_limit.is_none()).then_some(
        "[noex-server] Warning: rate limiting is disabled. Consider enabling it for production use.",
    )
}

/// What `--check-config` prints: counts, no tokens.
pub(super) fn checked(config: &Config, file: Option<&Path>) -> String {
    let settings = &config.settings;
    let subject = file.map_or_else(|| "The configuration".to_owned(), |file| file.display().to_string());
    let tokens = settings.auth.as_ref().map_or(0, |auth| auth.tokens.len());
    format!(
        "{subject} is valid: {}, {}, {}\n",
        counted(settings.buckets.len(), "bucket", "buckets"),
        counted(settings.queries.len(), "query", "queries"),
        counted(tokens, "token", "tokens")
    )
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::{VERSION, banner, rate_limit_warning};
    use crate::cli::tests::config;

    #[test]
    fn the_banner_of_the_defaults() {
        // P-197
        let expected = format!(
            "{VERSION}
  URL:          ws://0.0.0.0:4711
  Persistence:  memory
  Auth:         disabled
  Rules:        enabled
  Audit:        disabled
  Error details: exposed
  Origins:      any
  Max conn/IP:  unlimited
"
        );
        assert_eq!(banner(&config(&[]), 4711), expected);
    }

    #[test]
    fn the_banner_of_everything_else() {
        // P-197
        let mut config = config(&[
            "--host=::1",
            "--path=/ws",
            "--no-rules",
            "--no-error-details",
            "--allowed-origins=https://a, https://b",
            "--max-connections-per-ip=20",
        ]);
        config.settings.auth = Some(crate::node::AuthSettings { required: true, tokens: Vec::new() });
        let expected = format!(
            "{VERSION}
  URL:          ws://[::1]:1/ws
  Persistence:  memory
  Auth:         token
  Rules:        disabled
  Audit:        disabled
  Error details: hidden
  Origins:      https://a, https://b
  Max conn/IP:  20
"
        );
        assert_eq!(banner(&config, 1), expected);
    }

    #[test]
    fn the_warning_is_for_open_servers() {
        // P-184, P-192
        let text =
            "[noex-server] Warning: rate limiting is disabled. Consider enabling it for production use.";
        assert_eq!(rate_limit_warning(&config(&[])), Some(text));
        assert_eq!(rate_limit_warning(&config(&["--rate-limit=100/60s"])), None);
        for host in ["127.0.0.1", "0.0.0.00", "::", "localhost"] {
            assert_eq!(rate_limit_warning(&config(&["--host", host])), None);
        }
    }
}
