//! Whether a client is still there: pings and pongs of one connection (01 §11).

/// How often clients are pinged and how long they may take to answer (P-101, K-6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Heartbeat {
    /// From one ping to the next, milliseconds, at least 1.
    pub interval_ms: u64,
    /// From a ping to its pong, milliseconds, at least 1.
    pub timeout_ms: u64,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self { interval_ms: 30_000, timeout_ms: 10_000 }
    }
}

impl Heartbeat {
    /// How long after a ping its pong has to be there: `timeoutMs`, or the next ping if that
    /// comes first (K-6).
    pub fn patience_ms(&self) -> u64 {
        self.timeout_ms.min(self.interval_ms)
    }

    /// How coarse time may be: a twentieth of the patience, at most half a second, so that
    /// clients that are due together share a ping and an idle core seldom wakes.
    pub fn tick_ms(&self) -> u64 {
        /// A wheel of more slots costs more memory than precision is worth.
        const TICKS_MAX: u64 = 4_096;
        (self.patience_ms() / 20).clamp(1, 500).max(self.interval_ms / TICKS_MAX)
    }
}

/// One connection's pings and pongs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pulse {
    /// Timestamp of the last ping; 0 = none.
    last_ping_at: u64,
    /// Timestamp in the last pong, as the client sent it (P-103).
    last_pong_at: f64,
    /// Bytes ahead of the end of the last ping that the operating system has not taken.
    ping_behind_bytes: u64,
    /// Whether it has taken any since the ping.
    moves: bool,
    is_pinged: bool,
}

/// What becomes of a connection when its pong is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The pong is there.
    Alive,
    /// It cannot be there yet: ask again.
    Unheard,
    /// It should be there.
    Dead,
}

impl Pulse {
    /// Whether a pong is being waited for.
    pub fn is_pinged(&self) -> bool {
        self.is_pinged
    }

    /// A ping with that timestamp is queued; `unsent_bytes` are, itself included.
    pub fn ping(&mut self, unix_ms: u64, unsent_bytes: u64) {
        *self = Self {
            last_ping_at: unix_ms,
            ping_behind_bytes: unsent_bytes,
            moves: false,
            is_pinged: true,
            ..*self
        };
    }

    /// A pong with that timestamp has come; it may be smaller than an earlier one (P-103).
    pub fn pong(&mut self, timestamp: f64) {
        self.last_pong_at = timestamp;
    }

    /// The operating system has taken bytes.
    pub fn sent(&mut self, bytes: u64) {
        self.ping_behind_bytes = self.ping_behind_bytes.saturating_sub(bytes);
        self.moves = true;
    }

    /// A pong is due (P-102). A client that we do not listen to, or that has the ping still ahead
    /// of it, cannot have answered; it is given up only if it has stopped reading altogether.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are below 2^53")]
    pub fn judge(&mut self, is_listened_to: bool, unsent_bytes: u64) -> Verdict {
        let is_acknowledged = self.last_pong_at >= self.last_ping_at as f64;
        let is_stuck = unsent_bytes > 0 && !std::mem::take(&mut self.moves);
        if is_acknowledged {
            self.is_pinged = false;
            Verdict::Alive
        } else if !is_stuck && (!is_listened_to || self.ping_behind_bytes > 0) {
            Verdict::Unheard
        } else {
            Verdict::Dead
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Heartbeat, Pulse, Verdict};

    #[test]
    fn a_pong_counts_by_its_timestamp() {
        // P-102, P-103, P-104
        let mut pulse = Pulse::default();
        for (timestamp, verdict) in [
            (Some(1_000.0), Verdict::Alive),
            (Some(999.0), Verdict::Dead),
            (Some(1e300), Verdict::Alive),
            (None, Verdict::Alive),
            (Some(0.0), Verdict::Dead),
        ] {
            pulse.ping(1_000, 0);
            timestamp.inspect(|timestamp| pulse.pong(*timestamp));
            assert_eq!(pulse.judge(true, 0), verdict, "{timestamp:?}");
        }
    }

    #[test]
    fn nobody_is_given_up_who_cannot_have_answered() {
        let mut pulse = Pulse::default();
        pulse.ping(1_000, 500);
        pulse.sent(100);
        assert_eq!(pulse.judge(true, 400), Verdict::Unheard, "the ping is on its way");
        assert_eq!(pulse.judge(true, 400), Verdict::Dead, "nothing moves any more");
        pulse.ping(2_000, 0);
        assert_eq!(pulse.judge(false, 0), Verdict::Unheard, "we do not read");
        assert_eq!(pulse.judge(true, 0), Verdict::Dead);
    }

    #[test]
    fn ticks_are_fine_enough_for_any_setting() {
        let tick = |interval_ms, timeout_ms| Heartbeat { interval_ms, timeout_ms }.tick_ms();
        assert_eq!((tick(30_000, 10_000), tick(80, 50), tick(1, 1)), (500, 2, 1));
        assert_eq!(tick(86_400_000, 10), 21_093);
    }
}
