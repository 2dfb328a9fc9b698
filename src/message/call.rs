//! What a client asks for, decoded: names still borrowed from its text, data owned.

use super::admin::AdminCall;
use super::gather::Survey;
use crate::base::json::{Number, Object};
use crate::store::{Filter, Key, Question};

/// A decoded request.
#[derive(Debug)]
pub enum Call<'t> {
    /// One read or write of one bucket.
    Data {
        /// The bucket's name.
        bucket: &'t str,
        /// What to do.
        verb: Verb,
    },
    /// Several, atomically.
    Transaction(Vec<Step<&'t str>>),
    /// Subscribe to a named query.
    Subscribe {
        /// Its name.
        query: &'t str,
        /// The parameters as canonical JSON.
        params: Option<Vec<u8>>,
    },
    /// Facts and events.
    Rules(RulesCall),
    /// A change of what exists.
    Admin(AdminCall),
    /// What every core knows a part of.
    Each(Survey),
    /// What concerns the connection alone, or what every core knows.
    Session(SessionCall<'t>),
}

/// One operation of a transaction.
#[derive(Debug)]
pub struct Step<B> {
    /// The bucket, by name or resolved.
    pub bucket: B,
    /// What to do.
    pub verb: Verb,
}

/// What is done to one bucket.
#[derive(Debug)]
pub enum Verb {
    /// Insert one record.
    Insert(Object),
    /// Change fields of the record of a key.
    Update {
        /// Of which record.
        key: Key,
        /// The fields.
        data: Object,
        /// The version that the record must have.
        if_version: Option<Number>,
    },
    /// Remove the record of a key.
    Delete {
        /// Which record.
        key: Key,
        /// The version that the record must have.
        if_version: Option<Number>,
    },
    /// Change the record of the key that the data names, or insert it (A.5).
    Upsert(Object),
    /// Insert several records, all or none (A.5).
    InsertMany(Vec<Object>),
    /// Change fields of all matching records (A.5).
    UpdateMany(Box<(Filter, Object)>),
    /// Remove all matching records (A.5).
    DeleteMany(Filter),
    /// Remove all records (S-95).
    Clear,
    /// Look.
    Read(Question),
}

impl Verb {
    /// The client's object that it brought, if it is one alone.
    pub fn into_data(self) -> Option<Object> {
        match self {
            Self::Insert(data) | Self::Upsert(data) | Self::Update { data, .. } => Some(data),
            _ => None,
        }
    }
}

/// What concerns facts and events.
#[derive(Debug)]
pub enum RulesCall {
    /// Emit an event.
    Emit {
        /// Its topic.
        topic: String,
        /// Its payload; `None` = `{}`.
        data: Option<Object>,
        /// Links events of one flow.
        correlation_id: Option<String>,
        /// What caused it.
        causation_id: Option<String>,
    },
    /// Write a fact.
    SetFact {
        /// Its key.
        key: String,
        /// Its value as canonical JSON.
        value: Vec<u8>,
    },
    /// Read a fact's value.
    GetFact(String),
    /// Remove a fact.
    DeleteFact(String),
    /// The facts that match a pattern.
    QueryFacts(String),
    /// All facts.
    AllFacts,
    /// Subscribe to the events that match a topic pattern.
    Subscribe(String),
}

/// What a connection's own core answers.
#[derive(Debug)]
pub enum SessionCall<'t> {
    /// Log in with a token.
    Login {
        /// The token.
        token: &'t str,
    },
    /// Log out.
    Logout,
    /// Who am I?
    Whoami,
    /// End a store subscription.
    Unsubscribe {
        /// `sub-<n>`
        id: &'t str,
    },
    /// The names of the buckets (S-118).
    Buckets,
    /// A bucket's definition (S-223).
    BucketSchema {
        /// The bucket's name.
        name: &'t str,
    },
    /// End an event subscription.
    UnsubscribeEvents {
        /// `sub-<n>`
        id: &'t str,
    },
}
