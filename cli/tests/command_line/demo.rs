//! The demo as a new user runs it, and the examples that it prints, pasted into a shell.

use std::io::{BufRead, BufReader, Read};
use std::process::Command;

use crate::kept::{Kept, brigade, told};

/// `brigade demo --objects 300`
#[test]
fn the_demo_accounts_for_each_object_and_ends_with_code_zero() {
    let (out, err, code) = told(&brigade(&["demo", "--objects", "300"]).output().unwrap());
    assert_eq!(code, Some(0), "{out}\n{err}");
    assert!(out.contains("The report names each object exactly once: 300 succeeded, 0 failed."), "{out}");
    assert!(out.contains("300 of 300, 0 failed") && !out.contains("<DescribeJobResult>"), "{out}");
    assert!(err.contains("Complete: 300 of 300, 0 failed"), "{err}");
}

/// `brigade demo --objects 300 --xml`
#[test]
fn the_demo_ends_with_xml_where_that_is_asked_for() {
    let (out, err, code) = told(&brigade(&["demo", "--objects", "300", "--xml"]).output().unwrap());
    assert_eq!(code, Some(0), "{out}\n{err}");
    assert!(out.contains("<TotalNumberOfTasks>300</TotalNumberOfTasks>"), "{out}");
}

/// `brigade demo --objects 300 --keep`, then `kill` and `kill -HUP`
#[test]
fn a_demo_that_is_told_to_stop_leaves_no_secret_behind() {
    for signal in ["-TERM", "-HUP"] {
        let kept = Kept::start();
        let folder = kept.folder();
        assert!(folder.join("brigade.toml").exists());
        assert_eq!(kept.end_by(signal), Some(0));
        assert!(!folder.exists(), "{signal}");
    }
}

/// `brigade demo --objects 300 --keep`, its examples in another shell, ctrl-c
#[test]
fn each_example_of_the_demo_works_as_it_is_pasted() {
    let kept = Kept::start();
    let examples = kept.examples();
    assert!(examples.matches("brigade ").count() >= 7, "{examples}");
    let (out, err, code) = told(&Command::new("bash").args(["-euc", examples]).output().unwrap());
    assert_eq!(code, Some(0), "{examples}\n{out}\n{err}");
    for wanted in ["copy photos to backup", "300 tasks: 300 succeeded", "Operation  delete", "Status     Complete"] {
        assert!(out.contains(wanted), "{wanted:?} is missing: {out}\n{err}");
    }
    let folder = kept.folder();
    assert_eq!(kept.end(), Some(0));
    assert!(!folder.exists(), "nothing stays behind");
}

/// `brigade demo --objects 300 | head -1`
#[test]
fn a_reader_that_stops_ends_the_command_quietly() {
    let mut process = brigade(&["demo", "--objects", "300"]).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let mut err = String::new();
    process.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(0), "{err}");
    assert!(line.starts_with("Filling a bucket with 300 objects") && !err.contains("panicked"), "{err}");
}

/// `brigade demo --objects 0` and others
#[test]
fn a_mistake_is_a_line_or_two_and_code_two() {
    let cases: [&[&str]; 4] = [
        &["demo", "--objects", "0"],
        &["demo", "--listen", "here"],
        &["demo", "--listen", "192.0.2.1:1"],
        &["demo", "--nonsense"],
    ];
    for arguments in cases {
        let (_, err, code) = told(&brigade(arguments).output().unwrap());
        assert!(code == Some(2) && (1..=2).contains(&err.lines().count()), "{err}");
    }
}
