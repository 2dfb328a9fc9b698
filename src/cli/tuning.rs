//! The finer points (`[tuning]`, and flags of the same names), described once for both.

use super::flags::TuningFlags;
use super::resolve::must_be;
use crate::shell::Tuning;
use std::ops::RangeInclusive;

/// One knob: its name in the file, where it is in the two places, and its range.
pub(super) struct Knob {
    pub(super) key: &'static str,
    pub(super) option: &'static str,
    typed: fn(&TuningFlags) -> Option<&str>,
    pub(super) field: fn(&mut Tuning) -> &mut u32,
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
    /// Sets the knob to what was typed, if anything was.
    ///
    /// # Errors
    /// What is wrong with it, as P-193 words it.
    pub(super) fn turn(&self, flags: &TuningFlags, tuning: &mut Tuning) -> Result<(), String> {
        let Some(typed) = (self.typed)(flags) else { return Ok(()) };
        let digits = typed.bytes().all(|byte| byte.is_ascii_digit());
        let number = typed.parse::<u64>().ok().filter(|number| digits && self.range.contains(number));
        let number = number.and_then(|number| u32::try_from(number).ok());
        let wrong = || format!("Invalid {}: {typed} ({})", self.option, must_be(&self.range));
        *(self.field)(tuning) = number.ok_or_else(wrong)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{TuningFlags, knobs};
    use crate::shell::Tuning;

    #[test]
    fn knobs_turn_what_they_name() {
        for (knob, expected) in knobs().iter().zip(["16", "17", "18", "19", "20"]) {
            let typed = Some(expected.to_owned());
            let flags = TuningFlags {
                ring_entries: typed.clone(),
                spin_us: typed.clone(),
                turn_budget: typed.clone(),
                send_buffer_bytes: typed.clone(),
                receive_buffer_bytes: typed,
            };
            let mut tuning = Tuning::default();
            knob.turn(&flags, &mut tuning).unwrap();
            let mut wanted = Tuning::default();
            *(knob.field)(&mut wanted) = expected.parse().unwrap();
            assert_eq!(tuning, wanted, "{}", knob.key);
            assert_eq!(knob.option, format!("--{}", knob.key.replace('_', "-")));
        }
        let flags = TuningFlags { turn_budget: Some("0".into()), ..TuningFlags::default() };
        let complaint = knobs()[2].turn(&flags, &mut Tuning::default()).unwrap_err();
        assert_eq!(complaint, "Invalid --turn-budget: 0 (must be integer 1-1000000)");
    }
}
