//! The examples of `docs/cli.md`, as they are pasted into a shell.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use brigade::reference::EXAMPLES;

use crate::kept::{Kept, interrupt, told};

/// A shell that runs the line in the folder of the demo.
fn shell(kept: &Kept, line: &str) -> Command {
    let mut shell = Command::new("bash");
    let programs = Path::new(env!("CARGO_BIN_EXE_brigade")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("BRIGADE_")) {
        shell.env_remove(name);
    }
    let config = std::fs::read_to_string(kept.folder().join("brigade.toml")).unwrap();
    let setting =
        |name: &str| config.split(&format!("{name} = \"")).nth(1).unwrap().split('"').next().unwrap().to_owned();
    let store = setting("url");
    shell.current_dir(kept.folder()).env("PATH", path);
    shell.env("AWS_ACCESS_KEY_ID", setting("access_key")).env("AWS_SECRET_ACCESS_KEY", setting("secret_key"));
    shell.args(["-euc", &line.replace("http://127.0.0.1:9100", &store)]);
    shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    shell
}

/// The id of the demo's own job.
fn own_job(kept: &Kept) -> String {
    kept.run(&["job", "list"]).0.lines().last().unwrap()[..36].to_owned()
}

/// Creates a job that does this to that key and waits for its confirmation, and waits until it does.
fn waiting_job(kept: &Kept, form: &str, key: &str) -> String {
    std::fs::write(kept.folder().join("one.csv"), format!("photos,{key}\n")).unwrap();
    let create = format!("job create {form} --manifest one.csv --manifest-to s3://lists/ --no-report --confirm-first");
    let (out, err, code) = kept.run(&create.split(' ').collect::<Vec<_>>());
    assert_eq!(code, Some(0), "{err}");
    let job = out.lines().last().unwrap().to_owned();
    let mut watching = kept.command(&["job", "watch", &job]).spawn().unwrap();
    let mut lines = BufReader::new(watching.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("brigade job confirm")));
    interrupt(&watching);
    watching.wait().unwrap();
    job
}

/// A job that has ended and left something to do.
fn failed_job(kept: &Kept) -> String {
    let job = waiting_job(kept, "tag --tag a=b", "gone");
    assert_eq!(kept.run(&["job", "confirm", &job]).2, Some(0));
    assert_eq!(kept.run(&["job", "watch", &job]).2, Some(3));
    job
}

/// Waits until a server says that it listens, and ends it.
fn end_when_ready(mut server: Child, ready: &str) {
    let (out, err) = (server.stdout.take().unwrap(), server.stderr.take().unwrap());
    let said: Box<dyn BufRead> =
        if ready == "API listening" { Box::new(BufReader::new(err)) } else { Box::new(BufReader::new(out)) };
    let mut lines = said.lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains(ready)), "it ended before");
    interrupt(&server);
    lines.for_each(drop);
    assert_eq!(server.wait().unwrap().code(), Some(0));
}

#[test]
fn every_example_of_the_reference_works_as_it_is_pasted() {
    let kept = Kept::start();
    for example in EXAMPLES {
        let job = match example.command {
            "job describe" | "job watch" | "job failures" | "job report" => own_job(&kept),
            "job retry-failed" => failed_job(&kept),
            "job wait-for-restore" => waiting_job(&kept, "restore --days 1", "2016/01/img-0000000.jpg"),
            _ if example.line.contains(" JOB") => waiting_job(&kept, "tag --tag a=b", "2016/01/img-0000000.jpg"),
            _ => String::new(),
        };
        let mut command = shell(&kept, &example.line.replace(" JOB", &format!(" {job}")));
        match example.command {
            "serve" => {
                command.envs([("BRIGADE_SERVER_LISTEN", "127.0.0.1:0"), ("BRIGADE_SERVER_DATA_DIR", "served")]);
                end_when_ready(command.spawn().unwrap(), "API listening");
            }
            "sandbox" => end_when_ready(command.spawn().unwrap(), "S3 sandbox at"),
            _ => {
                let (out, err, code) = told(&command.output().unwrap());
                assert_eq!(code, Some(0), "{}\n{out}\n{err}", example.line);
            }
        }
    }
}
