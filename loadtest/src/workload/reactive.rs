//! `reactive`: many live queries with different parameters; each order that is written touches one of them, or
//! none.
//!
//! What a subscription shows is judged by one number, its *progress*: the sum of the `_version`s of its rows.
//! An insert adds a row in version 1, an update makes one version higher by 1, so each change is one step.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use memchr::memmem::{self, Finder};
use serde_json::Value;

use super::record::{self, VERSION, leading_number};
use super::{Finding, Moment, Role, Verdict, Workload};
use crate::args::{ReactiveArgs, json_string};
use crate::definitions::Definition;
use crate::machine;
use crate::random::Random;
use crate::session::{CallError, Control, MASK, Session};
use crate::wire::frame::{self, Opcode};
use crate::wire::message::Channel;

/// Subscriptions whose last result is compared with the bucket at the end, row by row; of all others only the
/// progress is.
const COMPARED_MAX: usize = 32;

/// Who owns each row.
const USER: &[u8] = b"\"userId\":\"";

#[derive(Debug)]
pub(super) struct Reactive {
    args: ReactiveArgs,
    /// Makes the names of this run's users unlike those of any other.
    run: String,
    shop: Rc<RefCell<Shop>>,
}

/// What writers and subscribers know of each other.
#[derive(Debug, Default)]
struct Shop {
    users: Vec<User>,
}

/// A user with a subscription to the own orders.
#[derive(Debug, Default)]
struct User {
    /// The progress before the run.
    progress: u64,
    /// When each change was sent.
    sent: Vec<u64>,
    answered: u64,
    /// The last result of a subscription that is compared at the end.
    result: Option<Vec<u8>>,
    seen: u64,
}

impl Reactive {
    pub(super) fn new(args: &ReactiveArgs) -> Self {
        let users = (0..args.subscriptions).map(|_| User::default()).collect();
        Self {
            args: args.clone(),
            run: machine::unique_name("u"),
            shop: Rc::new(RefCell::new(Shop { users })),
        }
    }

    fn order(&self, number: usize) -> String {
        let user = number % self.args.subscriptions;
        format!(r#"{{"id":"{}-{number}",{}"#, self.run, order_fields(&self.run, user))
    }

    /// Subscribes this connection's share of the users.
    fn subscriber(&self, connection: usize, session: &mut Session) -> Result<Subscriber, CallError> {
        let mut subscriber =
            Subscriber { users: HashMap::new(), run: self.run.clone(), shop: Rc::clone(&self.shop) };
        let query = json_string(&self.args.query);
        for user in (connection..self.args.subscriptions).step_by(self.args.options.connections) {
            let params = format!(r#"{{"userId":"{}-{user}"}}"#, self.run);
            let answer = session
                .call(&format!(r#""type":"store.subscribe","query":{query},"params":{params}"#))
                .map_err(|error| error.context("store.subscribe"))?;
            let Some(id) = answer["subscriptionId"].as_str() else {
                return Err(CallError::Protocol(format!("store.subscribe answers {answer}")));
            };
            let data = answer["data"].to_string().into_bytes();
            let mut shop = self.shop.borrow_mut();
            let known = &mut shop.users[user];
            known.progress = progress(&data);
            known.seen = known.progress;
            known.result = (user < COMPARED_MAX).then_some(data);
            let member = [USER, self.run.as_bytes(), format!("-{user}\"").as_bytes()].concat();
            subscriber.users.insert(id.as_bytes().to_vec(), (user, Finder::new(&member).into_owned()));
        }
        Ok(subscriber)
    }
}

/// The fields of an order of `user`, and the closing brace.
fn order_fields(run: &str, user: usize) -> String {
    format!(
        r#""userId":"{run}-{user}","items":"[]","total":79.99,"status":"pending","createdAt":1706745700000}}"#
    )
}

/// The sum of the versions of all rows of a result.
fn progress(result: &[u8]) -> u64 {
    let version = |at: usize| leading_number(&result[at + VERSION.len()..]).unwrap_or_default();
    memmem::find_iter(result, VERSION).map(version).sum()
}

impl Workload for Reactive {
    /// The writers come first.
    fn lanes(&self) -> usize {
        self.args.writers + self.args.options.connections
    }

    fn needs(&self) -> Vec<Definition> {
        vec![Definition::bucket("orders"), Definition::query(&self.args.query)]
    }

    fn prepare(&mut self, control: &Control<'_>) -> Result<(), CallError> {
        let session = &mut control.open()?;
        let insert =
            |number| format!(r#""type":"store.insert","bucket":"orders","data":{}"#, self.order(number));
        session.call_all((0..self.args.orders).map(insert))
    }

    fn role(&mut self, index: usize, session: &mut Session) -> Result<Box<dyn Role>, CallError> {
        if let Some(connection) = index.checked_sub(self.args.writers) {
            return Ok(Box::new(self.subscriber(connection, session)?));
        }
        Ok(Box::new(Writer {
            update: self.args.update,
            matching_percent: self.args.matching,
            orders: self.args.orders,
            run: self.run.clone(),
            random: Random::new(self.args.seed ^ index as u64),
            waiting: HashMap::new(),
            text: String::new(),
            shop: Rc::clone(&self.shop),
        }))
    }

    fn conclude(&mut self, control: &Control<'_>) -> Result<Vec<Finding>, CallError> {
        let session = &mut control.open()?;
        let mut findings = Vec::new();
        let compared = self.args.subscriptions.min(COMPARED_MAX);
        for user in 0..compared {
            let filter = format!(r#"{{"userId":"{}-{user}"}}"#, self.run);
            let rows =
                session.call(&format!(r#""type":"store.where","bucket":"orders","filter":{filter}"#))?;
            let shop = self.shop.borrow();
            let User { progress: before, answered, .. } = shop.users[user];
            let now = progress(rows.to_string().as_bytes());
            if now != before + answered {
                findings.push(Finding::inconsistent(format!(
                    "user {user}: {answered} changes were answered, but the versions of the orders sum up to \
                     {now} after {before} before"
                )));
            }
        }
        Ok(findings)
    }

    fn notes(&self) -> Vec<(&'static str, String)> {
        let ReactiveArgs { subscriptions, orders, matching, .. } = self.args;
        vec![(
            "live queries",
            format!("{subscriptions} over {orders} orders; {matching} % of the changes touch one of them"),
        )]
    }
}

#[derive(Debug)]
struct Writer {
    update: bool,
    matching_percent: u64,
    orders: usize,
    run: String,
    random: Random,
    /// The users whose orders are being changed, by request.
    waiting: HashMap<u64, usize>,
    text: String,
    shop: Rc<RefCell<Shop>>,
}

impl Writer {
    /// The next change: the request's members, and the user whose subscription it touches, if any.
    fn change(&mut self) -> (String, Option<usize>) {
        let subscriptions = self.shop.borrow().users.len();
        let matches = self.random.below(100) < self.matching_percent;
        if self.update && matches {
            let order = self.random.index(self.orders);
            let key = format!("{}-{order}", self.run);
            let data = r#"{"status":"shipped"}"#;
            let members = format!(r#""type":"store.update","bucket":"orders","key":"{key}","data":{data}"#);
            return (members, Some(order % subscriptions));
        }
        let user = if matches { self.random.index(subscriptions) } else { usize::MAX };
        let fields = order_fields(&self.run, user);
        let members = format!(r#""type":"store.insert","bucket":"orders","data":{{{fields}"#);
        (members, matches.then_some(user))
    }
}

impl Role for Writer {
    fn request(&mut self, id: u64, now: u64, out: &mut Vec<u8>) {
        use std::fmt::Write;
        let (members, user) = self.change();
        if let Some(user) = user {
            self.shop.borrow_mut().users[user].sent.push(now);
            self.waiting.insert(id, user);
        }
        self.text.clear();
        let _ = write!(self.text, "{{\"id\":{id},{members}}}");
        frame::append(out, Opcode::Text, Some(MASK), self.text.as_bytes());
    }

    fn answer(&mut self, id: u64, data: &[u8], _moment: &mut Moment<'_>) -> bool {
        if let Some(user) = self.waiting.remove(&id) {
            self.shop.borrow_mut().users[user].answered += 1;
        }
        // Others may update the same order in between: only that there is a version is sure.
        record::version_in(data, 1).is_some()
    }

    fn refused(&mut self, id: u64) {
        self.waiting.remove(&id);
    }
}

#[derive(Debug)]
struct Subscriber {
    /// By subscription: the user, and what finds the rows of that user.
    users: HashMap<Vec<u8>, (usize, Finder<'static>)>,
    run: String,
    shop: Rc<RefCell<Shop>>,
}

impl Role for Subscriber {
    fn wants(&self, _waiting: usize, _in_flight: usize) -> usize {
        0
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
        let Some((user, own_rows)) = self.users.get(subscription) else { return Verdict::Wrong };
        let shown = progress(data);
        let mut shop = self.shop.borrow_mut();
        let user = &mut shop.users[*user];
        let seen = std::mem::replace(&mut user.seen, shown);
        if let Some(result) = &mut user.result {
            result.clear();
            result.extend_from_slice(data);
        }
        let foreign_rows = own_rows.find_iter(data).count() != memmem::find_iter(data, USER).count();
        if channel != Channel::Subscription || foreign_rows || shown > user.progress + user.sent.len() as u64
        {
            return Verdict::Wrong;
        }
        match shown.cmp(&seen) {
            std::cmp::Ordering::Less => Verdict::OutOfOrder,
            std::cmp::Ordering::Equal => Verdict::Duplicated,
            std::cmp::Ordering::Greater => {
                let step = usize::try_from(shown - user.progress - 1).unwrap_or(usize::MAX);
                let latency_ns = user.sent.get(step).map(|sent| moment.now.saturating_sub(*sent));
                Verdict::Right { latency_ns, conflated: shown - seen - 1 }
            }
        }
    }

    /// All changes that were answered are shown, and what is shown is what the rows are.
    fn settled(&self) -> bool {
        let shop = self.shop.borrow();
        self.users.values().all(|(number, _)| {
            let user = &shop.users[*number];
            let readable = |result: &Vec<u8>| {
                let prefix = format!("{}-{number}", self.run);
                serde_json::from_slice::<Vec<Value>>(result)
                    .is_ok_and(|rows| rows.iter().all(|row| row["userId"] == prefix.as_str()))
            };
            user.seen == user.progress + user.answered && user.result.as_ref().is_none_or(readable)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(subscriber: &mut Subscriber, data: &str) -> Verdict {
        subscriber.push(
            Channel::Subscription,
            b"sub-1",
            data.as_bytes(),
            &mut Moment::new(500, &mut Vec::new()),
        )
    }

    #[test]
    fn one_step_per_change() {
        let user =
            User { progress: 1, seen: 1, sent: vec![100, 200, 300], answered: 3, result: Some(Vec::new()) };
        let mut subscriber = Subscriber {
            users: HashMap::from([(b"sub-1".to_vec(), (0, Finder::new(b"\"userId\":\"r-0\"").into_owned()))]),
            run: "r".to_owned(),
            shop: Rc::new(RefCell::new(Shop { users: vec![user] })),
        };
        let row = |version: u64| format!(r#"{{"userId":"r-0","_version":{version}}}"#);
        let right = |latency, conflated| Verdict::Right { latency_ns: Some(latency), conflated };
        assert_eq!(push(&mut subscriber, &format!("[{}]", row(2))), right(400, 0));
        assert_eq!(push(&mut subscriber, &format!("[{}]", row(2))), Verdict::Duplicated);
        assert!(!subscriber.settled());
        assert_eq!(push(&mut subscriber, &format!("[{},{},{}]", row(2), row(1), row(1))), right(200, 1));
        assert!(subscriber.settled());
        assert_eq!(push(&mut subscriber, &format!("[{}]", row(3))), Verdict::OutOfOrder);
        assert_eq!(push(&mut subscriber, &format!("[{}]", row(9))), Verdict::Wrong);
        assert_eq!(push(&mut subscriber, r#"[{"userId":"r-1","_version":4}]"#), Verdict::Wrong);
    }
}
