//! From the tree to instructions. Counted repetition is a register, not a copy, so that a
//! program is as long as its source.

use super::parse::{Node, Syntax};
use super::set::Set;
use std::ops::Range;

/// A pattern ready to run.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) code: Vec<Instruction>,
    /// Two per group, where it begins and ends, then two per repetition.
    pub(super) registers: usize,
}

/// Positions in the code are absolute.
#[derive(Debug)]
pub(super) enum Instruction {
    /// Takes one unit out of the set, in the direction of reading.
    One {
        set: Set,
        back: bool,
    },
    /// Takes as many units out of the set as it can, forward; fewer when that leads nowhere.
    Run {
        set: Set,
        min: usize,
        max: usize,
    },
    Start,
    End,
    WordBoundary {
        negated: bool,
    },
    /// Notes the place in a register.
    Save(usize),
    /// Goes on; on failure at the other place.
    Branch(usize),
    Jump(usize),
    /// Begins to count.
    Zero(usize),
    /// Decides between one more round, which follows, and the exit.
    Loop {
        counter: usize,
        min: usize,
        max: usize,
        greedy: bool,
        exit: usize,
    },
    /// Begins a round: counts it, notes its place and forgets what its groups captured.
    Round {
        counter: usize,
        groups: Range<usize>,
    },
    /// Ends a round. One beyond the minimum that took nothing is a failure.
    Again {
        counter: usize,
        min: usize,
        head: usize,
    },
    /// Takes what the group captured; nothing if it has not.
    BackReference {
        group: usize,
        back: bool,
    },
    /// Runs what follows up to its `Accept` on its own, and goes on at `end`.
    Look {
        negated: bool,
        end: usize,
    },
    Accept,
}

pub(super) fn compile(syntax: &Syntax) -> Program {
    let mut program = Program { code: Vec::new(), registers: 2 * (syntax.groups + 1) };
    program.add(&syntax.root, false);
    program.code.push(Instruction::Accept);
    program
}

impl Program {
    /// Recurses as deep as the tree. `back` is the direction inside a look-behind.
    fn add(&mut self, node: &Node, back: bool) {
        match node {
            Node::One(set) => self.code.push(Instruction::One { set: set.clone(), back }),
            Node::Start => self.code.push(Instruction::Start),
            Node::End => self.code.push(Instruction::End),
            Node::WordBoundary { negated } => {
                self.code.push(Instruction::WordBoundary { negated: *negated });
            }
            Node::BackReference(group) => {
                self.code.push(Instruction::BackReference { group: *group, back });
            }
            Node::Sequence(nodes) if back => nodes.iter().rev().for_each(|node| self.add(node, back)),
            Node::Sequence(nodes) => nodes.iter().for_each(|node| self.add(node, back)),
            Node::Alternatives(nodes) => self.alternatives(nodes, back),
            Node::Group(group, node) => {
                let (begin, end) = (2 * group, 2 * group + 1);
                self.code.push(Instruction::Save(if back { end } else { begin }));
                self.add(node, back);
                self.code.push(Instruction::Save(if back { begin } else { end }));
            }
            Node::Repeat { node, min, max, greedy, groups } => {
                if let (Node::One(set), true, false) = (&**node, *greedy, back) {
                    self.code.push(Instruction::Run { set: set.clone(), min: *min, max: *max });
                    return;
                }
                let counter = self.registers;
                self.registers += 2;
                self.code.push(Instruction::Zero(counter));
                let head = self.hole();
                self.code.push(Instruction::Round { counter, groups: groups.clone() });
                self.add(node, back);
                self.code.push(Instruction::Again { counter, min: *min, head });
                let exit = self.code.len();
                self.code[head] = Instruction::Loop { counter, min: *min, max: *max, greedy: *greedy, exit };
            }
            Node::Look { node, negated, behind } => {
                let look = self.hole();
                self.add(node, *behind);
                self.code.push(Instruction::Accept);
                self.code[look] = Instruction::Look { negated: *negated, end: self.code.len() };
            }
        }
    }

    fn alternatives(&mut self, nodes: &[Node], back: bool) {
        let mut exits = Vec::new();
        for (at, node) in nodes.iter().enumerate() {
            let is_last = at + 1 == nodes.len();
            let branch = (!is_last).then(|| self.hole());
            self.add(node, back);
            if let Some(branch) = branch {
                exits.push(self.hole());
                self.code[branch] = Instruction::Branch(self.code.len());
            }
        }
        let end = self.code.len();
        for exit in exits {
            self.code[exit] = Instruction::Jump(end);
        }
    }

    /// A place to be filled when it is known where things are.
    fn hole(&mut self) -> usize {
        self.code.push(Instruction::Accept);
        self.code.len() - 1
    }
}
