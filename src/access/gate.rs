//! The gate that every request passes before anything looks at what it asks (01 §5.1).

use super::settings::Settings;
use crate::base::fault::{Code, Fault};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Who a connection is logged in as.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Stable name of the user.
    pub user_id: String,
    /// Role names in the order in which they were given.
    pub roles: Vec<String>,
    /// When it ends, milliseconds since the Unix epoch; `None` = never.
    pub expires_at: Option<u64>,
}

impl Identity {
    /// Whether it has ended; at the very millisecond it is still valid.
    pub fn is_expired(&self, unix_ms: u64) -> bool {
        self.expires_at.is_some_and(|at| at < unix_ms)
    }
}

/// How much an operation can do (01 §6.2), in ascending order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Tier {
    /// Looks.
    Read,
    /// Changes data.
    Write,
    /// Changes what the server is.
    Admin,
}

impl Tier {
    fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    /// The tier that a built-in role reaches (P-55).
    fn of_role(role: &str) -> Option<Self> {
        match role {
            "reader" => Some(Self::Read),
            "writer" => Some(Self::Write),
            "admin" => Some(Self::Admin),
            _ => None,
        }
    }
}

/// What the gate looks at in a request.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The `type` of the request, known to the server or not.
    pub operation: &'a str,
    /// Its tier, if it has one.
    pub tier: Option<Tier>,
}

/// A request that the gate let through; only the gate can make one.
#[derive(Debug)]
pub struct Authorized<T>(T);

impl<T> Authorized<T> {
    /// The request, to look at.
    pub fn request(&self) -> &T {
        &self.0
    }

    /// The request.
    pub fn into_inner(self) -> T {
        self.0
    }

    /// The same request, further decoded: what is allowed does not change by reading it.
    ///
    /// # Errors
    /// Whatever `decode` returns.
    pub fn try_map<U, E>(self, decode: impl FnOnce(T) -> Result<U, E>) -> Result<Authorized<U>, E> {
        decode(self.0).map(Authorized)
    }
}

/// Why the gate did not let a request through.
#[derive(Debug)]
pub enum Denied {
    /// The identity has ended; the connection has to forget it (P-54 step 4).
    Expired(Fault),
    /// Anything else.
    Refused(Fault),
}

/// The rules of the gate, the same on every core.
pub struct Gate {
    /// `None`: no authentication is configured.
    required: Option<bool>,
    /// Identities by the digest of their token: no comparison depends on a token's text.
    tokens: BTreeMap<[u8; 32], Rc<Identity>>,
}

impl Gate {
    /// A gate by the configuration.
    pub fn new(settings: Option<&Settings>) -> Self {
        let tokens = settings.into_iter().flat_map(|settings| &settings.tokens).map(|token| {
            let (user_id, roles) = (token.user_id.clone(), token.roles.clone());
            (token.sha256, Rc::new(Identity { user_id, roles, expires_at: token.expires_at }))
        });
        Self { required: settings.map(|settings| settings.required), tokens: tokens.collect() }
    }

    /// Whether a client has to log in first (P-28).
    pub fn requires_login(&self) -> bool {
        self.required == Some(true)
    }

    /// Whether there is anything to log in to.
    pub fn is_configured(&self) -> bool {
        self.required.is_some()
    }

    /// The identity that a token stands for.
    ///
    /// # Errors
    /// `UNAUTHORIZED` for unknown and expired tokens.
    pub fn validate(&self, token: &str, unix_ms: u64) -> Result<Rc<Identity>, Fault> {
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let unauthorized = |text| Fault::new(Code::Unauthorized, text);
        let identity = self.tokens.get(&digest).ok_or_else(|| unauthorized("Invalid token"))?;
        if identity.is_expired(unix_ms) {
            return Err(unauthorized("Token has expired"));
        }
        Ok(Rc::clone(identity))
    }

    /// Lets a request through or says why not (P-54, A-9).
    ///
    /// # Errors
    /// See [`Denied`].
    pub fn admit<T>(
        &self,
        identity: Option<&Identity>,
        subject: Subject<'_>,
        unix_ms: u64,
        request: T,
    ) -> Result<Authorized<T>, Denied> {
        self.check(identity, subject, unix_ms).map(|()| Authorized(request))
    }

    /// Lets a request of the embedding program through, which may do everything.
    pub fn trust<T>(&self, request: T) -> Authorized<T> {
        Authorized(request)
    }

    fn check(&self, identity: Option<&Identity>, subject: Subject<'_>, unix_ms: u64) -> Result<(), Denied> {
        let Subject { operation, tier } = subject;
        let exempt = operation.starts_with("auth.")
            || matches!(operation, "ping" | "identity.login" | "identity.loginWithSecret");
        let Some(required) = self.required.filter(|_| !exempt) else { return Ok(()) };
        let unauthorized = |text| Fault::new(Code::Unauthorized, text);
        let Some(identity) = identity else {
            // who may stay anonymous is still no administrator.
            return if required || tier == Some(Tier::Admin) {
                Err(Denied::Refused(unauthorized("Authentication required")))
            } else {
                Ok(())
            };
        };
        if identity.is_expired(unix_ms) {
            return Err(Denied::Expired(unauthorized("Session expired")));
        }
        let level = identity.roles.iter().filter_map(|role| Tier::of_role(role)).max();
        match (level, tier) {
            (Some(level), Some(tier)) if level < tier => Err(Denied::Refused(Fault::new(
                Code::Forbidden,
                format!("Role level insufficient for {operation} (requires {})", tier.as_str()),
            ))),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Denied, Gate, Identity, Settings, Subject, Tier};
    use crate::access::StaticToken;
    use sha2::{Digest, Sha256};

    fn gate(required: bool) -> Gate {
        let token = |text: &str, expires_at| StaticToken {
            sha256: Sha256::digest(text.as_bytes()).into(),
            user_id: "u".into(),
            roles: vec!["customer".into()],
            expires_at,
        };
        Gate::new(Some(&Settings { required, tokens: vec![token("t", None), token("old", Some(5))] }))
    }

    fn identity(roles: &[&str]) -> Identity {
        Identity {
            user_id: "u".into(),
            roles: roles.iter().map(|role| (*role).into()).collect(),
            expires_at: Some(10),
        }
    }

    fn refused(
        gate: &Gate,
        who: Option<&Identity>,
        operation: &str,
        tier: Option<Tier>,
        now: u64,
    ) -> Option<String> {
        match gate.admit(who, Subject { operation, tier }, now, ()) {
            Ok(_) => None,
            Err(Denied::Expired(fault) | Denied::Refused(fault)) => Some(fault.message),
        }
    }

    #[test]
    fn steps_in_order() {
        // P-54, P-55, A-10, A-12, A-13
        let (required, optional) = (gate(true), gate(false));
        let needs_login = Some("Authentication required".to_owned());
        assert_eq!(refused(&required, None, "store.get", Some(Tier::Read), 0), needs_login);
        assert_eq!(refused(&required, None, "no.such", None, 0), needs_login);
        assert_eq!(refused(&required, None, "ping", None, 0), None);
        assert_eq!(refused(&required, None, "auth.login", None, 0), None);
        assert_eq!(refused(&optional, None, "store.get", Some(Tier::Read), 0), None);
        assert_eq!(refused(&optional, None, "server.stats", Some(Tier::Admin), 0), needs_login);
        assert_eq!(refused(&Gate::new(None), None, "server.stats", Some(Tier::Admin), 0), None);
        let reader = identity(&["x", "reader"]);
        assert_eq!(refused(&required, Some(&reader), "store.get", Some(Tier::Read), 10), None);
        assert_eq!(
            refused(&required, Some(&reader), "store.insert", Some(Tier::Write), 10).unwrap(),
            "Role level insufficient for store.insert (requires write)"
        );
        assert_eq!(
            refused(&required, Some(&identity(&["customer"])), "store.insert", Some(Tier::Write), 0),
            None
        );
        assert_eq!(
            refused(&required, Some(&reader), "store.get", Some(Tier::Read), 11).unwrap(),
            "Session expired"
        );
    }

    #[test]
    fn tokens() {
        //
        let gate = gate(true);
        assert_eq!(gate.validate("t", 9).unwrap().user_id, "u");
        assert_eq!(gate.validate("T", 9).unwrap_err().message, "Invalid token");
        assert_eq!(gate.validate("old", 6).unwrap_err().message, "Token has expired");
        assert!(gate.validate("old", 5).is_ok());
    }
}
