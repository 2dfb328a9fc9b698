//! The one matcher of fact patterns (§3.2) and topic patterns (§5).
//!
//! No pattern and no subject may cost much. Within a segment the text between
//! two `*` is searched leftmost and never again, which is linear. The same holds for
//! the segments between two `**`, except that a run of segments is searched naively:
//! that search has [`SEARCH_STEPS_MAX`].

use smallvec::SmallVec;

/// Work of one match on looking for runs of segments between two `**`, bytes compared.
/// Searches end by themselves while pattern × topic is below it (512 B each); a match
/// that needs more has failed.
const SEARCH_STEPS_MAX: usize = 1 << 18;

/// Whether a pattern means only the identical subject.
pub(super) fn is_literal(pattern: &str) -> bool {
    !pattern.contains('*')
}

/// The segments of a fact key or topic.
pub(super) type Segments<'a> = SmallVec<[&'a str; 8]>;

/// The segments of a topic, for [`Pattern::matches_segments`].
pub(super) fn topic_segments(topic: &str) -> Segments<'_> {
    topic.split(Syntax::Topic.separator()).collect()
}

/// A pattern, read once. Keeps its text; besides, only its `**` take memory.
pub(super) struct Pattern {
    text: Box<str>,
    syntax: Syntax,
    shape: Shape,
}

/// What the two kinds of pattern differ in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Syntax {
    Fact,
    Topic,
}

impl Syntax {
    fn separator(self) -> char {
        match self {
            Self::Fact => ':',
            Self::Topic => '.',
        }
    }
}

enum Shape {
    /// The subscription `*`: every topic, also one with empty segments.
    Every,
    /// Runs of segments with gaps between them; the last run ends the subject.
    Runs {
        /// The segments before the first gap.
        head: Run,
        gaps: Box<[Gap]>,
        /// Segments of the shortest subject that can match.
        segments_min: usize,
    },
}

/// Consecutive segments of a pattern's text, none of them a gap.
#[derive(Clone, Copy, Default)]
struct Run {
    start: usize,
    end: usize,
    segments: usize,
}

/// `**` or the trailing `*` of a topic, with the segments up to the next gap.
struct Gap {
    /// Non-empty segments that it takes at least: adjacent gaps and `*` are merged.
    least: usize,
    run: Run,
}

impl Pattern {
    /// Reads a fact pattern.
    pub(super) fn fact(text: &str) -> Self {
        Self { text: text.into(), syntax: Syntax::Fact, shape: runs(text, Syntax::Fact) }
    }

    /// Reads the topic pattern of a subscription.
    pub(super) fn subscription(text: &str) -> Self {
        let shape = if text == "*" { Shape::Every } else { runs(text, Syntax::Topic) };
        Self { text: text.into(), syntax: Syntax::Topic, shape }
    }

    /// What every matching subject begins with: the text before the first `*`.
    pub(super) fn prefix(&self) -> &str {
        self.text.split('*').next().unwrap_or_default()
    }

    /// Whether the pattern matches. O(pattern + subject) without `**`.
    pub(super) fn matches(&self, subject: &str) -> bool {
        subject.starts_with(self.prefix())
            && self.matches_segments(&subject.split(self.syntax.separator()).collect::<Segments<'_>>())
    }

    /// The same for a subject that is matched with many patterns and split once.
    pub(super) fn matches_segments(&self, subject: &[&str]) -> bool {
        self.matches_within(subject, &mut { SEARCH_STEPS_MAX })
    }

    fn matches_within(&self, subject: &[&str], steps: &mut usize) -> bool {
        let Shape::Runs { head, gaps, segments_min } = &self.shape else {
            return true;
        };
        let Some((last, middle)) = gaps.split_last() else {
            return subject.len() == head.segments && self.fits(*head, subject);
        };
        if subject.len() < *segments_min {
            return false;
        }
        let (begin, rest) = subject.split_at(head.segments);
        let (rest, end) = rest.split_at(rest.len() - last.run.segments);
        if !self.fits(*head, begin) || !self.fits(last.run, end) {
            return false;
        }
        let open = middle.iter().try_fold(rest, |open, gap| self.skip(gap, open, steps));
        open.is_some_and(|open| open.len() >= last.least && none_empty(open))
    }

    /// What follows the leftmost place where a gap's run fits. Leftmost is enough: the
    /// segments it leaves to the next gap are non-empty if those of any later place are.
    fn skip<'s, 't>(&self, gap: &Gap, open: &'s [&'t str], steps: &mut usize) -> Option<&'s [&'t str]> {
        let (taken, mut rest) = open.split_at_checked(gap.least)?;
        if !none_empty(taken) {
            return None;
        }
        while !self.fits_within(gap.run, rest.get(..gap.run.segments)?, steps)? {
            let (swallowed, after) = rest.split_first()?;
            if swallowed.is_empty() {
                return None;
            }
            rest = after;
        }
        Some(&rest[gap.run.segments..])
    }

    /// Whether a run fits as many segments; `None` if the steps are used up.
    fn fits_within(&self, run: Run, segments: &[&str], steps: &mut usize) -> Option<bool> {
        for (part, segment) in self.parts(run).zip(segments) {
            *steps = steps.checked_sub(1 + segment.len())?;
            if !fits(part, segment) {
                return Some(false);
            }
        }
        Some(true)
    }

    fn fits(&self, run: Run, segments: &[&str]) -> bool {
        self.parts(run).zip(segments).all(|(part, segment)| fits(part, segment))
    }

    fn parts(&self, run: Run) -> impl Iterator<Item = &str> {
        self.text[run.start..run.end].split(self.syntax.separator()).take(run.segments)
    }
}

fn runs(text: &str, syntax: Syntax) -> Shape {
    let (mut head, mut gaps) = (Run::default(), Vec::<Gap>::new());
    let mut start = 0;
    for part in text.split(syntax.separator()) {
        let end = start + part.len();
        let is_trailing = start > 0 && end == text.len();
        let is_gap = syntax == Syntax::Topic && (part == "**" || part == "*" && is_trailing);
        match gaps.last_mut() {
            Some(gap) if gap.run.segments == 0 && (is_gap || part == "*") => gap.least += 1,
            _ if is_gap => gaps.push(Gap { least: 1, run: Run::default() }),
            Some(gap) => gap.run.extend(start, end),
            None => head.extend(start, end),
        }
        start = end + 1;
    }
    let segments_min = head.segments + gaps.iter().map(|gap| gap.least + gap.run.segments).sum::<usize>();
    Shape::Runs { head, gaps: gaps.into(), segments_min }
}

impl Run {
    fn extend(&mut self, start: usize, end: usize) {
        if self.segments == 0 {
            self.start = start;
        }
        self.end = end;
        self.segments += 1;
    }
}

fn none_empty(segments: &[&str]) -> bool {
    segments.iter().all(|segment| !segment.is_empty())
}

/// Whether one segment of a pattern fits one of the subject. Linear.
fn fits(part: &str, segment: &str) -> bool {
    // Equal text fits in any case: a `*` in the subject is a character.
    part == segment || fits_wildcard(part, segment).is_some()
}

/// Each `*` takes one or more characters. `None` also if the part has no `*`.
fn fits_wildcard(part: &str, segment: &str) -> Option<()> {
    let (body, tail) = part.rsplit_once('*')?;
    let mut pieces = body.split('*');
    let mut rest = segment.strip_prefix(pieces.next()?)?.strip_suffix(tail)?;
    let mut stars = 0;
    for piece in pieces {
        stars += 1;
        if !piece.is_empty() {
            rest = after_chars(rest, stars)?;
            rest = &rest[rest.find(piece)? + piece.len()..];
            stars = 0;
        }
    }
    after_chars(rest, stars + 1).map(|_| ())
}

/// What follows the first `count` characters, which is at least 1.
fn after_chars(text: &str, count: usize) -> Option<&str> {
    let mut chars = text.chars();
    chars.nth(count - 1)?;
    Some(chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::{Pattern, SEARCH_STEPS_MAX, Syntax, is_literal, topic_segments};
    use proptest::prelude::*;

    fn topic(pattern: &str, topic: &str, expected: bool) {
        assert_eq!(Pattern::subscription(pattern).matches(topic), expected, "{pattern} on {topic}");
    }

    #[test]
    fn the_table_of_topic_patterns() {
        // the subscribe column
        for (pattern, subject, expected) in [
            ("*", "order", true),
            ("order.*", "order.created", true),
            ("order.*", "order.item.added", true),
            ("order.*", "order", false),
            ("order.*", "orders.created", false),
            ("*.created", "order.created", true),
            ("*.created", "order.item.created", false),
            ("order.*.status", "order.7.status", true),
            ("order.*.status", "order.7.8.status", false),
            ("*.*", "order", false),
            ("*.*", "order.created", true),
            ("*.item.*", "order.item.added", true),
            ("ord*.created", "order.created", true),
            ("order.c*", "order.created", true),
            ("a+b", "a+b", true),
        ] {
            topic(pattern, subject, expected);
        }
    }

    #[test]
    fn a_star_alone_is_every_topic() {
        //
        for subject in ["a", "a.b", "a..b", ".", "*"] {
            topic("*", subject, true);
        }
    }

    #[test]
    fn stars_never_match_an_empty_segment() {
        //
        for (pattern, subject) in
            [("a.*", "a."), ("a.*", "a..b"), ("a.*", "a.b."), ("a.*.b", "a..b"), ("**", "a."), ("**.b", ".b")]
        {
            topic(pattern, subject, false);
        }
        topic("a..*", "a..b", true);
    }

    #[test]
    fn a_star_in_a_segment_takes_at_least_one_character() {
        //
        for (pattern, subject, expected) in [
            ("order*", "order", false),
            ("order*", "orders", true),
            ("order*", "order.created", false),
            ("a.order*", "a.order1.x", false),
            ("*x*", "axb", true),
            ("*x*", "xx", false),
            ("*x*", "xxx", true),
            ("a**b", "axb", false),
            ("a**b", "axyb", true),
            ("a***", "aččč", true),
            ("a***", "ačč", false),
            ("a*a", "a", false),
            ("ž*", "žž", true),
        ] {
            topic(pattern, subject, expected);
        }
    }

    #[test]
    fn two_stars_take_one_or_more_segments_anywhere() {
        //
        for (pattern, subject, expected) in [
            ("**", "a", true),
            ("**", "a.b.c", true),
            ("**.c", "a.b.c", true),
            ("**.c", "c", false),
            ("a.**", "a", false),
            ("a.**.c", "a.c", false),
            ("a.**.c", "a.b.b.c", true),
            ("**.b.**", "a.b.c", true),
            ("**.b.**", "b.b", false),
            ("**.b.**", "b.b.b", true),
            ("**.b.c*.**.d", "x.b.b.c1.x.d", true),
            ("**.*", "a", false),
            ("**.*", "a.b", true),
            ("**.*.x", "a.x", false),
            ("**.*.x", "a.b.c.x", true),
        ] {
            topic(pattern, subject, expected);
        }
    }

    #[test]
    fn two_stars_mean_nothing_special_in_fact_patterns() {
        //
        let pattern = Pattern::fact("a:**:*");
        assert!(pattern.matches("a:bc:d"));
        assert!(!pattern.matches("a:b:d"));
        assert!(!pattern.matches("a:bc:d:e"));
        assert!(!pattern.matches("a:bc:"));
    }

    #[test]
    fn all_other_characters_are_literal() {
        //
        for text in ["foo(*", "[a-*", "a.*:c\\", "a{1,*", "^*$", "a|*", "(?i)*"] {
            let subject = text.replace('*', "x");
            assert!(Pattern::subscription(text).matches(&subject), "{text}");
            assert!(Pattern::fact(text).matches(&subject), "{text}");
            assert!(!Pattern::fact(text).matches("axb:c"), "{text}");
        }
        assert!(is_literal("a+b(") && !is_literal("a*"));
    }

    #[test]
    fn nasty_segments_are_linear() {
        // would not end in this century if a star were ever tried again
        let pattern = Pattern::fact(&("a*".repeat(100_000) + "b"));
        assert!(!pattern.matches(&"a".repeat(1_000_000)));
        assert!(pattern.matches(&("a".repeat(1_000_000) + "b")));
        assert!(!Pattern::fact(&"*".repeat(1_000_000)).matches(&"a".repeat(999_999)));
    }

    #[test]
    fn nasty_gaps_are_bounded() {
        //
        let steps = |pattern: &str, subject: &str| {
            let mut left = SEARCH_STEPS_MAX;
            let matched = Pattern::subscription(pattern).matches_within(&topic_segments(subject), &mut left);
            (matched, SEARCH_STEPS_MAX - left)
        };
        let long = "a.".repeat(100_000);
        // Adjacent gaps are one.
        assert_eq!(steps(&("**.".repeat(50_000) + "x"), &(long.clone() + "x")), (true, 0));
        // Each gap finds its run at once, and the search goes on behind it.
        assert_eq!(steps(&("**.a.".repeat(10_000) + "**"), &(long.clone() + "b")), (true, 2 * 10_000));
        // A run that nearly fits everywhere: given up.
        let (matched, used) = steps(&format!("**.{}b.**", "a.".repeat(50_000)), &long);
        assert!(!matched && used > SEARCH_STEPS_MAX / 2);
        // Ordinary sizes are always decided.
        let (pattern, subject) =
            (format!("**.{}b.**", "a.".repeat(200)), "a.".repeat(200) + &"a.".repeat(54) + "b.c");
        assert!(steps(&pattern, &subject).0);
    }

    /// The sentences of the specification, written down without thought for cost.
    fn oracle(syntax: Syntax, pattern: &str, subject: &str) -> bool {
        fn segments(syntax: Syntax, pattern: &[&str], subject: &[&str], is_first: bool) -> bool {
            let Some((part, parts)) = pattern.split_first() else {
                return subject.is_empty();
            };
            let trailing = *part == "*" && parts.is_empty() && !is_first;
            if syntax == Syntax::Topic && (*part == "**" || trailing) {
                return (1..=subject.len()).any(|taken| {
                    let (taken, rest) = subject.split_at(taken);
                    taken.iter().all(|segment| !segment.is_empty()) && segments(syntax, parts, rest, false)
                });
            }
            let Some((segment, rest)) = subject.split_first() else {
                return false;
            };
            characters(part.as_bytes(), segment.as_bytes()) && segments(syntax, parts, rest, false)
        }
        fn characters(part: &[u8], segment: &[u8]) -> bool {
            match part.split_first() {
                None => segment.is_empty(),
                Some((b'*', part)) => (1..=segment.len()).any(|taken| characters(part, &segment[taken..])),
                Some((byte, part)) => segment.first() == Some(byte) && characters(part, &segment[1..]),
            }
        }
        if syntax == Syntax::Topic && pattern == "*" {
            return true;
        }
        let split = |text| str::split(text, syntax.separator()).collect::<Vec<_>>();
        segments(syntax, &split(pattern), &split(subject), true)
    }

    fn text(pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(pieces), 1..10).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn topics_match_as_the_oracle_says(
            pattern in text(&["a", "b", "*", ".", ".**.", "**.", "*.", "a.", "."]),
            subject in text(&["a", "b", "a.", "b.", "a.", "."]),
        ) {
            prop_assert_eq!(Pattern::subscription(&pattern).matches(&subject), oracle(Syntax::Topic, &pattern, &subject));
        }

        #[test]
        fn facts_match_as_the_oracle_says(
            pattern in text(&["a", "b", "*", ":", "*:", "a:", "*a"]),
            subject in text(&["a", "b", "a:", "b", ":"]),
        ) {
            prop_assert_eq!(Pattern::fact(&pattern).matches(&subject), oracle(Syntax::Fact, &pattern, &subject));
        }
    }
}
