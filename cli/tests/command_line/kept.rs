//! A demo that keeps running, for commands to work on.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

/// The program, without anything set around it.
pub(crate) fn brigade(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_brigade"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("BRIGADE_")) {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Interrupts a process, as ctrl-c does.
pub(crate) fn interrupt(process: &Child) {
    assert!(Command::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap().success());
}

/// Standard output and standard error, with the exit code.
pub(crate) fn told(output: &Output) -> (String, String, Option<i32>) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

/// `brigade demo --objects 300 --keep`; ends with its test.
pub(crate) struct Kept {
    process: Child,
    out: BufReader<ChildStdout>,
    /// What it said.
    pub(crate) said: String,
}

impl Kept {
    pub(crate) fn start() -> Self {
        let mut process = brigade(&["demo", "--objects", "300", "--keep"]).spawn().unwrap();
        let mut out = BufReader::new(process.stdout.take().unwrap());
        let mut said = String::new();
        while !said.contains("secret key") {
            assert_ne!(out.read_line(&mut said).unwrap(), 0, "the demo ended early: {said}");
        }
        Self { process, out, said }
    }

    /// The examples, as they are copied from a terminal.
    pub(crate) fn examples(&self) -> &str {
        let begin = self.said.find("\ncd ").expect("the examples begin with a folder");
        let end = self.said.find("\nRequests are signed").expect("the examples end before Python's");
        &self.said[begin..end]
    }

    /// The folder with its configuration.
    pub(crate) fn folder(&self) -> PathBuf {
        let line = self.examples().lines().find_map(|line| line.strip_prefix("cd "));
        PathBuf::from(line.expect("the examples begin with a folder"))
    }

    /// Runs a command in its folder.
    pub(crate) fn run(&self, arguments: &[&str]) -> (String, String, Option<i32>) {
        told(&self.command(arguments).output().unwrap())
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = brigade(arguments);
        command.current_dir(self.folder());
        command
    }

    /// Presses ctrl-c and gives the exit code.
    pub(crate) fn end(self) -> Option<i32> {
        self.end_by("-INT")
    }

    /// Sends it that signal and gives the exit code.
    pub(crate) fn end_by(mut self, signal: &str) -> Option<i32> {
        assert!(Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap().success());
        self.out.read_to_string(&mut self.said).unwrap();
        self.process.wait().unwrap().code()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // As ctrl-c, so that its folder goes too; a process that ended already is not there.
        let _ = Command::new("kill").args(["-INT", &self.process.id().to_string()]).stderr(Stdio::null()).status();
        let _ = self.process.wait();
    }
}
