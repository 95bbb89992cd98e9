//! The demo as a newcomer runs it, and the examples that it prints, pasted into a shell.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

const BRIGADE: &str = env!("CARGO_BIN_EXE_brigade");

/// `brigade demo` without anything set around it.
fn demo(arguments: &[&str]) -> Command {
    let mut command = Command::new(BRIGADE);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("BRIGADE_")) {
        command.env_remove(name);
    }
    command.arg("demo").args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A process that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `brigade demo --objects 300`
#[test]
fn the_demo_accounts_for_each_object_and_ends_with_code_zero() {
    let output = demo(&["--objects", "300"]).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    assert!(out.contains("The report names each object exactly once: 300 succeeded, 0 failed."), "{out}");
    assert!(out.contains("<TotalNumberOfTasks>300</TotalNumberOfTasks>"), "{out}");
    assert!(err.contains("Complete: 300 of 300, 0 failed"), "{err}");
}

/// `brigade demo --objects 300 --keep`, its examples in another shell, ctrl-c
#[test]
fn each_example_of_the_demo_works_as_it_is_pasted() {
    let mut running = Running(demo(&["--objects", "300", "--keep"]).spawn().unwrap());
    let mut out = BufReader::new(running.0.stdout.take().unwrap());
    let mut said = String::new();
    while !said.contains("secret key") {
        assert_ne!(out.read_line(&mut said).unwrap(), 0, "the demo ended early: {said}");
    }
    let begin = said.find("\ncd ").expect("the examples begin with a folder");
    let end = said.find("\nRequests are signed").expect("the examples end before Python's");
    let examples = &said[begin..end];
    assert!(examples.matches("brigade ").count() >= 7, "{examples}");

    let shell = Command::new("bash").args(["-euc", examples]).output().unwrap();
    let (out_text, err) = (String::from_utf8_lossy(&shell.stdout), String::from_utf8_lossy(&shell.stderr));
    assert!(shell.status.success(), "{examples}\n{out_text}\n{err}");
    for told in ["copy photos to backup", "300 tasks: 300 succeeded", "Operation  delete", "Status     Complete"] {
        assert!(out_text.contains(told), "{told:?} is missing: {out_text}\n{err}");
    }

    let interrupt = Command::new("kill").args(["-INT", &running.0.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    out.read_to_string(&mut said).unwrap();
    assert_eq!(running.0.wait().unwrap().code(), Some(0), "{said}");
}

/// `brigade demo --objects 0` and others
#[test]
fn a_mistake_is_one_line_and_code_two() {
    let cases: [&[&str]; 3] = [&["--objects", "0"], &["--listen", "here"], &["--nonsense"]];
    for arguments in cases {
        let output = demo(arguments).output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), err.lines().count()), (Some(2), 1), "{err}");
    }
}
