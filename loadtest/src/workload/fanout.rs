//! `fanout` and `slow-readers`: one connection updates a record, all others see a query that shows it.
//!
//! Pushes may be merged (P-132, K-4), so their number proves nothing; what must hold is that the versions that
//! a subscriber sees only grow (P-130), that no push repeats the one before (P-131), and that the last push of
//! every subscriber is the final state.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use memchr::memmem::{self, Finder};
use serde_json::Value;

use super::record::{self, VERSION, Versions, leading_number};
use super::update::update_template;
use super::{Counted, Finding, Moment, Role, Verdict, Workload};
use crate::args::{FanoutArgs, Options, Publication, SlowReadersArgs, Target, json_string};
use crate::definitions::Definition;
use crate::session::{CallError, Control, Session};
use crate::wire::message::Channel;
use crate::wire::template::Template;

/// The record that is updated.
const KEY: &str = "loadtest-fanout";

/// Updates whose time of sending is remembered; older ones are shown by nobody any more.
const SENT_MAX: usize = 1 << 16;

/// The publisher's lane.
const PUBLISHER: usize = 0;

#[derive(Debug)]
pub(super) struct Fanout {
    options: Options,
    target: Target,
    publication: Publication,
    stalled: usize,
    board: Rc<RefCell<Board>>,
}

/// What publisher and subscribers know of each other.
#[derive(Debug, Default)]
struct Board {
    /// When the updates were sent, the first being that which made `first_version`.
    sent: VecDeque<u64>,
    first_version: u64,
    /// The version that the last update sent makes.
    last_version: u64,
    /// Subscribers that read, and how many of them have seen `last_version`.
    readers: usize,
    arrived: usize,
    /// The query's result when all is over.
    end: Value,
}

impl Fanout {
    pub(super) fn new(args: &FanoutArgs) -> Self {
        Self::with(&args.options, &args.target, &args.publication, 0)
    }

    pub(super) fn with_slow_readers(args: &SlowReadersArgs) -> Self {
        Self::with(&args.options, &args.target, &args.publication, args.stalled)
    }

    fn with(options: &Options, target: &Target, publication: &Publication, stalled: usize) -> Self {
        let readers = options.connections;
        let mut target = target.clone();
        if publication.pad > 0 {
            target.record = target.record.with_text(publication.pad);
        }
        Self {
            options: options.clone(),
            target,
            publication: publication.clone(),
            stalled,
            board: Rc::new(RefCell::new(Board { readers, arrived: readers, ..Board::default() })),
        }
    }

    /// Subscribes; returns the subscription's id and the initial result.
    fn subscribe(&self, session: &mut Session) -> Result<(String, Value), CallError> {
        let query = json_string(&self.publication.query);
        let params =
            self.publication.params.as_ref().map_or(String::new(), |params| format!(r#","params":{params}"#));
        let mut answer = session.call(&format!(r#""type":"store.subscribe","query":{query}{params}"#))?;
        match (answer["subscriptionId"].as_str().map(str::to_owned), answer.get_mut("data")) {
            (Some(id), Some(data)) => Ok((id, data.take())),
            _ => Err(CallError::Protocol(format!("store.subscribe answers {answer}"))),
        }
    }

    /// The record exists before anybody subscribes.
    fn publisher(&self, session: &mut Session) -> Result<Publisher, CallError> {
        let version = record::version(&record::ensure(session, &self.target, KEY)?)?;
        let mut board = self.board.borrow_mut();
        (board.first_version, board.last_version) = (version + 1, version);
        Ok(Publisher {
            template: update_template(&self.target, KEY, &self.target.record),
            versions: Versions::new(version, session.next_id(), 1),
            burst: self.publication.burst,
            board: Rc::clone(&self.board),
        })
    }
}

impl Workload for Fanout {
    fn lanes(&self) -> usize {
        1 + self.options.connections
    }

    fn stalled(&self) -> usize {
        self.stalled
    }

    fn counted(&self) -> Counted {
        Counted::Pushes
    }

    fn needs(&self) -> Vec<Definition> {
        vec![Definition::bucket(&self.target.bucket), Definition::query(&self.publication.query)]
    }

    fn prepare(&mut self, control: &Control<'_>) -> Result<(), CallError> {
        let session = &mut control.open()?;
        for row in 1..self.publication.rows {
            record::ensure(session, &self.target, &format!("loadtest-row-{row}"))?;
        }
        Ok(())
    }

    fn role(&mut self, index: usize, session: &mut Session) -> Result<Box<dyn Role>, CallError> {
        if index == PUBLISHER {
            return Ok(Box::new(self.publisher(session)?));
        }
        let stalls = index > self.options.connections;
        let (subscription, initial) = self.subscribe(session)?;
        let mut subscriber = Subscriber::new(subscription, stalls, Rc::clone(&self.board));
        subscriber.last = initial.to_string().into_bytes();
        subscriber.version =
            rows(&initial).find(|row| row["id"] == KEY).and_then(|row| row["_version"].as_u64());
        if subscriber.version.is_none() && self.publication.burst.is_some() {
            return Err(CallError::Protocol(format!(
                "--burst needs a query that shows \"{KEY}\" with its _version; \"{}\" does not",
                self.publication.query
            )));
        }
        Ok(Box::new(subscriber))
    }

    fn conclude(&mut self, control: &Control<'_>) -> Result<Vec<Finding>, CallError> {
        let session = &mut control.open()?;
        let record = record::get(session, &self.target, KEY)?;
        let (_, result) = self.subscribe(session)?;
        let mut findings = Vec::new();
        if contradicts(&result, &record) {
            let query = &self.publication.query;
            findings.push(Finding::inconsistent(format!(
                "query \"{query}\" and store.get differ: {result} and {record}"
            )));
        }
        self.board.borrow_mut().end = result;
        Ok(findings)
    }
}

/// Whether a query's result shows the record other than it is. A query may project some members away.
fn contradicts(result: &Value, record: &Value) -> bool {
    rows(result)
        .filter(|row| row["id"] == KEY)
        .filter_map(Value::as_object)
        .any(|row| row.iter().any(|(name, value)| record.get(name) != Some(value)))
}

/// The rows of a result; none if it is no list.
fn rows(result: &Value) -> impl Iterator<Item = &Value> {
    result.as_array().map(Vec::as_slice).unwrap_or_default().iter()
}

impl Board {
    fn note_sent(&mut self, version: u64, now: u64) {
        // A version out of step is the server's fault, which its answer will show.
        if version == self.first_version + self.sent.len() as u64 {
            self.sent.push_back(now);
            if self.sent.len() > SENT_MAX {
                self.sent.pop_front();
                self.first_version += 1;
            }
        }
        (self.last_version, self.arrived) = (version, 0);
    }

    /// How long ago the update was sent that made `version`.
    fn age(&self, version: u64, now: u64) -> Option<u64> {
        let at = usize::try_from(version.checked_sub(self.first_version)?).ok()?;
        self.sent.get(at).map(|sent| now.saturating_sub(*sent))
    }
}

#[derive(Debug)]
struct Publisher {
    template: Template,
    versions: Versions,
    burst: Option<usize>,
    board: Rc<RefCell<Board>>,
}

impl Role for Publisher {
    fn wants(&self, waiting: usize, in_flight: usize) -> usize {
        let Some(burst) = self.burst else { return in_flight.saturating_sub(waiting) };
        let board = self.board.borrow();
        if waiting == 0 && board.arrived >= board.readers { burst } else { 0 }
    }

    fn request(&mut self, id: u64, now: u64, out: &mut Vec<u8>) {
        self.board.borrow_mut().note_sent(self.versions.expected(id), now);
        self.template.append(id, out);
    }

    fn answer(&mut self, id: u64, data: &[u8], _moment: &mut Moment<'_>) -> bool {
        self.versions.check(id, data)
    }

    fn refused(&mut self, _id: u64) {
        self.versions.refused();
    }
}

#[derive(Debug)]
struct Subscriber {
    subscription: Vec<u8>,
    stalls: bool,
    /// Finds the record in a result.
    key_member: Finder<'static>,
    /// The last result, as it was sent, and the record's version in it.
    last: Vec<u8>,
    version: Option<u64>,
    board: Rc<RefCell<Board>>,
}

impl Subscriber {
    fn new(subscription: String, stalls: bool, board: Rc<RefCell<Board>>) -> Self {
        let member = format!("\"id\":{}", json_string(KEY));
        Self {
            subscription: subscription.into_bytes(),
            stalls,
            key_member: Finder::new(member.as_bytes()).into_owned(),
            last: Vec::new(),
            version: None,
            board,
        }
    }

    /// The record's version in a result. Metadata stands behind the fields in every server known.
    fn version_in(&self, result: &[u8]) -> Option<u64> {
        let record = &result[self.key_member.find(result)?..];
        leading_number(&record[memmem::find(record, VERSION)? + VERSION.len()..])
    }
}

impl Role for Subscriber {
    fn wants(&self, _waiting: usize, _in_flight: usize) -> usize {
        0
    }

    fn stalls(&self) -> bool {
        self.stalls
    }

    fn request(&mut self, _id: u64, _now: u64, _out: &mut Vec<u8>) {}

    /// It asks for nothing.
    fn answer(&mut self, _id: u64, _data: &[u8], _moment: &mut Moment<'_>) -> bool {
        false
    }

    fn push(
        &mut self,
        channel: Channel,
        subscription: &[u8],
        data: &[u8],
        moment: &mut Moment<'_>,
    ) -> Verdict {
        if channel != Channel::Subscription || subscription != self.subscription {
            return Verdict::Wrong;
        }
        if data == self.last {
            return Verdict::Duplicated;
        }
        let shown = self.version_in(data);
        let before = std::mem::replace(&mut self.version, shown);
        self.last.clear();
        self.last.extend_from_slice(data);
        let (Some(before), Some(version)) = (before, self.version) else {
            // The query does not show versions: the final state is all there is to check.
            return Verdict::Right { latency_ns: None, conflated: 0 };
        };
        if version < before {
            return Verdict::OutOfOrder;
        }
        if version == before {
            // Another row has changed.
            return Verdict::Right { latency_ns: None, conflated: 0 };
        }
        let mut board = self.board.borrow_mut();
        if version == board.last_version && !self.stalls {
            board.arrived += 1;
            if board.arrived == board.readers {
                moment.wake(PUBLISHER);
            }
        }
        Verdict::Right { latency_ns: board.age(version, moment.now), conflated: version - before - 1 }
    }

    fn settled(&self) -> bool {
        serde_json::from_slice::<Value>(&self.last).is_ok_and(|last| last == self.board.borrow().end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn subscriber() -> Subscriber {
        let mut subscriber = Subscriber::new("sub-1".to_owned(), false, Rc::default());
        subscriber.version = Some(1);
        subscriber
    }

    fn push(subscriber: &mut Subscriber, version: u64) -> Verdict {
        let data = format!(r#"[{{"id":"other","_version":9}},{{"id":"{KEY}","_version":{version}}}]"#);
        let mut wake = Vec::new();
        subscriber.push(Channel::Subscription, b"sub-1", data.as_bytes(), &mut Moment::new(1_000, &mut wake))
    }

    #[test]
    fn versions_only_grow() {
        let mut subscriber = subscriber();
        {
            let mut board = subscriber.board.borrow_mut();
            board.first_version = 2;
            for version in 2..6 {
                board.note_sent(version, 100 * version);
            }
        }
        assert_eq!(push(&mut subscriber, 2), Verdict::Right { latency_ns: Some(800), conflated: 0 });
        assert_eq!(push(&mut subscriber, 2), Verdict::Duplicated);
        assert_eq!(push(&mut subscriber, 5), Verdict::Right { latency_ns: Some(500), conflated: 2 });
        assert_eq!(push(&mut subscriber, 4), Verdict::OutOfOrder);
    }

    #[test]
    fn not_its_own() {
        let mut subscriber = subscriber();
        let mut wake = Vec::new();
        let mut moment = Moment::new(0, &mut wake);
        assert_eq!(subscriber.push(Channel::Subscription, b"sub-2", b"[]", &mut moment), Verdict::Wrong);
        assert_eq!(subscriber.push(Channel::Event, b"sub-1", b"[]", &mut moment), Verdict::Wrong);
    }

    #[test]
    fn a_burst_waits_for_all() {
        let mut subscriber = subscriber();
        subscriber.board.borrow_mut().readers = 1;
        let target = super::super::test::target();
        let mut publisher = Publisher {
            template: update_template(&target, KEY, &target.record),
            versions: Versions::new(1, 1, 1),
            burst: Some(2),
            board: Rc::clone(&subscriber.board),
        };
        subscriber.board.borrow_mut().arrived = 1;
        assert_eq!((publisher.wants(1, 9), publisher.wants(0, 9)), (0, 2));
        publisher.request(1, 0, &mut Vec::new());
        publisher.request(2, 0, &mut Vec::new());
        push(&mut subscriber, 2);
        assert_eq!(publisher.wants(0, 9), 0);
        push(&mut subscriber, 3);
        assert_eq!(publisher.wants(0, 9), 2);
    }

    #[test]
    fn last_push_decides() {
        let mut subscriber = subscriber();
        subscriber.board.borrow_mut().end = json!([{"id": "a", "_version": 2}]);
        subscriber.last = b"[]".to_vec();
        assert!(!subscriber.settled());
        subscriber.last = br#"[{"_version":2,"id":"a"}]"#.to_vec();
        assert!(subscriber.settled());
    }

    #[test]
    fn query_and_record() {
        let record = json!({"id": KEY, "a": 1, "_version": 2});
        for agreeing in [json!(7), json!([]), json!([{"id": "other", "a": 9}]), json!([{"id": KEY, "a": 1}])]
        {
            assert!(!contradicts(&agreeing, &record), "{agreeing}");
        }
        assert!(contradicts(&json!([{"id": KEY, "a": 2}]), &record));
    }
}
