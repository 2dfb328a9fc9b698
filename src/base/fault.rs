//! A failure as the client sees it.

use std::fmt;

/// The codes of the protocol; no other is ever sent (P-83).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Code {
    /// The text is no JSON object.
    ParseError,
    /// The envelope lacks `type` or `id`.
    InvalidRequest,
    /// No such operation here.
    UnknownOperation,
    /// A field or record breaks a rule.
    ValidationError,
    /// The thing named does not exist.
    NotFound,
    /// The thing named exists already.
    AlreadyExists,
    /// A transaction met a state it excludes.
    Conflict,
    /// Not logged in.
    Unauthorized,
    /// Logged in, but not allowed.
    Forbidden,
    /// Over a rate or a count.
    RateLimited,
    /// Reserved by the protocol; never sent.
    Backpressure,
    /// Our fault, or a case that the protocol files here.
    InternalError,
    /// No such bucket.
    BucketNotDefined,
    /// No such query.
    QueryNotDefined,
    /// No rule engine.
    RulesNotAvailable,
    /// The user's sessions were revoked.
    SessionRevoked,
}

impl Code {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 16] = [
        Self::ParseError,
        Self::InvalidRequest,
        Self::UnknownOperation,
        Self::ValidationError,
        Self::NotFound,
        Self::AlreadyExists,
        Self::Conflict,
        Self::Unauthorized,
        Self::Forbidden,
        Self::RateLimited,
        Self::Backpressure,
        Self::InternalError,
        Self::BucketNotDefined,
        Self::QueryNotDefined,
        Self::RulesNotAvailable,
        Self::SessionRevoked,
    ];

    /// The string on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ParseError => "PARSE_ERROR",
            Self::InvalidRequest => "INVALID_REQUEST",
            Self::UnknownOperation => "UNKNOWN_OPERATION",
            Self::ValidationError => "VALIDATION_ERROR",
            Self::NotFound => "NOT_FOUND",
            Self::AlreadyExists => "ALREADY_EXISTS",
            Self::Conflict => "CONFLICT",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Forbidden => "FORBIDDEN",
            Self::RateLimited => "RATE_LIMITED",
            Self::Backpressure => "BACKPRESSURE",
            Self::InternalError => "INTERNAL_ERROR",
            Self::BucketNotDefined => "BUCKET_NOT_DEFINED",
            Self::QueryNotDefined => "QUERY_NOT_DEFINED",
            Self::RulesNotAvailable => "RULES_NOT_AVAILABLE",
            Self::SessionRevoked => "SESSION_REVOKED",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error answer without its request id: code, exact text, and details as JSON text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// One of the sixteen codes.
    pub code: Code,
    /// The text that the specification gives, for the client's eyes.
    pub message: String,
    /// Canonical JSON, where the specification has details.
    pub details: Option<Vec<u8>>,
}

impl Fault {
    /// A fault without details.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: None }
    }

    /// The same with details (canonical JSON text).
    #[must_use]
    pub fn with_details(mut self, json: Vec<u8>) -> Self {
        self.details = Some(json);
        self
    }

    /// A request field is missing or wrong (P-85).
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(Code::ValidationError, message)
    }

    /// S-138.
    pub fn query_not_defined(query: &str) -> Self {
        Self::new(Code::QueryNotDefined, format!("Query \"{query}\" is not defined"))
    }

    /// S-83.
    pub fn bucket_not_defined(bucket: &str) -> Self {
        Self::new(Code::BucketNotDefined, format!("Bucket \"{bucket}\" is not defined"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Fault {}
