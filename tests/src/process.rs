//! A child process whose output is read line by line, so that a test waits for what it says.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// Longer than anything takes on a slow machine; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running process. Dropping it kills it.
pub struct Process {
    name: String,
    child: Child,
    lines: Receiver<String>,
    heard: Vec<String>,
}

impl Process {
    /// Starts it, with its output captured.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        let name = format!("{command:?}");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        let (to, lines) = channel();
        let outputs: [Box<dyn std::io::Read + Send>; 2] = [
            Box::new(child.stdout.take().expect("stdout is piped")),
            Box::new(child.stderr.take().expect("stderr is piped")),
        ];
        for output in outputs {
            let to = to.clone();
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    // The receiver is gone when the test has ended.
                    let _ = to.send(line);
                }
            });
        }
        Self { name, child, lines, heard: Vec::new() }
    }

    /// Waits for a line that says what the test waits for, and gives what `find` made of it.
    ///
    /// # Panics
    /// When the process ends or says nothing of the kind.
    pub fn wait_for<T>(&mut self, find: impl FnMut(&str) -> Option<T>) -> T {
        self.wait_for_within(PATIENCE, find)
    }

    /// As [`Process::wait_for`], of a process that may say nothing at all for so long.
    ///
    /// # Panics
    /// When the process ends or says nothing of the kind.
    pub fn wait_for_within<T>(&mut self, patience: Duration, mut find: impl FnMut(&str) -> Option<T>) -> T {
        loop {
            match self.lines.recv_timeout(patience) {
                Ok(line) => {
                    let found = find(&line);
                    self.heard.push(line);
                    if let Some(found) = found {
                        return found;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("{} did not say it; it said:\n{}", self.name, self.heard.join("\n"))
                }
            }
        }
    }

    /// Asks it to end, as an operator does, and waits until it has.
    ///
    /// # Panics
    /// When it cannot be asked.
    pub fn terminate(&mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        let asked = Command::new("kill").arg(&id).status().expect("kill can be started");
        assert!(asked.success(), "{} cannot be asked to end", self.name);
        self.child.wait().expect("a child can be waited for")
    }

    /// Ends it where it stands, as a crash does.
    ///
    /// # Panics
    /// When it has ended already.
    pub fn kill(&mut self) {
        self.child.kill().expect("the process still runs");
        self.child.wait().expect("a child can be waited for");
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything that it has said so far and still says before it ends.
    pub fn said(&mut self) -> String {
        self.heard.extend(self.lines.try_iter());
        self.heard.join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The folder of the workspace.
#[must_use]
pub fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A program of the Python environment that `./check` makes.
///
/// # Panics
/// When the environment is not there.
#[must_use]
pub fn python_program(name: &str) -> Command {
    let path = workspace().join("target/venv/bin").join(name);
    assert!(path.exists(), "{} is missing: run ./check once, it installs the clients", path.display());
    Command::new(path)
}

/// A program of `tests/clients` for Node.js, with the packages that `./check` installs.
///
/// # Panics
/// When the packages are not there.
#[must_use]
pub fn node_program(name: &str) -> Command {
    let packages = workspace().join("target/node/node_modules");
    assert!(packages.exists(), "{} is missing: run ./check once, it installs the clients", packages.display());
    let mut command = Command::new("node");
    command.arg(workspace().join("tests/clients").join(name)).env("NODE_PATH", packages);
    command
}

/// Our own binary, built beside the test.
///
/// # Panics
/// When it was not built.
#[must_use]
pub fn brigade() -> Command {
    let test = std::env::current_exe().expect("a test knows its own path");
    let folder = test.parent().and_then(|deps| deps.parent()).expect("a test lies in target/PROFILE/deps");
    let path = folder.join("brigade");
    assert!(path.exists(), "{} is missing: build the whole workspace", path.display());
    Command::new(path)
}
