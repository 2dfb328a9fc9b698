//! From a filter's JSON to its normal form; the one reader for clients' filters and for queries
//! with places for parameters.

use super::{Filter, Term, Test, Values};
use crate::base::fault::Fault;
use crate::base::json::{self, Kind, Object, Raw};
use crate::base::limits::{FILTER_DEPTH_MAX, FILTER_TERMS_MAX};
use std::fmt;

/// What `{{ params.name }}` stands for in a filter (S-234).
#[derive(Clone, Copy, Debug)]
pub enum Parameters<'a> {
    /// Nothing but itself: the filter is a client's.
    Literal,
    /// Something that nobody knows yet: a query is being defined. What comes out matches nothing.
    Unknown,
    /// Members of this object; without one, every parameter is missing.
    Given(Option<Raw<'a>>),
}

/// What is wrong with a filter, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Invalid {
    /// Names and places from the outside in, such as `$or[1].age.$gt`.
    pub path: String,
    /// For the client's eyes.
    pub reason: String,
}

impl From<Invalid> for Fault {
    fn from(invalid: Invalid) -> Self {
        Self::validation(format!("Invalid \"filter\": {invalid}")) // S-253
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.is_empty() {
            true => f.write_str(&self.reason),
            false => write!(f, "{}: {}", self.path, self.reason),
        }
    }
}

impl Invalid {
    fn new(reason: impl Into<String>) -> Self {
        Self { path: String::new(), reason: reason.into() }
    }

    /// The same, seen from further outside.
    #[must_use]
    pub fn within(mut self, outer: &str) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{outer}{dot}{}", self.path);
        self
    }
}

impl Filter {
    /// Reads a client's filter. O(n log n).
    ///
    /// # Errors
    /// Unknown operators, operands of the wrong shape (S-253), too deep or too many terms
    /// ([`FILTER_DEPTH_MAX`], [`FILTER_TERMS_MAX`]).
    pub fn from_object(object: &Object) -> Result<Self, Invalid> {
        Reader::new(Parameters::Literal).filter(object.members(), 0)
    }

    /// Reads a filter from canonical JSON, an object, with parameters in their places. A parameter
    /// is only ever a plain value (S-236).
    ///
    /// # Errors
    /// As [`Self::from_object`]; a missing parameter as an operand (S-254).
    pub fn bind(json: Raw<'_>, parameters: Parameters<'_>) -> Result<Self, Invalid> {
        Reader::new(parameters).filter(json.members(), 0)
    }
}

/// A value with parameters resolved.
enum Resolved<'v> {
    /// Written in the filter.
    Literal(Raw<'v>),
    /// A parameter's value.
    Parameter(Raw<'v>),
    /// A parameter that is not there.
    Missing(String),
    Unknown,
}

struct Reader<'p> {
    parameters: Parameters<'p>,
    terms_left: usize,
}

impl<'p> Reader<'p> {
    fn new(parameters: Parameters<'p>) -> Self {
        Self { parameters, terms_left: FILTER_TERMS_MAX }
    }

    fn filter<'v>(
        &mut self,
        members: impl Iterator<Item = (&'v [u8], Raw<'v>)>,
        depth: usize,
    ) -> Result<Filter, Invalid>
    where
        'p: 'v,
    {
        let mut filter = Filter::default();
        for (name, value) in members {
            self.member(&mut filter, name, value, depth)
                .map_err(|invalid| invalid.within(&Raw::trusted(name).display()))?;
        }
        Ok(filter)
    }

    fn member<'v>(
        &mut self,
        filter: &mut Filter,
        name: &'v [u8],
        value: Raw<'v>,
        depth: usize,
    ) -> Result<(), Invalid>
    where
        'p: 'v,
    {
        match name {
            b"\"$and\"" => self.nested(value, depth, |reader, members, depth| {
                for (name, value) in members.members() {
                    reader
                        .member(filter, name, value, depth)
                        .map_err(|invalid| invalid.within(&Raw::trusted(name).display()))?;
                }
                Ok(())
            }),
            b"\"$or\"" => {
                let mut filters = Vec::new();
                self.nested(value, depth, |reader, members, depth| {
                    filters.push(reader.filter(members.members(), depth)?);
                    Ok(())
                })?;
                filter.push_alternatives(filters);
                Ok(())
            }
            _ => self.term(filter, name, value),
        }
    }

    /// Reads each filter of `$and` or `$or` (S-251).
    fn nested<'v>(
        &mut self,
        value: Raw<'v>,
        depth: usize,
        mut read: impl FnMut(&mut Self, Raw<'v>, usize) -> Result<(), Invalid>,
    ) -> Result<(), Invalid> {
        if value.kind() != Kind::Array {
            return Err(Invalid::new("expected array of filters"));
        }
        if depth >= FILTER_DEPTH_MAX {
            return Err(Invalid::new(format!("nested more than {FILTER_DEPTH_MAX} levels deep")));
        }
        for (at, element) in value.elements().enumerate() {
            let result = match element.kind() {
                Kind::Object => self.count().and_then(|()| read(self, element, depth + 1)),
                _ => Err(Invalid::new("expected object")),
            };
            result.map_err(|invalid| invalid.within(&format!("[{at}]")))?;
        }
        Ok(())
    }

    fn term<'v>(&mut self, filter: &mut Filter, name: &[u8], value: Raw<'v>) -> Result<(), Invalid>
    where
        'p: 'v,
    {
        let test = match self.resolve(value) {
            Resolved::Literal(value) if is_operators(value) => {
                for (operator, operand) in value.members() {
                    let operator = Raw::trusted(operator).display();
                    self.operator(filter, name, &operator, operand)?;
                }
                return Ok(());
            }
            // It could match nothing; more likely it is an operator that there is not.
            Resolved::Literal(value) if name.starts_with(b"\"$") && !value.is_scalar() => {
                return Err(Invalid::new("unknown operator"));
            }
            Resolved::Literal(value) | Resolved::Parameter(value) => Test::equals(value),
            Resolved::Missing(_) => Test::Missing,
            Resolved::Unknown => Test::Never,
        };
        self.push(filter, name, test)
    }

    fn operator<'v>(
        &mut self,
        filter: &mut Filter,
        name: &[u8],
        operator: &str,
        operand: Raw<'v>,
    ) -> Result<(), Invalid>
    where
        'p: 'v,
    {
        let within = |invalid: Invalid| invalid.within(operator);
        let Some(operand) = self.operand(operand).map_err(within)? else {
            return is_operator(operator).then_some(()).ok_or_else(|| unknown(operator));
        };
        let test = match operator {
            "$between" => {
                let bounds = self.list(operand, "expected [low, high]").map_err(within)?;
                let [low, high] = bounds[..] else {
                    return Err(within(Invalid::new("expected [low, high]")));
                };
                let low = Test::Above { bound: comparable(low).map_err(within)?, inclusive: true };
                self.push(filter, name, low)?;
                Test::Below { bound: comparable(high).map_err(within)?, inclusive: true }
            }
            "$in" | "$nin" => {
                let values = self.list(operand, "expected array").map_err(within)?;
                let values = Values::new(values.into_iter().flatten());
                if operator == "$in" { Test::In(values) } else { Test::NotIn(values) }
            }
            _ => single(operator, operand).map_err(within)?.ok_or_else(|| unknown(operator))?,
        };
        self.push(filter, name, test)
    }

    /// The elements of an array operand, parameters among them resolved; `None` = not known yet.
    fn list<'v>(&self, operand: Raw<'v>, expected: &str) -> Result<Vec<Option<Raw<'v>>>, Invalid>
    where
        'p: 'v,
    {
        match operand.kind() {
            Kind::Array => operand.elements().map(|element| self.operand(element)).collect(),
            _ => Err(Invalid::new(expected)),
        }
    }

    /// An operand; `None` = not known yet.
    fn operand<'v>(&self, operand: Raw<'v>) -> Result<Option<Raw<'v>>, Invalid>
    where
        'p: 'v,
    {
        match self.resolve(operand) {
            Resolved::Literal(value) | Resolved::Parameter(value) => Ok(Some(value)),
            Resolved::Missing(name) => Err(Invalid::new(format!("parameter \"{name}\" is missing"))), // S-254
            Resolved::Unknown => Ok(None),
        }
    }

    fn resolve<'v>(&self, value: Raw<'v>) -> Resolved<'v>
    where
        'p: 'v,
    {
        if matches!(self.parameters, Parameters::Literal) || !value.as_bytes().starts_with(b"\"{{") {
            return Resolved::Literal(value);
        }
        let text = value.display();
        let Some(name) = parameter_name(&text) else { return Resolved::Literal(value) };
        let Parameters::Given(given) = self.parameters else { return Resolved::Unknown };
        match given.and_then(|given| given.get(&json::quoted(name))) {
            Some(value) => Resolved::Parameter(value),
            None => Resolved::Missing(name.to_owned()),
        }
    }

    fn push(&mut self, filter: &mut Filter, name: &[u8], test: Test) -> Result<(), Invalid> {
        self.count()?;
        filter.push(Term { field: name.into(), test });
        Ok(())
    }

    fn count(&mut self) -> Result<(), Invalid> {
        let too_many = || Invalid::new(format!("more than {FILTER_TERMS_MAX} terms"));
        self.terms_left = self.terms_left.checked_sub(1).ok_or_else(too_many)?;
        Ok(())
    }
}

impl Filter {
    /// At least one of these must hold too; of none, none does (S-251).
    fn push_alternatives(&mut self, filters: Vec<Filter>) {
        if filters.iter().any(Filter::is_empty) {
            return; // one of them always holds
        }
        match membership(&filters) {
            Some(term) => self.terms.push(term),
            None => self.push_one_of(filters.into()),
        }
    }
}

/// The one test that says the same as alternatives of values of one property.
fn membership(filters: &[Filter]) -> Option<Term> {
    let field = match filters.first() {
        Some(first) => &first.terms.first()?.field,
        None => return Some(Term { field: b"\"$or\"".as_slice().into(), test: Test::Never }),
    };
    let mut values = Vec::with_capacity(filters.len());
    for filter in filters {
        match &filter.terms[..] {
            [term] if term.field == *field && filter.alternatives.is_none() => match &term.test {
                Test::Equals(value) => values.push(Raw::trusted(value)),
                Test::In(set) => values.extend(set.iter().map(Raw::trusted)),
                _ => return None,
            },
            _ => return None,
        }
    }
    Some(Term { field: field.clone(), test: Test::In(Values::new(values.into_iter())) })
}

/// Whether a value is an operator object (S-250).
fn is_operators(value: Raw<'_>) -> bool {
    let mut names = value.members().map(|(name, _)| name.starts_with(b"\"$")).peekable();
    names.peek().is_some() && names.all(|is_operator| is_operator)
}

const OPERATORS: [&str; 13] = [
    "$eq",
    "$neq",
    "$gt",
    "$gte",
    "$lt",
    "$lte",
    "$between",
    "$in",
    "$nin",
    "$contains",
    "$startsWith",
    "$endsWith",
    "$exists",
];

fn is_operator(name: &str) -> bool {
    OPERATORS.contains(&name)
}

fn unknown(operator: &str) -> Invalid {
    Invalid::new("unknown operator").within(operator)
}

/// The test of an operator with one operand; `None` if there is no such operator.
fn single(operator: &str, operand: Raw<'_>) -> Result<Option<Test>, Invalid> {
    let bound = || comparable(Some(operand));
    Ok(Some(match operator {
        "$eq" => Test::Equals(scalar(operand)?),
        "$neq" => Test::Differs(scalar(operand)?),
        "$gt" => Test::Above { bound: bound()?, inclusive: false },
        "$gte" => Test::Above { bound: bound()?, inclusive: true },
        "$lt" => Test::Below { bound: bound()?, inclusive: false },
        "$lte" => Test::Below { bound: bound()?, inclusive: true },
        "$contains" => Test::Contains(text(operand)?.to_lowercase().into()),
        "$startsWith" => {
            text(operand)?;
            let canonical = operand.as_bytes();
            Test::StartsWith(canonical[..canonical.len() - 1].into())
        }
        "$endsWith" => Test::EndsWith(text(operand)?),
        "$exists" => match operand.as_bytes() {
            b"true" => Test::Exists(true),
            b"false" => Test::Exists(false),
            _ => return Err(Invalid::new("expected boolean")),
        },
        _ => return Ok(None),
    }))
}

fn scalar(operand: Raw<'_>) -> Result<Box<[u8]>, Invalid> {
    match operand.is_scalar() {
        true => Ok(operand.as_bytes().into()),
        false => Err(Invalid::new("expected string, number, boolean or null")),
    }
}

/// A number or string. What is not known yet passes.
fn comparable(operand: Option<Raw<'_>>) -> Result<Box<[u8]>, Invalid> {
    let Some(operand) = operand else { return Ok(b"0".as_slice().into()) };
    match operand.kind() {
        Kind::Number | Kind::String => Ok(operand.as_bytes().into()),
        _ => Err(Invalid::new("expected number or string")),
    }
}

fn text(operand: Raw<'_>) -> Result<Box<str>, Invalid> {
    operand.as_str().map(Into::into).ok_or_else(|| Invalid::new("expected string"))
}

/// The name in `{{ params.name }}`, if the text is such a reference as a whole (S-234).
fn parameter_name(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("{{")?.strip_suffix("}}")?.trim();
    let name = inner.strip_prefix("params.")?;
    let legal = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    legal.then_some(name)
}
