//! The pages of promises name the tests that prove them: each named test exists, and each promise has one.
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

/// The page's text; every test that it names exists.
fn page(name: &str) -> String {
    let page = fs::read_to_string(workspace().join(name)).unwrap();
    let mut known = BTreeSet::new();
    for folder in [
        "model", "wire", "store", "s3", "engine", "config", "client", "sandbox", "service", "server", "cli", "sim",
        "fuzz", "tests",
    ] {
        functions(&workspace().join(folder), &mut known);
    }
    let missing: Vec<_> = tests_named(&page).into_iter().filter(|name| !known.contains(*name)).collect();
    assert!(missing.is_empty(), "{name} names tests that do not exist: {missing:#?}");
    page
}

#[test]
fn every_test_that_the_semantics_name_exists_and_every_paragraph_names_one() {
    let page = page("docs/semantics.md");
    let unproved: Vec<_> = page
        .split("\n\n")
        .skip(2)
        .filter(|paragraph| !paragraph.starts_with('#') && tests_named(paragraph).is_empty())
        .collect();
    assert!(unproved.is_empty(), "paragraphs without a test: {unproved:#?}");
}

#[test]
fn every_test_that_the_tables_of_compatibility_name_exists() {
    assert!(tests_named(&page("docs/compatibility.md")).len() > 20);
}

#[test]
fn every_promise_of_the_security_page_names_its_test_and_every_adversary_has_limits() {
    let page = page("docs/security.md");
    let adversaries: Vec<_> = page.split("\n## ").skip(1).collect();
    assert_eq!(adversaries.len(), 4, "a tenant, a store, the network, a local user");
    for adversary in adversaries {
        let (promised, not_promised) = adversary.split_once("\nNot promised:\n").expect("what is not promised");
        let promises: Vec<_> = promised.split("\n- ").skip(1).collect();
        let unproved: Vec<_> = promises.iter().filter(|promise| tests_named(promise).is_empty()).collect();
        assert!(!promises.is_empty() && unproved.is_empty(), "promises without a test: {unproved:#?}");
        assert!(not_promised.contains("\n- "), "{adversary}");
    }
}

#[test]
fn every_test_that_the_page_of_the_s3_control_dialect_names_exists() {
    assert!(tests_named(&page("docs/s3control.md")).len() > 15);
}

/// What stands in backticks in a text and is the path of a source file.
fn files_named(text: &str) -> BTreeSet<&str> {
    let is_file = |name: &&str| name.contains("/src/") && name.ends_with(".rs");
    text.split('`').skip(1).step_by(2).filter(is_file).collect()
}

#[test]
fn every_source_file_that_a_page_names_exists() {
    let pages = fs::read_dir(workspace().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages = pages.chain([workspace().join("CONTRIBUTING.md")]).filter(|path| path.is_file());
    let (mut named, mut missing) = (0, Vec::new());
    for path in pages {
        let page = fs::read_to_string(&path).unwrap();
        let files = files_named(&page);
        named += files.len();
        let gone = files.into_iter().filter(|file| !workspace().join(file).exists());
        missing.extend(gone.map(|file| format!("{}: {file}", path.display())));
    }
    assert!(named > 20 && missing.is_empty(), "{named} files, of which are missing: {missing:#?}");
}

#[test]
fn one_tagging_job_is_walked_through_twenty_files() {
    let page = page("docs/architecture.md");
    let walk = page.split("\n## The walk of one tagging job\n").nth(1).expect("the walk is the last part");
    assert_eq!(files_named(walk).len(), 20, "{:#?}", files_named(walk));
}
