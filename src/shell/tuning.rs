//! What an operator may turn about the machine's side of a server.

/// Knobs of the shell. The defaults suit a server that has its cores to itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tuning {
    /// Entries of each core's submission queue: operations that one turn hands to the kernel in
    /// one system call, rounded up to a power of two, 8 to 32,768. More may be in flight.
    pub ring_entries: u32,
    /// How long a core that has run out of mail looks for more before it sleeps, microseconds.
    /// Waking a core costs its sender 4 to 8 µs and 20 to 28 µs of latency; looking costs a whole
    /// core. 0 = sleep at once.
    pub spin_us: u32,
    /// Mail that a core handles before its connections get their turn, messages, at least 1.
    pub turn_budget: u32,
    /// Send buffer of a client's socket, bytes; 0 = as the system sees fit.
    pub send_buffer_bytes: u32,
    /// Receive buffer of a client's socket, bytes; 0 = as the system sees fit.
    pub receive_buffer_bytes: u32,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            ring_entries: 1_024,
            spin_us: 0,
            turn_budget: 256,
            send_buffer_bytes: 0,
            receive_buffer_bytes: 0,
        }
    }
}
