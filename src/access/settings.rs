//! Authentication as the operator meant it (03 §14.1).

use std::fmt;

/// Token authentication ("external mode").
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether a connection has to log in before it may do anything else.
    pub required: bool,
    /// The tokens known from the configuration.
    pub tokens: Vec<StaticToken>,
}

/// A token that the configuration lists. Its text never appears in logs or `Debug` (K-14).
#[derive(Clone)]
pub struct StaticToken {
    /// SHA-256 of the token: lookups compare digests only.
    pub sha256: [u8; 32],
    /// The user it stands for.
    pub user_id: String,
    /// The user's roles, in order.
    pub roles: Vec<String>,
    /// When sessions opened with it end, milliseconds since the Unix epoch.
    pub expires_at: Option<u64>,
}

impl fmt::Debug for StaticToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticToken").field("user_id", &self.user_id).finish_non_exhaustive()
    }
}
