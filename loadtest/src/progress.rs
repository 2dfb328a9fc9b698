//! One line on the terminal that says how far the run is; nothing where standard error is no terminal.

use std::io::{IsTerminal, Write, stderr};

/// Characters of the bar.
const BAR_WIDTH: usize = 24;

/// The line; cleared when dropped.
#[derive(Debug)]
pub struct Progress {
    shown: bool,
}

impl Progress {
    /// Shows something only if it is `wanted`, and only on a terminal.
    pub fn new(wanted: bool) -> Self {
        Self { shown: wanted && stderr().is_terminal() }
    }

    /// Shows that `done` of `all` is done, with `text` behind the bar.
    pub fn show(&self, phase: &str, done: f64, all: f64, text: &str) {
        if self.shown {
            // A terminal that has gone away is no reason to stop.
            let _ = write!(stderr(), "\r\x1b[K{phase:<8} {} {text}", bar(done / all));
            let _ = stderr().flush();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}

/// A bar of which `share`, 0 to 1, is full.
fn bar(share: f64) -> String {
    let full = share.clamp(0.0, 1.0) * BAR_WIDTH as f64;
    (0..BAR_WIDTH).map(|at| if (at as f64) < full { '█' } else { '░' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars() {
        assert_eq!(bar(0.0), "░".repeat(24));
        assert_eq!(bar(0.5), "█".repeat(12) + &"░".repeat(12));
        for full in [1.0, 2.0] {
            assert_eq!(bar(full), "█".repeat(24));
        }
        assert_eq!(bar(f64::NAN), "░".repeat(24));
    }
}
