//! Who takes part, and the command lines of the other clients.

use std::path::Path;
use std::process::Command;

use brigade_bench::Objects;
use brigade_tests::Server;
use brigade_tests::process::{python_program, workspace};

/// A client, and how it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
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

/// Workers of each client.
const WORKERS: &str = "64";

impl Peer {
    pub(crate) const COPIES: [Self; 5] = [Self::Ours, Self::S5cmdRun, Self::S5cmdCp, Self::Rclone, Self::Boto3(64)];
    pub(crate) const TAGS: [Self; 2] = [Self::Ours, Self::Boto3(64)];
    pub(crate) const DELETES: [Self; 4] = [Self::Ours, Self::Boto3(1), Self::Boto3(4), Self::Boto3(16)];

    pub(crate) fn name(self) -> String {
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
    /// folder: `manifest.csv`, and for s5cmd what [`write_s5cmd_commands`] writes.
    pub(crate) fn copy(self, server: &Server, folder: &Path, objects: &Objects, to: &str) -> Command {
        let from = &objects.bucket;
        match self {
            Self::Ours => panic!("we are no peer of ours"),
            Self::S5cmdRun => {
                write_s5cmd_commands(&folder.join("commands"), objects, to);
                s5cmd(server, &["run", &folder.join("commands").to_string_lossy()])
            }
            Self::S5cmdCp => s5cmd(server, &["cp", &format!("s3://{from}/*"), &format!("s3://{to}/")]),
            Self::Rclone => rclone(server, &["copy", &format!("peer:{from}"), &format!("peer:{to}")]),
            Self::Boto3(threads) => boto3(server, folder, threads, &["copy"], &[to]),
        }
    }

    pub(crate) fn tag(self, server: &Server, folder: &Path) -> Command {
        let Self::Boto3(threads) = self else { panic!("{self:?} cannot tag") };
        boto3(server, folder, threads, &["tag"], &[])
    }

    pub(crate) fn delete(self, server: &Server, folder: &Path) -> Command {
        let Self::Boto3(threads) = self else { panic!("{self:?} is not asked to delete") };
        boto3(server, folder, threads, &["delete"], &[])
    }
}

fn write_s5cmd_commands(file: &Path, objects: &Objects, to: &str) {
    let (from, keys) = (&objects.bucket, (0..objects.count).map(Objects::key));
    let commands: String = keys.map(|key| format!("cp s3://{from}/{key} s3://{to}/{key}\n")).collect();
    std::fs::write(file, commands).expect("the commands can be written");
}

fn s5cmd(server: &Server, arguments: &[&str]) -> Command {
    let mut command = python_program("s5cmd");
    command.args(["--endpoint-url", &server.url, "--numworkers", WORKERS, "--log", "error"]).args(arguments);
    command.env("AWS_ACCESS_KEY_ID", server.access_key).env("AWS_SECRET_ACCESS_KEY", server.secret_key);
    command.env("AWS_REGION", "us-east-1");
    command
}

fn rclone(server: &Server, arguments: &[&str]) -> Command {
    let mut command = python_program("rclone");
    // Nothing is in the other bucket yet, and no modification time is asked for by a HEAD each.
    command.args(arguments).args(["--transfers", WORKERS, "--checkers", WORKERS, "--no-check-dest"]);
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
