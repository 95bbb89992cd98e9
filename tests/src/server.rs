//! Object stores as processes on loopback, each on a port that the system chooses: other projects'
//! servers, and our sandbox. Dropping the value ends the process.

use std::net::TcpListener;
use std::process::Command;

use tempfile::TempDir;

use crate::process::{Process, brigade, python_program};
use crate::scenario::text_of;

mod ceph;
mod rustack;

/// A running object store.
pub struct Server {
    /// Its name in file names.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// Which version of it runs.
    pub version: String,
    /// Where it listens.
    pub url: String,
    /// The access key that it takes.
    pub access_key: &'static str,
    /// The access key's secret.
    pub secret_key: &'static str,
    // Before the directory, which they write to.
    _processes: Vec<Process>,
    _directory: TempDir,
}

impl Server {
    /// Ceph RGW with one of each daemon, objects in memory. Takes some 15 s and 0.5 GB.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn ceph() -> Self {
        ceph::start()
    }

    /// One that runs already, and goes on when this value goes.
    #[must_use]
    pub fn running(name: &'static str, url: &str, access_key: &'static str, secret_key: &'static str) -> Self {
        Self {
            name,
            title: name,
            version: String::new(),
            url: url.to_owned(),
            access_key,
            secret_key,
            _processes: Vec::new(),
            _directory: directory(),
        }
    }

    /// moto: complete, and restores at once; checks no signatures.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn moto() -> Self {
        let mut process = Process::start(python_program("moto_server").args(["-H", "127.0.0.1", "-p", "0"]));
        let url = process.wait_for(|line| line.split("Running on ").nth(1).map(|url| url.trim().to_owned()));
        let version = said(python_program("python").args(["-c", "import moto; print(moto.__version__)"]));
        Self {
            name: "moto",
            title: "moto",
            version: version.trim().to_owned(),
            url,
            access_key: "moto",
            secret_key: "motosecret",
            _processes: vec![process],
            _directory: directory(),
        }
    }

    /// rustack: in memory and the fastest there is, a ceiling for figures and no judge of what is
    /// right. Not among what `./check` installs.
    ///
    /// # Panics
    /// When it is not there, or does not start.
    #[must_use]
    pub fn rustack() -> Self {
        rustack::start()
    }

    /// `rclone serve s3` on a folder: it takes calls that it does not know for others.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn rclone() -> Self {
        let (access_key, secret_key) = ("rcloneaccesskey", "rclonesecretkey");
        let directory = directory();
        let folder = directory.path().join("buckets");
        std::fs::create_dir(&folder).expect("a folder can be made");
        let mut command = python_program("rclone");
        command.env("RCLONE_CONFIG", directory.path().join("rclone.conf"));
        command.args(["serve", "s3", "--addr", "127.0.0.1:0", "--auth-key"]);
        let mut process = Process::start(command.arg(format!("{access_key},{secret_key}")).arg(&folder));
        let url = process.wait_for(|line| Some(line.split("[http://").nth(1)?.split('/').next()?.to_owned()));
        let version = said(python_program("rclone").arg("version"));
        let version = version.lines().next().and_then(|line| line.strip_prefix("rclone v")).unwrap_or_default();
        Self {
            name: "rclone",
            title: "rclone serve s3",
            version: version.to_owned(),
            url: format!("http://{url}"),
            access_key,
            secret_key,
            _processes: vec![process],
            _directory: directory,
        }
    }

    /// Our own sandbox.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn sandbox() -> Self {
        let (access_key, secret_key) = ("sandboxaccesskey", "sandboxsecretkey");
        let mut command = brigade();
        command.args(["sandbox", "--listen", "127.0.0.1:0", "--restore-seconds", "1"]);
        let mut process = Process::start(command.args(["--access-key", access_key, "--secret-key", secret_key]));
        let url = process.wait_for(|line| {
            let port = line.split("http://127.0.0.1:").nth(1)?;
            Some(port.chars().take_while(char::is_ascii_digit).collect::<String>())
        });
        Self {
            name: "sandbox",
            title: "brigade sandbox",
            version: said(brigade().arg("--version")).trim().replace("brigade ", ""),
            url: format!("http://127.0.0.1:{url}"),
            access_key,
            secret_key,
            _processes: vec![process],
            _directory: directory(),
        }
    }

    /// A Python program that begins with `s3`, boto3's client of this server; it must succeed.
    /// Gives what it prints.
    ///
    /// # Panics
    /// When it fails.
    pub fn boto3(&self, program: &str) -> String {
        let program = format!("{BOTO3}{program}");
        said(python_program("python").arg("-c").arg(program).envs(self.environment()))
    }

    /// What a client's program needs to know of it.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, String); 5] {
        [
            ("S3_URL", self.url.clone()),
            ("S3_ACCESS_KEY", self.access_key.to_owned()),
            ("S3_SECRET_KEY", self.secret_key.to_owned()),
            // Some servers do not know the checksums that the SDK adds by default.
            ("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required".to_owned()),
            ("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required".to_owned()),
        ]
    }
}

const BOTO3: &str = "import boto3, json, os
from botocore.config import Config
from botocore.exceptions import ClientError
s3 = boto3.client('s3', endpoint_url=os.environ['S3_URL'], region_name='us-east-1',
    aws_access_key_id=os.environ['S3_ACCESS_KEY'], aws_secret_access_key=os.environ['S3_SECRET_KEY'],
    config=Config(s3={'addressing_style': 'path'}, retries={'max_attempts': 0}))
";

fn directory() -> TempDir {
    tempfile::tempdir().expect("a directory can be made")
}

/// What a command printed, which must succeed.
fn said(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    assert!(output.status.success(), "{command:?}: {}", text_of(&output));
    String::from_utf8(output.stdout).expect("it prints text")
}

/// A port that was free a moment ago, for servers that cannot choose one themselves.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("a listener has an address").port()
}
