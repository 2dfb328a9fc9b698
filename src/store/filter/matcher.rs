//! A filter bound to a schema.

use super::{Filter, Term};
use crate::base::json::{Raw, SEARCHES_MAX, Table};
use crate::store::{Definition, Record};
use smallvec::SmallVec;
use std::cell::OnceCell;

/// A filter whose fields have been looked up in the schema.
pub struct Matcher<'a> {
    root: Node<'a>,
    /// How many terms of the whole filter are on properties that the schema does not declare.
    others: usize,
}

struct Node<'a> {
    /// On fields of the schema, which are found at once.
    declared: SmallVec<[(usize, &'a Term); 4]>,
    /// On other properties, which have to be looked for in the record's text.
    others: SmallVec<[&'a Term; 2]>,
    alternatives: Vec<Vec<Node<'a>>>,
}

impl<'a> Matcher<'a> {
    pub(super) fn new(filter: &'a Filter, definition: &Definition) -> Self {
        let mut others = 0;
        let root = Node::new(filter, definition, &mut others);
        Self { root, others }
    }

    /// Whether the record satisfies the filter. O(terms), and O(record) if one is on a property
    /// that the schema does not declare.
    pub fn matches(&self, record: &Record) -> bool {
        let table = (self.others > SEARCHES_MAX).then(OnceCell::new);
        self.root.matches(record, table.as_ref())
    }
}

impl<'a> Node<'a> {
    /// Recurses as deep as the filter nests, which is bounded when it is read.
    fn new(filter: &'a Filter, definition: &Definition, others: &mut usize) -> Self {
        let mut node = Self { declared: SmallVec::new(), others: SmallVec::new(), alternatives: Vec::new() };
        for term in filter.terms() {
            match definition.field_number(&term.field) {
                Some(number) => node.declared.push((number, term)),
                None => node.others.push(term),
            }
        }
        *others += node.others.len();
        for filters in filter.alternatives() {
            let nodes = filters.iter().map(|filter| Self::new(filter, definition, others));
            node.alternatives.push(nodes.collect());
        }
        node
    }

    /// A filter with many terms on undeclared properties looks them up in a table of the record's,
    /// made when it is needed first.
    fn matches<'r>(&self, record: &'r Record, table: Option<&OnceCell<Table<'r>>>) -> bool {
        let property = |name: &[u8]| -> Option<Raw<'r>> {
            match table {
                None => record.property(name),
                Some(table) => table.get_or_init(|| record.properties().collect()).get(name).copied(),
            }
        };
        self.declared.iter().all(|(number, term)| term.test.holds(record.field(*number, &term.field)))
            && self.others.iter().all(|term| term.test.holds(property(&term.field)))
            && self.alternatives.iter().all(|nodes| nodes.iter().any(|node| node.matches(record, table)))
    }
}
