//! Which requirements of the specification are cited by a test.

use crate::source::{Source, is_word};
use std::collections::BTreeSet;

/// A requirement: the letter of its document and its number.
pub(crate) type Requirement = (char, u32);

/// The documents whose requirements are counted, and how many each has.
pub(crate) const DOCUMENTS: [(char, u32); 2] = [('P', 199), ('S', 254)];

/// What the tests among the sources cite: `S-92`, or `S-39…S-51` for all of them.
pub(crate) fn cited(sources: &[Source]) -> BTreeSet<Requirement> {
    sources.iter().flat_map(|source| citations(test_part(source))).collect()
}

/// Compares what is not cited with the list of what is known not to be.
pub(crate) fn uncited(
    cited: &BTreeSet<Requirement>,
    (letter, count): (char, u32),
    known: &[u32],
) -> Vec<String> {
    let is_cited = |number: u32| cited.contains(&(letter, number));
    let fresh = (1..=count).filter(|number| !is_cited(*number) && !known.contains(number));
    let fresh = fresh.map(|number| format!("{letter}-{number} is cited by no test"));
    let stale = known.iter().filter(|number| is_cited(**number) || **number > count);
    let stale = stale.map(|number| format!("{letter}-{number} is cited: take it off the list"));
    fresh.chain(stale).collect()
}

/// Files of tests as a whole; of others what follows the head of their test module.
fn test_part(source: &Source) -> &str {
    let is_test = source.path.starts_with("tests/")
        || source.path.contains("/tests/")
        || source.path.ends_with("tests.rs");
    if is_test {
        return &source.text;
    }
    source.code.find("#[cfg(test)]").map_or("", |at| &source.text[at..])
}

fn citations(text: &str) -> Vec<Requirement> {
    let mut found = Vec::new();
    let mut range_from = None;
    let mut at = 0;
    while let Some(dash) = text[at..].find('-').map(|dash| at + dash) {
        at = dash + 1;
        let digits = text[at..].len() - text[at..].trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let mut before = text[..dash].chars().rev();
        let letter = before.next().filter(|letter| DOCUMENTS.iter().any(|(known, _)| known == letter));
        let is_apart = before.next().is_none_or(|c| !c.is_ascii() || !is_word(c as u8));
        let (Some(letter), true, Ok(number)) = (letter, is_apart, text[at..at + digits].parse()) else {
            continue;
        };
        at += digits;
        match range_from.take() {
            Some((first_letter, first)) if first_letter == letter => {
                found.extend((first..=number).map(|number| (letter, number)));
            }
            _ => found.push((letter, number)),
        }
        range_from = text[at..].starts_with('…').then_some((letter, number));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{citations, cited, uncited};
    use crate::source::Source;

    #[test]
    fn numbers_and_ranges_are_found() {
        let text = "// S-9, P-12: K-3 XS-1 S-x UTF-8 (S-20…S-22) P-3…S-5.";
        let expected = [('S', 9), ('P', 12), ('S', 20), ('S', 20), ('S', 21), ('S', 22), ('P', 3), ('S', 5)];
        assert_eq!(citations(text), expected);
    }

    #[test]
    fn only_tests_count() {
        let code = "// S-1\nfn f() {}\n#[cfg(test)]\nmod tests { // S-2\n}";
        let sources = [Source::new("src/a.rs", code), Source::new("tests/client/b.rs", "// S-3")];
        assert_eq!(cited(&sources).into_iter().collect::<Vec<_>>(), [('S', 2), ('S', 3)]);
    }

    #[test]
    fn the_list_may_only_shrink() {
        let cited = [('S', 1), ('S', 3)].into();
        assert_eq!(uncited(&cited, ('S', 3), &[2]), Vec::<String>::new());
        assert_eq!(uncited(&cited, ('S', 3), &[]), ["S-2 is cited by no test"]);
        assert_eq!(uncited(&cited, ('S', 3), &[2, 3]), ["S-3 is cited: take it off the list"]);
    }
}
