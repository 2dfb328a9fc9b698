//! What clients asked and were answered, and when.

/// A list or a register; the recorder numbers them, both kinds in one sequence.
pub type Object = u32;

/// What one transaction did to one object, or saw of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Put a value, unique in the list's history, at the list's end.
    Append {
        /// The list.
        list: Object,
        /// What it put there.
        value: u64,
    },
    /// Saw a whole list.
    ReadList {
        /// The list.
        list: Object,
        /// All of it, in its order.
        values: Vec<u64>,
    },
    /// Saw how long a list is.
    ReadLength {
        /// The list.
        list: Object,
        /// So long.
        length: usize,
    },
    /// Saw whether a value is in a list.
    Find {
        /// The list.
        list: Object,
        /// What it looked for.
        value: u64,
        /// Whether it was there.
        found: bool,
    },
    /// Gave a register a value, unique in the register's history.
    Write {
        /// The register.
        register: Object,
        /// Its value.
        value: u64,
        /// The version that came of it; `None` without an answer.
        version: Option<u64>,
    },
    /// Saw a register.
    Read {
        /// The register.
        register: Object,
        /// Its value.
        value: u64,
        /// Its version.
        version: u64,
    },
}

/// What became of a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// It happened.
    Committed,
    /// It did not; what it saw holds all the same.
    Failed,
    /// Nobody was told.
    Unknown,
}

/// One transaction, or one operation, as its client knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transaction {
    /// Who asked.
    pub client: u32,
    /// When it was sent: the place among all calls and answers.
    pub called: u64,
    /// When its answer was there.
    pub answered: Option<u64>,
    /// What became of it.
    pub ending: Ending,
    /// In the order of its operations.
    pub actions: Vec<Action>,
}

/// A call that awaits its answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Call(usize);

/// All transactions of a run, in the order of their calls.
#[derive(Clone, Default, Debug)]
pub struct History {
    transactions: Vec<Transaction>,
    /// Counts calls and answers: the recorder's clock.
    moments: u64,
}

impl History {
    /// Notes that a client sends a transaction, with what it will write if it happens. Note it before the
    /// first byte leaves.
    pub fn call(&mut self, client: u32, writes: Vec<Action>) -> Call {
        self.moments += 1;
        self.transactions.push(Transaction {
            client,
            called: self.moments,
            answered: None,
            ending: Ending::Unknown,
            actions: writes,
        });
        Call(self.transactions.len() - 1)
    }

    /// Notes that a call can only fail, answered or not: it names what does not exist.
    pub fn doom(&mut self, call: Call) {
        self.transactions[call.0].ending = Ending::Failed;
    }

    /// Notes the answer to a call. After a success `actions` are all that it did and saw; after a failure
    /// what it saw, beside the writes that were noted with the call and must never be seen.
    pub fn answer(&mut self, call: Call, ending: Ending, actions: Vec<Action>) {
        self.moments += 1;
        let transaction = &mut self.transactions[call.0];
        transaction.answered = Some(self.moments);
        transaction.ending = ending;
        match ending {
            Ending::Committed => transaction.actions = actions,
            Ending::Failed | Ending::Unknown => transaction.actions.extend(actions),
        }
    }

    /// Everything so far.
    pub fn transactions(&self) -> &[Transaction] {
        &self.transactions
    }
}
