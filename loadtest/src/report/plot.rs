//! The measured phase as a picture: throughput and latency percentiles over time, as SVG.

use std::fmt::Write;

use super::Report;
use crate::timeline::Slot;

const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 520.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 20.0;

/// Where a panel stands, from top to bottom.
const THROUGHPUT: (f64, f64) = (60.0, 230.0);
const LATENCY: (f64, f64) = (290.0, 470.0);

/// A curve: its name, its colour, what it shows of a slot.
type Curve = (&'static str, &'static str, fn(&Slot) -> f64);

const LATENCIES: [Curve; 3] = [
    ("p50", "#1b9e77", |slot| slot.p50_us),
    ("p99", "#d95f02", |slot| slot.p99_us),
    ("max", "#7570b3", |slot| slot.max_us),
];
const OPERATIONS: [Curve; 1] = [("ops/s", "#1f78b4", |slot| slot.throughput)];

/// The picture; with a note instead of curves if the phase was too short for any.
pub(super) fn render(report: &Report) -> String {
    let mut svg = Svg { text: String::new() };
    let _ = writeln!(
        svg.text,
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">
<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>"##
    );
    let setting = &report.setting;
    let title = format!(
        "{}, {} connections, {} in flight: {:.0} ops/s, p99 {:.1} us",
        setting.workload, setting.connections, setting.in_flight, report.throughput, report.latency_us.p99
    );
    svg.label(LEFT, 28.0, "start", &title);
    match report.timeline.last() {
        None => svg.label(LEFT, 60.0, "start", "the phase was too short for a picture"),
        Some(last) => {
            let seconds = last.seconds.max(1e-9);
            svg.panel(&report.timeline, seconds, THROUGHPUT, &OPERATIONS, Scale::Linear);
            svg.panel(&report.timeline, seconds, LATENCY, &LATENCIES, Scale::Logarithmic);
            svg.label(LEFT, HEIGHT - 22.0, "start", "0 s");
            svg.label(WIDTH - RIGHT, HEIGHT - 22.0, "end", &format!("{seconds:.1} s"));
        }
    }
    svg.text.push_str("</svg>\n");
    svg.text
}

#[derive(Clone, Copy, PartialEq)]
enum Scale {
    Linear,
    /// In powers of ten.
    Logarithmic,
}

struct Svg {
    text: String,
}

impl Svg {
    fn panel(
        &mut self,
        slots: &[Slot],
        seconds: f64,
        (top, bottom): (f64, f64),
        curves: &[Curve],
        scale: Scale,
    ) {
        let values = || curves.iter().flat_map(|(_, _, read)| slots.iter().map(read));
        let highest = values().fold(1.0, f64::max);
        let lowest = values().filter(|value| *value > 0.0).fold(highest, f64::min);
        let (low, high) = match scale {
            Scale::Linear => (0.0, highest * 1.1),
            Scale::Logarithmic => {
                (lowest.log10().floor(), highest.log10().ceil().max(lowest.log10().floor() + 1.0))
            }
        };
        let y = |value: f64| {
            let value = if scale == Scale::Linear { value } else { value.max(lowest).log10() };
            bottom - (value - low) / (high - low) * (bottom - top)
        };
        let x = |seconds_in: f64| LEFT + seconds_in / seconds * (WIDTH - LEFT - RIGHT);
        let ticks: Vec<f64> = match scale {
            Scale::Linear => (0..=2).map(|step| highest * f64::from(step) / 2.0).collect(),
            Scale::Logarithmic => powers_of_ten(low, high),
        };
        for tick in ticks {
            let at = y(tick);
            let right = WIDTH - RIGHT;
            let _ = writeln!(
                self.text,
                r##"<line x1="{LEFT}" y1="{at:.1}" x2="{right}" y2="{at:.1}" stroke="#dddddd"/>"##
            );
            self.label(LEFT - 6.0, at + 4.0, "end", &short(tick));
        }
        for (place, (name, colour, read)) in (0u8..).zip(curves) {
            let points: String =
                slots.iter().map(|slot| format!("{:.1},{:.1} ", x(slot.seconds), y(read(slot)))).collect();
            let _ = writeln!(
                self.text,
                r#"<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{}"/>"#,
                points.trim_end()
            );
            let unit = if scale == Scale::Linear { "" } else { " us" };
            let left = LEFT + 90.0 * f64::from(place);
            let (box_top, text_top) = (top - 20.0, top - 11.0);
            let _ = writeln!(
                self.text,
                r#"<rect x="{left}" y="{box_top}" width="10" height="10" fill="{colour}"/>"#
            );
            self.label(left + 15.0, text_top, "start", &format!("{name}{unit}"));
        }
    }

    fn label(&mut self, x: f64, y: f64, anchor: &str, text: &str) {
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        let _ = writeln!(
            self.text,
            r##"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" fill="#333333">{text}</text>"##
        );
    }
}

/// The powers of ten from 10^low to 10^high, at most ten.
fn powers_of_ten(low: f64, high: f64) -> Vec<f64> {
    (0..10)
        .map(|step| low + f64::from(step))
        .take_while(|power| *power <= high)
        .map(|power| 10f64.powf(power))
        .collect()
}

/// A number as an axis shows it.
fn short(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{:.1} M", v / 1e6),
        v if v >= 1e4 => format!("{:.0} k", v / 1e3),
        v if v >= 10.0 => format!("{v:.0}"),
        v => format!("{v:.1}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{report, tally};
    use super::*;
    use crate::tally::Counted;
    use std::time::Duration;

    #[test]
    fn curves_stay_in_the_picture() {
        let mut tally = tally(Counted::Answers);
        for second in 1..=3 {
            tally.answer(5_000_000);
            tally.timeline().end_slot(Duration::from_secs(second), Duration::from_secs(1), None);
        }
        let svg = report(tally).to_svg();
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{svg}");
        assert_eq!(svg.matches("<polyline").count(), 4);
        let numbers =
            svg.split("points=\"").skip(1).flat_map(|rest| rest[..rest.find('"').unwrap()].split([' ', ',']));
        for number in numbers {
            let number: f64 = number.parse().unwrap();
            assert!((0.0..=WIDTH).contains(&number), "{svg}");
        }
    }

    #[test]
    fn too_short_for_a_picture() {
        let svg = report(tally(Counted::Answers)).to_svg();
        assert!(svg.contains("too short") && !svg.contains("<polyline"), "{svg}");
    }
}
