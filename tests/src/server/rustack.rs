//! rustack, from crates.io: keeps objects in the memory of one process.

use std::io::ErrorKind;
use std::process::Command;

use super::{Server, directory, free_port, text_of};
use crate::process::Process;

const INSTALL: &str = "cargo install rustack-cli --no-default-features --features s3";
const ACCESS_KEY: &str = "rustackaccesskey";
const SECRET_KEY: &str = "rustacksecretkey";

pub(super) fn start() -> Server {
    let version = match Command::new("rustack").arg("--version").output() {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => panic!("rustack is not on the PATH: {INSTALL}"),
        Ok(output) => panic!("rustack --version: {}", text_of(&output)),
        Err(error) => panic!("rustack --version: {error}"),
    };
    let (directory, address) = (directory(), format!("127.0.0.1:{}", free_port()));
    let mut command = Command::new("rustack");
    command.current_dir(directory.path()).env("GATEWAY_LISTEN", &address);
    command.env("ACCESS_KEY", ACCESS_KEY).env("SECRET_KEY", SECRET_KEY).env("S3_SKIP_SIGNATURE_VALIDATION", "0");
    // It would log each request; this leaves the line that says that it has started.
    command.env("RUST_LOG", "rustack=info,rustack_s3_http=warn,rustack_s3_core=warn");
    let mut process = Process::start(&mut command);
    process.wait_for(|line| line.contains("starting Rustack Server").then_some(()));
    Server {
        name: "rustack",
        title: "rustack",
        version: version.rsplit(' ').next().unwrap_or_default().to_owned(),
        url: format!("http://{address}"),
        access_key: ACCESS_KEY,
        secret_key: SECRET_KEY,
        _processes: vec![process],
        _directory: directory,
    }
}
