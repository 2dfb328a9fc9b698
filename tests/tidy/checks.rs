//! The checks: from a source file to complaints, each able to fail.

use crate::source::{Source, group_heads, leading_word, roots, words};
use std::collections::BTreeMap;

/// What each module may use (DESIGN.md §3), itself aside. A new module needs a row.
const MAY_USE: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("wire", &["base"]),
    ("resilience", &["base"]),
    ("store", &["base"]),
    ("query", &["base", "store"]),
    ("access", &["base", "store"]),
    ("txn", &["base", "store"]),
    ("rules", &["base", "store"]),
    ("reactive", &["base", "store", "query"]),
    ("message", &["base", "store", "query", "rules", "access"]),
    ("protocol", &["base", "message"]),
    ("router", &["base", "message", "access", "query"]),
    ("shard", &["base", "message", "store", "query", "reactive", "txn", "rules", "access"]),
    ("session", &["base", "message", "wire", "protocol", "resilience", "access"]),
    (
        "node",
        &[
            "base",
            "wire",
            "resilience",
            "store",
            "query",
            "access",
            "txn",
            "rules",
            "reactive",
            "message",
            "protocol",
            "router",
            "shard",
            "session",
        ],
    ),
    ("shell", &["base", "node"]),
    ("embed", &["base", "node", "shell"]),
    ("cli", &["base", "node", "shell"]),
    ("main", &["base", "node", "shell", "cli"]),
    ("loadtest", &["wire", "protocol", "message", "base"]),
];

/// Modules that may meet the world; all others are pure.
const WORLDLY: &[&str] = &["shell", "cli", "main", "loadtest"];

/// What only the shell may touch: clocks, threads, sockets, environment, runtime, output.
const IMPURE: &[&str] = &[
    "std::time",
    "std::thread",
    "std::net::Tcp",
    "std::env",
    "Instant",
    "SystemTime",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "monoio",
    "crossbeam",
    "crossbeam_channel",
    "rand::thread_rng",
    "thread_rng",
    "println!",
    "eprintln!",
    "print!",
    "eprint!",
];

/// Leftovers that must not come in, in code …
const BANNED: &[&str] = &["todo!", "unimplemented!", "dbg!", "#[ignore", "thread::sleep"];

/// … and in comments; written in two parts because this file is looked at too.
const BANNED_ANYWHERE: &[&str] = &[concat!("FIX", "ME")];

pub(crate) fn head(source: &Source) -> Vec<String> {
    let missing = !source.text.starts_with("//! ");
    missing.then(|| source.complain(0, "does not begin with a `//!` head")).into_iter().collect()
}

pub(crate) fn imports(source: &Source) -> Vec<String> {
    let Some(module) = source.module() else { return Vec::new() };
    let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == module) else {
        return vec![source.complain(0, format!("module {module} has no row in the table of imports"))];
    };
    let root = if matches!(module, "main" | "loadtest") { "noex_server" } else { "crate" };
    let named = roots(&source.code, root).into_iter().chain(beyond_parent(source));
    let wrong = named.filter(|(_, name)| *name != module && !allowed.contains(name));
    wrong.map(|(at, name)| source.complain(at, format!("{module} must not use {name}"))).collect()
}

/// Names reached from the crate's root by `super::super::…`.
pub(crate) fn beyond_parent(source: &Source) -> Vec<(usize, &str)> {
    let file = source.path.trim_end_matches("/mod.rs");
    let depth = file.matches('/').count();
    let tests = source.code.find("#[cfg(test)]\nmod ").unwrap_or(usize::MAX);
    let mut found = Vec::new();
    for at in words(&source.code, "super").filter(|at| !source.code[..*at].ends_with("super::")) {
        let mut rest = &source.code[at..];
        let mut steps = 0;
        while let Some(next) = rest.strip_prefix("super::") {
            (rest, steps) = (next, steps + 1);
        }
        // A test module is one level further down.
        if steps >= depth + usize::from(at > tests) {
            let group = rest.strip_prefix('{').map(group_heads);
            let heads = group.unwrap_or_else(|| vec![leading_word(rest)]);
            found.extend(heads.into_iter().map(|head| (at, head)));
        }
    }
    found
}

pub(crate) fn purity(source: &Source) -> Vec<String> {
    let pure = source.path.starts_with("src/") && source.module().is_none_or(|name| !WORLDLY.contains(&name));
    if !pure {
        return Vec::new();
    }
    let mentions = IMPURE.iter().flat_map(|thing| {
        words(&source.code, thing).map(move |at| source.complain(at, format!("{thing} in a pure module")))
    });
    let grouped = roots(&source.code, "std").into_iter().filter(|(at, name)| {
        let in_group = source.code[*at..].starts_with("std::{");
        in_group && matches!(*name, "time" | "thread" | "env" | "net")
    });
    let grouped = grouped.map(|(at, name)| source.complain(at, format!("std::{name} in a pure module")));
    mentions.chain(grouped).collect()
}

pub(crate) fn unsafe_code(source: &Source, leaves: &[&str]) -> Vec<String> {
    let listed = leaves.contains(&source.path.as_str());
    let mut places = words(&source.code, "unsafe").peekable();
    if listed {
        let unused = places.peek().is_none();
        return unused
            .then(|| source.complain(0, "has no unsafe code: take it off the list"))
            .into_iter()
            .collect();
    }
    places.map(|at| source.complain(at, "unsafe outside the leaves that are listed for it")).collect()
}

pub(crate) fn leftovers(source: &Source) -> Vec<String> {
    let in_code = BANNED.iter().map(|banned| (*banned, &source.code));
    let anywhere = BANNED_ANYWHERE.iter().map(|banned| (*banned, &source.text));
    let places =
        in_code.chain(anywhere).flat_map(|(banned, text)| words(text, banned).map(move |at| (at, banned)));
    places.map(|(at, banned)| source.complain(at, format!("{banned} must not stay"))).collect()
}

/// Compares sizes above the limit with the list of those that are tolerated.
pub(crate) fn ratchet(sizes: &BTreeMap<String, usize>, limit: usize, list: &[(&str, usize)]) -> Vec<String> {
    let listed: BTreeMap<_, _> = list.iter().copied().collect();
    let mut complaints = Vec::new();
    for (name, size) in sizes.iter().filter(|(_, size)| **size > limit) {
        match listed.get(name.as_str()) {
            None => complaints.push(format!("{name} has {size} lines, above {limit}: split it by case")),
            Some(known) if size > known => {
                complaints.push(format!("{name} grew from {known} to {size} lines: it may only shrink"));
            }
            Some(_) => {}
        }
    }
    for (name, known) in list {
        match sizes.get(*name) {
            Some(size) if size > &limit && size < known => {
                complaints.push(format!("{name} shrank to {size} lines: lower its number ({known})"));
            }
            Some(size) if *size > limit => {}
            _ => complaints.push(format!("{name} is not too long any more: take it off the list")),
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::{BANNED_ANYWHERE, head, imports, leftovers, purity, ratchet, unsafe_code};
    use crate::source::Source;
    use std::collections::BTreeMap;

    /// Asserts that a check complains as often as expected about a text at a path.
    fn complains(check: impl Fn(&Source) -> Vec<String>, path: &str, text: &str, times: usize) {
        let complaints = check(&Source::new(path, text));
        assert_eq!(complaints.len(), times, "{path}: {text}\n{complaints:?}");
    }

    #[test]
    fn the_check_of_heads_can_fail() {
        complains(head, "src/a.rs", "//! Good.\n", 0);
        complains(head, "src/a.rs", "// Bad.\nfn a() {}\n", 1);
        complains(head, "src/a.rs", "", 1);
    }

    #[test]
    fn the_check_of_imports_can_fail() {
        let bad = |path: &str, text: &str, times: usize| complains(imports, path, text, times);
        bad("src/store/record.rs", "use crate::base::json; use crate::store::Key;", 0);
        bad("src/store/record.rs", "use crate::query::Plan;", 1);
        bad("src/base/json/mod.rs", "fn f() { crate::store::get() }", 1);
        bad("src/store/a.rs", "use crate::{\n    base::{self, x},\n    query::{a, b},\n    txn,\n};", 2);
        bad("src/store/a.rs", "// crate::query\nfn f() -> &str { \"crate::query\" }", 0);
        bad("src/session/a.rs", "use crate::shard::X; use crate::wire::Y;", 1);
        bad("src/wire/a.rs", "use crate::protocol::X;", 1);
        bad("src/store/mod.rs", "use super::query::X;", 1);
        bad("src/store/a.rs", "use super::query; use super::super::{base, query};", 1);
        bad("src/store/a.rs", "use super::b;\n#[cfg(test)]\nmod tests { use super::super::c; }", 0);
        bad("src/mystery/a.rs", "", 1);
        bad("src/main.rs", "use noex_server::{cli, store};", 1);
        bad("loadtest/src/main.rs", "use noex_server::shard::X;", 1);
        bad("src/lib.rs", "pub use crate::store::X;", 0);
    }

    #[test]
    fn the_check_of_purity_can_fail() {
        for text in [
            "use std::time::Duration;",
            "use std::{collections::HashMap, thread};",
            "let at = Instant::now();",
            "fn f(now: SystemTime) {}",
            "std::thread::spawn(f);",
            "use std::net::TcpStream as S;",
            "std::env::var(x)",
            "use monoio::io;",
            "use crossbeam_channel as c;",
            "println!(\"\")",
        ] {
            assert!(!purity(&Source::new("src/store/a.rs", text)).is_empty(), "{text}");
            complains(purity, "src/shell/a.rs", text, 0);
            complains(purity, "tests/a.rs", text, 0);
        }
        complains(purity, "src/store/a.rs", "// std::time\nlet instantly = InstantOf(\"monoio\");", 0);
        complains(purity, "src/store/a.rs", "use std::net::IpAddr;", 0);
    }

    #[test]
    fn the_check_of_unsafe_can_fail() {
        let unlisted = |source: &Source| unsafe_code(source, &[]);
        complains(unlisted, "src/wire/mask.rs", "fn f() { unsafe { g() } }", 1);
        complains(unlisted, "src/wire/mask.rs", "#![deny(unsafe_code)] // unsafe", 0);
        let listed = |source: &Source| unsafe_code(source, &["src/shell/ring.rs"]);
        complains(listed, "src/shell/ring.rs", "unsafe fn f() {}", 0);
        complains(listed, "src/shell/ring.rs", "fn f() {}", 1);
    }

    #[test]
    fn the_check_of_leftovers_can_fail() {
        for text in [
            "todo!()",
            "unimplemented!()",
            "dbg!(x)",
            "#[ignore]",
            "#[ignore = \"slow\"]",
            "thread::sleep(d)",
        ] {
            complains(leftovers, "tests/a.rs", text, 1);
            complains(leftovers, "tests/a.rs", &format!("// {text}"), 0);
        }
        complains(leftovers, "src/a.rs", &format!("// {}: later", BANNED_ANYWHERE[0]), 1);
    }

    #[test]
    fn the_ratchet_can_fail() {
        let sizes = BTreeMap::from([("a".to_owned(), 11), ("b".to_owned(), 9)]);
        let complaint = |list: &[(&str, usize)]| ratchet(&sizes, 10, list).join("; ");
        assert_eq!(complaint(&[("a", 11)]), "");
        assert!(complaint(&[]).contains("a has 11 lines, above 10"));
        assert!(complaint(&[("a", 10)]).contains("grew from 10 to 11"));
        assert!(complaint(&[("a", 12)]).contains("lower its number"));
        assert!(complaint(&[("a", 11), ("b", 20)]).contains("b is not too long any more"));
        assert!(complaint(&[("a", 11), ("c", 20)]).contains("c is not too long any more"));
    }
}
