//! One number over many records (02 §6).

use super::matching;
use crate::base::json::{Number, Raw};
use crate::store::column::Column;
use crate::store::{Definition, Filter, Invalid, Record, View};
use std::cmp::Ordering;

/// A number computed from one property of the matching records, in bucket order.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Aggregate {
    /// What is computed.
    pub function: Function,
    /// From which property (name with quotes). Only values that are numbers take part (S-112).
    pub field: Box<[u8]>,
}

/// What is computed of the numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Function {
    /// Their sum as a double, added in bucket order; of none 0 (S-114).
    Sum,
    /// The sum divided by how many they are; of none 0 (S-115).
    Avg,
    /// The smallest, exactly; of none null (S-116).
    Min,
    /// The largest, exactly; of none null (S-117).
    Max,
}

impl Function {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "sum" => Self::Sum,
            "avg" => Self::Avg,
            "min" => Self::Min,
            "max" => Self::Max,
            _ => return None,
        })
    }
}

impl Aggregate {
    /// Reads `{"function":…,"field":…}`; `None` = the number of records, which needs no field.
    ///
    /// # Errors
    /// An unknown function; no field for one that needs it.
    pub fn parse(json: Raw<'_>) -> Result<Option<Self>, Invalid> {
        let invalid = |path: &str, reason: &str| Invalid { path: path.into(), reason: reason.into() };
        let name = json.get(b"\"function\"").and_then(Raw::as_str);
        if name.as_deref() == Some("count") {
            return Ok(None);
        }
        let function = name.as_deref().and_then(Function::parse);
        let function =
            function.ok_or_else(|| invalid("function", "expected one of count, sum, avg, min, max"))?;
        let field = json.get(b"\"field\"").map(Raw::as_bytes);
        let field = field.filter(|field| field.starts_with(b"\"") && field.len() > 2);
        let field = field.ok_or_else(|| invalid("field", "expected non-empty string"))?;
        Ok(Some(Self { function, field: field.into() }))
    }

    /// A record's value, if it is a number.
    pub fn number(&self, record: &Record, definition: &Definition) -> Option<Number> {
        Column::new(&self.field, definition).of(record)?.as_number()
    }

    /// Appends the number. O(candidates of the filter).
    pub(super) fn evaluate(&self, view: View<'_>, filter: &Filter, out: &mut Vec<u8>) {
        let column = Column::new(&self.field, view.definition());
        let mut tally = Tally::new(self.function);
        for record in matching(view, filter) {
            tally.add(column.of(record));
        }
        tally.write("null", out);
    }
}

/// An aggregate on its way.
pub(super) enum Tally {
    Sum(f64),
    Avg {
        sum: f64,
        count: f64,
    },
    /// The best so far, and how a better one compares to it.
    Extreme(Option<Number>, Ordering),
}

impl Tally {
    pub(super) fn new(function: Function) -> Self {
        match function {
            Function::Sum => Self::Sum(0.0),
            Function::Avg => Self::Avg { sum: 0.0, count: 0.0 },
            Function::Min => Self::Extreme(None, Ordering::Less),
            Function::Max => Self::Extreme(None, Ordering::Greater),
        }
    }

    /// Takes one record's value into account, if it is a number.
    pub(super) fn add(&mut self, value: Option<Raw<'_>>) {
        let Some(number) = value.and_then(Raw::as_number) else { return };
        match self {
            Self::Sum(sum) => *sum += number.as_f64(),
            Self::Avg { sum, count } => {
                *sum += number.as_f64();
                *count += 1.0;
            }
            Self::Extreme(best, better) => {
                if best.is_none_or(|best| number.compare(best) == *better) {
                    *best = Some(number);
                }
            }
        }
    }

    /// Appends the result; `none` is what the smallest or largest of no numbers is. A sum beyond
    /// the range of doubles is null: JSON has no infinity.
    pub(super) fn write(&self, none: &str, out: &mut Vec<u8>) {
        let double = match self {
            Self::Sum(sum) => *sum,
            Self::Avg { count: 0.0, .. } => 0.0,
            Self::Avg { sum, count } => sum / count,
            Self::Extreme(Some(number), _) => return number.write(out),
            Self::Extreme(None, _) => return out.extend_from_slice(none.as_bytes()),
        };
        match double.is_finite() {
            true => Number::from_f64(double).write(out),
            false => out.extend_from_slice(b"null"),
        }
    }
}
