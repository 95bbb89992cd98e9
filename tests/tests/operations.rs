//! `docs/operations.md` cannot go stale: its tables name what the source and a running service
//! have, and nothing else.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use brigade_tests::Scenario;
use brigade_tests::process::workspace;

fn page() -> String {
    fs::read_to_string(workspace().join("docs/operations.md")).unwrap()
}

/// The cells of the table below this heading, row by row.
fn table<'a>(page: &'a str, heading: &str) -> Vec<Vec<&'a str>> {
    let (_, section) = page.split_once(&format!("# {heading}\n")).unwrap();
    let section = section.split("\n#").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split(" | ").map(|cell| cell.trim().trim_matches('`')).collect()).collect()
}

/// The text of every Rust file of ours that is no test.
fn sources(folder: &Path, into: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
        if path.is_dir() && name != "tests" {
            sources(&path, into);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            let text = fs::read_to_string(&path).unwrap();
            into.push(text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned());
        }
    }
}

fn all_sources() -> Vec<String> {
    let mut texts = Vec::new();
    for crate_name in
        ["model", "runtime", "wire", "store", "s3", "engine", "service", "config", "client", "sandbox", "server", "cli"]
    {
        sources(&workspace().join(crate_name).join("src"), &mut texts);
    }
    texts
}

/// What stands in the parentheses that are open before `text`.
fn call(text: &str) -> &str {
    let (mut depth, mut is_in_text) = (1, false);
    let end = text.char_indices().find(|(_, c)| {
        match c {
            '"' => is_in_text = !is_in_text,
            '(' if !is_in_text => depth += 1,
            ')' if !is_in_text => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    &text[..end.unwrap().0]
}

/// The message of a log call: its last text.
fn message(call: &str) -> Option<&str> {
    call.split('"').nth_back(1).filter(|_| call.contains('"') && !call.contains("target: \"audit\""))
}

#[test]
fn the_log_lines_of_the_page_are_those_of_the_source() {
    let mut written = BTreeSet::new();
    for text in all_sources() {
        for level in ["error", "warn", "info"] {
            let opening = format!("tracing::{level}!(");
            let calls = text.split(&opening).skip(1).map(call);
            let messages: Vec<_> = calls.filter_map(message).map(str::to_owned).collect();
            written.extend(messages.into_iter().map(|message| (level.to_owned(), message)));
        }
    }
    let page = page();
    let told: BTreeSet<(String, String)> =
        table(&page, "Log lines").iter().map(|row| (row[0].to_owned(), row[1].to_owned())).collect();
    assert!(written.len() > 30, "{written:#?}");
    let missing: Vec<_> = written.difference(&told).collect();
    let stale: Vec<_> = told.difference(&written).collect();
    assert!(
        missing.is_empty() && stale.is_empty(),
        "docs/operations.md lacks {missing:#?} and has {stale:#?} too much"
    );
}

fn metrics_of_the_page(page: &str) -> BTreeSet<String> {
    table(page, "Metrics").iter().map(|row| row[0].to_owned()).collect()
}

#[test]
fn the_metrics_of_the_page_are_those_of_the_source() {
    let source = fs::read_to_string(workspace().join("server/src/metrics.rs")).unwrap();
    let names = source.split("&str = \"").skip(1).filter_map(|rest| rest.split('"').next());
    let written: BTreeSet<String> = names.filter(|name| name.starts_with("brigade_")).map(str::to_owned).collect();
    assert!(written.len() > 10, "{written:?}");
    assert_eq!(metrics_of_the_page(&page()), written);
}

#[test]
fn every_metric_of_a_running_service_is_on_the_page() {
    let scenario = Scenario::start();
    let served =
        scenario.python("import os, requests; print(requests.get(os.environ['METRICS_URL'] + '/metrics').text)");
    let page = page();
    let told = metrics_of_the_page(&page);
    let types: Vec<_> = served.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    assert!(types.len() > 5, "{served}");
    for line in types {
        let (name, kind) = line.split_once(' ').unwrap();
        assert!(told.contains(name), "{name} is not in docs/operations.md");
        assert!(table(&page, "Metrics").iter().any(|row| row[0] == name && row[1] == kind), "{name} is a {kind}");
    }
}

#[test]
fn every_code_of_a_failed_job_is_on_the_page() {
    let source = fs::read_to_string(workspace().join("model/src/job/failure.rs")).unwrap();
    let codes = source.split("&str = \"").skip(1);
    let written: BTreeSet<&str> = codes.filter_map(|rest| rest.split('"').next()).collect();
    let page = page();
    let told: BTreeSet<&str> = table(&page, "A job is Failed").iter().map(|row| row[0]).collect();
    assert!(written.len() > 5, "{written:?}");
    assert_eq!(told, written);
}
