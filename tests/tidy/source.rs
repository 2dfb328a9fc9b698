//! Source text, and the little of its structure that the checks need.

use std::collections::BTreeMap;

/// A source file: its path from the root, its text, and its text without what is no code.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
    /// As long as `text`.
    pub(crate) code: String,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self { path: path.into(), text: text.into(), code: blank(text) }
    }

    /// The row of the table that the file belongs to.
    pub(crate) fn module(&self) -> Option<&str> {
        if self.path.starts_with("loadtest/src/") {
            return Some("loadtest");
        }
        let inside = self.path.strip_prefix("src/")?;
        let first = inside.split('/').next()?;
        Some(first.strip_suffix(".rs").unwrap_or(first)).filter(|module| *module != "lib")
    }

    pub(crate) fn complain(&self, at: usize, message: impl std::fmt::Display) -> String {
        let line = self.text[..at].matches('\n').count() + 1;
        format!("{}:{line}: {message}", self.path)
    }
}

/// Replaces comments, strings and character literals by spaces; lines and offsets stay.
pub(crate) fn blank(text: &str) -> String {
    let mut code = text.as_bytes().to_vec();
    let mut at = 0;
    while at < code.len() {
        let end = at + not_code(&text[at..], at > 0 && is_word(code[at - 1])).unwrap_or(0);
        if end == at {
            at += 1;
            while !text.is_char_boundary(at) {
                at += 1;
            }
            continue;
        }
        code[at..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        at = end;
    }
    String::from_utf8(code).expect("whole literals are blanked")
}

/// The length of the comment, string or character at the beginning of `rest`, if it is one.
pub(crate) fn not_code(rest: &str, inside_word: bool) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(block_comment(rest));
    }
    if rest.starts_with('"') {
        return Some(quoted(rest, '"'));
    }
    if let Some(raw) = rest.strip_prefix('r').filter(|_| !inside_word || rest.starts_with("br")) {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let body = raw[hashes..].strip_prefix('"')?;
        let close = format!("\"{}", "#".repeat(hashes));
        return Some(body.find(&close).map_or(rest.len(), |found| 2 + hashes + found + close.len()));
    }
    if rest.starts_with("br\"") || rest.starts_with("br#") {
        return Some(1 + not_code(&rest[1..], false)?);
    }
    let mut chars = rest.strip_prefix('\'')?.chars();
    let (first, second) = (chars.next()?, chars.next()?);
    // `'a` without a closing quote is a lifetime.
    (first == '\\' || second == '\'').then(|| quoted(rest, '\''))
}

/// Block comments nest.
pub(crate) fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match &rest.as_bytes()[at..rest.len().min(at + 2)] {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// The length of a literal with escapes.
pub(crate) fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Where `needle` stands in the code, not as a part of a longer name.
pub(crate) fn words<'a>(code: &'a str, needle: &'a str) -> impl Iterator<Item = usize> + 'a {
    let joins = |at: usize, edge: u8| is_word(edge) && code.as_bytes().get(at).is_some_and(|b| is_word(*b));
    let (first, last) = (needle.as_bytes()[0], needle.as_bytes()[needle.len() - 1]);
    code.match_indices(needle)
        .map(|(at, _)| at)
        .filter(move |at| !(joins(at + needle.len(), last) || *at > 0 && joins(at - 1, first)))
}

pub(crate) fn leading_word(text: &str) -> &str {
    &text[..text.bytes().position(|byte| !is_word(byte)).unwrap_or(text.len())]
}

/// What follows `root::` in paths and in braced groups, with its place.
pub(crate) fn roots<'a>(code: &'a str, root: &'a str) -> Vec<(usize, &'a str)> {
    let mut found = Vec::new();
    for at in words(code, root) {
        let Some(rest) = code[at + root.len()..].trim_start().strip_prefix("::") else { continue };
        match rest.trim_start().strip_prefix('{') {
            Some(group) => found.extend(group_heads(group).into_iter().map(|head| (at, head))),
            None => found.push((at, leading_word(rest.trim_start()))),
        }
    }
    found
}

/// The first name of each entry of a group whose brace is open already.
pub(crate) fn group_heads(group: &str) -> Vec<&str> {
    let (mut depth, mut entry, mut heads) = (1, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && c == ',') {
            heads.push(leading_word(group[entry..at].trim_start()));
            entry = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    heads.retain(|head| !head.is_empty());
    heads
}

/// Where the block that opens at or after `from` ends, just behind its brace.
pub(crate) fn block_end(code: &str, from: usize) -> Option<usize> {
    let (mut braces, mut others) = (0_usize, 0_usize);
    for (at, byte) in code.bytes().enumerate().skip(from) {
        match byte {
            b'{' => braces += 1,
            b'}' if braces <= 1 => return Some(at + 1),
            b'}' => braces -= 1,
            b'(' | b'[' => others += 1,
            b')' | b']' => others = others.saturating_sub(1),
            // A declaration without a body; `[u8; 4]` in its signature is not its end.
            b';' if braces == 0 && others == 0 => return None,
            _ => {}
        }
    }
    None
}

/// The code without `#[cfg(test)] mod … { … }`.
pub(crate) fn without_tests(code: &str) -> String {
    let mut kept = code.to_owned();
    while let Some(at) = kept.find("#[cfg(test)]\nmod ") {
        let declared = || kept[at..].find(';').map(|length| at + length + 1);
        let end = block_end(&kept, at).or_else(declared).unwrap_or(kept.len());
        kept.replace_range(at..end, "");
    }
    kept
}

/// Lines of the file without its test module.
pub(crate) fn file_lines(source: &Source) -> usize {
    without_tests(&source.code).trim_end().lines().count()
}

/// Lines of each function, without those of test modules; of equal names the longest.
pub(crate) fn function_lines(source: &Source) -> BTreeMap<String, usize> {
    let code = without_tests(&source.code);
    let mut lines = BTreeMap::new();
    for at in words(&code, "fn") {
        let name = leading_word(code[at + 2..].trim_start());
        let Some(end) = block_end(&code, at).filter(|_| !name.is_empty()) else { continue };
        let count = code[at..end].lines().count();
        let longest = lines.entry(format!("{}::{name}", source.path)).or_insert(count);
        *longest = count.max(*longest);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{Source, blank, file_lines, function_lines};
    use std::collections::BTreeMap;

    #[test]
    fn text_that_is_no_code_is_blanked() {
        let text =
            "a /* x /* y */ z */ b // c\n\"d\\\"e\" 'f' '\\'' 'g r#\"h\"i\"# br\"j\" k\u{e9}'\u{e9}' l\n";
        let code = blank(text);
        assert_eq!(code.len(), text.len());
        let left: Vec<_> = code.split_whitespace().collect();
        assert_eq!(left, ["a", "b", "'g", "k\u{e9}", "l"]);
    }

    #[test]
    fn lengths_are_counted_without_tests() {
        let text = "//! x\nfn a() {\n    \"}\";\n}\ntrait T {\n    fn b();\n}\n#[cfg(test)]\nmod tests {\n    fn c() {\n    }\n}\n";
        let source = Source::new("src/x.rs", text);
        assert_eq!(file_lines(&source), 7);
        assert_eq!(function_lines(&source), BTreeMap::from([("src/x.rs::a".to_owned(), 3)]));
        let declared = Source::new("src/x.rs", "fn a() {}\n#[cfg(test)]\nmod tests;\n");
        assert_eq!(file_lines(&declared), 1);
        let arrays = Source::new("src/x.rs", "fn a(b: [u8; 2]) -> [u8; 2] {\n    b\n}\n");
        assert_eq!(function_lines(&arrays), BTreeMap::from([("src/x.rs::a".to_owned(), 3)]));
    }
}
