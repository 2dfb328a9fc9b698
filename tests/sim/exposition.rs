//! The text format of Prometheus, read strictly: what is not well-formed fails.

use std::collections::BTreeMap;

/// Samples by name and labels as they stand in the text, such as `a_total{shard="0"}`.
pub(crate) struct Exposition(BTreeMap<String, f64>);

impl Exposition {
    /// Reads a text: every family has a help, a type, and its samples in one piece; counters, and
    /// only they, end in `_total`; nothing is said twice.
    pub(crate) fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line is complete");
        let (mut samples, mut families) = (BTreeMap::new(), BTreeMap::new());
        let (mut help, mut family) = (None, (String::new(), String::new()));
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, words) = rest.split_once(' ').expect("a help");
                assert!(!words.trim().is_empty(), "{line}");
                help = Some(name.to_owned());
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a type");
                assert_eq!(help.take().as_deref(), Some(name), "a help stands before its type");
                assert!(is_name(name) && ["counter", "gauge"].contains(&kind), "{line}");
                assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
                family = (name.to_owned(), kind.to_owned());
                assert!(families.insert(name.to_owned(), 0).is_none(), "{name} comes twice");
            } else {
                let (series, value) = line.rsplit_once(' ').expect("a value");
                let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
                assert_eq!(name, family.0, "a sample stands under its type");
                let labels = labels.strip_suffix('}').expect("a closing brace");
                labels.split(',').filter(|label| !label.is_empty()).for_each(|label| {
                    let (name, value) = label.split_once('=').expect("a label");
                    assert!(is_name(name) && value.starts_with('"') && value.ends_with('"'), "{line}");
                });
                let value: f64 = value.parse().expect("a number");
                assert!(value >= 0.0 && value.is_finite(), "{line}");
                assert!(samples.insert(series.to_owned(), value).is_none(), "{series} comes twice");
                *families.get_mut(name).expect("just seen") += 1;
            }
        }
        assert!(families.values().all(|count| *count > 0), "every family has samples");
        Self(samples)
    }

    /// The sum of all samples of a name whose labels contain a text.
    pub(crate) fn sum(&self, name: &str, label: &str) -> u64 {
        let of = |series: &str| series.split('{').next() == Some(name) && series.contains(label);
        let mut values = self.0.iter().filter(|(series, _)| of(series)).map(|(_, value)| *value).peekable();
        assert!(values.peek().is_some(), "there is no {name} with {label:?}");
        let sum: f64 = values.sum();
        format!("{sum:.0}").parse().expect("a whole number")
    }

    /// How many samples there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
