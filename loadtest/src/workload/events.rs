//! `events`: one connection emits numbered events, all others subscribe to their topic.
//!
//! Events are no state: a server drops them above the high-water mark (K-5), so gaps are counted, not judged.
//! What comes must be new and in order.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use memchr::memmem;

use super::record::leading_number;
use super::{Counted, Moment, Role, Verdict, Workload};
use crate::args::EventsArgs;
use crate::session::{CallError, MASK, Session};
use crate::wire::frame::{self, Opcode};
use crate::wire::message::Channel;

/// The topic of all events.
const TOPIC: &str = "loadtest.tick";

/// What stands before an event's number.
const NUMBER: &[u8] = b"\"loadtestNumber\":";

/// Events whose time of sending is remembered.
const SENT_MAX: usize = 1 << 16;

/// The emitter's lane.
const EMITTER: usize = 0;

#[derive(Debug)]
pub(super) struct Events {
    args: EventsArgs,
    sent: Rc<RefCell<Sent>>,
}

/// When the events were sent; they are numbered from 1.
#[derive(Debug, Default)]
struct Sent {
    times: VecDeque<u64>,
    last: u64,
}

impl Sent {
    fn note(&mut self, now: u64) -> u64 {
        self.times.push_back(now);
        if self.times.len() > SENT_MAX {
            self.times.pop_front();
        }
        self.last += 1;
        self.last
    }

    fn age(&self, number: u64, now: u64) -> Option<u64> {
        let back = usize::try_from(self.last.checked_sub(number)?).ok()?;
        let at = self.times.len().checked_sub(back + 1)?;
        Some(now.saturating_sub(self.times[at]))
    }
}

impl Events {
    pub(super) fn new(args: &EventsArgs) -> Self {
        Self { args: args.clone(), sent: Rc::default() }
    }
}

impl Workload for Events {
    fn lanes(&self) -> usize {
        1 + self.args.options.connections
    }

    fn counted(&self) -> Counted {
        Counted::Pushes
    }

    fn role(&mut self, index: usize, session: &mut Session) -> Result<Box<dyn Role>, CallError> {
        let sent = Rc::clone(&self.sent);
        if index == EMITTER {
            return Ok(Box::new(Emitter { sent, text: String::new() }));
        }
        let pattern = if self.args.wildcard { "loadtest.*" } else { TOPIC };
        let answer = session.call(&format!(r#""type":"rules.subscribe","pattern":"{pattern}""#))?;
        let Some(id) = answer["subscriptionId"].as_str() else {
            return Err(CallError::Protocol(format!("rules.subscribe answers {answer}")));
        };
        Ok(Box::new(Listener { subscription: id.as_bytes().to_vec(), last: None, sent }))
    }
}

#[derive(Debug)]
struct Emitter {
    sent: Rc<RefCell<Sent>>,
    text: String,
}

impl Role for Emitter {
    fn request(&mut self, id: u64, now: u64, out: &mut Vec<u8>) {
        use std::fmt::Write;
        let number = self.sent.borrow_mut().note(now);
        self.text.clear();
        let _ = write!(
            self.text,
            r#"{{"id":{id},"type":"rules.emit","topic":"{TOPIC}","data":{{"loadtestNumber":{number},"userId":"user-alice","total":79.99}}}}"#
        );
        frame::append(out, Opcode::Text, Some(MASK), self.text.as_bytes());
    }

    fn answer(&mut self, _id: u64, data: &[u8], _moment: &mut Moment<'_>) -> bool {
        memmem::find(data, TOPIC.as_bytes()).is_some() && number_in(data).is_some()
    }
}

#[derive(Debug)]
struct Listener {
    subscription: Vec<u8>,
    last: Option<u64>,
    sent: Rc<RefCell<Sent>>,
}

impl Role for Listener {
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
        let sent = self.sent.borrow();
        let number = number_in(data).filter(|number| (1..=sent.last).contains(number));
        let (Some(number), Channel::Event, true) = (number, channel, subscription == self.subscription)
        else {
            return Verdict::Wrong;
        };
        match self.last {
            Some(last) if number == last => return Verdict::Duplicated,
            Some(last) if number < last => return Verdict::OutOfOrder,
            _ => {}
        }
        // The first event that is seen may be any: another run's connections may still have been open.
        let dropped = self.last.map_or(0, |last| number - last - 1);
        self.last = Some(number);
        Verdict::Right { latency_ns: sent.age(number, moment.now), conflated: dropped }
    }
}

fn number_in(data: &[u8]) -> Option<u64> {
    leading_number(&data[memmem::find(data, NUMBER)? + NUMBER.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_only_grow() {
        let sent = Rc::new(RefCell::new(Sent::default()));
        (1..=5).for_each(|number| assert_eq!(sent.borrow_mut().note(number * 10), number));
        let mut listener = Listener { subscription: b"sub-1".to_vec(), last: None, sent };
        let mut push = |number: u64| {
            let data = format!(r#"{{"topic":"{TOPIC}","event":{{"data":{{"loadtestNumber":{number}}}}}}}"#);
            let mut wake = Vec::new();
            listener.push(Channel::Event, b"sub-1", data.as_bytes(), &mut Moment::new(100, &mut wake))
        };
        assert_eq!(push(1), Verdict::Right { latency_ns: Some(90), conflated: 0 });
        assert_eq!(push(1), Verdict::Duplicated);
        assert_eq!(push(4), Verdict::Right { latency_ns: Some(60), conflated: 2 });
        assert_eq!(push(3), Verdict::OutOfOrder);
        assert_eq!(push(6), Verdict::Wrong);
    }
}
