//! One table of the file: asked for key by key, it knows which keys nobody asked for.

use super::super::resolve::must_be;
use super::super::unsupported;
use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value and where it stands.
pub(super) type Located<'a> = &'a Spanned<DeValue<'a>>;

/// Collects what is wrong, by line.
pub(super) struct Report<'a> {
    file: &'a str,
    /// Where each line but the first begins, bytes.
    line_starts: Vec<usize>,
    found: RefCell<Vec<(usize, String)>>,
}

impl<'a> Report<'a> {
    pub(super) fn new(file: &'a str, text: &str) -> Self {
        let line_starts = text.match_indices('\n').map(|(at, _)| at + 1).collect();
        Self { file, line_starts, found: RefCell::default() }
    }

    /// Notes an error.
    pub(super) fn at(&self, span: Range<usize>, message: impl Into<String>) {
        self.found.borrow_mut().push((self.line(&span), message.into()));
    }

    /// The line of that place, counted from 1.
    pub(super) fn line(&self, span: &Range<usize>) -> usize {
        self.line_starts.partition_point(|start| *start <= span.start) + 1
    }

    /// `Error: <file>:<line>: <message>` for each error, in the order of the file.
    pub(super) fn into_lines(self) -> Vec<String> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|(line, _)| *line);
        found.dedup();
        found.into_iter().map(|(line, message)| format!("Error: {}:{line}: {message}", self.file)).collect()
    }
}

/// A table of the file.
pub(super) struct Table<'a> {
    pub(super) report: &'a Report<'a>,
    entries: &'a DeTable<'a>,
    /// As in the file, for messages: `[server]`, `[[auth.validator]]`; "" = top level.
    name: String,
    /// The place of its header.
    header: Range<usize>,
    asked: Vec<&'static str>,
}

impl<'a> Table<'a> {
    /// The whole file.
    pub(super) fn root(report: &'a Report<'a>, entries: &'a DeTable<'a>) -> Self {
        Self { report, entries, name: String::new(), header: 0..0, asked: Vec::new() }
    }

    /// The value as a table of that name, or an error.
    pub(super) fn of(report: &'a Report<'a>, value: Located<'a>, name: String) -> Option<Self> {
        let Some(entries) = value.get_ref().as_table() else {
            report.at(value.span(), format!("{name}: expected table, found {}", value.get_ref().type_str()));
            return None;
        };
        Some(Self { report, entries, name, header: value.span(), asked: Vec::new() })
    }

    /// The name without its brackets: `buckets.products`.
    fn path(&self) -> &str {
        self.name.trim_matches(['[', ']'])
    }

    /// `"key" in [table]`.
    fn described(&self, key: &str) -> String {
        let place =
            if self.name.is_empty() { "at top level".to_owned() } else { format!("in {}", self.name) };
        format!("\"{key}\" {place}")
    }

    /// All entries, for tables whose keys are names.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a Spanned<toml::de::DeString<'a>>, Located<'a>)> {
        self.entries.iter()
    }

    /// The name of a table inside this one.
    pub(super) fn inner_name(&self, key: &str) -> String {
        let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let quoted =
            if !key.is_empty() && key.bytes().all(bare) { key.to_owned() } else { format!("{key:?}") };
        if self.name.is_empty() { format!("[{quoted}]") } else { format!("[{}.{quoted}]", self.path()) }
    }

    /// The value of a key, if it is given.
    pub(super) fn get(&mut self, key: &'static str) -> Option<Located<'a>> {
        self.asked.push(key);
        self.entries.get(key)
    }

    /// The value as `convert` sees it; `None` of `convert` is an error, which names the value's type only.
    fn converted<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        convert: impl FnOnce(&'a DeValue<'a>) -> Option<T>,
    ) -> Option<T> {
        let value = self.get(key)?;
        let converted = convert(value.get_ref());
        if converted.is_none() {
            let found = value.get_ref().type_str();
            self.report
                .at(value.span(), format!("{}: expected {expected}, found {found}", self.described(key)));
        }
        converted
    }

    pub(super) fn string(&mut self, key: &'static str) -> Option<&'a str> {
        self.converted(key, "string", DeValue::as_str)
    }

    pub(super) fn boolean(&mut self, key: &'static str) -> Option<bool> {
        self.converted(key, "boolean", DeValue::as_bool)
    }

    pub(super) fn strings(&mut self, key: &'static str) -> Option<Vec<String>> {
        const EXPECTED: &str = "array of strings";
        let items = self.converted(key, EXPECTED, DeValue::as_array)?;
        for item in items.iter().filter(|item| !item.get_ref().is_str()) {
            let found = item.get_ref().type_str();
            let message = format!("{}: expected {EXPECTED}, found {found} among them", self.described(key));
            self.report.at(item.span(), message);
        }
        Some(items.iter().filter_map(|item| item.get_ref().as_str().map(str::to_owned)).collect())
    }

    /// An array of tables; a single table is none.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<Self> {
        let Some(array) = self.converted(key, "array of tables", DeValue::as_array) else {
            return Vec::new();
        };
        let name = format!("[{}]", self.inner_name(key));
        array.iter().filter_map(|value| Self::of(self.report, value, name.clone())).collect()
    }

    pub(super) fn table(&mut self, key: &'static str) -> Option<Self> {
        let name = self.inner_name(key);
        Self::of(self.report, self.get(key)?, name)
    }

    /// An integer within a range.
    pub(super) fn integer(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let span = self.get(key)?.span();
        let shown = self.converted(key, "integer", DeValue::as_integer)?;
        let number = u64::from_str_radix(shown.as_str(), shown.radix()).ok();
        let fitting = number.filter(|number| range.contains(number));
        if fitting.is_none() {
            self.report.at(span, format!("Invalid {key}: {shown} ({})", must_be(&range)));
        }
        fitting
    }

    /// A number that `accept`s; `range` says which in words.
    pub(super) fn number(&mut self, key: &'static str, range: &str, accept: fn(f64) -> bool) -> Option<f64> {
        let span = self.get(key)?.span();
        let shown = self.converted(key, "number", |value| match value {
            DeValue::Float(float) => Some(float.as_str()),
            DeValue::Integer(integer) if integer.radix() == 10 => Some(integer.as_str()),
            _ => None,
        })?;
        let accepted = shown.parse().ok().filter(|number| accept(*number));
        if accepted.is_none() {
            self.report.at(span, format!("Invalid {key}: {shown} (must be {range})"));
        }
        accepted
    }

    /// Notes an error at a key that was given.
    pub(super) fn complain(&self, key: &str, message: impl Into<String>) {
        let span = self.entries.get(key).map_or(0..0, Spanned::span);
        self.report.at(span, message);
    }

    /// Notes that a key is missing.
    pub(super) fn missing(&self, key: &str) {
        self.report.at(self.header(), format!("missing {}", self.described(key)));
    }

    /// Where the table begins.
    pub(super) fn header(&self) -> Range<usize> {
        self.header.clone()
    }

    /// Complains about every key that nobody asked for.
    pub(super) fn finish(self) {
        let unknown = self.entries.keys().filter(|key| !self.asked.contains(&key.get_ref().as_ref()));
        for key in unknown {
            let described = self.described(key.get_ref());
            let message = if unsupported::is_known_toml_key(&self.name, key.get_ref()) {
                format!("{described} is not supported by this version")
            } else {
                format!("unknown key {described}")
            };
            self.report.at(key.span(), message);
        }
    }
}
