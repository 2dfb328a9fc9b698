//! The shape of the code as a test: heads of files, direction of imports, what the pure
//! half must not touch, where `unsafe` may stand, and how long things may get.
//!
//! `checks` are functions from source text to complaints, tested with bad snippets there;
//! here they run over the tree.

#[path = "tidy/checks.rs"]
mod checks;
#[path = "tidy/requirements.rs"]
mod requirements;
#[path = "tidy/source.rs"]
mod source;

use checks::{head, imports, leftovers, purity, ratchet, unsafe_code};
use source::{Source, file_lines, function_lines};
use std::fs;
use std::path::{Path, PathBuf};

/// The only files with `unsafe` code; each states its safety argument.
const UNSAFE_FILES: &[&str] = &["src/base/prefetch.rs", "src/shell/stream.rs", "src/shell/sys.rs"];

/// Above this many lines, without its test module, a file is on the list below.
const FILE_LINES_MAX: usize = 450;

/// Above this many lines a function is on the list below.
const FUNCTION_LINES_MAX: usize = 60;

/// Longer files with their present size. The list may shrink, not grow.
const LONG_FILES: &[(&str, usize)] = &[];

/// Requirements that no test cites, by document (`requirements::DOCUMENTS`). The lists may shrink, not grow.
const UNCITED: [&[u32]; 2] = [
    &[
        53, 57, 58, 59, 60, 67, 68, 70, 84, 88, 100, 113, 127, 133, 146, 158, 159, 160, 167, 179, 180, 182,
        185, 186, 187, 195, 199,
    ],
    &[121, 197, 198, 199, 200, 201, 202, 203, 211, 212, 241, 242, 243, 244, 245, 246, 247],
];

/// Longer functions (`path::name`) with their present size. The list may shrink, not grow.
const LONG_FUNCTIONS: &[(&str, usize)] = &[];

fn tree() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for directory in ["src", "tests", "benches", "loadtest"] {
        collect(&root.join(directory), &mut files);
    }
    files.sort();
    let read = files.iter().map(|file| {
        let path = file.strip_prefix(root).expect("inside").to_str().expect("ASCII names");
        Source::new(path, &fs::read_to_string(file).expect("readable"))
    });
    read.collect()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for path in entries.map(|entry| entry.expect("readable").path()) {
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn assert_tidy(check: impl Fn(&Source) -> Vec<String>) {
    let sources = tree();
    assert!(sources.len() > 10, "the tree was found");
    let complaints: Vec<String> = sources.iter().flat_map(check).collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn every_file_has_a_head() {
    assert_tidy(head);
}

#[test]
fn imports_run_one_way() {
    assert_tidy(imports);
}

#[test]
fn pure_modules_are_pure() {
    assert_tidy(purity);
}

#[test]
fn unsafe_stays_in_its_leaves() {
    assert_tidy(|source| unsafe_code(source, UNSAFE_FILES));
    let sources = tree();
    for leaf in UNSAFE_FILES {
        assert!(sources.iter().any(|source| source.path == *leaf), "{leaf} is listed but does not exist");
    }
}

#[test]
fn nothing_is_left_over() {
    assert_tidy(leftovers);
}

#[test]
fn files_and_functions_stay_short() {
    let sources = tree();
    let files = sources.iter().map(|source| (source.path.clone(), file_lines(source))).collect();
    let functions = sources.iter().flat_map(function_lines).collect();
    let mut complaints = ratchet(&files, FILE_LINES_MAX, LONG_FILES);
    complaints.extend(ratchet(&functions, FUNCTION_LINES_MAX, LONG_FUNCTIONS));
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn requirements_are_cited_by_tests() {
    let cited = requirements::cited(&tree());
    let mut complaints = Vec::new();
    for (document, known) in requirements::DOCUMENTS.into_iter().zip(UNCITED) {
        let (letter, count) = document;
        let number = cited.iter().filter(|(cited, number)| *cited == letter && *number <= count).count();
        println!("{letter}: {number} of {count} requirements are cited by a test");
        complaints.extend(requirements::uncited(&cited, document, known));
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}
