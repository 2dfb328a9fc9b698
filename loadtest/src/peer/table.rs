//! The peer's records, and the answers to requests about them.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io::Write;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::wire::frame::{self, Opcode};

/// What a request did, beyond its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Read,
    Changed,
    Subscribed(u64),
}

/// One bucket for all names; records without an id of their own are answered but not kept.
#[derive(Default)]
pub(super) struct Table {
    records: HashMap<String, Record>,
    next_subscription: u64,
    generated: u64,
    /// The answer that is being written.
    text: Vec<u8>,
}

struct Record {
    /// The members as they were inserted, without braces, `id` included. Updates change only the version.
    members: String,
    version: u64,
}

/// A request, borrowed from its frame.
#[derive(Deserialize)]
struct Request<'a> {
    id: u64,
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

impl Table {
    /// Appends the answer to `text` to `out`, as a frame; returns the request's id and what it did.
    pub(super) fn answer(&mut self, text: &[u8], out: &mut Vec<u8>) -> (u64, Outcome) {
        let Ok(request) = serde_json::from_slice::<Request<'_>>(text) else {
            let text = br#"{"id":0,"type":"error","code":"PARSE_ERROR","message":"Invalid JSON"}"#;
            frame::append(out, Opcode::Text, None, text);
            return (0, Outcome::Read);
        };
        let mut answer = std::mem::take(&mut self.text);
        answer.clear();
        let _ = write!(answer, r#"{{"id":{},"type":"result","data":"#, request.id);
        let outcome = match self.data(&request, &mut answer) {
            Ok(outcome) => outcome,
            Err(code) => {
                answer.clear();
                let _ = write!(
                    answer,
                    r#"{{"id":{},"type":"error","code":"{code}","message":"{}""#,
                    request.id, request.kind
                );
                Outcome::Read
            }
        };
        answer.push(b'}');
        frame::append(out, Opcode::Text, None, &answer);
        self.text = answer;
        (request.id, outcome)
    }

    /// All records as a JSON array, by key.
    pub(super) fn all(&self) -> String {
        let mut text = Vec::from(*b"[");
        for (at, record) in self.records.iter().collect::<BTreeMap<_, _>>().into_values().enumerate() {
            text.extend_from_slice(if at > 0 { b"," } else { b"" });
            record.write(&mut text);
        }
        text.push(b']');
        String::from_utf8(text).expect("records are text")
    }

    /// Writes the answer's data, or returns the error's code.
    fn data(&mut self, request: &Request<'_>, out: &mut Vec<u8>) -> Result<Outcome, &'static str> {
        match &*request.kind {
            "store.get" => match request.key.as_deref().and_then(|key| self.records.get(key)) {
                Some(record) => record.write(out),
                None => out.extend_from_slice(b"null"),
            },
            "store.update" => {
                let key = request.key.as_deref().unwrap_or_default();
                let record = self.records.get_mut(key).ok_or("NOT_FOUND")?;
                record.version += 1;
                record.write(out);
                return Ok(Outcome::Changed);
            }
            "store.insert" => return self.insert(request, out),
            "store.all" => out.extend_from_slice(self.all().as_bytes()),
            "store.subscribe" => {
                self.next_subscription += 1;
                let subscription = self.next_subscription;
                let _ = write!(out, r#"{{"subscriptionId":"sub-{subscription}","data":{}}}"#, self.all());
                return Ok(Outcome::Subscribed(subscription));
            }
            "auth.login" => out.extend_from_slice(br#"{"userId":"u","roles":[],"expiresAt":null}"#),
            _ => return Err("UNKNOWN_OPERATION"),
        }
        Ok(Outcome::Read)
    }

    fn insert(&mut self, request: &Request<'_>, out: &mut Vec<u8>) -> Result<Outcome, &'static str> {
        #[derive(Deserialize)]
        struct Key<'a> {
            #[serde(borrow)]
            id: Option<Cow<'a, str>>,
        }
        let data = request.data.ok_or("VALIDATION_ERROR")?.get().trim();
        let key = serde_json::from_str::<Key<'_>>(data).map_err(|_| "VALIDATION_ERROR")?.id;
        let members = &data[1..data.len() - 1];
        let Some(key) = key else {
            self.generated += 1;
            let comma = if members.is_empty() { "" } else { "," };
            let _ = write!(out, r#"{{{members}{comma}"id":"generated-{}","_version":1}}"#, self.generated);
            return Ok(Outcome::Changed);
        };
        if self.records.contains_key(&*key) {
            return Err("ALREADY_EXISTS");
        }
        let record = Record { members: members.to_owned(), version: 1 };
        record.write(out);
        self.records.insert(key.into_owned(), record);
        Ok(Outcome::Changed)
    }
}

impl Record {
    fn write(&self, out: &mut Vec<u8>) {
        let _ = write!(
            out,
            r#"{{{},"_version":{},"_createdAt":1706745600000,"_updatedAt":1706745600000}}"#,
            self.members, self.version
        );
    }
}
