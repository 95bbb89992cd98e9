//! `docs/semantics.md` names the tests that prove it: each of them exists, and each paragraph
//! has one.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use brigade_tests::process::workspace;

/// The names of all functions in the Rust files below a folder.
fn functions(folder: &Path, into: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            functions(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let name =
                |rest: &str| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("").to_owned();
            into.extend(text.split("fn ").skip(1).map(name));
        }
    }
}

/// The longer names in backticks: those of tests.
fn tests_named(text: &str) -> Vec<&str> {
    let is_test = |name: &&str| name.matches('_').count() >= 3 && !name.contains(['/', '.', ' ']);
    text.split('`').skip(1).step_by(2).filter(is_test).collect()
}

#[test]
fn every_test_that_the_semantics_name_exists_and_every_paragraph_names_one() {
    let page = fs::read_to_string(workspace().join("docs/semantics.md")).unwrap();
    let mut known = BTreeSet::new();
    for folder in ["model", "wire", "store", "s3", "engine", "sim", "app", "tests"] {
        functions(&workspace().join(folder), &mut known);
    }
    let missing: Vec<_> = tests_named(&page).into_iter().filter(|name| !known.contains(*name)).collect();
    assert!(missing.is_empty(), "docs/semantics.md names tests that do not exist: {missing:#?}");
    let unproved: Vec<_> = page
        .split("\n\n")
        .skip(2)
        .filter(|paragraph| !paragraph.starts_with('#') && tests_named(paragraph).is_empty())
        .collect();
    assert!(unproved.is_empty(), "paragraphs without a test: {unproved:#?}");
}
