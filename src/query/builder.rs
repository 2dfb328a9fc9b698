//! How an embedding program writes queries: a function from parameters to a plan.

use super::plan::{Leaf, Plan, Template};
use crate::base::fault::{Code, Fault};
use crate::base::json::{self, Object, Parser, Raw};
use crate::store::{Aggregate, Filter, Function, Group, Key, Read, Select, Term, Test};
use std::borrow::Cow;
use std::fmt::{self, Display};

/// What a query function builds plans with.
///
/// ```
/// use noex_server::query::Definition;
///
/// Definition::program(|q, params| {
///     q.object([
///         ("orders", q.bucket("orders").equals("userId", params.get("userId")).last(20)),
///         ("open", q.bucket("orders").filter(r#"{"status":{"$in":["new","paid"]}}"#).count()),
///     ])
/// });
/// ```
#[derive(Debug)]
pub struct Builder;

impl Builder {
    /// Begins a read of that bucket. Whether it exists is seen when somebody subscribes (S-127).
    pub fn bucket(&self, name: &str) -> Source {
        Source { bucket: name.into(), filter: Ok(Filter::default()) }
    }

    /// Puts results into an object.
    ///
    /// # Errors
    /// The first one of the parts; two of one name; too many or too deep
    /// ([`PLAN_READS_MAX`](crate::base::limits::PLAN_READS_MAX),
    /// [`PLAN_DEPTH_MAX`](crate::base::limits::PLAN_DEPTH_MAX)).
    pub fn object<N: Into<Box<str>>>(
        &self,
        members: impl IntoIterator<Item = (N, Result<Plan, Fault>)>,
    ) -> Result<Plan, Fault> {
        let members = members.into_iter().map(|(name, plan)| Ok((name.into(), plan?)));
        Plan::Object(members.collect::<Result<_, Fault>>()?).checked()
    }

    /// Puts results into an array.
    ///
    /// # Errors
    /// As [`Self::object`].
    pub fn array(&self, plans: impl IntoIterator<Item = Result<Plan, Fault>>) -> Result<Plan, Fault> {
        Plan::Array(plans.into_iter().collect::<Result<_, _>>()?).checked()
    }
}

/// One bucket and the records of it that count: ends with what is read of them.
///
/// JSON is given as anything that prints as JSON: text, or a `serde_json::Value`.
#[derive(Debug)]
#[must_use = "a source reads nothing until it is told what"]
pub struct Source {
    bucket: Box<str>,
    filter: Result<Filter, Fault>,
}

impl Source {
    /// Only records that match the filter, a JSON object (S-101, A.1). Repeated filters all must
    /// match. Values from clients belong into [`Self::equals`]: printed into a filter they could
    /// be operators (S-236).
    pub fn filter(mut self, json: impl Display) -> Self {
        self.filter = self.filter.and_then(|mut filter| {
            filter.and(object(&json.to_string())?);
            Ok(filter)
        });
        self
    }

    /// Only records whose property is strictly equal to the value, whatever it is; a parameter
    /// that is missing equals a missing property (S-235).
    pub fn equals(mut self, property: &str, value: Params<'_>) -> Self {
        if let Ok(filter) = &mut self.filter {
            let test = value.0.map_or(Test::Missing, Test::equals);
            filter.push(Term { field: json::quoted(property), test });
        }
        self
    }

    /// The record of that key (JSON), or null.
    pub fn get(self, key: impl Display) -> Result<Plan, Fault> {
        let key = canonical(&key.to_string()).map_err(|Failed| not_json("key"))?;
        self.read(Read::Get(key))
    }

    /// All matching records, in bucket order.
    pub fn all(self) -> Result<Plan, Fault> {
        self.read(Read::All)
    }

    /// The first matching record in bucket order, or null.
    pub fn find_one(self) -> Result<Plan, Fault> {
        self.read(Read::One)
    }

    /// The number of matching records.
    pub fn count(self) -> Result<Plan, Fault> {
        self.read(Read::Count)
    }

    /// The first `n`.
    pub fn first(self, n: u64) -> Result<Plan, Fault> {
        self.read(Read::First(n))
    }

    /// The last `n`, in ascending order.
    pub fn last(self, n: u64) -> Result<Plan, Fault> {
        self.read(Read::Last(n))
    }

    /// A page; `after` is the key (JSON) behind which it begins.
    pub fn paginate(self, limit: u64, after: Option<&dyn Display>) -> Result<Plan, Fault> {
        let after = after.map(|key| canonical(&key.to_string()).map_err(|Failed| not_json("after")));
        self.read(Read::Page { limit, after: after.transpose()?.map(Box::new) })
    }

    /// The sum of a property's numbers, as a double.
    pub fn sum(self, field: &str) -> Result<Plan, Fault> {
        self.aggregate(Function::Sum, field)
    }

    /// Their average.
    pub fn avg(self, field: &str) -> Result<Plan, Fault> {
        self.aggregate(Function::Avg, field)
    }

    /// The smallest.
    pub fn min(self, field: &str) -> Result<Plan, Fault> {
        self.aggregate(Function::Min, field)
    }

    /// The largest.
    pub fn max(self, field: &str) -> Result<Plan, Fault> {
        self.aggregate(Function::Max, field)
    }

    /// How many records each combination of values has, or an aggregate of each (02 A.3).
    pub fn group_by(self, by: &[&str], aggregate: Option<(Function, &str)>) -> Result<Plan, Fault> {
        let aggregate = aggregate.map(|(function, field)| Aggregate { function, field: json::quoted(field) });
        let by = by.iter().map(|field| json::quoted(field)).collect();
        self.read(Read::Group(Box::new(Group { by, aggregate })))
    }

    /// Sorted, cut out and projected (02 §12).
    pub fn select(self, select: Select) -> Result<Plan, Fault> {
        self.read(Read::Select(Box::new(select)))
    }

    fn aggregate(self, function: Function, field: &str) -> Result<Plan, Fault> {
        self.read(Read::Aggregate(Aggregate { function, field: json::quoted(field) }))
    }

    fn read(self, read: Read) -> Result<Plan, Fault> {
        Ok(Plan::Read(Leaf { bucket: self.bucket, filter: Template::Fixed(self.filter?), read }))
    }
}

/// The parameters of a subscription, or a part of them: any JSON, or nothing. Prints as JSON.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Params<'a>(Option<Raw<'a>>);

impl<'a> Params<'a> {
    pub(super) fn new(params: Option<Raw<'a>>) -> Self {
        Self(params)
    }

    /// The member of that name; nothing if there is none.
    pub fn get(self, name: &str) -> Self {
        Self(self.0.and_then(|params| params.get(&json::quoted(name))))
    }

    /// Whether there is a value; null is one.
    pub fn is_some(self) -> bool {
        self.0.is_some()
    }

    /// The text, if it is a string.
    pub fn as_str(self) -> Option<Cow<'a, str>> {
        self.0?.as_str()
    }

    /// The value, if it is a number; integers beyond 2^53 are rounded.
    pub fn as_f64(self) -> Option<f64> {
        Some(self.0?.as_number()?.as_f64())
    }
}

impl Display for Params<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.map_or(&b"null"[..], Raw::as_bytes);
        f.write_str(std::str::from_utf8(text).expect("canonical text is UTF-8"))
    }
}

/// The text is no JSON.
struct Failed;

fn canonical(text: &str) -> Result<Key, Failed> {
    let mut parser = Parser::default();
    let document = parser.parse(text).map_err(|_| Failed)?;
    let mut canonical = Vec::new();
    document.root().write(&mut canonical);
    Ok(Key::from_vec(canonical))
}

fn object(text: &str) -> Result<Filter, Fault> {
    let mut parser = Parser::default();
    let document = parser.parse(text).map_err(|_| not_json("filter"))?;
    let object = Object::from_value(document.root()).ok_or_else(|| not_json("filter"))?;
    Ok(Filter::from_object(&object)?)
}

fn not_json(what: &str) -> Fault {
    Fault::new(Code::InternalError, format!("A query's {what} is not JSON of the expected kind"))
}

#[cfg(test)]
mod tests {
    use super::Builder;
    use crate::base::fault::Fault;
    use crate::base::limits::{PLAN_DEPTH_MAX, PLAN_READS_MAX};
    use crate::query::{Definition, Plan};

    fn text(plan: Plan) -> String {
        match plan {
            Plan::Read(leaf) => leaf.bucket.into(),
            Plan::Array(plans) => format!("[{}]", plans.into_iter().map(text).collect::<String>()),
            Plan::Object(members) => {
                let members = members.into_iter().map(|(name, plan)| format!("{name}:{}", text(plan)));
                format!("{{{}}}", members.collect::<String>())
            }
        }
    }

    #[test]
    fn plans_are_built_from_reads() {
        // K-3
        let q = Builder;
        let plan = q.object([("a", q.bucket("x").all()), ("b", q.array([q.bucket("y").count()]))]);
        assert_eq!(text(plan.unwrap()), "{a:xb:[y]}");
        let bound = Definition::program(move |q, _| q.array([q.bucket("x").all(), q.bucket("y").all()]))
            .bind(None, |bucket, _| Ok::<_, Fault>(bucket.to_owned()));
        assert_eq!(bound.unwrap().leaves(), ["x", "y"]);
    }

    #[test]
    fn plans_are_bounded() {
        let q = Builder;
        let message = |plan: Result<Plan, Fault>| plan.unwrap_err().message;
        assert_eq!(
            message(q.object([("a", q.bucket("x").all()), ("a", q.bucket("x").all())])),
            "A query's result has two members \"a\""
        );
        assert_eq!(
            message(q.array((0..=PLAN_READS_MAX).map(|_| q.bucket("x").all()))),
            "A query makes at most 256 reads"
        );
        let deep = (0..=PLAN_DEPTH_MAX).fold(q.bucket("x").all(), |plan, _| q.array([plan]));
        assert_eq!(message(deep), "A query's result nests at most 16 levels");
    }
}
