//! How an answer follows its bucket, one touching change at a time.

mod numbers;
mod rows;

use crate::base::bytes::Body;
use crate::base::json::{self, Number};
use crate::store::{Aggregate, Function, Question, Read, Record, View};
use numbers::{Extremes, Sum};
use rows::{Rows, Shape};

/// What is kept beside the answer, so that a change need not read the bucket again.
pub(super) enum Upkeep {
    /// Nothing: the answer is read from the bucket. For what that is cheap for (one record, or
    /// everything in order), and for what nothing else is known for (pages, groups, key order).
    Anew,
    /// How many records match.
    Count(u64),
    /// The numbers that are added up.
    Sum(Box<Sum>),
    /// The numbers of which one is the smallest or largest.
    Extremes(Box<Extremes>),
    /// The matching records themselves.
    Rows(Rows),
}

impl Upkeep {
    /// Begins with the state of `view`. O(candidates of the filter).
    pub(super) fn new(question: &Question, view: View<'_>) -> Self {
        let Question { filter, read } = question;
        let mut upkeep = match read {
            Read::All if filter.is_empty() => return Self::Anew,
            Read::First(_) | Read::Last(_) if view.definition().is_ordered() => return Self::Anew,
            Read::Count => Self::Count(0),
            Read::Aggregate(Aggregate { function: Function::Sum | Function::Avg, .. }) => {
                Self::Sum(Box::default())
            }
            Read::Aggregate(_) => Self::Extremes(Box::default()),
            read => {
                return Shape::of(read)
                    .map_or(Self::Anew, |shape| Self::Rows(Rows::read(question, shape, view)));
            }
        };
        let matcher = filter.matcher(view.definition());
        for record in view.candidates(filter).filter(|record| matcher.matches(record)) {
            let place = view.sequence(record.key(view.definition()).as_bytes());
            upkeep.count(question, place.expect("a record of the view is in it"), None, Some(record), view);
        }
        upkeep
    }

    /// Takes note of a change of the record at a place, which matched before, matches now, or both.
    /// Whether the answer may be another now.
    pub(super) fn apply(
        &mut self,
        question: &Question,
        place: u64,
        was: Option<&Record>,
        is: Option<&Record>,
        view: View<'_>,
    ) -> bool {
        match self {
            Self::Rows(rows) => {
                let shape = Shape::of(&question.read).expect("rows are kept for what shows records");
                rows.apply(place, was, is, shape, view)
            }
            _ => self.count(question, place, was, is, view),
        }
    }

    /// Appends the answer as of `view`, which every change until now has led to. `last` is the one
    /// that was written before, if one was: its first bytes, as many as is returned, are left out if it
    /// `shares`.
    pub(super) fn write(
        &mut self,
        question: &Question,
        view: View<'_>,
        last: Option<&Body>,
        shares: bool,
        out: &mut Vec<u8>,
    ) -> usize {
        match (self, &question.read) {
            (Self::Count(count), _) => json::digits(out, *count),
            (Self::Sum(sum), Read::Aggregate(Aggregate { function: Function::Avg, .. })) => {
                write_double(sum.average(), out);
            }
            (Self::Sum(sum), _) => write_double(sum.sum(), out),
            (Self::Extremes(extremes), Read::Aggregate(Aggregate { function: Function::Min, .. })) => {
                write_number(extremes.min(), out);
            }
            (Self::Extremes(extremes), _) => write_number(extremes.max(), out),
            (Self::Rows(rows), read) => {
                let shape = Shape::of(read).expect("rows are kept for what shows records");
                return rows.write(question, shape, view, last, shares, out);
            }
            (Self::Anew, _) => question.evaluate(view, out),
        }
        0
    }

    /// The word for it, for operators.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Anew => "evaluated",
            Self::Count(_) => "count",
            Self::Sum(_) => "sum",
            Self::Extremes(_) => "extremes",
            Self::Rows(_) => "rows",
        }
    }

    /// Everything but rows.
    fn count(
        &mut self,
        question: &Question,
        place: u64,
        was: Option<&Record>,
        is: Option<&Record>,
        view: View<'_>,
    ) -> bool {
        let number = |record: Option<&Record>| match &question.read {
            Read::Aggregate(aggregate) => aggregate.number(record?, view.definition()),
            _ => None,
        };
        match self {
            Self::Count(count) => {
                *count = *count + u64::from(is.is_some()) - u64::from(was.is_some());
                was.is_some() != is.is_some()
            }
            Self::Sum(sum) => sum.replace(place, number(was), number(is)),
            Self::Extremes(extremes) => extremes.replace(number(was), number(is)),
            Self::Anew | Self::Rows(_) => true,
        }
    }
}

/// JSON has no infinity: a sum beyond the range of doubles is null.
fn write_double(value: f64, out: &mut Vec<u8>) {
    write_number(value.is_finite().then(|| Number::from_f64(value)), out);
}

fn write_number(number: Option<Number>, out: &mut Vec<u8>) {
    match number {
        Some(number) => number.write(out),
        None => out.extend_from_slice(b"null"),
    }
}
