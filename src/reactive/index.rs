//! From a change to the live queries that it may touch, by look-up instead of by asking each.
//!
//! A filter's equality terms name some fields and a value for each. All live queries of a bucket
//! that name the same fields form a group, a table from the values to the queries; a changed
//! record is looked up once per group with its values before and after. Groups come from query
//! definitions, not from clients, so that they are few, however many parameters are in use.

use crate::base::ids::LiveId;
use crate::base::json::Raw;
use crate::store::{Definition, Record};
use smallvec::{SmallVec, smallvec};
use std::collections::HashMap;

/// The live queries of one bucket by what they ask for.
pub(super) struct Index {
    groups: Vec<Group>,
    /// Queries without an equality term: every change may touch them.
    others: Ids,
    hasher: ahash::RandomState,
}

/// An equality term.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Equality<'a> {
    /// The property (name with quotes), or [`KEY`].
    pub(super) name: &'a [u8],
    /// The values that it may have, each once; `None` = it may be missing.
    pub(super) values: Alternatives<'a>,
}

/// One value, or those of `$in`.
pub(super) type Alternatives<'a> = SmallVec<[Option<&'a [u8]>; 1]>;

/// A live query whose equality terms hold for a changed record.
#[derive(Clone, Copy)]
pub(super) struct Touched {
    pub(super) live: LiveId,
    /// For what it was before the change.
    pub(super) was: bool,
    /// For what it is now.
    pub(super) is: bool,
}

/// Stands for the key field, whatever its name is.
pub(super) const KEY: &[u8] = b"";

/// Ascending, which is the order of creation.
type Ids = SmallVec<[LiveId; 2]>;

/// The values of a group's fields in their order, each followed by a comma. Canonical scalars
/// contain no comma outside quotes, so that equal texts are equal values; a missing value is
/// empty.
type Values = SmallVec<[u8; 48]>;

struct Group {
    /// Ascending by name.
    fields: Box<[Field]>,
    by_values: HashMap<Values, Ids, ahash::RandomState>,
}

struct Field {
    /// With its quotes.
    name: Box<[u8]>,
    /// In the schema, if it is declared there.
    number: Option<usize>,
}

impl Index {
    pub(super) fn new(hasher: ahash::RandomState) -> Self {
        Self { groups: Vec::new(), others: Ids::new(), hasher }
    }

    /// Enters a live query with its equality terms, in any order: once for each combination of
    /// their values.
    pub(super) fn insert(&mut self, id: LiveId, mut terms: Vec<Equality<'_>>, definition: &Definition) {
        terms.sort_unstable();
        if terms.is_empty() {
            return enter(&mut self.others, id);
        }
        let at = self.group(&terms).unwrap_or_else(|| {
            self.groups.push(Group::new(&terms, definition, self.hasher.clone()));
            self.groups.len() - 1
        });
        let group = &mut self.groups[at].by_values;
        combinations(&terms).into_iter().for_each(|values| enter(group.entry(values).or_default(), id));
    }

    /// Takes a live query out.
    ///
    /// # Panics
    /// If it was not entered with these terms.
    pub(super) fn remove(&mut self, id: LiveId, mut terms: Vec<Equality<'_>>) {
        terms.sort_unstable();
        if terms.is_empty() {
            return take(&mut self.others, id);
        }
        let at = self.group(&terms).expect("entered under these fields");
        let group = &mut self.groups[at].by_values;
        for values in combinations(&terms) {
            let ids = group.get_mut(&values).expect("entered under these values");
            take(ids, id);
            if ids.is_empty() {
                group.remove(&values);
            }
        }
        if group.is_empty() {
            self.groups.swap_remove(at);
        }
    }

    /// All live queries whose equality terms hold for the record before or after the change, in
    /// order of creation. O(groups), plus the queries found.
    pub(super) fn touched(&self, before: Option<&Record>, after: Option<&Record>) -> SmallVec<[Touched; 4]> {
        let mut found: SmallVec<[Touched; 4]> = SmallVec::new();
        let mut add =
            |ids: &Ids, was, is| found.extend(ids.iter().map(|live| Touched { live: *live, was, is }));
        add(&self.others, before.is_some(), after.is_some());
        for group in &self.groups {
            let mut look_up = |values: Option<Values>, was, is| {
                if let Some(ids) = values.and_then(|values| group.by_values.get(&values)) {
                    add(ids, was, is);
                }
            };
            let was = before.map(|record| group.values_in(record));
            let is = after.map(|record| group.values_in(record));
            if was == is {
                look_up(is, true, true);
            } else {
                look_up(was, true, false);
                look_up(is, false, true);
            }
        }
        found.sort_unstable_by_key(|touched| touched.live);
        found.dedup_by(|later, first| {
            let is_one = later.live == first.live;
            if is_one {
                *first = Touched { live: first.live, was: first.was || later.was, is: first.is || later.is };
            }
            is_one
        });
        found
    }

    /// The schema is another one.
    pub(super) fn redefine(&mut self, definition: &Definition) {
        for field in self.groups.iter_mut().flat_map(|group| &mut group.fields) {
            field.number = number_of(&field.name, definition);
        }
    }

    fn group(&self, terms: &[Equality<'_>]) -> Option<usize> {
        let names = || terms.iter().map(|term| term.name);
        self.groups.iter().position(|group| group.fields.iter().map(|field| &*field.name).eq(names()))
    }
}

impl Group {
    fn new(terms: &[Equality<'_>], definition: &Definition, hasher: ahash::RandomState) -> Self {
        let field =
            |term: &Equality<'_>| Field { name: term.name.into(), number: number_of(term.name, definition) };
        Self { fields: terms.iter().map(field).collect(), by_values: HashMap::with_hasher(hasher) }
    }

    fn values_in(&self, record: &Record) -> Values {
        let value = |field: &Field| match field.number {
            Some(number) => record.field(number, &field.name),
            None => record.property(&field.name),
        };
        let mut values = Values::new();
        for field in &self.fields {
            add(&mut values, value(field).map(Raw::as_bytes));
        }
        values
    }
}

fn number_of(name: &[u8], definition: &Definition) -> Option<usize> {
    if name == KEY { Some(definition.key_field()) } else { definition.field_number(name) }
}

/// Every choice of one value per term.
fn combinations(terms: &[Equality<'_>]) -> SmallVec<[Values; 1]> {
    let mut all: SmallVec<[Values; 1]> = smallvec![Values::new()];
    for Equality { values, .. } in terms {
        let choices = all.iter().flat_map(|chosen| {
            values.iter().map(|value| {
                let mut values = chosen.clone();
                add(&mut values, *value);
                values
            })
        });
        all = choices.collect();
    }
    all
}

fn add(values: &mut Values, value: Option<&[u8]>) {
    values.extend_from_slice(value.unwrap_or_default());
    values.push(b',');
}

fn enter(ids: &mut Ids, id: LiveId) {
    let at = ids.binary_search(&id).expect_err("a live query is entered once");
    ids.insert(at, id);
}

fn take(ids: &mut Ids, id: LiveId) {
    let at = ids.binary_search(&id).expect("entered before");
    ids.remove(at);
}
