//! `transfer`: money moves between the two accounts of a pair, one in each of two buckets.
//!
//! Both balances are written in one transaction and always add up to the same sum (S-171). Accounts are written
//! only together, so the versions of a pair grow in step, and whoever reads a pair must see both. With `--check`
//! the history of all transactions is recorded and must be strictly serialisable.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use memchr::memmem;
use serde_json::Value;

use super::record::{VERSION, leading_number};
use super::results::results;
use super::{Finding, Moment, Role, Workload};
use crate::args::{TransferArgs, json_string};
use crate::check::{self, Action, Call, Ending, History};
use crate::definitions::Definition;
use crate::random::Random;
use crate::session::{CallError, Control, MASK, Session};
use crate::wire::frame::{self, Opcode};

/// What the two balances of a pair add up to.
const SUM: u64 = 1_000_000_000_000;

/// Transactions in a history, at most: about a gigabyte while it is checked. Then nothing more is sent.
const HISTORY_MAX: usize = 2_000_000;

/// Pairs that one transaction reads.
const PAIRS_READ: usize = 2;

const BALANCE: &[u8] = b"\"balance\":";

#[derive(Debug)]
pub(super) struct Transfer {
    args: TransferArgs,
    bank: Rc<RefCell<Bank>>,
}

/// What all connections know together.
#[derive(Debug)]
struct Bank {
    pairs: Vec<Pair>,
    /// The balance that the next transfer gives to the first account of a pair: each is given once only, so
    /// that whoever sees it knows the transfer.
    next_balance: u64,
    transfers: u64,
    audits: u64,
    history: Option<History>,
    verdict: Option<String>,
}

/// Two accounts with the same key, in two buckets.
#[derive(Debug)]
struct Pair {
    /// The versions before the run.
    versions: [u64; 2],
    /// Transfers that were answered.
    transfers: u64,
}

/// What an account shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Account {
    balance: u64,
    version: u64,
}

impl Transfer {
    pub(super) fn new(args: &TransferArgs) -> Self {
        let history = args.check.then(History::default);
        let bank =
            Bank { pairs: Vec::new(), next_balance: 1, transfers: 0, audits: 0, history, verdict: None };
        Self { args: args.clone(), bank: Rc::new(RefCell::new(bank)) }
    }

    /// Sees to it that a pair exists with the right sum.
    fn open_pair(&self, session: &mut Session, pair: usize) -> Result<(), CallError> {
        let buckets = self.buckets();
        for bucket in &buckets {
            let data = format!(r#"{{"id":"{}","balance":0}}"#, key(pair));
            match session.call(&format!(r#""type":"store.insert","bucket":{bucket},"data":{data}"#)) {
                Err(CallError::Refused { code, .. }) if code == "ALREADY_EXISTS" => {}
                inserted => drop(inserted?),
            }
        }
        let mut bank = self.bank.borrow_mut();
        let balance = bank.take_balance();
        let call = bank.call(0, &Job::Transfer { pair, balance, swapped: false });
        let answer = session.call(&transfer_members(&buckets, pair, balance, false))?;
        let text = answer.to_string();
        let accounts = results::<2>(text.as_bytes()).and_then(|both| read_pair(both, pair));
        let accounts =
            accounts.ok_or_else(|| CallError::Protocol(format!("store.transaction answers {text}")))?;
        bank.pairs.push(Pair { versions: accounts.map(|account| account.version), transfers: 0 });
        let writes = accounts.map(Some);
        bank.answered(call, transfer_actions(pair, balance, writes));
        Ok(())
    }

    fn buckets(&self) -> [String; 2] {
        [json_string(&self.args.bucket), json_string(&self.args.other_bucket)]
    }

    /// The recorded history, judged.
    fn judge(&self, findings: &mut Vec<Finding>) {
        let mut bank = self.bank.borrow_mut();
        let Some(history) = bank.history.take() else { return };
        match check::check(&history) {
            Ok(summary) => {
                let full =
                    if history.transactions().len() >= HISTORY_MAX { " (as many as are kept)" } else { "" };
                let text = format!(
                    "strictly serialisable: {} transactions{full}, {} dependencies",
                    summary.transactions, summary.edges
                );
                bank.verdict = Some(text);
            }
            Err(violation) => {
                bank.verdict = Some("NOT strictly serialisable".to_owned());
                findings.push(Finding::inconsistent(format!("not strictly serialisable: {violation}")));
            }
        }
    }
}

impl Workload for Transfer {
    fn lanes(&self) -> usize {
        self.args.options.connections
    }

    fn needs(&self) -> Vec<Definition> {
        vec![Definition::bucket(&self.args.bucket), Definition::bucket(&self.args.other_bucket)]
    }

    fn prepare(&mut self, control: &Control<'_>) -> Result<(), CallError> {
        let session = &mut control.open()?;
        (0..self.args.accounts).try_for_each(|pair| self.open_pair(session, pair))
    }

    fn role(&mut self, index: usize, _session: &mut Session) -> Result<Box<dyn Role>, CallError> {
        let client = u32::try_from(index + 1).unwrap_or(u32::MAX);
        Ok(Box::new(Teller {
            client,
            buckets: self.buckets(),
            audit_percent: self.args.audits,
            random: Random::new(self.args.seed ^ u64::from(client).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            waiting: VecDeque::new(),
            text: String::new(),
            bank: Rc::clone(&self.bank),
        }))
    }

    fn conclude(&mut self, control: &Control<'_>) -> Result<Vec<Finding>, CallError> {
        let session = &mut control.open()?;
        let mut findings = Vec::new();
        let mut total = 0;
        for pair in 0..self.args.accounts {
            let job = Job::Audit { pairs: [pair; PAIRS_READ] };
            let call = self.bank.borrow_mut().call(0, &job);
            let text = session.call(&audit_members(&self.buckets(), [pair; PAIRS_READ]))?.to_string();
            let accounts = results::<4>(text.as_bytes()).and_then(|[a, b, _, _]| read_pair([a, b], pair));
            let mut bank = self.bank.borrow_mut();
            match accounts {
                Some(accounts) if bank.is_up_to_date(pair, accounts) => {
                    total += accounts[0].balance + accounts[1].balance;
                    bank.answered(call, audit_actions(pair, accounts));
                }
                _ => findings.push(Finding::inconsistent(format!(
                    "pair {pair} after {} transfers: {text}",
                    bank.pairs[pair].transfers
                ))),
            }
        }
        let expected = SUM * self.args.accounts as u64;
        if findings.is_empty() && total != expected {
            findings.push(Finding::inconsistent(format!("all balances sum up to {total}, not {expected}")));
        }
        self.judge(&mut findings);
        Ok(findings)
    }

    fn notes(&self) -> Vec<(&'static str, String)> {
        let bank = self.bank.borrow();
        let counts = format!("{} transfers, {} audits in the whole run", bank.transfers, bank.audits);
        let mut notes = vec![("transactions", counts)];
        notes.extend(bank.verdict.clone().map(|verdict| ("history", verdict)));
        notes
    }
}

/// What a transaction is for.
#[derive(Clone, Copy, Debug)]
enum Job {
    /// Gives `balance` to the first account of the pair and the rest of the sum to the second; `swapped`: the
    /// second account first.
    Transfer { pair: usize, balance: u64, swapped: bool },
    /// Reads both accounts of these pairs.
    Audit { pairs: [usize; PAIRS_READ] },
}

impl Bank {
    fn take_balance(&mut self) -> u64 {
        self.next_balance += 1;
        self.next_balance - 1
    }

    fn is_full(&self) -> bool {
        self.history.as_ref().is_some_and(|history| history.transactions().len() >= HISTORY_MAX)
    }

    /// Whether the accounts add up and have grown in step.
    fn is_consistent(&self, pair: usize, [a, b]: [Account; 2]) -> bool {
        let [version_a, version_b] = self.pairs[pair].versions;
        a.balance + b.balance == SUM && a.version.wrapping_sub(version_a) == b.version.wrapping_sub(version_b)
    }

    /// Whether they are consistent and show as many transfers as were answered.
    fn is_up_to_date(&self, pair: usize, accounts: [Account; 2]) -> bool {
        let Pair { versions, transfers } = self.pairs[pair];
        self.is_consistent(pair, accounts) && accounts[0].version == versions[0] + transfers
    }

    /// Notes a call in the history, if there is one.
    fn call(&mut self, client: u32, job: &Job) -> Option<Call> {
        let history = self.history.as_mut()?;
        let writes = match *job {
            Job::Transfer { pair, balance, .. } => transfer_actions(pair, balance, [None, None]),
            Job::Audit { .. } => Vec::new(),
        };
        Some(history.call(client, writes))
    }

    fn answered(&mut self, call: Option<Call>, actions: Vec<Action>) {
        if let (Some(call), Some(history)) = (call, &mut self.history) {
            history.answer(call, Ending::Committed, actions);
        }
    }

    fn failed(&mut self, call: Option<Call>) {
        if let (Some(call), Some(history)) = (call, &mut self.history) {
            history.answer(call, Ending::Failed, Vec::new());
        }
    }
}

/// One connection that transfers and audits.
#[derive(Debug)]
struct Teller {
    client: u32,
    buckets: [String; 2],
    audit_percent: u64,
    random: Random,
    /// What is in flight, by id.
    waiting: VecDeque<(u64, Job, Option<Call>)>,
    text: String,
    bank: Rc<RefCell<Bank>>,
}

impl Teller {
    fn take(&mut self, id: u64) -> Option<(Job, Option<Call>)> {
        let at = self.waiting.iter().position(|(waiting, ..)| *waiting == id)?;
        let (_, job, call) = self.waiting.remove(at)?;
        Some((job, call))
    }

    fn job(&mut self) -> Job {
        let pairs = self.bank.borrow().pairs.len();
        if self.random.below(100) < self.audit_percent {
            Job::Audit { pairs: std::array::from_fn(|_| self.random.index(pairs)) }
        } else {
            let balance = self.bank.borrow_mut().take_balance();
            Job::Transfer { pair: self.random.index(pairs), balance, swapped: self.random.below(2) == 1 }
        }
    }
}

impl Role for Teller {
    fn wants(&self, waiting: usize, in_flight: usize) -> usize {
        if self.bank.borrow().is_full() { 0 } else { in_flight.saturating_sub(waiting) }
    }

    fn request(&mut self, id: u64, _now: u64, out: &mut Vec<u8>) {
        use std::fmt::Write;
        let job = self.job();
        let call = self.bank.borrow_mut().call(self.client, &job);
        self.waiting.push_back((id, job, call));
        let members = match job {
            Job::Transfer { pair, balance, swapped } => {
                transfer_members(&self.buckets, pair, balance, swapped)
            }
            Job::Audit { pairs } => audit_members(&self.buckets, pairs),
        };
        self.text.clear();
        let _ = write!(self.text, "{{\"id\":{id},{members}}}");
        frame::append(out, Opcode::Text, Some(MASK), self.text.as_bytes());
    }

    fn answer(&mut self, id: u64, data: &[u8], _moment: &mut Moment<'_>) -> bool {
        let Some((job, call)) = self.take(id) else { return false };
        let mut bank = self.bank.borrow_mut();
        match job {
            Job::Transfer { pair, balance, swapped } => {
                bank.transfers += 1;
                bank.pairs[pair].transfers += 1;
                let accounts = results::<2>(data)
                    .map(|[a, b]| if swapped { [b, a] } else { [a, b] })
                    .and_then(|both| read_pair(both, pair));
                let Some(accounts) = accounts else { return false };
                bank.answered(call, transfer_actions(pair, balance, accounts.map(Some)));
                accounts[0].balance == balance && bank.is_consistent(pair, accounts)
            }
            Job::Audit { pairs: [first, second] } => {
                bank.audits += 1;
                let Some([a, b, c, d]) = results::<4>(data) else { return false };
                let (Some(one), Some(two)) = (read_pair([a, b], first), read_pair([c, d], second)) else {
                    return false;
                };
                let actions = [audit_actions(first, one), audit_actions(second, two)].concat();
                bank.answered(call, actions);
                bank.is_consistent(first, one) && bank.is_consistent(second, two)
            }
        }
    }

    fn refused(&mut self, id: u64) {
        if let Some((_, call)) = self.take(id) {
            self.bank.borrow_mut().failed(call);
        }
    }
}

fn key(pair: usize) -> String {
    format!("loadtest-{pair}")
}

/// Each account is a register of the history.
fn registers(pair: usize) -> [u32; 2] {
    let first = u32::try_from(2 * pair).unwrap_or(u32::MAX - 1);
    [first, first + 1]
}

fn transfer_members(buckets: &[String; 2], pair: usize, balance: u64, swapped: bool) -> String {
    let update = |at: usize, balance: u64| {
        let (bucket, key) = (&buckets[at], key(pair));
        format!(r#"{{"op":"update","bucket":{bucket},"key":"{key}","data":{{"balance":{balance}}}}}"#)
    };
    let (one, other) = (update(0, balance), update(1, SUM - balance));
    let (one, other) = if swapped { (other, one) } else { (one, other) };
    format!(r#""type":"store.transaction","operations":[{one},{other}]"#)
}

fn audit_members(buckets: &[String; 2], pairs: [usize; PAIRS_READ]) -> String {
    let [first, second] = pairs.map(|pair| {
        let key = key(pair);
        let get = |bucket: &String| format!(r#"{{"op":"get","bucket":{bucket},"key":"{key}"}}"#);
        format!("{},{}", get(&buckets[0]), get(&buckets[1]))
    });
    format!(r#""type":"store.transaction","operations":[{first},{second}]"#)
}

fn transfer_actions(pair: usize, balance: u64, accounts: [Option<Account>; 2]) -> Vec<Action> {
    let [a, b] = registers(pair);
    let version = |at: usize| accounts[at].map(|account: Account| account.version);
    vec![
        Action::Write { register: a, value: balance, version: version(0) },
        Action::Write { register: b, value: SUM - balance, version: version(1) },
    ]
}

fn audit_actions(pair: usize, accounts: [Account; 2]) -> Vec<Action> {
    let read = |(register, account): (u32, Account)| Action::Read {
        register,
        value: account.balance,
        version: account.version,
    };
    registers(pair).into_iter().zip(accounts).map(read).collect()
}

/// The accounts of a pair, as two records show them.
fn read_pair(records: [&[u8]; 2], pair: usize) -> Option<[Account; 2]> {
    let key = key(pair);
    Some([read_account(records[0], &key)?, read_account(records[1], &key)?])
}

fn read_account(record: &[u8], key: &str) -> Option<Account> {
    let number =
        |name: &[u8]| memmem::find(record, name).and_then(|at| leading_number(&record[at + name.len()..]));
    let usual = || {
        memmem::find(record, format!("\"id\":\"{key}\"").as_bytes())?;
        Some(Account { balance: number(BALANCE)?, version: number(VERSION)? })
    };
    usual().or_else(|| {
        let record: Value = serde_json::from_slice(record).ok()?;
        let account = Account { balance: record["balance"].as_u64()?, version: record["_version"].as_u64()? };
        (record["id"] == key).then_some(account)
    })
}

#[cfg(test)]
mod tests {
    use super::super::test::answers;
    use super::*;

    fn account(balance: u64, version: u64) -> String {
        format!(r#"{{"id":"loadtest-0","balance":{balance},"_version":{version}}}"#)
    }

    /// A teller of one pair who has sent one transfer with the balance 7, or one audit.
    fn teller(audit_percent: u64) -> Teller {
        let bank = Bank {
            pairs: vec![Pair { versions: [3, 5], transfers: 0 }],
            next_balance: 7,
            transfers: 0,
            audits: 0,
            history: Some(History::default()),
            verdict: None,
        };
        let mut teller = Teller {
            client: 1,
            buckets: ["\"a\"".to_owned(), "\"b\"".to_owned()],
            audit_percent,
            random: Random::new(1),
            waiting: VecDeque::new(),
            text: String::new(),
            bank: Rc::new(RefCell::new(bank)),
        };
        teller.request(9, 0, &mut Vec::new());
        teller
    }

    fn check_audit(accounts: [String; 4], right: bool) {
        let [a, b, c, d] = accounts;
        let data = format!(
            r#"{{"results":[{{"index":0,"data":{a}}},{{"index":1,"data":{b}}},{{"index":2,"data":{c}}},{{"index":3,"data":{d}}}]}}"#
        );
        assert_eq!(answers(&mut teller(100), 9, &data), right, "{data}");
    }

    #[test]
    fn a_pair_is_seen_whole() {
        let old = || [account(1, 3), account(SUM - 1, 5)];
        let new = || [account(2, 4), account(SUM - 2, 6)];
        let all = |[a, b]: [String; 2], [c, d]: [String; 2]| [a, b, c, d];
        check_audit(all(old(), old()), true);
        check_audit(all(old(), new()), true);
        let [a, _] = new();
        let [_, b] = old();
        check_audit(all([a, b], new()), false);
        check_audit(all([account(2, 4), account(SUM - 2, 5)], new()), false);
    }

    #[test]
    fn a_transfer_is_answered_as_it_was_asked() {
        for (balance, right) in [(7, true), (8, false)] {
            let mut teller = teller(0);
            let Job::Transfer { swapped, .. } = teller.waiting[0].1 else { panic!("a transfer") };
            let (a, b) = (account(balance, 4), account(SUM - balance, 6));
            let (a, b) = if swapped { (b, a) } else { (a, b) };
            let data = format!(r#"{{"results":[{{"index":0,"data":{a}}},{{"index":1,"data":{b}}}]}}"#);
            assert_eq!(answers(&mut teller, 9, &data), right);
            assert!(teller.waiting.is_empty() && !answers(&mut teller, 9, &data));
        }
    }
}
