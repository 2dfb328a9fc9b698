//! Who must come before whom, and whether that is possible.

use super::Object;
use std::collections::VecDeque;

/// Why one transaction must come before another, seen from the later one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Why {
    /// It is the same client's next.
    Session,
    /// One was answered before the other was sent; over moments.
    Time,
    /// It saw what the earlier wrote (wr).
    Saw(Object, u64),
    /// The earlier did not see what it wrote (rw).
    Missed(Object, u64),
    /// It counted more values than the earlier saw (rw).
    Counted(Object),
    /// It wrote the version behind the earlier one's (ww).
    Followed(Object, u64),
}

/// Nodes are transactions, then moments.
pub(super) struct Graph {
    transactions: usize,
    after: Vec<Vec<(usize, Why)>>,
}

/// A step of a cycle: a transaction, and why it precedes the next one.
pub(super) type Step = (usize, Why);

impl Graph {
    pub(super) fn new(transactions: usize) -> Self {
        Self { transactions, after: vec![Vec::new(); transactions] }
    }

    /// A transaction needs no reason to be where it is itself.
    pub(super) fn add(&mut self, earlier: usize, later: usize, why: Why) {
        if earlier != later {
            self.after[earlier].push((later, why));
        }
    }

    pub(super) fn add_moment(&mut self) -> usize {
        self.after.push(Vec::new());
        self.after.len() - 1
    }

    pub(super) fn edges(&self) -> usize {
        self.after.iter().map(Vec::len).sum()
    }

    /// A cycle of few transactions, if there is any; moments are left out of it.
    pub(super) fn cycle(&self) -> Option<Vec<Step>> {
        /// Starts that are tried: the shortest of very many would cost more than it explains.
        const STARTS_MAX: usize = 200;
        let component = self.knot()?;
        let mut inside = vec![false; self.after.len()];
        component.iter().for_each(|node| inside[*node] = true);
        let starts = component.iter().filter(|node| **node < self.transactions).take(STARTS_MAX);
        starts.filter_map(|start| self.shortest(*start, &inside)).min_by_key(Vec::len)
    }

    /// The smallest set of nodes that all reach each other, if any has more than one (Tarjan, without
    /// recursion).
    fn knot(&self) -> Option<Vec<usize>> {
        const UNSEEN: usize = usize::MAX;
        let count = self.after.len();
        let (mut index, mut low) = (vec![UNSEEN; count], vec![UNSEEN; count]);
        let (mut on_stack, mut stack, mut next) = (vec![false; count], Vec::new(), 0);
        let mut smallest: Option<Vec<usize>> = None;
        for root in 0..count {
            if index[root] != UNSEEN {
                continue;
            }
            let mut calls = vec![(root, 0)];
            while let Some((node, edge)) = calls.last_mut() {
                let node = *node;
                if *edge == 0 {
                    (index[node], low[node], next) = (next, next, next + 1);
                    (on_stack[node], _) = (true, stack.push(node));
                }
                if let Some((to, _)) = self.after[node].get(*edge) {
                    *edge += 1;
                    if index[*to] == UNSEEN {
                        calls.push((*to, 0));
                    } else if on_stack[*to] {
                        low[node] = low[node].min(index[*to]);
                    }
                    continue;
                }
                calls.pop();
                if let Some((parent, _)) = calls.last() {
                    low[*parent] = low[*parent].min(low[node]);
                }
                if low[node] == index[node] {
                    let at = stack.iter().rposition(|other| *other == node).expect("it is on the stack");
                    let component = stack.split_off(at);
                    component.iter().for_each(|node| on_stack[*node] = false);
                    let is_smaller = smallest.as_ref().is_none_or(|known| component.len() < known.len());
                    if component.len() > 1 && is_smaller {
                        smallest = Some(component);
                    }
                }
            }
        }
        smallest
    }

    /// The cycle through `start` with the fewest transactions.
    fn shortest(&self, start: usize, inside: &[bool]) -> Option<Vec<Step>> {
        let mut came: Vec<Option<(usize, Why)>> = vec![None; self.after.len()];
        let mut queue = VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            for (to, why) in self.after[node].iter().filter(|(to, _)| inside[*to]) {
                if came[*to].is_some() {
                    continue;
                }
                came[*to] = Some((node, *why));
                if *to == start {
                    return Some(self.path_back(start, &came));
                }
                // Moments cost nothing: what counts are transactions.
                if *to < self.transactions { queue.push_back(*to) } else { queue.push_front(*to) }
            }
        }
        None
    }

    fn path_back(&self, start: usize, came: &[Option<(usize, Why)>]) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut node = start;
        loop {
            let (before, why) = came[node].expect("it was reached");
            if before < self.transactions {
                steps.push((before, why));
            }
            node = before;
            if node == start {
                break;
            }
        }
        steps.reverse();
        steps
    }
}
