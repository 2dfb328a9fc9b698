//! The finer points (`[tuning]`, and flags of the same names), described once for both.

use super::flags::TuningFlags;
use crate::shell::Tuning;
use std::ops::RangeInclusive;

/// One knob: its name in the file, where it is in the two places, and its range.
pub(super) struct Knob {
    pub(super) key: &'static str,
    pub(super) option: &'static str,
    pub(super) typed: fn(&TuningFlags) -> Option<&str>,
    field: fn(&mut Tuning) -> &mut u32,
    pub(super) range: RangeInclusive<u64>,
}

/// All knobs.
pub(super) fn knobs() -> [Knob; 5] {
    /// Of Linux; what is larger is cut by `net.core.wmem_max` and `rmem_max` anyway.
    const BUFFER: RangeInclusive<u64> = 0..=1 << 30;
    [
        Knob {
            key: "ring_entries",
            option: "--ring-entries",
            typed: |flags| flags.ring_entries.as_deref(),
            field: |tuning| &mut tuning.ring_entries,
            range: 8..=32_768,
        },
        Knob {
            key: "spin_us",
            option: "--spin-us",
            typed: |flags| flags.spin_us.as_deref(),
            field: |tuning| &mut tuning.spin_us,
            range: 0..=1_000_000,
        },
        Knob {
            key: "turn_budget",
            option: "--turn-budget",
            typed: |flags| flags.turn_budget.as_deref(),
            field: |tuning| &mut tuning.turn_budget,
            range: 1..=1_000_000,
        },
        Knob {
            key: "send_buffer_bytes",
            option: "--send-buffer-bytes",
            typed: |flags| flags.send_buffer_bytes.as_deref(),
            field: |tuning| &mut tuning.send_buffer_bytes,
            range: BUFFER,
        },
        Knob {
            key: "receive_buffer_bytes",
            option: "--receive-buffer-bytes",
            typed: |flags| flags.receive_buffer_bytes.as_deref(),
            field: |tuning| &mut tuning.receive_buffer_bytes,
            range: BUFFER,
        },
    ]
}

impl Knob {
    /// Sets the knob to a number from its range.
    pub(super) fn set(&self, tuning: &mut Tuning, number: u64) {
        *(self.field)(tuning) = u32::try_from(number).expect("in range");
    }
}

#[cfg(test)]
mod tests {
    use super::{TuningFlags, knobs};
    use crate::cli::flags::Flags;
    use crate::cli::resolve::Errors;
    use crate::shell::Tuning;

    /// The knobs as these flags leave them, and what is wrong with the flags.
    fn turned(tuning: TuningFlags) -> (Tuning, Vec<String>) {
        let mut errors = Errors::default();
        let tuning = errors.tuning(&Flags { tuning, ..Flags::default() }, Tuning::default());
        (tuning, errors.finish().err().map(|failure| failure.lines).unwrap_or_default())
    }

    #[test]
    fn knobs_turn_what_they_name() {
        let typed = |number: u32| Some(number.to_string());
        let (tuning, complaints) = turned(TuningFlags {
            ring_entries: typed(16),
            spin_us: typed(17),
            turn_budget: typed(18),
            send_buffer_bytes: typed(19),
            receive_buffer_bytes: typed(20),
        });
        let wanted = Tuning {
            ring_entries: 16,
            spin_us: 17,
            turn_budget: 18,
            send_buffer_bytes: 19,
            receive_buffer_bytes: 20,
        };
        assert_eq!((tuning, complaints), (wanted, Vec::new()));
        for (knob, number) in knobs().iter().zip(16..) {
            let mut one = Tuning::default();
            knob.set(&mut one, number);
            assert_eq!(u64::from(*(knob.field)(&mut one)), number, "{}", knob.key);
            assert_eq!(knob.option, format!("--{}", knob.key.replace('_', "-")));
        }
        let flags = TuningFlags { turn_budget: Some("0".into()), ..TuningFlags::default() };
        let (_, complaints) = turned(flags);
        assert_eq!(complaints, ["Error: Invalid --turn-budget: 0 (must be integer 1-1000000)"]);
    }
}
