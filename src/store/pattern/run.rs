//! The search: backtracking on a stack of its own, each step paid from a budget.

use super::compile::{Instruction, Program};
use super::set::is_word;
use smallvec::{SmallVec, smallvec};

/// Whether the text contains a match; `false` too when the steps are used up.
pub(super) fn search(program: &Program, text: &str, steps: &mut u64) -> bool {
    let input: SmallVec<[u16; 64]> = text.encode_utf16().collect();
    let registers = smallvec![UNSET; program.registers];
    let mut machine = Machine { program, input: &input, registers, stack: SmallVec::new(), steps };
    let starts = if matches!(program.code[0], Instruction::Start) { 0..=0 } else { 0..=input.len() };
    for at in starts {
        match machine.run(0, at) {
            Outcome::Match => return true,
            Outcome::Exhausted => return false,
            Outcome::NoMatch => {}
        }
    }
    false
}

/// A register of a group that has captured nothing.
const UNSET: usize = usize::MAX;

#[derive(PartialEq, Eq)]
enum Outcome {
    Match,
    NoMatch,
    Exhausted,
}

/// What to do when a way leads nowhere, the latest first.
enum Entry {
    /// Goes on there.
    Resume { code: usize, at: usize },
    /// Goes on there with a shorter run, down to the lowest place.
    Shorten { code: usize, at: usize, lowest: usize },
    /// Gives a register its earlier value.
    Restore { register: usize, value: usize },
}

struct Machine<'a> {
    program: &'a Program,
    input: &'a [u16],
    registers: SmallVec<[usize; 16]>,
    /// Grows by a few entries per step.
    stack: SmallVec<[Entry; 32]>,
    steps: &'a mut u64,
}

impl Machine<'_> {
    /// Runs from a place in the code to `Accept`. Recurses once per look-around inside another.
    fn run(&mut self, code: usize, at: usize) -> Outcome {
        let floor = self.stack.len();
        let mut now = Some((code, at));
        loop {
            let Some((code, at)) = now.or_else(|| self.backtrack(floor)) else { return Outcome::NoMatch };
            if !self.pay(1) {
                return Outcome::Exhausted;
            }
            let program = self.program;
            now = match &program.code[code] {
                Instruction::Accept => return Outcome::Match,
                Instruction::Look { negated, end } => match self.look(code + 1, at, *negated) {
                    None => return Outcome::Exhausted,
                    Some(holds) => holds.then_some((*end, at)),
                },
                instruction => self.step(instruction, code, at),
            };
        }
    }

    /// Where to go on after the instruction; `None` if it fails.
    fn step(&mut self, instruction: &Instruction, code: usize, at: usize) -> Option<(usize, usize)> {
        let next = code + 1;
        match instruction {
            Instruction::One { set, back: false } => {
                self.input.get(at).is_some_and(|unit| set.contains(*unit)).then_some((next, at + 1))
            }
            Instruction::One { set, back: true } => {
                let before = at.checked_sub(1)?;
                set.contains(self.input[before]).then_some((next, before))
            }
            Instruction::Run { set, min, max } => {
                let run = self.input[at..].iter().take(*max).take_while(|unit| set.contains(**unit)).count();
                if run < *min || !self.pay(run as u64) {
                    return None;
                }
                if run > *min {
                    self.stack.push(Entry::Shorten { code: next, at: at + run - 1, lowest: at + min });
                }
                Some((next, at + run))
            }
            Instruction::Start => (at == 0).then_some((next, at)),
            Instruction::End => (at == self.input.len()).then_some((next, at)),
            Instruction::WordBoundary { negated } => {
                let before = at > 0 && is_word(self.input[at - 1]);
                let after = self.input.get(at).is_some_and(|unit| is_word(*unit));
                ((before != after) != *negated).then_some((next, at))
            }
            Instruction::Save(register) => {
                self.set(*register, at);
                Some((next, at))
            }
            Instruction::Branch(other) => {
                self.stack.push(Entry::Resume { code: *other, at });
                Some((next, at))
            }
            Instruction::Jump(to) => Some((*to, at)),
            Instruction::BackReference { group, back } => {
                self.back_reference(*group, *back, at).map(|at| (next, at))
            }
            _ => self.repeat(instruction, next, at),
        }
    }

    /// The same for what makes up a repetition.
    fn repeat(&mut self, instruction: &Instruction, next: usize, at: usize) -> Option<(usize, usize)> {
        match instruction {
            Instruction::Zero(counter) => {
                self.set(*counter, 0);
                Some((next, at))
            }
            Instruction::Loop { counter, min, max, greedy, exit } => {
                let rounds = self.registers[*counter];
                let (first, second) = if *greedy { (next, *exit) } else { (*exit, next) };
                if rounds < *min {
                    Some((next, at))
                } else if rounds >= *max {
                    Some((*exit, at))
                } else {
                    self.stack.push(Entry::Resume { code: second, at });
                    Some((first, at))
                }
            }
            Instruction::Round { counter, groups } => {
                self.set(*counter, self.registers[*counter] + 1);
                self.set(counter + 1, at);
                for register in 2 * groups.start..2 * groups.end {
                    if self.registers[register] != UNSET {
                        self.set(register, UNSET);
                    }
                }
                self.pay(groups.len() as u64).then_some((next, at))
            }
            Instruction::Again { counter, min, head } => {
                let took_nothing = self.registers[counter + 1] == at;
                (!took_nothing || self.registers[*counter] <= *min).then_some((*head, at))
            }
            _ => unreachable!("look-arounds and the end are the run's own"),
        }
    }

    fn back_reference(&mut self, group: usize, back: bool, at: usize) -> Option<usize> {
        let (begin, end) = (self.registers[2 * group], self.registers[2 * group + 1]);
        if begin == UNSET || end == UNSET {
            return Some(at);
        }
        let len = end - begin;
        if !self.pay(len as u64) {
            return None;
        }
        let from = if back { at.checked_sub(len)? } else { at };
        let found = self.input.get(from..from + len)?;
        (*found == self.input[begin..end]).then_some(if back { from } else { at + len })
    }

    /// Whether a look-around holds, `None` if the steps are used up. What a positive one captured
    /// stays; there is no way back into it.
    fn look(&mut self, code: usize, at: usize, negated: bool) -> Option<bool> {
        let floor = self.stack.len();
        match self.run(code, at) {
            Outcome::Exhausted => return None,
            Outcome::NoMatch => return Some(negated),
            Outcome::Match => {}
        }
        if negated {
            while self.backtrack(floor).is_some() {}
            return Some(false);
        }
        let mut kept = floor;
        for index in floor..self.stack.len() {
            if matches!(self.stack[index], Entry::Restore { .. }) {
                self.stack.swap(kept, index);
                kept += 1;
            }
        }
        self.stack.truncate(kept);
        Some(true)
    }

    /// Undoes up to the latest open way, not below the floor.
    fn backtrack(&mut self, floor: usize) -> Option<(usize, usize)> {
        while self.stack.len() > floor {
            match self.stack.pop()? {
                Entry::Resume { code, at } => return Some((code, at)),
                Entry::Shorten { code, at, lowest } => {
                    if at > lowest {
                        self.stack.push(Entry::Shorten { code, at: at - 1, lowest });
                    }
                    return Some((code, at));
                }
                Entry::Restore { register, value } => self.registers[register] = value,
            }
        }
        None
    }

    fn set(&mut self, register: usize, value: usize) {
        let value = std::mem::replace(&mut self.registers[register], value);
        self.stack.push(Entry::Restore { register, value });
    }

    /// Takes steps; `false` if there are not so many left.
    fn pay(&mut self, steps: u64) -> bool {
        let left = self.steps.checked_sub(steps);
        *self.steps = left.unwrap_or(0);
        left.is_some()
    }
}
