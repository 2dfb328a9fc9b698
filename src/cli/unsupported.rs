//! What the reference has and this version does not: named and refused, never ignored.
//!
//! Whoever builds one of these deletes its entry here.

use super::flags::Flags;
use super::layer::Layer;

/// Whether something is asked for, by flag or by configuration file.
type Wanted = fn(&Flags, &Layer) -> bool;

/// Options and keys of 01 §21 without effect yet.
const OPTIONS: [(&str, Wanted); 2] = [
    ("--auth", |flags, file| flags.auth || file.built_in_auth),
    ("--audit", |flags, file| flags.audit || file.audit),
];

/// Persistence types of P-193 without an implementation yet.
pub(super) const PERSISTENCE: [&str; 2] = ["file", "sqlite"];

/// Keys of the TOML file that 01, 02 and 03 describe and this version does not have,
/// by the name of their table ("" = top level).
const TOML_KEYS: [(&str, &str); 21] = [
    ("", "audit"),
    ("", "persistence"),
    ("", "procedures"),
    ("[server]", "persistence"),
    ("[auth]", "built_in"),
    ("[auth]", "permissions"),
    ("[auth]", "policy"),
    ("[auth]", "revocation"),
    ("[auth]", "subscribe_resource"),
    ("[auth]", "tier_unknown_roles"),
    ("[[auth.validator]]", "algorithms"),
    ("[[auth.validator]]", "key_file"),
    ("[[auth.validator]]", "jwks_file"),
    ("[[auth.validator]]", "issuer"),
    ("[[auth.validator]]", "audience"),
    ("[[auth.validator]]", "user_claim"),
    ("[[auth.validator]]", "roles_claim"),
    ("[[auth.validator]]", "metadata_claims"),
    ("[[auth.validator.token]]", "metadata"),
    ("[[auth.validator.token]]", "token_env"),
    ("[[auth.validator.token]]", "ttl"),
];

/// The lines to print for what is asked for in vain.
pub(super) fn complaints(flags: &Flags, file: &Layer) -> Vec<String> {
    let wanted = OPTIONS.iter().filter(|(_, wanted)| wanted(flags, file));
    wanted.map(|(thing, _)| format!("Fatal: {thing} is not supported by this version")).collect()
}

/// Everything asked for in vain, as an operator would write it.
pub(super) fn names() -> Vec<String> {
    let options = OPTIONS.iter().map(|(thing, _)| (*thing).to_owned());
    options.chain(PERSISTENCE.iter().map(|kind| format!("--persistence {kind}"))).collect()
}

/// Whether that key has a meaning in the specification, though not yet here.
pub(super) fn is_known_toml_key(table: &str, key: &str) -> bool {
    TOML_KEYS.contains(&(table, key))
}
