//! The other clients of a comparison, and their command lines.

use std::path::Path;
use std::process::Command;

use brigade_tests::Server;
use brigade_tests::process::{python_program, workspace};

use crate::Objects;

/// A client, and how it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// A job of the service.
    Ours,
    /// `s5cmd run` with a command for each object.
    S5cmdRun,
    /// `s5cmd cp` of all that a pattern matches.
    S5cmdCp,
    /// `rclone copy` from bucket to bucket of one remote.
    Rclone,
    /// A program over boto3 with so many threads.
    Boto3(u32),
}

/// Workers of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workers {
    /// As many as it takes by itself.
    Default,
    /// So many.
    Many(u32),
}

impl Workers {
    fn options(self, names: &[&str]) -> Vec<String> {
        match self {
            Workers::Default => Vec::new(),
            Workers::Many(count) => names.iter().flat_map(|name| [(*name).to_owned(), count.to_string()]).collect(),
        }
    }
}

impl Peer {
    /// Those who copy.
    pub const COPIES: [Self; 5] = [Self::Ours, Self::S5cmdRun, Self::S5cmdCp, Self::Rclone, Self::Boto3(64)];
    /// Those who tag.
    pub const TAGS: [Self; 2] = [Self::Ours, Self::Boto3(64)];
    /// Those who delete.
    pub const DELETES: [Self; 4] = [Self::Ours, Self::Boto3(1), Self::Boto3(4), Self::Boto3(16)];

    /// Its name in a table.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Ours => "brigade".to_owned(),
            Self::S5cmdRun => "s5cmd run".to_owned(),
            Self::S5cmdCp => "s5cmd cp".to_owned(),
            Self::Rclone => "rclone copy".to_owned(),
            Self::Boto3(1) => "boto3, 1 thread".to_owned(),
            Self::Boto3(threads) => format!("boto3, {threads} threads"),
        }
    }

    /// The command that copies the objects into another bucket. What it needs of files is in the
    /// folder: `manifest.csv`, and for s5cmd a file of commands that this writes.
    ///
    /// # Panics
    /// When the peer is ourselves, or a file cannot be written.
    #[must_use]
    pub fn copy(self, server: &Server, folder: &Path, objects: &Objects, to: &str, workers: Workers) -> Command {
        let from = &objects.bucket;
        match self {
            Self::Ours => panic!("we are no peer of ours"),
            Self::S5cmdRun => {
                write_s5cmd_commands(&folder.join("commands"), objects, to);
                s5cmd(server, workers, &["run", &folder.join("commands").to_string_lossy()])
            }
            Self::S5cmdCp => s5cmd(server, workers, &["cp", &format!("s3://{from}/*"), &format!("s3://{to}/")]),
            Self::Rclone => rclone(server, workers, &["copy", &format!("peer:{from}"), &format!("peer:{to}")]),
            Self::Boto3(threads) => boto3(server, folder, threads, &["copy"], &[to]),
        }
    }

    /// The command that tags the objects.
    ///
    /// # Panics
    /// When it cannot tag.
    #[must_use]
    pub fn tag(self, server: &Server, folder: &Path) -> Command {
        let Self::Boto3(threads) = self else { panic!("{self:?} cannot tag") };
        boto3(server, folder, threads, &["tag"], &[])
    }

    /// The command that deletes the objects.
    ///
    /// # Panics
    /// When it is not asked to delete.
    #[must_use]
    pub fn delete(self, server: &Server, folder: &Path) -> Command {
        let Self::Boto3(threads) = self else { panic!("{self:?} is not asked to delete") };
        boto3(server, folder, threads, &["delete"], &[])
    }
}

fn write_s5cmd_commands(file: &Path, objects: &Objects, to: &str) {
    let (from, keys) = (&objects.bucket, (0..objects.count).map(Objects::key));
    let commands: String = keys.map(|key| format!("cp s3://{from}/{key} s3://{to}/{key}\n")).collect();
    std::fs::write(file, commands).expect("the commands can be written");
}

fn s5cmd(server: &Server, workers: Workers, arguments: &[&str]) -> Command {
    let mut command = python_program("s5cmd");
    command.args(["--endpoint-url", &server.url, "--log", "error"]).args(workers.options(&["--numworkers"]));
    command.args(arguments);
    command.env("AWS_ACCESS_KEY_ID", server.access_key).env("AWS_SECRET_ACCESS_KEY", server.secret_key);
    command.env("AWS_REGION", "us-east-1");
    command
}

fn rclone(server: &Server, workers: Workers, arguments: &[&str]) -> Command {
    let mut command = python_program("rclone");
    // Nothing is in the other bucket yet, and no modification time is asked for by a HEAD each.
    command.args(arguments).args(workers.options(&["--transfers", "--checkers"])).arg("--no-check-dest");
    command.args(["--size-only", "--use-server-modtime", "--s3-no-check-bucket", "--s3-no-head"]);
    let remote = [
        ("CONFIG", "/dev/null"),
        ("CONFIG_PEER_TYPE", "s3"),
        ("CONFIG_PEER_PROVIDER", "Other"),
        ("CONFIG_PEER_ENDPOINT", &server.url),
        ("CONFIG_PEER_ACCESS_KEY_ID", server.access_key),
        ("CONFIG_PEER_SECRET_ACCESS_KEY", server.secret_key),
        ("CONFIG_PEER_REGION", "us-east-1"),
    ];
    command.envs(remote.map(|(name, value)| (format!("RCLONE_{name}"), value.to_owned())));
    command
}

fn boto3(server: &Server, folder: &Path, threads: u32, action: &[&str], rest: &[&str]) -> Command {
    let mut command = python_program("python");
    command.arg(workspace().join("bench/peers/with_boto3.py")).args(action).arg(folder.join("manifest.csv"));
    command.arg(threads.to_string()).args(rest).envs(server.environment());
    command
}
