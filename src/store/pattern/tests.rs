//! What patterns mean, against a table and against an independent engine.

use super::Pattern;
use crate::base::limits::{PATTERN_DEPTH_MAX, PATTERN_STEPS_MAX, PATTERN_STEPS_PER_BYTE, PATTERN_UNITS_MAX};
use proptest::prelude::*;

fn matches(pattern: &str, text: &str) -> bool {
    let mut steps = PATTERN_STEPS_MAX;
    Pattern::parse(pattern).unwrap().is_match(text, &mut steps)
}

#[test]
fn what_matches() {
    // S-55
    for (pattern, good, bad) in [
        ("b", &["abc", "b"][..], &["", "ac"][..]),
        ("", &["", "x"], &[]),
        ("^a|b$", &["ax", "xb"], &["xa", "bx"]),
        ("^(?:ab)+$", &["ab", "abab"], &["", "aba"]),
        ("^a{2}$", &["aa"], &["a", "aaa"]),
        ("^a{2,}$", &["aa", "aaaa"], &["a"]),
        ("^(a|b){1,2}$", &["a", "ba"], &["", "aba"]),
        ("^a{,2}$", &["a{,2}"], &["a", "aa"]),
        ("^x{a}]}$", &["x{a}]}"], &["xa"]),
        ("^.$", &["a", "\u{85}", "č"], &["", "\n", "\r", "\u{2028}", "\u{2029}", "ab", "😀"]),
        ("^..$", &["😀"], &["a"]),
        ("^[^]$", &["\n", "a"], &[""]),
        ("[]", &[], &["", "a"]),
        ("^\\d$", &["7"], &["٣", "a"]),
        ("^\\w$", &["_", "Z"], &["č", "-"]),
        ("^\\s$", &["\u{feff}", "\u{a0}", "\n"], &["\u{85}", "\u{180e}"]),
        ("^[\\D]$", &["a"], &["1"]),
        ("^[\\w-a]+$", &["-a_"], &["!"]),
        ("^[a-c\\]^-]+$", &["b]^-"], &["d"]),
        ("^[\\b]$", &["\u{8}"], &["b"]),
        ("\\bfoo\\b", &["a foo!", "foo"], &["foot"]),
        ("\\Boo", &["foo"], &["oo"]),
        ("^a$", &["a"], &["a\n", "b\na"]),
        ("^(?=.*\\d)(?=.*[a-z]).{4,}$", &["abc1"], &["abcd", "a1"]),
        ("^(?!admin$)\\w+$", &["administrator"], &["admin"]),
        ("(?<=\\$)\\d+", &["$5"], &["5"]),
        ("(?<!\\$)\\b\\d+", &["5"], &["$5"]),
        ("(?<=(\\d+)(\\d+))$", &["1053"], &["a"]),
        ("(?<=\\1(a))b", &["aab"], &["ab"]),
        ("^(\\w)\\1$", &["aa"], &["ab"]),
        ("^(?<q>['\"]).*\\k<q>$", &["'a'", "\"\""], &["'a\""]),
        ("^\\k<q>$", &["k<q>"], &["q"]),
        ("^(?:(a)|b)*\\1$", &["ab", "aab", "b", "aa"], &["c"]),
        ("^\\2(a)(b)$", &["ab"], &["bab"]),
        ("^(z)((a+)?(b+)?(c))*$", &["zaacbbbcac"], &["z1"]),
        ("^(?:a?)*?$", &["", "aa"], &["b"]),
        ("^(?:|a)+$", &["", "aa"], &["b"]),
        ("^a+?b*?$", &["aab"], &["b"]),
        ("^\\x41\\u0042\\cJ\\101\\0$", &["AB\nA\0"], &["AB"]),
        ("^\\xg\\u12\\c1\\8$", &["xgu12\\c18"], &["x"]),
        ("^\\a\\-\\/\\p{L}$", &["a-/p{L}"], &["a-/p"]),
        ("^(?=a)*a$", &["a"], &["b"]),
        ("^[^\\s@]+@[^\\s@]+\\.[^\\s@]+$", &["a@b.c"], &["a@b", "a b@c.d"]),
        ("^[😀]+$", &["😀"], &["a"]),
    ] {
        for text in good {
            assert!(matches(pattern, text), "/{pattern}/ matches {text:?}");
        }
        for text in bad {
            assert!(!matches(pattern, text), "/{pattern}/ does not match {text:?}");
        }
    }
}

#[test]
fn what_is_no_pattern() {
    // S-24
    for (pattern, why) in [
        ("(", "unterminated group"),
        ("a)", "unmatched )"),
        ("[a", "unterminated character class"),
        ("[b-a]", "range out of order in character class"),
        ("*", "nothing to repeat"),
        ("a**", "nothing to repeat"),
        ("^*", "nothing to repeat"),
        ("(?<=a)*", "nothing to repeat"),
        ("{1}", "nothing to repeat"),
        ("a{2,1}", "numbers out of order in {} quantifier"),
        ("\\", "\\ at end of pattern"),
        ("(?i:a)", "invalid group"),
        ("(?<1>a)", "invalid capture group name"),
        ("(?<>a)", "invalid capture group name"),
        ("(?<a", "invalid capture group name"),
        ("(?<a>.)(?<a>.)", "duplicate capture group name"),
        ("(?<a>.)\\k<b>", "invalid named reference"),
        ("(?<a>.)\\k", "invalid named reference"),
    ] {
        assert_eq!(Pattern::parse(pattern).unwrap_err(), why, "{pattern}");
    }
}

#[test]
fn everything_has_a_bound() {
    // S-55: none of these comes to an end by itself.
    let text = "a".repeat(100_000);
    for pattern in
        ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(?=(a+)+b)", "^(.*)*\\1x$", "(?:(?=a)a)*b", "(?:a?){99999}b"]
    {
        let mut steps = PATTERN_STEPS_MAX;
        assert!(!Pattern::parse(pattern).unwrap().is_match(&format!("{text}!"), &mut steps), "{pattern}");
        assert!(!Pattern::parse("a").unwrap().is_match("a", &mut 0), "without steps nothing matches");
    }
    let mut steps = PATTERN_STEPS_MAX + PATTERN_STEPS_PER_BYTE * 1_048_576;
    assert!(Pattern::parse("^[a-z]+$").unwrap().is_match(&"a".repeat(1_048_576), &mut steps));
    let nested = |depth: usize| format!("{}{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Pattern::parse(&nested(PATTERN_DEPTH_MAX - 1)).is_ok());
    assert!(Pattern::parse(&nested(PATTERN_DEPTH_MAX)).is_err());
    assert!(Pattern::parse(&"a".repeat(PATTERN_UNITS_MAX)).is_ok());
    assert!(Pattern::parse(&"a".repeat(PATTERN_UNITS_MAX + 1)).is_err());
}

/// Pieces that make up interesting patterns more often than single characters do.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a", "b", "c", ".", "^", "$", "|", "*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,}?", "(",
        "(", ")", ")", "(?:", "(?=", "(?!", "(?<=", "(?<!", "(?<n>", "\\1", "\\2", "\\k<n>", "\\b", "\\B",
        "\\d", "\\W", "\\s", "[ab]", "[^a]", "[a-c", "]", "-", "\\x61", "\\u0062", "\\c", "\\0", "😀", "[",
        "{", "}", "\\",
    ]);
    prop::collection::vec(piece, 1..10).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// The engine `regress` agrees, wherever both take the pattern; it takes some that are none, `\b*`.
    #[test]
    fn an_independent_engine_agrees(pattern in pieces(), text in "[abc1 \n😀]{0,6}") {
        let flags = regress::Flags { unicode: false, ..regress::Flags::default() };
        let theirs = regress::Regex::from_unicode(pattern.encode_utf16().map(u32::from), flags);
        let both = Pattern::parse(&pattern).ok().zip(theirs.ok());
        if let Some((ours, theirs)) = both {
            let units: Vec<u16> = text.encode_utf16().collect();
            let found = theirs.find_from_ucs2(&units, 0).next().is_some();
            prop_assert_eq!(ours.is_match(&text, &mut PATTERN_STEPS_MAX.clone()), found, "/{}/ on {:?}", pattern, text);
        }
    }

    #[test]
    fn any_text_is_a_pattern_or_not(pattern in "\\PC{0,30}", text in "\\PC{0,30}") {
        if let Ok(pattern) = Pattern::parse(&pattern) {
            pattern.is_match(&text, &mut 10_000);
        }
    }
}
